//! Reading a roster file: bytes → sheets → layout → rows and problems.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, bail};
use baoxue_documents::{CellKind, Sheet};
use baoxue_domain::roster::{
    ClassRegister, Field, Grid, IssueCode, KindGuess, Layout, Mapping, RawCell, RawKind, ReadRoster, RowIssue, SheetContext,
    SourceKind, find_layout, read_rows, recognise_kind,
};
use baoxue_domain::school::{SchoolDirectory, SchoolNamed};
use jiff::civil::Date;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A roster as read.
pub struct RosterFile {
    /// File name.
    pub name: String,
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
    /// What it was recognised or said to be.
    pub kind: SourceKind,
    /// How, unless it was said.
    pub guess: Option<KindGuess>,
    /// Sheets of the file.
    pub sheets: Vec<Sheet>,
    /// Layouts of the sheets that were read, by number of sheet.
    pub layouts: Vec<(usize, Layout)>,
    /// Sheets without a head.
    pub ignored: Vec<String>,
    /// Rows and problems.
    pub roster: ReadRoster,
}

/// A sheet as the domain sees it.
pub struct SheetGrid<'a>(pub &'a Sheet);

impl Grid for SheetGrid<'_> {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn height(&self) -> usize {
        self.0.height()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn cell(&self, row: usize, column: usize) -> RawCell<'_> {
        let cell = self.0.cell(row, column);
        let kind = match cell.kind {
            CellKind::Empty => RawKind::Empty,
            CellKind::Text => RawKind::Text,
            CellKind::Number => RawKind::Number,
            CellKind::Date => RawKind::Date,
            CellKind::Error => RawKind::Error,
        };
        RawCell { kind, text: cell.text }
    }
}

/// How a file is to be read.
pub struct Reading<'a> {
    /// What it is, if somebody said so.
    pub kind: Option<SourceKind>,
    /// What somebody said of its headings.
    pub mapping: &'a Mapping,
    /// The day up to which dates may lie.
    pub today: Date,
}

/// Reads a mapping file: TOML, a heading to a field's name or to 忽略.
pub fn read_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let text = std::fs::read_to_string(path).with_context(|| format!("无法读取列对应文件 {}", path.display()))?;
    let mapping: Mapping =
        toml::from_str(&text).with_context(|| format!("列对应文件 {} 写法不对,每行应为 \"表头\" = \"字段\"", path.display()))?;
    if let Some((heading, value)) = mapping.unknown_value() {
        bail!(
            "列对应文件 {}:“{heading}”对应的“{value}”不是已知字段;可写字段名(如 name、national-id)、常用表头(如 姓名)或“忽略”",
            path.display()
        );
    }
    Ok(mapping)
}

/// The headings of a file with what they were taken for, as a mapping file to be corrected and kept.
pub fn mapping_of(file: &RosterFile) -> Mapping {
    let mut out = BTreeMap::new();
    for (_, layout) in &file.layouts {
        for c in &layout.columns {
            let value = c.slot.map_or("忽略", |s| s.field.name());
            out.entry(c.heading.clone()).or_insert_with(|| value.to_owned());
        }
    }
    Mapping(out)
}

/// Reads a file. An error says what is wrong with the file as a whole; problems of rows are in the result.
pub fn read(path: &Path, reading: &Reading) -> anyhow::Result<RosterFile> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let place = || format!("文件“{name}”");
    let size = std::fs::metadata(path).with_context(|| format!("找不到文件 {}", path.display()))?.len();
    if size > baoxue_documents::read::MAX_FILE_BYTES as u64 {
        return Err(baoxue_documents::read::ReadError::TooLarge).with_context(place);
    }
    let bytes = std::fs::read(path).with_context(|| format!("无法读取 {}", path.display()))?;
    read_bytes(name, bytes, reading)
}

/// Reads the bytes of a file of that name.
pub fn read_bytes(name: String, bytes: Vec<u8>, reading: &Reading) -> anyhow::Result<RosterFile> {
    let place = || format!("文件“{name}”");
    let digest = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let sheets = crate::app::roster::reader::read(&name, bytes).with_context(place)?;
    let found: Vec<(usize, Layout)> =
        sheets.iter().enumerate().filter_map(|(i, s)| find_layout(&SheetGrid(s), reading.mapping).map(|l| (i, l))).collect();
    if found.is_empty() {
        bail!("文件“{name}”里找不到表头:前 30 行没有一行同时写着“姓名”和“身份证件号”“出生日期”等列名。请补上表头再试");
    }
    let guess_of = |sheet: &Sheet, layout: &Layout| recognise_kind(&layout.fields(), &[&name, &sheet.name, &layout.title]);
    let guess = found
        .iter()
        .filter_map(|(i, l)| guess_of(&sheets[*i], l).map(|g| (l.fields().len(), g)))
        .max_by_key(|(n, _)| *n)
        .map(|(_, g)| g);
    let Some(kind) = reading.kind.or(guess.as_ref().map(|g| g.kind)) else {
        let kinds: Vec<&str> = SourceKind::ALL.iter().map(|k| k.label()).collect();
        bail!("看不出文件“{name}”是哪一种名册({});请说明它是哪一种", kinds.join("、"));
    };
    // sheets of another kind in the same file are left out, and said so
    let (layouts, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(i, l)| reading.kind.is_some() || guess_of(&sheets[*i], l).is_none_or(|g| g.kind == kind || g.doubtful));
    let mut roster = ReadRoster::default();
    for (i, layout) in &layouts {
        roster.extend(read_rows(&SheetGrid(&sheets[*i]), layout, SheetContext { sheet: *i, today: reading.today }));
    }
    let ignored = sheets.iter().enumerate().filter_map(|(i, s)| {
        let among = |of: &[(usize, Layout)]| of.iter().any(|(l, _)| *l == i);
        match (s.note(), among(&layouts), among(&others)) {
            ("", true, _) => None,
            ("", false, true) => Some(format!("{}(是别的名册)", s.name)),
            ("", false, false) => Some(format!("{}(没有表头)", s.name)),
            (why, ..) => Some(format!("{}({why})", s.name)),
        }
    });
    let ignored = ignored.collect();
    let guess = if reading.kind.is_some() { None } else { guess };
    Ok(RosterFile { name, digest, kind, guess, sheets, layouts, ignored, roster })
}

impl RosterFile {
    /// Gives up the cells of all rows without problems: only the others are shown again.
    pub fn keep_only_problems(&mut self) {
        let troubled: std::collections::HashSet<(usize, usize)> =
            self.roster.issues.iter().map(|i| (i.sheet, i.row - 1)).collect();
        self.sheets.iter_mut().enumerate().for_each(|(i, s)| s.keep_rows(|row| troubled.contains(&(i, row))));
    }

    /// 学校对应: gives every row the code of the school that it means, by its code or one of its names, and reports those that mean none.
    pub fn name_schools(&mut self, directory: &SchoolDirectory) {
        if !names_schools(self.kind) {
            return;
        }
        let mut known: HashMap<(Option<String>, Option<String>), SchoolNamed> = HashMap::new();
        let mut issues = Vec::new();
        for r in &mut self.roster.rows {
            let key = (r.get(Field::SchoolCode).map(str::to_owned), r.get(Field::SchoolName).map(str::to_owned));
            let named = known.entry(key).or_insert_with_key(|(code, name)| directory.find(code.as_deref(), name.as_deref()));
            let found = r.get(Field::SchoolName).or(r.get(Field::SchoolCode)).unwrap_or("").to_owned();
            let issue = |code, message| RowIssue {
                sheet: r.sheet,
                row: r.row,
                column: column_of(&self.layouts, r.sheet, Field::SchoolName)
                    .or_else(|| column_of(&self.layouts, r.sheet, Field::SchoolCode)),
                field: Some(Field::SchoolName),
                code,
                rule: None,
                found: found.clone(),
                message,
            };
            match named {
                SchoolNamed::Nothing => {}
                SchoolNamed::Known(code) => r.values.set(Field::SchoolCode, code),
                SchoolNamed::Spelt(code, name) => {
                    let said = format!("第 {} 行“学校”“{found}”按登记的“{name}”对应;不是同一所学校的,请改正", r.row);
                    issues.push(issue(IssueCode::SchoolSpelt, said));
                    r.values.set(Field::SchoolCode, code);
                }
                SchoolNamed::Unknown => {
                    let said = format!("第 {} 行“学校”“{found}”不在学校名单中,请核对校名或学校标识码;外县的学校不用改", r.row);
                    issues.push(issue(IssueCode::SchoolUnknown, said));
                }
            }
        }
        self.roster.issues.extend(issues);
        self.roster.issues.sort_by_key(|i| (i.sheet, i.row));
    }

    /// Reports rows whose class the student register does not have.
    pub fn check_classes(&mut self, register: &ClassRegister) {
        let unknown = self.roster.rows.iter().filter(|r| register.has_class_of(r) == Some(false));
        let issues: Vec<RowIssue> = unknown
            .map(|r| {
                let class = r.get(Field::Class).unwrap_or("");
                RowIssue {
                    sheet: r.sheet,
                    row: r.row,
                    column: column_of(&self.layouts, r.sheet, Field::Class),
                    field: Some(Field::Class),
                    code: IssueCode::ClassUnknown,
                    rule: None,
                    found: class.to_owned(),
                    message: format!("第 {} 行“班级”“{class}”在学籍名册中该校没有这个班,请核对班级名称", r.row),
                }
            })
            .collect();
        self.roster.issues.extend(issues);
        self.roster.issues.sort_by_key(|i| (i.sheet, i.row));
    }
}

/// The column of a field in a sheet.
fn column_of(layouts: &[(usize, Layout)], sheet: usize, field: Field) -> Option<usize> {
    let layout = layouts.iter().find(|(number, _)| *number == sheet).map(|(_, l)| l)?;
    layout.columns.iter().find(|c| c.slot.is_some_and(|s| s.field == field)).map(|c| c.column)
}

/// Whether rows of a kind stand in a school of the county. Last year's pupils and other lists may name schools of anywhere.
fn names_schools(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::Student | SourceKind::InSchool) || SourceKind::EXAMS.contains(&kind)
}

/// Gives rows that name a school without its code the code that others give it: on the command line nothing else is known of schools.
pub fn name_schools<'a>(files: impl Iterator<Item = &'a mut RosterFile>) {
    let mut files: Vec<&mut RosterFile> = files.collect();
    let mut directory = SchoolDirectory::default();
    let rows = files.iter().filter(|f| names_schools(f.kind)).flat_map(|f| &f.roster.rows);
    for (code, name) in rows.filter_map(|r| Some((r.get(Field::SchoolCode)?, r.get(Field::SchoolName)?))) {
        directory.add(code, name);
    }
    files.par_iter_mut().for_each(|f| {
        // a register that gives its schools' codes is itself the directory
        if f.roster.rows.iter().any(|r| r.get(Field::SchoolCode).is_none() && r.get(Field::SchoolName).is_some()) {
            f.name_schools(&directory);
        }
    });
}

/// Checks rolls of pupils against the classes that the student registers among the files have.
pub fn check_classes<'a>(files: impl Iterator<Item = &'a mut RosterFile>) {
    let (register, rolls): (Vec<_>, Vec<_>) = files
        .filter(|f| matches!(f.kind, SourceKind::Student | SourceKind::InSchool))
        .partition(|f| f.kind == SourceKind::Student);
    let register = ClassRegister::of_rows(register.iter().flat_map(|f| &f.roster.rows));
    rolls.into_par_iter().for_each(|f| f.check_classes(&register));
}
