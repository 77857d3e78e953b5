//! 未交在校名册的学校 (schools without a roll): their pupils' absence from all rolls proves nothing.

use std::collections::BTreeMap;

use baoxue_domain::roster::{Field, RosterRow, SourceKind};
use rustc_hash::FxHashSet;

use super::children::Child;
use super::sources::Sources;

/// Schools that handed over their roll, by code and by name.
pub struct Rolls<'a> {
    seen: FxHashSet<&'a str>,
    any: bool,
}

fn names<'a>(row: &'a RosterRow) -> impl Iterator<Item = &'a str> {
    [Field::SchoolCode, Field::SchoolName].into_iter().filter_map(|f| row.get(f))
}

impl<'a> Rolls<'a> {
    /// From the rolls themselves, and from pupils who stand on a roll under whatever name it gives the school: `groups` are the rows that
    /// are one child.
    pub fn gather<G>(sources: &'a Sources<'a>, groups: G) -> Self
    where
        G: Iterator<Item = Vec<(SourceKind, &'a RosterRow)>>,
    {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for (_, rows) in sources.iter().filter(|(k, _)| *k == SourceKind::InSchool) {
            seen.extend(rows.iter().flat_map(|r| names(r.row)));
        }
        let any = !seen.is_empty();
        for rows in groups.filter(|g| g.iter().any(|(k, _)| *k == SourceKind::InSchool)) {
            seen.extend(rows.iter().filter(|(k, _)| *k == SourceKind::Student).flat_map(|(_, r)| names(r)));
        }
        Self { seen, any }
    }

    /// Whether a student record's school handed over no roll while others did. Rolls that name no schools speak for all.
    pub fn lack(&self, record: &RosterRow) -> bool {
        let mut of = names(record).peekable();
        self.any && of.peek().is_some() && !of.any(|n| self.seen.contains(n))
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
