//! Compare two records: a packed pattern of levels, four bits a comparison.

use crate::encode::Encoded;

/// At most so many comparisons fit a pattern.
pub(crate) const MAX_COMPARISONS: usize = 14;

/// Level of comparison `i` in a pattern.
pub(crate) fn level_at(pattern: u64, i: usize) -> u8 {
    (pattern >> (4 * i) & 15) as u8
}

/// The pattern of two records.
pub(crate) fn pattern(encoded: &Encoded, a: u32, b: u32) -> u64 {
    let (x, y) = (encoded.record(a), encoded.record(b));
    encoded
        .comparisons
        .iter()
        .enumerate()
        .fold(0, |p, (i, c)| p | u64::from(c.comparator.level(&encoded.fields, x, y)) << (4 * i))
}

/// A rough weight in quarter bits from the levels' fixed values, to drop hopeless pairs before the model is known.
pub(crate) fn rough_weight(encoded: &Encoded, pattern: u64) -> i32 {
    encoded
        .comparisons
        .iter()
        .enumerate()
        .map(|(i, c)| match level_at(pattern, i) {
            0 => 0,
            l => i32::from(c.levels[usize::from(l) - 1].rough),
        })
        .sum()
}
