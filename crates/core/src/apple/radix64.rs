//! Base64 as it comes out of copying: wrapped anyhow, indented, URL-safe, without padding.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Padding is optional, because copying drops it; trailing bits must still be zero.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Shorter runs of letters are words, not data.
const SHORTEST_ISLAND: usize = 24;

/// Decoded bytes. Wiped, for they may be a VPP token.
pub(super) struct Decoded {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Whether the URL-safe alphabet was used, which Apple does not.
    pub(super) url_safe: bool,
    /// Whether the padding was missing.
    pub(super) unpadded: bool,
}

/// Decodes a text that is base64 and white space, in either alphabet.
pub(super) fn decode(text: &str) -> Option<Decoded> {
    let compact = compact(text);
    let url_safe = compact.iter().any(|c| matches!(c, b'-' | b'_'));
    let engine = if url_safe { &URL } else { &PLAIN };
    let bytes = engine.decode(compact.as_slice()).ok().filter(|bytes| !bytes.is_empty())?;
    let unpadded = !compact.len().is_multiple_of(4);
    Some(Decoded { bytes: Zeroizing::new(bytes), url_safe, unpadded })
}

/// The start of what a text decodes to that is base64 only at its start: enough to tell what a
/// cut file was.
pub(super) fn head(text: &str) -> Vec<u8> {
    let start: Vec<u8> = text
        .bytes()
        .filter(|c| !c.is_ascii_whitespace())
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'))
        .take(4096)
        .collect();
    let whole = start.len() - start.len() % 4;
    start.get(..whole).and_then(|start| PLAIN.decode(start).ok()).unwrap_or_default()
}

/// The parts of a text in which padding stands in the middle: several encodings in a row.
pub(super) fn parts(text: &str) -> Vec<Decoded> {
    let compact = compact(text);
    compact
        .split_inclusive(|c| *c == b'=')
        .filter(|part| part.iter().any(|c| *c != b'='))
        .filter_map(|part| {
            std::str::from_utf8(part).ok().and_then(|part| decode(part.trim_end_matches('=')))
        })
        .collect()
}

/// Data in a text around it: runs of lines that hold nothing but base64, decoded.
pub(super) fn islands(text: &str) -> Vec<Decoded> {
    let mut found = Vec::new();
    let mut island: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).chain([""]) {
        let data = !line.is_empty()
            && line.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'='));
        // A word can look like base64, so data also begins where its first letters say so: those
        // of JSON (`{"`) and of a long SEQUENCE.
        let begins = ["eyJ", "MII", "MIA"].iter().any(|start| line.starts_with(start));
        if !data || begins {
            found.extend(land(&island));
            island.clear();
        }
        if data {
            island.push(line);
        }
    }
    found
}

/// What lines decode to, with or without the last one, which may be a word of the text.
fn land(lines: &[&str]) -> Option<Decoded> {
    let of = |lines: &[&str]| {
        let text = Zeroizing::new(lines.concat());
        if text.len() < SHORTEST_ISLAND { None } else { decode(&text) }
    };
    of(lines).or_else(|| of(lines.split_last()?.1))
}

/// Standard base64 of bytes, in lines of so many columns.
pub(super) fn wrapped(bytes: &[u8], columns: usize) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut text = String::with_capacity(body.len() + body.len() / columns + 1);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(columns));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text
}

fn compact(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.bytes().filter(|c| !c.is_ascii_whitespace()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_be_wrapped_unpadded_and_url_safe() {
        for text in ["+/+/AQ==", " +/+\n\t/AQ== ", "+/+/AQ", "-_-_AQ", "-_-_AQ=="] {
            assert_eq!(*decode(text).unwrap().bytes, [0xFB, 0xFF, 0xBF, 1], "{text}");
        }
        for text in ["", "A", "+_AQ", "AQ==AQ==", "ÄÄÄÄ", "AR"] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn lines_of_base64_are_found_in_a_mail() {
        let mail = "Dear all,\nhere it is\n\nAAAABBBBCCCCDDDDEEEEFFFF\nAA==\n\nRegards\n";
        let found: Vec<usize> = islands(mail).iter().map(|island| island.bytes.len()).collect();
        assert_eq!(found, [19]);
    }
}
