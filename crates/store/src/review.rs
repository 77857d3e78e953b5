//! 待人工认定 (clerical review): pairs that only a person can decide, and what people decided.

use crate::error::Result;
use crate::{Clause, Row, Store, Tx, Value, binds};

/// A pair to be decided, as a run found it.
#[derive(Debug, Clone)]
pub struct NewPair {
    /// Source, fingerprint, batch of one side.
    pub left: (String, String, i64),
    /// Of the other.
    pub right: (String, String, i64),
    /// Millionths.
    pub probability_ppm: i64,
    /// JSON: evidence by field.
    pub levels: String,
    /// The child of the left row.
    pub left_child: Option<i64>,
    /// The child of the right row.
    pub right_child: Option<i64>,
}

/// A pair on the screen.
#[derive(Debug, Clone)]
pub struct ReviewPair {
    /// Its number.
    pub id: i64,
    /// The run that found it.
    pub run: i64,
    /// Source, fingerprint, batch.
    pub left: (String, String, i64),
    /// Of the other side.
    pub right: (String, String, i64),
    /// Millionths.
    pub probability_ppm: i64,
    /// JSON: evidence by field.
    pub levels: String,
    /// open, same, different, ask.
    pub state: String,
    /// The child of the left row.
    pub left_child: Option<i64>,
    /// The child of the right row.
    pub right_child: Option<i64>,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its number.
    pub id: i64,
    /// One row.
    pub left: String,
    /// The other.
    pub right: String,
    /// same, different, ask.
    pub judgement: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: i64,
    /// When it was taken back.
    pub undone_at: Option<i64>,
}

const COLUMNS: &str = "id, run_id, left_source, left_fingerprint, left_batch, right_source, right_fingerprint, right_batch, \
                       probability_ppm, levels, state, left_child, right_child";

fn pair(r: &Row) -> Result<ReviewPair> {
    Ok(ReviewPair {
        id: r.int(0)?,
        run: r.int(1)?,
        left: (r.text(2)?, r.text(3)?, r.int(4)?),
        right: (r.text(5)?, r.text(6)?, r.int(7)?),
        probability_ppm: r.int(8)?,
        levels: r.text(9)?,
        state: r.text(10)?,
        left_child: r.opt_int(11)?,
        right_child: r.opt_int(12)?,
    })
}

impl Store {
    /// Pairs of a run in a state, likeliest first.
    pub async fn review_pairs(&self, run: i64, state: &str, limit: i64) -> Result<Vec<ReviewPair>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM review_pair WHERE run_id = $1 AND state = $2 ORDER BY probability_ppm DESC, id LIMIT $3"
        );
        self.all(&sql, binds![run, state, limit]).await?.iter().map(pair).collect()
    }

    /// A pair of a run.
    pub async fn review_pair(&self, run: i64, id: i64) -> Result<Option<ReviewPair>> {
        let sql = format!("SELECT {COLUMNS} FROM review_pair WHERE run_id = $1 AND id = $2");
        self.one(&sql, binds![run, id]).await?.as_ref().map(pair).transpose()
    }

    /// How many pairs of a run are in each state.
    pub async fn review_counts(&self, run: i64) -> Result<Vec<(String, i64)>> {
        let rows = self.all("SELECT state, COUNT(*) FROM review_pair WHERE run_id = $1 GROUP BY state", binds![run]).await?;
        rows.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect()
    }

    /// Of the pairs that people of a place decided: the probability in millionths that stood beside the pair, and whether it is one child.
    pub async fn judged_pairs(&self, scope: &str) -> Result<Vec<(i64, bool)>> {
        let sql = "SELECT p.probability_ppm, p.state FROM review_pair p JOIN run r ON r.id = p.run_id
                   WHERE r.scope_path = $1 AND p.state IN ('same', 'different') ORDER BY p.id";
        let rows = self.all(sql, binds![scope]).await?;
        rows.iter().map(|r| Ok((r.int(0)?, r.text(1)? == "same"))).collect()
    }

    /// Decisions in force (same or different) of a place and of all below it, for its next run.
    pub async fn decisions_in_force(&self, scope: &str) -> Result<Vec<(String, String, bool)>> {
        let mut c = Clause::new();
        c.below("d.scope_path", scope);
        // of several about one pair the last one holds
        c.add(
            "undone_at IS NULL AND judgement <> 'ask' AND NOT EXISTS (SELECT 1 FROM decision n WHERE n.left_fingerprint = d.left_fingerprint
               AND n.right_fingerprint = d.right_fingerprint AND n.undone_at IS NULL AND n.id > d.id)",
        );
        let sql = format!("SELECT left_fingerprint, right_fingerprint, judgement FROM decision d{} ORDER BY id", c.sql());
        let rows = self.all(&sql, c.values).await?;
        rows.iter().map(|r| Ok((r.text(0)?, r.text(1)?, r.text(2)? == "same"))).collect()
    }

    /// Decisions of a place and of all below it about rows with these fingerprints, or the newest of all.
    pub async fn decisions(&self, scope: &str, fingerprints: Option<&[String]>, limit: i64) -> Result<Vec<Decision>> {
        let mut c = Clause::new();
        c.below("d.scope_path", scope);
        if let Some(all) = fingerprints {
            let names: Vec<String> = all.iter().map(|f| c.bind(f)).collect();
            let list = names.join(",");
            c.add(if all.is_empty() {
                "1 = 0".to_owned()
            } else {
                format!("(left_fingerprint IN ({list}) OR right_fingerprint IN ({list}))")
            });
        }
        let limit = c.bind(limit);
        let sql = format!(
            "SELECT d.id, left_fingerprint, right_fingerprint, judgement, a.name, decided_at, undone_at
             FROM decision d LEFT JOIN account a ON a.id = d.decided_by{} ORDER BY d.id DESC LIMIT {limit}",
            c.sql()
        );
        let row = |r: &Row| {
            Ok(Decision {
                id: r.int(0)?,
                left: r.text(1)?,
                right: r.text(2)?,
                judgement: r.text(3)?,
                by: r.opt_text(4)?.unwrap_or_default(),
                at: r.int(5)?,
                undone_at: r.opt_int(6)?,
            })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Writes the pairs of a run.
    pub async fn add_pairs(&mut self, run: i64, pairs: &[NewPair]) -> Result<()> {
        const INTO: [&str; 12] = [
            "run_id",
            "left_source",
            "left_fingerprint",
            "left_batch",
            "right_source",
            "right_fingerprint",
            "right_batch",
            "probability_ppm",
            "levels",
            "state",
            "left_child",
            "right_child",
        ];
        let rows = pairs.iter().map(|p| -> Vec<Value> {
            binds![
                run,
                &p.left.0,
                &p.left.1,
                p.left.2,
                &p.right.0,
                &p.right.1,
                p.right.2,
                p.probability_ppm,
                &p.levels,
                "open",
                p.left_child,
                p.right_child
            ]
        });
        let rows = rows.collect();
        self.insert_many("review_pair", &INTO, rows).await?;
        Ok(())
    }

    /// Decides a pair that is still open. False if another person was faster.
    pub async fn decide(&mut self, scope: &str, pair: &ReviewPair, judgement: &str, now: i64, by: i64) -> Result<bool> {
        let sql = "UPDATE review_pair SET state = $1 WHERE id = $2 AND state IN ('open', 'ask')";
        if self.run(sql, binds![judgement, pair.id]).await? == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO decision (scope_path, left_fingerprint, right_fingerprint, judgement, decided_by, decided_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        self.run(sql, binds![scope, &pair.left.1, &pair.right.1, judgement, by, now]).await?;
        Ok(true)
    }

    /// Takes back what was decided of a pair; false if there was nothing to take back.
    pub async fn undo_decision(&mut self, scope: &str, pair: &ReviewPair, now: i64) -> Result<bool> {
        let mut c = Clause::new();
        let now = c.bind(now);
        c.equal("left_fingerprint", &pair.left.1);
        c.equal("right_fingerprint", &pair.right.1);
        c.below("scope_path", scope);
        c.add("undone_at IS NULL");
        if self.run(&format!("UPDATE decision SET undone_at = {now}{}", c.sql()), c.values).await? == 0 {
            return Ok(false);
        }
        self.run("UPDATE review_pair SET state = 'open' WHERE id = $1", binds![pair.id]).await?;
        Ok(true)
    }
}
