//! 手机记录 (records): what a phone sent, kept as it came until it became what it says; and photos that come after it.

use baoxue_domain::access::Jurisdiction;

use crate::ground::error::Result;
use crate::{Clause, Row, Store, Tx, Vault, binds};

/// 待处理
pub const HELD: &str = "held";
/// 已登记
pub const DONE: &str = "done";
/// 已放弃
pub const PUT_ASIDE: &str = "put-aside";

/// A record that a phone sent.
#[derive(Debug, Clone)]
pub struct OfflineRecord {
    /// Its number.
    pub id: i64,
    /// The key under which it was made.
    pub key: String,
    /// The device that sent it.
    pub device: i64,
    /// Who made it.
    pub account: i64,
    /// Her name.
    pub by: String,
    /// What it is.
    pub kind: String,
    /// Digest of what was sent.
    pub digest: String,
    /// The case that it is about.
    pub case: Option<i64>,
    /// What it says; empty once it became that.
    pub body: Vec<u8>,
    /// [`HELD`], [`DONE`] or [`PUT_ASIDE`].
    pub state: String,
    /// Why it waits.
    pub said: String,
    /// When it came.
    pub received_at: i64,
}

/// A record as it comes.
#[derive(Debug, Clone)]
pub struct NewRecord<'a> {
    /// See [`OfflineRecord`].
    pub key: &'a str,
    /// See [`OfflineRecord`].
    pub device: i64,
    /// See [`OfflineRecord`].
    pub account: i64,
    /// See [`OfflineRecord`].
    pub kind: &'a str,
    /// See [`OfflineRecord`].
    pub digest: &'a str,
    /// See [`OfflineRecord`].
    pub case: Option<i64>,
    /// The class of a roll.
    pub place: Option<&'a str>,
    /// What it says.
    pub body: &'a [u8],
    /// When.
    pub at: i64,
    /// Digest and role of each photo and signature that comes after it.
    pub parts: Vec<(&'a str, &'a str)>,
}

/// A photo or signature that a record promised.
#[derive(Debug, Clone)]
pub struct OfflinePart {
    /// Its place among them, from 0.
    pub n: i64,
    /// Digest of what was promised.
    pub digest: String,
    /// Whose signature; empty for a photo.
    pub role: String,
    /// The file that it is, once it came.
    pub file: Option<i64>,
    /// Where that lies, and what it is.
    pub stored: Option<(String, String)>,
}

const RECORD: &str =
    "o.id, o.key, o.device_id, o.account_id, a.name, o.kind, o.digest, o.case_id, o.body, o.state, o.said, o.received_at
                      FROM offline_record o LEFT JOIN account a ON a.id = o.account_id";

fn place(key: &str, of: &str) -> String {
    format!("offline-record:{key}:{of}")
}

impl Store {
    fn offline_record_of(&self, r: &Row) -> Result<OfflineRecord> {
        let key = r.text(1)?;
        Ok(OfflineRecord {
            id: r.int(0)?,
            device: r.int(2)?,
            account: r.int(3)?,
            by: r.opt_text(4)?.unwrap_or_default(),
            kind: r.text(5)?,
            digest: r.text(6)?,
            case: r.opt_int(7)?,
            body: self.vault.open(&place(&key, "body"), &r.bytes(8)?)?,
            state: r.text(9)?,
            said: self.vault.open_text(&place(&key, "said"), &r.bytes(10)?)?,
            received_at: r.int(11)?,
            key,
        })
    }

    /// A record by its key, for the phone that sent it.
    pub async fn offline_record_by_key(&self, key: &str) -> Result<Option<OfflineRecord>> {
        let sql = format!("SELECT {RECORD} WHERE o.key = $1");
        self.one(&sql, binds![key]).await?.map(|r| self.offline_record_of(&r)).transpose()
    }

    /// Records of an account that wait, the oldest first.
    pub async fn held_records(&self, account: i64, most: i64) -> Result<Vec<OfflineRecord>> {
        let sql = format!("SELECT {RECORD} WHERE o.account_id = $1 AND o.state = 'held' ORDER BY o.id LIMIT $2");
        self.all(&sql, binds![account, most]).await?.iter().map(|r| self.offline_record_of(r)).collect()
    }

    /// Records of others that wait, about cases that one decides: whoever wrote them may have left.
    pub async fn held_records_about(&self, j: &Jurisdiction, but: i64, most: i64) -> Result<Vec<OfflineRecord>> {
        let mut c = Clause::new();
        c.equal("o.state", HELD);
        c.inside(j, &["k.scope_path"], &["k.scope_path"]);
        let (but, most) = (c.bind(but), c.bind(most));
        let sql = format!(
            "SELECT {RECORD} JOIN case_file k ON k.id = o.case_id{} AND o.account_id <> {but} ORDER BY o.id LIMIT {most}",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| self.offline_record_of(r)).collect()
    }

    /// Rolls of others that wait, of classes of a jurisdiction.
    pub async fn held_rolls_about(&self, j: &Jurisdiction, but: i64, most: i64) -> Result<Vec<OfflineRecord>> {
        let mut c = Clause::new();
        c.equal("o.state", HELD);
        c.inside(j, &[], &["o.place_path"]);
        let (but, most) = (c.bind(but), c.bind(most));
        let sql = format!("SELECT {RECORD}{} AND o.account_id <> {but} ORDER BY o.id LIMIT {most}", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| self.offline_record_of(r)).collect()
    }

    /// How many records of an account wait.
    pub async fn held_count(&self, account: i64) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM offline_record WHERE account_id = $1 AND state = 'held'";
        self.one(sql, binds![account]).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// Photos and signatures that a record promised, in order.
    pub async fn parts_of(&self, r: &OfflineRecord) -> Result<Vec<OfflinePart>> {
        let sql = "SELECT p.n, p.digest, p.role, p.file_id, f.stored, f.media_type FROM offline_part p LEFT JOIN file f ON f.id = p.file_id
                   WHERE p.record_id = $1 ORDER BY p.n";
        let part = |r: &Row| {
            Ok(OfflinePart {
                n: r.int(0)?,
                digest: r.text(1)?,
                role: r.text(2)?,
                file: r.opt_int(3)?,
                stored: r.opt_text(4)?.zip(r.opt_text(5)?),
            })
        };
        self.all(sql, binds![r.id]).await?.iter().map(part).collect()
    }
}

impl Tx {
    /// Keeps a record as it came; `None`: there is one of this key already.
    pub async fn add_offline_record(&mut self, vault: &Vault, n: &NewRecord<'_>) -> Result<Option<i64>> {
        let sql = "INSERT INTO offline_record (key, device_id, account_id, kind, digest, case_id, body, state, said, received_at, place_path)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 'held', $8, $9, $10) ON CONFLICT (key) DO NOTHING RETURNING id";
        let (body, said) = (vault.seal(&place(n.key, "body"), n.body)?, vault.seal_text(&place(n.key, "said"), "")?);
        let values = binds![n.key, n.device, n.account, n.kind, n.digest, n.case, body, said, n.at, n.place];
        let Some(r) = self.one(sql, values).await? else { return Ok(None) };
        let id = r.int(0)?;
        for (i, (digest, role)) in n.parts.iter().enumerate() {
            let sql = "INSERT INTO offline_part (record_id, n, digest, role) VALUES ($1, $2, $3, $4)";
            self.run(sql, binds![id, i as i64, *digest, *role]).await?;
        }
        Ok(Some(id))
    }

    /// Says why a record waits.
    pub async fn hold_offline_record(&mut self, vault: &Vault, key: &str, said: &str) -> Result<()> {
        let sql = "UPDATE offline_record SET said = $1 WHERE key = $2 AND state = 'held'";
        self.run(sql, binds![vault.seal_text(&place(key, "said"), said)?, key]).await?;
        Ok(())
    }

    /// A record became what it says, or was put aside: its words are kept no longer. False where it had been settled.
    pub async fn settle_offline_record(&mut self, vault: &Vault, key: &str, state: &str, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE offline_record SET state = $1, body = $2, said = $3, settled_at = $4, settled_by = $5 WHERE key = $6 AND state = 'held'";
        let (body, said) = (vault.seal(&place(key, "body"), b"")?, vault.seal_text(&place(key, "said"), "")?);
        Ok(self.run(sql, binds![state, body, said, at, by, key]).await? == 1)
    }

    /// Locks a record until the transaction ends; its number and state.
    pub async fn lock_offline_record(&mut self, key: &str) -> Result<Option<(i64, String)>> {
        let sql = "UPDATE offline_record SET state = state WHERE key = $1 RETURNING id, state";
        self.one(sql, binds![key]).await?.map(|r| Ok((r.int(0)?, r.text(1)?))).transpose()
    }

    /// Photos and signatures of a record that came: file and role.
    pub async fn arrived_parts(&mut self, record: i64) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT file_id, role FROM offline_part WHERE record_id = $1 AND file_id IS NOT NULL ORDER BY n";
        self.all(sql, binds![record]).await?.iter().map(|r| Ok((r.int(0)?, r.text(1)?))).collect()
    }

    /// A photo or signature came. False where it had come before.
    pub async fn part_arrived(&mut self, record: i64, n: i64, file: i64) -> Result<bool> {
        let sql = "UPDATE offline_part SET file_id = $1 WHERE record_id = $2 AND n = $3 AND file_id IS NULL";
        Ok(self.run(sql, binds![file, record, n]).await? == 1)
    }

    /// Forgets photos of a record that was put aside: nothing shows them, and the sweeper takes the files.
    pub async fn forget_parts(&mut self, record: i64) -> Result<()> {
        let files =
            self.all("SELECT file_id FROM offline_part WHERE record_id = $1 AND file_id IS NOT NULL", binds![record]).await?;
        self.run("DELETE FROM offline_part WHERE record_id = $1", binds![record]).await?;
        for r in files {
            self.run("DELETE FROM file WHERE id = $1", binds![r.int(0)?]).await?;
        }
        Ok(())
    }
}
