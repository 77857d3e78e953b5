//! 名册 (rosters): from a sheet's cells to rows of children and problems as values.
//!
//! `layout` finds the head and the rows, `field` knows headings, `kind` tells the sources apart, `read` makes rows,
//! `rules` hold cross-field rules, one small file each.

mod classes;
mod clean;
mod field;
mod issue;
mod kind;
mod layout;
mod national;
mod read;
mod row;
mod rules;

pub use classes::{ClassKey, ClassRegister};
pub use clean::{clean_text, strip_remark};
pub use field::{Field, recognise_heading, template_heading};
pub use issue::{IssueCode, RowIssue, Severity};
pub use kind::{KindGuess, SourceKind, recognise_kind};
pub use layout::{ColumnMapping, Layout, Mapping, Slot, find_layout};
pub use national::NationalTemplate;
pub use read::{ReadRoster, SheetContext, read_rows};
pub use row::{FieldValues, RosterRow};
pub use rules::{CrossRule, all_rules};

/// A cell as a sheet gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawCell<'a> {
    /// What it was in the file.
    pub kind: RawKind,
    /// Its text form.
    pub text: &'a str,
}

/// What a cell was in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawKind {
    /// Nothing.
    Empty,
    /// Text.
    Text,
    /// A number, which may have lost digits beyond the fifteenth.
    Number,
    /// A date, as `YYYY-MM-DD`.
    Date,
    /// An Excel error.
    Error,
}

/// A sheet, however it is kept. Rows and columns count from 0.
pub trait Grid {
    /// Name of the sheet.
    fn name(&self) -> &str;
    /// Number of rows.
    fn height(&self) -> usize;
    /// Number of columns.
    fn width(&self) -> usize;
    /// A cell; empty outside the sheet.
    fn cell(&self, row: usize, column: usize) -> RawCell<'_>;
}
