//! 定时任务 (housekeeping): what the program does by the clock, one process for all.

use std::time::Duration;

use baoxue_store::Lane;
use serde::{Deserialize, Serialize};

use super::{Job, Working};
use crate::app::office::{Office, Result};

/// Stored files without a row that are older were uploads that never finished.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept which jobs there were.
const JOBS_KEPT_MS: i64 = 90 * 24 * 3_600_000;
const MINUTE: Duration = Duration::from_secs(60);

/// 逾期提醒: what is over its deadline is shown to the county.
#[derive(Serialize, Deserialize)]
pub struct Escalate {}

impl Job for Escalate {
    const KIND: &'static str = "escalate";
    const LANE: Lane = Lane::Quick;
    const STAGES: &'static [&'static str] = &["逾期提醒"];
    const EVERY: Option<Duration> = Some(MINUTE);

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, office: Office, _: Working) -> Result<()> {
        office.escalate_overdue().await.map(|_| ())
    }
}

/// 证明到期: whose proof has expired is to be looked into anew; and who was confirmed before there were cases gets one.
#[derive(Serialize, Deserialize)]
pub struct Reopen {}

impl Job for Reopen {
    const KIND: &'static str = "reopen";
    const LANE: Lane = Lane::Quick;
    const STAGES: &'static [&'static str] = &["证明到期"];
    const EVERY: Option<Duration> = Some(MINUTE);

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, office: Office, working: Working) -> Result<()> {
        office.reopen_expired(Some(working.lease)).await?;
        office.open_missing_cases().await.map(|_| ())
    }
}

/// 考勤研判: who is missing at a check that has closed, and of whom nobody has said why.
#[derive(Serialize, Deserialize)]
pub struct Assess {}

impl Job for Assess {
    const KIND: &'static str = "assess";
    const LANE: Lane = Lane::Quick;
    const STAGES: &'static [&'static str] = &["考勤研判"];
    const EVERY: Option<Duration> = Some(MINUTE);

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, office: Office, _: Working) -> Result<()> {
        office.assess_missing().await.map(|_| ())
    }
}

/// 校历变了: children below a place whose days since one are others now are assessed anew.
#[derive(Serialize, Deserialize)]
pub struct Reassess {
    pub below: String,
    pub since: jiff::civil::Date,
}

impl Job for Reassess {
    const KIND: &'static str = "reassess";
    const LANE: Lane = Lane::Long;
    const STAGES: &'static [&'static str] = &["考勤重新研判"];

    fn key(&self) -> String {
        format!("{} {}", self.below, self.since)
    }

    async fn run(self, office: Office, _: Working) -> Result<()> {
        let children = office.touched_by_days(&self).await?;
        office.assess(&children).await
    }
}

/// 清理: what ended, ran out or never was finished.
#[derive(Serialize, Deserialize)]
pub struct Sweep {}

impl Job for Sweep {
    const KIND: &'static str = "sweep";
    const LANE: Lane = Lane::Quick;
    const STAGES: &'static [&'static str] = &["清理文件", "清理会话"];
    const EVERY: Option<Duration> = Some(Duration::from_secs(600));

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, office: Office, working: Working) -> Result<()> {
        office.store.sweep_files(ORPHAN_AGE).await?;
        working.progress.at(1);
        office.sweep_sessions().await?;
        office.store.sweep_jobs(office.now() - JOBS_KEPT_MS).await?;
        Ok(())
    }
}
