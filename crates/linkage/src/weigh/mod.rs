//! Weigh the evidence: how often each level is met among strangers (counted, not sampled), and among pairs of one
//! child, of twins and of other children of one household (learned by EM).
//!
//! The mixture is written in absolute numbers of pairs. Strangers: all pairs of the two sources times the product of
//! the levels' shares. The other four classes: their size and their own shares. Siblings and twins have classes of
//! their own because they agree in everything a family shares; without them a sister at school hides a child who is not.

mod score;
mod shares;
mod unproposed;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::block::{Conditions, Histogram, SourceSet, source_pair};
use crate::decisions::Labels;
use crate::encode::{Comparator, Comparison, Encoded};
use crate::frequency::Frequencies;
use crate::stranger::{Chance, Dependence};

pub(crate) use score::Scorer;
use shares::{PATTERNS_AT_ONCE, STRANGER, ShareTable, Side, Sums};
use unproposed::Unproposed;

/// 潜类 (latent class) of a pair that is not of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatentClass {
    /// One child, rows from careful hands.
    Careful,
    /// One child, rows from careless hands: several errors at once.
    Careless,
    /// Two children born on one day in one family.
    Twin,
    /// Two other children of one household.
    Sibling,
    /// Two strangers who share a name, a village and whatever goes with them: more alike than chance has it.
    Namesake,
}

const CLASSES: [LatentClass; CLASS_COUNT] =
    [LatentClass::Careful, LatentClass::Careless, LatentClass::Twin, LatentClass::Sibling, LatentClass::Namesake];
const CLASS_COUNT: usize = 5;
const CAREFUL: usize = 0;
const CARELESS: usize = 1;
const TWIN: usize = 2;
const SIBLING: usize = 3;
const NAMESAKE: usize = 4;
/// How many times the errors of careful hands careless ones make, and the share of wrong values they reach at most.
const CARELESS_ERRORS: f64 = 8.0;
const MOST_CARELESS: f64 = 0.5;
/// Classes of one child come first.
const SAME_CLASSES: usize = 2;
/// How many pairs the defaults are worth against what is counted.
const PRIOR_PAIRS: f64 = 60.0;
/// EM stops when no class changes by more than this share.
const CONVERGED: f64 = 1e-4;
const MAX_ROUNDS: usize = 200;
/// Share of the rows that found nobody for whom EM first supposes, in either hands, that their child's other row is among them.
const LEFT_OVER_SHARE: f64 = 0.02;
/// Levels of a citizen number at which it was the same number, written with errors or without.
const NUMBER_RIGHT: usize = 3;
/// Keeps a level out of a class.
const IMPOSSIBLE: f64 = 1e-9;
/// Share of a level's pairs that are taken for strangers' even where one child's pairs would explain them all: a
/// number or a name may always have been copied to a stranger.
const STRANGER_FLOOR: f64 = 0.02;
/// The same of pairs that agree in the citizen number, and the largest: it is given out once, and now and then stands for two children.
const SAME_NUMBER: [f64; 2] = [1e-5, 0.05];
/// Share of children whom a source has twice (双重学籍), before the evidence of the two rows.
pub(crate) const DUPLICATE_SHARE: f64 = 0.01;
/// What was learned about one pair of sources.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// Numbers of the two sources.
    pub pair: (u16, u16),
    /// Names of the two sources.
    pub sources: [String; 2],
    /// All pairs of rows that there are.
    pub all_pairs: f64,
    /// Expected number of pairs in each latent class.
    pub class_pairs: Vec<(LatentClass, f64)>,
    /// Evidence by comparison.
    pub comparisons: Vec<(String, Vec<LevelReport>)>,
}

/// A level's shares.
#[derive(Debug, Clone, Serialize)]
pub struct LevelReport {
    /// Name of the level.
    pub level: &'static str,
    /// Share among strangers.
    pub stranger: f64,
    /// Shares in the latent classes, in order.
    pub classes: Vec<f64>,
}

impl Model {
    /// Expected pairs of one child.
    pub fn same_pairs(&self) -> f64 {
        self.class_pairs[..SAME_CLASSES].iter().map(|c| c.1).sum()
    }

    /// log2 odds that any two rows are one child.
    pub fn prior(&self) -> f64 {
        (self.same_pairs().max(1e-9) / self.all_pairs.max(1.0)).log2()
    }

    /// log2 of how much likelier a level (from 0) is for one child than for strangers.
    pub fn weight(&self, comparison: usize, level: usize) -> f64 {
        let l = &self.comparisons[comparison].1[level];
        let same: f64 = l.classes[..SAME_CLASSES].iter().zip(&self.class_pairs).map(|(share, c)| share * c.1).sum();
        (same / self.same_pairs().max(1e-9) / l.stranger).max(1e-300).log2()
    }
}

/// The parameters of one pair of sources.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    all_pairs: f64,
    /// Largest number of pairs of one child that one-to-one leaves room for.
    room: f64,
    class_pairs: [f64; CLASS_COUNT],
    /// By comparison, then level − 1.
    classes: Vec<Vec<[f64; CLASS_COUNT]>>,
    stranger: Vec<Vec<f64>>,
    /// Pairs that show the level, over all pairs: before one child's pairs are taken off.
    mass: Vec<Vec<f64>>,
    /// By comparison: the least and the largest share of the pairs that agree in it which are taken for strangers'.
    same_bounds: Vec<[f64; 2]>,
    /// What strangers do not show by chance alone, and their shares then.
    dependences: Vec<(Dependence, Vec<f64>)>,
    /// Pairs of one child that no rule proposed, as the model expects them.
    unseen: f64,
    /// Of rows that found nobody.
    left_over: bool,
    /// The same, for one look a pair.
    table: ShareTable,
}

/// Weights by two sources.
pub(crate) type Models = FxHashMap<u16, Weights>;

/// 训练池 (training pool): the pairs from which a model learns, how they came to be compared, and between which rows.
pub(crate) struct Pool<'a> {
    /// How many records carry each value.
    pub frequencies: &'a Frequencies,
    /// What was compared.
    pub histogram: &'a Histogram,
    /// What each rule asked of a pair.
    pub rules: Vec<Conditions>,
    /// What people said of pairs, by two sources; none unless it was asked for that they teach.
    pub labels: FxHashMap<u16, Vec<Labels>>,
    /// For rows that found nobody: the sources of each row's child, and the models of all rows.
    pub left_over: Option<(&'a [SourceSet], &'a Models)>,
}

/// Weights of all pairs of sources that the histogram knows.
pub(crate) fn train(encoded: &Encoded, pool: &Pool) -> Models {
    let n = encoded.sources();
    let mut keys: Vec<(u16, usize, usize)> = (0..n).flat_map(|a| (a..n).map(move |b| (source_pair(a, b, n), a, b))).collect();
    let known = |k: &u16| pool.left_over.is_none_or(|(_, before)| before.contains_key(k));
    keys.retain(|(k, _, _)| known(k) && pool.histogram.keys().any(|(p, _)| p == k));
    // sorted, so that sums of floats do not depend on a hash
    let patterns = |wanted: Option<u16>| {
        let mut sums: FxHashMap<u64, u64> = FxHashMap::default();
        for ((pair, pattern), count) in pool.histogram {
            if wanted.is_none_or(|w| w == *pair) {
                *sums.entry(*pattern).or_default() += count;
            }
        }
        let mut v: Vec<(u64, f64)> = sums.into_iter().map(|(p, c)| (p, c as f64)).collect();
        v.sort_unstable_by_key(|e| e.0);
        v
    };
    let starts: Vec<(u16, Weights)> = match pool.left_over {
        Some((has, before)) => {
            keys.par_iter().map(|&(k, a, b)| (k, Weights::of_left_over(encoded, has, a, b, &before[&k]))).collect()
        }
        None => {
            let chance = Chance::of(encoded, pool.frequencies, |s| keys.iter().any(|(_, a, b)| *a == s || *b == s));
            keys.par_iter().map(|&(k, a, b)| (k, Weights::start(encoded, &chance, a, b))).collect()
        }
    };
    // sources with few rows in common lean on what all sources together teach
    let pooled = (starts.len() > 1 && pool.left_over.is_none()).then(|| {
        let mut sum = Weights::sum(starts.iter().map(|(_, w)| w));
        sum.learn(encoded, &patterns(None), &[], &pool.rules, None);
        sum
    });
    starts
        .into_par_iter()
        .map(|(k, mut w)| {
            let labels = pool.labels.get(&k).map_or(&[][..], Vec::as_slice);
            w.learn(encoded, &without(patterns(Some(k)), labels), labels, &pool.rules, pooled.as_ref());
            (k, w)
        })
        .collect()
}

/// Counted patterns without the pairs that people decided.
fn without(mut patterns: Vec<(u64, f64)>, labels: &[Labels]) -> Vec<(u64, f64)> {
    for l in labels {
        if let Ok(i) = patterns.binary_search_by_key(&l.pattern, |p| p.0) {
            // one that no rule of the pool proposed is not among them
            patterns[i].1 = (patterns[i].1 - l.same - l.different).max(0.0);
        }
    }
    patterns
}

/// Pairs of one pattern: of one child, of children who have something to do with each other, of strangers.
#[derive(Clone, Copy)]
struct Expected {
    same: f64,
    known: f64,
    strangers: f64,
}

impl Expected {
    /// log2 odds of one child against everything else; `rarity` multiplies how many strangers are expected.
    fn weight(self, rarity: f64) -> f64 {
        (self.same.max(1e-300) / (self.known + self.strangers * rarity).max(1e-300)).log2()
    }
}

impl Weights {
    fn empty(encoded: &Encoded) -> Self {
        let zeros = || encoded.comparisons.iter().map(|c| vec![0.0; c.levels.len()]).collect();
        Self {
            all_pairs: 0.0,
            room: 0.0,
            class_pairs: [0.0; CLASS_COUNT],
            classes: encoded.comparisons.iter().map(default_shares).collect(),
            stranger: zeros(),
            mass: zeros(),
            same_bounds: encoded.comparisons.iter().map(same_bounds).collect(),
            dependences: Vec::new(),
            unseen: 0.0,
            left_over: false,
            table: ShareTable::default(),
        }
    }

    fn start(encoded: &Encoded, chance: &Chance, a: usize, b: usize) -> Self {
        let within = a == b;
        let [na, nb] = [a, b].map(|s| encoded.range(s).len() as f64);
        let mut w = Self::empty(encoded);
        w.all_pairs = if within { na * (na - 1.0) / 2.0 } else { na * nb };
        w.room = na.min(nb);
        w.mass = chance.masses((a, b));
        let depend = chance.dependences((a, b), &w.mass);
        w.dependences = depend.into_iter().map(|d| (d, Vec::new())).collect();
        if within {
            for (m, itself) in w.mass.iter_mut().zip(chance.present(a)) {
                // every row meets itself, and every pair is met twice
                m[0] = (m[0] - itself).max(0.0);
                m.iter_mut().for_each(|x| *x /= 2.0);
            }
        }
        let household = encoded.comparisons.iter().any(|c| c.household);
        let siblings = if household { 0.5 } else { 1e-9 };
        w.class_pairs = [0.9 * w.room, 0.05 * w.room, 0.01 * w.room * siblings, w.room * siblings, 0.1 * w.room];
        if within {
            w.room = 0.1 * na;
            w.class_pairs = [0.01 * na, 0.002 * na, 0.01 * na * siblings, na * siblings, 0.1 * na];
        }
        w.count_strangers();
        w
    }

    /// Between rows that found nobody: the errors of their pairs are those of careless hands, and strangers are few.
    fn of_left_over(encoded: &Encoded, has: &[SourceSet], a: usize, b: usize, before: &Weights) -> Self {
        let rows =
            |s: usize, other: usize| -> Vec<u32> { encoded.range(s).filter(|i| has[*i as usize] & 1 << other == 0).collect() };
        let (left, right) = (rows(a, b), rows(b, a));
        let sets = |rows: &[u32]| {
            let mut out: FxHashMap<SourceSet, f64> = FxHashMap::default();
            rows.iter().for_each(|i| *out.entry(has[*i as usize]).or_default() += 1.0);
            out
        };
        let (of_left, of_right) = (sets(&left), sets(&right));
        let apart = |(x, n): (&SourceSet, &f64)| of_right.iter().filter(|(y, _)| x & **y == 0).map(|(_, m)| n * m).sum::<f64>();
        let mut w = Self { left_over: true, ..Self::empty(encoded) };
        w.all_pairs = of_left.iter().map(apart).sum();
        w.room = (left.len() as f64).min(right.len() as f64);
        // chance is what it is among all rows: counted among few, it would be taken for proof
        w.stranger.clone_from(&before.stranger);
        w.dependences.clone_from(&before.dependences);
        w.mass.clone_from(&before.mass);
        let fewer = w.all_pairs / before.all_pairs.max(1.0);
        w.mass.iter_mut().flatten().for_each(|m| *m *= fewer);
        w.classes.clone_from(&before.classes);
        w.classes.iter_mut().flatten().for_each(|share| share[CAREFUL] = share[CARELESS]);
        w.class_pairs = before.class_pairs.map(|n| n * fewer);
        w.class_pairs[CAREFUL] = LEFT_OVER_SHARE * w.room;
        w.class_pairs[CARELESS] = LEFT_OVER_SHARE * w.room;
        // a pair was left over because its number went wrong, or because all else did: two kinds, which share no errors
        for (levels, c) in w.classes.iter_mut().zip(encoded.comparisons.iter()) {
            if matches!(c.comparator, Comparator::NationalId { .. }) && !c.household {
                let (right, wrong) = levels.split_at_mut(NUMBER_RIGHT);
                right.iter_mut().for_each(|l| l[CARELESS] *= IMPOSSIBLE);
                wrong.iter_mut().for_each(|l| l[CAREFUL] *= IMPOSSIBLE);
                for k in [CAREFUL, CARELESS] {
                    let total: f64 = levels.iter().map(|l| l[k]).sum();
                    levels.iter_mut().for_each(|l| l[k] /= total);
                }
            }
        }
        // the last rules look for names wherever they are: namesakes agree in little else
        for (i, c) in encoded.comparisons.iter().enumerate() {
            if c.household || !matches!(c.comparator, Comparator::Name { .. }) {
                w.classes[i].iter_mut().zip(&before.stranger[i]).for_each(|(level, u)| level[NAMESAKE] = *u);
            } else {
                w.class_pairs[NAMESAKE] = w.all_pairs * before.stranger[i][0];
            }
        }
        w
    }

    fn sum<'w>(all: impl Iterator<Item = &'w Weights>) -> Weights {
        let add = |mut sum: Weights, w: &Weights| {
            sum.all_pairs += w.all_pairs;
            sum.room += w.room;
            for k in 0..CLASS_COUNT {
                sum.class_pairs[k] += w.class_pairs[k];
            }
            for (x, y) in sum.mass.iter_mut().flatten().zip(w.mass.iter().flatten()) {
                *x += y;
            }
            for ((x, _), (y, _)) in sum.dependences.iter_mut().zip(&w.dependences) {
                x.mass.iter_mut().flatten().zip(y.mass.iter().flatten()).for_each(|(x, y)| *x += y);
            }
            sum
        };
        let mut all = all.cloned();
        let mut sum = all.next().expect("only called for some");
        for w in all {
            sum = add(sum, &w);
        }
        sum.count_strangers();
        sum
    }

    /// Share of pairs in which both rows have a value.
    fn seen(&self, comparison: usize) -> f64 {
        let total: f64 = self.mass[comparison].iter().sum();
        if self.all_pairs > 0.0 { (total / self.all_pairs).min(1.0) } else { 0.0 }
    }

    fn count_strangers(&mut self) {
        if self.left_over {
            return;
        }
        self.stranger = self.strangers();
        let shares: Vec<Vec<f64>> = (0..self.dependences.len()).map(|i| self.strangers_given(i)).collect();
        self.dependences.iter_mut().zip(shares).for_each(|((_, of), shares)| *of = shares);
    }

    /// The same where another comparison came out in a certain way.
    fn strangers_given(&self, i: usize) -> Vec<f64> {
        let d = &self.dependences[i].0;
        let classes = &self.classes[d.comparison];
        let Some(mass) = &d.mass else { return classes.iter().map(|c| c[CAREFUL]).collect() };
        let (of, levels) = d.given;
        let seen = self.seen(d.comparison) * self.seen(of);
        let fulfilled: [f64; CLASS_COUNT] = std::array::from_fn(|k| {
            self.classes[of].iter().enumerate().filter(|(l, _)| levels >> (l + 1) & 1 == 1).map(|(_, c)| c[k]).sum()
        });
        let explained =
            |l: usize| (0..CLASS_COUNT).map(|k| self.class_pairs[k] * fulfilled[k] * classes[l][k]).sum::<f64>() * seen;
        left_to_chance(mass, explained, self.same_bounds[d.comparison])
    }

    /// Shares of the levels among strangers: what all pairs show, less what the other classes explain.
    fn strangers(&self) -> Vec<Vec<f64>> {
        (0..self.mass.len())
            .map(|i| {
                let seen = self.seen(i);
                let explained =
                    |l: usize| (0..CLASS_COUNT).map(|k| self.class_pairs[k] * self.classes[i][l][k]).sum::<f64>() * seen;
                left_to_chance(&self.mass[i], explained, self.same_bounds[i])
            })
            .collect()
    }

    fn tabulate(&self) -> ShareTable {
        let side = |classes: &[f64; CLASS_COUNT], stranger: f64| -> Side {
            let mut out = [0.0; 8];
            out[..CLASS_COUNT].copy_from_slice(classes);
            out[STRANGER] = stranger;
            out
        };
        let levels = self.classes.iter().zip(&self.stranger);
        let levels = levels.map(|(c, u)| std::iter::once([1.0; 8]).chain(c.iter().zip(u).map(|(c, u)| side(c, *u))).collect());
        let more = |(d, shares): &(Dependence, Vec<f64>)| -> Vec<f64> {
            std::iter::once(1.0).chain(shares.iter().zip(&self.stranger[d.comparison]).map(|(s, u)| s / u)).collect()
        };
        let dependences = self.dependences.iter().map(|d| (d.0.comparison, d.0.given, more(d))).collect();
        ShareTable { pairs: side(&self.class_pairs, self.all_pairs), levels: levels.collect(), dependences }
    }

    /// EM over the counted patterns, and over the labels, whose classes are half known. `pooled` gives where to start and what to lean on.
    fn learn(
        &mut self,
        encoded: &Encoded,
        patterns: &[(u64, f64)],
        labels: &[Labels],
        rules: &[Conditions],
        pooled: Option<&Weights>,
    ) {
        let lean: Vec<Vec<[f64; CLASS_COUNT]>> = pooled.map_or_else(|| self.classes.clone(), |p| p.classes.clone());
        if let Some(p) = pooled {
            self.classes.clone_from(&p.classes);
            let share = if p.room > 0.0 { self.room / p.room } else { 0.0 };
            self.class_pairs = p.class_pairs.map(|n| n * share);
        }
        let unproposed = Unproposed::new(encoded, rules);
        self.count_strangers();
        for _ in 0..MAX_ROUNDS {
            let before = self.class_pairs;
            let table = self.tabulate();
            // sums of fixed stretches in fixed order: the same for any number of threads
            let parts: Vec<Sums> = patterns.par_chunks(PATTERNS_AT_ONCE).map(|part| table.sums(part)).collect();
            let mut all = Sums::new(lean.iter().map(Vec::len));
            parts.iter().for_each(|p| all.add(p));
            all.add(&table.sums_of_labels(labels));
            let mut size: [f64; CLASS_COUNT] = std::array::from_fn(|k| all.size[k]);
            let mut sums: Vec<Vec<[f64; CLASS_COUNT]>> =
                all.levels.iter().map(|levels| levels[1..].iter().map(|l| std::array::from_fn(|k| l[k])).collect()).collect();
            if self.left_over {
                // too few twins, brothers and sisters are left to learn from
                size[SAME_CLASSES..NAMESAKE].copy_from_slice(&self.class_pairs[SAME_CLASSES..NAMESAKE]);
            } else {
                // namesakes are a class only of what the rules propose
                for k in 0..NAMESAKE {
                    size[k] += unproposed.of_class(self, k, &mut sums);
                }
            }
            self.update(size, &sums, &lean);
            for (levels, (c, lean)) in self.classes.iter_mut().zip(encoded.comparisons.iter().zip(&lean)) {
                match c.comparator {
                    Comparator::NationalId { .. } => keep_number_errors(levels, lean),
                    Comparator::Name { .. } if !c.household => keep_names_apart(levels, lean),
                    _ => {}
                }
                // what a household shares agrees as often for brothers and sisters as for one child
                if c.household {
                    levels.iter_mut().for_each(|l| (l[TWIN], l[SIBLING]) = (l[CAREFUL], l[CAREFUL]));
                }
                if self.left_over {
                    // namesakes have a number and a birth date of their own: left free, the class would learn children without a number
                    let of_namesakes = matches!(c.comparator, Comparator::NationalId { .. } | Comparator::Date { .. });
                    let fixed = if of_namesakes && !c.household { SAME_CLASSES..CLASS_COUNT } else { SAME_CLASSES..NAMESAKE };
                    for (level, lean) in levels.iter_mut().zip(lean) {
                        level[fixed.clone()].copy_from_slice(&lean[fixed.clone()]);
                    }
                }
            }
            let moved = (0..CLASS_COUNT).map(|k| (self.class_pairs[k] - before[k]).abs()).fold(0.0, f64::max);
            if moved <= CONVERGED * self.room.max(1.0) {
                break;
            }
        }
        self.table = self.tabulate();
        let mut none: Vec<Vec<[f64; CLASS_COUNT]>> = lean.iter().map(|c| vec![[0.0; CLASS_COUNT]; c.len()]).collect();
        self.unseen = (0..SAME_CLASSES).map(|k| unproposed.of_class(self, k, &mut none)).sum();
    }

    fn update(&mut self, size: [f64; CLASS_COUNT], sums: &[Vec<[f64; CLASS_COUNT]>], lean: &[Vec<[f64; CLASS_COUNT]>]) {
        // one child has at most one partner in the other source, duplicates apart
        let same: f64 = size[..SAME_CLASSES].iter().sum();
        let shrink = if same > self.room * 1.03 { self.room * 1.03 / same } else { 1.0 };
        for k in 0..CLASS_COUNT {
            self.class_pairs[k] = size[k].max(1e-6) * if k < SAME_CLASSES { shrink } else { 1.0 };
        }
        for (i, levels) in self.classes.iter_mut().enumerate() {
            for k in (0..CLASS_COUNT).filter(|k| self.left_over || *k != CARELESS) {
                let total: f64 = sums[i].iter().map(|s| s[k]).sum::<f64>() + PRIOR_PAIRS;
                for (l, share) in levels.iter_mut().enumerate() {
                    share[k] = (sums[i][l][k] + PRIOR_PAIRS * lean[i][l][k]) / total;
                }
            }
        }
        if !self.left_over {
            self.classes.iter_mut().for_each(|levels| tie_careless(levels));
        }
        self.count_strangers();
    }

    /// Pairs that are expected to show a pattern.
    fn expected(&self, pattern: u64) -> Expected {
        let e = self.table.expected(pattern);
        Expected {
            same: e[..SAME_CLASSES].iter().sum(),
            known: e[SAME_CLASSES..CLASS_COUNT].iter().sum(),
            strangers: e[STRANGER],
        }
    }

    /// Pairs of one child that no rule proposed.
    pub fn unseen(&self) -> f64 {
        self.unseen
    }

    /// log2 odds that a pair is one child before anything is known of it.
    pub fn prior(&self) -> f64 {
        (self.same_pairs() / self.all_pairs.max(1.0)).log2()
    }

    /// Expected pairs of one child.
    pub fn same_pairs(&self) -> f64 {
        self.class_pairs[..SAME_CLASSES].iter().sum()
    }

    /// The same evidence for two rows of one source of so many rows, where one child seldom stands twice.
    pub fn for_duplicates(&self, rows: f64) -> Weights {
        let mut w = self.clone();
        let share = if self.same_pairs() > 0.0 { rows / self.same_pairs() } else { 0.0 };
        w.all_pairs = rows * rows / 2.0;
        w.class_pairs =
            std::array::from_fn(|k| self.class_pairs[k] * share * if k < SAME_CLASSES { DUPLICATE_SHARE } else { 0.5 });
        w.table = w.tabulate();
        w
    }

    /// For the report.
    pub fn report(&self, encoded: &Encoded, pair: (u16, u16), sources: [String; 2]) -> Model {
        Model {
            pair,
            sources,
            all_pairs: self.all_pairs,
            class_pairs: CLASSES.into_iter().zip(self.class_pairs).collect(),
            comparisons: encoded
                .comparisons
                .iter()
                .enumerate()
                .map(|(i, c)| {
                    let levels = c.levels.iter().enumerate().map(|(l, level)| LevelReport {
                        level: level.label,
                        stranger: self.stranger[i][l],
                        classes: self.classes[i][l].to_vec(),
                    });
                    (c.name.clone(), levels.collect())
                })
                .collect(),
        }
    }
}

fn same_bounds(c: &Comparison) -> [f64; 2] {
    if matches!(c.comparator, Comparator::NationalId { .. }) && !c.household { SAME_NUMBER } else { [STRANGER_FLOOR, 1.0] }
}

/// Shares of the levels by what is left of their pairs once the other classes have explained theirs. Some is always left.
fn left_to_chance(mass: &[f64], explained: impl Fn(usize) -> f64, same: [f64; 2]) -> Vec<f64> {
    let bounds = |l: usize| if l == 0 { same } else { [STRANGER_FLOOR, 1.0] };
    let left = |(l, m): (usize, &f64)| {
        let [floor, most] = bounds(l);
        (m - explained(l)).min(m * most).max(m * floor).max(0.5 * floor / STRANGER_FLOOR)
    };
    let left: Vec<f64> = mass.iter().enumerate().map(left).collect();
    let total: f64 = left.iter().sum();
    left.iter().map(|m| m / total).collect()
}

/// Careless hands make the errors of careful ones, only more of them. Left free, the class would learn namesakes.
fn tie_careless(levels: &mut [[f64; CLASS_COUNT]]) {
    let errors: f64 = levels[1..].iter().map(|l| l[CAREFUL]).sum();
    let more = if errors > 0.0 { (CARELESS_ERRORS * errors).min(MOST_CARELESS.max(errors)) / errors } else { 1.0 };
    for l in &mut levels[1..] {
        l[CARELESS] = l[CAREFUL] * more;
    }
    levels[0][CARELESS] = 1.0 - errors * more;
}

/// A number written to the wrong brother or sister cannot be told from a child who changed its name by looking at one pair. What is known of
/// offices holds: such errors are never rarer than it is said where EM starts.
fn keep_number_errors(levels: &mut [[f64; CLASS_COUNT]], lean: &[[f64; CLASS_COUNT]]) {
    for k in [TWIN, SIBLING] {
        let share = levels[0][k].max(lean[0][k]);
        set_share(levels, k, 0, share);
    }
}

/// Two children of one family do not bear one name: pairs of one child whose number was mistaken must not teach that they do.
fn keep_names_apart(levels: &mut [[f64; CLASS_COUNT]], lean: &[[f64; CLASS_COUNT]]) {
    for k in [TWIN, SIBLING] {
        // the same, and what sounds the same
        for l in [0, 1] {
            let share = levels[l][k].min(lean[l][k]);
            set_share(levels, k, l, share);
        }
    }
}

/// Gives a level its share of a class; the other levels keep their proportions.
fn set_share(levels: &mut [[f64; CLASS_COUNT]], class: usize, level: usize, share: f64) {
    let rest = (1.0 - share) / (1.0 - levels[level][class]).max(1e-12);
    levels.iter_mut().for_each(|l| l[class] *= rest);
    levels[level][class] = share;
}

fn default_shares(c: &Comparison) -> Vec<[f64; CLASS_COUNT]> {
    let mut shares: Vec<[f64; CLASS_COUNT]> =
        c.levels.iter().map(|l| [l.careful, l.careless, l.twin, l.sibling, l.namesake]).collect();
    for k in 0..CLASS_COUNT {
        let total: f64 = shares.iter().map(|s| s[k]).sum();
        shares.iter_mut().for_each(|s| s[k] /= total);
    }
    shares
}
