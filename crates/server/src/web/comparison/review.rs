//! 人工认定: two records side by side, one key each.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use baoxue_domain::access::{Action, mask_name};
use baoxue_domain::roster::SourceKind;
use baoxue_store::{Decision, DecisionFilter};
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::comparison::judging::SideBySide;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::list::{self, Address, Pager};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

/// Decisions listed under the pair.
const RECENT: i64 = 10;

struct Said {
    id: i64,
    word: &'static str,
    left: String,
    right: String,
    by: String,
    at: String,
    /// When and by whom it was taken back; empty while it is in force.
    undone: String,
    /// The run that no longer found one of the rows.
    lost: Option<i64>,
}

/// A decision in words: names are masked, as in every list.
fn said(d: &Decision) -> Said {
    let side = |i: usize| {
        let Some(s) = d.sides.as_ref().map(|s| &s[i]) else { return "(名册已不在)".to_owned() };
        let source = SourceKind::find(&s.source).map_or("", SourceKind::label);
        let name = if s.name.is_empty() { "(名册已不在)".to_owned() } else { mask_name(&s.name) };
        format!("{source} {name} {}", s.birth_date)
    };
    Said {
        id: d.id,
        word: if d.judgement == "same" { "同一人" } else { "不是同一人" },
        left: side(0),
        right: side(1),
        by: d.by.clone(),
        at: when(d.at),
        undone: d.undone.as_ref().map(|(at, by)| format!("{} {by}撤回", when(*at))).unwrap_or_default(),
        lost: d.lost_in_run,
    }
}

#[derive(Template)]
#[template(path = "comparison/review.html")]
struct ReviewPage {
    shell: Shell,
    run: Option<i64>,
    pair: Option<SideBySide>,
    open: i64,
    asked: i64,
    decided: i64,
    recent: Vec<Said>,
    ask: bool,
}

/// The pair alone: the next one slides in.
#[derive(Template)]
#[template(path = "comparison/review_pair.html")]
struct Fragment {
    run: Option<i64>,
    pair: Option<SideBySide>,
    open: i64,
    asked: i64,
    decided: i64,
    recent: Vec<Said>,
    ask: bool,
}

#[derive(Deserialize)]
pub struct ReviewQuery {
    /// Those that were put off.
    #[serde(default)]
    ask: Option<String>,
}

struct Next {
    run: Option<i64>,
    pair: Option<SideBySide>,
    open: i64,
    asked: i64,
    decided: i64,
    recent: Vec<Said>,
}

async fn next(app: &Arc<App>, signed: &SignedIn, ask: bool) -> Result<Next, PageError> {
    let office = &app.office;
    let county = office.area(&signed.actor, Action::DecideReview)?;
    // what a larger place compares is decided there
    let above = office.compared_above(&county).await?;
    let Some(run) = office.store.last_run(county.as_str()).await?.filter(|_| above.is_none()) else {
        return Ok(Next { run: None, pair: None, open: 0, asked: 0, decided: 0, recent: Vec::new() });
    };
    let counts = office.store.review_counts(run.id).await?;
    let count = |s: &str| counts.iter().find(|c| c.0 == s).map_or(0, |c| c.1);
    let first = office.store.review_pairs(run.id, if ask { "ask" } else { "open" }, 1).await?;
    let pair = match first.first() {
        Some(p) => Some(office.side_by_side(&signed.actor, run.id, p.id).await?),
        None => None,
    };
    let newest = office.store.decisions(county.as_str(), DecisionFilter::All, RECENT).await?;
    let recent = newest.iter().map(said);
    Ok(Next {
        run: Some(run.id),
        pair,
        open: count("open"),
        asked: count("ask"),
        decided: count("same") + count("different"),
        recent: recent.collect(),
    })
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<ReviewQuery>) -> Result<Response, PageError> {
    let n = next(&app, &signed, q.ask.is_some()).await?;
    let page = ReviewPage {
        shell: shell(&app, &signed, &headers, "人工认定", "/review").await?,
        run: n.run,
        pair: n.pair,
        open: n.open,
        asked: n.asked,
        decided: n.decided,
        recent: n.recent,
        ask: q.ask.is_some(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct Judgement {
    judgement: String,
    #[serde(default)]
    ask: Option<String>,
}

async fn after(app: &Arc<App>, signed: &SignedIn, headers: &HeaderMap, ask: bool, said: &str) -> Result<Response, PageError> {
    if !headers.contains_key("hx-request") {
        return Ok(go(if ask { "/review?ask=1" } else { "/review" }, said));
    }
    let n = next(app, signed, ask).await?;
    let fragment = Fragment { run: n.run, pair: n.pair, open: n.open, asked: n.asked, decided: n.decided, recent: n.recent, ask };
    Ok(Html(fragment.render()?).into_response())
}

pub async fn decide(
    Visit { app, signed, headers }: Visit,
    Path((run, pair)): Path<(i64, i64)>,
    Form(form): Form<Judgement>,
) -> Result<Response, PageError> {
    match app.office.decide(&signed.actor, run, pair, &form.judgement).await {
        // somebody was faster: the next pair is what both want
        Ok(()) | Err(OfficeError::Conflict(_)) => after(&app, &signed, &headers, form.ask.is_some(), "已认定").await,
        Err(e) => Err(e.into()),
    }
}

#[derive(Deserialize)]
pub struct UndoForm {
    #[serde(default)]
    back: String,
}

pub async fn undo(
    Visit { app, signed, headers }: Visit,
    Path(id): Path<i64>,
    Form(form): Form<UndoForm>,
) -> Result<Response, PageError> {
    app.office.undo_decision(&signed.actor, id).await?;
    if form.back == "decisions" {
        return Ok(go("/decisions", "已撤回,下次比对起不再采用"));
    }
    after(&app, &signed, &headers, false, "已撤回认定").await
}

/// What stands in the address of the list of decisions.
#[derive(Deserialize, Default)]
pub struct DecisionsQuery {
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

struct DecisionTab {
    label: &'static str,
    href: &'static str,
    active: bool,
}

#[derive(Template)]
#[template(path = "comparison/decisions.html")]
struct Decisions {
    shell: Shell,
    tabs: Vec<DecisionTab>,
    show: String,
    q: String,
    lines: Vec<Said>,
    pager: Pager,
}

/// All decisions, with both names, who and when; each can be taken back at any time.
pub async fn decisions(Visit { app, signed, headers }: Visit, Query(q): Query<DecisionsQuery>) -> Result<Response, PageError> {
    let filter = match q.show.as_str() {
        "" => DecisionFilter::InForce,
        "lost" => DecisionFilter::Lost,
        "undone" => DecisionFilter::Undone,
        "all" => DecisionFilter::All,
        _ => return Err(OfficeError::NotFound.into()),
    };
    let mut all = app.office.decisions(&signed.actor, filter).await?;
    let typed = q.q.trim();
    if !typed.is_empty() {
        all.retain(|d| d.by.contains(typed) || d.sides.iter().flatten().any(|s| s.name.contains(typed)));
    }
    let size = list::size(&q.per);
    let at = Address::new("/decisions", &[("show", &q.show), ("q", &q.q), ("per", &q.per)]);
    let pager = Pager::new(list::page(q.page), size, all.len() as i64, at);
    let tab = |label, href, show: &str| DecisionTab { label, href, active: q.show == show };
    let page = Decisions {
        shell: shell(&app, &signed, &headers, "人工认定记录", "/review").await?,
        tabs: vec![
            tab("有效的", "/decisions", ""),
            tab("失去依据的", "/decisions?show=lost", "lost"),
            tab("已撤回的", "/decisions?show=undone", "undone"),
            tab("全部", "/decisions?show=all", "all"),
        ],
        lines: all.iter().skip(pager.offset(size) as usize).take(size as usize).map(said).collect(),
        pager,
        show: q.show,
        q: q.q,
    };
    Ok(html(&page.shell, page.render()?))
}
