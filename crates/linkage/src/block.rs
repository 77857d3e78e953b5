//! Blocking: which pairs are compared at all.
//!
//! Every rule gives each record a key; records of one key form a block, and the pairs of a block are compared by the
//! first rule that proposes them. Broad rules only work where a side is still unsettled.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::compare::{pattern, rough_weight};
use crate::encode::{Encoded, wide};
use crate::field::{Kind, date};
use crate::settings::{ColumnSettings, Settings, rule_parts};

/// Bits of [`Pair::packed`] that carry the pattern; the rule's number stands above them.
const PATTERN_BITS: u32 = 56;
/// Pairs of a lower rough weight (quarter bits) are counted for the model but not kept. Pairs that end as links have
/// well over this: on the bench data none was lost at 0 that is kept at −40.
const ROUGH_FLOOR: i32 = 0;
/// Blocks are built in so many parts, each of which fits the cache.
const PARTS: usize = 256;
/// Records that one thread keys at a time.
const CHUNK: u32 = 1 << 16;

/// A compared pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub left: u32,
    pub right: u32,
    packed: u64,
}

impl Pair {
    pub fn new(left: u32, right: u32, rule: usize, pattern: u64) -> Self {
        Self { left, right, packed: (rule as u64) << PATTERN_BITS | pattern }
    }

    /// The same evidence for other records.
    pub fn of(self, a: u32, b: u32) -> Self {
        Self { left: a.min(b), right: a.max(b), packed: self.packed }
    }

    pub fn pattern(self) -> u64 {
        self.packed & ((1 << PATTERN_BITS) - 1)
    }

    pub fn rule(self) -> usize {
        (self.packed >> PATTERN_BITS) as usize
    }
}

/// Sources in which a record still looks for its other rows: one bit each.
pub(crate) type Open = u64;

/// Number of pairs by two sources and pattern.
pub(crate) type Histogram = FxHashMap<(u16, u64), u64>;

/// Two sources as one number; within one source when both are the same.
pub(crate) fn source_pair(a: usize, b: usize, sources: usize) -> u16 {
    (a.min(b) * sources + a.max(b)) as u16
}

/// What of a record makes a key.
#[derive(Debug, Clone, Copy)]
enum Part {
    Word(usize),
    Wide(usize),
    /// A wide number without its last places.
    Head(usize, u64),
    DateYear(usize),
    DateMonth(usize),
    Id(usize),
    /// Shape of a name, looked up.
    Shape(usize, usize),
}

impl Part {
    /// 0 for no value.
    #[inline]
    fn value(self, encoded: &Encoded, r: &[u32]) -> u64 {
        match self {
            Part::Word(at) => u64::from(r[at]),
            Part::Wide(at) => wide(r, at),
            Part::Head(at, div) => {
                let head = wide(r, at) / div;
                // a code that ends in zeros names the larger place, not a smaller one
                if head % 1000 == 0 { 0 } else { head }
            }
            Part::DateYear(at) => u64::from(date::year(r[at])),
            Part::DateMonth(at) => u64::from(r[at] >> 5),
            Part::Id(at) => wide(r, at) & !(1 << 63),
            Part::Shape(field, at) => u64::from(encoded.fields[field].names.shape(r[at])),
        }
    }
}

/// A key and the record that has it.
type Keyed = (u64, u32);

struct Rule {
    text: String,
    parts: Vec<Part>,
}

impl Rule {
    fn parse(text: &str, columns: &[ColumnSettings], encoded: &Encoded) -> Self {
        let parts = rule_parts(text, columns).unwrap_or_default();
        let parts = parts
            .into_iter()
            .map(|(i, key)| {
                let at = encoded.fields[i].at;
                match (columns[i].kind, key) {
                    (Kind::PersonName, "pinyin") => Part::Word(at + 1),
                    (Kind::PersonName, "first") => Part::Word(at + 2),
                    (Kind::PersonName, "shape") => Part::Shape(i, at),
                    (Kind::Date, "year") => Part::DateYear(at),
                    (Kind::Date, "month") => Part::DateMonth(at),
                    (Kind::PlaceCode, "county") => Part::Head(at, 1_000_000),
                    (Kind::PlaceCode, "town") => Part::Head(at, 1_000),
                    (Kind::Address, "") => Part::Word(at + 1),
                    (Kind::NationalId, _) => Part::Id(at),
                    (Kind::Phone | Kind::PlaceCode, _) => Part::Wide(at),
                    _ => Part::Word(at),
                }
            })
            .collect();
        Self { text: text.to_owned(), parts }
    }

    /// 0 when a part has no value.
    fn key(&self, encoded: &Encoded, r: &[u32]) -> u64 {
        let mut h = 0u64;
        for p in &self.parts {
            let v = p.value(encoded, r);
            if v == 0 {
                return 0;
            }
            h = (h.rotate_left(23) ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            h ^= h >> 29;
        }
        h | 1
    }

    fn proposes(&self, encoded: &Encoded, a: &[u32], b: &[u32]) -> bool {
        self.parts.iter().all(|p| {
            let v = p.value(encoded, a);
            v != 0 && v == p.value(encoded, b)
        })
    }
}

/// A block too large to compare even after splitting.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct CappedBlock {
    /// The rule.
    pub rule: String,
    /// Blocks left out.
    pub blocks: u64,
    /// Pairs in them that this rule did not compare; other rules may have.
    pub pairs: u64,
}

/// All rules of a run.
pub(crate) struct Blocker<'a> {
    encoded: &'a Encoded,
    rules: Vec<Rule>,
    sharp: usize,
    /// Added to a rule's key, one after the other, where a block is too large.
    splitters: Vec<Part>,
    max_block_pairs: u64,
    within: bool,
    /// By rule: keys whose blocks were split, so that later rules do not take their pairs for compared.
    oversized: Vec<FxHashSet<u64>>,
}

/// What a stage of blocking gave.
#[derive(Default)]
pub(crate) struct Proposed {
    pub pairs: Vec<Pair>,
    pub histogram: Histogram,
    pub compared: u64,
    pub capped: Vec<CappedBlock>,
    oversized: Vec<u64>,
}

impl Proposed {
    fn with(mut self, other: Proposed) -> Self {
        self.pairs.extend_from_slice(&other.pairs);
        for (key, n) in other.histogram {
            *self.histogram.entry(key).or_default() += n;
        }
        self.compared += other.compared;
        self.capped.extend(other.capped);
        self.oversized.extend(other.oversized);
        self
    }
}

impl<'a> Blocker<'a> {
    /// `within`: also pairs inside one source.
    pub fn new(encoded: &'a Encoded, settings: &Settings, within: bool) -> Self {
        let b = &settings.blocking;
        let rules: Vec<Rule> = b.sharp.iter().chain(&b.broad).map(|t| Rule::parse(t, &settings.columns, encoded)).collect();
        let mut splitters = Vec::new();
        for (f, c) in encoded.fields.iter().zip(&settings.columns) {
            match c.kind {
                Kind::Date => splitters.push(Part::Word(f.at)),
                Kind::PersonName if !f.household => splitters.push(Part::Word(f.at + 1)),
                Kind::Phone => splitters.push(Part::Wide(f.at)),
                _ => {}
            }
        }
        let oversized = vec![FxHashSet::default(); rules.len()];
        Self { encoded, rules, sharp: b.sharp.len(), splitters, max_block_pairs: b.max_block_pairs, within, oversized }
    }

    pub fn rule_text(&self, rule: usize) -> &str {
        self.rules.get(rule).map_or("", |r| r.text.as_str())
    }

    /// Pairs of the sharp rules, over all records.
    pub fn sharp(&mut self) -> Proposed {
        self.stage(0..self.sharp, None)
    }

    /// Pairs of the broad rules in which a side is open to the other's source.
    pub fn broad(&mut self, open: &[Open]) -> Proposed {
        self.stage(self.sharp..self.rules.len(), Some(open))
    }

    fn stage(&mut self, rules: std::ops::Range<usize>, open: Option<&[Open]>) -> Proposed {
        let mut all = Proposed::default();
        for k in rules {
            let mut of_rule = self.run_rule(k, open);
            self.oversized[k].extend(std::mem::take(&mut of_rule.oversized));
            all = all.with(of_rule);
        }
        all
    }

    /// Keyed records in [`PARTS`] parts by key, each sorted.
    fn parts(&self, rule: &Rule, open: Option<&[Open]>) -> Vec<Vec<Keyed>> {
        let n = self.encoded.len() as u32;
        let key = |i: u32| rule.key(self.encoded, self.encoded.record(i));
        // a block without an open record has nothing to give
        let wanted: Option<FxHashSet<u64>> =
            open.map(|o| (0..n).filter(|i| o[*i as usize] != 0).map(key).filter(|k| *k != 0).collect());
        let part_of = |k: u64| (k >> 56) as usize % PARTS;
        let chunks: Vec<(Vec<Keyed>, [u32; PARTS + 1])> = (0..n.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let keyed: Vec<(u64, u32)> = (chunk * CHUNK..((chunk + 1) * CHUNK).min(n))
                    .map(|i| (key(i), i))
                    .filter(|(k, _)| *k != 0 && wanted.as_ref().is_none_or(|w| w.contains(k)))
                    .collect();
                let mut starts = [0u32; PARTS + 1];
                keyed.iter().for_each(|e| starts[part_of(e.0) + 1] += 1);
                (0..PARTS).for_each(|p| starts[p + 1] += starts[p]);
                let (mut next, mut by_part) = (starts, vec![(0, 0); keyed.len()]);
                for e in keyed {
                    let at = &mut next[part_of(e.0)];
                    by_part[*at as usize] = e;
                    *at += 1;
                }
                (by_part, starts)
            })
            .collect();
        (0..PARTS)
            .into_par_iter()
            .map(|p| {
                let mut part: Vec<(u64, u32)> = chunks
                    .iter()
                    .flat_map(|(keyed, starts)| &keyed[starts[p] as usize..starts[p + 1] as usize])
                    .copied()
                    .collect();
                part.sort_unstable();
                part
            })
            .collect()
    }

    fn run_rule(&self, k: usize, open: Option<&[Open]>) -> Proposed {
        let mut all = self
            .parts(&self.rules[k], open)
            .into_par_iter()
            .fold(Proposed::default, |mut out, part| {
                let mut members = Vec::new();
                for block in part.chunk_by(|a, b| a.0 == b.0).filter(|b| b.len() > 1) {
                    members.clear();
                    members.extend(block.iter().map(|e| e.1));
                    if self.pairs_in(&members, open) > self.max_block_pairs {
                        out.oversized.push(block[0].0);
                    }
                    self.block(k, &members, 0, open, &mut out);
                }
                out
            })
            .reduce(Proposed::default, Proposed::with);
        let (blocks, pairs) = (all.capped.iter().map(|c| c.blocks).sum(), all.capped.iter().map(|c| c.pairs).sum());
        all.capped = if blocks > 0 { vec![CappedBlock { rule: self.rules[k].text.clone(), blocks, pairs }] } else { Vec::new() };
        all
    }

    /// Compares a block's pairs, or splits it by the next column when it is too large.
    fn block(&self, k: usize, members: &[u32], splits: usize, open: Option<&[Open]>, out: &mut Proposed) {
        let pairs = self.pairs_in(members, open);
        if pairs == 0 {
            return;
        }
        if pairs <= self.max_block_pairs {
            return self.compare_block(k, members, open, out);
        }
        let Some(splitter) = self.splitters.get(splits) else {
            out.capped.push(CappedBlock { rule: String::new(), blocks: 1, pairs });
            return;
        };
        let mut keyed: Vec<(u64, u32)> =
            members.iter().map(|&i| (splitter.value(self.encoded, self.encoded.record(i)), i)).filter(|(v, _)| *v != 0).collect();
        keyed.sort_unstable();
        for sub in keyed.chunk_by(|a, b| a.0 == b.0) {
            let members: Vec<u32> = sub.iter().map(|e| e.1).collect();
            self.block(k, &members, splits + 1, open, out);
        }
    }

    /// Members of two sources whose pairs may be compared. Members stand in order of record, so those of one source stand together.
    fn each_two_sources<'m>(&self, members: &'m [u32], mut each: impl FnMut(&'m [u32], &'m [u32])) {
        let of_one = |a: &u32, b: &u32| self.encoded.source_of(*a) == self.encoded.source_of(*b);
        if self.within {
            return each(members, members);
        }
        let mut rest = members;
        while let Some(first) = rest.chunk_by(of_one).next() {
            rest = &rest[first.len()..];
            rest.chunk_by(of_one).for_each(|other| each(first, other));
        }
    }

    fn pairs_in(&self, members: &[u32], open: Option<&[Open]>) -> u64 {
        let n = members.len() as u64;
        // most blocks are a child and its other row: no need to count them exactly
        if n <= 2 {
            return n / 2;
        }
        let mut pairs = 0;
        self.each_two_sources(members, |a, b| {
            let (l, r) = (a.len() as u64, b.len() as u64);
            pairs += match open {
                _ if self.within => {
                    let x = open.map_or(n, |o| a.iter().filter(|i| o[**i as usize] != 0).count() as u64);
                    x * x.saturating_sub(1) / 2 + x * (n - x)
                }
                None => l * r,
                Some(o) => {
                    let (x, y) = (self.open_to(a, b, o).count() as u64, self.open_to(b, a, o).count() as u64);
                    x * r + y * l - x * y
                }
            };
        });
        pairs
    }

    /// Members of `a` that are open to the source of `b`.
    fn open_to<'m>(&self, a: &'m [u32], b: &[u32], open: &'m [Open]) -> impl Iterator<Item = u32> + 'm {
        let bit = b.first().map_or(0, |i| 1 << self.encoded.source_of(*i));
        a.iter().copied().filter(move |i| open[*i as usize] & bit != 0)
    }

    fn compare_block(&self, k: usize, members: &[u32], open: Option<&[Open]>, out: &mut Proposed) {
        let is_open = |i: u32| open.is_none_or(|o| o[i as usize] != 0);
        self.each_two_sources(members, |left, right| {
            if self.within {
                for (at, &a) in left.iter().enumerate() {
                    let wanted = left[at + 1..].iter().filter(|b| is_open(a) || is_open(**b));
                    wanted.for_each(|b| self.compare_pair(k, a, *b, out));
                }
                return;
            }
            // a member that is settled with the other source is only compared with those who are open to its own
            let both = open.map(|o| (self.open_to(left, right, o), self.open_to(right, left, o).collect::<Vec<u32>>()));
            let Some((left_open, right_open)) = both else {
                left.iter().for_each(|a| right.iter().for_each(|b| self.compare_pair(k, *a, *b, out)));
                return;
            };
            let mut left_open = left_open.peekable();
            for &a in left {
                let with = if left_open.next_if_eq(&a).is_some() { right } else { &right_open };
                with.iter().for_each(|b| self.compare_pair(k, a, *b, out));
            }
        });
    }

    fn compare_pair(&self, k: usize, a: u32, b: u32, out: &mut Proposed) {
        let e = self.encoded;
        let (x, y) = (e.record(a), e.record(b));
        // where an earlier rule's block was split, the pair may be met twice: sorting mends that
        let compared = |j: usize| {
            let r = &self.rules[j];
            r.proposes(e, x, y) && (self.oversized[j].is_empty() || !self.oversized[j].contains(&r.key(e, x)))
        };
        if (0..k).any(compared) {
            return;
        }
        let p = pattern(e, a, b);
        out.compared += 1;
        *out.histogram.entry((source_pair(e.source_of(a), e.source_of(b), e.sources()), p)).or_default() += 1;
        if rough_weight(e, p) >= ROUGH_FLOOR {
            out.pairs.push(Pair::new(a, b, k, p));
        }
    }
}
