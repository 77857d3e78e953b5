//! 巧合 (chance agreement): how many pairs of two lists of rows show each level, whoever they are. Counted over distinct values and keys; the
//! few estimates, and what is thinned where there is very much of it, are said beside them.

mod counts;
mod names;
mod places;

use std::ops::Range;

use rayon::prelude::*;

use crate::encode::{Comparator, Comparison, Encoded, Field, residence_of, wide};
use crate::field::{Kind, date, national_id, text};
use crate::frequency::Frequencies;

use counts::{Counts, Reading, joined};
use names::{Alike, NamesMet};
use places::{Places, residence_levels};

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

/// How often rows of two sources agree by chance: what says so is counted once a source, names for all sources at once.
pub(crate) struct Chance<'e> {
    encoded: &'e Encoded,
    /// By field: how often its names meet.
    names: Vec<Option<NamesMet<'e>>>,
    /// By source: none that is asked for nothing.
    tallies: Vec<Option<Tally>>,
}

/// What is counted of the rows of a source.
struct Tally {
    comparisons: Vec<Counted>,
    dependences: Vec<Depending>,
}

/// The values of a comparison.
enum Counted {
    /// Values by several keys.
    Keys(Vec<Counts>),
    /// Names are counted for all sources at once.
    Names,
    /// Distinct values, to be compared with each other.
    Values(Vec<(u32, u32)>),
}

/// What a comparison that depends on another says.
struct Depending {
    comparison: usize,
    given: (usize, u16),
    counted: DependingCounted,
}

enum DependingCounted {
    /// The other one says it all.
    Nothing,
    /// Residences by the keys of [`residence_levels`] but the door.
    Residence(Vec<Counts>),
    /// Names and sexes are counted together.
    Sex(Alike),
    /// Surnames of child and guardian, of guardians, of children.
    Adult([Counts; 3]),
    /// Of children whose names differ in one place. The rest says the [`Self::Adult`] of the comparison.
    AdultApart,
}

impl<'e> Chance<'e> {
    /// Of the sources that are `wanted`.
    pub fn of(encoded: &'e Encoded, frequencies: &'e Frequencies, wanted: impl Fn(usize) -> bool + Sync) -> Self {
        let met = |(i, f): (usize, &Field)| (f.kind == Kind::PersonName).then(|| NamesMet::of(&f.names, frequencies.lists(i)));
        let names = || encoded.fields.par_iter().enumerate().map(met).collect();
        let tally = |s: usize| wanted(s).then(|| Tally::of(encoded, &encoded.range(s)));
        let (names, tallies) = rayon::join(names, || (0..encoded.sources()).into_par_iter().map(tally).collect());
        Self { encoded, names, tallies }
    }

    fn names_met(&self, comparison: usize) -> &NamesMet<'e> {
        match self.encoded.comparisons[comparison].comparator {
            Comparator::Name { field, .. } => self.names[field].as_ref().expect("of every field of names"),
            _ => unreachable!("asked of names alone"),
        }
    }

    fn both(&self, (left, right): (usize, usize)) -> (&Tally, &Tally) {
        let of = |s: usize| self.tallies[s].as_ref().expect("counted for each source that is asked for");
        (of(left), of(right))
    }

    /// By comparison: how many of all pairs of two sources show each level (index level − 1).
    pub fn masses(&self, sources: (usize, usize)) -> Vec<Vec<f64>> {
        let (left, right) = self.both(sources);
        let both = left.comparisons.par_iter().zip(&right.comparisons).enumerate();
        both.map(|(i, (l, r))| match l {
            Counted::Names => self.names_met(i).levels(sources),
            _ => level_mass(self.encoded, &self.encoded.comparisons[i], l, r),
        })
        .collect()
    }

    /// What depends on what, with `masses` as counted before.
    pub fn dependences(&self, sources: (usize, usize), masses: &[Vec<f64>]) -> Vec<Dependence> {
        let (left, right) = self.both(sources);
        let of_family = |comparison: usize| {
            let both = left.dependences.iter().zip(&right.dependences).filter(|(l, _)| l.comparison == comparison);
            let mut surnames = both.filter_map(|(l, r)| match (&l.counted, &r.counted) {
                (DependingCounted::Adult(x), DependingCounted::Adult(y)) => Some([0, 1, 2].map(|i| x[i].joined(&y[i]))),
                _ => None,
            });
            let other_surname = self.names_met(comparison).other_surname(sources);
            adult_levels(surnames.next().unwrap_or_default(), other_surname, &masses[comparison])
        };
        let mass = |l: &Depending, r: &Depending| match (&l.counted, &r.counted) {
            (DependingCounted::Residence(x), DependingCounted::Residence(y)) => {
                // doors as often as villages
                let all = &masses[l.comparison];
                let doors = all[0] / (all[0] + all[1]).max(1.0);
                let mut joined: Vec<f64> = x.iter().zip(y).map(|(x, y)| x.joined(y)).collect();
                joined.push(0.0);
                let mut out = residence_levels(&joined);
                (out[0], out[1]) = (out[1] * doors, out[1] * (1.0 - doors));
                Some(out)
            }
            (DependingCounted::Sex(levels), _) => Some(self.names_met(l.given.0).by_sex(*levels, sources).to_vec()),
            (DependingCounted::Adult(_), _) => Some(of_family(l.comparison)),
            (DependingCounted::AdultApart, _) => {
                let other = self.names_met(l.given.0).share_of_other_surname(sources);
                let pairs = masses[l.given.0][usize::from(ONE_CHARACTER) - 1];
                let shares = |of: &[f64]| -> Vec<f64> {
                    let total = of.iter().sum::<f64>().max(1.0);
                    of.iter().map(|m| m / total).collect()
                };
                let (of_family, of_others) = (shares(&of_family(l.comparison)), shares(&masses[l.comparison]));
                let both = of_family.iter().zip(&of_others);
                Some(both.map(|(f, o)| pairs * (f * (1.0 - other) + o * other)).collect())
            }
            _ => None,
        };
        let dependence =
            |(l, r): (&Depending, &Depending)| Dependence { comparison: l.comparison, given: l.given, mass: mass(l, r) };
        left.dependences.par_iter().zip(&right.dependences).map(dependence).collect()
    }

    /// By comparison: rows of a source that have a value.
    pub fn present(&self, source: usize) -> Vec<f64> {
        let has = |c: &Comparison, r: &[u32]| c.comparator.level(&self.encoded.fields, r, r) != 0;
        let rows = || self.encoded.range(source).map(|i| self.encoded.record(i));
        self.encoded.comparisons.iter().map(|c| rows().filter(|r| has(c, r)).count() as f64).collect()
    }
}

impl Tally {
    fn of(encoded: &Encoded, rows: &Range<u32>) -> Self {
        let dependent = dependent_comparisons(encoded);
        let mut comparisons: Vec<_> = encoded.comparisons.iter().map(|c| Counted::reading(c.comparator)).collect();
        let mut dependences: Vec<_> = dependent.iter().map(|(c, given)| DependingCounted::reading(encoded, *c, *given)).collect();
        let mut places = Places::reading(encoded);
        let readings = comparisons.iter_mut().chain(&mut dependences).chain([&mut places]);
        Reading::all(encoded, rows, readings.flatten().collect());
        let places = Places::of(places);
        let counted = |(c, reading): (&Comparison, Option<Reading>)| Counted::of(c.comparator, reading, &places);
        let depending = |((comparison, given), reading): ((usize, (usize, u16)), Option<Reading>)| Depending {
            comparison,
            given,
            counted: DependingCounted::of(encoded, comparison, given, reading, &places),
        };
        let (comparisons, dependences) = rayon::join(
            || encoded.comparisons.par_iter().zip(comparisons).with_max_len(1).map(counted).collect(),
            || dependent.into_par_iter().zip(dependences).map(depending).collect(),
        );
        Self { comparisons, dependences }
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
            vec![(i, (n, SAME)), (i, (n, levels_of(&[2, 3]))), (i, (n, levels_of(&[ONE_CHARACTER])))]
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
/// The set of levels at which all is the same.
const SAME: u16 = 1 << 1;

fn levels_of(levels: &[u8]) -> u16 {
    levels.iter().fold(0, |m, l| m | 1 << l)
}

impl DependingCounted {
    /// What has to be read for it.
    fn reading<'e>(encoded: &Encoded, comparison: usize, (given, levels): (usize, u16)) -> Option<Reading<'e>> {
        match (encoded.comparisons[comparison].comparator, encoded.comparisons[given].comparator) {
            (Comparator::Name { at: adult, .. }, Comparator::Name { at: child, .. }) if levels != levels_of(&[ONE_CHARACTER]) => {
                let surnames = move |r: &[u32]| (u64::from(r[child + 2]), u64::from(r[adult + 2]));
                Some(Reading::few(move |r| (r[adult] != 0).then(|| surnames(r))))
            }
            _ => None,
        }
    }

    fn of(
        encoded: &Encoded,
        comparison: usize,
        (given, levels): (usize, u16),
        reading: Option<Reading>,
        places: &Places,
    ) -> Self {
        let one_character = levels == levels_of(&[ONE_CHARACTER]);
        match (encoded.comparisons[comparison].comparator, encoded.comparisons[given].comparator, reading) {
            (Comparator::Residence { .. }, Comparator::NationalId { .. }, _) => Self::Residence(places.keys(true)),
            (Comparator::Same { .. }, Comparator::Name { .. }, _) if levels == SAME => Self::Sex(Alike::Same),
            (Comparator::Same { .. }, Comparator::Name { .. }, _) if one_character => Self::Sex(Alike::OneCharacter),
            (Comparator::Same { .. }, Comparator::Name { .. }, _) => Self::Sex(Alike::Nearly),
            (Comparator::Name { .. }, Comparator::Name { .. }, _) if one_character => Self::AdultApart,
            (Comparator::Name { .. }, Comparator::Name { .. }, Some(surnames)) => {
                let few = surnames.values();
                let by = |key: &dyn Fn(u64, u64) -> u64| Counts::gather(few.iter().map(|((c, a), n)| (key(*c, *a), *n)));
                Self::Adult([by(&|c, a| if c == 0 { 0 } else { c << 32 | a }), by(&|_, a| a), by(&|c, _| c)])
            }
            _ => Self::Nothing,
        }
    }
}

/// Guardians of children of one surname: the levels of a shared surname keep their proportions, and those of another one too. Joined are:
/// surnames of both, surnames of guardians, surnames of children; `other_surname` are guardians whose names differ in the surname alone.
fn adult_levels(joined: [f64; 3], other_surname: f64, all: &[f64]) -> Vec<f64> {
    let [both, of_guardians, of_children] = joined;
    let total: f64 = all.iter().sum();
    let more = if of_guardians > 0.0 { both / of_guardians } else { 0.0 };
    let fewer = if total > of_guardians { (of_children - both) / (total - of_guardians) } else { 0.0 };
    let (one, last) = (usize::from(ONE_CHARACTER) - 1, all.len() - 1);
    let mut out: Vec<f64> = all[..last].iter().map(|m| m * more).collect();
    let other_surname = other_surname.min(all[one]);
    out[one] = (all[one] - other_surname) * more + other_surname * fewer;
    out.push((of_children - out.iter().sum::<f64>()).max(0.0));
    out
}

impl Counted {
    /// What has to be read for it.
    fn reading<'e>(comparator: Comparator) -> Option<Reading<'e>> {
        match comparator {
            Comparator::NationalId { at } | Comparator::Phone { at } => Some(Reading::own(move |r| wide(r, at))),
            Comparator::Same { at } | Comparator::Date { at } | Comparator::Text { at, .. } => {
                Some(Reading::Small(at, Vec::new()))
            }
            Comparator::Residence { code, address } => {
                Some(Reading::own(move |r| u64::from(residence_of(r, code, address).door)))
            }
            Comparator::Name { .. } => None,
        }
    }

    fn of(comparator: Comparator, reading: Option<Reading>, places: &Places) -> Self {
        let Some(reading) = reading else { return Self::Names };
        match comparator {
            Comparator::Residence { .. } => {
                let mut keys = places.keys(false);
                keys.push(reading.counts());
                Self::Keys(keys)
            }
            Comparator::Date { .. } | Comparator::Text { .. } => Self::Values(reading.small_numbers()),
            _ => Self::Keys(vec![reading.counts()]),
        }
    }
}

fn level_mass(encoded: &Encoded, c: &Comparison, l: &Counted, r: &Counted) -> Vec<f64> {
    let out = match (l, r, c.comparator) {
        (Counted::Keys(l), Counted::Keys(r), Comparator::NationalId { .. }) => national_id_levels(&l[0], &r[0]),
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

fn national_id_levels(l: &Counts, r: &Counts) -> Vec<f64> {
    let (nl, nr) = (l.total(), r.total());
    let unsound = |m: &Counts| m.rows().iter().filter(|id| !national_id::is_sound(**id)).count() as f64;
    let same = l.joined(r);
    let one = national_id::one_error_mass(l.rows(), r.rows()).min(nl * nr);
    // a second error has 18 places to fall on, nine digits each, but must again meet a number in use
    let two = one * 18.0;
    let head = (joined(heads(l.rows()), heads(r.rows())) - same).max(0.0);
    let any_unsound = nl * nr - (nl - unsound(l)) * (nr - unsound(r));
    let rest = (nl * nr - same - one - two - head).max(0.0);
    let unsound_share = if nl * nr > 0.0 { any_unsound / (nl * nr) } else { 0.0 };
    vec![same, one, two, head, rest * unsound_share, rest * (1.0 - unsound_share)]
}

/// The heads of numbers in order, in order: of unsound numbers, which come first, and of sound ones.
fn heads(numbers: &[u64]) -> impl Iterator<Item = u64> {
    let (unsound, sound) = numbers.split_at(numbers.partition_point(|id| !national_id::is_sound(*id)));
    let head = |id: &u64| national_id::Piece::Head.of(*id);
    let (mut unsound, mut sound) = (unsound.iter().map(head).peekable(), sound.iter().map(head).peekable());
    std::iter::from_fn(move || match (unsound.peek(), sound.peek()) {
        (Some(x), Some(y)) if x <= y => unsound.next(),
        (Some(_), None) => unsound.next(),
        _ => sound.next(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;
    use crate::compare::{level_at, pattern};
    use crate::settings::infer;
    use crate::table::{Part, Table};

    const HEADINGS: [&str; 7] = ["rec_id", "name", "sex", "dob", "guardian", "area_code", "address"];

    /// Rows that have much in common by chance, some values missing.
    fn rows(seed: u64) -> Vec<[String; 7]> {
        let mut state = seed;
        let mut any = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let pick = |text: &str, i: u64| text.chars().nth(i as usize).unwrap();
        let surname = |i: u64| pick("王李张刘陈杨", i);
        // homophones and look-alikes among them
        let given = |i: u64| pick("子紫涵含晗梓轩宣宇雨欣新佳家未末", i);
        (0..2400)
            .map(|i| {
                let (family, first) = (surname(any(6)), any(16));
                let length = [1, 2, 2, 2, 2, 3][any(6) as usize];
                let more = [first, any(16), any(16)];
                let name = match any(20) {
                    0 => ["ANNA SMITH", "OMAR KHAN"][any(2) as usize].to_owned(),
                    1 => family.into(),
                    _ => std::iter::once(family).chain(more[..length].iter().map(|g| given(*g))).collect(),
                };
                let guardian = if any(4) > 0 { family } else { surname(any(6)) };
                let guardian = format!("{guardian}{}{}", given(any(16)), given(any(16)));
                let (county, town, village) = (any(3), any(3), any(4));
                let code = match any(6) {
                    0 => String::new(),
                    1 => format!("52880{county}"),
                    2 => format!("52880{county}10{town}"),
                    _ => format!("52880{county}10{town}20{village}"),
                };
                let address = format!("{}村{}组{}号", ["石桥", "柳林", "马洞", "青坪"][village as usize], any(30), any(300));
                [
                    format!("{i:04}"),
                    name,
                    if any(5) > 0 { ["男", "女"][(first % 2) as usize] } else { ["男", "女"][any(2) as usize] }.into(),
                    format!("201{}-{:02}-{:02}", any(3), any(12) + 1, any(27) + 1),
                    guardian,
                    code,
                    if any(6) > 0 { address } else { String::new() },
                ]
            })
            .collect()
    }

    #[test]
    fn what_is_counted_is_what_comparing_all_pairs_shows() {
        let settings = infer(&[HEADINGS.map(str::to_owned).to_vec()]).unwrap();
        let encoder = Encoder::new(&settings);
        let place = |c: usize| HEADINGS.iter().position(|h| *h == settings.columns[c].name).unwrap();
        let table = |name: &str, seed: u64| {
            let mut part = Part::new(&encoder, 0);
            rows(seed).iter().for_each(|r| part.push(Some(&r[0]), |c| r[place(c)].as_str().into(), |_| "".into()));
            Table::new(name, [part]).unwrap()
        };
        let mut tables = [table("a", 1), table("b", 2)];
        let encoded = encoder.finish(&mut tables, &settings);
        let counted = Chance::of(&encoded, &Frequencies::of(&encoded), |_| true).masses((0, 1));
        let mut compared: Vec<Vec<f64>> = encoded.comparisons.iter().map(|c| vec![0.0; c.levels.len() + 1]).collect();
        for (a, b) in encoded.range(0).flat_map(|a| encoded.range(1).map(move |b| (a, b))) {
            let p = pattern(&encoded, a, b);
            compared.iter_mut().enumerate().for_each(|(i, levels)| levels[usize::from(level_at(p, i))] += 1.0);
        }
        let mut checked = 0;
        for ((c, counted), compared) in encoded.comparisons.iter().zip(&counted).zip(&compared) {
            for ((level, counted), compared) in c.levels.iter().zip(counted).zip(&compared[1..]).filter(|(_, n)| **n >= 1000.0) {
                let ratio = counted / compared;
                assert!((0.97..1.03).contains(&ratio), "{} {}: counted {counted}, compared {compared}", c.name, level.label);
                checked += 1;
            }
        }
        assert!(checked >= 25, "{checked} levels were common enough");
    }
}
