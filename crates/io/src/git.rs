//! Git repositories: what a revision holds, read as objects.
//!
//! Desired state never comes through a checkout: no filter, hook, attribute, symbolic link or
//! case-folding file system stands between what was reviewed and what is read. The one exception
//! is the worktree preview, which says so in its name and is never applied.
//!
//! The module decides which bytes and names a [`Source`](applecart_core::fleet::Source) gets, and where
//! reading stops; what they mean is `fleet`'s business. Everything local goes through libgit2;
//! network Git goes through the user's own `git` (`program`).
#![expect(clippy::disallowed_types, reason = "this module is the adapter to Git repositories")]

mod base;
mod error;
mod forms;
mod history;
mod merge;
mod names;
pub mod network;
mod objects;
pub(crate) mod opening;
mod partial;
mod policies;
pub mod program;
mod propose;
mod readings;
mod revoked;
mod signatures;
mod snapshot;
mod stand_in;
mod standing;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod trouble;
mod worktree;
mod writable;

pub use base::{Base, BaseError, Flag, Wanted};
pub use error::GitError;
pub(crate) use history::commit_facts;
pub use history::{
    Beside, FleetWalk, FolderChange, FolderHistory, KnownHistory, PastSettings, Told, Walked,
};
pub use merge::{Files, MergedFiles};
pub use objects::{Ancestors, Origin, Part, Searched};
pub(crate) use objects::{Unhashed, entries as tree_entries, first_entry as first_tree_entry};
pub use policies::PolicyVersion;
pub use program::ToolError;
pub use propose::{Change, Found};
pub use signatures::{Signature, SignatureFormat, Signer, Signers, SignersError, SigningKey};
pub use stand_in::{StandIn, StandInReason};
pub use standing::{RenewalBranch, Standing};
pub use trouble::Trouble;
pub use writable::NotWritable;

use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use applecart_core::fleet::{FLEET_FILE, FileBytes};

/// An open repository, bare or with a worktree.
///
/// It can be sent to another thread, but not shared: a thread that needs its own calls
/// [`Repo::reopen`], which costs a few file reads.
pub struct Repo {
    repo: Repository,
    /// Whether no remote is contacted, also for what a partial clone lacks.
    alone: bool,
}

impl Repo {
    /// Opens the repository that `path` is in, as `git -C path` finds it.
    ///
    /// A repository of another user is refused where `git` itself refuses it: its configuration could
    /// name programs to run. So could that of a bare repository among the files of another one, which a
    /// pull request can bring: it is refused, too, and every bare one that `path` does not name where
    /// the user's `safe.bareRepository` is `explicit`. The environment (`GIT_DIR` and the like) is not
    /// asked.
    pub fn discover(path: &Path) -> Result<Self, GitError> {
        let repo = opening::open(path)?;
        let is_named =
            path != Path::new(".") && path.canonicalize().ok() == repo.path().canonicalize().ok();
        if repo.is_bare() && !is_named {
            let bare = repo.path().to_owned();
            let above = bare.parent().and_then(|above| opening::open(above).ok());
            if let Some(outer) = above.as_ref().and_then(Repository::workdir) {
                return Err(GitError::BareInside { outer: outer.to_owned(), path: bare });
            }
            let asked = git2::Config::open_default()
                .and_then(|config| config.get_string("safe.bareRepository"));
            if asked.is_ok_and(|value| value.eq_ignore_ascii_case("explicit")) {
                return Err(GitError::BareFound { path: bare });
            }
        }
        Ok(Self { repo, alone: false })
    }

    /// The same, for a command that contacts nothing: what a partial clone lacks stays missing.
    #[must_use]
    pub fn alone(self, alone: bool) -> Self {
        Self { alone, ..self }
    }

    /// Makes a folder a repository, with the branch that the user's Git begins with, else `main`.
    pub fn init(path: &Path) -> Result<Self, GitError> {
        let branch = git2::Config::open_default()
            .and_then(|config| config.get_string("init.defaultBranch"))
            .unwrap_or_else(|_| "main".to_owned());
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head(&branch).no_reinit(true);
        Repository::init_opts(path, &options)
            .map(|repo| Self { repo, alone: false })
            .map_err(|source| GitError::Open { path: path.to_owned(), source })
    }

    /// Opens the same repository once more, for another thread.
    pub fn reopen(&self) -> Result<Self, GitError> {
        let again = Self::discover(self.repo.path())?;
        Ok(again.alone(self.alone))
    }

    /// The Git directory that all worktrees of the repository share.
    pub fn path_common_dir(&self) -> PathBuf {
        self.repo.commondir().to_owned()
    }

    /// The root of the worktree; `None` in a bare repository.
    pub fn worktree(&self) -> Option<&Path> {
        self.repo.workdir()
    }

    /// Whether history is cut off at some depth.
    pub fn is_shallow(&self) -> bool {
        self.repo.is_shallow()
    }

    /// The names of the remotes. Their URLs may hold passwords and are not given out.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        let remotes =
            self.repo.remotes().map_err(|error| GitError::reading("the remotes", error))?;
        Ok(remotes.iter_bytes().map(escaped).collect())
    }

    /// The commit that a revision names, as 40 hexadecimal digits.
    pub fn resolve(&self, rev: &str) -> Result<String, GitError> {
        self.commit(rev).map(|commit| commit.id().to_string())
    }

    /// What people call a revision: of `HEAD` the branch that is checked out, of any other what was
    /// written. A detached `HEAD` has no other name.
    pub fn name_of(&self, rev: &str) -> String {
        let head = self.repo.head().ok().filter(|head| rev == "HEAD" && head.is_branch());
        let name = head.map(|head| escaped(head.shorthand_bytes()));
        name.unwrap_or_else(|| rev.to_owned())
    }

    /// `applecart.yaml` of a revision; `None` when the revision has none.
    pub fn policy(&self, rev: &str) -> Result<Option<Vec<u8>>, GitError> {
        match self.settings_file(&self.root(rev)?, FLEET_FILE)? {
            None => Ok(None),
            Some(FileBytes::Read(bytes)) => Ok(Some(bytes)),
            Some(FileBytes::TooLarge { size }) => Err(GitError::Limit {
                what: format!("the bytes of {FLEET_FILE}"),
                limit: applecart_core::fleet::MAX_SETTINGS_BYTES,
                found: size,
            }),
            Some(FileBytes::NotHere) => {
                Err(GitError::NoSuchBlob { id: format!("{rev}:{FLEET_FILE}") })
            }
        }
    }

    /// The bytes of a blob of at most `max` bytes.
    pub fn blob(&self, id: &str, max: u64) -> Result<Vec<u8>, GitError> {
        let missing = || GitError::NoSuchBlob { id: escaped(id.as_bytes()) };
        // git2 pads a shorter text with zeros; only a whole id names what was reviewed.
        let oid = Some(id).filter(|id| id.len() == 40).and_then(|id| Oid::from_str(id).ok());
        let oid = oid.ok_or_else(missing)?;
        self.bring(&[oid])?;
        match self.header(oid)? {
            Some((size, ObjectType::Blob)) if size > max => {
                Err(GitError::BlobTooLarge { id: id.to_owned(), size, max })
            }
            Some((_, ObjectType::Blob)) => self.content(oid),
            _ => Err(missing()),
        }
    }

    fn commit(&self, rev: &str) -> Result<git2::Commit<'_>, GitError> {
        let object = self.object(rev)?;
        object.peel_to_commit().map_err(|_| GitError::NotACommit { rev: escaped(rev.as_bytes()) })
    }

    /// The tree of a commit, or a tree that is named itself.
    fn root(&self, rev: &str) -> Result<git2::Tree<'_>, GitError> {
        let object = self.object(rev)?;
        if let Ok(commit) = object.peel_to_commit() {
            return self.tree(commit.tree_id());
        }
        object.peel_to_tree().map_err(|_| GitError::NotACommit { rev: escaped(rev.as_bytes()) })
    }

    fn object(&self, rev: &str) -> Result<git2::Object<'_>, GitError> {
        let unknown = || GitError::UnknownRevision {
            rev: escaped(rev.as_bytes()),
            shallow: self.is_shallow(),
        };
        if rev.is_empty() || rev.contains('\0') {
            return Err(unknown());
        }
        let full = self.in_full(rev)?;
        self.repo.revparse_single(&full).map_err(|error| match error.code() {
            ErrorCode::NotFound
            | ErrorCode::InvalidSpec
            | ErrorCode::UnbornBranch
            | ErrorCode::Ambiguous => self.dangling(&full).unwrap_or_else(unknown),
            _ => GitError::reading("a revision", error),
        })
    }

    /// A reference that is there and names a commit that is not.
    fn dangling(&self, name: &str) -> Option<GitError> {
        let named = self.repo.find_reference(name).ok()?.resolve().ok()?;
        let id = named.target().filter(|id| matches!(self.header(*id), Ok(None)))?;
        let lenders = program::first_line(&self.repo.commondir().join("objects/info/alternates"));
        let lender = lenders.map(PathBuf::from).filter(|path| !path.is_dir());
        Some(GitError::MissingCommit { rev: escaped(name.as_bytes()), id: id.to_string(), lender })
    }

    /// Size and type of an object; `None` when it is not in this clone.
    fn header(&self, id: Oid) -> Result<Option<(u64, ObjectType)>, GitError> {
        let odb = self.repo.odb().map_err(|error| GitError::reading("the objects", error))?;
        match odb.read_header(id) {
            Ok((size, kind)) => Ok(Some((size as u64, kind))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::reading(&format!("object {id}"), error)),
        }
    }

    fn content(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        self.repo
            .find_blob(id)
            .map(|blob| blob.content().to_vec())
            .map_err(|error| GitError::reading(&format!("object {id}"), error))
    }
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repo").field("path", &self.repo.path()).finish()
    }
}

/// Bytes as text, with what is not UTF-8 spelt out so that two names never become one.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
