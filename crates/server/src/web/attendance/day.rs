//! 考勤一览: a day of all classes that one sees, by school and class; the roll of a month.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Deed, Jurisdiction};
use baoxue_domain::attendance::{Check, Mark};
use baoxue_domain::place::PlacePath;
use jiff::Span;
use jiff::civil::Date;
use serde::Deserialize;

use super::{class_name, name_for};
use crate::app::attendance::overview::{ClassDay, Sums};
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::url_part;
use crate::web::frame::visit::Visit;

/// Days back to which one looks.
const BACK_DAYS: i64 = 400;
/// Classes of a page; more are looked at by school.
const MAX_LINES: usize = 600;

struct Line {
    name: String,
    href: String,
    sums: Sums,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "attendance/day.html")]
struct DayPage {
    shell: Shell,
    day: String,
    today: String,
    before: String,
    after: Option<String>,
    check: String,
    checks: Vec<(&'static str, &'static str, bool)>,
    total: Sums,
    rate: String,
    /// The school whose classes are shown.
    school: Option<(String, String)>,
    lines: Vec<Line>,
    left: usize,
    warnings: [i64; 4],
    month: String,
    /// The shown school is one's own: its week can be taken away.
    own: bool,
    /// There are other schools.
    several: bool,
    /// 催办文字, for a group in which no robot speaks: schools and numbers, no child.
    chase: String,
}

#[derive(Deserialize, Default)]
pub struct DayQuery {
    #[serde(default)]
    day: String,
    #[serde(default)]
    check: String,
    #[serde(default)]
    school: String,
}

fn state(d: &ClassDay) -> &'static str {
    match (&d.count, d.late) {
        (Some(_), _) => "已点名",
        (None, true) => "没有点名",
        (None, false) => "待点名",
    }
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<DayQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewAttendance)?;
    let today = office.clock.today();
    let earliest = today.saturating_sub(Span::new().days(BACK_DAYS));
    let day = q.day.parse::<Date>().ok().filter(|d| *d <= today && *d >= earliest).unwrap_or(today);
    let check = Check::find(&q.check);
    let all = office.day_of_classes(&j, day, check).await?;
    let mut total = Sums::default();
    all.iter().for_each(|d| total.add(d));
    let mut schools: BTreeMap<String, Sums> = BTreeMap::new();
    for d in &all {
        schools.entry(d.class.school().to_string()).or_default().add(d);
    }
    let chosen = if schools.len() == 1 {
        schools.keys().next().cloned()
    } else {
        Some(q.school.clone()).filter(|s| schools.contains_key(s))
    };
    let names = office.store.place_names(&schools.keys().map(String::as_str).collect::<Vec<_>>()).await?;
    let at = |school: &str| format!("/attendance?day={day}&check={}&school={}", q.check, url_part(school));
    let lines: Vec<Line> = match &chosen {
        Some(s) => all
            .iter()
            .filter(|d| d.class.school().as_str() == s)
            .map(|d| {
                let mut sums = Sums::default();
                sums.add(d);
                let month = format!("{:04}-{:02}", day.year(), day.month());
                Line {
                    name: format!("{} {}", class_name(&d.class), d.check.label()),
                    href: format!("/attendance/month?class={}&month={month}", url_part(d.class.as_str())),
                    sums,
                    state: state(d),
                }
            })
            .collect(),
        None => {
            let mut rows: Vec<(&String, &Sums)> = schools.iter().collect();
            // what is missing comes first
            rows.sort_by_key(|(p, s)| (std::cmp::Reverse(s.late), std::cmp::Reverse(s.unexplained), (*p).clone()));
            let line = |(p, s): (&String, &Sums)| Line {
                name: names.get(p).cloned().unwrap_or_default(),
                href: at(p),
                sums: *s,
                state: "",
            };
            rows.into_iter().map(line).collect()
        }
    };
    let late: Vec<String> = schools
        .iter()
        .filter(|s| s.1.late > 0)
        .map(|(p, s)| format!("{} {} 次", names.get(p).cloned().unwrap_or_default(), s.late))
        .collect();
    let chase = match late.is_empty() {
        true => String::new(),
        false => format!(
            "{} 月 {} 日还没有点名:{}。请班主任现在补点,没有信号的用“离线办理”。",
            day.month(),
            day.day(),
            late.join("、")
        ),
    };
    let rate = match total.expected {
        0 => String::new(),
        n => format!("{:.1}%", total.present as f64 * 100.0 / n as f64),
    };
    let from = day.first_of_month();
    let page = DayPage {
        shell: shell(&app, &signed, &headers, "考勤", "/attendance").await?,
        day: day.to_string(),
        today: today.to_string(),
        before: day.saturating_sub(Span::new().days(1)).to_string(),
        after: (day < today).then(|| day.saturating_add(Span::new().days(1)).to_string()),
        check: q.check.clone(),
        checks: Check::ALL.into_iter().map(|c| (c.code(), c.label(), Some(c) == check)).collect(),
        total,
        rate,
        several: schools.len() > 1,
        chase,
        own: chosen.as_ref().is_some_and(|s| signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(s))),
        school: chosen.map(|s| (names.get(&s).cloned().unwrap_or_default(), s)),
        left: lines.len().saturating_sub(MAX_LINES),
        lines: lines.into_iter().take(MAX_LINES).collect(),
        warnings: office.store.warning_figures(&j, from, day).await?,
        month: format!("{} 月", day.month()),
    };
    Ok(html(&page.shell, page.render()?))
}

/// A pupil's month.
struct Row {
    id: i64,
    name: String,
    signs: Vec<(&'static str, &'static str)>,
    present: usize,
    sick: usize,
    leave: usize,
    unexplained: usize,
    tardy: usize,
}

#[derive(Template)]
#[template(path = "attendance/month.html")]
struct MonthPage {
    shell: Shell,
    class: String,
    name: String,
    school: String,
    month: String,
    title: String,
    before: String,
    after: Option<String>,
    heads: Vec<String>,
    rows: Vec<Row>,
    takers: Vec<String>,
    empty: bool,
    may_export: bool,
    may_view: bool,
}

#[derive(Deserialize, Default)]
pub struct MonthQuery {
    #[serde(default)]
    class: String,
    #[serde(default)]
    month: String,
}

fn month_of(d: Date) -> String {
    format!("{:04}-{:02}", d.year(), d.month())
}

pub async fn month(Visit { app, signed, headers }: Visit, Query(q): Query<MonthQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let (class, j) = office.own_class(&signed.actor, &q.class, Action::ViewAttendance)?;
    let first = office.month_meant(&q.month);
    let m = office.month_of_class(&class, &j, first).await?;
    let list = office.class_list(&class, &j).await?;
    let shown: BTreeMap<i64, String> =
        list.expected.iter().chain(list.others.iter().map(|o| &o.0)).map(|c| (c.id, name_for(&signed.actor, c))).collect();
    let row = |(id, name, marks): (i64, String, Vec<Option<Mark>>)| {
        let n = |f: fn(Mark) -> bool| marks.iter().flatten().filter(|m| f(**m)).count();
        Row {
            id,
            name: shown.get(&id).cloned().unwrap_or_else(|| baoxue_domain::access::mask_name(&name)),
            present: n(Mark::was_there),
            sick: n(|m| m == Mark::Sick),
            leave: n(|m| m == Mark::Leave),
            unexplained: n(Mark::is_unexplained),
            tardy: n(|m| matches!(m, Mark::Late | Mark::LeftEarly)),
            signs: marks.iter().map(|m| m.map_or(("", "没有点名"), |m| (m.sign(), m.label()))).collect(),
        }
    };
    let several = m.checks.len() > 1;
    let head = |d: &Date, c: &Check| if several { format!("{}{}", d.day(), &c.label()[..3]) } else { d.day().to_string() };
    let last_month = first.saturating_sub(Span::new().months(1));
    let next_month = first.saturating_add(Span::new().months(1));
    let school = office.store.place_names(&[class.school().as_str()]).await?.remove(class.school().as_str()).unwrap_or_default();
    let page = MonthPage {
        shell: shell(&app, &signed, &headers, "点名册", "/attendance").await?,
        name: class_name(&class),
        school,
        title: format!("{} 年 {} 月", first.year(), first.month()),
        month: month_of(first),
        before: month_of(last_month),
        after: (next_month <= office.clock.today()).then(|| month_of(next_month)),
        heads: m.days.iter().flat_map(|d| m.checks.iter().map(move |c| head(d, c))).collect(),
        empty: m.takers.iter().all(String::is_empty),
        takers: m.takers,
        rows: m.rows.into_iter().map(row).collect(),
        may_export: signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(class.as_str())),
        may_view: signed.actor.may(Action::ViewChild),
        class: class.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// 点名册 as Excel: with whole names, for whoever takes the roll of the class.
pub async fn month_sheet(Visit { app, signed, .. }: Visit, Query(q): Query<MonthQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let (class, j) = office.own_class(&signed.actor, &q.class, Action::ViewAttendance)?;
    let own = signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(class.as_str()));
    if !own {
        return Err(OfficeError::NotFound.into());
    }
    let first = office.month_meant(&q.month);
    let bytes = office.month_sheet(&class, &j, first).await?;
    let name = format!("{} {} 年 {} 月点名册.xlsx", class_name(&class), first.year(), first.month());
    office.note(&signed.actor, Deed::Export, &format!("class:{}", PlacePath::as_str(&class)), &name).await?;
    Ok(file(&name, XLSX, bytes))
}

#[derive(Deserialize, Default)]
pub struct WeekQuery {
    #[serde(default)]
    school: String,
    #[serde(default)]
    day: String,
}

/// A school all of whose rolls one takes.
fn own_school(path: &str, j: &Jurisdiction) -> Result<PlacePath, OfficeError> {
    let school = PlacePath::parse(path).filter(|p| !p.is_government() && p.depth() == 2 && j.covers(p.as_str()));
    school.ok_or(OfficeError::NotFound)
}

/// 晨(午)检记录表, 因病缺课登记 of a school's day, for its own people.
pub async fn health(Visit { app, signed, .. }: Visit, Query(q): Query<WeekQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::TakeRoll)?;
    let school = own_school(&q.school, &j)?;
    let today = office.clock.today();
    let day = q.day.parse::<Date>().ok().filter(|d| *d <= today && *d >= today.saturating_sub(Span::new().days(BACK_DAYS)));
    let bytes = office.health_sheets(&school, &j, day.unwrap_or(today)).await?;
    let name = format!("晨午检、因病缺课 {}.xlsx", day.unwrap_or(today));
    office.note(&signed.actor, Deed::Export, "因病缺课登记", &name).await?;
    Ok(file(&name, XLSX, bytes))
}

/// 周报: a school's week as Excel, for its own people.
pub async fn week(Visit { app, signed, .. }: Visit, Query(q): Query<WeekQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::TakeRoll)?;
    let school = own_school(&q.school, &j)?;
    let today = office.clock.today();
    let day = q.day.parse::<Date>().ok().filter(|d| *d <= today && *d >= today.saturating_sub(Span::new().days(BACK_DAYS)));
    let bytes = office.week_sheets(&school, &j, day.unwrap_or(today)).await?;
    let name = format!("考勤周报 {}.xlsx", day.unwrap_or(today));
    office.note(&signed.actor, Deed::Export, "考勤周报", &name).await?;
    Ok(file(&name, XLSX, bytes))
}
