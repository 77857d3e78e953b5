//! 参数 ⚙ (policy): every value that a place may set, typed, with what holds by default and where that comes from. Values are dated, hold for a
//! place and all below it, and are read for the place of the thing and the day of the decision; a decision keeps which version it used.

use jiff::civil::Date;
use thiserror::Error;

use crate::access::Action;
use crate::place::PlacePath;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// A whole number, from … to.
    Number(i64, i64),
    /// 是 (1) or 否 (0).
    YesOrNo,
    /// Words, at most so many characters.
    Words(usize),
    /// Days after another one, rising, at most so many.
    Days(usize),
}

/// 参数 (term): one value of the policy.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    /// Stable name.
    pub name: &'static str,
    /// In Chinese.
    pub label: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What holds where nobody set it.
    pub default: &'static str,
    /// 依据: where the default comes from.
    pub source: &'static str,
    /// What it may be.
    pub bounds: Bounds,
    /// Whoever may do this sets it.
    pub set_by: Action,
}

impl Term {
    /// A term by its name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TERMS.iter().find(|t| t.name == name)
    }

    /// Whether it is asked with yes or no.
    pub fn is_question(&self) -> bool {
        self.bounds == Bounds::YesOrNo
    }

    /// A value as people read it.
    pub fn shown<'v>(&self, value: &'v str) -> &'v str {
        match (self.bounds, value) {
            (Bounds::YesOrNo, "0") => "否",
            (Bounds::YesOrNo, "1") => "是",
            _ => value,
        }
    }

    /// Whether a value can be set; what is wrong with it otherwise.
    pub fn check(&'static self, value: &str) -> Result<(), PolicyError> {
        let n = value.parse::<i64>().ok();
        let good = match self.bounds {
            Bounds::Number(least, most) => n.is_some_and(|n| (least..=most).contains(&n)),
            Bounds::YesOrNo => n.is_some_and(|n| (0..=1).contains(&n)),
            Bounds::Words(most) => !value.is_empty() && value.chars().count() <= most,
            Bounds::Days(most) => days_of(value).is_some_and(|d| d.len() <= most),
        };
        if good { Ok(()) } else { Err(PolicyError { term: self, value: value.to_owned() }) }
    }
}

/// A value that a term cannot have.
#[derive(Debug, Clone, Error)]
pub struct PolicyError {
    term: &'static Term,
    value: String,
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (label, value) = (self.term.label, &self.value);
        match self.term.bounds {
            Bounds::Number(least, most) => write!(f, "“{label}”应为 {least} 到 {most} 之间的整数,不能是“{value}”"),
            Bounds::YesOrNo => write!(f, "“{label}”只能是“是”或“否”"),
            Bounds::Words(most) => write!(f, "“{label}”不能为空,也不要超过 {most} 字"),
            Bounds::Days(most) => write!(f, "“{label}”应为由小到大的天数,用逗号分开,最多 {most} 个,例如 14,30,60,120"),
        }
    }
}

/// A value that somebody set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Its number: what was set later has a larger one.
    pub id: i64,
    /// The place for which it holds; empty for the installation.
    pub scope: String,
    /// Name of the term.
    pub name: String,
    /// The value.
    pub value: String,
    /// From which day.
    pub from: Date,
}

/// The value of a term that holds at a place on a day, as it was known when `version` was the newest: that of the nearest place, and there
/// the newest. Where no place is known (a log-in page), the installation's, or the only one that there is.
pub fn in_force<'v>(values: &'v [Dated], name: &str, at: Option<&PlacePath>, day: Date, version: i64) -> Option<&'v Dated> {
    let of = || values.iter().filter(|v| v.name == name && v.from <= day && v.id <= version);
    let at = at.map(|p| p.county().unwrap_or_else(|| p.clone()));
    let fitting = |v: &&Dated| v.scope.is_empty() || at.as_ref().is_some_and(|p| p.as_str().starts_with(&v.scope));
    let order = |v: &&Dated| (v.scope.len(), v.from, v.id);
    let only = || {
        let first = of().next().filter(|_| at.is_none())?;
        of().all(|v| v.scope == first.scope).then(|| of().max_by_key(order)).flatten()
    };
    of().filter(fitting).max_by_key(order).or_else(only)
}

/// 14,30,60,120: rising, within two years.
fn days_of(text: &str) -> Option<Vec<i64>> {
    let days: Vec<i64> = text.split([',', ',', '、']).map(|d| d.trim().parse().ok()).collect::<Option<_>>()?;
    let rising = days.windows(2).all(|w| w[0] < w[1]);
    (rising && days.iter().all(|d| (1..=730).contains(d))).then_some(days)
}

trait Read: Sized {
    fn read(text: &str) -> Option<Self>;
}

impl Read for i64 {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Read for Vec<i64> {
    fn read(text: &str) -> Option<Self> {
        days_of(text)
    }
}

impl Read for bool {
    fn read(text: &str) -> Option<Self> {
        Some(i64::read(text)? == 1)
    }
}

impl Read for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

macro_rules! policy {
    ($($field:ident: $type:ty, $name:literal, $label:literal, $default:literal, $bounds:expr, $by:ident, $source:literal, $about:literal;)*) => {
        /// What holds at a place on a day.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Policy {
            /// The newest value that was set for the place until then; 0 where nobody set any.
            pub version: i64,
            $(#[doc = $label] pub $field: $type),*
        }

        /// All terms.
        pub const TERMS: &[Term] = &[$(Term {
            name: $name, label: $label, about: $about, default: $default, source: $source, bounds: $bounds, set_by: Action::$by,
        }),*];

        impl Policy {
            /// What holds at a place on a day, as it was known when `version` was the newest value.
            pub fn of(values: &[Dated], at: Option<&PlacePath>, day: Date, version: i64) -> Result<Self, PolicyError> {
                let mut newest = 0;
                $(let $field = {
                    let set = in_force(values, $name, at, day, version);
                    newest = newest.max(set.map_or(0, |v| v.id));
                    let text = set.map_or($default, |v| v.value.as_str());
                    let unreadable = || PolicyError { term: Term::find($name).unwrap_or(&TERMS[0]), value: text.to_owned() };
                    <$type>::read(text).ok_or_else(unreadable)?
                };)*
                Ok(Self { version: newest, $($field),* })
            }
        }
    };
}

policy! {
    bureau: String, "bureau", "教育局名称", "县教育局", Bounds::Words(40), ManageSettings,
        "本县机构名称", "写在台账和页面上,例如“青禾县教育科技局”";
    deadline_days: i64, "deadline-days", "核实期限(工作日)", "2", Bounds::Number(1, 60), ManageSettings,
        "控辍保学通行做法:疑似辍学 48 小时内核实", "交办后学校、村(社区)几个工作日内答复";
    case_mark: String, "case-mark", "劝返档案编号字头", "控辍", Bounds::Words(12), ManageSettings,
        "本县习惯", "劝返档案编号的字头,例如“青控辍”,编号即“青控辍-2023-00137”";
    paper_mark: String, "paper-mark", "依法文书文号字头", "教", Bounds::Words(12), ManageSettings,
        "本县习惯", "县教育局依法文书文号的字头,例如“青教”,文号即“青教责〔2023〕1号”;乡镇、学校、村用单位名称";
    case_attempts: i64, "case-attempts", "依法控辍前的劝返次数", "4", Bounds::Number(1, 20), ManageSettings,
        "控辍保学通行做法", "劝返至少几次仍不返校的,才可以转入依法控辍";
    case_visits: i64, "case-visits", "其中上门家访次数", "2", Bounds::Number(0, 20), ManageSettings,
        "控辍保学通行做法", "上面的次数中,上门家访至少几次";
    attempt_days: i64, "attempt-days", "劝返间隔(天)", "7", Bounds::Number(1, 60), ManageSettings,
        "本系统默认", "劝返中的孩子,几天之内要再联系一次";
    formality_days: i64, "formality-days", "复学手续期限(天)", "7", Bounds::Number(1, 60), ManageSettings,
        "控辍保学通行做法", "孩子返校后几天之内编班、更新学籍";
    check_days: Vec<i64>, "check-days", "返校后回访(天)", "14,30,60,120", Bounds::Days(12), ManageSettings,
        "控辍保学通行做法:约两周、一个月、两个月、四个月", "返校后第几天各回访一次;全部做完才可以销号";
    decide_days: i64, "decide-days", "审批期限(工作日)", "3", Bounds::Number(1, 30), ManageSettings,
        "本系统默认", "学校、村(社区)申请确认辍学、核销、销号后,县教育局几个工作日内答复";
    roll_checks: i64, "roll-checks", "每天点名次数", "1", Bounds::Number(1, 3), ManageSettings,
        "本系统默认:晨检一次", "1:晨检;2:晨检、午检;3:晨检、午检、放学前";
    blue_minutes: i64, "blue-minutes", "蓝色预警前的联系时间(分钟)", "60", Bounds::Number(0, 240), ManageSettings,
        "控辍保学通行做法:1 小时内联系家长", "点名截止后这么久仍不知道原因的,发蓝色预警";
    yellow_days: i64, "yellow-days", "黄色预警:连续缺勤(上课日)", "2", Bounds::Number(2, 10), ManageSettings,
        "控辍保学通行做法", "连续几个上课日原因不明未到校的,发黄色预警";
    red_days: i64, "red-days", "红色预警:连续缺勤(上课日)", "3", Bounds::Number(2, 20), ManageSettings,
        "控辍保学通行做法:三天未到校", "连续几个上课日原因不明未到校的,发红色预警并立案劝返";
    first_day_days: i64, "first-day-days", "开学未到立案(第几个上课日)", "3", Bounds::Number(1, 10), ManageSettings,
        "本系统默认:开学第三个上课日仍未到", "开学第一天没到、原因不明的,当天发黄色预警由学校核查;到第几个上课日仍没到的,发红色预警并立案";
    cumulative_days: i64, "cumulative-days", "累计缺勤预警(30 天内天数)", "5", Bounds::Number(2, 20), ManageSettings,
        "本系统默认", "三十天内原因不明缺勤累计几天的,发黄色预警";
    least_rate: i64, "least-rate", "出勤率预警(%)", "85", Bounds::Number(50, 100), ManageSettings,
        "本系统默认", "最近二十个上课日出勤率低于多少的,发黄色预警";
    leave_teacher_days: i64, "leave-teacher-days", "班主任准假(上课日)", "1", Bounds::Number(0, 10), ManageSettings,
        "本系统默认", "几个上课日以内的假由班主任批";
    leave_dean_days: i64, "leave-dean-days", "年级、教务准假(上课日)", "3", Bounds::Number(0, 30), ManageSettings,
        "本系统默认", "几个上课日以内的假由年级组长或教务处批;更长的由校长批";
    alike_sick: i64, "alike-sick", "同症状报告(一班一天人数)", "3", Bounds::Number(2, 20), ManageSettings,
        "卫办疾控发〔2006〕65号", "一个班一天几人有相同症状的,提醒疫情报告人";
    idle_minutes: i64, "idle-minutes", "无操作退出(分钟)", "30", Bounds::Number(5, 30), ManageUsers,
        "网络安全等级保护三级", "登录后多久不操作须重新登录";
    session_hours: i64, "session-hours", "登录有效(小时)", "12", Bounds::Number(1, 12), ManageUsers,
        "网络安全等级保护三级", "一次登录最长有效多久";
    device_days: i64, "device-days", "离线设备有效(天)", "30", Bounds::Number(1, 90), ManageUsers,
        "本系统默认", "手机启用离线办理后,几天内没有登录过,上传的记录就要本人登录确认";
    cache_days: i64, "cache-days", "离线档案保留(天)", "7", Bounds::Number(1, 30), ManageUsers,
        "本系统默认", "手机几天没有联网,存在手机里供查看的档案就删除;没有上传的记录不删";
    learn_from_decisions: bool, "learn-from-decisions", "权重从人工认定学习", "0", Bounds::YesOrNo, ManageSettings,
        "本系统默认", "否:认定只约束它说到的那几对;是:各项证据的分量也从认定中学习,用了的比对会写明";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn set(id: i64, scope: &str, name: &str, value: &str, from: &str) -> Dated {
        Dated { id, scope: scope.into(), name: name.into(), value: value.into(), from: day(from) }
    }

    #[test]
    fn defaults_are_what_their_terms_allow() {
        for t in TERMS {
            t.check(t.default).unwrap();
            assert!(!t.source.is_empty() && !t.about.is_empty());
            assert_eq!(TERMS.iter().filter(|o| o.name == t.name).count(), 1);
        }
        let p = Policy::of(&[], None, day("2023-10-09"), i64::MAX).unwrap();
        assert_eq!((p.version, p.deadline_days, p.learn_from_decisions), (0, 2, false));
    }

    #[test]
    fn the_nearest_place_holds() {
        let at = |p: &str| PlacePath::parse(p);
        let all = [
            set(1, "", "bureau", "甲", "2023-09-01"),
            set(2, "g/52/", "bureau", "乙", "2023-09-01"),
            set(3, "g/52/5288/528801/", "bureau", "丙", "2023-09-01"),
        ];
        for (place, expected) in [
            (at("g/52/5288/528801/528801100/"), "丙"),
            (at("e/528801/2152000001/3/"), "丙"),
            (at("g/52/5288/528802/"), "乙"),
            (at("g/53/"), "甲"),
            (None, "甲"),
        ] {
            assert_eq!(Policy::of(&all, place.as_ref(), day("2023-09-01"), i64::MAX).unwrap().bureau, expected, "{place:?}");
        }
        let one = [set(1, "g/52/5288/528801/", "bureau", "丙", "2023-09-01")];
        let bureau = |p: Option<PlacePath>| Policy::of(&one, p.as_ref(), day("2023-09-02"), i64::MAX).unwrap().bureau;
        assert_eq!(bureau(None), "丙", "the only one of an installation stands on its log-in page");
        assert_eq!(bureau(at("g/53/")), "县教育局");
    }

    #[test]
    fn a_value_holds_from_its_day_and_a_decision_keeps_the_version_it_used() {
        let county = PlacePath::parse("g/52/5288/528801/");
        let all = [
            set(4, "g/52/5288/528801/", "deadline-days", "5", "2023-10-01"),
            set(7, "g/52/5288/528801/", "deadline-days", "3", "2023-11-01"),
            // corrected on the day itself
            set(9, "g/52/5288/528801/", "deadline-days", "4", "2023-11-01"),
        ];
        let of = |on: &str, version: i64| {
            let p = Policy::of(&all, county.as_ref(), day(on), version).unwrap();
            (p.deadline_days, p.version)
        };
        assert_eq!(of("2023-09-30", i64::MAX), (2, 0));
        assert_eq!(of("2023-10-31", i64::MAX), (5, 4));
        assert_eq!(of("2023-11-01", i64::MAX), (4, 9));
        assert_eq!(of("2023-11-01", 8), (3, 7), "as it was known then");
        let broken = [set(1, "", "deadline-days", "两天", "2023-01-01")];
        let e = Policy::of(&broken, None, day("2023-10-01"), i64::MAX).unwrap_err();
        assert_eq!(e.to_string(), "“核实期限(工作日)”应为 1 到 60 之间的整数,不能是“两天”");
    }

    #[test]
    fn what_may_be_set() {
        for (name, value, good) in [
            ("deadline-days", "60", true),
            ("deadline-days", "0", false),
            ("deadline-days", "two", false),
            ("learn-from-decisions", "1", true),
            ("learn-from-decisions", "2", false),
            ("bureau", "", false),
            ("idle-minutes", "31", false),
            ("check-days", "14,30,60,120", true),
            ("check-days", "14、30", true),
            ("check-days", "30,14", false),
            ("check-days", "", false),
            ("check-days", "0", false),
        ] {
            assert_eq!(Term::find(name).unwrap().check(value).is_ok(), good, "{name} {value}");
        }
    }
}
