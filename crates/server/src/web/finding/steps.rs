//! What is done to a finding: each step a route with a right of its own.

use axum::Form;
use axum::extract::{Multipart, Path};
use axum::response::Response;
use baoxue_domain::finding::Step;
use serde::Deserialize;

use crate::app::finding::dispatch::{Answer, MAX_PROOF_BYTES, MAX_PROOFS};
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::go;
use crate::web::frame::visit::Visit;

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
    let case = visit.app.office.step(&visit.signed.actor, id, form.version, step, &form.note).await?;
    // what was upheld goes on there
    Ok(go(&case.map_or(back.to_owned(), |k| format!("/cases/{k}")), said))
}

pub async fn clear(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    let said = "已核销,当日起不在疑似辍学台账;佐证留存备查";
    take(visit, id, form, Step::Clear, &format!("/findings/{id}"), said).await
}

pub async fn confirm(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    let said = "已确认辍学,列入辍学台账;劝返档案已交牵头单位";
    take(visit, id, form, Step::Confirm, &format!("/findings/{id}"), said).await
}

pub async fn file(visit: Visit, Path(id): Path<i64>, Form(form): Form<StepForm>) -> Result<Response, PageError> {
    let said = "已转入劝返,没有确认辍学,台账不变;劝返档案已交牵头单位";
    take(visit, id, form, Step::File, &format!("/findings/{id}"), said).await
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
