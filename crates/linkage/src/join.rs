//! Join: from chosen pairs to children, and to the lists of a run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::assign::{CANDIDATE_FLOOR, Candidate, Duplicates, probability};
use crate::block::{Pair, SourceSet};
use crate::buckets::side_by_side;
use crate::cluster::Sets;
use crate::compare::pattern;
use crate::copies::Own;
use crate::decisions::{DECIDED_RULE, Decided};
use crate::encode::Encoded;
use crate::order::sources_of;
use crate::run::{Clusters, Link, Member, SETTLED_WEIGHT};
use crate::settings::Thresholds;
use crate::weigh::{DUPLICATE_SHARE, Models, Scorer, Weights};

/// log2 of how much likelier two rows must be strangers' for them to speak against a link of the rows they are linked to.
const CONTRADICTING: f64 = -3.0;
/// How many rows [`DUPLICATE_SHARE`] is worth against what a source shows.
const SHARE_ROWS: f64 = 1_000.0;
/// The least share of rows that are taken to stand alone in a source.
const LEAST_ALONE: f64 = 0.001;

/// Rows whose links one thread puts in order at a time.
const ROWS_AT_ONCE: usize = 1 << 14;

/// What is known of children who stand twice in one source, by the weights that the source has with another.
pub(crate) struct DuplicateModel<'a> {
    scorer: &'a Scorer<'a>,
    encoded: &'a Encoded,
    by_source: Vec<Option<OfSource>>,
    own: Own,
}

struct OfSource {
    weights: Weights,
    rows: f64,
    /// Share of the rows whose child no other source has.
    alone: f64,
}

impl<'a> DuplicateModel<'a> {
    fn new(encoded: &'a Encoded, scorer: &'a Scorer<'a>, models: &Models) -> Self {
        let n = encoded.sources();
        let by_source = (0..n)
            .map(|s| {
                let rows = encoded.range(s).len() as f64;
                let mut of_source: Vec<(&u16, &Weights)> =
                    models.iter().filter(|(k, _)| **k as usize / n == s || **k as usize % n == s).collect();
                of_source.sort_by(|a, b| b.1.same_pairs().total_cmp(&a.1.same_pairs()).then(a.0.cmp(b.0)));
                of_source.first().map(|(_, w)| OfSource {
                    weights: w.for_duplicates(rows),
                    rows,
                    alone: ((rows - w.same_pairs()) / rows).max(LEAST_ALONE),
                })
            })
            .collect();
        Self { scorer, encoded, by_source, own: Own::of(encoded) }
    }

    fn of(&self, row: u32) -> Option<&OfSource> {
        self.by_source[self.encoded.source_of(row)].as_ref()
    }

    fn weight(&self, of: &OfSource, a: u32, b: u32) -> f64 {
        self.scorer.weight_with(&of.weights, Pair::new(a, b, 0, pattern(self.encoded, a, b)))
    }

    /// Whether two rows of one source are one child by themselves.
    fn are_one(&self, a: u32, b: u32) -> bool {
        self.of(a).is_some_and(|of| self.weight(of, a, b) > 0.0)
    }
}

impl Duplicates for DuplicateModel<'_> {
    fn odds(&self, row: u32, strong: usize) -> f64 {
        let Some(of) = self.of(row) else { return CANDIDATE_FLOOR };
        let share = (strong as f64 + DUPLICATE_SHARE * SHARE_ROWS) / (of.rows + SHARE_ROWS);
        (share / of.alone).log2().min(0.0)
    }

    fn contradict(&self, a: u32, b: u32) -> bool {
        self.own.tells_apart(self.encoded, a, b)
            || self.of(a).is_none_or(|of| self.weight(of, a, b) - of.weights.prior() < CONTRADICTING)
    }
}

/// Children as they grow, link by link.
pub(crate) struct Joining<'a> {
    encoded: &'a Encoded,
    scorer: &'a Scorer<'a>,
    own: Own,
    pub duplicates: DuplicateModel<'a>,
    decided: &'a Decided,
    thresholds: Thresholds,
    clusters: Sets,
    /// Links that would have joined two children of one source.
    refused: Vec<Candidate>,
    /// Weak links that other rows of the two children speak against.
    doubtful: Vec<Candidate>,
}

/// What becomes of a likely pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Joined,
    /// It would have joined two children of one source.
    Refused,
    /// Other rows of the two children speak against it.
    Doubtful,
}

/// What a run gives.
pub(crate) struct Lists {
    pub links: Vec<Link>,
    pub review: Vec<Link>,
    pub passed_over: Vec<Link>,
    pub clusters: Clusters,
    pub unmatched: Vec<Vec<u32>>,
    pub unmatched_precision: Vec<f64>,
}

impl<'a> Joining<'a> {
    pub fn new(
        encoded: &'a Encoded,
        scorer: &'a Scorer<'a>,
        models: &Models,
        decided: &'a Decided,
        thresholds: Thresholds,
    ) -> Self {
        let clusters = Sets::new(encoded.len());
        let own = Own::of(encoded);
        let mut same: Vec<&(u32, u32)> = decided.same.iter().collect();
        same.sort_unstable();
        for (a, b) in same {
            if clusters.brought_together(*a, *b).all(|pair| !decided.different.contains(&pair)) {
                clusters.join(*a, *b);
            }
        }
        // what stands twice in a register is one child, whoever else has it
        for (a, b) in own.copies(encoded) {
            if clusters.brought_together(a, b).all(|pair| !decided.different.contains(&pair)) {
                clusters.join(a, b);
            }
        }
        let duplicates = DuplicateModel::new(encoded, scorer, models);
        Self { encoded, scorer, own, duplicates, decided, thresholds, clusters, refused: Vec::new(), doubtful: Vec::new() }
    }

    /// Joins the rows of the chosen pairs that are likely enough, likeliest first. `attached`: those of a second row of a child.
    pub fn join(&mut self, candidates: &[Candidate], attached: &FxHashSet<Pair>) {
        let accept = self.thresholds.accept;
        let likely = |c: &Candidate| c.chosen() && c.probability() >= accept;
        let groups = self.join_plain(candidates.par_iter().filter(|c| likely(c)));
        let numbered = candidates.par_iter().enumerate();
        let left = numbered.filter(|(_, c)| likely(c) && !self.clusters.same(c.pair.left, c.pair.right));
        let group = |c: &Candidate| groups.first(self.clusters.first(c.pair.left));
        let mut order: Vec<(u32, u64, u32)> = left.map(|(i, c)| (group(c), c.rank(), i as u32)).collect();
        order.par_sort_unstable();
        // no group has to do with another
        let fates = order.par_chunk_by(|a, b| a.0 == b.0).flat_map_iter(|group| {
            let fate = |(_, rank, i): &(u32, u64, u32)| (*rank, *i, self.join_pair(&candidates[*i as usize], attached));
            group.iter().map(fate).collect::<Vec<_>>()
        });
        let mut apart: Vec<(u64, u32, Fate)> = fates.filter(|f| f.2 != Fate::Joined).collect();
        apart.sort_unstable_by_key(|(rank, i, _)| (*rank, *i));
        for (_, i, fate) in apart {
            let list = if fate == Fate::Refused { &mut self.refused } else { &mut self.doubtful };
            list.push(candidates[i as usize]);
        }
    }

    /// Joins the rows of those groups of likely pairs which come out the same whichever pair is first: most. Gives all groups, by the first
    /// rows of the children there were before.
    fn join_plain<'c>(&self, likely: impl ParallelIterator<Item = &'c Candidate> + Clone) -> Sets {
        let e = self.encoded;
        let of_before = |c: &Candidate| (self.clusters.first(c.pair.left), self.clusters.first(c.pair.right));
        let groups = Sets::of(e.len(), likely.clone().map(of_before));
        let weak: Vec<AtomicBool> = (0..e.len()).map(|_| AtomicBool::new(false)).collect();
        likely.filter(|c| c.weight() < SETTLED_WEIGHT).for_each(|c| weak[c.pair.left as usize].store(true, Relaxed));
        let told_apart: FxHashSet<u32> = self.decided.different.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let plain = |first: &u32| {
            let rows = || groups.ring(*first);
            let free = |i: u32| self.clusters.is_alone(i) && !told_apart.contains(&i);
            let two = groups.ring(*first).nth(2).is_none();
            rows().all(free)
                && if two {
                    rows().nth(1).is_none_or(|other| self.may_be_one(*first, other, false))
                } else {
                    let mut met: SourceSet = 0;
                    let first_of_source = |i: u32| {
                        let source = 1 << e.source_of(i);
                        met & source == 0 && {
                            met |= source;
                            true
                        }
                    };
                    rows().all(first_of_source) && !rows().any(|i| weak[i as usize].load(Relaxed))
                }
        };
        groups.firsts().filter(plain).for_each(|first| self.clusters.take(&groups, first));
        groups
    }

    /// Joins the rows of a pair if nothing speaks against it.
    fn join_pair(&self, c: &Candidate, attached: &FxHashSet<Pair>) -> Fate {
        let p = c.pair;
        if self.clusters.same(p.left, p.right) {
            return Fate::Joined;
        }
        let duplicate = attached.contains(&p);
        if !self.clusters.brought_together(p.left, p.right).all(|(a, b)| self.may_be_one(a, b, duplicate)) {
            Fate::Refused
        } else if c.weight() < SETTLED_WEIGHT && self.contradicted(p) {
            Fate::Doubtful
        } else {
            self.clusters.join(p.left, p.right);
            Fate::Joined
        }
    }

    /// Whether two rows may stand for one child: no person said otherwise, and one source has them for one child too. Two different sound
    /// numbers in one source are two children whatever else is alike.
    fn may_be_one(&self, a: u32, b: u32, duplicate: bool) -> bool {
        let e = self.encoded;
        !self.decided.different.contains(&(a, b))
            && (e.source_of(a) != e.source_of(b)
                || self.decided.same.contains(&(a, b))
                || self.own.are_copies(e, a, b)
                || if self.own.tells_apart(e, a, b) {
                    false
                } else if e.sources() == 1 {
                    self.scorer.score(Pair::new(a, b, 0, pattern(e, a, b))) > CANDIDATE_FLOOR
                } else if duplicate {
                    !self.duplicates.contradict(a, b)
                } else {
                    self.duplicates.are_one(a, b)
                })
    }

    /// Whether a row already linked to one of a pair's rows is plainly not the other's child. A short name on one register must not join
    /// two children whose other registers tell them apart.
    fn contradicted(&self, p: Pair) -> bool {
        let e = self.encoded;
        let of_two_sources = |(a, b): &(u32, u32)| e.source_of(*a) != e.source_of(*b);
        let others = self.clusters.brought_together(p.left, p.right).filter(of_two_sources);
        others
            .filter(|pair| *pair != (p.left, p.right))
            .any(|(a, b)| self.scorer.evidence(Pair::new(a, b, 0, pattern(e, a, b))) < CONTRADICTING)
    }

    /// By record: in which sources its child has rows.
    pub fn sources_of_children(&self) -> Vec<SourceSet> {
        let e = self.encoded;
        let has: Vec<AtomicU64> = (0..e.sources()).flat_map(|s| e.range(s).map(move |_| AtomicU64::new(1 << s))).collect();
        self.clusters.firsts().for_each(|first| {
            let all = self.clusters.ring(first).fold(0, |all, i| all | 1 << e.source_of(i));
            self.clusters.ring(first).for_each(|i| has[i as usize].store(all, Relaxed));
        });
        let mut has: Vec<SourceSet> = has.into_iter().map(AtomicU64::into_inner).collect();
        for (alias, row) in &e.aliases {
            has[*alias as usize] = has[*row as usize];
        }
        has
    }

    /// What was joined, once no pair is compared any more.
    pub fn finish(self) -> Joined {
        Joined { thresholds: self.thresholds, clusters: self.clusters, refused: self.refused, doubtful: self.doubtful }
    }
}

/// Children, and what did not make one.
pub(crate) struct Joined {
    thresholds: Thresholds,
    clusters: Sets,
    /// Links that would have joined two children of one source.
    pub refused: Vec<Candidate>,
    doubtful: Vec<Candidate>,
}

impl Joined {
    /// The lists of a run. `candidates` are all scored pairs, in order; `unseen` the pairs of one child of a source's rows that the program
    /// expects never to have compared.
    pub fn lists(self, e: &Encoded, candidates: Vec<Candidate>, unseen: &dyn Fn(usize) -> f64) -> Lists {
        let t = self.thresholds;
        let links = self.links(e, &candidates);
        let linked: Vec<AtomicBool> = (0..e.len()).map(|_| AtomicBool::new(false)).collect();
        let note = |m: Member| linked[(e.starts[usize::from(m.source)] + m.row) as usize].store(true, Relaxed);
        links.par_iter().flat_map_iter(|l| [l.left, l.right]).for_each(note);
        let unlikely = candidates.into_par_iter().filter(|c| c.chosen() && c.probability() < t.accept);
        let mut doubtful: Vec<Candidate> = unlikely.collect();
        doubtful.sort_by_key(Candidate::rank);
        let budget = (e.len() as f64 * t.max_review_share / 2.0) as usize;
        let mut review: Vec<Candidate> = Vec::new();
        let mut in_review = vec![false; e.len()];
        let mut passed_over: Vec<Candidate> = Vec::new();
        for c in self.doubtful.iter().chain(&doubtful) {
            let p = c.pair;
            if self.clusters.same(p.left, p.right) {
                continue;
            }
            if c.probability() >= t.review && review.len() < budget {
                review.push(*c);
                in_review[p.left as usize] = true;
                in_review[p.right as usize] = true;
            } else {
                passed_over.push(*c);
            }
        }
        passed_over.extend(self.refused.iter().filter(|c| !self.clusters.same(c.pair.left, c.pair.right)));
        // how likely a row that ends on no other list is one child with the likeliest other row
        let mut likeliest: FxHashMap<u32, f64> = FxHashMap::default();
        for c in &passed_over {
            for row in [c.pair.left, c.pair.right] {
                let most = likeliest.entry(row).or_default();
                *most = most.max(c.probability());
            }
        }
        let alone = |i: &u32| !linked[*i as usize].load(Relaxed) && !in_review[*i as usize] && e.proper(*i) == *i;
        let unmatched: Vec<Vec<u32>> =
            (0..e.sources()).map(|s| e.range(s).into_par_iter().filter(alone).map(|i| i - e.starts[s]).collect()).collect();
        let unmatched_precision = unmatched
            .iter()
            .enumerate()
            .map(|(s, list)| {
                let wrong = |i: &u32| likeliest.get(&(e.starts[s] + i)).unwrap_or(&0.0);
                let wrong: f64 = list.iter().map(wrong).sum::<f64>() + unseen(s);
                if list.is_empty() { 1.0 } else { (1.0 - wrong / list.len() as f64).max(0.0) }
            })
            .collect();
        Lists {
            links,
            review: review.iter().map(|c| link_of(e, c, c.probability())).collect(),
            passed_over: passed_over.iter().map(|c| link_of(e, c, c.probability())).collect(),
            clusters: self.clusters(e),
            unmatched,
            unmatched_precision,
        }
    }

    fn clusters(&self, e: &Encoded) -> Clusters {
        let add = |mut some: Clusters, first: u32| {
            some.push(self.clusters.ring(first).map(|i| member(e, i)));
            some
        };
        self.clusters.firsts().fold(Clusters::default, add).reduce(Clusters::default, Clusters::with)
    }

    /// Every compared pair inside a child: duplicates link to all rows of their child.
    fn links(&self, e: &Encoded, candidates: &[Candidate]) -> Vec<Link> {
        let accept = self.thresholds.accept;
        let link = |c: &Candidate| {
            let accepted = c.chosen() && c.probability() >= accept;
            link_of(e, c, if accepted { c.probability() } else { probability(c.weight()).max(accept) })
        };
        // candidates of two sources stand together, links by their left rows: some rows at a time are put in order
        let of_two: Vec<&[Candidate]> = candidates.chunk_by(|a, b| sources_of(a, e) == sources_of(b, e)).collect();
        let of_rows = |chunk: usize| {
            let rows = (chunk * ROWS_AT_ONCE) as u32..((chunk + 1) * ROWS_AT_ONCE) as u32;
            let some = |of: &&'_ [Candidate]| {
                let place = |row: u32| of.partition_point(|c| c.pair.left < row);
                place(rows.start)..place(rows.end)
            };
            let candidates = of_two.iter().flat_map(|of| &of[some(of)]);
            let mut links: Vec<Link> = candidates.filter(|c| self.clusters.same(c.pair.left, c.pair.right)).map(link).collect();
            links.sort_by_key(|l| (l.left, l.right));
            links
        };
        let by_rows: Vec<Vec<Link>> = (0..e.len().div_ceil(ROWS_AT_ONCE)).into_par_iter().map(of_rows).collect();
        let any = by_rows.iter().find_map(|links| links.first().cloned());
        side_by_side(any, by_rows.iter().map(Vec::len), |i, part| part.clone_from_slice(&by_rows[i]))
    }
}

pub(crate) fn member(encoded: &Encoded, i: u32) -> Member {
    let source = encoded.source_of(i);
    Member { source: source as u16, row: i - encoded.starts[source] }
}

fn link_of(encoded: &Encoded, c: &Candidate, probability: f64) -> Link {
    let p = c.pair;
    Link {
        left: member(encoded, p.left),
        right: member(encoded, p.right),
        probability,
        weight: c.weight,
        rule: (p.rule() != DECIDED_RULE).then_some(p.rule() as u8),
        pattern: p.pattern(),
    }
}
