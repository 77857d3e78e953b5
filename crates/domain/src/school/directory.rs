use std::collections::{BTreeMap, BTreeSet};

/// 学校名录 (directory of schools): which school a name or code in a roster means.
#[derive(Debug, Clone, Default)]
pub struct SchoolDirectory {
    /// Registered name by code.
    names: BTreeMap<String, String>,
    /// Codes by plain name, former and given ones too: several counties have a school of one name.
    codes: BTreeMap<String, BTreeSet<String>>,
    /// What is left out of names: the county's own name.
    prefixes: Vec<String>,
}

/// What a roster's school is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchoolNamed {
    /// Its code, by its code or one of its names.
    Known(String),
    /// A school whose name is one character away: code, registered name.
    Spelt(String, String),
    /// None that is registered.
    Unknown,
    /// The row names none, or nothing is registered.
    Nothing,
}

/// Shorter names are too like one another for a guess.
const SHORTEST_GUESSED: usize = 4;

impl SchoolDirectory {
    /// A directory of a county or larger place; names of schools may begin with these words.
    pub fn new(prefixes: impl IntoIterator<Item = String>) -> Self {
        Self { prefixes: prefixes.into_iter().collect(), ..Self::default() }
    }

    /// Adds a school by its registered name.
    pub fn add(&mut self, code: &str, name: &str) {
        if !code.is_empty() && !name.is_empty() {
            self.names.entry(code.to_owned()).or_insert_with(|| name.to_owned());
            self.call(name, code);
        }
    }

    /// Adds another name of a school: a former one, or one that somebody said it has.
    pub fn call(&mut self, name: &str, code: &str) {
        let plain = self.plain(name);
        if !plain.is_empty() {
            self.codes.entry(plain).or_default().insert(code.to_owned());
        }
    }

    /// Whether no school is registered.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The registered name of a school.
    pub fn name_of(&self, code: &str) -> Option<&str> {
        self.names.get(code).map(String::as_str)
    }

    /// The school that a row means by its code and name.
    pub fn find(&self, code: Option<&str>, name: Option<&str>) -> SchoolNamed {
        if self.is_empty() || (code.is_none() && name.is_none()) {
            return SchoolNamed::Nothing;
        }
        if let Some(code) = code.filter(|c| self.names.contains_key(*c)) {
            return SchoolNamed::Known(code.to_owned());
        }
        let plain = self.plain(name.unwrap_or_default());
        match self.codes.get(&plain).map(|c| c.iter().collect::<Vec<_>>()).as_deref() {
            Some([only]) => return SchoolNamed::Known((*only).clone()),
            // several schools of one name: only the code tells
            Some(_) => return SchoolNamed::Unknown,
            None => {}
        }
        let chars: Vec<char> = plain.chars().collect();
        if chars.len() < SHORTEST_GUESSED {
            return SchoolNamed::Unknown;
        }
        let near = self.codes.iter().filter(|(known, _)| one_apart(&chars, &known.chars().collect::<Vec<_>>()));
        let codes: BTreeSet<&String> = near.flat_map(|(_, codes)| codes).collect();
        match codes.into_iter().collect::<Vec<_>>().as_slice() {
            [only] => SchoolNamed::Spelt((*only).clone(), self.name_of(only).unwrap_or_default().to_owned()),
            _ => SchoolNamed::Unknown,
        }
    }

    /// A name without what people write in different ways: blanks, brackets, the county before it.
    fn plain(&self, name: &str) -> String {
        let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
        let cut = self.prefixes.iter().find_map(|p| letters.strip_prefix(p.as_str()).filter(|rest| !rest.is_empty()));
        cut.unwrap_or(&letters).to_owned()
    }
}

/// Whether one character is other, missing or too many. A number in a name is no error of spelling: 第一小学, 第二小学.
fn one_apart(a: &[char], b: &[char]) -> bool {
    const NUMBERS: &str = "一二三四五六七八九十0123456789东西南北";
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let Some(at) = (0..b.len()).find(|i| a.get(*i) != Some(&b[*i])) else { return false };
    let counts = |c: Option<&char>| c.is_some_and(|c| NUMBERS.contains(*c));
    if counts(a.get(at)) || counts(Some(&b[at])) {
        return false;
    }
    if a.len() == b.len() { a[at + 1..] == b[at + 1..] } else { b.len() == a.len() + 1 && a[at..] == b[at + 1..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> SchoolDirectory {
        let mut d = SchoolDirectory::new(["青禾县".to_owned()]);
        for (code, name) in [
            ("1", "平坝中心小学"),
            ("2", "柳林镇第一小学"),
            ("3", "柳林镇第二小学"),
            ("4", "东关小学"),
            ("5", "西关小学"),
            ("6", "城关小学"),
            ("7", "城关小学"),
        ] {
            d.add(code, name);
        }
        d.call("平坝完小", "1");
        d
    }

    #[test]
    fn by_code_by_name_a_spelling_away_and_by_an_old_name() {
        use SchoolNamed::{Known, Spelt, Unknown};
        let d = directory();
        let check = |code: Option<&str>, name: &str, expected: SchoolNamed| {
            assert_eq!(d.find(code, Some(name)), expected, "{code:?} {name}")
        };
        let known = |c: &str| Known(c.to_owned());
        check(Some("1"), "随便", known("1"));
        check(None, "平坝中心小学", known("1"));
        check(None, "青禾县平坝中心小学", known("1"));
        check(None, " 平坝中心小学(本部)", Unknown);
        check(None, "平坝 中心小学", known("1"));
        check(None, "平坝完小", known("1"));
        check(Some("9999999999"), "平坝中心小学", known("1"));
        check(None, "坪坝中心小学", Spelt("1".into(), "平坝中心小学".into()));
        check(None, "平坝中心校小学", Spelt("1".into(), "平坝中心小学".into()));
        check(None, "平坝中小学", Spelt("1".into(), "平坝中心小学".into()));
        // another number or another side of town is another school
        check(None, "柳林镇第三小学", Unknown);
        check(None, "北关小学", Unknown);
        check(None, "城关小学", Unknown);
        check(None, "外县中学", Unknown);
        check(Some("9"), "", Unknown);
        assert_eq!(d.find(None, None), SchoolNamed::Nothing);
        assert_eq!(SchoolDirectory::default().find(None, Some("平坝中心小学")), SchoolNamed::Nothing);
    }
}
