//! How often values stand in a list of rows.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::encode::Encoded;
use crate::frequency::count;

/// How often each value stands.
pub(super) enum Counts {
    /// Of values that are many: those of all rows, in order.
    Rows(Vec<u64>),
    /// By distinct value.
    Distinct(FxHashMap<u64, u32>),
    /// By value: small numbers.
    Dense(Vec<u32>),
}

/// Records that are read together, by one thing that is counted after the other: they stay near.
const ROWS_AT_ONCE: usize = 512;

/// What is counted of the rows of a source while they are read.
pub(super) enum Reading<'e> {
    /// Values of which most rows have their own; 0 is none.
    Own(Of<'e, u64>, Vec<u64>),
    /// Values that are few; none is not counted.
    Few(Of<'e, Option<Few>>, FxHashMap<Few, u32>),
    /// The small numbers that stand at a place; 0 is none. A date of the year 9999, the largest there is, costs 20 MB.
    Small(usize, Vec<u32>),
}

/// What a record says.
type Of<'e, V> = Box<dyn Fn(&[u32]) -> V + Send + Sync + 'e>;

/// A value of which there are few.
pub(super) type Few = (u64, u64);

impl<'e> Reading<'e> {
    pub fn own(value: impl Fn(&[u32]) -> u64 + Send + Sync + 'e) -> Self {
        Self::Own(Box::new(value), Vec::new())
    }

    pub fn few(value: impl Fn(&[u32]) -> Option<Few> + Send + Sync + 'e) -> Self {
        Self::Few(Box::new(value), FxHashMap::default())
    }

    /// Reads the rows of a source for all that is counted.
    pub fn all(encoded: &Encoded, rows: &Range<u32>, mut readings: Vec<&mut Self>) {
        for reading in &mut readings {
            if let Self::Own(_, values) = reading {
                values.reserve(rows.len());
            }
        }
        for first in rows.clone().step_by(ROWS_AT_ONCE) {
            let some = first..rows.end.min(first + ROWS_AT_ONCE as u32);
            readings.iter_mut().for_each(|reading| reading.read(some.clone().map(|i| encoded.record(i))));
        }
    }

    fn read<'r>(&mut self, records: impl Iterator<Item = &'r [u32]>) {
        match self {
            Self::Own(value, values) => values.extend(records.map(value).filter(|v| *v != 0)),
            Self::Few(value, counts) => records.filter_map(value).for_each(|v| *counts.entry(v).or_default() += 1),
            Self::Small(at, counts) => records.for_each(|r| count(counts, r[*at])),
        }
    }

    pub fn counts(self) -> Counts {
        match self {
            Self::Own(_, mut values) => {
                values.sort_unstable();
                Counts::Rows(values)
            }
            Self::Small(_, mut counts) => {
                counts.iter_mut().take(1).for_each(|none| *none = 0);
                Counts::Dense(counts)
            }
            Self::Few(..) => unreachable!("asked for as values"),
        }
    }

    /// Of small numbers: those that stand somewhere, in order.
    pub fn small_numbers(self) -> Vec<(u32, u32)> {
        let Self::Small(_, counts) = self else { return Vec::new() };
        (0..).zip(counts).skip(1).filter(|(_, n)| *n > 0).collect()
    }

    /// Of values that are few, in order.
    pub fn values(self) -> Vec<(Few, u32)> {
        let Self::Few(_, counts) = self else { return Vec::new() };
        let mut values: Vec<(Few, u32)> = counts.into_iter().collect();
        values.sort_unstable();
        values
    }
}

impl Counts {
    /// Adds up what stands under one value; 0 is no value.
    pub fn gather(counted: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut sums = FxHashMap::default();
        counted.filter(|(value, _)| *value != 0).for_each(|(value, n)| *sums.entry(value).or_default() += n);
        Self::Distinct(sums)
    }

    /// The values of all rows, in order.
    pub fn rows(&self) -> &[u64] {
        if let Self::Rows(values) = self { values } else { &[] }
    }

    pub fn total(&self) -> f64 {
        match self {
            Self::Rows(values) => values.len() as f64,
            Self::Distinct(values) => values.values().map(|n| f64::from(*n)).sum(),
            Self::Dense(counts) => counts.iter().map(|n| f64::from(*n)).sum(),
        }
    }

    /// Pairs of one value, the other list having been counted in the same way.
    pub fn joined(&self, other: &Counts) -> f64 {
        match (self, other) {
            (Self::Dense(l), Self::Dense(r)) => dot(l, r),
            (Self::Rows(l), Self::Rows(r)) => joined(l.iter().copied(), r.iter().copied()),
            (Self::Distinct(l), Self::Distinct(r)) => {
                let (few, many) = if l.len() < r.len() { (l, r) } else { (r, l) };
                few.iter().filter_map(|(value, n)| Some(f64::from(*n) * f64::from(*many.get(value)?))).sum()
            }
            _ => unreachable!("one comparison is counted in one way"),
        }
    }
}

/// Pairs of one value, of values in order.
pub(super) fn joined(l: impl Iterator<Item = u64>, r: impl Iterator<Item = u64>) -> f64 {
    let mut r = runs(r).peekable();
    let mut sum = 0.0;
    for (value, n) in runs(l) {
        while r.next_if(|o| o.0 < value).is_some() {}
        if let Some((_, m)) = r.next_if(|o| o.0 == value) {
            sum += f64::from(n) * f64::from(m);
        }
    }
    sum
}

/// Values and how often they stand, of values in order.
fn runs(values: impl Iterator<Item = u64>) -> impl Iterator<Item = (u64, u32)> {
    let mut values = values.peekable();
    std::iter::from_fn(move || {
        let value = values.next()?;
        let mut count = 1;
        while values.next_if_eq(&value).is_some() {
            count += 1;
        }
        Some((value, count))
    })
}

pub(super) fn dot(l: &[u32], r: &[u32]) -> f64 {
    l.iter().zip(r).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}
