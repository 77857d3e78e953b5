//! 按单位 (units): who owes answers, and one button that reminds them.

use askama::Template;
use axum::Form;
use axum::response::Response;

use crate::app::clock::civil;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{short_place, when};
use crate::web::frame::visit::Visit;

struct Line {
    path: String,
    /// 柳林镇 › 石桥村
    name: String,
    waiting: i64,
    overdue: i64,
    /// The earliest deadline.
    due: String,
    reminded: String,
    /// Not again today.
    today: bool,
    href: String,
}

#[derive(Template)]
#[template(path = "finding/units.html")]
struct Units {
    shell: Shell,
    lines: Vec<Line>,
    waiting: i64,
    overdue: i64,
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let owing = app.office.units_that_owe(&signed.actor).await?;
    let paths: Vec<&str> = owing.iter().map(|u| u.unit_path.as_str()).collect();
    let trails = app.office.trails(&paths).await?;
    let today = app.office.clock.today();
    let page = Units {
        shell: shell(&app, &signed, &headers, "按单位催办", "/findings").await?,
        waiting: owing.iter().map(|u| u.waiting).sum(),
        overdue: owing.iter().map(|u| u.overdue).sum(),
        lines: owing
            .into_iter()
            .map(|u| Line {
                name: trails
                    .get(&u.unit_path)
                    .map(|t| short_place(t))
                    .filter(|t| !t.is_empty())
                    .unwrap_or_else(|| u.unit_path.clone()),
                waiting: u.waiting,
                overdue: u.overdue,
                due: u.due.map(|d| civil(d).date().to_string()).unwrap_or_default(),
                reminded: u.reminded_at.map(when).unwrap_or_default(),
                today: u.reminded_at.is_some_and(|at| civil(at).date() >= today),
                href: format!("/findings?state=dispatched&unit={}", crate::web::frame::view::url_part(&u.unit_path)),
                path: u.unit_path,
            })
            .collect(),
    };
    Ok(html(&page.shell, page.render()?))
}

/// Each ticked unit is a `unit`; with `late` all that are overdue.
pub async fn remind(Visit { app, signed, .. }: Visit, Form(form): Form<Vec<(String, String)>>) -> Result<Response, PageError> {
    let late = form.iter().any(|f| f.0 == "late");
    let units: Vec<String> = if late {
        let owing = app.office.units_that_owe(&signed.actor).await?;
        owing.into_iter().filter(|u| u.overdue > 0).map(|u| u.unit_path).collect()
    } else {
        form.into_iter().filter(|f| f.0 == "unit").map(|f| f.1).collect()
    };
    let done = app.office.remind(&signed.actor, &units).await?;
    let but = match done.passed_over {
        0 => String::new(),
        n => format!(";另 {n} 个单位今天已催办或已答复,没有重复催"),
    };
    Ok(go("/findings/units", &format!("已催办 {} 个单位、{} 条{but}", done.units, done.tasks)))
}
