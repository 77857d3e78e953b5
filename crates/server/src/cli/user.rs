//! `baoxue user`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use baoxue_domain::access::Role;
use baoxue_domain::place::PlacePath;
use baoxue_store::RequestState;

use super::installation;
use super::installation::block_on;
use crate::app::access::confirmations::what;

/// 账号:新建、重置密码、列出。最初的三员(系统、安全、审计管理员)用它建立。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// 新建账号,打印初始密码
    #[command(help_template = super::HELP)]
    Add {
        #[command(flatten)]
        installation: installation::Args,
        /// 登录名
        #[arg(value_name = "登录名")]
        login: String,
        /// 姓名
        #[arg(long, value_name = "姓名")]
        name: String,
        /// 角色,例如 security-admin(安全管理员)
        #[arg(long, value_name = "角色")]
        role: String,
        /// 范围:区划代码(528801)、学校标识码或路径
        #[arg(long, value_name = "范围")]
        place: String,
    },
    /// 重置密码,打印新的初始密码
    #[command(help_template = super::HELP)]
    Reset {
        #[command(flatten)]
        installation: installation::Args,
        /// 登录名
        #[arg(value_name = "登录名")]
        login: String,
        /// 连同动态码一起重置(换了手机)
        #[arg(long)]
        forget_factor: bool,
    },
    /// 复核:列出待复核的账号事项;给编号则复核生效。本县只有一名管理员时用它
    #[command(help_template = super::HELP)]
    Confirm {
        #[command(flatten)]
        installation: installation::Args,
        /// 要复核生效的编号
        #[arg(value_name = "编号")]
        requests: Vec<i64>,
    },
    /// 列出账号
    #[command(help_template = super::HELP)]
    List {
        #[command(flatten)]
        installation: installation::Args,
    },
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    block_on(async {
        match args.command {
            Command::Add { installation, login, name, role, place } => {
                let office = installation.office().await?;
                let Some(role) = Role::find(&role) else {
                    let all: Vec<String> = Role::ALL.iter().map(|r| format!("{}({})", r.code(), r.label())).collect();
                    bail!("没有“{role}”这个角色;可用的有:{}", all.join("、"));
                };
                let path = match office.place_named(None, &place).await? {
                    Some(p) => p,
                    // before any place was imported, the first administrators are given by code
                    None => PlacePath::parse(&place)
                        .or_else(|| baoxue_domain::place::PlaceCode::parse(&place).map(PlacePath::of_code))
                        .with_context(|| format!("范围“{place}”不对,请写区划代码,例如 528801"))?,
                };
                let password = office.add_person(None, &login, &name, &[(role, path.clone())]).await?;
                println!("已新建“{login}”({} {path}),初始密码:{password}(首次登录须修改)", role.label());
            }
            Command::Reset { installation, login, forget_factor } => {
                let office = installation.office().await?;
                let password = office.reset_password(&login, forget_factor).await?;
                println!("“{login}”的新初始密码:{password}(首次登录须修改;所有设备已退出)");
            }
            Command::Confirm { installation, requests } => {
                let office = installation.office().await?;
                for id in &requests {
                    let r = office.decide_request(None, *id, true).await?;
                    println!("已复核生效:{}({}) {}", r.name, r.login, what(&r));
                }
                let left = office.store.requests(RequestState::Vouched, None, office.now()).await?;
                if left.is_empty() {
                    println!("没有待复核的事项");
                }
                for r in &left {
                    let by = r.vouched_by.as_ref().map_or("", |v| v.1.as_str());
                    println!("待复核 {}:{}({}) {},{by}经办", r.id, r.name, r.login, what(r));
                }
            }
            Command::List { installation } => {
                let office = installation.office().await?;
                let grants = office.store.grants(None).await?;
                for a in office.store.accounts().await? {
                    let roles: Vec<String> = grants
                        .iter()
                        .filter(|g| g.account == a.id && g.valid_to.is_none())
                        .map(|g| format!("{} {}", g.role.label(), g.path))
                        .collect();
                    let state = if a.disabled_at.is_some() { "(已停用)" } else { "" };
                    println!("{}{state}  {}  {}", a.login, a.name, roles.join(";"));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
