//! Rosters of one kind are one source; every row gets a fingerprint by which people's decisions find it again.

use std::borrow::Cow;

use baoxue_domain::roster::{Field, RosterRow, SourceKind};
use baoxue_linkage::{ColumnSettings, Encoder, Kind, Member, Part, Settings, Table};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::app::roster::reading::RosterFile;

/// A row with where it stands.
pub struct SourceRow<'a> {
    pub file: &'a RosterFile,
    pub row: &'a RosterRow,
    pub fingerprint: String,
}

impl SourceRow<'_> {
    /// File, sheet and row, for people.
    pub fn place(&self) -> String {
        let sheet = &self.file.sheets[self.row.sheet].name;
        if self.file.sheets.len() > 1 && *sheet != self.file.name {
            format!("{}“{sheet}”第{}行", self.file.name, self.row.row)
        } else {
            format!("{}第{}行", self.file.name, self.row.row)
        }
    }
}

/// All sources of a run.
pub struct Sources<'a> {
    kinds: Vec<SourceKind>,
    /// By source, in order of input.
    rows: Vec<Vec<SourceRow<'a>>>,
}

impl<'a> Sources<'a> {
    /// Puts files of one kind together. No files are refused: of a comparison of nothing it would follow that nobody is there.
    pub fn gather(files: &'a [RosterFile]) -> anyhow::Result<Self> {
        anyhow::ensure!(!files.is_empty(), "没有名册可比对");
        let mut kinds: Vec<SourceKind> = files.iter().map(|f| f.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut rows: Vec<Vec<SourceRow>> = kinds.iter().map(|_| Vec::new()).collect();
        for (source, kind) in kinds.iter().enumerate() {
            let mut seen: FxHashMap<Print, usize> = FxHashMap::default();
            for file in files.iter().filter(|f| f.kind == *kind) {
                // digests are dear: on all cores; counting what stands twice goes by order
                let prints: Vec<Print> = file.roster.rows.par_iter().map(|row| print_of(*kind, row)).collect();
                seen.reserve(prints.len());
                // a row that stands twice to the letter is two rows all the same
                let count = |print: Print| {
                    let n = seen.entry(print).or_default();
                    *n += 1;
                    (print, *n)
                };
                let counted: Vec<(Print, usize)> = prints.into_iter().map(count).collect();
                rows[source].par_extend(file.roster.rows.par_iter().zip(counted).map(|(row, (print, n))| {
                    let fingerprint = if n == 1 { hex(&print) } else { format!("{}-{n}", hex(&print)) };
                    SourceRow { file, row, fingerprint }
                }));
            }
        }
        Ok(Self { kinds, rows })
    }

    /// Kinds of the sources, in order.
    pub fn kinds(&self) -> Vec<SourceKind> {
        self.kinds.clone()
    }

    /// The kind of a source.
    pub fn kind(&self, source: usize) -> SourceKind {
        self.kinds[source]
    }

    /// All sources with their rows.
    pub fn iter(&self) -> impl Iterator<Item = (SourceKind, &[SourceRow<'a>])> {
        self.kinds.iter().copied().zip(self.rows.iter().map(Vec::as_slice))
    }

    /// The row that the kernel names.
    pub fn row(&self, tables: &[Table], m: Member) -> &SourceRow<'a> {
        let source = usize::from(m.source);
        &self.rows[source][tables[source].input_row(m.row as usize)]
    }

    /// Settings of the kernel for rosters.
    pub fn settings(&self) -> Settings {
        let column = |(name, kind, household, _): &(&str, Kind, bool, Text)| ColumnSettings {
            name: (*name).into(),
            kind: *kind,
            headings: Vec::new(),
            former: if *name == "name" { vec!["former-name".into()] } else { Vec::new() },
            household: *household,
        };
        Settings::for_columns(None, COLUMNS.iter().map(column).collect())
    }

    /// The rows as the kernel takes them.
    pub fn tables(&self, encoder: &Encoder) -> anyhow::Result<Vec<Table>> {
        let table = |(kind, rows): (&SourceKind, &Vec<SourceRow>)| {
            let part = |rows: &[SourceRow]| {
                let mut part = Part::new(encoder, rows.len());
                for r in rows {
                    part.push(Some(&r.fingerprint), |c| (COLUMNS[c].3)(r.row), |_| former_name(r.row));
                }
                part
            };
            Ok(Table::new(kind.label(), rows.par_chunks(ROWS_A_PART).map(part).collect::<Vec<_>>())?)
        };
        self.kinds.par_iter().zip(&self.rows).map(table).collect()
    }
}

/// Rows that one thread hands to the kernel at a time.
const ROWS_A_PART: usize = 1 << 13;

type Text = for<'r> fn(&'r RosterRow) -> Cow<'r, str>;

/// What of a roster is evidence: name, kind, whether a household shares it, and the value.
const COLUMNS: [(&str, Kind, bool, Text); 8] = [
    ("id", Kind::NationalId, false, |r| r.id_text().into()),
    ("name", Kind::PersonName, false, |r| r.name.as_deref().unwrap_or_default().into()),
    ("sex", Kind::Sex, false, |r| r.sex.map_or("", |s| s.label()).into()),
    ("birth", Kind::Date, false, |r| r.birth_date.map_or(Cow::Borrowed(""), |d| d.to_string().into())),
    ("guardian", Kind::PersonName, true, |r| r.family_adult().unwrap_or_default().into()),
    ("phone", Kind::Phone, true, |r| r.family_phone().unwrap_or_default().into()),
    ("place", Kind::PlaceCode, true, |r| r.get(Field::PlaceCode).unwrap_or_default().into()),
    ("address", Kind::Address, true, |r| r.any_address().unwrap_or_default().into()),
];

fn former_name(r: &RosterRow) -> Cow<'_, str> {
    r.get(Field::FormerName).unwrap_or_default().into()
}

/// 行指纹 (fingerprint): the same for the same content wherever the row stands, so that a decision survives sorting and
/// new exports, and dies when the child's data change.
pub fn fingerprint(kind: SourceKind, r: &RosterRow) -> String {
    hex(&print_of(kind, r))
}

type Print = [u8; 12];

fn hex(print: &Print) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    print.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

fn print_of(kind: SourceKind, r: &RosterRow) -> Print {
    let birth = r.birth_date.map(|d| d.to_string()).unwrap_or_default();
    let parts = [
        kind.name(),
        r.name.as_deref().unwrap_or(""),
        r.id_text(),
        &birth,
        r.family_adult().unwrap_or(""),
        r.get(Field::StudentNumber).unwrap_or(""),
        r.get(Field::SchoolName).unwrap_or(""),
    ];
    let mut hash = Sha256::new();
    for p in parts {
        hash.update(p.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    std::array::from_fn(|i| digest[i])
}
