use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

/// 工作日历 (working days): Saturdays and Sundays are free unless 调休 makes them workdays; holidays are free.
#[derive(Debug, Clone, Default)]
pub struct Workdays {
    holidays: BTreeSet<Date>,
    made_up: BTreeSet<Date>,
}

#[derive(serde::Deserialize)]
struct File {
    holidays: Vec<(Date, Date)>,
    made_up_workdays: Vec<Date>,
}

/// Hour at which a deadline ends, local time.
const END_OF_DAY: i8 = 17;

impl Workdays {
    /// The State Council's yearly notices, as far as they are in `reference/workdays.toml`.
    pub fn national() -> Self {
        let Ok(file) = toml::from_str::<File>(include_str!("../../../../reference/workdays.toml")) else {
            return Self::default();
        };
        let days = |(from, to): &(Date, Date)| from.series(1.day()).take_while(|d| d <= to).collect::<Vec<_>>();
        Self { holidays: file.holidays.iter().flat_map(days).collect(), made_up: file.made_up_workdays.into_iter().collect() }
    }

    /// Whether offices work on a day.
    pub fn is_workday(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.made_up.contains(&day) || (!weekend && !self.holidays.contains(&day))
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
