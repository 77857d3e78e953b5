//! 校历: terms, closures and other days that are not as everywhere; a month of it to look at.

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::response::Response;
use baoxue_domain::calendar::{DayKind, ExceptionKind, Holiday, Workdays};
use baoxue_domain::place::PlacePath;
use jiff::Span;
use jiff::civil::Date;
use serde::Deserialize;

use crate::app::attendance::calendar::Saying;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

struct Cell {
    day: i8,
    class: &'static str,
    words: String,
    today: bool,
}

struct Said {
    id: i64,
    place: String,
    kind: &'static str,
    span: String,
    reason: String,
    by: String,
    own: bool,
}

#[derive(Template)]
#[template(path = "attendance/calendar.html")]
struct CalendarPage {
    shell: Shell,
    place: String,
    county: bool,
    title: String,
    before: String,
    after: String,
    /// Weeks from Monday; nothing before the first day.
    weeks: Vec<Vec<Option<Cell>>>,
    school_days: usize,
    terms: Vec<(i64, String, String)>,
    default_terms: bool,
    said: Vec<Said>,
    kinds: Vec<(&'static str, &'static str)>,
    today: String,
    newest_notice: String,
}

#[derive(Deserialize, Default)]
pub struct CalendarQuery {
    #[serde(default)]
    month: String,
}

fn month_of(d: Date) -> String {
    format!("{:04}-{:02}", d.year(), d.month())
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<CalendarQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let place = office.calendar_place(&signed.actor)?;
    let today = office.clock.today();
    let first = format!("{}-01", q.month).parse::<Date>().unwrap_or(today).first_of_month();
    let calendars = office.calendars().await?;
    let calendar = calendars.of(&place);
    let later: Vec<Holiday> = office.store.later_holidays().await?;
    let workdays = Workdays::with(&later);
    let cell = |d: Date| {
        let kind = calendar.day(d);
        let class = match kind {
            DayKind::Off => "d-unmarked",
            DayKind::Whole => "d-present",
            DayKind::Half(_) => "d-half",
            DayKind::Online => "d-excused",
        };
        let holiday = workdays.holiday(d).unwrap_or("");
        Cell { day: d.day(), class, words: format!("{d} {} {holiday}", kind.label()).trim().to_owned(), today: d == today }
    };
    let lead = first.weekday().to_monday_zero_offset();
    let mut cells: Vec<Option<Cell>> = (0..lead).map(|_| None).collect();
    cells.extend((1..=first.days_in_month()).filter_map(|n| first.with().day(n).build().ok()).map(|d| Some(cell(d))));
    let mut weeks: Vec<Vec<Option<Cell>>> = Vec::new();
    for c in cells {
        if weeks.last().is_none_or(|w| w.len() == 7) {
            weeks.push(Vec::new());
        }
        if let Some(w) = weeks.last_mut() {
            w.push(c);
        }
    }
    let (terms, said) = office.said_of_days(&place).await?;
    let paths: Vec<&str> = said.iter().map(|s| s.scope.as_str()).collect();
    let mut names = office.store.place_names(&paths).await?;
    names.extend(office.store.place_names(&[place.as_str()]).await?);
    let newest = later.iter().map(|h| h.off.1.year()).max().unwrap_or(2026).max(2026);
    let page = CalendarPage {
        shell: shell(&app, &signed, &headers, "校历", "/calendar").await?,
        county: place.county().is_some_and(|c| c == place),
        title: format!("{} 年 {} 月", first.year(), first.month()),
        before: month_of(first.saturating_sub(Span::new().months(1))),
        after: month_of(first.saturating_add(Span::new().months(1))),
        weeks,
        school_days: calendar.school_days(first, first.last_of_month()).len(),
        default_terms: terms.is_empty(),
        terms: terms.into_iter().map(|t| (t.id, t.term.name, format!("{} 至 {}", t.term.from, t.term.to))).collect(),
        said: said
            .into_iter()
            .rev()
            .map(|s| Said {
                id: s.id,
                kind: s.exception.kind.label(),
                span: if s.exception.from == s.exception.to {
                    s.exception.from.to_string()
                } else {
                    format!("{} 至 {}", s.exception.from, s.exception.to)
                },
                own: PlacePath::parse(&s.scope).is_some_and(|p| p == place || place.holds(&p)),
                place: names.get(&s.scope).cloned().unwrap_or_default(),
                reason: s.reason,
                by: format!("{} {}", s.by, when(s.at)),
            })
            .collect(),
        kinds: ExceptionKind::ALL.into_iter().map(|k| (k.code(), k.label())).collect(),
        today: today.to_string(),
        place: names.remove(place.as_str()).unwrap_or_default(),
        newest_notice: newest.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct DayForm {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    name: String,
}

/// What was done, and whether warnings say so yet.
fn said(what: &str, done: bool) -> String {
    let then = if done { "受影响的预警已重新研判" } else { "受影响的预警正在重新研判,几分钟后再看" };
    format!("{what};{then}")
}

pub async fn say(Visit { app, signed, .. }: Visit, Form(f): Form<DayForm>) -> Result<Response, PageError> {
    let s = Saying { kind: &f.kind, from: &f.from, to: &f.to, reason: &f.reason };
    let done = app.office.say_of_days(&signed.actor, &s).await?;
    Ok(go("/calendar", &said("已写入校历", done)))
}

pub async fn unsay(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let done = app.office.unsay_of_days(&signed.actor, id).await?;
    Ok(go("/calendar", &said("已撤回", done)))
}

pub async fn term(Visit { app, signed, .. }: Visit, Form(f): Form<DayForm>) -> Result<Response, PageError> {
    let done = app.office.set_term(&signed.actor, &f.name, &f.from, &f.to).await?;
    Ok(go("/calendar", &said("已设置学期", done)))
}

pub async fn end_term(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let done = app.office.end_term(&signed.actor, id).await?;
    Ok(go("/calendar", &said("已删除学期", done)))
}

pub async fn holidays(Visit { app, signed, .. }: Visit, mut form: Multipart) -> Result<Response, PageError> {
    while let Some(field) = form.next_field().await? {
        if field.name() == Some("file") {
            let n = app.office.put_holidays(&signed.actor, &field.bytes().await?).await?;
            return Ok(go("/calendar", &format!("已读入节假日 {n} 个")));
        }
    }
    Err(OfficeError::field("file", "请选择节假日文件").into())
}
