//! 每日学习情况记录 (learning records): what a class was taught on a day on line. A correction is a new row; the newest one counts.

use baoxue_domain::access::Jurisdiction;
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Store, Tx, Vault, binds};

/// What a teacher wrote of a day on line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    /// 课程安排
    #[serde(default)]
    pub taught: String,
    /// 用什么平台
    #[serde(default)]
    pub by_means_of: String,
    /// 作业提交情况
    #[serde(default)]
    pub handed_in: String,
    /// 帮扶措施
    #[serde(default)]
    pub help: String,
}

/// The same, with who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearningRow {
    /// What.
    pub said: Learning,
    /// Who.
    pub by: String,
    /// When.
    pub at: i64,
}

/// What its words are sealed for: a class may come to be called otherwise, whoever wrote them when does not.
fn place(at: i64, by: i64) -> String {
    format!("learning:{by}:{at}")
}

impl Store {
    /// Records of a day, of the classes of a jurisdiction.
    pub async fn learning_on(&self, j: &Jurisdiction, day: Date) -> Result<FxHashMap<String, LearningRow>> {
        let mut c = Clause::new();
        c.inside(j, &[], &["l.class_path"]);
        let day = c.bind(day);
        let sql = format!(
            "SELECT l.class_path, l.detail, l.recorded_at, l.recorded_by, a.name FROM learning_record l LEFT JOIN account a ON a.id = l.recorded_by{}
             AND l.day = {day} ORDER BY l.id",
            c.sql()
        );
        let mut out = FxHashMap::default();
        for r in self.all(&sql, c.values).await? {
            let (class, at, by) = (r.text(0)?, r.int(2)?, r.int(3)?);
            let plain = self.vault.open(&place(at, by), &r.bytes(1)?)?;
            let said = serde_json::from_slice(&plain).map_err(|_| StoreError::Damaged)?;
            out.insert(class, LearningRow { said, by: r.opt_text(4)?.unwrap_or_default(), at });
        }
        Ok(out)
    }
}

impl Tx {
    /// Writes down what a class was taught on a day.
    pub async fn add_learning(
        &mut self,
        vault: &Vault,
        (class, day): (&str, Date),
        said: &Learning,
        by: i64,
        at: i64,
    ) -> Result<()> {
        let plain = serde_json::to_vec(said).map_err(|_| StoreError::Damaged)?;
        let sealed = vault.seal(&place(at, by), &plain)?;
        let sql = "INSERT INTO learning_record (class_path, day, detail, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)";
        self.run(sql, binds![class, day, sealed, at, by]).await?;
        Ok(())
    }
}
