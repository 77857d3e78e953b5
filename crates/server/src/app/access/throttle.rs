//! 登录限速 (throttling): whoever fails again and again waits, and nobody else does. Failures are counted by who is tried *and* from where: a
//! browser in which the account has logged in before keeps its own count, so that no stranger locks an officer out. An unknown log-in name
//! is counted like a known one: how long one waits tells nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::office::{OfficeError, Result};

/// Failures that cost nothing: people mistype.
pub const FREE_TRIES: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT_MS: i64 = 60_000;
/// The longest wait. After it the count begins anew.
const LONGEST_WAIT_MS: i64 = 15 * 60_000;
/// Failures of one network are counted over this time.
const WINDOW_MS: i64 = 10 * 60_000;
/// A school stands behind one network: sixty teachers mistype now and then, a list of passwords is thousands.
const MOST_OF_NETWORK: u32 = 50;
/// Failures of one log-in name from browsers that are not known, over an hour: a guesser with many networks.
const MOST_OF_STRANGERS: u32 = 100;
const HOUR_MS: i64 = 3_600_000;
/// Counts that are remembered; beyond them the oldest are forgotten.
const MOST_COUNTS: usize = 20_000;
/// How long a log-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);

/// From where somebody tries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum From {
    /// A browser in which the account has logged in before.
    Device(Vec<u8>),
    /// Any other one of a network.
    Network(String),
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Task(&'static str, i64),
    Network(String),
    Strangers(String),
    Door(String, From),
}

#[derive(Clone, Copy)]
struct Count {
    n: u32,
    /// When the count began, and the last failure.
    since: i64,
    last: i64,
}

impl Count {
    /// Until when a door stays shut; 0 when it is open.
    fn shut_until(self) -> i64 {
        let Some(over) = self.n.checked_sub(FREE_TRIES) else { return 0 };
        self.last + (FIRST_WAIT_MS << over.min(10)).min(LONGEST_WAIT_MS)
    }

    /// Whether the longest wait has passed: it counts no more.
    fn is_over(self, now: i64) -> bool {
        now - self.last >= LONGEST_WAIT_MS
    }
}

#[derive(Clone)]
pub struct Throttle {
    counts: Arc<Mutex<FxHashMap<Key, Count>>>,
    turns: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { counts: Arc::default(), turns: Arc::new(Semaphore::new(2 * cores)) }
    }
}

fn name(login: &str) -> String {
    login.trim().to_lowercase().chars().take(64).collect()
}

impl Throttle {
    fn count(&self, key: &Key) -> Option<Count> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn add(&self, key: Key, now: i64, window: i64) -> Count {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_COUNTS && !all.contains_key(&key) {
            all.retain(|_, c| now - c.last < LONGEST_WAIT_MS);
            // those that failed most stay
            let mut least = 2;
            while all.len() >= MOST_COUNTS {
                all.retain(|_, c| c.n >= least);
                least *= 2;
            }
        }
        let c = all.entry(key).or_insert(Count { n: 0, since: now, last: now });
        if now - c.since >= window {
            *c = Count { n: 0, since: now, last: now };
        }
        *c = Count { n: c.n + 1, since: c.since, last: now };
        *c
    }

    /// Refuses a network that failed too often, whatever names it tried.
    pub fn check_network(&self, network: &str, now: i64) -> Result<()> {
        match self.count(&Key::Network(network.to_owned())) {
            Some(c) if c.n >= MOST_OF_NETWORK && now - c.since < WINDOW_MS => {
                Err(wait("从您所在的网络输错密码太多次", c.since + WINDOW_MS - now))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a door at which somebody failed too often.
    pub fn check(&self, login: &str, from: &From, now: i64) -> Result<()> {
        let login = name(login);
        if let From::Network(n) = from {
            self.check_network(n, now)?;
            if let Some(c) = self.count(&Key::Strangers(login.clone()))
                && c.n >= MOST_OF_STRANGERS
                && now - c.since < HOUR_MS
            {
                return Err(wait("用这个登录名输错太多次;常用的设备不受影响", c.since + HOUR_MS - now));
            }
        }
        match self.count(&Key::Door(login, from.clone())) {
            Some(c) if c.shut_until() > now => Err(wait("连续输错多次", c.shut_until() - now)),
            _ => Ok(()),
        }
    }

    /// Counts a failure at a door; true when it shuts by it.
    pub fn failed(&self, login: &str, from: &From, now: i64) -> bool {
        let login = name(login);
        if let From::Network(n) = from {
            self.add(Key::Network(n.clone()), now, WINDOW_MS);
            self.add(Key::Strangers(login.clone()), now, HOUR_MS);
        }
        let key = Key::Door(login, from.clone());
        if self.count(&key).is_some_and(|c| c.is_over(now)) {
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
        self.add(key, now, i64::MAX).n >= FREE_TRIES
    }

    /// Counts what an account does, and says whether it is more than `most` a minute.
    pub fn too_often(&self, what: &'static str, account: i64, most: u32, now: i64) -> bool {
        self.add(Key::Task(what, account), now, 60_000).n > most
    }

    /// Counts what a network asks for without being anybody.
    pub fn asked(&self, network: &str, now: i64) {
        self.add(Key::Network(network.to_owned()), now, WINDOW_MS);
    }

    /// Forgets the failures at a door after a success.
    pub fn succeeded(&self, login: &str, from: &From) {
        let key = Key::Door(name(login), from.clone());
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Waits for a turn to check a password: each check takes 19 MiB on purpose.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(OfficeError::Input("此刻登录的人太多,请稍候再试".into())),
        }
    }
}

fn wait(why: &str, ms: i64) -> OfficeError {
    OfficeError::Input(format!("{why},请 {} 分钟后再试", (ms - 1).max(0) / 60_000 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: usize) -> From {
        From::Network(format!("10.0.0.{n}"))
    }

    #[test]
    fn a_door_shuts_for_longer_and_longer_and_begins_anew() {
        let t = Throttle::default();
        for i in 0..FREE_TRIES {
            assert!(t.check("zhang", &network(1), 0).is_ok());
            assert_eq!(t.failed("zhang", &network(1), 0), i + 1 == FREE_TRIES);
        }
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 15] {
            let said = t.check("Zhang ", &network(1), now).unwrap_err().to_string();
            assert!(said.contains(&format!("请 {minutes} 分钟后再试")), "{minutes}: {said}");
            assert!(t.check("zhang", &network(1), now + minutes * 60_000 - 1).is_err());
            assert!(t.check("zhang", &network(2), now).is_ok(), "another network waits for nothing");
            assert!(t.check("li", &network(1), now).is_ok(), "nor another name");
            assert!(t.check("zhang", &From::Device(vec![1]), now).is_ok(), "nor a browser that is known");
            now += minutes * 60_000;
            assert!(t.check("zhang", &network(1), now).is_ok());
            t.failed("zhang", &network(1), now);
        }
        // the longest wait was served: one wrong password shuts nothing
        assert!(t.check("zhang", &network(1), now).is_ok(), "counted anew");
    }

    #[test]
    fn a_known_browser_keeps_its_own_count() {
        let t = Throttle::default();
        let device = From::Device(vec![7]);
        for i in 0..2_000 {
            t.failed("zhang", &network(i % 500), i as i64);
        }
        assert!(t.check("zhang", &network(9_999), 2_000).is_err(), "strangers have tried enough");
        assert!(t.check("zhang", &device, 2_000).is_ok());
        assert!(t.check("zhang", &network(9_999), HOUR_MS).is_ok());
        for _ in 0..FREE_TRIES {
            t.failed("zhang", &device, 2_000);
        }
        assert!(t.check("zhang", &device, 2_001).is_err());
        t.succeeded("zhang", &device);
        assert!(t.check("zhang", &device, 2_001).is_ok());
    }

    #[test]
    fn a_network_that_tries_many_names_waits_and_memory_has_a_bound() {
        let t = Throttle::default();
        for i in 0..MOST_OF_NETWORK as usize {
            assert!(t.check("x", &network(1), 0).is_ok());
            t.failed(&format!("n{i}"), &network(1), 0);
        }
        let said = t.check("x", &network(1), 60_000).unwrap_err().to_string();
        assert!(said.contains("从您所在的网络") && said.contains("9 分钟后再试"), "{said}");
        assert!(t.check("x", &network(2), 60_000).is_ok());
        assert!(t.check("x", &network(1), WINDOW_MS).is_ok());
        for i in 0..MOST_COUNTS {
            t.failed(&i.to_string(), &network(i), 0);
        }
        assert!(t.counts.lock().unwrap().len() <= MOST_COUNTS);
    }
}
