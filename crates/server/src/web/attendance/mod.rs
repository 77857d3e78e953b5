//! 考勤预警 (attendance): the roll of a class, a day of many, a month of one, leave, warnings, the calendar.

pub mod calendar;
pub mod class;
pub mod day;
pub mod first_day;
pub mod heat;
pub mod import;
pub mod leaves;
pub mod online;
pub mod roll;
pub mod warnings;

use baoxue_domain::access::{Action, Actor, mask_name};
use baoxue_store::ChildRow;

pub use crate::app::attendance::roll::class_name;

/// A child's name as an actor reads it: whoever takes the roll of a class knows its pupils.
pub fn name_for(actor: &Actor, c: &ChildRow) -> String {
    let own = c.school_path.as_deref().is_some_and(|p| actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(p)));
    if own { c.profile.name.clone() } else { mask_name(&c.profile.name) }
}
