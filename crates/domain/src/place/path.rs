use std::fmt;

use super::{PlaceCode, PlaceLevel};

/// Longest path: six levels of at most 12 characters and room for names of classes.
const MAX_PATH: usize = 160;

/// 层级路径 (place path): where a place or school stands in its tree. It ends in a stroke, so that a prefix is a subtree.
///
/// Government `g/52/5288/528801/528801100/528801100201/`; education `e/528801/2152000001/3/1/` (county, school, grade, class).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlacePath(String);

impl PlacePath {
    /// Reads a path.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("g/").or_else(|| text.strip_prefix("e/"))?;
        let sound = text.len() <= MAX_PATH
            && inner.ends_with('/')
            && inner.trim_end_matches('/').split('/').all(|p| !p.is_empty() && !p.contains(char::is_whitespace))
            && !inner.contains("//");
        sound.then(|| Self(text.to_owned()))
    }

    /// The path of a place by its code: province, prefecture, county, town, village.
    pub fn of_code(code: PlaceCode) -> Self {
        let full = code.to_string();
        let lengths: &[usize] = match code.level() {
            PlaceLevel::County if full.ends_with("0000000000") => &[2],
            PlaceLevel::County if full.ends_with("00000000") => &[2, 4],
            PlaceLevel::County => &[2, 4, 6],
            PlaceLevel::Town => &[2, 4, 6, 9],
            PlaceLevel::Village => &[2, 4, 6, 9, 12],
        };
        Self(lengths.iter().fold("g/".to_owned(), |p, n| p + &full[..*n] + "/"))
    }

    /// The path of a school in a county.
    pub fn of_school(county: u32, school: &str) -> Self {
        Self(format!("e/{county:06}/{school}/"))
    }

    /// Whether it could be read back: steps without spaces, not too long. What people typed into it is checked before it is kept.
    pub fn is_sound(&self) -> bool {
        Self::parse(&self.0).is_some()
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A place below.
    pub fn child(&self, step: &str) -> Self {
        let step: String = step.chars().filter(|c| !c.is_whitespace() && *c != '/').collect();
        Self(format!("{}{step}/", self.0))
    }

    /// Of a school or anything in it: the school.
    pub fn school(&self) -> Self {
        let mut at = self.clone();
        while at.depth() > 2 {
            match at.parent() {
                Some(p) => at = p,
                None => break,
            }
        }
        at
    }

    /// The place above.
    pub fn parent(&self) -> Option<Self> {
        let cut = self.0.trim_end_matches('/').rfind('/')?;
        Self::parse(&self.0[..=cut])
    }

    /// What the places one level below are called, in the government line.
    pub fn kind_below(&self) -> &'static str {
        match self.depth() {
            0 => "省",
            1 => "市(州)",
            2 => "县(市、区)",
            3 => "乡镇(街道)",
            _ => "村(社区)",
        }
    }

    /// The county in which it lies, in the government line; `None` above the county.
    pub fn county(&self) -> Option<Self> {
        if !self.is_government() {
            return self.0.split('/').nth(1).and_then(PlaceCode::parse).map(Self::of_code);
        }
        let end = self.0.match_indices('/').nth(3)?.0;
        Some(Self(self.0[..=end].to_owned()))
    }

    /// Whether another place lies in it or is the same one: a county, prefecture or province holds its schools too.
    pub fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0) || self.education_prefix().is_some_and(|p| other.0.starts_with(&p))
    }

    /// Whether it stands in the government line.
    pub fn is_government(&self) -> bool {
        self.0.starts_with('g')
    }

    /// Levels below the root.
    pub fn depth(&self) -> usize {
        self.0.matches('/').count() - 1
    }

    /// The last step.
    pub fn last(&self) -> &str {
        self.0.trim_end_matches('/').rsplit('/').next().unwrap_or("")
    }

    /// For a county or anything larger: what the paths of its schools begin with.
    pub fn education_prefix(&self) -> Option<String> {
        (self.is_government() && self.depth() <= 3)
            .then(|| if self.depth() == 3 { format!("e/{}/", self.last()) } else { format!("e/{}", self.last()) })
    }
}

impl fmt::Display for PlacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let of = |code: &str| PlacePath::of_code(PlaceCode::parse(code).unwrap()).to_string();
        assert_eq!(of("528801100201"), "g/52/5288/528801/528801100/528801100201/");
        assert_eq!(of("528801"), "g/52/5288/528801/");
        assert_eq!(of("528800"), "g/52/5288/");
        assert_eq!(of("520000"), "g/52/");
        let school = PlacePath::of_school(528_801, "2152000001");
        assert_eq!(school.child("三 年级").as_str(), "e/528801/2152000001/三年级/");
        assert_eq!(school.parent().unwrap().as_str(), "e/528801/");
        assert!(
            school.is_sound()
                && !PlacePath::of_school(528_801, "2152 000001").is_sound()
                && !school.child(&"长".repeat(60)).is_sound()
        );
        assert_eq!(PlacePath::parse("g/52/").unwrap().parent(), None);
        let county = PlacePath::parse(&of("528801")).unwrap();
        for inside in [school.child("3").as_str(), &of("528801100201"), &of("528801")] {
            let inside = PlacePath::parse(inside).unwrap();
            assert_eq!(inside.county().as_ref(), Some(&county), "{inside}");
            assert!(county.holds(&inside) && PlacePath::parse("g/52/").unwrap().holds(&inside));
        }
        let above = PlacePath::parse(&of("528800")).unwrap();
        assert!(above.county().is_none() && !county.holds(&above));
        assert!(!school.holds(&county) && !county.holds(&PlacePath::of_school(528_802, "1")));
        for bad in ["", "x/1/", "g/", "g/52", "g//52/", "e/1/ /"] {
            assert_eq!(PlacePath::parse(bad), None, "{bad}");
        }
    }
}
