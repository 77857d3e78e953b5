//! 考勤预警 (attendance): calendars, the roll, leave, and the warnings that follow from them.

pub mod assess;
pub mod calendar;
pub mod leave;
pub mod overview;
pub mod roll;
pub mod warnings;
