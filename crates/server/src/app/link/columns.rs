//! CSV and Parquet files as Arrow string columns.

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
    Csv { text: String, headings: Vec<String> },
    Parquet { headings: Vec<String> },
}

/// Opens a file by what it is, not by how it is called.
pub fn open(path: &Path) -> anyhow::Result<Source> {
    let place = || format!("无法读取文件 {}", path.display());
    let size = std::fs::metadata(path).with_context(place)?.len();
    let mut head = [0u8; 4];
    std::io::Read::read(&mut std::fs::File::open(path).with_context(place)?, &mut head).with_context(place)?;
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
        let text = decode(std::fs::read(path).with_context(place)?).with_context(|| format!("{} 不是文本", path.display()))?;
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let headings: Vec<String> = reader
            .headers()
            .with_context(|| format!("{} 的表头读不出来", path.display()))?
            .iter()
            .map(|h| h.trim().to_owned())
            .collect();
        if headings.iter().all(String::is_empty) {
            bail!("{} 是空文件:没有表头", path.display());
        }
        Content::Csv { text, headings }
    };
    Ok(Source { path: path.to_owned(), content })
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
        let mut wanted: Vec<String> = settings.columns.iter().filter_map(|c| c.headings().find(|n| headings.iter().any(|h| h == n)).map(str::to_owned)).collect();
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
            Content::Csv { text, headings } => read_csv(&self.path, &text, &headings, &wanted)?,
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
        columns.retain(|c| settings.columns.iter().any(|s| s.headings().any(|h| h == c.0)));
        let name = self.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Ok((Table::new(name, ids, columns).with_context(|| format!("{}", self.path.display()))?, truth))
    }
}

fn read_csv(path: &Path, text: &str, headings: &[String], wanted: &[String]) -> anyhow::Result<Vec<(String, StringArray)>> {
    let places: Vec<usize> = wanted.iter().filter_map(|w| headings.iter().position(|h| h == w)).collect();
    let rows = text.len() / 60;
    let mut builders: Vec<StringBuilder> = places.iter().map(|_| StringBuilder::with_capacity(rows, rows * 12)).collect();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).with_context(|| format!("{} 读到第 {} 行出错", path.display(), reader.position().line()))? {
        if record.len() < headings.len() && record.iter().any(|f| !f.is_empty()) && record.len() > 1 {
            let line = record.position().map_or(0, csv::Position::line);
            bail!("{} 第 {line} 行只有 {} 列,表头有 {} 列;请检查引号和逗号", path.display(), record.len(), headings.len());
        }
        for (b, &i) in builders.iter_mut().zip(&places) {
            let field = record.get(i).unwrap_or_default();
            b.append_value(std::str::from_utf8(field).unwrap_or_default().trim());
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
            let text = cast(&column, &DataType::Utf8).with_context(|| format!("{} 的列“{w}”不是文本、数字或日期", path.display()))?;
            let text = text.as_any().downcast_ref::<StringArray>().with_context(broken)?;
            text.iter().for_each(|v| b.append_value(v.unwrap_or_default().trim()));
        }
    }
    Ok(wanted.iter().cloned().zip(builders.iter_mut().map(StringBuilder::finish)).collect())
}
