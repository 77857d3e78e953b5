//! 校历 (calendars): what the State Council, a county and a school say of days; what is said later changes warnings at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::calendar::{Exception, ExceptionKind, SchoolCalendar, Term, Workdays, read_holidays};
use baoxue_domain::place::PlacePath;
use baoxue_store::{ExceptionRow, TermRow};
use jiff::ToSpan;
use jiff::civil::Date;

use super::assess::KNOWN_DAYS;
use crate::app::case::opening::day_of;
use crate::app::jobs::housekeeping::Reassess;
use crate::app::office::{Office, OfficeError, Result};

/// Characters of a reason or name.
const MAX_TEXT: usize = 60;
/// Longest term.
const LONGEST_TERM: i32 = 240;
/// Days that one exception reaches.
const LONGEST_EXCEPTION: i32 = 366;
/// Days back of which a school says something afterwards.
const SCHOOL_BACK: i64 = 30;
/// Children who are assessed while somebody waits.
const AT_ONCE: usize = 500;
/// Bytes of a file of holidays.
const MAX_FILE: usize = 64 << 10;

/// All that is said of days, read once for many schools.
pub struct Calendars {
    workdays: Workdays,
    terms: Vec<TermRow>,
    exceptions: Vec<ExceptionRow>,
}

impl Calendars {
    /// The calendar of a school or class.
    pub fn of(&self, place: &PlacePath) -> SchoolCalendar {
        let county = place.county();
        let holds = |scope: &str| place.as_str().starts_with(scope) || county.as_ref().is_some_and(|c| scope == c.as_str());
        let terms = self.terms.iter().filter(|t| holds(&t.scope)).map(|t| t.term.clone()).collect();
        let exceptions = self.exceptions.iter().filter(|e| holds(&e.scope)).map(|e| e.exception.clone()).collect();
        SchoolCalendar::new(self.workdays.clone(), terms, exceptions)
    }
}

/// What was said of days, as long as nobody has said anything else.
type Stamped = ((i64, i64, i64, i64), Arc<Calendars>);

/// Calendars that were read, until they change: every roll asks for them.
#[derive(Clone, Default)]
pub struct CalendarCache(Arc<Mutex<Option<Stamped>>>);

/// An exception that somebody wants to say.
#[derive(Debug, Clone, Default)]
pub struct Saying<'a> {
    pub kind: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub reason: &'a str,
}

fn words(field: &'static str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(OfficeError::field(field, format!("请填写,不超过 {MAX_TEXT} 字")));
    }
    Ok(text.to_owned())
}

fn span(from: &str, to: &str, most: i32) -> Result<(Date, Date)> {
    let from = day_of("from", from)?.ok_or_else(|| OfficeError::field("from", "请填写起始日期"))?;
    let to = day_of("to", to)?.unwrap_or(from);
    let days = from.until(to).map(|s| s.get_days()).unwrap_or(-1);
    if !(0..most).contains(&days) {
        return Err(OfficeError::field("to", format!("止应在起之后,最多 {most} 天")));
    }
    Ok((from, to))
}

impl Office {
    /// Holidays, terms and exceptions of everybody.
    pub async fn calendars(&self) -> Result<Arc<Calendars>> {
        let stamp = self.store.calendar_stamp().await?;
        let known = self.calendar_cache.0.lock().ok().and_then(|c| c.clone()).filter(|c| c.0 == stamp);
        if let Some((_, all)) = known {
            return Ok(all);
        }
        let all = Arc::new(Calendars {
            workdays: Workdays::with(&self.store.later_holidays().await?),
            terms: self.store.school_terms().await?,
            exceptions: self.store.day_exceptions().await?,
        });
        if let Ok(mut kept) = self.calendar_cache.0.lock() {
            *kept = Some((stamp, all.clone()));
        }
        Ok(all)
    }

    /// Where one keeps the calendar: the whole county for the bureau, a school for its own people.
    pub fn calendar_place(&self, actor: &Actor) -> Result<PlacePath> {
        let places = actor.places(Action::KeepCalendar)?;
        places.into_iter().next().ok_or(OfficeError::NotFound)
    }

    /// Terms of one's county, exceptions of one's place and those over it.
    pub async fn said_of_days(&self, place: &PlacePath) -> Result<(Vec<TermRow>, Vec<ExceptionRow>)> {
        let county = place.county().map(|c| c.to_string()).unwrap_or_default();
        let terms = self.store.school_terms().await?.into_iter().filter(|t| t.scope == county).collect();
        let about =
            |e: &ExceptionRow| e.scope == county || e.scope.starts_with(place.as_str()) || place.as_str().starts_with(&e.scope);
        Ok((terms, self.store.day_exceptions().await?.into_iter().filter(about).collect()))
    }

    /// Sets a term of the county.
    pub async fn set_term(&self, actor: &Actor, name: &str, from: &str, to: &str) -> Result<bool> {
        let county = self.county_calendar(actor)?;
        let name = words("name", name)?;
        let (from, to) = span(from, to, LONGEST_TERM)?;
        let overlaps = |t: &TermRow| t.scope == county.as_str() && t.term.from <= to && from <= t.term.to;
        if let Some(t) = self.store.school_terms().await?.iter().find(|t| overlaps(t)) {
            return Err(OfficeError::field("from", format!("与“{}”({} 至 {})重叠", t.term.name, t.term.from, t.term.to)));
        }
        let mut tx = self.store.begin().await?;
        tx.add_term(county.as_str(), &Term { name: name.clone(), from, to }, actor.account, self.now()).await?;
        self.audit(&mut tx, actor, Deed::KeepCalendar, &format!("place:{county}"), &format!("{name} {from} 至 {to}")).await?;
        tx.commit().await?;
        self.days_changed(&county, from).await
    }

    pub async fn end_term(&self, actor: &Actor, id: i64) -> Result<bool> {
        let county = self.county_calendar(actor)?;
        let mut tx = self.store.begin().await?;
        if !tx.end_term(county.as_str(), id, actor.account, self.now()).await? {
            return Err(OfficeError::NotFound);
        }
        self.audit(&mut tx, actor, Deed::KeepCalendar, &format!("place:{county}"), "删除学期").await?;
        tx.commit().await?;
        self.days_changed(&county, self.clock.today().saturating_sub(KNOWN_DAYS.days())).await
    }

    fn county_calendar(&self, actor: &Actor) -> Result<PlacePath> {
        let place = self.calendar_place(actor)?;
        let county = place.county().filter(|c| *c == place).ok_or_else(|| OfficeError::Input("学期由县教育局设置".into()))?;
        Ok(county)
    }

    /// Says something of some days of one's place.
    pub async fn say_of_days(&self, actor: &Actor, s: &Saying<'_>) -> Result<bool> {
        let place = self.calendar_place(actor)?;
        let kind = ExceptionKind::find(s.kind).ok_or_else(|| OfficeError::field("kind", "请选择怎样安排"))?;
        let (from, to) = span(s.from, s.to, LONGEST_EXCEPTION)?;
        let reason = words("reason", s.reason)?;
        // what a school says afterwards takes back what was warned of: not without bounds
        let earliest = self.clock.today().saturating_sub(SCHOOL_BACK.days());
        let whole_county = place.county().is_some_and(|c| c == place);
        if !whole_county && from < earliest {
            return Err(OfficeError::field("from", format!("学校只能补记 {SCHOOL_BACK} 天以内的;更早的由县教育局写入校历")));
        }
        let mut tx = self.store.begin().await?;
        tx.add_day_exception(place.as_str(), &Exception { kind, from, to }, &reason, actor.account, self.now()).await?;
        let said = format!("{} {from} 至 {to}:{reason}", kind.label());
        self.audit(&mut tx, actor, Deed::KeepCalendar, &format!("place:{place}"), &said).await?;
        tx.commit().await?;
        self.days_changed(&place, from).await
    }

    /// Takes back what one's own place, or one below, said.
    pub async fn unsay_of_days(&self, actor: &Actor, id: i64) -> Result<bool> {
        let place = self.calendar_place(actor)?;
        let all = self.store.day_exceptions().await?;
        let within = |e: &&ExceptionRow| e.id == id && PlacePath::parse(&e.scope).is_some_and(|p| p == place || place.holds(&p));
        let e = all.iter().find(within).ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        tx.end_day_exception(id, actor.account, self.now()).await?;
        let said = format!("撤回:{} {} 至 {}", e.exception.kind.label(), e.exception.from, e.exception.to);
        self.audit(&mut tx, actor, Deed::KeepCalendar, &format!("place:{place}"), &said).await?;
        tx.commit().await?;
        let scope = PlacePath::parse(&e.scope).unwrap_or(place);
        self.days_changed(&scope, e.exception.from).await
    }

    /// Reads the notice of a later year.
    pub async fn put_holidays(&self, actor: &Actor, file: &[u8]) -> Result<usize> {
        let county = self.county_calendar(actor)?;
        let text = std::str::from_utf8(file).ok().filter(|t| t.len() <= MAX_FILE);
        let text = text.ok_or_else(|| OfficeError::field("file", "节假日文件应为 UTF-8 的文本,不超过 64 KB"))?;
        let read = read_holidays(text).map_err(|e| OfficeError::field("file", e.to_string()))?;
        if read.is_empty() {
            return Err(OfficeError::field("file", "文件里没有节日"));
        }
        // what the program brings along is the same for all counties
        let own = Workdays::last_year();
        if let Some(h) = read.iter().find(|h| h.off.1.year() <= own) {
            return Err(OfficeError::field(
                "file",
                format!("“{}”在 {own} 年或以前;本系统自带到 {own} 年,只读入以后年份的", h.name),
            ));
        }
        let mut tx = self.store.begin().await?;
        tx.put_holidays(&read, actor.account, self.now()).await?;
        self.audit(&mut tx, actor, Deed::KeepCalendar, &format!("place:{county}"), &format!("节假日 {} 个", read.len())).await?;
        tx.commit().await?;
        self.days_changed(&county, self.clock.today().saturating_sub(KNOWN_DAYS.days())).await?;
        Ok(read.len())
    }

    /// Days of the past are others now: warnings of the place say what the days say. True: they do already; of many it is done behind the page.
    async fn days_changed(&self, place: &PlacePath, from: Date) -> Result<bool> {
        let known = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        let job = Reassess { below: place.education_prefix().unwrap_or_else(|| place.to_string()), since: from.max(known) };
        let children = self.touched_by_days(&job).await?;
        if children.len() <= AT_ONCE {
            self.assess(&children).await?;
            return Ok(true);
        }
        let mut tx = self.store.begin().await?;
        self.ask_for(&mut tx, &job, None, Duration::ZERO).await?;
        tx.commit_untold("the calendar was told").await?;
        self.bell.ring();
        Ok(false)
    }

    /// Who was missing on days that are others now, or is warned of.
    pub(in crate::app) async fn touched_by_days(&self, of: &Reassess) -> Result<Vec<i64>> {
        let mut children: BTreeSet<i64> = self.store.warned_children(&of.below, of.since).await?.into_iter().collect();
        children.extend(self.store.missed_children(&of.below, of.since).await?);
        Ok(children.into_iter().collect())
    }
}
