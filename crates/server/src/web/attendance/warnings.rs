//! 预警: the list, and one warning with what is to be done about it.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::attendance::{DayState, Level, Rule, in_days};
use baoxue_domain::calendar::time_left;
use baoxue_domain::case::{ContactKind, codes};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Warning, WarningFilter, random};
use jiff::Span;
use jiff::civil::Date;
use serde::Deserialize;

use super::{class_name, name_for};
use crate::app::attendance::assess::KNOWN_DAYS;
use crate::app::attendance::warnings::Calling;
use crate::app::clock::civil;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{DOCX, file};
use crate::web::frame::list::{self, Address, Pager};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

struct Line {
    id: i64,
    child: i64,
    name: String,
    school: String,
    class: String,
    level: &'static str,
    colour: &'static str,
    rule: &'static str,
    days: String,
    state: String,
    left: String,
    overdue: bool,
    case: Option<i64>,
}

#[derive(Template)]
#[template(path = "attendance/warnings.html")]
struct WarningsPage {
    shell: Shell,
    /// Label, address, whether it is this one.
    tabs: Vec<(&'static str, String, bool)>,
    levels: Vec<(&'static str, &'static str, bool)>,
    rules: Vec<(&'static str, &'static str, bool)>,
    at: Address,
    pager: Pager,
    lines: Vec<Line>,
    figures: [i64; 4],
    /// Of which time the figures are.
    term: String,
}

#[derive(Deserialize, Default)]
pub struct WarningsQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    page: Option<i64>,
    #[serde(default)]
    per: String,
}

/// Tabs: code, word.
const TABS: [(&str, &str); 5] =
    [("open", "未解除"), ("unchecked", "待核查"), ("overdue", "逾期"), ("closed", "已解除"), ("withdrawn", "已撤销")];

fn colour(l: Level) -> &'static str {
    match l {
        Level::Blue => "w-blue",
        Level::Yellow => "w-yellow",
        Level::Red => "w-red",
    }
}

/// Which days, as people say it: a run from its first day, what adds up until its last.
fn days_of(w: &Warning) -> String {
    let n = in_days(u32::try_from(w.halves).unwrap_or(0));
    match w.rule {
        Rule::Night => format!("{} 起 {} 晚", w.days.0, w.halves / 2),
        rule if rule.ends_when_seen() => format!("{} 起 {n}", w.days.0),
        _ => format!("到 {} 为止 {n}", w.days.1),
    }
}

fn state_of(w: &Warning) -> String {
    match (&w.closed, w.state.as_str()) {
        (_, "withdrawn") => "已撤销".to_owned(),
        (Some((day, fact)), "closed") => {
            let fact = match fact.as_str() {
                "excused" => "已请假",
                "half-absent" => "当天到校",
                "off-list" => "不在应到名单",
                "lapsed" => "不再达到条件",
                _ => "已到校",
            };
            format!("{day} {fact}")
        }
        _ if w.checked_at.is_some() => "已核查".to_owned(),
        _ if w.called_at.is_some() => "已联系".to_owned(),
        _ => "待联系".to_owned(),
    }
}

fn line(app: &App, actor: &Actor, w: Warning, c: &baoxue_store::ChildRow) -> Result<Line, OfficeError> {
    let class = PlacePath::parse(&w.class).ok_or(OfficeError::NotFound)?;
    let now = app.office.clock.now();
    let waits = w.is_open() && w.checked_at.is_none();
    Ok(Line {
        id: w.id,
        child: w.child,
        name: name_for(actor, c),
        school: c.profile.school.clone(),
        class: class_name(&class),
        level: w.level.label(),
        colour: colour(w.level),
        rule: w.rule.label(),
        days: days_of(&w),
        state: state_of(&w),
        left: w.deadline_at.filter(|_| waits).map(|d| time_left(civil(d), now)).unwrap_or_default(),
        overdue: waits && w.deadline_at.is_some_and(|d| d < app.office.now()),
        case: w.case,
    })
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<WarningsQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewAttendance)?;
    let state = TABS.iter().find(|t| t.0 == q.state).map_or("open", |t| t.0);
    let filter = WarningFilter {
        state: Some(match state {
            "closed" | "withdrawn" => state,
            _ => "open",
        }),
        unchecked: matches!(state, "unchecked" | "overdue"),
        overdue: (state == "overdue").then(|| office.now()),
        level: Level::find(&q.level),
        rule: Rule::find(&q.rule),
        ..WarningFilter::default()
    };
    let at = Address::new("/warnings", &[("state", state), ("level", &q.level), ("rule", &q.rule), ("per", &q.per)]);
    let size = list::size(&q.per);
    let total = office.store.warnings(&filter, &j, 0, 0).await?.1;
    let pager = Pager::new(list::page(q.page), size, total, at.clone());
    let (found, _) = office.store.warnings(&filter, &j, size, pager.offset(size)).await?;
    let ids: Vec<i64> = found.iter().map(|w| w.child).collect();
    let children = office.store.children_by_number(&ids, &j).await?;
    let mut lines = Vec::new();
    for w in found {
        if let Some(c) = children.iter().find(|c| c.id == w.child) {
            lines.push(line(&app, &signed.actor, w, c)?);
        }
    }
    let today = office.clock.today();
    let home = signed.actor.home().cloned();
    let term = match home {
        Some(h) => office.calendars().await?.of(&h).term(today),
        None => None,
    };
    let (term, from) = term.map_or_else(|| (format!("{} 月", today.month()), today.first_of_month()), |t| (t.name, t.from));
    let page = WarningsPage {
        shell: shell(&app, &signed, &headers, "预警", "/warnings").await?,
        tabs: TABS.iter().map(|t| (t.1, at.with("state", t.0).to_string(), t.0 == state)).collect(),
        levels: Level::ALL.into_iter().map(|l| (l.code(), l.label(), l.code() == q.level)).collect(),
        rules: Rule::ALL.into_iter().map(|r| (r.code(), r.label(), r.code() == q.rule)).collect(),
        at,
        pager,
        lines,
        figures: office.store.warning_figures(&j, from, today).await?,
        term,
    };
    Ok(html(&page.shell, page.render()?))
}

/// A day of a strip: day of the month, class, words.
pub struct StripDay {
    pub day: i8,
    pub class: &'static str,
    pub words: String,
}

/// The days of a child as a strip, with its table in words.
pub fn strip(days: &[(Date, DayState)]) -> Vec<StripDay> {
    let class = |s: DayState| match s {
        DayState::Present => "d-present",
        DayState::Excused => "d-excused",
        DayState::HalfAbsent => "d-half",
        DayState::Absent | DayState::SentHome => "d-absent",
        DayState::Unmarked | DayState::NoSchool | DayState::OffList => "d-unmarked",
    };
    days.iter().map(|(d, s)| StripDay { day: d.day(), class: class(*s), words: format!("{d} {}", s.label()) }).collect()
}

/// The last two months of a child and its warnings, for whoever sees the attendance of its class.
pub async fn attendance(
    app: &App,
    actor: &Actor,
    c: &baoxue_store::ChildRow,
) -> Result<(Vec<StripDay>, Vec<(i64, String)>), PageError> {
    let sees = c.school_path.as_deref().is_some_and(|p| actor.jurisdiction(Action::ViewAttendance).is_ok_and(|j| j.covers(p)));
    if !sees {
        return Ok((Vec::new(), Vec::new()));
    }
    let since = app.office.clock.today().saturating_sub(Span::new().days(KNOWN_DAYS));
    let days = app.office.attendance_of(c.id, since).await?;
    let warned = app.office.store.warnings_of(&[c.id], since).await?;
    let said = |w: &Warning| format!("{}预警 {}:{},{}", w.level.label(), w.rule.label(), days_of(w), state_of(w));
    Ok((strip(&days), warned.iter().rev().map(|w| (w.id, said(w))).collect()))
}

struct Happened {
    when: String,
    what: String,
    by: String,
}

#[derive(Template)]
#[template(path = "attendance/warning.html")]
struct WarningPage {
    shell: Shell,
    line: Line,
    version: i64,
    guardian: String,
    phone: String,
    strip: Vec<StripDay>,
    story: Vec<Happened>,
    open: bool,
    may_handle: bool,
    checked: bool,
    key: String,
    kinds: Vec<(&'static str, &'static str)>,
    outcomes: Vec<(String, String)>,
    phrases: [&'static str; 4],
    may_leave: bool,
}

pub async fn one(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let office = &app.office;
    let w = office.seen_warning(&signed.actor, id, Action::ViewAttendance).await?;
    let j = signed.actor.jurisdiction(Action::ViewAttendance)?;
    let child = office.store.child(w.child, &j).await?.ok_or(OfficeError::NotFound)?;
    let own = signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(&w.class));
    let since = office.clock.today().saturating_sub(Span::new().days(KNOWN_DAYS));
    let days = office.attendance_of(w.child, since).await?;
    let events = office.store.events_of(&w).await?;
    let key: [u8; 16] = random().map_err(OfficeError::from)?;
    let version = w.version;
    let (open, checked) = (w.is_open(), w.checked_at.is_some());
    let line = line(&app, &signed.actor, w, &child)?;
    let page = WarningPage {
        shell: shell(&app, &signed, &headers, "预警", "/warnings").await?,
        version,
        guardian: if own { child.profile.guardian.clone() } else { String::new() },
        phone: if own { child.profile.phone.clone() } else { String::new() },
        strip: strip(&days),
        story: events
            .into_iter()
            .rev()
            .map(|e| Happened { when: when(e.at), what: e.detail, by: e.by.unwrap_or_else(|| "系统".into()) })
            .collect(),
        open,
        checked,
        may_handle: signed.actor.jurisdiction(Action::HandleWarnings).is_ok_and(|j| j.covers(&line_class(&child))),
        key: key.iter().map(|b| format!("{b:02x}")).collect(),
        kinds: ContactKind::ALL.into_iter().filter(|k| !k.is_visit()).map(|k| (k.code(), k.label())).collect(),
        outcomes: codes().outcome.iter().map(|c| (c.code.clone(), c.label.clone())).collect(),
        phrases: ["家里有事,明天到校", "生病在家", "不想上学", "电话打不通"],
        may_leave: own,
        line,
    };
    Ok(html(&page.shell, page.render()?))
}

/// 书面报告 as Word, for the school that takes the child's roll.
pub async fn report(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (name, bytes) = app.office.absence_report(&signed.actor, id).await?;
    Ok(file(&name, DOCX, bytes))
}

fn line_class(c: &baoxue_store::ChildRow) -> String {
    c.school_path.clone().unwrap_or_default()
}

#[derive(Deserialize)]
pub struct CallForm {
    #[serde(default)]
    key: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    met: String,
    #[serde(default)]
    words: String,
}

pub async fn call(Visit { app, signed, .. }: Visit, Path(id): Path<i64>, Form(f): Form<CallForm>) -> Result<Response, PageError> {
    let c = Calling { key: &f.key, kind: &f.kind, outcome: &f.outcome, met: &f.met, words: &f.words };
    app.office.call_about(&signed.actor, id, &c).await?;
    Ok(go(&format!("/warnings/{id}"), "已记下这次联系"))
}

#[derive(Deserialize)]
pub struct CheckForm {
    version: i64,
    #[serde(default)]
    said: String,
}

pub async fn check(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<CheckForm>,
) -> Result<Response, PageError> {
    app.office.check_warning(&signed.actor, id, f.version, &f.said).await?;
    Ok(go(&format!("/warnings/{id}"), "已记下核查情况;孩子到校或请假后自动解除"))
}
