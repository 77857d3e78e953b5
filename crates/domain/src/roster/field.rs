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

struct Dictionary {
    by_heading: HashMap<String, Field>,
    first: HashMap<Field, String>,
}

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| {
    let text = include_str!("../../../../reference/headings.toml");
    let raw: HashMap<Field, Vec<String>> = toml::from_str(text).unwrap_or_default();
    let mut d = Dictionary { by_heading: HashMap::new(), first: HashMap::new() };
    for (field, headings) in raw {
        if let Some(first) = headings.first() {
            d.first.insert(field, first.clone());
        }
        for h in headings {
            d.by_heading.insert(normalise(&h), field);
        }
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
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The field of a heading, if it is known.
pub fn recognise_heading(heading: &str) -> Option<Field> {
    let key = normalise(heading);
    if key.is_empty() {
        return None;
    }
    DICTIONARY.by_heading.get(&key).copied()
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
            ("完全不认识的", None),
            ("", None),
        ] {
            assert_eq!(recognise_heading(heading), field, "{heading}");
        }
    }
}
