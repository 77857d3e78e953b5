use jiff::civil::Date;

use super::CrossRule;
use crate::person::age_on;
use crate::roster::{Field, RosterRow};

/// 年级与年龄相差太远
pub(super) const RULE: CrossRule = CrossRule {
    number: "X08",
    title: "年级与年龄相差太远",
    field: Field::Grade,
    message: "年级与年龄相差 4 年以上,请核对年级和出生日期",
    broken,
};

fn broken(row: &RosterRow, today: Date) -> bool {
    const MOST_YEARS_APART: i16 = 4;
    let (Some(birth), Some(grade)) = (row.birth_date, row.get(Field::Grade).and_then(super::grade_number)) else { return false };
    (age_on(birth, today) - 6 + 1 - grade).abs() > MOST_YEARS_APART
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::Grade, "九年级")], true);
    super::check(&RULE, &[(Field::Grade, "三年级")], false);
    super::check(&RULE, &[(Field::Grade, "初三")], true);
    super::check(&RULE, &[], false);
}
