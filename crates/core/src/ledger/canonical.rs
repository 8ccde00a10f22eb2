//! Whether a line is canonical, for the many lines that every run reads.
//!
//! serde_json writes texts and whole numbers as RFC 8785 does, so only members have to be sorted. The
//! library that does all of the RFC takes several times as long; it has the last word wherever this
//! finds a difference.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

/// More digits than a number can have in every reader of JSON.
const MAX_DIGITS: usize = 15;

/// Whether `line` is what serde_json wrote, with every object's members sorted.
pub(super) fn is_sorted(line: &[u8], written: &[u8]) -> bool {
    after(line, written).is_some_and(<[u8]>::is_empty)
}

/// What follows in `line` when it begins with a value that serde_json wrote, sorted; `None` where it does
/// not, or the value is one that RFC 8785 may write otherwise.
fn after<'l>(mut line: &'l [u8], value: &[u8]) -> Option<&'l [u8]> {
    match value.first()? {
        b'{' => {
            let mut members = Vec::with_capacity(32);
            let mut rest = value.get(1..)?;
            while *rest.first()? != b'}' {
                let name = rest.get(..length(rest)?)?;
                rest = rest.get(name.len()..)?.strip_prefix(b":")?;
                let value = rest.get(..length(rest)?)?;
                rest = rest.get(value.len()..)?;
                rest = rest.strip_prefix(b",").unwrap_or(rest);
                members.push((name, value));
            }
            // Every name is plain ASCII, so octets sort as the UTF-16 of the RFC does.
            members.sort_unstable_by_key(|(name, _)| *name);
            line = line.strip_prefix(b"{")?;
            for (place, (name, value)) in members.into_iter().enumerate() {
                line = if place == 0 { line } else { line.strip_prefix(b",")? };
                line = after(line.strip_prefix(name)?.strip_prefix(b":")?, value)?;
            }
            line.strip_prefix(b"}")
        }
        b'-' | b'0'..=b'9' if value.len() > MAX_DIGITS || value.contains(&b'.') => None,
        b'[' if value.contains(&b'{') => None,
        _ => line.strip_prefix(value),
    }
}

/// The length of the value that a text begins with.
fn length(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => {
                at += 1;
                loop {
                    at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
                    if *text.get(at)? == b'"' {
                        break;
                    }
                    // What a backslash stands before ends nothing.
                    at += 2;
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        let is_over = matches!(text.get(at), None | Some(b',' | b'}' | b']' | b':'));
        if depth == 0 && is_over {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::testing::arbitrary_draft;
    use crate::model::Sha256;

    fn is_canonical(text: &str) -> bool {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        is_sorted(text.as_bytes(), &serde_json::to_vec(&value).unwrap())
    }

    #[test]
    fn what_is_not_sorted_or_not_plain_is_left_to_the_library() {
        for text in [
            "{}",
            r#"{"a":{"a":[],"b":["x","y"]},"b":{},"c":null,"d":-12,"e":"\\\"{[,"}"#,
            r#""text""#,
            "7",
        ] {
            assert!(is_canonical(text), "{text}");
        }
        for text in [
            r#"{"b":1,"a":2}"#,
            r#"{"a":{"d":1,"c":2}}"#,
            r#"{"a": 1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":[{"b":1}]}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":"\u0041"}"#,
        ] {
            assert!(!is_canonical(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_agrees_with_the_library_on_every_line(draft in arbitrary_draft(), seq in 1_u64..1_000) {
            let record = draft.at_place(seq, Sha256::ZERO);
            let canonical = serde_json_canonicalizer::to_vec(&record).unwrap();
            let written = serde_json::to_vec(&record).unwrap();
            prop_assert!(is_sorted(&canonical, &written));
            prop_assert!(written == canonical || !is_sorted(&written, &written));
        }
    }
}
