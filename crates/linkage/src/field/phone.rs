//! Telephone numbers.

use super::decimal::{self, ZEROS};
use super::{Level, level};

/// Levels. Numbers belong to families more than to children, so brothers and sisters agree as often as one child's two rows do.
pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.7, 0.55, 0.75, 0.75, 0.002, 48),
    level("one-error", 0.01, 0.03, 0.01, 0.01, 0.0005, 32),
    level("different", 0.29, 0.42, 0.24, 0.24, 0.9975, -4),
];

/// The digits of a mobile or land-line number without +86, zero and separators; 0 when there are fewer than 7.
pub(crate) fn encode(s: &str) -> u64 {
    // most are mobile numbers as they are dialled
    if s.len() == 11 {
        let mut filled = ZEROS;
        filled[5..].copy_from_slice(s.as_bytes());
        if let Some(number) = decimal::sixteen(filled) {
            return if number < 1_000_000 { 0 } else { number };
        }
    }
    let (mut v, mut n) = (0u64, 0);
    for b in s.bytes() {
        match b {
            b'0'..=b'9' => {
                // of more digits than fit it is no number
                v = v.wrapping_mul(10).wrapping_add(u64::from(b - b'0'));
                n += 1;
            }
            b' ' | b'-' | b'+' | b'(' | b')' => {}
            _ => return 0,
        }
    }
    // +86 or 0086 before an 11-digit number
    if (13..=15).contains(&n) && v / 100_000_000_000 == 86 {
        v %= 100_000_000_000;
    }
    if !(7..=15).contains(&n) || !(1_000_000..=99_999_999_999).contains(&v) {
        return 0;
    }
    v
}

/// Level of two numbers, both present.
pub(crate) fn compare(a: u64, b: u64) -> u8 {
    if a == b {
        return 1;
    }
    let (mut a, mut b) = (a, b);
    let (mut wrong, mut last, mut swapped) = (0, None, false);
    while (a > 0 || b > 0) && wrong < 3 {
        let (x, y) = (a % 10, b % 10);
        if x != y {
            wrong += 1;
            swapped = last == Some((y, x));
            last = Some((x, y));
        } else {
            last = None;
        }
        a /= 10;
        b /= 10;
    }
    if wrong == 1 || (wrong == 2 && swapped) { 2 } else { 3 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let n = encode("138 0013-8000");
        assert_eq!(n, 13_800_138_000);
        assert_eq!(encode("+8613800138000"), n);
        assert_eq!(compare(n, encode("13800138000")), 1);
        assert_eq!(compare(n, encode("13800138001")), 2);
        assert_eq!(compare(n, encode("13800183000")), 2);
        assert_eq!(compare(n, encode("13900138001")), 3);
        assert_eq!(encode("无"), 0);
        assert_eq!(encode("12345"), 0);
    }
}
