//! 比对任务 (a run): from the rosters in use to verdicts, ledgers, findings and pairs for people.

mod binding;
mod figures;
mod reconcile;
mod work;

use std::sync::Arc;
use std::time::Duration;

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::finding::{FindingState, Step};
use baoxue_domain::ledger::{Assessment, Standing, Stands};
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::SourceKind;
use baoxue_domain::school::{Grade, SchoolYear};
use baoxue_domain::verdict::VerdictKind;
use baoxue_linkage::{Observer, Stage};
use baoxue_store::{
    Batch, ChildRecord, Finding, History, KnownChild, Lane, NewAudit, NewEvent, NewPair, NewPlace, NewRun, Placed, Run,
    RunResult, SearchKind, SourceKey, Subject, Tx,
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use binding::{Ended, InForce};
pub use figures::Figures;
use work::work;

use crate::app::finding::dispatch::lapse_label;
use crate::app::jobs::{Job, Progress, Working};
use crate::app::office::{Office, OfficeError, Result};
use crate::app::place::gazetteer::Gazetteer;

/// A run that would lose more than this share of the children asks first, as loading a roster does.
const GONE_PERCENT: i64 = 10;
/// What such a run asks.
pub const GONE: &str = "many-gone";
/// Code of the event that an establishment holds no longer.
pub const LAPSED: &str = "lapsed";

/// A roster that a run used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    pub batch: i64,
    pub source: String,
    pub file: String,
    pub sha256: String,
    pub rows: i64,
}

/// 比对 (the job of a run).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Compare {
    /// The place whose rosters are compared.
    place: String,
    run: i64,
}

impl Job for Compare {
    const KIND: &'static str = "compare";
    const LANE: Lane = Lane::Long;
    const STAGES: &'static [&'static str] = &[
        "读取名册",
        "整理字段",
        "查找相近的记录",
        "学习证据轻重",
        "扩大查找",
        "确定同一人",
        "再找落单记录",
        "归并",
        "逐人判定",
        "与以前的结果对照",
        "保存结果",
    ];
    // whoever asked waits before the page, and sees why
    const RETRIES: &'static [Duration] = &[];

    fn key(&self) -> String {
        self.place.clone()
    }

    fn subject(&self) -> String {
        format!("run:{}", self.run)
    }

    async fn run(self, office: Office, working: Working) -> Result<()> {
        office.do_run(self, working).await
    }

    async fn failed(&self, office: &Office, tx: &mut Tx, error: &OfficeError, said: &str) -> Result<()> {
        Ok(tx.fail_run(self.run, said, error.question(), office.now()).await?)
    }
}

/// Stages after the kernel's.
const DECIDE: usize = 8;
const RECONCILE: usize = 9;
const SAVE: usize = 10;

/// Tells the job's bar of the kernel's stages.
struct Kernel<'a>(&'a Progress);

impl Observer for Kernel<'_> {
    fn stage(&self, stage: Stage) -> bool {
        self.0.at(match stage {
            Stage::Encode => 1,
            Stage::BlockSharp => 2,
            Stage::Train => 3,
            Stage::BlockBroad => 4,
            Stage::Assign => 5,
            Stage::LeftOver => 6,
            Stage::Cluster => 7,
        });
        !self.0.is_to_stop()
    }
}

/// Everything that the blocking part of a run needs from the database to begin.
struct Given {
    batches: Vec<Batch>,
    decisions: Vec<InForce>,
    /// Whether the weights learn from them.
    learn: bool,
    gazetteer: Gazetteer,
    year: SchoolYear,
}

/// What runs of before found: which child is which.
struct Known {
    children: FxHashMap<i64, KnownChild>,
    sources: FxHashMap<SourceKey, i64>,
    by_id: FxHashMap<i64, Option<i64>>,
}

/// What the blocking part gives back.
struct Made {
    children: Vec<ChildRecord>,
    kinds: Vec<VerdictKind>,
    events: Vec<(i64, i64, &'static str)>,
    gone: Vec<KnownChild>,
    /// Of these, those of whom only withdrawn rosters ever told.
    void: FxHashSet<i64>,
    /// Children who were there before.
    here_before: i64,
    pairs: Vec<NewPair>,
    figures: Figures,
    settings: String,
    report: String,
    new_children: i64,
    /// Decisions that found a row of theirs no longer.
    lost_decisions: Vec<i64>,
}

impl Office {
    /// Asks for a run over the rosters in use. A run that is under way already is the answer to a second click. `accepts_gone`: a person
    /// says that many children may be gone.
    pub async fn ask_for_run(&self, actor: &Actor, accepts_gone: bool) -> Result<i64> {
        let county = self.area(actor, Action::RunComparison)?;
        let busy_above = self
            .store
            .places_with_runs()
            .await?
            .into_iter()
            .find(|(p, ..)| p != county.as_str() && county.as_str().starts_with(p.as_str()));
        let above = match self.compared_above(&county).await? {
            Some(p) => Some(p),
            None => busy_above.and_then(|(p, ..)| PlacePath::parse(&p)),
        };
        if let Some(above) = above {
            let name = self.store.place_names(&[above.as_str()]).await?.remove(above.as_str()).unwrap_or_default();
            return Err(OfficeError::Input(format!("这里由{name}统一比对,不再单独比对;结果在“比对”页可看")));
        }
        if let Some(r) = self.running(&county).await? {
            return Ok(r);
        }
        let batches = self.store.batches_in_use(county.as_str()).await?;
        let kinds: Vec<SourceKind> = batches.iter().filter_map(|b| SourceKind::find(&b.source)).collect();
        if !kinds.iter().any(|k| matches!(k, SourceKind::Student | SourceKind::InSchool)) {
            return Err(OfficeError::Input("还没有载入学籍或在校实名名册,无从判断谁在学。请先导入并载入".into()));
        }
        if let Some(said) = self.lacking(&county, &batches).await? {
            return Err(OfficeError::Input(said));
        }
        if kinds.iter().all(|k| *k == kinds[0]) {
            return Err(OfficeError::Input(format!("只载入了{}一种名册,没有可比对的。请再导入一种", kinds[0].label())));
        }
        let today = self.clock.today();
        let inputs: Vec<Input> = batches
            .iter()
            .map(|b| Input {
                batch: b.id,
                source: b.source.clone(),
                file: b.file_name.clone(),
                sha256: b.digest.clone(),
                rows: b.good_rows,
            })
            .collect();
        let new = NewRun {
            scope: county.as_str().to_owned(),
            school_year: i64::from(SchoolYear::of(today).start_year()),
            as_of: today.to_string(),
            batches: batches.iter().map(|b| b.id).collect(),
            inputs: serde_json::to_string(&inputs).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            accepts_gone,
        };
        let mut tx = self.store.begin().await?;
        let run = tx.start_run(self.store.vault(), &new, self.now(), actor.account).await?;
        let job = Compare { place: county.as_str().to_owned(), run };
        if self.ask_for(&mut tx, &job, Some(actor.account), Duration::ZERO).await?.is_none() {
            // somebody else asked at the same moment: theirs is the answer, this one never was
            drop(tx);
            let busy = || OfficeError::Conflict("这里的比对刚刚开始,请刷新页面".into());
            return self.running(&county).await?.ok_or_else(busy);
        }
        self.audit(&mut tx, actor, Deed::StartRun, &format!("run:{run}"), &format!("{} 份名册", batches.len())).await?;
        tx.commit().await?;
        self.bell.ring();
        Ok(run)
    }

    /// Where several counties are compared as one, each must have handed over what the others did: a register that is not there would make
    /// all of its children look unknown.
    async fn lacking(&self, area: &PlacePath, batches: &[Batch]) -> Result<Option<String>> {
        let mut scopes: Vec<&str> = batches.iter().map(|b| b.scope.as_str()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let needed: [(&str, &[SourceKind]); 2] =
            [("学籍或在校实名", &[SourceKind::Student, SourceKind::InSchool]), ("户籍", &[SourceKind::Household])];
        // a county that was compared before and hands over nothing now would lose all of its children
        let compared = self.store.compared_places().await?;
        let areas: Vec<&str> = scopes.clone();
        scopes.extend(
            compared
                .iter()
                .map(|c| c.0.as_str())
                .filter(|c| areas.iter().any(|a| c.starts_with(area.as_str()) && !a.starts_with(c)) && *c != area.as_str()),
        );
        scopes.sort_unstable();
        scopes.dedup();
        for (label, kinds) in needed {
            let is = |b: &&Batch| SourceKind::find(&b.source).is_some_and(|k| kinds.contains(&k));
            let has = |scope: &str| batches.iter().filter(is).any(|b| scope.starts_with(&b.scope) || b.scope.starts_with(scope));
            if let Some(scope) = scopes.iter().find(|s| !has(s) && batches.iter().any(|b| is(&b))) {
                let name = self.store.place_names(&[scope]).await?.remove(*scope).unwrap_or_default();
                return Ok(Some(format!("{name}还没有载入{label}名册,而别的地方载入了:该地儿童会被错判。请先补上")));
            }
        }
        Ok(None)
    }

    async fn running(&self, county: &PlacePath) -> Result<Option<i64>> {
        for r in self.store.runs(county.as_str(), 5).await? {
            if r.state == baoxue_store::RunState::Running
                && self.run_job(county, r.id).await?.is_some_and(|j| !j.state.has_ended())
            {
                return Ok(Some(r.id));
            }
        }
        Ok(None)
    }

    /// The job of a run.
    pub async fn run_job(&self, county: &PlacePath, run: i64) -> Result<Option<baoxue_store::Job>> {
        let newest = self.store.job_of(Compare::KIND, county.as_str()).await?;
        Ok(newest.filter(|j| serde_json::from_str::<Compare>(&j.payload).is_ok_and(|c| c.run == run)))
    }

    /// Stops a run.
    pub async fn cancel_run(&self, actor: &Actor, run: i64) -> Result<()> {
        let county = self.area(actor, Action::RunComparison)?;
        let job = self.run_job(&county, run).await?.ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        if tx.cancel_job(job.id, self.now()).await? {
            tx.fail_run(run, "已取消", None, self.now()).await?;
        }
        self.audit(&mut tx, actor, Deed::CancelRun, &format!("run:{run}"), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Does the job of a run. Whatever happens before the last transaction leaves no trace.
    async fn do_run(&self, job: Compare, working: Working) -> Result<()> {
        let (county, id) = (PlacePath::parse(&job.place).ok_or(OfficeError::NotFound)?, job.run);
        let run = self.store.run(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
        if run.state == baoxue_store::RunState::Finished {
            // the worker before us died between its last word and its end
            return Ok(());
        }
        let before = self.store.places_with_runs().await?;
        let given = self.given(&county, &run).await?;
        let (tell, told) = tokio::sync::oneshot::channel();
        let thread = tokio::task::spawn_blocking({
            let (store, progress) = (self.store.clone(), working.progress.clone());
            move || work(&store, given, told, &progress)
        });
        // what is known is read while the rosters are compared; where the thread ended early nobody listens
        let _ = tell.send(self.known(&county).await);
        let made = thread.await.map_err(|_| OfficeError::Input("比对程序出错,已停止;名册和以前的结果不受影响".into()))?;
        let (mut made, known_sources) = made.map_err(crate::app::roster::staging::input)?;
        self.ask_about_gone(&run, &mut made).await?;
        working.progress.at(SAVE);
        let mut tx = self.store.begin().await?;
        tx.check_lease(working.lease).await?;
        if self.overtaken(&county, &before).await? {
            let said = "比对期间,上级或下级刚完成了另一次比对;这次没有保存,请再比对一次";
            return Err(OfficeError::Input(said.into()));
        }
        let first = tx.child_numbers(made.new_children).await?;
        give_numbers(&mut made, first);
        made.figures.new = made.children.iter().filter(|c| c.known.is_none()).count() as i64;
        made.figures.void = made.void.len() as i64;
        made.figures.gone = made.gone.iter().filter(|g| g.gone_since_run.is_none()).count() as i64 - made.figures.void;
        let other = |c: &&ChildRecord| c.known.as_ref().is_some_and(|k| k.verdict != c.verdict);
        made.figures.changed = made.children.iter().filter(other).count() as i64;
        made.figures.seconds = working.progress.seconds();
        let now = self.now();
        let (opened, withdrawn) = self.settle_findings(&mut tx, &county, &run, &made, now).await?;
        made.figures.findings_opened = opened;
        made.figures.findings_withdrawn = withdrawn;
        let summary = serde_json::to_string(&made.figures).unwrap_or_default();
        let children = Arc::new(std::mem::take(&mut made.children));
        let result = RunResult {
            children: &children,
            known_sources: &known_sources,
            events: &made.events,
            gone: &made.gone,
            void: &made.void,
            pairs: &made.pairs,
            summary: &summary,
            settings: &made.settings,
            report: &made.report,
        };
        tx.finish_run(&self.store, &run, &result, now).await?;
        tx.mark_lost_decisions(county.as_str(), &made.lost_decisions, id).await?;
        let on = run.as_of.parse().unwrap_or_else(|_| self.clock.today());
        tx.add_places(&classes_of(&children), on).await?;
        working.finish(&mut tx, self.now()).await?;
        let (subject, detail) = (format!("run:{id}"), format!("{} 名儿童", children.len()));
        let row = NewAudit {
            at: self.now(),
            place: county.as_str(),
            account: Some(run.started_by),
            login: "",
            deed: Deed::FinishRun,
            subject: &subject,
            detail: &detail,
        };
        tx.audit(self.store.vault(), row).await?;
        tx.commit().await?;
        Ok(self.store.refresh_statistics().await?)
    }

    /// Whether a run of a larger place or of one below has finished since: what this one knows of the children holds no longer.
    async fn overtaken(&self, area: &PlacePath, before: &[(String, bool, i64)]) -> Result<bool> {
        let own = area.as_str();
        let near = |p: &str| p != own && (p.starts_with(own) || own.starts_with(p));
        let now = self.store.compared_places().await?;
        let was = |p: &str| before.iter().find(|b| b.0 == p).filter(|b| b.1).map_or(0, |b| b.2);
        Ok(now.iter().any(|(p, run)| near(p) && (*run > was(p) || own.starts_with(p.as_str()))))
    }

    async fn given(&self, county: &PlacePath, run: &Run) -> Result<Given> {
        let unreadable = || OfficeError::Input("这次比对的名册清单读不出来(可能是升级前排上的),没有比对。请再比对一次".into());
        let inputs: Vec<Input> = serde_json::from_str(&run.inputs).map_err(|_| unreadable())?;
        if inputs.is_empty() {
            return Err(unreadable());
        }
        let mut batches = Vec::new();
        for i in &inputs {
            batches.push(self.store.batch(county.as_str(), i.batch).await?.ok_or(OfficeError::NotFound)?);
        }
        let on = run.as_of.parse().unwrap_or_else(|_| self.clock.today());
        let mut places = self.store.places_below(county.as_str(), on, &[]).await?;
        places.extend(
            self.store
                .places_below(&county.education_prefix().unwrap_or_default(), on, &["school", "teaching-point", "class"])
                .await?,
        );
        Ok(Given {
            batches,
            decisions: self.in_force(county).await?,
            learn: self.policy(Some(county)).await?.learn_from_decisions,
            gazetteer: Gazetteer::new(county, &places),
            year: i16::try_from(run.school_year)
                .ok()
                .and_then(|y| SchoolYear::starting(y).ok())
                .unwrap_or_else(|| SchoolYear::of(on)),
        })
    }

    /// Decisions in force, with where their rows stood.
    async fn in_force(&self, area: &PlacePath) -> Result<Vec<InForce>> {
        let mut rosters: FxHashMap<i64, Option<String>> = FxHashMap::default();
        let mut out = Vec::new();
        for d in self.store.decisions_in_force(area.as_str()).await? {
            let rows = match &d.sides {
                Some(sides) => Some(sides.each_ref().map(|s| (s.source.clone(), s.batch))),
                None => self.store.rows_of_decision(&d).await?,
            };
            for (_, batch) in rows.iter().flatten() {
                if !rosters.contains_key(batch) {
                    let roster = self.store.batch(area.as_str(), *batch).await?.map(|b| b.roster);
                    rosters.insert(*batch, roster);
                }
            }
            let stood = |i: usize| {
                let (source, batch) = rows.as_ref().map(|r| r[i].clone())?;
                Some((source, rosters.get(&batch).cloned().flatten()?))
            };
            let (left, right) = (stood(0), stood(1));
            out.push(InForce {
                id: d.id,
                same: d.judgement == "same",
                left: Ended { fingerprint: d.left, stood: left },
                right: Ended { fingerprint: d.right, stood: right },
            });
        }
        Ok(out)
    }

    async fn known(&self, county: &PlacePath) -> baoxue_store::Result<Known> {
        // the three large answers at once: the database has cores of its own
        let (children, sources, by_id) = tokio::try_join!(
            self.store.known_children(county.as_str()),
            self.store.known_sources(county.as_str()),
            self.store.children_by_token(county.as_str(), SearchKind::Id.code())
        )?;
        Ok(Known { children: children.into_iter().map(|k| (k.id, k)).collect(), sources, by_id })
    }

    /// A run that would lose more than a tenth of the children asks first: a roster may have come cut short.
    async fn ask_about_gone(&self, run: &Run, made: &mut Made) -> Result<()> {
        let fresh: Vec<i64> = made.gone.iter().filter(|g| g.gone_since_run.is_none()).map(|g| g.id).collect();
        made.void = self.store.children_of_withdrawn_rosters(&fresh).await?;
        let lost = fresh.iter().filter(|id| !made.void.contains(id)).count() as i64;
        if run.accepts_gone || lost * 100 <= made.here_before * GONE_PERCENT {
            return Ok(());
        }
        let said = format!(
            "这次比对会使原有 {} 名儿童中的 {lost} 名从所有名册中消失(超过 {GONE_PERCENT}%),没有保存。请先查看名册是否交全;确认属实的,点“消失属实,仍按此比对”",
            made.here_before
        );
        Err(OfficeError::Asks { question: GONE, said })
    }

    /// Opens a finding for whoever has to be looked for, and calls off those whom this run saw. What was established is honoured until its
    /// evidence expires or this run contradicts it, which the new finding says.
    async fn settle_findings(
        &self,
        tx: &mut baoxue_store::Tx,
        county: &PlacePath,
        run: &Run,
        made: &Made,
        now: i64,
    ) -> Result<(i64, i64)> {
        let newest: FxHashMap<i64, Finding> =
            self.store.newest_findings(county.as_str()).await?.into_iter().map(|f| (f.child, f)).collect();
        let on: jiff::civil::Date = run.as_of.parse().unwrap_or_else(|_| self.clock.today());
        let established = self.store.established_children(county.as_str()).await?;
        let histories = self.store.histories(&established).await?;
        let mut files = self.store.newest_cases(&self.store.children_with_open_cases(county.as_str()).await?).await?;
        // whoever turned out to be another child takes its file along
        for (child, other, kind) in &made.events {
            if *kind == "merged"
                && let Some(k) = files.remove(other)
            {
                match files.get(child) {
                    // the older one goes on
                    Some(own) if own.id < k.id => {}
                    _ => {
                        files.insert(*child, k);
                    }
                }
            }
        }
        let (mut opened, mut withdrawn) = (0, 0);
        for (c, kind) in made.children.iter().zip(&made.kinds) {
            let (stands, lapse) = match histories.get(&c.id) {
                Some(h) => after_run(h, *kind, on, now),
                None => (Standing::of_verdict(*kind), None),
            };
            let wanted = matches!(stands, Standing::Suspected | Standing::Dropout);
            let e = |step: &'static str, detail| NewEvent::of_program(step, detail, now);
            if let Some(k) = files.get(&c.id) {
                // one child, one file: it is told what registers say now, and nobody asks twice
                let other = c.known.as_ref().is_none_or(|k| k.verdict != c.verdict);
                let before = histories.get(&c.id).and_then(|h| h.stands(on, now)).and_then(|s| s.lapse);
                if other || (lapse.is_some() && before.is_none()) {
                    let away = k.facts.state.is_away();
                    let hurry = wanted != away;
                    let what = match (hurry, away) {
                        (true, true) => "请核实:孩子已返校的,登记返校",
                        (true, false) => "请尽快回访,看孩子是否还在校",
                        _ => "",
                    };
                    let why = lapse.as_deref().map(|l| format!("{l}。")).unwrap_or_default();
                    let said = format!("{} 的比对判定为“{}”。{why}{what}", run.as_of, kind.label());
                    self.tell_case_of_run(tx, k, &said, hurry).await?;
                }
                if let Some(f) = newest.get(&c.id).filter(|f| f.state.is_pending()) {
                    let to = Placed { deadline: None, ..f.placed(FindingState::Filed) };
                    let detail = format!("这名儿童已有劝返档案 {},并入", k.label());
                    tx.step_finding(&self.store, f, &to, &e(Step::File.code(), detail.as_str())).await?;
                    tx.add_ground(k.id, "finding", Some(f.id), now).await?;
                }
                continue;
            }
            match newest.get(&c.id) {
                Some(f) if !wanted && f.state.is_pending() => {
                    let detail = format!("{} 的比对已判定为“{}”,自动撤销", run.as_of, kind.label());
                    let to = Placed { deadline: None, ..f.placed(FindingState::Withdrawn) };
                    let e = e(Step::Withdraw.code(), detail.as_str());
                    withdrawn += i64::from(tx.step_finding(&self.store, f, &to, &e).await?);
                }
                Some(f) if f.state.is_pending() => {}
                _ if wanted => {
                    let id = tx.open_finding(&self.store, c.id, &c.verdict, run.id, &e("open", &c.reason)).await?;
                    if let Some(lapse) = &lapse {
                        tx.add_event(&self.store, Subject::Finding(id), &e(LAPSED, lapse), None).await?;
                    }
                    opened += 1;
                }
                _ => {}
            }
        }
        Ok((opened, withdrawn))
    }
}

/// Where a child stands after a run finds this verdict, and what was established before and holds no longer, in words.
fn after_run(h: &History, verdict: VerdictKind, on: jiff::civil::Date, now: i64) -> (Standing, Option<String>) {
    let mut then = h.clone();
    then.assessments.push(Assessment { id: i64::MAX, verdict, effective_on: on, recorded_at: now, void_at: None });
    let Some(Stands { standing, establishment, lapse, .. }) = then.stands(on, now) else {
        return (Standing::of_verdict(verdict), None);
    };
    let by = establishment.and_then(|id| h.establishments.iter().find(|e| e.rule.id == id));
    let said =
        by.zip(lapse).map(|(e, lapse)| format!("原认定“{}”({} 起)不再有效:{}", e.label(), e.rule.valid_from, lapse_label(lapse)));
    (standing, said)
}

/// Grades and classes in which children stand: with new rosters new classes come.
fn classes_of(children: &[ChildRecord]) -> Vec<NewPlace> {
    let mut seen: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
    seen.extend(children.iter().filter_map(|c| c.paths[2].as_deref()));
    let mut out: std::collections::BTreeMap<PlacePath, &str> = std::collections::BTreeMap::new();
    for path in seen.into_iter().filter_map(PlacePath::parse) {
        // the class, or the grade where no class is known
        let steps = [Some(path.clone()), path.parent()].into_iter().flatten();
        let Some(grade) = steps.clone().find(|p| Grade::parse(p.last()).is_some()) else { continue };
        out.insert(grade.clone(), "grade");
        if path != grade {
            out.insert(path, "class");
        }
    }
    let new = |(path, kind): (PlacePath, &str)| {
        let name = path.last().to_owned();
        NewPlace { kind: kind.to_owned(), code: String::new(), name, path, town_path: None }
    };
    out.into_iter().map(new).collect()
}

/// Numbers of new children stand as −1, −2, … until the database gives them out.
fn give_numbers(made: &mut Made, first: i64) {
    let number = |n: i64| if n < 0 { first - n - 1 } else { n };
    made.children.iter_mut().for_each(|c| c.id = number(c.id));
    for (child, other, _) in &mut made.events {
        *child = number(*child);
        *other = number(*other);
    }
    for p in &mut made.pairs {
        p.left_child = p.left_child.map(number);
        p.right_child = p.right_child.map(number);
    }
    for t in &mut made.figures.transitions {
        t.unseen.iter_mut().for_each(|n| *n = number(*n));
    }
    for s in &mut made.figures.exams {
        s.exams.iter_mut().flat_map(|e| &mut e.missing).for_each(|n| *n = number(*n));
    }
}
