//! 复核 (confirmations): whoever vouches for an account is not who decides. A new account, a further role, an account reopened and a password
//! reset take effect when a second administrator has confirmed them; a new password is chosen by its owner and seen by nobody else.

use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, NewAudit, NewRequest, REQUEST_MS, Request, RequestKind, RequestState, Tx, random};

use crate::app::access::accounts::{Browser, STRANGER};
use crate::app::access::managing::Managing;
use crate::app::access::password::{MIN_PASSWORD, hash};
use crate::app::access::people::check_apart;
use crate::app::office::{Office, OfficeError, Result};

/// How long an owner's wish waits for somebody to vouch for it: a telephone call.
const ASKED_MS: i64 = 24 * 3_600_000;
/// How long a first password can be used: whoever made it has seen it.
pub const FIRST_MS: i64 = 7 * 24 * 3_600_000;
/// Wishes of an account that stand beside one another.
const MOST_ASKED: i64 = 5;
/// Wrong codes before a wish is refused.
const MOST_CODES: i64 = 5;

/// What the second person sees, and whether she may decide.
pub struct Pending {
    pub request: Request,
    /// Why she may not, if so.
    pub not: Option<String>,
}

impl Office {
    /// 忘记密码: an owner chooses a new password on the log-in page; it waits for somebody who knows her voice. An unknown name gets a code too.
    pub async fn ask_for_password(&self, login: &str, new: &str, forget_factor: bool, browser: &Browser) -> Result<String> {
        let now = self.now();
        self.throttle.check_network(&browser.network, now)?;
        // whoever asks for many names is slowed down like whoever tries many
        self.throttle.asked(&browser.network, now);
        let account = self.store.account_by_login(login.trim()).await?.filter(|a| a.disabled_at.is_none());
        // not against the owner's name: that would tell it
        self.check_password(new, MIN_PASSWORD, login.trim(), "").await?;
        let turn = self.throttle.turn().await?;
        let typed = new.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash(&typed)).await.map_err(|_| OfficeError::NotFound)??;
        drop(turn);
        let code = format!("{:06}", u32::from_be_bytes(random()?) % 1_000_000);
        let Some(a) = account else { return Ok(code) };
        let first = self.store.requests(RequestState::Asked, Some(a.id), now).await?.is_empty();
        let mut tx = self.store.begin().await?;
        if first {
            let said = format!("有人在登录页(网络 {})申请重置您的密码。不是您本人的,请告诉安全管理员不要核对", browser.network);
            tx.tell(self.store.vault(), a.id, &said, now).await?;
        }
        let new = NewRequest {
            account: a.id,
            password_hash: Some(&hashed),
            forget_factor,
            code: Some(&code),
            address: &browser.network,
            expires_at: now + ASKED_MS,
            ..NewRequest::default()
        };
        tx.request(&self.store, RequestKind::Password, &new, now).await?;
        tx.drop_old_requests(a.id, MOST_ASKED).await?;
        // whoever it was, nobody was logged in
        let actor = self.store.actor(&a, self.clock.today()).await?;
        let place = actor.grants.first().map_or("", |g| g.path.as_str());
        let (subject, detail) = (format!("account:{}", a.id), format!("{} 网络 {}", a.login, browser.network));
        let row = NewAudit {
            at: now,
            place,
            account: None,
            login: STRANGER,
            deed: Deed::AskPassword,
            subject: &subject,
            detail: &detail,
        };
        tx.audit(self.store.vault(), row).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// 核对: the security administrator types the code that the owner reads to her over the telephone.
    pub async fn vouch_for_password(&self, actor: &Actor, login: &str, code: &str) -> Result<()> {
        let account = self.managed(actor, login).await?;
        not_oneself(actor, &account)?;
        let typed: String = code.chars().filter(char::is_ascii_digit).collect();
        let now = self.now();
        let asked = self.store.requests(RequestState::Asked, Some(account.id), now).await?;
        let found = asked.iter().find(|r| r.code.as_deref() == Some(typed.as_str()));
        let mut tx = self.store.begin().await?;
        let Some(r) = found else {
            tx.wrong_code(account.id, MOST_CODES).await?;
            self.audit(&mut tx, actor, Deed::WrongCode, &format!("account:{}", account.id), login).await?;
            tx.commit().await?;
            let said = if asked.is_empty() {
                "没有待核对的申请;请对方先在登录页“忘记密码或换了手机”里申请"
            } else {
                "核对码不对。对方念对了的,是被更晚的申请挤掉了:请对方重新申请"
            };
            return Err(OfficeError::Input(said.into()));
        };
        if !tx.vouch(r.id, actor.account, now, now + REQUEST_MS).await? {
            return Err(OfficeError::Conflict("这项申请刚被别人处理过".into()));
        }
        let detail = if r.forget_factor { "密码和动态码" } else { "密码" };
        let detail = format!("{login} {detail}");
        self.audit(&mut tx, actor, Deed::VouchPassword, &format!("account:{}", account.id), &detail).await?;
        tx.commit().await?;
        if Managing::of(actor)?.school {
            // she sees the school's children herself: her word is enough for its teachers
            self.carry_out(Some(actor), self.store.request(r.id).await?.ok_or(OfficeError::NotFound)?, true).await?;
        }
        Ok(())
    }

    /// Writes down that somebody vouches for a change; it waits for the second person.
    pub(in crate::app) async fn vouch(&self, tx: &mut Tx, actor: &Actor, kind: RequestKind, new: NewRequest<'_>) -> Result<()> {
        let now = self.now();
        let new = NewRequest { vouched_by: Some(actor.account), expires_at: now + REQUEST_MS, ..new };
        tx.request(&self.store, kind, &new, now).await?;
        Ok(())
    }

    /// Whether a school managed an account alone, and what was asked reaches further than that school.
    async fn outgrows_a_school(&self, r: &Request) -> Result<bool> {
        let Some(account) = self.store.account(r.account).await? else { return Ok(false) };
        let held = self.store.actor(&account, self.clock.today()).await?.grants;
        let mut schools: Vec<PlacePath> = held.iter().map(|g| g.path.school()).collect();
        schools.dedup();
        let alone = held.iter().all(|g| Role::OF_TEACHERS.contains(&g.role)) && schools.len() == 1;
        Ok(alone && r.grants.iter().any(|(_, path)| !schools[0].holds(path)))
    }

    /// All that an account reaches or shall reach.
    async fn reach(&self, r: &Request) -> Result<Vec<String>> {
        let held = self.store.grants(Some(r.account)).await?;
        Ok(held.into_iter().map(|g| g.path).chain(r.grants.iter().map(|g| g.1.to_string())).collect())
    }

    async fn inside(&self, r: &Request, j: &Jurisdiction) -> Result<bool> {
        let reach = self.reach(r).await?;
        Ok(!reach.is_empty() && reach.iter().all(|p| j.covers(p)))
    }

    /// What waits for a second person inside one's own places.
    pub async fn pending(&self, actor: &Actor) -> Result<Vec<Pending>> {
        let j = actor.jurisdiction(Action::ConfirmAccounts)?;
        let mut out = Vec::new();
        for request in self.store.requests(RequestState::Vouched, None, self.now()).await? {
            if self.inside(&request, &j).await? {
                let not = may_decide(actor, &request).err().map(|e| e.to_string());
                out.push(Pending { request, not });
            }
        }
        Ok(out)
    }

    /// How many requests one may decide.
    pub async fn pending_count(&self, actor: &Actor) -> Result<i64> {
        if !actor.may(Action::ConfirmAccounts) {
            return Ok(0);
        }
        Ok(self.pending(actor).await?.iter().filter(|p| p.not.is_none()).count() as i64)
    }

    /// Confirms or refuses a request. `by` is nobody on the command line, where whoever runs the machine is the second person.
    pub async fn decide_request(&self, by: Option<&Actor>, id: i64, confirmed: bool) -> Result<Request> {
        let r = self.store.request(id).await?.ok_or(OfficeError::NotFound)?;
        if let Some(actor) = by {
            if !self.inside(&r, &actor.jurisdiction(Action::ConfirmAccounts)?).await? {
                return Err(OfficeError::NotFound);
            }
            // whoever vouched may take it back, and whom it concerns may always refuse
            if confirmed {
                may_decide(actor, &r)?;
            }
        }
        self.carry_out(by, r, confirmed).await
    }

    async fn carry_out(&self, by: Option<&Actor>, r: Request, confirmed: bool) -> Result<Request> {
        let now = self.now();
        if r.state != RequestState::Vouched || r.expires_at <= now {
            return Err(OfficeError::Conflict("这一项已经办过或过期".into()));
        }
        let today = self.clock.today();
        let mut tx = self.store.begin().await?;
        if !tx.decide_request(r.id, confirmed, by.map(|a| a.account), now).await? {
            return Err(OfficeError::Conflict("这一项刚被别人处理过".into()));
        }
        if !confirmed && r.kind == RequestKind::Account {
            // it never was: its name is free again
            tx.free_login(r.account).await?;
        }
        if confirmed {
            // two at once would make one person of two administrators
            let held = tx.lock_roles(r.account, today).await?;
            check_apart(&held, &r.grants)?;
            // whoever managed her alone until now may know her password
            let outgrown = r.kind == RequestKind::Grant && self.outgrows_a_school(&r).await?;
            for (role, path) in &r.grants {
                if self.store.place_at(path, today).await?.is_none() && path.depth() <= 2 {
                    return Err(OfficeError::Conflict(format!("范围“{path}”已经不在;请退回,重新授权")));
                }
                tx.grant(r.account, *role, path, (today, None), r.vouched_by.as_ref().map(|v| v.0), now).await?;
            }
            if outgrown {
                let nobodys = hash(&crate::app::access::password::new_password()?)?;
                tx.set_password(r.account, &nobodys, None, None).await?;
                tx.forget_devices(r.account, now).await?;
                let said = "您的账号现在通到另一单位,为安全起见原密码已停用:请在登录页“忘记密码或换了手机”里自己设一个新密码";
                tx.tell(self.store.vault(), r.account, said, now).await?;
            }
            if matches!(r.kind, RequestKind::Account | RequestKind::Enable) {
                tx.set_disabled(r.account, None).await?;
            }
            if let Some(hash) = &r.password_hash {
                tx.set_password(r.account, hash, None, None).await?;
                tx.forget_devices(r.account, now).await?;
                // what others asked in her name is over
                tx.withdraw_requests(r.account, Some(RequestKind::Password), by.map(|a| a.account), now).await?;
                if r.forget_factor {
                    tx.set_totp(r.account, None).await?;
                }
            }
            let vouched = r.vouched_by.as_ref().map_or("", |v| v.1.as_str());
            let second = by.map_or("命令行", |a| a.name.as_str());
            let said = match r.kind {
                RequestKind::Account => format!("账号由{vouched}建立、{second}复核"),
                RequestKind::Password if r.forget_factor => format!(
                    "密码和动态码已按登录页上(网络 {})的申请重置({vouched}核对、{second}复核)。不是您本人申请的,请立即报告审计管理员",
                    r.address
                ),
                RequestKind::Password => format!(
                    "密码已按登录页上(网络 {})的申请重置({vouched}核对、{second}复核)。不是您本人申请的,请立即报告审计管理员",
                    r.address
                ),
                RequestKind::Grant | RequestKind::Enable => format!("{}({vouched}申请、{second}复核)", what(&r)),
            };
            tx.tell(self.store.vault(), r.account, &said, now).await?;
        }
        let deed = if confirmed { Deed::ConfirmAccount } else { Deed::RefuseAccount };
        let at: Vec<String> = r.grants.iter().map(|g| g.1.to_string()).collect();
        let vouched = r.vouched_by.as_ref().map_or("", |v| v.1.as_str());
        let detail = format!("{} {} {},{vouched}经办", r.login, what(&r), at.join(";"));
        self.audit_by(&mut tx, by, deed, &format!("account:{}", r.account), &detail).await?;
        tx.commit().await?;
        Ok(r)
    }
}

/// A request in words.
pub fn what(r: &Request) -> String {
    let roles: Vec<&str> = r.grants.iter().map(|g| g.0.label()).collect();
    match r.kind {
        RequestKind::Password if r.forget_factor => "重置密码和动态码".into(),
        RequestKind::Password | RequestKind::Enable => r.kind.label().into(),
        RequestKind::Account | RequestKind::Grant => format!("{}:{}", r.kind.label(), roles.join("、")),
    }
}

/// One name, however it is written: blanks, dots and what nobody sees do not make another.
pub(in crate::app) fn same_name(a: &str, b: &str) -> bool {
    let plain = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    plain(a) == plain(b)
}

/// Nobody opens anything for herself, nor for somebody of her own name: that may be a second account of hers.
pub(in crate::app) fn not_oneself(actor: &Actor, account: &Account) -> Result<()> {
    if account.id == actor.account || same_name(&account.name, &actor.name) {
        return Err(OfficeError::Input("不能为自己(包括与自己同名的账号)建账号、授权或重置;请由另一名安全管理员办理".into()));
    }
    Ok(())
}

/// The second person is another one than who vouched and than whom it is about.
fn may_decide(actor: &Actor, r: &Request) -> Result<()> {
    if r.vouched_by.as_ref().is_some_and(|(id, name)| *id == actor.account || same_name(name, &actor.name)) {
        return Err(OfficeError::Input("您是经办人,须由另一名管理员复核".into()));
    }
    if r.account == actor.account || same_name(&r.name, &actor.name) {
        return Err(OfficeError::Input("这一项与您本人有关,须由另一名管理员复核".into()));
    }
    Ok(())
}
