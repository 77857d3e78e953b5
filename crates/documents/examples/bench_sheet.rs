//! For `make bench`: writes a sheet of 200,000 rows × 10 columns, or reads one with calamine alone, as the yardstick of
//! `baoxue check`.

use calamine::Reader;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};

const ROWS: usize = 200_000;
const HEADINGS: [&str; 10] =
    ["姓名", "身份证件号", "性别", "出生日期", "民族", "学校名称", "年级", "班级", "监护人电话", "现住址"];
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

fn row(i: usize) -> Vec<Value> {
    let (year, month, day) = (2008 + i % 9, 1 + i / 9 % 12, 1 + i / 108 % 28);
    let digits = format!("5288{:02}{year}{month:02}{day:02}{:03}", 1 + i % 10, i / 3024 % 1000);
    let sum: u32 = digits.bytes().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    let id = format!("{digits}{}", char::from(b"10X98765432"[(sum % 11) as usize]));
    let sex = if id.as_bytes()[16] % 2 == 1 { "男" } else { "女" };
    let chars: Vec<char> = "王李张刘陈明华强伟芳丽静敏杰浩宇轩".chars().collect();
    let name: String = [chars[i % 5], chars[5 + i / 5 % 12], chars[5 + i / 60 % 12]].iter().collect();
    [
        name,
        id,
        sex.into(),
        format!("{year}-{month:02}-{day:02}"),
        "汉族".into(),
        format!("第{}小学", 1 + i % 85),
        format!("{}年级", (2023 - 5 - year).clamp(1, 9)),
        format!("{}班", 1 + i % 12),
        format!("12{:09}", i * 7919 % 1_000_000_000),
        format!("青禾县柳林镇石桥村{}组{}号", 1 + i % 12, 1 + i % 150),
    ]
    .map(Value::Text)
    .into()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1..).unwrap_or_default() {
        [what, path] if what == "write" => {
            let columns = HEADINGS.iter().map(|h| Column::new(h, 16.0)).collect();
            let rows = Box::new((0..ROWS).map(row));
            let sheet = TableSheet { name: "学籍".into(), title: None, subtitle: None, columns, rows, notes: Vec::new() };
            std::fs::write(path, workbook(vec![sheet])?)?;
        }
        [what, path] if what == "calamine" => {
            let mut book: calamine::Xlsx<_> = calamine::open_workbook(path)?;
            let name = book.sheet_names()[0].clone();
            println!("{} rows", book.worksheet_range(&name)?.height());
        }
        _ => return Err("usage: bench_sheet write|calamine FILE.xlsx".into()),
    }
    Ok(())
}
