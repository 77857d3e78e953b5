use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::{DayState, Night};
use crate::calendar::{ExceptionKind, SchoolCalendar};

/// 预警级别
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 蓝色: the class teacher calls.
    Blue,
    /// 黄色: the school looks into it.
    Yellow,
    /// 红色: principal, village and county; a file is opened.
    Red,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blue, Self::Yellow, Self::Red];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Blue => "蓝色",
            Self::Yellow => "黄色",
            Self::Red => "红色",
        }
    }
}

/// 预警规则
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 开学未到: nobody saw it on the first day of the term
    FirstDay,
    /// 连续缺勤
    Consecutive,
    /// 被学校停课、劝回
    SentHome,
    /// 寄宿生夜间未归
    Night,
    /// 同户孩子同日缺勤
    Siblings,
    /// 累计缺勤
    Cumulative,
    /// 出勤率低
    Rate,
    /// 每周同一天
    Weekday,
    /// 放假前
    BeforeHoliday,
    /// 农忙时节
    Harvest,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::FirstDay,
        Self::Consecutive,
        Self::SentHome,
        Self::Night,
        Self::Siblings,
        Self::Cumulative,
        Self::Rate,
        Self::Weekday,
        Self::BeforeHoliday,
        Self::Harvest,
    ];

    /// A run of days: where marks are corrected it is the same run as long as its days overlap.
    pub fn is_run(self) -> bool {
        matches!(self, Self::FirstDay | Self::Consecutive | Self::Night)
    }

    /// What is over as soon as the child is seen; the others tell of many days.
    pub fn ends_when_seen(self) -> bool {
        self.is_run() || matches!(self, Self::SentHome | Self::Siblings)
    }

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::FirstDay => "first-day",
            Self::Consecutive => "consecutive",
            Self::SentHome => "sent-home",
            Self::Night => "night",
            Self::Siblings => "siblings",
            Self::Cumulative => "cumulative",
            Self::Rate => "rate",
            Self::Weekday => "weekday",
            Self::BeforeHoliday => "before-holiday",
            Self::Harvest => "harvest",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::FirstDay => "开学未到",
            Self::Consecutive => "连续缺勤",
            Self::SentHome => "被学校停课、劝回",
            Self::Night => "寄宿生夜间未归",
            Self::Siblings => "同户孩子同日缺勤",
            Self::Cumulative => "累计缺勤",
            Self::Rate => "出勤率低",
            Self::Weekday => "每周同一天缺勤",
            Self::BeforeHoliday => "放假前缺勤",
            Self::Harvest => "农忙时缺勤",
        }
    }
}

/// Thresholds ⚙ of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// School days in a row from which it is yellow.
    pub yellow_days: u32,
    /// …and red.
    pub red_days: u32,
    /// School days of the term on which nobody has seen a child from the first on, from which that is red.
    pub first_day_days: u32,
    /// Days missed within thirty days from which they count.
    pub cumulative_days: u32,
    /// Percent of the last twenty school days under which attendance is low.
    pub least_rate: u32,
}

/// Days back in which missed days add up.
const WINDOW: i32 = 30;
/// School days of which attendance is a rate, and how many registers it takes.
const RATE_DAYS: usize = 20;
const RATE_LEAST: usize = 15;
/// Of so many of one weekday so many missed are a pattern.
const WEEKDAYS: (usize, usize) = (4, 3);
/// Of so many days before holidays so many missed.
const BEFORE_HOLIDAYS: (usize, usize) = (3, 2);
/// Days missed in harvest.
const HARVEST: usize = 2;

/// 一次预警 (an episode): from the first day that gave rise to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// By which rule.
    pub rule: Rule,
    /// The first day of it.
    pub first: Date,
    /// The last day that counts.
    pub last: Date,
    /// How far it went.
    pub level: Level,
    /// The day on which each level was reached.
    pub reached: BTreeMap<Level, Date>,
    /// Days that count, as many halves.
    pub halves: u32,
    /// The day on which the child was there again, or excused.
    pub closed: Option<(Date, DayState)>,
}

/// What is known of a child, each in the order of days.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// School days; the last one may be today.
    pub days: Vec<(Date, DayState)>,
    /// Evenings of a boarder.
    pub nights: Vec<(Date, Night)>,
    /// Days on which a brother or sister was missing too.
    pub together: BTreeSet<Date>,
}

/// The episodes of a child. An unmarked day is neither absence nor presence: it breaks no run, and makes none longer. Excused days never warn.
pub fn episodes(seen: &Seen, calendar: &SchoolCalendar, rules: &Rules) -> Vec<Episode> {
    let days: Vec<(Date, DayState)> =
        seen.days.iter().copied().filter(|d| !matches!(d.1, DayState::NoSchool | DayState::Unmarked)).collect();
    let runs = consecutive(&days, calendar, rules);
    let runs_of: Vec<(Date, Date)> = runs.iter().filter(|r| r.level > Level::Blue).map(|r| (r.first, r.last)).collect();
    // days of a run are told of by the run; what repeats itself is something else
    let in_runs: BTreeSet<Date> = runs
        .iter()
        .filter(|r| r.level > Level::Blue)
        .flat_map(|r| days.iter().filter(|d| r.first <= d.0 && d.0 <= r.last).map(|d| d.0).collect::<Vec<_>>())
        .collect();
    // what one run told of adds up to nothing more: there must be something beside it
    let several = |window: &[(Date, DayState)]| {
        let of = |d: &(Date, DayState)| runs_of.iter().position(|r| r.0 <= d.0 && d.0 <= r.1);
        let groups: BTreeSet<Option<usize>> = window.iter().filter(|d| d.1.halves_missed() > 0).map(of).collect();
        groups.len() > 1 || (groups.contains(&None) && !groups.is_empty())
    };
    let missed = |d: &(Date, DayState)| d.1.halves_missed() > 0 && !in_runs.contains(&d.0);
    let mut out = runs;
    out.extend(sent_home(&days));
    out.extend(nights(&days, &seen.nights));
    let whole = |i: usize| matches!(days[i].1, DayState::Absent | DayState::SentHome) && seen.together.contains(&days[i].0);
    out.extend(while_it_holds(&days, Rule::Siblings, Level::Yellow, &|i| {
        let back = (0..=i).rev().take_while(|n| whole(*n)).count();
        (back > 0).then(|| 2 * u32::try_from(back).unwrap_or(0))
    }));
    let threshold = |rule, holds: &dyn Fn(usize) -> Option<u32>, level| while_it_holds(&days, rule, level, holds);
    out.extend(threshold(
        Rule::Cumulative,
        &|i| {
            let from = days[i].0.saturating_sub((WINDOW - 1).days());
            let window = &days[days.partition_point(|d| d.0 < from)..=i];
            let halves = window.iter().map(|d| d.1.halves_missed()).sum::<u32>();
            (halves >= 2 * rules.cumulative_days && several(window)).then_some(halves)
        },
        Level::Yellow,
    ));
    out.extend(threshold(
        Rule::Rate,
        &|i| {
            let last = &days[..=i];
            let last = &last[last.len().saturating_sub(RATE_DAYS)..];
            let halves = last.iter().map(|d| d.1.halves_missed()).sum::<u32>();
            let of = 2 * u32::try_from(last.len()).unwrap_or(u32::MAX);
            (last.len() >= RATE_LEAST && (of - halves) * 100 < rules.least_rate * of && several(last)).then_some(halves)
        },
        Level::Yellow,
    ));
    let pattern = |rule, kind: &dyn Fn(Date) -> bool, (of, least): (usize, usize)| {
        threshold(
            rule,
            &|i| {
                let last: Vec<&(Date, DayState)> = days[..=i].iter().rev().filter(|d| kind(d.0)).take(of).collect();
                let n = last.iter().filter(|d| missed(d)).count();
                (last.len() >= of.min(least.max(1)) && n >= least).then(|| u32::try_from(2 * n).unwrap_or(0))
            },
            Level::Blue,
        )
    };
    for w in [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday] {
        out.extend(pattern(Rule::Weekday, &|d| d.weekday() == w, WEEKDAYS));
    }
    out.extend(pattern(Rule::BeforeHoliday, &|d| calendar.is_before_holiday(d), BEFORE_HOLIDAYS));
    out.extend(pattern(Rule::Harvest, &|d| calendar.is(ExceptionKind::Harvest, d), (usize::MAX, HARVEST)));
    out.sort_by_key(|e| (e.first, e.rule));
    out
}

/// How far a run of so many school days goes. Who does not come on the first day of a term is looked into on that day.
fn level_of(rule: Rule, days: u32, rules: &Rules) -> Level {
    let red = if rule == Rule::FirstDay { rules.first_day_days } else { rules.red_days };
    let yellow = if rule == Rule::FirstDay { 1 } else { rules.yellow_days };
    match days {
        n if n >= red => Level::Red,
        n if n >= yellow => Level::Yellow,
        _ => Level::Blue,
    }
}

/// Runs of days; one that begins on the first day of a term is of a rule of its own.
fn consecutive(days: &[(Date, DayState)], calendar: &SchoolCalendar, rules: &Rules) -> Vec<Episode> {
    let mut out: Vec<Episode> = Vec::new();
    let mut run: Option<(Episode, u32)> = None;
    for &(day, state) in days {
        let whole = matches!(state, DayState::Absent | DayState::SentHome);
        run = match run.take() {
            Some((mut e, n)) if whole => {
                let n = n + 1;
                let level = level_of(e.rule, n, rules);
                if level > e.level {
                    e.reached.insert(level, day);
                }
                e = Episode { last: day, level: e.level.max(level), halves: e.halves + 2, ..e };
                Some((e, n))
            }
            // seen again, for half a day, a whole one, or excused by somebody
            Some((mut e, _)) => {
                e.closed = Some((day, state));
                out.push(e);
                None
            }
            None if state.halves_missed() > 0 => {
                let rule = if whole && calendar.begins_term(day) { Rule::FirstDay } else { Rule::Consecutive };
                let level = level_of(rule, 1, rules);
                let e = Episode {
                    rule,
                    first: day,
                    last: day,
                    level,
                    reached: BTreeMap::from([(level, day)]),
                    halves: state.halves_missed(),
                    closed: None,
                };
                Some((e, u32::from(whole)))
            }
            None => None,
        };
    }
    out.extend(run.map(|r| r.0));
    out
}

/// Sent away by the school itself: whoever stands over the school is told on the same day; it lasts until the child is seen again.
fn sent_home(days: &[(Date, DayState)]) -> Vec<Episode> {
    let away_since = |i: usize| {
        let back = days[..=i].iter().rev().take_while(|d| matches!(d.1, DayState::SentHome | DayState::Absent));
        back.filter(|d| d.1 == DayState::SentHome).count()
    };
    while_it_holds(days, Rule::SentHome, Level::Yellow, &|i| match away_since(i) {
        0 => None,
        n => Some(2 * u32::try_from(n).unwrap_or(0)),
    })
}

/// Boarders who were not there in the evening, until somebody sees them: at a later roll of the evening, or at school on a later day.
fn nights(days: &[(Date, DayState)], nights: &[(Date, Night)]) -> Vec<Episode> {
    let mut told: Vec<(Date, bool, Option<DayState>)> = Vec::new();
    for (day, state) in days {
        let seen = matches!(state, DayState::Present | DayState::HalfAbsent | DayState::Excused | DayState::OffList);
        told.extend(seen.then_some((*day, false, Some(*state))));
    }
    for (day, night) in nights {
        let state = match night {
            Night::There => Some(DayState::Present),
            Night::Excused => Some(DayState::Excused),
            Night::Missing => None,
        };
        told.push((*day, true, state));
    }
    // a day is over before its evening
    told.sort_by_key(|t| (t.0, t.1));
    let mut out: Vec<Episode> = Vec::new();
    let mut open: Option<Episode> = None;
    for (day, _, state) in told {
        open = match (open.take(), state) {
            (Some(e), None) => Some(Episode { last: day, halves: e.halves + 2, ..e }),
            (Some(mut e), Some(state)) => {
                e.closed = Some((day, state));
                out.push(e);
                None
            }
            (None, None) => Some(Episode {
                rule: Rule::Night,
                first: day,
                last: day,
                level: Level::Yellow,
                reached: BTreeMap::from([(Level::Yellow, day)]),
                halves: 2,
                closed: None,
            }),
            (None, Some(_)) => None,
        };
    }
    out.extend(open);
    out
}

/// Episodes of a rule that holds from a day on until one on which it does not.
fn while_it_holds(days: &[(Date, DayState)], rule: Rule, level: Level, holds: &dyn Fn(usize) -> Option<u32>) -> Vec<Episode> {
    let mut out: Vec<Episode> = Vec::new();
    let mut open: Option<Episode> = None;
    for (i, &(day, state)) in days.iter().enumerate() {
        open = match (open.take(), holds(i)) {
            (Some(e), Some(halves)) => Some(Episode { last: day, halves: halves.max(e.halves), ..e }),
            (Some(mut e), None) => {
                e.closed = Some((day, state));
                out.push(e);
                None
            }
            (None, Some(halves)) => Some(Episode {
                rule,
                first: day,
                last: day,
                level,
                reached: BTreeMap::from([(level, day)]),
                halves,
                closed: None,
            }),
            (None, None) => None,
        };
    }
    out.extend(open);
    out
}

/// A warning that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub id: i64,
    /// By which rule.
    pub rule: Rule,
    /// The first and last day of it, as they were known.
    pub first: Date,
    /// See `first`.
    pub last: Date,
    /// How far it went.
    pub level: Level,
    /// Whether it is open.
    pub open: bool,
}

/// What becomes of warnings when marks, leaves or the calendar have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// 新预警
    Open(Episode),
    /// It goes on: other days, another level, closed or open again.
    Continue(i64, Episode),
    /// 撤销: nothing is left of what gave rise to it.
    Withdraw(i64),
}

/// What is to be done so that warnings say what the days say. A correction that leaves overlapping days continues a warning, else it is withdrawn;
/// days from `known` on are known, and what lies before them is left alone.
pub fn reconcile(standing: &[Standing], episodes: &[Episode], known: Date) -> Vec<Change> {
    let mut taken: BTreeMap<usize, i64> = BTreeMap::new();
    let mut out = Vec::new();
    let known_ones = || standing.iter().filter(|s| s.open || s.last >= known);
    // those that begin on the same day belong together before those that only overlap
    type Fits = fn(&Episode, &Standing) -> bool;
    let fits: [Fits; 2] = [|e, s| e.first == s.first, |e, s| e.first <= s.last && s.first <= e.last];
    for fit in fits {
        for s in known_ones() {
            let free = |i: &usize| !taken.contains_key(i) && !taken.values().any(|id| *id == s.id);
            let found = episodes.iter().enumerate().find(|(i, e)| free(i) && e.rule == s.rule && fit(e, s)).map(|(i, _)| i);
            if let Some(i) = found {
                taken.insert(i, s.id);
            }
        }
    }
    for s in known_ones() {
        match taken.iter().find(|t| *t.1 == s.id).map(|t| &episodes[*t.0]) {
            Some(e) => {
                // a run that began before what is known keeps its beginning
                let e = Episode { first: if s.first < known { s.first } else { e.first }, ..e.clone() };
                let same = (e.first, e.last, e.level, e.closed.is_none()) == (s.first, s.last, s.level, s.open);
                if !same {
                    out.push(Change::Continue(s.id, e));
                }
            }
            None if s.open || s.first >= known => out.push(Change::Withdraw(s.id)),
            None => {}
        }
    }
    let new = episodes.iter().enumerate().filter(|(i, _)| !taken.contains_key(i)).map(|(_, e)| Change::Open(e.clone()));
    out.extend(new);
    out
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::{Exception, Workdays};

    const RULES: Rules = Rules { yellow_days: 2, red_days: 3, first_day_days: 3, cumulative_days: 5, least_rate: 85 };

    fn calendar() -> SchoolCalendar {
        SchoolCalendar::new(Workdays::national(), Vec::new(), Vec::new())
    }

    /// School days from a day on, as letters say: A absent, P present, E excused, H half, U unmarked, S sent home.
    fn days(from: Date, letters: &str, calendar: &SchoolCalendar) -> Vec<(Date, DayState)> {
        let days = calendar.school_days(from, from.saturating_add(300.days()));
        let state = |c| match c {
            'A' => DayState::Absent,
            'P' => DayState::Present,
            'E' => DayState::Excused,
            'H' => DayState::HalfAbsent,
            'U' => DayState::Unmarked,
            'S' => DayState::SentHome,
            _ => unreachable!(),
        };
        days.into_iter().zip(letters.chars().map(state)).collect()
    }

    fn seen(days: Vec<(Date, DayState)>) -> Seen {
        Seen { days, ..Seen::default() }
    }

    /// The same, with evenings as letters say (M missing, T there, E excused, others: no roll), and the days on which a sister was missing too.
    fn boarder(from: Date, letters: &str, nights: &str, together: &str, c: &SchoolCalendar) -> Seen {
        let days = days(from, letters, c);
        let night = |(d, n): (&(Date, DayState), char)| match n {
            'M' => Some((d.0, Night::Missing)),
            'T' => Some((d.0, Night::There)),
            'E' => Some((d.0, Night::Excused)),
            _ => None,
        };
        Seen {
            nights: days.iter().zip(nights.chars()).filter_map(night).collect(),
            together: days.iter().zip(together.chars()).filter(|(_, t)| *t == 'X').map(|(d, _)| d.0).collect(),
            days,
        }
    }

    fn of(rule: Rule, from: Date, letters: &str) -> Vec<(String, Level, bool)> {
        let c = calendar();
        let all = episodes(&seen(days(from, letters, &c)), &c, &RULES);
        all.into_iter().filter(|e| e.rule == rule).map(|e| (e.first.to_string(), e.level, e.closed.is_none())).collect()
    }

    #[test]
    fn days_in_a_row() {
        use Level::{Blue, Red, Yellow};
        let monday = date(2023, 10, 16);
        for (letters, is) in [
            ("P", vec![]),
            ("A", vec![("2023-10-16", Blue, true)]),
            ("AP", vec![("2023-10-16", Blue, false)]),
            ("AA", vec![("2023-10-16", Yellow, true)]),
            ("AAA", vec![("2023-10-16", Red, true)]),
            ("AAAP", vec![("2023-10-16", Red, false)]),
            ("PAPA", vec![("2023-10-17", Blue, false), ("2023-10-19", Blue, true)]),
            // a register that was not taken neither breaks a run nor makes it longer
            ("AUA", vec![("2023-10-16", Yellow, true)]),
            ("AUU", vec![("2023-10-16", Blue, true)]),
            // excused: closed, by leave
            ("AEA", vec![("2023-10-16", Blue, false), ("2023-10-18", Blue, true)]),
            ("EEEE", vec![]),
            // half a day: seen on that day
            ("H", vec![("2023-10-16", Blue, true)]),
            ("AAH", vec![("2023-10-16", Yellow, false)]),
            ("HA", vec![("2023-10-16", Blue, true)]),
            ("SSS", vec![("2023-10-16", Red, true)]),
        ] {
            let is: Vec<_> = is.into_iter().map(|(d, l, o)| (d.to_owned(), l, o)).collect();
            assert_eq!(of(Rule::Consecutive, monday, letters), is, "{letters}");
        }
    }

    /// Absent on the last two days before National Day and on the made-up Saturday after it: three school days in a row.
    #[test]
    fn over_holidays_and_made_up_days() {
        let c = calendar();
        let all = episodes(&seen(days(date(2023, 9, 27), "AAA", &c)), &c, &RULES);
        assert_eq!(all[0].reached[&Level::Red], date(2023, 10, 7));
        // over the year's end, and a leap day
        let all = episodes(&seen(days(date(2023, 12, 28), "AAA", &c)), &c, &RULES);
        assert_eq!(all[0].reached[&Level::Red], date(2024, 1, 2));
        let all = episodes(&seen(days(date(2028, 3, 2), "AA", &c)), &c, &RULES);
        assert_eq!(all[0].level, Level::Yellow);
        // a closure that is declared afterwards takes a day out of the run
        let closed = Exception { kind: ExceptionKind::Closed, from: date(2023, 10, 17), to: date(2023, 10, 17) };
        let c = SchoolCalendar::new(Workdays::national(), Vec::new(), vec![closed]);
        let marked = [
            (date(2023, 10, 16), DayState::Absent),
            (date(2023, 10, 17), DayState::NoSchool),
            (date(2023, 10, 18), DayState::Absent),
        ];
        assert_eq!(episodes(&seen(marked.to_vec()), &c, &RULES)[0].level, Level::Yellow);
    }

    #[test]
    fn what_adds_up_and_what_repeats() {
        let monday = date(2023, 10, 16);
        // five single days within thirty
        assert_eq!(of(Rule::Cumulative, monday, "APAPAPAP"), vec![]);
        assert_eq!(of(Rule::Cumulative, monday, "APAPAPAPA").len(), 1);
        let spread = format!("A{}A{}A{}A{}A", "P".repeat(10), "P".repeat(10), "P".repeat(10), "P".repeat(10));
        assert_eq!(of(Rule::Cumulative, monday, &spread), vec![], "not within thirty days");
        // under 85 of a hundred, of at least fifteen registers
        assert_eq!(of(Rule::Rate, monday, &format!("APAPA{}", "P".repeat(9))), vec![], "fourteen are too few");
        assert_eq!(of(Rule::Rate, monday, &format!("APAPA{}", "P".repeat(10))).len(), 1);
        assert_eq!(of(Rule::Rate, monday, &format!("APA{}", "P".repeat(17))), vec![], "two of twenty");
        // a week at home is told of by its run; with a day beside it, it adds up
        assert_eq!(of(Rule::Cumulative, monday, "AAAAAP"), vec![]);
        assert_eq!(of(Rule::Cumulative, monday, "AAAAAPA").len(), 1);
        assert_eq!(of(Rule::Rate, monday, &format!("AAA{}", "P".repeat(12))), vec![]);
        assert_eq!(of(Rule::Rate, monday, &format!("AAAPA{}", "P".repeat(12))).len(), 1);
        // Mondays: three of the last four
        let mondays = |n: usize| format!("{}P", "APPPP".repeat(n));
        assert_eq!(of(Rule::Weekday, monday, &mondays(2)), vec![]);
        assert_eq!(of(Rule::Weekday, monday, &mondays(3)).len(), 1);
        // a week at home is a week at home, and no pattern of Mondays
        assert_eq!(of(Rule::Weekday, monday, "AAAAAAAAAAAAAAAAAAA"), vec![]);
        // before National Day and before New Year
        let c = calendar();
        let autumn: Vec<(Date, DayState)> = c
            .school_days(date(2023, 9, 1), date(2024, 1, 19))
            .into_iter()
            .map(|d| (d, if [date(2023, 9, 28), date(2023, 12, 29)].contains(&d) { DayState::Absent } else { DayState::Present }))
            .collect();
        let all = episodes(&seen(autumn), &c, &RULES);
        assert_eq!(all.iter().filter(|e| e.rule == Rule::BeforeHoliday).count(), 1);
        let harvest = Exception { kind: ExceptionKind::Harvest, from: date(2023, 10, 16), to: date(2023, 10, 27) };
        let c = SchoolCalendar::new(Workdays::national(), Vec::new(), vec![harvest]);
        let all = episodes(&seen(days(monday, "APPAP", &c)), &c, &RULES);
        assert_eq!(all.iter().filter(|e| e.rule == Rule::Harvest).count(), 1);
        let all = episodes(&seen(days(monday, "SP", &c)), &c, &RULES);
        assert_eq!(all.iter().find(|e| e.rule == Rule::SentHome).map(|e| e.level), Some(Level::Yellow));
    }

    /// Who does not come on the first day of the term is looked into on that day; the run is one.
    #[test]
    fn the_first_day_of_a_term() {
        let first = date(2023, 9, 1);
        for (letters, run, other) in [
            ("P", vec![], 0),
            ("A", vec![("2023-09-01".to_owned(), Level::Yellow, true)], 0),
            ("AUA", vec![("2023-09-01".to_owned(), Level::Yellow, true)], 0),
            ("AAA", vec![("2023-09-01".to_owned(), Level::Red, true)], 0),
            ("AAAP", vec![("2023-09-01".to_owned(), Level::Red, false)], 0),
            ("E", vec![], 0),
            ("EA", vec![], 1),
            ("H", vec![], 1),
            ("PA", vec![], 1),
            ("UA", vec![], 1),
        ] {
            assert_eq!(of(Rule::FirstDay, first, letters), run, "{letters}");
            assert_eq!(of(Rule::Consecutive, first, letters).len(), other, "{letters}");
        }
        assert_eq!(of(Rule::FirstDay, date(2024, 3, 4), "A"), vec![], "on its second day");
    }

    #[test]
    fn nights_and_sisters() {
        let c = calendar();
        let monday = date(2023, 10, 16);
        let of = |rule, letters: &str, nights: &str, together: &str| -> Vec<(u32, Option<DayState>)> {
            let all = episodes(&boarder(monday, letters, nights, together, &c), &c, &RULES);
            all.into_iter().filter(|e| e.rule == rule).map(|e| (e.halves, e.closed.map(|x| x.1))).collect()
        };
        for (letters, nights, is) in [
            ("PP", "TT", vec![]),
            ("P", "M", vec![(2, None)]),
            // seen at school in the morning; and a whole night later at the roll
            ("PP", "M", vec![(2, Some(DayState::Present))]),
            ("PA", "MT", vec![(2, Some(DayState::Present))]),
            ("PA", "MM", vec![(4, None)]),
            ("PE", "M-", vec![(2, Some(DayState::Excused))]),
            ("PPP", "MTM", vec![(2, Some(DayState::Present)), (2, None)]),
            ("P", "E", vec![]),
        ] {
            assert_eq!(of(Rule::Night, letters, nights, ""), is, "{letters} {nights}");
        }
        for (letters, together, is) in [
            ("A", "-", vec![]),
            ("A", "X", vec![(2, None)]),
            ("AAP", "XX-", vec![(4, Some(DayState::Present))]),
            // a sister was missing on a day on which this one was there, or was for half of it
            ("PH", "XX", vec![]),
        ] {
            assert_eq!(of(Rule::Siblings, letters, "", together), is, "{letters} {together}");
        }
    }

    fn standing(e: &Episode, id: i64) -> Standing {
        Standing { id, rule: e.rule, first: e.first, last: e.last, level: e.level, open: e.closed.is_none() }
    }

    /// A late mark turns a day into leave: the warning goes on where days are left, and is withdrawn where none are.
    #[test]
    fn corrections() {
        let c = calendar();
        let monday = date(2023, 10, 16);
        let at = |letters: &str| -> Vec<Episode> {
            episodes(&seen(days(monday, letters, &c)), &c, &RULES).into_iter().filter(|e| e.rule == Rule::Consecutive).collect()
        };
        let known = date(2023, 10, 1);
        let red = standing(&at("AAA")[0], 7);
        assert_eq!(reconcile(std::slice::from_ref(&red), &at("AAA"), known), vec![]);
        // the first day was sick leave: yellow, the same warning
        let [Change::Continue(7, e)] = &reconcile(std::slice::from_ref(&red), &at("EAA"), known)[..] else { panic!() };
        assert_eq!((e.level, e.first), (Level::Yellow, date(2023, 10, 17)));
        // all of it was leave
        assert_eq!(reconcile(std::slice::from_ref(&red), &at("EEE"), known), vec![Change::Withdraw(7)]);
        // back in school
        let [Change::Continue(7, e)] = &reconcile(std::slice::from_ref(&red), &at("AAAP"), known)[..] else { panic!() };
        assert_eq!(e.closed, Some((date(2023, 10, 19), DayState::Present)));
        // the typo of that day is undone: open again, nobody is told of a new warning
        let closed = standing(&at("AAAP")[0], 7);
        assert!(matches!(&reconcile(&[closed], &at("AAAA"), known)[..], [Change::Continue(7, e)] if e.closed.is_none()));
        // what is older than what is known stays
        let old = Standing {
            id: 9,
            rule: Rule::Consecutive,
            first: date(2023, 9, 4),
            last: date(2023, 9, 5),
            level: Level::Yellow,
            open: false,
        };
        assert_eq!(reconcile(&[old], &at("P"), known), vec![]);
    }

    fn seen_days() -> impl Strategy<Value = (String, String, String)> {
        ("[APEHUS]{1,40}", "[MTE-]{0,40}", "[X-]{0,40}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]

        /// Whatever was known before, reconciling makes warnings say what the days say; and then there is nothing left to do.
        #[test]
        fn warnings_are_what_the_days_say(before in seen_days(), after in seen_days()) {
            let c = calendar();
            let known = date(2023, 9, 1);
            let was = episodes(&boarder(known, &before.0, &before.1, &before.2, &c), &c, &RULES);
            let mut stood: Vec<Standing> = was.iter().enumerate().map(|(i, e)| standing(e, i as i64)).collect();
            let is = episodes(&boarder(known, &after.0, &after.1, &after.2, &c), &c, &RULES);
            let mut next = 1_000;
            for change in reconcile(&stood, &is, known) {
                match change {
                    Change::Open(e) => { next += 1; stood.push(standing(&e, next)); }
                    Change::Continue(id, e) => {
                        let s = stood.iter_mut().find(|s| s.id == id).unwrap();
                        *s = standing(&e, id);
                    }
                    Change::Withdraw(id) => stood.retain(|s| s.id != id),
                }
            }
            let key = |s: &Standing| (s.rule, s.first, s.last, s.level, s.open);
            let mut have: Vec<_> = stood.iter().map(key).collect();
            let mut want: Vec<_> = is.iter().map(|e| key(&standing(e, 0))).collect();
            have.sort();
            want.sort();
            prop_assert_eq!(have, want);
            prop_assert_eq!(reconcile(&stood, &is, known), vec![]);
        }

        /// Excused days and days without a register alone never warn, and nobody is warned of who was there.
        #[test]
        fn who_is_excused_never_warns(letters in "[PEU]{1,60}", nights in "[TE-]{1,60}") {
            let c = calendar();
            prop_assert_eq!(episodes(&boarder(date(2023, 9, 1), &letters, &nights, "XXXXXXXX", &c), &c, &RULES), vec![]);
        }
    }
}
