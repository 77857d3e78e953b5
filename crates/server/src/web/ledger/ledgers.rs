//! 台账: three ledgers, filters in the address, search.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use baoxue_domain::access::Action;
use baoxue_domain::place::PlacePath;
use baoxue_domain::school::Grade;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{AsOf, LedgerQuery, Listed, Order};
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::clock::moment;
use crate::app::ledger::listing::{List, Listing, Verification};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, ReasonForm, XLSX, file};
use crate::web::frame::list::{self, Address, Column, Condition, Head, Pager, heads};
use crate::web::frame::shell::{Shell, html, search_by, shell};
use crate::web::frame::view::{ChildView, number, of_list, verdict_class};
use crate::web::frame::visit::Visit;
use crate::web::place::choice::{PlaceOption, places};

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
    known: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    gone: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    grade: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

impl LedgerAddress {
    fn at(&self, path: &str) -> Address {
        let parts = [
            ("verdict", self.verdict.as_str()),
            ("place", &self.place),
            ("sex", &self.sex),
            ("grade", &self.grade),
            ("born", &self.born),
            ("q", &self.q),
            ("on", &self.on),
            ("known", &self.known),
            ("sort", &self.sort),
            ("gone", &self.gone),
            ("per", &self.per),
        ];
        Address::new(path, &parts)
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

/// A child on a ledger, with what was verified.
struct Line {
    child: ChildView,
    verified: Verification,
}

#[derive(Template)]
#[template(path = "ledger/ledger.html")]
struct LedgerPage {
    shell: Shell,
    code: &'static str,
    about: &'static str,
    tabs: Vec<Chip>,
    chips: Vec<Chip>,
    places: Vec<PlaceOption>,
    heads: Vec<Head>,
    grades: Vec<(String, &'static str, bool)>,
    address: LedgerAddress,
    at: Address,
    conditions: Vec<Condition>,
    as_of: String,
    /// How a past day is shown, and the address that shows it the other way.
    known: Option<(&'static str, String)>,
    /// Why there is nobody, where there is nobody.
    nobody: String,
    lines: Vec<Line>,
    pager: Pager,
    may_export: bool,
    export: String,
    print: String,
    reasons: [&'static str; 5],
    today: String,
    bureau: String,
}

fn list_of(code: &str) -> Result<List, OfficeError> {
    List::find(code).ok_or(OfficeError::NotFound)
}

/// The question behind an address, with its conditions in words.
async fn listing(app: &App, signed: &SignedIn, list: List, a: &LedgerAddress) -> Result<Listing, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewLedger)?;
    let store = &app.office.store;
    let today = app.office.clock.today();
    let verdict = VerdictKind::find(&a.verdict);
    let ids = if a.q.trim().is_empty() { None } else { Some(app.office.search_of_list(&signed.actor, &a.q, &j).await?) };
    let year = |t: &str| t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit());
    if !a.born.is_empty() && !year(&a.born) {
        return Err(OfficeError::Input("出生年写成四位数字,例如 2016".into()).into());
    }
    let day: Option<jiff::civil::Date> = match a.on.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| OfficeError::Input("日期写成 2026-11-21".into()))?),
    };
    if day.is_some_and(|d| d > today) {
        return Err(OfficeError::Input(format!("截至日期不能晚于今天({today})")).into());
    }
    let below = PlacePath::parse(&a.place);
    let mut conditions = Vec::new();
    conditions.extend(verdict.map(|v| v.label().to_owned()));
    if let Some(at) = &below {
        let name = store.place_names(&[at.as_str()]).await?.remove(at.as_str());
        conditions.push(name.unwrap_or_else(|| at.last().to_owned()));
    }
    let sex = match a.sex.as_str() {
        "" => None,
        s @ ("男" | "女") => Some(s.to_owned()),
        _ => return Err(OfficeError::Input("性别只能选男或女".into()).into()),
    };
    conditions.extend(sex.clone());
    let grade = match a.grade.as_str() {
        "" => Vec::new(),
        n => grades_named(app, signed, n).await?,
    };
    conditions.extend(grade.first().cloned());
    conditions.extend(a.born.parse::<i64>().ok().map(|y| format!("{y} 年生")));
    if ids.is_some() {
        conditions.push(format!("查找“{}”", a.q.trim()));
    }
    if !a.gone.is_empty() {
        conditions.push("来源中消失".into());
    }
    let as_of = day.filter(|d| *d < today).map(|d| {
        let known_at = if a.known == "now" { app.office.now() } else { end_of(d) };
        AsOf { day: d.to_string(), known_at }
    });
    if as_of.is_some() && a.known == "now" {
        conditions.push("按现在所知".into());
    }
    let query = LedgerQuery {
        verdicts: verdict.map(|v| v.code().to_owned()).into_iter().collect(),
        below: below.map(|p| p.as_str().to_owned()),
        birth_year: a.born.parse().ok(),
        sex,
        grade,
        ids,
        as_of,
        listed: list.standing().map(|standing| Listed { standing, day: today.to_string() }),
        gone: !a.gone.is_empty(),
    };
    Ok(Listing { list, query, order: a.order(), conditions })
}

/// The last millisecond of a day in China.
fn end_of(day: jiff::civil::Date) -> i64 {
    moment(day.at(23, 59, 59, 999_000_000))
}

impl From<baoxue_domain::access::Refusal> for PageError {
    fn from(r: baoxue_domain::access::Refusal) -> Self {
        OfficeError::from(r).into()
    }
}

pub async fn page(
    Visit { app, signed, headers }: Visit,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
) -> Result<Response, PageError> {
    let list_kind = list_of(&code)?;
    let here = format!("/ledgers/{code}");
    let of = listing(&app, &signed, list_kind, &a).await?;
    let q = &of.query;
    let j = signed.actor.jurisdiction(Action::ViewLedger)?;
    let store = &app.office.store;
    let today = app.office.clock.today().to_string();
    let counts = store.verdict_counts(&LedgerQuery { verdicts: Vec::new(), ..q.clone() }, &j).await?;
    let at = a.at(&here);
    let (wanted, size) = (list::page(a.page), list::size(&a.per));
    let mut page = store.children(q, &j, of.order, size, (wanted - 1) * size).await?;
    let pager = Pager::new(wanted, size, page.total, at.clone());
    if pager.page != wanted {
        page = store.children(q, &j, of.order, size, pager.offset(size)).await?;
    }
    let mut tabs = Vec::new();
    for l in List::ALL {
        let listed = l.standing().map(|standing| Listed { standing, day: today.clone() });
        let all = store.verdict_counts(&LedgerQuery { verdicts: Vec::new(), listed, ..q.clone() }, &j).await?;
        tabs.push(Chip {
            label: l.label().to_owned(),
            count: number(all.iter().map(|c| c.1).sum()),
            href: at.at(&format!("/ledgers/{}", l.code())).with("verdict", "").to_string(),
            active: l == list_kind,
            class: "",
        });
    }
    let count = |k: VerdictKind| counts.iter().find(|c| c.0 == k.code()).map_or(0, |c| c.1);
    let shown = VerdictKind::ALL.iter().filter(|k| count(**k) > 0 || a.verdict == k.code());
    let chip = |k: &VerdictKind| {
        let active = a.verdict == k.code();
        Chip {
            label: k.label().to_owned(),
            count: number(count(*k)),
            href: at.with("verdict", if active { "" } else { k.code() }).to_string(),
            active,
            class: verdict_class(Some(*k)),
        }
    };
    let mut chips: Vec<Chip> = shown.map(chip).collect();
    if chips.len() == 1 && a.verdict.is_empty() {
        chips.clear();
    }
    let places = places(&app, &signed, &a.place, Action::ViewLedger).await?;
    let known = q.as_of.as_ref().map(|_| match a.known.as_str() {
        "now" => ("按现在所知", at.with("known", "").to_string()),
        _ => ("按当日所知", at.with("known", "now").to_string()),
    });
    let verified = app.office.verifications(&signed.actor, q, &page.rows).await?;
    let children = of_list(&app, &signed.actor, page.rows).await?;
    let line = |child: ChildView| Line { verified: verified.get(&child.id).cloned().unwrap_or_default(), child };
    let page = LedgerPage {
        shell: shell(&app, &signed, &headers, list_kind.title(), "/ledgers").await?,
        code: list_kind.code(),
        about: list_kind.about(),
        tabs,
        chips,
        conditions: conditions(&a, &at, &places),
        places,
        heads: heads(&COLUMNS, &at, if a.sort.is_empty() { "verdict" } else { &a.sort }),
        grades: GRADES.iter().enumerate().map(|(i, l)| ((i + 1).to_string(), *l, a.grade == (i + 1).to_string())).collect(),
        as_of: app.office.day_of(q),
        known,
        nobody: nobody(&app, &signed, &of, &a).await?,
        lines: children.into_iter().map(line).collect(),
        pager,
        may_export: signed.actor.may(Action::Export),
        export: at.at(&format!("{here}/export.xlsx")).to_string(),
        print: at.at(&format!("{here}/print")).to_string(),
        reasons: REASONS,
        at,
        address: a,
        today,
        bureau: app.office.policy(signed.actor.home()).await?.bureau,
    };
    Ok(html(&page.shell, page.render()?))
}

/// Columns, and by which of them the list sorts.
const COLUMNS: [Column; 13] = [
    ("姓名", "", None),
    ("性别", "", None),
    ("出生日期", "", Some("birth")),
    ("证件号", "", None),
    ("家长", "", None),
    ("居住地", "", Some("place")),
    ("学校班级", "", Some("school")),
    ("判定", "", Some("verdict")),
    ("自何时", "", Some("since")),
    ("核实状态", "", None),
    ("核实单位", "", None),
    ("结论", "", None),
    ("日期", "", None),
];
/// Grades of compulsory schooling.
const GRADES: [&str; 9] =
    ["一年级", "二年级", "三年级", "四年级", "五年级", "六年级", "七年级(初一)", "八年级(初二)", "九年级(初三)"];

/// A grade's names in the schools that one sees: files say 七年级 and 初一.
async fn grades_named(app: &App, signed: &SignedIn, number: &str) -> Result<Vec<String>, PageError> {
    let grade: u8 =
        number.parse().ok().filter(|n| (1..=9).contains(n)).ok_or_else(|| OfficeError::Input("年级写成 1 到 9".into()))?;
    let mut names = vec![GRADES[usize::from(grade) - 1].split('(').next().unwrap_or_default().to_owned()];
    let mut add = |name: &str| {
        if Grade::parse(name).is_some_and(|g| g.number() == grade) && !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    };
    for path in signed.actor.places(Action::ViewLedger)? {
        let below = path.education_prefix().unwrap_or_else(|| path.as_str().to_owned());
        app.office.store.names_below(&below, "grade").await?.iter().for_each(|n| add(n));
    }
    Ok(names)
}

/// Conditions that one click takes away.
fn conditions(a: &LedgerAddress, at: &Address, places: &[PlaceOption]) -> Vec<Condition> {
    let place = places.iter().find(|p| p.selected).map(|p| p.name.clone());
    let grade = a.grade.parse::<usize>().ok().and_then(|n| GRADES.get(n.wrapping_sub(1))).map(|g| (*g).to_owned());
    let some = |t: &str, label: String| (!t.is_empty()).then_some(label);
    let all = [
        ("q", some(&a.q, format!("查找“{}”", a.q))),
        ("place", place),
        ("sex", some(&a.sex, a.sex.clone())),
        ("grade", grade),
        ("born", some(&a.born, format!("{} 年生", a.born))),
        ("on", some(&a.on, format!("截至 {}", a.on))),
        ("gone", some(&a.gone, "来源中消失".into())),
    ];
    let chosen = all.into_iter().filter_map(|(name, label)| Some((name, label?)));
    chosen.map(|(name, label)| Condition { label, href: at.with(name, "").to_string() }).collect()
}

/// Why a list is empty: never more than is known.
async fn nobody(app: &App, signed: &SignedIn, of: &Listing, a: &LedgerAddress) -> Result<String, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewLedger)?;
    let everybody = LedgerQuery { as_of: of.query.as_of.clone(), ..LedgerQuery::default() };
    let any: i64 = app.office.store.verdict_counts(&everybody, &j).await?.iter().map(|c| c.1).sum();
    let now: i64 = app.office.store.verdict_counts(&LedgerQuery::default(), &j).await?.iter().map(|c| c.1).sum();
    Ok(match (&of.query.as_of, any, now) {
        (_, 0, 0) => "还没有数据。导入名册、比对一次之后,台账会自动生成。".into(),
        (Some(at), 0, _) => format!("{} 还没有比对过,那一天没有台账。", at.day),
        _ if !a.q.trim().is_empty() => search_hint(&a.q, search_by(&signed.actor)),
        _ => "没有符合条件的儿童。".into(),
    })
}

/// What a search that found nobody says: that it found nobody, and how to search.
fn search_hint(typed: &str, by: &str) -> String {
    let chars = typed.chars().filter(|c| !c.is_whitespace()).count();
    let short = if chars == 1 { "只输一个字时按姓氏查。" } else { "" };
    format!("按“{}”没有查到。{short}可以换{by}再试;没有查到不等于没有这名儿童。", typed.trim())
}

/// A spreadsheet without names and numbers, which needs no reason.
pub async fn export(
    Visit { app, signed, .. }: Visit,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
) -> Result<Response, PageError> {
    exported(&app, &signed, &code, &a, None).await
}

/// A spreadsheet with everything, for a reason.
pub async fn export_full(
    Visit { app, signed, .. }: Visit,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    exported(&app, &signed, &code, &a, Some(&reason)).await
}

/// What was searched for is left out of what carries no names and numbers.
fn hide_search(of: &mut Listing) {
    for c in of.conditions.iter_mut().filter(|c| c.starts_with("查找“")) {
        *c = "查找(内容略)".to_owned();
    }
}

async fn exported(
    app: &App,
    signed: &SignedIn,
    code: &str,
    a: &LedgerAddress,
    reason: Option<&str>,
) -> Result<Response, PageError> {
    let mut of = listing(app, signed, list_of(code)?, a).await?;
    if reason.is_none() {
        hide_search(&mut of);
    }
    let bytes = app.office.export(&signed.actor, &of, reason).await?;
    let masked = if reason.is_some() { "" } else { "-隐名" };
    Ok(file(&format!("{}-{}{masked}.xlsx", of.title(), app.office.day_of(&of.query)), XLSX, bytes))
}

#[derive(Template)]
#[template(path = "ledger/ledger_print.html")]
struct PrintPage {
    css: String,
    js: String,
    title: String,
    bureau: String,
    conditions: String,
    as_of: String,
    made_by: String,
    made_on: String,
    lines: Vec<Line>,
    total: String,
    /// Rows that the list has beyond what is printed.
    left_out: String,
    open: bool,
    full: String,
    reasons: [&'static str; 5],
    list: String,
}

/// The whole list for the printer, masked.
pub async fn print(
    Visit { app, signed, .. }: Visit,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
) -> Result<Response, PageError> {
    printed(&app, &signed, &code, &a, None).await
}

/// The same with full names and numbers, to be stamped.
pub async fn print_full(
    Visit { app, signed, .. }: Visit,
    Path(code): Path<String>,
    Query(a): Query<LedgerAddress>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    printed(&app, &signed, &code, &a, Some(&reason)).await
}

async fn printed(
    app: &App,
    signed: &SignedIn,
    code: &str,
    a: &LedgerAddress,
    reason: Option<&str>,
) -> Result<Response, PageError> {
    let mut of = listing(app, signed, list_of(code)?, a).await?;
    if reason.is_none() {
        hide_search(&mut of);
    }
    let j = signed.actor.jurisdiction(Action::Export)?;
    let counts = app.office.store.verdict_counts(&of.query, &j).await?;
    let fits = |c: &&(String, i64)| of.query.verdicts.is_empty() || of.query.verdicts.contains(&c.0);
    let total: i64 = counts.iter().filter(fits).map(|c| c.1).sum();
    let rows = app.office.printed(&signed.actor, &of, reason).await?;
    let left_out = total - rows.len() as i64;
    let verified = app.office.verifications(&signed.actor, &of.query, &rows).await?;
    let trails = crate::web::frame::view::trails_of(app, &rows).await?;
    let line = |c: baoxue_store::ChildRow| {
        let verified = verified.get(&c.id).cloned().unwrap_or_default();
        Line { child: ChildView::new(c, reason.is_some(), &trails), verified }
    };
    let page = PrintPage {
        css: crate::web::frame::assets::address("app.css"),
        js: crate::web::frame::assets::address("app.js"),
        title: of.list.title().to_owned(),
        bureau: app.office.policy(signed.actor.home()).await?.bureau,
        conditions: of.conditions.join("、"),
        as_of: app.office.day_of(&of.query),
        made_by: signed.actor.name.clone(),
        made_on: app.office.clock.today().to_string(),
        lines: rows.into_iter().map(line).collect(),
        total: number(total),
        left_out: if left_out > 0 { number(left_out) } else { String::new() },
        open: reason.is_some(),
        full: a.at(&format!("/ledgers/{code}/print")).to_string(),
        reasons: REASONS,
        list: a.at(&format!("/ledgers/{code}")).to_string(),
    };
    Ok(axum::response::Html(page.render()?).into_response())
}

#[derive(Deserialize)]
pub struct SearchQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "ledger/search.html")]
struct SearchPage {
    shell: Shell,
    q: String,
    rows: Vec<ChildView>,
    more: bool,
    hint: String,
}

/// Children that a search shows.
const FOUND: usize = 50;

pub async fn search(Visit { app, signed, headers }: Visit, Query(s): Query<SearchQuery>) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let ids = app.office.search(&signed.actor, &s.q, &j).await?;
    let more = ids.len() > FOUND;
    // the search has asked already whether one may see them
    let mut rows = app.office.store.children_by_number(&ids[..ids.len().min(FOUND)], &j).await?;
    rows.sort_by_key(|c| (c.gone_since_run.is_some(), VerdictKind::find(&c.verdict), c.id));
    let page = SearchPage {
        shell: shell(&app, &signed, &headers, "查找", "/search").await?,
        hint: search_hint(&s.q, search_by(&signed.actor)),
        q: s.q,
        rows: of_list(&app, &signed.actor, rows).await?,
        more,
    };
    Ok(html(&page.shell, page.render()?))
}
