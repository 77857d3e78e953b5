//! How many records carry a value: what many carry says less of who somebody is.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::encode::{Encoded, Field, wide};
use crate::field::Kind;

/// Numbers of sexes, see `field::parse_sex`: 0 is none.
pub(crate) const SEXES: usize = 3;

/// What is counted of all records, by field.
pub(crate) struct Frequencies {
    /// Of names and of other values with a number; empty for the rest.
    values: Vec<Vec<u32>>,
    /// Of the sounds of names.
    sounds: Vec<Vec<u32>>,
    /// Of names: by lists of rows.
    lists: Vec<Option<Lists>>,
    /// Telephone numbers that more records carry than a family's.
    phones: FxHashMap<u64, u32>,
}

/// What is counted of a field: values, sounds, lists.
type OfField = (Vec<u32>, Vec<u32>, Option<Lists>);

impl Frequencies {
    pub fn of(encoded: &Encoded) -> Self {
        let sex = encoded.fields.iter().find(|f| f.kind == Kind::Sex).map(|f| f.at);
        let of_field = |f: &Field| -> OfField {
            match f.kind {
                Kind::PersonName => {
                    // most names are a boy's or a girl's
                    let lists = Lists::of(encoded, f, sex.filter(|_| !f.household));
                    let values: Vec<u32> = (0..f.names.len() as u32).map(|n| lists.of_name(n).iter().sum()).collect();
                    let sounds = f.names.by_sound(&values);
                    (values, sounds, Some(lists))
                }
                Kind::Exact => (small_numbers(encoded, f.at), Vec::new(), None),
                _ => (Vec::new(), Vec::new(), None),
            }
        };
        let (fields, phones) =
            rayon::join(|| encoded.fields.par_iter().with_max_len(1).map(of_field).collect::<Vec<_>>(), || phones(encoded));
        let mut out = Self { values: Vec::new(), sounds: Vec::new(), lists: Vec::new(), phones };
        for (values, sounds, lists) in fields {
            out.values.push(values);
            out.sounds.push(sounds);
            out.lists.push(lists);
        }
        out
    }

    /// Records with a value of a field.
    pub fn of_value(&self, field: usize, value: u32) -> u32 {
        self.values[field][value as usize]
    }

    /// Records with another name of this sound.
    pub fn of_homophones(&self, field: usize, name: u32, sound: u32) -> u32 {
        self.sounds[field][sound as usize] - self.values[field][name as usize]
    }

    /// Records with a telephone number that is not only a family's.
    pub fn of_phone(&self, number: u64) -> Option<u32> {
        self.phones.get(&number).copied()
    }

    /// The lists on which the names of a field stand.
    pub fn lists(&self, field: usize) -> &Lists {
        self.lists[field].as_ref().expect("of every field of names, until they are forgotten")
    }

    /// Gives up the lists, which are large.
    pub fn forget_lists(&mut self) {
        self.lists.iter_mut().for_each(|lists| *lists = None);
    }
}

/// How often each of some small numbers stands.
fn small_numbers(encoded: &Encoded, at: usize) -> Vec<u32> {
    let mut counts = vec![0];
    encoded.all_records().for_each(|record| count(&mut counts, record[at]));
    counts
}

/// Counts a small number once more.
pub(crate) fn count(counts: &mut Vec<u32>, number: u32) {
    let number = number as usize;
    if number >= counts.len() {
        counts.resize(number + 1, 0);
    }
    counts[number] += 1;
}

/// A number on a row or two of each source is a family's; only the shared ones need to be known.
fn phones(encoded: &Encoded) -> FxHashMap<u64, u32> {
    let Some(at) = encoded.fields.iter().find(|f| f.kind == Kind::Phone).map(|f| f.at) else {
        return FxHashMap::default();
    };
    let usual = 4 * encoded.sources() as u32;
    let all: Vec<u64> = encoded.all_records().map(|r| wide(r, at)).filter(|p| *p != 0).collect();
    // counted first are places, of which each number has one and some numbers the same
    let places = (2 * all.len()).next_power_of_two().max(2);
    let place = |phone: u64| (phone.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - places.trailing_zeros())) as usize;
    let mut in_place = vec![0u8; places];
    all.iter().for_each(|p| in_place[place(*p)] = in_place[place(*p)].saturating_add(1));
    let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
    for phone in all {
        if u32::from(in_place[place(phone)]) > usual.min(254) {
            *counts.entry(phone).or_default() += 1;
        }
    }
    counts.retain(|_, n| *n > usual);
    counts
}

/// How often each name stands in each of several lists of rows: one a source, or one a source and sex.
pub(crate) struct Lists {
    /// How many lists have rows; one if none has.
    pub count: usize,
    of_source: usize,
    /// By source and its lists: which list it is, if it has rows.
    columns: Vec<Option<usize>>,
    /// By name, then by list.
    counts: Vec<u32>,
}

impl Lists {
    /// `sex`: the word of it, where it parts the lists.
    fn of(encoded: &Encoded, names: &Field, sex: Option<usize>) -> Self {
        let (of_source, at) = (if sex.is_some() { SEXES } else { 1 }, names.at);
        let (names, width) = (names.names.len(), (encoded.sources() * of_source).max(1));
        let mut counts = vec![0u32; names * width];
        for source in 0..encoded.sources() {
            for record in encoded.range(source).map(|i| encoded.record(i)) {
                let list = source * of_source + sex.map_or(0, |sex| record[sex] as usize);
                counts[record[at] as usize * width + list] += 1;
            }
        }
        let has_rows = |list: usize| counts.iter().skip(list).step_by(width).any(|n| *n > 0);
        let mut kept: Vec<usize> = (0..width).filter(|list| has_rows(*list)).collect();
        let mut columns = vec![None; width];
        kept.iter().zip(0..).for_each(|(list, column)| columns[*list] = Some(column));
        if kept.is_empty() {
            kept = vec![0];
        }
        // the lists without rows are left out
        if kept.len() < width {
            for name in 0..names {
                kept.iter().zip(name * kept.len()..).for_each(|(list, to)| counts[to] = counts[name * width + list]);
            }
            counts.truncate(names * kept.len());
            counts.shrink_to_fit();
        }
        Self { count: kept.len(), of_source, columns, counts }
    }

    pub fn of_name(&self, name: u32) -> &[u32] {
        &self.counts[name as usize * self.count..][..self.count]
    }

    /// Which lists a source has, by sex (0 for none) if they are parted by it.
    pub fn of_source(&self, source: usize) -> &[Option<usize>] {
        &self.columns[source * self.of_source..][..self.of_source]
    }

    /// How many numbers it holds.
    pub fn size(&self) -> usize {
        self.counts.len()
    }
}
