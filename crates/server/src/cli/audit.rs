//! `baoxue audit verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::installation::{self, block_on};
use crate::app::office::heads::{default_file, read};

/// 审计日志:验证是否被改动过。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// 验证封存链:有改动、删除、插入就报告,并以非零码退出
    #[command(help_template = super::HELP)]
    Verify {
        #[command(flatten)]
        installation: installation::Args,
        /// 以前记下的最新封印;不在链中即报告(防止整段删除)
        #[arg(long, value_name = "封印")]
        head: Option<String>,
        /// 服务追加封印的文件,其中每一个都应在链中;默认用数据文件夹里的
        #[arg(long, value_name = "文件", env = "BAOXUE_AUDIT_HEADS")]
        heads: Option<PathBuf>,
    },
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Verify { installation, head, heads } = &args.command;
    block_on(async {
        let office = installation.office().await?;
        office.store.seal_audit(office.now()).await?;
        let v = office.store.verify_audit().await?;
        if let Some((a, b)) = v.broken {
            println!("✗ 第 {a} 至 {b} 条之间的记录被改动、删除或插入过。请立即保全数据库和备份,并报告");
            return Ok(ExitCode::FAILURE);
        }
        let file = heads.clone().unwrap_or_else(|| default_file(office.store.folder()));
        let mut known = match read(&file) {
            Ok(known) => known,
            // nothing was sealed yet, or the file is kept elsewhere
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && heads.is_none() => Vec::new(),
            Err(e) => return Err(e).with_context(|| format!("读不了 {}", file.display())),
        };
        let written = known.len();
        known.extend(head.iter().map(|h| h.trim().to_owned()));
        if let Some(lost) = office.store.missing_seals(&known).await?.first() {
            println!("✗ 封印 {lost} 不在链中:日志曾被截断或替换。请立即保全数据库和备份,并报告");
            return Ok(ExitCode::FAILURE);
        }
        if written > 0 {
            println!("{} 中的 {written} 个封印都在链中", file.display());
        }
        println!("日志完整:已封存 {} 条,待封存 {} 条", v.sealed, v.unsealed);
        if let Some(head) = v.head {
            println!("最新封印:{head}(请另行记下,下次用 --head 核对)");
        }
        Ok(ExitCode::SUCCESS)
    })
}
