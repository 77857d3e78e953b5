//! 县教育局 (the county office): the use cases behind the pages. Each authorises, loads, decides and saves in one transaction.

use std::sync::Arc;

use baoxue_domain::access::{Action, Actor, Deed, Reach, Refusal};
use baoxue_domain::place::PlacePath;
use baoxue_store::{NewAudit, Store, StoreError, Tx};
use thiserror::Error;

use super::access::throttle::Throttle;
use super::attendance::assess::{SeenToday, ToAssess};
use super::attendance::calendar::CalendarCache;
use super::clock::Clock;
use super::installation::settings::Kept;

/// Levels of a county's path.
const COUNTY_DEPTH: usize = 3;

/// What all use cases need.
#[derive(Clone)]
pub struct Office {
    pub store: Store,
    pub clock: Clock,
    /// Rings when there is a job.
    pub bell: Arc<crate::app::jobs::Bell>,
    /// Whether administrators and county officers are asked for a code. Not on a clock that is set otherwise: no phone goes by it.
    pub second_factor: bool,
    /// Where heads of the sealed log are written; `None` for the data folder.
    pub audit_heads: Option<std::path::PathBuf>,
    pub(in crate::app) settings: Kept,
    pub(in crate::app) calendar_cache: CalendarCache,
    pub(in crate::app) seen_today: SeenToday,
    pub(in crate::app) to_assess: ToAssess,
    pub(in crate::app) throttle: Throttle,
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
    /// The same, of one field of a form.
    #[error("{said}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// In words.
        said: String,
    },
    /// It could be done, and a person has to say that it is meant.
    #[error("{said}")]
    Asks {
        /// Stable code of the question.
        question: &'static str,
        /// In words.
        said: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OfficeError {
    /// What is wrong with a field of a form.
    pub fn field(field: &'static str, said: impl Into<String>) -> Self {
        Self::Field { field, said: said.into() }
    }

    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::NotFound => "not-found",
            Self::Conflict(_) => "conflict",
            Self::Input(_) | Self::Field { .. } => "input",
            Self::Asks { question, .. } => question,
            Self::Store(e) => e.code(),
        }
    }

    /// What it asks, if it asks anything.
    pub fn question(&self) -> Option<&'static str> {
        match self {
            Self::Asks { question, .. } => Some(question),
            _ => None,
        }
    }
}

impl From<Refusal> for OfficeError {
    fn from(r: Refusal) -> Self {
        Self::Refused(r)
    }
}

/// What the program wrote down itself, as JSON; what it cannot read is said, and never taken for nothing.
pub fn read_back<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    let said = |_| OfficeError::Input(format!("{what}读不出来,可能由别的版本写入;请用那个版本查看,或重新办理"));
    serde_json::from_str(text).map_err(said)
}

/// The kind of a batch's source.
pub fn source_of(batch: &baoxue_store::Batch) -> Result<baoxue_domain::roster::SourceKind> {
    let said =
        || OfficeError::Input(format!("名册“{}”的来源“{}”不是本程序认识的,可能由更新的版本写入", batch.file_name, batch.source));
    baoxue_domain::roster::SourceKind::find(&batch.source).ok_or_else(said)
}

/// Result of a use case.
pub type Result<T, E = OfficeError> = std::result::Result<T, E>;

impl Office {
    pub fn new(store: Store, clock: Clock) -> Self {
        let second_factor = !clock.is_shifted();
        Self {
            store,
            clock,
            bell: Arc::default(),
            second_factor,
            audit_heads: None,
            settings: Kept::default(),
            calendar_cache: CalendarCache::default(),
            seen_today: SeenToday::default(),
            to_assess: ToAssess::default(),
            throttle: Throttle::default(),
        }
    }

    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// 比对范围 (area): the place whose rosters and runs an action is about: the county of where one is, or the larger place that one
    /// was granted.
    pub fn area(&self, actor: &Actor, action: Action) -> Result<PlacePath> {
        let places = actor.places(action)?;
        let county = places.iter().find(|p| p.is_government() && p.depth() == COUNTY_DEPTH);
        let at = county.or(places.first()).ok_or(Refusal { action })?;
        let area = at.county().unwrap_or_else(|| at.clone());
        if action.reach() == Reach::County && !actor.grants.iter().any(|g| g.role.may(action) && g.path.holds(&area)) {
            return Err(OfficeError::NotFound);
        }
        Ok(area)
    }

    /// The area whose newest comparison tells of where one is: the place itself or a larger one that is compared as a whole; for whoever
    /// stands above, the first one below.
    pub async fn compared(&self, actor: &Actor, action: Action) -> Result<PlacePath> {
        let own = self.area(actor, action)?;
        let all = self.store.compared_places().await?;
        let over = all.iter().filter(|(p, _)| own.as_str().starts_with(p.as_str())).max_by_key(|(_, run)| *run);
        let found = over.or_else(|| all.iter().find(|(p, _)| p.starts_with(own.as_str())));
        Ok(found.and_then(|(p, _)| PlacePath::parse(p)).unwrap_or(own))
    }

    /// The larger place that compares an area together with others, if any.
    pub async fn compared_above(&self, area: &PlacePath) -> Result<Option<PlacePath>> {
        let all = self.store.compared_places().await?;
        let above = all.iter().find(|(p, _)| p != area.as_str() && area.as_str().starts_with(p.as_str()));
        Ok(above.and_then(|(p, _)| PlacePath::parse(p)))
    }

    /// Writes an audit row in a transaction.
    pub async fn audit(&self, tx: &mut Tx, actor: &Actor, deed: Deed, subject: &str, detail: &str) -> Result<()> {
        tx.audit(self.store.vault(), self.row(actor, deed, subject, detail)).await?;
        Ok(())
    }

    /// The same, for what may also come from the command line.
    pub async fn audit_by(&self, tx: &mut Tx, by: Option<&Actor>, deed: Deed, subject: &str, detail: &str) -> Result<()> {
        match by {
            Some(actor) => self.audit(tx, actor, deed, subject, detail).await,
            None => {
                let row = NewAudit { at: self.now(), place: "", account: None, login: "命令行", deed, subject, detail };
                Ok(tx.audit(self.store.vault(), row).await?)
            }
        }
    }

    /// An audit row of its own, for what changes nothing else.
    pub async fn note(&self, actor: &Actor, deed: Deed, subject: &str, detail: &str) -> Result<()> {
        self.store.note(self.row(actor, deed, subject, detail)).await?;
        Ok(())
    }

    fn row<'a>(&self, actor: &'a Actor, deed: Deed, subject: &'a str, detail: &'a str) -> NewAudit<'a> {
        let place = actor.grants.first().map_or("", |g| g.path.as_str());
        NewAudit { at: self.now(), place, account: Some(actor.account), login: &actor.login, deed, subject, detail }
    }
}
