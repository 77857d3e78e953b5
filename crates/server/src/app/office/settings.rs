//! 参数 ⚙ (settings): every name with its default, its bounds and what it means; dated values in the store.

use baoxue_domain::access::{Action, Actor};
use jiff::civil::Date;

use super::{Office, OfficeError, Result};

/// A setting that places may differ in.
pub struct Known {
    pub name: &'static str,
    pub label: &'static str,
    pub about: &'static str,
    pub default: &'static str,
    /// Bounds of a number; `None` for text.
    pub bounds: Option<(i64, i64)>,
}

/// All settings.
pub const KNOWN: &[Known] = &[
    Known {
        name: "bureau",
        label: "教育局名称",
        about: "写在台账和页面上,例如“青禾县教育科技局”",
        default: "县教育局",
        bounds: None,
    },
    Known {
        name: "deadline-days",
        label: "核实期限(工作日)",
        about: "交办后学校、村(社区)几个工作日内答复",
        default: "2",
        bounds: Some((1, 60)),
    },
    Known {
        name: "second-factor",
        label: "动态码(第二重验证)",
        about: "on:三员和县教育局经办人登录须输入动态码;off:不要求(只用于演示或内网试用)",
        default: "on",
        bounds: None,
    },
    Known {
        name: "idle-minutes",
        label: "无操作退出(分钟)",
        about: "登录后多久不操作须重新登录",
        default: "120",
        bounds: Some((5, 1440)),
    },
    Known {
        name: "session-hours",
        label: "登录有效(小时)",
        about: "一次登录最长有效多久",
        default: "12",
        bounds: Some((1, 720)),
    },
    Known {
        name: "lock-failures",
        label: "密码错几次锁定",
        about: "连续输错密码达到次数后锁定 15 分钟",
        default: "5",
        bounds: Some((3, 20)),
    },
];

/// A setting by its name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|k| k.name == name)
}

impl Office {
    /// The value in force today.
    pub async fn setting(&self, name: &str) -> Result<String> {
        let default = known(name).map_or("", |k| k.default);
        Ok(self.store.setting(name, self.clock.today()).await?.unwrap_or_else(|| default.to_owned()))
    }

    /// A number in force today.
    pub async fn number(&self, name: &str) -> Result<i64> {
        let text = self.setting(name).await?;
        let default = || known(name).and_then(|k| k.default.parse().ok()).unwrap_or(0);
        Ok(text.parse().unwrap_or_else(|_| default()))
    }

    /// Sets a value from a day on, today at the earliest: what held before is on record.
    pub async fn set(&self, actor: &Actor, name: &str, value: &str, from: Date) -> Result<()> {
        actor.jurisdiction(Action::ManageSettings)?;
        let k = known(name).ok_or(OfficeError::NotFound)?;
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
        tx.set(name, value, from, self.now(), Some(actor.account)).await?;
        self.audit(&mut tx, actor, "set", &format!("setting:{name}"), &format!("{value},自 {from} 起")).await?;
        tx.commit().await?;
        Ok(())
    }
}
