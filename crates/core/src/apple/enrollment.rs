//! The enrollment program (ADE/DEP) server token.
//!
//! [`read`] tells to which key the file is encrypted, and [`judge`] whether Intune has that
//! key. More cannot be known without Intune's private key: not the expiry, not the Apple Account,
//! not the organisation. Downloading a token at Apple ends the one in use, so a good file is
//! urgent.

use std::fmt;

use chrono::{Duration, NaiveDateTime};

use super::cms::{self, Cms, CmsError, Envelope};
use super::content::{self, Content, Look};
use super::key::{EncryptionKey, encryption_key};
use super::other::unusable;
use super::{Finding, FindingCode, Parsed, radix64, x509};
use crate::model::{Kind, LiveEnrollment, Serial, Timestamp};

/// Apple's tokens are valid for a year from the download.
const LIFETIME: Duration = Duration::days(365);
/// Between Apple's clock, the browser's file name and leap days, a day is no difference.
const LIFETIME_TOLERANCE: Duration = Duration::hours(24);

/// How far ahead of this clock the one may be that dated the download.
const CLOCK_TOLERANCE: Duration = Duration::minutes(10);

/// Whether a download that is said to be of that time has not happened yet.
pub(crate) fn is_to_come(downloaded: Timestamp, now: Timestamp) -> bool {
    downloaded > now.plus(CLOCK_TOLERANCE)
}

/// When a token that was downloaded then has expired at the latest.
pub(crate) fn expires_by(downloaded: Timestamp) -> Timestamp {
    downloaded.plus(LIFETIME).plus(LIFETIME_TOLERANCE)
}

/// When a token with this expiry was downloaded, to a day.
pub(crate) fn downloaded_for(expires: Timestamp) -> Timestamp {
    expires.plus(-LIFETIME)
}

/// Whether a token with this expiry may be the one that was downloaded then.
pub(crate) fn may_expire(downloaded: Timestamp, expires: Timestamp) -> bool {
    expires.since(downloaded.plus(LIFETIME)).abs() <= LIFETIME_TOLERANCE
}

/// To whom a token is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// To the certificate of this issuer and number.
    IssuerAndSerial {
        /// The issuer's name in RFC 4514.
        issuer: String,
        /// The number. A negative one shows as its octets, which have the top bit set.
        serial: Serial,
    },
    /// To the certificate with this subject key identifier.
    KeyIdentifier(Vec<u8>),
    /// To something that is not a certificate.
    Other,
}

/// A readable enrollment token. Its secret part is encrypted, so all of it is public.
pub struct EnrollmentToken {
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl fmt::Debug for EnrollmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollmentToken")
            .field("recipients", &self.recipients())
            .finish_non_exhaustive()
    }
}

impl EnrollmentToken {
    /// To whom it is encrypted, at least one.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.envelope
            .recipients
            .iter()
            .map(|recipient| match &recipient.id {
                cms::RecipientId::IssuerAndSerial { issuer, serial } => {
                    Recipient::IssuerAndSerial {
                        issuer: issuer.to_string(),
                        serial: Serial::from_octets(serial),
                    }
                }
                cms::RecipientId::KeyIdentifier(octets) => Recipient::KeyIdentifier(octets.clone()),
                cms::RecipientId::Other => Recipient::Other,
            })
            .collect()
    }

    /// The content's cipher, such as `aes-128-cbc`; dotted numbers where it is none of the usual.
    pub fn content_cipher(&self) -> &str {
        &self.envelope.cipher
    }

    /// The token as Apple hands it out: its four header lines, LF, base64 in 76 columns.
    pub fn to_mail(&self) -> String {
        format!(
            "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\n\
             Content-Transfer-Encoding: base64\n\
             Content-Disposition: attachment; filename=\"smime.p7m\"\n\
             Content-Description: S/MIME Encrypted Message\n\n{}",
            radix64::wrapped(&self.bytes, 76)
        )
    }
}

/// Reads a file that should be an enrollment token: S/MIME, bare base64, PEM or binary.
pub fn read(bytes: &[u8]) -> Parsed<EnrollmentToken> {
    of(&content::look(bytes))
}

/// Reads what a file was found to be.
pub(super) fn of(look: &Look) -> Parsed<EnrollmentToken> {
    let mut findings = look.findings();
    if let Some(finding) = unusable(look, Some(Kind::Enrollment)) {
        findings.push(finding);
        return Parsed { token: None, findings };
    }
    let Content::Cms(bytes) = &look.content else { return Parsed { token: None, findings } };
    let why = match cms::read(bytes) {
        Ok(Cms::Enveloped(envelope)) => {
            let form = |message: &str| Finding::new(FindingCode::UnusualForm, message);
            if envelope.authenticated {
                findings.push(form(
                    "the token is authEnvelopedData; Apple is only known to make envelopedData, and Intune may not read it",
                ));
            }
            findings.extend(
                envelope.oddity.map(|what| form(&format!("the token is readable, but {what}"))),
            );
            return Parsed {
                token: Some(EnrollmentToken { envelope, bytes: bytes.clone() }),
                findings,
            };
        }
        Ok(Cms::Other(_)) => "it is not encrypted to a public key",
        Err(CmsError::Ber(super::ber::BerError::Truncated)) => "it is cut off",
        Err(CmsError::Ber(super::ber::BerError::TooComplex)) => {
            "it is nested or cut in pieces far beyond any token"
        }
        Err(CmsError::Ber(_)) => "its structure is damaged",
        Err(CmsError::NoRecipient) => "it is not encrypted to any key",
        Err(CmsError::NoContent) => "its encrypted content is missing or not whole",
    };
    findings.push(Finding::new(
        FindingCode::Malformed,
        format!("the enrollment token cannot be read: {why}. Download it again from Apple Business or Apple School Manager"),
    ));
    Parsed { token: None, findings }
}

/// A longer name is no MDM server's.
const MAX_SERVER: usize = 128;

/// What the name that Apple gives a token's file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// The MDM server at Apple; `None` where the name begins with the mark.
    pub server: Option<String>,
    pub downloaded: Timestamp,
}

/// Reads `<server>_Token_2026-11-20T10-11-12Z_smime.p7m`, maybe with ` (1)` from a browser and with
/// the ending of a sealed file.
pub fn file_name(file_name: &str) -> Option<FileName> {
    const LENGTH: usize = "2026-11-20T10-11-12Z".len();
    file_name.rmatch_indices("_Token_").take(8).find_map(|(at, mark)| {
        let server = file_name.get(..at)?.trim();
        let is_server =
            (1..=MAX_SERVER).contains(&server.len()) && !server.contains(char::is_control);
        let rest = file_name.get(at + mark.len()..)?;
        let (date, after) = rest.split_at_checked(LENGTH)?;
        if !after.starts_with("_smime") {
            return None;
        }
        let at = NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H-%M-%SZ").ok()?;
        Some(FileName {
            server: is_server.then(|| server.to_owned()),
            downloaded: Timestamp::new(at.and_utc()),
        })
    })
}

/// Whether two names may be one MDM server's. Browsers and file systems replace what a file's name
/// must not have, so only letters and digits count.
pub(crate) fn is_same_server(one: &str, other: &str) -> bool {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    plain(one) == plain(other)
}

/// What a token is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    pub now: Timestamp,
    /// When it was downloaded, where that is known.
    pub downloaded: Option<Timestamp>,
    /// All tokens in Intune that it may be for, with their keys; `None` where Intune was not read.
    pub live: Option<&'a [LiveEnrollment]>,
    /// How long before its expiry a token is due for renewal.
    pub renew_before: Duration,
}

/// Compares a readable token with Intune and the clock.
pub fn judge(token: &EnrollmentToken, expected: &Expectations<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (finding, meant) = match expected.live {
        Some(live) => against_keys(token, live),
        None => (None, Vec::new()),
    };
    findings.extend(finding);
    let Some(downloaded) = expected.downloaded else { return findings };
    if is_to_come(downloaded, expected.now) {
        findings.push(Finding::new(
            FindingCode::NotYetValid,
            format!("it is said to have been downloaded on {downloaded}, which is in the future. Give the time of the download: Apple's file name has it (…_Token_2026-11-20T10-11-12Z_smime.p7m), `--downloaded` takes it. If the time is right, set this machine's clock"),
        ));
        return findings;
    }
    let expires = downloaded.plus(LIFETIME);
    let latest = expires_by(downloaded);
    if latest <= expected.now {
        findings.push(Finding::new(
            FindingCode::Expired,
            format!("its name says that it was downloaded on {downloaded}; Apple's tokens are valid for a year. Download a new one from Apple Business or Apple School Manager"),
        ));
    } else if expires.since(expected.now) < expected.renew_before {
        findings.push(Finding::new(
            FindingCode::ExpiresSoon,
            format!("its name says that it was downloaded on {downloaded}, so it expires on about {expires}, within the renewal time. Renew it now"),
        ));
    }
    let expiries: Vec<Timestamp> = meant.iter().filter_map(|live| live.expires).collect();
    if let Some(least) = expiries.iter().min()
        && expiries.len() == meant.len()
        && latest < *least
    {
        findings.push(Finding::new(
            FindingCode::OlderThanLive,
            format!("its name says that it was downloaded on {downloaded}, but the token in Intune expires on {least}, so that one was downloaded later. Look for a newer download"),
        ));
    }
    findings
}

/// A recipient in the tenant file (issuer in RFC 4514, and number) that the opened file does not
/// have.
pub fn differences(token: &EnrollmentToken, issuer: &str, serial: &Serial) -> Option<Finding> {
    let stated = Recipient::IssuerAndSerial { issuer: issuer.to_owned(), serial: serial.clone() };
    let recipients = token.recipients();
    // A key identifier is another name for what may be the same certificate.
    let comparable = recipients.iter().all(|one| matches!(one, Recipient::IssuerAndSerial { .. }));
    if !comparable || recipients.contains(&stated) {
        return None;
    }
    let found = match recipients.first() {
        Some(Recipient::IssuerAndSerial { issuer, serial }) => format!("{issuer} number {serial}"),
        _ => "no key".to_owned(),
    };
    Finding::not_reviewed(&[format!(
        "it is encrypted to {found}, the tenant file says {issuer} number {serial}"
    )])
}

/// Whether Intune has the key, and the tokens in Intune that the file may be for.
fn against_keys<'a>(
    token: &EnrollmentToken,
    live: &'a [LiveEnrollment],
) -> (Option<Finding>, Vec<&'a LiveEnrollment>) {
    let mut matching = Vec::new();
    let mut unverifiable = Vec::new();
    for setting in live {
        match setting.encryption_public_key.as_deref().map(encryption_key) {
            Some(EncryptionKey::Certificate(certificate)) => {
                if token.envelope.recipients.iter().any(|recipient| is_for(recipient, &certificate))
                {
                    matching.push(setting);
                }
            }
            Some(EncryptionKey::Bare | EncryptionKey::Unreadable) | None => {
                unverifiable.push(setting)
            }
        }
    }
    if !matching.is_empty() {
        return (None, matching);
    }
    if live.is_empty() || !unverifiable.is_empty() {
        let why = if live.is_empty() { "Intune has no enrollment token yet" } else { NO_KEY };
        return (Some(recipient_unverifiable(why)), unverifiable);
    }
    (Some(recipient_mismatch()), Vec::new())
}

/// Compares a readable token with the public key that Intune has for it, as Graph gives it.
pub fn against_key(token: &EnrollmentToken, key: Option<&str>) -> Option<Finding> {
    match key.map(encryption_key) {
        Some(EncryptionKey::Certificate(certificate)) => {
            let mut recipients = token.envelope.recipients.iter();
            let fits = recipients.any(|recipient| is_for(recipient, &certificate));
            (!fits).then(recipient_mismatch)
        }
        Some(EncryptionKey::Bare | EncryptionKey::Unreadable) | None => {
            Some(recipient_unverifiable(NO_KEY))
        }
    }
}

const NO_KEY: &str = "Intune's key is not a certificate, or is not available";

fn recipient_unverifiable(why: &str) -> Finding {
    Finding::new(
        FindingCode::RecipientUnverifiable,
        format!(
            "{why}, so it could not be checked that Intune can open this file. Make sure that it was downloaded after Intune's current public key was uploaded to Apple"
        ),
    )
}

fn recipient_mismatch() -> Finding {
    Finding::new(
        FindingCode::RecipientMismatch,
        "it is encrypted to a key that Intune does not have, so Intune cannot open it: it was downloaded before Intune's current public key was uploaded to Apple, or it belongs to another customer. Upload Intune's key (`applecart renew TENANT/TOKEN --public-key` saves it) to the MDM server in Apple Business or Apple School Manager, then download the token again",
    )
}

/// By issuer and number, or key identifier; and the size of the encrypted key must fit the key,
/// because some servers give every certificate the same name and number.
fn is_for(recipient: &cms::Recipient, certificate: &x509::X509) -> bool {
    let named = match &recipient.id {
        cms::RecipientId::IssuerAndSerial { issuer, serial } => {
            *issuer == certificate.issuer && *serial == certificate.serial
        }
        cms::RecipientId::KeyIdentifier(octets) => {
            certificate.key_identifier.as_ref() == Some(octets)
        }
        cms::RecipientId::Other => false,
    };
    let fits = match (recipient.rsa_octets, x509::rsa_octets(&certificate.public_key)) {
        (Some(encrypted), Some(modulus)) => encrypted == modulus,
        _ => true,
    };
    named && fits
}

#[cfg(test)]
mod tests;
