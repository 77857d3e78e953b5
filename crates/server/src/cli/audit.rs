//! `baoxue audit verify`.

use std::process::ExitCode;

use super::installation::{self, block_on};

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
    },
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Verify { installation, head } = &args.command;
    block_on(async {
        let office = installation.office().await?;
        office.store.seal_audit(office.now()).await?;
        let v = office.store.verify_audit().await?;
        if let Some((a, b)) = v.broken {
            println!("✗ 第 {a} 至 {b} 条之间的记录被改动、删除或插入过。请立即保全数据库和备份,并报告");
            return Ok(ExitCode::FAILURE);
        }
        if let Some(known) = head
            && !office.store.has_seal(known).await?
        {
            println!("✗ 封印 {known} 不在链中:日志曾被截断或替换。请立即保全数据库和备份,并报告");
            return Ok(ExitCode::FAILURE);
        }
        println!("日志完整:已封存 {} 条,待封存 {} 条", v.sealed, v.unsealed);
        if let Some(head) = v.head {
            println!("最新封印:{head}(请另行记下,下次用 --head 核对)");
        }
        Ok(ExitCode::SUCCESS)
    })
}
