//! What blocking hides from EM.

use super::{CLASS_COUNT, Weights};
use crate::block::Conditions;
use crate::encode::Encoded;

/// The pairs that no rule proposes. Brothers and sisters are met by their telephone mostly: taken as they are met they would all seem to
/// share it. EM counts what it cannot see as well (truncated data), by what the class shows elsewhere.
pub(super) struct Unproposed {
    /// Comparisons of which rules speak; of each, sets of levels (bit 0: no value) that are one to the rules.
    comparisons: Vec<(usize, Vec<u16>)>,
    /// By comparison the number of the set: combinations that no rule proposes.
    combinations: Vec<Vec<usize>>,
}

/// Combinations beyond this number are not looked at; rules of more than a dozen columns make them.
pub(super) const MAX_COMBINATIONS: usize = 1 << 14;

impl Unproposed {
    pub fn new(encoded: &Encoded, rules: &[Conditions]) -> Self {
        let mut comparisons: Vec<(usize, Vec<u16>)> = Vec::new();
        for (i, c) in encoded.comparisons.iter().enumerate() {
            let asked: Vec<u16> = rules.iter().flatten().filter(|(of, _)| *of == i).map(|(_, levels)| *levels).collect();
            if asked.is_empty() {
                continue;
            }
            let mut sets: Vec<(Vec<bool>, u16)> = Vec::new();
            for level in 0..=c.levels.len() {
                let fulfils: Vec<bool> = asked.iter().map(|a| a >> level & 1 == 1).collect();
                match sets.iter_mut().find(|s| s.0 == fulfils) {
                    Some(s) => s.1 |= 1 << level,
                    None => sets.push((fulfils, 1 << level)),
                }
            }
            comparisons.push((i, sets.into_iter().map(|s| s.1).collect()));
        }
        let all: usize = comparisons.iter().map(|(_, sets)| sets.len()).product();
        let mut combinations = Vec::new();
        // a rule of parts that no comparison speaks of says nothing here
        let rules: Vec<&Conditions> = rules.iter().filter(|r| !r.is_empty()).collect();
        for mut n in 0..if all <= MAX_COMBINATIONS && !rules.is_empty() { all } else { 0 } {
            let combination: Vec<usize> = comparisons
                .iter()
                .map(|(_, sets)| {
                    let at = n % sets.len();
                    n /= sets.len();
                    at
                })
                .collect();
            let holds = |(of, levels): &(usize, u16)| {
                comparisons.iter().zip(&combination).any(|((i, sets), at)| i == of && sets[*at] & !levels == 0)
            };
            if !rules.iter().any(|r| r.iter().all(holds)) {
                combinations.push(combination);
            }
        }
        Self { comparisons, combinations }
    }

    /// Adds a class's pairs that no rule proposes to `sums` and gives their number.
    pub fn of_class(&self, w: &Weights, k: usize, sums: &mut [Vec<[f64; CLASS_COUNT]>]) -> f64 {
        // with the missing value as level 0
        let share = |i: usize, level: usize| {
            let seen = w.seen(i);
            if level == 0 { 1.0 - seen } else { seen * w.classes[i][level - 1][k] }
        };
        let of_sets: Vec<Vec<f64>> = self
            .comparisons
            .iter()
            .map(|(i, sets)| sets.iter().map(|set| (0..16).filter(|l| set >> l & 1 == 1).map(|l| share(*i, l)).sum()).collect())
            .collect();
        let mut by_set: Vec<Vec<f64>> = of_sets.iter().map(|s| vec![0.0; s.len()]).collect();
        let mut total = 0.0;
        for combination in &self.combinations {
            let p: f64 = combination.iter().zip(&of_sets).map(|(at, shares)| shares[*at]).product();
            total += p;
            combination.iter().zip(&mut by_set).for_each(|(at, shares)| shares[*at] += p);
        }
        let pairs = w.class_pairs[k];
        for (i, levels) in sums.iter_mut().enumerate() {
            let asked = self.comparisons.iter().position(|(of, _)| *of == i);
            for (l, sum) in levels.iter_mut().enumerate() {
                let of_level = share(i, l + 1);
                sum[k] += pairs
                    * match asked {
                        None => total * of_level,
                        Some(at) => {
                            let set = self.comparisons[at].1.iter().position(|s| s >> (l + 1) & 1 == 1).unwrap_or(0);
                            let of_set = of_sets[at][set];
                            if of_set > 0.0 { by_set[at][set] * of_level / of_set } else { 0.0 }
                        }
                    };
            }
        }
        pairs * total
    }
}
