//! 劝返复学 (cases): a child's file from suspicion to return and beyond (R-CASE). A finding is a run's question about a child; a case is the
//! child's file; a task is whoever must act by when; events are what happened. Where the child stands on a ledger follows from what a case
//! establishes (`ledger::standing`), and is never written beside it.

mod codes;
mod contact;
mod owner;
mod state;

pub use codes::{Code, Codes, Issuer, PaperKind, codes, find, paper, told};
pub use contact::{ContactKind, Signed, VisitError, check_contact};
pub use owner::{Owners, owners};
pub use state::{Ask, CaseError, CaseFacts, CaseState, CaseStep, Due, LedgerEffect, Taken, Thresholds, check_day};
