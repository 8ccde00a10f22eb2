//! Why a use case could not do its work, as data. `cli` turns it into exit codes and next steps.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::acknowledge::AcknowledgeError;
use super::ci::CiError;
use super::download::DownloadError;
use super::entra::EntraError;
use super::files::PlanFileError;
use super::import::ImportError;
use super::init::InitError;
use super::ledger::CreateError;
use super::notify::NotifyError;
use super::onboard::OnboardError;
use super::renew::RenewError;
use super::ticket::TicketError;
use applecart_core::fleet::{Desired, Diagnostic};
use applecart_core::model::{Timestamp, nearest};
use applecart_core::plan::{Refusal, Selection, SelectionError, Stale};
use applecart_core::report::{NoSuchAccount, plural};
use applecart_io::git::{BaseError, GitError, Signature, SignersError, SigningKey};
use applecart_io::intune::{ConnectorError, EndpointError, SignInError, SnapshotError};
use applecart_io::outlets::SinkError;
use applecart_io::store::{LedgerError, LockError, SavedError};
use applecart_io::vault::{IdentitiesError, OpenError, SealError};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Somebody was asked before the first write, and did not say yes.
    #[error("nothing was uploaded: the plan was not confirmed")]
    NotConfirmed,
    #[error("the async runtime could not start")]
    Runtime(#[source] std::io::Error),
    #[error("the result could not be written")]
    Output(#[source] std::io::Error),
    #[error("could not {doing} {}", path.display())]
    File { path: PathBuf, doing: &'static str, source: std::io::Error },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Base(Box<BaseError>),
    #[error("the fleet is invalid")]
    InvalidFleet(Vec<Diagnostic>),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error("no tenant matches {}", .select.iter().map(|one| format!("--select {one}")).collect::<Vec<_>>().join(" "))]
    NothingSelected {
        /// The expressions that select nothing, as they were given.
        select: Vec<String>,
        /// The name of a tenant that was probably meant.
        near: Option<String>,
    },
    #[error("there is no code {code:?}")]
    UnknownCode { code: String },
    #[error("APPLECART_CREDENTIAL={0:?} is not a supported credential")]
    Credential(String),
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the snapshot {} cannot be used", path.display())]
    Snapshot { path: PathBuf, source: SnapshotError },
    #[error("the sealed file {} could not be opened", path.display())]
    Sealed { path: PathBuf, source: OpenError },
    #[error("--snapshot holds one tenant, but {selected} are selected")]
    SnapshotSelection { selected: usize },
    #[error(transparent)]
    Identities(#[from] IdentitiesError),
    #[error(
        "Nothing was uploaded: {} must be opened for it, and no private key (age identity) is available{}",
        plural(*.files, "sealed file"),
        usual.as_ref().map(|path| format!(": nothing names one, and there is no {}", path.display())).unwrap_or_default()
    )]
    NoIdentities {
        files: usize,
        /// Where SOPS looks for a key file that nothing names.
        usual: Option<PathBuf>,
    },
    #[error(
        "Nothing was uploaded: {} of the selected tenants, which are encrypted to other recipients",
        opens_none(*.identities, *.files)
    )]
    WrongIdentities { identities: usize, files: usize },
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Ledger(#[from] Arc<LedgerError>),
    /// Messages left, and the notes do not say so.
    #[error(
        "{} sent, but that could not be recorded: the next run sends the same again, with the same idempotency key",
        plural(*.sent, "message")
    )]
    Unrecorded { sent: usize, source: Arc<LedgerError> },
    #[error(transparent)]
    NoSuchAccount(#[from] NoSuchAccount),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Ticket(#[from] TicketError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Saved(#[from] SavedError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("commit {commit} {signature}, and applecart.yaml asks for signed commits")]
    Signature { commit: String, policy_rev: String, signature: Box<Signature> },
    #[error(transparent)]
    Signers(#[from] SignersError),
    #[error(
        "Nothing was uploaded: the remote {remote} has no ledger branch {branch}, and applecart.yaml does not name the ledger's first commit (`ledger.genesis`), so nothing tells whether the ledger is new or was deleted"
    )]
    NoLedger { branch: String, remote: String },
    #[error(transparent)]
    CreateLedger(#[from] CreateError),
    #[error(
        "Nothing was uploaded: applecart.yaml asks for a signed ledger, and the key to sign it with is missing"
    )]
    NoLedgerKey { signers: String },
    #[error(
        "Nothing was uploaded: the key of {} cannot sign the ledger: what it signs {signature}",
        SigningKey::VARIABLE
    )]
    LedgerKey { signers: String, signature: Box<Signature> },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the plan file {} cannot be used: {why}", path.display())]
    PlanFile { path: PathBuf, why: PlanFileError },
    #[error("the plan is stale: {0}")]
    StalePlan(Box<Stale>),
    #[error(
        "--now only works against a simulator or proxy on this machine (APPLECART_GRAPH_URL on loopback)"
    )]
    FrozenApply,
    #[error(
        "--now asks about another day, and people are told by this one. Nothing was sent or recorded"
    )]
    FrozenTelling,
    /// What it recorded would count for nothing, and another machine would tell it again.
    #[error(
        "{}. Nobody was told, because times in the notes would be wrong, and everybody would be told again. Set the clock, then run again",
        applecart_core::plan::clock_told(*.seconds)
    )]
    ClockOff { seconds: i64 },
    #[error("the result could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[cfg(feature = "controller")]
    #[error(transparent)]
    Serve(#[from] super::serve::ServeError),
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulator(#[from] applecart_simulator::SimulatorError),
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulate(#[from] applecart_simulator::SimulateError),
    #[cfg(feature = "simulator")]
    #[error("the demo did not end as told")]
    Demo(#[from] super::demo::DemoError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Onboard(#[from] OnboardError),
    #[error(transparent)]
    Entra(#[from] EntraError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Renew(Box<RenewError>),
    #[error("--remove-download needs a FILE; standard input cannot be deleted")]
    StandardInput,
    #[error("--select goes with --due and --batch; a token is named by itself")]
    TokenAndSelection,
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Ci(#[from] CiError),
    #[error("{option} {text}: not a length of time such as 45d, 12h or 30m")]
    Duration { option: &'static str, text: String },
    #[error("{0} is not a day such as 2027-03-03, or an instant such as 2027-03-03T14:00:00Z")]
    Instant(String),
    /// A period that ends before it begins.
    #[error("--since {since} is later than --until {until}: nothing can have happened between")]
    Period { since: Timestamp, until: Timestamp },
    #[error("neither Git's history nor the ledger has {what}")]
    NoHistory {
        /// A token or a tenant, in words.
        what: String,
        /// The name of a tenant that was probably meant.
        near: Option<String>,
    },
    #[error("nothing was recorded")]
    Acknowledge(#[from] AcknowledgeError),
    #[error("--apple-ids is a table of the fleet, which SARIF has no place for")]
    AuditFormat,
}

impl AppError {
    /// Refuses a selection of which an expression selects no tenant, with the nearest of the
    /// fleet's names.
    pub fn check_selection(selection: &Selection, fleet: &[Desired]) -> Result<(), Self> {
        let select: Vec<String> =
            selection.unmatched(fleet).into_iter().map(str::to_owned).collect();
        if select.is_empty() {
            return Ok(());
        }
        let terms = select.iter().flat_map(|one| one.split(',')).map(str::trim);
        let near = terms
            .filter_map(|term| match term.split_once('=') {
                None => Some(term),
                Some((key, name)) => matches!(key, "name" | "tenant").then_some(name),
            })
            .find_map(|name| nearest(name, fleet.iter().map(Desired::name)))
            .map(str::to_owned);
        Err(Self::NothingSelected { select, near })
    }
}

impl AppError {
    /// What became of a file when this was done to it.
    pub(crate) fn file(path: &Path, doing: &'static str) -> impl Fn(std::io::Error) -> Self + Copy {
        move |source| Self::File { path: path.to_owned(), doing, source }
    }
}

impl From<LedgerError> for AppError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
    }
}

impl From<RenewError> for AppError {
    fn from(error: RenewError) -> Self {
        Self::Renew(Box::new(error))
    }
}

impl From<BaseError> for AppError {
    fn from(error: BaseError) -> Self {
        Self::Base(Box::new(error))
    }
}

impl From<Stale> for AppError {
    fn from(error: Stale) -> Self {
        Self::StalePlan(Box::new(error))
    }
}

fn opens_none(identities: usize, files: usize) -> String {
    let keys = match identities {
        1 => "the available private key does not open".to_owned(),
        _ => format!("none of the {identities} available private keys opens"),
    };
    match files {
        1 => format!("{keys} the sealed file"),
        _ => format!("{keys} any of the {files} sealed files"),
    }
}
