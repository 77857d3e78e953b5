//! Blocking: which pairs are compared at all.
//!
//! Every rule gives each record a key; records of one key form a block, and the pairs of a block are compared by the
//! first rule that proposes them. Sharp rules work on all records, broad ones only between rows that are both still
//! unsettled, the last ones only between rows that both found nobody.

mod key;
mod keyed;
mod pairs;
mod seek;
mod wanted;

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::buckets::Buckets;
use crate::encode::Encoded;
use crate::settings::{Settings, rule_parts};

use key::{Part, agreement, extend, part, splitters};
pub(crate) use keyed::{BlockRow, Keyed};
use keyed::{in_parts, sorted_parts};
use seek::{Seekers, Sieve};
pub(crate) use wanted::{Draw, KeySieve, Wanted};

/// Bits of [`Pair::packed`] that carry the pattern; the rule's number stands above them, and above that [`ALONE`].
const PATTERN_BITS: u32 = 56;
const RULE_BITS: u32 = 7;
const ALONE: u64 = 1 << (PATTERN_BITS + RULE_BITS);
/// Pairs whose records are fetched from memory together: the processor waits for all at once.
pub(crate) const PAIRS_AT_ONCE: usize = 64;
/// Records that one thread keys at a time: they fit its cache.
const CHUNK: usize = 1 << 9;
/// Records whose keys are put into parts together.
const STRETCH: usize = CHUNK * 128;

/// Keys are counted in so many places before the blocks of the fullest are looked at.
const COUNTED_PLACES: usize = 1 << 20;

/// A compared pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
        (self.packed >> PATTERN_BITS) as usize & (1 << RULE_BITS) - 1
    }

    /// Whether the two were the only ones of their sources in a block of the first rule.
    pub fn alone(self) -> bool {
        self.packed & ALONE != 0
    }
}

/// A set of sources: one bit each.
pub(crate) type SourceSet = u64;

/// Number of pairs by two sources and pattern.
pub(crate) type Histogram = FxHashMap<(u16, u64), u64>;

/// Two sources as one number; within one source when both are the same.
pub(crate) fn source_pair(a: usize, b: usize, sources: usize) -> u16 {
    (a.min(b) * sources + a.max(b)) as u16
}

struct Rule {
    text: String,
    /// Numbers of its parts.
    parts: Vec<usize>,
    /// The same as a set.
    mask: u32,
    /// Parts of the rules before it in its stage and the stages that it follows.
    asked_before: u32,
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

/// Of a rule's comparisons, the levels (one bit each) that fulfil it.
pub(crate) type Conditions = Vec<(usize, u16)>;

/// All rules of a run.
pub(crate) struct Blocker<'a> {
    pub encoded: &'a Encoded,
    pub settings: &'a Settings,
    parts: Vec<Part>,
    /// By part: the comparison and the levels at which two records agree in it.
    agreement: Vec<Option<(usize, u16)>>,
    rules: Vec<Rule>,
    /// Where the broad rules begin, and the last ones.
    broad: usize,
    last: usize,
    /// Added to a rule's key, one after the other, where a block is too large.
    splitters: Vec<Part>,
    pub within: bool,
    /// By record: see [`BlockRow`].
    first_keys: Vec<u32>,
    /// Pairs compared, by rule.
    pub compared: Vec<u64>,
    /// Blocks left out, by rule: how many, and the pairs in them.
    capped: Vec<(u64, u64)>,
    /// By rule: keys whose blocks were split, so that later rules do not take their pairs for compared.
    pub oversized: Vec<FxHashSet<u64>>,
}

/// What a stage of blocking gave, or a part of one.
#[derive(Default, Serialize, Deserialize)]
pub struct Proposed {
    pub(crate) pairs: Vec<Pair>,
    /// Of the sharp and the last rules: what a model learns from.
    pub(crate) histogram: Histogram,
    /// Pairs compared, by rule.
    compared: Vec<u64>,
    /// Blocks left out, by rule: how many, and the pairs in them.
    capped: Vec<(u64, u64)>,
}

impl Proposed {
    /// Of so many rules, nothing yet.
    fn none(rules: usize) -> Self {
        Self { compared: vec![0; rules], capped: vec![(0, 0); rules], ..Self::default() }
    }

    /// Adds what another part of the stage gave.
    pub fn with(mut self, mut other: Proposed) -> Self {
        if self.compared.len() < other.compared.len() {
            std::mem::swap(&mut self, &mut other);
        }
        self.compared.iter_mut().zip(&other.compared).for_each(|(n, m)| *n += m);
        self.capped.iter_mut().zip(&other.capped).for_each(|(n, m)| *n = (n.0 + m.0, n.1 + m.1));
        if self.pairs.len() < other.pairs.len() {
            std::mem::swap(&mut self.pairs, &mut other.pairs);
        }
        self.pairs.extend_from_slice(&other.pairs);
        for (key, n) in other.histogram {
            *self.histogram.entry(key).or_default() += n;
        }
        self
    }
}

impl<'a> Blocker<'a> {
    /// `within`: also pairs inside one source.
    pub fn new(encoded: &'a Encoded, settings: &'a Settings, within: bool) -> Self {
        let b = &settings.blocking;
        let mut out = Self {
            encoded,
            settings,
            parts: Vec::new(),
            agreement: Vec::new(),
            rules: Vec::new(),
            broad: b.sharp.len(),
            last: b.sharp.len() + b.broad.len(),
            splitters: splitters(encoded),
            within,
            first_keys: Vec::new(),
            compared: Vec::new(),
            capped: Vec::new(),
            oversized: Vec::new(),
        };
        let mut known: FxHashMap<(usize, &str), usize> = FxHashMap::default();
        for text in b.sharp.iter().chain(&b.broad).chain(&b.last) {
            let named = rule_parts(text, &settings.columns).unwrap_or_default();
            let number = |named: (usize, &'static str)| {
                *known.entry(named).or_insert_with(|| {
                    out.parts.push(part(encoded, &settings.columns, named));
                    out.agreement.push(agreement(encoded, &settings.columns, named));
                    out.parts.len() - 1
                })
            };
            let parts: Vec<usize> = named.into_iter().map(number).collect();
            let mask = parts.iter().fold(0, |m, p| m | 1 << p);
            let before = if out.rules.len() == out.last { 0 } else { out.rules.last().map_or(0, |r| r.asked_before | r.mask) };
            out.rules.push(Rule { text: text.clone(), parts, mask, asked_before: before });
        }
        out.oversized = vec![FxHashSet::default(); out.rules.len()];
        out.compared = vec![0; out.rules.len()];
        out.capped = vec![(0, 0); out.rules.len()];
        // 32 bits: in a thousand runs of a million rows one pair is taken for compared that was not
        let short = |i: u32| (out.key(&out.rules[0], encoded.record(i)) >> 32) as u32;
        out.first_keys = (0..if out.rules.is_empty() { 0 } else { encoded.len() as u32 }).into_par_iter().map(short).collect();
        out
    }

    /// All rules as texts, by number.
    pub fn rule_texts(&self) -> Vec<String> {
        self.rules.iter().map(|r| r.text.clone()).collect()
    }

    /// Where the last rules begin.
    pub fn first_of_last(&self) -> usize {
        self.last
    }

    /// What the sharp rules ask of a pair. A part that no comparison speaks of is left out.
    pub fn sharp_conditions(&self) -> Vec<Conditions> {
        self.conditions(0..self.broad)
    }

    /// What the last rules ask of a pair.
    pub fn last_conditions(&self) -> Vec<Conditions> {
        self.conditions(self.last..self.rules.len())
    }

    fn conditions(&self, rules: Range<usize>) -> Vec<Conditions> {
        self.rules[rules].iter().map(|r| r.parts.iter().filter_map(|p| self.agreement[*p]).collect()).collect()
    }

    /// Pairs compared by some rules.
    pub fn compared_by(&self, rules: Range<usize>) -> u64 {
        self.compared[rules].iter().sum()
    }

    /// Blocks left out for their size.
    pub fn capped_blocks(&self) -> Vec<CappedBlock> {
        let capped = self.rules.iter().zip(&self.capped).filter(|(_, c)| c.0 > 0);
        capped.map(|(r, c)| CappedBlock { rule: r.text.clone(), blocks: c.0, pairs: c.1 }).collect()
    }

    /// The sharp rules, over all records.
    pub fn sharp_rules(&self) -> Range<usize> {
        0..self.broad
    }

    /// The broad rules: between records each of which is open to the other's source.
    pub fn broad_rules(&self) -> Range<usize> {
        self.broad..self.last
    }

    /// The last rules: between records whose children have no source in common. What earlier rules compared is compared again: these
    /// pairs are weighed by themselves.
    pub fn last_rules(&self) -> Range<usize> {
        self.last..if self.within { self.last } else { self.rules.len() }
    }

    /// Compares the pairs of some rules, here.
    pub fn compare(&mut self, rules: Range<usize>, wanted: Wanted) -> Proposed {
        if rules.is_empty() {
            return self.nothing();
        }
        let keyed = if let Some(seekers) = Seekers::of(self.encoded, wanted) {
            let sieves = self.sieves_of(rules.clone(), &seekers);
            let (rarer, others) = (&seekers.rarer, &seekers.others);
            let mut keyed = self.keyed_records(rules.clone(), rarer.len(), |of| rarer[of].iter().copied(), |_, _| ());
            let of_others = self.keyed_records(
                rules.clone(),
                others.len(),
                |of| others[of].iter().copied(),
                |at, keyed| seekers.keep(keyed, &sieves[at]),
            );
            keyed.iter_mut().zip(of_others).for_each(|(chunks, of_others)| chunks.extend(of_others));
            keyed
        } else {
            let rows = |of: Range<usize>| of.start as u32..of.end as u32;
            self.keyed_records(rules.clone(), self.encoded.len(), rows, |_, _| ())
        };
        rules.zip(keyed).fold(self.nothing(), |all, (k, keyed)| all.with(self.run_rule(k, keyed, wanted)))
    }

    /// Finds the keys of some rules whose blocks are split, without comparing: who compares elsewhere must know them beforehand.
    pub fn find_oversized(&mut self, rules: Range<usize>, wanted: Wanted) {
        let rows = self.participants(wanted);
        // a block of fewer members cannot be too large
        let least = ((2.0 * self.settings.blocking.max_block_pairs as f64).sqrt() as u32).max(2);
        for k in rules {
            let key = |i: &u32| self.key_of(k, self.encoded.record(*i));
            let place = |key: u64| (key >> 20) as usize % COUNTED_PLACES;
            let counts: Vec<AtomicU32> = (0..COUNTED_PLACES).map(|_| AtomicU32::new(0)).collect();
            rows.par_iter().map(key).filter(|k| *k != 0).for_each(|k| {
                counts[place(k)].fetch_add(1, Ordering::Relaxed);
            });
            let many = |k: u64| k != 0 && counts[place(k)].load(Ordering::Relaxed) >= least;
            if !counts.iter().any(|c| c.load(Ordering::Relaxed) >= least) {
                continue;
            }
            let mut keyed: Vec<Keyed> = rows.par_iter().map(|i| (key(i), self.candidate(*i))).filter(|(k, _)| many(*k)).collect();
            keyed.par_sort_unstable();
            let blocks = keyed.chunk_by(|a, b| a.0 == b.0);
            let members = |block: &[Keyed]| block.iter().map(|e| e.1).collect::<Vec<_>>();
            let oversized = blocks.filter(|b| self.is_too_large(&members(b), wanted.of_block(b[0].0))).map(|b| b[0].0);
            self.oversized[k] = oversized.collect();
        }
    }

    /// Takes note of how much a stage compared.
    pub fn note(&mut self, stage: &Proposed) {
        self.compared.iter_mut().zip(&stage.compared).for_each(|(n, m)| *n += m);
        self.capped.iter_mut().zip(&stage.capped).for_each(|(n, m)| *n = (n.0 + m.0, n.1 + m.1));
    }

    /// What no pair gives.
    pub fn nothing(&self) -> Proposed {
        Proposed::none(self.rules.len())
    }

    /// Records that take part, in order.
    pub fn participants(&self, wanted: Wanted) -> Vec<u32> {
        if matches!(wanted, Wanted::All | Wanted::Either(..)) {
            return (0..self.encoded.len() as u32).collect();
        }
        let of = |s: Seekers| [s.rarer, s.others].concat();
        let mut rows = Seekers::of(self.encoded, wanted).map_or_else(Vec::new, of);
        rows.sort_unstable();
        rows
    }

    pub fn candidate(&self, record: u32) -> BlockRow {
        BlockRow { record, first_key: self.first_keys[record as usize] }
    }

    /// The key that a rule gives to the words of a record; 0 for none.
    pub fn key_of(&self, rule: usize, words: &[u32]) -> u64 {
        self.key(&self.rules[rule], words)
    }

    fn key(&self, rule: &Rule, r: &[u32]) -> u64 {
        rule.parts.iter().fold(1, |key, p| extend(key, self.parts[*p].value(self.encoded, r)))
    }

    /// By rule, where not all pairs are wanted but all records may be: lets the keys pass under which there may be wanted ones.
    pub fn sieves(&self, rules: Range<usize>, wanted: Wanted) -> Option<Vec<KeySieve>> {
        let Wanted::Either(_, draw) = wanted else { return None };
        let sieves = self.sieves_of(rules, &Seekers::of(self.encoded, wanted)?);
        Some(sieves.into_iter().map(|open| KeySieve { open, draw }).collect())
    }

    /// By rule: a sieve of the keys of those on the rarer sides. All rules at once: a record is fetched once.
    fn sieves_of(&self, rules: Range<usize>, seekers: &Seekers) -> Vec<Sieve> {
        let keys = |rows: &[u32]| {
            let mut out = vec![Vec::new(); rules.len()];
            for i in rows {
                let record = self.encoded.record(*i);
                let keys = rules.clone().map(|k| self.key_of(k, record));
                keys.zip(&mut out).filter(|(key, _)| *key != 0).for_each(|(key, out)| out.push(seekers.sifted(*i, key)));
            }
            out
        };
        let found: Vec<Vec<Vec<[u64; 2]>>> = seekers.rarer.par_chunks(CHUNK).map(keys).collect();
        let of_rule = |k: usize| found.iter().map(|keys| keys[k].as_slice()).collect::<Vec<_>>();
        (0..rules.len()).into_par_iter().map(|k| Sieve::of(&of_rule(k))).collect()
    }

    /// By rule: keyed records of so many rows. `keep` takes away some of them, by place of the rule. All rules at once: a record is fetched
    /// once.
    fn keyed_records<I: Iterator<Item = u32> + Clone>(
        &self,
        rules: Range<usize>,
        len: usize,
        rows: impl Fn(Range<usize>) -> I + Sync,
        keep: impl Fn(usize, &mut Vec<(u64, u32)>) + Sync,
    ) -> Vec<Vec<Buckets<Keyed>>> {
        let of_stretch = |c: usize| {
            let mut keyed: Vec<Vec<Keyed>> = vec![Vec::new(); rules.len()];
            let (mut keys, mut begun, mut found) = (Vec::new(), vec![Vec::new(); self.parts.len()], Vec::new());
            for first in (c * STRETCH..((c + 1) * STRETCH).min(len)).step_by(CHUNK) {
                let rows = rows(first..(first + CHUNK).min(len));
                begun.iter_mut().for_each(Vec::clear);
                for (at, k) in rules.clone().enumerate() {
                    let Some((first, others)) = self.rules[k].parts.split_first() else { continue };
                    // several rules begin with the same part
                    if begun[*first].is_empty() {
                        begun[*first].extend(rows.clone().map(|_| 1));
                        self.parts[*first].add(self.encoded, rows.clone(), &mut begun[*first]);
                    }
                    keys.clone_from(&begun[*first]);
                    others.iter().for_each(|p| self.parts[*p].add(self.encoded, rows.clone(), &mut keys));
                    found.clear();
                    found.extend(keys.iter().copied().zip(rows.clone()));
                    keep(at, &mut found);
                    keyed[at].extend(found.iter().filter(|(k, _)| *k != 0).map(|(k, i)| (*k, self.candidate(*i))));
                }
            }
            keyed.iter().map(|k| in_parts(k)).collect::<Vec<_>>()
        };
        let stretches: Vec<Vec<Buckets<Keyed>>> = (0..len.div_ceil(STRETCH)).into_par_iter().map(of_stretch).collect();
        let mut by_rule: Vec<Vec<Buckets<Keyed>>> = rules.map(|_| Vec::with_capacity(stretches.len())).collect();
        for stretch in stretches {
            stretch.into_iter().zip(&mut by_rule).for_each(|(chunk, of_rule)| of_rule.push(chunk));
        }
        by_rule
    }

    fn run_rule(&mut self, k: usize, chunks: Vec<Buckets<Keyed>>, wanted: Wanted) -> Proposed {
        let parts = sorted_parts(&chunks);
        drop(chunks);
        let none = || (self.nothing(), Vec::new());
        let (out, oversized) = parts
            .into_par_iter()
            .fold(none, |(mut out, mut oversized), part| {
                self.compare_keyed(k, &part, wanted, &mut out, &mut oversized);
                (out, oversized)
            })
            .reduce(none, |a, b| (a.0.with(b.0), [a.1, b.1].concat()));
        self.oversized[k].extend(oversized);
        out
    }
}
