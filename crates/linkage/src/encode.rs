//! Encode once: every record becomes a short row of words that all later stages read.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::field::{self, Kind, Level, NULL_LEVEL, date, name, national_id, phone, residence, text};
use crate::intern::{Interned, Interner, Texts};
use crate::records::Records;
use crate::settings::{ColumnSettings, Settings};
use crate::table::Table;

/// A column inside the record.
pub(crate) struct Field {
    pub column: String,
    pub kind: Kind,
    pub household: bool,
    /// First word of the field in a record.
    pub at: usize,
    /// Distinct names, of a name column.
    pub names: name::Names,
    /// Distinct texts, of a text column; number 0 is the missing one.
    pub texts: Vec<String>,
}

impl Field {
    fn new(s: &ColumnSettings, at: usize) -> Self {
        let (column, names) = (s.name.clone(), name::Names::default());
        Self { column, kind: s.kind, household: s.household, at, names, texts: Vec::new() }
    }
}

/// The texts of a field that are known by their numbers.
#[derive(Serialize, Deserialize)]
pub(crate) enum Dictionary {
    None,
    Names(Texts),
    Texts(Vec<String>),
}

impl Dictionary {
    pub fn of(f: &Field) -> Self {
        match f.kind {
            Kind::PersonName => Self::Names(f.names.texts.clone()),
            Kind::Text => Self::Texts(f.texts.clone()),
            _ => Self::None,
        }
    }
}

/// How two records are compared on one or two fields.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparator {
    NationalId { at: usize },
    Name { field: usize, at: usize },
    Date { at: usize },
    Phone { at: usize },
    Residence { code: Option<usize>, address: Option<usize> },
    Text { field: usize, at: usize },
    Same { at: usize },
}

/// One comparison: the evidence that EM weighs.
pub(crate) struct Comparison {
    pub name: String,
    pub comparator: Comparator,
    pub levels: &'static [Level],
    pub household: bool,
}

/// All records of all sources, in order of source and record id.
pub(crate) struct Encoded {
    pub records: Records,
    pub stride: usize,
    /// Record number at which each source begins, and the end.
    pub starts: Vec<u32>,
    /// Records that are another name of a record (曾用名), with that record.
    pub aliases: FxHashMap<u32, u32>,
    pub fields: Arc<[Field]>,
    pub comparisons: Arc<[Comparison]>,
}

/// Reads two words as one number.
#[inline]
pub(crate) fn wide(record: &[u32], at: usize) -> u64 {
    u64::from(record[at]) | u64::from(record[at + 1]) << 32
}

impl Encoded {
    pub fn len(&self) -> usize {
        *self.starts.last().unwrap_or(&0) as usize
    }

    /// Gives up the records, once no two are compared any more. How many there were stays known.
    pub fn forget_records(&mut self) {
        self.records = Records::default();
    }

    #[inline]
    pub fn record(&self, i: u32) -> &[u32] {
        self.records.get(i)
    }

    /// Records of all sources, in order.
    pub fn all_records(&self) -> impl Iterator<Item = &[u32]> {
        self.records.all().chunks_exact(self.stride)
    }

    /// Has records that are needed soon brought from memory, all at a time instead of one after the other.
    #[inline]
    pub fn fetch(&self, records: impl Iterator<Item = u32>) {
        self.records.fetch(records);
    }

    /// The same of the names that comparing some pairs asks for.
    pub fn fetch_names(&self, pairs: impl Iterator<Item = (u32, u32)> + Clone) {
        for c in self.comparisons.iter() {
            if let Comparator::Name { field, at } = c.comparator {
                let records = pairs.clone().map(|(a, b)| (self.record(a), self.record(b)));
                let unlike = records.filter(|(x, y)| x[at] != 0 && y[at] != 0 && x[at] != y[at] && x[at + 1] != y[at + 1]);
                self.fields[field].names.fetch(unlike.flat_map(|(x, y)| [x[at], y[at]]));
            }
        }
    }

    /// The source a record belongs to.
    #[inline]
    pub fn source_of(&self, i: u32) -> usize {
        // sources are few
        self.starts[1..].iter().take_while(|s| **s <= i).count()
    }

    /// The record itself, or the one that it is another name of.
    #[inline]
    pub fn proper(&self, i: u32) -> u32 {
        if self.aliases.is_empty() { i } else { *self.aliases.get(&i).unwrap_or(&i) }
    }

    pub fn sources(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn range(&self, source: usize) -> std::ops::Range<u32> {
        self.starts[source]..self.starts[source + 1]
    }
}

/// Where a column's words lie in a record, and how they come about.
struct Column {
    at: usize,
    width: usize,
    filler: Filler,
    former: bool,
}

/// Texts to be numbered, and the words that the numbers belong into.
#[derive(Default)]
pub(crate) struct WaitingTexts {
    texts: Texts,
    at: Vec<usize>,
}

enum Filler {
    /// Parsed from the text, two words when wide.
    Parsed(fn(&str) -> u64),
    /// Numbered now, looked up when all rows are there.
    Numbered(Interner),
}

/// 编码器 (encoder): makes short records of rows, shared by all sources of a run.
pub struct Encoder {
    columns: Vec<Column>,
    stride: usize,
}

impl Encoder {
    /// For the columns of the settings.
    pub fn new(settings: &Settings) -> Self {
        // a cache line holds 16 words: a record of the usual columns fits one
        let mut at = 0;
        let column = |s: &ColumnSettings| {
            let (width, filler) = match s.kind {
                Kind::NationalId => (2, Filler::Parsed(national_id::encode)),
                Kind::Phone => (2, Filler::Parsed(phone::encode)),
                Kind::PlaceCode => (2, Filler::Parsed(residence::encode_code)),
                Kind::Address => (2, Filler::Parsed(residence::encode_address)),
                Kind::Date => (1, Filler::Parsed(|s| u64::from(date::encode(s)))),
                Kind::Sex => (1, Filler::Parsed(|s| u64::from(field::parse_sex(s)))),
                Kind::Exact | Kind::Text => (1, Filler::Numbered(Interner::new())),
                Kind::PersonName => (3, Filler::Numbered(Interner::new())),
            };
            let column = Column { at, width, filler, former: !s.former.is_empty() };
            at += width;
            column
        };
        let columns: Vec<Column> = settings.columns.iter().map(column).collect();
        Self { columns, stride: at.max(1) }
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Columns with which a former name may go.
    pub(crate) fn columns_with_former_names(&self) -> impl Iterator<Item = usize> {
        (0..self.columns.len()).filter(|i| self.columns[*i].former)
    }

    /// Adds the words of a row. Texts that are numbered are put among those that wait for it, by column.
    pub(crate) fn encode<'r>(&self, words: &mut Vec<u32>, waiting: &mut [WaitingTexts], value: &impl Fn(usize) -> Cow<'r, str>) {
        for (i, c) in self.columns.iter().enumerate() {
            let value = value(i);
            let text = text::trim(&value);
            let v = match &c.filler {
                Filler::Parsed(parse) => parse(text),
                Filler::Numbered(_) if text.is_empty() => 0,
                Filler::Numbered(_) => {
                    waiting[i].texts.push(text);
                    waiting[i].at.push(words.len());
                    0
                }
            };
            words.push(v as u32);
            match c.width {
                1 => {}
                2 => words.push((v >> 32) as u32),
                _ => words.extend([0, 0]),
            }
        }
        words.resize(words.len().next_multiple_of(self.stride), 0);
    }

    /// None that wait, by column.
    pub(crate) fn none_waiting(&self) -> Vec<WaitingTexts> {
        self.columns.iter().map(|_| WaitingTexts::default()).collect()
    }

    /// Numbers the texts that wait.
    pub(crate) fn number(&self, words: &mut [u32], waiting: Vec<WaitingTexts>) {
        for (c, waiting) in self.columns.iter().zip(waiting) {
            if let Filler::Numbered(texts) = &c.filler {
                texts.number(&waiting.texts, |i, number| words[waiting.at[i]] = number);
            }
        }
    }

    /// Puts another name into the words of a row.
    pub(crate) fn encode_name(&self, words: &mut [u32], column: usize, name: &str) {
        let c = &self.columns[column];
        if let Filler::Numbered(texts) = &c.filler {
            words[c.at] = texts.of(name);
        }
    }

    /// Fields and comparisons of another process, by its dictionaries: to compare records that it encoded.
    pub(crate) fn fields_of(settings: &Settings, dictionaries: Vec<Dictionary>) -> (Arc<[Field]>, Arc<[Comparison]>) {
        let columns = Self::new(settings).columns;
        let field = |((s, c), dictionary): ((&ColumnSettings, Column), Dictionary)| {
            let mut field = Field::new(s, c.at);
            match dictionary {
                Dictionary::None => {}
                Dictionary::Names(texts) => field.names = name::Names::build(texts),
                Dictionary::Texts(texts) => field.texts = texts,
            }
            field
        };
        let fields: Vec<Field> = settings.columns.iter().zip(columns).zip(dictionaries).map(field).collect();
        let comparisons = comparisons(&fields);
        (fields.into(), comparisons.into())
    }

    /// All records once all rows are there. The tables give up their words.
    pub(crate) fn finish(self, tables: &mut [Table], settings: &Settings) -> Encoded {
        let stride = self.stride;
        let mut starts = vec![0u32];
        tables.iter().for_each(|t| starts.push(starts[starts.len() - 1] + (t.len() + t.aliases.len()) as u32));
        let room = starts[tables.len()] as usize * stride;
        let mut records = tables.iter_mut().fold(None, |all, t| Some(t.hand_over(all, room, stride))).unwrap_or_default();
        let finished: Vec<Finished> =
            self.columns.into_par_iter().zip(&settings.columns).map(|(c, s)| Finished::of(c, s)).collect();
        records.all_mut().par_chunks_mut(stride * RECORDS_AT_ONCE).for_each(|some| {
            for c in finished.iter().filter(|c| !c.table.is_empty()) {
                for record in some.chunks_mut(stride) {
                    let place = c.texts.as_ref().and_then(|t| t.place(record[c.field.at])).map_or(0, |p| p + 1);
                    record[c.field.at..][..c.width].copy_from_slice(&c.table[place * c.width..][..c.width]);
                }
            }
        });
        let aliases = tables
            .iter()
            .zip(&starts)
            .flat_map(|(t, start)| t.aliases.iter().zip(t.len() as u32..).map(move |(rank, i)| (start + i, start + rank)));
        let aliases = aliases.collect();
        let fields: Vec<Field> = finished.into_iter().map(|c| c.field).collect();
        let comparisons = comparisons(&fields).into();
        Encoded { records, stride, starts, aliases, fields: fields.into(), comparisons }
    }
}

/// Records that one thread finishes at a time.
pub(crate) const RECORDS_AT_ONCE: usize = 1 << 13;

/// A column whose texts are all known.
struct Finished {
    field: Field,
    width: usize,
    texts: Option<Interned>,
    /// By place of the text, from 1: its words. Empty for columns that need none.
    table: Vec<u32>,
}

impl Finished {
    fn of(c: Column, s: &ColumnSettings) -> Self {
        let mut field = Field::new(s, c.at);
        let Filler::Numbered(texts) = c.filler else { return Self { field, width: c.width, texts: None, table: Vec::new() } };
        let mut texts = texts.finish();
        let raw = texts.texts();
        let table = match s.kind {
            Kind::Exact => texts.by_place(c.width, |i, words| words[0] = i as u32 + 1),
            Kind::Text => {
                let (normal, to) = normal_texts(&raw);
                field.texts = normal;
                texts.by_place(c.width, |i, words| words[0] = to[i])
            }
            _ => {
                let (normal, to) = name::number(&raw);
                field.names = name::Names::build(normal);
                let n = &field.names;
                texts.by_place(c.width, |i, words| {
                    let name = to[i] as usize;
                    words.copy_from_slice(&[to[i], n.pinyin[name], n.first[name]]);
                })
            }
        };
        texts.forget_texts();
        Self { field, width: c.width, texts: Some(texts), table }
    }
}

/// Distinct normalised texts (number 0 is the missing one) and the number of each value.
fn normal_texts(values: &[&str]) -> (Vec<String>, Vec<u32>) {
    let mut numbers: FxHashMap<String, u32> = FxHashMap::default();
    let mut texts = vec![String::new()];
    let to = values
        .iter()
        .map(|v| {
            let t = text::normalise(v);
            if t.is_empty() {
                return 0;
            }
            *numbers.entry(t).or_insert_with_key(|t| {
                texts.push(t.clone());
                texts.len() as u32 - 1
            })
        })
        .collect();
    (texts, to)
}

/// One comparison a field, but the first place code and the first address are one: the residence.
fn comparisons(fields: &[Field]) -> Vec<Comparison> {
    let mut out = Vec::new();
    let first = |kind| fields.iter().position(|f| f.kind == kind);
    let (code, address) = (first(Kind::PlaceCode), first(Kind::Address));
    for (i, f) in fields.iter().enumerate() {
        let at = f.at;
        let (comparator, levels) = match f.kind {
            Kind::NationalId => (Comparator::NationalId { at }, national_id::LEVELS),
            Kind::PersonName if f.household => (Comparator::Name { field: i, at }, name::GUARDIAN_LEVELS),
            Kind::PersonName => (Comparator::Name { field: i, at }, name::LEVELS),
            Kind::Date => (Comparator::Date { at }, date::LEVELS),
            Kind::Phone => (Comparator::Phone { at }, phone::LEVELS),
            Kind::PlaceCode if Some(i) == code => {
                (Comparator::Residence { code: Some(at), address: address.map(|a| fields[a].at) }, residence::LEVELS)
            }
            Kind::PlaceCode => (Comparator::Residence { code: Some(at), address: None }, residence::LEVELS),
            Kind::Address if Some(i) == address && code.is_some() => continue,
            Kind::Address => (Comparator::Residence { code: None, address: Some(at) }, residence::LEVELS),
            Kind::Sex => (Comparator::Same { at }, field::SEX_LEVELS),
            Kind::Exact => (Comparator::Same { at }, field::EXACT_LEVELS),
            Kind::Text => (Comparator::Text { field: i, at }, text::LEVELS),
        };
        out.push(Comparison { name: f.column.clone(), comparator, levels, household: f.household });
    }
    out
}

impl Comparator {
    /// Level of two records; [`NULL_LEVEL`] when either has no value.
    pub fn level(self, fields: &[Field], a: &[u32], b: &[u32]) -> u8 {
        match self {
            Comparator::NationalId { at } => present(wide(a, at), wide(b, at), national_id::compare),
            Comparator::Phone { at } => present(wide(a, at), wide(b, at), phone::compare),
            Comparator::Name { field, at } => {
                let (x, y) = (a[at], b[at]);
                if x == 0 || y == 0 {
                    NULL_LEVEL
                } else if x == y {
                    1
                } else if a[at + 1] == b[at + 1] {
                    2
                } else {
                    fields[field].names.compare_unlike(x, y)
                }
            }
            Comparator::Date { at } => {
                if a[at] == 0 || b[at] == 0 {
                    NULL_LEVEL
                } else {
                    date::compare(a[at], b[at])
                }
            }
            Comparator::Residence { code, address } => {
                residence::compare(residence_of(a, code, address), residence_of(b, code, address))
            }
            Comparator::Text { field, at } => {
                let (x, y) = (a[at], b[at]);
                if x == 0 || y == 0 {
                    NULL_LEVEL
                } else if x == y {
                    1
                } else {
                    let texts = &fields[field].texts;
                    text::compare_different(&texts[x as usize], &texts[y as usize])
                }
            }
            Comparator::Same { at } => match (a[at], b[at]) {
                (0, _) | (_, 0) => NULL_LEVEL,
                (x, y) => {
                    if x == y {
                        1
                    } else {
                        2
                    }
                }
            },
        }
    }
}

fn present(a: u64, b: u64, compare: fn(u64, u64) -> u8) -> u8 {
    if a == 0 || b == 0 { NULL_LEVEL } else { compare(a, b) }
}

/// A record's residence.
pub(crate) fn residence_of(r: &[u32], code: Option<usize>, address: Option<usize>) -> residence::Residence {
    residence::Residence {
        code: code.map_or(0, |at| wide(r, at)),
        village: address.map_or(0, |at| r[at]),
        door: address.map_or(0, |at| r[at + 1]),
    }
}
