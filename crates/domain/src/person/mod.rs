//! 人 (a person): what identifies a child.

mod birth_date;
mod national_id;

pub use birth_date::{DateError, ReadDate, read_date};
pub use national_id::{IdError, NationalId, is_other_document};

use serde::{Deserialize, Serialize};

/// 性别 (sex), GB/T 2261.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
}

impl Sex {
    /// Reads 男, 女, their codes 1 and 2, and the letters that some systems export.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "男" | "男性" | "男孩" | "1" | "01" | "M" | "m" => Some(Self::Male),
            "女" | "女性" | "女孩" | "2" | "02" | "F" | "f" => Some(Self::Female),
            _ => None,
        }
    }

    /// 男 or 女.
    pub fn label(self) -> &'static str {
        match self {
            Self::Male => "男",
            Self::Female => "女",
        }
    }
}

/// Whole years of age on a day.
pub fn age_on(birth: jiff::civil::Date, day: jiff::civil::Date) -> i16 {
    let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
    day.year() - birth.year() - i16::from(before_birthday)
}
