//! A sheet in memory: all text in one piece, so that two million cells cost no two million allocations.

use std::io::{Read, Write};

/// What a cell was in the file. Numbers and dates carry their text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Nothing.
    Empty,
    /// Text.
    Text,
    /// A number, in its shortest decimal form without exponent.
    Number,
    /// A number that the file shows as a date, as `YYYY-MM-DD`.
    Date,
    /// An Excel error value (`#N/A`).
    Error,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it was.
    pub kind: CellKind,
    /// Its text; empty for an empty cell.
    pub text: &'a str,
}

impl Cell<'_> {
    /// A cell without anything.
    pub const EMPTY: Cell<'static> = Cell { kind: CellKind::Empty, text: "" };
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    start: u32,
    /// Length in the low 29 bits, kind above.
    len_kind: u32,
}

const LEN_BITS: u32 = 29;

/// One sheet of a file. Rows and columns count from 0; [`address`] gives the name people see.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// The sheet's name; for a zip, the member's name and the sheet's.
    pub name: String,
    cells: Vec<Stored>,
    row_ends: Vec<u32>,
    text: String,
    width: usize,
    /// What of it was not read, and why; empty where everything was.
    note: String,
}

impl Sheet {
    /// A sheet, or a file of a parcel, that was not read: its name stands for it, so that nobody takes it for read.
    pub fn left_aside(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), note: why.into(), ..Self::default() }
    }

    /// What of it was not read, and why; empty where everything was.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Number of rows, empty ones before the last included.
    pub fn height(&self) -> usize {
        self.row_ends.len()
    }

    /// Number of columns of the widest row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A cell; empty outside the sheet.
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        self.stored(row).get(column).map_or(Cell::EMPTY, |s| self.get(*s))
    }

    /// The cells of a row, up to its last one that is not empty.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = Cell<'_>> {
        self.stored(row).iter().map(|s| self.get(*s))
    }

    fn stored(&self, row: usize) -> &[Stored] {
        let Some(end) = self.row_ends.get(row) else { return &[] };
        let start = if row == 0 { 0 } else { self.row_ends[row - 1] };
        &self.cells[start as usize..*end as usize]
    }

    /// Gives up the memory of all rows but those wanted, which stay where they are.
    pub fn keep_rows(&mut self, wanted: impl Fn(usize) -> bool) {
        let mut kept = Sheet {
            name: std::mem::take(&mut self.name),
            note: std::mem::take(&mut self.note),
            width: self.width,
            ..Sheet::default()
        };
        for row in 0..self.height() {
            for s in if wanted(row) { self.stored(row) } else { &[] } {
                let text = &self.text[s.start as usize..][..(s.len_kind & ((1 << LEN_BITS) - 1)) as usize];
                kept.cells.push(Stored { start: kept.text.len() as u32, len_kind: s.len_kind });
                kept.text.push_str(text);
            }
            kept.row_ends.push(kept.cells.len() as u32);
        }
        *self = kept;
    }

    fn get(&self, s: Stored) -> Cell<'_> {
        let kind = match s.len_kind >> LEN_BITS {
            1 => CellKind::Text,
            2 => CellKind::Number,
            3 => CellKind::Date,
            4 => CellKind::Error,
            _ => return Cell::EMPTY,
        };
        let len = (s.len_kind & ((1 << LEN_BITS) - 1)) as usize;
        Cell { kind, text: &self.text[s.start as usize..s.start as usize + len] }
    }
}

/// Most bytes of a name on the wire.
const MAX_NAME: u64 = 1 << 16;

impl Sheet {
    /// Writes the sheet for another process of the same program.
    pub fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        let number = |out: &mut dyn Write, n: usize| out.write_all(&(n as u64).to_le_bytes());
        for text in [&self.name, &self.note, &self.text] {
            let (n, bytes) = (text.len(), text.as_bytes());
            number(out, n)?;
            out.write_all(bytes)?;
        }
        number(out, self.width)?;
        number(out, self.row_ends.len())?;
        self.row_ends.iter().try_for_each(|e| out.write_all(&e.to_le_bytes()))?;
        number(out, self.cells.len())?;
        self.cells.iter().try_for_each(|c| {
            out.write_all(&c.start.to_le_bytes())?;
            out.write_all(&c.len_kind.to_le_bytes())
        })
    }

    /// Reads what [`Sheet::write_to`] wrote. Whatever the other process says, the sheet holds together.
    pub fn read_from(from: &mut impl Read) -> std::io::Result<Self> {
        let wrong = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let number = |from: &mut dyn Read, most: u64| -> std::io::Result<usize> {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            let n = u64::from_le_bytes(bytes);
            if n > most { Err(wrong()) } else { Ok(n as usize) }
        };
        let words = |from: &mut dyn Read, n: usize| -> std::io::Result<Vec<u32>> {
            let mut out = Vec::with_capacity(n.min(1 << 20));
            let mut buffer = [0u8; 1 << 14];
            while out.len() < n {
                let part = &mut buffer[..((n - out.len()) * 4).min(1 << 14)];
                from.read_exact(part)?;
                out.extend(part.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])));
            }
            Ok(out)
        };
        let text = |from: &mut dyn Read, most: u64| -> std::io::Result<String> {
            let n = number(from, most)?;
            let mut bytes = Vec::with_capacity(n.min(1 << 20));
            from.take(n as u64).read_to_end(&mut bytes)?;
            if bytes.len() == n { String::from_utf8(bytes).map_err(|_| wrong()) } else { Err(wrong()) }
        };
        let (name, note) = (text(from, MAX_NAME)?, text(from, MAX_NAME)?);
        let all = text(from, u64::from(u32::MAX))?;
        let width = number(from, super::read::MAX_COLUMNS as u64)?;
        let rows = number(from, super::read::MAX_ROWS as u64)?;
        let row_ends = words(from, rows)?;
        let n = number(from, super::read::MAX_CELLS as u64)?;
        let cells: Vec<Stored> = words(from, n * 2)?.chunks_exact(2).map(|c| Stored { start: c[0], len_kind: c[1] }).collect();
        let sound = |c: &Stored| {
            let (start, len) = (c.start as usize, (c.len_kind & ((1 << LEN_BITS) - 1)) as usize);
            all.get(start..start + len).is_some()
        };
        let ordered = row_ends.is_sorted() && row_ends.last().is_none_or(|e| *e as usize <= cells.len());
        if !ordered || !cells.iter().all(sound) {
            return Err(wrong());
        }
        Ok(Self { name, cells, row_ends, text: all, width, note })
    }
}

/// A sheet is too large to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Builds a sheet cell by cell, in order of rows, then columns.
#[derive(Debug, Default)]
pub struct SheetBuilder {
    sheet: Sheet,
    row: usize,
    row_start: usize,
    /// Cells with content beyond the last column that is read: strays far out, which no head names.
    beyond: usize,
}

impl SheetBuilder {
    /// An empty sheet of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { sheet: Sheet { name: name.into(), ..Sheet::default() }, ..Self::default() }
    }

    /// Puts a cell. Cells must come in order; one that comes out of order or twice is dropped.
    pub fn put(&mut self, row: usize, column: usize, kind: CellKind, text: &str) -> Result<(), TooLarge> {
        // an empty cell far out is formatting, not content
        let is_empty = kind == CellKind::Empty || text.trim().is_empty();
        if row >= super::read::MAX_ROWS {
            return if is_empty { Ok(()) } else { Err(TooLarge) };
        }
        if column >= super::read::MAX_COLUMNS {
            self.beyond += usize::from(!is_empty);
            return Ok(());
        }
        if kind == CellKind::Empty || text.is_empty() {
            return Ok(());
        }
        if row < self.row {
            return Ok(());
        }
        while self.row < row {
            self.end_row();
        }
        let have = self.sheet.cells.len() - self.row_start;
        if column < have {
            return Ok(());
        }
        let s = &mut self.sheet;
        if s.cells.len() + column - have >= super::read::MAX_CELLS || s.text.len() + text.len() > u32::MAX as usize {
            return Err(TooLarge);
        }
        s.cells.extend(std::iter::repeat_n(Stored { start: 0, len_kind: 0 }, column - have));
        let tag = match kind {
            CellKind::Empty => 0,
            CellKind::Text => 1,
            CellKind::Number => 2,
            CellKind::Date => 3,
            CellKind::Error => 4,
        };
        let text = clip(text);
        s.cells.push(Stored { start: s.text.len() as u32, len_kind: text.len() as u32 | tag << LEN_BITS });
        s.text.push_str(text);
        s.width = s.width.max(column + 1);
        Ok(())
    }

    fn end_row(&mut self) {
        self.row_start = self.sheet.cells.len();
        self.sheet.row_ends.push(self.row_start as u32);
        self.row += 1;
    }

    /// The sheet.
    pub fn finish(mut self) -> Sheet {
        if self.sheet.cells.len() > self.row_start {
            self.end_row();
        }
        if self.beyond > 0 {
            self.sheet.note = format!("第 {} 列以后的 {} 个单元格没有读", super::read::MAX_COLUMNS, self.beyond);
        }
        self.sheet
    }
}

/// A cell keeps as much text as Excel itself allows.
fn clip(text: &str) -> &str {
    const MAX_CELL_CHARS: usize = 32_767;
    if text.len() <= MAX_CELL_CHARS {
        return text;
    }
    text.char_indices().nth(MAX_CELL_CHARS).map_or(text, |(i, _)| &text[..i])
}

/// The address of a cell as Excel names it: row 0, column 27 is `AB1`.
pub fn address(row: usize, column: usize) -> String {
    let mut letters = Vec::new();
    let mut c = column + 1;
    while c > 0 {
        letters.push(b'A' + ((c - 1) % 26) as u8);
        c = (c - 1) / 26;
    }
    letters.reverse();
    format!("{}{}", String::from_utf8_lossy(&letters), row + 1)
}

/// First and last row and column of a merged region.
pub(crate) type Region = ((usize, usize), (usize, usize));

/// Copies a sheet with the first cell of each merged region repeated over the region.
pub(crate) fn spread_merged(sheet: &Sheet, regions: &[Region]) -> Result<Sheet, TooLarge> {
    let mut source: std::collections::HashMap<(usize, usize), (usize, usize)> = std::collections::HashMap::new();
    for &((r0, c0), (r1, c1)) in regions {
        let (r1, c1) = (r1.min(sheet.height().saturating_sub(1)), c1.min(super::read::MAX_COLUMNS - 1));
        // a region larger than any table cell is a decoration
        if r1 < r0 || c1 < c0 || (r1 - r0 + 1) * (c1 - c0 + 1) > 10_000 {
            continue;
        }
        for r in r0..=r1 {
            for c in c0..=c1 {
                source.insert((r, c), (r0, c0));
            }
        }
    }
    let width = sheet.width().max(source.keys().map(|k| k.1 + 1).max().unwrap_or(0));
    let mut out = SheetBuilder::new(sheet.name.clone());
    out.sheet.note.clone_from(&sheet.note);
    for r in 0..sheet.height() {
        for c in 0..width {
            let (sr, sc) = source.get(&(r, c)).copied().unwrap_or((r, c));
            let cell = sheet.cell(sr, sc);
            out.put(r, c, cell.kind, cell.text)?;
        }
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            [address(0, 0), address(9, 25), address(0, 26), address(1, 701), address(2, 702)],
            ["A1", "Z10", "AA1", "ZZ2", "AAA3"]
        );
    }

    #[test]
    fn cells_stand_where_they_were_put() {
        let mut b = SheetBuilder::new("s");
        b.put(1, 2, CellKind::Text, "甲").unwrap();
        b.put(3, 0, CellKind::Number, "5").unwrap();
        let s = b.finish();
        assert_eq!((s.height(), s.width()), (4, 3));
        assert_eq!(s.cell(1, 2).text, "甲");
        assert_eq!(s.cell(3, 0).kind, CellKind::Number);
        assert_eq!(s.cell(2, 0), Cell::EMPTY);
        assert_eq!(s.cell(99, 99), Cell::EMPTY);
        assert_eq!(s.row(2).len(), 0);
    }

    #[test]
    fn a_sheet_arrives_as_it_was_or_not_at_all() {
        let mut b = SheetBuilder::new("表一");
        b.put(0, 0, CellKind::Text, "姓名").unwrap();
        b.put(2, 3, CellKind::Number, "5").unwrap();
        b.put(2, 5, CellKind::Date, "2015-03-02").unwrap();
        let s = b.finish();
        let mut wire = Vec::new();
        s.write_to(&mut wire).unwrap();
        let back = Sheet::read_from(&mut wire.as_slice()).unwrap();
        assert_eq!((back.name.as_str(), back.height(), back.width()), ("表一", 3, 6));
        for r in 0..3 {
            assert_eq!(back.row(r).collect::<Vec<_>>(), s.row(r).collect::<Vec<_>>());
        }
        // cut at any place, or with any byte changed, it is refused or holds together
        for cut in 0..wire.len() {
            assert!(Sheet::read_from(&mut &wire[..cut]).is_err(), "{cut}");
        }
        for at in 0..wire.len() {
            let mut other = wire.clone();
            other[at] ^= 0xff;
            if let Ok(s) = Sheet::read_from(&mut other.as_slice()) {
                (0..s.height()).for_each(|r| s.row(r).for_each(|c| assert!(c.text.len() < 100)));
            }
        }
    }

    #[test]
    fn merged_cells_spread() {
        let mut b = SheetBuilder::new("s");
        b.put(0, 0, CellKind::Text, "村").unwrap();
        b.put(1, 1, CellKind::Text, "x").unwrap();
        let s = spread_merged(&b.finish(), &[((0, 0), (1, 0))]).unwrap();
        assert_eq!(s.cell(1, 0).text, "村");
        assert_eq!(s.cell(1, 1).text, "x");
    }
}
