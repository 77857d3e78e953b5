//! Use cases: what a command or a page does, free of how it was asked.

pub mod bad_rows;
pub mod clock;
pub mod compare;
pub mod demo;
pub mod jobs;
pub mod link;
pub mod office;
pub mod process;
pub mod reader;
pub mod roster;
pub mod template;
