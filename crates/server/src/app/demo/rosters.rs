//! The rosters as departments would hand them over: each in its own columns, form and carelessness.

use std::path::Path;

use anyhow::Context;
use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::roster::{Field, SourceKind};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::county::County;
use super::errors;
use super::errors::Care;
use super::people::Child;
use crate::app::roster::template::width;

/// A roster: kind, file, how careful its clerks are, who is on it.
struct Roster {
    kind: SourceKind,
    file: &'static str,
    care: Care,
    on: fn(&Child) -> bool,
}

const ROSTERS: [Roster; 13] = [
    Roster { kind: SourceKind::Household, file: "户籍.xlsx", care: Care::GOOD, on: |c| c.on.household },
    Roster { kind: SourceKind::Student, file: "学籍.xlsx", care: Care::USUAL, on: |c| c.on.student },
    Roster { kind: SourceKind::InSchool, file: "在校实名.xlsx", care: Care::USUAL, on: |c| c.on.in_school },
    Roster { kind: SourceKind::Births, file: "卫健出生.xlsx", care: Care::GOOD, on: |c| c.on.births },
    Roster { kind: SourceKind::Poverty, file: "乡村振兴.xls", care: Care::POOR, on: |c| c.on.poverty },
    Roster { kind: SourceKind::Disability, file: "残联.xlsx", care: Care::POOR, on: |c| c.on.disability },
    Roster { kind: SourceKind::Postponed, file: "延缓入学.xlsx", care: Care::USUAL, on: |c| c.on.postponed },
    Roster { kind: SourceKind::Exam, file: "中考报名.csv", care: Care::USUAL, on: |c| c.on.exam },
    Roster { kind: SourceKind::Diagnostic1, file: "九年级一诊.csv", care: Care::USUAL, on: |c| c.on.exam },
    Roster {
        kind: SourceKind::Diagnostic2,
        file: "九年级二诊.csv",
        care: Care::USUAL,
        on: |c| c.on.exam && c.family.number % 150 != 7,
    },
    Roster {
        kind: SourceKind::Diagnostic3,
        file: "九年级三诊.csv",
        care: Care::USUAL,
        on: |c| c.on.exam && c.family.number % 90 != 7,
    },
    Roster { kind: SourceKind::LastYear, file: "上年学籍.xlsx", care: Care::USUAL, on: |c| c.on.last_year },
    Roster { kind: SourceKind::Cleared, file: "上年核销.xlsx", care: Care::USUAL, on: |c| c.on.cleared },
];

/// Rows of one file at most.
const ROWS_A_FILE: usize = 500_000;

/// Writes all rosters into a folder.
pub fn write(county: &County, children: &[Child], rng: &mut ChaCha8Rng, out: &Path) -> anyhow::Result<()> {
    for roster in &ROSTERS {
        let fields = roster.kind.template_fields();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for c in children.iter().filter(|c| (roster.on)(c)) {
            rows.push(row(county, c, roster, fields, rng));
            if roster.kind == SourceKind::Student && c.on.second_student {
                rows.push(second_record(county, c, fields, rng));
            }
            // the same child entered again under another guardian
            if roster.kind == SourceKind::Household && rng.random_bool(0.0006) {
                rows.push(row(county, c, roster, fields, rng));
            }
        }
        // a register is in nobody's order
        rows.shuffle(rng);
        // a prefecture's register comes in several files: a sheet of Excel has a million rows
        let files = rows.len().div_ceil(ROWS_A_FILE).max(1);
        let (stem, kind) = roster.file.rsplit_once('.').unwrap_or((roster.file, ""));
        for n in 1..=files {
            let part: Vec<Vec<String>> = rows.drain(..rows.len().min(ROWS_A_FILE)).collect();
            let path = out.join(if files == 1 { roster.file.to_owned() } else { format!("{stem}-{n}.{kind}") });
            let bytes = match kind {
                "csv" => csv_bytes(fields, &part)?,
                "xls" => web_page(roster.kind, fields, &part),
                _ => workbook(vec![sheet(roster.kind, fields, part)])?,
            };
            std::fs::write(&path, bytes).with_context(|| format!("无法写入 {}", path.display()))?;
        }
    }
    Ok(())
}

fn row(county: &County, c: &Child, roster: &Roster, fields: &[Field], rng: &mut ChaCha8Rng) -> Vec<String> {
    let care = roster.care;
    let adult = match roster.kind {
        SourceKind::Births => 1,
        SourceKind::Household => 0,
        _ => [0, 0, 0, 1, 1, 2][rng.random_range(0..6)],
    };
    let id = errors::national_id(rng, c.national_id.as_str(), care);
    fields.iter().map(|f| value(county, c, roster, *f, adult, &id, rng)).collect()
}

/// The class of a child; one who is not in class is enrolled in the school nearest home.
fn class_of<'a>(county: &'a County, c: &Child) -> (&'a str, &'a str, u8, u8) {
    match c.class {
        Some(i) => {
            let class = &county.classes[i];
            let school = &county.schools[class.school];
            (&school.name, &school.code, class.grade, class.number)
        }
        None => {
            let grade = (super::SCHOOL_YEAR - (c.birth.year() + 6 + i16::from((c.birth.month(), c.birth.day()) >= (9, 1))) + 1)
                .clamp(1, 9) as u8;
            let fits = |i: &&super::county::Class| i.grade == grade && county.schools[i.school].town == c.family.town;
            let class = county.classes.iter().find(fits).or_else(|| county.classes.iter().find(|i| i.grade == grade));
            class.map_or(("", "", grade, 1), |class| {
                (county.schools[class.school].name.as_str(), county.schools[class.school].code.as_str(), grade, class.number)
            })
        }
    }
}

const GRADES: [&str; 10] = ["", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

fn value(county: &County, c: &Child, roster: &Roster, field: Field, adult: usize, id: &str, rng: &mut ChaCha8Rng) -> String {
    let care = roster.care;
    let (school, code, grade, number) = class_of(county, c);
    let last_year = roster.kind == SourceKind::LastYear;
    let grade = if last_year { grade.saturating_sub(1).max(1) } else { grade };
    let yes = |b: bool| if b { "是" } else { "否" }.to_owned();
    match field {
        Field::Name => match roster.kind {
            SourceKind::Births if rng.random_bool(0.02) => {
                format!("{}之{}", c.family.adults[1], if c.sex == baoxue_domain::person::Sex::Male { "子" } else { "女" })
            }
            _ => errors::name(rng, &c.name, care),
        },
        Field::NationalId => id.to_owned(),
        Field::Sex => c.sex.label().to_owned(),
        Field::BirthDate => {
            let d = errors::birth(rng, c.birth, care);
            match roster.kind {
                SourceKind::Disability => format!("{}年{}月{}日", d.year(), d.month(), d.day()),
                SourceKind::Births => d.to_string().replace('-', ""),
                SourceKind::InSchool => d.to_string().replace('-', "."),
                _ => d.to_string(),
            }
        }
        Field::Ethnicity => if c.family.dotted.is_some() { "少数民族" } else { "汉族" }.to_owned(),
        Field::Guardian | Field::Mother => c.family.adults[adult].clone(),
        Field::GuardianRelation => if c.sex == baoxue_domain::person::Sex::Male { "子" } else { "女" }.to_owned(),
        Field::GuardianPhone | Field::Phone => errors::phone(rng, &c.family.phones[adult], care),
        Field::PlaceCode => c.family.place_code(),
        Field::Address | Field::RegisterAddress => c.family.address(),
        Field::HouseholdNumber => format!("{:08}", c.family.number),
        Field::RegisterStatus => c.register_status.to_owned(),
        Field::SchoolCode => code.to_owned(),
        Field::SchoolName if last_year && grade == 6 => {
            let town = super::people::towns()[c.family.town].trim_end_matches(['镇', '乡']);
            format!("{town}中心小学")
        }
        Field::SchoolName => school.to_owned(),
        Field::Grade => format!("{}年级", GRADES[usize::from(grade)]),
        Field::Class => format!("{}({number})班", GRADES[usize::from(grade)]),
        Field::StudentNumber if id.is_empty() => format!("J{}", &c.national_id.as_str()[..17].replace('5', "0")) + "1",
        Field::StudentNumber => format!("G{}", c.national_id),
        Field::StudentState => c.student_state.to_owned(),
        Field::AttendanceMode => if c.home_taught {
            "送教上门"
        } else if grade >= 7 {
            "住校"
        } else {
            "走读"
        }
        .to_owned(),
        Field::EnrolledOn => format!("{}-09", super::SCHOOL_YEAR - i16::from(if grade > 6 { grade - 7 } else { grade - 1 })),
        Field::LeftBehind => if c.left_behind { "双亲留守儿童" } else { "非留守儿童" }.to_owned(),
        Field::Migrant => if c.migrant { "进城务工人员随迁子女" } else { "否" }.to_owned(),
        Field::Present => yes(c.present),
        Field::AbsentReason if !c.present => "外出未归".to_owned(),
        Field::BirthCertificate => format!("T52{:07}", c.family.number),
        Field::MotherId => String::new(),
        Field::Hospital => "青禾县妇幼保健院".to_owned(),
        Field::HouseholdKind => "脱贫户".to_owned(),
        Field::InSchoolStatus => match c.class {
            Some(_) if grade > 6 => "初中",
            Some(_) => "小学",
            None => "非在校生",
        }
        .to_owned(),
        Field::Education => if grade > 6 { "初中" } else { "小学" }.to_owned(),
        Field::OutOfSchool => "否".to_owned(),
        Field::DisabilityCertificate => {
            if id.is_empty() {
                String::new()
            } else {
                format!("{id}4{}", 1 + grade % 4)
            }
        }
        Field::DisabilityKind => ["视力", "听力", "肢体", "智力"][usize::from(grade % 4)].to_owned(),
        Field::DisabilityGrade => ["一级", "二级", "三级"][usize::from(number % 3)].to_owned(),
        Field::Placement if c.home_taught => "送教上门".to_owned(),
        Field::Placement if c.class.is_some() => "随班就读".to_owned(),
        Field::PostponedReason => "因病".to_owned(),
        Field::PostponedUntil => "2024-09".to_owned(),
        Field::ApprovedBy => "青禾县教育局".to_owned(),
        Field::ExamNumber => format!("2452{:07}", c.family.number),
        Field::ExamAbsence => yes(c.family.number % 400 == 0),
        Field::Disposition => "省外就读".to_owned(),
        Field::Destination => "随父母在外省就读".to_owned(),
        _ => String::new(),
    }
}

/// The second record of a child who is enrolled twice: another school, often without a number.
fn second_record(county: &County, c: &Child, fields: &[Field], rng: &mut ChaCha8Rng) -> Vec<String> {
    let roster = &ROSTERS[1];
    let (_, _, grade, _) = class_of(county, c);
    let own = c.class.map(|i| county.classes[i].school);
    let other = county.classes.iter().rev().find(|k| k.grade == grade && Some(k.school) != own);
    let id = if rng.random_bool(0.5) { String::new() } else { c.national_id.to_string() };
    fields
        .iter()
        .map(|f| match (f, other) {
            (Field::SchoolName, Some(k)) => county.schools[k.school].name.clone(),
            (Field::SchoolCode, Some(k)) => county.schools[k.school].code.clone(),
            (Field::StudentNumber, _) => format!("L{}", c.national_id.as_str().replace('X', "0")),
            _ => value(county, c, roster, *f, 1, &id, rng),
        })
        .collect()
}

fn sheet(kind: SourceKind, fields: &[Field], rows: Vec<Vec<String>>) -> TableSheet<'static> {
    let sum = format!("共 {} 人", rows.len());
    TableSheet {
        name: kind.label().into(),
        title: Some(format!("青禾县{}", kind.long_label())),
        subtitle: Some((sum, "2023年9月30日".into())),
        columns: fields.iter().map(|f| Column::new(f.heading(), width(*f))).collect(),
        rows: Box::new(rows.into_iter().map(|r| r.into_iter().map(Value::Text).collect())),
        notes: vec!["填表人:示例    审核人:示例    负责人:示例".into()],
    }
}

/// GB18030 would need an encoder here: the program writes what Excel reads, UTF-8 with its mark.
fn csv_bytes(fields: &[Field], rows: &[Vec<String>]) -> anyhow::Result<Vec<u8>> {
    let mut w = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    w.write_record(fields.iter().map(|f| f.heading()))?;
    rows.iter().try_for_each(|r| w.write_record(r))?;
    Ok(w.into_inner()?)
}

/// The export of a web system: a page named .xls.
fn web_page(kind: SourceKind, fields: &[Field], rows: &[Vec<String>]) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut s = String::from("<html><head><meta charset=\"utf-8\"></head><body><table border=\"1\">");
    let _ = write!(s, "<tr><td colspan=\"{}\">青禾县{}</td></tr><tr>", fields.len(), kind.long_label());
    fields.iter().for_each(|f| s.push_str(&format!("<th>{}</th>", f.heading())));
    s.push_str("</tr>\n");
    for r in rows {
        s.push_str("<tr>");
        r.iter().for_each(|v| s.push_str(&format!("<td style=\"mso-number-format:'\\@'\">{v}</td>")));
        s.push_str("</tr>\n");
    }
    s.push_str("</table></body></html>");
    s.into_bytes()
}
