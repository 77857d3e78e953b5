//! 交办名单 (lists of findings): which ones, and the same as a spreadsheet that says what it is.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, mask_address, mask_id, mask_name, mask_phone};
use baoxue_domain::finding::FindingState;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{Finding, FindingFilter};

use crate::app::clock::civil;
use crate::app::ledger::listing::{note_sheet, told, town_and_village};
use crate::app::office::{Office, OfficeError, Result};

/// Findings that one list holds at most, when all of it is meant.
pub const MOST: i64 = 50_000;

/// A list of findings as it was asked for.
pub struct FindingList {
    pub filter: FindingFilter,
    /// Its conditions in words; empty where all findings are on it.
    pub conditions: Vec<String>,
}

impl FindingList {
    /// The conditions, for the log and the sheet that explains the export.
    pub fn said(&self) -> String {
        if self.conditions.is_empty() { "全部".to_owned() } else { self.conditions.join("、") }
    }
}

/// Headings of an exported list, with widths.
const COLUMNS: [(&str, f64); 18] = [
    ("序号", 6.0),
    ("姓名", 12.0),
    ("性别", 5.0),
    ("出生日期", 11.0),
    ("身份证件号", 20.0),
    ("家长", 10.0),
    ("联系电话", 13.0),
    ("乡镇", 12.0),
    ("村(社区)", 14.0),
    ("现住址", 32.0),
    ("学校", 20.0),
    ("判定", 18.0),
    ("核实状态", 14.0),
    ("核实单位", 20.0),
    ("期限", 16.0),
    ("是否逾期", 8.0),
    ("核实结论", 16.0),
    ("退回情况", 30.0),
];

impl Office {
    /// All findings of a list.
    pub async fn listed_findings(&self, actor: &Actor, of: &FindingList) -> Result<Vec<Finding>> {
        let j = actor.jurisdiction(Action::Dispatch)?;
        let (found, total) = self.store.findings(&of.filter, &j, MOST, 0).await?;
        if total > MOST {
            return Err(OfficeError::Input(format!("名单有 {total} 条,超过一次办理的上限 {MOST} 条;请先按乡镇或学校筛选")));
        }
        Ok(found)
    }

    /// A list of findings as a spreadsheet: with full names and numbers where a reason is given, else masked. It is logged with its
    /// conditions and says them on an extra sheet.
    pub async fn export_findings(&self, actor: &Actor, of: &FindingList, reason: Option<&str>) -> Result<Vec<u8>> {
        actor.jurisdiction(Action::Export)?;
        let findings = self.listed_findings(actor, of).await?;
        let children = self.store.children_of(&findings).await?;
        let numbers: Vec<i64> = findings.iter().map(|f| f.id).collect();
        let returns = self.store.returns_of(&numbers).await?;
        let mut paths: Vec<&str> = children.iter().filter_map(|c| c.residence_path.as_deref()).collect();
        paths.extend(findings.iter().filter_map(|f| f.unit_path.as_deref()));
        paths.extend(returns.values().flatten().filter_map(|r| r.unit_path.as_deref()));
        let trails = self.trails(&paths).await?;
        let last = |p: Option<&str>| p.and_then(|p| trails.get(p)).and_then(|t| t.rsplit(" › ").next()).unwrap_or("").to_owned();
        let open = reason.is_some();
        let sealed = actor.may(Action::CloseFinding);
        let show = |text: &str, mask: fn(&str) -> String| if open { text.to_owned() } else { mask(text) };
        let now = self.now();
        let by_number: rustc_hash::FxHashMap<i64, &baoxue_store::ChildRow> = children.iter().map(|c| (c.id, c)).collect();
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(findings.len());
        for f in &findings {
            let Some(c) = by_number.get(&f.child) else { continue };
            let p = &c.profile;
            let (town, village) = town_and_village(c.residence_path.as_ref().and_then(|p| trails.get(p)));
            let waits = f.state == FindingState::Dispatched;
            let back = returns.get(&f.id).into_iter().flatten();
            let back: Vec<String> = back.map(|r| format!("{}:{}", last(r.unit_path.as_deref()), r.reason)).collect();
            rows.push(vec![
                Value::from(rows.len() + 1),
                show(&p.name, mask_name).into(),
                c.sex.clone().unwrap_or_default().into(),
                c.birth_date.clone().unwrap_or_default().into(),
                show(&p.national_id, mask_id).into(),
                show(&p.guardian, mask_name).into(),
                show(&p.phone, mask_phone).into(),
                town.into(),
                village.into(),
                show(&p.address, mask_address).into(),
                p.school.clone().into(),
                VerdictKind::find(&f.verdict).map_or("", VerdictKind::label).into(),
                f.state.label().into(),
                last(f.unit_path.as_deref()).into(),
                f.deadline_at.filter(|_| waits).map(|d| civil(d).date().to_string()).unwrap_or_default().into(),
                if waits && f.deadline_at.is_some_and(|d| d < now) { "逾期" } else { "" }.into(),
                told(f.disposition.as_deref(), sealed).into(),
                if open { back.join(";") } else { String::new() }.into(),
            ]);
        }
        let total = rows.len();
        let kind = reason.map_or("隐去姓名证件".to_owned(), |r| format!("完整信息,原因:{r}"));
        let day = self.clock.today();
        self.note(actor, Deed::Export, "交办核实名单", &format!("{total} 条,{day};条件:{};{kind}", of.said())).await?;
        let bureau = self.policy(actor.home()).await?.bureau;
        let (said, at, who) = (of.said(), self.clock.now(), actor.clone());
        let made = tokio::task::spawn_blocking(move || {
            let table = TableSheet {
                name: "交办核实".to_owned(),
                title: Some(format!("{bureau}交办核实名单({said})")),
                subtitle: Some((format!("共 {total} 条"), format!("截至 {day}"))),
                columns: COLUMNS.iter().map(|(h, w)| Column::new(h, *w)).collect(),
                rows: Box::new(rows.into_iter()),
                notes: Vec::new(),
            };
            let mark = note_sheet(&who, "交办核实名单", &said, &day.to_string(), open, at);
            workbook(vec![table, mark])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }
}
