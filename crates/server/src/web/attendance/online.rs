//! 线上教学: a day on line, by class; who lacks what; 每日学习情况记录.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Deed};
use baoxue_domain::attendance::Mark;
use baoxue_domain::place::PlacePath;
use jiff::civil::Date;
use serde::Deserialize;

use super::{class_name, name_for};
use crate::app::attendance::online::{Lacking, OnlineClass, Teaching};
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::visit::Visit;

/// Rows of a page.
const MAX_LINES: usize = 600;

struct Line {
    path: String,
    name: String,
    taken: bool,
    /// 应参加, 参加, 请假, 未参加, 无设备, 无网络, 无人辅导
    n: [i64; 7],
    said: Option<(baoxue_store::Learning, String)>,
    own: bool,
}

struct LackingLine {
    child: i64,
    name: String,
    class: String,
    what: &'static str,
    note: String,
    solved: String,
}

#[derive(Template)]
#[template(path = "attendance/online.html")]
struct OnlinePage {
    shell: Shell,
    day: String,
    today: String,
    total: [i64; 7],
    lines: Vec<Line>,
    left: usize,
    lacking: Vec<LackingLine>,
    may_export: bool,
    view_children: bool,
}

#[derive(Deserialize, Default)]
pub struct OnlineQuery {
    #[serde(default)]
    day: String,
}

fn sums(c: &OnlineClass) -> [i64; 7] {
    let expected = if c.taken { c.expected } else { 0 };
    let of = |m| c.of(m);
    [expected, c.took_part(), c.excused(), c.missing(), of(Mark::NoDevice), of(Mark::NoNetwork), of(Mark::NoHelper)]
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<OnlineQuery>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let j = actor.jurisdiction(Action::ViewAttendance)?;
    let today = office.clock.today();
    let day = q.day.parse::<Date>().ok().filter(|d| *d <= today).unwrap_or(today);
    let classes = office.online_day(&j, day).await?;
    let mut total = [0; 7];
    classes.iter().map(sums).for_each(|s| total.iter_mut().zip(s).for_each(|(t, n)| *t += n));
    let own = |path: &str| actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(path));
    let left = classes.len().saturating_sub(MAX_LINES);
    let line = |c: OnlineClass| Line {
        name: class_name(&c.class),
        taken: c.taken,
        n: sums(&c),
        own: own(c.class.as_str()),
        said: c.record.map(|r| (r.said, r.by)),
        path: c.class.to_string(),
    };
    let lacking_line = |l: Lacking| LackingLine {
        child: l.child.id,
        name: name_for(actor, &l.child),
        class: PlacePath::parse(&l.class).map(|p| class_name(&p)).unwrap_or_default(),
        what: l.mark.label(),
        note: if own(&l.class) { l.note } else { String::new() },
        solved: l.solved_on.map(|d| format!("{d} 已解决")).unwrap_or_else(|| "待解决".into()),
    };
    let lacking = if classes.is_empty() { Vec::new() } else { office.lacking_on(&j, day).await? };
    let page = OnlinePage {
        shell: shell(&app, &signed, &headers, "线上教学", "/attendance").await?,
        day: day.to_string(),
        today: today.to_string(),
        total,
        lines: classes.into_iter().take(MAX_LINES).map(line).collect(),
        left,
        lacking: lacking.into_iter().take(MAX_LINES).map(lacking_line).collect(),
        may_export: actor.may(Action::TakeRoll),
        view_children: actor.may(Action::ViewChild),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct LearningForm {
    class: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    taught: String,
    #[serde(default)]
    by_means_of: String,
    #[serde(default)]
    handed_in: String,
    #[serde(default)]
    help: String,
}

pub async fn record(Visit { app, signed, .. }: Visit, Form(f): Form<LearningForm>) -> Result<Response, PageError> {
    let t = Teaching {
        class: &f.class,
        day: &f.day,
        taught: &f.taught,
        by_means_of: &f.by_means_of,
        handed_in: &f.handed_in,
        help: &f.help,
    };
    app.office.record_learning(&signed.actor, &t).await?;
    Ok(go(&format!("/attendance/online?day={}", f.day), "已记录"))
}

/// 每日学习情况记录 as Excel, for whoever takes the roll of these classes.
pub async fn sheet(Visit { app, signed, .. }: Visit, Query(q): Query<OnlineQuery>) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::TakeRoll)?;
    let today = app.office.clock.today();
    let day = q.day.parse::<Date>().ok().filter(|d| *d <= today).ok_or_else(|| OfficeError::field("day", "日期不对"))?;
    let bytes = app.office.online_sheets(&j, day).await?;
    let name = format!("每日学习情况记录 {day}.xlsx");
    app.office.note(&signed.actor, Deed::Export, "线上教学", &name).await?;
    Ok(file(&name, XLSX, bytes))
}
