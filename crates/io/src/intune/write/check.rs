//! What must never leave (nothing empty, for Graph takes an empty credential for its removal, and no
//! private key), and bodies that are wiped.

use std::io;

use azure_core::Bytes;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::id::{self, Segment};
use super::super::scrub;
use super::error::WriteError;
use applecart_core::model::is_hostile;

/// Base64 of a text that is base64 itself, as VPP tokens are, is as deep as it goes.
const MAX_LAYERS: usize = 3;

fn refuse<T>(what: &'static str, why: &'static str) -> Result<T, WriteError> {
    Err(WriteError::Refused { what, why })
}

/// A text that a setting is given: not blank.
pub(super) fn text(what: &'static str, value: &str) -> Result<(), WriteError> {
    if !value.chars().any(|c| !is_hostile(c) && !c.is_whitespace()) {
        return refuse(what, "is empty");
    }
    Ok(())
}

/// The content of a token file, as it is or in base64.
pub(super) fn credential(what: &'static str, value: &str) -> Result<(), WriteError> {
    holds_something(what, value.as_bytes())?;
    let mut inner = scrub::decoded(value.as_bytes());
    for _ in 0..MAX_LAYERS {
        let Some(bytes) = inner else { break };
        holds_something(what, &bytes)?;
        inner = scrub::decoded(&bytes);
    }
    Ok(())
}

fn holds_something(what: &'static str, bytes: &[u8]) -> Result<(), WriteError> {
    const KEY: &[u8] = b"PRIVATE KEY";
    if bytes.windows(KEY.len()).any(|window| window == KEY) {
        return refuse(what, "holds a private key");
    }
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    // Armour alone is empty, too.
    let content = |line: &[u8]| {
        !line.trim_ascii_start().starts_with(b"-----") && line.iter().any(u8::is_ascii_alphanumeric)
    };
    if !lines.any(content) {
        return refuse(what, "is empty");
    }
    Ok(())
}

/// Scope tags: none at all, or a nameless one, would take the object away from its administrators.
pub(super) fn scope_tags(ids: &[String]) -> Result<(), WriteError> {
    const WHAT: &str = "the list of scope tags";
    if ids.is_empty() {
        return refuse(WHAT, "is empty");
    }
    ids.iter().try_for_each(|id| text(WHAT, id))
}

/// An id as one segment of a path.
pub(super) fn segment(id: &str) -> Result<Segment, WriteError> {
    id::segment(id).or(refuse("the token's id", "is not an id of Graph's"))
}

/// A body that holds a credential: written into memory that is wiped when the last reference to it is dropped.
pub(super) fn json(body: &impl Serialize) -> Result<Bytes, WriteError> {
    let cannot = |_| WriteError::Refused { what: "the request", why: "cannot be encoded" };
    // Measured first: a vector that grows leaves copies behind.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body).map_err(cannot)?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *buffer, body).map_err(cannot)?;
    Ok(Bytes::from_owner(buffer))
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_private_key_is_found_through_layers_of_base64() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        let once = STANDARD.encode(key);
        let wrapped = format!("{}\r\n{}\r\n", &once[..20], &once[20..]);
        for value in [key, &once, &wrapped, &STANDARD.encode(&once)] {
            let why = "holds a private key";
            assert_eq!(credential("it", value), refuse("it", why), "{value}");
        }
        assert_eq!(credential("it", &STANDARD.encode("Content-Type: x\n\nMIAG")), Ok(()));
    }

    #[test]
    fn base64_of_nothing_is_nothing() {
        for nothing in ["", " \n", "\0\0\0", "-----BEGIN X-----\n-----END X-----"] {
            assert_eq!(credential("it", &STANDARD.encode(nothing)), refuse("it", "is empty"));
        }
    }

    #[test]
    fn scope_tags_are_never_taken_away() {
        let tags =
            |ids: &[&str]| scope_tags(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert!(tags(&["0", "12"]).is_ok());
        for ids in [&[][..], &[""], &["0", " "]] {
            assert!(tags(ids).is_err(), "{ids:?}");
        }
    }
}
