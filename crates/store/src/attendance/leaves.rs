//! 请假 (leave), and 关注 (children whom a teacher watches).

use baoxue_domain::attendance::{LeaveKind, LeaveState};
use baoxue_domain::calendar::Half;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Jurisdiction, Row, Store, Tx, Vault, binds};

/// What was said of a leave, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveDetail {
    /// 谁请的
    #[serde(default)]
    pub asked_for: String,
    /// 事由
    #[serde(default)]
    pub reason: String,
    /// 证明
    #[serde(default)]
    pub proof: String,
    /// What whoever decided wrote.
    #[serde(default)]
    pub answer: String,
}

/// A leave.
#[derive(Debug, Clone)]
pub struct Leave {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub child: i64,
    /// Her class when it was asked.
    pub class: String,
    /// Sick or personal.
    pub kind: LeaveKind,
    /// From which half of which day.
    pub from: (Date, Half),
    /// Until which.
    pub to: (Date, Half),
    /// How it stands.
    pub state: LeaveState,
    /// What was said.
    pub detail: LeaveDetail,
    /// When it was written down.
    pub asked_at: i64,
    /// By which account.
    pub asked_by: i64,
    /// Her name.
    pub by: String,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Its version.
    pub version: i64,
}

/// A child who is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its number.
    pub id: i64,
    /// The child.
    pub child: i64,
    /// Why.
    pub reason: String,
    /// Since when.
    pub begun_at: i64,
    /// Who said so.
    pub by: String,
}

const LEAVE: &str = "l.id, l.child_id, l.class_path, l.kind, l.from_day, l.from_half, l.to_day, l.to_half, l.state, l.detail, l.asked_at, l.asked_by, a.name, d.name, l.version
                     FROM leave_of_absence l LEFT JOIN account a ON a.id = l.asked_by LEFT JOIN account d ON d.id = l.decided_by";

fn half(n: i64) -> Half {
    if n == 0 { Half::Morning } else { Half::Afternoon }
}

fn number(h: Half) -> i64 {
    i64::from(h == Half::Afternoon)
}

/// What a leave's words are sealed for: the day and account of whoever wrote them.
fn place(asked_at: i64, by: i64) -> String {
    format!("leave:{by}:{asked_at}")
}

fn watch_place(by: i64, at: i64) -> String {
    format!("watch:{by}:{at}")
}

impl Store {
    fn leave_of(&self, r: &Row) -> Result<Leave> {
        let day = |i: usize| -> Result<Date> {
            let text = r.text(i)?;
            text.parse().map_err(|_| StoreError::unreadable("leave.day", &text))
        };
        let (kind, state) = (r.text(3)?, r.text(8)?);
        let (asked_at, asked_by) = (r.int(10)?, r.int(11)?);
        Ok(Leave {
            id: r.int(0)?,
            child: r.int(1)?,
            class: r.text(2)?,
            kind: LeaveKind::find(&kind).ok_or_else(|| StoreError::unreadable("leave.kind", &kind))?,
            from: (day(4)?, half(r.int(5)?)),
            to: (day(6)?, half(r.int(7)?)),
            state: LeaveState::find(&state).ok_or_else(|| StoreError::unreadable("leave.state", &state))?,
            detail: serde_json::from_slice(&self.vault.open(&place(asked_at, asked_by), &r.bytes(9)?)?)
                .map_err(|_| StoreError::Damaged)?,
            asked_at,
            asked_by,
            by: r.opt_text(12)?.unwrap_or_default(),
            decided_by: r.opt_text(13)?,
            version: r.int(14)?,
        })
    }

    /// A leave of a jurisdiction's class.
    pub async fn leave(&self, id: i64, j: &Jurisdiction) -> Result<Option<Leave>> {
        let mut c = Clause::new();
        c.equal("l.id", id);
        c.inside(j, &[], &["l.class_path"]);
        self.one(&format!("SELECT {LEAVE}{}", c.sql()), c.values).await?.map(|r| self.leave_of(&r)).transpose()
    }

    /// Leaves of a jurisdiction's classes that reach into a day or later, the newest first; only those that wait, where that is asked.
    pub async fn leaves(&self, j: &Jurisdiction, since: Date, waiting: bool, most: i64) -> Result<Vec<Leave>> {
        let mut c = Clause::new();
        c.inside(j, &[], &["l.class_path"]);
        let since = c.bind(since);
        c.add(format!("l.to_day >= {since}"));
        if waiting {
            c.equal("l.state", LeaveState::Asked.code());
        }
        let sql = format!("SELECT {LEAVE}{} ORDER BY l.id DESC LIMIT {most}", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| self.leave_of(r)).collect()
    }

    /// Granted leaves of children that reach into a day or later.
    pub async fn granted_leaves(&self, children: &[i64], since: Date) -> Result<Vec<Leave>> {
        self.leaves_in(children, since, &[LeaveState::Granted]).await
    }

    /// Leaves of children in some states that reach into a day or later.
    pub async fn leaves_in(&self, children: &[i64], since: Date, states: &[LeaveState]) -> Result<Vec<Leave>> {
        let mut out = Vec::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("l.child_id", some.iter().copied());
            c.one_of("l.state", states.iter().map(|s| s.code()));
            let since = c.bind(since);
            let sql = format!("SELECT {LEAVE}{} AND l.to_day >= {since} ORDER BY l.id", c.sql());
            out.extend(self.all(&sql, c.values).await?.iter().map(|r| self.leave_of(r)).collect::<Result<Vec<_>>>()?);
        }
        Ok(out)
    }

    /// Who of these children is watched.
    pub async fn watched(&self, children: &[i64]) -> Result<Vec<Watched>> {
        let mut out = Vec::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("w.child_id", some.iter().copied());
            let sql = format!(
                "SELECT w.id, w.child_id, w.reason, w.begun_at, a.name, w.begun_by FROM watch w LEFT JOIN account a ON a.id = w.begun_by{} AND w.ended_at IS NULL ORDER BY w.id",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                let at = r.int(3)?;
                out.push(Watched {
                    id: r.int(0)?,
                    child: r.int(1)?,
                    reason: self.vault.open_text(&watch_place(r.int(5)?, at), &r.bytes(2)?)?,
                    begun_at: at,
                    by: r.opt_text(4)?.unwrap_or_default(),
                });
            }
        }
        Ok(out)
    }
}

impl Tx {
    /// Writes a leave down and gives its number.
    pub async fn add_leave(&mut self, vault: &Vault, l: &Leave) -> Result<i64> {
        let sql = "INSERT INTO leave_of_absence (child_id, class_path, kind, from_day, from_half, to_day, to_half, state, detail, asked_at, asked_by, version)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1) RETURNING id";
        let detail =
            vault.seal(&place(l.asked_at, l.asked_by), &serde_json::to_vec(&l.detail).map_err(|_| StoreError::Damaged)?)?;
        let values = binds![
            l.child,
            &l.class,
            l.kind.code(),
            l.from.0,
            number(l.from.1),
            l.to.0,
            number(l.to.1),
            l.state.code(),
            detail,
            l.asked_at,
            l.asked_by
        ];
        let row = self.one(sql, values).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// A leave is granted, refused or ended; false: somebody was faster.
    pub async fn decide_leave(&mut self, vault: &Vault, l: &Leave, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE leave_of_absence SET state = $1, to_day = $2, to_half = $3, detail = $4, decided_at = $5, decided_by = $6, version = version + 1
                   WHERE id = $7 AND version = $8";
        let detail =
            vault.seal(&place(l.asked_at, l.asked_by), &serde_json::to_vec(&l.detail).map_err(|_| StoreError::Damaged)?)?;
        let values = binds![l.state.code(), l.to.0, number(l.to.1), detail, at, by, l.id, l.version];
        Ok(self.run(sql, values).await? == 1)
    }

    /// Watches a child.
    pub async fn watch(&mut self, vault: &Vault, child: i64, class: &str, reason: &str, by: i64, at: i64) -> Result<()> {
        let sql = "INSERT INTO watch (child_id, class_path, reason, begun_at, begun_by) VALUES ($1, $2, $3, $4, $5)";
        self.run(sql, binds![child, class, vault.seal_text(&watch_place(by, at), reason)?, at, by]).await?;
        Ok(())
    }

    /// Watches a child no longer.
    pub async fn end_watch(&mut self, child: i64, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE watch SET ended_at = $1, ended_by = $2 WHERE child_id = $3 AND ended_at IS NULL";
        Ok(self.run(sql, binds![at, by, child]).await? > 0)
    }
}
