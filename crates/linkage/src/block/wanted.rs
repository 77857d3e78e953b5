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

/// 一方 (side): records of a source that seek in the same sources, with these; of children, the sources that have them.
pub(super) type Side = (u8, SourceSet);

impl Wanted<'_> {
    /// Has what is known of some records brought from memory, all at a time instead of one after the other.
    pub(super) fn fetch(self, records: impl Iterator<Item = u32>) {
        if let Wanted::Either(sets, _) | Wanted::Open(sets) | Wanted::Apart(sets) = self {
            std::hint::black_box(records.fold(0, |all, i| all ^ sets[i as usize]));
        }
    }

    /// To which side a record of a source belongs; `roughly`: that of all its source's records that seek at all.
    pub(super) fn side(self, source: usize, i: u32, sources: usize, roughly: bool) -> Side {
        let all = SourceSet::MAX >> (SourceSet::BITS as usize - sources);
        match self {
            Wanted::All => (source as u8, all),
            Wanted::Either(open, _) | Wanted::Open(open) => match open[i as usize] & all {
                // not to the own source, but within one
                set if set != 0 && roughly => (source as u8, if sources == 1 { all } else { all & !(1 << source) }),
                set => (source as u8, set),
            },
            Wanted::Apart(has) => match has[i as usize] & all {
                set if set != all && roughly => (0, 1 << source),
                set => (0, set),
            },
        }
    }

    /// Whether pairs of two sides are wanted.
    pub(super) fn meet(self, x: Side, y: Side) -> bool {
        let seeks = |x: Side, y: Side| x.1 >> y.0 & 1 == 1;
        match self {
            Wanted::All => true,
            Wanted::Either(..) => seeks(x, y) || seeks(y, x),
            Wanted::Open(_) => seeks(x, y) && seeks(y, x),
            Wanted::Apart(_) => x.1 & y.1 == 0,
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
    pub(super) fn takes(self, key: u64) -> bool {
        self.0 != 0 && key >> 32 & (self.0 - 1) == 0
    }
}
