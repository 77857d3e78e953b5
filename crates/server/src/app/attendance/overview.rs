//! 考勤一览 (overview): how registers of a day stand, by school and class; a month of a class as its roll prints it.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::Jurisdiction;
use baoxue_domain::attendance::{Check, Mark};
use baoxue_domain::calendar::SchoolCalendar;
use baoxue_domain::place::PlacePath;
use baoxue_store::RegisterCount;
use jiff::ToSpan;
use jiff::civil::Date;

use super::roll::checks_on;
use crate::app::office::{Office, OfficeError, Result};

/// How a class stands at a check of a day.
#[derive(Debug, Clone)]
pub struct ClassDay {
    pub class: PlacePath,
    pub check: Check,
    /// Nothing: the register was not taken.
    pub count: Option<RegisterCount>,
    /// It should have been by now.
    pub late: bool,
}

/// Sums over classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub registers: i64,
    pub taken: i64,
    pub late: i64,
    pub expected: i64,
    pub present: i64,
    pub sick: i64,
    pub leave: i64,
    pub unexplained: i64,
    pub tardy: i64,
    pub doubtful: i64,
}

impl Sums {
    pub fn add(&mut self, d: &ClassDay) {
        self.registers += 1;
        self.late += i64::from(d.late);
        let Some(c) = &d.count else { return };
        let n = |m: Mark| c.marks.get(&m).copied().unwrap_or(0);
        let away = n(Mark::Sick) + n(Mark::Leave) + n(Mark::Unexplained) + n(Mark::SentHome);
        self.taken += 1;
        self.expected += c.size;
        self.present += c.size - away;
        self.sick += n(Mark::Sick);
        self.leave += n(Mark::Leave);
        self.unexplained += n(Mark::Unexplained) + n(Mark::SentHome);
        self.tardy += n(Mark::Late) + n(Mark::LeftEarly);
        self.doubtful += c.doubtful;
    }
}

/// A month of a class.
pub struct Month {
    pub days: Vec<Date>,
    pub checks: Vec<Check>,
    /// Name, and a sign for each day and check; nothing where the register was not taken.
    pub rows: Vec<(i64, String, Vec<Option<Mark>>)>,
    /// Who took it, by day and check.
    pub takers: Vec<String>,
}

impl Office {
    /// Registers of a day of all classes of a jurisdiction, taken or not, at one check or all.
    pub async fn day_of_classes(&self, j: &Jurisdiction, day: Date, only: Option<Check>) -> Result<Vec<ClassDay>> {
        let classes = self.classes_of(j).await?;
        let calendars = self.calendars().await?;
        let mut counts: BTreeMap<(String, Check), RegisterCount> =
            self.store.register_counts(j, day).await?.into_iter().map(|c| ((c.class.clone(), c.check), c)).collect();
        let (today, now) = (self.clock.today(), self.clock.now());
        let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
        let mut calendar_of: BTreeMap<String, SchoolCalendar> = BTreeMap::new();
        let mut asked: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let mut out = Vec::new();
        for class in classes {
            let school = class.school();
            let calendar = calendar_of.entry(school.to_string()).or_insert_with(|| calendars.of(&school));
            let county = class.county();
            let key = county.as_ref().map(|c| c.to_string());
            let n = match asked.get(&key) {
                Some(n) => *n,
                None => {
                    let n = self.policy_then(county.as_ref(), day, i64::MAX).await?.roll_checks;
                    asked.insert(key, n);
                    n
                }
            };
            let mut checks: BTreeSet<Check> = checks_on(calendar, day, n).into_iter().collect();
            // what was taken stands, whatever the calendar says since
            checks.extend(Check::ALL.into_iter().filter(|c| counts.contains_key(&(class.to_string(), *c))));
            for check in checks.into_iter().filter(|c| only.is_none_or(|o| o == *c)) {
                let count = counts.remove(&(class.to_string(), check));
                let late = count.is_none() && (day < today || (day == today && check.closes_at() <= minute));
                out.push(ClassDay { class: class.clone(), check, count, late });
            }
        }
        Ok(out)
    }

    /// 点名册 of a month: pupils by days.
    pub async fn month_of_class(&self, class: &PlacePath, j: &Jurisdiction, month: Date) -> Result<Month> {
        let (from, to) = (month.first_of_month(), month.last_of_month().min(self.clock.today()));
        let list = self.class_list(class, j).await?;
        let registers = self.store.registers_of(&[class.to_string()], from, to).await?;
        let calendar = self.calendars().await?.of(class);
        let mut days: BTreeSet<Date> = calendar.school_days(from, to).into_iter().collect();
        days.extend(registers.iter().map(|r| r.day));
        let checks: BTreeSet<Check> = registers.iter().map(|r| r.check).collect();
        let checks: Vec<Check> = if checks.is_empty() { vec![Check::Morning] } else { checks.into_iter().collect() };
        let days: Vec<Date> = days.into_iter().collect();
        let lists = self.store.roll_lists(registers.iter().map(|r| r.list)).await?;
        let slot = |d: Date, c: Check| {
            days.iter().position(|x| *x == d).zip(checks.iter().position(|x| *x == c)).map(|(d, c)| d * checks.len() + c)
        };
        let mut names: BTreeMap<i64, String> =
            list.expected.iter().chain(list.others.iter().map(|o| &o.0)).map(|c| (c.id, c.profile.name.clone())).collect();
        let mut by_child: BTreeMap<i64, Vec<Option<Mark>>> = BTreeMap::new();
        let mut takers = vec![String::new(); days.len() * checks.len()];
        for r in &registers {
            let Some(at) = slot(r.day, r.check) else { continue };
            takers[at].clone_from(&r.taken_by);
            let marks = self.store.marks_at(r, r.version).await?;
            for child in lists.get(&r.list).into_iter().flatten() {
                let row = by_child.entry(*child).or_insert_with(|| vec![None; days.len() * checks.len()]);
                row[at] = Some(marks.get(child).map_or(Mark::Present, |m| m.mark));
            }
        }
        // who was in the class on some of the days, and is not now
        for child in by_child.keys() {
            if !names.contains_key(child) {
                let name = self.store.child(*child, j).await?.map_or_else(|| "(已不在本班)".to_owned(), |c| c.profile.name);
                names.insert(*child, name);
            }
        }
        let expected: BTreeSet<i64> = list.expected.iter().map(|c| c.id).collect();
        let mut rows: Vec<(i64, String, Vec<Option<Mark>>)> = names
            .into_iter()
            .filter_map(|(id, name)| match by_child.remove(&id) {
                Some(row) => Some((id, name, row)),
                None => expected.contains(&id).then(|| (id, name, vec![None; days.len() * checks.len()])),
            })
            .collect();
        rows.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
        Ok(Month { days, checks, rows, takers })
    }

    /// The same, as Excel.
    pub async fn month_sheet(&self, class: &PlacePath, j: &Jurisdiction, month: Date) -> Result<Vec<u8>> {
        let m = self.month_of_class(class, j, month).await?;
        let name = self.trails(&[class.as_str()]).await?.remove(class.as_str()).unwrap_or_default();
        let mut columns = vec![Column::new("序号", 6.0), Column::new("姓名", 10.0)];
        for d in &m.days {
            for c in &m.checks {
                let head = if m.checks.len() > 1 { format!("{}日{}", d.day(), c.label()) } else { format!("{}日", d.day()) };
                columns.push(Column::new(&head, 6.0));
            }
        }
        for head in ["到", "病假", "事假", "未到", "迟到早退"] {
            columns.push(Column::new(head, 8.0));
        }
        let row = |(i, (_, name, marks)): (usize, &(i64, String, Vec<Option<Mark>>))| {
            let n = |f: fn(Mark) -> bool| Value::Number(marks.iter().flatten().filter(|m| f(**m)).count() as f64);
            let mut row = vec![Value::Number((i + 1) as f64), Value::Text(name.clone())];
            row.extend(marks.iter().map(|m| Value::Text(m.map_or("", Mark::sign).to_owned())));
            row.extend([
                n(Mark::was_there),
                n(|m| m == Mark::Sick),
                n(|m| m == Mark::Leave),
                n(Mark::is_unexplained),
                n(|m| matches!(m, Mark::Late | Mark::LeftEarly)),
            ]);
            row
        };
        let rows: Vec<Vec<Value>> = m.rows.iter().enumerate().map(row).collect();
        let title = format!("{name} {} 年 {} 月点名册", month.year(), month.month());
        let notes = "√到 △病假 ○事假 ×未到 迟 早 停(被学校停课、劝回);空白:没有点名".to_owned();
        let sheet = TableSheet {
            name: "点名册".into(),
            title: Some(title),
            subtitle: Some((format!("{} 人", m.rows.len()), self.clock.today().to_string())),
            columns,
            rows: Box::new(rows.into_iter()),
            notes: vec![notes],
        };
        workbook(vec![sheet]).map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// 周报 (a school's week): who came by class and day, who was ill or on leave, and 学生缺勤追踪记录表. Four sheets, with whole names.
    pub async fn week_sheets(&self, school: &PlacePath, j: &Jurisdiction, week: Date) -> Result<Vec<u8>> {
        let monday = week.saturating_sub(i64::from(week.weekday().to_monday_zero_offset()).days());
        let (from, to) = (monday, monday.saturating_add(6.days()).min(self.clock.today()));
        let classes: Vec<PlacePath> = self.classes_of(j).await?.into_iter().filter(|c| c.school() == *school).collect();
        let paths: Vec<String> = classes.iter().map(|c| c.to_string()).collect();
        let registers = self.store.registers_of(&paths, from, to).await?;
        let mut names: BTreeMap<i64, (String, String)> = BTreeMap::new();
        for class in &classes {
            let list = self.class_list(class, j).await?;
            let below = class.as_str().strip_prefix(school.as_str()).unwrap_or("").trim_end_matches('/').replace('/', " ");
            for c in list.expected.iter().chain(list.others.iter().map(|o| &o.0)) {
                names.insert(c.id, (below.clone(), c.profile.name.clone()));
            }
        }
        let who = |id: i64| names.get(&id).cloned().unwrap_or_else(|| ("(已不在本校)".to_owned(), String::new()));
        let text = |t: &str| Value::Text(t.to_owned());
        let number = |n: usize| Value::Number(n as f64);
        let (mut came, mut away, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for r in &registers {
            let marks = self.store.marks_at(r, r.version).await?;
            let n = |f: fn(Mark) -> bool| marks.values().filter(|m| f(m.mark)).count();
            let below = r.class.strip_prefix(school.as_str()).unwrap_or("").trim_end_matches('/').replace('/', " ");
            let gone = n(|m| !m.was_there());
            came.push(vec![
                text(&r.day.to_string()),
                text(r.check.label()),
                text(&below),
                number(usize::try_from(r.size).unwrap_or(0)),
                number(usize::try_from(r.size).unwrap_or(0).saturating_sub(gone)),
                number(n(|m| matches!(m, Mark::Sick | Mark::Leave))),
                number(n(Mark::is_unexplained)),
                text(&r.taken_by),
            ]);
            for (child, m) in marks.iter().filter(|m| !m.1.mark.was_there()) {
                let (class, name) = who(*child);
                let symptom = super::roll::SYMPTOMS.iter().find(|s| s.0 == m.detail.symptom).map_or("", |s| s.1);
                let row = vec![
                    text(&r.day.to_string()),
                    text(r.check.label()),
                    text(&class),
                    text(&name),
                    text(m.mark.label()),
                    text(symptom),
                    text(&m.detail.note),
                ];
                if m.mark.is_unexplained() { missing.push(row) } else { away.push(row) }
            }
        }
        let children: Vec<i64> = names.keys().copied().collect();
        let mut tracked = Vec::new();
        for w in self.store.warnings_of(&children, from).await?.into_iter().filter(|w| w.days.0 <= to) {
            let (class, name) = who(w.child);
            let events = self.store.events_of(&w).await?;
            let of = |kind: &str| events.iter().find(|e| e.kind == kind);
            let at = |ms: i64| crate::app::clock::civil(ms).strftime("%m-%d %H:%M").to_string();
            let called = of("call").map(|e| format!("{} {}", at(e.at), e.detail)).unwrap_or_default();
            let checked = of("check").map(|e| format!("{} {}", at(e.at), e.detail)).unwrap_or_default();
            let closed = w.closed.as_ref().map(|c| c.0.clone()).unwrap_or_default();
            tracked.push(vec![
                text(&class),
                text(&name),
                text(w.rule.label()),
                text(w.level.label()),
                text(&w.days.0.to_string()),
                Value::Number(w.halves as f64 / 2.0),
                text(&called),
                text(&checked),
                text(if w.case.is_some() { "已立案劝返" } else { "" }),
                text(&closed),
            ]);
        }
        let bureau = self.store.place_names(&[school.as_str()]).await?.remove(school.as_str()).unwrap_or_default();
        let heads = |all: &[(&str, f64)]| all.iter().map(|(h, w)| Column::new(h, *w)).collect::<Vec<_>>();
        let list = [("日期", 12.0), ("时段", 8.0), ("班级", 18.0), ("姓名", 12.0), ("情况", 16.0), ("症状", 8.0), ("备注", 24.0)];
        let day = [
            ("日期", 12.0),
            ("时段", 8.0),
            ("班级", 18.0),
            ("应到", 8.0),
            ("实到", 8.0),
            ("请假", 8.0),
            ("未明", 8.0),
            ("点名人", 12.0),
        ];
        let track = [
            ("班级", 18.0),
            ("姓名", 12.0),
            ("规则", 14.0),
            ("级别", 8.0),
            ("首缺日", 12.0),
            ("缺勤天数", 10.0),
            ("首次联系(时间、方式、结果)", 34.0),
            ("核查情况", 40.0),
            ("立案", 12.0),
            ("返校、请假日", 12.0),
        ];
        let sheet = |name: &str, columns: Vec<Column>, rows: Vec<Vec<Value>>| TableSheet {
            name: name.into(),
            title: Some(format!("{bureau}{name}({from} 至 {to})")),
            subtitle: Some((format!("共 {} 行", rows.len()), self.clock.today().to_string())),
            columns,
            rows: Box::new(rows.into_iter()),
            notes: Vec::new(),
        };
        let sheets = vec![
            sheet("到校情况", heads(&day), came),
            sheet("请假名单", heads(&list), away),
            sheet("缺勤名单", heads(&list), missing),
            sheet("学生缺勤追踪记录表", heads(&track), tracked),
        ];
        workbook(sheets).map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// The first day of a month that was asked for, of the last year.
    pub fn month_meant(&self, text: &str) -> Date {
        let today = self.clock.today();
        let asked = format!("{text}-01").parse::<Date>().ok().filter(|d| *d <= today && *d >= today.saturating_sub(400.days()));
        asked.unwrap_or(today).first_of_month()
    }
}
