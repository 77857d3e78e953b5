use crate::place::PlacePath;

/// 双线责任 (both lines): who leads a case, and who helps from the other line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners {
    /// 牵头单位
    pub lead: PlacePath,
    /// 协同单位, of the other line; nothing where it is not known.
    pub partner: Option<PlacePath>,
    /// Why that one leads.
    pub why: &'static str,
}

/// 责任认定 (who leads) ⚙: a child on a student register its school; one that is on none the village where it lives; one of whom only the
/// household register is known that village; else the county. A case without an owner cannot be made. (OFFICIAL 9)
pub fn owners(
    county: &PlacePath,
    school: Option<&PlacePath>,
    residence: Option<&PlacePath>,
    register: Option<&PlacePath>,
    catchment_school: Option<&PlacePath>,
) -> Owners {
    let inside = |p: &&PlacePath| county.holds(p) && p.depth() > county.depth();
    let of_county = |p: &&PlacePath| p.county().as_ref() == Some(county);
    let school = school.filter(of_county).map(PlacePath::school);
    let home = residence.filter(inside);
    let register = register.filter(inside);
    let village = home.or(register).cloned();
    match (&school, home, register) {
        (Some(s), ..) => Owners {
            lead: s.clone(), partner: village, why: "学籍或在校名册所在学校牵头,居住地村(社区)协同"
        },
        (None, Some(h), _) => {
            Owners {
                lead: h.clone(), partner: catchment_school.cloned(), why: "未在学校,由居住地村(社区)牵头,划片学校协同"
            }
        }
        (None, None, Some(r)) => {
            Owners {
                lead: r.clone(), partner: catchment_school.cloned(), why: "居住地不明,由户籍地村(社区)牵头查清去向"
            }
        }
        (None, None, None) => {
            Owners { lead: county.clone(), partner: None, why: "居住地和户籍地都不明,由县教育局负责" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let p = |s: &str| PlacePath::parse(s).unwrap();
        let county = p("g/52/5288/528801/");
        let (class, school) = (p("e/528801/1/三年级/三(1)班/"), p("e/528801/1/"));
        let (home, register, catchment) = (p("g/52/5288/528801/a/b/"), p("g/52/5288/528801/a/c/"), p("e/528801/2/"));
        let foreign = p("e/528802/9/");
        for (s, h, r, lead, partner) in [
            (Some(&class), Some(&home), Some(&register), &school, Some(&home)),
            (Some(&class), None, Some(&register), &school, Some(&register)),
            (Some(&class), None, None, &school, None),
            (None, Some(&home), Some(&register), &home, Some(&catchment)),
            (None, None, Some(&register), &register, Some(&catchment)),
            (None, None, None, &county, None),
            // a place of another county never leads ours
            (Some(&foreign), Some(&home), None, &home, Some(&catchment)),
            // of whom only the county is known
            (None, Some(&county), None, &county, None),
        ] {
            let o = owners(&county, s, h, r, Some(&catchment).filter(|_| lead.is_government() && *lead != county));
            assert_eq!((&o.lead, o.partner.as_ref()), (lead, partner), "{s:?} {h:?} {r:?}");
        }
    }
}
