//! 任务 (task): who has a subject to do, until when. A finding is one kind of subject; every kind has the same inbox, deadline and escalation.

/// Whether a task waits for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// 待办: its unit has to do something, until its deadline.
    Waiting,
    /// 已办: the unit did its part; it stays known who had it.
    Done,
}

impl TaskState {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        [Self::Waiting, Self::Done].into_iter().find(|s| s.code() == code)
    }

    /// Whether it is over a deadline, at a moment, in epoch milliseconds.
    pub fn is_overdue(self, deadline: Option<i64>, now: i64) -> bool {
        self == Self::Waiting && deadline.is_some_and(|d| d < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_overdue_after_its_deadline() {
        for (state, deadline, overdue) in [
            (TaskState::Waiting, Some(9), true),
            (TaskState::Waiting, Some(10), false),
            (TaskState::Waiting, None, false),
            (TaskState::Done, Some(9), false),
        ] {
            assert_eq!(state.is_overdue(deadline, 10), overdue);
            assert_eq!(TaskState::find(state.code()), Some(state));
        }
    }
}
