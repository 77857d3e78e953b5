//! 审计事项 (deeds): what the audit log can tell of, each with the word that an auditor reads. Nothing else can be written into it.

macro_rules! deeds {
    ($($variant:ident $code:literal $label:literal $rights:literal),* $(,)?) => {
        /// What somebody did, as the audit log names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Deed { $(#[doc = $label] $variant),* }

        impl Deed {
            /// All of them.
            pub const ALL: &'static [Deed] = &[$(Deed::$variant),*];

            /// Stable code, as the database has it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// In an auditor's words.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// Whether it opens rights or takes them away.
            pub fn is_about_rights(self) -> bool {
                match self { $(Self::$variant => $rights),* }
            }
        }
    };
}

deeds! {
    LogIn "log-in" "登录" false,
    LogOut "log-out" "退出" false,
    FailedLogIn "failed-log-in" "密码错误" false,
    LockAccount "lock-account" "连续输错,须等待" false,
    AskPassword "ask-password" "申请重置密码" false,
    VouchPassword "vouch-password" "核对重置申请" true,
    WrongCode "wrong-code" "核对码不对" false,
    ConfirmAccount "confirm-account" "复核生效" true,
    RefuseAccount "refuse-account" "复核退回" true,
    SecondFactor "second-factor" "动态码通过" false,
    SetUpSecondFactor "set-up-second-factor" "绑定动态码" false,
    ChangePassword "change-password" "修改密码" false,
    ResetPassword "reset-password" "重置密码" true,
    EndSession "end-session" "退出设备" false,
    AddAccount "add-account" "新建账号(经办)" true,
    DisableAccount "disable-account" "停用账号" true,
    EnableAccount "enable-account" "重新启用(经办)" true,
    Grant "grant" "授权(经办)" true,
    EndGrant "end-grant" "终止授权" true,
    StageRoster "stage-roster" "读入名册" false,
    LoadRoster "load-roster" "载入名册" false,
    RereadRoster "reread-roster" "重新读取名册" false,
    WithdrawRoster "withdraw-roster" "撤销名册" false,
    ForgetHeading "forget-heading" "忘掉列的对应" false,
    StartRun "start-run" "开始比对" false,
    FinishRun "finish-run" "完成比对" false,
    CancelRun "cancel-run" "取消比对" false,
    FailJob "fail-job" "后台任务没有完成" false,
    DecideReview "decide-review" "人工认定" false,
    UndoReview "undo-review" "撤回认定" false,
    View "view" "查看" false,
    Refused "refused" "被拒的访问" false,
    Search "search" "查找" false,
    Reveal "reveal" "查看完整信息" false,
    Export "export" "导出" false,
    Print "print" "打印" false,
    ViewProof "view-proof" "查看佐证" false,
    OpenFinding "open-finding" "重新交核" false,
    EscalateFinding "escalate-finding" "逾期提醒" false,
    DispatchFinding "dispatch-finding" "交办" false,
    RemindUnit "remind-unit" "催办" false,
    AnswerFinding "answer-finding" "答复" false,
    SendBackFinding "send-back-finding" "退回重核" false,
    HandBackFinding "hand-back-finding" "退回交办单位" false,
    ClearFinding "clear-finding" "核销" false,
    ConfirmFinding "confirm-finding" "确认辍学" false,
    ReopenFinding "reopen-finding" "重新打开" false,
    WithdrawFinding "withdraw-finding" "撤销" false,
    FileFinding "file-finding" "转入劝返" false,
    OpenCase "open-case" "立案劝返" false,
    JoinCase "join-case" "并入劝返档案" false,
    StepCase "step-case" "办理劝返" false,
    DecideCase "decide-case" "审批劝返" false,
    RecordContact "record-contact" "登记联系家访" false,
    AssignCase "assign-case" "指定劝返单位" false,
    EnrolDevice "enrol-device" "启用离线设备" false,
    EndDevice "end-device" "停用离线设备" false,
    KeepOffline "keep-offline" "档案存入手机" false,
    HoldRecord "hold-record" "手机记录待处理" false,
    SettleRecord "settle-record" "处理手机记录" false,
    KeepCalendar "keep-calendar" "维护校历" false,
    TakeRoll "take-roll" "点名" false,
    AskLeave "ask-leave" "登记请假" false,
    DecideLeave "decide-leave" "审批请假" false,
    Warn "warn" "发出预警" false,
    HandleWarning "handle-warning" "处理预警" false,
    Watch "watch" "关注有辍学倾向" false,
    KeepBoarders "keep-boarders" "登记住校生" false,
    KeepDuties "keep-duties" "安排点名值班" false,
    RecordNewcomer "record-newcomer" "登记名单外到校" false,
    RecordLearning "record-learning" "记录线上学习" false,
    PutPlaces "put-places" "维护区划" false,
    ClosePlace "close-place" "撤并" false,
    RelocatePlace "relocate-place" "改名或并入" false,
    RollOver "roll-over" "学年升级" false,
    CountClasses "count-classes" "填报班级人数" false,
    Set "set" "修改参数" false,
}

impl Deed {
    /// By its code; codes of earlier versions are none.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|d| d.code() == code)
    }
}

/// 审计对象 (subjects): what a deed may be about, code and word. A subject is written `child:12`.
pub const SUBJECTS: [(&str, &str); 18] = [
    ("child", "学生"),
    ("finding", "核实"),
    ("case", "劝返档案"),
    ("account", "账号"),
    ("person", "人员"),
    ("batch", "名册"),
    ("run", "比对"),
    ("pair", "待认定"),
    ("decision", "认定"),
    ("place", "地方"),
    ("source", "名册来源"),
    ("setting", "参数"),
    ("request", "待复核"),
    ("device", "离线设备"),
    ("record", "手机记录"),
    ("warning", "预警"),
    ("class", "班级"),
    ("page", "页面"),
];

/// Whether an auditor can read what a deed is about: one of [`SUBJECTS`], or Chinese words.
pub fn is_known_subject(subject: &str) -> bool {
    match subject.split_once(':') {
        Some((kind, _)) => SUBJECTS.iter().any(|s| s.0 == kind),
        None => !subject.is_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_are_each_ones_own() {
        let codes: std::collections::BTreeSet<&str> = Deed::ALL.iter().map(|d| d.code()).collect();
        let words: std::collections::BTreeSet<&str> = Deed::ALL.iter().map(|d| d.label()).collect();
        assert_eq!((codes.len(), words.len()), (Deed::ALL.len(), Deed::ALL.len()));
        for d in Deed::ALL {
            assert_eq!(Deed::find(d.code()), Some(*d));
            assert!(!d.label().is_ascii());
        }
    }

    #[test]
    fn subjects() {
        for (subject, known) in [
            ("child:12", true),
            ("疑似辍学台账", true),
            ("children", false),
            ("thing:1", false),
            ("", false),
            ("page:/inbox", true),
        ] {
            assert_eq!(is_known_subject(subject), known, "{subject}");
        }
    }
}
