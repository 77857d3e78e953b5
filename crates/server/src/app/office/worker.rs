//! 后台 (background): one worker that does jobs, and a keeper that seals the audit, escalates what is overdue and sweeps.

use std::sync::Arc;
use std::time::Duration;

use baoxue_domain::access::Deed;
use baoxue_store::{Job, JobState, Lease, StoreError};

use super::comparison::{JOB, Meter, STAGES};
use super::{Office, OfficeError, Result};

/// How often a worker looks for jobs that nobody rang for (another process asked, or a worker died).
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Progress at most once a second.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often the keeper goes round.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// Stored files without a row that are older were uploads that never finished.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);

impl Office {
    /// Does jobs until the program ends.
    pub async fn work(self) {
        loop {
            match self.store.claim_job().await {
                Ok(Some((job, lease))) => self.do_job(&job, lease).await,
                Ok(None) => {
                    let _ = tokio::time::timeout(LOOK_EVERY, self.bell.notified()).await;
                }
                Err(e) => {
                    eprintln!("任务:{e}");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    async fn do_job(&self, job: &Job, lease: Lease) {
        let meter = Arc::new(Meter::new());
        let told = self.clone();
        let teller = tokio::spawn({
            let meter = meter.clone();
            async move {
                loop {
                    let (stage, done) = meter.now();
                    match told.store.progress(lease, stage, done, STAGES.len() as i64).await {
                        Ok(true) => {}
                        // stopped by a person, or the job is another worker's now
                        Ok(false) | Err(StoreError::Fenced) => meter.stop(),
                        Err(_) => {}
                    }
                    tokio::time::sleep(TELL_EVERY).await;
                }
            }
        });
        let done = match job.kind.as_str() {
            JOB => self.do_run(job, lease, &meter).await,
            other => Err(OfficeError::Input(format!("不认识的任务“{other}”"))),
        };
        teller.abort();
        if done.is_ok() {
            println!("任务 {} 完成:{}", job.id, meter.times());
        }
        if let Err(e) = done
            && let Err(e) = self.give_up(job, lease, &e).await
        {
            eprintln!("任务 {}:{e}", job.id);
        }
    }

    async fn give_up(&self, job: &Job, lease: Lease, e: &OfficeError) -> Result<()> {
        let cancelled = self.store.job(job.id).await?.is_some_and(|j| j.cancel_asked);
        if matches!(e, OfficeError::Store(StoreError::Fenced)) && !cancelled {
            return Ok(());
        }
        let (state, said) =
            if cancelled { (JobState::Cancelled, "已取消".to_owned()) } else { (JobState::Failed, e.to_string()) };
        let mut tx = self.store.begin().await?;
        tx.end_job(lease, state, Some(&said), self.now()).await?;
        if let Some(run) = job.payload.split_once(' ').and_then(|(_, r)| r.parse().ok()) {
            tx.fail_run(run, &said, e.question(), self.now()).await?;
        }
        self.audit_by(&mut tx, None, Deed::FailJob, "后台任务", &said).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes the log's head elsewhere, escalates, sweeps, once a minute.
    pub async fn keep(self) {
        loop {
            for (what, done) in [
                ("审计封印", self.note_head().await),
                ("逾期提醒", self.escalate_overdue().await.map(|_| ())),
                ("证明到期", self.reopen_expired().await.map(|_| ())),
                ("清理文件", self.store.sweep_files(ORPHAN_AGE).await.map(|_| ()).map_err(OfficeError::from)),
                ("清理会话", self.sweep_sessions().await),
            ] {
                if let Err(e) = done {
                    eprintln!("{what}:{e}");
                }
            }
            tokio::time::sleep(KEEP_EVERY).await;
        }
    }
}
