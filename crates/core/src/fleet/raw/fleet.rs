//! `applecart.yaml` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::policy::{
    CheckWithApple, Cloud, CredentialKind, DepTokenWire, PushCertificateWire, VppTokenWire,
};
use super::{At, Loose, RawSink, RawTickets};

/// applecart.yaml: the settings of a fleet.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Fleet")]
pub struct RawFleet {
    /// The version of the file format: applecart/v1.
    #[schemars(required, extend("const" = "applecart/v1"))]
    pub api_version: Option<At<String>>,
    /// What the file describes: Fleet.
    #[schemars(required, extend("const" = "Fleet"))]
    pub kind: Option<At<String>>,
    /// How to sign in to Entra.
    #[schemars(required)]
    pub auth: Option<RawAuth>,
    /// Public keys that token files are sealed to: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.
    pub recipients: Option<Vec<At<String>>>,
    /// When a token counts as due and as critical.
    pub expiry: Option<RawExpiry>,
    /// How soon a change that somebody made in Intune is told.
    pub drift: Option<RawDrift>,
    /// How old the last sync with Apple may be before it is told (sync-stale).
    pub sync_stale: Option<RawSyncStale>,
    /// How much of the fleet one apply may write to without approval.
    pub safety: Option<RawSafety>,
    /// Which Apple Accounts are told as a risk.
    pub owners: Option<RawOwners>,
    /// Where the record of uploads lives.
    pub ledger: Option<RawLedger>,
    /// What may go to another tenant than before; the only way to let it.
    pub moves: Option<Vec<RawMove>>,
    /// Who is told what needs a person: `applecart notify` sends it. Secrets of sinks stand in the
    /// environment.
    pub notify: Option<Vec<RawSink>>,
    /// Which sink carries tickets, and whom they are for.
    pub tickets: Option<RawTickets>,
    /// What audits found and people looked into.
    pub audit: Option<RawAudit>,
    /// How token files are written into requests; change it only when the first upload of a kind
    /// was refused (canary-failed).
    pub wire: Option<RawWire>,
    /// Whether Apple is asked about a VPP token before it is uploaded: does it work, and of which
    /// location is it. Default: warn.
    pub check_with_apple: Option<CheckWithApple>,
    /// Parts of the names under which Intune claims a location at Apple; another name there is another
    /// MDM's. Default: [Intune, Microsoft].
    pub intune_mdm_names: Option<Vec<At<String>>>,
    /// Whether a commit must be signed by one of `signers` or `openpgpKeys` to be applied.
    /// Default: false.
    pub require_signed_commits: Option<At<bool>>,
    /// Who may sign with an SSH key: an allowed-signers file (see ssh-keygen, ALLOWED SIGNERS), as
    /// a path from the root of the repository.
    pub signers: Option<At<String>>,
    /// Who may sign with OpenPGP: a file with their public keys (`gpg --armor --export`), as a path
    /// from the root of the repository.
    pub openpgp_keys: Option<At<String>>,
    /// SSH keys that count no more, also for what they signed before: a file with public keys, or a
    /// key revocation list (see ssh-keygen, KEY REVOCATION LISTS), as a path from the root of the
    /// repository.
    pub revoked_signers: Option<At<String>>,
}

/// How to sign in to Entra.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Auth")]
pub struct RawAuth {
    /// The application (client) id, a GUID.
    #[schemars(required, extend("format" = "uuid"))]
    pub client_id: Option<At<String>>,
    /// The application that commands sign in as which only read (`plan`, `status`), a GUID. It needs
    /// read permissions only. Default: `clientId`.
    #[schemars(extend("format" = "uuid"))]
    pub reader_client_id: Option<At<String>>,
    /// What proves to be that application. The secret itself never stands in the repository.
    #[schemars(required)]
    pub credential: Option<CredentialKind>,
    /// Which of Microsoft's clouds the tenants are in. Default: public.
    pub cloud: Option<Cloud>,
    /// Other ways to sign in, by name; a tenant picks one with `auth`.
    pub profiles: Option<BTreeMap<String, At<RawProfile>>>,
}

/// Another way to sign in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct RawProfile {
    /// The application (client) id, a GUID.
    #[schemars(required, extend("format" = "uuid"))]
    pub client_id: Option<At<String>>,
    /// The application that commands sign in as which only read (`plan`, `status`), a GUID. It needs
    /// read permissions only. Default: `clientId`.
    #[schemars(extend("format" = "uuid"))]
    pub reader_client_id: Option<At<String>>,
    /// What proves to be that application.
    #[schemars(required)]
    pub credential: Option<CredentialKind>,
    /// Which of Microsoft's clouds the tenants are in. Default: public.
    pub cloud: Option<Cloud>,
}

/// When a token counts as due and as critical.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Expiry")]
pub struct RawExpiry {
    /// With less than this left, a token is due for renewal. Default: 45d; at least 7d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub renew_before: Option<At<String>>,
    /// With less than this left, a token is critical. Default: 14d; at least 1d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub critical: Option<At<String>>,
}

/// How soon a change that somebody made in Intune is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Drift")]
pub struct RawDrift {
    /// A tenant that was last read longer ago is told (reading-stale). Default: 24h; at least 1h, at
    /// most 7d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub within: Option<At<String>>,
}

/// How old the last sync with Apple may be before it is told (sync-stale).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SyncStale")]
pub struct RawSyncStale {
    /// Of an enrollment token, which Intune syncs every 12 hours. Default: 3d; at least 1d, at most 30d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub enrollment: Option<At<String>>,
    /// Of a VPP token, which Intune syncs every day. Default: 3d; at least 1d, at most 30d.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub vpp: Option<At<String>>,
}

/// How much of the fleet one apply may write to without approval.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Safety")]
pub struct RawSafety {
    /// The largest share of all tenants, such as 30%. Default: 30%.
    #[schemars(regex(pattern = r"^[0-9]{1,3}%$"))]
    pub max_share: Option<At<String>>,
    /// The largest number of tenants. Default: 50.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_tenants: Option<At<u64>>,
}

/// Which Apple Accounts are told as a risk (owner-risk): a token stops working when the account that
/// downloaded it changes its password or goes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Owners")]
pub struct RawOwners {
    /// Accounts that were looked into and are right, and mail domains that are right for every
    /// tenant, such as your own.
    pub accepted: Option<Vec<At<String>>>,
    /// Credentials of so many tenants may depend on one account. Default: 5.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_tenants: Option<At<u64>>,
}

/// Where the record of uploads lives.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Ledger")]
pub struct RawLedger {
    /// The branch, without refs/heads/. Default: applecart/ledger.
    pub branch: Option<At<String>>,
    /// The branch of what people record (opened renewals, confirmations), without refs/heads/.
    /// Default: applecart/notes.
    pub notes: Option<At<String>>,
    /// The ledger's first commit, as 40 hexadecimal digits (64 in a SHA-256 repository); written by
    /// `applecart init` or `applecart ledger create`. With it, a ledger that cannot be found is
    /// lost, never empty.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub genesis: Option<At<String>>,
    /// The first commit of the notes, as 40 hexadecimal digits (64 in a SHA-256 repository); written
    /// by `applecart init` or `applecart ledger create`. With it, notes that cannot be found are
    /// lost, never empty.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub notes_genesis: Option<At<String>>,
    /// How long an upload may take until Intune shows it. Default: 30m.
    #[schemars(regex(pattern = r"^[0-9]+[smhdw]$"))]
    pub settle: Option<At<String>>,
    /// Whether its commits must be signed with an SSH key; runs that write then need
    /// APPLECART_LEDGER_SIGNING_KEY. Default: false.
    pub require_signed: Option<At<bool>>,
    /// Who may sign them: an allowed-signers file, as a path from the root of the repository.
    /// Default: the fleet's `signers`, who may then sign both.
    pub signers: Option<At<String>>,
    /// The last ledger commit from before commits were signed, as 40 hexadecimal digits: it and
    /// what is before it needs no signature.
    #[schemars(regex(pattern = r"^[0-9a-f]{40}$"))]
    pub unsigned_until: Option<At<String>>,
    /// Losses of the ledger that were looked into and are accepted; `applecart ledger verify` prints
    /// the entry to paste.
    pub accepted: Option<Vec<RawAccepted>>,
}

/// A loss in one tenant's file of the ledger that was looked into: the tenant is known again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Accepted")]
pub struct RawAccepted {
    /// The directory (tenant) id in Entra, which names the file in the ledger.
    #[schemars(required, extend("format" = "uuid"))]
    pub tenant: Option<At<String>>,
    /// SHA-256 of the last line that the file had before the loss, or, of a commit without a valid
    /// signature, after it.
    #[schemars(required, with = "Loose")]
    pub line: Option<At<String>>,
    /// What was found out.
    #[schemars(required, length(min = 1))]
    pub reason: Option<At<String>>,
    /// Who looked into it.
    #[schemars(required, length(min = 1))]
    pub by: Option<At<String>>,
    /// The last day on which it counts (UTC).
    #[schemars(required, extend("format" = "date"))]
    pub until: Option<At<String>>,
}

/// What audits found and people looked into.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AuditSettings")]
pub struct RawAudit {
    /// Findings that are agreed to: they are shown and counted, and fail nothing. `applecart audit`
    /// prints the entry to paste.
    pub accepted: Option<Vec<RawAcceptedFinding>>,
}

/// A finding of an audit that was looked into, with its `commit` or its `object`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AcceptedFinding")]
pub struct RawAcceptedFinding {
    /// The finding's code, such as commit-not-on-branch.
    #[schemars(required, length(min = 1))]
    pub finding: Option<At<String>>,
    /// The commit that the finding names, as 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub commit: Option<At<String>>,
    /// The object (blob or folder) that the finding names, as 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub object: Option<At<String>>,
    /// What was found out.
    #[schemars(required, length(min = 1))]
    pub reason: Option<At<String>>,
    /// Who looked into it.
    #[schemars(required, length(min = 1))]
    pub by: Option<At<String>>,
    /// The last day on which it counts (UTC).
    #[schemars(required, extend("format" = "date"))]
    pub until: Option<At<String>>,
}

/// A folder, push topic or VPP token file that may go to another tenant than before.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Move")]
pub struct RawMove {
    /// What moves: `folder:NAME`, `topic:TOPIC`, or of VPP tokens `location:ID` and `sha256:DIGEST` of the
    /// opened file.
    /// A push certificate and an enrollment token need a new file instead.
    #[schemars(required, regex(pattern = r"^(folder|topic|location|sha256):.+$"))]
    pub of: Option<At<String>>,
    /// The tenant id it was bound to.
    #[schemars(required, extend("format" = "uuid"))]
    pub from: Option<At<String>>,
    /// The tenant id it may go to.
    #[schemars(required, extend("format" = "uuid"))]
    pub to: Option<At<String>>,
    /// Why the move is right, for reviewers and later readers.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// The last day on which the move may be merged (UTC). What moved by then has moved: the line
    /// stays for as long as it is there.
    #[schemars(required, extend("format" = "date"))]
    pub until: Option<At<String>>,
}

/// How token files are written into requests.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Wire")]
pub struct RawWire {
    /// `depToken` of an enrollment upload. Default: base64.
    pub dep_token: Option<DepTokenWire>,
    /// `token` of a VPP upload. Default: text.
    pub vpp_token: Option<VppTokenWire>,
    /// `certificate` of a push upload. Default: pem.
    pub push_certificate: Option<PushCertificateWire>,
}
