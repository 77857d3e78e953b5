//! Use cases: what a command or a page does, free of how it was asked. An area has the same name here, in `web` and in `templates`.

pub mod access;
pub mod attendance;
pub mod case;
pub mod clock;
pub mod comparison;
pub mod demo;
pub mod finding;
pub mod installation;
pub mod jobs;
pub mod ledger;
pub mod link;
pub mod office;
pub mod offline;
pub mod place;
pub mod process;
pub mod roster;
