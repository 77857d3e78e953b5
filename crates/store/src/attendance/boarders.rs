//! 住校生 (boarders): who is expected in the evening, from a day to a day; and 同户 (who lives together).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::ground::error::Result;
use crate::{Clause, SearchKind, Store, Tx, binds};

/// Children of one telephone that are a family; more of them share a telephone of somebody else.
const FAMILY: usize = 6;

impl Store {
    /// Of these children those who board on a day.
    pub async fn boarders_among(&self, children: &[i64], day: Date) -> Result<BTreeSet<i64>> {
        let mut out = BTreeSet::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("b.child_id", some.iter().copied());
            let day = c.bind(day);
            let sql = format!(
                "SELECT b.child_id FROM boarder b{} AND b.from_day <= {day} AND (b.to_day IS NULL OR b.to_day > {day})",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                out.insert(r.int(0)?);
            }
        }
        Ok(out)
    }

    /// How many of each class board on a day, of classes below a path.
    pub async fn boarder_counts(&self, below: &str, day: Date) -> Result<BTreeMap<String, i64>> {
        let mut c = Clause::new();
        c.below("class_path", below);
        let day = c.bind(day);
        let sql = format!(
            "SELECT class_path, COUNT(*) FROM boarder{} AND from_day <= {day} AND (to_day IS NULL OR to_day > {day}) GROUP BY class_path",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect()
    }

    /// Days on which children boarded: child, from, and the first day on which it did no more.
    pub async fn boarding_of(&self, children: &[i64]) -> Result<Vec<(i64, Date, Option<Date>)>> {
        let mut out = Vec::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("child_id", some.iter().copied());
            for r in self.all(&format!("SELECT child_id, from_day, to_day FROM boarder{}", c.sql()), c.values).await? {
                let day = |t: String| t.parse::<Date>().map_err(|_| crate::StoreError::unreadable("boarder.day", &t));
                out.push((r.int(0)?, day(r.text(1)?)?, r.opt_text(2)?.map(day).transpose()?));
            }
        }
        Ok(out)
    }

    /// Children who likely live with others: each with another one of the same telephone.
    pub async fn living_together(&self, children: &[i64]) -> Result<BTreeMap<i64, BTreeSet<i64>>> {
        let phone = SearchKind::Phone.code();
        let mut out: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("a.child_id", some.iter().copied());
            c.equal("a.kind", phone);
            let kind = c.bind(phone);
            let sql = format!(
                "SELECT a.child_id, b.child_id FROM child_search a JOIN child_search b ON b.token = a.token AND b.kind = {kind} AND b.child_id <> a.child_id{}",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                out.entry(r.int(0)?).or_default().insert(r.int(1)?);
            }
        }
        out.retain(|_, others| others.len() < FAMILY);
        Ok(out)
    }
}

impl Tx {
    /// Of a class these children board from a day on, and no others.
    pub async fn set_boarders(
        &mut self,
        class: &str,
        (pupils, boarders): (&BTreeSet<i64>, &BTreeSet<i64>),
        from: Date,
        by: i64,
        at: i64,
    ) -> Result<(usize, usize)> {
        let mut c = Clause::new();
        c.one_of("child_id", pupils.iter().copied());
        let sql = format!("SELECT child_id FROM boarder{} AND to_day IS NULL", c.sql());
        let now: BTreeSet<i64> = self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let (mut came, mut went) = (0, 0);
        for child in pupils {
            match (now.contains(child), boarders.contains(child)) {
                (false, true) => {
                    let sql = "INSERT INTO boarder (child_id, class_path, from_day, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)";
                    self.run(sql, binds![*child, class, from, at, by]).await?;
                    came += 1;
                }
                (true, false) => {
                    let sql =
                        "UPDATE boarder SET to_day = $1, ended_at = $2, ended_by = $3 WHERE child_id = $4 AND to_day IS NULL";
                    self.run(sql, binds![from, at, by, *child]).await?;
                    went += 1;
                }
                _ => {}
            }
        }
        Ok((came, went))
    }
}
