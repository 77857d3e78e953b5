//! 考勤预警 (attendance and warnings), R-ATT: marks of a check, what two devices say of one register, what a day of a child was, leave, and the
//! warnings that follow. All of it pure: from marks, leaves, calendar and dated rules, so that a correction gives what would have been.

mod day;
mod leave;
mod mark;
mod register;
mod warning;

pub use day::{DayState, Marked, Night, day_state, half_of, in_days, night_of};
pub use leave::{Approver, LeaveKind, LeaveState, approver_of, covers};
pub use mark::{Check, Mark, checks_of};
pub use register::{Disagreement, merge};
pub use warning::{Change, Episode, Level, Rule, Rules, Seen, Standing, episodes, reconcile};
