//! 筛选 (filters): which files a list shows, whose, in which order; as tables and conditions that join no more than is asked for.

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::case::{Ask, CaseState};
use baoxue_domain::place::PlacePath;
use baoxue_domain::task::TaskState;
use jiff::civil::Date;

use crate::Clause;

/// Levels of the path of a school.
const SCHOOL_DEPTH: usize = 2;
/// Which files.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// In these states; empty for all but those that became part of others.
    pub states: Vec<CaseState>,
    /// Only confirmed ones, or only others.
    pub confirmed: Option<bool>,
    /// With this cause, as everybody may read it.
    pub cause: Option<String>,
    /// Of which something was asked; which.
    pub asked: Vec<Ask>,
    /// Owned by units below this path.
    pub unit: Option<String>,
    /// Of children below this path, in the line to which it belongs.
    pub below: Option<String>,
    /// Whose deadline is before this moment.
    pub due_before: Option<i64>,
    /// Opened before this day.
    pub opened_before: Option<Date>,
    /// Only of children who left again.
    pub relapsed: bool,
    /// Only of these children.
    pub children: Option<Vec<i64>>,
    /// Only this number of this year.
    pub number: Option<(i64, i64)>,
    /// In which order.
    pub order: CaseOrder,
}

impl CaseFilter {
    /// The states of files that somebody owns.
    pub fn open_states() -> Vec<CaseState> {
        CaseState::ALL.into_iter().filter(|s| s.is_open()).collect()
    }
}

/// How a list of files is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseOrder {
    /// The nearest deadline first.
    #[default]
    Due,
    /// The last step first.
    Changed,
    /// By number, the newest first.
    Number,
    /// By state.
    State,
    /// By unit.
    Unit,
    /// The oldest first.
    Opened,
    /// The fewest attempts first.
    Attempts,
}

impl CaseOrder {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Due => "COALESCE(t.deadline_at, 9223372036854775807), k.id",
            Self::Changed => "k.changed_at DESC, k.id",
            Self::Number => "k.year DESC, k.number DESC, k.id",
            Self::State => "k.state, k.id",
            Self::Unit => "t.unit_path, k.id",
            Self::Opened => "k.opened_on, k.id",
            Self::Attempts => "k.attempts, k.id",
        }
    }
}

/// Whose files a list shows.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Of children who live or go to school in the jurisdiction, and those that its units have.
    Seen(&'a Jurisdiction),
    /// That are one's own: of units at exactly these places, and of pupils of these grades and classes; without what waits for the bureau's word.
    Own(&'a [PlacePath]),
    /// That were offered to units of the jurisdiction, and wait for their answer.
    Offered(&'a Jurisdiction),
}

/// What is found by its task: the database walks the tasks in their order. (CROSS: SQLite keeps the order in which they stand.)
pub(super) const BY_TASK: &str = "task t CROSS JOIN case_file k";

/// Tables and conditions of a question. What is not asked for is not joined: of twenty thousand files first the numbers of a page are found.
pub(super) struct Asked {
    pub(super) from: String,
    pub(super) clause: Clause,
}

/// What a jurisdiction sees: files of children who live or go to school there, that one of its units has, helps with or asked about, or that its
/// county keeps. Each part is found by its own index.
pub(super) fn seen(c: &mut Clause, j: &Jurisdiction) {
    let mut any = Vec::new();
    let mut part = |c: &mut Clause, before: &str, government: &[&str], education: &[&str], after: &str| {
        let mut of = Clause::with(std::mem::take(&mut c.values));
        of.inside(j, government, education);
        c.values = std::mem::take(&mut of.values);
        any.push(format!("{before}{}{after}", of.sql().trim_start_matches(if before.is_empty() { " WHERE " } else { "" })));
    };
    let own = ["k.partner_path", "k.asking_path", "k.scope_path"];
    part(c, "", &own, &own[..2], "");
    part(c, "k.id IN (SELECT t.subject_id FROM task t", &["t.unit_path"], &["t.unit_path"], " AND t.subject_kind = 'case')");
    part(c, "k.child_id IN (SELECT c.id FROM child c", &["c.residence_path"], &["c.school_path"], ")");
    c.add(format!("({})", any.join(" OR ")));
}

/// One's own: of units at exactly these places, and of pupils of these grades and classes.
fn own(c: &mut Clause, places: &[PlacePath]) {
    let (of_units, of_pupils): (Vec<&PlacePath>, Vec<&PlacePath>) =
        places.iter().partition(|p| p.is_government() || p.depth() <= SCHOOL_DEPTH);
    let condition = |c: &Clause| c.sql().trim_start_matches(" WHERE ").to_owned();
    let mut own = Clause::with(std::mem::take(&mut c.values));
    own.one_of("t.unit_path", of_units.iter().map(|p| p.as_str()));
    if of_pupils.is_empty() {
        c.values = std::mem::take(&mut own.values);
        c.add(condition(&own));
        return;
    }
    let mut of = Clause::with(std::mem::take(&mut own.values));
    of.inside(&Jurisdiction::of(of_pupils.into_iter()), &[], &["c.school_path"]);
    c.values = std::mem::take(&mut of.values);
    c.add(format!("({} OR k.child_id IN (SELECT c.id FROM child c{}))", condition(&own), of.sql()));
}

pub(super) fn asked(f: &CaseFilter, whose: Whose<'_>, whole: bool) -> Asked {
    let mut c = Clause::new();
    let open = |s: &CaseState| s.is_open();
    let is_own = matches!(whose, Whose::Own(_));
    let tasks = f.unit.is_some() || f.due_before.is_some() || is_own || matches!(f.order, CaseOrder::Due | CaseOrder::Unit);
    // what was asked is found by its own index, and is little
    let few = !f.asked.is_empty() || matches!(whose, Whose::Offered(_));
    let by_task = is_own || (tasks && !few && !f.states.is_empty() && f.states.iter().all(open));
    let mut from = if by_task { BY_TASK } else { "case_file k" }.to_owned();
    if by_task {
        // (joined to nothing: else SQLite takes the index by kind, and walks all cases)
        c.add("t.subject_kind || '' = 'case' AND t.subject_id = k.id");
        c.equal("t.state", TaskState::Waiting.code());
    } else if tasks {
        from.push_str(" LEFT JOIN task t ON t.subject_kind = 'case' AND t.subject_id = k.id");
    }
    // a task waits for open files alone
    let all_open = f.states.len() == CaseState::ALL.into_iter().filter(|s| s.is_open()).count();
    if f.states.is_empty() {
        c.add("k.state <> 'joined'");
    } else if !(by_task && all_open) {
        c.one_of("k.state", f.states.iter().map(|s| s.code()));
    }
    if let Some(confirmed) = f.confirmed {
        c.equal("k.confirmed", i64::from(confirmed));
    }
    if let Some(cause) = &f.cause {
        c.equal("k.cause", cause);
    }
    if !f.asked.is_empty() {
        c.one_of("k.asked", f.asked.iter().map(|a| a.code()));
        c.add("k.asked IS NOT NULL");
    }
    if let Some(unit) = &f.unit {
        c.below("t.unit_path", unit);
    }
    if let Some(path) = &f.below {
        let mut of = Clause::with(std::mem::take(&mut c.values));
        of.below(if path.starts_with('e') { "c.school_path" } else { "c.residence_path" }, path);
        c.values = std::mem::take(&mut of.values);
        c.add(format!("k.child_id IN (SELECT c.id FROM child c{})", of.sql()));
    }
    if let Some(at) = f.due_before {
        let at = c.bind(at);
        c.add(format!("t.deadline_at < {at}"));
    }
    if let Some(on) = f.opened_before {
        let on = c.bind(on);
        c.add(format!("k.opened_on < {on}"));
    }
    if f.relapsed {
        c.add("k.relapses > 0");
    }
    if let Some(children) = &f.children {
        c.one_of("k.child_id", children.iter().copied());
    }
    if let Some((year, number)) = f.number {
        c.equal("k.year", year);
        c.equal("k.number", number);
    }
    match whose {
        Whose::Seen(_) if whole => {}
        Whose::Seen(j) => seen(&mut c, j),
        Whose::Own(places) => {
            c.add("(k.asked IS NULL OR k.asked = 'transfer')");
            own(&mut c, places);
        }
        Whose::Offered(j) => {
            let mut of = Clause::with(std::mem::take(&mut c.values));
            of.inside(j, &["a.target_path"], &["a.target_path"]);
            of.add("a.kind = 'transfer' AND a.answered_at IS NULL");
            c.values = std::mem::take(&mut of.values);
            c.add(format!("k.asked = 'transfer' AND k.id IN (SELECT a.case_id FROM case_ask a{})", of.sql()));
        }
    }
    Asked { from, clause: c }
}
