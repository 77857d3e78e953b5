//! 催办 (reminders): which unit still owes answers, how many, since when; one button reminds them.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_store::{NewEvent, UnitTasks};

use crate::app::clock::civil;
use crate::app::office::{Office, OfficeError, Result};

/// Code of the event that a unit was reminded.
pub const REMINDED: &str = "remind";
/// Units that are reminded at a time.
const MOST_UNITS: usize = 20_000;

/// What came of reminding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminded {
    pub units: usize,
    pub tasks: usize,
    /// Units that were reminded today already, or owe nothing any more.
    pub passed_over: usize,
}

impl Office {
    /// Units that owe answers for whom one answers, the most overdue first.
    pub async fn units_that_owe(&self, actor: &Actor) -> Result<Vec<UnitTasks>> {
        Ok(self.store.tasks_by_unit(&actor.jurisdiction(Action::Dispatch)?, self.now()).await?)
    }

    /// Reminds units of what they owe, each at most once a day.
    pub async fn remind(&self, actor: &Actor, units: &[String]) -> Result<Reminded> {
        self.area(actor, Action::Dispatch)?;
        let j = actor.jurisdiction(Action::Dispatch)?;
        if units.is_empty() {
            return Err(OfficeError::Input("请先勾选要催办的单位".into()));
        }
        if units.len() > MOST_UNITS {
            return Err(OfficeError::Input(format!("一次最多催办 {MOST_UNITS} 个单位")));
        }
        let owing = self.store.tasks_by_unit(&j, self.now()).await?;
        let today = self.clock.today();
        let fresh = |u: &&UnitTasks| units.contains(&u.unit_path) && u.reminded_at.is_none_or(|at| civil(at).date() < today);
        let chosen: Vec<&UnitTasks> = owing.iter().filter(fresh).collect();
        let mut tasks = 0;
        let mut tx = self.store.begin().await?;
        for unit in &chosen {
            let detail = format!("请尽快答复:共 {} 条待核实,其中逾期 {} 条", unit.waiting, unit.overdue);
            let e = NewEvent::by(REMINDED, &detail, actor.account, self.now());
            let n = tx.remind_unit(&self.store, &unit.unit_path, &j, &e).await?;
            tasks += n;
            let subject = format!("place:{}", unit.unit_path);
            self.audit(&mut tx, actor, Deed::RemindUnit, &subject, &format!("{n} 条")).await?;
        }
        if !chosen.is_empty() {
            tx.commit().await?;
        }
        Ok(Reminded { units: chosen.len(), tasks, passed_over: units.len() - chosen.len() })
    }
}
