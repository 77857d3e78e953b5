//! 今日: what is mine to do, overdue first, in groups; what comes next, where there is nothing.

use askama::Template;
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::case::{Ask, CaseState};
use baoxue_store::{CaseFilter, CaseOrder, Whose};

use super::lines::{Line, lines};
use crate::app::clock::civil;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::number;
use crate::web::frame::visit::Visit;

/// Files of a group that are shown; the list has all of them.
const SHOWN: i64 = 30;

struct Group {
    title: &'static str,
    about: &'static str,
    count: String,
    lines: Vec<Line>,
    /// The list of all of them, where more are than shown.
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "case/today.html")]
struct Today {
    shell: Shell,
    day: String,
    groups: Vec<Group>,
    /// Warnings that nobody has looked into, and those over their deadline.
    warned: (i64, i64),
    /// Records of one's phone that wait for one's word.
    held: usize,
    /// Findings that wait for one's answer.
    findings: i64,
    findings_overdue: i64,
    /// What comes next, where nothing is to be done today.
    next: String,
    overdue: i64,
    /// Files over their deadline anywhere in what one looks after, beside one's own.
    area_overdue: i64,
    may_work: bool,
}

pub async fn page(Visit { app, signed, headers }: Visit) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let mut groups = Vec::new();
    let by_due = |states: &[CaseState]| CaseFilter { states: states.to_vec(), order: CaseOrder::Due, ..CaseFilter::default() };
    let open: Vec<CaseState> = CaseState::ALL.into_iter().filter(|s| s.is_open()).collect();
    let mut overdue = 0;
    let mut next = String::new();
    if let Ok(j) = actor.jurisdiction(Action::DecideCase) {
        let asked = vec![Ask::Confirm, Ask::Clear, Ask::Close];
        let f = CaseFilter { asked, ..by_due(&open) };
        let (found, n) = office.store.cases(&f, Whose::Seen(&j), SHOWN, 0).await?;
        groups.push(Group {
            title: "待审批",
            about: "学校、村(社区)申请确认辍学、核销、销号,等您同意或退回",
            count: number(n),
            lines: lines(&app, actor, found).await?,
            more: (n > SHOWN).then(|| "/cases?asked=decide".to_owned()),
        });
    }
    let may_work = actor.may(Action::WorkCase);
    if let Ok(j) = actor.jurisdiction(Action::WorkCase) {
        let (found, n) = office.store.cases(&by_due(&open), Whose::Offered(&j), SHOWN, 0).await?;
        groups.push(Group {
            title: "待接收",
            about: "别的单位申请移交给本单位,接收前仍由对方负责",
            count: number(n),
            lines: lines(&app, actor, found).await?,
            more: None,
        });
        let places = actor.places(Action::WorkCase)?;
        overdue = office.store.own_cases(&places, office.now()).await?.1;
        let own: [(&str, &str, &str, &[CaseState]); 4] = [
            ("核实", "孩子是不是在学,先弄清楚", "verifying", &[CaseState::Verifying]),
            ("劝返", "打电话、家访,把孩子劝回学校", "persuading", &[CaseState::Persuading, CaseState::Legal]),
            ("复学手续", "孩子已返校:编班、更新学籍", "returned", &[CaseState::Returned]),
            ("回访", "看看孩子还在不在校", "follow-up", &[CaseState::FollowUp]),
        ];
        for (title, about, code, states) in own {
            let (found, n) = office.store.cases(&by_due(states), Whose::Own(&places), SHOWN, 0).await?;
            groups.push(Group {
                title,
                about,
                count: number(n),
                lines: lines(&app, actor, found).await?,
                more: (n > SHOWN).then(|| format!("/cases?state={code}")),
            });
        }
        if groups.iter().all(|g| g.lines.is_empty()) {
            let (f, _) = office.store.cases(&by_due(&open), Whose::Seen(&j), 1, 0).await?;
            next = match f.first().and_then(|k| k.deadline_at.map(|d| (k, civil(d).date()))) {
                Some((k, day)) => format!("辖区内最近到期的是 {}({} 月 {} 日前)", k.label(), day.month(), day.day()),
                None => "辖区内没有在办的劝返档案;发现孩子没来上学,在儿童详情页点“报告疑似辍学”".to_owned(),
            };
        }
    }
    let j = actor.jurisdiction(Action::ViewCases)?;
    let all: i64 = office.store.case_counts(&j, None, office.now()).await?.iter().map(|c| c.overdue).sum();
    groups.retain(|g| !g.lines.is_empty());
    let (findings, findings_overdue) = office.inbox_counts(actor).await?;
    let day = office.clock.today();
    let page = Today {
        shell: shell(&app, &signed, &headers, "今日", "/today").await?,
        day: format!("{} 月 {} 日", day.month(), day.day()),
        groups,
        warned: (office.waiting_warnings(actor, false).await?, office.waiting_warnings(actor, true).await?),
        held: office.held_records(actor).await?.len(),
        findings,
        findings_overdue,
        next,
        overdue,
        area_overdue: (all - overdue).max(0),
        may_work,
    };
    Ok(html(&page.shell, page.render()?))
}
