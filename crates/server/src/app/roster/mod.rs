//! 名册 (rosters): bytes become rows that are kept, loaded, replaced and mended.

pub mod bad_rows;
pub mod kept;
pub mod reader;
pub mod reading;
pub mod staging;
pub mod supersede;
pub mod template;
