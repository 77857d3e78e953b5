//! 申请和审批 (asks): what a unit asks of the bureau or of another unit, and who decided.

use baoxue_domain::case::Ask;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{CaseFile, Row, Store, Tx, Vault, binds};

/// What was asked, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskDetail {
    /// Code of the conclusion of a clearing.
    #[serde(default)]
    pub conclusion: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The two who found it out. 核查人
    #[serde(default)]
    pub checkers: String,
    /// Other units that vouch for it. 证明单位
    #[serde(default)]
    pub vouched: Vec<String>,
}

/// An ask.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseAsk {
    /// Its number.
    pub id: i64,
    /// What.
    pub kind: Ask,
    /// The unit that is to take the case over.
    pub target_path: Option<String>,
    /// In words.
    pub detail: AskDetail,
    /// The unit that asked.
    pub unit_path: String,
    /// Until when the unit had it before.
    pub deadline_before: Option<i64>,
    /// When.
    pub asked_at: i64,
    /// Account of who asked.
    pub asked_by: i64,
    /// Her name.
    pub asked_by_name: String,
}

fn place(case: i64) -> String {
    format!("case-ask:{case}")
}

fn ask(vault: &Vault, case: i64, r: &Row) -> Result<CaseAsk> {
    let kind = r.text(1)?;
    Ok(CaseAsk {
        id: r.int(0)?,
        kind: Ask::find(&kind).ok_or_else(|| StoreError::unreadable("case_ask.kind", &kind))?,
        target_path: r.opt_text(2)?,
        detail: serde_json::from_slice(&vault.open(&place(case), &r.bytes(3)?)?).map_err(|_| StoreError::Damaged)?,
        unit_path: r.text(4)?,
        asked_at: r.int(5)?,
        asked_by: r.int(6)?,
        asked_by_name: r.opt_text(7)?.unwrap_or_default(),
        deadline_before: r.opt_int(8)?,
    })
}

impl Store {
    /// What of a case waits for an answer.
    pub async fn open_ask(&self, k: &CaseFile) -> Result<Option<CaseAsk>> {
        let sql = "SELECT a.id, a.kind, a.target_path, a.detail, a.unit_path, a.asked_at, a.asked_by, p.name, a.deadline_before
                   FROM case_ask a LEFT JOIN account p ON p.id = a.asked_by WHERE a.case_id = $1 AND a.answered_at IS NULL ORDER BY a.id DESC";
        self.one(sql, binds![k.id]).await?.map(|r| ask(&self.vault, k.id, &r)).transpose()
    }
}

impl Store {
    /// What was asked last of a case, answered or not: its code, in words.
    pub async fn newest_ask(&self, k: &CaseFile) -> Result<Option<(String, AskDetail)>> {
        let sql = "SELECT kind, detail FROM case_ask WHERE case_id = $1 ORDER BY id DESC LIMIT 1";
        let Some(r) = self.one(sql, binds![k.id]).await? else { return Ok(None) };
        let detail = serde_json::from_slice(&self.vault.open(&place(k.id), &r.bytes(1)?)?).map_err(|_| StoreError::Damaged)?;
        Ok(Some((r.text(0)?, detail)))
    }
}

impl Tx {
    /// Writes down what is asked.
    #[allow(clippy::too_many_arguments, reason = "what an ask is")]
    pub async fn add_ask(
        &mut self,
        store: &Store,
        k: &CaseFile,
        kind: Ask,
        target: Option<&str>,
        detail: &AskDetail,
        by: i64,
        at: i64,
    ) -> Result<i64> {
        let sql = "INSERT INTO case_ask (case_id, kind, target_path, detail, unit_path, asked_at, asked_by, deadline_before)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                   RETURNING id";
        let sealed = store.vault().seal(&place(k.id), &serde_json::to_vec(detail).map_err(|_| StoreError::Damaged)?)?;
        let unit = k.unit_path.as_deref().unwrap_or(&k.scope_path);
        self.one(sql, binds![k.id, kind.code(), target, sealed, unit, at, by, k.deadline_at]).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// Writes down what became of it: `accepted`, `refused`, `taken-back`, `overtaken`.
    pub async fn answer_ask(&mut self, case: i64, answer: &str, by: i64, at: i64) -> Result<u64> {
        let sql =
            "UPDATE case_ask SET answer = $1, answered_at = $2, answered_by = $3 WHERE case_id = $4 AND answered_at IS NULL";
        self.run(sql, binds![answer, at, by, case]).await
    }
}
