//! 问题行 (bad rows) as a spreadsheet: each row as it was, the reason in a column beside its cell.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_documents::write::{Column, TableSheet, Value};
use baoxue_domain::roster::{Field, RowIssue, Severity};

use crate::app::roster::reading::RosterFile;

/// What the title says behind the name of the file.
pub const TITLE: &str = "——问题行";

/// Whether a file has such rows.
pub fn any(file: &RosterFile) -> bool {
    file.roster.issues.iter().any(|i| i.severity() >= Severity::Confirm)
}

/// Sheets of the rows that have problems worth a person's time; empty when there are none.
pub fn sheets(file: &RosterFile) -> Vec<TableSheet<'static>> {
    let mut out = Vec::new();
    for (number, layout) in &file.layouts {
        let mut by_row: BTreeMap<usize, Vec<&RowIssue>> = BTreeMap::new();
        for i in file.roster.issues.iter().filter(|i| i.sheet == *number && i.severity() >= Severity::Confirm) {
            by_row.entry(i.row).or_default().push(i);
        }
        if by_row.is_empty() {
            continue;
        }
        let source = &file.sheets[*number];
        let marked: BTreeSet<usize> = by_row.values().flatten().filter_map(|i| i.column).collect();
        let mut columns = vec![Column::new(Field::OriginalRow.heading(), 8.0), Column::new("处理", 12.0)];
        if by_row.values().flatten().any(|i| i.column.is_none()) {
            columns.push(Column::new("整行问题", 40.0));
        }
        let whole_row = columns.len() > 2;
        for c in &layout.columns {
            columns.push(Column::new(&c.heading, 16.0));
            if marked.contains(&c.column) {
                columns.push(Column::new(&format!("问题:{}", c.heading), 40.0));
            }
        }
        let says = |issues: &[&RowIssue], column: Option<usize>| -> String {
            issues.iter().filter(|i| i.column == column).map(|i| i.message.as_str()).collect::<Vec<_>>().join("\n")
        };
        let rows: Vec<Vec<Value>> = by_row
            .iter()
            .map(|(row, issues)| {
                let worst = issues.iter().map(|i| i.severity()).max().unwrap_or(Severity::Notice);
                let mut values: Vec<Value> = vec![Value::Number(*row as f64), worst.label().into()];
                if whole_row {
                    values.push(says(issues, None).into());
                }
                for c in &layout.columns {
                    let text = source.cell(row - 1, c.column).text.to_owned();
                    if marked.contains(&c.column) {
                        let reason = says(issues, Some(c.column));
                        values.push(if reason.is_empty() { text.into() } else { Value::Marked(text) });
                        values.push(reason.into());
                    } else {
                        values.push(text.into());
                    }
                }
                values
            })
            .collect();
        out.push(TableSheet {
            name: source.name.clone(),
            title: Some(format!("{}{TITLE}", file.name)),
            subtitle: Some(("黄色单元格有问题,原因在其右侧;改正后可直接重新导入".to_owned(), String::new())),
            columns,
            rows: Box::new(rows.into_iter()),
            notes: Vec::new(),
        });
    }
    out
}
