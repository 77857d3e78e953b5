//! 调度节点与执行节点 (scheduler and executor): Ballista's, with our functions.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use crate::functions;
use crate::storage::Stores;

/// Largest message between nodes: what one share gives.
pub const MAX_MESSAGE: usize = 1 << 30;
/// An executor says so often that it lives, and is given up after so long.
const HEARTBEAT_SECONDS: u64 = 2;
const GIVEN_UP_AFTER_SECONDS: u64 = 10;
/// What executors pass each other goes so soon after a job has ended, and whatever a lost scheduler left once it is so old.
const KEPT_SECONDS: u64 = 60;
const LOST_AFTER_SECONDS: u64 = 6 * 3600;

/// How long a scheduler may take to come up, and after how long it is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// 调度节点:把工作分给各执行节点。它的端口没有身份验证,只可在可信网络或加密隧道内使用。
#[derive(clap::Args)]
#[command(help_template = baoxue::HELP, next_help_heading = "参数")]
pub struct SchedulerArgs {
    /// 监听的地址
    #[arg(long, value_name = "主机:端口", default_value = "127.0.0.1:50050")]
    listen: SocketAddr,
}

/// 执行节点:比较记录。
#[derive(clap::Args)]
#[command(help_template = baoxue::HELP, next_help_heading = "参数")]
pub struct ExecutorArgs {
    /// 调度节点的地址
    #[arg(long, value_name = "主机:端口")]
    scheduler: Address,
    /// 本节点的地址,其他节点由此来取数据;端口的下一个号也要用
    #[arg(long, value_name = "主机:端口", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// 放中间数据的文件夹;默认用临时文件夹
    #[arg(long, value_name = "文件夹")]
    work: Option<PathBuf>,
    /// 同时做几份;默认用全部处理器
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
}

/// Host and port.
#[derive(Debug, Clone)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let parts = s.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() && port > 0 => Ok(Self { host: host.to_owned(), port }),
            _ => Err("应写成 主机:端口,例如 10.0.0.5:50050".to_owned()),
        }
    }
}

impl Address {
    /// Waits a while until the scheduler there answers.
    pub async fn reach(&self) -> anyhow::Result<()> {
        let mut failed = Ok(());
        let attempts = async {
            loop {
                match tokio::net::TcpStream::connect((self.host.as_str(), self.port)).await {
                    Ok(_) => return,
                    Err(e) => failed = Err(e),
                }
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
        };
        if tokio::time::timeout(ANSWER_WITHIN, attempts).await.is_ok() {
            return Ok(());
        }
        failed.with_context(|| self.unreachable())?;
        bail!(self.unreachable())
    }

    fn unreachable(&self) -> String {
        format!("连不上调度节点 {self};请检查地址、端口和网络,并确认它在运行")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What all nodes have in common.
pub fn session_config() -> SessionConfig {
    SessionConfig::new_with_ballista().with_ballista_grpc_client_max_message_size(MAX_MESSAGE)
}

/// Stores as we know them.
pub fn runtime() -> datafusion::error::Result<Arc<RuntimeEnv>> {
    RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(Stores)).build_arc()
}

/// A session that knows our functions.
pub fn session_state(config: SessionConfig) -> datafusion::error::Result<SessionState> {
    let mut state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime()?).with_default_features().build();
    register(&mut state)?;
    Ok(state)
}

/// Adds our functions.
pub fn register(to: &mut dyn datafusion::execution::FunctionRegistry) -> datafusion::error::Result<()> {
    to.register_udf(Arc::new(functions::version()))?;
    to.register_udf(Arc::new(functions::keys()))?;
    to.register_udaf(Arc::new(functions::pairs()))?;
    Ok(())
}

/// A runtime whose threads have room for deep plans.
pub fn tokio_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build()?)
}

/// Warnings of Ballista go to standard error; RUST_LOG asks for more.
fn log() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
}

/// Runs until it is ended.
pub fn scheduler(args: SchedulerArgs) -> anyhow::Result<ExitCode> {
    log();
    let config = SchedulerConfig {
        bind_host: args.listen.ip().to_string(),
        bind_port: args.listen.port(),
        external_host: args.listen.ip().to_string(),
        executor_timeout_seconds: GIVEN_UP_AFTER_SECONDS,
        expire_dead_executor_interval_seconds: HEARTBEAT_SECONDS,
        no_executors_grace_period_seconds: GIVEN_UP_AFTER_SECONDS,
        finished_job_data_clean_up_interval_seconds: KEPT_SECONDS,
        grpc_server_max_decoding_message_size: MAX_MESSAGE as u32,
        grpc_server_max_encoding_message_size: MAX_MESSAGE as u32,
        grpc_client_max_message_size: MAX_MESSAGE as u32,
        override_config_producer: Some(Arc::new(session_config)),
        override_session_builder: Some(Arc::new(session_state)),
        ..SchedulerConfig::default()
    };
    tokio_runtime()?.block_on(async {
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(|e| anyhow!("{e}"))?;
        let taken = || format!("不能在 {} 监听;端口可能已被占用", args.listen);
        drop(std::net::TcpListener::bind(args.listen).with_context(taken)?);
        println!("调度节点在 {}。这个端口没有身份验证,只可在可信网络或加密隧道内使用。", args.listen);
        start_server(cluster, args.listen, Arc::new(config)).await.map_err(|e| anyhow!("{e}")).with_context(taken)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs until it is ended.
pub fn executor(args: ExecutorArgs) -> anyhow::Result<ExitCode> {
    log();
    let cores = args.cores.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let own = tempfile::tempdir()?;
    let work = args.work.unwrap_or_else(|| own.path().to_owned());
    std::fs::create_dir_all(&work).with_context(|| format!("无法建立文件夹 {}", work.display()))?;
    let state = session_state(session_config())?;
    let grpc_port = args.listen.port().checked_add(1).context("端口太大")?;
    let config = ExecutorProcessConfig {
        bind_host: args.listen.ip().to_string(),
        external_host: Some(args.listen.ip().to_string()),
        port: args.listen.port(),
        grpc_port,
        scheduler_host: args.scheduler.host.clone(),
        scheduler_port: args.scheduler.port,
        vcores: cores,
        work_dir: Some(work.to_string_lossy().into_owned()),
        grpc_max_decoding_message_size: MAX_MESSAGE as u32,
        grpc_max_encoding_message_size: MAX_MESSAGE as u32,
        executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        job_data_clean_up_interval_seconds: 10 * KEPT_SECONDS,
        job_data_ttl_seconds: LOST_AFTER_SECONDS,
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&state))),
        override_runtime_producer: Some(Arc::new(|_| runtime())),
        override_config_producer: Some(Arc::new(session_config)),
        ..ExecutorProcessConfig::default()
    };
    let check = || {
        format!("执行节点停止;请看端口 {} 和 {grpc_port} 是否空闲、调度节点 {} 是否在运行", args.listen.port(), args.scheduler)
    };
    tokio_runtime()?.block_on(async {
        args.scheduler.reach().await?;
        start_executor_process(Arc::new(config)).await.map_err(|e| anyhow!("{e}")).with_context(check)
    })?;
    Ok(ExitCode::SUCCESS)
}
