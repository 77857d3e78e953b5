//! 台账 (ledgers): who stands on which, what was verified of each, and the same as a spreadsheet that says what it is.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction, mask_address, mask_id, mask_name, mask_phone};
use baoxue_domain::ledger::{Effect, LedgerKind, Standing, disposition};
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{ChildRow, LedgerQuery, Listed, MAX_FOUND, Order, asks_for_number};
use rustc_hash::FxHashMap;

use crate::app::finding::dispatch::answer_label;
use crate::app::office::{Office, OfficeError, Result};

/// Rows of an export: what Excel opens at ease.
const MAX_ROWS: i64 = 200_000;
/// Rows of a printed list: some 150 pages.
pub const MAX_PRINTED: i64 = 5_000;
/// Characters of the reason for which full data are taken away.
const MAX_REASON: usize = 200;

/// 名单 (a list that pages show): the three ledgers, and beside them who was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// 适龄儿童台账
    SchoolAge,
    /// 疑似辍学台账
    Suspected,
    /// 已核销
    Cleared,
    /// 辍学台账
    Dropout,
    /// 已返校
    Returned,
}

impl List {
    /// All, in the order of their tabs.
    pub const ALL: [Self; 5] = [Self::SchoolAge, Self::Suspected, Self::Cleared, Self::Dropout, Self::Returned];

    /// Stable code, part of the address.
    pub fn code(self) -> &'static str {
        match self {
            Self::SchoolAge => "school-age",
            Self::Suspected => "suspected",
            Self::Cleared => "cleared",
            Self::Dropout => "dropout",
            Self::Returned => "returned",
        }
    }

    /// Finds a list by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::SchoolAge => LedgerKind::SchoolAge.title(),
            Self::Suspected => LedgerKind::Suspected.title(),
            Self::Cleared => "疑似辍学已核销名单",
            Self::Dropout => LedgerKind::Dropout.title(),
            Self::Returned => "劝返复学名单",
        }
    }

    /// Its name on a tab.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cleared => "其中已核销",
            Self::Returned => "已返校",
            _ => self.title(),
        }
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::SchoolAge => "本辖区全部适龄儿童,每人一条判定。",
            Self::Suspected => "需要核实去向的儿童:名册里未见就读记录,或在籍不在校。已核销的不在内,另列。",
            Self::Cleared => "名册里未见就读记录、经核实有去向的儿童。证明到期或其后的名册与之不符的,自动回到疑似辍学台账。",
            Self::Dropout => "名册登记为失学辍学,或经核实确认未就读,需要劝返复学的儿童。",
            Self::Returned => "经劝返已回到学校的儿童,从返校那天起不在疑似辍学台账和辍学台账;再次离校的会回到台账。",
        }
    }

    /// Where children on it stand; all of them on the first.
    pub fn standing(self) -> Option<Standing> {
        match self {
            Self::SchoolAge => None,
            Self::Suspected => Some(Standing::Suspected),
            Self::Cleared => Some(Standing::Cleared),
            Self::Dropout => Some(Standing::Dropout),
            Self::Returned => Some(Standing::Returned),
        }
    }
}

/// A list as it was asked for.
pub struct Listing {
    /// Which.
    pub list: List,
    /// Who.
    pub query: LedgerQuery,
    /// In which order.
    pub order: Order,
    /// Its conditions in words, without the day; empty where everybody is on it.
    pub conditions: Vec<String>,
}

impl Listing {
    /// 疑似辍学台账(在籍不在校、柳林镇)
    pub fn title(&self) -> String {
        if self.conditions.is_empty() {
            return self.list.title().to_owned();
        }
        format!("{}({})", self.list.title(), self.conditions.join("、"))
    }

    /// The conditions, for the log and the sheet that explains the export.
    pub fn said(&self) -> String {
        if self.conditions.is_empty() { "全部".to_owned() } else { self.conditions.join("、") }
    }
}

/// 核实情况 (what was verified of a child).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// 已交办未答复, 已核销, …
    pub state: String,
    /// The unit that looks or looked into it.
    pub unit: String,
    /// 省外就读, 确认未就读, …
    pub conclusion: String,
    /// Since which day.
    pub day: String,
    /// Until which day the proof holds, if it ends.
    pub until: String,
}

/// What must not be told of an answer to everybody: 其他 in its place. (R-CASE 12)
pub fn told(code: Option<&str>, open: bool) -> String {
    let sealed = code.and_then(disposition).is_some_and(|d| d.sealed);
    if sealed && !open { "其他".to_owned() } else { answer_label(code) }
}

/// Searches of a person in a minute: nobody types faster, and whoever tries numbers out does.
const SEARCHES_A_MINUTE: u32 = 30;

impl Office {
    /// Numbers of the children that fit what somebody typed. By ID and telephone only for whoever may see what is masked: others would complete
    /// it digit by digit. What was typed is logged as a keyed digest.
    pub async fn search(&self, actor: &Actor, typed: &str, j: &Jurisdiction) -> Result<Vec<i64>> {
        if self.throttle.too_often("search", actor.account, SEARCHES_A_MINUTE, self.now()) {
            return Err(OfficeError::Input(format!("查找太频繁(一分钟 {SEARCHES_A_MINUTE} 次),请稍候再查")));
        }
        let number = asks_for_number(typed);
        if number && !actor.may(Action::Reveal) {
            let said = "您的角色看不到完整的证件号和电话,也就不能按它们查找。请按姓名、拼音或首字母查找";
            return Err(OfficeError::Input(said.into()));
        }
        let found = self.store.search(typed, j).await?;
        let by = if number { "按号码" } else { "按姓名" };
        let digest = self.store.vault().token("searched", typed.trim()).cast_unsigned();
        self.note(actor, Deed::Search, "学生", &format!("{by},摘要 {digest:016x},找到 {} 人", found.len())).await?;
        Ok(found)
    }

    /// The same for a list: what is too much to be found whole is refused, for a part of it would pass for all.
    pub async fn search_of_list(&self, actor: &Actor, typed: &str, j: &Jurisdiction) -> Result<Vec<i64>> {
        let found = self.search(actor, typed, j).await?;
        if found.len() as i64 >= MAX_FOUND {
            let said = format!(
                "按“{}”查到 {MAX_FOUND} 人或更多,名单会不全;请写全姓名,或先点页面上方的“切换”到乡镇、学校再查",
                typed.trim()
            );
            return Err(OfficeError::Input(said));
        }
        Ok(found)
    }

    /// What was verified of children, as far as one may know it: as it was known on the day of a list, or now.
    pub async fn verifications(&self, actor: &Actor, q: &LedgerQuery, rows: &[ChildRow]) -> Result<FxHashMap<i64, Verification>> {
        let ids: Vec<i64> = rows.iter().filter(|c| c.held_by.is_none()).map(|c| c.id).collect();
        let (day, known_at) = match &q.as_of {
            Some(at) => (at.day.parse().unwrap_or_else(|_| self.clock.today()), at.known_at),
            None => (self.clock.today(), i64::MAX),
        };
        let open = actor.may(Action::CloseFinding);
        let histories = self.store.histories_of_established(&ids).await?;
        let findings = self.store.findings_then(&ids, known_at).await?;
        let cases = self.store.cases_then(&ids, known_at).await?;
        let mut units: Vec<String> = findings.values().filter_map(|f| f.unit_path.clone()).collect();
        units.extend(cases.values().filter_map(|k| k.unit_path.clone()));
        units.extend(histories.values().flat_map(|h| &h.establishments).filter_map(|e| e.unit_path.clone()));
        let names = self.store.place_names(&units.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let name = |path: &Option<String>| path.as_ref().and_then(|p| names.get(p)).cloned().unwrap_or_default();
        let mut out: FxHashMap<i64, Verification> = FxHashMap::default();
        for id in ids {
            let finding = findings.get(&id);
            let history = histories.get(&id);
            let stands = history.and_then(|h| h.stands(day, known_at)).filter(|s| s.lapse.is_none());
            let by = stands.and_then(|s| s.establishment);
            let by = by.and_then(|n| history.and_then(|h| h.establishments.iter().find(|e| e.rule.id == n)));
            let said = match (by, finding) {
                // what is being done for the child, beside what was established
                _ if cases.get(&id).is_some_and(|k| k.state.is_open()) => {
                    let k = &cases[&id];
                    Verification {
                        state: k.state.label().to_owned(),
                        unit: name(&k.unit_path),
                        conclusion: by.map(|e| told(Some(&e.conclusion), open)).unwrap_or_default(),
                        day: crate::app::clock::civil(k.since).date().to_string(),
                        until: String::new(),
                    }
                }
                // what was established holds until a newer finding is answered
                (Some(e), f) if f.is_none_or(|f| !f.state.is_pending()) => Verification {
                    state: match e.rule.effect {
                        Effect::Cleared => "已核销",
                        Effect::DroppedOut => "已确认辍学",
                        Effect::Suspected => "已报告",
                        Effect::Returned => "已返校",
                    }
                    .to_owned(),
                    unit: name(&e.unit_path),
                    conclusion: told(Some(&e.conclusion), open),
                    day: e.rule.valid_from.to_string(),
                    until: e.rule.valid_to.map(|d| d.to_string()).unwrap_or_default(),
                },
                (_, Some(f)) => Verification {
                    state: f.state.label().to_owned(),
                    unit: name(&f.unit_path),
                    conclusion: told(f.answer.as_deref(), open),
                    day: crate::app::clock::civil(f.since).date().to_string(),
                    until: String::new(),
                },
                _ => continue,
            };
            out.insert(id, said);
        }
        Ok(out)
    }

    /// How many children stand on a list today.
    pub async fn count_of(&self, list: List, j: &Jurisdiction) -> Result<i64> {
        let listed = list.standing().map(|standing| Listed { standing, day: self.clock.today().to_string() });
        let counts = self.store.verdict_counts(&LedgerQuery { listed, ..LedgerQuery::default() }, j).await?;
        Ok(counts.iter().map(|c| c.1).sum())
    }

    /// A reason for which full data are taken away.
    pub fn reason_of(&self, text: &str) -> Result<String> {
        let reason = text.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON {
            return Err(OfficeError::Input(format!("请选择或写明原因({MAX_REASON} 字以内):本次操作会记入审计日志")));
        }
        Ok(reason.to_owned())
    }

    /// A list with everything that is printed of it, at most so many rows; the names are full where a reason is given, which is logged.
    pub async fn printed(&self, actor: &Actor, of: &Listing, reason: Option<&str>) -> Result<Vec<ChildRow>> {
        let j = actor.jurisdiction(Action::Export)?;
        let page = self.store.children(&of.query, &j, of.order, MAX_PRINTED, 0).await?;
        let kind = reason.map_or("隐去姓名证件".to_owned(), |r| format!("完整信息,原因:{r}"));
        let detail = format!("打印 {} 人,截至 {};条件:{};{kind}", page.rows.len(), self.day_of(&of.query), of.said());
        self.note(actor, Deed::Print, of.list.title(), &detail).await?;
        Ok(page.rows)
    }

    /// The day of a list.
    pub fn day_of(&self, q: &LedgerQuery) -> String {
        q.as_of.as_ref().map_or_else(|| self.clock.today().to_string(), |a| a.day.clone())
    }

    /// A list as a spreadsheet: with full names and numbers where a reason is given, else masked. The export is logged with its conditions
    /// and marked on an extra sheet.
    pub async fn export(&self, actor: &Actor, of: &Listing, reason: Option<&str>) -> Result<Vec<u8>> {
        let j = actor.jurisdiction(Action::Export)?;
        let children = self.store.children_with_reasons(&of.query, &j, of.order, MAX_ROWS + 1).await?;
        let total = children.len();
        if total as i64 > MAX_ROWS {
            return Err(OfficeError::Input(format!("超过一次导出的上限 {MAX_ROWS} 人;请按乡镇或学校分开导出")));
        }
        let bureau = self.policy(actor.home()).await?.bureau;
        let day = self.day_of(&of.query);
        let (children, reasons): (Vec<ChildRow>, Vec<String>) = children.into_iter().unzip();
        let verified = self.verifications(actor, &of.query, &children).await?;
        let kind = reason.map_or("隐去姓名证件".to_owned(), |r| format!("完整信息,原因:{r}"));
        self.note(actor, Deed::Export, of.list.title(), &format!("{total} 人,截至 {day};条件:{};{kind}", of.said())).await?;
        let homes: Vec<&str> = children.iter().filter_map(|c| c.residence_path.as_deref()).collect();
        let trails = self.trails(&homes).await?;
        let who = actor.clone();
        let (title, conditions, at) = (of.title(), of.said(), self.clock.now());
        let (list, open) = (of.list.title(), reason.is_some());
        let made = tokio::task::spawn_blocking(move || {
            let show = |text: String, mask: fn(&str) -> String| if open { text } else { mask(&text) };
            let rows = children.into_iter().zip(reasons).enumerate().map(move |(i, (c, why))| -> Vec<Value> {
                let held = c.held_by.is_some();
                let why = if held { "由居住地所在县负责,依据在该县".to_owned() } else { why };
                let (town, village) = town_and_village(c.residence_path.as_ref().and_then(|p| trails.get(p)));
                let v = verified.get(&c.id).cloned().unwrap_or_default();
                let kind = VerdictKind::find(&c.verdict);
                let p = c.profile;
                vec![
                    Value::from(i + 1),
                    show(p.name, mask_name).into(),
                    c.sex.unwrap_or_default().into(),
                    c.birth_date.unwrap_or_default().into(),
                    show(p.national_id, mask_id).into(),
                    show(p.guardian, mask_name).into(),
                    show(p.phone, mask_phone).into(),
                    town.into(),
                    village.into(),
                    show(p.address, mask_address).into(),
                    p.school.into(),
                    p.class.into(),
                    kind.map_or("", VerdictKind::label).into(),
                    c.verdict_since.into(),
                    why.into(),
                    v.state.into(),
                    v.unit.into(),
                    v.conclusion.into(),
                    v.day.into(),
                    v.until.into(),
                    kind.map_or("", VerdictKind::next_step).into(),
                ]
            });
            let table = TableSheet {
                name: list.to_owned(),
                title: Some(format!("{bureau}{title}")),
                subtitle: Some((format!("共 {total} 人"), format!("截至 {day}"))),
                columns: COLUMNS.iter().map(|(h, w)| Column::new(h, *w)).collect(),
                rows: Box::new(rows),
                notes: Vec::new(),
            };
            let mark = note_sheet(&who, &title, &conditions, &day, open, at);
            workbook(vec![table, mark])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }
}

/// 导出说明: who took which list away, when, with which conditions.
pub fn note_sheet(
    by: &Actor,
    list: &str,
    conditions: &str,
    day: &str,
    open: bool,
    at: jiff::civil::DateTime,
) -> TableSheet<'static> {
    let moment = format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute());
    let content =
        if open { "完整的姓名、证件号、电话和住址" } else { "姓名、证件号、电话和住址已隐去" };
    let lines = [
        ("名单", list.to_owned()),
        ("条件", conditions.to_owned()),
        ("截至", day.to_owned()),
        ("内容", content.to_owned()),
        ("导出人", format!("{}({})", by.name, by.login)),
        ("导出时间", moment),
        ("提示", "含未成年人个人信息,仅限控辍保学工作使用,用后删除;本次导出已记入审计日志。".to_owned()),
    ];
    TableSheet {
        name: "导出说明".into(),
        title: Some("导出说明".into()),
        subtitle: None,
        columns: vec![Column::new("项目", 14.0), Column::new("内容", 60.0)],
        rows: Box::new(lines.into_iter().map(|(k, v)| vec![Value::from(k), v.into()])),
        notes: Vec::new(),
    }
}

/// Headings of an exported list, with widths.
const COLUMNS: [(&str, f64); 21] = [
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
    ("年级班级", 9.0),
    ("判定", 18.0),
    ("自何时起", 11.0),
    ("理由", 50.0),
    ("核实状态", 14.0),
    ("核实单位", 18.0),
    ("核实结论", 16.0),
    ("核实日期", 11.0),
    ("证明有效至", 11.0),
    ("下一步", 30.0),
];

/// 柳林镇, 石桥村 of 虚构省 › 虚构州 › 青禾县 › 柳林镇 › 石桥村.
pub fn town_and_village(trail: Option<&String>) -> (String, String) {
    let mut steps = trail.map(|t| t.split(" › ").skip(3).map(str::to_owned)).into_iter().flatten();
    (steps.next().unwrap_or_default(), steps.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tell_conditions() {
        let of = |conditions: &[&str]| Listing {
            list: List::Suspected,
            query: LedgerQuery::default(),
            order: Order::Verdict,
            conditions: conditions.iter().map(|c| (*c).to_owned()).collect(),
        };
        assert_eq!((of(&[]).title(), of(&[]).said()), ("疑似辍学台账".to_owned(), "全部".to_owned()));
        assert_eq!(of(&["在籍不在校", "柳林镇"]).title(), "疑似辍学台账(在籍不在校、柳林镇)");
        let place = "虚构省 › 虚构州 › 青禾县 › 柳林镇 › 石桥村".to_owned();
        assert_eq!(town_and_village(Some(&place)), ("柳林镇".into(), "石桥村".into()));
        assert_eq!(town_and_village(None), (String::new(), String::new()));
        assert_eq!((told(Some("in-custody"), false), told(Some("in-custody"), true)), ("其他".into(), "羁押或社区矫正".into()));
    }
}
