//! 地点 (places), and their moves.

pub(crate) mod places;
pub(crate) mod relocation;
