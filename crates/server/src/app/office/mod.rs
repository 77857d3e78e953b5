//! 县教育局 (the county office): the use cases behind the pages. Each authorises, loads, decides and saves in one transaction.

pub mod accounts;
pub mod comparison;
pub mod dispatch;
pub mod gazetteer;
pub mod kept;
pub mod places;
pub mod reconcile;
pub mod review;
pub mod rosters;
pub mod settings;
pub mod sheets;
pub mod worker;

use std::sync::Arc;

use baoxue_domain::access::{Action, Actor, Refusal};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Store, StoreError, Tx};
use thiserror::Error;

use super::clock::Clock;

/// What all use cases need.
#[derive(Clone)]
pub struct Office {
    pub store: Store,
    pub clock: Clock,
    /// Rings when there is a job.
    pub bell: Arc<tokio::sync::Notify>,
}

/// Why a use case did not do what was asked.
#[derive(Debug, Error)]
pub enum OfficeError {
    /// The role does not allow it.
    #[error("{0}")]
    Refused(Refusal),
    /// It is not there, or not for this person to see: the same answer.
    #[error("没有找到,或不在您的管辖范围内")]
    NotFound,
    /// Somebody was faster.
    #[error("{0}")]
    Conflict(String),
    /// What was typed or sent cannot be used.
    #[error("{0}")]
    Input(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for OfficeError {
    fn from(r: Refusal) -> Self {
        Self::Refused(r)
    }
}

/// Result of a use case.
pub type Result<T, E = OfficeError> = std::result::Result<T, E>;

impl Office {
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, bell: Arc::new(tokio::sync::Notify::new()) }
    }

    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The county for which a person may do something.
    pub async fn county(&self, actor: &Actor, action: Action) -> Result<PlacePath> {
        let grants = actor.grants.iter().filter(|g| g.role.may(action));
        let mut first = None;
        for g in grants {
            if g.path.is_government() && g.path.depth() == 3 {
                return Ok(g.path.clone());
            }
            first.get_or_insert(&g.path);
        }
        let first = first.ok_or(Refusal { action })?;
        // above the county: the first one below; in a school: the county of its code
        let today = self.clock.today();
        let counties = if first.is_government() {
            self.store.places_below(first.as_str(), today, &["county"]).await?
        } else {
            let code = first.as_str().split('/').nth(1).unwrap_or("").to_owned();
            let all = self.store.places_below("g/", today, &["county"]).await?;
            all.into_iter().filter(|p| p.path.last() == code).collect()
        };
        counties.into_iter().next().map(|p| p.path).ok_or(OfficeError::NotFound)
    }

    /// Writes an audit row in a transaction.
    pub async fn audit(&self, tx: &mut Tx, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<()> {
        tx.audit(self.store.vault(), self.now(), Some(actor.account), &actor.login, action, subject, detail).await?;
        Ok(())
    }

    /// An audit row of its own, for what changes nothing else.
    pub async fn note(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<()> {
        self.store.note(self.now(), Some(actor.account), &actor.login, action, subject, detail).await?;
        Ok(())
    }
}
