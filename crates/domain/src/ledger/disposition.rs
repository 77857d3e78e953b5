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
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
