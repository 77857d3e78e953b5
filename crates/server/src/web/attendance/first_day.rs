//! 开学报到: how classes, schools and towns stand on the first day of a term, while it comes in; who did not arrive, and who came though no list knew it.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use baoxue_domain::access::{Action, Deed, Jurisdiction};
use baoxue_domain::place::PlacePath;
use baoxue_store::{NewcomerState, random};
use jiff::civil::Date;
use serde::Deserialize;

use super::{class_name, name_for};
use crate::app::attendance::first_day::{AWAY, FirstSums};
use crate::app::attendance::newcomers::Arriving;
use crate::app::office::{Office, OfficeError};
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{url_part, when};
use crate::web::frame::visit::Visit;

/// Rows of a page.
const MAX_LINES: usize = 600;

struct Line {
    name: String,
    href: String,
    sums: FirstSums,
    away: Vec<i64>,
}

struct AwayLine {
    child: i64,
    name: String,
    class: String,
    why: &'static str,
    note: String,
    seen: String,
    warning: Option<(i64, &'static str)>,
    case: Option<i64>,
}

#[derive(Template)]
#[template(path = "attendance/first_day.html")]
struct FirstDayPage {
    shell: Shell,
    day: Option<String>,
    today: bool,
    /// What is shown: link back, name.
    within: Option<(String, String)>,
    heads: [&'static str; 9],
    /// 乡镇, 学校, 班级
    unit: &'static str,
    total: FirstSums,
    totals: Vec<i64>,
    lines: Vec<Line>,
    left: usize,
    away: Vec<AwayLine>,
    away_left: usize,
    place: String,
    sheet: String,
    view_children: bool,
    view_cases: bool,
}

#[derive(Deserialize, Default)]
pub struct FirstDayQuery {
    #[serde(default)]
    day: String,
    /// A town, school or class.
    #[serde(default)]
    place: String,
}

/// The day that was asked for, or the first day of this term.
async fn day_meant(office: &Office, j: &Jurisdiction, text: &str) -> Result<Option<Date>, PageError> {
    let today = office.clock.today();
    match text.parse::<Date>().ok().filter(|d| *d <= today) {
        Some(d) => Ok(Some(d)),
        None => Ok(office.first_day_of_term(j).await?),
    }
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<FirstDayQuery>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let whole = actor.jurisdiction(Action::ViewAttendance)?;
    let j = if q.place.is_empty() { whole } else { office.narrowed(&whole, &q.place).await? };
    let day = day_meant(office, &j, &q.day).await?;
    let classes = match day {
        Some(d) => office.first_day(&j, d).await?,
        None => Vec::new(),
    };
    let mut total = FirstSums::default();
    type Lines = BTreeMap<String, FirstSums>;
    let (mut towns, mut schools, mut rows) = (Lines::new(), Lines::new(), Lines::new());
    for c in &classes {
        total.add(c);
        towns.entry(c.town.clone().unwrap_or_default()).or_default().add(c);
        schools.entry(c.class.school().to_string()).or_default().add(c);
        rows.entry(c.class.to_string()).or_default().add(c);
    }
    let (unit, lines) = match (towns.len() > 1, schools.len() > 1) {
        (true, _) => ("乡镇(中心校)", towns),
        (false, true) => ("学校", schools),
        (false, false) => ("班级", rows),
    };
    let names = office.store.place_names(&lines.keys().map(String::as_str).collect::<Vec<_>>()).await?;
    let named = |path: &str| match (names.get(path), PlacePath::parse(path)) {
        (_, Some(p)) if unit == "班级" => class_name(&p),
        (Some(n), _) => n.clone(),
        _ => "(学校未写明乡镇)".to_owned(),
    };
    let shown = day.map(|d| d.to_string());
    let at = |path: &str| format!("/first-day?day={}&place={}", shown.as_deref().unwrap_or(""), url_part(path));
    let register =
        |path: &str| format!("/roll/register?class={}&day={}&check=first-day", url_part(path), shown.as_deref().unwrap_or(""));
    let takes = |path: &str| actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(path));
    let left = lines.len().saturating_sub(MAX_LINES);
    let mut lines: Vec<Line> = lines
        .into_iter()
        .map(|(path, sums)| Line {
            name: named(&path),
            href: match unit {
                "班级" if takes(&path) => register(&path),
                "班级" => String::new(),
                _ if path.is_empty() => String::new(),
                _ => at(&path),
            },
            away: AWAY.iter().map(|a| sums.of(a)).collect(),
            sums,
        })
        .collect();
    if unit != "班级" {
        // whoever has not reported comes first
        lines.sort_by_key(|l| (l.sums.reported - l.sums.classes, -l.sums.missing()));
    }
    lines.truncate(MAX_LINES);
    let (away, away_left) = match day {
        Some(d) => office.away_on_first_day(&j, d).await?,
        None => (Vec::new(), 0),
    };
    let away_line = |a: crate::app::attendance::first_day::Away| AwayLine {
        child: a.child.id,
        name: name_for(actor, &a.child),
        class: PlacePath::parse(&a.class).map(|p| class_name(&p)).unwrap_or_default(),
        why: a.why,
        note: if takes(&a.class) { a.note } else { String::new() },
        seen: a.seen_on.map(|d| format!("{d} 已到校")).unwrap_or_default(),
        warning: a.warning.map(|w| (w.0, w.1.label())),
        case: a.case,
    };
    let within = match PlacePath::parse(&q.place) {
        Some(p) => {
            let name = match office.store.place_names(&[p.as_str()]).await?.remove(p.as_str()) {
                Some(n) => n,
                None => class_name(&p),
            };
            Some((format!("/first-day?day={}", shown.as_deref().unwrap_or("")), name))
        }
        None => None,
    };
    let page = FirstDayPage {
        shell: shell(&app, &signed, &headers, "开学报到", "/attendance").await?,
        today: day == Some(office.clock.today()),
        day: shown,
        within,
        heads: AWAY,
        unit,
        totals: AWAY.iter().map(|a| total.of(a)).collect(),
        total,
        lines,
        left,
        away_left: away_left + away.len().saturating_sub(MAX_LINES),
        away: away.into_iter().take(MAX_LINES).map(away_line).collect(),
        sheet: format!("/first-day.xlsx?day={}&place={}", day.map(|d| d.to_string()).unwrap_or_default(), url_part(&q.place)),
        place: q.place,
        view_children: actor.may(Action::ViewChild),
        view_cases: actor.may(Action::ViewCases),
    };
    Ok(html(&page.shell, page.render()?))
}

/// 开学第一天返校情况统计表; with names for whoever takes the roll of these classes.
pub async fn sheet(Visit { app, signed, .. }: Visit, Query(q): Query<FirstDayQuery>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let own = actor.jurisdiction(Action::TakeRoll).ok();
    let whole = match &own {
        Some(j) => j.clone(),
        None => actor.jurisdiction(Action::ViewAttendance)?,
    };
    let j = if q.place.is_empty() { whole } else { office.narrowed(&whole, &q.place).await? };
    let day = day_meant(office, &j, &q.day).await?.ok_or(OfficeError::NotFound)?;
    let bytes = office.first_day_sheets(&j, day, own.is_some()).await?;
    let name = format!("开学第一天返校情况统计表 {day}.xlsx");
    office.note(actor, Deed::Export, "开学报到", &name).await?;
    Ok(file(&name, XLSX, bytes))
}

struct NewcomerLine {
    id: i64,
    name: String,
    about: String,
    class: String,
    day: String,
    from: String,
    state: &'static str,
    child: Option<i64>,
    by: String,
    may_withdraw: bool,
}

#[derive(Template)]
#[template(path = "attendance/newcomers.html")]
struct NewcomersPage {
    shell: Shell,
    /// The class for which one is written down: path, name.
    class: Option<(String, String)>,
    day: String,
    today: String,
    key: String,
    lines: Vec<NewcomerLine>,
    waiting: usize,
    may_import: bool,
    view_children: bool,
}

#[derive(Deserialize, Default)]
pub struct NewcomersQuery {
    #[serde(default)]
    class: String,
    #[serde(default)]
    day: String,
}

pub async fn newcomers(Visit { app, signed, headers }: Visit, Query(q): Query<NewcomersQuery>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let today = office.clock.today();
    let class = match q.class.as_str() {
        "" => None,
        c => {
            let (path, _) = office.own_class(actor, c, Action::TakeRoll)?;
            let school = office.store.place_names(&[path.school().as_str()]).await?.remove(path.school().as_str());
            Some((path.to_string(), format!("{} {}", school.unwrap_or_default(), class_name(&path))))
        }
    };
    let sees = actor.jurisdiction(Action::ViewChild).ok();
    let mut lines = Vec::new();
    for n in office.newcomers(actor).await? {
        let own = actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(&n.class));
        let child = match (n.child, &sees) {
            (Some(c), Some(j)) => office.store.child(c, j).await?.map(|c| c.id),
            _ => None,
        };
        let d = &n.detail;
        lines.push(NewcomerLine {
            id: n.id,
            name: if own { d.name.clone() } else { baoxue_domain::access::mask_name(&d.name) },
            about: format!("{} {}", d.sex, d.birth_date),
            class: PlacePath::parse(&n.class).map(|p| class_name(&p)).unwrap_or_default(),
            day: n.day.to_string(),
            from: if own { d.from.clone() } else { String::new() },
            state: n.state.label(),
            child,
            by: format!("{} {}", n.by, when(n.at)),
            may_withdraw: own && matches!(n.state, NewcomerState::Waiting | NewcomerState::Known),
        });
    }
    let bytes: [u8; 16] = random().map_err(OfficeError::from)?;
    let page = NewcomersPage {
        shell: shell(&app, &signed, &headers, "名单外到校", "/attendance").await?,
        class,
        day: q.day.parse::<Date>().ok().filter(|d| *d <= today).unwrap_or(today).to_string(),
        today: today.to_string(),
        key: bytes.iter().map(|b| format!("{b:02x}")).collect(),
        waiting: lines.iter().filter(|l| l.state == NewcomerState::Waiting.label()).count(),
        lines,
        may_import: actor.may(Action::ImportRosters),
        view_children: actor.may(Action::ViewChild),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct NewcomerForm {
    class: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    birth_date: String,
    #[serde(default)]
    national_id: String,
    #[serde(default)]
    guardian: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    from: String,
}

pub async fn add_newcomer(Visit { app, signed, .. }: Visit, Form(f): Form<NewcomerForm>) -> Result<Response, PageError> {
    let a = Arriving {
        class: &f.class,
        day: &f.day,
        key: &f.key,
        name: &f.name,
        sex: &f.sex,
        birth_date: &f.birth_date,
        national_id: &f.national_id,
        guardian: &f.guardian,
        phone: &f.phone,
        from: &f.from,
    };
    let said = match app.office.add_newcomer(&signed.actor, &a).await? {
        NewcomerState::Known => "已登记:县内已有这名孩子的记录,已告知负责的县教育局",
        _ => "已登记为在校待建学籍",
    };
    Ok(go("/newcomers", said))
}

pub async fn withdraw_newcomer(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    app.office.withdraw_newcomer(&signed.actor, id).await?;
    Ok(go("/newcomers", "已撤回"))
}

pub async fn to_roster(Visit { app, signed, .. }: Visit) -> Result<Response, PageError> {
    let (batch, n) = app.office.newcomers_to_roster(&signed.actor).await?;
    Ok(go(&format!("/rosters/{batch}"), &format!("已把 {n} 名待建学籍的孩子做成在校名册;请以“补充”载入,再比对")))
}
