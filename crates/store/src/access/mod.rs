//! 账号 (accounts), grants and sessions.

pub(crate) mod account;
