//! CSV and Parquet files as Arrow string columns.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use baoxue_documents::text::decode;
use baoxue_linkage::{Encoder, Part, Settings, Table, TableBuilder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

/// Largest CSV that is read whole: 10 million rows of 200 bytes, well inside a bureau PC's memory.
const MAX_CSV_BYTES: u64 = 4 << 30;

/// A file whose headings are known and whose rows are still to be read.
pub struct Source {
    path: PathBuf,
    content: Content,
}

enum Content {
    Csv { headings: Vec<String>, encoding: CsvEncoding },
    Parquet { headings: Vec<String> },
}

/// UTF-8 is read as it streams by; anything else is first decoded whole.
enum CsvEncoding {
    Utf8,
    Decoded(String),
}

/// So much of a file is looked at to tell its encoding and the usual length of its lines.
const SAMPLE_BYTES: usize = 1 << 18;

/// Opens a file by what it is, not by how it is called.
pub fn open(path: &Path) -> anyhow::Result<Source> {
    let place = || format!("无法读取文件 {}", path.display());
    let size = std::fs::metadata(path).with_context(place)?.len();
    let mut head = [0u8; 4];
    let found = std::fs::File::open(path).with_context(place)?.read(&mut head).with_context(place)?;
    if found == 0 {
        bail!("{} 是空文件", path.display());
    }
    let content = if &head == b"PAR1" {
        let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?)
            .with_context(|| format!("{} 不是完整的 Parquet 文件", path.display()))?;
        Content::Parquet { headings: builder.schema().fields().iter().map(|f| f.name().clone()).collect() }
    } else {
        if head.starts_with(b"PK") || head.starts_with(&[0xd0, 0xcf]) {
            bail!("{} 是电子表格;link 只读 CSV 和 Parquet,电子表格请用 baoxue compare,或另存为 CSV", path.display());
        }
        if size > MAX_CSV_BYTES {
            bail!("{} 有 {} MB,超过 CSV 的上限 {} MB;请存为 Parquet", path.display(), size >> 20, MAX_CSV_BYTES >> 20);
        }
        let mut sample = Vec::new();
        std::fs::File::open(path).with_context(place)?.take(SAMPLE_BYTES as u64).read_to_end(&mut sample).with_context(place)?;
        let encoding = if is_utf8_so_far(&sample) {
            CsvEncoding::Utf8
        } else {
            let text =
                decode(std::fs::read(path).with_context(place)?).with_context(|| format!("{} 不是文本", path.display()))?;
            sample = text.as_bytes()[..text.len().min(SAMPLE_BYTES)].to_vec();
            CsvEncoding::Decoded(text)
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(sample.strip_prefix(BOM).unwrap_or(&sample));
        let headings: Vec<String> = reader
            .byte_headers()
            .with_context(|| format!("{} 的表头读不出来", path.display()))?
            .iter()
            .map(|h| String::from_utf8_lossy(h).trim().to_owned())
            .collect();
        if headings.iter().all(String::is_empty) {
            bail!("{} 是空文件:没有表头", path.display());
        }
        Content::Csv { headings, encoding }
    };
    Ok(Source { path: path.to_owned(), content })
}

/// UTF-8's byte-order mark, which Excel writes.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether the beginning of a file is UTF-8; its end may cut a character.
fn is_utf8_so_far(sample: &[u8]) -> bool {
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none() && sample.len() == SAMPLE_BYTES,
    }
}

impl Source {
    pub fn headings(&self) -> Vec<String> {
        match &self.content {
            Content::Csv { headings, .. } | Content::Parquet { headings } => headings.clone(),
        }
    }

    /// Reads the rows, encoding them as they stream by, and the column of truth.
    pub fn into_table(
        self,
        encoder: &Encoder,
        settings: &Settings,
        truth: Option<&str>,
    ) -> anyhow::Result<(Table, Option<StringArray>)> {
        let headings = self.headings();
        let place = |name: &str| headings.iter().position(|h| h == name);
        let plan = Plan {
            path: &self.path,
            columns: settings.columns.iter().map(|c| c.headings().find_map(place)).collect(),
            former: settings.columns.iter().map(|c| c.former.iter().find_map(|f| place(f))).collect(),
            id: settings.id.as_deref().and_then(place),
            truth: match truth {
                Some(t) => Some(place(t).with_context(|| format!("文件 {} 没有 --truth 所说的列“{t}”", self.path.display()))?),
                None => None,
            },
            headings: headings.len(),
        };
        let name = self.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let rows = Rows::of(name);
        match &self.content {
            Content::Csv { encoding, .. } => {
                let input: Box<dyn std::io::Read + Send + '_> = match encoding {
                    CsvEncoding::Utf8 => Box::new(std::fs::File::open(&self.path)?),
                    CsvEncoding::Decoded(text) => Box::new(text.as_bytes()),
                };
                let blocks = Blocks::new(input).enumerate().par_bridge();
                blocks.for_each(|(i, block)| Rows::add(&rows, i, || plan.csv(encoder, block?)));
            }
            Content::Parquet { .. } => {
                let batches = plan.batches()?.enumerate().par_bridge();
                batches.for_each(|(i, batch)| Rows::add(&rows, i, || plan.batch(encoder, &batch?)));
            }
        }
        let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(e) = rows.failed {
            return Err(e);
        }
        let table = rows.table.finish().with_context(|| format!("{}", self.path.display()))?;
        Ok((table, truth.map(|_| StringArray::from_iter_values(rows.truth))))
    }
}

/// The rows of a file as they are read, by any threads, put together in their order.
struct Rows<'e> {
    next: usize,
    /// Stretches whose forerunners are not there yet.
    waiting: BTreeMap<usize, anyhow::Result<Read<'e>>>,
    table: TableBuilder,
    truth: Vec<String>,
    /// The first thing wrong with the file.
    failed: Option<anyhow::Error>,
}

impl<'e> Rows<'e> {
    fn of(name: String) -> Mutex<Self> {
        Mutex::new(Self { next: 0, waiting: BTreeMap::new(), table: TableBuilder::new(name), truth: Vec::new(), failed: None })
    }

    /// Reads a stretch, unless something is wrong with the file already.
    fn add(rows: &Mutex<Self>, number: usize, read: impl FnOnce() -> anyhow::Result<Read<'e>>) {
        let lock = || rows.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().failed.is_none() {
            let read = read();
            lock().take(number, read);
        }
    }

    fn take(&mut self, number: usize, read: anyhow::Result<Read<'e>>) {
        self.waiting.insert(number, read);
        while let Some(read) = self.waiting.remove(&self.next) {
            self.next += 1;
            match read {
                _ if self.failed.is_some() => {}
                Ok(read) => {
                    self.table.push(read.part);
                    self.truth.extend(read.truth);
                }
                Err(e) => self.failed = Some(e),
            }
        }
    }
}

/// What a stretch of a file gave.
struct Read<'e> {
    part: Part<'e>,
    /// The person of each row, where the truth is asked for.
    truth: Vec<String>,
}

/// Which columns of a file are taken, by their place.
struct Plan<'f> {
    path: &'f Path,
    columns: Vec<Option<usize>>,
    former: Vec<Option<usize>>,
    id: Option<usize>,
    truth: Option<usize>,
    headings: usize,
}

impl Plan<'_> {
    fn csv<'e>(&self, encoder: &'e Encoder, block: Block) -> anyhow::Result<Read<'e>> {
        let path = self.path.display();
        let mut out = Read { part: Part::new(encoder, block.lines + 1), truth: Vec::new() };
        let bytes = block.bytes.strip_prefix(BOM).unwrap_or(&block.bytes);
        let mut reader =
            simd_csv::ZeroCopyReaderBuilder::with_capacity(SAMPLE_BYTES).flexible(true).has_headers(false).from_reader(bytes);
        // the first row of a file is its head
        let mut head = block.line == 1;
        let mut row = 0;
        while let Some(r) = reader.read_byte_record().with_context(|| format!("{path} 的第 {} 行之后读不出来", block.line))?
        {
            row += 1;
            if r.as_slice().is_empty() || std::mem::take(&mut head) {
                continue;
            }
            // looked for only when a row is refused
            let line = || block.line + lines_of_rows(bytes, row - 1);
            if r.len() < self.headings && r.len() > 1 && r.iter().any(|f| !f.is_empty()) {
                bail!("{path} 第 {} 行只有 {} 列,表头有 {} 列;请检查引号和逗号", line(), r.len(), self.headings);
            }
            let refused = Cell::new(false);
            // one look at a row instead of one at each field
            let text = simdutf8::basic::from_utf8(r.as_slice()).ok();
            let field = |i: Option<usize>| {
                let Some((i, written)) = i.and_then(|i| Some((i, r.get(i)?))) else { return Cow::Borrowed("") };
                match text {
                    // most are written without quotes
                    Some(text) if written.first() != Some(&b'"') => Cow::Borrowed(&text[place_of(written, r.as_slice())]),
                    _ => match (r.unescape(i).unwrap_or_default(), text) {
                        (Cow::Borrowed(b), Some(text)) => Cow::Borrowed(&text[place_of(b, r.as_slice())]),
                        (Cow::Borrowed(b), None) => Cow::Borrowed(utf8(b, &refused)),
                        (Cow::Owned(b), _) => Cow::Owned(utf8(&b, &refused).to_owned()),
                    },
                }
            };
            let id = self.id.map(|i| field(Some(i)));
            out.part.push(id.as_deref(), |c| field(self.columns[c]), |c| field(self.former[c]));
            out.truth.extend(self.truth.map(|t| field(Some(t)).trim().to_owned()));
            if refused.get() {
                bail!("{path} 第 {} 行有不是 UTF-8 的字符,而文件开头是 UTF-8;请另存为 UTF-8", line());
            }
        }
        out.part.finish();
        Ok(out)
    }

    /// The wanted columns of a Parquet file, some rows at a time.
    fn batches(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<RecordBatch>> + Send> {
        let broken = format!("{} 读不出来,文件可能不完整", self.path.display());
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(self.path)?).with_context(|| broken.clone())?;
        let rows = builder.with_batch_size(ROWS_A_BATCH).build().with_context(|| broken.clone())?;
        Ok(rows.map(move |b| b.with_context(|| broken.clone())))
    }

    fn batch<'e>(&self, encoder: &'e Encoder, batch: &RecordBatch) -> anyhow::Result<Read<'e>> {
        let text = |i: Option<usize>| -> anyhow::Result<Option<StringArray>> {
            let Some(i) = i else { return Ok(None) };
            let heading = batch.schema().field(i).name().clone();
            let refused = || format!("{} 的列“{heading}”不是文本、数字或日期", self.path.display());
            let text = cast(batch.column(i), &DataType::Utf8).with_context(refused)?;
            Ok(text.as_any().downcast_ref::<StringArray>().cloned())
        };
        let all = |places: &[Option<usize>]| places.iter().map(|p| text(*p)).collect::<anyhow::Result<Vec<_>>>();
        let (columns, former) = (all(&self.columns)?, all(&self.former)?);
        let (ids, truth) = (text(self.id)?, text(self.truth)?);
        let mut out = Read { part: Part::new(encoder, batch.num_rows()), truth: Vec::new() };
        fn value(c: &Option<StringArray>, row: usize) -> Cow<'_, str> {
            c.as_ref().filter(|c| c.is_valid(row)).map_or("", |c| c.value(row)).into()
        }
        for row in 0..batch.num_rows() {
            let id = ids.as_ref().map(|i| i.value(row));
            out.part.push(id, |c| value(&columns[c], row), |c| value(&former[c], row));
            out.truth.extend(truth.as_ref().map(|t| t.value(row).trim().to_owned()));
        }
        out.part.finish();
        Ok(out)
    }
}

/// A field; one that is not UTF-8 is refused.
fn utf8<'b>(bytes: &'b [u8], refused: &Cell<bool>) -> &'b str {
    std::str::from_utf8(bytes).unwrap_or_else(|_| {
        refused.set(true);
        ""
    })
}

/// Where a field stands in its row.
fn place_of(field: &[u8], row: &[u8]) -> Range<usize> {
    let start = field.as_ptr().addr() - row.as_ptr().addr();
    start..start + field.len()
}

/// How many lines the first rows of a block take.
fn lines_of_rows(bytes: &[u8], rows: usize) -> usize {
    let mut open = false;
    let (mut lines, mut ended) = (0, 0);
    for b in bytes {
        match b {
            b'"' => open = !open,
            b'\n' => {
                lines += usize::from(ended < rows);
                ended += usize::from(!open);
            }
            _ => {}
        }
        if ended == rows {
            break;
        }
    }
    lines
}

/// Rows of a Parquet file that are read at a time.
const ROWS_A_BATCH: usize = 1 << 13;

/// Whole lines of a CSV: how many, and the number of the first.
struct Block {
    bytes: Vec<u8>,
    line: usize,
    lines: usize,
}

/// Cuts a CSV into blocks of whole rows: a line's end between quotes is none.
struct Blocks<'f> {
    input: Box<dyn std::io::Read + Send + 'f>,
    /// Read and not yet handed out.
    rest: Vec<u8>,
    line: usize,
    ended: bool,
}

/// Bytes of a block: some thousand rows, so that all threads have work and few blocks are in memory.
const BLOCK_BYTES: usize = 1 << 20;

fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

impl<'f> Blocks<'f> {
    fn new(input: Box<dyn std::io::Read + Send + 'f>) -> Self {
        Self { input, rest: Vec::new(), line: 1, ended: false }
    }

    /// Where the last whole row of what was read ends.
    fn end_of_rows(&self) -> Option<usize> {
        if self.ended {
            return Some(self.rest.len());
        }
        let mut open = memchr::memchr_iter(b'"', &self.rest).count() % 2 == 1;
        let mut end = self.rest.len();
        loop {
            let at = memchr::memrchr2(b'\n', b'"', &self.rest[..end])?;
            match self.rest[at] {
                b'"' => open = !open,
                _ if !open => return Some(at + 1),
                _ => {}
            }
            end = at;
        }
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        self.rest.reserve(BLOCK_BYTES);
        let read = self.input.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut self.rest)?;
        self.ended = read < BLOCK_BYTES;
        Ok(())
    }
}

impl Iterator for Blocks<'_> {
    type Item = anyhow::Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            if let Err(e) = self.fill() {
                self.ended = true;
                self.rest.clear();
                return Some(Err(e));
            }
            let Some(end) = self.end_of_rows() else { continue };
            let after = self.rest.split_off(end);
            let bytes = std::mem::replace(&mut self.rest, after);
            let block = Block { line: self.line, lines: count_lines(&bytes), bytes };
            self.line += block.lines;
            if !block.bytes.is_empty() {
                return Some(Ok(block));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small reads, and rows that are broken between quotes: every block ends with a row.
    #[test]
    fn blocks_are_whole_rows() {
        struct Drops(Vec<u8>);
        impl std::io::Read for Drops {
            fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
                let n = to.len().min(7).min(self.0.len());
                to[..n].copy_from_slice(&self.0[..n]);
                self.0.drain(..n);
                Ok(n)
            }
        }
        let row = "1,\"two\nlines, and \"\"quotes\"\"\",三\n";
        let text = row.repeat(3 * BLOCK_BYTES / row.len());
        let blocks: Vec<Block> = Blocks::new(Box::new(Drops(text.clone().into_bytes()))).map(Result::unwrap).collect();
        assert!(blocks.len() >= 3);
        let mut line = 1;
        for b in &blocks {
            assert_eq!(b.line, line);
            assert_eq!(b.bytes.len() % row.len(), 0);
            line += count_lines(&b.bytes);
        }
        assert_eq!(blocks.iter().map(|b| b.bytes.as_slice()).collect::<Vec<_>>().concat(), text.as_bytes());
    }
}
