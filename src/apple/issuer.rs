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

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

use super::name::Name;
use super::x509::X509;
use super::{Finding, FindingCode};

/// The pinned authority's name in RFC 4514, as its certificates have it.
const AUTHORITY: &str = "C=US,O=Apple Inc.,OU=Apple Certification Authority,CN=Apple Application Integration 2 Certification Authority";
/// 1.2.840.113549.1.1.11
const SHA256_WITH_RSA: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// The modulus of its RSA key, from AppleAAI2CA.cer on Apple's page of certificate authorities
/// (SHA-256 d3496f4b…023d6). Its certificate chains to Apple Root CA, and it verifies a push
/// certificate that Apple issued in 2021. A test holds it to the key identifier that Apple's push
/// certificates name.
const MODULUS: &str = "\
b848a1676c56089de570c546f4af85e3bd3adea1e7d9a8363c1962a57c15a047b36b811b10acfed874e60e35\
    b0584f74d8a3feed2deea4732559d496dc26cf9d278b549cdc92b1e03312186299c8b9af3618a46a8191a715\
    6ddddd0f2dcc05811d7d10cc2989a3c90c99aaa2ecd901676907023c17bf442824b1c42c35d6b102000825ef\
    50a707db25c6c34f6f5b87be2af193a7d46c5eb2392e04a9e16d1c3bae39713f04f3b9f4579d23004f99835e\
    9ff00c0158beb5d1ecd7b27ec265e2f1ec3ca6fc6edb56b3ee0a06b20b4bc9a2f0f131f6aede356cc3805e50\
    6390b6ba6d5cc0e39f26834a1dde9ba9b05a6ffb9b6b81ecdddf32defc2e42a2ca785ad7";
/// The exponent, 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// An RSA key of an authority.
pub(super) struct Pin {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// The pinned key. The constant is hexadecimal; a test would fail if it were not.
static APPLE: LazyLock<Pin> = LazyLock::new(|| Pin {
    modulus: hex::decode(MODULUS).unwrap_or_default(),
    exponent: EXPONENT.to_vec(),
});

/// Says so when Apple did not, or may not have, signed a certificate.
pub(super) fn judge(certificate: &X509) -> Option<Finding> {
    against(certificate, &APPLE)
}

fn against(certificate: &X509, pin: &Pin) -> Option<Finding> {
    if !is_apple(&certificate.issuer) {
        return Some(Finding::new(
            FindingCode::IssuerUnknown,
            "its issuer is not the Apple authority that signs MDM push certificates, so nothing shows that Apple made it. Check where the file comes from",
        ));
    }
    if signed_by(certificate, pin) {
        return None;
    }
    Some(Finding::new(
        FindingCode::IssuerForged,
        "it names Apple's authority as its issuer, but Apple's key did not sign it: it was altered, damaged or forged. Download it again at Apple's portal",
    ))
}

/// Compared by value: two encoders may spell one name in different string types.
fn is_apple(issuer: &Name) -> bool {
    issuer.to_string().eq_ignore_ascii_case(AUTHORITY)
}

fn signed_by(certificate: &X509, pin: &Pin) -> bool {
    certificate.algorithm() == SHA256_WITH_RSA
        && RsaPublicKeyComponents { n: &pin.modulus, e: &pin.exponent }
            .verify(&RSA_PKCS1_2048_8192_SHA256, &certificate.signed, &certificate.signature)
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_key_is_the_one_that_apples_certificates_name() {
        // RFC 5280 §4.2.1.2 (1): SHA-1 of the RSAPublicKey. Apple's push certificates carry it as
        // authorityKeyIdentifier.
        let mut key = vec![0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00];
        key.extend(&APPLE.modulus);
        key.extend([0x02, 0x03, 1, 0, 1]);
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &key);
        assert_eq!(hex::encode_upper(digest), "F7BE7C216091DB3D1B7BD83A328169DF9E6C7F9B");
    }
}
