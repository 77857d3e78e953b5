//! Word 文书 (papers): paragraphs and tables on A4, in the fonts that offices have, to be edited in Word or WPS.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Twentieths of a point between the margins of an A4 page.
const TEXT_WIDTH: u32 = 9_300;
/// Of the same, the least height of a row.
const ROW_HEIGHT: u32 = 440;
/// Of the same, the height of a row in which people sign and stamp.
const TALL: u32 = 1_500;

/// A cell of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocCell {
    /// What stands in it; line breaks stay.
    pub text: String,
    /// Whether it names what stands beside it.
    pub label: bool,
    /// How many columns of the table it takes.
    pub span: usize,
}

/// A piece of a paper, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocBlock {
    /// The title, centred.
    Title(String),
    /// A line above or below a table, its parts spread over the width.
    Line(Vec<String>),
    /// What the table below it is about.
    Head(String),
    /// A paragraph, its first line indented.
    Text(String),
    /// A paragraph at the right edge: who issued it, when.
    Right(String),
    /// A table with so many columns; each row fills them.
    Table {
        /// Columns, each with its share of the width.
        widths: Vec<u32>,
        /// Rows, and whether people sign in them.
        rows: Vec<(Vec<DocCell>, bool)>,
    },
    /// What follows stands on a new page.
    PageBreak,
}

/// Text as XML has it; what no XML may hold is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// A run of text; its lines stay lines.
fn run(out: &mut String, text: &str, bold: bool, half_points: u32) {
    let weight = if bold { "<w:b/>" } else { "" };
    for (i, line) in text.lines().enumerate() {
        let brk = if i > 0 { "<w:br/>" } else { "" };
        let _ = write!(
            out,
            "<w:r><w:rPr><w:rFonts w:ascii=\"Times New Roman\" w:hAnsi=\"Times New Roman\" w:eastAsia=\"宋体\"/>{weight}<w:sz w:val=\"{half_points}\"/></w:rPr>{brk}<w:t xml:space=\"preserve\">{}</w:t></w:r>",
            escape(line)
        );
    }
}

fn paragraph(out: &mut String, properties: &str, text: &str, bold: bool, half_points: u32) {
    let _ = write!(out, "<w:p><w:pPr>{properties}</w:pPr>");
    run(out, text, bold, half_points);
    out.push_str("</w:p>");
}

fn table(out: &mut String, widths: &[u32], rows: &[(Vec<DocCell>, bool)]) {
    let all: u32 = widths.iter().sum::<u32>().max(1);
    let width = |from: usize, n: usize| widths.iter().skip(from).take(n).sum::<u32>() * TEXT_WIDTH / all;
    let edge = |name| format!("<w:{name} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"000000\"/>");
    let edges = ["top", "left", "bottom", "right", "insideH", "insideV"].map(edge).concat();
    let _ = write!(
        out,
        "<w:tbl><w:tblPr><w:tblW w:w=\"{TEXT_WIDTH}\" w:type=\"dxa\"/><w:jc w:val=\"center\"/><w:tblBorders>{edges}</w:tblBorders><w:tblLayout w:type=\"fixed\"/></w:tblPr><w:tblGrid>"
    );
    for i in 0..widths.len() {
        let _ = write!(out, "<w:gridCol w:w=\"{}\"/>", width(i, 1));
    }
    out.push_str("</w:tblGrid>");
    for (cells, tall) in rows {
        let height = if *tall { TALL } else { ROW_HEIGHT };
        let _ = write!(out, "<w:tr><w:trPr><w:cantSplit/><w:trHeight w:val=\"{height}\"/></w:trPr>");
        let mut at = 0;
        for c in cells {
            let n = c.span.max(1);
            let (w, v) = (width(at, n), if *tall { "top" } else { "center" });
            let span = if n > 1 { format!("<w:gridSpan w:val=\"{n}\"/>") } else { String::new() };
            let _ = write!(out, "<w:tc><w:tcPr><w:tcW w:w=\"{w}\" w:type=\"dxa\"/>{span}<w:vAlign w:val=\"{v}\"/></w:tcPr>");
            let side = if c.label { "<w:jc w:val=\"center\"/>" } else { "" };
            paragraph(out, side, &c.text, c.label, 21);
            out.push_str("</w:tc>");
            at += n;
        }
        out.push_str("</w:tr>");
    }
    // Word wants a paragraph between a table and whatever follows
    out.push_str("</w:tbl><w:p><w:pPr><w:spacing w:after=\"0\" w:line=\"120\" w:lineRule=\"exact\"/></w:pPr></w:p>");
}

fn body(blocks: &[DocBlock]) -> String {
    let mut out = String::new();
    for b in blocks {
        match b {
            DocBlock::Title(t) => {
                paragraph(&mut out, "<w:spacing w:before=\"120\" w:after=\"240\"/><w:jc w:val=\"center\"/>", t, true, 36);
            }
            DocBlock::Line(parts) => {
                let step = TEXT_WIDTH / u32::try_from(parts.len().max(1)).unwrap_or(1);
                let tabs: String =
                    (1..parts.len()).map(|i| format!("<w:tab w:val=\"left\" w:pos=\"{}\"/>", step * i as u32)).collect();
                let _ = write!(out, "<w:p><w:pPr><w:tabs>{tabs}</w:tabs><w:spacing w:after=\"80\"/></w:pPr>");
                for (i, part) in parts.iter().enumerate() {
                    if i > 0 {
                        out.push_str("<w:r><w:tab/></w:r>");
                    }
                    run(&mut out, part, false, 21);
                }
                out.push_str("</w:p>");
            }
            DocBlock::Head(t) => paragraph(&mut out, "<w:keepNext/><w:spacing w:before=\"0\" w:after=\"40\"/>", t, true, 21),
            DocBlock::Text(t) => {
                paragraph(&mut out, "<w:spacing w:line=\"400\" w:lineRule=\"auto\"/><w:ind w:firstLine=\"560\"/>", t, false, 28);
            }
            DocBlock::Right(t) => paragraph(&mut out, "<w:spacing w:before=\"240\"/><w:jc w:val=\"right\"/>", t, false, 28),
            DocBlock::Table { widths, rows } => table(&mut out, widths, rows),
            DocBlock::PageBreak => out.push_str("<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>"),
        }
    }
    out
}

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
const RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;

/// A Word file. The same blocks give the same bytes.
pub fn document(blocks: &[DocBlock]) -> std::io::Result<Vec<u8>> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1300\" w:right=\"1300\" w:bottom=\"1200\" w:left=\"1300\" w:header=\"600\" w:footer=\"600\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
        body(blocks)
    );
    pack(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONSHIPS.as_bytes()),
        ("word/document.xml", text.as_bytes()),
    ])
}

/// A zip of these files. The same files give the same bytes.
pub fn pack(files: &[(&str, &[u8])]) -> std::io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(zip::DateTime::default());
    for (name, bytes) in files {
        zip.start_file(*name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn xml(bytes: Vec<u8>) -> String {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut out = String::new();
        zip.by_name("word/document.xml").unwrap().read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn what_is_typed_comes_out_as_typed() {
        let cell = |text: &str, label, span| DocCell { text: text.into(), label, span };
        let row = (vec![cell("姓名", true, 1), cell("𠮷<田>&\u{1}\n第二行 {{x}}", false, 2)], false);
        let blocks = [
            DocBlock::Title("一生一表".into()),
            DocBlock::Line(vec!["填报单位(盖章):".into(), "2023-10-09".into()]),
            DocBlock::Table { widths: vec![1, 2, 2], rows: vec![row] },
            DocBlock::PageBreak,
        ];
        let text = xml(document(&blocks).unwrap());
        assert!(text.contains("𠮷&lt;田&gt;&amp;</w:t>") && text.contains("<w:br/><w:t xml:space=\"preserve\">第二行 {{x}}"));
        assert!(text.contains("<w:gridSpan w:val=\"2\"/>") && text.contains("w:type=\"page\""));
        assert_eq!(document(&blocks).unwrap(), document(&blocks).unwrap());
    }
}
