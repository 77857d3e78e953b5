use serde::{Deserialize, Serialize};

use super::Field;

macro_rules! kinds {
    ($($variant:ident $name:literal $label:literal $long:literal [$($word:literal),*] [$($own:ident),*] [$($column:ident),*]),* $(,)?) => {
        /// 来源 (kind of source), R-SRC 1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "each kind has its Chinese name beside it")]
        pub enum SourceKind { $($variant),* }

        impl SourceKind {
            /// All kinds.
            pub const ALL: &'static [SourceKind] = &[$(SourceKind::$variant),*];

            /// Stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Short Chinese name (户籍).
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// Long Chinese name.
            pub fn long_label(self) -> &'static str {
                match self { $(Self::$variant => $long),* }
            }

            /// Words in a file's name, a sheet's name or a title that point to the kind.
            fn words(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($word),*]),* }
            }

            /// Fields that seldom stand in another kind.
            fn own_fields(self) -> &'static [Field] {
                match self { $(Self::$variant => &[$(Field::$own),*]),* }
            }

            /// Columns of the sample sheet, in order.
            pub fn template_fields(self) -> &'static [Field] {
                match self { $(Self::$variant => &[$(Field::$column),*]),* }
            }
        }
    };
}

kinds! {
    Household "household" "户籍" "户籍登记名册(公安)" ["户籍", "户口", "常住人口", "公安"]
        [RegisterStatus, HouseholdNumber, RegisterAddress, GuardianRelation]
        [Name, NationalId, Sex, BirthDate, Ethnicity, FormerName, HouseholdNumber, Guardian, GuardianRelation, GuardianPhone, PlaceCode, RegisterAddress, RegisterStatus],
    Student "students" "学籍" "学籍名册(全国中小学生学籍系统)" ["学籍"]
        [StudentNumber, SchoolCode, StudentState, EnrolledOn, AttendanceMode, LeftBehind]
        [SchoolCode, SchoolName, StudentNumber, Name, Sex, BirthDate, NationalId, Ethnicity, Grade, Class, EnrolledOn, StudentState, AttendanceMode, Address, Guardian, GuardianPhone, LeftBehind, Migrant],
    InSchool "in-school" "在校实名" "在校学生实名册" ["在校", "实名", "花名册", "点名"]
        [Present, AbsentReason]
        [SchoolCode, SchoolName, Grade, Class, Name, Sex, NationalId, BirthDate, Guardian, GuardianPhone, Present, AbsentReason, Destination],
    Births "births" "卫健出生" "出生医学证明名册(卫健)" ["出生", "卫健", "新生儿", "妇幼"]
        [Mother, MotherId, Hospital, BirthCertificate]
        [BirthCertificate, Name, Sex, BirthDate, NationalId, Mother, MotherId, Hospital, PlaceCode, Address],
    Poverty "poverty" "乡村振兴" "脱贫户和监测对象名册(乡村振兴)" ["乡村振兴", "脱贫", "监测", "贫困", "防返贫"]
        [HouseholdKind, MonitoredKind, InSchoolStatus, OutOfSchool, OutOfSchoolReason, Education]
        [HouseholdKind, MonitoredKind, HouseholdNumber, Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, PlaceCode, Address, InSchoolStatus, Education, OutOfSchool, OutOfSchoolReason],
    Disability "disability" "残联" "持证残疾儿童名册(残联)" ["残联", "残疾"]
        [DisabilityKind, DisabilityGrade, DisabilityCertificate, Placement]
        [Name, NationalId, Sex, BirthDate, DisabilityCertificate, DisabilityKind, DisabilityGrade, Placement, Guardian, GuardianPhone, PlaceCode, Address],
    Postponed "postponed" "延缓入学" "批准延缓入学名册" ["延缓", "缓学", "暂缓入学"]
        [PostponedReason, PostponedUntil, ApprovedBy]
        [Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, Address, PostponedReason, PostponedUntil, ApprovedBy],
    Exam "exam" "中考报名" "中考报名名册" ["中考", "报名", "考生"]
        [ExamNumber, ExamAbsence]
        [ExamNumber, SchoolName, Class, Name, NationalId, Sex, BirthDate, ExamAbsence],
    Diagnostic1 "diagnostic-1" "一诊" "九年级第一次诊断考试名册" ["一诊", "一模", "第一次诊断", "第一次模拟", "诊断考试一"]
        [ExamNumber, ExamAbsence]
        [ExamNumber, SchoolName, Class, Name, NationalId, Sex, BirthDate, ExamAbsence],
    Diagnostic2 "diagnostic-2" "二诊" "九年级第二次诊断考试名册" ["二诊", "二模", "第二次诊断", "第二次模拟", "诊断考试二"]
        [ExamNumber, ExamAbsence]
        [ExamNumber, SchoolName, Class, Name, NationalId, Sex, BirthDate, ExamAbsence],
    Diagnostic3 "diagnostic-3" "三诊" "九年级第三次诊断考试名册" ["三诊", "三模", "第三次诊断", "第三次模拟", "诊断考试三"]
        [ExamNumber, ExamAbsence]
        [ExamNumber, SchoolName, Class, Name, NationalId, Sex, BirthDate, ExamAbsence],
    Floating "floating" "摸排" "流动儿童摸排名册(铁脚板)" ["摸排", "流动", "排查"]
        []
        [Town, Village, Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, RegisterAddress, Address, SchoolName, Remarks],
    ResidencePermit "residence-permit" "居住证" "居住证持有人子女名册" ["居住证"]
        [ResidencePermit]
        [ResidencePermit, Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, Address],
    Kindergarten "kindergarten" "幼儿园毕业" "幼儿园大班毕业名册" ["幼儿园", "大班", "学前"]
        []
        [SchoolName, Class, Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, Address],
    LastYear "last-year" "上年学籍" "上学年学籍名册" ["上年学籍", "上学年", "去年学籍"]
        []
        [SchoolCode, SchoolName, StudentNumber, Name, Sex, BirthDate, NationalId, Grade, Class, StudentState, Guardian, GuardianPhone, Address],
    Cleared "cleared" "上年核销" "上年核销名册" ["核销", "已核实"]
        [Disposition]
        [Name, NationalId, Sex, BirthDate, Address, Disposition, Destination, Remarks],
    PastCases "past-cases" "既有台账" "既有控辍保学台账(个案和劝返记录)" ["疑似辍学", "辍学台账", "劝返", "个案"]
        [FoundOn, CaseStage, VisitedOn, VisitKind, VisitResult, PersuadedBy]
        [Name, NationalId, Sex, BirthDate, Guardian, GuardianPhone, Address, SchoolName, Grade, FoundOn, OutOfSchoolReason, CaseStage, VisitedOn, VisitKind, VisitResult, PersuadedBy, Disposition, Destination],
}

impl SourceKind {
    /// Finds a kind by its stable or Chinese name.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == text || k.label() == text || k.long_label() == text)
    }

    /// Lists of a grade-9 examination: the three diagnostic ones, then the registration for the final one.
    pub const EXAMS: [SourceKind; 4] = [Self::Diagnostic1, Self::Diagnostic2, Self::Diagnostic3, Self::Exam];

    /// Whether its rows are children who exist and ought to be accounted for, apart from registers of schools.
    pub fn is_population(self) -> bool {
        matches!(self, Self::Household | Self::Births | Self::Poverty | Self::Disability | Self::Floating | Self::ResidencePermit)
    }
}

/// A guess of a sheet's kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindGuess {
    /// The likeliest kind.
    pub kind: SourceKind,
    /// Whether another kind is nearly as likely: then a person should say.
    pub doubtful: bool,
    /// Why, in Chinese.
    pub why: String,
}

/// Tells the kind by the fields a sheet has and by words in its names and title.
pub fn recognise_kind(fields: &[Field], words: &[&str]) -> Option<KindGuess> {
    // a column of its own counts for most; the names of files are often wrong or say two things at once
    const OWN: i32 = 3;
    const WORD: i32 = 4;
    let mut scored: Vec<(i32, SourceKind, Vec<String>)> = SourceKind::ALL
        .iter()
        .map(|&kind| {
            let mut why = Vec::new();
            let mut score = 0;
            for f in kind.own_fields().iter().filter(|f| fields.contains(f)) {
                score += OWN;
                why.push(format!("有“{}”列", f.heading()));
            }
            for (place, text) in words.iter().enumerate() {
                // a longer word says more: 上年学籍 is not 学籍
                if let Some(w) = kind.words().iter().filter(|w| text.contains(**w)).max_by_key(|w| w.len()) {
                    // the file's name first, then sheet and title
                    score += if place == 0 { WORD } else { WORD - 1 } + if w.chars().count() > 3 { 20 } else { 0 };
                    why.push(format!("名称含“{w}”"));
                }
            }
            (score, kind, why)
        })
        .collect();
    scored.sort_by_key(|s| -s.0);
    let (best, second) = (scored[0].0, scored[1].0);
    if best == 0 {
        // a bare list of children in classes is a school's roll
        let bare = fields.contains(&Field::Class) && fields.contains(&Field::Name);
        return bare
            .then(|| KindGuess { kind: SourceKind::InSchool, doubtful: true, why: "有“班级”和“姓名”列".into() });
    }
    let (_, kind, why) = scored.swap_remove(0);
    Some(KindGuess { kind, doubtful: best - second < 2, why: why.join(",") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_recognised_without_any_name() {
        for kind in SourceKind::ALL {
            let fields = kind.template_fields();
            if kind.own_fields().is_empty() {
                continue;
            }
            let guess = recognise_kind(fields, &[]).unwrap();
            if SourceKind::EXAMS.contains(kind) {
                // which examination it was only a name can tell
                assert!(SourceKind::EXAMS.contains(&guess.kind) && guess.doubtful);
                continue;
            }
            assert_eq!(guess.kind, *kind, "{fields:?}");
        }
    }

    #[test]
    fn names_decide_where_columns_do_not() {
        let bare = [Field::Name, Field::NationalId, Field::BirthDate];
        assert_eq!(recognise_kind(&bare, &["柳林镇幼儿园大班.xls"]).unwrap().kind, SourceKind::Kindergarten);
        assert_eq!(recognise_kind(&bare, &["2023年秋季户籍.xlsx"]).unwrap().kind, SourceKind::Household);
        assert_eq!(recognise_kind(&bare, &["名单.xlsx"]), None);
        let exam = [Field::ExamNumber, Field::Name, Field::SchoolName, Field::ExamAbsence];
        for (name, kind) in [
            ("2024年九年级一诊参考名单.xlsx", SourceKind::Diagnostic1),
            ("九年级第二次诊断考试.xlsx", SourceKind::Diagnostic2),
            ("三模.xlsx", SourceKind::Diagnostic3),
            ("2024年中考报名.xlsx", SourceKind::Exam),
        ] {
            assert_eq!(recognise_kind(&exam, &[name]).unwrap().kind, kind, "{name}");
        }
    }
}
