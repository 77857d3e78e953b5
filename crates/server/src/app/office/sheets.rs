//! 导出 (exports): ledgers as spreadsheets, marked with who took them and when, and logged.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{LedgerQuery, Order};

use super::{Office, OfficeError, Result};

/// Rows of an export: what Excel opens at ease.
const MAX_ROWS: i64 = 200_000;

pub fn verdict(code: &str) -> Option<VerdictKind> {
    VerdictKind::ALL.iter().copied().find(|k| k.code() == code)
}

impl Office {
    /// A list as a spreadsheet with everything in it; the export is logged and marked on an extra sheet.
    pub async fn export(&self, actor: &Actor, title: &str, q: &LedgerQuery, order: Order) -> Result<Vec<u8>> {
        let j = actor.jurisdiction(Action::Export)?;
        let children = self.store.children_with_reasons(q, &j, order, MAX_ROWS + 1).await?;
        let total = children.len();
        if total as i64 > MAX_ROWS {
            return Err(OfficeError::Input(format!("超过一次导出的上限 {MAX_ROWS} 人;请按乡镇或学校分开导出")));
        }
        let bureau = self.setting("bureau", actor.home()).await?;
        let today = self.clock.today();
        let day = q.as_of.clone().unwrap_or_else(|| today.to_string());
        self.note(actor, "export", title, &format!("{total} 人,截至 {day}")).await?;
        let name = actor.name.clone();
        let login = actor.login.clone();
        let (title, at) = (title.to_owned(), self.clock.now());
        let made = tokio::task::spawn_blocking(move || {
            let heads = [
                ("序号", 6.0),
                ("姓名", 12.0),
                ("性别", 5.0),
                ("出生日期", 11.0),
                ("身份证件号", 20.0),
                ("家长", 10.0),
                ("联系电话", 13.0),
                ("现住址", 32.0),
                ("学校", 20.0),
                ("年级班级", 9.0),
                ("判定", 18.0),
                ("自何时起", 11.0),
                ("理由", 50.0),
            ];
            let rows = children.into_iter().enumerate().map(move |(i, (c, reason))| -> Vec<Value> {
                let reason = if c.held_by.is_some() { "由居住地所在县负责,依据在该县".to_owned() } else { reason };
                let p = c.profile;
                vec![
                    Value::from(i + 1),
                    p.name.into(),
                    c.sex.unwrap_or_default().into(),
                    c.birth_date.unwrap_or_default().into(),
                    p.national_id.into(),
                    p.guardian.into(),
                    p.phone.into(),
                    p.address.into(),
                    p.school.into(),
                    p.class.into(),
                    verdict(&c.verdict).map_or("", VerdictKind::label).into(),
                    c.verdict_since.into(),
                    reason.into(),
                ]
            });
            let table = TableSheet {
                name: title.clone(),
                title: Some(format!("{bureau}{title}")),
                subtitle: Some((format!("共 {total} 人"), format!("截至 {day}"))),
                columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
                rows: Box::new(rows),
                notes: Vec::new(),
            };
            let mark = TableSheet {
                name: "导出说明".into(),
                title: Some("导出说明".into()),
                subtitle: None,
                columns: vec![Column::new("项目", 14.0), Column::new("内容", 60.0)],
                rows: Box::new(
                    vec![
                        vec![Value::from("导出人"), format!("{name}({login})").into()],
                        vec![Value::from("导出时间"), format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute()).into()],
                        vec![
                            Value::from("提示"),
                            "含未成年人个人信息,仅限控辍保学工作使用,用后删除;本次导出已记入审计日志。".into(),
                        ],
                    ]
                    .into_iter(),
                ),
                notes: Vec::new(),
            };
            workbook(vec![table, mark])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }
}
