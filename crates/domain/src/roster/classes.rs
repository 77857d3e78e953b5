use std::collections::{HashMap, HashSet};

use super::{Field, RosterRow};
use crate::school::Grade;

/// 班级名册 (register of classes): which classes each school has, as the student register shows them.
#[derive(Debug, Default)]
pub struct ClassRegister {
    by_school: HashMap<String, HashSet<ClassKey>>,
}

impl ClassRegister {
    /// The classes that rows of the student register name.
    pub fn of_rows<'a>(rows: impl Iterator<Item = &'a RosterRow>) -> Self {
        let mut out = Self::default();
        for r in rows {
            if let (Some(school), Some(class)) = (school_of(r), ClassKey::of_row(r)) {
                out.by_school.entry(school.to_owned()).or_default().insert(class);
            }
        }
        out
    }

    /// Whether a row's class exists; `None` where the row names no class or its school is not known.
    pub fn has_class_of(&self, row: &RosterRow) -> Option<bool> {
        Some(self.by_school.get(school_of(row)?)?.contains(&ClassKey::of_row(row)?))
    }
}

fn school_of(r: &RosterRow) -> Option<&str> {
    r.get(Field::SchoolCode).or_else(|| r.get(Field::SchoolName))
}

/// 班级 (class) however it is written: 三年级 + 三(1)班, 三年级1班, 叁(一)班 and 301班 of grade 3 are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassKey {
    /// 1 to 9, if the row tells.
    grade: Option<u8>,
    /// The number, or the name of a class that has none.
    class: String,
}

const DIGITS: &str = "零一二三四五六七八九";
const FORMAL: &str = "零壹贰叁肆伍陆柒捌玖";
const FORMAL_TRADITIONAL: &str = "零壹貳參肆伍陸柒捌玖";

/// 一 and 壹 are 1; 十一 is 11.
fn number(text: &str) -> Option<u32> {
    let digit = |c: char| {
        let of = |set: &str| set.chars().position(|d| d == c).map(|i| i as u32);
        c.to_digit(10).or_else(|| of(DIGITS)).or_else(|| of(FORMAL)).or_else(|| of(FORMAL_TRADITIONAL))
    };
    let chars: Vec<char> = text.chars().collect();
    match chars.as_slice() {
        ['十' | '拾'] => Some(10),
        ['十' | '拾', unit] => Some(10 + digit(*unit)?),
        [ten, '十' | '拾'] => Some(10 * digit(*ten)?),
        [ten, '十' | '拾', unit] => Some(10 * digit(*ten)? + digit(*unit)?),
        [] => None,
        all if all.iter().all(char::is_ascii_digit) => text.parse().ok(),
        [one] => digit(*one),
        _ => None,
    }
}

impl ClassKey {
    /// Of what a row says of grade and class.
    pub fn of(grade: Option<&str>, class: &str) -> Option<Self> {
        let grade_of =
            |t: &str| Grade::parse(t).map(Grade::number).or_else(|| number(t).filter(|n| (1..=9).contains(n)).map(|n| n as u8));
        let said = grade.and_then(|g| grade_of(&plain(g)));
        let text = plain(class);
        if text.is_empty() {
            return None;
        }
        let rest = text.strip_suffix('班').unwrap_or(&text);
        // 三年级1, 初一2: the grade is written before the class
        if let Some((head, tail)) = rest.split_once("年级") {
            let own = grade_of(&format!("{head}年级"));
            return Some(Self::numbered(own.or(said), tail));
        }
        for junior in ["初一", "初二", "初三"] {
            if let Some(tail) = rest.strip_prefix(junior) {
                return Some(Self::numbered(Grade::parse(junior).map(Grade::number), tail));
            }
        }
        // 三(1), 3.1, 叁一: grade, then something that parts them
        if let Some((head, tail)) = class_parts(class)
            && let Some(n) = number(&head).filter(|n| (1..=9).contains(n) && said.is_none_or(|s| u32::from(s) == *n))
        {
            return Some(Self::numbered(Some(n as u8), &tail));
        }
        // 301 of grade 3
        if let (Some(g), Ok(n)) = (said, rest.parse::<u32>())
            && n / 100 == u32::from(g)
            && rest.len() == 3
        {
            return Some(Self { grade: said, class: (n % 100).to_string() });
        }
        Some(Self::numbered(said, rest))
    }

    /// Of a row.
    pub fn of_row(r: &RosterRow) -> Option<Self> {
        Self::of(r.get(Field::Grade), r.get(Field::Class)?)
    }

    fn numbered(grade: Option<u8>, class: &str) -> Self {
        Self { grade, class: number(class).map_or_else(|| class.to_owned(), |n| n.to_string()) }
    }
}

/// Letters and digits.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// 三 and 1 of 三(1)班, 三.1班, 三-1.
fn class_parts(class: &str) -> Option<(String, String)> {
    let class = class.trim().trim_end_matches('班').trim_end();
    let at = class.find(|c: char| !c.is_alphanumeric())?;
    let (head, tail) = (plain(&class[..at]), plain(&class[at..]));
    (!head.is_empty() && !tail.is_empty()).then_some((head, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(grade: &str, class: &str, school: &str) -> RosterRow {
        let values = [(Field::Grade, grade), (Field::Class, class), (Field::SchoolName, school)]
            .into_iter()
            .filter(|v| !v.1.is_empty())
            .collect();
        RosterRow { values, ..RosterRow::default() }
    }

    #[test]
    fn classes_by_grade_and_number() {
        let register = ClassRegister::of_rows([row("三年级", "三(1)班", "柳林小学"), row("", "四年级2班", "柳林小学")].iter());
        let check = |grade, class, school, expected| {
            assert_eq!(register.has_class_of(&row(grade, class, school)), expected, "{grade} {class} {school}")
        };
        check("三年级", "1班", "柳林小学", Some(true));
        check("", "三年级(1)班", "柳林小学", Some(true));
        check("四年级", "四(2)班", "柳林小学", Some(true));
        check("三年级", "三(9)班", "柳林小学", Some(false));
        check("三年级", "三(1)班", "没有的学校", None);
        check("三年级", "", "柳林小学", None);
    }

    #[test]
    fn one_class_is_one_however_it_is_written() {
        let of = |grade: &str, class: &str| ClassKey::of(Some(grade).filter(|g| !g.is_empty()), class);
        let same = |all: &[(&str, &str)]| {
            let first = of(all[0].0, all[0].1);
            assert!(first.is_some());
            all.iter().for_each(|(g, c)| assert_eq!(of(g, c), first, "{g} {c}"));
        };
        same(&[
            ("三年级", "三(1)班"),
            ("三年级", "1班"),
            ("", "三年级1班"),
            ("", "三年级(1)班"),
            ("3年级", "3.1班"),
            ("三年级", "叁(1)班"),
            ("", "三(一)班"),
            ("三", "三(1)班"),
            ("三年级", "301班"),
            ("三年级", "一班"),
            ("三年级", "（1）班"),
        ]);
        same(&[("七年级", "11班"), ("初一", "十一班"), ("", "初一(11)班"), ("初中一年级", "七(11)班")]);
        same(&[("三年级", "春蕾班"), ("3年级", "春蕾班")]);
        assert_ne!(of("三年级", "三(1)班"), of("三年级", "三(2)班"));
        assert_ne!(of("三年级", "12班"), of("三年级", "2班"));
        // 三班 of grade 3 is its third class
        assert_eq!(of("三年级", "三班"), of("三年级", "三(3)班"));
        assert_eq!(of("三年级", ""), None);
    }
}
