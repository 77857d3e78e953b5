//! 考勤预警 (attendance): calendars, registers, leave, warnings; boarders, newcomers, duties, days on line.

pub mod boarders;
pub mod calendar;
pub mod duties;
pub mod learning;
pub mod leaves;
pub mod newcomers;
pub mod registers;
pub mod warnings;
