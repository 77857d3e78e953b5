//! 劝返名单和看板 (lists of cases and the board): which files, and the same as a spreadsheet that says what it is.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, mask_address, mask_id, mask_name, mask_phone};
use baoxue_domain::case::{CaseState, codes, told};
use baoxue_store::{CaseCount, CaseFile, CaseFilter, Whose};

use crate::app::clock::civil;
use crate::app::ledger::listing::{note_sheet, town_and_village};
use crate::app::office::{Office, OfficeError, Result};

/// Files that one list holds at most, when all of it is meant.
pub const MOST: i64 = 50_000;

/// A list of files as it was asked for.
pub struct CaseList {
    pub filter: CaseFilter,
    /// Its conditions in words; empty where all files are on it.
    pub conditions: Vec<String>,
}

impl CaseList {
    /// The conditions, for the log and the sheet that explains the export.
    pub fn said(&self) -> String {
        if self.conditions.is_empty() { "全部".to_owned() } else { self.conditions.join("、") }
    }
}

/// Headings of an exported list, with widths.
const COLUMNS: [(&str, f64); 24] = [
    ("序号", 6.0),
    ("档案编号", 18.0),
    ("姓名", 12.0),
    ("性别", 5.0),
    ("出生日期", 11.0),
    ("身份证件号", 20.0),
    ("监护人", 10.0),
    ("联系电话", 13.0),
    ("乡镇", 12.0),
    ("村(社区)", 14.0),
    ("现住址", 32.0),
    ("学校", 20.0),
    ("状态", 14.0),
    ("是否确认辍学", 8.0),
    ("原因", 14.0),
    ("去向", 18.0),
    ("牵头单位", 20.0),
    ("协同单位", 20.0),
    ("劝返次数", 8.0),
    ("其中家访", 8.0),
    ("立案日期", 11.0),
    ("返校日期", 11.0),
    ("再次离校次数", 8.0),
    ("期限", 11.0),
];

/// How the files of one place stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseLine {
    pub path: String,
    pub name: String,
    /// All files that were ever opened, but those that became part of others.
    pub found: i64,
    pub verifying: i64,
    pub persuading: i64,
    pub legal: i64,
    /// Among those who are away, the confirmed dropouts.
    pub confirmed: i64,
    pub returned: i64,
    pub follow_up: i64,
    pub closed: i64,
    pub cleared: i64,
    pub overdue: i64,
    pub asked: i64,
}

impl CaseLine {
    fn take(&mut self, c: &CaseCount) {
        *match c.state {
            CaseState::Verifying => &mut self.verifying,
            CaseState::Persuading => &mut self.persuading,
            CaseState::Legal => &mut self.legal,
            CaseState::Returned => &mut self.returned,
            CaseState::FollowUp => &mut self.follow_up,
            CaseState::Closed => &mut self.closed,
            CaseState::Cleared => &mut self.cleared,
            CaseState::Joined => return,
        } += c.all;
        self.found += c.all;
        if c.confirmed && c.state.is_away() {
            self.confirmed += c.all;
        }
        self.overdue += c.overdue;
        self.asked += c.asked;
    }

    /// Who is back, of those who were away: returned, looked after, closed.
    pub fn back(&self) -> i64 {
        self.returned + self.follow_up + self.closed
    }

    /// 劝返率
    pub fn share(&self) -> String {
        let of = self.back() + self.persuading + self.legal;
        if of == 0 { String::new() } else { format!("{:.1}%", self.back() as f64 * 100.0 / of as f64) }
    }

    fn add(&mut self, o: &Self) {
        for (a, b) in [
            (&mut self.found, o.found),
            (&mut self.verifying, o.verifying),
            (&mut self.persuading, o.persuading),
            (&mut self.legal, o.legal),
            (&mut self.confirmed, o.confirmed),
            (&mut self.returned, o.returned),
            (&mut self.follow_up, o.follow_up),
            (&mut self.closed, o.closed),
            (&mut self.cleared, o.cleared),
            (&mut self.overdue, o.overdue),
            (&mut self.asked, o.asked),
        ] {
            *a += b;
        }
    }
}

/// The board of a place.
pub struct CaseBoard {
    /// What the places are: 乡镇, 村(社区), 县.
    pub kind: &'static str,
    pub lines: Vec<CaseLine>,
    pub total: CaseLine,
}

impl Office {
    /// All files of a list that an actor sees.
    pub async fn listed_cases(&self, actor: &Actor, of: &CaseList) -> Result<Vec<CaseFile>> {
        let j = actor.jurisdiction(Action::ViewCases)?;
        let (found, total) = self.store.cases(&of.filter, Whose::Seen(&j), MOST, 0).await?;
        if total > MOST {
            return Err(OfficeError::Input(format!("名单有 {total} 份,超过一次办理的上限 {MOST} 份;请先筛选")));
        }
        Ok(found)
    }

    /// A list of files as a spreadsheet: with full names and numbers where a reason is given, else masked.
    pub async fn export_cases(&self, actor: &Actor, of: &CaseList, reason: Option<&str>) -> Result<Vec<u8>> {
        actor.jurisdiction(Action::Export)?;
        let cases = self.listed_cases(actor, of).await?;
        let children = self.store.children_of_cases(&cases).await?;
        let by_number: rustc_hash::FxHashMap<i64, &baoxue_store::ChildRow> = children.iter().map(|c| (c.id, c)).collect();
        let mut paths: Vec<&str> = children.iter().filter_map(|c| c.residence_path.as_deref()).collect();
        paths.extend(cases.iter().flat_map(|k| [k.unit_path.as_deref(), k.partner_path.as_deref()]).flatten());
        let trails = self.trails(&paths).await?;
        let last = |p: Option<&str>| p.and_then(|p| trails.get(p)).and_then(|t| t.rsplit(" › ").next()).unwrap_or("").to_owned();
        let open = reason.is_some();
        let show = |text: &str, mask: fn(&str) -> String| if open { text.to_owned() } else { mask(text) };
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(cases.len());
        for k in &cases {
            let Some(c) = by_number.get(&k.child) else { continue };
            let p = &c.profile;
            let (town, village) = town_and_village(c.residence_path.as_ref().and_then(|p| trails.get(p)));
            rows.push(vec![
                Value::from(rows.len() + 1),
                k.label().into(),
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
                k.facts.state.label().into(),
                if k.facts.confirmed { "是" } else { "否" }.into(),
                // a sealed cause is 其他 in every list, whoever takes it away
                told(&codes().cause, &k.cause, false).into(),
                if open { k.story.whereabouts.clone() } else { String::new() }.into(),
                last(k.unit_path.as_deref()).into(),
                last(k.partner_path.as_deref()).into(),
                i64::from(k.facts.attempts).into(),
                i64::from(k.facts.visits).into(),
                k.opened_on.to_string().into(),
                k.returned_on.map(|d| d.to_string()).unwrap_or_default().into(),
                i64::from(k.facts.relapses).into(),
                k.deadline_at.map(|d| civil(d).date().to_string()).unwrap_or_default().into(),
            ]);
        }
        let total = rows.len();
        let kind = reason.map_or("隐去姓名证件".to_owned(), |r| format!("完整信息,原因:{r}"));
        let day = self.clock.today();
        self.note(actor, Deed::Export, "劝返档案名单", &format!("{total} 份,{day};条件:{};{kind}", of.said())).await?;
        let bureau = self.policy(actor.home()).await?.bureau;
        let (said, at, who) = (of.said(), self.clock.now(), actor.clone());
        let made = tokio::task::spawn_blocking(move || {
            let table = TableSheet {
                name: "劝返档案".to_owned(),
                title: Some(format!("{bureau}劝返复学名单({said})")),
                subtitle: Some((format!("共 {total} 份"), format!("截至 {day}"))),
                columns: COLUMNS.iter().map(|(h, w)| Column::new(h, *w)).collect(),
                rows: Box::new(rows.into_iter()),
                notes: Vec::new(),
            };
            workbook(vec![table, note_sheet(&who, "劝返复学名单", &said, &day.to_string(), open, at)])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// The funnel of where one is, and of each place below.
    pub async fn case_board(&self, actor: &Actor) -> Result<CaseBoard> {
        let j = actor.jurisdiction(Action::ViewCases)?;
        let mut total = CaseLine { name: "合计".into(), ..CaseLine::default() };
        let at = actor.home().filter(|p| p.is_government() && p.depth() <= 4);
        let Some(at) = at else {
            self.store.case_counts(&j, None, self.now()).await?.iter().for_each(|c| total.take(c));
            return Ok(CaseBoard { kind: "", lines: Vec::new(), total });
        };
        let mut places: BTreeMap<String, CaseLine> = BTreeMap::new();
        for p in self.store.places_below(at.as_str(), self.clock.today(), &[]).await? {
            if p.path.is_government() && p.path.parent().as_ref() == Some(at) {
                let path = p.path.as_str().to_owned();
                places.insert(path.clone(), CaseLine { path, name: p.name, ..CaseLine::default() });
            }
        }
        let mut elsewhere = CaseLine { name: "居住地不详或在外".into(), ..CaseLine::default() };
        for c in self.store.case_counts(&j, Some(at), self.now()).await? {
            c.path.as_ref().and_then(|p| places.get_mut(p)).unwrap_or(&mut elsewhere).take(&c);
        }
        let mut lines: Vec<CaseLine> = places.into_values().collect();
        if elsewhere.found > 0 {
            lines.push(elsewhere);
        }
        lines.iter().for_each(|l| total.add(l));
        let kind = at.kind_below();
        Ok(CaseBoard { kind, lines, total })
    }

    /// The board as a spreadsheet: no child is on it, so no reason is asked.
    pub async fn export_case_board(&self, actor: &Actor) -> Result<Vec<u8>> {
        let board = self.case_board(actor).await?;
        let bureau = self.policy(actor.home()).await?.bureau;
        let today = self.clock.today();
        self.note(actor, Deed::Export, "劝返看板", &format!("{} 行,{today}", board.lines.len())).await?;
        let made = tokio::task::spawn_blocking(move || {
            let row = |l: &CaseLine| -> Vec<Value> {
                vec![
                    l.name.clone().into(),
                    l.found.into(),
                    l.verifying.into(),
                    l.persuading.into(),
                    l.legal.into(),
                    l.confirmed.into(),
                    l.returned.into(),
                    l.follow_up.into(),
                    l.closed.into(),
                    l.share().into(),
                    l.cleared.into(),
                    l.overdue.into(),
                    l.asked.into(),
                ]
            };
            let rows: Vec<Vec<Value>> = board.lines.iter().chain([&board.total]).map(row).collect();
            let first = if board.kind.is_empty() { "单位" } else { board.kind };
            let heads = [
                first,
                "立案",
                "核实中",
                "劝返中",
                "依法控辍",
                "其中已确认辍学",
                "返校办手续",
                "跟踪回访",
                "已销号",
                "劝返率",
                "已核销",
                "逾期",
                "待审批",
            ];
            workbook(vec![TableSheet {
                name: "劝返复学看板".into(),
                title: Some(format!("{bureau}劝返复学情况汇总表")),
                subtitle: Some((format!("共 {} 行", board.lines.len()), format!("截至 {today}"))),
                columns: heads.iter().map(|h| Column::new(h, if *h == first { 22.0 } else { 11.0 })).collect(),
                rows: Box::new(rows.into_iter()),
                notes: vec![
                    "立案=核实中+劝返中+依法控辍+返校办手续+跟踪回访+已销号+已核销".to_owned(),
                    "劝返率=(返校办手续+跟踪回访+已销号)÷(劝返中+依法控辍+返校办手续+跟踪回访+已销号)".to_owned(),
                ],
            }])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// Files that are one's own: how many, how many overdue.
    pub async fn own_cases(&self, actor: &Actor) -> Result<(i64, i64)> {
        let Ok(places) = actor.places(Action::WorkCase) else { return Ok((0, 0)) };
        Ok(self.store.own_cases(&places, self.now()).await?)
    }

    /// Files that wait for the bureau's word.
    pub async fn asked_cases(&self, actor: &Actor) -> Result<i64> {
        let Ok(j) = actor.jurisdiction(Action::DecideCase) else { return Ok(0) };
        Ok(self.store.asked_cases(&j).await?)
    }

    /// A year and number as somebody typed them: 青控辍-2023-00137, 2023-137.
    pub fn case_number(typed: &str) -> Option<(i64, i64)> {
        let mut parts = typed.trim().rsplitn(3, ['-', '—', '-', '–']);
        let (number, year) = (parts.next()?, parts.next()?);
        let year: i64 = year.trim().parse().ok().filter(|y| (2000..2200).contains(y))?;
        Some((year, number.trim().parse().ok().filter(|n| *n > 0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_number() {
        for (typed, found) in [
            ("青控辍-2023-00137", Some((2023, 137))),
            (" 2023-137 ", Some((2023, 137))),
            ("青控辍—2023—137", Some((2023, 137))),
            ("王浩然", None),
            ("2023", None),
            ("13-5", None),
        ] {
            assert_eq!(Office::case_number(typed), found, "{typed}");
        }
    }
}
