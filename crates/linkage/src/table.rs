//! One source: rows are taken as they are read, and of each only what the comparison needs is kept.

use std::borrow::Cow;

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use rayon::prelude::*;
use thiserror::Error;

use crate::encode::{Encoder, WaitingTexts};
use crate::field::text;

/// 一个来源的名册 (one source) as short records of words, with its record ids.
///
/// Rows are held sorted by record id, so that nothing later can depend on the order of a file.
#[derive(Debug, Clone)]
pub struct Table {
    /// What people call the source (a file stem, a source kind).
    pub name: String,
    ids: StringArray,
    /// For the row at a place in record-id order: its place in the input.
    pub(crate) input_row: Vec<u32>,
    /// Records in the order of the input, in stretches, until [`Encoder::finish`] takes them.
    pub(crate) words: Stretches,
    /// Records under a former name.
    pub(crate) alias_words: Vec<u32>,
    /// For every record under a former name: the rank of the row that it stands for.
    pub(crate) aliases: Vec<u32>,
}

/// Records of a source as its parts had them: putting them together would be one walk through memory more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stretches {
    words: Vec<Vec<u32>>,
    /// Rows before each stretch.
    starts: Vec<u32>,
    stride: usize,
}

impl Stretches {
    fn push(&mut self, words: Vec<u32>) {
        let before = self.starts.last().map_or(0, |s| s + (self.words[self.words.len() - 1].len() / self.stride) as u32);
        self.starts.push(before);
        self.words.push(words);
    }

    /// The record of a row of the input.
    #[inline]
    pub fn record(&self, row: u32) -> &[u32] {
        let stretch = self.starts.partition_point(|s| *s <= row) - 1;
        &self.words[stretch][(row - self.starts[stretch]) as usize * self.stride..][..self.stride]
    }
}

/// Why rows do not make a source.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TableError {
    /// Two rows carry one record id.
    #[error("记录编号“{id}”出现了不止一次(来源“{source_name}”);请改用不重复的列作编号,或不指定编号列")]
    RepeatedId {
        /// The source's name.
        source_name: String,
        /// The id that stands twice.
        id: String,
    },
    /// More rows than a 32-bit index holds.
    #[error("来源“{0}”的行数超过上限")]
    TooManyRows(String),
}

/// Some rows of a source, encoded. Parts are made by any threads and put together by [`Table::new`].
pub struct Part<'e> {
    encoder: &'e Encoder,
    ids: String,
    ends: Vec<usize>,
    rows: usize,
    words: Vec<u32>,
    waiting: Vec<WaitingTexts>,
    /// Records under a former name: the row in this part, the column and the name.
    former: Vec<(u32, usize, String)>,
}

/// Rows whose texts are numbered together.
const ROWS_AT_ONCE: usize = 4096;

impl<'e> Part<'e> {
    /// An empty part, with room for so many rows.
    pub fn new(encoder: &'e Encoder, rows: usize) -> Self {
        let words = Vec::with_capacity(rows * encoder.stride());
        let (ends, waiting) = (Vec::with_capacity(rows), encoder.none_waiting());
        Self { encoder, ids: String::new(), ends, rows: 0, words, waiting, former: Vec::new() }
    }

    /// Takes a row: its record id (rows without one are numbered), its value for each column of the settings (blanks about it do not count),
    /// an empty text where there is none, and the former name (曾用名) that goes with a name column.
    pub fn push<'r>(&mut self, id: Option<&str>, value: impl Fn(usize) -> Cow<'r, str>, former: impl Fn(usize) -> Cow<'r, str>) {
        if let Some(id) = id {
            self.ids.push_str(id);
            self.ends.push(self.ids.len());
        }
        self.encoder.encode(&mut self.words, &mut self.waiting, &value);
        for column in self.encoder.columns_with_former_names() {
            let (now, before) = (value(column), former(column));
            let (now, before) = (text::trim(&now), text::trim(&before));
            if !before.is_empty() && before != now {
                // another way to find the row, never another row
                self.former.push((self.rows as u32, column, before.to_owned()));
            }
        }
        self.rows += 1;
        if self.rows % ROWS_AT_ONCE == 0 {
            self.finish();
        }
    }

    /// Finishes the rows so far. Whoever makes parts on several threads does it there; what is left [`Table::new`] finishes.
    pub fn finish(&mut self) {
        let waiting = std::mem::replace(&mut self.waiting, self.encoder.none_waiting());
        self.encoder.number(&mut self.words, waiting);
    }
}

impl Table {
    /// Puts the parts of a source together, in the order of the input, and checks that record ids are unique.
    pub fn new(name: impl Into<String>, mut parts: Vec<Part>) -> Result<Self, TableError> {
        let name = name.into();
        parts.iter_mut().for_each(Part::finish);
        let rows: usize = parts.iter().map(|p| p.rows).sum();
        if u32::try_from(rows).is_err() {
            return Err(TableError::TooManyRows(name));
        }
        let stride = parts.first().map_or(1, |p| p.encoder.stride());
        let with_ids = parts.iter().any(|p| !p.ends.is_empty());
        let ids = if with_ids {
            let mut ids = StringBuilder::with_capacity(rows, parts.iter().map(|p| p.ids.len()).sum());
            for p in &mut parts {
                let (text, ends) = (std::mem::take(&mut p.ids), std::mem::take(&mut p.ends));
                let starts = std::iter::once(&0).chain(&ends);
                starts.zip(&ends).for_each(|(start, end)| ids.append_value(&text[*start..*end]));
            }
            ids.finish()
        } else {
            // padded so that they sort as numbers
            StringArray::from_iter_values((1..=rows).map(|i| format!("{i:09}")))
        };
        let sorted = (1..rows).all(|i| ids.value(i - 1) < ids.value(i));
        let mut input_row: Vec<u32> = (0..rows as u32).collect();
        if !sorted {
            let mut order: Vec<(u64, u32)> = input_row.par_iter().map(|i| (prefix(ids.value(*i as usize)), *i)).collect();
            order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids.value(a.1 as usize).cmp(ids.value(b.1 as usize))));
            input_row = order.into_iter().map(|(_, i)| i).collect();
            if let Some(w) = input_row.windows(2).find(|w| ids.value(w[0] as usize) == ids.value(w[1] as usize)) {
                return Err(TableError::RepeatedId { source_name: name, id: ids.value(w[0] as usize).to_owned() });
            }
        }
        let mut rank = vec![0u32; if parts.iter().any(|p| !p.former.is_empty()) { rows } else { 0 }];
        if !rank.is_empty() {
            input_row.iter().zip(0..).for_each(|(row, r)| rank[*row as usize] = r);
        }
        let (mut aliases, mut first) = (Vec::new(), 0);
        let mut alias_words = Vec::new();
        let mut words = Stretches { stride, ..Stretches::default() };
        for p in parts {
            for (row, column, former) in &p.former {
                aliases.push(rank[first + *row as usize]);
                let at = alias_words.len();
                alias_words.extend_from_slice(&p.words[*row as usize * stride..][..stride]);
                p.encoder.encode_name(&mut alias_words[at..], *column, former);
            }
            first += p.rows;
            words.push(p.words);
        }
        Ok(Self { name, ids, input_row, words, alias_words, aliases })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.input_row.len()
    }

    /// Whether the source has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record id of the row at `rank` in record-id order.
    pub fn id(&self, rank: usize) -> &str {
        self.ids.value(self.input_row[rank] as usize)
    }

    /// The rank of a record id.
    pub fn rank(&self, id: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.id(middle) < id { low = middle + 1 } else { high = middle }
        }
        (low < self.len() && self.id(low) == id).then_some(low)
    }

    /// Where the row at `rank` stood in the input, from 0.
    pub fn input_row(&self, rank: usize) -> usize {
        self.input_row[rank] as usize
    }
}

/// The first eight bytes, so that most comparisons of the sort need no look at the text.
fn prefix(s: &str) -> u64 {
    let mut b = [0u8; 8];
    let n = s.len().min(8);
    b[..n].copy_from_slice(&s.as_bytes()[..n]);
    u64::from_be_bytes(b)
}
