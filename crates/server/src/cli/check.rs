//! `baoxue check`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use baoxue_documents::address;
use baoxue_documents::write::workbook;
use baoxue_domain::roster::{IssueCode, Mapping, Severity, SourceKind};
use serde_json::json;

use super::template::parse_kind;
use crate::app::clock;
use crate::app::roster::bad_rows;
use crate::app::roster::reading::{Reading, RosterFile, check_classes, mapping_of, read, read_mapping};

/// Problems shown on the terminal before it says that there are more.
const SHOWN: usize = 20;

/// 检查名册:认出了什么、有多少行、哪些地方有问题。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 要检查的文件
    #[arg(required = true, value_name = "文件")]
    files: Vec<PathBuf>,
    /// 名册种类;不给时自动识别
    #[arg(long, value_name = "种类", value_parser = parse_kind)]
    kind: Option<SourceKind>,
    /// 列对应文件(TOML):表头 = 字段
    #[arg(long, value_name = "文件")]
    mapping: Option<PathBuf>,
    /// 把识别出的列对应写到这个文件,改正后可用 --mapping 给出
    #[arg(long, value_name = "文件")]
    save_mapping: Option<PathBuf>,
    /// 把有问题的行连同原因写到这个文件
    #[arg(long, value_name = "文件.xlsx")]
    bad_rows: Option<PathBuf>,
    /// 以 JSON 输出
    #[arg(long)]
    json: bool,
    /// 检查的日期,默认今天;晚于它的日期算错
    #[arg(long, value_name = "日期")]
    today: Option<jiff::civil::Date>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mapping = args.mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default();
    let today = args.today.unwrap_or_else(clock::today);
    let mut failed = false;
    let mut bad = Vec::new();
    let mut all = Vec::new();
    let mut found = Mapping::default();
    let reading = Reading { kind: args.kind, mapping: &mapping, today };
    let mut read: Vec<(&PathBuf, anyhow::Result<RosterFile>)> = args.files.iter().map(|p| (p, read(p, &reading))).collect();
    check_classes(read.iter_mut().filter_map(|(_, f)| f.as_mut().ok()));
    for (path, file) in read {
        match file {
            Ok(file) => {
                if args.json {
                    all.push(as_json(&file));
                } else {
                    print(&file);
                }
                bad.extend(bad_rows::sheets(&file));
                found.0.extend(mapping_of(&file).0);
            }
            Err(e) => {
                failed = true;
                let causes = super::told(&e);
                if args.json {
                    all.push(json!({ "file": path.display().to_string(), "refused": causes }));
                } else {
                    println!("✗ {causes}");
                }
            }
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    if let Some(path) = &args.save_mapping {
        if path.exists() {
            bail!("{} 已存在,不会覆盖;请换一个文件名", path.display());
        }
        std::fs::write(path, toml::to_string(&found)?).with_context(|| format!("无法写入 {}", path.display()))?;
    }
    if let Some(path) = &args.bad_rows {
        if bad.is_empty() {
            eprintln!("没有需要退回的行,未生成 {}", path.display());
        } else {
            // sheets of several files may share a name
            for (i, s) in bad.iter_mut().enumerate().skip(1) {
                s.name = format!("{}-{}", s.name.chars().take(24).collect::<String>(), i + 1);
            }
            std::fs::write(path, workbook(bad)?).with_context(|| format!("无法写入 {}", path.display()))?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn counts(file: &RosterFile) -> BTreeMap<IssueCode, usize> {
    let mut out = BTreeMap::new();
    file.roster.issues.iter().for_each(|i| *out.entry(i.code).or_default() += 1);
    out
}

fn print(file: &RosterFile) {
    let r = &file.roster;
    let how = match &file.guess {
        Some(g) if g.doubtful => format!("(不太确定:{};不对请用 --kind)", g.why),
        Some(g) => format!("({})", g.why),
        None => "(由您指定)".to_owned(),
    };
    println!("{}:{}{how}", file.name, file.kind.long_label());
    for (i, layout) in &file.layouts {
        let known: Vec<&str> = layout.columns.iter().filter(|c| c.slot.is_some()).map(|c| c.heading.as_str()).collect();
        println!(
            "  工作表“{}”:表头在第 {} 行,认出 {} 列:{}",
            file.sheets[*i].name,
            layout.head + layout.head_rows,
            known.len(),
            known.join("、")
        );
        let unknown: Vec<&str> = layout.unknown_headings().collect();
        if !unknown.is_empty() {
            println!("    未使用的列:{}", unknown.join("、"));
        }
    }
    if !file.ignored.is_empty() {
        println!("  没有读的:{}", file.ignored.join("、"));
    }
    println!("  可用 {} 行,未载入 {} 行,跳过 {} 行(标题、合计、签名、空行)", r.rows.len(), r.rejected, r.passed_over);
    let counts = counts(file);
    if counts.is_empty() {
        println!("  没有发现问题");
        return;
    }
    for (code, n) in &counts {
        println!("  {:>6} 处 [{}] {}", n, code.severity().label(), code.title());
    }
    let worth: Vec<_> = r.issues.iter().filter(|i| i.severity() >= Severity::Confirm).collect();
    for i in worth.iter().take(SHOWN) {
        let cell = i.column.map_or(String::new(), |c| format!("{} ", address(i.row - 1, c)));
        println!("    {cell}{}", i.message);
    }
    if worth.len() > SHOWN {
        println!("    ……还有 {} 处,用 --bad-rows 问题行.xlsx 全部写出", worth.len() - SHOWN);
    }
}

fn as_json(file: &RosterFile) -> serde_json::Value {
    let issues: Vec<serde_json::Value> = file
        .roster
        .issues
        .iter()
        .map(|i| {
            json!({
                "sheet": file.sheets[i.sheet].name, "row": i.row, "cell": i.column.map(|c| address(i.row - 1, c)), "field": i.field,
                "code": i.code.code(), "rule": i.rule, "severity": i.severity(), "message": i.message,
            })
        })
        .collect();
    let columns: Vec<serde_json::Value> = file
        .layouts
        .iter()
        .flat_map(|(s, l)| {
            l.columns
                .iter()
                .map(move |c| json!({ "sheet": file.sheets[*s].name, "heading": c.heading, "field": c.slot.map(|s| s.field) }))
        })
        .collect();
    json!({
        "file": file.name, "sha256": file.digest, "kind": file.kind, "label": file.kind.label(),
        "recognised_by": file.guess.as_ref().map(|g| &g.why), "doubtful": file.guess.as_ref().is_some_and(|g| g.doubtful),
        "columns": columns, "ignored_sheets": file.ignored,
        "rows": file.roster.rows.len(), "rejected": file.roster.rejected, "passed_over": file.roster.passed_over,
        "counts": counts(file).into_iter().map(|(c, n)| (c.code(), n)).collect::<BTreeMap<_, _>>(),
        "issues": issues,
    })
}
