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

/// China has one time zone and no summer time.
const CHINA: jiff::tz::Offset = jiff::tz::Offset::constant(8);

/// 时钟 (clock) of a server: the machine's, or one that runs from a given moment, for demonstrations and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset_ms: i64,
}

impl Clock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: jiff::civil::DateTime) -> Self {
        let wanted = CHINA.to_timestamp(start).map_or(0, |t| t.as_millisecond());
        Self { offset_ms: wanted - Self::default().now_ms() }
    }

    /// Whether it is not the machine's own.
    pub fn is_shifted(&self) -> bool {
        self.offset_ms != 0
    }

    /// Epoch milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond() + self.offset_ms
    }

    /// Date and time in China.
    pub fn now(&self) -> jiff::civil::DateTime {
        civil(self.now_ms())
    }

    /// Today in China.
    pub fn today(&self) -> jiff::civil::Date {
        self.now().date()
    }
}

/// A moment as people in China write it.
pub fn civil(ms: i64) -> jiff::civil::DateTime {
    CHINA.to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap_or_default())
}

/// The moment of a date and time in China.
pub fn moment(at: jiff::civil::DateTime) -> i64 {
    CHINA.to_timestamp(at).map_or(0, |t| t.as_millisecond())
}
