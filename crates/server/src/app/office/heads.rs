//! 封印 (heads of the sealed log), written to a file outside of the database: whoever cuts off the end of the log cannot cut it off there.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use baoxue_store::StoreError;

use super::{Office, Result};

/// Name of the file in the data folder.
const FILE: &str = "audit-heads.log";

/// Where heads are written when nothing else was said.
pub fn default_file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The heads of a file, each with its moment before it.
pub fn read(file: &Path) -> std::io::Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().filter_map(|l| l.split_whitespace().last()).map(str::to_owned).collect())
}

impl Office {
    /// Seals what is settled, and writes the new head to the file of heads.
    pub async fn seal(&self) -> Result<()> {
        if self.store.seal_audit(self.now()).await? == 0 {
            return Ok(());
        }
        let Some(head) = self.store.audit_head().await? else { return Ok(()) };
        let t = self.clock.now();
        let line = format!("{} {:02}:{:02} {head}\n", t.date(), t.hour(), t.minute());
        let file = self.audit_heads.clone().unwrap_or_else(|| default_file(self.store.folder()));
        let mut out = OpenOptions::new().create(true).append(true).open(file).map_err(StoreError::from)?;
        out.write_all(line.as_bytes()).map_err(StoreError::from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = default_file(folder.path());
        std::fs::write(&file, "2023-10-09 09:01 ab12\n2023-10-09 09:02 cd34\n").unwrap();
        assert_eq!(read(&file).unwrap(), ["ab12", "cd34"]);
    }
}
