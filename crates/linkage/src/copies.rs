//! 一人两行、两人两行 (copies): what two rows of one register say for certain, whatever the model has learned. Two different sound numbers
//! are never one child; one sound number under one name, or two rows alike in everything, are one.

use rayon::prelude::*;

use crate::encode::{Comparator, Encoded, wide};
use crate::field::{name, national_id};

/// Rows of so many copies are all paired with one another; of more, each with the first.
const PAIRED_WITH_ALL: usize = 64;
/// Things that two rows without a sound number must have in common to be alike in everything: name, birth date and two more.
const ALIKE_IN: usize = 4;

/// The child's own citizen numbers, and its own names, in a record.
pub(crate) struct Own {
    ids: Vec<usize>,
    names: Vec<usize>,
    dates: Vec<usize>,
}

impl Own {
    pub fn of(e: &Encoded) -> Self {
        let mut out = Self { ids: Vec::new(), names: Vec::new(), dates: Vec::new() };
        for (i, c) in e.comparisons.iter().enumerate().filter(|(_, c)| !c.household) {
            match c.comparator {
                Comparator::NationalId { at } => out.ids.push(at),
                Comparator::Name { .. } => out.names.push(i),
                Comparator::Date { .. } => out.dates.push(i),
                _ => {}
            }
        }
        out
    }

    /// The sound number of a record; 0 for none.
    fn number(&self, record: &[u32]) -> u64 {
        let sound = |at: &usize| Some(wide(record, *at)).filter(|id| national_id::is_sound(*id));
        self.ids.iter().find_map(sound).unwrap_or(0)
    }

    /// Whether two rows have different sound numbers.
    pub fn tells_apart(&self, e: &Encoded, a: u32, b: u32) -> bool {
        let (x, y) = (self.number(e.record(a)), self.number(e.record(b)));
        x != 0 && y != 0 && x != y
    }

    /// Whether two rows of one source are one child beyond doubt.
    pub fn are_copies(&self, e: &Encoded, a: u32, b: u32) -> bool {
        let (x, y) = (e.record(a), e.record(b));
        let number = self.number(x);
        if number != self.number(y) {
            return false;
        }
        if number != 0 { self.one_name(e, x, y) } else { self.alike(e, x, y) }
    }

    fn one_name(&self, e: &Encoded, x: &[u32], y: &[u32]) -> bool {
        let level = |i: &usize| e.comparisons[*i].comparator.level(&e.fields, x, y);
        self.names.iter().all(|i| name::IS_ONE.contains(&level(i)))
    }

    fn alike(&self, e: &Encoded, x: &[u32], y: &[u32]) -> bool {
        let says = |i: &usize| e.comparisons[*i].comparator.level(&e.fields, x, x) != 0;
        let told = (0..e.comparisons.len()).filter(|i| says(i)).count();
        x == y && told >= ALIKE_IN && !self.names.is_empty() && self.names.iter().all(says) && self.dates.iter().any(says)
    }

    /// Pairs of rows of one source that are one child beyond doubt, the smaller number first.
    pub fn copies(&self, e: &Encoded) -> Vec<(u32, u32)> {
        let of_source = |source: usize| {
            let proper = |i: &u32| e.proper(*i) == *i;
            let key = |i: u32| {
                let record = e.record(i);
                match self.number(record) {
                    0 => digest(record),
                    number => number,
                }
            };
            let mut keyed: Vec<(u64, u32)> = e.range(source).into_par_iter().filter(proper).map(|i| (key(i), i)).collect();
            keyed.par_sort_unstable();
            let groups = keyed.par_chunk_by(|a, b| a.0 == b.0).filter(|g| g.len() > 1);
            groups.flat_map_iter(|g| self.pairs_of(e, g)).collect::<Vec<_>>()
        };
        let mut out: Vec<(u32, u32)> = (0..e.sources()).flat_map(of_source).collect();
        out.par_sort_unstable();
        out
    }

    fn pairs_of(&self, e: &Encoded, group: &[(u64, u32)]) -> Vec<(u32, u32)> {
        let firsts = if group.len() > PAIRED_WITH_ALL { 1 } else { group.len() };
        let pairs = (0..firsts).flat_map(|i| (i + 1..group.len()).map(move |j| (group[i].1, group[j].1)));
        pairs.filter(|(a, b)| self.are_copies(e, *a, *b)).collect()
    }
}

/// A digest of a record, never that of a sound number's mark alone.
fn digest(record: &[u32]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    record.iter().for_each(|w| hasher.write_u32(*w));
    hasher.finish()
}
