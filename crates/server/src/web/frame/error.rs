//! Errors as pages: a sentence in Chinese, a way on, never an inner detail. Logged once, here.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use baoxue_store::StoreError;

use crate::app::office::OfficeError;
use crate::web::frame::forms::Refusal;

/// An error on its way to the browser.
#[derive(Debug)]
pub struct PageError {
    status: StatusCode,
    said: String,
    field: Option<&'static str>,
    code: &'static str,
}

#[derive(Template)]
#[template(path = "frame/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    said: &'a str,
    /// Something was typed, which the browser still has.
    typed: bool,
    /// What a person at the server looks for in the log.
    number: Option<String>,
}

impl PageError {
    pub fn plain(status: StatusCode, said: &str) -> Self {
        let code = status.canonical_reason().unwrap_or("error");
        Self { status, said: said.to_owned(), field: None, code }
    }
}

impl From<OfficeError> for PageError {
    fn from(e: OfficeError) -> Self {
        let status = match &e {
            OfficeError::Refused(_) => StatusCode::FORBIDDEN,
            OfficeError::NotFound => StatusCode::NOT_FOUND,
            OfficeError::Conflict(_) | OfficeError::Asks { .. } => StatusCode::CONFLICT,
            OfficeError::Input(_) | OfficeError::Field { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            OfficeError::Store(StoreError::Busy(_) | StoreError::Away(_) | StoreError::Bucket(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            OfficeError::Store(StoreError::DiskFull) => StatusCode::INSUFFICIENT_STORAGE,
            OfficeError::Store(StoreError::Conflict(_)) => StatusCode::CONFLICT,
            OfficeError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let OfficeError::Store(inner) = &e {
            let mut said = format!("{}:{inner}", inner.code());
            let mut cause = std::error::Error::source(inner);
            while let Some(c) = cause {
                said.push_str(&format!(" ← {c}"));
                cause = c.source();
            }
            tracing::error!("{said}");
        }
        let field = match &e {
            OfficeError::Field { field, .. } => Some(*field),
            _ => None,
        };
        Self { status, said: e.to_string(), field, code: e.code() }
    }
}

impl From<StoreError> for PageError {
    fn from(e: StoreError) -> Self {
        OfficeError::from(e).into()
    }
}

impl From<askama::Error> for PageError {
    fn from(e: askama::Error) -> Self {
        tracing::error!("template: {e}");
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "页面生成出错")
    }
}

impl From<axum::extract::multipart::MultipartError> for PageError {
    fn from(e: axum::extract::multipart::MultipartError) -> Self {
        let said = if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
            "一次上传的文件太大,请分几次上传"
        } else {
            "上传中断,没有保存。请检查网络后重试"
        };
        Self::plain(e.status(), said)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "没有找到",
            StatusCode::FORBIDDEN => "不能办理",
            StatusCode::CONFLICT => "请再看一眼",
            StatusCode::UNPROCESSABLE_ENTITY => "请改正后再试",
            StatusCode::UNAUTHORIZED => "请重新登录",
            _ => "暂时不能办理",
        };
        let typed = matches!(self.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT);
        let number = self.status.is_server_error().then(crate::web::frame::trace::current).flatten();
        let html = ErrorPage { title, said: &self.said, typed, number }.render().unwrap_or_else(|_| self.said.clone());
        let mut response = (self.status, Html(html)).into_response();
        response.extensions_mut().insert(Refusal { said: self.said, field: self.field, code: self.code });
        response
    }
}

/// What the framework refuses by itself, before a handler sees it, it says in English: here it becomes a page like any other error.
pub async fn refusals_as_pages(answer: Response) -> Response {
    let status = answer.status();
    let is_page = answer.headers().get(header::CONTENT_TYPE).is_some_and(|t| !t.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || is_page {
        return answer;
    }
    let said = match status {
        StatusCode::NOT_FOUND => "没有这个页面",
        StatusCode::METHOD_NOT_ALLOWED => "这个网址不能这样打开。请回到上一页,从页面上的按钮办理",
        StatusCode::PAYLOAD_TOO_LARGE => "提交的内容太大,没有保存。请分几次提交",
        _ => "提交的内容或网址不完整,没有办理。请回到上一页刷新后再试",
    };
    let mut page = PageError::plain(status, said).into_response();
    if let Some(allowed) = answer.headers().get(header::ALLOW) {
        page.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    page
}

pub async fn not_found() -> PageError {
    PageError::plain(StatusCode::NOT_FOUND, "没有这个页面")
}
