//! 样表 (sample sheets): what a roster of a kind should look like.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::person::NationalId;
use baoxue_domain::roster::{Field, SourceKind};

/// The sample sheet of a kind as `.xlsx`.
pub fn sample(kind: SourceKind) -> anyhow::Result<Vec<u8>> {
    let fields = kind.template_fields();
    let columns = fields.iter().map(|f| Column::new(f.heading(), width(*f))).collect();
    let rows = Box::new((0..2).map(|i| fields.iter().map(|f| Value::Text(example(*f, i))).collect()));
    let filling = [
        "第一行是表头,不要改动列名;每个孩子一行,从第二行填起。前两行是示例,请删去。",
        "“身份证件号”“学籍号”“电话”等列已设为文本格式;从别处粘贴时请选“只粘贴文本”,以免号码变成 4.11E+17。",
        "日期写成 2015-03-02。农历日期请注明“农历”。没有的内容留空,不要写“无”。",
        "姓名按户口簿填写;少数民族姓名写全,间隔点用“·”。",
        "多个工作表、每校一个文件(可压缩成 zip)都可以,系统会自动识别。",
    ];
    let notes = TableSheet {
        name: "填写说明".into(),
        title: Some(format!("{}填写说明", kind.long_label())),
        subtitle: None,
        columns: vec![Column::new("序号", 8.0), Column::new("说明", 100.0)],
        rows: Box::new(filling.iter().enumerate().map(|(i, s)| vec![Value::from(i + 1), Value::from(*s)])),
        notes: Vec::new(),
    };
    let data = TableSheet { name: kind.label().into(), title: None, subtitle: None, columns, rows, notes: Vec::new() };
    Ok(workbook(vec![data, notes])?)
}

/// A width that shows the field's values whole.
pub fn width(field: Field) -> f64 {
    match field {
        Field::NationalId | Field::GuardianId | Field::MotherId | Field::StudentNumber | Field::DisabilityCertificate => 22.0,
        Field::Address | Field::RegisterAddress | Field::Remarks | Field::ApprovedBy => 34.0,
        Field::SchoolName | Field::Hospital | Field::OutOfSchool | Field::OutOfSchoolReason => 24.0,
        Field::BirthDate | Field::SchoolCode | Field::Phone | Field::GuardianPhone | Field::PlaceCode => 14.0,
        _ => 11.0,
    }
}

/// Invented values; area 5288 is assigned to no place.
fn example(field: Field, i: usize) -> String {
    let id = NationalId::complete(["52880120150302001", "52880120140518002"][i]).map(|n| n.to_string()).unwrap_or_default();
    let pick = |a: &str, b: &str| [a, b][i].to_owned();
    match field {
        Field::Name => pick("示例甲", "示例乙"),
        Field::NationalId => id,
        Field::Sex => pick("男", "女"),
        Field::BirthDate => pick("2015-03-02", "2014-05-18"),
        Field::Ethnicity => "汉族".into(),
        Field::Guardian | Field::Mother => pick("示例家长甲", "示例家长乙"),
        Field::GuardianPhone | Field::Phone => pick("13800000001", "13800000002"),
        Field::GuardianRelation => pick("父亲", "母亲"),
        Field::SchoolCode => "2152000001".into(),
        Field::SchoolName => "柳林镇中心小学".into(),
        Field::Grade => pick("三年级", "四年级"),
        Field::Class => pick("三(1)班", "四(2)班"),
        Field::StudentNumber => format!("G{id}"),
        Field::StudentState => "在读".into(),
        Field::AttendanceMode => pick("走读", "住校"),
        Field::EnrolledOn => pick("2021-09", "2020-09"),
        Field::Present | Field::InSchoolStatus => "是".into(),
        Field::PlaceCode => "528801100201".into(),
        Field::Address | Field::RegisterAddress => "青禾县柳林镇石桥村3组12号".into(),
        Field::RegisterStatus => "在册".into(),
        Field::HouseholdKind => "脱贫户".into(),
        Field::OutOfSchool | Field::ExamAbsence | Field::LeftBehind | Field::Migrant => "否".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use baoxue_domain::roster::Mapping;

    use super::*;
    use crate::app::roster::reading::{Reading, read};

    #[test]
    fn every_sample_reads_back_without_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        for kind in SourceKind::ALL {
            let path = folder.path().join(format!("样表-{}.xlsx", kind.label()));
            std::fs::write(&path, sample(*kind).unwrap()).unwrap();
            let today = jiff::civil::date(2023, 10, 1);
            let file = read(&path, &Reading { kind: None, mapping: &Mapping::default(), today }).unwrap();
            assert_eq!(file.kind, *kind);
            assert_eq!(file.roster.rows.len(), 2, "{}", kind.label());
            assert_eq!(file.roster.issues, [], "{}", kind.label());
        }
    }
}
