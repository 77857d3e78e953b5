//! 考勤预警 (attendance): calendars, the roll, leave, and the warnings that follow from them; the first day of a term, days on line, sums over a year.

pub mod assess;
pub mod calendar;
pub mod class;
pub mod first_day;
pub mod heat;
pub mod import;
pub mod leave;
pub mod newcomers;
pub mod online;
pub mod overview;
pub mod papers;
pub mod roll;
pub mod warnings;
