//! 权限 (access): who may do what, where; what is masked. One module decides, and can say why.

mod action;
mod deed;
mod jurisdiction;
mod mask;
mod role;

pub use action::{Action, Reach};
pub use deed::{Deed, SUBJECTS, is_known_subject};
pub use jurisdiction::Jurisdiction;
pub use mask::{mask_address, mask_id, mask_name, mask_phone};
pub use role::{Role, RoleGroup};

use crate::place::PlacePath;

/// 授权 (grant): a role at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The root of what it covers.
    pub path: PlacePath,
}

/// A person who acts, with everything granted to her on the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Number of the account.
    pub account: i64,
    /// Log-in name.
    pub login: String,
    /// Name of the person.
    pub name: String,
    /// What is granted today.
    pub grants: Vec<Grant>,
    /// 所在位置: the place to which one has switched. It narrows what is seen, and never widens it.
    pub within: Option<PlacePath>,
}

/// Why an action is refused: what is asked, and which roles may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked.
    pub action: Action,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who: Vec<&str> = Role::ALL.iter().filter(|r| r.may(self.action)).map(|r| r.label()).collect();
        write!(f, "您的角色不能“{}”;可以办理的有:{}", self.action.label(), who.join("、"))
    }
}

impl Actor {
    /// Whether any of the roles allows an action somewhere.
    pub fn may(&self, action: Action) -> bool {
        self.grants.iter().any(|g| g.role.may(action))
    }

    /// The whole counties in which an action may be done somewhere: for names of units, which are no secret there.
    pub fn county_jurisdiction(&self, action: Action) -> Result<Jurisdiction, Refusal> {
        let counties: Vec<PlacePath> = self.places(action)?.iter().map(|p| p.county().unwrap_or_else(|| p.clone())).collect();
        Ok(Jurisdiction::of(counties.iter()))
    }

    /// The places where the actor may do it, as seen from where she has switched to; what is granted only elsewhere stays as it is.
    /// Nowhere is an error that says who may.
    pub fn places(&self, action: Action) -> Result<Vec<PlacePath>, Refusal> {
        let roots: Vec<&PlacePath> = self.grants.iter().filter(|g| g.role.may(action)).map(|g| &g.path).collect();
        let narrowed: Vec<PlacePath> = match &self.within {
            Some(at) => {
                let inside = |root: &&PlacePath| match (root.holds(at), at.holds(root)) {
                    (true, _) => Some(at.clone()),
                    (_, true) => Some((*root).clone()),
                    _ => None,
                };
                roots.iter().filter_map(inside).collect()
            }
            None => Vec::new(),
        };
        match (roots.is_empty(), narrowed.is_empty()) {
            (true, _) => Err(Refusal { action }),
            (_, true) => Ok(roots.into_iter().cloned().collect()),
            (_, false) => Ok(narrowed),
        }
    }

    /// Where the actor may do it, both lines; nowhere is an error that says who may.
    pub fn jurisdiction(&self, action: Action) -> Result<Jurisdiction, Refusal> {
        Ok(Jurisdiction::of(self.places(action)?.iter()))
    }

    /// Where one is: the place to which one has switched, or the one of the first grant.
    pub fn home(&self) -> Option<&PlacePath> {
        self.within.as_ref().or_else(|| self.grants.first().map(|g| &g.path))
    }

    /// Whether one may switch to a place: it lies in one that is granted.
    pub fn may_switch_to(&self, place: &PlacePath) -> bool {
        self.grants.iter().any(|g| g.path.holds(place))
    }

    /// Whether a role is held anywhere.
    pub fn has(&self, role: Role) -> bool {
        self.grants.iter().any(|g| g.role == role)
    }

    /// Whether a second factor is asked of this person.
    pub fn needs_second_factor(&self) -> bool {
        self.grants.iter().any(|g| g.role.needs_second_factor())
    }

    /// The roles, in words, without repetition.
    pub fn role_labels(&self) -> String {
        let mut out: Vec<&str> = Vec::new();
        for g in &self.grants {
            if !out.contains(&g.role.label()) {
                out.push(g.role.label());
            }
        }
        out.join("、")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(grants: &[(Role, &str)]) -> Actor {
        let grants = grants.iter().map(|(role, p)| Grant { role: *role, path: PlacePath::parse(p).unwrap() }).collect();
        Actor { account: 1, login: "a".into(), name: "甲".into(), grants, within: None }
    }

    /// Switching narrows, and never gives more than what is granted.
    #[test]
    fn switching_place() {
        let check = |grants: &[(Role, &str)], at: &str, prefixes: &[&str]| {
            let mut a = actor(grants);
            a.within = PlacePath::parse(at);
            assert_eq!(a.jurisdiction(Action::ViewChild).unwrap().prefixes(), prefixes, "{at}");
        };
        let upper = [(Role::UpperOfficer, "g/52/5288/")];
        check(&upper, "g/52/5288/528801/", &["e/528801/", "g/52/5288/528801/"]);
        check(&upper, "e/528801/2152000001/", &["e/528801/2152000001/"]);
        check(&upper, "g/52/", &["e/5288", "g/52/5288/"]);
        // from elsewhere one sees what one saw before
        check(&upper, "g/53/", &["e/5288", "g/52/5288/"]);
        let both = [(Role::ClassTeacher, "e/528801/2152000001/3/1/"), (Role::Cadre, "g/52/5288/528801/528801100/528801100201/")];
        check(&both, "e/528801/2152000001/", &["e/528801/2152000001/3/1/"]);
        check(&both, "g/52/5288/528801/", &["e/528801/2152000001/3/1/", "g/52/5288/528801/528801100/528801100201/"]);
        let a = actor(&upper);
        assert!(a.may_switch_to(&PlacePath::of_school(528_801, "1")) && !a.may_switch_to(&PlacePath::parse("g/52/").unwrap()));
        let mut cadre = actor(&both[1..]);
        cadre.within = PlacePath::parse("g/52/5288/528801/");
        assert!(cadre.jurisdiction(Action::RunComparison).is_err());
    }

    #[test]
    fn each_role_counts_where_it_is_held() {
        let a =
            actor(&[(Role::ClassTeacher, "e/528801/2152000001/3/1/"), (Role::Cadre, "g/52/5288/528801/528801100/528801100201/")]);
        assert!(a.may(Action::AnswerFinding) && !a.may(Action::ImportRosters));
        let j = a.jurisdiction(Action::ViewChild).unwrap();
        assert!(j.covers("e/528801/2152000001/3/1/") && j.covers("g/52/5288/528801/528801100/528801100201/"));
        assert!(!j.covers("e/528801/2152000001/3/2/") && !j.covers("g/52/5288/528801/528801100/"));
        let no = a.jurisdiction(Action::RunComparison).unwrap_err();
        assert_eq!(no.to_string(), "您的角色不能“比对名册”;可以办理的有:县教育局经办人");
    }

    /// The three administrators are apart: none can do another's work, none sees a child.
    #[test]
    fn three_administrators() {
        let all = [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin];
        for r in all {
            for action in Action::ALL {
                let others = all.iter().filter(|o| **o != r && o.may(*action)).count();
                let shared = matches!(action, Action::Own | Action::ConfirmAccounts);
                assert!(!(r.may(*action) && others > 0) || shared, "{r:?} {action:?}");
                assert!(!(r.may(*action) && action.shows_children()), "{r:?} {action:?}");
            }
        }
    }

    /// `tests/permission_matrix.txt` is what an official reads; it must be what the code does.
    #[test]
    fn the_matrix_is_the_code() {
        let mut out = String::from(
            "# 角色与权限(由程序生成;“可”为允许,空白为不允许;“全县”须授权到全县)\n# BAOXUE_BLESS=1 cargo test -p baoxue-domain 重新生成\n",
        );
        for role in Role::ALL {
            out.push_str(&format!("\n{}\n", role.label()));
            for action in Action::ALL {
                let whole = if action.reach() == Reach::County { " 全县" } else { "" };
                out.push_str(&format!("  {} {}{whole}\n", if role.may(*action) { "可" } else { "  " }, action.label()));
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/permission_matrix.txt");
        if std::env::var_os("BAOXUE_BLESS").is_some() {
            std::fs::write(path, &out).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), out, "run with BAOXUE_BLESS=1 if the change is meant");
    }
}
