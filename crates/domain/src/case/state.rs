use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 档案状态 (state of a case).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// 核实中: somebody reported the child; it is being found out.
    Verifying,
    /// 劝返中: the child is out of school, and is being persuaded; whether it stands on 疑似 or 辍学台账 is another matter.
    Persuading,
    /// 依法控辍: persuasion failed; legal papers are served.
    Legal,
    /// 已返校: back, formalities of return are under way.
    Returned,
    /// 跟踪回访: formalities done; looked after at fixed times.
    FollowUp,
    /// 已销号: closed.
    Closed,
    /// 已核销: it turned out to be no dropout.
    Cleared,
    /// 已并入: two files of one child became one.
    Joined,
}

/// What is asked of the bureau, or of another unit, and waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// 申请确认辍学
    Confirm,
    /// 申请核销
    Clear,
    /// 申请销号
    Close,
    /// 申请移交: to another unit, which accepts or refuses.
    Transfer,
}

impl Ask {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Confirm, Self::Clear, Self::Close, Self::Transfer];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Clear => "clear",
            Self::Close => "close",
            Self::Transfer => "transfer",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Confirm => "确认辍学",
            Self::Clear => "核销",
            Self::Close => "销号",
            Self::Transfer => "移交",
        }
    }
}

/// What is done to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseStep {
    /// 转入劝返: the child is out of school; it stays where it stands on the ledgers.
    Persuade,
    /// 申请…: something is asked, and waits.
    Ask(Ask),
    /// 撤回申请
    TakeBack,
    /// 不同意: what was asked is refused.
    Refuse,
    /// 确认辍学, which was asked.
    Confirm,
    /// 核销, which was asked: so many proofs, so many units that vouch where so many are needed.
    Clear {
        /// Files.
        proofs: usize,
        /// Units that vouched.
        units: usize,
        /// Units that the conclusion needs.
        needs: usize,
    },
    /// 销号, which was asked.
    Close,
    /// 接收, which was asked.
    Accept,
    /// 指定单位: the bureau gives it to a unit.
    Assign,
    /// 联系、家访: a contact was recorded; a home visit with its proof counts as one.
    Contact {
        /// Whether it is a home visit.
        visit: bool,
    },
    /// 转入依法控辍
    GoLegal,
    /// 登记文书: a paper was issued or served.
    Paper,
    /// 恢复劝返: from the legal chain back to persuasion.
    GoBack,
    /// 登记返校
    Return,
    /// 办妥手续: student record and class.
    Settle,
    /// 回访: still in school.
    CheckPassed,
    /// 回访: not in school any more. 再次辍学
    CheckFailed,
    /// 重新打开
    Reopen,
    /// 并入: it became part of another file of the child.
    Join,
}

impl CaseStep {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Persuade => "persuade",
            Self::Ask(Ask::Confirm) => "ask-confirm",
            Self::Ask(Ask::Clear) => "ask-clear",
            Self::Ask(Ask::Close) => "ask-close",
            Self::Ask(Ask::Transfer) => "ask-transfer",
            Self::TakeBack => "take-back",
            Self::Refuse => "refuse",
            Self::Confirm => "confirm",
            Self::Clear { .. } => "clear",
            Self::Close => "close",
            Self::Accept => "accept",
            Self::Assign => "assign",
            Self::Contact { visit: true } => "visit",
            Self::Contact { visit: false } => "contact",
            Self::GoLegal => "go-legal",
            Self::Paper => "paper",
            Self::GoBack => "go-back",
            Self::Return => "return",
            Self::Settle => "settle",
            Self::CheckPassed => "check-passed",
            Self::CheckFailed => "check-failed",
            Self::Reopen => "reopen",
            Self::Join => "join",
        }
    }

    /// The Chinese name of a code of an event of cases.
    pub fn label_of(code: &str) -> &'static str {
        match code {
            "report" => "报告",
            "open" => "立案",
            "ground" => "又有依据",
            "persuade" => "转入劝返",
            "ask-confirm" => "申请确认辍学",
            "ask-clear" => "申请核销",
            "ask-close" => "申请销号",
            "ask-transfer" => "申请移交",
            "take-back" => "撤回申请",
            "refuse" => "不同意",
            "confirm" => "确认辍学",
            "clear" => "核销",
            "close" => "销号",
            "accept" => "接收",
            "assign" => "指定单位",
            "visit" => "家访",
            "contact" => "联系",
            "go-legal" => "转入依法控辍",
            "paper" => "依法文书",
            "go-back" => "恢复劝返",
            "return" => "登记返校",
            "settle" => "办妥手续",
            "check-passed" => "回访",
            "check-failed" => "再次离校",
            "reopen" => "重新打开",
            "join" => "并入",
            "describe" => "补充情况",
            "proof" => "佐证材料",
            "police" => "强制报告",
            "register" => "名册变化",
            "overdue" => "逾期",
            "remind" => "催办",
            "attendance" => "考勤",
            _ => "记录",
        }
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        Self::label_of(self.code())
    }

    /// Whether a reason must be written.
    pub fn needs_reason(self) -> bool {
        matches!(
            self,
            Self::TakeBack
                | Self::Refuse
                | Self::GoBack
                | Self::CheckFailed
                | Self::Reopen
                | Self::Ask(Ask::Confirm | Ask::Transfer)
        )
    }
}

/// 期限 (what deadline a step starts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// 核实期限, working days.
    Verify,
    /// The next attempt.
    Attempt,
    /// 复学手续
    Formalities,
    /// The next check after a return.
    Check,
    /// 审批期限: the bureau, or the unit that was asked, decides.
    Decide,
    /// As it was.
    Unchanged,
    /// None: the file is closed.
    Nothing,
}

/// 台账 (what a step does to the ledgers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerEffect {
    /// Onto 疑似辍学台账.
    Suspected,
    /// Onto 辍学台账.
    DroppedOut,
    /// Off both: 返校, which is neither 核销 nor a register's word.
    Returned,
    /// Off, with proof.
    Cleared,
}

/// ⚙ What the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// 劝返次数, least, before the law is called for.
    pub attempts: u32,
    /// Of them home visits.
    pub visits: u32,
    /// Checks after a return.
    pub checks: u32,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseFacts {
    /// State.
    pub state: CaseState,
    /// Whether the dropout was confirmed.
    pub confirmed: bool,
    /// Attempts since it was opened, or opened anew.
    pub attempts: u32,
    /// Of them home visits.
    pub visits: u32,
    /// Checks passed since the child came back.
    pub checks: u32,
    /// How often the child left again.
    pub relapses: u32,
    /// What was asked and not yet answered.
    pub asked: Option<Ask>,
}

/// What a step leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The facts from now on.
    pub facts: CaseFacts,
    /// Which deadline begins.
    pub due: Due,
    /// What it does to the ledgers.
    pub effect: Option<LedgerEffect>,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CaseError {
    /// The state does not allow it.
    #[error("这份档案现在是“{}”,不能{}", .0.label(), .1.label())]
    NotNow(CaseState, CaseStep),
    /// Something was asked already.
    #[error("已经申请了{},正在等答复;要改,请先撤回", .0.label())]
    Asked(Ask),
    /// Nothing of the kind was asked.
    #[error("没有等待答复的申请,可能已被别人办了;请刷新页面")]
    NotAsked,
    /// Persuasion was not tried often enough.
    #[error("依法控辍须先劝返至少 {attempts} 次(其中家访 {visits} 次);现在是 {done} 次(家访 {visited} 次)")]
    TooFewAttempts {
        /// Wanted.
        attempts: u32,
        /// Wanted.
        visits: u32,
        /// There are.
        done: u32,
        /// There are.
        visited: u32,
    },
    /// Not all checks were made.
    #[error("销号须完成 {wanted} 次回访,现在完成 {done} 次")]
    TooFewChecks {
        /// Wanted.
        wanted: u32,
        /// There are.
        done: u32,
    },
    /// No proof.
    #[error("核销须有佐证材料,请先上传")]
    ProofMissing,
    /// Not enough units vouch.
    #[error("这项结论须有 {needs} 个单位分别证明,现在只有 {units} 个")]
    UnitsMissing {
        /// Wanted.
        needs: usize,
        /// There are.
        units: usize,
    },
    /// A day in the future.
    #[error("日期 {0} 还没有到")]
    InFuture(Date),
    /// A day before the case.
    #[error("日期 {0} 早于这份档案的开始({1})")]
    BeforeCase(Date, Date),
}

impl CaseError {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotNow(..) => "case-not-now",
            Self::Asked(_) => "case-asked",
            Self::NotAsked => "case-not-asked",
            Self::TooFewAttempts { .. } => "case-too-few-attempts",
            Self::TooFewChecks { .. } => "case-too-few-checks",
            Self::ProofMissing => "case-proof-missing",
            Self::UnitsMissing { .. } => "case-units-missing",
            Self::InFuture(_) => "case-in-future",
            Self::BeforeCase(..) => "case-before",
        }
    }

    /// Whether the file has moved on since it was shown.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::NotNow(..) | Self::Asked(_) | Self::NotAsked)
    }
}

/// Whether something of a case may have been on a day: not in the future, not before the case began.
pub fn check_day(day: Date, opened: Date, today: Date) -> Result<(), CaseError> {
    if day > today {
        return Err(CaseError::InFuture(day));
    }
    if day < opened {
        return Err(CaseError::BeforeCase(day, opened));
    }
    Ok(())
}

impl CaseState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Verifying,
        Self::Persuading,
        Self::Legal,
        Self::Returned,
        Self::FollowUp,
        Self::Closed,
        Self::Cleared,
        Self::Joined,
    ];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Verifying => "verifying",
            Self::Persuading => "persuading",
            Self::Legal => "legal",
            Self::Returned => "returned",
            Self::FollowUp => "follow-up",
            Self::Closed => "closed",
            Self::Cleared => "cleared",
            Self::Joined => "joined",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Verifying => "核实中",
            Self::Persuading => "劝返中",
            Self::Legal => "依法控辍",
            Self::Returned => "已返校,办手续",
            Self::FollowUp => "跟踪回访",
            Self::Closed => "已销号",
            Self::Cleared => "已核销",
            Self::Joined => "已并入",
        }
    }

    /// Whether somebody owns it every day.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Cleared | Self::Joined)
    }

    /// Whether the child is away from school, as far as the file knows.
    pub fn is_away(self) -> bool {
        matches!(self, Self::Verifying | Self::Persuading | Self::Legal)
    }
}

impl CaseFacts {
    /// A file that somebody's report opens.
    pub fn reported() -> Taken {
        Taken { facts: Self::new(CaseState::Verifying, false), due: Due::Verify, effect: Some(LedgerEffect::Suspected) }
    }

    /// A file that an answered finding opens: the child is out of school. Confirmed, it stands on 辍学台账 by the finding's own word.
    pub fn found(confirmed: bool) -> Taken {
        let effect = (!confirmed).then_some(LedgerEffect::Suspected);
        Taken { facts: Self::new(CaseState::Persuading, confirmed), due: Due::Attempt, effect }
    }

    fn new(state: CaseState, confirmed: bool) -> Self {
        Self { state, confirmed, attempts: 0, visits: 0, checks: 0, relapses: 0, asked: None }
    }

    /// Where a child stands who is away.
    fn away(self) -> LedgerEffect {
        if self.confirmed { LedgerEffect::DroppedOut } else { LedgerEffect::Suspected }
    }

    /// The rule (one place for all moves): what a step leads to, or why it is refused.
    pub fn take(self, step: CaseStep, t: &Thresholds) -> Result<Taken, CaseError> {
        use CaseState as S;
        use CaseStep as X;
        let not_now = || CaseError::NotNow(self.state, step);
        let is_asked = |ask: Ask| if self.asked == Some(ask) { Ok(()) } else { Err(CaseError::NotAsked) };
        // the deadline that a state has when nothing else is under way
        let usual = |s: S| match s {
            S::Verifying => Due::Verify,
            S::Persuading | S::Legal => Due::Attempt,
            S::Returned => Due::Formalities,
            S::FollowUp => Due::Check,
            S::Closed | S::Cleared | S::Joined => Due::Nothing,
        };
        let to = |facts: Self| Taken { facts, due: usual(facts.state), effect: None };
        let with = |taken: Taken, effect| Taken { effect: Some(effect), ..taken };
        if !self.state.is_open() && step != X::Reopen {
            return Err(not_now());
        }
        // while the bureau decides, the child is still spoken to; everything else waits for the answer
        let decided = matches!(self.asked, Some(Ask::Confirm | Ask::Clear | Ask::Close));
        let goes_on = matches!(
            step,
            // a child who is gone again is gone, whatever is asked
            X::CheckFailed
                | X::Contact { .. }
                | X::Paper
                | X::TakeBack
                | X::Refuse
                | X::Confirm
                | X::Clear { .. }
                | X::Close
                | X::Assign
                | X::Join
        );
        if let Some(asked) = self.asked.filter(|_| (decided && !goes_on) || matches!(step, X::Ask(_))) {
            return Err(CaseError::Asked(asked));
        }
        let unasked = Self { asked: None, ..self };
        Ok(match (self.state, step) {
            (S::Verifying, X::Persuade) => to(Self { state: S::Persuading, ..self }),
            (S::Verifying | S::Persuading | S::Legal, X::Ask(Ask::Confirm)) if !self.confirmed => {
                Taken { facts: Self { asked: Some(Ask::Confirm), ..self }, due: Due::Decide, effect: None }
            }
            (S::Verifying | S::Persuading | S::Legal, X::Ask(Ask::Clear)) => {
                Taken { facts: Self { asked: Some(Ask::Clear), ..self }, due: Due::Decide, effect: None }
            }
            (S::FollowUp, X::Ask(Ask::Close)) => {
                if self.checks < t.checks {
                    return Err(CaseError::TooFewChecks { wanted: t.checks, done: self.checks });
                }
                Taken { facts: Self { asked: Some(Ask::Close), ..self }, due: Due::Decide, effect: None }
            }
            // the giver owns it, with its deadline, until the other one accepts
            (_, X::Ask(Ask::Transfer)) => {
                Taken { facts: Self { asked: Some(Ask::Transfer), ..self }, due: Due::Unchanged, effect: None }
            }
            (_, X::TakeBack | X::Refuse) => {
                let asked = self.asked.ok_or(CaseError::NotAsked)?;
                let due = if asked == Ask::Transfer { Due::Unchanged } else { usual(self.state) };
                Taken { facts: unasked, due, effect: None }
            }
            (_, X::Accept) => {
                is_asked(Ask::Transfer)?;
                to(unasked)
            }
            (_, X::Assign) => {
                if decided {
                    return Err(CaseError::Asked(self.asked.unwrap_or(Ask::Confirm)));
                }
                to(unasked)
            }
            (S::Verifying | S::Persuading | S::Legal, X::Confirm) => {
                is_asked(Ask::Confirm)?;
                let state = if self.state == S::Verifying { S::Persuading } else { self.state };
                with(to(Self { state, confirmed: true, ..unasked }), LedgerEffect::DroppedOut)
            }
            (S::Verifying | S::Persuading | S::Legal, X::Clear { proofs, units, needs }) => {
                is_asked(Ask::Clear)?;
                if proofs == 0 {
                    return Err(CaseError::ProofMissing);
                }
                if units < needs {
                    return Err(CaseError::UnitsMissing { needs, units });
                }
                with(to(Self { state: S::Cleared, ..unasked }), LedgerEffect::Cleared)
            }
            (S::FollowUp, X::Close) => {
                is_asked(Ask::Close)?;
                to(Self { state: S::Closed, ..unasked })
            }
            (S::Verifying | S::Persuading | S::Legal, X::Contact { visit }) => {
                let facts = Self { attempts: self.attempts + 1, visits: self.visits + u32::from(visit), ..self };
                // a call does not put off what verifying owes
                let due = if decided || self.state == S::Verifying { Due::Unchanged } else { Due::Attempt };
                Taken { facts, due, effect: None }
            }
            (S::Returned | S::FollowUp, X::Contact { .. }) => Taken { facts: self, due: Due::Unchanged, effect: None },
            (S::Persuading, X::GoLegal) => {
                if self.attempts < t.attempts || self.visits < t.visits {
                    return Err(CaseError::TooFewAttempts {
                        attempts: t.attempts,
                        visits: t.visits,
                        done: self.attempts,
                        visited: self.visits,
                    });
                }
                to(Self { state: S::Legal, ..self })
            }
            (S::Verifying | S::Persuading | S::Legal, X::Paper) => Taken { facts: self, due: Due::Unchanged, effect: None },
            (S::Legal, X::GoBack) => to(Self { state: S::Persuading, ..self }),
            (S::Verifying | S::Persuading | S::Legal, X::Return) => {
                with(to(Self { state: S::Returned, checks: 0, ..unasked }), LedgerEffect::Returned)
            }
            (S::Returned, X::Settle) => to(Self { state: S::FollowUp, ..self }),
            (S::FollowUp, X::CheckPassed) => to(Self { checks: self.checks + 1, ..self }),
            // the first check may fall due before the papers are done
            (S::Returned, X::CheckPassed) => {
                Taken { facts: Self { checks: self.checks + 1, ..self }, due: Due::Unchanged, effect: None }
            }
            (S::Returned | S::FollowUp, X::CheckFailed) => with(to(self.again()), self.away()),
            (S::Closed, X::Reopen) => with(to(self.again()), self.away()),
            // what was cleared is to be found out anew, whatever it was before
            (S::Cleared, X::Reopen) => {
                let facts = Self { state: S::Verifying, confirmed: false, attempts: 0, visits: 0, checks: 0, ..unasked };
                with(to(facts), LedgerEffect::Suspected)
            }
            (_, X::Join) => to(Self { state: S::Joined, ..unasked }),
            _ => return Err(not_now()),
        })
    }

    /// 再次辍学: the same file, a new count of attempts.
    fn again(self) -> Self {
        Self { state: CaseState::Persuading, attempts: 0, visits: 0, checks: 0, relapses: self.relapses + 1, asked: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const T: Thresholds = Thresholds { attempts: 4, visits: 2, checks: 4 };

    fn steps() -> Vec<CaseStep> {
        use CaseStep::*;
        vec![
            Persuade,
            Ask(super::Ask::Confirm),
            Ask(super::Ask::Clear),
            Ask(super::Ask::Close),
            Ask(super::Ask::Transfer),
            TakeBack,
            Refuse,
            Confirm,
            Clear { proofs: 1, units: 1, needs: 1 },
            Clear { proofs: 0, units: 1, needs: 1 },
            Clear { proofs: 2, units: 1, needs: 2 },
            Close,
            Accept,
            Assign,
            Contact { visit: true },
            Contact { visit: false },
            GoLegal,
            Paper,
            GoBack,
            Return,
            Settle,
            CheckPassed,
            CheckFailed,
            Reopen,
            Join,
        ]
    }

    /// The whole way, as an official would walk it: suspected and back without ever having been a dropout; dropped out again; the law.
    #[test]
    fn the_way() {
        use CaseState as S;
        use CaseStep as X;
        let walk = |from: Taken, path: &[(CaseStep, CaseState, Due, Option<LedgerEffect>)]| {
            let mut facts = from.facts;
            for (step, state, due, effect) in path {
                let t = facts.take(*step, &T).unwrap_or_else(|e| panic!("{step:?}: {e}"));
                assert_eq!((t.facts.state, t.due, t.effect), (*state, *due, *effect), "{step:?}");
                facts = t.facts;
            }
            facts
        };
        let passed = (X::CheckPassed, S::FollowUp, Due::Check, None);
        let back = walk(
            CaseFacts::reported(),
            &[
                (X::Persuade, S::Persuading, Due::Attempt, None),
                (X::Contact { visit: true }, S::Persuading, Due::Attempt, None),
                (X::Return, S::Returned, Due::Formalities, Some(LedgerEffect::Returned)),
                (X::Settle, S::FollowUp, Due::Check, None),
                passed,
                passed,
                (X::CheckFailed, S::Persuading, Due::Attempt, Some(LedgerEffect::Suspected)),
                (X::Return, S::Returned, Due::Formalities, Some(LedgerEffect::Returned)),
                (X::CheckPassed, S::Returned, Due::Unchanged, None),
                (X::Settle, S::FollowUp, Due::Check, None),
                passed,
                passed,
                passed,
                (X::Ask(Ask::Close), S::FollowUp, Due::Decide, None),
                (X::Close, S::Closed, Due::Nothing, None),
                (X::Reopen, S::Persuading, Due::Attempt, Some(LedgerEffect::Suspected)),
            ],
        );
        assert_eq!((back.confirmed, back.relapses, back.attempts), (false, 2, 0), "it never stood on 辍学台账");
        let call = (X::Contact { visit: false }, S::Persuading, Due::Attempt, None);
        let visit = (X::Contact { visit: true }, S::Persuading, Due::Attempt, None);
        let early = walk(CaseFacts::found(true), &[call, call, call, visit]);
        let refused = early.take(X::GoLegal, &T).unwrap_err();
        assert_eq!(refused.to_string(), "依法控辍须先劝返至少 4 次(其中家访 2 次);现在是 4 次(家访 1 次)");
        walk(
            CaseFacts::found(true),
            &[
                call,
                call,
                visit,
                visit,
                (X::GoLegal, S::Legal, Due::Attempt, None),
                (X::Paper, S::Legal, Due::Unchanged, None),
                (X::Return, S::Returned, Due::Formalities, Some(LedgerEffect::Returned)),
                (X::CheckFailed, S::Persuading, Due::Attempt, Some(LedgerEffect::DroppedOut)),
            ],
        );
    }

    #[test]
    fn what_is_asked_waits_for_an_answer() {
        use CaseState as S;
        use CaseStep as X;
        let asked = CaseFacts::reported().facts.take(X::Ask(Ask::Clear), &T).unwrap().facts;
        for (step, refused) in [
            (X::Return, CaseError::Asked(Ask::Clear)),
            (X::Ask(Ask::Transfer), CaseError::Asked(Ask::Clear)),
            (X::Assign, CaseError::Asked(Ask::Clear)),
            (X::Confirm, CaseError::NotAsked),
            (X::Clear { proofs: 0, units: 2, needs: 1 }, CaseError::ProofMissing),
            (X::Clear { proofs: 1, units: 1, needs: 2 }, CaseError::UnitsMissing { needs: 2, units: 1 }),
        ] {
            assert_eq!(asked.take(step, &T).unwrap_err(), refused, "{step:?}");
        }
        // whoever decides does not put an end to talking to the family
        assert_eq!(asked.take(X::Contact { visit: true }, &T).unwrap().due, Due::Unchanged);
        let again = asked.take(X::Refuse, &T).unwrap();
        assert_eq!((again.facts.asked, again.due), (None, Due::Verify));
        // a child in transit is never without an owner: until it is accepted everything goes on
        let moving = CaseFacts::found(true).facts.take(X::Ask(Ask::Transfer), &T).unwrap();
        assert_eq!(moving.due, Due::Unchanged);
        assert_eq!(moving.facts.take(X::Return, &T).unwrap().facts.asked, None);
        assert_eq!(moving.facts.take(X::Accept, &T).unwrap().due, Due::Attempt);
        let closing = CaseFacts { state: S::FollowUp, checks: 3, ..CaseFacts::found(true).facts };
        assert_eq!(closing.take(X::Ask(Ask::Close), &T).unwrap_err().to_string(), "销号须完成 4 次回访,现在完成 3 次");
    }

    #[test]
    fn days() {
        let (opened, today) = (date(2023, 10, 9), date(2023, 10, 12));
        assert_eq!(check_day(date(2023, 10, 9), opened, today), Ok(()));
        assert_eq!(check_day(today, opened, today), Ok(()));
        assert_eq!(check_day(date(2023, 10, 13), opened, today).unwrap_err().code(), "case-in-future");
        assert_eq!(check_day(date(2023, 10, 8), opened, today).unwrap_err().code(), "case-before");
    }

    #[test]
    fn every_step_and_state_has_its_word() {
        let mut codes: Vec<&str> = steps().into_iter().map(CaseStep::code).collect();
        codes.dedup();
        for step in steps() {
            assert!(!step.label().is_ascii() && step.label() != "记录", "{step:?}");
        }
        for s in CaseState::ALL {
            assert_eq!(CaseState::find(s.code()), Some(s));
        }
        for a in Ask::ALL {
            assert_eq!(Ask::find(a.code()), Some(a));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Whatever is tried, in whatever order: an open file has a deadline to go by and a closed one has none; none closes without its
        /// evidence; none is left from where nothing leads on; who is away stands on a ledger, who is back on none.
        #[test]
        fn laws(path in prop::collection::vec(prop::sample::select(steps()), 0..60), reported in any::<bool>(), confirmed in any::<bool>()) {
            let mut now = if reported { CaseFacts::reported() } else { CaseFacts::found(confirmed) };
            // a finding that was confirmed put the child on 辍学台账 itself
            let mut stands = now.effect.unwrap_or(LedgerEffect::DroppedOut);
            for step in path {
                let before = now.facts;
                let Ok(next) = before.take(step, &T) else { continue };
                now = next;
                stands = next.effect.unwrap_or(stands);
                let f = next.facts;
                prop_assert_eq!(f.state.is_open(), next.due != Due::Nothing);
                prop_assert!(f.relapses >= before.relapses);
                prop_assert!(f.visits <= f.attempts);
                if f.state == CaseState::Closed {
                    prop_assert!(f.checks >= T.checks && before.asked == Some(Ask::Close));
                }
                if f.state == CaseState::Cleared {
                    prop_assert!(before.asked == Some(Ask::Clear));
                }
                if f.state == CaseState::Legal && before.state != CaseState::Legal {
                    prop_assert!(f.attempts >= T.attempts && f.visits >= T.visits);
                }
                if f.state.is_open() {
                    prop_assert!(steps().into_iter().any(|s| s != CaseStep::Join && f.take(s, &T).is_ok()));
                }
                match f.state {
                    CaseState::Verifying | CaseState::Persuading | CaseState::Legal => {
                        let on = if f.confirmed { LedgerEffect::DroppedOut } else { LedgerEffect::Suspected };
                        prop_assert_eq!(stands, on);
                    }
                    CaseState::Returned | CaseState::FollowUp | CaseState::Closed => prop_assert_eq!(stands, LedgerEffect::Returned),
                    CaseState::Cleared => prop_assert_eq!(stands, LedgerEffect::Cleared),
                    CaseState::Joined => break,
                }
            }
        }
    }
}
