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

pub(super) fn read(name: &str, text: &str) -> Result<Sheet, ReadError> {
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
            // text has no types: what looks like a number may be a student number, and is left as it stands.
            // ="0123" is how some systems keep Excel from eating zeros
            let field = field.strip_prefix("=\"").and_then(|f| f.strip_suffix('"')).unwrap_or(field);
            sheet.put(row, column, CellKind::Text, field)?;
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
    fn rows_keep_their_line() {
        let s = read("x", "标题\n\n姓名,编号\n\"王\n明\",=\"007\"\n").unwrap();
        assert_eq!(s.cell(2, 0).text, "姓名");
        assert_eq!(s.cell(3, 0).text, "王\n明");
        assert_eq!(s.cell(3, 1).text, "007");
    }
}
