//! Who compares the pairs: this process, or others that are sent keyed records.
//!
//! ```text
//! here                                     elsewhere
//! Task ── context, orders, records ──▶ Worker::explode ── (block key, entry) by key ──▶ Worker::compare
//!   ◀─────────────────────── Proposed, put together by Proposed::with ───────────────────────┘
//! ```
//!
//! Only blocking and comparison, which cost most and need no more than two records at a time, go elsewhere. What is counted over all rows,
//! learned, assigned and clustered stays here, so that the result is the same.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::block::{Blocker, Draw, KeySieve, Keyed, Proposed, SourceSet, Wanted};
use crate::encode::{Comparison, Dictionary, Encoded, Encoder, Field};
use crate::records::Records;
use crate::settings::{Settings, SettingsError};

/// Compares the pairs of a stage.
pub trait Engine: Sync {
    /// All of them, or why not, as a sentence for people.
    fn compare(&self, task: Task) -> Result<Proposed, String>;
}

/// All cores of this process.
#[derive(Debug, Clone, Copy)]
pub struct InProcess;

impl Engine for InProcess {
    fn compare(&self, task: Task) -> Result<Proposed, String> {
        Ok(task.here())
    }
}

/// The pairs of a stage, to be compared.
pub struct Task<'t, 'e> {
    blocker: &'t mut Blocker<'e>,
    rules: Range<usize>,
    wanted: Wanted<'t>,
}

/// What a worker must know of a run.
#[derive(Serialize, Deserialize)]
pub struct Context {
    settings: String,
    /// Record number at which each source begins, and the end.
    starts: Vec<u32>,
    within: bool,
    stride: usize,
    dictionaries: Vec<Dictionary>,
}

/// What a worker must know of a stage.
#[derive(Serialize, Deserialize)]
pub struct Orders {
    rules: Range<usize>,
    wanted: Kind,
    /// By rule: keys of blocks that are split.
    oversized: Vec<Vec<u64>>,
    /// By rule of the stage: which keys are worth an entry, where not all are.
    sieves: Option<Vec<KeySieve>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    All,
    Either(Draw),
    Open,
    Apart,
}

impl<'t, 'e> Task<'t, 'e> {
    pub(crate) fn new(blocker: &'t mut Blocker<'e>, rules: Range<usize>, wanted: Wanted<'t>) -> Self {
        Self { blocker, rules, wanted }
    }

    /// Compares in this process.
    pub fn here(self) -> Proposed {
        self.blocker.compare(self.rules, self.wanted)
    }

    /// What workers must know of the run: the same for all its stages.
    pub fn context(&self) -> Context {
        let e = self.blocker.encoded;
        Context {
            settings: self.blocker.settings.to_toml(),
            starts: e.starts.clone(),
            within: self.blocker.within,
            stride: e.stride,
            dictionaries: e.fields.iter().map(Dictionary::of).collect(),
        }
    }

    /// What workers must know of the stage.
    pub fn orders(&mut self) -> Orders {
        self.blocker.find_oversized(self.rules.clone(), self.wanted);
        let wanted = match self.wanted {
            Wanted::All => Kind::All,
            Wanted::Either(_, draw) => Kind::Either(draw),
            Wanted::Open(_) => Kind::Open,
            Wanted::Apart(_) => Kind::Apart,
        };
        let sorted = |keys: &rustc_hash::FxHashSet<u64>| {
            let mut keys: Vec<u64> = keys.iter().copied().collect();
            keys.sort_unstable();
            keys
        };
        let oversized = self.blocker.oversized.iter().map(sorted).collect();
        let sieves = self.blocker.sieves(self.rules.clone(), self.wanted);
        Orders { rules: self.rules.clone(), wanted, oversized, sieves }
    }

    /// How many rules the stage has: at most so many entries come of a record.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Words of a record.
    pub fn stride(&self) -> usize {
        self.blocker.encoded.stride
    }

    /// Numbers of the records that take part, in order.
    pub fn records(&self) -> Vec<u32> {
        self.blocker.participants(self.wanted)
    }

    /// The words of a record, and the set of sources that goes with it in this stage.
    pub fn record(&self, number: u32) -> (&[u32], u64) {
        let set = match self.wanted {
            Wanted::All => 0,
            Wanted::Either(sets, _) | Wanted::Open(sets) | Wanted::Apart(sets) => sets[number as usize],
        };
        (self.blocker.encoded.record(number), set)
    }
}

/// 工作者 (worker): makes block keys of records, and compares the records of some keys.
pub struct Worker {
    settings: Settings,
    context: Context,
    fields: Arc<[Field]>,
    comparisons: Arc<[Comparison]>,
}

/// Bytes of an entry before the record's words: rule, key, record, set.
const ENTRY_HEAD: usize = 1 + 8 + 4 + 8;

impl Worker {
    /// For a run.
    pub fn new(mut context: Context) -> Result<Self, SettingsError> {
        let settings = Settings::parse(&context.settings)?;
        let (fields, comparisons) = Encoder::fields_of(&settings, std::mem::take(&mut context.dictionaries));
        Ok(Self { settings, context, fields, comparisons })
    }

    fn encoded(&self, words: Vec<u32>, starts: Vec<u32>) -> Encoded {
        Encoded {
            records: Records::of(words, 0, 0, self.context.stride),
            stride: self.context.stride,
            starts,
            aliases: FxHashMap::default(),
            fields: self.fields.clone(),
            comparisons: self.comparisons.clone(),
        }
    }

    /// Explodes records (number, set of sources, words as little-endian bytes) to entries, one for each rule for which a record has a key.
    /// `each` is told the record's place among the records, a digest of rule and key, and the entry.
    pub fn explode<'r>(
        &self,
        orders: &Orders,
        records: impl Iterator<Item = (u32, u64, &'r [u8])>,
        mut each: impl FnMut(usize, u64, &[u8]),
    ) {
        let none = self.encoded(Vec::new(), vec![0; self.context.starts.len()]);
        let blocker = Blocker::new(&none, &self.settings, self.context.within);
        let (mut words, mut entry) = (Vec::new(), Vec::new());
        for (place, (number, set, bytes)) in records.enumerate() {
            words.clear();
            words.extend(bytes.chunks_exact(4).map(word));
            for rule in orders.rules.clone() {
                let key = blocker.key_of(rule, &words);
                if key == 0 || orders.sieves.as_ref().is_some_and(|s| !s[rule - orders.rules.start].passes(key)) {
                    continue;
                }
                entry.clear();
                entry.push(rule as u8);
                entry.extend_from_slice(&key.to_le_bytes());
                entry.extend_from_slice(&number.to_le_bytes());
                entry.extend_from_slice(&set.to_le_bytes());
                entry.extend_from_slice(bytes);
                each(place, (key ^ rule as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), &entry);
            }
        }
    }

    /// Compares the pairs of entries: all that there are of their keys. `None` if these are not entries.
    pub fn compare(&self, orders: &Orders, entries: &[u8]) -> Option<Proposed> {
        let size = ENTRY_HEAD + 4 * self.context.stride;
        if entries.len() % size != 0 {
            return None;
        }
        let all = || entries.chunks_exact(size);
        let number = |e: &[u8]| word(&e[9..13]);
        let mut numbers: Vec<u32> = all().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // the records under small numbers, in the same order
        let small = |n: u32| numbers.partition_point(|m| *m < n);
        let mut words = vec![0u32; numbers.len() * self.context.stride];
        let mut sets: Vec<SourceSet> = vec![0; numbers.len()];
        let mut keyed: Vec<Vec<(u64, usize)>> = vec![Vec::new(); orders.rules.end];
        for e in all() {
            let at = small(number(e));
            sets[at] = wide(&e[13..21]);
            let to = &mut words[at * self.context.stride..][..self.context.stride];
            to.iter_mut().zip(e[ENTRY_HEAD..].chunks_exact(4)).for_each(|(w, b)| *w = word(b));
            keyed.get_mut(usize::from(e[0]))?.push((wide(&e[1..9]), at));
        }
        let starts = self.context.starts.iter().map(|s| small(*s) as u32).collect();
        let encoded = self.encoded(words, starts);
        let mut blocker = Blocker::new(&encoded, &self.settings, self.context.within);
        blocker.oversized = orders.oversized.iter().map(|keys| keys.iter().copied().collect()).collect();
        let wanted = match orders.wanted {
            Kind::All => Wanted::All,
            Kind::Either(draw) => Wanted::Either(&sets, draw),
            Kind::Open => Wanted::Open(&sets),
            Kind::Apart => Wanted::Apart(&sets),
        };
        let mut out = blocker.nothing();
        for (rule, of_rule) in keyed.into_iter().enumerate() {
            let mut keyed: Vec<Keyed> = of_rule.into_iter().map(|(key, at)| (key, blocker.candidate(at as u32))).collect();
            keyed.sort_unstable();
            blocker.compare_keyed(rule, &keyed, wanted, &mut out, &mut Vec::new());
        }
        for p in &mut out.pairs {
            *p = p.of(numbers[p.left as usize], numbers[p.right as usize]);
        }
        Some(out)
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn wide(bytes: &[u8]) -> u64 {
    u64::from(word(bytes)) | u64::from(word(&bytes[4..])) << 32
}
