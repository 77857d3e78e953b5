//! Distinct texts as numbers, from many threads at once.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHasher};
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

/// A set of texts that grows while rows are read. A text's number says in which part it lies and where; which number it gets depends on the
/// order of arrival, so nothing may depend on the number.
pub(crate) struct Interner {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    /// By digest.
    places: FxHashMap<u64, u32>,
    texts: Texts,
}

impl Shard {
    fn number(&mut self, digest: u64, text: &str) -> u32 {
        let next = self.texts.len() as u32;
        let at = *self.places.entry(digest).or_insert(next);
        if at == next {
            self.texts.push(text);
        }
        at
    }
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
        s.number(digest, text) * SHARDS as u32 + shard as u32 + 1
    }

    /// Numbers many texts, none of them empty: part by part, so that a part is locked once and its lookups need not wait for each other.
    pub fn number(&self, texts: &Texts, mut each: impl FnMut(usize, u32)) {
        let digests: Vec<u64> = texts.iter().map(digest).collect();
        let shard_of = |d: u64| (d >> 58) as usize % SHARDS;
        let mut starts = [0u32; SHARDS + 1];
        digests.iter().for_each(|d| starts[shard_of(*d) + 1] += 1);
        (0..SHARDS).for_each(|s| starts[s + 1] += starts[s]);
        let (mut next, mut order) = (starts, vec![0u32; digests.len()]);
        for (i, d) in digests.iter().enumerate() {
            let at = &mut next[shard_of(*d)];
            order[*at as usize] = i as u32;
            *at += 1;
        }
        for shard in 0..SHARDS {
            let of_shard = &order[starts[shard] as usize..starts[shard + 1] as usize];
            if of_shard.is_empty() {
                continue;
            }
            let mut s = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
            for i in of_shard {
                let i = *i as usize;
                each(i, s.number(digests[i], texts.get(i)) * SHARDS as u32 + shard as u32 + 1);
            }
        }
    }

    /// All texts, ordered by what they are.
    pub fn finish(self) -> Interned {
        let shards = self.shards.into_par_iter().map(|s| s.into_inner().unwrap_or_else(PoisonError::into_inner));
        let shards: Vec<(Texts, Vec<u32>)> = shards
            .map(|s| {
                let mut order: Vec<(u64, u32)> = s.places.into_iter().collect();
                order.sort_unstable();
                (s.texts, order.into_iter().map(|(_, place)| place).collect())
            })
            .collect();
        let mut starts = vec![0u32];
        shards.iter().for_each(|s| starts.push(starts[starts.len() - 1] + s.0.len() as u32));
        Interned { shards, starts }
    }
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
    use super::*;

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
