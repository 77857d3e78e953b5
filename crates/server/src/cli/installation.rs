//! Where an installation keeps its things: data folder, database, keys. The same for all commands that need them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use baoxue_store::{FileBucket, Store, Vault};

use crate::app::clock::Clock;
use crate::app::office::Office;
use crate::app::process;

/// 建立或升级数据库。
#[derive(clap::Args, Clone)]
#[group(id = "installation")]
#[command(help_template = super::HELP, next_help_heading = "参数")]
pub struct Args {
    /// 数据文件夹:加密的名册、佐证,以及不另给 --database 时的数据库
    #[arg(long, value_name = "文件夹", env = "BAOXUE_DATA", default_value = "baoxue-data")]
    pub data: PathBuf,
    /// 数据库:sqlite:文件 或 postgres://用户:口令@主机/库名;不给时是数据文件夹里的 baoxue.db
    #[arg(long, value_name = "地址", env = "BAOXUE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// 名册和佐证(加密后)存到对象存储,例如 s3+https://主机:端口/桶名/前缀?region=区域;钥匙用环境变量 BAOXUE_S3_KEY 和 BAOXUE_S3_SECRET 给
    #[arg(long, value_name = "地址", env = "BAOXUE_FILES")]
    pub files: Option<String>,
    /// 对象存储的证书由谁签发(PEM);不给时用系统的
    #[arg(long, value_name = "文件", env = "BAOXUE_FILES_CA", requires = "files")]
    pub files_ca: Option<PathBuf>,
    /// 密钥文件;不给时是数据文件夹里的 baoxue.key
    #[arg(long, value_name = "文件", env = "BAOXUE_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// Name of the key file.
const KEY_FILE: &str = "baoxue.key";

impl Args {
    pub fn database_url(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("sqlite:{}", self.data.join("baoxue.db").display()))
    }

    /// Where the key file lies: as said, as a credential that systemd gives, or beside the data.
    pub fn key_path(&self) -> PathBuf {
        let credential = || {
            let file = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(KEY_FILE);
            file.exists().then_some(file)
        };
        self.key_file.clone().or_else(credential).unwrap_or_else(|| self.data.join(KEY_FILE))
    }

    /// Whether whoever takes the data folder takes the key with it.
    pub fn key_lies_with_data(&self) -> bool {
        let whole = |p: &std::path::Path| std::fs::canonicalize(p).unwrap_or_else(|_| p.to_owned());
        std::env::var_os("BAOXUE_KEY").is_none() && whole(&self.key_path()).starts_with(whole(&self.data))
    }

    /// The keys: from `BAOXUE_KEY` (the text of a key file) or from the file.
    pub fn vault(&self) -> anyhow::Result<Vault> {
        if let Ok(text) = std::env::var("BAOXUE_KEY") {
            return Ok(Vault::from_text(&text)?);
        }
        let path = self.key_path();
        if !path.exists() {
            bail!("找不到密钥文件 {};第一次使用请运行 baoxue serve 或 baoxue migrate,会自动生成", path.display());
        }
        Ok(Vault::from_file(&path)?)
    }

    /// Makes folder and key where there are none yet. A key is never made beside a database that was used with another one.
    pub fn prepare(&self) -> anyhow::Result<bool> {
        std::fs::create_dir_all(&self.data).with_context(|| format!("无法建立数据文件夹 {}", self.data.display()))?;
        process::close_to_others(&self.data)
            .with_context(|| format!("不能把数据文件夹 {} 设成只有本用户可读", self.data.display()))?;
        let path = self.key_path();
        if std::env::var_os("BAOXUE_KEY").is_some() || path.exists() {
            return Ok(false);
        }
        if self.database.is_none() && self.data.join("baoxue.db").exists() {
            bail!("数据库 {} 已有内容,而密钥文件 {} 不见了;请放回原来的密钥文件", self.database_url(), path.display());
        }
        write_secret(&path, &Vault::new_key_file()?).with_context(|| format!("无法写入密钥文件 {}", path.display()))?;
        Ok(true)
    }

    /// Where files are at home, if not in the data folder.
    fn bucket(&self) -> anyhow::Result<Option<FileBucket>> {
        let Some(address) = &self.files else { return Ok(None) };
        use_ring();
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        Ok(Some(FileBucket::new(address, &text("BAOXUE_S3_KEY"), &text("BAOXUE_S3_SECRET"), self.files_ca.as_deref())?))
    }

    /// Opens the database, whatever its version.
    pub async fn store(&self) -> anyhow::Result<Store> {
        let store = Store::open(&self.database_url(), &self.data, self.vault()?).await?;
        Ok(store.with_bucket(self.bucket()?))
    }

    /// Opens the database as it is.
    pub async fn open(&self) -> anyhow::Result<Store> {
        let store = self.store().await?;
        let (found, known) = (store.schema_version().await?, Store::newest_schema());
        if found < known {
            bail!("数据库的版本是 {found},程序需要 {known};请先运行 baoxue migrate(或 baoxue serve)");
        }
        Ok(store)
    }

    /// Opens the database for the use cases.
    pub async fn office(&self) -> anyhow::Result<Office> {
        Ok(Office::new(self.open().await?, Clock::default()))
    }
}

#[cfg(unix)]
fn write_secret(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // only the owner may read it
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_secret(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}

/// TLS by ring, whoever asks for it first.
pub fn use_ring() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Runs something that waits.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

pub fn migrate(args: &Args) -> anyhow::Result<ExitCode> {
    if args.prepare()? {
        println!("已生成密钥文件 {}。请另存一份到离线介质,与备份分开保管", args.key_path().display());
    }
    block_on(async {
        let store = args.store().await?;
        let applied = store.migrate().await?;
        if applied.is_empty() {
            println!("数据库已是最新版本({})", Store::newest_schema());
        } else {
            println!("数据库已升级到版本 {}", Store::newest_schema());
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    })
}
