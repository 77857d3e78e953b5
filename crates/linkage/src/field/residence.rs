//! 居住地 (residence): a place code and an address are one piece of evidence, compared together.
//!
//! Two strangers of one village agree in code and in address: counting both would count the village twice.

use super::decimal::{self, ZEROS};
use super::{Level, level, text};
use crate::intern;

pub(crate) const LEVELS: &[Level] = &[
    level("same-door", 0.5, 0.4, 0.55, 0.55, 0.005, 48),
    level("same-village", 0.25, 0.25, 0.25, 0.25, 0.05, 32),
    level("same-town", 0.12, 0.15, 0.1, 0.1, 0.45, 20),
    level("same-county", 0.08, 0.12, 0.06, 0.06, 0.2, 6),
    level("different", 0.05, 0.08, 0.04, 0.04, 0.3, -12),
];

/// Digits of a 6- to 12-digit place code, filled up to 12; 0 when it is none.
pub(crate) fn encode_code(s: &str) -> u64 {
    if !(6..=12).contains(&s.len()) {
        return 0;
    }
    let mut filled = ZEROS;
    filled[..s.len()].copy_from_slice(s.as_bytes());
    decimal::sixteen(filled).map_or(0, |number| number / 10_000)
}

/// What an address text says: the village or street, and what stands behind it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed<'a> {
    village: &'a str,
    behind: &'a str,
}

/// Suffixes of the smallest named place by their last character, the longest first.
fn small_suffixes(last: char) -> &'static [&'static str] {
    match last {
        '会' => &["居民委员会", "村民委员会", "居委会", "村委会"],
        '区' => &["社区"],
        '村' => &["村"],
        '街' => &["街"],
        '路' => &["路"],
        _ => &[],
    }
}

/// Whether a character ends the name of a larger place.
fn ends_large(c: char) -> bool {
    matches!(c, '省' | '州' | '市' | '盟' | '县' | '区' | '旗' | '镇' | '乡' | '道')
}

/// Finds the smallest named place, the one furthest to the right. `云岭州青禾县柳林镇石桥村3组45号` → 石桥, 3组45号.
fn parse(address: &str) -> Parsed<'_> {
    let mut ends = address.char_indices().rev();
    let suffix = |(at, c): (usize, char)| {
        let end = at + c.len_utf8();
        let suffix = small_suffixes(c).iter().find(|s| address[..end].ends_with(**s))?;
        Some((end - suffix.len(), end))
    };
    let Some((at, end)) = ends.find_map(suffix) else { return Parsed::default() };
    let start = address[..at].char_indices().rev().find(|(_, c)| ends_large(*c)).map_or(0, |(i, c)| i + c.len_utf8());
    Parsed { village: text::trim(&address[start..at]), behind: &address[end..] }
}

fn digest(h: u64, b: u8) -> u64 {
    (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
}

/// Digest of the numbers behind a village (3组45号: 3-45); `None` for fewer than two: one is a group or a road number, not yet a door.
fn door(village: u64, behind: &str) -> Option<u64> {
    let (mut h, mut numbers, mut in_number) = (digest(village, b'/'), 0, false);
    for c in behind.chars() {
        let figure = match c {
            '0'..='9' => Some(c as u32 - '0' as u32),
            '〇' => Some(0),
            '一' => Some(1),
            '二' => Some(2),
            '三' => Some(3),
            '四' => Some(4),
            '五' => Some(5),
            '六' => Some(6),
            '七' => Some(7),
            '八' => Some(8),
            '九' => Some(9),
            _ => None,
        };
        if let Some(d) = figure {
            if !in_number {
                numbers += 1;
                h = digest(h, b'-');
            }
            h = digest(h, b'0' + d as u8);
        }
        in_number = figure.is_some();
    }
    (numbers > 1).then_some(h)
}

/// Digests of the village (low word) and the door of an address; 0 for what it does not say. 32 bits are enough: a false
/// agreement of two doors of one town is rarer than a clerk's.
pub(crate) fn encode_address(address: &str) -> u64 {
    let p = parse(address);
    if p.village.is_empty() {
        return 0;
    }
    let short = |h: u64| h >> 32 | 1;
    let village = intern::digest(p.village);
    short(village) | door(village, p.behind).map_or(0, short) << 32
}

/// What a record knows of its residence. 0 is unknown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residence {
    pub code: u64,
    pub village: u32,
    pub door: u32,
}

/// Level of two residences; `None` when they share nothing to compare.
pub(crate) fn compare(a: Residence, b: Residence) -> u8 {
    let (towns, same_town) = (a.code / 1000 % 1000 != 0 && b.code / 1000 % 1000 != 0, a.code / 1000 == b.code / 1000);
    // the name of a village only counts where the codes do not speak against it
    let other_town = towns && !same_town;
    if a.door != 0 && a.door == b.door && !other_town {
        return 1;
    }
    let codes = a.code != 0 && b.code != 0;
    if codes && a.code % 1000 != 0 && a.code == b.code {
        return 2;
    }
    if a.village != 0 && a.village == b.village && !other_town {
        return 2;
    }
    if codes {
        return match (same_town && towns, a.code / 1_000_000 == b.code / 1_000_000) {
            (true, _) => 3,
            (false, true) => 4,
            (false, false) => 5,
        };
    }
    if a.village != 0 && b.village != 0 { 5 } else { super::NULL_LEVEL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |s: &str, village: &str, behind: &str| assert_eq!(parse(s), Parsed { village, behind }, "{s}");
        check("云岭州青禾县柳林镇石桥村3组45号", "石桥", "3组45号");
        check("柳林镇石桥社区", "石桥", "");
        check("柳林镇石桥村民委员会3组", "石桥", "3组");
        check("青禾县柳林镇", "", "");
        check("", "", "");
        let (village, door) = (|s| encode_address(s) as u32, |s| encode_address(s) >> 32);
        assert_eq!(encode_address("云岭州青禾县柳林镇石桥村3组45号"), encode_address("石桥村三组四5号"));
        assert_ne!(door("石桥村3组45号"), door("石桥村34组5号"));
        assert_eq!((village("石桥村3组"), door("石桥村3组")), (village("石桥村3组45号"), 0));
        assert_eq!(encode_address("青禾县柳林镇"), 0);
    }

    #[test]
    fn levels() {
        let r = |code, village, door| Residence { code: encode_code(code), village, door };
        assert_eq!(compare(r("528801100201", 1, 9), r("528801100201", 1, 9)), 1);
        assert_eq!(compare(r("528801100201", 1, 9), r("528801100201", 2, 8)), 2);
        assert_eq!(compare(r("", 1, 0), r("528801100201", 1, 8)), 2);
        assert_eq!(compare(r("528801100201", 1, 9), r("528801101201", 1, 9)), 4);
        assert_eq!(compare(r("528801100201", 1, 0), r("528801100202", 2, 0)), 3);
        assert_eq!(compare(r("528801100201", 1, 0), r("528802100202", 2, 0)), 5);
        assert_eq!(compare(r("", 1, 0), r("528802100202", 0, 0)), 0);
    }
}
