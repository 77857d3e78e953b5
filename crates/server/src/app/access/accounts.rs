//! 账号 (accounts): log-in, second factor, sessions, one's own password.

use baoxue_domain::access::{Actor, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, NewAudit, Session, random};
use ring::digest::{SHA256, digest};
use totp_rs::{Builder, Secret, Totp};

use crate::app::access::password::{DUMMY, MIN_PASSWORD, MIN_WITH_FACTOR, check, fits, hash};
use crate::app::access::throttle::From;
use crate::app::office::{Office, OfficeError, Result};

/// Seconds of a code of the second factor.
const TOTP_SECONDS: u64 = 30;
/// No place lets a session rest longer (the setting's upper bound).
const LONGEST_IDLE_MS: i64 = 30 * 60_000;
/// A session's last use is noted at most once a minute.
const TOUCH_MS: i64 = 60_000;
/// Sessions of an account at a time: the oldest ends where there are more.
const MOST_SESSIONS: i64 = 10;
/// Browsers of an account that are known.
const MOST_DEVICES: i64 = 20;
/// How long a browser is known without a log-in.
pub const DEVICE_SECONDS: i64 = 180 * 86_400;

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
    /// The browser's cookie, if it has one.
    pub device: Option<String>,
}

/// From where somebody comes.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    pub agent: String,
    /// The network: what failures are counted by.
    pub network: String,
    /// The cookie of a browser that may be known.
    pub device: Option<String>,
}

/// What log-in gives: the cookies' tokens.
pub struct LoggedIn {
    pub token: String,
    pub seconds: i64,
    /// The browser is known from now on.
    pub device: Option<String>,
}

/// Who is not logged in, in the log.
pub const STRANGER: &str = "未登录";

fn digest_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

fn new_token() -> Result<String> {
    Ok(random::<32>()?.iter().map(|b| format!("{b:02x}")).collect())
}

impl Office {
    /// Checks name and password and begins a session. The answer to a wrong name and to a wrong password is the same, and takes as long.
    pub async fn log_in(&self, login: &str, password: &str, browser: &Browser) -> Result<LoggedIn> {
        let wrong = || OfficeError::Input("登录名或密码不对".into());
        let account = self.store.account_by_login(login.trim()).await?;
        let now = self.now();
        let from = self.whence(account.as_ref(), browser.device.as_deref(), &browser.network).await?;
        self.throttle.check(login, &from, now)?;
        let known = account.as_ref().map_or_else(|| DUMMY.to_owned(), |a| a.password_hash.clone());
        let good = self.password_fits(password, known).await?;
        let Some(a) = account.filter(|a| good && a.disabled_at.is_none()) else {
            self.failed(login, &from, &browser.network).await?;
            return Err(wrong());
        };
        if a.first_until.is_some_and(|until| until < now) {
            return Err(OfficeError::Input("初始密码已过期;请在下面“忘记密码或换了手机”里自己设一个新密码".into()));
        }
        let actor = self.store.actor(&a, self.clock.today()).await?;
        let seconds = self.policy(actor.home()).await?.session_hours * 3600;
        let token = new_token()?;
        let session = Session {
            digest: digest_of(&token),
            account: a.id,
            created_at: now,
            seen_at: now,
            expires_at: now + seconds * 1000,
            second_factor: false,
            user_agent: browser.agent.chars().take(200).collect(),
            address: browser.network.clone(),
            place: None,
        };
        // wrong codes of the second factor count on, until a right one is given
        let entered = a.totp_secret.is_none();
        let mut tx = self.store.begin().await?;
        tx.add_session(&session).await?;
        tx.end_oldest_sessions(a.id, MOST_SESSIONS).await?;
        let device = if entered { Some(self.know(&mut tx, a.id, browser.device.as_deref()).await?) } else { None };
        self.audit(&mut tx, &actor, Deed::LogIn, &format!("account:{}", a.id), &browser.network).await?;
        tx.commit().await?;
        if entered {
            self.throttle.succeeded(login, &from);
        }
        Ok(LoggedIn { token, seconds, device })
    }

    /// Compares a password with a hash, in its turn.
    async fn password_fits(&self, typed: &str, hash: String) -> Result<bool> {
        let typed = typed.to_owned();
        let turn = self.throttle.turn().await?;
        let good = tokio::task::spawn_blocking(move || fits(&typed, &hash)).await.unwrap_or(false);
        drop(turn);
        Ok(good)
    }

    /// By what the failures of somebody count: a browser that the account knows, or the network.
    async fn whence(&self, account: Option<&Account>, device: Option<&str>, network: &str) -> Result<From> {
        if let (Some(a), Some(d)) = (account, device) {
            let d = digest_of(d);
            if self.store.knows_device(a.id, &d).await? {
                return Ok(From::Device(d));
            }
        }
        Ok(From::Network(network.to_owned()))
    }

    /// The browser is known to the account from now on; gives its cookie.
    async fn know(&self, tx: &mut baoxue_store::Tx, account: i64, device: Option<&str>) -> Result<String> {
        let token = match device {
            Some(d) if self.store.knows_browser(&digest_of(d)).await? => d.to_owned(),
            _ => new_token()?,
        };
        tx.know_device(account, &digest_of(&token), MOST_DEVICES, self.now()).await?;
        Ok(token)
    }

    /// Counts a wrong password or code; the owner is told when the door shuts. An unknown name leaves a row too: it takes as long.
    async fn failed(&self, login: &str, from: &From, network: &str) -> Result<bool> {
        let now = self.now();
        let shut = self.throttle.failed(login, from, now);
        let deed = if shut { Deed::LockAccount } else { Deed::FailedLogIn };
        let mut tx = self.store.begin().await?;
        match self.store.account_by_login(login.trim()).await? {
            Some(a) => {
                // whoever it was, nobody was logged in
                let actor = self.store.actor(&a, self.clock.today()).await?;
                let place = actor.grants.first().map_or("", |g| g.path.as_str());
                let (subject, detail) = (format!("account:{}", a.id), format!("{} 网络 {network}", a.login));
                let row = NewAudit { at: now, place, account: None, login: STRANGER, deed, subject: &subject, detail: &detail };
                tx.audit(self.store.vault(), row).await?;
                if shut {
                    let said = format!("有人用您的登录名连续输错密码或动态码(网络地址 {network})。不是您本人的,请告诉安全管理员");
                    tx.tell(self.store.vault(), a.id, &said, now).await?;
                }
            }
            // what was typed may be a password: it is not written down
            None => {
                let row =
                    NewAudit { at: now, place: "", account: None, login: STRANGER, deed, subject: "account:0", detail: network };
                tx.audit(self.store.vault(), row).await?;
            }
        }
        tx.commit().await?;
        Ok(shut)
    }

    /// Whose token this is; nobody's when it ran out.
    pub async fn signed_in(&self, token: &str, device: Option<&str>) -> Result<Option<SignedIn>> {
        let key = digest_of(token);
        let Some((session, account)) = self.store.session(&key).await? else { return Ok(None) };
        let now = self.now();
        if session.expires_at < now || account.disabled_at.is_some() {
            return Ok(None);
        }
        let mut actor = self.store.actor(&account, self.clock.today()).await?;
        let idle = self.policy(actor.home()).await?.idle_minutes * 60_000;
        if session.seen_at + idle < now {
            return Ok(None);
        }
        actor.within = session.place.as_deref().and_then(PlacePath::parse).filter(|p| actor.may_switch_to(p));
        if now - session.seen_at > TOUCH_MS {
            let mut tx = self.store.begin().await?;
            tx.touch_session(&key, now).await?;
            tx.commit_untold("every page would be a row").await?;
        }
        let asked = actor.needs_second_factor() && self.second_factor;
        let needs = asked || account.totp_secret.is_some();
        Ok(Some(SignedIn {
            second_factor_missing: needs && !session.second_factor,
            second_factor_unset: account.totp_secret.is_none(),
            must_change_password: account.must_change_password,
            device: device.map(str::to_owned),
            actor,
            session,
        }))
    }

    pub async fn log_out(&self, s: &SignedIn) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.end_session(s.actor.account, &s.session.digest).await?;
        if let Some(browser) = &s.device {
            tx.drop_offline_cache(s.actor.account, &digest_of(browser), self.now()).await?;
        }
        self.audit(&mut tx, &s.actor, Deed::LogOut, &format!("account:{}", s.actor.account), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Fewest characters of a person's password.
    pub async fn least_password(&self, account: &Account) -> Result<usize> {
        let actor = self.store.actor(account, self.clock.today()).await?;
        let factor = account.totp_secret.is_some() || (actor.needs_second_factor() && self.second_factor);
        Ok(if factor { MIN_WITH_FACTOR } else { MIN_PASSWORD })
    }

    /// Checks a new password against what everybody knows of its owner.
    pub(in crate::app) async fn check_password(&self, new: &str, least: usize, login: &str, name: &str) -> Result<()> {
        let bureau = self.policy(None).await?.bureau;
        check(new, least, &[login, name, &bureau])
    }

    /// A new password of one's own; all other sessions end. Wrong old ones end this session, and count against nobody else.
    pub async fn change_password(&self, s: &SignedIn, old: &str, new: &str) -> Result<()> {
        let account = self.store.account(s.actor.account).await?.ok_or(OfficeError::NotFound)?;
        let (door, now) = (format!("own:{}", account.id), self.now());
        let from = From::Device(s.session.digest.clone());
        self.throttle.check(&door, &from, now)?;
        if !self.password_fits(old, account.password_hash.clone()).await? {
            let mut tx = self.store.begin().await?;
            if self.throttle.failed(&door, &from, now) {
                tx.end_session(account.id, &s.session.digest).await?;
            }
            self.audit(&mut tx, &s.actor, Deed::FailedLogIn, &format!("account:{}", account.id), "修改密码时原密码不对").await?;
            tx.commit().await?;
            return Err(OfficeError::Input("原密码不对".into()));
        }
        if old == new {
            return Err(OfficeError::Input("新密码不能与原密码相同".into()));
        }
        self.check_password(new, self.least_password(&account).await?, &account.login, &account.name).await?;
        let hash = hash(new)?;
        let mut tx = self.store.begin().await?;
        tx.set_password(account.id, &hash, None, Some(&s.session.digest)).await?;
        self.audit(&mut tx, &s.actor, Deed::ChangePassword, &format!("account:{}", account.id), "").await?;
        tx.commit().await?;
        self.throttle.succeeded(&door, &from);
        Ok(())
    }

    /// The secret of a second factor that this session offers: the program's own, the same until it is set up.
    pub async fn offered_totp(&self, s: &SignedIn) -> Result<String> {
        let place = format!("totp-offer:{}", s.actor.account);
        if let Some(sealed) = self.store.totp_offer(&s.session.digest).await? {
            return Ok(self.store.vault().open_text(&place, &sealed)?);
        }
        let secret = Secret::from(random::<20>()?.to_vec()).to_base32();
        let mut tx = self.store.begin().await?;
        tx.offer_totp(&s.session.digest, self.store.vault().seal_text(&place, &secret)?).await?;
        tx.commit_untold("what is offered is not set up yet").await?;
        Ok(secret)
    }

    /// Sets the second factor up, after a code shows that the app has it.
    pub async fn set_up_totp(&self, s: &SignedIn, code: &str) -> Result<LoggedIn> {
        let secret = self.offered_totp(s).await?;
        let t = totp(&secret).ok_or_else(|| OfficeError::Input("密钥不对,请刷新页面重新扫码".into()))?;
        let seconds = (self.now() / 1000) as u64;
        let step = t
            .check(code.trim(), seconds)
            .ok_or_else(|| OfficeError::Input("动态码不对。请看手机上的时间是否准确,再输入当前显示的 6 位数字".into()))?;
        let sealed = self.store.vault().seal_text(&format!("totp:{}", s.actor.account), &secret)?;
        let mut tx = self.store.begin().await?;
        tx.set_totp(s.actor.account, Some(sealed)).await?;
        tx.use_totp_step(s.actor.account, step as i64).await?;
        let raised = self.raise_session(&mut tx, s).await?;
        self.audit(&mut tx, &s.actor, Deed::SetUpSecondFactor, &format!("account:{}", s.actor.account), "").await?;
        tx.commit().await?;
        Ok(raised)
    }

    /// Checks a code of the second factor. A code works once; wrong ones count at the same door as passwords.
    pub async fn give_code(&self, s: &SignedIn, code: &str) -> Result<LoggedIn> {
        let account = self.store.account(s.actor.account).await?.ok_or(OfficeError::NotFound)?;
        let wrong = || OfficeError::Input("动态码不对,或已经用过;请等手机上换一个新的再输入".into());
        let from = self.whence(Some(&account), s.device.as_deref(), &s.session.address).await?;
        self.throttle.check(&account.login, &from, self.now())?;
        let secret = account.totp_secret.as_deref().ok_or_else(wrong)?;
        let step = totp(secret).and_then(|t| t.check(code.trim(), (self.now() / 1000) as u64));
        let Some(step) = step else {
            if self.failed(&account.login, &from, &s.session.address).await? {
                let mut tx = self.store.begin().await?;
                tx.end_session(account.id, &s.session.digest).await?;
                let subject = format!("account:{}", account.id);
                self.audit(&mut tx, &s.actor, Deed::EndSession, &subject, "动态码连续输错").await?;
                tx.commit().await?;
            }
            return Err(wrong());
        };
        let mut tx = self.store.begin().await?;
        if !tx.use_totp_step(account.id, step as i64).await? {
            return Err(wrong());
        }
        let raised = self.raise_session(&mut tx, s).await?;
        self.audit(&mut tx, &s.actor, Deed::SecondFactor, &format!("account:{}", account.id), "").await?;
        tx.commit().await?;
        self.throttle.succeeded(&account.login, &from);
        Ok(raised)
    }

    /// The session with both factors has a new token: whoever saw the old one has nothing.
    async fn raise_session(&self, tx: &mut baoxue_store::Tx, s: &SignedIn) -> Result<LoggedIn> {
        let token = new_token()?;
        tx.end_session(s.actor.account, &s.session.digest).await?;
        tx.add_session(&Session { digest: digest_of(&token), second_factor: true, ..s.session.clone() }).await?;
        let device = self.know(tx, s.actor.account, s.device.as_deref()).await?;
        let seconds = (s.session.expires_at - self.now()) / 1000;
        Ok(LoggedIn { token, seconds, device: Some(device) })
    }

    /// Ends one of one's own sessions.
    pub async fn end_session(&self, s: &SignedIn, id: &str) -> Result<()> {
        let all = self.store.sessions_of(s.actor.account).await?;
        let target = all.iter().find(|x| session_name(x) == id).ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        tx.end_session(s.actor.account, &target.digest).await?;
        self.audit(&mut tx, &s.actor, Deed::EndSession, &format!("account:{}", s.actor.account), &target.user_agent).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends all of one's sessions but this one.
    pub async fn end_other_sessions(&self, s: &SignedIn) -> Result<u64> {
        let mut tx = self.store.begin().await?;
        let n = tx.end_other_sessions(s.actor.account, &s.session.digest).await?;
        self.audit(&mut tx, &s.actor, Deed::EndSession, &format!("account:{}", s.actor.account), &format!("其他设备 {n} 台"))
            .await?;
        tx.commit().await?;
        Ok(n)
    }

    /// Notes that one has read what one was told of one's account.
    pub async fn notices_read(&self, s: &SignedIn) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.notices_read(s.actor.account, self.now()).await?;
        tx.commit_untold("one's own reading").await?;
        Ok(())
    }

    pub async fn sweep_sessions(&self) -> Result<()> {
        let mut tx = self.store.begin().await?;
        let now = self.now();
        tx.sweep_sessions(now, now - LONGEST_IDLE_MS, now - DEVICE_SECONDS * 1000).await?;
        tx.commit_untold("they had ended").await?;
        Ok(())
    }

    /// Gives an account a password that is known, for the demonstration: it need not be changed.
    pub async fn set_known_password(&self, login: &str, password: &str) -> Result<()> {
        check(password, MIN_PASSWORD, &[login])?;
        let account = self.store.account_by_login(login).await?.ok_or(OfficeError::NotFound)?;
        let hashed = hash(password)?;
        let mut tx = self.store.begin().await?;
        tx.set_password(account.id, &hashed, None, None).await?;
        self.audit_by(&mut tx, None, Deed::ResetPassword, &format!("account:{}", account.id), "演示口令").await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What a page calls a session: part of its digest.
pub fn session_name(s: &Session) -> String {
    s.digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
