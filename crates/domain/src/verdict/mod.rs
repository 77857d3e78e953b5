//! 判定 (verdicts): for every child one verdict with its reason, R-CMP 2 and 8.
//!
//! A verdict never says more than is known: 未见就读记录, not 失踪.

mod decide;
mod kind;
mod reason;

pub use decide::{Evidence, EvidenceRow, Setting, Verdict, decide};
pub use kind::{VerdictGroup, VerdictKind};
pub use reason::{NearMiss, past_visits};
