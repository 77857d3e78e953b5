//! 班级设置: who boards, and who takes which check.

use std::collections::BTreeSet;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::attendance::Check;
use serde::Deserialize;

use super::class_name;
use crate::app::attendance::class::WEEKDAYS;
use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::url_part;
use crate::web::frame::visit::Visit;

struct DutyLine {
    id: i64,
    weekday: &'static str,
    check: &'static str,
    name: String,
}

#[derive(Template)]
#[template(path = "attendance/class.html")]
struct ClassPage {
    shell: Shell,
    class: String,
    name: String,
    school: String,
    /// Child, name, whether it boards.
    pupils: Vec<(i64, String, bool)>,
    boarders: usize,
    duties: Vec<DutyLine>,
    takers: Vec<(i64, String)>,
    checks: Vec<(&'static str, &'static str)>,
    weekdays: [(i64, &'static str); 8],
}

#[derive(Deserialize, Default)]
pub struct ClassQuery {
    #[serde(default)]
    class: String,
}

fn address(class: &str) -> String {
    format!("/roll/class?class={}", url_part(class))
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<ClassQuery>) -> Result<Response, PageError> {
    let office = &app.office;
    let (class, j) = office.own_class(&signed.actor, &q.class, Action::TakeRoll)?;
    let list = office.class_list(&class, &j).await?;
    let ids: Vec<i64> = list.expected.iter().map(|c| c.id).collect();
    let board = office.store.boarders_among(&ids, office.clock.today()).await?;
    let duties = office.store.duties(class.as_str()).await?;
    let weekday = |n: i64| WEEKDAYS.iter().find(|w| w.0 == n).map_or("", |w| w.1);
    let page = ClassPage {
        shell: shell(&app, &signed, &headers, "班级设置", "/roll").await?,
        name: class_name(&class),
        school: office.store.place_names(&[class.school().as_str()]).await?.remove(class.school().as_str()).unwrap_or_default(),
        pupils: list.expected.iter().map(|c| (c.id, c.profile.name.clone(), board.contains(&c.id))).collect(),
        boarders: board.len(),
        duties: duties
            .into_iter()
            .map(|d| DutyLine { id: d.id, weekday: weekday(d.weekday), check: d.check.label(), name: d.name })
            .collect(),
        takers: office.takers_of(&class).await?.into_iter().map(|a| (a.id, a.name)).collect(),
        checks: Check::ALL.into_iter().map(|c| (c.code(), c.label())).collect(),
        weekdays: WEEKDAYS,
        class: class.to_string(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// `boards=12&boards=13`, with the class.
pub async fn boarders(Visit { app, signed, .. }: Visit, Form(form): Form<Vec<(String, String)>>) -> Result<Response, PageError> {
    let class = form.iter().find(|f| f.0 == "class").map_or("", |f| f.1.as_str());
    let ids: BTreeSet<i64> = form.iter().filter(|f| f.0 == "boards").filter_map(|f| f.1.parse().ok()).collect();
    let (came, went) = app.office.set_boarders(&signed.actor, class, &ids).await?;
    Ok(go(&address(class), &format!("已登记:住校 {} 人(新增 {came},减少 {went})", ids.len())))
}

#[derive(Deserialize)]
pub struct DutyForm {
    class: String,
    #[serde(default)]
    check: String,
    #[serde(default)]
    weekday: i64,
    #[serde(default)]
    account: String,
}

pub async fn duty(Visit { app, signed, .. }: Visit, Form(f): Form<DutyForm>) -> Result<Response, PageError> {
    let account = f.account.parse().map_err(|_| OfficeError::field("account", "请选择老师"))?;
    app.office.set_duty(&signed.actor, &f.class, &f.check, f.weekday, account).await?;
    Ok(go(&address(&f.class), "已安排"))
}

pub async fn end_duty(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<ClassQuery>,
) -> Result<Response, PageError> {
    app.office.end_duty(&signed.actor, &f.class, id).await?;
    Ok(go(&address(&f.class), "已取消"))
}
