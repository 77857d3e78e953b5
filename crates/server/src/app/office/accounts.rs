//! 账号 (accounts): log-in, second factor, sessions, people and their roles.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use baoxue_domain::access::Actor;
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, Session, random};
use ring::digest::{SHA256, digest};
use totp_rs::{Builder, Secret, Totp};

use super::{Office, OfficeError, Result};

/// Fewest characters of a password.
pub const MIN_PASSWORD: usize = 10;
const MAX_PASSWORD: usize = 128;
/// How long an account stays locked.
const LOCK_MS: i64 = 15 * 60_000;
/// Seconds of a code of the second factor.
const TOTP_SECONDS: u64 = 30;
/// No place lets a session rest longer (the setting's upper bound).
const LONGEST_IDLE_MS: i64 = 1_440 * 60_000;
/// A session's last use is noted at most once a minute.
const TOUCH_MS: i64 = 60_000;
/// Passwords that everybody tries first.
const COMMON: [&str; 8] =
    ["1234567890", "12345678910", "password123", "qwertyuiop", "aaaaaaaaaa", "0123456789", "1111111111", "abc1234567"];

/// OWASP's first recommendation for Argon2id: 19 MiB, two passes, one lane.
fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

/// Hash of a password. Takes some 30 ms on purpose.
pub fn hash(password: &str) -> Result<String> {
    let made: std::result::Result<argon2::PasswordHash, _> = argon().hash_password(password.as_bytes());
    made.map(|h| h.to_string()).map_err(|_| OfficeError::Input("密码不能用,请换一个".into()))
}

fn fits(password: &str, hash: &str) -> bool {
    argon2::PasswordHash::new(hash).is_ok_and(|h| argon().verify_password(password.as_bytes(), &h).is_ok())
}

/// Why a password is refused.
pub fn check_password(password: &str, login: &str) -> Result<()> {
    let n = password.chars().count();
    let kinds = [char::is_alphabetic as fn(char) -> bool, char::is_numeric].iter().filter(|k| password.chars().any(**k)).count();
    let said = if n < MIN_PASSWORD {
        format!("密码至少 {MIN_PASSWORD} 位")
    } else if n > MAX_PASSWORD {
        format!("密码不超过 {MAX_PASSWORD} 位")
    } else if kinds < 2 {
        "密码里字母和数字都要有".to_owned()
    } else if COMMON.contains(&password.to_lowercase().as_str()) || password.to_lowercase().contains(&login.to_lowercase()) {
        "这个密码太容易猜到,请换一个(不要包含登录名)".to_owned()
    } else {
        return Ok(());
    };
    Err(OfficeError::Input(said))
}

/// A password that is read over the telephone without mistakes.
pub fn new_password() -> Result<String> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let bytes: [u8; 12] = random()?;
    let mut out: String = bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect();
    // never one kind only
    out.push_str(if out.bytes().any(|b| b.is_ascii_digit()) { "a" } else { "7" });
    Ok(out)
}

fn totp(secret: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    Builder::new().with_secret(secret).with_step_duration(TOTP_SECONDS).build().ok()
}

/// Who is logged in, and how far.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub actor: Actor,
    pub session: Session,
    pub must_change_password: bool,
    /// The second factor is asked of this person and was not given yet.
    pub second_factor_missing: bool,
    /// …and is not even set up.
    pub second_factor_unset: bool,
}

/// What log-in gives: the cookie's token.
pub struct LoggedIn {
    pub token: String,
    pub seconds: i64,
}

impl Office {
    /// Checks name and password and begins a session. The answer to a wrong name and to a wrong password is the same, and takes as long.
    pub async fn log_in(&self, login: &str, password: &str, user_agent: &str, address: &str) -> Result<LoggedIn> {
        let wrong = || OfficeError::Input("登录名或密码不对".into());
        self.throttle.check(address, self.now())?;
        let account = self.store.account_by_login(login.trim()).await?;
        let now = self.now();
        if let Some(a) = &account
            && a.locked_until > now
        {
            let minutes = (a.locked_until - now) / 60_000 + 1;
            return Err(OfficeError::Input(format!("密码连续输错多次,已锁定,请 {minutes} 分钟后再试,或请安全管理员重置密码")));
        }
        let known = account.as_ref().map_or_else(|| DUMMY.to_owned(), |a| a.password_hash.clone());
        let typed = password.to_owned();
        let turn = self.throttle.turn().await?;
        let good = tokio::task::spawn_blocking(move || fits(&typed, &known)).await.unwrap_or(false);
        drop(turn);
        let Some(a) = account.filter(|a| a.disabled_at.is_none()) else {
            self.throttle.failed(address, now);
            return Err(wrong());
        };
        if !good {
            self.failed(&a, address).await?;
            return Err(wrong());
        }
        let token: String = random::<32>()?.iter().map(|b| format!("{b:02x}")).collect();
        let actor = self.store.actor(&a, self.clock.today()).await?;
        let seconds = self.number("session-hours", actor.home()).await? * 3600;
        let session = Session {
            digest: digest(&SHA256, token.as_bytes()).as_ref().to_vec(),
            account: a.id,
            created_at: now,
            seen_at: now,
            expires_at: now + seconds * 1000,
            second_factor: false,
            user_agent: user_agent.chars().take(200).collect(),
            address: address.to_owned(),
            place: None,
        };
        let mut tx = self.store.begin().await?;
        // wrong codes of the second factor count on, until a right one is given
        if a.totp_secret.is_none() {
            tx.forget_failures(a.id).await?;
        }
        tx.add_session(&session).await?;
        self.audit(&mut tx, &actor, "log-in", &format!("account:{}", a.id), address).await?;
        tx.commit().await?;
        Ok(LoggedIn { token, seconds })
    }

    async fn failed(&self, a: &Account, address: &str) -> Result<()> {
        let actor = self.store.actor(a, self.clock.today()).await?;
        let limit = self.number("lock-failures", actor.home()).await?;
        let now = self.now();
        self.throttle.failed(address, now);
        let until = if a.failed_log_ins + 1 >= limit { now + LOCK_MS } else { 0 };
        let mut tx = self.store.begin().await?;
        tx.note_failed_log_in(a.id, until).await?;
        let what = if until > 0 { "lock-account" } else { "failed-log-in" };
        self.audit(&mut tx, &actor, what, &format!("account:{}", a.id), address).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whose token this is; nobody's when it ran out.
    pub async fn signed_in(&self, token: &str) -> Result<Option<SignedIn>> {
        let key = digest(&SHA256, token.as_bytes()).as_ref().to_vec();
        let Some((session, account)) = self.store.session(&key).await? else { return Ok(None) };
        let now = self.now();
        if session.expires_at < now || account.disabled_at.is_some() {
            return Ok(None);
        }
        let mut actor = self.store.actor(&account, self.clock.today()).await?;
        let idle = self.number("idle-minutes", actor.home()).await? * 60_000;
        if session.seen_at + idle < now {
            return Ok(None);
        }
        actor.within = session.place.as_deref().and_then(PlacePath::parse).filter(|p| actor.may_switch_to(p));
        if now - session.seen_at > TOUCH_MS {
            let mut tx = self.store.begin().await?;
            tx.touch_session(&key, now).await?;
            tx.commit().await?;
        }
        let asked = actor.needs_second_factor() && self.second_factor;
        let needs = asked || account.totp_secret.is_some();
        Ok(Some(SignedIn {
            second_factor_missing: needs && !session.second_factor,
            second_factor_unset: account.totp_secret.is_none(),
            must_change_password: account.must_change_password,
            actor,
            session,
        }))
    }

    pub async fn log_out(&self, s: &SignedIn) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.end_session(s.actor.account, &s.session.digest).await?;
        self.audit(&mut tx, &s.actor, "log-out", &format!("account:{}", s.actor.account), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// A new password of one's own; all other sessions end.
    pub async fn change_password(&self, s: &SignedIn, old: &str, new: &str) -> Result<()> {
        let account = self.store.account(s.actor.account).await?.ok_or(OfficeError::NotFound)?;
        let (typed, known) = (old.to_owned(), account.password_hash.clone());
        if !tokio::task::spawn_blocking(move || fits(&typed, &known)).await.unwrap_or(false) {
            self.failed(&account, &s.session.address).await?;
            return Err(OfficeError::Input("原密码不对".into()));
        }
        if old == new {
            return Err(OfficeError::Input("新密码不能与原密码相同".into()));
        }
        check_password(new, &account.login)?;
        let hash = hash(new)?;
        let mut tx = self.store.begin().await?;
        tx.set_password(account.id, &hash, false, Some(&s.session.digest)).await?;
        self.audit(&mut tx, &s.actor, "change-password", &format!("account:{}", account.id), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// A new secret for a second factor, to be shown once.
    pub fn new_totp(&self) -> Result<String> {
        Ok(Secret::from(random::<20>()?.to_vec()).to_base32())
    }

    /// Sets the second factor up, after a code shows that the app has it.
    pub async fn set_up_totp(&self, s: &SignedIn, secret: &str, code: &str) -> Result<()> {
        let t = totp(secret).ok_or_else(|| OfficeError::Input("密钥不对,请刷新页面重新扫码".into()))?;
        let seconds = (self.now() / 1000) as u64;
        let step = t
            .check(code.trim(), seconds)
            .ok_or_else(|| OfficeError::Input("动态码不对。请看手机上的时间是否准确,再输入当前显示的 6 位数字".into()))?;
        let sealed = self.store.vault().seal_text(&format!("totp:{}", s.actor.account), secret)?;
        let mut tx = self.store.begin().await?;
        tx.set_totp(s.actor.account, Some(sealed)).await?;
        tx.use_totp_step(s.actor.account, step as i64).await?;
        self.raise_session(&mut tx, s).await?;
        self.audit(&mut tx, &s.actor, "set-up-second-factor", &format!("account:{}", s.actor.account), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Checks a code of the second factor. A code works once.
    pub async fn give_code(&self, s: &SignedIn, code: &str) -> Result<()> {
        let account = self.store.account(s.actor.account).await?.ok_or(OfficeError::NotFound)?;
        let wrong = || OfficeError::Input("动态码不对,或已经用过;请等手机上换一个新的再输入".into());
        if account.locked_until > self.now() {
            return Err(OfficeError::Input("输错多次,已锁定,请 15 分钟后再试".into()));
        }
        let secret = account.totp_secret.as_deref().ok_or_else(wrong)?;
        let step = totp(secret).and_then(|t| t.check(code.trim(), (self.now() / 1000) as u64));
        let Some(step) = step else {
            self.failed(&account, &s.session.address).await?;
            return Err(wrong());
        };
        let mut tx = self.store.begin().await?;
        if !tx.use_totp_step(account.id, step as i64).await? {
            return Err(wrong());
        }
        tx.forget_failures(account.id).await?;
        tx.forget_failures(account.id).await?;
        self.raise_session(&mut tx, s).await?;
        self.audit(&mut tx, &s.actor, "second-factor", &format!("account:{}", account.id), "").await?;
        tx.commit().await?;
        Ok(())
    }

    async fn raise_session(&self, tx: &mut baoxue_store::Tx, s: &SignedIn) -> Result<()> {
        tx.end_session(s.actor.account, &s.session.digest).await?;
        tx.add_session(&Session { second_factor: true, ..s.session.clone() }).await?;
        Ok(())
    }

    /// Ends one of one's own sessions.
    pub async fn end_session(&self, s: &SignedIn, id: &str) -> Result<()> {
        let all = self.store.sessions_of(s.actor.account).await?;
        let target = all.iter().find(|x| session_name(x) == id).ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        tx.end_session(s.actor.account, &target.digest).await?;
        self.audit(&mut tx, &s.actor, "end-session", &format!("account:{}", s.actor.account), &target.user_agent).await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn sweep_sessions(&self) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.sweep_sessions(self.now(), self.now() - LONGEST_IDLE_MS).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives an account a password that is known, for the demonstration: it need not be changed.
    pub async fn set_known_password(&self, login: &str, password: &str) -> Result<()> {
        check_password(password, login)?;
        let account = self.store.account_by_login(login).await?.ok_or(OfficeError::NotFound)?;
        let hashed = hash(password)?;
        let mut tx = self.store.begin().await?;
        tx.set_password(account.id, &hashed, false, None).await?;
        self.audit_by(&mut tx, None, "reset-password", &format!("account:{}", account.id), "演示口令").await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A hash of nothing that anybody types: what a wrong log-in name is compared with, so that it takes as long.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$7M0TbTxKUd8xJZQxLTvYdCEfjSWSdsc7Ie3+JOoB9XM";

/// What a page calls a session: part of its digest.
pub fn session_name(s: &Session) -> String {
    s.digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords() {
        for (password, says) in [
            ("short1", "至少 10 位"),
            ("1234567890", "字母和数字"),
            ("abcdefghijkl", "字母和数字"),
            ("zhang-2023-10", "不要包含登录名"),
            ("password123", "容易猜到"),
        ] {
            let e = check_password(password, "zhang").unwrap_err().to_string();
            assert!(e.contains(says), "{password}: {e}");
        }
        assert!(check_password("qinghe7bao1xue", "zhang").is_ok());
        let made = new_password().unwrap();
        assert!(check_password(&made, "zhang").is_ok(), "{made}");
        let h = hash(&made).unwrap();
        assert!(fits(&made, &h) && !fits("other", &h) && !fits(&made, DUMMY) && !fits(&made, "-"));
    }
}
