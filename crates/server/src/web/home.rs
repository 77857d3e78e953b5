//! 工作台: what needs me now.

use askama::Template;
use axum::response::Response;
use baoxue_domain::access::{Action, Actor, mask_name};
use baoxue_domain::finding::{FindingState, time_left};
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{BatchState, FindingFilter, RequestState};

use super::App;
use crate::app::access::accounts::SignedIn;
use crate::app::access::managing::Managing;
use crate::app::clock::civil;
use crate::app::ledger::listing::List;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{number, verdict_class, when};
use crate::web::frame::visit::Visit;

/// Something to do, with how many and where.
struct Todo {
    label: &'static str,
    count: String,
    href: String,
    urgent: bool,
    about: String,
}

struct Task {
    id: i64,
    name: String,
    verdict: &'static str,
    verdict_class: &'static str,
    left: String,
    overdue: bool,
}

struct Count {
    label: &'static str,
    count: String,
    href: String,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "home/home.html")]
struct Home {
    shell: Shell,
    cautions: Vec<String>,
    /// What the owner is told of her account: when, what.
    notices: Vec<(String, String)>,
    todos: Vec<Todo>,
    tasks: Vec<Task>,
    ledgers: Vec<Count>,
    last_run: Option<String>,
    area: &'static str,
}

/// Tasks shown on the first page.
const TASKS: i64 = 8;

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let shell = shell(&app, &signed, &headers, "工作台", "/").await?;
    let mut todos = Vec::new();
    let mut todo = |label, count: i64, href: &str, urgent, about: &str| {
        if count > 0 {
            todos.push(Todo { label, count: number(count), href: href.to_owned(), urgent, about: about.to_owned() });
        }
    };
    todo("逾期未答复", shell.overdue, "/inbox?overdue=1", true, "已提醒上级,请尽快核实");
    todo("待我核实", shell.waiting, "/inbox", false, "交到本单位的核实任务");
    let pending = office.pending_count(actor).await?;
    todo("账号和授权待复核", pending, "/confirmations", false, "另一名管理员经办,等您复核后生效");
    if Managing::of(actor).is_ok() {
        let mut asked: Vec<i64> = Vec::new();
        for r in office.store.requests(RequestState::Asked, None, office.now()).await? {
            if !asked.contains(&r.account) && office.managed(actor, &r.login).await.is_ok() {
                asked.push(r.account);
            }
        }
        todo("登录页上的重置申请", asked.len() as i64, "/people", false, "本人来电念核对码时,在该人页面核对");
    }
    let uncounted = office.uncounted_classes(actor).await?;
    todo("班级清点未填", uncounted as i64, "/classes", false, "本月的作业本、点名册、座次表人数");
    let mut last_run = None;
    if let Ok(j) = actor.jurisdiction(Action::Dispatch) {
        let counts = office.store.finding_counts(&j, office.now()).await?;
        let of = |s| counts.iter().find(|c| c.state == s).map_or(0, |c| c.all);
        let late: i64 = counts.iter().filter(|c| c.state == FindingState::Dispatched).map(|c| c.overdue).sum();
        todo("待交办", of(FindingState::Open), "/findings?state=open", false, "比对发现,尚未交到学校或村(社区)");
        todo("已交办未答复", of(FindingState::Dispatched), "/findings?state=dispatched", false, "在学校或村(社区)手里");
        todo("待审核", of(FindingState::Answered), "/findings?state=answered", false, "下面已答复,等您核销或退回");
        todo("下级逾期", late, "/findings/units", true, "过了期限还没有答复:看是哪些单位,一键催办");
    }
    if actor.may(Action::RunComparison) {
        let county = office.area(actor, Action::RunComparison)?;
        let staged = office.store.batch_count(county.as_str(), &[BatchState::Staged]).await?;
        todo("名册待载入", staged, "/rosters", false, "已读入,请看过再载入");
        let last = office.compared(actor, Action::RunComparison).await?;
        match office.store.last_run(last.as_str()).await? {
            Some(run) if last != county => {
                last_run = Some(format!("{}(第 {} 次比对)", when(run.finished_at.unwrap_or(run.started_at)), run.id));
            }
            Some(run) => {
                let counts = office.store.review_counts(run.id).await?;
                let open: i64 = counts.iter().filter(|c| matches!(c.0.as_str(), "open" | "ask")).map(|c| c.1).sum();
                todo("待人工认定", open, "/review", false, "机器不能断定是否同一人");
                last_run = Some(format!("{}(第 {} 次比对)", when(run.finished_at.unwrap_or(run.started_at)), run.id));
            }
            None if staged == 0 => todos.push(Todo {
                label: "从这里开始",
                count: String::new(),
                href: "/rosters".into(),
                urgent: false,
                about: "还没有比对过:把户籍、学籍等名册拖进“导入名册”页".into(),
            }),
            None => {}
        }
    }
    let tasks = tasks(&app, &signed).await?;
    let ledgers = ledgers(&app, &signed).await?;
    let notices = office.store.notices(actor.account).await?.into_iter().map(|(at, text)| (when(at), text)).collect();
    let cautions = if actor.may(Action::ManageSettings) { app.cautions.all() } else { Vec::new() };
    let home = Home { shell, cautions, notices, todos, tasks, ledgers, last_run, area: area_of(actor) };
    Ok(html(&home.shell, home.render()?))
}

/// Whose children they are.
fn area_of(actor: &Actor) -> &'static str {
    match actor.home() {
        Some(p) if !p.is_government() && p.depth() >= 4 => "本班",
        Some(p) if !p.is_government() && p.depth() == 3 => "本年级",
        Some(p) if !p.is_government() => "本校",
        Some(p) if p.depth() >= 5 => "本村(社区)",
        _ => "本辖区",
    }
}

async fn tasks(app: &App, signed: &SignedIn) -> Result<Vec<Task>, PageError> {
    let Ok(j) = signed.actor.jurisdiction(Action::AnswerFinding) else { return Ok(Vec::new()) };
    let f = FindingFilter { states: vec![FindingState::Dispatched], ..FindingFilter::default() };
    let (findings, _) = app.office.store.inbox(&f, &j, TASKS, 0).await?;
    let now = app.office.clock.now();
    let children = app.office.store.children_of(&findings).await?;
    // in full on the task's own page, where looking leaves a row
    let shown = |c: &baoxue_store::ChildRow| {
        if crate::web::frame::view::is_own(&signed.actor, c) { c.profile.name.clone() } else { mask_name(&c.profile.name) }
    };
    let name = |id: i64| children.iter().find(|c| c.id == id).map(shown).unwrap_or_default();
    let tasks = findings.into_iter().map(|f| Task {
        id: f.id,
        name: name(f.child),
        verdict: VerdictKind::find(&f.verdict).map_or("", VerdictKind::label),
        verdict_class: verdict_class(VerdictKind::find(&f.verdict)),
        left: f.deadline_at.map(|d| time_left(civil(d), now)).unwrap_or_default(),
        overdue: f.deadline_at.is_some_and(|d| d < app.office.now()),
    });
    Ok(tasks.collect())
}

/// The three ledgers and who was cleared, each with its list.
async fn ledgers(app: &App, signed: &SignedIn) -> Result<Vec<Count>, PageError> {
    let Ok(j) = signed.actor.jurisdiction(Action::ViewLedger) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for list in List::ALL {
        let n = app.office.count_of(list, &j).await?;
        let class = match list {
            List::SchoolAge => "",
            List::Suspected => "v-verify",
            List::Cleared => "v-explained",
            List::Dropout => "v-missing",
        };
        out.push(Count { label: list.label(), count: number(n), href: format!("/ledgers/{}", list.code()), class });
    }
    Ok(out)
}
