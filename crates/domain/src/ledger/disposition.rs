use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

/// 核实结论 (disposition code): why a finding is no dropout, and the proof it needs (R-CASE 2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposition {
    /// Stable code.
    pub code: String,
    /// Chinese wording.
    pub label: String,
    /// What must be attached.
    pub proof: Vec<String>,
    /// How many different units must vouch for it.
    pub units: u8,
    /// Whether the proof runs out with the term and must be renewed.
    pub each_term: bool,
    /// Whether the child still counts as not having finished compulsory education.
    pub unfinished: bool,
    /// What it says of the child, for what registers say later.
    pub tells: Tells,
    /// Told to officers only; others read 其他.
    #[serde(default)]
    pub sealed: bool,
}

/// 结论所指 (what a conclusion says of the child): registers of later may contradict it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tells {
    /// In a school of this county.
    SchooledHere,
    /// In a school elsewhere, or taught, postponed, ill, in custody: the child is known, and is on no record here for a reason.
    AccountedFor,
    /// There is no such child (any more) in the county.
    NotThere,
    /// An entry of a register was wrong.
    WrongEntry,
    /// Past compulsory schooling.
    Finished,
}

/// 确认未就读 (the answer that clears nothing): the child is out of school.
pub const DROPPED_OUT: &str = "dropped-out";
/// 疑似辍学 (what a report says): nobody knows yet, and the child is looked for.
pub const SUSPECTED: &str = "suspected";
/// 返校复学 (what ends the persuasion): the child is back in a school.
pub const RETURNED: &str = "returned";

#[derive(Deserialize)]
struct File {
    in_force_from: String,
    disposition: Vec<Disposition>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    let text = include_str!("../../../../reference/dispositions.toml");
    toml::from_str(text).unwrap_or(File { in_force_from: String::new(), disposition: Vec::new() })
});

/// All codes, and the day from which they are in force.
pub fn all_dispositions() -> (Option<Date>, &'static [Disposition]) {
    (FILE.in_force_from.parse().ok(), &FILE.disposition)
}

/// A conclusion in words.
pub fn conclusion_label(code: &str) -> String {
    match code {
        DROPPED_OUT => "确认未就读".to_owned(),
        SUSPECTED => "报告疑似辍学".to_owned(),
        RETURNED => "返校复学".to_owned(),
        _ => disposition(code).map(|d| d.label.clone()).unwrap_or_default(),
    }
}

/// The code of an answer; `None` for one that clears nothing: [`DROPPED_OUT`], [`SUSPECTED`], [`RETURNED`].
pub fn disposition(code: &str) -> Option<&'static Disposition> {
    all_dispositions().1.iter().find(|d| d.code == code)
}

/// 有效期 (the day from which a proof of this day holds no longer): one that is to be renewed each term ends with the term. [B]
pub fn valid_until(d: &Disposition, from: Date) -> Option<Date> {
    d.each_term.then(|| match from.month() {
        3..=8 => jiff::civil::date(from.year(), 9, 1),
        9.. => jiff::civil::date(from.year() + 1, 3, 1),
        _ => jiff::civil::date(from.year(), 3, 1),
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn proofs_of_a_term_end_with_it() {
        let (elsewhere, dead) = (disposition("enrolled-elsewhere").unwrap(), disposition("dead").unwrap());
        for (from, until) in [
            (date(2023, 10, 9), date(2024, 3, 1)),
            (date(2024, 2, 29), date(2024, 3, 1)),
            (date(2024, 3, 1), date(2024, 9, 1)),
            (date(2024, 8, 31), date(2024, 9, 1)),
        ] {
            assert_eq!(valid_until(elsewhere, from), Some(until), "{from}");
            assert_eq!(valid_until(dead, from), None);
        }
        assert_eq!(disposition(DROPPED_OUT), None);
    }

    #[test]
    fn codes_are_unique_and_every_one_needs_proof() {
        let (from, all) = all_dispositions();
        assert!(from.is_some());
        let mut codes: Vec<&str> = all.iter().map(|d| d.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all.len());
        assert!(all.len() >= 17);
        assert!(all.iter().all(|d| !d.proof.is_empty() && d.units >= 1));
        assert_eq!(all.iter().find(|d| d.code == "nobody-found").map(|d| d.units), Some(2));
    }
}
