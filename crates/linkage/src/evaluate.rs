//! Evaluate: how right a run was, where the truth is known.

use arrow_array::StringArray;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::run::Linkage;
use crate::table::Table;

/// Precision, recall and their harmonic mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// What was named.
    pub named: u64,
    /// What was named rightly.
    pub right: u64,
    /// What there was to name.
    pub there: u64,
    /// right / named
    pub precision: f64,
    /// right / there
    pub recall: f64,
    /// Harmonic mean.
    pub f1: f64,
}

impl Quality {
    fn new(named: u64, right: u64, there: u64) -> Self {
        let share = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        let (precision, recall) = (share(right, named), share(right, there));
        let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        Self { named, right, there, precision, recall, f1 }
    }
}

/// Quality of the links and of each list of rows without one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Accepted pairs against all pairs of rows with the same truth.
    pub pairs: Quality,
    /// Rows of each source that were neither linked nor put before a person, against those whose truth stands in no other source.
    pub unmatched: Vec<Quality>,
}

/// Compares a run with `truth`: the person behind each row, one column a source, in input order.
pub fn evaluate(linkage: &Linkage, tables: &[Table], truth: &[StringArray]) -> Evaluation {
    let person = |source: usize, rank: u32| truth[source].value(tables[source].input_row(rank as usize));
    let mut counts: FxHashMap<&str, Vec<u64>> = FxHashMap::default();
    for (s, t) in tables.iter().enumerate() {
        for rank in 0..t.len() as u32 {
            counts.entry(person(s, rank)).or_insert_with(|| vec![0; tables.len()])[s] += 1;
        }
    }
    let within = tables.len() == 1;
    let there: u64 = counts
        .values()
        .map(|c| {
            if within {
                return c[0] * c[0].saturating_sub(1) / 2;
            }
            let all: u64 = c.iter().sum();
            (all * all - c.iter().map(|n| n * n).sum::<u64>()) / 2
        })
        .sum();
    let right = linkage
        .links
        .iter()
        .filter(|l| person(l.left.source.into(), l.left.row) == person(l.right.source.into(), l.right.row))
        .count() as u64;
    let unmatched = tables
        .iter()
        .enumerate()
        .map(|(s, t)| {
            let alone = |p: &str| {
                let c = &counts[p];
                if within { c[0] == 1 } else { c.iter().enumerate().all(|(o, n)| o == s || *n == 0) }
            };
            let there = (0..t.len() as u32).filter(|r| alone(person(s, *r))).count() as u64;
            let list = &linkage.unmatched[s];
            let right = list.iter().filter(|r| alone(person(s, **r))).count() as u64;
            Quality::new(list.len() as u64, right, there)
        })
        .collect();
    Evaluation { pairs: Quality::new(linkage.links.len() as u64, right, there), unmatched }
}
