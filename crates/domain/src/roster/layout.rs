use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::field::normalise;
use super::{Field, Grid, RawKind, clean_text, recognise_heading};

/// Rows from the top among which the head is looked for: titles, filling notes and legends come first.
const HEAD_SEARCH_ROWS: usize = 30;
/// A head names at least so many fields.
const MIN_FIELDS: usize = 2;
/// Rows that a head may have: 学生信息 over 证件信息 over 身份证件号.
const MAX_HEAD_ROWS: usize = 3;
/// Children that one row may hold.
const MAX_CHILDREN: usize = 8;

/// What a column holds: a field of the child with this number in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The field.
    pub field: Field,
    /// Which child of the row, from 0; shared columns count for every child.
    pub child: usize,
}

/// One column of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnMapping {
    /// Column from 0.
    pub column: usize,
    /// Its heading as the sheet has it, both levels joined by “/”.
    pub heading: String,
    /// What it holds; `None` when the heading is not known.
    pub slot: Option<Slot>,
}

/// 版式 (layout): where a sheet's head and rows are, and what each column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// First row of the head, from 0.
    pub head: usize,
    /// Rows of the head.
    pub head_rows: usize,
    /// Columns that have a heading.
    pub columns: Vec<ColumnMapping>,
    /// Text above the head.
    pub title: String,
}

impl Layout {
    /// Fields that the sheet has.
    pub fn fields(&self) -> Vec<Field> {
        let mut out: Vec<Field> = self.columns.iter().filter_map(|c| c.slot.map(|s| s.field)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Headings that nothing is known of.
    pub fn unknown_headings(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|c| c.slot.is_none()).map(|c| c.heading.as_str())
    }

    /// Children that one row holds.
    pub fn children(&self) -> usize {
        self.columns.iter().filter_map(|c| c.slot).map(|s| s.child + 1).max().unwrap_or(1)
    }
}

/// 列对应 (mapping): what a person said of headings, kept in a file for the next time. A heading to a field's name, or to
/// “忽略” for a column to leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping(pub BTreeMap<String, String>);

/// The word for a column to leave out.
const IGNORE: &str = "忽略";

impl Mapping {
    /// `Some(None)` leaves the column out; `None` says nothing of it.
    fn of(&self, heading: &str) -> Option<Option<Field>> {
        let key = normalise(heading);
        let (_, value) = self.0.iter().find(|(h, _)| h.as_str() == heading || normalise(h) == key)?;
        Some(find_field(value))
    }

    /// The first value that names no field, for a message.
    pub fn unknown_value(&self) -> Option<(&str, &str)> {
        self.0.iter().find(|(_, v)| v.as_str() != IGNORE && find_field(v).is_none()).map(|(h, v)| (h.as_str(), v.as_str()))
    }
}

/// A field by its stable name or any of its headings.
fn find_field(text: &str) -> Option<Field> {
    Field::ALL.iter().copied().find(|f| f.name() == text).or_else(|| recognise_heading(text))
}

/// Finds the head of a sheet: the rows near the top that name the most fields.
pub fn find_layout(grid: &dyn Grid, mapping: &Mapping) -> Option<Layout> {
    let rows = grid.height().min(HEAD_SEARCH_ROWS);
    let mut best: Option<(usize, Layout)> = None;
    for head in 0..rows {
        for head_rows in 1..=MAX_HEAD_ROWS {
            let levels = head + 1..head + head_rows;
            if head + head_rows > grid.height() || !levels.clone().all(|r| may_be_lower_level(grid, r)) {
                continue;
            }
            // a title stands over all columns alike, a level of a head divides them
            if head_rows == MAX_HEAD_ROWS && !divides(grid, head) {
                continue;
            }
            let columns = map_columns(grid, head, head_rows, mapping);
            let named: std::collections::BTreeSet<(Field, usize)> =
                columns.iter().filter_map(|c| c.slot.map(|s| (s.field, s.child))).collect();
            let identifies = named.iter().any(|(f, _)| matches!(f, Field::Name | Field::NationalId | Field::Mother));
            if named.len() < MIN_FIELDS || !identifies {
                continue;
            }
            // a row above the head is a level of it only when it groups columns; else it is a title or a line for the unit
            let score = named.len() * 2 + usize::from(head_rows == 1 || has_groups(grid, head)) * head_rows;
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                let title = title_above(grid, head);
                best = Some((score, Layout { head, head_rows, columns, title }));
            }
        }
    }
    best.map(|(_, l)| l)
}

/// Whether a row names groups of columns: 学生信息, 家长情况, 成员1.
fn has_groups(grid: &dyn Grid, row: usize) -> bool {
    (0..grid.width()).map(|c| grid.cell(row, c).text).any(|t| {
        owner_of(t) != Owner::Child(0)
            || numbered_child(t).is_some()
            || ["信息", "情况"].iter().any(|w| t.ends_with(w))
            || recognise_heading(t).is_some()
    })
}

/// Whether a row holds at least two different texts.
fn divides(grid: &dyn Grid, row: usize) -> bool {
    let mut texts = (0..grid.width()).map(|c| grid.cell(row, c).text.trim()).filter(|t| !t.is_empty());
    texts.next().is_some_and(|first| texts.any(|t| t != first))
}

/// A lower level has words only: a row with numbers or dates is the first child.
fn may_be_lower_level(grid: &dyn Grid, row: usize) -> bool {
    let mut known = 0;
    for c in 0..grid.width() {
        let cell = grid.cell(row, c);
        if matches!(cell.kind, RawKind::Number | RawKind::Date) || cell.text.chars().filter(char::is_ascii_digit).count() >= 6 {
            return false;
        }
        known += usize::from(recognise_heading(cell.text).is_some());
    }
    // codes of fields under their names (XM, SFZJH) are no level of their own
    let all_codes = (0..grid.width()).map(|c| grid.cell(row, c).text.trim()).all(|t| t.is_ascii());
    known > 0 && !all_codes
}

fn title_above(grid: &dyn Grid, head: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for r in 0..head {
        for c in 0..grid.width() {
            let text = clean_text(grid.cell(r, c).text).into_owned();
            if !text.is_empty() && lines.last() != Some(&text) {
                lines.push(text);
            }
        }
    }
    lines.join(" ")
}

/// What stands over a column decides whose field it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Child(usize),
    Guardian,
    SecondGuardian,
    Mother,
    Other,
}

fn map_columns(grid: &dyn Grid, head: usize, head_rows: usize, mapping: &Mapping) -> Vec<ColumnMapping> {
    let mut out: Vec<ColumnMapping> = Vec::new();
    let mut members = 0usize;
    let mut in_member = false;
    let mut taken: std::collections::HashSet<(Field, usize)> = std::collections::HashSet::new();
    // what stands over the columns from here on, level by level: a group that was not merged stands over its first column only
    let mut groups: Vec<String> = vec![String::new(); head_rows - 1];
    for c in 0..grid.width() {
        let texts: Vec<String> = (0..head_rows).map(|r| clean_text(grid.cell(head + r, c).text).into_owned()).collect();
        let Some(own) = texts.iter().rfind(|t| !t.is_empty()).cloned() else { continue };
        // a column's own heading may be merged over several levels
        let top = texts.iter().position(|t| *t == own).unwrap_or(0);
        for level in 0..groups.len() {
            if texts[level].is_empty() {
                continue;
            }
            groups[level] = if level < top { texts[level].clone() } else { String::new() };
            if level < top && c > 0 && clean_text(grid.cell(head + level, c - 1).text) != texts[level] {
                groups[level + 1..].iter_mut().for_each(String::clear);
            }
        }
        let group = groups.iter().filter(|g| !g.is_empty()).cloned().collect::<Vec<_>>().join("/");
        let heading = if group.is_empty() { own.clone() } else { format!("{group}/{own}") };
        let slot = match mapping.of(&heading).or_else(|| mapping.of(&own)) {
            Some(said) => said.map(|field| Slot { field, child: 0 }),
            None => {
                // national template: member 1 and member 2 repeat 姓名 关系 … without saying whose
                let repeated_name = recognise_heading(&own) == Some(Field::Name)
                    && taken.contains(&(Field::Name, 0))
                    && followed_by_relation(grid, head + head_rows - 1, c);
                if repeated_name {
                    members += 1;
                    in_member = true;
                } else if in_member && recognise_heading(&own) == Some(Field::Migrant) {
                    in_member = false;
                }
                let owner = match (in_member, members) {
                    (true, 1) => Owner::Guardian,
                    (true, 2) => Owner::SecondGuardian,
                    (true, _) => Owner::Other,
                    (false, _) => owner_of(&group),
                };
                slot_of(&own, owner, &mut taken)
            }
        };
        if let Some(s) = slot {
            taken.insert((s.field, s.child));
        }
        out.push(ColumnMapping { column: c, heading, slot });
    }
    out
}

fn followed_by_relation(grid: &dyn Grid, row: usize, column: usize) -> bool {
    (column + 1..column + 3).any(|c| grid.cell(row, c).text.contains("关系"))
}

fn owner_of(group: &str) -> Owner {
    let has = |words: &[&str]| words.iter().any(|w| group.contains(w));
    if let Some(child) = numbered_child(group) {
        return Owner::Child(child.0);
    }
    if has(&["成员2", "成员二", "监护人2", "监护人二"]) {
        Owner::SecondGuardian
    } else if has(&["母亲", "产妇"]) {
        Owner::Mother
    } else if has(&["监护人", "家长", "父亲", "父母", "户主", "成员", "联系人"]) {
        Owner::Guardian
    } else {
        Owner::Child(0)
    }
}

/// 子女1, 孩子二, 学生3姓名 → number from 0 and the rest of the heading.
fn numbered_child(text: &str) -> Option<(usize, &str)> {
    let rest = ["子女", "孩子", "儿童", "学生", "小孩", "适龄儿童"].iter().find_map(|p| text.strip_prefix(p))?;
    let c = rest.chars().next()?;
    let number = c.to_digit(10).map(|d| d as usize).or_else(|| "一二三四五六七八".chars().position(|x| x == c).map(|p| p + 1))?;
    (1..=MAX_CHILDREN).contains(&number).then(|| (number - 1, &rest[c.len_utf8()..]))
}

fn slot_of(own: &str, owner: Owner, taken: &mut std::collections::HashSet<(Field, usize)>) -> Option<Slot> {
    if let Some((child, rest)) = numbered_child(own)
        && let Some(field) = recognise_heading(rest)
    {
        return free(field, child, taken);
    }
    let field = recognise_heading(own)?;
    let field = match owner {
        Owner::Child(child) if child > 0 => return free(field, child, taken),
        Owner::Child(_) | Owner::Other if owner == Owner::Other => return None,
        Owner::Child(_) | Owner::Other => field,
        Owner::Guardian => match field {
            Field::Name | Field::Guardian => Field::Guardian,
            Field::NationalId | Field::GuardianId => Field::GuardianId,
            Field::Phone | Field::GuardianPhone => Field::GuardianPhone,
            Field::GuardianRelation => Field::GuardianRelation,
            // the guardian's own address, people, unit: not the child's
            _ => return None,
        },
        Owner::SecondGuardian => match field {
            Field::Name => Field::SecondGuardian,
            Field::Phone => Field::SecondGuardianPhone,
            _ => return None,
        },
        Owner::Mother => match field {
            Field::Name | Field::Mother => Field::Mother,
            Field::NationalId | Field::MotherId => Field::MotherId,
            Field::Phone => Field::GuardianPhone,
            _ => return None,
        },
    };
    free(field, 0, taken)
}

/// The first column of a field has it; of several addresses and telephones too, and the others are left alone. A name that
/// stands again is another child of the row.
fn free(field: Field, child: usize, taken: &std::collections::HashSet<(Field, usize)>) -> Option<Slot> {
    if !taken.contains(&(field, child)) {
        return Some(Slot { field, child });
    }
    let personal = matches!(
        field,
        Field::Name | Field::NationalId | Field::Sex | Field::BirthDate | Field::SchoolName | Field::Grade | Field::Class
    );
    let next = (child + 1..MAX_CHILDREN).find(|c| !taken.contains(&(field, *c)))?;
    // only after a further child's name, or as that name
    (personal && (field == Field::Name || taken.contains(&(Field::Name, next)))).then_some(Slot { field, child: next })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::roster::RawCell;

    /// A sheet as rows of texts between bars, for tests.
    pub struct TextGrid {
        name: String,
        rows: Vec<Vec<String>>,
    }

    impl TextGrid {
        pub fn new(name: &str, text: &str) -> Self {
            let rows = text.lines().map(|l| l.split('|').map(|c| c.trim().to_owned()).collect()).collect();
            Self { name: name.to_owned(), rows }
        }
    }

    impl Grid for TextGrid {
        fn name(&self) -> &str {
            &self.name
        }

        fn height(&self) -> usize {
            self.rows.len()
        }

        fn width(&self) -> usize {
            self.rows.iter().map(Vec::len).max().unwrap_or(0)
        }

        fn cell(&self, row: usize, column: usize) -> RawCell<'_> {
            match self.rows.get(row).and_then(|r| r.get(column)).map(String::as_str) {
                None | Some("") => RawCell { kind: RawKind::Empty, text: "" },
                // #12 stands for a number, as Excel keeps one
                Some(t) if t.starts_with('#') => RawCell { kind: RawKind::Number, text: &t[1..] },
                Some(t) => RawCell { kind: RawKind::Text, text: t },
            }
        }
    }

    fn check(text: &str, head: usize, head_rows: usize, slots: &[(usize, Field, usize)]) {
        let layout = find_layout(&TextGrid::new("s", text), &Mapping::default()).unwrap();
        assert_eq!((layout.head, layout.head_rows), (head, head_rows), "{text}");
        let found: Vec<(usize, Field, usize)> =
            layout.columns.iter().filter_map(|c| c.slot.map(|s| (c.column, s.field, s.child))).collect();
        assert_eq!(found, slots, "{text}");
    }

    #[test]
    fn heads() {
        check("姓名|身份证号\n王小明|528801201503020019", 0, 1, &[(0, Field::Name, 0), (1, Field::NationalId, 0)]);
        check(
            "青禾县学籍名册\n单位:某校||2023年\n序号|姓 名|性别\n1|王小明|男",
            2,
            1,
            &[(1, Field::Name, 0), (2, Field::Sex, 0)],
        );
        check(
            "学生信息|学生信息|家长信息|家长信息\n姓名|身份证号|姓名|电话\n王小明|5|王大|1",
            0,
            2,
            &[(0, Field::Name, 0), (1, Field::NationalId, 0), (2, Field::Guardian, 0), (3, Field::GuardianPhone, 0)],
        );
        check(
            "某县花名册|某县花名册|某县花名册|某县花名册|某县花名册\n学校|学生信息|学生信息|家长信息|家长信息\n学校名称|基本信息|证件信息|姓名|电话\n|姓名|身份证件号||\n某校|王小明|5|王大|1",
            1,
            3,
            &[
                (0, Field::SchoolName, 0),
                (1, Field::Name, 0),
                (2, Field::NationalId, 0),
                (3, Field::Guardian, 0),
                (4, Field::GuardianPhone, 0),
            ],
        );
        check(
            "户主姓名|子女1姓名|子女1身份证号|子女2姓名|子女2身份证号\n王大|王一|1|王二|2",
            0,
            1,
            &[
                (0, Field::Guardian, 0),
                (1, Field::Name, 0),
                (2, Field::NationalId, 0),
                (3, Field::Name, 1),
                (4, Field::NationalId, 1),
            ],
        );
    }

    #[test]
    fn national_template_members_are_not_the_child() {
        let head = "姓名|性别|身份证件号|现住址|姓名|关系|关系说明|现住址|户口所在地|电话|监护人|证件类型|证件号|民族|单位|职务|姓名|关系|关系说明|现住址|户口所在地|电话|监护人|证件类型|证件号|民族|单位|职务|随迁子女";
        let layout = find_layout(&TextGrid::new("s", head), &Mapping::default()).unwrap();
        let field = |c: usize| layout.columns[c].slot.map(|s| s.field);
        assert_eq!(field(0), Some(Field::Name));
        assert_eq!(field(4), Some(Field::Guardian));
        assert_eq!(field(9), Some(Field::GuardianPhone));
        assert_eq!(field(12), Some(Field::GuardianId));
        assert_eq!(field(16), Some(Field::SecondGuardian));
        assert_eq!(field(28), Some(Field::Migrant));
        assert_eq!(layout.children(), 1);
    }

    /// The two exports that R-SRC 2 names, all headings in order.
    #[test]
    fn national_template_and_rural_export_as_they_come() {
        const STUDENT: &str = "学校标识码|姓名|性别|出生日期|出生地|籍贯|民族|国籍/地区|身份证件类型|港澳台侨外|健康状况|政治面貌|身份证件号|户口性质|户口所在地|\
            班级|入学年月|入学方式|就读方式|现住址|通信地址|家庭地址|联系电话|邮政编码|独生子女|学前教育|留守儿童|需申请资助|享受一补|孤儿|\
            烈士优抚|上下学距离|交通方式|校车|曾用名|证件有效期|血型|特长|学籍辅号|班内学号|学生来源|电子信箱|主页|残疾类型|政府购买学位|\
            随班就读|姓名|关系|关系说明|现住址|户口所在地|电话|监护人|证件类型|证件号|民族|单位|职务|姓名|关系|关系说明|现住址|户口所在地|电话|监护人|证件类型|证件号|民族|单位|职务|随迁子女";
        const RURAL: &str = "户类型|监测对象类别|户编号|姓名|证件号码|在校生状况|文化程度|是否义务教育阶段适龄儿童少年失学辍学|义务教育阶段未上学原因";
        let read = |head: &str| find_layout(&TextGrid::new("s", &head.replace(' ', "")), &Mapping::default()).unwrap();
        let student = read(STUDENT);
        let at = |column: usize| student.columns[column].slot.map(|s| (s.field, s.child));
        for (column, field) in [
            (0, Field::SchoolCode),
            (1, Field::Name),
            (2, Field::Sex),
            (3, Field::BirthDate),
            (12, Field::NationalId),
            (15, Field::Class),
            (18, Field::AttendanceMode),
            (19, Field::Address),
            (22, Field::Phone),
            (26, Field::LeftBehind),
            (34, Field::FormerName),
            (38, Field::StudentNumber),
            (46, Field::Guardian),
            (51, Field::GuardianPhone),
            (54, Field::GuardianId),
            (58, Field::SecondGuardian),
            (63, Field::SecondGuardianPhone),
            (70, Field::Migrant),
        ] {
            assert_eq!(at(column), Some((field, 0)), "{}", student.columns[column].heading);
        }
        assert_eq!(student.children(), 1);
        assert_eq!(crate::roster::recognise_kind(&student.fields(), &[]).unwrap().kind, crate::roster::SourceKind::Student);
        let rural = read(RURAL);
        assert_eq!(rural.unknown_headings().count(), 0);
        assert_eq!(crate::roster::recognise_kind(&rural.fields(), &[]).unwrap().kind, crate::roster::SourceKind::Poverty);
    }

    #[test]
    fn a_mapping_is_heard_first() {
        let mapping = Mapping([("娃娃".to_owned(), "name".to_owned()), ("身份证号".to_owned(), "忽略".to_owned())].into());
        let layout = find_layout(&TextGrid::new("s", "娃娃|身份证号|性别\n王小明|1|男"), &mapping).unwrap();
        assert_eq!(layout.fields(), [Field::Name, Field::Sex]);
        assert_eq!(Mapping([("a".to_owned(), "没有".to_owned())].into()).unknown_value(), Some(("a", "没有")));
    }

    #[test]
    fn no_head_no_layout() {
        assert_eq!(find_layout(&TextGrid::new("s", "甲|乙\n1|2"), &Mapping::default()), None);
        assert_eq!(find_layout(&TextGrid::new("s", ""), &Mapping::default()), None);
    }
}
