//! 人籍一致月度核对 (monthly agreement of persons and register): what classes counted, R-CMP 9.

use rustc_hash::FxHashMap;

use crate::ground::error::Result;
use crate::{Clause, Jurisdiction, Store, Tx, binds};

/// What a class counted in a month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassCount {
    /// 作业本: exercise books handed in.
    pub homework: Option<i64>,
    /// 点名册: names called.
    pub roll: Option<i64>,
    /// 座次表: seats.
    pub seats: Option<i64>,
    /// When.
    pub counted_at: i64,
}

impl Store {
    /// What the classes of a jurisdiction counted in a month (`2023-10`), by the class's path.
    pub async fn class_counts(&self, month: &str, j: &Jurisdiction) -> Result<FxHashMap<String, ClassCount>> {
        let mut c = Clause::new();
        c.equal("month", month);
        c.inside(j, &[], &["class_path"]);
        let sql = format!("SELECT class_path, homework, roll, seats, counted_at FROM class_count{}", c.sql());
        let rows = self.all(&sql, c.values).await?;
        rows.iter()
            .map(|r| {
                let count =
                    ClassCount { homework: r.opt_int(1)?, roll: r.opt_int(2)?, seats: r.opt_int(3)?, counted_at: r.int(4)? };
                Ok((r.text(0)?, count))
            })
            .collect()
    }
}

impl Tx {
    /// Writes down what a class counted; the last word of a month holds.
    pub async fn count_class(&mut self, class: &str, month: &str, c: &ClassCount, by: i64) -> Result<()> {
        let sql = "INSERT INTO class_count (class_path, month, homework, roll, seats, counted_by, counted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (class_path, month) DO UPDATE SET homework = $3, roll = $4, seats = $5, counted_by = $6, counted_at = $7";
        self.run(sql, binds![class, month, c.homework, c.roll, c.seats, by, c.counted_at]).await?;
        Ok(())
    }
}
