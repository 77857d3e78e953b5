//! 挂靠关系 (what hangs on what): every column that names a child, a place or a stored file, with what a merge of children, a relocation
//! of places and the sweeper of files do to it. The three walk these tables; a test fails for a column that is not named.

/// What a merge does to rows that name the child that is merged away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMerge {
    /// They go to the child that stays.
    Follow,
    /// They are deleted: what they say is said of the child that stays.
    End,
    /// They stay as they are: what was written down then was of that number, which leads to the child that stays.
    Stay,
}

/// What a relocation does to rows that name a place that becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRelocation {
    /// They name the new place from now on; what was before is kept in `child_past` and in events.
    Follow,
    /// They end and begin anew, or move with a key of their own: `relocation.rs` has a step for them.
    Own,
    /// They stay as they are: they say what was.
    Stay,
}

/// Table, column, what a merge does.
const CHILDREN: &[(&str, &str, OnMerge)] = &[
    ("boarder", "child_id", OnMerge::Follow),
    ("case_file", "child_id", OnMerge::Follow),
    ("case_file", "origin_child_id", OnMerge::Stay),
    ("child", "merged_into", OnMerge::Stay),
    ("child_event", "child_id", OnMerge::Stay),
    ("child_event", "other_id", OnMerge::Stay),
    ("child_past", "child_id", OnMerge::Stay),
    ("child_past", "merged_into", OnMerge::Stay),
    ("child_profile", "child_id", OnMerge::Stay),
    ("child_search", "child_id", OnMerge::End),
    ("child_source", "child_id", OnMerge::Follow),
    ("establishment", "child_id", OnMerge::Follow),
    ("establishment", "origin_child_id", OnMerge::Stay),
    ("finding", "child_id", OnMerge::Follow),
    ("leave_of_absence", "child_id", OnMerge::Follow),
    ("ledger_entry", "child_id", OnMerge::Stay),
    ("newcomer", "child_id", OnMerge::Follow),
    ("register_mark", "child_id", OnMerge::Stay),
    ("review_pair", "left_child", OnMerge::Follow),
    ("review_pair", "right_child", OnMerge::Follow),
    ("run_change", "child_id", OnMerge::Stay),
    ("standing", "child_id", OnMerge::Stay),
    ("warning", "child_id", OnMerge::Follow),
    ("watch", "child_id", OnMerge::Follow),
];

/// Table, column, what a relocation does.
const PLACES: &[(&str, &str, OnRelocation)] = &[
    ("audit", "place_path", OnRelocation::Stay),
    ("batch", "scope_path", OnRelocation::Stay),
    ("boarder", "class_path", OnRelocation::Follow),
    ("case_ask", "target_path", OnRelocation::Follow),
    ("case_ask", "unit_path", OnRelocation::Follow),
    ("case_file", "asking_path", OnRelocation::Follow),
    ("case_file", "partner_path", OnRelocation::Follow),
    ("case_file", "scope_path", OnRelocation::Stay),
    ("case_paper", "unit_path", OnRelocation::Stay),
    ("case_return", "school_path", OnRelocation::Follow),
    ("catchment", "school_path", OnRelocation::Own),
    ("catchment", "village_path", OnRelocation::Own),
    ("child", "register_path", OnRelocation::Follow),
    ("child", "residence_path", OnRelocation::Follow),
    ("child", "school_path", OnRelocation::Follow),
    ("child", "scope_path", OnRelocation::Stay),
    ("child_past", "register_path", OnRelocation::Stay),
    ("child_past", "residence_path", OnRelocation::Stay),
    ("child_past", "school_path", OnRelocation::Stay),
    ("child_source", "scope_path", OnRelocation::Stay),
    ("class_count", "class_path", OnRelocation::Own),
    ("contact", "unit_path", OnRelocation::Stay),
    ("decision", "scope_path", OnRelocation::Stay),
    ("establishment", "unit_path", OnRelocation::Follow),
    ("event", "unit_path", OnRelocation::Stay),
    ("heading", "scope_path", OnRelocation::Stay),
    ("learning_record", "class_path", OnRelocation::Follow),
    ("leave_of_absence", "class_path", OnRelocation::Follow),
    ("newcomer", "class_path", OnRelocation::Follow),
    ("offline_record", "place_path", OnRelocation::Stay),
    ("place", "path", OnRelocation::Own),
    ("place", "town_path", OnRelocation::Own),
    ("role_grant", "path", OnRelocation::Own),
    ("roll_class", "path", OnRelocation::Follow),
    ("roll_duty", "class_path", OnRelocation::Follow),
    ("roll_over", "scope_path", OnRelocation::Stay),
    ("run", "scope_path", OnRelocation::Stay),
    ("day_exception", "scope_path", OnRelocation::Follow),
    ("school_alias", "school_path", OnRelocation::Follow),
    ("school_alias", "scope_path", OnRelocation::Stay),
    ("school_term", "scope_path", OnRelocation::Stay),
    ("series", "scope_path", OnRelocation::Stay),
    ("session", "place_path", OnRelocation::Own),
    ("setting", "scope_path", OnRelocation::Stay),
    ("task", "unit_path", OnRelocation::Follow),
    ("warning", "class_path", OnRelocation::Follow),
    ("watch", "class_path", OnRelocation::Follow),
];

/// Table and column of names of stored files.
const FILES: &[(&str, &str)] = &[("batch", "original"), ("batch", "roster"), ("file", "stored")];

/// Columns that name a child.
pub fn columns_of_children() -> &'static [(&'static str, &'static str, OnMerge)] {
    CHILDREN
}

/// Columns that name a place.
pub fn columns_of_places() -> &'static [(&'static str, &'static str, OnRelocation)] {
    PLACES
}

/// Columns that name a stored file.
pub fn columns_of_files() -> &'static [(&'static str, &'static str)] {
    FILES
}
