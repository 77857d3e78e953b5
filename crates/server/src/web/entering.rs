//! Log-in, second factor, log-out.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;

use super::guard::COOKIE;
use super::{App, assets, error::PageError};
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;

#[derive(Template)]
#[template(path = "log_in.html")]
struct LogInPage {
    css: String,
    js: String,
    bureau: String,
    banner: Option<String>,
    next: String,
    login: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct LogIn {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Only to pages of this site.
fn inside(next: &str) -> &str {
    if next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') { next } else { "/" }
}

async fn page(app: &App, next: &str, login: &str, problem: Option<String>) -> Result<Response, PageError> {
    let page = LogInPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.setting("bureau", None).await?,
        banner: app.banner.clone(),
        next: inside(next).to_owned(),
        login: login.to_owned(),
        problem,
    };
    Ok(Html(page.render()?).into_response())
}

pub async fn log_in_page(State(app): State<Arc<App>>, Query(q): Query<Next>) -> Result<Response, PageError> {
    page(&app, &q.next, "", None).await
}

pub async fn log_in(
    State(app): State<Arc<App>>,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(form): Form<LogIn>,
) -> Result<Response, PageError> {
    let browser = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let address = address.map_or(String::new(), |a| a.0.0.ip().to_string());
    match app.office.log_in(&form.login, &form.password, browser, &address).await {
        Ok(done) => {
            let mut response = Redirect::to(inside(&form.next)).into_response();
            let secure = if app.tls { "; Secure" } else { "" };
            let cookie = format!("{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", done.token, done.seconds);
            if let Ok(v) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, v);
            }
            Ok(response)
        }
        Err(OfficeError::Input(said)) => {
            let mut response = page(&app, &form.next, &form.login, Some(said)).await?;
            *response.status_mut() = axum::http::StatusCode::UNAUTHORIZED;
            Ok(response)
        }
        Err(e) => Err(e.into()),
    }
}

pub async fn log_out(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    app.office.log_out(&signed).await?;
    let mut response = Redirect::to("/log-in").into_response();
    let gone = HeaderValue::from_static("baoxue=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    css: String,
    js: String,
    bureau: String,
    problem: Option<String>,
    /// Picture and secret, while it is being set up.
    setup: Option<(String, String)>,
}

#[derive(Deserialize)]
pub struct Code {
    code: String,
    #[serde(default)]
    secret: String,
}

async fn factor_page(app: &App, setup: Option<(String, String)>, problem: Option<String>) -> Result<Response, PageError> {
    let page = SecondFactorPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.setting("bureau", None).await?,
        problem,
        setup,
    };
    Ok(Html(page.render()?).into_response())
}

pub async fn second_factor_page(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    factor_page(&app, None, None).await
}

pub async fn second_factor(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(form): Form<Code>,
) -> Result<Response, PageError> {
    match app.office.give_code(&signed, &form.code).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(OfficeError::Input(said)) => factor_page(&app, None, Some(said)).await,
        Err(e) => Err(e.into()),
    }
}

fn picture(url: &str) -> String {
    let code = QrCode::new(url.as_bytes());
    code.map(|c| c.render::<svg::Color>().min_dimensions(220, 220).build()).unwrap_or_default()
}

async fn issuer(app: &App) -> Result<String, PageError> {
    Ok(format!("保学 {}", app.office.setting("bureau", None).await?))
}

/// The address that an app reads, for a secret that was shown already.
fn address_of(issuer: &str, login: &str, secret: &str) -> String {
    let plain = super::view::url_part;
    format!("otpauth://totp/{0}:{1}?secret={secret}&issuer={0}", plain(issuer), plain(login))
}

pub async fn setup_page(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    if !signed.second_factor_unset {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    let secret = app.office.new_totp()?;
    let url = address_of(&issuer(&app).await?, &signed.actor.login, &secret);
    factor_page(&app, Some((picture(&url), secret)), None).await
}

pub async fn setup(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(form): Form<Code>,
) -> Result<Response, PageError> {
    if !signed.second_factor_unset {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    match app.office.set_up_totp(&signed, &form.secret, &form.code).await {
        Ok(()) => Ok(super::shell::go("/", "动态码已绑定,以后登录请用手机上的 6 位动态码")),
        Err(OfficeError::Input(said)) => {
            let url = address_of(&issuer(&app).await?, &signed.actor.login, &form.secret);
            factor_page(&app, Some((picture(&url), form.secret)), Some(said)).await
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_to_pages_of_this_site() {
        for (next, to) in
            [("/runs/3", "/runs/3"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"), ("", "/")]
        {
            assert_eq!(inside(next), to, "{next}");
        }
    }

    #[test]
    fn the_picture_holds_the_address() {
        let svg = picture(&address_of("保学 青禾县", "zhang", "ABCDEFGHIJKLMNOP"));
        assert!(svg.contains("<svg") && svg.len() > 1_000);
    }
}
