//! 控辍保学的规则 (the statutory rules): pure functions and enums. No I/O, async, SQL, HTML, clock or randomness.
//!
//! * [`person`]: identity numbers, birth dates, sex.
//! * [`place`], [`school`]: codes of places and schools, student numbers, school years and cohorts.
//! * [`roster`]: what a sheet's columns mean; rows and their problems as values.
//! * [`verdict`]: one verdict a child, with its reason sentence.
//! * [`ledger`]: 台账 entries and disposition codes.
//! * [`finding`]: 交办核实, from a finding to its end.
//! * [`case`]: 劝返复学, a child's file from suspicion to return and beyond.
//! * [`calendar`]: holidays, terms, school days; deadlines.
//! * [`attendance`]: 考勤预警, marks, registers of two devices, leave, warnings.
//! * [`task`]: who has a subject to do, until when.
//! * [`policy`]: ⚙ every value that a place may set.
//! * [`access`]: roles, actions, jurisdiction, masks.

pub mod access;
pub mod attendance;
pub mod calendar;
pub mod case;
pub mod finding;
pub mod ledger;
pub mod person;
pub mod place;
pub mod policy;
pub mod roster;
pub mod school;
pub mod task;
pub mod verdict;
