//! 待核实 (the inbox): what waits in one's unit.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::finding::FindingState;
use baoxue_store::FindingFilter;
use serde::Deserialize;

use super::lines::{Line, Tab, lines};
use crate::web::frame::error::PageError;
use crate::web::frame::list::{self, Address, Pager};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{number, when};
use crate::web::frame::visit::Visit;

#[derive(Deserialize, Default)]
pub struct InboxQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    overdue: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

#[derive(Template)]
#[template(path = "finding/inbox.html")]
struct Inbox {
    shell: Shell,
    /// When the county last reminded the unit; how many wait.
    reminded: String,
    waiting: i64,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    pager: Pager,
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<InboxQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::AnswerFinding)?;
    let done = q.state == "done";
    let late = !q.overdue.is_empty();
    let waiting = FindingFilter { states: vec![FindingState::Dispatched], ..FindingFilter::default() };
    let overdue = FindingFilter { due_before: Some(office.now()), ..waiting.clone() };
    let ended = FindingFilter {
        states: vec![FindingState::Answered, FindingState::Cleared, FindingState::Confirmed, FindingState::Filed],
        ..FindingFilter::default()
    };
    let f = if done {
        &ended
    } else if late {
        &overdue
    } else {
        &waiting
    };
    let size = list::size(&q.per);
    let wanted = list::page(q.page);
    let (found, total) = office.store.inbox(f, &j, size, (wanted - 1) * size).await?;
    let (all, over) = office.inbox_counts(&signed.actor).await?;
    let finished = office.store.inbox(&ended, &j, 1, 0).await?.1;
    let tab = |label, href: &str, n, active| Tab { label, href: href.to_owned(), count: number(n), active };
    let page = Inbox {
        shell: shell(&app, &signed, &headers, "待核实", "/inbox").await?,
        tabs: vec![
            tab("待核实", "/inbox", all, !done && !late),
            tab("逾期", "/inbox?overdue=1", over, late),
            tab("已答复", "/inbox?state=done", finished, done),
        ],
        reminded: office.store.reminded_at(&j).await?.map(when).unwrap_or_default(),
        waiting: all,
        lines: lines(&app, &signed.actor, found, true).await?,
        pager: Pager::new(
            wanted,
            size,
            total,
            Address::new("/inbox", &[("state", &q.state), ("overdue", &q.overdue), ("per", &q.per)]),
        ),
    };
    Ok(html(&page.shell, page.render()?))
}
