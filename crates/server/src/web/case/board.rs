//! 劝返看板: the funnel found → verified → persuading → returned → stayed → closed, by place; every number opens its list.

use askama::Template;
use axum::response::Response;
use baoxue_domain::access::Action;

use crate::app::case::listing::{CaseBoard, CaseLine};
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{number, url_part};
use crate::web::frame::visit::Visit;

pub struct Number {
    pub label: &'static str,
    pub n: String,
    pub href: String,
    pub class: &'static str,
}

struct Row {
    name: String,
    numbers: Vec<Number>,
    share: String,
}

#[derive(Template)]
#[template(path = "case/board.html")]
struct Board {
    shell: Shell,
    kind: &'static str,
    funnel: Vec<Number>,
    heads: Vec<&'static str>,
    rows: Vec<Row>,
    total: Row,
    may_export: bool,
}

fn numbers(l: &CaseLine, is_total: bool) -> Vec<Number> {
    let at = |label, n: i64, query: &str, class| {
        let listed = n > 0 && (is_total || !l.path.is_empty());
        let place = if l.path.is_empty() { String::new() } else { format!("&place={}", url_part(&l.path)) };
        Number { label, n: number(n), href: if listed { format!("/cases?{query}{place}") } else { String::new() }, class }
    };
    vec![
        at("立案", l.found, "state=all", ""),
        at("核实中", l.verifying, "state=verifying", ""),
        at("劝返中", l.persuading, "state=persuading", ""),
        at("依法控辍", l.legal, "state=legal", ""),
        at("已确认辍学", l.confirmed, "state=away&confirmed=1", ""),
        at("返校办手续", l.returned, "state=returned", ""),
        at("跟踪回访", l.follow_up, "state=follow-up", ""),
        at("已销号", l.closed, "state=closed", ""),
        at("已核销", l.cleared, "state=cleared", ""),
        at("逾期", l.overdue, "state=open&overdue=1", if l.overdue > 0 { " late" } else { "" }),
        at("待审批", l.asked, "state=open&asked=decide", ""),
    ]
}

fn row(l: &CaseLine, is_total: bool) -> Row {
    Row { name: l.name.clone(), numbers: numbers(l, is_total), share: l.share() }
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let CaseBoard { kind, lines, total } = app.office.case_board(&signed.actor).await?;
    let whole = row(&total, true);
    let of = |label, n: i64, query: &str| Number {
        label,
        n: number(n),
        href: if n > 0 { format!("/cases?{query}") } else { String::new() },
        class: "",
    };
    let page = Board {
        shell: shell(&app, &signed, &headers, "劝返看板", "/case-board").await?,
        kind,
        funnel: vec![
            of("立案", total.found, "state=all"),
            of("核实中", total.verifying, "state=verifying"),
            of("未返校,在劝返", total.persuading + total.legal, "state=away"),
            of("已返校", total.back(), "state=back"),
            of("已销号", total.closed, "state=closed"),
        ],
        heads: whole.numbers.iter().map(|n| n.label).collect(),
        rows: lines.iter().map(|l| row(l, false)).collect(),
        total: whole,
        may_export: signed.actor.may(Action::Export),
    };
    Ok(html(&page.shell, page.render()?))
}

pub async fn export(Visit { app, signed, .. }: Visit) -> Result<Response, PageError> {
    let bytes = app.office.export_case_board(&signed.actor).await?;
    Ok(file(&format!("劝返复学情况汇总表-{}.xlsx", app.office.clock.today()), XLSX, bytes))
}
