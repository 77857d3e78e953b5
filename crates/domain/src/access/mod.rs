//! 权限 (access): who may do what, where; what is masked. One module decides, and can say why.

mod action;
mod jurisdiction;
mod mask;
mod role;

pub use action::Action;
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

    /// Where the actor may do it; nowhere is an error that says who may.
    pub fn jurisdiction(&self, action: Action) -> Result<Jurisdiction, Refusal> {
        let roots: Vec<&PlacePath> = self.grants.iter().filter(|g| g.role.may(action)).map(|g| &g.path).collect();
        if roots.is_empty() { Err(Refusal { action }) } else { Ok(Jurisdiction::of(roots.into_iter())) }
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
        Actor { account: 1, login: "a".into(), name: "甲".into(), grants }
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
                assert!(!(r.may(*action) && others > 0) || *action == Action::Own, "{r:?} {action:?}");
                assert!(!(r.may(*action) && action.shows_children()), "{r:?} {action:?}");
            }
        }
    }

    /// `tests/permission_matrix.txt` is what an official reads; it must be what the code does.
    #[test]
    fn the_matrix_is_the_code() {
        let mut out = String::from(
            "# 角色与权限(由程序生成;“可”为允许,空白为不允许)\n# BAOXUE_BLESS=1 cargo test -p baoxue-domain 重新生成\n",
        );
        for role in Role::ALL {
            out.push_str(&format!("\n{}\n", role.label()));
            for action in Action::ALL {
                out.push_str(&format!("  {} {}\n", if role.may(*action) { "可" } else { "  " }, action.label()));
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/permission_matrix.txt");
        if std::env::var_os("BAOXUE_BLESS").is_some() {
            std::fs::write(path, &out).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), out, "run with BAOXUE_BLESS=1 if the change is meant");
    }
}
