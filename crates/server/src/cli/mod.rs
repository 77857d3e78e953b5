//! The command line.

mod audit;
mod backup;
mod check;
pub mod compare;
mod demo;
mod doctor;
mod import;
mod installation;
pub mod link;
mod serve;
mod template;
mod usage;
mod user;

use std::process::ExitCode;

use baoxue_linkage::InProcess;
use clap::{Parser, Subcommand};

/// How help is laid out: with Chinese words where clap has English ones.
pub const HELP: &str = "{about-with-newline}\n用法:{usage}\n\n{all-args}";

/// 保学:比对名册,找出应当在学而没有在学的孩子。
#[derive(Parser)]
#[command(name = "baoxue", version, arg_required_else_help = true, help_template = HELP, subcommand_help_heading = "命令")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    Template(template::Args),
    Compare(Box<compare::Args>),
    Link(link::Args),
    DemoData(demo::Args),
    Serve(serve::Args),
    Migrate(installation::Args),
    Doctor(doctor::Args),
    Import(import::Args),
    User(user::Args),
    Audit(audit::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
}

/// Exit code of a mistake in the command line, as other programs have it.
const USAGE: u8 = 2;

/// Parses a command line; a mistake in it is explained in Chinese.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    C::try_parse().map_err(|e| match usage::explain(&e) {
        Some(said) => {
            eprintln!("错误:{said}");
            ExitCode::from(USAGE)
        }
        None => e.exit(),
    })
}

/// How a command ends. Errors go to standard error, with their causes.
pub fn exit(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|e| {
        eprintln!("错误:{e}");
        for cause in e.chain().skip(1) {
            eprintln!("  原因:{}", cause_of(cause));
        }
        ExitCode::FAILURE
    })
}

/// A cause in words.
fn cause_of(cause: &(dyn std::error::Error + 'static)) -> String {
    cause.downcast_ref::<std::io::Error>().map_or_else(|| cause.to_string(), baoxue_store::in_words)
}

/// An error with its causes, in one line.
fn told(e: &anyhow::Error) -> String {
    e.chain().map(cause_of).collect::<Vec<_>>().join(":")
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let cli: Cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    exit(match cli.command {
        Command::Check(args) => check::run(args),
        Command::Template(args) => template::run(args),
        Command::Compare(args) => compare::run(*args, &InProcess),
        Command::Link(args) => link::run(args, &InProcess),
        Command::DemoData(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Migrate(args) => installation::migrate(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Import(args) => import::run(args),
        Command::User(args) => user::run(args),
        Command::Audit(args) => audit::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
    })
}

/// A line on the terminal that says what is being done.
fn progress() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
