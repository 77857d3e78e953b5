//! 工作台: what needs me now.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use baoxue_domain::access::{Action, Actor, Deed, mask_name};
use baoxue_domain::calendar::time_left;
use baoxue_domain::finding::FindingState;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{AuditFilter, BatchState, FindingFilter, RequestState};
use serde::Deserialize;

use super::App;
use crate::app::access::accounts::SignedIn;
use crate::app::access::managing::Managing;
use crate::app::clock::civil;
use crate::app::ledger::board::{BoardOrder, PlaceLine, RosterAge};
use crate::app::ledger::listing::List;
use crate::web::frame::error::PageError;
use crate::web::frame::files::{XLSX, file};
use crate::web::frame::list::{Address, Column, Head, heads};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{number, short_place, url_part, verdict_class, when};
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
    /// 比 9 月 30 日 +3
    change: String,
}

/// A number of the board, with its list; plain where no list shows exactly these.
struct Number {
    label: &'static str,
    n: String,
    href: String,
    class: &'static str,
}

struct BoardLine {
    name: String,
    href: String,
    share: String,
    numbers: Vec<Number>,
}

/// How the places below stand.
struct BoardView {
    heads: Vec<Head>,
    lines: Vec<BoardLine>,
    total: BoardLine,
}

/// A step of 发现 → 交办 → 答复 → 认定.
struct Stage {
    label: &'static str,
    n: String,
    href: String,
    late: String,
}

struct LateUnit {
    name: String,
    overdue: i64,
    waiting: i64,
    href: String,
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
    /// Findings by state; they add up to all that are not withdrawn.
    funnel: Vec<Stage>,
    found: String,
    board: Option<BoardView>,
    late_units: Vec<LateUnit>,
    ages: Vec<RosterAge>,
    /// What an administrator looks after: label, number, where.
    facts: Vec<(&'static str, String, &'static str)>,
}

#[derive(Deserialize)]
pub struct HomeQuery {
    #[serde(default)]
    sort: String,
}

/// Tasks shown on the first page.
const TASKS: i64 = 8;

pub async fn page(Visit { app, signed, headers }: Visit, Query(q): Query<HomeQuery>) -> Result<Response, PageError> {
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
    let (own, late) = office.own_cases(actor).await?;
    todo("劝返逾期", late, "/today", true, "本单位的劝返档案过了期限:先办这些");
    todo("劝返待办", own - late, "/today", false, "本单位的劝返档案:核实、劝返、办手续、回访");
    todo("劝返待审批", office.asked_cases(actor).await?, "/cases?asked=decide", false, "下面申请确认辍学、核销、销号");
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
    let (mut funnel, mut found) = (Vec::new(), 0);
    if let Ok(j) = actor.jurisdiction(Action::Dispatch) {
        let counts = office.store.finding_counts(&j, office.now()).await?;
        let of = |s| counts.iter().find(|c| c.state == s).map_or(0, |c| c.all);
        let late: i64 = counts.iter().filter(|c| c.state == FindingState::Dispatched).map(|c| c.overdue).sum();
        for s in FindingState::ALL.into_iter().filter(|s| *s != FindingState::Withdrawn) {
            found += of(s);
            let late = if s == FindingState::Dispatched && late > 0 { format!("逾期 {}", number(late)) } else { String::new() };
            funnel.push(Stage { label: s.label(), n: number(of(s)), href: format!("/findings?state={}", s.code()), late });
        }
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
    let home = Home {
        shell,
        cautions,
        notices,
        todos,
        tasks,
        ledgers,
        last_run,
        area: area_of(actor),
        funnel: if found > 0 { funnel } else { Vec::new() },
        found: number(found),
        board: board(&app, actor, &q.sort).await?,
        late_units: late_units(&app, actor).await?,
        ages: if actor.may(Action::ImportRosters) { office.roster_ages(actor).await? } else { Vec::new() },
        facts: facts(&app, actor).await?,
    };
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
    // who answers for a place wants to know whether it grows
    let board = signed.actor.may(Action::Dispatch);
    for list in List::ALL {
        let n = app.office.count_of(list, &j).await?;
        let class = match list {
            List::SchoolAge => "",
            List::Suspected => "v-verify",
            List::Cleared => "v-explained",
            List::Dropout => "v-missing",
            List::Returned => "v-in",
        };
        let change = match if board { app.office.count_last_month(&signed.actor, list).await? } else { None } {
            Some((day, then)) if then == n => format!("与 {} 月 {} 日相同", day.month(), day.day()),
            Some((day, then)) => format!("比 {} 月 {} 日 {:+}", day.month(), day.day(), n - then),
            None => String::new(),
        };
        out.push(Count { label: list.label(), count: number(n), href: format!("/ledgers/{}", list.code()), class, change });
    }
    Ok(out)
}

/// Columns of the board, and by which of them it sorts.
const BOARD: [Column; 11] = [
    ("", "", Some("place")),
    ("适龄儿童", "n", Some("children")),
    ("疑似辍学", "n", Some("suspected")),
    ("已核销", "n", None),
    ("核销率", "n", None),
    ("辍学", "n", Some("dropout")),
    ("已返校", "n", None),
    ("待交办", "n", Some("open")),
    ("未答复", "n", Some("waiting")),
    ("逾期", "n", Some("overdue")),
    ("待审核", "n", Some("answered")),
];

fn board_line(l: &PlaceLine, is_total: bool) -> BoardLine {
    let listed = is_total || !l.path.is_empty();
    let number = |label, n: i64, list: &str, class| {
        let place = if l.path.is_empty() { String::new() } else { format!("place={}", url_part(&l.path)) };
        let joint = if place.is_empty() {
            ""
        } else if list.contains('?') {
            "&"
        } else {
            "?"
        };
        Number { label, n: number(n), href: if listed && n > 0 { format!("{list}{joint}{place}") } else { String::new() }, class }
    };
    BoardLine {
        name: l.name.clone(),
        href: if l.path.is_empty() { String::new() } else { format!("/ledgers/suspected?place={}", url_part(&l.path)) },
        share: l.cleared_share(),
        numbers: vec![
            number("适龄儿童", l.children, "/ledgers/school-age", ""),
            number("疑似辍学", l.suspected, "/ledgers/suspected", ""),
            number("已核销", l.cleared, "/ledgers/cleared", ""),
            number("辍学", l.dropout, "/ledgers/dropout", ""),
            number("已返校", l.returned, "/ledgers/returned", ""),
            number("待交办", l.open, "/findings?state=open", ""),
            number("未答复", l.waiting, "/findings?state=dispatched", ""),
            number("逾期", l.overdue, "/findings?state=dispatched&overdue=1", if l.overdue > 0 { " late" } else { "" }),
            number("待审核", l.answered, "/findings?state=answered", ""),
        ],
    }
}

async fn board(app: &App, actor: &Actor, sort: &str) -> Result<Option<BoardView>, PageError> {
    let Some(board) = app.office.board(actor, BoardOrder::find(sort)).await? else { return Ok(None) };
    if board.total.children == 0 {
        return Ok(None);
    }
    let mut columns = BOARD;
    columns[0].0 = board.kind;
    Ok(Some(BoardView {
        heads: heads(&columns, &Address::new("/", &[]), if sort.is_empty() { "place" } else { sort }),
        lines: board.lines.iter().map(|l| board_line(l, false)).collect(),
        total: board_line(&board.total, true),
    }))
}

/// Late units shown on the first page.
const LATE: usize = 6;

async fn late_units(app: &App, actor: &Actor) -> Result<Vec<LateUnit>, PageError> {
    if !actor.may(Action::Dispatch) {
        return Ok(Vec::new());
    }
    let owing = app.office.units_that_owe(actor).await?;
    let late: Vec<_> = owing.into_iter().filter(|u| u.overdue > 0).take(LATE).collect();
    let trails = app.office.trails(&late.iter().map(|u| u.unit_path.as_str()).collect::<Vec<_>>()).await?;
    let unit = |u: baoxue_store::UnitTasks| LateUnit {
        name: trails.get(&u.unit_path).map(|t| short_place(t)).filter(|t| !t.is_empty()).unwrap_or_else(|| u.unit_path.clone()),
        overdue: u.overdue,
        waiting: u.waiting,
        href: format!("/findings?state=dispatched&unit={}", url_part(&u.unit_path)),
    };
    Ok(late.into_iter().map(unit).collect())
}

/// What an administrator looks after, in numbers.
async fn facts(app: &App, actor: &Actor) -> Result<Vec<(&'static str, String, &'static str)>, PageError> {
    let office = &app.office;
    let mut out = Vec::new();
    if let Ok(managing) = Managing::of(actor) {
        let grants = office.store.grants(None).await?;
        let waiting = office.store.requests(RequestState::Vouched, None, office.now()).await?;
        let today = office.clock.today().to_string();
        let mut all = office.store.accounts().await?;
        all.retain(|a| managing.holds(&Managing::reach(a.id, &grants, &waiting, &today)));
        let closed = all.iter().filter(|a| a.disabled_at.is_some()).count();
        out.push(("启用的账号", number((all.len() - closed) as i64), "/people"));
        out.push(("已停用的账号", number(closed as i64), "/people"));
    }
    if let Ok(j) = actor.jurisdiction(Action::ViewAudit) {
        let today = crate::app::clock::moment(office.clock.today().at(0, 0, 0, 0));
        let since = |from: i64, rights: bool| AuditFilter {
            from: Some(from),
            actions: if rights {
                Deed::ALL.iter().filter(|d| d.is_about_rights()).map(|d| d.code().to_owned()).collect()
            } else {
                Vec::new()
            },
            ..AuditFilter::default()
        };
        out.push(("今天的日志", number(office.store.audit_page(&since(today, false), &j, 1, 0).await?.1), "/audit"));
        let week = today - 6 * 86_400_000;
        out.push(("7 天内账号授权变动", number(office.store.audit_page(&since(week, true), &j, 1, 0).await?.1), "/audit"));
    }
    if actor.may(Action::ManagePlaces) {
        let area = office.area(actor, Action::ManagePlaces)?;
        let today = office.clock.today();
        let villages = office.store.places_below(area.as_str(), today, &["village"]).await?.len();
        let schools = area.education_prefix().unwrap_or_default();
        let schools = office.store.places_below(&schools, today, &["school"]).await?.len();
        out.push(("学校", number(schools as i64), "/places"));
        out.push(("村(社区)", number(villages as i64), "/places"));
    }
    Ok(out)
}

/// The board as a spreadsheet.
pub async fn export(Visit { app, signed, .. }: Visit) -> Result<Response, PageError> {
    let bytes = app.office.export_board(&signed.actor).await?;
    Ok(file(&format!("控辍保学情况汇总表-{}.xlsx", app.office.clock.today()), XLSX, bytes))
}
