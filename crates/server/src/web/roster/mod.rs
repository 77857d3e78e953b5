//! 名册: upload, preview, loading.

pub mod rosters;
