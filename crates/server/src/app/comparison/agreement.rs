//! 人籍一致 (agreement of persons and register), R-CMP 9: by class what the registers say and what was counted in the month.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::place::PlacePath;
use baoxue_domain::school::leavers_mark;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::ClassCount;

use crate::app::office::{Office, OfficeError, Result};
use crate::app::place::roll_over::reading_order;

/// More than this nobody counts in one class.
const MOST_IN_CLASS: i64 = 200;

/// What a person counted of a class: its path; homework, roll, seats.
pub type Counted = (String, [Option<i64>; 3]);

/// A class (or a grade or school whose rosters name no classes).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassAgreement {
    pub path: String,
    pub name: String,
    /// On the student register.
    pub register: i64,
    /// In class by the in-school roster.
    pub present: i64,
    pub counted: Option<ClassCount>,
}

impl ClassAgreement {
    /// What does not agree, in words; empty where everything does.
    pub fn says(&self) -> String {
        let mut out = Vec::new();
        let mut differs = |label: &str, n: Option<i64>, of: i64| match n {
            Some(n) if n != of => out.push(format!("{label}{}{}人", if n > of { "多" } else { "少" }, (n - of).abs())),
            _ => {}
        };
        differs("学籍比在校", Some(self.register), self.present);
        if let Some(c) = &self.counted {
            differs("点名比在校", c.roll, self.present);
            differs("作业比在校", c.homework, self.present);
            differs("座次比在校", c.seats, self.present);
        }
        out.join(",")
    }
}

/// A school with its classes.
#[derive(Debug, Clone, Default)]
pub struct SchoolAgreement {
    pub path: String,
    pub name: String,
    pub classes: Vec<ClassAgreement>,
}

impl SchoolAgreement {
    pub fn sum(&self, of: fn(&ClassAgreement) -> i64) -> i64 {
        self.classes.iter().map(of).sum()
    }
}

impl Office {
    /// Schools of where one is, with what their classes counted in a month.
    pub async fn agreement(&self, actor: &Actor, month: &str) -> Result<Vec<SchoolAgreement>> {
        let mut places = actor.places(Action::ViewChecks).unwrap_or_default();
        places.extend(actor.places(Action::CountClasses).unwrap_or_default());
        let j = Jurisdiction::of(places.iter());
        let mut counted = self.store.class_counts(month, &j).await?;
        let mut classes: BTreeMap<String, ClassAgreement> = BTreeMap::new();
        for (path, code, n) in self.store.class_verdicts(&j).await? {
            // a child of the jurisdiction may go to school elsewhere
            if !j.covers(&path) || path.contains(leavers_mark()) {
                continue;
            }
            let Some(kind) = VerdictKind::find(&code) else { continue };
            let c = classes.entry(path.clone()).or_insert_with(|| ClassAgreement { path, ..ClassAgreement::default() });
            c.register += if kind.is_on_register() { n } else { 0 };
            c.present += if kind.is_in_class() { n } else { 0 };
        }
        let mut schools: BTreeMap<String, SchoolAgreement> = BTreeMap::new();
        for (path, mut c) in classes {
            let Some(at) = PlacePath::parse(&path) else { continue };
            let school = at.school();
            let below = path.strip_prefix(school.as_str()).unwrap_or("").trim_end_matches('/').replace('/', " ");
            c.name = if below.is_empty() { "(未写班级)".to_owned() } else { below };
            c.counted = counted.remove(&path);
            schools.entry(school.to_string()).or_default().classes.push(c);
        }
        for (school, s) in &mut schools {
            s.classes.sort_by_cached_key(|c| reading_order(c.path.strip_prefix(school.as_str()).unwrap_or("")));
        }
        let paths: Vec<&str> = schools.keys().map(String::as_str).collect();
        let names = self.store.place_names(&paths).await?;
        Ok(schools
            .into_iter()
            .map(|(path, s)| SchoolAgreement {
                name: names.get(&path).cloned().unwrap_or_else(|| "(未登记的学校)".to_owned()),
                path,
                ..s
            })
            .collect())
    }

    /// Classes of one's own that have counted nothing this month.
    pub async fn uncounted_classes(&self, actor: &Actor) -> Result<usize> {
        let Ok(j) = actor.jurisdiction(Action::CountClasses) else { return Ok(0) };
        let month = this_month(self.clock.today());
        let schools = self.agreement(actor, &month).await?;
        let classes = schools.iter().flat_map(|s| &s.classes).filter(|c| j.covers(&c.path));
        Ok(classes.filter(|c| c.counted.is_none()).count())
    }

    /// Writes down what classes counted this month. Whoever may not count for one of them writes nothing.
    pub async fn count_classes(&self, actor: &Actor, month: &str, counts: &[Counted]) -> Result<usize> {
        let j = actor.jurisdiction(Action::CountClasses)?;
        let today = self.clock.today();
        if month != this_month(today) {
            return Err(OfficeError::Input("只能填报本月的人数".into()));
        }
        let mut tx = self.store.begin().await?;
        let mut n = 0;
        for (class, [homework, roll, seats]) in counts {
            if !j.covers(class) || !class.starts_with("e/") {
                return Err(OfficeError::NotFound);
            }
            if [homework, roll, seats].into_iter().flatten().any(|n| !(0..=MOST_IN_CLASS).contains(n)) {
                return Err(OfficeError::Input(format!("人数应为 0 到 {MOST_IN_CLASS} 之间的整数")));
            }
            if homework.is_none() && roll.is_none() && seats.is_none() {
                continue;
            }
            let c = ClassCount { homework: *homework, roll: *roll, seats: *seats, counted_at: self.now() };
            tx.count_class(class, month, &c, actor.account).await?;
            n += 1;
        }
        let at = actor.home().map_or(String::new(), |p| p.to_string());
        self.audit(&mut tx, actor, Deed::CountClasses, &format!("place:{at}"), &format!("{month} {n} 个班")).await?;
        tx.commit().await?;
        Ok(n)
    }

    /// The month's table of all classes as a spreadsheet.
    pub async fn agreement_sheet(&self, actor: &Actor, month: &str) -> Result<Vec<u8>> {
        let schools = self.agreement(actor, month).await?;
        let bureau = self.policy(actor.home()).await?.bureau;
        self.note(actor, Deed::Export, "人籍一致核对表", month).await?;
        let heads = [
            ("学校", 24.0),
            ("年级班级", 18.0),
            ("学籍", 8.0),
            ("在校", 8.0),
            ("点名", 8.0),
            ("作业", 8.0),
            ("座次", 8.0),
            ("不一致", 40.0),
        ];
        let total: usize = schools.iter().map(|s| s.classes.len()).sum();
        let rows = schools.into_iter().flat_map(|s| {
            let school = s.name;
            s.classes.into_iter().map(move |c| {
                let counted = c.counted.clone().unwrap_or_default();
                let n = |n: Option<i64>| n.map_or(Value::from(""), |n| Value::from(n as usize));
                vec![
                    Value::from(school.clone()),
                    c.name.clone().into(),
                    n(Some(c.register)),
                    n(Some(c.present)),
                    n(counted.roll),
                    n(counted.homework),
                    n(counted.seats),
                    c.says().into(),
                ]
            })
        });
        let sheet = TableSheet {
            name: "人籍一致核对".into(),
            title: Some(format!("{bureau}人籍一致核对表({month})")),
            subtitle: Some((format!("共 {total} 个班"), self.clock.today().to_string())),
            columns: heads.iter().map(|(h, w)| Column::new(h, *w)).collect(),
            rows: Box::new(rows.collect::<Vec<_>>().into_iter()),
            notes: vec!["学籍、在校按最近一次比对;点名、作业、座次由班级当月清点填报。".into()],
        };
        workbook(vec![sheet]).map_err(|e| OfficeError::Input(e.to_string()))
    }
}

/// 2023-10
pub fn this_month(day: jiff::civil::Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_agree_is_said() {
        let check = |register, present, counted: Option<[Option<i64>; 3]>, expected: &str| {
            let counted = counted.map(|[homework, roll, seats]| ClassCount { homework, roll, seats, counted_at: 0 });
            assert_eq!(ClassAgreement { register, present, counted, ..ClassAgreement::default() }.says(), expected);
        };
        check(45, 45, None, "");
        check(45, 44, None, "学籍比在校多1人");
        check(45, 45, Some([Some(43), None, Some(45)]), "作业比在校少2人");
        check(44, 45, Some([Some(45), Some(46), Some(45)]), "学籍比在校少1人,点名比在校多1人");
    }
}
