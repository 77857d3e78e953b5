//! No file makes the reader panic, and every refusal says something.

use baoxue_documents::read::{ReadError, read};
use baoxue_documents::write::{Column, TableSheet, workbook};
use proptest::prelude::*;

fn small_workbook() -> Vec<u8> {
    let sheet = TableSheet {
        name: "名册".into(),
        title: Some("名册".into()),
        subtitle: None,
        columns: vec![Column::new("姓名", 10.0), Column::new("身份证件号", 20.0)],
        rows: Box::new(vec![vec!["王小明".into(), "528801201503020013".into()]; 20].into_iter()),
        notes: Vec::new(),
    };
    workbook(vec![sheet]).expect("a small workbook can be written")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read("x", bytes);
    }

    #[test]
    fn a_known_beginning_then_random(head in 0usize..6, bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let heads: [&[u8]; 6] = [b"PK\x03\x04", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], b"<html><table><tr><td>", b"\xff\xfe", b"\xef\xbb\xbf", b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\"><Table>"];
        let _ = read("x", [heads[head], &bytes].concat());
    }

    #[test]
    fn a_workbook_with_damaged_bytes(at in 0usize..6000, value in any::<u8>(), cut in 0usize..6000) {
        let mut bytes = small_workbook();
        let n = bytes.len();
        bytes[at % n] = value;
        if cut % 3 == 0 {
            bytes.truncate(cut % n);
        }
        if let Err(e) = read("x", bytes) {
            prop_assert!(!e.to_string().is_empty());
        }
    }

    #[test]
    fn text_of_any_kind(text in "[,\t;|\"\n姓名a-z0-9<>&/=]{0,400}") {
        let _ = read("x", text.into_bytes());
    }
}

/// A zip that unpacks to more than it may.
#[test]
fn bombs_are_refused() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("xl/workbook.xml", options).unwrap();
    zip.write_all(b"<workbook/>").unwrap();
    let zeros = vec![b' '; 1 << 20];
    for i in 0..3 {
        zip.start_file(format!("xl/worksheets/sheet{i}.xml"), options.large_file(true)).unwrap();
        for _ in 0..700 {
            zip.write_all(&zeros).unwrap();
        }
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 16 << 20, "small to send: {}", bytes.len());
    assert_eq!(read("x", bytes).unwrap_err(), ReadError::Bomb);
}

#[test]
fn a_zip_of_class_lists_is_one_file() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [
        ("三(1)班.csv", "姓名,班级\n王小明,三(1)班\n"),
        ("三(2)班.txt", "姓名\t班级\n李小红\t三(2)班\n"),
        ("说明.pdf", "%PDF-1.4"),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.start_file("三(3)班.xlsx", options).unwrap();
    zip.write_all(&small_workbook()).unwrap();
    let sheets = read("x", zip.finish().unwrap().into_inner()).unwrap();
    assert_eq!(
        sheets.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["三(1)班.csv", "三(2)班.txt", "三(3)班.xlsx/名册", "说明.pdf"]
    );
    assert_eq!(sheets[1].cell(1, 0).text, "李小红");
}
