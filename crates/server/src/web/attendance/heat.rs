//! 出勤日历: a term day by day, in colours and as a table.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::place::PlacePath;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;

use super::class_name;
use crate::app::attendance::heat::HeatDay;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::url_part;
use crate::web::frame::visit::Visit;

/// Weeks that a page shows.
const WEEKS: i64 = 20;
/// Places to choose from.
const MAX_PLACES: usize = 300;

/// A day of the calendar.
struct Cell {
    day: String,
    number: i8,
    class: &'static str,
    words: String,
}

#[derive(Template)]
#[template(path = "attendance/heat.html")]
struct HeatPage {
    shell: Shell,
    name: String,
    /// Path, name, whether it is chosen.
    places: Vec<(String, String, bool)>,
    /// Month where it begins, and seven days; nothing after today.
    weeks: Vec<(String, Vec<Option<Cell>>)>,
    /// Day, taken, expected, present, sick, leave, unexplained, rate.
    rows: Vec<(String, HeatDay, String)>,
    before: String,
    after: Option<String>,
}

#[derive(Deserialize, Default)]
pub struct HeatQuery {
    #[serde(default)]
    place: String,
    /// The last day that is shown.
    #[serde(default)]
    to: String,
}

fn rate(d: &HeatDay) -> String {
    d.rate().map(|r| format!("{}.{}%", r / 10, r % 10)).unwrap_or_default()
}

/// The colour of a rate: 出勤率 98, 95, 90, 85.
fn colour(d: Option<&HeatDay>, school_day: bool) -> &'static str {
    match d.and_then(HeatDay::rate) {
        None if school_day => "h-none",
        None => "h-off",
        Some(r) if r >= 980 => "h-5",
        Some(r) if r >= 950 => "h-4",
        Some(r) if r >= 900 => "h-3",
        Some(r) if r >= 850 => "h-2",
        Some(_) => "h-1",
    }
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<HeatQuery>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let whole = actor.jurisdiction(Action::ViewAttendance)?;
    let j = if q.place.is_empty() { whole.clone() } else { office.narrowed(&whole, &q.place).await? };
    let today = office.clock.today();
    let last = q.to.parse::<Date>().ok().filter(|d| *d <= today).unwrap_or(today);
    let classes = office.classes_of(&whole).await?;
    let calendar = match classes.iter().find(|c| j.covers(c.as_str())) {
        Some(c) => office.calendars().await?.of(c),
        None => Default::default(),
    };
    let monday_of = |d: Date| d.saturating_sub(i64::from(d.weekday().to_monday_zero_offset()).days());
    let earliest = monday_of(last).saturating_sub((7 * (WEEKS - 1)).days());
    // of a term that runs from its first week on
    let from = calendar.term(last).map_or(earliest, |t| monday_of(t.from).max(earliest));
    let days = office.heat(&j, from, last).await?;
    // places to choose: towns and schools that one sees; of one school its classes
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for c in &classes {
        paths.insert(c.school().to_string(), String::new());
    }
    let names = office.store.place_names(&paths.keys().map(String::as_str).collect::<Vec<_>>()).await?;
    for (path, name) in &mut paths {
        *name = names.get(path).cloned().unwrap_or_default();
    }
    let counties: std::collections::BTreeSet<String> = classes.iter().filter_map(|c| c.county()?.education_prefix()).collect();
    for county in counties {
        for s in office.store.places_below(&county, today, &["school"]).await? {
            if let Some(t) = s.town_path.filter(|_| paths.contains_key(s.path.as_str()) && paths.len() > 1) {
                paths.entry(t.to_string()).or_default();
            }
        }
    }
    let towns: Vec<String> = paths.iter().filter(|p| p.1.is_empty()).map(|p| p.0.clone()).collect();
    let named = office.store.place_names(&towns.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for t in towns {
        let name = named.get(&t).cloned().unwrap_or_default();
        paths.insert(t, name);
    }
    let of_one = PlacePath::parse(&q.place).map(|p| p.school().to_string());
    let one_school = classes.iter().all(|c| classes.first().is_some_and(|f| f.school() == c.school()));
    for c in classes.iter().filter(|c| one_school || of_one.as_deref() == Some(c.school().as_str())) {
        paths.insert(c.to_string(), format!("  {}", class_name(c)));
    }
    let cell = |day: Date| {
        let of = days.get(&day);
        let words = match of {
            Some(d) => format!("{day} 出勤率 {}(应到 {},实到 {},原因不明 {})", rate(d), d.expected, d.present(), d.unexplained),
            None if calendar.day(day).is_school_day() => format!("{day} 没有点名"),
            None => format!("{day} {}", calendar.day(day).label()),
        };
        Cell { number: day.day(), class: colour(of, calendar.day(day).is_school_day()), words, day: day.to_string() }
    };
    let week = |n: i64| {
        let first = from.saturating_add((7 * n).days());
        let all: Vec<Option<Cell>> =
            (0..7).map(|i| first.saturating_add(i64::from(i).days())).map(|d| (d <= last).then(|| cell(d))).collect();
        (format!("{} 月", first.month()), all)
    };
    let chosen = |p: &str| p == q.place;
    let page = HeatPage {
        shell: shell(&app, &signed, &headers, "出勤日历", "/attendance").await?,
        name: paths.get(&q.place).map(|n| n.trim().to_owned()).unwrap_or_default(),
        places: paths.iter().take(MAX_PLACES).map(|(p, n)| (p.clone(), n.clone(), chosen(p))).collect(),
        weeks: (0..WEEKS).filter(|n| from.saturating_add((7 * n).days()) <= last).map(week).collect(),
        rows: days.iter().rev().map(|(d, h)| (d.to_string(), *h, rate(h))).collect(),
        before: format!("/attendance/calendar?place={}&to={}", url_part(&q.place), from.saturating_sub(1.days())),
        after: (last < today).then(|| format!("/attendance/calendar?place={}", url_part(&q.place))),
    };
    Ok(html(&page.shell, page.render()?))
}
