use jiff::civil::Date;

use super::decide::{Evidence, RecordState, Setting, differences_of_record, is_placed, is_present};
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

/// 理由 (the reason sentence) of a verdict: what is on record, what is not. Every clause is a fact of the rows (tests/reasons.rs recomputes them).
pub(super) fn sentence(kind: VerdictKind, e: &Evidence, s: &Setting) -> String {
    let mut parts: Vec<String> = Vec::new();
    let found = |k: &SourceKind| match e.of(*k).count() {
        0 => None,
        1 => Some(k.label().to_owned()),
        n => Some(format!("{}({n} 条)", k.label())),
    };
    let found: Vec<String> = SourceKind::ALL.iter().filter_map(found).collect();
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

/// Which sources at hand have no row. Registers of schools tell of going to school, those of people of being there; lists of a few children
/// (disability, poverty, exams) are silent on nearly everybody: only their rows speak.
fn absent(kind: VerdictKind, e: &Evidence, s: &Setting, parts: &mut Vec<String>) {
    if matches!(kind, VerdictKind::EnrolledNotPresent) {
        if !e.has(SourceKind::InSchool) {
            parts.push("在校实名名册未见此人".to_owned());
        }
        return;
    }
    let without = |of: &[SourceKind], what: &str| {
        let none: Vec<&str> = of.iter().filter(|k| s.has(**k) && !e.has(**k)).map(|k| k.label()).collect();
        let all = if none.len() > 1 { "均" } else { "" };
        (!none.is_empty()).then(|| format!("{}名册{all}未见{what}", none.join("、")))
    };
    let schools = if kind == VerdictKind::RecordWithoutChild { "此人" } else { "就读记录" };
    parts.extend(without(&[SourceKind::Student, SourceKind::InSchool], schools));
    parts.extend(without(&[SourceKind::Household, SourceKind::Births], "此人"));
}

/// What rows say, each once, in quotes.
fn quoted<'a>(values: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    values.for_each(|v| {
        if !all.contains(&v) {
            all.push(v)
        }
    });
    (!all.is_empty()).then(|| all.iter().map(|v| format!("“{v}”")).collect::<Vec<_>>().join("、"))
}

fn particulars(kind: VerdictKind, e: &Evidence, s: &Setting) -> Option<String> {
    let value = |source: SourceKind, field: Field| e.of(source).find_map(|r| r.get(field));
    let states = |of: RecordState| quoted(e.records_in(of).filter_map(|r| r.get(Field::StudentState)));
    match kind {
        VerdictKind::EnrolledPresent | VerdictKind::RecordNoHousehold => {
            let school = e.active_records().find_map(|r| r.get(Field::SchoolName)).map(|n| format!("在{n}就读"));
            let whose = if e.no_roll { "该校未交" } else { "未提供" };
            let unsure = (!e.has_roll(s)).then(|| format!("{whose}在校实名名册,是否在校未核对"));
            let elsewhere = (kind == VerdictKind::RecordNoHousehold).then(|| "本县户籍名册未见".to_owned());
            let all: Vec<String> = [school, elsewhere, unsure].into_iter().flatten().collect();
            (!all.is_empty()).then(|| all.join(","))
        }
        VerdictKind::RecordPending => {
            let school = e.of(SourceKind::InSchool).filter(|r| is_present(r)).find_map(|r| r.get(Field::SchoolName));
            let none = if e.has(SourceKind::Student) { "学籍名册没有在籍记录" } else { "学籍名册未见" };
            Some(format!("{}有此人,{none}", school.unwrap_or("学校在校名册")))
        }
        VerdictKind::DoubleRecord => {
            let schools: Vec<&str> = e.active_records().filter_map(|r| r.get(Field::SchoolName)).collect();
            Some(format!("学籍名册有 {} 条在籍记录({})", e.active_records().count(), schools.join("、")))
        }
        VerdictKind::IdentityMismatch => {
            let all = e.active_records().next().map(|r| differences_of_record(r, e))?;
            Some(format!("学籍与户籍的{}不一致", all.join("、")))
        }
        VerdictKind::EnrolledNotPresent => {
            let why = value(SourceKind::InSchool, Field::AbsentReason).map(|r| format!("学校登记不在校(原因:{r})"));
            why.or_else(|| e.has(SourceKind::InSchool).then(|| "学校登记不在校".to_owned()))
        }
        VerdictKind::RecordedDropout => {
            let state = states(RecordState::DroppedOut).map(|t| format!("学籍状态为{t}"));
            let reason = value(SourceKind::Poverty, Field::OutOfSchoolReason).map_or(String::new(), |r| format!("(原因:{r})"));
            let poor = e.of(SourceKind::Poverty).any(|r| r.get(Field::OutOfSchool).is_some_and(|v| v.starts_with('是')));
            let poor = poor.then(|| format!("乡村振兴名册登记为失学辍学{reason}"));
            let all: Vec<String> = [state, poor].into_iter().flatten().collect();
            (!all.is_empty()).then(|| all.join(","))
        }
        VerdictKind::Suspended => states(RecordState::Suspended).map(|t| format!("学籍状态为{t}")),
        VerdictKind::Graduated => states(RecordState::Graduated).map(|t| format!("学籍状态为{t}")),
        VerdictKind::HomeTaught => {
            let placed = e.of(SourceKind::Disability).filter(|r| is_placed(r)).filter_map(|r| r.get(Field::Placement));
            let taught = e.active_records().filter_map(|r| r.get(Field::AttendanceMode)).filter(|m| m.contains("送教"));
            let placed = quoted(placed).map(|p| format!("残联登记安置方式为{p}"));
            placed.or_else(|| quoted(taught).map(|m| format!("学籍就读方式为{m}")))
        }
        VerdictKind::Postponed => {
            let by = value(SourceKind::Postponed, Field::ApprovedBy).map_or(String::new(), |a| format!("经{a}批准"));
            Some(format!(
                "{by}延缓入学{}",
                value(SourceKind::Postponed, Field::PostponedReason).map_or(String::new(), |r| format!("(原因:{r})"))
            ))
        }
        VerdictKind::MovedOut | VerdictKind::Deceased => {
            let status = e.of(SourceKind::Household).filter_map(|r| r.get(Field::RegisterStatus));
            quoted(status).map(|t| format!("户籍状态为{t}"))
        }
        VerdictKind::EnrolledElsewhere => {
            let said = |source| e.of(source).filter_map(|r| r.get(Field::Disposition)).filter(|d| d.contains("就读"));
            quoted(said(SourceKind::Cleared).chain(said(SourceKind::PastCases)))
                .map(|d| format!("上年核实为{d},本学期证明待更新"))
        }
        VerdictKind::ReviewNeeded => Some("有一条相近的就读记录,机器不能断定是否同一人".to_owned()),
        VerdictKind::DisabledNotPlaced => {
            let kind = value(SourceKind::Disability, Field::DisabilityKind).map(|k| format!("残疾类别“{k}”"));
            let placement = quoted(e.of(SourceKind::Disability).filter_map(|r| r.get(Field::Placement)));
            let placement = placement.map_or("未见安置方式".to_owned(), |p| format!("登记的安置方式为{p}"));
            Some([kind, Some(placement)].into_iter().flatten().collect::<Vec<_>>().join(","))
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
