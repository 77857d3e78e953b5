//! 变迁 (relocation): places that become others, with everybody and everything that stands in them: a class moves up, a school is merged
//! into another, a village is renumbered.

use baoxue_domain::access::Role;
use baoxue_domain::place::PlacePath;
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ground::error::{Result, StoreError};
use crate::{Clause, NewRequest, OnRelocation, REQUEST_MS, RequestKind, Row, Store, Tx, Value, binds, columns_of_places};

/// A place that becomes another; what lies below goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// As it was.
    pub from: PlacePath,
    /// As it is from now on.
    pub to: PlacePath,
    /// Its name from now on.
    pub name: String,
    /// Its children leave: the place ends, and nobody is responsible for it any more.
    pub leaves: bool,
}

/// What a relocation touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relocated {
    /// Places that ended and began anew.
    pub places: usize,
    /// Children who stand elsewhere now.
    pub children: usize,
    /// Roles that went along, and roles that ended.
    pub grants: usize,
    /// Roles that would see more than before: they wait for a second person.
    pub waiting: usize,
}

/// All of one act: they happen at once, so that 三(1)班 may become 四(1)班 while that one becomes 五(1)班.
struct Moves<'a> {
    by_path: FxHashMap<&'a str, &'a Relocation>,
    /// Those that go into a place that is there already and stays.
    merging: FxHashSet<&'a str>,
}

impl<'a> Moves<'a> {
    /// The move that takes a path along: its own, or that of the nearest place above.
    fn of(&self, path: &str) -> Option<(&'a Relocation, String)> {
        let mut end = path.len();
        while end > 0 {
            if let Some(m) = self.by_path.get(&path[..end]) {
                return Some((m, format!("{}{}", m.to, &path[end..])));
            }
            end = path[..end - 1].rfind('/').map_or(0, |i| i + 1);
        }
        None
    }

    /// Below each of these prefixes something may move.
    fn roots(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = self.by_path.keys().copied().collect();
        all.sort_unstable();
        all.dedup_by(|b, a| b.starts_with(*a));
        all
    }
}

/// Rows of one UPDATE.
const AT_ONCE: usize = 500;

impl Store {
    /// Whether a county's classes have moved up into a school year.
    pub async fn rolled_over(&self, scope: &str, school_year: i64) -> Result<bool> {
        let sql = "SELECT 1 FROM roll_over WHERE scope_path = $1 AND school_year = $2";
        Ok(self.one(sql, binds![scope, school_year]).await?.is_some())
    }
}

impl Tx {
    /// Notes that a county's classes moved up; false if somebody did it before.
    pub async fn roll_over(&mut self, scope: &str, school_year: i64, now: i64, by: i64) -> Result<bool> {
        let sql = "INSERT INTO roll_over (scope_path, school_year, done_at, done_by) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (scope_path, school_year) DO NOTHING";
        Ok(self.run(sql, binds![scope, school_year, now, by]).await? == 1)
    }

    /// Moves places from a day on. What was stays on record under its old path: places and grants are dated.
    pub async fn relocate(&mut self, store: &Store, moves: &[Relocation], from: Date, now: i64, by: i64) -> Result<Relocated> {
        if let Some(bad) = moves.iter().find(|m| !m.to.is_sound()) {
            return Err(StoreError::BadPlace(bad.name.clone()));
        }
        let mut moves = Moves { by_path: moves.iter().map(|m| (m.from.as_str(), m)).collect(), merging: FxHashSet::default() };
        for m in moves.by_path.values().filter(|m| !m.leaves && !moves.by_path.contains_key(m.to.as_str())) {
            if self.one("SELECT 1 FROM place WHERE path = $1 AND valid_to IS NULL", binds![m.to.as_str()]).await?.is_some() {
                moves.merging.insert(m.from.as_str());
            }
        }
        self.move_counts(&moves).await?;
        self.children_changed().await?;
        let places = self.move_places(&moves, from).await?;
        let children = self.move_children(&moves, now).await?;
        let (grants, waiting) = self.move_grants(store, &moves, from, now, by).await?;
        Ok(Relocated { places, children, grants, waiting })
    }

    /// Rows whose `column` lies below one of the moves.
    async fn rows_below(&mut self, moves: &Moves<'_>, select: &str, column: &str, and: &str) -> Result<Vec<Row>> {
        let mut out = Vec::new();
        for root in moves.roots() {
            let mut c = Clause::new();
            c.below(column, root);
            if !and.is_empty() {
                c.add(and);
            }
            out.extend(self.all(&format!("{select}{}", c.sql()), c.values).await?);
        }
        Ok(out)
    }

    async fn move_places(&mut self, moves: &Moves<'_>, from: Date) -> Result<usize> {
        let select = "SELECT id, kind, code, name, path, town_path, valid_from FROM place";
        let mut rows = self.rows_below(moves, select, "path", "valid_to IS NULL").await?;
        rows.extend(self.rows_below(moves, select, "town_path", "valid_to IS NULL").await?);
        let mut fresh: FxHashMap<String, Vec<Value>> = FxHashMap::default();
        let mut ended = 0;
        for r in &rows {
            let (id, path, town) = (r.int(0)?, r.text(4)?, r.opt_text(5)?);
            let moved = moves.of(&path);
            let moved_leaves = moved.as_ref().is_some_and(|(m, _)| m.leaves);
            let exact = moved.as_ref().filter(|(m, _)| m.from.as_str() == path).map(|(m, _)| m.name.clone());
            let name = exact.map_or_else(|| r.text(3), Ok)?;
            let to = moved.map_or(path, |(_, to)| to);
            let town = town.map(|t| moves.of(&t).map_or(t, |(_, to)| to));
            // one that begins later than this day never was
            if r.text(6)? >= from.to_string() {
                self.run("DELETE FROM place WHERE id = $1", binds![id]).await?;
            } else {
                self.run("UPDATE place SET valid_to = $1 WHERE id = $2", binds![from, id]).await?;
            }
            ended += 1;
            if moved_leaves {
                continue;
            }
            fresh.entry(to.clone()).or_insert(binds![r.text(1)?, r.text(2)?, name, to, town, from]);
        }
        let mut paths: Vec<String> = fresh.keys().cloned().collect();
        paths.sort_unstable();
        let mut new = Vec::new();
        for path in paths {
            // what is merged into another place finds that place there
            let there = self.one("SELECT 1 FROM place WHERE path = $1 AND valid_to IS NULL", binds![&path]).await?;
            if there.is_none() {
                new.extend(fresh.remove(&path));
            }
        }
        self.insert_many("place", &["kind", "code", "name", "path", "town_path", "valid_from"], new).await?;
        for (column, other) in [("village_path", "school_path"), ("school_path", "village_path")] {
            let select = format!("SELECT id, {column}, {other} FROM catchment");
            for r in self.rows_below(moves, &select, column, "valid_to IS NULL").await? {
                let Some((_, to)) = moves.of(&r.text(1)?) else { continue };
                self.run("UPDATE catchment SET valid_to = $1 WHERE id = $2", binds![from, r.int(0)?]).await?;
                let sql = format!(
                    "INSERT INTO catchment ({column}, {other}, valid_from) VALUES ($1, $2, $3)
                     ON CONFLICT (village_path, school_path, valid_from) DO UPDATE SET valid_to = NULL"
                );
                self.run(&sql, binds![to, r.text(2)?, from]).await?;
            }
        }
        Ok(ended)
    }

    /// What classes counted goes along with them.
    async fn move_counts(&mut self, moves: &Moves<'_>) -> Result<()> {
        const COLUMNS: [&str; 7] = ["class_path", "month", "homework", "roll", "seats", "counted_by", "counted_at"];
        let select = format!("SELECT {} FROM class_count", COLUMNS.join(", "));
        let rows = self.rows_below(moves, &select, "class_path", "").await?;
        let mut moved: FxHashMap<(String, String), Vec<Value>> = FxHashMap::default();
        for r in &rows {
            let (path, month) = (r.text(0)?, r.text(1)?);
            let Some((_, to)) = moves.of(&path) else { continue };
            self.run("DELETE FROM class_count WHERE class_path = $1 AND month = $2", binds![&path, &month]).await?;
            let values = binds![&to, &month, r.opt_int(2)?, r.opt_int(3)?, r.opt_int(4)?, r.int(5)?, r.int(6)?];
            moved.insert((to, month), values);
        }
        for ((path, month), values) in moved {
            self.run("DELETE FROM class_count WHERE class_path = $1 AND month = $2", binds![path, month]).await?;
            self.insert_many("class_count", &COLUMNS, vec![values]).await?;
        }
        Ok(())
    }

    async fn move_children(&mut self, moves: &Moves<'_>, now: i64) -> Result<usize> {
        let mut touched = 0;
        let following = columns_of_places().iter().filter(|c| c.2 == OnRelocation::Follow);
        for (table, column, _) in following {
            let rows = self.rows_below(moves, &format!("SELECT id, {column} FROM {table}"), column, "").await?;
            let mut by_target: FxHashMap<String, Vec<i64>> = FxHashMap::default();
            for r in &rows {
                if let Some((_, to)) = moves.of(&r.text(1)?) {
                    by_target.entry(to).or_default().push(r.int(0)?);
                }
            }
            for (to, ids) in by_target {
                touched += if *table == "child" { ids.len() } else { 0 };
                for some in ids.chunks(AT_ONCE) {
                    if *table == "child" {
                        self.remember_children(some, now).await?;
                    }
                    let mut c = Clause::new();
                    let to = c.bind(&to);
                    c.one_of("id", some.iter().copied());
                    self.run(&format!("UPDATE {table} SET {column} = {to}{}", c.sql()), c.values).await?;
                }
            }
        }
        Ok(touched)
    }

    /// How many roles went along or ended, and how many wait: in a place that is there already a role would see more than it was given for.
    async fn move_grants(&mut self, store: &Store, moves: &Moves<'_>, from: Date, now: i64, by: i64) -> Result<(usize, usize)> {
        let select = "SELECT id, account_id, role, path, valid_from, valid_to FROM role_grant";
        let rows = self.rows_below(moves, select, "path", "").await?;
        let day = from.to_string();
        let (mut touched, mut waiting) = (0, 0);
        for r in &rows {
            let Some((m, to)) = moves.of(&r.text(3)?) else { continue };
            if r.opt_text(5)?.is_some_and(|end| end <= day) {
                continue;
            }
            self.run("UPDATE role_grant SET valid_to = $1 WHERE id = $2", binds![from, r.int(0)?]).await?;
            if moves.merging.contains(m.from.as_str()) {
                let (Some(role), Some(path)) = (Role::find(&r.text(2)?), PlacePath::parse(&to)) else { continue };
                let grants = [(role, path)];
                let expires_at = now + REQUEST_MS;
                let new =
                    NewRequest { account: r.int(1)?, grants: &grants, vouched_by: Some(by), expires_at, ..NewRequest::default() };
                self.request(store, RequestKind::Grant, &new, now).await?;
                waiting += 1;
                continue;
            }
            touched += 1;
            if !m.leaves {
                let sql = "INSERT INTO role_grant (account_id, role, path, valid_from, valid_to, granted_by, granted_at)
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
                let begins = r.text(4)?.max(day.clone());
                self.run(sql, binds![r.int(1)?, r.text(2)?, to, begins, r.opt_text(5)?, by, now]).await?;
            }
        }
        // whoever had switched to a place that is no more is back at her own
        let gone = self.rows_below(moves, "SELECT token_digest FROM session", "place_path", "").await?;
        for r in &gone {
            self.switch_place(&r.bytes(0)?, None).await?;
        }
        Ok((touched, waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_above_takes_a_path_along() {
        let path = |s: &str| PlacePath::parse(s).unwrap();
        let relocation = |from: &str, to: &str| Relocation { from: path(from), to: path(to), name: String::new(), leaves: false };
        let all = [
            relocation("e/528801/1/三年级/", "e/528801/1/四年级/"),
            relocation("e/528801/1/三年级/三(1)班/", "e/528801/1/四年级/四(1)班/"),
        ];
        let moves = Moves { by_path: all.iter().map(|m| (m.from.as_str(), m)).collect(), merging: FxHashSet::default() };
        let to = |p: &str| moves.of(p).map(|m| m.1);
        assert_eq!(to("e/528801/1/三年级/三(1)班/").as_deref(), Some("e/528801/1/四年级/四(1)班/"));
        assert_eq!(to("e/528801/1/三年级/三(2)班/").as_deref(), Some("e/528801/1/四年级/三(2)班/"));
        assert_eq!(to("e/528801/1/三年级/").as_deref(), Some("e/528801/1/四年级/"));
        assert_eq!(to("e/528801/1/四年级/四(1)班/"), None);
        assert_eq!(to("e/528801/"), None);
        assert_eq!(moves.roots(), ["e/528801/1/三年级/"]);
    }
}
