//! 文书: Word files of a case, one or all of them.

use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use crate::web::frame::error::PageError;
use crate::web::frame::files::{DOCX, ReasonForm, file};
use crate::web::frame::visit::Visit;

#[derive(Deserialize)]
pub struct Of {
    /// The legal paper to which it belongs.
    of: Option<i64>,
}

/// A paper without the whole number, which needs no reason.
pub async fn one(
    Visit { app, signed, .. }: Visit,
    Path((id, code)): Path<(i64, String)>,
    Query(q): Query<Of>,
) -> Result<Response, PageError> {
    let (name, bytes) = app.office.paper_of(&signed.actor, id, &code, q.of).await?;
    Ok(file(&name, DOCX, bytes))
}

/// All papers, with whole numbers, for a reason.
pub async fn all(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(form): Form<ReasonForm>,
) -> Result<Response, PageError> {
    let reason = app.office.reason_of(&form.text())?;
    let (name, bytes) = app.office.papers_of_case(&signed.actor, id, &reason).await?;
    Ok(file(&name, "application/zip", bytes))
}
