//! 存入手机的内容 (what a phone keeps): one's own files, as far as they are needed at a door without signal, and one's own classes. Nothing sealed, no masked names, no
//! numbers of identity cards.

use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::attendance::{LeaveKind, Mark};
use baoxue_domain::calendar::{DayKind, Half, time_left};
use baoxue_domain::case::{CaseState, Code, ContactKind, Signed, codes};
use baoxue_store::{CaseFile, CaseFilter, CaseOrder, ChildRow, Leave, Whose};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use crate::app::attendance::roll::{SYMPTOMS, WHEREABOUTS, checks_on, class_name};
use crate::app::case::contact::SIGNERS;
use crate::app::case::rules::{Relation, of_newest_return, thresholds};
use crate::app::case::work::{EARLY_DAYS, next_step};
use crate::app::clock::civil;
use crate::app::office::{Office, Result};

/// Files that are looked through, and those that a phone keeps.
const LOOKED_AT: i64 = 1_000;
const MAX_CASES: usize = 200;
/// Classes that a phone keeps, and days ahead of whose rolls it knows.
const MAX_CLASSES: usize = 12;
const AHEAD_DAYS: i64 = 7;
/// Words of the last contact that a phone keeps.
const MAX_WORDS: usize = 200;

/// A file on a phone.
#[derive(Debug, Serialize)]
pub struct OfflineCase {
    pub id: i64,
    pub version: i64,
    pub number: String,
    pub name: String,
    pub about: String,
    pub guardian: String,
    pub phone: String,
    pub address: String,
    pub school: String,
    pub state: &'static str,
    pub next: &'static str,
    pub left: String,
    pub overdue: bool,
    pub attempts: String,
    /// Earliest day of a record.
    pub opened: String,
    pub last: String,
    /// A check after the return may be made.
    pub check: bool,
}

/// A pupil of a class on a phone.
#[derive(Debug, Serialize)]
pub struct OfflinePupil {
    pub id: i64,
    pub name: String,
    /// Granted leaves: mark, first day and half (0 morning), last day and half.
    pub leaves: Vec<(&'static str, String, i64, String, i64)>,
    pub watched: bool,
}

/// A register of today, or of days that can still be taken, as it stands.
#[derive(Debug, Serialize)]
pub struct OfflineRegister {
    pub day: String,
    pub check: &'static str,
    pub label: &'static str,
    /// 0: not taken.
    pub version: i64,
    /// Whoever was not there.
    pub marks: Vec<(i64, &'static str)>,
    /// Lessons are on line that day: a mark may be that a child lacks the means.
    pub online: bool,
    /// In the evening: those who board, as far as that is known; else everybody of the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<i64>>,
}

/// A class on a phone.
#[derive(Debug, Serialize)]
pub struct OfflineClass {
    pub path: String,
    pub name: String,
    pub pupils: Vec<OfflinePupil>,
    pub registers: Vec<OfflineRegister>,
}

/// What a form offers.
#[derive(Debug, Serialize)]
pub struct Choices {
    pub kinds: Vec<(&'static str, &'static str)>,
    pub outcomes: Vec<(&'static str, &'static str)>,
    pub attitudes: Vec<(&'static str, &'static str)>,
    pub wishes: Vec<(&'static str, &'static str)>,
    pub signed: Vec<(&'static str, &'static str)>,
    pub signers: Vec<(&'static str, &'static str)>,
    pub marks: Vec<(&'static str, &'static str)>,
    pub symptoms: Vec<(&'static str, &'static str)>,
    pub whereabouts: Vec<(&'static str, &'static str)>,
    /// Codes of marks of days on line.
    pub online_marks: Vec<&'static str>,
}

/// Everything that a phone keeps to read.
#[derive(Debug, Serialize)]
pub struct OfflineData {
    pub account: i64,
    pub person: String,
    /// The server's time, epoch milliseconds, and its day.
    pub made_at: i64,
    pub today: String,
    pub cases: Vec<OfflineCase>,
    /// One's own classes, with what is to be taken in the days to come.
    pub classes: Vec<OfflineClass>,
    pub classes_left_out: usize,
    /// Files of one's own that it does not keep, because there are too many.
    pub left_out: usize,
    pub choices: Choices,
    /// Records that wait for one's word.
    pub held: i64,
}

fn leave_of(l: &Leave) -> (&'static str, String, i64, String, i64) {
    let half = |h: Half| i64::from(h == Half::Afternoon);
    let mark = match l.kind {
        LeaveKind::Sick => Mark::Sick,
        LeaveKind::Personal => Mark::Leave,
    };
    (mark.code(), l.from.0.to_string(), half(l.from.1), l.to.0.to_string(), half(l.to.1))
}

fn pairs(list: &'static [Code]) -> Vec<(&'static str, &'static str)> {
    list.iter().map(|c| (c.code.as_str(), c.label.as_str())).collect()
}

impl Office {
    /// One's own files, those due first. Written down in the log: they leave the house.
    pub async fn offline_data(&self, actor: &Actor) -> Result<OfflineData> {
        let cases = match actor.jurisdiction(Action::WorkCase) {
            Ok(j) => self.offline_cases(actor, &j).await?,
            Err(_) => (Vec::new(), 0),
        };
        let (classes, classes_left_out) = match actor.jurisdiction(Action::TakeRoll) {
            Ok(j) => self.offline_classes(&j).await?,
            Err(_) => (Vec::new(), 0),
        };
        let (cases, left_out) = cases;
        let said = format!("劝返档案 {} 份、班级 {} 个", cases.len(), classes.len());
        self.note(actor, Deed::KeepOffline, "存入手机", &said).await?;
        Ok(OfflineData {
            account: actor.account,
            person: actor.name.clone(),
            made_at: self.now(),
            today: self.clock.today().to_string(),
            cases,
            classes,
            classes_left_out,
            left_out,
            choices: Choices {
                kinds: ContactKind::ALL.into_iter().map(|k| (k.code(), k.label())).collect(),
                outcomes: pairs(&codes().outcome),
                attitudes: pairs(&codes().attitude),
                wishes: pairs(&codes().wish),
                signed: Signed::ALL.into_iter().map(|s| (s.code(), s.label())).collect(),
                signers: SIGNERS.to_vec(),
                marks: Mark::ALL.into_iter().map(|m| (m.code(), m.label())).collect(),
                symptoms: SYMPTOMS.to_vec(),
                whereabouts: WHEREABOUTS.to_vec(),
                online_marks: Mark::ALL.into_iter().filter(|m| m.lacks_means()).map(Mark::code).collect(),
            },
            held: self.store.held_count(actor.account).await?,
        })
    }

    /// Classes of a jurisdiction, as far as one person teaches them: their pupils, and registers of the days around today.
    async fn offline_classes(&self, j: &Jurisdiction) -> Result<(Vec<OfflineClass>, usize)> {
        let mut out = Vec::new();
        let all = self.classes_of(j).await?;
        let left_out = all.len().saturating_sub(MAX_CLASSES);
        let today = self.clock.today();
        let calendars = self.calendars().await?;
        for class in all.into_iter().take(MAX_CLASSES) {
            let list = self.class_list(&class, j).await?;
            let ids: Vec<i64> = list.expected.iter().map(|c| c.id).collect();
            let leaves = self.store.granted_leaves(&ids, today.saturating_sub(1.days())).await?;
            let watched = self.store.watched(&ids).await?;
            let asked = self.policy(class.county().as_ref()).await?.roll_checks;
            let calendar = calendars.of(&class);
            let boards = self.store.boarding_of(&ids).await?;
            let mut registers = Vec::new();
            // yesterday's that is missing, today's, and those of a week without signal
            for n in -1..AHEAD_DAYS {
                let day = today.saturating_add(n.days());
                let on = |b: &&(i64, Date, Option<Date>)| b.1 <= day && b.2.is_none_or(|t| day < t);
                let boarders: Vec<i64> = boards.iter().filter(on).map(|b| b.0).collect();
                for check in checks_on(&calendar, day, asked) {
                    let standing = if n <= 0 { self.store.register(class.as_str(), day, check).await? } else { None };
                    let marks = match &standing {
                        Some(r) => {
                            self.store.marks_at(r, r.version).await?.into_iter().map(|(c, m)| (c, m.mark.code())).collect()
                        }
                        None => Vec::new(),
                    };
                    let version = standing.map_or(0, |r| r.version);
                    registers.push(OfflineRegister {
                        day: day.to_string(),
                        check: check.code(),
                        label: check.label(),
                        version,
                        marks,
                        online: calendar.day(day) == DayKind::Online,
                        only: (!check.tells_of_school() && !boarders.is_empty()).then(|| boarders.clone()),
                    });
                }
            }
            let pupil = |c: &ChildRow| OfflinePupil {
                id: c.id,
                name: c.profile.name.clone(),
                leaves: leaves.iter().filter(|l| l.child == c.id).map(leave_of).collect(),
                watched: watched.iter().any(|w| w.child == c.id),
            };
            out.push(OfflineClass {
                path: class.to_string(),
                name: class_name(&class),
                pupils: list.expected.iter().map(pupil).collect(),
                registers,
            });
        }
        Ok((out, left_out))
    }

    async fn offline_cases(&self, actor: &Actor, j: &Jurisdiction) -> Result<(Vec<OfflineCase>, usize)> {
        let states = CaseState::ALL.into_iter().filter(|s| s.is_open()).collect();
        let filter = CaseFilter { states, order: CaseOrder::Due, ..CaseFilter::default() };
        let (found, _) = self.store.cases(&filter, Whose::Seen(j), LOOKED_AT, 0).await?;
        let mut own: Vec<CaseFile> = found.into_iter().filter(|k| Relation::of(actor, k).own).collect();
        let left_out = own.len().saturating_sub(MAX_CASES);
        own.truncate(MAX_CASES);
        let children = self.store.children_of_cases(&own).await?;
        let mut cases = Vec::with_capacity(own.len());
        for k in &own {
            if let Some(c) = children.iter().find(|c| c.id == k.child) {
                cases.push(self.offline_case(k, c).await?);
            }
        }
        Ok((cases, left_out))
    }

    async fn offline_case(&self, k: &CaseFile, c: &ChildRow) -> Result<OfflineCase> {
        let policy = self.policy(baoxue_domain::place::PlacePath::parse(&k.scope_path).as_ref()).await?;
        let wanted = thresholds(&policy, 0);
        let checks = self.store.checks_of(k).await?;
        let due = of_newest_return(&checks).iter().filter(|c| c.done_on.is_none()).map(|c| c.due).min();
        let may_check = matches!(k.facts.state, CaseState::Returned | CaseState::FollowUp)
            && due.is_some_and(|d| d.saturating_sub(EARLY_DAYS.days()) <= self.clock.today());
        let left = usize::from(k.facts.checks < u32::try_from(policy.check_days.len()).unwrap_or(0));
        let last = self.store.contacts_of(k).await?.pop();
        let words = |c: &baoxue_store::Contact| c.detail.words.chars().take(MAX_WORDS).collect::<String>();
        let (now, now_ms) = (self.clock.now(), self.now());
        Ok(OfflineCase {
            id: k.id,
            version: k.version,
            number: k.label(),
            name: c.profile.name.clone(),
            about: format!("{} {}", c.sex.clone().unwrap_or_default(), c.birth_date.clone().unwrap_or_default())
                .trim()
                .to_owned(),
            guardian: c.profile.guardian.clone(),
            phone: c.profile.phone.clone(),
            address: c.profile.address.clone(),
            school: format!("{} {}", c.profile.school, c.profile.class).trim().to_owned(),
            state: k.facts.state.label(),
            next: next_step(&k.facts, (wanted.attempts, wanted.visits), left).0,
            left: k.deadline_at.map(|d| time_left(civil(d), now)).unwrap_or_default(),
            overdue: k.deadline_at.is_some_and(|d| d < now_ms),
            attempts: format!("{} 次(家访 {} 次)", k.facts.attempts, k.facts.visits),
            check: may_check,
            opened: k.opened_on.to_string(),
            last: last.map(|c| format!("{} {}:{}", c.on, c.kind.label(), words(&c))).unwrap_or_default(),
        })
    }
}
