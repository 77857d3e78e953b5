//! 人员和授权 (people and their roles) for the security administrator, and for a school its own teachers.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use baoxue_domain::access::{Actor, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{GrantRow, RequestState};
use jiff::civil::Date;
use serde::Deserialize;

use crate::app::access::accounts::SignedIn;
use crate::app::access::confirmations::what;
use crate::app::access::managing::Managing;
use crate::app::access::people::{Added, sample};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file, one_file};
use crate::web::frame::list::{self, Address, Column, Condition, Head, Pager, heads};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{short_place, when};
use crate::web::frame::visit::Visit;

struct PersonView {
    login: String,
    name: String,
    roles: String,
    /// Where she has them.
    places: String,
    disabled: bool,
    waits: bool,
    asks: bool,
    second_factor: bool,
}

#[derive(Template)]
#[template(path = "access/people.html")]
struct People {
    shell: Shell,
    /// Whose new password was asked for on the log-in page: log-in, name, when last, network, how often.
    asked: Vec<(String, String, String, String, usize)>,
    people: Vec<PersonView>,
    query: PeopleQuery,
    at: Address,
    heads: Vec<Head>,
    conditions: Vec<Condition>,
    pager: Pager,
    roles: Vec<(&'static str, &'static str)>,
    /// A school with its own teachers: nobody has to confirm.
    school: bool,
    password: Option<(String, String)>,
}

/// Columns, and by which of them the list sorts.
const COLUMNS: [Column; 5] = [
    ("登录名", "", Some("login")),
    ("姓名", "", Some("name")),
    ("角色", "", Some("role")),
    ("范围", "", Some("place")),
    ("状态", "", None),
];

/// What stands in the address of the list.
#[derive(Deserialize, Clone, Default)]
pub struct PeopleQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    /// `closed`, `waits`, or all.
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    per: String,
    #[serde(default)]
    page: Option<i64>,
}

impl PeopleQuery {
    fn at(&self) -> Address {
        let parts =
            [("q", self.q.as_str()), ("role", &self.role), ("state", &self.state), ("sort", &self.sort), ("per", &self.per)];
        Address::new("/people", &parts)
    }

    fn fits(&self, p: &PersonView) -> bool {
        let typed = self.q.trim();
        let found = typed.is_empty() || p.login.contains(typed) || p.name.contains(typed) || p.places.contains(typed);
        let role = Role::find(&self.role).is_none_or(|r| p.roles.split('、').any(|l| l == r.label()));
        let state = match self.state.as_str() {
            "closed" => p.disabled,
            "waits" => p.waits || p.asks,
            "open" => !p.disabled,
            _ => true,
        };
        found && role && state
    }

    fn conditions(&self) -> Vec<Condition> {
        let at = self.at();
        let state = match self.state.as_str() {
            "closed" => "已停用",
            "waits" => "待复核或有申请",
            "open" => "在用",
            _ => "",
        };
        let all = [
            ("q", if self.q.trim().is_empty() { String::new() } else { format!("查找“{}”", self.q.trim()) }),
            ("role", Role::find(&self.role).map_or(String::new(), |r| r.label().to_owned())),
            ("state", state.to_owned()),
        ];
        let chosen = all.into_iter().filter(|c| !c.1.is_empty());
        chosen.map(|(name, label)| Condition { label, href: at.with(name, "").to_string() }).collect()
    }
}

fn choices(managing: &Managing) -> Vec<(&'static str, &'static str)> {
    managing.roles().iter().map(|r| (r.code(), r.label())).collect()
}

async fn people_page(
    app: &Arc<App>,
    signed: &SignedIn,
    headers: &HeaderMap,
    query: PeopleQuery,
    password: Option<(String, String)>,
) -> Result<Response, PageError> {
    let store = &app.office.store;
    let grants = store.grants(None).await?;
    let today = app.office.clock.today().to_string();
    let managing = Managing::of(&signed.actor)?;
    let now = app.office.now();
    let waiting = store.requests(RequestState::Vouched, None, now).await?;
    let mut people = store.accounts().await?;
    people.retain(|a| managing.holds(&Managing::reach(a.id, &grants, &waiting, &today)));
    let wishes = store.requests(RequestState::Asked, None, now).await?;
    let mut asked: Vec<(String, String, String, String, usize)> = Vec::new();
    for r in wishes.iter().filter(|r| people.iter().any(|a| a.id == r.account)) {
        match asked.iter_mut().find(|a| a.0 == r.login && a.3 == r.address) {
            Some(a) => (a.2, a.4) = (when(r.asked_at), a.4 + 1),
            None => asked.push((r.login.clone(), r.name.clone(), when(r.asked_at), r.address.clone(), 1)),
        }
    }
    let held = |a: i64| {
        let today = today.as_str();
        grants
            .iter()
            .filter(move |g| g.account == a && g.valid_from.as_str() <= today && g.valid_to.as_deref().is_none_or(|t| t > today))
    };
    let paths: Vec<&str> = people.iter().flat_map(|a| held(a.id).map(|g| g.path.as_str())).collect();
    let trails = app.office.trails(&paths).await?;
    let mut people: Vec<PersonView> = people
        .into_iter()
        .map(|a| {
            let mut roles: Vec<&str> = held(a.id).map(|g| g.role.label()).collect();
            roles.dedup();
            let place = |g: &GrantRow| trails.get(g.path.as_str()).map(|t| short_place(t)).unwrap_or_default();
            let mut places: Vec<String> = held(a.id).map(place).collect();
            places.dedup();
            PersonView {
                roles: roles.join("、"),
                places: places.join("、"),
                disabled: a.disabled_at.is_some(),
                waits: waiting.iter().any(|r| r.account == a.id),
                asks: wishes.iter().any(|r| r.account == a.id),
                second_factor: a.totp_secret.is_some(),
                login: a.login,
                name: a.name,
            }
        })
        .filter(|p| query.fits(p))
        .collect();
    match query.sort.as_str() {
        "name" => people.sort_by(|a, b| a.name.cmp(&b.name)),
        "role" => people.sort_by(|a, b| (&a.roles, &a.login).cmp(&(&b.roles, &b.login))),
        "place" => people.sort_by(|a, b| (&a.places, &a.login).cmp(&(&b.places, &b.login))),
        _ => {}
    }
    let size = list::size(&query.per);
    let at = query.at();
    let pager = Pager::new(list::page(query.page), size, people.len() as i64, at.clone());
    let page = People {
        shell: shell(app, signed, headers, if managing.school { "本校教师账号" } else { "人员和授权" }, "/people").await?,
        asked,
        people: people.into_iter().skip(pager.offset(size) as usize).take(size as usize).collect(),
        heads: heads(&COLUMNS, &at, if query.sort.is_empty() { "login" } else { &query.sort }),
        conditions: query.conditions(),
        at,
        pager,
        query,
        roles: choices(&managing),
        school: managing.school,
        password,
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(query): Query<PeopleQuery>) -> Result<Response, PageError> {
    people_page(&app, &signed, &headers, query, None).await
}

#[derive(Deserialize)]
pub struct NewPerson {
    login: String,
    name: String,
    role: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    place_path: String,
}

/// `place` as it was written, or `path` as it was picked.
async fn role_at(app: &App, actor: &Actor, role: &str, place: &str, path: &str) -> Result<(Role, PlacePath), PageError> {
    let role = Role::find(role).ok_or_else(|| OfficeError::field("role", "请选择角色"))?;
    let path =
        app.office.place_named(Some(actor), if path.is_empty() { place } else { path }.trim()).await?.ok_or_else(|| {
            OfficeError::field(
                "place",
                format!(
                    "您的管辖范围内没有“{}”;可以写村、学校、班级的名称或代码,例如“柳林镇石桥村”“柳林小学 三(1)班”",
                    place.trim()
                ),
            )
        })?;
    Ok((role, path))
}

pub async fn add(Visit { app, signed, headers }: Visit, Form(form): Form<NewPerson>) -> Result<Response, PageError> {
    let grant = role_at(&app, &signed.actor, &form.role, &form.place, &form.place_path).await?;
    match app.office.add_or_wish(&signed.actor, &form.login, &form.name, &[grant]).await? {
        Added::Account(password) => {
            people_page(&app, &signed, &headers, PeopleQuery::default(), Some((form.login, password))).await
        }
        Added::Grant => Ok(go("/people", "这位老师在别的单位已有账号;已提交加授本校的角色,管理员复核后生效")),
    }
}

/// The address at which the asker reached the program: what slips tell others to open.
fn address_of(app: &App, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    // the guard has seen that it is ours; behind a proxy that ends TLS only the browser knows the scheme
    match text("origin").filter(|o| o.starts_with("http")) {
        Some(origin) => origin.to_owned(),
        None => format!("{}://{}", if app.tls { "https" } else { "http" }, text("host").unwrap_or_default()),
    }
}

pub async fn add_sheet(Visit { app, signed, headers }: Visit, form: Multipart) -> Result<Response, PageError> {
    let (name, bytes, _) = one_file(form).await?;
    let address = address_of(&app, &headers);
    let out = app.office.add_people(&signed.actor, &name, bytes, &address).await?;
    Ok(file("新账号初始密码.xlsx", XLSX, out))
}

/// The sample sheet.
pub async fn sample_sheet() -> Result<Response, PageError> {
    Ok(file("人员样表.xlsx", XLSX, sample()?))
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
#[template(path = "access/person.html")]
struct Person {
    shell: Shell,
    login: String,
    name: String,
    disabled: bool,
    created: String,
    grants: Vec<GrantView>,
    roles: Vec<(&'static str, &'static str)>,
    /// A school with its own teachers: nobody has to confirm, and substitutes have a last day.
    school: bool,
    sessions: usize,
    /// Phones on which she works without signal: name, last heard of.
    devices: Vec<(String, String)>,
    /// What waits for a second person.
    waiting: Vec<String>,
    /// What the owner asked for and nobody has vouched for.
    asked: Vec<String>,
}

pub async fn person(Visit { app, signed, headers }: Visit, Path(login): Path<String>) -> Result<Response, PageError> {
    let store = &app.office.store;
    let managing = Managing::of(&signed.actor)?;
    let a = app.office.managed(&signed.actor, &login).await?;
    let now = app.office.now();
    let waiting = store.requests(RequestState::Vouched, Some(a.id), now).await?;
    let asked = store.requests(RequestState::Asked, Some(a.id), now).await?;
    let grants = store.grants(Some(a.id)).await?;
    let mut paths: Vec<&str> = grants.iter().map(|g| g.path.as_str()).collect();
    paths.extend(waiting.iter().flat_map(|r| r.grants.iter().map(|g| g.1.as_str())));
    let trails = app.office.trails(&paths).await?;
    let today = app.office.clock.today().to_string();
    let page = Person {
        shell: shell(&app, &signed, &headers, &a.name, "/people").await?,
        waiting: waiting
            .iter()
            .map(|r| {
                let at = r.grants.iter().map(|g| trails.get(g.1.as_str()).cloned().unwrap_or_default()).collect::<Vec<_>>();
                let at = if at.is_empty() { String::new() } else { format!("({})", at.join(";")) };
                format!("{}{at},{} 提出", what(r), when(r.asked_at))
            })
            .collect(),
        asked: asked.iter().map(|r| format!("{},{} 从网络 {} 提出", what(r), when(r.asked_at), r.address)).collect(),
        disabled: a.disabled_at.is_some(),
        created: when(a.created_at),
        sessions: store.sessions_of(a.id).await?.len(),
        devices: store.offline_devices(a.id).await?.into_iter().map(|d| (d.name, when(d.seen_at))).collect(),
        grants: grants
            .into_iter()
            .map(|g| GrantView {
                id: g.id,
                role: g.role.label(),
                place: trails.get(&g.path).cloned().filter(|t| !t.is_empty()).unwrap_or(g.path),
                active: g.valid_from <= today && g.valid_to.as_ref().is_none_or(|t| *t > today),
                from: g.valid_from,
                // a grant ends on the morning of the day that is kept
                to: g
                    .valid_to
                    .map(|t| t.parse::<Date>().and_then(|d| d.yesterday()).map_or(t, |d| d.to_string()))
                    .unwrap_or_default(),
            })
            .collect(),
        roles: choices(&managing),
        school: managing.school,
        login: a.login,
        name: a.name,
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct NewGrant {
    role: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    place_path: String,
    /// The last day, of a substitute.
    #[serde(default)]
    until: String,
}

fn page_of(login: &str) -> String {
    format!("/people/{}", crate::web::frame::view::url_part(login))
}

pub async fn grant(
    Visit { app, signed, .. }: Visit,
    Path(login): Path<String>,
    Form(form): Form<NewGrant>,
) -> Result<Response, PageError> {
    let (role, path) = role_at(&app, &signed.actor, &form.role, &form.place, &form.place_path).await?;
    let until = match form.until.trim() {
        "" => None,
        day => Some(day.parse().map_err(|_| OfficeError::field("until", "截止日期请写成 2023-11-30 的样子"))?),
    };
    app.office.grant(&signed.actor, &login, role, &path, until).await?;
    let school = Managing::of(&signed.actor)?.school;
    Ok(go(&page_of(&login), if school { "已授予,即时生效" } else { "已提交;另一名管理员复核后生效" }))
}

#[derive(Deserialize)]
pub struct EndGrant {
    grant: i64,
}

pub async fn end_grant(
    Visit { app, signed, .. }: Visit,
    Path(login): Path<String>,
    Form(form): Form<EndGrant>,
) -> Result<Response, PageError> {
    app.office.end_grant(&signed.actor, &login, form.grant).await?;
    Ok(go(&page_of(&login), "已终止授权"))
}

#[derive(Deserialize)]
pub struct Code {
    code: String,
}

pub async fn vouch(
    Visit { app, signed, .. }: Visit,
    Path(login): Path<String>,
    Form(form): Form<Code>,
) -> Result<Response, PageError> {
    app.office.vouch_for_password(&signed.actor, &login, &form.code).await?;
    let school = Managing::of(&signed.actor)?.school;
    let said = if school {
        "已核对,对方的新密码已生效"
    } else {
        "已核对;另一名管理员复核后,对方的新密码生效"
    };
    Ok(go(&page_of(&login), said))
}

/// 手机丢失
pub async fn end_devices(Visit { app, signed, .. }: Visit, Path(login): Path<String>) -> Result<Response, PageError> {
    let n = app.office.end_devices_of(&signed.actor, &login).await?;
    Ok(go(&format!("/people/{login}"), &format!("已停用离线手机 {n} 部")))
}

pub async fn disable(Visit { app, signed, .. }: Visit, Path(login): Path<String>) -> Result<Response, PageError> {
    app.office.set_disabled(&signed.actor, &login, true).await?;
    Ok(go(&page_of(&login), "已停用,登录已全部退出"))
}

pub async fn enable(Visit { app, signed, .. }: Visit, Path(login): Path<String>) -> Result<Response, PageError> {
    app.office.set_disabled(&signed.actor, &login, false).await?;
    Ok(go(&page_of(&login), "已提交;另一名管理员复核后启用"))
}
