//! Free text, compared by Jaro–Winkler.

use super::{Level, level};

pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.85, 0.6, 0.3, 0.3, 0.3, 32),
    level("close", 0.08, 0.2, 0.1, 0.1, 0.1, 16),
    level("similar", 0.04, 0.1, 0.1, 0.1, 0.2, 0),
    level("different", 0.03, 0.1, 0.5, 0.5, 0.4, -16),
];

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
