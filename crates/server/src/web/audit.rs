//! 审计日志 (the audit log) for the audit administrator.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_store::{AuditEntry, AuditFilter};
use jiff::ToSpan;
use serde::Deserialize;

use super::App;
use super::error::PageError;
use super::shell::{Shell, html, shell};
use super::view::{MAX_PAGE, Pager, when};
use crate::app::clock::moment;
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;

/// Rows of a page of the log.
const PAGE: i64 = 100;

#[derive(Deserialize, Default)]
pub struct AuditQuery {
    #[serde(default)]
    login: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    page: Option<i64>,
    #[serde(default)]
    verify: Option<String>,
}

struct AuditLine {
    id: i64,
    when: String,
    login: String,
    action: String,
    subject: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    /// What opened rights in the last days.
    rights: Vec<AuditLine>,
    /// …and how many more there are.
    more_rights: i64,
    lines: Vec<AuditLine>,
    pager: Pager,
    q: AuditQuery,
    verified: Option<(bool, String)>,
    actions: Vec<(&'static str, &'static str)>,
}

/// Codes of the log, in words.
const WORDS: &[(&str, &str)] = &[
    ("log-in", "登录"),
    ("log-out", "退出"),
    ("failed-log-in", "密码错误"),
    ("lock-account", "连续输错,须等待"),
    ("ask-password", "申请重置密码"),
    ("vouch-password", "核对重置申请"),
    ("wrong-code", "核对码不对"),
    ("confirm-account", "复核生效"),
    ("refuse-account", "复核退回"),
    ("second-factor", "动态码通过"),
    ("set-up-second-factor", "绑定动态码"),
    ("change-password", "修改密码"),
    ("reset-password", "重置密码"),
    ("end-session", "退出设备"),
    ("add-account", "新建账号(经办)"),
    ("disable-account", "停用账号"),
    ("enable-account", "重新启用(经办)"),
    ("grant", "授权(经办)"),
    ("end-grant", "终止授权"),
    ("stage-roster", "读入名册"),
    ("load-roster", "载入名册"),
    ("reread-roster", "重新读取名册"),
    ("forget-heading", "忘掉列的对应"),
    ("print", "打印"),
    ("escalate-finding", "逾期提醒"),
    ("open-finding", "重新交核"),
    ("withdraw-roster", "撤销名册"),
    ("start-run", "开始比对"),
    ("finish-run", "完成比对"),
    ("cancel-run", "取消比对"),
    ("decide-review", "人工认定"),
    ("undo-review", "撤回认定"),
    ("view", "查看"),
    ("refused", "被拒的访问"),
    ("search", "查找"),
    ("reveal", "查看完整信息"),
    ("export", "导出"),
    ("view-proof", "查看佐证"),
    ("dispatch-finding", "交办"),
    ("answer-finding", "答复"),
    ("send-back-finding", "退回重核"),
    ("hand-back-finding", "退回交办单位"),
    ("clear-finding", "核销"),
    ("confirm-finding", "确认辍学"),
    ("take-as-suspected-finding", "转疑似辍学"),
    ("reopen-finding", "重新打开"),
    ("put-places", "维护区划"),
    ("close-place", "撤并"),
    ("relocate-place", "改名或并入"),
    ("roll-over", "学年升级"),
    ("count-classes", "填报班级人数"),
    ("set", "修改参数"),
];

/// What opens rights or takes them away: it stands on top for a week.
const RIGHTS: [&str; 9] = [
    "add-account",
    "grant",
    "end-grant",
    "vouch-password",
    "confirm-account",
    "refuse-account",
    "reset-password",
    "enable-account",
    "disable-account",
];
const RIGHTS_DAYS: i64 = 7;
/// Rows on top.
const ON_TOP: i64 = 20;

/// Kinds of subjects in words.
const SUBJECTS: [(&str, &str); 13] = [
    ("child", "学生"),
    ("finding", "核实"),
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
    ("page", "页面"),
];

/// A subject in words: `child:12` is 学生 12.
fn subject_label(subject: &str) -> String {
    match subject {
        "children" => return "学生".into(),
        "places" => return "区划学校".into(),
        _ => {}
    }
    let Some((kind, rest)) = subject.split_once(':') else { return subject.to_owned() };
    let rest = match kind {
        "setting" => crate::app::office::settings::known(rest).map_or(rest, |k| k.label),
        _ => rest,
    };
    SUBJECTS.iter().find(|s| s.0 == kind).map_or(subject.to_owned(), |s| format!("{} {rest}", s.1))
}

/// The other way round, for the filter.
fn subject_code(label: &str) -> String {
    let found = SUBJECTS.iter().find_map(|s| label.strip_prefix(s.1).map(|rest| format!("{}:{}", s.0, rest.trim())));
    found.unwrap_or_else(|| label.to_owned())
}

pub async fn page(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Query(q): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let some = |t: &str| (!t.trim().is_empty()).then(|| t.trim().to_owned());
    let day = |t: &str| -> Result<Option<jiff::civil::Date>, OfficeError> {
        let wrong = |_| OfficeError::Input("日期写成 2026-11-21".into());
        if t.trim().is_empty() { Ok(None) } else { t.trim().parse().map(Some).map_err(wrong) }
    };
    let f = AuditFilter {
        login: some(&q.login),
        action: some(&q.action),
        actions: Vec::new(),
        subject: some(&q.subject).map(|t| subject_code(&t)),
        from: day(&q.from)?.map(|d| moment(d.at(0, 0, 0, 0))),
        to: day(&q.to)?.map(|d| moment(d.saturating_add(1.day()).at(0, 0, 0, 0))),
    };
    let wanted = q.page.unwrap_or(1).clamp(1, MAX_PAGE);
    let j = signed.actor.jurisdiction(Action::ViewAudit)?;
    let (rows, total) = app.office.store.audit_page(&f, &j, PAGE, (wanted - 1) * PAGE).await?;
    let parts = [("login", q.login.as_str()), ("action", &q.action), ("subject", &q.subject), ("from", &q.from), ("to", &q.to)];
    let verified = match q.verify {
        Some(_) => {
            let c = app.office.check_log(None, None).await?;
            let head = c.head.map(|h| format!("。最新封印 {h}")).unwrap_or_default();
            Some((c.good, format!("{}{head}", c.said)))
        }
        None => None,
    };
    let word = |code: &str| WORDS.iter().find(|w| w.0 == code).map_or(code.to_owned(), |w| w.1.to_owned());
    let line = |e: AuditEntry| AuditLine {
        id: e.id,
        when: when(e.at),
        action: word(&e.action),
        login: e.login,
        subject: subject_label(&e.subject),
        detail: e.detail,
    };
    let filtered = f.login.is_some() || f.action.is_some() || f.subject.is_some() || f.from.is_some() || f.to.is_some();
    let rights = if filtered || wanted > 1 {
        (Vec::new(), 0)
    } else {
        let since = app.office.now() - RIGHTS_DAYS * 86_400_000;
        let f = AuditFilter {
            actions: RIGHTS.iter().map(|a| (*a).to_owned()).collect(),
            from: Some(since),
            ..AuditFilter::default()
        };
        {
            let (rows, n) = app.office.store.audit_page(&f, &j, ON_TOP, 0).await?;
            (rows.into_iter().map(line).collect::<Vec<_>>(), n)
        }
    };
    let page = AuditPage {
        more_rights: rights.1 - rights.0.len() as i64,
        rights: rights.0,
        shell: shell(&app, &signed, &headers, "审计日志", "/audit").await?,
        lines: rows.into_iter().map(line).collect(),
        pager: Pager::new(wanted, PAGE, total, "/audit", &parts),
        verified,
        actions: WORDS.to_vec(),
        q,
    };
    Ok(html(&page.shell, page.render()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_in_words_and_found_by_them() {
        for (code, label) in [("child:12", "学生 12"), ("finding:31", "核实 31"), ("page:/inbox", "页面 /inbox")] {
            assert_eq!(subject_label(code), label);
            assert_eq!(subject_code(label), code);
        }
        assert_eq!(subject_code("child:12"), "child:12");
    }
}
