//! 地点 (places): the tree of places, what people call them, and how a year moves their classes on.

pub mod gazetteer;
pub mod roll_over;
pub mod search;
pub mod tree;
