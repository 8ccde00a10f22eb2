//! Why the ledger could not be read or written. Every variant but [`LedgerError::Line`] means
//! *unknown* to a plan: no upload may follow from it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{MAX_TENANTS, MAX_TOTAL};
use crate::git::{GitError, SignersError, ToolError, Trouble};
use applecart_core::ledger::{ChainError, ChainFault, MAX_FILE};
use applecart_core::ledger::{LedgerView, LineFault};
use applecart_core::model::{TenantId, sentence};

/// What it means that notes are unknown.
pub(super) const UNKNOWN_REQUESTS: &str = "Which request for Apple (CSR) a push certificate answers is unknown, so no push certificate is uploaded";

/// How the lines of the branch that was named before come to the one that is named now.
fn going_on(join: &str, before: &str, branch: &str, remote: Option<&str>) -> String {
    match remote {
        Some(remote) => format!(
            "Where {branch} has lines of its own, fetch {before}, take its lines in with `{join} FETCH_HEAD`, and delete it there. Else go on with it under the new name: `git fetch {remote} {before} && git push {remote} FETCH_HEAD:refs/heads/{branch}`"
        ),
        None => format!(
            "Else take its lines in, and then delete it with `git branch -D {before}`: `{join} {before}`"
        ),
    }
}

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The repository cannot be opened.
    #[error(transparent)]
    Open(GitError),
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
        "{path} on the ledger branch {branch} is broken at line {}, so nothing is written to it. This names the commit that broke it, and how that can be accepted: `applecart ledger verify`",
        source.line
    )]
    Broken {
        branch: String,
        path: String,
        tenant: TenantId,
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
    /// A file of a ledger is not UTF-8.
    #[error("{path} is not text, so it is no file of a ledger")]
    NotText { path: String },
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
        "the ledger branch {branch} was at {seen} and no longer exists. Restore it: `git branch {branch} {seen}`"
    )]
    Lost { branch: String, seen: String },
    /// The branch's tip does not contain the tip that was seen last.
    #[error(
        "the ledger branch {branch} was rewritten: its tip {found} does not contain {seen}, which it had before. Restore it: `git branch --force {branch} {seen}`"
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
        "the remote {remote} could not be reached, so what the ledger branch {branch} holds is unknown. Check that this works here (network, proxy, credentials): `git ls-remote {remote}`"
    )]
    Unreachable {
        branch: String,
        remote: String,
        #[source]
        source: Box<GitError>,
    },
    /// A push failed; it is unknown whether it arrived. What Git said tells why.
    #[error("the ledger branch {branch} could not be pushed to {remote}")]
    NotPushed {
        branch: String,
        remote: String,
        #[source]
        source: Box<GitError>,
    },
    /// The remote had the branch and has it no more.
    #[error(
        "the ledger branch {branch} no longer exists on the remote {remote}, where it was at {seen}. Restore it: `git push {remote} {seen}:refs/heads/{branch}`"
    )]
    LostThere { branch: String, remote: String, seen: String },
    #[error(
        "the ledger branch {branch} exists in this clone and not on the remote {remote}: it was never pushed, or was deleted there. Publish it: `applecart ledger append --publish`"
    )]
    Unpublished { branch: String, remote: String },
    /// The policy names a genesis, and there is no branch.
    #[error(
        "the ledger branch {branch} is not {}: it was never pushed, or was deleted. It says what was uploaded, so nothing is uploaded without it. Push it from a clone that has it: `git push {} {branch}`. If no clone has it any more, or this repository is a copy of another one, begin a new one: `applecart ledger create --replace REASON`",
        remote.as_ref().map_or("in this repository".to_owned(), |remote| format!("on the remote {remote}")),
        remote.as_deref().unwrap_or("origin")
    )]
    Missing { branch: String, remote: Option<String>, genesis: String },
    /// The branch does not begin with the policy's genesis.
    #[error(
        "the ledger branch {branch}{} is not this fleet's: its history at {found} does not have the commit {genesis}, which `ledger.genesis` in applecart.yaml names. Nothing is uploaded, because what was uploaded is unknown. Bring this fleet's ledger back from a clone that has it; if this repository is a copy of another one, rename that branch and begin a new one: `applecart ledger create --replace REASON`",
        remote.as_ref().map_or(String::new(), |remote| format!(" on the remote {remote}"))
    )]
    Foreign { branch: String, remote: Option<String>, genesis: String, found: String },
    /// The policy named another genesis before, of which the branch knows nothing.
    #[error(
        "the ledger branch {branch} does not go on with the ledger that began with {earlier}, which `ledger.genesis` in applecart.yaml named before. Nothing is uploaded, because what was uploaded is unknown. If the change was not meant, have it reverted (`git log -p applecart.yaml` shows it); if no clone has that ledger any more, rename this branch and begin a new one that says so: `applecart ledger create --replace REASON`"
    )]
    NotItsSuccessor { branch: String, earlier: String },
    /// The policy named another branch before, and that one has lines that this one lacks.
    #[error(
        "applecart.yaml named the ledger branch {before} before, and {before}{} has lines that {branch} lacks. Nothing is uploaded, because what they say was uploaded does not count. If the change was not meant, have it reverted (`git log -p applecart.yaml` shows it). {}",
        remote.as_ref().map_or(String::new(), |remote| format!(" on the remote {remote}")),
        going_on("applecart ledger join", before, branch, remote.as_deref())
    )]
    LeftBehind { branch: String, before: String, remote: Option<String> },
    /// The remote's branch is an earlier state of what it was seen at before.
    #[error(
        "the ledger branch {branch} on the remote {remote} is behind: its tip {found} is older than {seen}, which it had before. The remote is a replica that lags, or was restored from a backup, or the branch was forced back. If it stays so, push what this clone has: `git push {remote} {seen}:refs/heads/{branch}`"
    )]
    Behind { branch: String, remote: String, seen: String, found: String },
    /// Pushes find another tip than fetches, every time.
    #[error(
        "the remote {remote} refuses pushes to the ledger branch {branch} as not up to date, but fetching shows nothing newer: the server that this clone reads from lags behind the one that it pushes to. Let both be the same server, or wait until the replica has caught up. This shows both: `git remote -v`"
    )]
    LagsBehind { branch: String, remote: String },
    /// A branch at the remote leaves no room for the ledger's.
    #[error(
        "the remote {remote} has no ledger branch {branch}, and a branch {other} is in the way: Git has no room for both. Rename {other} there, or name another branch in `ledger.branch`, and bring the ledger back from a clone that has it"
    )]
    NoRoom { branch: String, remote: String, other: String },
    /// A branch of this clone leaves no room for the ledger's.
    #[error(
        "a branch {other} of this clone is in the way of the ledger branch {branch}: Git has no room for both. Rename it, and run this again: `git branch -m {other} {}`",
        other.replace('/', "-") + "-old"
    )]
    NoRoomHere { branch: String, other: String },
    /// There is a branch where a new ledger was to be begun.
    #[error(
        "the remote {remote} has a branch {branch} already, and a ledger is never overwritten. Rename that branch there, or name another one in `ledger.branch`, and run this again"
    )]
    InTheWay { branch: String, remote: String },
    /// The remote's branch does not contain what it was seen at before.
    #[error(
        "the ledger branch {branch} on the remote {remote} was rewritten: its tip {found} does not contain {seen}, which it had before. `git log --oneline {found}..{seen}` shows what is missing. Ask for the old one to be restored; only if the new one is right, accept it: `git update-ref {memory} {found}`"
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
    /// Nobody can move the remote's branch.
    #[error(
        "the ledger branch {branch} stays locked on the remote {remote}, so nothing was pushed to it. Another Git process is at work there, or one was killed and left its lock. Run this again in a minute; if it stays locked and no Git process runs there, delete the file refs/heads/{branch}.lock in that repository"
    )]
    LockedThere { branch: String, remote: String },
    /// Entries are not written to a ledger that was opened without asking its remote.
    #[error(
        "nothing is recorded with --offline, because the remote was not asked. Run this again without it"
    )]
    Offline,
    #[error(
        "this repository has no remote to share the ledger through. Add one: `git remote add origin URL`"
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
                | Self::Missing { .. }
                | Self::Foreign { .. }
                | Self::NotItsSuccessor { .. }
                | Self::LeftBehind { .. }
                | Self::Behind { .. }
                | Self::NoRoom { .. }
        )
    }

    /// Whether the sentence itself names the command to run next.
    pub fn tells_what_next(&self) -> bool {
        self.is_about_loss()
            || matches!(
                self,
                Self::WhichRemote { .. }
                    | Self::Unreachable { .. }
                    | Self::NotPushed { .. }
                    | Self::NoRoomHere { .. }
                    | Self::Locked { .. }
                    | Self::PushRefused { .. }
                    | Self::LockedThere { .. }
                    | Self::LagsBehind { .. }
                    | Self::InTheWay { .. }
                    | Self::Offline
                    | Self::NoRemote
            )
    }

    /// What happened and why, and the next step where the cause has one.
    pub fn sentence(&self) -> String {
        let text = sentence(self);
        match self.trouble() {
            Some(trouble) => format!("{}. {}", text.trim_end_matches('.'), trouble.next()),
            None => text,
        }
    }

    /// The same about notes: what is unknown without them, and how they come back.
    pub fn sentence_of_notes(&self) -> String {
        let lost = match self {
            Self::LostThere { branch, remote, seen } => format!(
                "the notes branch {branch} no longer exists on the remote {remote}, where it was at {seen}. {UNKNOWN_REQUESTS}. Bring it back: `git push {remote} {seen}:refs/heads/{branch}`"
            ),
            Self::Unpublished { branch, remote } => format!(
                "the notes branch {branch} exists in this clone and not on the remote {remote}: it was never pushed, or was deleted there. {UNKNOWN_REQUESTS}. Publish it: `git push {remote} {branch}`"
            ),
            Self::Missing { branch, remote, .. } => {
                let place = remote.as_ref().map_or("in this repository".to_owned(), |remote| {
                    format!("on the remote {remote}")
                });
                let remote = remote.as_deref().unwrap_or("origin");
                format!(
                    "the notes branch {branch} is not {place}: it was never pushed, or was deleted. {UNKNOWN_REQUESTS}. Push it from a clone that has it: `git push {remote} {branch}`. If no clone has it any more, begin new notes: `applecart ledger create --replace-notes REASON`"
                )
            }
            Self::Foreign { branch, genesis, found, .. } => format!(
                "the notes branch {branch} is not this fleet's: its history at {found} does not have the commit {genesis}, which `ledger.notesGenesis` in applecart.yaml names. {UNKNOWN_REQUESTS}. Bring this fleet's notes back from a clone that has them; if none has, rename that branch and begin new notes: `applecart ledger create --replace-notes REASON`"
            ),
            Self::NotItsSuccessor { branch, earlier } => format!(
                "the notes branch {branch} does not go on with the notes that began with {earlier}, which `ledger.notesGenesis` in applecart.yaml named before. {UNKNOWN_REQUESTS}. If the change was not meant, have it reverted (`git log -p applecart.yaml` shows it); if no clone has those notes any more, rename this branch and begin new ones that say so: `applecart ledger create --replace-notes REASON`"
            ),
            Self::LeftBehind { branch, before, remote } => format!(
                "applecart.yaml named the notes branch {before} before, and {before} has lines that {branch} lacks. {UNKNOWN_REQUESTS}. If the change was not meant, have it reverted (`git log -p applecart.yaml` shows it). {}",
                going_on("applecart ledger join --notes", before, branch, remote.as_deref())
            ),
            Self::Behind { branch, remote, seen, found } => format!(
                "the notes branch {branch} on the remote {remote} is behind: its tip {found} is older than {seen}, which it had before. {UNKNOWN_REQUESTS}. Push what this clone has: `git push {remote} {seen}:refs/heads/{branch}`"
            ),
            Self::RewrittenThere { branch, remote, seen, found, memory } => format!(
                "the notes branch {branch} on the remote {remote} was rewritten: its tip {found} does not contain {seen}, which it had before. {UNKNOWN_REQUESTS}. Ask for the old one to be restored; only if the new one is right, accept it: `git update-ref {memory} {found}`"
            ),
            _ => {
                // The two branches are told apart by their names alone, and each has a setting.
                let why = self.sentence().replace("the ledger branch", "the notes branch");
                let why = why.replace("`ledger.branch`", "`ledger.notes`");
                return format!("the notes could not be read: {why}. {UNKNOWN_REQUESTS}");
            }
        };
        format!("{}: {lost}", self.code())
    }

    /// The cause that Git, the forge or the system named, where it has a next step of its own.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Unreachable { source, .. } | Self::NotPushed { source, .. } => {
                Trouble::of(&source.to_string())
            }
            Self::PushRefused { reason, .. } => Trouble::of(reason),
            Self::Write { source, .. } => Trouble::of(source.message()),
            Self::State { source, .. } => Trouble::of_file(source),
            _ => None,
        }
    }

    /// The stable name that `ledger verify` shows.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(GitError::Owner { .. }) => "other-owner",
            Self::Open(_) => "cannot-open",
            Self::BranchName { .. } => "branch-name",
            Self::Symbolic { .. } => "symbolic-branch",
            Self::Read { .. } => "unreadable",
            Self::Shape { .. } => "unexpected-entry",
            Self::Broken { source, .. } => source.fault.code(),
            Self::TooManyTenants { .. } => "too-many-tenants",
            Self::TooMuch { .. } => "too-large",
            Self::FileFull { .. } => "file-full",
            Self::Line { .. } => "bad-entry",
            Self::NotText { .. } => "bad-json",
            Self::SameStart { .. } => "same-start",
            Self::Lost { .. }
            | Self::LostThere { .. }
            | Self::Unpublished { .. }
            | Self::Missing { .. } => "ledger-lost",
            Self::Rewritten { .. } | Self::RewrittenThere { .. } => "ledger-rewritten",
            Self::Foreign { .. } | Self::NotItsSuccessor { .. } => "ledger-foreign",
            Self::LeftBehind { .. } => "ledger-moved",
            Self::Behind { .. } | Self::LagsBehind { .. } => "ledger-behind",
            Self::InTheWay { .. } | Self::NoRoom { .. } | Self::NoRoomHere { .. } => {
                "branch-in-the-way"
            }
            Self::Remotes { .. } => "remotes",
            Self::WhichRemote { .. } => "which-remote",
            Self::Unreachable { .. } => "unreachable",
            Self::NotPushed { .. } => "not-pushed",
            Self::PushRefused { .. } => "push-refused",
            Self::Offline => "offline",
            Self::NoRemote => "no-remote",
            Self::Locked { .. } | Self::LockedThere { .. } => "locked",
            Self::Contended { .. } => "contended",
            Self::Write { .. } => "cannot-write",
            Self::Sign { .. } => "cannot-sign",
            Self::Judge { .. } => "cannot-judge",
            Self::State { .. } => "state",
            Self::Closed => "closed",
        }
    }
}

/// Which commands take turns with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedFor {
    Apply,
    /// `notify` and `ticket`.
    Telling,
}

impl fmt::Display for LockedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Telling => "notify or ticket",
        })
    }
}

/// Why a lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another {by} is running in this clone: {} is locked{}",
        path.display(),
        holder.as_ref().map(|text| format!(" by {text}")).unwrap_or_default()
    )]
    Held {
        by: LockedFor,
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
