//! The fleet's settings (`applecart.yaml`), checked: what every tenant is judged by.

mod changes;

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};

use super::notify::{SinkPolicy, TicketPolicy};
use super::owned::Owned;
use crate::model::{Kind, Record, Sha256, TenantId};
use crate::words::kebab_enum;

/// The ledger's branch where applecart.yaml names none.
pub const LEDGER_BRANCH: &str = "applecart/ledger";
/// The notes' branch where applecart.yaml names none.
pub const NOTES_BRANCH: &str = "applecart/notes";

/// Under which names Intune claims a location at Apple, in lower case. No public source has the whole
/// name, so a part is looked for.
pub const INTUNE_MDM_NAMES: [&str; 2] = ["intune", "microsoft"];

/// How old the last sync of a token with Apple may be before that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncStale {
    pub enrollment: Duration,
    pub vpp: Duration,
}

/// Intune syncs enrollment tokens every 12 hours and VPP tokens every day by itself, so three days are
/// at least two missed turns.
impl Default for SyncStale {
    fn default() -> Self {
        Self { enrollment: Duration::days(3), vpp: Duration::days(3) }
    }
}

/// The checked settings of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How to sign in where a tenant names no profile.
    pub auth: Auth,
    /// Other ways to sign in, by the name a tenant uses for them.
    pub profiles: BTreeMap<String, Auth>,
    /// Public keys that token files are sealed to (age and SSH).
    pub recipients: Vec<String>,
    /// A token with less than this left is `renewal-due`.
    pub renew_before: Duration,
    /// A token with less than this left is `critical`.
    pub critical: Duration,
    /// How old the reading of a tenant may be before that is told.
    pub drift_within: Duration,
    /// How old the last sync with Apple may be.
    pub sync_stale: SyncStale,
    /// The largest share of the fleet, in percent, that one apply may write to.
    pub max_share_percent: u32,
    /// The largest number of tenants that one apply may write to.
    pub max_tenants: u32,
    /// Which Apple Accounts are told as a risk.
    pub owners: Owners,
    /// The ledger's branch, without `refs/heads/`.
    pub ledger_branch: String,
    /// The branch of what people record, without `refs/heads/`.
    pub notes_branch: String,
    /// The whole name of the ledger's first commit; `None` in a fleet from before there was one.
    pub genesis: Option<String>,
    /// The whole name of the first commit of the notes; `None` in a fleet whose notes were begun by
    /// the first renewal.
    pub notes_genesis: Option<String>,
    /// Losses of the ledger that were looked into.
    pub accepted: Vec<Accepted>,
    /// Findings of audits that were looked into.
    pub accepted_findings: Vec<AcceptedFinding>,
    /// How long Intune may take to show an upload.
    pub settle: Duration,
    /// What may go to another tenant than before.
    pub moves: Vec<Move>,
    /// How token files are written into requests, where public evidence leaves it open.
    pub wire: Wire,
    /// Whether Apple is asked about a VPP token before that is uploaded.
    pub check_with_apple: CheckWithApple,
    /// Parts of the names under which Intune claims a location at Apple, in lower case.
    pub intune_mdm_names: Vec<String>,
    /// Whether and by whom an applied commit must be signed.
    pub signing: Signing,
    /// Whether and by whom the ledger's commits must be signed.
    pub ledger_signing: LedgerSigning,
    /// Who is told what needs a person.
    pub notify: Vec<SinkPolicy>,
    /// Which sink carries tickets; `None` where none are opened.
    pub tickets: Option<TicketPolicy>,
    /// SHA-256 of what writes are judged by, as it is meant.
    pub sha256: Sha256,
}

/// Which Apple Accounts are told as a risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// Accounts and mail domains that are right, in lower case.
    pub accepted: Vec<String>,
    /// Credentials of so many tenants may depend on one account.
    pub max_tenants: u32,
}

impl Default for Owners {
    fn default() -> Self {
        Self { accepted: Vec::new(), max_tenants: 5 }
    }
}

/// Whether and by whom a commit must be signed to be applied. All paths lead from the root of the
/// repository, and are read from the policy revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    /// Whether an unsigned commit is refused; then `signers` or `openpgp_keys` is present.
    pub required: bool,
    pub signers: Option<String>,
    /// The file with OpenPGP public keys.
    pub openpgp_keys: Option<String>,
    /// The file with SSH keys that count no more.
    pub revoked_signers: Option<String>,
}

/// A loss in one tenant's file of the ledger that was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub tenant: TenantId,
    /// The hash of the line that names the loss.
    pub line: Sha256,
    pub reason: String,
    pub by: String,
    /// The last day on which it counts.
    pub until: NaiveDate,
}

impl Policy {
    /// Whether somebody has looked into this line of a tenant's ledger, and it still counts today.
    pub fn accepts(&self, tenant: TenantId, line: &Record, today: NaiveDate) -> bool {
        let mut accepted = self
            .accepted
            .iter()
            .filter(|one| one.tenant == tenant && today <= one.until)
            .peekable();
        // Most tenants have none, and the hash of a line takes its time.
        accepted.peek().is_some()
            && line.line_sha256().is_some_and(|line| accepted.any(|one| one.line == line))
    }
}

/// A finding of an audit that was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedFinding {
    pub finding: String,
    /// The whole name of the commit or object that it names.
    pub of: String,
    pub reason: String,
    pub by: String,
    /// The last day on which it counts.
    pub until: NaiveDate,
}

/// Whether and by whom the ledger's commits must be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerSigning {
    /// Whether an unsigned commit is a fault.
    pub required: bool,
    /// The ledger's own allowed-signers file; without it, the fleet's.
    pub signers: Option<String>,
    /// The last commit that needs no signature, nor do its ancestors; 40 hexadecimal digits.
    pub unsigned_until: Option<String>,
}

impl Policy {
    /// One digest of everything that writes are judged by: sign-in, recipients, safety, signers, the
    /// ledger, moves, encodings and what Apple is asked. A comment, another order, a reason in other words, and what only
    /// reports go by make no reviewed plan stale and end no run.
    pub(super) fn meaning(&self) -> Sha256 {
        let auth = |name: Option<&str>, auth: &Auth| {
            let Auth { client_id, reader_client_id, credential, cloud } = auth;
            format!("auth {name:?} {client_id:?} {reader_client_id:?} {credential:?} {cloud:?}")
        };
        let mut lines = vec![auth(None, &self.auth)];
        lines.extend(self.profiles.iter().map(|(name, one)| auth(Some(name), one)));
        lines.extend(self.recipients.iter().map(|one| format!("recipient {one:?}")));
        lines.push(format!("safety {} {}", self.max_share_percent, self.max_tenants));
        let (ledger, notes) = (&self.ledger_branch, &self.notes_branch);
        let begins = (&self.genesis, &self.notes_genesis);
        let settle = self.settle.num_seconds();
        lines.push(format!("ledger {ledger:?} {notes:?} {begins:?} {settle}"));
        lines.extend(
            self.accepted
                .iter()
                .map(|one| format!("accepted {} {} {}", one.tenant, one.line, one.until)),
        );
        lines.extend(
            self.moves
                .iter()
                .map(|one| format!("move {:?} {} {} {}", one.of, one.from, one.to, one.until)),
        );
        let Wire { dep_token, vpp_token, push_certificate } = &self.wire;
        lines.push(format!("wire {dep_token:?} {vpp_token:?} {push_certificate:?}"));
        lines.push(format!("apple {:?} {:?}", self.check_with_apple, self.intune_mdm_names));
        lines.push(format!("{:?} {:?}", self.signing, self.ledger_signing));
        // In which order they stand decides nothing.
        lines.sort_unstable();
        Sha256::of(lines.join("\n").as_bytes())
    }

    /// The files of the repository that say whose signatures count.
    pub fn signer_files(&self) -> impl Iterator<Item = &str> {
        let Signing { signers, openpgp_keys, revoked_signers, .. } = &self.signing;
        let files = [signers, openpgp_keys, revoked_signers, &self.ledger_signing.signers];
        files.into_iter().flatten().map(String::as_str)
    }

    /// The same settings for a command that only reads: it signs in as the application that may do
    /// no more, where there is one.
    #[must_use]
    pub fn for_reading(mut self) -> Self {
        for auth in self.profiles.values_mut().chain([&mut self.auth]) {
            if let Some(reader) = auth.reader_client_id.take() {
                auth.client_id = reader;
            }
        }
        self
    }

    /// The same settings with another proof of who is asking, for every profile: a person's own
    /// where the fleet's is a pipeline's.
    #[must_use]
    pub fn with_credential(mut self, credential: CredentialKind) -> Self {
        for auth in self.profiles.values_mut().chain([&mut self.auth]) {
            auth.credential = credential;
        }
        self
    }

    /// The sign-in of a tenant; `None` when it names a profile that does not exist.
    pub fn auth_of(&self, profile: Option<&str>) -> Option<&Auth> {
        match profile {
            None => Some(&self.auth),
            Some(name) => self.profiles.get(name),
        }
    }

    /// The files that say who may sign the ledger's commits: SSH keys only.
    pub fn ledger_signers(&self) -> Signing {
        Signing {
            required: self.ledger_signing.required,
            signers: self.ledger_signing.signers.clone().or_else(|| self.signing.signers.clone()),
            openpgp_keys: None,
            revoked_signers: self.signing.revoked_signers.clone(),
        }
    }

    /// After this long, a sending that is not shown counts as not landed. A push upload shows
    /// at once (the 200 already carries the new facts), so it does not settle.
    pub fn settle_of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Push => Duration::zero(),
            Kind::Enrollment | Kind::Vpp => self.settle,
        }
    }
}

/// How to sign in to Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The application (client) id.
    pub client_id: String,
    /// The application for commands that only read, where it is another one.
    pub reader_client_id: Option<String>,
    /// What proves to be that application.
    pub credential: CredentialKind,
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
}

impl Auth {
    /// Whether the application is still the one that a new fleet begins with: none.
    pub fn is_placeholder(&self) -> bool {
        is_placeholder(&self.client_id)
    }
}

/// Whether a client id is the GUID of nothing but zeros.
pub(super) fn is_placeholder(client_id: &str) -> bool {
    client_id.len() == 36 && client_id.bytes().all(|c| matches!(c, b'0' | b'-'))
}

kebab_enum! {
    /// What proves to be the application.
    CredentialKind {
        /// A client secret, in AZURE_CLIENT_SECRET.
        ClientSecret => "client-secret",
        /// A certificate and its key.
        ClientCertificate => "client-certificate",
        /// A federated token in a file (AKS).
        WorkloadIdentity => "workload-identity",
        /// GitHub Actions' OIDC token.
        Github => "github",
        /// Azure Pipelines' OIDC token.
        AzurePipelines => "azure-pipelines",
        /// The machine's managed identity.
        ManagedIdentity => "managed-identity",
        /// The signed-in Azure CLI.
        AzureCli => "azure-cli",
        /// A person who enters a code in a browser anywhere.
        DeviceCode => "device-code",
        /// A person who signs in with a browser on this machine.
        Browser => "browser",
    }
}

impl CredentialKind {
    /// Whether a person signs in, who has to be there.
    pub fn is_person(self) -> bool {
        matches!(self, Self::DeviceCode | Self::Browser)
    }
}

kebab_enum! {
    /// One of Microsoft's clouds; tokens do not cross them.
    #[derive(Default)]
    Cloud {
        /// The worldwide cloud, which US Government GCC uses too.
        #[default]
        Public => "public",
        /// US Government L4 (GCC High).
        Usgov => "usgov",
        /// US Government L5 (DoD).
        Dod => "dod",
        /// China, operated by 21Vianet.
        China => "china",
    }
}

/// A token file that may go to another tenant than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The folder, push topic or VPP token file that may move.
    pub of: Owned,
    /// The tenant it belonged to.
    pub from: TenantId,
    /// The tenant it may go to.
    pub to: TenantId,
    pub reason: String,
    /// The last day (UTC) on which the move may be merged. What moved by then has moved.
    pub until: NaiveDate,
}

/// How token files are written into requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// How a `.p7m` is written into `depToken` of Graph's `uploadDepToken`.
    pub dep_token: DepTokenWire,
    /// How a `.vpptoken` is written into `token` of Graph's `vppToken`.
    pub vpp_token: VppTokenWire,
    /// `certificate` of the push certificate.
    pub push_certificate: PushCertificateWire,
}

kebab_enum! {
    /// Whether Apple is asked about a VPP token before it is uploaded: does it work, and whose is it.
    #[derive(Default)]
    CheckWithApple {
        /// Nobody asks.
        Off => "off",
        /// It is asked; where it gives no answer, that is told and holds nothing.
        #[default]
        Warn => "warn",
        /// It is asked; where it gives no answer, nothing is uploaded.
        Require => "require",
    }
}

kebab_enum! {
    /// How a `.p7m` is written into `depToken`.
    #[derive(Default)]
    DepTokenWire {
        /// Base64 of the file's bytes.
        #[default]
        Base64 => "base64",
        /// The file's text goes into the JSON string as it is.
        Text => "text",
    }
}

kebab_enum! {
    /// How a `.vpptoken` is written into `token`.
    #[derive(Default)]
    VppTokenWire {
        /// The file's text, trimmed.
        #[default]
        Text => "text",
        /// Base64 of the file's text.
        Base64 => "base64",
    }
}

kebab_enum! {
    /// How a push certificate is written into `certificate`.
    #[derive(Default)]
    PushCertificateWire {
        /// PEM text, as the Intune portal sends it.
        #[default]
        Pem => "pem",
        /// Base64 of the DER bytes, without armour.
        Base64Der => "base64-der",
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_policy;
    use super::*;

    pub(super) const FLEET: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/valid/fleet-whole.yaml"
    ));

    fn sha256(text: &str) -> Sha256 {
        let (policy, mistakes) = load_policy(Some(text.as_bytes()));
        policy.unwrap_or_else(|| panic!("{mistakes:?}")).sha256
    }

    #[test]
    fn every_setting_that_writes_are_judged_by_is_in_the_digest() {
        for (from, to) in [
            ("clientId: 2f6b1c9d", "clientId: 3f6b1c9d"),
            ("cloud: usgov", "cloud: dod"),
            (
                "  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG break-glass\n",
                "",
            ),
            ("maxShare: 5%", "maxShare: 6%"),
            ("maxTenants: 500", "maxTenants: 501"),
            ("settle: 45m", "settle: 46m"),
            ("branch: applecart/ledger", "branch: applecart/record"),
            ("settle: 45m", "settle: 45m, notes: applecart/remarks"),
            ("settle: 45m", "settle: 45m, genesis: 0123456789abcdef0123456789abcdef01234567"),
            ("settle: 45m", "settle: 45m, notesGenesis: 0123456789abcdef0123456789abcdef01234567"),
            ("requireSigned: true", "requireSigned: false"),
            (".applecart/ledger_signers", ".applecart/others"),
            ("unsignedUntil: 0123", "unsignedUntil: 1123"),
            ("until: 2027-01-31", "until: 2027-02-01"),
            ("depToken: text", "depToken: base64"),
            ("vppToken: base64", "vppToken: text"),
            ("pushCertificate: base64-der", "pushCertificate: pem"),
            ("requireSignedCommits: true", "requireSignedCommits: false"),
            (".applecart/allowed_signers", ".applecart/more_signers"),
            (".applecart/keys.asc", ".applecart/more.asc"),
            (".applecart/revoked_signers", ".applecart/gone"),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert_ne!(sha256(&FLEET.replacen(from, to, 1)), sha256(FLEET), "{from}");
        }
    }

    #[test]
    fn words_order_and_what_only_reports_go_by_are_not() {
        for (from, to) in [
            ("kind: Fleet", "kind: Fleet # a comment"),
            ("renewBefore: 60d", "renewBefore: 61d"),
            ("critical: 2w", "critical: 14d"),
            ("kind: Fleet", "kind: Fleet\ndrift: {within: 6h}"),
            ("reason: merger", "reason: 'a merger, as agreed'"),
            (
                "requireSignedCommits: true",
                "audit: {accepted: [{finding: plain-token, object: 0123456789abcdef0123456789abcdef01234567, reason: a test, by: dana, until: 2027-01-01}]}\nrequireSignedCommits: true",
            ),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert_eq!(sha256(&FLEET.replacen(from, to, 1)), sha256(FLEET), "{to}");
        }
        let recipients: Vec<&str> = FLEET
            .lines()
            .filter(|line| line.starts_with("  - a") || line.starts_with("  - s"))
            .collect();
        let [first, second] = recipients.as_slice() else { panic!("{recipients:?}") };
        let turned = FLEET.replace(&format!("{first}\n{second}"), &format!("{second}\n{first}"));
        assert_ne!(turned, FLEET);
        assert_eq!(sha256(&turned), sha256(FLEET));
    }
}
