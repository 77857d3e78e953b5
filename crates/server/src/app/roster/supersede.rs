//! 名册的补充和替换 (adding to rosters): a batch takes the place of all rosters of its source, of those rows that are of its schools or towns,
//! of those that it puts right, or only of rows that are plainly the same child.

use baoxue_domain::roster::{Field, RosterRow};
use baoxue_store::Batch;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::app::office::{OfficeError, Result};
use crate::app::roster::reading::RosterFile;

/// What of the rosters before it a batch takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// 整份替换
    Whole,
    /// 只替换这些学校(乡镇)
    Places,
    /// 补充
    Add,
    /// 改正的行放回
    Mend,
}

impl Mode {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Places, Self::Add, Self::Mend];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Places => "places",
            Self::Add => "add",
            Self::Mend => "mend",
        }
    }

    /// Finds a mode by its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Whole => "整份替换",
            Self::Places => "只替换表中的学校(乡镇)",
            Self::Add => "补充(原有的都保留)",
            Self::Mend => "改正的行放回原名册",
        }
    }
}

/// A roster in use: its file, and what of those before it it takes the place of.
pub struct InUse<'a> {
    pub file: &'a mut RosterFile,
    pub scope: &'a str,
    pub mode: Mode,
    pub batch: i64,
    pub loaded_at: Option<i64>,
    pub mends: Option<i64>,
}

/// Rosters in use with their files, in the order in which they were loaded.
pub fn in_use<'a>(files: &'a mut [RosterFile], batches: &[&'a Batch]) -> Result<Vec<InUse<'a>>> {
    let of = |(file, b): (&'a mut RosterFile, &&'a Batch)| {
        let said = || OfficeError::Input(format!("名册“{}”的载入方式“{}”不是本程序认识的", b.file_name, b.mode));
        Ok(InUse {
            file,
            scope: &b.scope,
            mode: Mode::find(&b.mode).ok_or_else(said)?,
            batch: b.id,
            loaded_at: b.loaded_at,
            mends: b.mends,
        })
    };
    let mut out: Vec<InUse> = files.iter_mut().zip(batches).map(of).collect::<Result<_>>()?;
    out.sort_by_key(|u| (u.loaded_at, u.batch));
    Ok(out)
}

/// Where a row belongs, for replacing part of a roster: its school, or else its town.
fn place_of(r: &RosterRow) -> Option<String> {
    let school = r.get(Field::SchoolCode).or_else(|| r.get(Field::SchoolName));
    let town = || r.get(Field::PlaceCode).and_then(|c| c.get(..9)).or_else(|| r.get(Field::Town));
    school.or_else(town).map(str::to_owned)
}

/// What is the same for two rows of one child: number, student number.
fn identities(r: &RosterRow) -> impl Iterator<Item = String> {
    let id = r.national_id.map(|n| n.to_string());
    let number = r.get(Field::StudentNumber).map(str::to_owned);
    [id, number].into_iter().flatten()
}

/// Takes rows out of earlier rosters that later ones of their source take the place of. `rosters` stand in the order in which they were
/// loaded. Gives how many rows went.
pub fn apply(rosters: &mut [InUse]) -> usize {
    let mut gone = 0;
    for at in 1..rosters.len() {
        let (before, from) = rosters.split_at_mut(at);
        let later = &from[0];
        // what a whole roster replaced is not in use; those loaded together with it stand beside it
        if later.mode == Mode::Whole {
            continue;
        }
        let earlier = before.iter_mut().filter(|b| b.file.kind == later.file.kind && b.scope == later.scope);
        for b in earlier {
            gone += take_place(later.mode, later.mends, later.file, b.batch, b.file);
        }
    }
    gone
}

/// Takes out of `old` what `new` takes the place of.
pub fn take_place(mode: Mode, mends: Option<i64>, new: &RosterFile, batch: i64, old: &mut RosterFile) -> usize {
    let known: FxHashSet<String> = new.roster.rows.iter().flat_map(identities).collect();
    let same = |r: &RosterRow| identities(r).any(|i| known.contains(&i));
    let before = old.roster.rows.len();
    match mode {
        Mode::Whole => old.roster.rows.clear(),
        Mode::Places => {
            let places: FxHashSet<String> = new.roster.rows.iter().filter_map(place_of).collect();
            old.roster.rows.retain(|r| !same(r) && place_of(r).is_none_or(|p| !places.contains(&p)));
        }
        Mode::Add => old.roster.rows.retain(|r| !same(r)),
        Mode::Mend => {
            let sheet = |f: &RosterFile, n: usize| f.sheets.get(n).map(|s| s.name.clone()).unwrap_or_default();
            let put_right: FxHashSet<(String, usize)> = new
                .roster
                .rows
                .iter()
                .filter(|_| mends.is_none_or(|m| m == batch))
                .filter_map(|r| Some((sheet(new, r.sheet), r.get(Field::OriginalRow)?.parse().ok()?)))
                .collect();
            let names: Vec<String> = (0..old.sheets.len()).map(|n| sheet(old, n)).collect();
            let name = |n: usize| names.get(n).cloned().unwrap_or_default();
            old.roster.rows.retain(|r| !same(r) && !put_right.contains(&(name(r.sheet), r.row)));
        }
    }
    before - old.roster.rows.len()
}

#[cfg(test)]
mod tests {
    use baoxue_domain::roster::{Mapping, SourceKind};

    use super::*;
    use crate::app::roster::reading::{Reading, read_bytes};

    fn file(text: &str) -> RosterFile {
        let reading =
            Reading { kind: Some(SourceKind::Student), mapping: &Mapping::default(), today: jiff::civil::date(2023, 10, 8) };
        read_bytes("学籍.csv".into(), text.as_bytes().to_vec(), &reading).unwrap()
    }

    fn left(mode: Mode, new: &str) -> (Vec<String>, usize) {
        let mut old = file(
            "学校名称,姓名,学籍号,出生日期\n柳林小学,王一,G1,2014-03-01\n柳林小学,王二,G2,2014-03-02\n石桥小学,李三,G3,2014-03-03\n",
        );
        let new = file(new);
        let n = take_place(mode, None, &new, 1, &mut old);
        (old.roster.rows.iter().filter_map(|r| r.name.clone()).collect(), n)
    }

    #[test]
    fn what_stays_of_the_roster_before() {
        let one_school = "学校名称,姓名,学籍号,出生日期\n柳林小学,王一,G1,2014-03-01\n柳林小学,赵四,G4,2014-04-01\n";
        assert_eq!(left(Mode::Whole, one_school).1, 3);
        assert_eq!(left(Mode::Places, one_school), (vec!["李三".to_owned()], 2));
        assert_eq!(left(Mode::Add, one_school), (vec!["王二".to_owned(), "李三".to_owned()], 1));
        // the third row of the old file is put right, though its number was wrong
        let mended = "原行号,学校名称,姓名,学籍号,出生日期\n3,柳林小学,王二,G22,2014-03-02\n";
        let (rows, n) = left(Mode::Mend, mended);
        // a sheet of text is named after its file: both are 学籍.csv
        assert_eq!((rows, n), (vec!["王一".to_owned(), "李三".to_owned()], 1));
        for m in Mode::ALL {
            assert_eq!(Mode::find(m.code()), Some(m));
        }
    }
}
