//! `baoxue link`.

use std::path::PathBuf;
use std::process::ExitCode;

use baoxue_linkage::Engine;
use baoxue_linkage::evaluate::Quality;

use crate::app::link::report::expected;
use crate::app::link::reviewed::{range, reliability};
use crate::app::link::{Outcome, Request, run as run_link, without_rows};

/// 比对两个或多个 CSV/Parquet 文件,或在一个文件内查重。
#[derive(clap::Args)]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 要比对的文件:左、右……
    #[arg(required = true, value_name = "文件")]
    pub files: Vec<PathBuf>,
    /// 在一个文件内查找同一人的多条记录
    #[arg(long)]
    dedupe: bool,
    /// 设置文件(TOML);不给时按表头推断
    #[arg(long, value_name = "文件")]
    settings: Option<PathBuf>,
    /// 认定表(CSV):review.csv 或 pairs.csv 加一列 decision,填 same 或 different;可给多次,后面的为准
    #[arg(long, value_name = "文件")]
    decisions: Vec<PathBuf>,
    /// 让权重也从认定中学习;不给时认定只约束它说到的那几对
    #[arg(long, requires = "decisions")]
    retrain: bool,
    /// 结果文件夹
    #[arg(long, value_name = "文件夹")]
    out: PathBuf,
    /// 另列第一个文件里有、这个文件里没有的人(应是要比对的文件之一,可给多次);给的是第一个文件时,列第二个里有、第一个里没有的
    #[arg(long, value_name = "文件", conflicts_with = "dedupe")]
    pub absent_from: Vec<PathBuf>,
    /// 另写一页比对说明(HTML):证据轻重、分块规则、门槛、逐对说明
    #[arg(long, value_name = "文件")]
    report: Option<PathBuf>,
    /// 真值所在的列:只用来评价结果,不参与比对
    #[arg(long, value_name = "列")]
    truth: Option<String>,
    /// 使用的线程数;默认用全部处理器。结果与线程数无关
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs the command; `engine` compares the pairs.
pub fn run(args: Args, engine: &dyn Engine) -> anyhow::Result<ExitCode> {
    if let Some(n) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(n)).build_global()?;
    }
    let request = Request {
        files: args.files,
        dedupe: args.dedupe,
        settings: args.settings,
        decisions: args.decisions,
        retrain: args.retrain,
        absent_from: args.absent_from,
        out: args.out,
        report: args.report,
        truth: args.truth,
    };
    let bar = super::progress();
    let outcome = run_link(&request, engine, &|stage| bar.set_message(stage_name(stage)));
    bar.finish_and_clear();
    print(&outcome?, &request);
    Ok(ExitCode::SUCCESS)
}

fn stage_name(stage: &str) -> &'static str {
    match stage {
        "read" => "读取文件",
        "encode" => "整理记录",
        "block-sharp" => "查找候选(精确规则)",
        "train" => "学习权重",
        "block-broad" => "查找候选(宽松规则)",
        "assign" => "逐一配对",
        "left-over" => "再找落单记录",
        "cluster" => "合并成人",
        _ => "写出结果",
    }
}

fn print(o: &Outcome, request: &Request) {
    if o.inferred {
        println!("按表头推断的设置(可存为文件,用 --settings 给出):\n\n{}", o.settings.to_toml());
    }
    let l = &o.linkage;
    for (i, name) in o.table_names.iter().enumerate() {
        println!(
            "{name}:{} 行,未匹配 {} 行(预计其中 {} 确实无对应记录)",
            l.counts.rows[i],
            l.unmatched[i].len(),
            expected(l.unmatched_precision[i], l.unmatched[i].len())
        );
    }
    println!(
        "匹配 {} 对,待人工认定 {} 对,合并为 {} 人;预计准确率 {}",
        l.links.len(),
        l.review.len(),
        l.clusters.len(),
        expected(l.estimated_precision, l.links.len())
    );
    without_rows(l, &o.table_names).iter().for_each(|hint| println!("{hint}"));
    o.absent.iter().for_each(|a| println!("{}", a.sentence(&o.table_names)));
    for c in &l.capped {
        println!("提示:规则“{}”有 {} 组过大,{} 对未按此规则比较", c.rule, c.blocks, c.pairs);
    }
    let said = &o.said;
    if said.decisions.len() + said.outdated + said.blank > 0 {
        let learned = if o.settings.retrain { ",权重也从中学习" } else { "" };
        println!("采用人工认定 {} 条{learned};{} 条说的记录已不在,{} 条未填", said.decisions.len(), said.outdated, said.blank);
    }
    for b in reliability(&said.judged) {
        let (low, high) = range(b.same, b.decided);
        println!(
            "  概率 {}–{}:认定 {} 对,其中同一人 {:.0}%(95% 区间 {:.0}%–{:.0}%),程序预计 {:.0}%",
            b.from,
            b.to,
            b.decided,
            100.0 * b.same as f64 / b.decided as f64,
            100.0 * low,
            100.0 * high,
            100.0 * b.expected
        );
    }
    if let Some(e) = &o.evaluation {
        print_quality("匹配对", e.pairs);
        println!("候选召回率 {:.5}(同一人的行对中,有多少进入了候选)", e.candidate_recall);
        for (name, q) in o.table_names.iter().zip(&e.unmatched) {
            print_quality(&format!("未匹配名单 {name}"), *q);
        }
        for a in &o.absent {
            if let Some(q) = a.quality {
                print_quality(&format!("不在 {} 的名单", o.table_names[usize::from(a.source)]), q);
            }
        }
    }
    let seconds: f64 = o.timings.iter().map(|t| t.seconds).sum();
    let memory = o.peak_memory_bytes.map_or(String::new(), |b| format!(",内存峰值 {} MB", b >> 20));
    println!("用时 {seconds:.1} 秒{memory};结果在 {}", request.out.display());
}

fn print_quality(what: &str, q: Quality) {
    println!(
        "{what}:准确率 {:.4},召回率 {:.4},F1 {:.4}(列出 {},其中对 {},应有 {})",
        q.precision, q.recall, q.f1, q.named, q.right, q.there
    );
}
