//! 名单 (the pattern of every list): conditions that stay in the address, heads that sort, pages of a size, and how many there are.

use axum::extract::Query;
use axum::http::Uri;

use crate::web::frame::view::{number, url_part};

/// No list has more pages.
pub const MAX_PAGE: i64 = 1_000_000;
/// Rows of a page, as one may choose; the first where nothing is chosen.
pub const SIZES: [i64; 4] = [50, 100, 200, 500];

/// The size of a page as it was asked for.
pub fn size(asked: &str) -> i64 {
    let asked = asked.parse().unwrap_or(0);
    SIZES.into_iter().find(|s| *s == asked).unwrap_or(SIZES[0])
}

/// The number of a page as it was asked for.
pub fn page(asked: Option<i64>) -> i64 {
    asked.unwrap_or(1).clamp(1, MAX_PAGE)
}

/// The address of a list, without the number of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub path: String,
    /// What is chosen: name and value, the empty ones left out.
    pub parts: Vec<(&'static str, String)>,
}

impl Address {
    pub fn new(path: &str, parts: &[(&'static str, &str)]) -> Self {
        let parts = parts.iter().filter(|p| !p.1.is_empty()).map(|p| (p.0, p.1.to_owned())).collect();
        Self { path: path.to_owned(), parts }
    }

    /// The address with one condition other than it is; an empty one is taken away.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut parts = self.parts.clone();
        match parts.iter_mut().find(|p| p.0 == name) {
            Some(p) => value.clone_into(&mut p.1),
            None => parts.push((name, value.to_owned())),
        }
        parts.retain(|p| !p.1.is_empty());
        Self { path: self.path.clone(), parts }
    }

    /// The same conditions of another list.
    pub fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), parts: self.parts.clone() }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        for (i, (name, value)) in self.parts.iter().enumerate() {
            write!(f, "{}{name}={}", if i == 0 { '?' } else { '&' }, url_part(value))?;
        }
        Ok(())
    }
}

/// What stands in an address, where it is that of a list at `path`: one comes back to a list after an action, and to nothing else.
pub fn address_of<A: serde::de::DeserializeOwned>(path: &str, address: &str) -> Option<A> {
    let uri: Option<Uri> = address.parse().ok().filter(|u: &Uri| u.path() == path && u.host().is_none());
    uri.and_then(|u| Query::try_from_uri(&u).ok()).map(|Query(a)| a)
}

/// A condition that one click takes away.
pub struct Condition {
    pub label: String,
    pub href: String,
}

/// The head of a column.
pub struct Head {
    pub label: &'static str,
    /// `n` for numbers, `d` for dates.
    pub class: &'static str,
    /// Where a click sorts by it; nothing where it does not.
    pub href: Option<String>,
    pub sorted: bool,
}

/// A column: label, class, and the code by which it sorts; `None` where it does not.
pub type Column = (&'static str, &'static str, Option<&'static str>);

/// The heads of a list that is sorted by the code in `sort`.
pub fn heads(columns: &[Column], at: &Address, sort: &str) -> Vec<Head> {
    let head = |(label, class, code): &Column| Head {
        label,
        class,
        href: code.map(|c| at.with("sort", c).to_string()),
        sorted: code.is_some_and(|c| c == sort),
    };
    columns.iter().map(head).collect()
}

/// Pages of a list.
pub struct Pager {
    pub page: i64,
    pub pages: i64,
    pub rows: i64,
    pub total: String,
    pub at: Address,
    /// Sizes that one may choose: the size, its address, whether it is this one.
    pub sizes: Vec<(i64, String, bool)>,
}

impl Pager {
    pub fn new(page: i64, size: i64, total: i64, at: Address) -> Self {
        let pages = ((total + size - 1) / size).max(1);
        let sizes = SIZES.map(|s| (s, at.with("per", &s.to_string()).to_string(), s == size));
        Self { page: page.clamp(1, pages), pages, rows: total, total: number(total), at, sizes: sizes.into_iter().collect() }
    }

    /// Whether there is anything to choose.
    pub fn is_long(&self) -> bool {
        self.rows > SIZES[0]
    }

    /// The address of a page.
    pub fn to(&self, page: i64) -> String {
        self.at.with("page", &page.to_string()).to_string()
    }

    /// Rows that the pages before this one hold.
    pub fn offset(&self, size: i64) -> i64 {
        (self.page - 1) * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_stay_in_the_address() {
        let a = Address::new("/x", &[("verdict", "never-enrolled"), ("place", "g/52/"), ("q", "")]);
        assert_eq!(a.with("verdict", "").to_string(), "/x?place=g/52/");
        assert_eq!(a.with("q", "王 a").to_string(), "/x?verdict=never-enrolled&place=g/52/&q=%E7%8E%8B%20a");
        assert_eq!(a.at("/y").with("verdict", "").with("place", "").to_string(), "/y");
    }

    #[test]
    fn pages_have_bounds() {
        let p = Pager::new(9, 50, 120, Address::new("/x", &[("place", "g/52/")]));
        assert_eq!((p.page, p.pages, p.offset(50)), (3, 3, 100));
        assert_eq!(p.to(2), "/x?place=g/52/&page=2");
        assert_eq!(p.sizes[1], (100, "/x?place=g/52/&per=100".to_owned(), false));
        assert_eq!(Pager::new(1, 50, 0, Address::new("/x", &[])).pages, 1);
        for (asked, is) in [("", 50), ("100", 100), ("7", 50), ("-1", 50), ("x", 50), ("500", 500)] {
            assert_eq!(size(asked), is);
        }
        assert_eq!((page(None), page(Some(-3)), page(Some(i64::MAX))), (1, 1, MAX_PAGE));
    }

    #[test]
    fn heads_sort() {
        let columns: [Column; 2] = [("姓名", "", None), ("期限", "d", Some("due"))];
        let at = Address::new("/x", &[("state", "open")]);
        let h = heads(&columns, &at, "due");
        assert_eq!((h[0].href.as_deref(), h[0].sorted), (None, false));
        assert_eq!((h[1].href.as_deref(), h[1].sorted), (Some("/x?state=open&sort=due"), true));
    }
}
