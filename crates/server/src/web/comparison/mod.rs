//! 比对: runs, clerical review, checks and agreement of the registers.

pub mod agreement;
pub mod checks;
pub mod events;
pub mod review;
pub mod runs;
