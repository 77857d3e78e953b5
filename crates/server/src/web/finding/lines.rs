//! A finding as lists show it.

use baoxue_domain::access::Actor;
use baoxue_domain::calendar::time_left;
use baoxue_domain::finding::FindingState;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::Finding;

use crate::app::clock::civil;
use crate::app::finding::dispatch::answer_label;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::view::{ChildView, is_own, verdict_class};

pub struct Line {
    pub id: i64,
    pub name: String,
    pub verdict: &'static str,
    pub class: &'static str,
    pub state: &'static str,
    pub unit: String,
    pub place: String,
    pub school: String,
    pub left: String,
    pub overdue: bool,
    pub answer: String,
    /// Who returned it and why.
    pub returned: String,
}

pub async fn lines(app: &App, actor: &Actor, findings: Vec<Finding>, own: bool) -> Result<Vec<Line>, PageError> {
    let office = &app.office;
    let everything = office.store.children_of(&findings).await?;
    let returns = office.store.returns_of(&findings.iter().map(|f| f.id).collect::<Vec<_>>()).await?;
    let mut paths: Vec<String> = everything.iter().filter_map(|c| c.residence_path.clone()).collect();
    paths.extend(returns.values().flatten().filter_map(|r| r.unit_path.clone()));
    paths.extend(findings.iter().filter_map(|f| f.unit_path.clone()));
    let trails = office.trails(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let (now, now_ms) = (office.clock.now(), office.now());
    let last =
        |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).and_then(|t| t.rsplit(" › ").next()).unwrap_or("").to_owned();
    Ok(findings
        .into_iter()
        .filter_map(|f| {
            let c = everything.iter().find(|c| c.id == f.child)?.clone();
            // an owner sees her own cases' names
            let open = own || is_own(actor, &c);
            let school = c.profile.school.clone();
            let view = ChildView::new(c, open, &trails);
            let pending = f.state == FindingState::Dispatched;
            Some(Line {
                id: f.id,
                name: view.name,
                verdict: VerdictKind::find(&f.verdict).map_or("", VerdictKind::label),
                class: verdict_class(VerdictKind::find(&f.verdict)),
                state: f.state.label(),
                unit: last(&f.unit_path),
                place: view.place,
                school,
                left: f.deadline_at.filter(|_| pending).map(|d| time_left(civil(d), now)).unwrap_or_default(),
                overdue: pending && f.deadline_at.is_some_and(|d| d < now_ms),
                answer: answer_label(f.disposition.as_deref()),
                returned: returns
                    .get(&f.id)
                    .into_iter()
                    .flatten()
                    .map(|r| format!("{}退回:{}", last(&r.unit_path), r.reason))
                    .collect::<Vec<_>>()
                    .join(";"),
            })
        })
        .collect())
}

/// A tab over a list.
pub struct Tab {
    pub label: &'static str,
    pub href: String,
    pub count: String,
    pub active: bool,
}
