//! 地名 (gazetteer): from codes, names and addresses of rows to paths in the tree of places.

use baoxue_domain::place::{PlaceCode, PlacePath};
use baoxue_domain::roster::{ClassKey, Field, RosterRow};
use baoxue_store::Place;
use rustc_hash::{FxHashMap, FxHashSet};

/// Places and schools of a county, or of a larger place that is compared as a whole, on a day.
pub struct Gazetteer {
    area: PlacePath,
    by_path: FxHashSet<String>,
    counties: Vec<(String, PlacePath)>,
    towns: Towns,
    /// Villages of each town by name.
    villages: FxHashMap<String, Vec<(String, PlacePath)>>,
    school_by_code: FxHashMap<String, PlacePath>,
    /// Teaching points, by their school's code and their own name.
    points: FxHashMap<(String, String), PlacePath>,
    /// Schools of one name: several counties have a 城关小学.
    schools_by_name: FxHashMap<String, Vec<PlacePath>>,
    /// Classes that are registered, by their school's path: one class is one, however a roster writes it.
    classes: FxHashMap<String, FxHashMap<ClassKey, PlacePath>>,
}

/// Towns by their names: an address is looked up piece by piece, not town by town.
#[derive(Default)]
struct Towns {
    by_name: FxHashMap<String, Vec<PlacePath>>,
    /// Lengths of names in characters, the longest first.
    lengths: Vec<usize>,
}

impl Towns {
    fn add(&mut self, name: &str, path: PlacePath) {
        self.by_name.entry(name.to_owned()).or_default().push(path);
        let length = name.chars().count();
        if let Err(at) = self.lengths.binary_search_by(|l| length.cmp(l)) {
            self.lengths.insert(at, length);
        }
    }

    /// The town that an address names, inside a place if that is known: of several the longest name, then the one that is named first. A name
    /// that several towns have tells nothing alone.
    fn named_in<'a>(&'a self, address: &str, inside: Option<&PlacePath>) -> Option<(&'a str, &'a PlacePath)> {
        let ends: Vec<usize> = address.char_indices().map(|c| c.0).chain([address.len()]).collect();
        for length in self.lengths.iter().filter(|l| **l > 0) {
            for piece in ends.windows(length + 1) {
                let Some((name, paths)) = self.by_name.get_key_value(&address[piece[0]..piece[*length]]) else { continue };
                match inside {
                    Some(place) => {
                        if let Some(path) = paths.iter().find(|p| place.holds(p)) {
                            return Some((name, path));
                        }
                    }
                    None => return if let [only] = paths.as_slice() { Some((name, only)) } else { None },
                }
            }
        }
        None
    }
}

impl Gazetteer {
    pub fn new(area: &PlacePath, places: &[Place]) -> Self {
        let mut out = Self {
            area: area.clone(),
            by_path: FxHashSet::default(),
            counties: Vec::new(),
            towns: Towns::default(),
            villages: FxHashMap::default(),
            school_by_code: FxHashMap::default(),
            points: FxHashMap::default(),
            schools_by_name: FxHashMap::default(),
            classes: FxHashMap::default(),
        };
        for p in places {
            out.by_path.insert(p.path.as_str().to_owned());
            match p.kind.as_str() {
                "county" => out.counties.push((p.name.clone(), p.path.clone())),
                "town" => out.towns.add(&p.name, p.path.clone()),
                "village" => {
                    let town = p.path.parent().map(|t| t.as_str().to_owned()).unwrap_or_default();
                    out.villages.entry(town).or_default().push((p.name.clone(), p.path.clone()));
                }
                "teaching-point" => {
                    out.points.insert((p.code.clone(), p.name.clone()), p.path.clone());
                    out.schools_by_name.entry(p.name.clone()).or_default().push(p.path.clone());
                }
                "class" => {
                    let Some(grade) = p.path.parent() else { continue };
                    let school = grade.parent().map(|s| s.to_string()).unwrap_or_default();
                    if let Some(key) = ClassKey::of(Some(grade.last()), p.path.last()) {
                        out.classes.entry(school).or_default().entry(key).or_insert_with(|| p.path.clone());
                    }
                }
                "school" => {
                    out.school_by_code.insert(p.code.clone(), p.path.clone());
                    out.schools_by_name.entry(p.name.clone()).or_default().push(p.path.clone());
                }
                _ => {}
            }
        }
        // the longer name first: 柳林新村 before 柳林
        out.villages.values_mut().for_each(|v| v.sort_by_key(|t| std::cmp::Reverse(t.0.len())));
        out
    }

    /// A place by its code: the village, or as much of it as is known.
    pub fn by_code(&self, code: &str) -> Option<PlacePath> {
        let mut at = Some(PlacePath::of_code(PlaceCode::parse(code)?));
        while let Some(p) = at {
            if self.by_path.contains(p.as_str()) {
                return Some(p);
            }
            at = p.parent();
        }
        None
    }

    /// A place by the words of an address, in a county if that is known. A town's name that several counties have tells nothing alone.
    pub fn by_address(&self, address: &str, county: Option<&PlacePath>) -> Option<PlacePath> {
        let short = |name: &str| name.trim_end_matches(['镇', '乡', '村']).to_owned();
        let named = self.counties.iter().find(|(name, _)| address.contains(name.as_str())).map(|c| &c.1);
        let inside = named.or(county).or(self.area.county().is_some().then_some(&self.area));
        let (name, town) = self.towns.named_in(address, inside)?;
        let rest = &address[address.find(name)? + name.len()..];
        let village = self
            .villages
            .get(town.as_str())
            .and_then(|all| all.iter().find(|(n, _)| rest.starts_with(n.as_str()) || rest.starts_with(&short(n))));
        Some(village.map_or_else(|| town.clone(), |v| v.1.clone()))
    }

    /// Where a row says that the child lives or is registered. An address without its county lies in the one that handed the roster over.
    pub fn of_row(&self, row: &RosterRow, handed_over_by: Option<&PlacePath>) -> Option<PlacePath> {
        let code = row.get(Field::PlaceCode).and_then(|c| self.by_code(c));
        let county = code.as_ref().and_then(PlacePath::county).or_else(|| handed_over_by.cloned());
        // a code of the county only says less than an address
        let below = |p: &PlacePath| p.county().is_some_and(|c| c != *p);
        let by_text = || {
            let named = [Field::Town, Field::Village].iter().filter_map(|f| row.get(*f)).collect::<String>();
            row.any_address()
                .and_then(|a| self.by_address(a, county.as_ref()))
                .or_else(|| self.by_address(&named, county.as_ref()))
        };
        code.clone().filter(below).or_else(by_text).or(code.filter(|c| *c != self.area))
    }

    /// The school of a row.
    fn school_alone(&self, row: &RosterRow) -> Option<&PlacePath> {
        let by_code = row.get(Field::SchoolCode).and_then(|c| {
            let point = row.get(Field::SchoolName).and_then(|n| self.points.get(&(c.to_owned(), n.to_owned())));
            point.or_else(|| self.school_by_code.get(c))
        });
        let by_name = || match row.get(Field::SchoolName).and_then(|n| self.schools_by_name.get(n)).map(Vec::as_slice) {
            Some([only]) => Some(only),
            _ => None,
        };
        by_code.or_else(by_name)
    }

    /// Takes the classes of rows as they come, the first spelling of each: rows of later rosters that write them otherwise mean these.
    pub fn learn_classes<'r>(&mut self, rows: impl Iterator<Item = &'r RosterRow>) {
        for r in rows {
            let (Some(school), Some(key)) = (self.school_alone(r).cloned(), ClassKey::of_row(r)) else { continue };
            let (Some(grade), Some(class)) = (r.get(Field::Grade), r.get(Field::Class)) else { continue };
            let path = || school.child(grade).child(class);
            self.classes.entry(school.to_string()).or_default().entry(key).or_insert_with(path);
        }
    }

    /// The school of a row, down to the class.
    pub fn school_of(&self, row: &RosterRow) -> Option<PlacePath> {
        let school = self.school_alone(row)?;
        let registered = ClassKey::of_row(row).and_then(|key| self.classes.get(school.as_str())?.get(&key));
        if let Some(class) = registered {
            return Some(class.clone());
        }
        let (grade, class) = (row.get(Field::Grade), row.get(Field::Class));
        Some(match (grade, class) {
            (Some(g), Some(c)) => school.child(g).child(c),
            (Some(g), None) => school.child(g),
            _ => school.clone(),
        })
    }

    /// What is compared as a whole.
    pub fn area(&self) -> &PlacePath {
        &self.area
    }
}

#[cfg(test)]
pub(in crate::app) mod tests {
    use super::*;

    pub fn place(kind: &str, code: &str, name: &str, path: &str) -> Place {
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
                place("teaching-point", "2152000001", "石桥教学点", "e/528801/2152000001/石桥教学点/"),
            ],
        );
        let village = Some("g/52/5288/528801/528801100/528801100201/");
        let town = Some("g/52/5288/528801/528801100/");
        let code = |c: &str| g.by_code(c).map(|p| p.to_string());
        assert_eq!(code("528801100201").as_deref(), village);
        assert_eq!(code("528801100999").as_deref(), town);
        assert_eq!(code("538801100999"), None);
        let address = |a: &str| g.by_address(a, None).map(|p| p.to_string());
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
        for name in ["石桥教学点", "柳林小学"] {
            let values = [(Field::SchoolCode, "2152000001"), (Field::SchoolName, name), (Field::Grade, "一年级")];
            let row = RosterRow { values: values.into_iter().collect(), ..RosterRow::default() };
            let at = if name == "石桥教学点" { "石桥教学点/" } else { "" };
            assert_eq!(g.school_of(&row).unwrap().as_str(), format!("e/528801/2152000001/{at}一年级/"));
        }
    }

    #[test]
    fn two_counties_have_a_town_of_one_name() {
        let g = Gazetteer::new(
            &PlacePath::parse("g/52/5288/").unwrap(),
            &[
                place("county", "528801", "青禾县", "g/52/5288/528801/"),
                place("county", "528802", "白水县", "g/52/5288/528802/"),
                place("town", "528801100", "城关镇", "g/52/5288/528801/528801100/"),
                place("town", "528802100", "城关镇", "g/52/5288/528802/528802100/"),
                place("town", "528802101", "上河镇", "g/52/5288/528802/528802101/"),
                place("school", "2152000001", "城关小学", "e/528801/2152000001/"),
                place("school", "2152000002", "城关小学", "e/528802/2152000002/"),
            ],
        );
        let row = |values: &[(Field, &str)]| RosterRow { values: values.iter().copied().collect(), ..RosterRow::default() };
        let home = |values: &[(Field, &str)]| g.of_row(&row(values), None).map(|p| p.to_string());
        let baishui = Some("g/52/5288/528802/528802100/");
        assert_eq!(home(&[(Field::Address, "白水县城关镇街上")]).as_deref(), baishui);
        assert_eq!(home(&[(Field::PlaceCode, "528802"), (Field::Address, "城关镇街上")]).as_deref(), baishui);
        assert_eq!(home(&[(Field::Address, "城关镇街上")]), None, "either county could be meant");
        let from = PlacePath::parse("g/52/5288/528802/").unwrap();
        let row_of = row(&[(Field::Address, "城关镇街上")]);
        assert_eq!(
            g.of_row(&row_of, Some(&from)).map(|p| p.to_string()).as_deref(),
            baishui,
            "the county that handed the row over is"
        );
        assert_eq!(home(&[(Field::Address, "上河镇街上")]).as_deref(), Some("g/52/5288/528802/528802101/"));
        assert_eq!(home(&[(Field::PlaceCode, "528801")]).as_deref(), Some("g/52/5288/528801/"));
        let school = |values: &[(Field, &str)]| g.school_of(&row(values)).map(|p| p.to_string());
        assert_eq!(school(&[(Field::SchoolName, "城关小学")]), None);
        assert_eq!(school(&[(Field::SchoolCode, "2152000002")]).as_deref(), Some("e/528802/2152000002/"));
    }
}
