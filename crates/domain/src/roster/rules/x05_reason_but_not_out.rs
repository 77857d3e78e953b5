use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 有未上学原因却写没有失学辍学
pub(super) const RULE: CrossRule = CrossRule {
    number: "X05",
    title: "有未上学原因却写没有失学辍学",
    field: Field::OutOfSchoolReason,
    message: "填写了未上学原因,却写没有失学辍学,请核对其中一项",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    row.get(Field::OutOfSchool).is_some_and(|v| v.starts_with('否'))
        && row.get(Field::OutOfSchoolReason).is_some_and(|r| !r.contains("延缓"))
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::OutOfSchool, "否"), (Field::OutOfSchoolReason, "厌学")], true);
    super::check(&RULE, &[(Field::OutOfSchool, "否"), (Field::OutOfSchoolReason, "延缓入学")], false);
    super::check(&RULE, &[(Field::OutOfSchool, "否")], false);
}
