//! 权限与账号: logging in, oneself, the people, confirmations and the log.

pub mod audit;
pub mod confirmations;
pub mod entering;
pub mod me;
pub mod people;
