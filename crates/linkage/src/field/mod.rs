//! The kinds of columns: how each is read, which comparison levels it has, which keys it offers to blocking.

pub(crate) mod date;
mod decimal;
pub(crate) mod name;
pub(crate) mod national_id;
pub(crate) mod phone;
pub(crate) mod residence;
pub(crate) mod text;

use serde::{Deserialize, Serialize};

/// Level of every comparison when a side has no value: it speaks neither for nor against.
pub const NULL_LEVEL: u8 = 0;

/// 列的种类 (kind of a column): decides normalisation, comparison levels and blocking keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 公民身份号码, GB 11643.
    NationalId,
    /// 姓名, Chinese or Latin.
    PersonName,
    /// 日期, `YYYY-MM-DD` or `YYYYMMDD`.
    Date,
    /// 电话号码.
    Phone,
    /// 地区代码, 6 to 12 digits.
    PlaceCode,
    /// 地址.
    Address,
    /// 性别.
    Sex,
    /// Free text, compared by Jaro–Winkler.
    Text,
    /// Same or not.
    Exact,
}

impl Kind {
    /// All kinds with their names in settings.
    pub const ALL: [(Kind, &'static str); 9] = [
        (Kind::NationalId, "national-id"),
        (Kind::PersonName, "person-name"),
        (Kind::Date, "date"),
        (Kind::Phone, "phone"),
        (Kind::PlaceCode, "place-code"),
        (Kind::Address, "address"),
        (Kind::Sex, "sex"),
        (Kind::Text, "text"),
        (Kind::Exact, "exact"),
    ];

    /// The name in settings.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(k, _)| *k == self).map_or("", |(_, s)| s)
    }

    /// The keys a column of this kind offers to blocking rules, after the dot (`name.pinyin`).
    pub(crate) fn key_parts(self) -> &'static [&'static str] {
        match self {
            Kind::PersonName => &["pinyin", "shape", "first"],
            Kind::Date => &["year", "month"],
            Kind::PlaceCode => &["county", "town"],
            Kind::Address => &["village"],
            Kind::NationalId => &["head", "tail", "ends"],
            Kind::Phone | Kind::Sex | Kind::Text | Kind::Exact => &[],
        }
    }
}

/// One comparison level, with where EM starts: how often it is met among pairs of one child in careful and in
/// careless hands, among twins, among other children of one household, and among namesakes. The numbers are weights; they are
/// normalised over the levels of a comparison.
#[derive(Debug)]
pub(crate) struct Level {
    pub label: &'static str,
    pub careful: f64,
    pub careless: f64,
    pub twin: f64,
    pub sibling: f64,
    pub namesake: f64,
    /// A rough weight of evidence in quarter bits: only to drop hopeless pairs before the model is known.
    pub rough: i16,
}

const fn level(label: &'static str, careful: f64, careless: f64, twin: f64, sibling: f64, namesake: f64, rough: i16) -> Level {
    Level { label, careful, careless, twin, sibling, namesake, rough }
}

/// Levels of 性别 and of `exact` columns.
pub(crate) const SEX_LEVELS: &[Level] =
    &[level("same", 0.997, 0.97, 0.8, 0.5, 0.7, 4), level("different", 0.003, 0.03, 0.2, 0.5, 0.3, -20)];
pub(crate) const EXACT_LEVELS: &[Level] =
    &[level("same", 0.95, 0.7, 0.6, 0.5, 0.7, 24), level("different", 0.05, 0.3, 0.4, 0.5, 0.3, -16)];

/// 1 for 男, 2 for 女, 0 for anything else.
pub(crate) fn parse_sex(s: &str) -> u32 {
    match s {
        "男" | "男性" | "1" | "M" | "m" | "male" | "Male" => 1,
        "女" | "女性" | "2" | "F" | "f" | "female" | "Female" => 2,
        _ => 0,
    }
}
