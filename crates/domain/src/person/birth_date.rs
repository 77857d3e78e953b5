use icu_calendar::{Date as CalendarDate, cal::Iso, types::Month};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use thiserror::Error;

/// A date as read, and what had to be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadDate {
    /// The solar date.
    pub date: Date,
    /// The text said 农历: converted.
    pub lunar: bool,
    /// The text had two digits of year.
    pub short_year: bool,
}

/// Why a text is no date.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum DateError {
    /// No shape of date that is known.
    #[error("看不出是哪一天,请写成 2015-03-02 的样子")]
    Unreadable,
    /// A date without its day.
    #[error("只有年月,缺少日,请补全")]
    NoDay,
    /// A day that the calendar does not have.
    #[error("日历上没有这一天,请核对")]
    NoSuchDay,
}

/// China's clock.
const CHINA: jiff::tz::Offset = jiff::tz::Offset::constant(8);
/// Excel serials of 1970 to 2064: a number in a date column that is shown as no date.
const SERIALS: std::ops::RangeInclusive<i64> = 25_569..=60_000;

/// Reads the dates that registers hold: 2015-03-02, 2015/3/2, 2015.3.2, 20150302, 2015年3月2日, 二〇一五年三月二日, Excel
/// serials, and lunar dates marked 农历 or 阴历 (a leap month says 闰). White space has been taken off before.
pub fn read_date(text: &str) -> Result<ReadDate, DateError> {
    // midnight in China, written in UTC: 2014-12-08T16:00:00.000Z is the 9th
    if let Some(date) = text.ends_with(['Z', 'z']).then(|| text.trim().parse::<jiff::Timestamp>().ok()).flatten() {
        return Ok(ReadDate { date: CHINA.to_datetime(date).date(), lunar: false, short_year: false });
    }
    let lunar = ["农历", "阴历", "旧历"].iter().any(|w| text.contains(w));
    let leap = text.contains('闰');
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '农' | '阴' | '旧' | '历' | '公' | '阳' | '闰' | '(' | ')' | '（' | '）' | ':' | '：'))
        .collect();
    let plain = strip_time(plain.trim());
    let numbers = if plain.chars().any(|c| chinese_digit(c).is_some() || c == '十') {
        chinese_numbers(plain)
    } else {
        plain_numbers(plain)
    };
    let numbers = numbers.ok_or(DateError::Unreadable)?;
    let (y, m, d, short_year) = match numbers.as_slice() {
        [n] => return compact(n, lunar, leap),
        [y, m, d] => {
            let y = number(y).ok_or(DateError::Unreadable)?;
            let (y, short) = if y < 100 { (if y > 50 { 1900 + y } else { 2000 + y }, true) } else { (y, false) };
            (y, number(m).ok_or(DateError::Unreadable)?, number(d).ok_or(DateError::Unreadable)?, short)
        }
        [y, m] if y.len() == 4 && m.len() <= 2 => return Err(DateError::NoDay),
        _ => return Err(DateError::Unreadable),
    };
    Ok(ReadDate { date: resolve(y, m, d, lunar, leap)?, lunar, short_year })
}

fn strip_time(s: &str) -> &str {
    // 2015-03-02 00:00:00 and 2015-03-02T00:00:00
    match s.find([' ', 'T']) {
        Some(i) if i >= 8 => &s[..i],
        _ => s,
    }
}

/// One run of digits: YYYYMMDD, YYYYMM, or an Excel serial.
fn compact(n: &str, lunar: bool, leap: bool) -> Result<ReadDate, DateError> {
    let value: i64 = n.parse().map_err(|_| DateError::Unreadable)?;
    match n.len() {
        8 => {
            let date = resolve((value / 10_000) as i32, (value / 100 % 100) as i32, (value % 100) as i32, lunar, leap)?;
            Ok(ReadDate { date, lunar, short_year: false })
        }
        6 if (1950..2100).contains(&(value / 100)) && (1..=12).contains(&(value % 100)) => Err(DateError::NoDay),
        5 if SERIALS.contains(&value) => {
            let date = date(1899, 12, 30).checked_add(value.days()).map_err(|_| DateError::Unreadable)?;
            Ok(ReadDate { date, lunar: false, short_year: false })
        }
        _ => Err(DateError::Unreadable),
    }
}

fn resolve(y: i32, m: i32, d: i32, lunar: bool, leap: bool) -> Result<Date, DateError> {
    if !(1900..=2100).contains(&y) || !(1..=12).contains(&m) || !(1..=31).contains(&d) {
        return Err(DateError::NoSuchDay);
    }
    if !lunar {
        return Date::new(y as i16, m as i8, d as i8).map_err(|_| DateError::NoSuchDay);
    }
    let month = if leap { Month::leap(m as u8) } else { Month::new(m as u8) };
    let iso = CalendarDate::try_new_chinese_traditional(y, month, d as u8).map_err(|_| DateError::NoSuchDay)?.to_calendar(Iso);
    Date::new(iso.year().extended_year() as i16, iso.month().ordinal as i8, iso.day_of_month().0 as i8)
        .map_err(|_| DateError::NoSuchDay)
}

fn number(s: &str) -> Option<i32> {
    s.parse().ok()
}

/// Runs of digits between single separators.
fn plain_numbers(s: &str) -> Option<Vec<String>> {
    let s = s.strip_suffix(['日', '号', '.']).unwrap_or(s);
    let s = s.strip_suffix('月').unwrap_or(s);
    let parts: Vec<String> = s.split(['-', '/', '.', '年', '月', '、', ',', '\\', '—']).map(|p| p.trim().to_owned()).collect();
    parts.iter().all(|p| !p.is_empty() && p.len() <= 8 && p.bytes().all(|b| b.is_ascii_digit())).then_some(parts)
}

fn chinese_digit(c: char) -> Option<u32> {
    "〇一二三四五六七八九".chars().position(|d| d == c).map(|p| p as u32).or(match c {
        '零' | '○' | 'O' | 'Ｏ' => Some(0),
        '两' => Some(2),
        '初' => None,
        _ => None,
    })
}

/// 二〇一五年三月二日, 二零一五年十二月二十一, 二〇一五年正月初二, 冬月, 腊月.
fn chinese_numbers(s: &str) -> Option<Vec<String>> {
    let s = s.replace("正月", "一月").replace("冬月", "十一月").replace("腊月", "十二月").replace('廿', "二十").replace('初', "");
    let (y, rest) = s.split_once('年')?;
    let year: String = y
        .trim()
        .chars()
        .map(|c| chinese_digit(c).or_else(|| c.to_digit(10)).and_then(|d| char::from_digit(d, 10)))
        .collect::<Option<_>>()?;
    let Some((m, d)) = rest.split_once('月') else { return Some(vec![year, small(rest)?]) };
    let d = d.trim().trim_end_matches(['日', '号']);
    if d.is_empty() { Some(vec![year, small(m)?]) } else { Some(vec![year, small(m)?, small(d)?]) }
}

/// 十二, 二十一, 三, 30.
fn small(s: &str) -> Option<String> {
    let s = s.trim();
    if s.bytes().all(|b| b.is_ascii_digit()) && !s.is_empty() {
        return Some(s.to_owned());
    }
    let n = match s.split_once('十') {
        None => {
            let digits: Vec<u32> = s.chars().map(chinese_digit).collect::<Option<_>>()?;
            digits.iter().fold(0, |n, d| n * 10 + d)
        }
        Some((tens, ones)) => {
            let one = |t: &str, empty: u32| match t.chars().collect::<Vec<_>>()[..] {
                [] => Some(empty),
                [c] => chinese_digit(c),
                _ => None,
            };
            one(tens, 1)? * 10 + one(ones, 0)?
        }
    };
    (1..=31).contains(&n).then(|| n.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<&str, DateError>) {
        assert_eq!(read_date(text).map(|d| d.date.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn table() {
        for text in [
            "2015-03-02",
            "2015/3/2",
            "2015.3.2",
            "2015.03.02",
            "20150302",
            "2015年3月2日",
            "2015年03月02",
            "二〇一五年三月二日",
            "二零一五年三月二日",
            "42065",
            "2015-03-02 00:00:00",
            "2015-03-02T00:00:00",
            "2015-03-01T16:00:00.000Z",
            "15.3.2",
            "农历2015年正月十二",
            "2015年正月十二(农历)",
        ] {
            check(text, Ok("2015-03-02"));
        }
        check("二〇一五年十二月二十一日", Ok("2015-12-21"));
        check("农历2020年闰四月初一", Ok("2020-05-23"));
        check("农历二〇一五年腊月三十", Err(DateError::NoSuchDay));
        check("2015-02-30", Err(DateError::NoSuchDay));
        check("2015年3月", Err(DateError::NoDay));
        check("201503", Err(DateError::NoDay));
        check("不详", Err(DateError::Unreadable));
        check("3月2日", Err(DateError::Unreadable));
        check("", Err(DateError::Unreadable));
    }

    proptest! {
        #[test]
        fn never_panics(s in "[0-9〇一二三十年月日农历闰初/.-]{0,16}|\\PC{0,16}") {
            let _ = read_date(&s);
        }

        #[test]
        fn every_day_reads_back(days in 0i32..20_000) {
            let day = date(1990, 1, 1).checked_add(days.days()).unwrap();
            for text in [day.to_string(), day.to_string().replace('-', ""), format!("{}年{}月{}日", day.year(), day.month(), day.day())] {
                prop_assert_eq!(read_date(&text).unwrap().date, day);
            }
        }
    }
}
