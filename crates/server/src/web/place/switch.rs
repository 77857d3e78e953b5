//! 所在位置 (where one is): the trail in the top line, and the page that switches it.

use askama::Template;
use axum::Form;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use baoxue_domain::place::PlacePath;
use serde::Deserialize;

use crate::app::office::OfficeError;
use crate::app::place::tree::Step;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "place/place.html")]
struct PlacePage {
    shell: Shell,
    /// Where one's roles are.
    own: Vec<Step>,
    /// What lies in the place where one is: places, then schools.
    places: Vec<Step>,
    schools: Vec<Step>,
    here: String,
    switched: bool,
    back: String,
}

/// The page from which the request came, without its filters: they belong to the place that is left.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|v| v.to_str().ok()).unwrap_or("");
    let path = referer.split_once("://").and_then(|(_, r)| r.find('/').map(|i| &r[i..])).unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or("/");
    local(if path.starts_with("/place") { "/" } else { path })
}

/// An address of ours, never of another site.
fn local(path: &str) -> String {
    let plain = !path.contains(|c: char| c == '\\' || c.is_control());
    let ours = path.starts_with('/') && !path.starts_with("//") && plain && path.len() <= 200;
    if ours { path.to_owned() } else { "/".to_owned() }
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let actor = &signed.actor;
    let (mut own, mut places, mut schools) = (Vec::new(), Vec::new(), Vec::new());
    for g in &actor.grants {
        let name = app.office.whereabouts(&g.path).await?.into_iter().map(|s| s.name).collect::<Vec<_>>().join(" › ");
        if !own.iter().any(|s: &Step| s.path == g.path.as_str()) {
            own.push(Step { path: g.path.to_string(), name });
        }
    }
    if let Some(home) = actor.home() {
        for p in app.office.places_in(home).await?.into_iter().filter(|p| actor.may_switch_to(&p.path)) {
            let step = Step { path: p.path.to_string(), name: p.name };
            if p.path.is_government() { places.push(step) } else { schools.push(step) }
        }
    }
    let page = PlacePage {
        shell: shell(&app, &signed, &headers, "切换位置", "/place").await?,
        here: actor.home().map(|p| p.to_string()).unwrap_or_default(),
        switched: actor.within.is_some(),
        own,
        places,
        schools,
        back: came_from(&headers),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct Switch {
    /// Empty: back to one's own.
    #[serde(default)]
    at: String,
    #[serde(default)]
    back: String,
}

pub async fn switch(Visit { app, signed, headers }: Visit, Form(form): Form<Switch>) -> Result<Response, PageError> {
    let at = match form.at.as_str() {
        "" => None,
        text => Some(PlacePath::parse(text).ok_or(OfficeError::NotFound)?),
    };
    app.office.switch_place(&signed, at.as_ref()).await?;
    let back = if form.back.is_empty() { came_from(&headers) } else { local(&form.back) };
    Ok(go(&back, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_to_where_one_was_and_never_elsewhere() {
        for (referer, back) in [
            ("http://127.0.0.1:8080/ledgers/suspected?place=g/52/&page=3", "/ledgers/suspected"),
            ("http://127.0.0.1:8080/place", "/"),
            ("http://127.0.0.1:8080", "/"),
            ("", "/"),
        ] {
            let mut h = HeaderMap::new();
            h.insert(header::REFERER, referer.parse().unwrap());
            assert_eq!(came_from(&h), back, "{referer}");
        }
        for bad in ["//evil.example/", "https://evil.example/", "/\\evil.example", ""] {
            assert_eq!(local(bad), "/", "{bad}");
        }
        assert_eq!(local("/runs/3"), "/runs/3");
    }
}
