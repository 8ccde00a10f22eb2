//! A commit on a branch of its own, made without a checkout.
//!
//! Blobs and trees are written with libgit2, from the tree of the commit that is gone on from; the
//! worktree, the index and every other reference stay as they are, so it works beside uncommitted
//! work and in a bare clone. The commit itself is made by the user's `git`: names, dates, and the
//! signature where one is configured, are what every other commit of theirs has.

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid};

use super::network::{Depth, Pushed};
use super::program::GitProgram;
use super::{GitError, Repo};

/// A file as a commit is to hold it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// From the repository's root, with slashes.
    pub path: &'a str,
    pub bytes: &'a [u8],
}

/// Where a branch was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub commit: String,
    /// Whether the remote has it there; not known where the remote was not asked.
    pub at_remote: bool,
    /// Whether this clone has a branch of that name, wherever it is.
    pub here: bool,
}

impl Repo {
    /// Whether a revision has something at a path.
    pub fn holds(&self, rev: &str, path: &str) -> Result<bool, GitError> {
        let tree = self.commit(rev)?.tree();
        let tree = tree.map_err(|error| GitError::reading("the commit's tree", error))?;
        match tree.get_path(std::path::Path::new(path)) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(GitError::reading(path, error)),
        }
    }

    /// Makes a commit on `parent` that differs from it in these files only, and returns its id. No
    /// reference names it yet. It is signed where the user's Git signs commits (`commit.gpgSign`).
    ///
    /// # Errors
    /// Also when the user's Git does not know who they are, or cannot sign.
    pub fn commit_on(
        &self,
        parent: &str,
        changes: &[Change<'_>],
        message: &str,
    ) -> Result<String, GitError> {
        let commit = self.commit(parent)?;
        let base = commit.tree().map_err(|error| GitError::reading("the commit's tree", error))?;
        let mut update = TreeUpdateBuilder::new();
        for change in changes {
            let blob = self.repo.blob(change.bytes);
            let blob = blob.map_err(|error| GitError::writing(change.path, error))?;
            let mode = match base.get_path(std::path::Path::new(change.path)) {
                Ok(entry) if entry.filemode() == i32::from(FileMode::BlobExecutable) => {
                    FileMode::BlobExecutable
                }
                _ => FileMode::Blob,
            };
            update.upsert(change.path, blob, mode);
        }
        let tree = update
            .create_updated(&self.repo, &base)
            .map_err(|error| GitError::writing("the commit's tree", error))?;
        let git = GitProgram::of(self);
        let (tree, parent) = (tree.to_string(), commit.id().to_string());
        let mut args = vec!["commit-tree", "-p", &parent, "-m", message];
        // Unlike `git commit`, the plumbing command does not ask this setting.
        if self.signs_commits(&git)? {
            args.push("-S");
        }
        args.push(&tree);
        let answer = git.run(&args)?;
        let id = String::from_utf8_lossy(&answer).trim().to_owned();
        self.resolve(&id)
    }

    fn signs_commits(&self, git: &GitProgram) -> Result<bool, GitError> {
        let args = ["config", "--type=bool", "--get", "commit.gpgSign"];
        let ended = git.ended(&args)?;
        match ended.code {
            Some(0) => Ok(ended.stdout.trim_ascii() == b"true"),
            // Git ends with 1 where the setting is missing, which is no failure.
            Some(1) => Ok(false),
            code => Err(GitError::Program {
                command: "config".to_owned(),
                code,
                complaint: ended.complaint,
            }),
        }
    }

    /// Makes a branch that does not exist yet. No existing one is ever moved.
    pub fn make_branch(&self, branch: &str, commit: &str) -> Result<(), GitError> {
        let failed = |source| GitError::Branch { branch: branch.to_owned(), source };
        let id = Oid::from_str(commit).map_err(failed)?;
        self.repo
            .reference(&format!("refs/heads/{branch}"), id, false, "applecart renew")
            .map(|_| ())
            .map_err(failed)
    }

    /// Looks for a branch: at the remote where one is named, then in this clone, also as it saw it
    /// at a remote last. What only the remote has is fetched, and no reference is moved.
    pub fn find_branch(
        &self,
        branch: &str,
        remote: Option<&str>,
    ) -> Result<Option<Found>, GitError> {
        let refname = format!("refs/heads/{branch}");
        let here = self.tip(&refname)?;
        if let Some(remote) = remote
            && let Some(there) = self.ls_remote(remote, &[&refname])?.remove(&refname)
        {
            if self.header(there)?.is_none() {
                self.fetch(remote, &refname, None, Depth::New)?;
            }
            let commit = there.to_string();
            return Ok(Some(Found { commit, at_remote: true, here: here.is_some() }));
        }
        let mut tip = here;
        if remote.is_none() {
            for remote in self.remotes()? {
                tip = tip.or(self.tip(&format!("refs/remotes/{remote}/{branch}"))?);
            }
        }
        Ok(tip.map(|tip| Found { commit: tip.to_string(), at_remote: false, here: here.is_some() }))
    }

    fn tip(&self, refname: &str) -> Result<Option<Oid>, GitError> {
        match self.repo.refname_to_id(refname) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::reading(refname, error)),
        }
    }

    /// Pushes a commit as a new branch; one that is there already is only moved forward.
    pub fn push_branch(
        &self,
        remote: &str,
        branch: &str,
        commit: &str,
    ) -> Result<Pushed, GitError> {
        let refname = format!("refs/heads/{branch}");
        let id = Oid::from_str(commit).map_err(|error| GitError::reading("a commit", error))?;
        self.push(remote, id, &refname, None)
    }
}

#[cfg(test)]
mod tests;
