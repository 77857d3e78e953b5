//! Encrypted files: originals, rosters, exports, photos, backups. Every file has a key of its own, wrapped by the installation's.
//!
//! ```text
//! "BXE1" · length and name of the wrapping key · length and wrapped key · chunks
//! ```
//! A chunk is 64 KiB encrypted with its number as nonce; the last one is marked, so that a file cut short does not open.

use std::io::{self, Read, Seek, SeekFrom, Write};

use ring::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce};

use crate::ground::error::{Result, StoreError};
use crate::ground::vault::{Vault, random};

const MAGIC: &[u8; 4] = b"BXE1";
/// Plain bytes of a chunk: one row of a roster costs little more than a chunk to read.
const CHUNK: usize = 64 << 10;
/// Longest header: magic, two lengths, key name, wrapped key.
const MAX_HEADER: usize = 256;

fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut n = [0u8; NONCE_LEN];
    n[..8].copy_from_slice(&chunk.to_be_bytes());
    n[8] = u8::from(last);
    Nonce::assume_unique_for_key(n)
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, StoreError::Damaged.to_string())
}

/// Encrypts what is written to it. [`EnvelopeWriter::finish`] must be called: without the last chunk the file does not open.
pub struct EnvelopeWriter<W: Write> {
    inner: W,
    key: LessSafeKey,
    chunk: u64,
    plain: Vec<u8>,
}

impl<W: Write> EnvelopeWriter<W> {
    /// Writes the header.
    pub fn new(mut inner: W, vault: &Vault) -> Result<Self> {
        let data_key = random::<32>()?;
        let (name, wrapped) = vault.wrap(&data_key)?;
        let key = vault.unwrap(&name, &wrapped)?;
        inner.write_all(MAGIC)?;
        inner.write_all(&[name.len() as u8, wrapped.len() as u8])?;
        inner.write_all(name.as_bytes())?;
        inner.write_all(&wrapped)?;
        Ok(Self { inner, key, chunk: 0, plain: Vec::with_capacity(CHUNK + MAX_TAG_LEN) })
    }

    fn flush_chunk(&mut self, last: bool) -> io::Result<()> {
        let mut body = std::mem::take(&mut self.plain);
        self.key.seal_in_place_append_tag(nonce(self.chunk, last), Aad::empty(), &mut body).map_err(|_| broken())?;
        self.inner.write_all(&body)?;
        body.clear();
        self.plain = body;
        self.chunk += 1;
        Ok(())
    }

    /// Writes the last chunk and gives the inner writer back.
    pub fn finish(mut self) -> Result<W> {
        self.flush_chunk(true)?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for EnvelopeWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // a full chunk is only written once more follows: the last one must be marked
        if self.plain.len() == CHUNK {
            self.flush_chunk(false)?;
        }
        let n = buf.len().min(CHUNK - self.plain.len());
        self.plain.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an encrypted file from any place in it.
pub struct EnvelopeReader<R> {
    inner: R,
    key: LessSafeKey,
    header: u64,
    /// Number of the last chunk.
    last: u64,
    /// Plain bytes in all.
    length: u64,
    at: u64,
    held: Option<(u64, Vec<u8>)>,
}

impl<R: Read + Seek> EnvelopeReader<R> {
    /// Reads the header.
    pub fn new(mut inner: R, vault: &Vault) -> Result<Self> {
        let mut start = Vec::with_capacity(MAX_HEADER);
        (&mut inner).take(MAX_HEADER as u64).read_to_end(&mut start)?;
        let rest = start.strip_prefix(MAGIC.as_slice()).ok_or(StoreError::Damaged)?;
        let [name_length, wrapped_length, rest @ ..] = rest else { return Err(StoreError::Damaged) };
        let (name, rest) = rest.split_at_checked(usize::from(*name_length)).ok_or(StoreError::Damaged)?;
        let wrapped = rest.get(..usize::from(*wrapped_length)).ok_or(StoreError::Damaged)?;
        let key = vault.unwrap(std::str::from_utf8(name).map_err(|_| StoreError::Damaged)?, wrapped)?;
        let header = (MAGIC.len() + 2 + name.len() + wrapped.len()) as u64;
        let body = inner.seek(SeekFrom::End(0))?.checked_sub(header).ok_or(StoreError::Damaged)?;
        let whole = (CHUNK + MAX_TAG_LEN) as u64;
        let chunks = body.div_ceil(whole);
        let length = body.checked_sub(chunks * MAX_TAG_LEN as u64).ok_or(StoreError::Damaged)?;
        if chunks == 0 {
            return Err(StoreError::Damaged);
        }
        let mut out = Self { inner, key, header, last: chunks - 1, length, at: 0, held: None };
        // a file cut at a chunk's border has a last chunk that is not marked as such
        out.hold(chunks - 1).map_err(|_| StoreError::Damaged)?;
        Ok(out)
    }

    /// Plain bytes in all.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn hold(&mut self, chunk: u64) -> io::Result<&[u8]> {
        if self.held.as_ref().is_none_or(|h| h.0 != chunk) {
            let whole = (CHUNK + MAX_TAG_LEN) as u64;
            self.inner.seek(SeekFrom::Start(self.header + chunk * whole))?;
            let mut body = Vec::with_capacity(CHUNK + MAX_TAG_LEN);
            (&mut self.inner).take(whole).read_to_end(&mut body)?;
            let plain = self.key.open_in_place(nonce(chunk, chunk == self.last), Aad::empty(), &mut body);
            let n = plain.map_err(|_| broken())?.len();
            body.truncate(n);
            self.held = Some((chunk, body));
        }
        Ok(self.held.as_ref().map_or(&[], |h| h.1.as_slice()))
    }
}

impl<R: Read + Seek> Read for EnvelopeReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length {
            return Ok(0);
        }
        let (chunk, offset) = (self.at / CHUNK as u64, (self.at % CHUNK as u64) as usize);
        let plain = self.hold(chunk)?;
        let n = buf.len().min(plain.len().saturating_sub(offset));
        buf[..n].copy_from_slice(&plain[offset..offset + n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl<R: Read + Seek> Seek for EnvelopeReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
        };
        self.at = at.ok_or_else(broken)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn any_length_reads_back_from_any_place_and_nothing_cut_or_changed_opens() {
        let vault = Vault::from_text(&Vault::new_key_file().unwrap()).unwrap();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17] {
            let plain: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            let mut w = EnvelopeWriter::new(Vec::new(), &vault).unwrap();
            w.write_all(&plain).unwrap();
            let file = w.finish().unwrap();
            let mut r = EnvelopeReader::new(Cursor::new(&file), &vault).unwrap();
            assert_eq!(r.len(), length as u64);
            let mut back = Vec::new();
            r.read_to_end(&mut back).unwrap();
            assert_eq!(back, plain);
            if length > 10 {
                r.seek(SeekFrom::Start(length as u64 - 5)).unwrap();
                let mut tail = Vec::new();
                r.read_to_end(&mut tail).unwrap();
                assert_eq!(tail, &plain[length - 5..]);
            }
            for cut in [1, 16, CHUNK + MAX_TAG_LEN] {
                if file.len() > cut + 100 {
                    assert!(EnvelopeReader::new(Cursor::new(&file[..file.len() - cut]), &vault).is_err(), "{length} {cut}");
                }
            }
            let mut changed = file.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert!(EnvelopeReader::new(Cursor::new(&changed), &vault).is_err());
        }
    }
}
