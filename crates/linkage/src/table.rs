//! One source as columns of text.

use arrow_array::{Array, StringArray};
use thiserror::Error;

use crate::settings::Settings;

/// 一个来源的名册 (one source): record ids and the columns that settings name, as Arrow strings. An empty string is a missing value.
///
/// Rows are held sorted by record id, so that nothing later can depend on the order of a file.
#[derive(Debug, Clone)]
pub struct Table {
    /// What people call the source (a file stem, a source kind).
    pub name: String,
    ids: StringArray,
    columns: Vec<(String, StringArray)>,
    /// For the row at a place in record-id order: its place in the input. Aliases follow after the rows proper.
    input_row: Vec<u32>,
    /// For every alias: the rank of the row that it stands for.
    aliases: Vec<u32>,
}

/// Why columns do not make a source.
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
    /// A column's length differs from the ids'.
    #[error("来源“{source_name}”的列“{column}”有 {rows} 行,编号有 {ids} 行")]
    Ragged {
        /// The source's name.
        source_name: String,
        /// The column.
        column: String,
        /// Its rows.
        rows: usize,
        /// The rows of the id column.
        ids: usize,
    },
    /// More rows than a 32-bit index holds.
    #[error("来源“{0}”的行数超过上限")]
    TooManyRows(String),
}

impl Table {
    /// Sorts by `ids` (numbers of different length sort as text) and checks that they are unique.
    pub fn new(name: impl Into<String>, ids: StringArray, columns: Vec<(String, StringArray)>) -> Result<Self, TableError> {
        use rayon::prelude::*;
        let name = name.into();
        let rows = u32::try_from(ids.len()).map_err(|_| TableError::TooManyRows(name.clone()))?;
        for (column, values) in &columns {
            if values.len() != ids.len() {
                return Err(TableError::Ragged { source_name: name, column: column.clone(), rows: values.len(), ids: ids.len() });
            }
        }
        let mut order: Vec<(u64, u32)> = (0..rows).into_par_iter().map(|i| (prefix(ids.value(i as usize)), i)).collect();
        order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids.value(a.1 as usize).cmp(ids.value(b.1 as usize))));
        let input_row: Vec<u32> = order.into_iter().map(|(_, i)| i).collect();
        if let Some(w) = input_row.windows(2).find(|w| ids.value(w[0] as usize) == ids.value(w[1] as usize)) {
            return Err(TableError::RepeatedId { source_name: name, id: ids.value(w[0] as usize).to_owned() });
        }
        Ok(Self { name, ids, columns, input_row, aliases: Vec::new() })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.input_row.len() - self.aliases.len()
    }

    /// Number of rows and aliases.
    pub(crate) fn records(&self) -> usize {
        self.input_row.len()
    }

    /// Ranks of the rows that aliases stand for, in the order of the aliases.
    pub(crate) fn aliases(&self) -> &[u32] {
        &self.aliases
    }

    /// 曾用名: every row with a former name also stands under it. Such an alias is another way to find the row, never another row.
    pub(crate) fn add_former_names(&mut self, settings: &Settings) {
        for s in &settings.columns {
            let heading = s.headings().find(|h| self.column(h).is_some()).map(str::to_owned);
            let former = s.former.iter().find_map(|h| self.column(h)).cloned();
            let (Some(heading), Some(former)) = (heading, former) else { continue };
            let Some(now) = self.column(&heading).cloned() else { continue };
            let ranks = (0..self.len()).filter(|rank| {
                let row = self.input_row[*rank] as usize;
                !former.value(row).is_empty() && former.value(row) != now.value(row)
            });
            let ranks: Vec<u32> = ranks.map(|r| r as u32).collect();
            if ranks.is_empty() {
                continue;
            }
            let rows: Vec<usize> = ranks.iter().map(|r| self.input_row[*r as usize] as usize).collect();
            let first = now.len() as u32;
            for (name, values) in &mut self.columns {
                let more = if *name == heading { &former } else { &*values };
                let all = (0..values.len()).map(|i| values.value(i)).chain(rows.iter().map(|i| more.value(*i)));
                *values = StringArray::from_iter_values(all);
            }
            self.input_row.extend(first..first + rows.len() as u32);
            self.aliases.extend(ranks);
        }
    }

    /// Whether the source has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record id of the row at `rank` in record-id order.
    pub fn id(&self, rank: usize) -> &str {
        self.ids.value(self.input_row[rank] as usize)
    }

    /// Where the row at `rank` stood in the input, from 0.
    pub fn input_row(&self, rank: usize) -> usize {
        self.input_row[rank] as usize
    }

    /// The values of a column, by its name, in input order.
    pub fn column(&self, name: &str) -> Option<&StringArray> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Names of the columns.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(n, _)| n.as_str())
    }

    /// Gives up the memory of the columns; the ids stay.
    pub fn drop_columns(&mut self) {
        self.columns = Vec::new();
    }
}

/// The first eight bytes, so that most comparisons of the sort need no look at the text.
fn prefix(s: &str) -> u64 {
    let mut b = [0u8; 8];
    let n = s.len().min(8);
    b[..n].copy_from_slice(&s.as_bytes()[..n]);
    u64::from_be_bytes(b)
}
