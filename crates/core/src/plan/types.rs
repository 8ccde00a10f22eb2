//! The plan as data: the contract for scripts (`schema/plan.schema.json`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fleet::SelectionReport;
use crate::model::{Facts, Kind, Problem, Sha256, TenantId, Timestamp, TokenRef};

pub use crate::rules::codes::Reason;
use crate::rules::topics::KnownTopic;
use crate::words::kebab_enum;

/// The version of every machine output: a new minor adds members, a new major changes some.
pub const FORMAT_VERSION: &str = "1.0";

crate::code_enum! {
    /// Whether Intune equals Git.
    Sync [Sync] {
        InSync = "in-sync",
        Unverified = "unverified",
        OutOfSync = "out-of-sync",
        Held = "held",
        Progressing = "progressing",
        Watched = "watched",
        Missing = "missing",
        Unmanaged = "unmanaged",
        Unobserved = "unobserved",
    }
}

crate::code_enum! {
    /// How much time a token has left.
    Expiry [Expiry] {
        Valid = "valid",
        RenewalDue = "renewal-due",
        Critical = "critical",
        Expired = "expired",
        Unknown = "unknown",
    }
}

kebab_enum! {
    /// Whether the credential works, as far as Intune tells.
    Health {
        /// Intune reports nothing against it.
        Ok => "ok",
        /// It does not; see the reasons.
        Failing => "failing",
        /// Intune could not be read, or names a state that this version does not know.
        Unknown => "unknown",
    }
}

crate::code_enum! {
    /// Why a token is failing, or why it is unknown whether it works.
    HealthReason [Health] {
        TermsNotAccepted = "terms-not-accepted",
        SyncFailing = "sync-failing",
        SyncStale = "sync-stale",
        TokenInvalid = "token-invalid",
        ExternalMdm = "external-mdm",
        DuplicateLocation = "duplicate-location",
        DeadAtApple = "dead-at-apple",
        TopicChanged = "topic-changed",
        Revoked = "revoked",
        StateUnknown = "state-unknown",
    }
}

kebab_enum! {
    /// What `apply` does with a token.
    Action {
        /// Git and Intune agree, or nothing can be done from here.
        None => "none",
        /// Open the file in Git and compare it with what Intune has; nothing is uploaded.
        Verify => "verify",
        /// Upload the token file.
        Upload => "upload",
        /// Create the token in Intune.
        Create => "create",
        /// Change settings in Intune; no token file is uploaded.
        Configure => "configure",
        /// Something would be due but must not happen.
        Hold => "hold",
    }
}

crate::code_enum! {
    /// Worth knowing; holds nothing.
    Warning [Warning] {
        AppleIdDiffers = "apple-id-differs",
        CsrUnknown = "csr-unknown",
        UnrecordedUpload = "unrecorded-upload",
        SentAgain = "sent-again",
        InProgressElsewhere = "in-progress-elsewhere",
        Ambiguous = "ambiguous",
        FactsDiffer = "facts-differ",
        MovedOutsideGit = "moved-outside-git",
        EvidenceInferred = "evidence-inferred",
        RecordDisproved = "record-disproved",
        RecipientUnverifiable = "recipient-unverifiable",
        Canary = "canary",
        CanaryPending = "canary-pending",
        CanaryFailed = "canary-failed",
        RetryAfter = "retry-after",
        ClockSkew = "clock-skew",
        NotReviewed = "not-reviewed",
        GivesConsent = "gives-consent",
        MovedHere = "moved-here",
        LocationRenamed = "location-renamed",
    }
}

kebab_enum! {
    /// How much of a tenant was read.
    Observed {
        /// Every watched resource was read.
        Complete => "complete",
        /// At least one resource could not be read; see `problems`.
        Partial => "partial",
        /// No resource could be read; see `problems`.
        None => "none",
    }
}

kebab_enum! {
    /// Where Intune's state came from.
    Source {
        /// Read from Microsoft Graph by this run.
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
    /// Whether Intune equals Git.
    pub sync: Sync,
    /// How much time is left.
    pub expiry: Expiry,
    /// When it expires: as Intune says where known, else as it was last seen there, else as Git says.
    pub expires: Option<Timestamp>,
    /// Whether the credential works, as far as Intune tells.
    pub health: Health,
    /// Why it does not work, or why that is unknown; empty where it works.
    pub health_reasons: Vec<HealthReason>,
    /// Why a write is held, most dangerous first.
    pub reasons: Vec<Reason>,
    /// What is worth knowing about it; none of it holds the upload.
    pub warnings: Vec<Warning>,
    /// Sentences for a person: what would happen, and the way out.
    pub details: Vec<String>,
    /// Intune's facts; `null` when absent or unknown.
    pub live: Option<Facts>,
    /// Push: the topic that enrolled devices know, where Intune is known not to have it; left out
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices_know: Option<Box<KnownTopic>>,
    /// When an upload that failed is tried again; left out where none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Timestamp>,
    /// How many devices depend on it: those that came with an enrollment token, else every Apple device
    /// that Intune manages; left out where that is not known, and where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// When another hand changed it in Intune, although nothing that is compared differs; left out
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Timestamp>,
}

/// A token and what is due for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedToken {
    /// What Git and Intune have of it.
    #[serde(flatten)]
    pub state: TokenState,
    /// What `apply` does with it.
    pub action: Action,
    /// Holds that a reviewed `allow` line released.
    pub allows: Vec<Reason>,
    /// Every hour counts: device sync is down until this is uploaded.
    pub urgent: bool,
    // Boxed, as `after`: most tokens have no action.
    /// Facts in Intune before the action; `null` where the token is absent.
    pub before: Option<Box<Facts>>,
    /// Facts in Intune after the action; `null` without an action.
    pub after: Option<Box<Facts>>,
}

/// A tenant and its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTenant {
    /// The name of its folder under `tenants/`.
    pub name: String,
    /// The directory id; `null` when the folder is invalid and does not say.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub display_name: Option<String>,
    /// The base revision has no tenant with this directory id: credentials would go where none
    /// went before.
    #[serde(default)]
    pub new_destination: bool,
    /// Why the folder is another tenant's, where the base's history or the ledger says so: every upload
    /// would be held, also of tokens that are only watched so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_destination: Option<String>,
    /// The Git tree id of the folder.
    pub tree: Option<String>,
    /// How much was read.
    pub observed: Observed,
    /// What could not be read, and why.
    pub problems: Vec<Problem>,
    /// What the planned revision no longer does for tokens that its base watches or uploads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
    /// The base has other content for it, and the planned revision is only older: what `apply` would
    /// write from here is not in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated: Option<Outdated>,
    /// Its tokens, push first.
    pub tokens: Vec<PlannedToken>,
}

/// What an older revision does not know of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outdated {
    /// Files of the base that the planned revision lacks, and that no run has seen in Intune.
    pub files: Vec<WaitingFile>,
}

/// A reviewed file that waits for a run of a newer commit than the planned one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingFile {
    pub token: TokenRef,
    /// SHA-256 of the opened file.
    pub sha256: Sha256,
    /// When an enrollment token was downloaded, which ended the one in use.
    pub downloaded: Option<Timestamp>,
}

/// A token for which the planned revision does less than its base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawn {
    /// Which; without name and id it is every token of the kind.
    pub token: TokenRef,
    pub what: Withdrawal,
}

/// What a revision takes out of a tenant file. Nothing is removed in Intune.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// The kind is no longer in `watch`: nothing of it is read or told.
    Kind,
    /// The token's entry in the tenant file.
    Entry,
    /// The entry's file: a renewal that is not uploaded yet never will be.
    File,
}

/// A tenant with files that were sealed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResealedTenant {
    /// The name of its folder under `tenants/`.
    pub name: String,
    /// How many of its token files are other bytes than in the base, with the same `sha256` of the
    /// opened file.
    pub files: usize,
}

/// A tenant that the base revision has and the planned one does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedTenant {
    /// The name of its folder under `tenants/`.
    pub name: String,
    /// The directory id; `null` when the folder was invalid and did not say.
    pub tenant_id: Option<TenantId>,
    /// How many tokens its file names; `null` when that could not be read.
    pub tokens: Option<usize>,
}

/// A token file that others can open than those whom the fleet lists, or that not all of those can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedToOthers {
    /// The name of the tenant's folder under `tenants/`.
    pub name: String,
    /// The file's name in it.
    pub file: String,
    /// In what its recipients differ from `recipients` of the planned revision, in words, so far as
    /// the file shows it.
    pub differences: Vec<String>,
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
    /// All selected tenants, whatever is due for them.
    pub tenants: usize,
    /// Tokens whose file is uploaded.
    pub uploads: usize,
    /// Tokens that Intune does not have yet, and that are created.
    pub creates: usize,
    /// Tokens whose settings change.
    pub configures: usize,
    /// Tokens whose write is held; each says why.
    pub holds: usize,
    /// Files in Git that are opened and compared with Intune; nothing is uploaded.
    #[serde(default)]
    pub verifies: usize,
    /// Tenants of which something could not be read.
    pub unobserved: usize,
}

/// The plan as it would be after this merge, by the planned revision's own settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AfterMerge {
    /// SHA-256 of those settings, as `policySha256` is of the base's.
    pub policy_sha256: Sha256,
    /// Whether they sign in otherwise: as another application, with another proof, or to another
    /// cloud. Nobody has tried whether that works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signs_in_otherwise: bool,
    pub summary: Summary,
    /// The tokens of which something else would be done, or that would be held for other reasons.
    pub tokens: Vec<OtherwiseThen>,
}

/// Settings of the revision by which, after the merge, another record or other signers decide, and
/// what it permits to move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordChange {
    /// The settings, and the files of signers, that it changes.
    pub settings: Vec<String>,
    /// What it permits to go to another tenant, a phrase each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<String>,
    /// The tenants of which something is held, failing or unknown today.
    pub tenants: Vec<String>,
}

impl RecordChange {
    /// Whether the settings of the planned revision tell what will be done after the merge.
    pub fn is_foretold(&self) -> bool {
        self.settings.is_empty()
    }
}

/// A token of which the revision's own `expiry` would raise a lower alarm, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuieterThen {
    /// The name of the tenant's folder under `tenants/`.
    pub tenant: String,
    pub token: TokenRef,
    /// How much time is left by the base's limits.
    pub now: Expiry,
    /// The same after the merge.
    pub then: Expiry,
}

/// A token that is judged otherwise after the merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherwiseThen {
    /// The name of the tenant's folder under `tenants/`.
    pub tenant: String,
    pub token: TokenRef,
    pub action: Action,
    /// Why it would be held then.
    pub reasons: Vec<Reason>,
    /// Why it is held now, and would be no more: what the merge itself releases.
    pub released: Vec<Reason>,
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
    /// SHA-256 of the settings that writes are judged by, as they are meant: a comment, or a setting that
    /// only reports go by, changes nothing.
    pub policy_sha256: Sha256,
    /// Why `apply` would refuse the commit for its signature; `null` where it would not.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Whether the planned revision changes `applecart.yaml`; the plan is judged by the one before.
    #[serde(default)]
    pub policy_changed: bool,
    /// What would be done after the merge, by this revision's own settings; `null` where they judge
    /// writes as the base's do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_merge: Option<AfterMerge>,
    /// How it changes which record and whose signatures decide, and what may move; `null` where it
    /// does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_changed: Option<RecordChange>,
    /// The tokens of which its own `expiry` would raise a lower alarm, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quieter_then: Vec<QuieterThen>,
    /// What its own `notify` and `tickets` would no longer tell those who are told now, and of which
    /// tenants their own files let fewer be told, or others; one clause each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_less_then: Vec<String>,
    /// Why its own settings cannot be read, so that nothing would run after the merge; `null` where
    /// they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_invalid: Option<String>,
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
    /// Files of the selected tenants whose recipients are not those that the planned revision lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed_to_others: Vec<SealedToOthers>,
    /// Why it is unknown whether Apple revoked a push certificate; left out where that is known, or
    /// nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_unknown: Option<String>,
    /// Where Intune's state came from.
    pub source: Source,
    /// The terms of `--select`, and how many tenants they name.
    pub selection: SelectionReport,
    /// When Intune was read, by this machine's clock (UTC).
    pub generated_at: Timestamp,
    /// `sha256:` and the digest of all actions; what `--approve` names.
    pub digest: String,
    /// The tenants, by name.
    pub tenants: Vec<PlannedTenant>,
    /// Counts over all tenants of the plan.
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
        self.tokens().any(|(_, token)| token.action.is_change())
    }

    /// The same with uploads that wait to be tried again, which are due although the next run may
    /// send nothing, and without what a reviewed `suspend` parks: ten of those must not hide a new
    /// one in the exit code.
    pub fn has_open_changes(&self) -> bool {
        let is_parked = |token: &PlannedToken| token.state.reasons.contains(&Reason::Suspended);
        let is_open = |token: &PlannedToken| token.action.is_change() && !is_parked(token);
        self.tokens().any(|(_, token)| is_open(token)) || self.waiting().next().is_some()
    }

    /// When each upload that failed is tried again.
    pub fn waiting(&self) -> impl Iterator<Item = Timestamp> {
        self.tokens().filter_map(|(_, token)| token.state.retry_after)
    }
}

impl Action {
    /// Whether it writes to Intune.
    pub fn writes(self) -> bool {
        matches!(self, Self::Upload | Self::Create | Self::Configure)
    }

    /// Whether it writes to Intune, or would if nothing held it.
    pub fn is_change(self) -> bool {
        self.writes() || self == Self::Hold
    }
}
