//! X.509 certificates, read strictly.

use der::asn1::{ObjectIdentifier, Utf8StringRef};
use der::{Decode as _, Encode as _, Tagged as _};
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;

use super::ber::{BIT_STRING, Budget, OCTET_STRING, SEQUENCE, first};
use super::cms::shortest;
use super::name::Name;
use crate::model::{Sha256, Timestamp, Topic};

/// `userId`, RFC 4519 §2.39: where Apple puts the topic. The CN carries the same UUID by custom
/// only, and differs in some real certificates, so it is never looked at.
const UID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
/// `commonName`, RFC 4519 §2.3.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");

pub(super) struct X509 {
    certificate: Certificate,
    pub(super) issuer: Name,
    /// The number's octets, shortest form, with sign.
    pub(super) serial: Vec<u8>,
    pub(super) not_before: Timestamp,
    pub(super) expires: Timestamp,
    /// DER of the SubjectPublicKeyInfo.
    pub(super) public_key: Vec<u8>,
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The subject key identifier, where it is stated.
    pub(super) key_identifier: Option<Vec<u8>>,
}

/// What of a certificate cannot be read; a phrase for people.
pub(super) struct Unreadable(pub(super) String);

impl X509 {
    /// Reads a certificate's DER.
    pub(super) fn read(der: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |what: &str| Unreadable(what.to_owned());
        // The decoder's own text says where, never what, so it is safe to pass on its place.
        let certificate = Certificate::from_der(der).map_err(|error| {
            Unreadable(format!("at byte {}", error.position().map_or(0, u32::from)))
        })?;
        let tbs = &certificate.tbs_certificate;
        let instant = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(Timestamp::from_unix)
        };
        let not_before =
            instant(&tbs.validity.not_before).ok_or_else(|| unreadable("start date"))?;
        let expires = instant(&tbs.validity.not_after).ok_or_else(|| unreadable("end date"))?;
        let public_key =
            tbs.subject_public_key_info.to_der().map_err(|_| unreadable("public key"))?;
        let mut budget = Budget::default();
        let issuer = name_of(&tbs.issuer).ok_or_else(|| unreadable("issuer"))?;
        let signed = signed_part(der).ok_or_else(|| unreadable("structure"))?.to_vec();
        let key_identifier = tbs
            .extensions
            .iter()
            .flatten()
            .find(|extension| extension.extn_id == SUBJECT_KEY_IDENTIFIER)
            .and_then(|extension| {
                let (octets, _) = first(extension.extn_value.as_bytes(), &mut budget).ok()?;
                (octets.tag == OCTET_STRING).then(|| octets.content.to_vec())
            });
        Ok(Self {
            issuer,
            serial: shortest(tbs.serial_number.as_bytes()).to_vec(),
            not_before,
            expires,
            public_key,
            signed,
            signature: certificate.signature.raw_bytes().to_vec(),
            key_identifier,
            certificate,
        })
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(super) fn public_key_sha256(&self) -> Sha256 {
        Sha256::of(&self.public_key)
    }

    /// The subject's UID, when there is exactly one and it is an MDM topic.
    pub(super) fn topic(&self) -> Option<Topic> {
        self.subject_text(UID)?.parse().ok()
    }

    /// The subject's whole name.
    pub(super) fn subject(&self) -> Option<Name> {
        name_of(&self.certificate.tbs_certificate.subject)
    }

    /// The subject's common name, when there is exactly one.
    pub(super) fn common_name(&self) -> Option<String> {
        self.subject_text(COMMON_NAME)
    }

    /// The text of an attribute that the subject has exactly once.
    fn subject_text(&self, attribute: ObjectIdentifier) -> Option<String> {
        let subject = &self.certificate.tbs_certificate.subject;
        let mut all =
            subject.0.iter().flat_map(|rdn| rdn.0.iter()).filter(|one| one.oid == attribute);
        let value = &all.next()?.value;
        if all.next().is_some() {
            return None;
        }
        Some(match value.tag() {
            der::Tag::Utf8String => {
                value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned()
            }
            der::Tag::PrintableString => {
                value.decode_as::<der::asn1::PrintableStringRef<'_>>().ok()?.as_str().to_owned()
            }
            der::Tag::Ia5String => {
                value.decode_as::<der::asn1::Ia5StringRef<'_>>().ok()?.as_str().to_owned()
            }
            _ => return None,
        })
    }

    /// Whether it is an authority's, which may sign other certificates.
    pub(super) fn is_authority(&self) -> bool {
        let constraints = self.certificate.tbs_certificate.get::<BasicConstraints>();
        matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
    }

    /// Whether an extension is there.
    pub(super) fn has(&self, extension: ObjectIdentifier) -> bool {
        let extensions = &self.certificate.tbs_certificate.extensions;
        extensions.iter().flatten().any(|other| other.extn_id == extension)
    }

    pub(super) fn algorithm(&self) -> ObjectIdentifier {
        self.certificate.signature_algorithm.oid
    }
}

/// A name that the decoder read, as it is compared here.
pub(super) fn name_of(name: &x509_cert::name::Name) -> Option<Name> {
    let (der, mut budget) = (name.to_der().ok()?, Budget::default());
    let (element, _) = first(&der, &mut budget).ok()?;
    Name::read(&element, &mut budget).ok()
}

/// What the signature of a certificate or of a list is over: the octets as they stand, not as the decoder
/// would write them again.
pub(super) fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut budget = Budget::default();
    let (whole, _) = first(der, &mut budget).ok()?;
    Some(whole.inside().expect(SEQUENCE, &mut budget).ok()?.whole)
}

/// Octets of the modulus of an RSA key, given as SubjectPublicKeyInfo; `None` for other keys.
pub(super) fn rsa_octets(public_key: &[u8]) -> Option<usize> {
    rsa_key(public_key).map(|(modulus, _)| modulus.len())
}

/// Modulus and exponent of an RSA key, without leading zeros; `None` for other keys.
pub(super) fn rsa_key(public_key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    /// rsaEncryption, 1.2.840.113549.1.1.1: keys of other algorithms have no modulus.
    const RSA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
    let mut budget = Budget::default();
    let (info, _) = first(public_key, &mut budget).ok()?;
    let mut inside = info.inside();
    let algorithm = inside.expect(SEQUENCE, &mut budget).ok()?;
    let oid = algorithm.inside().next(&mut budget).ok()??;
    if oid.content != RSA {
        return None;
    }
    let bits = inside.expect(BIT_STRING, &mut budget).ok()?;
    // The first octet counts unused bits.
    let (key, _) = first(bits.content.get(1..)?, &mut budget).ok()?;
    let mut numbers = key.inside();
    let mut number = || {
        let integer = numbers.next(&mut budget).ok()??;
        let digits = integer.content.iter().copied().skip_while(|octet| *octet == 0);
        Some(digits.collect::<Vec<u8>>())
    };
    Some((number()?, number()?))
}
