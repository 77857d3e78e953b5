//! `baoxue` 保学: finds the children who ought to be in school and are not.
//!
//! A library only so that the cluster annex can offer the same commands with another [`baoxue_linkage::Engine`].

mod app;
mod cli;
mod web;

pub use app::roster::reader::serve_if_asked;
pub use cli::{HELP, compare, exit, link, parse, run};
