//! 点名册 (registers): a taken register names those who were not there; a correction is a new version, and the old one stays readable.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_domain::attendance::{Check, Mark};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Jurisdiction, Row, Store, Tx, Vault, binds};

/// What was noted of a mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkDetail {
    /// 备注
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// 症状
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub symptom: String,
    /// 去向, of whoever did not come on the first day
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub whereabouts: String,
    /// Who said what, where two disagree.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other: String,
}

impl MarkDetail {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.note.is_empty() && self.symptom.is_empty() && self.whereabouts.is_empty() && self.other.is_empty()
    }
}

/// A mark of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRow {
    /// What.
    pub mark: Mark,
    /// Two devices said different things.
    pub doubtful: bool,
    /// What was noted.
    pub detail: MarkDetail,
}

/// A register as it stands.
#[derive(Debug, Clone)]
pub struct Register {
    /// Its number.
    pub id: i64,
    /// The class, as it is called now.
    pub class: String,
    /// Of which day.
    pub day: Date,
    /// Which check.
    pub check: Check,
    /// The list that was expected.
    pub list: i64,
    /// Of how many.
    pub size: i64,
    /// Its version, from 1.
    pub version: i64,
    /// When it was taken first.
    pub taken_at: i64,
    /// By whom.
    pub taken_by: String,
    /// When it was changed last.
    pub changed_at: i64,
}

/// What of a register is written down anew.
#[derive(Debug, Clone)]
pub struct NewRegister<'a> {
    /// The class.
    pub class: i64,
    /// Of which day.
    pub day: Date,
    /// Which check.
    pub check: Check,
    /// The list.
    pub list: i64,
    /// 128 random bits of where it was taken.
    pub key: &'a str,
    /// Who.
    pub by: i64,
    /// When.
    pub at: i64,
    /// By the phone's clock.
    pub phone_at: Option<i64>,
    /// The offline device that took it.
    pub device: Option<i64>,
    /// Of what was said.
    pub digest: &'a str,
    /// Nothing of it is to be warned of.
    pub assessed: bool,
}

/// What was recorded under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterKey {
    /// The register.
    pub register: i64,
    /// The version that it made.
    pub version: i64,
    /// Who.
    pub by: i64,
    /// Of what was said.
    pub digest: String,
}

/// How many of a class were what at a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterCount {
    /// The class.
    pub class: String,
    /// Which check.
    pub check: Check,
    /// Expected.
    pub size: i64,
    /// Number of those with each mark; the others were there.
    pub marks: BTreeMap<Mark, i64>,
    /// Marks on which two devices disagree.
    pub doubtful: i64,
}

const COLUMNS: &str = "r.id, k.path, r.day, r.part, r.list_id, l.size, r.version, r.taken_at, a.name, r.changed_at";

fn detail_place(register: i64, child: i64) -> String {
    format!("register:{register}:{child}")
}

fn mark_of(r: &Row, i: usize) -> Result<Mark> {
    let n = r.int(i)?;
    Mark::of_number(n).ok_or_else(|| StoreError::unreadable("register_mark.mark", &n.to_string()))
}

fn check_of(r: &Row, i: usize) -> Result<Check> {
    let n = r.int(i)?;
    Check::of_number(n).ok_or_else(|| StoreError::unreadable("register.part", &n.to_string()))
}

fn day_of(r: &Row, i: usize) -> Result<Date> {
    let text = r.text(i)?;
    text.parse().map_err(|_| StoreError::unreadable("register.day", &text))
}

fn register(r: &Row) -> Result<Register> {
    Ok(Register {
        id: r.int(0)?,
        class: r.text(1)?,
        day: day_of(r, 2)?,
        check: check_of(r, 3)?,
        list: r.int(4)?,
        size: r.int(5)?,
        version: r.int(6)?,
        taken_at: r.int(7)?,
        taken_by: r.opt_text(8)?.unwrap_or_default(),
        changed_at: r.int(9)?,
    })
}

/// Any number that nothing else locks.
const CLASS_LOCK: i64 = 0x726f_6c6c;

fn list_text(children: &BTreeSet<i64>) -> String {
    children.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

fn list_digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

fn members(text: &str) -> Vec<i64> {
    text.split(',').filter_map(|n| n.parse().ok()).collect()
}

impl Store {
    /// A register, as it stands now.
    pub async fn register(&self, class: &str, day: Date, check: Check) -> Result<Option<Register>> {
        // by its class and not by its day, on which all classes have registers: SQLite takes the tables of a CROSS JOIN in their order
        let sql = format!(
            "SELECT {COLUMNS} FROM roll_class k CROSS JOIN register r JOIN roll_list l ON l.id = r.list_id LEFT JOIN account a ON a.id = r.taken_by
             WHERE k.path = $1 AND r.class_id = k.id AND r.day = $2 AND r.part = $3 ORDER BY r.class_id DESC LIMIT 1"
        );
        self.one(&sql, binds![class, day, check.number()]).await?.map(|r| register(&r)).transpose()
    }

    /// What was recorded under a key.
    pub async fn register_of_key(&self, key: &str) -> Result<Option<RegisterKey>> {
        let sql = "SELECT id, CAST(1 AS BIGINT), taken_by, digest FROM register WHERE key = $1
                   UNION ALL SELECT register_id, version, taken_by, digest FROM register_version WHERE key = $1";
        let of = |r: &Row| Ok(RegisterKey { register: r.int(0)?, version: r.int(1)?, by: r.int(2)?, digest: r.text(3)? });
        self.one(sql, binds![key]).await?.map(|r| of(&r)).transpose()
    }

    /// Where a roll begins: the register that stands, and what was recorded under its key.
    pub async fn roll_begins(
        &self,
        class: &str,
        (day, check): (Date, Check),
        key: &str,
    ) -> Result<(Option<Register>, Option<RegisterKey>)> {
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT COUNT(*) FROM register x WHERE x.key = $4) + (SELECT COUNT(*) FROM register_version v WHERE v.key = $4)
             FROM (SELECT CAST(1 AS BIGINT) AS one) o LEFT JOIN roll_class k ON k.id = (SELECT MAX(id) FROM roll_class WHERE path = $1)
             LEFT JOIN register r ON r.class_id = k.id AND r.day = $2 AND r.part = $3
             LEFT JOIN roll_list l ON l.id = r.list_id LEFT JOIN account a ON a.id = r.taken_by"
        );
        let Some(row) = self.one(&sql, binds![class, day, check.number(), key]).await? else { return Ok((None, None)) };
        let standing = if row.opt_int(0)?.is_some() { Some(register(&row)?) } else { None };
        // a key that came before is rare, and asked for by itself
        let known = if row.int(10)? > 0 { self.register_of_key(key).await? } else { None };
        Ok((standing, known))
    }

    /// Which offline device made each version of a register after one; nothing for a computer.
    pub async fn makers_after(&self, r: &Register, version: i64) -> Result<Vec<Option<i64>>> {
        let sql = "SELECT 1, device_id FROM register WHERE id = $1 AND $2 < 1
                   UNION ALL SELECT version, device_id FROM register_version WHERE register_id = $1 AND version > $2 ORDER BY 1";
        self.all(sql, binds![r.id, version]).await?.iter().map(|r| r.opt_int(1)).collect()
    }

    /// Registers whose warnings are still to be made what they say, written before a time: number, class.
    pub async fn unassessed_registers(&self, before: i64, most: i64) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT r.id, k.path FROM register r JOIN roll_class k ON k.id = r.class_id WHERE r.assessed = 0 AND r.changed_at < $1 ORDER BY r.id LIMIT $2";
        self.all(sql, binds![before, most]).await?.iter().map(|r| Ok((r.int(0)?, r.text(1)?))).collect()
    }

    /// Children of whom a register says anything, at any version.
    pub async fn named_in_register(&self, register: i64) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT child_id FROM register_mark WHERE register_id = $1 ORDER BY child_id";
        self.all(sql, binds![register]).await?.iter().map(|r| r.int(0)).collect()
    }

    /// Children of classes below a path who were missing without a reason since a day.
    pub async fn missed_children(&self, below: &str, since: Date) -> Result<Vec<i64>> {
        let mut c = Clause::new();
        c.below("k.path", below);
        let since = c.bind(since);
        let sql = format!(
            "SELECT DISTINCT COALESCE(h.merged_into, h.id) FROM roll_class k JOIN register r ON r.class_id = k.id JOIN register_mark m ON m.register_id = r.id
             JOIN child h ON h.id = m.child_id{} AND r.day >= {since} AND m.mark IN ({}, {}) ORDER BY 1",
            c.sql(),
            Mark::Unexplained.number(),
            Mark::SentHome.number()
        );
        self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect()
    }

    /// Registers of classes from a day to another, the earliest first.
    pub async fn registers_of(&self, classes: &[String], from: Date, to: Date) -> Result<Vec<Register>> {
        let mut out = Vec::new();
        for some in classes.chunks(500) {
            let mut c = Clause::new();
            c.one_of("k.path", some.iter());
            let (from, to) = (c.bind(from), c.bind(to));
            let sql = format!(
                "SELECT {COLUMNS} FROM register r JOIN roll_class k ON k.id = r.class_id JOIN roll_list l ON l.id = r.list_id LEFT JOIN account a ON a.id = r.taken_by{}
                 AND r.day >= {from} AND r.day <= {to} ORDER BY r.day, r.part",
                c.sql()
            );
            out.extend(self.all(&sql, c.values).await?.iter().map(register).collect::<Result<Vec<_>>>()?);
        }
        Ok(out)
    }

    /// Which rolls of classes were taken from a day to another, and of which list: class, day, check, list.
    pub async fn taken_of(&self, classes: &[String], from: Date, to: Date) -> Result<Vec<(String, Date, Check, i64)>> {
        let mut out = Vec::new();
        for some in classes.chunks(500) {
            let mut c = Clause::new();
            c.one_of("k.path", some.iter());
            let (from, to) = (c.bind(from), c.bind(to));
            // from the classes to their registers
            let sql = format!(
                "SELECT k.path, r.day, r.part, r.list_id FROM roll_class k CROSS JOIN register r{} AND r.class_id = k.id AND r.day >= {from} AND r.day <= {to}",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                out.push((r.text(0)?, day_of(&r, 1)?, check_of(&r, 2)?, r.int(3)?));
            }
        }
        Ok(out)
    }

    /// Who was not there, as of a version of a register.
    pub async fn marks_at(&self, r: &Register, version: i64) -> Result<BTreeMap<i64, MarkRow>> {
        let sql = "SELECT child_id, mark, doubtful, detail FROM register_mark WHERE register_id = $1 AND version <= $2 ORDER BY version";
        let mut out = BTreeMap::new();
        for row in self.all(sql, binds![r.id, version]).await? {
            let child = row.int(0)?;
            let detail = self.detail_of(r.id, child, row.opt_bytes(3)?)?;
            out.insert(child, MarkRow { mark: mark_of(&row, 1)?, doubtful: row.int(2)? == 1, detail });
        }
        out.retain(|_, m| m.mark != Mark::Present || m.doubtful);
        Ok(out)
    }

    /// Who took which version of a register when.
    pub async fn versions_of(&self, r: &Register) -> Result<Vec<(i64, String, i64)>> {
        let sql = "SELECT v.version, a.name, v.taken_at FROM register_version v LEFT JOIN account a ON a.id = v.taken_by WHERE v.register_id = $1 ORDER BY 1";
        let later = self.all(sql, binds![r.id]).await?;
        let mut out = vec![(1, r.taken_by.clone(), r.taken_at)];
        for v in later {
            out.push((v.int(0)?, v.opt_text(1)?.unwrap_or_default(), v.int(2)?));
        }
        Ok(out)
    }

    /// Lists of those expected.
    pub async fn roll_lists(&self, ids: impl IntoIterator<Item = i64>) -> Result<FxHashMap<i64, Vec<i64>>> {
        let ids: Vec<i64> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut out = FxHashMap::default();
        for some in ids.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("id", some.iter().copied());
            for r in self.all(&format!("SELECT id, members FROM roll_list{}", c.sql()), c.values).await? {
                out.insert(r.int(0)?, members(&r.text(1)?));
            }
        }
        Ok(out)
    }

    /// Numbers under which children were known before they turned out to be one: the old one and the one that stays.
    pub async fn former_numbers(&self, children: &[i64]) -> Result<Vec<(i64, i64)>> {
        let mut out = Vec::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("merged_into", some.iter().copied());
            for r in self.all(&format!("SELECT id, merged_into FROM child{}", c.sql()), c.values).await? {
                out.push((r.int(0)?, r.int(1)?));
            }
        }
        Ok(out)
    }

    /// Newest marks of children since a day: child, day, check, mark, and the class of the register. What was marked under a number that was merged away counts for the child that
    /// stays; whoever was there has no row.
    pub async fn marks_of_children(
        &self,
        children: &[i64],
        former: &[(i64, i64)],
        from: Date,
    ) -> Result<Vec<(i64, Date, Check, Mark, String)>> {
        let mut out = Vec::new();
        let now: FxHashMap<i64, i64> = former.iter().copied().collect();
        let all: Vec<i64> = children.iter().copied().chain(former.iter().map(|f| f.0)).collect();
        for some in all.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("m.child_id", some.iter().copied());
            let from = c.bind(from);
            // from the children to their registers, and not from all registers since a day
            let sql = format!(
                "SELECT m.child_id, r.day, r.part, m.mark, k.path FROM register_mark m CROSS JOIN register r CROSS JOIN roll_class k{}
                   AND r.id = m.register_id AND k.id = r.class_id AND r.day >= {from} AND m.version = (SELECT MAX(n.version) FROM register_mark n WHERE n.register_id = m.register_id AND n.child_id = m.child_id)
                 ORDER BY r.day, r.part",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                let child = r.int(0)?;
                let child = now.get(&child).copied().unwrap_or(child);
                out.push((child, day_of(&r, 1)?, check_of(&r, 2)?, mark_of(&r, 3)?, r.text(4)?));
            }
        }
        out.sort_by_key(|m| (m.1, m.2.number()));
        Ok(out)
    }

    /// Children marked as missing without a reason on a day, with their class and check, of whom no warning tells of that day yet.
    pub async fn unexplained_on(&self, day: Date) -> Result<Vec<(i64, String, Check)>> {
        let sql = "SELECT DISTINCT m.child_id, k.path, r.part FROM register r JOIN roll_class k ON k.id = r.class_id JOIN register_mark m ON m.register_id = r.id
                   LEFT JOIN warning w ON w.child_id = m.child_id AND w.rule = 'consecutive' AND w.state = 'open' AND w.last_day = $1
                   WHERE r.day = $1 AND w.id IS NULL AND m.mark IN ($2, $3)
                     AND m.version = (SELECT MAX(n.version) FROM register_mark n WHERE n.register_id = m.register_id AND n.child_id = m.child_id)
                   ORDER BY m.child_id";
        let rows = self.all(sql, binds![day, Mark::Unexplained.number(), Mark::SentHome.number()]).await?;
        rows.iter().map(|r| Ok((r.int(0)?, r.text(1)?, check_of(r, 2)?))).collect()
    }

    /// Who goes to a class by the registers: number, verdict, and whether its file says that it has dropped out; and children of it, or of its warnings,
    /// of whom a warning is open or reaches into a day or later. One question: every roll asks it.
    pub async fn class_members(&self, class: &str, since: Date) -> Result<(Vec<(i64, String, bool)>, BTreeSet<i64>)> {
        let mut c = Clause::new();
        let since = c.bind(since);
        c.below("c.school_path", class);
        let stands = format!("w.state <> 'withdrawn' AND (w.state = 'open' OR w.last_day >= {since})");
        let members = format!(
            "SELECT c.id, c.verdict, (SELECT COUNT(*) FROM case_file k WHERE k.child_id = c.id AND k.confirmed = 1 AND k.state IN ('persuading', 'legal')),
               (SELECT COUNT(*) FROM warning w WHERE w.child_id = c.id AND {stands})
             FROM child c{} AND c.merged_into IS NULL AND c.gone_since_run IS NULL",
            c.sql()
        );
        let mut w = Clause::with(c.values);
        w.below("w.class_path", class);
        let sql = format!(
            "{members} UNION ALL SELECT w.child_id, '', CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM warning w{} AND {stands} ORDER BY 1",
            w.sql()
        );
        let (mut members, mut warned) = (Vec::new(), BTreeSet::new());
        for r in self.all(&sql, w.values).await? {
            let (child, verdict) = (r.int(0)?, r.text(1)?);
            if r.int(3)? > 0 {
                warned.insert(child);
            }
            if !verdict.is_empty() {
                members.push((child, verdict, r.int(2)? > 0));
            }
        }
        Ok((members, warned))
    }

    /// The class of a path and a list of its children, where they are known.
    pub async fn known_list(&self, class: &str, children: &BTreeSet<i64>) -> Result<Option<(i64, i64)>> {
        let sql = "SELECT k.id, l.id FROM roll_class k JOIN roll_list l ON l.class_id = k.id WHERE k.id = (SELECT MAX(id) FROM roll_class WHERE path = $1) AND l.digest = $2";
        self.one(sql, binds![class, list_digest(&list_text(children))]).await?.map(|r| Ok((r.int(0)?, r.int(1)?))).transpose()
    }

    /// Where children go to school: number and class.
    pub async fn classes_of_children(&self, children: &[i64]) -> Result<FxHashMap<i64, String>> {
        let mut out = FxHashMap::default();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("id", some.iter().copied());
            let sql = format!("SELECT id, school_path FROM child{} AND merged_into IS NULL AND school_path IS NOT NULL", c.sql());
            for r in self.all(&sql, c.values).await? {
                out.insert(r.int(0)?, r.text(1)?);
            }
        }
        Ok(out)
    }

    /// How registers of a day stand, of all classes of a jurisdiction.
    pub async fn register_counts(&self, j: &Jurisdiction, day: Date) -> Result<Vec<RegisterCount>> {
        let mut c = Clause::new();
        c.equal("r.day", day);
        c.inside(j, &[], &["k.path"]);
        let sql = format!(
            "SELECT k.path, r.part, l.size, m.mark, m.doubtful, COUNT(m.child_id) FROM register r JOIN roll_class k ON k.id = r.class_id JOIN roll_list l ON l.id = r.list_id
             LEFT JOIN register_mark m ON m.register_id = r.id
               AND m.version = (SELECT MAX(n.version) FROM register_mark n WHERE n.register_id = m.register_id AND n.child_id = m.child_id){}
             GROUP BY k.path, r.part, l.size, m.mark, m.doubtful ORDER BY k.path, r.part",
            c.sql()
        );
        let mut out: Vec<RegisterCount> = Vec::new();
        for r in self.all(&sql, c.values).await? {
            let (class, check, size) = (r.text(0)?, check_of(&r, 1)?, r.int(2)?);
            if !out.last().is_some_and(|l| l.class == class && l.check == check) {
                out.push(RegisterCount { class, check, size, marks: BTreeMap::new(), doubtful: 0 });
            }
            let (Some(last), Some(mark)) = (out.last_mut(), r.opt_int(3)?.and_then(Mark::of_number)) else { continue };
            if mark != Mark::Present {
                *last.marks.entry(mark).or_default() += r.int(5)?;
            }
            last.doubtful += if r.opt_int(4)? == Some(1) { r.int(5)? } else { 0 };
        }
        Ok(out)
    }

    /// Registers of school checks by day, of the classes of a jurisdiction: day, how many were taken, expected in them.
    pub async fn taken_by_day(&self, j: &Jurisdiction, from: Date, to: Date) -> Result<Vec<(Date, i64, i64)>> {
        let mut c = Clause::new();
        c.inside(j, &[], &["k.path"]);
        let (from, to) = (c.bind(from), c.bind(to));
        let sql = format!(
            "SELECT r.day, COUNT(*), CAST(SUM(l.size) AS BIGINT) FROM register r JOIN roll_class k ON k.id = r.class_id JOIN roll_list l ON l.id = r.list_id{}
             AND r.day >= {from} AND r.day <= {to} AND r.part NOT IN ({}, {}) GROUP BY r.day ORDER BY r.day",
            c.sql(),
            Check::Evening.number(),
            Check::Return.number()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((day_of(r, 0)?, r.int(1)?, r.int(2)?))).collect()
    }

    /// Marks of school checks by day, of the classes of a jurisdiction: day, mark, how many.
    pub async fn marked_by_day(&self, j: &Jurisdiction, from: Date, to: Date) -> Result<Vec<(Date, Mark, i64)>> {
        let mut c = Clause::new();
        c.inside(j, &[], &["k.path"]);
        let (from, to) = (c.bind(from), c.bind(to));
        let sql = format!(
            "SELECT r.day, m.mark, COUNT(*) FROM register r JOIN roll_class k ON k.id = r.class_id JOIN register_mark m ON m.register_id = r.id{}
             AND r.day >= {from} AND r.day <= {to} AND r.part NOT IN ({}, {}) AND m.mark <> 0
             AND m.version = (SELECT MAX(n.version) FROM register_mark n WHERE n.register_id = m.register_id AND n.child_id = m.child_id)
             GROUP BY r.day, m.mark ORDER BY r.day",
            c.sql(),
            Check::Evening.number(),
            Check::Return.number()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((day_of(r, 0)?, mark_of(r, 1)?, r.int(2)?))).collect()
    }

    /// Whoever was not there at checks of a day, of all classes of a jurisdiction: child, class, check, what.
    pub async fn marks_on(
        &self,
        j: &Jurisdiction,
        day: Date,
        check: Option<Check>,
    ) -> Result<Vec<(i64, String, Check, MarkRow)>> {
        let mut c = Clause::new();
        c.equal("r.day", day);
        if let Some(check) = check {
            c.equal("r.part", check.number());
        }
        c.inside(j, &[], &["k.path"]);
        let sql = format!(
            "SELECT m.child_id, k.path, r.part, m.mark, m.doubtful, m.detail, r.id FROM register r JOIN roll_class k ON k.id = r.class_id JOIN register_mark m ON m.register_id = r.id{}
             AND m.mark <> 0 AND m.version = (SELECT MAX(n.version) FROM register_mark n WHERE n.register_id = m.register_id AND n.child_id = m.child_id)
             ORDER BY k.path, r.part, m.child_id",
            c.sql()
        );
        let mut out = Vec::new();
        for r in self.all(&sql, c.values).await? {
            let (child, register) = (r.int(0)?, r.int(6)?);
            let detail = self.detail_of(register, child, r.opt_bytes(5)?)?;
            out.push((child, r.text(1)?, check_of(&r, 2)?, MarkRow { mark: mark_of(&r, 3)?, doubtful: r.int(4)? == 1, detail }));
        }
        Ok(out)
    }

    fn detail_of(&self, register: i64, child: i64, sealed: Option<Vec<u8>>) -> Result<MarkDetail> {
        let Some(sealed) = sealed else { return Ok(MarkDetail::default()) };
        let plain = self.vault.open(&detail_place(register, child), &sealed)?;
        serde_json::from_slice(&plain).map_err(|_| StoreError::Damaged)
    }

    /// Of these children those whose file says that they have dropped out: nobody expects them in class.
    pub async fn confirmed_away(&self, children: &[i64]) -> Result<BTreeSet<i64>> {
        let mut out = BTreeSet::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("child_id", some.iter().copied());
            let sql = format!("SELECT child_id FROM case_file{} AND confirmed = 1 AND state IN ('persuading', 'legal')", c.sql());
            for r in self.all(&sql, c.values).await? {
                out.insert(r.int(0)?);
            }
        }
        Ok(out)
    }
}

impl Tx {
    /// The number of a class, made where there is none: of two who take its first roll at once one makes it.
    pub async fn roll_class(&mut self, path: &str) -> Result<i64> {
        let sql = "SELECT id FROM roll_class WHERE path = $1 ORDER BY id DESC LIMIT 1";
        if let Some(r) = self.one(sql, binds![path]).await? {
            return r.int(0);
        }
        self.lock(CLASS_LOCK).await?;
        if let Some(r) = self.one(sql, binds![path]).await? {
            return r.int(0);
        }
        let row = self.one("INSERT INTO roll_class (path) VALUES ($1) RETURNING id", binds![path]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// The number of a list of children of a class, made where there is none.
    pub async fn roll_list(&mut self, class: i64, children: &BTreeSet<i64>, at: i64) -> Result<i64> {
        let text = list_text(children);
        let digest = list_digest(&text);
        let sql = "SELECT id FROM roll_list WHERE class_id = $1 AND digest = $2";
        if let Some(r) = self.one(sql, binds![class, &digest]).await? {
            return r.int(0);
        }
        let sql = "INSERT INTO roll_list (class_id, digest, members, size, made_at) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (class_id, digest) DO UPDATE SET digest = $2 RETURNING id";
        let row = self.one(sql, binds![class, &digest, text, children.len() as i64, at]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Begins a register; `None`: somebody has begun it, or this key came before.
    pub async fn add_register(&mut self, n: &NewRegister<'_>) -> Result<Option<i64>> {
        let sql = "INSERT INTO register (class_id, day, part, list_id, version, key, taken_at, taken_by, phone_at, changed_at, device_id, digest, assessed)
                   VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $6, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id";
        let values =
            binds![n.class, n.day, n.check.number(), n.list, n.key, n.at, n.by, n.phone_at, n.device, n.digest, n.assessed];
        self.one(sql, values).await?.map(|r| r.int(0)).transpose()
    }

    /// Makes a new version of a register, where it still is at the one before; false: somebody was faster, or this key came before.
    pub async fn add_register_version(&mut self, id: i64, before: i64, n: &NewRegister<'_>) -> Result<bool> {
        let sql = "UPDATE register SET version = version + 1, changed_at = $1, list_id = $2, assessed = $5 WHERE id = $3 AND version = $4";
        if self.run(sql, binds![n.at, n.list, id, before, n.assessed]).await? != 1 {
            return Ok(false);
        }
        let sql =
            "INSERT INTO register_version (register_id, version, list_id, key, taken_at, taken_by, phone_at, device_id, digest)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
        let values = binds![id, before + 1, n.list, n.key, n.at, n.by, n.phone_at, n.device, n.digest];
        Ok(self.run(sql, values).await? == 1)
    }

    /// The warnings of a register are what it says, unless it has a newer version.
    pub async fn register_assessed(&mut self, id: i64, changed_before: i64) -> Result<()> {
        self.run("UPDATE register SET assessed = 1 WHERE id = $1 AND changed_at <= $2", binds![id, changed_before]).await?;
        Ok(())
    }

    /// Writes marks of a version.
    pub async fn add_marks(&mut self, vault: &Vault, register: i64, version: i64, marks: &BTreeMap<i64, MarkRow>) -> Result<()> {
        if marks.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(marks.len());
        for (child, m) in marks {
            let detail = match m.detail.is_empty() {
                true => None,
                false => {
                    let plain = serde_json::to_vec(&m.detail).map_err(|_| StoreError::Damaged)?;
                    Some(vault.seal(&detail_place(register, *child), &plain)?)
                }
            };
            rows.push(binds![register, *child, version, m.mark.number(), m.doubtful, detail]);
        }
        self.insert_many("register_mark", &["register_id", "child_id", "version", "mark", "doubtful", "detail"], rows).await?;
        Ok(())
    }
}
