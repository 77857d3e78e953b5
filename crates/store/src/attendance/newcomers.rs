//! 名单外到校 (newcomers): children who came to a class and whom no list knew. 在校待建学籍

use baoxue_domain::access::Jurisdiction;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Row, SearchKind, Store, Tx, Vault, binds};

/// What was asked of a newcomer, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewcomerDetail {
    /// 姓名
    pub name: String,
    /// 性别
    #[serde(default)]
    pub sex: String,
    /// 出生日期
    #[serde(default)]
    pub birth_date: String,
    /// 证件号
    #[serde(default)]
    pub national_id: String,
    /// 监护人
    #[serde(default)]
    pub guardian: String,
    /// 监护人电话
    #[serde(default)]
    pub phone: String,
    /// 从哪里来
    #[serde(default)]
    pub from: String,
}

/// How it stands with a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewcomerState {
    /// 待建学籍: on no list yet.
    Waiting,
    /// 县里有: a child of the registers has this number.
    Known,
    /// 已入名册: on a roster that the next comparison reads.
    Listed,
    /// 记错了
    Withdrawn,
}

impl NewcomerState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Known, Self::Listed, Self::Withdrawn];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Known => "known",
            Self::Listed => "listed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "在校待建学籍",
            Self::Known => "县内已有记录",
            Self::Listed => "已做成名册,待比对",
            Self::Withdrawn => "记错了",
        }
    }
}

/// A newcomer.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its number.
    pub id: i64,
    /// The class.
    pub class: String,
    /// The day on which it came.
    pub day: Date,
    /// What was said.
    pub detail: NewcomerDetail,
    /// A child of the registers with its number.
    pub child: Option<i64>,
    /// How it stands.
    pub state: NewcomerState,
    /// Who wrote it down.
    pub by: String,
    /// When.
    pub at: i64,
    /// Its version.
    pub version: i64,
}

/// What is written down of a newcomer.
pub struct NewNewcomer<'a> {
    /// The class.
    pub class: &'a str,
    /// The day.
    pub day: Date,
    /// 128 random bits of the page.
    pub key: &'a str,
    /// What was said.
    pub detail: &'a NewcomerDetail,
    /// A child of the registers with its number.
    pub child: Option<i64>,
    /// When.
    pub at: i64,
    /// Who.
    pub by: i64,
}

const NEWCOMER: &str = "n.id, n.class_path, n.day, n.key, n.detail, n.child_id, n.state, a.name, n.recorded_at, n.version
                        FROM newcomer n LEFT JOIN account a ON a.id = n.recorded_by";

fn place(key: &str) -> String {
    format!("newcomer:{key}")
}

impl Store {
    fn newcomer_of(&self, r: &Row) -> Result<Newcomer> {
        let (day, state, key) = (r.text(2)?, r.text(6)?, r.text(3)?);
        let found = NewcomerState::ALL.into_iter().find(|s| s.code() == state);
        Ok(Newcomer {
            id: r.int(0)?,
            class: r.text(1)?,
            day: day.parse().map_err(|_| StoreError::unreadable("newcomer.day", &day))?,
            detail: serde_json::from_slice(&self.vault.open(&place(&key), &r.bytes(4)?)?).map_err(|_| StoreError::Damaged)?,
            child: r.opt_int(5)?,
            state: found.ok_or_else(|| StoreError::unreadable("newcomer.state", &state))?,
            by: r.opt_text(7)?.unwrap_or_default(),
            at: r.int(8)?,
            version: r.int(9)?,
        })
    }

    /// Newcomers of a jurisdiction since a day, those that wait first.
    pub async fn newcomers(&self, j: &Jurisdiction, since: Date, most: i64) -> Result<Vec<Newcomer>> {
        let mut c = Clause::new();
        c.inside(j, &[], &["n.class_path"]);
        let (since, most) = (c.bind(since), c.bind(most));
        let sql = format!(
            "SELECT {NEWCOMER}{} AND n.state <> 'withdrawn' AND (n.day >= {since} OR n.state IN ('waiting', 'known'))
             ORDER BY CASE n.state WHEN 'waiting' THEN 0 WHEN 'known' THEN 1 ELSE 2 END, n.class_path, n.id LIMIT {most}",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| self.newcomer_of(r)).collect()
    }

    /// The child of the registers that has an identity number, wherever it is: whoever stands before the teacher is looked for everywhere.
    pub async fn child_with_id(&self, id: &str) -> Result<Option<i64>> {
        let kind = SearchKind::Id.code();
        let sql = "SELECT MIN(s.child_id), COUNT(*) FROM child_search s JOIN child c ON c.id = s.child_id WHERE s.kind = $1 AND s.token = $2 AND c.merged_into IS NULL";
        let row = self.one(sql, binds![kind, self.vault.token(kind, id)]).await?;
        row.map_or(Ok(None), |r| Ok(if r.int(1)? == 1 { r.opt_int(0)? } else { None }))
    }

    /// A newcomer of a jurisdiction.
    pub async fn newcomer(&self, id: i64, j: &Jurisdiction) -> Result<Option<Newcomer>> {
        let mut c = Clause::new();
        c.equal("n.id", id);
        c.inside(j, &[], &["n.class_path"]);
        self.one(&format!("SELECT {NEWCOMER}{}", c.sql()), c.values).await?.map(|r| self.newcomer_of(&r)).transpose()
    }
}

impl Tx {
    /// Writes a newcomer down; `None`: this key came before.
    pub async fn add_newcomer(&mut self, vault: &Vault, n: &NewNewcomer<'_>) -> Result<Option<i64>> {
        let plain = serde_json::to_vec(n.detail).map_err(|_| StoreError::Damaged)?;
        let sealed = vault.seal(&place(n.key), &plain)?;
        let state = if n.child.is_some() { NewcomerState::Known } else { NewcomerState::Waiting };
        let sql = "INSERT INTO newcomer (class_path, day, key, detail, child_id, state, recorded_at, recorded_by, version)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT DO NOTHING RETURNING id";
        let values = binds![n.class, n.day, n.key, sealed, n.child, state.code(), n.at, n.by];
        self.one(sql, values).await?.map(|r| r.int(0)).transpose()
    }

    /// A newcomer goes on; false: somebody was faster.
    pub async fn step_newcomer(&mut self, n: &Newcomer, to: NewcomerState, batch: Option<i64>) -> Result<bool> {
        let sql = "UPDATE newcomer SET state = $1, batch_id = COALESCE($2, batch_id), version = version + 1 WHERE id = $3 AND version = $4";
        Ok(self.run(sql, binds![to.code(), batch, n.id, n.version]).await? == 1)
    }
}
