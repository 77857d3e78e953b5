//! 人工认定 (human decisions): what a person has said about pairs, an input to assignment.

/// What a person said of two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// 同一人: must be linked.
    Same,
    /// 不是同一人: must never be linked.
    Different,
}

/// One decision about two rows, named by source and record id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Source number and record id of one row.
    pub left: (usize, String),
    /// Source number and record id of the other.
    pub right: (usize, String),
    /// What was said.
    pub judgement: Judgement,
}

/// All decisions of a run.
pub type Decisions = Vec<Decision>;
