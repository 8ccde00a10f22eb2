//! What is remarkable about a token file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::codes::Appearance;
use crate::words::kebab_enum;

kebab_enum! {
    /// How much a finding weighs.
    Severity {
        /// Worth knowing; the file may be used.
        Warn => "warn",
        /// The file must not be used.
        Refuse => "refuse",
    }
}

kebab_enum! {
    /// Whether a file may be used: the worst of its findings.
    Verdict {
        /// No finding weighs anything: the file is as Apple makes it.
        Accept => "accept",
        /// It may be used; something is worth knowing.
        Warn => "warn",
        /// It must not be used.
        Refuse => "refuse",
    }
}

impl Verdict {
    /// The verdict that findings amount to.
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.severity).max() {
            None => Self::Accept,
            Some(Severity::Warn) => Self::Warn,
            Some(Severity::Refuse) => Self::Refuse,
        }
    }
}

crate::code_enum! {
    /// The stable name of a finding, part of every machine output, refusals first.
    FindingCode [Refusal Remark] {
        TopicChange = "topic-change",
        PrivateKey = "private-key",
        PlaintextCredentials = "plaintext-credentials",
        WrongKind = "wrong-kind",
        Malformed = "malformed",
        Empty = "empty",
        TooLarge = "too-large",
        Expired = "expired",
        NotYetValid = "not-yet-valid",
        OlderThanLive = "older-than-live",
        ForeignRequest = "foreign-request",
        KeyMismatch = "key-mismatch",
        RecipientMismatch = "recipient-mismatch",
        NoTopic = "no-topic",
        SeveralCertificates = "several-certificates",
        SeveralTokens = "several-tokens",
        BadFile = "bad-file",
        ExpiresSoon = "expires-soon",
        SameAsLive = "same-as-live",
        OrganizationDiffers = "organization-differs",
        CsrUnknown = "csr-unknown",
        RecipientUnverifiable = "recipient-unverifiable",
        NotCompared = "not-compared",
        IssuerUnknown = "issuer-unknown",
        IssuerForged = "issuer-forged",
        NoTimeZone = "no-time-zone",
        UnusualForm = "unusual-form",
        UnusualCertificate = "unusual-certificate",
    }
}

impl FindingCode {
    /// How much it weighs, always.
    pub fn severity(self) -> Severity {
        if self.explained().appears_as(Appearance::Refusal) {
            Severity::Refuse
        } else {
            Severity::Warn
        }
    }
}

/// One finding: what, how bad, and a sentence with the consequence and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Stable: reviews, scripts and `applecart explain` read it.
    pub code: FindingCode,
    /// How much it weighs.
    pub severity: Severity,
    /// For a person. Holds no secret and nothing of the file but its public names.
    pub message: String,
}

impl Finding {
    /// A finding with the weight that its code always has.
    pub fn new(code: FindingCode, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), message: message.into() }
    }

    /// The opened file is not the one that the tenant file describes; `None` when nothing differs.
    pub(super) fn not_reviewed(wrong: &[String]) -> Option<Self> {
        (!wrong.is_empty()).then(|| {
            Self::new(
                FindingCode::BadFile,
                format!(
                    "the encrypted file is not the one that was reviewed: {}. Seal the right file, or correct the tenant file",
                    wrong.join("; ")
                ),
            )
        })
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

/// What a parser made of a file: a token unless something forbids it, and all findings.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// The token, where one could be read. It must not be used when a finding refuses.
    pub token: Option<T>,
    pub findings: Vec<Finding>,
}
