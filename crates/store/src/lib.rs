//! 存储 (the store): the only SQL. One file per aggregate, one text of SQL for SQLite and PostgreSQL.
//!
//! Look-ups of children and findings take the actor's [`Jurisdiction`]: what one may not see is not found. Every change goes through a
//! [`Tx`], and writes its audit row in the same one.

mod access;
mod attendance;
mod case;
mod common;
mod comparison;
mod finding;
mod ground;
mod ledger;
mod offline;
mod place;
mod roster;

use std::path::{Path, PathBuf};

pub use access::account::{Account, GrantRow, NewAccount, Session};
pub use attendance::calendar::{ExceptionRow, TermRow};
pub use attendance::duties::Duty;
pub use attendance::learning::{Learning, LearningRow};
pub use attendance::leaves::{Leave, LeaveDetail, Watched};
pub use attendance::newcomers::{NewNewcomer, Newcomer, NewcomerDetail, NewcomerState};
pub use attendance::registers::{MarkDetail, MarkRow, NewRegister, Register, RegisterCount, RegisterKey};
pub use attendance::warnings::{Warning, WarningFilter};
pub use case::asks::{AskDetail, CaseAsk};
pub use case::contacts::{Contact, ContactDetail, NewContact};
pub use case::files::{CaseChange, CaseCount, CaseFile, CaseThen, NewCase, Owned, Story};
pub use case::filter::{CaseFilter, CaseOrder, Whose};
pub use case::papers::{CasePaper, NewPaper, PaperDetail};
pub use case::returns::{CaseCheck, CaseReturn, ReturnDetail};
pub use common::audit::{AuditEntry, AuditFilter, Broken, Head, NewAudit, Verification};
pub use common::event::{After, Event, LookedUp, NewEvent, NewFile, Proof, Subject};
pub use common::job::{Job, JobState, Lane, Lease, NewJob};
pub use common::request::{NewRequest, REQUEST_MS, Request, RequestKind, RequestState};
pub use common::setting::{NewSetting, Setting};
pub use common::task::{NewTask, Task, UnitTasks};
pub use comparison::review::{Decision, DecisionFilter, NewPair, ReviewPair, Side};
pub use comparison::run::{ChildRecord, KnownChild, NewRun, Run, RunResult, RunState, SourceKey};
pub use finding::findings::{Finding, FindingFilter, FindingOrder, FindingThen, PlaceCount, Placed, Returned, StateCount};
pub use ground::backup::Manifest;
pub use ground::bucket::FileBucket;
pub use ground::dialect::{Dialect, Row, Tx, Value};
pub use ground::envelope::{EnvelopeReader, EnvelopeWriter};
pub use ground::error::{Result, StoreError, in_words};
pub use ground::files::StoredReader;
pub use ground::schema::{OnMerge, OnRelocation, columns_of_children, columns_of_files, columns_of_places};
pub(crate) use ground::scope::Clause;
pub use ground::vault::{Vault, random};
pub use ledger::child::{AsOf, ChildPage, ChildRow, LedgerQuery, LedgerRow, Listed, Order, Profile, SourceRowRef};
pub use ledger::class_count::ClassCount;
pub use ledger::search::{MAX_FOUND, SearchKind, asks_for_number, tokens_of};
pub use ledger::standing::{Established, History, NewEstablishment};
pub use offline::devices::{NewDevice, OfflineDevice, OfflineKey};
pub use offline::records::{DONE, HELD, NewRecord, OfflinePart, OfflineRecord, PUT_ASIDE};
pub use place::places::{NewPlace, Place};
pub use place::relocation::{Relocated, Relocation};
pub use roster::batch::{Batch, BatchState, NewBatch};

use baoxue_domain::access::Jurisdiction;

/// Everything that is kept: database, encrypted files, keys.
#[derive(Clone)]
pub struct Store {
    pools: ground::dialect::Pools,
    vault: Vault,
    folder: PathBuf,
    /// Where encrypted files are at home, if not in the folder.
    bucket: Option<FileBucket>,
    lease_ms: i64,
    counts: ledger::child::CountCache,
    case_counts: case::files::CaseCounts,
    names: place::places::NameCache,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…`; encrypted files lie below `folder`. Does not migrate: see [`Store::migrate`].
    pub async fn open(url: &str, folder: &Path, vault: Vault) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            pools: ground::dialect::Pools::open(url).await?,
            vault,
            folder: folder.to_owned(),
            bucket: None,
            lease_ms: common::job::LEASE_MS,
            counts: ledger::child::CountCache::default(),
            case_counts: case::files::CaseCounts::default(),
            names: place::places::NameCache::default(),
        })
    }

    /// The same store, whose workers hold a job for so long without a word.
    pub fn with_lease(self, ms: i64) -> Self {
        Self { lease_ms: ms, ..self }
    }

    /// The same store, whose encrypted files are at home in a bucket.
    pub fn with_bucket(self, bucket: Option<FileBucket>) -> Self {
        Self { bucket, ..self }
    }

    /// Which database.
    pub fn dialect(&self) -> Dialect {
        self.pools.dialect()
    }

    /// The keys.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Folder of the encrypted files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a transaction; on SQLite it is the only writer until it ends.
    pub async fn begin(&self) -> Result<Tx> {
        self.pools.begin().await
    }

    /// Sees the database as it is now, for as long as it takes.
    pub(crate) async fn snapshot(&self) -> Result<Tx> {
        self.pools.snapshot().await
    }

    /// Rows of a question.
    pub(crate) async fn all(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.pools.all(sql, values).await
    }

    /// The first row of a question, if any.
    pub(crate) async fn one(&self, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.pools.all(sql, values).await?.into_iter().next())
    }

    /// The database's own clock, epoch milliseconds: what leases go by.
    pub async fn database_now(&self) -> Result<i64> {
        let row = self.one(&format!("SELECT {}", self.dialect().now()), vec![]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}
