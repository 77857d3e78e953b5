//! 报告疑似辍学: anybody who works with the child says that it is not in school.

use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use baoxue_domain::case::codes;
use serde::Deserialize;

use crate::app::case::opening::Report;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{ChildView, is_own, trails_of};
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "case/report.html")]
struct ReportPage {
    shell: Shell,
    child: ChildView,
    /// The file that is open already, if any.
    open: Option<(i64, String, &'static str)>,
    owner: String,
    why: &'static str,
    causes: Vec<(&'static str, &'static str)>,
    today: String,
}

pub async fn page(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let office = &app.office;
    let c = office.reportable(&signed.actor, id).await?;
    let owners = office.owners_of(&c).await?;
    let name = office.store.place_names(&[owners.lead.as_str()]).await?.remove(owners.lead.as_str());
    let file = office.store.cases_of(&c).await?.into_iter().find(|k| k.facts.state.is_open());
    let trails = trails_of(&app, std::slice::from_ref(&c)).await?;
    let page = ReportPage {
        shell: shell(&app, &signed, &headers, "报告疑似辍学", "/today").await?,
        child: {
            let open = is_own(&signed.actor, &c);
            ChildView::new(c, open, &trails)
        },
        open: file.map(|k| (k.id, k.label(), k.facts.state.label())),
        owner: name.unwrap_or_default(),
        why: owners.why,
        causes: codes().cause.iter().map(|c| (c.code.as_str(), c.label.as_str())).collect(),
        today: office.clock.today().to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct ReportForm {
    #[serde(default)]
    cause: String,
    #[serde(default)]
    last_day: String,
    #[serde(default)]
    whereabouts: String,
    #[serde(default)]
    reach: String,
    #[serde(default)]
    note: String,
}

pub async fn send(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<ReportForm>,
) -> Result<Response, PageError> {
    let r = Report { cause: &f.cause, last_day: &f.last_day, whereabouts: &f.whereabouts, reach: &f.reach, note: &f.note };
    let case = app.office.report(&signed.actor, id, &r).await?;
    Ok(go(&format!("/cases/{case}"), "已报告,劝返档案由牵头单位接着办"))
}
