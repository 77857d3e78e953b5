//! 地方 (places): codes of GB/T 2260 and of the statistical bureau.

mod path;

pub use path::PlacePath;

use std::fmt;

use serde::{Deserialize, Serialize};

/// 行政区划代码 (place code): 12 digits, county 6 + town 3 + village 3; zeros where it names a larger place.
///
/// Development zones have heads that GB/T 2260 lacks, so a code is checked for its shape only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlaceCode(u64);

/// A place's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceLevel {
    /// 县级及以上
    County,
    /// 乡镇
    Town,
    /// 村、社区
    Village,
}

impl PlaceCode {
    /// Parses 6, 9 or 12 digits that begin with a province (11 to 82).
    pub fn parse(text: &str) -> Option<Self> {
        let n = text.len();
        if !matches!(n, 6 | 9 | 12) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value = text.parse::<u64>().ok()? * 10u64.pow(12 - n as u32);
        (11..=82).contains(&(value / 10_000_000_000)).then_some(Self(value))
    }

    /// How small the place is.
    pub fn level(self) -> PlaceLevel {
        if self.0 % 1000 != 0 {
            PlaceLevel::Village
        } else if self.0 / 1000 % 1000 != 0 {
            PlaceLevel::Town
        } else {
            PlaceLevel::County
        }
    }

    /// The county's six digits.
    pub fn county(self) -> u32 {
        (self.0 / 1_000_000) as u32
    }
}

impl fmt::Display for PlaceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let check = |s: &str, expected: Option<(PlaceLevel, &str)>| {
            assert_eq!(PlaceCode::parse(s).map(|c| (c.level(), c.to_string())), expected.map(|(l, t)| (l, t.to_owned())), "{s}");
        };
        check("528801", Some((PlaceLevel::County, "528801000000")));
        check("528801100", Some((PlaceLevel::Town, "528801100000")));
        check("528801100201", Some((PlaceLevel::Village, "528801100201")));
        check("028801100201", None);
        check("52880110020", None);
        check("5288O1", None);
    }
}
