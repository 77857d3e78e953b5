//! 参数 ⚙ (settings): dated; the newest one in force holds.

use jiff::civil::Date;

use crate::error::Result;
use crate::{Store, Tx, binds};

/// A value of a setting, with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its stable name.
    pub name: String,
    /// As text.
    pub value: String,
    /// From which day.
    pub effective_on: String,
    /// When it was written down.
    pub recorded_at: i64,
    /// Name of who did it.
    pub recorded_by: Option<String>,
}

impl Store {
    /// The value in force on a day.
    pub async fn setting(&self, name: &str, on: Date) -> Result<Option<String>> {
        let sql = "SELECT value FROM setting WHERE name = $1 AND effective_on <= $2 ORDER BY effective_on DESC, id DESC LIMIT 1";
        self.one(sql, binds![name, on]).await?.map(|r| r.text(0)).transpose()
    }

    /// Every value that was ever set, the newest first.
    pub async fn setting_history(&self) -> Result<Vec<Setting>> {
        let sql = "SELECT s.name, s.value, s.effective_on, s.recorded_at, a.name FROM setting s LEFT JOIN account a ON a.id = s.recorded_by
                   ORDER BY s.id DESC";
        let row = |r: &crate::Row| {
            Ok(Setting {
                name: r.text(0)?,
                value: r.text(1)?,
                effective_on: r.text(2)?,
                recorded_at: r.int(3)?,
                recorded_by: r.opt_text(4)?,
            })
        };
        self.all(sql, vec![]).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Sets a value from a day on.
    pub async fn set(&mut self, name: &str, value: &str, from: Date, now: i64, by: Option<i64>) -> Result<()> {
        let sql = "INSERT INTO setting (name, value, effective_on, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)";
        self.run(sql, binds![name, value, from, now, by]).await?;
        Ok(())
    }
}
