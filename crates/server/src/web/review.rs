//! 人工认定: two records side by side, one key each.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use baoxue_domain::access::Action;
use serde::Deserialize;

use super::App;
use super::error::PageError;
use super::shell::{Shell, go, html, shell};
use super::view::when;
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;
use crate::app::office::review::SideBySide;

/// Decisions listed under the pair.
const RECENT: i64 = 10;

struct Said {
    word: &'static str,
    by: String,
    at: String,
    undone: bool,
    pair: Option<i64>,
}

#[derive(Template)]
#[template(path = "review.html")]
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
#[template(path = "review_pair.html")]
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
    let mut pairs = office.store.review_pairs(run.id, "same", 1_000).await?;
    pairs.extend(office.store.review_pairs(run.id, "different", 1_000).await?);
    let recent = office.store.decisions(county.as_str(), None, RECENT).await?.into_iter().map(|d| Said {
        word: match d.judgement.as_str() {
            "same" => "同一人",
            "different" => "不是同一人",
            _ => "待问",
        },
        at: when(d.at),
        undone: d.undone_at.is_some(),
        pair: pairs.iter().find(|p| p.left.1 == d.left && p.right.1 == d.right && d.undone_at.is_none()).map(|p| p.id),
        by: d.by,
    });
    Ok(Next {
        run: Some(run.id),
        pair,
        open: count("open"),
        asked: count("ask"),
        decided: count("same") + count("different"),
        recent: recent.collect(),
    })
}

pub async fn page(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Query(q): Query<ReviewQuery>,
) -> Result<Response, PageError> {
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
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path((run, pair)): Path<(i64, i64)>,
    Form(form): Form<Judgement>,
) -> Result<Response, PageError> {
    match app.office.decide(&signed.actor, run, pair, &form.judgement).await {
        // somebody was faster: the next pair is what both want
        Ok(()) | Err(OfficeError::Conflict(_)) => after(&app, &signed, &headers, form.ask.is_some(), "已认定").await,
        Err(e) => Err(e.into()),
    }
}

pub async fn undo(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path((run, pair)): Path<(i64, i64)>,
) -> Result<Response, PageError> {
    app.office.undo_decision(&signed.actor, run, pair).await?;
    after(&app, &signed, &headers, false, "已撤回认定").await
}
