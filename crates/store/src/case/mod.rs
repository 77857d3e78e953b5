//! 劝返复学 (cases): a child's file, who owns it, what was tried, what was asked, and how the child came back.

pub mod asks;
pub mod contacts;
pub mod files;
pub mod filter;
pub mod papers;
pub mod returns;
