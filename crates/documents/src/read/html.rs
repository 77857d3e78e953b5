//! Web pages and XML spreadsheets that are named `.xls`: the tables in them.

use html5gum::{Token, Tokenizer};

use super::{MAX_COLUMNS, ReadError};
use crate::sheet::{CellKind, Sheet, SheetBuilder};

/// Most places that one cell is repeated over.
const MAX_REPEATED: usize = 10_000;
/// Largest span that a cell is repeated over.
const MAX_SPAN: usize = 2_000;

/// A table as it is read: rows of texts, with room for cells that span.
#[derive(Default)]
struct Table {
    rows: Vec<Vec<Option<String>>>,
    cell: Option<Span>,
    column: usize,
    /// Cells of a head, and of a body.
    heads: usize,
    cells: usize,
}

struct Span {
    text: String,
    rows: usize,
    columns: usize,
}

impl Table {
    fn begin_row(&mut self, at: &mut usize) {
        self.end_cell(*at);
        *at += 1;
        self.column = 0;
        self.row(*at - 1);
    }

    fn row(&mut self, row: usize) -> &mut Vec<Option<String>> {
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, Vec::new);
        }
        &mut self.rows[row]
    }

    fn end_cell(&mut self, next_row: usize) {
        let Some(span) = self.cell.take() else { return };
        let Some(row) = next_row.checked_sub(1) else { return };
        // places taken by a cell that spans down from above are passed over
        let column = self.column;
        let taken = self.row(row).iter().skip(column).take_while(|p| p.is_some()).count();
        self.column += taken;
        let (from, end) = (self.column.min(MAX_COLUMNS), (self.column + span.columns).min(MAX_COLUMNS));
        let text = span.text.split_whitespace().collect::<Vec<_>>().join(" ");
        // larger than any table cell: a decoration, or a trap
        let (down, end) = if span.rows * span.columns > MAX_REPEATED { (1, end.min(from + 1)) } else { (span.rows, end) };
        for r in row..row + down {
            let line = self.row(r);
            if line.len() < end {
                line.resize(end, None);
            }
            for place in &mut line[from..end] {
                *place = Some(text.clone());
            }
        }
        self.column += span.columns;
    }

    /// Ends with so many rows: cells that span beyond the last one make no rows.
    fn end(mut self, next_row: usize) -> Self {
        self.end_cell(next_row);
        self.rows.truncate(next_row);
        self
    }

    fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Whether a table is this one's body: pages that keep the head in sight (element-ui, layui, floatThead) write two tables, the first
    /// sometimes with a column more for the bar by which one scrolls.
    fn is_head_of(&self, other: &Self) -> bool {
        self.heads > 0
            && self.cells == 0
            && other.cells > 0
            && other.heads == 0
            && (other.width()..=other.width() + 1).contains(&self.width())
    }

    fn finish(self, name: String) -> Result<Sheet, ReadError> {
        let mut sheet = SheetBuilder::new(name);
        for (r, row) in self.rows.iter().enumerate() {
            for (c, text) in row.iter().enumerate() {
                sheet.put(r, c, CellKind::Text, text.as_deref().unwrap_or_default())?;
            }
        }
        Ok(sheet.finish())
    }
}

pub(super) fn read(name: &str, text: &str) -> Result<Vec<Sheet>, ReadError> {
    let mut tables: Vec<Table> = Vec::new();
    let mut table: Option<Table> = None;
    let (mut next_row, mut depth) = (0usize, 0u32);
    for token in Tokenizer::new(text) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let attribute = |n: &str| {
                    tag.attributes
                        .iter()
                        .find(|(k, _)| k.as_slice() == n.as_bytes())
                        .map(|(_, v)| String::from_utf8_lossy(v).into_owned())
                };
                let number = |n: &str| attribute(n).and_then(|v| v.trim().parse::<usize>().ok()).unwrap_or(0).min(MAX_SPAN);
                match tag.name.as_slice() {
                    b"table" => {
                        depth += 1;
                        if depth == 1 {
                            table = Some(Table::default());
                            next_row = 0;
                        }
                    }
                    b"tr" | b"row" if depth <= 1 => {
                        if let Some(t) = &mut table {
                            t.begin_row(&mut next_row);
                        }
                    }
                    b"td" | b"th" | b"cell" if depth <= 1 => {
                        if let Some(t) = &mut table {
                            t.end_cell(next_row);
                            *(if tag.name.as_slice() == b"th" { &mut t.heads } else { &mut t.cells }) += 1;
                            // ss:Index leaves places out, ss:MergeAcross spans: XML spreadsheets
                            if let Some(i) = number("ss:index").checked_sub(1) {
                                t.column = i.min(MAX_COLUMNS);
                            }
                            let columns = number("colspan").max(number("ss:mergeacross") + 1);
                            let rows = number("rowspan").max(number("ss:mergedown") + 1);
                            t.cell = Some(Span { text: String::new(), rows, columns });
                        }
                    }
                    b"br" | b"p" | b"div" => {
                        if let Some(c) = table.as_mut().and_then(|t| t.cell.as_mut()) {
                            c.text.push(' ');
                        }
                    }
                    _ => {}
                }
            }
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"table" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0
                        && let Some(t) = table.take()
                    {
                        tables.push(t.end(next_row));
                    }
                }
                b"td" | b"th" | b"cell" if depth <= 1 => {
                    if let Some(t) = &mut table {
                        t.end_cell(next_row);
                    }
                }
                _ => {}
            },
            Token::String(s) => {
                if let Some(c) = table.as_mut().and_then(|t| t.cell.as_mut()) {
                    c.text.push_str(&String::from_utf8_lossy(&s));
                }
            }
            _ => {}
        }
    }
    // a page cut off inside its table still has the rows before
    tables.extend(table.map(|t| t.end(next_row)));
    let mut whole: Vec<Table> = Vec::new();
    for t in tables {
        match whole.last_mut() {
            Some(head) if head.is_head_of(&t) => {
                head.rows.extend(t.rows);
                head.cells = t.cells;
            }
            _ => whole.push(t),
        }
    }
    if whole.is_empty() {
        return Err(ReadError::NotSpreadsheet("没有表格的网页".into()));
    }
    whole.into_iter().enumerate().map(|(i, t)| t.finish(sheet_name(name, i))).collect()
}

fn sheet_name(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}({})", number + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_repeated() {
        let page = "<html><table><tr><th colspan=2>家长</th><th rowspan=2>村</th></tr><tr><td>姓名<td>电话</tr>\
                    <tr><td>王&amp;李<br>明</td><td> 138&nbsp;</td><td>石桥</td></tr></table>";
        let sheets = read("x", page).unwrap();
        let s = &sheets[0];
        assert_eq!([s.cell(0, 0).text, s.cell(0, 1).text, s.cell(0, 2).text], ["家长", "家长", "村"]);
        assert_eq!([s.cell(1, 0).text, s.cell(1, 1).text, s.cell(1, 2).text], ["姓名", "电话", "村"]);
        assert_eq!([s.cell(2, 0).text, s.cell(2, 1).text], ["王&李 明", "138"]);
        assert_eq!(s.height(), 3);
    }

    #[test]
    fn a_head_in_a_table_of_its_own_belongs_to_the_next() {
        let page =
            "<table><tr><th>姓名<th>性别<th></tr></table><table><tr><td>王明<td>男</tr></table><table><tr><td>别的</tr></table>";
        let sheets = read("x", page).unwrap();
        assert_eq!(sheets.len(), 2);
        assert_eq!([sheets[0].cell(0, 0).text, sheets[0].cell(1, 0).text, sheets[0].cell(1, 1).text], ["姓名", "王明", "男"]);
        assert_eq!(sheets[1].cell(0, 0).text, "别的");
    }

    #[test]
    fn xml_spreadsheet() {
        let xml = r#"<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="a"><Table>
            <Row><Cell><Data ss:Type="String">姓名</Data></Cell><Cell ss:Index="3"><Data>电话</Data></Cell></Row></Table></Worksheet></Workbook>"#;
        let sheets = read("x", xml).unwrap();
        assert_eq!(sheets[0].cell(0, 0).text, "姓名");
        assert_eq!(sheets[0].cell(0, 2).text, "电话");
    }
}
