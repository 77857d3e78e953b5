//! Records by their keys, on their way into blocks.

use rayon::prelude::*;

use crate::buckets::Buckets;

/// Blocks are built in so many parts, each of which fits the cache.
const PARTS: usize = 1024;
/// Before a part is sorted, it is put into buckets of so many entries, but not into more than that.
const ENTRIES_OF_BUCKET: usize = 8;
const MOST_BUCKETS: usize = 256;

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
pub(super) fn in_parts(some: &[Keyed]) -> Buckets<Keyed> {
    Buckets::of(some.iter().copied(), PARTS, |e| (e.0 >> 54) as usize % PARTS)
}

/// The parts of all stretches, in each of which entries of one key stand together, in order.
pub(super) fn sorted_parts(stretches: &[Buckets<Keyed>]) -> Vec<Vec<Keyed>> {
    let part = |p: usize| {
        let entries = stretches.iter().flat_map(|s| s.get(p).iter().copied());
        // keys are spread evenly: a bucket of a part has few, and is soon sorted
        let len: usize = stretches.iter().map(|s| s.place(p).len()).sum();
        let buckets = (len / ENTRIES_OF_BUCKET).next_power_of_two().min(MOST_BUCKETS);
        let mut part = Buckets::of(entries, buckets, |e| (e.0 >> 46) as usize % buckets);
        (0..buckets).for_each(|b| {
            let place = part.place(b);
            part.entries[place].sort_unstable();
        });
        part.entries
    };
    (0..PARTS).into_par_iter().map(part).collect()
}
