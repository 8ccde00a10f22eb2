//! One line of the ledger, as data. How lines are chained and stored is `ledger`'s business.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Facts, Sha256, TenantName, Timestamp, TokenRef};

/// What happened to a token.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A renewal was opened; holds the CSR and its key's SHA-256.
    RenewalOpened,
    /// A run is about to send this digest.
    Intended,
    /// Intune accepted the sending.
    Applied,
    /// The sending failed; `cause` says whether it may be tried again.
    Failed,
    /// A later read shows the credential live.
    Confirmed,
    /// Live is another credential than the last recorded one, and no run sent it.
    ChangedOutsideGit,
    /// A credential that came from outside Git is now watched in Git.
    Adopted,
    /// Somebody was told.
    Notified,
    /// The customer confirmed that devices work.
    Acknowledged,
}

impl Event {
    /// The event as it is written in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RenewalOpened => "renewal-opened",
            Self::Intended => "intended",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Confirmed => "confirmed",
            Self::ChangedOutsideGit => "changed-outside-git",
            Self::Adopted => "adopted",
            Self::Notified => "notified",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

crate::code_enum! {
    /// Why a sending failed.
    FailureCode [Failure] {
        Rejected = "rejected",
        NotPermitted = "not-permitted",
        ApprovalRequired = "approval-required",
        Throttled = "throttled",
        NotLanded = "not-landed",
        NotSent = "not-sent",
        NeverVisible = "never-visible",
        WrongLocation = "wrong-location",
    }
}

impl FailureCode {
    /// Whether the digest must not be sent again until a person decides (decision table, row 4).
    pub fn is_definite(self) -> bool {
        matches!(self, Self::Rejected | Self::NeverVisible | Self::WrongLocation)
    }
}

/// Why a sending failed, with what Microsoft's support would ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// The stable name.
    pub code: FailureCode,
    /// Graph's HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Graph's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// One sentence for a person; never raw input, never secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Who ran it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Actor {
    /// The pipeline run's URL, where one ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The operating system's or the pipeline's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// One line of the ledger: what happened to one token, when, by whom, with which facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// The line's number in its file, from 1.
    pub seq: u64,
    /// SHA-256 of the previous line without its LF; 64 zeros in the first line.
    pub prev: Sha256,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// The tenant's name at that time.
    pub name: TenantName,
    /// Which token.
    pub token: TokenRef,
    /// SHA-256 of the opened token file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The fleet commit that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// Live facts before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Facts>,
    /// Facts after: those sent (`intended`, `applied`) or those seen (`confirmed`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Facts>,
    /// The run's id, one per process.
    pub run: String,
    /// The clone's id, one per clone of the fleet; names the lock that proves a run dead.
    pub clone: String,
    /// Who.
    pub actor: Actor,
    /// Sendings: the wire encoding that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
    /// Sendings: the digest of the plan that asked for it, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// Intents: until when the run may still write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// Failures: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Opened renewals: the certificate signing request, as the file that Apple's push portal takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Opened renewals: SHA-256 of the CSR's SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key_sha256: Option<Sha256>,
    /// Acknowledgements: who of the customer confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Acknowledgements: what they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
