//! Rows of a loaded roster as they are kept: Parquet, sorted by fingerprint, encrypted; read whole by a run, row by row by a child's page.

use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, LazyLock, Mutex};

use anyhow::Context;
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field as Column, Schema};
use axum::body::Bytes;
use baoxue_domain::person::{NationalId, Sex};
use baoxue_domain::roster::{Field, FieldValues, ReadRoster, RosterRow, SourceKind};
use baoxue_store::Store;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use rustc_hash::FxHashMap;

use crate::app::comparison::sources::fingerprint;
use crate::app::roster::reading::RosterFile;

/// Rows decoded to read one: small enough for a page, large enough to compress.
const ROWS_A_GROUP: usize = 400;
/// Between a field and its value, and between values: signs that cleaning takes out of every cell.
const VALUE_SIGN: char = '\u{1f}';
const END_SIGN: char = '\u{1e}';
/// Rows that are the same to the letter and stand in different files share a key up to this count.
const MAX_DOUBLES: i64 = 4;

/// A row with where it stood in the file.
#[derive(Debug, Clone)]
pub struct KeptRow {
    pub sheet: String,
    pub row: RosterRow,
}

/// The first 64 bits of a fingerprint; the n-th row that is the same to the letter lies n − 1 further.
pub fn key_of(fingerprint: &str) -> i64 {
    let (base, n) = fingerprint.split_once('-').unwrap_or((fingerprint, "1"));
    let first = u64::from_str_radix(base.get(..16).unwrap_or(""), 16).unwrap_or(0);
    (first as i64).wrapping_add(n.parse::<i64>().unwrap_or(1) - 1)
}

fn schema() -> Arc<Schema> {
    let text = |name: &str| Column::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        Column::new("key", DataType::Int64, false),
        text("sheet"),
        Column::new("row", DataType::Int32, false),
        Column::new("child", DataType::Int32, false),
        text("name"),
        text("national_id"),
        text("unsound_id"),
        text("sex"),
        text("birth_date"),
        text("values"),
    ]))
}

/// Keeps a roster's rows and gives the name of the file.
pub fn keep(store: &Store, file: &RosterFile) -> anyhow::Result<String> {
    let mut seen: FxHashMap<i64, i64> = FxHashMap::default();
    let mut order: Vec<(i64, &RosterRow)> = file
        .roster
        .rows
        .iter()
        .map(|r| {
            let base = key_of(&fingerprint(file.kind, r));
            let n = seen.entry(base).or_default();
            *n += 1;
            (base.wrapping_add(*n - 1), r)
        })
        .collect();
    order.sort_by_key(|(key, r)| (*key, r.sheet, r.row, r.child));
    let schema = schema();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROWS_A_GROUP))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema.clone(), Some(properties))?;
    for part in order.chunks(ROWS_A_GROUP) {
        let text = |of: &dyn Fn(&RosterRow) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(part.iter().map(|(_, r)| of(r))))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(part.iter().map(|(k, _)| *k))),
            text(&|r| file.sheets.get(r.sheet).map(|s| s.name.clone()).unwrap_or_default()),
            Arc::new(Int32Array::from_iter_values(part.iter().map(|(_, r)| r.row as i32))),
            Arc::new(Int32Array::from_iter_values(part.iter().map(|(_, r)| r.child as i32))),
            text(&|r| r.name.clone().unwrap_or_default()),
            text(&|r| r.national_id.map(|n| n.to_string()).unwrap_or_default()),
            text(&|r| r.unsound_id.clone().unwrap_or_default()),
            text(&|r| r.sex.map_or(String::new(), |s| s.label().to_owned())),
            text(&|r| r.birth_date.map(|d| d.to_string()).unwrap_or_default()),
            text(&|r| {
                let mut out = String::new();
                for (field, value) in r.values.iter() {
                    out.extend([field.name(), &VALUE_SIGN.to_string(), value, &END_SIGN.to_string()]);
                }
                out
            }),
        ];
        writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
    }
    writer.close()?;
    Ok(store.store_file("roster", |w| Ok(w.write_all(&bytes)?))?)
}

fn rows_of(batch: &RecordBatch, sheets: &mut Vec<String>) -> Option<Vec<(i64, RosterRow)>> {
    let numbers = |i: usize| batch.column(i).as_any().downcast_ref::<Int32Array>();
    let texts = |i: usize| batch.column(i).as_any().downcast_ref::<StringArray>();
    let keys = batch.column(0).as_any().downcast_ref::<Int64Array>()?;
    let (sheet, row, child) = (texts(1)?, numbers(2)?, numbers(3)?);
    let (name, id, unsound, sex, birth, values) = (texts(4)?, texts(5)?, texts(6)?, texts(7)?, texts(8)?, texts(9)?);
    let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    let fields: FxHashMap<&str, Field> = Field::ALL.iter().map(|f| (f.name(), *f)).collect();
    let mut out = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        let of = sheet.value(i);
        let number = sheets.iter().position(|s| s == of).unwrap_or_else(|| {
            sheets.push(of.to_owned());
            sheets.len() - 1
        });
        let mut kept = FieldValues::default();
        for entry in values.value(i).split(END_SIGN) {
            if let Some((field, value)) = entry.split_once(VALUE_SIGN)
                && let Some(field) = fields.get(field)
            {
                kept.push(*field, value);
            }
        }
        kept.shrink();
        let row = RosterRow {
            sheet: number,
            row: row.value(i) as usize,
            child: child.value(i) as usize,
            name: some(name.value(i)),
            national_id: NationalId::parse(id.value(i)).ok(),
            unsound_id: some(unsound.value(i)),
            sex: Sex::read(sex.value(i)),
            birth_date: birth.value(i).parse().ok(),
            values: kept,
        };
        out.push((keys.value(i), row));
    }
    Some(out)
}

/// Reads all rows of a kept roster, as the comparison takes them.
pub fn load(store: &Store, kept: &str, name: &str, digest: &str, kind: SourceKind) -> anyhow::Result<RosterFile> {
    let broken = || format!("已载入的名册“{name}”读不出来");
    let bytes = Bytes::from(store.read_file(kept).with_context(broken)?);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).with_context(broken)?.with_batch_size(8_192).build()?;
    let (mut sheets, mut rows) = (Vec::new(), Vec::new());
    for batch in reader {
        rows.extend(rows_of(&batch.with_context(broken)?, &mut sheets).with_context(broken)?.into_iter().map(|(_, r)| r));
    }
    // as they stood in the file, so that a run over the kept rows is the run over the file
    rows.sort_by_key(|r: &RosterRow| (r.sheet, r.row, r.child));
    let sheets = sheets
        .into_iter()
        .map(|name| {
            let mut sheet = baoxue_documents::Sheet::default();
            sheet.name = name;
            sheet
        })
        .collect();
    Ok(RosterFile {
        name: name.to_owned(),
        digest: digest.to_owned(),
        kind,
        guess: None,
        sheets,
        layouts: Vec::new(),
        ignored: Vec::new(),
        roster: ReadRoster { rows, ..ReadRoster::default() },
    })
}

/// A stored file from which Parquet reads the pieces it needs. What was read last is kept: the columns of a group of rows lie side by side,
/// and each piece would have to be opened and decrypted anew.
struct Pieces {
    store: Store,
    name: String,
    length: u64,
    /// Where it begins, and the bytes.
    ahead: Mutex<(u64, Bytes)>,
}

impl Pieces {
    fn open(store: &Store, name: &str) -> anyhow::Result<Self> {
        let length = store.open_file(name)?.len();
        Ok(Self { store: store.clone(), name: name.to_owned(), length, ahead: Mutex::default() })
    }

    fn read(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut out = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut out)?;
        Ok(Bytes::from(out))
    }

    /// Reads a stretch of the file at once.
    fn read_ahead(&self, start: u64, end: u64) -> parquet::errors::Result<()> {
        let bytes = self.read(start, (end - start) as usize)?;
        if let Ok(mut ahead) = self.ahead.lock() {
            *ahead = (start, bytes);
        }
        Ok(())
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pieces {
    type T = baoxue_store::StoredReader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let mut r = self.store.open_file(&self.name).map_err(|e| parquet::errors::ParquetError::External(Box::new(e)))?;
        r.seek(SeekFrom::Start(start))?;
        Ok(r)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        if let Ok(ahead) = self.ahead.lock()
            && let Some(from) = start.checked_sub(ahead.0)
            && from as usize + length <= ahead.1.len()
        {
            return Ok(ahead.1.slice(from as usize..from as usize + length));
        }
        self.read(start, length)
    }
}

/// Footers of rosters that are kept in memory: files never change, and a county has some dozens in use.
const MAX_FOOTERS: usize = 64;

static FOOTERS: LazyLock<Mutex<FxHashMap<String, ArrowReaderMetadata>>> = LazyLock::new(Mutex::default);

/// The footer of a kept roster: which rows lie in which group.
fn footer(pieces: &Pieces) -> anyhow::Result<ArrowReaderMetadata> {
    if let Some(known) = FOOTERS.lock().ok().and_then(|f| f.get(&pieces.name).cloned()) {
        return Ok(known);
    }
    let footer = ArrowReaderMetadata::load(pieces, ArrowReaderOptions::default())?;
    if let Ok(mut all) = FOOTERS.lock() {
        if all.len() >= MAX_FOOTERS {
            all.clear();
        }
        all.insert(pieces.name.clone(), footer.clone());
    }
    Ok(footer)
}

/// Finds one row of a kept roster by the key of its fingerprint.
pub fn find(store: &Store, kept: &str, key: i64) -> anyhow::Result<Option<KeptRow>> {
    let pieces = Pieces::open(store, kept)?;
    let footer = footer(&pieces)?;
    let metadata = footer.metadata().clone();
    let holds = |group: usize, key: i64| match metadata.row_group(group).column(0).statistics() {
        Some(Statistics::Int64(s)) => s.min_opt().is_none_or(|m| *m <= key) && s.max_opt().is_none_or(|m| *m >= key),
        _ => true,
    };
    let wanted: Vec<i64> = (0..MAX_DOUBLES).map(|n| key.wrapping_sub(n)).collect();
    let groups: Vec<usize> = (0..metadata.num_row_groups()).filter(|g| wanted.iter().any(|k| holds(*g, *k))).collect();
    if let [group] = groups.as_slice() {
        let ranges: Vec<(u64, u64)> = metadata.row_group(*group).columns().iter().map(|c| c.byte_range()).collect();
        let (start, end) = ranges.iter().fold((u64::MAX, 0), |(s, e), (from, n)| (s.min(*from), e.max(from + n)));
        pieces.read_ahead(start, end)?;
    }
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces, footer);
    let mut best: Option<(usize, KeptRow)> = None;
    for batch in builder.with_row_groups(groups).build()? {
        let batch = batch?;
        let keys = batch.column(0).as_any().downcast_ref::<Int64Array>().context("名册的列不对")?;
        for (i, k) in keys.values().iter().enumerate() {
            if let Some(distance) = wanted.iter().position(|w| w == k)
                && best.as_ref().is_none_or(|b| distance < b.0)
            {
                let mut sheets = Vec::new();
                let row = rows_of(&batch.slice(i, 1), &mut sheets).and_then(|mut r| r.pop()).context("名册的列不对")?.1;
                best = Some((distance, KeptRow { sheet: sheets[row.sheet].clone(), row }));
            }
        }
    }
    Ok(best.map(|b| b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_rows_that_are_the_same_to_the_letter() {
        let base = "00000000000000ff0123456789";
        assert_eq!(key_of(base), 255);
        assert_eq!(key_of(&format!("{base}-3")), 257);
        assert_eq!(key_of("ffffffffffffffff"), -1);
    }
}
