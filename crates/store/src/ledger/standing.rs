//! 认定和台账去留 (establishments and standings): what people established of children, and where these stand by the one rule of
//! `domain::ledger`. The table `standing` is computed: by day and by what was known when, so that a list of any day is one question.

use std::collections::BTreeMap;

use baoxue_domain::ledger::{
    Assessment, Effect, Establishment, Lapse, Standing, Stands, Tells, boundaries, conclusion_label, disposition, standing,
    valid_until,
};
use baoxue_domain::verdict::VerdictKind;
use jiff::civil::Date;

use crate::common::event::answer_place;
use crate::ground::error::{Result, StoreError};
use crate::{ChildRow, Clause, Row, Store, Subject, Tx, Value, Vault, binds};

/// Children of one question.
const CHILDREN_A_QUESTION: usize = 5_000;
/// Children whose standings are computed together.
const AT_ONCE: usize = 500;

/// An establishment as it is kept.
#[derive(Debug, Clone)]
pub struct Established {
    /// What the rule takes.
    pub rule: Establishment,
    /// The child.
    pub child: i64,
    /// The finding or case from which it came.
    pub subject: Subject,
    /// Code of the conclusion.
    pub conclusion: String,
    /// The unit that looked into it.
    pub unit_path: Option<String>,
    /// Name of who decided.
    pub recorded_by: Option<String>,
}

impl Established {
    /// Its Chinese name.
    pub fn label(&self) -> String {
        conclusion_label(&self.conclusion)
    }
}

/// An establishment to write down.
#[derive(Debug, Clone)]
pub struct NewEstablishment<'a> {
    /// The child.
    pub child: i64,
    /// The finding or case from which it comes.
    pub subject: Subject,
    /// Code of the conclusion: of a disposition, or one of those that clear nothing.
    pub conclusion: &'a str,
    /// The verdict that holds now.
    pub verdict: &'a str,
    /// From which day it holds.
    pub from: Date,
    /// The unit that looked into it.
    pub unit: Option<&'a str>,
    /// When.
    pub at: i64,
    /// Who.
    pub by: i64,
}

/// Everything that is known of where some children stand.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What runs found.
    pub assessments: Vec<Assessment>,
    /// What people established.
    pub establishments: Vec<Established>,
}

impl History {
    /// Where the child stands on a day, as it was known at a moment.
    pub fn stands(&self, day: Date, known_at: i64) -> Option<Stands> {
        standing(&self.assessments, &self.rules(), day, known_at)
    }

    fn rules(&self) -> Vec<Establishment> {
        self.establishments.iter().map(|e| e.rule).collect()
    }

    /// Why an establishment does not hold, if it does not.
    pub fn lapse(&self, e: &Establishment, day: Date, known_at: i64) -> Option<Lapse> {
        baoxue_domain::ledger::lapse(e, &self.assessments, day, known_at)
    }
}

fn date(text: &str) -> Result<Date> {
    text.parse().map_err(|_| StoreError::Damaged)
}

const ESTABLISHED: &str = "SELECT e.child_id, e.id, e.effect, e.conclusion, e.verdict, e.valid_from, e.valid_to, e.recorded_at, e.revoked_from,
                             e.revoked_at, e.subject_id, e.unit_path, a.name, e.subject_kind FROM establishment e LEFT JOIN account a ON a.id = e.recorded_by";

fn established(vault: &Vault, r: &Row) -> Result<Established> {
    let subject = Subject::find(&r.text(13)?, r.int(10)?).ok_or(StoreError::Damaged)?;
    let conclusion = vault.open_text(&answer_place(subject), &r.bytes(3)?)?;
    let revoked = match (r.opt_text(8)?, r.opt_int(9)?) {
        (Some(from), Some(at)) => Some((date(&from)?, at)),
        _ => None,
    };
    Ok(Established {
        child: r.int(0)?,
        rule: Establishment {
            id: r.int(1)?,
            effect: Effect::find(&r.text(2)?).ok_or(StoreError::Damaged)?,
            tells: disposition(&conclusion).map_or(Tells::AccountedFor, |d| d.tells),
            verdict: VerdictKind::find(&r.text(4)?).ok_or(StoreError::Damaged)?,
            valid_from: date(&r.text(5)?)?,
            valid_to: r.opt_text(6)?.map(|t| date(&t)).transpose()?,
            recorded_at: r.int(7)?,
            revoked,
        },
        subject,
        conclusion,
        unit_path: r.opt_text(11)?,
        recorded_by: r.opt_text(12)?,
    })
}

/// Questions that read what is known of children's standings: `$children` stands for a condition on `child_id`.
async fn histories(tx: &mut Tx, vault: &Vault, children: &[i64]) -> Result<BTreeMap<i64, History>> {
    let mut out: BTreeMap<i64, History> = BTreeMap::new();
    for part in children.chunks(AT_ONCE) {
        let mut c = Clause::new();
        c.one_of("e.child_id", part.iter().copied());
        let sql = format!("{ESTABLISHED}{} ORDER BY e.id", c.sql());
        for r in &tx.all(&sql, c.values).await? {
            let e = established(vault, r)?;
            out.entry(e.child).or_default().establishments.push(e);
        }
        let mut c = Clause::new();
        c.one_of("e.child_id", part.iter().copied());
        // an entry is void from the day on which a roster of its run was withdrawn
        let sql = format!(
            "SELECT e.child_id, e.id, e.verdict, e.effective_on, e.recorded_at,
               (SELECT MIN(b.withdrawn_at) FROM run_batch x JOIN batch b ON b.id = x.batch_id WHERE x.run_id = e.run_id)
             FROM ledger_entry e{} ORDER BY e.id",
            c.sql()
        );
        for r in &tx.all(&sql, c.values).await? {
            // a verdict of a version that this one no longer has says nothing
            let Some(verdict) = VerdictKind::find(&r.text(2)?) else { continue };
            out.entry(r.int(0)?).or_default().assessments.push(Assessment {
                id: r.int(1)?,
                verdict,
                effective_on: date(&r.text(3)?)?,
                recorded_at: r.int(4)?,
                void_at: r.opt_int(5)?,
            });
        }
    }
    Ok(out)
}

/// A row of the table: from which day, until which, where, by what.
type Segment = (String, Option<String>, Standing, Option<i64>);

/// Where a child stands by day, as it is known now: from the first establishment on.
fn segments(h: &History) -> Vec<Segment> {
    let rules = h.rules();
    let Some(first) = rules.iter().map(|e| e.valid_from).min() else { return Vec::new() };
    let days: Vec<Date> = boundaries(&h.assessments, &rules).into_iter().filter(|d| *d >= first).collect();
    let mut out: Vec<Segment> = Vec::new();
    for day in days {
        let Some(s) = standing(&h.assessments, &rules, day, i64::MAX) else { continue };
        // what the verdict says alone needs no row
        let (standing, by) = (s.standing, s.establishment.filter(|_| s.lapse.is_none()));
        if let Some(last) = out.last_mut().filter(|l| l.1.is_none()) {
            if (last.2, last.3) == (standing, by) {
                continue;
            }
            last.1 = Some(day.to_string());
        }
        if by.is_some() {
            out.push((day.to_string(), None, standing, by));
        }
    }
    out
}

impl Store {
    /// What is known of where a child stands.
    pub async fn history_of(&self, child: &ChildRow) -> Result<History> {
        Ok(self.histories(&[child.id]).await?.remove(&child.id).unwrap_or_default())
    }

    /// The same of many, for what the program itself does.
    pub async fn histories(&self, children: &[i64]) -> Result<BTreeMap<i64, History>> {
        let mut tx = self.snapshot().await?;
        histories(&mut tx, &self.vault, children).await
    }

    /// The same, of those among them of whom something was established.
    pub async fn histories_of_established(&self, children: &[i64]) -> Result<BTreeMap<i64, History>> {
        let mut established = Vec::new();
        for part in children.chunks(CHILDREN_A_QUESTION) {
            let mut c = Clause::new();
            c.one_of("child_id", part.iter().copied());
            let sql = format!("SELECT DISTINCT child_id FROM establishment{}", c.sql());
            for r in self.all(&sql, c.values).await? {
                established.push(r.int(0)?);
            }
        }
        self.histories(&established).await
    }

    /// Children of a place of whom something was established.
    pub async fn established_children(&self, scope: &str) -> Result<Vec<i64>> {
        let mut c = Clause::new();
        c.below("c.scope_path", scope);
        let sql =
            format!("SELECT DISTINCT e.child_id FROM establishment e JOIN child c ON c.id = e.child_id{} ORDER BY 1", c.sql());
        self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect()
    }

    /// The run that last wrote an entry of a child.
    pub async fn newest_run_of(&self, child: i64) -> Result<Option<i64>> {
        let sql = "SELECT run_id FROM ledger_entry WHERE child_id = $1 AND run_id IS NOT NULL ORDER BY id DESC LIMIT 1";
        self.one(sql, binds![child]).await?.map(|r| r.int(0)).transpose()
    }

    /// Recomputes all standings and says of which children they are not what the events say: there must be none.
    pub async fn wrong_standings(&self) -> Result<Vec<i64>> {
        let mut tx = self.snapshot().await?;
        let all = tx
            .all("SELECT DISTINCT child_id FROM establishment UNION SELECT DISTINCT child_id FROM standing ORDER BY 1", vec![])
            .await?;
        let all: Vec<i64> = all.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let mut wrong = Vec::new();
        for part in all.chunks(AT_ONCE) {
            let histories = histories(&mut tx, &self.vault, part).await?;
            let mut held = current(&mut tx, part).await?;
            for child in part {
                let wanted = histories.get(child).map(segments).unwrap_or_default();
                let has: Vec<Segment> = held.remove(child).unwrap_or_default().into_iter().map(|(_, s)| s).collect();
                if wanted != has {
                    wrong.push(*child);
                }
            }
        }
        // where the verdict decides, the child's own column is the newest entry's
        let sql =
            "SELECT c.id FROM child c JOIN ledger_entry e ON e.child_id = c.id WHERE e.verdict <> c.verdict AND NOT EXISTS (
                     SELECT 1 FROM ledger_entry n WHERE n.child_id = e.child_id
                       AND (n.effective_on > e.effective_on OR (n.effective_on = e.effective_on AND n.id > e.id))) ORDER BY 1";
        for r in tx.all(sql, vec![]).await? {
            wrong.push(r.int(0)?);
        }
        Ok(wrong)
    }

    /// What was cleared, by finding or case, and whose evidence has expired: of children of whom nothing newer was established and for whom
    /// nobody looks already.
    pub async fn expired_establishments(&self, today: Date) -> Result<Vec<Established>> {
        let sql = format!(
            "{ESTABLISHED} JOIN child c ON c.id = e.child_id
             WHERE e.valid_to <= $1 AND e.revoked_at IS NULL AND e.effect = 'cleared' AND c.gone_since_run IS NULL AND c.merged_into IS NULL
               AND NOT EXISTS (SELECT 1 FROM establishment n WHERE n.child_id = e.child_id AND n.id > e.id AND n.revoked_at IS NULL)
               AND NOT EXISTS (SELECT 1 FROM finding n WHERE n.child_id = e.child_id AND (n.state IN ('open', 'dispatched', 'answered')
                 OR (e.subject_kind = 'finding' AND n.id > e.subject_id)))
               AND NOT EXISTS (SELECT 1 FROM case_file k WHERE k.child_id = e.child_id
                 AND k.state IN ('verifying', 'persuading', 'legal', 'returned', 'follow-up')) ORDER BY e.id"
        );
        self.all(&sql, binds![today]).await?.iter().map(|r| established(&self.vault, r)).collect()
    }
}

/// What the table has now of children: number of the row, segment.
async fn current(tx: &mut Tx, children: &[i64]) -> Result<BTreeMap<i64, Vec<(i64, Segment)>>> {
    let mut c = Clause::new();
    c.one_of("child_id", children.iter().copied());
    c.add("known_to IS NULL");
    let sql = format!(
        "SELECT child_id, id, from_day, to_day, standing, establishment_id FROM standing{} ORDER BY from_day, id",
        c.sql()
    );
    let mut out: BTreeMap<i64, Vec<(i64, Segment)>> = BTreeMap::new();
    for r in tx.all(&sql, c.values).await? {
        let standing = Standing::find(&r.text(4)?).ok_or(StoreError::Damaged)?;
        out.entry(r.int(0)?).or_default().push((r.int(1)?, (r.text(2)?, r.opt_text(3)?, standing, r.opt_int(5)?)));
    }
    Ok(out)
}

impl Tx {
    /// Writes an establishment and says where the child stands now.
    pub async fn establish(&mut self, store: &Store, new: &NewEstablishment<'_>) -> Result<i64> {
        let d = disposition(new.conclusion);
        let effect = Effect::of_conclusion(new.conclusion);
        let until = d.and_then(|d| valid_until(d, new.from));
        let sealed = store.vault().seal_text(&answer_place(new.subject), new.conclusion)?;
        let sql = "INSERT INTO establishment (child_id, origin_child_id, subject_kind, subject_id, effect, conclusion, verdict, valid_from, valid_to,
                     unit_path, recorded_at, recorded_by) VALUES ($1, $1, $11, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
        let subject = new.subject;
        let values = binds![
            new.child,
            subject.id(),
            effect.code(),
            sealed,
            new.verdict,
            new.from,
            until,
            new.unit,
            new.at,
            new.by,
            subject.kind()
        ];
        let id = self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))?;
        self.project_standings(store, &[new.child], new.at).await?;
        Ok(id)
    }

    /// Takes back what was established by a finding or case and still holds. Says how many.
    pub async fn revoke_establishments(&mut self, store: &Store, subject: Subject, from: Date, at: i64, by: i64) -> Result<u64> {
        let of = "subject_kind = $1 AND subject_id = $2 AND revoked_at IS NULL";
        let sql = format!("SELECT DISTINCT child_id FROM establishment WHERE {of}");
        let children = self.all(&sql, binds![subject.kind(), subject.id()]).await?;
        let children: Vec<i64> = children.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let sql = format!("UPDATE establishment SET revoked_from = $3, revoked_at = $4, revoked_by = $5 WHERE {of}");
        let n = self.run(&sql, binds![subject.kind(), subject.id(), from, at, by]).await?;
        self.project_standings(store, &children, at).await?;
        Ok(n)
    }

    /// Computes anew where children stand, after something was written down of them at this moment.
    pub async fn project_standings(&mut self, store: &Store, children: &[i64], now: i64) -> Result<()> {
        let mut changed = false;
        for part in children.chunks(AT_ONCE) {
            let histories = histories(self, store.vault(), part).await?;
            let mut held = current(self, part).await?;
            let mut fresh: Vec<Vec<Value>> = Vec::new();
            let mut ended: Vec<i64> = Vec::new();
            for child in part {
                let wanted = histories.get(child).map(segments).unwrap_or_default();
                let has = held.remove(child).unwrap_or_default();
                ended.extend(has.iter().filter(|(_, s)| !wanted.contains(s)).map(|h| h.0));
                for s in wanted.into_iter().filter(|s| !has.iter().any(|h| h.1 == *s)) {
                    fresh.push(binds![*child, s.2.code(), s.3, s.0, s.1, now]);
                }
            }
            changed |= !ended.is_empty() || !fresh.is_empty();
            for some in ended.chunks(AT_ONCE) {
                let mut c = Clause::new();
                let now = c.bind(now);
                c.one_of("id", some.iter().copied());
                self.run(&format!("UPDATE standing SET known_to = {now}{}", c.sql()), c.values).await?;
            }
            let columns = ["child_id", "standing", "establishment_id", "from_day", "to_day", "known_from"];
            self.insert_many("standing", &columns, fresh).await?;
        }
        if changed {
            self.children_changed().await?;
        }
        Ok(())
    }
}
