//! 比对: one button, a bar, a result that reads like a finding.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use baoxue_domain::access::{Action, Jurisdiction};
use baoxue_domain::verdict::{VerdictGroup, VerdictKind};
use baoxue_store::{LedgerQuery, Order, RunState};
use serde::Deserialize;

use crate::app::comparison::run::{Compare, Figures, GONE, Input};
use crate::app::jobs::Job;
use crate::app::ledger::listing::List;
use crate::app::link::report::expected;
use crate::app::link::report::{JudgedLine, judged_lines};
use crate::app::link::reviewed::Judged;
use crate::app::office::read_back;
use crate::app::office::{Office, OfficeError};
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, go, html, shell};
use crate::web::frame::view::{ChildView, number, of_list, verdict_class, when};
use crate::web::frame::visit::Visit;

/// Runs on the list: two years of months.
const SHOWN: i64 = 24;
/// Children of a change that are listed.
const CHANGES: i64 = 500;

struct RunView {
    id: i64,
    when: String,
    as_of: String,
    state: &'static str,
    children: String,
    missing: String,
    problem: String,
    finished: bool,
}

#[derive(Template)]
#[template(path = "comparison/runs.html")]
struct Runs {
    shell: Shell,
    runs: Vec<RunView>,
    loaded: Vec<(String, String)>,
    may_run: bool,
    /// The larger place that compares this one together with others.
    compared_by: Option<String>,
}

fn of_group(f: &Figures, group: VerdictGroup) -> i64 {
    f.verdicts.iter().filter(|(c, _)| VerdictKind::find(c).is_some_and(|k| k.group() == group)).map(|v| v.1).sum()
}

pub async fn list(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let county = app.office.compared(&signed.actor, Action::ViewRuns).await?;
    let runs = app.office.store.runs(county.as_str(), SHOWN).await?;
    let whole = signed.actor.jurisdiction(Action::ViewRuns)?.covers(county.as_str());
    let may_run = signed.actor.may(Action::RunComparison);
    let compared_by = match may_run {
        true => app.office.compared_above(&app.office.area(&signed.actor, Action::RunComparison)?).await?,
        false => None,
    };
    let compared_by = match compared_by {
        Some(p) => app.office.store.place_names(&[p.as_str()]).await?.into_values().next(),
        None => None,
    };
    let loaded = if may_run { app.office.store.batches_in_use(county.as_str()).await? } else { Vec::new() };
    let mut by_kind: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
    for b in &loaded {
        *by_kind.entry(baoxue_domain::roster::SourceKind::find(&b.source).map_or("", |k| k.label())).or_default() += b.good_rows;
    }
    let page = Runs {
        shell: shell(&app, &signed, &headers, "比对", "/runs").await?,
        runs: runs
            .iter()
            .map(|r| {
                // one that cannot be read is no reason to show none
                let (f, unreadable) = match Figures::of_run(r) {
                    Ok(f) => (Some(f), None),
                    Err(e) => (None, Some(e.to_string())),
                };
                let shown = |n: &dyn Fn(&Figures) -> i64| f.as_ref().filter(|_| whole).map(|f| number(n(f))).unwrap_or_default();
                RunView {
                    id: r.id,
                    when: when(r.started_at),
                    as_of: r.as_of.clone(),
                    state: match r.state {
                        RunState::Running => "进行中",
                        RunState::Finished => "已完成",
                        RunState::Failed => "未完成",
                    },
                    // the figures of a larger place are not those of where one is
                    children: shown(&|f| f.children),
                    missing: shown(&|f| of_group(f, VerdictGroup::Missing)),
                    problem: r.problem.clone().or(unreadable).unwrap_or_default(),
                    finished: r.state == RunState::Finished,
                }
            })
            .collect(),
        loaded: by_kind.into_iter().map(|(k, n)| (k.to_owned(), number(n))).collect(),
        may_run: may_run && compared_by.is_none(),
        compared_by,
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize, Default)]
pub struct StartForm {
    /// A person says that many children may be gone.
    #[serde(default)]
    accepts_gone: Option<String>,
}

pub async fn start(Visit { app, signed, .. }: Visit, Form(form): Form<StartForm>) -> Result<Response, PageError> {
    let run = app.office.ask_for_run(&signed.actor, form.accepts_gone.is_some()).await?;
    Ok(go(&format!("/runs/{run}"), ""))
}

pub async fn cancel(Visit { app, signed, .. }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    app.office.cancel_run(&signed.actor, id).await?;
    Ok(go("/runs", "已请求取消,名册和以前的结果不受影响"))
}

struct VerdictLine {
    code: &'static str,
    label: &'static str,
    count: String,
    next: &'static str,
    class: &'static str,
}

struct GroupView {
    label: &'static str,
    class: &'static str,
    count: String,
    lines: Vec<VerdictLine>,
}

/// Where the children of the newest run stand today.
struct Since {
    suspected: String,
    cleared: String,
    dropout: String,
}

async fn since(office: &Office, j: &Jurisdiction, is_last: bool) -> Result<Option<Since>, PageError> {
    if !is_last {
        return Ok(None);
    }
    let mut n = Vec::new();
    for list in [List::Suspected, List::Cleared, List::Dropout] {
        n.push(number(office.count_of(list, j).await?));
    }
    let [suspected, cleared, dropout] = n.try_into().unwrap_or_default();
    Ok(Some(Since { suspected, cleared, dropout }))
}

#[derive(Template)]
#[template(path = "comparison/run.html")]
struct RunPage {
    shell: Shell,
    id: i64,
    as_of: String,
    started: String,
    stages: usize,
    running: bool,
    failed: Option<String>,
    /// Whether it stopped to ask about children who would be gone.
    asks_gone: bool,
    /// What was established of the children since.
    since: Option<Since>,
    may_run: bool,
    /// Whether one sees all that was compared.
    whole: bool,
    may_review: bool,
    may_dispatch: bool,
    is_last: bool,
    children: String,
    in_school: String,
    explained: String,
    to_verify: String,
    missing: String,
    in_cohorts: String,
    groups: Vec<GroupView>,
    open_pairs: i64,
    findings_opened: i64,
    findings_withdrawn: i64,
    new: i64,
    gone: i64,
    changed: i64,
    void: i64,
    first: bool,
    inputs: Vec<(String, String, String, String)>,
    version: String,
    seconds: String,
    precision: String,
    decisions_used: i64,
    decisions_outdated: i64,
    learned: bool,
    school_year: String,
    without_roll: Vec<(String, i64)>,
}

pub async fn page(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let office = &app.office;
    let county = office.compared(&signed.actor, Action::ViewRuns).await?;
    let run = office.store.run(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
    let mut f = Figures::of_run(&run)?;
    let last = office.store.last_run(county.as_str()).await?;
    let mut inputs: Vec<Input> = match read_back("这次比对的名册清单", &run.inputs) {
        Ok(inputs) => inputs,
        // the page of one that failed for just that says why it failed
        Err(_) if run.state == RunState::Failed => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    let j = signed.actor.jurisdiction(Action::ViewRuns)?;
    let whole = j.covers(county.as_str());
    if !whole {
        // a run of a larger place: one's own children, as they stand now
        f.verdicts = office.store.verdict_counts(&LedgerQuery::default(), &j).await?;
        f.children = f.verdicts.iter().map(|v| v.1).sum();
        inputs.clear();
    }
    // one whose job is gone goes on no more
    let alive = office.run_job(&county, id).await?.is_some_and(|j| !j.state.has_ended());
    let pairs = office.store.review_counts(id).await?;
    let groups = [VerdictGroup::Missing, VerdictGroup::ToVerify, VerdictGroup::Explained, VerdictGroup::InSchool].map(|g| {
        let kinds = VerdictKind::ALL.iter().filter(|k| k.group() == g);
        let count = |k: &VerdictKind| f.verdicts.iter().find(|v| v.0 == k.code()).map_or(0, |v| v.1);
        GroupView {
            label: g.label(),
            class: verdict_class(VerdictKind::ALL.iter().copied().find(|k| k.group() == g)),
            count: number(of_group(&f, g)),
            lines: kinds
                .filter(|k| count(k) > 0)
                .map(|k| VerdictLine {
                    code: k.code(),
                    label: k.label(),
                    count: number(count(k)),
                    next: if *k == VerdictKind::ReviewNeeded {
                        "请在“人工认定”中选“同一人”或“不是同一人”,再比对一次"
                    } else {
                        k.next_step()
                    },
                    class: verdict_class(Some(*k)),
                })
                .collect(),
        }
    });
    let total = |g| number(of_group(&f, g));
    let page = RunPage {
        shell: shell(&app, &signed, &headers, &format!("第 {id} 次比对"), "/runs").await?,
        id,
        as_of: run.as_of.clone(),
        started: when(run.started_at),
        stages: Compare::STAGES.len(),
        running: run.state == RunState::Running && alive,
        failed: match run.state {
            RunState::Failed => Some(run.problem.clone().unwrap_or_default()),
            RunState::Running if !alive => Some("比对中断了,没有保存;以前的结果不受影响。请再比对一次".into()),
            _ => None,
        },
        asks_gone: run.question.as_deref() == Some(GONE),
        since: since(office, &j, last.as_ref().is_some_and(|l| l.id == id)).await?,
        may_run: whole && signed.actor.may(Action::RunComparison),
        whole,
        may_review: whole && signed.actor.may(Action::DecideReview),
        may_dispatch: signed.actor.may(Action::Dispatch),
        is_last: last.as_ref().is_some_and(|l| l.id == id),
        children: number(f.children),
        in_school: total(VerdictGroup::InSchool),
        explained: total(VerdictGroup::Explained),
        to_verify: total(VerdictGroup::ToVerify),
        missing: total(VerdictGroup::Missing),
        in_cohorts: number(f.in_cohorts),
        groups: groups.into_iter().collect(),
        open_pairs: pairs.iter().filter(|p| matches!(p.0.as_str(), "open" | "ask")).map(|p| p.1).sum(),
        findings_opened: f.findings_opened,
        findings_withdrawn: f.findings_withdrawn,
        new: f.new,
        gone: f.gone,
        changed: f.changed,
        void: f.void,
        first: f.new == f.children && f.children > 0,
        inputs: inputs
            .into_iter()
            .map(|i| {
                let kind = baoxue_domain::roster::SourceKind::find(&i.source).map_or("", |k| k.label());
                (kind.to_owned(), i.file, number(i.rows), i.sha256.chars().take(12).collect())
            })
            .collect(),
        version: run.version.clone(),
        seconds: format!("{:.1}", f.seconds),
        precision: expected(f.estimated_precision, usize::try_from(f.links).unwrap_or(0)),
        decisions_used: f.decisions_used,
        decisions_outdated: f.decisions_outdated,
        learned: f.learned,
        without_roll: if whole { std::mem::take(&mut f.without_roll) } else { Vec::new() },
        school_year: format!("{}—{}学年", run.school_year, run.school_year + 1),
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Template)]
#[template(path = "comparison/run_report.html")]
struct ReportPage {
    shell: Shell,
    id: i64,
    judged: Vec<JudgedLine>,
    body: Option<String>,
}

/// 比对说明: for those who see all that was compared.
pub async fn report(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let office = &app.office;
    let county = office.compared(&signed.actor, Action::ViewRuns).await?;
    let run = office.store.run(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
    if !signed.actor.jurisdiction(Action::ViewRuns)?.covers(county.as_str()) || run.state != RunState::Finished {
        return Err(OfficeError::NotFound.into());
    }
    let judged = office.store.judged_pairs(county.as_str()).await?;
    let judged: Vec<Judged> = judged.into_iter().map(|(ppm, same)| Judged { probability: ppm as f64 / 1e6, same }).collect();
    let page = ReportPage {
        shell: shell(&app, &signed, &headers, "比对说明", "/runs").await?,
        id,
        judged: judged_lines(&judged),
        body: office.store.run_report(id).await?,
    };
    Ok(html(&page.shell, page.render()?))
}

#[derive(Deserialize)]
pub struct ChangeQuery {
    #[serde(default)]
    kind: String,
}

struct ChangeView {
    child: ChildView,
    before: &'static str,
    after: &'static str,
}

#[derive(Template)]
#[template(path = "comparison/changes.html")]
struct Changes {
    shell: Shell,
    run: i64,
    kind: String,
    label: &'static str,
    about: &'static str,
    rows: Vec<ChangeView>,
    more: bool,
}

pub async fn changes(
    Visit { app, signed, headers }: Visit,
    Path(id): Path<i64>,
    Query(q): Query<ChangeQuery>,
) -> Result<Response, PageError> {
    let office = &app.office;
    let county = office.compared(&signed.actor, Action::ViewRuns).await?;
    office.store.run(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
    let (label, about) = match q.kind.as_str() {
        "gone" => {
            ("来源中消失", "上次有、这次所有名册都没有的儿童。系统不会删除他们;超龄离开跟踪范围的也在其中,其余请逐一核实。")
        }
        "changed" => ("判定有变化", "与上次比对相比,判定不同的儿童。"),
        _ => ("新出现", "上次没有、这次名册里新出现的儿童。"),
    };
    let kind = if matches!(q.kind.as_str(), "gone" | "changed") { q.kind.as_str() } else { "new" };
    let j = signed.actor.jurisdiction(Action::ViewRuns)?;
    let all = office.store.changes(id, kind, &j, CHANGES + 1).await?;
    let ids: Vec<i64> = all.iter().take(CHANGES as usize).map(|c| c.0).collect();
    let query = LedgerQuery { ids: Some(ids), gone: kind == "gone", ..LedgerQuery::default() };
    let mut children = office.store.children(&query, &j, Order::Verdict, CHANGES, 0).await?.rows;
    if kind != "gone" {
        // whoever vanished later is still listed here
        let query = LedgerQuery { gone: true, ..query };
        children.extend(office.store.children(&query, &j, Order::Verdict, CHANGES, 0).await?.rows);
    }
    let word = |code: &Option<String>| code.as_deref().and_then(VerdictKind::find).map_or("", VerdictKind::label);
    let rows = of_list(&app, &signed.actor, children).await?.into_iter().filter_map(|child| {
        let (_, before, after) = all.iter().find(|a| a.0 == child.id)?;
        Some(ChangeView { before: word(before), after: word(after), child })
    });
    let page = Changes {
        shell: shell(&app, &signed, &headers, label, "/runs").await?,
        run: id,
        kind: kind.to_owned(),
        label,
        about,
        rows: rows.collect(),
        more: all.len() as i64 > CHANGES,
    };
    Ok(html(&page.shell, page.render()?))
}
