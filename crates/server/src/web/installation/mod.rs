//! 本系统: settings and help.

pub mod help;
pub mod settings;
