//! The Apple MDM push certificate (APNs).
//!
//! [`read`] turns a file into a [`PushCertificate`]; [`judge`] holds it against what Git says,
//! what is live and which key Intune asked for. The one check that matters most is the topic:
//! "Renew" at Apple's portal keeps it, "Create" makes a new one, nothing marks the difference in
//! the file, and a new one silences every enrolled device without any error.

use base64::Engine as _;
use chrono::Duration;
use der::asn1::{ObjectIdentifier, Utf8StringRef};
use der::{Decode as _, Encode as _, Tagged as _};
use x509_cert::Certificate;

use super::{Finding, FindingCode, MAX_FILE, pem};
use crate::model::{Facts, LivePush, Serial, Sha256, Timestamp, Topic};

/// `userId`, RFC 4519 §2.39: where Apple puts the topic. The CN carries the same UUID by custom
/// only, and differs in some real certificates, so it is never looked at.
const UID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
/// Apple's mark of a production APNs certificate, found in every real MDM push certificate.
const APNS_PRODUCTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.2");
/// A certificate may start this much in the future: clocks of two machines differ.
const NOT_BEFORE_TOLERANCE: Duration = Duration::minutes(10);

/// A readable MDM push certificate. Public material only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCertificate {
    /// The subject's UID, whole.
    pub topic: Topic,
    /// The serial number.
    pub serial: Serial,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub expires: Timestamp,
    /// SHA-256 of the SubjectPublicKeyInfo's DER.
    pub public_key_sha256: Sha256,
    /// The certificate's DER.
    der: Vec<u8>,
}

impl PushCertificate {
    /// The certificate alone as PEM, whatever stood around it in the file.
    pub fn to_pem(&self) -> String {
        pem::armour(&self.der)
    }

    /// The certificate's DER in base64, without armour and line ends.
    pub fn to_base64_der(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(&self.der)
    }

    /// The facts that tenant files, plans and the ledger hold.
    pub fn facts(&self) -> Facts {
        Facts {
            topic: Some(self.topic.clone()),
            serial: Some(self.serial.clone()),
            expires: Some(self.expires),
            ..Facts::default()
        }
    }
}

/// What [`read`] made of a file: a certificate unless something forbids it, and all findings.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The certificate, where one could be read. It must not be used when a finding refuses.
    pub certificate: Option<PushCertificate>,
    /// Everything remarkable.
    pub findings: Vec<Finding>,
}

impl Reading {
    fn refused(finding: Finding) -> Self {
        Self { certificate: None, findings: vec![finding] }
    }
}

/// Reads a file that should be an MDM push certificate: PEM, DER or bare base64.
pub fn read(bytes: &[u8]) -> Reading {
    use FindingCode as Code;
    if bytes.len() > MAX_FILE {
        return Reading::refused(Finding::refuse(
            Code::TooLarge,
            format!(
                "the file has {} bytes; a push certificate has about 2,000. Download it again at Apple's portal",
                bytes.len()
            ),
        ));
    }
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Reading::refused(Finding::refuse(
            Code::Empty,
            "the file is empty. Sending an empty certificate would remove the live one; download the file again at Apple's portal",
        ));
    }
    // A key in DER shows no armour; a PKCS#8 or PKCS#1 structure opens with INTEGER 0, where a
    // certificate opens with another SEQUENCE.
    if bytes.first() == Some(&0x30) {
        return certificate_from(&[bytes.to_vec()], Vec::new());
    }
    let Some(text) = pem::text(bytes) else {
        return Reading::refused(Finding::refuse(
            Code::WrongKind,
            "the file is neither text nor a certificate in DER. Expected the .pem that Apple's push portal hands out",
        ));
    };
    let blocks = pem::blocks(&text);
    let mut findings = Vec::new();
    if blocks.private_key {
        findings.push(Finding::refuse(
            Code::PrivateKey,
            "the file holds a private key. Apple never hands one out with this certificate, so it was added by hand; in Git it would be a leak. Seal the certificate alone, and treat the key as compromised if it was ever committed",
        ));
    }
    if blocks.unusual {
        findings.push(Finding::warn(
            Code::UnusualForm,
            "the file is readable but not as Apple makes it (one PEM block, LF line ends); only the certificate itself would be sent",
        ));
    }
    if blocks.certificates.is_empty() {
        if let Some(wrong) = other_kind(&text, &blocks.others) {
            findings.push(wrong);
            return Reading { certificate: None, findings };
        }
        return match pem::base64(&text) {
            Ok(der) if der.first() == Some(&0x30) => {
                findings.retain(|finding| finding.code != Code::UnusualForm);
                findings.push(Finding::warn(
                    Code::UnusualForm,
                    "the file is bare base64 without PEM armour; it is readable and would be sent in the configured form",
                ));
                certificate_from(&[der], findings)
            }
            _ => {
                findings.push(Finding::refuse(
                    Code::WrongKind,
                    "the file holds no certificate. Expected the .pem that Apple's push portal hands out",
                ));
                Reading { certificate: None, findings }
            }
        };
    }
    let mut ders = Vec::new();
    for block in blocks.certificates {
        match block {
            Ok(der) => ders.push(der),
            Err(pem::NotBase64) => findings.push(Finding::refuse(
                Code::Malformed,
                "a certificate block is cut off or is not base64. Download the file again at Apple's portal",
            )),
        }
    }
    certificate_from(&ders, findings)
}

/// Names the usual mix-ups by content.
fn other_kind(text: &str, labels: &[String]) -> Option<Finding> {
    let wrong = |message: &str| Some(Finding::refuse(FindingCode::WrongKind, message));
    if labels.iter().any(|label| label.ends_with("CERTIFICATE REQUEST")) {
        return wrong(
            "the file is a certificate signing request: it goes to Apple's push portal, which hands out the certificate that belongs here",
        );
    }
    let head: String = text.trim_start().chars().take(2048).collect();
    let lower = head.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return wrong(
            "the file is a web page, probably a sign-in or error page saved under the certificate's name. Sign in at Apple's portal and download again",
        );
    }
    if lower.contains("application/pkcs7-mime") || head.starts_with("MIAGCSqGSIb3DQEHA6") {
        return wrong(
            "the file is an enrollment program token (.p7m), not a push certificate; it belongs under `enrollment`",
        );
    }
    // Base64 of `{"`: a VPP token is base64 of a JSON object.
    if head.starts_with("eyJ") {
        return wrong(
            "the file looks like a VPP token (.vpptoken), not a push certificate; it belongs under `vpp`",
        );
    }
    None
}

/// Picks the MDM push certificate among certificates in DER.
fn certificate_from(ders: &[Vec<u8>], mut findings: Vec<Finding>) -> Reading {
    let mut candidates = Vec::new();
    let mut readable = 0;
    for der in ders {
        match parse(der) {
            Ok(Some(found)) => {
                readable += 1;
                candidates.push(found);
            }
            Ok(None) => readable += 1,
            Err(finding) => findings.push(finding),
        }
    }
    candidates.dedup_by(|a, b| a.0.der == b.0.der);
    if candidates.len() > 1 {
        findings.push(Finding::refuse(
            FindingCode::SeveralCertificates,
            "the file holds several MDM push certificates; which one is meant cannot be told. Seal the new one alone",
        ));
        return Reading { certificate: None, findings };
    }
    let Some((certificate, marks)) = candidates.pop() else {
        if readable > 0 {
            findings.push(Finding::refuse(
                FindingCode::NoTopic,
                "the certificate's subject has no UID with an MDM topic (com.apple.mgmt…): it is some other certificate. Expected the .pem that Apple's push portal hands out",
            ));
        }
        return Reading { certificate: None, findings };
    };
    findings.extend(marks);
    Reading { certificate: Some(certificate), findings }
}

type Parsed = (PushCertificate, Option<Finding>);

/// Reads one certificate: `Ok(None)` when it is one, but not for MDM push.
fn parse(der: &[u8]) -> Result<Option<Parsed>, Finding> {
    let malformed = |what: &str| {
        Finding::refuse(
            FindingCode::Malformed,
            format!(
                "the certificate cannot be read ({what}). Download the file again at Apple's portal"
            ),
        )
    };
    // The decoder's own text says where, never what, so it is safe to pass on its kind.
    let certificate = Certificate::from_der(der).map_err(|error| {
        malformed(&format!("at byte {}", error.position().map_or(0, u32::from)))
    })?;
    let tbs = &certificate.tbs_certificate;
    let Some(topic) = topic(&certificate) else { return Ok(None) };
    let instant = |time: &x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(Timestamp::from_unix)
    };
    let not_before = instant(&tbs.validity.not_before).ok_or_else(|| malformed("start date"))?;
    let expires = instant(&tbs.validity.not_after).ok_or_else(|| malformed("end date"))?;
    let key = tbs.subject_public_key_info.to_der().map_err(|_| malformed("public key"))?;
    let marked = tbs
        .extensions
        .as_ref()
        .is_some_and(|list| list.iter().any(|extension| extension.extn_id == APNS_PRODUCTION));
    let unusual = (!marked).then(|| {
        Finding::warn(
            FindingCode::UnusualCertificate,
            "the certificate lacks Apple's mark of a production push certificate (1.2.840.113635.100.6.3.2), which every known one has",
        )
    });
    let found = PushCertificate {
        topic,
        serial: Serial::from_octets(tbs.serial_number.as_bytes()),
        not_before,
        expires,
        public_key_sha256: Sha256::of(&key),
        der: der.to_vec(),
    };
    Ok(Some((found, unusual)))
}

/// The subject's UID, when there is exactly one and it is an MDM topic.
fn topic(certificate: &Certificate) -> Option<Topic> {
    let mut uids = certificate
        .tbs_certificate
        .subject
        .0
        .iter()
        .flat_map(|rdn| rdn.0.iter())
        .filter(|attribute| attribute.oid == UID);
    let value = &uids.next()?.value;
    if uids.next().is_some() {
        return None;
    }
    let text = match value.tag() {
        der::Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        der::Tag::PrintableString => {
            value.decode_as::<der::asn1::PrintableStringRef<'_>>().ok()?.as_str().to_owned()
        }
        der::Tag::Ia5String => {
            value.decode_as::<der::asn1::Ia5StringRef<'_>>().ok()?.as_str().to_owned()
        }
        _ => return None,
    };
    text.parse().ok()
}

/// What a certificate is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The clock.
    pub now: Timestamp,
    /// The facts that the tenant file states for it.
    pub stated: Option<&'a Facts>,
    /// The live push certificate.
    pub live: Option<&'a LivePush>,
    /// SHA-256 of the key that Intune asked a certificate for; `None` when none is on record.
    pub requested_key: Option<Sha256>,
    /// How long before its end a certificate is due for renewal.
    pub renew_before: Duration,
}

/// Holds a readable certificate against Git, live Intune, the signing request and the clock.
pub fn judge(certificate: &PushCertificate, expected: &Expectations<'_>) -> Vec<Finding> {
    use FindingCode as Code;
    let mut findings = Vec::new();
    if let Some(live) = expected.live {
        if live.topic != certificate.topic {
            findings.push(Finding::refuse(
                Code::TopicChange,
                format!(
                    "the topic is {}, but {} is live: every device enrolled under it would stop answering and have to be enrolled again. At Apple's portal press Renew on the old certificate, not Create, with the Apple Account that made it",
                    certificate.topic, live.topic
                ),
            ));
        }
        if live.serial == certificate.serial && live.topic == certificate.topic {
            findings.push(Finding::warn(Code::SameAsLive, "this certificate is already live"));
        } else if certificate.expires < live.expires {
            findings.push(Finding::refuse(
                Code::OlderThanLive,
                format!(
                    "it lapses on {}, the live one on {}: uploading it would shorten the tenant's time. Look for a newer download",
                    certificate.expires, live.expires
                ),
            ));
        }
    }
    if certificate.expires <= expected.now {
        findings.push(Finding::refuse(
            Code::Expired,
            format!(
                "it lapsed on {}. Renew it at Apple's portal (Renew, not Create) and use the new file",
                certificate.expires
            ),
        ));
    } else if certificate.expires.since(expected.now) < expected.renew_before {
        findings.push(Finding::warn(
            Code::ExpiresSoon,
            format!("it lapses on {}, within the renewal time", certificate.expires),
        ));
    }
    if certificate.not_before > expected.now.plus(NOT_BEFORE_TOLERANCE) {
        findings.push(Finding::refuse(
            Code::NotYetValid,
            format!(
                "it is valid only from {}. Check this machine's clock, then try again after that time",
                certificate.not_before
            ),
        ));
    }
    match expected.requested_key {
        Some(key) if key != certificate.public_key_sha256 => findings.push(Finding::refuse(
            Code::KeyMismatch,
            "its key is not the one of the signing request that was opened for this renewal, so Intune holds no private key for it. Upload this renewal's request at Apple's portal and use the file that comes back",
        )),
        Some(_) => {}
        None => findings.push(Finding::warn(
            Code::CsrUnknown,
            "no signing request is on record for this renewal, so its key could not be checked",
        )),
    }
    if let Some(stated) = expected.stated {
        findings.extend(differences(certificate, stated));
    }
    findings
}

/// Facts in the tenant file that the opened file does not bear out.
fn differences(certificate: &PushCertificate, stated: &Facts) -> Option<Finding> {
    let mut wrong = Vec::new();
    let mut differ = |field: &str, said: Option<String>, is: String| {
        if said.as_ref() != Some(&is) {
            wrong.push(format!(
                "{field} is {is}, the tenant file says {}",
                said.as_deref().unwrap_or("nothing")
            ));
        }
    };
    differ("topic", stated.topic.as_ref().map(ToString::to_string), certificate.topic.to_string());
    differ(
        "serial",
        stated.serial.as_ref().map(ToString::to_string),
        certificate.serial.to_string(),
    );
    differ("expires", stated.expires.map(|at| at.to_string()), certificate.expires.to_string());
    (!wrong.is_empty()).then(|| {
        Finding::refuse(
            FindingCode::BadFile,
            format!(
                "the sealed file is not the one that was reviewed: {}. Seal the right file, or correct the tenant file",
                wrong.join("; ")
            ),
        )
    })
}

#[cfg(test)]
mod tests;
