use jiff::civil::Date;
use serde::Serialize;

use super::disposition::{DROPPED_OUT, RETURNED, SUSPECTED, Tells};
use crate::verdict::{VerdictGroup, VerdictKind};

/// 判定 (assessment): what a run found of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessment {
    /// Its number: of two of one day the later one holds.
    pub id: i64,
    /// The verdict.
    pub verdict: VerdictKind,
    /// From which day it holds.
    pub effective_on: Date,
    /// When it was written down, epoch milliseconds.
    pub recorded_at: i64,
    /// When a roster that it rests on was withdrawn: from then on it contradicts nobody.
    pub void_at: Option<i64>,
}

/// What a person's conclusion does to the ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// 核销: the child is accounted for.
    Cleared,
    /// 确认辍学
    DroppedOut,
    /// 报告疑似: somebody says that the child is not in school.
    Suspected,
    /// 返校复学: the child is back.
    Returned,
}

impl Effect {
    /// All.
    pub const ALL: [Self; 4] = [Self::Cleared, Self::DroppedOut, Self::Suspected, Self::Returned];

    /// What a conclusion does.
    pub fn of_conclusion(code: &str) -> Self {
        match code {
            DROPPED_OUT => Self::DroppedOut,
            SUSPECTED => Self::Suspected,
            RETURNED => Self::Returned,
            _ => Self::Cleared,
        }
    }

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::DroppedOut => "dropped-out",
            Self::Suspected => "suspected",
            Self::Returned => "returned",
        }
    }

    /// Finds an effect by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.code() == code)
    }
}

/// 认定 (establishment): what a person concluded of a child, with proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Establishment {
    /// Its number: of two of one day the later one holds.
    pub id: i64,
    /// What it does to the ledgers.
    pub effect: Effect,
    /// What it says of the child; of no matter where it confirms the dropout.
    pub tells: Tells,
    /// The verdict that held when it was made.
    pub verdict: VerdictKind,
    /// From which day it holds.
    pub valid_from: Date,
    /// The day from which it holds no longer: its evidence has expired.
    pub valid_to: Option<Date>,
    /// When it was written down, epoch milliseconds.
    pub recorded_at: i64,
    /// When it was taken back: from which day, written down when.
    pub revoked: Option<(Date, i64)>,
}

/// 台账去留 (standing): on which ledger beside 适龄儿童台账 a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// On neither.
    Unlisted,
    /// 疑似辍学台账
    Suspected,
    /// 辍学台账
    Dropout,
    /// 已核销: was suspected, and is accounted for.
    Cleared,
    /// 已返校: was away, and is back in a school.
    Returned,
}

impl Standing {
    /// All.
    pub const ALL: [Self; 5] = [Self::Unlisted, Self::Suspected, Self::Dropout, Self::Cleared, Self::Returned];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unlisted => "unlisted",
            Self::Suspected => "suspected",
            Self::Dropout => "dropout",
            Self::Cleared => "cleared",
            Self::Returned => "returned",
        }
    }

    /// Finds a standing by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Where a verdict alone puts a child.
    pub fn of_verdict(verdict: VerdictKind) -> Self {
        if verdict.is_dropout() {
            Self::Dropout
        } else if verdict.is_suspected() {
            Self::Suspected
        } else {
            Self::Unlisted
        }
    }
}

/// Why an establishment holds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// 证明到期: its evidence ran out on this day.
    Expired(Date),
    /// 与名册不符: a register says otherwise, with this verdict.
    Contradicted(VerdictKind),
}

/// Where a child stands, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    /// The verdict of the registers.
    pub verdict: VerdictKind,
    /// On which ledger.
    pub standing: Standing,
    /// The newest establishment, if any.
    pub establishment: Option<i64>,
    /// Why that establishment holds no longer; `None` where it holds.
    pub lapse: Option<Lapse>,
}

/// 台账规则 (the rule): where a child stands on a day, as it was known at a moment. `None` where nothing was known of the child.
///
/// The registers' verdict of the day decides, unless a person established otherwise and that still holds: it was not taken back, its
/// evidence has not expired, and no register has contradicted it since.
pub fn standing(assessments: &[Assessment], establishments: &[Establishment], day: Date, known_at: i64) -> Option<Stands> {
    let verdict = known(assessments, day, known_at).max_by_key(|a| (a.effective_on, a.id))?.verdict;
    let by_verdict = Stands { verdict, standing: Standing::of_verdict(verdict), establishment: None, lapse: None };
    let taken_back = |e: &Establishment| e.revoked.is_some_and(|(from, at)| from <= day && at <= known_at);
    let held = establishments.iter().filter(|e| e.valid_from <= day && e.recorded_at <= known_at && !taken_back(e));
    let Some(e) = held.max_by_key(|e| (e.valid_from, e.id)) else { return Some(by_verdict) };
    let lapse = lapse(e, assessments, day, known_at);
    let standing = match (lapse, e.effect) {
        (Some(_), _) => by_verdict.standing,
        (None, Effect::DroppedOut) => Standing::Dropout,
        (None, Effect::Suspected) if by_verdict.standing == Standing::Dropout => Standing::Dropout,
        (None, Effect::Suspected) => Standing::Suspected,
        (None, Effect::Returned) => Standing::Returned,
        (None, Effect::Cleared) if by_verdict.standing == Standing::Unlisted => Standing::Unlisted,
        (None, Effect::Cleared) => Standing::Cleared,
    };
    Some(Stands { standing, establishment: Some(e.id), lapse, ..by_verdict })
}

fn known(all: &[Assessment], day: Date, known_at: i64) -> impl Iterator<Item = &Assessment> {
    all.iter().filter(move |a| a.effective_on <= day && a.recorded_at <= known_at)
}

/// Why an establishment does not hold on a day, as known at a moment; `None` where it holds.
pub fn lapse(e: &Establishment, assessments: &[Assessment], day: Date, known_at: i64) -> Option<Lapse> {
    let void = |a: &Assessment| a.void_at.is_some_and(|at| at <= known_at);
    let later = known(assessments, day, known_at).filter(|a| a.recorded_at > e.recorded_at && !void(a));
    let against = later.filter(|a| contradicts(e, a.verdict)).min_by_key(|a| (a.effective_on, a.id));
    let expired = e.valid_to.filter(|to| *to <= day);
    match (against, expired) {
        (Some(a), Some(to)) if to < a.effective_on => Some(Lapse::Expired(to)),
        (Some(a), _) => Some(Lapse::Contradicted(a.verdict)),
        (None, to) => to.map(Lapse::Expired),
    }
}

/// 名册与认定不符: whether what a later run found says otherwise than what a person established. The same verdict as then never does.
fn contradicts(e: &Establishment, now: VerdictKind) -> bool {
    use VerdictKind as V;
    if now == e.verdict {
        return false;
    }
    let in_school = now.group() == VerdictGroup::InSchool;
    // a register of a school here claims the child, and the child is not there
    let claimed = |v: VerdictKind| matches!(v, V::EnrolledNotPresent | V::RecordWithoutChild);
    match e.effect {
        // back on a roll or register; taught at home; another explanation of the registers themselves. Whoever was said to be away in spite
        // of them is not back because they still say the same
        Effect::DroppedOut | Effect::Suspected => {
            let then = e.verdict.group();
            return (in_school && then != VerdictGroup::InSchool)
                || (now.group() == VerdictGroup::Explained && then != VerdictGroup::Explained);
        }
        Effect::Returned => return now.is_dropout() || claimed(now),
        Effect::Cleared => {}
    }
    if now.is_dropout() || (claimed(now) && !claimed(e.verdict)) {
        return true;
    }
    match e.tells {
        // whoever is not there is neither in a school nor on another department's list
        Tells::NotThere => in_school || matches!(now, V::PoorNotEnrolled | V::DisabledNotPlaced | V::UnregisteredUnseen),
        // the record that proved it is gone
        Tells::SchooledHere => now.is_suspected() && claimed(e.verdict) != claimed(now),
        Tells::AccountedFor | Tells::WrongEntry | Tells::Finished => false,
    }
}

/// The days on which a child's standing may change, in order: for as long as nothing is written down, it is the same between two of them.
pub fn boundaries(assessments: &[Assessment], establishments: &[Establishment]) -> Vec<Date> {
    let of_establishment = |e: &Establishment| [Some(e.valid_from), e.valid_to, e.revoked.map(|r| r.0)];
    let mut days: Vec<Date> = assessments.iter().map(|a| a.effective_on).collect();
    days.extend(establishments.iter().flat_map(of_establishment).flatten());
    days.sort_unstable();
    days.dedup();
    days
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000;
    const NEVER: i64 = i64::MAX;

    fn at(day: Date) -> i64 {
        i64::from(day.since(date(2023, 1, 1)).unwrap().get_days()) * DAY + 9 * 3_600_000
    }

    fn run(id: i64, verdict: VerdictKind, on: Date) -> Assessment {
        Assessment { id, verdict, effective_on: on, recorded_at: at(on), void_at: None }
    }

    fn cleared(id: i64, tells: Tells, verdict: VerdictKind, on: Date) -> Establishment {
        Establishment {
            id,
            effect: Effect::Cleared,
            tells,
            verdict,
            valid_from: on,
            valid_to: None,
            recorded_at: at(on),
            revoked: None,
        }
    }

    fn check(a: &[Assessment], e: &[Establishment], day: Date, known_at: i64, expected: Option<(Standing, Option<Lapse>)>) {
        assert_eq!(standing(a, e, day, known_at).map(|s| (s.standing, s.lapse)), expected, "{day} {known_at}");
    }

    #[test]
    fn a_cleared_child_leaves_the_ledger_that_day_and_is_back_when_the_proof_expires() {
        use VerdictKind::HouseholdNoRecord as V;
        let runs = [run(1, V, date(2023, 10, 8))];
        let mut e = cleared(1, Tells::AccountedFor, V, date(2023, 10, 11));
        e.valid_to = Some(date(2024, 3, 1));
        check(&runs, &[e], date(2023, 10, 7), NEVER, None);
        check(&runs, &[e], date(2023, 10, 10), NEVER, Some((Standing::Suspected, None)));
        check(&runs, &[e], date(2023, 10, 11), NEVER, Some((Standing::Cleared, None)));
        // before it was written down nobody knew
        check(&runs, &[e], date(2023, 10, 11), at(date(2023, 10, 10)), Some((Standing::Suspected, None)));
        check(&runs, &[e], date(2024, 2, 29), NEVER, Some((Standing::Cleared, None)));
        let lapsed = Some(Lapse::Expired(date(2024, 3, 1)));
        check(&runs, &[e], date(2024, 3, 1), NEVER, Some((Standing::Suspected, lapsed)));
        // taken back
        e.revoked = Some((date(2023, 11, 1), at(date(2023, 11, 1))));
        check(&runs, &[e], date(2023, 10, 31), NEVER, Some((Standing::Cleared, None)));
        check(&runs, &[e], date(2023, 11, 1), NEVER, Some((Standing::Suspected, None)));
        check(&runs, &[e], date(2023, 11, 1), at(date(2023, 10, 31)), Some((Standing::Cleared, None)));
    }

    #[test]
    fn what_is_written_down_later_changes_what_is_known_then_and_not_what_was_known_before() {
        use VerdictKind as V;
        let late = Assessment { recorded_at: at(date(2023, 9, 20)), ..run(2, V::EnrolledPresent, date(2023, 9, 1)) };
        let runs = [run(1, V::HouseholdNoRecord, date(2023, 9, 10)), late, run(3, V::EnrolledPresent, date(2023, 9, 15))];
        check(&runs, &[], date(2023, 9, 5), at(date(2023, 9, 10)), None);
        check(&runs, &[], date(2023, 9, 5), at(date(2023, 9, 20)), Some((Standing::Unlisted, None)));
        check(&runs, &[], date(2023, 9, 30), at(date(2023, 9, 12)), Some((Standing::Suspected, None)));
        check(&runs, &[], date(2023, 9, 30), NEVER, Some((Standing::Unlisted, None)));
    }

    #[test]
    fn what_registers_say_later() {
        use Tells::{AccountedFor, NotThere, SchooledHere, WrongEntry};
        use VerdictKind as V;
        let (first, second, third) = (date(2023, 10, 8), date(2023, 10, 11), date(2023, 11, 5));
        let table = |tells, then, now, contradicted: bool| {
            let e = cleared(1, tells, then, second);
            let s = standing(&[run(1, then, first), run(2, now, third)], &[e], third, NEVER).unwrap();
            assert_eq!(s.lapse.is_some(), contradicted, "{tells:?}: {then:?} then {now:?}");
            if contradicted {
                assert_eq!(s.standing, Standing::of_verdict(now));
            }
        };
        for tells in [AccountedFor, NotThere, WrongEntry, SchooledHere] {
            table(tells, V::HouseholdNoRecord, V::HouseholdNoRecord, false);
            // a year older
            table(tells, V::NeverEnrolled, V::HouseholdNoRecord, false);
            table(tells, V::HouseholdNoRecord, V::RecordedDropout, true);
            table(tells, V::HouseholdNoRecord, V::EnrolledNotPresent, true);
            table(tells, V::EnrolledNotPresent, V::RecordWithoutChild, false);
        }
        table(AccountedFor, V::HouseholdNoRecord, V::PoorNotEnrolled, false);
        table(NotThere, V::HouseholdNoRecord, V::PoorNotEnrolled, true);
        table(NotThere, V::HouseholdNoRecord, V::EnrolledPresent, true);
        table(AccountedFor, V::HouseholdNoRecord, V::EnrolledPresent, false);
        table(SchooledHere, V::EnrolledNotPresent, V::HouseholdNoRecord, true);
        table(AccountedFor, V::EnrolledNotPresent, V::HouseholdNoRecord, false);
    }

    #[test]
    fn a_confirmed_dropout_stays_until_a_register_or_a_person_says_otherwise() {
        use VerdictKind as V;
        let (first, second, third) = (date(2023, 10, 8), date(2023, 10, 11), date(2023, 11, 5));
        let mut e = cleared(1, Tells::AccountedFor, V::HouseholdNoRecord, second);
        e.effect = Effect::DroppedOut;
        let runs = |now| [run(1, V::HouseholdNoRecord, first), run(2, now, third)];
        check(&runs(V::HouseholdNoRecord), &[e], third, NEVER, Some((Standing::Dropout, None)));
        check(&runs(V::PoorNotEnrolled), &[e], third, NEVER, Some((Standing::Dropout, None)));
        let seen = Some((Standing::Unlisted, Some(Lapse::Contradicted(V::EnrolledPresent))));
        check(&runs(V::EnrolledPresent), &[e], third, NEVER, seen);
        // what was seen once is not forgotten: a new absence is a new suspicion
        let again = [runs(V::EnrolledPresent).as_slice(), &[run(3, V::EnrolledNotPresent, date(2023, 12, 1))]].concat();
        let lapsed = Some(Lapse::Contradicted(V::EnrolledPresent));
        check(&again, &[e], date(2023, 12, 1), NEVER, Some((Standing::Suspected, lapsed)));
        // unless the roster that said so was withdrawn
        let mut wrong = again.clone();
        wrong[1].void_at = Some(at(date(2023, 11, 6)));
        check(&wrong, &[e], third, at(third), seen);
        check(&wrong, &[e], date(2023, 12, 1), NEVER, Some((Standing::Dropout, None)));
        // a later word of a person replaces it; taken back, the first one holds again
        let mut back = cleared(2, Tells::SchooledHere, V::HouseholdNoRecord, third);
        check(&runs(V::HouseholdNoRecord), &[e, back], third, NEVER, Some((Standing::Cleared, None)));
        back.revoked = Some((third, at(third) + 1));
        check(&runs(V::HouseholdNoRecord), &[e, back], third, NEVER, Some((Standing::Dropout, None)));
    }

    #[test]
    fn a_report_puts_a_child_on_the_ledger_and_its_return_takes_it_off() {
        use VerdictKind as V;
        let (first, second, third, fourth) = (date(2023, 10, 8), date(2023, 10, 11), date(2023, 11, 5), date(2023, 12, 1));
        let of = |id, effect, verdict, on| Establishment { effect, ..cleared(id, Tells::AccountedFor, verdict, on) };
        let reported = of(1, Effect::Suspected, V::EnrolledPresent, second);
        let runs = [run(1, V::EnrolledPresent, first)];
        check(&runs, &[reported], first, NEVER, Some((Standing::Unlisted, None)));
        check(&runs, &[reported], second, NEVER, Some((Standing::Suspected, None)));
        // the register goes on saying that the child is enrolled: that is no return
        let again = [runs[0], run(2, V::RecordPending, third)];
        check(&again, &[reported], third, NEVER, Some((Standing::Suspected, None)));
        let back = of(2, Effect::Returned, V::EnrolledPresent, third);
        check(&runs, &[reported, back], third, NEVER, Some((Standing::Returned, None)));
        // a later roll does not have the child
        let away = [runs[0], run(2, V::EnrolledNotPresent, fourth)];
        let lapsed = Some(Lapse::Contradicted(V::EnrolledNotPresent));
        check(&away, &[reported, back], fourth, NEVER, Some((Standing::Suspected, lapsed)));
        // a register that still has the dropout when the child came back says nothing new
        let known = [run(1, V::RecordedDropout, first), run(2, V::RecordedDropout, fourth)];
        let back = of(2, Effect::Returned, V::RecordedDropout, third);
        check(&known, &[back], fourth, NEVER, Some((Standing::Returned, None)));
        check(&known, &[of(3, Effect::Suspected, V::RecordedDropout, third)], third, NEVER, Some((Standing::Dropout, None)));
    }

    fn day() -> impl Strategy<Value = Date> {
        (0i64..400).prop_map(|n| date(2023, 9, 1).checked_add(jiff::Span::new().days(n)).unwrap())
    }

    fn verdict() -> impl Strategy<Value = VerdictKind> {
        prop::sample::select(VerdictKind::ALL)
    }

    fn tells() -> impl Strategy<Value = Tells> {
        use Tells::*;
        prop::sample::select(vec![SchooledHere, AccountedFor, NotThere, WrongEntry, Finished])
    }

    prop_compose! {
        fn assessments()(all in prop::collection::vec((verdict(), day(), 0i64..40, prop::option::of(0i64..60)), 0..6)) -> Vec<Assessment> {
            let of = |(i, (verdict, on, late, void)): (usize, (VerdictKind, Date, i64, Option<i64>))| Assessment {
                id: i as i64, verdict, effective_on: on, recorded_at: at(on) + late * DAY, void_at: void.map(|v| at(on) + (late + v) * DAY),
            };
            all.into_iter().enumerate().map(of).collect()
        }
    }

    prop_compose! {
        fn establishments()(all in prop::collection::vec(
            (tells(), verdict(), day(), prop::option::of(1i64..200), prop::sample::select(Effect::ALL.to_vec()), prop::option::of(0i64..100)),
            0..5)
        ) -> Vec<Establishment> {
            let after = |on: Date, n: i64| on.checked_add(jiff::Span::new().days(n)).unwrap();
            all.into_iter().enumerate().map(|(i, (tells, verdict, on, lasts, effect, revoked))| Establishment {
                effect,
                valid_to: lasts.map(|n| after(on, n)),
                revoked: revoked.map(|n| (after(on, n), at(after(on, n)))),
                ..cleared(i as i64, tells, verdict, on)
            }).collect()
        }
    }

    proptest! {
        /// Between two boundaries nothing changes; what was written down later changes nothing that was known before; without an
        /// establishment the verdict alone decides.
        #[test]
        fn laws(a in assessments(), e in establishments(), d in day(), k in day()) {
            let days = boundaries(&a, &e);
            if let Some(first) = days.iter().rev().find(|b| **b <= d) {
                prop_assert_eq!(standing(&a, &e, d, NEVER), standing(&a, &e, *first, NEVER));
            } else {
                prop_assert_eq!(standing(&a, &e, d, NEVER), None);
            }
            let known = at(k);
            let then_a: Vec<Assessment> = a.iter().filter(|x| x.recorded_at <= known).copied()
                .map(|x| Assessment { void_at: x.void_at.filter(|v| *v <= known), ..x }).collect();
            let then_e: Vec<Establishment> = e.iter().filter(|x| x.recorded_at <= known).copied()
                .map(|x| Establishment { revoked: x.revoked.filter(|r| r.1 <= known), ..x }).collect();
            prop_assert_eq!(standing(&a, &e, d, known), standing(&then_a, &then_e, d, NEVER));
            if let Some(s) = standing(&a, &[], d, known) {
                prop_assert_eq!(s.standing, Standing::of_verdict(s.verdict));
            }
        }
    }
}
