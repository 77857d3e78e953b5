//! 公民身份号码 (citizen identity number, GB 11643) as a comparable integer.

use rayon::prelude::*;

use super::{Level, decimal, level};

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

/// Of each place: the places times these add up to 1 (modulo 11) where the check digit is right.
const WEIGHTS: [u16; 18] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1];
/// Times its weight each gives 1 (modulo 11).
const INVERSES: [u16; 18] = [8, 5, 10, 9, 7, 3, 6, 1, 2, 4, 8, 5, 10, 9, 7, 3, 6, 1];
/// Set on numbers whose check digit is right.
const SOUND: u64 = 1 << 63;

/// Set on documents of another kind: 护照, 通行证. They have no check digit.
const DOCUMENT: u64 = 1 << 62;
/// Most characters of such a document that fit: 36¹¹ is below 2⁵⁷.
const DOCUMENT_CHARS: usize = 11;
/// Where their length stands.
const DOCUMENT_LENGTH: u32 = 57;

/// A passport or a permit as an integer in base 36: one or two letters, then digits. 0 if the text is not shaped like one.
fn document(s: &str) -> u64 {
    let (mut value, mut letters, mut len) = (0u64, 0, 0u64);
    for b in s.bytes().filter(|b| !matches!(b, b' ' | b'\'' | b'\t')) {
        let place = match b.to_ascii_uppercase() {
            b @ b'A'..=b'Z' if len == letters && letters < 2 => {
                letters += 1;
                u64::from(b - b'A') + 10
            }
            b @ b'0'..=b'9' => u64::from(b - b'0'),
            _ => return 0,
        };
        len += 1;
        if len > DOCUMENT_CHARS as u64 {
            return 0;
        }
        value = value * 36 + place;
    }
    if letters == 0 || len - letters < 6 { 0 } else { DOCUMENT | len << DOCUMENT_LENGTH | value }
}

/// 18 characters as an integer in base 11 for the last place, with a mark when the check digit is right; 0 if the
/// text is not shaped like a number (temporary numbers, masked ones). Documents of another kind are marked as such.
pub(crate) fn encode(s: &str) -> u64 {
    // most are written without blanks
    let mut chars = [0; 18];
    if s.len() == chars.len() {
        chars.copy_from_slice(s.as_bytes());
    } else {
        let mut written = s.bytes().filter(|b| !matches!(b, b' ' | b'\'' | b'\t'));
        if !chars.iter_mut().all(|to| written.next().map(|b| *to = b).is_some()) || written.next().is_some() {
            return document(s);
        }
    }
    let [first @ .., seventeenth, last] = chars;
    let check = match last {
        b'0'..=b'9' => u16::from(last - b'0'),
        b'X' | b'x' => 10,
        _ => return 0,
    };
    let Some(number) = decimal::sixteen(first).filter(|_| seventeenth.is_ascii_digit()) else { return 0 };
    let value = (number * 10 + u64::from(seventeenth - b'0')) * 11 + u64::from(check);
    // the first sixteen side by side
    let digit = |b: u8| u16::from(b - b'0');
    let sum: u16 = first.iter().zip(WEIGHTS).map(|(b, weight)| digit(*b) * weight).sum();
    if (sum + digit(seventeenth) * WEIGHTS[16] + check) % 11 == 1 { value | SOUND } else { value }
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
        // a document of another kind has no such pieces
        if id & DOCUMENT != 0 {
            return 0;
        }
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
    match (a & DOCUMENT != 0, b & DOCUMENT != 0) {
        (false, false) => {}
        // without a check digit a slip cannot be told from the number of a brother or sister, given out together
        (true, true) => return 5,
        // a passport says nothing against a citizen number
        _ => return 0,
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

/// Numbers whose neighbours are in memory together.
const UNSOUND_AT_ONCE: usize = 1 << 19;

/// How many pairs of the two lists are one error apart. One side must fail its check, and those are few: of each the numbers are made up
/// that are one error away and pass theirs. That both sides failed it is too rare to count.
/// `left` and `right` are the numbers of all rows, in order.
pub(crate) fn one_error_mass(left: &[u64], right: &[u64]) -> f64 {
    let near = |of_one: &[u64], of_other: &[u64]| -> f64 {
        // they come first; of a register without sound numbers some at a time
        let unsound = &of_one[..of_one.partition_point(|id| !is_sound(*id))];
        let met = |some: &[u64]| -> u64 {
            let mut neighbours: Vec<u64> = some.par_iter().flat_map_iter(|id| sound_neighbours(*id)).collect();
            neighbours.par_sort_unstable();
            let (mut met, mut others) = (0, of_other.chunk_by(|a, b| a == b).peekable());
            for id in neighbours {
                while others.next_if(|same| same[0] < id).is_some() {}
                met += others.peek().filter(|same| same[0] == id).map_or(0, |same| same.len() as u64);
            }
            met
        };
        unsound.chunks(UNSOUND_AT_ONCE).map(met).sum::<u64>() as f64
    };
    near(left, right) + near(right, left)
}

/// All numbers one error away that pass their check.
fn sound_neighbours(id: u64) -> impl Iterator<Item = u64> {
    /// What a one at each place is worth.
    const WORTH: [u64; 18] = {
        let mut worth = [1; 18];
        let mut i = 17;
        while i > 0 {
            i -= 1;
            worth[i] = if i == 16 { 11 } else { worth[i + 1] * 10 };
        }
        worth
    };
    let (number, x) = (digits(id), places(id).map(u16::from));
    let sum = x.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum::<u16>() % 11;
    let with = move |i: usize, digit: u16| u64::from(digit) * WORTH[i];
    // each place has one digit that mends the check
    let replaced = (0..18).filter_map(move |i| {
        let digit = (x[i] + (12 - sum) * INVERSES[i]) % 11;
        ((digit < 10 || i == 17) && digit != x[i]).then(|| number - with(i, x[i]) + with(i, digit))
    });
    let swapped = (0..17).filter(move |&i| x[i] != x[i + 1] && x[i + 1] < 10).filter_map(move |i| {
        let ([a, b], [v, w]) = ([x[i], x[i + 1]], [WEIGHTS[i], WEIGHTS[i + 1]]);
        let mends = (sum + 11 * 20 + v * b + w * a - v * a - w * b) % 11 == 1;
        mends.then(|| number - with(i, a) - with(i + 1, b) + with(i, b) + with(i + 1, a))
    });
    replaced.chain(swapped).map(|number| number | SOUND)
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
    fn neighbours_are_one_error_away_and_sound() {
        let wrong = encode("11010519491231003X");
        assert!(!is_sound(wrong));
        let all: Vec<u64> = sound_neighbours(wrong).collect();
        assert!(all.contains(&encode("11010519491231002X")));
        assert!(all.iter().all(|n| is_sound(*n) && compare(*n, wrong) == 2));
        // each place has one digit that mends the check, or none
        assert!((10..40).contains(&all.len()), "{}", all.len());
        let text = |id: u64| places(id).map(|d| if d == 10 { 'X' } else { char::from(b'0' + d) }).iter().collect::<String>();
        assert!(all.iter().all(|n| encode(&text(*n)) == *n));
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        for s in ["", "L1234567890123456", "5288**********2517", "11010519491231002", "4.11E+17"] {
            assert_eq!(encode(s), 0, "{s}");
        }
    }
}
