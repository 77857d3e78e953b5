use serde::{Deserialize, Serialize};

/// How much of a county an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// 本辖区: as much as was granted, a class or a province.
    Own,
    /// 全县: the whole county, or the larger place that is compared as one; who was granted a town only does not act for it.
    County,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident $label:literal $children:literal $reach:ident),* $(,)?) => {
        /// 操作 (action): what a page or a button asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Action { $($(#[$doc])* $variant),* }

        impl Action {
            /// All actions.
            pub const ALL: &'static [Action] = &[$(Action::$variant),*];

            /// Its Chinese name.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// How much of a county whoever does it must have been granted.
            pub fn reach(self) -> Reach {
                match self { $(Self::$variant => Reach::$reach),* }
            }

            /// Whether it shows children.
            pub fn shows_children(self) -> bool {
                match self { $(Self::$variant => $children),* }
            }
        }
    };
}

actions! {
    /// One's own account: password, sessions, second factor.
    Own "管理本人账号" false Own,
    /// Hand rosters over and see what was recognised.
    ImportRosters "导入名册" true County,
    /// See who handed over what.
    ViewHandOvers "查看名册交接记录" false Own,
    /// Start a comparison.
    RunComparison "比对名册" true County,
    /// See what comparisons found.
    ViewRuns "查看比对结果" true Own,
    /// Say whether two rows are one child.
    DecideReview "认定是否同一人" true County,
    /// The three ledgers and searches.
    ViewLedger "查看台账" true Own,
    /// A child's page.
    ViewChild "查看学生详情" true Own,
    /// See what is masked, with a reason.
    Reveal "查看隐去的信息" true Own,
    /// Take lists away as a file.
    Export "导出台账" true Own,
    /// Send findings to schools and villages.
    Dispatch "交办核实" true County,
    /// Answer what was sent to one's unit.
    AnswerFinding "答复核实" true Own,
    /// Close a finding, send it back or take it over as a suspected case.
    CloseFinding "办结核实" true Own,
    /// 今日, lists and pages of cases.
    ViewCases "查看劝返档案" true Own,
    /// Report a child, record contacts and visits, register returns and checks, ask for decisions.
    WorkCase "办理劝返" true Own,
    /// Confirm a dropout, clear, close, give to a unit: whoever proposed it does not decide.
    DecideCase "审批劝返" true County,
    /// Take the roll of one's classes, correct it, ask for leave.
    TakeRoll "点名" true Own,
    /// Registers, lists and figures of attendance.
    ViewAttendance "查看考勤" true Own,
    /// Look into warnings: calls, checks.
    HandleWarnings "处理预警" true Own,
    /// Grant leave, by its length.
    GrantLeave "审批请假" true Own,
    /// Terms, closures, half days, boarding fortnights.
    KeepCalendar "维护校历" false Own,
    /// Grade-9 and transition checks, person-register agreement.
    ViewChecks "查看核查" true Own,
    /// Monthly counts of a class: homework, roll, seats.
    CountClasses "填报班级人数" false Own,
    /// Places, schools, catchments.
    ManagePlaces "维护地方和学校" false County,
    /// Thresholds, names of offices.
    ManageSettings "维护参数" false Own,
    /// Kinds of rosters and what was said of headings.
    ManageSources "维护名册来源" false County,
    /// Accounts and roles.
    ManageUsers "维护账号和授权" false Own,
    /// A school's own teachers: accounts, classes, new passwords.
    ManageTeachers "管理本校教师账号" false Own,
    /// Confirm what another administrator did to accounts.
    ConfirmAccounts "复核账号和授权" false Own,
    /// The audit log.
    ViewAudit "查看审计日志" false Own,
}
