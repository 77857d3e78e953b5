//! Live progress of a run, as server-sent events: at most one a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Path;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use baoxue_domain::access::Action;
use baoxue_store::JobState;
use futures_util::Stream;
use futures_util::stream::unfold;

use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::visit::Visit;

const EVERY: Duration = Duration::from_secs(1);

/// `{"stage": …, "done": 3, "total": 9, "state": "running"}`; the last event is called `end`.
pub async fn of_run(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, PageError> {
    let county = app.office.compared(&signed.actor, Action::ViewRuns).await?;
    app.office.store.run(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
    let start = (app, county, id, false, false);
    let stream = unfold(start, |(app, county, id, begun, ended)| async move {
        if ended {
            return None;
        }
        if begun {
            tokio::time::sleep(EVERY).await;
        }
        let job = app.office.run_job(&county, id).await;
        let (event, ended) = match job {
            Ok(Some(j)) => {
                let data = serde_json::json!({
                    "stage": if j.state == JobState::Queued { "排队等候" } else { j.stage.as_str() },
                    "done": j.done, "total": j.total, "state": j.state.code(),
                });
                let name = if j.state.has_ended() { "end" } else { "progress" };
                (Event::default().event(name).data(data.to_string()), j.state.has_ended())
            }
            Ok(None) => (Event::default().event("end").data("{}"), true),
            // the database may be away for a moment: the bar stays where it is
            Err(_) => (Event::default().comment("wait"), false),
        };
        Some((Ok(event), (app, county, id, true, ended)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
