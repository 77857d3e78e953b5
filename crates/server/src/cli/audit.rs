//! `baoxue audit verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use baoxue_store::Head;

use super::installation;
use super::installation::block_on;

/// 审计日志:验证是否被改动过。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// 验证日志:有改动、删除、插入、截断就报告,并以非零码退出
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
        let head = match head {
            Some(h) => Some(h.trim().parse::<Head>().map_err(|()| anyhow!("封印“{h}”不对,应为“编号:摘要”"))?),
            None => None,
        };
        let c = office.check_log(heads.as_deref(), head).await?;
        println!("{} {}", if c.good { "✓" } else { "✗" }, c.said);
        if let Some(head) = c.head {
            println!("最新封印:{head}(请另行记下,下次用 --head 核对)");
        }
        Ok(if c.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
