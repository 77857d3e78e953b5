//! 开学第一天 (the first day of a term): who arrived and who did not, with where to; live by town, school and class.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::Jurisdiction;
use baoxue_domain::attendance::{Check, DayState, Level, Mark, Rule};
use baoxue_domain::place::PlacePath;
use baoxue_store::{ChildRow, MarkRow, Newcomer, NewcomerState, RegisterCount};
use jiff::ToSpan;
use jiff::civil::Date;

use super::roll::{WHEREABOUTS, class_name, is_expected};
use crate::app::office::{Office, OfficeError, Result};

/// Days back in which the first day of a term is looked for: the longest term.
const BACK_DAYS: i64 = 240;
/// Children who did not arrive, and of whom it is looked up since when they are there.
const MAX_AWAY: usize = 3_000;
/// Newcomers that a page shows.
pub const MAX_NEWCOMERS: i64 = 1_000;

/// 未到 (why somebody did not arrive), in the order of the statutory form.
pub const AWAY: [&str; 9] = ["转学在办", "请假", "病假", "休学在办", "延期返程", "联系不上", "不愿来", "其他", "去向未报"];

/// The column of the form under which a mark counts.
pub fn away_of(m: &MarkRow) -> &'static str {
    match (WHEREABOUTS.iter().find(|w| w.0 == m.detail.whereabouts), m.mark) {
        (Some(w), _) => w.1,
        (None, Mark::Sick) => "病假",
        (None, Mark::Leave) => "请假",
        (None, Mark::SentHome) => "其他",
        (None, _) => "去向未报",
    }
}

/// A class on the first day.
#[derive(Debug, Clone)]
pub struct FirstClass {
    pub class: PlacePath,
    /// Its town, where one is known.
    pub town: Option<String>,
    /// 应到: of its register, or of its list where that was not taken yet.
    pub expected: i64,
    /// 已报
    pub reported: bool,
    /// 未到, by column of the form.
    pub away: BTreeMap<&'static str, i64>,
    /// 名单外到校
    pub newcomers: i64,
}

/// A child who did not arrive.
pub struct Away {
    pub child: ChildRow,
    pub class: String,
    pub why: &'static str,
    pub note: String,
    /// The day on which it was seen first since.
    pub seen_on: Option<Date>,
    /// Its warning, with how far that went.
    pub warning: Option<(i64, Level)>,
    pub case: Option<i64>,
}

/// Sums over classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSums {
    pub classes: i64,
    pub reported: i64,
    pub expected: i64,
    /// Of those that have reported.
    pub due: i64,
    pub away: BTreeMap<&'static str, i64>,
    pub newcomers: i64,
}

impl FirstSums {
    pub fn add(&mut self, c: &FirstClass) {
        self.classes += 1;
        self.expected += c.expected;
        self.newcomers += c.newcomers;
        if c.reported {
            self.reported += 1;
            self.due += c.expected;
            for (why, n) in &c.away {
                *self.away.entry(why).or_default() += n;
            }
        }
    }

    pub fn missing(&self) -> i64 {
        self.away.values().sum()
    }

    pub fn arrived(&self) -> i64 {
        self.due - self.missing()
    }

    /// 返校率, of the classes that have reported.
    pub fn rate(&self) -> String {
        if self.due == 0 { String::new() } else { format!("{:.1}%", self.arrived() as f64 * 100.0 / self.due as f64) }
    }

    pub fn of(&self, why: &str) -> i64 {
        self.away.get(why).copied().unwrap_or(0)
    }
}

impl Office {
    /// The first day of the term in which a day is, for whoever sees these classes.
    pub async fn first_day_of_term(&self, j: &Jurisdiction) -> Result<Option<Date>> {
        let Some(class) = self.classes_of(j).await?.into_iter().next() else { return Ok(None) };
        let calendar = self.calendars().await?.of(&class);
        let today = self.clock.today();
        Ok((0..BACK_DAYS).map(|n| today.saturating_sub(n.days())).find(|d| calendar.begins_term(*d)))
    }

    /// How the classes of a jurisdiction stand on the first day of a term.
    pub async fn first_day(&self, j: &Jurisdiction, day: Date) -> Result<Vec<FirstClass>> {
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        for (path, verdict, n) in self.store.class_verdicts(j).await? {
            if is_expected(&verdict) {
                *sizes.entry(path).or_default() += n;
            }
        }
        let mut counts: BTreeMap<String, RegisterCount> = BTreeMap::new();
        for c in self.store.register_counts(j, day).await?.into_iter().filter(|c| c.check == Check::FirstDay) {
            counts.insert(c.class.clone(), c);
        }
        let mut away: BTreeMap<String, BTreeMap<&'static str, i64>> = BTreeMap::new();
        for (_, class, _, m) in self.store.marks_on(j, day, Some(Check::FirstDay)).await? {
            if !m.mark.was_there() {
                *away.entry(class).or_default().entry(away_of(&m)).or_default() += 1;
            }
        }
        let mut newcomers: BTreeMap<String, i64> = BTreeMap::new();
        for n in self.newcomers_since(j, day).await? {
            *newcomers.entry(n.class).or_default() += 1;
        }
        let classes = self.classes_of(j).await?;
        let mut towns: BTreeMap<String, Option<String>> = BTreeMap::new();
        let counties: BTreeSet<String> = classes.iter().filter_map(|c| c.county()?.education_prefix()).collect();
        for county in counties {
            for p in self.store.places_below(&county, self.clock.today(), &["school"]).await? {
                towns.insert(p.path.to_string(), p.town_path.map(|t| t.to_string()));
            }
        }
        let one = |class: PlacePath| {
            let count = counts.get(class.as_str());
            FirstClass {
                town: towns.get(class.school().as_str()).cloned().flatten(),
                expected: count.map_or_else(|| sizes.get(class.as_str()).copied().unwrap_or(0), |c| c.size),
                reported: count.is_some(),
                away: away.remove(class.as_str()).unwrap_or_default(),
                newcomers: newcomers.get(class.as_str()).copied().unwrap_or(0),
                class,
            }
        };
        Ok(classes.into_iter().map(one).collect())
    }

    /// Whoever did not arrive, the ones not seen since first; how many more there are.
    pub async fn away_on_first_day(&self, j: &Jurisdiction, day: Date) -> Result<(Vec<Away>, usize)> {
        let mut marks = self.store.marks_on(j, day, Some(Check::FirstDay)).await?;
        marks.retain(|m| !m.3.mark.was_there());
        let left = marks.len().saturating_sub(MAX_AWAY);
        marks.truncate(MAX_AWAY);
        let ids: Vec<i64> = marks.iter().map(|m| m.0).collect();
        let children: BTreeMap<i64, ChildRow> =
            self.store.children_by_number(&ids, j).await?.into_iter().map(|c| (c.id, c)).collect();
        let seen = self.first_seen(&ids, day).await?;
        let mut warned = BTreeMap::new();
        for w in self.store.warnings_of(&ids, day).await?.into_iter().filter(|w| w.rule == Rule::FirstDay && w.days.0 == day) {
            warned.insert(w.child, w);
        }
        let mut out = Vec::new();
        for (id, class, _, m) in marks {
            let Some(child) = children.get(&id).cloned() else { continue };
            let warning = warned.get(&id);
            out.push(Away {
                child,
                class,
                why: away_of(&m),
                note: m.detail.note,
                seen_on: seen.get(&id).copied(),
                warning: warning.map(|w| (w.id, w.level)),
                case: warning.and_then(|w| w.case),
            });
        }
        out.sort_by(|a, b| (a.seen_on.is_some(), &a.class, a.child.id).cmp(&(b.seen_on.is_some(), &b.class, b.child.id)));
        Ok((out, left))
    }

    /// Since when children are there, of those seen since a day.
    pub(super) async fn first_seen(&self, children: &[i64], day: Date) -> Result<BTreeMap<i64, Date>> {
        let classes = self.store.classes_of_children(children).await?;
        let known = self.known_of(children, &classes, day).await?;
        let calendars = self.calendars().await?;
        let mut out = BTreeMap::new();
        for (child, class) in &classes {
            let Some(path) = PlacePath::parse(class) else { continue };
            let days = known.seen(*child, class, &calendars.of(&path)).days;
            let there = days.into_iter().find(|d| d.0 >= day && matches!(d.1, DayState::Present | DayState::HalfAbsent));
            out.extend(there.map(|d| (*child, d.0)));
        }
        Ok(out)
    }

    /// Newcomers whom a class wrote down since a day.
    pub async fn newcomers_since(&self, j: &Jurisdiction, day: Date) -> Result<Vec<Newcomer>> {
        let all = self.store.newcomers(j, day, MAX_NEWCOMERS).await?;
        Ok(all.into_iter().filter(|n| n.day >= day && n.state != NewcomerState::Withdrawn).collect())
    }

    /// 开学第一天返校情况统计表, with 未到名单 where the names are one's own to take away.
    pub async fn first_day_sheets(&self, j: &Jurisdiction, day: Date, named: bool) -> Result<Vec<u8>> {
        let classes = self.first_day(j, day).await?;
        let missing = if named { Some(self.away_on_first_day(j, day).await?.0) } else { None };
        let schools: BTreeSet<String> = classes.iter().map(|c| c.class.school().to_string()).collect();
        let names = self.store.place_names(&schools.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let text = |t: &str| Value::Text(t.to_owned());
        let number = |n: i64| Value::Number(n as f64);
        let row = |school: &str, class: &str, s: &FirstSums| {
            let mut row = vec![text(school), text(class), number(s.expected)];
            row.extend(if s.reported == 0 { [text("未报"), text("")] } else { [number(s.arrived()), text(&s.rate())] });
            row.extend(AWAY.iter().map(|why| number(s.of(why))));
            row.push(number(s.newcomers));
            row
        };
        let (mut rows, mut total) = (Vec::new(), FirstSums::default());
        for c in &classes {
            let mut sums = FirstSums::default();
            sums.add(c);
            total.add(c);
            let school = names.get(c.class.school().as_str()).cloned().unwrap_or_default();
            rows.push(row(&school, &class_name(&c.class), &sums));
        }
        rows.push(row("合计", &format!("{} 个班,已报 {} 个", total.classes, total.reported), &total));
        let mut columns = vec![
            Column::new("学校", 22.0),
            Column::new("班级", 16.0),
            Column::new("应到", 8.0),
            Column::new("实到", 8.0),
            Column::new("返校率", 9.0),
        ];
        columns.extend(AWAY.iter().map(|a| Column::new(a, 9.0)));
        columns.push(Column::new("名单外到校", 11.0));
        let today = self.clock.today().to_string();
        let foot = vec!["填表人:            审核人:            校长:".to_owned()];
        let mut sheets = vec![TableSheet {
            name: "返校情况".into(),
            title: Some(format!("{} 年 {} 月 {} 日开学第一天返校情况统计表", day.year(), day.month(), day.day())),
            subtitle: Some((format!("{} 个班", total.classes), today.clone())),
            columns,
            rows: Box::new(rows.into_iter()),
            notes: foot.clone(),
        }];
        if let Some(away) = missing {
            let line = |a: &Away| {
                let school = PlacePath::parse(&a.class).map(|p| (p.school().to_string(), class_name(&p))).unwrap_or_default();
                vec![
                    text(names.get(&school.0).map_or("", String::as_str)),
                    text(&school.1),
                    text(&a.child.profile.name),
                    text(&a.child.profile.guardian),
                    text(&a.child.profile.phone),
                    text(a.why),
                    text(&a.note),
                    text(&a.seen_on.map(|d| d.to_string()).unwrap_or_default()),
                    text(a.warning.map_or("", |w| w.1.label())),
                ]
            };
            let rows: Vec<Vec<Value>> = away.iter().map(line).collect();
            let heads = [
                ("学校", 22.0),
                ("班级", 16.0),
                ("姓名", 12.0),
                ("监护人", 12.0),
                ("电话", 14.0),
                ("去向", 12.0),
                ("备注", 24.0),
                ("补到日期", 12.0),
                ("预警", 8.0),
            ];
            sheets.push(TableSheet {
                name: "未到名单".into(),
                title: Some(format!("{day} 开学第一天未到名单")),
                subtitle: Some((format!("{} 人", rows.len()), today)),
                columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
                rows: Box::new(rows.into_iter()),
                notes: foot,
            });
        }
        workbook(sheets).map_err(|e| OfficeError::Input(e.to_string()))
    }
}
