//! Text in whatever encoding an editor, a mail program or PowerShell left it.

use zeroize::Zeroizing;

/// A file as text.
pub(super) struct Text {
    /// The text without byte order mark. Wiped, for it may hold a secret.
    pub(super) text: Zeroizing<String>,
    /// What is not as Apple makes it, for people.
    pub(super) oddity: Option<&'static str>,
}

/// Decodes text: UTF-8, UTF-16 with or without byte order mark, or ASCII with foreign letters in
/// the text around the data. `None` when the bytes are no text at all.
pub(super) fn decode(bytes: &[u8]) -> Option<Text> {
    let (text, oddity) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes)?, Some("it is UTF-16")),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes)?, Some("it is UTF-16")),
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            (String::from_utf8_lossy(rest).into_owned(), Some("a byte order mark stands in front"))
        }
        // Without a mark, ASCII in UTF-16 shows by its zero octets: all data here is ASCII.
        [first, 0, _, 0, ..] if *first != 0 => {
            (utf16(bytes, u16::from_le_bytes)?, Some("it is UTF-16 without a byte order mark"))
        }
        [0, second, 0, _, ..] if *second != 0 => {
            (utf16(bytes, u16::from_be_bytes)?, Some("it is UTF-16 without a byte order mark"))
        }
        plain => match std::str::from_utf8(plain) {
            Ok(text) => (text.to_owned(), None),
            // Names in the text around a certificate may be in an old 8-bit code.
            Err(_) => {
                let text = String::from_utf8_lossy(plain).into_owned();
                (text, Some("it has letters in another encoding than UTF-8"))
            }
        },
    };
    let text = Zeroizing::new(text);
    // A trailing NUL or Ctrl-Z is what old tools pad with; others mean binary data.
    let body = text.trim_end_matches(['\0', '\u{1a}']);
    let binary =
        body.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}'));
    if binary {
        return None;
    }
    Some(Text { text: Zeroizing::new(body.to_owned()), oddity })
}

/// An odd octet at the end is cut off: half a character carries nothing.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    char::decode_utf16(bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .ok()
        .map(|text| text.trim_start_matches('\u{feff}').to_owned())
}

/// Whether there is nothing in it: only white space, zeros and byte order marks, in UTF-8 or 16.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        byte.is_ascii_whitespace() || matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
    })
}
