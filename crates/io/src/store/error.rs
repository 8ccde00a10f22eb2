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
    #[error("cannot open the Git repository at {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: git2::Error,
    },
    /// The repository belongs to another user, and Git's `safe.directory` does not name it.
    #[error(
        "the Git repository at {0} belongs to another user, so Git does not open it. If you trust it, run `git config --global --add safe.directory {0}`",
        path.display()
    )]
    Owner { path: PathBuf },
    /// The setting is no name of a branch.
    #[error(
        "{branch:?} cannot be the name of a Git branch. Correct `ledger.branch` in applecart.yaml"
    )]
    BranchName { branch: String },
    /// The branch is an alias of another reference, which could be a branch of the fleet.
    #[error("the ledger branch {branch} points to another reference instead of a commit")]
    Symbolic { branch: String },
    #[error("cannot read {what} of the ledger branch {branch}")]
    Read {
        branch: String,
        what: String,
        #[source]
        source: git2::Error,
    },
    /// The branch holds something that no ledger holds.
    #[error(
        "the ledger branch {branch} holds {path:?}, which is {found}, so nothing is read from it or written to it. A ledger holds only tenants/<tenantId>.jsonl, README.md and .gitattributes: remove the rest, or name another branch in `ledger.branch`"
    )]
    Shape { branch: String, path: String, found: &'static str },
    #[error(
        "{path} on the ledger branch {branch} is broken at line {}, so nothing is written to it. `applecart ledger verify` names the commit that broke it",
        source.line
    )]
    Broken {
        branch: String,
        path: String,
        /// The line and what is wrong there.
        #[source]
        source: Box<ChainError>,
    },
    #[error("the ledger branch {branch} has {found} tenants; at most {MAX_TENANTS} are allowed")]
    TooManyTenants { branch: String, found: usize },
    /// The files together are larger than a ledger may be.
    #[error("the files of the ledger branch {branch} have over {MAX_TOTAL} bytes together")]
    TooMuch { branch: String },
    /// A tenant's file would grow over its limit.
    #[error("{path} would have {length} bytes; at most {MAX_FILE} are allowed")]
    FileFull {
        path: String,
        /// Its length with the new lines.
        length: usize,
    },
    #[error("an entry for {path} cannot be written")]
    Line {
        path: String,
        #[source]
        source: LineFault,
    },
    /// One entry was given as the first one of two tenants.
    #[error(
        "the first entry for {path} is also the first of tenant {tenant}, and an entry belongs to one tenant"
    )]
    SameStart {
        path: String,
        /// Whose file starts so, too.
        tenant: TenantId,
    },
    #[error(
        "the ledger branch {branch} was at {seen} and no longer exists. Restore it with `git branch {branch} {seen}`"
    )]
    Lost { branch: String, seen: String },
    /// The branch's tip does not contain the tip that was seen last.
    #[error(
        "the ledger branch {branch} was rewritten: its tip {found} does not contain {seen}, which it had before. Restore it with `git branch --force {branch} {seen}`"
    )]
    Rewritten { branch: String, seen: String, found: String },
    #[error("cannot read which remote the ledger branch {branch} is shared through")]
    Remotes {
        branch: String,
        #[source]
        source: GitError,
    },
    /// The branch has no upstream that is a remote here, and there are several remotes.
    #[error(
        "several remotes could hold the ledger ({}). Name the right one: `git config branch.{branch}.remote {}`",
        remotes.join(", "), remotes.first().map_or("NAME", String::as_str)
    )]
    WhichRemote { branch: String, remotes: Vec<String> },
    /// The remote could not be asked, or what it has could not be fetched, or it is
    /// unknown whether a push arrived.
    #[error(
        "the remote {remote} could not be reached, so what the ledger branch {branch} holds is unknown. Check that `git ls-remote {remote}` works here (network, proxy, credentials), and run this again"
    )]
    Unreachable {
        branch: String,
        remote: String,
        #[source]
        source: Box<GitError>,
    },
    /// The remote had the branch and has it no more.
    #[error(
        "the ledger branch {branch} no longer exists on the remote {remote}, where it was at {seen}. Restore it with `git push {remote} {seen}:refs/heads/{branch}`"
    )]
    LostThere { branch: String, remote: String, seen: String },
    #[error(
        "the ledger branch {branch} exists in this clone and not on the remote {remote}. If it was never there, publish it with `applecart ledger append --publish`"
    )]
    Unpublished { branch: String, remote: String },
    /// The remote's branch does not contain what it was seen at before.
    #[error(
        "the ledger branch {branch} on the remote {remote} was rewritten: its tip {found} does not contain {seen}, which it had before. `git log --oneline {found}..{seen}` shows what is missing. Ask for the old one to be restored; only if the new one is right, accept it with `git update-ref {memory} {found}`"
    )]
    RewrittenThere {
        branch: String,
        remote: String,
        seen: String,
        found: String,
        /// The reference that remembers what was seen.
        memory: String,
    },
    #[error(
        "the remote {remote} refuses pushes to the ledger branch {branch} ({reason}). Allow this user to push to refs/heads/{branch} there, without force, and run this again"
    )]
    PushRefused { branch: String, remote: String, reason: String },
    /// Entries are not written to a ledger that was opened without asking its remote.
    #[error(
        "nothing is recorded with --offline, because the remote was not asked. Run this again without it"
    )]
    Offline,
    #[error(
        "this repository has no remote to share the ledger through. Add one with `git remote add origin URL`"
    )]
    NoRemote,
    #[error(
        "the ledger branch has been locked by {} for over {} seconds. If no Git process is running in this repository, one was killed and left the file: delete it and run this again",
        lock_file.display(), waited.as_secs()
    )]
    Locked { lock_file: PathBuf, waited: Duration },
    /// Other processes appended first, every time.
    #[error(
        "other processes moved the ledger branch {branch} first, {attempts} times in a row. Run this again when they have ended"
    )]
    Contended { branch: String, attempts: u32 },
    #[error("cannot write {what} of the ledger branch {branch}")]
    Write {
        branch: String,
        what: &'static str,
        #[source]
        source: git2::Error,
    },
    /// The key did not sign a commit, which was then not made.
    #[error(
        "nothing was recorded, because a commit of the ledger branch {branch} could not be signed"
    )]
    Sign {
        branch: String,
        #[source]
        source: ToolError,
    },
    /// Whether commits are signed by somebody who may cannot be judged here.
    #[error("the signatures of the ledger branch {branch} could not be verified")]
    Judge {
        branch: String,
        #[source]
        source: Box<SignersError>,
    },
    /// Applecart's own folder inside the Git directory could not be used.
    #[error("cannot use {}", path.display())]
    State {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The writer has ended, so the entries were not written.
    #[error("the entries were not recorded, because the ledger was closed already")]
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
    #[error(
        "another apply is running in this clone: {} is locked{}",
        path.display(),
        holder.as_ref().map(|text| format!(" by {text}")).unwrap_or_default()
    )]
    Held {
        path: PathBuf,
        /// What the holder wrote about itself, cleaned and not to be trusted.
        holder: Option<String>,
    },
    /// The lock file or the clone's id could not be used.
    #[error("cannot use {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}
