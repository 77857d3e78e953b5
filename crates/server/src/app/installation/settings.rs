//! 参数 ⚙ (policy): what holds at a place on a day, kept for a moment; setting it from a day on.

use std::sync::{Arc, Mutex};

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_domain::policy::{Dated, Policy, Term};
use baoxue_store::NewSetting;
use jiff::civil::Date;

use crate::app::clock::Stopwatch;
use crate::app::office::{Office, OfficeError, Result};

/// How long values are kept before the database is asked again: another process may have set one.
const KEPT_MS: u128 = 2_000;

/// What was set, kept for a moment: every page asks for several.
#[derive(Clone, Default)]
pub(in crate::app) struct Kept(Arc<Mutex<Option<ReadThen>>>);

/// When the values were read, and the values.
type ReadThen = (Stopwatch, Arc<Vec<Dated>>);

impl Office {
    async fn values(&self) -> Result<Arc<Vec<Dated>>> {
        let fresh =
            |kept: &Option<ReadThen>| kept.as_ref().filter(|(read, _)| read.elapsed().as_millis() < KEPT_MS).map(|k| k.1.clone());
        if let Some(known) = self.settings.0.lock().ok().and_then(|kept| fresh(&kept)) {
            return Ok(known);
        }
        let mut values = self.store.setting_values().await?;
        // what nobody could set here holds nowhere, and is no reason to keep everybody out
        values.retain(|v| match Term::find(&v.name).map(|t| t.check(&v.value)) {
            Some(Err(e)) => {
                tracing::error!("参数第 {} 条不能用,未采用:{e}", v.id);
                false
            }
            _ => true,
        });
        let values = Arc::new(values);
        if let Ok(mut kept) = self.settings.0.lock() {
            *kept = Some((Stopwatch::start(), values.clone()));
        }
        Ok(values)
    }

    /// What holds today at a place.
    pub async fn policy(&self, at: Option<&PlacePath>) -> Result<Policy> {
        self.policy_then(at, self.clock.today(), i64::MAX).await
    }

    /// What held at a place on a day, as it was known when `version` was the newest value.
    pub async fn policy_then(&self, at: Option<&PlacePath>, day: Date, version: i64) -> Result<Policy> {
        Policy::of(&self.values().await?, at, day, version).map_err(|e| OfficeError::Input(e.to_string()))
    }

    /// The value of a term that holds today at a place, as text.
    pub async fn term_today(&self, term: &Term, at: &PlacePath) -> Result<String> {
        let values = self.values().await?;
        let set = baoxue_domain::policy::in_force(&values, term.name, Some(at), self.clock.today(), i64::MAX);
        Ok(set.map_or(term.default, |v| v.value.as_str()).to_owned())
    }

    /// The place for which a person sets values: the county of where she is, or a larger place.
    pub fn settings_place(&self, actor: &Actor, action: Action) -> Result<PlacePath> {
        let at = actor.places(action)?.into_iter().next().ok_or(OfficeError::NotFound)?;
        // a county's values hold for all of it
        Ok(at.county().unwrap_or(at))
    }

    /// Sets a value of one's place from a day on, today at the earliest: what held before is on record.
    pub async fn set(&self, actor: &Actor, name: &str, value: &str, from: Date) -> Result<()> {
        let term = Term::find(name).ok_or(OfficeError::NotFound)?;
        let place = self.settings_place(actor, term.set_by)?;
        let value = value.trim();
        term.check(value).map_err(|e| OfficeError::field("value", e.to_string()))?;
        if from < self.clock.today() {
            return Err(OfficeError::field("from", "生效日期不能早于今天:已经用过的参数不能改写"));
        }
        let mut tx = self.store.begin().await?;
        let new = NewSetting { scope: place.as_str(), name, value, from };
        tx.set(new, self.now(), Some(actor.account)).await?;
        self.audit(&mut tx, actor, Deed::Set, &format!("setting:{name}"), &format!("{value},自 {from} 起")).await?;
        tx.commit().await?;
        if let Ok(mut kept) = self.settings.0.lock() {
            *kept = None;
        }
        Ok(())
    }
}
