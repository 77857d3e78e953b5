//! 离线设备 (devices): one person on one browser, with the secret that vouches for what it sends; and the key to which it seals.

use crate::ground::error::Result;
use crate::{Row, Store, Tx, Vault, binds};

/// A phone on which somebody works without signal.
#[derive(Debug, Clone)]
pub struct OfflineDevice {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub account: i64,
    /// What its owner calls it.
    pub name: String,
    /// What its records are signed with.
    pub secret: Vec<u8>,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// When its owner was last there with a full session.
    pub renewed_at: i64,
    /// When it was last heard of.
    pub seen_at: i64,
    /// What it kept to read until then is to be dropped.
    pub dropped_at: i64,
    /// When it was ended.
    pub ended_at: Option<i64>,
}

/// 收件密钥: a key that phones seal to; the private half opens what they sent.
#[derive(Clone)]
pub struct OfflineKey {
    /// Its number, which stands in what is sealed to it.
    pub id: i64,
    /// As a point, uncompressed.
    pub public: Vec<u8>,
    /// As a scalar.
    pub private: Vec<u8>,
    /// When it was made.
    pub made_at: i64,
}

/// A device to enrol.
#[derive(Debug, Clone)]
pub struct NewDevice<'a> {
    /// Whose.
    pub account: i64,
    /// Digest of the browser's cookie.
    pub browser: Option<Vec<u8>>,
    /// What its owner calls it.
    pub name: &'a str,
    /// What its records are signed with.
    pub secret: &'a [u8],
    /// When.
    pub at: i64,
}

const DEVICE: &str = "id, account_id, name, secret, enrolled_at, renewed_at, seen_at, dropped_at, ended_at";

/// What a device's columns are sealed for: they cannot be moved to another owner's.
fn place(account: i64, of: &str) -> String {
    format!("offline-device:{account}:{of}")
}

const KEY_PLACE: &str = "offline-key";

impl Store {
    fn offline_device_of(&self, r: &Row) -> Result<OfflineDevice> {
        let account = r.int(1)?;
        Ok(OfflineDevice {
            id: r.int(0)?,
            account,
            name: self.vault.open_text(&place(account, "name"), &r.bytes(2)?)?,
            secret: self.vault.open(&place(account, "secret"), &r.bytes(3)?)?,
            enrolled_at: r.int(4)?,
            renewed_at: r.int(5)?,
            seen_at: r.int(6)?,
            dropped_at: r.int(7)?,
            ended_at: r.opt_int(8)?,
        })
    }

    /// A device by its number, ended or not.
    pub async fn offline_device(&self, id: i64) -> Result<Option<OfflineDevice>> {
        let sql = format!("SELECT {DEVICE} FROM offline_device WHERE id = $1");
        self.one(&sql, binds![id]).await?.map(|r| self.offline_device_of(&r)).transpose()
    }

    /// Devices of an account that are not ended, the last used first.
    pub async fn offline_devices(&self, account: i64) -> Result<Vec<OfflineDevice>> {
        let sql = format!(
            "SELECT {DEVICE} FROM offline_device WHERE account_id = $1 AND ended_at IS NULL ORDER BY seen_at DESC, id DESC"
        );
        self.all(&sql, binds![account]).await?.iter().map(|r| self.offline_device_of(r)).collect()
    }

    /// Keys that phones may have sealed to, the newest first.
    pub async fn offline_keys(&self) -> Result<Vec<OfflineKey>> {
        let rows = self.all("SELECT id, public, private, made_at FROM offline_key ORDER BY id DESC", vec![]).await?;
        let key = |r: &Row| {
            Ok(OfflineKey {
                id: r.int(0)?,
                public: r.bytes(1)?,
                private: self.vault.open(KEY_PLACE, &r.bytes(2)?)?,
                made_at: r.int(3)?,
            })
        };
        rows.iter().map(key).collect()
    }
}

impl Tx {
    /// Enrols a device and gives its number.
    pub async fn add_offline_device(&mut self, vault: &Vault, d: &NewDevice<'_>) -> Result<i64> {
        let sql = "INSERT INTO offline_device (account_id, browser, name, secret, enrolled_at, renewed_at, seen_at, dropped_at)
                   VALUES ($1, $2, $3, $4, $5, $5, $5, 0) RETURNING id";
        let name = vault.seal_text(&place(d.account, "name"), d.name)?;
        let secret = vault.seal(&place(d.account, "secret"), d.secret)?;
        let row = self.one(sql, binds![d.account, d.browser.clone(), name, secret, d.at]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Notes that a device was heard of; with its owner's full session, that it is good for longer.
    pub async fn saw_offline_device(&mut self, id: i64, at: i64, renewed: bool) -> Result<()> {
        let sql =
            "UPDATE offline_device SET seen_at = $1, renewed_at = CASE WHEN $2 = 1 THEN $1 ELSE renewed_at END WHERE id = $3";
        self.run(sql, binds![at, renewed, id]).await?;
        Ok(())
    }

    /// What the devices of an account in a browser kept to read is to be dropped: its owner logged out there.
    pub async fn drop_offline_cache(&mut self, account: i64, browser: &[u8], at: i64) -> Result<()> {
        let sql = "UPDATE offline_device SET dropped_at = $1 WHERE account_id = $2 AND browser = $3 AND ended_at IS NULL";
        self.run(sql, binds![at, account, browser.to_vec()]).await?;
        Ok(())
    }

    /// What the devices of an account kept to read is to be dropped: its rights are others now.
    pub async fn drop_offline_caches(&mut self, account: i64, at: i64) -> Result<()> {
        self.run("UPDATE offline_device SET dropped_at = $1 WHERE account_id = $2 AND ended_at IS NULL", binds![at, account])
            .await?;
        Ok(())
    }

    /// Ends a device of an account; false where it had ended.
    pub async fn end_offline_device(&mut self, account: i64, id: i64, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE offline_device SET ended_at = $1, ended_by = $2, dropped_at = $1
                   WHERE id = $3 AND account_id = $4 AND ended_at IS NULL";
        Ok(self.run(sql, binds![at, by, id, account]).await? == 1)
    }

    /// Ends all devices of an account; with nobody's name where the account itself was ended or reset.
    pub async fn end_offline_devices(&mut self, account: i64, by: Option<i64>, at: i64) -> Result<u64> {
        let sql =
            "UPDATE offline_device SET ended_at = $1, ended_by = $2, dropped_at = $1 WHERE account_id = $3 AND ended_at IS NULL";
        self.run(sql, binds![at, by, account]).await
    }

    /// Keeps a new key, to which phones seal from now on.
    pub async fn add_offline_key(&mut self, vault: &Vault, public: &[u8], private: &[u8], at: i64) -> Result<()> {
        let sql = "INSERT INTO offline_key (public, private, made_at) VALUES ($1, $2, $3)";
        self.run(sql, binds![public.to_vec(), vault.seal(KEY_PLACE, private)?, at]).await?;
        Ok(())
    }

    /// Forgets keys made before a time, but for the newest one: nothing sealed to them is opened any more.
    pub async fn forget_offline_keys(&mut self, before: i64) -> Result<u64> {
        let sql = "DELETE FROM offline_key WHERE made_at < $1 AND id < (SELECT MAX(id) FROM offline_key)";
        self.run(sql, binds![before]).await
    }
}
