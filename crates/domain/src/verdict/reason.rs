use jiff::civil::Date;

use super::decide::{Evidence, Setting};
use super::kind::{VerdictGroup, VerdictKind};
use crate::roster::{Field, RosterRow, SourceKind};

/// 最接近的一条 (near miss): of the rows of schools' registers that are another child's and sound like this name, the one born closest.
/// It says how the two differ, so that nobody has to ask “are you sure?”.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// Its source.
    pub source: SourceKind,
    /// Where it stands.
    pub place: String,
    /// Name there.
    pub name: String,
    /// What differs between that row and all rows of the child, in Chinese: 出生日期差 11 年.
    pub differences: Vec<String>,
}

impl std::fmt::Display for NearMiss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.differences.as_slice() {
            [] => "两条可比的内容没有不同,但不足以断定是同一人".to_owned(),
            all => all.join("、"),
        };
        write!(f, "最接近的一条是{}“{}”({}):{why}。", self.source.label(), self.name, self.place)
    }
}

impl NearMiss {
    /// The closest row, held against the rows of a child.
    pub fn new(source: SourceKind, place: String, row: &RosterRow, child: &Evidence) -> Self {
        Self { source, place, name: row.name.clone().unwrap_or_default(), differences: differences(row, child) }
    }
}

/// What a row says otherwise than every row of a child that says anything of it.
fn differences(row: &RosterRow, child: &Evidence) -> Vec<String> {
    fn other<T: PartialEq>(theirs: Option<T>, ours: impl Iterator<Item = Option<T>>) -> bool {
        let ours: Vec<T> = ours.flatten().collect();
        theirs.is_some_and(|t| !ours.is_empty() && !ours.contains(&t))
    }
    let rows = || child.rows.iter().map(|r| r.row);
    let id = |r: &RosterRow| Some(r.id_text().to_owned()).filter(|t| !t.is_empty());
    let mut out = Vec::new();
    if other(row.name.clone(), rows().map(|r| r.name.clone())) {
        out.push("姓名写法不同".to_owned());
    }
    if other(row.birth_date, rows().map(|r| r.birth_date)) {
        let days = |b: Date| row.birth_date.and_then(|t| t.since(b).ok()).map(|s| s.get_days().abs());
        let closest = rows().filter_map(|r| r.birth_date).filter_map(days).min();
        out.extend(closest.map(|d| match d {
            ..60 => format!("出生日期差 {d} 天"),
            60..730 => format!("出生日期差 {} 个月", d / 30),
            _ => format!("出生日期差 {} 年", d / 365),
        }));
    }
    let texts: [(bool, &str); 4] = [
        (other(id(row), rows().map(id)), "身份证件号不同"),
        (other(row.sex, rows().map(|r| r.sex)), "性别不同"),
        (other(row.family_adult(), rows().map(RosterRow::family_adult)), "家长不同"),
        (other(row.family_phone(), rows().map(RosterRow::family_phone)), "电话不同"),
    ];
    out.extend(texts.into_iter().filter(|t| t.0).map(|t| t.1.to_owned()));
    out
}

/// 理由 (the reason sentence) of a verdict: what is on record, what is not.
pub(super) fn sentence(kind: VerdictKind, e: &Evidence, s: &Setting) -> String {
    let mut parts: Vec<String> = Vec::new();
    let found: Vec<&str> = SourceKind::ALL.iter().filter(|k| e.has(**k)).map(|k| k.label()).collect();
    if !found.is_empty() {
        parts.push(format!("{}在册", found.join("、")));
    }
    if let Some(b) = e.birth_date() {
        parts.push(format!("{b} 生"));
    }
    match kind.group() {
        VerdictGroup::Missing | VerdictGroup::ToVerify => absent(kind, e, s, &mut parts),
        VerdictGroup::InSchool | VerdictGroup::Explained => {}
    }
    parts.extend(particulars(kind, e, s));
    if matches!(kind.group(), VerdictGroup::Missing | VerdictGroup::ToVerify) {
        parts.extend(past_case(e));
    }
    parts.join(",") + "。"
}

/// Which sources at hand have no row.
fn absent(kind: VerdictKind, e: &Evidence, s: &Setting, parts: &mut Vec<String>) {
    if matches!(kind, VerdictKind::EnrolledNotPresent) && e.has(SourceKind::InSchool) {
        return;
    }
    // lists of a few children (disability, exams, last year's) are silent on nearly everybody: only their rows speak
    const SPEAKING: [SourceKind; 6] = [
        SourceKind::Household,
        SourceKind::Student,
        SourceKind::InSchool,
        SourceKind::Births,
        SourceKind::Poverty,
        SourceKind::Floating,
    ];
    let none: Vec<&str> = SPEAKING.iter().filter(|k| s.has(**k) && !e.has(**k)).map(|k| k.label()).collect();
    if none.is_empty() {
        return;
    }
    let all = if none.len() > 1 { "均" } else { "" };
    parts.push(match kind {
        VerdictKind::EnrolledNotPresent => "在校实名名册未见此人".to_owned(),
        VerdictKind::RecordWithoutChild => format!("{}名册{all}未见此人", none.join("、")),
        _ => format!("{}名册{all}未见就读记录", none.join("、")),
    });
}

fn particulars(kind: VerdictKind, e: &Evidence, s: &Setting) -> Option<String> {
    let value = |source: SourceKind, field: Field| e.of(source).find_map(|r| r.get(field));
    match kind {
        VerdictKind::EnrolledPresent | VerdictKind::RecordNoHousehold => {
            let school = value(SourceKind::Student, Field::SchoolName).map(|n| format!("在{n}就读"));
            let whose = if e.no_roll { "该校未交" } else { "未提供" };
            let unsure = (!e.has_roll(s)).then(|| format!("{whose}在校实名名册,是否在校未核对"));
            let elsewhere = (kind == VerdictKind::RecordNoHousehold).then(|| "本县户籍名册未见".to_owned());
            let all: Vec<String> = [school, elsewhere, unsure].into_iter().flatten().collect();
            (!all.is_empty()).then(|| all.join(","))
        }
        VerdictKind::RecordPending => {
            Some(format!("{}有此人,学籍名册未见", value(SourceKind::InSchool, Field::SchoolName).unwrap_or("学校在校名册")))
        }
        VerdictKind::DoubleRecord => {
            let schools: Vec<&str> = e.of(SourceKind::Student).filter_map(|r| r.get(Field::SchoolName)).collect();
            Some(format!("学籍名册有 {} 条在籍记录({})", e.of(SourceKind::Student).count(), schools.join("、")))
        }
        VerdictKind::IdentityMismatch => mismatch(e),
        VerdictKind::EnrolledNotPresent => {
            let why = value(SourceKind::InSchool, Field::AbsentReason).map(|r| format!("学校登记不在校(原因:{r})"));
            why.or_else(|| e.has(SourceKind::InSchool).then(|| "学校登记不在校".to_owned()))
        }
        VerdictKind::RecordedDropout => {
            let state = value(SourceKind::Student, Field::StudentState).map(|t| format!("学籍状态为“{t}”"));
            let reason = value(SourceKind::Poverty, Field::OutOfSchoolReason).map_or(String::new(), |r| format!("(原因:{r})"));
            let poor = value(SourceKind::Poverty, Field::OutOfSchool).map(|_| format!("乡村振兴名册登记为失学辍学{reason}"));
            state.or(poor)
        }
        VerdictKind::Suspended => value(SourceKind::Student, Field::StudentState).map(|t| format!("学籍状态为“{t}”")),
        VerdictKind::HomeTaught => value(SourceKind::Disability, Field::Placement).map(|p| format!("残联登记安置方式为“{p}”")),
        VerdictKind::Postponed => {
            let by = value(SourceKind::Postponed, Field::ApprovedBy).map_or(String::new(), |a| format!("经{a}批准"));
            Some(format!(
                "{by}延缓入学{}",
                value(SourceKind::Postponed, Field::PostponedReason).map_or(String::new(), |r| format!("(原因:{r})"))
            ))
        }
        VerdictKind::MovedOut | VerdictKind::Deceased => {
            value(SourceKind::Household, Field::RegisterStatus).map(|t| format!("户籍状态为“{t}”"))
        }
        VerdictKind::EnrolledElsewhere => {
            let said =
                value(SourceKind::Cleared, Field::Disposition).or_else(|| value(SourceKind::PastCases, Field::Disposition));
            said.map(|d| format!("上年核实为“{d}”,本学期证明待更新"))
        }
        VerdictKind::Graduated => value(SourceKind::Student, Field::StudentState).map(|t| format!("学籍状态为“{t}”")),
        VerdictKind::ReviewNeeded => Some("有一条相近的就读记录,机器不能断定是否同一人".to_owned()),
        VerdictKind::DisabledNotPlaced => {
            value(SourceKind::Disability, Field::DisabilityKind).map(|k| format!("残疾类别“{k}”,未见安置方式"))
        }
        _ => None,
    }
}

/// What an old ledger says of the child: where the case stood and the last visit.
fn past_case(e: &Evidence) -> Option<String> {
    let stage = e.of(SourceKind::PastCases).find_map(|r| r.get(Field::CaseStage)).map(|t| format!("既有台账登记为“{t}”"));
    let visits = past_visits(e.of(SourceKind::PastCases));
    let last = visits.last().map(|v| format!("既往劝返 {} 次,最近一次 {v}", visits.len()));
    let said: Vec<String> = [stage, last].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(","))
}

/// 劝返记录 (visits) that rows of old ledgers tell of, the earliest first: day, kind, who, result.
pub fn past_visits<'a>(rows: impl Iterator<Item = &'a RosterRow>) -> Vec<String> {
    let told = |r: &RosterRow| {
        let what: Vec<&str> =
            [Field::VisitKind, Field::PersuadedBy, Field::VisitResult].iter().filter_map(|f| r.get(*f)).collect();
        let day = r.get(Field::VisitedOn);
        (day.is_some() || !what.is_empty()).then(|| match (day, what.join(" ")) {
            (Some(day), what) if what.is_empty() => day.to_owned(),
            (day, what) => format!("{}:{what}", day.unwrap_or("日期不详")),
        })
    };
    let mut out: Vec<String> = rows.filter_map(told).collect();
    out.sort();
    out.dedup();
    out
}

/// What differs between the student record and the household register.
fn mismatch(e: &Evidence) -> Option<String> {
    let (record, household): (&RosterRow, &RosterRow) = (e.of(SourceKind::Student).next()?, e.of(SourceKind::Household).next()?);
    let mut all = Vec::new();
    if !record.id_text().is_empty() && !household.id_text().is_empty() && record.id_text() != household.id_text() {
        all.push("身份证件号");
    }
    if record.birth_date.is_some() && household.birth_date.is_some() && record.birth_date != household.birth_date {
        all.push("出生日期");
    }
    if record.sex.is_some() && household.sex.is_some() && record.sex != household.sex {
        all.push("性别");
    }
    Some(format!("学籍与户籍的{}不一致", all.join("、")))
}
