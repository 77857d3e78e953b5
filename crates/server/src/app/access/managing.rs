//! 谁管谁的账号 (managing): as what somebody manages accounts, which are hers, and what she may give. The security administrator with a second person's
//! word; a school its own teachers alone (ADR 13).

use baoxue_domain::access::{Action, Actor, Jurisdiction, Refusal, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{GrantRow, Request};

use crate::app::office::{OfficeError, Result};

/// As what somebody manages accounts.
pub struct Managing {
    pub within: Jurisdiction,
    /// A school's registrar or principal, for its own teachers: what she opens to them she sees herself, so that she needs no second person.
    pub school: bool,
}

/// How an account reaches a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Today, or from a later day on.
    Held,
    /// It did.
    Ended,
    /// Somebody vouches for it, and nobody has confirmed it.
    Wished,
}

/// Steps of a path down to a class: what a school gives to its teachers.
const CLASS_DEPTH: usize = 4;
/// Steps of a path down to a school.
const SCHOOL_DEPTH: usize = 2;

impl Managing {
    /// As whom an actor manages accounts.
    pub fn of(actor: &Actor) -> Result<Self> {
        if actor.may(Action::ManageUsers) {
            return Ok(Self { within: actor.jurisdiction(Action::ManageUsers)?, school: false });
        }
        // whoever holds the role for more than a school is no school
        let mut schools = actor.places(Action::ManageTeachers)?;
        schools.retain(|p| !p.is_government() && p.depth() >= SCHOOL_DEPTH);
        if schools.is_empty() {
            return Err(Refusal { action: Action::ManageTeachers }.into());
        }
        Ok(Self { within: Jurisdiction::of(schools.iter()), school: true })
    }

    /// The roles that she may give.
    pub fn roles(&self) -> &'static [Role] {
        if self.school { Role::OF_TEACHERS } else { Role::ALL }
    }

    /// What an account reaches: how, in which role, where.
    pub fn reach(account: i64, grants: &[GrantRow], wished: &[Request], today: &str) -> Vec<(Reach, Role, String)> {
        let how = |g: &GrantRow| if g.valid_to.as_deref().is_none_or(|t| t > today) { Reach::Held } else { Reach::Ended };
        let held = grants.iter().filter(|g| g.account == account).map(|g| (how(g), g.role, g.path.clone()));
        let wished = wished.iter().filter(|r| r.account == account).flat_map(|r| &r.grants);
        held.chain(wished.map(|g| (Reach::Wished, g.0, g.1.to_string()))).collect()
    }

    /// Whether an account that reaches this is hers to manage: all of it lies inside her own place. A school manages who works there, and nowhere
    /// else: what has ended counts as little as what is only wished for, be it by herself.
    pub fn holds(&self, reach: &[(Reach, Role, String)]) -> bool {
        let counts = |r: &&(Reach, Role, String)| r.0 == Reach::Held || !self.school;
        let own = |(_, role, path): &(Reach, Role, String)| self.roles().contains(role) && self.within.covers(path);
        reach.iter().any(|r| counts(&r) && own(r)) && reach.iter().filter(counts).all(own)
    }

    /// Rights are given inside one's own place only, and of one's own kind: a school's are of a class, whose teacher needs neither a reason nor a
    /// second factor to see its children.
    pub(in crate::app) fn may_grant(&self, role: Role, path: &PlacePath) -> Result<()> {
        if !self.roles().contains(&role) {
            let own: Vec<&str> = self.roles().iter().map(|r| r.label()).collect();
            let said = format!("学校只能授予{};“{}”请由安全管理员办理", own.join("、"), role.label());
            return Err(OfficeError::field("role", said));
        }
        if !self.within.covers(path.as_str()) {
            return Err(OfficeError::Input(format!("范围“{path}”不在您的管辖范围内,不能授权")));
        }
        if self.school && path.depth() < CLASS_DEPTH {
            return Err(OfficeError::field("place", "学校授予的范围须到班级,例如“三(1)班”;全校、全年级的请由安全管理员办理"));
        }
        Ok(())
    }
}
