//! 参数 ⚙ (settings): dated, by place; the nearest place's newest value in force holds.

use baoxue_domain::policy::Dated;
use jiff::civil::Date;

use crate::ground::error::{Result, StoreError};
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
    /// Every value that was ever set, anywhere.
    pub async fn setting_values(&self) -> Result<Vec<Dated>> {
        let sql = "SELECT id, scope_path, name, value, effective_on FROM setting ORDER BY id";
        let row = |r: &crate::Row| {
            let from = r.text(4)?;
            Ok(Dated {
                id: r.int(0)?,
                scope: r.text(1)?,
                name: r.text(2)?,
                value: r.text(3)?,
                from: from.parse().map_err(|_| StoreError::unreadable("setting.effective_on", &from))?,
            })
        };
        self.all(sql, vec![]).await?.iter().map(row).collect()
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
