//! 登录限速 (throttling): one network address that fails again and again waits, whatever accounts it tries; and passwords are not checked by the
//! hundred at once, because each check takes 19 MiB on purpose.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{OfficeError, Result};

/// Failures are counted over this time.
const WINDOW_MS: i64 = 10 * 60_000;
/// A school stands behind one address: sixty teachers mistype now and then, a list of passwords is thousands.
const MOST_FAILURES: u32 = 50;
/// Addresses that are remembered; beyond them the oldest are forgotten.
const MOST_ADDRESSES: usize = 10_000;
/// How long a log-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct Throttle {
    /// When the count began, and how many there were.
    failures: Arc<Mutex<FxHashMap<String, (i64, u32)>>>,
    turns: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { failures: Arc::default(), turns: Arc::new(Semaphore::new(2 * cores)) }
    }
}

impl Throttle {
    /// Refuses an address that failed too often.
    pub fn check(&self, address: &str, now: i64) -> Result<()> {
        let Ok(all) = self.failures.lock() else { return Ok(()) };
        match all.get(address) {
            Some((since, n)) if *n >= MOST_FAILURES && now - since < WINDOW_MS => {
                let minutes = (since + WINDOW_MS - now) / 60_000 + 1;
                Err(OfficeError::Input(format!("从您所在的网络输错密码太多次,请 {minutes} 分钟后再试")))
            }
            _ => Ok(()),
        }
    }

    /// Counts a failure of an address.
    pub fn failed(&self, address: &str, now: i64) {
        let Ok(mut all) = self.failures.lock() else { return };
        if all.len() >= MOST_ADDRESSES && !all.contains_key(address) {
            all.retain(|_, (since, _)| now - *since < WINDOW_MS);
            if all.len() >= MOST_ADDRESSES {
                all.clear();
            }
        }
        let entry = all.entry(address.to_owned()).or_insert((now, 0));
        if now - entry.0 >= WINDOW_MS {
            *entry = (now, 0);
        }
        entry.1 += 1;
    }

    /// Waits for a turn to check a password.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(OfficeError::Input("此刻登录的人太多,请稍候再试".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_waits_and_others_do_not() {
        let t = Throttle::default();
        for i in 0..i64::from(MOST_FAILURES) {
            assert!(t.check("10.0.0.1", i).is_ok());
            t.failed("10.0.0.1", i);
        }
        let said = t.check("10.0.0.1", 60_000).unwrap_err().to_string();
        assert!(said.contains("10 分钟后再试"), "{said}");
        assert!(t.check("10.0.0.2", 60_000).is_ok());
        assert!(t.check("10.0.0.1", WINDOW_MS).is_ok());
        t.failed("10.0.0.1", WINDOW_MS);
        assert!(t.check("10.0.0.1", WINDOW_MS).is_ok(), "counted anew");
        for i in 0..=MOST_ADDRESSES {
            t.failed(&i.to_string(), 0);
        }
        assert!(t.failures.lock().unwrap().len() <= MOST_ADDRESSES, "memory has a bound");
    }
}
