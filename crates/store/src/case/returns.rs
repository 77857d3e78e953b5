//! 返校和回访 (returns and checks): where the child came back to, what of the formalities is done, and whether it stayed.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{CaseFile, Row, Store, Tx, binds};

/// Where the child came back to, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnDetail {
    /// 学校
    #[serde(default)]
    pub school: String,
    /// 年级班级
    #[serde(default)]
    pub class: String,
    /// 接收人
    #[serde(default)]
    pub received_by: String,
    /// 手续办理情况
    #[serde(default)]
    pub settled: String,
    /// 帮扶措施
    #[serde(default)]
    pub support: String,
}

/// A return.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseReturn {
    /// Its number.
    pub id: i64,
    /// When.
    pub on: Date,
    /// Code of how the child was placed.
    pub placement: String,
    /// The school, where it is one of ours.
    pub school_path: Option<String>,
    /// In words.
    pub detail: ReturnDetail,
    /// When the formalities were done.
    pub settled_on: Option<String>,
    /// When the child had left again.
    pub ended_on: Option<String>,
}

/// A check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseCheck {
    /// Its number.
    pub id: i64,
    /// Of which return.
    pub of: i64,
    /// When it is due.
    pub due: Date,
    /// When it was done.
    pub done_on: Option<String>,
    /// Whether the child was still there.
    pub in_school: Option<bool>,
    /// What was seen.
    pub detail: String,
    /// Name of who did it.
    pub by: String,
}

fn return_place(case: i64) -> String {
    format!("case-return:{case}")
}

fn check_place(case: i64) -> String {
    format!("case-check:{case}")
}

fn day(text: &str) -> Result<Date> {
    text.parse().map_err(|_| StoreError::unreadable("case_return.on_day", text))
}

impl Store {
    /// Returns of a case, the oldest first.
    pub async fn returns_of_case(&self, k: &CaseFile) -> Result<Vec<CaseReturn>> {
        let sql = "SELECT id, on_day, placement, school_path, detail, settled_on, ended_on FROM case_return WHERE case_id = $1 ORDER BY id";
        let row = |r: &Row| {
            let sealed = self.vault.open(&return_place(k.id), &r.bytes(4)?)?;
            Ok(CaseReturn {
                id: r.int(0)?,
                on: day(&r.text(1)?)?,
                placement: r.text(2)?,
                school_path: r.opt_text(3)?,
                detail: serde_json::from_slice(&sealed).map_err(|_| StoreError::Damaged)?,
                settled_on: r.opt_text(5)?,
                ended_on: r.opt_text(6)?,
            })
        };
        self.all(sql, binds![k.id]).await?.iter().map(row).collect()
    }

    /// Checks of a case, in the order in which they are due.
    pub async fn checks_of(&self, k: &CaseFile) -> Result<Vec<CaseCheck>> {
        let sql = "SELECT x.id, x.return_id, x.due_on, x.done_on, x.in_school, x.detail, a.name
                   FROM case_check x LEFT JOIN account a ON a.id = x.done_by WHERE x.case_id = $1 ORDER BY x.return_id, x.due_on, x.id";
        let row = |r: &Row| {
            let detail = r.opt_bytes(5)?.map(|d| self.vault.open_text(&check_place(k.id), &d)).transpose()?;
            Ok(CaseCheck {
                id: r.int(0)?,
                of: r.int(1)?,
                due: day(&r.text(2)?)?,
                done_on: r.opt_text(3)?,
                in_school: r.opt_int(4)?.map(|n| n != 0),
                detail: detail.unwrap_or_default(),
                by: r.opt_text(6)?.unwrap_or_default(),
            })
        };
        self.all(sql, binds![k.id]).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Writes a return down, with the days on which it will be checked.
    #[allow(clippy::too_many_arguments, reason = "what a return is")]
    pub async fn add_return(
        &mut self,
        store: &Store,
        case: i64,
        on: Date,
        placement: &str,
        school: Option<&str>,
        detail: &ReturnDetail,
        checks: &[Date],
        by: i64,
        at: i64,
    ) -> Result<i64> {
        let sql = "INSERT INTO case_return (case_id, on_day, placement, school_path, detail, recorded_at, recorded_by)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let sealed = store.vault().seal(&return_place(case), &serde_json::to_vec(detail).map_err(|_| StoreError::Damaged)?)?;
        let id = self.one(sql, binds![case, on, placement, school, sealed, at, by]).await?.map_or(Ok(0), |r| r.int(0))?;
        for due in checks {
            self.run("INSERT INTO case_check (case_id, return_id, due_on) VALUES ($1, $2, $3)", binds![case, id, *due]).await?;
        }
        Ok(id)
    }

    /// Writes down that the formalities of a return are done.
    pub async fn settle_return(&mut self, store: &Store, case: i64, of: i64, detail: &ReturnDetail, on: Date) -> Result<()> {
        let sealed = store.vault().seal(&return_place(case), &serde_json::to_vec(detail).map_err(|_| StoreError::Damaged)?)?;
        self.run("UPDATE case_return SET detail = $1, settled_on = $2 WHERE id = $3", binds![sealed, on, of]).await?;
        Ok(())
    }

    /// Writes down that the child had left again.
    pub async fn end_return(&mut self, of: i64, on: Date) -> Result<()> {
        self.run("UPDATE case_return SET ended_on = $1 WHERE id = $2", binds![on, of]).await?;
        Ok(())
    }

    /// Writes down what a check found; false: somebody did it meanwhile.
    #[allow(clippy::too_many_arguments, reason = "what a check is")]
    pub async fn do_check(
        &mut self,
        store: &Store,
        case: i64,
        check: i64,
        on: Date,
        in_school: bool,
        detail: &str,
        by: i64,
        at: i64,
    ) -> Result<bool> {
        let sealed = store.vault().seal_text(&check_place(case), detail)?;
        let sql = "UPDATE case_check SET done_on = $1, in_school = $2, detail = $3, done_at = $4, done_by = $5 WHERE id = $6 AND done_on IS NULL";
        Ok(self.run(sql, binds![on, i64::from(in_school), sealed, at, by, check]).await? == 1)
    }
}
