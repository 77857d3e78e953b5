//! Who may pass: session, second factor, cross-site requests, role; and the headers of every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::error::PageError;
use super::{App, Need};
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;

/// Name of the session's cookie.
pub const COOKIE: &str = "baoxue";

/// Value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';')).find_map(|c| c.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The page that sent an unsafe request must be ours: the browser says so (Fetch Metadata), an old one by Origin.
fn same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, o)| o == host),
            // neither: no browser, and so nobody's cookie is misused
            (None, _) => true,
            _ => false,
        },
    }
}

/// Lets a request pass that fulfils the need of its route.
pub async fn check(State((app, need)): State<(Arc<App>, Need)>, mut request: Request, next: Next) -> Response {
    if !request.method().is_safe() && !same_site(request.headers()) {
        let said = "这个请求不是从本系统的页面发出的,已拒绝".to_owned();
        return PageError::plain(StatusCode::FORBIDDEN, &said).into_response();
    }
    if need == Need::Nobody {
        return next.run(request).await;
    }
    let token = cookie(request.headers(), COOKIE).unwrap_or("").to_owned();
    let signed = match app.office.signed_in(&token).await {
        Ok(s) => s,
        Err(e) => return PageError::from(e).into_response(),
    };
    let Some(signed) = signed else {
        return enter(&request);
    };
    if need != Need::Entering {
        if signed.must_change_password {
            return Redirect::to("/me/password").into_response();
        }
        if signed.second_factor_missing {
            let to = if signed.second_factor_unset { "/second-factor/setup" } else { "/second-factor" };
            return Redirect::to(to).into_response();
        }
    }
    let refused = match need {
        Need::May(a) => signed.actor.jurisdiction(a).err(),
        Need::MayAny(all) if !all.iter().any(|a| signed.actor.may(*a)) => signed.actor.jurisdiction(all[0]).err(),
        _ => None,
    };
    if let Some(refusal) = refused {
        return PageError::from(OfficeError::from(refusal)).into_response();
    }
    request.extensions_mut().insert::<SignedIn>(signed);
    next.run(request).await
}

/// To the log-in page, and back afterwards; a fragment or an upload is told to reload.
fn enter(request: &Request) -> Response {
    if request.headers().contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", "/log-in")]).into_response();
    }
    if request.method() != Method::GET {
        return PageError::plain(StatusCode::UNAUTHORIZED, "登录已过期,请重新登录后再提交").into_response();
    }
    let to: String = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let to: String = to
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"/-._".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    Redirect::to(&format!("/log-in?next={to}")).into_response()
}

/// Security headers. Pages with children are never kept by the browser; whoever came over TLS once comes over it always.
pub async fn headers(State(tls): State<bool>, request: Request, next: Next) -> Response {
    let asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let h = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &'static str| {
        h.insert(name, HeaderValue::from_static(value));
    };
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
         manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("permissions-policy"), "geolocation=(), microphone=(), payment=(), usb=()");
    if tls {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !asset {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_and_sites() {
        let headers = |all: &[(&'static str, &'static str)]| {
            let mut h = HeaderMap::new();
            all.iter().for_each(|(n, v)| {
                h.append(*n, HeaderValue::from_static(v));
            });
            h
        };
        assert_eq!(cookie(&headers(&[("cookie", "a=1; baoxue=xyz; said=2")]), "baoxue"), Some("xyz"));
        assert_eq!(cookie(&headers(&[("cookie", "baoxuex=1")]), "baoxue"), None);
        for (all, same) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://bx.example"), ("host", "bx.example")], true),
            (&[("origin", "https://evil.example"), ("host", "bx.example")], false),
            (&[("origin", "null"), ("host", "bx.example")], false),
            (&[], true),
        ] {
            assert_eq!(same_site(&headers(all)), same, "{all:?}");
        }
    }
}
