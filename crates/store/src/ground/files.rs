//! Encrypted files below the data folder. A file's name is random; the database knows which is which.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use crate::ground::error::{Result, StoreError};
use crate::{EnvelopeReader, EnvelopeWriter, Store, columns_of_files, random};

/// How long a copy of a file that is at home in a bucket stays on this machine.
const CACHED: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

/// A file encrypted on disk, read from any place.
pub type StoredReader = EnvelopeReader<BufReader<File>>;

impl Store {
    /// Where a stored file lies. Names that are not ours are refused.
    pub fn stored_path(&self, name: &str) -> Result<PathBuf> {
        let (kind, id) = name.split_once('/').ok_or(StoreError::Damaged)?;
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !plain(kind) || !plain(id) {
            return Err(StoreError::Damaged);
        }
        Ok(self.folder.join("files").join(kind).join(id))
    }

    /// Encrypts what `write` writes into a new file of a kind (`original`, `roster`, `export`, `photo`) and gives its name. The file is
    /// on disk for good when this returns.
    pub fn store_file<T>(
        &self,
        kind: &str,
        write: impl FnOnce(&mut dyn Write) -> std::result::Result<T, StoreError>,
    ) -> Result<String> {
        let id: String = random::<16>()?.iter().map(|b| format!("{b:02x}")).collect();
        let name = format!("{kind}/{id}");
        let path = self.stored_path(&name)?;
        let folder = path.parent().ok_or(StoreError::Damaged)?;
        std::fs::create_dir_all(folder)?;
        let partial = folder.join(format!(".{id}.partial"));
        let done = (|| {
            let mut out = EnvelopeWriter::new(BufWriter::new(File::create(&partial)?), &self.vault)?;
            write(&mut out)?;
            let file = out.finish()?.into_inner().map_err(|e| StoreError::from(e.into_error()))?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)?;
            // the name itself must survive a power cut
            File::open(folder)?.sync_all()?;
            // there it is for good, whatever happens to this machine
            self.bucket.as_ref().map_or(Ok(()), |b| b.put(&name, &path))
        })();
        if done.is_err() {
            let _ = std::fs::remove_file(&partial);
            let _ = std::fs::remove_file(&path);
        }
        done.map(|()| name)
    }

    /// Where a stored file lies on this machine; fetched, where it lies in a bucket and was not needed here before.
    pub fn local_copy(&self, name: &str) -> Result<PathBuf> {
        let path = self.stored_path(name)?;
        if let Some(b) = self.bucket.as_ref().filter(|_| !path.exists()) {
            b.get(name, &path)?;
        }
        Ok(path)
    }

    /// Opens a stored file.
    pub fn open_file(&self, name: &str) -> Result<StoredReader> {
        EnvelopeReader::new(BufReader::new(File::open(self.local_copy(name)?)?), &self.vault)
    }

    /// Files of these that are not there, or cannot be opened.
    pub fn missing_files(&self, names: &std::collections::BTreeSet<String>) -> Result<usize> {
        match &self.bucket {
            Some(b) => {
                let there: std::collections::BTreeSet<String> = b.list()?.into_iter().map(|o| o.name).collect();
                Ok(names.difference(&there).count())
            }
            None => Ok(names.iter().filter(|n| self.open_file(n).is_err()).count()),
        }
    }

    /// Puts a file that lies on this machine where files of this installation are at home.
    pub(crate) fn take_in(&self, name: &str) -> Result<()> {
        match &self.bucket {
            Some(b) => b.put(name, &self.stored_path(name)?),
            None => Ok(()),
        }
    }

    /// Reads a stored file whole.
    pub fn read_file(&self, name: &str) -> Result<Vec<u8>> {
        let mut r = self.open_file(name)?;
        let mut out = Vec::with_capacity(usize::try_from(r.len()).unwrap_or(0));
        r.read_to_end(&mut out)?;
        Ok(out)
    }

    /// Names of all stored files, where they are at home.
    pub fn stored_files(&self) -> Result<Vec<String>> {
        match &self.bucket {
            Some(b) => Ok(b.list()?.into_iter().map(|o| o.name).collect()),
            None => self.files_here(),
        }
    }

    /// Names of the files on this machine.
    fn files_here(&self) -> Result<Vec<String>> {
        let mut out = Vec::new();
        let root = self.folder.join("files");
        if !root.exists() {
            return Ok(out);
        }
        for kind in std::fs::read_dir(root)? {
            let kind = kind?;
            for file in std::fs::read_dir(kind.path())? {
                let file = file?.file_name().to_string_lossy().into_owned();
                out.push(format!("{}/{file}", kind.file_name().to_string_lossy()));
            }
        }
        out.sort();
        Ok(out)
    }

    /// Names of the files that some row speaks of.
    pub async fn referenced_files(&self) -> Result<std::collections::BTreeSet<String>> {
        let each: Vec<String> =
            columns_of_files().iter().map(|(table, column)| format!("SELECT {column} FROM {table}")).collect();
        self.all(&each.join(" UNION "), vec![]).await?.iter().map(|r| r.text(0)).collect()
    }

    /// Removes files that no row speaks of and that are older than `older_than`: uploads that were never finished.
    pub async fn sweep_files(&self, older_than: std::time::Duration) -> Result<usize> {
        let known = self.referenced_files().await?;
        let mut swept = 0;
        let here = |name: &String| self.folder.join("files").join(name);
        let age = |name: &String| Ok::<_, StoreError>(std::fs::metadata(here(name))?.modified()?.elapsed().unwrap_or_default());
        if let Some(b) = self.bucket.clone() {
            let listed = tokio::task::spawn_blocking(move || Ok::<_, StoreError>((b.list()?, b)));
            let (all, b) = listed.await.map_err(|_| StoreError::Damaged)??;
            for o in all.into_iter().filter(|o| !known.contains(&o.name) && o.age >= older_than) {
                b.remove(&o.name)?;
                swept += 1;
            }
        }
        // of a bucket's files those that were not needed here for long are fetched again when they are
        let cached = self.bucket.is_some();
        for name in self.files_here()? {
            let rests = cached && age(&name)? >= CACHED;
            if rests || (!known.contains(&name) && age(&name)? >= older_than) {
                std::fs::remove_file(here(&name))?;
                swept += usize::from(!cached);
            }
        }
        Ok(swept)
    }
}
