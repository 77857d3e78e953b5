//! 儿童 (children): the ledgers' rows and a child's page, always inside the actor's jurisdiction.

use std::sync::{Arc, Mutex};

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::ledger::Standing;
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::VerdictKind;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{CaseFile, Clause, Established, Finding, Row, Store, Tx, Vault, binds};

/// The encrypted part of a child.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// 姓名
    pub name: String,
    /// 证件号
    pub national_id: String,
    /// 家长
    pub guardian: String,
    /// 电话
    pub phone: String,
    /// 现住址
    pub address: String,
    /// 户籍地址
    pub register_address: String,
    /// 学校
    pub school: String,
    /// 年级班级
    pub class: String,
    /// 在册来源
    pub sources: String,
}

/// Entries of a cache of counts: every person's filters, until children change.
const MAX_COUNTS: usize = 2_000;

type Counts = FxHashMap<String, Vec<(String, i64)>>;

/// Counts that hold until children change.
#[derive(Clone, Default)]
pub(crate) struct CountCache {
    held: Arc<Mutex<(i64, Counts)>>,
}

impl CountCache {
    fn get(&self, generation: i64, key: &str) -> Option<Vec<(String, i64)>> {
        let held = self.held.lock().ok()?;
        (held.0 == generation).then(|| held.1.get(key).cloned()).flatten()
    }

    fn keep(&self, generation: i64, key: String, counts: Vec<(String, i64)>) {
        if let Ok(mut held) = self.held.lock() {
            if held.0 != generation || held.1.len() >= MAX_COUNTS {
                *held = (generation, Counts::default());
            }
            held.1.insert(key, counts);
        }
    }
}

impl Tx {
    /// Says that children or places have changed: counts and names that were kept hold no longer.
    pub(crate) async fn children_changed(&mut self) -> Result<()> {
        self.run("UPDATE counter SET next = next + 1 WHERE name = 'generation'", vec![]).await?;
        Ok(())
    }
}

pub(crate) fn profile_place(child: i64) -> String {
    format!("child:{child}")
}

pub(crate) fn reason_place(child: i64) -> String {
    format!("reason:{child}")
}

impl Profile {
    pub(crate) fn seal(&self, vault: &Vault, child: i64) -> Result<Vec<u8>> {
        vault.seal(&profile_place(child), &serde_json::to_vec(self).map_err(|_| StoreError::Damaged)?)
    }

    fn open(vault: &Vault, child: i64, sealed: &[u8]) -> Result<Self> {
        serde_json::from_slice(&vault.open(&profile_place(child), sealed)?).map_err(|_| StoreError::Damaged)
    }
}

/// Numbers of one question: databases bind some 30,000 values.
const IDS_AT_ONCE: usize = 5_000;

/// Children whom a list walks past at most, before it looks them up by their place instead.
const FAR: i64 = 20_000;

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By verdict, then number.
    #[default]
    Verdict,
    /// Oldest first.
    BirthDate,
    /// By school.
    School,
    /// By residence.
    Residence,
    /// The newest change first.
    Since,
}

impl Order {
    /// The first two columns are the same in all rows of a list; PostgreSQL walks the index only if they are named.
    fn sql(self) -> &'static str {
        match self {
            Self::Verdict => "c.gone_since_run, c.merged_into, c.verdict, c.id",
            Self::BirthDate => "c.gone_since_run, c.merged_into, c.birth_date, c.id",
            Self::School => "c.gone_since_run, c.merged_into, c.school_path, c.id",
            Self::Residence => "c.gone_since_run, c.merged_into, c.residence_path, c.verdict, c.id",
            Self::Since => "c.gone_since_run, c.merged_into, c.verdict_since DESC, c.id",
        }
    }

    /// The columns that the order needs.
    fn columns(self) -> String {
        self.sql().replace(" DESC", "")
    }
}

/// Which children.
#[derive(Debug, Clone, Default)]
pub struct LedgerQuery {
    /// Only these verdicts; empty for all.
    pub verdicts: Vec<String>,
    /// Only below this path, in the line to which it belongs.
    pub below: Option<String>,
    /// Only born in this year.
    pub birth_year: Option<i64>,
    /// Only this sex.
    pub sex: Option<String>,
    /// Only in a grade that has one of these names, by the class in which they stand; empty for all.
    pub grade: Vec<String>,
    /// Only these children (a search).
    pub ids: Option<Vec<i64>>,
    /// As it was known to hold on a day.
    pub as_of: Option<AsOf>,
    /// Only those who stand on a ledger.
    pub listed: Option<Listed>,
    /// Those who vanished from every source instead of those who are there.
    pub gone: bool,
}

/// A day, and the moment at which it was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// The day.
    pub day: String,
    /// Epoch milliseconds.
    pub known_at: i64,
}

/// On which ledger, on which day (that of [`LedgerQuery::as_of`] where it is asked for).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// 疑似辍学台账, 辍学台账, 已核销.
    pub standing: Standing,
    /// Today.
    pub day: String,
}

/// A child on a list. A row comes from a look-up, and from nowhere else: it is the key to what hangs on the child.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChildRow {
    /// Its number.
    pub id: i64,
    /// Encrypted part.
    pub profile: Profile,
    /// 性别
    pub sex: Option<String>,
    /// 出生日期
    pub birth_date: Option<String>,
    /// Code of the verdict.
    pub verdict: String,
    /// Since when.
    pub verdict_since: String,
    /// Thousandths.
    pub certainty: i64,
    /// Where it lives.
    pub residence_path: Option<String>,
    /// Where it is registered.
    pub register_path: Option<String>,
    /// Where it goes to school.
    pub school_path: Option<String>,
    /// The run in which it was no longer there.
    pub gone_since_run: Option<i64>,
    /// 由别县负责: the county that answers for the child, where the one who asks sees it only by its register or school. What that
    /// county knows (family, telephone, addresses, reasons) is left out.
    pub held_by: Option<PlacePath>,
}

/// A list with how many there are in all.
#[derive(Debug, Clone)]
pub struct ChildPage {
    /// The rows of the page.
    pub rows: Vec<ChildRow>,
    /// All that fit.
    pub total: i64,
}

/// An entry of the ledger.
#[derive(Debug, Clone)]
pub struct LedgerRow {
    /// Code of the verdict.
    pub verdict: String,
    /// The reason sentence.
    pub reason: String,
    /// Another child's row that came closest, in words; empty where there is none.
    pub near_miss: String,
    /// Since when the verdict holds.
    pub since: String,
    /// From which day the entry holds.
    pub effective_on: String,
    /// When it was written down.
    pub recorded_at: i64,
    /// The run.
    pub run: Option<i64>,
}

/// Where a row of a child stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRowRef {
    /// The source.
    pub source: String,
    /// First 64 bits of the fingerprint.
    pub fingerprint: i64,
    /// The batch in which it was first seen.
    pub batch: i64,
}

/// 来源中消失: in no register any more, though none of those that told of the child was withdrawn.
const GONE: &str = "c.gone_since_run IS NOT NULL AND c.void_since_run IS NULL";

const COLUMNS: &str = "c.id, p.profile, c.sex, c.birth_date, c.verdict, c.verdict_since, c.certainty, c.residence_path, c.register_path, \
                       c.school_path, c.gone_since_run";

/// 当时所知 (as known then): children with the verdict, the places, the merges and the absences of a day, as they were known at a moment.
/// It stands in place of the table of children.
fn as_known(c: &mut Clause, at: &AsOf) -> String {
    let (day, known) = (c.bind(&at.day), c.bind(at.known_at));
    let then = |column: &str| format!("CASE WHEN h.id IS NULL THEN n.{column} ELSE h.{column} END AS {column}");
    let columns = ["residence_path", "register_path", "school_path", "gone_since_run", "merged_into"].map(then).join(", ");
    format!(
        "(SELECT n.id, n.sex, n.birth_date, n.certainty, n.void_since_run, k.verdict, k.since AS verdict_since, {columns}
          FROM child n
          JOIN ledger_entry k ON k.child_id = n.id AND k.effective_on <= {day} AND k.recorded_at <= {known} AND NOT EXISTS (
            SELECT 1 FROM ledger_entry l WHERE l.child_id = k.child_id AND l.effective_on <= {day} AND l.recorded_at <= {known}
              AND (l.effective_on > k.effective_on OR (l.effective_on = k.effective_on AND l.id > k.id)))
          LEFT JOIN child_past h ON h.child_id = n.id AND h.id = (
            SELECT MIN(p.id) FROM child_past p WHERE p.child_id = n.id AND p.replaced_at > {known})) c"
    )
}

/// The computed standings of a day: `SELECT s.child_id FROM …`.
fn standings(c: &mut Clause, q: &LedgerQuery, day: &str, standing: Option<Standing>) -> String {
    let at = c.bind(day);
    let known = match &q.as_of {
        Some(a) => {
            let k = c.bind(a.known_at);
            format!("s.known_from <= {k} AND (s.known_to IS NULL OR s.known_to > {k})")
        }
        None => "s.known_to IS NULL".to_owned(),
    };
    let only = standing.map(|s| format!(" AND s.standing = {}", c.bind(s.code()))).unwrap_or_default();
    format!(
        "SELECT s.child_id FROM standing s WHERE {known} AND s.from_day <= {at} AND (s.to_day IS NULL OR s.to_day > {at}){only}"
    )
}

/// Verdicts that put a child on a ledger, where nobody established otherwise.
fn verdicts_of(standing: Standing) -> impl Iterator<Item = &'static str> {
    VerdictKind::ALL.iter().filter(move |v| Standing::of_verdict(**v) == standing).map(|v| v.code())
}

/// Children who stand on a ledger: those whose verdict puts them there, but for whom something was established, and those whom that
/// puts there. A confirmed dropout stays when registers lose sight of the child.
fn listed(c: &mut Clause, q: &LedgerQuery, l: &Listed) -> String {
    let day = q.as_of.as_ref().map_or(l.day.clone(), |a| a.day.clone());
    let source = q.as_of.as_ref().map_or_else(|| "child c".to_owned(), |a| as_known(c, a));
    let there = if q.gone { GONE } else { "c.gone_since_run IS NULL" };
    let mut of = Clause::with(std::mem::take(&mut c.values));
    of.one_of("c.verdict", verdicts_of(l.standing));
    c.values = std::mem::take(&mut of.values);
    let any = standings(c, q, &day, None);
    let by_verdict = format!("SELECT c.* FROM {source}{} AND {there} AND c.id NOT IN ({any})", of.sql());
    // bound once more: each half is a question of its own
    let source = q.as_of.as_ref().map_or_else(|| "child c".to_owned(), |a| as_known(c, a));
    let these = standings(c, q, &day, Some(l.standing));
    let still = if l.standing == Standing::Dropout && !q.gone { "1 = 1" } else { there };
    format!("({by_verdict} UNION ALL SELECT c.* FROM {source} WHERE {still} AND c.id IN ({these})) c")
}

/// Government roots look at where a child lives and is registered, education roots at its school. Whoever sees every county that is
/// kept here sees every child: nothing need be asked of each.
pub(crate) fn inside(c: &mut Clause, sight: &Sight) {
    if let Sight::Part(jurisdiction) = sight {
        c.inside(jurisdiction, &["c.residence_path", "c.register_path"], &["c.school_path"]);
    }
}

/// How much of what is kept an actor sees.
pub(crate) enum Sight<'a> {
    /// Everything.
    Whole,
    /// What lies inside.
    Part(&'a Jurisdiction),
}

fn from_where(q: &LedgerQuery, sight: &Sight) -> (String, Clause) {
    let mut c = Clause::new();
    let from = match (&q.listed, &q.as_of) {
        (Some(l), _) => listed(&mut c, q, l),
        (None, Some(at)) => as_known(&mut c, at),
        (None, None) => "child c".to_owned(),
    };
    if !q.verdicts.is_empty() {
        c.one_of("c.verdict", &q.verdicts);
    }
    if let Some(path) = &q.below {
        if path.starts_with('e') {
            c.below("c.school_path", path);
        } else {
            c.below("c.residence_path", path);
        }
    }
    if let Some(year) = q.birth_year {
        let (a, b) = (c.bind(format!("{year:04}-01-01")), c.bind(format!("{year:04}-12-31")));
        c.add(format!("c.birth_date BETWEEN {a} AND {b}"));
    }
    if let Some(sex) = &q.sex {
        c.equal("c.sex", sex);
    }
    if !q.grade.is_empty() {
        let any: Vec<String> = q.grade.iter().map(|g| format!("c.school_path LIKE {}", c.bind(format!("e/%/%/{g}/%")))).collect();
        c.add(format!("({})", any.join(" OR ")));
    }
    if let Some(ids) = &q.ids {
        c.one_of("c.id", ids.iter().copied());
    }
    c.add("c.merged_into IS NULL");
    if q.listed.is_none() {
        c.add(if q.gone { GONE } else { "c.gone_since_run IS NULL" });
    }
    inside(&mut c, sight);
    (from, c)
}

/// The place one level below `at` in which a child lives, as SQL. Codes of one level have one length: 52, 5288, 528801, 528801100.
pub(crate) fn below_of(at: &PlacePath) -> String {
    let next = match at.depth() {
        0 => 2,
        1 => 4,
        2 => 6,
        3 => 9,
        _ => 12,
    };
    format!("substr(c.residence_path, 1, {})", at.as_str().len() + next + 1)
}

impl Store {
    /// The child of a row, as far as a jurisdiction may see it; `None` for what acts for no person or was asked for before.
    fn child_row(&self, r: &Row, j: Option<&Jurisdiction>) -> Result<ChildRow> {
        let id = r.int(0)?;
        let mut profile = Profile::open(&self.vault, id, &r.bytes(1)?)?;
        let home = r.opt_text(7)?.and_then(|p| PlacePath::parse(&p));
        let foreign = home.filter(|p| j.is_some_and(|j| !j.reaches_county_of(p)));
        let held_by = foreign.map(|p| p.county().unwrap_or(p));
        let mut paths = [r.opt_text(7)?, r.opt_text(8)?, r.opt_text(9)?];
        if let (Some(held), Some(j)) = (&held_by, j) {
            paths[0] = Some(held.to_string());
            for path in &mut paths[1..] {
                *path = path.take().filter(|p| j.covers(p));
            }
            profile.sources.clear();
            for known in [&mut profile.guardian, &mut profile.phone, &mut profile.address, &mut profile.register_address] {
                known.clear();
            }
        }
        let [residence, register, school] = paths;
        Ok(ChildRow {
            id,
            profile,
            held_by,
            sex: r.opt_text(2)?,
            birth_date: r.opt_text(3)?,
            verdict: r.text(4)?,
            verdict_since: r.text(5)?,
            certainty: r.int(6)?,
            residence_path: residence,
            register_path: register,
            school_path: school,
            gone_since_run: r.opt_int(10)?,
        })
    }

    /// Whether an actor sees all counties that are kept here.
    pub(crate) async fn sight<'a>(&self, j: &'a Jurisdiction) -> Result<Sight<'a>> {
        let scopes = self.all("SELECT DISTINCT scope_path FROM run", vec![]).await?;
        for s in &scopes {
            if !j.covers(&s.text(0)?) {
                return Ok(Sight::Part(j));
            }
        }
        Ok(if scopes.is_empty() { Sight::Part(j) } else { Sight::Whole })
    }

    /// A page of a list.
    pub async fn children(&self, q: &LedgerQuery, j: &Jurisdiction, order: Order, limit: i64, offset: i64) -> Result<ChildPage> {
        let mut counts = self.verdict_counts(q, j).await?;
        counts.retain(|(v, _)| q.verdicts.is_empty() || q.verdicts.contains(v));
        let total = counts.iter().map(|c| c.1).sum();
        let sight = self.sight(j).await?;
        let ids = match order {
            Order::Verdict if q.as_of.is_none() && q.listed.is_none() => {
                let everywhere = match q.below {
                    Some(_) => self.verdict_counts(&LedgerQuery { below: None, ..q.clone() }, j).await?,
                    None => Vec::new(),
                };
                self.page_by_verdict(q, &sight, counts, &everywhere, limit, offset).await?
            }
            _ => self.page_of_ids(q, &sight, order, q.below.is_some() || q.listed.is_some(), limit, offset).await?,
        };
        Ok(ChildPage { rows: self.in_order(q, j, &ids).await?, total })
    }

    /// A page by verdict, verdict by verdict: their counts say which of them lie on it. A database that is asked for several verdicts at once
    /// walks past all the others.
    async fn page_by_verdict(
        &self,
        q: &LedgerQuery,
        sight: &Sight<'_>,
        mut counts: Vec<(String, i64)>,
        everywhere: &[(String, i64)],
        limit: i64,
        mut offset: i64,
    ) -> Result<Vec<i64>> {
        counts.sort();
        let mut ids: Vec<i64> = Vec::new();
        for (verdict, n) in counts {
            let missing = limit - ids.len() as i64;
            if missing <= 0 {
                break;
            }
            if offset >= n {
                offset -= n;
                continue;
            }
            // of a place's children so many others have to be walked past to find a page of them
            let all = everywhere.iter().find(|e| e.0 == verdict).map_or(0, |e| e.1);
            let far = (offset + missing) * all / n > FAR;
            let of = LedgerQuery { verdicts: vec![verdict], ..q.clone() };
            ids.extend(self.page_of_ids(&of, sight, Order::Verdict, far, missing, offset).await?);
            offset = 0;
        }
        Ok(ids)
    }

    /// The numbers of a page's children. `far`: walking along the order's index would pass too many who do not fit.
    async fn page_of_ids(
        &self,
        q: &LedgerQuery,
        sight: &Sight<'_>,
        order: Order,
        far: bool,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<i64>> {
        let (from, mut c) = from_where(q, sight);
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        let sql = if far {
            // a place is found by its own index, which holds all that is asked for, and sorted afterwards
            let (columns, order) = (order.columns(), order.sql());
            format!(
                "WITH fit AS MATERIALIZED (SELECT {columns} FROM {from}{}) SELECT c.id FROM fit c ORDER BY {order} LIMIT {limit} OFFSET {offset}",
                c.sql()
            )
        } else {
            format!("SELECT c.id FROM {from}{} ORDER BY {} LIMIT {limit} OFFSET {offset}", c.sql(), order.sql())
        };
        self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect()
    }

    /// Children by their numbers, in this order, with the verdict of the day that was asked for.
    async fn in_order(&self, q: &LedgerQuery, j: &Jurisdiction, ids: &[i64]) -> Result<Vec<ChildRow>> {
        let mut c = Clause::new();
        let from = q.as_of.as_ref().map_or_else(|| "child c".to_owned(), |at| as_known(&mut c, at));
        c.one_of("c.id", ids.iter().copied());
        let sql = format!("SELECT {COLUMNS} FROM {from} JOIN child_profile p ON p.child_id = c.id{}", c.sql());
        let rows = self.all(&sql, c.values).await?;
        let mut found: FxHashMap<i64, ChildRow> = FxHashMap::default();
        for r in &rows {
            let child = self.child_row(r, Some(j))?;
            found.insert(child.id, child);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// All children of a question with the newest reason sentence of each, for an export.
    pub async fn children_with_reasons(
        &self,
        q: &LedgerQuery,
        j: &Jurisdiction,
        order: Order,
        limit: i64,
    ) -> Result<Vec<(ChildRow, String)>> {
        let sight = self.sight(j).await?;
        let (from, mut c) = from_where(q, &sight);
        let then = match &q.as_of {
            Some(at) => {
                let (day, known) = (c.bind(&at.day), c.bind(at.known_at));
                format!(" AND e.effective_on <= {day} AND e.recorded_at <= {known}")
            }
            None => String::new(),
        };
        let limit = c.bind(limit);
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT e.reason FROM ledger_entry e WHERE e.child_id = c.id{then} ORDER BY e.effective_on DESC, e.id DESC LIMIT 1)
             FROM {from} JOIN child_profile p ON p.child_id = c.id{} ORDER BY {} LIMIT {limit}",
            c.sql(),
            order.sql()
        );
        let rows = self.all(&sql, c.values).await?;
        rows.iter()
            .map(|r| {
                let child = self.child_row(r, Some(j))?;
                let reason = match r.opt_bytes(11)? {
                    Some(sealed) if child.held_by.is_none() => self.vault.open_text(&reason_place(child.id), &sealed)?,
                    _ => String::new(),
                };
                Ok((child, reason))
            })
            .collect()
    }

    /// Goes up whenever children or places change.
    pub(crate) async fn generation(&self) -> Result<i64> {
        let row = self.one("SELECT next FROM counter WHERE name = 'generation'", vec![]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// How many children of a jurisdiction stand under each verdict in each class (or school, where no class is known): path, verdict, number.
    pub async fn class_verdicts(&self, j: &Jurisdiction) -> Result<Vec<(String, String, i64)>> {
        let generation = self.generation().await?;
        let key = format!("classes {:?}", j.prefixes());
        let joined = match self.counts.get(generation, &key) {
            Some(known) => known,
            None => {
                let sight = self.sight(j).await?;
                let mut c = Clause::new();
                c.add("c.gone_since_run IS NULL AND c.merged_into IS NULL AND c.school_path IS NOT NULL");
                inside(&mut c, &sight);
                let sql = format!(
                    "SELECT c.school_path, c.verdict, COUNT(*) FROM child c{} GROUP BY c.school_path, c.verdict",
                    c.sql()
                );
                let rows = self.all(&sql, c.values).await?;
                let counts: Vec<(String, i64)> =
                    rows.iter().map(|r| Ok((format!("{}\t{}", r.text(0)?, r.text(1)?), r.int(2)?))).collect::<Result<_>>()?;
                self.counts.keep(generation, key, counts.clone());
                counts
            }
        };
        let parts =
            |(both, n): (String, i64)| both.split_once('\t').map(|(path, verdict)| (path.to_owned(), verdict.to_owned(), n));
        let mut out: Vec<(String, String, i64)> = joined.into_iter().filter_map(parts).collect();
        out.sort();
        Ok(out)
    }

    /// How many children stand under each verdict, whatever verdicts are asked for. The answer is kept until children change.
    pub async fn verdict_counts(&self, q: &LedgerQuery, j: &Jurisdiction) -> Result<Vec<(String, i64)>> {
        let generation = self.generation().await?;
        let q = LedgerQuery { verdicts: Vec::new(), ..q.clone() };
        let key = q.ids.is_none().then(|| format!("{q:?} {:?}", j.prefixes()));
        if let Some(known) = key.as_ref().and_then(|k| self.counts.get(generation, k)) {
            return Ok(known);
        }
        let sight = self.sight(j).await?;
        let (from, c) = from_where(&q, &sight);
        let sql = format!("SELECT c.verdict, COUNT(*) FROM {from}{} GROUP BY c.verdict", c.sql());
        let rows = self.all(&sql, c.values).await?;
        let counts: Vec<(String, i64)> = rows.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect::<Result<_>>()?;
        if let Some(key) = key {
            self.counts.keep(generation, key, counts.clone());
        }
        Ok(counts)
    }

    /// How many children who live in each place one level below `at` fit; an empty path where nobody knows where they live.
    pub async fn counts_by_place(&self, q: &LedgerQuery, j: &Jurisdiction, at: &PlacePath) -> Result<Vec<(String, i64)>> {
        let generation = self.generation().await?;
        let key = format!("by place {at} {q:?} {:?}", j.prefixes());
        if let Some(known) = self.counts.get(generation, &key) {
            return Ok(known);
        }
        let sight = self.sight(j).await?;
        let (from, c) = from_where(q, &sight);
        let sql = format!("SELECT {}, COUNT(*) FROM {from}{} GROUP BY 1", below_of(at), c.sql());
        let rows = self.all(&sql, c.values).await?;
        let counts: Vec<(String, i64)> =
            rows.iter().map(|r| Ok((r.opt_text(0)?.unwrap_or_default(), r.int(1)?))).collect::<Result<_>>()?;
        self.counts.keep(generation, key, counts.clone());
        Ok(counts)
    }

    /// Of these children those whom a jurisdiction sees and who are there, in the order given. Any number of them.
    pub async fn children_among(&self, ids: &[i64], j: &Jurisdiction) -> Result<Vec<ChildRow>> {
        let sight = self.sight(j).await?;
        let mut out = Vec::new();
        for part in ids.chunks(IDS_AT_ONCE) {
            let q = LedgerQuery { ids: Some(part.to_vec()), ..LedgerQuery::default() };
            let (from, c) = from_where(&q, &sight);
            let sql = format!("SELECT c.id FROM {from}{}", c.sql());
            let seen: rustc_hash::FxHashSet<i64> =
                self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
            let here: Vec<i64> = part.iter().copied().filter(|id| seen.contains(id)).collect();
            out.extend(self.in_order(&q, j, &here).await?);
        }
        Ok(out)
    }

    /// How many of these children a jurisdiction sees and are there.
    pub async fn count_among(&self, ids: &[i64], j: &Jurisdiction) -> Result<i64> {
        let sight = self.sight(j).await?;
        let mut n = 0;
        for part in ids.chunks(IDS_AT_ONCE) {
            let q = LedgerQuery { ids: Some(part.to_vec()), ..LedgerQuery::default() };
            let (from, c) = from_where(&q, &sight);
            let row = self.one(&format!("SELECT COUNT(*) FROM {from}{}", c.sql()), c.values).await?;
            n += row.map_or(Ok(0), |r| r.int(0))?;
        }
        Ok(n)
    }

    /// A child that one may see. One that was merged into another leads there.
    pub async fn child(&self, id: i64, j: &Jurisdiction) -> Result<Option<ChildRow>> {
        let mut at = id;
        // a chain of merges is short; a ring would be a bug, and must not hang
        for _ in 0..16 {
            let merged = self.one("SELECT merged_into FROM child WHERE id = $1", binds![at]).await?;
            match merged.map(|r| r.opt_int(0)).transpose()?.flatten() {
                Some(next) => at = next,
                None => break,
            }
        }
        let sight = self.sight(j).await?;
        let mut c = Clause::new();
        c.equal("c.id", at);
        inside(&mut c, &sight);
        let sql = format!("SELECT {COLUMNS} FROM child c JOIN child_profile p ON p.child_id = c.id{}", c.sql());
        self.one(&sql, c.values).await?.map(|r| self.child_row(&r, Some(j))).transpose()
    }

    /// Children by their numbers, for pages that have already asked whether one may see them. What another county knows is left out.
    pub async fn children_by_number(&self, ids: &[i64], j: &Jurisdiction) -> Result<Vec<ChildRow>> {
        self.children_numbered(ids, Some(j)).await
    }

    /// The children of findings that one may see: whoever looks into them has to know all of it.
    pub async fn children_of(&self, findings: &[Finding]) -> Result<Vec<ChildRow>> {
        self.children_numbered(&findings.iter().map(|f| f.child).collect::<Vec<_>>(), None).await
    }

    /// The child of whom something was established.
    pub async fn child_of(&self, e: &Established) -> Result<Option<ChildRow>> {
        Ok(self.children_numbered(&[e.child], None).await?.into_iter().next())
    }

    /// The child of a case that was looked up.
    pub async fn child_of_case(&self, k: &CaseFile) -> Result<Option<ChildRow>> {
        Ok(self.children_numbered(&[k.child], None).await?.into_iter().next())
    }

    /// Children of cases that were looked up.
    pub async fn children_of_cases(&self, cases: &[CaseFile]) -> Result<Vec<ChildRow>> {
        self.children_numbered(&cases.iter().map(|k| k.child).collect::<Vec<_>>(), None).await
    }

    pub(crate) async fn children_numbered(&self, ids: &[i64], j: Option<&Jurisdiction>) -> Result<Vec<ChildRow>> {
        let mut c = Clause::new();
        c.one_of("c.id", ids.iter().copied());
        let sql = format!("SELECT {COLUMNS} FROM child c JOIN child_profile p ON p.child_id = c.id{}", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| self.child_row(r, j)).collect()
    }

    /// The county that keeps a child in sight.
    pub async fn scope_of_child(&self, child: &ChildRow) -> Result<Option<String>> {
        let row = self.one("SELECT scope_path FROM child WHERE id = $1", binds![child.id]).await?;
        row.map(|r| r.text(0)).transpose()
    }

    /// Entries of the ledger about a child, the newest first.
    pub async fn ledger_of(&self, child: &ChildRow) -> Result<Vec<LedgerRow>> {
        let child = child.id;
        let sql = "SELECT verdict, reason, effective_on, recorded_at, run_id, near_miss, since FROM ledger_entry WHERE child_id = $1 ORDER BY effective_on DESC, id DESC";
        let row = |r: &Row| {
            Ok(LedgerRow {
                verdict: r.text(0)?,
                reason: self.vault.open_text(&reason_place(child), &r.bytes(1)?)?,
                effective_on: r.text(2)?,
                recorded_at: r.int(3)?,
                run: r.opt_int(4)?,
                near_miss: match r.opt_bytes(5)? {
                    Some(sealed) => self.vault.open_text(&reason_place(child), &sealed)?,
                    None => String::new(),
                },
                since: r.text(6)?,
            })
        };
        self.all(sql, binds![child]).await?.iter().map(row).collect()
    }

    /// Rows of the sources that are this child.
    pub async fn rows_of(&self, child: &ChildRow) -> Result<Vec<SourceRowRef>> {
        let sql = "SELECT source, fingerprint, batch_id FROM child_source WHERE child_id = $1 ORDER BY source, fingerprint";
        let row = |r: &Row| Ok(SourceRowRef { source: r.text(0)?, fingerprint: r.int(1)?, batch: r.int(2)? });
        self.all(sql, binds![child.id]).await?.iter().map(row).collect()
    }
}
