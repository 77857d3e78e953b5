//! A whole run: tables and settings in, links and clusters out.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;
use thiserror::Error;

use crate::assign::{CANDIDATE_FLOOR, Candidate, Chosen, assign, probability};
use crate::block::{Blocker, CappedBlock, Draw, PAIRS_AT_ONCE, Pair, Proposed, SourceSet, Wanted, source_pair};
use crate::compare::{level_at, rough_weight};
use crate::decisions::{Decided, Decision};
use crate::encode::{Encoded, Encoder};
use crate::engine::{Engine, Task};
use crate::join::{DuplicateModel, Joining};
use crate::settings::Settings;
use crate::table::Table;
use crate::weigh::{Model, Models, Pool, Scorer, Weights, train};

/// log2 odds from which a pair settles its rows, if nothing else comes near.
pub(crate) const SETTLED_WEIGHT: f64 = 14.0;
/// How far (in bits) the second-best pair of a settled row must lie behind.
const SETTLED_LEAD: f64 = 10.0;

/// Quarter bits of rough weight from which agreement in all that is the child's own leaves no doubt: a number and a name.
const SURE_ROUGHLY: i32 = 120;

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
    /// Rows that found nobody, once more among themselves.
    LeftOver,
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
    /// The engine could not compare the pairs.
    #[error("{0}")]
    Engine(String),
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

/// How a weight comes about: prior + steps + rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// log2 odds of any two rows.
    pub prior: f64,
    /// What each comparison adds.
    pub steps: Vec<Step>,
    /// How rare the values are, how one comparison depends on another, and whether it could be a brother or sister.
    pub rest: f64,
}

/// One comparison of two rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name.
    pub comparison: String,
    /// The level; `None` where a row has no value.
    pub level: Option<&'static str>,
    /// log2 of how much likelier it is for one child than for strangers.
    pub weight: f64,
}

/// Children of two rows at least, in order of their first rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters {
    members: Vec<Member>,
    ends: Vec<usize>,
}

impl Clusters {
    pub(crate) fn push(&mut self, members: impl Iterator<Item = Member>) {
        self.members.extend(members);
        self.ends.push(self.members.len());
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no rows were joined.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows of a child.
    pub fn get(&self, i: usize) -> &[Member] {
        &self.members[if i == 0 { 0 } else { self.ends[i - 1] }..self.ends[i]]
    }

    /// The rows of each child.
    pub fn iter(&self) -> impl Iterator<Item = &[Member]> {
        (0..self.len()).map(|i| self.get(i))
    }
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
    /// Of these by the last rules, between rows that found nobody.
    pub compared_last: u64,
    /// By rule.
    pub compared_by_rule: Vec<u64>,
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
    pub clusters: Clusters,
    /// By source: rows in no link and in no review pair.
    pub unmatched: Vec<Vec<u32>>,
    /// By source: the share of these that the program expects to be rightly there.
    pub unmatched_precision: Vec<f64>,
    /// Blocking rules by number.
    pub rules: Vec<String>,
    /// The first of the last rules: pairs of these are weighed by [`Linkage::left_over_models`].
    pub first_of_last: usize,
    /// Comparisons with their levels, in the order of patterns.
    pub comparisons: Vec<(String, Vec<&'static str>)>,
    /// What was learned, by pair of sources.
    pub models: Vec<Model>,
    /// The same of rows that found nobody among all.
    pub left_over_models: Vec<Model>,
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

    /// How the weight of a link comes about; `None` for a person's decision.
    pub fn explain(&self, link: &Link) -> Option<Explanation> {
        let rule = usize::from(link.rule?);
        let models = if rule >= self.first_of_last { &self.left_over_models } else { &self.models };
        let model = models.iter().find(|m| m.pair == (link.left.source, link.right.source))?;
        let prior = model.prior();
        let step = |((i, level), (name, labels)): ((usize, u8), &(String, Vec<&'static str>))| Step {
            comparison: name.clone(),
            level: (level > 0).then(|| labels[usize::from(level) - 1]),
            weight: if level > 0 { model.weight(i, usize::from(level) - 1) } else { 0.0 },
        };
        let steps: Vec<Step> = self.levels(link).enumerate().zip(&self.comparisons).map(step).collect();
        let rest = link.weight - prior - steps.iter().map(|s| s.weight).sum::<f64>();
        Some(Explanation { prior, steps, rest })
    }

    /// The same as text: one digit a comparison.
    pub fn pattern(&self, link: &Link) -> String {
        self.levels(link).map(|l| char::from_digit(u32::from(l), 16).unwrap_or('?')).collect()
    }
}

/// Links rows of several sources, or of one source within itself. `encoder` is the one that took the rows of all tables; `engine` compares
/// the pairs.
pub fn link(
    encoder: Encoder,
    tables: &mut [Table],
    settings: &Settings,
    decisions: &[Decision],
    engine: &dyn Engine,
    observer: &dyn Observer,
) -> Result<Linkage, LinkError> {
    if tables.len() > MAX_SOURCES {
        return Err(LinkError::TooManySources(MAX_SOURCES));
    }
    let begin = |stage| if observer.stage(stage) { Ok(()) } else { Err(LinkError::Cancelled) };
    begin(Stage::Encode)?;
    let within = tables.len() == 1;
    let encoded = encoder.finish(tables, settings);
    let decided = Decided::find(tables, &encoded, decisions)?;

    begin(Stage::BlockSharp)?;
    let mut blocker = Blocker::new(&encoded, settings, within);
    let sharp_rules = blocker.sharp_rules();
    // where the first rule, which is the sharpest, leaves no doubt, the others need not look but for the model's sake
    let first_rule = sharp_rules.start..if within { sharp_rules.end } else { sharp_rules.end.min(sharp_rules.start + 1) };
    let mut sharp = compare(engine, &mut blocker, first_rule.clone(), Wanted::All)?;
    {
        let doubtful = doubtful_sources(&encoded, &sharp.pairs);
        let others = Wanted::Either(&doubtful, Draw::of(encoded.len(), settings));
        sharp = sharp.with(compare(engine, &mut blocker, first_rule.end..sharp_rules.end, others)?);
    }

    begin(Stage::Train)?;
    let labels = if settings.retrain { decided.labels(&encoded) } else { FxHashMap::default() };
    let pool = Pool { histogram: &sharp.histogram, rules: blocker.sharp_conditions(), labels, left_over: None };
    let models = train(&encoded, &pool);
    let scorer = Scorer::new(&encoded, &models);
    let mut candidates = score(&encoded, &scorer, std::mem::take(&mut sharp.pairs));
    let open = open_sources(&encoded, &candidates);

    begin(Stage::BlockBroad)?;
    let broad_rules = blocker.broad_rules();
    let broad = compare(engine, &mut blocker, broad_rules.clone(), Wanted::Open(&open))?;
    let unsettled = open.iter().filter(|o| **o != 0).count();
    drop(open);
    candidates.extend(score(&encoded, &scorer, broad.pairs));
    in_order(&mut candidates);

    begin(Stage::Assign)?;
    decided.apply(&mut candidates, &encoded);
    let mut joining = Joining::new(&encoded, &scorer, &models, &decided, settings.thresholds);
    let mut chosen = choose(&encoded, &joining.duplicates, &mut candidates, within);
    joining.join(&mut chosen);

    // who found nobody is looked for once more among those whom nobody found, and weighed by how these differ
    begin(Stage::LeftOver)?;
    let has = joining.sources_of_children();
    let last_rules = blocker.last_rules();
    let last = compare(engine, &mut blocker, last_rules.clone(), Wanted::Apart(&has))?;
    let rules = blocker.last_conditions();
    let pool = Pool { histogram: &last.histogram, rules, labels: FxHashMap::default(), left_over: Some((&has, &models)) };
    let left_over = train(&encoded, &pool);
    let mut late = score(&encoded, &Scorer::new(&encoded, &left_over), last.pairs);
    in_order(&mut late);
    decided.apply(&mut late, &encoded);
    let mut chosen_late = choose(&encoded, &joining.duplicates, &mut late, within);
    let apart = |p: Pair| !within && has[p.left as usize] & has[p.right as usize] == 0;
    chosen.retain(|c| !apart(c.candidate.pair));
    candidates.retain(|c| !apart(c.pair));
    drop(has);
    candidates.extend(late);
    in_order(&mut candidates);
    joining.join(&mut chosen_late);
    chosen.extend(chosen_late);

    begin(Stage::Cluster)?;
    // a child has its rows in several sources or in none: what is missed with one is not added to what is missed with another
    let unseen = |s: usize| -> f64 {
        let n = encoded.sources();
        let of = |k: u16| left_over.get(&k).map_or(0.0, Weights::unseen);
        (0..n).filter(|t| *t != s).map(|t| of(source_pair(s, t, n))).fold(0.0, f64::max)
    };
    let lists = joining.lists(chosen, &candidates, &unseen);
    let counts = Counts {
        rows: tables.iter().map(Table::len).collect(),
        compared: blocker.compared.iter().sum(),
        compared_broad: blocker.compared_by(broad_rules),
        compared_last: blocker.compared_by(last_rules),
        compared_by_rule: blocker.compared.clone(),
        unsettled,
        candidates: candidates.len(),
        refused: joining.refused,
    };
    let expected: f64 = lists.links.iter().map(|l| l.probability).sum();
    let named = |models: &Models| {
        let n = encoded.sources();
        let name = |s: usize| tables[s].name.clone();
        let mut all: Vec<_> = models.iter().collect();
        all.sort_by_key(|m| m.0);
        let report = |(k, w): (&u16, &Weights)| {
            let (a, b) = (*k as usize / n, *k as usize % n);
            w.report(&encoded, (a as u16, b as u16), [name(a), name(b)])
        };
        all.into_iter().map(report).collect()
    };
    Ok(Linkage {
        estimated_precision: if lists.links.is_empty() { 1.0 } else { expected / lists.links.len() as f64 },
        links: lists.links,
        review: lists.review,
        clusters: lists.clusters,
        unmatched: lists.unmatched,
        unmatched_precision: lists.unmatched_precision,
        rules: blocker.rule_texts(),
        first_of_last: blocker.first_of_last(),
        comparisons: encoded.comparisons.iter().map(|c| (c.name.clone(), c.levels.iter().map(|l| l.label).collect())).collect(),
        models: named(&models),
        left_over_models: named(&left_over),
        capped: blocker.capped_blocks(),
        counts,
    })
}

/// Sources with which no pair of the first rule agrees, alone, in all that is the child's own: the other sharp rules look further there.
fn doubtful_sources(encoded: &Encoded, pairs: &[Pair]) -> Vec<SourceSet> {
    let n = encoded.sources();
    let all = SourceSet::MAX >> (SourceSet::BITS as usize - n);
    let open = (0..n).flat_map(|s| encoded.range(s).map(move |_| AtomicU64::new(all & !(1 << s))));
    let open: Vec<AtomicU64> = open.collect();
    pairs.par_iter().filter(|p| p.alone() && agrees(encoded, p.pattern())).for_each(|p| {
        let (s, t) = (encoded.source_of(p.left), encoded.source_of(p.right));
        open[p.left as usize].fetch_and(!(1 << t), Ordering::Relaxed);
        open[p.right as usize].fetch_and(!(1 << s), Ordering::Relaxed);
    });
    open.into_iter().map(AtomicU64::into_inner).collect()
}

/// Whether two rows agree in whatever is the child's own, and in enough of it.
fn agrees(encoded: &Encoded, pattern: u64) -> bool {
    let mut own = encoded.comparisons.iter().enumerate().filter(|(_, c)| !c.household);
    own.all(|(i, _)| level_at(pattern, i) <= 1) && rough_weight(encoded, pattern) >= SURE_ROUGHLY
}

/// Has the pairs of some rules compared.
fn compare(
    engine: &dyn Engine,
    blocker: &mut Blocker,
    rules: std::ops::Range<usize>,
    wanted: Wanted,
) -> Result<Proposed, LinkError> {
    let proposed = engine.compare(Task::new(blocker, rules, wanted)).map_err(LinkError::Engine)?;
    blocker.note(&proposed);
    Ok(proposed)
}

/// Each pair once, in order.
fn in_order(candidates: &mut Vec<Candidate>) {
    candidates.par_sort_unstable_by_key(|c| c.pair);
    candidates.dedup_by_key(|c| (c.pair.left, c.pair.right));
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

fn score(encoded: &Encoded, scorer: &Scorer, pairs: Vec<Pair>) -> Vec<Candidate> {
    let scored = |some: &[Pair]| {
        encoded.fetch(some.iter().flat_map(|p| [p.left, p.right]));
        let all = some.iter().map(|pair| Candidate { pair: *pair, weight: scorer.score(*pair) });
        all.filter(|c| c.weight >= CANDIDATE_FLOOR).collect::<Vec<_>>()
    };
    pairs.par_chunks(PAIRS_AT_ONCE).flat_map_iter(scored).collect()
}

/// Sources with which no pair settles a row: the broad rules look further there.
fn open_sources(encoded: &Encoded, candidates: &[Candidate]) -> Vec<SourceSet> {
    let n = encoded.sources();
    let mut of_pair: Vec<Vec<u32>> = vec![Vec::new(); n * n];
    for (i, c) in candidates.iter().enumerate() {
        of_pair[usize::from(source_pair(encoded.source_of(c.pair.left), encoded.source_of(c.pair.right), n))].push(i as u32);
    }
    let own = |s: usize| if n == 1 { 0 } else { 1 << s };
    let all = SourceSet::MAX >> (SourceSet::BITS as usize - n);
    let mut open: Vec<SourceSet> = (0..n).flat_map(|s| encoded.range(s).map(move |_| all & !own(s))).collect();
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

/// Assignment, source pair by source pair.
fn choose(encoded: &Encoded, duplicates: &DuplicateModel, candidates: &mut Vec<Candidate>, within: bool) -> Vec<Chosen> {
    let chosen = choose_records(encoded, duplicates, candidates, within);
    if encoded.aliases.is_empty() {
        return chosen;
    }
    *candidates = found_by_either_name(encoded, std::mem::take(candidates), |c| &mut c.pair, |c| c.weight);
    found_by_either_name(encoded, chosen, |c| &mut c.candidate.pair, |c| c.probability)
}

fn choose_records(encoded: &Encoded, duplicates: &DuplicateModel, candidates: &[Candidate], within: bool) -> Vec<Chosen> {
    if within {
        return candidates
            .iter()
            .map(|c| Chosen { candidate: *c, probability: probability(c.weight), duplicate: false })
            .collect();
    }
    let n = encoded.sources();
    if n == 2 {
        return assign(candidates, encoded.len(), duplicates);
    }
    let mut of_pair: Vec<Vec<Candidate>> = vec![Vec::new(); n * n];
    for c in candidates {
        of_pair[encoded.source_of(c.pair.left) * n + encoded.source_of(c.pair.right)].push(*c);
    }
    of_pair.into_par_iter().flat_map_iter(|cs| assign(&cs, encoded.len(), duplicates)).collect()
}
