//! Cluster: all rows of one child over all sources.

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

/// Clusters grown link by link, strongest first. The members of a set form a ring.
pub(crate) struct Sets {
    sets: Components,
    next: Vec<u32>,
}

impl Sets {
    pub fn new(records: usize) -> Self {
        Self { sets: Components::new(records), next: (0..records as u32).collect() }
    }

    fn ring(&self, start: u32) -> impl Iterator<Item = u32> {
        let mut at = Some(start);
        std::iter::from_fn(move || {
            let here = at?;
            let next = self.next[here as usize];
            at = (next != start).then_some(next);
            Some(here)
        })
    }

    /// Joins the sets of two rows.
    pub fn join(&mut self, a: u32, b: u32) {
        if !self.same(a, b) {
            self.sets.join(a, b);
            self.next.swap(a as usize, b as usize);
        }
    }

    pub fn same(&mut self, a: u32, b: u32) -> bool {
        self.sets.root(a) == self.sets.root(b)
    }

    /// Whether neither row was joined with any other.
    pub fn stand_alone(&self, a: u32, b: u32) -> bool {
        self.next[a as usize] == a && self.next[b as usize] == b
    }

    /// Pairs of rows that a link of two rows would bring together, the smaller number first.
    pub fn brought_together(&self, a: u32, b: u32) -> impl Iterator<Item = (u32, u32)> {
        self.ring(a).flat_map(move |i| self.ring(b).map(move |j| (i.min(j), i.max(j))))
    }

    /// Hands over the sets of at least two, in order, by their first member.
    pub fn each_set(&self, mut each: impl FnMut(&[u32])) {
        let mut seen = vec![false; self.next.len()];
        let mut set: Vec<u32> = Vec::new();
        for i in 0..self.next.len() as u32 {
            if seen[i as usize] || self.next[i as usize] == i {
                continue;
            }
            set.clear();
            set.extend(self.ring(i));
            set.iter().for_each(|m| seen[*m as usize] = true);
            set.sort_unstable();
            each(&set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_join() {
        let mut c = Sets::new(6);
        c.join(0, 2);
        c.join(3, 4);
        let mut together: Vec<(u32, u32)> = c.brought_together(2, 4).collect();
        together.sort_unstable();
        assert_eq!(together, [(0, 3), (0, 4), (2, 3), (2, 4)]);
        c.join(4, 5);
        c.join(5, 3);
        assert!(c.same(3, 5) && !c.same(0, 3));
        let mut sets = Vec::new();
        c.each_set(|set| sets.push(set.to_vec()));
        assert_eq!(sets, [vec![0, 2], vec![3, 4, 5]]);
    }
}
