//! A child's page: who this is, where on record, history, tasks, all rows of all sources.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Redirect, Response};
use baoxue_domain::access::{Action, Deed, Jurisdiction, mask_id, mask_name, mask_phone};
use baoxue_domain::ledger::Standing;
use baoxue_domain::person::age_on;
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{ChildRow, Established, LedgerRow};
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::comparison::judging::evidence;
use crate::app::finding::dispatch::lapse_label;
use crate::app::ledger::listing::told;
use crate::app::office::OfficeError;
use crate::app::roster::kept;
use crate::web::App;
use crate::web::attendance::warnings::{StripDay, attendance};
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{ChildView, trails_of, verdict_class, when};
use crate::web::frame::visit::Visit;

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

/// What was established of the child.
struct EstablishedLine {
    label: String,
    unit: String,
    by: String,
    from: String,
    until: String,
    /// Whether it holds, and why not.
    holds: bool,
    why: String,
}

#[derive(Template)]
#[template(path = "ledger/child.html")]
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
    /// Files of the child: number in the database, number, state, since when.
    cases: Vec<(i64, String, &'static str, String)>,
    may_report: bool,
    /// The days of the last two months, and warnings of them.
    strip: Vec<StripDay>,
    warnings: Vec<(i64, String)>,
    may_leave: bool,
    established: Vec<EstablishedLine>,
    ledger: &'static str,
    open: bool,
    may_reveal: bool,
    revealed: String,
    reasons: [&'static str; 5],
}

#[derive(Template)]
#[template(path = "ledger/child_panel.html")]
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

fn age(app: &App, c: &ChildRow) -> String {
    let birth = c.birth_date.as_deref().and_then(|b| b.parse().ok());
    birth.map(|b| format!("{} 岁", age_on(b, app.office.clock.today()))).unwrap_or_default()
}

/// A reason as far as one may read it: that of another county's child stays there; what came closest is another child's row, and is left
/// out until the child is revealed.
fn shown_reason(c: &ChildRow, open: bool, e: &LedgerRow) -> String {
    match (&c.held_by, open, e.near_miss.is_empty()) {
        (Some(_), ..) => String::new(),
        (None, _, true) => e.reason.clone(),
        (None, true, false) => format!("{}{}", e.reason, e.near_miss),
        (None, false, false) => format!("{}另有一条相近的记录,显示完整信息后可见。", e.reason),
    }
}

pub async fn page(
    Visit { app, signed, headers }: Visit,
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
    let open = crate::web::frame::view::is_own(&signed.actor, &c) || is_revealed(&app, &signed, id, &q.revealed);
    let trails = trails_of(&app, std::slice::from_ref(&c)).await?;
    let ledger = office.store.ledger_of(&c).await?;
    let show = |e: &LedgerRow| shown_reason(&c, open, e);
    let place = |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).cloned().unwrap_or_default();
    let kind = VerdictKind::find(&c.verdict);
    // what another county does about its child is that county's
    let findings = if c.held_by.is_none() { office.store.findings_of(&c).await? } else { Vec::new() };
    let answers = signed.actor.jurisdiction(Action::Dispatch).or_else(|_| signed.actor.jurisdiction(Action::CloseFinding)).ok();
    let holds = signed.actor.jurisdiction(Action::AnswerFinding).ok();
    let covers =
        |j: &Option<Jurisdiction>, path: &Option<String>| j.as_ref().zip(path.as_ref()).is_some_and(|(j, p)| j.covers(p));
    let (established, standing) = if c.held_by.is_none() { established(&app, &signed, &c).await? } else { Default::default() };
    let (strip, warnings) = attendance(&app, &signed.actor, &c).await?;
    let teaches =
        c.school_path.as_deref().is_some_and(|p| signed.actor.jurisdiction(Action::TakeRoll).is_ok_and(|j| j.covers(p)));
    let page = ChildPage {
        strip,
        warnings,
        may_leave: teaches,
        established,
        ledger: match standing {
            Some(Standing::Suspected) => "在疑似辍学台账",
            Some(Standing::Cleared) => "已核销,不在疑似辍学台账",
            Some(Standing::Dropout) => "在辍学台账",
            Some(Standing::Returned) => "已返校复学",
            _ => "",
        },
        age: age(&app, &c),
        reason: ledger.first().map(show).unwrap_or_default(),
        next: match standing {
            _ if c.gone_since_run.is_some() => "这名儿童已不在现有名册中,请核对名册是否交全",
            Some(Standing::Cleared) => "无须处理;证明到期或名册有变时会自动提醒",
            Some(Standing::Dropout) => "劝返复学",
            Some(Standing::Returned) => "按期回访",
            _ => kind.map_or("", VerdictKind::next_step),
        },
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
                verdict: VerdictKind::find(&e.verdict).map_or("", VerdictKind::label),
                class: verdict_class(VerdictKind::find(&e.verdict)),
                reason: show(e),
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
                verdict: VerdictKind::find(&f.verdict).map_or("", VerdictKind::label),
                when: when(f.changed_at),
                may_open: covers(&answers, &c.residence_path) || covers(&holds, &f.unit_path),
            })
            .collect(),
        cases: match signed.actor.jurisdiction(Action::ViewCases) {
            Ok(_) if c.held_by.is_none() => {
                let all = office.store.cases_of(&c).await?;
                all.into_iter().map(|k| (k.id, k.label(), k.facts.state.label(), k.opened_on.to_string())).collect()
            }
            _ => Vec::new(),
        },
        may_report: office.reportable(&signed.actor, id).await.is_ok(),
        open,
        may_reveal: signed.actor.may(Action::Reveal) && c.held_by.is_none(),
        revealed: if open { q.revealed } else { String::new() },
        reasons: REASONS,
        child: ChildView::new(c, open, &trails),
        shell: shell(&app, &signed, &headers, "儿童详情", "/ledgers").await?,
    };
    Ok(html(&page.shell, page.render()?))
}

/// What was established of a child, the newest first, and where it stands today.
async fn established(app: &App, signed: &SignedIn, c: &ChildRow) -> Result<(Vec<EstablishedLine>, Option<Standing>), PageError> {
    let office = &app.office;
    let (today, now) = (office.clock.today(), i64::MAX);
    let history = office.store.history_of(c).await?;
    let units: Vec<&str> = history.establishments.iter().filter_map(|e| e.unit_path.as_deref()).collect();
    let names = office.store.place_names(&units).await?;
    let stands = history.stands(today, now);
    let open = signed.actor.may(Action::CloseFinding);
    let line = |e: &Established| {
        let in_force = stands.is_some_and(|s| s.establishment == Some(e.rule.id) && s.lapse.is_none());
        let why = match (e.rule.revoked, history.lapse(&e.rule, today, now)) {
            (Some((day, _)), _) => format!("{day} 重新打开核实"),
            (None, Some(lapse)) => lapse_label(lapse),
            (None, None) if !in_force => "已有新的认定".to_owned(),
            (None, None) => String::new(),
        };
        EstablishedLine {
            label: told(Some(&e.conclusion), open),
            unit: e.unit_path.as_ref().and_then(|u| names.get(u)).cloned().unwrap_or_default(),
            by: e.recorded_by.clone().unwrap_or_default(),
            from: e.rule.valid_from.to_string(),
            until: e.rule.valid_to.map(|d| d.to_string()).unwrap_or_default(),
            holds: in_force,
            why,
        }
    };
    let lines = history.establishments.iter().rev().map(line).collect();
    Ok((lines, stands.map(|s| s.standing)))
}

pub async fn panel(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let c = app.office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    let open = crate::web::frame::view::is_own(&signed.actor, &c);
    let trails = trails_of(&app, std::slice::from_ref(&c)).await?;
    let ledger = app.office.store.ledger_of(&c).await?;
    let panel = Panel {
        age: age(&app, &c),
        reason: ledger.first().map(|e| shown_reason(&c, open, e)).unwrap_or_default(),
        next: VerdictKind::find(&c.verdict).map_or("", VerdictKind::next_step),
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
    Visit { app, signed, .. }: Visit,
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
    app.office.note(&signed.actor, Deed::Reveal, &format!("child:{}", c.id), &reason).await?;
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
#[template(path = "components/child_rows.html")]
struct Rows {
    rows: Vec<SourceRow>,
    missing: usize,
    /// Rows that another county keeps.
    elsewhere: usize,
}

/// Rows of all sources, read from the kept rosters: the page comes first, these follow.
pub async fn rows(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Query(q): Query<Revealed>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let j = signed.actor.jurisdiction(Action::ViewChild)?;
    let c = office.store.child(id, &j).await?.ok_or(OfficeError::NotFound)?;
    let open = crate::web::frame::view::is_own(&signed.actor, &c) || is_revealed(&app, &signed, id, &q.revealed);
    let scope = office.store.scope_of_child(&c).await?.unwrap_or_default();
    let refs = office.store.rows_of(&c).await?;
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
    fn what_is_masked_of_a_row() {
        assert_eq!(masked(Field::GuardianPhone, "12812342231"), "128****2231");
        assert_eq!(masked(Field::SchoolName, "柳林小学"), "柳林小学");
    }
}
