//! 事件和佐证 (events and proofs): what happened to a subject, append only, and the files that prove it. A subject has its own rights;
//! whoever may see it may see these.

use crate::ground::error::Result;
use crate::{CaseFile, Row, Store, Tx, binds};

/// What events and proofs hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A finding.
    Finding(i64),
    /// An establishment.
    Establishment(i64),
    /// A case.
    Case(i64),
    /// A record of a call or visit.
    Contact(i64),
    /// A warning of attendance.
    Warning(i64),
}

impl Subject {
    /// Stable code of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Finding(_) => "finding",
            Self::Establishment(_) => "establishment",
            Self::Case(_) => "case",
            Self::Contact(_) => "contact",
            Self::Warning(_) => "warning",
        }
    }

    /// By kind and number.
    pub fn find(kind: &str, id: i64) -> Option<Self> {
        [Self::Finding(id), Self::Establishment(id), Self::Case(id), Self::Contact(id), Self::Warning(id)]
            .into_iter()
            .find(|s| s.kind() == kind)
    }

    /// Its number.
    pub fn id(self) -> i64 {
        match self {
            Self::Finding(id) | Self::Establishment(id) | Self::Case(id) | Self::Contact(id) | Self::Warning(id) => id,
        }
    }

    /// What its sealed columns are bound to.
    pub(crate) fn place(self) -> String {
        format!("{}:{}", self.kind(), self.id())
    }
}

/// What happened to a subject.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number.
    pub id: i64,
    /// Code of the step.
    pub kind: String,
    /// When.
    pub at: i64,
    /// Name of who did it; the program itself has none.
    pub by: Option<String>,
    /// Account of who did it.
    pub account: Option<i64>,
    /// The unit that had the subject after it.
    pub unit_path: Option<String>,
    /// Which version of the policy it was decided by, where it was.
    pub policy: Option<i64>,
    /// In words.
    pub detail: String,
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// Code of the step.
    pub kind: &'a str,
    /// In words.
    pub detail: &'a str,
    /// Who.
    pub by: Option<i64>,
    /// When.
    pub at: i64,
    /// Which version of the policy it was decided by, where it was.
    pub policy: Option<i64>,
}

impl<'a> NewEvent<'a> {
    /// What a person did.
    pub fn by(kind: &'a str, detail: &'a str, account: i64, at: i64) -> Self {
        Self { kind, detail, by: Some(account), at, policy: None }
    }

    /// What the program did by itself.
    pub fn of_program(kind: &'a str, detail: &'a str, at: i64) -> Self {
        Self { kind, detail, by: None, at, policy: None }
    }
}

/// What a step led to: kept with its event, so that any day can be shown as it was known then.
#[derive(Debug, Clone, Copy, Default)]
pub struct After<'a> {
    /// Code of the state.
    pub state: &'a str,
    /// The unit that has it.
    pub unit: Option<&'a str>,
    /// Until when.
    pub deadline: Option<i64>,
    /// Code of the answer.
    pub answer: Option<&'a str>,
}

/// 佐证材料 (proof).
#[derive(Debug, Clone)]
pub struct Proof {
    /// Its number.
    pub id: i64,
    /// The file.
    pub file: i64,
    /// As it was named.
    pub file_name: String,
    /// `image/jpeg`.
    pub media_type: String,
    /// Stored file.
    pub stored: String,
    /// Size.
    pub bytes: i64,
    /// When.
    pub added_at: i64,
    /// Who.
    pub added_by: String,
    /// Whose signature it is; empty for everything else.
    pub role: String,
}

/// A stored file to be kept on record.
#[derive(Debug, Clone)]
pub struct NewFile<'a> {
    /// As it was named.
    pub name: &'a str,
    /// `image/jpeg`.
    pub media_type: &'a str,
    /// SHA-256, in hexadecimal form.
    pub digest: &'a str,
    /// Name of the stored file.
    pub stored: &'a str,
    /// Size.
    pub bytes: i64,
    /// When.
    pub at: i64,
    /// Who.
    pub by: i64,
}

/// What a sealed answer is bound to.
pub(crate) fn answer_place(subject: Subject) -> String {
    format!("answer:{}", subject.place())
}

fn name_place(stored: &str) -> String {
    format!("file:{stored}")
}

/// Something that was looked up in somebody's jurisdiction: only of such the events and proofs are told.
pub trait LookedUp {
    /// What it is.
    fn subject(&self) -> Subject;
}

impl Store {
    /// What happened to a subject, the oldest first.
    pub async fn events_of(&self, of: &impl LookedUp) -> Result<Vec<Event>> {
        let subject = of.subject();
        let sql = "SELECT e.id, e.kind, e.at, a.name, e.account_id, e.unit_path, e.detail, e.policy_version FROM event e LEFT JOIN account a ON a.id = e.account_id
                   WHERE e.subject_kind = $1 AND e.subject_id = $2 ORDER BY e.id";
        let row = |r: &Row| {
            Ok(Event {
                id: r.int(0)?,
                kind: r.text(1)?,
                at: r.int(2)?,
                by: r.opt_text(3)?,
                account: r.opt_int(4)?,
                unit_path: r.opt_text(5)?,
                detail: self.vault.open_text(&subject.place(), &r.bytes(6)?)?,
                policy: r.opt_int(7)?,
            })
        };
        self.all(sql, binds![subject.kind(), subject.id()]).await?.iter().map(row).collect()
    }

    /// Proofs of a subject, the oldest first.
    pub async fn proofs_of(&self, of: &impl LookedUp) -> Result<Vec<Proof>> {
        let subject = of.subject();
        let sql = format!("SELECT {PROOF} WHERE p.subject_kind = $1 AND p.subject_id = $2 ORDER BY p.id");
        self.all(&sql, binds![subject.kind(), subject.id()]).await?.iter().map(|r| self.proof(r)).collect()
    }

    /// Proofs of all contacts of a case, with the contact's number, the oldest first.
    pub async fn proofs_of_contacts(&self, k: &CaseFile) -> Result<Vec<(i64, Proof)>> {
        let sql = format!(
            "SELECT {PROOF} WHERE p.subject_kind = 'contact' AND p.subject_id IN (SELECT contact_id FROM contact_case WHERE case_id = $1)
             ORDER BY p.id"
        );
        self.all(&sql, binds![k.id]).await?.iter().map(|r| Ok((r.int(9)?, self.proof(r)?))).collect()
    }

    fn proof(&self, r: &Row) -> Result<Proof> {
        let stored = r.text(4)?;
        Ok(Proof {
            id: r.int(0)?,
            file: r.int(1)?,
            file_name: self.vault.open_text(&name_place(&stored), &r.bytes(2)?)?,
            media_type: r.text(3)?,
            stored,
            bytes: r.int(5)?,
            added_at: r.int(6)?,
            added_by: r.opt_text(7)?.unwrap_or_default(),
            role: r.text(8)?,
        })
    }
}

/// Columns of a proof, and the tables that they come from.
const PROOF: &str = "p.id, f.id, f.name, f.media_type, f.stored, f.bytes, f.added_at, a.name, p.role, p.subject_id
                     FROM proof p JOIN file f ON f.id = p.file_id LEFT JOIN account a ON a.id = f.added_by";

impl Tx {
    /// Writes what happened.
    pub async fn add_event(
        &mut self,
        store: &Store,
        subject: Subject,
        e: &NewEvent<'_>,
        after: Option<After<'_>>,
    ) -> Result<i64> {
        let sql =
            "INSERT INTO event (subject_kind, subject_id, kind, at, account_id, state, unit_path, deadline_at, answer, detail,
                                policy_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
        let detail = store.vault().seal_text(&subject.place(), e.detail)?;
        let answer = after.and_then(|a| a.answer).map(|a| store.vault().seal_text(&answer_place(subject), a)).transpose()?;
        let values = binds![
            subject.kind(),
            subject.id(),
            e.kind,
            e.at,
            e.by,
            after.map(|a| a.state),
            after.and_then(|a| a.unit),
            after.and_then(|a| a.deadline),
            answer,
            detail,
            e.policy
        ];
        self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// The same of what nobody reads in this transaction: written with others at its end.
    pub fn add_event_later(&mut self, store: &Store, subject: Subject, e: &NewEvent<'_>) -> Result<()> {
        const COLUMNS: &[&str] = &["subject_kind", "subject_id", "kind", "at", "account_id", "detail", "policy_version"];
        let detail = store.vault().seal_text(&subject.place(), e.detail)?;
        self.insert_later("event", COLUMNS, binds![subject.kind(), subject.id(), e.kind, e.at, e.by, detail, e.policy]);
        Ok(())
    }

    /// Keeps a stored file on record and gives its number.
    pub async fn add_file(&mut self, store: &Store, f: &NewFile<'_>) -> Result<i64> {
        let sql = "INSERT INTO file (stored, digest, media_type, bytes, name, added_at, added_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let name = store.vault().seal_text(&name_place(f.stored), f.name)?;
        let row = self.one(sql, binds![f.stored, f.digest, f.media_type, f.bytes, name, f.at, f.by]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Makes a file a signature that vouches for a subject.
    pub async fn add_signature(&mut self, subject: Subject, file: i64, role: &str) -> Result<()> {
        let sql = "INSERT INTO proof (subject_kind, subject_id, file_id, role) VALUES ($1, $2, $3, $4)";
        self.run(sql, binds![subject.kind(), subject.id(), file, role]).await?;
        Ok(())
    }

    /// Makes a file a proof of a subject.
    pub async fn add_proof(&mut self, subject: Subject, file: i64) -> Result<()> {
        let sql = "INSERT INTO proof (subject_kind, subject_id, file_id) VALUES ($1, $2, $3)";
        self.run(sql, binds![subject.kind(), subject.id(), file]).await?;
        Ok(())
    }
}
