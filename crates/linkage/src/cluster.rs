//! Cluster: all rows of one child over all sources.

use rustc_hash::FxHashMap;

/// Disjoint sets over record numbers; the root of a set is its smallest member.
pub(crate) struct Components {
    parent: Vec<u32>,
}

impl Components {
    pub fn new(n: usize) -> Self {
        Self { parent: (0..n as u32).collect() }
    }

    pub fn root(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i
    }

    pub fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        let (a, b) = (a.min(b), a.max(b));
        self.parent[b as usize] = a;
        a
    }
}

/// Clusters grown link by link, strongest first.
pub(crate) struct Clusters {
    sets: Components,
    /// Members by root, for sets of more than one.
    members: FxHashMap<u32, Vec<u32>>,
}

impl Clusters {
    pub fn new(records: usize) -> Self {
        Self { sets: Components::new(records), members: FxHashMap::default() }
    }

    fn of(&mut self, i: u32) -> Vec<u32> {
        let root = self.sets.root(i);
        self.members.get(&root).cloned().unwrap_or_else(|| vec![i])
    }

    /// Joins the sets of two rows unless `fits` refuses a pair of members, one of each.
    pub fn join(&mut self, a: u32, b: u32, fits: &dyn Fn(u32, u32) -> bool) -> bool {
        let (ra, rb) = (self.sets.root(a), self.sets.root(b));
        if ra == rb {
            return true;
        }
        let (mut x, y) = (self.of(a), self.of(b));
        if x.iter().any(|i| y.iter().any(|j| !fits(*i.min(j), *i.max(j)))) {
            return false;
        }
        self.members.remove(&ra);
        self.members.remove(&rb);
        x.extend(y);
        x.sort_unstable();
        let root = self.sets.join(ra, rb);
        self.members.insert(root, x);
        true
    }

    pub fn same(&mut self, a: u32, b: u32) -> bool {
        self.sets.root(a) == self.sets.root(b)
    }

    /// Sets of at least two, by their first member.
    pub fn into_sets(self) -> Vec<Vec<u32>> {
        let mut out: Vec<Vec<u32>> = self.members.into_values().collect();
        out.sort_unstable();
        out
    }
}
