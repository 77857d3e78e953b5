//! 选地方: suggestions beside a field in which a place is written.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, IntoResponse, Response};
use baoxue_domain::access::Action;
use serde::Deserialize;

use crate::app::access::managing::Managing;
use crate::app::office::OfficeError;
use crate::app::place::search::{FoundPlace, Sought};
use crate::web::frame::error::PageError;
use crate::web::frame::visit::Visit;

/// Suggestions at a time.
const SUGGESTED: usize = 12;

#[derive(Deserialize)]
pub struct PlaceQuery {
    #[serde(default)]
    place: String,
    #[serde(default)]
    sought: String,
}

#[derive(Template)]
#[template(path = "components/place_suggestions.html")]
struct Suggestions {
    typed: String,
    found: Vec<FoundPlace>,
}

pub async fn suggest(Visit { app, signed, .. }: Visit, Query(q): Query<PlaceQuery>) -> Result<Response, PageError> {
    let sought = Sought::find(&q.sought).ok_or(OfficeError::NotFound)?;
    let j = match sought {
        Sought::Units => match signed.actor.jurisdiction(Action::Dispatch) {
            Ok(j) => j,
            // names of units are no secret: a school hands a case over to any of its county
            Err(_) => signed.actor.county_jurisdiction(Action::WorkCase)?,
        },
        Sought::Anything => Managing::of(&signed.actor)?.within,
    };
    let found = app.office.find_places(&j, &q.place, sought, SUGGESTED).await?;
    Ok(Html(Suggestions { typed: q.place, found }.render()?).into_response())
}
