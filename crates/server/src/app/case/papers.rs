//! 文书 (papers as Word files): laid out by `reference/papers.toml`, filled in from the case, to be edited, stamped and signed.

use std::sync::LazyLock;

use baoxue_documents::write::docx::{DocBlock, DocCell, document, pack};
use baoxue_domain::access::{Actor, Deed, mask_address, mask_id, mask_name, mask_phone};
use baoxue_domain::case::{CaseState, Signed, codes, paper, told};
use baoxue_domain::ledger::disposition;
use baoxue_store::{AskDetail, CaseFile, CasePaper, Contact};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::listing::CaseList;
use super::rules::{county_of, of_newest_return};
use super::work::Seen;
use crate::app::clock::civil;
use crate::app::office::{Office, OfficeError, Result};

/// Cases whose papers one zip holds: a town's.
const CASES_OF_ZIP: usize = 200;

/// What is filled in: name, words.
type Values = FxHashMap<&'static str, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    paper: Vec<Layout>,
}

/// When a case has a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Always.
    Case,
    /// For each legal paper of its own code.
    Legal,
    /// For each legal paper.
    LegalAll,
    /// Once the child is back.
    Returned,
    /// Once it is closed.
    Closed,
}

/// A paper as it is laid out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub code: String,
    pub label: String,
    pub kind: When,
    title: String,
    block: Vec<Block>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Block {
    Line(Vec<String>),
    Head(Vec<String>),
    Text(Vec<String>),
    Right(Vec<String>),
    Table(Vec<Vec<String>>),
    Sign(Vec<String>),
    Repeat(Repeat),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    of: String,
    least: usize,
    heads: Vec<String>,
    widths: Vec<u32>,
    cells: Vec<String>,
}

static LAYOUTS: LazyLock<File> =
    LazyLock::new(|| toml::from_str(include_str!("../../../../../reference/papers.toml")).unwrap_or(File { paper: Vec::new() }));

/// A paper that a case has now: its code, the legal paper to which it belongs, its name.
#[derive(Debug, Clone)]
pub struct Available {
    pub code: &'static str,
    pub of: Option<i64>,
    pub label: String,
}

/// Everything that papers say of a case.
struct Told {
    values: Values,
    lists: FxHashMap<&'static str, Vec<Values>>,
}

/// Puts words where the braces are; a name that is not known stays empty.
fn fill(text: &str, values: &Values, more: &Values) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, then)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(more.get(name).or_else(|| values.get(name)).map_or("", String::as_str));
        rest = then;
    }
    out.push_str(rest);
    out
}

fn cell(text: String, label: bool, span: usize) -> DocCell {
    DocCell { text, label, span }
}

fn blocks(layout: &Layout, told: &Told, more: &Values) -> Vec<DocBlock> {
    let say = |t: &String| fill(t, &told.values, more);
    let mut out = vec![DocBlock::Title(say(&layout.title))];
    for b in &layout.block {
        match b {
            Block::Line(parts) => out.push(DocBlock::Line(parts.iter().map(say).collect())),
            Block::Head(all) => out.extend(all.iter().map(|t| DocBlock::Head(say(t)))),
            Block::Text(all) => out.extend(all.iter().map(|t| DocBlock::Text(say(t)))),
            Block::Right(all) => out.extend(all.iter().map(|t| DocBlock::Right(say(t)))),
            Block::Table(rows) => {
                let columns = rows.iter().map(Vec::len).max().unwrap_or(2);
                let widths = (0..columns).map(|i| if i % 2 == 0 { 3 } else { 5 }).collect();
                let row = |cells: &Vec<String>| {
                    let last = cells.len() - 1;
                    let span = |i: usize| if i == last { columns - last } else { 1 };
                    let all = cells.iter().enumerate();
                    (all.map(|(i, c)| cell(say(c), i % 2 == 0, span(i))).collect(), false)
                };
                out.push(DocBlock::Table { widths, rows: rows.iter().map(row).collect() });
            }
            Block::Sign(all) => {
                let cells = all.iter().map(|t| cell(say(t), false, 1)).collect();
                out.push(DocBlock::Table { widths: vec![1; all.len()], rows: vec![(cells, true)] });
            }
            Block::Repeat(r) => {
                let mut rows = vec![(r.heads.iter().map(|h| cell(h.clone(), true, 1)).collect(), false)];
                let list = told.lists.get(r.of.as_str()).map(Vec::as_slice).unwrap_or_default();
                let one = |v: &Values| (r.cells.iter().map(|c| cell(fill(c, v, &Values::default()), false, 1)).collect(), false);
                rows.extend(list.iter().map(one));
                let blank = r.least.saturating_sub(list.len());
                rows.extend((0..blank).map(|_| (r.cells.iter().map(|_| cell(String::new(), false, 1)).collect(), false)));
                out.push(DocBlock::Table { widths: r.widths.clone(), rows });
            }
        }
    }
    out
}

fn attempt(n: usize, c: &Contact) -> Values {
    let d = &c.detail;
    let people = if d.people.is_empty() { c.recorded_by.clone() } else { d.people.clone() };
    let signed = match (c.signed, d.witness.is_empty()) {
        (Some(Signed::Refused), false) => format!("拒签,见证人:{}", d.witness),
        (Some(s), _) => s.label().to_owned(),
        (None, _) => String::new(),
    };
    FxHashMap::from_iter([
        ("n", (n + 1).to_string()),
        ("on", c.on.to_string()),
        ("how", c.kind.label().to_owned()),
        ("people", people),
        ("met", d.met.clone()),
        ("words", d.words.clone()),
        ("attitude", told(&codes().attitude, &d.attitude, true).to_owned()),
        ("wish", told(&codes().wish, &d.wish, true).to_owned()),
        ("outcome", told(&codes().outcome, &c.outcome, true).to_owned()),
        ("signed", signed),
    ])
}

fn legal(p: &CasePaper, issuer: &str) -> Values {
    let kind = paper(&p.kind);
    let label = kind.map(|k| k.label.clone()).unwrap_or_default();
    FxHashMap::from_iter([
        ("paper", label),
        ("paper_number", p.number.clone()),
        ("basis", kind.map(|k| k.basis_on(p.issued_on).to_owned()).unwrap_or_default()),
        ("issued", p.issued_on.to_string()),
        ("issuer", issuer.to_owned()),
        ("due", p.due_on.clone().unwrap_or_else(|| "    年  月  日".to_owned())),
        ("recipient", p.detail.recipient.clone()),
        ("facts", p.detail.facts.clone()),
        ("served", p.served_on.clone().unwrap_or_default()),
        ("service", p.service.as_deref().map(|s| told(&codes().service, s, true)).unwrap_or_default().to_owned()),
        ("server", p.detail.server.clone()),
        ("witness", p.detail.witness.clone()),
        ("result", p.detail.result.clone()),
    ])
}

/// The papers that a case has now.
pub fn available(k: &CaseFile, papers: &[CasePaper]) -> Vec<Available> {
    let mut out = Vec::new();
    for l in &LAYOUTS.paper {
        let plain = || Available { code: &l.code, of: None, label: l.label.clone() };
        match l.kind {
            When::Case => out.push(plain()),
            When::Returned if k.returned_on.is_some() => out.push(plain()),
            When::Closed if k.facts.state == CaseState::Closed => out.push(plain()),
            When::Returned | When::Closed => {}
            When::Legal | When::LegalAll => {
                for p in papers.iter().filter(|p| !p.void && (l.kind == When::LegalAll || p.kind == l.code)) {
                    let of = paper(&p.kind).map(|k| k.label.as_str()).unwrap_or_default();
                    let label = if l.kind == When::LegalAll {
                        format!("{}({of} {})", l.label, p.number)
                    } else {
                        format!("{} {}", l.label, p.number)
                    };
                    out.push(Available { code: &l.code, of: Some(p.id), label });
                }
            }
        }
    }
    out
}

impl Office {
    /// Everything that papers say. What is sealed is 其他 on every paper. (R-CASE 12)
    async fn told_of_case(&self, s: &Seen, full: bool, open: bool) -> Result<Told> {
        let k = &s.case;
        let p = &s.child.profile;
        let store = &self.store;
        let events = store.events_of(k).await?;
        // a closed file is nobody's any more: the paper names whoever had it last
        let unit = k.unit_path.clone().or_else(|| events.iter().rev().find_map(|e| e.unit_path.clone()));
        let paths: Vec<&str> =
            [&unit, &k.partner_path, &s.child.register_path].into_iter().flatten().map(String::as_str).collect();
        let names = store.place_names(&paths).await?;
        let name = |path: &Option<String>| path.as_ref().and_then(|p| names.get(p)).cloned().unwrap_or_default();
        let trails = self.trails(&paths).await?;
        let contacts = store.contacts_of(k).await?;
        let papers = store.papers_of(k).await?;
        let back = store.returns_of_case(k).await?.into_iter().rfind(|b| b.ended_on.is_none());
        let closed = events.iter().rfind(|e| e.kind == "close").filter(|_| k.facts.state == CaseState::Closed);
        let ask = store.newest_ask(k).await?.filter(|a| a.0 == "clear").map_or_else(AskDetail::default, |a| a.1);
        let conclusion = disposition(&ask.conclusion).map(|d| if d.sealed { "其他".to_owned() } else { d.label.clone() });
        let checks = of_newest_return(&s.checks);
        let said = |c: &&baoxue_store::CaseCheck| match (&c.done_on, c.in_school) {
            (Some(on), Some(true)) => format!("{on} 在校"),
            (Some(on), _) => format!("{on} 不在校"),
            _ => format!("应 {}", c.due),
        };
        let placed = back
            .as_ref()
            .map(|b| format!("{} {} {}", b.detail.school, b.detail.class, told(&codes().placement, &b.placement, false)));
        let of_return =
            |f: fn(&baoxue_store::ReturnDetail) -> &String| back.as_ref().map(|b| f(&b.detail).clone()).unwrap_or_default();
        let show = |text: &str, mask: fn(&str) -> String| if open { text.to_owned() } else { mask(text) };
        let or = |text: &str, none: &str| if text.is_empty() { none } else { text }.to_owned();
        let yes = |b: bool| if b { "是" } else { "否" }.to_owned();
        let values = FxHashMap::from_iter([
            ("bureau", self.policy(county_of(k).as_ref()).await?.bureau),
            ("unit", name(&unit)),
            ("partner", name(&k.partner_path)),
            ("today", self.clock.today().to_string()),
            ("number", k.label()),
            ("name", show(&p.name, mask_name)),
            ("sex", s.child.sex.clone().unwrap_or_default()),
            ("birth", s.child.birth_date.clone().unwrap_or_default()),
            ("id", if full { p.national_id.clone() } else { mask_id(&p.national_id) }),
            ("sources", p.sources.clone()),
            ("school", or(&p.school, "(未就读)")),
            ("class", p.class.clone()),
            ("register", s.child.register_path.as_ref().and_then(|r| trails.get(r)).cloned().unwrap_or_default()),
            ("address", show(&p.address, mask_address)),
            ("guardian", show(&p.guardian, mask_name)),
            ("phone", show(&p.phone, mask_phone)),
            ("reach", k.story.reach.clone()),
            ("last_day", if k.story.last_day.is_empty() { "    年  月  日".to_owned() } else { k.story.last_day.clone() }),
            ("opened", k.opened_on.to_string()),
            ("confirmed", yes(k.facts.confirmed)),
            ("cause", or(told(&codes().cause, k.true_cause(), false), "不详")),
            ("whereabouts", or(&k.story.whereabouts, "不详")),
            ("attempts", k.facts.attempts.to_string()),
            ("visits", k.facts.visits.to_string()),
            ("returned", back.as_ref().map(|b| b.on.to_string()).unwrap_or_default()),
            ("placed", placed.unwrap_or_default()),
            ("settled", back.as_ref().and_then(|b| b.settled_on.clone()).unwrap_or_default()),
            ("settlement", of_return(|d| &d.settled)),
            ("support", of_return(|d| &d.support)),
            ("received_by", of_return(|d| &d.received_by)),
            ("checks", checks.iter().map(said).collect::<Vec<_>>().join(";")),
            ("closed", closed.map(|e| civil(e.at).date().to_string()).unwrap_or_default()),
            ("conclusion", conclusion.unwrap_or_default()),
            ("checkers", ask.checkers),
            ("reason", ask.reason),
            ("vouched", ask.vouched.join("、")),
            ("proofs", store.proofs_of(k).await?.len().to_string()),
        ]);
        let visits: Vec<&Contact> = contacts.iter().filter(|c| c.kind.is_visit()).collect();
        let follow = |(n, c): (usize, &&baoxue_store::CaseCheck)| {
            FxHashMap::from_iter([
                ("n", (n + 1).to_string()),
                ("due_on", c.due.to_string()),
                ("done_on", c.done_on.clone().unwrap_or_default()),
                (
                    "said",
                    match c.in_school {
                        Some(true) => format!("在校 {}", c.detail),
                        Some(false) => format!("不在校 {}", c.detail),
                        None => String::new(),
                    },
                ),
                ("by", c.by.clone()),
            ])
        };
        let lists = FxHashMap::from_iter([
            ("attempts", contacts.iter().enumerate().map(|(n, c)| attempt(n, c)).collect()),
            ("visits", visits.iter().enumerate().map(|(n, c)| attempt(n, c)).collect()),
            ("papers", papers.iter().filter(|p| !p.void).map(|p| legal(p, "")).collect()),
            ("follow_ups", checks.iter().enumerate().map(follow).collect::<Vec<Values>>()),
        ]);
        Ok(Told { values, lists })
    }

    async fn written(&self, s: &Seen, told: &Told, a: &Available, papers: &[CasePaper]) -> Result<Vec<u8>> {
        let layout = LAYOUTS.paper.iter().find(|l| l.code == a.code).ok_or(OfficeError::NotFound)?;
        let more = match a.of.and_then(|of| papers.iter().find(|p| p.id == of)) {
            Some(p) => {
                let mut issuer = self.store.place_names(&[p.unit_path.as_str()]).await?.remove(&p.unit_path).unwrap_or_default();
                if p.unit_path == s.case.scope_path {
                    issuer = self.policy(county_of(&s.case).as_ref()).await?.bureau;
                }
                legal(p, &issuer)
            }
            None => Values::default(),
        };
        document(&blocks(layout, told, &more)).map_err(|e| OfficeError::Input(format!("文书生成出错:{e}")))
    }

    /// One paper as a Word file, with its name; without the middle of the child's number, and logged.
    pub async fn paper_of(&self, actor: &Actor, id: i64, code: &str, of: Option<i64>) -> Result<(String, Vec<u8>)> {
        let s = self.seen_case(actor, id, None).await?;
        s.relation.ask_record()?;
        let papers = self.store.papers_of(&s.case).await?;
        let all = available(&s.case, &papers);
        let a = all.into_iter().find(|a| a.code == code && a.of == of).ok_or(OfficeError::NotFound)?;
        let told = self.told_of_case(&s, false, s.relation.own).await?;
        let bytes = self.written(&s, &told, &a, &papers).await?;
        self.note(actor, Deed::Print, &format!("case:{id}"), &format!("{};隐去证件号", a.label)).await?;
        Ok((format!("{}-{}.docx", a.label, s.case.label()), bytes))
    }

    /// All papers of a case in one zip.
    pub async fn papers_of_case(&self, actor: &Actor, id: i64, reason: &str) -> Result<(String, Vec<u8>)> {
        let s = self.seen_case(actor, id, None).await?;
        s.relation.ask_record()?;
        let files = self.all_papers(&s).await?;
        let said = format!("全部文书 {} 份,完整信息,原因:{reason}", files.len());
        self.note(actor, Deed::Print, &format!("case:{id}"), &said).await?;
        Ok((format!("{}-全部文书.zip", s.case.label()), zipped(&files)?))
    }

    /// All papers of a list of cases in one zip, a folder a case: those of a town, for its archive. Cases in which one only looks are left out.
    pub async fn papers_of_cases(&self, actor: &Actor, of: &CaseList, reason: &str) -> Result<Vec<u8>> {
        let found = self.listed_cases(actor, of).await?;
        if found.len() > CASES_OF_ZIP {
            let said = format!("名单有 {} 份档案,一次最多打包 {CASES_OF_ZIP} 份;请按乡镇、学校或状态筛选", found.len());
            return Err(OfficeError::Input(said));
        }
        let (mut files, mut cases) = (Vec::new(), 0);
        for k in &found {
            let s = self.seen_case(actor, k.id, None).await?;
            if s.relation.ask_record().is_err() {
                continue;
            }
            cases += 1;
            let folder = file_name(&s.case.label());
            files.extend(self.all_papers(&s).await?.into_iter().map(|(name, bytes)| (format!("{folder}/{name}"), bytes)));
        }
        if files.is_empty() {
            return Err(OfficeError::Input("名单里没有本单位办理的档案".into()));
        }
        let said = format!("{}:{cases} 份档案的文书 {} 份,完整信息,原因:{reason}", of.said(), files.len());
        self.note(actor, Deed::Print, "劝返档案", &said).await?;
        zipped(&files)
    }

    /// The papers that a case has now, each with the name of its file.
    async fn all_papers(&self, s: &Seen) -> Result<Vec<(String, Vec<u8>)>> {
        let papers = self.store.papers_of(&s.case).await?;
        let told = self.told_of_case(s, true, true).await?;
        let mut files = Vec::new();
        for (n, a) in available(&s.case, &papers).iter().enumerate() {
            files.push((format!("{:02}-{}.docx", n + 1, file_name(&a.label)), self.written(s, &told, a, &papers).await?));
        }
        Ok(files)
    }
}

/// A name as every system takes it.
fn file_name(label: &str) -> String {
    label.chars().map(|c| if "/\\:*?\"<>|".contains(c) { '_' } else { c }).collect()
}

fn zipped(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let refs: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    pack(&refs).map_err(|e| OfficeError::Input(format!("文书打包出错:{e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that papers may use.
    const KNOWN: &str = "bureau unit partner today number name sex birth id sources school class register address guardian phone reach last_day \
        opened confirmed cause whereabouts attempts visits returned placed settled settlement support received_by checks closed conclusion checkers \
        reason vouched proofs paper paper_number basis issued issuer due recipient facts served service server witness result n on how people met \
        words attitude wish outcome signed due_on done_on said by";

    #[test]
    fn papers_use_names_that_are_filled_in() {
        let file: File = toml::from_str(include_str!("../../../../../reference/papers.toml")).unwrap();
        assert!(file.paper.len() >= 15);
        let known: Vec<&str> = KNOWN.split_whitespace().collect();
        for l in include_str!("../../../../../reference/papers.toml").lines().filter(|l| !l.starts_with('#')) {
            for name in l
                .split('{')
                .skip(1)
                .filter_map(|p| p.split_once('}'))
                .map(|p| p.0)
                .filter(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            {
                assert!(known.contains(&name), "{name} in {l}");
            }
        }
        for p in &codes().paper {
            assert!(file.paper.iter().any(|l| l.code == p.code && l.kind == When::Legal), "{}", p.code);
        }
        for l in &file.paper {
            for b in &l.block {
                if let Block::Repeat(r) = b {
                    assert!(r.heads.len() == r.cells.len() && r.heads.len() == r.widths.len(), "{}", l.code);
                }
            }
        }
    }

    #[test]
    fn braces_are_filled_once() {
        let values = FxHashMap::from_iter([("name", "王{sex}".to_owned())]);
        assert_eq!(fill("{name},{none}。{", &values, &Values::default()), "王{sex},。{");
    }
}
