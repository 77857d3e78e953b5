//! 校历 (calendars): days on which offices work, and days on which a school teaches: terms, what a county or school says otherwise, boarding
//! fortnights, closures. Everything is dated data; nothing here knows what day it is.

mod school_days;
mod workdays;

pub use school_days::{DayKind, Exception, ExceptionKind, Half, SchoolCalendar, Term, default_terms};
pub use workdays::{Holiday, HolidayError, Workdays, read_holidays, time_left};
