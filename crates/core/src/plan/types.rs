//! The plan as data: the contract for scripts (`schema/plan.schema.json`).

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Facts, Kind, Problem, Sha256, TenantId, Timestamp};

/// The version of every machine output: a new minor adds members, a new major changes some.
pub const FORMAT_VERSION: &str = "1.0";

macro_rules! kebab_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value as it is written in output.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

kebab_enum! {
    /// Whether live equals Git.
    Sync {
        /// Live is what Git says.
        InSync => "in-sync",
        /// A write is due.
        OutOfSync => "out-of-sync",
        /// A write would be due but must not happen; see the reasons.
        Held => "held",
        /// Sent, not yet visible.
        Progressing => "progressing",
        /// Watched; Git has no file for it.
        Watched => "watched",
        /// Named in Git, proved absent live.
        Missing => "missing",
        /// Live, not in Git.
        Unmanaged => "unmanaged",
        /// Nobody can tell.
        Unobserved => "unobserved",
    }
}

kebab_enum! {
    /// How much time a token has left.
    Expiry {
        /// More than `renewBefore`.
        Valid => "valid",
        /// Less than `renewBefore`.
        RenewalDue => "renewal-due",
        /// Less than `critical`.
        Critical => "critical",
        /// None.
        Expired => "expired",
        /// Not known.
        Unknown => "unknown",
    }
}

kebab_enum! {
    /// Whether the credential works, as far as Intune tells.
    Health {
        /// It does.
        Ok => "ok",
        /// It does not; see the reasons.
        Failing => "failing",
        /// Not known.
        Unknown => "unknown",
    }
}

kebab_enum! {
    /// Why a token is failing.
    HealthReason {
        /// Apple has new terms that nobody accepted (`lastSyncErrorCode` 3).
        TermsNotAccepted => "terms-not-accepted",
        /// The last sync failed.
        SyncFailing => "sync-failing",
        /// The last successful sync is old.
        SyncStale => "sync-stale",
        /// Intune calls the credential invalid.
        TokenInvalid => "token-invalid",
        /// Another MDM holds the VPP token.
        ExternalMdm => "external-mdm",
        /// Another VPP token has the same location.
        DuplicateLocation => "duplicate-location",
    }
}

kebab_enum! {
    /// What is due.
    Action {
        /// Nothing.
        None => "none",
        /// Send the token file.
        Upload => "upload",
        /// Create the token in Intune.
        Create => "create",
        /// Change settings only.
        Configure => "configure",
        /// Something would be due but must not happen.
        Hold => "hold",
    }
}

kebab_enum! {
    /// Why a write is held, most dangerous first.
    Reason {
        /// The topic differs: every enrolled device would stop answering.
        TopicChange => "topic-change",
        /// The digest, topic or tenant id is bound to another Intune tenant.
        WrongDestination => "wrong-destination",
        /// The same tenant id, file or topic stands twice in the fleet.
        Duplicate => "duplicate",
        /// More than one live token fits.
        Ambiguous => "ambiguous",
        /// Live was renewed by hand after the last upload from Git.
        RenewedOutsideGit => "renewed-outside-git",
        /// Live was changed by hand after the last upload from Git.
        ChangedOutsideGit => "changed-outside-git",
        /// It was live before, and is gone.
        Vanished => "vanished",
        /// The known id is gone.
        IdGone => "id-gone",
        /// Intune creates it only in the portal.
        CreateInPortal => "create-in-portal",
        /// Git does not permit creating it.
        CreateNotPermitted => "create-not-permitted",
        /// Git's file lapses before the live one.
        OlderThanLive => "older-than-live",
        /// Whether the file is older than live cannot be told.
        AgeUnknown => "age-unknown",
        /// The file has lapsed.
        Expired => "expired",
        /// Intune refused it, or it never showed.
        Rejected => "rejected",
        /// The organisation differs.
        OrganizationDiffers => "organization-differs",
        /// The location differs.
        WrongLocation => "wrong-location",
        /// Another MDM holds it.
        ExternalMdm => "external-mdm",
        /// Another token has the same location.
        DuplicateLocation => "duplicate-location",
        /// The file is encrypted to another key than Intune's.
        RecipientMismatch => "recipient-mismatch",
        /// The customer's consent is missing.
        ConsentMissing => "consent-missing",
        /// Nobody says with which Apple Account it was made, and Intune takes none without.
        AppleIdMissing => "apple-id-missing",
        /// The tenant is suspended.
        Suspended => "suspended",
        /// The suspension ran out and its line is still there.
        SuspensionEnded => "suspension-ended",
    }
}

kebab_enum! {
    /// Worth knowing; holds nothing.
    Warning {
        /// The Apple Account in Git is not the live one. Never written by itself.
        AppleIdDiffers => "apple-id-differs",
        /// No signing request is on record, so the file's key cannot be checked.
        CsrUnknown => "csr-unknown",
        /// Live shows an upload whose end was not recorded; `apply` will record it.
        UnrecordedUpload => "unrecorded-upload",
        /// An earlier sending did not show; this one is the second and last.
        SentAgain => "sent-again",
        /// Another run may still write to this token.
        InProgressElsewhere => "in-progress-elsewhere",
        /// More than one live token fits this entry.
        Ambiguous => "ambiguous",
        /// The facts in Git are not the live ones.
        FactsDiffer => "facts-differ",
        /// Whether Intune can open the file is known only when it is opened.
        RecipientUnverifiable => "recipient-unverifiable",
        /// The wire encoding is not proved yet: this token is sent alone, before all others.
        Canary => "canary",
        /// The wire encoding is not proved yet: another token is sent first.
        CanaryPending => "canary-pending",
        /// The token that was to prove the wire encoding failed: nothing more of the kind is sent.
        CanaryFailed => "canary-failed",
        /// This machine's clock and Graph's differ by more than 5 minutes.
        ClockSkew => "clock-skew",
        /// Due, but not in the plan file that is applied; left out.
        NotReviewed => "not-reviewed",
    }
}

kebab_enum! {
    /// How much of a tenant was read.
    Observed {
        /// Every watched resource.
        Complete => "complete",
        /// Some.
        Partial => "partial",
        /// None.
        None => "none",
    }
}

kebab_enum! {
    /// Where live state came from.
    Source {
        /// Microsoft Graph.
        Live => "live",
        /// A snapshot file; such a plan is never applied.
        Snapshot => "snapshot",
    }
}

/// A token on the three axes, as `plan` and `status` both show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenState {
    /// Which of the three credentials.
    pub kind: Kind,
    /// Its name; `null` for push.
    pub name: Option<String>,
    /// Intune's id; `null` for push and while unknown.
    pub id: Option<String>,
    /// SHA-256 of the opened file in Git; `null` when Git has none.
    pub sha256: Option<Sha256>,
    /// Whether live equals Git.
    pub sync: Sync,
    /// How much time is left.
    pub expiry: Expiry,
    /// When it lapses: live where known, else last seen live, else as Git says.
    pub expires: Option<Timestamp>,
    /// Whether it works.
    pub health: Health,
    /// Why not.
    pub health_reasons: Vec<HealthReason>,
    /// Why a write is held, most dangerous first.
    pub reasons: Vec<Reason>,
    /// Worth knowing.
    pub warnings: Vec<Warning>,
    /// Sentences for a person: what would happen, and the way out.
    pub details: Vec<String>,
    /// Live facts; `null` when absent or unknown.
    pub live: Option<Facts>,
}

/// A token and what is due for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedToken {
    /// Where it stands.
    #[serde(flatten)]
    pub state: TokenState,
    /// What is due.
    pub action: Action,
    /// Holds that a reviewed `allow` line released.
    pub allows: Vec<Reason>,
    /// Every hour counts: device sync is down until this is uploaded.
    pub urgent: bool,
    // Boxed, as `after`: most tokens have no action.
    /// Live facts before the action.
    pub before: Option<Box<Facts>>,
    /// Facts after it.
    pub after: Option<Box<Facts>>,
}

/// A tenant and its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTenant {
    /// The folder's name.
    pub name: String,
    /// The directory id; `null` when the folder is invalid and does not say.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub display_name: Option<String>,
    /// The base revision has no tenant with this directory id: credentials would go where none
    /// went before.
    #[serde(default)]
    pub new_destination: bool,
    /// The Git tree id of the folder.
    pub tree: Option<String>,
    /// How much was read.
    pub observed: Observed,
    /// What could not be read, and why.
    pub problems: Vec<Problem>,
    /// Its tokens, push first.
    pub tokens: Vec<PlannedToken>,
}

/// Which tenants were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectionReport {
    /// The `--select` expressions; empty means all tenants.
    pub select: Vec<String>,
    /// What `--base` narrows that to; absent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

/// The tenants that a branch touches: those whose folder is another one than where the branch left
/// its base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Touched {
    /// The base as it was named, such as `origin/main`.
    pub base: String,
    /// The commit where the branch left it.
    pub since: String,
    /// The folders, by name; also those that the branch removes.
    pub tenants: BTreeSet<String>,
}

/// A tenant with files that were sealed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResealedTenant {
    /// The folder's name.
    pub name: String,
    /// How many of its token files are other bytes than in the base, with the same `sha256` of the
    /// opened file.
    pub files: usize,
}

/// A tenant that the base revision has and the planned one does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedTenant {
    /// The folder's name.
    pub name: String,
    /// The directory id; `null` when the folder was invalid and did not say.
    pub tenant_id: Option<TenantId>,
    /// How many tokens its file names; `null` when that could not be read.
    pub tokens: Option<usize>,
}

/// How the planned revision changes the list of public keys that token files are sealed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientsChange {
    /// Who could open files sealed from then on, and could not before.
    pub added: Vec<String>,
    /// Who could no longer open files sealed from then on.
    pub removed: Vec<String>,
}

/// Counts over the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Selected tenants.
    pub tenants: usize,
    /// Tokens to upload.
    pub uploads: usize,
    /// Tokens to create.
    pub creates: usize,
    /// Tokens whose settings change.
    pub configures: usize,
    /// Tokens held.
    pub holds: usize,
    /// Tenants of which something could not be read.
    pub unobserved: usize,
}

/// What is to be done, and everything that was known when it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Version of this format.
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    /// The fleet commit; `null` for a worktree.
    pub rev: Option<String>,
    /// The commit that the policy was read from; `null` for a worktree without a remote.
    pub policy_rev: Option<String>,
    /// SHA-256 of the policy file.
    pub policy_sha256: Sha256,
    /// Why `apply` would refuse the commit for its signature; `null` where it would not.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Whether the planned revision changes `applecart.yaml`; the plan is judged by the one before.
    #[serde(default)]
    pub policy_changed: bool,
    /// How it changes the recipients; `null` where it does not, or cannot be read.
    #[serde(default)]
    pub recipients_changed: Option<RecipientsChange>,
    /// Selected tenants that the base revision has and the planned one does not, by name: they
    /// are no longer watched. Nothing is removed in Intune.
    #[serde(default)]
    pub removed_tenants: Vec<RemovedTenant>,
    /// Selected tenants whose files this revision sealed again, by name. That alone uploads nothing.
    #[serde(default)]
    pub resealed_tenants: Vec<ResealedTenant>,
    /// Where live state came from.
    pub source: Source,
    /// Which tenants.
    pub selection: SelectionReport,
    /// When.
    pub generated_at: Timestamp,
    /// `sha256:` and the digest of all actions; what `--approve` names.
    pub digest: String,
    /// The tenants, by name.
    pub tenants: Vec<PlannedTenant>,
    /// Counts.
    pub summary: Summary,
}

impl Plan {
    /// Every token with its tenant.
    pub fn tokens(&self) -> impl Iterator<Item = (&PlannedTenant, &PlannedToken)> {
        self.tenants
            .iter()
            .flat_map(|tenant| tenant.tokens.iter().map(move |token| (tenant, token)))
    }

    /// Whether anything is due or held.
    pub fn has_changes(&self) -> bool {
        self.tokens().any(|(_, token)| token.action != Action::None)
    }
}

impl Action {
    /// Whether it writes to Intune.
    pub fn writes(self) -> bool {
        matches!(self, Self::Upload | Self::Create | Self::Configure)
    }
}
