//! Help in the page, sample sheets.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::roster::SourceKind;
use baoxue_domain::verdict::VerdictKind;

use crate::app::roster::template::sample as sample_of;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::verdict_class;
use crate::web::frame::visit::Visit;

#[derive(Template)]
#[template(path = "installation/help.html")]
struct Help {
    shell: Shell,
    kinds: Vec<(&'static str, &'static str, &'static str)>,
    /// What it shows: only what the person does herself.
    officer: bool,
    answers: bool,
    works: bool,
    takes: bool,
    counts: bool,
    people: bool,
    places: bool,
    audit: bool,
    /// Each verdict: its colour, name, group, when it is given, what to do.
    verdicts: Vec<Meaning>,
}

struct Meaning {
    class: &'static str,
    label: &'static str,
    group: &'static str,
    when: &'static str,
    next: &'static str,
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let may = |a| signed.actor.may(a);
    let meaning = |k: &VerdictKind| Meaning {
        class: verdict_class(Some(*k)),
        label: k.label(),
        group: k.group().label(),
        when: k.meaning(),
        next: k.next_step(),
    };
    let help = Help {
        officer: may(Action::Dispatch),
        answers: may(Action::AnswerFinding),
        works: may(Action::WorkCase),
        takes: may(Action::TakeRoll),
        counts: may(Action::CountClasses),
        people: may(Action::ManageUsers) || may(Action::ManageTeachers),
        places: may(Action::ManagePlaces),
        audit: may(Action::ViewAudit),
        verdicts: if may(Action::ViewLedger) { VerdictKind::ALL.iter().map(meaning).collect() } else { Vec::new() },
        shell: shell(&app, &signed, &headers, "帮助", "/help").await?,
        kinds: SourceKind::ALL
            .iter()
            .map(|k| (k.name(), k.long_label(), crate::app::roster::staging::department_of(*k)))
            .collect(),
    };
    Ok(html(&help.shell, help.render()?))
}

pub async fn sample(Path(kind): Path<String>) -> Result<Response, PageError> {
    let kind = SourceKind::find(kind.trim_end_matches(".xlsx"))
        .ok_or_else(|| PageError::plain(StatusCode::NOT_FOUND, "没有这种名册的样表"))?;
    let bytes = sample_of(kind).map_err(|_| PageError::plain(StatusCode::INTERNAL_SERVER_ERROR, "样表生成出错"))?;
    Ok(crate::web::frame::files::file(&format!("样表-{}.xlsx", kind.label()), crate::web::frame::files::XLSX, bytes))
}
