//! 比对 (the comparison): rosters in, one verdict a child and three ledgers out. No database.

pub mod agreement;
pub mod checks;
pub mod children;
pub mod judging;
mod platform;
mod review;
pub mod rolls;
pub mod run;
pub mod sources;
mod summary;
pub mod transition;
mod write;

use std::path::PathBuf;

use anyhow::bail;
use baoxue_domain::roster::{Mapping, SourceKind};
use baoxue_domain::school::{SchoolYear, TrackingWindow};
use baoxue_domain::verdict::Setting;
use baoxue_linkage::{Encoder, Engine, Settings, link};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::app::clock::peak_memory_bytes;
use crate::app::link::{Stages, Timing};
use crate::app::roster::reading::{Reading, RosterFile, check_classes, name_schools, read};

pub use summary::Summary;

/// What `baoxue compare` is asked to do.
pub struct Request {
    /// Files, with the kind where it was said.
    pub files: Vec<(PathBuf, Option<SourceKind>)>,
    /// The school year.
    pub year: SchoolYear,
    /// Folder for the result.
    pub out: PathBuf,
    /// Review files that people filled in.
    pub decisions: Vec<PathBuf>,
    /// Whether the weights learn from them.
    pub retrain: bool,
    /// What was said of headings.
    pub mapping: Mapping,
    /// Folder of an earlier run to compare with; by default what stands in `out`.
    pub previous: Option<PathBuf>,
    /// The day of the comparison.
    pub today: Date,
    /// Name of the unit, for titles.
    pub unit: String,
}

/// What a run gave.
pub struct Outcome {
    /// The figures.
    pub summary: Summary,
    /// Seconds by stage.
    pub timings: Vec<Timing>,
    /// Largest memory held.
    pub peak_memory_bytes: Option<u64>,
}

/// Fewest sources that can be compared.
const MIN_SOURCES: usize = 2;

/// Runs a comparison. The result folder is only touched when everything has succeeded.
pub fn run(request: &Request, engine: &dyn Engine, tell: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Outcome> {
    let target = write::Target::prepare(&request.out)?;
    let stages = Stages::new(tell);
    stages.begin("read");
    let mut files = read_all(request)?;
    name_schools(files.iter_mut());
    check_classes(files.iter_mut());
    files.par_iter_mut().for_each(RosterFile::keep_only_problems);
    let sources = sources::Sources::gather(&files)?;
    let kinds = sources.kinds();
    if kinds.len() < MIN_SOURCES {
        bail!("只有{}一种名册,没有可比对的;请至少再给一种(例如学籍或户籍)", kinds.first().map_or("", |k| k.label()));
    }
    if !kinds.iter().any(|k| matches!(k, SourceKind::Student | SourceKind::InSchool)) {
        bail!("没有学籍或在校实名名册,无从判断谁在学;请加上其中一种");
    }
    let said = review::read_decisions(&request.decisions, &sources)?;
    let settings = Settings { retrain: request.retrain, ..sources.settings() };
    let encoder = Encoder::new(&settings);
    let mut tables = sources.tables(&encoder)?;
    let linkage = link(encoder, &mut tables, &settings, &said.decisions, engine, &stages)?;
    stages.begin("decide");
    let setting = Setting { year: request.year, window: TrackingWindow::default(), sources: kinds };
    let children = children::decide_all(&sources, &tables, &linkage, &setting);
    let transitions = transition::check(&children, &sources);
    let previous = summary::Previous::load(request.previous.as_deref().unwrap_or(&request.out))?;
    let summary = summary::build(request, &files, &sources, &linkage, &children, &transitions, &said, previous.as_ref());
    stages.begin("write");
    let result = write::Result {
        request,
        files: &files,
        sources: &sources,
        tables: &tables,
        linkage: &linkage,
        children: &children,
        transitions: &transitions,
        summary: &summary,
    };
    result.write(&target)?;
    let timings = stages.timings();
    let peak_memory_bytes = peak_memory_bytes();
    summary::write_json(&target.folder, &summary, &timings, peak_memory_bytes, &settings)?;
    target.put_in_place()?;
    Ok(Outcome { summary, timings, peak_memory_bytes })
}

/// Reads all files, the largest first, each by whichever thread is free.
fn read_all(request: &Request) -> anyhow::Result<Vec<RosterFile>> {
    let mut order: Vec<usize> = (0..request.files.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(std::fs::metadata(&request.files[*i].0).map_or(0, |m| m.len())));
    let mut files: Vec<(usize, anyhow::Result<RosterFile>)> = order
        .into_iter()
        .par_bridge()
        .map(|i| {
            let (path, kind) = &request.files[i];
            (i, read(path, &Reading { kind: *kind, mapping: &request.mapping, today: request.today }))
        })
        .collect();
    // in the order in which they were given, so that the first bad file is the one named
    files.sort_by_key(|f| f.0);
    files.into_iter().map(|f| f.1).collect()
}
