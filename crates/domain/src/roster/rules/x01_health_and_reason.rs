use jiff::civil::Date;

use super::CrossRule;
use crate::roster::{Field, RosterRow};

/// 健康状况与未上学原因矛盾
pub(super) const RULE: CrossRule = CrossRule {
    number: "X01",
    title: "健康状况与未上学原因矛盾",
    field: Field::Health,
    message: "健康状况写“健康”,未上学原因却是“因病”,请核对其中一项",
    broken,
};

fn broken(row: &RosterRow, _today: Date) -> bool {
    let healthy = row.get(Field::Health).is_some_and(|h| h.contains("健康") || h.contains("良好"));
    let ill = row.get(Field::OutOfSchoolReason).is_some_and(|r| r.contains("因病") || r.contains("疾病"));
    healthy && ill
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::Health, "健康"), (Field::OutOfSchoolReason, "因病")], true);
    super::check(&RULE, &[(Field::Health, "健康")], false);
    super::check(&RULE, &[(Field::Health, "残疾"), (Field::OutOfSchoolReason, "因病")], false);
}
