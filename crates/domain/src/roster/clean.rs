/// Takes off what people never meant to write: full-width forms of ASCII, invisible characters, odd blanks, the apostrophe that
/// forces text, blanks at the ends. Borrowed when there is nothing to do.
pub fn clean_text(text: &str) -> std::borrow::Cow<'_, str> {
    let trimmed = text.trim();
    if trimmed.bytes().all(|b| b.is_ascii_graphic() && b != b'\'') || trimmed.chars().all(is_plain) {
        return trimmed.into();
    }
    let mut out = String::with_capacity(trimmed.len());
    for c in trimmed.chars() {
        match c {
            '\u{3000}' | '\u{a0}' | '\u{2002}'..='\u{200a}' => out.push(' '),
            '\u{ff01}'..='\u{ff5e}' => out.push(char::from_u32(c as u32 - 0xfee0).unwrap_or(c)),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
            '‘' | '’' | '`' => out.push('\''),
            '\r' => {}
            c if c.is_control() && c != '\n' => {}
            c => out.push(c),
        }
    }
    let out = out.trim();
    out.strip_prefix('\'').unwrap_or(out).trim().to_owned().into()
}

/// Whether a character is left alone by [`clean_text`]: Chinese text and digits, the usual case.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{4e00}'..='\u{9fff}' | '·' | '-' | '.' | '*')
}

/// Splits a remark in brackets off a value: `王小明(已转走)` → `王小明`, `已转走`.
pub fn strip_remark(text: &str) -> (&str, Option<&str>) {
    let Some(open) = text.find(['(', '（', '[', '【']) else { return (text, None) };
    let (value, rest) = text.split_at(open);
    let mut inner = rest.chars();
    inner.next();
    let remark = inner.as_str().trim_end_matches([')', '）', ']', '】']).trim();
    if value.trim().is_empty() { (text, None) } else { (value.trim(), (!remark.is_empty()).then_some(remark)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        for (from, to) in [
            ("  王小明 ", "王小明"),
            ("５２８８０１", "528801"),
            ("\u{feff}王\u{200b}小明\u{3000}", "王小明"),
            ("'528801201503020019", "528801201503020019"),
            ("Ａ（Ｂ）", "A(B)"),
            ("a b", "a b"),
            ("", ""),
        ] {
            assert_eq!(clean_text(from), to, "{from:?}");
        }
        assert_eq!(strip_remark("王小明(已转走)"), ("王小明", Some("已转走")));
        assert_eq!(strip_remark("王小明"), ("王小明", None));
        assert_eq!(strip_remark("(无)"), ("(无)", None));
    }
}
