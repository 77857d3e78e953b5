//! How often rows live in the same places.

use rustc_hash::FxHashMap;

use super::counts::{Counts, Few, Reading};
use crate::encode::{Comparator, Encoded, residence_of, wide};
use crate::field::national_id;
use crate::field::residence::Residence;

/// Where rows live: far fewer places than rows.
pub(super) struct Places {
    all: Vec<(Place, u32)>,
    /// The same by the area in which their number was given out, of those that have one.
    by_area: Vec<((u64, Place), u32)>,
}

/// Code and village.
type Place = (u64, u32);

impl Places {
    /// What has to be read for it, if there are places.
    pub fn reading(encoded: &Encoded) -> Option<Reading<'_>> {
        let (code, address) = encoded.comparisons.iter().find_map(|c| match c.comparator {
            Comparator::Residence { code, address } => Some((code, address)),
            _ => None,
        })?;
        let number = encoded.comparisons.iter().find_map(|c| match c.comparator {
            Comparator::NationalId { at } => Some(at),
            _ => None,
        });
        Some(Reading::few(move |r| {
            let of = residence_of(r, code, address);
            let area = number.map_or(0, |at| national_id::area(wide(r, at)));
            Some((area << 32 | u64::from(of.village), of.code))
        }))
    }

    pub fn of(reading: Option<Reading>) -> Self {
        let place = |((area_and_village, code), n): (Few, u32)| ((area_and_village >> 32, (code, area_and_village as u32)), n);
        let mut by_area: Vec<_> = reading.map_or_else(Vec::new, |r| r.values().into_iter().map(place).collect());
        let mut all: FxHashMap<Place, u32> = FxHashMap::default();
        by_area.iter().for_each(|((_, place), n)| *all.entry(*place).or_default() += n);
        by_area.retain(|((area, _), _)| *area != 0);
        Self { all: all.into_iter().collect(), by_area }
    }

    /// Rows by several keys, as [`residence_levels`] takes them, all but the door: of all rows, or of those that have an area, with it.
    pub fn keys(&self, with_area: bool) -> Vec<Counts> {
        type Key = fn(Residence) -> u64;
        const KEYS: [Key; 12] = [
            |r| if r.code % 1000 != 0 { r.code } else { 0 },
            |r| if r.village != 0 && r.code / 1000 % 1000 != 0 { u64::from(r.village) << 32 | r.code / 1000 } else { 0 },
            |r| if r.village != 0 && r.code % 1000 != 0 { u64::from(r.village) << 40 | r.code } else { 0 },
            // pairs of one village of which a side has no town are all pairs of one village but those in which both have one
            |r| u64::from(r.village),
            |r| if r.code / 1000 % 1000 != 0 { u64::from(r.village) } else { 0 },
            // …and of these in one county
            |r| if r.village != 0 && r.code != 0 { u64::from(r.village) << 24 | r.code / 1_000_000 } else { 0 },
            |r| {
                let with_town = r.village != 0 && r.code / 1000 % 1000 != 0;
                if with_town { u64::from(r.village) << 24 | r.code / 1_000_000 } else { 0 }
            },
            |r| if r.code / 1000 % 1000 != 0 { r.code / 1000 } else { 0 },
            |r| r.code / 1_000_000,
            // pairs of villages in which a side has no code are all pairs of villages but those in which both have one
            |r| u64::from(r.code != 0),
            |r| u64::from(r.village != 0),
            |r| u64::from(r.village != 0 && r.code != 0),
        ];
        let key_of = |key: &Key, (code, village): Place| key(Residence { code, village, door: 0 });
        if !with_area {
            return KEYS.iter().map(|key| Counts::gather(self.all.iter().map(|(place, n)| (key_of(key, *place), *n)))).collect();
        }
        let in_area = |key: &Key, (area, place): (u64, Place)| match key_of(key, place) {
            0 => 0,
            key => (area.rotate_left(40) ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        KEYS.iter().map(|key| Counts::gather(self.by_area.iter().map(|(of, n)| (in_area(key, *of), *n)))).collect()
    }
}

/// Pairs by level, of what is joined by the keys of [`Places`] and by door.
pub(super) fn residence_levels(joined: &[f64]) -> Vec<f64> {
    let [
        village_code,
        village_name,
        both,
        any_village,
        village_of_towns,
        village_in_county,
        village_of_towns_in_county,
        town,
        county,
        codes,
        villages,
        with_codes,
        door,
    ] = joined[..]
    else {
        unreachable!("one mass a key")
    };
    let in_town = village_code + village_name - both;
    let village = (in_town + any_village - village_of_towns - door).max(0.0);
    let same_town = (town - in_town).max(0.0);
    let same_county = (county - town - (village_in_county - village_of_towns_in_county)).max(0.0);
    let all = codes + villages - with_codes;
    vec![door, village, same_town, same_county, (all - door - village - same_town - same_county).max(0.0)]
}
