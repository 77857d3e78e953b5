//! Excel and OpenDocument workbooks, through calamine.

use std::collections::HashMap;
use std::io::Cursor;

use calamine::{Data, DataRef, Ods, Range, Reader, SheetType, SheetVisible, Xls, XlsError, Xlsb, Xlsx, XlsxError};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::ReadError;
use crate::sheet::{CellKind, Region, Sheet, SheetBuilder, spread_merged};

/// Sheets that nobody sees, or that hold no cells but a chart: said, and not read.
fn unseen<B: std::io::Read + std::io::Seek, R: Reader<B>>(book: &R) -> Vec<Sheet> {
    let why = |s: &calamine::Sheet| match (s.typ, s.visible) {
        (SheetType::WorkSheet, SheetVisible::Visible) => None,
        (SheetType::WorkSheet, _) => Some("隐藏的工作表,没有读;要读请先取消隐藏"),
        _ => Some("是图表或宏,不是表格"),
    };
    book.sheets_metadata().iter().filter_map(|s| Some(Sheet::left_aside(&s.name, why(s)?))).collect()
}

/// Sheets that people can see and that hold cells.
fn visible<B: std::io::Read + std::io::Seek, R: Reader<B>>(book: &R) -> Vec<String> {
    book.sheets_metadata()
        .iter()
        .filter(|s| s.typ == SheetType::WorkSheet && s.visible == SheetVisible::Visible)
        .map(|s| s.name.clone())
        .collect()
}

pub(super) fn read_xlsx(bytes: &[u8], merged: bool) -> Result<Vec<Sheet>, ReadError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(xlsx_error)?;
    let epoch_1904 = book.has_1904_epoch();
    let mut sheets = Vec::new();
    for name in visible(&book) {
        let mut sheet = SheetBuilder::new(&name);
        let mut cells = book.worksheet_cells_reader(&name).map_err(xlsx_error)?;
        while let Some(cell) = cells.next_cell().map_err(xlsx_error)? {
            let (row, column) = cell.get_position();
            let (row, column) = (row as usize, column as usize);
            match cell.get_value() {
                DataRef::SharedString(s) => sheet.put(row, column, CellKind::Text, s)?,
                DataRef::String(s) => sheet.put(row, column, CellKind::Text, s)?,
                value => put_value(&mut sheet, row, column, &Data::from(value.clone()), epoch_1904)?,
            }
        }
        drop(cells);
        let mut sheet = sheet.finish();
        if merged {
            let regions = book.merge_cells_by_sheet_name(&name).map_err(xlsx_error)?;
            sheet = spread_merged(&sheet, &regions.iter().map(region).collect::<Vec<_>>())?;
        }
        sheets.push(sheet);
    }
    sheets.extend(unseen(&book));
    Ok(sheets)
}

fn region(d: &calamine::Dimensions) -> Region {
    ((d.start.0 as usize, d.start.1 as usize), (d.end.0 as usize, d.end.1 as usize))
}

pub(super) fn read_xls(bytes: Vec<u8>) -> Result<Vec<Sheet>, ReadError> {
    // an encrypted .xlsx is a compound file with this stream; names stand in UTF-16
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.windows(wide.len()).any(|w| w == wide)
    };
    if has("EncryptedPackage") {
        return Err(ReadError::Encrypted);
    }
    if has("WordDocument") {
        return Err(ReadError::NotSpreadsheet("Word 文档".into()));
    }
    let mut book = Xls::new(Cursor::new(bytes)).map_err(|e| match e {
        XlsError::Password => ReadError::Encrypted,
        _ => damage(),
    })?;
    let epoch_1904 = book.has_1904_epoch();
    let mut sheets = Vec::new();
    for name in visible(&book) {
        let range = book.worksheet_range(&name).map_err(|_| damage())?;
        let sheet = from_range(&name, &range, epoch_1904)?;
        let regions: Vec<_> = book.merge_cells_by_sheet_name(&name).unwrap_or_default().iter().map(region).collect();
        sheets.push(if regions.is_empty() { sheet } else { spread_merged(&sheet, &regions)? });
    }
    sheets.extend(unseen(&book));
    Ok(sheets)
}

pub(super) fn read_xlsb(bytes: Vec<u8>) -> Result<Vec<Sheet>, ReadError> {
    let mut book: Xlsb<_> = Xlsb::new(Cursor::new(bytes)).map_err(|_| damage())?;
    let mut sheets = Vec::new();
    for name in visible(&book) {
        sheets.push(from_range(&name, &book.worksheet_range(&name).map_err(|_| damage())?, false)?);
    }
    sheets.extend(unseen(&book));
    Ok(sheets)
}

pub(super) fn read_ods(bytes: Vec<u8>, merged: &HashMap<String, Vec<Region>>) -> Result<Vec<Sheet>, ReadError> {
    let mut book: Ods<_> = Ods::new(Cursor::new(bytes)).map_err(|_| damage())?;
    let mut sheets = Vec::new();
    for name in visible(&book) {
        let sheet = from_range(&name, &book.worksheet_range(&name).map_err(|_| damage())?, false)?;
        sheets.push(match merged.get(&name) {
            Some(regions) => spread_merged(&sheet, regions)?,
            None => sheet,
        });
    }
    sheets.extend(unseen(&book));
    Ok(sheets)
}

fn from_range(name: &str, range: &Range<Data>, epoch_1904: bool) -> Result<Sheet, ReadError> {
    let mut sheet = SheetBuilder::new(name);
    let (top, left) = range.start().unwrap_or_default();
    for (r, c, value) in range.used_cells() {
        put_value(&mut sheet, r + top as usize, c + left as usize, value, epoch_1904)?;
    }
    Ok(sheet.finish())
}

fn put_value(sheet: &mut SheetBuilder, row: usize, column: usize, value: &Data, epoch_1904: bool) -> Result<(), ReadError> {
    let put = |sheet: &mut SheetBuilder, kind, text: &str| sheet.put(row, column, kind, text);
    match value {
        Data::Empty => {}
        Data::String(s) => put(sheet, CellKind::Text, s)?,
        Data::Int(i) => put(sheet, CellKind::Number, &i.to_string())?,
        Data::Float(f) => put(sheet, CellKind::Number, &f.to_string())?,
        Data::Bool(b) => put(sheet, CellKind::Text, if *b { "是" } else { "否" })?,
        Data::DateTime(d) if d.is_datetime() => match serial_date(d.as_f64(), epoch_1904) {
            Some(date) => put(sheet, CellKind::Date, &date.to_string())?,
            None => put(sheet, CellKind::Number, &d.as_f64().to_string())?,
        },
        Data::DateTime(d) => put(sheet, CellKind::Number, &d.as_f64().to_string())?,
        Data::DateTimeIso(s) => put(sheet, CellKind::Date, s.split('T').next().unwrap_or(s))?,
        Data::DurationIso(s) => put(sheet, CellKind::Text, s)?,
        Data::Error(e) => put(sheet, CellKind::Error, &e.to_string())?,
    }
    Ok(())
}

/// What programs lose when they reckon a midnight in another zone: until 1901 Shanghai's clocks were 5 minutes and 43 seconds on, and libraries
/// that round write 23:59:17 of the day before.
const NEARLY_MIDNIGHT: f64 = 60.0 / 86_400.0;

/// The date of an Excel serial number. Day 60 is 29 February 1900, which never was: serials from 61 count right.
fn serial_date(serial: f64, epoch_1904: bool) -> Option<Date> {
    let days = (serial + NEARLY_MIDNIGHT).floor() as i64 + if epoch_1904 { 1462 } else { 0 };
    let shift = if days < 60 { 1 } else { 0 };
    if !(1..=2_958_465).contains(&days) {
        return None;
    }
    date(1899, 12, 30).checked_add((days + shift).days()).ok()
}

/// What the parsers say of damage is English, and tells nobody how to mend it.
fn damage() -> ReadError {
    ReadError::Damaged("表格内部结构不对".into())
}

fn xlsx_error(e: XlsxError) -> ReadError {
    match e {
        XlsxError::Password => ReadError::Encrypted,
        _ => damage(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials() {
        assert_eq!(serial_date(42065.0, false), Some(date(2015, 3, 2)));
        assert_eq!(serial_date(42065.75, false), Some(date(2015, 3, 2)));
        assert_eq!(serial_date(42064.99950231482, false), Some(date(2015, 3, 2)), "23:59:17 of the day before");
        assert_eq!(serial_date(42064.95, false), Some(date(2015, 3, 1)));
        assert_eq!(serial_date(1.0, false), Some(date(1900, 1, 1)));
        assert_eq!(serial_date(61.0, false), Some(date(1900, 3, 1)));
        assert_eq!(serial_date(40603.0, true), Some(date(2015, 3, 2)));
        assert_eq!(serial_date(-5.0, false), None);
    }
}
