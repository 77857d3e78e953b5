//! 点名值班 (duties): who takes which check of a class, on which day of the week.

use baoxue_domain::attendance::Check;

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Row, Store, Tx, binds};

/// Who takes a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Its number.
    pub id: i64,
    /// The class.
    pub class: String,
    /// Which check.
    pub check: Check,
    /// 1 Monday … 7 Sunday; 0 every day.
    pub weekday: i64,
    /// Who.
    pub account: i64,
    /// Her name.
    pub name: String,
}

fn duty(r: &Row) -> Result<Duty> {
    let n = r.int(2)?;
    Ok(Duty {
        id: r.int(0)?,
        class: r.text(1)?,
        check: Check::of_number(n).ok_or_else(|| StoreError::unreadable("roll_duty.part", &n.to_string()))?,
        weekday: r.int(3)?,
        account: r.int(4)?,
        name: r.opt_text(5)?.unwrap_or_default(),
    })
}

impl Store {
    /// Duties of classes below a path, in the order of classes, checks and days.
    pub async fn duties(&self, below: &str) -> Result<Vec<Duty>> {
        let mut c = Clause::new();
        c.below("d.class_path", below);
        let sql = format!(
            "SELECT d.id, d.class_path, d.part, d.weekday, d.account_id, a.name FROM roll_duty d JOIN account a ON a.id = d.account_id{}
             AND d.ended_at IS NULL ORDER BY d.class_path, d.part, d.weekday, d.id",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(duty).collect()
    }
}

impl Tx {
    /// Somebody takes a check from now on; whoever took it on that day of the week does so no more.
    pub async fn set_duty(&mut self, d: &Duty, by: i64, at: i64) -> Result<()> {
        let sql = "UPDATE roll_duty SET ended_at = $1, ended_by = $2 WHERE class_path = $3 AND part = $4 AND weekday = $5 AND ended_at IS NULL";
        self.run(sql, binds![at, by, &d.class, d.check.number(), d.weekday]).await?;
        let sql = "INSERT INTO roll_duty (class_path, part, weekday, account_id, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6)";
        self.run(sql, binds![&d.class, d.check.number(), d.weekday, d.account, at, by]).await?;
        Ok(())
    }

    /// A duty ends; false: there was none in this class.
    pub async fn end_duty(&mut self, id: i64, class: &str, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE roll_duty SET ended_at = $1, ended_by = $2 WHERE id = $3 AND class_path = $4 AND ended_at IS NULL";
        Ok(self.run(sql, binds![at, by, id, class]).await? == 1)
    }
}
