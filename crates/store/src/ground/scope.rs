//! Jurisdiction as SQL: ranges of paths, with their values.

use crate::{Jurisdiction, Value};

/// Longer lists are rare and near the number of values that SQLite binds (32,766): they are not filled up.
const LONGEST_FILLED: usize = 1_024;

/// Conditions of a WHERE, and the values that they bind.
#[derive(Debug, Default)]
pub struct Clause {
    parts: Vec<String>,
    /// In the order of `$1`, `$2`, …
    pub values: Vec<Value>,
}

/// The first text behind all texts that begin with `prefix`, when sorted as bytes.
fn after(prefix: &str) -> String {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        // paths are ASCII at their ends: a stroke or a digit
        *last += 1;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

impl Clause {
    /// Begins empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with values that are bound already: a question inside another one.
    pub fn with(values: Vec<Value>) -> Self {
        Self { parts: Vec::new(), values }
    }

    /// Binds a value and gives its name (`$3`).
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds a condition.
    pub fn add(&mut self, condition: impl Into<String>) {
        self.parts.push(condition.into());
    }

    /// Adds `column = value`.
    pub fn equal(&mut self, column: &str, value: impl Into<Value>) {
        let v = self.bind(value);
        self.add(format!("{column} = {v}"));
    }

    /// Adds `column IN (…)`; an empty list matches nothing. Lists are filled up to the next power of two with their last value, so that
    /// the database meets few different questions and need not plan each anew.
    pub fn one_of(&mut self, column: &str, values: impl IntoIterator<Item = impl Into<Value>>) {
        let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
        let Some(last) = values.last().cloned() else { return self.add("1 = 0") };
        if values.len() <= LONGEST_FILLED {
            values.resize(values.len().next_power_of_two(), last);
        }
        let names: Vec<String> = values.into_iter().map(|v| self.bind(v)).collect();
        self.add(format!("{column} IN ({})", names.join(",")));
    }

    fn range(&mut self, column: &str, prefix: &str) -> String {
        let (from, to) = (self.bind(prefix), self.bind(after(prefix)));
        format!("({column} >= {from} AND {column} < {to})")
    }

    /// Adds that a path lies below a prefix.
    pub fn below(&mut self, column: &str, prefix: &str) {
        let range = self.range(column, prefix);
        self.add(range);
    }

    /// Adds that one of the paths lies inside the jurisdiction: government roots look at `government` columns, education roots at
    /// `education` columns. Nothing granted finds nothing.
    pub fn inside(&mut self, jurisdiction: &Jurisdiction, government: &[&str], education: &[&str]) {
        let mut any = Vec::new();
        for prefix in jurisdiction.prefixes() {
            let columns = if prefix.starts_with('g') { government } else { education };
            for column in columns {
                any.push(self.range(column, prefix));
            }
        }
        self.add(if any.is_empty() { "1 = 0".to_owned() } else { format!("({})", any.join(" OR ")) });
    }

    /// ` WHERE …`, or nothing.
    pub fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }
}

#[cfg(test)]
mod tests {
    use baoxue_domain::place::PlacePath;

    use super::*;

    #[test]
    fn ranges() {
        let roots = [PlacePath::parse("g/52/5288/528801/").unwrap()];
        let mut c = Clause::new();
        c.equal("verdict", "x");
        c.inside(&Jurisdiction::of(roots.iter()), &["residence_path", "register_path"], &["school_path"]);
        assert_eq!(
            c.sql(),
            " WHERE verdict = $1 AND ((school_path >= $2 AND school_path < $3) OR (residence_path >= $4 AND residence_path < $5) OR \
             (register_path >= $6 AND register_path < $7))"
        );
        assert_eq!(c.values[2], Value::from("e/5288010"));
        let mut none = Clause::new();
        none.inside(&Jurisdiction::of([].iter()), &["p"], &["q"]);
        assert_eq!(none.sql(), " WHERE 1 = 0");
    }
}
