//! 立案 (opening): a person's report or a finding that was upheld opens the child's one file, or joins it.

use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::case::{CaseFacts, CaseStep, LedgerEffect, Owners, Taken, codes, find, owners};
use baoxue_domain::finding::{FindingState, Step};
use baoxue_domain::ledger::{DROPPED_OUT, RETURNED, SUSPECTED};
use baoxue_domain::place::PlacePath;
use baoxue_domain::task::TaskState;
use baoxue_store::{
    CaseChange, CaseFile, ChildRow, Finding, NewCase, NewEstablishment, NewEvent, NewTask, Owned, Placed, Story, Subject, Tx,
};
use jiff::civil::Date;

use super::rules::{Relation, thresholds};
use super::work::Seen;
use crate::app::office::{Office, OfficeError, Result};

/// Characters of a text of a case.
pub const MAX_TEXT: usize = 2_000;
/// Characters of a line of a case.
pub const MAX_LINE: usize = 200;

/// What a person reports of a child. 报告
#[derive(Debug, Clone, Default)]
pub struct Report<'a> {
    /// Code of the cause, as far as it is known.
    pub cause: &'a str,
    /// 最后到校日
    pub last_day: &'a str,
    /// 去向
    pub whereabouts: &'a str,
    /// 联系方式
    pub reach: &'a str,
    /// What was seen, and by whom.
    pub note: &'a str,
}

/// Where a file came from.
#[derive(Debug, Clone, Copy)]
enum Ground<'a> {
    Report,
    Finding(&'a Finding, bool),
    /// 红色预警
    Warning,
}

impl Ground<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Warning => "warning",
            Self::Finding(..) => "finding",
        }
    }
}

/// The code of what a step establishes.
pub fn conclusion_of(effect: LedgerEffect, cleared: &str) -> &str {
    match effect {
        LedgerEffect::Suspected => SUSPECTED,
        LedgerEffect::DroppedOut => DROPPED_OUT,
        LedgerEffect::Returned => RETURNED,
        LedgerEffect::Cleared => cleared,
    }
}

/// A text within its bounds, without what surrounds it.
pub fn text_of(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(OfficeError::field(field, format!("请不超过 {most} 字")));
    }
    Ok(text.to_owned())
}

/// A cause as everybody may read it, and the true one where that is sealed.
pub fn cause_of(code: &str) -> Result<(String, String)> {
    if code.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let c = find(&codes().cause, code).ok_or_else(|| OfficeError::field("cause", "请从列表中选择原因"))?;
    Ok(if c.sealed { ("other".to_owned(), c.code.clone()) } else { (c.code.clone(), String::new()) })
}

/// A day that somebody typed; nothing where she typed none.
pub fn day_of(field: &'static str, text: &str) -> Result<Option<Date>> {
    match text.trim() {
        "" => Ok(None),
        t => t.parse().map(Some).map_err(|_| OfficeError::field(field, "日期写成 2023-10-09 这样")),
    }
}

impl Office {
    /// 双线责任: who leads a child's file, and who helps.
    pub async fn owners_of(&self, child: &ChildRow) -> Result<Owners> {
        let parse = |p: &Option<String>| p.as_deref().and_then(PlacePath::parse);
        let (school, home, register) = (parse(&child.school_path), parse(&child.residence_path), parse(&child.register_path));
        let county = home.as_ref().or(register.as_ref()).or(school.as_ref()).and_then(PlacePath::county);
        let said = "名册里没有这名儿童的居住地、户籍地和学校,不能立案";
        let county = county.ok_or_else(|| OfficeError::Input(said.into()))?;
        let village = home.as_ref().or(register.as_ref());
        let catchments = self.store.catchments(self.clock.today()).await?;
        let catchment =
            village.and_then(|v| catchments.get(v.as_str())).and_then(|s| s.first()).and_then(|s| PlacePath::parse(s));
        Ok(owners(&county, school.as_ref(), home.as_ref(), register.as_ref(), catchment.as_ref()))
    }

    /// A child of whom one may report: who lives in one's place or goes to one's school.
    pub async fn reportable(&self, actor: &Actor, child: i64) -> Result<ChildRow> {
        let j = actor.jurisdiction(Action::WorkCase)?;
        let c = self.store.child(child, &j).await?.ok_or(OfficeError::NotFound)?;
        if c.held_by.is_some() {
            return Err(OfficeError::Input("这名儿童由居住地所在县负责,请向该县教育局报告".into()));
        }
        Ok(c)
    }

    /// 报告: a person says that a child is not in school. Opens the child's file, joins the one that is open, or opens a closed one anew.
    pub async fn report(&self, actor: &Actor, child: i64, r: &Report<'_>) -> Result<i64> {
        let c = self.reportable(actor, child).await?;
        let note = text_of("note", r.note, MAX_TEXT)?;
        if note.is_empty() {
            return Err(OfficeError::field("note", "请写明情况:从哪天起没来、听谁说的"));
        }
        let (cause, sealed_cause) = cause_of(r.cause)?;
        let last_day = day_of("last_day", r.last_day)?;
        if last_day.is_some_and(|d| d > self.clock.today()) {
            return Err(OfficeError::field("last_day", "最后到校日还没有到"));
        }
        let story = Story {
            sealed_cause,
            last_day: last_day.map(|d| d.to_string()).unwrap_or_default(),
            whereabouts: text_of("whereabouts", r.whereabouts, MAX_LINE)?,
            reach: text_of("reach", r.reach, MAX_LINE)?,
            ..Story::default()
        };
        let mut tx = self.store.begin().await?;
        let e = NewEvent::by("report", &note, actor.account, self.now());
        let id = self.open_or_join(&mut tx, &c, Ground::Report, (&cause, &story), &e).await?;
        self.file_finding(&mut tx, &c, Some(actor.account), id).await?;
        self.audit(&mut tx, actor, Deed::OpenCase, &format!("case:{id}"), "报告").await?;
        tx.commit().await?;
        Ok(id)
    }

    /// What is still looked into of a child becomes part of its file.
    async fn file_finding(&self, tx: &mut Tx, c: &ChildRow, by: Option<i64>, case: i64) -> Result<()> {
        for f in self.store.findings_of(c).await?.into_iter().filter(|f| f.state.is_pending()) {
            let e = NewEvent {
                by, ..NewEvent::of_program(Step::File.code(), "已有人报告,并入这名儿童的劝返档案", self.now())
            };
            let to = Placed { deadline: None, ..f.placed(FindingState::Filed) };
            if !tx.step_finding(&self.store, &f, &to, &e).await? {
                return Err(OfficeError::Conflict("这名儿童的核实刚被别人处理过,请刷新后再报告".into()));
            }
            tx.add_ground(case, "finding", Some(f.id), self.now()).await?;
        }
        Ok(())
    }

    /// The file that an answered finding opens, in the transaction that upholds it.
    pub async fn open_case_of_finding(&self, tx: &mut Tx, f: &Finding, confirmed: bool, by: i64) -> Result<i64> {
        let child = self.store.children_of(std::slice::from_ref(f)).await?.into_iter().next().ok_or(OfficeError::NotFound)?;
        let said = if confirmed {
            "核实确认未就读,已列入辍学台账"
        } else {
            "核实未就读,先行劝返,没有确认辍学"
        };
        let e = NewEvent::by("open", said, by, self.now());
        let story = Story::default();
        self.open_or_join(tx, &child, Ground::Finding(f, confirmed), ("", &story), &e).await
    }

    /// The file that a red warning opens or joins, in the transaction that gives it.
    pub(in crate::app) async fn open_case_of_warning(&self, tx: &mut Tx, child: &ChildRow, said: &str) -> Result<i64> {
        let e = NewEvent::of_program("report", said, self.now());
        let story = Story::default();
        let id = self.open_or_join(tx, child, Ground::Warning, ("", &story), &e).await?;
        self.file_finding(tx, child, None, id).await?;
        Ok(id)
    }

    /// An installation of an earlier version: dropouts that were confirmed before there were files get theirs.
    pub async fn open_missing_cases(&self) -> Result<usize> {
        let mut opened = 0;
        for id in self.store.confirmed_without_case().await? {
            let Some(f) = self.store.finding(id, Some(&Jurisdiction::everywhere()), None).await? else { continue };
            let Some(child) = self.store.children_of(std::slice::from_ref(&f)).await?.into_iter().next() else { continue };
            let mut tx = self.store.begin().await?;
            let e = NewEvent::of_program("open", "此前已确认辍学,升级后自动立案", self.now());
            let story = Story::default();
            let id = self.open_or_join(&mut tx, &child, Ground::Finding(&f, true), ("", &story), &e).await?;
            let place = child.residence_path.as_deref();
            self.audit_program(&mut tx, Subject::Case(id), place, Deed::OpenCase, "此前已确认辍学").await?;
            tx.commit().await?;
            opened += 1;
        }
        Ok(opened)
    }

    /// One child, one file: a new one, a further ground of the one that is open, or a closed one opened anew.
    async fn open_or_join(
        &self,
        tx: &mut Tx,
        child: &ChildRow,
        ground: Ground<'_>,
        (cause, story): (&str, &Story),
        e: &NewEvent<'_>,
    ) -> Result<i64> {
        let finding = match ground {
            Ground::Finding(f, _) => Some(f.id),
            Ground::Report | Ground::Warning => None,
        };
        let known = self.store.newest_case(child).await?;
        let begun = match ground {
            Ground::Report | Ground::Warning => CaseFacts::reported(),
            Ground::Finding(_, confirmed) => CaseFacts::found(confirmed),
        };
        let id = match known {
            Some(k) if k.facts.state.is_open() => {
                let e = NewEvent { kind: "ground", ..e.clone() };
                let id = k.id;
                let (cause, story) = k.story.over(&k.cause, story, cause);
                let seen = Seen {
                    checks: self.store.checks_of(&k).await?,
                    relation: Relation { holds: false, helps: false, teaches: false, decides: true, own: false, named: true },
                    child: child.clone(),
                    case: k,
                };
                // who was back and is reported away is gone again
                if seen.case.facts.state.is_away() {
                    self.add_to_case(tx, &seen, (&cause, &story), &e).await?;
                } else {
                    self.gone_again(tx, &seen, (&cause, &story), &NewEvent { kind: "check-failed", ..e }).await?;
                }
                id
            }
            Some(k) => self.open_anew(tx, &k, child, begun, (cause, story), e).await?,
            None => self.open_new(tx, child, begun, (cause, story), e).await?,
        };
        tx.add_ground(id, ground.kind(), finding, e.at).await?;
        Ok(id)
    }

    async fn open_new(
        &self,
        tx: &mut Tx,
        child: &ChildRow,
        begun: Taken,
        (cause, story): (&str, &Story),
        e: &NewEvent<'_>,
    ) -> Result<i64> {
        let owners = self.owners_of(child).await?;
        let lead = owners.lead.as_str();
        let county = owners.lead.county().ok_or(OfficeError::NotFound)?;
        let policy = self.policy(Some(&county)).await?;
        let today = self.clock.today();
        let deadline = self.case_deadline(&policy, begun.due, today, &[], None);
        let new = NewCase {
            child: child.id,
            scope: county.as_str(),
            mark: &policy.case_mark,
            facts: begun.facts,
            on: today,
            cause,
            story,
            partner: owners.partner.as_ref().map(PlacePath::as_str),
        };
        let task = NewTask { unit: lead, lead: None, state: TaskState::Waiting, deadline };
        let detail = format!("{}({})", e.detail, owners.why);
        let e = NewEvent { detail: &detail, policy: Some(policy.version), ..e.clone() };
        let id = tx.open_case(&self.store, &new, &task, &e).await?;
        self.establish_of_case(tx, id, child, begun.effect, "", today, Some(lead), &e).await?;
        Ok(id)
    }

    /// 再次辍学: the same file, with whoever the rule names today.
    async fn open_anew(
        &self,
        tx: &mut Tx,
        k: &CaseFile,
        child: &ChildRow,
        begun: Taken,
        (cause, story): (&str, &Story),
        e: &NewEvent<'_>,
    ) -> Result<i64> {
        let owners = self.owners_of(child).await?;
        let policy = self.policy(super::rules::county_of(k).as_ref()).await?;
        let again = k.facts.take(CaseStep::Reopen, &thresholds(&policy, 0))?;
        let (state, confirmed) = (begun.facts.state, begun.facts.confirmed);
        let facts = CaseFacts { state, confirmed, ..again.facts };
        let today = self.clock.today();
        let deadline = self.case_deadline(&policy, begun.due, today, &[], None);
        let task = NewTask { unit: owners.lead.as_str(), lead: None, state: TaskState::Waiting, deadline };
        let said = if facts.relapses > 0 {
            format!("{}(第 {} 次离校,原档案继续)", e.detail, facts.relapses + 1)
        } else {
            format!("{}(原档案继续)", e.detail)
        };
        let e = NewEvent { kind: CaseStep::Reopen.code(), detail: &said, policy: Some(policy.version), ..e.clone() };
        let (cause, merged) = k.story.over(&k.cause, story, cause);
        let change = CaseChange {
            partner: Some(owners.partner.as_ref().map(PlacePath::as_str)),
            returned_on: Some(None),
            episode_from: Some(today),
            story: Some((&cause, &merged)),
            ..CaseChange::default()
        };
        if !tx.step_case(&self.store, k, facts, Owned::By(task), &change, &e).await? {
            return Err(OfficeError::Conflict("这名儿童的档案刚被别人处理过,请刷新后再试".into()));
        }
        self.establish_of_case(tx, k.id, child, begun.effect, "", today, Some(owners.lead.as_str()), &e).await?;
        Ok(k.id)
    }

    /// Writes down what a step establishes of its child. What the program does by itself is written down under whoever opened the file.
    #[allow(clippy::too_many_arguments, reason = "what an establishment is")]
    pub(in crate::app) async fn establish_of_case(
        &self,
        tx: &mut Tx,
        case: i64,
        child: &ChildRow,
        effect: Option<LedgerEffect>,
        cleared: &str,
        from: Date,
        unit: Option<&str>,
        e: &NewEvent<'_>,
    ) -> Result<()> {
        let Some(effect) = effect else { return Ok(()) };
        // of two words that hold the later one counts by its day: what is concluded now holds over what was, from that one's day on at the earliest
        let before = self.store.history_of(child).await?;
        let newest = before.establishments.iter().filter(|b| b.rule.revoked.is_none()).map(|b| b.rule.valid_from).max();
        let from = newest.map_or(from, |n| n.max(from));
        let new = NewEstablishment {
            child: child.id,
            subject: Subject::Case(case),
            conclusion: conclusion_of(effect, cleared),
            verdict: &child.verdict,
            from,
            unit,
            at: e.at,
            by: e.by.unwrap_or_default(),
        };
        tx.establish(&self.store, &new).await?;
        Ok(())
    }
}
