//! `baoxue demo-data`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::demo;

/// 生成示范县的名册(人名、号码均为虚构)。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 在校学生数
    #[arg(long, value_name = "N", default_value_t = 38_391)]
    pupils: u32,
    /// 随机种子;相同种子得到相同的名册
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// 写到哪个文件夹
    #[arg(long, value_name = "文件夹")]
    out: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let f = demo::write(args.pupils, args.seed, &args.out)?;
    println!(
        "示范县:{} 所学校和教学点,{} 个班,在校 {} 人(小学 {}、初中 {}),留守 {},随迁 {},送教上门 {},残疾六周岁 {}",
        f.schools, f.classes, f.pupils, f.primary, f.junior, f.left_behind, f.migrant, f.home_taught, f.six_year_olds_disabled
    );
    println!("名册在 {}(真值在其中的 truth 文件夹)", args.out.display());
    Ok(ExitCode::SUCCESS)
}
