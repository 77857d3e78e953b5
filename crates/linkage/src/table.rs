//! One source: rows are taken as they are read, and of each only what the comparison needs is kept.

use std::borrow::Cow;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, StringArray};
use rayon::prelude::*;
use thiserror::Error;

use crate::encode::{Encoder, RECORDS_AT_ONCE, WaitingTexts};
use crate::field::text;
use crate::records::{HEAD, Records};

/// 一个来源的名册 (one source) as short records of words, with its record ids.
///
/// Rows are held sorted by record id, so that nothing later can depend on the order of a file.
#[derive(Debug, Clone)]
pub struct Table {
    /// What people call the source (a file stem, a source kind).
    pub name: String,
    /// In the order of the input.
    ids: StringArray,
    /// For the row at a place in record-id order: its place in the input. Empty where both orders are the same.
    order: Vec<u32>,
    /// Records in the order of the input behind [`HEAD`] other words, until [`Encoder::finish`] takes them.
    words: Vec<u32>,
    /// Records under a former name.
    pub(crate) alias_words: Vec<u32>,
    /// For every record under a former name: the rank of the row that it stands for.
    pub(crate) aliases: Vec<u32>,
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

/// Some rows of a source, encoded. Parts are made by any threads and put together by a [`TableBuilder`].
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

    /// Takes a row: its record id (rows without one are numbered), its value for each column of the settings, an empty text where there is
    /// none, and the former name (曾用名) that goes with a name column. Blanks about these do not count.
    pub fn push<'r>(&mut self, id: Option<&str>, value: impl Fn(usize) -> Cow<'r, str>, former: impl Fn(usize) -> Cow<'r, str>) {
        if let Some(id) = id {
            self.ids.push_str(text::trim(id));
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

    /// Finishes the rows so far. Whoever makes parts on several threads does it there; what is left the [`TableBuilder`] finishes.
    pub fn finish(&mut self) {
        let waiting = std::mem::replace(&mut self.waiting, self.encoder.none_waiting());
        self.encoder.number(&mut self.words, waiting);
    }
}

/// Puts the parts of a source together as they come, in the order of the input.
pub struct TableBuilder {
    name: String,
    rows: usize,
    ids: StringBuilder,
    words: Vec<u32>,
    alias_words: Vec<u32>,
    /// Of records under a former name: the row of the input.
    alias_rows: Vec<u32>,
}

impl TableBuilder {
    /// A source without rows.
    pub fn new(name: impl Into<String>) -> Self {
        let (ids, words) = (StringBuilder::new(), vec![0; HEAD]);
        Self { name: name.into(), rows: 0, ids, words, alias_words: Vec::new(), alias_rows: Vec::new() }
    }

    /// Takes the next rows.
    pub fn push(&mut self, mut part: Part) {
        part.finish();
        let starts = std::iter::once(&0).chain(&part.ends);
        starts.zip(&part.ends).for_each(|(start, end)| self.ids.append_value(&part.ids[*start..*end]));
        let stride = part.encoder.stride();
        for (row, column, former) in &part.former {
            self.alias_rows.push(self.rows as u32 + row);
            let at = self.alias_words.len();
            self.alias_words.extend_from_slice(&part.words[*row as usize * stride..][..stride]);
            part.encoder.encode_name(&mut self.alias_words[at..], *column, former);
        }
        self.words.extend_from_slice(&part.words);
        self.rows += part.rows;
    }

    /// The source, if its record ids are unique.
    pub fn finish(mut self) -> Result<Table, TableError> {
        let rows = self.rows;
        if u32::try_from(rows).is_err() {
            return Err(TableError::TooManyRows(self.name));
        }
        let ids = self.ids.finish();
        // padded so that they sort as numbers
        let ids = if ids.is_empty() { StringArray::from_iter_values((1..=rows).map(|i| format!("{i:09}"))) } else { ids };
        let order = if (1..rows).all(|i| ids.value(i - 1) < ids.value(i)) {
            Vec::new()
        } else {
            let mut order: Vec<(u64, u32)> =
                (0..rows as u32).into_par_iter().map(|i| (prefix(ids.value(i as usize)), i)).collect();
            order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids.value(a.1 as usize).cmp(ids.value(b.1 as usize))));
            let order: Vec<u32> = order.into_iter().map(|(_, i)| i).collect();
            if let Some(w) = order.windows(2).find(|w| ids.value(w[0] as usize) == ids.value(w[1] as usize)) {
                return Err(TableError::RepeatedId { source_name: self.name, id: ids.value(w[0] as usize).to_owned() });
            }
            order
        };
        let mut aliases = self.alias_rows;
        if !aliases.is_empty() && !order.is_empty() {
            let mut rank = vec![0u32; rows];
            order.iter().zip(0..).for_each(|(row, r)| rank[*row as usize] = r);
            aliases.iter_mut().for_each(|row| *row = rank[*row as usize]);
        }
        Ok(Table { name: self.name, ids, order, words: self.words, alias_words: self.alias_words, aliases })
    }
}

impl Table {
    /// Puts parts together that are all there.
    pub fn new<'e>(name: impl Into<String>, parts: impl IntoIterator<Item = Part<'e>>) -> Result<Self, TableError> {
        let mut table = TableBuilder::new(name);
        parts.into_iter().for_each(|p| table.push(p));
        table.finish()
    }

    /// Gives up the records to those of the sources before it, in order of the record ids. `room`: words of all sources.
    pub(crate) fn hand_over(&mut self, before: Option<Records>, room: usize, stride: usize) -> Records {
        let words = std::mem::take(&mut self.words);
        let mut all = match before {
            // what they lie in becomes what all lie in
            None if self.order.is_empty() => Records::of(words, HEAD, room, stride),
            before => {
                let mut all = before.unwrap_or_else(|| Records::with_room(room, stride));
                if self.order.is_empty() {
                    all.append(&words[HEAD..]);
                } else {
                    let to = all.append_zeros(words.len() - HEAD).par_chunks_mut(stride * RECORDS_AT_ONCE);
                    to.zip(self.order.par_chunks(RECORDS_AT_ONCE)).for_each(|(to, rows)| {
                        let from = |row: &u32| &words[HEAD + *row as usize * stride..][..stride];
                        to.chunks_mut(stride).zip(rows).for_each(|(record, row)| record.copy_from_slice(from(row)));
                    });
                }
                all
            }
        };
        all.append(&std::mem::take(&mut self.alias_words));
        all
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the source has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record id of the row at `rank` in record-id order.
    pub fn id(&self, rank: usize) -> &str {
        self.ids.value(self.input_row(rank))
    }

    /// All record ids, one behind the other.
    pub fn ids_as_bytes(&self) -> &[u8] {
        self.ids.value_data()
    }

    /// Has ids that are needed soon brought from memory, all at a time instead of one after the other.
    pub fn fetch(&self, ranks: impl Iterator<Item = usize>) {
        let touched = ranks.fold(0, |sum, rank| sum ^ self.id(rank).as_bytes().first().unwrap_or(&0));
        std::hint::black_box(touched);
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
        self.order.get(rank).map_or(rank, |row| *row as usize)
    }
}

/// The first eight bytes, so that most comparisons of the sort need no look at the text.
fn prefix(s: &str) -> u64 {
    let mut b = [0u8; 8];
    let n = s.len().min(8);
    b[..n].copy_from_slice(&s.as_bytes()[..n]);
    u64::from_be_bytes(b)
}
