//! The result of an apply: the machine output of `apply`, filled in by that room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Cause, Facts, Kind, Outcome, Sha256, TenantId};

/// What happened to one token.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// Sent, and a read shows it.
    Uploaded,
    /// Created, and a read shows it.
    Created,
    /// Settings were changed; the answer shows it.
    Configured,
    /// Sent and accepted, not yet visible.
    Progressing,
    /// An earlier run's sending was found live and recorded.
    Confirmed,
    /// Live changed outside Git since the last record, and that was recorded.
    ChangedOutsideGit,
    /// What was changed outside Git is tracked now, and that was recorded.
    Adopted,
    /// The file was refused when it was opened; nothing was sent.
    Refused,
    /// Live moved since the plan; nothing was sent.
    Stale,
    /// It failed; the cause says how.
    Failed,
    /// Nobody can tell whether it landed; the next run finds out.
    Unknown,
    /// Not started: the run was stopped, could not announce it, or an earlier write forbids it.
    NotStarted,
    /// Another run announced a write to this token first; nothing was sent.
    InProgressElsewhere,
    /// The wire encoding is not proved yet, and another token goes first; nothing was sent.
    CanaryPending,
    /// The token that was to prove the wire encoding failed; nothing was sent.
    CanaryFailed,
    /// Due, but not in the plan file that was applied; left out.
    NotReviewed,
}

impl Happened {
    /// The value as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Progressing => "progressing",
            Self::Confirmed => "confirmed",
            Self::ChangedOutsideGit => "changed-outside-git",
            Self::Adopted => "adopted",
            Self::Refused => "refused",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotStarted => "not-started",
            Self::InProgressElsewhere => "in-progress-elsewhere",
            Self::CanaryPending => "canary-pending",
            Self::CanaryFailed => "canary-failed",
            Self::NotReviewed => "not-reviewed",
        }
    }
}

/// One token's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyResult {
    /// The tenant's name.
    pub tenant: String,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Which of the three credentials.
    pub kind: Kind,
    /// The token's name; `null` for push.
    pub name: Option<String>,
    /// SHA-256 of the opened file.
    pub sha256: Option<Sha256>,
    /// What happened.
    pub result: Happened,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// Sentences for a person.
    pub details: Vec<String>,
    /// Live facts before.
    pub before: Option<Facts>,
    /// Live facts afterwards, where they were read.
    pub live: Option<Facts>,
}

/// Counts over an [`ApplyReport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplySummary {
    /// Sent and shown.
    pub uploaded: usize,
    /// Created and shown.
    pub created: usize,
    /// Settings changed.
    pub configured: usize,
    /// Sent, not yet visible.
    pub progressing: usize,
    /// Found live and recorded.
    pub confirmed: usize,
    /// Another run's.
    pub elsewhere: usize,
    /// Waiting for the token that proves the wire encoding, or stopped by its failure.
    pub waiting: usize,
    /// Refused on opening.
    pub refused: usize,
    /// Failed, unknown, stale or not started.
    pub failed: usize,
    /// Due, but not in the plan file that was applied; left out.
    pub not_reviewed: usize,
    /// Holds that the plan contained.
    pub holds: usize,
    /// Tenants of which something could not be read.
    pub unobserved: usize,
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// Version of this format.
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    /// The fleet commit that was applied.
    pub rev: Option<String>,
    /// The digest of the plan that was applied.
    pub plan_digest: String,
    /// The ledger's commit afterwards.
    pub ledger_head: Option<String>,
    /// Entries that are recorded in this clone only, because the ledger could not be pushed.
    pub not_pushed: Option<NotPushed>,
    /// One entry for every token that something happened to.
    pub results: Vec<ApplyResult>,
    /// Counts.
    pub summary: ApplySummary,
    /// What the exit code is made from.
    #[serde(skip, default = "done")]
    pub outcome: Outcome,
}

/// Entries of the ledger that the other clones do not know yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotPushed {
    /// How many.
    pub entries: usize,
    /// The file that holds them; `applecart ledger append` takes it.
    pub file: String,
    /// Why they could not be pushed.
    pub why: String,
}

fn done() -> Outcome {
    Outcome::Done
}
