//! Entries in buckets: what is far more than a cache holds is put in order bucket by bucket, on all cores.

use std::ops::Range;

use rayon::prelude::*;

/// Entries in order of their bucket.
pub(crate) struct Buckets<T> {
    pub entries: Vec<T>,
    /// Where each bucket begins, and the end.
    starts: Box<[u32]>,
}

impl<T: Copy> Buckets<T> {
    /// Of so many buckets.
    pub fn of(entries: impl Iterator<Item = T> + Clone, buckets: usize, bucket: impl Fn(&T) -> usize) -> Self {
        let mut starts = vec![0u32; buckets + 1].into_boxed_slice();
        entries.clone().for_each(|e| starts[bucket(&e) + 1] += 1);
        (0..buckets).for_each(|b| starts[b + 1] += starts[b]);
        let mut next = starts.clone();
        let any = entries.clone().next();
        let mut out = any.map_or_else(Vec::new, |any| vec![any; starts[buckets] as usize]);
        for e in entries {
            let at = &mut next[bucket(&e)];
            out[*at as usize] = e;
            *at += 1;
        }
        Self { entries: out, starts }
    }

    /// Where a bucket lies among the entries.
    pub fn place(&self, bucket: usize) -> Range<usize> {
        self.starts[bucket] as usize..self.starts[bucket + 1] as usize
    }

    pub fn get(&self, bucket: usize) -> &[T] {
        &self.entries[self.place(bucket)]
    }
}

/// Side by side what `fill` makes of so many parts; `any` stands there before.
pub(crate) fn side_by_side<T: Clone + Send + Sync>(
    any: Option<T>,
    sizes: impl Iterator<Item = usize> + Clone,
    fill: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let Some(any) = any else { return Vec::new() };
    let mut out: Vec<T> = (0..sizes.clone().sum()).into_par_iter().map(|_| any.clone()).collect();
    let (mut parts, mut rest) = (Vec::new(), out.as_mut_slice());
    for size in sizes {
        let (part, behind) = rest.split_at_mut(size);
        parts.push(part);
        rest = behind;
    }
    parts.into_par_iter().enumerate().for_each(|(i, part)| fill(i, part));
    out
}
