//! Weigh the evidence: how often each level is met among strangers (counted, not sampled), and among pairs of one
//! child, of twins and of other children of one household (learned by EM).
//!
//! The mixture is written in absolute numbers of pairs. Strangers: all pairs of the two sources times the product of
//! the levels' shares. The other four classes: their size and their own shares. Siblings and twins have classes of
//! their own because they agree in everything a family shares; without them a sister at school hides a child who is not.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::block::{Histogram, Pair, source_pair};
use crate::compare::level_at;
use crate::encode::{Comparator, Comparison, Encoded, residence_of, wide};
use crate::field::{Kind, date, national_id, text};

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
/// Share of a level's pairs that are taken for strangers' even where one child's pairs would explain them all: a
/// number or a name may always have been copied to a stranger.
const STRANGER_FLOOR: f64 = 0.02;
/// More distinct pairs of values than this are thinned evenly when a level has to be counted pair by pair.
const MAX_VALUE_PAIRS: usize = 60_000_000;
/// Share of children whom a source has twice (双重学籍), before the evidence of the two rows.
const DUPLICATE_SHARE: f64 = 0.01;
/// Mobile numbers that can be given out: 41 heads of three digits, 10^8 each.
const PHONE_NUMBERS: f64 = 4.1e9;

/// What was learned about one pair of sources.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
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
}

/// Weights of all pairs of sources that the histogram knows.
pub(crate) fn train(encoded: &Encoded, histogram: &Histogram) -> FxHashMap<u16, Weights> {
    let n = encoded.sources();
    let mut keys: Vec<(u16, usize, usize)> = (0..n).flat_map(|a| (a..n).map(move |b| (source_pair(a, b, n), a, b))).collect();
    keys.retain(|(k, _, _)| histogram.keys().any(|(p, _)| p == k));
    // sorted, so that sums of floats do not depend on a hash
    let patterns = |wanted: Option<u16>| {
        let mut sums: FxHashMap<u64, u64> = FxHashMap::default();
        for ((pair, pattern), count) in histogram {
            if wanted.is_none_or(|w| w == *pair) {
                *sums.entry(*pattern).or_default() += count;
            }
        }
        let mut v: Vec<(u64, f64)> = sums.into_iter().map(|(p, c)| (p, c as f64)).collect();
        v.sort_unstable_by_key(|e| e.0);
        v
    };
    let starts: Vec<(u16, Weights)> = keys.par_iter().map(|&(k, a, b)| (k, Weights::start(encoded, a, b))).collect();
    // sources with few rows in common lean on what all sources together teach
    let pooled = (starts.len() > 1).then(|| {
        let mut sum = Weights::sum(starts.iter().map(|(_, w)| w));
        sum.learn(&patterns(None), None);
        sum
    });
    starts
        .into_par_iter()
        .map(|(k, mut w)| {
            w.learn(&patterns(Some(k)), pooled.as_ref());
            (k, w)
        })
        .collect()
}

impl Weights {
    fn start(encoded: &Encoded, a: usize, b: usize) -> Self {
        let (ra, rb) = (encoded.range(a), encoded.range(b));
        let (na, nb) = (ra.len() as f64, rb.len() as f64);
        let all_pairs = if a == b { na * (na - 1.0) / 2.0 } else { na * nb };
        let mass: Vec<Vec<f64>> = encoded
            .comparisons
            .par_iter()
            .map(|c| {
                let mut m = level_mass(encoded, c, a, b);
                if a == b {
                    // every row meets itself, and every pair is met twice
                    let itself = c_present(encoded, c, ra.clone());
                    m[0] = (m[0] - itself).max(0.0);
                    m.iter_mut().for_each(|x| *x /= 2.0);
                }
                m
            })
            .collect();
        let classes = encoded.comparisons.iter().map(default_shares).collect();
        let mut w = Self { all_pairs, room: na.min(nb), class_pairs: [0.0; CLASS_COUNT], classes, stranger: Vec::new(), mass };
        let household = encoded.comparisons.iter().any(|c| c.household);
        let siblings = if household { 0.5 } else { 1e-9 };
        w.class_pairs = [0.9 * w.room, 0.05 * w.room, 0.01 * w.room * siblings, w.room * siblings, 0.1 * w.room];
        if a == b {
            w.room = 0.1 * na;
            w.class_pairs = [0.01 * na, 0.002 * na, 0.01 * na * siblings, na * siblings, 0.1 * na];
        }
        w.stranger = w.strangers();
        w
    }

    fn sum<'w>(all: impl Iterator<Item = &'w Weights>) -> Weights {
        let mut all = all.cloned();
        let mut sum = all.next().unwrap_or_else(|| Weights {
            all_pairs: 0.0,
            room: 0.0,
            class_pairs: [0.0; CLASS_COUNT],
            classes: Vec::new(),
            stranger: Vec::new(),
            mass: Vec::new(),
        });
        for w in all {
            sum.all_pairs += w.all_pairs;
            sum.room += w.room;
            for k in 0..CLASS_COUNT {
                sum.class_pairs[k] += w.class_pairs[k];
            }
            for (x, y) in sum.mass.iter_mut().flatten().zip(w.mass.iter().flatten()) {
                *x += y;
            }
        }
        sum.stranger = sum.strangers();
        sum
    }

    /// Shares of the levels among strangers: what all pairs show, less what the other classes explain.
    fn strangers(&self) -> Vec<Vec<f64>> {
        self.mass
            .iter()
            .zip(&self.classes)
            .map(|(mass, classes)| {
                let total: f64 = mass.iter().sum();
                let seen = if self.all_pairs > 0.0 { total / self.all_pairs } else { 0.0 };
                let left: Vec<f64> = mass
                    .iter()
                    .zip(classes)
                    .map(|(m, c)| {
                        let explained: f64 = (0..CLASS_COUNT).map(|k| self.class_pairs[k] * c[k]).sum::<f64>() * seen;
                        (m - explained).max(m * STRANGER_FLOOR).max(0.5)
                    })
                    .collect();
                let total: f64 = left.iter().sum();
                left.iter().map(|m| m / total).collect()
            })
            .collect()
    }

    /// Expected numbers of pairs of a pattern: the four classes, and strangers. Levels that are missing say nothing.
    fn expected(&self, pattern: u64) -> [f64; CLASS_COUNT + 1] {
        let mut out = [self.all_pairs; CLASS_COUNT + 1];
        out[..CLASS_COUNT].copy_from_slice(&self.class_pairs);
        for (i, (c, u)) in self.classes.iter().zip(&self.stranger).enumerate() {
            let l = usize::from(level_at(pattern, i));
            if l > 0 {
                for k in 0..CLASS_COUNT {
                    out[k] *= c[l - 1][k];
                }
                out[CLASS_COUNT] *= u[l - 1];
            }
        }
        out
    }

    /// EM over the counted patterns. `pooled` gives where to start and what to lean on.
    fn learn(&mut self, patterns: &[(u64, f64)], pooled: Option<&Weights>) {
        let lean: Vec<Vec<[f64; CLASS_COUNT]>> = pooled.map_or_else(|| self.classes.clone(), |p| p.classes.clone());
        if let Some(p) = pooled {
            self.classes.clone_from(&p.classes);
            let share = if p.room > 0.0 { self.room / p.room } else { 0.0 };
            self.class_pairs = p.class_pairs.map(|n| n * share);
        }
        self.stranger = self.strangers();
        for _ in 0..MAX_ROUNDS {
            let before = self.class_pairs;
            let mut size = [0.0; CLASS_COUNT];
            let mut sums: Vec<Vec<[f64; CLASS_COUNT]>> = lean.iter().map(|c| vec![[0.0; CLASS_COUNT]; c.len()]).collect();
            for &(pattern, count) in patterns {
                let e = self.expected(pattern);
                let total: f64 = e.iter().sum();
                if total <= 0.0 {
                    continue;
                }
                let r: [f64; CLASS_COUNT] = std::array::from_fn(|k| count * e[k] / total);
                for (i, s) in sums.iter_mut().enumerate() {
                    let l = usize::from(level_at(pattern, i));
                    if l > 0 {
                        for k in 0..CLASS_COUNT {
                            s[l - 1][k] += r[k];
                        }
                    }
                }
                for k in 0..CLASS_COUNT {
                    size[k] += r[k];
                }
            }
            self.update(size, &sums, &lean);
            let moved = (0..CLASS_COUNT).map(|k| (self.class_pairs[k] - before[k]).abs()).fold(0.0, f64::max);
            if moved <= CONVERGED * self.room.max(1.0) {
                break;
            }
        }
    }

    fn update(&mut self, size: [f64; CLASS_COUNT], sums: &[Vec<[f64; CLASS_COUNT]>], lean: &[Vec<[f64; CLASS_COUNT]>]) {
        // one child has at most one partner in the other source, duplicates apart
        let same: f64 = size[..SAME_CLASSES].iter().sum();
        let shrink = if same > self.room * 1.03 { self.room * 1.03 / same } else { 1.0 };
        for k in 0..CLASS_COUNT {
            self.class_pairs[k] = size[k].max(1e-6) * if k < SAME_CLASSES { shrink } else { 1.0 };
        }
        for (i, levels) in self.classes.iter_mut().enumerate() {
            for k in (0..CLASS_COUNT).filter(|k| *k != CARELESS) {
                let total: f64 = sums[i].iter().map(|s| s[k]).sum::<f64>() + PRIOR_PAIRS;
                for (l, share) in levels.iter_mut().enumerate() {
                    share[k] = (sums[i][l][k] + PRIOR_PAIRS * lean[i][l][k]) / total;
                }
            }
        }
        self.classes.iter_mut().for_each(|levels| tie_careless(levels));
        self.stranger = self.strangers();
    }

    /// log2 odds of one child against everything else; `rarity` multiplies how many strangers are expected.
    fn weight(&self, pattern: u64, rarity: f64) -> f64 {
        let e = self.expected(pattern);
        let same: f64 = e[..SAME_CLASSES].iter().sum();
        let known: f64 = e[SAME_CLASSES..CLASS_COUNT].iter().sum();
        (same.max(1e-300) / (known + e[CLASS_COUNT] * rarity).max(1e-300)).log2()
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
        w
    }

    /// For the report.
    pub fn report(&self, encoded: &Encoded, sources: [String; 2]) -> Model {
        Model {
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

/// Careless hands make the errors of careful ones, only more of them. Left free, the class would learn namesakes.
fn tie_careless(levels: &mut [[f64; CLASS_COUNT]]) {
    let errors: f64 = levels[1..].iter().map(|l| l[CAREFUL]).sum();
    let more = if errors > 0.0 { (CARELESS_ERRORS * errors).min(MOST_CARELESS.max(errors)) / errors } else { 1.0 };
    for l in &mut levels[1..] {
        l[CARELESS] = l[CAREFUL] * more;
    }
    levels[0][CARELESS] = 1.0 - errors * more;
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

/// Scores pairs with the weights of their sources, rare names counting for more than common ones.
pub(crate) struct Scorer<'a> {
    encoded: &'a Encoded,
    weights: &'a FxHashMap<u16, Weights>,
}

impl<'a> Scorer<'a> {
    pub fn new(encoded: &'a Encoded, weights: &'a FxHashMap<u16, Weights>) -> Self {
        Self { encoded, weights }
    }

    /// log2 odds that a pair is one child; impossible for sources whose rows never met.
    pub fn score(&self, pair: Pair) -> f64 {
        let e = self.encoded;
        let key = source_pair(e.source_of(pair.left), e.source_of(pair.right), e.sources());
        self.weights.get(&key).map_or(f64::MIN, |w| self.weight_with(w, pair))
    }

    /// log2 of how much likelier two rows are one child's than strangers' by what they show, whatever the odds were before.
    pub fn evidence(&self, pair: Pair) -> f64 {
        let e = self.encoded;
        let key = source_pair(e.source_of(pair.left), e.source_of(pair.right), e.sources());
        self.weights.get(&key).map_or(0.0, |w| self.weight_with(w, pair) - (w.same_pairs() / w.all_pairs.max(1.0)).log2())
    }

    /// log2 odds of a pair by given weights.
    pub fn weight_with(&self, w: &Weights, pair: Pair) -> f64 {
        w.weight(pair.pattern(), self.rarity(w, pair))
    }

    /// How much rarer (below 1) or commoner the values on which a pair agrees are than values are on average.
    fn rarity(&self, w: &Weights, pair: Pair) -> f64 {
        let e = self.encoded;
        let (a, b) = (e.record(pair.left), e.record(pair.right));
        let mut out = 1.0;
        for (i, c) in e.comparisons.iter().enumerate() {
            let level = level_at(pair.pattern(), i);
            let (frequency, field) = match (c.comparator, level) {
                (Comparator::Name { field, at }, 1) => (e.fields[field].frequency[a[at] as usize], field),
                (Comparator::Name { field, at }, 2) => {
                    let f = &e.fields[field].frequency;
                    (f[a[at] as usize].max(f[b[at] as usize]), field)
                }
                (Comparator::Same { at }, 1) => match e.fields.iter().position(|f| f.at == at && f.kind == Kind::Exact) {
                    Some(field) => (e.fields[field].frequency[a[at] as usize], field),
                    None => continue,
                },
                (Comparator::Phone { at }, 1) => {
                    let Some(n) = e.phone_frequency.get(&wide(a, at)) else { continue };
                    out *= (f64::from(*n) / e.len() as f64 / w.stranger[i][0]).max(1.0);
                    continue;
                }
                _ => continue,
            };
            let present = (e.len() - e.fields[field].frequency[0] as usize).max(1) as f64;
            // the two rows themselves do not make a name common
            let share = (f64::from(frequency) - 1.5).max(0.5) / present;
            out *= (share / w.stranger[i][usize::from(level) - 1]).clamp(1e-4, 1e4);
        }
        out
    }
}

/// Rows of a source that have a value for a comparison.
fn c_present(encoded: &Encoded, c: &Comparison, range: std::ops::Range<u32>) -> f64 {
    range.filter(|i| c.comparator.level(&encoded.fields, encoded.record(*i), encoded.record(*i)) != 0).count() as f64
}

/// How many of all pairs of two sources show each level (index level − 1). Counted exactly over distinct values and
/// keys; the few estimates are said beside them.
fn level_mass(encoded: &Encoded, c: &Comparison, a: usize, b: usize) -> Vec<f64> {
    let rows = |s: usize| encoded.range(s).map(|i| encoded.record(i));
    let out = match c.comparator {
        Comparator::NationalId { at } => national_id_mass(rows(a), rows(b), at),
        Comparator::Phone { at } => {
            let (l, r) = (counts(rows(a).map(|x| wide(x, at))), counts(rows(b).map(|x| wide(x, at))));
            let total = total(&l) * total(&r);
            let same = joined(&l, &r);
            // nine other digits in eleven places: numbers are spread evenly, so a neighbour is as likely as any number
            let near = total * 99.0 / PHONE_NUMBERS;
            vec![same, near, total - same - near]
        }
        Comparator::Name { field, at } => {
            let names = &encoded.fields[field].names;
            let counted = |s: usize| {
                let mut out = vec![0u32; names.len()];
                rows(s).for_each(|r| out[r[at] as usize] += 1);
                out[0] = 0;
                out
            };
            let (l, r) = (counted(a), counted(b));
            // names by what they share: their sound, shape or surname
            let grouped = |counts: &[u32], kinds: usize, of: &dyn Fn(usize) -> u32| {
                let mut out = vec![0u32; kinds];
                counts.iter().enumerate().for_each(|(i, n)| out[of(i) as usize] += n);
                out
            };
            let by = |kinds: usize, of: &dyn Fn(usize) -> u32| dot(&grouped(&l, kinds, of), &grouped(&r, kinds, of));
            let all = f64::from(l.iter().sum::<u32>()) * f64::from(r.iter().sum::<u32>());
            let same = dot(&l, &r);
            let homophone = by(names.pinyin_kinds, &|i| names.pinyin[i]) - same;
            let look_alike = (by(names.shape_kinds, &|i| names.shape(i as u32)) - same).max(0.0);
            let one = names.one_character_mass(&l, &r);
            let cut = names.cut_short_mass(&l, &r);
            // two of a name's characters swapped is as rare as an accident can make it: a homophone's chance is an upper bound
            let reordered = homophone * 0.1;
            let surname = (by(names.first_kinds, &|i| names.first[i]) - same - homophone - 0.8 * one - cut).max(0.0);
            vec![
                same,
                homophone,
                look_alike,
                one,
                cut,
                reordered,
                surname,
                (all - same - homophone - look_alike - one - cut - reordered - surname).max(0.0),
            ]
        }
        Comparator::Residence { code, address } => {
            let of = |s: usize, key: &dyn Fn(crate::field::residence::Residence) -> u64| {
                counts(rows(s).map(|r| key(residence_of(r, code, address))))
            };
            let by = |key: &dyn Fn(crate::field::residence::Residence) -> u64| joined(&of(a, key), &of(b, key));
            let number = |s: usize, key: &dyn Fn(crate::field::residence::Residence) -> u64| {
                rows(s).filter(|r| key(residence_of(r, code, address)) != 0).count() as f64
            };
            type Key = fn(crate::field::residence::Residence) -> u64;
            let keys: [Key; 7] = [
                |r| u64::from(r.door),
                |r| if r.code % 1000 != 0 { r.code } else { 0 },
                |r| if r.village != 0 && r.code / 1000 % 1000 != 0 { u64::from(r.village) << 32 | r.code / 1000 } else { 0 },
                |r| if r.village != 0 && r.code % 1000 != 0 { u64::from(r.village) << 40 | r.code } else { 0 },
                |r| if r.code == 0 { u64::from(r.village) } else { 0 },
                |r| if r.code / 1000 % 1000 != 0 { r.code / 1000 } else { 0 },
                |r| r.code / 1_000_000,
            ];
            let mass: Vec<f64> = keys.par_iter().map(|k| by(k)).collect();
            let [door, village_code, village_name, both, only_name, town, county] = mass[..] else {
                unreachable!("one mass a key")
            };
            let codes = number(a, &|r| r.code) * number(b, &|r| r.code);
            let names = number(a, &|r| if r.code == 0 { u64::from(r.village) } else { 0 }) * number(b, &|r| u64::from(r.village))
                + number(a, &|r| if r.code != 0 { u64::from(r.village) } else { 0 })
                    * number(b, &|r| if r.code == 0 { u64::from(r.village) } else { 0 });
            let village = (village_code + village_name - both + only_name - door).max(0.0);
            let town = (town - village - door).max(0.0);
            let county = (county - town - village - door).max(0.0);
            vec![door, village, town, county, (codes + names - door - village - town - county).max(0.0)]
        }
        Comparator::Date { at } => by_values(rows(a).map(|r| r[at]), rows(b).map(|r| r[at]), c.levels.len(), date::compare),
        Comparator::Same { at } => {
            let (l, r) = (counts(rows(a).map(|x| u64::from(x[at]))), counts(rows(b).map(|x| u64::from(x[at]))));
            let same = joined(&l, &r);
            vec![same, total(&l) * total(&r) - same]
        }
        Comparator::Text { field, at } => {
            let texts = &encoded.fields[field].texts;
            let compare =
                |x: u32, y: u32| if x == y { 1 } else { text::compare_different(&texts[x as usize], &texts[y as usize]) };
            by_values(rows(a).map(|r| r[at]), rows(b).map(|r| r[at]), c.levels.len(), compare)
        }
    };
    debug_assert_eq!(out.len(), c.levels.len());
    out
}

fn national_id_mass<'r>(a: impl Iterator<Item = &'r [u32]>, b: impl Iterator<Item = &'r [u32]>, at: usize) -> Vec<f64> {
    let (l, r) = (counts(a.map(|x| wide(x, at))), counts(b.map(|x| wide(x, at))));
    let (nl, nr) = (total(&l), total(&r));
    let heads = |m: &FxHashMap<u64, u32>| {
        let mut out: FxHashMap<u64, u32> = FxHashMap::default();
        m.iter().for_each(|(id, n)| *out.entry((id & !(1 << 63)) / 11_000).or_default() += n);
        out
    };
    let unsound = |m: &FxHashMap<u64, u32>| {
        m.iter().filter(|(id, _)| !national_id::is_sound(**id)).map(|(_, n)| f64::from(*n)).sum::<f64>()
    };
    let same = joined(&l, &r);
    let one = (national_id::one_error_mass(&l, &r)).min(nl * nr);
    // a second error has 18 places to fall on, nine digits each, but must again meet a number in use
    let two = one * 18.0;
    let head = (joined(&heads(&l), &heads(&r)) - same).max(0.0);
    let any_unsound = nl * nr - (nl - unsound(&l)) * (nr - unsound(&r));
    let rest = (nl * nr - same - one - two - head).max(0.0);
    let unsound_share = if nl * nr > 0.0 { any_unsound / (nl * nr) } else { 0.0 };
    vec![same, one, two, head, rest * unsound_share, rest * (1.0 - unsound_share)]
}

/// Distinct values with how often they stand; 0 is no value.
fn counts(values: impl Iterator<Item = u64>) -> FxHashMap<u64, u32> {
    let mut out: FxHashMap<u64, u32> = FxHashMap::default();
    values.filter(|v| *v != 0).for_each(|v| *out.entry(v).or_default() += 1);
    out
}

fn total(m: &FxHashMap<u64, u32>) -> f64 {
    m.values().map(|n| f64::from(*n)).sum()
}

fn joined(l: &FxHashMap<u64, u32>, r: &FxHashMap<u64, u32>) -> f64 {
    // whole numbers below 2^53: the order of the sum does not matter
    l.iter().filter_map(|(k, n)| r.get(k).map(|m| f64::from(*n) * f64::from(*m))).sum()
}

fn dot(l: &[u32], r: &[u32]) -> f64 {
    l.iter().zip(r).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Levels counted over all pairs of distinct values; evenly thinned when there are too many of them.
fn by_values(
    a: impl Iterator<Item = u32>,
    b: impl Iterator<Item = u32>,
    levels: usize,
    compare: impl Fn(u32, u32) -> u8 + Sync,
) -> Vec<f64> {
    let distinct = |values: &mut dyn Iterator<Item = u32>| {
        let mut v: Vec<(u64, u32)> = counts(values.map(u64::from)).into_iter().collect();
        v.sort_unstable();
        v
    };
    let (l, r) = (distinct(&mut { a }), distinct(&mut { b }));
    let step = (l.len() * r.len()).div_ceil(MAX_VALUE_PAIRS).max(1);
    let counted: Vec<Vec<f64>> = l
        .par_chunks(64)
        .enumerate()
        .map(|(chunk, values)| {
            let mut out = vec![0.0; levels];
            for (i, (x, n)) in values.iter().enumerate() {
                for (y, m) in r.iter().skip((chunk * 64 + i) % step).step_by(step) {
                    out[usize::from(compare(*x as u32, *y as u32)) - 1] += f64::from(*n) * f64::from(*m) * step as f64;
                }
            }
            out
        })
        .collect();
    counted.iter().fold(vec![0.0; levels], |mut sum, c| {
        sum.iter_mut().zip(c).for_each(|(s, x)| *s += x);
        sum
    })
}
