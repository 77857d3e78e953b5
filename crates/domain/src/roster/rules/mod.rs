//! 表间、列间校验规则 (cross-field rules): numbered, one small file each. A rule only asks for a look: it never drops a row.

mod x01_health_and_reason;
mod x02_out_without_reason;
mod x03_no_status_at_all;
mod x04_out_but_in_school;
mod x05_reason_but_not_out;
mod x06_disability_in_part;
mod x07_postponed_without_approval;
mod x08_grade_and_age;

use jiff::civil::Date;

use super::{Field, RosterRow};

/// One rule.
#[derive(Clone, Copy)]
pub struct CrossRule {
    /// Its number, stable.
    pub number: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// The field beside which it is shown.
    pub field: Field,
    /// What it says, after the row's number.
    pub message: &'static str,
    /// Whether a row breaks it on a day.
    pub broken: fn(&RosterRow, Date) -> bool,
}

/// All rules, in order of number.
pub fn all_rules() -> &'static [CrossRule] {
    const RULES: &[CrossRule] = &[
        x01_health_and_reason::RULE,
        x02_out_without_reason::RULE,
        x03_no_status_at_all::RULE,
        x04_out_but_in_school::RULE,
        x05_reason_but_not_out::RULE,
        x06_disability_in_part::RULE,
        x07_postponed_without_approval::RULE,
        x08_grade_and_age::RULE,
    ];
    RULES
}

/// 是, 有, Y, 1.
fn says_yes(value: Option<&str>) -> bool {
    value.is_some_and(|v| v.starts_with('是') || matches!(v, "有" | "Y" | "y" | "1"))
}

/// 三年级, 初二, 七年级, 3 → 1 to 9.
fn grade_number(text: &str) -> Option<i16> {
    let digit = |c: char| {
        "一二三四五六七八九".chars().position(|x| x == c).map(|p| p as i16 + 1).or_else(|| c.to_digit(10).map(|d| d as i16))
    };
    let junior = text.strip_prefix("初中").or_else(|| text.strip_prefix('初'));
    let number = digit(junior.unwrap_or(text).trim_start_matches("小学").chars().next()?)?;
    let number = if junior.is_some() && number <= 3 { number + 6 } else { number };
    (1..=9).contains(&number).then_some(number)
}

/// A row of a child born on 2 March 2015 with these values, on 1 October 2023.
#[cfg(test)]
fn check(rule: &CrossRule, values: &[(Field, &str)], broken: bool) {
    use jiff::civil::date;
    let values = values.iter().copied().collect();
    let row = RosterRow { birth_date: Some(date(2015, 3, 2)), values, ..RosterRow::default() };
    assert_eq!((rule.broken)(&row, date(2023, 10, 1)), broken, "{} {:?}", rule.number, row.values);
}

#[test]
fn numbers_are_in_order_and_unique() {
    assert!(all_rules().windows(2).all(|w| w[0].number < w[1].number));
}
