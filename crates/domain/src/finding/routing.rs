use crate::place::PlacePath;
use crate::verdict::VerdictKind;

/// 去向 (where a finding goes), with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The school or village.
    pub unit: PlacePath,
    /// Why there.
    pub why: &'static str,
}

/// 派单 (routing): what a school knows best goes to the school, the rest to where the child lives, else to the school of the catchment, else
/// to where the child is registered. Whoever has returned it does not get it again. Nothing stays without an owner: the county is the last one.
#[allow(clippy::too_many_arguments, reason = "what is known of where a child belongs")]
pub fn route(
    verdict: VerdictKind,
    school: Option<&PlacePath>,
    residence: Option<&PlacePath>,
    catchment_school: Option<&PlacePath>,
    register: Option<&PlacePath>,
    county: &PlacePath,
    returned_by: &[PlacePath],
) -> Route {
    let at_school = matches!(
        verdict,
        VerdictKind::EnrolledNotPresent
            | VerdictKind::RecordWithoutChild
            | VerdictKind::RecordPending
            | VerdictKind::DoubleRecord
            | VerdictKind::IdentityMismatch
            | VerdictKind::RecordNoHousehold
    );
    let to = |unit: Option<&PlacePath>, why| unit.filter(|u| !returned_by.contains(u)).map(|u| Route { unit: u.clone(), why });
    let school = to(school, "学籍或在校名册所在学校");
    let home = to(residence, "居住地");
    let chosen = if at_school { school.or(home) } else { home.or(school) };
    chosen
        .or_else(|| to(catchment_school, "居住地划片学校"))
        .or_else(|| to(register, "户籍地"))
        .unwrap_or_else(|| Route { unit: county.clone(), why: "地址不明,由县教育局核实" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let p = |s: &str| PlacePath::parse(s).unwrap();
        let (school, village, catchment, register, county) =
            (p("e/528801/1/"), p("g/52/5288/528801/a/b/"), p("e/528801/2/"), p("g/52/5288/528801/a/c/"), p("g/52/5288/528801/"));
        use VerdictKind as V;
        let check =
            |v, s: Option<&PlacePath>, h: Option<&PlacePath>, c: Option<&PlacePath>, r: Option<&PlacePath>, to: &PlacePath| {
                assert_eq!(&route(v, s, h, c, r, &county, &[]).unit, to, "{v:?}");
            };
        let all = (Some(&school), Some(&village), Some(&catchment), Some(&register));
        check(V::EnrolledNotPresent, all.0, all.1, all.2, all.3, &school);
        check(V::EnrolledNotPresent, None, all.1, all.2, all.3, &village);
        check(V::HouseholdNoRecord, all.0, all.1, all.2, all.3, &village);
        check(V::HouseholdNoRecord, None, None, all.2, all.3, &catchment);
        check(V::HouseholdNoRecord, None, None, None, all.3, &register);
        check(V::NeverEnrolled, None, None, None, None, &county);
        let after = |returned: &[PlacePath]| route(V::HouseholdNoRecord, all.0, all.1, all.2, all.3, &county, returned).unit;
        assert_eq!(after(std::slice::from_ref(&village)), school);
        assert_eq!(after(&[village.clone(), school.clone()]), catchment);
        assert_eq!(after(&[village.clone(), school.clone(), catchment.clone(), register.clone()]), county);
    }
}
