use std::sync::LazyLock;

use serde::Deserialize;

use super::Field;

/// 学籍系统学生信息模板 (template of the national student register): what a school uploads to make records.
#[derive(Debug, Deserialize)]
pub struct NationalTemplate {
    /// From which day the template is in use.
    pub in_force_from: String,
    /// How the system writes dates, as in `strftime`.
    pub date_format: String,
    columns: Vec<(String, String)>,
}

static TEMPLATE: LazyLock<Option<NationalTemplate>> =
    LazyLock::new(|| toml::from_str(include_str!("../../../../reference/national_student_template.toml")).ok());

impl NationalTemplate {
    /// The template in force; `None` only if the reference file is broken, which a test excludes.
    pub fn in_force() -> Option<&'static Self> {
        TEMPLATE.as_ref()
    }

    /// Headings in order, each with the field that fills it.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<Field>)> {
        self.columns.iter().map(|(heading, field)| (heading.as_str(), Field::ALL.iter().copied().find(|f| f.name() == field)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_in_order_and_every_field_known() {
        let t = NationalTemplate::in_force().unwrap();
        let columns: Vec<_> = t.columns().collect();
        assert_eq!(columns.len(), 71);
        assert_eq!(columns[0], ("学校标识码", Some(Field::SchoolCode)));
        assert_eq!(columns[46], ("姓名", Some(Field::Guardian)));
        assert_eq!(columns[70], ("随迁子女", Some(Field::Migrant)));
        let named = t.columns.iter().filter(|c| !c.1.is_empty()).count();
        assert_eq!(named, columns.iter().filter(|c| c.1.is_some()).count(), "a field's name is misspelt");
    }
}
