//! Who seeks whom: of all records those that may find somebody.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{SourceSet, Wanted};
use crate::encode::Encoded;

/// Rows that one thread looks at, at a time.
const ROWS_AT_ONCE: usize = 1 << 14;

/// The records for whose sake a stage is done: each seeks a row in some sources.
pub(super) struct Seekers<'s> {
    encoded: &'s Encoded,
    wanted: Wanted<'s>,
    /// By source: the sources in which fewer seek it than the other way round. Their keys are what its own must be among.
    fewer: Vec<SourceSet>,
    /// Records on the rarer side of what they seek.
    pub rarer: Vec<u32>,
    /// The other ones, far more.
    pub others: Vec<u32>,
}

impl<'s> Seekers<'s> {
    /// Of a stage in which records seek; `None` where all pairs of some blocks are compared.
    pub fn of(encoded: &'s Encoded, wanted: Wanted<'s>) -> Option<Self> {
        if matches!(wanted, Wanted::All | Wanted::Either(..)) {
            return None;
        }
        let n = encoded.sources();
        let mut seekers = vec![0u32; n * n];
        for s in 0..n {
            let count = |mut of: Vec<u32>, i: u32| {
                sources_in(wanted.sought(i, n)).for_each(|t| of[t] += 1);
                of
            };
            let none = || vec![0u32; n];
            let add = |a: Vec<u32>, b: Vec<u32>| a.iter().zip(&b).map(|(a, b)| a + b).collect();
            let of = encoded.range(s).into_par_iter().with_min_len(ROWS_AT_ONCE).fold(none, count).reduce(none, add);
            seekers[s * n..][..n].copy_from_slice(&of);
        }
        let are_fewer = |t: usize, s: usize| (seekers[t * n + s], t) < (seekers[s * n + t], s);
        let fewer = (0..n).map(|s| (0..n).filter(|t| are_fewer(*t, s)).fold(0, |m, t| m | 1 << t)).collect();
        let mut out = Self { encoded, wanted, fewer, rarer: Vec::new(), others: Vec::new() };
        for s in 0..n {
            let side = |rarer: bool| -> Vec<u32> {
                let of_side = |i: &u32| match wanted.sought(*i, n) {
                    0 => false,
                    sought => (sought & !out.fewer[s] != 0) == rarer,
                };
                encoded.range(s).into_par_iter().with_min_len(ROWS_AT_ONCE).filter(of_side).collect()
            };
            let (rarer, others) = (side(true), side(false));
            out.rarer.extend(rarer);
            out.others.extend(others);
        }
        Some(out)
    }

    /// In which sources a record seeks whom fewer seek than are sought there.
    fn sought_by_rarer(&self, i: u32) -> SourceSet {
        self.wanted.sought(i, self.encoded.sources()) & !self.fewer[self.encoded.source_of(i)]
    }

    /// What a sieve holds for a row of the rarer side: its key, and its key by what it seeks.
    pub fn add_sought(&self, i: u32, key: u64, out: &mut Vec<u64>) {
        out.push(key);
        out.extend(sources_in(self.sought_by_rarer(i)).map(|t| between(key, self.encoded.source_of(i), t)));
    }

    /// Of keys of other records, takes away those under which nobody of the rarer side seeks where the record does.
    pub fn keep_sought(&self, rows: impl Iterator<Item = u32>, keys: &mut [u64], sieve: &Sieve) {
        // most are seen to find nobody by one look, whichever source they seek
        sieve.keep(keys);
        for (key, i) in keys.iter_mut().zip(rows).filter(|(key, _)| **key != 0) {
            let source = self.encoded.source_of(i);
            let sought = self.wanted.sought(i, self.encoded.sources());
            if !sources_in(sought).any(|t| sieve.passes(between(*key, t, source))) {
                *key = 0;
            }
        }
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

    /// Of some keys, takes away those that do not pass.
    fn keep(&self, keys: &mut [u64]) {
        keys.iter_mut().for_each(|key| *key = if self.passes(*key) { *key } else { 0 });
    }
}
