use std::collections::{BTreeMap, BTreeSet};

use super::Mark;

/// What came of a pupil of whom two devices said different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// The pupil.
    pub child: i64,
    /// What stood there, and what came.
    pub said: (Mark, Mark),
    /// What stands now: the one that keeps the child in sight.
    pub kept: Mark,
}

fn mark(of: &BTreeMap<i64, Mark>, child: i64) -> Mark {
    of.get(&child).copied().unwrap_or(Mark::Present)
}

/// 合并 (merge): a register as it stands, and what a device sends that was made on an earlier version of it; `base` is that version, and nothing
/// where the device knew of none. Each of the three names whoever is not present. Pupil by pupil: one side changed → that side; both said the same →
/// that; both different → the mark that keeps the child in sight, flagged until somebody answers. So an "all present" of an older version takes nobody
/// off. Clocks order nothing; whoever is not on the list (`pupils`) is not there. Gives the new exceptions and where they disagree.
pub fn merge(
    pupils: &BTreeSet<i64>,
    base: Option<&BTreeMap<i64, Mark>>,
    standing: Option<&BTreeMap<i64, Mark>>,
    sent: &BTreeMap<i64, Mark>,
) -> (BTreeMap<i64, Mark>, Vec<Disagreement>) {
    let mut out = BTreeMap::new();
    let mut disagreements = Vec::new();
    for &child in pupils {
        let theirs = mark(sent, child);
        let kept = match standing {
            None => theirs,
            Some(standing) => {
                let ours = mark(standing, child);
                let before = base.map(|b| mark(b, child));
                if ours == theirs || before == Some(theirs) {
                    ours
                } else if before == Some(ours) {
                    theirs
                } else {
                    let kept = ours.max(theirs);
                    disagreements.push(Disagreement { child, said: (ours, theirs), kept });
                    kept
                }
            }
        };
        if kept != Mark::Present {
            out.insert(child, kept);
        }
    }
    (out, disagreements)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Marks = BTreeMap<i64, Mark>;

    fn marks(all: &[(i64, Mark)]) -> Marks {
        all.iter().copied().filter(|m| m.1 != Mark::Present).collect()
    }

    #[test]
    fn one_pupil_two_devices() {
        use Mark::{Late, LeftEarly, Present, Sick, Unexplained};
        let pupils = BTreeSet::from([1]);
        for (base, ours, theirs, kept, differ) in [
            // nobody had taken it
            (None, None, Present, Present, false),
            (None, None, Unexplained, Unexplained, false),
            // both took it from nothing
            (None, Some(Present), Unexplained, Unexplained, true),
            (None, Some(Unexplained), Present, Unexplained, true),
            (None, Some(Sick), Unexplained, Unexplained, true),
            (None, Some(Sick), Sick, Sick, false),
            // one side changed what both had seen
            (Some(Unexplained), Some(Unexplained), Late, Late, false),
            (Some(Unexplained), Some(Late), Unexplained, Late, false),
            (Some(Present), Some(Unexplained), Present, Unexplained, false),
            // both changed it, differently
            (Some(Unexplained), Some(Sick), Late, Late, true),
            (Some(Present), Some(LeftEarly), Unexplained, Unexplained, true),
            (Some(Present), Some(Late), Late, Late, false),
        ] {
            let of = |m: Mark| marks(&[(1, m)]);
            let (out, d) = merge(&pupils, base.map(of).as_ref(), ours.map(of).as_ref(), &of(theirs));
            assert_eq!((mark(&out, 1), !d.is_empty()), (kept, differ), "{base:?} {ours:?} {theirs:?}");
        }
        // whoever is not on the list is nowhere
        assert_eq!(merge(&pupils, None, None, &marks(&[(2, Unexplained)])).0, Marks::new());
    }

    fn any_marks() -> impl Strategy<Value = Marks> {
        let one = (1..6i64, 0..7usize);
        proptest::collection::vec(one, 0..5)
            .prop_map(|all| marks(&all.into_iter().map(|(c, m)| (c, Mark::ALL[m])).collect::<Vec<_>>()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        /// Three devices that took one register without signal, delivered in any order and more than once: one register comes of it, in which nobody
        /// is more present than any of them said, and nobody is lost of whom all said the same.
        #[test]
        fn three_devices_in_any_order(
            sent in proptest::collection::vec(any_marks(), 3),
            known in proptest::option::of(any_marks()),
            order in Just([0usize, 1, 2]).prop_shuffle(),
            again in proptest::collection::vec(0..3usize, 0..3),
        ) {
            let pupils: BTreeSet<i64> = (1..6).collect();
            let deliver = |order: &[usize]| {
                let mut standing = known.clone();
                let mut had = BTreeSet::new();
                for &i in order {
                    // a key that came before changes nothing
                    if had.insert(i) {
                        standing = Some(merge(&pupils, known.as_ref(), standing.as_ref(), &sent[i]).0);
                    }
                }
                standing.unwrap_or_default()
            };
            let repeated: Vec<usize> = order.iter().copied().chain(again).collect();
            let first = deliver(&[0, 1, 2]);
            prop_assert_eq!(&first, &deliver(&repeated));
            for &c in &pupils {
                let said: BTreeSet<Mark> = sent.iter().map(|s| mark(s, c)).collect();
                if said.len() == 1 {
                    prop_assert_eq!(mark(&first, c), *said.first().unwrap());
                }
                match &known {
                    // changed by nobody: as it was; changed: what the most worrying of those who changed it says
                    Some(k) => {
                        let changed = said.iter().copied().filter(|m| *m != mark(k, c)).max();
                        prop_assert_eq!(mark(&first, c), changed.unwrap_or(mark(k, c)));
                    }
                    None => prop_assert_eq!(mark(&first, c), *said.last().unwrap()),
                }
            }
        }
    }
}
