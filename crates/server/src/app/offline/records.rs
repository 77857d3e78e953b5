//! 手机记录 (records): what a phone sent is kept as it came, and becomes what it says by the use case that a page would have used. Where that refuses
//! (a file that was closed meanwhile, a right that is lost, a clock that was wrong), it waits for its author: no word is lost.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::attendance::Mark;
use baoxue_domain::case::Signed;
use baoxue_store::{
    ContactDetail, DONE, HELD, MarkDetail, NewFile, NewRecord, OfflineDevice, OfflinePart, OfflineRecord, PUT_ASIDE, Subject, Tx,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::seal;
use crate::app::attendance::roll::Taking;
use crate::app::case::contact::{Contacting, Kept, MAX_CHILDREN, MAX_PHOTOS, SIGNERS};
use crate::app::clock::civil;
use crate::app::finding::dispatch::KeptProof;
use crate::app::office::{Office, OfficeError, Result};

/// The form of records that this program knows; those of earlier programs are read as well.
pub const FORM: u32 = 1;
/// 联系家访
pub const CONTACT: &str = "contact";
/// 回访
pub const CHECK: &str = "check";
/// 点名
pub const REGISTER: &str = "register";
/// Characters of the key of a record.
const KEY: usize = 32;
/// Records of a person that wait at a time, and those that are shown.
pub const MAX_HELD: i64 = 500;
/// Pupils of a register, and bytes of a class's path.
const MAX_MARKS: usize = 300;
const MAX_PATH: usize = 400;
/// Cases that were joined into others, one after another.
const MAX_JOINED: usize = 8;

/// What a phone sealed.
#[derive(Debug, Deserialize)]
struct Sealed {
    v: u32,
    kind: String,
    body: serde_json::Value,
}

/// A call or visit, as a phone recorded it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContactBody {
    /// The file, and its version when it was last seen on the phone.
    pub case: i64,
    #[serde(default)]
    pub version: i64,
    #[serde(default)]
    pub also: Vec<i64>,
    pub kind: String,
    pub on: String,
    pub outcome: String,
    #[serde(default)]
    pub signed: String,
    #[serde(default)]
    pub detail: ContactDetail,
    /// Epoch milliseconds by the phone's clock.
    #[serde(default)]
    pub made_at: i64,
    /// Digests of photos, and of signatures with whose they are.
    #[serde(default)]
    pub photos: Vec<String>,
    #[serde(default)]
    pub signatures: Vec<(String, String)>,
}

/// A roll, as a phone took it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RegisterBody {
    pub class: String,
    pub day: String,
    pub check: String,
    /// The version that the phone knew; 0 where it knew of none.
    #[serde(default)]
    pub base: i64,
    /// Whoever was not there: number, mark, note, symptom.
    #[serde(default)]
    pub marks: Vec<(i64, String, String, String)>,
    /// 去向, on the first day of a term: number, code.
    #[serde(default)]
    pub whereabouts: Vec<(i64, String)>,
    /// Epoch milliseconds by the phone's clock.
    #[serde(default)]
    pub made_at: i64,
}

/// A check after a return, as a phone recorded it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckBody {
    pub case: i64,
    pub on: String,
    /// 还在校
    pub present: bool,
    #[serde(default)]
    pub note: String,
    /// Epoch milliseconds by the phone's clock.
    #[serde(default)]
    pub made_at: i64,
}

/// What a record says.
pub enum Body {
    Contact(Box<ContactBody>),
    Check(CheckBody),
    Register(RegisterBody),
}

impl Body {
    fn read(kind: &str, text: &[u8]) -> Result<Self> {
        match kind {
            CONTACT => Ok(Self::Contact(Box::new(ContactBody::read(text)?))),
            CHECK => Ok(Self::Check(serde_json::from_slice(text).map_err(|_| unreadable())?)),
            REGISTER => {
                let body: RegisterBody = serde_json::from_slice(text).map_err(|_| unreadable())?;
                let few = body.marks.len() <= MAX_MARKS && body.whereabouts.len() <= MAX_MARKS && body.class.len() <= MAX_PATH;
                if few { Ok(Self::Register(body)) } else { Err(unreadable()) }
            }
            _ => Err(unreadable()),
        }
    }
}

/// What a phone is told of what it sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The record's own key: an answer without it is not ours.
    pub key: String,
    /// [`DONE`], [`HELD`] or [`PUT_ASIDE`].
    pub state: String,
    /// Why it waits.
    pub said: String,
    /// The file has changed since it was seen on the phone.
    pub changed: bool,
    /// Photos and signatures that are still to come, by their place.
    pub missing: Vec<i64>,
}

/// A record that waits, for whoever settles it.
pub struct HeldRecord {
    pub record: OfflineRecord,
    pub body: Body,
    pub parts: Vec<OfflinePart>,
}

/// What a record is, in words.
pub fn kind_label(kind: &str) -> &'static str {
    match kind {
        REGISTER => "点名",
        CHECK => "回访",
        _ => "联系(家访)",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unreadable() -> OfficeError {
    OfficeError::Input("这条记录打不开;请保留在手机里,告诉系统管理员".into())
}

fn is_key(key: &str) -> bool {
    key.len() == KEY && key.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What a signature of a phone covers: the record or part, and what was sealed.
pub fn signed_text(key: &str, part: Option<i64>, sealed: &[u8]) -> String {
    format!("{}:{}", purpose(key, part), hex(&Sha256::digest(sealed)))
}

fn purpose(key: &str, part: Option<i64>) -> String {
    part.map_or_else(|| key.to_owned(), |n| format!("{key}:{n}"))
}

impl ContactBody {
    fn read(text: &[u8]) -> Result<Self> {
        let body: Self = serde_json::from_slice(text).map_err(|_| unreadable())?;
        let digests = body.photos.iter().chain(body.signatures.iter().map(|s| &s.1));
        let sound = |d: &String| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit());
        let known = |who: &str| SIGNERS.iter().any(|s| s.0 == who);
        let few = body.photos.len() <= MAX_PHOTOS && body.signatures.len() <= SIGNERS.len() && body.also.len() <= MAX_CHILDREN;
        if !few || !digests.into_iter().all(sound) || !body.signatures.iter().all(|s| known(&s.0)) {
            return Err(unreadable());
        }
        Ok(body)
    }

    fn parts(&self) -> Vec<(&str, &str)> {
        let photos = self.photos.iter().map(|d| (d.as_str(), ""));
        photos.chain(self.signatures.iter().map(|(who, d)| (d.as_str(), who.as_str()))).collect()
    }

    /// How it is vouched for, in words.
    pub fn signed_label(&self) -> &'static str {
        Signed::find(&self.signed).map_or("", Signed::label)
    }
}

impl Office {
    /// Opens what was sealed to one of the installation's keys.
    async fn opened(&self, sealed: &[u8], purpose: &str) -> Result<Vec<u8>> {
        let number = seal::key_number(sealed).ok_or_else(unreadable)?;
        let keys = self.store.offline_keys().await?;
        let key = keys.iter().find(|k| k.id == number).ok_or_else(unreadable)?;
        seal::open(&key.private, sealed, purpose).ok_or_else(unreadable)
    }

    /// Takes a record from a phone. Sent once more, it is told what became of it; another text under its key is refused.
    pub async fn receive_record(&self, d: &OfflineDevice, key: &str, sealed: &[u8]) -> Result<Receipt> {
        if !is_key(key) {
            return Err(unreadable());
        }
        let plain = self.opened(sealed, key).await?;
        let record: Sealed = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
        if record.v > FORM || ![CONTACT, CHECK, REGISTER].contains(&record.kind.as_str()) {
            let said = "这条记录由更新的程序写成,服务器还不认识;请保留在手机里,等服务器升级后再上传";
            return Err(OfficeError::Asks { question: "newer", said: said.into() });
        }
        let text = serde_json::to_vec(&record.body).map_err(|_| unreadable())?;
        let body = Body::read(&record.kind, &text)?;
        let digest = hex(&Sha256::digest(&plain));
        if self.store.offline_record_by_key(key).await?.is_none() {
            if self.store.held_count(d.account).await? >= MAX_HELD {
                return Err(OfficeError::Conflict(format!("待处理的手机记录已有 {MAX_HELD} 条;请先登录处理,记录还在手机里")));
            }
            let new = NewRecord {
                key,
                device: d.id,
                account: d.account,
                kind: &record.kind,
                digest: &digest,
                case: match &body {
                    Body::Contact(c) => Some(c.case),
                    Body::Check(c) => Some(c.case),
                    Body::Register(_) => None,
                },
                place: match &body {
                    Body::Contact(_) | Body::Check(_) => None,
                    Body::Register(b) => Some(b.class.as_str()),
                },
                body: &text,
                at: self.now(),
                parts: match &body {
                    Body::Contact(c) => c.parts(),
                    Body::Check(_) | Body::Register(_) => Vec::new(),
                },
            };
            let mut tx = self.store.begin().await?;
            // of two that send it at once one writes it
            tx.add_offline_record(self.store.vault(), &new).await?;
            tx.commit_untold("what it becomes is told").await?;
        }
        let there = self.store.offline_record_by_key(key).await?.ok_or(OfficeError::NotFound)?;
        if there.account != d.account || there.digest != digest {
            let said = "同一编号已经上传过另一条记录;这一条还在手机里,请告诉系统管理员";
            return Err(OfficeError::Asks { question: "key-taken", said: said.into() });
        }
        let changed = if there.state == HELD { self.become_what_it_says(d, &there, &body).await? } else { false };
        self.receipt(key, changed).await
    }

    /// What became of a record.
    async fn receipt(&self, key: &str, changed: bool) -> Result<Receipt> {
        let r = self.store.offline_record_by_key(key).await?.ok_or(OfficeError::NotFound)?;
        let missing = match r.state.as_str() {
            PUT_ASIDE => Vec::new(),
            _ => self.store.parts_of(&r).await?.iter().filter(|p| p.file.is_none()).map(|p| p.n).collect(),
        };
        Ok(Receipt { key: r.key, state: r.state, said: r.said, changed, missing })
    }

    /// A record becomes the contact or register that it tells of, or waits and says why. True where the file had changed since it was seen.
    async fn become_what_it_says(&self, d: &OfflineDevice, r: &OfflineRecord, body: &Body) -> Result<bool> {
        let author = self.store.account(d.account).await?.ok_or(OfficeError::NotFound)?;
        let actor = self.store.actor(&author, self.clock.today()).await?;
        let refusal = match self.doubt_of(d).await? {
            Some(said) => said,
            None => match self.apply(&actor, r, body).await {
                Ok(changed) => return Ok(changed),
                // not the record's fault: it is sent once more
                Err(OfficeError::Store(e)) => return Err(e.into()),
                Err(e) => e.to_string(),
            },
        };
        let mut tx = self.store.begin().await?;
        tx.hold_offline_record(self.store.vault(), &r.key, &refusal).await?;
        if r.said.is_empty() {
            let what = kind_label(&r.kind);
            let said = format!("手机上传的一次{what}没有登记成,请在“手机记录”里处理");
            tx.tell(self.store.vault(), r.account, &said, self.now()).await?;
        }
        self.audit(&mut tx, &actor, Deed::HoldRecord, &format!("record:{}", r.id), &refusal).await?;
        tx.commit().await?;
        Ok(false)
    }

    async fn apply(&self, actor: &Actor, r: &OfflineRecord, body: &Body) -> Result<bool> {
        match body {
            Body::Contact(c) => self.register_contact(actor, r, c).await,
            Body::Register(b) => self.register_roll(actor, r, b).await,
            Body::Check(b) => self.register_check(actor, r, b).await,
        }
    }

    /// A check after a return. One that was made on the same day stands already: it came before, or somebody else made it.
    async fn register_check(&self, actor: &Actor, r: &OfflineRecord, b: &CheckBody) -> Result<bool> {
        let seen = self.seen_case(actor, b.case, None).await?;
        let made = seen.checks.iter().any(|c| c.done_on.as_deref() == Some(b.on.as_str()));
        if !made || !b.present {
            self.check_case(actor, b.case, seen.case.version, &b.on, b.present, &b.note).await?;
        }
        let mut tx = self.store.begin().await?;
        tx.settle_offline_record(self.store.vault(), &r.key, DONE, actor.account, self.now()).await?;
        tx.commit_untold("the check is told").await?;
        Ok(false)
    }

    /// A roll; true where another device had said otherwise.
    async fn register_roll(&self, actor: &Actor, r: &OfflineRecord, b: &RegisterBody) -> Result<bool> {
        let mut marks = std::collections::BTreeMap::new();
        for (child, mark, note, symptom) in &b.marks {
            let mark = Mark::find(mark).ok_or_else(unreadable)?;
            let whereabouts = b.whereabouts.iter().find(|w| w.0 == *child).map(|w| w.1.clone()).unwrap_or_default();
            let detail = MarkDetail { note: note.clone(), symptom: symptom.clone(), whereabouts, ..MarkDetail::default() };
            marks.insert(*child, (mark, detail));
        }
        let t = Taking {
            class: &b.class,
            day: &b.day,
            check: &b.check,
            base: b.base,
            key: &r.key,
            phone_at: (b.made_at > 0).then_some(b.made_at),
            device: Some(r.device),
            marks,
        };
        let taken = self.take_roll(actor, &t).await?;
        let mut tx = self.store.begin().await?;
        tx.settle_offline_record(self.store.vault(), &r.key, DONE, actor.account, self.now()).await?;
        tx.commit_untold("the register is its own record").await?;
        Ok(!taken.disagreements.is_empty())
    }

    async fn register_contact(&self, actor: &Actor, r: &OfflineRecord, body: &ContactBody) -> Result<bool> {
        let mut case = body.case;
        let mut changed = false;
        for _ in 0..MAX_JOINED {
            let seen = self.seen_case(actor, case, None).await?;
            changed = body.version > 0 && seen.case.version != body.version;
            match seen.case.joined_into {
                Some(other) => case = other,
                None => break,
            }
        }
        let mut detail = body.detail.clone();
        if body.made_at > 0 {
            detail.phone_time = civil(body.made_at).strftime("%Y-%m-%d %H:%M").to_string();
        }
        if actor.account != r.account && detail.typed_for.is_empty() {
            detail.typed_for = r.by.clone();
        }
        let c = Contacting {
            key: &r.key,
            kind: &body.kind,
            on: &body.on,
            outcome: &body.outcome,
            signed: &body.signed,
            detail,
            also: body.also.clone(),
        };
        let signers = body.signatures.iter().filter_map(|s| SIGNERS.iter().find(|k| k.0 == s.0).map(|k| k.0));
        let kept = Kept { later: (body.photos.len(), signers.collect()), ..Kept::default() };
        self.record_contact(actor, case, &c, kept).await?;
        let contact = self.store.contact_number(&r.key).await?.ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        if tx.settle_offline_record(self.store.vault(), &r.key, DONE, actor.account, self.now()).await? {
            for (file, role) in tx.arrived_parts(r.id).await? {
                add_part(&mut tx, contact, file, &role).await?;
            }
        }
        tx.commit_untold("the contact is told").await?;
        Ok(changed)
    }

    /// A photo or signature that a record promised. It is what was promised, or it is refused.
    pub async fn receive_part(&self, d: &OfflineDevice, key: &str, n: i64, sealed: &[u8]) -> Result<Receipt> {
        let r = self.store.offline_record_by_key(key).await?.filter(|r| r.account == d.account).ok_or(OfficeError::NotFound)?;
        let part = self.store.parts_of(&r).await?.into_iter().find(|p| p.n == n);
        let Some(part) = part.filter(|p| p.file.is_none()) else { return self.receipt(key, false).await };
        let bytes = self.opened(sealed, &purpose(key, Some(n))).await?;
        if hex(&Sha256::digest(&bytes)) != part.digest {
            return Err(OfficeError::Input("照片和记录里写的不是同一张,没有登记;请在电脑上补传".into()));
        }
        let proof = self.keep_proof(&format!("手机照片{}", n + 1), bytes).await?;
        self.put_part(&r, &part, &proof, d.account).await?;
        self.receipt(key, false).await
    }

    async fn put_part(&self, r: &OfflineRecord, part: &OfflinePart, proof: &KeptProof, by: i64) -> Result<()> {
        let contact = self.store.contact_number(&r.key).await?;
        let mut tx = self.store.begin().await?;
        let Some((id, state)) = tx.lock_offline_record(&r.key).await? else { return Err(OfficeError::NotFound) };
        if state == PUT_ASIDE {
            return Ok(());
        }
        let file = tx.add_file(&self.store, &NewFile { at: self.now(), by, ..proof.file() }).await?;
        if !tx.part_arrived(id, part.n, file).await? {
            return Ok(());
        }
        if state == DONE {
            // settled between the two questions: sent once more
            let contact = contact.ok_or_else(|| OfficeError::Conflict("正在登记,请稍后再传".into()))?;
            add_part(&mut tx, contact, file, &part.role).await?;
        }
        tx.commit_untold("the contact is told").await?;
        Ok(())
    }

    /// Records that wait for somebody: her own, and those about cases of her county whose authors cannot.
    pub async fn held_records(&self, actor: &Actor) -> Result<Vec<OfflineRecord>> {
        let mut all = self.store.held_records(actor.account, MAX_HELD).await?;
        if let Ok(j) = actor.jurisdiction(Action::DecideCase) {
            all.extend(self.store.held_records_about(&j, actor.account, MAX_HELD).await?);
        }
        // a class's roll waits for whoever may take it
        if let Ok(j) = actor.jurisdiction(Action::TakeRoll) {
            all.extend(self.store.held_rolls_about(&j, actor.account, MAX_HELD).await?);
        }
        Ok(all)
    }

    /// One of them, with its words and pictures.
    pub async fn held_record(&self, actor: &Actor, id: i64) -> Result<HeldRecord> {
        let all = self.held_records(actor).await?;
        let record = all.into_iter().find(|r| r.id == id).ok_or(OfficeError::NotFound)?;
        let parts = self.store.parts_of(&record).await?;
        let body = Body::read(&record.kind, &record.body)?;
        Ok(HeldRecord { record, body, parts })
    }

    /// A picture of a record that waits.
    pub async fn held_part(&self, actor: &Actor, id: i64, n: i64) -> Result<(String, Vec<u8>)> {
        let held = self.held_record(actor, id).await?;
        let part = held.parts.into_iter().find(|p| p.n == n);
        let (stored, media) = part.and_then(|p| p.stored).ok_or(OfficeError::NotFound)?;
        let store = self.store.clone();
        let bytes = tokio::task::spawn_blocking(move || store.read_file(&stored)).await.map_err(|_| OfficeError::NotFound)??;
        self.note(actor, Deed::ViewProof, &format!("record:{id}"), "").await?;
        Ok((media, bytes))
    }

    /// 再提交 of a check: of another day, where the phone's clock was wrong.
    pub async fn submit_held_check(&self, actor: &Actor, id: i64, day: &str) -> Result<()> {
        let held = self.held_record(actor, id).await?;
        let Body::Check(body) = held.body else { return Err(OfficeError::NotFound) };
        let mended = CheckBody { on: if day.is_empty() { body.on.clone() } else { day.to_owned() }, ..body };
        self.register_check(actor, &held.record, &mended).await?;
        self.note(actor, Deed::SettleRecord, &format!("record:{id}"), "登记").await
    }

    /// 再提交 of a roll: of another day, where the phone's clock was wrong; its address.
    pub async fn submit_held_roll(&self, actor: &Actor, id: i64, day: &str) -> Result<()> {
        let held = self.held_record(actor, id).await?;
        let Body::Register(body) = held.body else { return Err(OfficeError::NotFound) };
        let mended = RegisterBody { day: if day.is_empty() { body.day.clone() } else { day.to_owned() }, ..body };
        self.register_roll(actor, &held.record, &mended).await?;
        self.note(actor, Deed::SettleRecord, &format!("record:{id}"), "登记").await
    }

    /// 再提交 of a contact: as it is, or as its author mended it.
    pub async fn submit_held(&self, actor: &Actor, id: i64, mended: ContactBody) -> Result<i64> {
        let held = self.held_record(actor, id).await?;
        let Body::Contact(sent) = held.body else { return Err(OfficeError::NotFound) };
        // what was photographed and signed is what was sent
        let body = ContactBody { photos: sent.photos, signatures: sent.signatures, made_at: sent.made_at, version: 0, ..mended };
        self.register_contact(actor, &held.record, &body).await?;
        self.note(actor, Deed::SettleRecord, &format!("record:{id}"), "登记").await?;
        Ok(body.case)
    }

    /// 放弃: it becomes nothing, and its words and pictures are gone; who did and why stays in the log.
    pub async fn put_held_aside(&self, actor: &Actor, id: i64, reason: &str) -> Result<()> {
        let held = self.held_record(actor, id).await?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(OfficeError::field("reason", "请写明为什么不登记"));
        }
        let reason: String = reason.chars().take(200).collect();
        let mut tx = self.store.begin().await?;
        if !tx.settle_offline_record(self.store.vault(), &held.record.key, PUT_ASIDE, actor.account, self.now()).await? {
            return Err(OfficeError::Conflict("这条记录刚被处理过".into()));
        }
        tx.forget_parts(id).await?;
        self.audit(&mut tx, actor, Deed::SettleRecord, &format!("record:{id}"), &format!("放弃:{reason}")).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A picture of a contact came.
async fn add_part(tx: &mut Tx, contact: i64, file: i64, role: &str) -> Result<()> {
    match role {
        "" => tx.add_proof(Subject::Contact(contact), file).await?,
        role => tx.add_signature(Subject::Contact(contact), file, role).await?,
    }
    Ok(tx.awaited_came(contact).await?)
}
