//! 待人工认定 (clerical review): pairs that only a person can decide, and what people decided.

use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Row, Store, Tx, Value, binds};

/// Decisions of one statement.
const LOST_AT_ONCE: usize = 500;

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

/// One of the two rows of a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Stable name of the source.
    pub source: String,
    /// The batch in which it stood.
    pub batch: i64,
    /// File and row, for people.
    pub place: String,
    /// 姓名
    pub name: String,
    /// 出生日期
    pub birth_date: String,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its number.
    pub id: i64,
    /// Fingerprint of one row.
    pub left: String,
    /// Of the other.
    pub right: String,
    /// The rows themselves; decisions of earlier releases have none.
    pub sides: Option<[Side; 2]>,
    /// same, different, ask.
    pub judgement: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: i64,
    /// When it was taken back, and by whom.
    pub undone: Option<(i64, String)>,
    /// The run that no longer found one of the rows.
    pub lost_in_run: Option<i64>,
}

/// Which decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionFilter {
    /// 有效: in force, whether they bind or not.
    InForce,
    /// 失去依据: in force, and a row of them is in no roster any more.
    Lost,
    /// 已撤回
    Undone,
    /// All.
    All,
}

fn decision_place(id: i64) -> String {
    format!("decision:{id}")
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
    pub async fn decisions_in_force(&self, scope: &str) -> Result<Vec<Decision>> {
        let mut all = self.decisions(scope, DecisionFilter::InForce, i64::MAX).await?;
        all.reverse();
        Ok(all)
    }

    /// Decisions (same or different) of a place and of all below it, the newest first. Of several in force about one pair the last one holds.
    pub async fn decisions(&self, scope: &str, filter: DecisionFilter, limit: i64) -> Result<Vec<Decision>> {
        let mut c = Clause::new();
        c.below("d.scope_path", scope);
        c.add("d.judgement <> 'ask'");
        let newest = "d.undone_at IS NULL AND NOT EXISTS (SELECT 1 FROM decision n WHERE n.left_fingerprint = d.left_fingerprint
               AND n.right_fingerprint = d.right_fingerprint AND n.undone_at IS NULL AND n.judgement <> 'ask' AND n.id > d.id)";
        match filter {
            DecisionFilter::InForce => c.add(newest),
            DecisionFilter::Lost => c.add(format!("{newest} AND d.lost_in_run IS NOT NULL")),
            DecisionFilter::Undone => c.add("d.undone_at IS NOT NULL"),
            DecisionFilter::All => {}
        }
        let limit = c.bind(limit);
        let sql = format!(
            "SELECT d.id, d.left_fingerprint, d.right_fingerprint, d.judgement, a.name, d.decided_at, d.undone_at, u.name, d.sides, d.lost_in_run
             FROM decision d LEFT JOIN account a ON a.id = d.decided_by LEFT JOIN account u ON u.id = d.undone_by{} ORDER BY d.id DESC LIMIT {limit}",
            c.sql()
        );
        let row = |r: &Row| {
            let id = r.int(0)?;
            let sides = match r.opt_bytes(8)? {
                Some(sealed) => serde_json::from_slice(&self.vault.open(&decision_place(id), &sealed)?).ok(),
                None => None,
            };
            let undone_by = r.opt_text(7)?.unwrap_or_default();
            Ok(Decision {
                id,
                left: r.text(1)?,
                right: r.text(2)?,
                sides,
                judgement: r.text(3)?,
                by: r.opt_text(4)?.unwrap_or_default(),
                at: r.int(5)?,
                undone: r.opt_int(6)?.map(|at| (at, undone_by)),
                lost_in_run: r.opt_int(9)?,
            })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
    }

    /// Where the rows of a decision of an earlier release stood: source and batch of each.
    pub async fn rows_of_decision(&self, d: &Decision) -> Result<Option<[(String, i64); 2]>> {
        let sql = "SELECT left_source, left_batch, right_source, right_batch FROM review_pair
                   WHERE left_fingerprint = $1 AND right_fingerprint = $2 ORDER BY id DESC LIMIT 1";
        let row = self.one(sql, binds![&d.left, &d.right]).await?;
        row.map(|r| Ok([(r.text(0)?, r.int(1)?), (r.text(2)?, r.int(3)?)])).transpose()
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
    #[allow(clippy::too_many_arguments, reason = "the columns of a decision")]
    pub async fn decide(
        &mut self,
        store: &Store,
        scope: &str,
        pair: &ReviewPair,
        sides: &[Side; 2],
        judgement: &str,
        now: i64,
        by: i64,
    ) -> Result<bool> {
        let sql = "UPDATE review_pair SET state = $1 WHERE id = $2 AND state IN ('open', 'ask')";
        if self.run(sql, binds![judgement, pair.id]).await? == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO decision (scope_path, left_fingerprint, right_fingerprint, judgement, decided_by, decided_at)
                   VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
        let id =
            self.one(sql, binds![scope, &pair.left.1, &pair.right.1, judgement, by, now]).await?.map_or(Ok(0), |r| r.int(0))?;
        let sealed = store.vault().seal(&decision_place(id), &serde_json::to_vec(sides).map_err(|_| StoreError::Damaged)?)?;
        self.run("UPDATE decision SET sides = $1 WHERE id = $2", binds![sealed, id]).await?;
        Ok(true)
    }

    /// Takes a decision of a place back; whatever else was decided of its pair goes with it. False if there was nothing to take back.
    pub async fn undo_decision(&mut self, scope: &str, id: i64, now: i64, by: i64) -> Result<bool> {
        let mut c = Clause::new();
        c.equal("id", id);
        c.below("scope_path", scope);
        c.add("undone_at IS NULL");
        let sql = format!("SELECT left_fingerprint, right_fingerprint FROM decision{}", c.sql());
        let Some(r) = self.one(&sql, c.values).await? else { return Ok(false) };
        let (left, right) = (r.text(0)?, r.text(1)?);
        let mut c = Clause::new();
        let (now, by) = (c.bind(now), c.bind(by));
        c.equal("left_fingerprint", &left);
        c.equal("right_fingerprint", &right);
        c.below("scope_path", scope);
        c.add("undone_at IS NULL");
        self.run(&format!("UPDATE decision SET undone_at = {now}, undone_by = {by}{}", c.sql()), c.values).await?;
        let sql = "UPDATE review_pair SET state = 'open' WHERE left_fingerprint = $1 AND right_fingerprint = $2";
        self.run(sql, binds![left, right]).await?;
        Ok(true)
    }

    /// Notes which decisions of a place found a row no longer in a run, and which did.
    pub async fn mark_lost_decisions(&mut self, scope: &str, lost: &[i64], run: i64) -> Result<()> {
        let mut c = Clause::new();
        c.below("scope_path", scope);
        self.run(&format!("UPDATE decision SET lost_in_run = NULL{} AND lost_in_run IS NOT NULL", c.sql()), c.values).await?;
        for part in lost.chunks(LOST_AT_ONCE) {
            let mut c = Clause::new();
            let run = c.bind(run);
            c.one_of("id", part.iter().copied());
            self.run(&format!("UPDATE decision SET lost_in_run = {run}{}", c.sql()), c.values).await?;
        }
        Ok(())
    }
}
