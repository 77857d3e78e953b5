//! 账号 (accounts), 授权 (grants), sessions.

use baoxue_domain::access::{Actor, Grant, Role};
use baoxue_domain::place::PlacePath;
use jiff::civil::Date;

use crate::ground::error::Result;
use crate::{Row, Store, Tx, Vault, binds};

/// An account as log-in needs it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Log-in name.
    pub login: String,
    /// Name of the person.
    pub name: String,
    /// Argon2 hash.
    pub password_hash: String,
    /// Whether the password was given by somebody else.
    pub must_change_password: bool,
    /// Secret of the second factor, once set up.
    pub totp_secret: Option<String>,
    /// Last time step whose code was used: a code works once.
    pub totp_last_step: i64,
    /// Until when a password that somebody else has seen can be used.
    pub first_until: Option<i64>,
    /// When it was closed.
    pub disabled_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

/// An account to make.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    /// Log-in name.
    pub login: &'a str,
    /// Name of the person.
    pub name: &'a str,
    /// Argon2 hash.
    pub password_hash: &'a str,
    /// Until when the first password can be used: the first log-in asks for another one.
    pub first_until: i64,
}

/// A grant with its dates.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Its number.
    pub id: i64,
    /// The account.
    pub account: i64,
    /// The role.
    pub role: Role,
    /// Where.
    pub path: String,
    /// First day.
    pub valid_from: String,
    /// The day after the last one.
    pub valid_to: Option<String>,
}

/// A log-in that lasts.
#[derive(Debug, Clone)]
pub struct Session {
    /// Digest of the cookie's token.
    pub digest: Vec<u8>,
    /// Whose.
    pub account: i64,
    /// When it began.
    pub created_at: i64,
    /// Last request, to a minute.
    pub seen_at: i64,
    /// When it ends at the latest.
    pub expires_at: i64,
    /// Whether the second factor was given.
    pub second_factor: bool,
    /// Browser.
    pub user_agent: String,
    /// Network address.
    pub address: String,
    /// The place to which the person has switched.
    pub place: Option<String>,
}

const COLUMNS: &str = "account.id, login, name, password_hash, must_change_password, totp_secret, totp_last_step, \
                       first_until, disabled_at, account.created_at";
const SESSION: &str =
    "token_digest, account_id, session.created_at, seen_at, expires_at, second_factor, user_agent, address, place_path";

fn session(r: &Row) -> Result<Session> {
    Ok(Session {
        digest: r.bytes(0)?,
        account: r.int(1)?,
        created_at: r.int(2)?,
        seen_at: r.int(3)?,
        expires_at: r.int(4)?,
        second_factor: r.flag(5)?,
        user_agent: r.text(6)?,
        address: r.text(7)?,
        place: r.opt_text(8)?,
    })
}

impl Store {
    /// The account whose columns begin at `at`.
    fn account_of(&self, r: &Row, at: usize) -> Result<Account> {
        let id = r.int(at)?;
        let secret = r.opt_bytes(at + 5)?;
        Ok(Account {
            id,
            login: r.text(at + 1)?,
            name: r.text(at + 2)?,
            password_hash: r.text(at + 3)?,
            must_change_password: r.flag(at + 4)?,
            totp_secret: secret.map(|s| self.vault.open_text(&format!("totp:{id}"), &s)).transpose()?,
            totp_last_step: r.int(at + 6)?,
            first_until: r.opt_int(at + 7)?,
            disabled_at: r.opt_int(at + 8)?,
            created_at: r.int(at + 9)?,
        })
    }

    /// The account of a log-in name.
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE login = $1");
        self.one(&sql, binds![login]).await?.map(|r| self.account_of(&r, 0)).transpose()
    }

    /// An account by its number.
    pub async fn account(&self, id: i64) -> Result<Option<Account>> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE id = $1");
        self.one(&sql, binds![id]).await?.map(|r| self.account_of(&r, 0)).transpose()
    }

    /// All accounts, by log-in name.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let rows = self.all(&format!("SELECT {COLUMNS} FROM account ORDER BY login"), vec![]).await?;
        rows.iter().map(|r| self.account_of(r, 0)).collect()
    }

    /// Grants, ended ones included; of one account or of all.
    pub async fn grants(&self, account: Option<i64>) -> Result<Vec<GrantRow>> {
        const GRANT: &str = "SELECT id, account_id, role, path, valid_from, valid_to FROM role_grant";
        // every request asks for one account's: that must go by its index
        let rows = match account {
            Some(a) => self.all(&format!("{GRANT} WHERE account_id = $1 ORDER BY id"), binds![a]).await?,
            None => self.all(&format!("{GRANT} ORDER BY id"), vec![]).await?,
        };
        let mut out = Vec::new();
        for r in rows {
            // a role that this version no longer has grants nothing
            let Some(role) = Role::find(&r.text(2)?) else { continue };
            out.push(GrantRow {
                id: r.int(0)?,
                account: r.int(1)?,
                role,
                path: r.text(3)?,
                valid_from: r.text(4)?,
                valid_to: r.opt_text(5)?,
            });
        }
        Ok(out)
    }

    /// Who works exactly at a place on a day: name and role. For whoever looks after a child together with them.
    pub async fn people_at(&self, path: &str, on: Date) -> Result<Vec<(String, Role)>> {
        let sql = "SELECT DISTINCT a.name, g.role FROM role_grant g JOIN account a ON a.id = g.account_id
                   WHERE g.path = $1 AND g.valid_from <= $2 AND (g.valid_to IS NULL OR g.valid_to > $2) AND a.disabled_at IS NULL ORDER BY a.name, g.role";
        let rows = self.all(sql, binds![path, on]).await?;
        rows.iter().filter_map(|r| Some((r.text(0), Role::find(&r.text(1).ok()?)?))).map(|(n, r)| Ok((n?, r))).collect()
    }

    /// Accounts that work exactly at a place on a day, with their roles.
    pub async fn accounts_at(&self, path: &str, on: Date) -> Result<Vec<(i64, Role)>> {
        let sql = "SELECT DISTINCT a.id, g.role FROM role_grant g JOIN account a ON a.id = g.account_id
                   WHERE g.path = $1 AND g.valid_from <= $2 AND (g.valid_to IS NULL OR g.valid_to > $2) AND a.disabled_at IS NULL ORDER BY a.id, g.role";
        let rows = self.all(sql, binds![path, on]).await?;
        rows.iter().filter_map(|r| Some((r.int(0), Role::find(&r.text(1).ok()?)?))).map(|(n, r)| Ok((n?, r))).collect()
    }

    /// Who acts, with what is granted on the day.
    pub async fn actor(&self, account: &Account, on: Date) -> Result<Actor> {
        let day = on.to_string();
        let grants = self.grants(Some(account.id)).await?;
        let today = grants.iter().filter(|g| g.valid_from <= day && g.valid_to.as_ref().is_none_or(|t| *t > day));
        let grants = today.filter_map(|g| PlacePath::parse(&g.path).map(|path| Grant { role: g.role, path })).collect();
        Ok(Actor { account: account.id, login: account.login.clone(), name: account.name.clone(), grants, within: None })
    }

    /// A session by the digest of its token, with the account.
    pub async fn session(&self, digest: &[u8]) -> Result<Option<(Session, Account)>> {
        let sql =
            format!("SELECT {SESSION}, {COLUMNS} FROM session JOIN account ON account.id = account_id WHERE token_digest = $1");
        let Some(r) = self.one(&sql, binds![digest.to_vec()]).await? else { return Ok(None) };
        Ok(Some((session(&r)?, self.account_of(&r, 9)?)))
    }

    /// Whether a browser, by the digest of its cookie, has logged in to the account before.
    pub async fn knows_device(&self, account: i64, digest: &[u8]) -> Result<bool> {
        let sql = "SELECT 1 FROM device WHERE digest = $1 AND account_id = $2";
        Ok(self.one(sql, binds![digest.to_vec(), account]).await?.is_some())
    }

    /// Whether a browser, by the digest of its cookie, has logged in to any account before: schools share computers.
    pub async fn knows_browser(&self, digest: &[u8]) -> Result<bool> {
        let sql = "SELECT 1 FROM device WHERE digest = $1 LIMIT 1";
        Ok(self.one(sql, binds![digest.to_vec()]).await?.is_some())
    }

    /// The sealed secret of a second factor that a session offers.
    pub async fn totp_offer(&self, digest: &[u8]) -> Result<Option<Vec<u8>>> {
        let row = self.one("SELECT totp_offer FROM session WHERE token_digest = $1", binds![digest.to_vec()]).await?;
        row.map_or(Ok(None), |r| r.opt_bytes(0))
    }

    /// What an account's owner was told and has not read: when, what.
    pub async fn notices(&self, account: i64) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT at, text FROM account_notice WHERE account_id = $1 AND read_at IS NULL ORDER BY id DESC LIMIT 20";
        let rows = self.all(sql, binds![account]).await?;
        rows.iter().map(|r| Ok((r.int(0)?, self.vault.open_text(&notice_place(account), &r.bytes(1)?)?))).collect()
    }

    /// An account's sessions, the newest first.
    pub async fn sessions_of(&self, account: i64) -> Result<Vec<Session>> {
        let sql = format!("SELECT {SESSION} FROM session WHERE account_id = $1 ORDER BY seen_at DESC");
        self.all(&sql, binds![account]).await?.iter().map(session).collect()
    }
}

/// Where a notice is sealed.
fn notice_place(account: i64) -> String {
    format!("notice:{account}")
}

impl Tx {
    /// Makes an account and gives its number.
    pub async fn add_account(&mut self, new: &NewAccount<'_>, now: i64) -> Result<i64> {
        let sql =
            "INSERT INTO account (login, name, password_hash, must_change_password, totp_last_step, first_until, created_at)
                   VALUES ($1, $2, $3, 1, 0, $4, $5) RETURNING id";
        let row = self.one(sql, binds![new.login, new.name, new.password_hash, new.first_until, now]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Replaces a password; all sessions end but the one that is kept. With `first_until` it is a first password, good until then.
    pub async fn set_password(&mut self, account: i64, hash: &str, first_until: Option<i64>, keep: Option<&[u8]>) -> Result<()> {
        let sql = "UPDATE account SET password_hash = $1, must_change_password = $2, first_until = $3 WHERE id = $4";
        self.run(sql, binds![hash, first_until.is_some(), first_until, account]).await?;
        let sql = "DELETE FROM session WHERE account_id = $1 AND token_digest <> $2";
        self.run(sql, binds![account, keep.unwrap_or_default().to_vec()]).await?;
        Ok(())
    }

    /// Forgets in which browsers an account has logged in, and ends its offline devices.
    pub async fn forget_devices(&mut self, account: i64, now: i64) -> Result<()> {
        self.run("DELETE FROM device WHERE account_id = $1", binds![account]).await?;
        self.end_offline_devices(account, None, now).await?;
        Ok(())
    }

    /// Remembers a browser in which an account has logged in; the oldest ones beyond `most` are forgotten.
    pub async fn know_device(&mut self, account: i64, digest: &[u8], most: i64, now: i64) -> Result<()> {
        let sql = "INSERT INTO device (digest, account_id, seen_at) VALUES ($1, $2, $3)
                   ON CONFLICT (digest, account_id) DO UPDATE SET seen_at = $3";
        self.run(sql, binds![digest.to_vec(), account, now]).await?;
        let sql = "DELETE FROM device WHERE account_id = $1 AND digest NOT IN
                     (SELECT digest FROM device WHERE account_id = $1 ORDER BY seen_at DESC LIMIT $2)";
        self.run(sql, binds![account, most]).await?;
        Ok(())
    }

    /// Ends the oldest sessions of an account beyond `most`.
    pub async fn end_oldest_sessions(&mut self, account: i64, most: i64) -> Result<u64> {
        let sql = "DELETE FROM session WHERE account_id = $1 AND token_digest NOT IN
                     (SELECT token_digest FROM session WHERE account_id = $1 ORDER BY seen_at DESC, created_at DESC LIMIT $2)";
        self.run(sql, binds![account, most]).await
    }

    /// Ends all sessions of an account but one.
    pub async fn end_other_sessions(&mut self, account: i64, keep: &[u8]) -> Result<u64> {
        self.run("DELETE FROM session WHERE account_id = $1 AND token_digest <> $2", binds![account, keep.to_vec()]).await
    }

    /// Keeps the sealed secret that a session offers to set up.
    pub async fn offer_totp(&mut self, digest: &[u8], sealed: Vec<u8>) -> Result<()> {
        self.run("UPDATE session SET totp_offer = $1 WHERE token_digest = $2", binds![sealed, digest.to_vec()]).await?;
        Ok(())
    }

    /// Tells the owner of an account something at her next log-in.
    pub async fn tell(&mut self, vault: &Vault, account: i64, text: &str, now: i64) -> Result<()> {
        let sql = "INSERT INTO account_notice (account_id, at, text) VALUES ($1, $2, $3)";
        self.run(sql, binds![account, now, vault.seal_text(&notice_place(account), text)?]).await?;
        Ok(())
    }

    /// Notes that the owner has read what she was told.
    pub async fn notices_read(&mut self, account: i64, now: i64) -> Result<()> {
        self.run("UPDATE account_notice SET read_at = $1 WHERE account_id = $2 AND read_at IS NULL", binds![now, account])
            .await?;
        Ok(())
    }

    /// Keeps the sealed secret of a second factor, or takes it away.
    pub async fn set_totp(&mut self, account: i64, sealed: Option<Vec<u8>>) -> Result<()> {
        self.run("UPDATE account SET totp_secret = $1, totp_last_step = 0 WHERE id = $2", binds![sealed, account]).await?;
        Ok(())
    }

    /// Notes that the code of a time step was used; false if it was used before.
    pub async fn use_totp_step(&mut self, account: i64, step: i64) -> Result<bool> {
        let sql = "UPDATE account SET totp_last_step = $1 WHERE id = $2 AND totp_last_step < $1";
        Ok(self.run(sql, binds![step, account]).await? == 1)
    }

    /// Closes or reopens an account; closing ends its sessions and offline devices.
    pub async fn set_disabled(&mut self, account: i64, at: Option<i64>) -> Result<()> {
        self.run("UPDATE account SET disabled_at = $1 WHERE id = $2", binds![at, account]).await?;
        if let Some(at) = at {
            self.run("DELETE FROM session WHERE account_id = $1", binds![account]).await?;
            self.end_offline_devices(account, None, at).await?;
        }
        Ok(())
    }

    /// Locks an account until the transaction ends, and gives the roles that it has on a day: nobody else gives it one meanwhile.
    pub async fn lock_roles(&mut self, account: i64, on: Date) -> Result<Vec<(Role, PlacePath)>> {
        self.run("UPDATE account SET totp_last_step = totp_last_step WHERE id = $1", binds![account]).await?;
        let sql = "SELECT role, path FROM role_grant WHERE account_id = $1 AND (valid_to IS NULL OR valid_to > $2)";
        let rows = self.all(sql, binds![account, on]).await?;
        let one = |r: &Row| Ok(Role::find(&r.text(0)?).zip(PlacePath::parse(&r.text(1)?)));
        Ok(rows.iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Gives the log-in name of an account that never was free again.
    pub async fn free_login(&mut self, account: i64) -> Result<()> {
        self.run("UPDATE account SET login = login || '#' || id WHERE id = $1", binds![account]).await?;
        Ok(())
    }

    /// Grants a role at a place from a day on.
    pub async fn grant(
        &mut self,
        account: i64,
        role: Role,
        path: &PlacePath,
        (from, to): (Date, Option<Date>),
        by: Option<i64>,
        now: i64,
    ) -> Result<()> {
        let sql = "INSERT INTO role_grant (account_id, role, path, valid_from, valid_to, granted_by, granted_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let to = to.map(|d| d.to_string());
        self.run(sql, binds![account, role.code(), path.as_str(), from, to, by, now]).await?;
        Ok(())
    }

    /// Ends a grant on a day; the row stays.
    pub async fn end_grant(&mut self, grant: i64, on: Date) -> Result<bool> {
        let sql = "UPDATE role_grant SET valid_to = $1 WHERE id = $2 AND (valid_to IS NULL OR valid_to > $1)";
        Ok(self.run(sql, binds![on, grant]).await? == 1)
    }

    /// Begins a session.
    pub async fn add_session(&mut self, s: &Session) -> Result<()> {
        let sql = "INSERT INTO session (token_digest, account_id, created_at, seen_at, expires_at, second_factor, user_agent, address, place_path)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = binds![
            s.digest.clone(),
            s.account,
            s.created_at,
            s.seen_at,
            s.expires_at,
            s.second_factor,
            &s.user_agent,
            &s.address,
            s.place.clone()
        ];
        self.run(sql, values).await?;
        Ok(())
    }

    /// Notes that a session was used.
    pub async fn touch_session(&mut self, digest: &[u8], now: i64) -> Result<()> {
        self.run("UPDATE session SET seen_at = $1 WHERE token_digest = $2", binds![now, digest.to_vec()]).await?;
        Ok(())
    }

    /// Notes the place to which a person has switched; `None` for her own.
    pub async fn switch_place(&mut self, digest: &[u8], place: Option<&str>) -> Result<()> {
        self.run("UPDATE session SET place_path = $1 WHERE token_digest = $2", binds![place, digest.to_vec()]).await?;
        Ok(())
    }

    /// Ends a session of an account; true if there was one.
    pub async fn end_session(&mut self, account: i64, digest: &[u8]) -> Result<bool> {
        let sql = "DELETE FROM session WHERE account_id = $1 AND token_digest = $2";
        Ok(self.run(sql, binds![account, digest.to_vec()]).await? == 1)
    }

    /// Removes sessions that have run out, and browsers not seen for long.
    pub async fn sweep_sessions(&mut self, now: i64, idle_since: i64, devices_since: i64) -> Result<u64> {
        self.run("DELETE FROM device WHERE seen_at < $1", binds![devices_since]).await?;
        self.run("DELETE FROM session WHERE expires_at < $1 OR seen_at < $2", binds![now, idle_since]).await
    }
}
