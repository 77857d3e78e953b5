//! 地点: where one is, the search of a place, and the tree.

pub mod choice;
pub mod search;
pub mod switch;
pub mod tree;
