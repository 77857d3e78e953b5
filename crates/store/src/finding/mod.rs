//! 核实 (findings).

pub(crate) mod findings;
