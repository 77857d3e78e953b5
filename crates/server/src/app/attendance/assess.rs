//! 研判 (assessment): warnings are made to say what marks, leave and calendar say, by the one rule; what changes is written down, told, and where it is
//! red opens or joins the child's file.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_domain::access::{Deed, Jurisdiction, Role};
use baoxue_domain::attendance::{
    Change, Check, DayState, Episode, Level, Mark, Marked, Rule, Rules, covers, day_state, episodes, reconcile,
};
use baoxue_domain::calendar::{Half, SchoolCalendar, Workdays};
use baoxue_domain::place::PlacePath;
use baoxue_domain::policy::Policy;
use baoxue_domain::task::TaskState;
use baoxue_store::{Leave, NewEvent, NewTask, Register, Subject, Tx, Warning};
use jiff::ToSpan;
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::app::clock::moment;
use crate::app::office::{Office, Result};

/// Days back that are looked at: more than any rule needs, and those for which the roll can be corrected.
pub const KNOWN_DAYS: i64 = 60;
/// Working days in which a warning is looked into. 48 小时
const CHECK_DAYS: u32 = 2;
const MINUTE_MS: i64 = 60_000;
/// Children that are assessed at a time.
const AT_ONCE: usize = 500;

/// Thresholds of a county's policy.
pub fn rules_of(p: &Policy) -> Rules {
    let n = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Rules {
        yellow_days: n(p.yellow_days),
        red_days: n(p.red_days.max(p.yellow_days)),
        cumulative_days: n(p.cumulative_days),
        least_rate: n(p.least_rate),
    }
}

/// What is known of children who are assessed together.
struct Known {
    registers: FxHashMap<String, Vec<Register>>,
    lists: FxHashMap<i64, Vec<i64>>,
    marks: FxHashMap<i64, Vec<(Date, Check, Mark)>>,
    /// Classes of a child, the former ones of which marks tell too.
    classes: FxHashMap<i64, BTreeSet<String>>,
    /// Numbers under which a child was known.
    former: FxHashMap<i64, Vec<i64>>,
    leaves: FxHashMap<i64, Vec<Leave>>,
    warnings: FxHashMap<i64, Vec<Warning>>,
}

fn half_of(check: Check) -> Half {
    if matches!(check, Check::Morning | Check::FirstDay) { Half::Morning } else { Half::Afternoon }
}

impl Known {
    /// Days of a child, in order, as far as anything is known of them.
    fn days(&self, child: i64, calendar: &SchoolCalendar) -> Vec<(Date, DayState)> {
        let mut by_day: BTreeMap<Date, BTreeMap<Check, Mark>> = BTreeMap::new();
        let former = self.former.get(&child);
        let is = |id: &i64| *id == child || former.is_some_and(|f| f.contains(id));
        for r in self.classes.get(&child).into_iter().flatten().filter_map(|c| self.registers.get(c)).flatten() {
            if self.lists.get(&r.list).is_some_and(|l| l.iter().any(is)) {
                by_day.entry(r.day).or_default().insert(r.check, Mark::Present);
            }
        }
        for (day, check, mark) in self.marks.get(&child).into_iter().flatten() {
            by_day.entry(*day).or_default().insert(*check, *mark);
        }
        let leaves = self.leaves.get(&child);
        let excused = |day: Date, check: Check| leaves.into_iter().flatten().any(|l| covers(l.from, l.to, day, half_of(check)));
        let state = |(day, checks): (Date, BTreeMap<Check, Mark>)| {
            let marks: Vec<Marked> =
                checks.into_iter().map(|(check, mark)| Marked { check, mark, excused: excused(day, check) }).collect();
            (day, day_state(calendar.day(day), &marks))
        };
        by_day.into_iter().map(state).collect()
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
        let mut said: BTreeMap<Date, DayState> = known.days(child, &calendar).into_iter().collect();
        if let Some(first) = said.keys().next().copied() {
            for day in calendar.school_days(first, self.clock.today()) {
                said.entry(day).or_insert(DayState::Unmarked);
            }
        }
        Ok(said.into_iter().filter(|d| d.1 != DayState::NoSchool).collect())
    }

    async fn known_of(&self, children: &[i64], classes: &FxHashMap<i64, String>, since: Date) -> Result<Known> {
        let today = self.clock.today();
        let mut of: FxHashMap<i64, BTreeSet<String>> = classes.iter().map(|(c, p)| (*c, BTreeSet::from([p.clone()]))).collect();
        let mut marks: FxHashMap<i64, Vec<_>> = FxHashMap::default();
        for (child, day, check, mark, class) in self.store.marks_of_children(children, since).await? {
            marks.entry(child).or_default().push((day, check, mark));
            of.entry(child).or_default().insert(class);
        }
        let paths: Vec<String> = of.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let mut registers: FxHashMap<String, Vec<Register>> = FxHashMap::default();
        for r in self.store.registers_of(&paths, since, today).await? {
            registers.entry(r.class.clone()).or_default().push(r);
        }
        let lists = self.store.roll_lists(registers.values().flatten().map(|r| r.list)).await?;
        let mut former: FxHashMap<i64, Vec<i64>> = FxHashMap::default();
        for (old, child) in self.store.former_numbers(children).await? {
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
        Ok(Known { registers, lists, marks, classes: of, former, leaves, warnings })
    }

    /// A register was taken: whoever is told of in it, and whoever of the class is warned of, is assessed.
    pub(super) async fn assess_class(&self, class: &PlacePath, touched: &[i64]) -> Result<()> {
        let mut children: BTreeSet<i64> = touched.iter().copied().collect();
        let since = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        children.extend(self.store.warned_children(class.as_str(), since).await?);
        self.assess(&children.into_iter().collect::<Vec<_>>()).await
    }

    /// 到时间的: children who are missing today, of whom nobody has said why since the check closed.
    pub async fn assess_missing(&self) -> Result<usize> {
        let minute = i32::from(self.clock.now().hour()) * 60 + i32::from(self.clock.now().minute());
        let missing = self.store.unexplained_on(self.clock.today()).await?;
        let due: BTreeSet<i64> = missing.into_iter().filter(|m| m.1.closes_at() <= minute).map(|m| m.0).collect();
        self.assess(&due.iter().copied().collect::<Vec<_>>()).await?;
        Ok(due.len())
    }

    /// Makes the warnings of children say what their days say.
    pub async fn assess(&self, children: &[i64]) -> Result<()> {
        if children.is_empty() {
            return Ok(());
        }
        let calendars = self.calendars().await?;
        let since = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        let mut made: FxHashMap<String, (SchoolCalendar, Policy)> = FxHashMap::default();
        for some in children.chunks(AT_ONCE) {
            let classes = self.store.classes_of_children(some).await?;
            let known = self.known_of(some, &classes, since).await?;
            for (child, class) in &classes {
                let Some(path) = PlacePath::parse(class) else { continue };
                if !made.contains_key(class) {
                    let policy = self.policy(path.county().as_ref()).await?;
                    made.insert(class.clone(), (calendars.of(&path), policy));
                }
                let Some((calendar, policy)) = made.get(class) else { continue };
                let days = self.without_grace(known.days(*child, calendar), &known, *child, policy);
                let all = episodes(&days, calendar, &rules_of(policy));
                let standing: Vec<Warning> = known.warnings.get(child).cloned().unwrap_or_default();
                let stands: Vec<_> = standing.iter().map(Warning::standing).collect();
                for change in reconcile(&stands, &all, since) {
                    self.change(*child, &path, &standing, change, policy).await?;
                }
            }
        }
        Ok(())
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

    async fn change(&self, child: i64, class: &PlacePath, standing: &[Warning], change: Change, policy: &Policy) -> Result<()> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let (subject, said) = match change {
            Change::Open(e) => {
                let id = tx.open_warning(child, class.as_str(), &e, now).await?;
                let said = self.rise(&mut tx, id, child, class, None, &e, policy).await?;
                (Subject::Warning(id), said)
            }
            Change::Continue(id, e) => {
                let Some(w) = standing.iter().find(|w| w.id == id) else { return Ok(()) };
                if !tx.continue_warning(w, &e, now).await? {
                    // somebody changed it meanwhile, and assessed it
                    return Ok(());
                }
                let said = self.rise(&mut tx, id, child, class, Some(w), &e, policy).await?;
                (Subject::Warning(id), said)
            }
            Change::Withdraw(id) => {
                let Some(w) = standing.iter().find(|w| w.id == id) else { return Ok(()) };
                if !tx.withdraw_warning(w, now).await? {
                    return Ok(());
                }
                let said = format!("撤销{}预警:更正后的点名、请假或校历里没有这次缺勤", w.level.label());
                tx.add_event(&self.store, Subject::Warning(id), &NewEvent::of_program("withdraw", &said, now), None).await?;
                tx.put_task(Subject::Warning(id), None).await?;
                self.tell_case(&mut tx, w, &said).await?;
                if w.level > Level::Blue {
                    self.tell_school(&mut tx, class, &said).await?;
                }
                (Subject::Warning(id), said)
            }
        };
        self.audit_program(&mut tx, subject, Some(class.as_str()), Deed::Warn, &said).await?;
        tx.commit().await?;
        Ok(())
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
        let days = e.halves.div_ceil(2);
        let what =
            format!("{}:{} 起{} {days} 天", e.rule.label(), e.first, if e.rule == Rule::Consecutive { "连续" } else { "共" });
        if let Some((day, state)) = e.closed {
            let how = match state {
                DayState::Excused => "已请假",
                DayState::HalfAbsent => "当天到校(缺半天)",
                _ => "孩子已到校",
            };
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
        tx.add_event(
            &self.store,
            subject,
            &NewEvent { policy: Some(policy.version), ..NewEvent::of_program(kind, &said, now) },
            None,
        )
        .await?;
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
        tx.put_task(subject, Some(&task)).await?;
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
