//! 巧合 (chance agreement): how many pairs of two lists of rows show each level, whoever they are. Counted exactly over distinct values and
//! keys, never sampled; the few estimates are said beside them.

use rayon::prelude::*;

use crate::encode::{Comparator, Comparison, Encoded, residence_of, wide};
use crate::field::residence::Residence;
use crate::field::{Kind, date, national_id, text};

/// More distinct pairs of values than this are thinned evenly when a level has to be counted pair by pair.
const MAX_VALUE_PAIRS: usize = 60_000_000;
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

/// Rows that have a value for a comparison.
pub(crate) fn present(encoded: &Encoded, c: &Comparison, rows: &[u32]) -> f64 {
    rows.iter().filter(|i| c.comparator.level(&encoded.fields, encoded.record(**i), encoded.record(**i)) != 0).count() as f64
}

/// By comparison: how many of all pairs show each level (index level − 1).
pub(crate) fn masses(encoded: &Encoded, left: &[u32], right: &[u32]) -> Vec<Vec<f64>> {
    encoded.comparisons.par_iter().map(|c| level_mass(encoded, c, left, right)).collect()
}

/// What depends on what, with `masses` as counted before.
pub(crate) fn dependences(encoded: &Encoded, left: &[u32], right: &[u32], masses: &[Vec<f64>]) -> Vec<Dependence> {
    let find = |wanted: &dyn Fn(&Comparison) -> bool| encoded.comparisons.iter().position(wanted);
    let mut out = Vec::new();
    let number = find(&|c| matches!(c.comparator, Comparator::NationalId { .. }));
    let name = find(&|c| matches!(c.comparator, Comparator::Name { .. }) && !c.household);
    for (i, c) in encoded.comparisons.iter().enumerate() {
        match (c.comparator, number, name) {
            // a number holds a birth date: where it agrees but for an error, the birth date is no news
            (Comparator::Date { .. }, Some(n), _) => {
                out.push(Dependence { comparison: i, given: (n, levels_of(&[2, 3, 4])), mass: None });
            }
            // …and the county where it was given out, where most still live
            (Comparator::Residence { code: Some(code), address }, Some(n), _) => {
                let Comparator::NationalId { at } = encoded.comparisons[n].comparator else { continue };
                let mass = residence_mass(encoded, left, right, Some(code), address, |r| national_id::area(wide(r, at)));
                out.push(Dependence { comparison: i, given: (n, levels_of(&[4])), mass: Some(mass) });
            }
            // most names are a boy's or a girl's
            (Comparator::Same { at }, _, Some(n)) if encoded.fields.iter().any(|f| f.at == at && f.kind == Kind::Sex) => {
                let Comparator::Name { at: child, .. } = encoded.comparisons[n].comparator else { continue };
                let by = |key: &(dyn Fn(&[u32]) -> u64 + Sync)| counts(encoded, left, key).joined(&counts(encoded, right, key));
                let both = |r: &[u32]| if r[child] == 0 || r[at] == 0 { 0 } else { u64::from(r[child]) << 8 | u64::from(r[at]) };
                let same = by(&both);
                let all = by(&|r| both(r) >> 8);
                out.push(Dependence { comparison: i, given: (n, levels_of(&[1, 2, 3])), mass: Some(vec![same, all - same]) });
            }
            (Comparator::Name { at, .. }, _, Some(n)) if c.household => {
                let Comparator::Name { at: child, .. } = encoded.comparisons[n].comparator else { continue };
                let mass = adult_mass(encoded, left, right, at, child, &masses[i]);
                out.push(Dependence { comparison: i, given: (n, levels_of(&[1, 2, 3, 4, 5, 6, 7])), mass: Some(mass) });
            }
            _ => {}
        }
    }
    out
}

fn levels_of(levels: &[u8]) -> u16 {
    levels.iter().fold(0, |m, l| m | 1 << l)
}

/// Guardians of children of one surname: the levels of a shared surname keep their proportions.
fn adult_mass(encoded: &Encoded, left: &[u32], right: &[u32], adult: usize, child: usize, all: &[f64]) -> Vec<f64> {
    let of = |rows: &[u32], key: &(dyn Fn(&[u32]) -> u64 + Sync)| counts(encoded, rows, key);
    let by = |key: &(dyn Fn(&[u32]) -> u64 + Sync)| of(left, key).joined(&of(right, key));
    let (surname, adult_surname) = (child + 2, adult + 2);
    let both =
        by(&|r| if r[surname] == 0 || r[adult] == 0 { 0 } else { u64::from(r[surname]) << 32 | u64::from(r[adult_surname]) });
    let adults = by(&|r| u64::from(r[adult_surname]));
    let children = by(&|r| if r[adult] == 0 { 0 } else { u64::from(r[surname]) });
    let more = if adults > 0.0 { both / adults } else { 0.0 };
    let last = all.len() - 1;
    let mut out: Vec<f64> = all[..last].iter().map(|m| m * more).collect();
    out.push((children - out.iter().sum::<f64>()).max(0.0));
    out
}

fn level_mass(encoded: &Encoded, c: &Comparison, left: &[u32], right: &[u32]) -> Vec<f64> {
    let rows = |of: &'_ [u32]| of.iter().map(|i| encoded.record(*i)).collect::<Vec<_>>().into_iter();
    let of = |rows: &[u32], key: &(dyn Fn(&[u32]) -> u64 + Sync)| counts(encoded, rows, key);
    let out = match c.comparator {
        Comparator::NationalId { at } => national_id_mass(&of(left, &|r| wide(r, at)), &of(right, &|r| wide(r, at))),
        Comparator::Phone { at } => {
            let (l, r) = (of(left, &|r| wide(r, at)), of(right, &|r| wide(r, at)));
            let total = l.total() * r.total();
            let same = l.joined(&r);
            // nine other digits in eleven places: numbers are spread evenly, so a neighbour is as likely as any number
            let near = total * 99.0 / PHONE_NUMBERS;
            vec![same, near, total - same - near]
        }
        Comparator::Name { field, at } => {
            let names = &encoded.fields[field].names;
            let counted = |of: &[u32]| {
                let mut out = vec![0u32; names.len()];
                of.iter().for_each(|i| out[encoded.record(*i)[at] as usize] += 1);
                out[0] = 0;
                out
            };
            let (l, r) = (counted(left), counted(right));
            // names by what they share: their sound, shape or surname
            let grouped = |counts: &[u32], kinds: usize, of: &dyn Fn(usize) -> u32| {
                let mut out = vec![0u32; kinds];
                counts.iter().enumerate().for_each(|(i, n)| out[of(i) as usize] += n);
                out
            };
            let by = |kinds: usize, of: &dyn Fn(usize) -> u32| dot(&grouped(&l, kinds, of), &grouped(&r, kinds, of));
            let all = f64::from(l.iter().sum::<u32>()) * f64::from(r.iter().sum::<u32>());
            let same = dot(&l, &r);
            let homophone = by(names.pinyin_kinds, &|i| names.pinyin[i]) - same;
            let look_alike = (by(names.shape_kinds, &|i| names.shape(i as u32)) - same).max(0.0);
            let one = names.one_character_mass(&l, &r);
            let cut = names.cut_short_mass(&l, &r);
            // two of a name's characters swapped is as rare as an accident can make it: a homophone's chance is an upper bound
            let reordered = homophone * 0.1;
            let surname = (by(names.first_kinds, &|i| names.first[i]) - same - homophone - 0.8 * one - cut).max(0.0);
            vec![
                same,
                homophone,
                look_alike,
                one,
                cut,
                reordered,
                surname,
                (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0),
            ]
        }
        Comparator::Residence { code, address } => residence_mass(encoded, left, right, code, address, |_| 1),
        Comparator::Date { at } => {
            by_values(rows(left).map(|r| r[at]), rows(right).map(|r| r[at]), c.levels.len(), date::compare)
        }
        Comparator::Same { at } => {
            let (l, r) = (of(left, &|r| u64::from(r[at])), of(right, &|r| u64::from(r[at])));
            let same = l.joined(&r);
            vec![same, l.total() * r.total() - same]
        }
        Comparator::Text { field, at } => {
            let texts = &encoded.fields[field].texts;
            let compare =
                |x: u32, y: u32| if x == y { 1 } else { text::compare_different(&texts[x as usize], &texts[y as usize]) };
            by_values(rows(left).map(|r| r[at]), rows(right).map(|r| r[at]), c.levels.len(), compare)
        }
    };
    debug_assert_eq!(out.len(), c.levels.len());
    out
}

/// Of the pairs whose rows are in one group (0: in none).
fn residence_mass(
    encoded: &Encoded,
    left: &[u32],
    right: &[u32],
    code: Option<usize>,
    address: Option<usize>,
    group: impl Fn(&[u32]) -> u64 + Sync,
) -> Vec<f64> {
    let of = |rows: &[u32], key: &(dyn Fn(Residence) -> u64 + Sync)| {
        let keyed = |r: &[u32]| {
            let (group, key) = (group(r), key(residence_of(r, code, address)));
            if group == 0 || key == 0 { 0 } else { mix(group, key) }
        };
        counts(encoded, rows, &keyed)
    };
    let by = |key: &(dyn Fn(Residence) -> u64 + Sync)| of(left, key).joined(&of(right, key));
    let known = |l: &(dyn Fn(Residence) -> bool + Sync), r: &(dyn Fn(Residence) -> bool + Sync)| {
        of(left, &|x| u64::from(l(x))).joined(&of(right, &|x| u64::from(r(x))))
    };
    type Key = fn(Residence) -> u64;
    const KEYS: [Key; 7] = [
        |r| u64::from(r.door),
        |r| if r.code % 1000 != 0 { r.code } else { 0 },
        |r| if r.village != 0 && r.code / 1000 % 1000 != 0 { u64::from(r.village) << 32 | r.code / 1000 } else { 0 },
        |r| if r.village != 0 && r.code % 1000 != 0 { u64::from(r.village) << 40 | r.code } else { 0 },
        |r| if r.code == 0 { u64::from(r.village) } else { 0 },
        |r| if r.code / 1000 % 1000 != 0 { r.code / 1000 } else { 0 },
        |r| r.code / 1_000_000,
    ];
    let mass: Vec<f64> = KEYS.par_iter().map(|k| by(k)).collect();
    let [door, village_code, village_name, both, only_name, town, county] = mass[..] else { unreachable!("one mass a key") };
    let codes = known(&|r| r.code != 0, &|r| r.code != 0);
    let names = known(&|r| r.code == 0 && r.village != 0, &|r| r.village != 0)
        + known(&|r| r.code != 0 && r.village != 0, &|r| r.code == 0 && r.village != 0);
    let village = (village_code + village_name - both + only_name - door).max(0.0);
    let town = (town - village - door).max(0.0);
    let county = (county - town - village - door).max(0.0);
    vec![door, village, town, county, (codes + names - door - village - town - county).max(0.0)]
}

fn mix(group: u64, key: u64) -> u64 {
    if group == 1 { key } else { (group.rotate_left(40) ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
}

fn national_id_mass(l: &Counts, r: &Counts) -> Vec<f64> {
    let (nl, nr) = (l.total(), r.total());
    let heads = |m: &Counts| Counts::gather(m.0.iter().map(|(id, n)| (national_id::Piece::Head.of(*id), *n)).collect());
    let unsound = |m: &Counts| m.0.iter().filter(|(id, _)| !national_id::is_sound(*id)).map(|(_, n)| f64::from(*n)).sum::<f64>();
    let same = l.joined(r);
    let one = national_id::one_error_mass(&l.0, &r.0).min(nl * nr);
    // a second error has 18 places to fall on, nine digits each, but must again meet a number in use
    let two = one * 18.0;
    let head = (heads(l).joined(&heads(r)) - same).max(0.0);
    let any_unsound = nl * nr - (nl - unsound(l)) * (nr - unsound(r));
    let rest = (nl * nr - same - one - two - head).max(0.0);
    let unsound_share = if nl * nr > 0.0 { any_unsound / (nl * nr) } else { 0.0 };
    vec![same, one, two, head, rest * unsound_share, rest * (1.0 - unsound_share)]
}

/// Distinct values with how often they stand, in order.
struct Counts(Vec<(u64, u32)>);

/// Values of rows; 0 is no value.
fn counts(encoded: &Encoded, rows: &[u32], key: &(dyn Fn(&[u32]) -> u64 + Sync)) -> Counts {
    let mut values: Vec<u64> =
        rows.par_iter().with_min_len(1 << 14).map(|i| key(encoded.record(*i))).filter(|v| *v != 0).collect();
    values.par_sort_unstable();
    Counts(values.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as u32)).collect())
}

impl Counts {
    fn gather(mut counted: Vec<(u64, u32)>) -> Self {
        counted.sort_unstable();
        Self(counted.chunk_by(|a, b| a.0 == b.0).map(|c| (c[0].0, c.iter().map(|e| e.1).sum())).collect())
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|(_, n)| f64::from(*n)).sum()
    }

    /// Pairs of one value.
    fn joined(&self, other: &Counts) -> f64 {
        let mut others = other.0.iter().peekable();
        let mut sum = 0.0;
        for (value, n) in &self.0 {
            while others.next_if(|o| o.0 < *value).is_some() {}
            if let Some((_, m)) = others.next_if(|o| o.0 == *value) {
                sum += f64::from(*n) * f64::from(*m);
            }
        }
        sum
    }
}

fn dot(l: &[u32], r: &[u32]) -> f64 {
    l.iter().zip(r).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Levels counted over all pairs of distinct values; evenly thinned when there are too many of them.
fn by_values(
    a: impl Iterator<Item = u32>,
    b: impl Iterator<Item = u32>,
    levels: usize,
    compare: impl Fn(u32, u32) -> u8 + Sync,
) -> Vec<f64> {
    let distinct = |values: &mut dyn Iterator<Item = u32>| {
        let mut v: Vec<u32> = values.filter(|v| *v != 0).collect();
        v.par_sort_unstable();
        v.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as u32)).collect::<Vec<_>>()
    };
    let (l, r) = (distinct(&mut { a }), distinct(&mut { b }));
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
