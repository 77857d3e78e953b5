//! 手机记录 (records that wait): what a phone sent and the files refused, for its author to mend; or for the county, where she cannot.

use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::attendance::{Check, Mark};
use baoxue_domain::case::{ContactKind, codes, told};
use baoxue_domain::place::PlacePath;
use baoxue_store::ContactDetail;
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::clock::civil;
use crate::app::offline::records::{Body, CheckBody, ContactBody, HeldRecord, RegisterBody, kind_label};
use crate::web::App;
use crate::web::attendance::{class_name, name_for};
use crate::web::frame::error::PageError;
use crate::web::frame::files::proof_file;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

struct Line {
    id: i64,
    by: String,
    what: &'static str,
    said: String,
    received: String,
}

#[derive(Template)]
#[template(path = "offline/held.html")]
struct HeldPage {
    shell: Shell,
    lines: Vec<Line>,
}

pub async fn list(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let found = app.office.held_records(&signed.actor).await?;
    let line = |r: baoxue_store::OfflineRecord| Line {
        id: r.id,
        by: if r.account == signed.actor.account { "本人".to_owned() } else { r.by },
        what: kind_label(&r.kind),
        said: r.said,
        received: when(r.received_at),
    };
    let page = HeldPage {
        lines: found.into_iter().map(line).collect(),
        shell: shell(&app, &signed, &headers, "手机记录", "/held").await?,
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Template)]
#[template(path = "offline/record.html")]
struct RecordPage {
    shell: Shell,
    id: i64,
    by: String,
    said: String,
    received: String,
    phone_time: String,
    /// The case, where one may see it.
    case: Option<(i64, String)>,
    body: ContactBody,
    today: String,
    kinds: Vec<(&'static str, &'static str)>,
    outcomes: Vec<(String, String)>,
    /// What the form does not ask anew: head, words.
    facts: Vec<(&'static str, String)>,
    /// Pictures that came, and how many are still on the phone.
    pictures: Vec<i64>,
    awaited: usize,
}

pub async fn record(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let HeldRecord { record, body, parts } = app.office.held_record(&signed.actor, id).await?;
    let body = match body {
        Body::Contact(c) => *c,
        Body::Register(b) => return roll(&app, &signed, &headers, record, b).await,
        Body::Check(b) => return check(&app, &signed, &headers, record, b).await,
    };
    let seen = app.office.seen_case(&signed.actor, body.case, None).await;
    let d = &body.detail;
    let facts = [
        ("参加人员", d.people.clone()),
        ("联系对象", d.met.clone()),
        ("家长态度", told(&codes().attitude, &d.attitude, true).to_owned()),
        ("学生意愿", told(&codes().wish, &d.wish, true).to_owned()),
        ("签字", body.signed_label().to_owned()),
        ("见证人", d.witness.clone()),
        ("下一步", d.next.clone()),
    ];
    let page = RecordPage {
        shell: shell(&app, &signed, &headers, "手机记录", "/held").await?,
        id,
        by: if record.account == signed.actor.account { "本人".to_owned() } else { record.by.clone() },
        said: record.said.clone(),
        received: when(record.received_at),
        phone_time: civil(body.made_at).strftime("%Y-%m-%d %H:%M").to_string(),
        case: seen.ok().map(|s| (s.case.id, format!("{} {}", s.child.profile.name, s.case.label()))),
        today: app.office.clock.today().to_string(),
        kinds: ContactKind::ALL.into_iter().map(|k| (k.code(), k.label())).collect(),
        outcomes: codes().outcome.iter().map(|c| (c.code.clone(), c.label.clone())).collect(),
        facts: facts.into_iter().filter(|f| !f.1.is_empty()).collect(),
        pictures: parts.iter().filter(|p| p.file.is_some()).map(|p| p.n).collect(),
        awaited: parts.iter().filter(|p| p.file.is_none()).count(),
        body,
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Template)]
#[template(path = "offline/roll.html")]
struct RollPage {
    shell: Shell,
    id: i64,
    by: String,
    said: String,
    received: String,
    class: String,
    day: String,
    check: &'static str,
    today: String,
    marks: Vec<(i64, String, &'static str, String)>,
    what: &'static str,
    /// What it says, where nobody is named.
    words: String,
}

/// A check that waits.
async fn check(
    app: &std::sync::Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    record: baoxue_store::OfflineRecord,
    body: CheckBody,
) -> Result<Response, PageError> {
    let seen = app.office.seen_case(&signed.actor, body.case, None).await.ok();
    let about = seen.map_or_else(|| "(看不到的档案)".to_owned(), |s| format!("{} {}", s.child.profile.name, s.case.label()));
    let what = if body.present { "还在校".to_owned() } else { format!("不在校:{}", body.note) };
    let page = RollPage {
        shell: shell(app, signed, headers, "手机记录", "/held").await?,
        id: record.id,
        by: if record.account == signed.actor.account { "本人".to_owned() } else { record.by },
        what: kind_label(&record.kind),
        said: record.said,
        received: when(record.received_at),
        class: about,
        day: body.on,
        check: "",
        today: app.office.clock.today().to_string(),
        marks: Vec::new(),
        words: what,
    };
    Ok(html(&page.shell, page.render()?))
}

/// A roll that waits.
async fn roll(
    app: &std::sync::Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    record: baoxue_store::OfflineRecord,
    body: RegisterBody,
) -> Result<Response, PageError> {
    let j = signed.actor.jurisdiction(Action::TakeRoll).ok();
    let mut marks = Vec::new();
    for (child, mark, note, _) in body.marks {
        let known = match &j {
            Some(j) => app.office.store.child(child, j).await?,
            None => None,
        };
        let name = known.map_or_else(|| "(不在您的班级)".to_owned(), |c| name_for(&signed.actor, &c));
        marks.push((child, name, Mark::find(&mark).map_or("", Mark::label), note));
    }
    let page = RollPage {
        shell: shell(app, signed, headers, "手机记录", "/held").await?,
        id: record.id,
        by: if record.account == signed.actor.account { "本人".to_owned() } else { record.by },
        said: record.said,
        received: when(record.received_at),
        class: PlacePath::parse(&body.class).map(|p| class_name(&p)).unwrap_or_default(),
        day: body.day,
        check: Check::find(&body.check).map_or("", Check::label),
        today: app.office.clock.today().to_string(),
        words: if marks.is_empty() { "全部到齐。".to_owned() } else { String::new() },
        marks,
        what: kind_label(&record.kind),
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn picture(Visit { app, signed, .. }: Visit, Path((id, n)): Path<(i64, i64)>) -> Result<Response, PageError> {
    let (media, bytes) = app.office.held_part(&signed.actor, id, n).await?;
    Ok(proof_file(&media, bytes))
}

#[derive(Deserialize)]
pub struct RecordForm {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    on: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    words: String,
}

pub async fn submit(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<RecordForm>,
) -> Result<Response, PageError> {
    let sent = match app.office.held_record(&signed.actor, id).await?.body {
        Body::Contact(c) => *c,
        Body::Check(_) => {
            app.office.submit_held_check(&signed.actor, id, &f.on).await?;
            return Ok(go("/held", "已登记"));
        }
        Body::Register(_) => {
            app.office.submit_held_roll(&signed.actor, id, &f.on).await?;
            return Ok(go("/held", "已登记"));
        }
    };
    let detail = ContactDetail { words: f.words, ..sent.detail.clone() };
    let mended = ContactBody { kind: f.kind, on: f.on, outcome: f.outcome, detail, ..sent };
    let case = app.office.submit_held(&signed.actor, id, mended).await?;
    let to = if signed.actor.may(Action::ViewCases) { format!("/cases/{case}") } else { "/held".to_owned() };
    Ok(go(&to, "已登记"))
}

#[derive(Deserialize)]
pub struct AsideForm {
    #[serde(default)]
    reason: String,
}

pub async fn put_aside(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<AsideForm>,
) -> Result<Response, PageError> {
    app.office.put_held_aside(&signed.actor, id, &f.reason).await?;
    Ok(go("/held", "已放弃这条记录"))
}
