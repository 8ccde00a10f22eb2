//! Why the ledger could not be read or written. Every variant but [`LedgerError::Line`] means
//! *unknown* to a plan: no upload may follow from it.

use std::path::PathBuf;
use std::time::Duration;

use super::chain::{ChainError, MAX_FILE};
use super::line::LineFault;
use super::tree::{MAX_TENANTS, MAX_TOTAL};
use crate::model::TenantId;

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder is no Git repository, or Git cannot open it.
    #[error("cannot open the Git repository at {}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What libgit2 says.
        #[source]
        source: git2::Error,
    },
    /// The repository belongs to another user, and Git's `safe.directory` does not name it.
    #[error(
        "the Git repository at {} belongs to another user; if you trust it, run `git config --global --add safe.directory <path>`",
        path.display()
    )]
    Owner {
        /// The folder.
        path: PathBuf,
    },
    /// The setting is no name of a branch.
    #[error("{branch:?} is not a name that a Git branch can have")]
    BranchName {
        /// The setting.
        branch: String,
    },
    /// The branch is an alias of another reference, which could be a branch of the fleet.
    #[error("the ledger branch {branch} points to another reference instead of a commit")]
    Symbolic {
        /// The branch.
        branch: String,
    },
    /// Something of the branch could not be read.
    #[error("cannot read {what} of the ledger branch {branch}")]
    Read {
        /// The branch.
        branch: String,
        /// What could not be read.
        what: String,
        /// What libgit2 says.
        #[source]
        source: git2::Error,
    },
    /// The branch holds something that no ledger holds.
    #[error(
        "the ledger branch {branch} holds {path:?}, which is {found}; a ledger holds only tenants/<tenantId>.jsonl, README.md and .gitattributes. Nothing is written to it until that is removed or the setting ledger.branch names another branch"
    )]
    Shape {
        /// The branch.
        branch: String,
        /// The entry's path.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// A tenant's chain is broken.
    #[error(
        "{path} on the ledger branch {branch} is broken at line {}. Nothing is written over it; compare it with another clone or with the branch's earlier commits (`git log -p {branch} -- {path}`)",
        source.line
    )]
    Broken {
        /// The branch.
        branch: String,
        /// The tenant's file.
        path: String,
        /// The line and what is wrong there.
        #[source]
        source: Box<ChainError>,
    },
    /// There are more tenants than a ledger may have.
    #[error("the ledger branch {branch} has {found} tenants; at most {MAX_TENANTS} are allowed")]
    TooManyTenants {
        /// The branch.
        branch: String,
        /// How many.
        found: usize,
    },
    /// The files together are larger than a ledger may be.
    #[error("the files of the ledger branch {branch} have over {MAX_TOTAL} bytes together")]
    TooMuch {
        /// The branch.
        branch: String,
    },
    /// A tenant's file would grow over its limit.
    #[error("{path} would have {length} bytes; at most {MAX_FILE} are allowed")]
    FileFull {
        /// The tenant's file.
        path: String,
        /// Its length with the new lines.
        length: usize,
    },
    /// An entry cannot be written as a line.
    #[error("an entry for {path} cannot be written")]
    Line {
        /// The tenant's file.
        path: String,
        /// Why not.
        #[source]
        source: LineFault,
    },
    /// One entry was given as the first one of two tenants.
    #[error(
        "the first entry for {path} is also that of tenant {tenant}; an entry is of one tenant"
    )]
    SameStart {
        /// The tenant's file.
        path: String,
        /// Whose file starts so, too.
        tenant: TenantId,
    },
    /// The branch was there and is gone.
    #[error(
        "the ledger branch {branch} was at {seen} and is gone; bring it back with `git branch {branch} {seen}`"
    )]
    Lost {
        /// The branch.
        branch: String,
        /// The tip that was seen last.
        seen: String,
    },
    /// The branch's tip does not contain the tip that was seen last.
    #[error(
        "the ledger branch {branch} was rewritten: its tip {found} does not contain {seen}, which was seen before"
    )]
    Rewritten {
        /// The branch.
        branch: String,
        /// The tip that was seen last.
        seen: String,
        /// The tip now.
        found: String,
    },
    /// Another process kept the branch locked.
    #[error(
        "the ledger branch is locked by {} for over {} s; if no Git process is running in this repository, one was killed and left the file: delete it and run again",
        lock_file.display(), waited.as_secs()
    )]
    Locked {
        /// Git's lock file.
        lock_file: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Other processes appended first, every time.
    #[error("other processes moved the ledger branch {branch} first, {attempts} times in a row")]
    Contended {
        /// The branch.
        branch: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Something could not be written.
    #[error("cannot write {what} of the ledger branch {branch}")]
    Write {
        /// The branch.
        branch: String,
        /// What could not be written.
        what: &'static str,
        /// What libgit2 says.
        #[source]
        source: git2::Error,
    },
    /// Applecart's own folder inside the Git directory could not be used.
    #[error("cannot use {}", path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The writer has ended, so the entries were not written.
    #[error("the ledger's writer has ended; the entries were not written")]
    Closed,
}

impl LedgerError {
    /// Whether it is about the entries of one tenant, so that others' can still be written.
    pub fn is_of_one_tenant(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. }
                | Self::FileFull { .. }
                | Self::Line { .. }
                | Self::SameStart { .. }
        )
    }

    /// The stable name that `ledger verify` shows.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "cannot-open",
            Self::Owner { .. } => "other-owner",
            Self::BranchName { .. } => "branch-name",
            Self::Symbolic { .. } => "symbolic-branch",
            Self::Read { .. } => "unreadable",
            Self::Shape { .. } => "unexpected-entry",
            Self::Broken { source, .. } => source.fault.code(),
            Self::TooManyTenants { .. } => "too-many-tenants",
            Self::TooMuch { .. } => "too-large",
            Self::FileFull { .. } => "file-full",
            Self::Line { .. } => "bad-entry",
            Self::SameStart { .. } => "same-start",
            Self::Lost { .. } => "ledger-lost",
            Self::Rewritten { .. } => "ledger-rewritten",
            Self::Locked { .. } => "locked",
            Self::Contended { .. } => "contended",
            Self::Write { .. } => "cannot-write",
            Self::State { .. } => "state",
            Self::Closed => "closed",
        }
    }
}

/// Why the apply lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "another apply is running in this clone: {} is locked{}",
        path.display(),
        holder.as_ref().map(|text| format!(" by {text}")).unwrap_or_default()
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote about itself, cleaned and not to be trusted.
        holder: Option<String>,
    },
    /// The lock file or the clone's id could not be used.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}
