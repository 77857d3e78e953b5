//! 离线办理 (offline work): enrolled phones, the key that they seal to, and what they sent.

pub mod devices;
pub mod records;
