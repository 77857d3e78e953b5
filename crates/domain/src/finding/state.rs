use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 核实状态 (state of a finding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// 待交办: with the county.
    Open,
    /// 已交办未答复: with a school or village.
    Dispatched,
    /// 待审核: answered.
    Answered,
    /// 已核销
    Cleared,
    /// 已确认辍学: stands on 辍学台账; what follows is the child's case.
    Confirmed,
    /// 已转劝返: out of school and not confirmed, or taken into a case that was there; what follows is the child's case.
    Filed,
    /// 已撤销: the run that found it was withdrawn, or a later run saw the child in school.
    Withdrawn,
}

/// What is done to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// 交办 or 改派
    Dispatch,
    /// 答复
    Answer,
    /// 退回重核, with a reason
    SendBack,
    /// 不归本单位: the unit hands it back, with a reason
    HandBack,
    /// 核销
    Clear,
    /// 确认辍学
    Confirm,
    /// 转入劝返
    File,
    /// 撤销
    Withdraw,
    /// 重新打开
    Reopen,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FindingError {
    /// The state does not allow it.
    #[error("这条已是“{}”,不能{}", .0.label(), .1.label())]
    NotNow(FindingState, Step),
    /// A note is needed.
    #[error("请写明原因")]
    ReasonMissing,
    /// The code is unknown.
    #[error("请选择核实结论")]
    DispositionMissing,
    /// Proof is needed.
    #[error("“核销”需要佐证材料,请先上传(照片、扫描件都可以)")]
    ProofMissing,
    /// 谁答复谁不审核
    #[error("这条是您自己答复的,须由另一人审核")]
    OwnAnswer,
    /// The code needs a second unit's word.
    #[error("“{0}”须有 {1} 个单位分别证明,现在只有 {2} 个")]
    UnitsMissing(&'static str, u8, usize),
}

impl FindingError {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotNow(..) => "not-now",
            Self::ReasonMissing => "reason-missing",
            Self::DispositionMissing => "disposition-missing",
            Self::ProofMissing => "proof-missing",
            Self::OwnAnswer => "own-answer",
            Self::UnitsMissing(..) => "units-missing",
        }
    }
}

impl FindingState {
    /// All states.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Dispatched, Self::Answered, Self::Cleared, Self::Confirmed, Self::Filed, Self::Withdrawn];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dispatched => "dispatched",
            Self::Answered => "answered",
            Self::Cleared => "cleared",
            Self::Confirmed => "confirmed",
            Self::Filed => "filed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Finds a state by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "待交办",
            Self::Dispatched => "已交办未答复",
            Self::Answered => "待审核",
            Self::Cleared => "已核销",
            Self::Confirmed => "已确认辍学",
            Self::Filed => "已转劝返",
            Self::Withdrawn => "已撤销",
        }
    }

    /// Whether somebody still has to do something.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Open | Self::Dispatched | Self::Answered)
    }

    /// The state after a step.
    pub fn after(self, step: Step) -> Result<Self, FindingError> {
        use FindingState as S;
        Ok(match (self, step) {
            // what was answered may need another unit's word too
            (S::Open | S::Dispatched | S::Answered, Step::Dispatch) => S::Dispatched,
            (S::Dispatched, Step::Answer) => S::Answered,
            (S::Answered, Step::SendBack) => S::Dispatched,
            (S::Dispatched, Step::HandBack) => S::Open,
            (S::Answered, Step::Clear) => S::Cleared,
            (S::Answered, Step::Confirm) => S::Confirmed,
            // of one child there is one file: what is still looked into becomes part of it
            (S::Open | S::Dispatched | S::Answered, Step::File) => S::Filed,
            (S::Open | S::Dispatched | S::Answered, Step::Withdraw) => S::Withdrawn,
            (S::Cleared | S::Withdrawn, Step::Reopen) => S::Open,
            _ => return Err(FindingError::NotNow(self, step)),
        })
    }
}

impl Step {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch",
            Self::Answer => "answer",
            Self::SendBack => "send-back",
            Self::HandBack => "hand-back",
            Self::Clear => "clear",
            Self::Confirm => "confirm",
            Self::File => "file",
            Self::Withdraw => "withdraw",
            Self::Reopen => "reopen",
        }
    }

    /// Finds a step by its code.
    pub fn find(code: &str) -> Option<Self> {
        const ALL: [Step; 9] = [
            Step::Dispatch,
            Step::Answer,
            Step::SendBack,
            Step::HandBack,
            Step::Clear,
            Step::Confirm,
            Step::File,
            Step::Withdraw,
            Step::Reopen,
        ];
        ALL.into_iter().find(|s| s.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dispatch => "交办",
            Self::Answer => "答复",
            Self::SendBack => "退回重核",
            Self::HandBack => "退回交办单位",
            Self::Clear => "核销",
            Self::Confirm => "确认辍学",
            Self::File => "转入劝返",
            Self::Withdraw => "撤销",
            Self::Reopen => "重新打开",
        }
    }

    /// Whether a reason must be written.
    pub fn needs_reason(self) -> bool {
        matches!(self, Self::SendBack | Self::HandBack | Self::Reopen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_follow() {
        use FindingState as S;
        for (from, step, to) in [
            (S::Open, Step::Dispatch, Some(S::Dispatched)),
            (S::Dispatched, Step::Dispatch, Some(S::Dispatched)),
            (S::Answered, Step::Dispatch, Some(S::Dispatched)),
            (S::Open, Step::Answer, None),
            (S::Dispatched, Step::Answer, Some(S::Answered)),
            (S::Answered, Step::Answer, None),
            (S::Answered, Step::SendBack, Some(S::Dispatched)),
            (S::Dispatched, Step::HandBack, Some(S::Open)),
            (S::Answered, Step::Clear, Some(S::Cleared)),
            (S::Dispatched, Step::Clear, None),
            (S::Cleared, Step::Clear, None),
            (S::Cleared, Step::Reopen, Some(S::Open)),
            (S::Confirmed, Step::Dispatch, None),
            (S::Confirmed, Step::Withdraw, None),
            (S::Answered, Step::File, Some(S::Filed)),
            (S::Open, Step::File, Some(S::Filed)),
            (S::Filed, Step::Reopen, None),
            (S::Dispatched, Step::Confirm, None),
        ] {
            assert_eq!(from.after(step).ok(), to, "{from:?} {step:?}");
        }
        assert_eq!(S::Cleared.after(Step::Answer).unwrap_err().to_string(), "这条已是“已核销”,不能答复");
    }

    /// Nothing that ended moves on by itself, and whatever is pending can end.
    #[test]
    fn ends_and_ways_out() {
        let steps = ["dispatch", "answer", "send-back", "hand-back", "clear", "confirm", "file", "withdraw", "reopen"];
        for s in FindingState::ALL {
            let next: Vec<_> = steps.iter().filter_map(|c| s.after(Step::find(c).unwrap()).ok()).collect();
            // what is confirmed or filed goes on as a case
            assert_eq!(next.iter().any(|n| !n.is_pending()), s.is_pending(), "{s:?} {next:?}");
        }
    }
}
