//! The parameters side by side, as EM reads them and as pairs are scored.

use super::{CLASS_COUNT, SAME_CLASSES};
use crate::compare::level_at;
use crate::decisions::Labels;

/// Shares of the classes and of strangers, side by side so that one step multiplies them all.
pub(super) type Side = [f64; 8];
pub(super) const STRANGER: usize = CLASS_COUNT;
/// Patterns whose shares one thread adds up at a time.
pub(super) const PATTERNS_AT_ONCE: usize = 1024;

/// The parameters as EM reads them: by comparison and level, level 0 (no value) being ones.
#[derive(Debug, Clone, Default)]
pub(super) struct ShareTable {
    pub pairs: Side,
    pub levels: Vec<Vec<Side>>,
    /// Where strangers depend on another comparison (and at which of its levels): by how much their share of each level grows.
    pub dependences: Vec<(usize, (usize, u16), Vec<f64>)>,
}

impl ShareTable {
    #[inline]
    pub fn expected(&self, pattern: u64) -> Side {
        let mut out = self.pairs;
        for (i, levels) in self.levels.iter().enumerate() {
            let shares = &levels[usize::from(level_at(pattern, i))];
            for k in 0..out.len() {
                out[k] *= shares[k];
            }
        }
        for (comparison, (given, levels), more) in &self.dependences {
            if levels >> level_at(pattern, *given) & 1 == 1 {
                out[STRANGER] *= more[usize::from(level_at(pattern, *comparison))];
            }
        }
        out
    }

    /// How the pairs of these patterns spread over the classes.
    pub fn sums(&self, patterns: &[(u64, f64)]) -> Sums {
        let mut out = Sums::new(self.levels.iter().map(|l| l.len() - 1));
        for &(pattern, count) in patterns {
            out.spread(pattern, count, self.expected(pattern));
        }
        out
    }

    /// The same of pairs of which people said whether they are one child.
    pub fn sums_of_labels(&self, labels: &[Labels]) -> Sums {
        let mut out = Sums::new(self.levels.iter().map(|l| l.len() - 1));
        for l in labels {
            let (mut same, mut different) = (self.expected(l.pattern), self.expected(l.pattern));
            same[SAME_CLASSES..].fill(0.0);
            different[..SAME_CLASSES].fill(0.0);
            out.spread(l.pattern, l.same, same);
            out.spread(l.pattern, l.different, different);
        }
        out
    }
}

/// Expected numbers of pairs: by class, and by comparison, level and class.
pub(super) struct Sums {
    pub size: Side,
    pub levels: Vec<Vec<Side>>,
}

impl Sums {
    pub fn new(levels: impl Iterator<Item = usize>) -> Self {
        Self { size: [0.0; 8], levels: levels.map(|n| vec![[0.0; 8]; n + 1]).collect() }
    }

    /// Adds pairs of a pattern, in the proportions of `e`.
    fn spread(&mut self, pattern: u64, count: f64, mut e: Side) {
        let total: f64 = e.iter().sum();
        if total <= 0.0 {
            return;
        }
        let scale = count / total;
        for k in 0..e.len() {
            e[k] *= scale;
            self.size[k] += e[k];
        }
        for (i, levels) in self.levels.iter_mut().enumerate() {
            let sum = &mut levels[usize::from(level_at(pattern, i))];
            for k in 0..e.len() {
                sum[k] += e[k];
            }
        }
    }

    pub fn add(&mut self, other: &Sums) {
        for (levels, others) in self.levels.iter_mut().zip(&other.levels) {
            for (x, y) in levels.iter_mut().zip(others) {
                (0..x.len()).for_each(|k| x[k] += y[k]);
            }
        }
        (0..self.size.len()).for_each(|k| self.size[k] += other.size[k]);
    }
}
