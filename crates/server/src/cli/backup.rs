//! `baoxue backup` and `baoxue restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use super::installation;
use super::installation::block_on;

/// 备份:数据库和加密文件写成一个加密文件;服务运行时也可以做。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct BackupArgs {
    #[command(flatten)]
    installation: installation::Args,
    /// 写到哪个文件(不覆盖已有的)
    #[arg(value_name = "文件")]
    to: PathBuf,
}

/// 恢复:把备份放回空的数据库和数据文件夹;SQLite 和 PostgreSQL 可以互换。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct RestoreArgs {
    #[command(flatten)]
    installation: installation::Args,
    /// 备份文件
    #[arg(value_name = "文件")]
    from: PathBuf,
}

pub fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    if args.to.exists() {
        bail!("{} 已存在,不会覆盖;请换一个文件名,例如带上日期", args.to.display());
    }
    block_on(async {
        let office = args.installation.office().await?;
        let m = office.store.backup(&args.to, office.now()).await?;
        let rows: u64 = m.rows.iter().map(|r| r.1).sum();
        println!(
            "已备份到 {}:{rows} 条记录,{} 个文件。密钥不在其中,恢复时需要 {}",
            args.to.display(),
            m.files,
            args.installation.key_path().display()
        );
        Ok(ExitCode::SUCCESS)
    })
}

pub fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    block_on(async {
        let i = &args.installation;
        let store = i.store().await?;
        let m = store.restore(&args.from).await?;
        let rows: u64 = m.rows.iter().map(|r| r.1).sum();
        println!("已恢复:{rows} 条记录,{} 个文件。所有人须重新登录", m.files);
        store.close().await;
        Ok(ExitCode::SUCCESS)
    })
}
