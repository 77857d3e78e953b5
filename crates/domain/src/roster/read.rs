use std::collections::HashMap;

use jiff::civil::Date;

use super::{
    ColumnMapping, Field, Grid, IssueCode, Layout, RawCell, RawKind, RosterRow, RowIssue, all_rules, clean_text, strip_remark,
};
use crate::person::{IdError, NationalId, Sex, age_on, is_other_document, read_date};
use crate::place::PlaceCode;
use crate::school::{SchoolCode, StudentNumber};

/// In words of a document's kind that is no citizen's card.
const OTHER_DOCUMENTS: [&str; 10] = ["护照", "通行证", "居留", "台湾", "台胞", "港澳", "香港", "澳门", "外国", "其他"];
/// What forms say under a heading of how to fill it in.
const HINTS: [&str; 12] = ["必填", "选填", "非必填", "格式", "示例", "例如", "如:", "如：", "填写", "下拉", "请选择", "YYYY"];
/// Rows under a head that may hold codes of fields and hints.
const ROWS_OF_HINTS: usize = 3;
/// Words at the beginning of a line that is no child.
const SUMS: [&str; 8] = ["合计", "总计", "小计", "共计", "总人数", "合 计", "总 计", "本页合计"];
const SIGN_OFFS: [&str; 16] = [
    "填表人",
    "审核人",
    "负责人",
    "制表",
    "填报单位",
    "填报人",
    "经办人",
    "校长",
    "单位负责人",
    "注:",
    "注：",
    "说明",
    "备注:",
    "备注：",
    "填表说明",
    "联系人",
];
/// Words that stand where a child has no name yet.
const PLACEHOLDERS: [&str; 8] = ["未取名", "未命名", "无名", "无名氏", "待定", "新生儿", "婴儿", "待取名"];
/// Grades as classes begin with them.
const GRADE_CHARS: &str = "一二三四五六七八九";
/// Most classes of a grade.
const MOST_CLASSES: u32 = 40;
/// Most characters of a name: the longest minority names of registers have about twenty.
const MAX_NAME_CHARS: usize = 30;
/// Numbers from here on have more digits than Excel keeps.
const EXCEL_DIGITS: usize = 15;

/// What is known from outside the sheet.
#[derive(Debug, Clone, Copy)]
pub struct SheetContext {
    /// Number of the sheet in its file, from 0.
    pub sheet: usize,
    /// The day up to which dates may lie.
    pub today: Date,
}

/// Rows and problems of a sheet.
#[derive(Debug, Clone, Default)]
pub struct ReadRoster {
    /// Rows that can be used.
    pub rows: Vec<RosterRow>,
    /// Problems, by row.
    pub issues: Vec<RowIssue>,
    /// Lines passed over because they are no children: repeated heads, sums, sign-offs, empty ones.
    pub passed_over: usize,
    /// Lines that hold a child but no usable identity.
    pub rejected: usize,
}

impl ReadRoster {
    /// Adds another sheet's rows.
    pub fn extend(&mut self, other: ReadRoster) {
        self.rows.extend(other.rows);
        self.issues.extend(other.issues);
        self.passed_over += other.passed_over;
        self.rejected += other.rejected;
    }
}

/// Reads the rows below a sheet's head.
pub fn read_rows(grid: &dyn Grid, layout: &Layout, context: SheetContext) -> ReadRoster {
    let mut by_column: Vec<Option<&ColumnMapping>> = vec![None; grid.width()];
    layout.columns.iter().for_each(|m| by_column[m.column] = Some(m));
    let mut reader = Reader { grid, layout, by_column, context, out: ReadRoster::default() };
    for row in layout.head + layout.head_rows..grid.height() {
        if reader.is_no_child(row) {
            reader.out.passed_over += 1;
        } else {
            for child in 0..layout.children() {
                reader.child(row, child);
            }
        }
    }
    reader.mark_repeated_ids();
    reader.out
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{2_0000}'..='\u{3_ffff}')
}

/// The class that Excel took for a date or a number: 4月2日, 4-2, 4.2 and 402 were 四(2)班.
fn restored_class(kind: RawKind, text: &str) -> Option<String> {
    let numbers: Vec<u32> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|t| !t.is_empty()).filter_map(|t| t.parse().ok()).collect();
    let dated = text.contains('月') && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '月' | '日'));
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '/'));
    let (grade, class) = match (kind, numbers.as_slice()) {
        (RawKind::Date, [_, month, day]) => (*month, *day),
        (_, [month, day]) if dated || plain => (*month, *day),
        (_, [number]) if plain && (101..1000).contains(number) => (number / 100, number % 100),
        _ => return None,
    };
    let name = GRADE_CHARS.chars().nth(usize::try_from(grade.checked_sub(1)?).ok()?)?;
    (1..=MOST_CLASSES).contains(&class).then(|| format!("{name}({class})班"))
}

struct Reader<'a> {
    grid: &'a dyn Grid,
    layout: &'a Layout,
    by_column: Vec<Option<&'a ColumnMapping>>,
    context: SheetContext,
    out: ReadRoster,
}

/// A value with where it stood.
struct Found<'a> {
    column: usize,
    field: Field,
    cell: RawCell<'a>,
    text: std::borrow::Cow<'a, str>,
}

impl<'a> Reader<'a> {
    fn is_no_child(&self, row: usize) -> bool {
        let cells: Vec<(usize, &str)> =
            (0..self.grid.width()).map(|c| (c, self.grid.cell(row, c).text.trim())).filter(|(_, t)| !t.is_empty()).collect();
        let Some((_, first)) = cells.first() else { return true };
        // the head again, on the next printed page
        let same = cells.iter().filter(|(c, t)| self.by_column[*c].is_some_and(|m| m.heading.ends_with(*t))).count();
        if same * 2 > cells.len() {
            return true;
        }
        let field_of = |c: usize| self.by_column[c].and_then(|m| m.slot).map(|s| s.field);
        // the column of numbers may hold a sum, that of dates a signature
        const FEWEST_DIGITS: usize = 4;
        let digits = |t: &str| t.chars().filter(|c| c.is_numeric()).count();
        let identified = cells
            .iter()
            .any(|(c, t)| digits(t) >= FEWEST_DIGITS && matches!(field_of(*c), Some(Field::NationalId | Field::BirthDate)));
        let starts = |words: &[&str]| cells.iter().any(|(_, t)| words.iter().any(|w| t.starts_with(w)));
        if starts(&SUMS) && !identified || starts(&SIGN_OFFS) && !identified && cells.len() <= 8 {
            return true;
        }
        // column numbers under the head (1 2 3 …, 甲 乙 1 2 …)
        let counting = cells.len() >= 3
            && cells.iter().all(|(_, t)| t.len() <= 3 && (t.bytes().all(|b| b.is_ascii_digit()) || "甲乙丙丁".contains(t)));
        // codes of fields (XM, SFZJH) or hints (必填, 格式 …) right under the head
        let near = row < self.layout.head + self.layout.head_rows + ROWS_OF_HINTS;
        let is_code = |t: &str| {
            t.len() >= 2
                && t.starts_with(|c: char| c.is_ascii_alphabetic())
                && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let codes = cells.len() >= 3 && cells.iter().all(|(_, t)| is_code(t));
        let hints = cells.iter().filter(|(_, t)| HINTS.iter().any(|h| t.contains(h))).count();
        if near && (codes && !identified || cells.len() >= 2 && hints * 2 >= cells.len()) {
            return true;
        }
        // one text over the whole width: a section's title
        let alone = cells.len() == 1 && self.grid.width() > 2 && !identified && field_of(cells[0].0) != Some(Field::Name);
        let section = alone || cells.len() > 1 && cells.iter().all(|(_, t)| t == first);
        counting || section
    }

    fn issue(&mut self, row: usize, found: Option<&Found>, code: IssueCode, text: &str, says: &str) {
        let (column, field) = found.map_or((None, None), |f| (Some(f.column), Some(f.field)));
        let place = match field {
            Some(f) => format!("第 {} 行“{}”", row + 1, f.heading()),
            None => format!("第 {} 行", row + 1),
        };
        let message = format!("{place}{says}");
        self.out.issues.push(RowIssue {
            sheet: self.context.sheet,
            row: row + 1,
            column,
            field,
            code,
            rule: None,
            found: text.chars().take(80).collect(),
            message,
        });
    }

    /// Values of a child in its row, cleaned; 同上 replaced, errors and masked values reported and left out.
    fn values(&mut self, row: usize, child: usize) -> Vec<Found<'a>> {
        let mut out = Vec::new();
        let (grid, layout) = (self.grid, self.layout);
        for m in &layout.columns {
            let Some(slot) = m.slot.filter(|s| s.child == child || (s.child == 0 && is_shared(s.field))) else { continue };
            let cell = grid.cell(row, m.column);
            let mut found = Found { column: m.column, field: slot.field, cell, text: clean_text(cell.text) };
            if cell.kind == RawKind::Error {
                self.issue(
                    row,
                    Some(&found),
                    IssueCode::ExcelError,
                    cell.text,
                    &format!("是公式错误 {},请改成实际内容", cell.text),
                );
                continue;
            }
            if is_ditto(&found.text)
                && let Some(above) = self.above(row, m.column)
            {
                let says = format!("写“{}”,已按上一行填为“{above}”", cell.text.trim());
                self.issue(row, Some(&found), IssueCode::SameAsAbove, cell.text, &says);
                found.text = above;
            }
            if matches!(
                &*found.text,
                "" | "无" | "-" | "--" | "/" | "\\" | "—" | "空" | "NULL" | "null" | "N/A" | "暂无" | "不详" | "未知"
            ) {
                continue;
            }
            out.push(found);
        }
        out
    }

    /// What 同上 stands for: the next value above it in its column.
    fn above(&self, row: usize, column: usize) -> Option<std::borrow::Cow<'a, str>> {
        let grid = self.grid;
        let first = self.layout.head + self.layout.head_rows;
        let mut values = (first..row).rev().filter(|r| !self.is_no_child(*r)).map(|r| clean_text(grid.cell(r, column).text));
        values.find(|t| !t.is_empty() && !is_ditto(t))
    }

    fn child(&mut self, row: usize, child: usize) {
        let found = self.values(row, child);
        let own = |f: &Found| matches!(f.field, Field::Name | Field::NationalId | Field::BirthDate | Field::Mother);
        if child > 0 && !found.iter().any(own) {
            return;
        }
        let mut of = Values::default();
        for f in &found {
            self.value(row, f, &mut of);
        }
        self.compare_with_id(row, &found, &mut of);
        if of.row.name.is_none()
            && of.row.national_id.is_none()
            && of.row.unsound_id.is_none()
            && of.row.get(Field::Mother).is_none()
        {
            let all: Vec<&str> = found.iter().map(|f| &*f.text).collect();
            self.issue(row, None, IssueCode::NoIdentity, &all.join(" "), "没有姓名,也没有能用的证件号,无法比对;请补上其中一项");
            self.out.rejected += 1;
            return;
        }
        if of.row.national_id.is_none() && of.row.unsound_id.is_none() {
            let of_id = |m: &&ColumnMapping| m.slot.is_some_and(|s| s.field == Field::NationalId && s.child == child);
            let column = self.layout.columns.iter().find(of_id).map(|m| m.column);
            // what stands there and cannot be used was said already
            let said = |c: usize| self.out.issues.iter().rev().take_while(|i| i.row == row + 1).any(|i| i.column == Some(c));
            if let Some(column) =
                column.filter(|c| !said(*c) && of.row.get(Field::StudentNumber) != Some(self.grid.cell(row, *c).text))
            {
                let cell = self.grid.cell(row, column);
                let at = Found { column, field: Field::NationalId, cell, text: clean_text(cell.text) };
                let says = match &*at.text {
                    "" => "没有填写,只能按姓名、出生日期等比对;请补上".to_owned(),
                    text => format!("写的是“{text}”,没有号码,只能按姓名、出生日期等比对;请补上"),
                };
                self.issue(row, Some(&at), IssueCode::IdMissing, cell.text, &says);
            }
        }
        if of.row.name.is_none() {
            let name = self.layout.columns.iter().find(|m| m.slot.is_some_and(|s| s.field == Field::Name && s.child == child));
            let column = name.map(|m| m.column);
            if let Some(column) = column {
                let at = Found { column, field: Field::Name, cell: self.grid.cell(row, column), text: "".into() };
                self.issue(row, Some(&at), IssueCode::NameMissing, "", "没有填写,请补上");
            }
        }
        of.row.sheet = self.context.sheet;
        of.row.row = row + 1;
        of.row.child = child;
        of.row.values.shrink();
        for rule in all_rules().iter().filter(|r| (r.broken)(&of.row, self.context.today)) {
            let column = self.layout.columns.iter().find(|m| m.slot.is_some_and(|s| s.field == rule.field)).map(|m| m.column);
            self.out.issues.push(RowIssue {
                sheet: self.context.sheet,
                row: row + 1,
                column,
                field: Some(rule.field),
                code: IssueCode::CrossField,
                rule: Some(rule.number),
                found: of.row.get(rule.field).unwrap_or("").to_owned(),
                message: format!("第 {} 行{}({})", row + 1, rule.message, rule.number),
            });
        }
        self.out.rows.push(of.row);
    }

    fn value(&mut self, row: usize, f: &Found, of: &mut Values) {
        let text: &str = &f.text;
        if is_masked(f.field, text) {
            self.issue(row, Some(f), IssueCode::Masked, text, &format!("“{text}”已打码,不能用来比对;请向提供单位索取完整内容"));
            return;
        }
        match f.field {
            Field::Name => {
                let (name, remark) = strip_remark(text);
                self.remark(row, f, remark, of);
                let parts: Vec<&str> = name.split(|c: char| c.is_whitespace() || matches!(c, '、' | '/' | ',' | '和')).collect();
                if parts.len() == 2 && parts.iter().all(|p| (2..=3).contains(&p.chars().count()) && p.chars().all(is_han)) {
                    let says = format!("“{text}”像是两个人,请分成两行填写");
                    self.issue(row, Some(f), IssueCode::NameOfTwo, text, &says);
                }
                let name = name.split_whitespace().collect::<Vec<_>>().join(if name.is_ascii() { " " } else { "" });
                if name.ends_with("某") || PLACEHOLDERS.contains(&name.as_str()) {
                    let says = format!("“{text}”不是完整的真实姓名;请填写户口簿上的姓名");
                    self.issue(row, Some(f), IssueCode::NamePlaceholder, text, &says);
                }
                if name.chars().any(|c| c.is_ascii_digit()) || name.chars().count() > MAX_NAME_CHARS {
                    self.issue(row, Some(f), IssueCode::NameShape, text, &format!("“{text}”不像姓名,请核对"));
                }
                of.row.name = Some(name);
            }
            // words in place of a number say why there is none
            Field::NationalId if text.chars().all(is_han) => of.row.values.push(Field::Remarks, text),
            Field::NationalId => self.national_id(row, f, of),
            Field::Class => match restored_class(f.cell.kind, text) {
                Some(class) => {
                    let says = format!("“{text}”是班级被写成了日期或数字,已按“{class}”读取;请把该列设为“文本”格式");
                    self.issue(row, Some(f), IssueCode::ClassRestored, text, &says);
                    of.row.values.push(Field::Class, &class);
                }
                None => {
                    if text.chars().count() == 1 && GRADE_CHARS.contains(text) {
                        self.issue(row, Some(f), IssueCode::ClassIncomplete, text, &format!("“{text}”只写了年级,请补上班级"));
                    }
                    of.put(f);
                }
            },
            Field::BirthDate => of.row.birth_date = self.date(row, f),
            Field::Sex => match Sex::read(text) {
                Some(sex) => of.row.sex = Some(sex),
                None => self.issue(row, Some(f), IssueCode::SexUnreadable, text, &format!("“{text}”看不出性别,请写“男”或“女”")),
            },
            Field::Phone | Field::GuardianPhone | Field::SecondGuardianPhone => self.phone(row, f, of),
            Field::SchoolCode if SchoolCode::parse(text).is_none() => {
                self.issue(
                    row,
                    Some(f),
                    IssueCode::SchoolCodeShape,
                    text,
                    "应为 10 位学校标识码(类别 2 位、省 2 位、顺序 6 位),请核对",
                );
                of.put(f);
            }
            Field::StudentNumber => {
                if let Err(e) = StudentNumber::parse(text) {
                    self.issue(
                        row,
                        Some(f),
                        IssueCode::StudentNumberShape,
                        text,
                        &format!("不对:字母后的部分{e},请对照学籍系统改正"),
                    );
                }
                of.put(f);
            }
            Field::PlaceCode => match PlaceCode::parse(text) {
                Some(code) => of.row.values.push(f.field, &code.to_string()),
                None => self.issue(row, Some(f), IssueCode::PlaceCodeShape, text, "应为 6、9 或 12 位行政区划代码,请核对"),
            },
            Field::EnrolledOn | Field::PostponedUntil => {
                // a month is enough here
                of.put(f);
            }
            Field::VisitedOn | Field::FoundOn => {
                if let Some(date) = self.date(row, f) {
                    of.row.values.push(f.field, &date.to_string());
                }
            }
            _ => of.put(f),
        }
    }

    fn remark(&mut self, row: usize, f: &Found, remark: Option<&str>, of: &mut Values) {
        if let Some(remark) = remark {
            self.issue(row, Some(f), IssueCode::RemarkInCell, &f.text, &format!("里的括注“{remark}”已移入备注"));
            of.row.values.push(Field::Remarks, remark);
        }
    }

    /// Whether the column beside a number says that it is no citizen number: 护照, 港澳居民来往内地通行证.
    fn says_other_document(&self, row: usize, f: &Found) -> bool {
        let child = |m: &&ColumnMapping| m.slot.map(|s| s.child);
        let of = self.layout.columns.iter().find(|m| m.column == f.column);
        let kind = self
            .layout
            .columns
            .iter()
            .find(|m| m.slot.is_some_and(|s| s.field == Field::IdKind) && child(m) == of.and_then(|o| child(&o)));
        kind.is_some_and(|m| OTHER_DOCUMENTS.iter().any(|w| self.grid.cell(row, m.column).text.contains(w)))
    }

    fn national_id(&mut self, row: usize, f: &Found, of: &mut Values) {
        let (text, remark) = strip_remark(&f.text);
        let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let text = citizen_number(&text);
        let exponent = text.contains(['E', 'e']) && text.contains(['+', '.']);
        if exponent || (f.cell.kind == RawKind::Number && text.len() > EXCEL_DIGITS) {
            let says = format!("“{text}”是被 Excel 转成数字的号码,后几位已丢失,不能猜;请把该列设为“文本”格式后重新填写或导出");
            return self.issue(row, Some(f), IssueCode::IdDamaged, &text, &says);
        }
        // temporary numbers and other documents are no citizen numbers, and no mistakes
        if text.starts_with(['L', 'J', 'l', 'j', 'G', 'g']) && text.len() == 19 {
            of.row.values.push(Field::StudentNumber, &text);
            if let Some(Ok(id)) = text.strip_prefix(['G', 'g']).map(NationalId::parse) {
                of.row.national_id = Some(id);
            }
            return;
        }
        match NationalId::parse(&text) {
            Ok(id) => {
                if let Some(says) = self.adult(id) {
                    return self.issue(row, Some(f), IssueCode::IdOfAdult, &text, &says);
                }
                of.row.national_id = Some(id);
            }
            Err(e @ IdError::CheckDigit { .. }) => {
                self.issue(row, Some(f), IssueCode::IdCheckDigit, &text, &format!("{e},请对照户口簿改正"));
                of.row.unsound_id = Some(text.to_ascii_uppercase());
            }
            Err(IdError::BirthDate) => {
                self.issue(row, Some(f), IssueCode::IdBirthDate, &text, "第 7 至 14 位不是有效日期,请对照户口簿改正");
                of.row.unsound_id = Some(text.to_ascii_uppercase());
            }
            // a passport or a travel permit is what it is; where nobody says so it is told, and kept
            Err(e) if is_other_document(&text) => {
                if !self.says_other_document(row, f) {
                    let says = format!("{e};如果是护照、通行证等其他证件,请加“身份证件类型”一列写明,号码已照原样用于比对");
                    self.issue(row, Some(f), IssueCode::IdShape, &text, &says);
                }
                of.row.unsound_id = Some(text.to_ascii_uppercase());
            }
            Err(_) if self.says_other_document(row, f) => of.row.unsound_id = Some(text.to_ascii_uppercase()),
            Err(e) => self.issue(row, Some(f), IssueCode::IdShape, &text, &format!("{e},请对照户口簿改正")),
        }
        self.remark(row, f, remark, of);
    }

    /// A parent's number in the child's column.
    fn adult(&self, id: NationalId) -> Option<String> {
        const ADULT: i16 = 21;
        let age = age_on(id.birth_date(), self.context.today);
        (age >= ADULT).then(|| format!("的出生年份是 {} 年({age} 岁),像是家长的号码;请换成孩子自己的", id.birth_date().year()))
    }

    fn date(&mut self, row: usize, f: &Found) -> Option<Date> {
        let read = match read_date(&f.text) {
            Ok(read) => read,
            Err(e) => {
                self.issue(row, Some(f), IssueCode::DateUnreadable, &f.text, &format!("“{}”{e}", f.text));
                return None;
            }
        };
        if read.date > self.context.today {
            self.issue(row, Some(f), IssueCode::DateInFuture, &f.text, &format!("“{}”在将来,请核对", f.text));
            return None;
        }
        if read.lunar {
            self.issue(
                row,
                Some(f),
                IssueCode::DateLunar,
                &f.text,
                &format!("写的是农历,已换算为公历 {},请对照户口簿确认", read.date),
            );
        }
        if read.short_year {
            self.issue(
                row,
                Some(f),
                IssueCode::DateShortYear,
                &f.text,
                &format!("“{}”的年份只有两位,按 {} 处理,请确认", f.text, read.date),
            );
        }
        Some(read.date)
    }

    fn phone(&mut self, row: usize, f: &Found, of: &mut Values) {
        // 13800138000/13900139000: the first that is a number serves
        let mut numbers = f
            .text
            .split(['/', '、', ',', ';', ' ', '，', '；', '\n'])
            // 13800138000.0, as programs write a column with gaps
            .map(|p| p.trim().strip_suffix(".0").unwrap_or(p))
            .map(|p| p.chars().filter(char::is_ascii_digit).collect::<String>());
        let is_phone = |n: &String| {
            (n.len() == 11 && n.starts_with('1'))
                || (7..=8).contains(&n.len())
                || ((10..=12).contains(&n.len()) && n.starts_with('0'))
        };
        match numbers.find(is_phone) {
            Some(n) => of.row.values.push(f.field, &n),
            None => self.issue(
                row,
                Some(f),
                IssueCode::PhoneShape,
                &f.text,
                &format!("“{}”不像电话号码(手机应为 11 位),请核对", f.text),
            ),
        }
    }

    /// The number's own birth date and sex against their columns, and the age.
    fn compare_with_id(&mut self, row: usize, found: &[Found], of: &mut Values) {
        let at = |field: Field| found.iter().find(|f| f.field == field);
        if let Some(id) = of.row.national_id {
            let inside = id.birth_date();
            match (of.row.birth_date, at(Field::BirthDate)) {
                (Some(date), Some(f)) if date != inside => {
                    let says = format!("{date} 与证件号中的 {inside} 不一致,请对照户口簿改正");
                    self.issue(row, Some(f), IssueCode::BirthMismatch, &f.text, &says);
                }
                (None, _) => of.row.birth_date = Some(inside),
                _ => {}
            }
            match (of.row.sex, at(Field::Sex)) {
                (Some(sex), Some(f)) if sex != id.sex() => {
                    self.issue(
                        row,
                        Some(f),
                        IssueCode::SexMismatch,
                        &f.text,
                        &format!("“{}”与证件号(第 17 位表示{})不一致,请核对", sex.label(), id.sex().label()),
                    );
                }
                (None, _) => of.row.sex = Some(id.sex()),
                _ => {}
            }
        }
        if let Some(date) = of.row.birth_date {
            let age = age_on(date, self.context.today);
            if !(3..=18).contains(&age) {
                let f = at(Field::BirthDate).or_else(|| at(Field::NationalId));
                self.issue(
                    row,
                    f,
                    IssueCode::AgeOutOfRange,
                    &date.to_string(),
                    &format!("表示 {age} 岁,不在 3 至 18 岁之间,请核对是否填错"),
                );
            }
        }
    }

    fn mark_repeated_ids(&mut self) {
        let mut first: HashMap<NationalId, usize> = HashMap::new();
        let mut repeated = Vec::new();
        for r in &self.out.rows {
            if let Some(id) = r.national_id {
                match first.entry(id) {
                    std::collections::hash_map::Entry::Occupied(e) => repeated.push((r.row, *e.get(), id)),
                    std::collections::hash_map::Entry::Vacant(e) => {
                        e.insert(r.row);
                    }
                }
            }
        }
        let column = self.layout.columns.iter().find(|m| m.slot.is_some_and(|s| s.field == Field::NationalId)).map(|m| m.column);
        for (row, other, id) in repeated {
            self.out.issues.push(RowIssue {
                sheet: self.context.sheet,
                row,
                column,
                field: Some(Field::NationalId),
                code: IssueCode::IdRepeated,
                rule: None,
                found: id.as_str().to_owned(),
                message: format!("第 {row} 行“{}”与第 {other} 行相同,请核对是否重复登记", Field::NationalId.heading()),
            });
        }
        self.out.issues.sort_by_key(|i| (i.sheet, i.row));
    }
}

/// A row on its way.
#[derive(Default)]
struct Values {
    row: RosterRow,
}

impl Values {
    fn put(&mut self, f: &Found) {
        self.row.values.push(f.field, &f.text);
    }
}

/// 同上 and the marks for it.
fn is_ditto(text: &str) -> bool {
    matches!(text, "同上" | "〃" | "″" | "\"" | "''" | "〞" | "同 上")
}

/// Columns that hold for every child of a row.
fn is_shared(field: Field) -> bool {
    matches!(
        field,
        Field::Guardian
            | Field::GuardianPhone
            | Field::GuardianId
            | Field::SecondGuardian
            | Field::SecondGuardianPhone
            | Field::Phone
            | Field::Mother
            | Field::MotherId
            | Field::Address
            | Field::RegisterAddress
            | Field::PlaceCode
            | Field::Town
            | Field::Village
            | Field::HouseholdNumber
            | Field::HouseholdKind
            | Field::MonitoredKind
    )
}

/// 5288**********2517, 王*然, 138****2231.
fn is_masked(field: Field, text: &str) -> bool {
    let stars = text.chars().filter(|c| matches!(c, '*' | '＊' | '×' | '●')).count();
    match field {
        Field::NationalId | Field::StudentNumber | Field::GuardianId | Field::MotherId => stars >= 2,
        Field::Phone | Field::GuardianPhone | Field::SecondGuardianPhone => stars >= 3,
        Field::Name => stars >= 1 && text.chars().count() <= 4,
        _ => false,
    }
}

/// A citizen number as it was meant: a last place that only looks like X (Ⅹ, Cyrillic Х, Greek Χ, ×), and the number at the front of a disability
/// certificate's (20 to 22 places), each only where the check digit agrees.
fn citizen_number(text: &str) -> String {
    const LIKE_X: [char; 8] = ['Ⅹ', 'ⅹ', 'Х', 'х', 'Χ', 'χ', '×', '✕'];
    let sound = |t: &str| NationalId::parse(t).is_ok();
    let chars = text.chars().count();
    if let Some(rest) = text.strip_suffix(LIKE_X).filter(|_| chars == 18) {
        let meant = format!("{rest}X");
        return if sound(&meant) { meant } else { text.to_owned() };
    }
    let front = text.get(..18).filter(|f| (20..=22).contains(&chars) && text.is_ascii() && sound(f));
    front.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::super::layout::tests::TextGrid;
    use super::super::{Mapping, find_layout};
    use super::*;

    fn read(text: &str) -> ReadRoster {
        let grid = TextGrid::new("s", text);
        let layout = find_layout(&grid, &Mapping::default()).unwrap();
        read_rows(&grid, &layout, SheetContext { sheet: 0, today: date(2023, 10, 1) })
    }

    /// One row under a head; the codes it gives.
    fn check(head: &str, row: &str, codes: &[IssueCode]) -> ReadRoster {
        let out = read(&format!("{head}\n{row}"));
        assert_eq!(
            // that there is no number is the business of a test of its own
            out.issues.iter().map(|i| i.code).filter(|c| *c != IssueCode::IdMissing).collect::<Vec<_>>(),
            codes,
            "{row}: {:?}",
            out.issues.iter().map(|i| &i.message).collect::<Vec<_>>()
        );
        out
    }

    // 528801201503020013 is sound; nobody's, for 5288 is not assigned
    fn id() -> String {
        NationalId::complete("52880120150302001").unwrap().to_string()
    }

    #[test]
    fn good_rows() {
        let out = check("姓名|身份证号|出生日期|性别|电话", &format!("王小明|{}|2015-03-02|男|13800138000", id()), &[]);
        let r = &out.rows[0];
        assert_eq!((r.name.as_deref(), r.birth_date, r.sex, r.row), (Some("王小明"), Some(date(2015, 3, 2)), Some(Sex::Male), 2));
        let spaced = format!("{} {}", &id()[..6], &id()[6..]);
        let out = check("姓名|身份证号", &format!("王 小 明|{spaced}"), &[]);
        assert_eq!(out.rows[0].birth_date, Some(date(2015, 3, 2)), "from the number");
        assert_eq!(out.rows[0].name.as_deref(), Some("王小明"));
    }

    #[test]
    fn numbers_that_are_not_there_are_told_once() {
        let said = |row: &str| {
            let out = read(&format!("姓名|身份证号|性别\n{row}|男"));
            (out.issues.iter().map(|i| i.code).collect::<Vec<_>>(), out.rows[0].get(Field::Remarks).map(str::to_owned))
        };
        for empty in ["", "无", "/"] {
            assert_eq!(said(&format!("王小明|{empty}")), (vec![IssueCode::IdMissing], None), "{empty}");
        }
        assert_eq!(said("王小明|户口未上"), (vec![IssueCode::IdMissing], Some("户口未上".into())));
        assert_eq!(said("王小明|52880120150302001").0, [IssueCode::IdShape], "said already");
        assert_eq!(read("姓名|性别\n王小明|男").issues, [], "no column, no complaint");
    }

    #[test]
    fn names_and_classes_that_are_not_what_they_seem() {
        let head = "姓名|性别|班级";
        for (row, codes) in [
            ("王芳 王丽|女|四(1)班", &[IssueCode::NameOfTwo][..]),
            ("王芳、王丽|女|四(1)班", &[IssueCode::NameOfTwo]),
            ("赵某某|男|四(1)班", &[IssueCode::NamePlaceholder]),
            ("未取名|男|四(1)班", &[IssueCode::NamePlaceholder]),
            ("王小明|男|4月2日", &[IssueCode::ClassRestored]),
            ("王小明|男|4.2", &[IssueCode::ClassRestored]),
            ("王小明|男|#402", &[IssueCode::ClassRestored]),
            ("王小明|男|四", &[IssueCode::ClassIncomplete]),
            ("王 芳|女|1班", &[]),
            ("阿依古丽 买买提|女|2", &[]),
        ] {
            check(head, row, codes);
        }
        let class = |text: &str| read(&format!("{head}\n王小明|男|{text}")).rows[0].get(Field::Class).map(str::to_owned);
        for (text, is) in
            [("4月2日", "四(2)班"), ("402", "四(2)班"), ("12", "12"), ("2023", "2023"), ("9-13", "九(13)班"), ("13.2", "13.2")]
        {
            assert_eq!(class(text).as_deref(), Some(is), "{text}");
        }
    }

    #[test]
    fn problems_of_numbers() {
        let head = "姓名|身份证号";
        let out = check(head, "王小明|4.11E+17", &[IssueCode::IdDamaged]);
        assert_eq!(out.rows[0].national_id, None, "never guessed");
        check(head, "王小明|#528801201503020000", &[IssueCode::IdDamaged]);
        check(head, "王小明|5288**********0013", &[IssueCode::Masked]);
        check(head, "王小明|52880120150302001", &[IssueCode::IdShape]);
        let wrong = id().replace("0302", "0312");
        let out = check(head, &format!("王小明|{wrong}"), &[IssueCode::IdCheckDigit]);
        assert!(out.issues[0].message.starts_with("第 2 行“身份证件号”校验位不对(末位应为"), "{}", out.issues[0].message);
        assert_eq!(out.rows[0].unsound_id.as_deref(), Some(wrong.as_str()));
        let adult = NationalId::complete("52880119850302001").unwrap();
        let out = check(head, &format!("王小明|{adult}"), &[IssueCode::IdOfAdult]);
        assert!(out.issues[0].message.contains("家长"));
        check(head, "王小明|L52880120150302001X", &[]);
        check(head, "|4.11E+17", &[IssueCode::IdDamaged, IssueCode::NoIdentity]);
    }

    #[test]
    fn problems_of_other_fields() {
        let head = "姓名|身份证号|出生日期|性别|电话";
        let id = id();
        check(head, &format!("王小明|{id}|2015-02-03|男|"), &[IssueCode::BirthMismatch]);
        check(head, &format!("王小明|{id}|2015-03-02|女|"), &[IssueCode::SexMismatch]);
        let out = check(head, "王小明||农历2015年正月十二|男|", &[IssueCode::DateLunar]);
        assert_eq!(out.rows[0].birth_date, Some(date(2015, 3, 2)));
        check(head, "王小明||2030-01-01||", &[IssueCode::DateInFuture]);
        check(head, "王小明||二〇一五年三月||", &[IssueCode::DateUnreadable]);
        check(head, "王小明||2015-03-02|男|1380013800", &[IssueCode::PhoneShape]);
        check(head, "王小明||1985-03-02|男|", &[IssueCode::AgeOutOfRange]);
        let out = check(head, "王小明(已转走)||2015-03-02|男|13800138000/13900139000", &[IssueCode::RemarkInCell]);
        assert_eq!(out.rows[0].get(Field::Remarks), Some("已转走"));
        assert_eq!(out.rows[0].get(Field::Phone), Some("13800138000"));
        check(head, "王*明||2015-03-02|男|", &[IssueCode::Masked, IssueCode::NoIdentity]);
    }

    #[test]
    fn lines_that_are_no_children() {
        let out = read(
            "学籍名册|||\n序号|姓名|出生日期|村\n1|2|3|4\n1|王小明|2015-03-02|石桥\n2|李小红|2014-05-06|同上\n\n序号|姓名|出生日期|村\n3|张三|2013-01-02|〃\n合计|3||\n填表人:某|审核人:某|负责人:某某某|",
        );
        let names: Vec<&str> = out.rows.iter().filter_map(|r| r.name.as_deref()).collect();
        assert_eq!(names, ["王小明", "李小红", "张三"]);
        assert_eq!(out.rows[2].get(Field::Village), Some("石桥"));
        assert_eq!(out.passed_over, 5);
    }

    #[test]
    fn codes_and_hints_under_the_head_are_no_children() {
        let head = "姓名|性别|身份证号|出生日期|年级";
        let child = format!("王小明|男|{}|2015-03-02|三年级", id());
        for hint in [
            "XM|XBM|SFZJH|CSRQ|NJ",
            "xm|xb|sfzjh|csrq|nj",
            "必填|必填|必填,18位|必填,格式YYYY-MM-DD|选填",
            "示例:张三|男/女,请选择|文本格式|例如 2015-03-02|下拉选择",
        ] {
            let out = read(&format!("{head}\n{hint}\n{child}"));
            assert_eq!(out.rows.iter().filter_map(|r| r.name.as_deref()).collect::<Vec<_>>(), ["王小明"], "{hint}");
            assert_eq!(out.passed_over, 1, "{hint}");
        }
        // far below it would be somebody
        let out = read(&format!("{head}\n{child}\n{child}\n{child}\n{child}\nXM|XBM|SFZJH|CSRQ|NJ"));
        assert_eq!(out.passed_over, 0);
    }

    /// A last place that looks like X, a disability certificate's number, a telephone with the trace of a number.
    #[test]
    fn numbers_as_other_programs_write_them() {
        let x = (0..999)
            .filter_map(|n| NationalId::complete(&format!("52880120150302{n:03}")))
            .find(|i| i.as_str().ends_with('X'))
            .unwrap();
        for last in ['Ⅹ', 'Х', 'х', '×', 'Χ'] {
            let out = check("姓名|身份证号", &format!("王小明|{}{last}", &x.as_str()[..17]), &[]);
            assert_eq!(out.rows[0].national_id, Some(x), "{last}");
        }
        // not where the check digit says otherwise
        check("姓名|身份证号", &format!("王小明|{}×", &id()[..17]), &[IssueCode::IdShape]);
        let out = check("姓名|身份证号", &format!("王小明|{}43", id()), &[]);
        assert_eq!(out.rows[0].national_id.unwrap().to_string(), id());
        check("姓名|身份证号", "王小明|52880120150302000043", &[IssueCode::IdShape]);
        let out = check("姓名|身份证号|电话", &format!("王小明|{}|13800138000.0", id()), &[]);
        assert_eq!(out.rows[0].get(Field::Phone), Some("13800138000"));
    }

    #[test]
    fn several_children_in_a_row() {
        let out = read(
            "户主姓名|电话|子女1姓名|子女1出生日期|子女2姓名|子女2出生日期\n王大|13800138000|王一|2013-01-02|王二|2015-03-04\n李大||李一|2012-01-02||",
        );
        let found: Vec<(&str, Option<&str>, usize)> =
            out.rows.iter().map(|r| (r.name.as_deref().unwrap(), r.get(Field::Guardian), r.row)).collect();
        assert_eq!(found, [("王一", Some("王大"), 2), ("王二", Some("王大"), 2), ("李一", Some("李大"), 3)]);
    }

    proptest! {
        #[test]
        fn never_panics(cells in proptest::collection::vec(proptest::collection::vec("[#姓名身份证号0-9EX.*()（）同上农历年月日 王]{0,20}|\\PC{0,12}", 1..6), 0..8)) {
            let text: Vec<String> = cells.iter().map(|r| r.join("|")).collect();
            let grid = TextGrid::new("s", &format!("姓名|身份证号|出生日期|性别|电话|子女2姓名\n{}", text.join("\n")));
            if let Some(layout) = find_layout(&grid, &Mapping::default()) {
                let out = read_rows(&grid, &layout, SheetContext { sheet: 0, today: date(2023, 10, 1) });
                prop_assert!(out.issues.iter().all(|i| !i.message.is_empty()));
            }
        }
    }
}
