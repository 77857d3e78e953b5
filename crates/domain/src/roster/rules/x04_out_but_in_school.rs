use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 既写失学辍学又写在读
pub(super) const RULE: CrossRule = CrossRule {
    number: "X04",
    title: "既写失学辍学又写在读",
    field: Field::OutOfSchool,
    message: "写明失学辍学,在校生状况却是在读,请核对其中一项",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    super::says_yes(row.get(Field::OutOfSchool))
        && row
            .get(Field::InSchoolStatus)
            .is_some_and(|s| !s.contains("非在校") && !s.contains("不在校") && !s.contains("未") && !s.starts_with('否'))
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::OutOfSchool, "是"), (Field::InSchoolStatus, "小学")], true);
    super::check(&RULE, &[(Field::OutOfSchool, "是"), (Field::InSchoolStatus, "非在校生")], false);
    super::check(&RULE, &[(Field::OutOfSchool, "否"), (Field::InSchoolStatus, "小学")], false);
}
