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

    /// Names under each key.
    fn of(keyed: impl ParallelIterator<Item = (u64, u32)>) -> Self {
        let mut keyed: Vec<(u64, u32)> = keyed.collect();
        keyed.par_sort_unstable();
        let mut out = Self::default();
        keyed.chunk_by(|a, b| a.0 == b.0).for_each(|group| out.push(group.iter().map(|e| e.1)));
        out
    }

    /// Names of one kind and of the other under each key that both have.
    fn crosswise(keyed: impl ParallelIterator<Item = (u64, bool, u32)>) -> (Self, Self) {
        let mut keyed: Vec<(u64, bool, u32)> = keyed.collect();
        keyed.par_sort_unstable();
        let (mut one, mut other) = (Self::default(), Self::default());
        for group in keyed.chunk_by(|a, b| a.0 == b.0) {
            let (ones, others) = group.split_at(group.partition_point(|e| !e.1));
            if !ones.is_empty() && !others.is_empty() {
                one.push(ones.iter().map(|e| e.2));
                other.push(others.iter().map(|e| e.2));
            }
        }
        (one, other)
    }

    /// Rows in each group, `all` being how often each name stands.
    fn counts(&self, all: &[u32]) -> Vec<u32> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let groups = starts.zip(&self.ends).map(|(start, end)| &self.names[*start as usize..*end as usize]);
        groups.map(|group| group.iter().map(|n| all[*n as usize]).sum()).collect()
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
    /// The same of names that have one character more, wherever.
    without_one: Groups,
    with_one: Groups,
    /// Names of the same characters, whatever their order.
    reordered: Groups,
    /// Names that look and sound the same.
    look_and_sound: Groups,
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
        let (whole, longer) = Groups::crosswise(all().flat_map_iter(|n| names.beginnings(n).map(move |(whole, key)| (key, !whole, n))));
        let shorter = |n: u32| names.one_left_out(n).map(move |(whole, key)| (key, !whole, n));
        let (without_one, with_one) = Groups::crosswise(all().flat_map_iter(shorter));
        let reordered = Groups::of(all().filter_map(|n| Some((names.characters_in_order(n)?, n))));
        let look_and_sound = |n: u32| u64::from(names.shape(n)) << 32 | u64::from(names.pinyin[n as usize]);
        let look_and_sound = Groups::of(all().map(|n| (look_and_sound(n), n)));
        Self { anywhere, surname, whole, longer, without_one, with_one, reordered, look_and_sound }
    }
}

/// How often the names of a list of rows stand, and what they have in common.
pub(super) struct NameCounts {
    /// By number of the name, its sound, its shape, its surname, its shape and sound, its characters.
    by: [Vec<u32>; 6],
    anywhere: OneApartCounts,
    surname: OneApartCounts,
    /// Names as a whole, names that begin so; names as a whole, names of one character more.
    crosswise: [Vec<u32>; 4],
}

impl NameCounts {
    pub fn of(encoded: &Encoded, rows: &Range<u32>, names: &Names, groups: &NameGroups, at: usize) -> Self {
        let all = counts_of_small(encoded, rows, names.len(), |r| r[at]);
        let grouped = |kinds: usize, of: &dyn Fn(usize) -> u32| {
            let mut out = vec![0u32; kinds];
            all.iter().enumerate().filter(|(_, n)| **n > 0).for_each(|(i, n)| out[of(i) as usize] += n);
            out
        };
        let shape = grouped(names.shape_kinds, &|i| names.shape(i as u32));
        let surname = grouped(names.first_kinds, &|i| names.first[i]);
        let (look_and_sound, reordered) = (groups.look_and_sound.counts(&all), groups.reordered.counts(&all));
        let crosswise = [&groups.whole, &groups.longer, &groups.without_one, &groups.with_one].map(|of| of.counts(&all));
        Self {
            anywhere: groups.anywhere.counts(&all),
            surname: groups.surname.counts(&all),
            crosswise,
            by: [names.by_sound(&all), shape, surname, look_and_sound, reordered, all],
        }
    }

    /// Pairs with the rows of another list by level.
    pub fn levels(&self, other: &Self) -> Vec<f64> {
        // names by what they share
        let [sound, shape, first, look_and_sound, characters, same] = std::array::from_fn(|by| dot(&self.by[by], &other.by[by]));
        let total = |n: &NameCounts| n.by[5].iter().map(|n| f64::from(*n)).sum::<f64>();
        let all = total(self) * total(other);
        let crosswise = |i: usize| dot(&self.crosswise[i], &other.crosswise[i + 1]) + dot(&other.crosswise[i], &self.crosswise[i + 1]);
        let homophone = sound - same;
        let look_alike = shape - look_and_sound;
        let cut = crosswise(0);
        let one = self.anywhere.joined(&other.anywhere) - look_alike + crosswise(2);
        let reordered = characters - same;
        // of names that differ in one of two or three further places most share the surname
        let surname = (first - same - homophone - look_alike - (one - self.other_surname(other)) - cut).max(0.0);
        let rest = (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0);
        vec![same, homophone, look_alike, one.max(0.0), cut, reordered, surname, rest]
    }

    /// Pairs whose names differ in the surname alone.
    pub fn other_surname(&self, other: &Self) -> f64 {
        self.surname.joined(&other.surname)
    }
}
