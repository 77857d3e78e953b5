//! 专项核查的表 (the checks as a spreadsheet): schools and examinations, and everybody who is missing by name.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, mask_id, mask_name, mask_phone};
use baoxue_domain::roster::SourceKind;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::ChildRow;

use crate::app::comparison::run::Figures;
use crate::app::office::{Office, OfficeError, Result};

const PERSON: [(&str, f64); 8] = [
    ("姓名", 12.0),
    ("性别", 5.0),
    ("出生日期", 11.0),
    ("身份证件号", 20.0),
    ("学校", 22.0),
    ("年级班级", 10.0),
    ("联系电话", 13.0),
    ("判定", 18.0),
];

fn person(c: &ChildRow, open: bool) -> [Value; 8] {
    let p = &c.profile;
    let show = |text: &str, mask: fn(&str) -> String| if open { text.to_owned() } else { mask(text) };
    [
        show(&p.name, mask_name).into(),
        c.sex.clone().unwrap_or_default().into(),
        c.birth_date.clone().unwrap_or_default().into(),
        show(&p.national_id, mask_id).into(),
        p.school.clone().into(),
        p.class.clone().into(),
        show(&p.phone, mask_phone).into(),
        VerdictKind::find(&c.verdict).map_or("", VerdictKind::label).into(),
    ]
}

impl Office {
    /// The checks of a run for what one sees: a sheet of schools, a sheet of names for the examinations, one for the transitions; with full names
    /// and numbers where a reason is given. Logged.
    pub async fn checks_sheet(&self, actor: &Actor, f: &Figures, day: &str, reason: Option<&str>) -> Result<Vec<u8>> {
        let j = actor.jurisdiction(Action::Export)?;
        let bureau = self.policy(actor.home()).await?.bureau;
        let schools: Vec<_> = f.exams.iter().filter(|e| j.covers(&e.path)).collect();
        let label = |source: &str| SourceKind::find(source).map_or("", SourceKind::label);
        let mut heads = vec![Column::new("学校", 26.0), Column::new("九年级在学", 11.0)];
        for e in f.exams.first().map(|s| s.exams.as_slice()).unwrap_or_default() {
            heads.extend([label(&e.source).to_owned(), "缺考".to_owned(), "未见".to_owned()].map(|h| Column::new(&h, 9.0)));
        }
        let n = |n: i64| Value::from(n as usize);
        let table: Vec<Vec<Value>> = schools
            .iter()
            .map(|s| {
                let exams = s.exams.iter().flat_map(|e| [n(e.listed), n(e.absent), Value::from(e.missing.len())]);
                [Value::from(s.school.clone()), n(s.enrolled)].into_iter().chain(exams).collect()
            })
            .collect();
        let mut missing: Vec<Vec<Value>> = Vec::new();
        for s in &schools {
            for e in &s.exams {
                for c in self.store.children_among(&e.missing, &j).await? {
                    missing.push([Value::from(label(&e.source))].into_iter().chain(person(&c, reason.is_some())).collect());
                }
            }
        }
        let mut unseen: Vec<Vec<Value>> = Vec::new();
        for t in &f.transitions {
            for c in self.store.children_among(&t.unseen, &j).await? {
                unseen.push([Value::from(t.label.clone())].into_iter().chain(person(&c, reason.is_some())).collect());
            }
        }
        let kind = reason.map_or("隐去姓名证件".to_owned(), |r| format!("完整信息,原因:{r}"));
        self.note(actor, Deed::Export, "专项核查", &format!("{} 人,截至 {day};{kind}", missing.len() + unseen.len())).await?;
        let day = day.to_owned();
        let made = tokio::task::spawn_blocking(move || workbook(sheets(&bureau, &day, heads, table, missing, unseen)));
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }
}

fn sheets(
    bureau: &str,
    day: &str,
    heads: Vec<Column>,
    table: Vec<Vec<Value>>,
    missing: Vec<Vec<Value>>,
    unseen: Vec<Vec<Value>>,
) -> Vec<TableSheet<'static>> {
    let names = |first: &str| -> Vec<Column> {
        std::iter::once(Column::new(first, 11.0)).chain(PERSON.iter().map(|(h, w)| Column::new(h, *w))).collect()
    };
    let sheet = |name: &str, columns: Vec<Column>, rows: Vec<Vec<Value>>| TableSheet {
        name: name.to_owned(),
        title: Some(format!("{bureau}{name}")),
        subtitle: Some((format!("共 {} 条", rows.len()), format!("截至 {day}"))),
        columns,
        rows: Box::new(rows.into_iter()),
        notes: vec!["未见的只表示名册里没有,请逐一核实;含未成年人个人信息,仅限控辍保学工作使用,用后删除。".into()],
    };
    vec![
        sheet("九年级考试核查", heads, table),
        sheet("九年级未见名单", names("考试"), missing),
        sheet("升学衔接未见名单", names("衔接"), unseen),
    ]
}
