//! 衔接核查 (transition checks), R-CMP 7: who left one stage and is on no register of the next.

use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::verdict::VerdictGroup;

use crate::app::comparison::children::Child;
use crate::app::comparison::sources::Sources;

/// One of the three passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// 幼升小
    KindergartenToPrimary,
    /// 小升初
    PrimaryToJunior,
    /// 初中毕业去向
    JuniorLeavers,
}

impl Passage {
    pub const ALL: [Passage; 3] = [Passage::KindergartenToPrimary, Passage::PrimaryToJunior, Passage::JuniorLeavers];

    pub fn label(self) -> &'static str {
        match self {
            Self::KindergartenToPrimary => "幼升小",
            Self::PrimaryToJunior => "小升初",
            Self::JuniorLeavers => "初中毕业去向",
        }
    }
}

/// Who should have passed, and who is not seen beyond.
pub struct Checked {
    pub passage: Passage,
    /// Leavers of the lower stage.
    pub leavers: usize,
    /// Places of the children in the run's list who are not seen beyond, and what is known.
    pub unseen: Vec<(usize, String)>,
}

/// Checks the passages for which rosters are at hand.
pub fn check(children: &[Child], sources: &Sources) -> Vec<Checked> {
    let has = |k: SourceKind| sources.iter().any(|(kind, _)| kind == k);
    let mut out = Vec::new();
    for passage in Passage::ALL {
        let from = if passage == Passage::KindergartenToPrimary { SourceKind::Kindergarten } else { SourceKind::LastYear };
        if !has(from) {
            continue;
        }
        let leavers: Vec<usize> = (0..children.len()).filter(|i| leaves(&children[*i], passage)).collect();
        let unseen =
            leavers.iter().filter_map(|i| unseen(&children[*i], passage, has(SourceKind::Exam)).map(|w| (*i, w))).collect();
        out.push(Checked { passage, leavers: leavers.len(), unseen });
    }
    out
}

fn leaves(child: &Child, passage: Passage) -> bool {
    let last = |grades: &[&str]| {
        child.of(SourceKind::LastYear).and_then(|r| r.get(Field::Grade)).is_some_and(|g| grades.iter().any(|x| g.starts_with(x)))
    };
    match passage {
        Passage::KindergartenToPrimary => child.of(SourceKind::Kindergarten).is_some(),
        Passage::PrimaryToJunior => last(&["六年级", "小学六"]),
        Passage::JuniorLeavers => last(&["九年级", "初三", "初中三"]),
    }
}

/// `None` when the child is seen in the next stage.
fn unseen(child: &Child, passage: Passage, exam_known: bool) -> Option<String> {
    if passage == Passage::JuniorLeavers {
        // 提前分流、弃考 apart
        return match child.of(SourceKind::Exam) {
            Some(e) if e.get(Field::ExamAbsence).is_some_and(|a| a.starts_with('是') || a.contains("缺考")) => {
                Some("中考报名后缺考,请核实去向".to_owned())
            }
            Some(_) => None,
            None if exam_known => Some("未见中考报名,请核实是否提前分流到职业学校".to_owned()),
            None => None,
        };
    }
    (child.verdict.kind.group() != VerdictGroup::InSchool)
        .then(|| format!("{}:{}", child.verdict.kind.label(), child.verdict.told()))
}
