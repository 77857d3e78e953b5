//! 导入考勤: a spreadsheet of who was away, or a class's month; what was not understood is said row by row, and then nothing is taken.

use askama::Template;
use axum::extract::Multipart;
use axum::response::Response;
use baoxue_domain::attendance::{Check, Mark};

use crate::app::attendance::import::{Imported, MAX_FILE};
use crate::app::attendance::roll::LATE_DAYS;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "attendance/import.html")]
struct ImportPage {
    shell: Shell,
    done: Option<Imported>,
    days: i64,
    megabytes: usize,
    checks: String,
    marks: String,
}

async fn shown(v: Visit, done: Option<Imported>) -> Result<Response, PageError> {
    let list = |all: Vec<&str>| all.join("、");
    let page = ImportPage {
        shell: shell(&v.app, &v.signed, &v.headers, "导入考勤", "/roll").await?,
        done,
        days: LATE_DAYS,
        megabytes: MAX_FILE >> 20,
        checks: list(Check::ALL.into_iter().map(Check::label).collect()),
        marks: list(Mark::ALL.into_iter().map(Mark::label).collect()),
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn page(v: Visit) -> Result<Response, PageError> {
    shown(v, None).await
}

pub async fn take(v: Visit, mut form: Multipart) -> Result<Response, PageError> {
    while let Some(field) = form.next_field().await? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or("考勤").to_owned();
            let bytes = field.bytes().await?.to_vec();
            let done = v.app.office.import_rolls(&v.signed.actor, &name, bytes).await?;
            return shown(v, Some(done)).await;
        }
    }
    Err(OfficeError::field("file", "请选择文件").into())
}
