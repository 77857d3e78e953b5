//! A whole run: tables and settings in, links and clusters out.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use thiserror::Error;

use crate::assign::{CANDIDATE_FLOOR, CERTAIN, Candidate, assign};
use crate::block::{Blocker, CappedBlock, Draw, PAIRS_AT_ONCE, Pair, Proposed, SourceSet, Wanted, source_pair};
use crate::compare::{level_at, pattern, rough_weight};
use crate::copies::Own;
use crate::decisions::{Decided, Decision};
use crate::encode::{Comparator, Comparison, Encoded, Encoder};
use crate::engine::{Engine, Task};
use crate::frequency::Frequencies;
use crate::join::{DuplicateModel, Joining, member};
use crate::order::{Order, sources_of};
use crate::settings::Settings;
use crate::table::Table;
use crate::weigh::{Model, Models, Pool, Scorer, Weights, train};

/// log2 odds from which a pair settles its rows, if nothing else comes near.
pub(crate) const SETTLED_WEIGHT: f64 = 14.0;
/// How far (in bits) the second-best pair of a settled row must lie behind.
const SETTLED_LEAD: f64 = 10.0;

/// Quarter bits of rough weight from which agreement in all that is the child's own leaves no doubt: a number and a name.
const SURE_ROUGHLY: i32 = 120;

/// Pairs that one thread scores at a time.
const PAIRS_SCORED: usize = 1 << 15;

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

    /// The pairs of rows that the rules proposed and that were not plainly two children: what the links are chosen from.
    fn candidates(&self, _tables: &[Table], _pairs: &mut dyn Iterator<Item = (Member, Member)>) {}
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
    /// Nothing to compare.
    #[error("没有可比对的名册")]
    NoSources,
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
    pub weight: f32,
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
        let start = self.members.len();
        self.members.extend(members);
        self.members[start..].sort_unstable();
        self.ends.push(self.members.len());
    }

    /// With those of later rows.
    pub(crate) fn with(mut self, later: Self) -> Self {
        let before = self.members.len();
        self.members.extend(later.members);
        self.ends.extend(later.ends.iter().map(|end| before + end));
        self
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
    /// Chosen, but neither accepted nor put before a person.
    pub passed_over: Vec<Link>,
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
    /// By two sources: pairs of one child among the rows that found nobody which no rule is expected to have proposed.
    pub(crate) unseen: Vec<((u16, u16), f64)>,
    /// How much was looked at.
    pub counts: Counts,
    /// Mean probability of the accepted links: the precision that the program expects of itself.
    pub estimated_precision: f64,
}

impl Linkage {
    /// Pairs of one child that no rule is expected to have proposed.
    pub(crate) fn unseen(&self, a: u16, b: u16) -> f64 {
        self.unseen.iter().find(|u| u.0 == (a.min(b), a.max(b))).map_or(0.0, |u| u.1)
    }

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
        let rest = f64::from(link.weight) - prior - steps.iter().map(|s| s.weight).sum::<f64>();
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
    if tables.is_empty() {
        return Err(LinkError::NoSources);
    }
    if tables.len() > MAX_SOURCES {
        return Err(LinkError::TooManySources(MAX_SOURCES));
    }
    let begin = |stage| if observer.stage(stage) { Ok(()) } else { Err(LinkError::Cancelled) };
    begin(Stage::Encode)?;
    let within = tables.len() == 1;
    let mut encoded = encoder.finish(tables, settings);
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
    let mut frequencies = Frequencies::of(&encoded);
    let (histogram, rules) = (&sharp.histogram, blocker.sharp_conditions());
    let models = train(&encoded, &Pool { frequencies: &frequencies, histogram, rules, labels, left_over: None });
    frequencies.forget_lists();
    let scorer = Scorer::new(&encoded, &models, &frequencies);
    let order = Order::of(&encoded);
    let nothing_sharp = sharp.pairs.is_empty();
    let mut candidates = score(&order, &encoded, &scorer, std::mem::take(&mut sharp.pairs));
    let open = open_sources(&encoded, &candidates);

    begin(Stage::BlockBroad)?;
    let broad_rules = blocker.broad_rules();
    let broad = compare(engine, &mut blocker, broad_rules.clone(), Wanted::Open(&open))?;
    let unsettled = open.iter().filter(|o| **o != 0).count();
    drop(open);
    order.add(&mut candidates, &score(&order, &encoded, &scorer, broad.pairs));

    begin(Stage::Assign)?;
    decided.apply(&mut candidates, &order, &encoded);
    if within {
        add_copies(&mut candidates, &order, &encoded, &decided);
    }
    let mut joining = Joining::new(&encoded, &scorer, &models, &decided, settings.thresholds);
    let attached = choose(&encoded, &joining.duplicates, &mut candidates, within);
    joining.join(&candidates, &attached);

    // who found nobody is looked for once more among those whom nobody found, and weighed by how these differ
    begin(Stage::LeftOver)?;
    let has = joining.sources_of_children();
    let last_rules = blocker.last_rules();
    let last = compare(engine, &mut blocker, last_rules.clone(), Wanted::Apart(&has))?;
    let pool = Pool {
        frequencies: &frequencies,
        histogram: &last.histogram,
        rules: blocker.last_conditions(),
        labels: FxHashMap::default(),
        left_over: Some((&has, &models)),
    };
    let left_over = train(&encoded, &pool);
    let namesakes = if nothing_sharp { lone_namesakes(&encoded, &last.pairs) } else { Vec::new() };
    let mut late = score(&order, &encoded, &Scorer::new(&encoded, &left_over, &frequencies), last.pairs);
    if !namesakes.is_empty() {
        late = order.put(&[order.parts(&namesakes)]);
    }
    decided.apply(&mut late, &order, &encoded);
    let attached = choose(&encoded, &joining.duplicates, &mut late, within);
    {
        let place = |c: &Candidate| (sources_of(c, &encoded), c.pair.left, c.pair.right);
        let new = |c: &&Candidate| candidates.binary_search_by_key(&place(c), place).is_err();
        let both = |c: &Candidate| (member(&encoded, c.pair.left), member(&encoded, c.pair.right));
        observer.candidates(tables, &mut candidates.iter().chain(late.iter().filter(new)).map(both));
    }
    if !last_rules.is_empty() {
        candidates.retain(|c| has[c.pair.left as usize] & has[c.pair.right as usize] != 0);
    }
    drop(has);
    joining.join(&late, &attached);
    let joined = joining.finish();

    begin(Stage::Cluster)?;
    let (rules, first_of_last, capped) = (blocker.rule_texts(), blocker.first_of_last(), blocker.capped_blocks());
    let compared_by_rule = blocker.compared.clone();
    let [compared_broad, compared_last] = [broad_rules, last_rules].map(|of| blocker.compared_by(of));
    drop(blocker);
    encoded.forget_records();
    Order::of(&encoded).add(&mut candidates, &late);
    drop(late);
    let counts = Counts {
        rows: tables.iter().map(Table::len).collect(),
        compared: compared_by_rule.iter().sum(),
        compared_broad,
        compared_last,
        compared_by_rule,
        unsettled,
        candidates: candidates.len(),
        refused: joined.refused.len(),
    };
    // a child has its rows in several sources or in none: what is missed with one is not added to what is missed with another
    let n = encoded.sources();
    let unseen = |s: usize| -> f64 {
        let of = |k: u16| left_over.get(&k).map_or(0.0, Weights::unseen);
        (0..n).filter(|t| *t != s).map(|t| of(source_pair(s, t, n))).fold(0.0, f64::max)
    };
    let lists = joined.lists(&encoded, candidates, &unseen);
    let expected: f64 = lists.links.iter().map(|l| l.probability).sum();
    let named = |models: &Models| {
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
        passed_over: lists.passed_over,
        clusters: lists.clusters,
        unmatched: lists.unmatched,
        unmatched_precision: lists.unmatched_precision,
        rules,
        first_of_last,
        comparisons: encoded.comparisons.iter().map(|c| (c.name.clone(), c.levels.iter().map(|l| l.label).collect())).collect(),
        models: named(&models),
        left_over_models: named(&left_over),
        capped,
        unseen: left_over.iter().map(|(k, w)| ((k / n as u16, k % n as u16), w.unseen())).collect(),
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

/// Rows that stand twice in the one source are compared and linked, whatever the rules proposed and the model made of them.
fn add_copies(candidates: &mut Vec<Candidate>, order: &Order, encoded: &Encoded, decided: &Decided) {
    let copies: FxHashSet<(u32, u32)> = Own::of(encoded).copies(encoded).into_iter().collect();
    if copies.is_empty() {
        return;
    }
    let key = |c: &Candidate| (c.pair.left, c.pair.right);
    candidates.retain(|c| !copies.contains(&key(c)));
    let free = copies.into_iter().filter(|pair| !decided.different.contains(pair));
    candidates.extend(free.map(|(a, b)| Candidate::new(Pair::new(a, b, COPIES_RULE, pattern(encoded, a, b)), CERTAIN)));
    order.sort(candidates);
}

/// Rule under which copies stand: the sharpest, by whose key they agree where they have one.
const COPIES_RULE: usize = 0;

/// Pairs found by a former name are pairs of the rows themselves; of several for two rows the likeliest stays.
fn by_either_name(candidates: &mut Vec<Candidate>, encoded: &Encoded) {
    candidates.iter_mut().for_each(|c| c.pair = proper(c.pair, encoded));
    candidates.retain(|c| c.pair.left != c.pair.right);
    candidates.sort_by_key(|c| (c.rank(), c.pair));
    candidates.sort_by_key(|c| (sources_of(c, encoded), c.pair.left, c.pair.right));
    candidates.dedup_by_key(|c| (c.pair.left, c.pair.right));
}

fn proper(pair: Pair, encoded: &Encoded) -> Pair {
    pair.of(encoded.proper(pair.left), encoded.proper(pair.right))
}

/// The pairs that may be of one child with their weights, in order.
fn score(order: &Order, encoded: &Encoded, scorer: &Scorer, pairs: Vec<Pair>) -> Vec<Candidate> {
    let stretch = |pairs: &[Pair]| {
        let (mut likely, mut score) = (Vec::with_capacity(pairs.len()), scorer.scores());
        for some in pairs.chunks(PAIRS_AT_ONCE) {
            // the other record is seldom looked at
            encoded.fetch(some.iter().map(|p| p.left));
            let scored = some.iter().map(|p| Candidate::new(*p, score(*p)));
            likely.extend(scored.filter(|c| c.weight() >= CANDIDATE_FLOOR));
        }
        order.parts(&likely)
    };
    let stretches: Vec<_> = pairs.par_chunks(PAIRS_SCORED).map(stretch).collect();
    drop(pairs);
    order.put(&stretches)
}

/// Where nothing but names can be compared, nothing can be learned: rows whose name nobody else has are one child or are not, and nobody
/// knows. Gives these pairs at even odds.
fn lone_namesakes(encoded: &Encoded, pairs: &[Pair]) -> Vec<Candidate> {
    let is_name = |c: &Comparison| !c.household && matches!(c.comparator, Comparator::Name { .. });
    let Some(name) = encoded.comparisons.iter().position(is_name) else { return Vec::new() };
    let alone = |p: &Pair| (0..encoded.comparisons.len()).all(|i| i == name || level_at(p.pattern(), i) == 0);
    if !pairs.iter().all(alone) {
        return Vec::new();
    }
    // how many of another source have a row's name
    let mut met: FxHashMap<(u32, usize), usize> = FxHashMap::default();
    let same = || pairs.iter().filter(|p| matches!(level_at(p.pattern(), name), 1 | 2));
    let ends = |p: &Pair| [(p.left, encoded.source_of(p.right)), (p.right, encoded.source_of(p.left))];
    same().flat_map(ends).for_each(|end| *met.entry(end).or_default() += 1);
    same().filter(|p| ends(p).iter().all(|end| met[end] == 1)).map(|p| Candidate::new(*p, 0.0)).collect()
}

/// Sources with which no pair settles a row: the broad rules look further there. `candidates` stand in order.
fn open_sources(encoded: &Encoded, candidates: &[Candidate]) -> Vec<SourceSet> {
    let n = encoded.sources();
    let own = |s: usize| if n == 1 { 0 } else { 1 << s };
    let all = SourceSet::MAX >> (SourceSet::BITS as usize - n);
    let open = (0..n).flat_map(|s| encoded.range(s).map(move |_| AtomicU64::new(all & !own(s))));
    let open: Vec<AtomicU64> = open.collect();
    for of_two in candidates.chunk_by(|a, b| sources_of(a, encoded) == sources_of(b, encoded)) {
        let (s, t) = sources_of(&of_two[0], encoded);
        let (left, right) = rayon::join(|| Heaviest::of(of_two, encoded.range(s)), || Heaviest::of(of_two, encoded.range(t)));
        of_two.par_chunks(PAIRS_AT_ONCE * PAIRS_AT_ONCE).flatten().for_each(|c| {
            let p = c.pair;
            if left.is_settled_by(p.left, c.weight) && right.is_settled(p.right) {
                open[p.left as usize].fetch_and(!(1 << t), Ordering::Relaxed);
                open[p.right as usize].fetch_and(!(1 << s), Ordering::Relaxed);
            }
        });
    }
    open.into_iter().map(AtomicU64::into_inner).collect()
}

/// By row of a source: the weights of the two heaviest pairs.
struct Heaviest {
    start: u32,
    weights: Vec<[f32; 2]>,
}

impl Heaviest {
    fn of(candidates: &[Candidate], rows: std::ops::Range<u32>) -> Self {
        let mut weights = vec![[f32::MIN; 2]; rows.len()];
        for c in candidates {
            for row in [c.pair.left, c.pair.right].into_iter().filter(|row| rows.contains(row)) {
                let [first, second] = &mut weights[(row - rows.start) as usize];
                if c.weight > *first {
                    *second = std::mem::replace(first, c.weight);
                } else {
                    *second = second.max(c.weight);
                }
            }
        }
        Self { start: rows.start, weights }
    }

    /// Whether a row has one pair that is heavy enough, and none that comes near it.
    fn is_settled(&self, row: u32) -> bool {
        let [first, second] = self.weights[(row - self.start) as usize];
        f64::from(first) >= SETTLED_WEIGHT && f64::from(first - second) >= SETTLED_LEAD
    }

    /// Whether a pair of this weight is the one.
    fn is_settled_by(&self, row: u32, weight: f32) -> bool {
        weight >= self.weights[(row - self.start) as usize][0] && self.is_settled(row)
    }
}

/// Assignment, source pair by source pair. Gives the pairs of second rows of a child.
fn choose(encoded: &Encoded, duplicates: &DuplicateModel, candidates: &mut Vec<Candidate>, within: bool) -> FxHashSet<Pair> {
    if within {
        candidates.iter_mut().for_each(Candidate::choose_by_weight);
        if !encoded.aliases.is_empty() {
            by_either_name(candidates, encoded);
        }
        return FxHashSet::default();
    }
    let of_two = candidates.par_chunk_by_mut(|a, b| sources_of(a, encoded) == sources_of(b, encoded));
    let attached = of_two.flat_map_iter(|of_two| {
        let (s, t) = sources_of(&of_two[0], encoded);
        assign(of_two, [encoded.range(s), encoded.range(t)], duplicates)
    });
    let attached: Vec<Pair> = attached.collect();
    if !encoded.aliases.is_empty() {
        by_either_name(candidates, encoded);
    }
    attached.into_iter().map(|p| proper(p, encoded)).collect()
}
