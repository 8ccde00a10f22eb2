//! The fleet's settings (`applecart.yaml`), checked: what every tenant is judged by.

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

    /// The settings that say which record and whose signatures count, where `then` has others by
    /// which more may happen. What only asks for more is not among them.
    pub fn record_changes(&self, then: &Self) -> Vec<&'static str> {
        let (sign, sign_then) = (&self.signing, &then.signing);
        let (ledger, ledger_then) = (&self.ledger_signing, &then.ledger_signing);
        let dropped = |now: &Option<String>, then: &Option<String>| now.is_some() && now != then;
        // Where signatures are asked for, one more file of signers lets more people sign.
        let signers = |required: bool, now: &Option<String>, then: &Option<String>| {
            now != then && (required || now.is_some())
        };
        let is_new = |one: &Accepted| {
            let same =
                |it: &Accepted| (it.tenant, it.line, it.until) == (one.tenant, one.line, one.until);
            !self.accepted.iter().any(same)
        };
        let changes = [
            ("ledger.branch", self.ledger_branch != then.ledger_branch),
            ("ledger.notes", self.notes_branch != then.notes_branch),
            ("ledger.genesis", dropped(&self.genesis, &then.genesis)),
            ("ledger.notesGenesis", dropped(&self.notes_genesis, &then.notes_genesis)),
            ("ledger.accepted", then.accepted.iter().any(is_new)),
            ("ledger.requireSigned", ledger.required && !ledger_then.required),
            ("ledger.signers", signers(ledger.required, &ledger.signers, &ledger_then.signers)),
            (
                "ledger.unsignedUntil",
                ledger.required && ledger.unsigned_until != ledger_then.unsigned_until,
            ),
            ("requireSignedCommits", sign.required && !sign_then.required),
            ("signers", signers(sign.required, &sign.signers, &sign_then.signers)),
            ("openpgpKeys", signers(sign.required, &sign.openpgp_keys, &sign_then.openpgp_keys)),
            ("revokedSigners", dropped(&sign.revoked_signers, &sign_then.revoked_signers)),
        ];
        changes.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// What `then` would no longer tell, or later, one clause each: a sink that goes or is reached elsewhere, and
    /// one that is told of fewer codes or customers, or later.
    pub fn told_less(&self, then: &Self) -> Vec<String> {
        let mut less = Vec::new();
        for sink in &self.notify {
            let name = &sink.name;
            let Some(other) = then.notify.iter().find(|one| one.name == *name) else {
                less.push(format!("the sink `{name}` goes"));
                continue;
            };
            let SinkPolicy { name: _, receiver, codes, select, digest, remind } = sink;
            let changes = [
                (*receiver != other.receiver, "is reached elsewhere or otherwise"),
                (other.codes.lacks(codes), "is told of fewer codes"),
                (*select != other.select, "is told of other customers"),
                (*digest < other.digest, "is told later"),
                (*remind < other.remind, "is reminded later"),
            ];
            let told = changes.into_iter().filter(|(differs, _)| *differs);
            less.extend(told.map(|(_, what)| format!("the sink `{name}` {what}")));
        }
        if self.drift_within < then.drift_within {
            let [now, later] = [self.drift_within, then.drift_within].map(|it| it.num_minutes());
            less.push(format!("drift is told within {later} minutes instead of {now}"));
        }
        for (kind, now, later) in [
            (Kind::Enrollment, self.sync_stale.enrollment, then.sync_stale.enrollment),
            (Kind::Vpp, self.sync_stale.vpp, then.sync_stale.vpp),
        ] {
            if now < later {
                less.push(format!("a sync of {kind} tokens that stays out is told later"));
            }
        }
        if self.tickets.is_some() && self.tickets != then.tickets {
            less.push("tickets are opened elsewhere, otherwise or not at all".to_owned());
        }
        less
    }

    /// The names in applecart.yaml of the settings that are others in `then`.
    pub fn differing(&self, then: &Self) -> Vec<&'static str> {
        let ledger = |it: &Self| {
            let branches = (it.ledger_branch.clone(), it.notes_branch.clone());
            let begins = (it.genesis.clone(), it.notes_genesis.clone());
            (branches, begins, it.accepted.clone(), it.settle, it.ledger_signing.clone())
        };
        let changes = [
            ("auth", self.signs_in_otherwise(then)),
            ("recipients", self.recipients != then.recipients),
            ("expiry", (self.renew_before, self.critical) != (then.renew_before, then.critical)),
            ("drift", self.drift_within != then.drift_within),
            ("syncStale", self.sync_stale != then.sync_stale),
            (
                "safety",
                (self.max_share_percent, self.max_tenants)
                    != (then.max_share_percent, then.max_tenants),
            ),
            ("owners", self.owners != then.owners),
            ("ledger", ledger(self) != ledger(then)),
            ("moves", self.moves != then.moves),
            ("notify", self.notify != then.notify),
            ("tickets", self.tickets != then.tickets),
            ("audit", self.accepted_findings != then.accepted_findings),
            ("wire", self.wire != then.wire),
            ("checkWithApple", self.check_with_apple != then.check_with_apple),
            ("intuneMdmNames", self.intune_mdm_names != then.intune_mdm_names),
            ("requireSignedCommits", self.signing.required != then.signing.required),
            (
                "signers",
                Signing { required: false, ..self.signing.clone() }
                    != Signing { required: false, ..then.signing.clone() },
            ),
        ];
        changes.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Whether `then` signs in as another application, with another proof, or to another cloud.
    pub fn signs_in_otherwise(&self, then: &Self) -> bool {
        self.auth != then.auth || self.profiles != then.profiles
    }

    /// The `moves` lines that `then` has and these settings lack: what they permit, a later pull
    /// request may use without a hold.
    pub fn moves_added<'a>(&'a self, then: &'a Self) -> impl Iterator<Item = &'a Move> {
        let same = |one: &Move, other: &Move| {
            (&one.of, one.from, one.to, one.until) == (&other.of, other.from, other.to, other.until)
        };
        then.moves.iter().filter(move |one| !self.moves.iter().any(|known| same(one, known)))
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

    const FLEET: &str = include_str!(concat!(
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
    fn a_setting_by_which_another_record_counts_is_named_and_one_that_asks_for_more_is_not() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let changes = |before: &str, after: &str| load(before).record_changes(&load(after));
        let root = "0123456789abcdef0123456789abcdef01234567";
        let begun = FLEET.replacen(
            "settle: 45m",
            &format!("settle: 45m, genesis: {root}, notesGenesis: {root}"),
            1,
        );
        for (from, to, named) in [
            ("branch: applecart/ledger", "branch: applecart/record", "ledger.branch"),
            ("settle: 45m", "settle: 45m, notes: applecart/remarks", "ledger.notes"),
            (", genesis: 0123", ", genesis: 1123", "ledger.genesis"),
            (", notesGenesis: 0123", ", notesGenesis: 1123", "ledger.notesGenesis"),
            ("requireSigned: true", "requireSigned: false", "ledger.requireSigned"),
            (".applecart/ledger_signers", ".applecart/others", "ledger.signers"),
            ("unsignedUntil: 0123", "unsignedUntil: 1123", "ledger.unsignedUntil"),
            ("requireSignedCommits: true", "requireSignedCommits: false", "requireSignedCommits"),
            (".applecart/allowed_signers", ".applecart/more_signers", "signers"),
            (".applecart/keys.asc", ".applecart/more.asc", "openpgpKeys"),
            (".applecart/revoked_signers", ".applecart/gone", "revokedSigners"),
        ] {
            assert!(begun.contains(from), "{from}");
            assert!(changes(&begun, &begun.replacen(from, to, 1)).contains(&named), "{named}");
        }
        assert_eq!(changes(FLEET, &begun), [""; 0], "a record that is bound to its beginning");
        let unsigned =
            FLEET.replacen("requireSignedCommits: true", "requireSignedCommits: false", 1);
        assert_eq!(changes(&unsigned, FLEET), [""; 0], "signatures that are asked for");
        let mut accepting = load(FLEET);
        accepting.accepted.push(Accepted {
            tenant: "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap(),
            line: Sha256::of(b"line"),
            reason: "found".into(),
            by: "dana".into(),
            until: NaiveDate::MAX,
        });
        assert_eq!(load(FLEET).record_changes(&accepting), ["ledger.accepted"]);
    }

    #[test]
    fn a_sink_that_goes_or_is_told_less_is_named_and_one_that_is_told_more_is_not() {
        let with = |notify: &str| {
            let text = format!("{FLEET}{notify}");
            load_policy(Some(text.as_bytes())).0.unwrap()
        };
        let sink = |more: &str| {
            format!("notify:\n  - sink: hub\n    webhook: {{url: https://a.example/x}}\n{more}")
        };
        let now = with(&sink("    codes: [urgent, renewal-due]\n    select: [ring=prod]\n"));
        for (then, told) in [
            (String::new(), "the sink `hub` goes"),
            (
                sink("    codes: [urgent]\n    select: [ring=prod]\n"),
                "the sink `hub` is told of fewer codes",
            ),
            (
                sink("    codes: [urgent, renewal-due]\n    select: [ring=test]\n"),
                "the sink `hub` is told of other customers",
            ),
            (sink("    select: [ring=prod]\n    digest: weekly\n"), "the sink `hub` is told later"),
            (
                sink("    select: [ring=prod]\n    remind: 30d\n"),
                "the sink `hub` is reminded later",
            ),
            (
                sink("    select: [ring=prod]\n").replace("a.example", "b.example"),
                "the sink `hub` is reached elsewhere or otherwise",
            ),
        ] {
            assert_eq!(now.told_less(&with(&then)), [told], "{then}");
        }
        let more = format!(
            "{}  - sink: other\n    slack: {{host: a.example}}\n",
            sink("    codes: [all]\n    select: [ring=prod]\n    remind: 1d\n")
        );
        assert_eq!(now.told_less(&with(&more)), [""; 0]);
        assert_eq!(now.sha256, with("").sha256, "no reviewed plan ends with another sink");
        let (day, later) = (with(""), with("drift: {within: 36h}\n"));
        assert_eq!(day.told_less(&later), ["drift is told within 2160 minutes instead of 1440"]);
        assert_eq!(later.told_less(&day), [""; 0]);
    }

    #[test]
    fn settings_that_differ_are_named_as_they_stand_in_the_file_and_a_comment_is_no_difference() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let now = load(FLEET);
        for (from, to, name) in [
            ("clientId: 77aa", "clientId: 78aa", "auth"),
            ("renewBefore: 60d", "renewBefore: 61d", "expiry"),
            ("maxShare: 5%", "maxShare: 6%", "safety"),
            ("settle: 45m", "settle: 46m", "ledger"),
            ("kind: Fleet", "kind: Fleet\ndrift: {within: 6h}", "drift"),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert_eq!(now.differing(&load(&FLEET.replacen(from, to, 1))), [name], "{to}");
        }
        let comment = load(&FLEET.replacen("kind: Fleet", "kind: Fleet # a comment", 1));
        assert_eq!(now.differing(&comment), [""; 0]);
    }

    #[test]
    fn another_application_proof_or_cloud_signs_in_otherwise_and_nothing_else_does() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let now = load(FLEET);
        for (from, to) in [
            ("clientId: 2f6b1c9d", "clientId: 3f6b1c9d"),
            ("credential: client-secret", "credential: github"),
            ("cloud: public", "cloud: china"),
            ("clientId: 77aa", "clientId: 78aa"),
            ("credential: github", "credential: managed-identity"),
            ("cloud: usgov", "cloud: dod"),
            ("gcch:", "gov:"),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert!(now.signs_in_otherwise(&load(&FLEET.replacen(from, to, 1))), "{to}");
        }
        for (from, to) in [("maxShare: 5%", "maxShare: 6%"), ("settle: 45m", "settle: 46m")] {
            assert!(!now.signs_in_otherwise(&load(&FLEET.replacen(from, to, 1))), "{to}");
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
