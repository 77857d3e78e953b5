//! 一生一表: the child's sheet as the office knows it, print-ready. (FORMS 1)

use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use baoxue_domain::access::{Deed, mask_id};
use baoxue_domain::case::{codes, paper, told};
use baoxue_store::{CaseFile, Contact};

use crate::app::case::rules::county_of;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, ReasonForm};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{ChildView, is_own, trails_of};
use crate::web::frame::visit::Visit;

/// Rows of the log of persuasion that are printed at least: the rest is written by hand.
const LEAST_ROWS: usize = 4;

struct Attempt {
    n: usize,
    on: String,
    kind: &'static str,
    people: String,
    met: String,
    words: String,
    attitude: &'static str,
    outcome: &'static str,
}

struct PaperRow {
    label: String,
    number: String,
    served: String,
    result: String,
}

#[derive(Template)]
#[template(path = "case/print.html")]
struct Sheet {
    shell: Shell,
    id: i64,
    bureau: String,
    number: String,
    child: ChildView,
    register_place: String,
    cause: &'static str,
    last_day: String,
    whereabouts: String,
    reach: String,
    found: String,
    confirmed: bool,
    attempts: Vec<Attempt>,
    papers: Vec<PaperRow>,
    returned: String,
    placed: String,
    settled: String,
    support: String,
    checks: Vec<String>,
    closed: String,
    day: String,
    unit: String,
    /// Whether the whole number stands on it.
    full: bool,
    reasons: [&'static str; 5],
}

fn attempt(n: usize, c: &Contact) -> Attempt {
    Attempt {
        n,
        on: c.on.to_string(),
        kind: c.kind.label(),
        people: if c.detail.people.is_empty() { c.recorded_by.clone() } else { c.detail.people.clone() },
        met: c.detail.met.clone(),
        words: c.detail.words.clone(),
        attitude: told(&codes().attitude, &c.detail.attitude, true),
        outcome: told(&codes().outcome, &c.outcome, true),
    }
}

fn empty(n: usize) -> Attempt {
    Attempt {
        n,
        on: String::new(),
        kind: "",
        people: String::new(),
        met: String::new(),
        words: String::new(),
        attitude: "",
        outcome: "",
    }
}

async fn attempts(app: &App, k: &CaseFile) -> Result<Vec<Attempt>, PageError> {
    let all = app.office.store.contacts_of(k).await?;
    let mut out: Vec<Attempt> = all.iter().enumerate().map(|(i, c)| attempt(i + 1, c)).collect();
    out.extend((out.len()..LEAST_ROWS).map(|i| empty(i + 1)));
    Ok(out)
}

/// The sheet without the whole number, to be looked at.
pub async fn page(visit: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    printed(visit, id, None).await
}

/// The sheet as it is stamped: with the whole number, for a reason.
pub async fn full(visit: Visit, Path(id): Path<i64>, Form(form): Form<ReasonForm>) -> Result<Response, PageError> {
    let reason = visit.app.office.reason_of(&form.text())?;
    printed(visit, id, Some(reason)).await
}

async fn printed(Visit { app, signed, headers }: Visit, id: i64, reason: Option<String>) -> Result<Response, PageError> {
    let office = &app.office;
    let s = office.seen_case(&signed.actor, id, None).await?;
    // the sheet has the family's names and numbers: for whoever works with it
    s.relation.ask_record()?;
    let k = &s.case;
    let trails = trails_of(&app, std::slice::from_ref(&s.child)).await?;
    let place = |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).cloned().unwrap_or_default();
    let back = office.store.returns_of_case(k).await?.into_iter().rfind(|b| b.ended_on.is_none());
    let unit = match &k.unit_path {
        Some(u) => office.store.place_names(&[u.as_str()]).await?.remove(u).unwrap_or_default(),
        None => String::new(),
    };
    let events = office.store.events_of(k).await?;
    let closed = events.iter().rfind(|e| e.kind == "close" && !k.facts.state.is_open());
    let page = Sheet {
        id,
        bureau: office.policy(county_of(k).as_ref()).await?.bureau,
        number: k.label(),
        register_place: place(&s.child.register_path),
        // what is sealed is printed as 其他, whoever prints it
        cause: told(&codes().cause, k.true_cause(), false),
        last_day: k.story.last_day.clone(),
        whereabouts: k.story.whereabouts.clone(),
        reach: k.story.reach.clone(),
        found: format!("{} 立案", k.opened_on),
        confirmed: k.facts.confirmed,
        attempts: attempts(&app, k).await?,
        papers: office
            .store
            .papers_of(k)
            .await?
            .into_iter()
            .map(|p| PaperRow {
                label: paper(&p.kind).map(|p| p.label.clone()).unwrap_or_default(),
                number: if p.void { format!("{}(作废)", p.number) } else { p.number },
                served: p.served_on.unwrap_or_default(),
                result: p.detail.result,
            })
            .collect(),
        returned: back.as_ref().map(|b| b.on.to_string()).unwrap_or_default(),
        placed: back
            .as_ref()
            .map(|b| format!("{} {} {}", b.detail.school, b.detail.class, told(&codes().placement, &b.placement, false)))
            .unwrap_or_default(),
        settled: back.as_ref().and_then(|b| b.settled_on.clone()).unwrap_or_default(),
        support: back.as_ref().map(|b| b.detail.support.clone()).unwrap_or_default(),
        checks: crate::app::case::rules::of_newest_return(&s.checks)
            .iter()
            .map(|c| match (&c.done_on, c.in_school) {
                (Some(on), Some(true)) => format!("{on} 在校"),
                (Some(on), _) => format!("{on} 不在校"),
                _ => format!("应 {}", c.due),
            })
            .collect(),
        closed: closed.map(|e| crate::app::clock::civil(e.at).date().to_string()).unwrap_or_default(),
        day: office.clock.today().to_string(),
        unit,
        child: {
            let open = s.relation.own || is_own(&signed.actor, &s.child) || reason.is_some();
            let mut v = ChildView::new(s.child.clone(), open, &trails);
            if reason.is_none() {
                v.national_id = mask_id(&v.national_id);
            }
            v
        },
        full: reason.is_some(),
        reasons: REASONS,
        shell: shell(&app, &signed, &headers, "一生一表", "/cases").await?,
    };
    if let Some(reason) = reason {
        office.note(&signed.actor, Deed::Print, &format!("case:{id}"), &format!("一生一表,完整信息,原因:{reason}")).await?;
    }
    Ok(html(&page.shell, page.render()?))
}
