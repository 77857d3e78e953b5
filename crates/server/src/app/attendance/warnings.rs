//! 处理预警 (handling warnings): a call is a contact of part 7's one record; what was found out is checked within its time.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::attendance::Level;
use baoxue_domain::calendar::Workdays;
use baoxue_domain::case::{ContactKind, codes, find, told};
use baoxue_domain::task::TaskState;
use baoxue_store::{CaseFile, ContactDetail, NewContact, NewEvent, NewTask, Subject, Warning, random};

use crate::app::case::opening::{MAX_LINE, MAX_TEXT, text_of};
use crate::app::clock::moment;
use crate::app::office::{Office, OfficeError, Result};

/// Working days in which a warning that was called about is looked into.
const CHECK_DAYS: u32 = 2;

/// A call about a warning.
#[derive(Debug, Clone, Default)]
pub struct Calling<'a> {
    pub key: &'a str,
    pub kind: &'a str,
    pub outcome: &'a str,
    pub met: &'a str,
    pub words: &'a str,
}

fn stale(w: &Warning) -> OfficeError {
    let now = if w.is_open() { "有新的变化" } else { "已解除或撤销" };
    OfficeError::Conflict(format!("这条预警刚被处理过,{now}。请刷新页面看最新情况"))
}

impl Office {
    /// The day on which a child whose file a warning opened was in class again, by the newest of its warnings.
    pub async fn back_in_class(&self, k: &CaseFile) -> Result<Option<String>> {
        let all = self.store.warnings_of(&[k.child], k.episode_from).await?;
        let newest = all.into_iter().filter(|w| w.case == Some(k.id)).max_by_key(|w| w.days.1);
        Ok(newest.and_then(|w| w.closed).filter(|c| c.1 == "present").map(|c| c.0))
    }

    /// A warning that an actor may see.
    pub async fn seen_warning(&self, actor: &Actor, id: i64, action: Action) -> Result<Warning> {
        self.store.warning(id, &actor.jurisdiction(action)?).await?.ok_or(OfficeError::NotFound)
    }

    /// 联系家长: within the hour, and as often as it takes. Where the child has a file, it is a contact of that too.
    pub async fn call_about(&self, actor: &Actor, id: i64, c: &Calling<'_>) -> Result<()> {
        let w = self.seen_warning(actor, id, Action::HandleWarnings).await?;
        let kind =
            ContactKind::find(c.kind).filter(|k| !k.is_visit()).ok_or_else(|| OfficeError::field("kind", "请选择联系方式"))?;
        find(&codes().outcome, c.outcome).ok_or_else(|| OfficeError::field("outcome", "请选择联系结果"))?;
        let detail = ContactDetail {
            met: text_of("met", c.met, MAX_LINE)?,
            words: text_of("words", c.words, MAX_TEXT)?,
            ..ContactDetail::default()
        };
        let key = match c.key.len() {
            32 => c.key.to_owned(),
            _ => random::<16>()?.iter().map(|b| format!("{b:02x}")).collect(),
        };
        let today = self.clock.today();
        let unit = actor.places(Action::HandleWarnings)?.first().map(|p| p.to_string());
        let new = NewContact {
            key: &key,
            kind,
            on: today,
            outcome: c.outcome,
            signed: None,
            detail: &detail,
            at: self.now(),
            by: actor.account,
            unit: unit.as_deref(),
            awaited: 0,
        };
        let mut tx = self.store.begin().await?;
        let cases: Vec<i64> = w.case.into_iter().collect();
        // the same record sent twice is one; another one under its key is not lost in silence
        let Some(contact) = tx.add_contact(&self.store, &new, &cases).await? else {
            drop(tx);
            let there = self.store.contact_of_key(&key).await?;
            if there.is_some_and(|t| t.0 == actor.account && t.2 == new.said()) && w.called_at.is_some() {
                return Ok(());
            }
            return Err(OfficeError::Input("这张表已经登记过另一次联系;请刷新页面后重新填写".into()));
        };
        tx.contact_of_warning(contact, w.id).await?;
        if !tx.handle_warning(&w, true, false, self.now()).await? {
            return Err(stale(&w));
        }
        let mut said = format!("{} {}:{}", today, kind.label(), told(&codes().outcome, c.outcome, true));
        if !detail.words.is_empty() {
            said += &format!(",{}", detail.words);
        }
        tx.add_event(&self.store, Subject::Warning(id), &NewEvent::by("call", &said, actor.account, self.now()), None).await?;
        // called in time: now it is to be looked into
        if w.is_open()
            && w.level == Level::Blue
            && let Some(unit) = w.unit_path.as_deref()
        {
            let deadline = moment(Workdays::national().deadline(today, CHECK_DAYS));
            tx.put_task(
                Subject::Warning(id),
                Some(&NewTask { unit, lead: None, state: TaskState::Waiting, deadline: Some(deadline) }),
            )
            .await?;
        }
        self.audit(&mut tx, actor, Deed::RecordContact, &format!("warning:{id}"), kind.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 核查: what was found out, within 48 hours. The warning itself closes by facts: the child is there, a leave is written down.
    pub async fn check_warning(&self, actor: &Actor, id: i64, version: i64, said: &str) -> Result<()> {
        let w = self.seen_warning(actor, id, Action::HandleWarnings).await?;
        if w.version != version {
            return Err(stale(&w));
        }
        let said = text_of("said", said, MAX_TEXT)?;
        if said.is_empty() {
            return Err(OfficeError::field("said", "请写明核查到的情况"));
        }
        let mut tx = self.store.begin().await?;
        if !tx.handle_warning(&w, false, true, self.now()).await? {
            return Err(stale(&w));
        }
        tx.add_event(&self.store, Subject::Warning(id), &NewEvent::by("check", &said, actor.account, self.now()), None).await?;
        tx.put_task(Subject::Warning(id), None).await?;
        self.audit(&mut tx, actor, Deed::HandleWarning, &format!("warning:{id}"), "核查").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Warnings that wait for one's own unit itself; with `late` those of them over their deadline.
    pub async fn waiting_warnings(&self, actor: &Actor, late: bool) -> Result<i64> {
        let Ok(places) = actor.places(Action::HandleWarnings) else { return Ok(0) };
        let units: Vec<String> = places.iter().map(|p| p.to_string()).collect();
        Ok(self.store.warnings_waiting(&units, late.then(|| self.now())).await?)
    }
}
