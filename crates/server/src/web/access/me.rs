//! One's own account: password, sessions.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use crate::app::access::accounts::{SignedIn, session_name};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::assets;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

/// A phone on which one works without signal.
struct DeviceView {
    id: i64,
    name: String,
    enrolled: String,
    seen: String,
}

struct SessionView {
    name: String,
    browser: String,
    address: String,
    began: String,
    seen: String,
    this: bool,
}

#[derive(Template)]
#[template(path = "access/me.html")]
struct Me {
    shell: Shell,
    login: String,
    grants: Vec<(String, String)>,
    sessions: Vec<SessionView>,
    devices: Vec<DeviceView>,
    second_factor: bool,
}

/// What people call their browser.
fn browser(agent: &str) -> String {
    let name = [("MicroMessenger", "微信"), ("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")];
    let system = [("Android", "安卓"), ("iPhone", "iPhone"), ("Windows", "Windows"), ("Mac OS", "Mac"), ("Linux", "Linux")];
    let find = |all: &[(&str, &'static str)]| all.iter().find(|(w, _)| agent.contains(w)).map_or("", |(_, n)| n);
    format!("{} {}", find(&system), find(&name)).trim().to_owned()
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let paths: Vec<&str> = signed.actor.grants.iter().map(|g| g.path.as_str()).collect();
    let trails = app.office.trails(&paths).await?;
    let sessions = app.office.store.sessions_of(signed.actor.account).await?;
    let devices = app.office.store.offline_devices(signed.actor.account).await?;
    let me = Me {
        devices: devices
            .into_iter()
            .map(|d| DeviceView { id: d.id, name: d.name, enrolled: when(d.enrolled_at), seen: when(d.seen_at) })
            .collect(),
        shell: shell(&app, &signed, &headers, "我的账号", "/me").await?,
        login: signed.actor.login.clone(),
        grants: signed
            .actor
            .grants
            .iter()
            .map(|g| (g.role.label().to_owned(), trails.get(g.path.as_str()).cloned().unwrap_or_default()))
            .collect(),
        sessions: sessions
            .iter()
            .map(|s| SessionView {
                name: session_name(s),
                browser: browser(&s.user_agent),
                address: s.address.clone(),
                began: when(s.created_at),
                seen: when(s.seen_at),
                this: s.digest == signed.session.digest,
            })
            .collect(),
        second_factor: !signed.second_factor_unset,
    };
    Ok(html(&me.shell, me.render()?))
}

pub async fn end_session(Visit { app, signed, .. }: Visit, Path(name): Path<String>) -> Result<Response, PageError> {
    app.office.end_session(&signed, &name).await?;
    Ok(go("/me", "已退出那台设备"))
}

pub async fn end_other_sessions(Visit { app, signed, .. }: Visit) -> Result<Response, PageError> {
    let n = app.office.end_other_sessions(&signed).await?;
    Ok(go("/me", &format!("已退出其他设备 {n} 台")))
}

pub async fn end_device(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    app.office.end_own_device(&signed.actor, id).await?;
    Ok(go("/me", "已停用。那部手机下次联网时删除存在里面的档案;没有上传的记录上传后由您确认"))
}

pub async fn notices_read(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    app.office.notices_read(&signed).await?;
    Ok(go("/", "已知道"))
}

#[derive(Template)]
#[template(path = "access/password.html")]
struct PasswordPage {
    css: String,
    js: String,
    bureau: String,
    forced: bool,
    least: usize,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub struct Passwords {
    old: String,
    new: String,
    again: String,
}

async fn password_form(app: &App, signed: &SignedIn, problem: Option<String>) -> Result<Response, PageError> {
    let account = app.office.store.account(signed.actor.account).await?.ok_or(OfficeError::NotFound)?;
    let page = PasswordPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.policy(signed.actor.home()).await?.bureau,
        forced: signed.must_change_password,
        least: app.office.least_password(&account).await?,
        problem,
    };
    Ok(Html(page.render()?).into_response())
}

pub async fn password_page(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    password_form(&app, &signed, None).await
}

pub async fn password(Visit { app, signed, .. }: Visit, Form(form): Form<Passwords>) -> Result<Response, PageError> {
    let done = if form.new == form.again {
        app.office.change_password(&signed, &form.old, &form.new).await
    } else {
        Err(OfficeError::Input("两次输入的新密码不一样".into()))
    };
    match done {
        Ok(()) => Ok(go("/", "密码已修改,其他设备上的登录都已退出")),
        Err(OfficeError::Input(said)) => password_form(&app, &signed, Some(said)).await,
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn browsers() {
        let of = crate::web::access::me::browser;
        assert_eq!(of("Mozilla/5.0 (Linux; Android 12; …) AppleWebKit Chrome/96 MicroMessenger/8"), "安卓 微信");
        assert_eq!(of("Mozilla/5.0 (Windows NT 10.0) Chrome/120 Edg/120"), "Windows Edge");
        assert_eq!(of(""), "");
    }
}
