//! 考勤文书 (papers of attendance): the written report of an absence, by whom it was told when; 晨(午)检记录表 and 因病缺课登记、追踪记录表 of a school's day.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_documents::write::docx::{DocBlock, DocCell, document};
use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::attendance::{Check, Level, Mark, in_days};
use baoxue_domain::place::PlacePath;
use baoxue_store::{ChildRow, MarkRow};
use jiff::civil::Date;

use super::roll::{SYMPTOMS, class_name};
use crate::app::clock::civil;
use crate::app::office::{Office, OfficeError, Result};

fn at(ms: i64) -> String {
    civil(ms).strftime("%Y-%m-%d %H:%M").to_string()
}

fn age(birth: Option<&str>, on: Date) -> String {
    let born: Option<Date> = birth.and_then(|b| b.parse().ok());
    let years = |b: Date| i32::from(on.year() - b.year()) - i32::from((on.month(), on.day()) < (b.month(), b.day()));
    born.map(|b| years(b).to_string()).unwrap_or_default()
}

impl Office {
    /// 书面报告 (the written report) of an absence, for the central school and the bureau; from the third day on it says so in its title.
    pub async fn absence_report(&self, actor: &Actor, id: i64) -> Result<(String, Vec<u8>)> {
        let j = actor.jurisdiction(Action::TakeRoll)?;
        let w = self.store.warning(id, &j).await?.ok_or(OfficeError::NotFound)?;
        let child = self.store.child(w.child, &j).await?.ok_or(OfficeError::NotFound)?;
        let class = PlacePath::parse(&w.class).ok_or(OfficeError::NotFound)?;
        let school = class.school();
        let school = self.store.place_names(&[school.as_str()]).await?.remove(school.as_str()).unwrap_or_default();
        let halves = u32::try_from(w.halves).unwrap_or(0);
        let mut events = self.store.events_of(&w).await?;
        events.sort_by_key(|e| (e.at, e.id));
        let of = |kinds: &[&str]| -> String {
            let all = events.iter().filter(|e| kinds.contains(&e.kind.as_str()));
            all.map(|e| format!("{} {}:{}", at(e.at), e.by.as_deref().unwrap_or("系统"), e.detail)).collect::<Vec<_>>().join("\n")
        };
        let or_none = |t: String, none: &str| if t.is_empty() { none.to_owned() } else { t };
        let case = match w.case {
            Some(k) => self.store.newest_case(&child).await?.filter(|f| f.id == k).map(|f| f.label()),
            None => None,
        };
        let title = match w.level {
            Level::Red => "学生缺勤 48 小时以上情况报告",
            _ => "学生缺勤情况书面报告",
        };
        let pair = |a: &str, b: &str, c: &str, d: &str| {
            let cell = |text: &str, label| DocCell { text: text.to_owned(), label, span: 1 };
            (vec![cell(a, true), cell(b, false), cell(c, true), cell(d, false)], false)
        };
        let long = |a: &str, text: String, tall: bool| {
            let label = DocCell { text: a.to_owned(), label: true, span: 1 };
            (vec![label, DocCell { text, label: false, span: 3 }], tall)
        };
        let p = &child.profile;
        let closed = w.closed.as_ref().map(|c| c.0.clone()).unwrap_or_else(|| "尚未到校".into());
        let rows = vec![
            pair(
                "姓名",
                &p.name,
                "性别、出生日期",
                &format!("{} {}", child.sex.clone().unwrap_or_default(), child.birth_date.clone().unwrap_or_default()),
            ),
            pair("班级", &class_name(&class), "监护人、电话", &format!("{} {}", p.guardian, p.phone)),
            long("家庭住址", p.address.clone(), false),
            pair("首缺日", &w.days.0.to_string(), "缺勤", &in_days(halves)),
            pair("预警", &format!("{}({})", w.level.label(), w.rule.label()), "返校、请假日", &closed),
            long("发现、升级", or_none(of(&["warn", "lower", "withdraw", "close"]), "(没有记录)"), false),
            long("联系家长(时间、方式、结果)", or_none(of(&["call"]), "(还没有联系,请补记)"), false),
            long("核查情况、去向和原因", or_none(of(&["check"]), "(还没有核查,请补记)"), false),
            long("已立劝返档案", case.unwrap_or_else(|| "否".into()), false),
            long("学校已采取的措施和下一步打算", String::new(), true),
            long("中心校(教办)意见", String::new(), true),
        ];
        let today = self.clock.today();
        let blocks = [
            DocBlock::Title(title.into()),
            DocBlock::Line(vec![
                format!("报告单位:{school}(公章)"),
                format!("报告日期:{} 年 {} 月 {} 日", today.year(), today.month(), today.day()),
            ]),
            DocBlock::Text("报:中心校(乡镇教办)、县教育局".into()),
            DocBlock::Table { widths: vec![18, 32, 18, 32], rows },
            DocBlock::Line(vec!["班主任:".into(), "分管副校长:".into(), "校长:".into()]),
        ];
        let bytes = document(&blocks).map_err(|e| OfficeError::Input(e.to_string()))?;
        let name = format!("{title} {} {}.docx", p.name, w.days.0);
        self.note(actor, Deed::Print, &format!("warning:{id}"), title).await?;
        Ok((name, bytes))
    }

    /// 晨(午)检记录表, 因病缺课登记、追踪记录表 of a school's day, with whole names.
    pub async fn health_sheets(&self, school: &PlacePath, j: &Jurisdiction, day: Date) -> Result<Vec<u8>> {
        let narrowed = self.narrowed(j, school.as_str()).await?;
        let marks = self.store.marks_on(&narrowed, day, None).await?;
        let counts = self.store.register_counts(&narrowed, day).await?;
        let mut ill: BTreeMap<(String, i64), (Check, MarkRow)> = BTreeMap::new();
        for (child, class, check, m) in &marks {
            if m.mark == Mark::Sick || !m.detail.symptom.is_empty() {
                ill.entry((class.clone(), *child)).or_insert((*check, m.clone()));
            }
        }
        let ids: Vec<i64> = ill.keys().map(|k| k.1).collect::<BTreeSet<_>>().into_iter().collect();
        let children: BTreeMap<i64, ChildRow> =
            self.store.children_by_number(&ids, &narrowed).await?.into_iter().map(|c| (c.id, c)).collect();
        let since = self.first_seen(&ids, day).await?;
        let name_of = |class: &str| PlacePath::parse(class).map(|p| class_name(&p)).unwrap_or_default();
        let symptom = |m: &MarkRow| SYMPTOMS.iter().find(|s| s.0 == m.detail.symptom).map_or("", |s| s.1).to_owned();
        let text = Value::Text;
        let number = |n: i64| Value::Number(n as f64);
        let mut checks = Vec::new();
        for c in counts.iter().filter(|c| c.check.tells_of_school()) {
            let of = |f: &dyn Fn(&MarkRow) -> bool| {
                marks.iter().filter(|m| m.1 == c.class && m.2 == c.check && f(&m.3)).count() as i64
            };
            let away: i64 = c.marks.iter().filter(|m| !m.0.was_there()).map(|m| m.1).sum();
            let sick = of(&|m| m.mark == Mark::Sick);
            let signs = of(&|m| !m.detail.symptom.is_empty());
            checks.push(vec![
                text(name_of(&c.class)),
                text(c.check.label().to_owned()),
                number(c.size),
                number(c.size - away),
                number(away),
                number(sick),
                number(signs),
                text(if sick + signs == 0 { "零报告".into() } else { String::new() }),
            ]);
        }
        let mut register = Vec::new();
        for (n, ((class, child), (check, m))) in ill.iter().enumerate() {
            let Some(c) = children.get(child) else { continue };
            register.push(vec![
                number(n as i64 + 1),
                text(name_of(class)),
                text(c.profile.name.clone()),
                text(c.sex.clone().unwrap_or_default()),
                text(age(c.birth_date.as_deref(), day)),
                text(c.profile.address.clone()),
                text(c.profile.phone.clone()),
                text(format!("{} {}", symptom(m), m.detail.note).trim().to_owned()),
                text(check.label().to_owned()),
                text(String::new()),
                text(since.get(child).filter(|d| **d > day || m.mark.was_there()).map(|d| d.to_string()).unwrap_or_default()),
                text(String::new()),
            ]);
        }
        let name = self.store.place_names(&[school.as_str()]).await?.remove(school.as_str()).unwrap_or_default();
        let today = self.clock.today().to_string();
        let sheet = |title: &str, heads: &[(&str, f64)], rows: Vec<Vec<Value>>, note: &str| TableSheet {
            name: title.into(),
            title: Some(format!("{name}{title}({day})")),
            subtitle: Some((format!("{} 行", rows.len()), today.clone())),
            columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
            rows: Box::new(rows.into_iter()),
            notes: vec![note.to_owned()],
        };
        let of_checks = [
            ("班级", 16.0),
            ("时段", 10.0),
            ("应到", 8.0),
            ("实到", 8.0),
            ("缺课", 8.0),
            ("其中因病", 9.0),
            ("有症状", 9.0),
            ("备注", 14.0),
        ];
        let of_ill = [
            ("序号", 6.0),
            ("班级", 16.0),
            ("姓名", 12.0),
            ("性别", 6.0),
            ("年龄", 6.0),
            ("家庭地址", 30.0),
            ("家长电话", 14.0),
            ("缺勤原因(症状、就诊记录)", 30.0),
            ("发现时段", 10.0),
            ("跟踪情况", 24.0),
            ("返校日期", 12.0),
            ("追踪人", 10.0),
        ];
        let sheets = vec![
            sheet("晨(午)检记录表", &of_checks, checks, "没有点名的班不在表里。记录人:            校医(疫情报告人):"),
            sheet("因病缺课登记、追踪记录表", &of_ill, register, "首次追踪由班主任做;每天零报告。"),
        ];
        workbook(sheets).map_err(|e| OfficeError::Input(e.to_string()))
    }
}
