//! 规则的落地 (the rules at a place and day): thresholds, deadlines, who stands how to a file.

use baoxue_domain::access::{Action, Actor, Refusal};
use baoxue_domain::calendar::Workdays;
use baoxue_domain::case::{CaseError, Due, Thresholds, VisitError};
use baoxue_domain::place::PlacePath;
use baoxue_domain::policy::Policy;
use baoxue_store::{CaseCheck, CaseFile};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::app::clock::moment;
use crate::app::office::{Office, OfficeError, Result};

impl From<CaseError> for OfficeError {
    fn from(e: CaseError) -> Self {
        match e {
            e if e.is_stale() => Self::Conflict(e.to_string()),
            CaseError::InFuture(_) | CaseError::BeforeCase(..) => Self::field("on", e.to_string()),
            e => Self::Input(e.to_string()),
        }
    }
}

impl From<VisitError> for OfficeError {
    fn from(e: VisitError) -> Self {
        let field = match e {
            VisitError::PhotoMissing => "photos",
            VisitError::SignatureMissing | VisitError::SignaturesIncomplete => "signed",
            VisitError::WitnessMissing => "witness",
            VisitError::NobodyAnswered => "outcome",
        };
        Self::field(field, e.to_string())
    }
}

/// Levels of the path of a school.
const SCHOOL: usize = 2;

/// How an actor stands to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// Her unit leads, or asked and waits for the answer.
    pub holds: bool,
    /// Her unit helps, from the other line, or the child lives there.
    pub helps: bool,
    /// The child is, or was, in her school or class.
    pub teaches: bool,
    /// She decides for the county.
    pub decides: bool,
    /// It is her very own: of her unit itself and not of one below, or of a pupil of her class. Its names stand unmasked. (R-SYS 4)
    pub own: bool,
    /// Told what is sealed: whose unit itself leads, and the bureau. (R-CASE 12)
    pub named: bool,
}

impl Relation {
    pub fn of(actor: &Actor, k: &CaseFile) -> Self {
        let covers =
            |action: Action, path: Option<&str>| path.is_some_and(|p| actor.jurisdiction(action).is_ok_and(|j| j.covers(p)));
        let work = |path: &Option<String>| covers(Action::WorkCase, path.as_deref());
        let places = actor.places(Action::WorkCase).unwrap_or_default();
        let units = [&k.unit_path, &k.partner_path, &k.asking_path];
        let own_unit =
            |p: &PlacePath| units.iter().any(|u| u.as_deref() == Some(p.as_str()) && *u != &Some(k.scope_path.clone()));
        let own_pupil = |p: &PlacePath| {
            !p.is_government() && p.depth() > SCHOOL && k.school_path.as_deref().is_some_and(|s| s.starts_with(p.as_str()))
        };
        Self {
            holds: work(&k.unit_path) || work(&k.asking_path),
            helps: work(&k.partner_path) || work(&k.home_path),
            teaches: work(&k.school_path),
            decides: covers(Action::DecideCase, Some(&k.scope_path)),
            named: covers(Action::DecideCase, Some(&k.scope_path))
                || places.iter().any(|p| [&k.unit_path, &k.asking_path].into_iter().any(|u| u.as_deref() == Some(p.as_str()))),
            own: places.iter().any(|p| own_unit(p) || own_pupil(p)),
        }
    }

    /// Speaks to the family, and looks after the child who is back.
    pub fn may_record(self) -> bool {
        self.holds || self.helps || self.teaches || self.decides
    }

    /// Moves the file on.
    pub fn may_move(self) -> bool {
        self.holds || self.decides
    }

    pub fn ask_move(self) -> Result<()> {
        if self.may_move() { Ok(()) } else { Err(Refusal { action: Action::WorkCase }.into()) }
    }

    pub fn ask_record(self) -> Result<()> {
        if self.may_record() { Ok(()) } else { Err(Refusal { action: Action::WorkCase }.into()) }
    }

    pub fn ask_decide(self) -> Result<()> {
        if self.decides { Ok(()) } else { Err(Refusal { action: Action::DecideCase }.into()) }
    }
}

/// The county that keeps a file, whose values hold for it.
pub fn county_of(k: &CaseFile) -> Option<PlacePath> {
    PlacePath::parse(&k.scope_path)
}

/// What the rules ask for, with so many checks as this return was given when it was written down.
pub fn thresholds(policy: &Policy, checks: usize) -> Thresholds {
    let n = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Thresholds {
        attempts: n(policy.case_attempts),
        visits: n(policy.case_visits),
        checks: u32::try_from(checks).unwrap_or(u32::MAX),
    }
}

/// The days on which a child who came back is looked after.
pub fn check_days(policy: &Policy, returned: Date) -> Vec<Date> {
    policy.check_days.iter().map(|d| returned.saturating_add((*d).days())).collect()
}

/// Checks of the return that holds, and those of them that are still to be done.
pub fn of_newest_return(checks: &[CaseCheck]) -> Vec<&CaseCheck> {
    let newest = checks.iter().map(|c| c.of).max();
    checks.iter().filter(|c| Some(c.of) == newest).collect()
}

impl Office {
    /// Until when: the end of a working day.
    pub fn case_deadline(&self, policy: &Policy, due: Due, base: Date, checks: &[CaseCheck], before: Option<i64>) -> Option<i64> {
        let (days, today) = (Workdays::national(), self.clock.today());
        let n = |n: i64| u32::try_from(n).unwrap_or(1);
        // not on a holiday, and never in the past
        let on = |day: Date| {
            let mut day = day.max(today);
            while !days.is_workday(day) {
                day = day.saturating_add(1.day());
            }
            Some(moment(days.deadline(day, 0)))
        };
        match due {
            Due::Verify => Some(moment(days.deadline(today, n(policy.deadline_days)))),
            Due::Decide => Some(moment(days.deadline(today, n(policy.decide_days)))),
            Due::Attempt => on(base.saturating_add(policy.attempt_days.days())),
            Due::Formalities => on(base.saturating_add(policy.formality_days.days())),
            Due::Check => match of_newest_return(checks).iter().filter(|c| c.done_on.is_none()).map(|c| c.due).min() {
                Some(day) => on(day),
                // all done: the unit asks for its closing
                None => Some(moment(days.deadline(today, n(policy.decide_days)))),
            },
            Due::Unchanged => before.or_else(|| on(today)),
            Due::Nothing => None,
        }
    }
}
