//! Cluster: all rows of one child over all sources.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

/// Rows that one thread looks at, at a time.
const ROWS_AT_ONCE: usize = 1 << 14;

/// Disjoint sets over record numbers, which several threads may join at once; the root of a set is its smallest member.
pub(crate) struct Components {
    parent: Vec<AtomicU32>,
}

impl Components {
    pub fn new(n: usize) -> Self {
        Self { parent: each_itself(n) }
    }

    fn parent(&self, i: u32) -> u32 {
        self.parent[i as usize].load(Relaxed)
    }

    pub fn root(&self, mut i: u32) -> u32 {
        loop {
            let parent = self.parent(i);
            if parent == i {
                return i;
            }
            // whatever another thread does meanwhile, one who was above stays above
            let above = self.parent(parent);
            if above != parent {
                self.parent[i as usize].store(above, Relaxed);
            }
            i = above;
        }
    }

    pub fn join(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            let (a, b) = (a.min(b), a.max(b));
            if a == b || self.parent[b as usize].compare_exchange(b, a, Relaxed, Relaxed).is_ok() {
                return;
            }
        }
    }
}

fn each_itself(n: usize) -> Vec<AtomicU32> {
    (0..n as u32).into_par_iter().map(AtomicU32::new).collect()
}

/// Clusters grown link by link, strongest first. The members of a set form a ring.
pub(crate) struct Sets {
    sets: Components,
    next: Vec<AtomicU32>,
}

impl Sets {
    pub fn new(records: usize) -> Self {
        Self { sets: Components::new(records), next: each_itself(records) }
    }

    /// The sets that some pairs make of rows, whatever their order.
    pub fn of(records: usize, pairs: impl ParallelIterator<Item = (u32, u32)>) -> Self {
        let out = Self::new(records);
        pairs.for_each(|(a, b)| out.sets.join(a, b));
        out.rows().for_each(|i| {
            let root = out.sets.root(i);
            if root != i {
                let behind = out.next[root as usize].swap(i, Relaxed);
                out.next[i as usize].store(behind, Relaxed);
            }
        });
        out
    }

    fn rows(&self) -> impl IndexedParallelIterator<Item = u32> {
        (0..self.next.len() as u32).into_par_iter().with_min_len(ROWS_AT_ONCE)
    }

    fn next(&self, i: u32) -> u32 {
        self.next[i as usize].load(Relaxed)
    }

    /// The rows of a set, by any of them.
    pub fn ring(&self, start: u32) -> impl Iterator<Item = u32> + Clone {
        let mut at = Some(start);
        std::iter::from_fn(move || {
            let here = at?;
            let next = self.next(here);
            at = (next != start).then_some(next);
            Some(here)
        })
    }

    /// The first row of a row's set.
    pub fn first(&self, i: u32) -> u32 {
        self.sets.root(i)
    }

    /// Joins the sets of two rows, which no other thread joins with any meanwhile.
    pub fn join(&self, a: u32, b: u32) {
        if !self.same(a, b) {
            self.sets.join(a, b);
            let (behind_a, behind_b) = (self.next(a), self.next(b));
            self.next[a as usize].store(behind_b, Relaxed);
            self.next[b as usize].store(behind_a, Relaxed);
        }
    }

    /// Makes a set of `other` one of these, if the rows of it were not joined with any.
    pub fn take(&self, other: &Self, first: u32) {
        for i in other.ring(first) {
            self.sets.parent[i as usize].store(first, Relaxed);
            self.next[i as usize].store(other.next(i), Relaxed);
        }
    }

    pub fn same(&self, a: u32, b: u32) -> bool {
        self.sets.root(a) == self.sets.root(b)
    }

    /// Whether a row was not joined with any other.
    pub fn is_alone(&self, i: u32) -> bool {
        self.next(i) == i
    }

    /// Pairs of rows that a link of two rows would bring together, the smaller number first.
    pub fn brought_together(&self, a: u32, b: u32) -> impl Iterator<Item = (u32, u32)> {
        self.ring(a).flat_map(move |i| self.ring(b).map(move |j| (i.min(j), i.max(j))))
    }

    /// The first rows of the sets of at least two, in order.
    pub fn firsts(&self) -> impl ParallelIterator<Item = u32> {
        self.rows().filter(|i| !self.is_alone(*i) && self.sets.root(*i) == *i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_join() {
        let c = Sets::new(6);
        c.join(0, 2);
        c.join(3, 4);
        let mut together: Vec<(u32, u32)> = c.brought_together(2, 4).collect();
        together.sort_unstable();
        assert_eq!(together, [(0, 3), (0, 4), (2, 3), (2, 4)]);
        c.join(4, 5);
        c.join(5, 3);
        assert!(c.same(3, 5) && !c.same(0, 3));
        assert_eq!(sets(&c), [vec![0, 2], vec![3, 4, 5]]);
    }

    #[test]
    fn pairs_in_any_order_make_the_same_sets() {
        let pairs: Vec<(u32, u32)> = (0..20_000).map(|i| (i * 7919 % 60_000, i * 104_729 % 59_999)).collect();
        let one_by_one = Sets::new(60_000);
        pairs.iter().rev().for_each(|(a, b)| one_by_one.join(*a, *b));
        let together = Sets::of(60_000, pairs.par_iter().copied());
        assert_eq!(sets(&together), sets(&one_by_one));
        let taken = Sets::new(60_000);
        together.firsts().for_each(|first| taken.take(&together, first));
        assert_eq!(sets(&taken), sets(&together));
    }

    fn sets(of: &Sets) -> Vec<Vec<u32>> {
        let set = |first: u32| {
            let mut set: Vec<u32> = of.ring(first).collect();
            set.sort_unstable();
            set
        };
        of.firsts().map(set).collect()
    }
}
