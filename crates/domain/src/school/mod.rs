//! 学校 (schools): codes, student numbers, school years.

mod directory;
mod grade;
mod school_year;

pub use directory::{SchoolDirectory, SchoolNamed};
pub use grade::{Grade, leavers_mark, leavers_step};
pub use school_year::{SchoolYear, TrackingWindow};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::person::{IdError, NationalId};

/// 学校标识码 (school code): 10 digits, kind 2 + province 2 + serial 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchoolCode(u64);

/// 学校类别 (kind of school), by the head of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchoolKind {
    /// 小学
    Primary,
    /// 初中(含九年一贯制)
    Junior,
    /// 高中、完全中学
    Senior,
    /// 中等职业学校
    Vocational,
    /// 专门学校
    Specialised,
    /// 特殊教育学校
    Special,
}

impl SchoolCode {
    /// Parses ten digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value = text.parse().ok()?;
        let province = value / 1_000_000 % 100;
        ((11..=82).contains(&province) && Self(value).kind().is_some()).then_some(Self(value))
    }

    /// What the first two digits say; `None` for heads that name no school.
    pub fn kind(self) -> Option<SchoolKind> {
        match self.0 / 100_000_000 {
            21 => Some(SchoolKind::Primary),
            31 => Some(SchoolKind::Junior),
            34 => Some(SchoolKind::Senior),
            36 => Some(SchoolKind::Vocational),
            37 => Some(SchoolKind::Specialised),
            51 => Some(SchoolKind::Special),
            _ => None,
        }
    }
}

impl fmt::Display for SchoolCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

/// 学籍号 (student number): formal (`G` + citizen number), temporary (`L`), or of a child without a number (`J`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StudentNumber {
    /// 正式学籍号, and the citizen number in it, which may differ from today's after a correction.
    Formal(NationalId),
    /// 临时学籍号
    Temporary(String),
    /// 无身份证件学生的学籍号
    WithoutId(String),
}

impl StudentNumber {
    /// Parses a letter and 18 characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut chars = text.chars();
        let head = chars.next().ok_or(IdError::Length(0))?;
        let rest = chars.as_str();
        match head {
            'G' | 'g' => NationalId::parse(rest).map(Self::Formal),
            'L' | 'l' | 'J' | 'j' if rest.len() == 18 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                let number = text.to_ascii_uppercase();
                Ok(if head.eq_ignore_ascii_case(&'L') { Self::Temporary(number) } else { Self::WithoutId(number) })
            }
            'L' | 'l' | 'J' | 'j' => Err(IdError::Length(rest.chars().count())),
            c => Err(IdError::Character(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn school_codes() {
        assert_eq!(SchoolCode::parse("2152000001").and_then(SchoolCode::kind), Some(SchoolKind::Primary));
        assert_eq!(SchoolCode::parse("5152000001").and_then(SchoolCode::kind), Some(SchoolKind::Special));
        for bad in ["", "215200001", "9952000001", "2199000001", "21520O0001"] {
            assert_eq!(SchoolCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn student_numbers() {
        assert!(matches!(StudentNumber::parse("G11010519491231002X"), Ok(StudentNumber::Formal(_))));
        assert!(matches!(StudentNumber::parse("L528801201503020019"), Ok(StudentNumber::Temporary(_))));
        assert!(matches!(StudentNumber::parse("J528801201503020019"), Ok(StudentNumber::WithoutId(_))));
        assert_eq!(StudentNumber::parse("G110105194912310021"), Err(IdError::CheckDigit { expected: 'X' }));
        assert_eq!(StudentNumber::parse("528801201503020019"), Err(IdError::Character('5')));
    }
}
