//! Names that are alike, and how often they meet.

use std::ops::Range;

use rayon::prelude::*;

use super::counts::{counts_of_small, dot};
use crate::encode::Encoded;
use crate::field::name::Names;

/// Names that share something, under the number of what they share: the same numbers whatever list is counted.
#[derive(Default)]
pub(super) struct Groups {
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
        let mut start = 0;
        let of_group = |end: &u32| {
            let group = &self.names[start..*end as usize];
            start = *end as usize;
            group.iter().map(|n| all[*n as usize]).sum()
        };
        self.ends.iter().map(of_group).collect()
    }
}

/// Names that are the same but for one place, and those of them that sound the same besides. Names that stand alone are left out: they are
/// as often of one kind as of the other.
#[derive(Default)]
pub(super) struct OneApart {
    alike: Groups,
    homophones: Groups,
}

/// How often lists of rows have names one place apart.
pub(super) struct OneApartCounts([Vec<u32>; 2]);

impl OneApart {
    /// `keyed` in order.
    fn of(names: &Names, keyed: &[(u64, u32)]) -> Self {
        let mut out = Self::default();
        for group in keyed.chunk_by(|a, b| a.0 == b.0).filter(|g| g.len() > 1) {
            let mut members: Vec<u32> = group.iter().map(|e| e.1).collect();
            out.alike.push(members.iter().copied());
            let sound = |name: &u32| names.pinyin[*name as usize];
            members.sort_unstable_by_key(sound);
            members.chunk_by(|a, b| sound(a) == sound(b)).for_each(|same| out.homophones.push(same.iter().copied()));
        }
        out
    }

    pub fn counts(&self, all: &[u32]) -> OneApartCounts {
        OneApartCounts([self.alike.counts(all), self.homophones.counts(all)])
    }
}

impl OneApartCounts {
    /// Pairs of rows whose names are one place apart and sound different.
    pub fn joined(&self, other: &Self) -> f64 {
        (dot(&self.0[0], &other.0[0]) - dot(&self.0[1], &other.0[1])).max(0.0)
    }
}

/// What the names of a field have in common.
pub(super) struct NameGroups {
    /// Any place left open.
    pub anywhere: OneApart,
    /// The first place left open.
    pub surname: OneApart,
    /// Under one number: names as a whole, and names that begin so.
    whole: Groups,
    longer: Groups,
}

impl NameGroups {
    pub fn of(names: &Names) -> Self {
        let all = || (1..names.len() as u32).into_par_iter();
        let mut open: Vec<(u64, u32)> = all().flat_map_iter(|n| names.left_open(n).map(move |(_, key)| (key, n))).collect();
        open.par_sort_unstable();
        let anywhere = OneApart::of(names, &open);
        let surname_open = |n: u32| names.left_open(n).filter(|(hole, _)| *hole == 0).map(move |(_, key)| (key, n));
        let mut open: Vec<(u64, u32)> = all().flat_map_iter(surname_open).collect();
        open.par_sort_unstable();
        let surname = OneApart::of(names, &open);
        let beginnings = |n: u32| names.beginnings(n).map(move |(whole, key)| (key, whole, n));
        let mut keyed: Vec<(u64, bool, u32)> = all().flat_map_iter(beginnings).collect();
        keyed.par_sort_unstable();
        let (mut whole, mut longer) = (Groups::default(), Groups::default());
        for group in keyed.chunk_by(|a, b| a.0 == b.0) {
            let (beginnings, wholes) = group.split_at(group.partition_point(|e| !e.1));
            if !beginnings.is_empty() && !wholes.is_empty() {
                longer.push(beginnings.iter().map(|e| e.2));
                whole.push(wholes.iter().map(|e| e.2));
            }
        }
        Self { anywhere, surname, whole, longer }
    }
}

/// How often the names of a list of rows stand, and what they have in common.
pub(super) struct NameCounts {
    /// By number of the name, its sound, its shape, its surname.
    by: [Vec<u32>; 4],
    anywhere: OneApartCounts,
    whole: Vec<u32>,
    longer: Vec<u32>,
}

impl NameCounts {
    pub fn of(encoded: &Encoded, rows: &Range<u32>, names: &Names, groups: &NameGroups, at: usize) -> Self {
        let all = counts_of_small(encoded, rows, names.len(), |r| r[at]);
        let grouped = |kinds: usize, of: &dyn Fn(usize) -> u32| {
            let mut out = vec![0u32; kinds];
            all.iter().enumerate().filter(|(_, n)| **n > 0).for_each(|(i, n)| out[of(i) as usize] += n);
            out
        };
        let sound = grouped(names.pinyin_kinds, &|i| names.pinyin[i]);
        let shape = grouped(names.shape_kinds, &|i| names.shape(i as u32));
        let surname = grouped(names.first_kinds, &|i| names.first[i]);
        let anywhere = groups.anywhere.counts(&all);
        let (whole, longer) = (groups.whole.counts(&all), groups.longer.counts(&all));
        Self { by: [all, sound, shape, surname], anywhere, whole, longer }
    }

    /// Pairs with the rows of another list by level.
    pub fn levels(&self, other: &Self, names: &Names) -> Vec<f64> {
        // names by what they share: themselves, their sound, shape or surname
        let [same, sound, shape, first] = [0, 1, 2, 3].map(|by| dot(&self.by[by], &other.by[by]));
        let total = |n: &NameCounts| f64::from(n.by[0].iter().sum::<u32>());
        let all = total(self) * total(other);
        let homophone = sound - same;
        let look_alike = (shape - same).max(0.0);
        let one = self.anywhere.joined(&other.anywhere) * names.thinning() as f64;
        let cut = dot(&self.whole, &other.longer) + dot(&other.whole, &self.longer);
        // two of a name's characters swapped is as rare as an accident can make it: a homophone's chance is an upper bound
        let reordered = homophone * 0.1;
        let surname = (first - same - homophone - 0.8 * one - cut).max(0.0);
        let rest = (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0);
        vec![same, homophone, look_alike, one, cut, reordered, surname, rest]
    }
}
