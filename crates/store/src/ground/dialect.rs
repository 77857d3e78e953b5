//! The only place where the two databases differ: opening, binding, decoding, bulk loading, names of types.
//!
//! One SQL text serves both: `$1` binds, `RETURNING`, `ON CONFLICT`. Whole numbers are BIGINT, moments epoch milliseconds, dates
//! `YYYY-MM-DD`, so that nothing compares differently on the two.

use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction};

use crate::common::audit::Told;
use crate::ground::error::{Result, StoreError};

/// Connections that read while one writes; an office has few people at once.
const READERS: u32 = 4;
/// Connections to PostgreSQL of one process.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection or for SQLite's writer before it says that the database is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that rested so long is asked whether it is still there.
const RESTED: Duration = Duration::from_secs(5);
/// SQLite's own memory for pages, a connection: the indexes of a run's rows fit into it.
const CACHE_KIB: u32 = 32 << 10;
/// Rows of one multi-row INSERT on SQLite: with the widest table it stays below SQLite's 32,766 binds.
const ROWS_A_STATEMENT: usize = 400;
/// Memory in which PostgreSQL sorts an index, MB.
const SORTING_MB: u32 = 512;
/// Rows up to which PostgreSQL gets them by INSERT.
const FEW_ROWS: usize = 64;
/// Bytes handed to COPY at a time.
const COPY_BYTES: usize = 1 << 20;

/// A value to bind. Absent values are typed: PostgreSQL asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Whole number.
    Int(Option<i64>),
    /// Text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(Some(v))
    }
}
impl From<Option<i64>> for Value {
    fn from(v: Option<i64>) -> Self {
        Self::Int(v)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Int(Some(i64::from(v)))
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Text(Some(v.to_owned()))
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(Some(v))
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Self {
        Self::Text(Some(v.clone()))
    }
}
impl From<Option<String>> for Value {
    fn from(v: Option<String>) -> Self {
        Self::Text(v)
    }
}
impl From<Option<&str>> for Value {
    fn from(v: Option<&str>) -> Self {
        Self::Text(v.map(str::to_owned))
    }
}
impl From<Vec<u8>> for Value {
    fn from(v: Vec<u8>) -> Self {
        Self::Bytes(Some(v))
    }
}
impl From<Option<Vec<u8>>> for Value {
    fn from(v: Option<Vec<u8>>) -> Self {
        Self::Bytes(v)
    }
}
impl From<jiff::civil::Date> for Value {
    fn from(v: jiff::civil::Date) -> Self {
        Self::Text(Some(v.to_string()))
    }
}
impl From<Option<jiff::civil::Date>> for Value {
    fn from(v: Option<jiff::civil::Date>) -> Self {
        Self::Text(v.map(|d| d.to_string()))
    }
}

/// Values for `$1`, `$2`, …
#[macro_export]
macro_rules! binds {
    ($($v:expr),* $(,)?) => { vec![$($crate::Value::from($v)),*] };
}

/// A row of an answer; columns by place, from 0.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> Result<$type> {
            Ok(match self {
                Self::Sqlite(r) => r.try_get::<$type, _>(column)?,
                Self::Postgres(r) => r.try_get::<$type, _>(column)?,
            })
        }
    };
}

impl Row {
    getter!(
        /// A whole number.
        int, i64
    );
    getter!(
        /// A whole number or nothing.
        opt_int, Option<i64>
    );
    getter!(
        /// Text.
        text, String
    );
    getter!(
        /// Text or nothing.
        opt_text, Option<String>
    );
    getter!(
        /// Bytes.
        bytes, Vec<u8>
    );
    getter!(
        /// Bytes or nothing.
        opt_bytes, Option<Vec<u8>>
    );

    /// Yes or no, kept as 1 or 0.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A date or nothing.
    pub fn opt_date(&self, column: usize) -> Result<Option<jiff::civil::Date>> {
        Ok(self.opt_text(column)?.and_then(|t| t.parse().ok()))
    }
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// A migration's text for this database: `{id}` a key that numbers itself, `{bytes}`, `{path}` text that sorts as bytes.
    pub(crate) fn migration(self, text: &str) -> String {
        let (id, bytes, path) = match self {
            Self::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB", "TEXT"),
            Self::Postgres => ("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "BYTEA", "TEXT COLLATE \"C\""),
        };
        text.replace("{id}", id).replace("{bytes}", bytes).replace("{path}", path)
    }

    /// The SQL of the database's own clock, in epoch milliseconds.
    pub(crate) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}

/// The pools of a database.
#[derive(Clone)]
pub(crate) enum Pools {
    /// SQLite has one writer.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Pools {
    pub async fn open(url: &str) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options: PgConnectOptions = url.parse().map_err(|_| StoreError::BadUrl)?;
            let pool = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(PATIENCE)
                // a connection in use is not asked each time whether it is still there
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    Box::pin(async move {
                        if meta.idle_for < RESTED {
                            return Ok(true);
                        }
                        Ok(sqlx::Connection::ping(connection).await.is_ok())
                    })
                })
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        // compiling a plan costs more than any question of ours; a database without it need not know the word
                        let _ = sqlx::Executor::execute(connection, "SET jit = off").await;
                        Ok(())
                    })
                })
                .connect_with(options.application_name("baoxue"))
                .await?;
            return Ok(Self::Postgres(pool));
        }
        let path = url.strip_prefix("sqlite:").ok_or(StoreError::BadUrl)?;
        let options = SqliteConnectOptions::new()
            .filename(Path::new(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with FULL: what is acknowledged survives a power cut
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .busy_timeout(PATIENCE);
        let pool = |n: u32| SqlitePoolOptions::new().max_connections(n).acquire_timeout(PATIENCE);
        // a full disk makes SQLite roll back by itself; the connection does not know, and would never begin again
        let writer = pool(1)
            .before_acquire(|connection, _| Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(connection)) }))
            .connect_with(options.clone())
            .await?;
        let readers = pool(READERS).connect_with(options).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Inner::Sqlite(Box::new(writer.begin_with("BEGIN IMMEDIATE").await?)).into(),
            Self::Postgres(pool) => begin_whole(pool, "BEGIN").await?,
        })
    }

    /// A transaction that sees the database as it is now, whatever others write meanwhile.
    pub async fn snapshot(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Inner::Sqlite(Box::new(readers.begin().await?)).into(),
            Self::Postgres(pool) => begin_whole(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
        })
    }

    pub(crate) async fn all(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                let rows = sqlx::query_with(AssertSqlSafe(sql), sqlite(values)?).fetch_all(readers).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query_with(AssertSqlSafe(sql), postgres(values)?).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Begins a transaction in a task of its own, so that whoever waits for it may go away. Given up half-way (a browser that is closed, a task
/// that is ended), sqlx 0.9.0 leaves the connection inside a transaction that nobody knows of (its issue 4393): whoever got it next would be in
/// it, and after one error everybody.
async fn begin_whole(pool: &PgPool, statement: &'static str) -> Result<Tx> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    Ok(Inner::Postgres(Box::new(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)).into())
}

fn sqlite(values: Vec<Value>) -> Result<SqliteArguments> {
    use sqlx::Arguments as _;
    let mut out = SqliteArguments::default();
    for v in values {
        match v {
            Value::Int(v) => out.add(v),
            Value::Text(v) => out.add(v),
            Value::Bytes(v) => out.add(v),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

fn postgres(values: Vec<Value>) -> Result<PgArguments> {
    use sqlx::Arguments as _;
    let mut out = PgArguments::default();
    for v in values {
        match v {
            Value::Int(v) => out.add(v),
            Value::Text(v) => out.add(v),
            Value::Bytes(v) => out.add(v),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

/// A transaction. Dropped without [`Tx::commit`], it never was.
pub struct Tx {
    inner: Inner,
    /// What the log is told of it, written last of all.
    pub(crate) told: Vec<Told>,
    /// Whether it changed anything.
    wrote: bool,
    /// Rows that nobody reads before the end, written together then: table, columns, values.
    later: Vec<(&'static str, &'static [&'static str], Vec<Value>)>,
}

enum Inner {
    /// On SQLite's writer.
    Sqlite(Box<Transaction<'static, Sqlite>>),
    /// On PostgreSQL.
    Postgres(Box<Transaction<'static, Postgres>>),
}

impl From<Inner> for Tx {
    fn from(inner: Inner) -> Self {
        Self { inner, told: Vec::new(), wrote: false, later: Vec::new() }
    }
}

impl Tx {
    /// Which database.
    pub fn dialect(&self) -> Dialect {
        match &self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Rows of an answer.
    pub(crate) async fn all(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.wrote |= !sql.trim_start().starts_with("SELECT");
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => {
                let rows = sqlx::query_with(AssertSqlSafe(sql), sqlite(values)?).fetch_all(&mut ***tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Postgres(tx) => {
                let rows = sqlx::query_with(AssertSqlSafe(sql), postgres(values)?).fetch_all(&mut ***tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Hands over the rows of an answer one by one: a table need not fit into memory.
    pub(crate) async fn each(
        &mut self,
        sql: &str,
        values: Vec<Value>,
        mut take: impl FnMut(Row) -> Result<()> + Send,
    ) -> Result<()> {
        match &mut self.inner {
            Inner::Sqlite(tx) => {
                let mut rows = sqlx::query_with(AssertSqlSafe(sql), sqlite(values)?).fetch(&mut ***tx);
                while let Some(r) = rows.try_next().await? {
                    take(Row::Sqlite(r))?;
                }
            }
            Inner::Postgres(tx) => {
                let mut rows = sqlx::query_with(AssertSqlSafe(sql), postgres(values)?).fetch(&mut ***tx);
                while let Some(r) = rows.try_next().await? {
                    take(Row::Postgres(r))?;
                }
            }
        }
        Ok(())
    }

    /// After rows with given numbers were put in: the next number that the database gives is behind them.
    pub(crate) async fn continue_numbers(&mut self, table: &str) -> Result<()> {
        // SQLite's AUTOINCREMENT goes on behind the largest by itself
        if let Inner::Postgres(_) = &self.inner {
            let sql = format!(
                "SELECT CAST(setval(pg_get_serial_sequence('{table}', 'id'), GREATEST(COALESCE(MAX(id), 0), 1), COALESCE(MAX(id), 0) > 0) AS BIGINT) FROM {table}"
            );
            self.all(&sql, vec![]).await?;
        }
        Ok(())
    }

    /// The first row, if any.
    pub(crate) async fn one(&mut self, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        self.wrote = true;
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => sqlx::query_with(AssertSqlSafe(sql), sqlite(values)?).execute(&mut ***tx).await?.rows_affected(),
            Inner::Postgres(tx) => {
                sqlx::query_with(AssertSqlSafe(sql), postgres(values)?).execute(&mut ***tx).await?.rows_affected()
            }
        })
    }

    /// Waits for every other transaction that took the same lock. SQLite's writer is alone anyway.
    pub(crate) async fn lock(&mut self, number: i64) -> Result<()> {
        if let Inner::Postgres(_) = &self.inner {
            self.all("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)", vec![Value::from(number)]).await?;
        }
        Ok(())
    }

    /// Runs a text of several statements without values.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        self.wrote = true;
        match &mut self.inner {
            Inner::Sqlite(tx) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut ***tx).await.map(|_| ())?,
            Inner::Postgres(tx) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut ***tx).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Takes keys and indexes off tables that are about to be filled for the first time, and gives what [`Tx::script`] puts them back with.
    /// PostgreSQL sorts a full table several times faster than it keeps an index in order row by row; the tables are locked meanwhile.
    /// SQLite keeps its own: its rows come in order.
    pub(crate) async fn drop_indexes(&mut self, tables: &[&str]) -> Result<String> {
        let Inner::Postgres(_) = &self.inner else { return Ok(String::new()) };
        let named = tables.iter().map(|t| format!("'{t}'")).collect::<Vec<_>>().join(",");
        let of = format!("t.relname IN ({named}) AND t.relnamespace = CAST(current_schema() AS regnamespace)");
        let sql = format!(
            "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, c.conname),
                    format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
             FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'p' AND {of}
             UNION ALL
             SELECT format('DROP INDEX %I', x.relname), pg_get_indexdef(i.indexrelid)
             FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
             WHERE NOT i.indisprimary AND {of}"
        );
        let mut back = format!("SET LOCAL maintenance_work_mem = '{SORTING_MB}MB'");
        for row in self.all(&sql, vec![]).await? {
            self.script(&row.text(0)?).await?;
            back = format!("{back};\n{}", row.text(1)?);
        }
        Ok(back)
    }

    /// Puts rows into a table: many by COPY on PostgreSQL, and by the hundred on SQLite.
    pub(crate) async fn insert_many(&mut self, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<u64> {
        let mut n = 0;
        self.wrote |= !rows.is_empty();
        match &mut self.inner {
            // COPY sends little pieces and waits for each to be heard of, 40 ms: for a few rows that is all of the time
            Inner::Postgres(_) if rows.len() <= FEW_ROWS => {
                let mut left = rows;
                while !left.is_empty() {
                    // few different statements, which the database has planned before
                    let rest = left.split_off(1 << left.len().ilog2());
                    n += left.len() as u64;
                    self.insert_rows(table, columns, left).await?;
                    left = rest;
                }
            }
            Inner::Postgres(tx) => {
                let mut copy = tx.copy_in_raw(&format!("COPY {table} ({}) FROM STDIN", columns.join(","))).await?;
                let mut text: Vec<u8> = Vec::with_capacity(COPY_BYTES + (1 << 16));
                for row in rows {
                    n += 1;
                    copy_line(&row, &mut text);
                    if text.len() >= COPY_BYTES {
                        copy.send(text.as_slice()).await?;
                        text.clear();
                    }
                }
                if !text.is_empty() {
                    copy.send(text.as_slice()).await?;
                }
                copy.finish().await?;
            }
            Inner::Sqlite(_) => {
                let mut rows = rows.into_iter();
                loop {
                    let part: Vec<Vec<Value>> = rows.by_ref().take(ROWS_A_STATEMENT).collect();
                    if part.is_empty() {
                        break;
                    }
                    n += part.len() as u64;
                    self.insert_rows(table, columns, part).await?;
                }
            }
        }
        Ok(n)
    }

    /// Puts rows into a table by one statement.
    async fn insert_rows(&mut self, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
        let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(","));
        for i in 0..rows.len() {
            let bound: Vec<String> = (1..=columns.len()).map(|c| format!("${}", i * columns.len() + c)).collect();
            sql.push_str(if i == 0 { "(" } else { ",(" });
            sql.push_str(&bound.join(","));
            sql.push(')');
        }
        self.run(&sql, rows.into_iter().flatten().collect()).await?;
        Ok(())
    }

    /// Makes everything since the beginning true at once, and tells the log of it. A change of which nobody tells the log is a mistake of the
    /// program, found by any test that comes by; where it is meant, see [`Tx::commit_untold`].
    pub async fn commit(self) -> Result<()> {
        let untold = self.wrote && self.told.is_empty();
        debug_assert!(!untold, "a change without its row in the audit log");
        if untold {
            tracing::error!("a change without its row in the audit log");
        }
        self.end().await
    }

    /// The same for what the log need not know, and why: nothing that people would ask about later.
    pub async fn commit_untold(self, why: &'static str) -> Result<()> {
        debug_assert!(self.told.is_empty(), "the log is told of it, though {why}");
        self.end().await
    }

    /// Puts a row into a table at the end of the transaction, with the others of that table.
    pub(crate) fn insert_later(&mut self, table: &'static str, columns: &'static [&'static str], values: Vec<Value>) {
        self.wrote = true;
        self.later.push((table, columns, values));
    }

    /// Of two who change what hangs on the same rows one waits. SQLite has one writer anyway.
    pub(crate) async fn lock_rows(&mut self, table: &str, ids: &[i64]) -> Result<()> {
        if let (Inner::Postgres(_), false) = (&self.inner, ids.is_empty()) {
            let mut c = crate::Clause::new();
            c.one_of("id", ids.iter().copied());
            self.all(&format!("SELECT id FROM {table}{} ORDER BY id FOR UPDATE", c.sql()), c.values).await?;
        }
        Ok(())
    }

    async fn write_later(&mut self) -> Result<()> {
        let mut left = std::mem::take(&mut self.later);
        while let Some((table, columns, _)) = left.first() {
            let (table, columns) = (*table, *columns);
            let (these, others) = left.into_iter().partition(|l| l.0 == table && l.1 == columns);
            left = others;
            let these: Vec<(&str, &[&str], Vec<Value>)> = these;
            self.insert_many(table, columns, these.into_iter().map(|l| l.2).collect()).await?;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<()> {
        self.write_later().await?;
        self.write_log().await?;
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// A line of COPY's text form.
fn copy_line(row: &[Value], out: &mut Vec<u8>) {
    for (i, v) in row.iter().enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        match v {
            Value::Int(Some(v)) => out.extend(v.to_string().bytes()),
            Value::Text(Some(v)) => {
                for b in v.bytes() {
                    match b {
                        b'\\' => out.extend(b"\\\\"),
                        b'\t' => out.extend(b"\\t"),
                        b'\n' => out.extend(b"\\n"),
                        b'\r' => out.extend(b"\\r"),
                        b => out.push(b),
                    }
                }
            }
            Value::Bytes(Some(v)) => {
                out.extend(b"\\\\x");
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend(v.iter().flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]));
            }
            Value::Int(None) | Value::Text(None) | Value::Bytes(None) => out.extend(b"\\N"),
        }
    }
    out.push(b'\n');
}
