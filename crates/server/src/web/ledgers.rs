//! 台账: three ledgers, filters in the address, search.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::ledger::LedgerKind;
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{LedgerQuery, Order};
use serde::Deserialize;

use super::App;
use super::error::PageError;
use super::rosters::{XLSX, file};
use super::shell::{Shell, html, shell};
use super::view::{ChildView, Pager, number, of_list, url_part, verdict_class};
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;

/// Rows of a page.
const PAGE: i64 = 50;

/// What stands in the address of a ledger.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LedgerAddress {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    born: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    on: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    gone: String,
    #[serde(default)]
    page: Option<i64>,
}

impl LedgerAddress {
    fn parts(&self) -> [(&'static str, &str); 7] {
        [
            ("verdict", &self.verdict),
            ("place", &self.place),
            ("born", &self.born),
            ("q", &self.q),
            ("on", &self.on),
            ("sort", &self.sort),
            ("gone", &self.gone),
        ]
    }

    /// The address with one part other than it is.
    fn with(&self, path: &str, name: &str, value: &str) -> String {
        let mut out = String::new();
        for (n, v) in self.parts() {
            let v = if n == name { value } else { v };
            if !v.is_empty() {
                out.push_str(&format!("{}{n}={}", if out.is_empty() { "?" } else { "&" }, url_part(v)));
            }
        }
        format!("{path}{out}")
    }

    fn order(&self) -> Order {
        match self.sort.as_str() {
            "birth" => Order::BirthDate,
            "school" => Order::School,
            "place" => Order::Residence,
            "since" => Order::Since,
            _ => Order::Verdict,
        }
    }
}

struct Chip {
    label: String,
    count: String,
    href: String,
    active: bool,
    class: &'static str,
}

struct PlaceOption {
    path: String,
    name: String,
    selected: bool,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    shell: Shell,
    code: &'static str,
    about: &'static str,
    tabs: Vec<Chip>,
    chips: Vec<Chip>,
    places: Vec<PlaceOption>,
    sorts: Vec<(&'static str, &'static str, bool)>,
    address: LedgerAddress,
    removable: Vec<(String, String)>,
    as_of: String,
    rows: Vec<ChildView>,
    pager: Pager,
    may_export: bool,
    export: String,
    today: String,
    bureau: String,
    never_run: bool,
}

fn ledger(code: &str) -> Result<(LedgerKind, &'static str), OfficeError> {
    match code {
        "school-age" => Ok((LedgerKind::SchoolAge, "本辖区全部适龄儿童,每人一条判定。")),
        "suspected" => Ok((LedgerKind::Suspected, "需要核实去向的儿童:名册里未见就读记录,或在籍不在校。")),
        "dropout" => Ok((LedgerKind::Dropout, "已登记为失学辍学、需要劝返复学的儿童。")),
        _ => Err(OfficeError::NotFound),
    }
}

fn code_of(kind: LedgerKind) -> &'static str {
    match kind {
        LedgerKind::SchoolAge => "school-age",
        LedgerKind::Suspected => "suspected",
        LedgerKind::Dropout => "dropout",
    }
}

/// The question behind an address; `None` for a search that finds nobody.
async fn query_of(app: &App, signed: &SignedIn, kind: LedgerKind, a: &LedgerAddress) -> Result<LedgerQuery, PageError> {
    let held = VerdictKind::ALL.iter().filter(|v| kind.holds(**v)).map(|v| v.code().to_owned());
    let verdicts: Vec<String> = if a.verdict.is_empty() {
        if kind == LedgerKind::SchoolAge { Vec::new() } else { held.collect() }
    } else {
        held.filter(|v| *v == a.verdict).collect()
    };
    let j = signed.actor.jurisdiction(Action::ViewLedger)?;
    let ids = if a.q.trim().is_empty() { None } else { Some(app.office.store.search(&a.q, &j).await?) };
    let day: Option<jiff::civil::Date> = match a.on.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| OfficeError::Input("日期写成 2026-11-21".into()))?),
    };
    Ok(LedgerQuery {
        verdicts,
        below: PlacePath::parse(&a.place).map(|p| p.as_str().to_owned()),
        birth_year: a.born.parse().ok(),
        ids,
        as_of: day.filter(|d| *d < app.office.clock.today()).map(|d| d.to_string()),
        gone: !a.gone.is_empty(),
    })
}

impl From<baoxue_domain::access::Refusal> for PageError {
    fn from(r: baoxue_domain::access::Refusal) -> Self {
        OfficeError::from(r).into()
    }
}

/// Schools that a filter offers.
const MOST_SCHOOLS: usize = 300;

/// Counties, towns, or schools, inside what one may see.
async fn places(app: &App, signed: &SignedIn, selected: &str) -> Result<Vec<PlaceOption>, PageError> {
    let mut out = Vec::new();
    let today = app.office.clock.today();
    for path in signed.actor.places(Action::ViewLedger)? {
        let kinds: &[&str] = if path.is_government() { &["town", "village"] } else { &["school"] };
        if path.depth() > 4 || (!path.is_government() && path.depth() > 1) {
            continue;
        }
        let kinds = match path.depth() {
            ..=2 if path.is_government() => &["county"],
            ..=3 => &kinds[..1],
            _ => kinds,
        };
        for p in app.office.store.places_below(path.as_str(), today, kinds).await? {
            out.push((p.path.as_str().to_owned(), p.name));
        }
        if let Some(prefix) = path.education_prefix() {
            let schools = app.office.store.places_below(&prefix, today, &["school"]).await?;
            // a list that nobody reads through: one switches to the town instead
            if schools.len() <= MOST_SCHOOLS {
                out.extend(schools.into_iter().map(|p| (p.path.as_str().to_owned(), p.name)));
            }
        }
    }
    out.dedup();
    Ok(out.into_iter().map(|(path, name)| PlaceOption { selected: path == selected, path, name }).collect())
}

pub async fn page(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
) -> Result<Response, PageError> {
    let (kind, about) = ledger(&code)?;
    let here = format!("/ledgers/{code}");
    let q = query_of(&app, &signed, kind, &a).await?;
    let j = signed.actor.jurisdiction(Action::ViewLedger)?;
    let store = &app.office.store;
    let counts_query = LedgerQuery { verdicts: Vec::new(), ..q.clone() };
    let counts = store.verdict_counts(&counts_query, &j).await?;
    let count = |k: VerdictKind| counts.iter().find(|c| c.0 == k.code()).map_or(0, |c| c.1);
    let sum = |l: LedgerKind| -> i64 { VerdictKind::ALL.iter().filter(|k| l.holds(**k)).map(|k| count(*k)).sum() };
    let wanted = a.page.unwrap_or(1).max(1);
    let mut page = store.children(&q, &j, a.order(), PAGE, (wanted - 1) * PAGE).await?;
    let pager = Pager::new(wanted, PAGE, page.total, &here, &a.parts());
    if pager.page != wanted {
        page = store.children(&q, &j, a.order(), PAGE, (pager.page - 1) * PAGE).await?;
    }
    let tabs = LedgerKind::ALL.map(|l| Chip {
        label: l.title().to_owned(),
        count: number(sum(l)),
        href: LedgerAddress { verdict: String::new(), ..a.clone() }.with(&format!("/ledgers/{}", code_of(l)), "", ""),
        active: l == kind,
        class: "",
    });
    let mut chips: Vec<Chip> = VerdictKind::ALL
        .iter()
        .filter(|k| kind.holds(**k) && (count(**k) > 0 || a.verdict == k.code()))
        .map(|k| {
            let active = a.verdict == k.code();
            Chip {
                label: k.label().to_owned(),
                count: number(count(*k)),
                href: a.with(&here, "verdict", if active { "" } else { k.code() }),
                active,
                class: verdict_class(Some(*k)),
            }
        })
        .collect();
    if chips.len() == 1 && a.verdict.is_empty() {
        chips.clear();
    }
    let places = places(&app, &signed, &a.place).await?;
    let mut removable = Vec::new();
    let mut remove = |name: &str, label: String| removable.push((label, a.with(&here, name, "")));
    if !a.q.is_empty() {
        remove("q", format!("查找“{}”", a.q));
    }
    if let Some(p) = places.iter().find(|p| p.selected) {
        remove("place", p.name.clone());
    }
    if !a.born.is_empty() {
        remove("born", format!("{} 年生", a.born));
    }
    if q.as_of.is_some() {
        remove("on", format!("截至 {}", a.on));
    }
    if q.gone {
        remove("gone", "来源中消失".into());
    }
    let bureau = app.office.setting("bureau", signed.actor.home()).await?;
    let today = app.office.clock.today().to_string();
    let sorts = [("", "按判定"), ("birth", "按出生日期"), ("school", "按学校"), ("place", "按居住地"), ("since", "按变动时间")];
    let page = LedgerPage {
        shell: shell(&app, &signed, &headers, kind.title(), "/ledgers").await?,
        code: code_of(kind),
        about,
        tabs: tabs.into_iter().collect(),
        chips,
        places,
        sorts: sorts.iter().map(|(v, l)| (*v, *l, a.sort == *v)).collect(),
        removable,
        as_of: q.as_of.clone().unwrap_or_else(|| today.clone()),
        never_run: counts.is_empty() && page.total == 0,
        rows: of_list(&app, &signed.actor, page.rows).await?,
        pager,
        may_export: signed.actor.may(Action::Export),
        export: a.with(&format!("{here}/export.xlsx"), "", ""),
        address: a,
        today,
        bureau,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn export(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
) -> Result<Response, PageError> {
    let (kind, _) = ledger(&code)?;
    let q = query_of(&app, &signed, kind, &a).await?;
    let bytes = app.office.export(&signed.actor, kind.title(), &q, a.order()).await?;
    let day = q.as_of.unwrap_or_else(|| app.office.clock.today().to_string());
    Ok(file(&format!("{}-{day}.xlsx", kind.title()), XLSX, bytes))
}

#[derive(Deserialize)]
pub struct SearchQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    q: String,
    rows: Vec<ChildView>,
    more: bool,
}

/// Children that a search shows.
const FOUND: usize = 50;

pub async fn search(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Query(s): Query<SearchQuery>,
) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let ids = app.office.store.search(&s.q, &j).await?;
    let more = ids.len() > FOUND;
    // the search has asked already whether one may see them
    let mut rows = app.office.store.children_by_number(&ids[..ids.len().min(FOUND)], Some(&j)).await?;
    rows.sort_by_key(|c| (c.gone_since_run.is_some(), crate::app::office::sheets::verdict(&c.verdict), c.id));
    let page = SearchPage {
        shell: shell(&app, &signed, &headers, "查找", "/search").await?,
        q: s.q,
        rows: of_list(&app, &signed.actor, rows).await?,
        more,
    };
    Ok(html(&page.shell, page.render()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stay_in_the_address() {
        let a =
            LedgerAddress { verdict: "never-enrolled".into(), place: "g/52/".into(), page: Some(3), ..LedgerAddress::default() };
        assert_eq!(a.with("/x", "verdict", ""), "/x?place=g/52/");
        assert_eq!(a.with("/x", "q", "王"), "/x?verdict=never-enrolled&place=g/52/&q=%E7%8E%8B");
    }
}
