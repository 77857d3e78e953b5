//! The part of a run that computes: from rosters to children with their numbers, places and verdicts. It blocks, and writes nothing.

use anyhow::Context;
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::school::TrackingWindow;
use baoxue_domain::verdict::Setting;
use baoxue_linkage::{Encoder, InProcess, Linkage, Settings, Table, link, pinyin_syllables};
use baoxue_store::{ChildRecord, KnownChild, NewPair, Profile, SearchKind, SourceKey, StoreError};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::oneshot::Receiver;

use crate::app::comparison::children::{Child, decide_all};
use crate::app::comparison::run::binding::{Bound, bind};
use crate::app::comparison::run::figures::figures_of;
use crate::app::comparison::run::reconcile::reconcile;
use crate::app::comparison::run::{DECIDE, Given, Kernel, Known, Made, RECONCILE};
use crate::app::comparison::sources::{SourceRow, Sources};
use crate::app::comparison::transition;
use crate::app::jobs::Progress;
use crate::app::link::report::OfRun;
use crate::app::office::source_of;
use crate::app::place::gazetteer::Gazetteer;
use crate::app::roster::kept;
use crate::app::roster::reading::RosterFile;
use crate::app::roster::supersede;

/// Which file a row stands in: files are told apart by where they lie.
fn address_of(file: &RosterFile) -> usize {
    std::ptr::from_ref(file) as usize
}

pub(in crate::app) fn work(
    store: &baoxue_store::Store,
    mut given: Given,
    known: Receiver<baoxue_store::Result<Known>>,
    progress: &Progress,
) -> anyhow::Result<(Made, FxHashMap<SourceKey, i64>)> {
    let mut files: Vec<RosterFile> = given
        .batches
        .par_iter()
        .map(|b| {
            let kind = source_of(b)?;
            kept::load(store, &b.roster, &b.file_name, &b.digest, kind)
        })
        .collect::<anyhow::Result<_>>()?;
    supersede::apply(&mut supersede::in_use(&mut files, &given.batches.iter().collect::<Vec<_>>())?);
    let scope_of: FxHashMap<usize, PlacePath> =
        files.iter().zip(&given.batches).filter_map(|(f, b)| Some((address_of(f), PlacePath::parse(&b.scope)?))).collect();
    let batch_of: FxHashMap<usize, i64> = files.iter().zip(&given.batches).map(|(f, b)| (address_of(f), b.id)).collect();
    for kind in [SourceKind::Student, SourceKind::InSchool] {
        given.gazetteer.learn_classes(files.iter().filter(|f| f.kind == kind).flat_map(|f| &f.roster.rows));
    }
    let sources = Sources::gather(&files)?;
    let old =
        |roster: &str, fingerprint: &str| kept::find(store, roster, kept::key_of(fingerprint)).ok().flatten().map(|r| r.row);
    let Bound { decisions, lost } = bind(&given.decisions, &sources, old);
    let settings = Settings { retrain: given.learn, ..sources.settings() };
    let encoder = Encoder::new(&settings);
    let mut tables = sources.tables(&encoder)?;
    let linkage = link(encoder, &mut tables, &settings, &decisions, &InProcess, &Kernel(progress))?;
    progress.at(DECIDE);
    let setting = Setting { year: given.year, window: TrackingWindow::default(), sources: sources.kinds() };
    let mut children = decide_all(&sources, &tables, &linkage, &setting);
    if given.gazetteer.area().county().is_none() {
        // the row that came closest may be another county's child
        children.iter_mut().for_each(|c| c.verdict.near_miss = None);
    }
    let transitions = transition::check(&children, &sources);
    if progress.is_to_stop() {
        return Err(StoreError::Fenced.into());
    }
    progress.at(RECONCILE);
    let known = known.blocking_recv().context("服务正在停止")??;
    // numbers
    let keys: Vec<Vec<(SourceKey, i64)>> = children
        .par_iter()
        .map(|c| {
            c.rows
                .iter()
                .map(|(kind, r)| {
                    let key = SourceKey { source: *kind, fingerprint: kept::key_of(&r.fingerprint) };
                    (key, batch_of[&address_of(r.file)])
                })
                .collect()
        })
        .collect();
    let held: Vec<Vec<i64>> =
        keys.par_iter().map(|rows| rows.iter().filter_map(|(k, _)| known.sources.get(k).copied()).collect()).collect();
    let vault = store.vault();
    let by_number = |group: usize| -> Option<i64> {
        // digests are dear
        if known.by_id.is_empty() {
            return None;
        }
        let id = children[group].rows.iter().find_map(|(_, r)| r.row.national_id)?;
        known.by_id.get(&vault.token(SearchKind::Id.code(), &id.to_string())).copied().flatten()
    };
    let numbers = reconcile(&held, by_number);
    let mut new_children = 0;
    let ids: Vec<i64> = numbers
        .numbers
        .iter()
        .map(|n| {
            n.unwrap_or_else(|| {
                new_children += 1;
                -new_children
            })
        })
        .collect();
    let seen: rustc_hash::FxHashSet<i64> = ids.iter().copied().chain(numbers.merged.iter().map(|m| m.1)).collect();
    let mut gone: Vec<KnownChild> = known.children.values().filter(|k| !seen.contains(&k.id)).cloned().collect();
    gone.sort_by_key(|k| k.id);
    let mut events: Vec<(i64, i64, &'static str)> =
        numbers.merged.iter().map(|(kept, other)| (*kept, *other, "merged")).collect();
    events.extend(numbers.split.iter().map(|(group, from)| (ids[*group], *from, "split")));
    let pairs = pairs_of(&linkage, &sources, &tables, &children, &ids, &batch_of);
    let mut figures = figures_of(
        &children,
        &ids,
        &linkage,
        &transitions,
        &setting,
        decisions.len() as i64,
        lost.len() as i64,
        &given.gazetteer,
    );
    let kinds = children.iter().map(|c| c.verdict.kind).collect();
    // no row is named: the page has no personal data
    let names: Vec<&str> = sources.kinds().iter().map(|k| k.label()).collect();
    let of = OfRun { linkage: &linkage, names: &names, sharp_rules: settings.blocking.sharp.len(), absent: &[], tables: None };
    let report = of.body()?;
    figures.learned = settings.retrain && figures.decisions_used > 0;
    // what the kernel holds of a large place is freed before its children are made
    drop((linkage, tables));
    let records: Vec<ChildRecord> = keys
        .into_par_iter()
        .enumerate()
        .map(|(i, rows)| {
            let c = &children[i];
            let profile = profile_of(c);
            ChildRecord {
                id: ids[i],
                known: known.children.get(&ids[i]).cloned(),
                syllables: pinyin_syllables(&profile.name),
                sex: c.rows.iter().find_map(|(_, r)| r.row.sex).map(|s| s.label().to_owned()),
                birth_date: c.birth_date.map(|d| d.to_string()),
                verdict: c.verdict.kind.code().to_owned(),
                reason: c.verdict.reason.clone(),
                near_miss: c.verdict.near_miss.as_ref().map(ToString::to_string).unwrap_or_default(),
                certainty: (c.certainty * 1000.0) as i64,
                paths: paths_of(c, &given.gazetteer, &scope_of),
                rows,
                profile,
            }
        })
        .collect();
    let settings = settings.to_toml();
    let here_before = known.children.values().filter(|k| k.gone_since_run.is_none()).count() as i64;
    // millions of small pieces: the run does not wait until they are freed
    drop(children);
    drop(sources);
    rayon::spawn(move || files.into_par_iter().for_each(drop));
    let made = Made {
        children: records,
        kinds,
        events,
        gone,
        void: FxHashSet::default(),
        here_before,
        pairs,
        figures,
        settings,
        report,
        new_children,
        lost_decisions: lost,
    };
    Ok((made, known.sources))
}

fn profile_of(c: &Child) -> Profile {
    let main = c.main_row();
    let any = |of: &dyn Fn(&baoxue_domain::roster::RosterRow) -> Option<&str>| {
        of(main).or_else(|| c.rows.iter().find_map(|(_, r)| of(r.row))).unwrap_or("").to_owned()
    };
    let school = |f: Field| {
        let rows = [SourceKind::InSchool, SourceKind::Student, SourceKind::LastYear];
        rows.iter().find_map(|s| c.of(*s).and_then(|r| r.get(f))).unwrap_or("").to_owned()
    };
    let (grade, class) = (school(Field::Grade), school(Field::Class));
    let class =
        if !grade.is_empty() && class.starts_with(grade.trim_end_matches("年级")) { class } else { format!("{grade}{class}") };
    let mut sources: Vec<&str> = Vec::new();
    for (kind, _) in &c.rows {
        if !sources.contains(&kind.label()) {
            sources.push(kind.label());
        }
    }
    let id = any(&|r| Some(r.id_text()).filter(|t| !t.is_empty()));
    Profile {
        name: c.name().to_owned(),
        national_id: id,
        guardian: any(&|r| r.family_adult()),
        phone: any(&|r| r.family_phone()),
        address: any(&|r| r.get(Field::Address).or_else(|| r.any_address())),
        register_address: any(&|r| r.get(Field::RegisterAddress)),
        school: school(Field::SchoolName),
        class,
        sources: sources.join("、"),
    }
}

/// Residence, household register, school. Where rows do not say, the county whose roster they stand in is where the child lives; where a
/// larger place handed it over, that place: nobody is without a place.
fn paths_of(c: &Child, g: &Gazetteer, scope_of: &FxHashMap<usize, PlacePath>) -> [Option<String>; 3] {
    const HOME: [SourceKind; 6] = [
        SourceKind::Floating,
        SourceKind::ResidencePermit,
        SourceKind::Poverty,
        SourceKind::Disability,
        SourceKind::Household,
        SourceKind::Births,
    ];
    let county = |r: &SourceRow| scope_of.get(&address_of(r.file)).and_then(PlacePath::county);
    let place = |r: &SourceRow| g.of_row(r.row, county(r).as_ref());
    let of = |kind: SourceKind| c.rows.iter().find(|(k, _)| *k == kind).map(|(_, r)| *r);
    let register = of(SourceKind::Household).and_then(|r| place(r).or_else(|| county(r)));
    let home = HOME.iter().find_map(|s| of(*s).and_then(place));
    let home = home.or_else(|| c.rows.iter().find_map(|(_, r)| place(r)));
    let handed_over = || HOME.iter().find_map(|s| of(*s).and_then(county)).or_else(|| c.rows.iter().find_map(|(_, r)| county(r)));
    let school = [SourceKind::InSchool, SourceKind::Student].iter().find_map(|s| c.of(*s).and_then(|r| g.school_of(r)));
    let residence = home.or_else(|| register.clone()).or_else(handed_over).unwrap_or_else(|| g.area().clone());
    [Some(residence), register, school].map(|p| p.map(|p| p.as_str().to_owned()))
}

fn pairs_of(
    linkage: &Linkage,
    sources: &Sources,
    tables: &[Table],
    children: &[Child],
    ids: &[i64],
    batch_of: &FxHashMap<usize, i64>,
) -> Vec<NewPair> {
    let named: FxHashSet<&str> =
        linkage.review.iter().flat_map(|l| [l.left, l.right]).map(|m| sources.row(tables, m).fingerprint.as_str()).collect();
    let mut child_of: FxHashMap<&str, i64> = FxHashMap::default();
    for (c, id) in children.iter().zip(ids).filter(|_| !named.is_empty()) {
        let of = c.rows.iter().map(|(_, r)| r.fingerprint.as_str()).filter(|f| named.contains(f));
        child_of.extend(of.map(|f| (f, *id)));
    }
    linkage
        .review
        .iter()
        .map(|l| {
            let side = |m: baoxue_linkage::Member| {
                let r = sources.row(tables, m);
                let kind = sources.kind(m.source.into());
                (kind.name().to_owned(), r.fingerprint.clone(), batch_of[&address_of(r.file)])
            };
            let levels: Vec<(&str, &str)> = linkage
                .comparisons
                .iter()
                .zip(linkage.levels(l))
                .map(|((name, labels), level)| (name.as_str(), if level == 0 { "" } else { labels[usize::from(level) - 1] }))
                .collect();
            let (left, right) = (side(l.left), side(l.right));
            NewPair {
                left_child: child_of.get(left.1.as_str()).copied(),
                right_child: child_of.get(right.1.as_str()).copied(),
                left,
                right,
                probability_ppm: (l.probability * 1e6) as i64,
                levels: serde_json::to_string(&levels).unwrap_or_default(),
            }
        })
        .collect()
}
