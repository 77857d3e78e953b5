//! Candidates in order of their two sources and of their rows.

use rayon::prelude::*;

use crate::assign::Candidate;
use crate::buckets::{Buckets, side_by_side};
use crate::encode::Encoded;

/// Left rows of a part: its candidates fit a cache.
const LEAST_ROWS: usize = 1 << 9;
/// More parts than this make putting into parts slow.
const MOST_PARTS: usize = 1 << 13;
/// Candidates that are put into parts together, or among which others are put.
const STRETCH: usize = 1 << 16;

/// The two sources of a pair.
pub(crate) fn sources_of(c: &Candidate, encoded: &Encoded) -> (usize, usize) {
    (encoded.source_of(c.pair.left), encoded.source_of(c.pair.right))
}

/// Puts candidates in order, each pair once.
pub(crate) struct Order<'e> {
    encoded: &'e Encoded,
    /// By two sources: the first of their parts.
    first: Vec<usize>,
    parts: usize,
    /// Left rows of a part are two to so many.
    rows: u32,
}

impl<'e> Order<'e> {
    pub fn of(encoded: &'e Encoded) -> Self {
        let n = encoded.sources();
        let left = |s: usize| encoded.range(s).len();
        let all: usize = (0..n).map(|s| left(s) * (n - s)).sum();
        let rows = (all / MOST_PARTS).max(LEAST_ROWS).next_power_of_two().ilog2();
        let (mut first, mut parts) = (vec![0; n * n], 0);
        for (s, t) in (0..n).flat_map(|s| (s..n).map(move |t| (s, t))) {
            first[s * n + t] = parts;
            parts += (left(s) >> rows) + 1;
        }
        Self { encoded, first, parts, rows }
    }

    fn part(&self, c: &Candidate) -> usize {
        let (s, t) = sources_of(c, self.encoded);
        self.first[s * self.encoded.sources() + t] + ((c.pair.left - self.encoded.starts[s]) >> self.rows) as usize
    }

    /// Some candidates, in parts.
    pub fn parts(&self, some: &[Candidate]) -> Buckets<Candidate> {
        Buckets::of(some.iter().copied(), self.parts, |c| self.part(c))
    }

    /// All that stand in parts, in order.
    pub fn put(&self, stretches: &[Buckets<Candidate>]) -> Vec<Candidate> {
        let any = stretches.iter().find_map(|s| s.entries.first().copied());
        let sizes = (0..self.parts).map(|p| stretches.iter().map(|s| s.place(p).len()).sum());
        let fill = |p: usize, part: &mut [Candidate]| {
            part.iter_mut().zip(stretches.iter().flat_map(|s| s.get(p))).for_each(|(to, c)| *to = *c);
            part.sort_unstable_by_key(|c| c.pair);
        };
        let mut out = side_by_side(any, sizes, fill);
        out.dedup_by_key(|c| (c.pair.left, c.pair.right));
        out
    }

    /// Puts candidates in order.
    pub fn sort(&self, candidates: &mut Vec<Candidate>) {
        let stretches: Vec<Buckets<Candidate>> = candidates.par_chunks(STRETCH).map(|some| self.parts(some)).collect();
        *candidates = self.put(&stretches);
    }

    /// Puts more among those that stand in order; both are.
    pub fn add(&self, candidates: &mut Vec<Candidate>, more: &[Candidate]) {
        let place = |c: &Candidate| (sources_of(c, self.encoded), c.pair);
        let stretches: Vec<&[Candidate]> = candidates.chunks(STRETCH).collect();
        // who comes before the first of the next stretch
        let ends = stretches.iter().skip(1).map(|next| more.partition_point(|c| place(c) < place(&next[0])));
        let ends: Vec<usize> = std::iter::once(0).chain(ends).chain([more.len()]).collect();
        if stretches.is_empty() {
            candidates.extend_from_slice(more);
            return;
        }
        let of_more = |i: usize| &more[ends[i]..ends[i + 1]];
        let sizes = stretches.iter().enumerate().map(|(i, some)| some.len() + of_more(i).len());
        let fill = |i: usize, part: &mut [Candidate]| {
            let (some, more) = part.split_at_mut(stretches[i].len());
            some.copy_from_slice(stretches[i]);
            more.copy_from_slice(of_more(i));
            // two runs: a stable sort only merges them
            part.sort_by_key(place);
        };
        let mut out = side_by_side(candidates.first().copied(), sizes, fill);
        out.dedup_by_key(|c| (c.pair.left, c.pair.right));
        *candidates = out;
    }
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashMap;

    use super::*;
    use crate::block::Pair;

    fn records(starts: &[u32]) -> Encoded {
        Encoded {
            records: Default::default(),
            stride: 1,
            starts: starts.to_vec(),
            aliases: FxHashMap::default(),
            fields: [].into(),
            comparisons: [].into(),
        }
    }

    /// Some pairs of rows of different sources, in no order, some of them twice.
    fn candidates(encoded: &Encoded, count: u64, seed: u64) -> Vec<Candidate> {
        let mut state = seed;
        let mut any = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let rows = encoded.len() as u64;
        let pairs = (0..count).map(|_| (any(rows) as u32, any(rows) as u32, any(8) as usize));
        let of_two = pairs.filter(|(a, b, _)| encoded.source_of(*a) != encoded.source_of(*b));
        of_two.map(|(a, b, rule)| Candidate::new(Pair::new(a.min(b), a.max(b), rule, 0), rule as f64)).collect()
    }

    fn sorted(encoded: &Encoded, candidates: &[Candidate]) -> Vec<Pair> {
        let mut all: Vec<_> = candidates.iter().map(|c| (sources_of(c, encoded), c.pair)).collect();
        all.sort_unstable();
        all.dedup_by_key(|(_, p)| (p.left, p.right));
        all.into_iter().map(|(_, pair)| pair).collect()
    }

    #[test]
    fn each_pair_once_by_sources_and_rows() {
        for starts in [&[0, 3000, 9000][..], &[0, 10, 10, 5000, 200_000], &[0, 5, 9]] {
            let encoded = records(starts);
            let order = Order::of(&encoded);
            let (mut first, more) = (candidates(&encoded, 150_000, 1), candidates(&encoded, 20_000, 2));
            let expected = sorted(&encoded, &first);
            order.sort(&mut first);
            assert_eq!(first.iter().map(|c| c.pair).collect::<Vec<_>>(), expected);

            let mut later = more.clone();
            order.sort(&mut later);
            let expected = sorted(&encoded, &[first.clone(), later.clone()].concat());
            order.add(&mut first, &later);
            assert_eq!(first.iter().map(|c| c.pair).collect::<Vec<_>>(), expected);

            let (mut none, mut nothing) = (Vec::new(), Vec::new());
            order.sort(&mut none);
            order.add(&mut none, &later);
            assert_eq!(none.len(), later.len());
            order.add(&mut nothing, &[]);
            assert!(nothing.is_empty());
        }
    }
}
