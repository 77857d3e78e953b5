//! 手机 (the phone): its page, its service worker, and the four questions that it asks. Every answer is JSON with a code: a page of a log-in, a proxy or
//! a newer program is never taken for one.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use baoxue_store::{OfflineDevice, OfflineKey};
use serde::{Deserialize, Serialize};

use crate::app::access::accounts::SignedIn;
use crate::app::office::OfficeError;
use crate::app::offline::data::OfflineData;
use crate::app::offline::records::signed_text;
use crate::web::App;
use crate::web::frame::assets;
use crate::web::frame::error::PageError;
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "offline/phone.html")]
struct Phone {
    css: String,
    js: String,
    banner: Option<String>,
}

/// The page without anybody's data: browsers keep it, and it opens without signal.
pub async fn page(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    let page = Phone { css: assets::address("app.css"), js: assets::address("phone.js"), banner: app.banner.clone() };
    Ok(Html(page.render()?).into_response())
}

/// The service worker, with the addresses of what it keeps: another build is another worker.
pub async fn worker() -> Response {
    let kept = ["/offline".to_owned(), assets::address("app.css"), assets::address("phone.js"), assets::address("icon.svg")];
    let text = assets::text("worker.js").replace("__KEPT__", &kept.join(" "));
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

/// What a phone shows of it among its programs.
pub async fn manifest() -> Response {
    let manifest = serde_json::json!({
        "name": "保学", "short_name": "保学", "lang": "zh-CN", "start_url": "/offline", "scope": "/", "display": "standalone",
        "background_color": "#ffffff", "theme_color": "#1f5fae",
        "icons": [{ "src": assets::address("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any" }],
    });
    ([(header::CONTENT_TYPE, "application/manifest+json")], manifest.to_string()).into_response()
}

fn json(said: &impl Serialize) -> Result<Response, PageError> {
    let text = serde_json::to_string(said).map_err(|_| OfficeError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The key to which it seals.
#[derive(Serialize)]
struct KeyView {
    id: i64,
    public: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl From<OfflineKey> for KeyView {
    fn from(k: OfflineKey) -> Self {
        Self { id: k.id, public: hex(&k.public) }
    }
}

#[derive(Serialize)]
struct DataView {
    data: OfflineData,
    key: KeyView,
    /// The device that asked is still its own.
    device: bool,
}

#[derive(Deserialize)]
pub struct DataQuery {
    #[serde(default)]
    device: Option<i64>,
}

/// What its owner may keep on it, for whoever is logged in.
pub async fn data(Visit { app, signed, .. }: Visit, Query(q): Query<DataQuery>) -> Result<Response, PageError> {
    let device = match q.device {
        Some(id) => app.office.renew_device(&signed.actor, id).await?,
        None => false,
    };
    let data = app.office.offline_data(&signed.actor).await?;
    json(&DataView { data, key: app.office.offline_key().await?.into(), device })
}

#[derive(Deserialize)]
pub struct EnrolForm {
    #[serde(default)]
    name: String,
}

/// 启用
pub async fn enrol(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(f): Form<EnrolForm>,
) -> Result<Response, PageError> {
    let e = app.office.enrol_device(&signed, &f.name).await?;
    json(&serde_json::json!({ "device": e.id, "secret": hex(&e.secret) }))
}

/// The device that signed a request; nobody's is not found.
async fn device(app: &App, headers: &HeaderMap, said: &str) -> Result<OfflineDevice, PageError> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let pair = |i: usize| text("x-mac").get(2 * i..2 * i + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
    let mac: Option<Vec<u8>> = (0..text("x-mac").len() / 2).map(pair).collect();
    let id = text("x-device").parse::<i64>().ok();
    let (id, mac) = id.zip(mac).ok_or(OfficeError::NotFound)?;
    Ok(app.office.device_of(id, said, &mac).await?)
}

/// A phone calls: whether it is still its own, and what it is to drop.
pub async fn hello(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, PageError> {
    let d = device(&app, &headers, "hello").await?;
    let h = app.office.hello(&d).await?;
    let key = KeyView::from(app.office.offline_key().await?);
    let said = serde_json::json!({
        "alive": h.alive, "dropped_at": h.dropped_at, "cache_days": h.cache_days, "now": h.now, "key": key,
    });
    json(&said)
}

pub async fn record(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    sealed: Bytes,
) -> Result<Response, PageError> {
    let d = device(&app, &headers, &signed_text(&key, None, &sealed)).await?;
    json(&app.office.receive_record(&d, &key, &sealed).await?)
}

pub async fn part(
    State(app): State<Arc<App>>,
    Path((key, n)): Path<(String, i64)>,
    headers: HeaderMap,
    sealed: Bytes,
) -> Result<Response, PageError> {
    let d = device(&app, &headers, &signed_text(&key, Some(n), &sealed)).await?;
    json(&app.office.receive_part(&d, &key, n, &sealed).await?)
}
