//! 区划和学校 (places and schools) for the system administrator: the tree from a sheet, roll-over, renaming, merging, closing.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::place::PlacePath;
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::office::OfficeError;
use crate::app::place::roll_over::reading_order;
use crate::app::place::tree::{read_places, sample};
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file, one_file};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::visit::Visit;
use baoxue_store::Relocated;

/// What the page lists; grades and classes stand on their school's page.
const KINDS: [&str; 7] = ["province", "prefecture", "county", "town", "village", "school", "teaching-point"];

struct PlaceView {
    name: String,
    code: String,
    kind: &'static str,
    depth: usize,
    path: String,
    since: String,
}

#[derive(Template)]
#[template(path = "place/places.html")]
struct Places {
    shell: Shell,
    places: Vec<PlaceView>,
    schools: Vec<PlaceView>,
    catchments: usize,
    problems: Vec<String>,
    today: String,
}

async fn places_page(
    app: &Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    problems: Vec<String>,
) -> Result<Response, PageError> {
    let today = app.office.clock.today();
    let (mut places, mut schools) = (Vec::new(), Vec::new());
    for prefix in signed.actor.jurisdiction(Action::ManagePlaces)?.prefixes() {
        for p in app.office.store.places_below(prefix, today, &KINDS).await? {
            let view = PlaceView {
                name: p.name,
                code: p.code,
                kind: match p.kind.as_str() {
                    "province" => "省",
                    "prefecture" => "市(州)",
                    "county" => "县(市、区)",
                    "town" => "乡镇(街道)",
                    "village" => "村(社区)",
                    "teaching-point" => "教学点",
                    _ => "学校",
                },
                depth: p.path.depth().min(5),
                since: p.valid_from,
                path: p.path.to_string(),
            };
            if p.path.is_government() { places.push(view) } else { schools.push(view) }
        }
    }
    let page = Places {
        shell: shell(app, signed, headers, "区划和学校", "/places").await?,
        places,
        schools,
        catchments: app.office.store.catchments(today).await?.len(),
        problems,
        today: today.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    places_page(&app, &signed, &headers, Vec::new()).await
}

pub async fn put(Visit { app, signed, headers }: Visit, form: Multipart) -> Result<Response, PageError> {
    let (name, bytes, fields) = one_file(form).await?;
    let today = app.office.clock.today();
    let from = fields.get("from").and_then(|d| d.parse().ok()).unwrap_or(today);
    let read = tokio::task::spawn_blocking(move || read_places(&name, bytes)).await.map_err(|_| OfficeError::NotFound)??;
    if !read.problems.is_empty() {
        return places_page(&app, &signed, &headers, read.problems).await;
    }
    let n = app.office.put_places(&signed.actor, &read, from).await?;
    Ok(go("/places", &format!("已保存:新增或变更 {n} 处")))
}

#[derive(Deserialize)]
pub struct Closing {
    path: String,
    from: String,
    /// Into which other one it goes over; empty where it just ends.
    #[serde(default)]
    into: String,
}

fn path_of(text: &str) -> Result<PlacePath, PageError> {
    Ok(PlacePath::parse(text).ok_or(OfficeError::NotFound)?)
}

pub async fn close(Visit { app, signed, .. }: Visit, Form(form): Form<Closing>) -> Result<Response, PageError> {
    let path = path_of(&form.path)?;
    if !form.into.is_empty() {
        let done = app.office.merge_place(&signed.actor, &path, &path_of(&form.into)?).await?;
        return Ok(go("/places", &moved(&done)));
    }
    let from = form.from.parse().map_err(|_| OfficeError::Input("日期写成 2026-11-21".into()))?;
    let n = app.office.close_place(&signed.actor, &path, from).await?;
    Ok(go("/places", &format!("已撤并 {n} 处,自 {from} 起")))
}

fn moved(done: &Relocated) -> String {
    let said = format!("已办理:{} 处变更,{} 名儿童和 {} 项授权随同转移", done.places, done.children, done.grants);
    match done.waiting {
        0 => said,
        n => format!("{said};{n} 项授权并入后范围会变大,已中止,等安全管理员复核后生效"),
    }
}

struct ClassView {
    path: String,
    name: String,
    depth: usize,
    since: String,
}

#[derive(Template)]
#[template(path = "place/school.html")]
struct SchoolPage {
    shell: Shell,
    name: String,
    path: String,
    classes: Vec<ClassView>,
}

#[derive(Deserialize)]
pub struct AtPath {
    path: String,
}

/// A school's grades and classes.
pub async fn school(Visit { app, signed, headers }: Visit, Query(q): Query<AtPath>) -> Result<Response, PageError> {
    let path = path_of(&q.path)?;
    let today = app.office.clock.today();
    if !signed.actor.jurisdiction(Action::ManagePlaces)?.covers(path.as_str()) {
        return Err(OfficeError::NotFound.into());
    }
    let place = app.office.store.place_at(&path, today).await?.ok_or(OfficeError::NotFound)?;
    let mut below = app.office.store.places_below(path.as_str(), today, &["grade", "class"]).await?;
    below.sort_by_cached_key(|p| reading_order(p.path.as_str().strip_prefix(path.as_str()).unwrap_or("")));
    let page = SchoolPage {
        shell: shell(&app, &signed, &headers, &place.name, "/places").await?,
        name: place.name,
        path: q.path,
        classes: below
            .into_iter()
            .map(|p| ClassView {
                depth: p.path.depth() - path.depth(),
                path: p.path.to_string(),
                name: p.name,
                since: p.valid_from,
            })
            .collect(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct Renaming {
    path: String,
    name: String,
    #[serde(default)]
    school: String,
}

pub async fn rename(Visit { app, signed, .. }: Visit, Form(form): Form<Renaming>) -> Result<Response, PageError> {
    let done = app.office.rename_place(&signed.actor, &path_of(&form.path)?, &form.name).await?;
    Ok(go(&format!("/places/school?path={}", crate::web::frame::view::url_part(&form.school)), &moved(&done)))
}

struct SchoolPlanView {
    path: String,
    name: String,
    moving: Vec<String>,
    leaving: String,
    unusual_top: Option<String>,
    grows: bool,
}

#[derive(Template)]
#[template(path = "place/roll_over.html")]
struct RollOverPage {
    shell: Shell,
    year: String,
    doubt: Option<String>,
    /// Why it cannot be done now.
    problem: Option<String>,
    schools: Vec<SchoolPlanView>,
    moving: usize,
    leaving: usize,
}

/// The schools whose highest grade stays, of a form.
fn growing(form: &[(String, String)]) -> Vec<String> {
    form.iter().filter(|(n, _)| n == "grow").map(|(_, v)| v.clone()).collect()
}

pub async fn roll_over_page(
    Visit { app, signed, headers }: Visit,
    Query(q): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let grow = growing(&q);
    let (plan, problem) = match app.office.roll_over_plan(&signed.actor, &grow).await {
        Ok(p) => (Some(p), None),
        Err(e @ (OfficeError::Input(_) | OfficeError::Conflict(_))) => (None, Some(e.to_string())),
        Err(e) => return Err(e.into()),
    };
    let year = plan.as_ref().map(|p| p.year.to_string()).unwrap_or_default();
    let doubt = plan.as_ref().and_then(|p| p.doubt.clone());
    let schools: Vec<SchoolPlanView> = plan
        .into_iter()
        .flat_map(|p| p.schools)
        .map(|s| SchoolPlanView {
            grows: grow.iter().any(|g| g == s.path.as_str()),
            path: s.path.to_string(),
            name: s.name,
            moving: s.moving.into_iter().map(|(a, b)| if a == b { a } else { format!("{a} → {b}") }).collect(),
            leaving: s.leaving.join("、"),
            unusual_top: s.unusual_top,
        })
        .collect();
    let page = RollOverPage {
        shell: shell(&app, &signed, &headers, "学年升级", "/places").await?,
        year,
        doubt,
        problem,
        moving: schools.iter().map(|s| s.moving.len()).sum(),
        leaving: schools.iter().filter(|s| !s.leaving.is_empty()).count(),
        schools,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn roll_over(Visit { app, signed, .. }: Visit, Form(form): Form<Vec<(String, String)>>) -> Result<Response, PageError> {
    let sure = form.iter().any(|(n, _)| n == "sure");
    let done = app.office.roll_over(&signed.actor, &growing(&form), sure).await?;
    Ok(go("/places", &moved(&done)))
}

pub async fn sample_sheet() -> Result<Response, PageError> {
    let bytes = sample().map_err(crate::app::roster::staging::input)?;
    Ok(file("样表-区划学校划片.xlsx", XLSX, bytes))
}
