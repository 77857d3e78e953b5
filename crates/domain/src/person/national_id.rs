use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Sex;

/// 公民身份号码 (citizen identity number), GB 11643: 6 places of area, 8 of birth date, 3 of sequence, 1 check.
///
/// A value of this type has the shape and the check digit of the standard and a birth date that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NationalId([u8; 18]);

/// Why a text is no citizen number.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum IdError {
    /// Not 18 characters.
    #[error("应为 18 位,实有 {0} 位")]
    Length(usize),
    /// 15-digit numbers ended in 2013 and were never given to a child of today.
    #[error("是 15 位旧号码,已停用")]
    Old,
    /// A character that does not belong.
    #[error("含有不应出现的字符“{0}”")]
    Character(char),
    /// The eight places of the birth date are no date.
    #[error("第 7 至 14 位不是有效日期")]
    BirthDate,
    /// The last place does not fit the others.
    #[error("校验位不对(末位应为 {expected})")]
    CheckDigit {
        /// What it should be.
        expected: char,
    },
}

impl IdError {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Length(_) => "id-length",
            Self::Old => "id-old",
            Self::Character(_) => "id-character",
            Self::BirthDate => "id-birth-date",
            Self::CheckDigit { .. } => "id-check-digit",
        }
    }
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

impl NationalId {
    /// Parses 18 characters, without spaces; `x` counts as `X`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if let Some(c) = text.chars().find(|c| !c.is_ascii_digit() && !matches!(c, 'X' | 'x')) {
            return Err(IdError::Character(c));
        }
        let mut b = [0u8; 18];
        match text.len() {
            18 => b.copy_from_slice(text.as_bytes()),
            15 => return Err(IdError::Old),
            n => return Err(IdError::Length(n)),
        }
        b[17] = b[17].to_ascii_uppercase();
        if let Some(c) = b[..17].iter().find(|c| !c.is_ascii_digit()) {
            return Err(IdError::Character(char::from(*c)));
        }
        let id = Self(b);
        if id.read_birth_date().is_none() {
            return Err(IdError::BirthDate);
        }
        let expected = check_digit(&b);
        if b[17] != expected {
            return Err(IdError::CheckDigit { expected: char::from(expected) });
        }
        Ok(id)
    }

    /// The number whose first 17 places are these, with its check digit: for making synthetic people.
    pub fn complete(first_17: &str) -> Option<Self> {
        let bytes = first_17.as_bytes();
        if bytes.len() != 17 || !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut b = [0u8; 18];
        b[..17].copy_from_slice(bytes);
        b[17] = check_digit(&b);
        let id = Self(b);
        id.read_birth_date().map(|_| id)
    }

    fn number(&self, range: std::ops::Range<usize>) -> i32 {
        self.0[range].iter().fold(0, |n, d| n * 10 + i32::from(d - b'0'))
    }

    fn read_birth_date(&self) -> Option<Date> {
        let (y, m, d) = (self.number(6..10), self.number(10..12), self.number(12..14));
        if !(1850..=2199).contains(&y) {
            return None;
        }
        Date::new(y as i16, m as i8, d as i8).ok()
    }

    /// 出生日期 in places 7 to 14.
    pub fn birth_date(&self) -> Date {
        self.read_birth_date().unwrap_or(Date::ZERO)
    }

    /// 性别: odd sequences are male.
    pub fn sex(&self) -> Sex {
        if self.0[16] % 2 == 1 { Sex::Male } else { Sex::Female }
    }

    /// The county of first registration, 6 places.
    pub fn area(&self) -> &str {
        &self.as_str()[..6]
    }

    /// All 18 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn check_digit(b: &[u8; 18]) -> u8 {
    let sum: u32 = b[..17].iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    CHECKS[(sum % 11) as usize]
}

impl fmt::Display for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for NationalId {
    type Error = IdError;

    fn try_from(s: String) -> Result<Self, IdError> {
        Self::parse(&s)
    }
}

impl From<NationalId> for String {
    fn from(id: NationalId) -> String {
        id.as_str().to_owned()
    }
}

/// 其他证件 (another document): whether a number is shaped like that of a passport or a travel permit, one or two letters and six to ten
/// digits.
pub fn is_other_document(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let digits = &text[letters..];
    (1..=2).contains(&letters) && (6..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<(&str, Sex), IdError>) {
        let found = NationalId::parse(text).map(|id| (id.birth_date().to_string(), id.sex()));
        assert_eq!(found, expected.map(|(d, s)| (d.to_owned(), s)), "{text}");
    }

    #[test]
    fn table() {
        // the standard's own example
        check("11010519491231002X", Ok(("1949-12-31", Sex::Female)));
        check("11010519491231002x", Ok(("1949-12-31", Sex::Female)));
        check("110105194912310021", Err(IdError::CheckDigit { expected: 'X' }));
        check("110105194913310020", Err(IdError::BirthDate));
        check("11010519491231002", Err(IdError::Length(17)));
        check("110105491231002", Err(IdError::Old));
        check("1101051949123100X2", Err(IdError::Character('X')));
        check("L10105194912310021", Err(IdError::Character('L')));
        check("", Err(IdError::Length(0)));
    }

    proptest! {
        #[test]
        fn never_panics(s in "\\PC{0,24}") {
            let _ = NationalId::parse(&s);
        }

        #[test]
        fn any_single_wrong_digit_is_caught(seq in 0u32..1000, day in 0u32..28, place in 0usize..17, add in 1u8..10) {
            let id = NationalId::complete(&format!("528801201503{:02}{seq:03}", day + 1)).unwrap();
            let mut wrong = id.as_str().as_bytes().to_vec();
            wrong[place] = b'0' + (wrong[place] - b'0' + add) % 10;
            prop_assert!(NationalId::parse(std::str::from_utf8(&wrong).unwrap()).is_err());
        }
    }
}
