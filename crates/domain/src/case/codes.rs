use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

/// 代码 (code): something that is chosen from a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Stable code.
    pub code: String,
    /// Chinese wording.
    pub label: String,
    /// Told to the named officers only; others read 其他. (R-CASE 12)
    #[serde(default)]
    pub sealed: bool,
    /// 强制报告: signs of it go to the police at once. (R-CASE 11)
    #[serde(default)]
    pub mandatory_report: bool,
    /// What a school did itself: the bureau is told too.
    #[serde(default)]
    pub tells_bureau: bool,
}

/// Who may issue a legal paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    /// School, village, town or bureau.
    Any,
    /// Town or bureau.
    Town,
    /// The bureau.
    Bureau,
}

/// 依法文书 (legal paper).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperKind {
    /// Stable code.
    pub code: String,
    /// Statutory title.
    pub label: String,
    /// 文号 of it: the word after the unit's own.
    pub mark: String,
    /// Who issues it.
    pub issuer: Issuer,
    /// The law it rests on.
    pub basis: String,
    /// Before this day it rested on another one.
    #[serde(default)]
    pub basis_before: String,
    /// That one.
    #[serde(default)]
    pub basis_then: String,
}

impl PaperKind {
    /// 法律依据 (the law a paper of this day rests on).
    pub fn basis_on(&self, day: Date) -> &str {
        match self.basis_before.parse::<Date>() {
            Ok(from) if day < from => &self.basis_then,
            _ => &self.basis,
        }
    }
}

/// All codes of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// The day from which they are in force.
    pub in_force_from: String,
    /// 辍学原因
    pub cause: Vec<Code>,
    /// 安置方式
    pub placement: Vec<Code>,
    /// 联系结果
    pub outcome: Vec<Code>,
    /// 家长态度
    pub attitude: Vec<Code>,
    /// 学生意愿
    pub wish: Vec<Code>,
    /// 依法文书
    pub paper: Vec<PaperKind>,
    /// 送达方式
    pub service: Vec<Code>,
}

static CODES: LazyLock<Codes> = LazyLock::new(|| {
    let text = include_str!("../../../../reference/case_codes.toml");
    toml::from_str(text).unwrap_or(Codes {
        in_force_from: String::new(),
        cause: Vec::new(),
        placement: Vec::new(),
        outcome: Vec::new(),
        attitude: Vec::new(),
        wish: Vec::new(),
        paper: Vec::new(),
        service: Vec::new(),
    })
});

/// All codes.
pub fn codes() -> &'static Codes {
    &CODES
}

/// The code of a list, by its stable code.
pub fn find<'c>(list: &'c [Code], code: &str) -> Option<&'c Code> {
    list.iter().find(|c| c.code == code)
}

/// What everybody may read of a code: a sealed one is 其他 to whoever is not named. Empty where nothing was chosen.
pub fn told<'c>(list: &'c [Code], code: &str, named: bool) -> &'c str {
    match find(list, code) {
        Some(c) if c.sealed && !named => "其他",
        Some(c) => &c.label,
        None => "",
    }
}

/// A legal paper by its code.
pub fn paper(code: &str) -> Option<&'static PaperKind> {
    codes().paper.iter().find(|p| p.code == code)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn lists_are_read_and_codes_are_their_own() {
        let c = codes();
        for list in [&c.cause, &c.placement, &c.outcome, &c.attitude, &c.wish, &c.service] {
            let mut all: Vec<&str> = list.iter().map(|c| c.code.as_str()).collect();
            assert!(!all.is_empty());
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), list.len());
        }
        assert!(c.cause.len() >= 22, "R-CASE 6 and what officials add");
        assert_eq!(told(&c.cause, "religion", false), "其他");
        assert_eq!(told(&c.cause, "religion", true), "宗教原因");
        assert_eq!(told(&c.cause, "poverty", false), "家庭困难");
    }

    #[test]
    fn a_paper_rests_on_the_law_of_its_day() {
        let send = paper("send").unwrap();
        assert!(send.basis_on(date(2021, 5, 31)).contains("义务教育法"));
        assert!(send.basis_on(date(2021, 6, 1)).contains("未成年人保护法》第八十三条"));
        let order = paper("order").unwrap();
        assert_eq!(order.basis_on(date(2019, 1, 1)), order.basis_on(date(2024, 1, 1)));
        assert!(codes().paper.iter().all(|p| !p.label.contains('罚')), "no paper fines anybody");
    }
}
