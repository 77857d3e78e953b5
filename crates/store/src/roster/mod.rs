//! 名册 (rosters): batches of rows.

pub(crate) mod batch;
