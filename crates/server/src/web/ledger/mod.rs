//! 台账: the lists of children, and one child.

pub mod children;
pub mod ledgers;
