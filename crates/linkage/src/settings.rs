//! Settings of a run: columns, blocking rules, thresholds; read from TOML or inferred from headings.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::compare::MAX_COMPARISONS;
use crate::field::Kind;

/// Most rules a run may have: the number of a rule is kept in one byte.
const MAX_RULES: usize = 64;
/// Most different keys of all rules: in which of them two rows agree is kept in 32 bits.
const MAX_PARTS: usize = 32;

/// 比对设置 (settings of a run).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// Column with the record id; without one, rows are numbered from 1.
    pub id: Option<String>,
    /// Whether people's decisions teach the weights. Only where it is asked for: weights must not change because somebody reviewed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retrain: bool,
    /// Columns that are evidence.
    #[serde(rename = "column")]
    pub columns: Vec<ColumnSettings>,
    /// Which pairs are looked at.
    pub blocking: Blocking,
    /// Where the program decides by itself.
    pub thresholds: Thresholds,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnSettings {
    /// Its name in rules and in results, and usually its heading.
    pub name: String,
    /// How it is read and compared.
    pub kind: Kind,
    /// Other headings under which sources carry it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// Headings of a column with former names (曾用名), for names only: a row is also looked for under its former name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// Whether brothers and sisters share its value (guardian, telephone, address).
    pub household: bool,
}

impl ColumnSettings {
    /// The headings to look for, in order.
    pub fn headings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.headings.iter().map(String::as_str))
    }
}

/// Blocking rules, as texts like `name.pinyin + dob`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocking {
    /// Applied to all records; their pairs are also what EM learns from.
    pub sharp: Vec<String>,
    /// Applied where at least one side is still unsettled after the sharp ones.
    pub broad: Vec<String>,
    /// Applied between rows that both found nobody: these are few, so the rules may be very broad.
    pub last: Vec<String>,
    /// A block that would give more pairs is split by further columns; what is still larger is left out and reported.
    pub max_block_pairs: u64,
    /// With twice so many rows (four, eight times …) EM learns of the rows that the first rule leaves no doubt of from one block in two (four, eight …).
    pub sample_above: u64,
}

/// Probabilities between which a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thresholds {
    /// At or above: linked.
    pub accept: f64,
    /// At or above, and below `accept`: for a person. Below: not linked.
    pub review: f64,
    /// Share of rows that may be put before a person; the least likely pairs are left out first.
    pub max_review_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { accept: 0.6, review: 0.3, max_review_share: 0.008 }
    }
}

/// A default that keeps one block below half a second's work.
const MAX_BLOCK_PAIRS: u64 = 100_000;

/// Rows of which every pair is worth learning from.
const SAMPLE_ABOVE: u64 = 1 << 16;

/// What is wrong with settings, where, and how to mend it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("设置文件第 {line} 行:{problem}。{mend}")]
pub struct SettingsError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub mend: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    id: Option<String>,
    #[serde(default)]
    retrain: bool,
    #[serde(default)]
    column: Vec<RawColumn>,
    #[serde(default)]
    blocking: RawBlocking,
    #[serde(default)]
    thresholds: RawThresholds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    name: Spanned<String>,
    kind: Spanned<String>,
    #[serde(default)]
    headings: Vec<String>,
    #[serde(default)]
    former: Vec<Spanned<String>>,
    household: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawBlocking {
    sharp: Option<Vec<Spanned<String>>>,
    broad: Option<Vec<Spanned<String>>>,
    last: Option<Vec<Spanned<String>>>,
    max_block_pairs: Option<u64>,
    sample_above: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawThresholds {
    accept: Option<Spanned<f64>>,
    review: Option<Spanned<f64>>,
    max_review_share: Option<Spanned<f64>>,
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text[..span.start.min(text.len())].bytes().filter(|b| *b == b'\n').count() + 1
}

impl Settings {
    /// Reads settings. Every error names its line and the way to mend it.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let fail =
            |span: Range<usize>, problem: String, mend: String| SettingsError { line: line_of(text, &span), problem, mend };
        let raw: RawSettings = toml::from_str(text).map_err(|e| {
            let message = e.message().to_owned();
            let mend = if message.contains("unknown field") {
                "请删去或改正这个名字;可用的名字在文中列出(unknown field 后为写错的名字,expected 后为可用的名字)".to_owned()
            } else if message.contains("missing field") {
                "请补上缺少的一项".to_owned()
            } else {
                "请对照 TOML 写法改正,例如 name = \"xm\"".to_owned()
            };
            fail(e.span().unwrap_or(0..0), format!("无法读懂({message})"), mend)
        })?;
        let mut columns: Vec<ColumnSettings> = Vec::new();
        for c in raw.column {
            let kind = Kind::ALL.iter().find(|(_, s)| s == c.kind.get_ref()).map(|(k, _)| *k).ok_or_else(|| {
                fail(
                    c.kind.span(),
                    format!("列种类“{}”不存在", c.kind.get_ref()),
                    format!("请改为其中之一:{}", Kind::ALL.map(|(_, s)| s).join("、")),
                )
            })?;
            let name = c.name.get_ref().clone();
            if name.is_empty() || name.contains(['+', '.']) {
                return Err(fail(
                    c.name.span(),
                    format!("列名“{name}”不能用"),
                    "列名不能为空,也不能含“+”或“.”;可以另取名字,把原表头写入 headings".into(),
                ));
            }
            if columns.iter().any(|x| x.name == name) {
                return Err(fail(c.name.span(), format!("列“{name}”写了两次"), "请删去其中一处".into()));
            }
            let household = c.household.unwrap_or_else(|| shared_by_household(kind, &name));
            if let Some(former) = c.former.first()
                && kind != Kind::PersonName
            {
                return Err(fail(
                    former.span(),
                    format!("列“{name}”不是姓名,不能写 former"),
                    "请只在 kind = \"person-name\" 的列写 former".into(),
                ));
            }
            let former = c.former.into_iter().map(Spanned::into_inner).collect();
            columns.push(ColumnSettings { name, kind, headings: c.headings, former, household });
        }
        if columns.is_empty() {
            return Err(fail(0..0, "没有写任何列".into(), "请至少写一个 [[column]],给出 name 和 kind".into()));
        }
        if columns.len() > MAX_COMPARISONS {
            return Err(fail(
                0..0,
                format!("写了 {} 列", columns.len()),
                format!("最多 {MAX_COMPARISONS} 列,请只留能分辨人的列"),
            ));
        }
        let b = &raw.blocking;
        for rule in [&b.sharp, &b.broad, &b.last].into_iter().flatten().flatten() {
            rule_parts(rule.get_ref(), &columns).map_err(|(problem, mend)| fail(rule.span(), problem, mend))?;
        }
        let share = |v: &Option<Spanned<f64>>, default: f64| match v {
            Some(v) if !(0.0..=1.0).contains(v.get_ref()) => {
                Err(fail(v.span(), format!("数值 {} 不在 0 与 1 之间", v.get_ref()), "请写 0 到 1 之间的小数".into()))
            }
            Some(v) => Ok(*v.get_ref()),
            None => Ok(default),
        };
        let default = Thresholds::default();
        let thresholds = Thresholds {
            accept: share(&raw.thresholds.accept, default.accept)?,
            review: share(
                &raw.thresholds.review,
                default.review.min(raw.thresholds.accept.as_ref().map_or(1.0, |a| *a.get_ref())),
            )?,
            max_review_share: share(&raw.thresholds.max_review_share, default.max_review_share)?,
        };
        if thresholds.review > thresholds.accept {
            let span = raw.thresholds.review.map_or(0..0, |r| r.span());
            return Err(fail(
                span,
                format!("review({})大于 accept({})", thresholds.review, thresholds.accept),
                "请让 review 不大于 accept".into(),
            ));
        }
        let default = default_blocking(&columns);
        let texts =
            |v: Option<Vec<Spanned<String>>>, d: Vec<String>| v.map_or(d, |v| v.into_iter().map(Spanned::into_inner).collect());
        let blocking = Blocking {
            sharp: texts(raw.blocking.sharp, default.sharp),
            broad: texts(raw.blocking.broad, default.broad),
            last: texts(raw.blocking.last, default.last),
            max_block_pairs: raw.blocking.max_block_pairs.unwrap_or(MAX_BLOCK_PAIRS),
            sample_above: raw.blocking.sample_above.unwrap_or(SAMPLE_ABOVE),
        };
        if blocking.sharp.is_empty() {
            return Err(fail(0..0, "没有分块规则".into(), "请在 [blocking] 的 sharp 中写至少一条,例如 \"id_no\"".into()));
        }
        let rules = || blocking.sharp.iter().chain(&blocking.broad).chain(&blocking.last);
        if rules().count() > MAX_RULES {
            return Err(fail(0..0, "分块规则太多".into(), format!("sharp、broad 与 last 合计不超过 {MAX_RULES} 条")));
        }
        let parts: BTreeSet<_> = rules().flat_map(|r| rule_parts(r, &columns).unwrap_or_default()).collect();
        if parts.len() > MAX_PARTS {
            let mend = format!("各规则用到的键(如 dob.year)合计不超过 {MAX_PARTS} 种");
            return Err(fail(0..0, "分块规则用到的键太多".into(), mend));
        }
        Ok(Self { id: raw.id, columns, blocking, thresholds, retrain: raw.retrain })
    }

    /// The settings as a file that [`Settings::parse`] reads back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Settings for columns, with the rules and thresholds that fit them.
    pub fn for_columns(id: Option<String>, columns: Vec<ColumnSettings>) -> Self {
        let blocking = default_blocking(&columns);
        Self { id, columns, blocking, thresholds: Thresholds::default(), retrain: false }
    }
}

/// A part of a rule: a column and the key of it.
pub(crate) fn rule_parts(rule: &str, columns: &[ColumnSettings]) -> Result<Vec<(usize, &'static str)>, (String, String)> {
    let mut parts = Vec::new();
    for part in rule.split('+') {
        let (name, key) = part.trim().split_once('.').unwrap_or((part.trim(), ""));
        let Some(i) = columns.iter().position(|c| c.name == name) else {
            let known: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
            return Err((format!("分块规则“{rule}”用到的列“{name}”没有定义"), format!("可用的列:{}", known.join("、"))));
        };
        let keys = columns[i].kind.key_parts();
        let key = if key.is_empty() {
            ""
        } else {
            keys.iter().find(|k| **k == key).copied().ok_or_else(|| {
                let mend = if keys.is_empty() {
                    format!("请只写“{name}”")
                } else {
                    format!("“{name}”后可写:{}", keys.join("、"))
                };
                (format!("分块规则“{rule}”中“{name}”没有键“{key}”"), mend)
            })?
        };
        parts.push((i, key));
    }
    Ok(parts)
}

fn shared_by_household(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Phone | Kind::Address | Kind::PlaceCode => true,
        Kind::PersonName | Kind::NationalId => {
            let n = name.to_lowercase();
            ["guardian", "parent", "father", "mother", "head", "监护", "家长", "父", "母", "户主"].iter().any(|w| n.contains(w))
        }
        Kind::Date | Kind::Sex | Kind::Text | Kind::Exact => false,
    }
}

/// Rules that fit the kinds of columns at hand, sharpest first.
fn default_blocking(columns: &[ColumnSettings]) -> Blocking {
    let find = |kind: Kind, household: bool| {
        columns.iter().find(|c| c.kind == kind && c.household == household).map(|c| c.name.as_str())
    };
    let of = |part: &str| -> Option<String> {
        let (what, key) = part.split_once('.').map_or((part, ""), |(w, k)| (w, k));
        let name = match what {
            "id" => find(Kind::NationalId, false),
            "name" => find(Kind::PersonName, false),
            "birth" => find(Kind::Date, false),
            "sex" => find(Kind::Sex, false),
            "phone" => find(Kind::Phone, true).or_else(|| find(Kind::Phone, false)),
            "guardian" => find(Kind::PersonName, true),
            "place" => find(Kind::PlaceCode, true).or_else(|| find(Kind::PlaceCode, false)),
            "address" => find(Kind::Address, true).or_else(|| find(Kind::Address, false)),
            _ => None,
        }?;
        Some(if key.is_empty() { name.to_owned() } else { format!("{name}.{key}") })
    };
    let rules = |wanted: &[&[&str]]| -> Vec<String> {
        wanted.iter().filter_map(|parts| parts.iter().map(|p| of(p)).collect::<Option<Vec<_>>>().map(|p| p.join(" + "))).collect()
    };
    let mut sharp = rules(&[
        &["id"],
        &["name.pinyin", "birth"],
        &["birth", "phone"],
        &["birth", "guardian.pinyin"],
        &["name.pinyin", "phone"],
        &["name.pinyin", "guardian.pinyin"],
        &["name.pinyin", "place.town"],
        &["phone"],
    ]);
    let broad = rules(&[
        &["birth", "place.town"],
        &["birth", "name.first", "sex"],
        &["address"],
        &["guardian.pinyin", "place.town"],
        &["guardian.pinyin", "address.village"],
        &["name.pinyin", "birth.year"],
        &["name.pinyin", "address.village"],
        &["name.first", "birth.month", "sex", "place.county"],
    ]);
    let last = rules(&[
        &["birth"],
        &["name.pinyin"],
        &["guardian.pinyin"],
        &["phone"],
        &["address"],
        &["id.head"],
        &["id.tail"],
        &["id.ends"],
        &["name.first", "birth.year", "sex"],
        &["name.first", "place.town"],
        &["address.village", "birth.year"],
    ]);
    // whatever else identifies: sources without any of the usual columns
    for c in columns.iter().filter(|c| matches!(c.kind, Kind::Exact | Kind::Text) && !c.household) {
        if sharp.len() < 2 {
            sharp.push(c.name.clone());
        }
    }
    if sharp.is_empty() {
        sharp = columns.iter().map(|c| c.name.clone()).collect();
    }
    Blocking { sharp, broad, last, max_block_pairs: MAX_BLOCK_PAIRS, sample_above: SAMPLE_ABOVE }
}

/// Headings by which a column's kind is guessed: the kind, whether the household shares it, and words of which one is the heading.
const KNOWN: &[(Kind, bool, &[&str])] = &[
    (
        Kind::NationalId,
        false,
        &[
            "id_no",
            "idno",
            "national_id",
            "id_number",
            "citizen_id",
            "身份证",
            "身份证号",
            "身份证件号",
            "公民身份号码",
            "身份证号码",
            "证件号码",
            "证件号",
        ],
    ),
    (Kind::PersonName, false, &["name", "full_name", "child_name", "student_name", "姓名", "学生姓名", "儿童姓名", "孩子姓名"]),
    (Kind::Sex, false, &["sex", "gender", "性别"]),
    (Kind::Date, false, &["dob", "birth_date", "birthdate", "date_of_birth", "birthday", "出生日期", "出生年月", "出生年月日"]),
    (
        Kind::PersonName,
        true,
        &[
            "guardian",
            "guardian_name",
            "parent",
            "parent_name",
            "监护人",
            "监护人姓名",
            "家长姓名",
            "户主姓名",
            "母亲姓名",
            "父亲姓名",
        ],
    ),
    (
        Kind::Phone,
        true,
        &["phone", "mobile", "telephone", "tel", "phone_no", "联系电话", "电话", "手机", "手机号", "监护人电话", "家长电话"],
    ),
    (Kind::PlaceCode, true, &["area_code", "place_code", "region_code", "行政区划代码", "地区代码", "户籍地代码", "区划代码"]),
    (Kind::Address, true, &["address", "addr", "home_address", "地址", "住址", "现住址", "家庭住址", "家庭地址", "户籍地址"]),
];

/// Headings of former names, which belong to the first name of a child.
const KNOWN_FORMER: &[&str] = &["former_name", "previous_name", "曾用名"];

/// Headings of record ids.
const KNOWN_IDS: &[&str] = &["rec_id", "record_id", "row_id", "unique_id", "id", "编号", "序号", "记录编号"];

/// Settings for sources with these headings: columns by their known names, in every source under whichever name it has.
/// `None` when no column is recognised.
pub fn infer(sources: &[Vec<String>]) -> Option<Settings> {
    let norm = |h: &str| h.trim().to_lowercase().replace([' ', '-'], "_");
    let has = |source: &Vec<String>, words: &[&str]| source.iter().find(|h| words.contains(&norm(h).as_str())).cloned();
    let found = |words: &[&str]| {
        let mut found: Vec<String> = Vec::new();
        for h in sources.iter().filter_map(|s| has(s, words)) {
            if !found.contains(&h) {
                found.push(h);
            }
        }
        found
    };
    let mut columns = Vec::new();
    for (kind, household, words) in KNOWN {
        if let Some((first, rest)) = found(words).split_first() {
            let former = if *kind == Kind::PersonName && !household { found(KNOWN_FORMER) } else { Vec::new() };
            columns.push(ColumnSettings {
                name: first.clone(),
                kind: *kind,
                headings: rest.to_vec(),
                former,
                household: *household,
            });
        }
    }
    if columns.is_empty() {
        return None;
    }
    let id =
        KNOWN_IDS.iter().find(|w| sources.iter().all(|s| s.iter().any(|h| norm(h) == **w))).and_then(|w| has(&sources[0], &[w]));
    Some(Settings::for_columns(id, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "rec_id"
[[column]]
name = "id_no"
kind = "national-id"
[[column]]
name = "dob"
kind = "date"
[blocking]
sharp = ["id_no", "dob.year + id_no"]
[thresholds]
accept = 0.8
"#;

    fn check(from: &str, to: &str, line: usize, says: &str) {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        let e = Settings::parse(&text).unwrap_err();
        assert_eq!(e.line, line, "{e}");
        assert!(e.to_string().contains(says), "{e}");
    }

    #[test]
    fn errors_name_line_and_fix() {
        assert!(Settings::parse(GOOD).is_ok());
        check("national-id", "nationalid", 5, "national-id、person-name");
        check("dob.year", "dob.decade", 10, "year、month");
        check("\"id_no\", \"dob", "\"id_card\", \"dob", 10, "id_no、dob");
        check("0.8", "80.0", 12, "0 与 1");
        check("0.8", "0.8\nreview = 0.9", 13, "不大于 accept");
        check("accept", "acept", 12, "unknown field");
        check("kind = \"date\"", "kind = ", 8, "TOML");
        check("name = \"dob\"", "name = \"id_no\"", 7, "两次");
        check("kind = \"date\"", "kind = \"date\"\nformer = [\"曾用名\"]", 9, "不是姓名");
    }

    #[test]
    fn inferred_settings_read_back() {
        let heads = |s: &str| s.split(',').map(str::to_owned).collect::<Vec<_>>();
        let s = infer(&[
            heads("rec_id,person_id,id_no,name,sex,dob,guardian,phone,area_code,address,note"),
            heads("rec_id,姓名,id_no,曾用名"),
        ])
        .unwrap();
        assert_eq!(s.id.as_deref(), Some("rec_id"));
        assert_eq!(s.columns.len(), 8);
        assert_eq!(s.columns[1].headings, ["姓名"]);
        assert_eq!(s.columns[1].former, ["曾用名"]);
        assert_eq!(Settings::parse(&s.to_toml()).unwrap(), s);
        assert!(infer(&[heads("a,b")]).is_none());
    }
}
