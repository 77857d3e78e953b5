//! Assign: which of the scored pairs are links, given that a child stands once in a source unless the evidence says
//! that two rows are duplicates.
//!
//! Pairs that share rows are decided together (twins, brothers, namesakes), by the assignment of largest total weight.
//! A link's probability then counts what else its rows could have been linked to.

use pathfinding::prelude::{Matrix, kuhn_munkres};
use rayon::prelude::*;

use crate::block::Pair;
use crate::cluster::Components;

/// Pairs below these log2 odds are not considered: a thousand to one against.
pub(crate) const CANDIDATE_FLOOR: f64 = -10.0;
/// log2 odds from which a pair is worth assigning rather than leaving both rows alone.
const ASSIGN_FLOOR: f64 = -6.0;
/// Groups with at most so many rows on a side are solved exactly; larger ones greedily, best pair first.
const EXACT_ROWS: usize = 24;
/// log2 odds given to a pair that blocking never proposed.
const NEVER_PROPOSED: f64 = -14.0;
/// log2 odds that stand for a person's word.
pub(crate) const CERTAIN: f64 = 100.0;

/// log2 odds from which a second row of a child is one beyond doubt.
const STRONG_WEIGHT: f64 = 14.0;
/// Less likely second rows are not looked at.
const WORTH_ATTACHING: f64 = 0.1;

const NONE: u32 = u32::MAX;

/// A scored pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub pair: Pair,
    pub weight: f64,
}

/// A pair that assignment chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub candidate: Candidate,
    pub probability: f64,
    /// A second row of a child whose first one is linked.
    pub duplicate: bool,
}

/// 双重登记 (duplicates): when a row left over is another row of a child that has one in its source already.
pub(crate) trait Duplicates: Sync {
    /// log2 of how much likelier a left-over row is a second one of a child than the only one of a child whom the other source does not
    /// have. `strong`: rows of its source that are second rows beyond doubt.
    fn odds(&self, row: u32, strong: usize) -> f64;
    /// Whether two rows of one source are plainly of two children.
    fn contradict(&self, a: u32, b: u32) -> bool;
}

/// Chooses among the candidates of two different sources, sorted by pair.
pub(crate) fn assign(candidates: &[Candidate], records: usize, duplicates: &dyn Duplicates) -> Vec<Chosen> {
    let rows = Rows::new(candidates, records);
    let mut partner = vec![NONE; records];
    for (l, r) in rows.matching(records) {
        partner[l as usize] = r;
        partner[r as usize] = l;
    }
    let attached = rows.attach_duplicates(&partner, duplicates);
    let mut taken = partner.clone();
    for (c, _) in &attached {
        for row in [c.pair.left, c.pair.right] {
            if taken[row as usize] == NONE {
                taken[row as usize] = if row == c.pair.left { c.pair.right } else { c.pair.left };
            }
        }
    }
    let mut chosen: Vec<Chosen> = candidates
        .par_iter()
        .filter(|c| partner[c.pair.left as usize] == c.pair.right)
        .map(|c| Chosen { candidate: *c, probability: rows.probability(c, &partner, &taken), duplicate: false })
        .collect();
    chosen.extend(attached.into_iter().map(|(candidate, probability)| Chosen { candidate, probability, duplicate: true }));
    chosen.par_sort_unstable_by_key(|c| c.candidate.pair);
    chosen
}

/// Candidates by the rows they touch.
struct Rows<'a> {
    candidates: &'a [Candidate],
    /// Where the candidates of a left row begin; one entry more than rows.
    left_starts: Vec<u32>,
    /// Numbers of candidates, ordered by right row, and where those of a right row begin.
    by_right: Vec<u32>,
    right_starts: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(candidates: &'a [Candidate], records: usize) -> Self {
        let starts = |of: fn(&Candidate) -> u32| {
            let mut starts = vec![0u32; records + 1];
            candidates.iter().for_each(|c| starts[of(c) as usize + 1] += 1);
            (0..records).for_each(|i| starts[i + 1] += starts[i]);
            starts
        };
        let (left_starts, right_starts) = rayon::join(|| starts(|c| c.pair.left), || starts(|c| c.pair.right));
        // candidates stand in order of left row: filling one by one keeps that order within a right row
        let mut by_right = vec![0u32; candidates.len()];
        let mut next = right_starts.clone();
        for (i, c) in candidates.iter().enumerate() {
            let at = &mut next[c.pair.right as usize];
            by_right[*at as usize] = i as u32;
            *at += 1;
        }
        Self { candidates, left_starts, by_right, right_starts }
    }

    fn of_left(&self, row: u32) -> &[Candidate] {
        &self.candidates[self.left_starts[row as usize] as usize..self.left_starts[row as usize + 1] as usize]
    }

    fn of_right(&self, row: u32) -> impl Iterator<Item = &Candidate> {
        let of_row = self.right_starts[row as usize] as usize..self.right_starts[row as usize + 1] as usize;
        self.by_right[of_row].iter().map(|i| &self.candidates[*i as usize])
    }

    fn weight(&self, left: u32, right: u32) -> f64 {
        let row = self.of_left(left);
        row.binary_search_by_key(&right, |c| c.pair.right).map_or(NEVER_PROPOSED, |i| row[i].weight)
    }

    /// The assignment of largest total weight, group by group.
    fn matching(&self, records: usize) -> Vec<(u32, u32)> {
        let mut groups = Components::new(records);
        let worth = |c: &&Candidate| c.weight >= ASSIGN_FLOOR;
        for c in self.candidates.iter().filter(worth) {
            groups.join(c.pair.left, c.pair.right);
        }
        let mut members: Vec<(u32, u32)> = self
            .candidates
            .iter()
            .enumerate()
            .filter(|(_, c)| worth(c))
            .map(|(i, c)| (groups.root(c.pair.left), i as u32))
            .collect();
        members.par_sort_unstable();
        members
            .par_chunk_by(|a, b| a.0 == b.0)
            .flat_map_iter(|group| match group {
                [(_, only)] => {
                    let p = self.candidates[*only as usize].pair;
                    vec![(p.left, p.right)]
                }
                group => self.solve(&group.iter().map(|g| &self.candidates[g.1 as usize]).collect::<Vec<_>>()),
            })
            .collect()
    }

    fn solve(&self, group: &[&Candidate]) -> Vec<(u32, u32)> {
        let side = |of: fn(&Candidate) -> u32| {
            let mut rows: Vec<u32> = group.iter().map(|c| of(c)).collect();
            rows.sort_unstable();
            rows.dedup();
            rows
        };
        let (left, right) = (side(|c| c.pair.left), side(|c| c.pair.right));
        if left.len() > EXACT_ROWS || right.len() > EXACT_ROWS {
            return greedy(group);
        }
        // rows may not outnumber columns; leaving a row alone is worth 0
        let (rows, columns, swapped) = if left.len() <= right.len() { (&left, &right, false) } else { (&right, &left, true) };
        let mut gain = Matrix::new(rows.len(), columns.len(), 0i64);
        for c in group {
            let (r, k) = if swapped { (c.pair.right, c.pair.left) } else { (c.pair.left, c.pair.right) };
            if let (Ok(i), Ok(j)) = (rows.binary_search(&r), columns.binary_search(&k)) {
                // thousandths of a bit above the floor
                gain[(i, j)] = ((c.weight - ASSIGN_FLOOR) * 1000.0) as i64 + 1;
            }
        }
        let (_, columns_of) = kuhn_munkres(&gain);
        columns_of
            .into_iter()
            .enumerate()
            .filter(|(i, j)| gain[(*i, *j)] > 0)
            .map(|(i, j)| if swapped { (columns[j], rows[i]) } else { (rows[i], columns[j]) })
            .collect()
    }

    /// Rows left over whose best candidate is taken by a row of their own source: the same child stands there twice, unless the two rows
    /// speak against it.
    fn attach_duplicates(&self, partner: &[u32], duplicates: &dyn Duplicates) -> Vec<(Candidate, f64)> {
        let best = |cs: &mut dyn Iterator<Item = &Candidate>| {
            cs.max_by(|a, b| a.weight.total_cmp(&b.weight).then_with(|| b.pair.cmp(&a.pair))).copied()
        };
        let free = |row: u32| partner[row as usize] == NONE;
        let mut rows: Vec<(u32, bool)> = self.candidates.iter().map(|c| (c.pair.left, true)).collect();
        rows.extend(self.candidates.iter().map(|c| (c.pair.right, false)));
        rows.par_sort_unstable();
        rows.dedup();
        let found: Vec<(Candidate, u32)> = rows
            .into_par_iter()
            .filter(|(row, _)| free(*row))
            .filter_map(|(row, is_left)| {
                let c = if is_left { best(&mut self.of_left(row).iter()) } else { best(&mut self.of_right(row)) }?;
                let holder = partner[if is_left { c.pair.right } else { c.pair.left } as usize];
                (holder != NONE && !duplicates.contradict(row.min(holder), row.max(holder))).then_some((c, row))
            })
            .collect();
        let is_left = |(c, row): &(Candidate, u32)| c.pair.left == *row;
        let strong = |left: bool| found.iter().filter(|f| is_left(f) == left && f.0.weight >= STRONG_WEIGHT).count();
        let strong = [strong(false), strong(true)];
        let p = |f: &(Candidate, u32)| probability(f.0.weight + duplicates.odds(f.1, strong[usize::from(is_left(f))]));
        found.iter().map(|f| (f.0, p(f))).filter(|f| f.1 >= WORTH_ATTACHING).collect()
    }

    /// Probability of an assigned pair beside what else its rows could be: a row left alone, or a swap with another link.
    fn probability(&self, c: &Candidate, partner: &[u32], taken: &[u32]) -> f64 {
        let Pair { left, right, .. } = c.pair;
        let mut others = 0.0;
        for o in self.of_left(left).iter().filter(|o| o.pair.right != right) {
            let holder = partner[o.pair.right as usize];
            if holder != NONE {
                others += (o.weight + self.weight(holder, right) - self.weight(holder, o.pair.right)).exp2();
            } else if taken[o.pair.right as usize] == NONE {
                others += o.weight.exp2();
            }
        }
        for o in self.of_right(right).filter(|o| o.pair.left != left) {
            let holder = partner[o.pair.left as usize];
            if holder != NONE {
                others += (o.weight + self.weight(left, holder) - self.weight(o.pair.left, holder)).exp2();
            } else if taken[o.pair.left as usize] == NONE {
                others += o.weight.exp2();
            }
        }
        let odds = c.weight.exp2();
        if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds + others) }
    }
}

fn greedy(group: &[&Candidate]) -> Vec<(u32, u32)> {
    let mut order: Vec<&&Candidate> = group.iter().collect();
    order.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.pair.cmp(&b.pair)));
    let mut used = rustc_hash::FxHashSet::default();
    let mut out = Vec::new();
    for c in order {
        if !used.contains(&c.pair.left) && !used.contains(&c.pair.right) {
            used.insert(c.pair.left);
            used.insert(c.pair.right);
            out.push((c.pair.left, c.pair.right));
        }
    }
    out
}

/// Probability of log2 odds.
pub(crate) fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(list: &[(u32, u32, f64)]) -> Vec<Candidate> {
        let mut v: Vec<Candidate> =
            list.iter().map(|&(l, r, weight)| Candidate { pair: Pair::new(l, r, 0, 0), weight }).collect();
        v.sort_by_key(|c| c.pair);
        v
    }

    struct Never;
    struct OneIn50;

    impl Duplicates for Never {
        fn odds(&self, _: u32, _: usize) -> f64 {
            0.0
        }
        fn contradict(&self, _: u32, _: u32) -> bool {
            true
        }
    }

    impl Duplicates for OneIn50 {
        fn odds(&self, _: u32, _: usize) -> f64 {
            -5.6
        }
        fn contradict(&self, _: u32, _: u32) -> bool {
            false
        }
    }

    fn check(list: &[(u32, u32, f64)], duplicates: &dyn Duplicates, expected: &[(u32, u32)]) -> Vec<f64> {
        let chosen = assign(&candidates(list), 20, duplicates);
        let pairs: Vec<(u32, u32)> = chosen.iter().map(|c| (c.candidate.pair.left, c.candidate.pair.right)).collect();
        assert_eq!(pairs, expected);
        chosen.iter().map(|c| c.probability).collect()
    }

    #[test]
    fn twins_are_decided_together() {
        // the single best pair (0, 10) would leave the other two with next to nothing
        check(&[(0, 10, 20.0), (0, 11, 19.0), (1, 10, 19.0), (1, 11, 2.0)], &Never, &[(0, 11), (1, 10)]);
    }

    #[test]
    fn a_child_without_a_row_does_not_take_the_brothers() {
        let p = check(&[(0, 10, 20.0), (1, 10, 5.0)], &Never, &[(0, 10)]);
        assert!(p[0] > 0.99);
    }

    #[test]
    fn two_rows_of_one_child_hang_together() {
        check(&[(0, 10, 20.0), (0, 11, 15.0)], &OneIn50, &[(0, 10), (0, 11)]);
    }

    #[test]
    fn a_weak_second_row_does_not() {
        let p = check(&[(0, 10, 20.0), (0, 11, 4.0)], &OneIn50, &[(0, 10), (0, 11)]);
        assert!(p[1] < 0.3, "{p:?}");
    }

    #[test]
    fn an_equal_rival_halves_the_probability() {
        let p = check(&[(0, 10, 10.0), (0, 11, 10.0)], &Never, &[(0, 10)]);
        assert!((p[0] - 0.5).abs() < 0.01, "{p:?}");
    }
}
