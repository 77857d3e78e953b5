//! 待复核 (confirmations): what another administrator did to accounts and what takes effect only with a second person's word.

use askama::Template;
use axum::Form;
use axum::response::Response;
use baoxue_domain::access::{Deed, Role};
use baoxue_store::{GrantRow, Request, RequestKind};

use crate::app::access::confirmations::what;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

struct Line {
    id: i64,
    login: String,
    name: String,
    what: String,
    places: String,
    by: String,
    asked: String,
    network: String,
    until: String,
    not: Option<String>,
}

#[derive(Template)]
#[template(path = "access/confirmations.html")]
struct Confirmations {
    shell: Shell,
    lines: Vec<Line>,
    any: bool,
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let pending = app.office.pending(&signed.actor).await?;
    // what an account opens already: a reset opens it to whoever has the new password
    let held = app.office.store.grants(None).await?;
    let today = app.office.clock.today().to_string();
    let in_force = |g: &&GrantRow| g.valid_from <= today && g.valid_to.as_ref().is_none_or(|t| *t > today);
    let opens = |r: &Request| -> Vec<(Role, String)> {
        let asked = r.grants.iter().map(|g| (g.0, g.1.to_string()));
        match r.kind {
            RequestKind::Account | RequestKind::Grant => asked.collect(),
            RequestKind::Password | RequestKind::Enable => {
                held.iter().filter(|g| g.account == r.account).filter(in_force).map(|g| (g.role, g.path.clone())).collect()
            }
        }
    };
    let all: Vec<Vec<(Role, String)>> = pending.iter().map(|p| opens(&p.request)).collect();
    let mut paths: Vec<&str> = all.iter().flatten().map(|g| g.1.as_str()).collect();
    paths.dedup();
    let trails = app.office.trails(&paths).await?;
    let lines: Vec<Line> = pending
        .iter()
        .zip(&all)
        .map(|(p, opens)| {
            let r = &p.request;
            let place = |path: &str| trails.get(path).cloned().filter(|t| !t.is_empty()).unwrap_or_else(|| path.to_owned());
            Line {
                id: r.id,
                login: r.login.clone(),
                name: r.name.clone(),
                what: what(r),
                places: opens.iter().map(|(role, at)| format!("{} {}", role.label(), place(at))).collect::<Vec<_>>().join(";"),
                by: r.vouched_by.as_ref().map(|v| v.1.clone()).unwrap_or_default(),
                asked: when(r.asked_at),
                network: match (r.kind, r.address.as_str()) {
                    (RequestKind::Password, "") => "登录页上的申请".into(),
                    (RequestKind::Password, from) => format!("登录页上的申请,网络 {from}"),
                    _ => String::new(),
                },
                until: when(r.expires_at),
                not: p.not.clone(),
            }
        })
        .collect();
    let any = lines.iter().any(|l| l.not.is_none());
    let page = Confirmations { shell: shell(&app, &signed, &headers, "待复核", "/confirmations").await?, lines, any };
    Ok(html(&page.shell, page.render()?))
}

/// Each ticked request is an `id`.
type Ticked = Form<Vec<(String, String)>>;

pub async fn confirm(visit: Visit, form: Ticked) -> Result<Response, PageError> {
    decide(visit, form, true).await
}

pub async fn refuse(visit: Visit, form: Ticked) -> Result<Response, PageError> {
    decide(visit, form, false).await
}

async fn decide(Visit { app, signed, .. }: Visit, Form(form): Ticked, confirmed: bool) -> Result<Response, PageError> {
    let ids: Vec<i64> = form.iter().filter(|f| f.0 == "id").filter_map(|f| f.1.parse().ok()).collect();
    if ids.is_empty() {
        return Err(OfficeError::Input("请先勾选要办的各项".into()).into());
    }
    let (mut done, mut failed) = (0, Vec::new());
    for id in &ids {
        match app.office.decide_request(Some(&signed.actor), *id, confirmed).await {
            Ok(_) => done += 1,
            Err(OfficeError::Store(e)) => return Err(OfficeError::Store(e).into()),
            Err(e) => {
                app.office.note(&signed.actor, Deed::Refused, &format!("request:{id}"), &e.to_string()).await?;
                failed.push(e.to_string());
            }
        }
    }
    failed.dedup();
    let said = if confirmed { "已复核生效" } else { "已退回" };
    let but = if failed.is_empty() { String::new() } else { format!(";没有办成的:{}", failed.join(";")) };
    Ok(go("/confirmations", &format!("{said} {done} 项{but}")))
}
