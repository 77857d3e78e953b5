//! 比对的数字 (the figures of a run): what its page and the checks show.

use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::verdict::{Setting, VerdictGroup, VerdictKind};
use baoxue_linkage::Linkage;
use baoxue_store::Run;
use serde::{Deserialize, Serialize};

use crate::app::comparison::children::Child;
use crate::app::comparison::rolls::schools_without;
use crate::app::comparison::transition;
use crate::app::office::{Result, read_back};
use crate::app::place::gazetteer::Gazetteer;

/// The figures of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    pub children: i64,
    pub in_cohorts: i64,
    pub verdicts: Vec<(String, i64)>,
    pub links: i64,
    pub review_pairs: i64,
    pub decisions_used: i64,
    pub decisions_outdated: i64,
    /// Whether the weights learned from these decisions.
    #[serde(default)]
    pub learned: bool,
    pub estimated_precision: f64,
    /// Children that were not there before, are not there any more, have another verdict.
    pub new: i64,
    pub gone: i64,
    pub changed: i64,
    /// Children of whom only rosters told that were withdrawn.
    #[serde(default)]
    pub void: i64,
    pub findings_opened: i64,
    pub findings_withdrawn: i64,
    pub seconds: f64,
    pub transitions: Vec<Passage>,
    /// Schools that handed over no roll while others did, with their pupils.
    #[serde(default)]
    pub without_roll: Vec<(String, i64)>,
    pub exams: Vec<ExamSchool>,
}

/// A transition check.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Passage {
    pub label: String,
    pub leavers: i64,
    /// Children who are not seen beyond. What is known of each stands on its page.
    pub unseen: Vec<i64>,
}

/// Cross-check of a school's grade 9 against the lists of its examinations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExamSchool {
    pub school: String,
    pub path: String,
    pub enrolled: i64,
    /// Of the lists at hand: the diagnostic examinations, then the registration for the final one.
    pub exams: Vec<ExamCount>,
}

/// One examination of a school.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExamCount {
    /// Name of the source.
    pub source: String,
    /// On the list.
    pub listed: i64,
    /// …and absent on the day.
    pub absent: i64,
    /// Enrolled and not on the list.
    pub missing: Vec<i64>,
}

impl Figures {
    /// The figures of a run; none are there before it has finished.
    pub fn of_run(run: &Run) -> Result<Self> {
        run.summary.as_deref().map_or_else(|| Ok(Self::default()), |s| read_back("这次比对的结果", s))
    }
}

#[allow(clippy::too_many_arguments, reason = "what the figures are of")]
pub(in crate::app) fn figures_of(
    children: &[Child],
    ids: &[i64],
    linkage: &Linkage,
    transitions: &[transition::Checked],
    setting: &Setting,
    used: i64,
    outdated: i64,
    g: &Gazetteer,
) -> Figures {
    let count = |k: VerdictKind| children.iter().filter(|c| c.verdict.kind == k).count() as i64;
    let passages = transitions.iter().map(|t| Passage {
        label: t.passage.label().to_owned(),
        leavers: t.leavers as i64,
        unseen: t.unseen.iter().map(|(i, _)| ids[*i]).collect(),
    });
    Figures {
        children: children.len() as i64,
        in_cohorts: children.iter().filter(|c| c.birth_date.is_some_and(|b| setting.year.in_cohorts(b))).count() as i64,
        verdicts: VerdictKind::ALL.iter().map(|k| (k.code().to_owned(), count(*k))).collect(),
        links: linkage.links.len() as i64,
        review_pairs: linkage.review.len() as i64,
        decisions_used: used,
        decisions_outdated: outdated,
        estimated_precision: linkage.estimated_precision,
        transitions: passages.collect(),
        without_roll: schools_without(children).into_iter().map(|(s, n)| (s, n as i64)).collect(),
        exams: exams_of(children, ids, setting, g),
        ..Figures::default()
    }
}

/// R-CMP 6: grade 9 by school against the lists of the examinations.
fn exams_of(children: &[Child], ids: &[i64], setting: &Setting, g: &Gazetteer) -> Vec<ExamSchool> {
    let at_hand: Vec<SourceKind> = SourceKind::EXAMS.into_iter().filter(|k| setting.has(*k)).collect();
    if at_hand.is_empty() {
        return Vec::new();
    }
    let mut out: std::collections::BTreeMap<String, ExamSchool> = std::collections::BTreeMap::new();
    for (c, id) in children.iter().zip(ids) {
        let Some(row) = c.of(SourceKind::Student).or_else(|| c.of(SourceKind::InSchool)) else { continue };
        let ninth = |f: Field| row.get(f).is_some_and(|t| t.starts_with('九') || t.starts_with("初三"));
        if !(ninth(Field::Grade) || ninth(Field::Class)) || c.verdict.kind.group() != VerdictGroup::InSchool {
            continue;
        }
        let school = row.get(Field::SchoolName).unwrap_or("(未写学校)").to_owned();
        let path = g.school_of(row).map(|p| p.school().to_string()).unwrap_or_default();
        let none = || at_hand.iter().map(|k| ExamCount { source: k.name().to_owned(), ..ExamCount::default() }).collect();
        // several counties have a school of one name
        let key = if path.is_empty() { school.clone() } else { path.clone() };
        let e = out.entry(key).or_insert_with(|| ExamSchool { school, path, exams: none(), ..ExamSchool::default() });
        e.enrolled += 1;
        for (kind, exam) in at_hand.iter().zip(&mut e.exams) {
            match c.of(*kind) {
                Some(x) => {
                    exam.listed += 1;
                    exam.absent +=
                        i64::from(x.get(Field::ExamAbsence).is_some_and(|a| a.starts_with('是') || a.contains("缺考")));
                }
                None => exam.missing.push(*id),
            }
        }
    }
    out.into_values().collect()
}
