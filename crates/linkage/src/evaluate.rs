//! Evaluate: how right a run was, where the truth is known.

use arrow_array::StringArray;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::absent::Absent;
use crate::run::{Linkage, Member};
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
    /// right / there; those that were named twice count once
    pub recall: f64,
    /// Harmonic mean.
    pub f1: f64,
}

impl Quality {
    fn new(named: u64, right: u64, there: u64) -> Self {
        Self::with_found(named, right, right, there)
    }

    /// Where not each that is named rightly is another: `found` of those that there are.
    fn with_found(named: u64, right: u64, found: u64, there: u64) -> Self {
        let share = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        let (precision, recall) = (share(right, named), share(found, there));
        let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        Self { named, right, there, precision, recall, f1 }
    }
}

/// Quality of the links and of each list of rows without one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Accepted pairs against all pairs of rows with the same truth.
    pub pairs: Quality,
    /// 候选召回率 (candidate recall): the share of all pairs of rows with the same truth which the rules proposed and which were not plainly
    /// two children's.
    pub candidate_recall: f64,
    /// Rows of each source that were neither linked nor put before a person, against those whose truth stands in no other source.
    pub unmatched: Vec<Quality>,
}

/// The person behind each row, one column a source, in input order.
pub struct Truth(pub Vec<StringArray>);

impl Truth {
    fn person(&self, tables: &[Table], source: usize, rank: u32) -> &str {
        self.0[source].value(tables[source].input_row(rank as usize))
    }

    /// Whether two rows are one person.
    pub fn is_one(&self, tables: &[Table], left: Member, right: Member) -> bool {
        let person = |m: Member| self.person(tables, m.source.into(), m.row);
        person(left) == person(right)
    }
}

/// Compares a list of children of `base` who are not in `source` with the truth: a child is rightly there if none of its rows is of a
/// person who is. There are as many to name as persons.
pub fn evaluate_absent(absent: &Absent, source: u16, base: u16, tables: &[Table], truth: &Truth) -> Quality {
    let persons = |s: usize| (0..tables[s].len() as u32).map(move |row| truth.person(tables, s, row));
    let present: FxHashSet<&str> = persons(source.into()).collect();
    let is_right = |child: &&[Member]| child.iter().all(|m| !present.contains(truth.person(tables, m.source.into(), m.row)));
    let missing: FxHashSet<&str> = persons(base.into()).filter(|p| !present.contains(p)).collect();
    let right: Vec<&[Member]> = absent.children.iter().filter(is_right).collect();
    let of_base = right.iter().copied().flatten().filter(|m| m.source == base);
    let found: FxHashSet<&str> = of_base.map(|m| truth.person(tables, m.source.into(), m.row)).collect();
    Quality::with_found(absent.children.len() as u64, right.len() as u64, found.len() as u64, missing.len() as u64)
}

/// Compares a run with the truth. `candidates`: how many of those that the [`Observer`](crate::Observer) was told of are one person.
pub fn evaluate(linkage: &Linkage, tables: &[Table], truth: &Truth, candidates: u64) -> Evaluation {
    let person = |source: usize, rank: u32| truth.person(tables, source, rank);
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
    let right = linkage.links.iter().filter(|l| truth.is_one(tables, l.left, l.right)).count() as u64;
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
    Evaluation {
        pairs: Quality::new(linkage.links.len() as u64, right, there),
        candidate_recall: Quality::new(candidates, candidates, there).recall,
        unmatched,
    }
}
