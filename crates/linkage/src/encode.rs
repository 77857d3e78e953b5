//! Encode once: every record becomes a short row of words that all later stages read.

use arrow_array::{Array, StringArray};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::field::{self, Kind, Level, NULL_LEVEL, date, name, national_id, phone, residence, text};
use crate::settings::Settings;
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
    /// For values with a number: on how many records it stands.
    pub frequency: Vec<u32>,
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
    words: Vec<u32>,
    stride: usize,
    /// Record number at which each source begins, and the end.
    pub starts: Vec<u32>,
    /// Records that are another name of a record (曾用名), with that record.
    pub aliases: FxHashMap<u32, u32>,
    pub fields: Vec<Field>,
    pub comparisons: Vec<Comparison>,
    /// How many records carry a telephone number that more than one carries.
    pub phone_frequency: FxHashMap<u64, u32>,
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

    #[inline]
    pub fn record(&self, i: u32) -> &[u32] {
        &self.words[i as usize * self.stride..][..self.stride]
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

/// Numbers distinct texts from 1.
pub(crate) struct Numbers<'a> {
    numbers: FxHashMap<&'a str, u32>,
    pub values: Vec<&'a str>,
}

impl<'a> Numbers<'a> {
    pub fn with_capacity(n: usize) -> Self {
        Self { numbers: FxHashMap::with_capacity_and_hasher(n, Default::default()), values: Vec::new() }
    }

    pub fn of(&mut self, text: &'a str) -> u32 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.values.push(text);
            self.values.len() as u32
        })
    }
}

/// Values of one column over all sources as small numbers, 0 for the missing one.
struct Interned<'a> {
    /// By source, in input order.
    codes: Vec<Vec<u32>>,
    /// Text of number n at n − 1.
    values: Vec<&'a str>,
}

fn intern<'a>(columns: &[Option<&'a StringArray>]) -> Interned<'a> {
    let locals: Vec<(Vec<u32>, Vec<&'a str>)> = columns
        .par_iter()
        .map(|column| {
            let Some(column) = column else { return (Vec::new(), Vec::new()) };
            let mut numbers = Numbers::with_capacity(column.len() / 2);
            let codes = (0..column.len())
                .map(|i| match column.value(i) {
                    "" => 0,
                    s => numbers.of(s),
                })
                .collect();
            (codes, numbers.values)
        })
        .collect();
    let mut numbers = Numbers::with_capacity(locals.iter().map(|l| l.1.len()).max().unwrap_or(0));
    let mut codes = Vec::new();
    for (mut local, distinct) in locals {
        let to: Vec<u32> = std::iter::once(0).chain(distinct.into_iter().map(|s| numbers.of(s))).collect();
        local.iter_mut().for_each(|c| *c = to[*c as usize]);
        codes.push(local);
    }
    Interned { codes, values: numbers.values }
}

impl Interned<'_> {
    fn renumber(&mut self, to: &[u32]) {
        for c in self.codes.iter_mut().flatten() {
            *c = if *c == 0 { 0 } else { to[*c as usize - 1] };
        }
    }

    fn frequency(&self, kinds: usize) -> Vec<u32> {
        let mut out = vec![0; kinds];
        for c in self.codes.iter().flatten() {
            out[*c as usize] += 1;
        }
        out
    }
}

/// How a field's words come about.
enum Filler {
    /// Parsed from the text, two words when wide.
    Parsed(fn(&str) -> u64),
    /// Looked up by the number of the value: as many words as `table` has for a number.
    Coded { codes: Vec<Vec<u32>>, table: Vec<u32> },
}

struct Column<'a> {
    field: Field,
    width: usize,
    filler: Filler,
    sources: Vec<Option<&'a StringArray>>,
}

impl Column<'_> {
    fn fill(&self, source: usize, row: usize, words: &mut [u32]) {
        match &self.filler {
            Filler::Parsed(parse) => {
                let v = self.sources[source].map_or(0, |c| parse(c.value(row)));
                words[0] = v as u32;
                if self.width == 2 {
                    words[1] = (v >> 32) as u32;
                }
            }
            Filler::Coded { codes, table } => {
                let code = codes[source].get(row).map_or(0, |c| *c as usize);
                words.copy_from_slice(&table[code * self.width..][..self.width]);
            }
        }
    }
}

fn column<'a>(tables: &'a [Table], settings: &Settings, index: usize) -> Column<'a> {
    let s = &settings.columns[index];
    let sources: Vec<Option<&StringArray>> = tables.iter().map(|t| s.headings().find_map(|h| t.column(h))).collect();
    let mut field = Field {
        column: s.name.clone(),
        kind: s.kind,
        household: s.household,
        at: 0,
        names: name::Names::default(),
        texts: Vec::new(),
        frequency: Vec::new(),
    };
    let (width, filler) = match s.kind {
        Kind::NationalId => (2, Filler::Parsed(national_id::encode)),
        Kind::Phone => (2, Filler::Parsed(phone::encode)),
        Kind::PlaceCode => (2, Filler::Parsed(residence::encode_code)),
        Kind::Date => (1, Filler::Parsed(|s| u64::from(date::encode(s)))),
        Kind::Sex => (1, Filler::Parsed(|s| u64::from(field::parse_sex(s)))),
        Kind::Exact => {
            let interned = intern(&sources);
            field.frequency = interned.frequency(interned.values.len() + 1);
            let table = (0..=interned.values.len() as u32).collect();
            (1, Filler::Coded { codes: interned.codes, table })
        }
        Kind::Text => {
            let mut interned = intern(&sources);
            let (texts, to) = normal_texts(&interned.values);
            interned.renumber(&to);
            field.frequency = interned.frequency(texts.len());
            field.texts = texts;
            (1, Filler::Coded { codes: interned.codes, table: (0..field.texts.len() as u32).collect() })
        }
        Kind::PersonName => {
            let mut interned = intern(&sources);
            let (texts, to) = name::number(&interned.values);
            interned.renumber(&to);
            field.names = name::Names::build(texts);
            field.frequency = interned.frequency(field.names.len());
            let n = &field.names;
            let table = (0..n.len()).flat_map(|i| [i as u32, n.pinyin[i], n.first[i]]).collect();
            (3, Filler::Coded { codes: interned.codes, table })
        }
        Kind::Address => (2, Filler::Parsed(residence::encode_address)),
    };
    Column { field, width, filler, sources }
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

/// Encodes all sources by the settings; the tables' columns are no longer needed afterwards.
pub(crate) fn encode(tables: &[Table], settings: &Settings) -> Encoded {
    let mut columns: Vec<Column> = (0..settings.columns.len()).into_par_iter().map(|i| column(tables, settings, i)).collect();
    // a cache line holds 16 words: a record of the usual columns fits one
    let mut at = 0;
    for c in &mut columns {
        c.field.at = at;
        at += c.width;
    }
    let stride = at.max(1);
    let mut starts = vec![0u32];
    for t in tables {
        starts.push(starts[starts.len() - 1] + t.records() as u32);
    }
    let mut words = vec![0u32; starts[tables.len()] as usize * stride];
    for (source, table) in tables.iter().enumerate() {
        let range = starts[source] as usize * stride..starts[source + 1] as usize * stride;
        words[range].par_chunks_mut(stride).enumerate().for_each(|(rank, record)| {
            let row = table.input_row(rank);
            for c in &columns {
                c.fill(source, row, &mut record[c.field.at..c.field.at + c.width]);
            }
        });
    }
    let aliases = tables
        .iter()
        .zip(&starts)
        .flat_map(|(t, start)| t.aliases().iter().enumerate().map(move |(i, rank)| (start + (t.len() + i) as u32, start + rank)));
    let aliases = aliases.collect();
    let fields: Vec<Field> = columns.into_iter().map(|c| c.field).collect();
    let comparisons = comparisons(&fields);
    let mut encoded = Encoded { words, stride, starts, aliases, fields, comparisons, phone_frequency: FxHashMap::default() };
    encoded.phone_frequency = phone_frequency(&encoded);
    encoded
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

fn phone_frequency(encoded: &Encoded) -> FxHashMap<u64, u32> {
    let Some(at) = encoded.fields.iter().find(|f| f.kind == Kind::Phone).map(|f| f.at) else {
        return FxHashMap::default();
    };
    let mut all: Vec<u64> = (0..encoded.len() as u32).map(|i| wide(encoded.record(i), at)).filter(|p| *p != 0).collect();
    all.par_sort_unstable();
    // a number on a row or two of each source is a family's; only the shared ones need to be known
    let usual = 4 * encoded.sources();
    all.chunk_by(|a, b| a == b).filter(|c| c.len() > usual).map(|c| (c[0], c.len() as u32)).collect()
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
