//! The answer as files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use baoxue_linkage::evaluate::Quality;
use baoxue_linkage::{Absent, Clusters, Link, Linkage, Member, Table};
use rayon::prelude::*;
use serde::Serialize;

use super::{AbsentFrom, Outcome};

/// Writes every list but `run.json`.
pub fn all(out: &Path, tables: &[Table], linkage: &Linkage, absent: &[AbsentFrom]) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("无法建立输出文件夹 {}", out.display()))?;
    remove_old_lists(out)?;
    let sources: Vec<Rows> = tables.iter().map(Rows::of).collect();
    let (pairs, rest) = rayon::join(
        || pairs(&out.join("pairs.csv"), &linkage.links, &sources, linkage),
        || -> anyhow::Result<()> {
            pairs(&out.join("review.csv"), &linkage.review, &sources, linkage)?;
            children(&out.join("clusters.csv"), "cluster_id", &sources, &linkage.clusters)?;
            for a in absent {
                children(&out.join(&a.file), "child", &sources, &a.list.children)?;
            }
            for (i, source) in sources.iter().enumerate() {
                let heading = if i == 0 { "left_id" } else { "right_id" };
                write_file(&out.join(format!("{UNMATCHED}{}.csv", side(i))), |w| {
                    writeln!(w, "{heading}")?;
                    linkage.unmatched[i].iter().try_for_each(|r| writeln!(w, "{}", source.id(*r)))
                })?;
            }
            Ok(())
        },
    );
    pairs.and(rest)
}

/// The rows of a source as they are written.
struct Rows<'t> {
    table: &'t Table,
    name: Cow<'t, str>,
    /// No record id need be quoted.
    plain: bool,
}

impl<'t> Rows<'t> {
    fn of(table: &'t Table) -> Self {
        Self { table, name: field(&table.name), plain: is_plain(table.ids_as_bytes()) }
    }

    fn id(&self, row: u32) -> Cow<'t, str> {
        let id = self.table.id(row as usize);
        if self.plain { id.into() } else { field(id) }
    }
}

fn pairs(path: &Path, links: &[Link], sources: &[Rows], linkage: &Linkage) -> anyhow::Result<()> {
    let many = sources.len() > 2;
    let rules: Vec<Cow<str>> = linkage.rules.iter().map(|r| field(r)).collect();
    let line = |s: &mut Vec<u8>, l: &Link| {
        let [left, right] = [l.left, l.right].map(|m| &sources[usize::from(m.source)]);
        s.extend_from_slice(left.id(l.left.row).as_bytes());
        s.push(b',');
        s.extend_from_slice(right.id(l.right.row).as_bytes());
        s.push(b',');
        decimal(s, l.probability, 6);
        s.push(b',');
        decimal(s, l.weight.into(), 3);
        s.push(b',');
        s.extend_from_slice(l.rule.map_or("人工认定", |r| &rules[usize::from(r)]).as_bytes());
        s.push(b',');
        s.extend(linkage.levels(l).map(|level| b"0123456789abcdef"[usize::from(level & 15)]));
        if many {
            for source in [left, right] {
                s.push(b',');
                s.extend_from_slice(source.name.as_bytes());
            }
        }
        s.push(b'\n');
    };
    let fetch = |some: &[Link]| {
        for (i, source) in sources.iter().enumerate() {
            let of = |m: Member| (usize::from(m.source) == i).then_some(m.row as usize);
            source.table.fetch(some.iter().flat_map(|l| [l.left, l.right]).filter_map(of));
        }
    };
    let more = if many { ",left_source,right_source" } else { "" };
    lines(path, &format!("left_id,right_id,probability,weight,rule,pattern{more}"), links, &fetch, &line)
}

/// A number with so many decimal places, at most six.
fn decimal(s: &mut Vec<u8>, value: f64, places: usize) {
    let scale = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000][places];
    let scaled = (value * f64::from(scale)).round() as i64;
    let (whole, rest) = (scaled.unsigned_abs() / scale as u64, scaled.unsigned_abs() % scale as u64);
    if scaled < 0 {
        s.push(b'-');
    }
    digits(s, whole, 1);
    s.push(b'.');
    digits(s, rest, places);
}

/// The digits of a number, filled up with zeros.
fn digits(s: &mut Vec<u8>, mut n: u64, least: usize) {
    let mut out = [b'0'; 20];
    let mut at = out.len();
    while n > 0 || out.len() - at < least {
        at -= 1;
        out[at] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    s.extend_from_slice(&out[at..]);
}

/// Writes a file line by line; some thousand lines are made at a time, on all cores.
/// `fetch` is told of the things for which lines are needed next.
fn lines<T: Sync>(
    path: &Path,
    head: &str,
    all: &[T],
    fetch: &(dyn Fn(&[T]) + Sync),
    line: &(dyn Fn(&mut Vec<u8>, &T) + Sync),
) -> anyhow::Result<()> {
    write_file(path, |w| {
        writeln!(w, "{head}")?;
        for some in all.chunks(LINES_AT_ONCE * LINES_OF_ONE) {
            let texts: Vec<Vec<u8>> = some
                .par_chunks(LINES_OF_ONE)
                .map(|part| {
                    let mut s = Vec::with_capacity(part.len() * 80);
                    for some in part.chunks(LINES_FETCHED) {
                        fetch(some);
                        some.iter().for_each(|l| line(&mut s, l));
                    }
                    s
                })
                .collect();
            texts.iter().try_for_each(|t| w.write_all(t))?;
        }
        Ok(())
    })
}

/// Lines that one thread makes at a time, and how many such stretches are in memory.
const LINES_OF_ONE: usize = 4096;
const LINES_AT_ONCE: usize = 32;
/// Lines whose ids are fetched from memory together.
const LINES_FETCHED: usize = 64;

/// Begins the names of the lists of those who are not on a source, and of rows in no pair.
const ABSENT: &str = "absent_from_";
const UNMATCHED: &str = "unmatched_";

/// How the lists of a source are named: by its place among the files, which may have names of any length, or the same.
fn side(source: usize) -> String {
    match source {
        0 => "left".to_owned(),
        1 => "right".to_owned(),
        _ => format!("right_{source}"),
    }
}

/// Name of the list of those who are not on a source.
pub fn absent_file(source: u16) -> String {
    format!("{ABSENT}{}.csv", side(source.into()))
}

/// A list that this run does not make must not be taken for one of it.
fn remove_old_lists(out: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let of = name.strip_prefix(ABSENT).or_else(|| name.strip_prefix(UNMATCHED)).and_then(|n| n.strip_suffix(".csv"));
        let is_number = |n: &str| n.parse::<u16>().is_ok();
        if of.is_some_and(|of| matches!(of, "left" | "right") || of.strip_prefix("right_").is_some_and(is_number)) {
            std::fs::remove_file(entry.path()).with_context(|| format!("无法删去旧名单 {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Children, a line for each of their rows.
fn children(path: &Path, heading: &str, sources: &[Rows], all: &Clusters) -> anyhow::Result<()> {
    let numbers: Vec<u32> = (0..all.len() as u32).collect();
    let fetch = |some: &[u32]| {
        for (i, source) in sources.iter().enumerate() {
            let of = |m: &Member| (usize::from(m.source) == i).then_some(m.row as usize);
            source.table.fetch(some.iter().flat_map(|c| all.get(*c as usize)).filter_map(of));
        }
    };
    lines(path, &format!("{heading},source,record_id"), &numbers, &fetch, &|s: &mut Vec<u8>, i| {
        for m in all.get(*i as usize) {
            let source = &sources[usize::from(m.source)];
            digits(s, u64::from(*i) + 1, 1);
            for text in [",", &source.name, ",", &source.id(m.row), "\n"] {
                s.extend_from_slice(text.as_bytes());
            }
        }
    })
}

fn write_file(path: &Path, body: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    let place = || format!("无法写入 {}", path.display());
    let mut w = BufWriter::with_capacity(1 << 16, File::create(path).with_context(place)?);
    body(&mut w).with_context(place)?;
    w.flush().with_context(place)
}

/// A CSV field, quoted where it must be.
fn field(s: &str) -> Cow<'_, str> {
    if is_plain(s.as_bytes()) { s.into() } else { format!("\"{}\"", s.replace('"', "\"\"")).into() }
}

fn is_plain(text: &[u8]) -> bool {
    memchr::memchr3(b',', b'"', b'\n', text).is_none() && memchr::memchr(b'\r', text).is_none()
}

#[derive(Serialize)]
struct RunJson<'a> {
    version: &'static str,
    sources: BTreeMap<&'a str, usize>,
    links: usize,
    review: usize,
    clusters: usize,
    unmatched: BTreeMap<&'a str, usize>,
    estimated_precision: f64,
    unmatched_precision: BTreeMap<&'a str, f64>,
    /// Who is on the first source and not on another, where that was asked: by file of the list.
    absent: BTreeMap<&'a str, AbsentJson>,
    evaluation: Option<&'a baoxue_linkage::evaluate::Evaluation>,
    counts: &'a baoxue_linkage::Counts,
    capped_blocks: &'a [baoxue_linkage::CappedBlock],
    timings: &'a [super::Timing],
    peak_memory_bytes: Option<u64>,
    /// Of pairs that people decided: what they found, by the probability that stood beside the pair.
    reliability: Vec<super::reviewed::Band>,
    decisions_used: usize,
    settings_inferred: bool,
    settings: &'a baoxue_linkage::Settings,
    comparisons: Vec<Comparison<'a>>,
    models: &'a [baoxue_linkage::Model],
    left_over_models: &'a [baoxue_linkage::Model],
}

#[derive(Serialize)]
struct AbsentJson {
    children: usize,
    in_review: usize,
    precision: f64,
    quality: Option<Quality>,
}

#[derive(Serialize)]
struct Comparison<'a> {
    name: &'a str,
    levels: BTreeMap<usize, &'a str>,
}

/// Writes `run.json`: everything that explains the run.
pub fn run_json(out: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let l = &outcome.linkage;
    let by_name = |n: &dyn Fn(usize) -> usize| outcome.table_names.iter().enumerate().map(|(i, t)| (t.as_str(), n(i))).collect();
    let json = RunJson {
        version: env!("CARGO_PKG_VERSION"),
        sources: by_name(&|i| l.counts.rows[i]),
        links: l.links.len(),
        review: l.review.len(),
        clusters: l.clusters.len(),
        unmatched: by_name(&|i| l.unmatched[i].len()),
        estimated_precision: l.estimated_precision,
        unmatched_precision: outcome.table_names.iter().map(String::as_str).zip(l.unmatched_precision.iter().copied()).collect(),
        absent: outcome
            .absent
            .iter()
            .map(|a| {
                let Absent { children, in_review, precision } = &a.list;
                let json =
                    AbsentJson { children: children.len(), in_review: *in_review, precision: *precision, quality: a.quality };
                (a.file.as_str(), json)
            })
            .collect(),
        evaluation: outcome.evaluation.as_ref(),
        counts: &l.counts,
        capped_blocks: &l.capped,
        timings: &outcome.timings,
        peak_memory_bytes: outcome.peak_memory_bytes,
        reliability: super::reviewed::reliability(&outcome.said.judged),
        decisions_used: outcome.said.decisions.len(),
        settings_inferred: outcome.inferred,
        settings: &outcome.settings,
        comparisons: l
            .comparisons
            .iter()
            .map(|(name, levels)| Comparison {
                name,
                levels: std::iter::once((0, "missing")).chain(levels.iter().enumerate().map(|(i, s)| (i + 1, *s))).collect(),
            })
            .collect(),
        models: &l.models,
        left_over_models: &l.left_over_models,
    };
    let text = serde_json::to_string_pretty(&json)?;
    write_file(&out.join("run.json"), |w| writeln!(w, "{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for (value, places, expected) in [
            (0.9999996, 6, "1.000000"),
            (0.05, 6, "0.050000"),
            (-3.0004, 3, "-3.000"),
            (-3.0006, 3, "-3.001"),
            (12.3456, 3, "12.346"),
            (-0.0001, 3, "0.000"),
        ] {
            let mut s = Vec::new();
            decimal(&mut s, value, places);
            assert_eq!(s, expected.as_bytes());
        }
    }
}
