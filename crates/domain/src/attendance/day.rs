use super::{Check, Mark};
use crate::calendar::{DayKind, Half};

/// What a day of a child was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayState {
    /// 不上课: none of its days.
    NoSchool,
    /// 未点名: nobody said; never taken for present.
    Unmarked,
    /// 到校
    Present,
    /// 请假, sick or otherwise; never warns.
    Excused,
    /// 缺半天
    HalfAbsent,
    /// 缺一天: all of what was taught that day
    Absent,
    /// 被学校停课、劝回
    SentHome,
    /// 不在应到名单: nobody expects it in the class any more
    OffList,
}

/// Half days as people count them: 2.5 天.
pub fn in_days(halves: u32) -> String {
    if halves % 2 == 0 { format!("{} 天", halves / 2) } else { format!("{}.5 天", halves / 2) }
}

impl DayState {
    /// Half days that were missed without a reason.
    pub fn halves_missed(self) -> u32 {
        match self {
            Self::Absent | Self::SentHome => 2,
            Self::HalfAbsent => 1,
            _ => 0,
        }
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoSchool => "不上课",
            Self::Unmarked => "未点名",
            Self::Present => "到校",
            Self::Excused => "请假",
            Self::HalfAbsent => "缺半天",
            Self::Absent => "缺一天",
            Self::SentHome => "被停课、劝回",
            Self::OffList => "不在应到名单",
        }
    }
}

/// What a check said of a child, and whether a leave covers that half of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// Which.
    pub check: Check,
    /// What.
    pub mark: Mark,
    /// A granted leave covers it.
    pub excused: bool,
}

/// The half of the day of which a check tells.
pub fn half_of(check: Check) -> Half {
    match check {
        Check::Morning | Check::FirstDay => Half::Morning,
        Check::Noon | Check::Afternoon | Check::Evening | Check::Return => Half::Afternoon,
    }
}

/// 一天算什么: how the checks of a day make it one. Morning and afternoon missed is a day, one of them half a day; where only one check was taken
/// it tells of the whole day, for a child that was away stays away until somebody sees it; so does the one half of a half school day. Whatever a leave covers is excused.
pub fn day_state(kind: DayKind, marks: &[Marked]) -> DayState {
    let marks: Vec<&Marked> = marks.iter().filter(|m| m.check.tells_of_school()).collect();
    if !kind.is_school_day() {
        return DayState::NoSchool;
    }
    if marks.is_empty() {
        return DayState::Unmarked;
    }
    if marks.iter().any(|m| m.mark == Mark::SentHome) {
        return DayState::SentHome;
    }
    let half = |h: Half| {
        let of: Vec<&&Marked> = marks.iter().filter(|m| half_of(m.check) == h).collect();
        // seen once in a half is there for it; a later check that misses the child counts against it
        let last = of.last()?;
        let missed = last.mark.is_unexplained() && !last.excused;
        let away = !last.mark.was_there();
        Some((missed, away))
    };
    match (half(Half::Morning), half(Half::Afternoon)) {
        (Some((m, _)), Some((a, _))) if m && a => DayState::Absent,
        (Some((m, _)), Some((a, _))) if m || a => DayState::HalfAbsent,
        (Some((_, m)), Some((_, a))) if m || a => DayState::Excused,
        (Some((missed, away)), None) | (None, Some((missed, away))) => match (missed, away) {
            (true, _) => DayState::Absent,
            (false, true) => DayState::Excused,
            (false, false) => DayState::Present,
        },
        _ => DayState::Present,
    }
}

/// 夜间 (a night of a boarder): whether it was there at the evening roll or the return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Night {
    /// 在校
    There,
    /// 请假
    Excused,
    /// 未归,原因不明
    Missing,
}

/// What a boarder's night was; nothing where no roll tells of it. Of two rolls of one evening the later one counts.
pub fn night_of(marks: &[Marked]) -> Option<Night> {
    let last = marks.iter().filter(|m| !m.check.tells_of_school()).max_by_key(|m| m.check)?;
    Some(match last.mark {
        m if m.was_there() => Night::There,
        m if m.is_unexplained() && !last.excused => Night::Missing,
        _ => Night::Excused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_checks_make_a_day() {
        use Check::{Afternoon, Evening, Morning, Noon};
        use DayState as S;
        use Mark::{Late, Leave, LeftEarly, NoDevice, NoNetwork, Present, SentHome, Sick, Unexplained};
        let m = |check, mark| Marked { check, mark, excused: false };
        let excused = |check, mark| Marked { check, mark, excused: true };
        let whole = DayKind::Whole;
        for (kind, marks, is) in [
            (DayKind::Off, vec![m(Morning, Unexplained)], S::NoSchool),
            (whole, vec![], S::Unmarked),
            (whole, vec![m(Morning, Present)], S::Present),
            (whole, vec![m(Morning, Late)], S::Present),
            (whole, vec![m(Morning, Unexplained)], S::Absent),
            (whole, vec![m(Morning, Sick)], S::Excused),
            (whole, vec![m(Morning, Leave)], S::Excused),
            (whole, vec![excused(Morning, Unexplained)], S::Excused),
            (whole, vec![m(Morning, Unexplained), m(Noon, Unexplained)], S::Absent),
            (whole, vec![m(Morning, Unexplained), m(Noon, Present)], S::HalfAbsent),
            (whole, vec![m(Morning, Present), m(Noon, Unexplained)], S::HalfAbsent),
            (whole, vec![m(Morning, Present), m(Noon, Present), m(Afternoon, Unexplained)], S::HalfAbsent),
            (whole, vec![m(Morning, Present), m(Noon, Unexplained), m(Afternoon, Present)], S::Present),
            (whole, vec![m(Morning, Present), m(Afternoon, LeftEarly)], S::Present),
            (whole, vec![m(Morning, Sick), m(Noon, Present)], S::Excused),
            (whole, vec![m(Morning, Sick), m(Noon, Unexplained)], S::HalfAbsent),
            (whole, vec![excused(Morning, Unexplained), m(Noon, Unexplained)], S::HalfAbsent),
            (whole, vec![m(Morning, Present), m(Evening, Unexplained)], S::Present),
            (whole, vec![m(Check::FirstDay, Unexplained), m(Morning, Present)], S::Present),
            (whole, vec![m(Morning, SentHome)], S::SentHome),
            (DayKind::Online, vec![m(Morning, NoDevice)], S::Excused),
            (DayKind::Online, vec![m(Morning, NoNetwork), m(Noon, Unexplained)], S::HalfAbsent),
            (DayKind::Half(Half::Morning), vec![m(Morning, Unexplained)], S::Absent),
            (DayKind::Online, vec![m(Morning, Unexplained)], S::Absent),
        ] {
            assert_eq!(day_state(kind, &marks), is, "{kind:?} {marks:?}");
        }
    }

    #[test]
    fn nights_of_boarders() {
        use Check::{Evening, Morning, Return};
        let m = |check, mark, excused| Marked { check, mark, excused };
        for (marks, is) in [
            (vec![], None),
            (vec![m(Morning, Mark::Unexplained, false)], None),
            (vec![m(Evening, Mark::Present, false)], Some(Night::There)),
            (vec![m(Evening, Mark::Late, false)], Some(Night::There)),
            (vec![m(Evening, Mark::Unexplained, false)], Some(Night::Missing)),
            (vec![m(Evening, Mark::Unexplained, true)], Some(Night::Excused)),
            (vec![m(Return, Mark::Sick, false)], Some(Night::Excused)),
            (vec![m(Evening, Mark::Unexplained, false), m(Return, Mark::Present, false)], Some(Night::There)),
        ] {
            assert_eq!(night_of(&marks), is, "{marks:?}");
        }
    }
}
