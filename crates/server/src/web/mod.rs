//! 页面 (pages): URLs, forms, templates. Every route stands in [`routes::table`] with what it asks of the person.

mod agreement;
mod assets;
mod audit;
pub mod cautions;
mod checks;
mod children;
mod confirmations;
pub mod connections;
mod entering;
mod error;
mod events;
mod findings;
mod forms;
mod guard;
mod help;
mod home;
mod ledgers;
mod me;
mod people;
mod place;
mod place_search;
mod places;
mod review;
mod rosters;
mod routes;
mod runs;
mod settings;
mod shell;
#[cfg(test)]
mod tests;
mod trace;
mod units;
mod view;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use tower_http::compression::CompressionLayer;

pub use assets::are_built;
pub use guard::Uploads;
pub use routes::Need;

use cautions::Cautions;

use crate::app::office::Office;

/// What handlers share.
pub struct App {
    pub office: Office,
    /// Cookies are only sent over TLS.
    pub tls: bool,
    /// A proxy stands in front, which tells from where somebody comes.
    pub proxy: bool,
    /// What the system administrator has to put right, in red on her first page.
    pub cautions: Cautions,
    /// Uploads under way.
    pub uploads: Uploads,
    /// A line on every page: that this is a demonstration.
    pub banner: Option<String>,
}

/// The whole site.
pub fn site(app: App) -> Router {
    let tls = app.tls;
    let app = Arc::new(app);
    let routes = routes::all(&app);
    routes
        .router
        .fallback(error::not_found)
        .layer(middleware::map_response(error::refusals_as_pages))
        .layer(middleware::from_fn(forms::in_place))
        .layer(middleware::from_fn_with_state(tls, guard::headers))
        .layer(middleware::from_fn(connections::pace))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(trace::number))
        .with_state(app)
}
