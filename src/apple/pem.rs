//! Certificates out of whatever browsers, mail programs and editors make of a `.pem`.
//!
//! PEM readers stop at the first oddity; admins' files have byte order marks, CRLF, UTF-16, text
//! around the armour, several blocks, and blocks glued together. This module finds the blocks and
//! leaves judging them to its callers.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Padding is optional, because copying drops it; trailing bits must still be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the bytes of a would-be certificate file hold.
pub(super) struct Blocks {
    /// DER of each certificate, in order.
    pub(super) certificates: Vec<Result<Vec<u8>, NotBase64>>,
    /// Labels of other PEM blocks, such as `CERTIFICATE REQUEST`.
    pub(super) others: Vec<String>,
    /// Whether any block, or any text, is a private key.
    pub(super) private_key: bool,
    /// Whether the file is not just one PEM block with LF line ends.
    pub(super) unusual: bool,
}

/// A block's content is not base64.
pub(super) struct NotBase64;

/// Decodes bytes to text: UTF-8 with or without byte order mark, or UTF-16 with one.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let utf16 = |units: &mut dyn Iterator<Item = u16>| {
        char::decode_utf16(units).collect::<Result<String, _>>().ok()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => {
            utf16(&mut rest.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)))
        }
        [0xFE, 0xFF, rest @ ..] => {
            utf16(&mut rest.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair)))
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        plain => std::str::from_utf8(plain).ok().map(str::to_owned),
    }
}

/// Finds the PEM blocks in a text. Linear in its length.
pub(super) fn blocks(text: &str) -> Blocks {
    const BEGIN: &str = "-----BEGIN ";
    let mut found = Blocks {
        certificates: Vec::new(),
        others: Vec::new(),
        private_key: text.contains("PRIVATE KEY"),
        unusual: text.contains('\r'),
    };
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, tail) = rest.split_at(at);
        found.unusual |= !before.trim().is_empty();
        let Some((label, body)) = tail.get(BEGIN.len()..).and_then(|t| t.split_once("-----"))
        else {
            break;
        };
        // A label is one short line; anything longer is prose that happens to hold dashes.
        if label.len() > 64 || label.contains('\n') {
            rest = tail.get(BEGIN.len()..).unwrap_or_default();
            continue;
        }
        let end = format!("-----END {label}-----");
        let (content, after) = match body.split_once(&end) {
            Some((content, after)) => (Some(content), after),
            None => (None, ""),
        };
        if label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE" {
            found.certificates.push(content.ok_or(NotBase64).and_then(base64));
        } else {
            found.others.push(label.to_owned());
        }
        rest = after;
    }
    found.unusual |= !rest.trim().is_empty() || found.certificates.len() + found.others.len() > 1;
    found
}

/// Decodes base64 that may be wrapped and indented anyhow.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, NotBase64> {
    let compact: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(compact).map_err(|_| NotBase64)
}

/// Writes DER as one PEM block: 64 columns, LF, as Apple makes it.
pub(super) fn armour(der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::with_capacity(body.len() + body.len() / 64 + 64);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
