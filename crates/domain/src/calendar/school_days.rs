use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::Workdays;

/// 学期 (a term), first and last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// 名称, as people say it: 2023 秋季学期.
    pub name: String,
    /// 开学
    pub from: Date,
    /// 放假前最后一天
    pub to: Date,
}

/// Terms where a county has set none: autumn from 1 September, spring from 1 March. 本系统默认
pub fn default_terms(year: i16) -> Vec<Term> {
    let term = |name: &str, from: Date, to: Date| Term { name: format!("{year} {name}"), from, to };
    vec![
        term("春季学期", date(year, 3, 1), date(year, 7, 10)),
        term("秋季学期", date(year, 9, 1), date(year.saturating_add(1), 1, 20)),
    ]
}

/// Whether one of the default terms holds on a day: they begin and end alike every year.
fn default_terms_hold(day: Date) -> bool {
    let at = (day.month(), day.day());
    ((3, 1)..=(7, 10)).contains(&at) || at >= (9, 1) || at <= (1, 20)
}

/// 半天
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Half {
    /// 上午
    Morning,
    /// 下午
    Afternoon,
}

/// What a day is for a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayKind {
    /// 不上课
    Off,
    /// 上课
    Whole,
    /// 只上半天
    Half(Half),
    /// 线上教学
    Online,
}

impl DayKind {
    /// Whether it is a school day.
    pub fn is_school_day(self) -> bool {
        self != Self::Off
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Off => "不上课",
            Self::Whole => "上课",
            Self::Half(Half::Morning) => "只上上午",
            Self::Half(Half::Afternoon) => "只上下午",
            Self::Online => "线上教学",
        }
    }
}

/// What a county, town or school says of some days otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExceptionKind {
    /// 停课: weather, epidemic, a school's own holiday.
    Closed,
    /// 照常上课, though a weekend or holiday.
    Open,
    /// 只上上午
    Morning,
    /// 只上下午
    Afternoon,
    /// 线上教学
    Online,
    /// 大周: eleven days of school, three at home, again and again from the first day on.
    ElevenThree,
    /// 大周: ten days of school, four at home.
    TenFour,
    /// 农忙: days on which absence is looked at as a pattern; school as always.
    Harvest,
    /// 寄宿: an evening roll on school days, and one on the evening before school begins again.
    Boarding,
}

impl ExceptionKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Closed,
        Self::Open,
        Self::Morning,
        Self::Afternoon,
        Self::Online,
        Self::ElevenThree,
        Self::TenFour,
        Self::Harvest,
        Self::Boarding,
    ];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Online => "online",
            Self::ElevenThree => "eleven-three",
            Self::TenFour => "ten-four",
            Self::Harvest => "harvest",
            Self::Boarding => "boarding",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "停课",
            Self::Open => "照常上课(补课、调课)",
            Self::Morning => "只上上午",
            Self::Afternoon => "只上下午",
            Self::Online => "线上教学",
            Self::ElevenThree => "大周:上 11 天休 3 天",
            Self::TenFour => "大周:上 10 天休 4 天",
            Self::Harvest => "农忙时节",
            Self::Boarding => "寄宿:晚点名、返校点名",
        }
    }

    /// What it makes of a day, `n` days after its first; nothing where it leaves the day as it is.
    fn makes(self, n: i32) -> Option<DayKind> {
        let rhythm = |on: i32| if n.rem_euclid(14) < on { DayKind::Whole } else { DayKind::Off };
        match self {
            Self::Closed => Some(DayKind::Off),
            Self::Open => Some(DayKind::Whole),
            Self::Morning => Some(DayKind::Half(Half::Morning)),
            Self::Afternoon => Some(DayKind::Half(Half::Afternoon)),
            Self::Online => Some(DayKind::Online),
            Self::ElevenThree => Some(rhythm(11)),
            Self::TenFour => Some(rhythm(10)),
            Self::Harvest | Self::Boarding => None,
        }
    }

    /// Whether it changes school days only, and opens none.
    fn needs_school_day(self) -> bool {
        matches!(self, Self::Morning | Self::Afternoon | Self::Online)
    }
}

/// 例外: said of some days by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// What.
    pub kind: ExceptionKind,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

/// 校历 of one school: what holds on each day.
#[derive(Debug, Clone, Default)]
pub struct SchoolCalendar {
    workdays: Workdays,
    /// As a county set them; where there are none, the defaults.
    terms: Vec<Term>,
    /// In the order in which they win: that of a larger place before that of a smaller one, the earlier before the later.
    exceptions: Vec<Exception>,
}

impl SchoolCalendar {
    /// A school's calendar; `exceptions` in the order in which they win, the last one most.
    pub fn new(workdays: Workdays, terms: Vec<Term>, exceptions: Vec<Exception>) -> Self {
        Self { workdays, terms, exceptions }
    }

    /// Terms that are known, the defaults of the years around a day where none is set for it.
    pub fn term(&self, day: Date) -> Option<Term> {
        let holds = |t: &&Term| t.from <= day && day <= t.to;
        if let Some(t) = self.terms.iter().find(holds) {
            return Some(t.clone());
        }
        // a county that sets terms of a school year sets all of it
        let set = |t: &Term| t.from.saturating_sub(200.days()) <= day && day <= t.to.saturating_add(200.days());
        if self.terms.iter().any(set) {
            return None;
        }
        let around = [default_terms(day.year().saturating_sub(1)), default_terms(day.year())].concat();
        around.iter().find(holds).cloned()
    }

    /// Whether a term holds on a day; asked of every day of every child.
    fn is_in_term(&self, day: Date) -> bool {
        if self.terms.is_empty() {
            return default_terms_hold(day);
        }
        self.term(day).is_some()
    }

    /// What a day is.
    pub fn day(&self, day: Date) -> DayKind {
        let taught = self.is_in_term(day);
        let mut kind = if taught && self.workdays.is_workday(day) { DayKind::Whole } else { DayKind::Off };
        for e in self.exceptions.iter().filter(|e| e.from <= day && day <= e.to) {
            let n = e.from.until(day).map(|s| s.get_days()).unwrap_or(0);
            let Some(made) = e.kind.makes(n) else { continue };
            let rhythm = matches!(e.kind, ExceptionKind::ElevenThree | ExceptionKind::TenFour);
            // nobody teaches on a national holiday because of a fortnight's rhythm
            if (rhythm && (!taught || self.workdays.holiday(day).is_some()))
                || (e.kind.needs_school_day() && kind == DayKind::Off)
            {
                if rhythm {
                    kind = DayKind::Off;
                }
                continue;
            }
            kind = made;
        }
        kind
    }

    /// 开学第一天: the first school day of a term.
    pub fn begins_term(&self, day: Date) -> bool {
        self.day(day).is_school_day()
            && self.term(day).is_some_and(|t| t.from == day || self.before(day).is_none_or(|b| b < t.from))
    }

    /// Whether a kind of exception holds on a day.
    pub fn is(&self, kind: ExceptionKind, day: Date) -> bool {
        self.exceptions.iter().any(|e| e.kind == kind && e.from <= day && day <= e.to)
    }

    /// School days from a day to another, both included, the earliest first.
    pub fn school_days(&self, from: Date, to: Date) -> Vec<Date> {
        from.series(1.day()).take_while(|d| *d <= to).filter(|d| self.day(*d).is_school_day()).collect()
    }

    /// The school day before a day, within a year.
    pub fn before(&self, day: Date) -> Option<Date> {
        (1..366).map(|n| day.saturating_sub(n.days())).find(|d| self.day(*d).is_school_day())
    }

    /// The school day after a day, within a year.
    pub fn after(&self, day: Date) -> Option<Date> {
        (1..366).map(|n| day.saturating_add(n.days())).find(|d| self.day(*d).is_school_day())
    }

    /// The evening on which boarders come back: tomorrow is school, today is none.
    pub fn is_return_evening(&self, day: Date) -> bool {
        !self.day(day).is_school_day()
            && self.day(day.saturating_add(1.day())).is_school_day()
            && self.is(ExceptionKind::Boarding, day)
    }

    /// Whether a school day is the last one before days off that are more than a weekend.
    pub fn is_before_holiday(&self, day: Date) -> bool {
        let next = day.saturating_add(1.day());
        self.day(day).is_school_day()
            && (self.workdays.holiday(next).is_some() || self.after(day).is_none_or(|a| day.saturating_add(3.days()) < a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(exceptions: &[(ExceptionKind, &str, &str)]) -> SchoolCalendar {
        let d = |t: &str| t.parse::<Date>().unwrap();
        let all = exceptions.iter().map(|(kind, from, to)| Exception { kind: *kind, from: d(from), to: d(to) }).collect();
        SchoolCalendar::new(Workdays::national(), Vec::new(), all)
    }

    /// What a day is, under which exceptions.
    #[test]
    fn awkward_days() {
        use DayKind::{Half as H, Off, Online, Whole};
        use ExceptionKind::{Afternoon, Closed, ElevenThree, Morning, Open, TenFour};
        let none: &[(ExceptionKind, &str, &str)] = &[];
        for (exceptions, day, kind) in [
            (none, "2023-09-28", Whole),
            (none, "2023-10-01", Off),
            (none, "2023-10-07", Whole),
            (none, "2023-10-14", Off),
            (none, "2024-02-10", Off),
            (none, "2024-07-20", Off),
            (none, "2024-01-20", Off),
            (none, "2024-01-19", Whole),
            (none, "2023-12-31", Off),
            (none, "2024-02-29", Off),
            (none, "2024-03-01", Whole),
            (&[(Closed, "2023-10-09", "2023-10-10")], "2023-10-10", Off),
            (&[(ExceptionKind::Online, "2023-10-10", "2023-10-10")], "2023-10-10", Online),
            (&[(Morning, "2023-10-09", "2023-10-09")], "2023-10-09", H(Half::Morning)),
            (&[(Afternoon, "2023-10-09", "2023-10-09")], "2023-10-09", H(Half::Afternoon)),
            // a half day opens no Saturday
            (&[(Morning, "2023-10-14", "2023-10-14")], "2023-10-14", Off),
            (&[(Open, "2023-10-14", "2023-10-14")], "2023-10-14", Whole),
            // a closure that was said later than the made-up day wins
            (&[(Open, "2023-10-14", "2023-10-14"), (Closed, "2023-10-14", "2023-10-14")], "2023-10-14", Off),
            // eleven days of school from Monday on: the weekend in between is school, the third Friday is not
            (&[(ElevenThree, "2023-10-09", "2023-12-31")], "2023-10-14", Whole),
            (&[(ElevenThree, "2023-10-09", "2023-12-31")], "2023-10-19", Whole),
            (&[(ElevenThree, "2023-10-09", "2023-12-31")], "2023-10-20", Off),
            (&[(ElevenThree, "2023-10-09", "2023-12-31")], "2023-10-23", Whole),
            (&[(TenFour, "2023-10-09", "2023-12-31")], "2023-10-19", Off),
            // and no rhythm teaches on National Day
            (&[(ElevenThree, "2023-09-25", "2023-12-31")], "2023-10-02", Off),
        ] {
            assert_eq!(calendar(exceptions).day(day.parse().unwrap()), kind, "{day} {exceptions:?}");
        }
    }

    #[test]
    fn default_terms_are_what_they_are() {
        let c = calendar(&[]);
        for day in date(2023, 1, 1).series(1.day()).take(1_200) {
            assert_eq!(default_terms_hold(day), c.term(day).is_some(), "{day}");
        }
    }

    #[test]
    fn neighbours_of_days() {
        let c = calendar(&[(ExceptionKind::Boarding, "2023-09-01", "2024-01-20")]);
        let d = |t: &str| t.parse::<Date>().unwrap();
        // over National Day
        assert_eq!(c.after(d("2023-09-28")), Some(d("2023-10-07")));
        assert_eq!(c.before(d("2023-10-07")), Some(d("2023-09-28")));
        assert!(
            c.is_before_holiday(d("2023-09-28"))
                && !c.is_before_holiday(d("2023-10-13"))
                && !c.is_before_holiday(d("2023-09-27"))
        );
        assert!(c.is_before_holiday(d("2024-01-19")), "the term ends");
        // boarders come back on Sunday evening; before a made-up Saturday on Friday, the holiday's last day
        for (day, back) in [("2023-10-15", true), ("2023-10-14", false), ("2023-10-06", true), ("2023-10-09", false)] {
            assert_eq!(c.is_return_evening(d(day)), back, "{day}");
        }
        assert_eq!(c.school_days(d("2023-09-27"), d("2023-10-09")).len(), 5);
        let begins: Vec<Date> =
            c.school_days(d("2023-08-25"), d("2024-03-10")).into_iter().filter(|x| c.begins_term(*x)).collect();
        assert_eq!(begins, [d("2023-09-01"), d("2024-03-01")]);
        // a county that set its terms has no others
        let own = Term { name: "2023 秋季学期".into(), from: d("2023-09-04"), to: d("2024-01-12") };
        let set = SchoolCalendar::new(Workdays::national(), vec![own], Vec::new());
        assert_eq!(set.day(d("2023-09-01")), DayKind::Off);
        assert_eq!(set.day(d("2024-01-15")), DayKind::Off);
        assert_eq!(set.term(d("2021-09-01")).unwrap().name, "2021 秋季学期");
    }
}
