//! 审计 (audit): rows written with the change they tell of; a sealer chains committed rows with a keyed digest.

use crate::error::Result;
use crate::{Clause, Jurisdiction, Row, Store, Tx, Value, Vault, binds};

/// A row is sealed once it is this old: every transaction that was writing then has ended.
const SETTLED_MS: i64 = 60_000;
/// Rows of one seal at most, so that verifying can say roughly where something was changed.
const ROWS_A_SEAL: i64 = 1_000;

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
    /// Kebab-case code.
    pub action: &'a str,
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
    /// Rows under a seal.
    pub sealed: i64,
    /// Rows not yet sealed.
    pub unsealed: i64,
    /// First and last row of a seal that does not fit, if any.
    pub broken: Option<(i64, i64)>,
    /// The newest seal, to be kept elsewhere.
    pub head: Option<String>,
}

fn row_parts(r: &Row) -> Result<Vec<Vec<u8>>> {
    let account = r.opt_int(2)?.unwrap_or(0);
    Ok(vec![
        r.int(0)?.to_be_bytes().to_vec(),
        r.int(1)?.to_be_bytes().to_vec(),
        account.to_be_bytes().to_vec(),
        r.text(3)?.into_bytes(),
        r.text(4)?.into_bytes(),
        r.text(5)?.into_bytes(),
        r.bytes(6)?,
        r.text(7)?.into_bytes(),
    ])
}

fn seal_of(vault: &Vault, previous: &[u8], rows: &[Row]) -> Result<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = vec![previous.to_vec()];
    for r in rows {
        parts.extend(row_parts(r)?);
    }
    Ok(vault.audit_seal(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()))
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

    /// Seals rows that are settled; says how many. One process at a time: the last seal's row is the lock.
    pub async fn seal_audit(&self, now: i64) -> Result<i64> {
        let mut sealed = 0;
        loop {
            let mut tx = self.begin().await?;
            let last = tx.one("SELECT id, last_audit, seal FROM audit_seal ORDER BY id DESC LIMIT 1", vec![]).await?;
            let (id, after, previous) = match &last {
                Some(r) => (r.int(0)?, r.int(1)?, r.bytes(2)?),
                None => (0, 0, Vec::new()),
            };
            let sql = format!("SELECT {COLUMNS} FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
            let mut rows = tx.all(&sql, binds![after, ROWS_A_SEAL]).await?;
            let mut settled = 0;
            for r in &rows {
                if r.int(1)? > now - SETTLED_MS {
                    break;
                }
                settled += 1;
            }
            rows.truncate(settled);
            let (Some(first), Some(end)) = (rows.first(), rows.last()) else { break };
            let (first, end) = (first.int(0)?, end.int(0)?);
            let seal = seal_of(&self.vault, &previous, &rows)?;
            // the number is given: of two processes that seal at once the second one fails and seals next time
            let sql = "INSERT INTO audit_seal (id, first_audit, last_audit, rows, previous, seal, sealed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
                       ON CONFLICT (id) DO NOTHING";
            let mine = tx.run(sql, binds![id + 1, first, end, rows.len() as i64, previous, seal, now]).await?;
            tx.commit().await?;
            if mine == 0 {
                break;
            }
            sealed += rows.len() as i64;
        }
        Ok(sealed)
    }

    /// Checks the whole chain: nothing sealed was changed, taken away or put in between.
    pub async fn verify_audit(&self) -> Result<Verification> {
        let seals = self.all("SELECT first_audit, last_audit, rows, previous, seal FROM audit_seal ORDER BY id", vec![]).await?;
        let mut out = Verification { sealed: 0, unsealed: 0, broken: None, head: None };
        let (mut previous, mut after): (Vec<u8>, i64) = (Vec::new(), 0);
        for s in &seals {
            let (first, last) = (s.int(0)?, s.int(1)?);
            let sql = format!("SELECT {COLUMNS} FROM audit WHERE id > $1 AND id <= $2 ORDER BY id");
            let rows = self.all(&sql, binds![after, last]).await?;
            let fits = rows.len() as i64 == s.int(2)?
                && s.bytes(3)? == previous
                && seal_of(&self.vault, &previous, &rows)? == s.bytes(4)?;
            if !fits {
                out.broken = Some((first, last));
                return Ok(out);
            }
            out.sealed += rows.len() as i64;
            previous = s.bytes(4)?;
            after = last;
        }
        out.head = (!previous.is_empty()).then(|| hex(&previous));
        let rest = self.one("SELECT COUNT(*) FROM audit WHERE id > $1", binds![after]).await?;
        out.unsealed = rest.map_or(Ok(0), |r| r.int(0))?;
        Ok(out)
    }

    /// Which of these seals (in hexadecimal form) are not in the chain.
    pub async fn missing_seals(&self, heads: &[String]) -> Result<Vec<String>> {
        let mut known = rustc_hash::FxHashSet::default();
        for r in self.all("SELECT seal FROM audit_seal", vec![]).await? {
            known.insert(hex(&r.bytes(0)?));
        }
        Ok(heads.iter().filter(|h| !known.contains(h.as_str())).cloned().collect())
    }

    /// The newest seal in hexadecimal form, to be kept elsewhere.
    pub async fn audit_head(&self) -> Result<Option<String>> {
        let row = self.one("SELECT seal FROM audit_seal ORDER BY id DESC LIMIT 1", vec![]).await?;
        row.map(|r| Ok(hex(&r.bytes(0)?))).transpose()
    }

    /// Who revealed or exported something of a subject, or logged in: an audit row of its own, for what changes nothing else.
    pub async fn note(&self, row: NewAudit<'_>) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.audit(&self.vault, row).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Writes an audit row in this transaction.
    pub async fn audit(&mut self, vault: &Vault, row: NewAudit<'_>) -> Result<()> {
        let sql =
            "INSERT INTO audit (place_path, at, account_id, login, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let detail = vault.seal_text("audit", row.detail)?;
        let values: Vec<Value> = binds![row.place, row.at, row.account, row.login, row.action, row.subject, detail];
        self.run(sql, values).await?;
        Ok(())
    }
}
