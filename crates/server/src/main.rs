//! `baoxue` 保学: finds the children who ought to be in school and are not.

fn main() -> std::process::ExitCode {
    baoxue::serve_if_asked().unwrap_or_else(baoxue::run)
}
