//! Free text, compared by Jaro–Winkler.

use super::{Level, level};

pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.85, 0.6, 0.3, 0.3, 0.3, 32),
    level("close", 0.08, 0.2, 0.1, 0.1, 0.1, 16),
    level("similar", 0.04, 0.1, 0.1, 0.1, 0.2, 0),
    level("different", 0.03, 0.1, 0.5, 0.5, 0.4, -16),
];

/// A value without blanks about it. Most have none, which is seen by their first and last bytes.
#[inline]
pub(crate) fn trim(s: &str) -> &str {
    let plain = |b: &u8| b.is_ascii_graphic();
    // heads of three-byte characters, among which blanks stand only under 0xe1 to 0xe3
    let han = |b: &u8| (0xe4..=0xef).contains(b);
    match s.as_bytes() {
        [] => s,
        [only] if plain(only) => s,
        [first, .., last] if (plain(first) || han(first)) && plain(last) => s,
        [first, .., head, _, last] if (plain(first) || han(first)) && han(head) && !last.is_ascii() => s,
        [head, _, _] if han(head) => s,
        _ => s.trim(),
    }
}

/// Case and runs of white space do not count.
pub(crate) fn normalise(s: &str) -> String {
    s.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Level of two different normalised texts.
pub(crate) fn compare_different(a: &str, b: &str) -> u8 {
    let similarity = strsim::jaro_winkler(a, b);
    if similarity >= 0.92 {
        2
    } else if similarity >= 0.8 {
        3
    } else {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_as_the_standard_library_does() {
        let pieces =
            ["", " ", "\u{3000}", "\u{a0}", "\t", "a", "张", "鿿", "é", "ﾟ", "𠮷", "　", "\u{feff}", "~", "(", "\u{2003}", "お"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    let s = format!("{a}{b}{c}");
                    assert_eq!(trim(&s), s.trim(), "{s:?}");
                }
            }
        }
    }
}
