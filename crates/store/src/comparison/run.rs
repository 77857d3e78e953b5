//! 比对 (runs): what a comparison used and found, written in one transaction that touches only what has changed.

use std::sync::Arc;

use baoxue_domain::roster::SourceKind;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::task::JoinHandle;

use crate::ground::error::{Result, StoreError};
use crate::ledger::child::{Profile, reason_place};
use crate::ledger::search::{SearchKind, token, tokens_of};
use crate::{Clause, Jurisdiction, NewPair, OnMerge, Row, Store, Tx, Value, Vault, binds, columns_of_children};

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Being worked on; nothing of it is visible.
    Running,
    /// Its findings hold.
    Finished,
    /// Ended with a problem or stopped.
    Failed,
}

/// A comparison.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// The county.
    pub scope: String,
    /// State.
    pub state: RunState,
    /// Year in which the school year begins.
    pub school_year: i64,
    /// The day it speaks of.
    pub as_of: String,
    /// When it was asked for.
    pub started_at: i64,
    /// By whom.
    pub started_by: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// JSON: batches with digests.
    pub inputs: String,
    /// JSON: settings of the kernel and of the rules.
    pub settings: String,
    /// Version of the program.
    pub version: String,
    /// JSON: the figures.
    pub summary: Option<String>,
    /// Why it failed.
    pub problem: Option<String>,
    /// Whether a person said that many children may be gone.
    pub accepts_gone: bool,
    /// What it stopped to ask: a code.
    pub question: Option<String>,
}

/// A run to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// See [`Run`].
    pub scope: String,
    /// See [`Run`].
    pub school_year: i64,
    /// See [`Run`].
    pub as_of: String,
    /// Batches that it uses.
    pub batches: Vec<i64>,
    /// See [`Run`].
    pub inputs: String,
    /// See [`Run`].
    pub version: String,
    /// See [`Run`].
    pub accepts_gone: bool,
}

/// A child as the database has it before a run.
#[derive(Debug, Clone)]
pub struct KnownChild {
    /// Its number.
    pub id: i64,
    /// Digest of the profile, to see whether it changed.
    pub profile_digest: Vec<u8>,
    /// Token of the reason, to see whether it changed.
    pub reason_token: i64,
    /// Verdict of the run before.
    pub verdict: String,
    /// Since when that holds.
    pub verdict_since: String,
    /// In millionths… of trust in its links: thousandths.
    pub certainty: i64,
    /// Paths: residence, register, school.
    pub paths: [Option<String>; 3],
    /// The run in which it was no longer there.
    pub gone_since_run: Option<i64>,
}

/// A row of a source, across batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// The source.
    pub source: SourceKind,
    /// First 64 bits of the fingerprint.
    pub fingerprint: i64,
}

/// A child as a run found it.
#[derive(Debug, Clone)]
pub struct ChildRecord {
    /// Its permanent number.
    pub id: i64,
    /// What the database has of it; `None` for a new child.
    pub known: Option<KnownChild>,
    /// Encrypted part.
    pub profile: Profile,
    /// Syllables of the name, for search.
    pub syllables: Vec<String>,
    /// 男 or 女.
    pub sex: Option<String>,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Code of the verdict.
    pub verdict: String,
    /// The reason sentence.
    pub reason: String,
    /// Another child's row that came closest, in words; empty where there is none.
    pub near_miss: String,
    /// Thousandths.
    pub certainty: i64,
    /// Paths: residence, register, school.
    pub paths: [Option<String>; 3],
    /// Rows, with the batch in which each stands.
    pub rows: Vec<(SourceKey, i64)>,
}

/// Everything that a run writes.
pub struct RunResult<'a> {
    /// Children of the run: what is encrypted next is made ready while the database takes the last.
    pub children: &'a Arc<Vec<ChildRecord>>,
    /// Source rows as the database had them.
    pub known_sources: &'a FxHashMap<SourceKey, i64>,
    /// Merged and split children: child, other, `merged` or `split`.
    pub events: &'a [(i64, i64, &'static str)],
    /// Known children without a row in this run.
    pub gone: &'a [KnownChild],
    /// Of these, those of whom only withdrawn rosters ever told: they are not missed.
    pub void: &'a FxHashSet<i64>,
    /// Pairs for people.
    pub pairs: &'a [NewPair],
    /// JSON: the figures.
    pub summary: &'a str,
    /// JSON: settings.
    pub settings: &'a str,
    /// How the run came to its result: a piece of a page.
    pub report: &'a str,
}

/// What is kept of a child before it stands elsewhere, is gone, is back or is merged.
const PAST: [&str; 7] =
    ["child_id", "residence_path", "register_path", "school_path", "gone_since_run", "merged_into", "replaced_at"];
/// The same, as the child has it.
const FROM_CHILD: &str = "id, residence_path, register_path, school_path, gone_since_run, merged_into";

fn past_of(k: &KnownChild, now: i64) -> Vec<Value> {
    let [residence, register, school] = k.paths.clone();
    binds![k.id, residence, register, school, k.gone_since_run, None::<i64>, now]
}

/// Where the names of a run's rosters are sealed.
pub(crate) const RUN_ROSTERS: &str = "run";

const COLUMNS: &str = "id, scope_path, state, school_year, as_of, started_at, started_by, finished_at, rosters, settings, version, summary, problem, accepts_gone, question";

fn run(vault: &Vault, r: &Row) -> Result<Run> {
    let state = match r.text(2)?.as_str() {
        "running" => RunState::Running,
        "finished" => RunState::Finished,
        "failed" => RunState::Failed,
        other => return Err(StoreError::unreadable("run.state", other)),
    };
    Ok(Run {
        id: r.int(0)?,
        scope: r.text(1)?,
        state,
        school_year: r.int(3)?,
        as_of: r.text(4)?,
        started_at: r.int(5)?,
        started_by: r.int(6)?,
        finished_at: r.opt_int(7)?,
        inputs: vault.open_text(RUN_ROSTERS, &r.bytes(8)?)?,
        settings: r.text(9)?,
        version: r.text(10)?,
        summary: r.opt_text(11)?,
        problem: r.opt_text(12)?,
        accepts_gone: r.flag(13)?,
        question: r.opt_text(14)?,
    })
}

impl Store {
    /// A run of a county.
    pub async fn run(&self, scope: &str, id: i64) -> Result<Option<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE id = $1 AND scope_path = $2");
        self.one(&sql, binds![id, scope]).await?.map(|r| run(&self.vault, &r)).transpose()
    }

    /// The newest finished run of a county.
    pub async fn last_run(&self, scope: &str) -> Result<Option<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE scope_path = $1 AND state = 'finished' ORDER BY id DESC LIMIT 1");
        self.one(&sql, binds![scope]).await?.map(|r| run(&self.vault, &r)).transpose()
    }

    /// The newest finished run of a place, where rosters were loaded or withdrawn since: its number and day.
    pub async fn outdated_run(&self, scope: &str) -> Result<Option<(i64, String)>> {
        let last = self.one(
            "SELECT id, as_of FROM run WHERE scope_path = $1 AND state = 'finished' ORDER BY id DESC LIMIT 1",
            binds![scope],
        );
        let Some(last) = last.await? else { return Ok(None) };
        let (id, as_of) = (last.int(0)?, last.text(1)?);
        let mut c = Clause::new();
        let run = c.bind(id);
        c.below("b.scope_path", scope);
        let sql = format!(
            "SELECT b.id FROM batch b LEFT JOIN run_batch x ON x.batch_id = b.id AND x.run_id = {run}{}
               AND ((b.state = 'loaded' AND x.run_id IS NULL) OR (b.state <> 'loaded' AND x.run_id IS NOT NULL)) LIMIT 1",
            c.sql()
        );
        Ok(self.one(&sql, c.values).await?.map(|_| (id, as_of)))
    }

    /// How a run came to its result; runs of earlier versions have none.
    pub async fn run_report(&self, run: i64) -> Result<Option<String>> {
        self.one("SELECT body FROM run_report WHERE run_id = $1", binds![run]).await?.map(|r| r.text(0)).transpose()
    }

    /// Runs of a county, the newest first.
    pub async fn runs(&self, scope: &str, limit: i64) -> Result<Vec<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE scope_path = $1 ORDER BY id DESC LIMIT $2");
        self.all(&sql, binds![scope, limit]).await?.iter().map(|r| run(&self.vault, r)).collect()
    }

    /// The places that were compared, each with its newest run.
    pub async fn compared_places(&self) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT scope_path, MAX(id) FROM run WHERE state = 'finished' GROUP BY scope_path ORDER BY 1";
        self.all(sql, vec![]).await?.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect()
    }

    /// Places that are compared or being compared now, each with whether a run of it has finished, and its newest run.
    pub async fn places_with_runs(&self) -> Result<Vec<(String, bool, i64)>> {
        let sql =
            "SELECT scope_path, CAST(MAX(CASE WHEN state = 'finished' THEN 1 ELSE 0 END) AS BIGINT), MAX(id) FROM run WHERE state <> 'failed'
                   GROUP BY scope_path";
        self.all(sql, vec![]).await?.iter().map(|r| Ok((r.text(0)?, r.flag(1)?, r.int(2)?))).collect()
    }

    /// All children of a place and of all below it, without their encrypted part.
    pub async fn known_children(&self, scope: &str) -> Result<Vec<KnownChild>> {
        let mut c = Clause::new();
        c.below("scope_path", scope);
        c.add("merged_into IS NULL");
        let sql = format!(
            "SELECT id, profile_digest, verdict, certainty, residence_path, register_path, school_path, gone_since_run, reason_token, verdict_since
             FROM child JOIN child_profile ON child_id = id{}",
            c.sql()
        );
        let mut out = Vec::new();
        let take = |r: Row| {
            out.push(KnownChild {
                id: r.int(0)?,
                profile_digest: r.bytes(1)?,
                verdict: r.text(2)?,
                certainty: r.int(3)?,
                paths: [r.opt_text(4)?, r.opt_text(5)?, r.opt_text(6)?],
                gone_since_run: r.opt_int(7)?,
                reason_token: r.int(8)?,
                verdict_since: r.text(9)?,
            });
            Ok(())
        };
        self.snapshot().await?.each(&sql, c.values, take).await?;
        Ok(out)
    }

    /// Which row is which child, in a place and all below it.
    pub async fn known_sources(&self, scope: &str) -> Result<FxHashMap<SourceKey, i64>> {
        let mut c = Clause::new();
        c.below("scope_path", scope);
        let sql = format!("SELECT source, fingerprint, child_id FROM child_source{}", c.sql());
        let mut out = FxHashMap::default();
        let take = |r: Row| {
            // a source that this version no longer has has no rows in this run either
            if let Some(source) = SourceKind::find(&r.text(0)?) {
                out.insert(SourceKey { source, fingerprint: r.int(1)? }, r.int(2)?);
            }
            Ok(())
        };
        self.snapshot().await?.each(&sql, c.values, take).await?;
        Ok(out)
    }

    /// Children of a place and of all below it by the token of a kind: for children whose rows have all changed.
    pub async fn children_by_token(&self, scope: &str, kind: &str) -> Result<FxHashMap<i64, Option<i64>>> {
        let mut c = Clause::new();
        c.equal("s.kind", kind);
        c.below("c.scope_path", scope);
        c.add("c.merged_into IS NULL");
        let sql = format!(
            "SELECT s.token, MIN(s.child_id), COUNT(*) FROM child_search s JOIN child c ON c.id = s.child_id{} GROUP BY s.token",
            c.sql()
        );
        let mut out = FxHashMap::default();
        let take = |r: Row| {
            out.insert(r.int(0)?, (r.int(2)? == 1).then_some(r.int(1)?));
            Ok(())
        };
        self.snapshot().await?.each(&sql, c.values, take).await?;
        Ok(out)
    }

    /// Of these children those all of whose rows came with rosters that were withdrawn.
    pub async fn children_of_withdrawn_rosters(&self, ids: &[i64]) -> Result<FxHashSet<i64>> {
        let mut out = FxHashSet::default();
        for part in ids.chunks(IDS_AT_ONCE) {
            let mut c = Clause::new();
            c.one_of("s.child_id", part.iter().copied());
            let sql = format!(
                "SELECT s.child_id FROM child_source s JOIN batch b ON b.id = s.batch_id{} GROUP BY s.child_id
                 HAVING MIN(CASE WHEN b.state = 'withdrawn' THEN 1 ELSE 0 END) = 1",
                c.sql()
            );
            for r in self.all(&sql, c.values).await? {
                out.insert(r.int(0)?);
            }
        }
        Ok(out)
    }

    /// How many children changed in a run, by kind of change.
    pub async fn change_counts(&self, run: i64) -> Result<Vec<(String, i64)>> {
        let rows = self.all("SELECT change, COUNT(*) FROM run_change WHERE run_id = $1 GROUP BY change", binds![run]).await?;
        rows.iter().map(|r| Ok((r.text(0)?, r.int(1)?))).collect()
    }

    /// Children of a jurisdiction that changed in a run: child, verdict before, after.
    pub async fn changes(
        &self,
        run: i64,
        change: &str,
        j: &Jurisdiction,
        limit: i64,
    ) -> Result<Vec<(i64, Option<String>, Option<String>)>> {
        let mut c = Clause::new();
        c.equal("r.run_id", run);
        c.equal("r.change", change);
        crate::ledger::child::inside(&mut c, &self.sight(j).await?);
        let limit = c.bind(limit);
        let sql = format!(
            "SELECT r.child_id, r.verdict_before, r.verdict_after FROM run_change r JOIN child c ON c.id = r.child_id{} ORDER BY r.child_id LIMIT {limit}",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((r.int(0)?, r.opt_text(1)?, r.opt_text(2)?))).collect()
    }
}

/// What of a child is to be written, encrypted: the dear part, done on all cores.
struct Prepared {
    /// Where it changed: encrypted, and its digest.
    profile: Option<(Vec<u8>, Vec<u8>)>,
    search: Vec<(SearchKind, i64)>,
    reason_token: i64,
    /// Where the verdict or its reason changed: the reason, and what came closest.
    told: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Prepared {
    fn of(vault: &Vault, c: &ChildRecord) -> Result<Self> {
        let digest = profile_digest(vault, &c.profile, c);
        let reason_token = vault.token("reason", &format!("{}\n{}", c.reason, c.near_miss));
        let mut out = Self { profile: None, search: Vec::new(), reason_token, told: None };
        if c.known.as_ref().is_none_or(|k| k.profile_digest != digest) {
            let p = &c.profile;
            let phones: Vec<&str> = [p.phone.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
            let pieces = tokens_of(&p.name, &c.syllables, &p.national_id, &phones);
            out.search = pieces.into_iter().map(|(kind, text)| (kind, token(vault, kind, &text))).collect();
            out.profile = Some((p.seal(vault, c.id)?, digest));
        }
        if c.known.as_ref().is_none_or(|k| k.verdict != c.verdict || k.reason_token != reason_token) {
            let near = (!c.near_miss.is_empty()).then(|| vault.seal_text(&reason_place(c.id), &c.near_miss)).transpose()?;
            out.told = Some((vault.seal_text(&reason_place(c.id), &c.reason)?, near));
        }
        Ok(out)
    }
}

/// Makes the children from one on ready, beside whatever else is done.
fn prepare(store: &Store, children: &Arc<Vec<ChildRecord>>, from: usize) -> JoinHandle<Result<Vec<Prepared>>> {
    let (vault, children) = (store.vault().clone(), children.clone());
    tokio::task::spawn_blocking(move || {
        let part = &children[from.min(children.len())..(from + CHILDREN_AT_ONCE).min(children.len())];
        part.par_iter().map(|c| Prepared::of(&vault, c)).collect()
    })
}

/// From so many new children on, an empty installation's indexes are made after the rows.
const CHILDREN_WORTH_SORTING: usize = 1_000;
/// What a run fills.
const TABLES_OF_CHILDREN: [&str; 6] = ["child", "child_profile", "child_source", "child_search", "ledger_entry", "run_change"];
/// Children of one question.
const IDS_AT_ONCE: usize = 5_000;
/// Children whose rows are written together.
const CHILDREN_AT_ONCE: usize = 20_000;

/// Digest that tells whether a profile has changed.
pub(crate) fn profile_digest(store: &crate::Vault, p: &Profile, c: &ChildRecord) -> Vec<u8> {
    let json = serde_json::to_vec(p).unwrap_or_default();
    let plain = [c.sex.as_deref().unwrap_or(""), c.birth_date.as_deref().unwrap_or("")];
    store.audit_seal(&[b"profile", &json, plain[0].as_bytes(), plain[1].as_bytes()])
}

impl Store {
    /// Tells PostgreSQL how the tables look after a run, before its own keeper comes round: the first lists would be slow.
    pub async fn refresh_statistics(&self) -> Result<()> {
        if self.dialect() == crate::Dialect::Postgres {
            let mut tx = self.begin().await?;
            tx.run(
                "ANALYZE child, child_profile, child_source, child_search, ledger_entry, finding, task, review_pair, run_change",
                vec![],
            )
            .await?;
            tx.commit_untold("nothing changes").await?;
        }
        Ok(())
    }
}

impl Tx {
    /// Gives out `n` numbers of children; the first one.
    pub async fn child_numbers(&mut self, n: i64) -> Result<i64> {
        let row = self.one("UPDATE counter SET next = next + $1 WHERE name = 'child' RETURNING next", binds![n]).await?;
        Ok(row.map_or(Ok(0), |r| r.int(0))? - n)
    }

    /// Begins a run and gives its number.
    pub async fn start_run(&mut self, vault: &Vault, new: &NewRun, now: i64, by: i64) -> Result<i64> {
        let sql = "INSERT INTO run (scope_path, state, school_year, as_of, started_at, started_by, rosters, settings, version, accepts_gone)
                   VALUES ($1, 'running', $2, $3, $4, $5, $6, '', $7, $8) RETURNING id";
        let rosters = vault.seal_text(RUN_ROSTERS, &new.inputs)?;
        let values = binds![&new.scope, new.school_year, &new.as_of, now, by, rosters, &new.version, new.accepts_gone];
        let id = self.one(sql, values).await?.map_or(Ok(0), |r| r.int(0))?;
        let rows = new.batches.iter().map(|b| binds![id, *b]).collect();
        self.insert_many("run_batch", &["run_id", "batch_id"], rows).await?;
        Ok(id)
    }

    /// Ends a run that came to nothing.
    pub async fn fail_run(&mut self, id: i64, problem: &str, question: Option<&str>, now: i64) -> Result<()> {
        let sql =
            "UPDATE run SET state = 'failed', problem = $1, question = $4, finished_at = $2 WHERE id = $3 AND state = 'running'";
        self.run(sql, binds![problem, now, id, question]).await?;
        Ok(())
    }

    /// Writes what a run found. Only what changed is touched: a second run over the same rosters writes next to nothing.
    pub async fn finish_run(&mut self, store: &Store, run: &Run, result: &RunResult<'_>, now: i64) -> Result<()> {
        // a larger place that compares its counties as one takes over their children
        let mut c = Clause::new();
        let scope = c.bind(&run.scope);
        c.below("scope_path", &run.scope);
        c.add(format!("scope_path <> {scope}"));
        self.run(&format!("UPDATE child SET scope_path = {scope}{}", c.sql()), c.values).await?;
        // nobody reads of children where there are none yet
        let many = result.children.len() >= CHILDREN_WORTH_SORTING;
        let empty = many && self.one("SELECT id FROM child LIMIT 1", vec![]).await?.is_none();
        let indexes = if empty { self.drop_indexes(&TABLES_OF_CHILDREN).await? } else { String::new() };
        // a part at a time: the rows of a million children's tables would fill the memory
        let mut next = prepare(store, result.children, 0);
        for (i, part) in result.children.chunks(CHILDREN_AT_ONCE).enumerate() {
            let prepared = next.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
            next = prepare(store, result.children, (i + 1) * CHILDREN_AT_ONCE);
            self.write_children(run, part, prepared, result.known_sources, now).await?;
        }
        if empty {
            self.script(&indexes).await?;
        }
        for (child, other, kind) in result.events {
            let sql = "INSERT INTO child_event (child_id, other_id, kind, run_id, at) VALUES ($1, $2, $3, $4, $5)";
            self.run(sql, binds![*child, *other, *kind, run.id, now]).await?;
            if *kind == "merged" {
                self.remember_children(&[*other], now).await?;
                self.run("UPDATE child SET merged_into = $1 WHERE id = $2", binds![*child, *other]).await?;
                self.join_cases(store, *child, *other, now).await?;
                // what hangs on the child goes along
                for (table, column, on) in columns_of_children() {
                    match on {
                        OnMerge::Follow => {
                            let sql = format!("UPDATE {table} SET {column} = $1 WHERE {column} = $2");
                            self.run(&sql, binds![*child, *other]).await?;
                        }
                        OnMerge::End => {
                            self.run(&format!("DELETE FROM {table} WHERE {column} = $1"), binds![*other]).await?;
                        }
                        OnMerge::Stay => {}
                    }
                }
            }
        }
        let fresh: Vec<&KnownChild> = result.gone.iter().filter(|g| g.gone_since_run.is_none()).collect();
        let past = fresh.iter().map(|g| past_of(g, now)).collect();
        self.insert_many("child_past", &PAST, past).await?;
        for g in &fresh {
            let void = result.void.contains(&g.id).then_some(run.id);
            let sql = "UPDATE child SET gone_since_run = $1, void_since_run = $2 WHERE id = $3";
            self.run(sql, binds![run.id, void, g.id]).await?;
        }
        let change = |g: &KnownChild| if result.void.contains(&g.id) { "void" } else { "gone" };
        let rows = fresh.iter().map(|g| binds![run.id, g.id, change(g), g.verdict.as_str(), None::<String>]).collect();
        self.insert_many("run_change", &["run_id", "child_id", "change", "verdict_before", "verdict_after"], rows).await?;
        self.add_pairs(run.id, result.pairs).await?;
        self.project_run(store, run, result, now).await?;
        self.run("INSERT INTO run_report (run_id, body) VALUES ($1, $2)", binds![run.id, result.report]).await?;
        self.children_changed().await?;
        let sql = "UPDATE run SET state = 'finished', finished_at = $1, summary = $2, settings = $3 WHERE id = $4";
        self.run(sql, binds![now, result.summary, result.settings, run.id]).await?;
        Ok(())
    }

    /// Keeps where children stand before that is changed.
    pub(crate) async fn remember_children(&mut self, ids: &[i64], now: i64) -> Result<()> {
        let mut c = Clause::new();
        let now = c.bind(now);
        c.one_of("id", ids.iter().copied());
        let sql = format!("INSERT INTO child_past ({}) SELECT {}, {now} FROM child{}", PAST.join(", "), FROM_CHILD, c.sql());
        self.run(&sql, c.values).await?;
        Ok(())
    }

    /// Where those stand of whom something was established, after what the run found.
    async fn project_run(&mut self, store: &Store, run: &Run, result: &RunResult<'_>, now: i64) -> Result<()> {
        let mut c = Clause::new();
        c.below("c.scope_path", &run.scope);
        let sql = format!("SELECT DISTINCT e.child_id FROM establishment e JOIN child c ON c.id = e.child_id{}", c.sql());
        let established = self.all(&sql, c.values).await?;
        let established: FxHashSet<i64> = established.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let changed = |c: &&ChildRecord| c.known.as_ref().is_none_or(|k| k.verdict != c.verdict) && established.contains(&c.id);
        let mut ids: Vec<i64> = result.children.iter().filter(changed).map(|c| c.id).collect();
        ids.extend(result.events.iter().flat_map(|(child, other, _)| [*child, *other]));
        ids.sort_unstable();
        ids.dedup();
        self.project_standings(store, &ids, now).await
    }

    async fn write_children(
        &mut self,
        run: &Run,
        children: &[ChildRecord],
        prepared: Vec<Prepared>,
        known_sources: &FxHashMap<SourceKey, i64>,
        now: i64,
    ) -> Result<()> {
        let mut new: Vec<Vec<Value>> = Vec::new();
        let mut profiles: Vec<Vec<Value>> = Vec::new();
        let mut search: Vec<Vec<Value>> = Vec::new();
        let mut sources: Vec<Vec<Value>> = Vec::new();
        let mut entries: Vec<Vec<Value>> = Vec::new();
        let mut changes: Vec<Vec<Value>> = Vec::new();
        let mut past: Vec<Vec<Value>> = Vec::new();
        for (c, p) in children.iter().zip(prepared) {
            let [residence, register, school] = c.paths.clone();
            let verdict_changed = c.known.as_ref().is_none_or(|k| k.verdict != c.verdict);
            match &c.known {
                None => {
                    new.push(binds![
                        c.id,
                        &run.scope,
                        c.sex.clone(),
                        c.birth_date.clone(),
                        &c.verdict,
                        &run.as_of,
                        c.certainty,
                        residence,
                        register,
                        school,
                        run.id
                    ]);
                    let (sealed, digest) = p.profile.unwrap_or_default();
                    profiles.push(binds![c.id, sealed, digest, p.reason_token]);
                    changes.push(binds![run.id, c.id, "new", None::<String>, &c.verdict]);
                }
                Some(k) => {
                    if let Some((sealed, digest)) = p.profile {
                        let sql = "UPDATE child_profile SET profile = $1, profile_digest = $2 WHERE child_id = $3";
                        self.run(sql, binds![sealed, digest, c.id]).await?;
                        let sql = "UPDATE child SET sex = $1, birth_date = $2 WHERE id = $3";
                        self.run(sql, binds![c.sex.clone(), c.birth_date.clone(), c.id]).await?;
                        self.run("DELETE FROM child_search WHERE child_id = $1", binds![c.id]).await?;
                    }
                    if p.reason_token != k.reason_token {
                        let sql = "UPDATE child_profile SET reason_token = $1 WHERE child_id = $2";
                        self.run(sql, binds![p.reason_token, c.id]).await?;
                    }
                    if k.paths != c.paths || k.gone_since_run.is_some() {
                        past.push(past_of(k, now));
                    }
                    if verdict_changed || k.certainty != c.certainty || k.paths != c.paths || k.gone_since_run.is_some() {
                        let since = if verdict_changed { Some(run.as_of.clone()) } else { None };
                        let sql = "UPDATE child SET verdict = $1, verdict_since = COALESCE($2, verdict_since), certainty = $3, residence_path = $4,
                                     register_path = $5, school_path = $6, gone_since_run = NULL, void_since_run = NULL WHERE id = $7";
                        self.run(sql, binds![&c.verdict, since, c.certainty, residence, register, school, c.id]).await?;
                    }
                    if verdict_changed {
                        changes.push(binds![run.id, c.id, "changed", k.verdict.as_str(), &c.verdict]);
                    }
                }
            }
            search.extend(p.search.into_iter().map(|(kind, token)| binds![kind.code(), token, c.id]));
            if let Some((reason, near)) = p.told {
                let since = c.known.as_ref().filter(|k| k.verdict == c.verdict).map_or(&run.as_of, |k| &k.verdict_since);
                entries.push(binds![c.id, &c.verdict, reason, near, since, &run.as_of, now, run.id, run.started_by]);
            }
            for (key, batch) in &c.rows {
                match known_sources.get(key) {
                    Some(child) if *child == c.id => {}
                    Some(_) => {
                        let mut w = Clause::new();
                        let (child, batch) = (w.bind(c.id), w.bind(*batch));
                        w.equal("fingerprint", key.fingerprint);
                        w.equal("source", key.source.name());
                        w.below("scope_path", &run.scope);
                        let sql = format!("UPDATE child_source SET child_id = {child}, batch_id = {batch}{}", w.sql());
                        self.run(&sql, w.values).await?;
                    }
                    None => sources.push(binds![key.fingerprint, key.source.name(), &run.scope, c.id, *batch]),
                }
            }
        }
        const CHILD: [&str; 11] = [
            "id",
            "scope_path",
            "sex",
            "birth_date",
            "verdict",
            "verdict_since",
            "certainty",
            "residence_path",
            "register_path",
            "school_path",
            "first_run",
        ];
        self.insert_many("child", &CHILD, new).await?;
        self.insert_many("child_profile", &["child_id", "profile", "profile_digest", "reason_token"], profiles).await?;
        self.insert_many("child_past", &PAST, past).await?;
        // in the order of their index: the database finds the next page where it put the last one
        search.sort_unstable_by_key(|row| match row.get(1) {
            Some(Value::Int(token)) => *token,
            _ => None,
        });
        self.insert_many("child_search", &["kind", "token", "child_id"], search).await?;
        self.insert_many("child_source", &["fingerprint", "source", "scope_path", "child_id", "batch_id"], sources).await?;
        const ENTRY: [&str; 9] =
            ["child_id", "verdict", "reason", "near_miss", "since", "effective_on", "recorded_at", "run_id", "recorded_by"];
        self.insert_many("ledger_entry", &ENTRY, entries).await?;
        const CHANGE: [&str; 5] = ["run_id", "child_id", "change", "verdict_before", "verdict_after"];
        self.insert_many("run_change", &CHANGE, changes).await?;
        Ok(())
    }
}
