//! 点名: one's classes and what is to be taken now; a register, on which all are present until somebody says otherwise.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::attendance::{Check, Mark, covers, half_of};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Duty, MarkDetail, random};
use jiff::civil::Date;
use serde::Deserialize;

use super::class_name;
use crate::app::attendance::class::on_duty;
use crate::app::attendance::overview::ClassDay;
use crate::app::attendance::roll::{LATE_DAYS, MAX_CLASSES, SYMPTOMS, Taking, WHEREABOUTS, checks_on};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{number, url_part, when};
use crate::web::frame::visit::Visit;

/// A check of a class on the list.
struct Line {
    class: String,
    check: &'static str,
    href: String,
    says: String,
    taken: bool,
    late: bool,
    /// 值班: who takes it, where that was arranged; whether it is oneself.
    duty: Option<(String, bool)>,
}

/// A school's classes, where somebody has those of several.
struct School {
    name: String,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "attendance/roll.html")]
struct RollPage {
    shell: Shell,
    day: String,
    today: bool,
    kind: &'static str,
    schools: Vec<School>,
    left: usize,
    first: String,
    last: String,
}

#[derive(Deserialize, Default)]
pub struct RollQuery {
    #[serde(default)]
    day: String,
}

/// A day within those of which the roll is taken; today where nothing sensible was asked.
fn day_meant(app: &App, text: &str) -> Date {
    let today = app.office.clock.today();
    let asked =
        text.parse::<Date>().ok().filter(|d| *d <= today && *d >= today.saturating_sub(jiff::Span::new().days(LATE_DAYS)));
    asked.unwrap_or(today)
}

fn address(class: &str, day: Date, check: Check) -> String {
    format!("/roll/register?class={}&day={day}&check={}", url_part(class), check.code())
}

fn line(d: &ClassDay, day: Date, duties: &[Duty], own: i64) -> Line {
    let says = match &d.count {
        None if d.late => "还没有点名".to_owned(),
        None => "待点名".to_owned(),
        Some(c) => {
            let away: i64 = c.marks.iter().filter(|m| !m.0.was_there()).map(|m| m.1).sum();
            let unknown: i64 = c.marks.iter().filter(|m| m.0.is_unexplained()).map(|m| m.1).sum();
            let mut says = format!("应到 {},实到 {}", c.size, c.size - away);
            if unknown > 0 {
                says += &format!(",原因不明 {unknown}");
            }
            if c.doubtful > 0 {
                says += &format!(",两人点的不一致 {}", c.doubtful);
            }
            says
        }
    };
    Line {
        class: class_name(&d.class),
        check: d.check.label(),
        href: address(d.class.as_str(), day, d.check),
        says,
        taken: d.count.is_some(),
        late: d.late,
        duty: on_duty(duties, d.class.as_str(), d.check, day).map(|x| (x.name.clone(), x.account == own)),
    }
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<RollQuery>) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::TakeRoll)?;
    let day = day_meant(&app, &q.day);
    let all = app.office.day_of_classes(&j, day, None).await?;
    let calendar = match all.first() {
        Some(d) => app.office.calendars().await?.of(&d.class),
        None => Default::default(),
    };
    let left = all.len().saturating_sub(MAX_CLASSES);
    let mut schools: Vec<(String, School)> = Vec::new();
    let mut duties: BTreeMap<String, Vec<Duty>> = BTreeMap::new();
    for d in all.iter().take(MAX_CLASSES) {
        let school = d.class.school().to_string();
        if schools.last().is_none_or(|s| s.0 != school) {
            duties.insert(school.clone(), app.office.store.duties(&school).await?);
            schools.push((school, School { name: String::new(), lines: Vec::new() }));
        }
        if let Some(s) = schools.last_mut() {
            s.1.lines.push(line(d, day, duties.get(&s.0).map_or(&[][..], Vec::as_slice), signed.actor.account));
        }
    }
    let paths: Vec<&str> = schools.iter().map(|s| s.0.as_str()).collect();
    let mut names = app.office.store.place_names(&paths).await?;
    let today = app.office.clock.today();
    let page = RollPage {
        shell: shell(&app, &signed, &headers, "点名", "/roll").await?,
        day: day.to_string(),
        today: day == today,
        kind: calendar.day(day).label(),
        schools: schools.into_iter().map(|(p, s)| School { name: names.remove(&p).unwrap_or_default(), ..s }).collect(),
        left,
        first: today.saturating_sub(jiff::Span::new().days(LATE_DAYS)).to_string(),
        last: today.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// A pupil of a register.
struct Pupil {
    id: i64,
    name: String,
    sex: String,
    mark: &'static str,
    label: &'static str,
    doubtful: bool,
    other: String,
    note: String,
    symptom: String,
    whereabouts: String,
    watched: bool,
    leave: String,
}

#[derive(Template)]
#[template(path = "attendance/register.html")]
struct RegisterPage {
    shell: Shell,
    class: String,
    name: String,
    school: String,
    day: String,
    today: bool,
    check: &'static str,
    check_label: &'static str,
    /// Other checks of the day: label, address, whether it is this one.
    checks: Vec<(&'static str, String, bool)>,
    base: i64,
    key: String,
    pupils: Vec<Pupil>,
    others: Vec<(String, &'static str)>,
    marks: Vec<(&'static str, &'static str)>,
    symptoms: [(&'static str, &'static str); 6],
    /// On the first day of a term: where those are who did not come.
    whereabouts: Vec<(&'static str, &'static str)>,
    /// In the evening: only boarders are expected, or it is not known who boards.
    boarders: Option<bool>,
    first_day: bool,
    /// Version, who, when.
    versions: Vec<(i64, String, String)>,
    size: String,
    month: String,
}

#[derive(Deserialize, Default)]
pub struct RegisterQuery {
    #[serde(default)]
    class: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    check: String,
}

fn new_key() -> Result<String, OfficeError> {
    let bytes: [u8; 16] = random()?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

pub async fn register(Visit { app, signed, headers }: Visit, Query(q): Query<RegisterQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let (class, j) = office.own_class(&signed.actor, &q.class, Action::TakeRoll)?;
    let day = day_meant(&app, &q.day);
    let calendar = office.calendars().await?.of(&class);
    let asked = office.policy_then(class.county().as_ref(), day, i64::MAX).await?.roll_checks;
    let mut checks = checks_on(&calendar, day, asked);
    let check = Check::find(&q.check).or(checks.first().copied()).unwrap_or(Check::Morning);
    let standing = office.store.register(class.as_str(), day, check).await?;
    if standing.is_some() && !checks.contains(&check) {
        checks.push(check);
    }
    let (list, of_boarders) = office.check_list(&class, &j, (day, check)).await?;
    let ids: Vec<i64> = list.expected.iter().map(|c| c.id).collect();
    let watched = office.store.watched(&ids).await?;
    let leaves = office.store.granted_leaves(&ids, day).await?;
    // what was said at an earlier check of the day is where the next one begins: only 到了没有 is asked
    let carried = match &standing {
        Some(r) => office.store.marks_at(r, r.version).await?,
        None => {
            let mut before = BTreeMap::new();
            for c in checks.iter().take_while(|c| **c != check) {
                if let Some(r) = office.store.register(class.as_str(), day, *c).await? {
                    before = office.store.marks_at(&r, r.version).await?;
                    before.retain(|_, m| !m.mark.was_there());
                }
            }
            before
        }
    };
    let versions = match &standing {
        Some(r) => office.store.versions_of(r).await?,
        None => Vec::new(),
    };
    let pupil = |c: &baoxue_store::ChildRow| {
        let leave = leaves.iter().find(|l| l.child == c.id && covers(l.from, l.to, day, half_of(check)));
        let row = carried.get(&c.id);
        let mark = row.map(|m| m.mark).or(leave.map(|l| match l.kind {
            baoxue_domain::attendance::LeaveKind::Sick => Mark::Sick,
            baoxue_domain::attendance::LeaveKind::Personal => Mark::Leave,
        }));
        let mark = if standing.is_some() { row.map(|m| m.mark) } else { mark }.unwrap_or(Mark::Present);
        Pupil {
            id: c.id,
            name: c.profile.name.clone(),
            sex: c.sex.clone().unwrap_or_default(),
            mark: mark.code(),
            label: mark.label(),
            doubtful: standing.is_some() && row.is_some_and(|m| m.doubtful),
            other: row.map(|m| m.detail.other.clone()).unwrap_or_default(),
            note: row.map(|m| m.detail.note.clone()).unwrap_or_default(),
            symptom: row.map(|m| m.detail.symptom.clone()).unwrap_or_default(),
            whereabouts: row.map(|m| m.detail.whereabouts.clone()).unwrap_or_default(),
            watched: watched.iter().any(|w| w.child == c.id),
            leave: leave.map(|l| format!("{} 至 {}", l.kind.label(), l.to.0)).unwrap_or_default(),
        }
    };
    let school = office.store.place_names(&[class.school().as_str()]).await?.remove(class.school().as_str()).unwrap_or_default();
    let page = RegisterPage {
        shell: shell(&app, &signed, &headers, "点名", "/roll").await?,
        name: class_name(&class),
        school,
        today: day == office.clock.today(),
        check: check.code(),
        check_label: check.label(),
        checks: checks.iter().map(|c| (c.label(), address(class.as_str(), day, *c), *c == check)).collect(),
        base: standing.as_ref().map_or(0, |r| r.version),
        key: new_key()?,
        pupils: list.expected.iter().map(pupil).collect(),
        others: list.others.iter().map(|(c, r)| (c.profile.name.clone(), *r)).collect(),
        // what was chosen on a day on line stays to be seen, whatever the calendar says since
        marks: Mark::ALL
            .into_iter()
            .filter(|m| Mark::offered(calendar.day(day)).contains(m) || carried.values().any(|c| c.mark == *m))
            .map(|m| (m.code(), m.label()))
            .collect(),
        symptoms: SYMPTOMS,
        whereabouts: if check == Check::FirstDay { WHEREABOUTS.to_vec() } else { Vec::new() },
        boarders: (!check.tells_of_school()).then_some(of_boarders),
        first_day: check == Check::FirstDay,
        versions: versions.into_iter().map(|(v, by, at)| (v, by, when(at))).collect(),
        size: number(list.expected.len() as i64),
        month: format!("/attendance/month?class={}&month={:04}-{:02}", url_part(class.as_str()), day.year(), day.month()),
        class: class.to_string(),
        day: day.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// `mark-12=sick&note-12=发烧&symptom-12=fever`, again and again.
pub async fn take(Visit { app, signed, .. }: Visit, Form(form): Form<Vec<(String, String)>>) -> Result<Response, PageError> {
    let of = |name: &str| form.iter().find(|f| f.0 == name).map_or("", |f| f.1.as_str());
    let mut marks: BTreeMap<i64, (Mark, MarkDetail)> = BTreeMap::new();
    for (name, value) in &form {
        let Some((what, child)) = name.split_once('-') else { continue };
        let Ok(child) = child.parse::<i64>() else { continue };
        let entry = marks.entry(child).or_insert((Mark::Present, MarkDetail::default()));
        match what {
            "mark" => entry.0 = Mark::find(value).ok_or_else(|| OfficeError::Input("请从列表中选择点名结果".into()))?,
            "note" => value.trim().clone_into(&mut entry.1.note),
            "symptom" => value.clone_into(&mut entry.1.symptom),
            "whereabouts" => value.clone_into(&mut entry.1.whereabouts),
            _ => {}
        }
    }
    let t = Taking {
        class: of("class"),
        day: of("day"),
        check: of("check"),
        base: of("base").parse().unwrap_or(0),
        key: of("key"),
        phone_at: None,
        device: None,
        marks,
    };
    let taken = app.office.take_roll(&signed.actor, &t).await?;
    let away = taken.marks.values().filter(|m| !m.mark.was_there()).count() as i64;
    let again = if taken.known { "(这一次先前已经提交过)" } else { "" };
    let mut said = format!("已点名{again}:应到 {},实到 {}", taken.register.size, taken.register.size - away);
    if !taken.disagreements.is_empty() {
        said += &format!(";有 {} 人与另一次点名不一致,已按更须留意的记下,请再看一眼", taken.disagreements.len());
        let class = PlacePath::parse(t.class).ok_or(OfficeError::NotFound)?;
        return Ok(go(&address(class.as_str(), taken.register.day, taken.register.check), &said));
    }
    Ok(go(&format!("/roll?day={}", taken.register.day), &said))
}
