//! Blocking: which pairs are compared at all.
//!
//! Every rule gives each record a key; records of one key form a block, and the pairs of a block are compared by the
//! first rule that proposes them. Sharp rules work on all records, broad ones only between rows that are both still
//! unsettled, the last ones only between rows that both found nobody.

mod key;
mod seek;
mod wanted;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::compare::{pattern, rough_weight};
use crate::encode::Encoded;
use crate::settings::{Settings, rule_parts};

use key::{Part, agreement, extend, part, splitters};
use seek::{Seekers, Sieve};
use wanted::NONE;
pub(crate) use wanted::{Draw, KeySieve, Wanted};

/// Bits of [`Pair::packed`] that carry the pattern; the rule's number stands above them, and above that [`ALONE`].
const PATTERN_BITS: u32 = 56;
const RULE_BITS: u32 = 7;
const ALONE: u64 = 1 << (PATTERN_BITS + RULE_BITS);
/// Pairs whose records are fetched from memory together: the processor waits for all at once.
pub(crate) const PAIRS_AT_ONCE: usize = 64;
/// Pairs of a lower rough weight (quarter bits) are counted for the model but not kept. Pairs that end as links have
/// well over this: on the bench data none was lost at 0 that is kept at −40.
const ROUGH_FLOOR: i32 = 0;
/// The same of the last rules, whose pairs are of rows for which nobody was found: of 15,000 that end as links of twenty million rows six
/// had less, and of the others nine in ten do.
const LAST_ROUGH_FLOOR: i32 = -24;
/// Blocks are built in so many parts, each of which fits the cache.
const PARTS: usize = 1024;
/// A part is put into so many buckets before it is sorted.
const BUCKETS: usize = 256;
/// Records that one thread keys at a time: they fit its cache.
const CHUNK: usize = 1 << 12;
/// Records whose keys are put into parts together.
const STRETCH: usize = CHUNK * 16;

/// Of so many members each two are looked at sooner than they are put in order.
const FEW_MEMBERS: usize = 16;
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

/// A record with a digest of its key by the first rule (0 for none): most pairs that later rules propose the first one compared, and that
/// must be seen without walking to the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockRow {
    record: u32,
    first_key: u32,
}

/// A key and the record that has it.
pub(crate) type Keyed = (u64, BlockRow);

/// Keyed records of a stretch, in parts by their keys.
struct Chunk {
    keyed: Vec<Keyed>,
    /// Where each part begins, and the end.
    starts: Box<[u32]>,
}

/// Puts entries in order of their bucket; also where each bucket begins, and the end.
fn in_buckets<const N: usize>(
    entries: impl Iterator<Item = Keyed> + Clone,
    bucket: impl Fn(u64) -> usize,
) -> (Vec<Keyed>, Box<[u32]>) {
    let mut starts = vec![0u32; N + 1].into_boxed_slice();
    entries.clone().for_each(|e| starts[bucket(e.0) + 1] += 1);
    (0..N).for_each(|b| starts[b + 1] += starts[b]);
    let mut next = starts.clone();
    let mut out = vec![(0, BlockRow { record: 0, first_key: 0 }); starts[N] as usize];
    for e in entries {
        let at = &mut next[bucket(e.0)];
        out[*at as usize] = e;
        *at += 1;
    }
    (out, starts)
}

impl Chunk {
    fn of(unordered: &[Keyed]) -> Self {
        let (keyed, starts) = in_buckets::<PARTS>(unordered.iter().copied(), |k| (k >> 54) as usize % PARTS);
        Self { keyed, starts }
    }

    fn part(&self, p: usize) -> &[Keyed] {
        &self.keyed[self.starts[p] as usize..self.starts[p + 1] as usize]
    }

    /// The parts of all, each sorted.
    fn in_parts(chunks: &[Self]) -> Vec<Vec<Keyed>> {
        let part = |p: usize| {
            let entries = chunks.iter().flat_map(|c| c.part(p).iter().copied());
            // keys are spread evenly: a bucket of a part has few, and is soon sorted
            let (mut part, starts) = in_buckets::<BUCKETS>(entries, |k| (k >> 46) as usize % BUCKETS);
            starts.windows(2).for_each(|w| part[w[0] as usize..w[1] as usize].sort_unstable());
            part
        };
        (0..PARTS).into_par_iter().map(part).collect()
    }
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

/// Pairs to be compared by a rule, each with what is wanted of its block and whether the two are alone in it, and where the result goes.
struct Waiting<'w, 'o> {
    pairs: Vec<(u32, u32, Wanted<'w>, bool)>,
    out: &'o mut Proposed,
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
        let keyed = if let Some(seekers) = self.seekers(wanted) {
            let sieves = self.sieves_of(rules.clone(), &seekers.rarer_rows(), |i, key, out| seekers.add_sought(i, key, out));
            let passes = |at: usize, i: u32, key: u64| seekers.may_find(i, key, &sieves[at]);
            let rows = |places: Range<usize>| seekers.rows[places].iter().copied();
            self.keyed_records(rules.clone(), seekers.rows.len(), rows, passes)
        } else {
            let sieves = self.sieves(rules.clone(), wanted);
            let passes = |at: usize, _, key: u64| sieves.as_ref().is_none_or(|s| s[at].passes(key));
            self.keyed_records(rules.clone(), self.encoded.len(), |places| places.start as u32..places.end as u32, passes)
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
        self.seekers(wanted).map_or_else(|| (0..self.encoded.len() as u32).collect(), |s| s.rows)
    }

    fn seekers<'s>(&self, wanted: Wanted<'s>) -> Option<Seekers<'s>> {
        match wanted {
            Wanted::All | Wanted::Either(..) => None,
            Wanted::Open(open) => Some(Seekers::new(self.encoded, move |i| open[i as usize])),
            Wanted::Apart(has) => Some(Seekers::new(self.encoded, move |i| !has[i as usize])),
        }
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

    /// By rule, where not all pairs are wanted: lets the keys pass under which there may be wanted ones.
    pub fn sieves(&self, rules: Range<usize>, wanted: Wanted) -> Option<Vec<KeySieve>> {
        let Wanted::Either(open, draw) = wanted else { return None };
        let rows: Vec<u32> = (0..self.encoded.len() as u32).filter(|i| open[*i as usize] != 0).collect();
        let sieves = self.sieves_of(rules, &rows, |_, key, out| out.push(key));
        Some(sieves.into_iter().map(|open| KeySieve { open, draw }).collect())
    }

    /// By rule: a sieve of what `add` makes of the keys of some records. All rules at once: a record is fetched once.
    fn sieves_of(&self, rules: Range<usize>, rows: &[u32], add: impl Fn(u32, u64, &mut Vec<u64>) + Sync) -> Vec<Sieve> {
        let keys = |rows: &[u32]| {
            let mut out = vec![Vec::new(); rules.len()];
            for i in rows {
                let record = self.encoded.record(*i);
                let keys = rules.clone().map(|k| self.key_of(k, record));
                keys.zip(&mut out).filter(|(key, _)| *key != 0).for_each(|(key, out)| add(*i, key, out));
            }
            out
        };
        let found: Vec<Vec<Vec<u64>>> = rows.par_chunks(CHUNK).map(keys).collect();
        let of_rule = |k: usize| found.iter().map(|keys| keys[k].as_slice()).collect::<Vec<_>>();
        (0..rules.len()).map(|k| Sieve::of(&of_rule(k))).collect()
    }

    /// By rule: keyed records of so many rows, those that pass (by place of the rule, record and key). All rules at once: a record is
    /// fetched once.
    fn keyed_records<I: Iterator<Item = u32> + Clone>(
        &self,
        rules: Range<usize>,
        len: usize,
        rows: impl Fn(Range<usize>) -> I + Sync,
        passes: impl Fn(usize, u32, u64) -> bool + Sync,
    ) -> Vec<Vec<Chunk>> {
        let of_stretch = |c: usize| {
            let mut keyed: Vec<Vec<Keyed>> = vec![Vec::new(); rules.len()];
            let mut keys = Vec::new();
            for first in (c * STRETCH..((c + 1) * STRETCH).min(len)).step_by(CHUNK) {
                let rows = rows(first..(first + CHUNK).min(len));
                for (at, k) in rules.clone().enumerate() {
                    keys.clear();
                    keys.extend(rows.clone().map(|_| 1));
                    self.rules[k].parts.iter().for_each(|p| self.parts[*p].add(self.encoded, rows.clone(), &mut keys));
                    let found = keys.iter().copied().zip(rows.clone()).filter(|(k, i)| *k != 0 && passes(at, *i, *k));
                    keyed[at].extend(found.map(|(k, i)| (k, self.candidate(i))));
                }
            }
            keyed.iter().map(|k| Chunk::of(k)).collect::<Vec<_>>()
        };
        let stretches: Vec<Vec<Chunk>> = (0..len.div_ceil(STRETCH)).into_par_iter().map(of_stretch).collect();
        let mut by_rule: Vec<Vec<Chunk>> = rules.map(|_| Vec::with_capacity(stretches.len())).collect();
        for stretch in stretches {
            stretch.into_iter().zip(&mut by_rule).for_each(|(chunk, of_rule)| of_rule.push(chunk));
        }
        by_rule
    }

    fn run_rule(&mut self, k: usize, chunks: Vec<Chunk>, wanted: Wanted) -> Proposed {
        let in_parts = Chunk::in_parts(&chunks);
        drop(chunks);
        let none = || (self.nothing(), Vec::new());
        let (out, oversized) = in_parts
            .into_par_iter()
            .fold(none, |(mut out, mut oversized), part| {
                self.compare_keyed(k, &part, wanted, &mut out, &mut oversized);
                (out, oversized)
            })
            .reduce(none, |a, b| (a.0.with(b.0), [a.1, b.1].concat()));
        self.oversized[k].extend(oversized);
        out
    }

    /// Compares the pairs of sorted keyed records. `oversized` takes the keys whose blocks are split.
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
    fn is_too_large(&self, members: &[BlockRow], wanted: Wanted) -> bool {
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
