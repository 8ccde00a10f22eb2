//! What a DER or BER structure is, told by its first elements.

use super::ber::{
    BIT_STRING, Budget, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, first,
};

/// A structure that may turn up in a token file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Certificate,
    /// A certificate signing request (PKCS#10).
    Request,
    /// CMS (PKCS#7) of any content type.
    Cms,
    /// A private key: PKCS#8, plain or encrypted, PKCS#1 or SEC 1.
    PrivateKey,
    /// A key store (PKCS#12), which is there to hold a private key.
    KeyStore,
    /// A public key alone.
    PublicKey,
    Other,
}

/// 1.2.840.113549.1.7: PKCS#7 and CMS content types.
const PKCS7: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
/// 1.2.840.113549.1.9.16.1: S/MIME content types, among them authEnvelopedData.
const SMIME: [u8; 10] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01];

/// Tells what a structure is. A structure that is cut off is still told by its beginning.
pub(super) fn shape(input: &[u8]) -> Shape {
    let mut budget = Budget::default();
    let inside = children(input, &mut budget);
    let tags: Vec<u8> = inside.iter().map(|(tag, _)| *tag).collect();
    let content = |index: usize| inside.get(index).map_or(&[][..], |(_, content)| *content);
    let within = |index: usize, budget: &mut Budget| -> Vec<(u8, Vec<u8>)> {
        parts(content(index), budget)
            .into_iter()
            .map(|(tag, content)| (tag, content.to_vec()))
            .collect()
    };
    match tags.as_slice() {
        [OBJECT_IDENTIFIER, ..] => {
            let oid = content(0);
            if oid.starts_with(&PKCS7) || oid.starts_with(&SMIME) {
                Shape::Cms
            } else {
                Shape::Other
            }
        }
        [INTEGER, INTEGER] => Shape::PublicKey,
        [INTEGER, INTEGER, INTEGER, ..] | [INTEGER, OCTET_STRING, ..] => Shape::PrivateKey,
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => Shape::PrivateKey,
        [INTEGER, SEQUENCE, ..] if content(0) == [3] => Shape::KeyStore,
        [INTEGER, SEQUENCE] if matches!(content(0), [0 | 1]) => Shape::PrivateKey,
        [SEQUENCE, BIT_STRING] => Shape::PublicKey,
        [SEQUENCE, OCTET_STRING] => {
            let encrypted =
                within(0, &mut budget).first().is_some_and(|(tag, _)| *tag == OBJECT_IDENTIFIER);
            if encrypted { Shape::PrivateKey } else { Shape::Other }
        }
        [SEQUENCE, ..] => {
            let inner = within(0, &mut budget);
            let tags: Vec<u8> = inner.iter().map(|(tag, _)| *tag).collect();
            match tags.as_slice() {
                [0xA0, INTEGER, ..] => Shape::Certificate,
                // A version 1 certificate has an algorithm second, a request its subject.
                [INTEGER, SEQUENCE, ..] => {
                    let second = inner.get(1).map_or(&[][..], |(_, content)| content.as_slice());
                    match second.first() {
                        Some(&OBJECT_IDENTIFIER) => Shape::Certificate,
                        Some(&SET) | None => Shape::Request,
                        Some(_) => Shape::Other,
                    }
                }
                _ => Shape::Other,
            }
        }
        _ => Shape::Other,
    }
}

/// The first few elements inside the first element, as far as they are there.
fn children<'a>(input: &'a [u8], budget: &mut Budget) -> Vec<(u8, &'a [u8])> {
    match open(input) {
        Some((SEQUENCE, content)) => parts(content, budget),
        _ => Vec::new(),
    }
}

fn parts<'a>(content: &'a [u8], budget: &mut Budget) -> Vec<(u8, &'a [u8])> {
    let mut found = Vec::new();
    let mut rest = content;
    while found.len() < 10 && !rest.is_empty() && !rest.starts_with(&[0, 0]) {
        match first(rest, budget) {
            Ok((Element { tag, content, .. }, tail)) => {
                found.push((tag, content));
                rest = tail;
            }
            // Cut off: what is there still tells its kind.
            Err(_) => {
                found.extend(open(rest));
                break;
            }
        }
    }
    found
}

/// The tag and the content of an element that may be cut off.
fn open(input: &[u8]) -> Option<(u8, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    match length {
        0..0x80 => Some((tag, rest.get(..usize::from(length)).unwrap_or(rest))),
        0x80 => Some((tag, rest)),
        0x81..=0x84 => {
            let (octets, content) = rest.split_at_checked(usize::from(length & 0x7F))?;
            let length = octets.iter().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet));
            Some((tag, content.get(..length).unwrap_or(content)))
        }
        _ => None,
    }
}
