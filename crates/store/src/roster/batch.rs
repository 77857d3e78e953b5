//! 名册批次 (batches of rosters): staged → loaded → withdrawn; what was said of headings.

use std::collections::BTreeMap;

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Row, Store, Tx, Vault, binds};

/// Where headings are sealed, and the kind of their tokens.
const HEADING: &str = "heading";

/// State of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// 待载入: read and shown, used by nothing.
    Staged,
    /// 已载入: the source's newest roster, used by the next run.
    Loaded,
    /// 已被新批次替换
    Replaced,
    /// 已撤销
    Withdrawn,
}

impl BatchState {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Loaded => "loaded",
            Self::Replaced => "replaced",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Staged => "待载入",
            Self::Loaded => "在用",
            Self::Replaced => "已被新名册替换",
            Self::Withdrawn => "已撤销",
        }
    }

    fn find(code: &str) -> Result<Self> {
        let all = [Self::Staged, Self::Loaded, Self::Replaced, Self::Withdrawn];
        all.into_iter().find(|s| s.code() == code).ok_or_else(|| StoreError::unreadable("batch.state", code))
    }
}

/// A roster that was handed over.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// The county.
    pub scope: String,
    /// Stable name of the source kind.
    pub source: String,
    /// State.
    pub state: BatchState,
    /// As it was named.
    pub file_name: String,
    /// SHA-256 of the original.
    pub digest: String,
    /// Stored original.
    pub original: String,
    /// Stored rows (Parquet).
    pub roster: String,
    /// Rows that load.
    pub good_rows: i64,
    /// Rows that do not.
    pub rejected_rows: i64,
    /// Titles, totals, blanks.
    pub passed_over_rows: i64,
    /// JSON: problems by code.
    pub counts: String,
    /// JSON: how it was read, columns, first problems.
    pub preview: String,
    /// JSON: what was said of headings.
    pub mapping: String,
    /// Which department handed it over.
    pub department: String,
    /// Who of it.
    pub handed_over_by: String,
    /// On which day.
    pub handed_over_on: String,
    /// What of the rosters before it it takes the place of: a code.
    pub mode: String,
    /// The batch whose rows it puts right.
    pub mends: Option<i64>,
    /// When it was read.
    pub staged_at: i64,
    /// By whom.
    pub staged_by: i64,
    /// When it was loaded.
    pub loaded_at: Option<i64>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<i64>,
}

/// A batch to stage.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// See [`Batch`].
    pub scope: String,
    /// See [`Batch`].
    pub source: String,
    /// See [`Batch`].
    pub file_name: String,
    /// See [`Batch`].
    pub digest: String,
    /// See [`Batch`].
    pub original: String,
    /// See [`Batch`].
    pub roster: String,
    /// See [`Batch`].
    pub good_rows: i64,
    /// See [`Batch`].
    pub rejected_rows: i64,
    /// See [`Batch`].
    pub passed_over_rows: i64,
    /// See [`Batch`].
    pub counts: String,
    /// See [`Batch`].
    pub preview: String,
    /// See [`Batch`].
    pub mapping: String,
    /// See [`Batch`].
    pub department: String,
    /// See [`Batch`].
    pub handed_over_by: String,
    /// See [`Batch`].
    pub handed_over_on: String,
}

const COLUMNS: &str = "id, scope_path, source, state, said, digest, original, roster, good_rows, rejected_rows, passed_over_rows, counts, \
                       preview, department, handed_over_on, staged_at, staged_by, loaded_at, withdrawn_at, mode, mends";

/// What people wrote beside a roster, in one sealed column: the file's name, who handed it over, what was said of its columns.
pub(crate) fn seal_said(vault: &Vault, file: &str, by: &str, mapping: &str) -> Result<Vec<u8>> {
    vault.seal_text("batch", &serde_json::json!([file, by, mapping]).to_string())
}

fn open_said(vault: &Vault, sealed: &[u8]) -> Result<[String; 3]> {
    serde_json::from_str(&vault.open_text("batch", sealed)?).map_err(|_| StoreError::Damaged)
}

fn batch(vault: &Vault, r: &Row) -> Result<Batch> {
    let [file_name, handed_over_by, mapping] = open_said(vault, &r.bytes(4)?)?;
    Ok(Batch {
        id: r.int(0)?,
        scope: r.text(1)?,
        source: r.text(2)?,
        state: BatchState::find(&r.text(3)?)?,
        file_name,
        digest: r.text(5)?,
        original: r.text(6)?,
        roster: r.text(7)?,
        good_rows: r.int(8)?,
        rejected_rows: r.int(9)?,
        passed_over_rows: r.int(10)?,
        counts: r.text(11)?,
        preview: vault.open_text("batch", &r.bytes(12)?)?,
        mapping,
        department: r.text(13)?,
        handed_over_by,
        handed_over_on: r.text(14)?,
        staged_at: r.int(15)?,
        staged_by: r.int(16)?,
        loaded_at: r.opt_int(17)?,
        withdrawn_at: r.opt_int(18)?,
        mode: r.text(19)?,
        mends: r.opt_int(20)?,
    })
}

impl Store {
    /// Batches of a county in some states, the newest first; empty `states` for all.
    pub async fn batches(&self, scope: &str, states: &[BatchState], limit: i64, offset: i64) -> Result<Vec<Batch>> {
        let mut c = Clause::new();
        c.equal("scope_path", scope);
        if !states.is_empty() {
            c.one_of("state", states.iter().map(|s| s.code()));
        }
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        let sql = format!("SELECT {COLUMNS} FROM batch{} ORDER BY id DESC LIMIT {limit} OFFSET {offset}", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| batch(&self.vault, r)).collect()
    }

    /// How many batches a county has in some states; empty `states` for all.
    pub async fn batch_count(&self, scope: &str, states: &[BatchState]) -> Result<i64> {
        let mut c = Clause::new();
        c.equal("scope_path", scope);
        if !states.is_empty() {
            c.one_of("state", states.iter().map(|s| s.code()));
        }
        let r = self.one(&format!("SELECT COUNT(*) FROM batch{}", c.sql()), c.values).await?;
        r.map_or(Ok(0), |r| r.int(0))
    }

    /// A batch of a place or of one below it.
    pub async fn batch(&self, scope: &str, id: i64) -> Result<Option<Batch>> {
        let mut c = Clause::new();
        c.equal("id", id);
        c.below("scope_path", scope);
        let sql = format!("SELECT {COLUMNS} FROM batch{}", c.sql());
        self.one(&sql, c.values).await?.map(|r| batch(&self.vault, &r)).transpose()
    }

    /// The rosters in use of a place and of all below it, in the order in which they came.
    pub async fn batches_in_use(&self, scope: &str) -> Result<Vec<Batch>> {
        let mut c = Clause::new();
        c.below("scope_path", scope);
        c.equal("state", BatchState::Loaded.code());
        let sql = format!("SELECT {COLUMNS} FROM batch{} ORDER BY id DESC", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| batch(&self.vault, r)).collect()
    }

    /// What a county said of a source's headings: heading → field.
    pub async fn heading_mapping(&self, scope: &str, source: &str) -> Result<BTreeMap<String, String>> {
        let sql = "SELECT said, field FROM heading WHERE scope_path = $1 AND source = $2";
        let rows = self.all(sql, binds![scope, source]).await?;
        rows.iter().map(|r| Ok((self.vault.open_text(HEADING, &r.bytes(0)?)?, r.text(1)?))).collect()
    }

    /// What a county's rosters call schools: name, path of the school.
    pub async fn school_aliases(&self, scope: &str) -> Result<Vec<(String, String)>> {
        let mut c = Clause::new();
        c.below("scope_path", scope);
        let sql = format!("SELECT name, school_path FROM school_alias{} ORDER BY name", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| Ok((r.text(0)?, r.text(1)?))).collect()
    }

    /// All that a county said of headings: source, heading, field.
    pub async fn heading_mappings(&self, scope: &str) -> Result<Vec<(String, String, String)>> {
        let rows = self.all("SELECT source, said, field FROM heading WHERE scope_path = $1", binds![scope]).await?;
        let said = |r: &Row| Ok((r.text(0)?, self.vault.open_text(HEADING, &r.bytes(1)?)?, r.text(2)?));
        let mut out: Vec<(String, String, String)> = rows.iter().map(said).collect::<Result<_>>()?;
        out.sort_unstable();
        Ok(out)
    }

    /// The runs that used a batch and finished.
    pub async fn runs_of_batch(&self, batch: i64) -> Result<Vec<i64>> {
        let sql = "SELECT b.run_id FROM run_batch b JOIN run r ON r.id = b.run_id WHERE b.batch_id = $1 AND r.state = 'finished' ORDER BY 1";
        self.all(sql, binds![batch]).await?.iter().map(|r| r.int(0)).collect()
    }
}

impl Tx {
    /// Stages a batch and gives its number.
    pub async fn stage_batch(&mut self, vault: &Vault, b: &NewBatch, now: i64, by: i64) -> Result<i64> {
        let sql = "INSERT INTO batch (scope_path, source, state, said, digest, original, roster, good_rows, rejected_rows, passed_over_rows,
                     counts, preview, department, handed_over_on, staged_at, staged_by)
                   VALUES ($1, $2, 'staged', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id";
        let values = binds![
            &b.scope,
            &b.source,
            seal_said(vault, &b.file_name, &b.handed_over_by, &b.mapping)?,
            &b.digest,
            &b.original,
            &b.roster,
            b.good_rows,
            b.rejected_rows,
            b.passed_over_rows,
            &b.counts,
            vault.seal_text("batch", &b.preview)?,
            &b.department,
            &b.handed_over_on,
            now,
            by
        ];
        let row = self.one(sql, values).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Loads a staged batch. With `replace`, the rosters of its source that were in use are replaced by it; `mode` says what of those that stay
    /// in use it takes the place of. False if it is no longer staged.
    pub async fn load_batch(
        &mut self,
        id: i64,
        replace: bool,
        mode: &str,
        mends: Option<i64>,
        now: i64,
        by: i64,
    ) -> Result<bool> {
        let sql = "UPDATE batch SET state = 'loaded', loaded_at = $1, loaded_by = $2, mode = $4, mends = $5 WHERE id = $3 AND state = 'staged'";
        if self.run(sql, binds![now, by, id, mode, mends]).await? == 0 {
            return Ok(false);
        }
        if replace {
            let sql = "UPDATE batch SET state = 'replaced' WHERE state = 'loaded' AND id <> $1
                         AND source = (SELECT source FROM batch WHERE id = $1) AND scope_path = (SELECT scope_path FROM batch WHERE id = $1)";
            self.run(sql, binds![id]).await?;
        }
        Ok(true)
    }

    /// Withdraws a batch; the one that it replaced is in use again. False if it was withdrawn already.
    pub async fn withdraw_batch(&mut self, store: &Store, id: i64, now: i64, by: i64) -> Result<bool> {
        let before = self.one("SELECT state, mode FROM batch WHERE id = $1", binds![id]).await?;
        let before = before.map(|r| Ok::<_, StoreError>((r.text(0)?, r.text(1)?))).transpose()?;
        let was_loaded = before.is_some_and(|(state, mode)| state == "loaded" && mode == "whole");
        let sql =
            "UPDATE batch SET state = 'withdrawn', withdrawn_at = $1, withdrawn_by = $2 WHERE id = $3 AND state <> 'withdrawn'";
        if self.run(sql, binds![now, by, id]).await? == 0 {
            return Ok(false);
        }
        if was_loaded {
            let sql = "UPDATE batch SET state = 'loaded' WHERE id = (SELECT MAX(o.id) FROM batch o, batch w WHERE w.id = $1
                         AND o.source = w.source AND o.scope_path = w.scope_path AND o.state = 'replaced' AND o.id < w.id)
                       AND NOT EXISTS (SELECT 1 FROM batch o, batch w WHERE w.id = $1 AND o.source = w.source
                         AND o.scope_path = w.scope_path AND o.state = 'loaded')";
            self.run(sql, binds![id]).await?;
        }
        // what its runs found contradicts nobody any more
        let sql = "SELECT DISTINCT e.child_id FROM establishment e JOIN ledger_entry l ON l.child_id = e.child_id
                   JOIN run_batch x ON x.run_id = l.run_id WHERE x.batch_id = $1";
        let children = self.all(sql, binds![id]).await?;
        let children: Vec<i64> = children.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        self.project_standings(store, &children, now).await?;
        Ok(true)
    }

    /// Remembers what a county's rosters call a school.
    pub async fn call_school(&mut self, scope: &str, name: &str, school: &str, now: i64, by: i64) -> Result<()> {
        let sql = "INSERT INTO school_alias (scope_path, name, school_path, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (scope_path, name) DO UPDATE SET school_path = $3, recorded_at = $4, recorded_by = $5";
        self.run(sql, binds![scope, name, school, now, by]).await?;
        Ok(())
    }

    /// Remembers what a heading of a source means; an empty field forgets it.
    pub async fn map_heading(
        &mut self,
        vault: &Vault,
        (scope, source, heading): (&str, &str, &str),
        field: &str,
        now: i64,
        by: i64,
    ) -> Result<()> {
        let token = vault.token(HEADING, heading);
        if field.is_empty() {
            let sql = "DELETE FROM heading WHERE scope_path = $1 AND source = $2 AND token = $3";
            self.run(sql, binds![scope, source, token]).await?;
            return Ok(());
        }
        let sql = "INSERT INTO heading (scope_path, source, token, said, field, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (scope_path, source, token) DO UPDATE SET field = $5, recorded_at = $6, recorded_by = $7";
        let said = vault.seal_text(HEADING, heading)?;
        self.run(sql, binds![scope, source, token, said, field, now, by]).await?;
        Ok(())
    }
}
