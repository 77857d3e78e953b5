//! One finding, on a phone or at a desk: what is known, what one may do, what was done.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::calendar::time_left;
use baoxue_domain::finding::{FindingState, Step};
use baoxue_domain::ledger::{DROPPED_OUT, all_dispositions, disposition};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Finding, FindingFilter};

use crate::app::clock::civil;
use crate::app::comparison::run::LAPSED;
use crate::app::finding::dispatch::{MAX_PROOF_BYTES, answer_label};
use crate::app::finding::reminders::REMINDED;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::proof_file;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{ChildView, when};
use crate::web::frame::visit::Visit;

struct EventView {
    label: &'static str,
    detail: String,
    by: String,
    when: String,
    /// By which value of the policy the deadline was set, where it was.
    rule: String,
}

struct ProofView {
    id: i64,
    name: String,
    image: bool,
    when: String,
    by: String,
}

#[derive(Template)]
#[template(path = "finding/finding.html")]
struct FindingPage {
    shell: Shell,
    id: i64,
    version: i64,
    state: &'static str,
    child: ChildView,
    reason: String,
    unit: String,
    left: String,
    overdue: bool,
    answer: String,
    needs: String,
    events: Vec<EventView>,
    proofs: Vec<ProofView>,
    may_answer: bool,
    may_close: bool,
    may_dispatch: bool,
    may_view_child: bool,
    answered: bool,
    can_clear: bool,
    can_confirm: bool,
    /// The child's case, where it went on: number in the database, number.
    case: Option<(i64, String)>,
    can_reopen: bool,
    dispositions: Vec<(String, String, String)>,
    days: i64,
    megabytes: usize,
    /// The next one that waits for the county's decision.
    next_answered: Option<i64>,
}

/// An event in words.
fn event_label(kind: &str) -> &'static str {
    match (Step::find(kind), kind) {
        (Some(step), _) => step.label(),
        (None, "overdue") => "逾期",
        (None, LAPSED) => "原认定失效",
        (None, REMINDED) => "催办",
        (None, _) => "发现",
    }
}

/// The finding with what one may do with it.
pub async fn page(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let f = finding_of(&app, actor, id).await?;
    let holds = actor.jurisdiction(Action::AnswerFinding).is_ok_and(|j| f.unit_path.as_ref().is_some_and(|u| j.covers(u)));
    let c = office.store.children_of(std::slice::from_ref(&f)).await?.into_iter().next().ok_or(OfficeError::NotFound)?;
    let may_view_child = match actor.jurisdiction(Action::ViewChild) {
        Ok(v) => office.store.child(c.id, &v).await?.is_some(),
        Err(_) => false,
    };
    let mut paths: Vec<&str> = [&c.residence_path, &f.unit_path].into_iter().flatten().map(String::as_str).collect();
    paths.dedup();
    let trails = office.trails(&paths).await?;
    let events = office.store.events_of(&f).await?;
    let proofs = office.store.proofs_of(&f).await?;
    let reason = office.store.ledger_of(&c).await?.first().map(|e| e.reason.clone()).unwrap_or_default();
    let place = c.residence_path.as_deref().and_then(PlacePath::parse);
    let mut shown = Vec::new();
    for e in events {
        let rule = match e.policy {
            Some(version) => {
                let at = e.unit_path.as_deref().and_then(PlacePath::parse).or_else(|| place.clone());
                let then = office.policy_then(at.as_ref(), civil(e.at).date(), version).await?;
                format!("期限按当日参数“核实期限(工作日)”:{} 个工作日", then.deadline_days)
            }
            None => String::new(),
        };
        shown.push(EventView {
            label: event_label(&e.kind),
            detail: if e.kind == "open" { String::new() } else { e.detail },
            by: e.by.unwrap_or_else(|| "系统".into()),
            when: when(e.at),
            rule,
        });
    }
    let pending = f.state == FindingState::Dispatched;
    let said = f.disposition.as_deref().and_then(disposition);
    let page = FindingPage {
        shell: shell(&app, &signed, &headers, "核实", if holds { "/inbox" } else { "/findings" }).await?,
        id,
        version: f.version,
        state: f.state.label(),
        reason,
        unit: f.unit_path.as_ref().and_then(|u| trails.get(u)).cloned().unwrap_or_default(),
        left: f.deadline_at.filter(|_| pending).map(|d| time_left(civil(d), office.clock.now())).unwrap_or_default(),
        overdue: pending && f.deadline_at.is_some_and(|d| d < office.now()),
        answer: answer_label(f.disposition.as_deref()),
        needs: said.map(|d| d.proof.join("、")).unwrap_or_default(),
        events: shown,
        proofs: proofs
            .into_iter()
            .map(|p| ProofView {
                id: p.id,
                image: p.media_type == "image/jpeg",
                name: p.file_name,
                when: when(p.added_at),
                by: p.added_by,
            })
            .collect(),
        may_answer: holds && pending,
        may_close: actor.may(Action::CloseFinding) && f.state.is_pending(),
        may_dispatch: actor.may(Action::Dispatch) && f.state.after(Step::Dispatch).is_ok(),
        case: match actor.jurisdiction(Action::ViewCases) {
            Ok(_) if matches!(f.state, FindingState::Confirmed | FindingState::Filed) => {
                office.store.cases_of(&c).await?.into_iter().find(|k| k.joined_into.is_none()).map(|k| (k.id, k.label()))
            }
            _ => None,
        },
        can_confirm: f.state == FindingState::Answered && f.disposition.as_deref() == Some(DROPPED_OUT),
        may_view_child,
        answered: f.state == FindingState::Answered,
        can_clear: f.state == FindingState::Answered && said.is_some(),
        can_reopen: actor.may(Action::CloseFinding) && matches!(f.state, FindingState::Cleared | FindingState::Withdrawn),
        dispositions: all_dispositions().1.iter().map(|d| (d.code.clone(), d.label.clone(), d.proof.join("、"))).collect(),
        days: {
            let offered = office.area(actor, Action::Dispatch).ok().or(place);
            office.policy(offered.as_ref()).await?.deadline_days
        },
        megabytes: MAX_PROOF_BYTES >> 20,
        next_answered: next_answered(&app, actor, id).await?,
        // whoever has to go there needs the name, the guardian and the telephone
        child: {
            let open = holds || crate::web::frame::view::is_own(actor, &c);
            let id = c.profile.national_id.clone();
            let mut v = ChildView::new(c, open, &trails);
            v.national_id = baoxue_domain::access::mask_id(&id);
            v
        },
    };
    Ok(html(&page.shell, page.render()?))
}

/// The next finding that waits for one's decision, beside this one.
async fn next_answered(app: &App, actor: &Actor, id: i64) -> Result<Option<i64>, PageError> {
    let Ok(j) = actor.jurisdiction(Action::CloseFinding) else { return Ok(None) };
    let f = FindingFilter { states: vec![FindingState::Answered], ..FindingFilter::default() };
    let (found, _) = app.office.store.findings(&f, &j, 2, 0).await?;
    Ok(found.iter().map(|f| f.id).find(|n| *n != id))
}

/// A finding with which a person has to do: whose county answers for the child, or whose unit has it.
async fn finding_of(app: &App, actor: &Actor, id: i64) -> Result<Finding, PageError> {
    let answers = actor.jurisdiction(Action::Dispatch).or_else(|_| actor.jurisdiction(Action::CloseFinding)).ok();
    let holds = actor.jurisdiction(Action::AnswerFinding).ok();
    Ok(app.office.store.finding(id, answers.as_ref(), holds.as_ref()).await?.ok_or(OfficeError::NotFound)?)
}

pub async fn proof(Visit { app, signed, .. }: Visit, Path((id, proof)): Path<(i64, i64)>) -> Result<Response, PageError> {
    let f = finding_of(&app, &signed.actor, id).await?;
    let all = app.office.store.proofs_of(&f).await?;
    let a = all.into_iter().find(|a| a.id == proof).ok_or(OfficeError::NotFound)?;
    let (store, stored) = (app.office.store.clone(), a.stored.clone());
    let bytes = tokio::task::spawn_blocking(move || store.read_file(&stored)).await.map_err(|_| OfficeError::NotFound)??;
    app.office.note(&signed.actor, Deed::ViewProof, &format!("finding:{id}"), &a.file_name).await?;
    Ok(proof_file(&a.media_type, bytes))
}
