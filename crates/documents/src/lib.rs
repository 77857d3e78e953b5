//! Bytes to sheets and back.
pub mod text;
