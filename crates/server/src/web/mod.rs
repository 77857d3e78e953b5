//! 页面 (pages): URLs, forms, templates. Every route stands in [`frame::routes::table`] with what it asks of the person.

pub mod access;
pub mod attendance;
pub mod case;
pub mod comparison;
pub mod finding;
pub mod frame;
mod home;
pub mod installation;
pub mod ledger;
pub mod offline;
pub mod place;
pub mod roster;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use tower_http::compression::CompressionLayer;

pub use crate::web::frame::guard::Uploads;
pub use crate::web::frame::routes::Need;
pub use frame::assets::are_built;

use crate::web::frame::cautions::Cautions;

use crate::app::office::Office;
use crate::web::frame::{connections, error, forms, guard, routes, trace};

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
