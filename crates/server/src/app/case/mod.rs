//! 劝返复学 (cases): from a report or a confirmed finding to the child's return and beyond.

pub mod contact;
pub mod listing;
pub mod opening;
pub mod paper;
pub mod papers;
pub mod rules;
pub mod work;
