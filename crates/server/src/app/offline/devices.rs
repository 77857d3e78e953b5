//! 离线设备 (devices): enrolled by whoever is logged in, heard of without a session, ended by their owner or from the office.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_store::{NewDevice, OfflineDevice, OfflineKey, random};
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::seal;
use crate::app::access::accounts::SignedIn;
use crate::app::office::{Office, OfficeError, Result};

const DAY_MS: i64 = 86_400_000;
/// Phones of a person at a time.
const MOST_DEVICES: usize = 5;
/// Characters of a device's name.
const MAX_NAME: usize = 30;
/// How long phones seal to a key; what is sealed to it is opened for as long again.
const KEY_MS: i64 = 180 * DAY_MS;

/// What a phone hears when it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What it sends is taken without its owner's word.
    pub alive: bool,
    /// What it kept until then is to be dropped; epoch milliseconds of the server.
    pub dropped_at: i64,
    /// Days without contact after which it drops what it keeps.
    pub cache_days: i64,
    /// The server's time.
    pub now: i64,
}

/// What a new device is given.
#[derive(Debug)]
pub struct Enrolled {
    pub id: i64,
    pub secret: [u8; 32],
}

impl Office {
    /// The key to which phones seal now; a new one twice a year.
    pub async fn offline_key(&self) -> Result<OfflineKey> {
        let now = self.now();
        if let Some(k) = self.store.offline_keys().await?.into_iter().next().filter(|k| k.made_at + KEY_MS > now) {
            return Ok(k);
        }
        let (public, private) = seal::new_key()?;
        let mut tx = self.store.begin().await?;
        tx.add_offline_key(self.store.vault(), &public, &private, now).await?;
        tx.forget_offline_keys(now - 2 * KEY_MS).await?;
        tx.commit_untold("a key of the program's own").await?;
        // of two that were made at once the newest holds, and both open
        self.store.offline_keys().await?.into_iter().next().ok_or(OfficeError::NotFound)
    }

    /// 启用离线办理: this person's browser may keep what she sees, and send what she records.
    pub async fn enrol_device(&self, s: &SignedIn, name: &str) -> Result<Enrolled> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(OfficeError::field("name", format!("请给这部手机起个名字,不超过 {MAX_NAME} 字,例如“王老师的手机”")));
        }
        if self.store.offline_devices(s.actor.account).await?.len() >= MOST_DEVICES {
            let said = format!("已经启用了 {MOST_DEVICES} 部手机;请先在“我的账号”里停用不再用的");
            return Err(OfficeError::Input(said));
        }
        let secret: [u8; 32] = random()?;
        let browser = s.device.as_deref().map(|d| digest(&SHA256, d.as_bytes()).as_ref().to_vec());
        let new = NewDevice { account: s.actor.account, browser, name, secret: &secret, at: self.now() };
        let mut tx = self.store.begin().await?;
        let id = tx.add_offline_device(self.store.vault(), &new).await?;
        self.audit(&mut tx, &s.actor, Deed::EnrolDevice, &format!("device:{id}"), name).await?;
        tx.commit().await?;
        Ok(Enrolled { id, secret })
    }

    /// A device that signed what it sent: whatever it is of, nobody else made it.
    pub async fn device_of(&self, id: i64, said: &str, mac: &[u8]) -> Result<OfflineDevice> {
        let d = self.store.offline_device(id).await?.ok_or(OfficeError::NotFound)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &d.secret);
        hmac::verify(&key, said.as_bytes(), mac).map_err(|_| OfficeError::NotFound)?;
        Ok(d)
    }

    /// Why what a device sends now has to wait for its owner's word; nothing where it has not.
    pub(super) async fn doubt_of(&self, d: &OfflineDevice) -> Result<Option<String>> {
        if d.ended_at.is_some() {
            return Ok(Some(format!("“{}”在上传前已停用;请本人登录,看过再提交", d.name)));
        }
        let Some(account) = self.store.account(d.account).await?.filter(|a| a.disabled_at.is_none()) else {
            return Ok(Some("账号已停用;请县教育局看过再提交".into()));
        };
        let actor = self.store.actor(&account, self.clock.today()).await?;
        if !actor.may(Action::WorkCase) && !actor.may(Action::TakeRoll) {
            return Ok(Some("现在没有办理的权限;请本人或单位看过再提交".into()));
        }
        let days = self.policy(actor.home()).await?.device_days;
        let late = d.renewed_at + days * DAY_MS < self.now();
        Ok(late.then(|| format!("“{}”超过 {days} 天没有登录过;请本人登录,看过再提交", d.name)))
    }

    /// A phone calls, without a session.
    pub async fn hello(&self, d: &OfflineDevice) -> Result<Hello> {
        let alive = self.doubt_of(d).await?.is_none();
        let home = match self.store.account(d.account).await? {
            Some(a) => self.store.actor(&a, self.clock.today()).await?.home().cloned(),
            None => None,
        };
        let cache_days = self.policy(home.as_ref()).await?.cache_days;
        let mut tx = self.store.begin().await?;
        tx.saw_offline_device(d.id, self.now(), false).await?;
        tx.commit_untold("every opening would be a row").await?;
        Ok(Hello { alive, dropped_at: d.dropped_at, cache_days, now: self.now() })
    }

    /// Its owner is there with a full session: it is good for longer. Another's phone is none of hers.
    pub async fn renew_device(&self, actor: &Actor, id: i64) -> Result<bool> {
        let own = self.store.offline_device(id).await?.filter(|d| d.account == actor.account && d.ended_at.is_none());
        let Some(d) = own else { return Ok(false) };
        let mut tx = self.store.begin().await?;
        tx.saw_offline_device(d.id, self.now(), true).await?;
        tx.commit_untold("every opening would be a row").await?;
        Ok(true)
    }

    /// Ends one of one's own phones.
    pub async fn end_own_device(&self, actor: &Actor, id: i64) -> Result<()> {
        let mut tx = self.store.begin().await?;
        if !tx.end_offline_device(actor.account, id, actor.account, self.now()).await? {
            return Err(OfficeError::NotFound);
        }
        self.audit(&mut tx, actor, Deed::EndDevice, &format!("device:{id}"), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// 手机丢失: an administrator ends all phones of somebody whom she manages.
    pub async fn end_devices_of(&self, actor: &Actor, login: &str) -> Result<u64> {
        let account = self.managed(actor, login).await?;
        let mut tx = self.store.begin().await?;
        let n = tx.end_offline_devices(account.id, Some(actor.account), self.now()).await?;
        let said = format!("{} 部", n);
        tx.tell(self.store.vault(), account.id, &format!("{}停用了您的离线手机 {n} 部", actor.name), self.now()).await?;
        self.audit(&mut tx, actor, Deed::EndDevice, &format!("person:{login}"), &said).await?;
        tx.commit().await?;
        Ok(n)
    }
}
