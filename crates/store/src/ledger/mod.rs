//! 台账 (ledgers): children, how they stand, and the search for them.

pub(crate) mod child;
pub(crate) mod class_count;
pub(crate) mod search;
pub(crate) mod standing;
