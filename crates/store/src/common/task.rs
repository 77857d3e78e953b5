//! 任务 (tasks): who has a subject to do, until when. One a subject; where it was before stands in the subject's events.

use baoxue_domain::task::TaskState;

use crate::finding::findings::answering;
use crate::ground::error::{Result, StoreError};
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

/// What a unit owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTasks {
    /// The unit.
    pub unit_path: String,
    /// Tasks that wait.
    pub waiting: i64,
    /// Those of them that are overdue.
    pub overdue: i64,
    /// The earliest deadline.
    pub due: Option<i64>,
    /// When it was last reminded of any of them.
    pub reminded_at: Option<i64>,
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
    /// How many tasks of a kind of subject wait in units of the jurisdiction, and how many of them are overdue.
    pub async fn waiting_counts(&self, kind: &str, j: &Jurisdiction, now: i64) -> Result<(i64, i64)> {
        let mut c = Clause::new();
        let now = c.bind(now);
        c.equal("t.subject_kind", kind);
        c.equal("t.state", TaskState::Waiting.code());
        c.inside(j, &["t.unit_path"], &["t.unit_path"]);
        let sql = format!("SELECT COUNT(*), COUNT(CASE WHEN t.deadline_at < {now} THEN 1 END) FROM task t{}", c.sql());
        let row = self.one(&sql, c.values).await?;
        row.map_or(Ok((0, 0)), |r| Ok((r.int(0)?, r.int(1)?)))
    }

    /// When units of the jurisdiction were last reminded of what waits.
    pub async fn reminded_at(&self, j: &Jurisdiction) -> Result<Option<i64>> {
        let mut c = Clause::new();
        c.equal("t.subject_kind", "finding");
        c.equal("t.state", TaskState::Waiting.code());
        c.inside(j, &["t.unit_path"], &["t.unit_path"]);
        let row = self.one(&format!("SELECT MAX(t.reminded_at) FROM task t{}", c.sql()), c.values).await?;
        row.map_or(Ok(None), |r| r.opt_int(0))
    }

    /// Units that owe answers of children for whom the jurisdiction answers, the most overdue first.
    pub async fn tasks_by_unit(&self, j: &Jurisdiction, now: i64) -> Result<Vec<UnitTasks>> {
        let sight = self.sight(j).await?;
        let mut c = Clause::new();
        let now = c.bind(now);
        c.equal("t.state", TaskState::Waiting.code());
        let from = answering(&mut c, &sight);
        let sql = format!(
            "SELECT t.unit_path, COUNT(*), COUNT(CASE WHEN t.deadline_at < {now} THEN 1 END), MIN(t.deadline_at), MAX(t.reminded_at)
             FROM {from}{} GROUP BY t.unit_path ORDER BY 3 DESC, 2 DESC, t.unit_path",
            c.sql()
        );
        let row = |r: &Row| {
            Ok(UnitTasks {
                unit_path: r.text(0)?,
                waiting: r.int(1)?,
                overdue: r.int(2)?,
                due: r.opt_int(3)?,
                reminded_at: r.opt_int(4)?,
            })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
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
                     reminded_at = CASE WHEN task.unit_path = $3 AND COALESCE(task.deadline_at, 0) = COALESCE($6, 0) THEN task.reminded_at END,
                     escalated = CASE WHEN COALESCE(task.deadline_at, 0) = COALESCE($6, 0) THEN task.escalated ELSE 0 END";
        let values = binds![subject.kind(), subject.id(), new.unit, new.lead, new.state.code(), new.deadline];
        self.run(sql, values).await?;
        Ok(())
    }

    /// Puts a new subject with a unit, at the end of the transaction.
    pub fn put_first_task(&mut self, subject: Subject, new: &NewTask<'_>) {
        const COLUMNS: &[&str] = &["subject_kind", "subject_id", "unit_path", "lead", "state", "deadline_at", "escalated"];
        let values = binds![subject.kind(), subject.id(), new.unit, new.lead, new.state.code(), new.deadline, 0i64];
        self.insert_later("task", COLUMNS, values);
    }

    /// Reminds a unit of all that it owes for whom the jurisdiction answers, and says of how many.
    pub async fn remind_unit(&mut self, store: &Store, unit: &str, j: &Jurisdiction, e: &NewEvent<'_>) -> Result<usize> {
        let sight = store.sight(j).await?;
        let mut c = Clause::new();
        c.equal("t.state", TaskState::Waiting.code());
        c.equal("t.unit_path", unit);
        let from = answering(&mut c, &sight);
        let rows = self.all(&format!("SELECT t.id, f.id FROM {from}{} ORDER BY t.id", c.sql()), c.values).await?;
        for r in &rows {
            self.run("UPDATE task SET reminded_at = $1 WHERE id = $2", binds![e.at, r.int(0)?]).await?;
            self.add_event(store, Subject::Finding(r.int(1)?), e, None).await?;
        }
        Ok(rows.len())
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
