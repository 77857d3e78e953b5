//! The pairs of a block, and their comparison.

use std::borrow::Cow;

use super::wanted::NONE;
use super::{ALONE, BlockRow, Blocker, Keyed, PAIRS_AT_ONCE, Pair, Proposed, SourceSet, Wanted, source_pair};
use crate::compare::{pattern, rough_weight};

/// Pairs of a lower rough weight (quarter bits) are counted for the model but not kept. Pairs that end as links have
/// well over this: on the bench data none was lost at 0 that is kept at −40.
const ROUGH_FLOOR: i32 = 0;
/// The same of the last rules, whose pairs are of rows for which nobody was found: of 15,000 that end as links of twenty million rows six
/// had less, and of the others nine in ten do.
const LAST_ROUGH_FLOOR: i32 = -24;
/// Of so many members each two are looked at sooner than they are put in order.
const FEW_MEMBERS: usize = 16;

/// Pairs to be compared by a rule, each with what is wanted of its block and whether the two are alone in it, and where the result goes.
struct Waiting<'w, 'o> {
    pairs: Vec<(u32, u32, Wanted<'w>, bool)>,
    out: &'o mut Proposed,
}

impl Blocker<'_> {
    /// Compares the pairs of keyed records, those of one key together. `oversized` takes the keys whose blocks are split.
    pub fn compare_keyed(&self, k: usize, keyed: &[Keyed], wanted: Wanted, out: &mut Proposed, oversized: &mut Vec<u64>) {
        let blocks = || keyed.chunk_by(|a, b| a.0 == b.0).filter(|b| b.len() > 1);
        wanted.fetch(blocks().flatten().map(|e| e.1.record));
        let mut members = Vec::new();
        let mut waiting = Waiting { pairs: Vec::with_capacity(PAIRS_AT_ONCE), out };
        for block in blocks() {
            members.clear();
            members.extend(block.iter().map(|e| e.1));
            let wanted = wanted.of_block(block[0].0);
            if self.is_too_large(&members, wanted) {
                oversized.push(block[0].0);
            }
            self.block(k, &members, 0, wanted, &mut waiting);
        }
        self.compare_waiting(k, &mut waiting);
    }

    /// Compares a block's pairs, or splits it by the next column when it is too large.
    fn block<'w>(&self, k: usize, members: &[BlockRow], splits: usize, wanted: Wanted<'w>, waiting: &mut Waiting<'w, '_>) {
        if !self.is_too_large(members, wanted) {
            return self.compare_block(k, members, splits, wanted, waiting);
        }
        let Some(splitter) = self.splitters.get(splits) else {
            let capped = &mut waiting.out.capped[k];
            *capped = (capped.0 + 1, capped.1 + self.pairs_in(members, wanted));
            return;
        };
        let mut keyed: Vec<Keyed> = members
            .iter()
            .map(|c| (splitter.value(self.encoded, self.encoded.record(c.record)), *c))
            .filter(|(v, _)| *v != 0)
            .collect();
        keyed.sort_unstable();
        for sub in keyed.chunk_by(|a, b| a.0 == b.0) {
            let members: Vec<BlockRow> = sub.iter().map(|e| e.1).collect();
            self.block(k, &members, splits + 1, wanted, waiting);
        }
    }

    /// Members of two sources whose pairs may be compared. Members stand in order of record, so those of one source stand together.
    fn each_two_sources<'m>(&self, members: &'m [BlockRow], mut each: impl FnMut(&'m [BlockRow], &'m [BlockRow])) {
        let of_one = |a: &BlockRow, b: &BlockRow| self.encoded.source_of(a.record) == self.encoded.source_of(b.record);
        if self.within {
            return each(members, members);
        }
        let mut rest = members;
        while let Some(first) = rest.chunk_by(of_one).next() {
            rest = &rest[first.len()..];
            rest.chunk_by(of_one).for_each(|other| each(first, other));
        }
    }

    /// Members of two children's sources that have none in common.
    fn each_two_apart(members: &[BlockRow], has: &[SourceSet], mut each: impl FnMut(&[BlockRow], &[BlockRow])) {
        let set = |c: &BlockRow| has[c.record as usize];
        let mut by_set = Cow::Borrowed(members);
        // between two sources they always are
        if !members.is_sorted_by_key(set) {
            by_set.to_mut().sort_unstable_by_key(|i| (set(i), *i));
        }
        let mut rest = &*by_set;
        while let Some(first) = rest.chunk_by(|a, b| set(a) == set(b)).next() {
            rest = &rest[first.len()..];
            rest.chunk_by(|a, b| set(a) == set(b)).filter(|o| set(&o[0]) & set(&first[0]) == 0).for_each(|o| each(first, o));
        }
    }

    /// Whether a block has to be split. Few have so many members that their pairs must be counted to know.
    pub(super) fn is_too_large(&self, members: &[BlockRow], wanted: Wanted) -> bool {
        let (n, most) = (members.len() as u64, self.settings.blocking.max_block_pairs);
        n * n.saturating_sub(1) / 2 > most && self.pairs_in(members, wanted) > most
    }

    fn pairs_in(&self, members: &[BlockRow], wanted: Wanted) -> u64 {
        let n = members.len() as u64;
        let mut pairs = 0;
        if let Wanted::Apart(has) = wanted {
            Self::each_two_apart(members, has, |a, b| pairs += a.len() as u64 * b.len() as u64);
            return pairs;
        }
        self.each_two_sources(members, |a, b| {
            let (l, r) = (a.len() as u64, b.len() as u64);
            pairs += match wanted {
                Wanted::Open(open) if self.within => {
                    let x = a.iter().filter(|c| open[c.record as usize] != 0).count() as u64;
                    x * x.saturating_sub(1) / 2
                }
                Wanted::Open(open) => self.open_to(a, b, open).count() as u64 * self.open_to(b, a, open).count() as u64,
                Wanted::Either(open, NONE) => {
                    l * r - (l - self.open_to(a, b, open).count() as u64) * (r - self.open_to(b, a, open).count() as u64)
                }
                _ if self.within => n * (n - 1) / 2,
                _ => l * r,
            };
        });
        pairs
    }

    /// Members of `a` that are open to the source of `b`.
    fn open_to<'m>(&self, a: &'m [BlockRow], b: &[BlockRow], open: &'m [SourceSet]) -> impl Iterator<Item = BlockRow> + 'm {
        let bit = b.first().map_or(0, |c| 1 << self.encoded.source_of(c.record));
        a.iter().copied().filter(move |c| open[c.record as usize] & bit != 0)
    }

    fn compare_block<'w>(
        &self,
        k: usize,
        members: &[BlockRow],
        splits: usize,
        wanted: Wanted<'w>,
        waiting: &mut Waiting<'w, '_>,
    ) {
        // where the first rule's block was split its pairs may not have been compared
        let by_first_rule = k > 0 && self.oversized[0].is_empty() && !matches!(wanted, Wanted::Apart(_));
        let mut compare = |a: &BlockRow, b: &BlockRow, alone: bool| {
            if !(by_first_rule && a.first_key == b.first_key && a.first_key != 0) {
                waiting.pairs.push((a.record.min(b.record), a.record.max(b.record), wanted, alone));
                if waiting.pairs.len() == PAIRS_AT_ONCE {
                    self.compare_waiting(k, waiting);
                }
            }
        };
        if let Wanted::Apart(has) = wanted {
            if members.len() <= FEW_MEMBERS {
                for (at, a) in members.iter().enumerate() {
                    let apart = |b: &&BlockRow| has[a.record as usize] & has[b.record as usize] == 0;
                    members[at + 1..].iter().filter(apart).for_each(|b| compare(a, b, false));
                }
                return;
            }
            return Self::each_two_apart(members, has, |left, right| {
                left.iter().for_each(|a| right.iter().for_each(|b| compare(a, b, false)));
            });
        }
        self.each_two_sources(members, |left, right| match wanted {
            _ if self.within => {
                let wanted_one =
                    |c: &&BlockRow| if let Wanted::Open(open) = wanted { open[c.record as usize] != 0 } else { true };
                for (at, a) in left.iter().enumerate().filter(|(_, a)| wanted_one(a)) {
                    left[at + 1..].iter().filter(wanted_one).for_each(|b| compare(a, b, false));
                }
            }
            Wanted::Either(open, NONE) => {
                let right_open: Vec<BlockRow> = self.open_to(right, left, open).collect();
                let to = right.first().map_or(0, |c| 1 << self.encoded.source_of(c.record));
                for a in left {
                    let all = open[a.record as usize] & to != 0;
                    (if all { right } else { &right_open }).iter().for_each(|b| compare(a, b, false));
                }
            }
            Wanted::Open(open) => {
                let right_open: Vec<BlockRow> = self.open_to(right, left, open).collect();
                self.open_to(left, right, open).for_each(|a| right_open.iter().for_each(|b| compare(&a, b, false)));
            }
            _ => {
                let alone = k == 0 && splits == 0 && left.len() == 1 && right.len() == 1;
                left.iter().for_each(|a| right.iter().for_each(|b| compare(a, b, alone)));
            }
        });
    }

    /// Compares the pairs that wait.
    fn compare_waiting(&self, k: usize, waiting: &mut Waiting) {
        self.encoded.fetch(waiting.pairs.iter().flat_map(|p| [p.0, p.1]));
        waiting.pairs.retain(|(a, b, wanted, _)| !self.was_compared(k, (*a, *b), *wanted));
        self.encoded.fetch_names(waiting.pairs.iter().map(|p| (p.0, p.1)));
        for (a, b, wanted, alone) in waiting.pairs.drain(..) {
            self.compare_pair(k, (a, b), wanted, alone, waiting.out);
        }
    }

    /// In which of some parts two records agree.
    #[inline]
    fn agreeing(&self, x: &[u32], y: &[u32], parts: u32) -> u32 {
        let (mut rest, mut out) = (parts, 0);
        while rest != 0 {
            let i = rest.trailing_zeros();
            rest &= rest - 1;
            let v = self.parts[i as usize].value(self.encoded, x);
            out |= u32::from(v != 0 && v == self.parts[i as usize].value(self.encoded, y)) << i;
        }
        out
    }

    /// Whether an earlier rule proposed the pair.
    fn was_compared(&self, k: usize, (a, b): (u32, u32), wanted: Wanted) -> bool {
        let first = self.first_rule(wanted);
        if k == first {
            return false;
        }
        let (x, y) = (self.encoded.record(a), self.encoded.record(b));
        let agreeing = self.agreeing(x, y, self.rules[k].asked_before);
        // where an earlier rule's block was split, the pair may be met twice: sorting mends that
        let compared = |j: usize| {
            let r = &self.rules[j];
            agreeing & r.mask == r.mask && (self.oversized[j].is_empty() || !self.oversized[j].contains(&self.key(r, x)))
        };
        (first..k).any(compared)
    }

    /// The first of the rules whose pairs are not compared again.
    fn first_rule(&self, wanted: Wanted) -> usize {
        if matches!(wanted, Wanted::Apart(_)) { self.last } else { 0 }
    }

    fn compare_pair(&self, k: usize, (a, b): (u32, u32), wanted: Wanted, alone: bool, out: &mut Proposed) {
        let e = self.encoded;
        let p = pattern(e, a, b);
        out.compared[k] += 1;
        let (s, t) = (e.source_of(a), e.source_of(b));
        let stands_for = match wanted {
            Wanted::Open(_) => 0,
            // a drawn block's pairs that are not wanted for themselves stand for those of the others
            Wanted::Either(open, draw) if open[a as usize] & 1 << t == 0 && open[b as usize] & 1 << s == 0 => draw.0,
            _ => 1,
        };
        if stands_for > 0 {
            *out.histogram.entry((source_pair(s, t, e.sources()), p)).or_default() += stands_for;
        }
        if rough_weight(e, p) >= if self.first_rule(wanted) > 0 { LAST_ROUGH_FLOOR } else { ROUGH_FLOOR } {
            let mut pair = Pair::new(a, b, k, p);
            pair.packed |= if alone { ALONE } else { 0 };
            out.pairs.push(pair);
        }
    }
}
