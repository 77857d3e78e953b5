//! Workbooks that Excel opens and the parser refuses, for the sake of a part that holds no rows: such parts are put right, and the workbook
//! is read once more.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::MAX_UNPACKED_BYTES;

const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONS: &str = "xl/_rels/workbook.xml.rels";

/// Whether members are named with backslashes, as some programs of Windows do.
pub(super) fn has_backslashes<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|n| n.starts_with("xl\\"))
}

/// The workbook with names and relations in the usual spelling, without sheets that have no content, and without the sheets' own word on
/// how large they are. Nothing when it is no zip that can be read.
pub(super) fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    let mut left = MAX_UNPACKED_BYTES;
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).ok()?;
        if member.is_dir() {
            continue;
        }
        let name = member.name().ok()?.replace('\\', "/");
        let mut content = Vec::new();
        (&mut member).take(left + 1).read_to_end(&mut content).ok()?;
        left = left.checked_sub(content.len() as u64)?;
        parts.push((name, content));
    }
    let relations = parts.iter().find(|p| p.0 == RELATIONS).map(|p| String::from_utf8_lossy(&p.1).into_owned())?;
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    for (name, content) in parts {
        let content = match name.as_str() {
            WORKBOOK => without_lost_sheets(&String::from_utf8_lossy(&content), &relations).into_bytes(),
            RELATIONS => with_strokes(&relations).into_bytes(),
            n if n.starts_with("xl/worksheets/") && n.ends_with(".xml") => without_dimension(content),
            _ => content,
        };
        out.start_file(name, plain).ok()?;
        out.write_all(&content).ok()?;
    }
    Some(out.finish().ok()?.into_inner())
}

/// Targets of relations with strokes for backslashes.
fn with_strokes(relations: &str) -> String {
    let mut out = String::with_capacity(relations.len());
    let mut parts = relations.split("Target=\"");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (target, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(&format!("Target=\"{}\"{rest}", target.replace('\\', "/")));
    }
    out
}

/// The list of sheets without those to which no part belongs.
fn without_lost_sheets(workbook: &str, relations: &str) -> String {
    let mut out = String::with_capacity(workbook.len());
    let mut rest = workbook;
    while let Some(at) = rest.find("<sheet ") {
        let Some(end) = rest[at..].find('>') else { break };
        let tag = &rest[at..=at + end];
        let id = tag.split_once(":id=\"").and_then(|(_, t)| t.split_once('"')).map_or("", |(id, _)| id);
        let known = !id.is_empty() && relations.contains(&format!("Id=\"{id}\""));
        out.push_str(&rest[..at]);
        if known {
            out.push_str(tag);
        }
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    out
}

/// A sheet without its `<dimension …/>`, which stands near its beginning.
fn without_dimension(sheet: Vec<u8>) -> Vec<u8> {
    const NEAR: usize = 1 << 20;
    let find = |needle: &[u8], from: usize| {
        let end = sheet.len().min(from + NEAR);
        sheet.get(from..end).and_then(|s| s.windows(needle.len()).position(|w| w == needle)).map(|i| i + from)
    };
    let Some((at, end)) = find(b"<dimension", 0).and_then(|at| Some((at, find(b">", at)?))) else { return sheet };
    [&sheet[..at], &sheet[end + 1..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_without_rows_are_put_right() {
        assert_eq!(
            with_strokes(r#"<R Id="a" Target="worksheets\sheet1.xml"/><R Target="x"/>"#),
            r#"<R Id="a" Target="worksheets/sheet1.xml"/><R Target="x"/>"#
        );
        let book = r#"<sheets><sheet name="a" r:id="r1"/><sheet name=" " r:id=""/><sheet name="c" r:id="r9"/></sheets>"#;
        assert_eq!(without_lost_sheets(book, r#"<R Id="r1"/>"#), r#"<sheets><sheet name="a" r:id="r1"/></sheets>"#);
        assert_eq!(without_dimension(b"<w><dimension ref=\"A:I\"/><s>".to_vec()), b"<w><s>");
        assert_eq!(without_dimension(b"<w><s>".to_vec()), b"<w><s>");
        assert_eq!(mended(b"no zip"), None);
    }
}
