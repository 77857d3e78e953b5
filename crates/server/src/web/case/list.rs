//! 劝返档案: lists of files, and giving them to a unit.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::case::{Ask, CaseState, codes, find};
use baoxue_domain::place::PlacePath;
use baoxue_store::{CaseFilter, CaseOrder, Whose};
use jiff::ToSpan;
use serde::Deserialize;

use super::lines::{Line, lines};
use crate::app::case::listing::CaseList;
use crate::app::office::{Office, OfficeError};
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, ReasonForm, XLSX, file};
use crate::web::frame::list::{self, Address, Column, Condition, Head, Pager, heads};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::number;
use crate::web::frame::visit::Visit;
use crate::web::place::choice::{PlaceOption, places, unit_meant};

/// Where the list stands.
const PATH: &str = "/cases";

/// What stands in the address of the list.
#[derive(Deserialize, Clone, Default)]
pub struct CasesAddress {
    /// A state, `away` or `open` for several; all where nothing stands.
    #[serde(default)]
    state: String,
    #[serde(default)]
    confirmed: String,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    asked: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    overdue: String,
    /// Open for more than so many days.
    #[serde(default)]
    days: String,
    #[serde(default)]
    again: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

/// Tabs: code, word, states.
const TABS: [(&str, &str, &[CaseState]); 9] = [
    ("open", "在办", &[CaseState::Verifying, CaseState::Persuading, CaseState::Legal, CaseState::Returned, CaseState::FollowUp]),
    ("verifying", "核实中", &[CaseState::Verifying]),
    ("persuading", "劝返中", &[CaseState::Persuading]),
    ("legal", "依法控辍", &[CaseState::Legal]),
    ("returned", "返校办手续", &[CaseState::Returned]),
    ("follow-up", "跟踪回访", &[CaseState::FollowUp]),
    ("closed", "已销号", &[CaseState::Closed]),
    ("cleared", "已核销", &[CaseState::Cleared]),
    ("all", "全部", &[]),
];
/// Several states that other pages link to.
const GROUPS: [(&str, &str, &[CaseState]); 2] = [
    ("away", "未返校", &[CaseState::Verifying, CaseState::Persuading, CaseState::Legal]),
    ("back", "已返校", &[CaseState::Returned, CaseState::FollowUp, CaseState::Closed]),
];
/// Days open that one may choose.
const DAYS: [i64; 4] = [7, 14, 30, 60];

impl CasesAddress {
    fn at(&self) -> Address {
        let parts = [
            ("state", self.state.as_str()),
            ("confirmed", &self.confirmed),
            ("cause", &self.cause),
            ("asked", &self.asked),
            ("place", &self.place),
            ("unit", &self.unit),
            ("overdue", &self.overdue),
            ("days", &self.days),
            ("again", &self.again),
            ("q", &self.q),
            ("sort", &self.sort),
            ("per", &self.per),
        ];
        Address::new(PATH, &parts)
    }

    fn order(&self) -> CaseOrder {
        match self.sort.as_str() {
            "changed" => CaseOrder::Changed,
            "number" => CaseOrder::Number,
            "state" => CaseOrder::State,
            "unit" => CaseOrder::Unit,
            "opened" => CaseOrder::Opened,
            "attempts" => CaseOrder::Attempts,
            _ => CaseOrder::Due,
        }
    }

    fn group(&self) -> Result<(&'static str, &'static str, &'static [CaseState]), OfficeError> {
        let code = if self.state.is_empty() { "open" } else { &self.state };
        TABS.into_iter().chain(GROUPS).find(|t| t.0 == code).ok_or(OfficeError::NotFound)
    }
}

/// The question behind an address, with its conditions in words: each with the part of the address that says it.
async fn asked(app: &App, actor: &Actor, a: &CasesAddress) -> Result<(CaseList, Vec<(&'static str, String)>), PageError> {
    let office = &app.office;
    let j = actor.jurisdiction(Action::ViewCases)?;
    let group = a.group()?;
    let some = |t: &str| (!t.trim().is_empty()).then(|| t.trim().to_owned());
    let number = Office::case_number(&a.q);
    let children = match some(&a.q) {
        Some(q) if number.is_none() => Some(office.search_of_list(actor, &q, &j).await?),
        _ => None,
    };
    let paths: Vec<&str> = [a.place.as_str(), &a.unit].into_iter().filter(|p| PlacePath::parse(p).is_some()).collect();
    let names = office.store.place_names(&paths).await?;
    let name = |path: &str| names.get(path).cloned().unwrap_or_else(|| path.to_owned());
    let mut said: Vec<(&'static str, String)> = Vec::new();
    let mut add = |part: &'static str, words: Option<String>| said.extend(words.map(|w| (part, w)));
    add("state", GROUPS.iter().find(|g| g.0 == a.state).map(|g| g.1.to_owned()));
    let confirmed = match a.confirmed.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    };
    add("confirmed", confirmed.map(|c| if c { "已确认辍学" } else { "未确认辍学" }.to_owned()));
    let cause = find(&codes().cause, &a.cause).filter(|c| !c.sealed);
    add("cause", cause.map(|c| format!("原因:{}", c.label)));
    let asks = match a.asked.as_str() {
        "decide" => vec![Ask::Confirm, Ask::Clear, Ask::Close],
        code => Ask::find(code).into_iter().collect(),
    };
    add(
        "asked",
        match asks.as_slice() {
            [] => None,
            [one] => Some(format!("申请{}", one.label())),
            _ => Some("待审批".to_owned()),
        },
    );
    add("overdue", some(&a.overdue).map(|_| "逾期".to_owned()));
    let days = a.days.parse::<i64>().ok().filter(|d| (1..=3650).contains(d));
    add("days", days.map(|d| format!("立案超过 {d} 天")));
    add("again", some(&a.again).map(|_| "再次离校".to_owned()));
    add("place", some(&a.place).map(|p| name(&p)));
    add("unit", some(&a.unit).map(|u| format!("牵头单位:{}", name(&u))));
    add("q", some(&a.q).map(|q| format!("查找“{q}”")));
    let filter = CaseFilter {
        states: group.2.to_vec(),
        confirmed,
        cause: cause.map(|c| c.code.clone()),
        asked: asks,
        unit: some(&a.unit),
        below: some(&a.place),
        due_before: some(&a.overdue).map(|_| office.now()),
        opened_before: days.map(|d| office.clock.today().saturating_sub(d.days())),
        relapsed: some(&a.again).is_some(),
        children,
        number,
        order: a.order(),
    };
    let mut conditions: Vec<String> = said.iter().map(|s| s.1.clone()).collect();
    if group.0 != "all" && !GROUPS.iter().any(|g| g.0 == group.0) {
        conditions.insert(0, group.1.to_owned());
    }
    Ok((CaseList { filter, conditions }, said))
}

/// Columns, and by which of them the list sorts.
const COLUMNS: [Column; 10] = [
    ("编号", "", Some("number")),
    ("姓名", "", None),
    ("状态", "", Some("state")),
    ("居住地", "", None),
    ("学校", "", None),
    ("牵头单位", "", Some("unit")),
    ("劝返", "", Some("attempts")),
    ("原因", "", None),
    ("立案", "d", Some("opened")),
    ("期限", "", Some("due")),
];

pub struct TabView {
    label: &'static str,
    href: String,
    count: String,
    active: bool,
}

#[derive(Template)]
#[template(path = "case/cases.html")]
struct Cases {
    shell: Shell,
    address: CasesAddress,
    at: Address,
    tabs: Vec<TabView>,
    conditions: Vec<Condition>,
    causes: Vec<(&'static str, &'static str, bool)>,
    places: Vec<PlaceOption>,
    days: [(i64, bool); 4],
    heads: Vec<Head>,
    lines: Vec<Line>,
    pager: Pager,
    may_assign: bool,
    may_export: bool,
    /// Papers are for whoever works on files.
    may_work: bool,
    reasons: [&'static str; 5],
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(a): Query<CasesAddress>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let j = actor.jurisdiction(Action::ViewCases)?;
    let (of, said) = asked(&app, actor, &a).await?;
    let group = a.group()?;
    let at = a.at();
    let size = list::size(&a.per);
    let wanted = list::page(a.page);
    let (mut found, total) = office.store.cases(&of.filter, Whose::Seen(&j), size, (wanted - 1) * size).await?;
    let pager = Pager::new(wanted, size, total, at.clone());
    if pager.page != wanted {
        found = office.store.cases(&of.filter, Whose::Seen(&j), size, pager.offset(size)).await?.0;
    }
    let counts = office.store.case_counts(&j, None, office.now()).await?;
    let tab = |(code, label, states): (&str, &'static str, &[CaseState])| TabView {
        label,
        href: Address::new(PATH, &[("state", code), ("per", &a.per)]).to_string(),
        count: number(
            counts
                .iter()
                .filter(|c| c.state != CaseState::Joined && (states.is_empty() || states.contains(&c.state)))
                .map(|c| c.all)
                .sum(),
        ),
        active: code == group.0,
    };
    let chosen = a.days.parse::<i64>().unwrap_or(0);
    let page = Cases {
        shell: shell(&app, &signed, &headers, "劝返档案", PATH).await?,
        tabs: TABS.map(tab).into_iter().collect(),
        conditions: said.into_iter().map(|(part, label)| Condition { label, href: at.with(part, "").to_string() }).collect(),
        causes: codes()
            .cause
            .iter()
            .filter(|c| !c.sealed)
            .map(|c| (c.code.as_str(), c.label.as_str(), c.code == a.cause))
            .collect(),
        places: places(&app, &signed, &a.place, Action::ViewCases).await?,
        days: DAYS.map(|d| (d, d == chosen)),
        heads: heads(&COLUMNS, &at, if a.sort.is_empty() { "due" } else { &a.sort }),
        lines: lines(&app, actor, found).await?,
        pager,
        may_assign: actor.may(Action::DecideCase),
        may_export: actor.may(Action::Export),
        may_work: actor.may(Action::WorkCase),
        reasons: REASONS,
        at,
        address: a,
    };
    Ok(html(&page.shell, page.render()?))
}

/// A spreadsheet of what is chosen, without names and numbers, which needs no reason.
pub async fn export(Visit { app, signed, .. }: Visit, Query(a): Query<CasesAddress>) -> Result<Response, PageError> {
    exported(&app, &signed.actor, &a, None).await
}

/// The same with everything, for a reason.
pub async fn export_full(
    Visit { app, signed, .. }: Visit,
    Query(a): Query<CasesAddress>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    exported(&app, &signed.actor, &a, Some(&reason)).await
}

async fn exported(app: &App, actor: &Actor, a: &CasesAddress, reason: Option<&str>) -> Result<Response, PageError> {
    let (mut of, _) = asked(app, actor, a).await?;
    if reason.is_none() {
        of.conditions.iter_mut().filter(|c| c.starts_with("查找“")).for_each(|c| "查找(内容略)".clone_into(c));
    }
    let bytes = app.office.export_cases(actor, &of, reason).await?;
    let masked = if reason.is_some() { "" } else { "-隐名" };
    Ok(file(&format!("劝返复学名单({})-{}{masked}.xlsx", of.said(), app.office.clock.today()), XLSX, bytes))
}

/// All papers of what is chosen as Word files, for a reason.
pub async fn papers(
    Visit { app, signed, .. }: Visit,
    Query(a): Query<CasesAddress>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    let (of, _) = asked(&app, &signed.actor, &a).await?;
    let bytes = app.office.papers_of_cases(&signed.actor, &of, &reason).await?;
    Ok(file(&format!("劝返文书({})-{}.zip", of.said(), app.office.clock.today()), "application/zip", bytes))
}

/// `ids` are the ticked ones; the unit as it was picked, or as it was written.
#[derive(Deserialize)]
pub struct AssignForm {
    #[serde(default)]
    ids: String,
    #[serde(default)]
    list: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    note: String,
}

pub async fn assign(Visit { app, signed, .. }: Visit, Form(form): Form<AssignForm>) -> Result<Response, PageError> {
    let ids: Vec<i64> = form.ids.split(',').filter_map(|t| t.trim().parse().ok()).collect();
    let unit = unit_meant(&app, &signed.actor.county_jurisdiction(Action::DecideCase)?, &form.unit, &form.place).await?;
    let unit = unit.ok_or_else(|| OfficeError::field("place", "请选择牵头的学校、村(社区)或乡镇"))?;
    let n = app.office.assign_cases(&signed.actor, &ids, &unit, &form.note).await?;
    let back = match list::address_of::<CasesAddress>(PATH, &form.list) {
        Some(a) => a.at().to_string(),
        None if ids.len() == 1 => format!("/cases/{}", ids[0]),
        None => PATH.to_owned(),
    };
    Ok(go(&back, &format!("已指定 {n} 份,由新的牵头单位接着办")))
}
