//! 任务 (tasks): who has a subject to do, until when. One a subject; where it was before stands in the subject's events.

use baoxue_domain::task::TaskState;

use crate::error::{Result, StoreError};
use crate::{Clause, Jurisdiction, NewEvent, Row, Store, Subject, Tx, binds};

/// A task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// What it is about.
    pub subject: Subject,
    /// The school, village or office that has it.
    pub unit_path: String,
    /// A person of the unit, where one is named.
    pub lead: Option<i64>,
    /// Whether it waits.
    pub state: TaskState,
    /// Until when.
    pub deadline_at: Option<i64>,
    /// How often it went over its deadline upward.
    pub escalated: i64,
}

/// Where a subject is put.
#[derive(Debug, Clone, Copy)]
pub struct NewTask<'a> {
    /// See [`Task`].
    pub unit: &'a str,
    /// See [`Task`].
    pub lead: Option<i64>,
    /// See [`Task`].
    pub state: TaskState,
    /// See [`Task`].
    pub deadline: Option<i64>,
}

const COLUMNS: &str = "t.id, t.subject_kind, t.subject_id, t.unit_path, t.lead, t.state, t.deadline_at, t.escalated";

fn task(r: &Row) -> Result<Task> {
    let (kind, state) = (r.text(1)?, r.text(5)?);
    Ok(Task {
        id: r.int(0)?,
        subject: Subject::find(&kind, r.int(2)?).ok_or_else(|| StoreError::unreadable("task.subject_kind", &kind))?,
        unit_path: r.text(3)?,
        lead: r.opt_int(4)?,
        state: TaskState::find(&state).ok_or_else(|| StoreError::unreadable("task.state", &state))?,
        deadline_at: r.opt_int(6)?,
        escalated: r.int(7)?,
    })
}

impl Store {
    /// How many tasks of all kinds wait in units of the jurisdiction, and how many of them are overdue.
    pub async fn waiting_counts(&self, j: &Jurisdiction, now: i64) -> Result<(i64, i64)> {
        let mut c = Clause::new();
        let now = c.bind(now);
        c.equal("t.state", TaskState::Waiting.code());
        c.inside(j, &["t.unit_path"], &["t.unit_path"]);
        let sql = format!("SELECT COUNT(*), COUNT(CASE WHEN t.deadline_at < {now} THEN 1 END) FROM task t{}", c.sql());
        let row = self.one(&sql, c.values).await?;
        row.map_or(Ok((0, 0)), |r| Ok((r.int(0)?, r.int(1)?)))
    }

    /// Tasks whose deadline has passed and of which nobody was told yet; for what goes by the clock, which acts for no person.
    pub async fn overdue_tasks(&self, now: i64) -> Result<Vec<Task>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM task t WHERE t.state = 'waiting' AND t.deadline_at < $1 AND t.escalated = 0 ORDER BY t.id"
        );
        self.all(&sql, binds![now]).await?.iter().map(task).collect()
    }
}

impl Tx {
    /// Puts a subject with a unit, or with nobody. What was escalated counts anew with another deadline.
    pub async fn put_task(&mut self, subject: Subject, to: Option<&NewTask<'_>>) -> Result<()> {
        let Some(new) = to else {
            let sql = "DELETE FROM task WHERE subject_kind = $1 AND subject_id = $2";
            self.run(sql, binds![subject.kind(), subject.id()]).await?;
            return Ok(());
        };
        let sql = "INSERT INTO task (subject_kind, subject_id, unit_path, lead, state, deadline_at, escalated) VALUES ($1, $2, $3, $4, $5, $6, 0)
                   ON CONFLICT (subject_kind, subject_id) DO UPDATE SET unit_path = $3, lead = $4, state = $5, deadline_at = $6,
                     escalated = CASE WHEN COALESCE(task.deadline_at, 0) = COALESCE($6, 0) THEN task.escalated ELSE 0 END";
        let values = binds![subject.kind(), subject.id(), new.unit, new.lead, new.state.code(), new.deadline];
        self.run(sql, values).await?;
        Ok(())
    }

    /// Notes that a task went over its deadline: once for each deadline. False: somebody was faster.
    pub async fn escalate_task(&mut self, store: &Store, t: &Task, e: &NewEvent<'_>) -> Result<bool> {
        let sql = "UPDATE task SET escalated = escalated + 1 WHERE id = $1 AND escalated = $2 AND state = 'waiting' AND deadline_at = $3";
        if self.run(sql, binds![t.id, t.escalated, t.deadline_at]).await? == 0 {
            return Ok(false);
        }
        self.add_event(store, t.subject, e, None).await?;
        Ok(true)
    }
}
