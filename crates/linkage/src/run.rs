//! A whole run: tables and settings in, links and clusters out.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use thiserror::Error;

use crate::assign::{self, CANDIDATE_FLOOR, CERTAIN, Candidate, Chosen, assign, probability};
use crate::block::{Blocker, CappedBlock, Open, Pair, source_pair};
use crate::cluster::Clusters;
use crate::compare::{level_at, pattern};
use crate::decisions::{Decision, Judgement};
use crate::encode::{Encoded, encode};
use crate::settings::Settings;
use crate::table::Table;
use crate::weigh::{Model, Scorer, Weights, train};

/// log2 odds from which a pair settles its rows, if nothing else comes near.
const SETTLED_WEIGHT: f64 = 14.0;
/// How far (in bits) the second-best pair of a settled row must lie behind.
const SETTLED_LEAD: f64 = 10.0;

/// log2 of how much likelier two rows must be strangers' for them to speak against a link of the rows they are linked to.
const CONTRADICTING: f64 = -3.0;

/// A stage of a run, as reported to an [`Observer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Records become words.
    Encode,
    /// Sharp rules over all records.
    BlockSharp,
    /// Counting and EM.
    Train,
    /// Broad rules where unsettled.
    BlockBroad,
    /// Scores, assignment.
    Assign,
    /// Clusters and lists.
    Cluster,
}

/// Is told of each stage as it begins, and may stop the run between stages.
pub trait Observer: Sync {
    /// A stage begins. `false` stops the run.
    fn stage(&self, stage: Stage) -> bool;
}

impl Observer for () {
    fn stage(&self, _: Stage) -> bool {
        true
    }
}

/// Why there is no result.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LinkError {
    /// The observer stopped the run.
    #[error("比对已取消")]
    Cancelled,
    /// A decision names a row that no source has.
    #[error("人工认定中的记录“{0}”不在本次名册中")]
    UnknownRecord(String),
    /// The kernel counts source pairs in 16 bits.
    #[error("来源太多:最多 {0} 个")]
    TooManySources(usize),
}

/// Most sources of one run.
const MAX_SOURCES: usize = 64;

/// A row: its source and its place in record-id order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Number of the source.
    pub source: u16,
    /// Rank of the row, see [`Table::id`].
    pub row: u32,
}

/// Two rows held to be one child, or put before a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The row of the earlier source.
    pub left: Member,
    /// The other row.
    pub right: Member,
    /// That they are one child, after assignment.
    pub probability: f64,
    /// log2 odds by the evidence of the pair alone.
    pub weight: f64,
    /// Number of the blocking rule that proposed the pair (see [`Linkage::rules`]), `None` for a person's decision.
    pub rule: Option<u8>,
    /// Level of each comparison, see [`Linkage::levels`].
    pub(crate) pattern: u64,
}

/// All rows of one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Two rows at least.
    pub members: Vec<Member>,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// Rows by source.
    pub rows: Vec<usize>,
    /// Pairs compared.
    pub compared: u64,
    /// Of these by broad rules.
    pub compared_broad: u64,
    /// Rows that the sharp rules did not settle with every other source.
    pub unsettled: usize,
    /// Candidates of the assignment.
    pub candidates: usize,
    /// Links that clustering refused because they would join two children of one source.
    pub refused: usize,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Linkage {
    /// Accepted, ordered by left and right row.
    pub links: Vec<Link>,
    /// For a person to decide, likeliest first.
    pub review: Vec<Link>,
    /// Ordered by their first member.
    pub clusters: Vec<Cluster>,
    /// By source: rows in no link and in no review pair.
    pub unmatched: Vec<Vec<u32>>,
    /// Blocking rules by number.
    pub rules: Vec<String>,
    /// Comparisons with their levels, in the order of patterns.
    pub comparisons: Vec<(String, Vec<&'static str>)>,
    /// What was learned, by pair of sources.
    pub models: Vec<Model>,
    /// Blocks left out for their size.
    pub capped: Vec<CappedBlock>,
    /// How much was looked at.
    pub counts: Counts,
    /// Mean probability of the accepted links: the precision that the program expects of itself.
    pub estimated_precision: f64,
}

impl Linkage {
    /// The evidence of a link: by comparison, in the order of [`Linkage::comparisons`], 0 for a missing value, 1 for the
    /// first level, and so on.
    pub fn levels(&self, link: &Link) -> impl Iterator<Item = u8> {
        let pattern = link.pattern;
        (0..self.comparisons.len()).map(move |i| level_at(pattern, i))
    }

    /// The same as text: one digit a comparison.
    pub fn pattern(&self, link: &Link) -> String {
        self.levels(link).map(|l| char::from_digit(u32::from(l), 16).unwrap_or('?')).collect()
    }
}

/// Links rows of several sources, or of one source within itself. The tables' columns are dropped once encoded.
pub fn link(
    tables: &mut [Table],
    settings: &Settings,
    decisions: &[Decision],
    observer: &dyn Observer,
) -> Result<Linkage, LinkError> {
    if tables.len() > MAX_SOURCES {
        return Err(LinkError::TooManySources(MAX_SOURCES));
    }
    let begin = |stage| if observer.stage(stage) { Ok(()) } else { Err(LinkError::Cancelled) };
    begin(Stage::Encode)?;
    let within = tables.len() == 1;
    tables.iter_mut().for_each(|t| t.add_former_names(settings));
    let encoded = encode(tables, settings);
    tables.iter_mut().for_each(Table::drop_columns);
    let decided = Decided::find(tables, &encoded, decisions)?;

    begin(Stage::BlockSharp)?;
    let mut blocker = Blocker::new(&encoded, settings, within);
    let sharp = blocker.sharp();

    begin(Stage::Train)?;
    let weights = train(&encoded, &sharp.histogram);
    let scorer = Scorer::new(&encoded, &weights);
    let mut candidates = score(&scorer, sharp.pairs);
    let open = open_sources(&encoded, &candidates);

    begin(Stage::BlockBroad)?;
    let broad = blocker.broad(&open);
    candidates.extend(score(&scorer, broad.pairs));
    candidates.par_sort_unstable_by_key(|c| c.pair);
    candidates.dedup_by_key(|c| (c.pair.left, c.pair.right));

    begin(Stage::Assign)?;
    decided.apply(&mut candidates, &encoded);
    let mut chosen = choose(&encoded, &scorer, &weights, &candidates, within);
    if !encoded.aliases.is_empty() {
        candidates = found_by_either_name(&encoded, candidates, |c| &mut c.pair, |c| c.weight);
        chosen = found_by_either_name(&encoded, chosen, |c| &mut c.candidate.pair, |c| c.probability);
    }

    begin(Stage::Cluster)?;
    let lists = Lists::build(&encoded, &scorer, &weights, chosen, &candidates, &decided, settings);
    let mut rules = vec![];
    while !blocker.rule_text(rules.len()).is_empty() {
        rules.push(blocker.rule_text(rules.len()).to_owned());
    }
    let counts = Counts {
        rows: tables.iter().map(Table::len).collect(),
        compared: sharp.compared + broad.compared,
        compared_broad: broad.compared,
        unsettled: open.iter().filter(|o| **o != 0).count(),
        candidates: candidates.len(),
        refused: lists.refused,
    };
    let expected: f64 = lists.links.iter().map(|l| l.probability).sum();
    let mut models: Vec<(u16, Model)> = weights
        .iter()
        .map(|(k, w)| {
            let n = encoded.sources();
            let name = |s: usize| tables[s].name.clone();
            (*k, w.report(&encoded, [name(*k as usize / n), name(*k as usize % n)]))
        })
        .collect();
    models.sort_by_key(|m| m.0);
    Ok(Linkage {
        estimated_precision: if lists.links.is_empty() { 1.0 } else { expected / lists.links.len() as f64 },
        links: lists.links,
        review: lists.review,
        clusters: lists.clusters,
        unmatched: lists.unmatched,
        rules,
        comparisons: encoded.comparisons.iter().map(|c| (c.name.clone(), c.levels.iter().map(|l| l.label).collect())).collect(),
        models: models.into_iter().map(|m| m.1).collect(),
        capped: sharp.capped.into_iter().chain(broad.capped).collect(),
        counts,
    })
}

/// Pairs found by a former name are pairs of the rows themselves; of several for two rows the strongest stays.
fn found_by_either_name<T: Send>(
    encoded: &Encoded,
    found: Vec<T>,
    pair: impl Fn(&mut T) -> &mut Pair,
    strength: impl Fn(&T) -> f64,
) -> Vec<T> {
    let mut out: Vec<(Pair, f64, T)> = found
        .into_iter()
        .map(|mut t| {
            let p = pair(&mut t);
            *p = p.of(encoded.proper(p.left), encoded.proper(p.right));
            (*p, strength(&t), t)
        })
        .filter(|(p, ..)| p.left != p.right)
        .collect();
    out.sort_by(|a, b| (a.0.left, a.0.right).cmp(&(b.0.left, b.0.right)).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));
    out.dedup_by_key(|(p, ..)| (p.left, p.right));
    out.into_iter().map(|(.., t)| t).collect()
}

fn score(scorer: &Scorer, pairs: Vec<Pair>) -> Vec<Candidate> {
    pairs
        .into_par_iter()
        .map(|pair| Candidate { pair, weight: scorer.score(pair) })
        .filter(|c| c.weight >= CANDIDATE_FLOOR)
        .collect()
}

/// Sources with which no pair settles a row: the broad rules look further there.
fn open_sources(encoded: &Encoded, candidates: &[Candidate]) -> Vec<Open> {
    let n = encoded.sources();
    let mut of_pair: Vec<Vec<u32>> = vec![Vec::new(); n * n];
    for (i, c) in candidates.iter().enumerate() {
        of_pair[usize::from(source_pair(encoded.source_of(c.pair.left), encoded.source_of(c.pair.right), n))].push(i as u32);
    }
    let own = |s: usize| if n == 1 { 0 } else { 1 << s };
    let all = Open::MAX >> (Open::BITS as usize - n);
    let mut open: Vec<Open> = (0..n).flat_map(|s| encoded.range(s).map(move |_| all & !own(s))).collect();
    for (pair, numbers) in of_pair.iter().enumerate().filter(|(_, of)| !of.is_empty()) {
        let (s, t) = (pair / n, pair % n);
        let place = |row: u32| {
            let of_second = row >= encoded.starts[t] && s != t;
            if of_second {
                encoded.range(s).len() + (row - encoded.starts[t]) as usize
            } else {
                (row - encoded.starts[s]) as usize
            }
        };
        let mut best = vec![(f64::MIN, f64::MIN); encoded.range(s).len() + if s == t { 0 } else { encoded.range(t).len() }];
        let of_pair = || numbers.iter().map(|i| &candidates[*i as usize]);
        for c in of_pair() {
            for row in [c.pair.left, c.pair.right] {
                let (first, second) = &mut best[place(row)];
                if c.weight > *first {
                    *second = *first;
                    *first = c.weight;
                } else if c.weight > *second {
                    *second = c.weight;
                }
            }
        }
        let settled = |row: u32| {
            let (first, second) = best[place(row)];
            first >= SETTLED_WEIGHT && first - second >= SETTLED_LEAD
        };
        for c in of_pair().filter(|c| settled(c.pair.left) && settled(c.pair.right)) {
            if c.weight >= best[place(c.pair.left)].0 {
                open[c.pair.left as usize] &= !(1 << t);
                open[c.pair.right as usize] &= !(1 << s);
            }
        }
    }
    open
}

/// Decisions as pairs of records.
#[derive(Default)]
struct Decided {
    same: FxHashSet<(u32, u32)>,
    different: FxHashSet<(u32, u32)>,
}

impl Decided {
    fn find(tables: &[Table], encoded: &Encoded, decisions: &[Decision]) -> Result<Self, LinkError> {
        let mut out = Self::default();
        if decisions.is_empty() {
            return Ok(out);
        }
        let find = |(source, id): &(usize, String)| {
            let unknown = || LinkError::UnknownRecord(id.clone());
            let table = tables.get(*source).ok_or_else(unknown)?;
            let (mut low, mut high) = (0, table.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if table.id(middle) < id.as_str() { low = middle + 1 } else { high = middle }
            }
            if low < table.len() && table.id(low) == id { Ok(encoded.starts[*source] + low as u32) } else { Err(unknown()) }
        };
        for d in decisions {
            let (a, b) = (find(&d.left)?, find(&d.right)?);
            let pair = (a.min(b), a.max(b));
            match d.judgement {
                Judgement::Same => out.same.insert(pair),
                Judgement::Different => out.different.insert(pair),
            };
        }
        Ok(out)
    }

    fn apply(&self, candidates: &mut Vec<Candidate>, encoded: &Encoded) {
        if self.same.is_empty() && self.different.is_empty() {
            return;
        }
        let key = |c: &Candidate| {
            let (a, b) = (encoded.proper(c.pair.left), encoded.proper(c.pair.right));
            (a.min(b), a.max(b))
        };
        candidates.retain(|c| !self.different.contains(&key(c)) && !self.same.contains(&key(c)));
        for &(a, b) in &self.same {
            if encoded.source_of(a) != encoded.source_of(b) || encoded.sources() == 1 {
                candidates.push(Candidate { pair: Pair::new(a, b, DECIDED_RULE, pattern(encoded, a, b)), weight: CERTAIN });
            }
        }
        candidates.par_sort_unstable_by_key(|c| c.pair);
    }
}

/// Rule number of pairs that a person decided.
const DECIDED_RULE: usize = 255;

/// Assignment, source pair by source pair.
fn choose(
    encoded: &Encoded,
    scorer: &Scorer,
    weights: &FxHashMap<u16, Weights>,
    candidates: &[Candidate],
    within: bool,
) -> Vec<Chosen> {
    if within {
        return candidates.iter().map(|c| Chosen { candidate: *c, probability: probability(c.weight) }).collect();
    }
    let n = encoded.sources();
    let duplicates = DuplicateModel::new(encoded, weights);
    let odds = |a: u32, b: u32| duplicates.odds(scorer, a, b);
    if n == 2 {
        return assign(candidates, encoded.len(), &odds);
    }
    let mut of_pair: Vec<Vec<Candidate>> = vec![Vec::new(); n * n];
    for c in candidates {
        of_pair[encoded.source_of(c.pair.left) * n + encoded.source_of(c.pair.right)].push(*c);
    }
    of_pair.into_par_iter().flat_map_iter(|cs| assign(&cs, encoded.len(), &odds)).collect()
}

/// Whether two rows of one source are one child, by the weights that the source has with another.
struct DuplicateModel<'a> {
    encoded: &'a Encoded,
    by_source: Vec<Option<Weights>>,
}

impl<'a> DuplicateModel<'a> {
    fn new(encoded: &'a Encoded, weights: &FxHashMap<u16, Weights>) -> Self {
        let n = encoded.sources();
        let by_source = (0..n)
            .map(|s| {
                let rows = encoded.range(s).len() as f64;
                let mut of_source: Vec<(&u16, &Weights)> =
                    weights.iter().filter(|(k, _)| **k as usize / n == s || **k as usize % n == s).collect();
                of_source.sort_by(|a, b| b.1.same_pairs().total_cmp(&a.1.same_pairs()).then(a.0.cmp(b.0)));
                of_source.first().map(|(_, w)| w.for_duplicates(rows))
            })
            .collect();
        Self { encoded, by_source }
    }

    fn odds(&self, scorer: &Scorer, a: u32, b: u32) -> f64 {
        match &self.by_source[self.encoded.source_of(a)] {
            Some(w) => scorer.weight_with(w, Pair::new(a, b, 0, pattern(self.encoded, a, b))),
            None => assign::CANDIDATE_FLOOR,
        }
    }
}

/// Links, review and clusters from the chosen pairs.
struct Lists {
    links: Vec<Link>,
    review: Vec<Link>,
    clusters: Vec<Cluster>,
    unmatched: Vec<Vec<u32>>,
    refused: usize,
}

impl Lists {
    fn build(
        encoded: &Encoded,
        scorer: &Scorer,
        weights: &FxHashMap<u16, Weights>,
        mut chosen: Vec<Chosen>,
        candidates: &[Candidate],
        decided: &Decided,
        settings: &Settings,
    ) -> Self {
        let t = settings.thresholds;
        chosen.retain(|c| c.probability >= t.review);
        chosen.par_sort_unstable_by(|a, b| {
            b.probability
                .total_cmp(&a.probability)
                .then_with(|| b.candidate.weight.total_cmp(&a.candidate.weight))
                .then_with(|| a.candidate.pair.cmp(&b.candidate.pair))
        });
        let split = chosen.partition_point(|c| c.probability >= t.accept);
        let duplicates = DuplicateModel::new(encoded, weights);
        let one_source = encoded.sources() == 1;
        let fits = |a: u32, b: u32| {
            !decided.different.contains(&(a, b))
                && (encoded.source_of(a) != encoded.source_of(b)
                    || decided.same.contains(&(a, b))
                    || if one_source {
                        scorer.score(Pair::new(a, b, 0, pattern(encoded, a, b))) > CANDIDATE_FLOOR
                    } else {
                        duplicates.odds(scorer, a, b) > 0.0
                    })
        };
        let mut clusters = Clusters::new(encoded.len());
        let mut same: Vec<&(u32, u32)> = decided.same.iter().collect();
        same.sort_unstable();
        for (a, b) in same {
            if clusters.brought_together(*a, *b).all(|pair| !decided.different.contains(&pair)) {
                clusters.join(*a, *b);
            }
        }
        let mut refused = 0;
        let mut doubtful = Vec::new();
        for c in &chosen[..split] {
            let p = c.candidate.pair;
            if clusters.same(p.left, p.right) {
                continue;
            }
            let weak = c.candidate.weight < SETTLED_WEIGHT;
            if !clusters.brought_together(p.left, p.right).all(|(a, b)| fits(a, b)) {
                refused += 1;
            } else if weak && contradicted(encoded, scorer, &clusters, p) {
                doubtful.push(*c);
            } else {
                clusters.join(p.left, p.right);
            }
        }
        chosen[..split].par_sort_unstable_by_key(|c| c.candidate.pair);
        // every compared pair inside a cluster is a link: duplicates link to all rows of their child
        let mut accepted: Vec<Chosen> = Vec::new();
        let mut linked = vec![false; encoded.len()];
        let mut by_pair = chosen[..split].iter().peekable();
        for c in candidates {
            let p = c.pair;
            while by_pair.next_if(|o| o.candidate.pair < p).is_some() {}
            if clusters.same(p.left, p.right) {
                let known = by_pair.peek().filter(|o| o.candidate.pair == p).map(|o| o.probability);
                accepted
                    .push(Chosen { candidate: *c, probability: known.unwrap_or_else(|| probability(c.weight).max(t.accept)) });
                linked[p.left as usize] = true;
                linked[p.right as usize] = true;
            }
        }
        let budget = (encoded.len() as f64 * t.max_review_share / 2.0) as usize;
        let review: Vec<Chosen> = doubtful
            .iter()
            .chain(&chosen[split..])
            .filter(|c| !clusters.same(c.candidate.pair.left, c.candidate.pair.right))
            .take(budget)
            .copied()
            .collect();
        for c in &review {
            linked[c.candidate.pair.left as usize] = true;
            linked[c.candidate.pair.right as usize] = true;
        }
        let unmatched = (0..encoded.sources())
            .map(|s| {
                encoded
                    .range(s)
                    .filter(|i| !linked[*i as usize] && encoded.proper(*i) == *i)
                    .map(|i| i - encoded.starts[s])
                    .collect()
            })
            .collect();
        let to_link = |c: &Chosen| link_of(encoded, c);
        Self {
            links: accepted.par_iter().map(to_link).collect(),
            review: review.iter().map(to_link).collect(),
            clusters: clusters
                .sets()
                .into_iter()
                .map(|set| Cluster { members: set.into_iter().map(|i| member(encoded, i)).collect() })
                .collect(),
            unmatched,
            refused,
        }
    }
}

/// Whether a row already linked to one of a pair's rows is plainly not the other's child. A short name on one register must not join two
/// children whose other registers tell them apart.
fn contradicted(encoded: &Encoded, scorer: &Scorer, clusters: &Clusters, p: Pair) -> bool {
    let of_two_sources = |(a, b): &(u32, u32)| encoded.source_of(*a) != encoded.source_of(*b);
    clusters
        .brought_together(p.left, p.right)
        .filter(of_two_sources)
        .any(|(a, b)| scorer.evidence(Pair::new(a, b, 0, pattern(encoded, a, b))) < CONTRADICTING)
}

fn member(encoded: &Encoded, i: u32) -> Member {
    let source = encoded.source_of(i);
    Member { source: source as u16, row: i - encoded.starts[source] }
}

fn link_of(encoded: &Encoded, c: &Chosen) -> Link {
    let p = c.candidate.pair;
    Link {
        left: member(encoded, p.left),
        right: member(encoded, p.right),
        probability: c.probability,
        weight: c.candidate.weight,
        rule: (p.rule() != DECIDED_RULE).then_some(p.rule() as u8),
        pattern: p.pattern(),
    }
}
