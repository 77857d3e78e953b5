//! What stands around every page: places of the role, where one is, what was just done.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::place::PlacePath;

use crate::app::access::accounts::SignedIn;
use crate::app::office::Result;
use crate::app::place::tree::Step;
use crate::web::App;
use crate::web::frame::assets;
use crate::web::frame::guard::cookie;

/// Cookie with a sentence for the next page.
const SAID: &str = "said";

/// A place in the side bar.
pub struct NavItem {
    /// The group that begins with it; nothing inside of one.
    pub group: &'static str,
    pub href: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
    pub active: bool,
    pub badge: i64,
    /// Also a tab at the bottom of a phone: everything else is one tap further.
    pub tab: bool,
}

/// Tabs at the bottom of a phone, beside 更多.
const TABS: usize = 4;
/// Which pages are tabs where a role has them: what she comes for first.
const TAB_ORDER: [&str; 14] = [
    "/",
    "/roll",
    "/today",
    "/warnings",
    "/inbox",
    "/findings",
    "/classes",
    "/cases",
    "/ledgers/suspected",
    "/checks",
    "/rosters",
    "/people",
    "/confirmations",
    "/audit",
];

/// The frame of a page.
pub struct Shell {
    pub title: String,
    pub person: String,
    pub roles: String,
    pub bureau: String,
    /// 青禾县 › 柳林镇 › 中心小学: where one is; the steps to which one may switch have a path.
    pub trail: Vec<Step>,
    pub may_switch: bool,
    pub switched: bool,
    pub banner: Option<String>,
    /// The run of before, where rosters have changed since: its number and day.
    pub outdated: Option<(i64, String)>,
    /// Whether one may compare anew.
    pub may_run: bool,
    pub nav: Vec<NavItem>,
    /// Findings that wait for one's unit, and those of them that are overdue.
    pub waiting: i64,
    pub overdue: i64,
    pub can_search: bool,
    /// By what she searches.
    pub search_by: &'static str,
    pub said: Option<String>,
    pub css: String,
    pub js: String,
}

/// Group, label, address, icon, what the role needs.
type Place = (&'static str, &'static str, &'static str, &'static str, Option<Action>);

const NAV: &[Place] = &[
    ("", "工作台", "/", "home", None),
    ("", "今日", "/today", "inbox", Some(Action::WorkCase)),
    ("", "待核实", "/inbox", "inbox", Some(Action::AnswerFinding)),
    ("", "交办核实", "/findings", "send", Some(Action::Dispatch)),
    ("", "点名", "/roll", "check", Some(Action::TakeRoll)),
    ("", "预警", "/warnings", "send", Some(Action::ViewAttendance)),
    ("", "劝返档案", "/cases", "review", Some(Action::ViewCases)),
    ("", "离线办理", "/offline", "inbox", Some(Action::WorkCase)),
    ("", "劝返看板", "/case-board", "compare", Some(Action::ViewCases)),
    ("", "考勤", "/attendance", "log", Some(Action::ViewAttendance)),
    ("", "请假", "/leaves", "log", Some(Action::ViewAttendance)),
    ("", "校历", "/calendar", "log", Some(Action::KeepCalendar)),
    ("", "台账", "/ledgers/suspected", "ledger", Some(Action::ViewLedger)),
    ("", "班级清点", "/classes", "check", Some(Action::CountClasses)),
    ("名册比对", "导入名册", "/rosters", "upload", Some(Action::ImportRosters)),
    ("名册比对", "比对", "/runs", "compare", Some(Action::ViewRuns)),
    ("名册比对", "人工认定", "/review", "review", Some(Action::DecideReview)),
    ("名册比对", "专项核查", "/checks", "check", Some(Action::ViewChecks)),
    ("名册比对", "名册交接", "/hand-overs", "log", Some(Action::ViewHandOvers)),
    ("名册比对", "名册来源", "/sources", "source", Some(Action::ManageSources)),
    ("管理", "区划学校", "/places", "place", Some(Action::ManagePlaces)),
    ("管理", "参数", "/settings", "gear", Some(Action::ManageSettings)),
    ("管理", "人员授权", "/people", "people", Some(Action::ManageUsers)),
    ("管理", "本校教师账号", "/people", "people", Some(Action::ManageTeachers)),
    ("管理", "待复核", "/confirmations", "check", Some(Action::ConfirmAccounts)),
    ("管理", "登录规则", "/settings", "gear", Some(Action::ManageUsers)),
    ("管理", "审计日志", "/audit", "audit", Some(Action::ViewAudit)),
    ("", "帮助", "/help", "help", None),
];

/// The frame of a page at `here`.
pub async fn shell(app: &Arc<App>, signed: &SignedIn, headers: &HeaderMap, title: &str, here: &str) -> Result<Shell> {
    let actor = &signed.actor;
    let (waiting, overdue) = app.office.inbox_counts(actor).await?;
    let pending = app.office.pending_count(actor).await?;
    let own = app.office.own_cases(actor).await?.0 + app.office.asked_cases(actor).await?;
    let warned = app.office.waiting_warnings(actor, false).await?;
    let first = |path: &str| path.split('/').nth(1).unwrap_or("").to_owned();
    let allowed = || NAV.iter().filter(|n| n.4.is_none_or(|a| actor.may(a)));
    let tabs: Vec<&str> = TAB_ORDER.into_iter().filter(|t| allowed().any(|n| n.2 == *t)).take(TABS).collect();
    let before = std::iter::once("").chain(allowed().map(|n| n.0));
    let nav = allowed()
        .zip(before)
        .map(|((group, label, href, icon, _), before)| NavItem {
            group: if *group == before { "" } else { group },
            href,
            label,
            icon,
            active: first(href) == first(here),
            badge: match *href {
                "/inbox" => waiting,
                "/today" => own,
                "/warnings" => warned,
                "/confirmations" => pending,
                _ => 0,
            },
            tab: tabs.contains(href),
        })
        .collect();
    let mut trail = match actor.home() {
        Some(home) => app.office.whereabouts(home).await?,
        None => Vec::new(),
    };
    // the last step is where one is
    let last = trail.len().saturating_sub(1);
    for (i, step) in trail.iter_mut().enumerate() {
        if i == last || !PlacePath::parse(&step.path).is_some_and(|p| actor.may_switch_to(&p)) {
            step.path.clear();
        }
    }
    // a village and a class have nothing below
    let leaf = |p: &PlacePath| p.depth() >= if p.is_government() { 5 } else { 4 };
    let may_switch = actor.grants.len() > 1 || actor.grants.first().is_some_and(|g| !leaf(&g.path));
    let outdated = match app.office.compared(actor, Action::ViewLedger).await {
        Ok(area) => app.office.store.outdated_run(area.as_str()).await?,
        Err(_) => None,
    };
    let said = cookie(headers, SAID).filter(|s| !s.is_empty()).map(unescape);
    Ok(Shell {
        title: title.to_owned(),
        person: actor.name.clone(),
        roles: actor.role_labels(),
        bureau: app.office.policy(actor.home()).await?.bureau,
        trail,
        may_switch,
        switched: actor.within.is_some(),
        banner: app.banner.clone(),
        outdated,
        may_run: actor.may(Action::RunComparison),
        nav,
        waiting,
        overdue,
        can_search: actor.may(Action::ViewChild),
        search_by: search_by(actor),
        said,
        css: assets::address("app.css"),
        js: assets::address("app.js"),
    })
}

/// By what a person searches: numbers are for whoever may see them.
pub fn search_by(actor: &Actor) -> &'static str {
    if actor.may(Action::Reveal) {
        "姓名、拼音、首字母、证件号或电话后四位"
    } else {
        "姓名、拼音、首字母"
    }
}

fn escape(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(h, 16).ok())).flatten();
        match hex {
            Some(b) => {
                out.push(b);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// To another page, which says what was done.
pub fn go(to: &str, said: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("{SAID}={}; Path=/; Max-Age=30; HttpOnly; SameSite=Lax", escape(said))) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// A page; what was said is said once.
pub fn html(shell: &Shell, page: String) -> Response {
    let mut response = axum::response::Html(page).into_response();
    if shell.said.is_some() {
        let gone = HeaderValue::from_static("said=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_travel_in_cookies() {
        for text in ["已载入 4 份名册;共 131,000 行", "", "a%b", "“引号”"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape("%E4%"), "\u{fffd}%");
    }
}
