//! 交办核实 (findings): who has to look into which child, until when, and what was answered.

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::finding::FindingState;
use baoxue_domain::place::PlacePath;
use baoxue_domain::task::TaskState;

use rustc_hash::FxHashMap;

use crate::common::event::answer_place;
use crate::ground::error::{Result, StoreError};
use crate::ledger::child::{Sight, below_of};
use crate::{After, ChildRow, Clause, LookedUp, NewEvent, NewTask, Row, Store, Subject, Tx, Vault, binds};

/// A finding. It comes from a look-up, and from nowhere else: it is the key to what hangs on it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// Its number.
    pub id: i64,
    /// The child.
    pub child: i64,
    /// Code of the verdict that it began with.
    pub verdict: String,
    /// State.
    pub state: FindingState,
    /// The run.
    pub run: i64,
    /// When it began.
    pub opened_at: i64,
    /// The school or village that has it.
    pub unit_path: Option<String>,
    /// Until when.
    pub deadline_at: Option<i64>,
    /// How often it went over its deadline upward.
    pub escalated: i64,
    /// Code of the answer.
    pub disposition: Option<String>,
    /// Rises with every step: two people never overwrite each other.
    pub version: i64,
    /// Last step.
    pub changed_at: i64,
}

/// Where a step puts a finding.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Its state from now on.
    pub state: FindingState,
    /// The unit that has it.
    pub unit: Option<&'a str>,
    /// Until when.
    pub deadline: Option<i64>,
    /// Code of the answer.
    pub answer: Option<&'a str>,
}

impl Finding {
    /// The same unit, deadline and answer, in another state.
    pub fn placed(&self, state: FindingState) -> Placed<'_> {
        Placed { state, unit: self.unit_path.as_deref(), deadline: self.deadline_at, answer: self.disposition.as_deref() }
    }
}

impl LookedUp for Finding {
    fn subject(&self) -> Subject {
        Subject::Finding(self.id)
    }
}

/// That a unit handed a finding back.
#[derive(Debug, Clone)]
pub struct Returned {
    /// The unit.
    pub unit_path: Option<String>,
    /// When.
    pub at: i64,
    /// Name of who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A finding as it was known at a moment, for a ledger of that day.
#[derive(Debug, Clone)]
pub struct FindingThen {
    /// Its number.
    pub id: i64,
    /// The child.
    pub child: i64,
    /// State.
    pub state: FindingState,
    /// The unit that had it last.
    pub unit_path: Option<String>,
    /// Code of the last answer.
    pub answer: Option<String>,
    /// When it came into this state.
    pub since: i64,
}

/// How many findings are in a state.
#[derive(Debug, Clone, Copy)]
pub struct StateCount {
    /// The state.
    pub state: FindingState,
    /// All of them.
    pub all: i64,
    /// Those whose deadline has passed.
    pub overdue: i64,
}

/// Which findings.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    /// In these states; empty for all.
    pub states: Vec<FindingState>,
    /// With this verdict.
    pub verdict: Option<String>,
    /// Sent to units below this path.
    pub unit: Option<String>,
    /// Whose deadline is before this moment.
    pub due_before: Option<i64>,
    /// Of children below this path, in the line to which it belongs: where they live, where they go to school.
    pub below: Option<String>,
    /// Only of these children (a search).
    pub children: Option<Vec<i64>>,
    /// In which order.
    pub order: FindingOrder,
}

/// How a list of findings is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FindingOrder {
    /// The nearest deadline first.
    #[default]
    Due,
    /// The last step first.
    Changed,
    /// By verdict.
    Verdict,
    /// By state.
    State,
    /// By the unit that has it.
    Unit,
}

impl FindingOrder {
    fn sql(self) -> &'static str {
        match self {
            Self::Due => "COALESCE(t.deadline_at, 9223372036854775807), f.id",
            Self::Changed => "f.changed_at DESC, f.id",
            Self::Verdict => "f.verdict, f.id",
            Self::State => "f.state, f.id",
            Self::Unit => "t.unit_path, f.id",
        }
    }
}

/// Findings of children below one place.
#[derive(Debug, Clone)]
pub struct PlaceCount {
    /// The place; nothing where nobody knows where the child lives.
    pub path: Option<String>,
    /// State of the findings.
    pub state: FindingState,
    /// All of them.
    pub all: i64,
    /// Those whose deadline has passed.
    pub overdue: i64,
}

const COLUMNS: &str = "f.id, f.child_id, f.verdict, f.state, f.run_id, f.opened_at, t.unit_path, t.deadline_at, COALESCE(t.escalated, 0), f.answer, \
                       f.version, f.changed_at";

fn finding(vault: &Vault, r: &Row) -> Result<Finding> {
    let id = r.int(0)?;
    let answer = r.opt_bytes(9)?;
    Ok(Finding {
        id,
        child: r.int(1)?,
        verdict: r.text(2)?,
        state: FindingState::find(&r.text(3)?).ok_or(StoreError::Damaged)?,
        run: r.int(4)?,
        opened_at: r.int(5)?,
        unit_path: r.opt_text(6)?,
        deadline_at: r.opt_int(7)?,
        escalated: r.int(8)?,
        disposition: answer.map(|a| vault.open_text(&answer_place(Subject::Finding(id)), &a)).transpose()?,
        version: r.int(10)?,
        changed_at: r.int(11)?,
    })
}

fn where_of(f: &FindingFilter) -> Clause {
    let mut c = Clause::new();
    if !f.states.is_empty() {
        c.one_of("f.state", f.states.iter().map(|s| s.code()));
    }
    if let Some(v) = &f.verdict {
        c.equal("f.verdict", v);
    }
    if let Some(unit) = &f.unit {
        of_tasks(&mut c, f);
        c.below("t.unit_path", unit);
    }
    if let Some(t) = f.due_before {
        let v = c.bind(t);
        c.add(format!("t.deadline_at < {v}"));
    }
    if let Some(path) = &f.below {
        c.below(if path.starts_with('e') { "c.school_path" } else { "c.residence_path" }, path);
    }
    if let Some(children) = &f.children {
        c.one_of("f.child_id", children.iter().copied());
    }
    c
}

/// What units have is found by the index of their tasks, which begins with the task's state.
fn of_tasks(c: &mut Clause, f: &FindingFilter) {
    let waiting = |s: &FindingState| *s == FindingState::Dispatched;
    if !f.states.is_empty() && f.states.iter().all(waiting) {
        c.equal("t.state", TaskState::Waiting.code());
    } else if !f.states.is_empty() && !f.states.iter().any(waiting) {
        c.equal("t.state", TaskState::Done.code());
    }
}

/// Children of one question.
const CHILDREN_AT_ONCE: usize = 5_000;

const FINDINGS: &str = "finding f LEFT JOIN task t ON t.subject_kind = 'finding' AND t.subject_id = f.id";
const WITH_CHILDREN: &str =
    "finding f JOIN child c ON c.id = f.child_id LEFT JOIN task t ON t.subject_kind = 'finding' AND t.subject_id = f.id";

/// One place answers for a child: the one where it lives. Gives the tables that the condition needs.
pub(crate) fn answering(c: &mut Clause, sight: &Sight) -> &'static str {
    match sight {
        Sight::Whole => FINDINGS,
        Sight::Part(j) => {
            c.inside(j, &["c.residence_path"], &[]);
            WITH_CHILDREN
        }
    }
}

impl Store {
    /// Findings for which the jurisdiction answers; and how many there are.
    pub async fn findings(&self, f: &FindingFilter, j: &Jurisdiction, limit: i64, offset: i64) -> Result<(Vec<Finding>, i64)> {
        let sight = self.sight(j).await?;
        let mut c = where_of(f);
        let children = f.below.is_some() || matches!(sight, Sight::Part(_));
        answering(&mut c, &sight);
        // what waits in no unit has no deadline
        let waits = f.states.is_empty() || f.states.contains(&FindingState::Dispatched);
        let order = if f.order == FindingOrder::Due && !waits { "f.id" } else { f.order.sql() };
        let tasks = f.unit.is_some() || f.due_before.is_some() || order.contains("t.");
        let from = match (children, tasks) {
            (true, true) => WITH_CHILDREN,
            (false, true) => FINDINGS,
            (true, false) => "finding f JOIN child c ON c.id = f.child_id",
            (false, false) => "finding f",
        };
        self.findings_where(from, c, order, limit, offset).await
    }

    /// Findings sent to units of the jurisdiction (an inbox), overdue first; and how many there are.
    pub async fn inbox(&self, f: &FindingFilter, j: &Jurisdiction, limit: i64, offset: i64) -> Result<(Vec<Finding>, i64)> {
        let mut c = where_of(f);
        of_tasks(&mut c, f);
        c.inside(j, &["t.unit_path"], &["t.unit_path"]);
        self.findings_where(FINDINGS, c, f.order.sql(), limit, offset).await
    }

    /// A page of findings, and how many there are. What of the tables is not asked for is not joined: of a county's ten thousand findings
    /// first the numbers of a page are found, then their rows.
    async fn findings_where(
        &self,
        from: &str,
        mut c: Clause,
        order: &'static str,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Finding>, i64)> {
        let count = self.one(&format!("SELECT COUNT(*) FROM {from}{}", c.sql()), c.values.clone()).await?;
        let count = count.map_or(Ok(0), |r| r.int(0))?;
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        let sql = format!("SELECT f.id FROM {from}{} ORDER BY {order} LIMIT {limit} OFFSET {offset}", c.sql());
        let ids: Vec<i64> = self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let mut found: FxHashMap<i64, Finding> = FxHashMap::default();
        for part in ids.chunks(CHILDREN_AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("f.id", part.iter().copied());
            for r in self.all(&format!("SELECT {COLUMNS} FROM {FINDINGS}{}", c.sql()), c.values).await? {
                let f = finding(&self.vault, &r)?;
                found.insert(f.id, f);
            }
        }
        Ok((ids.iter().filter_map(|id| found.remove(id)).collect(), count))
    }

    /// How many findings of children who live in each place one level below `at` are in each state in which somebody has to do something, of
    /// those for which the jurisdiction answers.
    pub async fn finding_counts_by_place(&self, j: &Jurisdiction, at: &PlacePath, now: i64) -> Result<Vec<PlaceCount>> {
        let sight = self.sight(j).await?;
        let mut c = Clause::new();
        let now = c.bind(now);
        answering(&mut c, &sight);
        c.one_of("f.state", FindingState::ALL.into_iter().filter(|s| s.is_pending()).map(FindingState::code));
        let place = below_of(at);
        let sql = format!(
            "SELECT {place}, f.state, COUNT(*), COUNT(CASE WHEN t.state = 'waiting' AND t.deadline_at < {now} THEN 1 END)
             FROM {WITH_CHILDREN}{} GROUP BY 1, f.state",
            c.sql()
        );
        let row = |r: &Row| {
            let state = r.text(1)?;
            let state = FindingState::find(&state).ok_or_else(|| StoreError::unreadable("finding.state", &state))?;
            Ok(PlaceCount { path: r.opt_text(0)?, state, all: r.int(2)?, overdue: r.int(3)? })
        };
        self.all(&sql, c.values).await?.iter().map(row).collect()
    }

    /// How many findings are in each state of those for which the jurisdiction answers, and how many of those that wait for an answer are
    /// overdue.
    pub async fn finding_counts(&self, j: &Jurisdiction, now: i64) -> Result<Vec<StateCount>> {
        let sight = self.sight(j).await?;
        let mut c = Clause::new();
        let from = match answering(&mut c, &sight) {
            FINDINGS => "finding f",
            _ => "finding f JOIN child c ON c.id = f.child_id",
        };
        let rows = self.all(&format!("SELECT f.state, COUNT(*) FROM {from}{} GROUP BY f.state", c.sql()), c.values).await?;
        let mut late = Clause::new();
        late.equal("t.subject_kind", "finding");
        late.equal("t.state", TaskState::Waiting.code());
        let now = late.bind(now);
        late.add(format!("t.deadline_at < {now}"));
        let from = match answering(&mut late, &sight) {
            FINDINGS => "task t",
            _ => "task t JOIN finding f ON f.id = t.subject_id JOIN child c ON c.id = f.child_id",
        };
        let late = self.one(&format!("SELECT COUNT(*) FROM {from}{}", late.sql()), late.values).await?;
        let late = late.map_or(Ok(0), |r| r.int(0))?;
        let count = |r: &Row| {
            let state = r.text(0)?;
            let state = FindingState::find(&state).ok_or_else(|| StoreError::unreadable("finding.state", &state))?;
            Ok(StateCount { state, all: r.int(1)?, overdue: if state == FindingState::Dispatched { late } else { 0 } })
        };
        rows.iter().map(count).collect()
    }

    /// A finding, with whose business it is: that of the place that answers for the child (`answers`), that of the unit to which it was
    /// sent (`holds`).
    pub async fn finding(
        &self,
        id: i64,
        answers: Option<&Jurisdiction>,
        holds: Option<&Jurisdiction>,
    ) -> Result<Option<Finding>> {
        let sql = format!("SELECT {COLUMNS}, c.residence_path FROM {WITH_CHILDREN} WHERE f.id = $1");
        let Some(row) = self.one(&sql, binds![id]).await? else { return Ok(None) };
        let found = finding(&self.vault, &row)?;
        let home = row.opt_text(12)?;
        let covers =
            |j: Option<&Jurisdiction>, path: &Option<String>| j.is_some_and(|j| path.as_ref().is_some_and(|p| j.covers(p)));
        Ok((covers(answers, &home) || covers(holds, &found.unit_path)).then_some(found))
    }

    /// Findings about a child, the newest first.
    pub async fn findings_of(&self, child: &ChildRow) -> Result<Vec<Finding>> {
        let sql = format!("SELECT {COLUMNS} FROM {FINDINGS} WHERE f.child_id = $1 ORDER BY f.id DESC");
        self.all(&sql, binds![child.id]).await?.iter().map(|r| finding(&self.vault, r)).collect()
    }

    /// Of each child of a place and of all below it the newest finding: state, verdict, number.
    pub async fn newest_findings(&self, scope: &str) -> Result<Vec<Finding>> {
        let mut c = Clause::new();
        c.below("c.scope_path", scope);
        c.add("NOT EXISTS (SELECT 1 FROM finding n WHERE n.child_id = f.child_id AND n.id > f.id)");
        let sql = format!("SELECT {COLUMNS} FROM {WITH_CHILDREN}{}", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| finding(&self.vault, r)).collect()
    }

    /// 退回 (returns): which units handed findings back, when and why, the oldest first.
    pub async fn returns_of(&self, findings: &[i64]) -> Result<FxHashMap<i64, Vec<Returned>>> {
        let mut out: FxHashMap<i64, Vec<Returned>> = FxHashMap::default();
        for part in findings.chunks(CHILDREN_AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("e.subject_id", part.iter().copied());
            c.equal("e.subject_kind", "finding");
            c.one_of("e.kind", ["dispatch", "hand-back"]);
            let sql = format!(
                "SELECT e.subject_id, e.kind, e.at, a.name, e.unit_path, e.detail FROM event e LEFT JOIN account a ON a.id = e.account_id{}
                 ORDER BY e.id",
                c.sql()
            );
            let mut with: FxHashMap<i64, Option<String>> = FxHashMap::default();
            for r in self.all(&sql, c.values).await? {
                let id = r.int(0)?;
                if r.text(1)? == "dispatch" {
                    with.insert(id, r.opt_text(4)?);
                    continue;
                }
                let reason = self.vault.open_text(&Subject::Finding(id).place(), &r.bytes(5)?)?;
                let unit_path = with.get(&id).cloned().flatten();
                out.entry(id).or_default().push(Returned {
                    unit_path,
                    at: r.int(2)?,
                    by: r.opt_text(3)?.unwrap_or_default(),
                    reason,
                });
            }
        }
        Ok(out)
    }

    /// Of each of these children the newest finding as it was known at a moment. What was written down before events told where they
    /// led knows no unit.
    pub async fn findings_then(&self, children: &[i64], known_at: i64) -> Result<FxHashMap<i64, FindingThen>> {
        let mut out: FxHashMap<i64, FindingThen> = FxHashMap::default();
        for part in children.chunks(CHILDREN_AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("f.child_id", part.iter().copied());
            let rows = self.all(&format!("SELECT f.id, f.child_id FROM finding f{}", c.sql()), c.values).await?;
            let child_of: FxHashMap<i64, i64> = rows.iter().map(|r| Ok((r.int(0)?, r.int(1)?))).collect::<Result<_>>()?;
            if child_of.is_empty() {
                continue;
            }
            // asked by number: joined, a database may walk through the events of everybody
            let mut c = Clause::new();
            c.equal("e.subject_kind", "finding");
            c.one_of("e.subject_id", child_of.keys().copied());
            let at = c.bind(known_at);
            c.add(format!("e.at <= {at}"));
            let sql = format!("SELECT e.subject_id, e.state, e.unit_path, e.answer, e.at FROM event e{} ORDER BY e.id", c.sql());
            for r in self.all(&sql, c.values).await? {
                let id = r.int(0)?;
                let Some(&child) = child_of.get(&id) else { continue };
                let Some(state) = r.opt_text(1)?.and_then(|s| FindingState::find(&s)) else { continue };
                let answer = match r.opt_bytes(3)? {
                    Some(a) => Some(self.vault.open_text(&answer_place(Subject::Finding(id)), &a)?),
                    None => None,
                };
                // a newer finding begins anew
                let before = out.get(&child).filter(|b| b.id == id);
                if out.get(&child).is_some_and(|b| b.id > id) {
                    continue;
                }
                let unit_path = r.opt_text(2)?.or_else(|| before.and_then(|b| b.unit_path.clone()));
                let since = before.filter(|b| b.state == state).map_or(r.int(4)?, |b| b.since);
                out.insert(child, FindingThen { id, child, state, unit_path, answer, since });
            }
        }
        Ok(out)
    }
}

impl Tx {
    /// Opens a finding and gives its number.
    pub async fn open_finding(&mut self, store: &Store, child: i64, verdict: &str, run: i64, e: &NewEvent<'_>) -> Result<i64> {
        let sql = "INSERT INTO finding (child_id, verdict, state, run_id, opened_at, version, changed_at)
                   VALUES ($1, $2, 'open', $3, $4, 1, $4) RETURNING id";
        let id = self.one(sql, binds![child, verdict, run, e.at]).await?.map_or(Ok(0), |r| r.int(0))?;
        let after = After { state: FindingState::Open.code(), ..After::default() };
        self.add_event(store, Subject::Finding(id), e, Some(after)).await?;
        Ok(id)
    }

    /// Moves a finding on from the version that the actor saw. False: somebody else moved it in the meantime.
    pub async fn step_finding(&mut self, store: &Store, f: &Finding, to: &Placed<'_>, e: &NewEvent<'_>) -> Result<bool> {
        let subject = Subject::Finding(f.id);
        let sql =
            "UPDATE finding SET state = $1, answer = $2, changed_at = $3, version = version + 1 WHERE id = $4 AND version = $5";
        let answer = to.answer.map(|a| store.vault().seal_text(&answer_place(subject), a)).transpose()?;
        if self.run(sql, binds![to.state.code(), answer, e.at, f.id, f.version]).await? == 0 {
            return Ok(false);
        }
        let state = if to.state == FindingState::Dispatched { TaskState::Waiting } else { TaskState::Done };
        let task = to.unit.map(|unit| NewTask { unit, lead: None, state, deadline: to.deadline });
        self.put_task(subject, task.as_ref()).await?;
        let after = After { state: to.state.code(), unit: to.unit, deadline: to.deadline, answer: to.answer };
        self.add_event(store, subject, e, Some(after)).await?;
        Ok(true)
    }
}
