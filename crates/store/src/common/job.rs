//! 后台任务 (jobs): claimed by one UPDATE, held by a lease of database time; every write checks the lease's epoch (fencing). Several processes on
//! one database share the work.

use crate::ground::error::{Result, StoreError};
use crate::{Row, Store, Tx, binds};

/// How long a worker holds a job without a word, in milliseconds.
pub(crate) const LEASE_MS: i64 = 30_000;

/// 快慢车道 (lane): what takes minutes never delays what takes a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A county's comparison.
    Long,
    /// A message, a reminder.
    Quick,
}

impl Lane {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Quick => "quick",
        }
    }
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker holds it.
    Running,
    /// Done.
    Finished,
    /// Ended with a problem.
    Failed,
    /// Stopped by a person.
    Cancelled,
}

impl JobState {
    /// All of them.
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Finished, Self::Failed, Self::Cancelled];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn find(code: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code).ok_or_else(|| StoreError::unreadable("job.state", code))
    }

    /// Whether it has ended.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// Of what has one kind and one key, one waits or runs at a time.
    pub key: String,
    /// JSON: with what.
    pub payload: String,
    /// State.
    pub state: JobState,
    /// What it is doing, in words.
    pub stage: String,
    /// So much is done…
    pub done: i64,
    /// …of so much.
    pub total: i64,
    /// A person asked to stop it.
    pub cancel_asked: bool,
    /// Times it was begun.
    pub attempts: i64,
    /// Why it failed, or why it is tried again.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// By whom; nobody: by the program itself.
    pub created_by: Option<i64>,
}

/// A job to ask for.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// See [`Job`].
    pub kind: &'a str,
    /// See [`Job`].
    pub key: &'a str,
    /// See [`Job`].
    pub payload: &'a str,
    /// In which lane.
    pub lane: Lane,
    /// Not sooner than after so many milliseconds.
    pub after_ms: i64,
    /// See [`Job`].
    pub by: Option<i64>,
}

/// A worker's hold on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: i64,
    /// Rises with every claim.
    pub epoch: i64,
}

const COLUMNS: &str =
    "id, kind, key, payload, state, stage, done, total, cancel_asked, attempts, problem, created_at, created_by";

fn job(r: &Row) -> Result<Job> {
    Ok(Job {
        id: r.int(0)?,
        kind: r.text(1)?,
        key: r.text(2)?,
        payload: r.text(3)?,
        state: JobState::find(&r.text(4)?)?,
        stage: r.text(5)?,
        done: r.int(6)?,
        total: r.int(7)?,
        cancel_asked: r.flag(8)?,
        attempts: r.int(9)?,
        problem: r.opt_text(10)?,
        created_at: r.int(11)?,
        created_by: r.opt_int(12)?,
    })
}

impl Store {
    /// A job by its number.
    pub async fn job(&self, id: i64) -> Result<Option<Job>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE id = $1");
        self.one(&sql, binds![id]).await?.as_ref().map(job).transpose()
    }

    /// The newest job of a kind with a key.
    pub async fn job_of(&self, kind: &str, key: &str) -> Result<Option<Job>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE kind = $1 AND key = $2 ORDER BY id DESC LIMIT 1");
        self.one(&sql, binds![kind, key]).await?.as_ref().map(job).transpose()
    }

    /// Takes the job of a lane that has been due for longest and waits, or whose worker fell silent.
    pub async fn claim_job(&self, lane: Lane) -> Result<Option<(Job, Lease)>> {
        let now = self.dialect().now();
        let mut tx = self.begin().await?;
        // SKIP LOCKED is PostgreSQL's; without it a second worker waits a moment and finds the job taken
        let free = format!("((state = 'queued' AND due_at <= {now}) OR (state = 'running' AND lease_until < {now}))");
        let sql = format!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, lease_epoch = lease_epoch + 1, lease_until = {now} + $1
             WHERE id = (SELECT id FROM job WHERE lane = $2 AND {free} ORDER BY due_at, id LIMIT 1) AND {free}
             RETURNING {COLUMNS}, lease_epoch"
        );
        let row = tx.one(&sql, binds![self.lease_ms, lane.code()]).await?;
        tx.commit_untold("a job tells of itself when it ends").await?;
        row.map(|r| {
            let j = job(&r)?;
            let lease = Lease { job: j.id, epoch: r.int(13)? };
            Ok((j, lease))
        })
        .transpose()
    }

    /// Says how far a job is and keeps the lease. False: a person asked to stop.
    pub async fn progress(&self, lease: Lease, stage: &str, done: i64, total: i64) -> Result<bool> {
        let now = self.dialect().now();
        let mut tx = self.begin().await?;
        let sql = format!(
            "UPDATE job SET stage = $1, done = $2, total = $3, lease_until = {now} + $4
             WHERE id = $5 AND lease_epoch = $6 AND state = 'running' RETURNING cancel_asked"
        );
        let row = tx.one(&sql, binds![stage, done, total, self.lease_ms, lease.job, lease.epoch]).await?;
        tx.commit_untold("a job tells of itself when it ends").await?;
        let row = row.ok_or(StoreError::Fenced)?;
        Ok(!row.flag(0)?)
    }

    /// Forgets jobs that ended before a moment.
    pub async fn sweep_jobs(&self, before: i64) -> Result<u64> {
        let mut tx = self.begin().await?;
        let n = tx.run("DELETE FROM job WHERE finished_at < $1", binds![before]).await?;
        tx.commit_untold("what they did is in the log").await?;
        Ok(n)
    }
}

impl Tx {
    /// Asks for a job and gives its number; `None` where one of this kind and key waits or runs already.
    pub async fn add_job(&mut self, new: &NewJob<'_>, now: i64) -> Result<Option<i64>> {
        // two who ask at once wait for each other
        self.lock(JOB_LOCK).await?;
        let sql = "SELECT id FROM job WHERE kind = $1 AND key = $2 AND state IN ('queued', 'running')";
        if self.one(sql, binds![new.kind, new.key]).await?.is_some() {
            return Ok(None);
        }
        let due = self.dialect().now();
        let sql = format!(
            "INSERT INTO job (kind, key, payload, lane, due_at, state, stage, done, total, cancel_asked, attempts, lease_epoch, lease_until,
                              created_at, created_by)
             VALUES ($1, $2, $3, $4, {due} + $5, 'queued', '', 0, 0, 0, 0, 0, 0, $6, $7) RETURNING id"
        );
        let values = binds![new.kind, new.key, new.payload, new.lane.code(), new.after_ms, now, new.by];
        self.one(&sql, values).await?.map(|r| r.int(0)).transpose()
    }

    /// Asks a job to stop. True: it waited, and has stopped at once.
    pub async fn cancel_job(&mut self, id: i64, now: i64) -> Result<bool> {
        let sql = "UPDATE job SET state = 'cancelled', finished_at = $1 WHERE id = $2 AND state = 'queued'";
        let waited = self.run(sql, binds![now, id]).await? == 1;
        self.run("UPDATE job SET cancel_asked = 1 WHERE id = $1 AND state = 'running'", binds![id]).await?;
        Ok(waited)
    }

    /// Fails unless the lease still holds; the first statement of a job's last transaction, which it makes its own by locking the row.
    pub async fn check_lease(&mut self, lease: Lease) -> Result<()> {
        let sql = "UPDATE job SET stage = stage WHERE id = $1 AND lease_epoch = $2 AND state = 'running'";
        held(self.run(sql, binds![lease.job, lease.epoch]).await?)
    }

    /// Ends a job.
    pub async fn end_job(&mut self, lease: Lease, state: JobState, problem: Option<&str>, now: i64) -> Result<()> {
        let sql =
            "UPDATE job SET state = $1, problem = $2, finished_at = $3 WHERE id = $4 AND lease_epoch = $5 AND state = 'running'";
        held(self.run(sql, binds![state.code(), problem, now, lease.job, lease.epoch]).await?)
    }

    /// Puts a job back: to be done again after so many milliseconds. `anew`: not because it failed; its attempts count from the beginning.
    pub async fn put_back_job(&mut self, lease: Lease, after_ms: i64, problem: Option<&str>, anew: bool) -> Result<()> {
        let now = self.dialect().now();
        let sql = format!(
            "UPDATE job SET state = 'queued', due_at = {now} + $1, problem = $2, stage = '', done = 0,
                            attempts = CASE WHEN $3 = 1 THEN 0 ELSE attempts END
             WHERE id = $4 AND lease_epoch = $5 AND state = 'running'"
        );
        held(self.run(&sql, binds![after_ms, problem, anew, lease.job, lease.epoch]).await?)
    }
}

/// Whether a write that asked for the lease touched its job.
fn held(touched: u64) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Any number that nothing else locks.
const JOB_LOCK: i64 = 0x6a6f_6273;
