use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 失学辍学没有原因
pub(super) const RULE: CrossRule = CrossRule {
    number: "X02",
    title: "失学辍学没有原因",
    field: Field::OutOfSchoolReason,
    message: "写明失学辍学,却没有写未上学原因,请补上",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    super::says_yes(row.get(Field::OutOfSchool)) && row.get(Field::OutOfSchoolReason).is_none()
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::OutOfSchool, "是")], true);
    super::check(&RULE, &[(Field::OutOfSchool, "是"), (Field::OutOfSchoolReason, "厌学")], false);
    super::check(&RULE, &[(Field::OutOfSchool, "否")], false);
}
