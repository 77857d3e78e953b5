//! One child from all rows that belong together, and the verdict on it.

use baoxue_domain::person::age_on;
use baoxue_domain::roster::{RosterRow, SourceKind};
use baoxue_domain::verdict::{Evidence, EvidenceRow, NearMiss, Setting, Verdict, VerdictGroup, VerdictKind, decide};
use baoxue_linkage::{Linkage, Member, Table, pinyin_syllables};
use jiff::civil::Date;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::app::comparison::rolls::Rolls;
use crate::app::comparison::sources::{SourceRow, Sources};

/// A child with its verdict.
pub struct Child<'a> {
    /// Rows, by source.
    pub rows: Vec<(SourceKind, &'a SourceRow<'a>)>,
    /// The verdict.
    pub verdict: Verdict,
    /// Birth date by the most trusted source.
    pub birth_date: Option<Date>,
    /// Lowest probability of the links that hold the rows together; 1 for a single row.
    pub certainty: f64,
    /// Its school handed over no roll: whether it is there was not checked.
    pub no_roll: bool,
    /// A pair of it waits for a person.
    undecided: bool,
}

impl<'a> Child<'a> {
    /// How its name sounds: what near misses are sought by.
    fn sound(&self) -> Option<String> {
        self.rows.iter().find_map(|(_, r)| r.row.name.as_deref()).map(|n| pinyin_syllables(n).join(" "))
    }

    /// The most trusted row: what tables show.
    pub fn main_row(&self) -> &'a RosterRow {
        const TRUST: [SourceKind; 4] = [SourceKind::Household, SourceKind::Student, SourceKind::InSchool, SourceKind::Births];
        TRUST.iter().find_map(|s| self.of(*s)).unwrap_or_else(|| self.rows[0].1.row)
    }

    /// A source's row.
    pub fn of(&self, source: SourceKind) -> Option<&'a RosterRow> {
        self.rows.iter().find(|(s, _)| *s == source).map(|(_, r)| r.row)
    }

    /// Name by the most trusted row that has one.
    pub fn name(&self) -> &'a str {
        let main = self.main_row().name.as_deref();
        main.or_else(|| self.rows.iter().find_map(|(_, r)| r.row.name.as_deref())).unwrap_or("(未登记姓名)")
    }

    /// What finds the child again in another run: its number, or name and birth date.
    pub fn key(&self) -> String {
        let id = self.main_row().national_id.or_else(|| self.rows.iter().find_map(|(_, r)| r.row.national_id));
        match id {
            Some(id) => id.to_string(),
            None => format!("{}|{}", self.name(), self.birth_date.map(|d| d.to_string()).unwrap_or_default()),
        }
    }
}

/// Oldest age at which a pupil on a register is still looked at: beyond it the birth date is wrong.
const OLDEST_PUPIL: i16 = 20;

/// Groups the rows, leaves out who is not of age, and decides.
pub fn decide_all<'a>(sources: &'a Sources<'a>, tables: &[Table], linkage: &Linkage, setting: &Setting) -> Vec<Child<'a>> {
    let mut groups: Vec<Vec<Member>> = linkage.clusters.iter().map(<[Member]>::to_vec).collect();
    let mut seen: Vec<Vec<bool>> = tables.iter().map(|t| vec![false; t.len()]).collect();
    groups.iter().flatten().for_each(|m| seen[usize::from(m.source)][m.row as usize] = true);
    for (source, rows) in seen.iter().enumerate() {
        groups.extend(
            rows.iter().enumerate().filter(|(_, s)| !**s).map(|(row, _)| vec![Member { source: source as u16, row: row as u32 }]),
        );
    }
    let mut certainty: Vec<Vec<f64>> = tables.iter().map(|t| vec![1.0; t.len()]).collect();
    for l in &linkage.links {
        for m in [l.left, l.right] {
            let c = &mut certainty[usize::from(m.source)][m.row as usize];
            *c = c.min(l.probability);
        }
    }
    let undecided: FxHashSet<Member> = linkage.review.iter().flat_map(|l| [l.left, l.right]).collect();
    let rolls = Rolls::gather(
        sources,
        groups.iter().map(|g| g.iter().map(|m| (sources.kind(m.source.into()), sources.row(tables, *m).row)).collect()),
    );
    let mut children: Vec<Child> = groups
        .par_iter()
        .filter_map(|members| {
            let rows: Vec<(SourceKind, &SourceRow)> =
                members.iter().map(|m| (sources.kind(m.source.into()), sources.row(tables, *m))).collect();
            let evidence_rows = rows.iter().map(|(source, r)| EvidenceRow { source: *source, row: r.row }).collect();
            let of = |kind| rows.iter().filter(move |r| r.0 == kind);
            let mut records = of(SourceKind::Student).peekable();
            let no_roll =
                of(SourceKind::InSchool).next().is_none() && records.peek().is_some() && records.all(|(_, r)| rolls.lack(r.row));
            let undecided = members.iter().any(|m| undecided.contains(m));
            let evidence = Evidence { rows: evidence_rows, undecided, no_roll, nearest: None };
            if !in_sight(&evidence, setting) {
                return None;
            }
            let verdict = decide(&evidence, setting);
            let certainty = members.iter().map(|m| certainty[usize::from(m.source)][m.row as usize]).fold(1.0, f64::min);
            Some(Child { verdict, birth_date: evidence.birth_date(), rows, certainty, no_roll, undecided })
        })
        .collect();
    // the few who are missing are told what came closest
    let missing: Vec<usize> =
        (0..children.len()).filter(|i| children[*i].verdict.kind.group() == VerdictGroup::Missing).collect();
    let near = NearIndex::new(sources, missing.iter().filter_map(|i| children[*i].sound()).collect());
    let verdict = |i: usize| {
        let c = &children[i];
        let rows = c.rows.iter().map(|(source, r)| EvidenceRow { source: *source, row: r.row }).collect();
        let mut evidence = Evidence { rows, undecided: c.undecided, no_roll: c.no_roll, nearest: None };
        evidence.nearest = near.nearest(&evidence, &c.rows);
        (i, decide(&evidence, setting))
    };
    let told: Vec<(usize, Verdict)> = missing.into_par_iter().map(verdict).collect();
    told.into_iter().for_each(|(i, verdict)| children[i].verdict = verdict);
    in_order(children)
}

/// By verdict, birth date and name. Children are large to move and their names costly to find: numbers are sorted in their place.
fn in_order(children: Vec<Child>) -> Vec<Child> {
    let mut keys: Vec<_> = children
        .par_iter()
        .enumerate()
        .map(|(i, c)| (c.verdict.kind, c.birth_date, c.name(), c.rows[0].1.fingerprint.as_str(), i))
        .collect();
    keys.par_sort_unstable();
    let order: Vec<usize> = keys.into_iter().map(|k| k.4).collect();
    let mut children: Vec<Option<Child>> = children.into_iter().map(Some).collect();
    order.into_iter().filter_map(|i| children[i].take()).collect()
}

/// Of age, or on a school's register; known to more than a list of names from outside.
fn in_sight(e: &Evidence, s: &Setting) -> bool {
    let school = e.has(SourceKind::Student) || e.has(SourceKind::InSchool);
    let known = school
        || e.rows.iter().any(|r| {
            r.source.is_population()
                || matches!(r.source, SourceKind::LastYear | SourceKind::Kindergarten | SourceKind::PastCases)
        });
    let of_age = e.birth_date().is_none_or(|b| s.window.contains(b, s.year));
    let plausible = e.birth_date().is_none_or(|b| age_on(b, s.year.first_day()) <= OLDEST_PUPIL);
    known && plausible && (of_age || school)
}

/// School rows by the sound of their names, to show what came closest.
struct NearIndex<'a> {
    by_sound: FxHashMap<String, Vec<(SourceKind, &'a SourceRow<'a>)>>,
}

impl<'a> NearIndex<'a> {
    /// Of the rows that sound like one of `wanted`.
    fn new(sources: &'a Sources<'a>, wanted: FxHashSet<String>) -> Self {
        let mut by_sound: FxHashMap<String, Vec<_>> = FxHashMap::default();
        for (kind, rows) in sources.iter().filter(|(k, _)| matches!(k, SourceKind::Student | SourceKind::InSchool)) {
            let sound =
                |r: &SourceRow| r.row.name.as_deref().map(|n| pinyin_syllables(n).join(" ")).filter(|s| wanted.contains(s));
            let found: Vec<(String, &SourceRow)> = rows.par_iter().filter_map(|r| Some((sound(r)?, r))).collect();
            for (sound, r) in found {
                by_sound.entry(sound).or_default().push((kind, r));
            }
        }
        Self { by_sound }
    }

    /// Of the rows of the same-sounding name that are not the child's own, the one whose birth date is closest.
    fn nearest(&self, e: &Evidence, own: &[(SourceKind, &SourceRow)]) -> Option<NearMiss> {
        let name = e.rows.iter().find_map(|r| r.row.name.as_deref())?;
        let birth = e.birth_date()?;
        let days = |r: &RosterRow| r.birth_date.map_or(i32::MAX, |b| birth.since(b).map_or(i32::MAX, |s| s.get_days().abs()));
        let rows = self.by_sound.get(&pinyin_syllables(name).join(" "))?;
        let others = rows.iter().filter(|(_, r)| !own.iter().any(|(_, o)| std::ptr::eq(*o, *r)));
        let (kind, r) = others.min_by_key(|(k, r)| (days(r.row), *k, &r.fingerprint))?;
        Some(NearMiss::new(*kind, r.place(), r.row, e))
    }
}

/// Number of children by kind of verdict.
pub fn count(children: &[Child], kind: VerdictKind) -> usize {
    children.iter().filter(|c| c.verdict.kind == kind).count()
}
