//! 居住地 (residence): a place code and an address are one piece of evidence, compared together.
//!
//! Two strangers of one village agree in code and in address: counting both would count the village twice.

use super::{Level, level};

pub(crate) const LEVELS: &[Level] = &[
    level("same-door", 0.5, 0.4, 0.55, 0.55, 0.005, 48),
    level("same-village", 0.25, 0.25, 0.25, 0.25, 0.05, 32),
    level("same-town", 0.12, 0.15, 0.1, 0.1, 0.45, 20),
    level("same-county", 0.08, 0.12, 0.06, 0.06, 0.2, 6),
    level("different", 0.05, 0.08, 0.04, 0.04, 0.3, -12),
];

/// Digits of a 6- to 12-digit place code, filled up to 12; 0 when it is none.
pub(crate) fn encode_code(s: &str) -> u64 {
    let s = s.trim();
    if !(6..=12).contains(&s.len()) || !s.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    s.parse::<u64>().unwrap_or(0) * 10u64.pow(12 - s.len() as u32)
}

/// What an address text says: the village or street, and the door within it, as texts to intern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed<'a> {
    pub village: Option<&'a str>,
    pub door: Option<String>,
}

/// Suffixes of the smallest named place, longest first.
const SMALL: [&str; 8] = ["居民委员会", "村民委员会", "居委会", "村委会", "社区", "村", "街", "路"];
/// Suffixes of the places above it.
const LARGE: [char; 10] = ['省', '州', '市', '盟', '县', '区', '旗', '镇', '乡', '道'];

/// Finds the smallest named place and the numbers after it. `云岭州青禾县柳林镇石桥村3组45号` → 石桥, 3-45.
pub(crate) fn parse(address: &str) -> Parsed<'_> {
    let Some((at, suffix)) =
        SMALL.iter().filter_map(|s| address.rfind(s).map(|at| (at, *s))).max_by_key(|(at, s)| (*at + s.len(), s.len()))
    else {
        return Parsed::default();
    };
    let head = &address[..at];
    let start = head.rfind(LARGE).map_or(0, |i| i + head[i..].chars().next().map_or(0, char::len_utf8));
    let village = head[start..].trim();
    if village.is_empty() {
        return Parsed::default();
    }
    let mut numbers = String::new();
    let mut in_number = false;
    for c in address[at + suffix.len()..].chars() {
        let digit = c.to_digit(10).or_else(|| "〇一二三四五六七八九".chars().position(|x| x == c).map(|p| p as u32));
        match digit {
            Some(d) => {
                if !in_number && !numbers.is_empty() {
                    numbers.push('-');
                }
                numbers.push(char::from_digit(d, 10).unwrap_or('0'));
                in_number = true;
            }
            None => in_number = false,
        }
    }
    // one number is a group or a road number: not yet a door
    let door = numbers.contains('-').then(|| format!("{village}/{numbers}"));
    Parsed { village: Some(village), door }
}

/// Digests of the village (low word) and the door of an address; 0 for what it does not say. 32 bits are enough: a false
/// agreement of two doors of one town is rarer than a clerk's.
pub(crate) fn encode_address(address: &str) -> u64 {
    let p = parse(address);
    let digest =
        |s: &str| s.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)) >> 32 | 1;
    p.village.map_or(0, digest) | p.door.as_deref().map_or(0, digest) << 32
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
        let check = |s: &str, village: Option<&str>, door: Option<&str>| {
            assert_eq!(parse(s), Parsed { village, door: door.map(str::to_owned) }, "{s}");
        };
        check("云岭州青禾县柳林镇石桥村3组45号", Some("石桥"), Some("石桥/3-45"));
        check("石桥村三组4五号", Some("石桥"), Some("石桥/3-45"));
        check("柳林镇石桥社区", Some("石桥"), None);
        check("柳林镇石桥村民委员会3组", Some("石桥"), None);
        check("青禾县柳林镇", None, None);
        check("", None, None);
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
