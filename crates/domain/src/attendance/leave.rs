use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::calendar::Half;

/// 请假类别
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveKind {
    /// 病假
    Sick,
    /// 事假
    Personal,
}

impl LeaveKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sick, Self::Personal];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Sick => "sick",
            Self::Personal => "personal",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sick => "病假",
            Self::Personal => "事假",
        }
    }
}

/// 请假的状态
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveState {
    /// 待批
    Asked,
    /// 已准
    Granted,
    /// 未准
    Refused,
    /// 已撤回、销假
    Ended,
}

impl LeaveState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Asked, Self::Granted, Self::Refused, Self::Ended];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Ended => "ended",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Asked => "待批",
            Self::Granted => "已准",
            Self::Refused => "未准",
            Self::Ended => "已销假",
        }
    }
}

/// 审批人: who grants a leave, by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Approver {
    /// 班主任
    ClassTeacher,
    /// 年级、教务处
    Dean,
    /// 校长、分管副校长
    Principal,
}

impl Approver {
    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::ClassTeacher => "班主任",
            Self::Dean => "年级组长或教务处",
            Self::Principal => "校长或分管副校长",
        }
    }
}

/// 审批权限: up to `teacher` school days the class teacher, up to `dean` the dean, beyond that the principal: no length is without somebody.
pub fn approver_of(school_days: usize, teacher: i64, dean: i64) -> Approver {
    let within = |most: i64| usize::try_from(most).is_ok_and(|m| school_days <= m);
    if within(teacher) {
        Approver::ClassTeacher
    } else if within(dean.max(teacher)) {
        Approver::Dean
    } else {
        Approver::Principal
    }
}

/// Whether a leave from the half of a day to the half of another covers a half of a day.
pub fn covers(from: (Date, Half), to: (Date, Half), day: Date, half: Half) -> bool {
    let order = |(d, h): (Date, Half)| (d, h == Half::Afternoon);
    order(from) <= order((day, half)) && order((day, half)) <= order(to)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Published rules leave holes (day 6, half days): here every length has somebody.
    #[test]
    fn every_length_has_an_approver() {
        use Approver::{ClassTeacher, Dean, Principal};
        for (days, who) in
            [(0, ClassTeacher), (1, ClassTeacher), (2, Dean), (3, Dean), (4, Principal), (6, Principal), (90, Principal)]
        {
            assert_eq!(approver_of(days, 1, 3), who, "{days}");
        }
        // a county that gives the dean less than the teacher leaves no hole either
        assert_eq!(approver_of(2, 3, 1), ClassTeacher);
        assert_eq!(approver_of(4, 3, 1), Principal);
    }

    #[test]
    fn halves() {
        use Half::{Afternoon, Morning};
        let d = |n| date(2023, 10, n);
        for (from, to, day, half, is) in [
            ((d(9), Morning), (d(9), Afternoon), d(9), Afternoon, true),
            ((d(9), Afternoon), (d(9), Afternoon), d(9), Morning, false),
            ((d(9), Afternoon), (d(10), Morning), d(10), Afternoon, false),
            ((d(9), Afternoon), (d(10), Morning), d(10), Morning, true),
            ((d(9), Morning), (d(11), Afternoon), d(12), Morning, false),
        ] {
            assert_eq!(covers(from, to, day, half), is);
        }
    }
}
