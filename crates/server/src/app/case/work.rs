//! 办理 (work): the steps of a file, each in one transaction with its event, deadline, place on the ledgers and row in the log.

use std::collections::BTreeSet;

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::calendar::Workdays;
use baoxue_domain::case::{Ask, CaseFacts, CaseState, CaseStep, Due, Taken, check_day, codes, find, told};
use baoxue_domain::ledger::disposition;
use baoxue_domain::place::PlacePath;
use baoxue_domain::task::TaskState;
use baoxue_store::{
    AskDetail, CaseChange, CaseCheck, CaseFile, CaseReturn, ChildRow, NewEvent, NewTask, Owned, ReturnDetail, Story, Tx,
};
use jiff::ToSpan;
use jiff::civil::Date;

use super::opening::{MAX_LINE, MAX_TEXT, cause_of, day_of, text_of};
use super::rules::{Relation, check_days, county_of, of_newest_return, thresholds};
use crate::app::clock::civil;
use crate::app::office::{Office, OfficeError, Result};

/// Files that are given to a unit at a time.
pub const MAX_ASSIGNED: usize = 2_000;
/// Working days that a unit has at least after its question was refused.
const REFUSED_DAYS: u32 = 2;
/// Days before a check is due on which it may be made.
pub const EARLY_DAYS: i64 = 5;
/// Units that vouch for a conclusion beside the one that asks.
const MAX_VOUCHED: usize = 5;

/// A file as an actor sees it, with what every step needs.
pub struct Seen {
    pub case: CaseFile,
    pub child: ChildRow,
    pub relation: Relation,
    pub checks: Vec<CaseCheck>,
}

/// What a step brings along.
#[derive(Default)]
struct Move<'a> {
    /// Who owns it from now on, where that changes.
    unit: Option<&'a str>,
    lead: Option<i64>,
    change: CaseChange<'a>,
    /// From which day the deadline runs, and what is established holds; today where nothing is said.
    on: Option<Date>,
    /// The deadline itself, where it is not one of the rules'.
    deadline: Option<i64>,
    /// Code of the conclusion of a clearing.
    conclusion: &'a str,
    /// What becomes of what was asked; overtaken where nobody says.
    answer: Option<&'a str>,
    /// Checks as they are after the step.
    checks: Option<Vec<CaseCheck>>,
}

/// What is asked of the bureau or another unit.
#[derive(Debug, Clone, Default)]
pub struct Asking<'a> {
    /// Code of the conclusion of a clearing.
    pub conclusion: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The two who found it out.
    pub checkers: &'a str,
    /// Other units that vouch, one a line.
    pub vouched: &'a str,
    /// The unit that is to take it over.
    pub target: Option<PlacePath>,
}

/// 登记返校
#[derive(Debug, Clone, Default)]
pub struct Returning<'a> {
    pub on: &'a str,
    pub placement: &'a str,
    pub school: &'a str,
    pub class: &'a str,
    pub received_by: &'a str,
    pub support: &'a str,
}

fn stale(k: &CaseFile) -> OfficeError {
    OfficeError::Conflict(format!("{} 刚被别人办理过,现在是“{}”。请刷新页面看最新情况", k.label(), k.facts.state.label()))
}

impl Office {
    /// A file that an actor may see, with her relation to it; its version as she saw it, where that matters.
    pub async fn seen_case(&self, actor: &Actor, id: i64, version: Option<i64>) -> Result<Seen> {
        let j = actor.jurisdiction(Action::ViewCases)?;
        let case = self.store.case_file(id, &j).await?.ok_or(OfficeError::NotFound)?;
        let child = self.store.child_of_case(&case).await?.ok_or(OfficeError::NotFound)?;
        if version.is_some_and(|v| v != case.version) {
            return Err(stale(&case));
        }
        let checks = self.store.checks_of(&case).await?;
        Ok(Seen { relation: Relation::of(actor, &case), case, child, checks })
    }

    /// Takes a step: the rule, the deadline, the owner, the event, the ledgers.
    async fn take(&self, tx: &mut Tx, s: &Seen, step: CaseStep, e: &NewEvent<'_>, m: Move<'_>) -> Result<Taken> {
        let k = &s.case;
        let county = county_of(k);
        let policy = self.policy(county.as_ref()).await?;
        let taken = k.facts.take(step, &thresholds(&policy, of_newest_return(&s.checks).len()))?;
        self.settle(tx, s, taken, e, m).await?;
        Ok(taken)
    }

    /// 再次离校, as somebody reports it: the child who was back is gone since a day.
    pub(in crate::app) async fn gone_again(
        &self,
        tx: &mut Tx,
        s: &Seen,
        (cause, story): (&str, &Story),
        e: &NewEvent<'_>,
    ) -> Result<()> {
        let on = self.clock.today();
        let back = self.newest_return(&s.case).await?;
        tx.end_return(back.id, on).await?;
        let change =
            CaseChange { returned_on: Some(None), episode_from: Some(on), story: Some((cause, story)), ..CaseChange::default() };
        self.take(tx, s, CaseStep::CheckFailed, e, Move { on: Some(on), change, ..Move::default() }).await?;
        Ok(())
    }

    /// A further word of an open file: nothing moves, what is known grows.
    pub(in crate::app) async fn add_to_case(
        &self,
        tx: &mut Tx,
        s: &Seen,
        (cause, story): (&str, &Story),
        e: &NewEvent<'_>,
    ) -> Result<()> {
        let taken = Taken { facts: s.case.facts, due: Due::Unchanged, effect: None };
        let change = CaseChange { story: Some((cause, story)), ..CaseChange::default() };
        self.settle(tx, s, taken, e, Move { change, ..Move::default() }).await
    }

    /// A step of a day, that changes neither owner nor story.
    pub(in crate::app) async fn take_on(
        &self,
        tx: &mut Tx,
        s: &Seen,
        step: CaseStep,
        e: &NewEvent<'_>,
        on: Date,
    ) -> Result<Taken> {
        self.take(tx, s, step, e, Move { on: Some(on), ..Move::default() }).await
    }

    /// Writes down what a step led to.
    async fn settle(&self, tx: &mut Tx, s: &Seen, taken: Taken, e: &NewEvent<'_>, m: Move<'_>) -> Result<()> {
        let k = &s.case;
        let policy = self.policy(county_of(k).as_ref()).await?;
        let on = m.on.unwrap_or_else(|| self.clock.today());
        let checks = m.checks.as_deref().unwrap_or(&s.checks);
        let deadline = m.deadline.or_else(|| self.case_deadline(&policy, taken.due, on, checks, k.deadline_at));
        let unit = m.unit.or(k.unit_path.as_deref()).unwrap_or(&k.scope_path);
        let same = k.unit_path.as_deref() == Some(unit);
        let lead = m.lead.or(k.lead.filter(|_| same));
        let owned = if taken.facts.state.is_open() {
            Owned::By(NewTask { unit, lead, state: TaskState::Waiting, deadline })
        } else {
            Owned::Nobody
        };
        let e = NewEvent { policy: Some(policy.version), ..e.clone() };
        if !tx.step_case(&self.store, k, taken.facts, owned, &m.change, &e).await? {
            return Err(stale(k));
        }
        if k.facts.asked.is_some() && taken.facts.asked.is_none() {
            tx.answer_ask(k.id, m.answer.unwrap_or("overtaken"), e.by.unwrap_or_default(), e.at).await?;
        }
        self.establish_of_case(tx, k.id, &s.child, taken.effect, m.conclusion, on, Some(unit), &e).await
    }

    async fn told(&self, tx: &mut Tx, actor: &Actor, deed: Deed, k: &CaseFile, said: &str) -> Result<()> {
        self.audit(tx, actor, deed, &format!("case:{}", k.id), said).await
    }

    /// Steps that need nothing but a reason: into persuasion, into the law, back.
    pub async fn case_step(&self, actor: &Actor, id: i64, version: i64, step: CaseStep, note: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_move()?;
        let note = text_of("note", note, MAX_TEXT)?;
        if step.needs_reason() && note.is_empty() {
            return Err(OfficeError::field("note", "请写明原因"));
        }
        let mut tx = self.store.begin().await?;
        let e = NewEvent::by(step.code(), &note, actor.account, self.now());
        self.take(&mut tx, &s, step, &e, Move::default()).await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, step.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is known of the child: cause, whereabouts, how to reach the family, the report to the police. Moves nothing.
    pub async fn describe_case(&self, actor: &Actor, id: i64, version: i64, cause: &str, story: Story) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_record()?;
        if !s.case.facts.state.is_open() {
            return Err(OfficeError::Conflict("档案已经结束,不能再改;需要时请重新打开".into()));
        }
        let (open_cause, sealed_cause) = cause_of(cause)?;
        let last = day_of("last_day", &story.last_day)?;
        if last.is_some_and(|d| d > self.clock.today()) {
            return Err(OfficeError::field("last_day", "最后到校日还没有到"));
        }
        let named = s.relation.named;
        let keeps = !s.case.story.sealed_cause.is_empty() && !named;
        let open_cause = if keeps { s.case.cause.clone() } else { open_cause };
        let police = text_of("police", &story.police, MAX_TEXT)?;
        let story = Story {
            // whoever is not named reads 其他, and does not overwrite what stands behind it
            sealed_cause: if keeps { s.case.story.sealed_cause.clone() } else { sealed_cause },
            last_day: last.map(|d| d.to_string()).unwrap_or_default(),
            whereabouts: text_of("whereabouts", &story.whereabouts, MAX_LINE)?,
            reach: text_of("reach", &story.reach, MAX_LINE)?,
            note: text_of("note", &story.note, MAX_TEXT)?,
            // whoever does not read what was told the police adds to it, and wipes nothing out
            police: match (named, police.is_empty(), s.case.story.police.is_empty()) {
                (true, ..) | (false, false, true) => police,
                (false, true, _) => s.case.story.police.clone(),
                (false, false, false) => format!("{}\n{police}", s.case.story.police),
            },
        };
        let code = if !story.police.is_empty() && story.police != s.case.story.police { "police" } else { "describe" };
        let detail =
            if code == "police" { story.police.clone() } else { format!("去向:{};联系:{}", story.whereabouts, story.reach) };
        let e = NewEvent::by(code, &detail, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        let change = CaseChange { story: Some((&open_cause, &story)), ..CaseChange::default() };
        let taken = Taken { facts: s.case.facts, due: Due::Unchanged, effect: None };
        self.settle(&mut tx, &s, taken, &e, Move { change, ..Move::default() }).await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, CaseStep::label_of(code)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 申请: asks the bureau to confirm, clear or close, or another unit to take over. Whoever decides for the county has it from now on; a unit
    /// that gives keeps it until the other one accepts.
    pub async fn ask_of_case(&self, actor: &Actor, id: i64, version: i64, ask: Ask, a: &Asking<'_>) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_move()?;
        let reason = text_of("reason", a.reason, MAX_TEXT)?;
        if reason.is_empty() {
            return Err(OfficeError::field("reason", "请写明理由"));
        }
        let checkers = text_of("checkers", a.checkers, MAX_LINE)?;
        let mut conclusion = "";
        let mut vouched: Vec<String> = Vec::new();
        if ask == Ask::Clear {
            let d = disposition(a.conclusion).ok_or_else(|| OfficeError::field("conclusion", "请选择核销的结论"))?;
            conclusion = &d.code;
            let two: BTreeSet<&str> =
                checkers.split(['、', ',', ',', ' ', ';', ';']).map(str::trim).filter(|p| !p.is_empty()).collect();
            if two.len() < 2 {
                return Err(OfficeError::field("checkers", "核销须由两人核查:请写两个人的姓名,用顿号分开"));
            }
            // a unit that vouches is another one than the one that asks
            let own = self.place_name(s.case.unit_path.as_deref().unwrap_or(&s.case.scope_path)).await?;
            let others = |l: &&str| !l.is_empty() && *l != own.as_str() && !["本村", "本校", "本单位"].contains(l);
            let distinct: BTreeSet<&str> = a.vouched.lines().map(str::trim).filter(others).take(MAX_VOUCHED).collect();
            vouched = distinct.into_iter().map(str::to_owned).collect();
            if 1 + vouched.len() < usize::from(d.units) {
                let said = format!("“{}”须有 {} 个单位分别证明,请写明另外的证明单位", d.label, d.units);
                return Err(OfficeError::field("vouched", said));
            }
            if self.fresh_proofs(&s.case).await? == 0 {
                return Err(OfficeError::Input(format!("“{}”须附{},请先在下面上传佐证材料", d.label, d.proof.join("、"))));
            }
        }
        let target = match (ask, &a.target) {
            (Ask::Transfer, Some(t)) => Some(self.transfer_target(&s.case, t).await?),
            (Ask::Transfer, None) => return Err(OfficeError::field("place", "请选择接收单位")),
            _ => None,
        };
        let to = target.as_ref().map(PlacePath::as_str);
        let detail = AskDetail { conclusion: conclusion.to_owned(), reason: reason.clone(), checkers, vouched };
        let words = match (ask, to) {
            (Ask::Transfer, Some(t)) => format!("移交给{}:{reason}", self.place_name(t).await?),
            _ => reason,
        };
        let mut tx = self.store.begin().await?;
        let step = CaseStep::Ask(ask);
        let e = NewEvent::by(step.code(), &words, actor.account, self.now());
        let unit = (ask != Ask::Transfer).then_some(s.case.scope_path.as_str());
        self.take(&mut tx, &s, step, &e, Move { unit, ..Move::default() }).await?;
        tx.add_ask(&self.store, &s.case, ask, to, &detail, actor.account, self.now()).await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, step.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Proofs that came since the file was opened, or opened anew: an old one does not clear a child twice.
    async fn fresh_proofs(&self, k: &CaseFile) -> Result<usize> {
        let proofs = self.store.proofs_of(k).await?;
        Ok(proofs.iter().filter(|p| civil(p.added_at).date() >= k.episode_from).count())
    }

    async fn place_name(&self, path: &str) -> Result<String> {
        Ok(self.store.place_names(&[path]).await?.remove(path).unwrap_or_else(|| path.to_owned()))
    }

    /// A unit of the same county that is there today, and is not the one that has the file.
    async fn transfer_target(&self, k: &CaseFile, to: &PlacePath) -> Result<PlacePath> {
        let county = county_of(k).ok_or(OfficeError::NotFound)?;
        if !county.holds(to) || to.depth() <= county.depth() && to.is_government() {
            return Err(OfficeError::field("place", "只能移交给本县的学校、村(社区)或乡镇;孩子在外县的,请发协查函"));
        }
        if self.store.place_at(to, self.clock.today()).await?.is_none() {
            return Err(OfficeError::field("place", "没有这个学校或村(社区)"));
        }
        if k.unit_path.as_deref() == Some(to.as_str()) {
            return Err(OfficeError::field("place", "档案已经在这个单位,不用移交"));
        }
        Ok(to.clone())
    }

    /// 撤回申请: by the unit that asked.
    pub async fn take_back(&self, actor: &Actor, id: i64, version: i64, note: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        let ask = self.store.open_ask(&s.case).await?.ok_or(baoxue_domain::case::CaseError::NotAsked)?;
        let own = actor.jurisdiction(Action::WorkCase).is_ok_and(|j| j.covers(&ask.unit_path));
        if !own {
            return Err(OfficeError::NotFound);
        }
        let m = Move { unit: Some(&ask.unit_path), deadline: ask.deadline_before, answer: Some("taken-back"), ..Move::default() };
        self.answer_of_case(actor, &s, CaseStep::TakeBack, note, m).await
    }

    /// 审批: what was asked is agreed to or refused, by somebody other than who asked.
    pub async fn decide_case(&self, actor: &Actor, id: i64, version: i64, agreed: bool, note: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        let ask = self.store.open_ask(&s.case).await?.ok_or(baoxue_domain::case::CaseError::NotAsked)?;
        if ask.kind == Ask::Transfer {
            let receives =
                ask.target_path.as_deref().is_some_and(|t| actor.jurisdiction(Action::WorkCase).is_ok_and(|j| j.covers(t)));
            if !receives {
                return Err(OfficeError::NotFound);
            }
        } else {
            s.relation.ask_decide()?;
        }
        if ask.asked_by == actor.account {
            return Err(OfficeError::Input("这是您自己申请的,须由另一人审批".into()));
        }
        let (step, unit) = match (ask.kind, agreed) {
            (_, false) => (CaseStep::Refuse, Some(ask.unit_path.as_str())),
            (Ask::Confirm, true) => (CaseStep::Confirm, Some(ask.unit_path.as_str())),
            (Ask::Close, true) => (CaseStep::Close, None),
            (Ask::Transfer, true) => (CaseStep::Accept, ask.target_path.as_deref()),
            (Ask::Clear, true) => {
                let d = disposition(&ask.detail.conclusion).ok_or(OfficeError::NotFound)?;
                let proofs = self.fresh_proofs(&s.case).await?;
                let units = 1 + ask.detail.vouched.len();
                (CaseStep::Clear { proofs, units, needs: usize::from(d.units) }, None)
            }
        };
        let soon = crate::app::clock::moment(Workdays::national().deadline(self.clock.today(), REFUSED_DAYS));
        let m = Move {
            unit,
            conclusion: &ask.detail.conclusion,
            answer: Some(if agreed { "accepted" } else { "refused" }),
            // what is refused goes on with the time that was left, and with a little where none was
            deadline: ask.deadline_before.filter(|_| step == CaseStep::Refuse).map(|d| d.max(soon)),
            ..Move::default()
        };
        self.answer_of_case(actor, &s, step, note, m).await
    }

    async fn answer_of_case(&self, actor: &Actor, s: &Seen, step: CaseStep, note: &str, m: Move<'_>) -> Result<()> {
        let note = text_of("note", note, MAX_TEXT)?;
        if step.needs_reason() && note.is_empty() {
            return Err(OfficeError::field("note", "请写明原因"));
        }
        let mut tx = self.store.begin().await?;
        let e = NewEvent::by(step.code(), &note, actor.account, self.now());
        self.take(&mut tx, s, step, &e, m).await?;
        let deed = if step == CaseStep::TakeBack { Deed::StepCase } else { Deed::DecideCase };
        self.told(&mut tx, actor, deed, &s.case, step.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 指定单位: the bureau gives files to a unit, all in one transaction.
    pub async fn assign_cases(&self, actor: &Actor, ids: &[i64], to: &PlacePath, note: &str) -> Result<usize> {
        let note = text_of("note", note, MAX_LINE)?;
        if ids.is_empty() {
            return Err(OfficeError::Input("请先勾选档案".into()));
        }
        if ids.len() > MAX_ASSIGNED {
            return Err(OfficeError::Input(format!("一次最多指定 {MAX_ASSIGNED} 份")));
        }
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        let mut seen = Vec::with_capacity(ids.len());
        for id in &ids {
            let s = self.seen_case(actor, *id, None).await?;
            s.relation.ask_decide()?;
            seen.push(s);
        }
        let name = self.place_name(to.as_str()).await?;
        let detail = if note.is_empty() { format!("由{name}牵头") } else { format!("由{name}牵头:{note}") };
        let mut tx = self.store.begin().await?;
        for s in &seen {
            self.transfer_target(&s.case, to).await?;
            let e = NewEvent::by(CaseStep::Assign.code(), &detail, actor.account, self.now());
            // whoever led helps from now on, where it is of the other line
            let before = s.case.unit_path.as_deref().and_then(PlacePath::parse);
            let other = before.filter(|b| b.is_government() != to.is_government() && Some(b) != county_of(&s.case).as_ref());
            let partner =
                other.as_ref().map(PlacePath::as_str).or_else(|| s.case.partner_path.as_deref().filter(|p| *p != to.as_str()));
            let change = CaseChange { partner: Some(partner), ..CaseChange::default() };
            self.take(&mut tx, s, CaseStep::Assign, &e, Move { unit: Some(to.as_str()), change, ..Move::default() }).await?;
            self.told(&mut tx, actor, Deed::AssignCase, &s.case, &detail).await?;
        }
        tx.commit().await?;
        Ok(seen.len())
    }

    /// 登记返校: the child is back; it leaves both ledgers on the day on which it came.
    pub async fn return_case(&self, actor: &Actor, id: i64, version: i64, r: &Returning<'_>) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_record()?;
        let on = day_of("on", r.on)?.ok_or_else(|| OfficeError::field("on", "请填写返校日期"))?;
        check_day(on, s.case.episode_from, self.clock.today())?;
        let placement = find(&codes().placement, r.placement).ok_or_else(|| OfficeError::field("placement", "请选择安置方式"))?;
        let detail = ReturnDetail {
            school: text_of("school", r.school, MAX_LINE)?,
            class: text_of("class", r.class, MAX_LINE)?,
            received_by: text_of("received_by", r.received_by, MAX_LINE)?,
            support: text_of("support", r.support, MAX_TEXT)?,
            ..ReturnDetail::default()
        };
        if detail.school.is_empty() {
            return Err(OfficeError::field("school", "请填写返校后就读的学校"));
        }
        let policy = self.policy(county_of(&s.case).as_ref()).await?;
        let days = check_days(&policy, on);
        let open = told(&codes().placement, &placement.code, false);
        let said = format!("{on} 返校:{} {},{open}", detail.school, detail.class);
        let e = NewEvent::by(CaseStep::Return.code(), &said, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        let change = CaseChange { returned_on: Some(Some(on)), ..CaseChange::default() };
        self.take(&mut tx, &s, CaseStep::Return, &e, Move { on: Some(on), change, ..Move::default() }).await?;
        let of = self.school_named(&s.case, &detail.school).await?;
        tx.add_return(&self.store, s.case.id, on, &placement.code, of.as_deref(), &detail, &days, actor.account, self.now())
            .await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, CaseStep::Return.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The school of the county that has exactly this name.
    async fn school_named(&self, k: &CaseFile, name: &str) -> Result<Option<String>> {
        let Some(county) = county_of(k) else { return Ok(None) };
        let Some(schools) = county.education_prefix() else { return Ok(None) };
        Ok(self.store.schools_named(&schools, name, self.clock.today()).await?.into_iter().next())
    }

    async fn newest_return(&self, k: &CaseFile) -> Result<CaseReturn> {
        self.store.returns_of_case(k).await?.pop().ok_or(OfficeError::NotFound)
    }

    /// 办妥手续: the child is in its class and on the student register.
    pub async fn settle_case(&self, actor: &Actor, id: i64, version: i64, on: &str, settled: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_record()?;
        let settled = text_of("settled", settled, MAX_TEXT)?;
        if settled.is_empty() {
            return Err(OfficeError::field("settled", "请写明办了哪些手续,例如:已编入八(2)班,学籍状态改为在读"));
        }
        let back = self.newest_return(&s.case).await?;
        let on = day_of("on", on)?.unwrap_or_else(|| self.clock.today());
        check_day(on, back.on, self.clock.today())?;
        let detail = ReturnDetail { settled: settled.clone(), ..back.detail };
        let e = NewEvent::by(CaseStep::Settle.code(), &settled, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        self.take(&mut tx, &s, CaseStep::Settle, &e, Move::default()).await?;
        tx.settle_return(&self.store, s.case.id, back.id, &detail, on).await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, CaseStep::Settle.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 回访: whether the child is still there. One that is not is away again, from that day on.
    pub async fn check_case(&self, actor: &Actor, id: i64, version: i64, on: &str, in_school: bool, note: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_record()?;
        let note = text_of("note", note, MAX_TEXT)?;
        let step = if in_school { CaseStep::CheckPassed } else { CaseStep::CheckFailed };
        if step.needs_reason() && note.is_empty() {
            return Err(OfficeError::field("note", "孩子又不在校了:请写明从哪天起、现在哪里"));
        }
        let back = self.newest_return(&s.case).await?;
        let on = day_of("on", on)?.unwrap_or_else(|| self.clock.today());
        check_day(on, back.on, self.clock.today())?;
        let of_return = of_newest_return(&s.checks);
        let next = of_return.iter().find(|c| c.done_on.is_none()).map(|c| (*c).clone());
        let last = of_return.iter().filter_map(|c| c.done_on.clone()).max();
        if last.is_some_and(|l| on.to_string() < l) {
            return Err(OfficeError::field("on", "不能早于上一次回访的日期"));
        }
        if let Some(c) = next.as_ref().filter(|c| in_school && on < c.due.saturating_sub(EARLY_DAYS.days())) {
            let said = format!("这次回访应在 {} 前后,最多提前 {EARLY_DAYS} 天;现在的情况可以记一次联系", c.due);
            return Err(OfficeError::field("on", said));
        }
        let said = match (in_school, note.is_empty()) {
            (true, true) => format!("{on} 在校"),
            (true, false) => format!("{on} 在校:{note}"),
            (false, _) => note.clone(),
        };
        let e = NewEvent::by(step.code(), &said, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        if let Some(c) = &next
            && !tx.do_check(&self.store, s.case.id, c.id, on, in_school, &note, actor.account, self.now()).await?
        {
            return Err(stale(&s.case));
        }
        if next.is_none() && in_school {
            return Err(OfficeError::Conflict("回访都已做完,请申请销号".into()));
        }
        let mut checks = s.checks.clone();
        if let Some(c) = next.and_then(|n| checks.iter_mut().find(|c| c.id == n.id)) {
            c.done_on = Some(on.to_string());
        }
        let mut m = Move { checks: Some(checks), ..Move::default() };
        if !in_school {
            tx.end_return(back.id, on).await?;
            m.on = Some(on);
            m.change = CaseChange { returned_on: Some(None), episode_from: Some(on), ..CaseChange::default() };
        }
        self.take(&mut tx, &s, step, &e, m).await?;
        self.told(&mut tx, actor, Deed::StepCase, &s.case, step.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 重新打开: a closed file goes on, with whoever had it, or the bureau.
    pub async fn reopen_case(&self, actor: &Actor, id: i64, version: i64, note: &str) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_decide()?;
        let note = text_of("note", note, MAX_TEXT)?;
        if note.is_empty() {
            return Err(OfficeError::field("note", "请写明重新打开的原因"));
        }
        let today = self.clock.today();
        if let Some(other) = self.store.cases_of(&s.child).await?.iter().find(|k| k.facts.state.is_open()) {
            return Err(OfficeError::Input(format!("这名儿童已有在办的档案 {},请在那份档案里办理", other.label())));
        }
        let owners = self.owners_of(&s.child).await?;
        let e = NewEvent::by(CaseStep::Reopen.code(), &note, actor.account, self.now());
        let change = CaseChange {
            returned_on: Some(None),
            episode_from: Some(today),
            partner: Some(owners.partner.as_ref().map(PlacePath::as_str)),
            ..CaseChange::default()
        };
        let mut tx = self.store.begin().await?;
        self.take(&mut tx, &s, CaseStep::Reopen, &e, Move { unit: Some(owners.lead.as_str()), change, ..Move::default() })
            .await?;
        self.told(&mut tx, actor, Deed::DecideCase, &s.case, CaseStep::Reopen.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// 证明到期: a file that was cleared with a proof that has run out is opened anew by the program. False: it is open already.
    pub(in crate::app) async fn reopen_cleared_case(
        &self,
        tx: &mut Tx,
        id: i64,
        child: &ChildRow,
        e: &NewEvent<'_>,
    ) -> Result<bool> {
        let all = self.store.cases_of(child).await?;
        if all.iter().any(|k| k.facts.state.is_open()) {
            return Ok(false);
        }
        let Some(case) = all.into_iter().find(|k| k.id == id && k.facts.state == CaseState::Cleared) else {
            return Ok(false);
        };
        let owners = self.owners_of(child).await?;
        let s = Seen {
            relation: Relation { holds: false, helps: false, teaches: false, decides: true, own: false, named: true },
            child: child.clone(),
            case,
            checks: Vec::new(),
        };
        let today = self.clock.today();
        let e = NewEvent { kind: CaseStep::Reopen.code(), ..e.clone() };
        let partner = owners.partner.as_ref().map(PlacePath::as_str);
        let change = CaseChange { episode_from: Some(today), partner: Some(partner), ..CaseChange::default() };
        self.take(tx, &s, CaseStep::Reopen, &e, Move { unit: Some(owners.lead.as_str()), change, ..Move::default() }).await?;
        Ok(true)
    }

    /// 名册变化: what a run found of a child whose file is open. Told once for each change; a child who should be back and is not is looked after
    /// within two working days.
    pub(in crate::app) async fn tell_case_of_run(&self, tx: &mut Tx, case: &CaseFile, said: &str, hurry: bool) -> Result<()> {
        let e = NewEvent::of_program("register", said, self.now());
        if !hurry {
            tx.add_event(&self.store, baoxue_store::Subject::Case(case.id), &e, None).await?;
            return Ok(());
        }
        let soon = crate::app::clock::moment(Workdays::national().deadline(self.clock.today(), 2));
        let deadline = case.deadline_at.map_or(soon, |d| d.min(soon));
        let unit = case.unit_path.as_deref().unwrap_or(&case.scope_path);
        let task = NewTask { unit, lead: case.lead, state: TaskState::Waiting, deadline: Some(deadline) };
        if !tx.step_case(&self.store, case, case.facts, Owned::By(task), &CaseChange::default(), &e).await? {
            tx.add_event(&self.store, baoxue_store::Subject::Case(case.id), &e, None).await?;
        }
        Ok(())
    }
}

/// What is to be done next with a file, in words, and why it is asked.
pub fn next_step(f: &CaseFacts, wanted: (u32, u32), left: usize) -> (&'static str, String) {
    if let Some(asked) = f.asked.filter(|a| *a != Ask::Transfer) {
        return ("等县教育局审批", format!("已申请{},县教育局同意或退回后继续", asked.label()));
    }
    match f.state {
        CaseState::Verifying => ("核实孩子是否在学", "联系家长和学校;不在学的转入劝返,有去向的申请核销".to_owned()),
        CaseState::Persuading if f.attempts < wanted.0 || f.visits < wanted.1 => (
            "联系或家访",
            format!(
                "已劝返 {} 次(家访 {} 次),仍不返校须满 {} 次(家访 {} 次)才能转入依法控辍",
                f.attempts, f.visits, wanted.0, wanted.1
            ),
        ),
        CaseState::Persuading => ("继续劝返,或转入依法控辍", format!("已劝返 {} 次(家访 {} 次)", f.attempts, f.visits)),
        CaseState::Legal => ("送达文书,继续劝返", "依法责令后仍不送孩子上学的,转介公安、检察、法院".to_owned()),
        CaseState::Returned => ("办妥复学手续", "编班、更新学籍,把办理情况记下来".to_owned()),
        CaseState::FollowUp if left > 0 => ("回访:孩子还在校吗", format!("还有 {left} 次回访")),
        CaseState::FollowUp => ("申请销号", "回访都已做完".to_owned()),
        CaseState::Closed => ("已销号", "孩子又离校的,再报告一次,档案继续".to_owned()),
        CaseState::Cleared => ("已核销", "证明到期会自动重新打开".to_owned()),
        CaseState::Joined => ("已并入", "请看并入的档案".to_owned()),
    }
}
