//! 交办核实: the county's list of findings, and sending them out.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::finding::FindingState;
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{FindingFilter, FindingOrder};
use serde::Deserialize;

use super::lines::{Line, Tab, lines};
use crate::app::finding::listing::FindingList;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, ReasonForm};
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::list::{self, Address, Column, Condition, Head, Pager, heads};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::number;
use crate::web::frame::visit::Visit;
use crate::web::place::choice::{PlaceOption, places, unit_meant};

/// Where the list stands.
const PATH: &str = "/findings";
/// Code of the tab with all states.
const ALL: &str = "all";

/// What stands in the address of the list.
#[derive(Deserialize, Clone, Default)]
pub struct FindingsAddress {
    #[serde(default)]
    state: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    overdue: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

impl FindingsAddress {
    fn at(&self) -> Address {
        let parts = [
            ("state", self.state.as_str()),
            ("verdict", &self.verdict),
            ("place", &self.place),
            ("unit", &self.unit),
            ("overdue", &self.overdue),
            ("q", &self.q),
            ("sort", &self.sort),
            ("per", &self.per),
        ];
        Address::new(PATH, &parts)
    }

    fn order(&self) -> FindingOrder {
        match self.sort.as_str() {
            "changed" => FindingOrder::Changed,
            "verdict" => FindingOrder::Verdict,
            "state" => FindingOrder::State,
            "unit" => FindingOrder::Unit,
            _ => FindingOrder::Due,
        }
    }

    /// The tab: a state, or all of them.
    fn state(&self) -> Result<Option<FindingState>, OfficeError> {
        match self.state.as_str() {
            "" => Ok(Some(FindingState::Open)),
            ALL => Ok(None),
            code => FindingState::find(code).map(Some).ok_or(OfficeError::NotFound),
        }
    }
}

/// The question behind an address, with its conditions in words.
async fn asked(app: &App, actor: &Actor, a: &FindingsAddress) -> Result<FindingList, PageError> {
    let j = actor.jurisdiction(Action::Dispatch)?;
    let state = a.state()?;
    let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    let children = if a.q.trim().is_empty() { None } else { Some(app.office.search_of_list(actor, &a.q, &j).await?) };
    let paths: Vec<&str> = [a.place.as_str(), &a.unit].into_iter().filter(|p| PlacePath::parse(p).is_some()).collect();
    let names = app.office.store.place_names(&paths).await?;
    let name = |path: &str| names.get(path).cloned().unwrap_or_else(|| path.to_owned());
    let mut conditions: Vec<String> = state.map(|s| s.label().to_owned()).into_iter().collect();
    if !a.overdue.is_empty() {
        conditions.push("逾期".into());
    }
    conditions.extend(some(&a.verdict).map(|v| VerdictKind::find(&v).map_or(v, |k| k.label().to_owned())));
    conditions.extend(some(&a.place).map(|p| name(&p)));
    conditions.extend(some(&a.unit).map(|u| format!("核实单位:{}", name(&u))));
    conditions.extend(some(a.q.trim()).map(|q| format!("查找“{q}”")));
    let filter = FindingFilter {
        states: match (state, a.overdue.is_empty()) {
            (_, false) => vec![FindingState::Dispatched],
            (Some(s), _) => vec![s],
            (None, _) => Vec::new(),
        },
        verdict: some(&a.verdict),
        unit: some(&a.unit),
        due_before: (!a.overdue.is_empty()).then(|| app.office.now()),
        below: some(&a.place),
        children,
        order: a.order(),
    };
    Ok(FindingList { filter, conditions })
}

/// Columns, and by which of them the list sorts.
const COLUMNS: [Column; 9] = [
    ("姓名", "", None),
    ("判定", "", Some("verdict")),
    ("居住地", "", None),
    ("学校", "", None),
    ("状态", "", Some("state")),
    ("核实单位", "", Some("unit")),
    ("期限", "", Some("due")),
    ("答复", "", None),
    ("退回", "", None),
];

#[derive(Template)]
#[template(path = "finding/findings.html")]
struct Findings {
    shell: Shell,
    address: FindingsAddress,
    at: Address,
    tabs: Vec<Tab>,
    conditions: Vec<Condition>,
    verdicts: Vec<(&'static str, &'static str, bool)>,
    places: Vec<PlaceOption>,
    /// Overdue ones among those who wait for an answer, and where they are.
    late: i64,
    late_href: String,
    heads: Vec<Head>,
    lines: Vec<Line>,
    pager: Pager,
    can_dispatch: bool,
    may_dispatch_all: bool,
    may_export: bool,
    reasons: [&'static str; 5],
    days: i64,
}

/// Conditions that one click takes away.
fn conditions(a: &FindingsAddress, at: &Address, of: &FindingList) -> Vec<Condition> {
    let state = usize::from(!matches!(a.state(), Ok(None)));
    let names = [("overdue", &a.overdue), ("verdict", &a.verdict), ("place", &a.place), ("unit", &a.unit), ("q", &a.q)];
    let chosen = names.into_iter().filter(|n| !n.1.trim().is_empty()).map(|n| n.0);
    let labels = of.conditions.iter().skip(state);
    chosen.zip(labels).map(|(name, label)| Condition { label: label.clone(), href: at.with(name, "").to_string() }).collect()
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(a): Query<FindingsAddress>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let j = actor.jurisdiction(Action::Dispatch)?;
    let of = asked(&app, actor, &a).await?;
    let state = a.state()?;
    let at = a.at();
    let counts = office.store.finding_counts(&j, office.now()).await?;
    let size = list::size(&a.per);
    let wanted = list::page(a.page);
    let (mut found, total) = office.store.findings(&of.filter, &j, size, (wanted - 1) * size).await?;
    let pager = Pager::new(wanted, size, total, at.clone());
    if pager.page != wanted {
        found = office.store.findings(&of.filter, &j, size, pager.offset(size)).await?.0;
    }
    let n = |s: FindingState| counts.iter().find(|c| c.state == s).map_or(0, |c| c.all);
    let tab = |label, code: &str, n: i64, active| Tab {
        label,
        href: Address::new(PATH, &[("state", code), ("per", &a.per)]).to_string(),
        count: number(n),
        active,
    };
    let mut tabs: Vec<Tab> = FindingState::ALL.map(|s| tab(s.label(), s.code(), n(s), state == Some(s))).into_iter().collect();
    tabs.push(tab("全部", ALL, counts.iter().map(|c| c.all).sum(), state.is_none()));
    let sort = if a.sort.is_empty() { "due" } else { a.sort.as_str() };
    let page = Findings {
        shell: shell(&app, &signed, &headers, "交办核实", PATH).await?,
        tabs,
        conditions: conditions(&a, &at, &of),
        verdicts: VerdictKind::ALL
            .iter()
            .filter(|k| k.is_suspected() || k.is_dropout())
            .map(|k| (k.code(), k.label(), a.verdict == k.code()))
            .collect(),
        places: places(&app, &signed, &a.place, Action::Dispatch).await?,
        late: counts.iter().filter(|c| c.state == FindingState::Dispatched).map(|c| c.overdue).sum(),
        late_href: at.with("state", FindingState::Dispatched.code()).with("overdue", "1").to_string(),
        heads: heads(&COLUMNS, &at, sort),
        lines: lines(&app, actor, found, false).await?,
        pager,
        can_dispatch: state.is_some_and(FindingState::is_pending),
        may_dispatch_all: state == Some(FindingState::Open),
        may_export: actor.may(Action::Export),
        reasons: REASONS,
        days: office.policy(Some(&office.area(actor, Action::Dispatch)?)).await?.deadline_days,
        at,
        address: a,
    };
    Ok(html(&page.shell, page.render()?))
}

/// A spreadsheet of what is chosen, without names and numbers, which needs no reason.
pub async fn export(Visit { app, signed, .. }: Visit, Query(a): Query<FindingsAddress>) -> Result<Response, PageError> {
    exported(&app, &signed.actor, &a, None).await
}

/// The same with everything, for a reason.
pub async fn export_full(
    Visit { app, signed, .. }: Visit,
    Query(a): Query<FindingsAddress>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    exported(&app, &signed.actor, &a, Some(&reason)).await
}

async fn exported(app: &App, actor: &Actor, a: &FindingsAddress, reason: Option<&str>) -> Result<Response, PageError> {
    let mut of = asked(app, actor, a).await?;
    if reason.is_none() {
        of.conditions.iter_mut().filter(|c| c.starts_with("查找“")).for_each(|c| "查找(内容略)".clone_into(c));
    }
    let bytes = app.office.export_findings(actor, &of, reason).await?;
    let masked = if reason.is_some() { "" } else { "-隐名" };
    Ok(file(&format!("交办核实名单({})-{}{masked}.xlsx", of.said(), app.office.clock.today()), XLSX, bytes))
}

/// `ids` are the ticked ones, or with `all` everything on the list.
#[derive(Deserialize)]
pub struct DispatchForm {
    #[serde(default)]
    ids: String,
    #[serde(default)]
    all: Option<String>,
    /// The address of the list from which it was done: one comes back to it, and `all` are those on it.
    #[serde(default)]
    list: String,
    /// The unit as it was picked, or as it was written.
    #[serde(default)]
    unit: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    days: String,
}

pub async fn dispatch(Visit { app, signed, .. }: Visit, Form(form): Form<DispatchForm>) -> Result<Response, PageError> {
    let back: Option<FindingsAddress> = list::address_of(PATH, &form.list);
    let mut ids: Vec<i64> = form.ids.split(',').filter_map(|t| t.trim().parse().ok()).collect();
    if form.all.is_some() {
        let Some(list) = &back else {
            return Err(OfficeError::Input("不知道是哪一份名单的全部;请回到交办核实的名单里再点".into()).into());
        };
        let mut of = asked(&app, &signed.actor, list).await?;
        of.filter.states = vec![FindingState::Open];
        ids = app.office.listed_findings(&signed.actor, &of).await?.iter().map(|f| f.id).collect();
    }
    let unit = unit_meant(&app, &signed.actor.jurisdiction(Action::Dispatch)?, &form.unit, &form.place).await?;
    let days = form.days.parse().ok().filter(|d| (1..=60).contains(d));
    let n = app.office.dispatch(&signed.actor, &ids, unit.as_ref(), days).await?;
    Ok(go(&back.unwrap_or_default().at().to_string(), &format!("已交办 {n} 条,到期未答复会自动提醒")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_the_list_and_nowhere_else() {
        let back = |text: &str| list::address_of::<FindingsAddress>(PATH, text).unwrap_or_default().at().to_string();
        assert_eq!(back("/findings?state=answered&place=g/52/&page=3"), "/findings?state=answered&place=g/52/");
        for bad in ["", "https://example.org/findings?state=open", "//example.org/findings", "/people", "x y"] {
            assert_eq!(back(bad), "/findings", "{bad}");
        }
    }
}
