//! 核实: lists of findings, one finding, and the units that are late.

pub mod findings;
pub mod units;
