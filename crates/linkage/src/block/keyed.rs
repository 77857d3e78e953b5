//! Records by their keys, on their way into blocks.

use rayon::prelude::*;

/// Blocks are built in so many parts, each of which fits the cache.
const PARTS: usize = 1024;
/// A part is put into so many buckets before it is sorted.
const BUCKETS: usize = 256;

/// A record with a digest of its key by the first rule (0 for none): most pairs that later rules propose the first one compared, and that
/// must be seen without walking to the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockRow {
    pub record: u32,
    pub first_key: u32,
}

/// A key and the record that has it.
pub(crate) type Keyed = (u64, BlockRow);

/// Keyed records of a stretch, in parts by their keys.
pub(super) struct Chunk {
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
    pub fn of(unordered: &[Keyed]) -> Self {
        let (keyed, starts) = in_buckets::<PARTS>(unordered.iter().copied(), |k| (k >> 54) as usize % PARTS);
        Self { keyed, starts }
    }

    fn part(&self, p: usize) -> &[Keyed] {
        &self.keyed[self.starts[p] as usize..self.starts[p + 1] as usize]
    }

    /// The parts of all, each sorted.
    pub fn in_parts(chunks: &[Self]) -> Vec<Vec<Keyed>> {
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
