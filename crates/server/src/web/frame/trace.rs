//! 请求编号 (request ids): every request has a number, which stands in the answer's header, in every line that the program logs on the way, and on the
//! page of an error that only a person at the server can mend.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::app::clock::Stopwatch;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What takes longer is told to the log.
const SLOW: Duration = Duration::from_secs(5);

tokio::task_local! {
    static CURRENT: String;
}

/// The number of the request that is answered here, if there is one.
pub fn current() -> Option<String> {
    CURRENT.try_with(String::clone).ok()
}

/// Gives a request its number. What is asked for is told without its query: names are searched for there.
pub async fn number(request: Request, next: Next) -> Response {
    let id: String = baoxue_store::random::<4>().unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let watch = Stopwatch::start();
    let answered = CURRENT.scope(id.clone(), async move {
        let response = next.run(request).await;
        let took = watch.elapsed();
        if response.status().is_server_error() || took > SLOW {
            tracing::warn!(status = response.status().as_u16(), ms = took.as_millis() as u64, "answered");
        }
        response
    });
    let mut response = answered.instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
