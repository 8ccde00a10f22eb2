//! Enrollment program server tokens: what "Download Token" gives an admin.
//!
//! The shape is that of the sample in Apple's "Examining Server Tokens": four header lines without
//! MIME-Version, base64 in 76 columns, BER with indefinite lengths on the outside, one recipient
//! by issuer and number, RSA with PKCS#1 v1.5, AES-128-CBC, and a message in marker lines that is
//! not signed. CRLF is a guess: the headers are those of a mail library. It says nothing about the
//! organisation, so neither does this one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, SecondsFormat, SubsecRound as _, Utc};
use serde::Deserialize;
use serde_json::json;
use sha2::Digest as _;

use super::{Apple, AppleError};
use crate::crypto::{self, CryptoError};
use crate::token::{AES_128_CBC, DATA, ENVELOPED_DATA, RSA, Recipient, definite, indefinite};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Base64 in one line of a mail.
const COLUMNS: usize = 76;

/// What a server token is to say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct EnrollmentRequest {
    /// The MDM server's name at Apple, which is in the file's name only.
    pub server: Option<String>,
    /// `access_token_expiry`; 365 days after the download when `None`.
    pub expires: Option<DateTime<Utc>>,
}

/// A server token as the simulated Apple hands it out.
#[derive(Clone, Debug)]
pub struct IssuedEnrollment {
    /// The content of the `.p7m` file.
    pub file: String,
    /// Its name, which tells when it was downloaded.
    pub file_name: String,
    /// Its end, to the second.
    pub expires: DateTime<Utc>,
    /// SHA-256 in hex of the `access_token` inside.
    pub access_token_sha256: String,
}

impl Apple {
    /// "Download Token" at `now`, encrypted to `certificate`: PEM, base64 of DER, or base64 of
    /// PEM.
    pub fn enrollment(
        &self,
        certificate: &str,
        request: &EnrollmentRequest,
        now: DateTime<Utc>,
    ) -> Result<IssuedEnrollment, AppleError> {
        let recipient = Recipient::of(certificate).ok_or(AppleError::NotACertificate)?;
        let expires = request.expires.unwrap_or(now + Duration::days(365)).trunc_subsecs(0);
        let secret = |prefix: &str| {
            Ok::<_, CryptoError>(format!("{prefix}_{}", hex::encode(crypto::random::<20>()?)))
        };
        let access_token = secret("AT")?;
        // By hand, for the order is Apple's.
        let message = format!(
            "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             -----BEGIN MESSAGE-----\r\n{{\"consumer_key\":{},\"consumer_secret\":{},\
             \"access_token\":{},\"access_secret\":{},\"access_token_expiry\":{}}}\r\n\
             -----END MESSAGE-----\r\n",
            json!(secret("CK")?),
            json!(secret("CS")?),
            json!(access_token),
            json!(secret("AS")?),
            json!(expires.to_rfc3339_opts(SecondsFormat::Secs, true)),
        );
        let server = request.server.as_deref().unwrap_or("Microsoft Intune");
        Ok(IssuedEnrollment {
            file: mail(&enveloped(&recipient, message.as_bytes())?),
            file_name: format!("{server}_Token_{}_smime.p7m", now.format("%Y-%m-%dT%H-%M-%SZ")),
            expires,
            access_token_sha256: hex::encode(sha2::Sha256::digest(&access_token)),
        })
    }
}

fn enveloped(recipient: &Recipient, text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = crypto::random::<16>()?;
    let sealed = crypto::aes_encrypt(&key, text)?;
    let encrypted_key = crypto::rsa_encrypt(&recipient.public_key, &key)?;
    let version = definite(INTEGER, &[0]);
    let named = definite(
        SEQUENCE,
        &[&recipient.issuer[..], &definite(INTEGER, &recipient.serial)].concat(),
    );
    let transport = [
        version.clone(),
        named,
        algorithm(&RSA, &definite(NULL, &[])),
        definite(OCTET_STRING, &encrypted_key),
    ];
    let content = [
        definite(OBJECT_IDENTIFIER, &DATA),
        algorithm(&AES_128_CBC, &definite(OCTET_STRING, &sealed.vector)),
        indefinite(0xA0, &definite(OCTET_STRING, &sealed.text)),
    ];
    let data = [
        version,
        definite(SET, &definite(SEQUENCE, &transport.concat())),
        indefinite(SEQUENCE, &content.concat()),
    ];
    let inner = indefinite(0xA0, &indefinite(SEQUENCE, &data.concat()));
    Ok(indefinite(SEQUENCE, &[definite(OBJECT_IDENTIFIER, &ENVELOPED_DATA), inner].concat()))
}

fn algorithm(name: &[u8], parameters: &[u8]) -> Vec<u8> {
    definite(SEQUENCE, &[&definite(OBJECT_IDENTIFIER, name), parameters].concat())
}

fn mail(cms: &[u8]) -> String {
    let mut text =
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\
         Content-Description: S/MIME Encrypted Message\r\n\r\n"
            .to_owned();
    let base64 = STANDARD.encode(cms);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push_str("\r\n");
        rest = after;
    }
    text
}
