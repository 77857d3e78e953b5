//! Who seeks whom: of all records those that may find somebody.

use serde::{Deserialize, Serialize};

use super::SourceSet;
use crate::encode::Encoded;

/// The records for whose sake a stage is done: each seeks a row in some sources.
pub(super) struct Seekers<'s> {
    pub rows: Vec<u32>,
    /// By record: the sources in which it seeks.
    seeks: Seeks<'s>,
    /// By record's source: the sources in which fewer seek it than the other way round. Their keys are what the others' must be among.
    rarer: Vec<SourceSet>,
    source_of: Vec<u8>,
}

type Seeks<'s> = Box<dyn Fn(u32) -> SourceSet + Sync + 's>;

impl<'s> Seekers<'s> {
    /// `seeks`: by record, the sources in which it seeks.
    pub fn new(encoded: &Encoded, seeks: impl Fn(u32) -> SourceSet + Sync + 's) -> Self {
        let n = encoded.sources();
        let all = SourceSet::MAX >> (SourceSet::BITS as usize - n);
        let seeks: Seeks = Box::new(move |i| seeks(i) & all);
        let rows: Vec<u32> = (0..encoded.len() as u32).filter(|i| seeks(*i) != 0).collect();
        let source_of: Vec<u8> = (0..n).flat_map(|s| encoded.range(s).map(move |_| s as u8)).collect();
        let mut seekers = vec![vec![0u32; n]; n];
        for i in &rows {
            let s = usize::from(source_of[*i as usize]);
            sources_in(seeks(*i)).for_each(|t| seekers[s][t] += 1);
        }
        let rarer = |s: usize| (0..n).filter(|t| (seekers[*t][s], *t) < (seekers[s][*t], s)).fold(0, |m, t| m | 1 << t);
        let rarer = (0..n).map(rarer).collect();
        Self { rows, seeks, rarer, source_of }
    }

    fn source(&self, i: u32) -> usize {
        usize::from(self.source_of[i as usize])
    }

    /// The rows of the rarer sides.
    pub fn rarer_rows(&self) -> Vec<u32> {
        self.rows.iter().copied().filter(|i| self.sought_by_rarer(*i) != 0).collect()
    }

    fn sought_by_rarer(&self, i: u32) -> SourceSet {
        (self.seeks)(i) & !self.rarer[self.source(i)]
    }

    /// What a sieve holds for a row of the rarer side: its key, and its key by what it seeks.
    pub fn add_sought(&self, i: u32, key: u64, out: &mut Vec<u64>) {
        out.push(key);
        out.extend(sources_in(self.sought_by_rarer(i)).map(|t| between(key, self.source(i), t)));
    }

    /// Whether somebody of the key may seek the record where it seeks. One who is on the rarer side always passes.
    pub fn may_find(&self, i: u32, key: u64, sieve: &Sieve) -> bool {
        // most are seen to find nobody by one look, whichever source they seek
        let of_rarer = |t| sieve.passes(between(key, t, self.source(i)));
        self.sought_by_rarer(i) != 0 || sieve.passes(key) && sources_in((self.seeks)(i)).any(of_rarer)
    }
}

fn sources_in(mut set: SourceSet) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (next < SourceSet::BITS).then_some(next as usize)
    })
}

/// A key as one of source `s` that seeks in source `t` has it.
fn between(key: u64, s: usize, t: usize) -> u64 {
    (key ^ (s as u64) << 6 ^ t as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Lets keys pass that may be wanted: far smaller than the keys themselves.
#[derive(Serialize, Deserialize)]
pub(super) struct Sieve {
    bits: Vec<u64>,
}

impl Sieve {
    /// Places a key: one key in so many passes by accident.
    const PLACES: usize = 16;

    pub fn of(keys: &[&[u64]]) -> Self {
        let places = (keys.iter().map(|k| k.len()).sum::<usize>() * Self::PLACES).next_power_of_two().max(64);
        let mut out = Self { bits: vec![0; places / 64] };
        for key in keys.iter().copied().flatten() {
            let (at, bit) = out.place(*key);
            out.bits[at] |= bit;
        }
        out
    }

    fn place(&self, key: u64) -> (usize, u64) {
        ((key >> 14) as usize & (self.bits.len() - 1), 1 << (key >> 8 & 63))
    }

    pub fn passes(&self, key: u64) -> bool {
        let (at, bit) = self.place(key);
        self.bits[at] & bit != 0
    }
}
