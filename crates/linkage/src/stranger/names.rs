//! Names that are alike, and how often they meet.

use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::counts::{counts_of_small, dot};
use crate::encode::Encoded;
use crate::field::name::Names;

/// Names that share something, under the number of what they share: the same numbers whatever list is counted.
#[derive(Default)]
struct Groups {
    names: Vec<u32>,
    ends: Vec<u32>,
}

impl Groups {
    fn push(&mut self, names: impl Iterator<Item = u32>) {
        self.names.extend(names);
        self.ends.push(self.names.len() as u32);
    }

    /// Rows in each group, `all` being how often each name stands.
    fn counts(&self, all: &[u32]) -> Vec<u32> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let groups = starts.zip(&self.ends).map(|(start, end)| &self.names[*start as usize..*end as usize]);
        groups.map(|group| group.iter().map(|n| all[*n as usize]).sum()).collect()
    }
}

/// Among so many names not every key under which few meet is counted…
const MANY_NAMES: usize = 50_000;
/// …but one in so many, which stands for the others…
const THINNING: u64 = 8;
/// …where fewer names than this meet. Most pairs meet under the keys of many: of these every one is counted.
const FEW_MEET: usize = 8;

/// Names that share a key, and those of them that share more. Keys under which all share more are left out: they are as often of one kind
/// as of the other.
#[derive(Default)]
pub(super) struct Apart {
    alike: [Groups; 2],
    nearer: [Groups; 2],
}

/// How often lists of rows have such names: under keys that are counted one by one, and under those that stand for others.
pub(super) struct ApartCounts([[Vec<u32>; 2]; 2]);

impl Apart {
    fn add(&mut self, names: &Names, keyed: impl ParallelIterator<Item = (u64, u32)>, nearer: impl Fn(u32) -> u32) {
        let mut keyed: Vec<(u64, u32)> = keyed.collect();
        keyed.par_sort_unstable();
        let thinned = |g: &[(u64, u32)]| names.len() > MANY_NAMES && g.len() < FEW_MEET;
        let taken = |g: &[(u64, u32)]| !thinned(g) || g[0].0 >> 32 & (THINNING - 1) == 0;
        let apart = |g: &[(u64, u32)]| g.iter().any(|e| nearer(e.1) != nearer(g[0].1));
        let mut members: Vec<u32> = Vec::new();
        for group in keyed.chunk_by(|a, b| a.0 == b.0).filter(|g| taken(g) && apart(g)) {
            let kind = usize::from(thinned(group));
            members.clear();
            members.extend(group.iter().map(|e| e.1));
            self.alike[kind].push(members.iter().copied());
            members.sort_unstable_by_key(|n| nearer(*n));
            members.chunk_by(|a, b| nearer(*a) == nearer(*b)).for_each(|same| self.nearer[kind].push(same.iter().copied()));
        }
    }

    pub fn counts(&self, all: &[u32]) -> ApartCounts {
        ApartCounts([0, 1].map(|kind| [self.alike[kind].counts(all), self.nearer[kind].counts(all)]))
    }
}

impl ApartCounts {
    /// Pairs of rows whose names share a key and no more.
    pub fn joined(&self, other: &Self) -> f64 {
        let of = |kind: usize| {
            let ([alike, nearer], [other_alike, other_nearer]) = (&self.0[kind], &other.0[kind]);
            dot(alike, other_alike) - dot(nearer, other_nearer)
        };
        (of(0) + of(1) * THINNING as f64).max(0.0)
    }
}

/// Under one number: names of one kind, and names of another.
#[derive(Default)]
struct Across {
    few: Groups,
    many: Groups,
}

impl Across {
    fn add(&mut self, few: impl ParallelIterator<Item = (u64, u32)>, many: impl ParallelIterator<Item = (u64, u32)>) {
        let mut few: Vec<(u64, u32)> = few.collect();
        let keys: FxHashSet<u64> = few.iter().map(|e| e.0).collect();
        let mut many: Vec<(u64, u32)> = many.filter(|e| keys.contains(&e.0)).collect();
        few.par_sort_unstable();
        many.par_sort_unstable();
        let mut rest = few.as_slice();
        for group in many.chunk_by(|a, b| a.0 == b.0) {
            let key = group[0].0;
            rest = &rest[rest.partition_point(|e| e.0 < key)..];
            self.few.push(rest.iter().take_while(|e| e.0 == key).map(|e| e.1));
            self.many.push(group.iter().map(|e| e.1));
        }
    }

    fn counts(&self, all: &[u32]) -> [Vec<u32>; 2] {
        [self.few.counts(all), self.many.counts(all)]
    }
}

/// What the names of a field have in common.
pub(super) struct NameGroups {
    /// One place left open, and those that sound the same besides.
    pub one_apart: Apart,
    /// The same of the first place alone.
    pub surname_apart: Apart,
    /// The same characters, whatever their order; the names themselves.
    reordered: Apart,
    /// The same shape, and those that sound the same besides.
    shape: Apart,
    /// Names that begin with the whole of another, and these.
    cut_short: Across,
    /// Names with a character more than another.
    one_more: Across,
}

impl NameGroups {
    pub fn of(names: &Names) -> Self {
        let all = || (1..names.len() as u32).into_par_iter();
        let sound = |n: u32| names.pinyin[n as usize];
        let (mut one_apart, mut surname_apart) = (Apart::default(), Apart::default());
        // place by place: keys of one place never meet those of another
        for place in 0..names.longest() {
            one_apart.add(names, all().filter_map(|n| Some((names.left_open(n, place)?, n))), sound);
        }
        surname_apart.add(names, all().filter_map(|n| Some((names.left_open(n, 0)?, n))), sound);
        let (mut reordered, mut shape) = (Apart::default(), Apart::default());
        reordered.add(names, all().filter_map(|n| Some((names.characters_in_order(n)?, n))), |n| n);
        shape.add(names, all().map(|n| (u64::from(names.shape(n)), n)), sound);
        let (mut cut_short, mut one_more) = (Across::default(), Across::default());
        let whole = |n: u32| Some((names.whole(n)?, n));
        cut_short.add(all().flat_map_iter(|n| names.beginnings(n).map(move |key| (key, n))), all().filter_map(whole));
        let without_one = |n: u32| names.without_one(n).map(move |key| (key, n));
        let of_length = |lengths: RangeInclusive<usize>| all().filter(move |n| lengths.contains(&names.length(*n)));
        // names of two characters are few, and names of four
        one_more.add(of_length(2..=2).filter_map(whole), of_length(3..=3).flat_map_iter(without_one));
        one_more.add(of_length(4..=usize::MAX).flat_map_iter(without_one), of_length(3..=usize::MAX).filter_map(whole));
        Self { one_apart, surname_apart, reordered, shape, cut_short, one_more }
    }
}

/// How often the names of a list of rows stand, and what they have in common.
pub(super) struct NameCounts {
    /// By number of the name, its sound, its surname.
    by: [Vec<u32>; 3],
    one_apart: ApartCounts,
    surname_apart: ApartCounts,
    reordered: ApartCounts,
    shape: ApartCounts,
    cut_short: [Vec<u32>; 2],
    one_more: [Vec<u32>; 2],
}

impl NameCounts {
    pub fn of(encoded: &Encoded, rows: &Range<u32>, names: &Names, groups: &NameGroups, at: usize) -> Self {
        let all = counts_of_small(encoded, rows, names.len(), |r| r[at]);
        let mut surname = vec![0u32; names.first_kinds];
        all.iter().zip(&names.first).for_each(|(n, first)| surname[*first as usize] += n);
        Self {
            one_apart: groups.one_apart.counts(&all),
            surname_apart: groups.surname_apart.counts(&all),
            reordered: groups.reordered.counts(&all),
            shape: groups.shape.counts(&all),
            cut_short: groups.cut_short.counts(&all),
            one_more: groups.one_more.counts(&all),
            by: [names.by_sound(&all), surname, all],
        }
    }

    /// Pairs with the rows of another list by level.
    pub fn levels(&self, other: &Self) -> Vec<f64> {
        let [sound, first, same] = std::array::from_fn(|by| dot(&self.by[by], &other.by[by]));
        let total = |n: &NameCounts| n.by[2].iter().map(|n| f64::from(*n)).sum::<f64>();
        let all = total(self) * total(other);
        let across = |l: &[Vec<u32>; 2], r: &[Vec<u32>; 2]| dot(&l[0], &r[1]) + dot(&r[0], &l[1]);
        let homophone = sound - same;
        let look_alike = self.shape.joined(&other.shape);
        let cut = across(&self.cut_short, &other.cut_short);
        let one = self.one_apart.joined(&other.one_apart) - look_alike + across(&self.one_more, &other.one_more);
        let reordered = self.reordered.joined(&other.reordered);
        // of names that differ in one of two or three further places most share the surname
        let surname = (first - same - homophone - look_alike - (one - self.other_surname(other)) - cut).max(0.0);
        let rest = (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0);
        vec![same, homophone, look_alike, one.max(0.0), cut, reordered, surname, rest]
    }

    /// Pairs whose names differ in the surname alone.
    pub fn other_surname(&self, other: &Self) -> f64 {
        self.surname_apart.joined(&other.surname_apart)
    }
}
