//! 离线办理 (offline work): phones that keep what their owner may see and record what she does where there is no signal.

pub mod data;
pub mod devices;
pub mod records;
pub mod seal;
