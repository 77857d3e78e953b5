//! 后台任务 (jobs): what the program does besides answering pages. A job is a value that is written down with a kind, in a lane, perhaps for
//! later; any process on the database does it, once. What a person asks for and what the program does by the clock are the same thing.

pub mod housekeeping;
mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baoxue_store::{JobState, Lane, Lease, NewJob, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::clock::Stopwatch;
use super::office::{Office, OfficeError, Result};
use crate::app::comparison::run::Compare;

/// Waits before a job is tried again that failed for a reason that may pass.
const BACK_OFF: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(300), Duration::from_secs(1800)];

/// Something to be done in the background.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + Sized + 'static {
    /// Stable name.
    const KIND: &'static str;
    /// Which lane it takes.
    const LANE: Lane;
    /// What it does one after the other, in words, for a bar.
    const STAGES: &'static [&'static str];
    /// What the program does by the clock: how long after its end it begins anew.
    const EVERY: Option<Duration> = None;
    /// Waits before it is tried again, where it failed for a reason that may pass; after the last one it has failed.
    const RETRIES: &'static [Duration] = &BACK_OFF;

    /// Of what has one key, one waits or runs at a time.
    fn key(&self) -> String;

    /// What the audit log says that it is about.
    fn subject(&self) -> String {
        "后台任务".into()
    }

    /// Does it. What it writes it writes in one transaction that ends with [`Working::finish`], so that it happens once; what changes nothing, or
    /// the same when done twice, may leave that to the worker.
    fn run(self, office: Office, working: Working) -> impl Future<Output = Result<()>> + Send;

    /// What else becomes of its failure, in the transaction that writes it down.
    fn failed(
        &self,
        _office: &Office,
        _tx: &mut Tx,
        _error: &OfficeError,
        _said: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// A worker's hold on a job and how far it is.
#[derive(Clone)]
pub struct Working {
    pub lease: Lease,
    pub progress: Arc<Progress>,
}

impl Working {
    /// Ends the job in the transaction that holds what it did; fails where another worker has taken it over.
    pub async fn finish(&self, tx: &mut Tx, now: i64) -> Result<()> {
        Ok(tx.end_job(self.lease, JobState::Finished, None, now).await?)
    }
}

/// Rings where somebody asked for a job in this process; other processes look by themselves.
#[derive(Default)]
pub struct Bell([Notify; 2]);

impl Bell {
    /// Wakes the workers of all lanes.
    pub fn ring(&self) {
        self.0.iter().for_each(Notify::notify_one);
    }

    async fn rung(&self, lane: Lane) {
        self.0[lane as usize].notified().await;
    }
}

/// How far a job is; and whether it is to stop.
pub struct Progress {
    watch: Stopwatch,
    names: &'static [&'static str],
    /// Stages begun, and when: seconds since the job began.
    stages: Mutex<Vec<(usize, f64)>>,
    stop: AtomicBool,
}

impl Progress {
    pub fn new(names: &'static [&'static str]) -> Self {
        Self { watch: Stopwatch::start(), names, stages: Mutex::new(vec![(0, 0.0)]), stop: AtomicBool::new(false) }
    }

    /// The job has come to this stage.
    pub fn at(&self, stage: usize) {
        if let Ok(mut s) = self.stages.lock() {
            s.push((stage, self.watch.elapsed().as_secs_f64()));
        }
    }

    pub fn seconds(&self) -> f64 {
        self.watch.elapsed().as_secs_f64()
    }

    /// The stage in words, its number, how many there are.
    fn now(&self) -> (&'static str, i64, i64) {
        let n = self.stages.lock().ok().and_then(|s| s.last().map(|l| l.0)).unwrap_or(0);
        (self.names.get(n).copied().unwrap_or_default(), n as i64, self.names.len() as i64)
    }

    /// How long each stage took, for the log of the server.
    fn times(&self) -> String {
        let stages = self.stages.lock().map(|s| s.clone()).unwrap_or_default();
        let ends = stages.iter().skip(1).map(|s| s.1).chain([self.seconds()]);
        let time = |((n, began), end): (&(usize, f64), f64)| format!("{} {:.1} 秒", self.names[*n], end - began);
        stages.iter().zip(ends).map(time).collect::<Vec<_>>().join(",")
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

type Doing = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
type Failing<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A kind of job, as the worker knows it.
struct Kind {
    name: &'static str,
    stages: &'static [&'static str],
    every: Option<Duration>,
    retries: &'static [Duration],
    subject: fn(&str) -> Result<String>,
    run: fn(Office, &str, Working) -> Result<Doing>,
    failed: for<'a> fn(&'a Office, &'a mut Tx, &'a str, &'a OfficeError, &'a str) -> Failing<'a>,
}

fn read<J: Job>(payload: &str) -> Result<J> {
    let unreadable = |_| OfficeError::Input("这项任务的内容读不出来(可能是升级前排上的),没有做。请重新提交".into());
    serde_json::from_str(payload).map_err(unreadable)
}

fn kind<J: Job>() -> Kind {
    Kind {
        name: J::KIND,
        stages: J::STAGES,
        every: J::EVERY,
        retries: J::RETRIES,
        subject: |payload| Ok(read::<J>(payload)?.subject()),
        run: |office, payload, working| Ok(Box::pin(read::<J>(payload)?.run(office, working))),
        failed: |office, tx, payload, error, said| {
            Box::pin(async move {
                match read::<J>(payload) {
                    Ok(job) => job.failed(office, tx, error, said).await,
                    Err(_) => Ok(()),
                }
            })
        },
    }
}

/// All kinds of jobs.
fn kinds() -> [Kind; 6] {
    [
        kind::<Compare>(),
        kind::<housekeeping::Assess>(),
        kind::<housekeeping::Escalate>(),
        kind::<housekeeping::Reassess>(),
        kind::<housekeeping::Reopen>(),
        kind::<housekeeping::Sweep>(),
    ]
}

impl Office {
    /// Asks for a job, in the transaction of what made it needed. `None`: one with its key waits or runs already.
    pub async fn ask_for<J: Job>(&self, tx: &mut Tx, job: &J, by: Option<i64>, after: Duration) -> Result<Option<i64>> {
        let payload = serde_json::to_string(job).map_err(|e| OfficeError::Input(e.to_string()))?;
        let new =
            NewJob { kind: J::KIND, key: &job.key(), payload: &payload, lane: J::LANE, after_ms: after.as_millis() as i64, by };
        Ok(tx.add_job(&new, self.now()).await?)
    }
}
