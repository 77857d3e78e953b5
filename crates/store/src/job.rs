//! 后台任务 (jobs): claimed by one UPDATE, held by a lease of database time; every write checks the lease's epoch (fencing).

use crate::error::{Result, StoreError};
use crate::{Row, Store, Tx, binds};

/// How long a worker holds a job without a word, in milliseconds.
pub(crate) const LEASE_MS: i64 = 30_000;
/// Attempts before a job that never ends (its worker dies each time) is given up.
const MAX_ATTEMPTS: i64 = 3;

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

    fn find(code: &str) -> Self {
        match code {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "finished" => Self::Finished,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
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
    /// Why it failed.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// By whom.
    pub created_by: i64,
}

/// A worker's hold on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: i64,
    /// Rises with every claim.
    pub epoch: i64,
}

const COLUMNS: &str = "id, kind, payload, state, stage, done, total, cancel_asked, attempts, problem, created_at, created_by";

fn job(r: &Row) -> Result<Job> {
    Ok(Job {
        id: r.int(0)?,
        kind: r.text(1)?,
        payload: r.text(2)?,
        state: JobState::find(&r.text(3)?),
        stage: r.text(4)?,
        done: r.int(5)?,
        total: r.int(6)?,
        cancel_asked: r.flag(7)?,
        attempts: r.int(8)?,
        problem: r.opt_text(9)?,
        created_at: r.int(10)?,
        created_by: r.int(11)?,
    })
}

impl Store {
    /// A job by its number.
    pub async fn job(&self, id: i64) -> Result<Option<Job>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE id = $1");
        self.one(&sql, binds![id]).await?.as_ref().map(job).transpose()
    }

    /// The newest job of a kind with a payload.
    pub async fn job_of(&self, kind: &str, payload: &str) -> Result<Option<Job>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE kind = $1 AND payload = $2 ORDER BY id DESC LIMIT 1");
        self.one(&sql, binds![kind, payload]).await?.as_ref().map(job).transpose()
    }

    /// Takes the oldest job that waits or whose worker fell silent.
    pub async fn claim_job(&self) -> Result<Option<(Job, Lease)>> {
        let now = self.dialect().now();
        let mut tx = self.begin().await?;
        let sql = format!(
            "UPDATE job SET state = 'failed', finished_at = {now}, problem = '多次中断,已停止重试' WHERE state = 'running' AND lease_until < {now} AND attempts >= $1"
        );
        tx.run(&sql, binds![MAX_ATTEMPTS]).await?;
        // SKIP LOCKED is PostgreSQL's; without it a second worker waits a moment and finds the job taken
        let sql = format!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, lease_epoch = lease_epoch + 1, lease_until = {now} + $1
             WHERE id = (SELECT id FROM job WHERE state = 'queued' OR (state = 'running' AND lease_until < {now}) ORDER BY id LIMIT 1)
               AND (state = 'queued' OR (state = 'running' AND lease_until < {now}))
             RETURNING {COLUMNS}, lease_epoch"
        );
        let row = tx.one(&sql, binds![self.lease_ms]).await?;
        tx.commit_untold("a job tells of itself when it ends").await?;
        row.map(|r| {
            let j = job(&r)?;
            let lease = Lease { job: j.id, epoch: r.int(12)? };
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
}

impl Tx {
    /// Asks for a job and gives its number.
    pub async fn add_job(&mut self, kind: &str, payload: &str, now: i64, by: i64) -> Result<i64> {
        let sql = "INSERT INTO job (kind, payload, state, stage, done, total, cancel_asked, attempts, lease_epoch, lease_until, created_at, created_by)
                   VALUES ($1, $2, 'queued', '', 0, 0, 0, 0, 0, 0, $3, $4) RETURNING id";
        let row = self.one(sql, binds![kind, payload, now, by]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Asks a job to stop; one that waits stops at once.
    pub async fn cancel_job(&mut self, id: i64, now: i64) -> Result<()> {
        let sql = "UPDATE job SET state = 'cancelled', finished_at = $1 WHERE id = $2 AND state = 'queued'";
        self.run(sql, binds![now, id]).await?;
        self.run("UPDATE job SET cancel_asked = 1 WHERE id = $1 AND state = 'running'", binds![id]).await?;
        Ok(())
    }

    /// Fails unless the lease still holds; the first statement of a job's last transaction, which it makes its own by locking the row.
    pub async fn check_lease(&mut self, lease: Lease) -> Result<()> {
        let sql = "UPDATE job SET stage = stage WHERE id = $1 AND lease_epoch = $2 AND state = 'running'";
        if self.run(sql, binds![lease.job, lease.epoch]).await? == 1 { Ok(()) } else { Err(StoreError::Fenced) }
    }

    /// Ends a job.
    pub async fn end_job(&mut self, lease: Lease, state: JobState, problem: Option<&str>, now: i64) -> Result<()> {
        let sql =
            "UPDATE job SET state = $1, problem = $2, finished_at = $3 WHERE id = $4 AND lease_epoch = $5 AND state = 'running'";
        let n = self.run(sql, binds![state.code(), problem, now, lease.job, lease.epoch]).await?;
        if n == 1 { Ok(()) } else { Err(StoreError::Fenced) }
    }
}
