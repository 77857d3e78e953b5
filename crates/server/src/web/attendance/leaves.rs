//! 请假: what is asked and who is away on leave; and 关注, children whom a teacher watches.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::attendance::{LeaveKind, LeaveState};
use baoxue_domain::calendar::Half;
use jiff::Span;
use serde::Deserialize;

use super::{class_name, name_for};
use crate::app::attendance::leave::{Asking, SHOWN};
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

/// Days back that the list shows.
const BACK_DAYS: i64 = 30;

struct Line {
    id: i64,
    version: i64,
    child: i64,
    name: String,
    class: String,
    kind: &'static str,
    span: String,
    state: &'static str,
    waits: bool,
    runs: bool,
    reason: String,
    asked: String,
    answer: String,
}

#[derive(Template)]
#[template(path = "attendance/leaves.html")]
struct LeavesPage {
    shell: Shell,
    only_waiting: bool,
    lines: Vec<Line>,
    may_grant: bool,
    may_ask: bool,
}

#[derive(Deserialize, Default)]
pub struct LeavesQuery {
    #[serde(default)]
    waiting: String,
}

fn span(l: &baoxue_store::Leave) -> String {
    let half = |h: Half, of: Half, word: &'static str| if h == of { word } else { "" };
    let from = format!("{}{}", l.from.0, half(l.from.1, Half::Afternoon, " 下午"));
    let to = format!("{}{}", l.to.0, half(l.to.1, Half::Morning, " 上午"));
    if l.from.0 == l.to.0 && from == l.from.0.to_string() && to == l.to.0.to_string() { from } else { format!("{from} 至 {to}") }
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<LeavesQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewAttendance)?;
    let today = office.clock.today();
    let only_waiting = q.waiting == "1";
    let mut lines = Vec::new();
    let leaves = office.store.leaves(&j, today.saturating_sub(Span::new().days(BACK_DAYS)), only_waiting, SHOWN).await?;
    let children = office.store.children_by_number(&leaves.iter().map(|l| l.child).collect::<Vec<_>>(), &j).await?;
    for l in leaves {
        let Some(c) = children.iter().find(|c| c.id == l.child) else { continue };
        let own = signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(&l.class));
        lines.push(Line {
            id: l.id,
            version: l.version,
            child: l.child,
            name: name_for(&signed.actor, c),
            class: baoxue_domain::place::PlacePath::parse(&l.class).map(|p| class_name(&p)).unwrap_or_default(),
            kind: l.kind.label(),
            span: span(&l),
            state: l.state.label(),
            waits: l.state == LeaveState::Asked,
            runs: matches!(l.state, LeaveState::Granted | LeaveState::Asked) && l.to.0 >= today,
            // why a child is ill is for its own school
            reason: if own {
                format!("{}{}", l.detail.reason, if l.detail.proof.is_empty() { "" } else { "(有证明)" })
            } else {
                String::new()
            },
            asked: format!("{} {}", l.by, when(l.asked_at)),
            answer: l.decided_by.clone().map(|by| format!("{by} {}", l.detail.answer)).unwrap_or_default(),
        });
    }
    let page = LeavesPage {
        shell: shell(&app, &signed, &headers, "请假", "/leaves").await?,
        only_waiting,
        lines,
        may_grant: signed.actor.may(Action::GrantLeave),
        may_ask: signed.actor.may(Action::TakeRoll),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Template)]
#[template(path = "attendance/leave.html")]
struct LeavePage {
    shell: Shell,
    child: i64,
    name: String,
    class: String,
    today: String,
    kinds: Vec<(&'static str, &'static str)>,
    watched: Option<String>,
}

pub async fn form(Visit { app, signed, headers }: Visit, Path(child): Path<i64>) -> Result<Response, PageError> {
    let (c, class) = app.office.own_pupil(&signed.actor, child, Action::TakeRoll).await?;
    let watched = app.office.store.watched(&[child]).await?.into_iter().next();
    let page = LeavePage {
        shell: shell(&app, &signed, &headers, "请假", "/leaves").await?,
        child,
        name: name_for(&signed.actor, &c),
        class: class_name(&class),
        today: app.office.clock.today().to_string(),
        kinds: LeaveKind::ALL.into_iter().map(|k| (k.code(), k.label())).collect(),
        watched: watched.map(|w| format!("{}({} {})", w.reason, w.by, when(w.begun_at))),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct AskForm {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    from_half: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    to_half: String,
    #[serde(default)]
    asked_for: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    proof: String,
}

pub async fn ask(
    Visit { app, signed, .. }: Visit,
    Path(child): Path<i64>,
    Form(f): Form<AskForm>,
) -> Result<Response, PageError> {
    let a = Asking {
        kind: &f.kind,
        from: &f.from,
        from_half: &f.from_half,
        to: &f.to,
        to_half: &f.to_half,
        asked_for: &f.asked_for,
        reason: &f.reason,
        proof: &f.proof,
    };
    let state = app.office.ask_leave(&signed.actor, child, &a).await?;
    let said = if state == LeaveState::Granted { "已准假" } else { "已登记,等有权限的人批" };
    Ok(go("/leaves", said))
}

#[derive(Deserialize)]
pub struct DecideForm {
    version: i64,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: String,
}

pub async fn decide(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<DecideForm>,
) -> Result<Response, PageError> {
    let grant = match f.answer.as_str() {
        "grant" => true,
        "refuse" => false,
        _ => return Err(OfficeError::Input("请选择准或不准".into()).into()),
    };
    app.office.decide_leave(&signed.actor, id, f.version, grant, &f.note).await?;
    Ok(go("/leaves", if grant { "已准假" } else { "已退回" }))
}

pub async fn end(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<DecideForm>,
) -> Result<Response, PageError> {
    app.office.end_leave(&signed.actor, id, f.version).await?;
    Ok(go("/leaves", "已销假"))
}

#[derive(Deserialize)]
pub struct WatchForm {
    #[serde(default)]
    watch: String,
    #[serde(default)]
    reason: String,
}

pub async fn watch(
    Visit { app, signed, .. }: Visit,
    Path(child): Path<i64>,
    Form(f): Form<WatchForm>,
) -> Result<Response, PageError> {
    let begins = f.watch == "1";
    app.office.watch_child(&signed.actor, child, begins.then_some(f.reason.as_str())).await?;
    Ok(go(&format!("/children/{child}/leave"), if begins { "已列入关注" } else { "已结束关注" }))
}
