use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

/// 节假日 (a holiday) of the State Council's yearly notice, with the weekend days that are worked for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holiday {
    /// 名称
    pub name: String,
    /// First and last day off.
    pub off: (Date, Date),
    /// 调休: weekend days that are worked.
    #[serde(default)]
    pub work: Vec<Date>,
    /// The notice.
    #[serde(default)]
    pub source: String,
}

/// 工作日历 (working days): Saturdays and Sundays are free unless 调休 makes them workdays; holidays are free.
#[derive(Debug, Clone, Default)]
pub struct Workdays {
    holidays: BTreeMap<Date, String>,
    made_up: BTreeSet<Date>,
}

#[derive(serde::Deserialize)]
struct File {
    holiday: Vec<Holiday>,
}

/// What a file of holidays has wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HolidayError {
    /// Not a file of holidays.
    #[error("节假日文件读不出来:{0}。每个节日写成 [[holiday]] 一段,有 name、off(起、止)和 work(调休上班的日子)")]
    Unreadable(String),
    /// The last day lies before the first, or too far behind it.
    #[error("“{0}”的起止日期不对:止应在起之后,一次放假不超过 {1} 天")]
    Span(String, i32),
    /// A weekday is worked anyway.
    #[error("“{0}”的调休上班日 {1} 不是周末")]
    NotWeekend(String, Date),
    /// Both off and worked.
    #[error("{0} 既是放假又是上班")]
    Both(Date),
}

/// Longest holiday: the spring festival of 2020, prolonged.
const LONGEST: i32 = 16;

/// Reads holidays from a file, each checked.
pub fn read_holidays(text: &str) -> Result<Vec<Holiday>, HolidayError> {
    let file: File = toml::from_str(text).map_err(|e| HolidayError::Unreadable(e.message().to_owned()))?;
    let weekend = |d: &Date| matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday);
    for h in &file.holiday {
        let days = h.off.0.until(h.off.1).map(|s| s.get_days()).unwrap_or(-1);
        if !(0..LONGEST).contains(&days) {
            return Err(HolidayError::Span(h.name.clone(), LONGEST));
        }
        if let Some(d) = h.work.iter().find(|d| !weekend(d)) {
            return Err(HolidayError::NotWeekend(h.name.clone(), *d));
        }
    }
    let all = Workdays::of(&file.holiday);
    match all.made_up.iter().find(|d| all.holidays.contains_key(*d)) {
        Some(d) => Err(HolidayError::Both(*d)),
        None => Ok(file.holiday),
    }
}

/// Hour at which a deadline ends, local time.
const END_OF_DAY: i8 = 17;

impl Workdays {
    /// The State Council's yearly notices, as far as they are in `reference/holidays.toml`.
    pub fn national() -> Self {
        Self::with(&[])
    }

    /// Those, and holidays that were published since.
    pub fn with(later: &[Holiday]) -> Self {
        // the test reads it: what is embedded is sound
        let known = read_holidays(include_str!("../../../../reference/holidays.toml")).unwrap_or_default();
        Self::of(&[known.as_slice(), later].concat())
    }

    /// The last year whose notice the program brings along.
    pub fn last_year() -> i16 {
        Self::national().holidays.keys().next_back().map_or(0, |d| d.year())
    }

    fn of(all: &[Holiday]) -> Self {
        let days =
            |h: &Holiday| h.off.0.series(1.day()).take_while(|d| *d <= h.off.1).map(|d| (d, h.name.clone())).collect::<Vec<_>>();
        Self { holidays: all.iter().flat_map(days).collect(), made_up: all.iter().flat_map(|h| h.work.clone()).collect() }
    }

    /// The holiday of a day.
    pub fn holiday(&self, day: Date) -> Option<&str> {
        self.holidays.get(&day).map(String::as_str)
    }

    /// Whether offices work on a day.
    pub fn is_workday(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.made_up.contains(&day) || (!weekend && !self.holidays.contains_key(&day))
    }

    /// 17:00 on the `n`-th working day after `from`.
    pub fn deadline(&self, from: Date, n: u32) -> DateTime {
        let mut day = from;
        let mut left = n;
        while left > 0 {
            day = day.saturating_add(1.day());
            left -= u32::from(self.is_workday(day));
        }
        day.at(END_OF_DAY, 0, 0, 0)
    }
}

/// 还剩 (time left) in words: 11月23日 17:00 前,还剩 6 小时.
pub fn time_left(deadline: DateTime, now: DateTime) -> String {
    let day = format!("{}月{}日 {:02}:{:02}", deadline.month(), deadline.day(), deadline.hour(), deadline.minute());
    let minutes = deadline.duration_since(now).as_secs() / 60;
    let span = |m: i64| match m {
        m if m < 60 => format!("{m} 分钟"),
        m if m < 48 * 60 => format!("{} 小时", m / 60),
        m => format!("{} 天", m / (24 * 60)),
    };
    if minutes < 0 { format!("{day} 到期,已超 {}", span(-minutes)) } else { format!("{day} 前,还剩 {}", span(minutes)) }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn holidays_and_made_up_days() {
        let w = Workdays::national();
        for (from, n, to) in [
            // Friday to Monday
            (date(2023, 11, 17), 1, date(2023, 11, 20)),
            // the National Day holiday of 2023, then two made-up workdays on the weekend
            (date(2023, 9, 28), 1, date(2023, 10, 7)),
            (date(2023, 9, 28), 2, date(2023, 10, 8)),
            (date(2023, 9, 28), 3, date(2023, 10, 9)),
            (date(2023, 11, 20), 0, date(2023, 11, 20)),
        ] {
            assert_eq!(w.deadline(from, n).date(), to, "{from} {n}");
        }
    }

    /// What is embedded is sound, whole, and agrees with the notices in days off.
    #[test]
    fn the_notices_of_2020_to_2026() {
        let all = read_holidays(include_str!("../../../../reference/holidays.toml")).unwrap();
        assert!(all.iter().all(|h| !h.source.is_empty()));
        let w = Workdays::national();
        for (year, workdays) in [(2020, 249), (2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)] {
            let days = date(year, 1, 1).series(1.day()).take_while(|d| d.year() == year).filter(|d| w.is_workday(*d)).count();
            assert_eq!(days, workdays, "{year}");
        }
        // the spring festival of 2020 was prolonged
        assert!(!w.is_workday(date(2020, 2, 1)) && w.is_workday(date(2020, 2, 3)));
        assert_eq!(w.holiday(date(2023, 9, 29)), Some("中秋节、国庆节"));
    }

    #[test]
    fn files_of_later_years() {
        let good = "[[holiday]]\nname = \"元旦\"\noff = [\"2027-01-01\", \"2027-01-03\"]\nwork = [\"2027-01-09\"]\n";
        let read = read_holidays(good).unwrap();
        let w = Workdays::with(&read);
        assert!(!w.is_workday(date(2027, 1, 1)) && w.is_workday(date(2027, 1, 9)) && !w.is_workday(date(2026, 10, 1)));
        for (text, wrong) in [
            ("保学", "读不出来"),
            (&good.replace("2027-01-03", "2026-01-03"), "起止日期不对"),
            (&good.replace("2027-01-09", "2027-01-08"), "不是周末"),
            (&good.replace("2027-01-09", "2027-01-02"), "既是放假又是上班"),
        ] {
            assert!(read_holidays(text).unwrap_err().to_string().contains(wrong), "{text}");
        }
    }

    #[test]
    fn words() {
        let at = date(2026, 11, 23).at(17, 0, 0, 0);
        for (now, says) in [
            (date(2026, 11, 23).at(10, 30, 0, 0), "11月23日 17:00 前,还剩 6 小时"),
            (date(2026, 11, 23).at(16, 30, 0, 0), "11月23日 17:00 前,还剩 30 分钟"),
            (date(2026, 11, 20).at(10, 0, 0, 0), "11月23日 17:00 前,还剩 3 天"),
            (date(2026, 11, 24).at(17, 0, 0, 0), "11月23日 17:00 到期,已超 24 小时"),
        ] {
            assert_eq!(time_left(at, now), says);
        }
    }
}
