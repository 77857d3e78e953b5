//! SQL from outside, for tests only (feature `raw`): the product cannot ask the database past the jurisdiction of whoever asks.

use crate::{ChildRow, Result, Row, Store, Tx, Value};

impl Store {
    /// Rows of a question.
    pub async fn raw_all(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.all(sql, values).await
    }

    /// A child, whoever asks.
    pub async fn raw_child(&self, id: i64) -> Result<Option<ChildRow>> {
        Ok(self.children_numbered(&[id], None).await?.into_iter().next())
    }

    /// The first row of a question, if any.
    pub async fn raw_one(&self, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
        self.one(sql, values).await
    }
}

impl Tx {
    /// Rows of an answer.
    pub async fn raw_all(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.all(sql, values).await
    }

    /// The first row, if any.
    pub async fn raw_one(&mut self, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
        self.one(sql, values).await
    }

    /// Runs a statement and says how many rows it touched.
    pub async fn raw_run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        self.run(sql, values).await
    }

    /// Runs a text of several statements without values.
    pub async fn raw_script(&mut self, sql: &str) -> Result<()> {
        self.script(sql).await
    }

    /// Puts many rows into a table.
    pub async fn raw_insert_many(&mut self, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<u64> {
        self.insert_many(table, columns, rows).await
    }
}
