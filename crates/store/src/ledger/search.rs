//! 查找 (search): a child is found by keyed digests of pieces of its name, pinyin, initials, number and telephone.

use baoxue_domain::access::Jurisdiction;

use crate::ground::error::Result;
use crate::ledger::child::Sight;
use crate::{Clause, Store, Vault};

/// What a token is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SearchKind {
    /// Two or more neighbouring characters of the name, and the whole of it.
    Name,
    /// Syllables run together, from any syllable to the end.
    Pinyin,
    /// First letters of the syllables.
    Initials,
    /// The whole number.
    Id,
    /// Its last four.
    IdTail,
    /// The last four of a telephone number.
    PhoneTail,
    /// The whole telephone number.
    Phone,
}

impl SearchKind {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Pinyin => "pinyin",
            Self::Initials => "initials",
            Self::Id => "id",
            Self::IdTail => "id-tail",
            Self::PhoneTail => "phone-tail",
            Self::Phone => "phone",
        }
    }
}

/// Children that a search gives at most; more, and the asker should write more.
pub const MAX_FOUND: i64 = 200;

/// Words of a search that count.
const MAX_WORDS: usize = 4;

fn tail(text: &str, n: usize) -> Option<String> {
    let count = text.chars().count();
    (count >= n).then(|| text.chars().skip(count - n).collect())
}

/// The tokens of a child: kind and text. `syllables` are the name's, in lower case without tones.
pub fn tokens_of(name: &str, syllables: &[String], id: &str, phones: &[&str]) -> Vec<(SearchKind, String)> {
    let mut out = Vec::new();
    // every dot alike: none
    let chars: Vec<char> = name.chars().filter(|c| c.is_alphanumeric()).collect();
    for from in 0..chars.len() {
        for to in from + 2..=chars.len() {
            // pieces of long names: to the end, and pairs
            if to == chars.len() || to == from + 2 {
                out.push((SearchKind::Name, chars[from..to].iter().collect()));
            }
        }
    }
    // one character is looked for as a surname
    out.extend(chars.first().map(|c| (SearchKind::Name, c.to_string())));
    for from in 0..syllables.len().min(4) {
        out.push((SearchKind::Pinyin, syllables[from..].concat()));
    }
    let initials: String = syllables.iter().filter_map(|s| s.chars().next()).collect();
    if initials.chars().count() > 1 {
        out.push((SearchKind::Initials, initials));
    }
    if !id.is_empty() {
        out.push((SearchKind::Id, id.to_uppercase()));
        out.extend(tail(&id.to_uppercase(), 4).map(|t| (SearchKind::IdTail, t)));
    }
    for phone in phones {
        out.push((SearchKind::Phone, (*phone).to_owned()));
        out.extend(tail(phone, 4).map(|t| (SearchKind::PhoneTail, t)));
    }
    out.sort();
    out.dedup();
    out
}

impl Store {
    /// Numbers of the children that fit what was typed and that one may see. Several words narrow each other.
    pub async fn search(&self, typed: &str, jurisdiction: &Jurisdiction) -> Result<Vec<i64>> {
        let words = words_of(typed);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let sight = self.sight(jurisdiction).await?;
        let tokens = |word: &str| readings(word).into_iter().map(|(k, t)| token(&self.vault, k, &t)).collect::<Vec<i64>>();
        let mut c = Clause::new();
        let sql = if let ([word], Sight::Whole) = (words.as_slice(), &sight) {
            // children who were merged into others have no pieces any more
            c.one_of("token", tokens(word));
            let limit = c.bind(MAX_FOUND);
            format!("SELECT DISTINCT child_id FROM child_search{} ORDER BY child_id LIMIT {limit}", c.sql())
        } else {
            for word in &words {
                let mut of = Clause::with(std::mem::take(&mut c.values));
                of.one_of("token", tokens(word));
                c.values = std::mem::take(&mut of.values);
                c.add(format!("c.id IN (SELECT child_id FROM child_search{})", of.sql()));
            }
            c.add("c.merged_into IS NULL");
            crate::ledger::child::inside(&mut c, &sight);
            let limit = c.bind(MAX_FOUND);
            format!("SELECT c.id FROM child c{} ORDER BY c.id LIMIT {limit}", c.sql())
        };
        let ids: Vec<i64> = self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect::<Result<_>>()?;
        let is_phone = |(kind, _): (SearchKind, String)| matches!(kind, SearchKind::Phone | SearchKind::PhoneTail);
        if matches!(sight, Sight::Whole) || !words.iter().flat_map(|w| readings(w)).any(is_phone) {
            return Ok(ids);
        }
        // the telephone of another county's child is not to be guessed
        let seen = self.children_by_number(&ids, jurisdiction).await?;
        let mut own: Vec<i64> = seen.into_iter().filter(|c| c.held_by.is_none()).map(|c| c.id).collect();
        own.sort_unstable();
        Ok(own)
    }
}

/// Whether somebody searches by a number: an ID, a telephone, the end of one.
pub fn asks_for_number(typed: &str) -> bool {
    words_of(typed).iter().any(|w| w.bytes().filter(u8::is_ascii_digit).count() > 0)
}

/// Words that narrow each other: dots are nothing, and pinyin written apart is written together.
fn words_of(typed: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut apart = false;
    for word in typed.split_whitespace() {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        let pinyin = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
        match out.last_mut().filter(|_| apart && pinyin) {
            Some(before) => before.push_str(&word),
            None if !word.is_empty() => out.push(word),
            None => {}
        }
        apart = pinyin;
    }
    out.truncate(MAX_WORDS);
    out
}

/// What a typed word may be.
fn readings(word: &str) -> Vec<(SearchKind, String)> {
    let upper = word.to_uppercase();
    let lower = word.to_lowercase();
    let digits = word.bytes().all(|b| b.is_ascii_digit());
    if digits || (word.len() > 1 && upper.ends_with('X') && upper[..upper.len() - 1].bytes().all(|b| b.is_ascii_digit())) {
        let kinds: &[SearchKind] = match word.len() {
            4 => &[SearchKind::IdTail, SearchKind::PhoneTail],
            11 | 12 => &[SearchKind::Phone],
            _ => &[SearchKind::Id],
        };
        return kinds.iter().map(|k| (*k, upper.clone())).collect();
    }
    if word.is_ascii() {
        return vec![(SearchKind::Pinyin, lower.clone()), (SearchKind::Initials, lower)];
    }
    vec![(SearchKind::Name, word.to_owned())]
}

/// The keyed digest of a piece.
pub(crate) fn token(vault: &Vault, kind: SearchKind, text: &str) -> i64 {
    vault.token(kind.code(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let s = |t: &[&str]| t.iter().map(|x| (*x).to_owned()).collect::<Vec<_>>();
        let of = |kind| {
            let all = tokens_of("王浩然", &s(&["wang", "hao", "ran"]), "528801201503022517", &["12812342231"]);
            all.into_iter().filter(|t| t.0 == kind).map(|t| t.1).collect::<Vec<_>>()
        };
        assert_eq!(of(SearchKind::Name), ["浩然", "王", "王浩", "王浩然"]);
        assert_eq!(of(SearchKind::Pinyin), ["haoran", "ran", "wanghaoran"]);
        assert_eq!(of(SearchKind::Initials), ["whr"]);
        assert_eq!(of(SearchKind::IdTail), ["2517"]);
        assert_eq!(of(SearchKind::PhoneTail), ["2231"]);
        assert_eq!(readings("2517"), [(SearchKind::IdTail, "2517".into()), (SearchKind::PhoneTail, "2517".into())]);
        // every dot that registers write, and none
        let dotted = |name: &str| tokens_of(name, &[], "", &[]);
        for dot in ["·", "•", "‧", "∙", "⋅", "・", "˙", "●", "▪", ".", " ", ""] {
            assert_eq!(dotted(&format!("阿依古丽{dot}买买提")), dotted("阿依古丽买买提"), "{dot}");
            assert_eq!(words_of(&format!("阿依古丽{dot}买买提")).concat(), "阿依古丽买买提");
        }
        for (typed, words) in [
            ("xu yuetong", vec!["xuyuetong"]),
            ("Wang  Hao ran 2517", vec!["WangHaoran", "2517"]),
            ("王浩 2517", vec!["王浩", "2517"]),
            ("王 hao", vec!["王", "hao"]),
            (" · ", vec![]),
        ] {
            assert_eq!(words_of(typed), words, "{typed}");
        }
        assert_eq!(readings("WHR")[1], (SearchKind::Initials, "whr".into()));
    }
}
