//! 交办核实 (findings): what a comparison found, sent to a school or village, answered, and brought to an end (R-CMP 5, R-SYS 1).

mod deadline;
mod routing;
mod state;

pub use deadline::{Workdays, time_left};
pub use routing::{Route, route};
pub use state::{FindingError, FindingState, Step};
