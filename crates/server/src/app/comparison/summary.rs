//! The figures of a run, and how they differ from the run before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use baoxue_documents::write::guard;
use baoxue_domain::ledger::LedgerKind;
use baoxue_domain::roster::{Severity, SourceKind};
use baoxue_domain::verdict::{VerdictGroup, VerdictKind};
use baoxue_linkage::{Linkage, Settings};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::app::comparison::Request;
use crate::app::comparison::children::{Child, count};
use crate::app::comparison::review::Said;
use crate::app::comparison::rolls::schools_without;
use crate::app::comparison::sources::Sources;
use crate::app::comparison::transition::Checked;
use crate::app::link::Timing;
use crate::app::roster::reading::RosterFile;

/// Where a run keeps which child had which verdict, for the next run to compare with.
pub const CHILDREN_FILE: &str = "children.csv";
/// The figures.
pub const SUMMARY_FILE: &str = "summary.json";

/// Figures of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub version: &'static str,
    pub unit: String,
    pub school_year: i16,
    pub compared_on: String,
    pub rosters: Vec<RosterFigures>,
    pub children: usize,
    pub in_cohorts: usize,
    pub groups: BTreeMap<VerdictGroup, usize>,
    pub verdicts: Vec<VerdictFigures>,
    pub ledgers: BTreeMap<LedgerKind, usize>,
    pub transitions: Vec<TransitionFigures>,
    /// Schools that handed over no roll while others did, with their pupils.
    pub schools_without_roll: BTreeMap<String, usize>,
    pub links: usize,
    pub review_pairs: usize,
    pub decisions_used: usize,
    /// Whether the weights learned from these.
    pub learned: bool,
    pub decisions_outdated: usize,
    pub decisions_blank: usize,
    pub estimated_precision: f64,
    pub change: Option<Change>,
}

/// One roster.
#[derive(Debug, Clone, Serialize)]
pub struct RosterFigures {
    pub file: String,
    pub sha256: String,
    pub kind: SourceKind,
    pub label: &'static str,
    pub recognised_by: String,
    pub rows: usize,
    pub rejected: usize,
    pub dropped: usize,
    pub to_confirm: usize,
    pub passed_over: usize,
    pub ignored_sheets: Vec<String>,
    pub unknown_headings: Vec<String>,
}

/// One kind of verdict.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictFigures {
    pub kind: VerdictKind,
    pub label: &'static str,
    pub group: VerdictGroup,
    pub children: usize,
}

/// One passage.
#[derive(Debug, Clone, Serialize)]
pub struct TransitionFigures {
    pub passage: &'static str,
    pub leavers: usize,
    pub unseen: usize,
}

/// Against the run before.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Day of the run before.
    pub since: String,
    /// Missing now, not missing then.
    pub newly_missing: usize,
    /// Missing then, seen now.
    pub no_longer_missing: usize,
    /// Missing both times.
    pub still_missing: usize,
    /// Children of the run before of whom no source has a row any more: a finding, never a deletion.
    pub vanished: usize,
    /// Their names and last verdicts.
    #[serde(skip)]
    pub vanished_children: Vec<ChildRecord>,
}

/// A child as the next run remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRecord {
    pub key: String,
    pub name: String,
    pub birth_date: String,
    pub verdict: String,
    pub sources: String,
    /// Fingerprints of its rows: by them a child is known again that was joined with another, or whose number was put right.
    #[serde(default)]
    pub rows: String,
}

/// The run before.
pub struct Previous {
    since: String,
    children: Vec<ChildRecord>,
}

impl Previous {
    /// Loads a run's folder; `None` when there is none.
    pub fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let (children, summary) = (folder.join(CHILDREN_FILE), folder.join(SUMMARY_FILE));
        if !children.exists() || !summary.exists() {
            return Ok(None);
        }
        let broken = || format!("上次比对的结果 {} 读不出来;可改用 --previous 指定别的结果,或换一个结果文件夹", folder.display());
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(summary).with_context(broken)?).with_context(broken)?;
        let since = json["compared_on"].as_str().unwrap_or_default().to_owned();
        let children = csv::Reader::from_path(children)
            .with_context(broken)?
            .deserialize()
            .collect::<Result<_, _>>()
            .with_context(broken)?;
        Ok(Some(Self { since, children }))
    }

    fn change(&self, now: &[Child]) -> Change {
        let missing_then: BTreeSet<&str> =
            self.children.iter().filter(|c| is_missing(&c.verdict)).map(|c| c.key.as_str()).collect();
        let keys: Vec<String> = now.iter().map(Child::key).collect();
        let missing_now: BTreeSet<&str> = now
            .iter()
            .zip(&keys)
            .filter(|(c, _)| c.verdict.kind.group() == VerdictGroup::Missing)
            .map(|(_, k)| k.as_str())
            .collect();
        let all_now: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        let rows_now: FxHashSet<&str> = now.iter().flat_map(|c| &c.rows).map(|(_, r)| r.fingerprint.as_str()).collect();
        let seen = |c: &&ChildRecord| all_now.contains(c.key.as_str()) || c.rows.split(' ').any(|r| rows_now.contains(r));
        let vanished_children: Vec<ChildRecord> = self.children.iter().filter(|c| !seen(c)).cloned().collect();
        Change {
            since: self.since.clone(),
            newly_missing: missing_now.difference(&missing_then).count(),
            no_longer_missing: missing_then.iter().filter(|k| all_now.contains(*k) && !missing_now.contains(*k)).count(),
            still_missing: missing_now.intersection(&missing_then).count(),
            vanished: vanished_children.len(),
            vanished_children,
        }
    }
}

fn is_missing(verdict: &str) -> bool {
    VerdictKind::find(verdict).is_some_and(|k| k.group() == VerdictGroup::Missing)
}

/// Reckons the figures.
#[expect(clippy::too_many_arguments, reason = "the one place where everything of a run comes together")]
pub fn build(
    request: &Request,
    files: &[RosterFile],
    sources: &Sources,
    linkage: &Linkage,
    children: &[Child],
    transitions: &[Checked],
    said: &Said,
    previous: Option<&Previous>,
) -> Summary {
    debug_assert!(sources.kinds().len() >= 2);
    let verdicts: Vec<VerdictFigures> = VerdictKind::ALL
        .iter()
        .map(|k| VerdictFigures { kind: *k, label: k.label(), group: k.group(), children: count(children, *k) })
        .collect();
    let mut groups = BTreeMap::new();
    verdicts.iter().for_each(|v| *groups.entry(v.group).or_default() += v.children);
    Summary {
        version: env!("CARGO_PKG_VERSION"),
        unit: request.unit.clone(),
        school_year: request.year.start_year(),
        compared_on: request.today.to_string(),
        rosters: files.iter().map(roster_figures).collect(),
        children: children.len(),
        in_cohorts: children.iter().filter(|c| c.birth_date.is_some_and(|b| request.year.in_cohorts(b))).count(),
        groups,
        ledgers: LedgerKind::ALL.iter().map(|l| (*l, children.iter().filter(|c| l.holds(c.verdict.kind)).count())).collect(),
        verdicts,
        transitions: transitions
            .iter()
            .map(|t| TransitionFigures { passage: t.passage.label(), leavers: t.leavers, unseen: t.unseen.len() })
            .collect(),
        schools_without_roll: schools_without(children),
        links: linkage.links.len(),
        review_pairs: linkage.review.len(),
        decisions_used: said.decisions.len(),
        learned: request.retrain && !said.decisions.is_empty(),
        decisions_outdated: said.outdated,
        decisions_blank: said.blank,
        estimated_precision: linkage.estimated_precision,
        change: previous.map(|p| p.change(children)),
    }
}

fn roster_figures(f: &RosterFile) -> RosterFigures {
    let with = |s: Severity| {
        f.roster.issues.iter().filter(|i| i.severity() == s).map(|i| (i.sheet, i.row)).collect::<BTreeSet<_>>().len()
    };
    let mut unknown: Vec<String> = f.layouts.iter().flat_map(|(_, l)| l.unknown_headings()).map(str::to_owned).collect();
    unknown.sort_unstable();
    unknown.dedup();
    RosterFigures {
        file: f.name.clone(),
        sha256: f.digest.clone(),
        kind: f.kind,
        label: f.kind.label(),
        recognised_by: f.guess.as_ref().map_or("由操作者指定".to_owned(), |g| g.why.clone()),
        rows: f.roster.rows.len(),
        rejected: f.roster.rejected,
        dropped: with(Severity::Dropped),
        to_confirm: with(Severity::Confirm),
        passed_over: f.roster.passed_over,
        ignored_sheets: f.ignored.clone(),
        unknown_headings: unknown,
    }
}

#[derive(Serialize)]
struct RunRecord<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    timings: &'a [Timing],
    peak_memory_bytes: Option<u64>,
    settings: &'a Settings,
}

/// Writes `summary.json`.
pub fn write_json(
    folder: &Path,
    summary: &Summary,
    timings: &[Timing],
    peak_memory_bytes: Option<u64>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&RunRecord { summary, timings, peak_memory_bytes, settings })?;
    std::fs::write(folder.join(SUMMARY_FILE), text + "\n").context("无法写入 summary.json")
}

/// What the next run needs to know.
pub fn record(child: &Child) -> ChildRecord {
    let mut sources: Vec<&str> = child.rows.iter().map(|(k, _)| k.label()).collect();
    sources.dedup();
    ChildRecord {
        key: child.key(),
        name: guard(child.name()).into_owned(),
        birth_date: child.birth_date.map(|d| d.to_string()).unwrap_or_default(),
        verdict: child.verdict.kind.code().to_owned(),
        sources: sources.join("、"),
        rows: child.rows.iter().map(|(_, r)| r.fingerprint.as_str()).collect::<Vec<_>>().join(" "),
    }
}
