//! 研判 (assessment): warnings are made to say what marks, leave and calendar say, by the one rule; what changes is written down, told, and where it is
//! red opens or joins the child's file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use baoxue_domain::access::{Deed, Jurisdiction, Role};
use baoxue_domain::attendance::{
    Change, Check, DayState, Episode, Level, Mark, Marked, Night, Rule, Rules, Seen, covers, day_state, episodes, half_of,
    in_days, night_of, reconcile,
};
use baoxue_domain::calendar::{SchoolCalendar, Workdays};
use baoxue_domain::place::PlacePath;
use baoxue_domain::policy::Policy;
use baoxue_domain::task::TaskState;
use baoxue_store::{Leave, NewEvent, NewTask, Subject, Tx, Warning};
use jiff::ToSpan;
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::oneshot;

use super::calendar::Calendars;
use crate::app::clock::moment;
use crate::app::office::{Office, Result};

/// Days back that are looked at: more than any rule needs, and those for which the roll can be corrected.
pub const KNOWN_DAYS: i64 = 60;
/// Working days in which a warning is looked into. 48 小时
const CHECK_DAYS: u32 = 2;
const MINUTE_MS: i64 = 60_000;
/// Times that a child is looked at again whom somebody else assessed meanwhile.
const TRIES: usize = 4;
/// Registers whose assessment was cut short, and that are done in a minute.
const UNASSESSED_AT_ONCE: i64 = 2_000;
/// Children that are assessed at a time.
const AT_ONCE: usize = 500;
/// Children whose warnings are changed in one transaction: others who write wait for it.
const CHANGED_AT_ONCE: usize = 100;

/// Thresholds of a county's policy.
pub fn rules_of(p: &Policy) -> Rules {
    let n = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Rules {
        yellow_days: n(p.yellow_days),
        red_days: n(p.red_days.max(p.yellow_days)),
        first_day_days: n(p.first_day_days),
        cumulative_days: n(p.cumulative_days),
        least_rate: n(p.least_rate),
    }
}

/// Who was assessed today after the time of a check, in this process: not each minute anew.
#[derive(Clone, Default)]
pub struct SeenToday(Arc<Mutex<DaySeen>>);

/// The day, and child and check.
type DaySeen = (Option<Date>, FxHashSet<(i64, i64)>);

impl SeenToday {
    /// Whether this is the first time today.
    fn first(&self, today: Date, what: (i64, i64)) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != Some(today) {
            *seen = (Some(today), FxHashSet::default());
        }
        seen.1.insert(what)
    }
}

/// A register whose warnings are to be made what it says.
struct Waiting {
    register: i64,
    changed_at: i64,
    children: Vec<i64>,
    done: oneshot::Sender<()>,
}

/// Registers that wait to be assessed in this process: whoever has the turn takes all that wait.
#[derive(Clone, Default)]
pub struct ToAssess {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl ToAssess {
    fn push(&self, w: Waiting) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(w);
    }

    fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is to be done about the warnings of a child.
struct Todo {
    child: i64,
    /// Her class now; of whoever is in none any more, that of the warning.
    class: PlacePath,
    /// Some of her open warnings stand in another class.
    moved: bool,
    standing: Vec<Warning>,
    changes: Vec<Change>,
}

/// A warning that stands: whose, by which rule, from when to when.
type Stands = (i64, Rule, Date, Date);

/// What became of a change.
enum Changed {
    Told,
    /// One more day of what everybody knows.
    Silently,
    /// Somebody else assessed the child meanwhile.
    Elsewhere,
}

/// What is known of children who are assessed together.
pub(super) struct Known {
    /// Rolls of a class that were taken: day, check, list.
    registers: FxHashMap<String, Vec<(Date, Check, i64)>>,
    lists: FxHashMap<i64, Vec<i64>>,
    marks: FxHashMap<i64, Vec<(Date, Check, Mark)>>,
    /// Classes of a child, the former ones of which marks tell too.
    classes: FxHashMap<i64, BTreeSet<String>>,
    /// Numbers under which a child was known.
    former: FxHashMap<i64, Vec<i64>>,
    leaves: FxHashMap<i64, Vec<Leave>>,
    /// From when to when a child boards.
    boards: FxHashMap<i64, Vec<(Date, Option<Date>)>>,
    warnings: FxHashMap<i64, Vec<Warning>>,
}

impl Known {
    /// Marks of a child by day and check, whoever was there included; and the days on which its class took the roll without it.
    pub(super) fn marks(&self, child: i64, class: &str) -> (BTreeMap<Date, BTreeMap<Check, Mark>>, BTreeSet<Date>) {
        let mut by_day: BTreeMap<Date, BTreeMap<Check, Mark>> = BTreeMap::new();
        let former = self.former.get(&child);
        let is = |id: &i64| *id == child || former.is_some_and(|f| f.contains(id));
        let mut off_list: BTreeSet<Date> = BTreeSet::new();
        for c in self.classes.get(&child).into_iter().flatten() {
            for (day, check, list) in self.registers.get(c).into_iter().flatten() {
                if self.lists.get(list).is_some_and(|l| l.iter().any(is)) {
                    by_day.entry(*day).or_default().insert(*check, Mark::Present);
                } else if c == class && check.tells_of_school() {
                    off_list.insert(*day);
                }
            }
        }
        for (day, check, mark) in self.marks.get(&child).into_iter().flatten() {
            by_day.entry(*day).or_default().insert(*check, *mark);
        }
        (by_day, off_list)
    }

    /// Days and evenings of a child, in order, as far as anything is known of them.
    pub(super) fn seen(&self, child: i64, class: &str, calendar: &SchoolCalendar) -> Seen {
        let (by_day, off_list) = self.marks(child, class);
        let leaves = self.leaves.get(&child);
        let excused = |day: Date, check: Check| leaves.into_iter().flatten().any(|l| covers(l.from, l.to, day, half_of(check)));
        let boards = |day: Date| {
            let mut spans = self.boards.get(&child).into_iter().flatten();
            spans.any(|(from, to)| *from <= day && to.is_none_or(|t| day < t))
        };
        let mut out: BTreeMap<Date, DayState> = BTreeMap::new();
        let mut nights: Vec<(Date, Night)> = Vec::new();
        for (day, checks) in by_day {
            let marks: Vec<Marked> =
                checks.into_iter().map(|(check, mark)| Marked { check, mark, excused: excused(day, check) }).collect();
            // an evening roll alone says nothing of school
            if marks.iter().any(|m| m.check.tells_of_school()) {
                out.insert(day, day_state(calendar.day(day), &marks));
            }
            nights.extend(night_of(&marks).filter(|_| boards(day)).map(|n| (day, n)));
        }
        for day in off_list {
            out.entry(day).or_insert(DayState::OffList);
        }
        Seen { days: out.into_iter().collect(), nights, together: BTreeSet::new() }
    }
}

impl Office {
    /// The days of a child since a day, as its page shows them: what is known of each school day, and what was not taken.
    pub async fn attendance_of(&self, child: i64, since: Date) -> Result<Vec<(Date, DayState)>> {
        let classes = self.store.classes_of_children(&[child]).await?;
        let Some(class) = classes.get(&child) else { return Ok(Vec::new()) };
        let Some(path) = PlacePath::parse(class) else { return Ok(Vec::new()) };
        let calendar = self.calendars().await?.of(&path);
        let known = self.known_of(&[child], &classes, since).await?;
        let mut said: BTreeMap<Date, DayState> = known.seen(child, class, &calendar).days.into_iter().collect();
        if let Some(first) = said.keys().next().copied() {
            for day in calendar.school_days(first, self.clock.today()) {
                said.entry(day).or_insert(DayState::Unmarked);
            }
        }
        Ok(said.into_iter().filter(|d| !matches!(d.1, DayState::NoSchool | DayState::OffList)).collect())
    }

    pub(super) async fn known_of(&self, children: &[i64], classes: &FxHashMap<i64, String>, since: Date) -> Result<Known> {
        let today = self.clock.today();
        let mut of: FxHashMap<i64, BTreeSet<String>> = classes.iter().map(|(c, p)| (*c, BTreeSet::from([p.clone()]))).collect();
        let mut marks: FxHashMap<i64, Vec<_>> = FxHashMap::default();
        let former_numbers = self.store.former_numbers(children).await?;
        for (child, day, check, mark, class) in self.store.marks_of_children(children, &former_numbers, since).await? {
            marks.entry(child).or_default().push((day, check, mark));
            of.entry(child).or_default().insert(class);
        }
        let paths: Vec<String> = of.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let mut registers: FxHashMap<String, Vec<_>> = FxHashMap::default();
        for (class, day, check, list) in self.store.taken_of(&paths, since, today).await? {
            registers.entry(class).or_default().push((day, check, list));
        }
        let lists = self.store.roll_lists(registers.values().flatten().map(|r| r.2)).await?;
        let mut former: FxHashMap<i64, Vec<i64>> = FxHashMap::default();
        for (old, child) in former_numbers {
            former.entry(child).or_default().push(old);
        }
        let mut leaves: FxHashMap<i64, Vec<Leave>> = FxHashMap::default();
        for l in self.store.granted_leaves(children, since).await? {
            leaves.entry(l.child).or_default().push(l);
        }
        let mut warnings: FxHashMap<i64, Vec<Warning>> = FxHashMap::default();
        for w in self.store.warnings_of(children, since).await? {
            warnings.entry(w.child).or_default().push(w);
        }
        let mut boards: FxHashMap<i64, Vec<_>> = FxHashMap::default();
        for (child, from, to) in self.store.boarding_of(children).await? {
            boards.entry(child).or_default().push((from, to));
        }
        Ok(Known { registers, lists, marks, classes: of, former, leaves, boards, warnings })
    }

    /// Children of a class, and those of its list, of whom a warning is open or tells of days that may be corrected.
    pub(super) async fn warned_of(&self, class: &PlacePath, pupils: &BTreeSet<i64>) -> Result<BTreeSet<i64>> {
        let since = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        Ok(self.store.warned_among(class.as_str(), pupils, since).await?)
    }

    /// A register was taken: whoever is told of in it, and whoever is warned of, is assessed; then it is done with. Of many who take registers at
    /// once one does it for all who wait; true: it is done.
    pub(super) async fn assess_register(&self, register: i64, changed_at: i64, children: Vec<i64>) -> Result<bool> {
        let (done, mut told) = oneshot::channel();
        self.to_assess.push(Waiting { register, changed_at, children, done });
        // whoever is done with waits for no turn: a turn that each of many only looks at would cost more than the work
        let turn = tokio::select! {
            biased;
            r = &mut told => return Ok(r.is_ok()),
            turn = self.to_assess.turn.lock() => turn,
        };
        let waiting = self.to_assess.take();
        if !waiting.is_empty() {
            let all: BTreeSet<i64> = waiting.iter().flat_map(|w| w.children.iter().copied()).collect();
            self.assess(&all.into_iter().collect::<Vec<_>>()).await?;
            let mut tx = self.store.begin().await?;
            for w in &waiting {
                tx.register_assessed(w.register, w.changed_at).await?;
            }
            tx.commit_untold("warnings are told themselves").await?;
            for w in waiting {
                let _ = w.done.send(());
            }
        }
        drop(turn);
        // whoever did it for this one may have been cut short: then the job of the next minute does
        Ok(told.await.is_ok())
    }

    /// 到时间的: children who are missing today, of whom nobody has said why since the check closed; and registers whose assessment was cut short.
    pub async fn assess_missing(&self) -> Result<usize> {
        let (today, now) = (self.clock.today(), self.clock.now());
        let minute = i64::from(now.hour()) * 60 + i64::from(now.minute());
        let mut policies: FxHashMap<Option<PlacePath>, i64> = FxHashMap::default();
        let mut due: BTreeSet<i64> = BTreeSet::new();
        for (child, class, check) in self.store.unexplained_on(today).await? {
            let county = PlacePath::parse(&class).and_then(|p| p.county());
            let wait = match policies.get(&county) {
                Some(m) => *m,
                None => {
                    let m = self.policy(county.as_ref()).await?.blue_minutes;
                    policies.insert(county.clone(), m);
                    m
                }
            };
            let told = check.number();
            // once after its time: what is excused or only half a day gives no warning, and need not be asked each minute
            if check.tells_of_school()
                && i64::from(check.closes_at()) + wait <= minute
                && self.seen_today.first(today, (child, told))
            {
                due.insert(child);
            }
        }
        self.assess(&due.iter().copied().collect::<Vec<_>>()).await?;
        let mut n = due.len();
        for (register, class) in self.store.unassessed_registers(self.now() - MINUTE_MS, UNASSESSED_AT_ONCE).await? {
            let at = self.now();
            let mut children: BTreeSet<i64> = self.store.named_in_register(register).await?.into_iter().collect();
            if let Some(path) = PlacePath::parse(&class) {
                children.extend(self.warned_of(&path, &BTreeSet::new()).await?);
            }
            n += children.len();
            self.assess_register(register, at, children.into_iter().collect()).await?;
        }
        Ok(n)
    }

    /// Makes the warnings of children say what their days say.
    pub async fn assess(&self, children: &[i64]) -> Result<()> {
        if children.is_empty() {
            return Ok(());
        }
        let calendars = self.calendars().await?;
        let known_since = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        let mut made: FxHashMap<String, (SchoolCalendar, Policy)> = FxHashMap::default();
        // what one child's days are says something of whoever lives with it
        let mut all: BTreeSet<i64> = children.iter().copied().collect();
        all.extend(self.store.living_together(children).await?.into_values().flatten());
        let all: Vec<i64> = all.into_iter().collect();
        for some in all.chunks(AT_ONCE) {
            let mut waiting: Vec<i64> = some.to_vec();
            // of two who assess a child at once one is first, and the other one looks again
            for _ in 0..TRIES {
                waiting = self.assess_some(&waiting, known_since, &calendars, &mut made).await?;
                if waiting.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Assesses children together; gives those whom somebody else assessed meanwhile.
    async fn assess_some(
        &self,
        some: &[i64],
        known_since: Date,
        calendars: &Calendars,
        made: &mut FxHashMap<String, (SchoolCalendar, Policy)>,
    ) -> Result<Vec<i64>> {
        let classes = self.store.classes_of_children(some).await?;
        // an open warning is looked at from its own first day, however long ago
        let warned = self.store.warnings_of(some, known_since).await?;
        let first = warned.iter().filter(|w| w.is_open()).map(|w| w.days.0).min();
        let since = first.map_or(known_since, |f| f.min(known_since));
        let known = self.known_of(some, &classes, since).await?;
        let mut together = self.missing_together(some, &classes, (&known, since), (calendars, made)).await?;
        let mut todo: Vec<Todo> = Vec::new();
        for child in some {
            let standing: Vec<Warning> = known.warnings.get(child).cloned().unwrap_or_default();
            let Some((class, path)) = classes.get(child).and_then(|c| Some((c, PlacePath::parse(c)?))) else {
                // in no class any more: nothing is left to wait for
                for w in standing.into_iter().filter(Warning::is_open) {
                    self.know_class(&w.class, calendars, made).await?;
                    let Some(class) = PlacePath::parse(&w.class) else { continue };
                    let changes = vec![self.leaves_list(&w)];
                    todo.push(Todo { child: *child, class, moved: false, standing: vec![w], changes });
                }
                continue;
            };
            self.know_class(class, calendars, made).await?;
            let Some((calendar, policy)) = made.get(class) else { continue };
            let moved = standing.iter().any(|w| w.is_open() && w.class != *class);
            let mut seen = known.seen(*child, class, calendar);
            seen.days = self.without_grace(seen.days, &known, *child, policy);
            seen.together = together.remove(child).unwrap_or_default();
            let all = episodes(&seen, calendar, &rules_of(policy));
            let stands: Vec<_> = standing.iter().map(Warning::standing).collect();
            let changes = reconcile(&stands, &all, since);
            if moved || !changes.is_empty() {
                todo.push(Todo { child: *child, class: path, moved, standing, changes });
            }
        }
        self.change_all(todo, made).await
    }

    /// Writes down what became of the warnings of many in one transaction; gives those whom somebody else assessed meanwhile.
    async fn change_all(&self, todo: Vec<Todo>, made: &FxHashMap<String, (SchoolCalendar, Policy)>) -> Result<Vec<i64>> {
        let mut again = Vec::new();
        for some in todo.chunks(CHANGED_AT_ONCE) {
            let mut tx = self.store.begin().await?;
            let mut told = false;
            let children: Vec<i64> = some.iter().map(|t| t.child).collect();
            let stand = tx.standing_warnings(&children).await?;
            'children: for t in some {
                let Some((_, policy)) = made.get(t.class.as_str()) else { continue };
                if t.moved {
                    for w in t.standing.iter().filter(|w| w.is_open() && w.class != t.class.as_str()) {
                        tx.move_warning(w, t.class.as_str()).await?;
                    }
                }
                for change in &t.changes {
                    match self.change(&mut tx, t, change, (policy, &stand)).await? {
                        Changed::Told => told = true,
                        Changed::Silently => {}
                        // of this child nothing has been written since
                        Changed::Elsewhere => {
                            again.push(t.child);
                            continue 'children;
                        }
                    }
                }
            }
            match told {
                true => tx.commit().await?,
                false => tx.commit_untold("one more day of what everybody knows, or the child's class tells").await?,
            }
        }
        Ok(again)
    }

    /// What holds for a class, read once.
    async fn know_class(
        &self,
        class: &str,
        calendars: &Calendars,
        made: &mut FxHashMap<String, (SchoolCalendar, Policy)>,
    ) -> Result<()> {
        if let (false, Some(path)) = (made.contains_key(class), PlacePath::parse(class)) {
            let policy = self.policy(path.county().as_ref()).await?;
            made.insert(class.to_owned(), (calendars.of(&path), policy));
        }
        Ok(())
    }

    /// Days on which somebody of a child's household was missing a whole day, of children who were missing themselves.
    async fn missing_together(
        &self,
        some: &[i64],
        classes: &FxHashMap<i64, String>,
        (known, since): (&Known, Date),
        (calendars, made): (&Calendars, &mut FxHashMap<String, (SchoolCalendar, Policy)>),
    ) -> Result<BTreeMap<i64, BTreeSet<Date>>> {
        let missed: Vec<i64> = some
            .iter()
            .copied()
            .filter(|c| known.marks.get(c).is_some_and(|all| all.iter().any(|m| m.2.is_unexplained())))
            .collect();
        let families = self.store.living_together(&missed).await?;
        let others: Vec<i64> = families.values().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if others.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut of = self.store.classes_of_children(&others).await?;
        of.extend(others.iter().filter_map(|c| Some((*c, classes.get(c)?.clone()))));
        let theirs = self.known_of(&others, &of, since).await?;
        let mut days: BTreeMap<i64, BTreeSet<Date>> = BTreeMap::new();
        for other in &others {
            let Some(class) = of.get(other) else { continue };
            self.know_class(class, calendars, made).await?;
            let Some((calendar, policy)) = made.get(class) else { continue };
            let all = self.without_grace(theirs.seen(*other, class, calendar).days, &theirs, *other, policy);
            let whole = |d: &&(Date, DayState)| matches!(d.1, DayState::Absent | DayState::SentHome);
            days.insert(*other, all.iter().filter(whole).map(|d| d.0).collect());
        }
        let of_family = |others: BTreeSet<i64>| others.iter().filter_map(|o| days.get(o)).flatten().copied().collect();
        Ok(families.into_iter().map(|(child, others)| (child, of_family(others))).collect())
    }

    /// What becomes of a warning of a child who is in no class any more.
    fn leaves_list(&self, w: &Warning) -> Change {
        let today = self.clock.today();
        let e = Episode {
            rule: w.rule,
            first: w.days.0,
            last: w.days.1,
            level: w.level,
            reached: Level::ALL.into_iter().zip(&w.reached).filter_map(|(l, d)| Some((l, d.as_ref()?.parse().ok()?))).collect(),
            halves: u32::try_from(w.halves).unwrap_or(0),
            closed: Some((today, DayState::OffList)),
        };
        Change::Continue(w.id, e)
    }

    /// Of today whoever is missing is not warned of until the time to call the family is over.
    fn without_grace(&self, days: Vec<(Date, DayState)>, known: &Known, child: i64, policy: &Policy) -> Vec<(Date, DayState)> {
        let (today, now) = (self.clock.today(), self.clock.now());
        let minute = i64::from(now.hour()) * 60 + i64::from(now.minute());
        let missed = |d: Date| {
            let marks = known.marks.get(&child).into_iter().flatten();
            marks.filter(|m| m.0 == d && m.2.is_unexplained()).map(|m| i64::from(m.1.closes_at())).min()
        };
        let waits = |d: &(Date, DayState)| {
            d.0 == today && d.1.halves_missed() > 0 && missed(d.0).is_some_and(|closes| minute < closes + policy.blue_minutes)
        };
        days.into_iter().filter(|d| !waits(d)).collect()
    }

    async fn change(&self, tx: &mut Tx, of: &Todo, change: &Change, (policy, stand): (&Policy, &[Stands])) -> Result<Changed> {
        let now = self.now();
        let (child, class, standing) = (of.child, &of.class, &of.standing);
        let (subject, said) = match change {
            Change::Open(e) => {
                let doubles = |s: &Stands| {
                    let overlaps = s.2 <= e.last && e.first <= s.3;
                    s.0 == child && s.1 == e.rule && overlaps && (e.rule.is_run() || s.2 == e.first)
                };
                if stand.iter().any(doubles) {
                    return Ok(Changed::Elsewhere);
                }
                let id = tx.open_warning(child, class.as_str(), e, now).await?;
                let said = self.rise(tx, id, child, class, None, e, policy).await?;
                (Subject::Warning(id), said)
            }
            Change::Continue(id, e) => {
                let Some(w) = standing.iter().find(|w| w.id == *id) else { return Ok(Changed::Silently) };
                if !tx.continue_warning(w, e, now).await? {
                    return Ok(Changed::Elsewhere);
                }
                let risen = w.level != e.level || w.is_open() != e.closed.is_none();
                let said = self.rise(tx, *id, child, class, Some(w), e, policy).await?;
                if !risen {
                    return Ok(Changed::Silently);
                }
                (Subject::Warning(*id), said)
            }
            Change::Withdraw(id) => {
                let Some(w) = standing.iter().find(|w| w.id == *id) else { return Ok(Changed::Silently) };
                if !tx.withdraw_warning(w, now).await? {
                    return Ok(Changed::Elsewhere);
                }
                let said = format!("撤销{}预警:更正后的点名、请假或校历里没有这次缺勤", w.level.label());
                tx.add_event(&self.store, Subject::Warning(*id), &NewEvent::of_program("withdraw", &said, now), None).await?;
                tx.put_task(Subject::Warning(*id), None).await?;
                self.tell_case(tx, w, &said).await?;
                if w.level > Level::Blue {
                    self.tell_school(tx, class, &said).await?;
                }
                (Subject::Warning(*id), said)
            }
        };
        self.audit_program(tx, subject, Some(class.as_str()), Deed::Warn, &said).await?;
        Ok(Changed::Told)
    }

    /// A warning rose, fell, closed or is open again: event, task, whoever is to know; what is red is in the child's file.
    #[allow(clippy::too_many_arguments, reason = "what a warning was and is")]
    async fn rise(
        &self,
        tx: &mut Tx,
        id: i64,
        child: i64,
        class: &PlacePath,
        before: Option<&Warning>,
        e: &Episode,
        policy: &Policy,
    ) -> Result<String> {
        let now = self.now();
        let subject = Subject::Warning(id);
        let days = in_days(e.halves);
        let what = match e.rule {
            Rule::Night => format!("寄宿生夜间未归:{} 起 {} 晚", e.first, e.halves / 2),
            rule if rule.ends_when_seen() => format!("{}:{} 起 {days}", rule.label(), e.first),
            rule => format!("{}:到 {} 为止 {days}", rule.label(), e.last),
        };
        if let Some((day, state)) = e.closed {
            let how = match state {
                DayState::OffList => "不在应到名单",
                _ if !e.rule.ends_when_seen() => "不再达到条件",
                DayState::Excused => "已请假",
                DayState::HalfAbsent => "当天到校(缺半天)",
                _ => "孩子已到校",
            };
            if before.is_some_and(|w| !w.is_open()) {
                // it was over before: only its days are told better now
                return Ok(String::new());
            }
            let said = format!("{}预警解除:{day} {how}({what})", e.level.label());
            tx.add_event(&self.store, subject, &NewEvent::of_program("close", &said, now), None).await?;
            tx.put_task(subject, None).await?;
            if let Some(w) = before {
                self.tell_case(tx, w, &said).await?;
            }
            return Ok(said);
        }
        let was = before.filter(|w| w.is_open()).map(|w| w.level);
        let (kind, said) = match was {
            Some(l) if l == e.level => return Ok(format!("{}预警:{what}", e.level.label())),
            Some(l) if l > e.level => ("lower", format!("{}预警降为{}:{what}", l.label(), e.level.label())),
            _ => ("warn", format!("{}预警:{what}", e.level.label())),
        };
        tx.add_event_later(
            &self.store,
            subject,
            &NewEvent { policy: Some(policy.version), ..NewEvent::of_program(kind, &said, now) },
        )?;
        let school = class.school();
        // sent home by the school itself: whoever stands over the school
        let county = class.county();
        let over = county.as_ref().filter(|_| e.rule == Rule::SentHome);
        let unit = match e.level {
            _ if over.is_some() => over.map_or(school.as_str(), |c| c.as_str()),
            Level::Blue => class.as_str(),
            _ => school.as_str(),
        };
        let deadline = match e.level {
            Level::Blue => now + policy.blue_minutes.max(30) * MINUTE_MS,
            _ => moment(Workdays::national().deadline(self.clock.today(), CHECK_DAYS)),
        };
        let task = NewTask { unit, lead: None, state: TaskState::Waiting, deadline: Some(deadline) };
        match before {
            None => tx.put_first_task(subject, &task),
            Some(_) => tx.put_task(subject, Some(&task)).await?,
        }
        if e.level > Level::Blue {
            self.tell_school(tx, class, &said).await?;
        }
        if let Some(w) = before.filter(|_| kind == "lower") {
            self.tell_case(tx, w, &said).await?;
        }
        if e.level == Level::Red && before.is_none_or(|w| w.case.is_none()) {
            let Some(row) = self.store.child(child, &Jurisdiction::everywhere()).await? else { return Ok(said) };
            // a child whom no register places anywhere has no file; the warning stays with the school
            if self.owners_of(&row).await.is_ok() {
                let case = self.open_case_of_warning(tx, &row, &said).await?;
                tx.warning_case(id, case).await?;
            }
        }
        Ok(said)
    }

    /// The file that a warning opened hears what became of it: whoever has the file decides what follows.
    async fn tell_case(&self, tx: &mut Tx, w: &Warning, said: &str) -> Result<()> {
        if let Some(case) = w.case {
            tx.add_event(&self.store, Subject::Case(case), &NewEvent::of_program("attendance", said, self.now()), None).await?;
        }
        Ok(())
    }

    /// Principal and dean of a school hear of something.
    pub(in crate::app) async fn tell_leaders(&self, tx: &mut Tx, school: &PlacePath, said: &str) -> Result<()> {
        for (account, role) in self.store.accounts_at(school.as_str(), self.clock.today()).await? {
            if matches!(role, Role::Principal | Role::Dean) {
                tx.tell(self.store.vault(), account, said, self.now()).await?;
            }
        }
        Ok(())
    }

    /// Whoever answers for a class and its school hears of it at the next page; no name stands in it.
    async fn tell_school(&self, tx: &mut Tx, class: &PlacePath, said: &str) -> Result<()> {
        let today = self.clock.today();
        let name = class.as_str().strip_prefix(class.school().as_str()).unwrap_or("").trim_end_matches('/').replace('/', " ");
        for path in [class.clone(), class.school()] {
            for (account, role) in self.store.accounts_at(path.as_str(), today).await? {
                if matches!(role, Role::ClassTeacher | Role::Principal | Role::Dean) {
                    tx.tell(self.store.vault(), account, &format!("{name}:{said}"), self.now()).await?;
                }
            }
        }
        Ok(())
    }
}
