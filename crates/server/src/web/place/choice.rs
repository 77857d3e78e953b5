//! 地点条件 (the filter by place): what lists offer to choose.

use baoxue_domain::access::{Action, Jurisdiction};
use baoxue_domain::place::PlacePath;

use crate::app::access::accounts::SignedIn;
use crate::app::office::OfficeError;
use crate::app::place::search::Sought;
use crate::web::App;
use crate::web::frame::error::PageError;

/// A place that a filter offers.
pub struct PlaceOption {
    pub path: String,
    pub name: String,
    pub selected: bool,
}

/// Schools that a filter offers.
const MOST_SCHOOLS: usize = 300;

/// Counties, towns, or schools, inside what one may see.
pub async fn places(app: &App, signed: &SignedIn, selected: &str, action: Action) -> Result<Vec<PlaceOption>, PageError> {
    let mut out = Vec::new();
    let today = app.office.clock.today();
    for path in signed.actor.places(action)? {
        let kinds: &[&str] = if path.is_government() { &["town", "village"] } else { &["school"] };
        if path.depth() > 4 || (!path.is_government() && path.depth() > 1) {
            continue;
        }
        let kinds = match path.depth() {
            ..=2 if path.is_government() => &["county"],
            ..=3 => &kinds[..1],
            _ => kinds,
        };
        for p in app.office.store.places_below(path.as_str(), today, kinds).await? {
            out.push((p.path.as_str().to_owned(), p.name));
        }
        if let Some(prefix) = path.education_prefix() {
            let schools = app.office.store.places_below(&prefix, today, &["school"]).await?;
            // a list that nobody reads through: one switches to the town instead
            if schools.len() <= MOST_SCHOOLS {
                out.extend(schools.into_iter().map(|p| (p.path.as_str().to_owned(), p.name)));
            }
        }
    }
    out.dedup();
    // a place that is chosen is offered too, wherever it lies
    if let Some(chosen) = PlacePath::parse(selected).filter(|p| !out.iter().any(|o| o.0 == p.as_str())) {
        let name = app.office.store.place_names(&[chosen.as_str()]).await?.remove(chosen.as_str());
        out.push((chosen.as_str().to_owned(), name.unwrap_or_else(|| chosen.last().to_owned())));
    }
    Ok(out.into_iter().map(|(path, name)| PlaceOption { selected: path == selected, path, name }).collect())
}

/// The unit that somebody picked, or wrote; nothing where she did neither.
pub async fn unit_meant(app: &App, j: &Jurisdiction, unit: &str, place: &str) -> Result<Option<PlacePath>, PageError> {
    match (PlacePath::parse(unit), place.trim()) {
        (Some(picked), _) => Ok(Some(picked)),
        (None, "") => Ok(None),
        (None, written) => {
            let found = app.office.place_meant(j, written, Sought::Units).await?;
            let said = || OfficeError::field("place", format!("没有“{written}”这个村(社区)、学校或乡镇"));
            Ok(Some(found.ok_or_else(said)?))
        }
    }
}
