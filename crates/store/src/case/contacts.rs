//! 联系记录 (contacts): one record of one call or visit, of all children of whom it spoke; with photos and signatures as its proofs.

use baoxue_domain::case::{ContactKind, Signed};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{CaseFile, Clause, LookedUp, Row, Store, Subject, Tx, binds};

/// What was said and by whom, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactDetail {
    /// 参加人员
    #[serde(default)]
    pub people: String,
    /// 联系对象
    #[serde(default)]
    pub met: String,
    /// 谈话内容
    #[serde(default)]
    pub words: String,
    /// Code. 家长态度
    #[serde(default)]
    pub attitude: String,
    /// Code. 学生意愿
    #[serde(default)]
    pub wish: String,
    /// 见证人
    #[serde(default)]
    pub witness: String,
    /// 代录: for whom it was typed.
    #[serde(default)]
    pub typed_for: String,
    /// 下一步
    #[serde(default)]
    pub next: String,
    /// When it was written down by the clock of a phone, where that was without signal; no order goes by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone_time: String,
    /// 位置, where whoever recorded it had it added.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub position: String,
}

/// A contact.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contact {
    /// Its number.
    pub id: i64,
    /// How.
    pub kind: ContactKind,
    /// When it was.
    pub on: Date,
    /// Code of what came of it.
    pub outcome: String,
    /// How it is vouched for.
    pub signed: Option<Signed>,
    /// What was said.
    pub detail: ContactDetail,
    /// When it was written down.
    pub recorded_at: i64,
    /// Name of who did.
    pub recorded_by: String,
    /// Of how many children it spoke.
    pub cases: i64,
    /// Photos and signatures that are still on the phone.
    pub awaited: i64,
}

impl LookedUp for Contact {
    fn subject(&self) -> Subject {
        Subject::Contact(self.id)
    }
}

/// A contact to write down.
#[derive(Debug, Clone)]
pub struct NewContact<'a> {
    /// 128 random bits of where it was recorded.
    pub key: &'a str,
    /// See [`Contact`].
    pub kind: ContactKind,
    /// See [`Contact`].
    pub on: Date,
    /// See [`Contact`].
    pub outcome: &'a str,
    /// See [`Contact`].
    pub signed: Option<Signed>,
    /// See [`Contact`].
    pub detail: &'a ContactDetail,
    /// When.
    pub at: i64,
    /// Who.
    pub by: i64,
    /// The unit of whoever did it.
    pub unit: Option<&'a str>,
    /// Photos and signatures that come after it.
    pub awaited: i64,
}

fn place(key: &str) -> String {
    format!("contact:{key}")
}

impl Store {
    /// Contacts of a case, the oldest first.
    pub async fn contacts_of(&self, k: &CaseFile) -> Result<Vec<Contact>> {
        let sql = "SELECT o.id, o.key, o.kind, o.on_day, o.outcome, o.signed, o.detail, o.recorded_at, a.name,
                     (SELECT COUNT(*) FROM contact_case n WHERE n.contact_id = o.id), o.awaited
                   FROM contact_case x JOIN contact o ON o.id = x.contact_id LEFT JOIN account a ON a.id = o.recorded_by
                   WHERE x.case_id = $1 ORDER BY o.on_day, o.id";
        let row = |r: &Row| {
            let (kind, on) = (r.text(2)?, r.text(3)?);
            let sealed = self.vault.open(&place(&r.text(1)?), &r.bytes(6)?)?;
            Ok(Contact {
                id: r.int(0)?,
                kind: ContactKind::find(&kind).ok_or_else(|| StoreError::unreadable("contact.kind", &kind))?,
                on: on.parse().map_err(|_| StoreError::unreadable("contact.on_day", &on))?,
                outcome: r.text(4)?,
                signed: r.opt_text(5)?.and_then(|s| Signed::find(&s)),
                detail: serde_json::from_slice(&sealed).map_err(|_| StoreError::Damaged)?,
                recorded_at: r.int(7)?,
                recorded_by: r.opt_text(8)?.unwrap_or_default(),
                cases: r.int(9)?,
                awaited: r.int(10)?,
            })
        };
        self.all(sql, binds![k.id]).await?.iter().map(row).collect()
    }

    /// What was recorded under a key: who did, of which cases, and what; for whoever sends it once more.
    pub async fn contact_of_key(&self, key: &str) -> Result<Option<(i64, Vec<i64>, String)>> {
        let sql = "SELECT id, recorded_by, kind, on_day, outcome, signed, detail FROM contact WHERE key = $1";
        let Some(r) = self.one(sql, binds![key]).await? else { return Ok(None) };
        let cases =
            self.all("SELECT case_id FROM contact_case WHERE contact_id = $1 ORDER BY case_id", binds![r.int(0)?]).await?;
        let cases = cases.iter().map(|r| r.int(0)).collect::<Result<Vec<i64>>>()?;
        let plain = self.vault.open(&place(key), &r.bytes(6)?)?;
        let said = format!(
            "{}|{}|{}|{}|{}",
            r.text(2)?,
            r.text(3)?,
            r.text(4)?,
            r.opt_text(5)?.unwrap_or_default(),
            String::from_utf8_lossy(&plain)
        );
        Ok(Some((r.int(1)?, cases, said)))
    }

    /// The number of the contact that was recorded under a key.
    pub async fn contact_number(&self, key: &str) -> Result<Option<i64>> {
        self.one("SELECT id FROM contact WHERE key = $1", binds![key]).await?.map(|r| r.int(0)).transpose()
    }

    /// The day of the last contact of each of these cases.
    pub async fn last_contacts(&self, cases: &[i64]) -> Result<FxHashMap<i64, String>> {
        let mut c = Clause::new();
        c.one_of("x.case_id", cases.iter().copied());
        let sql = format!(
            "SELECT x.case_id, MAX(o.on_day) FROM contact_case x JOIN contact o ON o.id = x.contact_id{} GROUP BY x.case_id",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((r.int(0)?, r.text(1)?))).collect()
    }
}

impl NewContact<'_> {
    /// What it says, to compare it with what was sent under the same key.
    pub fn said(&self) -> String {
        let detail = serde_json::to_string(self.detail).unwrap_or_default();
        let signed = self.signed.map(Signed::code).unwrap_or_default();
        format!("{}|{}|{}|{signed}|{detail}", self.kind.code(), self.on, self.outcome)
    }
}

impl Tx {
    /// Writes a contact down; `None`: this one was sent before, and is there already.
    pub async fn add_contact(&mut self, store: &Store, new: &NewContact<'_>, cases: &[i64]) -> Result<Option<i64>> {
        let sql = "INSERT INTO contact (key, kind, on_day, outcome, signed, detail, recorded_at, recorded_by, unit_path, awaited)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (key) DO NOTHING RETURNING id";
        let sealed = store.vault().seal(&place(new.key), &serde_json::to_vec(new.detail).map_err(|_| StoreError::Damaged)?)?;
        let signed = new.signed.map(Signed::code);
        let values = binds![new.key, new.kind.code(), new.on, new.outcome, signed, sealed, new.at, new.by, new.unit, new.awaited];
        let Some(r) = self.one(sql, values).await? else { return Ok(None) };
        let id = r.int(0)?;
        for case in cases {
            self.run("INSERT INTO contact_case (contact_id, case_id) VALUES ($1, $2)", binds![id, *case]).await?;
        }
        Ok(Some(id))
    }

    /// A photo or signature of a contact came from the phone.
    pub async fn awaited_came(&mut self, contact: i64) -> Result<()> {
        self.run("UPDATE contact SET awaited = awaited - 1 WHERE id = $1 AND awaited > 0", binds![contact]).await?;
        Ok(())
    }
}
