//! 依法文书 (legal papers): which was issued, under which number, when it was served, and what came of it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{CaseFile, Row, Store, Tx, binds};

/// What a paper says, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperDetail {
    /// 受送达人
    #[serde(default)]
    pub recipient: String,
    /// 事实
    #[serde(default)]
    pub facts: String,
    /// 送达人
    #[serde(default)]
    pub server: String,
    /// 见证人
    #[serde(default)]
    pub witness: String,
    /// 结果
    #[serde(default)]
    pub result: String,
}

/// A legal paper.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CasePaper {
    /// Its number in the database.
    pub id: i64,
    /// Code of what it is.
    pub kind: String,
    /// 文号
    pub number: String,
    /// When it was issued.
    pub issued_on: Date,
    /// By which unit.
    pub unit_path: String,
    /// 限期
    pub due_on: Option<String>,
    /// When it was served.
    pub served_on: Option<String>,
    /// Code of how.
    pub service: Option<String>,
    /// In words.
    pub detail: PaperDetail,
    /// 作废: it keeps its number, and counts for nothing.
    pub void: bool,
}

/// A paper to write down.
#[derive(Debug, Clone)]
pub struct NewPaper<'a> {
    /// See [`CasePaper`].
    pub kind: &'a str,
    /// See [`CasePaper`].
    pub number: &'a str,
    /// See [`CasePaper`].
    pub issued_on: Date,
    /// See [`CasePaper`].
    pub unit: &'a str,
    /// See [`CasePaper`].
    pub due_on: Option<Date>,
    /// See [`CasePaper`].
    pub served_on: Option<Date>,
    /// See [`CasePaper`].
    pub service: Option<&'a str>,
    /// See [`CasePaper`].
    pub detail: &'a PaperDetail,
    /// When.
    pub at: i64,
    /// Who.
    pub by: i64,
}

fn place(case: i64) -> String {
    format!("case-paper:{case}")
}

impl Store {
    /// Papers of a case, the oldest first.
    pub async fn papers_of(&self, k: &CaseFile) -> Result<Vec<CasePaper>> {
        let sql = "SELECT id, kind, number, issued_on, unit_path, due_on, served_on, service, detail, void_at FROM case_paper
                   WHERE case_id = $1 ORDER BY id";
        let row = |r: &Row| {
            let issued = r.text(3)?;
            let sealed = self.vault.open(&place(k.id), &r.bytes(8)?)?;
            Ok(CasePaper {
                id: r.int(0)?,
                kind: r.text(1)?,
                number: r.text(2)?,
                issued_on: issued.parse().map_err(|_| StoreError::unreadable("case_paper.issued_on", &issued))?,
                unit_path: r.text(4)?,
                due_on: r.opt_text(5)?,
                served_on: r.opt_text(6)?,
                service: r.opt_text(7)?,
                detail: serde_json::from_slice(&sealed).map_err(|_| StoreError::Damaged)?,
                void: r.opt_int(9)?.is_some(),
            })
        };
        self.all(sql, binds![k.id]).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Whether a unit has issued a paper of a kind under a number before.
    pub async fn paper_number_used(&mut self, unit: &str, kind: &str, number: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM case_paper WHERE unit_path = $1 AND kind = $2 AND number = $3 LIMIT 1";
        Ok(self.one(sql, binds![unit, kind, number]).await?.is_some())
    }

    /// Makes a paper void; false: it was served, or is void already.
    pub async fn void_paper(&mut self, case: i64, paper: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE case_paper SET void_at = $1 WHERE id = $2 AND case_id = $3 AND void_at IS NULL AND served_on IS NULL";
        Ok(self.run(sql, binds![at, paper, case]).await? == 1)
    }

    /// Writes a paper down and gives its number in the database.
    pub async fn add_paper(&mut self, store: &Store, case: i64, new: &NewPaper<'_>) -> Result<i64> {
        let sql = "INSERT INTO case_paper (case_id, kind, number, issued_on, unit_path, due_on, served_on, service, detail, recorded_at, recorded_by)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
        let sealed = store.vault().seal(&place(case), &serde_json::to_vec(new.detail).map_err(|_| StoreError::Damaged)?)?;
        let values = binds![
            case,
            new.kind,
            new.number,
            new.issued_on,
            new.unit,
            new.due_on,
            new.served_on,
            new.service,
            sealed,
            new.at,
            new.by
        ];
        self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// Writes down when and how a paper was served, or what came of it.
    pub async fn serve_paper(
        &mut self,
        store: &Store,
        case: i64,
        paper: i64,
        served: Option<(Date, &str)>,
        detail: &PaperDetail,
    ) -> Result<()> {
        let sealed = store.vault().seal(&place(case), &serde_json::to_vec(detail).map_err(|_| StoreError::Damaged)?)?;
        let (on, how) = (served.map(|s| s.0), served.map(|s| s.1));
        let sql = "UPDATE case_paper SET served_on = COALESCE($1, served_on), service = COALESCE($2, service), detail = $3
                   WHERE id = $4 AND case_id = $5";
        self.run(sql, binds![on, how, sealed, paper, case]).await?;
        Ok(())
    }
}
