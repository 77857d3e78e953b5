//! Keys: columns and files are encrypted under named keys, search tokens and audit seals are keyed digests.
//!
//! The key file has one key a line, `name = 64 hexadecimal digits`; the last one encrypts, all of them decrypt. The first one also makes
//! the search tokens, so that adding a key does not lose the index.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rustc_hash::FxHashMap;

use crate::ground::error::{Result, StoreError};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Longest name of a key: its length stands in one byte.
const MAX_KEY_NAME: usize = 32;
/// First byte of an encrypted column: the form of what follows.
const COLUMN_FORM: u8 = 1;

struct Key {
    columns: LessSafeKey,
    files: LessSafeKey,
}

/// 密钥 (keys) of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<FxHashMap<String, Key>>,
    active: String,
    tokens: hmac::Key,
    audit: hmac::Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Vault").field("active", &self.active).finish_non_exhaustive()
    }
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).map_err(|_| StoreError::KeyFile("系统随机数不可用".into()))?;
    Ok(out)
}

fn aead(key: &[u8]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| StoreError::KeyFile("密钥长度不对".into()))
}

/// A key for one purpose from a master key.
fn derive(master: &[u8], purpose: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, master), purpose.as_bytes()).as_ref().to_vec()
}

impl Vault {
    /// A new key file's text.
    pub fn new_key_file() -> Result<String> {
        let mut line = String::from("k1 = ");
        for b in random::<KEY_BYTES>()? {
            let _ = write!(line, "{b:02x}");
        }
        Ok(format!(
            "# 保学密钥。丢失后,已加密的内容无法恢复:请另存一份到离线介质,与数据库备份分开保管。\n# 换新密钥时在最后加一行,旧行不要删。\n{line}\n"
        ))
    }

    /// Reads keys from the text of a key file.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut keys = FxHashMap::default();
        let (mut first, mut active) = (None, None);
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| StoreError::KeyFile(format!("第 {} 行{what},应为:名称 = 64 位十六进制数", n + 1));
            let (name, hex) = line.split_once('=').ok_or_else(|| wrong("没有等号"))?;
            let (name, hex) = (name.trim(), hex.trim());
            if name.is_empty() || name.len() > MAX_KEY_NAME {
                return Err(wrong("名称为空或太长"));
            }
            let pair = |i: usize| hex.get(i * 2..i * 2 + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
            let master: Option<Vec<u8>> = (0..KEY_BYTES).map(pair).collect();
            let master = master.filter(|_| hex.len() == KEY_BYTES * 2).ok_or_else(|| wrong("的密钥不对"))?;
            let key = Key { columns: aead(&derive(&master, "columns"))?, files: aead(&derive(&master, "files"))? };
            if keys.insert(name.to_owned(), key).is_some() {
                return Err(wrong("的名称重复"));
            }
            first.get_or_insert(master);
            active = Some(name.to_owned());
        }
        let (Some(first), Some(active)) = (first, active) else {
            return Err(StoreError::KeyFile("里面没有密钥".into()));
        };
        let keyed = |purpose| hmac::Key::new(hmac::HMAC_SHA256, &derive(&first, purpose));
        Ok(Self { keys: Arc::new(keys), active, tokens: keyed("tokens"), audit: keyed("audit") })
    }

    /// Reads the key file.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| StoreError::KeyFile(format!("{} 读不出来({e})", path.display())))?;
        Self::from_text(&text)
    }

    /// Name of the key that encrypts.
    pub fn active(&self) -> &str {
        &self.active
    }

    fn key(&self, name: &str) -> Result<&Key> {
        self.keys.get(name).ok_or_else(|| StoreError::KeyMissing(name.to_owned()))
    }

    /// Encrypts a column's value. `place` names table and row, so that a value cannot be moved to another row.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::<NONCE_LEN>()?;
        let mut body = plain.to_vec();
        self.key(&self.active)?
            .columns
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| StoreError::Damaged)?;
        let mut out = Vec::with_capacity(2 + self.active.len() + NONCE_LEN + body.len());
        out.extend([COLUMN_FORM, self.active.len() as u8]);
        out.extend(self.active.bytes());
        out.extend(nonce);
        out.extend(body);
        Ok(out)
    }

    /// Decrypts what [`Vault::seal`] gave for the same place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let (name, rest) = key_name(sealed, COLUMN_FORM)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(StoreError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Damaged)?;
        let mut body = body.to_vec();
        let plain = self.key(name)?.columns.open_in_place(nonce, Aad::from(place.as_bytes()), &mut body);
        let length = plain.map_err(|_| StoreError::Damaged)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Text in an encrypted column.
    pub fn seal_text(&self, place: &str, text: &str) -> Result<Vec<u8>> {
        self.seal(place, text.as_bytes())
    }

    /// Text from an encrypted column.
    pub fn open_text(&self, place: &str, sealed: &[u8]) -> Result<String> {
        String::from_utf8(self.open(place, sealed)?).map_err(|_| StoreError::Damaged)
    }

    /// A keyed digest that finds a value without showing it: the first eight bytes of an HMAC.
    pub fn token(&self, kind: &str, value: &str) -> i64 {
        let mut context = hmac::Context::with_key(&self.tokens);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let tag = context.sign();
        i64::from_be_bytes(tag.as_ref()[..8].try_into().unwrap_or_default())
    }

    /// The seal of audit rows, which only the holder of the key can make.
    pub fn audit_seal(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.audit);
        for p in parts {
            context.update(&(p.len() as u64).to_be_bytes());
            context.update(p);
        }
        context.sign().as_ref().to_vec()
    }

    /// Wraps a file's own key: name of the key, then the wrapped bytes.
    pub(crate) fn wrap(&self, data_key: &[u8]) -> Result<(String, Vec<u8>)> {
        let nonce = random::<NONCE_LEN>()?;
        let mut body = data_key.to_vec();
        self.key(&self.active)?
            .files
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body)
            .map_err(|_| StoreError::Damaged)?;
        Ok((self.active.clone(), [nonce.as_slice(), &body].concat()))
    }

    /// The file's own key again.
    pub(crate) fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<LessSafeKey> {
        let (nonce, body) = wrapped.split_at_checked(NONCE_LEN).ok_or(StoreError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Damaged)?;
        let mut body = body.to_vec();
        let key = self.key(name)?.files.open_in_place(nonce, Aad::empty(), &mut body).map_err(|_| StoreError::Damaged)?;
        aead(key)
    }
}

fn key_name(sealed: &[u8], form: u8) -> Result<(&str, &[u8])> {
    let [f, length, rest @ ..] = sealed else { return Err(StoreError::Damaged) };
    let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(StoreError::Damaged)?;
    if *f != form {
        return Err(StoreError::Damaged);
    }
    Ok((std::str::from_utf8(name).map_err(|_| StoreError::Damaged)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::from_text(&Vault::new_key_file().unwrap()).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let v = vault();
        let sealed = v.seal_text("child:1", "王小明").unwrap();
        assert!(!sealed.windows(3).any(|w| w == "王".as_bytes()));
        assert_eq!(v.open_text("child:1", &sealed).unwrap(), "王小明");
        assert!(matches!(v.open("child:2", &sealed), Err(StoreError::Damaged)));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(v.open("child:1", &changed), Err(StoreError::Damaged)));
        assert!(matches!(v.open("child:1", &sealed[..5]), Err(StoreError::Damaged)));
        assert!(matches!(vault().open("child:1", &sealed), Err(StoreError::Damaged)));
    }

    #[test]
    fn a_new_key_encrypts_and_the_old_one_still_opens() {
        let old_file = Vault::new_key_file().unwrap();
        let old = Vault::from_text(&old_file).unwrap();
        let sealed = old.seal_text("a:1", "甲").unwrap();
        let added = format!("{old_file}k2 = {}\n", "ab".repeat(32));
        let new = Vault::from_text(&added).unwrap();
        assert_eq!(new.active(), "k2");
        assert_eq!(new.open_text("a:1", &sealed).unwrap(), "甲");
        assert_eq!(new.token("name", "王小明"), old.token("name", "王小明"));
        let later = new.seal_text("a:1", "乙").unwrap();
        assert!(matches!(old.open("a:1", &later), Err(StoreError::KeyMissing(k)) if k == "k2"));
    }

    #[test]
    fn broken_key_files_say_where() {
        for (text, says) in
            [("", "没有密钥"), ("k1", "第 1 行没有等号"), ("# 甲\nk1 = 12", "第 2 行的密钥不对"), (" = aa", "名称为空")]
        {
            let e = Vault::from_text(text).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
    }
}
