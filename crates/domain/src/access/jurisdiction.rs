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

    /// Prefixes of paths, none inside another.
    pub fn prefixes(&self) -> &[String] {
        &self.prefixes
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
    }
}
