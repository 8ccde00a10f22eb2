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
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            (String::from_utf8_lossy(rest).into_owned(), Some("it begins with a byte order mark"))
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => (units(bytes)?.text()?, Some("it is UTF-16")),
        _ if let Some(units) = units(bytes) => {
            (units.text()?, Some("it is UTF-16 without a byte order mark"))
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

/// The text of a file that is UTF-16.
pub fn utf16(bytes: &[u8]) -> Option<Zeroizing<String>> {
    units(bytes)?.text().map(Zeroizing::new)
}

/// Text in two octets a letter, and in which order they stand.
struct Units<'a>(&'a [u8], fn([u8; 2]) -> u16);

/// UTF-16 by its mark or, since all data here is ASCII, by its zero octets.
fn units(bytes: &[u8]) -> Option<Units<'_>> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => Some(Units(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(Units(rest, u16::from_be_bytes)),
        [first, 0, _, 0, ..] if *first != 0 => Some(Units(bytes, u16::from_le_bytes)),
        [0, second, 0, _, ..] if *second != 0 => Some(Units(bytes, u16::from_be_bytes)),
        _ => None,
    }
}

impl Units<'_> {
    /// An odd octet at the end is cut off: half a character carries nothing.
    fn text(&self) -> Option<String> {
        let units = self.0.as_chunks::<2>().0.iter().map(|pair| self.1(*pair));
        let text = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
        Some(text.trim_start_matches('\u{feff}').to_owned())
    }
}

/// Whether there is nothing in it: only white space, zeros and byte order marks, in UTF-8 or 16.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        byte.is_ascii_whitespace() || matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
    })
}
