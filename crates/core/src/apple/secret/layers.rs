//! What hides a mark without hiding the secret from anybody: UTF-16, base64, gzip and ZIP.
//!
//! Every layer is taken off within bounds, so that looking costs a small multiple of the size.

use std::io::Read as _;

use memchr::{memchr, memmem};
use zeroize::Zeroizing;

/// Shorter runs of base64 hold no secret.
const SHORTEST_RUN: usize = 40;
/// Most octets that all archives of one blob are unpacked to.
pub(super) const MAX_UNPACKED: u64 = 64 * 1024 * 1024;
/// Most files of one archive.
const MAX_MEMBERS: usize = 10_000;
const NO_LETTER: u8 = 0xFF;

/// The bytes without their zeros, which is what ASCII in UTF-16 and UTF-32 of either order becomes,
/// also in the middle of something else; `None` where there are none.
pub(super) fn narrowed(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    memchr(0, bytes)?;
    Some(Zeroizing::new(bytes.iter().copied().filter(|byte| *byte != 0).collect()))
}

/// Everything that may be base64, decoded: each run of its letters, white space and the written
/// line ends of JSON left out, from each of the four places at which a group can begin.
pub(super) fn decoded(bytes: &[u8], mut look: impl FnMut(&[u8])) {
    let mut values: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::new());
    let mut plain: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::new());
    let mut end_of_run = |values: &mut Vec<u8>| {
        if values.len() >= SHORTEST_RUN {
            for start in 0..4 {
                plain.clear();
                for group in values.get(start..).unwrap_or_default().chunks(4) {
                    unite(group, &mut plain);
                }
                look(&plain);
            }
        }
        values.clear();
    };
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        let value = value(byte);
        if value != NO_LETTER {
            values.push(value);
        } else if byte == b'\\' {
            if rest.next_if(|next| matches!(next, b'n' | b'r' | b't')).is_none() {
                end_of_run(&mut values);
            }
        } else if !byte.is_ascii_whitespace() {
            end_of_run(&mut values);
        }
    }
    end_of_run(&mut values);
}

/// The six bits of a letter, of the plain or the URL-safe alphabet.
fn value(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => NO_LETTER,
    }
}

fn unite(group: &[u8], plain: &mut Vec<u8>) {
    let whole = group.iter().fold(0_u32, |sum, value| sum << 6 | u32::from(*value));
    match group.len() {
        4 => plain.extend_from_slice(whole.to_be_bytes().get(1..).unwrap_or_default()),
        3 => plain.extend_from_slice((whole >> 2).to_be_bytes().get(2..).unwrap_or_default()),
        2 => plain.push((whole >> 4) as u8),
        _ => {}
    }
}

/// Whether it is an archive of a kind that is not unpacked here: bzip2, xz, zstd, 7z, RAR.
pub(super) fn is_closed_archive(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 5] =
        [b"BZh", b"\xFD7zXZ\0", b"\x28\xB5\x2F\xFD", b"7z\xBC\xAF\x27\x1C", b"Rar!\x1A\x07"];
    MARKS.iter().any(|mark| bytes.starts_with(mark))
}

/// What gzip or a ZIP file has compressed, and whether that is all of it: a password, an unusual
/// method or the bound may stand in the way. `left` is how much may be unpacked yet.
pub(super) fn unpacked(bytes: &[u8], left: &mut u64) -> (Vec<Zeroizing<Vec<u8>>>, bool) {
    let mut members = Vec::new();
    if bytes.starts_with(&[0x1F, 0x8B, 8]) {
        let all = member(flate2::read::MultiGzDecoder::new(bytes), left, &mut members);
        return (members, all);
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return (members, true);
    }
    let mut all = true;
    // By the headers in front of each file: the directory at the end may be missing or lie.
    for at in memmem::find_iter(bytes, b"PK\x03\x04") {
        let Some(header) = bytes.get(at..at + 30) else { continue };
        let number = |at: usize| {
            let octet = |at: usize| usize::from(header.get(at).copied().unwrap_or_default());
            octet(at) | octet(at + 1) << 8
        };
        let start = at + 30 + number(26) + number(28);
        match (number(6) & 1, number(8)) {
            // What is stored is seen where it stands.
            (0, 0) => {}
            (0, 8) if members.len() < MAX_MEMBERS => {
                let packed = bytes.get(start..).unwrap_or_default();
                all &= member(flate2::read::DeflateDecoder::new(packed), left, &mut members);
            }
            _ => all = false,
        }
    }
    (members, all)
}

/// One of them; `false` when it is longer than may be. An error at its end, or in what only looks
/// like one, leaves what came before.
fn member(
    packed: impl std::io::Read,
    left: &mut u64,
    members: &mut Vec<Zeroizing<Vec<u8>>>,
) -> bool {
    let mut plain = Zeroizing::new(Vec::new());
    let _ = packed.take(left.saturating_add(1)).read_to_end(&mut plain);
    let length = plain.len() as u64;
    let whole = length <= *left;
    *left = left.saturating_sub(length);
    members.push(plain);
    whole
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn shows(bytes: &[u8], wanted: &[u8]) -> bool {
        let mut found = false;
        decoded(bytes, |plain| found |= memmem::find(plain, wanted).is_some());
        found
    }

    #[test]
    fn base64_is_decoded_wherever_it_begins_and_however_it_is_broken() {
        let secret = b"a text of some length, with a mark far behind its beginning: MARK-1234";
        for before in ["", "a", "bb: ", "ccc", "key=\"", "- "] {
            for text in [STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
                assert!(shows(format!("{before}{text}").as_bytes(), b"MARK-1234"), "{before}");
                let lines: Vec<&str> =
                    text.as_bytes().chunks(30).map(|line| str::from_utf8(line).unwrap()).collect();
                for end in ["\n", "\r\n", "\n    ", "\\n", "\\r\\n"] {
                    let broken = format!("{before}{}", lines.join(end));
                    assert!(shows(broken.as_bytes(), b"MARK-1234"), "{before}{end:?}");
                }
            }
        }
        assert!(!shows(b"words, and no data at all; nothing to decode here. none", b"MARK"));
    }

    #[test]
    fn an_archive_is_unpacked_within_bounds_and_a_closed_one_is_told() {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&vec![0; MAX_UNPACKED as usize + 2]).unwrap();
        let bomb = gzip.finish().unwrap();
        let mut left = MAX_UNPACKED;
        let (members, all) = unpacked(&bomb, &mut left);
        assert_eq!((members[0].len() as u64, all, left), (MAX_UNPACKED + 1, false, 0));
        assert_eq!(unpacked(b"plain text", &mut left), (Vec::new(), true));
        for flags_and_method in [[1, 0, 8, 0], [0, 0, 99, 0]] {
            let header = [&b"PK\x03\x04\x14\x00"[..], &flags_and_method, &[0; 20]].concat();
            assert!(!unpacked(&header, &mut left).1, "{flags_and_method:?}");
        }
        assert!(is_closed_archive(b"7z\xBC\xAF\x27\x1C\0\x04"));
    }
}
