//! Ids of Graph's objects, as one segment of a path.
//!
//! An id comes from a file in Git, the ledger or an answer. In a path it decides what a request
//! is about, so only what cannot be read as anything but one name goes there.

use std::fmt;

/// Intune's ids are GUIDs, some of them two joined.
const MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment(String);

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an id of Graph's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoId;

/// The segment of an id. Letters, digits and `-_.~` stay as they are (RFC 3986, unreserved);
/// `=,:!@+` are encoded; anything else is no id.
pub(super) fn segment(id: &str) -> Result<Segment, NoId> {
    let named = id.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if !named || id.len() > MAX || id.contains("..") {
        return Err(NoId);
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte));
            }
            b'=' | b',' | b':' | b'!' | b'@' | b'+' => segment.push_str(&format!("%{byte:02X}")),
            _ => return Err(NoId),
        }
    }
    Ok(Segment(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment() {
        let shown = |id| segment(id).map(|segment| segment.to_string());
        let guid = "39d1a707-1111-2222-3333-444455556666";
        assert_eq!(shown(guid).as_deref(), Ok(guid));
        assert_eq!(shown("T_1.a~b=,:!@+").as_deref(), Ok("T_1.a~b%3D%2C%3A%21%40%2B"));
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_id() {
        let long = "a".repeat(129);
        for odd in [
            "",
            " ",
            ".",
            "..",
            "...",
            "-",
            "a/b",
            "a/..",
            "../a",
            "a..b",
            "a\\b",
            "a?b",
            "a#b",
            "a%2Fb",
            "a b",
            "a\n",
            "a\0",
            "a'b",
            "a(b)",
            "$batch",
            "a;b",
            "a&b",
            "\u{e9}",
            "a\u{202e}",
            &long,
        ] {
            assert_eq!(segment(odd), Err(NoId), "{odd:?}");
        }
    }
}
