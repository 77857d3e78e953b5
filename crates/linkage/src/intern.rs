//! Distinct texts as numbers, from many threads at once.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

/// Parts of a set, each with a lock of its own: threads seldom meet.
const SHARDS: usize = 64;

/// Many short texts in one piece.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Adds what `write` adds to what it is given.
    pub fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start..self.ends[i]]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }
}

/// By what texts are told apart. Looking at the texts as well would cost two more walks to memory for every name of every row, and two of ten
/// million different names have one digest once in 400,000 runs.
pub(crate) fn digest(text: &str) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one(text)
}

/// 编号 (numbering): small numbers of digests, from 0, in the order in which they come. A table that lets the places of digests which are
/// needed soon be fetched before they are looked at.
#[derive(Default)]
pub(crate) struct Numbers {
    /// A power of two of places; a digest lies in the first free one from its own.
    places: Vec<Numbered>,
    len: u32,
}

#[derive(Clone, Copy, Default)]
struct Numbered {
    /// Two halves: a place takes twelve bytes.
    digest: [u32; 2],
    /// From 1; 0 where there is none.
    number: u32,
}

/// Digests that are looked up together.
pub(crate) const DIGESTS_AT_ONCE: usize = 64;

impl Numbers {
    /// With room for so many digests.
    pub fn with_room(digests: usize) -> Self {
        Self { places: vec![Numbered::default(); (digests * 2).next_power_of_two()], len: 0 }
    }

    /// How many digests it has.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    fn place(&self, digest: u64) -> usize {
        (digest.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.places.len() - 1)
    }

    /// Tells the number of each of some digests, and whether it is new.
    pub fn of_all(&mut self, digests: &[u64], mut each: impl FnMut(usize, u32, bool)) {
        for (some, first) in digests.chunks(DIGESTS_AT_ONCE).zip((0..).step_by(DIGESTS_AT_ONCE)) {
            self.make_room(some.len());
            std::hint::black_box(some.iter().fold(0, |all, d| all ^ self.places[self.place(*d)].number));
            for (digest, i) in some.iter().zip(first..) {
                let before = self.len;
                let number = self.find_or_add(*digest);
                each(i, number, number == before);
            }
        }
    }

    /// The number of a digest.
    pub fn of(&mut self, digest: u64) -> u32 {
        self.make_room(1);
        self.find_or_add(digest)
    }

    /// The number of a digest, if it has one.
    pub fn get(&self, digest: u64) -> Option<u32> {
        (self.len > 0).then(|| self.find(digest)).and_then(|at| self.places[at].number.checked_sub(1))
    }

    /// Where a digest lies, or would.
    fn find(&self, digest: u64) -> usize {
        let halves = halves(digest);
        let mut at = self.place(digest);
        while self.places[at].number != 0 && self.places[at].digest != halves {
            at = (at + 1) & (self.places.len() - 1);
        }
        at
    }

    fn find_or_add(&mut self, digest: u64) -> u32 {
        let at = self.find(digest);
        let place = &mut self.places[at];
        if place.number == 0 {
            self.len += 1;
            *place = Numbered { digest: halves(digest), number: self.len };
        }
        place.number - 1
    }

    /// Half of the places stay free.
    fn make_room(&mut self, more: usize) {
        if (self.len() + more) * 2 > self.places.len() {
            let before = std::mem::replace(self, Self::with_room(self.len() + more));
            for numbered in before.places.into_iter().filter(|p| p.number != 0) {
                let at = self.find(digest_of(numbered.digest));
                self.places[at] = numbered;
            }
            self.len = before.len;
        }
    }

    /// Digests with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.places.iter().filter(|p| p.number != 0).map(|p| (digest_of(p.digest), p.number - 1))
    }
}

fn halves(digest: u64) -> [u32; 2] {
    [digest as u32, (digest >> 32) as u32]
}

fn digest_of([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// A set of texts that grows while rows are read. A text's number says in which part it lies and where; which number it gets depends on the
/// order of arrival, so nothing may depend on the number.
pub(crate) struct Interner {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    /// Places of the texts by their digests.
    numbers: Numbers,
    texts: Texts,
}

impl Interner {
    pub fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// The number of a text; 0 for the empty one.
    pub fn of(&self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let digest = digest(text);
        let shard = (digest >> 58) as usize % SHARDS;
        let mut s = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let number = s.numbers.of(digest);
        if number as usize == s.texts.len() {
            s.texts.push(text);
        }
        in_shard(number, shard)
    }

    /// Numbers many texts, none of them empty: part by part, so that a part is locked once and its lookups need not wait for each other.
    pub fn number(&self, texts: &Texts, mut each: impl FnMut(usize, u32)) {
        let digests: Vec<u64> = texts.iter().map(digest).collect();
        let shard_of = |d: u64| (d >> 58) as usize % SHARDS;
        let mut starts = [0u32; SHARDS + 1];
        digests.iter().for_each(|d| starts[shard_of(*d) + 1] += 1);
        (0..SHARDS).for_each(|s| starts[s + 1] += starts[s]);
        let (mut next, mut order, mut by_shard) = (starts, vec![0u32; digests.len()], vec![0; digests.len()]);
        for (i, d) in digests.iter().enumerate() {
            let at = &mut next[shard_of(*d)];
            (order[*at as usize], by_shard[*at as usize]) = (i as u32, *d);
            *at += 1;
        }
        for shard in 0..SHARDS {
            let of_shard = starts[shard] as usize..starts[shard + 1] as usize;
            if of_shard.is_empty() {
                continue;
            }
            let mut s = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
            let Shard { numbers, texts: known } = &mut *s;
            let order = &order[of_shard.clone()];
            numbers.of_all(&by_shard[of_shard], |k, number, is_new| {
                let i = order[k] as usize;
                if is_new {
                    known.push(texts.get(i));
                }
                each(i, in_shard(number, shard));
            });
        }
    }

    /// All texts, ordered by what they are.
    pub fn finish(self) -> Interned {
        let shards = self.shards.into_par_iter().map(|s| s.into_inner().unwrap_or_else(PoisonError::into_inner));
        let shards: Vec<(Texts, Vec<u32>)> = shards
            .map(|s| {
                let mut order: Vec<(u64, u32)> = s.numbers.iter().collect();
                order.sort_unstable();
                (s.texts, order.into_iter().map(|(_, place)| place).collect())
            })
            .collect();
        let mut starts = vec![0u32];
        shards.iter().for_each(|s| starts.push(starts[starts.len() - 1] + s.0.len() as u32));
        Interned { shards, starts }
    }
}

/// A number that says in which part a text lies and where.
fn in_shard(number: u32, shard: usize) -> u32 {
    number * SHARDS as u32 + shard as u32 + 1
}

/// The texts of an [`Interner`].
pub(crate) struct Interned {
    /// Texts by place, and their places in the order of the digests, which does not depend on arrival.
    shards: Vec<(Texts, Vec<u32>)>,
    /// Texts before each part.
    starts: Vec<u32>,
}

impl Interned {
    /// All texts in order.
    pub fn texts(&self) -> Vec<&str> {
        self.shards.iter().flat_map(|(texts, order)| order.iter().map(|place| texts.get(*place as usize))).collect()
    }

    /// `width` values that belong to each text, by place, and before them as many zeros for the empty text. `fill` is told a text's number
    /// in order.
    pub fn by_place(&self, width: usize, mut fill: impl FnMut(usize, &mut [u32])) -> Vec<u32> {
        let places = self.shards.iter().zip(&self.starts).flat_map(|((_, order), start)| order.iter().map(move |p| start + p));
        let texts: usize = self.shards.iter().map(|(_, order)| order.len()).sum();
        let mut out = vec![0; (texts + 1) * width];
        for (i, place) in places.enumerate() {
            fill(i, &mut out[(place as usize + 1) * width..][..width]);
        }
        out
    }

    /// Gives up the texts; places stay known.
    pub fn forget_texts(&mut self) {
        self.shards = Vec::new();
    }

    /// The place of a number among the texts; `None` for the empty text's.
    pub fn place(&self, number: u32) -> Option<usize> {
        let n = number.checked_sub(1)?;
        Some((self.starts[n as usize % SHARDS] + n / SHARDS as u32) as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a map from digest to place of first appearance would have it, digests that meet in their places among them.
        #[test]
        fn numbers_are_of_first_appearance(
            digests in prop::collection::vec(prop_oneof![0u64..200, any::<u64>()], 0..700),
            cut in 0usize..700,
        ) {
            let mut numbers = Numbers::default();
            let mut expected: Vec<u64> = Vec::new();
            let (some, others) = digests.split_at(cut.min(digests.len()));
            for digest in some {
                let at = expected.iter().position(|d| d == digest).unwrap_or(expected.len());
                prop_assert_eq!(numbers.get(*digest), (at < expected.len()).then_some(at as u32));
                if at == expected.len() {
                    expected.push(*digest);
                }
                prop_assert_eq!(numbers.of(*digest) as usize, at);
            }
            let mut told = Vec::new();
            numbers.of_all(others, |i, number, is_new| told.push((i, number as usize, is_new)));
            for (i, digest) in others.iter().enumerate() {
                let at = expected.iter().position(|d| d == digest).unwrap_or(expected.len());
                prop_assert_eq!(told[i], (i, at, at == expected.len()));
                if at == expected.len() {
                    expected.push(*digest);
                }
            }
            prop_assert_eq!(numbers.len(), expected.len());
            let mut all: Vec<(u64, u32)> = numbers.iter().collect();
            all.sort_unstable_by_key(|e| e.1);
            prop_assert_eq!(all.into_iter().map(|e| e.0).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn texts_come_back() {
        let set = Interner::new();
        let texts: Vec<String> = (0..1000).map(|i| format!("名{}", i % 300)).collect();
        let numbers: Vec<u32> = texts.iter().map(|t| set.of(t)).collect();
        assert_eq!(set.of(""), 0);
        let all = set.finish();
        let in_order = all.texts();
        assert_eq!(in_order.len(), 300);
        let by_place = all.by_place(1, |i, to| to[0] = i as u32);
        assert!(all.place(0).is_none());
        for (n, t) in numbers.iter().zip(&texts) {
            assert_eq!(in_order[by_place[all.place(*n).unwrap() + 1] as usize], t);
        }
        let other = Interner::new();
        let mut many = Texts::default();
        texts.iter().rev().for_each(|t| many.push(t));
        let mut numbers = vec![0; many.len()];
        other.number(&many, |i, n| numbers[i] = n);
        assert!((0..many.len()).all(|i| other.of(many.get(i)) == numbers[i]));
        assert_eq!(other.finish().texts(), in_order, "whatever came first");
    }
}
