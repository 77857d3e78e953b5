//! 名单外到校 (newcomers): a child who came though no list knew it. Whoever is known elsewhere is said to the county at once; the others become a roster.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction, Role};
use baoxue_domain::person::NationalId;
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_store::{NewEvent, NewNewcomer, Newcomer, NewcomerDetail, NewcomerState, Subject};
use jiff::ToSpan;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::first_day::MAX_NEWCOMERS;
use super::roll::{LATE_DAYS, class_name};
use crate::app::case::opening::text_of;
use crate::app::office::{Office, OfficeError, Result};
use crate::app::roster::staging::{HandOver, Upload};
use crate::app::roster::template::width;

/// Characters of a field.
const MAX_WORDS: usize = 40;
/// Days back of which newcomers that are on a roster are still shown.
const SHOWN_DAYS: i64 = 60;

/// A newcomer, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Arriving<'a> {
    pub class: &'a str,
    pub day: &'a str,
    pub key: &'a str,
    pub name: &'a str,
    pub sex: &'a str,
    pub birth_date: &'a str,
    pub national_id: &'a str,
    pub guardian: &'a str,
    pub phone: &'a str,
    pub from: &'a str,
}

impl Office {
    fn described(&self, a: &Arriving<'_>) -> Result<NewcomerDetail> {
        let mut d = NewcomerDetail {
            name: text_of("name", a.name, MAX_WORDS)?,
            sex: a.sex.to_owned(),
            birth_date: a.birth_date.trim().to_owned(),
            national_id: a.national_id.trim().to_uppercase(),
            guardian: text_of("guardian", a.guardian, MAX_WORDS)?,
            phone: text_of("phone", a.phone, MAX_WORDS)?,
            from: text_of("from", a.from, MAX_WORDS)?,
        };
        if d.name.chars().count() < 2 {
            return Err(OfficeError::field("name", "请填写姓名"));
        }
        if !["", "男", "女"].contains(&a.sex) {
            return Err(OfficeError::field("sex", "请从列表中选择性别"));
        }
        if d.national_id.is_empty() {
            let born: Option<Date> = d.birth_date.parse().ok().filter(|b| *b < self.clock.today());
            born.ok_or_else(|| OfficeError::field("birth_date", "没有证件号的,请填写出生日期"))?;
            if d.sex.is_empty() {
                return Err(OfficeError::field("sex", "没有证件号的,请选择性别"));
            }
            return Ok(d);
        }
        let id = NationalId::parse(&d.national_id).map_err(|e| OfficeError::field("national_id", format!("证件号不对:{e}")))?;
        d.birth_date = id.birth_date().to_string();
        d.sex = id.sex().label().to_owned();
        Ok(d)
    }

    /// Writes down who came to a class though its list does not have it.
    pub async fn add_newcomer(&self, actor: &Actor, a: &Arriving<'_>) -> Result<NewcomerState> {
        let (class, _) = self.own_class(actor, a.class, Action::TakeRoll)?;
        let today = self.clock.today();
        let day: Date = a.day.parse().ok().filter(|d| *d <= today).ok_or_else(|| OfficeError::field("day", "日期不对"))?;
        if day < today.saturating_sub(LATE_DAYS.days()) {
            return Err(OfficeError::field("day", format!("只能补记 {LATE_DAYS} 天以内的")));
        }
        if a.key.len() != 32 || !a.key.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(OfficeError::Input("这张表缺少编号,请刷新页面再填".into()));
        }
        let detail = self.described(a)?;
        let child = match detail.national_id.is_empty() {
            true => None,
            false => self.store.child_with_id(&detail.national_id).await?,
        };
        let known = match child {
            Some(c) => self.store.child(c, &Jurisdiction::everywhere()).await?,
            None => None,
        };
        if known.as_ref().is_some_and(|c| c.school_path.as_deref() == Some(class.as_str())) {
            return Err(OfficeError::field("national_id", "这名孩子就在本班名单上,请直接点名"));
        }
        // sent twice is one; another child on the same page is another one
        let said = format!("{}|{class}|{day}|{}|{}|{}", a.key, detail.name, detail.birth_date, detail.national_id);
        let key: String = Sha256::digest(said.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect();
        let row = NewNewcomer {
            class: class.as_str(),
            day,
            key: &key,
            detail: &detail,
            child: known.as_ref().map(|c| c.id),
            at: self.now(),
            by: actor.account,
        };
        let mut tx = self.store.begin().await?;
        let state = if known.is_some() { NewcomerState::Known } else { NewcomerState::Waiting };
        if tx.add_newcomer(self.store.vault(), &row).await?.is_none() {
            return Ok(state);
        }
        let here = class_name(&class);
        if let Some(c) = &known {
            // whoever looks for the child hears where it is
            let said = format!("{day} 到{}{here}报到,不在该班名单上", self.school_name(&class).await?);
            if let Some(k) = self.store.newest_case(c).await?.filter(|k| k.facts.state.is_open()) {
                let e = NewEvent::of_program("attendance", &said, self.now());
                tx.add_event(&self.store, Subject::Case(k.id), &e, None).await?;
            }
            let county = c.residence_path.as_deref().or(c.register_path.as_deref()).and_then(PlacePath::parse);
            if let Some(county) = county.and_then(|p| p.county()) {
                for (account, role) in self.store.accounts_at(county.as_str(), today).await? {
                    if role == Role::CountyOfficer {
                        let told = format!("一名县内已有记录的孩子在别处到校,请在“开学报到”的名单外到校里核对:{here}");
                        tx.tell(self.store.vault(), account, &told, self.now()).await?;
                    }
                }
            }
        }
        self.audit(&mut tx, actor, Deed::RecordNewcomer, &format!("class:{class}"), state.label()).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn school_name(&self, class: &PlacePath) -> Result<String> {
        let school = class.school();
        Ok(self.store.place_names(&[school.as_str()]).await?.remove(school.as_str()).unwrap_or_default())
    }

    /// 记错了: takes a newcomer back.
    pub async fn withdraw_newcomer(&self, actor: &Actor, id: i64) -> Result<()> {
        let n = self.store.newcomer(id, &actor.jurisdiction(Action::TakeRoll)?).await?.ok_or(OfficeError::NotFound)?;
        if !matches!(n.state, NewcomerState::Waiting | NewcomerState::Known) {
            return Err(OfficeError::Conflict("这名孩子已做成名册,请在名册里更正".into()));
        }
        let mut tx = self.store.begin().await?;
        if !tx.step_newcomer(&n, NewcomerState::Withdrawn, None).await? {
            return Err(OfficeError::Conflict("刚被别人处理过,请刷新页面".into()));
        }
        self.audit(&mut tx, actor, Deed::RecordNewcomer, &format!("class:{}", n.class), NewcomerState::Withdrawn.label()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Newcomers that one sees, those that wait first.
    pub async fn newcomers(&self, actor: &Actor) -> Result<Vec<Newcomer>> {
        let j = actor.jurisdiction(Action::ViewAttendance)?;
        Ok(self.store.newcomers(&j, self.clock.today().saturating_sub(SHOWN_DAYS.days()), MAX_NEWCOMERS).await?)
    }

    /// 做成名册: those that wait become a roster of the county, to be loaded as an addition; the next comparison finds them in school without a record.
    pub async fn newcomers_to_roster(&self, actor: &Actor) -> Result<(i64, usize)> {
        let area = self.area(actor, Action::ImportRosters)?;
        let of_area =
            |n: &Newcomer| PlacePath::parse(&n.class).and_then(|p| p.county()).is_some_and(|c| c == area || area.holds(&c));
        let waiting: Vec<Newcomer> =
            self.newcomers(actor).await?.into_iter().filter(|n| n.state == NewcomerState::Waiting && of_area(n)).collect();
        if waiting.is_empty() {
            return Err(OfficeError::Input("没有待建学籍的名单外学生".into()));
        }
        let bytes = self.newcomer_roster(&waiting).await?;
        let name = format!("名单外到校 {}.xlsx", self.clock.today());
        let by = HandOver { department: "学校点名".into(), person: actor.name.clone() };
        let staged = self.stage(actor, vec![Upload { name, bytes }], &by).await?;
        let outcome = staged.into_iter().next().map(|s| s.outcome).ok_or(OfficeError::NotFound)?;
        let batch = outcome.map_err(OfficeError::Input)?;
        let mut tx = self.store.begin().await?;
        for n in &waiting {
            // one that was taken back meanwhile stands on the sheet, and the officer is told to look
            if !tx.step_newcomer(n, NewcomerState::Listed, Some(batch)).await? {
                return Err(OfficeError::Conflict(format!("{} 刚被处理过;请删除这份待载入的名册后重做", n.detail.name)));
            }
        }
        self.audit(&mut tx, actor, Deed::RecordNewcomer, &format!("batch:{batch}"), NewcomerState::Listed.label()).await?;
        tx.commit().await?;
        Ok((batch, waiting.len()))
    }

    /// Newcomers in the columns of 在校学生实名册.
    async fn newcomer_roster(&self, all: &[Newcomer]) -> Result<Vec<u8>> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for n in all {
            if let Some(p) = PlacePath::parse(&n.class) {
                names.insert(n.class.clone(), self.school_name(&p).await?);
            }
        }
        let fields = SourceKind::InSchool.template_fields();
        let cell = |n: &Newcomer, f: Field| {
            let class = PlacePath::parse(&n.class);
            let parts: Vec<String> = n.class.trim_end_matches('/').split('/').skip(2).map(ToOwned::to_owned).collect();
            let part = |i: usize| parts.get(i).cloned().unwrap_or_default();
            match f {
                Field::Name => n.detail.name.clone(),
                Field::Sex => n.detail.sex.clone(),
                Field::BirthDate => n.detail.birth_date.clone(),
                Field::NationalId => n.detail.national_id.clone(),
                Field::Guardian => n.detail.guardian.clone(),
                Field::GuardianPhone | Field::Phone => n.detail.phone.clone(),
                Field::SchoolCode => part(0),
                Field::SchoolName => names.get(&n.class).cloned().unwrap_or_default(),
                Field::Grade => part(1),
                Field::Class => class.map(|c| class_name(&c)).unwrap_or_default(),
                Field::Present => "在校".into(),
                _ => String::new(),
            }
        };
        let rows: Vec<Vec<Value>> = all.iter().map(|n| fields.iter().map(|f| Value::Text(cell(n, *f))).collect()).collect();
        let sheet = TableSheet {
            name: SourceKind::InSchool.label().into(),
            title: None,
            subtitle: None,
            columns: fields.iter().map(|f| Column::new(f.heading(), width(*f))).collect(),
            rows: Box::new(rows.into_iter()),
            notes: Vec::new(),
        };
        workbook(vec![sheet]).map_err(|e| OfficeError::Input(e.to_string()))
    }
}
