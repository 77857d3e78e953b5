//! 导入名册: drop, look, load, send back, undo.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::{Action, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, Severity, SourceKind};
use baoxue_store::{Batch, BatchState};
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::office::{Office, OfficeError};
use crate::app::roster::staging::{
    GUARD_PERCENT, HandOver, PreviewProblem, Said, Staged, Upload, counts_of, preview_of, to_confirm,
};
use crate::app::roster::supersede::Mode;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::list::{self, Address, Pager};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{number, when};
use crate::web::frame::visit::Visit;

/// Files of one drop: a zip holds more.
const MAX_FILES: usize = 200;
struct BatchView {
    id: i64,
    kind: &'static str,
    file: String,
    rows: String,
    rejected: i64,
    problems: i64,
    doubtful: bool,
    state: &'static str,
    department: String,
    when: String,
    digest: String,
    mode: &'static str,
}

fn view(b: &Batch) -> Result<BatchView, OfficeError> {
    Ok(BatchView {
        id: b.id,
        kind: SourceKind::find(&b.source).map_or("", SourceKind::label),
        file: b.file_name.clone(),
        rows: number(b.good_rows),
        rejected: b.rejected_rows,
        problems: to_confirm(b)?,
        doubtful: preview_of(b).is_some_and(|p| p.doubtful),
        state: b.state.label(),
        department: b.department.clone(),
        when: when(b.loaded_at.unwrap_or(b.staged_at)),
        digest: b.digest.chars().take(12).collect(),
        mode: Mode::find(&b.mode).filter(|m| *m != Mode::Whole).map_or("", Mode::label),
    })
}

/// What of the roster in use a staged one may take the place of.
struct ModeChoice {
    /// Whether there is one in use.
    asked: bool,
    /// Whether one of the choices is usual.
    chosen: bool,
    /// Code, label, whether it is what is usual.
    choices: Vec<(&'static str, &'static str, bool)>,
}

/// A roster whose size jumps.
struct Jump {
    kind: &'static str,
    before: String,
    now: String,
    percent: i64,
}

#[derive(Template)]
#[template(path = "roster/rosters.html")]
struct Rosters {
    shell: Shell,
    staged: Vec<(BatchView, ModeChoice)>,
    loaded: Vec<BatchView>,
    jumps: Vec<Jump>,
    refused: Vec<(String, String)>,
    guard: i64,
    can_run: bool,
}

async fn rosters_page(
    app: &Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    refused: Vec<(String, String)>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let county = office.area(&signed.actor, Action::ImportRosters)?;
    let staged = office.store.batches(county.as_str(), &[BatchState::Staged], 1_000, 0).await?;
    let loaded = office.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
    let mut modes = Vec::new();
    for b in &staged {
        modes.push(mode_choice(office, &county, b, &loaded).await?);
    }
    // what replaces a whole roster, unless something else is chosen
    let refs: Vec<(&Batch, Mode)> = staged.iter().map(|b| (b, Mode::Whole)).collect();
    let jumps = office.guard(&county, &refs).await?.into_iter().filter(|(_, g)| g.asks()).map(|(s, g)| Jump {
        kind: SourceKind::find(&s).map_or("", SourceKind::label),
        before: number(g.before),
        now: number(g.now),
        percent: g.percent(),
    });
    let page = Rosters {
        jumps: jumps.collect(),
        shell: shell(app, signed, headers, "导入名册", "/rosters").await?,
        staged: staged.iter().map(view).collect::<Result<Vec<_>, _>>()?.into_iter().zip(modes).collect(),
        can_run: loaded.len() > 1,
        loaded: loaded.iter().map(view).collect::<Result<_, _>>()?,
        refused,
        guard: GUARD_PERCENT,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    rosters_page(&app, &signed, &headers, Vec::new()).await
}

pub async fn upload(Visit { app, signed, headers }: Visit, mut form: Multipart) -> Result<Response, PageError> {
    let (mut uploads, mut by) = (Vec::new(), HandOver::default());
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("department") => by.department = field.text().await?,
            Some("person") => by.person = field.text().await?,
            Some("files") => {
                let name = field.file_name().unwrap_or("").to_owned();
                let bytes = field.bytes().await?;
                // a browser sends one empty file when none was chosen
                if name.is_empty() && bytes.is_empty() {
                    continue;
                }
                uploads.push(Upload { name, bytes: bytes.to_vec() });
            }
            _ => {}
        }
    }
    if uploads.is_empty() {
        return Err(OfficeError::Input("没有选中文件".into()).into());
    }
    if uploads.len() > MAX_FILES {
        return Err(OfficeError::Input(format!("一次最多 {MAX_FILES} 个文件;多的请压缩成一个 zip")).into());
    }
    let staged: Vec<Staged> = app.office.stage(&signed.actor, uploads, &by).await?;
    let refused: Vec<(String, String)> = staged.into_iter().filter_map(|s| s.outcome.err().map(|e| (s.file_name, e))).collect();
    if refused.is_empty() {
        return Ok(go("/rosters", "已读入,请看过后载入"));
    }
    rosters_page(&app, &signed, &headers, refused).await
}

/// `ids`, and for each a `mode:ID`; `confirmed`: a change of size is meant; `then_run`.
pub async fn load(Visit { app, signed, .. }: Visit, Form(form): Form<BTreeMap<String, String>>) -> Result<Response, PageError> {
    let said = |name: &str| form.get(name).map_or("", String::as_str);
    let ids: Vec<i64> = said("ids").split(',').filter_map(|t| t.trim().parse().ok()).collect();
    let mode = |(name, value): (&String, &String)| Some((name.strip_prefix("mode:")?.parse().ok()?, Mode::find(value)?));
    let modes: BTreeMap<i64, Mode> = form.iter().filter_map(mode).collect();
    let n = app.office.load(&signed.actor, &ids, &modes, form.contains_key("confirmed")).await?;
    if form.contains_key("then_run") {
        return match app.office.ask_for_run(&signed.actor, false).await {
            Ok(run) => Ok(go(&format!("/runs/{run}"), &format!("已载入 {n} 份名册,正在比对"))),
            // what was loaded is loaded
            Err(OfficeError::Input(why) | OfficeError::Conflict(why)) => {
                Ok(go("/rosters", &format!("已载入 {n} 份名册;没有开始比对:{why}")))
            }
            Err(e) => Err(e.into()),
        };
    }
    Ok(go("/rosters", &format!("已载入 {n} 份名册,下次比对即采用")))
}

/// How a staged roster may be loaded beside those in use.
async fn mode_choice(office: &Office, county: &PlacePath, b: &Batch, loaded: &[Batch]) -> Result<ModeChoice, PageError> {
    let usual = office.usual_mode(county, b).await?;
    let choices = Mode::ALL.into_iter().filter(|m| *m != Mode::Mend || usual == Some(Mode::Mend));
    Ok(ModeChoice {
        asked: loaded.iter().any(|l| l.source == b.source),
        chosen: usual.is_some(),
        choices: choices.map(|m| (m.code(), m.label(), usual == Some(m))).collect(),
    })
}

struct ColumnView {
    sheet: String,
    heading: String,
    field: String,
    label: String,
}

struct CountView {
    title: &'static str,
    severity: &'static str,
    class: &'static str,
    count: String,
}

#[derive(Template)]
#[template(path = "roster/batch.html")]
struct BatchPage {
    shell: Shell,
    batch: BatchView,
    source: String,
    staged: bool,
    withdrawable: bool,
    why: String,
    columns: Vec<ColumnView>,
    ignored: Vec<String>,
    counts: Vec<CountView>,
    problems: Vec<PreviewProblem>,
    more_problems: i64,
    kinds: Vec<(&'static str, &'static str)>,
    fields: Vec<(&'static str, &'static str)>,
    passed_over: i64,
    used_by: Vec<i64>,
    unknown_schools: Vec<(String, usize)>,
    schools: Vec<(String, String)>,
    mode: &'static str,
    /// Where it waits to be loaded: how it may be.
    choice: Option<ModeChoice>,
}

pub async fn batch(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let county = app.office.area(&signed.actor, Action::ImportRosters)?;
    let b = app.office.store.batch(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
    let preview = preview_of(&b).ok_or(OfficeError::NotFound)?;
    let class = |s: Severity| match s {
        Severity::Rejected => "sev-rejected",
        Severity::Dropped => "sev-dropped",
        Severity::Confirm => "sev-confirm",
        Severity::Notice => "sev-notice",
    };
    let columns = preview.columns.into_iter().map(|c| ColumnView {
        label: Field::ALL.iter().find(|f| f.name() == c.field).map_or(String::new(), |f| f.heading().to_owned()),
        sheet: c.sheet,
        heading: c.heading,
        field: c.field,
    });
    let choice = if b.state == BatchState::Staged {
        let loaded = app.office.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
        Some(mode_choice(&app.office, &county, &b, &loaded).await?)
    } else {
        None
    };
    let page = BatchPage {
        choice,
        shell: shell(&app, &signed, &headers, &b.file_name, "/rosters").await?,
        staged: b.state == BatchState::Staged,
        withdrawable: b.state != BatchState::Withdrawn,
        why: preview.why,
        columns: columns.collect(),
        ignored: preview.ignored,
        counts: counts_of(&b)?
            .into_iter()
            .map(|(c, n)| CountView {
                title: c.title(),
                severity: c.severity().label(),
                class: class(c.severity()),
                count: number(n),
            })
            .collect(),
        more_problems: (to_confirm(&b)? - preview.problems.len() as i64).max(0),
        problems: preview.problems,
        kinds: SourceKind::ALL.iter().map(|k| (k.name(), k.long_label())).collect(),
        fields: Field::ALL.iter().map(|f| (f.name(), f.heading())).collect(),
        passed_over: b.passed_over_rows,
        schools: if preview.unknown_schools.is_empty() || b.state != BatchState::Staged {
            Vec::new()
        } else {
            schools_of(&app, &county).await?
        },
        unknown_schools: preview.unknown_schools,
        mode: if b.state == BatchState::Loaded { Mode::find(&b.mode).map_or("", Mode::label) } else { "" },
        used_by: app.office.store.runs_of_batch(id).await?,
        source: b.source.clone(),
        batch: view(&b)?,
    };
    Ok(html(&page.shell, page.render()?))
}

/// Schools of a county to choose from.
async fn schools_of(app: &App, county: &PlacePath) -> Result<Vec<(String, String)>, PageError> {
    let prefix = county.education_prefix().unwrap_or_default();
    let mut all = app.office.store.places_below(&prefix, app.office.clock.today(), &["school"]).await?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all.into_iter().map(|s| (s.path.to_string(), s.name)).collect())
}

/// `kind`; for each heading, `heading:N` with `field:N`; for each school that is not registered, `called:N` with `school:N`.
pub async fn reread(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, PageError> {
    let kind = match form.get("kind").map(String::as_str) {
        None | Some("") => None,
        Some(k) => Some(SourceKind::find(k).ok_or_else(|| OfficeError::Input("没有这种名册".into()))?),
    };
    let mut headings = BTreeMap::new();
    for (name, heading) in form.iter().filter_map(|(n, v)| n.strip_prefix("heading:").map(|n| (n, v))) {
        let field = form.get(&format!("field:{name}")).cloned().unwrap_or_default();
        let before = form.get(&format!("before:{name}")).cloned().unwrap_or_default();
        // only what a person changed is remembered
        if field != before {
            headings.insert(heading.clone(), if field.is_empty() { "忽略".to_owned() } else { field });
        }
    }
    let mut schools = BTreeMap::new();
    for (name, called) in form.iter().filter_map(|(n, v)| n.strip_prefix("called:").map(|n| (n, v))) {
        let school = form.get(&format!("school:{name}")).and_then(|p| PlacePath::parse(p));
        schools.extend(school.map(|s| (called.clone(), s)));
    }
    let new = app.office.restage(&signed.actor, id, &Said { kind, headings, schools }).await?;
    Ok(go(&format!("/rosters/{new}"), "已按您说的重新读取,并记住了"))
}

pub async fn withdraw(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let called_off = app.office.withdraw(&signed.actor, id).await?;
    let said = if called_off > 0 {
        format!("已撤销,同时撤销了据此交办的 {called_off} 条核实")
    } else {
        "已撤销".to_owned()
    };
    Ok(go("/rosters", &said))
}

pub async fn bad_rows(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (name, bytes) = app.office.bad_rows(&signed.actor, id).await?;
    app.office.note(&signed.actor, Deed::Export, &format!("batch:{id}"), &name).await?;
    Ok(file(&name, XLSX, bytes))
}

#[derive(Template)]
#[template(path = "roster/hand_overs.html")]
struct HandOvers {
    shell: Shell,
    batches: Vec<BatchView>,
    people: Vec<String>,
    pager: Pager,
}

#[derive(Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

pub async fn hand_overs(Visit { app, signed, headers }: Visit, Query(q): Query<PageQuery>) -> Result<Response, PageError> {
    let county = app.office.area(&signed.actor, Action::ViewHandOvers)?;
    let total = app.office.store.batch_count(county.as_str(), &[]).await?;
    let size = list::size(&q.per);
    let pager = Pager::new(list::page(q.page), size, total, Address::new("/hand-overs", &[("per", &q.per)]));
    let all = app.office.store.batches(county.as_str(), &[], size, pager.offset(size)).await?;
    let page = HandOvers {
        shell: shell(&app, &signed, &headers, "名册交接记录", "/hand-overs").await?,
        people: all.iter().map(|b| b.handed_over_by.clone()).collect(),
        batches: all.iter().map(view).collect::<Result<_, _>>()?,
        pager,
    };
    Ok(html(&page.shell, page.render()?))
}
