//! 文件 (files): what is sent and taken away, and for which reason.

use axum::extract::Multipart;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::view::url_part;

/// Excel's own type.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Word's own type.
pub const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
/// For what full lists are taken away; another reason can be written.
pub const REASONS: [&str; 5] = ["制作台账或报表", "上报上级", "交乡镇或学校核实", "核对名册", "领导或上级要求"];

/// A file to keep, with its Chinese name.
pub fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let h = response.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(v) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{}", url_part(name).replace('/', "%2F"))) {
        h.insert(header::CONTENT_DISPOSITION, v);
    }
    response
}

/// A stored proof: only what this program encoded itself is shown in the page.
pub fn proof_file(media_type: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let h = response.headers_mut();
    if let Ok(v) = HeaderValue::from_str(media_type) {
        h.insert(header::CONTENT_TYPE, v);
    }
    let shown = match media_type {
        "image/jpeg" => "inline",
        "application/pdf" => "attachment; filename=\"proof.pdf\"",
        _ => "attachment",
    };
    h.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(shown));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    h.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Why full data are taken away.
#[derive(Deserialize, Default)]
pub struct ReasonForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    other: String,
}

impl ReasonForm {
    pub fn text(&self) -> String {
        let parts = [self.reason.trim(), self.other.trim()];
        parts.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(":")
    }
}

/// The first file of a form, and its other fields.
pub async fn one_file(mut form: Multipart) -> Result<(String, Vec<u8>, std::collections::BTreeMap<String, String>), PageError> {
    let (mut name, mut bytes, mut fields) = (String::new(), Vec::new(), std::collections::BTreeMap::new());
    while let Some(field) = form.next_field().await? {
        let key = field.name().unwrap_or("").to_owned();
        if key == "file" {
            name = field.file_name().unwrap_or("").to_owned();
            bytes = field.bytes().await?.to_vec();
        } else {
            fields.insert(key, field.text().await?);
        }
    }
    if bytes.is_empty() {
        return Err(OfficeError::Input("没有选中文件".into()).into());
    }
    Ok((name, bytes, fields))
}
