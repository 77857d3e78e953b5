//! 出勤日历 (a calendar of attendance): day by day, of a class, a school, a town or a county; nothing where the roll was not taken.

use std::collections::BTreeMap;

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::attendance::Mark;
use baoxue_domain::place::PlacePath;
use jiff::civil::Date;

use crate::app::office::{Office, OfficeError, Result};

/// Sums of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeatDay {
    /// 已点
    pub taken: i64,
    /// 应到, of the registers that were taken
    pub expected: i64,
    pub away: i64,
    pub sick: i64,
    pub leave: i64,
    pub unexplained: i64,
}

impl HeatDay {
    pub fn present(&self) -> i64 {
        self.expected - self.away
    }

    /// 出勤率 in tenths of a percent; nothing where no roll was taken.
    pub fn rate(&self) -> Option<i64> {
        (self.expected > 0).then(|| self.present() * 1_000 / self.expected)
    }
}

impl Office {
    /// What of a jurisdiction lies in a place that one sees: a class, a school, or the schools of a town.
    pub async fn narrowed(&self, j: &Jurisdiction, place: &str) -> Result<Jurisdiction> {
        let place = PlacePath::parse(place).ok_or(OfficeError::NotFound)?;
        if !place.is_government() {
            return if j.covers(place.as_str()) { Ok(Jurisdiction::of([place].iter())) } else { Err(OfficeError::NotFound) };
        }
        let county = place.county().and_then(|c| c.education_prefix()).ok_or(OfficeError::NotFound)?;
        let schools = self.store.places_below(&county, self.clock.today(), &["school"]).await?;
        let own: Vec<PlacePath> = schools
            .into_iter()
            .filter(|s| s.town_path.as_ref() == Some(&place) && j.covers(s.path.as_str()))
            .map(|s| s.path)
            .collect();
        if own.is_empty() { Err(OfficeError::NotFound) } else { Ok(Jurisdiction::of(own.iter())) }
    }

    /// Days of a jurisdiction from a day to another on which the roll was taken.
    pub async fn heat(&self, j: &Jurisdiction, from: Date, to: Date) -> Result<BTreeMap<Date, HeatDay>> {
        let mut out: BTreeMap<Date, HeatDay> = BTreeMap::new();
        for (day, taken, expected) in self.store.taken_by_day(j, from, to).await? {
            out.insert(day, HeatDay { taken, expected, ..HeatDay::default() });
        }
        for (day, mark, n) in self.store.marked_by_day(j, from, to).await? {
            let d = out.entry(day).or_default();
            d.away += if mark.was_there() { 0 } else { n };
            match mark {
                Mark::Sick => d.sick += n,
                Mark::Leave => d.leave += n,
                m if m.is_unexplained() => d.unexplained += n,
                _ => {}
            }
        }
        Ok(out)
    }
}
