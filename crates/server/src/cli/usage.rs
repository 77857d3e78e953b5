//! Mistakes on the command line, said in Chinese with the way to mend them.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The message for a mistake; `None` where clap's own output is no mistake (help, version).
pub fn explain(e: &clap::Error) -> Option<String> {
    let of = |kind| {
        e.get(kind).map(|v| match v {
            ContextValue::Strings(all) => all.join("、"),
            other => other.to_string(),
        })
    };
    let arg = of(ContextKind::InvalidArg).unwrap_or_default();
    let value = of(ContextKind::InvalidValue).unwrap_or_default();
    let said = match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => format!("没有“{arg}”这个参数"),
        ErrorKind::InvalidSubcommand => {
            format!("没有“{}”这个命令", of(ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::MissingRequiredArgument => format!("缺少参数:{arg}"),
        ErrorKind::MissingSubcommand => "请写明要用的命令".to_owned(),
        ErrorKind::ArgumentConflict => {
            let other = of(ContextKind::PriorArg).unwrap_or_default();
            if other == arg { format!("“{arg}”写了两次") } else { format!("“{arg}”不能与“{other}”同用") }
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("“{arg}”后面缺少内容"),
        ErrorKind::InvalidValue => match of(ContextKind::ValidValue) {
            Some(valid) => format!("“{arg}”不能是“{value}”,可用的有:{valid}"),
            None => format!("“{arg}”不能是“{value}”"),
        },
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(e).map(|s| format!(":{s}")).unwrap_or_default();
            format!("“{arg}”的内容“{value}”不对{why}")
        }
        ErrorKind::InvalidUtf8 => "参数不是 UTF-8 文字".to_owned(),
        _ => format!("参数不对:{arg}"),
    };
    let near = of(ContextKind::SuggestedArg).or_else(|| of(ContextKind::SuggestedSubcommand));
    let near = near.map(|n| format!("。是不是想写“{n}”")).unwrap_or_default();
    Some(format!("{said}{near}。用 baoxue help 查看全部命令,baoxue help 命令 查看该命令的参数"))
}
