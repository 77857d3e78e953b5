//! 设置: places, sources, settings, people, the audit log; each for its own administrator.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Multipart, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::{Action, Role};
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_store::AuditFilter;
use jiff::ToSpan;
use serde::Deserialize;

use super::App;
use super::error::PageError;
use super::rosters::{XLSX, file};
use super::shell::{Shell, go, html, shell};
use super::view::{Pager, number, when};
use crate::app::clock::moment;
use crate::app::office::OfficeError;
use crate::app::office::accounts::SignedIn;
use crate::app::office::places::{read_places, sample};
use crate::app::office::settings::KNOWN;

/// Rows of a page of the log.
const PAGE: i64 = 100;

struct PlaceView {
    name: String,
    code: String,
    kind: &'static str,
    depth: usize,
    path: String,
    since: String,
}

#[derive(Template)]
#[template(path = "places.html")]
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
        for p in app.office.store.places_below(prefix, today, &[]).await? {
            let view = PlaceView {
                name: p.name,
                code: p.code,
                kind: match p.kind.as_str() {
                    "province" => "省",
                    "prefecture" => "市(州)",
                    "county" => "县(市、区)",
                    "town" => "乡镇(街道)",
                    "village" => "村(社区)",
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

pub async fn places(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    places_page(&app, &signed, &headers, Vec::new()).await
}

/// The first file of a form, and its other fields.
async fn one_file(mut form: Multipart) -> Result<(String, Vec<u8>, std::collections::BTreeMap<String, String>), PageError> {
    let (mut name, mut bytes, mut fields) = (String::new(), Vec::new(), std::collections::BTreeMap::new());
    while let Some(field) = form.next_field().await? {
        let key = field.name().unwrap_or("").to_owned();
        if key == "file" {
            name = field.file_name().unwrap_or("").to_owned();
            bytes = field.bytes().await?.to_vec();
        } else {
            fields.insert(key, field.text().await?);
        }
    }
    if bytes.is_empty() {
        return Err(OfficeError::Input("没有选中文件".into()).into());
    }
    Ok((name, bytes, fields))
}

pub async fn put_places(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, PageError> {
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
}

pub async fn close_place(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(form): Form<Closing>,
) -> Result<Response, PageError> {
    let path = PlacePath::parse(&form.path).ok_or(OfficeError::NotFound)?;
    let from = form.from.parse().map_err(|_| OfficeError::Input("日期写成 2026-11-21".into()))?;
    let n = app.office.close_place(&signed.actor, &path, from).await?;
    Ok(go("/places", &format!("已撤并 {n} 处,自 {from} 起")))
}

pub async fn places_sample() -> Result<Response, PageError> {
    let bytes = sample().map_err(crate::app::office::rosters::input)?;
    Ok(file("样表-区划学校划片.xlsx", XLSX, bytes))
}

#[derive(Template)]
#[template(path = "sources.html")]
struct Sources {
    shell: Shell,
    kinds: Vec<(&'static str, &'static str, &'static str)>,
    headings: Vec<(String, &'static str, String, String)>,
}

pub async fn sources(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let area = app.office.area(&signed.actor, Action::ManageSources)?;
    let said = app.office.store.heading_mappings(area.as_str()).await?;
    let page = Sources {
        shell: shell(&app, &signed, &headers, "名册来源", "/sources").await?,
        kinds: SourceKind::ALL
            .iter()
            .map(|k| (k.name(), k.long_label(), crate::app::office::rosters::department_of(*k)))
            .collect(),
        headings: said
            .into_iter()
            .map(|(source, heading, field)| {
                let label = Field::ALL.iter().find(|f| f.name() == field).map_or(field.clone(), |f| f.heading().to_owned());
                let kind = SourceKind::find(&source).map_or("", SourceKind::label);
                (source, kind, heading, label)
            })
            .collect(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct Forget {
    source: String,
    heading: String,
}

pub async fn forget_heading(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(form): Form<Forget>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let area = office.area(&signed.actor, Action::ManageSources)?;
    let mut tx = office.store.begin().await?;
    tx.map_heading((area.as_str(), &form.source, &form.heading), "", office.now(), signed.actor.account).await?;
    office.audit(&mut tx, &signed.actor, "forget-heading", &format!("source:{}", form.source), &form.heading).await?;
    tx.commit().await?;
    Ok(go("/sources", "已忘记这一列的对应"))
}

struct SettingView {
    name: &'static str,
    label: &'static str,
    about: &'static str,
    value: String,
    number: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    shell: Shell,
    settings: Vec<SettingView>,
    history: Vec<(String, String, String, String, String)>,
    today: String,
}

pub async fn settings(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let place = app.office.settings_place(&signed.actor)?;
    let mut all = Vec::new();
    for k in KNOWN {
        all.push(SettingView {
            name: k.name,
            label: k.label,
            about: k.about,
            value: app.office.setting(k.name, Some(&place)).await?,
            number: k.bounds.is_some(),
        });
    }
    let history = app.office.store.setting_history(&signed.actor.jurisdiction(Action::ManageSettings)?).await?;
    let page = Settings {
        shell: shell(&app, &signed, &headers, "参数", "/settings").await?,
        settings: all,
        history: history
            .into_iter()
            .map(|s| {
                let label = KNOWN.iter().find(|k| k.name == s.name).map_or(s.name.clone(), |k| k.label.to_owned());
                (label, s.value, s.effective_on, when(s.recorded_at), s.recorded_by.unwrap_or_else(|| "命令行".into()))
            })
            .collect(),
        today: app.office.clock.today().to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct SetForm {
    name: String,
    value: String,
    from: String,
}

pub async fn set(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    Form(form): Form<SetForm>,
) -> Result<Response, PageError> {
    let from = form.from.parse().map_err(|_| OfficeError::Input("日期写成 2026-11-21".into()))?;
    app.office.set(&signed.actor, &form.name, &form.value, from).await?;
    Ok(go("/settings", &format!("已保存,自 {from} 起生效")))
}

struct PersonView {
    login: String,
    name: String,
    roles: String,
    disabled: bool,
    locked: bool,
    second_factor: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    shell: Shell,
    people: Vec<PersonView>,
    roles: Vec<(&'static str, &'static str)>,
    password: Option<(String, String)>,
}

async fn people_page(
    app: &Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    password: Option<(String, String)>,
) -> Result<Response, PageError> {
    let store = &app.office.store;
    let grants = store.grants(None).await?;
    let today = app.office.clock.today().to_string();
    let j = signed.actor.jurisdiction(Action::ManageUsers)?;
    let mut people = store.accounts().await?;
    people.retain(|a| grants.iter().filter(|g| g.account == a.id).all(|g| j.covers(&g.path)));
    let page = People {
        shell: shell(app, signed, headers, "人员和授权", "/people").await?,
        people: people
            .into_iter()
            .map(|a| {
                let held = grants
                    .iter()
                    .filter(|g| g.account == a.id && g.valid_from <= today && g.valid_to.as_ref().is_none_or(|t| *t > today));
                let mut roles: Vec<&str> = held.map(|g| g.role.label()).collect();
                roles.dedup();
                PersonView {
                    roles: roles.join("、"),
                    disabled: a.disabled_at.is_some(),
                    locked: a.locked_until > app.office.now(),
                    second_factor: a.totp_secret.is_some(),
                    login: a.login,
                    name: a.name,
                }
            })
            .collect(),
        roles: Role::ALL.iter().map(|r| (r.code(), r.label())).collect(),
        password,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn people(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    people_page(&app, &signed, &headers, None).await
}

#[derive(Deserialize)]
pub struct NewPerson {
    login: String,
    name: String,
    role: String,
    place: String,
}

async fn role_at(app: &App, role: &str, place: &str) -> Result<(Role, PlacePath), PageError> {
    let role = Role::find(role).ok_or_else(|| OfficeError::Input("请选择角色".into()))?;
    let path = app
        .office
        .place_named(place.trim())
        .await?
        .ok_or_else(|| OfficeError::Input(format!("没有“{}”这个范围;请写区划代码、学校标识码或学校名称", place.trim())))?;
    Ok((role, path))
}

pub async fn add_person(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Form(form): Form<NewPerson>,
) -> Result<Response, PageError> {
    let grant = role_at(&app, &form.role, &form.place).await?;
    let password = app.office.add_person(Some(&signed.actor), &form.login, &form.name, &[grant]).await?;
    people_page(&app, &signed, &headers, Some((form.login, password))).await
}

pub async fn add_people(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    form: Multipart,
) -> Result<Response, PageError> {
    let (name, bytes, _) = one_file(form).await?;
    let out = app.office.add_people(&signed.actor, &name, bytes).await?;
    Ok(file("新账号初始密码.xlsx", XLSX, out))
}

struct GrantView {
    id: i64,
    role: &'static str,
    place: String,
    from: String,
    to: String,
    active: bool,
}

#[derive(Template)]
#[template(path = "person.html")]
struct Person {
    shell: Shell,
    login: String,
    name: String,
    disabled: bool,
    second_factor: bool,
    created: String,
    grants: Vec<GrantView>,
    roles: Vec<(&'static str, &'static str)>,
    sessions: usize,
    password: Option<String>,
}

async fn person_page(
    app: &Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    login: &str,
    password: Option<String>,
) -> Result<Response, PageError> {
    let store = &app.office.store;
    let a = app.office.managed(&signed.actor, login).await?;
    let grants = store.grants(Some(a.id)).await?;
    let paths: Vec<&str> = grants.iter().map(|g| g.path.as_str()).collect();
    let trails = app.office.trails(&paths).await?;
    let today = app.office.clock.today().to_string();
    let page = Person {
        shell: shell(app, signed, headers, &a.name, "/people").await?,
        disabled: a.disabled_at.is_some(),
        second_factor: a.totp_secret.is_some(),
        created: when(a.created_at),
        sessions: store.sessions_of(a.id).await?.len(),
        grants: grants
            .into_iter()
            .map(|g| GrantView {
                id: g.id,
                role: g.role.label(),
                place: trails.get(&g.path).cloned().filter(|t| !t.is_empty()).unwrap_or(g.path),
                active: g.valid_from <= today && g.valid_to.as_ref().is_none_or(|t| *t > today),
                from: g.valid_from,
                to: g.valid_to.unwrap_or_default(),
            })
            .collect(),
        roles: Role::ALL.iter().map(|r| (r.code(), r.label())).collect(),
        login: a.login,
        name: a.name,
        password,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn person(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path(login): Path<String>,
) -> Result<Response, PageError> {
    person_page(&app, &signed, &headers, &login, None).await
}

#[derive(Deserialize)]
pub struct PersonStep {
    step: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    grant: Option<i64>,
}

pub async fn person_step(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Path(login): Path<String>,
    Form(form): Form<PersonStep>,
) -> Result<Response, PageError> {
    let back = format!("/people/{}", super::view::url_part(&login));
    match form.step.as_str() {
        "grant" => {
            let (role, path) = role_at(&app, &form.role, &form.place).await?;
            app.office.grant(&signed.actor, &login, role, &path).await?;
            Ok(go(&back, "已授权,自今天起"))
        }
        "end-grant" => {
            app.office.end_grant(&signed.actor, &login, form.grant.unwrap_or(0)).await?;
            Ok(go(&back, "已终止授权"))
        }
        "reset-password" | "reset-all" => {
            let password = app.office.reset_password(Some(&signed.actor), &login, form.step == "reset-all").await?;
            person_page(&app, &signed, &headers, &login, Some(password)).await
        }
        "disable" | "enable" => {
            app.office.set_disabled(&signed.actor, &login, form.step == "disable").await?;
            Ok(go(&back, if form.step == "disable" { "已停用,登录已全部退出" } else { "已启用" }))
        }
        _ => Err(OfficeError::NotFound.into()),
    }
}

#[derive(Deserialize, Default)]
pub struct AuditQuery {
    #[serde(default)]
    login: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    page: Option<i64>,
    #[serde(default)]
    verify: Option<String>,
}

struct AuditLine {
    id: i64,
    when: String,
    login: String,
    action: String,
    subject: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    lines: Vec<AuditLine>,
    pager: Pager,
    q: AuditQuery,
    verified: Option<(bool, String)>,
    actions: Vec<(&'static str, &'static str)>,
}

/// Codes of the log, in words.
const WORDS: [(&str, &str); 34] = [
    ("log-in", "登录"),
    ("log-out", "退出"),
    ("failed-log-in", "密码错误"),
    ("lock-account", "锁定账号"),
    ("second-factor", "动态码通过"),
    ("set-up-second-factor", "绑定动态码"),
    ("change-password", "修改密码"),
    ("reset-password", "重置密码"),
    ("end-session", "退出设备"),
    ("add-account", "新建账号"),
    ("disable-account", "停用账号"),
    ("enable-account", "启用账号"),
    ("grant", "授权"),
    ("end-grant", "终止授权"),
    ("stage-roster", "读入名册"),
    ("load-roster", "载入名册"),
    ("withdraw-roster", "撤销名册"),
    ("start-run", "开始比对"),
    ("finish-run", "完成比对"),
    ("cancel-run", "取消比对"),
    ("decide-review", "人工认定"),
    ("undo-review", "撤回认定"),
    ("reveal", "查看完整信息"),
    ("export", "导出"),
    ("view-proof", "查看佐证"),
    ("dispatch-finding", "交办"),
    ("answer-finding", "答复"),
    ("send-back-finding", "退回重核"),
    ("hand-back-finding", "退回交办单位"),
    ("clear-finding", "核销"),
    ("take-as-suspected-finding", "转疑似辍学"),
    ("reopen-finding", "重新打开"),
    ("put-places", "维护区划"),
    ("set", "修改参数"),
];

pub async fn audit(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<SignedIn>,
    headers: HeaderMap,
    Query(q): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let some = |t: &str| (!t.trim().is_empty()).then(|| t.trim().to_owned());
    let day = |t: &str| t.parse::<jiff::civil::Date>().ok();
    let f = AuditFilter {
        login: some(&q.login),
        action: some(&q.action),
        subject: some(&q.subject),
        from: day(&q.from).map(|d| moment(d.at(0, 0, 0, 0))),
        to: day(&q.to).map(|d| moment(d.saturating_add(1.day()).at(0, 0, 0, 0))),
    };
    let wanted = q.page.unwrap_or(1).max(1);
    let j = signed.actor.jurisdiction(Action::ViewAudit)?;
    let (rows, total) = app.office.store.audit_page(&f, &j, PAGE, (wanted - 1) * PAGE).await?;
    let parts = [("login", q.login.as_str()), ("action", &q.action), ("subject", &q.subject), ("from", &q.from), ("to", &q.to)];
    let verified = match q.verify {
        Some(_) => {
            let v = app.office.store.verify_audit().await?;
            Some(match v.broken {
                None => (
                    true,
                    format!(
                        "已封存 {} 条,链条完整;另有 {} 条新记录待封存。最新封印 {}",
                        number(v.sealed),
                        number(v.unsealed),
                        v.head.unwrap_or_default().chars().take(16).collect::<String>()
                    ),
                ),
                Some((a, b)) => (false, format!("第 {a} 至 {b} 条之间的记录被改动、删除或插入过!请立即保全数据库并报告")),
            })
        }
        None => None,
    };
    let word = |code: &str| WORDS.iter().find(|w| w.0 == code).map_or(code.to_owned(), |w| w.1.to_owned());
    let page = AuditPage {
        shell: shell(&app, &signed, &headers, "审计日志", "/audit").await?,
        lines: rows
            .into_iter()
            .map(|e| AuditLine {
                id: e.id,
                when: when(e.at),
                action: word(&e.action),
                login: e.login,
                subject: e.subject,
                detail: e.detail,
            })
            .collect(),
        pager: Pager::new(wanted, PAGE, total, "/audit", &parts),
        verified,
        actions: WORDS.to_vec(),
        q,
    };
    Ok(html(&page.shell, page.render()?))
}
