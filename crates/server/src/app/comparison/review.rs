//! 人工认定 (clerical review): a sheet that a person fills in, and what it says when it comes back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use baoxue_documents::write::{Column, TableSheet, Value};
use baoxue_domain::roster::Field;
use baoxue_linkage::{Decision, Judgement, Linkage, Table, differing_chars};

use crate::app::comparison::sources::{SourceRow, Sources};

const VERDICT: &str = "认定";
const SAME: &str = "同一人";
const DIFFERENT: &str = "不是同一人";
const LEFT: &str = "甲方指纹";
const RIGHT: &str = "乙方指纹";

/// Decisions that apply to this run.
pub struct Said {
    /// For the kernel.
    pub decisions: Vec<Decision>,
    /// Pairs whose rows are no longer in the rosters, or have changed.
    pub outdated: usize,
    /// Pairs left blank.
    pub blank: usize,
}

/// Reads filled-in review sheets. A later file overrules an earlier one.
pub fn read_decisions(files: &[PathBuf], sources: &Sources) -> anyhow::Result<Said> {
    if files.is_empty() {
        return Ok(Said { decisions: Vec::new(), outdated: 0, blank: 0 });
    }
    let mut where_is: HashMap<&str, usize> = HashMap::new();
    for (i, (_, rows)) in sources.iter().enumerate() {
        rows.iter().for_each(|r| {
            where_is.insert(&r.fingerprint, i);
        });
    }
    let mut said: HashMap<(String, String), Judgement> = HashMap::new();
    let (mut outdated, mut blank) = (0, 0);
    for file in files {
        for (left, right, judgement) in read_file(file)? {
            let Some(judgement) = judgement else {
                blank += 1;
                continue;
            };
            if where_is.contains_key(left.as_str()) && where_is.contains_key(right.as_str()) {
                said.insert((left, right), judgement);
            } else {
                outdated += 1;
            }
        }
    }
    let mut decisions: Vec<Decision> = said
        .into_iter()
        .map(|((l, r), judgement)| Decision { left: (where_is[l.as_str()], l), right: (where_is[r.as_str()], r), judgement })
        .collect();
    decisions.sort_by(|a, b| (&a.left, &a.right).cmp(&(&b.left, &b.right)));
    Ok(Said { decisions, outdated, blank })
}

fn read_file(path: &Path) -> anyhow::Result<Vec<(String, String, Option<Judgement>)>> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("无法读取认定表 {name}"))?;
    let sheets = crate::app::roster::reader::read(&name.to_string(), bytes).with_context(|| format!("认定表 {name}"))?;
    let sheet = &sheets[0];
    let head = (0..sheet.height().min(10)).find(|r| sheet.row(*r).any(|c| c.text == LEFT));
    let column = |heading: &str| head.and_then(|h| sheet.row(h).position(|c| c.text == heading));
    let (Some(head), Some(verdict), Some(left), Some(right)) = (head, column(VERDICT), column(LEFT), column(RIGHT)) else {
        bail!("{name} 不是本系统生成的认定表:找不到“{VERDICT}”“{LEFT}”“{RIGHT}”列;请用比对结果里的 review.xlsx 填写");
    };
    let mut out = Vec::new();
    for r in head + 1..sheet.height() {
        let (l, t) = (sheet.cell(r, left).text.trim(), sheet.cell(r, right).text.trim());
        if l.is_empty() || t.is_empty() {
            continue;
        }
        let judgement = match sheet.cell(r, verdict).text.trim() {
            "" | "待定" => None,
            SAME | "同" | "是" | "1" => Some(Judgement::Same),
            DIFFERENT | "不同" | "不同一人" | "非同一人" | "否" | "2" => Some(Judgement::Different),
            other => bail!("{name} 第 {} 行“{VERDICT}”写的是“{other}”;请选“{SAME}”“{DIFFERENT}”,或留空", r + 1),
        };
        out.push((l.to_owned(), t.to_owned(), judgement));
    }
    Ok(out)
}

/// Rows of one field side by side.
struct Side {
    heading: &'static str,
    of: fn(&SourceRow) -> String,
}

const SIDES: [Side; 8] = [
    Side { heading: "姓名", of: |r| r.row.name.clone().unwrap_or_default() },
    Side { heading: "身份证件号", of: |r| r.row.id_text().to_owned() },
    Side { heading: "性别", of: |r| r.row.sex.map_or(String::new(), |s| s.label().into()) },
    Side { heading: "出生日期", of: |r| r.row.birth_date.map_or(String::new(), |d| d.to_string()) },
    Side { heading: "家长", of: |r| r.row.family_adult().unwrap_or("").to_owned() },
    Side { heading: "电话", of: |r| r.row.family_phone().unwrap_or("").to_owned() },
    Side { heading: "地址", of: |r| r.row.any_address().unwrap_or("").to_owned() },
    Side {
        heading: "学校班级",
        of: |r| {
            [Field::SchoolName, Field::Grade, Field::Class].iter().filter_map(|f| r.row.get(*f)).collect::<Vec<_>>().join(" ")
        },
    },
];

/// The review sheet: both rows side by side, differing values on a yellow ground.
pub fn sheet(linkage: &Linkage, sources: &Sources, tables: &[Table], unit: &str, day: &str) -> TableSheet<'static> {
    let mut columns =
        vec![Column::new("序号", 6.0), Column::new(VERDICT, 13.0).with_choices(&[SAME, DIFFERENT]), Column::new("相异处", 24.0)];
    columns.extend(["甲方来源", "乙方来源"].map(|h| Column::new(h, 26.0)));
    for s in &SIDES {
        let width = match s.heading {
            "身份证件号" => 22.0,
            "地址" | "学校班级" => 30.0,
            "性别" => 6.0,
            _ => 13.0,
        };
        columns.push(Column::new(&format!("甲·{}", s.heading), width));
        columns.push(Column::new(&format!("乙·{}", s.heading), width));
    }
    columns.extend([LEFT, RIGHT].map(|h| Column::new(h, 28.0)));
    let rows: Vec<Vec<Value>> = linkage
        .review
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let (a, b) = (sources.row(tables, l.left), sources.row(tables, l.right));
            let mut differing = Vec::new();
            let mut values = Vec::new();
            for s in &SIDES {
                let (x, y) = ((s.of)(a), (s.of)(b));
                let differ = !x.is_empty() && !y.is_empty() && x != y;
                if differ && s.heading != "学校班级" {
                    differing.push(describe(s.heading, &x, &y));
                }
                for v in [x, y] {
                    values.push(if differ && !v.is_empty() { Value::Marked(v) } else { Value::Text(v) });
                }
            }
            let source = |m: baoxue_linkage::Member, r: &SourceRow| {
                Value::Text(format!("{}:{}", sources.kind(m.source.into()).label(), r.place()))
            };
            let mut row: Vec<Value> =
                vec![Value::from(i + 1), "".into(), differing.join(";").into(), source(l.left, a), source(l.right, b)];
            row.extend(values);
            row.extend([Value::Text(a.fingerprint.clone()), Value::Text(b.fingerprint.clone())]);
            row
        })
        .collect();
    TableSheet {
        name: "待人工认定".into(),
        title: Some("待人工认定名单".into()),
        subtitle: Some((format!("单位:{unit}"), day.to_owned())),
        columns,
        rows: Box::new(rows.into_iter()),
        notes: vec![format!(
            "在“{VERDICT}”列选“{SAME}”或“{DIFFERENT}”,保存后用 --decisions 交回,下次比对即按此办理。最右两列请勿改动。"
        )],
    }
}

/// 身份证件号第 9、10 位; 姓名第 2 字; otherwise the field's name.
fn describe(heading: &str, x: &str, y: &str) -> String {
    let places = differing_chars(x, y);
    if x.chars().count() != y.chars().count() || places.len() > 3 || places.is_empty() {
        return heading.to_owned();
    }
    let numbers: Vec<String> = places.iter().map(|p| (p + 1).to_string()).collect();
    let unit = if heading == "姓名" || heading == "家长" { "字" } else { "位" };
    format!("{heading}第 {} {unit}", numbers.join("、"))
}
