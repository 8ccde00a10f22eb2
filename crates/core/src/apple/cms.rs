//! The readable part of an enrollment token: to whom it is encrypted, and how.
//!
//! CMS (RFC 5652) in BER or DER. Only what can be known without the private key is read; the
//! ciphertext is measured and passed over.

use der::asn1::ObjectIdentifier;

use super::ber::{
    BerError, Budget, Element, INTEGER, Inside, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET,
    first,
};
use super::name::Name;

/// A token has one recipient; more than this is an attempt to make work.
const MAX_RECIPIENTS: usize = 256;

/// What a CMS file is.
pub(super) enum Cms {
    /// Encrypted to public keys.
    Enveloped(Envelope),
    Other(ContentType),
}

/// The content types that are not encrypted to public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// `signedData`: signed, readable by anyone; also a bundle of certificates (.p7b).
    Signed,
    /// Any other: plain, digested, or encrypted with a key that is agreed otherwise.
    Unknown,
}

/// The envelope of an encrypted file.
pub(super) struct Envelope {
    /// To whom, at least one.
    pub(super) recipients: Vec<Recipient>,
    /// The content's cipher, by name or as dotted numbers.
    pub(super) cipher: String,
    /// Whether it is authEnvelopedData.
    pub(super) authenticated: bool,
    /// What is not as Apple makes it.
    pub(super) oddity: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub(super) id: RecipientId,
    /// Octets of the encrypted key, where it was made with RSA: the size of the modulus.
    pub(super) rsa_octets: Option<usize>,
}

/// How a recipient's key is named.
#[derive(Clone, Debug)]
pub(super) enum RecipientId {
    /// By its certificate's issuer and number.
    IssuerAndSerial {
        issuer: Name,
        /// The INTEGER's octets, shortest form, with sign.
        serial: Vec<u8>,
    },
    /// By its certificate's subject key identifier.
    KeyIdentifier(Vec<u8>),
    /// By something that is not a certificate: a password or a shared key.
    Other,
}

/// Why it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CmsError {
    Ber(BerError),
    /// No recipient at all.
    NoRecipient,
    /// No ciphertext, or one that is not whole.
    NoContent,
}

impl From<BerError> for CmsError {
    fn from(error: BerError) -> Self {
        Self::Ber(error)
    }
}

/// Last arcs under 1.2.840.113549.1.7.
const SIGNED: u8 = 2;
const ENVELOPED: u8 = 3;
const PKCS7: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
/// id-ct-authEnvelopedData, 1.2.840.113549.1.9.16.1.23 (RFC 5083), as the content of an OBJECT
/// IDENTIFIER.
const AUTH_ENVELOPED: [u8; 11] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17];

pub(super) fn read(input: &[u8]) -> Result<Cms, CmsError> {
    let mut budget = Budget::default();
    let budget = &mut budget;
    let (info, rest) = first(input, budget)?;
    if info.tag != SEQUENCE {
        return Err(BerError::Unexpected.into());
    }
    let mut inside = info.inside();
    let kind = inside.expect(OBJECT_IDENTIFIER, budget)?;
    let authenticated = kind.content == AUTH_ENVELOPED;
    match kind.content.strip_prefix(&PKCS7) {
        Some([ENVELOPED]) => {}
        _ if authenticated => {}
        Some([SIGNED, ..]) => return Ok(Cms::Other(ContentType::Signed)),
        _ => return Ok(Cms::Other(ContentType::Unknown)),
    }
    let data = inside.expect(0xA0, budget)?.inside().expect(SEQUENCE, budget)?;
    let mut envelope = enveloped(&mut data.inside(), authenticated, budget)?;
    if !rest.iter().all(|octet| octet.is_ascii_whitespace() || *octet == 0) {
        envelope.oddity = Some("other bytes follow the token");
    }
    Ok(Cms::Enveloped(envelope))
}

fn enveloped(
    inside: &mut Inside<'_>,
    authenticated: bool,
    budget: &mut Budget,
) -> Result<Envelope, CmsError> {
    inside.expect(INTEGER, budget)?;
    inside.optional(0xA0, budget)?;
    let mut infos = inside.expect(SET, budget)?.inside();
    let mut recipients = Vec::new();
    while let Some(info) = infos.next(budget)? {
        recipient(&info, &mut recipients, budget)?;
        if recipients.len() > MAX_RECIPIENTS {
            return Err(BerError::TooComplex.into());
        }
    }
    if recipients.is_empty() {
        return Err(CmsError::NoRecipient);
    }
    let mut content = inside.expect(SEQUENCE, budget)?.inside();
    content.expect(OBJECT_IDENTIFIER, budget)?;
    let mut algorithm = content.expect(SEQUENCE, budget)?.inside();
    let (cipher, block) = cipher(algorithm.expect(OBJECT_IDENTIFIER, budget)?.content);
    let length = match content.next(budget)? {
        Some(ciphertext) => ciphertext.octets(0x80, budget)?,
        None => 0,
    };
    if length == 0 || block.is_some_and(|block| !length.is_multiple_of(block)) {
        return Err(CmsError::NoContent);
    }
    Ok(Envelope { recipients, cipher, authenticated, oddity: None })
}

/// Adds a recipient; a key agreement has several in one.
fn recipient(
    info: &Element<'_>,
    found: &mut Vec<Recipient>,
    budget: &mut Budget,
) -> Result<(), CmsError> {
    let mut inside = info.inside();
    match info.tag {
        // KeyTransRecipientInfo (RFC 5652 §6.2.1): a version, then one recipient.
        SEQUENCE => {
            inside.expect(INTEGER, budget)?;
            let id = inside.next(budget)?.ok_or(BerError::Unexpected)?;
            let id = identifier(&id, budget)?;
            let mut algorithm = inside.expect(SEQUENCE, budget)?.inside();
            let algorithm = algorithm.expect(OBJECT_IDENTIFIER, budget)?;
            let key = inside.next(budget)?.ok_or(BerError::Unexpected)?;
            let octets = key.octets(OCTET_STRING, budget)?;
            let rsa_octets = is_rsa(algorithm.content).then_some(octets);
            found.push(Recipient { id, rsa_octets });
        }
        // KeyAgreeRecipientInfo (RFC 5652 §6.2.2): the version, the originator, then a list of
        // recipients.
        0xA1 => {
            inside.expect(INTEGER, budget)?;
            inside.expect(0xA0, budget)?;
            inside.optional(0xA1, budget)?;
            inside.expect(SEQUENCE, budget)?;
            let mut keys = inside.expect(SEQUENCE, budget)?.inside();
            while let Some(key) = keys.next(budget)? {
                let id = key.inside().next(budget)?.ok_or(BerError::Unexpected)?;
                found.push(Recipient { id: identifier(&id, budget)?, rsa_octets: None });
            }
        }
        // A shared key, a password, or a kind yet to come.
        0xA2..=0xA4 => found.push(Recipient { id: RecipientId::Other, rsa_octets: None }),
        _ => return Err(BerError::Unexpected.into()),
    }
    Ok(())
}

fn identifier(element: &Element<'_>, budget: &mut Budget) -> Result<RecipientId, CmsError> {
    match element.tag {
        SEQUENCE => {
            let mut inside = element.inside();
            let issuer = inside.next(budget)?.ok_or(BerError::Unexpected)?;
            let issuer = Name::read(&issuer, budget)?;
            let serial = inside.expect(INTEGER, budget)?;
            Ok(RecipientId::IssuerAndSerial { issuer, serial: shortest(serial.content).to_vec() })
        }
        // subjectKeyIdentifier [0] of key transport: the octets themselves.
        0x80 => Ok(RecipientId::KeyIdentifier(element.content.to_vec())),
        // rKeyId [0] of key agreement: the octets inside.
        0xA0 => {
            let octets = element.inside().expect(OCTET_STRING, budget)?;
            Ok(RecipientId::KeyIdentifier(octets.content.to_vec()))
        }
        _ => Err(BerError::Unexpected.into()),
    }
}

/// An INTEGER's octets without those that only repeat the sign: 00 before a clear top bit, FF
/// before a set one. The sign stays, so that -1 and 255 differ.
pub(super) fn shortest(mut octets: &[u8]) -> &[u8] {
    while let [first, second, ..] = octets {
        let repeats = (*first == 0 && second & 0x80 == 0) || (*first == 0xFF && second & 0x80 != 0);
        if !repeats {
            break;
        }
        octets = octets.get(1..).unwrap_or_default();
    }
    octets
}

/// Whether it is 1.2.840.113549.1.1.1 (rsaEncryption) or 1.2.840.113549.1.1.7 (RSAES-OAEP).
fn is_rsa(oid: &[u8]) -> bool {
    matches!(oid, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 1 | 7])
}

/// A cipher's name, in OpenSSL's spelling, and its block size where the content must be whole
/// blocks.
fn cipher(oid: &[u8]) -> (String, Option<usize>) {
    let known = match oid {
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, last] => match last {
            2 => Some(("aes-128-cbc", Some(16))),
            22 => Some(("aes-192-cbc", Some(16))),
            42 => Some(("aes-256-cbc", Some(16))),
            6 => Some(("aes-128-gcm", None)),
            26 => Some(("aes-192-gcm", None)),
            46 => Some(("aes-256-gcm", None)),
            _ => None,
        },
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 7] => Some(("des-ede3-cbc", Some(8))),
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 2] => Some(("rc2-cbc", Some(8))),
        [0x2B, 0x0E, 0x03, 0x02, 7] => Some(("des-cbc", Some(8))),
        _ => None,
    };
    match known {
        Some((name, block)) => (name.to_owned(), block),
        None => {
            let dotted = ObjectIdentifier::from_bytes(oid).map(|oid| oid.to_string());
            (dotted.unwrap_or_else(|_| "unknown".to_owned()), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shortest;

    #[test]
    fn integers_are_compared_in_their_shortest_form() {
        assert_eq!(shortest(&[0, 0, 0x7F]), [0x7F]);
        assert_eq!(shortest(&[0, 0x80]), [0, 0x80]);
        assert_eq!(shortest(&[0xFF, 0xFF]), [0xFF]);
        assert_eq!(shortest(&[0x83, 0x4C]), [0x83, 0x4C]);
        assert_eq!(shortest(&[0]), [0]);
        assert_eq!(shortest(&[]), [0_u8; 0]);
    }
}
