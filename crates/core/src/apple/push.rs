//! The Apple MDM push certificate (APNs).
//!
//! [`read`] turns a file into a [`PushCertificate`]; [`judge`] compares it with what Git says,
//! what Intune has and which key Intune asked for. The one check that matters most is the topic:
//! "Renew" at Apple's portal keeps it, "Create" makes a new one, nothing marks the difference in
//! the file, and a new one silences every enrolled device without any error.

use chrono::Duration;
use der::asn1::ObjectIdentifier;

use super::content::{self, Content, Look};
use super::other::unusable;
use super::{Finding, FindingCode, Parsed, issuer, pem, radix64, x509};
use crate::model::{Facts, Kind, LivePush, Serial, Sha256, Timestamp, Topic};

/// Apple's mark of a production APNs certificate, found in every real MDM push certificate.
const APNS_PRODUCTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.6.3.2");
/// A certificate may start this much in the future: clocks of two machines differ.
const NOT_BEFORE_TOLERANCE: Duration = Duration::minutes(10);

/// A readable MDM push certificate. Public material only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCertificate {
    /// The subject's UID, whole.
    pub topic: Topic,
    pub serial: Serial,
    pub not_before: Timestamp,
    pub expires: Timestamp,
    /// SHA-256 of the SubjectPublicKeyInfo's DER.
    pub public_key_sha256: Sha256,
    der: Vec<u8>,
}

impl PushCertificate {
    fn new(topic: Topic, certificate: &x509::X509, der: &[u8]) -> Self {
        Self {
            topic,
            serial: Serial::from_octets(&certificate.serial),
            not_before: certificate.not_before,
            expires: certificate.expires,
            public_key_sha256: certificate.public_key_sha256(),
            der: der.to_vec(),
        }
    }

    /// The certificate alone as PEM, whatever stood around it in the file.
    pub fn to_pem(&self) -> String {
        pem::armour(&self.der)
    }

    /// The certificate's DER in base64, without armour and line ends.
    pub fn to_base64_der(&self) -> String {
        radix64::wrapped(&self.der, usize::MAX).trim_end().to_owned()
    }
}

/// Reads a file that should be an MDM push certificate: PEM, DER or base64, whatever stands
/// around it.
pub fn read(bytes: &[u8]) -> Parsed<PushCertificate> {
    of(&content::look(bytes))
}

/// Reads what a file was found to be.
pub(super) fn of(look: &Look) -> Parsed<PushCertificate> {
    let mut findings = look.findings();
    if let Some(finding) = unusable(look, Some(Kind::Push)) {
        findings.push(finding);
        return Parsed { token: None, findings };
    }
    match &look.content {
        Content::Certificates(ders) => certificate_from(ders, findings),
        // `unusable` has spoken for everything else.
        _ => Parsed { token: None, findings },
    }
}

/// Picks the MDM push certificate among certificates in DER.
fn certificate_from(
    ders: &[Option<Vec<u8>>],
    mut findings: Vec<Finding>,
) -> Parsed<PushCertificate> {
    let mut found: Option<PushCertificate> = None;
    let mut several = false;
    let mut readable = false;
    let mut damage = None;
    for der in ders {
        let Some(der) = der else {
            damage.get_or_insert_with(|| {
                "a certificate block is cut off or is not base64. Download the file again at Apple's push portal".to_owned()
            });
            continue;
        };
        match x509::X509::read(der) {
            Ok(certificate) => {
                readable = true;
                let Some(topic) = certificate.topic() else { continue };
                match &found {
                    Some(same) if same.der == *der => {}
                    Some(_) => several = true,
                    None => {
                        findings.extend(marks(&certificate));
                        found = Some(PushCertificate::new(topic, &certificate, der));
                    }
                }
            }
            Err(x509::Unreadable(what)) => {
                damage.get_or_insert_with(|| {
                    format!("the certificate cannot be read ({what}). Download the file again at Apple's push portal")
                });
            }
        }
    }
    findings.extend(damage.map(|message| Finding::new(FindingCode::Malformed, message)));
    if several {
        findings.push(Finding::new(
            FindingCode::SeveralCertificates,
            "the file holds several MDM push certificates, so it is unclear which one to upload. Keep only the new one",
        ));
        return Parsed { token: None, findings };
    }
    if found.is_none() && readable {
        findings.push(Finding::new(
            FindingCode::NoTopic,
            "the certificate's subject has no UID with an MDM topic (com.apple.mgmt…): it is another certificate. If it is Intune's public key for an enrollment token, upload it to the MDM server in Apple Business or Apple School Manager; the token (.p7m) that is then downloaded there belongs here. Else use the .pem that Apple's push portal hands out",
        ));
    }
    Parsed { token: found, findings }
}

/// What a push certificate of Apple's has and this one lacks.
fn marks(certificate: &x509::X509) -> impl Iterator<Item = Finding> {
    let unmarked = (!certificate.has(APNS_PRODUCTION)).then(|| {
        Finding::new(
            FindingCode::UnusualCertificate,
            "the certificate does not have Apple's mark of a production push certificate (1.2.840.113635.100.6.3.2), which every known one has. Check where the file comes from",
        )
    });
    unmarked.into_iter().chain(issuer::judge(certificate))
}

/// What a certificate is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    pub now: Timestamp,
    /// What the tenant file states of it.
    pub stated: Option<Stated<'a>>,
    /// The push certificate in Intune.
    pub live: Option<&'a LivePush>,
    /// SHA-256 of the key that Intune asked a certificate for; `None` when none is on record.
    pub requested_key: Option<Sha256>,
    /// How long before its expiry a certificate is due for renewal.
    pub renew_before: Duration,
}

/// What a tenant file states of a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a> {
    pub facts: &'a Facts,
    /// SHA-256 of the public key; entries of older versions lack it.
    pub public_key: Option<Sha256>,
}

/// Compares a readable certificate with Git, Intune, the request for Apple and the clock.
pub fn judge(certificate: &PushCertificate, expected: &Expectations<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(expected.live.into_iter().flat_map(|live| against_live(certificate, live)));
    findings.extend(against_clock(certificate, expected.now, expected.renew_before));
    findings.extend(against_request(certificate.public_key_sha256, expected.requested_key));
    findings.extend(expected.stated.and_then(|stated| differences(certificate, stated)));
    findings
}

/// Compares a certificate with the one in Intune.
pub(super) fn against_live(certificate: &PushCertificate, live: &LivePush) -> Vec<Finding> {
    use FindingCode as Code;
    let mut findings = Vec::new();
    if live.topic != certificate.topic {
        findings.push(Finding::new(
            Code::TopicChange,
            format!(
                "the file has topic {}, but Intune uses {}. Uploading it would cut off every enrolled device. At Apple's push portal press Renew on the old certificate, not Create, with the Apple Account that made it",
                certificate.topic, live.topic
            ),
        ));
    }
    if live.serial == certificate.serial && live.topic == certificate.topic {
        findings.push(Finding::new(Code::SameAsLive, "Intune has this certificate already"));
    } else if certificate.expires < live.expires {
        findings.push(Finding::new(
            Code::OlderThanLive,
            format!(
                "it expires on {}, but the certificate in Intune on {}: uploading it would bring the expiry date forward. Look for a newer download",
                certificate.expires, live.expires
            ),
        ));
    }
    findings
}

pub(super) fn against_clock(
    certificate: &PushCertificate,
    now: Timestamp,
    renew_before: Duration,
) -> Vec<Finding> {
    use FindingCode as Code;
    let mut findings = Vec::new();
    if certificate.expires <= now {
        findings.push(Finding::new(
            Code::Expired,
            format!(
                "it expired on {}. Expired certificates are never uploaded. Renew it at Apple's push portal (Renew, not Create) and use the new file",
                certificate.expires
            ),
        ));
    } else if certificate.expires.since(now) < renew_before {
        findings.push(Finding::new(
            Code::ExpiresSoon,
            format!("it expires on {}, within the renewal time. Look for a newer download, or renew it now", certificate.expires),
        ));
    }
    if certificate.not_before > now.plus(NOT_BEFORE_TOLERANCE) {
        findings.push(Finding::new(
            Code::NotYetValid,
            format!(
                "it is valid only from {}. Check this machine's clock, then try again after that date",
                certificate.not_before
            ),
        ));
    }
    findings
}

/// Compares a certificate's key with the key of Intune's request for Apple, if one is on record.
pub(crate) fn against_request(key: Sha256, requested_key: Option<Sha256>) -> Option<Finding> {
    match requested_key {
        Some(requested) if requested == key => None,
        Some(_) => Some(Finding::new(
            FindingCode::KeyMismatch,
            "its key is not the one in this renewal's request for Apple (CSR), so Intune has no private key for it and could not reach any device. Upload this renewal's CSR at Apple's push portal and use the file that it returns",
        )),
        None => Some(Finding::new(
            FindingCode::CsrUnknown,
            "no request for Apple (CSR) is on record for this renewal, so the certificate's key could not be checked. If you are unsure, open the renewal again and use its CSR",
        )),
    }
}

/// Facts in the tenant file that differ from the opened file's.
pub fn differences(certificate: &PushCertificate, stated: Stated<'_>) -> Option<Finding> {
    let Stated { facts: stated, public_key } = stated;
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
    if let Some(key) = public_key {
        let key = Some(key.to_string());
        differ("publicKeySha256", key, certificate.public_key_sha256.to_string());
    }
    Finding::not_reviewed(&wrong)
}

#[cfg(test)]
mod tests;
