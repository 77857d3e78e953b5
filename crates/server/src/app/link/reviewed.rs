//! 人工认定 for `link`: the program's own `review.csv` or `pairs.csv` with a column in which people said what they found, and how well the
//! program's probabilities agree with them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use baoxue_linkage::{Decision, Judgement, Table};
use serde::Serialize;

/// Headings of the column that people fill in.
const VERDICT: [&str; 2] = ["decision", "认定"];
/// Most decisions of a file: nobody reviews more.
const MAX_DECISIONS: usize = 1_000_000;

/// What people said.
#[derive(Default)]
pub struct Said {
    pub decisions: Vec<Decision>,
    /// Of these, with the probability that stood beside the pair when it was decided.
    pub judged: Vec<Judged>,
    /// About rows that are no longer there.
    pub outdated: usize,
    /// Left open.
    pub blank: usize,
}

/// A decided pair: what the program thought of it, and what a person found.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    pub probability: f64,
    pub same: bool,
}

/// Reads files of decisions; of two about one pair the later counts.
pub fn read(files: &[PathBuf], tables: &[Table]) -> anyhow::Result<Said> {
    let mut said = Said::default();
    let mut known = std::collections::BTreeMap::new();
    for file in files {
        read_file(file, tables, &mut said, &mut known)?;
    }
    for ((left, right), (judgement, probability)) in known {
        said.judged.extend(probability.map(|probability| Judged { probability, same: judgement == Judgement::Same }));
        said.decisions.push(Decision { left, right, judgement });
    }
    Ok(said)
}

type Row = (usize, String);
type Known = std::collections::BTreeMap<(Row, Row), (Judgement, Option<f64>)>;

fn read_file(path: &Path, tables: &[Table], said: &mut Said, known: &mut Known) -> anyhow::Result<()> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("无法读取认定表 {name}"))?;
    let text = baoxue_documents::text::decode(bytes).with_context(|| format!("认定表 {name} 不是文本;请存为 CSV"))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let head = reader.headers().with_context(|| format!("认定表 {name} 的表头读不出来"))?.clone();
    let column = |names: &[&str]| head.iter().position(|h| names.contains(&h.trim()));
    let (Some(left), Some(right), Some(verdict)) = (column(&["left_id"]), column(&["right_id"]), column(&VERDICT)) else {
        bail!("{name} 不是认定表:要有 left_id、right_id 和 decision 三列;请在比对结果的 review.csv 后面加一列 decision 填写");
    };
    let probability = column(&["probability"]);
    let (left_source, right_source) = (column(&["left_source"]), column(&["right_source"]));
    let source = |row: &csv::StringRecord, at: Option<usize>, usual: usize| match at {
        Some(i) => tables.iter().position(|t| t.name == row[i].trim()),
        None => Some(usual.min(tables.len() - 1)),
    };
    for (i, row) in reader.records().enumerate() {
        let row = row.with_context(|| format!("{name} 第 {} 行读不出来", i + 2))?;
        let cell = |at: usize| row.get(at).unwrap_or("").trim();
        if i >= MAX_DECISIONS {
            bail!("{name} 超过 {MAX_DECISIONS} 行");
        }
        let judgement = match cell(verdict) {
            "" | "待定" => {
                said.blank += 1;
                continue;
            }
            "same" | "同一人" | "是" | "1" => Judgement::Same,
            "different" | "不是同一人" | "非同一人" | "否" | "0" => Judgement::Different,
            other => bail!("{name} 第 {} 行写的是“{other}”;请写 same(同一人)或 different(不是同一人),或留空", i + 2),
        };
        if [left_source, right_source].into_iter().flatten().any(|at| row.get(at).is_none()) {
            bail!("{name} 第 {} 行缺列", i + 2);
        }
        let side =
            |at: usize, s: Option<usize>| s.filter(|s| tables[*s].rank(cell(at)).is_some()).map(|s| (s, cell(at).to_owned()));
        let sides = side(left, source(&row, left_source, 0)).zip(side(right, source(&row, right_source, 1)));
        match sides {
            Some(pair) => {
                known.insert(pair, (judgement, probability.and_then(|p| cell(p).parse().ok())));
            }
            None => said.outdated += 1,
        }
    }
    Ok(())
}

/// Of decided pairs: how many of a band of probability are one child, as people found and as the program expected.
#[derive(Debug, Serialize, PartialEq)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub decided: usize,
    pub same: usize,
    /// Mean probability.
    pub expected: f64,
}

/// Bands of probability in which decided pairs are counted.
const BANDS: [f64; 9] = [0.0, 0.3, 0.4, 0.5, 0.6, 0.8, 0.95, 0.999, 1.0];

/// Reliability of the probabilities, by what people said. Bands without decisions are left out.
pub fn reliability(judged: &[Judged]) -> Vec<Band> {
    let band = |from: f64, to: f64| {
        let of: Vec<&Judged> = judged.iter().filter(|j| j.probability >= from && (j.probability < to || to == 1.0)).collect();
        let decided = of.len();
        let expected = of.iter().map(|j| j.probability).sum::<f64>() / decided.max(1) as f64;
        Band { from, to, decided, same: of.iter().filter(|j| j.same).count(), expected }
    };
    BANDS.windows(2).map(|w| band(w[0], w[1])).filter(|b| b.decided > 0).collect()
}

/// A share with the range in which it lies nineteen times of twenty (Wilson 1927).
pub fn range(same: usize, decided: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    let (n, p) = (decided.max(1) as f64, same as f64 / decided.max(1) as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    ((middle - half) / scale, (middle + half) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decided_pairs_are_counted_by_band() {
        let judged = |probability, same| Judged { probability, same };
        let all = [judged(0.35, true), judged(0.31, false), judged(1.0, true), judged(0.999, true), judged(0.55, false)];
        let bands = reliability(&all);
        let seen: Vec<(f64, usize, usize)> = bands.iter().map(|b| (b.from, b.decided, b.same)).collect();
        assert_eq!(seen, [(0.3, 2, 1), (0.5, 1, 0), (0.999, 2, 2)]);
        assert!((bands[0].expected - 0.33).abs() < 1e-9);
    }

    #[test]
    fn ranges_hold_the_share() {
        for (same, decided) in [(0, 10), (5, 10), (10, 10), (970, 1000)] {
            let (low, high) = range(same, decided);
            let p = same as f64 / decided as f64;
            assert!((-1e-9..=p + 1e-9).contains(&low) && high >= p - 1e-9 && high <= 1.0 + 1e-9, "{low} {p} {high}");
        }
        let (few, many) = (range(5, 10), range(500, 1000));
        assert!(few.1 - few.0 > many.1 - many.0);
    }
}
