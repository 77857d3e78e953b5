//! 行政区划和教育机构 (places and schools), dated.

use std::sync::{Arc, Mutex};

use baoxue_domain::place::PlacePath;
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Row, Store, Tx, Value, binds};

/// A place or a school as it is on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub id: i64,
    /// province, prefecture, county, town, village; school, grade, class.
    pub kind: String,
    /// Statistical or school code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Where it stands.
    pub path: PlacePath,
    /// Of schools: the town they lie in.
    pub town_path: Option<PlacePath>,
    /// First day.
    pub valid_from: String,
    /// The day after the last one.
    pub valid_to: Option<String>,
}

/// A place to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlace {
    /// See [`Place::kind`].
    pub kind: String,
    /// See [`Place::code`].
    pub code: String,
    /// Name.
    pub name: String,
    /// Where it stands.
    pub path: PlacePath,
    /// Of schools.
    pub town_path: Option<PlacePath>,
}

/// Names that are kept in memory: a prefecture with its villages and classes.
const MAX_NAMES: usize = 100_000;

/// Name by path; `None` for a path that has none.
type Names = FxHashMap<String, Option<String>>;

/// Names of places, of those too that have none, as long as places stay as they are.
#[derive(Clone, Default)]
pub(crate) struct NameCache {
    held: Arc<Mutex<(i64, Names)>>,
}

impl NameCache {
    /// `None`: not known here.
    fn get(&self, generation: i64, path: &str) -> Option<Option<String>> {
        let held = self.held.lock().ok()?;
        (held.0 == generation).then(|| held.1.get(path).cloned()).flatten()
    }

    fn keep(&self, generation: i64, names: impl Iterator<Item = (String, Option<String>)>) {
        if let Ok(mut held) = self.held.lock() {
            if held.0 != generation || held.1.len() >= MAX_NAMES {
                *held = (generation, Names::default());
            }
            held.1.extend(names);
        }
    }
}

const COLUMNS: &str = "id, kind, code, name, path, town_path, valid_from, valid_to";

fn place(r: &Row) -> Result<Place> {
    Ok(Place {
        id: r.int(0)?,
        kind: r.text(1)?,
        code: r.text(2)?,
        name: r.text(3)?,
        path: PlacePath::parse(&r.text(4)?).ok_or(StoreError::Damaged)?,
        town_path: r.opt_text(5)?.and_then(|p| PlacePath::parse(&p)),
        valid_from: r.text(6)?,
        valid_to: r.opt_text(7)?,
    })
}

impl Store {
    /// Places below a path that exist on a day, the path's own included, in tree order.
    pub async fn places_below(&self, path: &str, on: Date, kinds: &[&str]) -> Result<Vec<Place>> {
        let mut c = Clause::new();
        c.below("path", path);
        if !kinds.is_empty() {
            c.one_of("kind", kinds.iter().copied());
        }
        let day = c.bind(on);
        c.add(format!("valid_from <= {day} AND (valid_to IS NULL OR valid_to > {day})"));
        let sql = format!("SELECT {COLUMNS} FROM place{} ORDER BY path", c.sql());
        self.all(&sql, c.values).await?.iter().map(place).collect()
    }

    /// The different names of the places of a kind below a path.
    pub async fn names_below(&self, path: &str, kind: &str) -> Result<Vec<String>> {
        let mut c = Clause::new();
        c.below("path", path);
        c.equal("kind", kind);
        let rows = self.all(&format!("SELECT DISTINCT name FROM place{} ORDER BY name", c.sql()), c.values).await?;
        rows.iter().map(|r| r.text(0)).collect()
    }

    /// Every name that schools below a path have or had: code, name, whether it is the present one.
    pub async fn school_names(&self, path: &str, on: Date) -> Result<Vec<(String, String, bool)>> {
        let mut c = Clause::new();
        c.below("path", path);
        c.one_of("kind", ["school", "teaching-point"]);
        let day = c.bind(on);
        let sql = format!(
            "SELECT code, name, CASE WHEN kind = 'school' AND (valid_to IS NULL OR valid_to > {day}) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM place{}
             ORDER BY valid_from DESC, id DESC",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| Ok((r.text(0)?, r.text(1)?, r.flag(2)?))).collect()
    }

    /// Paths of schools below a path that have exactly this name on a day.
    pub async fn schools_named(&self, path: &str, name: &str, on: Date) -> Result<Vec<String>> {
        let mut c = Clause::new();
        c.below("path", path);
        c.equal("name", name);
        c.equal("kind", "school");
        let on = c.bind(on);
        c.add(format!("valid_from <= {on} AND (valid_to IS NULL OR valid_to > {on})"));
        let rows = self.all(&format!("SELECT path FROM place{} ORDER BY id", c.sql()), c.values).await?;
        rows.iter().map(|r| r.text(0)).collect()
    }

    /// The place at a path on a day.
    pub async fn place_at(&self, path: &PlacePath, on: Date) -> Result<Option<Place>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM place WHERE path = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) ORDER BY id DESC LIMIT 1"
        );
        self.one(&sql, binds![path.as_str(), on]).await?.as_ref().map(place).transpose()
    }

    /// Names of places by their paths; a place that was renamed has its newest name. Names are kept in memory until places change.
    pub async fn place_names(&self, paths: &[&str]) -> Result<FxHashMap<String, String>> {
        let generation = self.generation().await?;
        let mut out = FxHashMap::default();
        let mut wanted: Vec<&str> = Vec::new();
        for path in paths {
            match self.names.get(generation, path) {
                Some(Some(name)) => {
                    out.insert((*path).to_owned(), name);
                }
                Some(None) => {}
                None => wanted.push(path),
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        // SQLite binds at most 32,766 values
        for part in wanted.chunks(512) {
            let mut c = Clause::new();
            c.one_of("path", part.iter().copied());
            let sql = format!("SELECT path, name FROM place{} ORDER BY valid_from", c.sql());
            let mut found: FxHashMap<String, String> = FxHashMap::default();
            for r in self.all(&sql, c.values).await? {
                found.insert(r.text(0)?, r.text(1)?);
            }
            self.names.keep(generation, part.iter().map(|p| ((*p).to_owned(), found.get(*p).cloned())));
            out.extend(found);
        }
        Ok(out)
    }

    /// Schools to which villages are assigned on a day: village path → school paths.
    pub async fn catchments(&self, on: Date) -> Result<FxHashMap<String, Vec<String>>> {
        let sql = "SELECT village_path, school_path FROM catchment WHERE valid_from <= $1 AND (valid_to IS NULL OR valid_to > $1) ORDER BY id";
        let mut out: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for r in self.all(sql, binds![on]).await? {
            out.entry(r.text(0)?).or_default().push(r.text(1)?);
        }
        Ok(out)
    }
}

impl Tx {
    /// Adds or renames places as of a day. A place that is the same already is left alone; one of another name ends and begins anew.
    pub async fn put_places(&mut self, places: &[NewPlace], from: Date) -> Result<usize> {
        if let Some(bad) = places.iter().find(|p| !p.path.is_sound()) {
            return Err(StoreError::BadPlace(bad.name.clone()));
        }
        let mut known: FxHashMap<String, (i64, String, String, Option<String>, String)> = FxHashMap::default();
        for r in self.all("SELECT path, id, name, kind, town_path, valid_from FROM place WHERE valid_to IS NULL", vec![]).await? {
            known.insert(r.text(0)?, (r.int(1)?, r.text(2)?, r.text(3)?, r.opt_text(4)?, r.text(5)?));
        }
        let mut new: Vec<Vec<Value>> = Vec::new();
        let day = from.to_string();
        for p in places {
            let town = p.town_path.as_ref().map(|t| t.as_str().to_owned());
            match known.get(p.path.as_str()) {
                Some((_, name, kind, t, _)) if *name == p.name && *kind == p.kind && *t == town => continue,
                // changed twice on one day: the last word holds
                Some((id, .., since)) if *since >= day => {
                    let sql = "UPDATE place SET name = $1, kind = $2, town_path = $3 WHERE id = $4";
                    self.run(sql, binds![&p.name, &p.kind, town, *id]).await?;
                    continue;
                }
                Some((id, ..)) => {
                    self.run("UPDATE place SET valid_to = $1 WHERE id = $2", binds![from, *id]).await?;
                }
                None => {}
            }
            new.push(binds![&p.kind, &p.code, &p.name, p.path.as_str(), town, from]);
        }
        let n = new.len();
        self.insert_many("place", &["kind", "code", "name", "path", "town_path", "valid_from"], new).await?;
        self.children_changed().await?;
        Ok(n)
    }

    /// Adds places that are not there yet; what is there is left alone. A place that ended before the day may begin again.
    pub async fn add_places(&mut self, places: &[NewPlace], from: Date) -> Result<usize> {
        let mut known: rustc_hash::FxHashSet<String> = rustc_hash::FxHashSet::default();
        for r in self.all("SELECT path FROM place WHERE valid_to IS NULL OR valid_from >= $1", binds![from]).await? {
            known.insert(r.text(0)?);
        }
        // a class whose name cannot be kept is none; its children stand where they stand
        let new = places.iter().filter(|p| p.path.is_sound() && !known.contains(p.path.as_str()));
        let rows: Vec<Vec<Value>> = new
            .map(|p| {
                let town = p.town_path.as_ref().map(|t| t.as_str().to_owned());
                binds![&p.kind, &p.code, &p.name, p.path.as_str(), town, from]
            })
            .collect();
        let n = rows.len();
        self.insert_many("place", &["kind", "code", "name", "path", "town_path", "valid_from"], rows).await?;
        self.children_changed().await?;
        Ok(n)
    }

    /// Closes a place and everything below it from a day on (merged, closed, graduated).
    pub async fn close_places(&mut self, path: &PlacePath, from: Date) -> Result<u64> {
        let mut c = Clause::new();
        let day = c.bind(from);
        c.below("path", path.as_str());
        c.add("valid_to IS NULL");
        let sql = format!("UPDATE place SET valid_to = {day}{}", c.sql());
        self.children_changed().await?;
        self.run(&sql, c.values).await
    }

    /// 划片: which villages belong to which schools, replacing what was said of these villages before.
    pub async fn put_catchments(&mut self, pairs: &[(PlacePath, PlacePath)], from: Date) -> Result<()> {
        let mut villages: Vec<&str> = pairs.iter().map(|p| p.0.as_str()).collect();
        villages.sort_unstable();
        villages.dedup();
        for v in villages {
            let sql = "UPDATE catchment SET valid_to = $1 WHERE village_path = $2 AND valid_to IS NULL AND valid_from < $1";
            self.run(sql, binds![from, v]).await?;
            self.run("DELETE FROM catchment WHERE village_path = $1 AND valid_from >= $2", binds![v, from]).await?;
        }
        let rows = pairs.iter().map(|(v, s)| binds![v.as_str(), s.as_str(), from]).collect();
        self.insert_many("catchment", &["village_path", "school_path", "valid_from"], rows).await?;
        Ok(())
    }
}
