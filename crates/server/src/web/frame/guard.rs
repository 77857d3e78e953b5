//! Who may pass: session, second factor, cross-site requests, role; and the headers of every answer.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use baoxue_domain::access::Deed;
use rustc_hash::FxHashMap;

use crate::app::access::accounts::SignedIn;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::{App, Need};

/// Name of the session's cookie.
pub const COOKIE: &str = "baoxue";
/// Name of the cookie of a browser that is known.
pub const DEVICE: &str = "baoxue-device";

/// Value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';')).find_map(|c| c.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The part of an address that names who serves it: `https://bx.example/log-in` gives `https` and `bx.example`.
fn origin_of(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    Some((scheme, rest.split(['/', '?', '#']).next().unwrap_or(rest)))
}

/// The page that sent an unsafe request must be ours. Every sign that the browser gives has to say so: Fetch Metadata, Origin (scheme and host), and
/// for browsers that know neither the Referer, which our pages always send. A request without any sign is nobody's page.
fn same_site(headers: &HeaderMap, uri: &Uri, tls: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    // HTTP/2 has no Host: it says :authority
    let Some(host) = uri.authority().map(Authority::as_str).or_else(|| text("host")) else { return false };
    // behind a proxy that ends TLS the scheme is not known here
    let ours = |address: &str| origin_of(address).is_some_and(|(s, h)| h.eq_ignore_ascii_case(host) && (!tls || s == "https"));
    let site = text("sec-fetch-site").map(|s| matches!(s, "same-origin" | "none"));
    let origin = text("origin").map(ours);
    let referer = text("referer").map(ours);
    let known: Vec<bool> = [site, origin, referer].into_iter().flatten().collect();
    !known.is_empty() && known.into_iter().all(|k| k)
}

/// Lets a request pass that fulfils the need of its route.
pub async fn check(
    State((app, need, route)): State<(Arc<App>, Need, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.method().is_safe() && !same_site(request.headers(), request.uri(), app.tls) {
        let said = "这个请求不是从本系统的页面发出的,已拒绝".to_owned();
        return PageError::plain(StatusCode::FORBIDDEN, &said).into_response();
    }
    if need == Need::Nobody {
        return next.run(request).await;
    }
    let token = cookie(request.headers(), COOKIE).unwrap_or("").to_owned();
    let device = cookie(request.headers(), DEVICE).map(str::to_owned);
    let signed = match app.office.signed_in(&token, device.as_deref()).await {
        Ok(s) => s,
        Err(e) => return PageError::from(e).into_response(),
    };
    let Some(signed) = signed else {
        return enter(&request);
    };
    if let Some(to) = next_step(&signed, need) {
        return Redirect::to(to).into_response();
    }
    let refused = match need {
        Need::May(a) => signed.actor.jurisdiction(a).err(),
        Need::MayAny(all) if !all.iter().any(|a| signed.actor.may(*a)) => signed.actor.jurisdiction(all[0]).err(),
        _ => None,
    };
    let actor = signed.actor.clone();
    let path = request.uri().path().to_owned();
    let response = match refused {
        Some(refusal) => PageError::from(OfficeError::from(refusal)).into_response(),
        None => {
            request.extensions_mut().insert::<SignedIn>(signed);
            next.run(request).await
        }
    };
    if let Some(what) = told(route, response.status())
        && let Err(e) = app.office.note(&actor, what, &subject_of(route, &path), "").await
    {
        // a log that cannot be written (a full disk) stops changes; it does not stop looking up
        tracing::error!("审计日志没有写入:{e}");
    }
    response
}

/// Routes that show people as they are: names, numbers, telephones of children, or what others did.
const CLEAR: [&str; 26] = [
    "/children/{id}",
    "/children/{id}/panel",
    "/children/{id}/rows",
    "/children/{id}/report",
    "/today",
    "/cases",
    "/cases/{id}",
    "/cases/{id}/print",
    "/findings/{id}",
    "/findings",
    "/inbox",
    "/roll/register",
    "/attendance/month",
    "/leaves",
    "/warnings",
    "/warnings/{id}",
    "/held",
    "/held/{id}",
    "/review",
    "/runs/{id}/changes",
    "/checks/{run}/{check}",
    "/ledgers/{ledger}",
    "/decisions",
    "/people",
    "/people/{login}",
    "/audit",
];

/// What the log is told of an answer: that people were shown, or that somebody asked for what is not hers.
fn told(route: &str, status: StatusCode) -> Option<Deed> {
    match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Some(Deed::Refused),
        s if s.is_success() && CLEAR.contains(&route) => Some(Deed::View),
        _ => None,
    }
}

/// What an address is about, as the log names it: `child:12`, or the page itself.
fn subject_of(route: &str, path: &str) -> String {
    let second = path.split('/').nth(2).unwrap_or("").chars().take(64).collect::<String>();
    match route.split('/').nth(1) {
        Some("children") => format!("child:{second}"),
        Some("findings") if !second.is_empty() => format!("finding:{second}"),
        Some("cases") if second.bytes().all(|b| b.is_ascii_digit()) && !second.is_empty() => format!("case:{second}"),
        Some("warnings") if !second.is_empty() => format!("warning:{second}"),
        Some("held") if !second.is_empty() => format!("record:{second}"),
        Some("people") if !second.is_empty() => format!("person:{second}"),
        Some("rosters") if !second.is_empty() => format!("batch:{second}"),
        Some("runs") if !second.is_empty() => format!("run:{second}"),
        _ => format!("page:{}", path.chars().take(80).collect::<String>()),
    }
}

/// What a person who is half logged in has to do first: a second factor that is set up, then a password of her own, then setting a second factor
/// up. Who has only the password changes nothing with it, unless it is a first one.
fn next_step(s: &SignedIn, need: Need) -> Option<&'static str> {
    let asked = s.second_factor_missing;
    match need {
        Need::Entering => None,
        _ if asked && !s.second_factor_unset => Some("/second-factor"),
        Need::Password if s.must_change_password => None,
        _ if s.must_change_password => Some("/me/password"),
        _ if asked => Some("/second-factor/setup"),
        _ => None,
    }
}

/// Uploads of one person, and of all, at a time: each may take as much memory as its files.
const UPLOADS_OF_ONE: usize = 2;
const UPLOADS: usize = 12;

/// Uploads that are under way, by account.
#[derive(Default)]
pub struct Uploads(Mutex<FxHashMap<i64, usize>>);

struct Uploading<'a>(&'a Uploads, i64);

impl Uploads {
    fn begin(&self, account: i64) -> Option<Uploading<'_>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&account).copied().unwrap_or(0);
        if own >= UPLOADS_OF_ONE || all.values().sum::<usize>() >= UPLOADS {
            return None;
        }
        all.insert(account, own + 1);
        Some(Uploading(self, account))
    }
}

impl Drop for Uploading<'_> {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.remove(&self.1).unwrap_or(1) - 1;
        if left > 0 {
            all.insert(self.1, left);
        }
    }
}

/// A person sends a few files at a time, and not a hundred.
pub async fn few_uploads(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let account = request.extensions().get::<SignedIn>().map_or(0, |s| s.actor.account);
    let Some(_uploading) = app.uploads.begin(account) else {
        let said = "正在上传的文件太多,请等前面的传完再试";
        return PageError::plain(StatusCode::TOO_MANY_REQUESTS, said).into_response();
    };
    next.run(request).await
}

/// To the log-in page, and back afterwards; a fragment or an upload is told to reload.
fn enter(request: &Request) -> Response {
    if request.headers().contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", "/log-in")]).into_response();
    }
    if request.method() != Method::GET {
        return PageError::plain(StatusCode::UNAUTHORIZED, "登录已过期。请在新的窗口重新登录,再回到这里提交;填写的内容还在")
            .into_response();
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
    let phone = request.uri().path() == "/offline";
    let mut response = next.run(request).await;
    let h = response.headers_mut();
    // a page may allow less than that
    h.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
         manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ));
    let mut set = |name: header::HeaderName, value: &'static str| {
        h.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    // where a visit was, on the one page that may add it
    let where_from = if phone {
        "geolocation=(self), microphone=(), payment=(), usb=()"
    } else {
        "geolocation=(), microphone=(), payment=(), usb=()"
    };
    set(header::HeaderName::from_static("permissions-policy"), where_from);
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
    fn a_person_sends_few_files_at_a_time() {
        let u = Uploads::default();
        let (a, b) = (u.begin(1), u.begin(1));
        assert!(a.is_some() && b.is_some() && u.begin(1).is_none());
        assert!(u.begin(2).is_some(), "others go on");
        drop(a);
        assert!(u.begin(1).is_some());
        let many: Vec<_> = (10..40).filter_map(|i| u.begin(i)).collect();
        assert_eq!(many.len(), UPLOADS - 1);
        drop((b, many));
        assert!(u.0.lock().unwrap().is_empty());
    }

    /// A new page that shows people has to say so here.
    #[test]
    fn what_the_log_is_told() {
        assert_eq!(told("/children/{id}", StatusCode::OK), Some(Deed::View));
        assert_eq!(told("/children/{id}", StatusCode::SEE_OTHER), None);
        assert_eq!(told("/rosters", StatusCode::NOT_FOUND), Some(Deed::Refused));
        assert_eq!(told("/settings", StatusCode::OK), None);
        for (route, path, subject) in [
            ("/children/{id}/rows", "/children/12/rows", "child:12"),
            ("/findings/{id}", "/findings/3", "finding:3"),
            ("/findings", "/findings", "page:/findings"),
            ("/ledgers/{ledger}", "/ledgers/dropout", "page:/ledgers/dropout"),
            ("/people/{login}", "/people/xian", "person:xian"),
        ] {
            assert_eq!(subject_of(route, path), subject);
        }
    }

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
        let evil = "https://evil.example";
        for (all, same) in [
            (&[("host", "bx.example"), ("sec-fetch-site", "same-origin")][..], true),
            (&[("host", "bx.example"), ("sec-fetch-site", "none")], true),
            (&[("host", "bx.example"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "bx.example"), ("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://bx.example"), ("host", "bx.example")], true),
            (&[("origin", "https://bx.example"), ("host", "bx.example"), ("sec-fetch-site", "same-origin")], true),
            (&[("origin", evil), ("host", "bx.example")], false),
            (&[("origin", "null"), ("host", "bx.example")], false),
            // another scheme is another site
            (&[("origin", "http://bx.example"), ("host", "bx.example")], false),
            (&[("origin", "https://bx.example:8443"), ("host", "bx.example")], false),
            // one sign against it is enough
            (&[("origin", evil), ("host", "bx.example"), ("sec-fetch-site", "none")], false),
            (&[("origin", "https://bx.example"), ("host", "bx.example"), ("referer", "https://evil.example/a")], false),
            (&[("referer", "https://bx.example/log-in?next=/"), ("host", "bx.example")], true),
            (&[("referer", "https://bx.example.evil.example/"), ("host", "bx.example")], false),
            // no sign at all: no page of ours
            (&[("host", "bx.example")], false),
            (&[], false),
        ] {
            assert_eq!(same_site(&headers(all), &Uri::from_static("/runs"), true), same, "{all:?}");
        }
        // over HTTP/2 the host stands in the address
        let h2 = Uri::from_static("https://bx.example/runs");
        assert!(same_site(&headers(&[("origin", "https://bx.example")]), &h2, true));
        assert!(!same_site(&headers(&[("origin", evil)]), &h2, true));
        assert!(!same_site(&headers(&[]), &h2, true));
        // a proxy in front that ends TLS
        assert!(same_site(
            &headers(&[("origin", "https://bx.example"), ("host", "bx.example")]),
            &Uri::from_static("/runs"),
            false
        ));
    }
}
