//! A file as lists show it.

use baoxue_domain::access::Actor;
use baoxue_domain::calendar::time_left;
use baoxue_domain::case::{Ask, codes, told};
use baoxue_store::CaseFile;

use crate::app::case::rules::{Relation, thresholds};
use crate::app::case::work::next_step;
use crate::app::clock::civil;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::view::{ChildView, is_own};

pub struct Line {
    pub id: i64,
    pub number: String,
    pub name: String,
    /// Where one may call: the guardian's number, for whoever has the file.
    pub phone: String,
    pub state: &'static str,
    /// Whether the dropout was confirmed, while the child is away.
    pub confirmed: &'static str,
    pub class: &'static str,
    pub place: String,
    pub school: String,
    pub unit: String,
    pub attempts: String,
    pub cause: &'static str,
    pub opened: String,
    /// Days since it was opened.
    pub days: i64,
    pub left: String,
    pub overdue: bool,
    /// What is to be done.
    pub next: &'static str,
    /// 申请核销
    pub asked: String,
}

/// Whether the dropout of who is away was confirmed, and its colour. On which ledger the child stands is another matter: a register may have it as
/// a dropout that nobody here confirmed.
fn confirmed_of(k: &CaseFile) -> (&'static str, &'static str) {
    match (k.facts.state.is_away(), k.facts.confirmed) {
        (true, true) => ("已确认辍学", "v-missing"),
        (true, false) => ("未确认", "v-verify"),
        (false, _) => ("", "v-in"),
    }
}

pub async fn lines(app: &App, actor: &Actor, cases: Vec<CaseFile>) -> Result<Vec<Line>, PageError> {
    let office = &app.office;
    let children = office.store.children_of_cases(&cases).await?;
    let mut by_number: rustc_hash::FxHashMap<i64, baoxue_store::ChildRow> = children.into_iter().map(|c| (c.id, c)).collect();
    let mut paths: Vec<String> = by_number.values().filter_map(|c| c.residence_path.clone()).collect();
    paths.extend(cases.iter().filter_map(|k| k.unit_path.clone()));
    let trails = office.trails(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let last = |p: &Option<String>| p.as_ref().and_then(|p| trails.get(p)).and_then(|t| t.rsplit(" › ").next()).unwrap_or("");
    let (now, now_ms, today) = (office.clock.now(), office.now(), office.clock.today());
    let policy = office.policy(actor.home()).await?;
    let wanted = thresholds(&policy, 0);
    let mut out = Vec::with_capacity(cases.len());
    for k in cases {
        let Some(c) = by_number.remove(&k.child) else { continue };
        let open = Relation::of(actor, &k).own || is_own(actor, &c);
        let school = c.profile.school.clone();
        let view = ChildView::new(c, open, &trails);
        let (confirmed, class) = confirmed_of(&k);
        let left = usize::from(k.facts.checks < u32::try_from(policy.check_days.len()).unwrap_or(0));
        out.push(Line {
            id: k.id,
            number: k.label(),
            name: view.name,
            phone: if open { view.phone } else { String::new() },
            state: k.facts.state.label(),
            confirmed,
            class,
            place: view.place,
            school,
            unit: last(&k.unit_path).to_owned(),
            attempts: format!("{}(家访 {})", k.facts.attempts, k.facts.visits),
            cause: told(&codes().cause, &k.cause, false),
            opened: k.opened_on.to_string(),
            days: today.since(k.opened_on).map(|s| i64::from(s.get_days())).unwrap_or(0),
            left: k.deadline_at.map(|d| time_left(civil(d), now)).unwrap_or_default(),
            overdue: k.deadline_at.is_some_and(|d| d < now_ms),
            next: next_step(&k.facts, (wanted.attempts, wanted.visits), left).0,
            asked: k.facts.asked.map(|a: Ask| format!("申请{}", a.label())).unwrap_or_default(),
        });
    }
    Ok(out)
}
