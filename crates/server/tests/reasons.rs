//! No false sentence: every clause of every reason, for every child of a demo county, is recomputed from the spreadsheets themselves, without the
//! code that writes it. A clause that this test does not know fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use baoxue_documents::Sheet;

fn baoxue(folder: &Path, args: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_baoxue")).args(args).current_dir(folder).output().expect("the program starts");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn sheets(path: &Path) -> Vec<Sheet> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    baoxue_documents::read::read(&name, std::fs::read(path).unwrap()).unwrap()
}

/// A row of a roster as it stands in its file: heading → text.
type Raw = BTreeMap<String, String>;

/// A roster: its rows by their number in the file.
struct Roster {
    rows: BTreeMap<usize, Raw>,
}

impl Roster {
    fn read(path: &Path) -> Self {
        let sheet = sheets(path).remove(0);
        let head = (0..10).find(|r| sheet.row(*r).any(|c| c.text.trim() == "姓名")).expect("a head row");
        let heads: Vec<String> = sheet.row(head).map(|c| c.text.trim().to_owned()).collect();
        let rows = (head + 1..sheet.height()).map(|r| {
            let cells = sheet.row(r).map(|c| c.text.trim().to_owned());
            (r + 1, heads.iter().cloned().zip(cells).filter(|(_, v)| !v.is_empty()).collect())
        });
        Self { rows: rows.collect() }
    }
}

fn get<'a>(r: &'a Raw, heading: &str) -> &'a str {
    r.get(heading).map_or("", String::as_str)
}

/// Letters and digits as they are meant: full width is half width, blanks are nothing.
fn plain(text: &str) -> String {
    let half = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    text.chars().map(half).filter(|c| !c.is_whitespace() && !matches!(c, '-' | '—' | '\'')).collect::<String>().to_uppercase()
}

fn id(r: &Raw) -> String {
    plain(get(r, "身份证件号"))
}

/// A name without the dots of minorities' names.
fn name(r: &Raw) -> String {
    plain(get(r, "姓名")).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Days since a fixed one, of a date in any of the ways in which rosters write it, or of the number.
fn birth(r: &Raw) -> Option<(i32, u32, u32)> {
    let text = get(r, "出生日期");
    let groups: Vec<u32> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).filter_map(|g| g.parse().ok()).collect();
    let of_number = |n: u32| ((n / 10_000) as i32, n / 100 % 100, n % 100);
    match groups.as_slice() {
        [y, m, d, ..] if *y > 1_900 => return Some((*y as i32, *m, *d)),
        [n] if *n > 19_000_000 => return Some(of_number(*n)),
        _ => {}
    }
    let number = id(r);
    (number.len() == 18).then(|| number[6..14].parse().ok().map(of_number)).flatten()
}

fn days((y, m, d): (i32, u32, u32)) -> i64 {
    jiff::civil::date(y as i16, m as i8, d as i8).since(jiff::civil::date(1990, 1, 1)).unwrap().get_days().into()
}

/// One child: what the lists say, and its rows.
struct Listed {
    name: String,
    reason: String,
    rows: Vec<(String, String, usize)>,
}

fn column(sheet: &Sheet, row: usize, heading: &str) -> Option<usize> {
    sheet.row(row).position(|c| c.text.trim() == heading)
}

/// Every child of every list with its evidence: `户籍(户籍.xlsx第384行):…`.
fn children(folder: &Path) -> Vec<Listed> {
    let mut out = Vec::new();
    for file in std::fs::read_dir(folder.join("o/名单")).unwrap() {
        for sheet in sheets(&file.unwrap().path()) {
            let Some(head) = (0..6).find(|r| column(&sheet, *r, "各名册依据").is_some()) else { continue };
            let at = |h: &str| column(&sheet, head, h).unwrap();
            let (person, reason, evidence) = (at("姓名"), at("理由"), at("各名册依据"));
            for r in head + 1..sheet.height() {
                let text = |c: usize| sheet.cell(r, c).text.to_owned();
                if text(reason).is_empty() {
                    continue;
                }
                let evidence = text(evidence);
                let rows = evidence.lines().map(|l| {
                    let (label, rest) = l.split_once('(').expect("a source");
                    let (place, _) = rest.split_once("行):").expect("a place");
                    let (file, row) = place.rsplit_once('第').expect("a row");
                    (label.to_owned(), file.to_owned(), row.parse().unwrap())
                });
                out.push(Listed { name: text(person), reason: text(reason), rows: rows.collect() });
            }
        }
    }
    out
}

struct County {
    rosters: BTreeMap<String, Roster>,
    /// File by the label of its source.
    files: BTreeMap<String, String>,
    undecided: BTreeSet<(String, String)>,
}

/// Where the clause begins that says so, the rest is a list in quotes: `“甲”、“乙”`.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('“').skip(1).map(|p| p.split('”').next().unwrap().to_owned()).collect()
}

impl County {
    fn rows<'a>(&'a self, c: &'a Listed, label: &str) -> Vec<&'a Raw> {
        c.rows.iter().filter(|r| r.0 == label).map(|r| &self.rosters[&r.1].rows[&r.2]).collect()
    }

    fn has(&self, label: &str) -> bool {
        self.files.contains_key(label)
    }

    /// Records that are on the register, as the states of JY/T 1001 say.
    fn active<'a>(&'a self, c: &'a Listed) -> Vec<&'a Raw> {
        let gone = ["流失", "辍学", "退学", "开除", "毕业", "结业", "转出", "死亡", "出国", "肄业", "下落不明"];
        self.rows(c, "学籍").into_iter().filter(|r| !gone.iter().any(|g| get(r, "学籍状态").contains(g))).collect()
    }

    /// Checks one sentence, clause by clause.
    fn check(&self, c: &Listed, seen: &mut BTreeMap<&'static str, usize>) {
        let (sentence, near) = match c.reason.split_once("最接近的一条是") {
            Some((s, n)) => (s, Some(n)),
            None => (c.reason.as_str(), None),
        };
        let mut rest = sentence.strip_suffix('。').unwrap_or_else(|| panic!("{}: {}", c.name, c.reason));
        while !rest.is_empty() {
            let (what, left) = self.clause(c, rest);
            *seen.entry(what).or_default() += 1;
            rest = left.strip_prefix(',').unwrap_or(left);
            assert!(rest.is_empty() || left.starts_with(','), "{}: “{left}” of {}", c.name, c.reason);
        }
        if let Some(near) = near {
            *seen.entry("最接近").or_default() += 1;
            self.near(c, near);
        }
    }

    /// Recognises the clause at the beginning, recomputes it, and gives what follows.
    fn clause<'t>(&self, c: &Listed, text: &'t str) -> (&'static str, &'t str) {
        let told = || format!("{}: {}\n{:?}", c.name, c.reason, c.rows);
        // a clause ends at a comma outside of brackets and quotes
        let mut depth = 0;
        let end = text
            .char_indices()
            .find(|(_, ch)| {
                match ch {
                    '(' | '“' => depth += 1,
                    ')' | '”' => depth -= 1,
                    _ => {}
                }
                *ch == ',' && depth == 0
            })
            .map_or(text.len(), |(i, _)| i);
        let (one, left) = text.split_at(end);
        let of_row = |label: &str, heading: &str| -> BTreeSet<String> {
            self.rows(c, label).iter().map(|r| get(r, heading).to_owned()).filter(|v| !v.is_empty()).collect()
        };
        let reason = |t: &str| t.split_once("(原因:").map(|(_, r)| r.strip_suffix(')').unwrap().to_owned());
        if let Some(labels) = one.strip_suffix("在册").filter(|l| !l.is_empty()) {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for (label, ..) in &c.rows {
                *counts.entry(label.clone()).or_default() += 1;
            }
            let said: BTreeMap<String, usize> = labels
                .split('、')
                .map(|l| match l.split_once('(') {
                    Some((l, n)) => (l.to_owned(), n.strip_suffix(" 条)").unwrap().parse().unwrap()),
                    None => (l.to_owned(), 1),
                })
                .collect();
            assert_eq!(said, counts, "{}", told());
            return ("在册", left);
        }
        if let Some(day) = one.strip_suffix(" 生") {
            let trust = ["户籍", "卫健出生", "学籍", "在校实名", "残联"];
            let ordered = trust.iter().flat_map(|l| self.rows(c, l)).chain(c.rows.iter().map(|r| &self.rosters[&r.1].rows[&r.2]));
            let (y, m, d) = ordered.into_iter().find_map(birth).unwrap_or_else(|| panic!("no birth date: {}", told()));
            assert_eq!(day, format!("{y:04}-{m:02}-{d:02}"), "{}", told());
            return ("生", left);
        }
        if let Some(labels) =
            ["名册均未见就读记录", "名册未见就读记录", "名册均未见此人", "名册未见此人"].iter().find_map(|e| one.strip_suffix(e))
        {
            for label in labels.split('、') {
                assert!(self.has(label), "{label} was not handed over: {}", told());
                assert!(self.rows(c, label).is_empty(), "{label} has a row: {}", told());
            }
            return ("未见", left);
        }
        if let Some(school) = one.strip_prefix('在').and_then(|t| t.strip_suffix("就读")) {
            assert!(self.active(c).iter().any(|r| get(r, "学校名称") == school), "{}", told());
            return ("就读", left);
        }
        match one {
            "本县户籍名册未见" => {
                assert!(self.has("户籍") && self.rows(c, "户籍").is_empty(), "{}", told());
                return ("无户籍", left);
            }
            "该校未交在校实名名册" | "未提供在校实名名册" => {
                let of_school: BTreeSet<String> = self.active(c).iter().map(|r| get(r, "学校名称").to_owned()).collect();
                if one.starts_with("未提供") {
                    assert!(!self.has("在校实名"), "{}", told());
                } else {
                    let roll = &self.rosters[&self.files["在校实名"]];
                    let there = roll.rows.values().any(|r| of_school.contains(get(r, "学校名称")));
                    assert!(!there && !of_school.is_empty(), "the school is on the roll: {}", told());
                }
                return ("未交", left);
            }
            "是否在校未核对" => return ("未核对", left),
            "学籍名册未见" => {
                assert!(self.rows(c, "学籍").is_empty(), "{}", told());
                return ("学籍未见", left);
            }
            "学籍名册没有在籍记录" => {
                assert!(!self.rows(c, "学籍").is_empty() && self.active(c).is_empty(), "{}", told());
                return ("学籍不在籍", left);
            }
            "未见安置方式" => {
                assert!(!self.rows(c, "残联").is_empty() && of_row("残联", "安置方式").is_empty(), "{}", told());
                return ("未安置", left);
            }
            "本学期证明待更新" => return ("待更新", left),
            "有一条相近的就读记录" => {
                let own = c.rows.iter().map(|r| (r.1.clone(), r.2.to_string()));
                assert!(own.into_iter().any(|r| self.undecided.contains(&r)), "{}", told());
                return ("相近", left);
            }
            "机器不能断定是否同一人" => return ("不能断定", left),
            _ => {}
        }
        if let Some(school) = one.strip_suffix("有此人") {
            let present = |r: &&&Raw| !get(r, "是否在校").starts_with('否');
            let there = self.rows(c, "在校实名");
            assert!(there.iter().filter(present).any(|r| get(r, "学校名称") == school), "{}", told());
            return ("在校", left);
        }
        if let Some(n) = one.strip_prefix("学籍名册有 ") {
            let (n, schools) = n.split_once(" 条在籍记录(").unwrap();
            let active = self.active(c);
            assert_eq!(n, active.len().to_string(), "{}", told());
            let said: BTreeSet<&str> = schools.strip_suffix(')').unwrap().split('、').collect();
            assert_eq!(said, active.iter().map(|r| get(r, "学校名称")).collect(), "{}", told());
            return ("双重", left);
        }
        if let Some(fields) = one.strip_prefix("学籍与户籍的").and_then(|t| t.strip_suffix("不一致")) {
            let (record, household) = (self.active(c), self.rows(c, "户籍"));
            let mut differ = BTreeSet::new();
            for h in &household {
                let r = record[0];
                if id(r) != id(h) && !id(r).is_empty() && !id(h).is_empty() {
                    differ.insert("身份证件号");
                }
                if birth(r) != birth(h) {
                    differ.insert("出生日期");
                }
                if get(r, "性别") != get(h, "性别") {
                    differ.insert("性别");
                }
            }
            assert_eq!(fields.split('、').collect::<BTreeSet<_>>(), differ, "{}", told());
            return ("不一致", left);
        }
        if one.starts_with("学校登记不在校") {
            let rows = self.rows(c, "在校实名");
            assert!(!rows.is_empty() && rows.iter().all(|r| get(r, "是否在校").starts_with('否')), "{}", told());
            if let Some(why) = reason(one) {
                assert!(of_row("在校实名", "不在校原因").contains(&why), "{}", told());
            }
            return ("不在校", left);
        }
        for (begin, label, heading) in [
            ("学籍状态为", "学籍", "学籍状态"),
            ("学籍就读方式为", "学籍", "就读方式"),
            ("户籍状态为", "户籍", "户籍状态"),
            ("残联登记安置方式为", "残联", "安置方式"),
            ("登记的安置方式为", "残联", "安置方式"),
            ("残疾类别", "残联", "残疾类型"),
            ("上年核实为", "上年核销", "核实结果"),
        ] {
            if let Some(values) = one.strip_prefix(begin) {
                let (said, raw) = (quoted(values), of_row(label, heading));
                assert!(!said.is_empty() && said.is_subset(&raw), "{said:?} of {raw:?}: {}", told());
                return (begin, left);
            }
        }
        if one.contains("延缓入学") {
            let (by, why) = one.split_once("延缓入学").unwrap();
            if let Some(by) = by.strip_prefix('经').and_then(|b| b.strip_suffix("批准")) {
                assert!(of_row("延缓入学", "批准单位").contains(by), "{}", told());
            }
            if let Some(why) = reason(why) {
                assert!(of_row("延缓入学", "延缓入学原因").contains(&why), "{}", told());
            }
            assert!(!self.rows(c, "延缓入学").is_empty());
            return ("延缓", left);
        }
        if one.starts_with("乡村振兴名册登记为失学辍学") {
            let rows = self.rows(c, "乡村振兴");
            assert!(rows.iter().any(|r| r.iter().any(|(h, v)| h.contains("失学") && v.starts_with('是'))), "{}", told());
            if let Some(why) = reason(one) {
                assert!(rows.iter().any(|r| r.values().any(|v| *v == why)), "{}", told());
            }
            return ("失学", left);
        }
        panic!("a clause that nobody recomputes: “{one}” of {}", told());
    }

    /// 学籍“许月彤”(学籍.xlsx第29行):姓名写法不同、出生日期差 11 年。
    fn near(&self, c: &Listed, near: &str) {
        let told = || format!("{}: 最接近的一条是{near}\n{:?}", c.name, c.rows);
        let (label, rest) = near.split_once('“').unwrap();
        let (named, rest) = rest.split_once("”(").unwrap();
        let (place, said) = rest.split_once("):").unwrap();
        let (file, row) = place.strip_suffix('行').unwrap().rsplit_once('第').unwrap();
        let row: usize = row.parse().unwrap();
        assert!(!c.rows.iter().any(|r| r.1 == file && r.2 == row), "it is the child's own row: {}", told());
        assert_eq!(self.files[label], file);
        let other = &self.rosters[file].rows[&row];
        assert_eq!(plain(named), plain(get(other, "姓名")), "{}", told());
        let own: Vec<&Raw> = c.rows.iter().map(|r| &self.rosters[&r.1].rows[&r.2]).collect();
        let differs = |of: &dyn Fn(&Raw) -> String| {
            let ours: Vec<String> = own.iter().map(|r| of(r)).filter(|v| !v.is_empty()).collect();
            let theirs = of(other);
            !theirs.is_empty() && !ours.is_empty() && !ours.contains(&theirs)
        };
        let mut expected = BTreeSet::new();
        let adult = |r: &Raw| {
            plain(if get(r, "监护人姓名").is_empty() { get(r, "母亲姓名") } else { get(r, "监护人姓名") })
        };
        for (what, is) in [
            ("姓名写法不同", differs(&name)),
            ("身份证件号不同", differs(&id)),
            ("性别不同", differs(&|r| get(r, "性别").to_owned())),
            ("家长不同", differs(&adult)),
            ("电话不同", differs(&|r| plain(get(r, "监护人电话")))),
        ] {
            if is {
                expected.insert(what.to_owned());
            }
        }
        let dates: Vec<i64> = own.iter().filter_map(|r| birth(r)).map(days).collect();
        if let Some(theirs) = birth(other).map(days)
            && let Some(least) = dates.iter().map(|d| (d - theirs).abs()).min().filter(|d| *d > 0)
        {
            expected.insert(match least {
                ..60 => format!("出生日期差 {least} 天"),
                60..730 => format!("出生日期差 {} 个月", least / 30),
                _ => format!("出生日期差 {} 年", least / 365),
            });
        }
        let said = said.strip_suffix('。').unwrap();
        let said: BTreeSet<String> = if said.starts_with("两条可比的内容没有不同") {
            BTreeSet::new()
        } else {
            said.split('、').map(str::to_owned).collect()
        };
        assert_eq!(said, expected, "{}", told());
        // closest: nobody else of exactly this name was born closer
        let least = |r: &Raw| birth(r).map(days).and_then(|d| dates.iter().map(|o| (o - d).abs()).min());
        let chosen = least(other);
        for label in ["学籍", "在校实名"].iter().filter(|l| self.has(l)) {
            let file = &self.files[*label];
            for (n, r) in self.rosters[file].rows.iter().filter(|(_, r)| plain(get(r, "姓名")) == plain(&c.name)) {
                let own = c.rows.iter().any(|x| x.1 == *file && x.2 == *n);
                if let (false, Some(d), Some(chosen)) = (own, least(r), chosen) {
                    assert!(d >= chosen, "{file} row {n} is closer: {}", told());
                }
            }
        }
    }
}

/// Compares some rosters and checks everything that is said; gives how often each clause was.
fn said_of(folder: &Path, rosters: &[&str]) -> BTreeMap<&'static str, usize> {
    let _ = std::fs::remove_dir_all(folder.join("o"));
    let fixed = ["--school-year", "2023", "--today", "2023-10-08", "--unit", "青禾县", "--out", "o"];
    baoxue(folder, &[&["compare"], rosters, &fixed[..]].concat());
    let all = children(folder);
    let mut files = BTreeMap::new();
    for c in &all {
        for (label, file, _) in &c.rows {
            files.insert(label.clone(), file.clone());
        }
    }
    let read = |file: &str| {
        let path = rosters.iter().find(|r| Path::new(r).file_name().unwrap().to_str() == Some(file)).unwrap();
        Roster::read(&folder.join(path))
    };
    let rosters: BTreeMap<String, Roster> = files.values().map(|f| (f.clone(), read(f))).collect();
    let mut undecided = BTreeSet::new();
    if let Ok(bytes) = std::fs::read(folder.join("o/review.xlsx")) {
        for sheet in baoxue_documents::read::read("review.xlsx", bytes).unwrap_or_default() {
            for r in 0..sheet.height() {
                for cell in sheet.row(r) {
                    if let Some((file, row)) = cell.text.strip_suffix('行').and_then(|t| t.rsplit_once('第')) {
                        undecided.insert((file.to_owned(), row.to_owned()));
                    }
                }
            }
        }
    }
    let county = County { rosters, files, undecided };
    let mut seen = BTreeMap::new();
    all.iter().for_each(|c| county.check(c, &mut seen));
    let stated: BTreeSet<&str> = all.iter().map(|c| c.reason.as_str()).collect();
    assert!(all.len() > 10_000 && stated.len() > 1_000, "{} children", all.len());
    seen
}

#[test]
fn every_clause_of_every_reason_is_a_fact() {
    let f = tempfile::tempdir().unwrap();
    baoxue(f.path(), &["demo-data", "--pupils", "15000", "--out", "r"]);
    let mut rosters: Vec<String> = std::fs::read_dir(f.path().join("r"))
        .unwrap()
        .filter_map(|e| e.ok().filter(|e| e.path().is_file()))
        .map(|e| format!("r/{}", e.file_name().to_string_lossy()))
        .collect();
    rosters.sort();
    let all: Vec<&str> = rosters.iter().map(String::as_str).collect();
    let seen = said_of(f.path(), &all);
    for clause in ["在册", "生", "未见", "就读", "无户籍", "在校", "双重", "不一致", "户籍状态为", "上年核实为", "最接近"]
    {
        assert!(seen.contains_key(clause), "the demo county has no “{clause}”: {seen:?}");
    }
    // one school hands over no roll, and then nobody does
    let roll = sheets(&f.path().join("r/在校实名.xlsx")).remove(0);
    let mut csv = csv::WriterBuilder::new().flexible(true).from_path(f.path().join("r/在校实名.csv")).unwrap();
    let without = "柳林中心小学";
    for r in 0..roll.height() {
        let cells: Vec<&str> = roll.row(r).map(|c| c.text).collect();
        if !cells.contains(&without) {
            csv.write_record(cells).unwrap();
        }
    }
    csv.flush().unwrap();
    let some: Vec<&str> = all.iter().map(|r| if *r == "r/在校实名.xlsx" { "r/在校实名.csv" } else { r }).collect();
    let seen = said_of(f.path(), &some);
    assert!(seen.contains_key("未交"), "{seen:?}");
    let none: Vec<&str> = all.iter().copied().filter(|r| *r != "r/在校实名.xlsx").collect();
    let seen = said_of(f.path(), &none);
    assert!(seen["未交"] > 10_000, "{seen:?}");
}
