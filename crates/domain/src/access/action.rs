use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident $label:literal $children:literal),* $(,)?) => {
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

            /// Whether it shows children.
            pub fn shows_children(self) -> bool {
                match self { $(Self::$variant => $children),* }
            }
        }
    };
}

actions! {
    /// One's own account: password, sessions, second factor.
    Own "管理本人账号" false,
    /// Hand rosters over and see what was recognised.
    ImportRosters "导入名册" true,
    /// See who handed over what.
    ViewHandOvers "查看名册交接记录" false,
    /// Start a comparison.
    RunComparison "比对名册" true,
    /// See what comparisons found.
    ViewRuns "查看比对结果" true,
    /// Say whether two rows are one child.
    DecideReview "认定是否同一人" true,
    /// The three ledgers and searches.
    ViewLedger "查看台账" true,
    /// A child's page.
    ViewChild "查看学生详情" true,
    /// See what is masked, with a reason.
    Reveal "查看隐去的信息" true,
    /// Take lists away as a file.
    Export "导出台账" true,
    /// Send findings to schools and villages.
    Dispatch "交办核实" true,
    /// Answer what was sent to one's unit.
    AnswerFinding "答复核实" true,
    /// Close a finding, send it back or take it over as a suspected case.
    CloseFinding "办结核实" true,
    /// Grade-9 and transition checks, person-register agreement.
    ViewChecks "查看核查" true,
    /// Monthly counts of a class: homework, roll, seats.
    CountClasses "填报班级人数" false,
    /// Places, schools, catchments.
    ManagePlaces "维护地方和学校" false,
    /// Thresholds, names of offices.
    ManageSettings "维护参数" false,
    /// Kinds of rosters and what was said of headings.
    ManageSources "维护名册来源" false,
    /// Accounts and roles.
    ManageUsers "维护账号和授权" false,
    /// A school's own teachers: accounts, classes, new passwords.
    ManageTeachers "管理本校教师账号" false,
    /// Confirm what another administrator did to accounts.
    ConfirmAccounts "复核账号和授权" false,
    /// The audit log.
    ViewAudit "查看审计日志" false,
}
