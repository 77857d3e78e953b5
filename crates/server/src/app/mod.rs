//! Use cases: what a command or a page does, free of how it was asked.

pub mod clock;
pub mod link;
