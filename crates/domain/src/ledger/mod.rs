//! 台账 (ledgers): the three county ledgers, and how a finding is cleared.
//!
//! Two streams that only grow say where a child stands: what runs found ([`Assessment`]) and what people established
//! ([`Establishment`]). Each entry says from which day it holds and when it was written down, so that any day's ledger can be shown as it
//! was known at any moment. [`standing`] is the one rule.

mod disposition;
mod standing;

pub use disposition::{
    DROPPED_OUT, Disposition, RETURNED, SUSPECTED, Tells, all_dispositions, conclusion_label, disposition, valid_until,
};
pub use standing::{Assessment, Effect, Establishment, Lapse, Standing, Stands, boundaries, lapse, standing};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_is_on_the_first_ledger_and_dropouts_on_one_other() {
        for v in VerdictKind::ALL {
            assert!(LedgerKind::SchoolAge.holds(*v));
            assert!(!(LedgerKind::Suspected.holds(*v) && LedgerKind::Dropout.holds(*v)), "{v:?}");
        }
    }
}
