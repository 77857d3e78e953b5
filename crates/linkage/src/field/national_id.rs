//! 公民身份号码 (citizen identity number, GB 11643) as a comparable integer.

use rayon::prelude::*;

use super::{Level, level};

/// Levels. Any single wrong digit and any swap of neighbours breaks the check digit (ISO 7064 MOD 11-2), so a typing
/// error is only believed where at least one side fails its check; two sound numbers that differ are two children.
pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.97, 0.75, 0.01, 0.002, 0.0001, 80),
    level("one-error", 0.015, 0.12, 0.001, 0.0005, 0.0001, 64),
    level("two-errors", 0.002, 0.04, 0.03, 0.001, 0.0001, 32),
    level("same-birth-and-area", 0.0006, 0.004, 0.9, 0.01, 0.0005, 0),
    level("different-unsound", 0.004, 0.03, 0.03, 0.03, 0.02, -12),
    level("different", 0.008, 0.05, 0.03, 0.95, 0.97, -28),
];

const WEIGHTS: [u64; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// Set on numbers whose check digit is right.
const SOUND: u64 = 1 << 63;

/// 18 characters as an integer in base 11 for the last place, with a mark when the check digit is right; 0 if the
/// text is not shaped like a number (temporary numbers, masked ones, other documents).
pub(crate) fn encode(s: &str) -> u64 {
    let mut value = 0u64;
    let mut sum = 0u64;
    let mut n = 0usize;
    for b in s.bytes() {
        match b {
            b' ' | b'\'' | b'\t' => continue,
            b'0'..=b'9' if n < 18 => {
                let d = u64::from(b - b'0');
                if n < 17 {
                    sum += d * WEIGHTS[n];
                    value = value * 10 + d;
                } else {
                    value = value * 11 + d;
                }
            }
            b'X' | b'x' if n == 17 => value = value * 11 + 10,
            _ => return 0,
        }
        n += 1;
    }
    if n != 18 {
        return 0;
    }
    let check = value % 11;
    // remainder r of the weighted sum asks for the character at r of 10X98765432
    if (12 - sum % 11) % 11 == check { value | SOUND } else { value }
}

/// The number itself, without the mark.
pub(crate) fn digits(id: u64) -> u64 {
    id & !SOUND
}

/// Most of a number: two numbers with one wrong digit agree in one of the three.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
    /// Area and birth date.
    Head,
    /// Birth date, order and check digit.
    Tail,
    /// All but the birth date.
    Ends,
}

impl Piece {
    /// 0 for no number.
    pub fn of(self, id: u64) -> u64 {
        /// Order and check digit.
        const ORDER: u64 = 1_000 * 11;
        /// Birth date, order and check digit.
        const TAIL: u64 = 100_000_000 * ORDER;
        let id = digits(id);
        match self {
            Piece::Head => id / ORDER,
            Piece::Tail => id % TAIL,
            Piece::Ends => id / TAIL * ORDER + id % ORDER,
        }
    }
}

/// The area in which a number was given out.
pub(crate) fn area(id: u64) -> u64 {
    Piece::Head.of(id) / 100_000_000
}

fn places(id: u64) -> [u8; 18] {
    let mut v = digits(id);
    let mut out = [0u8; 18];
    out[17] = (v % 11) as u8;
    v /= 11;
    for p in out[..17].iter_mut().rev() {
        *p = (v % 10) as u8;
        v /= 10;
    }
    out
}

/// Whether the check digit is right.
pub(crate) fn is_sound(id: u64) -> bool {
    id & SOUND != 0
}

/// Level of two numbers, both present.
pub(crate) fn compare(a: u64, b: u64) -> u8 {
    if digits(a) == digits(b) {
        return 1;
    }
    let both_sound = a & b & SOUND != 0;
    let same_head = Piece::Head.of(a) == Piece::Head.of(b);
    if both_sound {
        return if same_head { 4 } else { 6 };
    }
    let (x, y) = (places(a), places(b));
    let errors = count_errors(&x, &y);
    match errors {
        1 => 2,
        2 => 3,
        _ if same_head => 4,
        _ => 5,
    }
}

/// Wrong digits, a swap of neighbours counting once; stops at three.
fn count_errors(x: &[u8; 18], y: &[u8; 18]) -> u32 {
    let (mut errors, mut i) = (0, 0);
    while i < 18 && errors < 3 {
        if x[i] != y[i] {
            errors += 1;
            if i + 1 < 18 && x[i] == y[i + 1] && x[i + 1] == y[i] {
                i += 1;
            }
        }
        i += 1;
    }
    errors
}

/// How many pairs of the two lists are one error apart: exact, because one side must fail its check and those are few.
/// `left` and `right` are distinct numbers with how often they stand, in order.
pub(crate) fn one_error_mass(left: &[(u64, u32)], right: &[(u64, u32)]) -> f64 {
    let unsound = |all: &[(u64, u32)]| all.iter().filter(|(id, _)| !is_sound(*id)).copied().collect::<Vec<_>>();
    let of = |all: &[(u64, u32)], id: u64| all.binary_search_by_key(&id, |e| e.0).map_or(0.0, |at| f64::from(all[at].1));
    // of all neighbours only one in eleven can pass its check: the large list is asked for those alone
    let (left_unsound, right_unsound) = (unsound(left), unsound(right));
    let near = |(id, n): &(u64, u32), sound: &[(u64, u32)], unsound: &[(u64, u32)]| {
        neighbours(*id).map(|o| f64::from(*n) * if is_sound(o) { of(sound, o) } else { of(unsound, o) }).sum::<f64>()
    };
    // whole numbers: the order of the sum does not matter
    let of_left: f64 = left_unsound.par_iter().map(|e| near(e, right, &right_unsound)).sum();
    let of_right: f64 = right_unsound.par_iter().map(|e| near(e, left, &[])).sum();
    of_left + of_right
}

/// All numbers one error away, marked sound where they are.
fn neighbours(id: u64) -> impl Iterator<Item = u64> {
    let x = places(id);
    let replaced = (0..18).flat_map(move |i| {
        (0..if i == 17 { 11 } else { 10 }).filter(move |d| *d != x[i]).map(move |d| {
            let mut y = x;
            y[i] = d;
            y
        })
    });
    let swapped = (0..17).filter(move |&i| x[i] != x[i + 1] && x[i + 1] < 10).map(move |i| {
        let mut y = x;
        y.swap(i, i + 1);
        y
    });
    replaced.chain(swapped).map(|y| join(&y))
}

/// The number of these places, marked when its check digit is right.
fn join(places: &[u8; 18]) -> u64 {
    let (mut value, mut sum) = (0u64, 0u64);
    for (d, w) in places[..17].iter().zip(WEIGHTS) {
        value = value * 10 + u64::from(*d);
        sum += u64::from(*d) * w;
    }
    let check = u64::from(places[17]);
    let value = value * 11 + check;
    if (12 - sum % 11) % 11 == check { value | SOUND } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, label: &str) {
        let (x, y) = (encode(a), encode(b));
        assert!(x != 0 && y != 0, "{a} {b}");
        assert_eq!(LEVELS[compare(x, y) as usize - 1].label, label, "{a} {b}");
        assert_eq!(compare(x, y), compare(y, x));
    }

    #[test]
    fn levels() {
        // 11010519491231002X is the example of the standard itself
        check("11010519491231002X", "11010519491231002x", "same");
        check("11010519491231002X", "11010519491231012X", "one-error");
        check("11010519491231002X", "11010519492131002X", "one-error");
        check("11010519491231002X", "11010519492131012X", "two-errors");
        check("11010519491231002X", "110105194912310038", "same-birth-and-area");
        assert!(is_sound(encode("11010519491231002X")));
        assert!(!is_sound(encode("110105194912310021")));
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        for s in ["", "L1234567890123456", "5288**********2517", "11010519491231002", "4.11E+17"] {
            assert_eq!(encode(s), 0, "{s}");
        }
    }
}
