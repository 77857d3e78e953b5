//! 参数 ⚙ (settings): every name with its default, its bounds and what it means; dated values in the store.

use std::sync::{Arc, Mutex};

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_store::NewSetting;
use jiff::civil::Date;

use super::{Office, OfficeError, Result};
use crate::app::clock::Stopwatch;

/// A setting that places may differ in.
pub struct Known {
    pub name: &'static str,
    pub label: &'static str,
    pub about: &'static str,
    pub default: &'static str,
    /// Bounds of a number; `None` for text.
    pub bounds: Option<(i64, i64)>,
    /// Who sets it: rules of log-in are the security administrator's.
    pub action: Action,
}

/// Bounds of a question: 0 is no, 1 is yes.
const YES_OR_NO: Option<(i64, i64)> = Some((0, 1));

impl Known {
    pub fn is_question(&self) -> bool {
        self.bounds == YES_OR_NO
    }

    /// A value as people read it.
    pub fn shown<'v>(&self, value: &'v str) -> &'v str {
        match (self.is_question(), value) {
            (true, "0") => "否",
            (true, "1") => "是",
            _ => value,
        }
    }
}

/// All settings.
pub const KNOWN: &[Known] = &[
    Known {
        name: "bureau",
        label: "教育局名称",
        about: "写在台账和页面上,例如“青禾县教育科技局”",
        default: "县教育局",
        bounds: None,
        action: Action::ManageSettings,
    },
    Known {
        name: "deadline-days",
        label: "核实期限(工作日)",
        about: "交办后学校、村(社区)几个工作日内答复",
        default: "2",
        bounds: Some((1, 60)),
        action: Action::ManageSettings,
    },
    Known {
        name: "idle-minutes",
        label: "无操作退出(分钟)",
        about: "登录后多久不操作须重新登录",
        default: "30",
        bounds: Some((5, 30)),
        action: Action::ManageUsers,
    },
    Known {
        name: "session-hours",
        label: "登录有效(小时)",
        about: "一次登录最长有效多久",
        default: "12",
        bounds: Some((1, 12)),
        action: Action::ManageUsers,
    },
    Known {
        name: LEARN,
        label: "权重从人工认定学习",
        about: "否:认定只约束它说到的那几对;是:各项证据的分量也从认定中学习,用了的比对会写明",
        default: "0",
        bounds: YES_OR_NO,
        action: Action::ManageSettings,
    },
];

/// Whether what people said of pairs teaches the weights.
pub const LEARN: &str = "learn-from-decisions";

/// A setting by its name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|k| k.name == name)
}

/// How long values are kept before the database is asked again: another process may have set one.
const KEPT_MS: u128 = 2_000;

/// Values in force, kept for a moment: every page asks for several.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Option<Values>>>);

struct Values {
    read: Stopwatch,
    day: Date,
    /// Place, name, value.
    all: Vec<(String, String, String)>,
}

impl Values {
    /// The value of the nearest place. Where no place is known (a log-in page) that of the installation, or the only one that there is.
    fn find(&self, name: &str, at: Option<&PlacePath>) -> Option<String> {
        let of: Vec<&(String, String, String)> = self.all.iter().filter(|v| v.1 == name).collect();
        let at = at.map(|p| p.county().unwrap_or_else(|| p.clone()));
        let fitting = |scope: &str| scope.is_empty() || at.as_ref().is_some_and(|p| p.as_str().starts_with(scope));
        let nearest = of.iter().filter(|v| fitting(&v.0)).max_by_key(|v| v.0.len());
        let only = || (at.is_none() && of.len() == 1).then(|| &of[0]);
        nearest.or_else(only).map(|v| v.2.clone())
    }
}

impl Office {
    /// The value in force today at a place.
    pub async fn setting(&self, name: &str, at: Option<&PlacePath>) -> Result<String> {
        let default = known(name).map_or("", |k| k.default);
        let today = self.clock.today();
        let read = |kept: &Option<Values>| {
            let fresh = kept.as_ref().filter(|v| v.day == today && v.read.elapsed().as_millis() < KEPT_MS)?;
            Some(fresh.find(name, at).unwrap_or_else(|| default.to_owned()))
        };
        if let Some(known) = self.settings.0.lock().ok().and_then(|kept| read(&kept)) {
            return Ok(known);
        }
        let values = Values { read: Stopwatch::start(), day: today, all: self.store.settings_in_force(today).await? };
        let found = values.find(name, at).unwrap_or_else(|| default.to_owned());
        if let Ok(mut kept) = self.settings.0.lock() {
            *kept = Some(values);
        }
        Ok(found)
    }

    /// A number in force today at a place.
    pub async fn number(&self, name: &str, at: Option<&PlacePath>) -> Result<i64> {
        let text = self.setting(name, at).await?;
        let default = || known(name).and_then(|k| k.default.parse().ok()).unwrap_or(0);
        Ok(text.parse().unwrap_or_else(|_| default()))
    }

    /// The place for which a person sets values: the county of where she is, or a larger place.
    pub fn settings_place(&self, actor: &Actor, action: Action) -> Result<PlacePath> {
        let at = actor.places(action)?.into_iter().next().ok_or(OfficeError::NotFound)?;
        // a county's values hold for all of it
        Ok(at.county().unwrap_or(at))
    }

    /// Sets a value of one's place from a day on, today at the earliest: what held before is on record.
    pub async fn set(&self, actor: &Actor, name: &str, value: &str, from: Date) -> Result<()> {
        let k = known(name).ok_or(OfficeError::NotFound)?;
        let place = self.settings_place(actor, k.action)?;
        let value = value.trim();
        if let Some((least, most)) = k.bounds {
            let n: Option<i64> = value.parse().ok();
            if !n.is_some_and(|n| (least..=most).contains(&n)) {
                return Err(OfficeError::Input(format!("“{}”应为 {least} 到 {most} 之间的整数", k.label)));
            }
        } else if value.is_empty() || value.chars().count() > 40 {
            return Err(OfficeError::Input(format!("“{}”不能为空,也不要超过 40 字", k.label)));
        }
        if from < self.clock.today() {
            return Err(OfficeError::Input("生效日期不能早于今天:已经用过的参数不能改写".into()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_holds() {
        let value = |scope: &str, v: &str| (scope.to_owned(), "bureau".to_owned(), v.to_owned());
        let values =
            |all: Vec<(String, String, String)>| Values { read: Stopwatch::start(), day: Date::constant(2023, 9, 1), all };
        let at = |p: &str| PlacePath::parse(p);
        let v = values(vec![value("", "甲"), value("g/52/", "乙"), value("g/52/5288/528801/", "丙")]);
        for (place, expected) in [
            (at("g/52/5288/528801/528801100/"), "丙"),
            (at("e/528801/2152000001/3/"), "丙"),
            (at("g/52/5288/528802/"), "乙"),
            (at("g/53/"), "甲"),
            (None, "甲"),
        ] {
            assert_eq!(v.find("bureau", place.as_ref()).as_deref(), Some(expected), "{place:?}");
        }
        let one = values(vec![value("g/52/5288/528801/", "丙")]);
        assert_eq!(one.find("bureau", None).as_deref(), Some("丙"), "the only one of an installation stands on its log-in page");
        assert_eq!(one.find("bureau", at("g/53/").as_ref()), None);
        assert_eq!(one.find("x", None), None);
    }
}
