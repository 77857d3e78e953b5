//! 巧合 (chance agreement): how many pairs of two lists of rows show each level, whoever they are. Counted exactly over distinct values and
//! keys, never sampled; the few estimates are said beside them.

use std::hash::Hash;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::encode::{Comparator, Comparison, Encoded, residence_of, wide};
use crate::field::name::Names;
use crate::field::residence::Residence;
use crate::field::{Kind, date, national_id, text};

/// More distinct pairs of values than this are thinned evenly when a level has to be counted pair by pair.
const MAX_VALUE_PAIRS: usize = 60_000_000;
/// Numbers of sexes, see `field::parse_sex`: 0 is none.
const SEXES: usize = 3;
/// Mobile numbers that can be given out: 41 heads of three digits, 10^8 each.
const PHONE_NUMBERS: f64 = 4.1e9;

/// A comparison that strangers do not pass by chance alone once another one has come out in a certain way: whoever bears a child's surname
/// mostly has a guardian of that surname.
#[derive(Debug, Clone)]
pub(crate) struct Dependence {
    /// The comparison.
    pub comparison: usize,
    /// The other one, and its levels (one bit each) of which this speaks.
    pub given: (usize, u16),
    /// Pairs that show each level then; `None` where the other one says it all.
    pub mass: Option<Vec<f64>>,
}

/// What of a list of rows says how often they agree with others by chance: counted once, joined with every other source.
pub(crate) struct Tally {
    comparisons: Vec<Counted>,
    dependences: Vec<Depending>,
}

/// The values of a comparison.
enum Counted {
    /// Values by several keys.
    Keys(Vec<Counts>),
    Names(NameCounts),
    /// Distinct values, to be compared with each other.
    Values(Vec<(u32, u32)>),
}

struct NameCounts {
    /// By number of the name, its sound, its shape, its surname.
    by: [Vec<u32>; 4],
    /// Names with a place left open, and the same with their sound.
    masked: [Counts; 2],
    /// Whole names and beginnings of names.
    whole: Counts,
    beginnings: Counts,
}

/// What a comparison of which others depend says.
struct Depending {
    comparison: usize,
    given: (usize, u16),
    keys: Vec<Counts>,
}

impl Tally {
    pub fn of(encoded: &Encoded, rows: &[u32]) -> Self {
        let comparisons = encoded.comparisons.par_iter().map(|c| Counted::of(encoded, c, rows)).collect();
        let depending: Vec<(usize, (usize, u16))> = dependent_comparisons(encoded);
        let dependences = depending
            .into_par_iter()
            .map(|(comparison, given)| Depending { comparison, given, keys: depending_keys(encoded, rows, comparison, given) })
            .collect();
        Self { comparisons, dependences }
    }

    /// By comparison: how many of all pairs with the rows of another tally show each level (index level − 1).
    pub fn masses(&self, other: &Tally, encoded: &Encoded) -> Vec<Vec<f64>> {
        let both = self.comparisons.par_iter().zip(&other.comparisons).zip(&encoded.comparisons[..]);
        both.map(|((l, r), c)| level_mass(encoded, c, l, r)).collect()
    }

    /// What depends on what, with `masses` as counted before.
    pub fn dependences(&self, other: &Tally, encoded: &Encoded, masses: &[Vec<f64>]) -> Vec<Dependence> {
        let mass = |l: &Depending, r: &Depending| {
            let one_character = l.given.1 == levels_of(&[ONE_CHARACTER]);
            let joined: Vec<f64> = l.keys.iter().zip(&r.keys).map(|(l, r)| l.joined(r)).collect();
            match encoded.comparisons[l.comparison].comparator {
                Comparator::Residence { .. } => {
                    // doors as often as villages
                    let all = &masses[l.comparison];
                    let doors = all[0] / (all[0] + all[1]).max(1.0);
                    let mut out = residence_levels(&[&joined[..], &[0.0]].concat());
                    (out[0], out[1]) = (out[1] * doors, out[1] * (1.0 - doors));
                    Some(out)
                }
                Comparator::Same { .. } if one_character => {
                    let apart = |i: usize| (joined[2 * i] - joined[2 * i + 1]).max(0.0);
                    let (same, all) = ((1..SEXES).map(apart).sum::<f64>(), apart(0));
                    let pairs = masses[l.given.0][usize::from(ONE_CHARACTER) - 1];
                    let share = if all > 0.0 { (same / all).min(1.0) } else { 0.5 };
                    Some(vec![pairs * share, pairs * (1.0 - share)])
                }
                Comparator::Same { .. } => Some(vec![joined[0], joined[1] - joined[0]]),
                Comparator::Name { .. } if one_character => {
                    let (other_surname, all) = (joined[3] - joined[4], joined[5] - joined[6]);
                    let other = if all > 0.0 { (other_surname / all).clamp(0.0, 1.0) } else { 0.5 };
                    let pairs = masses[l.given.0][usize::from(ONE_CHARACTER) - 1];
                    let shares = |of: &[f64]| -> Vec<f64> {
                        let total = of.iter().sum::<f64>().max(1.0);
                        of.iter().map(|m| m / total).collect()
                    };
                    let of_family = shares(&adult_levels(&joined[..3], &masses[l.comparison]));
                    let of_others = shares(&masses[l.comparison]);
                    let both = of_family.iter().zip(&of_others);
                    Some(both.map(|(f, o)| pairs * (f * (1.0 - other) + o * other)).collect())
                }
                Comparator::Name { .. } => Some(adult_levels(&joined, &masses[l.comparison])),
                _ => None,
            }
        };
        let dependence =
            |(l, r): (&Depending, &Depending)| Dependence { comparison: l.comparison, given: l.given, mass: mass(l, r) };
        self.dependences.iter().zip(&other.dependences).map(dependence).collect()
    }

    /// By comparison: rows that have a value.
    pub fn present(encoded: &Encoded, rows: &[u32]) -> Vec<f64> {
        let has = |c: &Comparison, i: u32| c.comparator.level(&encoded.fields, encoded.record(i), encoded.record(i)) != 0;
        encoded.comparisons.iter().map(|c| rows.iter().filter(|i| has(c, **i)).count() as f64).collect()
    }
}

/// Which comparisons depend on which, and at which levels of the other one.
fn dependent_comparisons(encoded: &Encoded) -> Vec<(usize, (usize, u16))> {
    let find = |wanted: &dyn Fn(&Comparison) -> bool| encoded.comparisons.iter().position(wanted);
    let number = find(&|c| matches!(c.comparator, Comparator::NationalId { .. }));
    let name = find(&|c| matches!(c.comparator, Comparator::Name { .. }) && !c.household);
    let of = |(i, c): (usize, &Comparison)| match (c.comparator, number, name) {
        // a number holds a birth date: where it agrees, or all but does, the birth date is no news
        (Comparator::Date { .. }, Some(n), _) => vec![(i, (n, levels_of(&[1, 2, 3, 4])))],
        // …and the county where it was given out, where most still live
        (Comparator::Residence { code: Some(_), .. }, Some(n), _) => vec![(i, (n, levels_of(&[4])))],
        // most names are a boy's or a girl's
        (Comparator::Same { at }, _, Some(n)) if encoded.fields.iter().any(|f| f.at == at && f.kind == Kind::Sex) => {
            vec![(i, (n, levels_of(&[1, 2, 3]))), (i, (n, levels_of(&[ONE_CHARACTER])))]
        }
        // a guardian mostly bears the child's surname, which may be the character that differs
        (Comparator::Name { .. }, _, Some(n)) if c.household => {
            vec![(i, (n, levels_of(&[1, 2, 3, 5, 6, 7]))), (i, (n, levels_of(&[ONE_CHARACTER])))]
        }
        _ => Vec::new(),
    };
    encoded.comparisons.iter().enumerate().flat_map(of).collect()
}

/// The level of names a character apart.
const ONE_CHARACTER: u8 = 4;

fn levels_of(levels: &[u8]) -> u16 {
    levels.iter().fold(0, |m, l| m | 1 << l)
}

fn depending_keys(encoded: &Encoded, rows: &[u32], comparison: usize, (given, levels): (usize, u16)) -> Vec<Counts> {
    let one_character = levels == levels_of(&[ONE_CHARACTER]);
    match (encoded.comparisons[comparison].comparator, encoded.comparisons[given].comparator) {
        (Comparator::Residence { code, address }, Comparator::NationalId { at }) => {
            residence_keys(encoded, rows, code, address, Some(&|r: &[u32]| national_id::area(wide(r, at))))
        }
        // names a character apart: by their sex, and all that have one
        (Comparator::Same { at }, Comparator::Name { field, at: child }) if one_character => {
            let names = &encoded.fields[field].names;
            let mut by_sex = vec![vec![0u32; names.len()]; SEXES];
            for r in rows.iter().map(|i| encoded.record(*i)).filter(|r| r[child] != 0 && r[at] != 0) {
                by_sex[r[at] as usize][r[child] as usize] += 1;
                by_sex[0][r[child] as usize] += 1;
            }
            by_sex.iter().flat_map(|counts| names.masked(counts, false)).map(Counts::gather).collect()
        }
        (Comparator::Same { at }, Comparator::Name { field, at: child }) => {
            let names = encoded.fields[field].names.len();
            let (mut both, mut all) = (vec![0; names * SEXES], vec![0; names]);
            for r in rows.iter().map(|i| encoded.record(*i)).filter(|r| r[child] != 0 && r[at] != 0) {
                both[r[child] as usize * SEXES + r[at] as usize] += 1;
                all[r[child] as usize] += 1;
            }
            vec![Counts::Dense(both), Counts::Dense(all)]
        }
        (Comparator::Name { at: adult, .. }, Comparator::Name { field, at: child }) => {
            let (surname, adult_surname) = (child + 2, adult + 2);
            let few = counts_of_few(encoded, rows, |r| (r[adult] != 0).then(|| (r[surname], r[adult_surname])));
            let by = |key: &dyn Fn(u32, u32) -> u64| Counts::gather(few.iter().map(|((c, a), n)| (key(*c, *a), *n)).collect());
            let mut out = vec![
                by(&|c, a| if c == 0 { 0 } else { u64::from(c) << 32 | u64::from(a) }),
                by(&|_, a| u64::from(a)),
                by(&|c, _| u64::from(c)),
            ];
            if one_character {
                // is it the surname that differs?
                let names = &encoded.fields[field].names;
                let mut all = vec![0u32; names.len()];
                rows.iter().map(|i| encoded.record(*i)[child]).filter(|n| *n != 0).for_each(|n| all[n as usize] += 1);
                let keys = [true, false].into_iter().flat_map(|surname_only| names.masked(&all, surname_only));
                out.extend(keys.map(Counts::gather));
            }
            out
        }
        _ => Vec::new(),
    }
}

/// Guardians of children of one surname: the levels of a shared surname keep their proportions. Joined are: surnames of both, surnames of
/// guardians, surnames of children.
fn adult_levels(joined: &[f64], all: &[f64]) -> Vec<f64> {
    let more = if joined[1] > 0.0 { joined[0] / joined[1] } else { 0.0 };
    let last = all.len() - 1;
    let mut out: Vec<f64> = all[..last].iter().map(|m| m * more).collect();
    out.push((joined[2] - out.iter().sum::<f64>()).max(0.0));
    out
}

impl Counted {
    fn of(encoded: &Encoded, c: &Comparison, rows: &[u32]) -> Self {
        let by = |key: &(dyn Fn(&[u32]) -> u64 + Sync)| counts(encoded, rows, key);
        match c.comparator {
            Comparator::NationalId { at } => {
                let numbers = by(&|r| wide(r, at));
                let heads = numbers.values().iter().map(|(id, n)| (national_id::Piece::Head.of(*id), *n));
                let heads = Counts::gather(heads.collect());
                Self::Keys(vec![numbers, heads])
            }
            Comparator::Phone { at } => Self::Keys(vec![by(&|r| wide(r, at))]),
            Comparator::Same { at } => Self::Keys(vec![by(&|r| u64::from(r[at]))]),
            Comparator::Residence { code, address } => Self::Keys(residence_keys(encoded, rows, code, address, None)),
            Comparator::Name { field, at } => Self::Names(NameCounts::of(encoded, rows, field, at)),
            Comparator::Date { at } | Comparator::Text { at, .. } => {
                let mut values: Vec<(u32, u32)> =
                    counts_of_few(encoded, rows, |r| (r[at] != 0).then_some(r[at])).into_iter().collect();
                values.sort_unstable();
                Self::Values(values)
            }
        }
    }
}

impl NameCounts {
    fn of(encoded: &Encoded, rows: &[u32], field: usize, at: usize) -> Self {
        let names = &encoded.fields[field].names;
        let mut all = vec![0u32; names.len()];
        rows.iter().for_each(|i| all[encoded.record(*i)[at] as usize] += 1);
        all[0] = 0;
        let grouped = |kinds: usize, of: &dyn Fn(usize) -> u32| {
            let mut out = vec![0u32; kinds];
            all.iter().enumerate().filter(|(_, n)| **n > 0).for_each(|(i, n)| out[of(i) as usize] += n);
            out
        };
        let sound = grouped(names.pinyin_kinds, &|i| names.pinyin[i]);
        let shape = grouped(names.shape_kinds, &|i| names.shape(i as u32));
        let surname = grouped(names.first_kinds, &|i| names.first[i]);
        let masked = names.masked(&all, false).map(Counts::gather);
        let [whole, beginnings] = names.whole_and_beginnings(&all).map(Counts::gather);
        Self { by: [all, sound, shape, surname], masked, whole, beginnings }
    }
}

fn level_mass(encoded: &Encoded, c: &Comparison, l: &Counted, r: &Counted) -> Vec<f64> {
    let out = match (l, r, c.comparator) {
        (Counted::Keys(l), Counted::Keys(r), Comparator::NationalId { .. }) => national_id_levels(l, r),
        (Counted::Keys(l), Counted::Keys(r), Comparator::Phone { .. }) => {
            let total = l[0].total() * r[0].total();
            let same = l[0].joined(&r[0]);
            // nine other digits in eleven places: numbers are spread evenly, so a neighbour is as likely as any number
            let near = total * 99.0 / PHONE_NUMBERS;
            vec![same, near, total - same - near]
        }
        (Counted::Keys(l), Counted::Keys(r), Comparator::Residence { .. }) => {
            residence_levels(&l.iter().zip(r).map(|(l, r)| l.joined(r)).collect::<Vec<f64>>())
        }
        (Counted::Keys(l), Counted::Keys(r), _) => {
            let same = l[0].joined(&r[0]);
            vec![same, l[0].total() * r[0].total() - same]
        }
        (Counted::Names(l), Counted::Names(r), Comparator::Name { field, .. }) => name_levels(&encoded.fields[field].names, l, r),
        (Counted::Values(l), Counted::Values(r), Comparator::Text { field, .. }) => {
            let texts = &encoded.fields[field].texts;
            let compare =
                |x: u32, y: u32| if x == y { 1 } else { text::compare_different(&texts[x as usize], &texts[y as usize]) };
            by_values(l, r, c.levels.len(), compare)
        }
        (Counted::Values(l), Counted::Values(r), _) => date_levels(l, r, c.levels.len()),
        _ => unreachable!("one comparison is counted in one way"),
    };
    debug_assert_eq!(out.len(), c.levels.len());
    out
}

fn name_levels(names: &Names, l: &NameCounts, r: &NameCounts) -> Vec<f64> {
    // names by what they share: themselves, their sound, shape or surname
    let [same, sound, shape, first] = [0, 1, 2, 3].map(|by| dot(&l.by[by], &r.by[by]));
    let total = |n: &NameCounts| f64::from(n.by[0].iter().sum::<u32>());
    let all = total(l) * total(r);
    let homophone = sound - same;
    let look_alike = (shape - same).max(0.0);
    let one = (l.masked[0].joined(&r.masked[0]) - l.masked[1].joined(&r.masked[1])).max(0.0) * names.thinning() as f64;
    let cut = l.whole.joined(&r.beginnings) + r.whole.joined(&l.beginnings);
    // two of a name's characters swapped is as rare as an accident can make it: a homophone's chance is an upper bound
    let reordered = homophone * 0.1;
    let surname = (first - same - homophone - 0.8 * one - cut).max(0.0);
    let rest = (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0);
    vec![same, homophone, look_alike, one, cut, reordered, surname, rest]
}

/// The group of a record.
type Grouping<'g> = &'g dyn Fn(&[u32]) -> u64;

/// Residences of the rows in each group (0: in none) by several keys, as [`residence_levels`] takes them. The door is counted by the rows,
/// the rest by codes and villages, which are few.
fn residence_keys(
    encoded: &Encoded,
    rows: &[u32],
    code: Option<usize>,
    address: Option<usize>,
    group: Option<Grouping>,
) -> Vec<Counts> {
    type Key = fn(Residence) -> u64;
    const KEYS: [Key; 9] = [
        |r| if r.code % 1000 != 0 { r.code } else { 0 },
        |r| if r.village != 0 && r.code / 1000 % 1000 != 0 { u64::from(r.village) << 32 | r.code / 1000 } else { 0 },
        |r| if r.village != 0 && r.code % 1000 != 0 { u64::from(r.village) << 40 | r.code } else { 0 },
        |r| if r.code == 0 { u64::from(r.village) } else { 0 },
        |r| if r.code / 1000 % 1000 != 0 { r.code / 1000 } else { 0 },
        |r| r.code / 1_000_000,
        // pairs of villages in which a side has no code are all pairs of villages but those in which both have one
        |r| u64::from(r.code != 0),
        |r| u64::from(r.village != 0),
        |r| u64::from(r.village != 0 && r.code != 0),
    ];
    let of = |r: &[u32]| residence_of(r, code, address);
    let places = counts_of_few(encoded, rows, |r| {
        let group = group.map_or(1, |g| g(r));
        (group != 0).then(|| (group, of(r).code, of(r).village))
    });
    let by = |key: &Key| {
        let keyed = |((group, code, village), n): (&(u64, u64, u32), &u32)| {
            let key = key(Residence { code: *code, village: *village, door: 0 });
            (if key == 0 { 0 } else { mix(*group, key) }, *n)
        };
        Counts::gather(places.iter().map(keyed).collect())
    };
    let mut out: Vec<Counts> = KEYS.iter().map(by).collect();
    if group.is_none() {
        out.push(counts(encoded, rows, &|r| u64::from(of(r).door)));
    }
    out
}

fn residence_levels(joined: &[f64]) -> Vec<f64> {
    let [village_code, village_name, both, only_name, town, county, codes, villages, with_codes, door] = joined[..] else {
        unreachable!("one mass a key")
    };
    let names = villages - with_codes;
    let village = (village_code + village_name - both + only_name - door).max(0.0);
    let town = (town - village - door).max(0.0);
    let county = (county - town - village - door).max(0.0);
    vec![door, village, town, county, (codes + names - door - village - town - county).max(0.0)]
}

fn mix(group: u64, key: u64) -> u64 {
    if group == 1 { key } else { (group.rotate_left(40) ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
}

fn national_id_levels(l: &[Counts], r: &[Counts]) -> Vec<f64> {
    let (nl, nr) = (l[0].total(), r[0].total());
    let unsound =
        |m: &Counts| m.values().iter().filter(|(id, _)| !national_id::is_sound(*id)).map(|(_, n)| f64::from(*n)).sum::<f64>();
    let same = l[0].joined(&r[0]);
    let one = national_id::one_error_mass(l[0].values(), r[0].values()).min(nl * nr);
    // a second error has 18 places to fall on, nine digits each, but must again meet a number in use
    let two = one * 18.0;
    let head = (l[1].joined(&r[1]) - same).max(0.0);
    let any_unsound = nl * nr - (nl - unsound(&l[0])) * (nr - unsound(&r[0]));
    let rest = (nl * nr - same - one - two - head).max(0.0);
    let unsound_share = if nl * nr > 0.0 { any_unsound / (nl * nr) } else { 0.0 };
    vec![same, one, two, head, rest * unsound_share, rest * (1.0 - unsound_share)]
}

/// Dates are compared only with those that can be of another level than the last: of their year, about its turns, and of their day.
fn date_levels(l: &[(u32, u32)], r: &[(u32, u32)], levels: usize) -> Vec<f64> {
    let total = |of: &[(u32, u32)]| of.iter().map(|(_, n)| f64::from(*n)).sum::<f64>();
    let place = |packed: u32| r.partition_point(|e| e.0 < packed);
    let years: Vec<u32> = r.chunk_by(|a, b| date::year(a.0) == date::year(b.0)).map(|c| date::year(c[0].0)).collect();
    let counted: Vec<Vec<f64>> = l
        .par_chunks(64)
        .map(|values| {
            let mut out = vec![0.0; levels];
            let mut count = |(x, n): (u32, u32), (y, m): (u32, u32)| {
                out[usize::from(date::compare(x, y)) - 1] += f64::from(n) * f64::from(m);
            };
            for value in values {
                let near = date::neighbourhood(value.0);
                let near = place(near.start)..place(near.end);
                r[near.clone()].iter().for_each(|other| count(*value, *other));
                for day in years.iter().map(|y| date::same_day(value.0, *y)) {
                    let at = place(day);
                    if !near.contains(&at) && r.get(at).is_some_and(|o| o.0 == day) {
                        count(*value, r[at]);
                    }
                }
            }
            out
        })
        .collect();
    let mut out = counted.iter().fold(vec![0.0; levels], |mut sum, c| {
        sum.iter_mut().zip(c).for_each(|(s, x)| *s += x);
        sum
    });
    out[levels - 1] += (total(l) * total(r) - out.iter().sum::<f64>()).max(0.0);
    out
}

/// How often each value stands.
enum Counts {
    /// Distinct values, in order.
    Sorted(Vec<(u64, u32)>),
    /// By value: small numbers.
    Dense(Vec<u32>),
}

/// Values of rows; 0 is no value.
fn counts(encoded: &Encoded, rows: &[u32], key: &(dyn Fn(&[u32]) -> u64 + Sync)) -> Counts {
    let mut values: Vec<u64> = Vec::with_capacity(rows.len());
    values.extend(rows.iter().map(|i| key(encoded.record(*i))).filter(|v| *v != 0));
    values.sort_unstable();
    Counts::Sorted(values.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as u32)).collect())
}

/// The same of values that are few or small.
fn counts_of_few<K: Hash + Eq + Copy>(encoded: &Encoded, rows: &[u32], key: impl Fn(&[u32]) -> Option<K>) -> FxHashMap<K, u32> {
    let mut out: FxHashMap<K, u32> = FxHashMap::default();
    rows.iter().filter_map(|i| key(encoded.record(*i))).for_each(|k| *out.entry(k).or_default() += 1);
    out
}

impl Counts {
    /// Adds up what stands under one value; 0 is no value.
    fn gather(mut counted: Vec<(u64, u32)>) -> Self {
        // stable: what is in order already, or is some stretches of it, is sorted at once
        counted.sort_by_key(|c| c.0);
        let sums = counted.chunk_by(|a, b| a.0 == b.0).map(|c| (c[0].0, c.iter().map(|e| e.1).sum()));
        Self::Sorted(sums.filter(|c| c.0 != 0).collect())
    }

    fn values(&self) -> &[(u64, u32)] {
        if let Self::Sorted(values) = self { values } else { &[] }
    }

    fn total(&self) -> f64 {
        match self {
            Self::Sorted(values) => values.iter().map(|(_, n)| f64::from(*n)).sum(),
            Self::Dense(counts) => counts.iter().map(|n| f64::from(*n)).sum(),
        }
    }

    /// Pairs of one value.
    fn joined(&self, other: &Counts) -> f64 {
        let (l, r) = match (self, other) {
            (Self::Dense(l), Self::Dense(r)) => return dot(l, r),
            _ => (self.values(), other.values()),
        };
        let (mut at, mut sum) = (0, 0.0);
        for (value, n) in l {
            while at < r.len() && r[at].0 < *value {
                at += 1;
            }
            if at < r.len() && r[at].0 == *value {
                sum += f64::from(*n) * f64::from(r[at].1);
            }
        }
        sum
    }
}

fn dot(l: &[u32], r: &[u32]) -> f64 {
    l.iter().zip(r).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Levels counted over all pairs of distinct values; evenly thinned when there are too many of them.
fn by_values(l: &[(u32, u32)], r: &[(u32, u32)], levels: usize, compare: impl Fn(u32, u32) -> u8 + Sync) -> Vec<f64> {
    let step = (l.len() * r.len()).div_ceil(MAX_VALUE_PAIRS).max(1);
    let counted: Vec<Vec<f64>> = l
        .par_chunks(64)
        .enumerate()
        .map(|(chunk, values)| {
            let mut out = vec![0.0; levels];
            for (i, (x, n)) in values.iter().enumerate() {
                for (y, m) in r.iter().skip((chunk * 64 + i) % step).step_by(step) {
                    out[usize::from(compare(*x, *y)) - 1] += f64::from(*n) * f64::from(*m) * step as f64;
                }
            }
            out
        })
        .collect();
    counted.iter().fold(vec![0.0; levels], |mut sum, c| {
        sum.iter_mut().zip(c).for_each(|(s, x)| *s += x);
        sum
    })
}
