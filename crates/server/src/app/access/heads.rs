//! 封印 (heads of the sealed log), written to a file outside of the database: whoever cuts off the end of the log cannot cut it off there.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use baoxue_store::{Head, StoreError};

use crate::app::office::{Office, Result};

/// Name of the file in the data folder.
const FILE: &str = "audit-heads.log";

/// Where heads are written when nothing else was said.
pub fn default_file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The heads of a file, each with its moment before it. Lines of earlier versions had no number, and are passed over.
pub fn read(file: &Path) -> std::io::Result<Vec<Head>> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().filter_map(|l| l.split_whitespace().last()?.parse().ok()).collect())
}

/// What a look at the whole log found.
pub struct Checked {
    /// In words.
    pub said: String,
    pub good: bool,
    pub head: Option<Head>,
}

impl Office {
    fn heads_file(&self) -> PathBuf {
        self.audit_heads.clone().unwrap_or_else(|| default_file(self.store.folder()))
    }

    /// Writes the end of the log to the file of heads, if it has grown.
    pub async fn note_head(&self) -> Result<()> {
        let Some(head) = self.store.audit_head().await? else { return Ok(()) };
        let file = self.heads_file();
        if read(&file).is_ok_and(|all| all.last() == Some(&head)) {
            return Ok(());
        }
        let t = self.clock.now();
        let line = format!("{} {:02}:{:02} {head}\n", t.date(), t.hour(), t.minute());
        let mut out = OpenOptions::new().create(true).append(true).open(file).map_err(StoreError::from)?;
        out.write_all(line.as_bytes()).map_err(StoreError::from)?;
        Ok(self.store.head_was_written().await?)
    }

    /// Looks whether the log is whole: every row, its end, and every head that was written elsewhere.
    pub async fn check_log(&self, heads: Option<&Path>, also: Option<Head>) -> Result<Checked> {
        let v = self.store.verify_audit().await?;
        let bad = |said: String| {
            Ok(Checked { said: format!("{said}。请立即保全数据库和备份,并报告"), good: false, head: None })
        };
        if let Some(b) = v.broken {
            return bad(b.to_string());
        }
        let file = heads.map_or_else(|| self.heads_file(), Path::to_owned);
        let mut known = match read(&file) {
            Ok(known) => known,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.store.heads_written().await? == 0 => Vec::new(),
            Err(_) => return bad(format!("封印文件 {} 不见了或读不出来(放在别处的请指明)", file.display())),
        };
        let written = known.len() as i64;
        let counted = self.store.heads_written().await?;
        if written < counted {
            return bad(format!("封印文件 {} 里少了 {} 行", file.display(), counted - written));
        }
        known.extend(also);
        if let Some(lost) = self.store.lost_head(&known).await? {
            return bad(format!("以前记下的封印 {} 与日志不符:日志曾被截断或替换", lost.id));
        }
        let said = format!("日志完整:共 {} 条,逐条相扣;{written} 个另存的封印都相符", v.rows);
        Ok(Checked { said, good: true, head: v.head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = default_file(folder.path());
        std::fs::write(&file, "2023-10-09 09:01 ab12\n2023-10-09 09:02 7:cd34\n").unwrap();
        assert_eq!(read(&file).unwrap(), [Head { id: 7, tag: "cd34".into() }]);
    }
}
