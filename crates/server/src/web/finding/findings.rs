//! 交办核实: the county's list, a unit's inbox, one finding on a phone.

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::finding::{FindingState, Step, time_left};
use baoxue_domain::ledger::{DROPPED_OUT, all_dispositions, disposition};
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{Finding, FindingFilter};
use serde::Deserialize;

use crate::app::clock::civil;
use crate::app::comparison::run::LAPSED;
use crate::app::finding::dispatch::{Answer, MAX_PROOF_BYTES, MAX_PROOFS, answer_label};
use crate::app::finding::reminders::REMINDED;
use crate::app::office::OfficeError;
use crate::app::place::search::Sought;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{ChildView, MAX_PAGE, Pager, number, verdict_class, when};
use crate::web::frame::visit::Visit;

/// Findings of a page.
const PAGE: i64 = 50;

struct Line {
    id: i64,
    name: String,
    verdict: &'static str,
    class: &'static str,
    state: &'static str,
    unit: String,
    place: String,
    school: String,
    left: String,
    overdue: bool,
    answer: String,
    /// Who returned it and why.
    returned: String,
}

async fn lines(app: &App, actor: &Actor, findings: Vec<Finding>, own: bool) -> Result<Vec<Line>, PageError> {
    let office = &app.office;
    let everything = office.store.children_of(&findings).await?;
    let returns = office.store.returns_of(&findings.iter().map(|f| f.id).collect::<Vec<_>>()).await?;
    let mut paths: Vec<String> = everything.iter().filter_map(|c| c.residence_path.clone()).collect();
    paths.extend(returns.values().flatten().filter_map(|r| r.unit_path.clone()));
    paths.extend(findings.iter().filter_map(|f| f.unit_path.clone()));
    let trails = office.trails(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let (now, now_ms) = (office.clock.now(), office.now());
    let last =
        |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).and_then(|t| t.rsplit(" › ").next()).unwrap_or("").to_owned();
    Ok(findings
        .into_iter()
        .filter_map(|f| {
            let c = everything.iter().find(|c| c.id == f.child)?.clone();
            // an owner sees her own cases' names
            let open = own || crate::web::frame::view::is_own(actor, &c);
            let school = c.profile.school.clone();
            let view = ChildView::new(c, open, &trails);
            let pending = f.state == FindingState::Dispatched;
            Some(Line {
                id: f.id,
                name: view.name,
                verdict: VerdictKind::find(&f.verdict).map_or("", VerdictKind::label),
                class: verdict_class(VerdictKind::find(&f.verdict)),
                state: f.state.label(),
                unit: last(&f.unit_path),
                place: view.place,
                school,
                left: f.deadline_at.filter(|_| pending).map(|d| time_left(civil(d), now)).unwrap_or_default(),
                overdue: pending && f.deadline_at.is_some_and(|d| d < now_ms),
                answer: answer_label(f.disposition.as_deref()),
                returned: returns
                    .get(&f.id)
                    .into_iter()
                    .flatten()
                    .map(|r| format!("{}退回:{}", last(&r.unit_path), r.reason))
                    .collect::<Vec<_>>()
                    .join(";"),
            })
        })
        .collect())
}

#[derive(Deserialize, Clone, Default)]
pub struct ListQuery {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    overdue: String,
    #[serde(default)]
    page: Option<i64>,
}

struct Tab {
    label: &'static str,
    href: String,
    count: String,
    active: bool,
}

#[derive(Template)]
#[template(path = "finding/findings.html")]
struct Findings {
    shell: Shell,
    /// Only of this unit, and its name.
    unit: String,
    unit_name: String,
    tabs: Vec<Tab>,
    verdicts: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<Line>,
    pager: Pager,
    state: String,
    can_dispatch: bool,
    days: i64,
}

pub async fn list(Visit { app, signed, headers }: Visit, Query(q): Query<ListQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::Dispatch)?;
    let counts = office.store.finding_counts(&j, office.now()).await?;
    let of = |s| counts.iter().find(|c| c.state == s).map_or(0, |c| c.all);
    let state = if q.state.is_empty() { "open".to_owned() } else { q.state.clone() };
    let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    let mut f = FindingFilter { verdict: some(&q.verdict), unit: some(&q.unit), ..FindingFilter::default() };
    if state == "overdue" {
        f.states = vec![FindingState::Dispatched];
        f.due_before = Some(office.now());
    } else {
        f.states = vec![FindingState::find(&state).ok_or(OfficeError::NotFound)?];
    }
    let wanted = q.page.unwrap_or(1).clamp(1, MAX_PAGE);
    let (found, total) = office.store.findings(&f, &j, PAGE, (wanted - 1) * PAGE).await?;
    let pager = Pager::new(wanted, PAGE, total, "/findings", &[("state", &state), ("verdict", &q.verdict), ("unit", &q.unit)]);
    let late: i64 = counts.iter().filter(|c| c.state == FindingState::Dispatched).map(|c| c.overdue).sum();
    let mut tabs: Vec<Tab> =
        [FindingState::Open, FindingState::Dispatched, FindingState::Answered, FindingState::Cleared, FindingState::Confirmed]
            .map(|s| Tab {
                label: s.label(),
                href: format!("/findings?state={}", s.code()),
                count: number(of(s)),
                active: state == s.code(),
            })
            .into_iter()
            .collect();
    tabs.insert(
        2,
        Tab { label: "逾期", href: "/findings?state=overdue".into(), count: number(late), active: state == "overdue" },
    );
    let page = Findings {
        shell: shell(&app, &signed, &headers, "交办核实", "/findings").await?,
        tabs,
        verdicts: VerdictKind::ALL
            .iter()
            .filter(|k| k.is_suspected() || k.is_dropout())
            .map(|k| (k.code(), k.label(), q.verdict == k.code()))
            .collect(),
        unit_name: match PlacePath::parse(&q.unit) {
            Some(unit) => office.trails(&[unit.as_str()]).await?.remove(unit.as_str()).unwrap_or_default(),
            None => String::new(),
        },
        unit: q.unit.clone(),
        lines: lines(&app, &signed.actor, found, false).await?,
        pager,
        can_dispatch: matches!(state.as_str(), "open" | "dispatched" | "overdue" | "answered" | "confirmed"),
        state,
        days: office.policy(Some(&office.area(&signed.actor, Action::Dispatch)?)).await?.deadline_days,
    };
    Ok(html(&page.shell, page.render()?))
}

/// `ids` are the ticked ones, or with `all` everything in the list.
#[derive(Deserialize)]
pub struct DispatchForm {
    #[serde(default)]
    ids: String,
    #[serde(default)]
    all: Option<String>,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    state: String,
    /// The unit as it was picked, or as it was written.
    #[serde(default)]
    unit: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    days: String,
}

pub async fn dispatch(Visit { app, signed, .. }: Visit, Form(form): Form<DispatchForm>) -> Result<Response, PageError> {
    let mut ids: Vec<i64> = form.ids.split(',').filter_map(|t| t.trim().parse().ok()).collect();
    if form.all.is_some() {
        let j = signed.actor.jurisdiction(Action::Dispatch)?;
        let f = FindingFilter {
            states: vec![FindingState::Open],
            verdict: (!form.verdict.is_empty()).then_some(form.verdict.clone()),
            ..FindingFilter::default()
        };
        ids = app.office.store.findings(&f, &j, 5_000, 0).await?.0.iter().map(|f| f.id).collect();
    }
    let unit = match (PlacePath::parse(&form.unit), form.place.trim()) {
        (Some(picked), _) => Some(picked),
        (None, "") => None,
        (None, written) => {
            let j = signed.actor.jurisdiction(Action::Dispatch)?;
            let found = app.office.place_meant(&j, written, Sought::Units).await?;
            Some(found.ok_or_else(|| OfficeError::Input(format!("没有“{written}”这个村(社区)、学校或乡镇")))?)
        }
    };
    let days = form.days.parse().ok().filter(|d| (1..=60).contains(d));
    let n = app.office.dispatch(&signed.actor, &ids, unit.as_ref(), days).await?;
    let back = if form.state.is_empty() { "open" } else { form.state.as_str() };
    Ok(go(
        &format!("/findings?state={}", crate::web::frame::view::url_part(back)),
        &format!("已交办 {n} 条,到期未答复会自动提醒"),
    ))
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

pub async fn inbox(Visit { app, signed, headers }: Visit, Query(q): Query<ListQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::AnswerFinding)?;
    let done = q.state == "done";
    let late = !q.overdue.is_empty();
    let waiting = FindingFilter { states: vec![FindingState::Dispatched], ..FindingFilter::default() };
    let overdue = FindingFilter { due_before: Some(office.now()), ..waiting.clone() };
    let ended = FindingFilter {
        states: vec![FindingState::Answered, FindingState::Cleared, FindingState::Confirmed],
        ..FindingFilter::default()
    };
    let f = if done {
        &ended
    } else if late {
        &overdue
    } else {
        &waiting
    };
    let wanted = q.page.unwrap_or(1).clamp(1, MAX_PAGE);
    let (found, total) = office.store.inbox(f, &j, PAGE, (wanted - 1) * PAGE).await?;
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
        pager: Pager::new(wanted, PAGE, total, "/inbox", &[("state", &q.state), ("overdue", &q.overdue)]),
    };
    Ok(html(&page.shell, page.render()?))
}

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
    confirmed: bool,
    can_reopen: bool,
    dispositions: Vec<(String, String, String)>,
    days: i64,
    megabytes: usize,
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
        confirmed: f.state == FindingState::Confirmed,
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

/// A finding with which a person has to do: whose county answers for the child, or whose unit has it.
async fn finding_of(app: &App, actor: &Actor, id: i64) -> Result<Finding, PageError> {
    let answers = actor.jurisdiction(Action::Dispatch).or_else(|_| actor.jurisdiction(Action::CloseFinding)).ok();
    let holds = actor.jurisdiction(Action::AnswerFinding).ok();
    Ok(app.office.store.finding(id, answers.as_ref(), holds.as_ref()).await?.ok_or(OfficeError::NotFound)?)
}

pub async fn answer(Visit { app, signed, .. }: Visit, Path(id): Path<i64>, mut form: Multipart) -> Result<Response, PageError> {
    let office = &app.office;
    // whoever may not answer it does not send anything either
    office.answered_finding(&signed.actor, id, None).await?;
    let (mut version, mut code, mut note, mut proofs) = (None, String::new(), String::new(), Vec::new());
    while let Some(mut field) = form.next_field().await? {
        match field.name() {
            Some("version") => {
                version = field.text().await?.parse().ok();
                office.answered_finding(&signed.actor, id, version).await?;
            }
            Some("disposition") => code = field.text().await?,
            Some("note") => note = field.text().await?,
            Some("proofs") => {
                let name = field.file_name().unwrap_or("").to_owned();
                // one at a time is in memory
                let mut bytes = Vec::new();
                while let Some(chunk) = field.chunk().await? {
                    if bytes.len() + chunk.len() > MAX_PROOF_BYTES {
                        let said = format!("“{name}”超过 {} MB,请缩小后再传", MAX_PROOF_BYTES >> 20);
                        return Err(OfficeError::Input(said).into());
                    }
                    bytes.extend_from_slice(&chunk);
                }
                if proofs.len() >= MAX_PROOFS {
                    return Err(OfficeError::Input(format!("佐证材料最多 {MAX_PROOFS} 份")).into());
                }
                if !bytes.is_empty() {
                    proofs.push(office.keep_proof(&name, bytes).await?);
                }
            }
            _ => {}
        }
    }
    let version = version.unwrap_or(0);
    office.answer(&signed.actor, Answer { finding: id, version, disposition: &code, note: &note, proofs }).await?;
    Ok(go("/inbox", "已答复,等县教育局审核"))
}

#[derive(Deserialize)]
pub struct StepForm {
    version: i64,
    #[serde(default)]
    note: String,
}

/// A step of a finding that takes a right of its own: where to go afterwards, and what was done.
async fn take(visit: Visit, id: i64, form: StepForm, step: Step, back: &str, said: &str) -> Result<Response, PageError> {
    visit.app.office.step(&visit.signed.actor, id, form.version, step, &form.note).await?;
    Ok(go(back, said))
}

pub async fn clear(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    let said = "已核销,当日起不在疑似辍学台账;佐证留存备查";
    take(visit, id, form, Step::Clear, &format!("/findings/{id}"), said).await
}

pub async fn confirm(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    let said = "已确认辍学,列入辍学台账;请交学校或村(社区)劝返";
    take(visit, id, form, Step::Confirm, &format!("/findings/{id}"), said).await
}

pub async fn send_back(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    take(visit, id, form, Step::SendBack, &format!("/findings/{id}"), "已退回,请对方重新核实").await
}

pub async fn hand_back(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    take(visit, id, form, Step::HandBack, "/inbox", "已退回县教育局,由其另行交办").await
}

pub async fn reopen(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    take(visit, id, form, Step::Reopen, &format!("/findings/{id}"), "已重新打开").await
}

pub async fn proof(Visit { app, signed, .. }: Visit, Path((id, proof)): Path<(i64, i64)>) -> Result<Response, PageError> {
    let f = finding_of(&app, &signed.actor, id).await?;
    let all = app.office.store.proofs_of(&f).await?;
    let a = all.into_iter().find(|a| a.id == proof).ok_or(OfficeError::NotFound)?;
    let store = app.office.store.clone();
    let bytes = tokio::task::spawn_blocking(move || store.read_file(&a.stored)).await.map_err(|_| OfficeError::NotFound)??;
    let mut response = bytes.into_response();
    if let Ok(v) = HeaderValue::from_str(&a.media_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, v);
    }
    // only what this program encoded itself is shown in the page
    let shown = match a.media_type.as_str() {
        "image/jpeg" => "inline",
        "application/pdf" => "attachment; filename=\"proof.pdf\"",
        _ => "attachment",
    };
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(shown));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    app.office.note(&signed.actor, Deed::ViewProof, &format!("finding:{id}"), &a.file_name).await?;
    Ok(response)
}
