//! Which pairs a stage compares.

use serde::{Deserialize, Serialize};

use super::SourceSet;
use super::seek::Sieve;
use crate::settings::Settings;

/// Which pairs a stage of blocking compares.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'s> {
    /// All of two sources.
    All,
    /// Those of which either side still looks for a row in the other's source. Of the rest the blocks that are drawn.
    Either(&'s [SourceSet], Draw),
    /// Those of which each side still looks for a row in the other's source.
    Open(&'s [SourceSet]),
    /// Those whose children have no source in common.
    Apart(&'s [SourceSet]),
}

/// No block is drawn.
pub(super) const NONE: Draw = Draw(0);

impl Wanted<'_> {
    /// Has what is known of some records brought from memory, all at a time instead of one after the other.
    pub(super) fn fetch(self, records: impl Iterator<Item = u32>) {
        if let Wanted::Either(sets, _) | Wanted::Open(sets) | Wanted::Apart(sets) = self {
            std::hint::black_box(records.fold(0, |all, i| all ^ sets[i as usize]));
        }
    }

    /// In which of so many sources a record seeks somebody; in none where all pairs of some blocks are wanted.
    pub(super) fn sought(self, i: u32, sources: usize) -> SourceSet {
        let all = SourceSet::MAX >> (SourceSet::BITS as usize - sources);
        match self {
            Wanted::All | Wanted::Either(..) => 0,
            Wanted::Open(open) => open[i as usize] & all,
            Wanted::Apart(has) => !has[i as usize] & all,
        }
    }

    /// What is wanted of a block: where it is drawn, all of it.
    pub(super) fn of_block(self, key: u64) -> Self {
        match self {
            Wanted::Either(open, draw) if !draw.takes(key) => Wanted::Either(open, NONE),
            other => other,
        }
    }
}

/// Keys under which there may be wanted pairs.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeySieve {
    pub(super) open: Sieve,
    pub(super) draw: Draw,
}

impl KeySieve {
    pub fn passes(&self, key: u64) -> bool {
        self.draw.takes(key) | self.open.passes(key)
    }

    /// Of some keys, takes away those that do not pass.
    pub(super) fn keep(&self, keys: &mut [u64]) {
        keys.iter_mut().for_each(|key| *key = if self.passes(*key) { *key } else { 0 });
    }
}

/// Which blocks are compared for the sake of the model only: one in so many (a power of two), each standing for that many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draw(pub(super) u64);

impl Draw {
    /// Most blocks of which one is drawn.
    const MOST: u64 = 64;

    /// All blocks of few rows, fewer of many: what is learned needs no more pairs of a million rows than of some hundred thousand.
    pub fn of(rows: usize, settings: &Settings) -> Self {
        Self((rows as u64 / settings.blocking.sample_above.max(1)).next_power_of_two().min(Self::MOST))
    }

    #[inline]
    fn takes(self, key: u64) -> bool {
        key >> 32 & (self.0 - 1) == 0
    }
}
