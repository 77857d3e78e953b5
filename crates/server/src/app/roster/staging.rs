//! 导入名册 (rosters): read and staged, loaded, withdrawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use baoxue_documents::address;
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::finding::{FindingState, Step};
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{ClassRegister, Field, IssueCode, Mapping, Severity, SourceKind};
use baoxue_domain::school::SchoolDirectory;
use baoxue_store::{Batch, BatchState, FindingFilter, NewBatch, NewEvent, Placed, Tx};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::app::office::{Office, OfficeError, Result, read_back, source_of};
use crate::app::roster::bad_rows;
use crate::app::roster::kept;
use crate::app::roster::reading::{Reading, RosterFile, mapping_of, read_bytes};
use crate::app::roster::supersede;
use crate::app::roster::supersede::Mode;

/// Problems that a preview shows; the spreadsheet of bad rows has all of them.
const SHOWN_PROBLEMS: usize = 100;
/// Schools that are not registered which a preview shows.
const SHOWN_SCHOOLS: usize = 50;
/// Change against the roster in use from which loading asks first (R-SRC 3).
pub const GUARD_PERCENT: i64 = 10;
/// Batches of a county that may wait to be loaded: each of them holds two files.
const MAX_STAGED: usize = 200;

/// A file that was sent.
pub struct Upload {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Who handed a file over.
#[derive(Debug, Clone, Default)]
pub struct HandOver {
    pub department: String,
    pub person: String,
}

/// How a file was read: what a preview shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// Why it was taken for this kind; empty when a person said so.
    pub why: String,
    /// Another kind is nearly as likely.
    pub doubtful: bool,
    /// Headings with their sheet and the field they were taken for (empty: not used).
    pub columns: Vec<PreviewColumn>,
    /// Sheets that were not read.
    pub ignored: Vec<String>,
    /// The first problems.
    pub problems: Vec<PreviewProblem>,
    /// Schools that are not registered, with how many rows name each.
    #[serde(default)]
    pub unknown_schools: Vec<(String, usize)>,
    /// The file whose bad rows these are, put right.
    #[serde(default)]
    pub mends: Option<String>,
}

/// A heading.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreviewColumn {
    pub sheet: String,
    pub heading: String,
    pub field: String,
}

/// A problem of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreviewProblem {
    pub cell: String,
    pub severity: String,
    pub message: String,
}

/// Problems of a batch by code.
pub fn counts_of(batch: &Batch) -> Result<Vec<(IssueCode, i64)>> {
    let by_code: BTreeMap<String, i64> = read_back("名册的问题数", &batch.counts)?;
    Ok(IssueCode::ALL.iter().filter_map(|c| by_code.get(c.code()).map(|n| (*c, *n))).collect())
}

/// How many rows of a batch a person should look at.
pub fn to_confirm(batch: &Batch) -> Result<i64> {
    Ok(counts_of(batch)?.iter().filter(|(c, _)| c.severity() >= Severity::Confirm).map(|(_, n)| n).sum())
}

pub fn preview_of(batch: &Batch) -> Option<Preview> {
    serde_json::from_str(&batch.preview).ok()
}

/// What is known of rosters before one is read.
pub struct KnownOfRosters {
    mappings: BTreeMap<String, Mapping>,
    schools: SchoolDirectory,
    classes: ClassRegister,
}

/// What a person said of a staged batch.
#[derive(Debug, Default)]
pub struct Said {
    /// What it is.
    pub kind: Option<SourceKind>,
    /// Headings with the field that each means.
    pub headings: BTreeMap<String, String>,
    /// Names of schools with the school that each means.
    pub schools: BTreeMap<String, PlacePath>,
}

/// What became of a file.
pub struct Staged {
    pub file_name: String,
    pub outcome: std::result::Result<i64, String>,
}

/// How far a staged batch differs from what is in use.
pub struct Guard {
    pub before: i64,
    pub now: i64,
}

impl Guard {
    pub fn percent(&self) -> i64 {
        if self.before == 0 { 0 } else { (self.now - self.before).abs() * 100 / self.before }
    }

    pub fn asks(&self) -> bool {
        self.before > 0 && (self.now - self.before).abs() * 100 > self.before * GUARD_PERCENT
    }
}

impl Office {
    /// Forgets what people said that a heading means; the next roster of the source is asked about it anew.
    pub async fn forget_heading(&self, actor: &Actor, source: &str, heading: &str) -> Result<()> {
        let area = self.area(actor, Action::ManageSources)?;
        let mut tx = self.store.begin().await?;
        tx.map_heading(self.store.vault(), (area.as_str(), source, heading), "", self.now(), actor.account).await?;
        self.audit(&mut tx, actor, Deed::ForgetHeading, &format!("source:{source}"), heading).await?;
        Ok(tx.commit().await?)
    }

    /// Reads files and stages a batch for each; a file that cannot be used does not stop the others.
    pub async fn stage(&self, actor: &Actor, uploads: Vec<Upload>, by: &HandOver) -> Result<Vec<Staged>> {
        let county = self.area(actor, Action::ImportRosters)?;
        let waiting = self.store.batches(county.as_str(), &[BatchState::Staged], MAX_STAGED as i64, 0).await?.len();
        if waiting + uploads.len() > MAX_STAGED {
            return Err(OfficeError::Input(format!("待载入的名册已有 {waiting} 份,最多 {MAX_STAGED} 份;请先载入或删除一些")));
        }
        let known = std::sync::Arc::new(self.known_of_rosters(&county).await?);
        let one = |u: Upload| {
            let (county, known) = (&county, known.clone());
            async move {
                let file_name = u.name.clone();
                let outcome = match self.stage_one(actor, county, u, by, known).await {
                    Ok(id) => Ok(id),
                    Err(OfficeError::Input(said)) => Err(said),
                    Err(e) => return Err(e),
                };
                Ok(Staged { file_name, outcome })
            }
        };
        // as many at a time as there are cores; a hundred at once would not fit into memory
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        stream::iter(uploads.into_iter().map(one)).buffered(at_once).try_collect().await
    }

    /// Reads a file and stages it.
    async fn stage_one(
        &self,
        actor: &Actor,
        county: &PlacePath,
        upload: Upload,
        by: &HandOver,
        known: Arc<KnownOfRosters>,
    ) -> Result<i64> {
        let new = self.read_batch(county, upload, None, by, known).await?;
        let mut tx = self.store.begin().await?;
        let id = self.add_batch(&mut tx, actor, &new).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Writes down a batch that was read.
    async fn add_batch(&self, tx: &mut Tx, actor: &Actor, new: &NewBatch) -> Result<i64> {
        let id = tx.stage_batch(self.store.vault(), new, self.now(), actor.account).await?;
        let detail = format!("{} {} 行 {}", new.file_name, new.good_rows, new.digest);
        self.audit(tx, actor, Deed::StageRoster, &format!("batch:{id}"), &detail).await?;
        Ok(id)
    }

    /// Reads a file into a batch; nothing is written but the files that it will name.
    async fn read_batch(
        &self,
        county: &PlacePath,
        upload: Upload,
        kind: Option<SourceKind>,
        by: &HandOver,
        known: Arc<KnownOfRosters>,
    ) -> Result<NewBatch> {
        let today = self.clock.today();
        let store = self.store.clone();
        let made = tokio::task::spawn_blocking(move || -> anyhow::Result<(NewBatch, SourceKind)> {
            // what was said of headings is remembered by source: the kind must be known first
            let mappings = &known.mappings;
            let none = Mapping::default();
            let all = Mapping(mappings.values().flat_map(|m| m.0.clone()).collect());
            let read = |kind, mapping| read_bytes(upload.name.clone(), upload.bytes.clone(), &Reading { kind, mapping, today });
            let first = match kind {
                Some(k) => read(Some(k), mappings.get(k.name()).unwrap_or(&none)),
                None => read(None, &none).or_else(|_| read(None, &all)),
            }?;
            let guess = first.guess.clone();
            let mut file = match mappings.get(first.kind.name()) {
                Some(m) if kind.is_none() => read(Some(first.kind), m)?,
                _ => first,
            };
            file.guess = file.guess.or(guess);
            file.name_schools(&known.schools);
            if file.kind == SourceKind::InSchool {
                file.check_classes(&known.classes);
            }
            let original = store.store_file("original", |w| Ok(w.write_all(&upload.bytes)?))?;
            let roster = kept::keep(&store, &file)?;
            Ok((batch_of(&file, original, roster)?, file.kind))
        })
        .await
        .map_err(|_| OfficeError::Input("读取这个文件时程序出错;请另存为 .xlsx 再试".into()))?;
        let (mut new, kind) = made.map_err(input)?;
        new.scope = county.as_str().to_owned();
        new.department = if by.department.is_empty() { department_of(kind).to_owned() } else { by.department.clone() };
        new.handed_over_by = by.person.clone();
        new.handed_over_on = today.to_string();
        Ok(new)
    }

    /// What is known of rosters before one is read: headings, schools, classes.
    async fn known_of_rosters(&self, county: &PlacePath) -> Result<KnownOfRosters> {
        let mut mappings: BTreeMap<String, Mapping> = BTreeMap::new();
        for (source, heading, field) in self.store.heading_mappings(county.as_str()).await? {
            mappings.entry(source).or_default().0.insert(heading, field);
        }
        let (schools, classes) = (self.school_directory(county).await?, self.class_register(county).await?);
        Ok(KnownOfRosters { mappings, schools, classes })
    }

    /// 学校名录: the schools of an area by their names, former ones and what rosters call them too.
    pub async fn school_directory(&self, area: &PlacePath) -> Result<SchoolDirectory> {
        let county = self.store.place_names(&[area.as_str()]).await?.remove(area.as_str());
        let mut out = SchoolDirectory::new(county);
        let prefix = area.education_prefix().unwrap_or_default();
        let names = self.store.school_names(&prefix, self.clock.today()).await?;
        for (code, name, _) in names.iter().filter(|n| n.2) {
            out.add(code, name);
        }
        for (code, name, _) in names.iter().filter(|n| !n.2 && out.name_of(&n.0).is_some()).cloned().collect::<Vec<_>>() {
            out.call(&name, &code);
        }
        for (name, path) in self.store.school_aliases(area.as_str()).await? {
            if let Some(school) = PlacePath::parse(&path).filter(|p| out.name_of(p.school().last()).is_some()) {
                out.call(&name, school.school().last());
            }
        }
        Ok(out)
    }

    /// 认作: reads a staged batch's original again, after somebody said what it is, what its headings mean, or which schools it names. All of
    /// it happens, or nothing.
    pub async fn restage(&self, actor: &Actor, id: i64, said: &Said) -> Result<i64> {
        let county = self.area(actor, Action::ImportRosters)?;
        let batch = self.staged(&county, id).await?;
        let kind = said.kind.or_else(|| SourceKind::find(&batch.source)).ok_or(OfficeError::NotFound)?;
        let mapping = Mapping(said.headings.iter().filter(|(_, f)| !f.is_empty()).map(|(h, f)| (h.clone(), f.clone())).collect());
        if let Some((heading, value)) = mapping.unknown_value() {
            return Err(OfficeError::Input(format!("“{heading}”对应的“{value}”不是已知字段")));
        }
        let mut known = self.known_of_rosters(&county).await?;
        for (name, school) in &said.schools {
            let inside = county.holds(school) && known.schools.name_of(school.last()).is_some();
            if !inside {
                return Err(OfficeError::Input(format!("“{name}”选定的学校不在学校名单中")));
            }
            known.schools.call(name, school.last());
        }
        for (heading, field) in &said.headings {
            let of = known.mappings.entry(kind.name().to_owned()).or_default();
            if field.is_empty() {
                of.0.remove(heading)
            } else {
                of.0.insert(heading.clone(), field.clone())
            };
        }
        let bytes = self.store.read_file(&batch.original)?;
        let upload = Upload { name: batch.file_name.clone(), bytes };
        let by = HandOver { department: String::new(), person: batch.handed_over_by.clone() };
        let new = self.read_batch(&county, upload, Some(kind), &by, Arc::new(known)).await?;
        let mut tx = self.store.begin().await?;
        for (heading, field) in &said.headings {
            tx.map_heading(self.store.vault(), (county.as_str(), kind.name(), heading), field, self.now(), actor.account).await?;
        }
        for (name, school) in &said.schools {
            tx.call_school(county.as_str(), name, school.as_str(), self.now(), actor.account).await?;
        }
        if !tx.withdraw_batch(&self.store, id, self.now(), actor.account).await? {
            return Err(OfficeError::Conflict("这份名册刚被别人处理过,请刷新".into()));
        }
        let fresh = self.add_batch(&mut tx, actor, &new).await?;
        let headings = said.headings.iter().map(|(h, f)| format!("{h}={f}"));
        let schools = said.schools.iter().map(|(n, p)| format!("{n}={}", p.last()));
        let detail = format!("由第 {id} 批重新读取为第 {fresh} 批;{}", headings.chain(schools).collect::<Vec<_>>().join("、"));
        self.audit(&mut tx, actor, Deed::RereadRoster, &format!("batch:{fresh}"), &detail).await?;
        tx.commit().await?;
        Ok(fresh)
    }

    async fn staged(&self, county: &PlacePath, id: i64) -> Result<Batch> {
        // the roster of a place below is that place's to load
        let batch =
            self.store.batch(county.as_str(), id).await?.filter(|b| b.scope == county.as_str()).ok_or(OfficeError::NotFound)?;
        if batch.state != BatchState::Staged {
            return Err(OfficeError::Conflict(format!("这份名册已是“{}”", batch.state.label())));
        }
        Ok(batch)
    }

    /// Classes of the student register in use.
    async fn class_register(&self, county: &PlacePath) -> Result<ClassRegister> {
        let loaded = self.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
        let students: Vec<Batch> = loaded.into_iter().filter(|b| b.source == SourceKind::Student.name()).collect();
        let store = self.store.clone();
        let register = tokio::task::spawn_blocking(move || {
            let files: Vec<RosterFile> = students
                .iter()
                .filter_map(|b| kept::load(&store, &b.roster, &b.file_name, &b.digest, SourceKind::Student).ok())
                .collect();
            ClassRegister::of_rows(files.iter().flat_map(|f| &f.roster.rows))
        });
        register.await.map_err(|_| OfficeError::Input("学籍名册读不出来".into()))
    }

    /// How much of what is in use each staged batch would take the place of.
    pub async fn guard(&self, county: &PlacePath, batches: &[(&Batch, Mode)]) -> Result<BTreeMap<String, Guard>> {
        let loaded = self.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
        let mut out: BTreeMap<String, Guard> = BTreeMap::new();
        let mut partly: Vec<(Batch, Mode)> = Vec::new();
        for (b, mode) in batches {
            match mode {
                Mode::Whole => out.entry(b.source.clone()).or_insert(Guard { before: 0, now: 0 }).now += b.good_rows,
                // what is only added to replaces nothing
                Mode::Add | Mode::Mend => {}
                Mode::Places => partly.push(((*b).clone(), *mode)),
            }
        }
        for b in &loaded {
            if let Some(g) = out.get_mut(&b.source) {
                g.before += b.good_rows;
            }
        }
        let store = self.store.clone();
        let replaced = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<(String, Guard)>> {
            let load = |b: &Batch| {
                let kind = source_of(b)?;
                kept::load(&store, &b.roster, &b.file_name, &b.digest, kind)
            };
            let mut out = Vec::new();
            for (b, mode) in &partly {
                let of_source: Vec<&Batch> = loaded.iter().filter(|l| l.source == b.source).collect();
                let mut files: Vec<RosterFile> = of_source.iter().map(|l| load(l)).collect::<anyhow::Result<_>>()?;
                supersede::apply(&mut supersede::in_use(&mut files, &of_source)?);
                let new = load(b)?;
                let old = files.iter_mut().zip(&of_source);
                let before: usize = old.map(|(file, of)| supersede::take_place(*mode, None, &new, of.id, file)).sum();
                out.push((b.source.clone(), Guard { before: before as i64, now: b.good_rows }));
            }
            Ok(out)
        });
        for (source, g) in replaced.await.map_err(|_| OfficeError::NotFound)?.map_err(input)? {
            let of = out.entry(source).or_insert(Guard { before: 0, now: 0 });
            of.before += g.before;
            of.now += g.now;
        }
        Ok(out)
    }

    /// How a batch is to be loaded if nobody says: whole where nothing of its source is in use; put back where it says that it is put right;
    /// else somebody has to say.
    pub async fn usual_mode(&self, county: &PlacePath, b: &Batch) -> Result<Option<Mode>> {
        let loaded = self.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
        let mut in_use = loaded.iter().filter(|l| l.source == b.source).peekable();
        if in_use.peek().is_none() {
            return Ok(Some(Mode::Whole));
        }
        if preview_of(b).is_some_and(|p| p.mends.is_some()) {
            return Ok(Some(Mode::Mend));
        }
        let before: i64 = in_use.map(|l| l.good_rows).sum();
        Ok((!Guard { before, now: b.good_rows }.asks()).then_some(Mode::Whole))
    }

    /// Loads staged batches, each as its mode says: those of one source that replace it whole stand together. A change of more than 10 % of what
    /// is replaced must be confirmed, except when the school year begins.
    pub async fn load(&self, actor: &Actor, ids: &[i64], modes: &BTreeMap<i64, Mode>, confirmed: bool) -> Result<usize> {
        let county = self.area(actor, Action::ImportRosters)?;
        let mut batches = Vec::new();
        for id in ids {
            let b = self.staged(&county, *id).await?;
            let mode = match modes.get(id) {
                Some(m) => Some(*m),
                None => self.usual_mode(&county, &b).await?,
            };
            let Some(mode) = mode else {
                let label = SourceKind::find(&b.source).map_or("", SourceKind::label);
                let said =
                    format!("“{}”与在用的{label}名册行数相差很大:请选择是整份替换、只替换表中的学校(乡镇),还是补充", b.file_name);
                return Err(OfficeError::Conflict(said));
            };
            batches.push((b, mode));
        }
        let refs: Vec<(&Batch, Mode)> = batches.iter().map(|(b, m)| (b, *m)).collect();
        let roll_over = matches!(self.clock.today().month(), 8 | 9);
        if !confirmed && !roll_over {
            for (source, g) in self.guard(&county, &refs).await? {
                if g.asks() {
                    let label = SourceKind::find(&source).map_or("", SourceKind::label);
                    return Err(OfficeError::Conflict(format!(
                        "{label}名册要替换掉的现有 {} 行,这次 {} 行,相差 {}%,超过 {GUARD_PERCENT}%。确认无误请勾选“数量变化属实”再载入",
                        g.before,
                        g.now,
                        g.percent()
                    )));
                }
            }
        }
        let in_use = self.store.batches(county.as_str(), &[BatchState::Loaded], 1_000, 0).await?;
        let mut tx = self.store.begin().await?;
        let mut begun: Vec<&str> = Vec::new();
        // what replaces a roster comes before what is added to it
        let mut order: Vec<&(Batch, Mode)> = batches.iter().collect();
        order.sort_by_key(|(b, m)| (*m != Mode::Whole, b.id));
        for (b, mode) in order {
            let replace = *mode == Mode::Whole && !begun.contains(&b.source.as_str());
            begun.push(&b.source);
            let mends = preview_of(b).and_then(|p| p.mends).filter(|_| *mode == Mode::Mend);
            let mends = mends.and_then(|name| in_use.iter().find(|l| l.source == b.source && l.file_name == name)).map(|l| l.id);
            if !tx.load_batch(b.id, replace, mode.code(), mends, self.now(), actor.account).await? {
                return Err(OfficeError::Conflict(format!("“{}”刚被别人处理过,请刷新", b.file_name)));
            }
            let detail = format!("{} {} 行,{}", b.file_name, b.good_rows, mode.label());
            self.audit(&mut tx, actor, Deed::LoadRoster, &format!("batch:{}", b.id), &detail).await?;
        }
        tx.commit().await?;
        Ok(batches.len())
    }

    /// 撤销: a batch that no run used is simply gone; one that was used is withdrawn, its open findings are called off with a notice,
    /// answers stay. The roster before it is in use again.
    pub async fn withdraw(&self, actor: &Actor, id: i64) -> Result<usize> {
        let county = self.area(actor, Action::ImportRosters)?;
        let batch =
            self.store.batch(county.as_str(), id).await?.filter(|b| b.scope == county.as_str()).ok_or(OfficeError::NotFound)?;
        let runs = self.store.runs_of_batch(id).await?;
        let jurisdiction = actor.jurisdiction(Action::ImportRosters)?;
        let pending = FindingFilter { states: vec![FindingState::Open, FindingState::Dispatched], ..FindingFilter::default() };
        let (findings, _) = self.store.findings(&pending, &jurisdiction, i64::MAX, 0).await?;
        let mut tx = self.store.begin().await?;
        if !tx.withdraw_batch(&self.store, id, self.now(), actor.account).await? {
            return Err(OfficeError::Conflict("这份名册已经撤销".into()));
        }
        let mut called_off = 0;
        for f in findings.iter().filter(|f| runs.contains(&f.run)) {
            let detail = format!("所依据的名册“{}”已撤销,请等下一次比对", batch.file_name);
            let e = NewEvent::by(Step::Withdraw.code(), &detail, actor.account, self.now());
            let to = Placed { deadline: None, ..f.placed(FindingState::Withdrawn) };
            called_off += usize::from(tx.step_finding(&self.store, f, &to, &e).await?);
        }
        self.audit(
            &mut tx,
            actor,
            Deed::WithdrawRoster,
            &format!("batch:{id}"),
            &format!("{} 撤销交办 {called_off} 条", batch.file_name),
        )
        .await?;
        tx.commit().await?;
        Ok(called_off)
    }

    /// 问题行 of a batch as a spreadsheet, from its original.
    pub async fn bad_rows(&self, actor: &Actor, id: i64) -> Result<(String, Vec<u8>)> {
        let county = self.area(actor, Action::ImportRosters)?;
        let batch = self.store.batch(county.as_str(), id).await?.ok_or(OfficeError::NotFound)?;
        let mapping = Mapping(self.store.heading_mapping(&batch.scope, &batch.source).await?);
        let today = self.clock.today();
        let store = self.store.clone();
        let (classes, schools) = (self.class_register(&county).await?, self.school_directory(&county).await?);
        let name = batch.file_name.clone();
        let made = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<u8>> {
            let bytes = store.read_file(&batch.original)?;
            let kind = SourceKind::find(&batch.source);
            let mut file = read_bytes(batch.file_name.clone(), bytes, &Reading { kind, mapping: &mapping, today })?;
            file.name_schools(&schools);
            if kind == Some(SourceKind::InSchool) {
                file.check_classes(&classes);
            }
            Ok(baoxue_documents::write::workbook(bad_rows::sheets(&file))?)
        });
        let bytes = made.await.map_err(|_| OfficeError::NotFound)?.map_err(input)?;
        let stem = name.rsplit_once('.').map_or(name.as_str(), |s| s.0);
        Ok((format!("{stem}-问题行.xlsx"), bytes))
    }
}

/// The whole chain of an error, for people.
pub fn input(e: anyhow::Error) -> OfficeError {
    match e.downcast::<baoxue_store::StoreError>() {
        Ok(e) => OfficeError::Store(e),
        Err(e) => OfficeError::Input(e.chain().map(ToString::to_string).collect::<Vec<_>>().join(":")),
    }
}

/// The department that usually has a source.
pub fn department_of(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Household | SourceKind::ResidencePermit => "公安",
        SourceKind::Births => "卫健",
        SourceKind::Poverty => "乡村振兴",
        SourceKind::Disability => "残联",
        SourceKind::Floating => "乡镇",
        SourceKind::Student
        | SourceKind::InSchool
        | SourceKind::Postponed
        | SourceKind::Exam
        | SourceKind::Diagnostic1
        | SourceKind::Diagnostic2
        | SourceKind::Diagnostic3
        | SourceKind::Kindergarten
        | SourceKind::LastYear
        | SourceKind::Cleared
        | SourceKind::PastCases => "教育",
    }
}

/// Schools that are not registered, those with the most rows first.
fn unknown_schools(file: &RosterFile) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let unknown = file.roster.issues.iter().filter(|i| i.code == IssueCode::SchoolUnknown && !i.found.is_empty());
    unknown.for_each(|i| *counts.entry(&i.found).or_default() += 1);
    let mut out: Vec<(String, usize)> = counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    out.sort_by_key(|s| std::cmp::Reverse(s.1));
    out.truncate(SHOWN_SCHOOLS);
    out
}

/// The file whose bad rows these are: it says so over the table.
fn mended_file(file: &RosterFile) -> Option<String> {
    let title = |l: &baoxue_domain::roster::Layout| l.title.split_once(bad_rows::TITLE).map(|(name, _)| name.trim().to_owned());
    let numbered = file.roster.rows.iter().any(|r| r.get(Field::OriginalRow).is_some());
    file.layouts.iter().find_map(|(_, l)| title(l)).filter(|_| numbered)
}

fn batch_of(file: &RosterFile, original: String, roster: String) -> anyhow::Result<NewBatch> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    file.roster.issues.iter().for_each(|i| *counts.entry(i.code.code()).or_default() += 1);
    let mapping = mapping_of(file);
    let columns = file.layouts.iter().flat_map(|(s, l)| {
        l.columns.iter().filter(|c| !c.heading.is_empty()).map(move |c| PreviewColumn {
            sheet: file.sheets[*s].name.clone(),
            heading: c.heading.clone(),
            field: c.slot.map_or(String::new(), |s| s.field.name().to_owned()),
        })
    });
    let worth = file.roster.issues.iter().filter(|i| i.severity() >= Severity::Confirm);
    let problems = worth.take(SHOWN_PROBLEMS).map(|i| PreviewProblem {
        cell: i.column.map(|c| address(i.row - 1, c)).unwrap_or_default(),
        severity: i.severity().label().to_owned(),
        message: i.message.clone(),
    });
    let preview = Preview {
        why: file.guess.as_ref().map(|g| g.why.clone()).unwrap_or_default(),
        doubtful: file.guess.as_ref().is_some_and(|g| g.doubtful),
        columns: columns.collect(),
        ignored: file.ignored.clone(),
        problems: problems.collect(),
        unknown_schools: unknown_schools(file),
        mends: mended_file(file),
    };
    Ok(NewBatch {
        scope: String::new(),
        source: file.kind.name().to_owned(),
        file_name: file.name.clone(),
        digest: file.digest.clone(),
        original,
        roster,
        good_rows: file.roster.rows.len() as i64,
        rejected_rows: file.roster.rejected as i64,
        passed_over_rows: file.roster.passed_over as i64,
        counts: serde_json::to_string(&counts)?,
        preview: serde_json::to_string(&preview)?,
        mapping: serde_json::to_string(&mapping)?,
        department: String::new(),
        handed_over_by: String::new(),
        handed_over_on: String::new(),
    })
}
