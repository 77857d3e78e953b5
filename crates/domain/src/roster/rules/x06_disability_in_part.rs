use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 残疾类别与等级缺一
pub(super) const RULE: CrossRule = CrossRule {
    number: "X06",
    title: "残疾类别与等级缺一",
    field: Field::DisabilityGrade,
    message: "残疾类别与残疾等级只填了一项,请补全",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    row.get(Field::DisabilityKind).is_some_and(|k| k != "无残疾") != row.get(Field::DisabilityGrade).is_some()
        && row.get(Field::DisabilityCertificate).is_some()
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::DisabilityKind, "视力"), (Field::DisabilityCertificate, "1")], true);
    super::check(
        &RULE,
        &[(Field::DisabilityKind, "视力"), (Field::DisabilityGrade, "二级"), (Field::DisabilityCertificate, "1")],
        false,
    );
    super::check(&RULE, &[(Field::DisabilityKind, "视力")], false);
}
