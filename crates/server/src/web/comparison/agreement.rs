//! 人籍一致核对: schools and classes, with a form for what was counted.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::Action;
use serde::Deserialize;

use crate::app::comparison::agreement::{ClassAgreement, Counted, this_month};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{number, url_part};
use crate::web::frame::visit::Visit;

/// Months that can be looked back to.
const MONTHS: i64 = 12;

struct SchoolLine {
    href: String,
    name: String,
    register: String,
    present: String,
    classes: usize,
    counted: usize,
    differing: usize,
}

struct ClassLine {
    path: String,
    name: String,
    register: i64,
    present: i64,
    homework: String,
    roll: String,
    seats: String,
    says: String,
}

#[derive(Template)]
#[template(path = "comparison/agreement.html")]
struct AgreementPage {
    shell: Shell,
    month: String,
    months: Vec<String>,
    schools: Vec<SchoolLine>,
    /// The school whose classes are shown.
    school: Option<(String, String)>,
    classes: Vec<ClassLine>,
    may_count: bool,
    several: bool,
}

#[derive(Deserialize, Default)]
pub struct AgreementQuery {
    #[serde(default)]
    month: String,
    #[serde(default)]
    school: String,
}

fn class_line(c: ClassAgreement) -> ClassLine {
    let text = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let counted = c.counted.clone().unwrap_or_default();
    ClassLine {
        says: c.says(),
        path: c.path,
        name: c.name,
        register: c.register,
        present: c.present,
        homework: text(counted.homework),
        roll: text(counted.roll),
        seats: text(counted.seats),
    }
}

/// The month asked for, of those that can be looked at.
fn months(app: &App) -> Vec<String> {
    let first = app.office.clock.today().first_of_month();
    (0..MONTHS).filter_map(|n| first.checked_sub(jiff::Span::new().months(n)).ok()).map(this_month).collect()
}

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<AgreementQuery>) -> Result<Response, PageError> {
    let months = months(&app);
    let month = months.iter().find(|m| **m == q.month).unwrap_or(&months[0]).clone();
    let mut all = app.office.agreement(&signed.actor, &month).await?;
    let several = all.len() > 1;
    let lines = all.iter().map(|s| SchoolLine {
        href: format!("/classes?month={month}&school={}", url_part(&s.path)),
        name: s.name.clone(),
        register: number(s.sum(|c| c.register)),
        present: number(s.sum(|c| c.present)),
        classes: s.classes.len(),
        counted: s.classes.iter().filter(|c| c.counted.is_some()).count(),
        differing: s.classes.iter().filter(|c| !c.says().is_empty()).count(),
    });
    let schools = lines.collect();
    let chosen = if several { all.iter().position(|s| s.path == q.school) } else { (!all.is_empty()).then_some(0) };
    let chosen = chosen.map(|i| all.swap_remove(i));
    let page = AgreementPage {
        shell: shell(&app, &signed, &headers, "人籍一致核对", "/classes").await?,
        may_count: month == months[0] && signed.actor.may(Action::CountClasses),
        month,
        months,
        schools,
        school: chosen.as_ref().map(|s| (s.path.clone(), s.name.clone())),
        classes: chosen.map(|s| s.classes.into_iter().map(class_line).collect()).unwrap_or_default(),
        several,
    };
    Ok(html(&page.shell, page.render()?))
}

/// `path`, `roll`, `homework`, `seats`, again and again; empty for what was not counted.
fn counts_of(form: &[(String, String)]) -> Result<Vec<Counted>, OfficeError> {
    let mut out: Vec<Counted> = Vec::new();
    for (name, value) in form {
        let slot = match name.as_str() {
            "path" => {
                out.push((value.clone(), [None; 3]));
                continue;
            }
            "homework" => 0,
            "roll" => 1,
            "seats" => 2,
            _ => continue,
        };
        let value = value.trim();
        if let (Some(last), false) = (out.last_mut(), value.is_empty()) {
            last.1[slot] = Some(value.parse().map_err(|_| OfficeError::Input(format!("“{value}”不是整数")))?);
        }
    }
    Ok(out)
}

pub async fn count(Visit { app, signed, .. }: Visit, Form(form): Form<Vec<(String, String)>>) -> Result<Response, PageError> {
    let of = |name: &str| form.iter().find(|f| f.0 == name).map(|f| f.1.clone()).unwrap_or_default();
    let n = app.office.count_classes(&signed.actor, &of("month"), &counts_of(&form)?).await?;
    Ok(go(&format!("/classes?school={}", url_part(&of("school"))), &format!("已保存 {n} 个班的清点人数")))
}

pub async fn export(Visit { app, signed, .. }: Visit, Query(q): Query<AgreementQuery>) -> Result<Response, PageError> {
    let months = months(&app);
    let month = months.iter().find(|m| **m == q.month).unwrap_or(&months[0]);
    let bytes = app.office.agreement_sheet(&signed.actor, month).await?;
    Ok(file(&format!("人籍一致核对表-{month}.xlsx"), XLSX, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_to_the_class_before_them() {
        let form = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let all = form(&[
            ("month", "2023-10"),
            ("path", "a"),
            ("roll", "45"),
            ("homework", ""),
            ("seats", "44"),
            ("path", "b"),
            ("roll", ""),
        ]);
        assert_eq!(
            counts_of(&all).unwrap(),
            [("a".to_owned(), [None, Some(45), Some(44)]), ("b".to_owned(), [None, None, None])]
        );
        assert!(counts_of(&form(&[("path", "a"), ("roll", "四十")])).is_err());
        assert!(counts_of(&form(&[("roll", "3")])).unwrap().is_empty());
    }
}
