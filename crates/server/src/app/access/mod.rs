//! 权限与账号 (access): who somebody is, what she may do, who vouches for it, and how one gets in.

pub mod accounts;
pub mod confirmations;
pub mod heads;
pub mod managing;
pub mod password;
pub mod people;
pub mod throttle;
