//! Children of one register without a row on another: who is on the register of households and not on that of students.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::run::{Clusters, Linkage, Member};

/// 不在册 (absent): children of one source who have no row in another.
#[derive(Debug, Clone)]
pub struct Absent {
    /// Their rows, in order of their first.
    pub children: Clusters,
    /// Children who have none either, but for whom a pair with a row of it waits for a person.
    pub in_review: usize,
    /// The share of the children that the program expects to be rightly there.
    pub precision: f64,
}

impl Linkage {
    /// Who of the children of `base` has no row in `source`.
    pub fn absent_from(&self, source: u16, base: u16) -> Absent {
        let has = |child: &[Member], source: u16| child.iter().any(|m| m.source == source);
        // rows by which a child would have a row in the source: those of it, and those of the children who have
        let mut present: Vec<Vec<bool>> = self.counts.rows.iter().map(|n| vec![false; *n]).collect();
        present[usize::from(source)].fill(true);
        for m in self.clusters.iter().filter(|c| has(c, source)).flatten() {
            present[usize::from(m.source)][m.row as usize] = true;
        }
        let leads = |m: Member| present[usize::from(m.source)][m.row as usize];
        let pairs_with = |l: &crate::Link| match (leads(l.left), leads(l.right)) {
            (true, false) => Some(l.right),
            (false, true) => Some(l.left),
            _ => None,
        };
        let waits: FxHashSet<Member> = self.review.iter().filter_map(pairs_with).collect();
        let mut passed_over: FxHashMap<Member, f64> = FxHashMap::default();
        for l in &self.passed_over {
            if let Some(row) = pairs_with(l) {
                let most = passed_over.entry(row).or_default();
                *most = most.max(l.probability);
            }
        }
        let mut alone = vec![true; self.counts.rows[usize::from(base)]];
        self.clusters.iter().flatten().filter(|m| m.source == base).for_each(|m| alone[m.row as usize] = false);
        let alone = alone.iter().zip(0..).filter(|(alone, _)| **alone).map(|(_, row)| Member { source: base, row });
        let alone: Vec<Member> = alone.collect();
        let without = self.clusters.iter().filter(|c| has(c, base) && !has(c, source));
        let mut all: Vec<&[Member]> = without.chain(alone.iter().map(std::slice::from_ref)).collect();
        all.sort_unstable_by_key(|c| Reverse(c[0]));
        let (mut children, mut in_review, mut wrong) = (Clusters::default(), 0, 0.0);
        while let Some(child) = all.pop() {
            if child.iter().any(|m| waits.contains(m)) {
                in_review += 1;
                continue;
            }
            wrong += child.iter().filter_map(|m| passed_over.get(m)).copied().fold(0.0, f64::max);
            children.push(child.iter().copied());
        }
        wrong += self.unseen(base, source);
        let precision = if children.is_empty() { 1.0 } else { (1.0 - wrong / children.len() as f64).max(0.0) };
        Absent { children, in_review, precision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Counts, Link};

    fn m(source: u16, row: u32) -> Member {
        Member { source, row }
    }

    fn pair(left: Member, right: Member, probability: f64) -> Link {
        Link { left, right, probability, weight: 0.0, rule: None, pattern: 0 }
    }

    #[test]
    fn children_of_one_register_without_a_row_on_another() {
        let mut clusters = Clusters::default();
        for child in [vec![m(0, 0), m(1, 0)], vec![m(0, 3), m(2, 1)], vec![m(1, 1), m(2, 0)]] {
            clusters.push(child.into_iter());
        }
        let linkage = Linkage {
            links: Vec::new(),
            // the row of the third register is of a child who has one on the second
            review: vec![pair(m(0, 1), m(2, 0), 0.6)],
            passed_over: vec![pair(m(0, 2), m(1, 1), 0.3), pair(m(0, 2), m(2, 1), 0.9), pair(m(0, 3), m(2, 0), 0.1)],
            clusters,
            unmatched: Vec::new(),
            unmatched_precision: Vec::new(),
            rules: Vec::new(),
            first_of_last: 0,
            comparisons: Vec::new(),
            models: Vec::new(),
            left_over_models: Vec::new(),
            capped: Vec::new(),
            unseen: vec![((0, 1), 0.2), ((0, 2), 5.0)],
            counts: Counts { rows: vec![4, 2, 2], ..Counts::default() },
            estimated_precision: 1.0,
        };
        let absent = linkage.absent_from(1, 0);
        let children: Vec<&[Member]> = absent.children.iter().collect();
        assert_eq!(children, [&[m(0, 2)][..], &[m(0, 3), m(2, 1)]]);
        assert_eq!(absent.in_review, 1);
        assert!((absent.precision - (1.0 - (0.3 + 0.1 + 0.2) / 2.0)).abs() < 1e-9, "{}", absent.precision);
        // who is on the second and not on the first
        let absent = linkage.absent_from(0, 1);
        assert_eq!((absent.children.len(), absent.in_review), (0, 1), "waits by its row on the third");
    }
}
