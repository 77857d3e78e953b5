//! `baoxue doctor`: what may be wrong with an installation, and how to mend it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use baoxue_store::Store;

use super::installation;
use super::installation::block_on;
use crate::app::access::heads::default_file;
use crate::app::clock::Clock;
use crate::app::office::Office;
use crate::app::process;
use crate::web::frame::cautions::{CERTIFICATE_DAYS, ends_soon};

/// Least room on the disk, in MiB: a county's year of rosters.
const LEAST_ROOM_MIB: u64 = 2_048;

/// 检查安装:密钥、数据库、磁盘、时钟、字体、证书,并说明怎样修。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(flatten)]
    installation: installation::Args,
    /// 也检查这个证书
    #[arg(long, value_name = "文件")]
    tls_cert: Option<PathBuf>,
    /// 服务追加审计封印的文件
    #[arg(long, value_name = "文件", env = "BAOXUE_AUDIT_HEADS")]
    audit_heads: Option<PathBuf>,
    /// 也逐人重算台账去留(百万儿童约需几十秒)
    #[arg(long)]
    ledgers: bool,
}

struct Report {
    bad: bool,
}

impl Report {
    fn good(&self, what: &str) {
        println!("✓ {what}");
    }

    fn bad(&mut self, what: &str) {
        println!("✗ {what}");
        self.bad = true;
    }

    fn warn(&self, what: &str) {
        println!("! {what}");
    }
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut r = Report { bad: false };
    keys(&args.installation, &mut r);
    modes(&args.installation, &mut r);
    block_on(database(args, &mut r))?;
    disk(&args.installation.data, &mut r);
    clock(&mut r);
    fonts(&r);
    if let Some(cert) = &args.tls_cert {
        certificate(cert, &mut r);
    }
    Ok(if r.bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn keys(i: &installation::Args, r: &mut Report) {
    match i.vault() {
        Ok(v) => r.good(&format!("密钥可用,当前用“{}”加密", v.active())),
        Err(e) => r.bad(&format!("密钥:{}", super::told(&e))),
    }
    if let Ok(open) = process::open_to_others(&i.key_path())
        && !open.is_empty()
    {
        r.bad(&format!("密钥文件别人也能读;请运行 chmod 600 {}", i.key_path().display()));
    }
    if i.key_lies_with_data() {
        r.bad("密钥与数据在同一个文件夹:拿走数据的人也拿走了钥匙。请移到别处,用 --key-file 或 systemd 的凭据(LoadCredential)指给程序");
    }
}

/// What others on this machine could read.
fn modes(i: &installation::Args, r: &mut Report) {
    match process::open_to_others(&i.data) {
        Ok(open) if open.is_empty() => r.good("数据文件夹只有本用户可读"),
        Ok(open) => r.bad(&format!(
            "数据文件夹里有 {} 处别人也能读(例如 {});请运行 chmod -R go= {}",
            open.len(),
            open[0].display(),
            i.data.display()
        )),
        Err(e) => r.bad(&format!("数据文件夹 {} 看不了:{e}", i.data.display())),
    }
    if process::dumps_memory() {
        r.bad("程序出错时系统会把内存写成文件,里面有个人信息;请关闭核心转储(ulimit -c 0)");
    } else {
        r.good("出错时不会把内存写成文件");
    }
}

async fn database(args: &Args, r: &mut Report) -> anyhow::Result<()> {
    let i = &args.installation;
    if i.vault().is_err() {
        return Ok(());
    }
    match i.store().await {
        Ok(store) => {
            match store.schema_version().await {
                Ok(v) if v == Store::newest_schema() => r.good(&format!("数据库可用,版本 {v}")),
                Ok(v) if v < Store::newest_schema() => r.bad(&format!("数据库版本 {v} 太旧;请运行 baoxue migrate")),
                Ok(v) => r.bad(&format!("数据库版本 {v} 比程序新;请换新版程序")),
                Err(e) => r.bad(&format!("数据库:{e}")),
            }
            if let Ok(now) = store.database_now().await {
                let off = (now - Clock::default().now_ms()).abs() / 1000;
                if off > 5 {
                    r.bad(&format!("数据库的时钟与本机相差 {off} 秒;请让两台机器都与同一时间服务器对时"));
                }
            }
            if store.schema_version().await.is_ok_and(|v| v == Store::newest_schema()) {
                missing_files(&store, r).await;
                if args.ledgers {
                    match store.wrong_standings().await {
                        Ok(wrong) if wrong.is_empty() => r.good("台账与判定、认定逐人一致"),
                        Ok(wrong) => r.bad(&format!("{} 名儿童的台账与判定、认定不一致;请保全数据库并报告", wrong.len())),
                        Err(e) => r.bad(&format!("台账:{e}")),
                    }
                }
                let office = Office::new(store.clone(), Clock::default());
                match office.check_log(args.audit_heads.as_deref(), None).await {
                    Ok(c) if c.good => r.good(&c.said),
                    Ok(c) => r.bad(&c.said),
                    Err(e) => r.bad(&format!("审计日志:{e}")),
                }
                let heads = args.audit_heads.clone().unwrap_or_else(|| default_file(&i.data));
                if heads.starts_with(&i.data) {
                    r.bad("审计封印写在数据文件夹里:能改日志的人也能改它。请用 --audit-heads 写到另一台机器或只能追加的盘上");
                }
            }
            store.close().await;
        }
        Err(e) => r.bad(&format!("数据库:{e}")),
    }
    Ok(())
}

async fn missing_files(store: &Store, r: &mut Report) {
    let Ok(known) = store.referenced_files().await else { return };
    match store.missing_files(&known) {
        Ok(0) => r.good(&format!("加密文件齐全({} 个)", known.len())),
        Ok(missing) => r.bad(&format!("{missing} 个加密文件不见了或打不开;请从备份恢复")),
        Err(e) => r.bad(&e.to_string()),
    }
}

fn disk(folder: &Path, r: &mut Report) {
    // the one portable way without a library: the system's own df
    let out = Command::new("df").args(["-Pk"]).arg(if folder.exists() { folder } else { Path::new(".") }).output();
    let free = out.ok().and_then(|o| {
        let text = String::from_utf8_lossy(&o.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    match free {
        Some(kib) if kib / 1024 < LEAST_ROOM_MIB => {
            r.bad(&format!("磁盘只剩 {} MB;请清理或扩容,至少留 {LEAST_ROOM_MIB} MB", kib / 1024));
        }
        Some(kib) => r.good(&format!("磁盘还有 {} MB", kib / 1024)),
        None => r.warn("看不出磁盘还剩多少"),
    }
}

fn clock(r: &mut Report) {
    let year = Clock::default().today().year();
    if (2024..2100).contains(&year) {
        r.good(&format!("时钟:{}(北京时间)", Clock::default().now()));
    } else {
        r.bad(&format!("时钟显示 {year} 年;请校准系统时间,否则期限和日志都会错"));
    }
}

fn fonts(r: &Report) {
    let out = Command::new("fc-list").arg(":lang=zh").output();
    match out {
        Ok(o) if !o.stdout.is_empty() => r.good("本机有中文字体"),
        Ok(_) => r.warn("本机没有中文字体(只影响在本机打印):可安装 fonts-noto-cjk"),
        Err(_) => r.warn("看不出有没有中文字体(没有 fc-list)"),
    }
}

fn certificate(path: &Path, r: &mut Report) {
    if std::fs::read(path).is_err() {
        return r.bad(&format!("证书 {} 读不出来", path.display()));
    }
    match ends_soon(path) {
        Some(false) => r.good(&format!("证书 {CERTIFICATE_DAYS} 天内不会到期")),
        Some(true) => r.bad(&format!("证书 {CERTIFICATE_DAYS} 天内到期或不是 PEM 证书;请换新证书,否则手机会拒绝打开")),
        None => r.warn("没有 openssl,看不出证书何时到期"),
    }
}
