//! `baoxue template`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use baoxue_domain::roster::SourceKind;

use crate::app::roster::template::sample;

/// 写出某种名册的样表。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 名册种类:household(户籍)、students(学籍)、in-school(在校实名)、births、poverty、disability、postponed、exam 等,也可写中文名
    #[arg(value_name = "种类", value_parser = parse_kind)]
    kind: SourceKind,
    /// 写到哪个文件;默认为当前文件夹下的“样表-种类.xlsx”
    #[arg(long, value_name = "文件")]
    out: Option<PathBuf>,
}

pub fn parse_kind(text: &str) -> Result<SourceKind, String> {
    SourceKind::find(text).ok_or_else(|| {
        let all: Vec<String> = SourceKind::ALL.iter().map(|k| format!("{}({})", k.name(), k.label())).collect();
        format!("没有“{text}”这种名册;可写:{}", all.join("、"))
    })
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = args.out.unwrap_or_else(|| format!("样表-{}.xlsx", args.kind.label()).into());
    if path.exists() {
        bail!("{} 已存在,不会覆盖;请换一个文件名(--out)", path.display());
    }
    std::fs::write(&path, sample(args.kind)?).with_context(|| format!("无法写入 {}", path.display()))?;
    println!("{}样表:{}", args.kind.label(), path.display());
    Ok(ExitCode::SUCCESS)
}
