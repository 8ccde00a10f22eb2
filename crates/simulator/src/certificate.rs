//! What simulated Intune reads out of an uploaded push certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use der::asn1::Utf8StringRef;
use der::{Decode as _, Encode as _};
use x509_cert::Certificate;

/// The UID attribute of a distinguished name; Apple puts the push topic there.
const UID: &str = "0.9.2342.19200300.100.1.1";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A push certificate's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PushCertificate {
    pub(super) topic: String,
    /// Upper-case hex with leading zeros, at least 16 digits, as Intune shows it.
    pub(super) serial: String,
    pub(super) not_after: DateTime<Utc>,
    /// DER of the subject's public key.
    pub(super) public_key: Vec<u8>,
}

/// Why a text is not a push certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the text holds a private key")]
    PrivateKey,
    #[error("the text is neither PEM nor base64")]
    Encoding,
    #[error("the bytes are not an X.509 certificate")]
    NotX509,
    #[error("the subject has no UID")]
    NoTopic,
}

/// The file that a text on the wire stands for: PEM is one already, base64 is of DER.
pub(super) fn file(text: &str) -> Vec<u8> {
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// Reads PEM text or the base64 of DER, both of which are reported to work.
pub(super) fn parse(text: &str) -> Result<PushCertificate, CertificateError> {
    if text.contains("PRIVATE KEY") {
        return Err(CertificateError::PrivateKey);
    }
    let armoured = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let base64 = match armoured {
        Some((inner, _)) => inner,
        None if text.contains("-----") => return Err(CertificateError::Encoding),
        None => text,
    };
    let compact: String = base64.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(compact).map_err(|_| CertificateError::Encoding)?;
    let tbs = Certificate::from_der(&bytes).map_err(|_| CertificateError::NotX509)?.tbs_certificate;

    let topic = tbs
        .subject
        .0
        .iter()
        .flat_map(|rdn| rdn.0.iter())
        .find(|attribute| attribute.oid.to_string() == UID)
        .and_then(|attribute| attribute.value.decode_as::<Utf8StringRef<'_>>().ok())
        .map(|text| text.as_str().to_owned())
        .ok_or(CertificateError::NoTopic)?;
    let octets = match tbs.serial_number.as_bytes() {
        // The sign octet of DER is not part of the number.
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let not_after = i64::try_from(tbs.validity.not_after.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or(CertificateError::NotX509)?;
    let public_key = tbs.subject_public_key_info.to_der().map_err(|_| CertificateError::NotX509)?;
    Ok(PushCertificate {
        topic,
        serial: format!("{:0>16}", hex::encode_upper(octets)),
        not_after,
        public_key,
    })
}
