//! 封装 (sealing): what a phone records is sealed on it to the installation's public key, so that the phone itself cannot read it again, and opened
//! here. ECDH over P-256 with a fresh key a message, HKDF-SHA256, AES-256-GCM: what every browser of 2018 has in WebCrypto.
//!
//! A message: form (1 byte, 1), number of the key (4 bytes, big end first), the sender's point (65, uncompressed), nonce (12), text with its tag. What it
//! is for (`key` of the record, or `key:part`) is authenticated with it, so that no message passes for another.

use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use baoxue_store::{StoreError, random};

const FORM: u8 = 1;
const POINT: usize = 65;
/// Bytes before the text: form, key, point, nonce.
const HEAD: usize = 1 + 4 + POINT + NONCE_LEN;
const PURPOSE: &[u8] = b"baoxue offline 1";

/// A key pair: point and scalar.
pub fn new_key() -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    loop {
        // all but one number in 2³² is a scalar
        if let Ok(secret) = SecretKey::from_slice(&random::<32>()?) {
            return Ok((secret.public_key().to_sec1_point(false).as_bytes().to_vec(), secret.to_bytes().to_vec()));
        }
    }
}

/// The number of the key to which a message is sealed.
pub fn key_number(message: &[u8]) -> Option<i64> {
    let [FORM, a, b, c, d, rest @ ..] = message else { return None };
    (rest.len() > HEAD - 5).then(|| i64::from(u32::from_be_bytes([*a, *b, *c, *d])))
}

fn cipher(shared: &[u8], point: &[u8]) -> Option<LessSafeKey> {
    let info = [PURPOSE, point];
    let prk = Salt::new(HKDF_SHA256, &[]).extract(shared);
    let key: UnboundKey = prk.expand(&info, &AES_256_GCM).ok()?.into();
    Some(LessSafeKey::new(key))
}

/// Opens a message that was sealed for a purpose; `None` where it was not, or not to this key.
pub fn open(private: &[u8], message: &[u8], purpose: &str) -> Option<Vec<u8>> {
    key_number(message)?;
    let (head, text) = message.split_at_checked(HEAD)?;
    let (point, nonce) = head[5..].split_at_checked(POINT)?;
    let secret = SecretKey::from_slice(private).ok()?;
    let public = PublicKey::from_sec1_bytes(point).ok()?;
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let key = cipher(shared.raw_secret_bytes(), point)?;
    let length = key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// Seals as a phone does.
#[cfg(test)]
pub fn seal(key: i64, public: &[u8], text: &[u8], purpose: &str) -> Vec<u8> {
    let (point, private) = new_key().unwrap();
    let (secret, to) = (SecretKey::from_slice(&private).unwrap(), PublicKey::from_sec1_bytes(public).unwrap());
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), to.as_affine());
    let nonce = random::<NONCE_LEN>().unwrap();
    let mut body = text.to_vec();
    cipher(shared.raw_secret_bytes(), &point)
        .unwrap()
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut body)
        .unwrap();
    let mut out = vec![FORM];
    out.extend(u32::try_from(key).unwrap().to_be_bytes());
    out.extend(point);
    out.extend(nonce);
    out.extend(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_opens_and_only_for_its_purpose() {
        let (public, private) = new_key().unwrap();
        let m = seal(7, &public, "家访:家长同意返校".as_bytes(), "ab12");
        assert_eq!(key_number(&m), Some(7));
        assert_eq!(open(&private, &m, "ab12").unwrap(), "家访:家长同意返校".as_bytes());
        assert_eq!(open(&private, &m, "ab13"), None);
        assert_eq!(open(&new_key().unwrap().1, &m, "ab12"), None);
        for i in [0, 5, 20, 70, 85, m.len() - 1] {
            let mut broken = m.clone();
            broken[i] ^= 1;
            assert_eq!(open(&private, &broken, "ab12"), None, "byte {i}");
        }
        for short in 0..m.len() {
            assert_eq!(open(&private, &m[..short], "ab12"), None);
        }
    }

    /// What Chromium sealed (`web/src/offline/seal.ts`) to this key: a browser of before must be understood by every program to come.
    #[test]
    fn a_browser_s_message_is_opened() {
        let hex = |t: &str| (0..t.len() / 2).map(|i| u8::from_str_radix(&t[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<u8>>();
        let (private, message) = include_str!("../../web/tests/data/sealed.txt").trim().split_once('\n').unwrap();
        assert_eq!(open(&hex(private), &hex(message), "00112233445566778899aabbccddeeff").unwrap(), "保学".as_bytes());
    }
}
