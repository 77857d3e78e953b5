//! How often names that are alike meet.

use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::SEXES;
use crate::encode::Encoded;
use crate::field::name::Names;

/// Above so many numbers of names by list the kinds are counted one after the other, to spare memory.
const MANY_COUNTS: usize = 1 << 25;

/// How often each name stands in each of several lists of rows.
struct Lists {
    lists: usize,
    /// By source and its lists: which list it is, if it has rows.
    columns: Vec<Option<usize>>,
    /// By name, then by list.
    counts: Vec<u32>,
}

impl Lists {
    /// `name_and_list` says of a record its name and which of the lists of its source it is on.
    fn of(encoded: &Encoded, names: usize, of_source: usize, name_and_list: impl Fn(&[u32]) -> (u32, u32)) -> Self {
        let rows = |source: usize| encoded.range(source).map(|i| name_and_list(encoded.record(i)));
        let mut columns = vec![None; encoded.sources() * of_source];
        let mut lists = 0;
        for source in 0..encoded.sources() {
            let mut has_rows = vec![false; of_source];
            for (_, list) in rows(source) {
                has_rows[list as usize] = true;
                if has_rows.iter().all(|has| *has) {
                    break;
                }
            }
            for list in (0..of_source).filter(|l| has_rows[*l]) {
                columns[source * of_source + list] = Some(lists);
                lists += 1;
            }
        }
        let lists = lists.max(1);
        let mut counts = vec![0; names * lists];
        for source in 0..encoded.sources() {
            for (name, list) in rows(source) {
                let column = columns[source * of_source + list as usize];
                column.iter().for_each(|column| counts[name as usize * lists + column] += 1);
            }
        }
        Self { lists, columns, counts }
    }

    fn of_name(&self, name: u32) -> &[u32] {
        &self.counts[name as usize * self.lists..][..self.lists]
    }
}

/// Pairs of rows of two lists, by these.
#[derive(Clone)]
struct Meetings {
    lists: usize,
    pairs: Vec<f64>,
}

impl Meetings {
    fn none(lists: usize) -> Self {
        Self { lists, pairs: vec![0.0; lists * lists] }
    }

    /// Rows by list meet others so many times.
    fn add(&mut self, rows: &[u32], others: &[u32], times: usize) {
        for (sums, x) in self.pairs.chunks_exact_mut(self.lists).zip(rows).filter(|(_, x)| times > 0 && **x != 0) {
            let x = f64::from(*x) * times as f64;
            sums.iter_mut().zip(others).for_each(|(sum, y)| *sum += x * f64::from(*y));
        }
    }

    fn with(mut self, other: &Self, times: f64) -> Self {
        self.pairs.iter_mut().zip(&other.pairs).for_each(|(x, y)| *x += y * times);
        self
    }
}

/// Rows of each list under each of some keys.
struct Sums {
    lists: usize,
    numbers: FxHashMap<u64, u32>,
    rows: Vec<u32>,
}

impl Sums {
    fn of(lists: &Lists, keyed: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut sums = Self { lists: lists.lists, numbers: FxHashMap::default(), rows: Vec::new() };
        for (key, name) in keyed {
            let next = sums.numbers.len() as u32;
            let number = *sums.numbers.entry(key).or_insert(next) as usize;
            if number == next as usize {
                sums.rows.extend_from_slice(lists.of_name(name));
            } else {
                sums.add(number, lists.of_name(name));
            }
        }
        sums
    }

    fn by(lists: &Lists, names: impl Iterator<Item = u32>, key: impl Fn(u32) -> Option<u64>) -> Self {
        Self::of(lists, names.filter_map(|n| Some((key(n)?, n))))
    }

    fn add(&mut self, number: usize, rows: &[u32]) {
        self.rows[number * self.lists..][..self.lists].iter_mut().zip(rows).for_each(|(sum, n)| *sum += n);
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.rows.chunks_exact(self.lists)
    }

    /// Rows under one key meet.
    fn meetings(&self) -> Meetings {
        let mut out = Meetings::none(self.lists);
        self.iter().for_each(|rows| out.add(rows, rows, 1));
        out
    }

    /// Rows under a key meet those of other names that have it.
    fn meetings_with(&self, lists: &Lists, keyed: impl Iterator<Item = (u64, u32)>) -> Meetings {
        let mut out = Meetings::none(self.lists);
        let mut others = Self { lists: self.lists, numbers: FxHashMap::default(), rows: vec![0; self.rows.len()] };
        for (number, name) in keyed.filter_map(|(key, name)| Some((*self.numbers.get(&key)?, name))) {
            others.add(number as usize, lists.of_name(name));
        }
        for (rows, others) in self.iter().zip(others.iter()) {
            out.add(rows, others, 1);
            out.add(others, rows, 1);
        }
        out
    }
}

/// Names by their sound.
struct BySound<'l> {
    lists: &'l Lists,
    /// Names that sound like another one, in order of their sound.
    names: Vec<u32>,
    /// Where those of a sound end, after a zero for the missing name's.
    ends: Vec<u32>,
    /// Rows with a name that sounds like no other one meet…
    apart: Meetings,
    /// …once for a first place left open…
    apart_at_first: Meetings,
    /// …and once for each further place.
    apart_further: Meetings,
}

impl<'l> BySound<'l> {
    /// The missing name is left out.
    fn of(names: &Names, lists: &'l Lists) -> Self {
        let mut of_sound = vec![0u32; names.pinyin_kinds];
        names.pinyin[1..].iter().for_each(|sound| of_sound[*sound as usize] += 1);
        let (mut ends, mut total) = (of_sound.clone(), 0);
        for end in &mut ends {
            let alike = if *end > 1 { *end } else { 0 };
            *end = total;
            total += alike;
        }
        let none = || Meetings::none(lists.lists);
        let (apart, apart_at_first, apart_further) = (none(), none(), none());
        let mut out = Self { lists, names: vec![0; total as usize], ends, apart, apart_at_first, apart_further };
        for (name, sound) in (1..).zip(&names.pinyin[1..]) {
            if of_sound[*sound as usize] == 1 {
                let (rows, open) = (lists.of_name(name), names.open_places(name));
                out.apart.add(rows, rows, 1);
                out.apart_at_first.add(rows, rows, open.min(1));
                out.apart_further.add(rows, rows, open.saturating_sub(1));
            } else {
                out.names[out.ends[*sound as usize] as usize] = name;
                out.ends[*sound as usize] += 1;
            }
        }
        out.ends.dedup();
        out
    }

    /// Names of two at least that sound the same.
    fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.ends.windows(2).map(|w| &self.names[w[0] as usize..w[1] as usize])
    }

    /// Rows whose names sound the same and share one of some keys meet; `apart` says it of names that sound like no other one.
    fn meetings(&self, apart: &Meetings, keys: Range<usize>, key: impl Fn(u32, usize) -> Option<u64>) -> Meetings {
        let mut out = apart.clone();
        let mut keyed: Vec<(u64, u32)> = Vec::new();
        let mut sum: Vec<u32> = Vec::new();
        for names in self.groups() {
            for place in keys.clone() {
                keyed.clear();
                keyed.extend(names.iter().filter_map(|n| Some((key(*n, place)?, *n))));
                keyed.sort_unstable();
                for same in keyed.chunk_by(|a, b| a.0 == b.0) {
                    sum.clear();
                    sum.extend_from_slice(self.lists.of_name(same[0].1));
                    same[1..].iter().for_each(|(_, n)| sum.iter_mut().zip(self.lists.of_name(*n)).for_each(|(s, n)| *s += n));
                    out.add(&sum, &sum, 1);
                }
            }
        }
        out
    }
}

/// Sets of levels at which names still tell a sex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alike {
    Same,
    /// They sound or look alike.
    Nearly,
    OneCharacter,
}

/// How often the names of a field meet, by two sources.
pub(super) struct NamesMet {
    /// Lists of a source: one a sex where names are asked for it.
    lists_of_source: usize,
    /// Which list each of a source is, if it has rows.
    columns: Vec<Option<usize>>,
    all: Meetings,
    same: Meetings,
    homophone: Meetings,
    look_alike: Meetings,
    same_first: Meetings,
    /// A character differs, or is left out.
    one_character: Meetings,
    /// One place differs: those that sound the same are not among them.
    one_apart: Meetings,
    /// The same of the first place alone.
    other_surname: Meetings,
    cut_short: Meetings,
    reordered: Meetings,
}

impl NamesMet {
    /// Of the field whose words stand at `at`, those of a sex that says more at `sex`.
    pub fn of(encoded: &Encoded, names: &Names, at: usize, sex: Option<usize>) -> Self {
        let lists_of_source = if sex.is_some() { SEXES } else { 1 };
        let lists = &Lists::of(encoded, names.len(), lists_of_source, |r| (r[at], sex.map_or(0, |sex| r[sex])));
        let all = || 1..names.len() as u32;
        let whole = |n: u32| Some((names.whole(n)?, n));
        let without_one = |n: u32| names.without_one(n).map(move |key| (key, n));
        let of_length = |lengths: RangeInclusive<usize>| all().filter(move |n| lengths.contains(&names.length(*n)));
        let by_sound = &BySound::of(names, lists);
        let shape = |n: u32| Some(u64::from(names.shape(n)));
        let left_open = |n: u32, place: usize| names.left_open(n, place);
        type Count<'c> = Box<dyn Fn() -> Meetings + Send + Sync + 'c>;
        let kinds: [Count; 11] = [
            Box::new(|| by_sound.meetings(&by_sound.apart_further, 1..names.longest(), left_open)),
            Box::new(|| by_sound.meetings(&by_sound.apart_at_first, 0..1, left_open)),
            Box::new(|| Sums::by(lists, all(), |_| Some(0)).meetings()),
            Box::new(|| by_sound.meetings(&by_sound.apart, 0..1, |n, _| Some(u64::from(n)))),
            Box::new(|| by_sound.meetings(&by_sound.apart, 0..1, |_, _| Some(0))),
            Box::new(|| {
                Sums::by(lists, all(), shape).meetings().with(&by_sound.meetings(&by_sound.apart, 0..1, |n, _| shape(n)), -1.0)
            }),
            Box::new(|| Sums::by(lists, all(), |n| Some(u64::from(names.first[n as usize]))).meetings()),
            Box::new(|| Sums::by(lists, all(), |n| names.characters_in_order(n)).meetings()),
            Box::new(|| {
                let beginnings = all().flat_map(|n| names.beginnings(n).map(move |key| (key, n)));
                Sums::of(lists, beginnings).meetings_with(lists, all().filter_map(whole))
            }),
            // names of two characters are few, and names of four
            Box::new(|| {
                Sums::of(lists, of_length(2..=2).filter_map(whole)).meetings_with(lists, of_length(3..=3).flat_map(without_one))
            }),
            Box::new(|| {
                let four = Sums::of(lists, of_length(4..=usize::MAX).flat_map(without_one));
                four.meetings_with(lists, of_length(3..=usize::MAX).filter_map(whole))
            }),
        ];
        let by_place = (0..names.longest())
            .map(|place| -> Count { Box::new(move || Sums::by(lists, all(), |n| left_open(n, place)).meetings()) });
        let work: Vec<Count> = kinds.into_iter().chain(by_place).collect();
        let counted: Vec<Meetings> = if lists.counts.len() > MANY_COUNTS {
            work.iter().map(|count| count()).collect()
        } else {
            work.par_iter().with_max_len(1).map(|count| count()).collect()
        };
        let mut counted = counted.into_iter();
        let [further_sound, first_sound, all, same, sound, look_alike, same_first, characters, cut_short, three, four] =
            std::array::from_fn(|_| counted.next().expect("each kind is counted"));
        let other_surname = counted.next().unwrap_or_else(|| Meetings::none(lists.lists)).with(&first_sound, -1.0);
        let further = counted.fold(further_sound, |sum, place| sum.with(&place, -1.0));
        let one_apart = other_surname.clone().with(&further, -1.0);
        Self {
            lists_of_source,
            columns: lists.columns.clone(),
            homophone: sound.with(&same, -1.0),
            // most look-alikes differ in one place
            one_character: one_apart.clone().with(&look_alike, -1.0).with(&three, 1.0).with(&four, 1.0),
            reordered: characters.with(&same, -1.0),
            all,
            same,
            look_alike,
            same_first,
            one_apart,
            other_surname,
            cut_short,
        }
    }

    /// Pairs of rows of two sources.
    fn pairs(&self, of: &Meetings, (left, right): (usize, usize)) -> f64 {
        let lists = |source: usize| self.columns[source * self.lists_of_source..][..self.lists_of_source].iter().flatten();
        lists(left).flat_map(|l| lists(right).map(move |r| of.pairs[l * of.lists + r])).sum()
    }

    /// Pairs of rows of two sources by level.
    pub fn levels(&self, sources: (usize, usize)) -> Vec<f64> {
        let of = |m: &Meetings| self.pairs(m, sources).max(0.0);
        let [same, homophone, look_alike] = [&self.same, &self.homophone, &self.look_alike].map(of);
        let [one, cut, reordered] = [&self.one_character, &self.cut_short, &self.reordered].map(of);
        // of names that differ in one of two or three further places most share the surname
        let one_of_surname = one - self.other_surname(sources);
        let surname = (of(&self.same_first) - same - homophone - look_alike - one_of_surname - cut).max(0.0);
        let rest = (of(&self.all) - same - homophone - look_alike - one - cut - reordered - surname).max(0.0);
        vec![same, homophone, look_alike, one, cut, reordered, surname, rest]
    }

    /// Pairs whose names differ in the surname alone.
    pub fn other_surname(&self, sources: (usize, usize)) -> f64 {
        self.pairs(&self.other_surname, sources).max(0.0)
    }

    /// The share of these among pairs whose names differ in one place.
    pub fn share_of_other_surname(&self, sources: (usize, usize)) -> f64 {
        let all = self.pairs(&self.one_apart, sources);
        if all > 0.0 { (self.other_surname(sources) / all).min(1.0) } else { 0.5 }
    }

    /// Pairs that show one of some levels, by whether they are of one sex or of two.
    pub fn by_sex(&self, levels: Alike, (left, right): (usize, usize)) -> [f64; 2] {
        let kinds: &[&Meetings] = match levels {
            Alike::Same => &[&self.same],
            Alike::Nearly => &[&self.homophone, &self.look_alike],
            Alike::OneCharacter => &[&self.one_character],
        };
        let list = |source: usize, sex: usize| self.columns[source * self.lists_of_source + sex];
        let of = |l: usize, r: usize| -> f64 {
            let both = list(left, l).zip(list(right, r));
            both.map_or(0.0, |(l, r)| kinds.iter().map(|m| m.pairs[l * m.lists + r]).sum())
        };
        let sexes = || 1..self.lists_of_source;
        let of_one: f64 = sexes().map(|s| of(s, s)).sum();
        let both: f64 = sexes().flat_map(|l| sexes().map(move |r| (l, r))).map(|(l, r)| of(l, r)).sum();
        [of_one.max(0.0), (both - of_one).max(0.0)]
    }
}
