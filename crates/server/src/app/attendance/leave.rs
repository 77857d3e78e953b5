//! 请假 (leave): asked for a child, granted by whoever the length asks for; what is granted excuses, from whatever day it is known.

use baoxue_domain::access::{Action, Actor, Deed, Role};
use baoxue_domain::attendance::{Approver, LeaveKind, LeaveState, approver_of};
use baoxue_domain::calendar::Half;
use baoxue_domain::place::PlacePath;
use baoxue_store::{ChildRow, Leave, LeaveDetail};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::app::case::opening::{MAX_LINE, day_of, text_of};
use crate::app::office::{Office, OfficeError, Result};

/// Days of a leave at most: longer ones are 休学.
const LONGEST: i32 = 92;
/// Days back for which a leave is still written down.
const LATE_DAYS: i64 = 30;
/// Leaves that a list shows.
pub const SHOWN: i64 = 300;

/// A leave, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Asking<'a> {
    pub kind: &'a str,
    pub from: &'a str,
    pub from_half: &'a str,
    pub to: &'a str,
    pub to_half: &'a str,
    pub asked_for: &'a str,
    pub reason: &'a str,
    pub proof: &'a str,
}

fn half(text: &str, unless: Half) -> Half {
    match text {
        "morning" => Half::Morning,
        "afternoon" => Half::Afternoon,
        _ => unless,
    }
}

impl Office {
    /// A child of a class of one's own.
    pub async fn own_pupil(&self, actor: &Actor, child: i64, action: Action) -> Result<(ChildRow, PlacePath)> {
        let j = actor.jurisdiction(action)?;
        let c = self.store.child(child, &j).await?.ok_or(OfficeError::NotFound)?;
        let class = c.school_path.as_deref().filter(|p| j.covers(p)).and_then(PlacePath::parse);
        Ok((c, class.ok_or(OfficeError::NotFound)?))
    }

    /// Who grants a leave, by its school days and those of leaves that adjoin it: six single days are six days. What takes back an absence that was
    /// warned of is not the class teacher's own to grant.
    async fn approver(&self, class: &PlacePath, child: i64, (from, to): (Date, Date), but: i64) -> Result<(Approver, usize)> {
        let calendar = self.calendars().await?.of(class);
        let p = self.policy(class.county().as_ref()).await?;
        let (mut from, mut to, asked) = (from, to, from);
        let earliest = from.saturating_sub(i64::from(LONGEST).days());
        let mut others = self.store.leaves_in(&[child], earliest, &[LeaveState::Asked, LeaveState::Granted]).await?;
        others.retain(|l| l.id != but);
        let adjoins = |a: Date, b: Date| calendar.school_days(a.saturating_add(1.days()), b.saturating_sub(1.days())).is_empty();
        while let Some(i) =
            others.iter().position(|l| (l.to.0 < from && adjoins(l.to.0, from)) || (to < l.from.0 && adjoins(to, l.from.0)))
        {
            let l = others.swap_remove(i);
            (from, to) = (from.min(l.from.0), to.max(l.to.0));
        }
        let days = calendar.school_days(from, to).len();
        let needed = approver_of(days, p.leave_teacher_days, p.leave_dean_days);
        let warned = self.store.warnings_of(&[child], asked).await?.into_iter().any(|w| w.days.0 <= to && asked <= w.days.1);
        let needed = if warned && asked < self.clock.today() { needed.max(Approver::Dean) } else { needed };
        Ok((needed, days))
    }

    /// Whether somebody grants what needs an approver: whoever stands above may too.
    fn grants(actor: &Actor, class: &PlacePath, needed: Approver) -> bool {
        let rank = |r: Role| match r {
            Role::ClassTeacher => Some(Approver::ClassTeacher),
            Role::Dean => Some(Approver::Dean),
            Role::Principal => Some(Approver::Principal),
            _ => None,
        };
        let holds = |p: &PlacePath| p == class || p.holds(class);
        actor.grants.iter().any(|g| holds(&g.path) && rank(g.role).is_some_and(|r| r >= needed))
    }

    /// 请假: written down by a teacher for a family; granted at once where whoever writes it may grant it.
    pub async fn ask_leave(&self, actor: &Actor, child: i64, a: &Asking<'_>) -> Result<LeaveState> {
        let (c, class) = self.own_pupil(actor, child, Action::TakeRoll).await?;
        let kind = LeaveKind::find(a.kind).ok_or_else(|| OfficeError::field("kind", "请选择病假或事假"))?;
        let from = day_of("from", a.from)?.ok_or_else(|| OfficeError::field("from", "请填写从哪天起"))?;
        let to = day_of("to", a.to)?.unwrap_or(from);
        let (from, to) = ((from, half(a.from_half, Half::Morning)), (to, half(a.to_half, Half::Afternoon)));
        let days = from.0.until(to.0).map(|s| s.get_days()).unwrap_or(-1);
        let backward = days == 0 && from.1 == Half::Afternoon && to.1 == Half::Morning;
        if !(0..LONGEST).contains(&days) || backward {
            let said = format!("止应在起之后;超过 {LONGEST} 天的请办理休学");
            return Err(OfficeError::field("to", said));
        }
        let today = self.clock.today();
        let (earliest, latest) = (today.saturating_sub(LATE_DAYS.days()), today.saturating_add(i64::from(LONGEST).days()));
        if from.0 < earliest || to.0 > latest {
            return Err(OfficeError::field("from", format!("只能登记 {earliest} 至 {latest} 之间的假")));
        }
        let others = self.store.leaves_in(&[child], earliest, &[LeaveState::Asked, LeaveState::Granted]).await?;
        if let Some(l) = others.iter().find(|l| l.from.0 <= to.0 && from.0 <= l.to.0) {
            return Err(OfficeError::field("from", format!("已有一次请假:{} 至 {}({})", l.from.0, l.to.0, l.state.label())));
        }
        let detail = LeaveDetail {
            asked_for: text_of("asked_for", a.asked_for, MAX_LINE)?,
            reason: text_of("reason", a.reason, MAX_LINE)?,
            proof: text_of("proof", a.proof, MAX_LINE)?,
            answer: String::new(),
        };
        if detail.reason.is_empty() {
            return Err(OfficeError::field("reason", "请写明事由"));
        }
        let (needed, _) = self.approver(&class, child, (from.0, to.0), 0).await?;
        let at_once = Self::grants(actor, &class, needed);
        let state = if at_once { LeaveState::Granted } else { LeaveState::Asked };
        let leave = Leave {
            id: 0,
            child: c.id,
            class: class.to_string(),
            kind,
            from,
            to,
            state: LeaveState::Asked,
            detail,
            asked_at: self.now(),
            asked_by: actor.account,
            by: String::new(),
            decided_by: None,
            version: 1,
        };
        let mut tx = self.store.begin().await?;
        let id = tx.add_leave(self.store.vault(), &leave).await?;
        let said = format!("{} {} 至 {}", kind.label(), from.0, to.0);
        self.audit(&mut tx, actor, Deed::AskLeave, &format!("child:{child}"), &said).await?;
        if at_once {
            let granted = Leave { id, state, ..leave };
            tx.decide_leave(self.store.vault(), &granted, actor.account, self.now()).await?;
            self.audit(&mut tx, actor, Deed::DecideLeave, &format!("child:{child}"), &format!("准:{said}")).await?;
        }
        tx.commit().await?;
        if at_once {
            self.assess(&[child]).await?;
        }
        Ok(state)
    }

    /// 准假、不准: by whoever the length asks for, or above.
    pub async fn decide_leave(&self, actor: &Actor, id: i64, version: i64, grant: bool, answer: &str) -> Result<()> {
        let j = actor.jurisdiction(Action::GrantLeave)?;
        let l = self.store.leave(id, &j).await?.ok_or(OfficeError::NotFound)?;
        if l.version != version || l.state != LeaveState::Asked {
            return Err(OfficeError::Conflict(format!("这次请假刚被处理过,现在是“{}”", l.state.label())));
        }
        let class = PlacePath::parse(&l.class).ok_or(OfficeError::NotFound)?;
        let (needed, days) = self.approver(&class, l.child, (l.from.0, l.to.0), l.id).await?;
        if !Self::grants(actor, &class, needed) {
            return Err(OfficeError::Input(format!(
                "{days} 个上课日的假由{}批(连着的合在一起算,补请已预警的由年级组长或教务处批)",
                needed.label()
            )));
        }
        let answer = text_of("answer", answer, MAX_LINE)?;
        if !grant && answer.is_empty() {
            return Err(OfficeError::field("answer", "不准的请写明原因"));
        }
        let state = if grant { LeaveState::Granted } else { LeaveState::Refused };
        self.put_leave(actor, Leave { state, detail: LeaveDetail { answer, ..l.detail.clone() }, ..l }).await
    }

    /// 销假: the child is back before the leave's end; or it was written down by mistake.
    pub async fn end_leave(&self, actor: &Actor, id: i64, version: i64) -> Result<()> {
        let j = actor.jurisdiction(Action::TakeRoll)?;
        let l = self.store.leave(id, &j).await?.ok_or(OfficeError::NotFound)?;
        if l.version != version {
            return Err(OfficeError::Conflict(format!("这次请假刚被处理过,现在是“{}”", l.state.label())));
        }
        let today = self.clock.today();
        // what has begun ends yesterday, so that the days before stay excused
        let back = match today.yesterday() {
            Ok(y) if l.state == LeaveState::Granted && l.from.0 <= y => Leave { to: (y.min(l.to.0), Half::Afternoon), ..l },
            _ => Leave { state: LeaveState::Ended, ..l },
        };
        self.put_leave(actor, back).await
    }

    async fn put_leave(&self, actor: &Actor, l: Leave) -> Result<()> {
        let mut tx = self.store.begin().await?;
        if !tx.decide_leave(self.store.vault(), &l, actor.account, self.now()).await? {
            return Err(OfficeError::Conflict("这次请假刚被别人处理过,请刷新后再看".into()));
        }
        let said = format!("{}:{} 至 {}", l.state.label(), l.from.0, l.to.0);
        self.audit(&mut tx, actor, Deed::DecideLeave, &format!("child:{}", l.child), &said).await?;
        tx.commit().await?;
        self.assess(&[l.child]).await
    }

    /// 有辍学倾向: watched before any absence, or no longer.
    pub async fn watch_child(&self, actor: &Actor, child: i64, reason: Option<&str>) -> Result<()> {
        let (_, class) = self.own_pupil(actor, child, Action::TakeRoll).await?;
        let mut tx = self.store.begin().await?;
        match reason {
            Some(r) => {
                let r = text_of("reason", r, MAX_LINE)?;
                if r.is_empty() {
                    return Err(OfficeError::field("reason", "请写明看到了什么"));
                }
                if !self.store.watched(&[child]).await?.is_empty() {
                    return Err(OfficeError::Conflict("已经在关注".into()));
                }
                tx.watch(self.store.vault(), child, class.as_str(), &r, actor.account, self.now()).await?;
            }
            None => {
                if !tx.end_watch(child, actor.account, self.now()).await? {
                    return Err(OfficeError::Conflict("已经不在关注中".into()));
                }
            }
        }
        let said = if reason.is_some() { "开始" } else { "结束" };
        self.audit(&mut tx, actor, Deed::Watch, &format!("child:{child}"), said).await?;
        tx.commit().await?;
        Ok(())
    }
}
