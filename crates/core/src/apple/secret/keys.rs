//! Key material in DER, told by byte sequences that stand in keys and nowhere else, so that it is
//! found in the middle of anything: a tar file, an image, what a line of base64 hides.
//!
//! Sources: RFC 5958 (PKCS#8), RFC 8017 appendix A.1.2 (PKCS#1), RFC 5915 (SEC 1), RFC 8018
//! appendix A.4 (PBES2), RFC 7292 (PKCS#12), RFC 5652 (CMS enveloped data).

use std::collections::BTreeSet;

use memchr::memmem;

use super::SecretKind;

/// `privateKeyAlgorithm` rsaEncryption with NULL, and the octet string after it.
const RSA: &[u8] = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04";
/// id-ecPublicKey, 1.2.840.10045.2.1, with its tag and length.
const EC: &[u8] = b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06";
/// X25519, X448, Ed25519, Ed448: 1.3.101.110 to 113.
const EDWARDS: &[u8] = b"\x30\x05\x06\x03\x2B\x65";
/// Version 0, and an integer of more than 127 octets: PKCS#1.
const PKCS1: &[u8] = b"\x02\x01\x00\x02";
/// Version 1, and an octet string: SEC 1.
const SEC1: &[u8] = b"\x02\x01\x01\x04";
/// PBES2 with its parameters, at the start of an encrypted PKCS#8 key.
const PBES2: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0D\x30";
/// The content type `data` within a PFX.
const DATA: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
/// The content type `enveloped-data`, and its content: an enrollment token.
const ENVELOPED: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03\xA0";
/// Java's key store, at the start of a file.
const JAVA: &[u8] = b"\xFE\xED\xFE\xED\x00\x00\x00";

pub(super) fn find(bytes: &[u8], found: &mut BTreeSet<SecretKind>) {
    let store = places(bytes, DATA).any(|at| preceded(bytes, at, &[0x02, 0x01, 0x03, 0x30], 8))
        || bytes.starts_with(JAVA);
    if store {
        found.insert(SecretKind::KeyStore);
    }
    if is_private_key(bytes, store) {
        found.insert(SecretKind::PrivateKey);
    }
    if memmem::find(bytes, ENVELOPED).is_some() {
        found.insert(SecretKind::EnrollmentToken);
    }
}

fn is_private_key(bytes: &[u8], store: bool) -> bool {
    // The sequence that holds all, the version, and at most `most` octets between it and `at`.
    let is_first = |at: usize, most: usize| {
        (0..=most).filter_map(|gap| at.checked_sub(gap)).any(|end| {
            matches!(
                bytes.get(..end).unwrap_or_default(),
                [.., 0x30, 0..0x80, 2, 1, 0 | 1]
                    | [.., 0x30, 0x81, _, 2, 1, 0 | 1]
                    | [.., 0x30, 0x82, _, _, 2, 1, 0 | 1]
            )
        })
    };
    let pkcs8 = places(bytes, RSA).any(|at| is_first(at, 0))
        || places(bytes, EC).any(|at| is_first(at, 3))
        || places(bytes, EDWARDS).any(|at| {
            matches!(bytes.get(at + 6..at + 8), Some([0x6E..=0x71, 0x04])) && is_first(at, 0)
        });
    // A modulus: an odd number of octets because the highest bit would be a sign.
    let pkcs1 = || {
        places(bytes, PKCS1).any(|at| {
            let modulus = bytes.get(at + 4..at + 8).unwrap_or_default();
            let long = matches!(modulus, [0x82, _, 0x01 | 0x81, 0x00] | [0x81, 0x81, 0x00, _]);
            long && at.checked_sub(4).and_then(|at| bytes.get(at..at + 2)) == Some(&[0x30, 0x82])
        })
    };
    let sec1 = || {
        places(bytes, SEC1).any(|at| {
            let Some(&length) = bytes.get(at + 4) else { return false };
            let curve = bytes.get(at + 5 + usize::from(length)..).unwrap_or_default();
            matches!((length, curve), (0x20 | 0x30 | 0x42, [0xA0, 7 | 10, 0x06, ..]))
        })
    };
    // A PKCS#12 file has keys encrypted in the same way, and is told as what it is.
    let encrypted = || {
        !store
            && places(bytes, PBES2).any(|at| {
                // Two sequences open before it: the key, and its algorithm.
                let head = bytes.get(at.saturating_sub(8)..at).unwrap_or_default();
                matches!(head, [.., 0x30, 0x82, _, _, 0x30, _])
                    || matches!(head, [.., 0x30, 0x81, _, 0x30, _])
            })
    };
    pkcs8 || pkcs1() || sec1() || encrypted()
}

fn places<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = usize> {
    memmem::find_iter(bytes, mark)
}

/// Whether `wanted` ends at most `most` octets before `at`.
fn preceded(bytes: &[u8], at: usize, wanted: &[u8], most: usize) -> bool {
    (0..=most).any(|gap| {
        at.checked_sub(gap)
            .and_then(|end| bytes.get(..end))
            .is_some_and(|head| head.ends_with(wanted))
    })
}
