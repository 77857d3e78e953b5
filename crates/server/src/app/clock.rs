//! The only place that reads the machine's clock.

use std::time::{Duration, Instant};

/// Measures stages of a run.
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Today's date in the machine's time zone.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn today() -> jiff::civil::Date {
    jiff::Zoned::now().date()
}

/// Largest memory that this process has held, in bytes, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
