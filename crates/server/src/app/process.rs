//! 进程 (the process): what the operating system may show others of it: nothing.

/// Files that the program makes are its owner's alone; a crash leaves no picture of its memory, and nobody else's debugger looks into it.
#[cfg(unix)]
pub fn keep_to_itself() {
    use rustix::fs::Mode;
    use rustix::process::{Resource, Rlimit, setrlimit, umask};
    umask(Mode::RWXG | Mode::RWXO);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Elsewhere the system keeps programs apart by itself.
#[cfg(not(unix))]
pub fn keep_to_itself() {}

/// Whether a crash would write the memory to a file.
pub fn dumps_memory() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        !matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// Files and folders below a place that others on this machine can read, the place itself included; some of them by name.
#[cfg(unix)]
pub fn open_to_others(folder: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    use std::os::unix::fs::PermissionsExt;
    let mut open = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        let m = std::fs::symlink_metadata(&at)?;
        if m.is_symlink() {
            continue;
        }
        if m.permissions().mode() & 0o077 != 0 {
            open.push(at.clone());
        }
        if m.is_dir() {
            for inside in std::fs::read_dir(&at)? {
                todo.push(inside?.path());
            }
        }
    }
    Ok(open)
}

#[cfg(not(unix))]
pub fn open_to_others(_: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    Ok(Vec::new())
}

/// Closes a place to others, with everything in it: an installation of an earlier version.
#[cfg(unix)]
pub fn close_to_others(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for at in open_to_others(folder)? {
        let mode = std::fs::symlink_metadata(&at)?.permissions().mode() & 0o700;
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub fn close_to_others(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}
