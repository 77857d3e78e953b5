//! 认定的依据 (what decisions bind): a decision names two rows by their fingerprints, and follows a row whose data were mended to the row
//! that took its place.

use baoxue_domain::roster::{Field, RosterRow, SourceKind};
use baoxue_linkage::{Decision, Judgement};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::app::comparison::sources::{SourceRow, Sources};

/// A decision in force.
pub(in crate::app) struct InForce {
    pub id: i64,
    pub same: bool,
    pub left: Ended,
    pub right: Ended,
}

/// One end of a decision: a row of a source.
pub(in crate::app) struct Ended {
    pub fingerprint: String,
    /// The source, and the stored roster in which the row stood; `None` where that is not known.
    pub stood: Option<(String, String)>,
}

/// What of the decisions binds rows of this run, and which decisions have lost one of theirs.
pub(in crate::app) struct Bound {
    pub decisions: Vec<Decision>,
    pub lost: Vec<i64>,
}

/// Rows of a source by what a mended row is known by.
struct Successors<'a> {
    rows: &'a [SourceRow<'a>],
    by_number: FxHashMap<&'a str, Option<usize>>,
    by_id: FxHashMap<&'a str, Option<usize>>,
    by_birth: FxHashMap<(&'a str, String), Vec<usize>>,
}

impl<'a> Successors<'a> {
    fn of(rows: &'a [SourceRow<'a>]) -> Self {
        let mut out = Self { rows, by_number: FxHashMap::default(), by_id: FxHashMap::default(), by_birth: FxHashMap::default() };
        for (i, r) in rows.iter().enumerate() {
            let number = r.row.get(Field::StudentNumber);
            let id = r.row.national_id.as_ref().map(|n| n.as_str());
            for (map, key) in [(&mut out.by_number, number), (&mut out.by_id, id)] {
                if let Some(key) = key {
                    // what two rows have tells neither
                    map.entry(key).and_modify(|at| *at = None).or_insert(Some(i));
                }
            }
            if let (Some(name), Some(birth)) = (r.row.name.as_deref(), r.row.birth_date) {
                out.by_birth.entry((name, birth.to_string())).or_default().push(i);
            }
        }
        out
    }

    /// The row that took the place of one: of the same student number, of the same sound number, or alike in all but one field.
    fn after(&self, old: &RosterRow) -> Option<&'a SourceRow<'a>> {
        let by_number = || self.by_number.get(old.get(Field::StudentNumber)?).copied().flatten();
        let by_id = || self.by_id.get(old.national_id.as_ref()?.as_str()).copied().flatten();
        let alike = || {
            let key = (old.name.as_deref()?, old.birth_date?.to_string());
            let near = self.by_birth.get(&key)?.iter().filter(|i| differing(old, self.rows[**i].row) <= 1);
            match near.collect::<Vec<_>>().as_slice() {
                [only] => Some(**only),
                _ => None,
            }
        };
        by_number().or_else(by_id).or_else(alike).map(|i| &self.rows[i])
    }
}

/// In how many of the fields that make a fingerprint two rows differ.
fn differing(a: &RosterRow, b: &RosterRow) -> usize {
    let fields = |r: &RosterRow| {
        [
            r.name.clone().unwrap_or_default(),
            r.id_text().to_owned(),
            r.birth_date.map(|d| d.to_string()).unwrap_or_default(),
            r.family_adult().unwrap_or("").to_owned(),
            r.get(Field::StudentNumber).unwrap_or("").to_owned(),
            r.get(Field::SchoolName).unwrap_or("").to_owned(),
        ]
    };
    fields(a).iter().zip(fields(b)).filter(|(x, y)| **x != *y).count()
}

/// Binds decisions to rows that are there. `old` reads a row of a stored roster by its fingerprint.
pub(in crate::app) fn bind(all: &[InForce], sources: &Sources, old: impl Fn(&str, &str) -> Option<RosterRow>) -> Bound {
    let named: FxHashSet<&str> = all.iter().flat_map(|d| [d.left.fingerprint.as_str(), d.right.fingerprint.as_str()]).collect();
    let mut where_is: FxHashMap<&str, usize> = FxHashMap::default();
    for (i, (_, rows)) in sources.iter().enumerate().filter(|_| !named.is_empty()) {
        where_is.extend(rows.iter().map(|r| r.fingerprint.as_str()).filter(|f| named.contains(f)).map(|f| (f, i)));
    }
    let mut successors: FxHashMap<usize, Successors> = FxHashMap::default();
    let kinds = sources.kinds();
    let mut place = |end: &Ended| -> Option<(usize, String)> {
        if let Some(source) = where_is.get(end.fingerprint.as_str()) {
            return Some((*source, end.fingerprint.clone()));
        }
        let (source, roster) = end.stood.as_ref()?;
        let kind = SourceKind::find(source)?;
        let at = kinds.iter().position(|k| *k == kind)?;
        let row = old(roster, &end.fingerprint)?;
        let of = successors.entry(at).or_insert_with(|| Successors::of(sources.iter().nth(at).map_or(&[], |(_, rows)| rows)));
        of.after(&row).map(|r| (at, r.fingerprint.clone()))
    };
    let mut out = Bound { decisions: Vec::new(), lost: Vec::new() };
    for d in all {
        match (place(&d.left), place(&d.right)) {
            // mended rows may have become one
            (Some(left), Some(right)) if left != right => {
                let judgement = if d.same { Judgement::Same } else { Judgement::Different };
                out.decisions.push(Decision { left, right, judgement });
            }
            _ => out.lost.push(d.id),
        }
    }
    out
}
