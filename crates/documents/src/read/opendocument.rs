//! Merged cells of OpenDocument spreadsheets, which the parser does not tell.

use std::collections::HashMap;

use html5gum::{Token, Tokenizer};

use crate::sheet::Region;

/// Rows and columns that one cell may span or be repeated over, when a position is reckoned.
const MOST: usize = 1 << 20;

/// Regions of each table of a document's `content.xml`, by the table's name.
pub(super) fn merged_regions(content: &str) -> HashMap<String, Vec<Region>> {
    let mut out: HashMap<String, Vec<Region>> = HashMap::new();
    let (mut table, mut row, mut column, mut repeated) = (String::new(), 0usize, 0usize, 1usize);
    for token in Tokenizer::new(content) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let text = |n: &str| {
                    let found = tag.attributes.iter().find(|(k, _)| k.as_slice() == n.as_bytes());
                    found.map(|(_, v)| String::from_utf8_lossy(v).into_owned()).unwrap_or_default()
                };
                let number = |n: &str| text(n).parse::<usize>().unwrap_or(1).clamp(1, MOST);
                match tag.name.as_slice() {
                    b"table:table" => (table, row) = (text("table:name"), 0),
                    b"table:table-row" => {
                        (column, repeated) = (0, number("table:number-rows-repeated"));
                        if tag.self_closing {
                            row += repeated;
                        }
                    }
                    b"table:table-cell" | b"table:covered-table-cell" => {
                        let (down, across) = (number("table:number-rows-spanned"), number("table:number-columns-spanned"));
                        if down > 1 || across > 1 {
                            let region = ((row, column), (row + down - 1, column + across - 1));
                            out.entry(table.clone()).or_default().push(region);
                        }
                        column = (column + number("table:number-columns-repeated")).min(MOST);
                    }
                    _ => {}
                }
            }
            Token::EndTag(tag) if tag.name.as_slice() == b"table:table-row" => row = (row + repeated).min(MOST),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_where_they_stand() {
        let content = r#"<table:table table:name="表一"><table:table-row table:number-rows-repeated="2"/><table:table-row>
            <table:table-cell table:number-columns-repeated="3"/><table:table-cell table:number-rows-spanned="4" table:number-columns-spanned="1"/>
            </table:table-row><table:table-row><table:covered-table-cell table:number-columns-repeated="4"/></table:table-row></table:table>"#;
        let found = merged_regions(content);
        assert_eq!(found["表一"], [((2, 3), (5, 3))]);
    }
}
