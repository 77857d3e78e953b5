//! Reading files as people really send them.
//!
//! A file is what its bytes say, not what its name says: web pages and tab-separated text named `.xls` are read, and a
//! zip is opened. What cannot be read is refused with the way out.

mod archive;
mod compound;
mod delimited;
mod excel;
mod html;
mod mend;
mod opendocument;

use std::borrow::Cow;

use thiserror::Error;

use crate::sheet::{Sheet, TooLarge};

/// Largest file: a prefecture's register of a million rows is about 120 MB as .xlsx.
pub const MAX_FILE_BYTES: usize = 300 << 20;
/// Most bytes that a compressed file may unpack to: ten times the largest honest sheet seen.
pub const MAX_UNPACKED_BYTES: u64 = 2 << 30;
/// Most rows of a sheet: Excel's own limit.
pub const MAX_ROWS: usize = 1_048_576;
/// Most columns: the widest statutory template has about 70.
pub const MAX_COLUMNS: usize = 512;
/// Most cells of a sheet, empty ones between included: a million rows of 70 columns.
pub const MAX_CELLS: usize = 75_000_000;
/// Most files in a zip: one for each class of a large county.
pub const MAX_MEMBERS: usize = 2_000;

/// Why a file is refused, and the way out.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum ReadError {
    /// No bytes at all.
    #[error("文件是空的(0 字节)。请让对方重新导出并发送")]
    Empty,
    /// No cell in any sheet.
    #[error("文件里没有任何内容。请确认导出的是有数据的那一份")]
    NoContent,
    /// Something else than a table.
    #[error("这是{0},不是电子表格。请用 Excel 或 WPS 打开原始数据,另存为 .xlsx 后再试")]
    NotSpreadsheet(Cow<'static, str>),
    /// Password.
    #[error("文件设有打开密码。请在 Excel 中打开,在“文件-信息-保护工作簿”里去掉密码,另存后再试")]
    Encrypted,
    /// Cut off or damaged.
    #[error("文件不完整或已损坏({0})。请重新下载或让对方重新发送,不要用改扩展名的办法")]
    Damaged(Cow<'static, str>),
    /// Unpacks to far more than it should.
    #[error("压缩内容展开后超过 {} MB,拒绝打开。正常名册不会这样,请核对文件来源", MAX_UNPACKED_BYTES >> 20)]
    Bomb,
    /// Took more memory or time than any honest file.
    #[error("读取这个文件占用的内存或时间超过上限,已停止。文件可能已损坏;确认无误的,请按乡镇或学校拆成几份,或另存为 .xlsx 再试")]
    TooMuch,
    /// Too large.
    #[error("文件超过上限({} MB、每表 {MAX_ROWS} 行、{MAX_COLUMNS} 列)。请按乡镇或学校拆成几份", MAX_FILE_BYTES >> 20)]
    TooLarge,
}

impl ReadError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "file-empty",
            Self::NoContent => "file-no-content",
            Self::NotSpreadsheet(_) => "file-not-spreadsheet",
            Self::Encrypted => "file-encrypted",
            Self::Damaged(_) => "file-damaged",
            Self::Bomb => "file-bomb",
            Self::TooMuch => "file-too-much",
            Self::TooLarge => "file-too-large",
        }
    }
}

impl From<TooLarge> for ReadError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

/// Whether a file is read by parsers of packed or binary formats: these may take any time and memory over a damaged one.
pub fn is_packed(bytes: &[u8]) -> bool {
    matches!(sniff(bytes), Format::Zip | Format::Compound)
}

/// What the first bytes say.
enum Format {
    Zip,
    Compound,
    Html,
    XmlSpreadsheet,
    Text,
    Other(&'static str),
}

fn sniff(bytes: &[u8]) -> Format {
    const MAGIC: [(&[u8], &str); 10] = [
        (b"%PDF", "PDF 文件"),
        (b"\x89PNG", "图片"),
        (b"\xff\xd8\xff", "图片"),
        (b"GIF8", "图片"),
        (b"BM", "图片"),
        (b"Rar!", "RAR 压缩包(请解压,或改用 zip)"),
        (b"7z\xbc\xaf", "7z 压缩包(请解压,或改用 zip)"),
        (b"\x1f\x8b", "gzip 压缩包(请先解压)"),
        (b"{\\rtf", "RTF 文档"),
        (b"MZ", "程序"),
    ];
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Format::Zip;
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        return Format::Compound;
    }
    if let Some((_, what)) = MAGIC.iter().find(|(m, _)| bytes.starts_with(m)) {
        // BM and MZ may begin a text: they are only believed with a zero byte near
        if !(what == &"图片" || what == &"程序") || bytes.iter().take(64).any(|b| *b == 0) {
            return Format::Other(what);
        }
    }
    let head: Vec<u8> = bytes.iter().take(4096).filter(|b| **b != 0).map(u8::to_ascii_lowercase).collect();
    let has = |needle: &[u8]| head.windows(needle.len()).any(|w| w == needle);
    if has(b"urn:schemas-microsoft-com:office:spreadsheet") && has(b"<workbook") {
        Format::XmlSpreadsheet
    } else if has(b"<html") || has(b"<table") || has(b"<!doctype html") {
        Format::Html
    } else {
        Format::Text
    }
}

/// Reads all sheets that have content; what was left aside stands as a sheet without rows that says why. `name` is only used to name sheets of files that have none.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, ReadError> {
    // the readers of old formats may panic on damaged bytes: a bad file must never stop the program
    let sheets =
        std::panic::catch_unwind(|| read_any(name, bytes, true)).map_err(|_| ReadError::Damaged("内部结构错误".into()))??;
    let sheets: Vec<Sheet> = sheets.into_iter().filter(|s| s.height() > 0 || !s.note().is_empty()).collect();
    if sheets.iter().all(|s| s.height() == 0) { Err(ReadError::NoContent) } else { Ok(sheets) }
}

fn read_any(name: &str, bytes: Vec<u8>, open_archives: bool) -> Result<Vec<Sheet>, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::Empty);
    }
    if bytes.len() > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    match sniff(&bytes) {
        Format::Zip => archive::read(bytes, open_archives),
        Format::Compound => {
            compound::check(&bytes)?;
            excel::read_xls(bytes)
        }
        Format::Html | Format::XmlSpreadsheet => {
            let text = crate::text::decode(bytes).map_err(|_| ReadError::NotSpreadsheet("无法识别的文件".into()))?;
            html::read(name, &text)
        }
        Format::Text => {
            let text = crate::text::decode(bytes).map_err(|_| ReadError::NotSpreadsheet("无法识别的二进制文件".into()))?;
            Ok(vec![delimited::read(name, &text)?])
        }
        Format::Other(what) => Err(ReadError::NotSpreadsheet(what.into())),
    }
}
