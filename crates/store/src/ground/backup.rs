//! 备份 (backup): tables and encrypted files as one encrypted archive, consistent while others write; it can be put back into either
//! database. The keys are not in it.
//!
//! A tar in an envelope: `manifest.json`, `tables/NAME/PART.jsonl` (a JSON array a row, bytes in hexadecimal), `files/KIND/ID` as they lie on disk.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ground::error::{Result, StoreError};
use crate::{EnvelopeReader, EnvelopeWriter, Row, Store, Value, binds};

/// All tables, those first to which others refer.
const TABLES: [&str; 65] = [
    "account",
    "account_request",
    "account_notice",
    "device",
    "role_grant",
    "roll_over",
    "session",
    "place",
    "catchment",
    "class_count",
    "setting",
    "batch",
    "heading",
    "school_alias",
    "run",
    "run_batch",
    "run_report",
    "child",
    "child_profile",
    "child_past",
    "child_event",
    "child_source",
    "child_search",
    "ledger_entry",
    "run_change",
    "review_pair",
    "decision",
    "finding",
    "case_file",
    "series",
    "case_ground",
    "contact",
    "contact_case",
    "case_ask",
    "case_return",
    "case_check",
    "case_paper",
    "task",
    "event",
    "file",
    "proof",
    "holiday",
    "school_term",
    "day_exception",
    "roll_class",
    "roll_list",
    "register",
    "register_version",
    "register_mark",
    "leave_of_absence",
    "warning",
    "contact_warning",
    "watch",
    "boarder",
    "newcomer",
    "roll_duty",
    "learning_record",
    "offline_key",
    "offline_device",
    "offline_record",
    "offline_part",
    "establishment",
    "standing",
    "job",
    "audit",
];
/// Rows of a part: what is held in memory at a time.
const ROWS_A_PART: usize = 10_000;

/// What a backup is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the schema.
    pub schema: i64,
    /// When it was made, epoch milliseconds.
    pub made_at: i64,
    /// Rows by table.
    pub rows: Vec<(String, u64)>,
    /// Files.
    pub files: usize,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(hex.get(i * 2..i * 2 + 2)?, 16).ok()).collect()
}

fn json(row: &Row, kinds: &[String]) -> Result<serde_json::Value> {
    let values = kinds.iter().enumerate().map(|(i, kind)| {
        Ok(match kind.as_str() {
            "number" => row.opt_int(i)?.map_or(serde_json::Value::Null, Into::into),
            "bytes" => row.opt_bytes(i)?.map_or(serde_json::Value::Null, |b| hex(&b).into()),
            _ => row.opt_text(i)?.map_or(serde_json::Value::Null, Into::into),
        })
    });
    Ok(serde_json::Value::Array(values.collect::<Result<_>>()?))
}

fn value(json: &serde_json::Value, kind: &str) -> Result<Value> {
    let text = json.as_str();
    Ok(match kind {
        "number" => Value::Int(json.as_i64()),
        "bytes" => Value::Bytes(text.map(|t| bytes_of(t).ok_or(StoreError::Damaged)).transpose()?),
        _ => Value::Text(text.map(str::to_owned)),
    })
}

fn add(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    Ok(archive.append_data(&mut header, name, bytes)?)
}

impl Store {
    async fn columns(&self) -> Result<Vec<(String, Vec<String>, Vec<String>)>> {
        let schema = self.schema().await?;
        Ok(TABLES
            .iter()
            .chain(["counter"].iter())
            .map(|t| {
                let of: Vec<_> = schema.iter().filter(|c| c.0 == *t).collect();
                ((*t).to_owned(), of.iter().map(|c| c.1.clone()).collect(), of.iter().map(|c| c.2.clone()).collect())
            })
            .collect())
    }

    /// Writes a backup to a file that does not exist yet. Others may go on working meanwhile.
    pub async fn backup(&self, to: &Path, now: i64) -> Result<Manifest> {
        let partial = to.with_extension("partial");
        let done = self.write_backup(&partial, now).await;
        match done {
            Ok(m) => {
                std::fs::rename(&partial, to)?;
                Ok(m)
            }
            Err(e) => {
                let _ = std::fs::remove_file(&partial);
                Err(e)
            }
        }
    }

    async fn write_backup(&self, to: &Path, now: i64) -> Result<Manifest> {
        let columns = self.columns().await?;
        let mut archive = tar::Builder::new(EnvelopeWriter::new(BufWriter::new(File::create_new(to)?), self.vault())?);
        let mut manifest = Manifest { schema: Self::newest_schema(), made_at: now, rows: Vec::new(), files: 0 };
        let mut tx = self.snapshot().await?;
        for (table, names, kinds) in &columns {
            let (mut part, mut rows, mut n, mut all) = (0, Vec::new(), 0usize, 0u64);
            let sql = format!("SELECT {} FROM {table}", names.join(","));
            tx.each(&sql, vec![], |row| {
                serde_json::to_writer(&mut rows, &json(&row, kinds)?).map_err(|_| StoreError::Damaged)?;
                rows.push(b'\n');
                n += 1;
                all += 1;
                if n == ROWS_A_PART {
                    add(&mut archive, &format!("tables/{table}/{part:06}.jsonl"), &rows)?;
                    (part, n) = (part + 1, 0);
                    rows.clear();
                }
                Ok(())
            })
            .await?;
            if n > 0 {
                add(&mut archive, &format!("tables/{table}/{part:06}.jsonl"), &rows)?;
            }
            manifest.rows.push((table.clone(), all));
        }
        drop(tx);
        // files are never changed once written: those of the snapshot are all there
        let known = self.referenced_files().await?;
        for name in self.stored_files()?.into_iter().filter(|n| known.contains(n)) {
            archive.append_path_with_name(self.local_copy(&name)?, format!("files/{name}"))?;
            manifest.files += 1;
        }
        add(&mut archive, "manifest.json", &serde_json::to_vec(&manifest).map_err(|_| StoreError::Damaged)?)?;
        let file = archive.into_inner()?.finish()?.into_inner().map_err(|e| StoreError::from(e.into_error()))?;
        file.sync_all()?;
        Ok(manifest)
    }

    /// Puts a backup into an empty database and folder. Either everything is back, or the database stays empty.
    pub async fn restore(&self, from: &Path) -> Result<Manifest> {
        let open =
            || -> Result<_> { Ok(tar::Archive::new(EnvelopeReader::new(BufReader::new(File::open(from)?), self.vault())?)) };
        // the manifest is the last entry: without it the backup was never finished
        let mut manifest: Option<Manifest> = None;
        for entry in open()?.entries()? {
            let mut entry = entry?;
            if entry.path()?.to_str() == Some("manifest.json") {
                let mut text = Vec::new();
                entry.read_to_end(&mut text)?;
                manifest = serde_json::from_slice(&text).ok();
            }
        }
        let manifest = manifest.ok_or_else(|| StoreError::Restore("这份备份不完整(写到一半时中断过),请换一份".into()))?;
        if manifest.schema != Self::newest_schema() {
            let said =
                format!("备份的版本是 {},程序是 {};请用做备份时的程序版本恢复,再升级", manifest.schema, Self::newest_schema());
            return Err(StoreError::Restore(said));
        }
        self.migrate().await?;
        let used = self.one("SELECT (SELECT COUNT(*) FROM account) + (SELECT COUNT(*) FROM batch)", vec![]).await?;
        if used.map_or(Ok(0), |r| r.int(0))? > 0 || !self.stored_files()?.is_empty() {
            return Err(StoreError::Restore("目标数据库或数据文件夹里已有内容,不会覆盖;请恢复到空的数据库和文件夹".into()));
        }
        let columns = self.columns().await?;
        let mut tx = self.begin().await?;
        tx.run("DELETE FROM counter", vec![]).await?;
        let mut restored: Vec<String> = Vec::new();
        for entry in open()?.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            if let Some(name) = path.strip_prefix("files/") {
                let to = self.stored_path(name)?;
                std::fs::create_dir_all(to.parent().ok_or(StoreError::Damaged)?)?;
                let mut file = File::create_new(&to)?;
                restored.push(name.to_owned());
                std::io::copy(&mut entry, &mut file)?;
                file.sync_all()?;
                self.take_in(name)?;
            } else if let Some(table) = path.strip_prefix("tables/").and_then(|p| p.split('/').next()) {
                let (_, names, kinds) = columns.iter().find(|c| c.0 == table).ok_or(StoreError::Damaged)?;
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                let mut rows = Vec::new();
                for line in text.lines() {
                    let all: Vec<serde_json::Value> = serde_json::from_str(line).map_err(|_| StoreError::Damaged)?;
                    rows.push(all.iter().zip(kinds).map(|(v, k)| value(v, k)).collect::<Result<Vec<_>>>()?);
                }
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                tx.insert_many(table, &names, rows).await?;
            }
        }
        for (table, names, _) in columns.iter().filter(|c| c.1.iter().any(|n| n == "id")) {
            if table != "child" && names.iter().any(|n| n == "id") {
                tx.continue_numbers(table).await?;
            }
        }
        // heads of the log that were written lie where they were written
        tx.forget_heads().await?;
        // whoever was logged in then logs in again
        tx.run("DELETE FROM session", binds![]).await?;
        tx.commit_untold("the log itself is restored").await?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        assert_eq!(bytes_of(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!(bytes_of("zz"), None);
        assert_eq!(bytes_of(""), Some(vec![]));
    }
}
