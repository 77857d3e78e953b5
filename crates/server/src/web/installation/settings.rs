//! 名册来源和参数 (sources and settings) for the system administrator.

use askama::Template;
use axum::Form;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::policy::{Bounds, TERMS, Term};
use baoxue_domain::roster::{Field, SourceKind};
use serde::Deserialize;

use crate::app::office::OfficeError;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::when;
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "roster/sources.html")]
struct Sources {
    shell: Shell,
    kinds: Vec<(&'static str, &'static str, &'static str)>,
    headings: Vec<(String, &'static str, String, String)>,
}

pub async fn sources(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let area = app.office.area(&signed.actor, Action::ManageSources)?;
    let said = app.office.store.heading_mappings(area.as_str()).await?;
    let page = Sources {
        shell: shell(&app, &signed, &headers, "名册来源", "/sources").await?,
        kinds: SourceKind::ALL
            .iter()
            .map(|k| (k.name(), k.long_label(), crate::app::roster::staging::department_of(*k)))
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

pub async fn forget_heading(Visit { app, signed, .. }: Visit, Form(form): Form<Forget>) -> Result<Response, PageError> {
    app.office.forget_heading(&signed.actor, &form.source, &form.heading).await?;
    Ok(go("/sources", "已忘记这一列的对应"))
}

struct SettingView {
    term: &'static Term,
    value: String,
    /// The default as people read it, and whether it holds.
    shown: &'static str,
    is_default: bool,
    number: Option<(i64, i64)>,
}

#[derive(Template)]
#[template(path = "installation/settings.html")]
struct Settings {
    shell: Shell,
    settings: Vec<SettingView>,
    history: Vec<(String, String, String, String, String)>,
    today: String,
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let mut all = Vec::new();
    for term in TERMS.iter().filter(|t| signed.actor.may(t.set_by)) {
        let place = app.office.settings_place(&signed.actor, term.set_by)?;
        let value = app.office.term_today(term, &place).await?;
        let number = match term.bounds {
            Bounds::Number(least, most) => Some((least, most)),
            _ => None,
        };
        all.push(SettingView { term, is_default: value == term.default, shown: term.shown(term.default), value, number });
    }
    let own = if signed.actor.may(Action::ManageSettings) { Action::ManageSettings } else { Action::ManageUsers };
    let mut history = app.office.store.setting_history(&signed.actor.jurisdiction(own)?).await?;
    history.retain(|s| Term::find(&s.name).is_none_or(|t| signed.actor.may(t.set_by)));
    let page = Settings {
        shell: shell(&app, &signed, &headers, if own == Action::ManageUsers { "登录规则" } else { "参数" }, "/settings").await?,
        settings: all,
        history: history
            .into_iter()
            .map(|s| {
                let of = Term::find(&s.name);
                let label = of.map_or(s.name.clone(), |k| k.label.to_owned());
                let value = of.map_or(s.value.clone(), |k| k.shown(&s.value).to_owned());
                (label, value, s.effective_on, when(s.recorded_at), s.recorded_by.unwrap_or_else(|| "命令行".into()))
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

pub async fn set(Visit { app, signed, .. }: Visit, Form(form): Form<SetForm>) -> Result<Response, PageError> {
    let from = form.from.parse().map_err(|_| OfficeError::field("from", "日期写成 2026-11-21"))?;
    app.office.set(&signed.actor, &form.name, &form.value, from).await?;
    Ok(go("/settings", &format!("已保存,自 {from} 起生效")))
}
