//! Zip files: Excel's own, or a parcel of files, one a class.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{MAX_MEMBERS, MAX_UNPACKED_BYTES, ReadError, excel, mend, opendocument, read_any};
use crate::sheet::Sheet;

pub(super) fn read(bytes: Vec<u8>, open_parcels: bool) -> Result<Vec<Sheet>, ReadError> {
    read_zip(bytes, open_parcels, true)
}

fn read_zip(bytes: Vec<u8>, open_parcels: bool, may_mend: bool) -> Result<Vec<Sheet>, ReadError> {
    let mut zip = ZipArchive::new(Cursor::new(bytes.as_slice())).map_err(damaged)?;
    let names: Vec<String> = zip.file_names().filter_map(Result::ok).map(|n| n.into_owned()).collect();
    let has = |n: &str| names.iter().any(|x| x == n);
    if has("xl/workbook.xml") {
        let merged = inspect(&mut zip)?;
        return match excel::read_xlsx(&bytes, merged) {
            Err(e @ ReadError::Damaged(_)) if may_mend => match mend::mended(&bytes) {
                Some(mended) => read_zip(mended, false, false).map_err(|_| e),
                None => Err(e),
            },
            other => other,
        };
    }
    if may_mend && mend::has_backslashes(names.iter().map(String::as_str)) {
        inspect(&mut zip)?;
        return read_zip(mend::mended(&bytes).ok_or_else(damage)?, false, false);
    }
    if has("xl/workbook.bin") {
        inspect(&mut zip)?;
        return excel::read_xlsb(bytes);
    }
    if has("word/document.xml") {
        return Err(ReadError::NotSpreadsheet("Word 文档".into()));
    }
    if has("ppt/presentation.xml") {
        return Err(ReadError::NotSpreadsheet("幻灯片".into()));
    }
    if has("content.xml") && has("mimetype") {
        inspect(&mut zip)?;
        let mut content = String::new();
        zip.by_name("content.xml").map_err(damaged)?.read_to_string(&mut content).map_err(|_| damage())?;
        return excel::read_ods(bytes, &opendocument::merged_regions(&content));
    }
    if !open_parcels {
        return Err(ReadError::NotSpreadsheet("压缩包里的压缩包(请只压缩一层)".into()));
    }
    parcel(zip)
}

/// Every member that is a table; the others must at least be few and harmless.
fn parcel(mut zip: ZipArchive<Cursor<&[u8]>>) -> Result<Vec<Sheet>, ReadError> {
    if zip.len() > MAX_MEMBERS {
        return Err(ReadError::TooLarge);
    }
    let mut left = MAX_UNPACKED_BYTES;
    let mut sheets = Vec::new();
    let mut refused: Vec<(String, ReadError)> = Vec::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).map_err(damaged)?;
        let path = member_name(member.name_raw());
        // what a Mac adds
        if member.is_dir() || path.starts_with("__MACOSX/") || path.ends_with(".DS_Store") {
            continue;
        }
        let mut bytes = Vec::new();
        (&mut member).take(left + 1).read_to_end(&mut bytes).map_err(|_| damage())?;
        left = left.checked_sub(bytes.len() as u64).ok_or(ReadError::Bomb)?;
        match read_any(&path, bytes, false) {
            Ok(of_member) => sheets.extend(of_member.into_iter().map(|mut s| {
                if s.name != path {
                    s.name = format!("{path}/{}", s.name);
                }
                s
            })),
            Err(ReadError::Bomb) => return Err(ReadError::Bomb),
            // one file that cannot be read does not take the others with it
            Err(e) => refused.push((path, e)),
        }
    }
    if sheets.is_empty() {
        return Err(refused.pop().map_or_else(|| ReadError::NotSpreadsheet("空的压缩包".into()), |r| r.1));
    }
    sheets.extend(refused.into_iter().map(|(path, e)| Sheet::left_aside(path, e.to_string())));
    Ok(sheets)
}

/// Chinese Windows writes names in GBK without saying so.
fn member_name(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(s) => s.to_owned(),
        Err(_) => encoding_rs::GB18030.decode(raw).0.into_owned(),
    }
}

/// Unpacks every member without keeping it: sizes in the directory may lie. Tells whether a sheet has merged cells,
/// which Excel writes after the rows, so that they would otherwise cost a second reading.
fn inspect(zip: &mut ZipArchive<Cursor<&[u8]>>) -> Result<bool, ReadError> {
    const MARK: &[u8] = b"<mergeCell ";
    let mut left = MAX_UNPACKED_BYTES;
    let mut merged = false;
    let mut buffer = vec![0u8; 1 << 16];
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).map_err(damaged)?;
        let is_sheet = member.name().is_ok_and(|n| n.starts_with("xl/worksheets/"));
        let mut kept = 0;
        loop {
            let n = member.read(&mut buffer[kept..]).map_err(|_| damage())?;
            if n == 0 {
                break;
            }
            left = left.checked_sub(n as u64).ok_or(ReadError::Bomb)?;
            let end = kept + n;
            if is_sheet && !merged {
                merged = find(&buffer[..end], MARK);
            }
            // the mark may stand across two pieces
            kept = (MARK.len() - 1).min(end);
            buffer.copy_within(end - kept..end, 0);
        }
    }
    Ok(merged)
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    // '<' is frequent in a sheet, 'm' is not
    let mut at = 0;
    while let Some(i) = haystack[at..].iter().position(|b| *b == needle[1]) {
        let start = at + i;
        if start > 0 && haystack[start - 1..].starts_with(needle) {
            return true;
        }
        at = start + 1;
    }
    false
}

fn damage() -> ReadError {
    ReadError::Damaged("压缩内容缺了一截或被改动".into())
}

fn damaged(e: ZipError) -> ReadError {
    match e {
        ZipError::UnsupportedArchive(m) if m.contains("assword") => ReadError::Encrypted,
        ZipError::InvalidPassword => ReadError::Encrypted,
        _ => damage(),
    }
}
