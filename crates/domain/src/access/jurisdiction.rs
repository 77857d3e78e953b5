use crate::place::PlacePath;

/// 管辖范围 (jurisdiction): the roots of what an actor may see, both lines. It is part of every look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jurisdiction {
    prefixes: Vec<String>,
}

impl Jurisdiction {
    /// From the roots of grants. A county, prefecture or province covers its schools too.
    pub fn of<'a>(roots: impl Iterator<Item = &'a PlacePath>) -> Self {
        let mut prefixes: Vec<String> = Vec::new();
        for root in roots {
            prefixes.push(root.as_str().to_owned());
            prefixes.extend(root.education_prefix());
        }
        prefixes.sort();
        // what lies inside another root adds nothing
        let mut kept: Vec<String> = Vec::new();
        for p in prefixes {
            if !kept.iter().any(|k| p.starts_with(k.as_str())) {
                kept.push(p);
            }
        }
        Self { prefixes: kept }
    }

    /// All places: for what acts for the installation itself, on the command line.
    pub fn everywhere() -> Self {
        Self { prefixes: vec!["e/".to_owned(), "g/".to_owned()] }
    }

    /// Prefixes of paths, none inside another.
    pub fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// Whether any of it lies in the county of a place, or holds that county: whose evidence about a child who lives there is open to it.
    /// A child of whom only a larger place is known is open to whoever covers that place.
    pub fn reaches_county_of(&self, place: &PlacePath) -> bool {
        let Some(county) = place.county() else { return self.covers(place.as_str()) };
        let schools = county.education_prefix().unwrap_or_default();
        let meets = |p: &String, q: &str| p.starts_with(q) || q.starts_with(p.as_str());
        self.prefixes.iter().any(|p| meets(p, county.as_str()) || meets(p, &schools))
    }

    /// Whether a place lies inside.
    pub fn covers(&self, path: &str) -> bool {
        self.prefixes.iter().any(|p| path.starts_with(p.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots() {
        let of = |paths: &[&str]| {
            let paths: Vec<PlacePath> = paths.iter().map(|p| PlacePath::parse(p).unwrap()).collect();
            Jurisdiction::of(paths.iter())
        };
        let county = of(&["g/52/5288/528801/"]);
        assert_eq!(county.prefixes(), ["e/528801/", "g/52/5288/528801/"]);
        assert!(county.covers("e/528801/2152000001/") && !county.covers("e/528802/2152000001/"));
        let province = of(&["g/52/"]);
        assert!(province.covers("e/528801/2152000001/") && province.covers("g/52/5288/") && !province.covers("e/538801/1/"));
        assert_eq!(of(&["g/52/5288/528801/528801100/", "g/52/5288/528801/"]), county);
        assert!(!of(&["g/52/5288/528801/528801100/"]).covers("e/528801/2152000001/"));
        let reaches = |root: &str, place: &str| of(&[root]).reaches_county_of(&PlacePath::parse(place).unwrap());
        for (root, place, expected) in [
            ("g/52/5288/528801/", "g/52/5288/528801/528801100/", true),
            ("g/52/5288/528801/528801100/", "g/52/5288/528801/", true),
            ("e/528801/2152000001/3/1/", "g/52/5288/528801/528801100/", true),
            ("g/52/5288/", "g/52/5288/528801/528801100/", true),
            ("g/52/5288/528802/", "g/52/5288/528801/528801100/", false),
            ("e/528802/2152000001/", "g/52/5288/528801/", false),
            ("g/52/5288/528802/", "g/52/5288/", false),
            ("g/52/", "g/52/5288/", true),
        ] {
            assert_eq!(reaches(root, place), expected, "{root} {place}");
        }
    }
}
