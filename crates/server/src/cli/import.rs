//! `baoxue import`: what the page does with dropped files, for a schedule or a large roster.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use baoxue_domain::access::Action;

use super::installation;
use super::installation::block_on;
use crate::app::place::tree::read_places;
use crate::app::roster::staging::{HandOver, Upload};
use crate::app::roster::supersede::Mode;

/// 导入名册(与网页“导入名册”相同),或用 --places 导入区划学校。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(flatten)]
    installation: installation::Args,
    /// 名册文件
    #[arg(required = true, value_name = "文件")]
    files: Vec<PathBuf>,
    /// 以谁的名义导入(登录名),须有相应权限;在审计日志中记为“登录名(命令行)”
    #[arg(long, value_name = "登录名")]
    r#as: String,
    /// 读入后直接载入
    #[arg(long)]
    load: bool,
    /// 怎样载入:whole 整份替换,places 只替换表中的学校(乡镇),add 补充,mend 改正的行放回
    #[arg(long, requires = "load", value_name = "方式", value_parser = ["whole", "places", "add", "mend"])]
    mode: Option<String>,
    /// 数量变化超过一成也载入
    #[arg(long, requires = "load")]
    confirmed: bool,
    /// 文件是区划、学校、划片表
    #[arg(long, conflicts_with_all = ["load", "confirmed"])]
    places: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    block_on(async {
        let office = args.installation.office().await?;
        let account = office.store.account_by_login(&args.r#as).await?.with_context(|| format!("没有“{}”这个账号", args.r#as))?;
        if account.disabled_at.is_some() || account.must_change_password {
            bail!("“{}”已停用,或还没有本人登录改过初始密码,不能以其名义导入", args.r#as);
        }
        let mut actor = office.store.actor(&account, office.clock.today()).await?;
        // the log does not take a command line for a person who was there
        actor.login = format!("{}(命令行)", actor.login);
        let mut uploads = Vec::new();
        for path in &args.files {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            uploads
                .push(Upload { name, bytes: std::fs::read(path).with_context(|| format!("无法读取 {}", path.display()))? });
        }
        if args.places {
            for u in uploads {
                let read = read_places(&u.name, u.bytes)?;
                if !read.problems.is_empty() {
                    bail!("{} 有问题,没有保存:{}", u.name, read.problems.join(";"));
                }
                let n = office.put_places(&actor, &read, office.clock.today()).await?;
                println!("{}:新增或变更 {n} 处", u.name);
            }
            return Ok(ExitCode::SUCCESS);
        }
        let staged = office.stage(&actor, uploads, &HandOver::default()).await?;
        let county = office.area(&actor, Action::ImportRosters)?;
        let (mut ids, mut failed) = (Vec::new(), false);
        for s in staged {
            match s.outcome {
                Ok(id) => {
                    let b = office.store.batch(county.as_str(), id).await?.context("批次不见了")?;
                    println!("{}:{} 可用 {} 行,未载入 {} 行", s.file_name, b.source, b.good_rows, b.rejected_rows);
                    ids.push(id);
                }
                Err(e) => {
                    println!("✗ {}:{e}", s.file_name);
                    failed = true;
                }
            }
        }
        if args.load && !ids.is_empty() {
            let mode = args.mode.as_deref().and_then(Mode::find);
            let modes = ids.iter().filter_map(|id| Some((*id, mode?))).collect();
            office.load(&actor, &ids, &modes, args.confirmed).await?;
            println!("已载入 {} 份", ids.len());
        }
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}
