//! Spreadsheets in the look of an office: title, unit and date, frozen head, fitting widths, identity numbers as text.

pub mod docx;

use std::borrow::Cow;
use std::sync::Arc;

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Image, Workbook, Worksheet, XlsxError};
use thiserror::Error;

/// A workbook could not be made.
#[derive(Debug, Error)]
#[error("无法生成表格:{0}")]
pub struct WriteError(#[from] XlsxError);

/// A cell to write. Text is always written as text, never as a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text; numbers that are names (identity numbers, telephones) are text too.
    Text(String),
    /// A number to reckon with.
    Number(f64),
    /// Text on a yellow ground: a cell to look at.
    Marked(String),
    /// A picture (PNG), or nothing; the row is as high as [`PICTURE_HEIGHT`].
    Picture(Option<Arc<[u8]>>),
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Text(s.to_owned())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Text(s)
    }
}

impl From<usize> for Value {
    fn from(n: usize) -> Self {
        Self::Number(n as f64)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(n as f64)
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub heading: String,
    /// Its width in characters of the Latin alphabet (a Chinese character is two).
    pub width: f64,
    /// Choices offered in every cell of it; empty for any text.
    pub choices: Vec<String>,
}

impl Column {
    /// A column of so many Latin characters.
    pub fn new(heading: &str, width: f64) -> Self {
        Self { heading: heading.to_owned(), width, choices: Vec::new() }
    }

    /// Offers a list to choose from.
    pub fn with_choices(mut self, choices: &[&str]) -> Self {
        self.choices = choices.iter().map(|c| (*c).to_owned()).collect();
        self
    }
}

/// Rows of a sheet, made one by one as they are written: a county's ledger need not stand in memory.
pub type Rows<'a> = Box<dyn ExactSizeIterator<Item = Vec<Value>> + 'a>;

/// A sheet to write.
pub struct TableSheet<'a> {
    /// Name of the sheet.
    pub name: String,
    /// Title over the table; none for plain data.
    pub title: Option<String>,
    /// Line under the title: unit on the left, date on the right.
    pub subtitle: Option<(String, String)>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Rows<'a>,
    /// Lines under the table.
    pub notes: Vec<String>,
}

/// Rows above which a sheet is written row by row without keeping it in memory; both ways give the same sheet.
const MANY_ROWS: usize = 5_000;

/// Columns from this width on hold sentences, which wrap.
const SENTENCE_WIDTH: f64 = 36.0;
/// Height of a line of ten-point type, in points. Heights are written down because not every program fits rows to wrapped text.
const LINE_HEIGHT: f64 = 13.0;
/// Height of a row with a picture, in points.
const PICTURE_HEIGHT: f64 = 76.0;
/// Excel's numbers of paper, and the sum of widths that A4 still shows in letters that can be read.
const A3: u8 = 8;
const A4: u8 = 9;
const A4_WIDTH: f64 = 170.0;

struct Look {
    title: Format,
    left: Format,
    right: Format,
    head: Format,
    text: Format,
    wrapped: Format,
    number: Format,
    marked: Format,
    note: Format,
}

impl Look {
    fn new() -> Self {
        let line = Color::RGB(0x00B0_B7C3);
        let cell = || {
            Format::new()
                .set_border(FormatBorder::Thin)
                .set_border_color(line)
                .set_align(FormatAlign::VerticalCenter)
                .set_font_name("宋体")
                .set_font_size(10)
        };
        Self {
            title: Format::new()
                .set_font_name("黑体")
                .set_font_size(16)
                .set_align(FormatAlign::Center)
                .set_align(FormatAlign::VerticalCenter),
            left: Format::new().set_font_name("宋体").set_font_size(10),
            right: Format::new().set_font_name("宋体").set_font_size(10).set_align(FormatAlign::Right),
            head: cell().set_bold().set_align(FormatAlign::Center).set_text_wrap().set_background_color(Color::RGB(0x00E8_EDF4)),
            text: cell().set_num_format("@"),
            wrapped: cell().set_num_format("@").set_text_wrap(),
            number: cell().set_num_format("0"),
            marked: cell().set_num_format("@").set_text_wrap().set_background_color(Color::RGB(0x00FF_F2B3)),
            note: Format::new().set_font_name("宋体").set_font_size(9).set_font_color(Color::RGB(0x0055_5555)),
        }
    }
}

/// Writes sheets as one `.xlsx`.
pub fn workbook(sheets: Vec<TableSheet>) -> Result<Vec<u8>, WriteError> {
    let mut book = Workbook::new();
    let look = Look::new();
    for s in sheets {
        let sheet = if s.rows.len() > MANY_ROWS { book.add_worksheet_with_constant_memory()? } else { book.add_worksheet() };
        write_sheet(sheet, s, &look)?;
    }
    Ok(book.save_to_buffer()?)
}

fn write_sheet(sheet: &mut Worksheet, s: TableSheet, look: &Look) -> Result<(), XlsxError> {
    sheet.set_name(sheet_name(&s.name))?;
    let last = s.columns.len().saturating_sub(1) as u16;
    for (c, column) in s.columns.iter().enumerate() {
        sheet.set_column_width(c as u16, column.width)?;
    }
    let mut row = 0u32;
    if let Some(title) = &s.title {
        sheet.set_row_height(row, 30)?;
        if last > 0 {
            sheet.merge_range(row, 0, row, last, title, &look.title)?;
        } else {
            sheet.write_string_with_format(row, 0, title, &look.title)?;
        }
        row += 1;
    }
    if let Some((left, right)) = &s.subtitle {
        sheet.write_string_with_format(row, 0, left, &look.left)?;
        if last > 0 {
            sheet.write_string_with_format(row, last, right, &look.right)?;
        }
        row += 1;
    }
    let head = row;
    sheet.set_row_height(row, 28)?;
    for (c, column) in s.columns.iter().enumerate() {
        sheet.write_string_with_format(row, c as u16, &column.heading, &look.head)?;
    }
    sheet.set_freeze_panes(head + 1, 0)?;
    // printing: the head on every page, all columns on one page's width
    let paper = if s.columns.iter().map(|c| c.width).sum::<f64>() > A4_WIDTH { A3 } else { A4 };
    sheet.set_repeat_rows(0, head)?.set_landscape().set_paper_size(paper).set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.4, 0.4, 0.5, 0.6, 0.2, 0.3);
    sheet.set_footer("&C第 &P 页,共 &N 页");
    let wraps: Vec<bool> = s.columns.iter().map(|c| c.width >= SENTENCE_WIDTH).collect();
    let empty = s.rows.len() == 0;
    for values in s.rows {
        row += 1;
        let lines = values.iter().zip(&s.columns).map(|(v, c)| lines(v, c.width)).max().unwrap_or(1);
        if values.iter().any(|v| matches!(v, Value::Picture(_))) {
            sheet.set_row_height(row, PICTURE_HEIGHT)?;
        } else if lines > 1 {
            sheet.set_row_height(row, f64::from(lines) * LINE_HEIGHT + 2.0)?;
        }
        for (c, value) in values.iter().enumerate() {
            let c = c as u16;
            match &value {
                Value::Text(t) if wraps[usize::from(c)] => sheet.write_string_with_format(row, c, guard(t), &look.wrapped)?,
                Value::Text(t) => sheet.write_string_with_format(row, c, guard(t), &look.text)?,
                Value::Number(n) => sheet.write_number_with_format(row, c, *n, &look.number)?,
                Value::Marked(t) => sheet.write_string_with_format(row, c, guard(t), &look.marked)?,
                Value::Picture(Some(png)) => {
                    sheet.write_blank(row, c, &look.text)?;
                    sheet.insert_image_fit_to_cell_centered(row, c, &Image::new_from_buffer(png)?)?
                }
                Value::Picture(None) => sheet.write_blank(row, c, &look.text)?,
            };
        }
    }
    if !empty && last > 0 {
        sheet.autofilter(head, 0, row, last)?;
    }
    for (c, column) in s.columns.iter().enumerate().filter(|(_, c)| !c.choices.is_empty()) {
        let list = rust_xlsxwriter::DataValidation::new().allow_list_strings(&column.choices)?;
        sheet.add_data_validation(head + 1, c as u16, row.max(head + 1), c as u16, &list)?;
    }
    for note in &s.notes {
        row += 1;
        sheet.write_string_with_format(row, 0, note, &look.note)?;
    }
    Ok(())
}

/// A square black-and-white picture (PNG) of so many dots a side; `dark` says of a dot, from the left and from the top, whether it is black.
pub fn picture(side: usize, dark: impl Fn(usize, usize) -> bool) -> Option<Arc<[u8]>> {
    let grey = |x, y| if dark(x, y) { 0 } else { u8::MAX };
    let dots: Vec<u8> = (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| grey(x, y)).collect();
    let length = u32::try_from(side).ok()?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().ok()?.write_image_data(&dots).ok()?;
    Some(out.into())
}

/// Lines that a cell takes in a column of this width; one where the column does not wrap.
fn lines(value: &Value, width: f64) -> u32 {
    const MOST_LINES: u32 = 30;
    let (Value::Text(text) | Value::Marked(text)) = value else { return 1 };
    if width < SENTENCE_WIDTH || text.len() <= width as usize {
        return 1;
    }
    // a Chinese character is as wide as two Latin ones
    let of_line =
        |l: &str| (l.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.0 }).sum::<f64>() / (width - 1.0)).ceil().max(1.0) as u32;
    text.lines().map(of_line).sum::<u32>().clamp(1, MOST_LINES)
}

/// Cells are typed as text, so Excel itself never runs them; but a table saved as CSV loses its types, and a text that
/// begins like a formula would run then. Such text gets the apostrophe that Excel shows as nothing in the cell's edit line.
pub fn guard(text: &str) -> Cow<'_, str> {
    const MAX_CELL_CHARS: usize = 32_767;
    let risky = text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && text.len() > 1 && !text[1..].bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    // nearly every cell is written as it is
    if !risky && text.len() <= MAX_CELL_CHARS && text.bytes().all(|b| b >= b' ') {
        return text.into();
    }
    let mut out = if risky { format!("'{text}") } else { text.to_owned() };
    out.retain(|c| c == '\n' || c == '\t' || !c.is_control());
    if out.chars().count() > MAX_CELL_CHARS {
        out = out.chars().take(MAX_CELL_CHARS).collect();
    }
    out.into()
}

/// Excel allows 31 characters and not these.
fn sheet_name(name: &str) -> String {
    let clean: String = name.chars().map(|c| if "[]:*?/\\'".contains(c) { ' ' } else { c }).take(31).collect();
    if clean.trim().is_empty() { "表".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CellKind;

    fn table(rows: Vec<Vec<Value>>) -> TableSheet<'static> {
        TableSheet {
            name: "台账".into(),
            title: Some("疑似辍学台账".into()),
            subtitle: Some(("单位:青禾县".into(), "2023年11月1日".into())),
            columns: vec![Column::new("姓名", 10.0), Column::new("身份证件号", 22.0)],
            rows: Box::new(rows.into_iter()),
            notes: vec!["说明".into()],
        }
    }

    #[test]
    fn what_is_written_reads_back_as_text() {
        for many in [1, MANY_ROWS + 1] {
            let rows = vec![vec!["=1+1".into(), "528801201503020019".into()]; many];
            let bytes = workbook(vec![table(rows)]).unwrap();
            let sheets = crate::read::read("x", bytes).unwrap();
            let s = &sheets[0];
            assert_eq!(s.cell(0, 1).text, "疑似辍学台账", "the title spans the table");
            assert_eq!(s.cell(2, 1).text, "身份证件号");
            let id = s.cell(3, 1);
            assert_eq!((id.kind, id.text), (CellKind::Text, "528801201503020019"));
            assert_eq!(s.cell(3, 0).text, "'=1+1");
        }
    }

    #[test]
    fn pictures_stand_in_their_rows() {
        let dots = picture(9, |x, y| (x + y) % 2 == 0).unwrap();
        let rows = vec![vec!["王".into(), Value::Picture(Some(dots))], vec!["李".into(), Value::Picture(None)]];
        let bytes = workbook(vec![table(rows)]).unwrap();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut kept = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name("xl/media/image1.png").unwrap(), &mut kept).unwrap();
        let clean = crate::photo::clean(&kept).unwrap();
        assert!(clean.starts_with(&[0xff, 0xd8]), "it reads as a picture");
    }

    #[test]
    fn guards() {
        for (from, to) in [
            ("-5", "-5"),
            ("-cmd", "'-cmd"),
            ("@x", "'@x"),
            ("=1+1", "'=1+1"),
            ("+86", "'+86"),
            ("\tx", "'\tx"),
            ("\rx", "'x"),
            ("王小明", "王小明"),
            ("a\u{0}b", "ab"),
        ] {
            assert_eq!(guard(from), to);
        }
    }
}
