//! Who seeks whom: of all records those that may find somebody.

use std::cmp::Reverse;
use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Wanted;
use super::wanted::{NONE, Side};
use crate::encode::Encoded;

/// Rows that one thread looks at, at a time.
const ROWS_AT_ONCE: usize = 1 << 14;
/// Above so many sides those of a source are taken for one: each look of a record asks for every side that it may meet.
const MOST_SIDES: usize = 256;

/// The records for whose sake a stage is done. Those that seek and are sought alike make a side; of two sides whose pairs are wanted one
/// is among the rarer ones, whose keys are what those of the others must be among.
pub(super) struct Seekers<'s> {
    wanted: Wanted<'s>,
    /// By record: the number of its side.
    sides: Vec<u16>,
    /// By side that is not among the rarer ones: those it may meet.
    may_meet: Vec<Vec<u16>>,
    /// Records of the rarer sides.
    pub rarer: Vec<u32>,
    /// Other records that may find somebody, far more.
    pub others: Vec<u32>,
}

impl<'s> Seekers<'s> {
    /// Of a stage; `None` where all pairs are compared.
    pub fn of(encoded: &'s Encoded, wanted: Wanted<'s>) -> Option<Self> {
        Self::of_sides(encoded, wanted, MOST_SIDES)
    }

    fn of_sides(encoded: &'s Encoded, wanted: Wanted<'s>, most: usize) -> Option<Self> {
        if matches!(wanted, Wanted::All) {
            return None;
        }
        let mut stretches = Stretch::all(encoded, wanted, false);
        let mut sides = count(&stretches);
        if sides.len() > most {
            stretches = Stretch::all(encoded, wanted, true);
            sides = count(&stretches);
        }
        let meet = |x: usize, y: usize| wanted.meet(sides[x].0, sides[y].0);
        let counts: Vec<u32> = sides.iter().map(|s| s.1).collect();
        let is_rarer = rarer_sides(&counts, &meet);
        let whom = |x: usize| (0..counts.len()).filter(|y| !is_rarer[x] && meet(x, *y)).map(|y| y as u16).collect();
        let may_meet: Vec<Vec<u16>> = (0..counts.len()).map(whom).collect();
        // of a drawn block all are wanted
        let all = matches!(wanted, Wanted::Either(..));
        let numbers: FxHashMap<Side, u16> = sides.iter().zip(0..).map(|(side, number)| (side.0, number)).collect();
        let split = |stretch: Stretch| {
            let of_sides: Vec<u16> = stretch.sides.iter().map(|(side, _)| numbers[side]).collect();
            let of_rows: Vec<u16> = stretch.of_rows.iter().map(|side| of_sides[usize::from(*side)]).collect();
            let with = |wanted_side: &dyn Fn(usize) -> bool| -> Vec<u32> {
                if !of_sides.iter().any(|side| wanted_side(usize::from(*side))) {
                    return Vec::new();
                }
                let rows = (stretch.first..).zip(&of_rows);
                rows.filter(|(_, side)| wanted_side(usize::from(**side))).map(|(row, _)| row).collect()
            };
            let rarer = with(&|side| is_rarer[side]);
            let others = with(&|side| !is_rarer[side] && (all || !may_meet[side].is_empty()));
            (of_rows, (rarer, others))
        };
        type Split = (Vec<Vec<u16>>, (Vec<Vec<u32>>, Vec<Vec<u32>>));
        let (sides, (rarer, others)): Split = stretches.into_par_iter().map(split).unzip();
        Some(Self { wanted, sides: sides.concat(), rarer: rarer.concat(), others: others.concat(), may_meet })
    }

    fn side(&self, i: u32) -> u16 {
        self.sides[i as usize]
    }

    /// What a sieve holds for a record of a rarer side: its key, and its key as of its side.
    pub fn sifted(&self, i: u32, key: u64) -> [u64; 2] {
        [key, of_side(key, self.side(i))]
    }

    /// Of other records with their keys, keeps those that may meet somebody under theirs.
    pub fn keep(&self, keyed: &mut Vec<(u64, u32)>, sieve: &Sieve) {
        let draw = if let Wanted::Either(_, draw) = self.wanted { draw } else { NONE };
        // most are seen to find nobody by one look, whomever they may meet; which ones the processor cannot guess
        let mut passed = 0;
        for at in 0..keyed.len() {
            let (key, i) = keyed[at];
            keyed[passed] = (key, i);
            passed += usize::from((key != 0) & (draw.takes(key) | sieve.passes(key)));
        }
        keyed.truncate(passed);
        let meets = |key: u64, i: u32| {
            self.may_meet[usize::from(self.side(i))].iter().any(|side| sieve.passes_of_side(of_side(key, *side)))
        };
        keyed.retain(|(key, i)| draw.takes(*key) || meets(*key, *i));
    }
}

/// Records that stand together, of one source, and their sides.
struct Stretch {
    first: u32,
    /// The sides that are met, and how many records each has.
    sides: Vec<(Side, u32)>,
    /// Of each record, which of these is its side.
    of_rows: Vec<u16>,
}

impl Stretch {
    /// All records. `roughly`: the sides of a source are taken for one.
    fn all(encoded: &Encoded, wanted: Wanted, roughly: bool) -> Vec<Self> {
        let n = encoded.sources();
        let of_source = |s: usize| {
            let rows = encoded.range(s);
            rows.clone().step_by(ROWS_AT_ONCE).map(move |first| (s, first..rows.end.min(first + ROWS_AT_ONCE as u32)))
        };
        let stretches: Vec<(usize, Range<u32>)> = (0..n).flat_map(of_source).collect();
        let of = |(source, rows): (usize, Range<u32>)| {
            let mut out = Self { first: rows.start, sides: Vec::new(), of_rows: Vec::with_capacity(rows.len()) };
            let (mut numbers, mut last) = (FxHashMap::default(), 0);
            for i in rows {
                let side = wanted.side(source, i, n, roughly);
                if out.sides.get(last).is_none_or(|s| s.0 != side) {
                    last = *numbers.entry(side).or_insert_with(|| {
                        out.sides.push((side, 0));
                        out.sides.len() - 1
                    });
                }
                out.sides[last].1 += 1;
                out.of_rows.push(last as u16);
            }
            out
        };
        stretches.into_par_iter().map(of).collect()
    }
}

/// How many records each side has, the commonest first.
fn count(stretches: &[Stretch]) -> Vec<(Side, u32)> {
    let mut all: FxHashMap<Side, u32> = FxHashMap::default();
    for (side, n) in stretches.iter().flat_map(|s| &s.sides) {
        *all.entry(*side).or_default() += n;
    }
    let mut sides: Vec<(Side, u32)> = all.into_iter().collect();
    sides.sort_unstable_by_key(|(side, n)| (Reverse(*n), *side));
    sides
}

/// Of every two sides that meet one at least, of few records in all: of two the rarer pays, until it is paid for; who is paid for is taken
/// (the local ratio rule of Bar-Yehuda and Even, which takes at most twice as many as must be).
fn rarer_sides(counts: &[u32], meet: &dyn Fn(usize, usize) -> bool) -> Vec<bool> {
    let sides = 0..counts.len();
    let mut left = counts.to_vec();
    for (x, y) in sides.clone().flat_map(|x| (x..counts.len()).map(move |y| (x, y))).filter(|(x, y)| meet(*x, *y)) {
        let paid = left[x].min(left[y]);
        left[x] -= paid;
        left[y] -= if x == y { 0 } else { paid };
    }
    let mut taken: Vec<bool> = left.iter().map(|left| *left == 0).collect();
    for x in sides.clone() {
        taken[x] = taken[x] && !sides.clone().all(|y| !meet(x, y) || (taken[y] && x != y));
    }
    taken
}

/// A key as a record of a side has it.
fn of_side(key: u64, side: u16) -> u64 {
    (key ^ u64::from(side) << 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Lets keys pass that may be wanted: far smaller than the keys themselves.
#[derive(Serialize, Deserialize)]
pub(super) struct Sieve {
    keys: Vec<u64>,
    /// The same of keys as sides have them. Whoever looks from elsewhere does not know the sides.
    #[serde(skip)]
    of_sides: Vec<u64>,
}

impl Sieve {
    /// Places a key: one key in so many passes by accident, of those as sides have them far fewer.
    const PLACES: usize = 16;

    /// Of keys, and of these as sides have them.
    pub fn of(keys: &[&[[u64; 2]]]) -> Self {
        let places = (keys.iter().map(|k| k.len()).sum::<usize>() * Self::PLACES).next_power_of_two().max(64);
        let mut out = Self { keys: vec![0; places / 64], of_sides: vec![0; places / 64] };
        for [key, of_side] in keys.iter().copied().flatten() {
            let at = out.word(*key);
            out.keys[at] |= Self::bit(*key);
            let at = out.word(*of_side);
            out.of_sides[at] |= Self::bits(*of_side);
        }
        out
    }

    fn word(&self, key: u64) -> usize {
        (key >> 14) as usize & (self.keys.len() - 1)
    }

    fn bit(key: u64) -> u64 {
        1 << (key >> 8 & 63)
    }

    fn bits(key: u64) -> u64 {
        1 << (key >> 58) | 1 << (key >> 52 & 63) | 1 << (key >> 46 & 63)
    }

    #[inline]
    pub fn passes(&self, key: u64) -> bool {
        self.keys[self.word(key)] & Self::bit(key) != 0
    }

    fn passes_of_side(&self, key: u64) -> bool {
        self.of_sides[self.word(key)] & Self::bits(key) == Self::bits(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::{Draw, SourceSet};

    /// Records of so many in each source, and nothing known of them.
    fn records(of_sources: &[u32]) -> Encoded {
        let starts = of_sources.iter().fold(vec![0], |mut starts, n| {
            starts.push(starts[starts.len() - 1] + n);
            starts
        });
        Encoded {
            records: Default::default(),
            stride: 1,
            starts,
            aliases: FxHashMap::default(),
            fields: [].into(),
            comparisons: [].into(),
        }
    }

    /// Records, in order, whose keys are kept.
    fn kept(encoded: &Encoded, wanted: Wanted, keys: &[u64], most: usize) -> Vec<bool> {
        let seekers = Seekers::of_sides(encoded, wanted, most).unwrap();
        let sifted: Vec<[u64; 2]> = seekers.rarer.iter().map(|i| seekers.sifted(*i, keys[*i as usize])).collect();
        let mut of_others: Vec<(u64, u32)> = seekers.others.iter().map(|i| (keys[*i as usize], *i)).collect();
        seekers.keep(&mut of_others, &Sieve::of(&[&sifted]));
        let mut kept = vec![false; keys.len()];
        seekers.rarer.iter().for_each(|i| kept[*i as usize] = true);
        of_others.iter().for_each(|(_, i)| kept[*i as usize] = true);
        kept
    }

    proptest! {
        /// Whatever the sides, whoever may find somebody under a key keeps it.
        #[test]
        fn no_wanted_pair_is_lost(
            of_sources in prop::collection::vec(1u32..60, 1..5),
            sets in prop::collection::vec(any::<SourceSet>(), 240),
            names in prop::collection::vec(1u64..80, 240),
            kind in 0..3,
            most in prop::sample::select(vec![1, MOST_SIDES]),
        ) {
            let encoded = records(&of_sources);
            let (n, len) = (of_sources.len(), encoded.len());
            let all = SourceSet::MAX >> (SourceSet::BITS as usize - n);
            let own = |i: usize| 1 << encoded.source_of(i as u32);
            let keys: Vec<u64> = names[..len].iter().map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).collect();
            // open to other sources, or within a source to itself; or found in its own source at least
            let set = |i: usize| match kind {
                2 => sets[i] & all | own(i),
                _ if n == 1 => sets[i] & all,
                _ => sets[i] & all & !own(i),
            };
            let sets: Vec<SourceSet> = (0..len).map(set).collect();
            let wanted = match kind {
                0 => Wanted::Either(&sets, NONE),
                1 => Wanted::Open(&sets),
                _ => Wanted::Apart(&sets),
            };
            let kept = kept(&encoded, wanted, &keys, most);
            for (i, j) in (0..len).flat_map(|i| (i + 1..len).map(move |j| (i, j))).filter(|(i, j)| keys[*i] == keys[*j]) {
                let (to_j, to_i) = (sets[i] & own(j) != 0, sets[j] & own(i) != 0);
                let pair = match kind {
                    0 => to_j || to_i,
                    1 => to_j && to_i,
                    _ => sets[i] & sets[j] == 0,
                };
                prop_assert!(!pair || (kept[i] && kept[j]), "{i} {j} {:b} {:b}", sets[i], sets[j]);
            }
        }
    }

    #[test]
    fn a_register_of_few_is_what_the_others_are_sought_in() {
        // a thousand children of two registers who are not on the third, which has ten rows
        let encoded = records(&[1000, 1000, 10]);
        let has: Vec<SourceSet> = (0..2010).map(|i| if i < 2000 { 0b011 } else { 0b100 }).collect();
        let keys: Vec<u64> = (0..2010).map(|i: u64| (i % 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).collect();
        let kept = kept(&encoded, Wanted::Apart(&has), &keys, MOST_SIDES);
        assert!((2000..2010).all(|i| kept[i] && kept[i - 2000] && kept[i - 1000]));
        let kept = kept.iter().filter(|k| **k).count();
        assert!(kept < 100, "{kept} of 2010 are asked for ten rows");
    }

    #[test]
    fn of_a_drawn_block_all_are_kept() {
        let encoded = records(&[100, 100]);
        let keys: Vec<u64> = (1..=200u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).collect();
        let settled = vec![0; 200];
        assert!(kept(&encoded, Wanted::Either(&settled, Draw(1)), &keys, MOST_SIDES).iter().all(|k| *k));
        assert!(!kept(&encoded, Wanted::Either(&settled, NONE), &keys, MOST_SIDES).iter().any(|k| *k));
    }
}
