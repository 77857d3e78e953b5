//! 比对说明 (diagnostics of a run): one page that explains it, without anything from outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use askama::Template;
use baoxue_linkage::{CappedBlock, Explanation, LatentClass, Link, Linkage, Model, Table};

use super::reviewed;
use super::reviewed::Judged;
use super::{AbsentFrom, Outcome};

/// Pairs explained of each kind.
const EXAMPLES: usize = 8;
/// Patterns listed.
const PATTERNS: usize = 30;
/// Children with the most rows.
const LARGEST: usize = 12;

/// A page by itself.
#[derive(Template)]
#[template(path = "comparison/link_report.html")]
struct Page {
    title: String,
    version: &'static str,
    seconds: String,
    body: String,
    judged: Vec<JudgedLine>,
}

/// What a page of any look holds.
#[derive(Template)]
#[template(path = "comparison/link_report_body.html")]
struct Body<'a> {
    sources: Vec<(&'a str, usize, usize, String)>,
    links: usize,
    precision: String,
    review: usize,
    clusters: usize,
    remarks: Vec<String>,
    distribution: String,
    thresholds: Vec<(String, usize, String, String, String)>,
    rules: Vec<(String, &'static str, u64, usize, usize)>,
    capped: &'a [CappedBlock],
    models: Vec<OfModel>,
    patterns: Vec<(String, usize, usize, String)>,
    comparisons: String,
    examples: Vec<(String, String)>,
    sizes: Vec<(usize, usize)>,
    largest: Vec<(String, Vec<(&'a str, &'a str)>)>,
}

struct OfModel {
    title: String,
    classes: String,
    chart: String,
}

/// What people found in a band of probability.
pub struct JudgedLine {
    pub band: String,
    pub decided: usize,
    pub same: String,
    pub range: String,
    pub expected: String,
}

/// By what people decided.
pub fn judged_lines(judged: &[Judged]) -> Vec<JudgedLine> {
    let line = |b: reviewed::Band| {
        let (low, high) = reviewed::range(b.same, b.decided);
        JudgedLine {
            band: format!("{} – {}", b.from, b.to),
            decided: b.decided,
            same: format!("{:.0}%", 100.0 * b.same as f64 / b.decided as f64),
            range: format!("{:.0}% – {:.0}%", 100.0 * low, 100.0 * high),
            expected: format!("{:.0}%", 100.0 * b.expected),
        }
    };
    reviewed::reliability(judged).into_iter().map(line).collect()
}

/// A run, to be explained.
pub struct OfRun<'a> {
    pub linkage: &'a Linkage,
    /// What the sources are called.
    pub names: &'a [&'a str],
    pub sharp_rules: usize,
    /// Who is on the first source and not on another, where that was asked.
    pub absent: &'a [AbsentFrom],
    /// Where rows are to be named by their record ids.
    pub tables: Option<&'a [Table]>,
}

impl OfRun<'_> {
    /// The piece of a page that explains the run.
    pub fn body(&self) -> anyhow::Result<String> {
        let l = self.linkage;
        let rows = &l.counts.rows;
        let body = Body {
            remarks: [
                super::without_rows(self.linkage, self.names),
                self.absent.iter().map(|a| a.sentence(self.names)).collect(),
            ]
            .concat(),
            sources: (0..rows.len())
                .map(|i| (self.names[i], rows[i], l.unmatched[i].len(), expected(l.unmatched_precision[i], l.unmatched[i].len())))
                .collect(),
            links: l.links.len(),
            precision: expected(l.estimated_precision, l.links.len()),
            review: l.review.len(),
            clusters: l.clusters.len(),
            distribution: distribution(l),
            thresholds: thresholds(l),
            rules: rules(l, self.sharp_rules),
            capped: &l.capped,
            models: self.models(),
            patterns: patterns(l),
            comparisons: l.comparisons.iter().map(|(name, _)| column_name(name)).collect::<Vec<_>>().join("、"),
            examples: self.examples(),
            sizes: sizes(l),
            largest: self.tables.map_or_else(Vec::new, |tables| largest(l, tables)),
        };
        body.render().context("比对说明")
    }
}

/// Writes the page of `link`.
pub fn write(path: &Path, outcome: &Outcome, tables: &[Table]) -> anyhow::Result<()> {
    let seconds: f64 = outcome.timings.iter().map(|t| t.seconds).sum();
    let names: Vec<&str> = outcome.table_names.iter().map(String::as_str).collect();
    let sharp_rules = outcome.settings.blocking.sharp.len();
    let of = OfRun { linkage: &outcome.linkage, names: &names, sharp_rules, absent: &outcome.absent, tables: Some(tables) };
    let page = Page {
        title: outcome.table_names.join(" × "),
        version: env!("CARGO_PKG_VERSION"),
        seconds: format!("{seconds:.1}"),
        body: of.body()?,
        judged: judged_lines(&outcome.said.judged),
    };
    let place = || format!("无法写入 {}", path.display());
    std::fs::write(path, page.render().with_context(place)?).with_context(place)
}

/// An expected share of `n`, in words that nobody has to doubt: of nothing there is none, and none is certain.
pub fn expected(share: f64, n: usize) -> String {
    match share {
        _ if n == 0 => "—".into(),
        s if s >= 0.99995 => "高于 99.99%".into(),
        s => format!("{:.2}%", s * 100.0),
    }
}

fn escaped(s: &str) -> String {
    s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Bands of probability, the last ones narrow: that is where links lie.
const BANDS: [f64; 11] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999];

fn distribution(l: &Linkage) -> String {
    let mut counts = [(0usize, 0usize); BANDS.len() + 1];
    let band = |p: f64| BANDS.partition_point(|b| *b <= p);
    l.links.iter().for_each(|x| counts[band(x.probability)].0 += 1);
    l.review.iter().for_each(|x| counts[band(x.probability)].1 += 1);
    let label = |i: usize| match i {
        0 => format!("< {}", BANDS[0]),
        i if i == BANDS.len() => format!("≥ {}", BANDS[i - 1]),
        i => format!("{} – {}", BANDS[i - 1], BANDS[i]),
    };
    // counts differ by orders of magnitude: bars by their logarithm
    let length = |n: usize| if n == 0 { 0.0 } else { 20.0 + 60.0 * (n as f64).log10() };
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\"><svg role=\"img\" aria-label=\"概率分布\" width=\"720\" height=\"{}\">",
        counts.len() * 22 + 6
    );
    for (i, (links, review)) in counts.iter().enumerate().rev() {
        let y = (counts.len() - 1 - i) * 22;
        let (class, n, what) = if *review > *links { ("against", *review, "待认定") } else { ("for", *links, "匹配") };
        let both = if *review > 0 && *links > 0 { format!("匹配 {links},待认定 {review}") } else { format!("{what} {n}") };
        let width = length(n);
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{}\">{}</text><rect class=\"{class}\" x=\"120\" y=\"{}\" width=\"{width:.0}\" height=\"14\"/><text x=\"{:.0}\" y=\"{}\">{both}</text>",
            y + 14,
            escaped(&label(i)),
            y + 3,
            126.0 + width,
            y + 14
        );
    }
    out + "</svg></div>"
}

fn thresholds(l: &Linkage) -> Vec<(String, usize, String, String, String)> {
    let mut all: Vec<f64> = l.links.iter().chain(&l.review).map(|x| x.probability).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    let row = |t: f64| {
        let n = all.partition_point(|p| *p >= t);
        let right: f64 = all[..n].iter().sum();
        let missed = all[n..].iter().sum::<f64>().max(0.0);
        let precision = if n == 0 { 1.0 } else { right / n as f64 };
        (format!("{t}"), n, expected(precision, n), format!("{:.0}", n as f64 - right), format!("{missed:.0}"))
    };
    [0.3, 0.5, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999].map(row).to_vec()
}

fn rules(l: &Linkage, broad: usize) -> Vec<(String, &'static str, u64, usize, usize)> {
    let mut found = vec![(0, 0); l.rules.len()];
    l.links.iter().filter_map(|x| x.rule).for_each(|r| found[usize::from(r)].0 += 1);
    l.review.iter().filter_map(|x| x.rule).for_each(|r| found[usize::from(r)].1 += 1);
    let stage = |i: usize| match i {
        i if i < broad => "所有记录",
        i if i < l.first_of_last => "尚未定的记录",
        _ => "落单的记录",
    };
    l.rules
        .iter()
        .enumerate()
        .map(|(i, r)| (rule_name(r), stage(i), l.counts.compared_by_rule[i], found[i].0, found[i].1))
        .collect()
}

/// A rule as people say it: `name.pinyin + birth` is 姓名读音 + 出生日期.
fn rule_name(rule: &str) -> String {
    let part = |p: &str| match p.split_once('.') {
        Some((column, key)) => {
            let what = match key {
                "pinyin" => "读音",
                "first" => "首字",
                "year" => "(年)",
                "month" => "(年月)",
                "town" => "(乡镇)",
                "county" => "(县)",
                "village" => "(村)",
                "head" => "前段",
                "tail" => "后段",
                "ends" => "两端",
                other => return format!("{}.{other}", column_name(column)),
            };
            format!("{}{what}", column_name(column))
        }
        None => column_name(p).to_owned(),
    };
    rule.split(" + ").map(part).collect::<Vec<_>>().join(" + ")
}

/// A column of the office's comparison in the words of officials; columns of people's own files keep their headings.
fn column_name(name: &str) -> &str {
    match name {
        "id" => "证件号码",
        "name" => "姓名",
        "sex" => "性别",
        "birth" => "出生日期",
        "guardian" => "监护人",
        "phone" => "电话",
        "place" => "住址",
        "address" => "地址",
        other => other,
    }
}

/// A level in the words of officials.
fn level_name(label: &'static str) -> &'static str {
    match label {
        "same" => "相同",
        "one-error" => "错一位",
        "two-errors" => "错两位",
        "same-birth-and-area" => "地区和生日相同",
        "different-unsound" => "不同,有一方校验不符",
        "different" => "不同",
        "homophone" => "同音",
        "look-alike" => "形近",
        "one-character" => "差一字",
        "cut-short" => "截短",
        "reordered" => "字序不同",
        "same-surname" => "同姓",
        "one-digit" => "差一位数",
        "day-month-swapped" => "月日颠倒",
        "lunar" => "农历公历",
        "year-only" => "只有年份",
        "within-a-month" => "相差一月内",
        "same-year" => "同年",
        "same-door" => "同门牌",
        "same-village" => "同村",
        "same-town" => "同乡镇",
        "same-county" => "同县",
        "close" => "很像",
        "similar" => "相像",
        other => other,
    }
}

fn class_name(class: LatentClass) -> &'static str {
    match class {
        LatentClass::Careful => "同一人(登记仔细)",
        LatentClass::Careless => "同一人(登记粗疏)",
        LatentClass::Twin => "双胞胎",
        LatentClass::Sibling => "兄弟姐妹",
        LatentClass::Namesake => "同名的人",
    }
}

/// Models shown: those of the sources that have the most children in common.
const MODELS: usize = 12;

impl OfRun<'_> {
    fn models(&self) -> Vec<OfModel> {
        let all = |models: &'_ [Model], which: &'static str| -> Vec<OfModel> {
            let mut of: Vec<&Model> = models.iter().collect();
            of.sort_by(|a, b| b.same_pairs().total_cmp(&a.same_pairs()).then(a.pair.cmp(&b.pair)));
            of.truncate(MODELS);
            of.into_iter().map(|m| self.of_model(m, which)).collect()
        };
        let mut out = all(&self.linkage.models, "");
        out.extend(all(&self.linkage.left_over_models, ",落单的记录"));
        out
    }

    fn of_model(&self, m: &Model, which: &str) -> OfModel {
        let classes: Vec<String> = m.class_pairs.iter().map(|(c, n)| format!("{} {n:.0} 对", class_name(*c))).collect();
        let name = |s: u16| self.names[usize::from(s)];
        OfModel {
            title: format!("{} × {}{which}", name(m.pair.0), name(m.pair.1)),
            classes: format!("共 {:.0} 对记录,预计其中:{}。任意两行的起点是 {:.1}。", m.all_pairs, classes.join(","), m.prior()),
            chart: weights_chart(m),
        }
    }

    fn examples(&self) -> Vec<(String, String)> {
        let l = self.linkage;
        let mut weakest: Vec<&Link> = l.links.iter().filter(|x| x.rule.is_some()).collect();
        weakest.sort_by(|a, b| a.probability.total_cmp(&b.probability).then(a.left.cmp(&b.left)).then(a.right.cmp(&b.right)));
        weakest.truncate(EXAMPLES);
        let of = |x: &Link, what: &str| {
            let side = |m: baoxue_linkage::Member| match self.tables {
                Some(tables) => {
                    format!("{} {}", self.names[usize::from(m.source)], tables[usize::from(m.source)].id(m.row as usize))
                }
                None => self.names[usize::from(m.source)].to_owned(),
            };
            let title = format!("{} ↔ {}:{what},概率 {:.3}", side(x.left), side(x.right), x.probability);
            Some((title, waterfall(&l.explain(x)?, x.weight.into())))
        };
        let review = l.review.iter().take(EXAMPLES).filter_map(|x| of(x, "待认定"));
        weakest.iter().filter_map(|x| of(x, "匹配")).chain(review).collect()
    }
}

/// Half the width of a chart of weights, and pixels a unit (bit).
const HALF: f64 = 220.0;
const BIT: f64 = 8.0;

fn weights_chart(m: &Model) -> String {
    let rows: usize = m.comparisons.iter().map(|(_, levels)| levels.len() + 1).sum();
    let middle = 230.0 + HALF;
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\"><svg role=\"img\" aria-label=\"证据轻重\" width=\"{:.0}\" height=\"{}\"><line x1=\"{middle}\" x2=\"{middle}\" y1=\"0\" y2=\"{}\"/>",
        middle + HALF + 60.0,
        rows * 18,
        rows * 18
    );
    let mut y = 0;
    for (i, (name, levels)) in m.comparisons.iter().enumerate() {
        let _ = write!(out, "<text x=\"0\" y=\"{}\" font-weight=\"bold\">{}</text>", y + 13, escaped(column_name(name)));
        y += 18;
        for (j, level) in levels.iter().enumerate() {
            let w = m.weight(i, j);
            let length = (w.abs() * BIT).min(HALF);
            let (class, x) = if w >= 0.0 { ("for", middle) } else { ("against", middle - length) };
            let _ = write!(
                out,
                "<text class=\"faint\" x=\"12\" y=\"{}\">{} {}</text><rect class=\"{class}\" x=\"{x:.1}\" y=\"{}\" width=\"{length:.1}\" height=\"12\"/><text x=\"{:.1}\" y=\"{}\">{w:+.1}</text>",
                y + 13,
                j + 1,
                level_name(level.level),
                y + 3,
                if w >= 0.0 { middle + length + 4.0 } else { middle + 4.0 },
                y + 13
            );
            y += 18;
        }
    }
    out + "</svg></div>"
}

fn patterns(l: &Linkage) -> Vec<(String, usize, usize, String)> {
    let mut all: BTreeMap<String, (usize, usize, f64)> = BTreeMap::new();
    for (x, accepted) in l.links.iter().map(|x| (x, true)).chain(l.review.iter().map(|x| (x, false))) {
        let e = all.entry(l.pattern(x)).or_default();
        if accepted {
            e.0 += 1
        } else {
            e.1 += 1
        }
        e.2 += x.probability;
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(p, (n, r, _))| (std::cmp::Reverse(n + r), p.clone()));
    all.truncate(PATTERNS);
    all.into_iter().map(|(p, (n, r, sum))| (p, n, r, format!("{:.4}", sum / (n + r) as f64))).collect()
}

/// From the prior to the weight, step by step.
fn waterfall(e: &Explanation, weight: f64) -> String {
    let mut steps: Vec<(String, f64)> = vec![("任意两行".to_owned(), e.prior)];
    steps.extend(
        e.steps.iter().map(|s| (format!("{}:{}", column_name(&s.comparison), s.level.map_or("无值", level_name)), s.weight)),
    );
    steps.push(("值的常见程度、亲属关系".to_owned(), e.rest));
    let mut reached = vec![0.0];
    steps.iter().for_each(|s| reached.push(reached[reached.len() - 1] + s.1));
    let low = reached.iter().fold(0.0f64, |a, b| a.min(*b));
    let high = reached.iter().fold(0.0f64, |a, b| a.max(*b));
    let scale = 460.0 / (high - low).max(1.0);
    let x = |v: f64| 230.0 + (v - low) * scale;
    let height = (steps.len() + 1) * 20;
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\"><svg role=\"img\" aria-label=\"逐项证据\" width=\"780\" height=\"{height}\"><line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{height}\"/>",
        x(0.0)
    );
    for (i, (label, w)) in steps.iter().enumerate() {
        let (from, to) = (x(reached[i]), x(reached[i + 1]));
        let class = if i == 0 {
            "base"
        } else if *w >= 0.0 {
            "for"
        } else {
            "against"
        };
        let y = i * 20;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{}\">{}</text><rect class=\"{class}\" x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"13\"/><text x=\"{:.1}\" y=\"{}\">{w:+.1}</text>",
            y + 14,
            escaped(label),
            from.min(to),
            y + 3,
            (to - from).abs().max(1.0),
            from.max(to) + 4.0,
            y + 14
        );
    }
    let y = steps.len() * 20 + 14;
    let _ = write!(
        out,
        "<text x=\"0\" y=\"{y}\" font-weight=\"bold\">合计(log₂ 可能性)</text><text x=\"{:.1}\" y=\"{y}\" font-weight=\"bold\">{weight:+.1}</text>",
        x(weight) + 4.0
    );
    out + "</svg></div>"
}

fn sizes(l: &Linkage) -> Vec<(usize, usize)> {
    let mut out: BTreeMap<usize, usize> = BTreeMap::new();
    l.clusters.iter().for_each(|c| *out.entry(c.len()).or_default() += 1);
    out.into_iter().collect()
}

fn largest<'a>(l: &'a Linkage, tables: &'a [Table]) -> Vec<(String, Vec<(&'a str, &'a str)>)> {
    let mut order: Vec<usize> = (0..l.clusters.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(l.clusters.get(*i).len()), *i));
    let of = |i: usize| {
        let members = l.clusters.get(i).iter().map(|m| {
            let t = &tables[usize::from(m.source)];
            (t.name.as_str(), t.id(m.row as usize))
        });
        (format!("第 {} 人:{} 条记录", i + 1, l.clusters.get(i).len()), members.collect())
    };
    order.into_iter().take(LARGEST).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rules_are_said_in_words() {
        assert_eq!(expected(0.5, 0), "—");
        assert_eq!(expected(1.0, 3), "高于 99.99%");
        assert_eq!(expected(0.999_94, 3), "99.99%");
        assert_eq!(expected(0.912_34, 3), "91.23%");
        assert_eq!(rule_name("name.pinyin + birth"), "姓名读音 + 出生日期");
        assert_eq!(rule_name("name.first + birth.month + sex + place.county"), "姓名首字 + 出生日期(年月) + 性别 + 住址(县)");
        assert_eq!(rule_name("客户号"), "客户号");
    }
}
