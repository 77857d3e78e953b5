//! `baoxue` 保学: finds the children who ought to be in school and are not.

mod app;
mod cli;
mod web;

fn main() -> std::process::ExitCode {
    cli::run()
}
