use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::person::age_on;

/// 学年 (school year), named by the calendar year in which it starts: 2023 runs from 1 September 2023 to 31 August 2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct SchoolYear(i16);

/// Not a year that a register could be of.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("学年“{0}”不对,请写学年开始的年份,例如 2023(指 2023 年 9 月至 2024 年 8 月)")]
pub struct SchoolYearError(pub String);

impl SchoolYear {
    /// The school year starting in this calendar year (2000 to 2090).
    pub fn starting(year: i16) -> Result<Self, SchoolYearError> {
        if (2000..=2090).contains(&year) { Ok(Self(year)) } else { Err(SchoolYearError(year.to_string())) }
    }

    /// The school year in which a day lies.
    pub fn of(day: Date) -> Self {
        Self(if day.month() >= 9 { day.year() } else { day.year() - 1 })
    }

    /// The calendar year in which it starts.
    pub fn start_year(self) -> i16 {
        self.0
    }

    /// 1 September.
    pub fn first_day(self) -> Date {
        date(self.0, 9, 1)
    }

    /// 年龄段 (cohort) whose rates are reported: born 1 Sep Y−15 to 31 Aug Y−6, nine cohorts.
    pub fn in_cohorts(self, birth: Date) -> bool {
        (date(self.0 - 15, 9, 1)..=date(self.0 - 6, 8, 31)).contains(&birth)
    }

    /// The grade (1 to 9) of a child who entered at six and never repeated; below 1 and above 9 outside the cohorts.
    pub fn regular_grade(self, birth: Date) -> i16 {
        let entry_year = birth.year() + 6 + i16::from((birth.month(), birth.day()) >= (9, 1));
        self.0 - entry_year + 1
    }
}

impl TryFrom<i16> for SchoolYear {
    type Error = SchoolYearError;

    fn try_from(y: i16) -> Result<Self, SchoolYearError> {
        Self::starting(y)
    }
}

impl From<SchoolYear> for i16 {
    fn from(y: SchoolYear) -> i16 {
        y.0
    }
}

impl std::str::FromStr for SchoolYear {
    type Err = SchoolYearError;

    fn from_str(s: &str) -> Result<Self, SchoolYearError> {
        let year = s.split(['-', '/', '—']).next().unwrap_or(s).trim_end_matches("学年").trim_end_matches('年');
        year.parse()
            .map_err(|_| SchoolYearError(s.to_owned()))
            .and_then(|y| Self::starting(y).map_err(|_| SchoolYearError(s.to_owned())))
    }
}

impl std::fmt::Display for SchoolYear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}—{}学年", self.0, self.0 + 1)
    }
}

/// 跟踪范围 (tracking window): whom the comparison keeps in sight. Wider than the cohorts: from entry age until
/// graduation or at least `until_age`, so that late entrants, repeaters and fifteen-year-olds of grade 9 stay in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingWindow {
    /// 入学年龄 on 31 August of the start year.
    pub entry_age: i16,
    /// Kept in sight until this age is reached on 31 August of the start year, unless graduated.
    pub until_age: i16,
}

impl Default for TrackingWindow {
    fn default() -> Self {
        Self { entry_age: 6, until_age: 16 }
    }
}

impl TrackingWindow {
    /// Whether a child of this birth date is tracked in a school year.
    pub fn contains(self, birth: Date, year: SchoolYear) -> bool {
        let eve = date(year.start_year(), 8, 31);
        birth <= eve && (self.entry_age..self.until_age).contains(&age_on(birth, eve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: SchoolYear = SchoolYear(2023);

    #[test]
    fn of_a_day() {
        for (day, year) in [(date(2023, 8, 31), 2022), (date(2023, 9, 1), 2023), (date(2024, 2, 1), 2023)] {
            assert_eq!(SchoolYear::of(day).start_year(), year);
        }
    }

    fn check(birth: Date, tracked: bool, in_cohorts: bool, grade: i16) {
        assert_eq!(
            (TrackingWindow::default().contains(birth, Y), Y.in_cohorts(birth), Y.regular_grade(birth)),
            (tracked, in_cohorts, grade),
            "{birth}"
        );
    }

    #[test]
    fn windows_and_cohorts() {
        check(date(2017, 9, 1), false, false, 0);
        check(date(2017, 8, 31), true, true, 1);
        check(date(2016, 9, 1), true, true, 1);
        check(date(2008, 9, 1), true, true, 9);
        check(date(2008, 8, 31), true, false, 10);
        check(date(2007, 9, 1), true, false, 10);
        check(date(2007, 8, 31), false, false, 11);
        check(date(2024, 1, 1), false, false, -6);
    }

    #[test]
    fn reads() {
        assert_eq!("2023".parse(), Ok(Y));
        assert_eq!("2023-2024".parse(), Ok(Y));
        assert_eq!("2023学年".parse(), Ok(Y));
        assert!("23".parse::<SchoolYear>().is_err());
        assert_eq!(Y.to_string(), "2023—2024学年");
    }
}
