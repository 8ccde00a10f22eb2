//! Machine outputs as JSON that steers no reader.
//!
//! Names from Git and Intune are other people's words, and a pipeline's log shows JSON like any other
//! text. What a terminal obeys, what nobody sees and what a runner takes for a command are written as
//! `\u` escapes, which every JSON reader undoes.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};

use crate::model::is_hostile;

/// Writes a machine output as [`json`] does, piece by piece: the text of 10,000 tenants takes more
/// room than the tenants.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_json<T: Serialize>(value: &T, mut out: impl Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, Safe::new(Reader::Script)))?;
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
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Safe::new(reader)))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Who may read it besides a JSON parser.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Script,
    Page,
}

/// serde_json's pretty form with safe strings.
struct Safe {
    reader: Reader,
    pretty: PrettyFormatter<'static>,
}

impl Safe {
    fn new(reader: Reader) -> Self {
        Self { reader, pretty: PrettyFormatter::new() }
    }

    /// `before` is the letter in front: runners look for two number signs.
    fn is_plain(&self, before: char, letter: char) -> bool {
        let opens_tag = self.reader == Reader::Page && matches!(letter, '<' | '>' | '&');
        !(is_hostile(letter) || opens_tag || (before == '#' && letter == '#'))
    }
}

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        let mut before = ' ';
        for (at, letter) in fragment.char_indices() {
            if !self.is_plain(before, letter) {
                out.write_all(fragment.get(plain..at).unwrap_or_default().as_bytes())?;
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
                plain = at + letter.len_utf8();
            }
            before = letter;
        }
        out.write_all(fragment.get(plain..).unwrap_or_default().as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.pretty.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(out)
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
