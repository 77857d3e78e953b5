//! 核实: lists of findings, one finding, what is done to it, and the units that are late.

pub mod detail;
pub mod inbox;
mod lines;
pub mod list;
pub mod steps;
pub mod units;
