//! A file of any kind: what it is, its facts, and the verdict over all its findings.

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content::{self, Look};
use super::other::unusable;
use super::{Finding, FindingCode, Parsed, Severity, Verdict, enrollment, key, push, vpp};
use crate::model::{Kind, LiveTenant, Reading, Serial, Sha256, Timestamp, Topic};

/// The version of [`Inspection`] as JSON.
pub const FORMAT_VERSION: &str = "1.0";

/// What is to be inspected, and what it is compared with.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The file's content, opened.
    pub bytes: &'a [u8],
    /// The file's name, of which only what Apple writes into it is read: the MDM server and the time.
    pub file_name: Option<&'a str>,
    /// The kind it should be; any when `None`.
    pub kind: Option<Kind>,
    /// What Intune has, where that is available.
    pub live: Option<&'a LiveTenant>,
    pub now: Timestamp,
    /// How long before its expiry a token is due for renewal.
    pub renew_before: Duration,
}

/// What a file is and whether it may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inspection {
    /// The version of this format.
    pub format_version: String,
    /// The kind of token file that it is by its content, or was meant to be; `null` when it is
    /// none.
    pub kind: Option<Kind>,
    /// The worst of the findings.
    pub verdict: Verdict,
    /// Everything remarkable, refusals first.
    pub findings: Vec<Finding>,
    /// The file's public attributes, as far as they could be read.
    pub facts: FileFacts,
}

impl Inspection {
    /// The same with a finding that the file alone does not show.
    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self.judged()
    }

    /// The same without what is told otherwise.
    #[must_use]
    pub fn without(mut self, code: FindingCode) -> Self {
        self.findings.retain(|finding| finding.code != code);
        self.judged()
    }

    /// The same of a file that is taken all the same, because reviewed `allow` lines release what
    /// would refuse it: that is still worth knowing.
    #[must_use]
    pub fn released(mut self) -> Self {
        for finding in &mut self.findings {
            finding.severity = Severity::Warn;
        }
        self.judged()
    }

    fn judged(mut self) -> Self {
        self.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
        self.findings.dedup();
        self.verdict = Verdict::of(&self.findings);
        self
    }
}

/// A file's public attributes. Only those of its kind are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileFacts {
    /// Push: the subject's UID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// Push: the serial number in upper-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Push: start of validity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// VPP: `orgName` of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Push and VPP: end of validity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Push: SHA-256 of the SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key_sha256: Option<Sha256>,
    /// Enrollment: to whom it is encrypted; the first one where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientFacts>,
    /// Enrollment: the others to whom it is encrypted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_recipients: Vec<RecipientFacts>,
    /// Enrollment: the content's cipher, such as `aes-128-cbc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_cipher: Option<String>,
    /// Enrollment: when it was downloaded, by its file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloaded: Option<Timestamp>,
    /// Enrollment: the MDM server at Apple that it is for, by its file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// How a recipient is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecipientFacts {
    /// The certificate's issuer in RFC 4514.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's number in upper-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The certificate's subject key identifier in upper-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_key_identifier: Option<String>,
}

impl From<enrollment::Recipient> for RecipientFacts {
    fn from(recipient: enrollment::Recipient) -> Self {
        match recipient {
            enrollment::Recipient::IssuerAndSerial { issuer, serial } => {
                Self { issuer: Some(issuer), serial: Some(serial), ..Self::default() }
            }
            enrollment::Recipient::KeyIdentifier(octets) => {
                Self { subject_key_identifier: Some(hex::encode_upper(octets)), ..Self::default() }
            }
            enrollment::Recipient::Other => Self::default(),
        }
    }
}

/// Tells what a file is and whether it may be used. Any bytes at all end in a verdict.
pub fn inspect(request: &Request<'_>) -> Inspection {
    let look = content::look(request.bytes);
    let kind = look.kind();
    let (mut findings, facts) = match kind {
        Some(Kind::Push) => push(&look, request),
        Some(Kind::Enrollment) => enrollment(&look, request),
        Some(Kind::Vpp) => vpp(&look, request),
        None => {
            let mut findings = look.findings();
            findings.extend(unusable(&look, request.kind));
            (findings, FileFacts::default())
        }
    };
    // Its own parser has said everything about the file but that it is in the wrong place.
    if let (Some(_), Some(_)) = (kind, request.kind)
        && kind != request.kind
    {
        findings.extend(unusable(&look, request.kind));
    }
    let (format_version, verdict) = (FORMAT_VERSION.to_owned(), Verdict::Accept);
    Inspection { format_version, kind, verdict, findings, facts }.judged()
}

fn push(look: &Look, request: &Request<'_>) -> (Vec<Finding>, FileFacts) {
    let Parsed { token, mut findings } = push::of(look);
    let Some(certificate) = token else { return (findings, FileFacts::default()) };
    findings.extend(push::against_clock(&certificate, request.now, request.renew_before));
    if let Some(live) = request.live {
        match &live.push {
            Reading::Present(live) => findings.extend(push::against_live(&certificate, live)),
            Reading::Absent => {}
            Reading::Unknown(_) | Reading::NotAsked => findings.push(not_compared(Kind::Push)),
        }
        // A certificate that Intune has already was made for an earlier request.
        if !findings.iter().any(|finding| finding.code == FindingCode::SameAsLive) {
            let requested = live.push_signing_request.as_deref().and_then(key::requested_key);
            findings.extend(push::against_request(certificate.public_key_sha256, requested));
        }
    }
    let facts = FileFacts {
        topic: Some(certificate.topic),
        serial: Some(certificate.serial),
        not_before: Some(certificate.not_before),
        expires: Some(certificate.expires),
        public_key_sha256: Some(certificate.public_key_sha256),
        ..FileFacts::default()
    };
    (findings, facts)
}

fn enrollment(look: &Look, request: &Request<'_>) -> (Vec<Finding>, FileFacts) {
    let Parsed { token, mut findings } = enrollment::of(look);
    let name = request.file_name.and_then(enrollment::file_name);
    let downloaded = name.as_ref().map(|name| name.downloaded);
    let server = name.and_then(|name| name.server);
    let Some(token) = token else {
        return (findings, FileFacts { downloaded, server, ..FileFacts::default() });
    };
    let live = request.live.and_then(|live| present(&live.enrollment));
    if request.live.is_some() && live.is_none() {
        findings.push(not_compared(Kind::Enrollment));
    }
    let expected = enrollment::Expectations {
        now: request.now,
        downloaded,
        live,
        renew_before: request.renew_before,
    };
    findings.extend(enrollment::judge(&token, &expected));
    let mut recipients = token.recipients().into_iter().map(RecipientFacts::from);
    let facts = FileFacts {
        recipient: recipients.next(),
        other_recipients: recipients.collect(),
        content_cipher: Some(token.content_cipher().to_owned()),
        downloaded,
        server,
        ..FileFacts::default()
    };
    (findings, facts)
}

fn vpp(look: &Look, request: &Request<'_>) -> (Vec<Finding>, FileFacts) {
    let Parsed { token, mut findings } = vpp::of(look);
    let Some(token) = token else { return (findings, FileFacts::default()) };
    let live = request.live.and_then(|live| present(&live.vpp));
    if request.live.is_some() && live.is_none() {
        findings.push(not_compared(Kind::Vpp));
    }
    let expected = vpp::Expectations { now: request.now, live, renew_before: request.renew_before };
    findings.extend(vpp::judge(&token, &expected));
    let facts = FileFacts {
        organization: Some(token.organization.clone()),
        expires: Some(token.expires),
        ..FileFacts::default()
    };
    (findings, facts)
}

/// A collection that is known, maybe empty.
fn present<T>(reading: &Reading<Vec<T>>) -> Option<&[T]> {
    match reading {
        Reading::Present(all) => Some(all),
        Reading::Absent => Some(&[]),
        Reading::Unknown(_) | Reading::NotAsked => None,
    }
}

fn not_compared(kind: Kind) -> Finding {
    let property = match kind {
        Kind::Push => "applePushNotificationCertificate",
        Kind::Enrollment => "depOnboardingSettings",
        Kind::Vpp => "vppTokens",
    };
    Finding::new(
        FindingCode::NotCompared,
        format!(
            "the snapshot has no usable `{property}`, so the file was not compared with Intune. Take a snapshot that contains it"
        ),
    )
}

#[cfg(test)]
mod tests;
