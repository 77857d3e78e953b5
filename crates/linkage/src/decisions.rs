//! 人工认定 (human decisions): what a person has said about pairs, an input to assignment.

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::assign::{CERTAIN, Candidate};
use crate::block::Pair;
use crate::compare::pattern;
use crate::encode::Encoded;
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
            let unknown = || LinkError::UnknownRecord(id.clone());
            let table = tables.get(*source).ok_or_else(unknown)?;
            let (mut low, mut high) = (0, table.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if table.id(middle) < id.as_str() { low = middle + 1 } else { high = middle }
            }
            if low < table.len() && table.id(low) == id { Ok(encoded.starts[*source] + low as u32) } else { Err(unknown()) }
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

    pub fn apply(&self, candidates: &mut Vec<Candidate>, encoded: &Encoded) {
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
                candidates.push(Candidate { pair: Pair::new(a, b, DECIDED_RULE, pattern(encoded, a, b)), weight: CERTAIN });
            }
        }
        candidates.par_sort_unstable_by_key(|c| c.pair);
    }
}

/// Rule number of pairs that a person decided.
pub(crate) const DECIDED_RULE: usize = 255;
