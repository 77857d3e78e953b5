//! Records side by side.

use rayon::prelude::*;

/// Words of a cache line.
const LINE: usize = 16;
/// Words that one thread copies at a time.
const WORDS_AT_ONCE: usize = 1 << 18;

/// Records of one width, the first of them at the beginning of a cache line: a record of sixteen words then lies in one, not across two.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    words: Vec<u32>,
    /// Words before the first record.
    first: usize,
    stride: usize,
}

impl Records {
    /// None, with room for so many words.
    pub fn with_room(room: usize, stride: usize) -> Self {
        Self::of(Vec::new(), room, stride)
    }

    /// Those that lie in `words`, with room for `room` words in all. They are not copied elsewhere if it can be helped.
    pub fn of(mut words: Vec<u32>, room: usize, stride: usize) -> Self {
        let used = words.len();
        words.reserve_exact((room + LINE).saturating_sub(used));
        let first = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        words.resize(used + first, 0);
        words.copy_within(..used, first);
        Self { words, first, stride }
    }

    #[inline]
    pub fn get(&self, i: u32) -> &[u32] {
        &self.words[self.first + i as usize * self.stride..][..self.stride]
    }

    /// Has records that are needed soon brought from memory, all at a time instead of one after the other.
    #[inline]
    pub fn fetch(&self, records: impl Iterator<Item = u32>) {
        let touched = records.fold(0, |sum, i| sum ^ self.words[self.first + i as usize * self.stride]);
        std::hint::black_box(touched);
    }

    pub fn all(&self) -> &[u32] {
        &self.words[self.first..]
    }

    pub fn all_mut(&mut self) -> &mut [u32] {
        &mut self.words[self.first..]
    }

    /// Adds the records of these words.
    pub fn append(&mut self, words: &[u32]) {
        self.words.par_extend(words.par_iter().with_min_len(WORDS_AT_ONCE).copied());
    }

    /// Adds so many words of zeros, and hands them over.
    pub fn append_zeros(&mut self, words: usize) -> &mut [u32] {
        let before = self.words.len();
        self.words.par_extend((0..words).into_par_iter().with_min_len(WORDS_AT_ONCE).map(|_| 0));
        &mut self.words[before..]
    }
}
