//! 比对 (comparison): runs and what people said of pairs.

pub(crate) mod review;
pub(crate) mod run;
