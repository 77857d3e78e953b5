use jiff::civil::Date;

use super::CrossRule;
use crate::person::age_on;
use crate::roster::{Field, RosterRow};

/// 适龄儿童既无就学状况也无原因
pub(super) const RULE: CrossRule = CrossRule {
    number: "X03",
    title: "适龄儿童既无就学状况也无原因",
    field: Field::InSchoolStatus,
    message: "年满 6 至 16 岁,却没有写在校生状况、是否失学辍学和原因,请补上其中一项",
    broken,
};

fn broken(row: &RosterRow, today: Date) -> bool {
    const FIELDS: [Field; 3] = [Field::InSchoolStatus, Field::OutOfSchool, Field::OutOfSchoolReason];
    // only rows of a roster that has such columns: the household kind stands in no other
    let of_age = row.birth_date.is_some_and(|b| (6..16).contains(&age_on(b, today)));
    row.get(Field::HouseholdKind).is_some() && of_age && FIELDS.iter().all(|f| row.get(*f).is_none())
}

#[test]
fn table() {
    super::check(&RULE, &[(Field::HouseholdKind, "脱贫户")], true);
    super::check(&RULE, &[(Field::HouseholdKind, "脱贫户"), (Field::InSchoolStatus, "小学")], false);
    super::check(&RULE, &[], false);
}
