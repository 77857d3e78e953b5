use serde::{Deserialize, Serialize};

use super::Action;

/// Which line a role stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleGroup {
    /// 教育
    Education,
    /// 政府和部门
    Government,
    /// 三员
    Administration,
}

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident $code:literal $label:literal $group:ident [$($action:ident),* $(,)?]),* $(,)?) => {
        /// 角色 (role), as in REQUIREMENTS; one person often holds several.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Role { $($(#[$doc])* $variant),* }

        impl Role {
            /// All roles.
            pub const ALL: &'static [Role] = &[$(Role::$variant),*];

            /// Stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// Its Chinese name.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// Its line.
            pub fn group(self) -> RoleGroup {
                match self { $(Self::$variant => RoleGroup::$group),* }
            }

            /// Whether the role allows an action, inside its own place.
            pub fn may(self, action: Action) -> bool {
                let allowed: &[Action] = match self { $(Self::$variant => &[$(Action::$action),*]),* };
                action == Action::Own || allowed.contains(&action)
            }
        }
    };
}

roles! {
    /// County education bureau, basic-education section.
    CountyOfficer "county-officer" "县教育局经办人" Education
        [ImportRosters, ViewHandOvers, RunComparison, ViewRuns, DecideReview, ViewLedger, ViewChild, Reveal, Export, Dispatch, CloseFinding, ViewCases, WorkCase, DecideCase, ViewChecks, ViewAttendance, HandleWarnings, KeepCalendar],
    /// Central school or town education office.
    TownOfficer "town-officer" "中心校·乡镇教办" Education
        [ViewLedger, ViewChild, Reveal, Export, AnswerFinding, ViewCases, WorkCase, CountClasses, ViewChecks, ViewAttendance, HandleWarnings],
    /// Keeps a school's student records.
    Registrar "registrar" "学籍管理员" Education
        [ViewLedger, ViewChild, Reveal, Export, AnswerFinding, ViewCases, WorkCase, CountClasses, ViewChecks, ManageTeachers, TakeRoll, ViewAttendance, HandleWarnings, KeepCalendar],
    /// Principal or deputy.
    Principal "principal" "校长·分管副校长" Education
        [ViewLedger, ViewChild, Reveal, AnswerFinding, ViewCases, WorkCase, CountClasses, ViewChecks, ManageTeachers, TakeRoll, ViewAttendance, HandleWarnings, GrantLeave, KeepCalendar],
    /// Dean, grade leader.
    Dean "dean" "教务处·年级组长" Education
        [ViewLedger, ViewChild, AnswerFinding, ViewCases, WorkCase, CountClasses, ViewChecks, TakeRoll, ViewAttendance, HandleWarnings, GrantLeave],
    /// Class teacher.
    ClassTeacher "class-teacher" "班主任" Education
        [ViewLedger, ViewChild, AnswerFinding, ViewCases, WorkCase, CountClasses, TakeRoll, ViewAttendance, HandleWarnings, GrantLeave],
    /// Subject teacher or mentor.
    Mentor "mentor" "任课教师·成长导师" Education
        [ViewChild, AnswerFinding, ViewCases, WorkCase, TakeRoll, ViewAttendance],
    /// Responsible inspector.
    Inspector "inspector" "责任督学" Education
        [ViewLedger, ViewChild, ViewCases, ViewChecks, ViewAttendance],
    /// Township or village cadre.
    Cadre "cadre" "乡镇·村居干部" Government
        [ViewLedger, ViewChild, AnswerFinding, ViewCases, WorkCase],
    /// Clerk of a department that hands rosters over.
    DepartmentClerk "department-clerk" "部门经办人" Government
        [ViewHandOvers],
    /// City or province.
    UpperOfficer "upper-officer" "市·省教育部门" Education
        [ViewRuns, ViewLedger, ViewChild, ViewCases, ViewChecks, ViewAttendance],
    /// A county leader who answers for a town.
    CountyLeader "county-leader" "挂点领导" Government
        [ViewLedger, ViewCases],
    /// System administrator.
    SystemAdmin "system-admin" "系统管理员" Administration
        [ManagePlaces, ManageSettings, ManageSources, ConfirmAccounts],
    /// Security administrator.
    SecurityAdmin "security-admin" "安全管理员" Administration
        [ManageUsers, ConfirmAccounts],
    /// Audit administrator.
    AuditAdmin "audit-admin" "审计管理员" Administration
        [ViewAudit],
}

impl Role {
    /// Roles of a teacher, which a school gives to its own: whoever may give them sees the school's children herself.
    pub const OF_TEACHERS: &'static [Role] = &[Role::ClassTeacher, Role::Mentor];

    /// Finds a role by its code or its Chinese name.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.code() == text || r.label() == text)
    }

    /// Administrators, and whoever may see what is masked or take lists away, log in with a second factor.
    pub fn needs_second_factor(self) -> bool {
        self.group() == RoleGroup::Administration || self.may(Action::Reveal) || self.may(Action::Export)
    }

    /// The role's own children stand unmasked: a teacher's class, a principal's school, a cadre's village.
    pub fn sees_own_unmasked(self) -> bool {
        matches!(self, Self::ClassTeacher | Self::Mentor)
    }
}
