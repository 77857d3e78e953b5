//! 来访 (visit): who asks for a page, of which application, with which headers. The guard has let her in.

use std::sync::Arc;

use axum::extract::{Extension, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::access::accounts::SignedIn;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;

/// What every handler behind the guard starts from.
pub struct Visit {
    pub app: Arc<App>,
    pub signed: SignedIn,
    pub headers: HeaderMap,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        // a route without a guard has nobody: that is a mistake of the program
        let Extension(signed) = Extension::from_request_parts(parts, app).await.map_err(|_| OfficeError::NotFound)?;
        Ok(Self { app: app.clone(), signed, headers: parts.headers.clone() })
    }
}
