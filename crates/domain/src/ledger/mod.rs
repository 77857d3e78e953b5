//! 台账 (ledgers): the three county ledgers, and how a finding is cleared.
//!
//! A ledger only grows: an entry says from which day it holds (`effective_on`) and when it was written down
//! (`recorded_at`), so that any day's ledger can be shown as it was known then.

mod disposition;

pub use disposition::{Disposition, all_dispositions};

use jiff::civil::{Date, DateTime};
use serde::Serialize;

use crate::verdict::VerdictKind;

/// 三本台账 (the three ledgers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerKind {
    /// 适龄儿童台账
    SchoolAge,
    /// 疑似辍学台账
    Suspected,
    /// 辍学台账
    Dropout,
}

impl LedgerKind {
    /// All three.
    pub const ALL: [LedgerKind; 3] = [LedgerKind::SchoolAge, LedgerKind::Suspected, LedgerKind::Dropout];

    /// Statutory title.
    pub fn title(self) -> &'static str {
        match self {
            Self::SchoolAge => "适龄儿童台账",
            Self::Suspected => "疑似辍学台账",
            Self::Dropout => "辍学台账",
        }
    }

    /// Whether a child with this verdict stands on the ledger.
    pub fn holds(self, verdict: VerdictKind) -> bool {
        match self {
            Self::SchoolAge => true,
            Self::Suspected => verdict.is_suspected(),
            Self::Dropout => verdict.is_dropout(),
        }
    }
}

/// One entry: a child's verdict from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// The child, by the number of the run's person.
    pub child: u64,
    /// The ledger.
    pub ledger: LedgerKind,
    /// The verdict.
    pub verdict: VerdictKind,
    /// From which day it holds.
    pub effective_on: Date,
    /// When it was written down.
    pub recorded_at: DateTime,
}

/// The entries that held on a day as it was known at a moment: for each child of a ledger the last one.
pub fn as_known(entries: &[LedgerEntry], on: Date, at: DateTime) -> Vec<&LedgerEntry> {
    let mut last: std::collections::BTreeMap<(LedgerKind, u64), &LedgerEntry> = std::collections::BTreeMap::new();
    for e in entries.iter().filter(|e| e.effective_on <= on && e.recorded_at <= at) {
        let held = last.entry((e.ledger, e.child)).or_insert(e);
        if (e.effective_on, e.recorded_at) >= (held.effective_on, held.recorded_at) {
            *held = e;
        }
    }
    last.into_values().collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_shown_as_it_was_known() {
        let entry = |verdict, on: Date, at: Date| LedgerEntry {
            child: 1,
            ledger: LedgerKind::SchoolAge,
            verdict,
            effective_on: on,
            recorded_at: at.at(12, 0, 0, 0),
        };
        let entries = [
            entry(VerdictKind::HouseholdNoRecord, date(2023, 9, 10), date(2023, 9, 10)),
            // written down later for an earlier day: 补录
            entry(VerdictKind::EnrolledPresent, date(2023, 9, 1), date(2023, 9, 20)),
            entry(VerdictKind::EnrolledPresent, date(2023, 9, 15), date(2023, 9, 20)),
        ];
        let check = |on: Date, at: Date, expected: Option<VerdictKind>| {
            assert_eq!(as_known(&entries, on, at.at(23, 0, 0, 0)).first().map(|e| e.verdict), expected, "{on} {at}");
        };
        check(date(2023, 9, 5), date(2023, 9, 10), None);
        check(date(2023, 9, 5), date(2023, 9, 20), Some(VerdictKind::EnrolledPresent));
        check(date(2023, 9, 30), date(2023, 9, 12), Some(VerdictKind::HouseholdNoRecord));
        check(date(2023, 9, 30), date(2023, 9, 30), Some(VerdictKind::EnrolledPresent));
    }

    #[test]
    fn every_child_is_on_the_first_ledger_and_dropouts_on_one_other() {
        for v in VerdictKind::ALL {
            assert!(LedgerKind::SchoolAge.holds(*v));
            assert!(!(LedgerKind::Suspected.holds(*v) && LedgerKind::Dropout.holds(*v)), "{v:?}");
        }
    }
}
