//! 表单 (forms): what a script sent without leaving the page is answered in kind. A refusal is a sentence for the form, which keeps what was typed and
//! the files that were chosen; where the answer is another page, its address. Browsers without scripts get pages.

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The request's header: the form stays where it is.
const IN_PLACE: HeaderName = HeaderName::from_static("x-in-place");
/// The answer's: where to go now.
const GO_TO: HeaderName = HeaderName::from_static("x-go-to");

/// Why something was refused, for the form that asked.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// In words.
    pub said: String,
    /// The field that is to be mended, by its name.
    pub field: Option<&'static str>,
    /// Stable code.
    pub code: &'static str,
}

/// Answers a form that stays where it is.
pub async fn in_place(request: Request, next: Next) -> Response {
    let asked = request.headers().contains_key(IN_PLACE);
    let mut response = next.run(request).await;
    if !asked {
        return response;
    }
    if response.status().is_redirection()
        && let Some(to) = response.headers_mut().remove(header::LOCATION)
    {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(GO_TO, to);
        return response;
    }
    let Some(refusal) = response.extensions().get::<Refusal>().cloned() else { return response };
    let (status, cookies) =
        (response.status(), response.headers().get_all(header::SET_COOKIE).iter().cloned().collect::<Vec<_>>());
    let said = serde_json::to_string(&refusal).unwrap_or_else(|_| "{}".to_owned());
    let mut answer = (status, [(header::CONTENT_TYPE, "application/json")], said).into_response();
    for cookie in cookies {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
