use std::collections::{HashMap, HashSet};

use super::{Field, RosterRow};

/// 班级名册 (register of classes): which classes each school has, as the student register shows them.
#[derive(Debug, Default)]
pub struct ClassRegister {
    by_school: HashMap<String, HashSet<String>>,
}

impl ClassRegister {
    /// The classes that rows of the student register name.
    pub fn of_rows<'a>(rows: impl Iterator<Item = &'a RosterRow>) -> Self {
        let mut out = Self::default();
        for r in rows {
            if let (Some(school), Some(class)) = (school_of(r), class_of(r)) {
                out.by_school.entry(school.to_owned()).or_default().insert(class);
            }
        }
        out
    }

    /// Whether a row's class exists; `None` where the row names no class or its school is not known.
    pub fn has_class_of(&self, row: &RosterRow) -> Option<bool> {
        Some(self.by_school.get(school_of(row)?)?.contains(&class_of(row)?))
    }
}

fn school_of(r: &RosterRow) -> Option<&str> {
    r.get(Field::SchoolCode).or_else(|| r.get(Field::SchoolName))
}

/// 三年级 + 三(1)班, 三年级1班 and 三(1)班 are one class: grade and number.
fn class_of(r: &RosterRow) -> Option<String> {
    let class = r.get(Field::Class)?;
    let grade = r.get(Field::Grade).unwrap_or("").trim_end_matches("年级");
    let plain: String = class.replace("年级", "").chars().filter(|c| c.is_alphanumeric() && *c != '班').collect();
    Some(if plain.starts_with(grade) { plain } else { format!("{grade}{plain}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(grade: &str, class: &str, school: &str) -> RosterRow {
        let values = [(Field::Grade, grade), (Field::Class, class), (Field::SchoolName, school)]
            .into_iter()
            .filter(|v| !v.1.is_empty())
            .collect();
        RosterRow { values, ..RosterRow::default() }
    }

    #[test]
    fn classes_by_grade_and_number() {
        let register = ClassRegister::of_rows([row("三年级", "三(1)班", "柳林小学"), row("", "四年级2班", "柳林小学")].iter());
        let check = |grade, class, school, expected| {
            assert_eq!(register.has_class_of(&row(grade, class, school)), expected, "{grade} {class} {school}")
        };
        check("三年级", "1班", "柳林小学", Some(true));
        check("", "三年级(1)班", "柳林小学", Some(true));
        check("四年级", "四(2)班", "柳林小学", Some(true));
        check("三年级", "三(9)班", "柳林小学", Some(false));
        check("三年级", "三(1)班", "没有的学校", None);
        check("三年级", "", "柳林小学", None);
    }
}
