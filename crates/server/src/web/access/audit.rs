//! 审计日志 (the audit log) for the audit administrator.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Deed, SUBJECTS};
use baoxue_store::{AuditEntry, AuditFilter};
use jiff::ToSpan;
use serde::Deserialize;

use crate::app::clock::moment;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::list::{self, Address, Pager};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

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
    per: String,
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
#[template(path = "access/audit.html")]
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

/// How long what opens rights or takes them away stands on top.
const RIGHTS_DAYS: i64 = 7;
/// Rows on top.
const ON_TOP: i64 = 20;

/// What earlier versions wrote.
const OLD: [(&str, &str); 1] = [("take-as-suspected-finding", "转疑似辍学")];

/// A subject in words: `child:12` is 学生 12.
fn subject_label(subject: &str) -> String {
    // words of earlier versions
    match subject {
        "children" => return "学生".into(),
        "places" => return "区划学校".into(),
        _ => {}
    }
    let Some((kind, rest)) = subject.split_once(':') else { return subject.to_owned() };
    let rest = match kind {
        "setting" => baoxue_domain::policy::Term::find(rest).map_or(rest, |t| t.label),
        _ => rest,
    };
    SUBJECTS.iter().find(|s| s.0 == kind).map_or(subject.to_owned(), |s| format!("{} {rest}", s.1))
}

/// The other way round, for the filter.
fn subject_code(label: &str) -> String {
    let found = SUBJECTS.iter().find_map(|s| label.strip_prefix(s.1).map(|rest| format!("{}:{}", s.0, rest.trim())));
    found.unwrap_or_else(|| label.to_owned())
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<AuditQuery>) -> Result<Response, PageError> {
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
    let size = list::size(&q.per);
    let wanted = list::page(q.page);
    let j = signed.actor.jurisdiction(Action::ViewAudit)?;
    let (rows, total) = app.office.store.audit_page(&f, &j, size, (wanted - 1) * size).await?;
    let parts = [
        ("login", q.login.as_str()),
        ("action", &q.action),
        ("subject", &q.subject),
        ("from", &q.from),
        ("to", &q.to),
        ("per", &q.per),
    ];
    let verified = match q.verify {
        Some(_) => {
            let c = app.office.check_log(None, None).await?;
            let head = c.head.map(|h| format!("。最新封印 {h}")).unwrap_or_default();
            Some((c.good, format!("{}{head}", c.said)))
        }
        None => None,
    };
    let word = |code: &str| match Deed::find(code) {
        Some(deed) => deed.label().to_owned(),
        None => OLD.iter().find(|o| o.0 == code).map_or(code, |o| o.1).to_owned(),
    };
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
            actions: Deed::ALL.iter().filter(|d| d.is_about_rights()).map(|d| d.code().to_owned()).collect(),
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
        pager: Pager::new(wanted, size, total, Address::new("/audit", &parts)),
        verified,
        actions: Deed::ALL.iter().map(|d| (d.code(), d.label())).collect(),
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
