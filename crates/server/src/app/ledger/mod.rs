//! 台账 (ledgers): the lists of children and what they say of a day.

pub mod board;
pub mod listing;
