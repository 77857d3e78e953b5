//! 参数 ⚙ (settings): dated, by place; the nearest place's newest value in force holds.

use jiff::civil::Date;

use crate::error::Result;
use crate::{Clause, Jurisdiction, Store, Tx, binds};

/// A value of a setting, with its place and dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// For this place and all below it; empty for the whole installation.
    pub scope: String,
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

/// A setting to write down.
#[derive(Debug, Clone, Copy)]
pub struct NewSetting<'a> {
    /// See [`Setting`].
    pub scope: &'a str,
    /// See [`Setting`].
    pub name: &'a str,
    /// See [`Setting`].
    pub value: &'a str,
    /// See [`Setting`].
    pub from: Date,
}

impl Store {
    /// Every value in force on a day: place, name, value.
    pub async fn settings_in_force(&self, on: Date) -> Result<Vec<(String, String, String)>> {
        let sql = "SELECT scope_path, name, value FROM setting s WHERE effective_on <= $1 AND NOT EXISTS (
                     SELECT 1 FROM setting n WHERE n.name = s.name AND n.scope_path = s.scope_path AND n.effective_on <= $1
                       AND (n.effective_on > s.effective_on OR (n.effective_on = s.effective_on AND n.id > s.id)))";
        self.all(sql, binds![on]).await?.iter().map(|r| Ok((r.text(0)?, r.text(1)?, r.text(2)?))).collect()
    }

    /// Every value that was ever set inside a jurisdiction, the newest first.
    pub async fn setting_history(&self, j: &Jurisdiction) -> Result<Vec<Setting>> {
        let mut c = Clause::new();
        c.inside(j, &["s.scope_path"], &["s.scope_path"]);
        let sql = format!(
            "SELECT s.name, s.value, s.effective_on, s.recorded_at, a.name, s.scope_path FROM setting s
             LEFT JOIN account a ON a.id = s.recorded_by{} ORDER BY s.id DESC",
            c.sql()
        );
        let row = |r: &crate::Row| {
            Ok(Setting {
                scope: r.text(5)?,
                name: r.text(0)?,
                value: r.text(1)?,
                effective_on: r.text(2)?,
                recorded_at: r.int(3)?,
                recorded_by: r.opt_text(4)?,
            })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Sets a value from a day on.
    pub async fn set(&mut self, new: NewSetting<'_>, now: i64, by: Option<i64>) -> Result<()> {
        let sql = "INSERT INTO setting (scope_path, name, value, effective_on, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6)";
        self.run(sql, binds![new.scope, new.name, new.value, new.from, now, by]).await?;
        Ok(())
    }
}
