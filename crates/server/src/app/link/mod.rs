//! Linking files of columns: read, run the kernel, write the answer.

mod columns;
pub mod report;
pub mod reviewed;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use baoxue_linkage::evaluate::{Evaluation, Quality, Truth, evaluate, evaluate_absent};
use baoxue_linkage::{Absent, Encoder, Engine, Linkage, Member, Observer, Settings, Stage, Table, infer, link};
use rayon::prelude::*;
use serde::Serialize;

use super::clock::{Stopwatch, peak_memory_bytes};
use reviewed::Said;

/// What `baoxue link` is asked to do.
pub struct Request {
    /// One file with `dedupe`, else two or more.
    pub files: Vec<PathBuf>,
    /// Find rows of one child inside one file.
    pub dedupe: bool,
    /// Settings file; without one they are inferred.
    pub settings: Option<PathBuf>,
    /// Files in which people said of pairs whether they are one person.
    pub decisions: Vec<PathBuf>,
    /// Whether the weights learn from them.
    pub retrain: bool,
    /// Files among these: who is on the first and not on such a one is listed too.
    pub absent_from: Vec<PathBuf>,
    /// Folder for the answer.
    pub out: PathBuf,
    /// File for the page that explains the run.
    pub report: Option<PathBuf>,
    /// Column that holds the truth, only to judge the run by.
    pub truth: Option<String>,
}

/// What the run gave, for the terminal.
pub struct Outcome {
    pub settings: Settings,
    pub inferred: bool,
    pub linkage: Linkage,
    pub absent: Vec<AbsentFrom>,
    pub evaluation: Option<Evaluation>,
    pub said: Said,
    pub timings: Vec<Timing>,
    pub peak_memory_bytes: Option<u64>,
    pub table_names: Vec<String>,
}

/// Who is on the first file and not on another.
pub struct AbsentFrom {
    pub source: u16,
    pub base: u16,
    /// Name of the list.
    pub file: String,
    pub list: Absent,
    /// How right it is, where that is known.
    pub quality: Option<Quality>,
}

impl AbsentFrom {
    /// How many, and how right the list is expected to be.
    pub fn sentence(&self, names: &[impl AsRef<str>]) -> String {
        format!(
            "{} 里有、{} 里没有的 {} 人(预计其中 {} 确实没有),另有 {} 人待人工认定;见 {}",
            names[usize::from(self.base)].as_ref(),
            names[usize::from(self.source)].as_ref(),
            self.list.children.len(),
            report::expected(self.list.precision, self.list.children.len()),
            self.list.in_review,
            self.file
        )
    }
}

/// Seconds that a stage took.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    pub stage: String,
    pub seconds: f64,
}

/// Notes when each stage began, and how many candidates are right where that is known.
pub struct Stages<'a> {
    watch: Stopwatch,
    began: Mutex<Vec<(String, f64)>>,
    tell: &'a (dyn Fn(&str) + Sync),
    /// Who is who, where the run is to be judged.
    truth: Option<Truth>,
    /// Candidates that are one person by this.
    right_candidates: AtomicU64,
}

impl<'a> Stages<'a> {
    pub fn new(tell: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { watch: Stopwatch::start(), began: Mutex::new(Vec::new()), tell, truth: None, right_candidates: AtomicU64::new(0) }
    }

    pub fn begin(&self, stage: &str) {
        (self.tell)(stage);
        if let Ok(mut began) = self.began.lock() {
            began.push((stage.to_owned(), self.watch.elapsed().as_secs_f64()));
        }
    }

    pub fn timings(&self) -> Vec<Timing> {
        let now = self.watch.elapsed().as_secs_f64();
        let Ok(began) = self.began.lock() else { return Vec::new() };
        began
            .iter()
            .enumerate()
            .map(|(i, (stage, at))| {
                let end = began.get(i + 1).map_or(now, |n| n.1);
                Timing { stage: stage.clone(), seconds: ((end - at) * 1000.0).round() / 1000.0 }
            })
            .collect()
    }
}

impl Observer for Stages<'_> {
    fn stage(&self, stage: Stage) -> bool {
        self.begin(match stage {
            Stage::Encode => "encode",
            Stage::BlockSharp => "block-sharp",
            Stage::Train => "train",
            Stage::BlockBroad => "block-broad",
            Stage::Assign => "assign",
            Stage::LeftOver => "left-over",
            Stage::Cluster => "cluster",
        });
        true
    }

    fn candidates(&self, tables: &[Table], pairs: &mut dyn Iterator<Item = (Member, Member)>) {
        if let Some(truth) = &self.truth {
            let right = pairs.filter(|(left, right)| truth.is_one(tables, *left, *right)).count();
            self.right_candidates.store(right as u64, Ordering::Relaxed);
        }
    }
}

/// Runs a request. Nothing is written unless the whole run succeeds.
pub fn run(request: &Request, engine: &dyn Engine, tell: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Outcome> {
    match (request.files.len(), request.dedupe) {
        (1, true) | (2.., false) => {}
        (1, false) => bail!("只给了一个文件:要找同一文件内的重复,请加 --dedupe;要比对,请再给一个文件"),
        (_, true) => bail!("--dedupe 只用于一个文件"),
        (_, false) => bail!("请至少给两个文件"),
    }
    let absent_from: BTreeSet<u16> =
        request.absent_from.iter().map(|f| source_number(request, f)).collect::<anyhow::Result<_>>()?;
    let mut stages = Stages::new(tell);
    stages.begin("read");
    let sources: Vec<columns::Source> = request.files.par_iter().map(|f| columns::open(f)).collect::<anyhow::Result<_>>()?;
    let headings: Vec<Vec<String>> = sources.iter().map(columns::Source::headings).collect();
    let (mut settings, inferred) = settings_for(request.settings.as_deref(), &headings)?;
    settings.retrain |= request.retrain;
    check_columns(&settings, &headings, &request.files)?;
    let truth_column = request.truth.as_deref();
    let encoder = Encoder::new(&settings);
    let read: Vec<(Table, Option<arrow_array::StringArray>)> =
        sources.into_par_iter().map(|s| s.into_table(&encoder, &settings, truth_column)).collect::<anyhow::Result<_>>()?;
    let (mut tables, truth): (Vec<Table>, Vec<_>) = read.into_iter().unzip();
    stages.truth = truth.into_iter().collect::<Option<Vec<_>>>().map(Truth);
    let said = reviewed::read(&request.decisions, &tables)?;
    let linkage = link(encoder, &mut tables, &settings, &said.decisions, engine, &stages)?;
    stages.begin("write");
    let right = stages.right_candidates.load(Ordering::Relaxed);
    let evaluation = stages.truth.as_ref().map(|t| evaluate(&linkage, &tables, t, right));
    let table_names = tables.iter().map(|t| t.name.clone()).collect();
    let absent = |source: u16| {
        // the first file is the one of all children
        let base = u16::from(source == 0);
        let list = linkage.absent_from(source, base);
        let quality = stages.truth.as_ref().map(|t| evaluate_absent(&list, source, base, &tables, t));
        AbsentFrom { source, base, file: write::absent_file(source), list, quality }
    };
    let absent: Vec<AbsentFrom> = absent_from.into_iter().map(absent).collect();
    write::all(&request.out, &tables, &linkage, &absent)?;
    let timings = stages.timings();
    let peak_memory_bytes = peak_memory_bytes();
    let outcome = Outcome { settings, inferred, linkage, absent, evaluation, said, timings, peak_memory_bytes, table_names };
    write::run_json(&request.out, &outcome)?;
    if let Some(path) = &request.report {
        report::write(path, &outcome, &tables)?;
    }
    Ok(outcome)
}

/// Of registers without a row: whoever is on no other list because of it is not missing.
pub fn without_rows(linkage: &Linkage, names: &[impl AsRef<str>]) -> Vec<String> {
    let empty = names.iter().map(AsRef::as_ref).zip(&linkage.counts.rows).filter(|(_, rows)| **rows == 0);
    let say =
        |(name, _): (&str, &usize)| format!("提示:{name} 没有数据行,与它比对找不到任何人,“未匹配”不能说明谁缺失;请检查这份文件");
    empty.map(say).collect()
}

fn source_number(request: &Request, file: &Path) -> anyhow::Result<u16> {
    let place = |f: &Path| std::fs::canonicalize(f).unwrap_or_else(|_| f.to_owned());
    let at = request.files.iter().position(|f| place(f) == place(file));
    at.map(|i| i as u16).with_context(|| format!("--absent-from 的文件 {} 不在要比对的文件之中", file.display()))
}

fn settings_for(file: Option<&Path>, headings: &[Vec<String>]) -> anyhow::Result<(Settings, bool)> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).with_context(|| format!("无法读取设置文件 {}", path.display()))?;
        return Ok((Settings::parse(&text).with_context(|| format!("{}", path.display()))?, false));
    }
    match infer(headings) {
        Some(s) => Ok((s, true)),
        None => bail!(
            "从表头“{}”看不出哪一列是姓名、身份证号或出生日期;请用 --settings 写明各列(写法见 README)",
            headings.first().map(|h| h.join("、")).unwrap_or_default()
        ),
    }
}

/// Every column must be in some file, and every file must have one at least.
fn check_columns(settings: &Settings, headings: &[Vec<String>], files: &[PathBuf]) -> anyhow::Result<()> {
    for c in &settings.columns {
        if !headings.iter().any(|h| c.headings().any(|n| h.iter().any(|x| x == n))) {
            bail!("设置中的列“{}”不在任何文件里;文件 {} 的表头是:{}", c.name, files[0].display(), headings[0].join("、"));
        }
    }
    for (h, f) in headings.iter().zip(files) {
        if !settings.columns.iter().any(|c| c.headings().any(|n| h.iter().any(|x| x == n))) {
            bail!("文件 {} 没有设置中的任何一列;它的表头是:{}", f.display(), h.join("、"));
        }
        if let Some(id) = &settings.id
            && !h.contains(id)
        {
            bail!("文件 {} 没有编号列“{id}”;请改正设置中的 id,或删去它(行号即编号)", f.display());
        }
    }
    Ok(())
}
