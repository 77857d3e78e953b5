//! How often values stand in a list of rows.

use std::hash::Hash;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::encode::Encoded;

/// How often each value stands.
pub(super) enum Counts {
    /// Of values that are many: those of all rows, in order.
    Rows(Vec<u64>),
    /// Distinct values, in order.
    Distinct(Vec<(u64, u32)>),
    /// By value: small numbers.
    Dense(Vec<u32>),
}

/// Values of rows, of which most have their own; 0 is no value.
pub(super) fn counts(encoded: &Encoded, rows: &Range<u32>, key: &(dyn Fn(&[u32]) -> u64 + Sync)) -> Counts {
    let mut values: Vec<u64> = Vec::with_capacity(rows.len());
    values.extend(rows.clone().map(|i| key(encoded.record(i))).filter(|v| *v != 0));
    values.sort_unstable();
    Counts::Rows(values)
}

/// The same of values that are few.
pub(super) fn counts_of_few<K: Hash + Eq + Copy>(
    encoded: &Encoded,
    rows: &Range<u32>,
    key: impl Fn(&[u32]) -> Option<K>,
) -> FxHashMap<K, u32> {
    let mut out: FxHashMap<K, u32> = FxHashMap::default();
    rows.clone().filter_map(|i| key(encoded.record(i))).for_each(|k| *out.entry(k).or_default() += 1);
    out
}

/// The same of small numbers, none of them above `most`.
pub(super) fn counts_of_small(encoded: &Encoded, rows: &Range<u32>, most: usize, key: impl Fn(&[u32]) -> u32) -> Vec<u32> {
    let mut out = vec![0; most + 1];
    rows.clone().for_each(|i| out[key(encoded.record(i)) as usize] += 1);
    out[0] = 0;
    out
}

impl Counts {
    /// Adds up what stands under one value; 0 is no value.
    pub fn gather(mut counted: Vec<(u64, u32)>) -> Self {
        // stable: what is in order already, or is some stretches of it, is sorted at once
        counted.sort_by_key(|c| c.0);
        let sums = counted.chunk_by(|a, b| a.0 == b.0).map(|c| (c[0].0, c.iter().map(|e| e.1).sum()));
        Self::Distinct(sums.filter(|c| c.0 != 0).collect())
    }

    /// The values of all rows, in order.
    pub fn rows(&self) -> &[u64] {
        if let Self::Rows(values) = self { values } else { &[] }
    }

    pub fn total(&self) -> f64 {
        match self {
            Self::Rows(values) => values.len() as f64,
            Self::Distinct(values) => values.iter().map(|(_, n)| f64::from(*n)).sum(),
            Self::Dense(counts) => counts.iter().map(|n| f64::from(*n)).sum(),
        }
    }

    /// Pairs of one value, the other list having been counted in the same way.
    pub fn joined(&self, other: &Counts) -> f64 {
        match (self, other) {
            (Self::Dense(l), Self::Dense(r)) => dot(l, r),
            (Self::Rows(l), Self::Rows(r)) => merged(runs(l), runs(r)),
            (Self::Distinct(l), Self::Distinct(r)) => merged(l.iter().copied(), r.iter().copied()),
            _ => unreachable!("one comparison is counted in one way"),
        }
    }
}

/// Values and how often they stand, of values in order.
fn runs(values: &[u64]) -> impl Iterator<Item = (u64, u32)> {
    values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32))
}

fn merged(l: impl Iterator<Item = (u64, u32)>, r: impl Iterator<Item = (u64, u32)>) -> f64 {
    let mut r = r.peekable();
    let mut sum = 0.0;
    for (value, n) in l {
        while r.next_if(|o| o.0 < value).is_some() {}
        if let Some((_, m)) = r.next_if(|o| o.0 == value) {
            sum += f64::from(n) * f64::from(m);
        }
    }
    sum
}

pub(super) fn dot(l: &[u32], r: &[u32]) -> f64 {
    l.iter().zip(r).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}
