//! `baoxue-cluster`: linkage over many machines.
//!
//! One program is scheduler, executor and client of an Apache DataFusion Ballista cluster with our kernel registered. `link` and `compare`
//! are the commands of `baoxue`; only blocking and comparison are done by the executors (see [`engine`]).

mod engine;
mod functions;
mod node;
mod storage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use engine::Cluster;
use node::Address;
use storage::Storage;

/// 保学集群:在多台机器上比对名册。调度节点的端口没有身份验证,只可在可信网络或加密隧道内使用。
#[derive(Parser)]
#[command(name = "baoxue-cluster", version, arg_required_else_help = true, help_template = baoxue::HELP, subcommand_help_heading = "命令")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Scheduler(node::SchedulerArgs),
    Executor(node::ExecutorArgs),
    Link(Box<LinkArgs>),
    Compare(Box<CompareArgs>),
}

/// Where the work is done.
#[derive(clap::Args)]
#[command(next_help_heading = "集群")]
struct ClusterArgs {
    /// 调度节点的地址,例如 10.0.0.5:50050
    #[arg(long, value_name = "主机:端口")]
    scheduler: Address,
    /// 所有节点都能读写的存储:共享文件夹(file:///… 或路径)或 s3://桶/前缀(密钥取自环境变量 AWS_*)
    #[arg(long, value_name = "地址")]
    storage: String,
    /// 分成多少份;默认按数据量
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    shares: Option<u32>,
}

/// 在集群上比对两个或多个 CSV/Parquet 文件;文件也可以写成 s3:// 地址。
#[derive(clap::Args)]
#[command(help_template = baoxue::HELP)]
struct LinkArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    link: baoxue::link::Args,
}

/// 在集群上比对名册,得出每个孩子的判定和三本台账。
#[derive(clap::Args)]
#[command(help_template = baoxue::HELP)]
struct CompareArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    compare: baoxue::compare::Args,
}

fn main() -> ExitCode {
    if let Some(code) = baoxue::serve_if_asked() {
        return code;
    }
    let cli: Cli = match baoxue::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    baoxue::exit(match cli.command {
        Command::Scheduler(args) => node::scheduler(args),
        Command::Executor(args) => node::executor(args),
        Command::Link(args) => link(*args),
        Command::Compare(args) => compare(*args),
    })
}

fn link(args: LinkArgs) -> anyhow::Result<ExitCode> {
    let cluster = connect(args.cluster)?;
    let mut link = args.link;
    let named = link.files.clone();
    let fetched = fetch(&cluster, &mut link.files)?;
    for file in &mut link.absent_from {
        if let Some(i) = named.iter().position(|n| n == file) {
            file.clone_from(&link.files[i]);
        }
    }
    let done = baoxue::link::run(link, &cluster);
    drop(fetched);
    cluster.finish(done)
}

fn compare(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let cluster = connect(args.cluster)?;
    cluster.finish(baoxue::compare::run(args.compare, &cluster))
}

fn connect(args: ClusterArgs) -> anyhow::Result<Cluster> {
    Cluster::connect(args.scheduler, Storage::open(&args.storage)?, args.shares)
}

/// Files named by an address are fetched to a folder that goes when it is dropped.
fn fetch(cluster: &Cluster, files: &mut [PathBuf]) -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for (i, file) in files.iter_mut().enumerate() {
        if let Some(address) = file.to_str().filter(|f| f.contains("://")) {
            // files of two places may have one name
            let own = folder.path().join(i.to_string());
            std::fs::create_dir(&own)?;
            *file = cluster.fetch(address, &own)?;
        }
    }
    Ok(folder)
}
