//! Why the ledger could not be read or written. Every variant but [`LedgerError::Line`] means
//! *unknown* to a plan: no upload may follow from it.

use std::path::PathBuf;
use std::time::Duration;

use super::tree::{MAX_TENANTS, MAX_TOTAL};
use crate::git::{GitError, SignersError, ToolError};
use applecart_core::ledger::{ChainError, ChainFault, MAX_FILE};
use applecart_core::ledger::{LedgerView, LineFault};
use applecart_core::model::TenantId;

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
        "{path} on the ledger branch {branch} is broken at line {}. Nothing is written to it; `applecart ledger verify` names the commit that broke it, if one did",
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
    /// The remotes cannot be read.
    #[error("cannot tell which remote the ledger branch {branch} is shared through")]
    Remotes {
        /// The branch.
        branch: String,
        /// Why.
        #[source]
        source: GitError,
    },
    /// The branch has no upstream that is a remote here, and there are several remotes.
    #[error(
        "the ledger could be shared through any of the remotes {}; name one: `git config branch.{branch}.remote {}`",
        remotes.join(", "), remotes.first().map_or("NAME", String::as_str)
    )]
    WhichRemote {
        /// The branch.
        branch: String,
        /// The remotes that there are.
        remotes: Vec<String>,
    },
    /// The remote could not be asked, or what it has could not be fetched, or nobody can tell
    /// whether a push arrived.
    #[error(
        "the remote {remote} could not be reached for the ledger branch {branch}; see whether `git ls-remote {remote}` works here, and run this again"
    )]
    Unreachable {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// What `git` says.
        #[source]
        source: Box<GitError>,
    },
    /// The remote had the branch and has it no more.
    #[error(
        "the remote {remote} has no branch {branch} any more, and had it at {seen}; put it back with `git push {remote} {seen}:refs/heads/{branch}`"
    )]
    LostThere {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// The tip that was seen last.
        seen: String,
    },
    /// Only this clone has the branch.
    #[error(
        "this clone has a ledger branch {branch} and the remote {remote} has none; if it was never there, publish it with `applecart ledger append --publish`"
    )]
    Unpublished {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
    },
    /// The remote's branch does not contain what it was seen at before.
    #[error(
        "the ledger branch {branch} on the remote {remote} was rewritten: its tip {found} does not contain {seen}, which was seen there before. `git log --oneline {found}..{seen}` shows what is missing. Have the old one put back; only if the new one is right, accept it with `git update-ref {memory} {found}`"
    )]
    RewrittenThere {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// The tip that was seen last.
        seen: String,
        /// The tip now.
        found: String,
        /// The reference that remembers what was seen.
        memory: String,
    },
    /// The remote does not let this user push to the branch.
    #[error(
        "the remote {remote} refuses pushes to the ledger branch {branch} ({reason}); let this user push to refs/heads/{branch} there (it needs no force), and run this again"
    )]
    PushRefused {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// What the remote says.
        reason: String,
    },
    /// Entries are not written to a ledger that was opened without asking its remote.
    #[error(
        "the ledger was opened without asking its remote, and is only read; run this again without --offline"
    )]
    Offline,
    /// There is no remote to publish the branch to.
    #[error("this repository has no remote; add one with `git remote add origin URL`")]
    NoRemote,
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
    /// The key did not sign a commit, which was then not made.
    #[error("a commit of the ledger branch {branch} could not be signed, so nothing was recorded")]
    Sign {
        /// The branch.
        branch: String,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// Whether commits are signed by somebody who may cannot be judged here.
    #[error("the signatures of the ledger branch {branch} could not be verified")]
    Judge {
        /// The branch.
        branch: String,
        /// Why.
        #[source]
        source: Box<SignersError>,
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

    /// Notes in a view that a tenant's file is broken.
    ///
    /// # Errors
    /// The error itself, when it is about more than this tenant.
    pub(super) fn breaks(self, view: &mut LedgerView, tenant: TenantId) -> Result<(), Self> {
        if !self.is_of_one_tenant() {
            return Err(self);
        }
        view.breaks(tenant, self.sentence());
        Ok(())
    }

    /// The tenant whose file this one starts like, if that is what is wrong.
    pub(super) fn copy_of(&self) -> Option<TenantId> {
        match self {
            Self::Broken { source, .. } => match source.fault {
                ChainFault::OtherTenant { tenant } => Some(tenant),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the branch is not what was seen of it before: proof that something was taken away,
    /// unlike an error that only keeps one from looking.
    pub fn is_about_loss(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. }
                | Self::Rewritten { .. }
                | Self::LostThere { .. }
                | Self::Unpublished { .. }
                | Self::RewrittenThere { .. }
        )
    }

    /// Whether the sentence itself names the command to run next.
    pub fn tells_what_next(&self) -> bool {
        self.is_about_loss()
            || matches!(
                self,
                Self::WhichRemote { .. }
                    | Self::Unreachable { .. }
                    | Self::PushRefused { .. }
                    | Self::Offline
                    | Self::NoRemote
            )
    }

    /// What happened and why, in one sentence.
    pub fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
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
            Self::LostThere { .. } | Self::Unpublished { .. } => "ledger-lost",
            Self::RewrittenThere { .. } => "ledger-rewritten",
            Self::Remotes { .. } => "remotes",
            Self::WhichRemote { .. } => "which-remote",
            Self::Unreachable { .. } => "unreachable",
            Self::PushRefused { .. } => "push-refused",
            Self::Offline => "offline",
            Self::NoRemote => "no-remote",
            Self::Locked { .. } => "locked",
            Self::Contended { .. } => "contended",
            Self::Write { .. } => "cannot-write",
            Self::Sign { .. } => "cannot-sign",
            Self::Judge { .. } => "cannot-judge",
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
