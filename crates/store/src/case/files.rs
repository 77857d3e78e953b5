//! 劝返档案 (case files): one a child. Whoever owns it, and until when, stands in its one task.

use std::sync::{Arc, Mutex};

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::case::{Ask, CaseFacts, CaseState};
use baoxue_domain::place::PlacePath;
use baoxue_domain::task::TaskState;
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::filter::{Asked, BY_TASK, CaseFilter, CaseOrder, Whose, asked, seen};
use crate::ground::error::{Result, StoreError};
use crate::ledger::child::{Sight, below_of};
use crate::{After, ChildRow, Clause, LookedUp, NewEvent, NewTask, Row, Store, Subject, Tx, Vault, binds};

/// States of a file that somebody owns, as SQL.
pub(crate) const OPEN: &str = "'verifying', 'persuading', 'legal', 'returned', 'follow-up'";
/// Files of one question.
const AT_ONCE: usize = 5_000;

/// What is known of a case, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Code of the cause where it is a sealed one.
    #[serde(default)]
    pub sealed_cause: String,
    /// 最后到校日
    #[serde(default)]
    pub last_day: String,
    /// 去向: where the child is said to be.
    #[serde(default)]
    pub whereabouts: String,
    /// 监护人: how to reach them where the registers do not say, or say what is no longer so.
    #[serde(default)]
    pub reach: String,
    /// Whatever else is to be known.
    #[serde(default)]
    pub note: String,
    /// 强制报告: to whom, when, receipt.
    #[serde(default)]
    pub police: String,
}

impl Story {
    /// What is known, with what a newer word says of it: nothing is lost where the newer one says nothing. Gives the cause as everybody may
    /// read it, too.
    pub fn over(&self, cause: &str, newer: &Self, newer_cause: &str) -> (String, Self) {
        let pick = |new: &String, old: &String| if new.is_empty() { old.clone() } else { new.clone() };
        let both = |new: &String, old: &String| match (new.is_empty() || new == old, old.is_empty()) {
            (true, _) => old.clone(),
            (false, true) => new.clone(),
            (false, false) => format!("{old}\n{new}"),
        };
        let (cause, sealed_cause) = match newer_cause.is_empty() {
            true => (cause.to_owned(), self.sealed_cause.clone()),
            // 其他 does not put away what is sealed behind it
            false if newer_cause == "other" && newer.sealed_cause.is_empty() && !self.sealed_cause.is_empty() => {
                (cause.to_owned(), self.sealed_cause.clone())
            }
            false => (newer_cause.to_owned(), newer.sealed_cause.clone()),
        };
        let story = Self {
            sealed_cause,
            last_day: pick(&newer.last_day, &self.last_day),
            whereabouts: pick(&newer.whereabouts, &self.whereabouts),
            reach: pick(&newer.reach, &self.reach),
            note: both(&newer.note, &self.note),
            police: both(&newer.police, &self.police),
        };
        (cause, story)
    }
}

/// A case file. It comes from a look-up, and from nowhere else.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseFile {
    /// Its number in the database.
    pub id: i64,
    /// The child.
    pub child: i64,
    /// The county that keeps it.
    pub scope_path: String,
    /// 青控辍
    pub mark: String,
    /// Year of its number.
    pub year: i64,
    /// Its number of that year.
    pub number: i64,
    /// What the rules look at.
    pub facts: CaseFacts,
    /// When it was opened.
    pub opened_on: Date,
    /// From which day attempts and checks count.
    pub episode_from: Date,
    /// Code of the cause as everybody may read it.
    pub cause: String,
    /// What is known.
    pub story: Story,
    /// 牵头单位; nothing once it is closed.
    pub unit_path: Option<String>,
    /// A person of it, where one is named.
    pub lead: Option<i64>,
    /// Until when.
    pub deadline_at: Option<i64>,
    /// 协同单位
    pub partner_path: Option<String>,
    /// The unit whose question waits for the bureau, or for another unit.
    pub asking_path: Option<String>,
    /// When the child came back.
    pub returned_on: Option<Date>,
    /// The file of which it became part.
    pub joined_into: Option<i64>,
    /// Rises with every step.
    pub version: i64,
    /// Last step.
    pub changed_at: i64,
    /// Where the child lives.
    pub home_path: Option<String>,
    /// Where it goes, or went, to school.
    pub school_path: Option<String>,
}

impl CaseFile {
    /// 青控辍-2023-00137
    pub fn label(&self) -> String {
        format!("{}-{}-{:05}", self.mark, self.year, self.number)
    }

    /// Its true cause, for the named officers.
    pub fn true_cause(&self) -> &str {
        if self.story.sealed_cause.is_empty() { &self.cause } else { &self.story.sealed_cause }
    }
}

impl LookedUp for CaseFile {
    fn subject(&self) -> Subject {
        Subject::Case(self.id)
    }
}

/// A file to be opened.
#[derive(Debug, Clone)]
pub struct NewCase<'a> {
    /// The child.
    pub child: i64,
    /// The county.
    pub scope: &'a str,
    /// See [`CaseFile`].
    pub mark: &'a str,
    /// See [`CaseFile`].
    pub facts: CaseFacts,
    /// See [`CaseFile`].
    pub on: Date,
    /// See [`CaseFile`].
    pub cause: &'a str,
    /// See [`CaseFile`].
    pub story: &'a Story,
    /// See [`CaseFile`].
    pub partner: Option<&'a str>,
}

/// Who owns a file after a step: an open one always has an owner, a closed one has none.
#[derive(Debug, Clone, Copy)]
pub enum Owned<'a> {
    /// Unit, person, deadline.
    By(NewTask<'a>),
    /// Closed.
    Nobody,
}

/// What a step changes of a file besides its state.
#[derive(Debug, Clone, Default)]
pub struct CaseChange<'a> {
    /// 协同单位
    pub partner: Option<Option<&'a str>>,
    /// The child came back on this day; inside, nothing: it left again.
    pub returned_on: Option<Option<Date>>,
    /// Attempts count anew from this day.
    pub episode_from: Option<Date>,
    /// The file of which it becomes part.
    pub joined_into: Option<i64>,
    /// Cause, as everybody may read it, and what is known.
    pub story: Option<(&'a str, &'a Story)>,
}

/// A file as it was known at a moment, for a ledger of that day.
#[derive(Debug, Clone)]
pub struct CaseThen {
    /// Its number in the database.
    pub id: i64,
    /// State.
    pub state: CaseState,
    /// 牵头单位
    pub unit_path: Option<String>,
    /// When it came into this state.
    pub since: i64,
}

/// How many files are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseCount {
    /// The place; nothing where it was not asked by place, or nobody knows where the child lives.
    pub path: Option<String>,
    /// State.
    pub state: CaseState,
    /// Whether confirmed.
    pub confirmed: bool,
    /// All.
    pub all: i64,
    /// Over their deadline.
    pub overdue: i64,
    /// In which something waits for the bureau.
    pub asked: i64,
}

const COLUMNS: &str = "k.id, k.child_id, k.scope_path, k.mark, k.year, k.number, k.state, k.confirmed, k.opened_on, k.episode_from, k.attempts, \
                       k.visits, k.checks, k.relapses, k.cause, k.story, t.unit_path, t.lead, t.deadline_at, k.partner_path, k.returned_on, k.asked, \
                       k.joined_into, k.version, k.changed_at, c.residence_path, c.school_path, k.asking_path";

const FILES: &str =
    "case_file k JOIN child c ON c.id = k.child_id LEFT JOIN task t ON t.subject_kind = 'case' AND t.subject_id = k.id";

fn story_place(id: i64) -> String {
    format!("case-story:{id}")
}

fn day(text: &str) -> Result<Date> {
    text.parse().map_err(|_| StoreError::unreadable("case_file.day", text))
}

fn seal_story(vault: &Vault, id: i64, story: &Story) -> Result<Vec<u8>> {
    vault.seal(&story_place(id), &serde_json::to_vec(story).map_err(|_| StoreError::Damaged)?)
}

fn case_file(vault: &Vault, r: &Row) -> Result<CaseFile> {
    let id = r.int(0)?;
    let state = r.text(6)?;
    let asked = r.opt_text(21)?;
    let count = |i: usize| Ok::<u32, StoreError>(u32::try_from(r.int(i)?).unwrap_or(u32::MAX));
    Ok(CaseFile {
        id,
        child: r.int(1)?,
        scope_path: r.text(2)?,
        mark: r.text(3)?,
        year: r.int(4)?,
        number: r.int(5)?,
        facts: CaseFacts {
            state: CaseState::find(&state).ok_or_else(|| StoreError::unreadable("case_file.state", &state))?,
            confirmed: r.int(7)? != 0,
            attempts: count(10)?,
            visits: count(11)?,
            checks: count(12)?,
            relapses: count(13)?,
            asked: asked.map(|a| Ask::find(&a).ok_or_else(|| StoreError::unreadable("case_file.asked", &a))).transpose()?,
        },
        opened_on: day(&r.text(8)?)?,
        episode_from: day(&r.text(9)?)?,
        cause: r.text(14)?,
        story: serde_json::from_slice(&vault.open(&story_place(id), &r.bytes(15)?)?).map_err(|_| StoreError::Damaged)?,
        unit_path: r.opt_text(16)?,
        lead: r.opt_int(17)?,
        deadline_at: r.opt_int(18)?,
        partner_path: r.opt_text(19)?,
        returned_on: r.opt_text(20)?.map(|t| day(&t)).transpose()?,
        joined_into: r.opt_int(22)?,
        version: r.int(23)?,
        changed_at: r.int(24)?,
        home_path: r.opt_text(25)?,
        school_path: r.opt_text(26)?,
        asking_path: r.opt_text(27)?,
    })
}

/// Counts that hold until something happens to a file or to children, and for a minute: what is overdue goes by the clock.
#[derive(Clone, Default)]
pub(crate) struct CaseCounts {
    held: Arc<Mutex<FxHashMap<String, HeldCounts>>>,
}

/// Counts, and of when they are.
type HeldCounts = (CountKey, Vec<CaseCount>);
/// The newest event, the generation of children, the minute.
type CountKey = (i64, i64, i64);
/// Counts that are kept: every person's place.
const MAX_COUNTS: usize = 2_000;
const MINUTE_MS: i64 = 60_000;

impl Store {
    /// A page of files, and how many there are.
    pub async fn cases(&self, f: &CaseFilter, whose: Whose<'_>, limit: i64, offset: i64) -> Result<(Vec<CaseFile>, i64)> {
        let whole = self.sees_all(whose).await?;
        // in which order they stand is nothing to their number
        let counted = CaseFilter { order: CaseOrder::Number, ..f.clone() };
        let Asked { from, clause: c } = asked(&counted, whose, whole);
        let count = self.one(&format!("SELECT COUNT(*) FROM {from}{}", c.sql()), c.values).await?;
        let Asked { from, clause: mut c } = asked(f, whose, whole);
        let count = count.map_or(Ok(0), |r| r.int(0))?;
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        // what waits has a deadline: the index gives the order
        let order = match (f.order, from.starts_with(BY_TASK) && !matches!(whose, Whose::Own(_))) {
            (CaseOrder::Due, true) => "t.deadline_at, k.id",
            (order, _) => order.sql(),
        };
        let sql = format!("SELECT k.id FROM {from}{} ORDER BY {order} LIMIT {limit} OFFSET {offset}", c.sql());
        let ids: Vec<i64> = self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let mut found: FxHashMap<i64, CaseFile> = FxHashMap::default();
        for part in ids.chunks(AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("k.id", part.iter().copied());
            for r in self.all(&format!("SELECT {COLUMNS} FROM {FILES}{}", c.sql()), c.values).await? {
                let k = case_file(&self.vault, &r)?;
                found.insert(k.id, k);
            }
        }
        Ok((ids.iter().filter_map(|id| found.remove(id)).collect(), count))
    }

    /// A file that a jurisdiction sees: of a child who lives or goes to school there, that one of its units has or helps with, or that was
    /// offered to one of them.
    pub async fn case_file(&self, id: i64, j: &Jurisdiction) -> Result<Option<CaseFile>> {
        let Some(r) = self.one(&format!("SELECT {COLUMNS} FROM {FILES} WHERE k.id = $1"), binds![id]).await? else {
            return Ok(None);
        };
        let k = case_file(&self.vault, &r)?;
        let covers = |p: &Option<String>| p.as_ref().is_some_and(|p| j.covers(p));
        if [&k.home_path, &k.school_path, &k.unit_path, &k.partner_path, &k.asking_path].into_iter().any(covers)
            || j.covers(&k.scope_path)
        {
            return Ok(Some(k));
        }
        let offered = self.open_ask(&k).await?.is_some_and(|a| covers(&a.target_path));
        Ok(offered.then_some(k))
    }

    /// All files of a child, the newest first.
    pub async fn cases_of(&self, child: &ChildRow) -> Result<Vec<CaseFile>> {
        let sql = format!("SELECT {COLUMNS} FROM {FILES} WHERE k.child_id = $1 ORDER BY k.id DESC");
        self.all(&sql, binds![child.id]).await?.iter().map(|r| case_file(&self.vault, r)).collect()
    }

    /// The file of a child that goes on, else the newest that did.
    pub async fn newest_case(&self, child: &ChildRow) -> Result<Option<CaseFile>> {
        Ok(self.newest_cases(&[child.id]).await?.remove(&child.id))
    }

    /// The same of many; for what acts for no person: runs and the clock.
    pub async fn newest_cases(&self, children: &[i64]) -> Result<FxHashMap<i64, CaseFile>> {
        let mut out: FxHashMap<i64, CaseFile> = FxHashMap::default();
        for part in children.chunks(AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("k.child_id", part.iter().copied());
            c.add("k.state <> 'joined'");
            for r in self.all(&format!("SELECT {COLUMNS} FROM {FILES}{} ORDER BY k.id", c.sql()), c.values).await? {
                let k = case_file(&self.vault, &r)?;
                // an open one before a newer one that is closed: there is one at most
                if out.get(&k.child).is_none_or(|o| !o.facts.state.is_open()) {
                    out.insert(k.child, k);
                }
            }
        }
        Ok(out)
    }

    /// The children of a place who have a file that is open.
    pub async fn children_with_open_cases(&self, scope: &str) -> Result<Vec<i64>> {
        let mut c = Clause::new();
        c.below("k.scope_path", scope);
        c.add(format!("k.state IN ({OPEN})"));
        let rows = self.all(&format!("SELECT k.child_id FROM case_file k{}", c.sql()), c.values).await?;
        rows.iter().map(|r| r.int(0)).collect()
    }

    /// How many files are one's own, and how many of them are over their deadline.
    pub async fn own_cases(&self, places: &[PlacePath], now: i64) -> Result<(i64, i64)> {
        let f = CaseFilter { states: CaseFilter::open_states(), ..CaseFilter::default() };
        let Asked { from, clause: mut c } = asked(&f, Whose::Own(places), false);
        let now = c.bind(now);
        let sql = format!("SELECT COUNT(*), COUNT(CASE WHEN t.deadline_at < {now} THEN 1 END) FROM {from}{}", c.sql());
        self.one(&sql, c.values).await?.map_or(Ok((0, 0)), |r| Ok((r.int(0)?, r.int(1)?)))
    }

    /// In how many files of a jurisdiction's counties something waits for the bureau's word.
    pub async fn asked_cases(&self, j: &Jurisdiction) -> Result<i64> {
        let mut c = Clause::new();
        c.one_of("k.asked", [Ask::Confirm, Ask::Clear, Ask::Close].map(Ask::code));
        c.add("k.asked IS NOT NULL");
        c.inside(j, &["k.scope_path"], &[]);
        let row = self.one(&format!("SELECT COUNT(*) FROM case_file k{}", c.sql()), c.values).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Whether a list shows the files of all counties that are kept here: nothing need be asked of each.
    async fn sees_all(&self, whose: Whose<'_>) -> Result<bool> {
        match whose {
            Whose::Seen(j) => Ok(matches!(self.sight(j).await?, Sight::Whole)),
            _ => Ok(false),
        }
    }

    /// How many files a jurisdiction sees, by state and whether confirmed; by the place one level below `at` in which the child lives, where
    /// that is asked.
    pub async fn case_counts(&self, j: &Jurisdiction, at: Option<&PlacePath>, now: i64) -> Result<Vec<CaseCount>> {
        let newest = self.one("SELECT MAX(id) FROM event", vec![]).await?.map_or(Ok(None), |r| r.opt_int(0))?.unwrap_or(0);
        let key: CountKey = (newest, self.generation().await?, now / MINUTE_MS);
        let name = format!("{}|{}", j.prefixes().join(","), at.map_or("", PlacePath::as_str));
        let kept = self.case_counts.held.lock().ok().and_then(|h| h.get(&name).filter(|h| h.0 == key).map(|h| h.1.clone()));
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let counts = self.count_cases(j, at, now).await?;
        if let Ok(mut held) = self.case_counts.held.lock() {
            if held.len() >= MAX_COUNTS {
                held.clear();
            }
            held.insert(name, (key, counts.clone()));
        }
        Ok(counts)
    }

    async fn count_cases(&self, j: &Jurisdiction, at: Option<&PlacePath>, now: i64) -> Result<Vec<CaseCount>> {
        let mut c = Clause::new();
        c.add("k.state <> 'joined'");
        if !self.sees_all(Whose::Seen(j)).await? {
            seen(&mut c, j);
        }
        let now = c.bind(now);
        let (place, children) = match at {
            Some(at) => (below_of(at), " JOIN child c ON c.id = k.child_id"),
            None => ("NULL".to_owned(), ""),
        };
        let sql = format!(
            "SELECT {place}, k.state, k.confirmed, COUNT(*), COUNT(CASE WHEN t.deadline_at < {now} THEN 1 END),
               COUNT(CASE WHEN k.asked IN ('confirm', 'clear', 'close') THEN 1 END)
             FROM case_file k{children} LEFT JOIN task t ON t.subject_kind = 'case' AND t.subject_id = k.id{} GROUP BY 1, 2, 3",
            c.sql()
        );
        let row = |r: &Row| {
            let state = r.text(1)?;
            Ok(CaseCount {
                path: r.opt_text(0)?,
                state: CaseState::find(&state).ok_or_else(|| StoreError::unreadable("case_file.state", &state))?,
                confirmed: r.int(2)? != 0,
                all: r.int(3)?,
                overdue: r.int(4)?,
                asked: r.int(5)?,
            })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
    }

    /// Of each of these children the newest file as it was known at a moment.
    pub async fn cases_then(&self, children: &[i64], known_at: i64) -> Result<FxHashMap<i64, CaseThen>> {
        let mut out: FxHashMap<i64, CaseThen> = FxHashMap::default();
        for part in children.chunks(AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("k.child_id", part.iter().copied());
            c.add("k.state <> 'joined'");
            let rows = self.all(&format!("SELECT k.id, k.child_id FROM case_file k{}", c.sql()), c.values).await?;
            let child_of: FxHashMap<i64, i64> = rows.iter().map(|r| Ok((r.int(0)?, r.int(1)?))).collect::<Result<_>>()?;
            if child_of.is_empty() {
                continue;
            }
            let mut c = Clause::new();
            c.equal("e.subject_kind", "case");
            c.one_of("e.subject_id", child_of.keys().copied());
            let at = c.bind(known_at);
            c.add(format!("e.at <= {at} AND e.state IS NOT NULL"));
            let sql = format!("SELECT e.subject_id, e.state, e.unit_path, e.at FROM event e{} ORDER BY e.id", c.sql());
            for r in self.all(&sql, c.values).await? {
                let id = r.int(0)?;
                let (Some(&child), Some(state)) = (child_of.get(&id), CaseState::find(&r.text(1)?)) else { continue };
                let before = out.get(&child);
                // the file that is open, else the newest
                if before.is_some_and(|b| b.id != id && (b.state.is_open() || (b.id > id && !state.is_open()))) {
                    continue;
                }
                let since = before.filter(|b| b.id == id && b.state == state).map_or(r.int(3)?, |b| b.since);
                out.insert(child, CaseThen { id, state, unit_path: r.opt_text(2)?, since });
            }
        }
        Ok(out)
    }

    /// Why there is a file: kind, finding.
    pub async fn grounds_of(&self, k: &CaseFile) -> Result<Vec<(String, Option<i64>)>> {
        let rows = self.all("SELECT kind, finding_id FROM case_ground WHERE case_id = $1 ORDER BY id", binds![k.id]).await?;
        rows.iter().map(|r| Ok((r.text(0)?, r.opt_int(1)?))).collect()
    }

    /// Findings that were confirmed by an earlier version and have no case yet.
    pub async fn confirmed_without_case(&self) -> Result<Vec<i64>> {
        let sql = "SELECT f.id FROM finding f WHERE f.state = 'confirmed' AND NOT EXISTS (SELECT 1 FROM case_ground g WHERE g.finding_id = f.id)
                   ORDER BY f.id";
        self.all(sql, vec![]).await?.iter().map(|r| r.int(0)).collect()
    }

    /// Open files without an owner, deadline or child, and children with two open files: there must be none.
    pub async fn unsound_cases(&self) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT k.id FROM case_file k LEFT JOIN task t ON t.subject_kind = 'case' AND t.subject_id = k.id
             WHERE (k.state IN ({OPEN}) AND (t.id IS NULL OR t.deadline_at IS NULL OR t.state <> 'waiting'))
                OR (k.state NOT IN ({OPEN}) AND t.id IS NOT NULL)
                OR (k.asked IS NULL AND EXISTS (SELECT 1 FROM case_ask a WHERE a.case_id = k.id AND a.answered_at IS NULL))
                OR (k.asked IS NOT NULL AND NOT EXISTS (SELECT 1 FROM case_ask a WHERE a.case_id = k.id AND a.answered_at IS NULL))
             ORDER BY k.id"
        );
        self.all(&sql, vec![]).await?.iter().map(|r| r.int(0)).collect()
    }
}

impl Tx {
    /// The next number of a series, from 1 on: without gaps, since the transaction that takes it is the one that uses it.
    pub async fn next_number(&mut self, scope: &str, kind: &str, year: i64) -> Result<i64> {
        let sql = "INSERT INTO series (scope_path, kind, year, next) VALUES ($1, $2, $3, 2)
                   ON CONFLICT (scope_path, kind, year) DO UPDATE SET next = series.next + 1 RETURNING next";
        Ok(self.one(sql, binds![scope, kind, year]).await?.map_or(Ok(0), |r| r.int(0))? - 1)
    }

    /// Opens a file, with its owner, and gives its number in the database.
    pub async fn open_case(&mut self, store: &Store, new: &NewCase<'_>, task: &NewTask<'_>, e: &NewEvent<'_>) -> Result<i64> {
        let year = i64::from(new.on.year());
        let number = self.next_number(new.scope, &format!("case:{}", new.mark), year).await?;
        let sql = "INSERT INTO case_file (child_id, origin_child_id, scope_path, mark, year, number, state, confirmed, opened_on, opened_at,
                     episode_from, attempts, visits, checks, relapses, cause, story, partner_path, version, changed_at)
                   VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $10, $11, $12, $13, $14, $15, $16, 1, $9) RETURNING id";
        let f = new.facts;
        let values = binds![
            new.child,
            new.scope,
            new.mark,
            year,
            number,
            f.state.code(),
            i64::from(f.confirmed),
            new.on,
            e.at,
            i64::from(f.attempts),
            i64::from(f.visits),
            i64::from(f.checks),
            i64::from(f.relapses),
            new.cause,
            Vec::<u8>::new(),
            new.partner
        ];
        let id = self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))?;
        let story = seal_story(store.vault(), id, new.story)?;
        self.run("UPDATE case_file SET story = $1 WHERE id = $2", binds![story, id]).await?;
        self.put_task(Subject::Case(id), Some(task)).await?;
        let after = After { state: f.state.code(), unit: Some(task.unit), deadline: task.deadline, answer: None };
        self.add_event(store, Subject::Case(id), e, Some(after)).await?;
        Ok(id)
    }

    /// Moves a file on from the version that the actor saw. False: somebody else moved it in the meantime.
    pub async fn step_case(
        &mut self,
        store: &Store,
        k: &CaseFile,
        facts: CaseFacts,
        owned: Owned<'_>,
        change: &CaseChange<'_>,
        e: &NewEvent<'_>,
    ) -> Result<bool> {
        let task = match owned {
            Owned::By(task) => Some(task),
            Owned::Nobody => None,
        };
        // a file without an owner cannot be written down
        let sound = facts.state.is_open() == task.as_ref().is_some_and(|t| t.deadline.is_some());
        if !sound {
            return Err(StoreError::Damaged);
        }
        let sql = "UPDATE case_file SET state = $1, confirmed = $2, attempts = $3, visits = $4, checks = $5, relapses = $6, asked = $7,
                     partner_path = $8, returned_on = $9, episode_from = $10, joined_into = $11, cause = $12, story = $13, changed_at = $14,
                     asking_path = $17, version = version + 1 WHERE id = $15 AND version = $16";
        let asking = match (facts.asked, k.facts.asked) {
            (None, _) => None,
            (Some(_), Some(_)) => k.asking_path.as_deref(),
            (Some(_), None) => k.unit_path.as_deref(),
        };
        let (cause, story) = change.story.unwrap_or((&k.cause, &k.story));
        let values = binds![
            facts.state.code(),
            i64::from(facts.confirmed),
            i64::from(facts.attempts),
            i64::from(facts.visits),
            i64::from(facts.checks),
            i64::from(facts.relapses),
            facts.asked.map(Ask::code),
            change.partner.unwrap_or(k.partner_path.as_deref()),
            change.returned_on.unwrap_or(k.returned_on),
            change.episode_from.unwrap_or(k.episode_from),
            change.joined_into.or(k.joined_into),
            cause,
            seal_story(store.vault(), k.id, story)?,
            e.at,
            k.id,
            k.version,
            asking
        ];
        if self.run(sql, values).await? == 0 {
            return Ok(false);
        }
        self.put_task(Subject::Case(k.id), task.as_ref()).await?;
        let after = After {
            state: facts.state.code(),
            unit: task.as_ref().map(|t| t.unit),
            deadline: task.as_ref().and_then(|t| t.deadline),
            answer: None,
        };
        self.add_event(store, Subject::Case(k.id), e, Some(after)).await?;
        Ok(true)
    }

    /// Adds a ground to a file.
    pub async fn add_ground(&mut self, case: i64, kind: &str, finding: Option<i64>, at: i64) -> Result<()> {
        let sql = "INSERT INTO case_ground (case_id, kind, finding_id, at) VALUES ($1, $2, $3, $4)";
        self.run(sql, binds![case, kind, finding, at]).await?;
        Ok(())
    }

    /// 并案: two children turned out to be one. Of two open files the older goes on, and the other one stays readable as part of it.
    pub(crate) async fn join_cases(&mut self, store: &Store, child: i64, other: i64, now: i64) -> Result<()> {
        let open = format!("SELECT {COLUMNS} FROM {FILES} WHERE k.child_id = $1 AND k.state IN ({OPEN})");
        let find = |rows: Vec<Row>| rows.first().map(|r| case_file(&store.vault, r)).transpose();
        let (Some(a), Some(b)) = (find(self.all(&open, binds![child]).await?)?, find(self.all(&open, binds![other]).await?)?)
        else {
            return Ok(());
        };
        let (old, young) = if a.id < b.id { (a, b) } else { (b, a) };
        // somebody works on it at this moment: the run is tried once more
        let gone = || StoreError::Conflict(sqlx::Error::RowNotFound);
        let said = format!("比对认定两份档案是同一名儿童,并入 {}", old.label());
        let facts = CaseFacts { state: CaseState::Joined, asked: None, ..young.facts };
        let change = CaseChange { joined_into: Some(old.id), ..CaseChange::default() };
        if !self.step_case(store, &young, facts, Owned::Nobody, &change, &NewEvent::of_program("join", &said, now)).await? {
            return Err(gone());
        }
        self.run(
            "UPDATE case_ask SET answer = 'joined', answered_at = $1 WHERE case_id = $2 AND answered_at IS NULL",
            binds![now, young.id],
        )
        .await?;
        let said = format!("档案 {} 是同一名儿童的,并入本档案", young.label());
        // what the younger one knew is not lost; who is away by one of them is away
        let (f, y) = (old.facts, young.facts);
        let state = if y.state.is_away() && !f.state.is_away() { y.state } else { f.state };
        let facts = CaseFacts {
            state,
            confirmed: f.confirmed || y.confirmed,
            attempts: f.attempts + y.attempts,
            visits: f.visits + y.visits,
            ..f
        };
        let (cause, story) = old.story.over(&old.cause, &young.story, &young.cause);
        let task = NewTask {
            unit: old.unit_path.as_deref().unwrap_or(&old.scope_path),
            lead: old.lead,
            state: TaskState::Waiting,
            deadline: old.deadline_at.min(young.deadline_at).or(old.deadline_at),
        };
        let change = CaseChange { story: Some((&cause, &story)), ..CaseChange::default() };
        let e = NewEvent::of_program("ground", &said, now);
        if !self.step_case(store, &old, facts, Owned::By(task), &change, &e).await? {
            return Err(gone());
        }
        let sql = "INSERT INTO contact_case (contact_id, case_id) SELECT contact_id, $1 FROM contact_case WHERE case_id = $2
                   ON CONFLICT (contact_id, case_id) DO NOTHING";
        self.run(sql, binds![old.id, young.id]).await?;
        self.add_ground(old.id, "joined", None, now).await?;
        Ok(())
    }
}
