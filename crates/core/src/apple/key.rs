//! The keys in Intune, in whatever form Graph gives them.
//!
//! The forms are not documented, so every plausible one is taken: PEM, base64 of DER, base64 of
//! PEM, and for requests for Apple (CSR) the property list that Apple's push portal wants, plain or
//! in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

use super::der::{Shape, shape};
use super::{MAX_FILE, pem, radix64, x509};
use crate::model::{Serial, Sha256};

/// Base64 of PEM of base64 is as deep as it goes.
const MAX_LAYERS: usize = 4;

/// The public key that Apple encrypts an enrollment token to.
pub(super) enum EncryptionKey {
    /// With the certificate that a token names it by.
    Certificate(Box<x509::X509>),
    /// Alone: no token names it, so nothing can be compared.
    Bare,
    /// In no known form.
    Unreadable,
}

/// Reads Graph's `encryptionPublicKey`: PEM or base64 of DER, a certificate or a bare key, once or
/// twice encoded.
pub(super) fn encryption_key(text: &str) -> EncryptionKey {
    let Some(der) = unwrapped(text, MAX_LAYERS) else { return EncryptionKey::Unreadable };
    match shape(&der) {
        Shape::Certificate => x509::X509::read(&der)
            .map_or(EncryptionKey::Unreadable, |read| EncryptionKey::Certificate(Box::new(read))),
        Shape::PublicKey => EncryptionKey::Bare,
        _ => EncryptionKey::Unreadable,
    }
}

/// Issuer (RFC 4514) and number of the certificate in Graph's `encryptionPublicKey`, by which an
/// enrollment file names its recipient; `None` where the key comes bare or in no known form.
pub fn key_identity(text: &str) -> Option<(String, Serial)> {
    match encryption_key(text) {
        EncryptionKey::Certificate(certificate) => {
            Some((certificate.issuer.to_string(), Serial::from_octets(&certificate.serial)))
        }
        EncryptionKey::Bare | EncryptionKey::Unreadable => None,
    }
}

/// Graph's `encryptionPublicKey` as a file that Apple's portal takes: PEM. `None` where it is in no
/// known form.
pub fn public_key_file(text: &str) -> Option<String> {
    let der = unwrapped(text, MAX_LAYERS)?;
    let label = match shape(&der) {
        Shape::Certificate => "CERTIFICATE",
        Shape::PublicKey => "PUBLIC KEY",
        _ => return None,
    };
    der::pem::encode_string(label, der::pem::LineEnding::LF, &der).ok()
}

/// DER of a signing request in any known form.
pub(super) fn request_der(text: &str) -> Option<Vec<u8>> {
    unwrapped(text, MAX_LAYERS)
}

/// SHA-256 of the key that Intune's signing request asks a certificate for; `None` where the text
/// is no signing request in any known form.
pub fn requested_key(text: &str) -> Option<Sha256> {
    let der = unwrapped(text, MAX_LAYERS)?;
    let request = CertReq::from_der(&der).ok()?;
    Some(Sha256::of(&request.info.public_key.to_der().ok()?))
}

/// Intune's signing request as the file that Apple's push portal takes, which is what Intune's own
/// portal saves as `IntuneCSR.csr`: base64 of the property list with the vendor's signature. Text
/// that has that form already stays byte for byte; the same wrapped once more, or not wrapped, is
/// brought into it. A bare PKCS#10 request becomes PEM. `None` where it is no request.
/// <https://developer.apple.com/documentation/devicemanagement/setting-up-push-notifications-for-your-mdm-customers>
pub fn request_file(text: &str) -> Option<String> {
    // Whatever the wrapping, a request has to be inside.
    let der = unwrapped(text, MAX_LAYERS)?;
    CertReq::from_der(&der).ok()?;
    let mut outer = text.to_owned();
    for _ in 0..MAX_LAYERS {
        let inner = outer.trim_start_matches('\u{feff}');
        if inner.contains("PushCertRequestCSR") {
            return Some(STANDARD.encode(inner));
        }
        if inner.contains(pem::BEGIN) {
            return Some(inner.replace("\\n", "\n"));
        }
        let bytes = radix64::decode(inner)?.bytes;
        let Ok(next) = std::str::from_utf8(&bytes) else { break };
        if next.contains("PushCertRequestCSR") {
            return Some(inner.to_owned());
        }
        outer = next.to_owned();
    }
    der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &der).ok()
}

fn unwrapped(text: &str, layers: usize) -> Option<Vec<u8>> {
    let layers = layers.checked_sub(1)?;
    if text.len() > MAX_FILE {
        return None;
    }
    if let Some((_, rest)) = text.split_once("PushCertRequestCSR") {
        let (_, rest) = rest.split_once("<string>")?;
        return unwrapped(rest.split_once("</string>")?.0, layers);
    }
    if text.contains(pem::BEGIN) {
        let unescaped = text.replace("\\n", "\n");
        let block = pem::blocks(&unescaped).blocks.into_iter().next()?;
        return block.content.map(|content| content.to_vec());
    }
    let bytes = radix64::decode(text)?.bytes;
    match std::str::from_utf8(&bytes) {
        Ok(inner) if bytes.first() != Some(&0x30) => {
            unwrapped(inner.trim_start_matches('\u{feff}'), layers)
        }
        _ => Some(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
        request.pem().unwrap()
    }

    #[test]
    fn whatever_the_wrapping_apple_gets_base64_of_the_property_list() {
        let der = unwrapped(&request(), MAX_LAYERS).unwrap();
        let plist = format!(
            "<plist><dict><key>PushCertRequestCSR</key>\n<string>{}</string></dict></plist>\n",
            STANDARD.encode(&der)
        );
        let wanted = STANDARD.encode(&plist);
        for text in [wanted.clone(), plist.clone(), STANDARD.encode(&wanted)] {
            assert_eq!(request_file(&text).as_ref(), Some(&wanted), "{text}");
            assert_eq!(requested_key(&text), requested_key(&request_file(&text).unwrap()));
        }
    }

    #[test]
    fn a_bare_request_becomes_pem_and_anything_else_nothing() {
        let pem = request();
        let der = unwrapped(&pem, MAX_LAYERS).unwrap();
        for text in
            [pem.clone(), pem.replace('\n', "\\n"), STANDARD.encode(&der), STANDARD.encode(&pem)]
        {
            let file = request_file(&text).unwrap();
            assert!(file.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"), "{file}");
            assert_eq!(requested_key(&file), requested_key(&pem));
        }
        for text in ["", "<html>", "PushCertRequestCSR", &STANDARD.encode("<html>")] {
            assert_eq!(request_file(text), None, "{text}");
        }
    }
}
