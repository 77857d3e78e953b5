//! 文件 (documents): bytes to sheets and back. No rules, no database: what a column means is not known here.
//!
//! * [`read`]: a file as people send it → [`Sheet`]s with cell addresses, or a refusal that says the way out.
//! * [`photo`]: a photo as a telephone makes it → its pixels, and nothing else.
//! * [`write`]: tables → `.xlsx` in the look of an office.

pub mod photo;
pub mod read;
mod sheet;
pub mod text;
pub mod write;

pub use sheet::{Cell, CellKind, Sheet, SheetBuilder, address};
