//! Distinct texts as numbers, from many threads at once.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::{Mutex, PoisonError};

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
        let next = s.texts.len() as u32;
        let at = *s.places.entry(digest).or_insert(next);
        if at == next {
            s.texts.push(text);
        }
        at * SHARDS as u32 + shard as u32 + 1
    }

    /// All texts side by side.
    pub fn finish(self) -> Interned {
        let texts = |s: Mutex<Shard>| s.into_inner().unwrap_or_else(PoisonError::into_inner).texts;
        let shards: Vec<Texts> = self.shards.into_iter().map(texts).collect();
        let mut starts = vec![0u32];
        shards.iter().for_each(|s| starts.push(starts[starts.len() - 1] + s.len() as u32));
        Interned { shards, starts }
    }
}

/// The texts of an [`Interner`].
pub(crate) struct Interned {
    shards: Vec<Texts>,
    /// Texts before each part.
    starts: Vec<u32>,
}

impl Interned {
    /// All texts; the one at a place has the number that [`Interned::place`] gives this place.
    pub fn texts(&self) -> Vec<&str> {
        self.shards.iter().flat_map(Texts::iter).collect()
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
        assert_eq!(all.texts().len(), 300);
        assert!(all.place(0).is_none());
        for (n, t) in numbers.iter().zip(&texts) {
            assert_eq!(all.texts()[all.place(*n).unwrap()], t);
        }
    }
}
