//! CSV and Parquet files as Arrow string columns.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use baoxue_documents::text::decode;
use baoxue_linkage::{Settings, Table};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

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

    /// Reads the columns that settings name, and the column of truth.
    pub fn into_table(self, settings: &Settings, truth: Option<&str>) -> anyhow::Result<(Table, Option<StringArray>)> {
        let headings = self.headings();
        let mut wanted: Vec<String> = settings
            .columns
            .iter()
            .filter_map(|c| c.headings().find(|n| headings.iter().any(|h| h == n)).map(str::to_owned))
            .collect();
        wanted.extend(settings.columns.iter().flat_map(|c| &c.former).filter(|f| headings.contains(f)).cloned());
        wanted.extend(settings.id.clone());
        if let Some(t) = truth {
            if !headings.iter().any(|h| h == t) {
                bail!("文件 {} 没有 --truth 所说的列“{t}”", self.path.display());
            }
            wanted.push(t.to_owned());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut columns = match self.content {
            Content::Csv { headings, encoding: CsvEncoding::Decoded(text) } => {
                read_csv(&self.path, text.as_bytes(), text.len(), &headings, &wanted)?
            }
            Content::Csv { headings, encoding: CsvEncoding::Utf8 } => {
                let file = std::fs::File::open(&self.path)?;
                let size = usize::try_from(file.metadata()?.len()).unwrap_or(0);
                read_csv(&self.path, std::io::BufReader::with_capacity(SAMPLE_BYTES, file), size, &headings, &wanted)?
            }
            Content::Parquet { headings } => read_parquet(&self.path, &headings, &wanted)?,
        };
        let rows = columns.first().map_or(0, |c| c.1.len());
        let ids = match &settings.id {
            Some(id) => columns.iter().find(|c| &c.0 == id).map(|c| c.1.clone()),
            None => None,
        };
        // without ids the row number, padded so that it sorts as a number
        let ids = ids.unwrap_or_else(|| StringArray::from_iter_values((1..=rows).map(|i| format!("{i:09}"))));
        let truth = truth.and_then(|t| columns.iter().find(|c| c.0 == t).map(|c| c.1.clone()));
        columns.retain(|c| settings.columns.iter().any(|s| s.headings().any(|h| h == c.0) || s.former.contains(&c.0)));
        let name = self.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Ok((Table::new(name, ids, columns).with_context(|| format!("{}", self.path.display()))?, truth))
    }
}

fn read_csv(
    path: &Path,
    mut input: impl std::io::BufRead,
    size: usize,
    headings: &[String],
    wanted: &[String],
) -> anyhow::Result<Vec<(String, StringArray)>> {
    let broken = || format!("{} 无法读取", path.display());
    let sample = input.fill_buf().with_context(broken)?;
    // room for all values from the first lines, so that columns need not grow
    let lines = sample.iter().filter(|b| **b == b'\n').count().max(1);
    let rows = size * lines / sample.len().max(1) * 21 / 20 + 1;
    if sample.starts_with(BOM) {
        input.consume(BOM.len());
    }
    let places: Vec<usize> = wanted.iter().filter_map(|w| headings.iter().position(|h| h == w)).collect();
    let mut builders: Vec<StringBuilder> = places.iter().map(|_| StringBuilder::with_capacity(rows, rows * 8)).collect();
    let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(SAMPLE_BYTES).from_reader(input);
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .with_context(|| format!("{} 读到第 {} 行出错", path.display(), reader.position().line()))?
    {
        let line = || record.position().map_or(0, csv::Position::line);
        if record.len() < headings.len() && record.len() > 1 && record.iter().any(|f| !f.is_empty()) {
            bail!("{} 第 {} 行只有 {} 列,表头有 {} 列;请检查引号和逗号", path.display(), line(), record.len(), headings.len());
        }
        for (b, &i) in builders.iter_mut().zip(&places) {
            match std::str::from_utf8(record.get(i).unwrap_or_default()) {
                Ok(s) => b.append_value(s.trim()),
                Err(_) => bail!("{} 第 {} 行有不是 UTF-8 的字符,而文件开头是 UTF-8;请另存为 UTF-8", path.display(), line()),
            }
        }
    }
    Ok(wanted.iter().cloned().zip(builders.iter_mut().map(StringBuilder::finish)).collect())
}

fn read_parquet(path: &Path, headings: &[String], wanted: &[String]) -> anyhow::Result<Vec<(String, StringArray)>> {
    let broken = || format!("{} 读不出来,文件可能不完整", path.display());
    let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?).with_context(broken)?;
    let roots = wanted.iter().filter_map(|w| headings.iter().position(|h| h == w));
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mut builders: Vec<StringBuilder> = wanted.iter().map(|_| StringBuilder::with_capacity(rows, rows * 12)).collect();
    for batch in builder.with_projection(mask).build().with_context(broken)? {
        let batch = batch.with_context(broken)?;
        for (b, w) in builders.iter_mut().zip(wanted) {
            let column: ArrayRef = batch.column_by_name(w).cloned().with_context(broken)?;
            let text =
                cast(&column, &DataType::Utf8).with_context(|| format!("{} 的列“{w}”不是文本、数字或日期", path.display()))?;
            let text = text.as_any().downcast_ref::<StringArray>().with_context(broken)?;
            text.iter().for_each(|v| b.append_value(v.unwrap_or_default().trim()));
        }
    }
    Ok(wanted.iter().cloned().zip(builders.iter_mut().map(StringBuilder::finish)).collect())
}
