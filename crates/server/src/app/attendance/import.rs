//! 导入考勤 (import of attendance): a school's spreadsheet of who was away, or a class's sheet of a month, taken as rolls through the same use case.
//! All of a file is understood or none of it is taken; the same file sent again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_documents::Sheet;
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::attendance::{Check, Mark};
use baoxue_domain::person::read_date;
use baoxue_domain::place::PlacePath;
use baoxue_store::MarkDetail;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::roll::{ClassList, LATE_DAYS, Taking, class_name};
use crate::app::office::{Office, OfficeError, Result};
use crate::app::roster::reader;

/// Bytes of a file.
pub const MAX_FILE: usize = 8 << 20;
/// Registers of a file: a school's month, three checks a day.
const MAX_REGISTERS: usize = 3_000;
/// Problems that are named.
const MAX_PROBLEMS: usize = 50;
/// Rows in which the head is looked for.
const HEAD_ROWS: usize = 12;

/// Words of the columns of a list.
const COLUMNS: [(Column, &[&str]); 7] = [
    (Column::Day, &["日期", "点名日期", "考勤日期"]),
    (Column::Check, &["时段", "点名时段", "节次"]),
    (Column::Class, &["班级", "班别", "所在班级"]),
    (Column::Name, &["姓名", "学生姓名"]),
    (Column::Id, &["证件号", "身份证号", "身份证件号"]),
    (Column::Mark, &["情况", "考勤", "考勤情况", "状态", "出勤情况", "缺勤类型"]),
    (Column::Note, &["备注", "原因", "说明"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Day,
    Check,
    Class,
    Name,
    Id,
    Mark,
    Note,
}

/// What schools write for a mark; nothing where nobody knows it.
fn mark_of(text: &str) -> Option<Mark> {
    let t: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    Some(match t.as_str() {
        "到" | "√" | "✓" | "出勤" | "正常" | "到校" | "全到" | "在校" => Mark::Present,
        "病" | "病假" | "△" => Mark::Sick,
        "事" | "事假" | "请假" | "假" | "○" => Mark::Leave,
        "迟" | "迟到" => Mark::Late,
        "早" | "早退" => Mark::LeftEarly,
        "×" | "✗" | "x" | "X" | "缺" | "旷" | "缺勤" | "缺课" | "旷课" | "未到" | "未到(原因不明)" => {
            Mark::Unexplained
        }
        "停" | "停课" | "劝回" | "被停课、劝回" => Mark::SentHome,
        "设" | "无设备" => Mark::NoDevice,
        "网" | "无网络" => Mark::NoNetwork,
        "辅" | "无人辅导" => Mark::NoHelper,
        _ => return None,
    })
}

fn check_of(text: &str) -> Option<Check> {
    let t = text.trim();
    match t {
        "" | "上午" | "早" | "早读" => Some(Check::Morning),
        "下午" | "午" => Some(Check::Noon),
        "晚" => Some(Check::Evening),
        t => Check::ALL.into_iter().find(|c| c.label() == t),
    }
}

/// A name of a class as one compares it: no spaces, one kind of brackets.
fn plain(text: &str) -> String {
    let one = |c: char| match c {
        '(' | '〔' | '[' => '(',
        ')' | '〕' | ']' => ')',
        c => c,
    };
    text.chars().filter(|c| !c.is_whitespace()).map(one).collect()
}

/// What of a file cannot be taken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Sheet and row, as a spreadsheet counts them.
    pub at: String,
    pub said: String,
}

/// A class, day and check; and who was what.
type Slot = (String, Date, Check);
type Marks = BTreeMap<i64, (Mark, MarkDetail)>;

/// What a file says.
#[derive(Debug, Default)]
struct Said {
    registers: BTreeMap<Slot, Marks>,
    problems: Vec<Problem>,
    rows: usize,
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct Imported {
    pub registers: usize,
    /// Registers that this file had made before.
    pub known: usize,
    /// Whoever was away in them.
    pub away: usize,
    /// Pupils of whom another roll said otherwise.
    pub disagreements: usize,
    /// Who was named and stands on no list of that roll: class, day, name. Nothing was written of them.
    pub off_list: Vec<String>,
    /// Nothing was taken, because of these.
    pub problems: Vec<Problem>,
    /// More of them than are named.
    pub more: usize,
}

/// Classes that a person may take the roll of, by what people call them.
struct Classes {
    by_name: BTreeMap<String, Vec<usize>>,
    lists: Vec<ClassList>,
}

impl Classes {
    fn new(lists: Vec<ClassList>) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, list) in lists.iter().enumerate() {
            let below = list.path.as_str().strip_prefix(list.path.school().as_str()).unwrap_or("").trim_end_matches('/');
            let names: BTreeSet<String> =
                [class_name(&list.path), below.replace('/', ""), below.rsplit('/').next().unwrap_or("").to_owned()]
                    .iter()
                    .map(|n| plain(n))
                    .collect();
            for n in names {
                by_name.entry(n).or_default().push(i);
            }
        }
        Self { by_name, lists }
    }

    fn find(&self, name: &str) -> Result<&ClassList, String> {
        let one = |i: usize| self.lists.get(i).ok_or_else(|| "没有班级".to_owned());
        if name.trim().is_empty() {
            return if self.lists.len() == 1 { one(0) } else { Err("没有写班级".into()) };
        }
        match self.by_name.get(&plain(name)).map(Vec::as_slice) {
            Some([i]) => one(*i),
            Some(_) => Err(format!("“{name}”有几个班都叫这个名,请写上年级")),
            None => Err(format!("“{name}”不是您能点名的班;班名请照点名页上的写")),
        }
    }
}

fn pupil(list: &ClassList, name: &str, id: &str) -> Result<i64, String> {
    let id = id.trim().to_uppercase();
    let same = |a: &str, b: &str| plain(a) == plain(b);
    let found: Vec<i64> = list
        .expected
        .iter()
        .chain(list.others.iter().map(|o| &o.0))
        .filter(|c| same(&c.profile.name, name) && (id.is_empty() || c.profile.national_id.to_uppercase().ends_with(&id)))
        .map(|c| c.id)
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] if id.is_empty() => Err(format!("{} 的名单上没有“{name}”", class_name(&list.path))),
        [] => Err(format!("{} 的名单上没有姓名和证件号都相同的“{name}”", class_name(&list.path))),
        _ => Err(format!("{} 有几个“{name}”,请在“证件号”列写证件号或后四位", class_name(&list.path))),
    }
}

/// The texts of a row.
fn texts(sheet: &Sheet, row: usize) -> Vec<String> {
    sheet.row(row).map(|c| c.text.trim().to_owned()).collect()
}

/// The columns of a list, where a row is its head.
fn head_of(cells: &[String]) -> Option<BTreeMap<Column, usize>> {
    let mut out = BTreeMap::new();
    for (column, words) in COLUMNS {
        if let Some(i) = cells.iter().position(|c| words.contains(&plain(c).as_str())) {
            out.insert(column, i);
        }
    }
    [Column::Day, Column::Mark].iter().all(|c| out.contains_key(c)).then_some(out)
}

/// The column of names, and of each check: column, day of the month, check.
type MonthHead = (usize, Vec<(usize, i8, Check)>);

/// The days of a sheet of a month, where a row is its head: column, day of the month, check.
fn month_head(cells: &[String]) -> Option<MonthHead> {
    let name = cells.iter().position(|c| c == "姓名")?;
    let mut days = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        let digits: String = cell.chars().take_while(char::is_ascii_digit).collect();
        let rest = cell[digits.len()..].trim_start_matches(['日', '号']);
        if let (Ok(day @ 1..=31), Some(check)) = (digits.parse::<i8>(), check_of(rest)) {
            days.push((i, day, check));
        }
    }
    (days.len() >= 2).then_some((name, days))
}

/// `…三(1)班 2023 年 10 月点名册`: the year and month of a title.
fn month_in(text: &str) -> Option<(i16, i8)> {
    let digits = |t: &str| -> String { t.chars().take_while(char::is_ascii_digit).collect() };
    text.match_indices('年').find_map(|(i, _)| {
        let (before, after) = (text[..i].trim_end(), text[i + '年'.len_utf8()..].trim_start());
        let year = before.get(before.len().checked_sub(4)?..)?.parse().ok()?;
        let month = digits(after);
        after[month.len()..].trim_start().starts_with('月').then_some(())?;
        Some((year, month.parse().ok()?))
    })
}

impl Said {
    fn problem(&mut self, sheet: &Sheet, row: usize, said: impl Into<String>) {
        self.problems.push(Problem { at: format!("{} 第 {} 行", sheet.name, row + 1), said: said.into() });
    }

    fn add(
        &mut self,
        list: &ClassList,
        day: Date,
        check: Check,
        pupil: Option<i64>,
        mark: Mark,
        note: &str,
    ) -> Result<(), String> {
        let register = self.registers.entry((list.path.to_string(), day, check)).or_default();
        let Some(pupil) = pupil else { return Ok(()) };
        let detail = MarkDetail { note: note.chars().take(100).collect(), ..MarkDetail::default() };
        match register.insert(pupil, (mark, detail)) {
            Some((before, _)) if before != mark => Err(format!("同一次点名写了两种情况:{}、{}", before.label(), mark.label())),
            _ => Ok(()),
        }
    }

    /// A list: a row a child, of those who were away; `全到` without a name where everybody was there.
    fn read_list(&mut self, sheet: &Sheet, from: usize, head: &BTreeMap<Column, usize>, classes: &Classes) {
        for row in from..sheet.height() {
            let cells = texts(sheet, row);
            if cells.iter().all(String::is_empty) {
                continue;
            }
            self.rows += 1;
            let of = |c: Column| head.get(&c).and_then(|i| cells.get(*i)).map_or("", String::as_str);
            let read = || -> Result<_, String> {
                let day = read_date(of(Column::Day)).map_err(|e| format!("日期“{}”:{e}", of(Column::Day)))?.date;
                let check = check_of(of(Column::Check)).ok_or_else(|| format!("时段“{}”没看懂", of(Column::Check)))?;
                let list = classes.find(of(Column::Class))?;
                let mark = mark_of(of(Column::Mark)).ok_or_else(|| format!("情况“{}”没看懂", of(Column::Mark)))?;
                let child = match (of(Column::Name), mark) {
                    ("", Mark::Present) => None,
                    ("", _) => return Err("没有写姓名".into()),
                    (name, _) => Some(pupil(list, name, of(Column::Id))?),
                };
                Ok((list, day, check, child, mark))
            };
            let note = of(Column::Note).to_owned();
            let done = read().and_then(|(list, day, check, child, mark)| self.add(list, day, check, child, mark, &note));
            if let Err(said) = done {
                self.problem(sheet, row, said);
            }
        }
    }

    /// A sheet of a month: a row a pupil, a column a check; a column in which nothing stands was not taken.
    fn read_month(&mut self, sheet: &Sheet, at: usize, head: &MonthHead, classes: &Classes) {
        let title: Vec<String> = (0..at).flat_map(|r| texts(sheet, r)).filter(|t| !t.is_empty()).collect();
        let Some((year, month)) = title.iter().find_map(|t| month_in(t)) else {
            return self.problem(sheet, 0, "标题里没有年月;请写成“三(1)班 2023 年 10 月点名册”");
        };
        let named = title.iter().flat_map(|t| t.split_whitespace()).map(plain).find_map(|w| {
            // the longest name that a word ends with
            let fits = classes.by_name.iter().filter(|(n, of)| of.len() == 1 && w.ends_with(n.as_str()));
            fits.max_by_key(|(n, _)| n.len()).and_then(|(_, of)| classes.lists.get(*of.first()?))
        });
        let Some(list) = named.or(if classes.lists.len() == 1 { classes.lists.first() } else { None }) else {
            return self.problem(sheet, 0, "标题里没有您能点名的班;请写成“三(1)班 2023 年 10 月点名册”");
        };
        let mut taken: BTreeSet<(i8, Check)> = BTreeSet::new();
        let mut marks: Vec<(usize, i64, i8, Check, Mark)> = Vec::new();
        let mut empty: Vec<(usize, i8, Check)> = Vec::new();
        for row in at + 1..sheet.height() {
            let cells = texts(sheet, row);
            let name = cells.get(head.0).map_or("", String::as_str);
            if name.is_empty() || name == "点名人" {
                continue;
            }
            self.rows += 1;
            let child = match pupil(list, name, "") {
                Ok(c) => c,
                Err(said) => {
                    self.problem(sheet, row, said);
                    continue;
                }
            };
            for (i, day, check) in &head.1 {
                let text = cells.get(*i).map_or("", String::as_str);
                if text.is_empty() {
                    empty.push((row, *day, *check));
                    continue;
                }
                match mark_of(text) {
                    Some(mark) => {
                        taken.insert((*day, *check));
                        marks.push((row, child, *day, *check, mark));
                    }
                    None => self.problem(sheet, row, format!("{day} 日“{text}”没看懂")),
                }
            }
        }
        for (row, day, check) in empty {
            if taken.contains(&(day, check)) {
                self.problem(sheet, row, format!("{day} 日空着,而同班别的孩子有记录;到了请写 √"));
            }
        }
        for (day, check) in taken {
            match Date::new(year, month, day) {
                Ok(d) => {
                    self.registers.entry((list.path.to_string(), d, check)).or_default();
                }
                Err(_) => self.problem(sheet, at, format!("{year} 年 {month} 月没有 {day} 日")),
            }
        }
        for (row, child, day, check, mark) in marks {
            let Ok(d) = Date::new(year, month, day) else { continue };
            if let Err(said) = self.add(list, d, check, Some(child), mark, "") {
                self.problem(sheet, row, said);
            }
        }
    }

    fn read(&mut self, sheets: &[Sheet], classes: &Classes) {
        for sheet in sheets {
            if !sheet.note().is_empty() {
                self.problem(sheet, 0, sheet.note().to_owned());
                continue;
            }
            let rows = 0..HEAD_ROWS.min(sheet.height());
            let list = rows.clone().find_map(|r| Some((r, head_of(&texts(sheet, r))?)));
            let month = rows.clone().find_map(|r| Some((r, month_head(&texts(sheet, r))?)));
            match (list, month) {
                (Some((r, head)), _) => self.read_list(sheet, r + 1, &head, classes),
                (None, Some((r, head))) => self.read_month(sheet, r, &head, classes),
                (None, None) if rows.clone().all(|r| texts(sheet, r).iter().all(String::is_empty)) => {}
                (None, None) => {
                    self.problem(sheet, 0, "没有找到表头:名单要有“日期”“班级”“姓名”“情况”,点名册要有“姓名”和各日的列");
                }
            }
        }
    }
}

impl Office {
    /// Takes the rolls of a file; of one that is not understood whole, none.
    pub async fn import_rolls(&self, actor: &Actor, name: &str, bytes: Vec<u8>) -> Result<Imported> {
        let j = actor.jurisdiction(Action::TakeRoll)?;
        if bytes.is_empty() || bytes.len() > MAX_FILE {
            return Err(OfficeError::field("file", format!("请选择文件,不超过 {} MB", MAX_FILE >> 20)));
        }
        let hex = |d: &[u8]| d.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let of_file = hex(&Sha256::digest(&bytes));
        let mut lists = Vec::new();
        for class in self.classes_of(&j).await? {
            lists.push(self.class_list(&class, &j).await?);
        }
        let classes = Classes::new(lists);
        let called = name.to_owned();
        let sheets = tokio::task::spawn_blocking(move || reader::read(&called, bytes))
            .await
            .map_err(|_| OfficeError::Input("文件没有读完,请再试一次".into()))?
            .map_err(|e| OfficeError::field("file", e.to_string()))?;
        let mut said = Said::default();
        said.read(&sheets, &classes);
        let (today, earliest) = (self.clock.today(), self.clock.today().saturating_sub(jiff::Span::new().days(LATE_DAYS)));
        let calendars = self.calendars().await?;
        for (class, day, check) in said.registers.keys() {
            let outside = *day > today || *day < earliest;
            let Some(path) = PlacePath::parse(class) else { continue };
            let kind = calendars.of(&path).day(*day);
            let why = match () {
                () if outside => format!("只能导入今天和 {LATE_DAYS} 天以内的"),
                () if !kind.is_school_day() && check.tells_of_school() => format!("那天{}", kind.label()),
                () => continue,
            };
            let at = format!("{} {day} {}", class_name(&path), check.label());
            said.problems.push(Problem { at, said: why });
        }
        if said.registers.len() > MAX_REGISTERS {
            return Err(OfficeError::field("file", format!("一个文件最多 {MAX_REGISTERS} 次点名,请按月分开")));
        }
        if said.registers.is_empty() && said.problems.is_empty() {
            return Err(OfficeError::field("file", "文件里没有点名记录"));
        }
        let mut out = Imported { more: said.problems.len().saturating_sub(MAX_PROBLEMS), ..Imported::default() };
        if !said.problems.is_empty() {
            said.problems.truncate(MAX_PROBLEMS);
            return Ok(Imported { problems: said.problems, ..out });
        }
        for ((class, day, check), marks) in said.registers {
            // the same file again makes nothing new
            let of = format!("{of_file}|{class}|{day}|{}", check.code());
            let key = hex(&Sha256::digest(of.as_bytes())[..16]);
            let day = day.to_string();
            let t = Taking {
                class: &class,
                day: &day,
                check: check.code(),
                base: 0,
                key: &key,
                phone_at: None,
                device: None,
                marks: marks.into_iter().filter(|m| m.1.0 != Mark::Present).collect(),
            };
            let taken = self.take_roll(actor, &t).await?;
            out.registers += 1;
            out.known += usize::from(taken.known);
            out.away += t.marks.values().filter(|m| !m.0.was_there()).count();
            out.disagreements += taken.disagreements.len();
            for child in t.marks.keys().filter(|c| !taken.known && !taken.marks.contains_key(c)) {
                let list = classes.lists.iter().find(|l| l.path.as_str() == t.class);
                let mut pupils = list.into_iter().flat_map(|l| l.expected.iter().chain(l.others.iter().map(|o| &o.0)));
                let name = pupils.find(|c| c.id == *child).map_or("", |c| c.profile.name.as_str());
                let class = list.map(|l| class_name(&l.path)).unwrap_or_default();
                out.off_list.push(format!("{class} {} {} {name}", t.day, check.label()));
            }
        }
        let told = format!("{name}:点名 {} 次,其中先前已导入 {} 次", out.registers, out.known);
        self.note(actor, Deed::TakeRoll, "导入考勤", &told).await?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_schools_write() {
        for (text, mark) in [
            ("√", Some(Mark::Present)),
            ("全到", Some(Mark::Present)),
            ("病 假", Some(Mark::Sick)),
            ("旷课", Some(Mark::Unexplained)),
            ("停", Some(Mark::SentHome)),
            ("无网络", Some(Mark::NoNetwork)),
            ("去外婆家", None),
            ("", None),
        ] {
            assert_eq!(mark_of(text), mark, "{text}");
        }
        for m in Mark::ALL {
            assert_eq!((mark_of(m.sign()), mark_of(m.label())), (Some(m), Some(m)), "what we print is read back");
        }
    }

    #[test]
    fn heads() {
        let cells = |t: &str| t.split('|').map(ToOwned::to_owned).collect::<Vec<_>>();
        assert_eq!(head_of(&cells("序号|日期|班 级|姓名|情况")).unwrap()[&Column::Class], 2);
        assert!(head_of(&cells("序号|姓名|情况")).is_none());
        let (name, days) = month_head(&cells("序号|姓名|1日晨检|1日午检|2日晨检|到")).unwrap();
        assert_eq!((name, days), (1, vec![(2, 1, Check::Morning), (3, 1, Check::Noon), (4, 2, Check::Morning)]));
        assert!(month_head(&cells("姓名|性别|班级")).is_none());
        for (text, is) in [
            ("青禾县 › 柳林小学 › 三年级 › 三(1)班 2023 年 10 月点名册", Some((2023, 10))),
            ("2023年9月", Some((2023, 9))),
            ("2023 年度", None),
            ("三年级", None),
        ] {
            assert_eq!(month_in(text), is, "{text}");
        }
    }
}
