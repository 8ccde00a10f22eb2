//! The extensions of Apple's push certificates, in Apple's order.
//!
//! Written as DER by hand: they are few, short and constant, and only so is it plain that they
//! are byte for byte of the shape that real certificates have.

use rcgen::{CustomExtension, PublicKeyData};
use sha2::Digest as _;

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const IA5_STRING: u8 = 0x16;
/// 1.2.840.113635.100.5.1, the policy all of Apple's certificates are under.
const APPLE_POLICY: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x63, 0x64, 0x05, 0x01];
/// 1.3.6.1.5.5.7.2.1, a certification practice statement.
const CPS: [u8; 8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x01];
/// 1.3.6.1.5.5.7.3.2: the certificate is for client authentication, as the content of an OBJECT
/// IDENTIFIER.
const CLIENT_AUTH: [u8; 8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const DIGITAL_SIGNATURE: [u8; 4] = [0x03, 0x02, 0x07, 0x80];
const NULL: [u8; 2] = [0x05, 0x00];

/// All extensions of a certificate of `authority` over `key`.
pub(super) fn of(authority: &impl PublicKeyData, key: &impl PublicKeyData) -> Vec<CustomExtension> {
    let authority_key = element(SEQUENCE, &element(0x80, &identifier(authority)));
    let statement = [
        element(OBJECT_IDENTIFIER, &CPS),
        element(IA5_STRING, b"http://apple.simulated.invalid/certificateauthority/"),
    ];
    let policy = [
        element(OBJECT_IDENTIFIER, &APPLE_POLICY),
        element(SEQUENCE, &element(SEQUENCE, &statement.concat())),
    ];
    // distributionPoint [0], fullName [0], uniformResourceIdentifier [6].
    let address = element(0x86, b"http://apple.simulated.invalid/simulated.crl");
    let point = element(0xA0, &element(0xA0, &address));

    [
        // An empty SEQUENCE: not an authority.
        (&[2, 5, 29, 19][..], element(SEQUENCE, &[])),
        (&[2, 5, 29, 35], authority_key),
        (&[2, 5, 29, 32], element(SEQUENCE, &element(SEQUENCE, &policy.concat()))),
        (&[2, 5, 29, 37], element(SEQUENCE, &element(OBJECT_IDENTIFIER, &CLIENT_AUTH))),
        (&[2, 5, 29, 31], element(SEQUENCE, &element(SEQUENCE, &point))),
        (&[2, 5, 29, 14], element(OCTET_STRING, &identifier(key))),
        (&[2, 5, 29, 15], DIGITAL_SIGNATURE.to_vec()),
        // Apple's mark of a production push certificate.
        (&[1, 2, 840, 113_635, 100, 6, 3, 2], NULL.to_vec()),
    ]
    .into_iter()
    .map(|(oid, content)| CustomExtension::from_oid_content(oid, content))
    .collect()
}

/// One DER element. Everything here is shorter than the 128 octets that need a longer form.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(0x7F);
    debug_assert!(length < 0x80, "needs the long form of a length");
    let mut der = vec![tag, length];
    der.extend_from_slice(content);
    der
}

/// 20 octets that identify a key (RFC 7093, method 1: SHA-256, shortened).
fn identifier(key: &impl PublicKeyData) -> Vec<u8> {
    let digest: [u8; 32] = sha2::Sha256::digest(key.der_bytes()).into();
    digest.into_iter().take(20).collect()
}
