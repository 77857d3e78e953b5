//! 待复核 (requests): changes of accounts that open children's data. One person vouches, another one decides; until then nothing is changed.

use baoxue_domain::access::Role;
use baoxue_domain::place::PlacePath;

use crate::ground::error::{Result, StoreError};
use crate::{Row, Store, Tx, binds};

/// How long a request waits for the second person.
pub const REQUEST_MS: i64 = 7 * 24 * 3_600_000;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A new account with its roles.
    Account,
    /// A further role.
    Grant,
    /// An account that was closed.
    Enable,
    /// A password that the owner chose anew, perhaps without her second factor.
    Password,
}

impl RequestKind {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Grant => "grant",
            Self::Enable => "enable",
            Self::Password => "password",
        }
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Account => "新建账号",
            Self::Grant => "加授角色",
            Self::Enable => "重新启用",
            Self::Password => "重置密码",
        }
    }

    fn find(code: &str) -> Result<Self> {
        let all = [Self::Account, Self::Grant, Self::Enable, Self::Password];
        all.into_iter().find(|k| k.code() == code).ok_or(StoreError::Damaged)
    }
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// 待核对: the owner has asked, nobody vouched yet.
    Asked,
    /// 待复核: somebody vouched, another one has to decide.
    Vouched,
    /// 已生效
    Confirmed,
    /// 已退回
    Refused,
}

impl RequestState {
    fn code(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Vouched => "vouched",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
        }
    }

    fn find(code: &str) -> Result<Self> {
        let all = [Self::Asked, Self::Vouched, Self::Confirmed, Self::Refused];
        all.into_iter().find(|s| s.code() == code).ok_or_else(|| StoreError::unreadable("account_request.state", code))
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// Whose account.
    pub account: i64,
    /// Log-in name of the account.
    pub login: String,
    /// Name of the person.
    pub name: String,
    /// What is asked for.
    pub kind: RequestKind,
    /// Roles with their places.
    pub grants: Vec<(Role, PlacePath)>,
    /// The password that the owner chose, as a hash.
    pub password_hash: Option<String>,
    /// Whether the second factor goes too.
    pub forget_factor: bool,
    /// What the owner reads out.
    pub code: Option<String>,
    /// The network from which the owner asked.
    pub address: String,
    /// How far it has come.
    pub state: RequestState,
    /// When it was asked for.
    pub asked_at: i64,
    /// Number and name of who vouched.
    pub vouched_by: Option<(i64, String)>,
    /// Until when it can be decided.
    pub expires_at: i64,
}

/// A request to make.
#[derive(Debug, Clone, Default)]
pub struct NewRequest<'a> {
    /// Whose account.
    pub account: i64,
    /// Roles with their places.
    pub grants: &'a [(Role, PlacePath)],
    /// The password that the owner chose, as a hash.
    pub password_hash: Option<&'a str>,
    /// Whether the second factor goes too.
    pub forget_factor: bool,
    /// What the owner reads out.
    pub code: Option<&'a str>,
    /// The network from which the owner asked.
    pub address: &'a str,
    /// Who vouches already.
    pub vouched_by: Option<i64>,
    /// Until when it can be decided.
    pub expires_at: i64,
}

const COLUMNS: &str = "q.id, q.account_id, a.login, a.name, q.kind, q.grants, q.password_hash, q.forget_factor, q.code, \
                       q.address, q.state, q.asked_at, q.vouched_by, v.name, q.expires_at";
const FROM: &str = "account_request q JOIN account a ON a.id = q.account_id LEFT JOIN account v ON v.id = q.vouched_by";

fn grants_of(text: &str) -> Vec<(Role, PlacePath)> {
    let one = |line: &str| line.split_once(' ').and_then(|(role, path)| Some((Role::find(role)?, PlacePath::parse(path)?)));
    text.lines().filter_map(one).collect()
}

/// Where a code is sealed.
fn code_place(account: i64) -> String {
    format!("request:{account}")
}

impl Store {
    fn request_of(&self, r: &Row) -> Result<Request> {
        let account = r.int(1)?;
        let code = r.opt_bytes(8)?.map(|c| self.vault.open_text(&code_place(account), &c)).transpose()?;
        Ok(Request {
            id: r.int(0)?,
            account,
            login: r.text(2)?,
            name: r.text(3)?,
            kind: RequestKind::find(&r.text(4)?)?,
            grants: grants_of(&r.text(5)?),
            password_hash: r.opt_text(6)?,
            forget_factor: r.flag(7)?,
            code,
            address: r.text(9)?,
            state: RequestState::find(&r.text(10)?)?,
            asked_at: r.int(11)?,
            vouched_by: match r.opt_int(12)? {
                Some(id) => Some((id, r.opt_text(13)?.unwrap_or_default())),
                None => None,
            },
            expires_at: r.int(14)?,
        })
    }

    /// Requests in a state that can still be decided, the oldest first; of one account or of all.
    pub async fn requests(&self, state: RequestState, account: Option<i64>, now: i64) -> Result<Vec<Request>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {FROM} WHERE q.state = $1 AND q.expires_at > $2 AND (q.account_id = $3 OR $3 IS NULL) ORDER BY q.id"
        );
        self.all(&sql, binds![state.code(), now, account]).await?.iter().map(|r| self.request_of(r)).collect()
    }

    /// A request by its number.
    pub async fn request(&self, id: i64) -> Result<Option<Request>> {
        let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE q.id = $1");
        self.one(&sql, binds![id]).await?.map(|r| self.request_of(&r)).transpose()
    }
}

impl Tx {
    /// Makes a request and gives its number.
    pub async fn request(&mut self, store: &Store, kind: RequestKind, new: &NewRequest<'_>, now: i64) -> Result<i64> {
        let grants: Vec<String> = new.grants.iter().map(|(role, path)| format!("{} {path}", role.code())).collect();
        let code = new.code.map(|c| store.vault.seal_text(&code_place(new.account), c)).transpose()?;
        let state = if new.vouched_by.is_some() { RequestState::Vouched } else { RequestState::Asked };
        let sql = "INSERT INTO account_request (account_id, kind, grants, password_hash, forget_factor, code, wrong_codes, address, state,
                     asked_at, vouched_by, vouched_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12) RETURNING id";
        let values = binds![
            new.account,
            kind.code(),
            grants.join("\n"),
            new.password_hash,
            new.forget_factor,
            code,
            new.address,
            state.code(),
            now,
            new.vouched_by,
            new.vouched_by.map(|_| now),
            new.expires_at
        ];
        self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// Somebody vouches for what an owner asked; another one decides until `expires_at`. False if it is no longer asked.
    pub async fn vouch(&mut self, request: i64, by: i64, now: i64, expires_at: i64) -> Result<bool> {
        let sql = "UPDATE account_request SET state = 'vouched', vouched_by = $1, vouched_at = $2, expires_at = $3 WHERE id = $4 AND state = 'asked'";
        Ok(self.run(sql, binds![by, now, expires_at, request]).await? == 1)
    }

    /// Decides a request; false if somebody did before. Its password and its code are forgotten.
    pub async fn decide_request(&mut self, request: i64, confirmed: bool, by: Option<i64>, now: i64) -> Result<bool> {
        let state = if confirmed { RequestState::Confirmed } else { RequestState::Refused };
        let sql = "UPDATE account_request SET state = $1, decided_by = $2, decided_at = $3, password_hash = NULL, code = NULL
                   WHERE id = $4 AND state IN ('asked', 'vouched')";
        Ok(self.run(sql, binds![state.code(), by, now, request]).await? == 1)
    }

    /// Refuses all that waits for an account, of one kind or of all.
    pub async fn withdraw_requests(&mut self, account: i64, kind: Option<RequestKind>, by: Option<i64>, now: i64) -> Result<u64> {
        let sql =
            "UPDATE account_request SET state = 'refused', decided_by = $1, decided_at = $2, password_hash = NULL, code = NULL
                   WHERE account_id = $3 AND state IN ('asked', 'vouched') AND (kind = $4 OR $4 IS NULL)";
        self.run(sql, binds![by, now, account, kind.map(RequestKind::code)]).await
    }

    /// Counts a wrong code against all that an account's owner has asked; those with too many are refused.
    pub async fn wrong_code(&mut self, account: i64, most: i64) -> Result<()> {
        let sql = "UPDATE account_request SET wrong_codes = wrong_codes + 1,
                     state = CASE WHEN wrong_codes + 1 >= $1 THEN 'refused' ELSE state END WHERE account_id = $2 AND state = 'asked'";
        self.run(sql, binds![most, account]).await?;
        Ok(())
    }

    /// Of what an account's owner has asked and nobody vouched for, only the newest ones stay.
    pub async fn drop_old_requests(&mut self, account: i64, most: i64) -> Result<()> {
        let sql = "DELETE FROM account_request WHERE account_id = $1 AND state = 'asked' AND id NOT IN
                     (SELECT id FROM account_request WHERE account_id = $1 AND state = 'asked' ORDER BY id DESC LIMIT $2)";
        self.run(sql, binds![account, most]).await?;
        Ok(())
    }
}
