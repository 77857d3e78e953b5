//! `baoxue serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;

use super::installation;
use super::installation::block_on;
use crate::app::clock::Clock;
use crate::app::demo::office as demo_office;
use crate::app::office::Office;
use crate::web;
use crate::web::frame::cautions::Cautions;
use crate::web::frame::connections;
use crate::web::frame::connections::Door;

/// How long requests under way may still take when the program is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// 启动服务:浏览器打开后使用。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(flatten)]
    installation: installation::Args,
    /// 监听地址
    #[arg(long, value_name = "地址:端口", env = "BAOXUE_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// TLS 证书(PEM);与 --tls-key 同给后只用 HTTPS
    #[arg(long, value_name = "文件", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS 私钥(PEM)
    #[arg(long, value_name = "文件", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// 前面有反向代理(由它终止 TLS):从它给的 X-Forwarded-For 取网络地址,Cookie 只走 HTTPS
    #[arg(long, conflicts_with = "tls_cert")]
    proxy: bool,
    /// 审计日志的最新封印每分钟追加到这个文件;最好在另一台机器或只能追加的盘上。默认在数据文件夹
    #[arg(long, value_name = "文件", env = "BAOXUE_AUDIT_HEADS")]
    audit_heads: Option<PathBuf>,
    /// 后台任务多少秒没有动静就由别的进程接手
    #[arg(long, value_name = "秒", default_value_t = 30, value_parser = clap::value_parser!(i64).range(3..=600))]
    job_lease: i64,
    /// 演示:从这个时刻开始走的时钟,例如 2023-10-08T09:00
    #[arg(long, value_name = "时刻")]
    demo_clock: Option<jiff::civil::DateTime>,
    /// 演示:把这个文件夹里的示范县(baoxue demo-data 生成)导入、比对,并建好示范账号
    #[arg(long, value_name = "文件夹", requires = "demo_clock")]
    demo: Option<PathBuf>,
    /// 测量用:示范县另建这么多份劝返档案,每份这么多条经过,例如 20000x100
    #[arg(long, value_name = "份数x条数", requires = "demo", hide = true, value_parser = demo_cases)]
    demo_cases: Option<(usize, usize)>,
    /// 测量用:示范县另建这么多个点名账号(taker1、taker2……),各管一部分学校
    #[arg(long, value_name = "个数", requires = "demo", hide = true)]
    demo_takers: Option<usize>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.installation.prepare()? {
        println!("已生成密钥文件 {}。请另存一份到离线介质,与备份分开保管", args.installation.key_path().display());
    }
    if !web::are_built() {
        anyhow::bail!("页面样式没有编译进程序,页面会不能用:请用 make build 重新编译后再启动(单用 cargo build 不会生成样式)");
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    // what a fault says may hold a name or a number: only where it was is written down
    std::panic::set_hook(Box::new(|fault| {
        let at = fault.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        tracing::error!("程序内部出错({at})");
    }));
    block_on(serve(args))
}

fn demo_cases(text: &str) -> Result<(usize, usize), String> {
    let read = text.split_once('x').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    read.ok_or_else(|| "应写成 20000x100 这样".to_owned())
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let store = args.installation.store().await?.with_lease(args.job_lease * 1000);
    store.migrate().await?;
    let clock = args.demo_clock.map_or_else(Clock::default, Clock::starting_at);
    let mut office = Office::new(store, clock);
    office.audit_heads = args.audit_heads;
    office.start_work();
    if let Some(folder) = &args.demo {
        demo_office::prepare(&office, folder, args.demo_cases, args.demo_takers).await?;
    }
    let banner = office.clock.is_shifted().then(|| format!("演示数据,人名均为虚构 · 演示日期从 {} 起", office.clock.today()));
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => {
            installation::use_ring();
            let read = RustlsConfig::from_pem_file(cert, key).await;
            Some(read.with_context(|| format!("证书 {} 或私钥 {} 不能用", cert.display(), key.display()))?)
        }
        _ => None,
    };
    if tls.is_none() && !args.proxy && !args.listen.ip().is_loopback() {
        eprintln!("提醒:在 {} 上监听而没有证书,口令和个人信息会明文经过网络;请给 --tls-cert 和 --tls-key", args.listen);
    }
    let mut cautions = Vec::new();
    if args.installation.key_lies_with_data() && args.demo.is_none() {
        cautions
            .push("密钥与数据在同一个文件夹:拿走数据的人也拿走了钥匙。请把密钥文件移到别处,用 --key-file 指给程序".to_owned());
    }
    let cautions = Cautions::new(cautions);
    if let Some(cert) = &args.tls_cert {
        cautions.watch(cert.clone());
    }
    let app = web::App {
        office: office.clone(),
        tls: tls.is_some() || args.proxy,
        proxy: args.proxy,
        cautions,
        uploads: web::Uploads::default(),
        banner,
    };
    let site = web::site(app).into_make_service_with_connect_info::<SocketAddr>();
    let listener = std::net::TcpListener::bind(args.listen)
        .with_context(|| format!("不能在 {} 上监听;端口可能被占用,可用 --listen 换一个", args.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let handle = Handle::new();
    let ending = end_on_signal(handle.clone())?;
    tokio::spawn(ending);
    println!("保学已启动:{}://{address}", if tls.is_some() { "https" } else { "http" });
    if args.demo.is_some() {
        demo_office::print_log_ins();
    }
    let room = connections::room();
    match tls {
        Some(tls) => {
            let mut server = axum_server::from_tcp_rustls(listener, tls)?.map(|a| Door::new(a, room)).handle(handle);
            connections::set_times(server.http_builder());
            server.serve(site).await?;
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.map(|a| Door::new(a, room)).handle(handle);
            connections::set_times(server.http_builder());
            server.serve(site).await?;
        }
    }
    if let Err(e) = office.note_head().await {
        tracing::error!("审计封印:{e}");
    }
    office.store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Listens from now on: whoever is told to end right after the start ends in order too.
fn end_on_signal(handle: Handle<SocketAddr>) -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        let interrupt = tokio::signal::ctrl_c();
        #[cfg(unix)]
        tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
        #[cfg(not(unix))]
        let _ = interrupt.await;
        handle.graceful_shutdown(Some(GRACE));
    })
}
