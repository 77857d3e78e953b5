//! Scripts and styles, built by npm into `web/dist` and embedded in the binary.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// An asset's address with its version: a new build is a new address, so that browsers may keep it for ever.
pub fn address(name: &str) -> String {
    let version = Dist::get(name).map(|f| f.metadata.sha256_hash());
    let version: String = version.iter().flatten().take(6).map(|b| format!("{b:02x}")).collect();
    format!("/assets/{name}?v={version}")
}

/// A script's text.
pub fn text(name: &str) -> String {
    Dist::get(name).map(|f| String::from_utf8_lossy(&f.data).into_owned()).unwrap_or_default()
}

/// Whether the assets were built before the program.
pub fn are_built() -> bool {
    Dist::get("app.css").is_some()
}

pub async fn serve(Path(path): Path<String>) -> Response {
    let Some(file) = Dist::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, file.data).into_response()
}

/// For whoever watches the process.
pub async fn health() -> &'static str {
    "ok"
}
