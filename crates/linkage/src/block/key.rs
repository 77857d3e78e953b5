//! Block keys: what of a record makes one, and what agreement in it says of a pair.

use crate::encode::{Comparator, Encoded, wide};
use crate::field::{Kind, date, national_id};
use crate::settings::ColumnSettings;

/// What of a record makes a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Word(usize),
    Wide(usize),
    /// A wide number without its last places.
    Head(usize, u64),
    DateYear(usize),
    DateMonth(usize),
    Id(usize),
    /// All of a citizen number but a stretch of it: one of the stretches holds the wrong digit.
    IdPiece(usize, national_id::Piece),
    /// Shape of a name, looked up.
    Shape(usize, usize),
}

impl Part {
    /// 0 for no value.
    #[inline]
    pub fn value(self, encoded: &Encoded, r: &[u32]) -> u64 {
        match self {
            Part::Word(at) => u64::from(r[at]),
            Part::Wide(at) => wide(r, at),
            Part::Head(at, div) => head(wide(r, at), div),
            Part::DateYear(at) => u64::from(date::year(r[at])),
            Part::DateMonth(at) => u64::from(r[at] >> 5),
            Part::Id(at) => national_id::digits(wide(r, at)),
            Part::IdPiece(at, piece) => piece.of(wide(r, at)),
            Part::Shape(field, at) => u64::from(encoded.fields[field].names.shape(r[at])),
        }
    }

    /// Adds the part to the keys of some records.
    pub fn add(self, encoded: &Encoded, rows: impl Iterator<Item = u32>, keys: &mut [u64]) {
        let records = keys.iter_mut().zip(rows.map(|i| encoded.record(i)));
        match self {
            Part::Word(at) => records.for_each(|(k, r)| *k = extend(*k, u64::from(r[at]))),
            Part::Wide(at) => records.for_each(|(k, r)| *k = extend(*k, wide(r, at))),
            Part::Head(at, div) => records.for_each(|(k, r)| *k = extend(*k, head(wide(r, at), div))),
            Part::Id(at) => records.for_each(|(k, r)| *k = extend(*k, national_id::digits(wide(r, at)))),
            other => records.for_each(|(k, r)| *k = extend(*k, other.value(encoded, r))),
        }
    }
}

fn head(code: u64, div: u64) -> u64 {
    let head = code / div;
    // a code that ends in zeros names the larger place, not a smaller one
    if head % 1000 == 0 { 0 } else { head }
}

/// A key with one more value; 0 as soon as a value is missing.
#[inline]
pub(super) fn extend(key: u64, value: u64) -> u64 {
    if key == 0 || value == 0 {
        return 0;
    }
    let h = (key.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (h ^ h >> 29) | 1
}

/// Added to a rule's key, one after the other, where a block is too large.
pub(super) fn splitters(encoded: &Encoded) -> Vec<Part> {
    let splitter = |f: &crate::encode::Field| match f.kind {
        Kind::Date => Some(Part::Word(f.at)),
        Kind::PersonName if !f.household => Some(Part::Word(f.at + 1)),
        Kind::Phone => Some(Part::Wide(f.at)),
        _ => None,
    };
    encoded.fields.iter().filter_map(splitter).collect()
}

pub(super) fn part(encoded: &Encoded, columns: &[ColumnSettings], (i, key): (usize, &str)) -> Part {
    let at = encoded.fields[i].at;
    match (columns[i].kind, key) {
        (Kind::PersonName, "pinyin") => Part::Word(at + 1),
        (Kind::PersonName, "first") => Part::Word(at + 2),
        (Kind::PersonName, "shape") => Part::Shape(i, at),
        (Kind::Date, "year") => Part::DateYear(at),
        (Kind::Date, "month") => Part::DateMonth(at),
        (Kind::PlaceCode, "county") => Part::Head(at, 1_000_000),
        (Kind::PlaceCode, "town") => Part::Head(at, 1_000),
        (Kind::Address, "") => Part::Word(at + 1),
        (Kind::NationalId, "head") => Part::IdPiece(at, national_id::Piece::Head),
        (Kind::NationalId, "tail") => Part::IdPiece(at, national_id::Piece::Tail),
        (Kind::NationalId, "ends") => Part::IdPiece(at, national_id::Piece::Ends),
        (Kind::NationalId, _) => Part::Id(at),
        (Kind::Phone | Kind::PlaceCode, _) => Part::Wide(at),
        _ => Part::Word(at),
    }
}

/// Which comparison speaks of a part, and at which of its levels (bit n for level n) two records agree in it.
pub(super) fn agreement(encoded: &Encoded, columns: &[ColumnSettings], (i, key): (usize, &str)) -> Option<(usize, u16)> {
    let at = encoded.fields[i].at;
    let speaks = |c: &Comparator| match *c {
        Comparator::Residence { code, address } => code == Some(at) || address == Some(at),
        Comparator::NationalId { at: of }
        | Comparator::Name { at: of, .. }
        | Comparator::Date { at: of }
        | Comparator::Phone { at: of }
        | Comparator::Text { at: of, .. }
        | Comparator::Same { at: of } => of == at,
    };
    let comparison = encoded.comparisons.iter().position(|c| speaks(&c.comparator))?;
    let levels: &[u8] = match (columns[i].kind, key) {
        (Kind::PersonName, "pinyin") => &[1, 2],
        (Kind::PersonName, "shape") => &[1, 3],
        (Kind::PersonName, "first") => &[1, 4, 5, 7],
        (Kind::Date, "year") => &[1, 2, 3, 4, 5, 6, 7],
        (Kind::Date, "month") => &[1, 6],
        (Kind::PlaceCode, "county") => &[1, 2, 3, 4],
        (Kind::PlaceCode, "town") => &[1, 2, 3],
        (Kind::PlaceCode, _) | (Kind::Address, "village") => &[1, 2],
        (Kind::NationalId, "head") => &[1, 2, 4],
        (Kind::NationalId, "tail" | "ends") => &[1, 2],
        _ => &[1],
    };
    Some((comparison, levels.iter().fold(0, |m, l| m | 1 << l)))
}
