//! 按名称找地方 (finding places): a town, village, school or class by what people write of it: its name, with or without what it lies in, its
//! code, pinyin or initials.

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::place::{PlaceCode, PlacePath};
use baoxue_linkage::pinyin_syllables;
use baoxue_store::Place;
use rustc_hash::FxHashMap;

use crate::app::office::{Office, OfficeError, Result};

/// Characters that count.
const MAX_TYPED: usize = 60;
/// Places that an ambiguous name is answered with.
const NAMED: usize = 5;

/// What may be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// Whoever can look into a finding: towns, villages, schools.
    Units,
    /// Where a role may be granted: everything down to the class.
    Anything,
}

impl Sought {
    /// Finds one by its code.
    pub fn find(code: &str) -> Option<Self> {
        match code {
            "units" => Some(Self::Units),
            "anything" => Some(Self::Anything),
            _ => None,
        }
    }

    fn takes(self, kind: &str) -> bool {
        match self {
            Self::Units => matches!(kind, "town" | "village" | "school" | "teaching-point"),
            Self::Anything => true,
        }
    }
}

/// A place that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPlace {
    pub path: PlacePath,
    /// 柳林镇 › 石桥村
    pub trail: String,
    /// Whether its own name, or all of its trail, is what was written.
    exact: bool,
}

/// A place with what it is found by.
struct Named<'a> {
    place: &'a Place,
    /// Names from the town down.
    steps: Vec<&'a str>,
}

impl Office {
    /// Places of a jurisdiction that fit what was typed, the best first. The words of it may name what the place lies in.
    pub async fn find_places(&self, j: &Jurisdiction, typed: &str, sought: Sought, limit: usize) -> Result<Vec<FoundPlace>> {
        let typed: String = typed.chars().take(MAX_TYPED).collect();
        let words: Vec<String> = typed
            .split(|c: char| c.is_whitespace() || matches!(c, '›' | '/' | ',' | '，' | '>' | '、'))
            .map(plain)
            .filter(|w| !w.is_empty())
            .collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let today = self.clock.today();
        let mut places: Vec<Place> = Vec::new();
        for prefix in j.prefixes() {
            places.extend(self.store.places_below(prefix, today, &[]).await?);
        }
        let names: FxHashMap<&str, &str> = places.iter().map(|p| (p.path.as_str(), p.name.as_str())).collect();
        let mut found: Vec<(usize, FoundPlace)> = places
            .iter()
            .filter(|p| sought.takes(&p.kind))
            .map(|place| Named { place, steps: steps_of(place, &names) })
            .filter_map(|n| Some((n.rank(&words)?, n)))
            .map(|(rank, n)| {
                let found = FoundPlace { path: n.place.path.clone(), trail: n.steps.join(" › "), exact: rank <= EXACT };
                (rank, found)
            })
            .collect();
        found.sort_by(|a, b| (a.0, a.1.trail.chars().count(), &a.1.path).cmp(&(b.0, b.1.trail.chars().count(), &b.1.path)));
        found.dedup_by(|a, b| a.1.path == b.1.path);
        Ok(found.into_iter().map(|f| f.1).take(limit).collect())
    }

    /// The one place that people mean by a path, a code or a name; several are an error that names them.
    pub async fn place_meant(&self, j: &Jurisdiction, typed: &str, sought: Sought) -> Result<Option<PlacePath>> {
        let typed = typed.trim();
        let today = self.clock.today();
        for p in [PlacePath::parse(typed), PlaceCode::parse(typed).map(PlacePath::of_code)].into_iter().flatten() {
            // a class may be named before its roster has come
            let known = if p.is_government() { p.clone() } else { p.school() };
            if j.covers(p.as_str()) && self.store.place_at(&known, today).await?.is_some() {
                return Ok(Some(p));
            }
        }
        let found = self.find_places(j, typed, sought, 50).await?;
        let exact: Vec<&FoundPlace> = found.iter().filter(|f| f.exact).collect();
        match exact.as_slice() {
            [one] => Ok(Some(one.path.clone())),
            [] => Ok(None),
            several => {
                let some: Vec<&str> = several.iter().take(NAMED).map(|f| f.trail.as_str()).collect();
                Err(OfficeError::Input(format!("有 {} 处叫“{typed}”:{};请写上所在的乡镇或学校", several.len(), some.join(";"))))
            }
        }
    }
}

/// Ranks up to this one are of places that were named in full.
const EXACT: usize = 1;

impl Named<'_> {
    /// 0: its own name or code; 1: all of its trail; 2: its name begins so; 3: it is in its name; 4: by pinyin or initials. `None`: it does
    /// not fit.
    fn rank(&self, words: &[String]) -> Option<usize> {
        let own = plain(&self.place.name);
        let above: String = self.steps[..self.steps.len() - 1].iter().map(|s| plain(s)).collect();
        let whole = format!("{above}{own}");
        let (last, before) = words.split_last()?;
        // what is written before the last word names what it lies in
        if !before.iter().all(|w| whole.contains(w.as_str())) {
            return None;
        }
        let joined: String = words.concat();
        if *last == own || *last == self.place.code {
            return Some(0);
        }
        // 青山乡马鞍村 in one word
        if whole.ends_with(joined.as_str()) && joined.len() > own.len() {
            return Some(1);
        }
        if own.starts_with(last.as_str()) {
            return Some(2);
        }
        if own.contains(last.as_str()) || (last.contains(own.as_str()) && whole.contains(last.as_str())) {
            return Some(3);
        }
        if last.bytes().all(|b| b.is_ascii_alphabetic()) {
            let syllables = pinyin_syllables(&own);
            let initials: String = syllables.iter().filter_map(|s| s.chars().next()).collect();
            if syllables.concat().starts_with(last.as_str()) || initials.starts_with(last.as_str()) {
                return Some(4);
            }
        }
        None
    }
}

/// Letters and digits, small.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Names from the town down; a school stands in its town. Grades and classes bear their names themselves.
fn steps_of<'a>(place: &'a Place, names: &FxHashMap<&str, &'a str>) -> Vec<&'a str> {
    let mut out = vec![place.name.as_str()];
    let mut at = place.path.parent();
    let lowest = if place.path.is_government() { 4 } else { 2 };
    while let Some(p) = at.filter(|p| p.depth() >= lowest) {
        out.extend(names.get(p.as_str()));
        at = p.parent();
    }
    if !place.path.is_government() {
        let town = place.town_path.as_ref().and_then(|t| names.get(t.as_str()));
        out.extend(town);
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::place::gazetteer::tests::place;

    #[test]
    fn what_people_write() {
        let (village, school, class) = (
            place("village", "528801103201", "马鞍村", "g/52/5288/528801/528801103/528801103201/"),
            place("school", "2152000009", "平坝中心小学", "e/528801/2152000009/"),
            place("class", "", "三(1)班", "e/528801/2152000009/三年级/三(1)班/"),
        );
        let of = |p: &Place, steps: &[&str], typed: &str| {
            let words: Vec<String> = typed.split_whitespace().map(plain).collect();
            Named { place: p, steps: steps.to_vec() }.rank(&words)
        };
        let v = ["青山乡", "马鞍村"];
        for (typed, rank) in [
            ("马鞍村", Some(0)),
            ("528801103201", Some(0)),
            ("青山乡 马鞍村", Some(0)),
            ("青山乡马鞍村", Some(1)),
            ("马鞍", Some(2)),
            ("mac", Some(4)),
            ("mac村", None),
            ("maan", Some(4)),
            ("mac mac", None),
            ("柳林镇马鞍村", None),
            ("柳林镇 马鞍村", None),
        ] {
            assert_eq!(of(&village, &v, typed), rank, "{typed}");
        }
        assert_eq!(of(&school, &["平坝中心小学"], "pbzxxx"), Some(4));
        assert_eq!(of(&school, &["平坝中心小学"], "中心小学"), Some(3));
        let c = ["平坝中心小学", "三年级", "三(1)班"];
        assert_eq!(of(&class, &c, "平坝中心小学 三(1)班"), Some(0));
        assert_eq!(of(&class, &c, "平坝中心小学三年级三(1)班"), Some(1));
        assert_eq!(of(&class, &c, "平坝中心小学"), None);
    }
}
