use serde::{Deserialize, Serialize};

use crate::calendar::DayKind;

/// 点名结果 (a mark), in the order in which it keeps a child in sight, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// 到
    Present,
    /// 线上教学日:参加了,家里没有人辅导
    NoHelper,
    /// 病假
    Sick,
    /// 事假
    Leave,
    /// 线上教学日:没有设备
    NoDevice,
    /// 线上教学日:没有网络
    NoNetwork,
    /// 迟到
    Late,
    /// 早退
    LeftEarly,
    /// 未到,原因不明
    Unexplained,
    /// 被学校停课、劝回
    SentHome,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Present,
        Self::NoHelper,
        Self::Sick,
        Self::Leave,
        Self::NoDevice,
        Self::NoNetwork,
        Self::Late,
        Self::LeftEarly,
        Self::Unexplained,
        Self::SentHome,
    ];

    /// Those that a check of a day may give: who lacks device or network is asked where lessons are on line.
    pub fn offered(day: DayKind) -> Vec<Self> {
        Self::ALL.into_iter().filter(|m| day == DayKind::Online || !m.lacks_means()).collect()
    }

    /// 没有设备、网络或辅导: the child cannot well take part in lessons on line, and is to be helped; it is not to blame.
    pub fn lacks_means(self) -> bool {
        matches!(self, Self::NoDevice | Self::NoNetwork | Self::NoHelper)
    }

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Sick => "sick",
            Self::Leave => "leave",
            Self::NoHelper => "no-helper",
            Self::NoDevice => "no-device",
            Self::NoNetwork => "no-network",
            Self::Late => "late",
            Self::LeftEarly => "left-early",
            Self::Unexplained => "unexplained",
            Self::SentHome => "sent-home",
        }
    }

    /// As the database keeps it: one byte a pupil counts over a year.
    pub fn number(self) -> i64 {
        match self {
            Self::Present => 0,
            Self::Sick => 1,
            Self::Leave => 2,
            Self::Late => 3,
            Self::LeftEarly => 4,
            Self::Unexplained => 5,
            Self::SentHome => 6,
            Self::NoDevice => 7,
            Self::NoNetwork => 8,
            Self::NoHelper => 9,
        }
    }

    /// By its number.
    pub fn of_number(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.number() == n)
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Present => "到",
            Self::Sick => "病假",
            Self::Leave => "事假",
            Self::NoHelper => "无人辅导",
            Self::NoDevice => "无设备",
            Self::NoNetwork => "无网络",
            Self::Late => "迟到",
            Self::LeftEarly => "早退",
            Self::Unexplained => "未到(原因不明)",
            Self::SentHome => "被停课、劝回",
        }
    }

    /// As a roll of a month prints it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Present => "√",
            Self::Sick => "△",
            Self::Leave => "○",
            Self::NoHelper => "辅",
            Self::NoDevice => "设",
            Self::NoNetwork => "网",
            Self::Late => "迟",
            Self::LeftEarly => "早",
            Self::Unexplained => "×",
            Self::SentHome => "停",
        }
    }

    /// Whether the child was there.
    pub fn was_there(self) -> bool {
        matches!(self, Self::Present | Self::NoHelper | Self::Late | Self::LeftEarly)
    }

    /// Whether the child was away, and nobody can say why; or sent away by the school itself.
    pub fn is_unexplained(self) -> bool {
        matches!(self, Self::Unexplained | Self::SentHome)
    }
}

/// 点名时段 (a check).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// 开学报到, before all others of its day
    FirstDay,
    /// 晨检
    Morning,
    /// 午检
    Noon,
    /// 放学前
    Afternoon,
    /// 晚点名, of boarders
    Evening,
    /// 返校, of boarders on the evening before school
    Return,
}

impl Check {
    /// All of them, in the order of a day.
    pub const ALL: [Self; 6] = [Self::FirstDay, Self::Morning, Self::Noon, Self::Afternoon, Self::Evening, Self::Return];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Noon => "noon",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
            Self::Return => "return",
            Self::FirstDay => "first-day",
        }
    }

    /// As the database keeps it.
    pub fn number(self) -> i64 {
        match self {
            Self::Morning => 0,
            Self::Noon => 1,
            Self::Afternoon => 2,
            Self::Evening => 3,
            Self::Return => 4,
            Self::FirstDay => 5,
        }
    }

    /// Whether it tells of school; the others tell of a boarder's night.
    pub fn tells_of_school(self) -> bool {
        !matches!(self, Self::Evening | Self::Return)
    }

    /// By its number.
    pub fn of_number(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.number() == n)
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Morning => "晨检",
            Self::Noon => "午检",
            Self::Afternoon => "放学前",
            Self::Evening => "晚点名",
            Self::Return => "返校",
            Self::FirstDay => "开学报到",
        }
    }

    /// Minute of the day by which it is taken; what is not by then is chased. 本系统默认
    pub fn closes_at(self) -> i32 {
        match self {
            Self::Morning | Self::FirstDay => 9 * 60,
            Self::Noon => 14 * 60 + 30,
            Self::Afternoon => 17 * 60,
            Self::Evening => 21 * 60 + 30,
            Self::Return => 20 * 60,
        }
    }
}

/// Checks of a school day, of how many a county asks: one (晨检), two (and 午检), three (and 放学前).
pub fn checks_of(asked: i64) -> &'static [Check] {
    match asked {
        i64::MIN..=1 => &[Check::Morning],
        2 => &[Check::Morning, Check::Noon],
        _ => &[Check::Morning, Check::Noon, Check::Afternoon],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_numbers_lead_back() {
        for m in Mark::ALL {
            assert_eq!((Mark::find(m.code()), Mark::of_number(m.number())), (Some(m), Some(m)));
        }
        for c in Check::ALL {
            assert_eq!((Check::find(c.code()), Check::of_number(c.number())), (Some(c), Some(c)));
        }
        assert!(
            Mark::Unexplained > Mark::LeftEarly
                && Mark::LeftEarly > Mark::Late
                && Mark::Leave > Mark::Sick
                && Mark::Sick > Mark::Present
        );
    }
}
