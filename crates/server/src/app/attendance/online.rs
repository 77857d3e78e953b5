//! 线上教学 (days on line): who took part, who lacks a device, a network or help at home, and since when that is solved; 每日学习情况记录.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::attendance::Mark;
use baoxue_domain::calendar::DayKind;
use baoxue_domain::place::PlacePath;
use baoxue_store::{ChildRow, Learning, LearningRow};
use jiff::ToSpan;
use jiff::civil::Date;

use super::roll::{LATE_DAYS, class_name};
use crate::app::case::opening::text_of;
use crate::app::office::{Office, OfficeError, Result};

/// Characters of a field.
const MAX_WORDS: usize = 400;
/// Children whom a page names.
const MAX_LACKING: usize = 2_000;

/// A class on a day on line.
pub struct OnlineClass {
    pub class: PlacePath,
    pub expected: i64,
    pub taken: bool,
    pub marks: BTreeMap<Mark, i64>,
    pub record: Option<LearningRow>,
}

impl OnlineClass {
    pub fn of(&self, m: Mark) -> i64 {
        self.marks.get(&m).copied().unwrap_or(0)
    }

    /// 参加
    pub fn took_part(&self) -> i64 {
        let away: i64 = self.marks.iter().filter(|m| !m.0.was_there()).map(|m| m.1).sum();
        if self.taken { self.expected - away } else { 0 }
    }

    /// 请假
    pub fn excused(&self) -> i64 {
        self.of(Mark::Sick) + self.of(Mark::Leave)
    }

    /// 未参加,原因不明
    pub fn missing(&self) -> i64 {
        self.of(Mark::Unexplained) + self.of(Mark::SentHome)
    }
}

/// A child who lacks something.
pub struct Lacking {
    pub child: ChildRow,
    pub class: String,
    pub mark: Mark,
    pub note: String,
    /// The next day on line on which it took part and lacked nothing.
    pub solved_on: Option<Date>,
}

/// What a teacher wrote of a day.
#[derive(Debug, Clone, Default)]
pub struct Teaching<'a> {
    pub class: &'a str,
    pub day: &'a str,
    pub taught: &'a str,
    pub by_means_of: &'a str,
    pub handed_in: &'a str,
    pub help: &'a str,
}

impl Office {
    /// Classes of a jurisdiction that were taught on line on a day.
    pub async fn online_day(&self, j: &Jurisdiction, day: Date) -> Result<Vec<OnlineClass>> {
        let calendars = self.calendars().await?;
        let mut records = self.store.learning_on(j, day).await?;
        let mut out: Vec<OnlineClass> = Vec::new();
        for d in self.day_of_classes(j, day, None).await? {
            if !d.check.tells_of_school() || calendars.of(&d.class).day(day) != DayKind::Online {
                continue;
            }
            // of several checks of a day the last one that was taken
            let (expected, marks) = d.count.as_ref().map_or_else(Default::default, |c| (c.size, c.marks.clone()));
            match out.last_mut().filter(|o| o.class == d.class) {
                Some(o) if d.count.is_some() => (o.expected, o.marks, o.taken) = (expected, marks, true),
                Some(_) => {}
                None => {
                    let record = records.remove(d.class.as_str());
                    out.push(OnlineClass { class: d.class, expected, taken: d.count.is_some(), marks, record });
                }
            }
        }
        Ok(out)
    }

    /// Children who lacked something on a day, those of whom it is not solved first.
    pub async fn lacking_on(&self, j: &Jurisdiction, day: Date) -> Result<Vec<Lacking>> {
        let mut of: BTreeMap<i64, (String, Mark, String)> = BTreeMap::new();
        for (child, class, _, m) in self.store.marks_on(j, day, None).await? {
            if m.mark.lacks_means() {
                of.insert(child, (class, m.mark, m.detail.note));
            }
        }
        let ids: Vec<i64> = of.keys().copied().take(MAX_LACKING).collect();
        let classes = self.store.classes_of_children(&ids).await?;
        let known = self.known_of(&ids, &classes, day).await?;
        let calendars = self.calendars().await?;
        let mut out = Vec::new();
        for child in self.store.children_by_number(&ids, j).await? {
            let Some((class, mark, note)) = of.remove(&child.id) else { continue };
            let calendar = classes.get(&child.id).and_then(|c| PlacePath::parse(c)).map(|p| calendars.of(&p)).unwrap_or_default();
            let (days, _) = known.marks(child.id, &class);
            let whole = |checks: &BTreeMap<baoxue_domain::attendance::Check, Mark>| {
                let mut of_school = checks.iter().filter(|c| c.0.tells_of_school()).peekable();
                of_school.peek().is_some() && of_school.all(|c| c.1.was_there() && !c.1.lacks_means())
            };
            let solved_on = days
                .iter()
                .find(|(d, checks)| **d > day && calendar.day(**d) == DayKind::Online && whole(checks))
                .map(|(d, _)| *d);
            out.push(Lacking { child, class, mark, note, solved_on });
        }
        out.sort_by(|a, b| (a.solved_on.is_some(), &a.class, a.child.id).cmp(&(b.solved_on.is_some(), &b.class, b.child.id)));
        Ok(out)
    }

    /// 每日学习情况记录: what a class was taught on a day on line.
    pub async fn record_learning(&self, actor: &Actor, t: &Teaching<'_>) -> Result<()> {
        let (class, _) = self.own_class(actor, t.class, Action::TakeRoll)?;
        let today = self.clock.today();
        let earliest = today.saturating_sub(LATE_DAYS.days());
        let day = t.day.parse::<Date>().ok().filter(|d| *d <= today && *d >= earliest);
        let day = day.ok_or_else(|| OfficeError::field("day", format!("只能记录今天和 {LATE_DAYS} 天以内的")))?;
        let calendar = self.calendars().await?.of(&class);
        if calendar.day(day) != DayKind::Online {
            return Err(OfficeError::field("day", format!("{day} 不是线上教学日;线上教学的日子请先写入校历")));
        }
        let said = Learning {
            taught: text_of("taught", t.taught, MAX_WORDS)?,
            by_means_of: text_of("by_means_of", t.by_means_of, MAX_WORDS)?,
            handed_in: text_of("handed_in", t.handed_in, MAX_WORDS)?,
            help: text_of("help", t.help, MAX_WORDS)?,
        };
        if said.taught.is_empty() {
            return Err(OfficeError::field("taught", "请填写课程安排"));
        }
        let mut tx = self.store.begin().await?;
        tx.add_learning(self.store.vault(), (class.as_str(), day), &said, actor.account, self.now()).await?;
        self.audit(&mut tx, actor, Deed::RecordLearning, &format!("class:{class}"), &day.to_string()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The same as Excel, with whole names.
    pub async fn online_sheets(&self, j: &Jurisdiction, day: Date) -> Result<Vec<u8>> {
        let text = |t: &str| Value::Text(t.to_owned());
        let number = |n: i64| Value::Number(n as f64);
        let name_of = |class: &str| PlacePath::parse(class).map(|p| class_name(&p)).unwrap_or_default();
        let row = |c: &OnlineClass| {
            let said = c.record.clone().map(|r| (r.said, r.by)).unwrap_or_default();
            vec![
                text(&class_name(&c.class)),
                if c.taken { number(c.expected) } else { text("未点名") },
                number(c.took_part()),
                number(c.excused()),
                number(c.missing()),
                number(c.of(Mark::NoDevice)),
                number(c.of(Mark::NoNetwork)),
                number(c.of(Mark::NoHelper)),
                text(&said.0.taught),
                text(&said.0.by_means_of),
                text(&said.0.handed_in),
                text(&said.0.help),
                text(&said.1),
            ]
        };
        let classes: Vec<Vec<Value>> = self.online_day(j, day).await?.iter().map(row).collect();
        let line = |l: &Lacking| {
            vec![
                text(&name_of(&l.class)),
                text(&l.child.profile.name),
                text(&l.child.profile.phone),
                text(l.mark.label()),
                text(&l.note),
                text(&l.solved_on.map(|d| d.to_string()).unwrap_or_default()),
            ]
        };
        let lacking: Vec<Vec<Value>> = self.lacking_on(j, day).await?.iter().map(line).collect();
        let sheet = |name: &str, heads: &[(&str, f64)], rows: Vec<Vec<Value>>| TableSheet {
            name: name.into(),
            title: Some(format!("{day} {name}")),
            subtitle: Some((format!("{} 行", rows.len()), self.clock.today().to_string())),
            columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
            rows: Box::new(rows.into_iter()),
            notes: Vec::new(),
        };
        let of_class = [
            ("班级", 16.0),
            ("应参加", 8.0),
            ("参加", 8.0),
            ("请假", 8.0),
            ("未参加", 8.0),
            ("无设备", 8.0),
            ("无网络", 8.0),
            ("无人辅导", 9.0),
            ("课程安排", 36.0),
            ("平台", 16.0),
            ("作业提交", 24.0),
            ("帮扶措施", 24.0),
            ("记录人", 12.0),
        ];
        let of_child = [("班级", 16.0), ("姓名", 12.0), ("电话", 14.0), ("困难", 12.0), ("帮扶(备注)", 36.0), ("解决日期", 12.0)];
        workbook(vec![sheet("每日学习情况记录", &of_class, classes), sheet("线上学习困难学生", &of_child, lacking)])
            .map_err(|e| OfficeError::Input(e.to_string()))
    }
}
