//! 地名 (gazetteer): from codes, names and addresses of rows to paths in the tree of places.

use baoxue_domain::place::{PlaceCode, PlacePath};
use baoxue_domain::roster::{Field, RosterRow};
use baoxue_store::Place;
use rustc_hash::FxHashMap;

/// Places and schools of a county on a day.
pub struct Gazetteer {
    county: PlacePath,
    by_path: FxHashMap<String, ()>,
    towns: Vec<(String, PlacePath)>,
    /// Villages of each town by name.
    villages: FxHashMap<String, Vec<(String, PlacePath)>>,
    school_by_code: FxHashMap<String, PlacePath>,
    school_by_name: FxHashMap<String, PlacePath>,
}

impl Gazetteer {
    pub fn new(county: &PlacePath, places: &[Place]) -> Self {
        let mut out = Self {
            county: county.clone(),
            by_path: FxHashMap::default(),
            towns: Vec::new(),
            villages: FxHashMap::default(),
            school_by_code: FxHashMap::default(),
            school_by_name: FxHashMap::default(),
        };
        for p in places {
            out.by_path.insert(p.path.as_str().to_owned(), ());
            match p.kind.as_str() {
                "town" => out.towns.push((p.name.clone(), p.path.clone())),
                "village" => {
                    let town = p.path.parent().map(|t| t.as_str().to_owned()).unwrap_or_default();
                    out.villages.entry(town).or_default().push((p.name.clone(), p.path.clone()));
                }
                "school" => {
                    out.school_by_code.insert(p.code.clone(), p.path.clone());
                    out.school_by_name.insert(p.name.clone(), p.path.clone());
                }
                _ => {}
            }
        }
        // the longer name first: 柳林新村 before 柳林
        out.towns.sort_by_key(|t| std::cmp::Reverse(t.0.len()));
        out.villages.values_mut().for_each(|v| v.sort_by_key(|t| std::cmp::Reverse(t.0.len())));
        out
    }

    /// A place by its code: the village, or as much of it as is known.
    pub fn by_code(&self, code: &str) -> Option<PlacePath> {
        let mut at = Some(PlacePath::of_code(PlaceCode::parse(code)?));
        while let Some(p) = at {
            if self.by_path.contains_key(p.as_str()) {
                return Some(p);
            }
            at = p.parent();
        }
        None
    }

    /// A place by the words of an address.
    pub fn by_address(&self, address: &str) -> Option<PlacePath> {
        let short = |name: &str| name.trim_end_matches(['镇', '乡', '村']).to_owned();
        let found = self.towns.iter().find(|(name, _)| address.contains(name.as_str()));
        let (name, town) = found?;
        let rest = &address[address.find(name.as_str())? + name.len()..];
        let village = self
            .villages
            .get(town.as_str())
            .and_then(|all| all.iter().find(|(n, _)| rest.starts_with(n.as_str()) || rest.starts_with(&short(n))));
        Some(village.map_or_else(|| town.clone(), |v| v.1.clone()))
    }

    /// Where a row says that the child lives or is registered.
    pub fn of_row(&self, row: &RosterRow) -> Option<PlacePath> {
        let code = row.get(Field::PlaceCode).and_then(|c| self.by_code(c));
        // a code of the county only says less than an address
        let village = code.filter(|c| c.depth() > self.county.depth());
        village.or_else(|| row.any_address().and_then(|a| self.by_address(a))).or_else(|| {
            let text = [Field::Town, Field::Village].iter().filter_map(|f| row.get(*f)).collect::<String>();
            self.by_address(&text)
        })
    }

    /// The school of a row, down to the class.
    pub fn school_of(&self, row: &RosterRow) -> Option<PlacePath> {
        let by_code = row.get(Field::SchoolCode).and_then(|c| self.school_by_code.get(c));
        let school = by_code.or_else(|| row.get(Field::SchoolName).and_then(|n| self.school_by_name.get(n)))?;
        let (grade, class) = (row.get(Field::Grade), row.get(Field::Class));
        Some(match (grade, class) {
            (Some(g), Some(c)) => school.child(g).child(c),
            (Some(g), None) => school.child(g),
            _ => school.clone(),
        })
    }

    /// The county.
    pub fn county(&self) -> &PlacePath {
        &self.county
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &str, code: &str, name: &str, path: &str) -> Place {
        Place {
            id: 0,
            kind: kind.into(),
            code: code.into(),
            name: name.into(),
            path: PlacePath::parse(path).unwrap(),
            town_path: None,
            valid_from: "2020-01-01".into(),
            valid_to: None,
        }
    }

    #[test]
    fn codes_addresses_and_schools() {
        let g = Gazetteer::new(
            &PlacePath::parse("g/52/5288/528801/").unwrap(),
            &[
                place("county", "528801", "青禾县", "g/52/5288/528801/"),
                place("town", "528801100", "柳林镇", "g/52/5288/528801/528801100/"),
                place("village", "528801100201", "石桥村", "g/52/5288/528801/528801100/528801100201/"),
                place("school", "2152000001", "柳林中心小学", "e/528801/2152000001/"),
            ],
        );
        let village = Some("g/52/5288/528801/528801100/528801100201/");
        let town = Some("g/52/5288/528801/528801100/");
        let code = |c: &str| g.by_code(c).map(|p| p.to_string());
        assert_eq!(code("528801100201").as_deref(), village);
        assert_eq!(code("528801100999").as_deref(), town);
        assert_eq!(code("538801100999"), None);
        let address = |a: &str| g.by_address(a).map(|p| p.to_string());
        assert_eq!(address("贵州省青禾县柳林镇石桥村3组").as_deref(), village);
        assert_eq!(address("柳林镇石桥3组").as_deref(), village);
        assert_eq!(address("柳林镇街上").as_deref(), town);
        assert_eq!(address("外省某地"), None);
        let row = RosterRow {
            values: [(Field::SchoolName, "柳林中心小学"), (Field::Grade, "三年级"), (Field::Class, "三(1)班")]
                .into_iter()
                .collect(),
            ..RosterRow::default()
        };
        assert_eq!(g.school_of(&row).unwrap().as_str(), "e/528801/2152000001/三年级/三(1)班/");
    }
}
