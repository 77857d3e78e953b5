use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// 字段 (field): what a column of a roster holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "each name is the English of the heading in reference/headings.toml")]
        pub enum Field { $($(#[$doc])* $variant),* }

        impl Field {
            /// All fields.
            pub const ALL: &'static [Field] = &[$(Field::$variant),*];

            /// Stable name, as in mappings and `reference/headings.toml`.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),* }
            }
        }
    };
}

fields! {
    Name = "name", NationalId = "national-id", IdKind = "id-kind", Sex = "sex", BirthDate = "birth-date", Ethnicity = "ethnicity",
    FormerName = "former-name", StudentNumber = "student-number", SchoolCode = "school-code", SchoolName = "school-name", Grade = "grade",
    Class = "class", EnrolledOn = "enrolled-on", StudentState = "student-state", AttendanceMode = "attendance-mode", Present = "present",
    AbsentReason = "absent-reason", Destination = "destination", Guardian = "guardian", GuardianRelation = "guardian-relation",
    GuardianPhone = "guardian-phone", GuardianId = "guardian-id", SecondGuardian = "second-guardian", SecondGuardianPhone = "second-guardian-phone",
    Phone = "phone", Mother = "mother", MotherId = "mother-id", Hospital = "hospital", BirthCertificate = "birth-certificate",
    Address = "address", RegisterAddress = "register-address", PlaceCode = "place-code", Town = "town", Village = "village",
    RegisterKind = "register-kind", RegisterStatus = "register-status", HouseholdNumber = "household-number", Health = "health",
    DisabilityKind = "disability-kind", DisabilityGrade = "disability-grade", DisabilityCertificate = "disability-certificate",
    Placement = "placement", LeftBehind = "left-behind", Migrant = "migrant", Orphan = "orphan", HouseholdKind = "household-kind",
    MonitoredKind = "monitored-kind", InSchoolStatus = "in-school-status", Education = "education", OutOfSchool = "out-of-school",
    OutOfSchoolReason = "out-of-school-reason", PostponedReason = "postponed-reason", PostponedUntil = "postponed-until",
    ApprovedBy = "approved-by", ExamNumber = "exam-number", ExamAbsence = "exam-absence", Disposition = "disposition",
    ResidencePermit = "residence-permit", FoundOn = "found-on", CaseStage = "case-stage", VisitedOn = "visited-on",
    VisitKind = "visit-kind", VisitResult = "visit-result", PersuadedBy = "persuaded-by", OriginalRow = "original-row", Remarks = "remarks",
}

/// A known heading: its characters, the same in order, and its field.
type Heading = (Vec<char>, Vec<char>, Field);

struct Dictionary {
    by_heading: HashMap<String, Field>,
    /// The same by how many characters they have.
    by_length: HashMap<usize, Vec<Heading>>,
    first: HashMap<Field, String>,
}

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| {
    let text = include_str!("../../../../reference/headings.toml");
    let raw: HashMap<Field, Vec<String>> = toml::from_str(text).unwrap_or_default();
    let mut d = Dictionary { by_heading: HashMap::new(), by_length: HashMap::new(), first: HashMap::new() };
    for (field, headings) in raw {
        if let Some(first) = headings.first() {
            d.first.insert(field, first.clone());
        }
        for h in headings {
            d.by_heading.insert(normalise(&h), field);
        }
    }
    for (known, field) in &d.by_heading {
        let chars: Vec<char> = known.chars().collect();
        d.by_length.entry(chars.len()).or_default().push((chars.clone(), in_order(chars), *field));
    }
    d
});

/// A heading without what does not count: spaces, line breaks, stars, remarks in brackets, punctuation.
pub(super) fn normalise(heading: &str) -> String {
    let mut out = String::with_capacity(heading.len());
    let mut depth = 0;
    for c in super::clean_text(heading).chars() {
        match c {
            '(' | '[' | '【' | '〔' => depth += 1,
            ')' | ']' | '】' | '〕' => depth -= 1,
            _ if depth > 0 => {}
            c if c.is_whitespace() || matches!(c, '*' | '※' | ':' | '、' | '/' | '-' | '_' | '.' | '。' | '"' | '\'' | '#') =>
                {}
            c => out.extend(simplified(c).to_lowercase()),
        }
    }
    out
}

/// A traditional character of a heading in its simplified form.
fn simplified(c: char) -> char {
    static PAIRS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
        let text = include_str!("../../../../reference/traditional.txt");
        let words = text.lines().filter(|l| !l.starts_with('#')).flat_map(str::split_whitespace);
        let pair = |w: &str| Some((w.chars().next()?, w.chars().nth(1)?));
        words.filter_map(pair).collect()
    });
    PAIRS.get(&c).copied().unwrap_or(c)
}

/// The Chinese part of a heading in two languages: `DOB 出生日期`. Nothing where the other words are part of the meaning (`E-mail 地址`).
fn chinese_part(heading: &str) -> Option<String> {
    let foreign: String = heading.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    if foreign.len() < 2 || ["mail", "qq", "ip", "url", "web", "wechat"].iter().any(|w| foreign.contains(w)) {
        return None;
    }
    let chinese: String = heading.chars().filter(|c| !c.is_ascii()).collect();
    (chinese.chars().count() >= 2).then(|| normalise(&chinese))
}

/// Fewest characters of a heading in which a slip is forgiven.
const FEWEST_FOR_A_SLIP: usize = 5;
/// Characters that make another heading of a heading.
const TELLING: &str =
    "父母兄弟姐妹爷奶祖省市县区乡镇村户籍现原曾前后新旧学校班队团社院住在未已入出转时间地址年月日0123456789一二三四五六七八九";

/// A heading that is one character away from a known one, or has its words in another order; nothing where two fields could be meant.
fn slipped(key: &str) -> Option<Field> {
    let chars: Vec<char> = key.chars().collect();
    if chars.len() < FEWEST_FOR_A_SLIP - 1 {
        return None;
    }
    let mine = in_order(chars.clone());
    let mut found: Option<Field> = None;
    for (theirs, in_order, field) in DICTIONARY.by_length.get(&chars.len())? {
        let one_off = || {
            let mut differ = chars.iter().zip(theirs).filter(|(a, b)| a != b);
            differ.next().is_some_and(|(a, b)| !TELLING.contains(*a) && !TELLING.contains(*b)) && differ.next().is_none()
        };
        if *in_order == mine || chars.len() >= FEWEST_FOR_A_SLIP && one_off() {
            // whose telephone or number it is stands in the one character that differs: 校长联系电话, 家长联系电话
            let anothers = matches!(field, Field::GuardianPhone | Field::GuardianId | Field::InSchoolStatus | Field::OutOfSchool);
            if found.is_some_and(|f| f != *field) || anothers && *in_order != mine {
                return None;
            }
            found = Some(*field);
        }
    }
    found
}

fn in_order(mut chars: Vec<char>) -> Vec<char> {
    chars.sort_unstable();
    chars
}

/// The field of a heading, if it is known.
pub fn recognise_heading(heading: &str) -> Option<Field> {
    let key = normalise(heading);
    if key.is_empty() {
        return None;
    }
    let known = |key: &str| DICTIONARY.by_heading.get(key).copied();
    known(&key).or_else(|| chinese_part(heading).and_then(|c| known(&c))).or_else(|| slipped(&key))
}

impl Field {
    /// The heading under which templates and messages show the field.
    pub fn heading(self) -> &'static str {
        template_heading(self)
    }
}

/// The first heading of a field's list.
pub fn template_heading(field: Field) -> &'static str {
    DICTIONARY.first.get(&field).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_headings_and_none_is_claimed_twice() {
        let raw: HashMap<Field, Vec<String>> = toml::from_str(include_str!("../../../../reference/headings.toml")).unwrap();
        let mut seen: HashMap<String, Field> = HashMap::new();
        for f in Field::ALL {
            let headings = raw.get(f).unwrap_or_else(|| panic!("{} has no headings", f.name()));
            for h in headings {
                if let Some(other) = seen.insert(normalise(h), *f) {
                    assert_eq!(other, *f, "{h}");
                }
            }
        }
    }

    #[test]
    fn headings_by_meaning() {
        for (heading, field) in [
            ("姓 名", Some(Field::Name)),
            ("学生\n姓名*", Some(Field::Name)),
            ("身份证件号(必填)", Some(Field::NationalId)),
            ("公民身份号码", Some(Field::NationalId)),
            ("姓名：", Some(Field::Name)),
            ("监护人联系电话", Some(Field::GuardianPhone)),
            ("學生姓名", Some(Field::Name)),
            ("身份證號碼", Some(Field::NationalId)),
            ("DOB 出生日期", Some(Field::BirthDate)),
            ("ID No. 身份证号", Some(Field::NationalId)),
            ("XJH", Some(Field::StudentNumber)),
            ("身份证件好", Some(Field::NationalId)),
            ("号码身份证", Some(Field::NationalId)),
            ("监护人1电话号", None),
            ("E-mail 地址", None),
            ("成员3姓名", None),
            ("祖父姓名", None),
            ("学籍所在地", None),
            ("是否住校生", None),
            ("校长联系电话", None),
            ("班长身份证号", None),
            ("完全不认识的", None),
            ("", None),
        ] {
            assert_eq!(recognise_heading(heading), field, "{heading}");
        }
    }
}
