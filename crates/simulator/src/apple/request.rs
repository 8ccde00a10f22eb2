//! Signing requests as they come to the push portal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _};
use rcgen::CertificateSigningRequestParams;
use x509_cert::request::CertReq;

use super::AppleError;

/// DER of the public key that `text` asks a certificate for.
///
/// `text` is Intune's file (base64 of a property list), that property list, PEM, or base64 of DER.
pub(super) fn public_key(text: &str) -> Result<Vec<u8>, AppleError> {
    let der = request(text).ok_or(AppleError::NotARequest)?;
    // A certificate authority checks that the requester holds the key; rcgen verifies on parsing.
    CertificateSigningRequestParams::from_der(&der.as_slice().into())?;
    let request = CertReq::from_der(&der).map_err(|_| AppleError::NotARequest)?;
    request.info.public_key.to_der().map_err(|_| AppleError::NotARequest)
}

fn request(text: &str) -> Option<Vec<u8>> {
    if text.contains("PushCertRequestCSR") {
        let (_, rest) = text.split_once("<key>PushCertRequestCSR</key>")?;
        let (inner, _) = rest.split_once("<string>")?.1.split_once("</string>")?;
        return decoded(inner);
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
