use jiff::civil::Date;

use super::kind::{VerdictGroup, VerdictKind};
use super::reason::{NearMiss, sentence};
use crate::person::is_other_document;
use crate::roster::{Field, RosterRow, SourceKind};
use crate::school::{SchoolYear, TrackingWindow};

/// One source's row about a child.
#[derive(Debug, Clone)]
pub struct EvidenceRow<'a> {
    /// Its source.
    pub source: SourceKind,
    /// The row.
    pub row: &'a RosterRow,
}

/// 证据 (evidence): everything that the sources say of one child.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    /// The rows.
    pub rows: Vec<EvidenceRow<'a>>,
    /// A pair that a person has not decided, which would change the verdict.
    pub undecided: bool,
    /// The child's school did not hand over its roll: that it is on no roll proves nothing.
    pub no_roll: bool,
    /// The row of a school's register that came closest without being the same child.
    pub nearest: Option<NearMiss>,
}

/// What holds for all children of a run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The school year.
    pub year: SchoolYear,
    /// Whom the run keeps in sight.
    pub window: TrackingWindow,
    /// Sources at hand: a source that was not handed over proves nothing by its silence.
    pub sources: Vec<SourceKind>,
}

/// 判定 (verdict) of one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its kind.
    pub kind: VerdictKind,
    /// The reason, one sentence.
    pub reason: String,
    /// The row of a school's register that came closest, for whoever is on none.
    pub near_miss: Option<NearMiss>,
}

impl Verdict {
    /// The reason with what came closest.
    pub fn told(&self) -> String {
        match &self.near_miss {
            Some(n) => format!("{}{n}", self.reason),
            None => self.reason.clone(),
        }
    }
}

impl Setting {
    /// Whether a source was handed over.
    pub fn has(&self, source: SourceKind) -> bool {
        self.sources.contains(&source)
    }
}

impl<'a> Evidence<'a> {
    /// Rows of a source.
    pub fn of(&self, source: SourceKind) -> impl Iterator<Item = &RosterRow> {
        self.rows.iter().filter(move |r| r.source == source).map(|r| r.row)
    }

    /// Whether a source has the child.
    pub fn has(&self, source: SourceKind) -> bool {
        self.of(source).next().is_some()
    }

    /// Birth date by the most trusted source that has one.
    pub fn birth_date(&self) -> Option<Date> {
        const TRUST: [SourceKind; 5] =
            [SourceKind::Household, SourceKind::Births, SourceKind::Student, SourceKind::InSchool, SourceKind::Disability];
        let rows = TRUST.iter().flat_map(|s| self.of(*s)).chain(self.rows.iter().map(|r| r.row));
        rows.into_iter().find_map(|r| r.birth_date)
    }

    /// Whether the child would stand on a roll at hand if it were in school.
    pub fn has_roll(&self, setting: &Setting) -> bool {
        setting.has(SourceKind::InSchool) && !self.no_roll
    }

    /// Student records that are on the register: neither left nor graduated nor dropped out.
    pub(super) fn active_records(&self) -> impl Iterator<Item = &RosterRow> {
        self.of(SourceKind::Student).filter(|r| record_state(r).is_active())
    }

    /// Student records in a state.
    pub(super) fn records_in(&self, state: RecordState) -> impl Iterator<Item = &RosterRow> {
        self.of(SourceKind::Student).filter(move |r| record_state(r) == state)
    }
}

/// What a student record's state says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordState {
    Active,
    Suspended,
    DroppedOut,
    Graduated,
    Left,
}

impl RecordState {
    fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }
}

/// JY/T 1001 student states, by code or by name. A record without a state counts as active: it is on the register.
fn record_state(row: &RosterRow) -> RecordState {
    let Some(state) = row.get(Field::StudentState) else { return RecordState::Active };
    let has = |words: &[&str]| words.iter().any(|w| state.contains(w) || state == *w);
    if has(&["休学", "02"]) {
        RecordState::Suspended
    } else if has(&["流失", "辍学", "退学", "开除", "下落不明", "03", "06", "14", "15"]) {
        RecordState::DroppedOut
    } else if has(&["毕业", "结业", "07", "08"]) {
        RecordState::Graduated
    } else if has(&["转出", "死亡", "出国", "肄业", "09", "10", "11", "13"]) {
        RecordState::Left
    } else {
        RecordState::Active
    }
}

pub(super) fn is_present(row: &RosterRow) -> bool {
    row.get(Field::Present).is_none_or(|p| !p.starts_with('否') && !p.contains("不在") && !p.contains("未到"))
}

pub(super) fn is_placed(row: &RosterRow) -> bool {
    row.get(Field::Placement).is_some_and(|p| {
        p.contains("送教")
            || p.contains("特教")
            || p.contains("特殊")
            || p.contains("随班")
            || p.contains("康复")
            || p.contains("福利")
    })
}

/// Whether an old ledger says that the child had dropped out and was not yet back or cleared.
fn is_open_dropout(row: &RosterRow) -> bool {
    let stage = row.get(Field::CaseStage).unwrap_or("");
    let out = ["辍学", "失学", "劝返中", "未返校", "未复学"].iter().any(|w| stage.contains(w)) || matches!(stage, "否" | "未返");
    out && !stage.contains("疑似") && !stage.starts_with('已') && row.get(Field::Disposition).is_none()
}

/// The verdict on a child.
pub fn decide(evidence: &Evidence, setting: &Setting) -> Verdict {
    let kind = kind_of(evidence, setting);
    let near_miss = evidence.nearest.clone().filter(|_| kind.group() == VerdictGroup::Missing);
    Verdict { kind, reason: sentence(kind, evidence, setting), near_miss }
}

fn kind_of(e: &Evidence, s: &Setting) -> VerdictKind {
    let active: Vec<&RosterRow> = e.active_records().collect();
    let present = e.of(SourceKind::InSchool).any(is_present);
    match active.as_slice() {
        [] if present => VerdictKind::RecordPending,
        [] => without_record(e, s),
        [_] => with_record(active[0], present, e, s),
        _ if !present && e.has_roll(s) => VerdictKind::EnrolledNotPresent,
        _ => VerdictKind::DoubleRecord,
    }
}

fn with_record(record: &RosterRow, present: bool, e: &Evidence, s: &Setting) -> VerdictKind {
    if !present && e.has_roll(s) {
        if record_state(record) == RecordState::Suspended {
            return VerdictKind::Suspended;
        }
        let home_taught =
            record.get(Field::AttendanceMode).is_some_and(|m| m.contains("送教")) || e.of(SourceKind::Disability).any(is_placed);
        if home_taught {
            return VerdictKind::HomeTaught;
        }
        let known = e.rows.iter().any(|r| r.source.is_population() || r.source == SourceKind::InSchool);
        return if known || !s.has(SourceKind::Household) {
            VerdictKind::EnrolledNotPresent
        } else {
            VerdictKind::RecordWithoutChild
        };
    }
    if !differences_of_record(record, e).is_empty() {
        return VerdictKind::IdentityMismatch;
    }
    if s.has(SourceKind::Household) && !e.has(SourceKind::Household) {
        VerdictKind::RecordNoHousehold
    } else {
        VerdictKind::EnrolledPresent
    }
}

/// In what the student record and the household register contradict each other: every row of the register says otherwise.
pub(super) fn differences_of_record(record: &RosterRow, e: &Evidence) -> Vec<&'static str> {
    let household: Vec<&RosterRow> = e.of(SourceKind::Household).collect();
    let all = |other: &dyn Fn(&RosterRow) -> bool| !household.is_empty() && household.iter().all(|h| other(h));
    let id = |h: &RosterRow| match (
        record.national_id,
        record.unsound_id.as_deref().is_some_and(|t| !is_other_document(t)),
        h.national_id,
    ) {
        (Some(a), _, Some(b)) => a != b,
        (None, true, Some(_)) => true,
        _ => false,
    };
    let birth = |h: &RosterRow| matches!((record.birth_date, h.birth_date), (Some(a), Some(b)) if a != b);
    let sex = |h: &RosterRow| matches!((record.sex, h.sex), (Some(a), Some(b)) if a != b);
    let found = [(all(&id), "身份证件号"), (all(&birth), "出生日期"), (all(&sex), "性别")];
    found.into_iter().filter(|f| f.0).map(|f| f.1).collect()
}

fn without_record(e: &Evidence, s: &Setting) -> VerdictKind {
    let state = |s| e.records_in(s).next().is_some();
    let status = |words: &[&str]| {
        let mut any = e.of(SourceKind::Household).peekable();
        any.peek().is_some() && any.all(|r| r.get(Field::RegisterStatus).is_some_and(|t| words.iter().any(|w| t.contains(w))))
    };
    if status(&["死亡"]) {
        return VerdictKind::Deceased;
    }
    let out_of_school = e.of(SourceKind::Poverty).any(|r| r.get(Field::OutOfSchool).is_some_and(|v| v.starts_with('是')));
    if state(RecordState::DroppedOut) || out_of_school {
        return VerdictKind::RecordedDropout;
    }
    if e.of(SourceKind::PastCases).any(is_open_dropout) {
        return VerdictKind::RecordedDropout;
    }
    if state(RecordState::Graduated) {
        return VerdictKind::Graduated;
    }
    if e.of(SourceKind::InSchool).next().is_some() {
        // on the school's own list as absent, and on no register
        return VerdictKind::EnrolledNotPresent;
    }
    if e.has(SourceKind::Postponed) {
        return VerdictKind::Postponed;
    }
    if e.of(SourceKind::Disability).any(is_placed) {
        return VerdictKind::HomeTaught;
    }
    if e.undecided {
        return VerdictKind::ReviewNeeded;
    }
    if e.of(SourceKind::Cleared)
        .chain(e.of(SourceKind::PastCases))
        .any(|r| r.get(Field::Disposition).is_some_and(|d| d.contains("就读")))
    {
        return VerdictKind::EnrolledElsewhere;
    }
    if status(&["迁出", "注销"]) {
        return VerdictKind::MovedOut;
    }
    if e.has(SourceKind::Disability) {
        return VerdictKind::DisabledNotPlaced;
    }
    if e.has(SourceKind::Poverty) {
        return VerdictKind::PoorNotEnrolled;
    }
    if !e.has(SourceKind::Household) {
        return VerdictKind::UnregisteredUnseen;
    }
    let entrant = e.birth_date().is_some_and(|b| s.year.regular_grade(b) <= 1);
    if entrant { VerdictKind::NeverEnrolled } else { VerdictKind::HouseholdNoRecord }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use SourceKind::{Births, Disability, Household, InSchool, PastCases, Postponed, Poverty, Student};

    fn row(values: &[(Field, &str)]) -> RosterRow {
        RosterRow {
            sheet: 0,
            row: 2,
            child: 0,
            name: Some("王小明".into()),
            national_id: None,
            unsound_id: None,
            sex: None,
            birth_date: Some(date(2013, 3, 2)),
            values: values.iter().copied().collect(),
        }
    }

    fn setting() -> Setting {
        Setting {
            year: SchoolYear::starting(2023).unwrap(),
            window: TrackingWindow::default(),
            sources: vec![Household, Student, InSchool, Births, Poverty, Disability, Postponed],
        }
    }

    fn check(rows: &[(SourceKind, &[(Field, &str)])], expected: VerdictKind) -> String {
        let made: Vec<(SourceKind, RosterRow)> = rows.iter().map(|(s, v)| (*s, row(v))).collect();
        let rows = made.iter().map(|(source, row)| EvidenceRow { source: *source, row }).collect();
        let v = decide(&Evidence { rows, ..Evidence::default() }, &setting());
        assert_eq!(v.kind, expected, "{made:?}");
        assert!(!v.reason.contains("失踪"));
        v.reason
    }

    #[test]
    fn table() {
        use VerdictKind as V;
        check(&[(Household, &[]), (Student, &[]), (InSchool, &[])], V::EnrolledPresent);
        check(&[(Household, &[]), (InSchool, &[])], V::RecordPending);
        check(&[(Student, &[]), (InSchool, &[])], V::RecordNoHousehold);
        check(&[(Household, &[]), (Student, &[]), (Student, &[]), (InSchool, &[])], V::DoubleRecord);
        check(&[(Household, &[]), (Student, &[])], V::EnrolledNotPresent);
        check(&[(Household, &[]), (Student, &[]), (InSchool, &[(Field::Present, "否")])], V::EnrolledNotPresent);
        check(&[(Student, &[])], V::RecordWithoutChild);
        check(&[(Household, &[]), (Student, &[(Field::StudentState, "休学")])], V::Suspended);
        check(&[(Household, &[]), (Student, &[(Field::AttendanceMode, "送教上门")])], V::HomeTaught);
        check(&[(Household, &[]), (Disability, &[(Field::Placement, "送教上门")])], V::HomeTaught);
        check(&[(Household, &[]), (Disability, &[])], V::DisabledNotPlaced);
        check(&[(Household, &[]), (Poverty, &[])], V::PoorNotEnrolled);
        check(&[(Household, &[]), (Poverty, &[(Field::OutOfSchool, "是")])], V::RecordedDropout);
        check(&[(Household, &[]), (Student, &[(Field::StudentState, "06流失")])], V::RecordedDropout);
        check(&[(Household, &[]), (Postponed, &[])], V::Postponed);
        check(&[(Household, &[(Field::RegisterStatus, "迁出")])], V::MovedOut);
        check(&[(Household, &[(Field::RegisterStatus, "死亡注销")])], V::Deceased);
        check(&[(Household, &[]), (SourceKind::Cleared, &[(Field::Disposition, "省外就读")])], V::EnrolledElsewhere);
        let past = |stage| [(Field::CaseStage, stage), (Field::VisitedOn, "2023-05-02"), (Field::VisitResult, "不愿返校")];
        let said = check(&[(Household, &[]), (PastCases, &past("辍学,劝返中"))], V::RecordedDropout);
        assert!(said.contains("既有台账登记为“辍学,劝返中”"), "{said}");
        assert!(said.contains("既往劝返 1 次,最近一次 2023-05-02:不愿返校"), "{said}");
        let said = check(&[(Household, &[]), (PastCases, &past("已复学"))], V::HouseholdNoRecord);
        assert!(said.contains("既有台账登记为“已复学”"), "{said}");
        check(&[(Household, &[]), (PastCases, &[(Field::CaseStage, "疑似辍学")])], V::HouseholdNoRecord);
        check(
            &[(Household, &[]), (PastCases, &[(Field::CaseStage, "辍学"), (Field::Disposition, "省外就读")])],
            V::EnrolledElsewhere,
        );
        check(&[(Household, &[]), (Student, &[]), (InSchool, &[]), (PastCases, &past("辍学"))], V::EnrolledPresent);
        check(&[(Births, &[])], V::UnregisteredUnseen);
        let reason = check(&[(Household, &[])], V::HouseholdNoRecord);
        assert_eq!(reason, "户籍在册,2013-03-02 生,学籍、在校实名名册均未见就读记录,卫健出生名册未见此人。");
    }

    /// Several rows of one source: each clause is of the row that it speaks of, in whatever order they come.
    #[test]
    fn several_rows_of_a_source_are_told_as_they_are() {
        use VerdictKind as V;
        let at = |name, state| [(Field::SchoolName, name), (Field::StudentState, state)];
        let (left, now) = (at("石桥小学", "转出"), at("柳林小学", "在读"));
        for rows in [[&left[..], &now], [&now, &left]] {
            let said = check(&[(Household, &[]), (Student, rows[0]), (Student, rows[1]), (InSchool, &[])], V::EnrolledPresent);
            assert!(said.contains("学籍(2 条)、在校实名在册") && said.contains("在柳林小学就读"), "{said}");
        }
        let gone = at("柳林小学", "流失");
        for rows in [[&left[..], &gone], [&gone, &left]] {
            let said = check(&[(Household, &[]), (Student, rows[0]), (Student, rows[1])], V::RecordedDropout);
            assert!(said.contains("学籍状态为“流失”") && !said.contains("转出"), "{said}");
        }
        let said = check(
            &[(Household, &[(Field::RegisterStatus, "迁出")]), (Household, &[(Field::RegisterStatus, "注销")])],
            V::MovedOut,
        );
        assert!(said.contains("户籍(2 条)在册") && said.contains("户籍状态为“迁出”、“注销”"), "{said}");
        let roll = [
            [(Field::SchoolName, "石桥小学"), (Field::Present, "否")],
            [(Field::SchoolName, "柳林小学"), (Field::Present, "是")],
        ];
        let said = check(&[(Household, &[]), (InSchool, &roll[0]), (InSchool, &roll[1])], V::RecordPending);
        assert!(said.contains("柳林小学有此人"), "{said}");
        let said = check(&[(Household, &[]), (Disability, &[(Field::Placement, "未安置")])], V::DisabledNotPlaced);
        assert!(said.contains("登记的安置方式为“未安置”"), "{said}");
    }

    #[test]
    fn a_source_that_was_not_handed_over_proves_nothing() {
        let (h, r) = (row(&[]), row(&[]));
        let rows = vec![EvidenceRow { source: Household, row: &h }, EvidenceRow { source: Student, row: &r }];
        let s = Setting { sources: vec![Household, Student], ..setting() };
        assert_eq!(decide(&Evidence { rows, ..Evidence::default() }, &s).kind, VerdictKind::EnrolledPresent);
    }

    #[test]
    fn a_school_that_handed_over_no_roll_proves_nothing() {
        let (h, r) = (row(&[]), row(&[(Field::SchoolName, "柳林小学")]));
        let rows = vec![EvidenceRow { source: Household, row: &h }, EvidenceRow { source: Student, row: &r }];
        let v = decide(&Evidence { rows: rows.clone(), no_roll: true, ..Evidence::default() }, &setting());
        assert_eq!(v.kind, VerdictKind::EnrolledPresent);
        assert!(v.reason.contains("在柳林小学就读,该校未交在校实名名册,是否在校未核对"), "{}", v.reason);
        assert_eq!(decide(&Evidence { rows, ..Evidence::default() }, &setting()).kind, VerdictKind::EnrolledNotPresent);
    }

    #[test]
    fn entrants_without_a_record_never_enrolled() {
        let mut h = row(&[]);
        h.birth_date = Some(date(2017, 3, 1));
        let rows = vec![EvidenceRow { source: Household, row: &h }];
        assert_eq!(decide(&Evidence { rows, ..Evidence::default() }, &setting()).kind, VerdictKind::NeverEnrolled);
    }
}
