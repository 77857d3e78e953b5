//! 考勤预警 (attendance): calendars, registers, leave, warnings.

pub mod calendar;
pub mod leaves;
pub mod registers;
pub mod warnings;
