//! Whether Apple signed a push certificate.
//!
//! Every MDM push certificate known is issued by "Apple Application Integration 2 Certification
//! Authority", whose public key is pinned here. That authority signs other things too (mail push,
//! profiles), so it proves who made the certificate, not what it is for; the topic does that. Its
//! own certificate ends on 2028-05-24: before then Apple will issue from another, which shows as
//! `issuer-unknown` until it is pinned here as well. That is why an unknown issuer, and even a
//! wrong signature, only warns: Apple's servers decide, and a guard that cries wolf on Apple's
//! next key would be switched off.

use std::sync::LazyLock;

use num_bigint::BigUint;
use sha2::{Digest as _, Sha256};

use super::name::Name;
use super::x509::{X509, rsa_key};
use super::{Finding, FindingCode};

/// The authority's certificate, as Apple publishes it (AppleAAI2CA.cer on its page of certificate
/// authorities). A test holds it to its SHA-256, to Apple's root, and to the key identifier that Apple's push
/// certificates name.
const CERTIFICATE: &[u8] = include_bytes!("AppleAAI2CA.cer");
/// sha256WithRSAEncryption (RFC 4055), the one algorithm that is taken from this authority.
const SHA256_WITH_RSA: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// The public exponent 65537, which all of these authorities have.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// An RSA key of an authority.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pin {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Who issues push certificates, and signs the list of those that were revoked.
#[derive(Clone)]
pub struct Authority {
    name: Name,
    pin: Pin,
}

/// Apple's own. The constant is a certificate with an RSA key; a test would fail if it were not.
static APPLE: LazyLock<Option<Authority>> = LazyLock::new(|| Authority::read(CERTIFICATE));

impl Authority {
    /// Apple's, which is pinned.
    pub fn apples() -> Option<&'static Self> {
        APPLE.as_ref()
    }

    /// Another one, by the DER of its certificate. It stands in for Apple's where a simulator does.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let certificate = X509::read(certificate).ok()?;
        Some(Self { name: certificate.subject()?, pin: Pin::of(&certificate)? })
    }

    /// Compared by value: two encoders may spell one name in different string types.
    pub(super) fn is_named(&self, name: &Name) -> bool {
        self.name == *name
    }

    /// Whether its key made a signature over the message, with this algorithm.
    pub(super) fn signed(
        &self,
        algorithm: der::asn1::ObjectIdentifier,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        algorithm == SHA256_WITH_RSA && self.pin.verifies(message, signature)
    }
}

/// The modulus of Apple Root CA's RSA key, from AppleIncRootCertificate.cer on the same page. A test
/// holds it to the key identifier that the certificates under it name.
const ROOT_MODULUS: &str = "\
e491a9091f91db1e4750eb05ed5e79842deb36a2574c55ec8b1989def94b6cf507ab223002e8183ef85009d3\
    7f41a898f9d1ca669c246b11d0a3bbe41b2ac31f959e7a0ca4478b5bd4163733cbc40f4dce1469d1c91972f5\
    5d0ed57f5f9bf22503ba558f4d5d0df1643523154b15591db394f7f69c9ecf50bac15850678f08b420f7cbac\
    2c206f70b63f01308cb743cf0f9d3df32b49281ac8feceb5b90ed95e1cd6cb3db53aadf40f0e00920bb12116\
    2e74d53c0ddb6216aba37192475355c1af2f41b3f8fbe370cde6a34c457e1f4c6b50964189c474620b108341\
    87338a81b13058ec5a04328c68b38f1dde6573ff675e65bc49d8769f331465a17794c92d";

/// Apple Root CA, under which Apple certifies vendors of MDM services.
pub(super) static ROOT: LazyLock<Pin> = LazyLock::new(|| Pin {
    modulus: hex::decode(ROOT_MODULUS).unwrap_or_default(),
    exponent: EXPONENT.to_vec(),
});

impl Pin {
    /// The key of a certificate; `None` where it is no RSA key of a usual size. The limits keep the
    /// cost of a verification within bounds.
    pub(super) fn of(certificate: &X509) -> Option<Self> {
        let (modulus, exponent) = rsa_key(&certificate.public_key)?;
        let is_usual = (256..=512).contains(&modulus.len()) && (1..=4).contains(&exponent.len());
        is_usual.then_some(Self { modulus, exponent })
    }

    /// Whether the key signed a certificate, with SHA-256.
    pub(super) fn signed(&self, certificate: &X509) -> bool {
        signed_by(certificate, self)
    }

    /// Whether a signature is this key's over the message, with SHA-256.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verifies(self, message, signature)
    }
}

/// Says so when Apple did not, or may not have, signed a certificate.
pub(super) fn judge(certificate: &X509) -> Option<Finding> {
    let Some(authority) = Authority::apples().filter(|apple| apple.is_named(&certificate.issuer))
    else {
        return Some(Finding::new(
            FindingCode::IssuerUnknown,
            "its issuer is not the Apple authority that signs MDM push certificates, so it is not proved that Apple made it. Check where the file comes from",
        ));
    };
    if authority.pin.signed(certificate) {
        return None;
    }
    Some(Finding::new(
        FindingCode::IssuerForged,
        "it names Apple's authority as its issuer, but Apple's key did not sign it: it was altered, damaged or forged. Download it again at Apple's push portal",
    ))
}

fn signed_by(certificate: &X509, pin: &Pin) -> bool {
    certificate.algorithm() == SHA256_WITH_RSA
        && verifies(pin, &certificate.signed, &certificate.signature)
}

/// RSASSA-PKCS1-v1_5 with SHA-256 as RFC 8017 §8.2.2 verifies it: the one encoding that the message
/// can have is built and compared, so that nothing of a signature is parsed. Public values only,
/// so time may tell what it likes.
fn verifies(pin: &Pin, message: &[u8], signature: &[u8]) -> bool {
    /// The DER of a `DigestInfo` for SHA-256, up to the digest (RFC 8017 §9.2, note 1).
    const DIGEST_INFO: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let length = pin.modulus.len();
    let modulus = BigUint::from_bytes_be(&pin.modulus);
    let value = BigUint::from_bytes_be(signature);
    let digest = Sha256::digest(message);
    let Some(padding) = length.checked_sub(3 + DIGEST_INFO.len() + digest.len()) else {
        return false;
    };
    if signature.len() != length || value >= modulus || padding < 8 {
        return false;
    }
    let mut wanted = vec![0x00, 0x01];
    wanted.resize(2 + padding, 0xFF);
    wanted.push(0x00);
    wanted.extend(DIGEST_INFO);
    wanted.extend(digest);
    value.modpow(&BigUint::from_bytes_be(&pin.exponent), &modulus)
        == BigUint::from_bytes_be(&wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_keys_are_the_ones_that_apples_certificates_name() {
        let apple = Authority::apples().unwrap();
        // RFC 5280 §4.2.1.2 (1): SHA-1 of the RSAPublicKey. Apple's push certificates carry the
        // first as authorityKeyIdentifier, and Apple's authorities the second.
        for (pin, identifier) in [
            (&apple.pin, "F7BE7C216091DB3D1B7BD83A328169DF9E6C7F9B"),
            (&*ROOT, "2BD06947947609FEF46B8D2E40A6F7474D7F085E"),
        ] {
            let mut key = vec![0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00];
            key.extend(&pin.modulus);
            key.extend([0x02, 0x03, 1, 0, 1]);
            let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
            assert_eq!(hex::encode_upper(aws_lc_rs::digest::digest(sha1, &key)), identifier);
        }
    }

    /// The same digest stands in THREAT-MODEL.md, for whoever compares it with Apple's page.
    #[test]
    fn the_pinned_authority_is_apples_own_certificate() {
        let sha256 = "d3496f4b73cd67aab9f2fcb1d5aa41f8dc457769c455c792b70ddb19e92023d6";
        assert_eq!(hex::encode(Sha256::digest(CERTIFICATE)), sha256);
        assert!(include_str!("../../../../THREAT-MODEL.md").contains(sha256));
        let certificate = X509::read(CERTIFICATE).ok().unwrap();
        assert!(ROOT.signed(&certificate) && certificate.is_authority());
        assert_eq!(
            Authority::apples().unwrap().name.to_string(),
            "C=US,O=Apple Inc.,OU=Apple Certification Authority,CN=Apple Application Integration 2 Certification Authority"
        );
    }

    #[test]
    fn a_signature_verifies_for_its_message_and_key_and_for_nothing_else() {
        use aws_lc_rs::rsa::{KeyPair, KeySize};
        use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
        let make = || KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pin = |key: &KeyPair| Pin {
            // Behind the heads of the sequence and the integer, as above.
            modulus: key.public_key().as_ref()[9..265].to_vec(),
            exponent: EXPONENT.to_vec(),
        };
        let key = make();
        let mut signature = vec![0; key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, b"certificate", &mut signature).unwrap();
        assert!(verifies(&pin(&key), b"certificate", &signature));
        assert!(!verifies(&pin(&key), b"Certificate", &signature));
        assert!(!verifies(&pin(&make()), b"certificate", &signature));
        assert!(!verifies(&pin(&key), b"certificate", &signature[1..]));
        assert!(!verifies(&pin(&key), b"certificate", &[&[0], &signature[..]].concat()));
        let mut altered = signature.clone();
        altered[100] ^= 1;
        assert!(!verifies(&pin(&key), b"certificate", &altered));
        for nothing in [vec![], vec![0; 256], vec![1; 256], vec![0xFF; 256]] {
            assert!(!verifies(&pin(&key), b"certificate", &nothing));
        }
    }
}
