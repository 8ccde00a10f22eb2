//! Enrollment program (ADE/DEP) server tokens, opened as Intune must open them.
//!
//! Written from Apple's "Examining Server Tokens" and RFC 5652, apart from `apple`'s readers: they
//! only look at the outside of such a file, and a witness should not repeat their mistakes.
//! Stricter than they are, too: a file is S/MIME or it is nothing.

mod ber;
mod envelope;
mod mime;

use chrono::{DateTime, Utc};
use der::{Decode as _, Encode as _};
use rcgen::KeyPair;
use serde::Deserialize;
use sha2::Digest as _;
use x509_cert::Certificate;

pub(super) use ber::{definite, indefinite};
pub(super) use envelope::{AES_128_CBC, DATA, ENVELOPED_DATA, RSA};

/// The largest file that is looked at; real ones have a few kilobytes.
const MOST_BYTES: usize = 1024 * 1024;
const BEGIN: &str = "-----BEGIN MESSAGE-----";
const END: &str = "-----END MESSAGE-----";

/// What a server token says, as far as anything here depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerToken {
    /// SHA-256 in hex of `access_token`, which tells tokens apart.
    pub(super) access_token_sha256: String,
    /// `access_token_expiry` of the file, a year after the download.
    pub(super) expires: DateTime<Utc>,
}

/// Why a file is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("not an S/MIME file with base64 in it")]
    NotSmime,
    #[error("not CMS that is encrypted to public keys, or cut off")]
    NotEnveloped,
    #[error("encrypted to another certificate")]
    OtherKey,
    #[error("a cipher other than AES-CBC with RSA")]
    Cipher,
    #[error("cannot be decrypted")]
    Damaged,
    #[error("what is inside is not a server token")]
    Contents,
    #[error("Intune's own key cannot be used")]
    OwnKey,
}

/// Opens `file` with the certificate it should be encrypted to and that certificate's key, both
/// as PEM.
pub(super) fn open(file: &[u8], certificate: &str, key: &str) -> Result<ServerToken, TokenError> {
    if file.len() > MOST_BYTES {
        return Err(TokenError::NotSmime);
    }
    let recipient = Recipient::of(certificate).ok_or(TokenError::OwnKey)?;
    let key = KeyPair::from_pem(key).map_err(|_| TokenError::OwnKey)?.serialize_der();
    let cms = mime::content(file).ok_or(TokenError::NotSmime)?;
    read(&envelope::open(&cms, &recipient, &key)?).ok_or(TokenError::Contents)
}

/// A certificate as an envelope names it and a key is encrypted to it; all in DER.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub(super) issuer: Vec<u8>,
    /// The octets of the INTEGER alone.
    pub(super) serial: Vec<u8>,
    pub(super) public_key: Vec<u8>,
}

impl Recipient {
    /// Reads PEM, base64 of DER, or base64 of PEM: the forms a public key may come in.
    pub(super) fn of(text: &str) -> Option<Self> {
        let der = mime::certificate(text)?;
        let tbs = Certificate::from_der(&der).ok()?.tbs_certificate;
        Some(Self {
            issuer: tbs.issuer.to_der().ok()?,
            serial: tbs.serial_number.as_bytes().to_vec(),
            public_key: tbs.subject_public_key_info.to_der().ok()?,
        })
    }
}

/// Reads what was inside the envelope: JSON, in Apple's marker lines and under a MIME header.
/// Apple's own page shows it without the markers, and a signed message has more around it.
fn read(opened: &[u8]) -> Option<ServerToken> {
    #[derive(Deserialize)]
    struct Message {
        consumer_key: String,
        consumer_secret: String,
        access_token: String,
        access_secret: String,
        access_token_expiry: DateTime<Utc>,
    }
    let text = std::str::from_utf8(opened).ok()?;
    let text = match text.split_once(BEGIN) {
        Some((_, rest)) => rest.split_once(END)?.0,
        None => text,
    };
    let json = text.get(text.find('{')?..=text.rfind('}')?)?;
    let message: Message = serde_json::from_str(json).ok()?;
    let Message { consumer_key, consumer_secret, access_token, access_secret, .. } = &message;
    let texts = [consumer_key, consumer_secret, access_token, access_secret];
    (!texts.iter().any(|text| text.is_empty())).then(|| ServerToken {
        access_token_sha256: hex::encode(sha2::Sha256::digest(access_token)),
        expires: message.access_token_expiry,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"consumer_key":"CK_1","consumer_secret":"CS_1","access_token":"AT_1","access_secret":"AS_1","access_token_expiry":"2028-01-14T21:27:41Z"}"#;

    #[test]
    fn the_message_is_read_with_and_without_its_markers() {
        for text in [
            JSON.to_owned(),
            format!("Content-Type: text/plain;charset=UTF-8\r\n\r\n{JSON}\r\n"),
            format!("Content-Type: text/plain\n\n{BEGIN}\n{JSON}\n{END}\n"),
            format!("--x\r\nA: b\r\n\r\n{BEGIN}\r\n{JSON}\r\n{END}\r\n--x\r\n{{\"signature\":1}}"),
        ] {
            let token = read(text.as_bytes()).unwrap();
            assert_eq!(token.expires.to_rfc3339(), "2028-01-14T21:27:41+00:00");
        }
    }

    #[test]
    fn a_message_lacks_nothing() {
        for text in ["", "}{", &JSON.replace("CK_1", ""), &JSON.replace("access_secret", "other")] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
