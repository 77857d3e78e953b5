//! The command line.

mod link;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// 保学:比对名册,找出应当在学而没有在学的孩子。
#[derive(Parser)]
#[command(name = "baoxue", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Link(link::Args),
}

/// Parses the command line and runs it. Errors go to standard error, in Chinese, with their causes.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Link(args) => link::run(args),
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
