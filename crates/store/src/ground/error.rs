//! What can go wrong with keeping things, in words that say how to mend it.

use thiserror::Error;

/// Result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why something could not be kept or found.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The address of the database cannot be read.
    #[error("数据库地址写错了:应为 sqlite:文件路径 或 postgres://用户:口令@主机/库名")]
    BadUrl,
    /// The database does not answer.
    #[error("连不上数据库。请检查数据库服务是否在运行、网络是否通,然后重试;已保存的内容不受影响")]
    Away(#[source] sqlx::Error),
    /// Too many at once, or a long write.
    #[error("数据库正忙,这次没有保存。请稍等几秒再试")]
    Busy(#[source] sqlx::Error),
    /// No room on the disk.
    #[error("磁盘已满,这次没有保存,原有内容不受影响。请清理磁盘或扩容后重试")]
    DiskFull,
    /// A rule of the database was broken: two wrote the same thing.
    #[error("这条记录刚被别人改过,请刷新后再试")]
    Conflict(#[source] sqlx::Error),
    /// The schema is newer than the program.
    #[error("数据库的版本({found})比本程序({known})新,请用新版程序打开")]
    SchemaTooNew {
        /// Version in the database.
        found: i64,
        /// Newest version that the program knows.
        known: i64,
    },
    /// The schema is of a build before the first release.
    #[error(
        "这个数据库是正式版之前的程序建的,不能升级。请换一个新的数据文件夹(或新数据库)重新导入;演示数据可以直接删除 demo/data 再启动"
    )]
    SchemaBeforeRelease,
    /// Something encrypted cannot be opened.
    #[error("密钥“{0}”不在密钥文件中,无法解密。请放回原来的密钥文件")]
    KeyMissing(String),
    /// Something encrypted was changed or cut.
    #[error("加密内容已损坏或被改动,无法解密")]
    Damaged,
    /// The key file cannot be used.
    #[error("密钥文件不能用:{0}")]
    KeyFile(String),
    /// A file could not be read or written.
    #[error("文件读写失败:{}", in_words(.0))]
    File(#[source] std::io::Error),
    /// Where files are at home cannot be reached, or refuses.
    #[error("{0}")]
    Bucket(String),
    /// A backup cannot be put back.
    #[error("{0}")]
    Restore(String),
    /// The name or code of a place cannot stand in a path.
    #[error("“{0}”的名称或代码太长,或含有空格,不能使用;请改短后再试")]
    BadPlace(String),
    /// A job's lease went to another worker.
    #[error("这项任务已由另一个进程接手")]
    Fenced,
    /// A value that this version does not know.
    #[error("数据库里的 {what} 是“{found}”,本程序不认识,可能由更新的版本写入。请用新版程序打开")]
    Unreadable {
        /// Table and column.
        what: &'static str,
        /// What stands there.
        found: String,
    },
    /// Anything else of the database.
    #[error("数据库出错")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// A value that this version does not know.
    pub(crate) fn unreadable(what: &'static str, found: &str) -> Self {
        Self::Unreadable { what, found: found.chars().take(40).collect() }
    }

    /// Whether the same may work in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Busy(_) | Self::Conflict(_))
    }
}

/// What the system says of a file, in words; rare ones with the system's own number.
pub fn in_words(e: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    let words = match e.kind() {
        K::NotFound => "没有这个文件或文件夹",
        K::PermissionDenied => "没有读写的权限",
        K::AlreadyExists => "已经存在",
        K::StorageFull | K::QuotaExceeded => "磁盘已满",
        K::IsADirectory => "这是文件夹,不是文件",
        K::NotADirectory => "路径中有一段不是文件夹",
        K::ReadOnlyFilesystem => "磁盘是只读的",
        K::AddrInUse => "端口被占用",
        K::InvalidFilename => "文件名不能用",
        K::UnexpectedEof => "文件不完整",
        _ => return e.raw_os_error().map_or_else(|| e.to_string(), |n| format!("系统错误 {n}")),
    };
    words.to_owned()
}

/// PostgreSQL's disk_full, SQLite's SQLITE_FULL.
const DISK_FULL: [&str; 2] = ["53100", "13"];
/// Serialisation failure, deadlock, SQLITE_BUSY and its kin.
const BUSY: [&str; 7] = ["40001", "40P01", "55P03", "5", "6", "261", "517"];
/// Server shutting down, crashed or starting; too many connections.
const AWAY: [&str; 5] = ["57P01", "57P02", "57P03", "53300", "08006"];

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => Self::Away(e),
            sqlx::Error::PoolTimedOut => Self::Busy(e),
            sqlx::Error::Database(d) => {
                let code = d.code().unwrap_or_default();
                let code = code.as_ref();
                if DISK_FULL.contains(&code) {
                    Self::DiskFull
                } else if BUSY.contains(&code) {
                    Self::Busy(e)
                } else if AWAY.contains(&code) {
                    Self::Away(e)
                } else if d.is_unique_violation() || d.is_foreign_key_violation() {
                    Self::Conflict(e)
                } else {
                    Self::Database(e)
                }
            }
            _ => Self::Database(e),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(e: std::io::Error) -> Self {
        if e.kind() == std::io::ErrorKind::StorageFull { Self::DiskFull } else { Self::File(e) }
    }
}

impl StoreError {
    /// Stable code for logs and clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUrl => "bad-url",
            Self::Away(_) => "database-away",
            Self::Busy(_) => "database-busy",
            Self::DiskFull => "disk-full",
            Self::Conflict(_) => "conflict",
            Self::SchemaTooNew { .. } => "schema-too-new",
            Self::SchemaBeforeRelease => "schema-before-release",
            Self::KeyMissing(_) => "key-missing",
            Self::Damaged => "damaged",
            Self::KeyFile(_) => "key-file",
            Self::File(_) => "file",
            Self::Bucket(_) => "file-storage",
            Self::Restore(_) => "restore",
            Self::BadPlace(_) => "bad-place",
            Self::Fenced => "fenced",
            Self::Unreadable { .. } => "unreadable",
            Self::Database(_) => "database",
        }
    }
}
