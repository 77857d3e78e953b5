//! 专项核查: transition, grade 9 against the exam, person and register (R-CMP 6, 7, 9).

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::roster::SourceKind;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::LedgerQuery;

use crate::app::access::accounts::SignedIn;
use crate::app::comparison::run::Figures;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, ReasonForm};
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{ChildView, number, of_list};
use crate::web::frame::visit::Visit;

/// Children of a check that are listed.
const SHOWN: usize = 1_000;

struct PassageView {
    index: usize,
    label: String,
    leavers: String,
    unseen: String,
}

struct ExamView {
    index: usize,
    school: String,
    enrolled: String,
    exams: Vec<ExamCell>,
}

/// One examination of a school.
struct ExamCell {
    source: String,
    listed: String,
    absent: i64,
    missing: usize,
}

struct AgreementView {
    label: &'static str,
    code: &'static str,
    count: String,
}

#[derive(Template)]
#[template(path = "comparison/checks.html")]
struct Checks {
    shell: Shell,
    run: Option<(i64, String)>,
    may_view_runs: bool,
    may_export: bool,
    reasons: [&'static str; 5],
    passages: Vec<PassageView>,
    /// Names of the examinations at hand.
    exam_names: Vec<&'static str>,
    exams: Vec<ExamView>,
    agreement: Vec<AgreementView>,
}

/// What the last run found.
struct Found {
    run: i64,
    as_of: String,
    figures: Figures,
    /// Whether one sees all that was compared.
    whole: bool,
}

/// The last run that tells of where one is.
async fn found(app: &App, signed: &SignedIn) -> Result<Option<Found>, PageError> {
    let county = app.office.compared(&signed.actor, Action::ViewChecks).await?;
    let Some(run) = app.office.store.last_run(county.as_str()).await? else { return Ok(None) };
    let figures = Figures::of_run(&run)?;
    let whole = signed.actor.jurisdiction(Action::ViewChecks)?.covers(county.as_str());
    Ok(Some(Found { run: run.id, as_of: run.as_of, figures, whole }))
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::ViewChecks)?;
    let found = found(&app, &signed).await?;
    let (mut passages, mut exams) = (Vec::new(), Vec::new());
    if let Some(Found { figures: f, whole, .. }) = &found {
        let whole = *whole;
        for (index, p) in f.transitions.iter().enumerate() {
            // of a county's list a school counts its own
            let unseen = app.office.store.count_among(&p.unseen, &j).await?;
            let leavers = if whole { number(p.leavers) } else { String::new() };
            passages.push(PassageView { index, label: p.label.clone(), leavers, unseen: number(unseen) });
        }
        for (index, e) in f.exams.iter().enumerate().filter(|(_, e)| j.covers(&e.path)) {
            exams.push(ExamView {
                index,
                school: e.school.clone(),
                enrolled: number(e.enrolled),
                exams: e
                    .exams
                    .iter()
                    .map(|x| ExamCell {
                        source: x.source.clone(),
                        listed: number(x.listed),
                        absent: x.absent,
                        missing: x.missing.len(),
                    })
                    .collect(),
            });
        }
    }
    const AGREEMENT: [VerdictKind; 6] = [
        VerdictKind::IdentityMismatch,
        VerdictKind::DoubleRecord,
        VerdictKind::RecordPending,
        VerdictKind::EnrolledNotPresent,
        VerdictKind::RecordWithoutChild,
        VerdictKind::RecordNoHousehold,
    ];
    let counts = app.office.store.verdict_counts(&LedgerQuery::default(), &j).await?;
    let agreement = AGREEMENT.map(|k| AgreementView {
        label: k.label(),
        code: k.code(),
        count: number(counts.iter().find(|c| c.0 == k.code()).map_or(0, |c| c.1)),
    });
    let of_first = found.as_ref().and_then(|f| f.figures.exams.first()).map(|e| e.exams.as_slice()).unwrap_or_default();
    let exam_names = of_first.iter().filter_map(|x| SourceKind::find(&x.source)).map(SourceKind::label).collect();
    let page = Checks {
        shell: shell(&app, &signed, &headers, "专项核查", "/checks").await?,
        run: found.map(|f| (f.run, f.as_of)),
        may_view_runs: signed.actor.may(Action::ViewRuns),
        may_export: signed.actor.may(Action::Export),
        reasons: REASONS,
        exam_names,
        passages,
        exams,
        agreement: agreement.into_iter().collect(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// The checks as a spreadsheet, names and numbers masked.
pub async fn export(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    exported(&app, &signed, None).await
}

/// The checks as a spreadsheet with everything, for a reason.
pub async fn export_full(Visit { app, signed, .. }: Visit, Form(form): Form<ReasonForm>) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    exported(&app, &signed, Some(&reason)).await
}

async fn exported(app: &App, signed: &SignedIn, reason: Option<&str>) -> Result<Response, PageError> {
    let Found { figures, as_of: day, .. } = found(app, signed).await?.ok_or(OfficeError::NotFound)?;
    let bytes = app.office.checks_sheet(&signed.actor, &figures, &day, reason).await?;
    let masked = if reason.is_some() { "" } else { "-隐名" };
    Ok(file(&format!("专项核查-{day}{masked}.xlsx"), XLSX, bytes))
}

#[derive(Template)]
#[template(path = "comparison/check_list.html")]
struct CheckList {
    shell: Shell,
    label: String,
    about: &'static str,
    rows: Vec<ChildView>,
    total: String,
    more: bool,
}

pub async fn list(Visit { app, signed, headers }: Visit, Path((run, check)): Path<(i64, String)>) -> Result<Response, PageError> {
    let Found { run: id, figures: f, .. } = found(&app, &signed).await?.ok_or(OfficeError::NotFound)?;
    let j = signed.actor.jurisdiction(Action::ViewChecks)?;
    if id != run {
        return Err(OfficeError::Conflict("已有更新的比对结果,请从“专项核查”重新打开".into()).into());
    }
    let (kind, index) = check.split_once('-').ok_or(OfficeError::NotFound)?;
    // exam-3-diagnostic-1: the school and the examination
    let (index, which) = index.split_once('-').unwrap_or((index, ""));
    let index: usize = index.parse().map_err(|_| OfficeError::NotFound)?;
    let (label, about, ids) = match kind {
        "passage" => {
            let p = f.transitions.get(index).ok_or(OfficeError::NotFound)?;
            (format!("{}未见去向", p.label), "上一学段结束、下一学段没有就读记录的学生,请逐一核实去向。", p.unseen.clone())
        }
        "exam" => {
            let e = f.exams.get(index).filter(|e| j.covers(&e.path)).ok_or(OfficeError::NotFound)?;
            let exam = e.exams.iter().find(|x| x.source == which).ok_or(OfficeError::NotFound)?;
            let label = SourceKind::find(which).map_or("", SourceKind::label);
            (
                format!("{}九年级未见{label}", e.school),
                "九年级在籍、这次考试或中考报名的名册里没有的学生,请核实是否提前分流或已离校。",
                exam.missing.clone(),
            )
        }
        _ => return Err(OfficeError::NotFound.into()),
    };
    let mut rows = app.office.store.children_among(&ids, &j).await?;
    rows.sort_by(|a, b| (&a.school_path, a.id).cmp(&(&b.school_path, b.id)));
    let more = rows.len() > SHOWN;
    let total = number(rows.len() as i64);
    rows.truncate(SHOWN);
    let page = CheckList {
        shell: shell(&app, &signed, &headers, &label, "/checks").await?,
        label,
        about,
        rows: of_list(&app, &signed.actor, rows).await?,
        total,
        more,
    };
    Ok(html(&page.shell, page.render()?))
}
