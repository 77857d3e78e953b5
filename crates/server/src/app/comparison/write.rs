//! The result as files: ledgers, lists, review sheet, record of the run.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::ledger::{LedgerKind, all_dispositions};
use baoxue_domain::roster::{Field, SourceKind};
use baoxue_domain::verdict::{VerdictKind, past_visits};
use baoxue_linkage::{Linkage, Table};
use rayon::prelude::*;

use crate::app::comparison::children::Child;
use crate::app::comparison::sources::Sources;
use crate::app::comparison::summary::{CHILDREN_FILE, Change, SUMMARY_FILE, Summary, record};
use crate::app::comparison::transition::Checked;
use crate::app::comparison::{Request, platform, review};
use crate::app::roster::bad_rows;
use crate::app::roster::reading::RosterFile;

/// Where a result goes: first beside its place, then into it, so that no half result is ever seen.
pub struct Target {
    pub folder: PathBuf,
    place: PathBuf,
}

impl Target {
    pub fn prepare(out: &Path) -> anyhow::Result<Self> {
        if out.is_file() {
            bail!("{} 是一个文件;请给一个文件夹", out.display());
        }
        let occupied =
            out.is_dir() && std::fs::read_dir(out).with_context(|| format!("无法打开 {}", out.display()))?.next().is_some();
        if occupied && !out.join(SUMMARY_FILE).exists() {
            bail!("文件夹 {} 里有别的文件,不会覆盖;请给一个新的文件夹,或上次比对的结果文件夹", out.display());
        }
        let name = out.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_else(|| "out".into());
        let folder = out.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("无法建立文件夹 {}", folder.display()))?;
        Ok(Self { folder, place: out.to_owned() })
    }

    /// Puts the finished result in its place; the one before is kept until then.
    pub fn put_in_place(&self) -> anyhow::Result<()> {
        let old = self.folder.with_extension("old");
        if self.place.exists() {
            std::fs::rename(&self.place, &old)
                .with_context(|| format!("无法替换 {};其中的文件可能正被 Excel 打开,请关闭后重试", self.place.display()))?;
        }
        std::fs::rename(&self.folder, &self.place).with_context(|| format!("无法写入 {}", self.place.display()))?;
        if old.exists() {
            std::fs::remove_dir_all(&old).with_context(|| format!("无法删除旧结果 {}", old.display()))?;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // after success there is nothing left here; after an error the half result goes
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Makes the sheets of a file when their turn comes.
type Sheets<'a> = Box<dyn Fn() -> Vec<TableSheet<'a>> + Sync + Send + 'a>;

/// Everything that is written.
pub struct Result<'a> {
    pub request: &'a Request,
    pub files: &'a [RosterFile],
    pub sources: &'a Sources<'a>,
    pub tables: &'a [Table],
    pub linkage: &'a Linkage,
    pub children: &'a [Child<'a>],
    pub transitions: &'a [Checked],
    pub summary: &'a Summary,
}

impl<'a> Result<'a> {
    pub fn write(&'a self, target: &Target) -> anyhow::Result<()> {
        let folder = &target.folder;
        let (lists, bad) = (folder.join("名单"), folder.join("问题行"));
        std::fs::create_dir_all(&lists)?;
        // sheets are made one by one as they are written: all at once would not fit a bureau's PC
        let mut jobs: Vec<(PathBuf, usize, Sheets)> = Vec::new();
        for ledger in LedgerKind::ALL {
            let weight = self.children.iter().filter(|c| ledger.holds(c.verdict.kind)).count();
            jobs.push((folder.join(format!("{}.xlsx", ledger.title())), weight, Box::new(move || vec![self.ledger(ledger)])));
        }
        for (i, kind) in VerdictKind::ALL.iter().enumerate() {
            let weight = crate::app::comparison::children::count(self.children, *kind);
            jobs.push((
                lists.join(format!("{:02}-{}.xlsx", i + 1, kind.label())),
                weight,
                Box::new(|| vec![self.verdict_list(*kind)]),
            ));
        }
        let review = || vec![review::sheet(self.linkage, self.sources, self.tables, &self.request.unit, &self.day())];
        jobs.push((folder.join("review.xlsx"), self.linkage.review.len(), Box::new(review)));
        if self.sources.kinds().contains(&SourceKind::Student) {
            let platform = folder.join("国家平台");
            std::fs::create_dir_all(&platform)?;
            let pending = crate::app::comparison::children::count(self.children, VerdictKind::RecordPending);
            let (unit, day) = (&self.request.unit, self.day());
            jobs.push((platform.join("待建学籍导入表.xlsx"), pending, Box::new(|| vec![platform::new_records(self.children)])));
            let agreement = move || platform::reconciliation(self.children, unit, &day);
            jobs.push((platform.join("学籍核对.xlsx"), 0, Box::new(agreement)));
        }
        if !self.transitions.is_empty() {
            jobs.push((
                folder.join("衔接核查.xlsx"),
                0,
                Box::new(|| self.transitions.iter().map(|t| self.transition(t)).collect()),
            ));
        }
        if let Some(change) = self.summary.change.as_ref().filter(|c| c.vanished > 0) {
            jobs.push((folder.join("来源中消失的儿童.xlsx"), change.vanished, Box::new(|| vec![self.vanished(change)])));
        }
        for f in self.files.iter().filter(|f| bad_rows::any(f)) {
            std::fs::create_dir_all(&bad)?;
            let stem = Path::new(&f.name).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            jobs.push((bad.join(format!("{stem}-问题行.xlsx")), f.roster.issues.len(), Box::new(|| bad_rows::sheets(f))));
        }
        // the largest first, so that it does not run alone at the end
        jobs.sort_by_key(|(_, weight, _)| std::cmp::Reverse(*weight));
        jobs.into_iter().par_bridge().try_for_each(|(path, _, sheets)| {
            std::fs::write(&path, workbook(sheets())?).with_context(|| format!("无法写入 {}", path.display()))
        })?;
        let mut csv = csv::Writer::from_path(folder.join(CHILDREN_FILE))?;
        for c in self.children {
            csv.serialize(record(c))?;
        }
        csv.flush()?;
        Ok(())
    }

    fn day(&self) -> String {
        let d = self.request.today;
        format!("{}年{}月{}日", d.year(), d.month(), d.day())
    }

    fn subtitle(&self, n: usize) -> Option<(String, String)> {
        Some((format!("单位:{}    {}    共 {n} 人", self.request.unit, self.request.year), self.day()))
    }

    fn ledger(&'a self, ledger: LedgerKind) -> TableSheet<'a> {
        let children: Vec<&Child> = self.children.iter().filter(|c| ledger.holds(c.verdict.kind)).collect();
        let mut columns = person_columns();
        columns.extend([Column::new("判定", 22.0), Column::new("理由", 46.0)]);
        if ledger != LedgerKind::SchoolAge {
            let conclusions: Vec<&str> = all_dispositions().1.iter().map(|d| d.label.as_str()).collect();
            columns.extend([
                Column::new("既往劝返", 40.0),
                Column::new("下一步", 40.0),
                Column::new("核实结论", 16.0).with_choices(&conclusions),
                Column::new("核实人", 10.0),
                Column::new("核实日期", 12.0),
            ]);
        }
        let n = children.len();
        let rows = children.into_iter().enumerate().map(move |(i, c)| {
            let mut row = person_values(i, c);
            row.extend([c.verdict.kind.label().into(), c.verdict.told().into()]);
            if ledger != LedgerKind::SchoolAge {
                let past = past_visits(c.rows.iter().filter(|(s, _)| *s == SourceKind::PastCases).map(|(_, r)| r.row));
                row.push(past.join("\n").into());
                row.extend([c.verdict.kind.next_step().into(), "".into(), "".into(), "".into()]);
            }
            row
        });
        TableSheet {
            name: ledger.title().into(),
            title: Some(format!("{}{}", self.request.unit, ledger.title())),
            subtitle: self.subtitle(n),
            columns,
            rows: Box::new(rows),
            notes: empty_note(n),
        }
    }

    /// A verdict's children with the evidence row of each source.
    fn verdict_list(&'a self, kind: VerdictKind) -> TableSheet<'a> {
        let children: Vec<&Child> = self.children.iter().filter(|c| c.verdict.kind == kind).collect();
        let mut columns = person_columns();
        columns.extend([Column::new("理由", 46.0), Column::new("把握", 6.0), Column::new("各名册依据", 64.0)]);
        let n = children.len();
        let rows = children.into_iter().enumerate().map(move |(i, c)| {
            let mut row = person_values(i, c);
            row.extend([c.verdict.told().into(), certainty(c.certainty).into(), evidence(c).into()]);
            row
        });
        TableSheet {
            name: kind.label().into(),
            title: Some(format!("{}“{}”名单", self.request.unit, kind.label())),
            subtitle: self.subtitle(n),
            columns,
            rows: Box::new(rows),
            notes: if n == 0 { empty_note(0) } else { vec![format!("下一步:{}。", kind.next_step())] },
        }
    }

    fn transition(&'a self, t: &'a Checked) -> TableSheet<'a> {
        let mut columns = person_columns();
        columns.push(Column::new("情况", 70.0));
        let rows = t
            .unseen
            .iter()
            .enumerate()
            .map(|(i, (child, what))| [person_values(i, &self.children[*child]), vec![what.as_str().into()]].concat());
        TableSheet {
            name: t.passage.label().into(),
            title: Some(format!("{}{}衔接核查", self.request.unit, t.passage.label())),
            subtitle: Some((format!("应衔接 {} 人,未见 {} 人", t.leavers, t.unseen.len()), self.day())),
            columns,
            rows: Box::new(rows),
            notes: empty_note(t.unseen.len()),
        }
    }

    fn vanished(&'a self, change: &'a Change) -> TableSheet<'a> {
        let columns = [("序号", 6.0), ("姓名", 14.0), ("出生日期", 11.0), ("上次判定", 22.0), ("上次来源", 40.0)];
        let label = |code: &str| VerdictKind::find(code).map_or("", VerdictKind::label);
        let rows = change.vanished_children.iter().enumerate().map(move |(i, c)| {
            vec![
                Value::from(i + 1),
                c.name.as_str().into(),
                c.birth_date.as_str().into(),
                label(&c.verdict).into(),
                c.sources.as_str().into(),
            ]
        });
        TableSheet {
            name: "来源中消失".into(),
            title: Some(format!("{}来源中消失的儿童", self.request.unit)),
            subtitle: Some((format!("上次比对({})有、本次所有名册都没有的儿童", change.since), self.day())),
            columns: columns.iter().map(|(h, w)| Column::new(h, *w)).collect(),
            rows: Box::new(rows),
            notes: vec!["超龄离开跟踪范围的也列在此;其余请逐一核实去向,系统不会自行删除。".into()],
        }
    }
}

fn empty_note(n: usize) -> Vec<String> {
    if n == 0 { vec!["本次比对没有此类儿童。".into()] } else { Vec::new() }
}

fn person_columns() -> Vec<Column> {
    [
        ("序号", 6.0),
        ("姓名", 12.0),
        ("性别", 5.0),
        ("出生日期", 11.0),
        ("身份证件号", 20.0),
        ("家长", 10.0),
        ("联系电话", 13.0),
        ("地址", 32.0),
        ("学校", 20.0),
        ("年级班级", 9.0),
    ]
    .iter()
    .map(|(h, w)| Column::new(h, *w))
    .collect()
}

fn person_values(i: usize, c: &Child) -> Vec<Value> {
    let main = c.main_row();
    let any = |of: &dyn Fn(&baoxue_domain::roster::RosterRow) -> Option<String>| -> Value {
        of(main).or_else(|| c.rows.iter().find_map(|(_, r)| of(r.row))).unwrap_or_default().into()
    };
    let school = |f: Field| {
        [SourceKind::InSchool, SourceKind::Student, SourceKind::LastYear]
            .iter()
            .find_map(|s| c.of(*s).and_then(|r| r.get(f)))
            .unwrap_or("")
            .to_owned()
    };
    let (grade, class) = (school(Field::Grade), school(Field::Class));
    // 三(1)班 says its grade itself
    let class =
        if !grade.is_empty() && class.starts_with(grade.trim_end_matches("年级")) { class } else { format!("{grade}{class}") };
    vec![
        Value::from(i + 1),
        c.name().into(),
        any(&|r| r.sex.map(|s| s.label().to_owned())),
        c.birth_date.map(|d| d.to_string()).unwrap_or_default().into(),
        any(&|r| Some(r.id_text().to_owned()).filter(|t| !t.is_empty())),
        any(&|r| r.family_adult().map(str::to_owned)),
        any(&|r| r.family_phone().map(str::to_owned)),
        any(&|r| r.any_address().map(str::to_owned)),
        school(Field::SchoolName).into(),
        class.into(),
    ]
}

/// People meet words, not probabilities.
fn certainty(p: f64) -> &'static str {
    if p >= 0.99 {
        "很高"
    } else if p >= 0.9 {
        "较高"
    } else {
        "一般"
    }
}

/// The row of each source, a line each: which register, where in it, and what it says.
fn evidence(c: &Child) -> String {
    const SAID: [Field; 9] = [
        Field::SchoolName,
        Field::Class,
        Field::StudentState,
        Field::Present,
        Field::AbsentReason,
        Field::RegisterStatus,
        Field::OutOfSchoolReason,
        Field::Placement,
        Field::Remarks,
    ];
    let line = |(source, r): &(SourceKind, &crate::app::comparison::sources::SourceRow)| {
        let id = if r.row.id_text().is_empty() { "无证件号" } else { r.row.id_text() };
        let mut said = vec![r.row.name.as_deref().unwrap_or("无姓名"), id];
        said.extend(SAID.iter().filter_map(|f| r.row.get(*f)));
        format!("{}({}):{}", source.label(), r.place(), said.join(" "))
    };
    c.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
