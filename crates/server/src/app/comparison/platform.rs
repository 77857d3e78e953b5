//! 国家平台 (the national student register): records to upload, and how the platform and the county's rosters agree.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value};
use baoxue_domain::roster::{Field, NationalTemplate, RosterRow, SourceKind};
use baoxue_domain::verdict::VerdictKind;

use crate::app::comparison::children::Child;
use crate::app::roster::template::width;

/// Pupils in school without a record, as the sheet that a school uploads to the platform: nobody types them again.
pub fn new_records<'a>(children: &'a [Child<'a>]) -> TableSheet<'a> {
    let columns: Vec<(&str, Option<Field>)> = NationalTemplate::in_force().map(|t| t.columns().collect()).unwrap_or_default();
    let date_format = NationalTemplate::in_force().map_or("%Y-%m-%d", |t| t.date_format.as_str());
    let sheet_columns = columns.iter().map(|(h, f)| Column::new(h, f.map_or(9.0, width))).collect();
    let pupils: Vec<&Child> = children.iter().filter(|c| c.verdict.kind == VerdictKind::RecordPending).collect();
    let rows = pupils
        .into_iter()
        .map(move |c| columns.iter().map(|(_, f)| f.map_or(Value::from(""), |f| filled(c, f, date_format))).collect());
    TableSheet {
        name: "学生信息".into(),
        title: None,
        subtitle: None,
        columns: sheet_columns,
        rows: Box::new(rows),
        notes: Vec::new(),
    }
}

/// Identity by the household register first, school and class by the roll.
fn filled(c: &Child, field: Field, date_format: &str) -> Value {
    const IDENTITY: [SourceKind; 3] = [SourceKind::Household, SourceKind::Births, SourceKind::InSchool];
    let rows = || IDENTITY.iter().filter_map(|s| c.of(*s)).chain(c.rows.iter().map(|(_, r)| r.row));
    let text = match field {
        Field::Name => rows().find_map(|r| r.name.clone()),
        Field::Sex => rows().find_map(|r| r.sex).map(|s| s.label().to_owned()),
        Field::BirthDate => c.birth_date.map(|d| d.strftime(date_format).to_string()),
        // a number that fails its check would be refused by the platform
        Field::NationalId => rows().find_map(|r| r.national_id).map(|n| n.to_string()),
        Field::IdKind => rows().find_map(|r| r.national_id).map(|_| "居民身份证".to_owned()),
        Field::SchoolCode | Field::Class => c.of(SourceKind::InSchool).and_then(|r| r.get(field)).map(str::to_owned),
        _ => rows().find_map(|r| r.get(field)).map(str::to_owned),
    };
    text.unwrap_or_default().into()
}

/// What the platform says of a pupil and another roster says otherwise.
struct Difference<'a> {
    child: &'a Child<'a>,
    record: &'a RosterRow,
    field: Field,
    platform: String,
    roster: String,
    source: SourceKind,
}

fn differences<'a>(child: &'a Child<'a>) -> Vec<Difference<'a>> {
    let Some(record) = child.of(SourceKind::Student) else { return Vec::new() };
    let value = |r: &RosterRow, f: Field| match f {
        Field::Name => r.name.clone().unwrap_or_default(),
        Field::NationalId => r.id_text().to_owned(),
        Field::BirthDate => r.birth_date.map(|d| d.to_string()).unwrap_or_default(),
        Field::Sex => r.sex.map(|s| s.label().to_owned()).unwrap_or_default(),
        f => r.get(f).unwrap_or("").to_owned(),
    };
    const CHECKED: [(SourceKind, &[Field]); 2] = [
        (SourceKind::Household, &[Field::Name, Field::NationalId, Field::BirthDate, Field::Sex]),
        (SourceKind::InSchool, &[Field::SchoolName]),
    ];
    let mut out = Vec::new();
    for (source, fields) in CHECKED {
        let Some(other) = child.of(source) else { continue };
        for &field in fields {
            let (platform, roster) = (value(record, field), value(other, field));
            // the platform's gap is a difference, the roster's gap proves nothing
            if !roster.is_empty() && platform != roster {
                out.push(Difference { child, record, field, platform, roster, source });
            }
        }
    }
    out
}

/// Counts of a school: on the platform, on the roll, the same on both, with other data, only here, only there.
#[derive(Default)]
struct Agreement {
    platform: usize,
    roll: usize,
    agreeing: usize,
    differing: usize,
    only_platform: usize,
    only_roll: usize,
}

/// 核对: by school how platform and roll agree, and every value that differs.
pub fn reconciliation<'a>(children: &'a [Child<'a>], unit: &str, day: &str) -> Vec<TableSheet<'a>> {
    let mut by_school: BTreeMap<&str, Agreement> = BTreeMap::new();
    let mut all: Vec<Difference> = Vec::new();
    for c in children {
        let (record, roll) = (c.of(SourceKind::Student), c.of(SourceKind::InSchool));
        let Some(school) = record.or(roll).map(|r| r.get(Field::SchoolName).unwrap_or("(未写学校)")) else { continue };
        let found = differences(c);
        let a = by_school.entry(school).or_default();
        a.platform += usize::from(record.is_some());
        a.roll += usize::from(roll.is_some());
        match (record.is_some(), roll.is_some()) {
            (true, false) => a.only_platform += 1,
            (false, true) => a.only_roll += 1,
            _ if found.is_empty() => a.agreeing += 1,
            _ => a.differing += 1,
        }
        all.extend(found);
    }
    all.sort_by_key(|d| d.record.get(Field::SchoolName));
    let heads = [
        ("序号", 6.0),
        ("学校", 26.0),
        ("平台有学籍", 11.0),
        ("在校名册", 10.0),
        ("一致", 9.0),
        ("信息不符", 10.0),
        ("平台有、名册无", 14.0),
        ("名册有、平台无", 14.0),
    ];
    let schools = TableSheet {
        name: "分校核对".into(),
        title: Some(format!("{unit}学籍平台与在校名册核对")),
        subtitle: Some((format!("学校 {} 所,信息不符 {} 处", by_school.len(), all.len()), day.to_owned())),
        columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
        rows: Box::new(by_school.into_iter().enumerate().map(|(i, (school, a))| {
            let counts = [a.platform, a.roll, a.agreeing, a.differing, a.only_platform, a.only_roll];
            [vec![Value::from(i + 1), school.into()], counts.map(Value::from).to_vec()].concat()
        })),
        notes: vec!["一个学生只计一次;“平台有、名册无”和“名册有、平台无”的名单在“在籍不在校”“在校待建学籍”等名单中。".into()],
    };
    let heads = [
        ("序号", 6.0),
        ("学校", 26.0),
        ("班级", 10.0),
        ("姓名", 12.0),
        ("学籍号", 22.0),
        ("信息项", 11.0),
        ("平台登记", 22.0),
        ("名册登记", 22.0),
        ("名册", 10.0),
    ];
    let n = all.len();
    let values = TableSheet {
        name: "信息不符".into(),
        title: Some(format!("{unit}学籍平台信息不符清单")),
        subtitle: Some((format!("共 {n} 处"), day.to_owned())),
        columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
        rows: Box::new(all.into_iter().enumerate().map(|(i, d)| {
            let get = |f| Value::from(d.record.get(f).unwrap_or(""));
            vec![
                Value::from(i + 1),
                get(Field::SchoolName),
                get(Field::Class),
                d.child.name().into(),
                get(Field::StudentNumber),
                d.field.heading().into(),
                d.platform.into(),
                d.roster.into(),
                d.source.label().into(),
            ]
        })),
        notes: vec!["请对照户口簿核实后在学籍系统中变更;户籍登记有误的,由家长到派出所更正。".into()],
    };
    vec![schools, values]
}
