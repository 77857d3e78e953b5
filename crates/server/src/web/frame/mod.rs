//! The frame of every page: routes and who may, the request, the shell, forms, errors.

pub mod assets;
pub mod cautions;
pub mod connections;
pub mod error;
pub mod files;
pub mod forms;
pub mod guard;
pub mod list;
pub mod routes;
pub mod shell;
pub mod trace;
pub mod view;
pub mod visit;
