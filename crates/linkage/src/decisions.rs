//! 人工认定 (human decisions): what a person has said about pairs, an input to assignment.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::assign::{CERTAIN, Candidate};
use crate::block::{Pair, source_pair};
use crate::compare::pattern;
use crate::encode::Encoded;
use crate::order::Order;
use crate::run::LinkError;
use crate::table::Table;

/// What a person said of two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// 同一人: must be linked.
    Same,
    /// 不是同一人: must never be linked.
    Different,
}

/// One decision about two rows, named by source and record id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Source number and record id of one row.
    pub left: (usize, String),
    /// Source number and record id of the other.
    pub right: (usize, String),
    /// What was said.
    pub judgement: Judgement,
}

/// All decisions of a run.
pub type Decisions = Vec<Decision>;

/// Decisions as pairs of records.
#[derive(Default)]
pub(crate) struct Decided {
    pub same: FxHashSet<(u32, u32)>,
    pub different: FxHashSet<(u32, u32)>,
}

impl Decided {
    pub fn find(tables: &[Table], encoded: &Encoded, decisions: &[Decision]) -> Result<Self, LinkError> {
        let mut out = Self::default();
        if decisions.is_empty() {
            return Ok(out);
        }
        let find = |(source, id): &(usize, String)| {
            let rank = tables.get(*source).and_then(|t| t.rank(id));
            rank.map(|r| encoded.starts[*source] + r as u32).ok_or_else(|| LinkError::UnknownRecord(id.clone()))
        };
        for d in decisions {
            let (a, b) = (find(&d.left)?, find(&d.right)?);
            let pair = (a.min(b), a.max(b));
            match d.judgement {
                Judgement::Same => out.same.insert(pair),
                Judgement::Different => out.different.insert(pair),
            };
        }
        Ok(out)
    }

    /// Patterns of the decided pairs: how often people said so of each, by two sources.
    pub fn labels(&self, encoded: &Encoded) -> FxHashMap<u16, Vec<Labels>> {
        let mut counts: FxHashMap<(u16, u64), (f64, f64)> = FxHashMap::default();
        for (set, same) in [(&self.same, true), (&self.different, false)] {
            for (a, b) in set {
                let pair = source_pair(encoded.source_of(*a), encoded.source_of(*b), encoded.sources());
                let of = counts.entry((pair, pattern(encoded, *a, *b))).or_default();
                if same { of.0 += 1.0 } else { of.1 += 1.0 }
            }
        }
        let mut out: FxHashMap<u16, Vec<Labels>> = FxHashMap::default();
        for ((pair, pattern), (same, different)) in counts {
            out.entry(pair).or_default().push(Labels { pattern, same, different });
        }
        out.values_mut().for_each(|of| of.sort_unstable_by_key(|l| l.pattern));
        out
    }

    pub fn apply(&self, candidates: &mut Vec<Candidate>, order: &Order, encoded: &Encoded) {
        if self.same.is_empty() && self.different.is_empty() {
            return;
        }
        let key = |c: &Candidate| {
            let (a, b) = (encoded.proper(c.pair.left), encoded.proper(c.pair.right));
            (a.min(b), a.max(b))
        };
        candidates.retain(|c| !self.different.contains(&key(c)) && !self.same.contains(&key(c)));
        for &(a, b) in &self.same {
            if encoded.source_of(a) != encoded.source_of(b) || encoded.sources() == 1 {
                candidates.push(Candidate::new(Pair::new(a, b, DECIDED_RULE, pattern(encoded, a, b)), CERTAIN));
            }
        }
        order.sort(candidates);
    }
}

/// How often people said of pairs of one pattern that they are one child, or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels {
    pub pattern: u64,
    pub same: f64,
    pub different: f64,
}

/// Rule number of pairs that a person decided.
pub(crate) const DECIDED_RULE: usize = 127;
