//! A child's page: who this is, where on record, history, tasks, all rows of all sources.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use baoxue_domain::access::{Action, Jurisdiction, mask_id, mask_name, mask_phone};
use baoxue_domain::person::age_on;
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::ChildRow;
use serde::Deserialize;

use super::App;
use super::error::PageError;
use super::shell::{Shell, html, shell};
use super::view::{ChildView, trails_of, verdict_class, when};
use crate::app::office::accounts::SignedIn;
use crate::app::office::review::evidence;
use crate::app::office::sheets::verdict;
use crate::app::office::{OfficeError, kept};

/// How long a revealed child stays revealed, in milliseconds.
const REVEALED_MS: i64 = 10 * 60_000;
/// Reasons that people choose from; another one can be written.
const REASONS: [&str; 5] = ["核实去向", "联系家长", "制作台账或报表", "核对名册", "领导或上级要求"];

struct Entry {
    verdict: &'static str,
    class: &'static str,
    reason: String,
    on: String,
    recorded: String,
    run: Option<i64>,
}

struct FindingLine {
    id: i64,
    state: &'static str,
    verdict: &'static str,
    when: String,
    /// Whether it is this person's business.
    may_open: bool,
}

#[derive(Template)]
#[template(path = "child.html")]
struct ChildPage {
    shell: Shell,
    child: ChildView,
    age: String,
    reason: String,
    next: &'static str,
    certainty: &'static str,
    register_place: String,
    school_place: String,
    entries: Vec<Entry>,
    findings: Vec<FindingLine>,
    open: bool,
    may_reveal: bool,
    revealed: String,
    reasons: [&'static str; 5],
}

#[derive(Template)]
#[template(path = "child_panel.html")]
struct Panel {
    child: ChildView,
    age: String,
    reason: String,
    next: &'static str,
}

#[derive(Deserialize, Default)]
pub struct Revealed {
    #[serde(default)]
    revealed: String,
}

/// A proof that this session revealed this child, until when.
fn ticket(app: &App, signed: &SignedIn, child: i64, until: i64) -> String {
    let seal =
        app.office.store.vault().audit_seal(&[b"reveal", &signed.session.digest, &child.to_be_bytes(), &until.to_be_bytes()]);
    format!("{until}.{}", seal.iter().take(16).map(|b| format!("{b:02x}")).collect::<String>())
}

fn is_revealed(app: &App, signed: &SignedIn, child: i64, typed: &str) -> bool {
    let until = typed.split_once('.').and_then(|(u, _)| u.parse::<i64>().ok());
    until.is_some_and(|u| u > app.office.now() && u <= app.office.now() + REVEALED_MS && ticket(app, signed, child, u) == typed)
}

/// The near miss names another child: it is left out until revealed.
fn masked_reason(reason: &str) -> String {
    match reason.split_once(";最接近的一条是") {
        Some((first, _)) => format!("{first};另有一条相近的记录,显示完整信息后可见。"),
        None => reason.to_owned(),
    }
}

fn age(app: &App, c: &ChildRow) -> String {
    let birth = c.birth_date.as_deref().and_then(|b| b.parse().ok());
    birth.map(|b| format!("{} 岁", age_on(b, app.office.clock.today()))).unwrap_or_default()
}

/// A reason sentence as far as one may read it: that of another county's child stays there.
fn shown_reason(c: &ChildRow, open: bool, reason: &str) -> String {
    match (&c.held_by, open) {
        (Some(_), _) => String::new(),
        (None, true) => reason.to_owned(),
        (None, false) => masked_reason(reason),
    }
}

pub async fn page(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Query(q): Query<Revealed>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let c = office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    if c.id != id {
        // merged: the old number leads to the child
        return Ok(Redirect::to(&format!("/children/{}", c.id)).into_response());
    }
    let open = super::view::is_own(&signed.actor, &c) || is_revealed(&app, &signed, id, &q.revealed);
    let trails = trails_of(&app, std::slice::from_ref(&c)).await?;
    let ledger = office.store.ledger_of(id).await?;
    let show = |r: &str| shown_reason(&c, open, r);
    let place = |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).cloned().unwrap_or_default();
    let kind = verdict(&c.verdict);
    // what another county does about its child is that county's
    let findings = if c.held_by.is_none() { office.store.findings_of(id).await? } else { Vec::new() };
    let answers = signed.actor.jurisdiction(Action::Dispatch).or_else(|_| signed.actor.jurisdiction(Action::CloseFinding)).ok();
    let holds = signed.actor.jurisdiction(Action::AnswerFinding).ok();
    let covers =
        |j: &Option<Jurisdiction>, path: &Option<String>| j.as_ref().zip(path.as_ref()).is_some_and(|(j, p)| j.covers(p));
    let page = ChildPage {
        age: age(&app, &c),
        reason: ledger.first().map(|e| show(&e.reason)).unwrap_or_default(),
        next: kind.map_or("", VerdictKind::next_step),
        certainty: match c.certainty {
            990.. => "各名册为同一人的把握很高",
            900.. => "各名册为同一人的把握较高",
            _ => "各名册是否同一人,把握一般,请核对",
        },
        register_place: place(&c.register_path),
        school_place: place(&c.school_path),
        entries: ledger
            .iter()
            .map(|e| Entry {
                verdict: verdict(&e.verdict).map_or("", VerdictKind::label),
                class: verdict_class(verdict(&e.verdict)),
                reason: show(&e.reason),
                on: e.effective_on.clone(),
                recorded: when(e.recorded_at),
                run: e.run,
            })
            .collect(),
        findings: findings
            .iter()
            .map(|f| FindingLine {
                id: f.id,
                state: f.state.label(),
                verdict: verdict(&f.verdict).map_or("", VerdictKind::label),
                when: when(f.changed_at),
                may_open: covers(&answers, &c.residence_path) || covers(&holds, &f.unit_path),
            })
            .collect(),
        open,
        may_reveal: signed.actor.may(Action::Reveal) && c.held_by.is_none(),
        revealed: if open { q.revealed } else { String::new() },
        reasons: REASONS,
        child: ChildView::new(c, open, &trails),
        shell: shell(&app, &signed, &headers, "儿童详情", "/ledgers").await?,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn panel(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let c = app.office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    let open = super::view::is_own(&signed.actor, &c);
    let trails = trails_of(&app, std::slice::from_ref(&c)).await?;
    let ledger = app.office.store.ledger_of(c.id).await?;
    let panel = Panel {
        age: age(&app, &c),
        reason: ledger.first().map(|e| shown_reason(&c, open, &e.reason)).unwrap_or_default(),
        next: verdict(&c.verdict).map_or("", VerdictKind::next_step),
        child: ChildView::new(c, open, &trails),
    };
    Ok(Html(panel.render()?).into_response())
}

#[derive(Deserialize)]
pub struct RevealForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    other: String,
}

pub async fn reveal(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Path(id): Path<i64>,
    Form(form): Form<RevealForm>,
) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::Reveal)?;
    let c = app.office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    if c.held_by.is_some() {
        return Err(OfficeError::Input("这名儿童由居住地所在县负责,联系方式和依据请向该县教育局查询".into()).into());
    }
    let reason = [form.reason.trim(), form.other.trim()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(":");
    if reason.is_empty() || reason.chars().count() > 200 {
        return Err(OfficeError::Input("请选择或写明查看完整信息的原因(200 字以内)".into()).into());
    }
    app.office.note(&signed.actor, "reveal", &format!("child:{}", c.id), &reason).await?;
    let until = app.office.now() + REVEALED_MS;
    Ok(Redirect::to(&format!("/children/{}?revealed={}", c.id, ticket(&app, &signed, c.id, until))).into_response())
}

struct SourceRow {
    source: &'static str,
    file: String,
    place: String,
    values: Vec<(String, String)>,
    /// In what it agrees with the first row, and in what not.
    evidence: Vec<(String, bool)>,
    in_use: bool,
}

#[derive(Template)]
#[template(path = "child_rows.html")]
struct Rows {
    rows: Vec<SourceRow>,
    missing: usize,
    /// Rows that another county keeps.
    elsewhere: usize,
}

/// Rows of all sources, read from the kept rosters: the page comes first, these follow.
pub async fn rows(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Path(id): Path<i64>,
    Query(q): Query<Revealed>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let c = office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    let open = super::view::is_own(&signed.actor, &c) || is_revealed(&app, &signed, id, &q.revealed);
    let scope = office.store.scope_of_child(c.id).await?.unwrap_or_default();
    let refs = office.store.rows_of(c.id).await?;
    let in_use = office.store.batches_in_use(&scope).await?;
    let (mut found_rows, mut missing, mut elsewhere) = (Vec::new(), 0, 0);
    for r in refs {
        // the newest roster of the source first, then the one in which the row was first seen
        let mut batches: Vec<baoxue_store::Batch> = in_use.iter().filter(|b| b.source == r.source).cloned().collect();
        batches.sort_by_key(|b| (b.id != r.batch, std::cmp::Reverse(b.id)));
        if !batches.iter().any(|b| b.id == r.batch) {
            batches.extend(office.store.batch(&scope, r.batch).await?);
        }
        let store = office.store.clone();
        let found = tokio::task::spawn_blocking(move || {
            batches.into_iter().find_map(|b| kept::find(&store, &b.roster, r.fingerprint).ok().flatten().map(|row| (b, row)))
        });
        let Some((b, row)) = found.await.map_err(|_| OfficeError::NotFound)? else {
            missing += 1;
            continue;
        };
        if c.held_by.is_some() && !is_ours(&c, &j, &b) {
            elsewhere += 1;
            continue;
        }
        found_rows.push((b, row));
    }
    // the most trusted row first: the others are held against it
    const TRUST: [SourceKind; 4] = [SourceKind::Household, SourceKind::Student, SourceKind::InSchool, SourceKind::Births];
    let trust = |source: &str| {
        let kind = SourceKind::find(source);
        TRUST.iter().position(|k| Some(*k) == kind).unwrap_or(TRUST.len())
    };
    found_rows.sort_by_key(|(b, _)| trust(&b.source));
    let base = found_rows.first().map(|(_, row)| row.row.clone());
    let mut out = Vec::new();
    for (i, (b, row)) in found_rows.into_iter().enumerate() {
        let kind = SourceKind::find(&b.source);
        let hide = |text: String, mask: fn(&str) -> String| if open { text } else { mask(&text) };
        let mut values = vec![
            ("姓名".to_owned(), hide(row.row.name.clone().unwrap_or_default(), mask_name)),
            ("身份证件号".to_owned(), hide(row.row.id_text().to_owned(), mask_id)),
            ("性别".to_owned(), row.row.sex.map_or(String::new(), |s| s.label().to_owned())),
            ("出生日期".to_owned(), row.row.birth_date.map_or(String::new(), |d| d.to_string())),
        ];
        for (field, value) in row.row.values.iter() {
            values.push((field.heading().to_owned(), if open { value.to_owned() } else { masked(field, value) }));
        }
        values.retain(|v| !v.1.is_empty());
        let evidence = base.as_ref().filter(|_| i > 0).map(|base| evidence(base, &row.row)).unwrap_or_default();
        out.push(SourceRow {
            evidence,
            source: kind.map_or("", SourceKind::label),
            place: format!("“{}”第 {} 行", row.sheet, row.row.row),
            in_use: b.state == baoxue_store::BatchState::Loaded,
            file: b.file_name,
            values,
        });
    }
    Ok(Html(Rows { rows: out, missing, elsewhere }.render()?).into_response())
}

/// Of another county's child one sees the rows by which it is one's own: of the student's registers where the school is, of the
/// household register where it is registered.
fn is_ours(c: &ChildRow, j: &Jurisdiction, roster: &baoxue_store::Batch) -> bool {
    let covers = |p: &Option<String>| p.as_ref().is_some_and(|p| j.covers(p));
    // a roster that another county handed over is that county's, whatever it says
    if !PlacePath::parse(&roster.scope).is_some_and(|p| j.reaches_county_of(&p)) {
        return false;
    }
    match SourceKind::find(&roster.source) {
        Some(SourceKind::Student | SourceKind::InSchool | SourceKind::LastYear) => covers(&c.school_path),
        Some(k) if SourceKind::EXAMS.contains(&k) => covers(&c.school_path),
        Some(SourceKind::Household) => covers(&c.register_path),
        _ => false,
    }
}

fn masked(field: Field, value: &str) -> String {
    match field {
        Field::Guardian | Field::SecondGuardian | Field::Mother | Field::FormerName => mask_name(value),
        Field::Phone | Field::GuardianPhone | Field::SecondGuardianPhone => mask_phone(value),
        Field::GuardianId
        | Field::MotherId
        | Field::StudentNumber
        | Field::DisabilityCertificate
        | Field::BirthCertificate
        | Field::ResidencePermit
        | Field::ExamNumber
        | Field::HouseholdNumber => mask_id(value),
        Field::Address | Field::RegisterAddress => baoxue_domain::access::mask_address(value),
        Field::Remarks => "***".to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_another_child() {
        let r =
            "户籍在册,2015-03-02 生,学籍名册未见就读记录;最接近的一条是学籍“王小明”(x.xlsx第3行),不像同一人(出生日期差 11 年)。";
        assert!(!masked_reason(r).contains("王小明"));
        assert_eq!(masked_reason("户籍在册。"), "户籍在册。");
        assert_eq!(masked(Field::GuardianPhone, "12812342231"), "128****2231");
        assert_eq!(masked(Field::SchoolName, "柳林小学"), "柳林小学");
    }
}
