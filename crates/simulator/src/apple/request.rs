//! Signing requests as they come to the push portal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, DecodePem as _, Encode as _};
use rcgen::CertificateSigningRequestParams;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use x509_cert::Certificate;
use x509_cert::request::CertReq;

use super::AppleError;

/// DER of the public key that `text` asks a certificate for.
///
/// `text` is Intune's file (base64 of a property list), that property list, PEM, or base64 of DER.
pub(super) fn public_key(text: &str) -> Result<Vec<u8>, AppleError> {
    let der = request(text).ok_or(AppleError::NotARequest)?;
    if let Some(list) = property_list(text) {
        must_be_signed(&list, &der)?;
    }
    // A certificate authority checks that the requester holds the key; rcgen verifies on parsing.
    CertificateSigningRequestParams::from_der(&der.as_slice().into())?;
    let request = CertReq::from_der(&der).map_err(|_| AppleError::NotARequest)?;
    request.info.public_key.to_der().map_err(|_| AppleError::NotARequest)
}

/// A vendor's form is taken only with the signature of the vendor whose certificate comes first in
/// its chain: RSA with SHA-256 over the request's DER.
fn must_be_signed(list: &str, request: &[u8]) -> Result<(), AppleError> {
    let chain = member(list, "PushCertCertificateChain").unwrap_or_default();
    let first = chain.split_inclusive("-----END CERTIFICATE-----").next().unwrap_or_default();
    let vendor = Certificate::from_pem(first.trim()).map_err(|_| AppleError::NotSigned)?;
    let key = vendor.tbs_certificate.subject_public_key_info.subject_public_key;
    let signature = member(list, "PushCertSignature").and_then(decoded).unwrap_or_default();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.raw_bytes())
        .verify(request, &signature)
        .map_err(|_| AppleError::NotSigned)
}

/// The property list in a text: the text itself, or what its base64 holds.
fn property_list(text: &str) -> Option<String> {
    if text.contains("PushCertRequestCSR") {
        return Some(text.to_owned());
    }
    let inner = String::from_utf8(decoded(text)?).ok()?;
    inner.contains("PushCertRequestCSR").then_some(inner)
}

fn member<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = list.split_once(&format!("<key>{name}</key>"))?;
    Some(rest.split_once("<string>")?.1.split_once("</string>")?.0)
}

fn request(text: &str) -> Option<Vec<u8>> {
    if text.contains("PushCertRequestCSR") {
        return decoded(member(text, "PushCertRequestCSR")?);
    }
    if let Some((_, rest)) = text.split_once("REQUEST-----") {
        return decoded(rest.split_once("-----END")?.0);
    }
    let bytes = decoded(text)?;
    match std::str::from_utf8(&bytes) {
        Ok(inner) if inner.contains("PushCertRequestCSR") => request(inner),
        _ => Some(bytes),
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{Vendor, push_request};

    #[test]
    fn a_vendors_form_is_taken_with_the_vendors_signature_only() {
        let vendor = Vendor::new(chrono::Utc::now()).unwrap();
        let form = push_request(&vendor).unwrap().value;
        assert!(public_key(&form).is_ok());
        let list = property_list(&form).unwrap();
        let signature = member(&list, "PushCertSignature").unwrap();
        for other in ["", &STANDARD.encode([7; 256])] {
            let forged = list.replace(signature, other);
            assert!(matches!(public_key(&forged), Err(AppleError::NotSigned)), "{other}");
        }
    }
}
