//! Why a use case could not do its work, as data. `cli` turns it into exit codes and next steps.

use std::path::PathBuf;
use std::sync::Arc;

use super::session::Unknown;
use applecart_core::fleet::{Diagnostic, EditError};
use applecart_core::model::{Problem, TenantId, Timestamp};
use applecart_core::plan::{Refusal, SelectionError, Stale};
use applecart_core::report::plural;
use applecart_io::git::{BaseError, GitError, Signature, SignersError, SigningKey, ToolError};
use applecart_io::intune::{ConnectorError, EndpointError, SnapshotError};
use applecart_io::store::{LedgerError, LockError, SavedError};
use applecart_io::vault::{IdentitiesError, OpenError, SealError};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
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
    #[error("no tenant matches the selection")]
    NothingSelected,
    #[error("there is no code {code:?}")]
    UnknownCode { code: String },
    #[error("APPLECART_CREDENTIAL={0:?} is no way to sign in")]
    Credential(String),
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the snapshot {} cannot be used", path.display())]
    Snapshot { path: PathBuf, source: SnapshotError },
    #[error("the sealed file {} could not be opened", path.display())]
    Sealed { path: PathBuf, source: OpenError },
    #[error("--live needs a selection of exactly one tenant; {selected} are selected")]
    SnapshotSelection { selected: usize },
    #[error(transparent)]
    Identities(#[from] IdentitiesError),
    #[error(transparent)]
    Ledger(#[from] Arc<LedgerError>),
    #[error(transparent)]
    Saved(#[from] SavedError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("commit {commit} {signature}, and applecart.yaml asks for signed commits")]
    Signature { commit: String, policy_rev: String, signature: Box<Signature> },
    #[error(transparent)]
    Signers(#[from] SignersError),
    #[error(
        "applecart.yaml asks for a signed ledger, and no key to sign it with is at hand; nothing was sent"
    )]
    NoLedgerKey { signers: String },
    #[error(
        "the key of {} cannot sign the ledger: what it signs {signature}; nothing was sent",
        SigningKey::VARIABLE
    )]
    LedgerKey { signers: String, signature: Box<Signature> },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the plan file {} cannot be used: {why}", path.display())]
    PlanFile { path: PathBuf, why: String },
    #[error("the plan is stale: {0}")]
    StalePlan(Box<Stale>),
    #[error(
        "--now only works against a simulator or proxy on this machine (APPLECART_GRAPH_URL on loopback)"
    )]
    FrozenApply,
    #[error("the result could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulator(#[from] applecart_simulator::SimulatorError),
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulate(#[from] applecart_simulator::SimulateError),
    #[cfg(feature = "simulator")]
    #[error("demo: {0}")]
    Demo(String),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("nothing was written: {}", .0.join("; "))]
    SealRefused(Vec<String>),
    #[error("{0}")]
    SealUsage(String),
    #[error(
        "this fleet seals with SOPS (it has a .sops.yaml, or the file of before is SOPS's), and SOPS did not; nothing was written"
    )]
    SealWithSops {
        #[source]
        why: SopsError,
        encrypt: String,
        then: String,
    },
    #[error("live Intune of {tenant} could not be read, so the file was not checked: {why}")]
    LiveUnknown { tenant: String, why: String, sign_in: bool },
    #[error(
        "the branch {branch} is there already, with another file than this one; nothing was written"
    )]
    RenewExists { branch: String, remote: Option<String>, here: bool },
    #[error("the branch {branch} was made in this clone, and {remote} did not take it: {why}")]
    RenewNotPushed { branch: String, remote: String, why: String },
    #[error("{} has {} already; nothing was written", dir.display(), files.join(", "))]
    InitExists { dir: PathBuf, files: Vec<String> },
    #[error("{} is inside the repository {}; nothing was written", dir.display(), outer.display())]
    InitInside { dir: PathBuf, outer: PathBuf },
    #[error("{0}; nothing was written")]
    InitKey(String),
    #[error("{0} is not a length of time such as 45d, 12h or 30m")]
    Duration(String),
    #[error("{0} is not a day such as 2027-03-03, or an instant such as 2027-03-03T14:00:00Z")]
    Instant(String),
    /// A period that ends before it begins.
    #[error("--since {since} is later than --until {until}: nothing can have happened between")]
    Period {
        /// From when on.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    #[error("neither Git's history nor the ledger has {0}")]
    NoHistory(String),
    #[error("nothing was recorded: {0}")]
    Acknowledge(String),
    #[error("--apple-ids is a table of the fleet, which SARIF has no place for")]
    AuditFormat,
}

impl From<LedgerError> for AppError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
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

/// Why nothing was imported. What goes wrong with one tenant is in the report instead.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    #[error("the list {} cannot be used: {}", path.display(), .mistakes.join("; "))]
    List { path: PathBuf, mistakes: Vec<String> },
    #[error("the customers of the partner {partner} could not be listed: {}{}", .problem.code, detail(.problem))]
    Customers { partner: TenantId, problem: Box<Problem> },
    /// The settings' base is unknown, so Intune is not asked with them.
    #[error(transparent)]
    Blind(Unknown),
    /// Existing files would change, and nobody can be asked.
    #[error("{} would change, and there is no terminal to ask; nothing was written", plural(*.files, "existing tenant file"))]
    NobodyToAsk { files: usize },
}

fn detail(problem: &Problem) -> String {
    problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default()
}

/// Why SOPS did not seal a file.
#[derive(Debug, thiserror::Error)]
pub enum SopsError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("no private folder could be made to run `sops` in")]
    Folder(#[source] std::io::Error),
    #[error("what `sops` wrote is not a file that only the fleet's recipients open")]
    Other,
}
