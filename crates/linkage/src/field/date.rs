//! Birth dates packed as year << 9 | month << 5 | day.

use std::sync::LazyLock;

use icu_calendar::{Date, cal::Iso, types::Month};
use jiff::civil;

use super::{Level, decimal, level};

pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.975, 0.78, 0.97, 0.001, 0.0005, 40),
    level("one-digit", 0.008, 0.07, 0.008, 0.01, 0.005, 16),
    level("day-month-swapped", 0.003, 0.03, 0.003, 0.001, 0.0005, 20),
    level("lunar", 0.007, 0.05, 0.008, 0.002, 0.0005, 16),
    level("year-only", 0.002, 0.02, 0.002, 0.002, 0.001, 4),
    level("within-a-month", 0.002, 0.02, 0.002, 0.006, 0.01, 0),
    level("same-year", 0.001, 0.01, 0.002, 0.04, 0.06, -12),
    level("different", 0.002, 0.02, 0.005, 0.93, 0.92, -32),
];

/// Years in which lunar dates are looked up: births of anyone who is of school age now or was lately.
const LUNAR_YEARS: std::ops::RangeInclusive<i32> = 1980..=2060;

/// `YYYY-MM-DD`, `YYYY/M/D`, `YYYYMMDD` or `YYYY年M月D日` packed; 0 when it is no date.
pub(crate) fn encode(s: &str) -> u32 {
    // most are written in one way
    if let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *s.as_bytes()
        && let Some(written) = decimal::eight([y0, y1, y2, y3, m0, m1, d0, d1])
    {
        return of_parts(written as u32 / 10_000, written as u32 / 100 % 100, written as u32 % 100);
    }
    if !s.is_ascii() {
        let mut plain = String::with_capacity(s.len());
        for c in s.chars() {
            match c {
                '年' | '月' => plain.push('-'),
                '日' | '号' | '\u{3000}' => {}
                c if c.is_ascii() => plain.push(c),
                _ => return 0,
            }
        }
        return encode(plain.trim());
    }
    let mut part = [0u32; 3];
    let (mut k, mut digits) = (0, 0);
    for b in s.bytes() {
        match b {
            b'0'..=b'9' => {
                part[k] = part[k] * 10 + u32::from(b - b'0');
                digits += 1;
                if digits > 8 {
                    return 0;
                }
            }
            b'-' | b'/' | b'.' if k < 2 => k += 1,
            // a time after the date
            b'T' | b' ' if k == 2 => break,
            _ => return 0,
        }
    }
    if k == 0 && digits == 8 {
        part = [part[0] / 10_000, part[0] / 100 % 100, part[0] % 100];
    } else if k != 2 {
        return 0;
    }
    of_parts(part[0], part[1], part[2])
}

fn of_parts(y: u32, m: u32, d: u32) -> u32 {
    if !(1800..=9999).contains(&y) || civil::Date::new(y as i16, m as i8, d as i8).is_err() {
        return 0;
    }
    pack(y, m, d)
}

fn pack(y: u32, m: u32, d: u32) -> u32 {
    y << 9 | m << 5 | d
}

pub(crate) fn year(p: u32) -> u32 {
    p >> 9
}

fn month(p: u32) -> u32 {
    p >> 5 & 15
}

fn day(p: u32) -> u32 {
    p & 31
}

/// The dates (packed) that may be like this one in more than month and day: its year and the weeks about its turns.
pub(crate) fn neighbourhood(p: u32) -> std::ops::Range<u32> {
    pack(year(p) - 1, 10, 1)..pack(year(p) + 1, 4, 1)
}

/// The same month and day of another year.
pub(crate) fn same_day(p: u32, year: u32) -> u32 {
    year << 9 | p & 0x1ff
}

/// Days since 1800 by a calendar without leap years: only for differences of up to a month.
fn rough_days(p: u32) -> i32 {
    (year(p) * 365 + (month(p) - 1) * 61 / 2 + day(p)) as i32
}

/// Level of two dates, both present.
pub(crate) fn compare(a: u32, b: u32) -> u8 {
    if a == b {
        return 1;
    }
    let (ya, yb) = (year(a), year(b));
    if ya == yb {
        if month(a) == day(b) && day(a) == month(b) {
            return 3;
        }
        let one_part = month(a) == month(b) || day(a) == day(b);
        let (x, y) = if month(a) == month(b) { (day(a), day(b)) } else { (month(a), month(b)) };
        if one_part && one_digit(x, y) {
            return 2;
        }
    } else if month(a) == month(b) && day(a) == day(b) && one_digit(ya, yb) {
        return 2;
    }
    let apart = (rough_days(a) - rough_days(b)).abs();
    if (16..=56).contains(&apart) && (lunar_to_solar(a) == b || lunar_to_solar(b) == a) {
        return 4;
    }
    if ya == yb && (is_new_year(a) || is_new_year(b)) {
        return 5;
    }
    if apart <= 31 {
        return 6;
    }
    if ya == yb { 7 } else { 8 }
}

fn is_new_year(p: u32) -> bool {
    p & 0x1ff == 1 << 5 | 1
}

/// Same number but for one decimal place, or with two neighbouring places swapped.
fn one_digit(x: u32, y: u32) -> bool {
    let (mut x, mut y) = (x, y);
    let (mut wrong, mut swapped) = (0, false);
    let mut last = None;
    while x > 0 || y > 0 {
        let (dx, dy) = (x % 10, y % 10);
        if dx != dy {
            wrong += 1;
            swapped = last == Some((dy, dx));
            last = Some((dx, dy));
        } else {
            last = None;
        }
        x /= 10;
        y /= 10;
    }
    wrong == 1 || (wrong == 2 && swapped)
}

/// The solar date (packed) of a packed date read as a lunar one; 0 if there is none.
fn lunar_to_solar(p: u32) -> u32 {
    static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let mut table = vec![0; (LUNAR_YEARS.end() - LUNAR_YEARS.start() + 1) as usize * 12 * 30];
        for y in LUNAR_YEARS {
            for m in 1..=12u8 {
                for d in 1..=30u8 {
                    if let Ok(date) = Date::try_new_chinese_traditional(y, Month::new(m), d) {
                        let iso = date.to_calendar(Iso);
                        let (iy, im, id) = (iso.year().extended_year(), iso.month().ordinal, iso.day_of_month().0);
                        table[slot(y, u32::from(m), u32::from(d))] = pack(iy as u32, u32::from(im), u32::from(id));
                    }
                }
            }
        }
        table
    });
    if !LUNAR_YEARS.contains(&(year(p) as i32)) || day(p) > 30 {
        return 0;
    }
    TABLE[slot(year(p) as i32, month(p), day(p))]
}

fn slot(y: i32, m: u32, d: u32) -> usize {
    ((y - LUNAR_YEARS.start()) as usize * 12 + m as usize - 1) * 30 + d as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, label: &str) {
        let (x, y) = (encode(a), encode(b));
        assert!(x != 0 && y != 0);
        assert_eq!(LEVELS[compare(x, y) as usize - 1].label, label, "{a} {b}");
        assert_eq!(compare(x, y), compare(y, x));
    }

    #[test]
    fn levels() {
        check("2015-03-02", "20150302", "same");
        check("2015-03-02", "2015年3月2日", "same");
        assert_eq!(encode("二〇一五年三月二日"), 0);
        check("2015-03-02", "2015/3/12", "one-digit");
        check("2015-03-02", "2016-03-02", "one-digit");
        check("2015-03-12", "2015-03-21", "one-digit");
        check("2015-03-02", "2015-02-03", "day-month-swapped");
        // the first day of the lunar year 2015 was 19 February
        check("2015-01-01", "2015-02-19", "lunar");
        check("2015-01-01", "2015-08-19", "year-only");
        check("2015-08-27", "2015-09-13", "within-a-month");
        check("2015-03-02", "2015-11-28", "same-year");
        check("2015-03-02", "2011-11-28", "different");
    }

    #[test]
    fn what_is_no_date_is_nothing() {
        for s in ["", "2015-02-30", "二〇一五", "2015-03", "15-03-02", "201503021", "2015-13-01"] {
            assert_eq!(encode(s), 0, "{s}");
        }
    }
}
