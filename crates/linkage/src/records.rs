//! Records side by side.

use rayon::prelude::*;

/// Words of a cache line.
const LINE: usize = 16;
/// Large pieces of memory mostly begin sixteen bytes behind a line: records behind so many words then begin at one.
pub(crate) const HEAD: usize = LINE - 4;
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
        Self::of(Vec::new(), 0, room, stride)
    }

    /// Those that lie in `words` behind the first `head`, with room for `room` words in all. They are not moved if it can be helped.
    pub fn of(mut words: Vec<u32>, head: usize, room: usize, stride: usize) -> Self {
        let used = words.len().saturating_sub(head);
        words.reserve_exact((room + LINE).saturating_sub(words.len()));
        let first = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        if first != head {
            words.resize(used + first.max(head), 0);
            words.copy_within(head..head + used, first);
        }
        words.resize(first + used, 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_begin_at_a_line_wherever_they_lay() {
        for (head, room) in [(0, 0), (3, 100), (HEAD, 0), (LINE, 50_000)] {
            let words: Vec<u32> = (0..head as u32 + 64).collect();
            let mut records = Records::of(words, head, room, 16);
            records.append(&[7; 16]);
            assert_eq!((0..4).map(|i| records.get(i)[0]).collect::<Vec<_>>(), [0, 16, 32, 48].map(|w| w + head as u32));
            assert_eq!((records.get(4), records.all().len()), (&[7; 16][..], 80));
        }
        let with_room = Records::of(vec![0; HEAD], HEAD, 1 << 20, 16);
        assert_eq!(with_room.words[with_room.first..].as_ptr().align_offset(LINE * size_of::<u32>()), 0);
    }
}
