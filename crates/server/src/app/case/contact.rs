//! 登记联系家访 (contacts): one call or visit is written down once, for all children of whom it spoke.

use baoxue_domain::access::{Actor, Deed};
use baoxue_domain::case::{CaseStep, ContactKind, Signed, check_contact, check_day, codes, find, told};
use baoxue_store::{ContactDetail, NewContact, NewEvent, NewFile, Subject};
use jiff::civil::Date;

use super::opening::{MAX_LINE, MAX_TEXT, day_of, text_of};
use super::work::Seen;
use crate::app::finding::dispatch::KeptProof;
use crate::app::office::{Office, OfficeError, Result};

/// Children of one visit: brothers and sisters, or ten at a village.
pub const MAX_CHILDREN: usize = 20;
/// Photos of one record.
pub const MAX_PHOTOS: usize = 9;
/// Whose signatures there are, code and word.
pub const SIGNERS: [(&str, &str); 3] = [("guardian", "家长"), ("school", "学校"), ("cadre", "村(社区)干部")];
/// Times that a record is tried against people who work on the same file.
const TRIES: usize = 4;
/// Characters of the key of a record.
const KEY: std::ops::RangeInclusive<usize> = 16..=64;

/// A call or visit, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Contacting<'a> {
    /// 128 random bits of where it was recorded.
    pub key: &'a str,
    pub kind: &'a str,
    pub on: &'a str,
    pub outcome: &'a str,
    pub signed: &'a str,
    pub detail: ContactDetail,
    /// Other files of whose children it spoke too.
    pub also: Vec<i64>,
}

/// What a record brings along: photos, and signatures with whose they are.
#[derive(Default)]
pub struct Kept {
    pub photos: Vec<KeptProof>,
    pub signatures: Vec<(&'static str, KeptProof)>,
    /// Photos that a phone sends after it, and whose signatures.
    pub later: (usize, Vec<&'static str>),
}

struct Checked {
    kind: ContactKind,
    on: Date,
    signed: Option<Signed>,
    detail: ContactDetail,
}

impl Office {
    fn checked(&self, c: &Contacting<'_>, kept: &Kept) -> Result<Checked> {
        let hex = c.key.bytes().all(|b| b.is_ascii_hexdigit());
        if !KEY.contains(&c.key.len()) || !hex {
            return Err(OfficeError::Input("这张表缺少记录编号,请刷新页面再填".into()));
        }
        let kind = ContactKind::find(c.kind).ok_or_else(|| OfficeError::field("kind", "请选择联系方式"))?;
        let on = day_of("on", c.on)?.ok_or_else(|| OfficeError::field("on", "请填写日期"))?;
        if find(&codes().outcome, c.outcome).is_none() {
            return Err(OfficeError::field("outcome", "请选择联系结果"));
        }
        let known = |list, code: &str, field| match code.is_empty() || find(list, code).is_some() {
            true => Ok(code.to_owned()),
            false => Err(OfficeError::field(field, "请从列表中选择")),
        };
        let d = &c.detail;
        let detail = ContactDetail {
            people: text_of("people", &d.people, MAX_LINE)?,
            met: text_of("met", &d.met, MAX_LINE)?,
            words: text_of("words", &d.words, MAX_TEXT)?,
            attitude: known(&codes().attitude, &d.attitude, "attitude")?,
            wish: known(&codes().wish, &d.wish, "wish")?,
            witness: text_of("witness", &d.witness, MAX_LINE)?,
            typed_for: text_of("typed_for", &d.typed_for, MAX_LINE)?,
            next: text_of("next", &d.next, MAX_LINE)?,
            phone_time: text_of("on", &d.phone_time, MAX_LINE)?,
            position: text_of("words", &d.position, MAX_LINE)?,
        };
        let signed = Signed::find(c.signed);
        let (photos, later) = (kept.photos.len() + kept.later.0, kept.later.1.iter().copied());
        let signers: std::collections::BTreeSet<&str> = kept.signatures.iter().map(|s| s.0).chain(later).collect();
        if photos > MAX_PHOTOS {
            return Err(OfficeError::field("photos", format!("照片最多 {MAX_PHOTOS} 张")));
        }
        check_contact(kind, photos, signed, signers.len(), &detail.witness, c.outcome)?;
        Ok(Checked { kind, on, signed: signed.filter(|_| kind.is_visit()), detail })
    }

    /// Writes a call or visit down. False: this record was sent before, and is there already.
    pub async fn record_contact(&self, actor: &Actor, id: i64, c: &Contacting<'_>, kept: Kept) -> Result<bool> {
        let checked = self.checked(c, &kept)?;
        let mut ids = vec![id];
        for other in &c.also {
            if !ids.contains(other) {
                ids.push(*other);
            }
        }
        if ids.len() > MAX_CHILDREN {
            return Err(OfficeError::Input(format!("一次联系最多登记 {MAX_CHILDREN} 名儿童")));
        }
        // a record moves nothing that another person decides: what she did meanwhile stands, and this is added to it
        for _ in 0..TRIES {
            let mut seen = Vec::with_capacity(ids.len());
            for id in &ids {
                let s = self.seen_case(actor, *id, None).await?;
                s.relation.ask_record()?;
                check_day(checked.on, s.case.opened_on, self.clock.today())?;
                seen.push(s);
            }
            match self.write_contact(actor, &seen, c, &checked, &kept).await {
                Err(OfficeError::Conflict(said)) if seen.iter().any(|s| !s.case.facts.state.is_open()) => {
                    return Err(OfficeError::Conflict(said));
                }
                Err(OfficeError::Conflict(_)) => {}
                other => return other,
            }
        }
        Err(OfficeError::Conflict("这份档案正有多人同时办理,请再提交一次;填写的内容不会丢".into()))
    }

    async fn write_contact(
        &self,
        actor: &Actor,
        seen: &[Seen],
        c: &Contacting<'_>,
        checked: &Checked,
        kept: &Kept,
    ) -> Result<bool> {
        let unit = actor.places(baoxue_domain::access::Action::WorkCase)?.first().map(|p| p.to_string());
        let new = NewContact {
            key: c.key,
            kind: checked.kind,
            on: checked.on,
            outcome: c.outcome,
            signed: checked.signed,
            detail: &checked.detail,
            at: self.now(),
            by: actor.account,
            unit: unit.as_deref(),
            awaited: (kept.later.0 + kept.later.1.len()) as i64,
        };
        let numbers: Vec<i64> = seen.iter().map(|s| s.case.id).collect();
        let last = self.store.last_contacts(&numbers).await?;
        let mut tx = self.store.begin().await?;
        let Some(contact) = tx.add_contact(&self.store, &new, &numbers).await? else {
            drop(tx);
            let mut sorted = numbers;
            sorted.sort_unstable();
            let there = self.store.contact_of_key(c.key).await?;
            if there.is_some_and(|t| t.0 == actor.account && t.1 == sorted && t.2 == new.said()) {
                return Ok(false);
            }
            let said = "这张表已经登记过另一次联系;请刷新页面后重新填写,填好的文字可以先复制下来";
            return Err(OfficeError::Input(said.into()));
        };
        for (p, role) in kept.photos.iter().map(|p| (p, "")).chain(kept.signatures.iter().map(|(r, p)| (p, *r))) {
            let file = tx.add_file(&self.store, &NewFile { at: self.now(), by: actor.account, ..p.file() }).await?;
            match role {
                "" => tx.add_proof(Subject::Contact(contact), file).await?,
                role => tx.add_signature(Subject::Contact(contact), file, role).await?,
            }
        }
        let late = if checked.on < self.clock.today() { "(补录)" } else { "" };
        let outcome = told(&codes().outcome, c.outcome, true);
        let said = format!("{} {}{late}:{outcome}", checked.on, checked.kind.label());
        for s in seen {
            let step = CaseStep::Contact { visit: checked.kind.is_visit() };
            let e = NewEvent::by(step.code(), &said, actor.account, self.now());
            if checked.on < s.case.episode_from {
                // of before the child left again: kept, and no attempt of now
                tx.add_event(&self.store, Subject::Case(s.case.id), &e, None).await?;
            } else {
                let newest = last.get(&s.case.id).and_then(|d| d.parse().ok()).unwrap_or(checked.on).max(checked.on);
                self.take_on(&mut tx, s, step, &e, newest).await?;
            }
            self.audit(&mut tx, actor, Deed::RecordContact, &format!("case:{}", s.case.id), checked.kind.label()).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// 佐证: files of a case itself, for a clearing or whatever else is to be proved.
    pub async fn add_case_proofs(&self, actor: &Actor, id: i64, kept: Vec<KeptProof>) -> Result<usize> {
        let s = self.seen_case(actor, id, None).await?;
        s.relation.ask_record()?;
        if !s.case.facts.state.is_open() {
            return Err(OfficeError::Conflict("档案已经结束,不能再加佐证;需要时请重新打开".into()));
        }
        if kept.is_empty() {
            return Err(OfficeError::field("proofs", "请选择照片或 PDF"));
        }
        let before = self.store.proofs_of(&s.case).await?.len();
        if before + kept.len() > crate::app::finding::dispatch::MAX_PROOFS {
            let most = crate::app::finding::dispatch::MAX_PROOFS;
            return Err(OfficeError::field("proofs", format!("一份档案的佐证材料最多 {most} 份")));
        }
        let mut tx = self.store.begin().await?;
        for p in &kept {
            let file = tx.add_file(&self.store, &NewFile { at: self.now(), by: actor.account, ..p.file() }).await?;
            tx.add_proof(Subject::Case(id), file).await?;
        }
        let said = format!("佐证材料 {} 份", kept.len());
        tx.add_event(&self.store, Subject::Case(id), &NewEvent::by("proof", &said, actor.account, self.now()), None).await?;
        self.audit(&mut tx, actor, Deed::StepCase, &format!("case:{id}"), &said).await?;
        tx.commit().await?;
        Ok(kept.len())
    }
}
