//! Comma-, tab-, semicolon- and bar-separated text.

use super::ReadError;
use crate::sheet::{CellKind, Sheet, SheetBuilder};

const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Lines looked at to tell the separator.
const SAMPLE_LINES: usize = 50;

/// The separator that most lines have, equally often.
fn separator(text: &str) -> u8 {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(SAMPLE_LINES).collect();
    let score = |sep: u8| {
        let mut counts: Vec<usize> = lines.iter().map(|l| l.bytes().filter(|b| *b == sep).count()).collect();
        counts.sort_unstable();
        let usual = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let agree = counts.iter().filter(|c| **c == usual).count();
        if usual == 0 { 0 } else { agree * 100 + usual.min(99) }
    };
    SEPARATORS.into_iter().max_by_key(|s| (score(*s), *s == b',')).filter(|s| score(*s) > 0).unwrap_or(b',')
}

/// Text has no types: what looks like a number may be a student number, and is left as it stands. `="0123"` is how some systems keep Excel from eating
/// zeros.
fn meant(field: &str) -> &str {
    field.strip_prefix("=\"").and_then(|f| f.strip_suffix('"')).unwrap_or(field)
}

/// Fields of a line or of some lines that belong together.
fn fields(text: &str, separator: u8, quoting: bool) -> Result<csv::StringRecord, csv::Error> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator).quoting(quoting);
    let mut record = csv::StringRecord::new();
    builder.from_reader(text.as_bytes()).read_record(&mut record)?;
    Ok(record)
}

/// Reads a text in which some line has an odd number of quotes. A quoted field may go over several lines; but a line that is whole, followed by whole
/// lines before the quote is closed, has a quote too many: it means itself, and swallows nobody.
fn read_by_line(name: &str, text: &str, separator: u8) -> Result<Sheet, ReadError> {
    let mut sheet = SheetBuilder::new(name);
    let lines: Vec<&str> = text.lines().collect();
    let separators = |line: &str| line.bytes().filter(|b| *b == separator).count();
    let mut usual: Vec<usize> = lines.iter().filter(|l| !l.trim().is_empty()).map(|l| separators(l)).collect();
    usual.sort_unstable();
    let usual = usual.get(usual.len() / 2).copied().unwrap_or(0);
    let is_whole = |line: &str| separators(line) >= usual && usual > 0;
    let odd = |line: &str| line.bytes().filter(|b| *b == b'"').count() % 2 == 1;
    let mut row = 0;
    while row < lines.len() {
        let line = lines[row];
        let close = if odd(line) { (row + 1..lines.len()).find(|n| odd(lines[*n])) } else { Some(row) };
        let swallows = |last: usize| is_whole(line) && lines[row + 1..=last].iter().any(|l| is_whole(l));
        let (last, quoting) = match close {
            Some(last) if last == row || !swallows(last) => (last, true),
            _ => (row, false),
        };
        let joined = lines[row..=last].join("\n");
        if !joined.trim().is_empty() {
            let record =
                fields(&joined, separator, quoting).map_err(|_| ReadError::Damaged(format!("文本第 {} 行", row + 1).into()))?;
            for (column, field) in record.iter().enumerate() {
                // the quote that is closed nowhere says nothing
                let field = if quoting { field } else { field.strip_prefix('"').filter(|f| !f.contains('"')).unwrap_or(field) };
                sheet.put(row, column, CellKind::Text, meant(field.trim_matches('\r')))?;
            }
        }
        row = last + 1;
    }
    Ok(sheet.finish())
}

pub(super) fn read(name: &str, text: &str) -> Result<Sheet, ReadError> {
    // Excel on the Mac of old ends lines with CR alone
    let old = (text.contains('\r') && !text.contains('\n')).then(|| text.replace('\r', "\n"));
    let text = old.as_deref().unwrap_or(text);
    if text.lines().any(|l| l.bytes().filter(|b| *b == b'"').count() % 2 == 1) {
        return read_by_line(name, text, separator(text));
    }
    let mut sheet = SheetBuilder::new(name);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator(text)).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(sheet.finish()),
            Ok(true) => {}
            Err(e) => {
                return Err(ReadError::Damaged(format!("文本第 {} 行", e.position().map_or(0, csv::Position::line)).into()));
            }
        }
        // the line in the file, so that addresses are those that people see
        let row = record.position().map_or(0, |p| {
            // the reader passes over empty lines, but counts from before them
            let blank = text.as_bytes()[p.byte() as usize..]
                .iter()
                .take_while(|b| matches!(b, b'\n' | b'\r'))
                .filter(|b| **b == b'\n')
                .count();
            p.line() as usize - 1 + blank
        });
        for (column, field) in record.iter().enumerate() {
            sheet.put(row, column, CellKind::Text, meant(field))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators() {
        for (text, sep) in
            [("a,b\n1,2", b','), ("a\tb\n1,5\t2", b'\t'), ("a;b;c\n1;2;3", b';'), ("a|b\n1|2", b'|'), ("only\none", b',')]
        {
            assert_eq!(separator(text), sep, "{text}");
        }
    }

    #[test]
    fn a_quote_too_many_swallows_nobody() {
        let rows = |text: &str| {
            let s = read("x", text).unwrap();
            (0..s.height()).map(|r| s.row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join("|")).collect::<Vec<_>>()
        };
        let head = "姓名,学校,电话";
        // never closed, at the end and at the beginning of a row, and closed by another one's
        assert_eq!(rows(&format!("{head}\n甲,一小,\"1\n乙,二小,2\n")), ["姓名|学校|电话", "甲|一小|1", "乙|二小|2"]);
        assert_eq!(
            rows(&format!("{head}\n\"甲,一小,1\n乙,二小,2\n\"丙,三小,3\n")),
            ["姓名|学校|电话", "甲|一小|1", "乙|二小|2", "丙|三小|3"]
        );
        // one that goes over lines is one field
        assert_eq!(rows(&format!("{head}\n甲,\"一\n小\",1\n乙,二小,2\n"))[1], "甲|一\n小|1");
        assert_eq!(rows(&format!("{head}\n\"甲\n乙\",一小,1\n丙,二小,2\n"))[1], "甲\n乙|一小|1");
        // lines that end in CR alone
        assert_eq!(rows("姓名,学校\r甲,一小\r乙,二小\r"), ["姓名|学校", "甲|一小", "乙|二小"]);
    }

    #[test]
    fn rows_keep_their_line() {
        let s = read("x", "标题\n\n姓名,编号\n\"王\n明\",=\"007\"\n").unwrap();
        assert_eq!(s.cell(2, 0).text, "姓名");
        assert_eq!(s.cell(3, 0).text, "王\n明");
        assert_eq!(s.cell(3, 1).text, "007");
    }
}
