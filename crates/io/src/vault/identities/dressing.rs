//! What editors, shells and pipelines put around a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{NATIVE, PLUGIN};
use applecart_core::apple;
use applecart_core::sealed;

/// A form that neither age nor SOPS reads, and that leaves no doubt about the key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dressing {
    #[error(
        "the key file is UTF-16, as Windows PowerShell writes it with >. It was read, but age and SOPS cannot read it: save it as UTF-8"
    )]
    Utf16,
    #[error(
        "there are quotes around the key. They were left out, but age and SOPS take them for a part of it: store the key without quotes"
    )]
    Quotes,
    #[error(
        "the line ends of the key are written out as \\n. They were read as line ends, but age and SOPS do not: store the key with real line ends, or only its line AGE-SECRET-KEY-1…"
    )]
    WrittenLineEnds,
    #[error(
        "the key is encoded as base64. It was decoded, but age and SOPS do not: store the key itself"
    )]
    Base64,
}

/// The text of an identity without the file formats around it.
pub(super) enum Bare {
    Text(Zeroizing<String>),
    /// An age file, armored or binary.
    Sealed(Zeroizing<Vec<u8>>),
    /// Neither text nor an age file: binary data, such as a picture or an archive.
    Other,
}

/// As many forms may lie around each other: base64 of a quoted text with written line ends.
const MOST: usize = 4;

/// Takes them off, and tells of each.
pub(super) fn take_off(bytes: &[u8], tell: &mut dyn FnMut(Dressing)) -> Bare {
    let mut bare = Zeroizing::new(bytes.to_vec());
    for _ in 0..MOST {
        if sealed::age::is_age(sealed::start(&bare)) {
            return Bare::Sealed(Zeroizing::new(sealed::start(&bare).to_vec()));
        }
        let Some((dressing, inside)) = outermost(&bare) else { break };
        tell(dressing);
        bare = inside;
    }
    match std::str::from_utf8(sealed::start(&bare)) {
        Ok(text) if !text.contains('\0') => {
            // The line numbers are those of the file: only the mark is left out.
            let text = std::str::from_utf8(&bare).unwrap_or(text);
            Bare::Text(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
        }
        _ => Bare::Other,
    }
}

fn outermost(bytes: &[u8]) -> Option<(Dressing, Zeroizing<Vec<u8>>)> {
    if let Some(text) = apple::utf16(bytes) {
        return Some((Dressing::Utf16, Zeroizing::new(text.as_bytes().to_vec())));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim();
    if let Some(inside) = unquoted(text) {
        return Some((Dressing::Quotes, Zeroizing::new(inside.as_bytes().to_vec())));
    }
    if text.contains("\\n") && (text.contains(NATIVE) || text.starts_with('#')) {
        let lines = Zeroizing::new(text.replace("\\r", ""));
        let lines = Zeroizing::new(lines.replace("\\n", "\n"));
        return Some((Dressing::WrittenLineEnds, Zeroizing::new(lines.as_bytes().to_vec())));
    }
    Some((Dressing::Base64, decoded(text)?))
}

/// The text between a pair of quotes that stands around the whole of it.
fn unquoted(text: &str) -> Option<&str> {
    let between = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    ['"', '\'', '`'].into_iter().find_map(between)
}

/// What base64 stands for, where that is a key or an encrypted key file.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let one_line = Zeroizing::new(text.split_ascii_whitespace().collect::<String>());
    let inside = Zeroizing::new(STANDARD.decode(one_line.as_bytes()).ok()?);
    let has = |mark: &str| inside.windows(mark.len()).any(|part| part == mark.as_bytes());
    let is_key = has(NATIVE)
        || has(PLUGIN)
        || has("AGE-SECRET-KEY-PQ-1")
        || sealed::age::is_age(sealed::start(&inside))
        || apple::utf16(&inside).is_some_and(|text| text.contains(NATIVE));
    is_key.then_some(inside)
}
