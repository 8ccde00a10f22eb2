//! The other side of a shared ledger, behind one trait: its branch is fetched whole, and moved only
//! from where it was. The real one is the user's own `git`; `testing` has one without a process.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "reads the shallow file")]

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use git2::{Oid, Repository};

use super::branch::open;
use super::error::LedgerError;
use super::tree::Objects;
use crate::git::network::{Depth, Pushed};
use crate::git::{GitError, Repo, Trouble};
use crate::seams::Clock;

/// Pauses before a run of `git` that failed is tried again: networks have moments.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// The branch of a shared ledger at its remote.
pub trait Remote: Send + fmt::Debug {
    fn name(&self) -> &str;

    /// Brings the branch whole into this clone and says where it is; `None` where the remote was
    /// asked and has no such branch. `memory` is a reference of this clone that may be moved
    /// forward to it along the way. `clock` lets time pass between tries.
    fn fetch(&self, memory: &str, clock: &dyn Clock) -> Result<Option<Oid>, LedgerError>;

    /// Moves the branch forward to the commit `to`, or makes it, if it is at `expect`.
    ///
    /// # Errors
    /// When the remote could not be asked. Whether the push arrived is not known then.
    fn push_if_head(
        &self,
        to: Oid,
        expect: Option<Oid>,
        clock: &dyn Clock,
    ) -> Result<Pushed, LedgerError>;
}

/// A remote of the clone, through the user's `git`.
#[derive(Debug)]
pub(super) struct GitRemote {
    repo: Repo,
    name: String,
    branch: String,
    refname: String,
}

impl GitRemote {
    /// The remote of a branch, which is the upstream of `upstream_of`; `None` in a repository that
    /// has none.
    pub(super) fn of(
        repo_path: &Path,
        config: &Repository,
        branch: &str,
        upstream_of: &str,
    ) -> Result<Option<Self>, LedgerError> {
        let git = |source| LedgerError::Remotes { branch: branch.to_owned(), source };
        let repo = Repo::discover(repo_path).map_err(git)?;
        let remotes = repo.remotes().map_err(git)?;
        let upstream = config.config().and_then(|mut config| {
            config.snapshot()?.get_string(&format!("branch.{upstream_of}.remote"))
        });
        // `.` is Git's name for a branch of this very repository.
        let upstream = upstream.ok().filter(|name| name != ".");
        let name = choose(upstream.as_deref(), &remotes).map_err(|()| {
            LedgerError::WhichRemote { branch: upstream_of.to_owned(), remotes: remotes.clone() }
        })?;
        let (branch, refname) = (branch.to_owned(), format!("refs/heads/{branch}"));
        Ok(name.map(|name| Self { repo, name, branch, refname }))
    }

    fn unreachable(&self, source: GitError) -> LedgerError {
        let (branch, remote) = (self.branch.clone(), self.name.clone());
        LedgerError::Unreachable { branch, remote, source: Box::new(source) }
    }

    fn objects<'a>(&'a self, repo: &'a Repository) -> Objects<'a> {
        Objects { repo, branch: &self.branch }
    }

    fn no_room(&self, other: String) -> LedgerError {
        let (branch, remote) = (self.branch.clone(), self.name.clone());
        LedgerError::NoRoom { branch, remote, other }
    }

    fn fetch_again(&self, depth: Depth, clock: &dyn Clock) -> Result<(), LedgerError> {
        patiently(clock, || self.repo.fetch(&self.name, &self.refname, None, depth))
            .map_err(|error| self.unreachable(error))
    }

    /// Fetches what the clone was made without: the history of the branch in a shallow clone, the
    /// files and folders in a partial one. What `git clone` brought of the branch is of the clone's
    /// kind; what is fetched here is whole.
    fn complete(&self, tip: Oid, is_first: bool, clock: &dyn Clock) -> Result<(), LedgerError> {
        // An open handle keeps the ends of a shallow history as they were when it was opened.
        if self.is_cut(&open(&self.repo.path_common_dir())?, tip)? {
            self.fetch_again(Depth::Whole, clock)?;
        }
        let repo = open(&self.repo.path_common_dir())?;
        if self.is_partial(&repo)? && (is_first || self.lacks_files(&repo, tip)?) {
            self.fetch_again(Depth::Again, clock)?;
        }
        Ok(())
    }

    /// Whether this clone has only the end of a history.
    fn is_cut(&self, repo: &Repository, tip: Oid) -> Result<bool, LedgerError> {
        let ends = Self::shallow_ends(repo)?;
        if ends.is_empty() {
            return Ok(false);
        }
        let unreadable = |source| self.objects(repo).unreadable("the history", source);
        let mut walk = repo.revwalk().map_err(unreadable)?;
        walk.push(tip).map_err(unreadable)?;
        for commit in walk {
            if ends.contains(&commit.map_err(unreadable)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the clone was made without all objects.
    fn is_partial(&self, repo: &Repository) -> Result<bool, LedgerError> {
        let config = repo.config();
        let config = config.map_err(|source| self.objects(repo).unreadable("the files", source))?;
        Ok(config.get_bool(&format!("remote.{}.promisor", self.name)).unwrap_or(false))
    }

    /// Whether a commit's files or folders are not here.
    fn lacks_files(&self, repo: &Repository, tip: Oid) -> Result<bool, LedgerError> {
        let unreadable = |source| self.objects(repo).unreadable("the files", source);
        let odb = repo.odb().map_err(unreadable)?;
        // A tree that holds something else is for whoever reads it to complain about.
        let root = repo.find_commit(tip).map_err(unreadable)?.tree_id();
        let Ok(tree) = repo.find_tree(root) else { return Ok(true) };
        if tree.iter().any(|entry| !odb.exists(entry.id())) {
            return Ok(true);
        }
        let Ok(files) = self.objects(repo).files(tip) else { return Ok(false) };
        Ok(files.tenants.values().any(|&blob| !odb.exists(blob)))
    }

    /// The commits where a shallow clone's history ends; none in an ordinary one.
    fn shallow_ends(repo: &Repository) -> Result<BTreeSet<Oid>, LedgerError> {
        let path = repo.commondir().join("shallow");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().filter_map(|line| Oid::from_str(line).ok()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(source) => Err(LedgerError::State { path, source }),
        }
    }
}

impl Remote for GitRemote {
    fn name(&self) -> &str {
        &self.name
    }

    fn fetch(&self, memory: &str, clock: &dyn Clock) -> Result<Option<Oid>, LedgerError> {
        let is_first = self.objects(&open(&self.repo.path_common_dir())?).tip(memory)?.is_none();
        // One trip in the usual case. Git itself refuses to move the memory anywhere but forward.
        let tip = match self.repo.fetch(&self.name, &self.refname, Some(memory), Depth::New) {
            Ok(()) => self.objects(&open(&self.repo.path_common_dir())?).tip(memory)?,
            // Git does not say in data why, so it is found out below.
            Err(GitError::Program { .. }) => None,
            Err(error) => return Err(self.unreachable(error)),
        };
        let tip = match tip {
            Some(tip) => tip,
            None => {
                let there = patiently(clock, || self.repo.ls_remote(&self.name, &[&self.refname]));
                let mut there = there.map_err(|error| self.unreachable(error))?;
                let Some(there) = there.remove(&self.refname) else {
                    let other = self.repo.branch_in_the_way(Some(&self.name), &self.refname);
                    let other = other.map_err(|error| self.unreachable(error))?;
                    return other.map_or(Ok(None), |other| Err(self.no_room(other)));
                };
                // The branch was rewritten, another process moved the memory at the same moment, or
                // the network works again. That its commit is here proves nothing: another process's
                // fetch writes commits before their folders and files. Git itself looks for all of
                // them first, and writes nothing where none is missing.
                self.fetch_again(Depth::New, clock)?;
                there
            }
        };
        self.complete(tip, is_first, clock)?;
        Ok(Some(tip))
    }

    /// Tries again where the remote could not be reached: pushing the same commit twice is the same
    /// as pushing it once.
    fn push_if_head(
        &self,
        to: Oid,
        expect: Option<Oid>,
        clock: &dyn Clock,
    ) -> Result<Pushed, LedgerError> {
        patiently(clock, || self.repo.push(&self.name, to, &self.refname, expect)).map_err(
            |source| {
                let (branch, remote) = (self.branch.clone(), self.name.clone());
                LedgerError::NotPushed { branch, remote, source: Box::new(source) }
            },
        )
    }
}

/// The branch's upstream, else `origin`, else the only one; an error where that names none.
fn choose(upstream: Option<&str>, remotes: &[String]) -> Result<Option<String>, ()> {
    let named = |name: &str| remotes.iter().find(|remote| *remote == name).cloned();
    if let Some(upstream) = upstream {
        return named(upstream).map(Some).ok_or(());
    }
    match (named("origin"), remotes) {
        (Some(origin), _) => Ok(Some(origin)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Err(()),
    }
}

/// Tries again after a failure that may have passed by then.
fn patiently<T>(clock: &dyn Clock, run: impl Fn() -> Result<T, GitError>) -> Result<T, GitError> {
    for pause in PAUSES {
        match run() {
            Err(GitError::Program { complaint, .. }) if Trouble::may_pass(&complaint) => {
                clock.pause(pause);
            }
            other => return other,
        }
    }
    run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_is_the_upstream_else_origin_else_the_only_one() {
        let remotes =
            |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (upstream, names, expected) in [
            (None, &[][..], Ok(None)),
            (None, &["backup"], Ok(Some("backup"))),
            (None, &["backup", "origin"], Ok(Some("origin"))),
            (None, &["backup", "mirror"], Err(())),
            (Some("backup"), &["backup", "origin"], Ok(Some("backup"))),
            (Some("gone"), &["backup", "origin"], Err(())),
            (Some("https://user:pass@git.example"), &["origin"], Err(())),
        ] {
            let expected = expected.map(|name: Option<&str>| name.map(str::to_owned));
            assert_eq!(choose(upstream, &remotes(names)), expected, "{upstream:?} {names:?}");
        }
    }
}
