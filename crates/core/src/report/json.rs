//! Machine outputs as JSON that steers no reader.
//!
//! Names from Git and Intune are other people's words, and a pipeline's log shows JSON like any other
//! text. What a terminal obeys, what nobody sees and what a runner takes for a command are written as
//! `\u` escapes, which every JSON reader undoes.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::is_hostile;

/// Writes a machine output as [`json`] does, piece by piece: the text of 10,000 tenants takes more
/// room than the tenants.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_json<T: Serialize>(value: &T, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(Safe::new(&mut out, Reader::Script), value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A machine output as JSON text, ending in a newline.
///
/// # Errors
/// Never for the types of this program; `serde_json` cannot know that.
pub fn json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    text(value, Reader::Script)
}

/// The same for a page, where letters that open a tag are escaped, too.
pub(super) fn json_for_pages<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    text(value, Reader::Page)
}

fn text<T: Serialize>(value: &T, reader: Reader) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    serde_json::to_writer_pretty(Safe::new(&mut bytes, reader), value)?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Who may read it besides a JSON parser.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Script,
    Page,
}

/// Lets the text of JSON through, and spells out what steers a reader. Outside of strings JSON has
/// nothing of that but its own line ends, and inside of them serde_json has spelt out those.
struct Safe<W> {
    out: W,
    reader: Reader,
    /// The letter in front: runners look for two number signs.
    before: char,
}

impl<W: Write> Safe<W> {
    fn new(out: W, reader: Reader) -> Self {
        Self { out, reader, before: ' ' }
    }

    fn is_plain(&self, letter: char) -> bool {
        let opens_tag = self.reader == Reader::Page && matches!(letter, '<' | '>' | '&');
        let is_second = self.before == '#' && letter == '#';
        letter == '\n' || !(is_hostile(letter) || opens_tag || is_second)
    }
}

impl<W: Write> Write for Safe<W> {
    /// serde_json writes whole letters at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        let mut plain = 0;
        for (at, letter) in text.char_indices() {
            if !self.is_plain(letter) {
                self.out.write_all(text.get(plain..at).unwrap_or_default().as_bytes())?;
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(self.out, "\\u{unit:04x}")?;
                }
                plain = at + letter.len_utf8();
            }
            self.before = letter;
        }
        self.out.write_all(text.get(plain..).unwrap_or_default().as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_no_letter_that_steers_its_reader() {
        let name = "Con\u{202e}to\u{e0101}so ##vso[task.x] \u{9b}2J \u{3164}<b> é 🍎";
        let text = json(&[name]).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{text}");
        assert!(text.contains("\\u202e") && text.contains("\\udb40\\udd01"), "{text}");
        assert!(!text.contains("##") && text.contains("<b> é 🍎"), "{text}");
        let read: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, [name]);
        assert!(!json_for_pages(&[name]).unwrap().contains('<'));
    }

    #[test]
    fn the_form_is_the_usual_one() {
        let value = serde_json::json!({"a": [1, {"b": "c\n"}], "d": {}, "e": []});
        assert_eq!(json(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap() + "\n");
        let mut written = Vec::new();
        write_json(&value, &mut written).unwrap();
        assert_eq!(written, json(&value).unwrap().as_bytes());
    }
}
