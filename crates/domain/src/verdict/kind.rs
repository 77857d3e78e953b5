use serde::Serialize;

/// What a verdict asks of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictGroup {
    /// 在学
    InSchool,
    /// 有说明
    Explained,
    /// 须查清
    ToVerify,
    /// 未见就读记录
    Missing,
}

impl VerdictGroup {
    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::InSchool => "在学",
            Self::Explained => "有说明",
            Self::ToVerify => "须查清",
            Self::Missing => "未见就读记录",
        }
    }
}

macro_rules! verdicts {
    ($($(#[$doc:meta])* $variant:ident $code:literal $label:literal $group:ident $meaning:literal $next:literal),* $(,)?) => {
        /// 判定类别 (kind of verdict).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum VerdictKind { $($(#[$doc])* $variant),* }

        impl VerdictKind {
            /// All kinds, in the order in which people read them.
            pub const ALL: &'static [VerdictKind] = &[$(VerdictKind::$variant),*];

            /// Stable code, also the name of the list's file.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// Its Chinese name.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// What it asks of people.
            pub fn group(self) -> VerdictGroup {
                match self { $(Self::$variant => VerdictGroup::$group),* }
            }

            /// When it is given, in one sentence; see [`super::decide`].
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// What to do next.
            pub fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next),* }
            }
        }
    };
}

verdicts! {
    /// Enrolled and present.
    EnrolledPresent "enrolled-present" "在籍在校" InSchool "有一条有效学籍,在校实名名册上也有;户籍名册在用时户籍也在。学校没有交实名名册的,不因此怀疑" "无须处理",
    /// In school, record not yet made: the September case.
    RecordPending "record-pending" "在校待建学籍" InSchool "在校实名名册上有,学籍库没有有效学籍。多见于九月新生" "学校在规定时限内建立学籍",
    /// Enrolled here but on no household register of this county.
    RecordNoHousehold "record-no-household" "有学籍无户籍" InSchool "有有效学籍,户籍名册在用而其中没有。多为外县户籍随迁就读" "核对户籍所在地,外县户籍的登记为随迁或借读",
    /// Two active student records for one child.
    DoubleRecord "double-record" "双重学籍" InSchool "同一名儿童有两条以上有效学籍" "按实际就读学校保留一个学籍,另一个注销",
    /// The pupil's data differ from register to register.
    IdentityMismatch "identity-mismatch" "人籍不一致" InSchool "学籍的证件号、出生日期或性别与户籍名册每一条都不同" "对照户口簿改正学籍信息",
    /// Taught at home or placed by the disability list.
    HomeTaught "home-taught" "送教上门" Explained "有学籍、不在实名名册上,就读方式为送教,或残联名册写明已安置" "按计划送教,每月核对",
    /// Entry postponed with approval.
    Postponed "postponed" "延缓入学" Explained "没有学籍,不在实名名册上,在延缓入学名册上" "期满前核实身体状况,按时入学",
    /// Approved suspension.
    Suspended "suspended" "休学" Explained "学籍状态为休学,不在实名名册上" "期满前核实,按时复学",
    /// Cleared last year as a pupil elsewhere; the certificate runs out each term.
    EnrolledElsewhere "enrolled-elsewhere" "县外就读(上年核实)" Explained "没有学籍,已核销名册或既有台账写明在外就读" "本学期重新取得就读证明",
    /// Moved out of the county's register and enrolled nowhere here.
    MovedOut "moved-out" "户籍已迁出" Explained "户籍名册的每一条都写迁出或注销,没有学籍" "向迁入地核实就读去向",
    /// Struck off the register after death.
    Deceased "deceased" "户籍已注销" Explained "户籍名册的每一条都写死亡,没有有效学籍,也不在实名名册上" "核对注销证明",
    /// Finished junior school.
    Graduated "graduated" "已毕业" Explained "学籍状态为毕业或结业,没有有效学籍" "登记毕业去向",
    /// The machine cannot tell: a person decides.
    ReviewNeeded "review-needed" "待人工认定" ToVerify "有一对记录机器不能断定是不是同一人,而答案会改变判定" "在 review.xlsx 中选“同一人”或“不是同一人”,再比对一次",
    /// On the student register, not on the roll.
    EnrolledNotPresent "enrolled-not-present" "在籍不在校" ToVerify "有学籍,学校交了实名名册而其中没有或写明不在校,又没有休学、送教的记录;没有学籍而实名名册写明不在校的也是" "学校当日核实去向,48 小时内报告",
    /// A student record that no child stands behind.
    RecordWithoutChild "record-without-child" "空挂学籍" ToVerify "有学籍,学校交了实名名册而其中没有,户籍和各人口名册里也没有这个人" "学校核实学籍来源,无此人的注销",
    /// Known to the health commission or found at the door, on no household or student register here.
    UnregisteredUnseen "unregistered-unseen" "有出生或摸排记录、无户籍无学籍" ToVerify "有出生、流动人口等记录,户籍和学籍都没有" "按居住地核实是否仍在本县",
    /// The registers themselves say that the child has dropped out.
    RecordedDropout "recorded-dropout" "登记为失学辍学" Missing "学籍状态、脱贫监测名册或既有台账自己登记为失学辍学,且没有就读记录" "列入辍学台账,劝返复学",
    /// In a poor or monitored household, without a record.
    PoorNotEnrolled "poor-not-enrolled" "脱贫监测户未见就读记录" Missing "在脱贫监测名册上,没有学籍,也不在实名名册上" "乡镇当日入户,落实资助和劝返",
    /// Disabled and placed nowhere.
    DisabledNotPlaced "disabled-not-placed" "残疾儿童未安置" Missing "在残联名册上,没有学籍,没有安置记录" "提交县残疾人教育专家委员会评估安置",
    /// Of age to enter and never enrolled.
    NeverEnrolled "never-enrolled" "从未入学" Missing "有户籍,按年龄今年该上一年级(或更小),没有学籍,也不在实名名册上" "发放入学通知书,入户核实",
    /// On the household register, on no student register.
    HouseholdNoRecord "household-no-record" "有户籍无学籍" Missing "有户籍,按年龄该上二年级以上,没有有效学籍,也不在实名名册上" "按户籍地和居住地双线核实",
}

impl VerdictKind {
    /// Finds a kind by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.code() == code)
    }

    /// Whether a child that stands in a class has a student record there.
    pub fn is_on_register(self) -> bool {
        self != Self::RecordPending
    }

    /// Whether a child that stands in a class is there in person.
    pub fn is_in_class(self) -> bool {
        self.group() == VerdictGroup::InSchool
            || matches!(self, Self::IdentityMismatch | Self::DoubleRecord | Self::RecordNoHousehold)
    }

    /// Whether the child belongs on 疑似辍学台账.
    pub fn is_suspected(self) -> bool {
        matches!(self.group(), VerdictGroup::Missing | VerdictGroup::ToVerify)
            && self != Self::RecordedDropout
            && self != Self::ReviewNeeded
    }

    /// Whether the child belongs on 辍学台账.
    pub fn is_dropout(self) -> bool {
        self == Self::RecordedDropout
    }
}
