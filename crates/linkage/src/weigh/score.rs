//! What a pair weighs.

use super::{Expected, Models, Weights};
use crate::block::{Pair, source_pair};
use crate::compare::level_at;
use crate::encode::{Comparator, Comparison, Encoded, wide};
use crate::field::Kind;

/// Patterns that are remembered while many pairs are scored: most pairs show one of few.
const PATTERNS_MET: usize = 256;

/// Scores pairs with the weights of their sources, rare names counting for more than common ones.
pub(crate) struct Scorer<'a> {
    encoded: &'a Encoded,
    weights: &'a Models,
    /// Comparisons whose values are known to be rare or common.
    counted: Vec<(usize, Frequency)>,
}

impl<'a> Scorer<'a> {
    pub fn new(encoded: &'a Encoded, weights: &'a Models) -> Self {
        let of = |(i, c): (usize, &Comparison)| Some((i, Frequency::of(encoded, c.comparator)?));
        let counted = encoded.comparisons.iter().enumerate().filter_map(of).collect();
        Self { encoded, weights, counted }
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
                (Frequency::Name { field, at, present }, 1) => (e.fields[field].frequency[a[at] as usize], present),
                (Frequency::Name { field, at, present }, 2) => {
                    let f = &e.fields[field];
                    let other =
                        |name: u32| f.sound_frequency[f.names.pinyin[name as usize] as usize] - f.frequency[name as usize];
                    (other(a[at]).max(other(b[at])), present)
                }
                (Frequency::Value { field, at, present }, 1) => (e.fields[field].frequency[a[at] as usize], present),
                (Frequency::Phone { at }, 1) => {
                    let Some(n) = e.phone_frequency.get(&wide(a, at)) else { continue };
                    out *= (f64::from(*n) / e.len() as f64 / w.stranger[*i][0]).max(1.0);
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
enum Frequency {
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

impl Frequency {
    fn of(e: &Encoded, comparator: Comparator) -> Option<Self> {
        let present = |field: usize| (e.len() - e.fields[field].frequency[0] as usize).max(1) as f64;
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
