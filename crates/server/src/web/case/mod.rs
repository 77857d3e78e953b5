//! 劝返复学: today's work, lists and the board, one file, and what is done to it.

pub mod board;
pub mod detail;
mod lines;
pub mod list;
pub mod papers;
pub mod print;
pub mod report;
pub mod steps;
pub mod today;
