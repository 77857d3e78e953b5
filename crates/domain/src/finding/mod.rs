//! 交办核实 (findings): what a comparison found, sent to a school or village, answered, and brought to an end (R-CMP 5, R-SYS 1).

mod routing;
mod state;

pub use routing::{Route, route};
pub use state::{FindingError, FindingState, Step};
