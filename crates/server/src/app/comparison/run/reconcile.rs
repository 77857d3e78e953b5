//! 永久编号 (permanent numbers): which child of this run is which child of before.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

/// Where the numbers of this run's children come from.
#[derive(Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// By child of the run: its number, or `None` for a new child.
    pub numbers: Vec<Option<i64>>,
    /// Merged: the number that stays, the number that leads to it from now on.
    pub merged: Vec<(i64, i64)>,
    /// Split: child of the run that is new, the number that it was part of.
    pub split: Vec<(usize, i64)>,
}

/// Gives every group of rows the number of the child to whom most of its rows belonged; a child that lost all its rows to another group was
/// merged into it. `held` are by group the numbers under which its rows stood; `other` finds a child whose rows have all changed.
pub fn reconcile(held: &[Vec<i64>], other: impl Fn(usize) -> Option<i64>) -> Reconciled {
    let mut claims: Vec<(usize, usize, i64)> = Vec::new();
    for (group, numbers) in held.iter().enumerate() {
        let mut count: BTreeMap<i64, usize> = BTreeMap::new();
        numbers.iter().for_each(|n| *count.entry(*n).or_default() += 1);
        claims.extend(count.into_iter().map(|(number, n)| (n, group, number)));
    }
    // the most rows first; then the older number, then the earlier group
    claims.sort_by_key(|(n, group, number)| (std::cmp::Reverse(*n), *number, *group));
    let mut out: Vec<Option<i64>> = vec![None; held.len()];
    let mut owner: FxHashMap<i64, usize> = FxHashMap::default();
    for (_, group, number) in &claims {
        if out[*group].is_none() && !owner.contains_key(number) {
            out[*group] = Some(*number);
            owner.insert(*number, *group);
        }
    }
    let mut merged: Vec<(i64, i64)> = Vec::new();
    let mut split: Vec<(usize, i64)> = Vec::new();
    let mut gone: FxHashSet<i64> = FxHashSet::default();
    for (_, group, number) in &claims {
        match out[*group] {
            Some(kept) if kept != *number && !owner.contains_key(number) && gone.insert(*number) => merged.push((kept, *number)),
            None => split.push((*group, *number)),
            _ => {}
        }
    }
    for group in 0..held.len() {
        if out[group].is_none()
            && held[group].is_empty()
            && let Some(number) = other(group)
            && !owner.contains_key(&number)
        {
            out[group] = Some(number);
            owner.insert(number, group);
        }
    }
    merged.sort_unstable();
    split.sort_unstable();
    split.dedup_by_key(|s| s.0);
    Reconciled { numbers: out, merged, split }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(held: &[&[i64]], numbers: &[Option<i64>], merged: &[(i64, i64)], split: &[(usize, i64)]) {
        let held: Vec<Vec<i64>> = held.iter().map(|h| h.to_vec()).collect();
        let r = reconcile(&held, |_| None);
        assert_eq!((r.numbers.as_slice(), r.merged.as_slice(), r.split.as_slice()), (numbers, merged, split), "{held:?}");
    }

    #[test]
    fn table() {
        check(&[&[1, 1], &[2]], &[Some(1), Some(2)], &[], &[]);
        check(&[&[1, 1], &[]], &[Some(1), None], &[], &[]);
        // two children turn out to be one
        check(&[&[1, 2, 2]], &[Some(2)], &[(2, 1)], &[]);
        check(&[&[1, 2]], &[Some(1)], &[(1, 2)], &[]);
        // one child turns out to be two
        check(&[&[1, 1], &[1]], &[Some(1), None], &[], &[(1, 1)]);
        // a row moves from one child to another: both stay
        check(&[&[1, 2], &[2, 2]], &[Some(1), Some(2)], &[], &[]);
        // three become two
        check(&[&[1, 2], &[3, 2]], &[Some(1), Some(2)], &[(2, 3)], &[]);
    }

    #[test]
    fn a_child_whose_rows_have_all_changed_is_known_by_its_number_or_name() {
        let r = reconcile(&[vec![], vec![7]], |group| (group == 0).then_some(7));
        assert_eq!(r.numbers, [None, Some(7)], "never two children with one number");
        let r = reconcile(&[vec![], vec![]], |_| Some(7));
        assert_eq!(r.numbers, [Some(7), None]);
    }

    /// No number is given twice, and every number of before is given, merged away or was not held.
    #[test]
    fn numbers_are_unique_whatever_the_groups() {
        let mut seed = 12345u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..500 {
            let held: Vec<Vec<i64>> = (0..next(6)).map(|_| (0..next(4)).map(|_| 1 + next(6) as i64).collect()).collect();
            let r = reconcile(&held, |_| None);
            let given: Vec<i64> = r.numbers.iter().flatten().copied().collect();
            let unique: FxHashSet<i64> = given.iter().copied().collect();
            assert_eq!(given.len(), unique.len(), "{held:?}");
            let merged: FxHashSet<i64> = r.merged.iter().map(|m| m.1).collect();
            for n in held.iter().flatten() {
                assert!(unique.contains(n) != merged.contains(n), "{n} in {held:?}");
            }
        }
    }
}
