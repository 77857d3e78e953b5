//! Schools, classes and how many children of which kind.

use serde::Serialize;

use super::people::Child;

/// DOMAIN's county.
const PUPILS: u32 = 38_391;
const PRIMARY: u32 = 25_831;
const PRIMARY_CLASSES: u32 = 619;
const JUNIOR_CLASSES: u32 = 267;

/// Kinds of schools and points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchoolType {
    Junior,
    NineYear,
    Primary,
    Point,
    Special,
}

pub struct School {
    pub name: String,
    pub code: String,
    pub town: usize,
    pub kind: SchoolType,
}

/// A class with the number of its pupils.
pub struct Class {
    pub school: usize,
    pub grade: u8,
    pub number: u8,
    pub pupils: u32,
}

pub struct County {
    pub schools: Vec<School>,
    pub classes: Vec<Class>,
    pub pupils: u32,
    pub left_behind: u32,
    pub migrant: u32,
    scale: f64,
}

/// What the demo data contains.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub schools: usize,
    pub classes: usize,
    pub pupils: u32,
    pub primary: u32,
    pub junior: u32,
    pub left_behind: u32,
    pub migrant: u32,
    pub home_taught: usize,
    pub six_year_olds_disabled: usize,
    pub children: usize,
}

impl County {
    pub fn build(pupils: u32) -> Self {
        let scale = f64::from(pupils) / f64::from(PUPILS);
        let scaled = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        let mut schools = Vec::new();
        let towns = super::people::towns().len();
        for (kind, count, head, suffix) in [
            (SchoolType::Junior, 12, "31", "中学"),
            (SchoolType::NineYear, 7, "31", "九年一贯制学校"),
            (SchoolType::Primary, 32, "21", "小学"),
            (SchoolType::Point, 33, "21", "教学点"),
            (SchoolType::Special, 1, "51", "特殊教育学校"),
        ] {
            for i in 0..scaled(count) as usize {
                let town = i % towns;
                let place = super::people::towns()[town].trim_end_matches(['镇', '乡']).to_owned();
                let village = super::people::villages()[(i / towns + town) % super::people::villages().len()].clone();
                let name = match kind {
                    SchoolType::Special => format!("青禾县{suffix}"),
                    SchoolType::Primary if i < towns => format!("{place}中心小学"),
                    SchoolType::Primary | SchoolType::Point => format!("{place}{village}{suffix}"),
                    _ if i < towns => format!("{place}{suffix}"),
                    _ => format!("{place}第{}{suffix}", i / towns + 1),
                };
                schools.push(School { name, code: format!("{head}52{:06}", schools.len() + 1), town, kind });
            }
        }
        let primary = ((f64::from(PRIMARY) * scale).round() as u32).min(pupils);
        let mut classes = Vec::new();
        spread_classes(&schools, &mut classes, 1..=6, scaled(PRIMARY_CLASSES), primary);
        spread_classes(&schools, &mut classes, 7..=9, scaled(JUNIOR_CLASSES), pupils - primary);
        Self { schools, classes, pupils, left_behind: scaled(5_579), migrant: scaled(2_074), scale }
    }

    /// A count of the real-size county, for this size; at least one.
    pub fn count(&self, n: u32) -> u32 {
        ((f64::from(n) * self.scale).round() as u32).max(1)
    }

    pub fn figures(&self, children: &[Child]) -> Figures {
        let primary = self.classes.iter().filter(|c| c.grade <= 6).map(|c| c.pupils).sum();
        Figures {
            schools: self.schools.len(),
            classes: self.classes.len(),
            pupils: self.pupils,
            primary,
            junior: self.pupils - primary,
            left_behind: self.left_behind,
            migrant: self.migrant,
            home_taught: children.iter().filter(|c| c.home_taught).count(),
            six_year_olds_disabled: children.iter().filter(|c| c.six_and_disabled).count(),
            children: children.len(),
        }
    }
}

/// One class a grade in every school that has the grade, the others where pupils are most; then pupils to classes.
fn spread_classes(schools: &[School], classes: &mut Vec<Class>, grades: std::ops::RangeInclusive<u8>, count: u32, pupils: u32) {
    // points teach the first three grades
    let weight = |s: &School, grade: u8| -> u32 {
        match (s.kind, grade) {
            (SchoolType::Point, 1..=3) => 12,
            (SchoolType::Special, 1..=6) => 8,
            (SchoolType::Primary | SchoolType::NineYear, 1..=6) => 43,
            (SchoolType::NineYear | SchoolType::Junior, 7..=9) => 47,
            _ => 0,
        }
    };
    let mut slots: Vec<(usize, u8, u32)> = Vec::new();
    for grade in grades {
        slots.extend(schools.iter().enumerate().filter(|(_, s)| weight(s, grade) > 0).map(|(i, _)| (i, grade, 1)));
    }
    if slots.is_empty() {
        return;
    }
    let base = slots.len() as u32;
    let large: Vec<usize> = (0..slots.len()).filter(|i| weight(&schools[slots[*i].0], slots[*i].1) > 20).collect();
    for k in 0..count.saturating_sub(base) as usize {
        slots[large[(k * 7) % large.len()]].2 += 1;
    }
    let first = classes.len();
    for (school, grade, n) in slots {
        classes.extend((1..=n).map(|number| Class { school, grade, number: number as u8, pupils: 0 }));
    }
    let new = &mut classes[first..];
    let all: u64 = new.iter().map(|c| u64::from(weight(&schools[c.school], c.grade))).sum();
    let (mut given, mut seen) = (0u64, 0u64);
    for c in new {
        // the running share, rounded: the sum comes out exactly
        seen += u64::from(weight(&schools[c.school], c.grade));
        let target = (u64::from(pupils) * seen + all / 2) / all;
        c.pupils = (target - given) as u32;
        given = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_county() {
        let c = County::build(PUPILS);
        let kinds = |k| c.schools.iter().filter(|s| s.kind == k).count();
        assert_eq!(c.schools.len(), 85);
        assert_eq!(
            [SchoolType::Junior, SchoolType::NineYear, SchoolType::Primary, SchoolType::Point, SchoolType::Special].map(kinds),
            [12, 7, 32, 33, 1]
        );
        assert_eq!(c.classes.len(), 886);
        assert_eq!(c.classes.iter().map(|c| c.pupils).sum::<u32>(), PUPILS);
        assert_eq!(c.classes.iter().filter(|c| c.grade <= 6).map(|c| c.pupils).sum::<u32>(), PRIMARY);
        assert_eq!((c.left_behind, c.migrant), (5_579, 2_074));
        assert!(c.classes.iter().all(|c| c.pupils <= 55), "no class of more than 55");
    }

    #[test]
    fn other_sizes_come_out_exactly() {
        for n in [500, 3_000, 60_000] {
            assert_eq!(County::build(n).classes.iter().map(|c| c.pupils).sum::<u32>(), n);
        }
    }
}
