//! 审计 (audit): rows written with the change they tell of, at its end. Each carries a keyed digest of itself and of the row before: nobody without
//! the key changes, removes or slips in one. How many there are is counted beside, and the newest digest is written to a file elsewhere.

use baoxue_domain::access::{Deed, is_known_subject};

use crate::ground::error::Result;
use crate::{Clause, Jurisdiction, Row, Store, Tx, Value, Vault, binds};

/// Rows that are verified at a time.
const ROWS_AT_ONCE: i64 = 5_000;
/// Name of the counter of rows, and of that of heads written elsewhere.
const ROWS: &str = "audit";
const HEADS: &str = "audit-heads";

/// Who did what to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: i64,
    /// Who; empty where nobody was logged in.
    pub login: String,
    /// Kebab-case code.
    pub action: String,
    /// `child:12`, `batch:3`.
    pub subject: String,
    /// In words.
    pub detail: String,
}

/// A row to write.
#[derive(Debug, Clone, Copy)]
pub struct NewAudit<'a> {
    /// When.
    pub at: i64,
    /// Where whoever did it stands; empty for the installation itself.
    pub place: &'a str,
    /// Number of the account.
    pub account: Option<i64>,
    /// Log-in name.
    pub login: &'a str,
    /// What was done.
    pub deed: Deed,
    /// `child:12`, `batch:3`.
    pub subject: &'a str,
    /// In words.
    pub detail: &'a str,
}

/// Which rows of the log.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this log-in name.
    pub login: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of one of these actions; of any when empty.
    pub actions: Vec<String>,
    /// About this subject.
    pub subject: Option<String>,
    /// From this moment.
    pub from: Option<i64>,
    /// Before this moment.
    pub to: Option<i64>,
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Rows.
    pub rows: i64,
    /// What is wrong, if anything.
    pub broken: Option<Broken>,
    /// The newest row's number and digest, to be kept elsewhere.
    pub head: Option<Head>,
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// This row, or one before it, was changed, taken away or slipped in.
    At(i64),
    /// Rows at the end are missing: the last one there is, and the last one there was.
    CutOff(i64, i64),
    /// There are accounts, and no row.
    Emptied,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(id) => write!(f, "第 {id} 条或它之前的记录被改动、删除或插入过"),
            Self::CutOff(last, was) => write!(f, "第 {last} 条之后的记录被删除过:应有到第 {was} 条"),
            Self::Emptied => write!(f, "日志被清空:有账号而没有一条记录"),
        }
    }
}

/// The end of the log at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the newest row.
    pub id: i64,
    /// Its digest, in hexadecimal form.
    pub tag: String,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.id, self.tag)
    }
}

impl std::str::FromStr for Head {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (id, tag) = text.split_once(':').ok_or(())?;
        Ok(Self { id: id.parse().map_err(|_| ())?, tag: tag.to_owned() })
    }
}

/// A row that a transaction writes at its end.
pub(crate) struct Told {
    vault: Vault,
    place: String,
    at: i64,
    account: Option<i64>,
    login: String,
    action: String,
    subject: String,
    detail: Vec<u8>,
}

impl Told {
    fn tag(&self, id: i64, before: &[u8]) -> Vec<u8> {
        let account = self.account.unwrap_or(0);
        self.vault.audit_seal(&[
            before,
            &id.to_be_bytes(),
            &self.at.to_be_bytes(),
            &account.to_be_bytes(),
            self.login.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            &self.detail,
            self.place.as_bytes(),
        ])
    }

    fn of(vault: &Vault, r: &Row) -> Result<Self> {
        Ok(Self {
            vault: vault.clone(),
            at: r.int(1)?,
            account: r.opt_int(2)?,
            login: r.text(3)?,
            action: r.text(4)?,
            subject: r.text(5)?,
            detail: r.bytes(6)?,
            place: r.text(7)?,
        })
    }
}

const COLUMNS: &str = "id, at, account_id, login, action, subject, detail, place_path";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl Store {
    /// A page of the log of a jurisdiction, the newest first, and how many there are. What the installation itself did is seen by whoever
    /// covers all of its counties.
    pub async fn audit_page(&self, f: &AuditFilter, j: &Jurisdiction, limit: i64, offset: i64) -> Result<(Vec<AuditEntry>, i64)> {
        let mut c = Clause::new();
        let counties = self.all("SELECT DISTINCT path FROM place WHERE kind = 'county'", vec![]).await?;
        let mut whole = !counties.is_empty();
        for county in &counties {
            whole &= j.covers(&county.text(0)?);
        }
        if !whole {
            c.inside(j, &["place_path"], &["place_path"]);
        }
        for (column, value) in [("login", &f.login), ("action", &f.action), ("subject", &f.subject)] {
            if let Some(v) = value {
                c.equal(column, v);
            }
        }
        if !f.actions.is_empty() {
            c.one_of("action", f.actions.iter().map(String::as_str));
        }
        if let Some(from) = f.from {
            let v = c.bind(from);
            c.add(format!("at >= {v}"));
        }
        if let Some(to) = f.to {
            let v = c.bind(to);
            c.add(format!("at < {v}"));
        }
        let count = self.one(&format!("SELECT COUNT(*) FROM audit{}", c.sql()), c.values.clone()).await?;
        let count = count.map_or(Ok(0), |r| r.int(0))?;
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        let sql = format!("SELECT {COLUMNS} FROM audit{} ORDER BY id DESC LIMIT {limit} OFFSET {offset}", c.sql());
        let entry = |r: &Row| {
            Ok(AuditEntry {
                id: r.int(0)?,
                at: r.int(1)?,
                login: r.text(3)?,
                action: r.text(4)?,
                subject: r.text(5)?,
                detail: self.vault.open_text("audit", &r.bytes(6)?)?,
            })
        };
        Ok((self.all(&sql, c.values).await?.iter().map(entry).collect::<Result<_>>()?, count))
    }

    /// Checks the whole log: nothing was changed, taken away or put in between, nor cut off at its end.
    pub async fn verify_audit(&self) -> Result<Verification> {
        let mut out = Verification { rows: 0, broken: None, head: None };
        let (mut before, mut after): (Vec<u8>, i64) = (Vec::new(), 0);
        // as it is now: others write meanwhile
        let mut tx = self.snapshot().await?;
        loop {
            let sql = format!("SELECT {COLUMNS}, tag FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
            let rows = tx.all(&sql, binds![after, ROWS_AT_ONCE]).await?;
            for r in &rows {
                let (id, tag) = (r.int(0)?, r.opt_bytes(8)?.unwrap_or_default());
                if Told::of(&self.vault, r)?.tag(id, &before) != tag {
                    out.broken = Some(Broken::At(id));
                    return Ok(out);
                }
                (before, after) = (tag, id);
                out.rows += 1;
            }
            if (rows.len() as i64) < ROWS_AT_ONCE {
                break;
            }
        }
        let next = tx.one("SELECT next FROM counter WHERE name = $1", binds![ROWS]).await?.map_or(Ok(0), |r| r.int(0))?;
        let accounts = tx.one("SELECT COUNT(*) FROM account", vec![]).await?.map_or(Ok(0), |r| r.int(0))?;
        out.head = (out.rows > 0).then(|| Head { id: after, tag: hex(&before) });
        out.broken = match out.rows {
            0 if accounts > 0 => Some(Broken::Emptied),
            _ if next != after + 1 => Some(Broken::CutOff(after, next - 1)),
            _ => None,
        };
        Ok(out)
    }

    /// The first of these ends of the log, written down elsewhere, that the log does not have any more.
    pub async fn lost_head(&self, heads: &[Head]) -> Result<Option<Head>> {
        for h in heads {
            let row = self.one("SELECT tag FROM audit WHERE id = $1", binds![h.id]).await?;
            let tag = row.map_or(Ok(None), |r| r.opt_bytes(0))?;
            if tag.is_none_or(|t| hex(&t) != h.tag) {
                return Ok(Some(h.clone()));
            }
        }
        Ok(None)
    }

    /// The end of the log, to be kept elsewhere.
    pub async fn audit_head(&self) -> Result<Option<Head>> {
        let row = self.one("SELECT id, tag FROM audit ORDER BY id DESC LIMIT 1", vec![]).await?;
        row.map(|r| Ok(Head { id: r.int(0)?, tag: hex(&r.opt_bytes(1)?.unwrap_or_default()) })).transpose()
    }

    /// How many ends of the log were written elsewhere.
    pub async fn heads_written(&self) -> Result<i64> {
        let row = self.one("SELECT next FROM counter WHERE name = $1", binds![HEADS]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Notes that an end of the log was written elsewhere.
    pub async fn head_was_written(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.run("UPDATE counter SET next = next + 1 WHERE name = $1", binds![HEADS]).await?;
        tx.commit_untold("it is of the log itself").await
    }

    /// Who revealed or exported something of a subject, or logged in: an audit row of its own, for what changes nothing else.
    pub async fn note(&self, row: NewAudit<'_>) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.audit(&self.vault, row).await?;
        tx.commit().await
    }
}

impl Tx {
    /// What the log is told of this transaction, when it is committed.
    pub async fn audit(&mut self, vault: &Vault, row: NewAudit<'_>) -> Result<()> {
        debug_assert!(is_known_subject(row.subject), "an auditor cannot read {}", row.subject);
        self.told.push(Told {
            vault: vault.clone(),
            place: row.place.to_owned(),
            at: row.at,
            account: row.account,
            login: row.login.to_owned(),
            action: row.deed.code().to_owned(),
            subject: row.subject.to_owned(),
            detail: vault.seal_text("audit", row.detail)?,
        });
        Ok(())
    }

    /// Writes what the log is told. The counter's row is the lock: it is held from here to the end, so that rows stand in one order without gaps.
    pub(crate) async fn write_log(&mut self) -> Result<()> {
        let told = std::mem::take(&mut self.told);
        if told.is_empty() {
            return Ok(());
        }
        let n = told.len() as i64;
        let next = self.one("UPDATE counter SET next = next + $1 WHERE name = $2 RETURNING next", binds![n, ROWS]).await?;
        let first = next.map_or(Ok(n), |r| r.int(0))? - n;
        let last = self.one("SELECT tag FROM audit ORDER BY id DESC LIMIT 1", vec![]).await?;
        let mut before = last.map_or(Ok(None), |r| r.opt_bytes(0))?.unwrap_or_default();
        for (id, t) in (first..).zip(told) {
            before = t.tag(id, &before);
            let sql = "INSERT INTO audit (id, place_path, at, account_id, login, action, subject, detail, tag)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let values: Vec<Value> = binds![id, t.place, t.at, t.account, t.login, t.action, t.subject, t.detail, before.clone()];
            self.run(sql, values).await?;
        }
        Ok(())
    }

    /// Counts heads written elsewhere anew: a restored installation has none of its own.
    pub(crate) async fn forget_heads(&mut self) -> Result<()> {
        self.run("UPDATE counter SET next = 0 WHERE name = $1", binds![HEADS]).await?;
        Ok(())
    }

    /// Of version 4: rows that stood under seals by the thousand get a digest each.
    pub(crate) async fn chain_log(&mut self, vault: &Vault) -> Result<()> {
        let (mut before, mut after): (Vec<u8>, i64) = (Vec::new(), 0);
        loop {
            let sql = format!("SELECT {COLUMNS} FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
            let rows = self.all(&sql, binds![after, ROWS_AT_ONCE]).await?;
            for r in &rows {
                after = r.int(0)?;
                before = Told::of(vault, r)?.tag(after, &before);
                self.run("UPDATE audit SET tag = $1 WHERE id = $2", binds![before.clone(), after]).await?;
            }
            if (rows.len() as i64) < ROWS_AT_ONCE {
                break;
            }
        }
        self.run("UPDATE counter SET next = $1 WHERE name = $2", binds![after + 1, ROWS]).await?;
        Ok(())
    }
}
