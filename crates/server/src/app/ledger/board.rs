//! 工作台的数字 (the board): how children and findings stand in each place one level below, and how old each department's roster is.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::finding::FindingState;
use baoxue_domain::roster::SourceKind;
use baoxue_store::{AsOf, LedgerQuery, Listed};
use jiff::civil::Date;

use super::listing::List;
use crate::app::clock::moment;
use crate::app::office::{Office, OfficeError, Result, source_of};

/// Children and findings of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaceLine {
    /// Empty for those who live elsewhere or nobody knows where, and for the total.
    pub path: String,
    pub name: String,
    pub children: i64,
    pub suspected: i64,
    pub cleared: i64,
    pub dropout: i64,
    /// 已返校
    pub returned: i64,
    /// 待交办
    pub open: i64,
    /// 已交办未答复
    pub waiting: i64,
    /// …of these overdue
    pub overdue: i64,
    /// 待审核
    pub answered: i64,
}

impl PlaceLine {
    /// 核销率: of those whom registers do not show in school the share that was cleared, in percent.
    pub fn cleared_share(&self) -> String {
        match self.suspected + self.cleared {
            0 => String::new(),
            all => format!("{:.1}%", self.cleared as f64 * 100.0 / all as f64),
        }
    }

    fn add(&mut self, o: &Self) {
        self.children += o.children;
        self.suspected += o.suspected;
        self.cleared += o.cleared;
        self.dropout += o.dropout;
        self.returned += o.returned;
        self.open += o.open;
        self.waiting += o.waiting;
        self.overdue += o.overdue;
        self.answered += o.answered;
    }
}

/// By what the places are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardOrder {
    Place,
    Children,
    Suspected,
    Dropout,
    Open,
    Waiting,
    Overdue,
    Answered,
}

impl BoardOrder {
    /// By its code in an address.
    pub fn find(code: &str) -> Self {
        match code {
            "children" => Self::Children,
            "suspected" => Self::Suspected,
            "dropout" => Self::Dropout,
            "open" => Self::Open,
            "waiting" => Self::Waiting,
            "overdue" => Self::Overdue,
            "answered" => Self::Answered,
            _ => Self::Place,
        }
    }

    fn key(self, l: &PlaceLine) -> i64 {
        match self {
            Self::Place => 0,
            Self::Children => l.children,
            Self::Suspected => l.suspected,
            Self::Dropout => l.dropout,
            Self::Open => l.open,
            Self::Waiting => l.waiting,
            Self::Overdue => l.overdue,
            Self::Answered => l.answered,
        }
    }
}

/// The board of a place.
#[derive(Debug, Clone)]
pub struct Board {
    /// What the places are: 乡镇, 村(社区), 县.
    pub kind: &'static str,
    pub lines: Vec<PlaceLine>,
    pub total: PlaceLine,
}

/// 名册时效: how old a department's roster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterAge {
    pub kind: &'static str,
    pub department: &'static str,
    /// When the newest of those in use was handed over, and how many days ago; nothing where none is in use.
    pub handed_over: Option<(Date, i64)>,
    pub rows: i64,
}

/// Rosters without which a comparison sees little: asked for where they are missing.
const WANTED: [SourceKind; 6] = [
    SourceKind::Household,
    SourceKind::Student,
    SourceKind::InSchool,
    SourceKind::Births,
    SourceKind::Poverty,
    SourceKind::Disability,
];

/// Those who live in no place below.
const ELSEWHERE: &str = "居住地不详或在外";

impl Office {
    /// The board of where one is; nothing for a village, a school or a class, which have nothing below.
    pub async fn board(&self, actor: &Actor, order: BoardOrder) -> Result<Option<Board>> {
        let Ok(j) = actor.jurisdiction(Action::Dispatch) else { return Ok(None) };
        let Some(at) = actor.home().filter(|p| p.is_government() && p.depth() <= 4) else { return Ok(None) };
        let mut places: BTreeMap<String, PlaceLine> = BTreeMap::new();
        for p in self.store.places_below(at.as_str(), self.clock.today(), &[]).await? {
            if p.path.is_government() && p.path.parent().as_ref() == Some(at) {
                let path = p.path.as_str().to_owned();
                places.insert(path.clone(), PlaceLine { path, name: p.name, ..PlaceLine::default() });
            }
        }
        let mut elsewhere = PlaceLine { name: ELSEWHERE.into(), ..PlaceLine::default() };
        for list in List::ALL {
            let listed = list.standing().map(|standing| Listed { standing, day: self.clock.today().to_string() });
            let counts = self.store.counts_by_place(&LedgerQuery { listed, ..LedgerQuery::default() }, &j, at).await?;
            for (path, n) in counts {
                let line = places.get_mut(&path).unwrap_or(&mut elsewhere);
                *match list {
                    List::SchoolAge => &mut line.children,
                    List::Suspected => &mut line.suspected,
                    List::Cleared => &mut line.cleared,
                    List::Dropout => &mut line.dropout,
                    List::Returned => &mut line.returned,
                } += n;
            }
        }
        for c in self.store.finding_counts_by_place(&j, at, self.now()).await? {
            let line = c.path.as_ref().and_then(|p| places.get_mut(p)).unwrap_or(&mut elsewhere);
            line.overdue += c.overdue;
            match c.state {
                FindingState::Open => line.open += c.all,
                FindingState::Dispatched => line.waiting += c.all,
                FindingState::Answered => line.answered += c.all,
                FindingState::Cleared | FindingState::Confirmed | FindingState::Filed | FindingState::Withdrawn => {}
            }
        }
        let mut lines: Vec<PlaceLine> = places.into_values().collect();
        lines.sort_by_key(|l| -order.key(l));
        if elsewhere != (PlaceLine { name: ELSEWHERE.into(), ..PlaceLine::default() }) {
            lines.push(elsewhere);
        }
        let mut total = PlaceLine { name: "合计".into(), ..PlaceLine::default() };
        lines.iter().for_each(|l| total.add(l));
        let kind = at.kind_below();
        Ok(Some(Board { kind, lines, total }))
    }

    /// The board as a spreadsheet: no child is on it, so no reason is asked.
    pub async fn export_board(&self, actor: &Actor) -> Result<Vec<u8>> {
        let board = self.board(actor, BoardOrder::Place).await?.ok_or(OfficeError::NotFound)?;
        let bureau = self.policy(actor.home()).await?.bureau;
        let today = self.clock.today();
        self.note(actor, Deed::Export, "工作台汇总", &format!("{} 行,{today}", board.lines.len())).await?;
        let made = tokio::task::spawn_blocking(move || {
            let count = board.lines.len();
            let row = |l: &PlaceLine| -> Vec<Value> {
                vec![
                    l.name.clone().into(),
                    l.children.into(),
                    l.suspected.into(),
                    l.cleared.into(),
                    l.cleared_share().into(),
                    l.dropout.into(),
                    l.returned.into(),
                    l.open.into(),
                    l.waiting.into(),
                    l.overdue.into(),
                    l.answered.into(),
                ]
            };
            let rows: Vec<Vec<Value>> = board.lines.iter().chain([&board.total]).map(row).collect();
            let heads = [
                board.kind,
                "适龄儿童",
                "疑似辍学",
                "已核销",
                "核销率",
                "辍学",
                "已返校",
                "待交办",
                "已交办未答复",
                "其中逾期",
                "待审核",
            ];
            workbook(vec![TableSheet {
                name: "控辍保学汇总".into(),
                title: Some(format!("{bureau}控辍保学情况汇总表")),
                subtitle: Some((format!("共 {count} 行"), format!("截至 {today}"))),
                columns: heads.iter().map(|h| Column::new(h, if *h == board.kind { 22.0 } else { 12.0 })).collect(),
                rows: Box::new(rows.into_iter()),
                notes: Vec::new(),
            }])
        });
        made.await.map_err(|_| OfficeError::Input("导出时程序出错,请重试".into()))?.map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// How many children stood on a list at the end of the month before, as it was known then; nothing where there was no comparison yet.
    pub async fn count_last_month(&self, actor: &Actor, list: List) -> Result<Option<(Date, i64)>> {
        let j = actor.jurisdiction(Action::ViewLedger)?;
        let day = self.clock.today().first_of_month().yesterday().map_err(|_| OfficeError::NotFound)?;
        let as_of = Some(AsOf { day: day.to_string(), known_at: moment(day.at(23, 59, 59, 999_000_000)) });
        let everybody = LedgerQuery { as_of: as_of.clone(), ..LedgerQuery::default() };
        let count =
            async |q: &LedgerQuery| -> Result<i64> { Ok(self.store.verdict_counts(q, &j).await?.iter().map(|c| c.1).sum()) };
        if count(&everybody).await? == 0 {
            return Ok(None);
        }
        let listed = list.standing().map(|standing| Listed { standing, day: day.to_string() });
        Ok(Some((day, count(&LedgerQuery { as_of, listed, ..LedgerQuery::default() }).await?)))
    }

    /// How old the rosters in use are, the wanted ones first.
    pub async fn roster_ages(&self, actor: &Actor) -> Result<Vec<RosterAge>> {
        let area = self.area(actor, Action::ImportRosters)?;
        let today = self.clock.today();
        let mut ages: Vec<(SourceKind, RosterAge)> = Vec::new();
        for b in self.store.batches_in_use(area.as_str()).await? {
            let kind = source_of(&b)?;
            let day = b.handed_over_on.parse::<Date>().ok();
            let handed_over = day.map(|d| (d, i64::from((today - d).get_days())));
            match ages.iter_mut().find(|a| a.0 == kind) {
                Some((_, a)) => {
                    a.rows += b.good_rows;
                    a.handed_over = a.handed_over.max(handed_over);
                }
                None => ages.push((kind, age(kind, handed_over, b.good_rows))),
            }
        }
        for kind in WANTED {
            if !ages.iter().any(|a| a.0 == kind) {
                ages.push((kind, age(kind, None, 0)));
            }
        }
        let rank = |k: SourceKind| WANTED.iter().position(|w| *w == k).unwrap_or(WANTED.len());
        ages.sort_by_key(|a| (rank(a.0), a.1.kind));
        Ok(ages.into_iter().map(|a| a.1).collect())
    }
}

fn age(kind: SourceKind, handed_over: Option<(Date, i64)>, rows: i64) -> RosterAge {
    RosterAge { kind: kind.label(), department: crate::app::roster::staging::department_of(kind), handed_over, rows }
}
