//! Text of unknown encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};
use thiserror::Error;

/// Bytes that are no text.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("内容不是文本(不是 UTF-8、GB18030 或 UTF-16 编码)")]
pub struct NotText;

/// Share of undecodable characters from which bytes are held to be no text, in thousandths.
const MAX_BAD_PER_MILLE: usize = 5;

/// Decodes UTF-8, UTF-16 and GB18030 by byte-order mark or by what the bytes look like.
pub fn decode(bytes: Vec<u8>) -> Result<String, NotText> {
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
        return accept(encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned());
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(s) => return accept(s),
        Err(e) => e.into_bytes(),
    };
    accept(guess(&bytes).decode_without_bom_handling(&bytes).0.into_owned())
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // UTF-16 without a mark: every other byte of digits, commas and line ends is zero
    let sample = &bytes[..bytes.len().min(4096)];
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() * 10 > sample.len();
    match (zeros(0), zeros(1)) {
        (true, false) => return UTF_16BE,
        (false, true) => return UTF_16LE,
        _ => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(1 << 20)], true);
    let found = detector.guess(Some(b"cn"), Utf8Detection::Allow);
    // GB18030 contains GBK; what is neither UTF-8 nor UTF-16 comes from a Chinese Windows
    if found == UTF_8 || found == GBK { GB18030 } else { found }
}

fn accept(text: String) -> Result<String, NotText> {
    let (mut all, mut bad) = (0usize, 0usize);
    for c in text.chars().take(100_000) {
        all += 1;
        bad +=
            usize::from(c == '\u{fffd}' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{1a}')));
    }
    if bad * 1000 > all * MAX_BAD_PER_MILLE { Err(NotText) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let text = "姓名,身份证件号\n王小明,528801201503020019\n䶮䶮,1\n";
        assert_eq!(decode(text.as_bytes().to_vec()).unwrap(), text);
        assert_eq!(decode([&[0xef, 0xbb, 0xbf], text.as_bytes()].concat()).unwrap(), text);
        assert_eq!(decode(GB18030.encode(text).0.into_owned()).unwrap(), text);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode([&[0xff, 0xfe][..], &utf16].concat()).unwrap(), text);
        assert_eq!(decode(utf16).unwrap(), text);
        assert_eq!(decode((0..=255u8).cycle().take(5000).collect()), Err(NotText));
    }
}
