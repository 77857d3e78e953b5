use jiff::civil::Date;
use serde::Serialize;

use super::Field;
use crate::person::{NationalId, Sex};

/// 名册行 (a row of a roster): one child as one source has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RosterRow {
    /// Number of the sheet in its file, from 0.
    pub sheet: usize,
    /// Row as Excel counts, from 1.
    pub row: usize,
    /// Which child of the row, where a row holds several; from 0.
    pub child: usize,
    /// 姓名 as written, cleaned.
    pub name: Option<String>,
    /// 公民身份号码, sound.
    pub national_id: Option<NationalId>,
    /// 18 characters that fail their check digit: one wrong digit is still evidence.
    pub unsound_id: Option<String>,
    /// 性别, from its column or else from the number.
    pub sex: Option<Sex>,
    /// 出生日期, from its column or else from the number.
    pub birth_date: Option<Date>,
    /// The other fields, cleaned.
    pub values: FieldValues,
}

/// Values by field, all text in one piece: a county's rosters have four million of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FieldValues {
    text: String,
    /// Each field with the end of its value in `text`.
    ends: Vec<(Field, u32)>,
}

impl FieldValues {
    /// Adds a value; of several values of a field the first is the one that [`FieldValues::get`] gives.
    pub fn push(&mut self, field: Field, value: &str) {
        self.text.push_str(value);
        self.ends.push((field, self.text.len() as u32));
    }

    /// The first value of a field.
    pub fn get(&self, field: Field) -> Option<&str> {
        let i = self.ends.iter().position(|(f, _)| *f == field)?;
        let start = if i == 0 { 0 } else { self.ends[i - 1].1 };
        Some(&self.text[start as usize..self.ends[i].1 as usize])
    }

    /// All values with their fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        self.ends.iter().enumerate().map(|(i, (field, end))| {
            let start = if i == 0 { 0 } else { self.ends[i - 1].1 };
            (*field, &self.text[start as usize..*end as usize])
        })
    }

    /// Puts a value in place of the first one of a field, or adds it.
    pub fn set(&mut self, field: Field, value: &str) {
        if self.get(field).is_none() {
            return self.push(field, value);
        }
        let mut set = false;
        let mut out = Self::default();
        for (f, v) in self.iter() {
            let first = f == field && !set;
            set |= first;
            out.push(f, if first { value } else { v });
        }
        *self = out;
    }

    /// Gives back the room kept for more values.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

impl<'a> FromIterator<(Field, &'a str)> for FieldValues {
    fn from_iter<T: IntoIterator<Item = (Field, &'a str)>>(values: T) -> Self {
        let mut out = Self::default();
        values.into_iter().for_each(|(f, v)| out.push(f, v));
        out
    }
}

impl RosterRow {
    /// The cleaned text of a field other than name, number, sex and birth date.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.values.get(field)
    }

    /// The number as compared: sound or not.
    pub fn id_text(&self) -> &str {
        self.national_id.as_ref().map(NationalId::as_str).or(self.unsound_id.as_deref()).unwrap_or("")
    }

    /// The telephone that reaches the family.
    pub fn family_phone(&self) -> Option<&str> {
        [Field::GuardianPhone, Field::Phone, Field::SecondGuardianPhone].into_iter().find_map(|f| self.get(f))
    }

    /// The adult named with the child.
    pub fn family_adult(&self) -> Option<&str> {
        [Field::Guardian, Field::Mother, Field::SecondGuardian].into_iter().find_map(|f| self.get(f))
    }

    /// Where the child lives or is registered.
    pub fn any_address(&self) -> Option<&str> {
        [Field::Address, Field::RegisterAddress].into_iter().find_map(|f| self.get(f))
    }
}
