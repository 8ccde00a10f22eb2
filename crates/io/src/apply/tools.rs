//! Everything that an apply works with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::at_apple::AtApple;
use crate::intune::Connector;
use crate::seams::Clock;
use crate::store::LedgerWriter;
use crate::vault::Secret;
use applecart_core::fleet::{Policy, Tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Author, ProblemCode, Timestamp};
use applecart_core::plan::Due;
use applecart_core::report::Happened;
use applecart_core::rules::requests::Requests;
use futures::future::BoxFuture;

/// Opens a sealed file of the applied commit.
pub trait Files: Send + Sync {
    /// The opened content of a blob; nothing of it is in an error.
    fn open(&self, blob: &str) -> Result<Secret, FilesError>;
}

/// Why a sealed file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("the file could not be read from Git")]
    Git(#[from] crate::git::GitError),
    #[error("the file could not be opened: {0}")]
    Open(#[from] crate::vault::OpenError),
}

impl FilesError {
    /// Whether the file was changed after it was sealed, or cannot show that it was not: then it is
    /// its source that cannot be trusted.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_untrusted())
    }
}

/// Asks whether what is applied is still what the base says.
pub trait InForce: Send + Sync {
    /// What the tip of the base says of this tenant. Asked for the first time, and when the last
    /// answer is old, it asks the remote.
    fn judge<'a>(&'a self, tenant: &'a Tenant) -> BoxFuture<'a, Still>;
}

/// What the base says by now of a tenant that is applied; with a sentence where nothing may be
/// written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Still {
    /// The base still says what is applied.
    InForce,
    /// The base says something else by now, so nothing is written.
    Superseded { why: String },
    /// It cannot be told.
    Unknown { why: String },
}

/// Is told how far an apply is.
pub trait Progress: Send + Sync {
    /// So many writes are due.
    fn begin(&self, writes: usize);
    /// A write of this tenant is finished.
    fn advance(&self, tenant: &str);
    fn end(&self);
}

/// Who runs, and what is applied.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// Run, clone and person, as every line of the ledger names them.
    pub author: Author,
    /// The fleet commit that is applied.
    pub rev: String,
}

/// Everything that an apply works with.
pub struct Tools<'a> {
    pub connector: &'a Connector,
    pub at_apple: &'a AtApple<'a>,
    pub files: Arc<dyn Files>,
    pub ledger: &'a LedgerWriter,
    /// The ledger as it was read under the lock.
    pub view: &'a LedgerView,
    /// Every tenant's recorded requests for Apple.
    pub requests: &'a Requests,
    pub policy: &'a Policy,
    /// The base; `None` where the applied commit is its own.
    pub in_force: Option<&'a dyn InForce>,
    /// Runs that are proved to have ended.
    pub dead_runs: &'a BTreeSet<String>,
    /// By which lines are dated, leases end, and what Intune shows is compared.
    pub clock: &'a dyn Clock,
    /// The instant that files are judged by, where it is not the clock's (`--now`).
    pub frozen: Option<Timestamp>,
    pub run: &'a RunContext,
    pub progress: &'a dyn Progress,
    /// How many tenants are written to at once.
    pub parallelism: usize,
    /// Set when the user wants to stop; no further write is started then.
    pub stop: Arc<AtomicBool>,
    /// How long a file may take to be opened and read, by this machine's time.
    pub opening: Duration,
    /// How long Intune may take to show an upload.
    pub wait: Duration,
    /// The same for an upload that proves its wire encoding, for which others wait.
    pub canary_wait: Duration,
}

impl Tools<'_> {
    /// Why a write must not begin, because the base does not stand by it any more; and what that
    /// is called.
    pub(super) async fn not_in_force(&self, due: &Due) -> Option<(Happened, String)> {
        match self.in_force?.judge(&due.tenant).await {
            Still::InForce => None,
            Still::Superseded { why } => Some((Happened::Superseded, why)),
            Still::Unknown { why } => {
                Some((Happened::NotStarted, format!("{}: {why}", ProblemCode::BaseUnknown)))
            }
        }
    }

    /// The instant that files and their `allow` lines are judged by.
    pub(super) fn judged_at(&self) -> Timestamp {
        self.frozen.unwrap_or_else(|| self.clock.now())
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
