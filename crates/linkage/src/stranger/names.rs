//! How often names that are alike meet.

use std::ops::RangeInclusive;

use crate::field::name::Names;
use crate::frequency::Lists;
use crate::intern::{DIGESTS_AT_ONCE, Numbers};
use rayon::prelude::*;

/// Above so many numbers of names by list the kinds are counted one after the other, to spare memory.
const MANY_COUNTS: usize = 1 << 25;
/// Few names are of more characters.
const USUAL_LENGTH: usize = 3;

/// Pairs of rows of two lists, by these.
#[derive(Clone)]
struct Meetings {
    lists: usize,
    pairs: Vec<f64>,
}

impl Meetings {
    fn none(lists: &Lists) -> Self {
        Self { lists: lists.count, pairs: vec![0.0; lists.count * lists.count] }
    }

    /// Rows of one name meet.
    fn of_names(lists: &Lists, names: impl Iterator<Item = u32>) -> Self {
        let mut out = Self::none(lists);
        names.for_each(|n| out.add(lists.of_name(n), lists.of_name(n), 1));
        out
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

/// Keys as a small set that lets some others pass too.
struct Marks(Vec<u64>);

impl Marks {
    const PLACES_A_KEY: usize = 8;

    fn with_room(keys: usize) -> Self {
        Self(vec![0; (keys * Self::PLACES_A_KEY / 64).next_power_of_two()])
    }

    fn place(&self, key: u64) -> (usize, u64) {
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed >> 32) as usize & (self.0.len() - 1), 1 << (mixed >> 26 & 63))
    }

    /// Whether it was there before.
    fn mark(&mut self, key: u64) -> bool {
        let (at, bit) = self.place(key);
        let before = self.0[at] & bit != 0;
        self.0[at] |= bit;
        before
    }

    fn has(&self, key: u64) -> bool {
        let (at, bit) = self.place(key);
        self.0[at] & bit != 0
    }
}

/// Names that share their key with another one, and some more.
fn shared(names: usize, keyed: impl Iterator<Item = (u64, u32)> + Clone) -> Vec<(u64, u32)> {
    let (mut once, mut again) = (Marks::with_room(names), Marks::with_room(names));
    for (key, _) in keyed.clone() {
        if once.mark(key) {
            again.mark(key);
        }
    }
    keyed.filter(|(key, _)| again.has(*key)).collect()
}

/// Rows of each list under each of some keys.
struct Sums<'l> {
    lists: &'l Lists,
    numbers: Numbers,
    rows: Vec<u32>,
}

impl<'l> Sums<'l> {
    fn of(lists: &'l Lists, mut keyed: impl Iterator<Item = (u64, u32)>) -> Self {
        let (mut numbers, mut rows) = (Numbers::default(), Vec::new());
        let (mut keys, mut names) = (Vec::new(), Vec::new());
        loop {
            keys.clear();
            names.clear();
            for (key, name) in keyed.by_ref().take(DIGESTS_AT_ONCE) {
                keys.push(key);
                names.push(name);
            }
            if keys.is_empty() {
                return Self { lists, numbers, rows };
            }
            numbers.of_all(&keys, |i, number, is_new| {
                let of_name = lists.of_name(names[i]);
                if is_new {
                    rows.extend_from_slice(of_name);
                } else {
                    add(&mut rows[number as usize * lists.count..], of_name);
                }
            });
        }
    }

    fn by(lists: &'l Lists, names: impl Iterator<Item = u32>, key: impl Fn(u32) -> Option<u64>) -> Self {
        Self::of(lists, names.filter_map(|n| Some((key(n)?, n))))
    }

    /// Rows under one key meet.
    fn meetings(&self) -> Meetings {
        let mut out = Meetings::none(self.lists);
        self.rows.chunks_exact(self.lists.count).for_each(|rows| out.add(rows, rows, 1));
        out
    }

    /// Rows under a key meet those of other names that have it.
    fn meetings_with(&self, keyed: impl Iterator<Item = (u64, u32)>) -> Meetings {
        let count = self.lists.count;
        let mut marks = Marks::with_room(self.numbers.len());
        self.numbers.iter().for_each(|(key, _)| _ = marks.mark(key));
        let mut of_others = vec![0; self.rows.len()];
        for (key, name) in keyed.filter(|(key, _)| marks.has(*key)) {
            if let Some(number) = self.numbers.get(key) {
                add(&mut of_others[number as usize * count..], self.lists.of_name(name));
            }
        }
        let mut out = Meetings::none(self.lists);
        for (rows, others) in self.rows.chunks_exact(count).zip(of_others.chunks_exact(count)) {
            out.add(rows, others, 1);
            out.add(others, rows, 1);
        }
        out
    }
}

fn add(sums: &mut [u32], rows: &[u32]) {
    sums.iter_mut().zip(rows).for_each(|(sum, n)| *sum += n);
}

/// How often names that sound alike meet.
struct SoundAlike {
    all: Meetings,
    /// One place differs at most: the first…
    first: Meetings,
    /// …or another one.
    further: Meetings,
}

impl SoundAlike {
    /// The missing name is left out.
    fn of(names: &Names, lists: &Lists) -> Self {
        let mut of_sound = vec![0u32; names.pinyin_kinds];
        names.pinyin[1..].iter().for_each(|sound| of_sound[*sound as usize] += 1);
        let (mut ends, mut total) = (of_sound.clone(), 0);
        for end in &mut ends {
            let alike = if *end > 1 { *end } else { 0 };
            *end = total;
            total += alike;
        }
        let [all, first, further] = std::array::from_fn(|_| Meetings::none(lists));
        let mut out = Self { all, first, further };
        // names that sound like another one, in order of their sound
        let mut alike = vec![0; total as usize];
        for (name, sound) in (1..).zip(&names.pinyin[1..]) {
            if of_sound[*sound as usize] == 1 {
                let (rows, open) = (lists.of_name(name), names.open_places(name));
                out.all.add(rows, rows, 1);
                out.first.add(rows, rows, open.min(1));
                out.further.add(rows, rows, open.saturating_sub(1));
            } else {
                let end = &mut ends[*sound as usize];
                alike[*end as usize] = name;
                *end += 1;
            }
        }
        ends.dedup();
        let mut room = Room::default();
        ends.windows(2).for_each(|w| out.add(names, lists, &alike[w[0] as usize..w[1] as usize], &mut room));
        out
    }

    /// Names that sound the same.
    fn add(&mut self, names: &Names, lists: &Lists, alike: &[u32], room: &mut Room) {
        room.sum_of(lists, alike.iter().copied());
        self.all.add(&room.sum, &room.sum, 1);
        for place in 0..alike.iter().map(|n| names.open_places(*n)).max().unwrap_or(0) {
            let mut keyed = std::mem::take(&mut room.keyed);
            keyed.extend(alike.iter().filter_map(|n| Some((names.left_open(*n, place)?, *n))));
            keyed.sort_unstable();
            let meetings = if place == 0 { &mut self.first } else { &mut self.further };
            for same in keyed.chunk_by(|a, b| a.0 == b.0) {
                room.sum_of(lists, same.iter().map(|e| e.1));
                meetings.add(&room.sum, &room.sum, 1);
            }
            keyed.clear();
            room.keyed = keyed;
        }
    }
}

/// Room to reckon in.
#[derive(Default)]
struct Room {
    keyed: Vec<(u64, u32)>,
    sum: Vec<u32>,
}

impl Room {
    fn sum_of(&mut self, lists: &Lists, names: impl Iterator<Item = u32>) {
        self.sum.clear();
        self.sum.resize(lists.count, 0);
        names.for_each(|n| add(&mut self.sum, lists.of_name(n)));
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
pub(super) struct NamesMet<'l> {
    lists: &'l Lists,
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

impl<'l> NamesMet<'l> {
    /// Of a field's names, by the lists on which they stand.
    pub fn of(names: &Names, lists: &'l Lists) -> Self {
        let all = || 1..names.len() as u32;
        let whole = |n: u32| Some((names.whole(n)?, n));
        let without_one = |n: u32| names.without_one(n).map(move |key| (key, n));
        let of_length = |lengths: RangeInclusive<usize>| all().filter(move |n| lengths.contains(&names.length(*n)));
        // of names that alone have their key a name meets itself only, which is no news
        let by_shape = || shared(names.len(), all().map(|n| (u64::from(names.shape(n)), n)));
        let by_characters = || shared(names.len(), all().filter_map(|n| Some((names.characters_in_order(n)?, n))));
        let of_keyed = |keyed: &[(u64, u32)]| Sums::of(lists, keyed.iter().copied()).meetings();
        type Count<'c> = Box<dyn Fn() -> Meetings + Send + Sync + 'c>;
        let kinds: [Count; 8] = [
            Box::new(|| {
                let mut keyed = by_shape();
                let alike = of_keyed(&keyed);
                keyed.iter_mut().for_each(|(shape, n)| *shape = *shape << 32 | u64::from(names.pinyin[*n as usize]));
                alike.with(&of_keyed(&keyed), -1.0)
            }),
            Box::new(|| {
                let mut keyed = by_characters();
                let alike = of_keyed(&keyed);
                keyed.iter_mut().for_each(|(key, n)| *key = key.rotate_left(32) ^ u64::from(names.pinyin[*n as usize]));
                alike.with(&of_keyed(&keyed), -1.0)
            }),
            Box::new(|| Sums::by(lists, all(), |_| Some(0)).meetings()),
            Box::new(|| Meetings::of_names(lists, all())),
            Box::new(|| Sums::by(lists, all(), |n| Some(u64::from(names.first[n as usize]))).meetings()),
            Box::new(|| {
                let beginnings = all().flat_map(|n| names.beginnings(n).map(move |key| (key, n)));
                Sums::of(lists, beginnings).meetings_with(all().filter_map(whole))
            }),
            // names of two characters are few, and names of four
            Box::new(|| {
                Sums::of(lists, of_length(2..=2).filter_map(whole)).meetings_with(of_length(3..=3).flat_map(without_one))
            }),
            Box::new(|| {
                let four = Sums::of(lists, of_length(4..=usize::MAX).flat_map(without_one));
                four.meetings_with(of_length(3..=usize::MAX).filter_map(whole))
            }),
        ];
        let long: Vec<u32> = of_length(USUAL_LENGTH + 1..=usize::MAX).collect();
        let longest = long.iter().map(|n| names.length(*n)).max().unwrap_or(USUAL_LENGTH);
        let by_place = (0..longest).map(|place| -> Count {
            let (long, left_open) = (&long, move |n: u32| names.left_open(n, place));
            if place < USUAL_LENGTH {
                Box::new(move || Sums::by(lists, all(), left_open).meetings())
            } else {
                Box::new(move || Sums::by(lists, long.iter().copied(), left_open).meetings())
            }
        });
        let work: Vec<Count> = kinds.into_iter().chain(by_place).collect();
        let sound_alike = || SoundAlike::of(names, lists);
        let (sound, counted): (SoundAlike, Vec<Meetings>) = if lists.size() > MANY_COUNTS {
            (sound_alike(), work.iter().map(|count| count()).collect())
        } else {
            rayon::join(sound_alike, || work.par_iter().with_max_len(1).map(|count| count()).collect())
        };
        let mut counted = counted.into_iter();
        let [look_alike, reordered, all, same, same_first, cut_short, three, four] =
            std::array::from_fn(|_| counted.next().expect("each kind is counted"));
        let other_surname = counted.next().expect("of the first place").with(&sound.first, -1.0);
        let further = counted.fold(sound.further, |sum, place| sum.with(&place, -1.0));
        let one_apart = other_surname.clone().with(&further, -1.0);
        Self {
            lists,
            homophone: sound.all.with(&same, -1.0),
            // most look-alikes differ in one place
            one_character: one_apart.clone().with(&look_alike, -1.0).with(&three, 1.0).with(&four, 1.0),
            reordered,
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
        let lists = |source: usize| self.lists.of_source(source).iter().flatten();
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
        let list = |source: usize, sex: usize| self.lists.of_source(source)[sex];
        let of = |l: usize, r: usize| -> f64 {
            let both = list(left, l).zip(list(right, r));
            both.map_or(0.0, |(l, r)| kinds.iter().map(|m| m.pairs[l * m.lists + r]).sum())
        };
        let sexes = || 1..self.lists.of_source(left).len();
        let of_one: f64 = sexes().map(|s| of(s, s)).sum();
        let both: f64 = sexes().flat_map(|l| sexes().map(move |r| (l, r))).map(|(l, r)| of(l, r)).sum();
        [of_one.max(0.0), (both - of_one).max(0.0)]
    }
}
