//! 工作进程 (workers): one for each lane in every process, and a keeper that sees to it that what goes by the clock is asked for.

use std::sync::Arc;
use std::time::Duration;

use baoxue_domain::access::Deed;
use baoxue_store::{Job, JobState, Lane, Lease, NewAudit, StoreError};

use tokio::task::JoinSet;

use super::housekeeping::{Assess, Escalate, Reopen, Sweep};
use super::{Kind, Progress, Working, kinds};
use crate::app::office::{Office, OfficeError, Result};

/// How often a worker looks for jobs that nobody rang for (another process asked, a worker died, or it is time).
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Progress at most once a second.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often the keeper goes round.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// Attempts of a job whose worker dies each time.
const MOST_ATTEMPTS: i64 = 6;

impl Office {
    /// Does jobs of all lanes, and sees to what goes by the clock, until the program ends.
    pub fn start_work(&self) {
        tokio::spawn(self.clone().work(Lane::Long));
        tokio::spawn(self.clone().work(Lane::Quick));
        tokio::spawn(self.clone().keep());
    }

    /// Does the jobs of a lane until the program ends.
    pub async fn work(self, lane: Lane) {
        loop {
            match self.store.claim_job(lane).await {
                Ok(Some((job, lease))) => self.do_job(&job, lease).await,
                Ok(None) => {
                    let _ = tokio::time::timeout(LOOK_EVERY, self.bell.rung(lane)).await;
                }
                Err(e) => {
                    tracing::error!("任务:{e}");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    async fn do_job(&self, job: &Job, lease: Lease) {
        let Some(kind) = kinds().into_iter().find(|k| k.name == job.kind) else {
            // a newer process on this database may know it
            let put_back = self.put_back(lease, LOOK_EVERY, Some("本进程的版本不认识这项任务"), true).await;
            return report(job, put_back);
        };
        let working = Working { lease, progress: Arc::new(Progress::new(kind.stages)) };
        let told = self.clone();
        let teller = tokio::spawn({
            let progress = working.progress.clone();
            async move {
                loop {
                    let (stage, done, total) = progress.now();
                    match told.store.progress(lease, stage, done, total).await {
                        Ok(true) => {}
                        // stopped by a person, or the job is another worker's now
                        Ok(false) | Err(StoreError::Fenced) => progress.stop(),
                        Err(_) => {}
                    }
                    tokio::time::sleep(TELL_EVERY).await;
                }
            }
        });
        let progress = working.progress.clone();
        let done = if job.attempts > MOST_ATTEMPTS {
            Err(OfficeError::Input("多次中断,已停止重试".into()))
        } else {
            match (kind.run)(self.clone(), &job.payload, working) {
                // a fault of one job is not the end of the worker
                Ok(doing) => {
                    let mut alone = JoinSet::new();
                    alone.spawn(doing);
                    match alone.join_next().await {
                        Some(Ok(done)) => done,
                        _ => Err(OfficeError::Input("程序内部出错,已停止".into())),
                    }
                }
                Err(e) => Err(e),
            }
        };
        teller.abort();
        match done {
            Ok(()) => {
                if kind.every.is_none() {
                    tracing::info!("任务 {} 完成:{}", job.id, progress.times());
                }
                report(job, self.close(&kind, lease).await);
            }
            Err(e) => report(job, self.give_up(&kind, job, lease, &e).await),
        }
    }

    /// After a job: what goes by the clock begins anew later, and what did not end itself has ended.
    async fn close(&self, kind: &Kind, lease: Lease) -> Result<()> {
        if let Some(every) = kind.every {
            return self.put_back(lease, every, None, true).await;
        }
        if self.store.job(lease.job).await?.is_none_or(|j| j.state.has_ended()) {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        tx.end_job(lease, JobState::Finished, None, self.now()).await?;
        Ok(tx.commit_untold("it changed nothing, or told of it").await?)
    }

    async fn put_back(&self, lease: Lease, after: Duration, problem: Option<&str>, anew: bool) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.put_back_job(lease, after.as_millis() as i64, problem, anew).await?;
        Ok(tx.commit_untold("it is done later").await?)
    }

    async fn give_up(&self, kind: &Kind, job: &Job, lease: Lease, e: &OfficeError) -> Result<()> {
        let cancelled = self.store.job(job.id).await?.is_some_and(|j| j.cancel_asked);
        if matches!(e, OfficeError::Store(StoreError::Fenced)) && !cancelled {
            return Ok(());
        }
        let may_pass = matches!(e, OfficeError::Store(e) if e.may_pass());
        let wait = usize::try_from(job.attempts - 1).ok().and_then(|n| kind.retries.get(n)).copied();
        match (kind.every, wait) {
            (Some(every), _) => {
                tracing::error!("{}:{e}", kind.stages[0]);
                return self.put_back(lease, every, Some(&e.to_string()), true).await;
            }
            (None, Some(wait)) if may_pass && !cancelled => {
                return self.put_back(lease, wait, Some(&e.to_string()), false).await;
            }
            _ => {}
        }
        let (state, said) =
            if cancelled { (JobState::Cancelled, "已取消".to_owned()) } else { (JobState::Failed, e.to_string()) };
        let mut tx = self.store.begin().await?;
        tx.end_job(lease, state, Some(&said), self.now()).await?;
        (kind.failed)(self, &mut tx, &job.payload, e, &said).await?;
        let subject = (kind.subject)(&job.payload).unwrap_or_else(|_| "后台任务".into());
        let row = NewAudit {
            at: self.now(),
            place: "",
            account: job.created_by,
            login: "系统",
            deed: Deed::FailJob,
            subject: &subject,
            detail: &said,
        };
        tx.audit(self.store.vault(), row).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the log's head elsewhere and asks for what goes by the clock, once a minute: another process may have been started on the database
    /// after this one, or the first one.
    async fn keep(self) {
        loop {
            for (what, done) in [("审计封印", self.note_head().await), ("定时任务", self.ask_by_the_clock().await)] {
                if let Err(e) = done {
                    tracing::error!("{what}:{e}");
                }
            }
            tokio::time::sleep(KEEP_EVERY).await;
        }
    }

    async fn ask_by_the_clock(&self) -> Result<()> {
        let mut tx = self.store.begin().await?;
        self.ask_for(&mut tx, &Assess {}, None, Duration::ZERO).await?;
        self.ask_for(&mut tx, &Escalate {}, None, Duration::ZERO).await?;
        self.ask_for(&mut tx, &Reopen {}, None, Duration::ZERO).await?;
        self.ask_for(&mut tx, &Sweep {}, None, Duration::ZERO).await?;
        tx.commit_untold("what they do they tell of").await?;
        self.bell.ring();
        Ok(())
    }
}

fn report(job: &Job, done: Result<()>) {
    // another worker has taken it over: it tells
    if let Err(e) = done.or_else(|e| if matches!(e, OfficeError::Store(StoreError::Fenced)) { Ok(()) } else { Err(e) }) {
        tracing::error!("任务 {}:{e}", job.id);
    }
}
