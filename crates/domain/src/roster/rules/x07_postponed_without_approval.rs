use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 延缓入学没有批准单位
pub(super) const RULE: CrossRule = CrossRule {
    number: "X07",
    title: "延缓入学没有批准单位",
    field: Field::ApprovedBy,
    message: "写了延缓入学的原因,却没有批准单位;延缓入学须经乡镇或县教育行政部门批准,请补上",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    row.get(Field::PostponedReason).is_some() && row.get(Field::ApprovedBy).is_none()
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::PostponedReason, "因病")], true);
    super::check(&RULE, &[(Field::PostponedReason, "因病"), (Field::ApprovedBy, "青禾县教育局")], false);
    super::check(&RULE, &[], false);
}
