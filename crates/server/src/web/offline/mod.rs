//! 离线办理 (offline work): the page that opens without signal, what it asks the server, and records that wait for their author.

pub mod held;
pub mod phone;
