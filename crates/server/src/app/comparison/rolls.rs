//! 未交在校名册的学校 (schools without a roll): their pupils' absence from all rolls proves nothing.

use std::collections::BTreeMap;

use baoxue_domain::roster::{Field, RosterRow, SourceKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::app::comparison::children::Child;
use crate::app::comparison::sources::Sources;

/// Of a school's pupils at least this share stands on a roll if it handed one over: one who has changed schools is no roll.
const SHARE: usize = 10;

/// Schools that handed over their roll.
pub struct Rolls<'a> {
    /// By their code.
    codes: FxHashSet<&'a str>,
    /// By their name, for records that give no code.
    names: FxHashSet<&'a str>,
    /// By what the student register calls them: pupils in all, pupils who stand on a roll.
    pupils: FxHashMap<&'a str, (usize, usize)>,
    any: bool,
}

fn key(row: &RosterRow) -> Option<&str> {
    row.get(Field::SchoolCode).or_else(|| row.get(Field::SchoolName))
}

impl<'a> Rolls<'a> {
    /// From the rolls themselves, and from pupils who stand on a roll under whatever name it gives the school: `groups` are the rows that
    /// are one child.
    pub fn gather<G>(sources: &'a Sources<'a>, groups: G) -> Self
    where
        G: Iterator<Item = Vec<(SourceKind, &'a RosterRow)>>,
    {
        let mut out = Self { codes: FxHashSet::default(), names: FxHashSet::default(), pupils: FxHashMap::default(), any: false };
        for (_, rows) in sources.iter().filter(|(k, _)| *k == SourceKind::InSchool) {
            for r in rows {
                let (code, name) = (r.row.get(Field::SchoolCode), r.row.get(Field::SchoolName));
                out.codes.extend(code);
                out.names.extend(name);
                out.any |= code.is_some() || name.is_some();
            }
        }
        for rows in groups {
            let on_roll = rows.iter().any(|(k, _)| *k == SourceKind::InSchool);
            for school in rows.iter().filter(|(k, _)| *k == SourceKind::Student).filter_map(|(_, r)| key(r)) {
                let n = out.pupils.entry(school).or_default();
                n.0 += 1;
                n.1 += usize::from(on_roll);
            }
        }
        out
    }

    /// Whether a student record's school handed over no roll while others did. Rolls that name no schools speak for all.
    pub fn lack(&self, record: &RosterRow) -> bool {
        let Some(school) = key(record) else { return false };
        let named = match record.get(Field::SchoolCode) {
            // by its code, where rolls give codes: several counties have a school of one name
            Some(code) if !self.codes.is_empty() => self.codes.contains(code),
            _ => record.get(Field::SchoolName).is_some_and(|n| self.names.contains(n)),
        };
        let (all, on_roll) = self.pupils.get(school).copied().unwrap_or_default();
        self.any && !named && on_roll * SHARE < all.max(1)
    }
}

/// The schools whose pupils could not be checked against a roll, with how many there are.
pub fn schools_without(children: &[Child]) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for c in children.iter().filter(|c| c.no_roll) {
        let school = c.of(SourceKind::Student).and_then(|r| r.get(Field::SchoolName)).unwrap_or("(未写学校)");
        *out.entry(school.to_owned()).or_default() += 1;
    }
    out
}
