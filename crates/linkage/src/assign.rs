//! Assign: which of the scored pairs are links, given that a child stands once in a source unless the evidence says
//! that two rows are duplicates.
//!
//! Pairs that share rows are decided together (twins, brothers, namesakes), by the assignment of largest total weight.
//! A link's probability then counts what else its rows could have been linked to.

use std::ops::Range;

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
    /// log2 odds that the two are one child.
    pub weight: f32,
    /// How likely a chosen pair is not a link after all; [`UNCHOSEN`] for others.
    doubt: f32,
}

/// Doubt of a pair that was not chosen.
const UNCHOSEN: f32 = 2.0;

impl Candidate {
    pub fn new(pair: Pair, weight: f64) -> Self {
        Self { pair, weight: weight as f32, doubt: UNCHOSEN }
    }

    /// Holds the pair to be a link, as likely as its weight says.
    pub fn choose_by_weight(&mut self) {
        self.doubt = (1.0 - probability(self.weight())) as f32;
    }

    pub fn weight(&self) -> f64 {
        f64::from(self.weight)
    }

    /// Whether assignment chose the pair.
    pub fn chosen(&self) -> bool {
        self.doubt <= 1.0
    }

    /// That a chosen pair is a link; below 0 for others.
    pub fn probability(&self) -> f64 {
        1.0 - f64::from(self.doubt)
    }

    /// Numbers in the order of likelihood, the likeliest first: by probability, then by weight.
    pub fn rank(&self) -> u64 {
        let bits = self.weight.to_bits();
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        u64::from(self.doubt.to_bits()) << 32 | u64::from(!ascending)
    }
}

/// 双重登记 (duplicates): when a row left over is another row of a child that has one in its source already.
pub(crate) trait Duplicates: Sync {
    /// log2 of how much likelier a left-over row is a second one of a child than the only one of a child whom the other source does not
    /// have. `strong`: rows of its source that are second rows beyond doubt.
    fn odds(&self, row: u32, strong: usize) -> f64;
    /// Whether two rows of one source are plainly of two children.
    fn contradict(&self, a: u32, b: u32) -> bool;
}

/// Chooses among the candidates of two different sources, sorted by pair; `rows` are the records of the two. Gives the chosen pairs that
/// are of a second row of a child whose first one is linked.
pub(crate) fn assign(candidates: &mut [Candidate], rows: [Range<u32>; 2], duplicates: &dyn Duplicates) -> Vec<Pair> {
    let by_row = Rows::new(candidates, rows);
    let (partner, attached) = by_row.matching(duplicates);
    let mut taken = partner.clone();
    for (i, _) in &attached {
        let Pair { left, right, .. } = candidates[*i].pair;
        for (row, other) in [(left, right), (right, left)] {
            let taken = &mut taken[by_row.place(row)];
            if *taken == NONE {
                *taken = other;
            }
        }
    }
    let chosen = |c: &Candidate| partner[by_row.place(c.pair.left)] == c.pair.right;
    let doubt = |c: &Candidate| if chosen(c) { (1.0 - by_row.probability(c, &partner, &taken)) as f32 } else { UNCHOSEN };
    let doubts: Vec<f32> = candidates.par_iter().map(doubt).collect();
    candidates.iter_mut().zip(doubts).for_each(|(c, doubt)| c.doubt = doubt);
    attached.iter().for_each(|(i, p)| candidates[*i].doubt = (1.0 - p) as f32);
    attached.iter().map(|(i, _)| candidates[*i].pair).collect()
}

/// Candidates by the rows they touch.
struct Rows<'a> {
    candidates: &'a [Candidate],
    rows: [Range<u32>; 2],
    /// Where the candidates of a left row begin; one entry more than rows.
    left_starts: Vec<u32>,
    /// Numbers of candidates, ordered by right row, and where those of a right row begin.
    by_right: Vec<u32>,
    right_starts: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(candidates: &'a [Candidate], rows: [Range<u32>; 2]) -> Self {
        let starts = |rows: &Range<u32>, of: fn(&Candidate) -> u32| {
            let mut starts = vec![0u32; rows.len() + 1];
            candidates.iter().for_each(|c| starts[(of(c) - rows.start) as usize + 1] += 1);
            (0..rows.len()).for_each(|i| starts[i + 1] += starts[i]);
            starts
        };
        let (left_starts, right_starts) =
            rayon::join(|| starts(&rows[0], |c| c.pair.left), || starts(&rows[1], |c| c.pair.right));
        // candidates stand in order of left row: filling one by one keeps that order within a right row
        let mut by_right = vec![0u32; candidates.len()];
        let mut next = right_starts.clone();
        for (i, c) in candidates.iter().enumerate() {
            let at = &mut next[(c.pair.right - rows[1].start) as usize];
            by_right[*at as usize] = i as u32;
            *at += 1;
        }
        Self { candidates, rows, left_starts, by_right, right_starts }
    }

    /// The place of a row in lists of the rows of both sources.
    fn place(&self, row: u32) -> usize {
        if self.is_left(row) {
            (row - self.rows[0].start) as usize
        } else {
            self.rows[0].len() + (row - self.rows[1].start) as usize
        }
    }

    fn is_left(&self, row: u32) -> bool {
        self.rows[0].contains(&row)
    }

    /// Numbers of the candidates of a left row.
    fn numbers_of_left(&self, row: u32) -> Range<usize> {
        let at = (row - self.rows[0].start) as usize;
        self.left_starts[at] as usize..self.left_starts[at + 1] as usize
    }

    /// Numbers of the candidates of a right row.
    fn numbers_of_right(&self, row: u32) -> &[u32] {
        let at = (row - self.rows[1].start) as usize;
        &self.by_right[self.right_starts[at] as usize..self.right_starts[at + 1] as usize]
    }

    fn of_left(&self, row: u32) -> &[Candidate] {
        &self.candidates[self.numbers_of_left(row)]
    }

    fn of_right(&self, row: u32) -> impl Iterator<Item = &Candidate> {
        self.numbers_of_right(row).iter().map(|i| &self.candidates[*i as usize])
    }

    fn weight(&self, left: u32, right: u32) -> f64 {
        let row = self.of_left(left);
        row.binary_search_by_key(&right, |c| c.pair.right).map_or(NEVER_PROPOSED, |i| row[i].weight())
    }

    /// By place of a row: whom the assignment of largest total weight gives it, group by group. And the pairs of second rows of a child, by
    /// number, with their probability.
    fn matching(&self, duplicates: &dyn Duplicates) -> (Vec<u32>, Vec<(usize, f64)>) {
        let mut partner = vec![NONE; self.rows[0].len() + self.rows[1].len()];
        let mut take = |left: u32, right: u32| {
            partner[self.place(left)] = right;
            partner[self.place(right)] = left;
        };
        // most rows have one candidate, which has no other: nothing to be weighed against each other
        let alone =
            |c: &Candidate| self.numbers_of_left(c.pair.left).len() == 1 && self.numbers_of_right(c.pair.right).len() == 1;
        let worth = self.candidates.iter().filter(|c| c.weight() >= ASSIGN_FLOOR);
        let (groups, mut together) = (Components::new(self.rows[0].len() + self.rows[1].len()), Vec::new());
        for c in worth {
            if alone(c) {
                take(c.pair.left, c.pair.right);
            } else {
                groups.join(self.place(c.pair.left) as u32, self.place(c.pair.right) as u32);
                together.push((0, c));
            }
        }
        together.iter_mut().for_each(|(group, c)| *group = groups.root(self.place(c.pair.left) as u32));
        drop(groups);
        together.par_sort_by_key(|(group, _)| *group);
        let solved: Vec<(u32, u32)> = together
            .par_chunk_by(|a, b| a.0 == b.0)
            .flat_map_iter(|group| match group {
                [(_, only)] => vec![(only.pair.left, only.pair.right)],
                group => self.solve(&group.iter().map(|g| g.1).collect::<Vec<_>>()),
            })
            .collect();
        solved.into_iter().for_each(|(left, right)| take(left, right));
        let attached = self.attach_duplicates(&partner, duplicates);
        (partner, attached)
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
                gain[(i, j)] = ((c.weight() - ASSIGN_FLOOR) * 1000.0) as i64 + 1;
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
    /// speak against it. Numbers of these candidates, and their probability.
    fn attach_duplicates(&self, partner: &[u32], duplicates: &dyn Duplicates) -> Vec<(usize, f64)> {
        let partner_of = |row: u32| partner[self.place(row)];
        let best = |numbers: &mut dyn Iterator<Item = usize>| {
            let of = |i: &usize| &self.candidates[*i];
            numbers.max_by(|i, j| of(i).weight.total_cmp(&of(j).weight).then_with(|| of(j).pair.cmp(&of(i).pair)))
        };
        let both = self.rows[0].clone().into_par_iter().chain(self.rows[1].clone());
        let found: Vec<(usize, u32)> = both
            .filter(|row| partner_of(*row) == NONE)
            .filter_map(|row| {
                let is_left = self.is_left(row);
                let number = if is_left {
                    best(&mut self.numbers_of_left(row))
                } else {
                    best(&mut self.numbers_of_right(row).iter().map(|i| *i as usize))
                }?;
                let pair = self.candidates[number].pair;
                let holder = partner_of(if is_left { pair.right } else { pair.left });
                (holder != NONE && !duplicates.contradict(row.min(holder), row.max(holder))).then_some((number, row))
            })
            .collect();
        let weight = |number: usize| self.candidates[number].weight();
        let strong = |left: bool| found.iter().filter(|f| self.is_left(f.1) == left && weight(f.0) >= STRONG_WEIGHT).count();
        let strong = [strong(false), strong(true)];
        let p = |f: &(usize, u32)| probability(weight(f.0) + duplicates.odds(f.1, strong[usize::from(self.is_left(f.1))]));
        found.iter().map(|f| (f.0, p(f))).filter(|f| f.1 >= WORTH_ATTACHING).collect()
    }

    /// Probability of an assigned pair beside what else its rows could be: a row left alone, or a swap with another link.
    fn probability(&self, c: &Candidate, partner: &[u32], taken: &[u32]) -> f64 {
        let Pair { left, right, .. } = c.pair;
        let mut others = 0.0;
        for o in self.of_left(left).iter().filter(|o| o.pair.right != right) {
            let holder = partner[self.place(o.pair.right)];
            if holder != NONE {
                others += (o.weight() + self.weight(holder, right) - self.weight(holder, o.pair.right)).exp2();
            } else if taken[self.place(o.pair.right)] == NONE {
                others += o.weight().exp2();
            }
        }
        for o in self.of_right(right).filter(|o| o.pair.left != left) {
            let holder = partner[self.place(o.pair.left)];
            if holder != NONE {
                others += (o.weight() + self.weight(left, holder) - self.weight(o.pair.left, holder)).exp2();
            } else if taken[self.place(o.pair.left)] == NONE {
                others += o.weight().exp2();
            }
        }
        let odds = c.weight().exp2();
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
        let mut v: Vec<Candidate> = list.iter().map(|&(l, r, weight)| Candidate::new(Pair::new(l, r, 0, 0), weight)).collect();
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
        let mut all = candidates(list);
        assign(&mut all, [0..10, 10..20], duplicates);
        all.retain(Candidate::chosen);
        let pairs: Vec<(u32, u32)> = all.iter().map(|c| (c.pair.left, c.pair.right)).collect();
        assert_eq!(pairs, expected);
        all.iter().map(Candidate::probability).collect()
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
