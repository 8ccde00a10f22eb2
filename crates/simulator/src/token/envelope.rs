//! CMS EnvelopedData (RFC 5652): who may open it, and opening it.

use super::ber::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, read};
use super::{Recipient, TokenError};
use crate::crypto::{aes_decrypt, rsa_decrypt};

/// 1.2.840.113549.1.7.3, as the content of an OBJECT IDENTIFIER; so are all below.
pub(crate) const ENVELOPED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03];
/// 1.2.840.113549.1.7.1: the content is plain data.
pub(crate) const DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.1.1: RSA with PKCS#1 v1.5.
pub(crate) const RSA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// 2.16.840.1.101.3.4.1.2: AES in CBC with a key of 16 octets.
pub(crate) const AES_128_CBC: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
/// 2.16.840.1.101.3.4.1, under which 2, 22 and 42 are CBC with keys of 16, 24 and 32 octets.
/// Apple uses the first; what OpenSSL and Python make by default is among them, but for the
/// triple DES of old ones.
const AES: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// Opens a ContentInfo with the key of `recipient`, in PKCS#8 DER.
pub(super) fn open(cms: &[u8], recipient: &Recipient, key: &[u8]) -> Result<Vec<u8>, TokenError> {
    let parts = parts(cms).ok_or(TokenError::NotEnveloped)?;
    let mine: Vec<_> = parts
        .transports
        .iter()
        .filter(|it| it.issuer == recipient.issuer && it.serial == recipient.serial)
        .collect();
    if mine.is_empty() {
        return Err(TokenError::OtherKey);
    }
    let octets = match parts.cipher.strip_prefix(&AES) {
        Some([2]) => 16,
        Some([22]) => 24,
        Some([42]) => 32,
        _ => return Err(TokenError::Cipher),
    };
    if mine.iter().all(|transport| transport.algorithm != RSA) {
        return Err(TokenError::Cipher);
    }
    // Certificates of the same name and number but another key are known to exist.
    mine.iter()
        .filter(|transport| transport.algorithm == RSA)
        .filter_map(|transport| rsa_decrypt(key, &transport.key).ok())
        .filter(|content_key| content_key.len() == octets)
        .find_map(|content_key| aes_decrypt(&content_key, &parts.vector, &parts.text).ok())
        .ok_or(TokenError::Damaged)
}

/// One KeyTransRecipientInfo that names a certificate.
struct Transport {
    issuer: Vec<u8>,
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    key: Vec<u8>,
}

struct Parts {
    transports: Vec<Transport>,
    cipher: Vec<u8>,
    vector: [u8; 16],
    text: Vec<u8>,
}

fn parts(cms: &[u8]) -> Option<Parts> {
    let info = read(cms).filter(|info| info.tag == SEQUENCE)?;
    if info.at(0, OBJECT_IDENTIFIER)?.content != ENVELOPED_DATA {
        return None;
    }
    let data = info.at(1, 0xA0)?.at(0, SEQUENCE)?;
    data.at(0, INTEGER)?;
    // Originator information may stand before the recipients.
    let at = if data.at(1, 0xA0).is_some() { 2 } else { 1 };
    let transports = data.at(at, SET)?.inside.iter().filter_map(|info| {
        let named = info.at(1, SEQUENCE).filter(|_| info.tag == SEQUENCE)?;
        Some(Transport {
            issuer: named.at(0, SEQUENCE)?.whole.to_vec(),
            serial: named.at(1, INTEGER)?.content.to_vec(),
            algorithm: info.at(2, SEQUENCE)?.at(0, OBJECT_IDENTIFIER)?.content.to_vec(),
            key: info.inside.get(3)?.string(OCTET_STRING)?,
        })
    });
    let content = data.at(at + 1, SEQUENCE)?;
    let algorithm = content.at(1, SEQUENCE)?;
    Some(Parts {
        transports: transports.collect(),
        cipher: algorithm.at(0, OBJECT_IDENTIFIER)?.content.to_vec(),
        vector: algorithm
            .at(1, OCTET_STRING)
            .and_then(|vector| vector.content.try_into().ok())
            // Another cipher than AES; that is said later.
            .unwrap_or_default(),
        text: content.inside.get(2)?.string(0x80)?,
    })
}
