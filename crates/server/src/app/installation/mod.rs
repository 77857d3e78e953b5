//! 本系统 (this installation): what a county sets for itself.

pub mod settings;
