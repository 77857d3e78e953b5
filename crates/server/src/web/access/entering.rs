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

use crate::app::access::accounts::{Browser, DEVICE_SECONDS, LoggedIn, SignedIn};
use crate::app::access::password::MIN_PASSWORD;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::assets;
use crate::web::frame::connections::network;
use crate::web::frame::error::PageError;
use crate::web::frame::guard::{COOKIE, DEVICE, cookie};
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "access/log_in.html")]
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
    // a browser drops tabs and line ends: /<tab>/evil is //evil
    let plain = !next.contains(|c: char| c == '\\' || c.is_control());
    if next.starts_with('/') && !next.starts_with("//") && plain { next } else { "/" }
}

async fn page(app: &App, next: &str, login: &str, problem: Option<String>) -> Result<Response, PageError> {
    let page = LogInPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.policy(None).await?.bureau,
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

/// From where a request comes: behind a proxy, as the proxy says.
fn browser(app: &App, peer: Option<Extension<ConnectInfo<SocketAddr>>>, headers: &HeaderMap) -> Browser {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    // the proxy's own word stands last, in the last of these lines
    let told = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok());
    let told = told.and_then(|t| t.rsplit(',').next()).and_then(|a| a.trim().parse().ok());
    let address = if app.proxy { told } else { None }.or(peer.map(|p| p.0.0.ip()));
    Browser {
        agent: text(header::USER_AGENT).to_owned(),
        network: address.map(|a| network(a).to_string()).unwrap_or_default(),
        device: cookie(headers, DEVICE).map(str::to_owned),
    }
}

/// Sets the cookies of a log-in.
fn with_cookies(app: &App, mut response: Response, done: &LoggedIn) -> Response {
    let secure = if app.tls { "; Secure" } else { "" };
    let mut set = |name: &str, value: &str, seconds: i64| {
        let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(v) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, v);
        }
    };
    set(COOKIE, &done.token, done.seconds);
    if let Some(d) = &done.device {
        set(DEVICE, d, DEVICE_SECONDS);
    }
    response
}

pub async fn log_in(
    State(app): State<Arc<App>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(form): Form<LogIn>,
) -> Result<Response, PageError> {
    let from = browser(&app, peer, &headers);
    match app.office.log_in(&form.login, &form.password, &from).await {
        Ok(done) => Ok(with_cookies(&app, Redirect::to(inside(&form.next)).into_response(), &done)),
        Err(OfficeError::Input(said)) => {
            let mut response = page(&app, &form.next, &form.login, Some(said)).await?;
            *response.status_mut() = axum::http::StatusCode::UNAUTHORIZED;
            Ok(response)
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Template)]
#[template(path = "access/forgotten.html")]
struct ForgottenPage {
    css: String,
    js: String,
    bureau: String,
    least: usize,
    login: String,
    problem: Option<String>,
    code: Option<String>,
}

#[derive(Deserialize)]
pub struct Forgotten {
    login: String,
    new: String,
    again: String,
    #[serde(default)]
    factor: Option<String>,
}

async fn forgotten_form(app: &App, login: &str, problem: Option<String>, code: Option<String>) -> Result<Response, PageError> {
    let page = ForgottenPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.policy(None).await?.bureau,
        least: MIN_PASSWORD,
        login: login.to_owned(),
        problem,
        code,
    };
    Ok(Html(page.render()?).into_response())
}

/// 忘记密码或换了手机: whoever it is chooses a new password, which takes effect when two administrators have heard from the owner.
pub async fn forgotten_page(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    forgotten_form(&app, "", None, None).await
}

pub async fn forgotten(
    State(app): State<Arc<App>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(form): Form<Forgotten>,
) -> Result<Response, PageError> {
    let from = browser(&app, peer, &headers);
    let asked = if form.new == form.again {
        app.office.ask_for_password(&form.login, &form.new, form.factor.is_some(), &from).await
    } else {
        Err(OfficeError::Input("两次输入的新密码不一样".into()))
    };
    match asked {
        Ok(code) => forgotten_form(&app, &form.login, None, Some(format!("{} {}", &code[..3], &code[3..]))).await,
        Err(OfficeError::Input(said)) => forgotten_form(&app, &form.login, Some(said), None).await,
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
#[template(path = "access/second_factor.html")]
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
}

async fn factor_page(app: &App, setup: Option<(String, String)>, problem: Option<String>) -> Result<Response, PageError> {
    let page = SecondFactorPage {
        css: assets::address("app.css"),
        js: assets::address("app.js"),
        bureau: app.office.policy(None).await?.bureau,
        problem,
        setup,
    };
    Ok(Html(page.render()?).into_response())
}

pub async fn second_factor_page(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    factor_page(&app, None, None).await
}

pub async fn second_factor(Visit { app, signed, .. }: Visit, Form(form): Form<Code>) -> Result<Response, PageError> {
    match app.office.give_code(&signed, &form.code).await {
        Ok(done) => Ok(with_cookies(&app, Redirect::to("/").into_response(), &done)),
        Err(OfficeError::Input(said)) => factor_page(&app, None, Some(said)).await,
        Err(e) => Err(e.into()),
    }
}

fn picture(url: &str) -> String {
    let code = QrCode::new(url.as_bytes());
    code.map(|c| c.render::<svg::Color>().min_dimensions(220, 220).build()).unwrap_or_default()
}

async fn issuer(app: &App) -> Result<String, PageError> {
    Ok(format!("保学 {}", app.office.policy(None).await?.bureau))
}

/// The address that an app reads, for a secret that was shown already.
fn address_of(issuer: &str, login: &str, secret: &str) -> String {
    let plain = crate::web::frame::view::url_part;
    format!("otpauth://totp/{0}:{1}?secret={secret}&issuer={0}", plain(issuer), plain(login))
}

pub async fn setup_page(State(app): State<Arc<App>>, Extension(signed): Extension<SignedIn>) -> Result<Response, PageError> {
    // a first password is changed before anything is bound to it
    if signed.must_change_password {
        return Ok(Redirect::to("/me/password").into_response());
    }
    if !signed.second_factor_unset {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    setup_form(&app, &signed, None).await
}

async fn setup_form(app: &App, signed: &SignedIn, problem: Option<String>) -> Result<Response, PageError> {
    let secret = app.office.offered_totp(signed).await?;
    let url = address_of(&issuer(app).await?, &signed.actor.login, &secret);
    factor_page(app, Some((picture(&url), secret)), problem).await
}

pub async fn setup(Visit { app, signed, .. }: Visit, Form(form): Form<Code>) -> Result<Response, PageError> {
    if !signed.second_factor_unset {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    match app.office.set_up_totp(&signed, &form.code).await {
        Ok(done) => {
            Ok(with_cookies(&app, crate::web::frame::shell::go("/", "动态码已绑定,以后登录请用手机上的 6 位动态码"), &done))
        }
        Err(OfficeError::Input(said)) => setup_form(&app, &signed, Some(said)).await,
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_to_pages_of_this_site() {
        for (next, to) in [
            ("/runs/3", "/runs/3"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("/\t/evil.example", "/"),
            ("/\r\n/evil", "/"),
            ("", "/"),
        ] {
            assert_eq!(inside(next), to, "{next}");
        }
    }

    #[test]
    fn the_picture_holds_the_address() {
        let svg = picture(&address_of("保学 青禾县", "zhang", "ABCDEFGHIJKLMNOP"));
        assert!(svg.contains("<svg") && svg.len() > 1_000);
    }
}
