//! What a pair weighs.

use super::{Expected, Models, Weights};
use crate::block::{Pair, source_pair};
use crate::compare::level_at;
use crate::encode::{Comparator, Comparison, Encoded, wide};
use crate::field::Kind;
use crate::frequency::Frequencies;

/// Patterns that are remembered while many pairs are scored: most pairs show one of few.
const PATTERNS_MET: usize = 256;

/// Scores pairs with the weights of their sources, rare names counting for more than common ones.
pub(crate) struct Scorer<'a> {
    encoded: &'a Encoded,
    weights: &'a Models,
    frequencies: &'a Frequencies,
    /// Comparisons whose values are known to be rare or common.
    counted: Vec<(usize, Counted)>,
}

impl<'a> Scorer<'a> {
    pub fn new(encoded: &'a Encoded, weights: &'a Models, frequencies: &'a Frequencies) -> Self {
        let of = |(i, c): (usize, &Comparison)| Some((i, Counted::of(encoded, frequencies, c.comparator)?));
        let counted = encoded.comparisons.iter().enumerate().filter_map(of).collect();
        Self { encoded, weights, frequencies, counted }
    }

    /// log2 odds that a pair is one child; impossible for sources whose rows never met.
    pub fn score(&self, pair: Pair) -> f64 {
        let e = self.encoded;
        let key = source_pair(e.source_of(pair.left), e.source_of(pair.right), e.sources());
        self.weights.get(&key).map_or(f64::MIN, |w| self.weight_with(w, pair))
    }

    /// The same of many pairs, one after the other: what strangers and one child show alike is reckoned once for pairs of one pattern.
    pub fn scores(&self) -> impl FnMut(Pair) -> f64 {
        let e = self.encoded;
        let mut met: Vec<Option<(u16, u64, Expected)>> = vec![None; PATTERNS_MET];
        move |pair| {
            let key = source_pair(e.source_of(pair.left), e.source_of(pair.right), e.sources());
            let Some(w) = self.weights.get(&key) else { return f64::MIN };
            let pattern = pair.pattern();
            let place = (pattern ^ u64::from(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let expected = match &mut met[place as usize % PATTERNS_MET] {
                Some(met) if (met.0, met.1) == (key, pattern) => met.2,
                other => other.insert((key, pattern, w.expected(pattern))).2,
            };
            expected.weight(self.rarity(w, pair))
        }
    }

    /// log2 of how much likelier two rows are one child's than strangers' by what they show, whatever the odds were before.
    pub fn evidence(&self, pair: Pair) -> f64 {
        let e = self.encoded;
        let key = source_pair(e.source_of(pair.left), e.source_of(pair.right), e.sources());
        self.weights.get(&key).map_or(0.0, |w| self.weight_with(w, pair) - w.prior())
    }

    /// log2 odds of a pair by given weights.
    pub fn weight_with(&self, w: &Weights, pair: Pair) -> f64 {
        w.expected(pair.pattern()).weight(self.rarity(w, pair))
    }

    /// How much rarer (below 1) or commoner the values on which a pair agrees are than values are on average.
    fn rarity(&self, w: &Weights, pair: Pair) -> f64 {
        let e = self.encoded;
        let (a, b) = (e.record(pair.left), e.record(pair.right));
        let mut out = 1.0;
        for (i, counted) in &self.counted {
            let level = level_at(pair.pattern(), *i);
            let (frequency, present) = match (*counted, level) {
                (Counted::Name { field, at, present } | Counted::Value { field, at, present }, 1) => {
                    (self.frequencies.of_value(field, a[at]), present)
                }
                (Counted::Name { field, at, present }, 2) => {
                    let other = |r: &[u32]| self.frequencies.of_homophones(field, r[at], r[at + 1]);
                    (other(a).max(other(b)), present)
                }
                (Counted::Phone { at }, 1) => {
                    let Some(n) = self.frequencies.of_phone(wide(a, at)) else { continue };
                    out *= (f64::from(n) / e.len() as f64 / w.stranger[*i][0]).max(1.0);
                    continue;
                }
                _ => continue,
            };
            // the two rows themselves do not make a name common
            let share = (f64::from(frequency) - 1.5).max(0.5) / present;
            out *= (share / w.stranger[*i][usize::from(level) - 1]).clamp(1e-4, 1e4);
        }
        out
    }
}

/// Where the frequencies of a comparison's values are found.
#[derive(Clone, Copy)]
enum Counted {
    /// `present`: rows that have a value.
    Name {
        field: usize,
        at: usize,
        present: f64,
    },
    Value {
        field: usize,
        at: usize,
        present: f64,
    },
    Phone {
        at: usize,
    },
}

impl Counted {
    fn of(e: &Encoded, frequencies: &Frequencies, comparator: Comparator) -> Option<Self> {
        let present = |field: usize| (e.len() - frequencies.of_value(field, 0) as usize).max(1) as f64;
        match comparator {
            Comparator::Name { field, at } => Some(Self::Name { field, at, present: present(field) }),
            Comparator::Same { at } => {
                let field = e.fields.iter().position(|f| f.at == at && f.kind == Kind::Exact)?;
                Some(Self::Value { field, at, present: present(field) })
            }
            Comparator::Phone { at } => Some(Self::Phone { at }),
            _ => None,
        }
    }
}
