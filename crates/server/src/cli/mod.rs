//! The command line.

mod audit;
mod backup;
mod check;
mod compare;
mod demo;
mod doctor;
mod import;
mod installation;
mod link;
mod serve;
mod template;
mod usage;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How help is laid out: with Chinese words where clap has English ones.
const HELP: &str = "{about-with-newline}\n用法:{usage}\n\n{all-args}";

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

/// Parses the command line and runs it. Errors go to standard error, in Chinese, with their causes.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => match usage::explain(&e) {
            Some(said) => {
                eprintln!("错误:{said}");
                return ExitCode::from(USAGE);
            }
            None => e.exit(),
        },
    };
    let done = match cli.command {
        Command::Check(args) => check::run(args),
        Command::Template(args) => template::run(args),
        Command::Compare(args) => compare::run(*args),
        Command::Link(args) => link::run(args),
        Command::DemoData(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Migrate(args) => installation::migrate(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Import(args) => import::run(args),
        Command::User(args) => user::run(args),
        Command::Audit(args) => audit::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
    };
    match done {
        Ok(code) => code,
        Err(e) => {
            eprintln!("错误:{e}");
            for cause in e.chain().skip(1) {
                eprintln!("  原因:{cause}");
            }
            ExitCode::FAILURE
        }
    }
}

/// A line on the terminal that says what is being done.
fn progress() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
