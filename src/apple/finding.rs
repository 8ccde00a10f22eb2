//! What is remarkable about a token file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; the file may be used.
    Warn,
    /// The file must not be used.
    Refuse,
}

/// The stable name of a finding, part of every machine output.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// The topic is not the live one: every enrolled device would stop answering.
    TopicChange,
    /// The file holds a private key.
    PrivateKey,
    /// The file is empty or only white space.
    Empty,
    /// The file is larger than any token file.
    TooLarge,
    /// The file is something else: a request, an enrollment token, a VPP token, a web page.
    WrongKind,
    /// The file looks like a certificate and cannot be read as one.
    Malformed,
    /// The certificate's subject has no UID with an MDM topic.
    NoTopic,
    /// The file holds several MDM push certificates.
    SeveralCertificates,
    /// The certificate has lapsed.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// It lapses before the live one.
    OlderThanLive,
    /// Its key is not the one of the certificate signing request.
    KeyMismatch,
    /// It is not the file that Git describes.
    BadFile,
    /// No signing request is on record, so the key could not be checked.
    CsrUnknown,
    /// It is the live one.
    SameAsLive,
    /// The file is readable but not as Apple makes it.
    UnusualForm,
    /// The certificate lacks the marks of an Apple push certificate.
    UnusualCertificate,
    /// It lapses within `renewBefore`.
    ExpiresSoon,
}

impl FindingCode {
    /// The name as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopicChange => "topic-change",
            Self::PrivateKey => "private-key",
            Self::Empty => "empty",
            Self::TooLarge => "too-large",
            Self::WrongKind => "wrong-kind",
            Self::Malformed => "malformed",
            Self::NoTopic => "no-topic",
            Self::SeveralCertificates => "several-certificates",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::OlderThanLive => "older-than-live",
            Self::KeyMismatch => "key-mismatch",
            Self::BadFile => "bad-file",
            Self::CsrUnknown => "csr-unknown",
            Self::SameAsLive => "same-as-live",
            Self::UnusualForm => "unusual-form",
            Self::UnusualCertificate => "unusual-certificate",
            Self::ExpiresSoon => "expires-soon",
        }
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding: what, how bad, and a sentence with the consequence and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// The stable name.
    pub code: FindingCode,
    /// How much it weighs.
    pub severity: Severity,
    /// For a person.
    pub message: String,
}

impl Finding {
    /// A finding that forbids using the file.
    pub fn refuse(code: FindingCode, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Refuse, message: message.into() }
    }

    /// A finding that is only worth knowing.
    pub fn warn(code: FindingCode, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warn, message: message.into() }
    }

    /// Whether the file must not be used.
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Refuse
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
