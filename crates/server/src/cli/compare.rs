//! `baoxue compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use baoxue_domain::ledger::LedgerKind;
use baoxue_domain::roster::SourceKind;
use baoxue_domain::school::SchoolYear;
use baoxue_domain::verdict::VerdictGroup;
use baoxue_linkage::Engine;

use crate::app::clock;
use crate::app::comparison::{Outcome, Request, Summary, run as run_compare};
use crate::app::roster::reading::read_mapping;

/// 比对名册,得出每个孩子的判定和三本台账。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 名册文件;是哪一种自动识别
    #[arg(value_name = "文件")]
    pub files: Vec<PathBuf>,
    /// 户籍名册(公安)
    #[arg(long, value_name = "文件")]
    household: Vec<PathBuf>,
    /// 学籍名册
    #[arg(long, value_name = "文件")]
    students: Vec<PathBuf>,
    /// 出生名册(卫健)
    #[arg(long, value_name = "文件")]
    births: Vec<PathBuf>,
    /// 脱贫户和监测对象名册(乡村振兴)
    #[arg(long, value_name = "文件")]
    poverty: Vec<PathBuf>,
    /// 持证残疾儿童名册(残联)
    #[arg(long, value_name = "文件")]
    disability: Vec<PathBuf>,
    /// 在校学生实名册
    #[arg(long, value_name = "文件")]
    in_school: Vec<PathBuf>,
    /// 批准延缓入学名册
    #[arg(long, value_name = "文件")]
    postponed: Vec<PathBuf>,
    /// 中考报名名册
    #[arg(long, value_name = "文件")]
    exam: Vec<PathBuf>,
    /// 上学年学籍名册(用于小升初、初中毕业去向核查)
    #[arg(long, value_name = "文件")]
    last_year: Vec<PathBuf>,
    /// 幼儿园大班毕业名册(用于幼升小核查)
    #[arg(long, value_name = "文件")]
    kindergarten: Vec<PathBuf>,
    /// 学年开始的年份,例如 2023
    #[arg(long, value_name = "年份")]
    school_year: SchoolYear,
    /// 结果文件夹
    #[arg(long, value_name = "文件夹")]
    out: PathBuf,
    /// 填好的 review.xlsx;可给多次,后面的为准
    #[arg(long, value_name = "文件")]
    decisions: Vec<PathBuf>,
    /// 让权重也从认定中学习;不给时认定只约束它说到的那几对
    #[arg(long, requires = "decisions")]
    retrain: bool,
    /// 列对应文件(TOML):表头 = 字段
    #[arg(long, value_name = "文件")]
    mapping: Option<PathBuf>,
    /// 与哪一次的结果比较;默认与结果文件夹里原有的结果比较
    #[arg(long, value_name = "文件夹")]
    previous: Option<PathBuf>,
    /// 比对日期,默认今天
    #[arg(long, value_name = "日期")]
    today: Option<jiff::civil::Date>,
    /// 单位名称,写在台账标题上
    #[arg(long, value_name = "名称", default_value = "")]
    unit: String,
    /// 使用的线程数;结果与线程数无关
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs the command; `engine` compares the pairs.
pub fn run(args: Args, engine: &dyn Engine) -> anyhow::Result<ExitCode> {
    if let Some(n) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(n)).build_global()?;
    }
    let said: [(Vec<PathBuf>, SourceKind); 10] = [
        (args.household, SourceKind::Household),
        (args.students, SourceKind::Student),
        (args.births, SourceKind::Births),
        (args.poverty, SourceKind::Poverty),
        (args.disability, SourceKind::Disability),
        (args.in_school, SourceKind::InSchool),
        (args.postponed, SourceKind::Postponed),
        (args.exam, SourceKind::Exam),
        (args.last_year, SourceKind::LastYear),
        (args.kindergarten, SourceKind::Kindergarten),
    ];
    let mut files: Vec<(PathBuf, Option<SourceKind>)> = args.files.into_iter().map(|f| (f, None)).collect();
    files.extend(said.into_iter().flat_map(|(paths, kind)| paths.into_iter().map(move |p| (p, Some(kind)))));
    anyhow::ensure!(!files.is_empty(), "没有给名册文件;例如:baoxue compare 户籍.xlsx 学籍.xlsx --school-year 2023 --out 结果");
    let request = Request {
        files,
        year: args.school_year,
        out: args.out,
        decisions: args.decisions,
        retrain: args.retrain,
        mapping: args.mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default(),
        previous: args.previous,
        today: args.today.unwrap_or_else(clock::today),
        unit: args.unit,
    };
    let bar = super::progress();
    let outcome = run_compare(&request, engine, &|stage| bar.set_message(stage_name(stage)));
    bar.finish_and_clear();
    print(&outcome?, &request);
    Ok(ExitCode::SUCCESS)
}

fn stage_name(stage: &str) -> &'static str {
    match stage {
        "read" => "读取和检查名册……",
        "encode" => "整理记录……",
        "block-sharp" | "block-broad" => "查找可能是同一人的记录……",
        "train" => "学习各列的可信程度……",
        "assign" | "cluster" => "逐一配对、合并成人……",
        "decide" => "逐人判定……",
        _ => "写出台账……",
    }
}

fn print(o: &Outcome, request: &Request) {
    let s = &o.summary;
    println!("══ {}比对结果 ══  {}  {}\n", if s.unit.is_empty() { "" } else { &s.unit }, request.year, s.compared_on);
    println!("名册");
    for r in &s.rosters {
        let problems = r.dropped + r.to_confirm + r.rejected;
        println!("  {}({}):{} 行,{} 行有问题,其中 {} 行未载入", r.label, r.file, r.rows, problems, r.rejected);
        if !r.ignored_sheets.is_empty() {
            println!("    没有读的:{}", r.ignored_sheets.join("、"));
        }
    }
    let of = |g: VerdictGroup| s.groups.get(&g).copied().unwrap_or(0);
    println!(
        "\n儿童 {} 人(其中法定年龄段 {} 人):在学 {},有说明 {},须查清 {},未见就读记录 {}\n",
        s.children,
        s.in_cohorts,
        of(VerdictGroup::InSchool),
        of(VerdictGroup::Explained),
        of(VerdictGroup::ToVerify),
        of(VerdictGroup::Missing)
    );
    for group in [VerdictGroup::Missing, VerdictGroup::ToVerify, VerdictGroup::Explained, VerdictGroup::InSchool] {
        let list: Vec<String> = s
            .verdicts
            .iter()
            .filter(|v| v.group == group && v.children > 0)
            .map(|v| format!("{} {}", v.label, v.children))
            .collect();
        if !list.is_empty() {
            println!("  {}:{}", group.label(), list.join(";"));
        }
    }
    println!();
    for l in LedgerKind::ALL {
        println!("  {}:{} 人", l.title(), s.ledgers.get(&l).copied().unwrap_or(0));
    }
    for t in s.transitions.iter().filter(|t| t.leavers > 0) {
        println!("  {}:应衔接 {} 人,未见 {} 人", t.passage, t.leavers, t.unseen);
    }
    if !s.schools_without_roll.is_empty() {
        let pupils: usize = s.schools_without_roll.values().sum();
        let names: Vec<&str> = s.schools_without_roll.keys().take(5).map(String::as_str).collect();
        let more = if s.schools_without_roll.len() > names.len() { "等" } else { "" };
        println!(
            "  提醒:{}{more} {} 所学校没有交在校实名名册,其 {pupils} 名学生只凭学籍判为在学,是否在校未核对",
            names.join("、"),
            s.schools_without_roll.len()
        );
    }
    changes(s);
    let memory = o.peak_memory_bytes.map_or(String::new(), |b| format!(",内存峰值 {} MB", b >> 20));
    let seconds: f64 = o.timings.iter().map(|t| t.seconds).sum();
    println!("\n台账和名单在 {}(用时 {seconds:.1} 秒{memory})", request.out.display());
    if s.review_pairs > 0 {
        println!("有 {} 对记录机器不能断定:请在 review.xlsx 里填“认定”,再加 --decisions 比对一次", s.review_pairs);
    }
}

fn changes(s: &Summary) {
    if s.decisions_used + s.decisions_outdated + s.decisions_blank > 0 {
        println!(
            "  人工认定:采用 {} 条{},已失效(名册已改)的 {} 条,未填 {} 条",
            s.decisions_used,
            if s.learned { "(权重也从中学习)" } else { "" },
            s.decisions_outdated,
            s.decisions_blank
        );
    }
    if let Some(c) = &s.change {
        println!(
            "  与 {} 相比:未见就读记录新增 {},减少 {},仍在 {};来源中消失 {} 人",
            c.since, c.newly_missing, c.no_longer_missing, c.still_missing, c.vanished
        );
    }
}
