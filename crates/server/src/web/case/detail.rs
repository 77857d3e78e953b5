//! 劝返档案: one file. Left the story with its evidence, right the one next step and its form.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use baoxue_domain::access::{Action, Deed};
use baoxue_domain::calendar::time_left;
use baoxue_domain::case::{Ask, CaseStep, Code, ContactKind, Signed, codes, find, paper, told};
use baoxue_domain::ledger::{Standing, all_dispositions};
use baoxue_domain::place::PlacePath;
use baoxue_store::{CaseFile, ChildRow, Contact, Proof, random};
use jiff::ToSpan;
use rustc_hash::FxHashMap;

use crate::app::case::contact::SIGNERS;
use crate::app::case::paper::may_issue;
use crate::app::case::papers::available;
use crate::app::case::rules::{Relation, county_of, of_newest_return, thresholds};
use crate::app::case::work::{EARLY_DAYS, Seen, next_step};
use crate::app::clock::civil;
use crate::app::finding::dispatch::MAX_PROOF_BYTES;
use crate::app::ledger::listing;
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::attendance::warnings::{StripDay, attendance};
use crate::web::frame::error::PageError;
use crate::web::frame::files::{REASONS, proof_file};
use crate::web::frame::shell::{Shell, html, shell};
use crate::web::frame::view::{ChildView, is_own, trails_of, when};
use crate::web::frame::visit::Visit;

/// A proof as the page shows it.
pub struct ProofView {
    pub href: String,
    pub name: String,
    pub image: bool,
}

/// Something that happened.
pub struct Happened {
    pub label: &'static str,
    pub detail: String,
    pub by: String,
    pub when: String,
    /// Lines of what was said: head, words.
    pub lines: Vec<(&'static str, String)>,
    pub proofs: Vec<ProofView>,
    pub is_late: bool,
}

/// A choice of a form: code, word, whether it is chosen.
pub type Choice = (&'static str, &'static str, bool);

/// A check after a return.
pub struct CheckView {
    pub due: String,
    pub done: String,
    pub said: String,
}

/// A legal paper.
pub struct PaperView {
    pub id: i64,
    pub label: String,
    pub number: String,
    pub issued: String,
    pub due: String,
    pub served: String,
    pub recipient: String,
    pub result: String,
    pub basis: String,
    pub void: bool,
}

/// A child of the same household, with its open file where it has one.
pub struct Sibling {
    pub child: i64,
    pub name: String,
    pub about: String,
    pub case: Option<i64>,
}

/// Events whose words may tell what is sealed: for the named ones.
const SEALED_EVENTS: [&str; 5] = ["police", "ask-clear", "clear", "refuse", "describe"];

/// What may be done now: by the rule, and by whoever looks.
#[derive(Default)]
pub struct May {
    pub record: bool,
    pub persuade: bool,
    pub confirm: bool,
    pub clear: bool,
    pub close: bool,
    pub transfer: bool,
    pub take_back: bool,
    pub decide: bool,
    pub assign: bool,
    pub go_legal: bool,
    pub go_back: bool,
    pub paper: bool,
    pub come_back: bool,
    pub settle: bool,
    pub check: bool,
    /// The next check may be made already.
    pub check_now: bool,
    pub reopen: bool,
    pub describe: bool,
}

/// What is asked and waits.
pub struct AskView {
    pub label: &'static str,
    pub conclusion: String,
    pub proof: String,
    pub reason: String,
    pub checkers: String,
    pub vouched: String,
    pub target: String,
    pub by: String,
    pub when: String,
    pub own: bool,
}

#[derive(Template)]
#[template(path = "case/case.html")]
struct CasePage {
    shell: Shell,
    id: i64,
    version: i64,
    number: String,
    state: &'static str,
    ledger: &'static str,
    class: &'static str,
    child: ChildView,
    open: bool,
    may_view_child: bool,
    next: &'static str,
    why: String,
    left: String,
    overdue: bool,
    unit: String,
    partner: String,
    /// Whoever works there: unit, name, role.
    people: Vec<(String, String, &'static str)>,
    cause: &'static str,
    causes: Vec<Choice>,
    last_day: String,
    whereabouts: String,
    reach: String,
    note: String,
    police: String,
    /// 强制报告 is due and not yet made.
    must_report: bool,
    opened: String,
    attempts: String,
    relapses: u32,
    back: Option<(String, String)>,
    checks: Vec<CheckView>,
    papers: Vec<PaperView>,
    /// Word files: address, name.
    words: Vec<(String, String)>,
    reasons: [&'static str; 5],
    siblings: Vec<Sibling>,
    /// The child's days before and after, and warnings of them.
    strip: Vec<StripDay>,
    warnings: Vec<(i64, String)>,
    /// The day since which the roll has the child in class, while the file still looks for it.
    seen_in_class: Option<String>,
    story: Vec<Happened>,
    proofs: Vec<ProofView>,
    findings: Vec<(i64, String)>,
    joined_into: Option<i64>,
    ask: Option<AskView>,
    may: May,
    key: String,
    today: String,
    kinds: Vec<Choice>,
    outcomes: Vec<Choice>,
    attitudes: Vec<Choice>,
    wishes: Vec<Choice>,
    signed: Vec<Choice>,
    signers: [(&'static str, &'static str); 3],
    placements: Vec<Choice>,
    services: Vec<Choice>,
    paper_kinds: Vec<Choice>,
    dispositions: Vec<(String, String, String)>,
    megabytes: usize,
    school: String,
}

fn choices(list: &'static [Code], chosen: &str) -> Vec<Choice> {
    list.iter().map(|c| (c.code.as_str(), c.label.as_str(), c.code == chosen)).collect()
}

/// 128 random bits: a record that is sent twice is one.
fn new_key() -> Result<String, OfficeError> {
    let bytes: [u8; 16] = random()?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn proof_view(id: i64, p: &Proof) -> ProofView {
    let signer = SIGNERS.iter().find(|s| s.0 == p.role).map(|s| format!("{}签字", s.1));
    ProofView {
        href: format!("/cases/{id}/proofs/{}", p.id),
        name: signer.unwrap_or_else(|| p.file_name.clone()),
        image: p.media_type == "image/jpeg",
    }
}

/// What the rule and her relation let an actor do.
fn may(s: &Seen, t: &baoxue_domain::case::Thresholds, asked_by_me: bool, receives: bool, today: jiff::civil::Date) -> May {
    let next = of_newest_return(&s.checks).iter().filter(|c| c.done_on.is_none()).map(|c| c.due).min();
    let (f, r) = (s.case.facts, s.relation);
    let rule = |step: CaseStep| f.take(step, t).is_ok();
    let moves = |step: CaseStep| r.may_move() && rule(step);
    let records = |step: CaseStep| r.may_record() && rule(step);
    let asked = f.asked;
    let decides = match asked {
        Some(Ask::Transfer) => receives,
        Some(_) => r.decides && !asked_by_me,
        None => false,
    };
    May {
        record: records(CaseStep::Contact { visit: false }),
        persuade: moves(CaseStep::Persuade),
        confirm: moves(CaseStep::Ask(Ask::Confirm)),
        clear: moves(CaseStep::Ask(Ask::Clear)),
        close: moves(CaseStep::Ask(Ask::Close)),
        transfer: moves(CaseStep::Ask(Ask::Transfer)),
        take_back: asked.is_some() && (asked_by_me || (r.holds && !r.decides)),
        decide: decides,
        assign: r.decides && rule(CaseStep::Assign),
        go_legal: moves(CaseStep::GoLegal),
        go_back: moves(CaseStep::GoBack),
        paper: records(CaseStep::Paper),
        come_back: records(CaseStep::Return),
        settle: records(CaseStep::Settle),
        check: records(CaseStep::CheckPassed),
        check_now: next.is_some_and(|due| due.saturating_sub(EARLY_DAYS.days()) <= today),
        reopen: r.decides && rule(CaseStep::Reopen),
        describe: r.may_record() && f.state.is_open(),
    }
}

/// A contact's words, as lines.
fn lines_of(c: &Contact) -> Vec<(&'static str, String)> {
    let d = &c.detail;
    let signed = c.signed.map(Signed::label).unwrap_or_default().to_owned();
    let all = [
        ("结果", told(&codes().outcome, &c.outcome, true).to_owned()),
        ("参加人员", d.people.clone()),
        ("联系对象", d.met.clone()),
        ("家长态度", told(&codes().attitude, &d.attitude, true).to_owned()),
        ("学生意愿", told(&codes().wish, &d.wish, true).to_owned()),
        ("谈话内容", d.words.clone()),
        ("签字", signed),
        ("见证人", d.witness.clone()),
        ("代录", if d.typed_for.is_empty() { String::new() } else { format!("代 {} 录入", d.typed_for) }),
        ("下一步", d.next.clone()),
        ("手机记录于", d.phone_time.clone()),
        ("位置", d.position.clone()),
        ("还没有传来", if c.awaited > 0 { format!("照片和签字 {} 张,还在手机里", c.awaited) } else { String::new() }),
        ("同时联系", if c.cases > 1 { format!("共 {} 名儿童", c.cases) } else { String::new() }),
    ];
    all.into_iter().filter(|l| !l.1.is_empty()).collect()
}

/// Events and contacts as one story, the newest first: what was said is for whoever works with the family, what was told the police for
/// whoever has the file.
async fn story(app: &App, k: &CaseFile, r: Relation) -> Result<Vec<Happened>, PageError> {
    let store = &app.office.store;
    let mut out: Vec<(i64, Happened)> = Vec::new();
    let all = store.proofs_of_contacts(k).await?;
    for c in store.contacts_of(k).await? {
        let proofs = all.iter().filter(|p| p.0 == c.id).map(|p| &p.1);
        let late = civil(c.recorded_at).date() > c.on;
        out.push((
            c.recorded_at,
            Happened {
                label: c.kind.label(),
                detail: String::new(),
                by: c.recorded_by.clone(),
                when: if late { format!("{}({} 补录)", c.on, when(c.recorded_at)) } else { when(c.recorded_at) },
                lines: if r.may_record() { lines_of(&c) } else { Vec::new() },
                proofs: if r.may_record() { proofs.map(|p| proof_view(k.id, p)).collect() } else { Vec::new() },
                is_late: late,
            },
        ));
    }
    for e in store.events_of(k).await? {
        // a contact stands above with all that was said
        if matches!(e.kind.as_str(), "visit" | "contact") {
            continue;
        }
        out.push((
            e.at,
            Happened {
                label: CaseStep::label_of(&e.kind),
                detail: if r.named || (r.may_record() && !SEALED_EVENTS.contains(&e.kind.as_str())) {
                    e.detail
                } else {
                    String::new()
                },
                by: e.by.unwrap_or_else(|| "系统".into()),
                when: when(e.at),
                lines: Vec::new(),
                proofs: Vec::new(),
                is_late: false,
            },
        ));
    }
    out.sort_by_key(|h| std::cmp::Reverse(h.0));
    Ok(out.into_iter().map(|h| h.1).collect())
}

/// Children who are likely of one household: the same telephone of the guardian.
async fn siblings(app: &App, actor: &baoxue_domain::access::Actor, c: &ChildRow) -> Result<Vec<Sibling>, PageError> {
    let (store, phone) = (&app.office.store, c.profile.phone.as_str());
    let Ok(j) = actor.jurisdiction(Action::ViewCases) else { return Ok(Vec::new()) };
    if phone.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = store.search(phone, &j).await?.into_iter().filter(|id| *id != c.id).collect();
    let mut out = Vec::new();
    for id in ids.into_iter().take(10) {
        let Some(o) = store.child(id, &j).await?.filter(|o| o.profile.phone == phone) else { continue };
        let file = store.newest_case(&o).await?;
        out.push(Sibling {
            child: o.id,
            about: format!(
                "{} {} {}",
                o.sex.clone().unwrap_or_default(),
                o.birth_date.clone().unwrap_or_default(),
                o.profile.school
            ),
            name: o.profile.name.clone(),
            case: file.filter(|k| k.facts.state.is_open()).map(|k| k.id),
        });
    }
    Ok(out)
}

/// What is asked of a file and waits.
async fn ask_view(app: &App, actor: &baoxue_domain::access::Actor, s: &Seen) -> Result<(Option<AskView>, bool, bool), PageError> {
    let Some(a) = app.office.store.open_ask(&s.case).await? else { return Ok((None, false, false)) };
    let own = a.asked_by == actor.account;
    let receives =
        a.target_path.as_deref().is_some_and(|t| !own && actor.jurisdiction(Action::WorkCase).is_ok_and(|j| j.covers(t)));
    let target = match &a.target_path {
        Some(t) => app.office.store.place_names(&[t.as_str()]).await?.remove(t).unwrap_or_default(),
        None => String::new(),
    };
    let d = baoxue_domain::ledger::disposition(&a.detail.conclusion);
    let named = s.relation.named;
    // a reason tells what a sealed conclusion does not
    let reads = named || receives || (s.relation.may_record() && !d.is_some_and(|d| d.sealed));
    let view = AskView {
        label: a.kind.label(),
        conclusion: listing::told(Some(&a.detail.conclusion).filter(|c| !c.is_empty()).map(String::as_str), named),
        proof: d.filter(|_| named).map(|d| d.proof.join("、")).unwrap_or_default(),
        reason: if reads { a.detail.reason } else { String::new() },
        checkers: if reads { a.detail.checkers } else { String::new() },
        vouched: if reads { a.detail.vouched.join("、") } else { String::new() },
        target,
        by: a.asked_by_name,
        when: when(a.asked_at),
        own,
    };
    Ok((Some(view), own, receives))
}

/// Everybody of the two units that have the file: both lines.
async fn people_of(
    app: &App,
    k: &CaseFile,
    names: &FxHashMap<String, String>,
) -> Result<Vec<(String, String, &'static str)>, PageError> {
    let mut out = Vec::new();
    for path in [&k.unit_path, &k.partner_path].into_iter().flatten() {
        let unit = names.get(path).cloned().unwrap_or_default();
        let found = app.office.store.people_at(path, app.office.clock.today()).await?;
        if found.is_empty() {
            out.push((unit.clone(), "还没有开通账号的人".to_owned(), ""));
        }
        // administrators look after accounts, not after children
        let works = found.into_iter().filter(|(_, role)| role.may(Action::WorkCase));
        out.extend(works.map(|(name, role)| (unit.clone(), name, role.label())));
    }
    Ok(out)
}

fn paper_views(papers: Vec<baoxue_store::CasePaper>) -> Vec<PaperView> {
    let view = |p: baoxue_store::CasePaper| {
        let kind = paper(&p.kind);
        let how = p.service.as_deref().map(|s| told(&codes().service, s, true)).unwrap_or_default();
        PaperView {
            id: p.id,
            label: kind.map(|k| k.label.clone()).unwrap_or_default(),
            basis: kind.map(|k| k.basis_on(p.issued_on).to_owned()).unwrap_or_default(),
            void: p.void,
            number: p.number,
            issued: p.issued_on.to_string(),
            due: p.due_on.unwrap_or_default(),
            served: p.served_on.map(|d| format!("{d} {how}")).unwrap_or_default(),
            recipient: p.detail.recipient,
            result: p.detail.result,
        }
    };
    papers.into_iter().map(view).collect()
}

fn checks_of(s: &Seen) -> Vec<CheckView> {
    let detail = |c: &baoxue_store::CaseCheck| if s.relation.may_record() { c.detail.clone() } else { String::new() };
    let view = |c: &&baoxue_store::CaseCheck| CheckView {
        due: c.due.to_string(),
        done: c.done_on.clone().unwrap_or_default(),
        said: match c.in_school {
            Some(true) => format!("在校 {}", detail(c)),
            Some(false) => format!("不在校 {}", detail(c)),
            None => String::new(),
        },
    };
    of_newest_return(&s.checks).iter().map(view).collect()
}

pub async fn page(Visit { app, signed, headers }: Visit, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (office, actor) = (&app.office, &signed.actor);
    let s = office.seen_case(actor, id, None).await?;
    let (k, r) = (&s.case, s.relation);
    let policy = office.policy(county_of(k).as_ref()).await?;
    let t = thresholds(&policy, of_newest_return(&s.checks).len());
    let (ask, own, receives) = ask_view(&app, actor, &s).await?;
    let may = may(&s, &t, own, receives, office.clock.today());
    // whoever has to go there needs the name, the guardian and the telephone
    let open = r.own || is_own(actor, &s.child);
    let trails = trails_of(&app, std::slice::from_ref(&s.child)).await?;
    let units: Vec<&str> = [&k.unit_path, &k.partner_path].into_iter().flatten().map(String::as_str).collect();
    let names = office.store.place_names(&units).await?;
    let name = |p: &Option<String>| p.as_ref().and_then(|p| names.get(p)).cloned().unwrap_or_default();
    let left = of_newest_return(&s.checks).iter().filter(|c| c.done_on.is_none()).count();
    let (next, why) = next_step(&k.facts, (t.attempts, t.visits), left);
    let named = r.named;
    let shown_cause = if named { k.true_cause() } else { k.cause.as_str() };
    // by the one rule, not by the file: a register may have it as a dropout that nobody here confirmed
    let stands = office.store.history_of(&s.child).await?.stands(office.clock.today(), i64::MAX).map(|s| s.standing);
    let (ledger, class) = match stands {
        Some(Standing::Dropout) => ("辍学台账", "v-missing"),
        Some(Standing::Suspected) => ("疑似辍学台账", "v-verify"),
        _ => ("", ""),
    };
    let returns = office.store.returns_of_case(k).await?;
    let back = returns.last().filter(|b| b.ended_on.is_none()).map(|b| {
        let placement = told(&codes().placement, &b.placement, named);
        (b.on.to_string(), format!("{} {} {placement}", b.detail.school, b.detail.class))
    });
    let findings = office.store.grounds_of(k).await?.into_iter().filter_map(|g| g.1.map(|f| (f, format!("核实 {f}")))).collect();
    let must = find(&codes().cause, k.true_cause()).is_some_and(|c| c.mandatory_report);
    let unit = k.unit_path.as_deref().and_then(PlacePath::parse);
    let issues = |p: &&'static baoxue_domain::case::PaperKind| {
        let county = PlacePath::parse(&k.scope_path).filter(|_| r.decides);
        let own = actor.places(Action::WorkCase).unwrap_or_default();
        county.iter().chain(own.iter()).any(|u| may_issue(p.issuer, u))
    };
    let masked_id = baoxue_domain::access::mask_id(&s.child.profile.national_id);
    let issued = office.store.papers_of(k).await?;
    let words = match r.may_record() && actor.may(Action::WorkCase) {
        true => available(k, &issued)
            .into_iter()
            .map(|a| (a.of.map_or(a.code.to_owned(), |of| format!("{}?of={of}", a.code)), a.label))
            .collect(),
        false => Vec::new(),
    };
    let (strip, warnings) = attendance(&app, actor, &s.child).await?;
    let seen_in_class = match k.facts.state.is_away() {
        true => office.back_in_class(k).await?,
        false => None,
    };
    let page = CasePage {
        strip,
        warnings,
        seen_in_class,
        shell: shell(&app, &signed, &headers, "劝返档案", "/cases").await?,
        id,
        version: k.version,
        number: k.label(),
        state: k.facts.state.label(),
        ledger,
        class,
        may_view_child: match actor.jurisdiction(Action::ViewChild) {
            Ok(j) => office.store.child(k.child, &j).await?.is_some(),
            Err(_) => false,
        },
        next,
        why,
        left: k.deadline_at.map(|d| time_left(civil(d), office.clock.now())).unwrap_or_default(),
        overdue: k.deadline_at.is_some_and(|d| d < office.now()),
        unit: if k.unit_path.as_deref() == Some(k.scope_path.as_str()) { policy.bureau.clone() } else { name(&k.unit_path) },
        partner: name(&k.partner_path),
        people: if r.may_record() { people_of(&app, k, &names).await? } else { Vec::new() },
        cause: told(&codes().cause, shown_cause, named),
        causes: choices(&codes().cause, shown_cause),
        last_day: k.story.last_day.clone(),
        whereabouts: if r.may_record() { k.story.whereabouts.clone() } else { String::new() },
        reach: if r.may_record() { k.story.reach.clone() } else { String::new() },
        note: if r.may_record() { k.story.note.clone() } else { String::new() },
        police: if named { k.story.police.clone() } else { String::new() },
        must_report: named && must && k.story.police.is_empty() && k.facts.state.is_open(),
        opened: k.opened_on.to_string(),
        attempts: format!("{} 次(家访 {} 次)", k.facts.attempts, k.facts.visits),
        relapses: k.facts.relapses,
        back,
        checks: checks_of(&s),
        papers: if r.may_record() { paper_views(issued) } else { Vec::new() },
        words,
        reasons: REASONS,
        siblings: if open { siblings(&app, actor, &s.child).await? } else { Vec::new() },
        story: story(&app, k, r).await?,
        proofs: match r.may_record() {
            true => office.store.proofs_of(k).await?.iter().map(|p| proof_view(id, p)).collect(),
            false => Vec::new(),
        },
        findings,
        joined_into: k.joined_into,
        ask,
        may,
        key: new_key()?,
        today: office.clock.today().to_string(),
        kinds: ContactKind::ALL.iter().map(|c| (c.code(), c.label(), *c == ContactKind::Phone)).collect(),
        outcomes: choices(&codes().outcome, ""),
        attitudes: choices(&codes().attitude, ""),
        wishes: choices(&codes().wish, ""),
        signed: Signed::ALL.iter().map(|x| (x.code(), x.label(), false)).collect(),
        signers: SIGNERS,
        placements: choices(&codes().placement, ""),
        services: choices(&codes().service, ""),
        paper_kinds: codes().paper.iter().filter(issues).map(|p| (p.code.as_str(), p.label.as_str(), false)).collect(),
        dispositions: all_dispositions().1.iter().map(|d| (d.code.clone(), d.label.clone(), d.proof.join("、"))).collect(),
        megabytes: MAX_PROOF_BYTES >> 20,
        school: match unit.filter(|u| !u.is_government()) {
            Some(_) => name(&k.unit_path),
            None => s.child.profile.school.clone(),
        },
        open,
        child: {
            let mut v = ChildView::new(s.child.clone(), open, &trails);
            v.national_id = masked_id;
            v
        },
    };
    Ok(html(&page.shell, page.render()?))
}

/// A proof of a file or of one of its contacts, through the file's rights.
pub async fn proof(Visit { app, signed, .. }: Visit, Path((id, proof)): Path<(i64, i64)>) -> Result<Response, PageError> {
    let s = app.office.seen_case(&signed.actor, id, None).await?;
    // pictures of a family are for whoever works with it
    s.relation.ask_record()?;
    let store = app.office.store.clone();
    let mut all = store.proofs_of(&s.case).await?;
    all.extend(store.proofs_of_contacts(&s.case).await?.into_iter().map(|p| p.1));
    let a = all.into_iter().find(|a| a.id == proof).ok_or(OfficeError::NotFound)?;
    let stored = a.stored.clone();
    let bytes = tokio::task::spawn_blocking(move || store.read_file(&stored)).await.map_err(|_| OfficeError::NotFound)??;
    app.office.note(&signed.actor, Deed::ViewProof, &format!("case:{id}"), &a.file_name).await?;
    Ok(proof_file(&a.media_type, bytes))
}
