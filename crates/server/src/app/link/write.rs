//! The answer as files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use baoxue_linkage::{Link, Linkage, Table};
use rayon::prelude::*;
use serde::Serialize;

use super::Outcome;

/// Writes every list but `run.json`.
pub fn all(out: &Path, tables: &[Table], linkage: &Linkage) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("无法建立输出文件夹 {}", out.display()))?;
    let (pairs, rest) = rayon::join(
        || pairs(&out.join("pairs.csv"), &linkage.links, tables, linkage),
        || -> anyhow::Result<()> {
            pairs(&out.join("review.csv"), &linkage.review, tables, linkage)?;
            clusters(&out.join("clusters.csv"), tables, linkage)?;
            for (i, t) in tables.iter().enumerate() {
                let (file, heading) = match i {
                    0 => ("unmatched_left.csv".to_owned(), "left_id"),
                    1 => ("unmatched_right.csv".to_owned(), "right_id"),
                    _ => (format!("unmatched_right_{i}.csv"), "right_id"),
                };
                write_file(&out.join(file), |w| {
                    writeln!(w, "{heading}")?;
                    linkage.unmatched[i].iter().try_for_each(|r| writeln!(w, "{}", field(t.id(*r as usize))))
                })?;
            }
            Ok(())
        },
    );
    pairs.and(rest)
}

fn pairs(path: &Path, links: &[Link], tables: &[Table], linkage: &Linkage) -> anyhow::Result<()> {
    let many = tables.len() > 2;
    let lines: Vec<String> = links
        .par_chunks(4096)
        .map(|chunk| {
            use std::fmt::Write as _;
            let mut s = String::with_capacity(chunk.len() * 64);
            for l in chunk {
                let (left, right) = (&tables[usize::from(l.left.source)], &tables[usize::from(l.right.source)]);
                let rule = l.rule.map_or("人工认定", |r| linkage.rules[usize::from(r)].as_str());
                let _ = write!(
                    s,
                    "{},{},{:.6},{:.3},{},{}",
                    field(left.id(l.left.row as usize)),
                    field(right.id(l.right.row as usize)),
                    l.probability,
                    l.weight,
                    field(rule),
                    linkage.pattern(l)
                );
                if many {
                    let _ = write!(s, ",{},{}", field(&left.name), field(&right.name));
                }
                s.push('\n');
            }
            s
        })
        .collect();
    write_file(path, |w| {
        let sources = if many { ",left_source,right_source" } else { "" };
        writeln!(w, "left_id,right_id,probability,weight,rule,pattern{sources}")?;
        lines.iter().try_for_each(|l| w.write_all(l.as_bytes()))
    })
}

fn clusters(path: &Path, tables: &[Table], linkage: &Linkage) -> anyhow::Result<()> {
    write_file(path, |w| {
        writeln!(w, "cluster_id,source,record_id")?;
        for (i, c) in linkage.clusters.iter().enumerate() {
            for m in &c.members {
                let t = &tables[usize::from(m.source)];
                writeln!(w, "{},{},{}", i + 1, field(&t.name), field(t.id(m.row as usize)))?;
            }
        }
        Ok(())
    })
}

fn write_file(path: &Path, body: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    let place = || format!("无法写入 {}", path.display());
    let mut w = BufWriter::with_capacity(1 << 20, File::create(path).with_context(place)?);
    body(&mut w).with_context(place)?;
    w.flush().with_context(place)
}

/// A CSV field, quoted where it must be.
fn field(s: &str) -> std::borrow::Cow<'_, str> {
    if s.contains([',', '"', '\n', '\r']) { format!("\"{}\"", s.replace('"', "\"\"")).into() } else { s.into() }
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
    evaluation: Option<&'a baoxue_linkage::evaluate::Evaluation>,
    counts: &'a baoxue_linkage::Counts,
    capped_blocks: &'a [baoxue_linkage::CappedBlock],
    timings: &'a [super::Timing],
    peak_memory_bytes: Option<u64>,
    settings_inferred: bool,
    settings: &'a baoxue_linkage::Settings,
    comparisons: Vec<Comparison<'a>>,
    models: &'a [baoxue_linkage::Model],
    left_over_models: &'a [baoxue_linkage::Model],
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
        evaluation: outcome.evaluation.as_ref(),
        counts: &l.counts,
        capped_blocks: &l.capped,
        timings: &outcome.timings,
        peak_memory_bytes: outcome.peak_memory_bytes,
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
