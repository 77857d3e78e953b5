//! 比对内核 (linkage kernel): who is the same child.
//!
//! Columns in, scored pairs and clusters out; nothing here knows a case, a school or a file.
//! The stages keep the field's words (Fellegi and Sunter 1969; Splink):
//!
//! ```text
//! encode → block → compare → weigh (EM) → assign → cluster → evaluate
//! ```
//!
//! * [`Encoder`]: takes rows as they are read, and keeps of each what the comparison needs.
//! * [`Table`]: one source of such rows, sorted inside by record id.
//! * [`Settings`]: columns and their [`Kind`]s, blocking rules, thresholds.
//! * [`link`]: the whole run. The result depends on the rows and the settings only: not on the number of
//!   threads, nor on the order of the rows.

mod absent;
mod assign;
mod block;
mod buckets;
mod cluster;
mod compare;
mod copies;
mod decisions;
mod encode;
mod engine;
pub mod evaluate;
mod field;
mod frequency;
mod intern;
mod join;
mod order;
mod records;
mod run;
mod settings;
mod stranger;
mod table;
mod weigh;

pub use absent::Absent;
pub use block::{CappedBlock, Proposed};
pub use decisions::{Decision, Decisions, Judgement};
pub use encode::Encoder;
pub use engine::{Context, Engine, InProcess, Orders, Task, Worker};
pub use field::name::{differing_chars, pinyin_initials, pinyin_syllables};
pub use field::{Kind, NULL_LEVEL};
pub use run::{Clusters, Counts, Explanation, Link, LinkError, Linkage, Member, Observer, Stage, Step, link};
pub use settings::{ColumnSettings, Settings, SettingsError, Thresholds, infer};
pub use table::{Part, Table, TableBuilder, TableError};
pub use weigh::{LatentClass, LevelReport, Model};
