//! `credential: client-certificate`: an assertion that the application's own key signs.
//!
//! <https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials>

mod pbes2;
mod pkcs12;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::Decode as _;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::json;
use sha2::Digest as _;
use x509_cert::Certificate as X509;
use zeroize::Zeroizing;

use super::super::jwt;
use crate::seams::Seams;
use applecart_core::model::Timestamp;
use pbes2::Shut;

/// A certificate with its whole chain and a key has some ten kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// How long an assertion is good; Entra advises 5 to 10 minutes. One is made for every sign-in.
const LIFETIME: i64 = 8 * 60;

/// Why a certificate cannot be used. Holds nothing of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the file cannot be read ({0})")]
    Unreadable(std::io::ErrorKind),
    #[error("the file is too large to be a certificate")]
    TooLarge,
    #[error("{}", pkcs12_advice(path))]
    Pkcs12 { path: String },
    #[error(
        "its private key is encrypted in an old form. Write it again: openssl pkey -in {path} -passin env:AZURE_CLIENT_CERTIFICATE_PASSWORD -aes256 -passout env:AZURE_CLIENT_CERTIFICATE_PASSWORD -out key.pem, and put the certificate behind it: openssl x509 -in {path} >> key.pem"
    )]
    EncryptedKey { path: String },
    #[error("AZURE_CLIENT_CERTIFICATE_PASSWORD does not open it; set it to the file's password")]
    Password,
    #[error(
        "it is neither PEM nor PKCS#12; write the certificate (-----BEGIN CERTIFICATE-----) and its private key (-----BEGIN PRIVATE KEY-----) into one file"
    )]
    NotPem,
    #[error("it holds no private key; put the PEM of the private key behind the certificate")]
    NoKey,
    #[error("it holds more than one private key; leave only the certificate's own")]
    TwoKeys,
    #[error("it holds no certificate; put the PEM of the certificate in front of the private key")]
    NoCertificate,
    #[error("its {0} block is garbled")]
    Garbled(String),
    #[error(
        "its private key is not RSA, which Entra requires; make a certificate with RSA 2048 or more"
    )]
    NotRsa,
    #[error("its RSA key is refused ({0}); use RSA from 2048 to 4096 bits")]
    Key(String),
    #[error("its private key belongs to none of its certificates")]
    Mismatch,
    #[error("it expired at {0}; make a new one and add it to the application registration")]
    Expired(Timestamp),
    #[error("its key cannot sign")]
    Signing,
}

fn pkcs12_advice(path: &str) -> String {
    let pem = Path::new(path).with_extension("pem");
    format!(
        "it is PKCS#12 of an old or unusual form (RC2, triple DES, streamed); turn it into PEM in a place that only this job can read: openssl pkcs12 -legacy -in {path} -passin env:AZURE_CLIENT_CERTIFICATE_PASSWORD -nodes -out {}, and set AZURE_CLIENT_CERTIFICATE_PATH to the new file",
        pem.display()
    )
}

/// A certificate and its key, ready to sign. Has no `Debug`.
pub(in crate::intune) struct Certificate {
    key: RsaKeyPair,
    /// Base64url of SHA-256 of the certificate's DER.
    thumbprint: String,
    not_after: Timestamp,
}

impl Certificate {
    /// Reads a file; `password` opens what is encrypted in it.
    pub(super) fn read(path: &Path, password: &str) -> Result<Self, CertificateError> {
        let unreadable = |error: std::io::Error| CertificateError::Unreadable(error.kind());
        let bytes = crate::files::read(path, MAX_BYTES).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(CertificateError::TooLarge);
        }
        Self::parse(&bytes, &path.display().to_string(), password)
    }

    /// Finds the key in a PEM or PKCS#12 file, and the certificate that it belongs to.
    pub(super) fn parse(
        bytes: &[u8],
        path: &str,
        password: &str,
    ) -> Result<Self, CertificateError> {
        // A SEQUENCE in DER, or in BER of unknown length. PEM begins with a letter or a dash.
        if matches!(bytes, [0x30, 0x80..=0x84, ..]) {
            let store = pkcs12::open(bytes, password).map_err(|shut| match shut {
                Shut::Form => CertificateError::Pkcs12 { path: path.to_owned() },
                Shut::Password => CertificateError::Password,
            })?;
            let keys: Result<Vec<_>, _> =
                store.keys.iter().map(|key| RsaKeyPair::from_pkcs8(key)).collect();
            return Self::of(keys.map_err(rejected)?, store.certificates);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CertificateError::NotPem)?;
        let (mut keys, mut certificates) = (Vec::new(), Vec::new());
        for (label, content) in blocks(text) {
            let whole = content.ok_or_else(|| CertificateError::Garbled(label.to_owned()));
            let old = || CertificateError::EncryptedKey { path: path.to_owned() };
            let key = match label {
                "CERTIFICATE" => {
                    certificates.push(whole?.to_vec());
                    continue;
                }
                "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&whole?),
                "ENCRYPTED PRIVATE KEY" => {
                    let clear = pbes2::private_key(&whole?, password);
                    RsaKeyPair::from_pkcs8(&clear.map_err(|shut| match shut {
                        Shut::Form => old(),
                        Shut::Password => CertificateError::Password,
                    })?)
                }
                "RSA PRIVATE KEY" if text.contains("Proc-Type: 4,ENCRYPTED") => return Err(old()),
                "RSA PRIVATE KEY" => RsaKeyPair::from_der(&whole?),
                "EC PRIVATE KEY" => return Err(CertificateError::NotRsa),
                _ => continue,
            };
            keys.push(key.map_err(rejected)?);
        }
        if keys.is_empty() && certificates.is_empty() {
            return Err(CertificateError::NotPem);
        }
        Self::of(keys, certificates)
    }

    /// The one key, and the certificate that it belongs to.
    fn of(mut keys: Vec<RsaKeyPair>, certificates: Vec<Vec<u8>>) -> Result<Self, CertificateError> {
        let key = keys.pop().ok_or(CertificateError::NoKey)?;
        if !keys.is_empty() {
            return Err(CertificateError::TwoKeys);
        }
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let public = key.public_key().as_ref();
        for der in certificates {
            let garbled = |_| CertificateError::Garbled("CERTIFICATE".to_owned());
            let certificate = X509::from_der(&der).map_err(garbled)?.tbs_certificate;
            let bits = certificate.subject_public_key_info.subject_public_key;
            if bits.as_bytes() != Some(public) {
                continue;
            }
            let not_after = certificate.validity.not_after.to_unix_duration().as_secs();
            let not_after = i64::try_from(not_after).ok().and_then(Timestamp::from_unix);
            return Ok(Self {
                key,
                thumbprint: URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(der)),
                not_after: not_after
                    .ok_or_else(|| CertificateError::Garbled("CERTIFICATE".to_owned()))?,
            });
        }
        Err(CertificateError::Mismatch)
    }

    /// Whether it is still good.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), CertificateError> {
        if self.not_after < now {
            return Err(CertificateError::Expired(self.not_after));
        }
        Ok(())
    }

    /// An assertion that this application signs in, for one tenant's token address.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        seams: &Seams,
    ) -> Result<Zeroizing<String>, CertificateError> {
        let now = seams.clock.now();
        self.check(now)?;
        let now = now.date_time().timestamp();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let body = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": seams.ids.uuid().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        });
        jwt::signed(&header, &body, |message| {
            let mut signature = vec![0; self.key.public().modulus_len()];
            self.key
                .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
                .map_err(|_| CertificateError::Signing)?;
            Ok(signature)
        })
    }
}

fn rejected(error: ring::error::KeyRejected) -> CertificateError {
    match error.to_string().as_str() {
        "WrongAlgorithm" => CertificateError::NotRsa,
        other => CertificateError::Key(other.to_owned()),
    }
}

/// The PEM blocks of a text with their labels; the content is `None` where it is not base64.
fn blocks(text: &str) -> Vec<(&str, Option<Zeroizing<Vec<u8>>>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, tail)) = rest.split_once("-----BEGIN ") {
        let Some((label, tail)) = tail.split_once("-----") else { break };
        let Some((content, after)) = tail.split_once("-----END ") else {
            found.push((label, None));
            break;
        };
        found.push((label, decode(content)));
        rest = after;
    }
    found
}

fn decode(base64: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut packed = Zeroizing::new(String::with_capacity(base64.len()));
    packed.extend(base64.chars().filter(|c| !c.is_whitespace()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(packed.len()));
    STANDARD.decode_vec(packed.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
