//! 班级设置 (a class's own settings): who boards, and who takes which check.

use std::collections::BTreeSet;

use baoxue_domain::access::{Action, Actor, Deed, Jurisdiction};
use baoxue_domain::attendance::Check;
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, Duty};
use jiff::civil::Date;

use crate::app::office::{Office, OfficeError, Result};

/// Days of a week, as a timetable has them; 0 every day.
pub const WEEKDAYS: [(i64, &str); 8] =
    [(0, "每天"), (1, "周一"), (2, "周二"), (3, "周三"), (4, "周四"), (5, "周五"), (6, "周六"), (7, "周日")];

/// Who takes a check on a day: the one of that day of the week before the one of every day.
pub fn on_duty<'a>(all: &'a [Duty], class: &str, check: Check, day: Date) -> Option<&'a Duty> {
    let weekday = i64::from(day.weekday().to_monday_one_offset());
    let of = |n: i64| all.iter().find(|d| d.class == class && d.check == check && d.weekday == n);
    of(weekday).or_else(|| of(0))
}

impl Office {
    /// Whoever may take the roll of a class today: its own people, and substitutes.
    pub async fn takers_of(&self, class: &PlacePath) -> Result<Vec<Account>> {
        let today = self.clock.today();
        let mut ids: BTreeSet<i64> = BTreeSet::new();
        for path in [class.clone(), class.school()] {
            for (account, role) in self.store.accounts_at(path.as_str(), today).await? {
                if role.may(Action::TakeRoll) {
                    ids.insert(account);
                }
            }
        }
        let mut out = Vec::new();
        for id in ids {
            out.extend(self.store.account(id).await?);
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    /// 值班: who takes a check of a class from now on; nobody in particular where none is named.
    pub async fn set_duty(&self, actor: &Actor, class: &str, check: &str, weekday: i64, account: i64) -> Result<()> {
        let (class, _) = self.own_class(actor, class, Action::TakeRoll)?;
        let check = Check::find(check).ok_or_else(|| OfficeError::field("check", "请选择点名时段"))?;
        if !WEEKDAYS.iter().any(|w| w.0 == weekday) {
            return Err(OfficeError::field("weekday", "请选择星期"));
        }
        let taker = self.takers_of(&class).await?.into_iter().find(|a| a.id == account);
        let taker =
            taker.ok_or_else(|| OfficeError::field("account", "请从列表中选择;不在列表里的老师,先由学校管理员授予代课"))?;
        let duty = Duty { id: 0, class: class.to_string(), check, weekday, account, name: taker.name };
        let day = WEEKDAYS.iter().find(|w| w.0 == weekday).map_or("", |w| w.1);
        let mut tx = self.store.begin().await?;
        tx.set_duty(&duty, actor.account, self.now()).await?;
        let said = format!("{day}{}:{}", check.label(), duty.name);
        self.audit(&mut tx, actor, Deed::KeepDuties, &format!("class:{class}"), &said).await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn end_duty(&self, actor: &Actor, class: &str, id: i64) -> Result<()> {
        let (class, _) = self.own_class(actor, class, Action::TakeRoll)?;
        let mut tx = self.store.begin().await?;
        if !tx.end_duty(id, class.as_str(), actor.account, self.now()).await? {
            return Err(OfficeError::NotFound);
        }
        self.audit(&mut tx, actor, Deed::KeepDuties, &format!("class:{class}"), "取消值班").await?;
        tx.commit().await?;
        Ok(())
    }

    /// 住校生: of a class these children board from today on, and no others.
    pub async fn set_boarders(&self, actor: &Actor, class: &str, boarders: &BTreeSet<i64>) -> Result<(usize, usize)> {
        let (class, j) = self.own_class(actor, class, Action::TakeRoll)?;
        let pupils = self.pupils_of(&class, &j).await?;
        if !boarders.is_subset(&pupils) {
            return Err(OfficeError::Input("名单有变动,请刷新页面再登记".into()));
        }
        let mut tx = self.store.begin().await?;
        let today = self.clock.today();
        let n = tx.set_boarders(class.as_str(), (&pupils, boarders), today, actor.account, self.now()).await?;
        let said = format!("住校 {} 人(新增 {},减少 {})", boarders.len(), n.0, n.1);
        self.audit(&mut tx, actor, Deed::KeepBoarders, &format!("class:{class}"), &said).await?;
        tx.commit().await?;
        // what an evening roll said before is looked at anew
        self.assess(&pupils.into_iter().collect::<Vec<_>>()).await?;
        Ok(n)
    }

    async fn pupils_of(&self, class: &PlacePath, j: &Jurisdiction) -> Result<BTreeSet<i64>> {
        Ok(self.class_list(class, j).await?.expected.iter().map(|c| c.id).collect())
    }
}
