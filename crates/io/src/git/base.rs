//! The base: the revision that reviewers have agreed to, from which the policy is read.
//!
//! Whoever opens a pull request writes its files, so no file of a revision can say by which rules
//! that revision is judged. The base is found without it: by the command line, by the pipeline,
//! or by the remote. What was named and cannot be found is an error with the command that fetches
//! it, never another revision instead.

use std::collections::{BTreeSet, BinaryHeap, HashSet};

use git2::{ErrorCode, ObjectType, Oid, Tree};

use super::names::shown;
use super::network::Depth;
use super::program::checked_remote;
use super::snapshot::{MAX_TENANTS_TREE_BYTES, TENANTS, limit};
use super::{GitError, Repo, Trouble, escaped};
use applecart_core::model::{nearest, shell_word};

/// By what the base is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A revision, named on the command line.
    Revision(String),
    /// The target branch that a pipeline names, as this clone knows it of the remote.
    Target {
        /// The branch's name, without `refs/heads/`.
        branch: String,
        /// The variable that names it.
        variable: &'static str,
    },
    /// The remote's default branch, as the remote reports it.
    Default,
}

/// A revision that reviewers have agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The commit, as 40 hexadecimal digits.
    pub commit: String,
    /// Its name for people, such as `origin/main`.
    pub name: String,
    /// The remote and the branch there, where it is one.
    branch: Option<(String, String)>,
}

impl Base {
    /// The remote and the branch there, where it is one.
    pub fn remote_branch(&self) -> Option<(&str, &str)> {
        self.branch.as_ref().map(|(remote, branch)| (remote.as_str(), branch.as_str()))
    }
}

/// The flags that name a revision to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `--policy-rev`: the revision whose settings and rules apply.
    PolicyRev,
    /// `--base`: the revision that a branch is compared with.
    Base,
}

impl std::fmt::Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PolicyRev => "--policy-rev",
            Self::Base => "--base",
        })
    }
}

/// Why there is no base, or why a commit may not be applied against it.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error("the revision {rev:?} of {flag} cannot be read")]
    Revision {
        /// As it was given.
        rev: String,
        flag: Flag,
        /// The remote that may have it.
        remote: Option<String>,
        /// A branch or tag of this clone that was probably meant.
        near: Option<String>,
        #[source]
        source: Box<GitError>,
    },
    #[error(
        "{variable} names the target branch {branch:?}, but this clone has not fetched it from {remote}"
    )]
    NotFetched { variable: &'static str, remote: String, branch: String },
    #[error("{variable} names the target branch {branch:?}, but this repository has no remote")]
    NoRemote { variable: &'static str, branch: String },
    #[error("{variable} names {branch:?}, which is not a valid name of a branch")]
    BranchName { variable: &'static str, branch: String },
    #[error("this repository has several remotes ({}), none of them called origin, and the branch has no upstream", remotes.join(", "))]
    ManyRemotes { remotes: Vec<String> },
    #[error("{remote} could not be asked for its default branch, from which the policy is read")]
    Unreachable {
        remote: String,
        #[source]
        source: GitError,
    },
    #[error("the history of {}, which says what belongs to whom, could not be fetched", base.name)]
    History {
        base: Base,
        #[source]
        source: Option<Box<GitError>>,
    },
    #[error("{remote} does not have the branch {branch} any more, from which the policy is read")]
    Gone { remote: String, branch: String },
    #[error("{remote} reports no default branch, from which the policy would be read")]
    NoDefault { remote: String },
    #[error("commit {commit} is not contained in the base ({} at {}): it has not been merged{}", base.name, base.commit, if *unpushed { ", or the merge was not pushed" } else { "" })]
    NotContained {
        /// The commit that was to be applied.
        commit: String,
        base: Base,
        /// Whether the base's own branch is checked out, with commits that its remote lacks.
        unpushed: bool,
    },
    #[error("commit {commit} is not contained in the base ({} at {}), but was before: this clone has seen it at {seen}, so the remote is behind", base.name, base.commit)]
    Behind {
        /// The commit that was to be applied.
        commit: String,
        base: Box<Base>,
        /// Where the base's branch was.
        seen: String,
    },
    #[error("this shallow clone cannot tell whether commit {commit} is contained in the base ({} at {})", base.name, base.commit)]
    CannotTell {
        /// The commit that was to be applied.
        commit: String,
        base: Base,
    },
    #[error("commit {commit} and {} (at {}) have no commit in common, so it is unknown which tenants the branch touches", base.name, base.commit)]
    NoMergeBase {
        commit: String,
        /// What it was to be compared with.
        base: Base,
        /// Whether this clone is shallow, so that there may be one that is not here.
        shallow: bool,
    },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl BaseError {
    /// The cause that Git, the forge or the system named, where it has a next step of its own.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Unreachable { source, .. } => Trouble::of(&source.to_string()),
            _ => None,
        }
    }

    /// The command that gets what is missing, ready for a shell.
    pub fn fetch_line(&self) -> Option<String> {
        match self {
            Self::NotFetched { remote, branch, .. } => Some(tracking_line(remote, branch)),
            // A slip is not there to be fetched either.
            Self::Revision { rev, remote: Some(remote), near: None, source, .. }
                if matches!(**source, GitError::UnknownRevision { .. }) =>
            {
                let short = rev.strip_prefix("refs/remotes/").unwrap_or(rev);
                let branch = short.strip_prefix(&format!("{remote}/")).unwrap_or(rev);
                let is_id = branch.len() == 40 && branch.chars().all(|c| c.is_ascii_hexdigit());
                Some(if is_id || !is_branch(branch) {
                    format!("git fetch {} {}", shell_word(remote), shell_word(branch))
                } else {
                    tracking_line(remote, branch)
                })
            }
            Self::CannotTell { base, .. } | Self::NoMergeBase { base, shallow: true, .. } => {
                Some(match &base.branch {
                    Some((remote, branch)) => format!(
                        "git fetch --unshallow {} {}",
                        shell_word(remote),
                        shell_word(&format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}"))
                    ),
                    None => "git fetch --unshallow".to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl Repo {
    /// The remote that the fleet comes from: the upstream's of the branch that is checked out,
    /// else `origin`, else the only one; `None` where there is none.
    pub fn fleet_remote(&self) -> Result<Option<String>, BaseError> {
        let mut remotes = self.remotes()?;
        let upstream = self.upstream_remote().filter(|name| remotes.contains(name));
        let origin = || remotes.iter().find(|name| *name == "origin").cloned();
        if let Some(name) = upstream.or_else(origin) {
            return Ok(Some(name));
        }
        match remotes.len() {
            0 | 1 => Ok(remotes.pop()),
            _ => Err(BaseError::ManyRemotes { remotes }),
        }
    }

    /// The remote of the checked-out branch's upstream; a detached HEAD has none.
    fn upstream_remote(&self) -> Option<String> {
        let head = self.repo.find_reference("HEAD").ok()?;
        let branch = head.symbolic_target().ok().flatten()?.to_owned();
        let remote = self.repo.branch_upstream_remote(&branch).ok()?;
        remote.as_str().ok().map(str::to_owned)
    }

    /// Finds the base; `None` where nothing was named and there is no remote, so that the planned
    /// revision is its own base.
    ///
    /// Only [`Wanted::Default`] asks the remote. Where this clone does not have the tip that the
    /// remote reports, its objects are fetched, and no reference is moved.
    ///
    /// # Errors
    /// When what was named cannot be found. There is no second choice.
    pub fn base(&self, wanted: &Wanted) -> Result<Option<Base>, BaseError> {
        match wanted {
            Wanted::Revision(rev) => self.named_base(rev, Flag::PolicyRev).map(Some),
            Wanted::Target { branch, variable } => self.target_base(branch, variable).map(Some),
            Wanted::Default => match self.fleet_remote()? {
                Some(remote) => self.default_base(remote).map(Some),
                None => Ok(None),
            },
        }
    }

    pub(super) fn named_base(&self, rev: &str, flag: Flag) -> Result<Base, BaseError> {
        match self.resolve(rev) {
            Ok(commit) => Ok(Base { commit, name: shown(rev), branch: self.remote_branch(rev)? }),
            Err(source) => Err(BaseError::Revision {
                rev: rev.to_owned(),
                flag,
                // Only for the hint: which of several remotes has it is unknown.
                remote: self.fleet_remote().ok().flatten(),
                near: self.nearest_reference(rev),
                source: Box::new(source),
            }),
        }
    }

    /// The branch or tag of this clone whose name is nearly the one that was written.
    fn nearest_reference(&self, rev: &str) -> Option<String> {
        let references = self.repo.references().ok()?.flatten();
        let names: Vec<String> =
            references.map(|reference| escaped(reference.shorthand_bytes())).collect();
        nearest(rev, names.iter().map(String::as_str)).map(str::to_owned)
    }

    fn target_base(&self, branch: &str, variable: &'static str) -> Result<Base, BaseError> {
        let branch = branch.to_owned();
        if !is_branch(&branch) {
            return Err(BaseError::BranchName { variable, branch });
        }
        let Some(remote) = self.fleet_remote()? else {
            return Err(BaseError::NoRemote { variable, branch });
        };
        // By its full name: a local branch or tag that is called `origin/main` is not it.
        match self.repo.refname_to_id(&format!("refs/remotes/{remote}/{branch}")) {
            Ok(id) => Ok(branch_base(self.resolve(&id.to_string())?, remote, branch)),
            Err(error) if error.code() == ErrorCode::NotFound => {
                Err(BaseError::NotFetched { variable, remote, branch })
            }
            Err(error) => Err(GitError::reading("the target branch", error).into()),
        }
    }

    fn default_base(&self, remote: String) -> Result<Base, BaseError> {
        let asked = checked_remote(&remote).and_then(|name| self.default_branch(name));
        let (branch, tip) = match asked {
            Ok(Some(found)) => found,
            Ok(None) => return Err(BaseError::NoDefault { remote }),
            Err(source) => return Err(BaseError::Unreachable { remote, source }),
        };
        self.tip_of(remote, branch, tip)
    }

    /// The base as its remote has it at this moment; where it is no branch of a remote, it stays
    /// what it is. No reference is moved.
    ///
    /// # Errors
    /// When the remote cannot be asked, or does not have the branch any more.
    pub fn refresh(&self, base: &Base) -> Result<Base, BaseError> {
        let Some((remote, branch)) = base.branch.clone() else { return Ok(base.clone()) };
        let refname = format!("refs/heads/{branch}");
        match self.ls_remote(&remote, &[&refname]).map(|mut found| found.remove(&refname)) {
            Ok(Some(tip)) => self.tip_of(remote, branch, tip),
            Ok(None) => Err(BaseError::Gone { remote, branch }),
            Err(source) => Err(BaseError::Unreachable { remote, source }),
        }
    }

    /// Fetches the whole history of a base into a reference of ours, also where this clone has only
    /// the end of it, and with the contents of its files.
    ///
    /// # Errors
    /// When it cannot be fetched, or comes from no remote.
    pub fn fetch_history(&self, base: &Base) -> Result<(), BaseError> {
        let failed = |source: Option<GitError>| BaseError::History {
            base: base.clone(),
            source: source.map(Box::new),
        };
        let (remote, source) = match &base.branch {
            Some((remote, branch)) => (remote.clone(), format!("refs/heads/{branch}")),
            None => (self.fleet_remote()?.ok_or_else(|| failed(None))?, base.commit.clone()),
        };
        let depth = if self.is_shallow() { Depth::Whole } else { Depth::Again };
        self.fetch_history_of(&remote, &source, depth).map_err(|error| failed(Some(error)))
    }

    /// The base at the tip that the remote reports. Its objects are fetched where they are missing.
    fn tip_of(&self, remote: String, branch: String, tip: Oid) -> Result<Base, BaseError> {
        if self.header(tip)?.is_none()
            && let Err(source) =
                self.fetch(&remote, &format!("refs/heads/{branch}"), None, Depth::New)
        {
            return Err(BaseError::Unreachable { remote, source });
        }
        match self.resolve(&tip.to_string()) {
            Ok(commit) => Ok(branch_base(commit, remote, branch)),
            // It was replaced by force between the two questions.
            Err(source) => Err(BaseError::Unreachable { remote, source }),
        }
    }

    /// Checks that `commit` is the base or an ancestor of it.
    ///
    /// # Errors
    /// When it is not, or when this clone is too shallow to tell.
    pub fn must_contain(&self, base: &Base, commit: &str) -> Result<(), BaseError> {
        let named = |id: &str| {
            Oid::from_str(id).map_err(|error| GitError::reading("the name of a commit", error))
        };
        let wanted = named(commit)?;
        let mut is_cut_off = false;
        let mut seen = HashSet::from([named(&base.commit)?]);
        let mut ahead = BinaryHeap::new();
        ahead.extend(seen.iter().map(|&id| (0, id)));
        // Newest first, so that what was merged lately is found soon.
        while let Some((_, id)) = ahead.pop() {
            if id == wanted {
                return Ok(());
            }
            let parents = match self.header(id)? {
                None => {
                    is_cut_off = true;
                    continue;
                }
                Some(_) => self.true_parents(id)?,
            };
            for parent in parents {
                if seen.insert(parent) {
                    ahead.push((self.time_of(parent), parent));
                }
            }
        }
        let (commit, base) = (commit.to_owned(), base.clone());
        Err(if is_cut_off {
            BaseError::CannotTell { commit, base }
        } else if let Some(seen) = self.seen_ahead(&base, wanted)? {
            BaseError::Behind { commit, base: Box::new(base), seen: seen.to_string() }
        } else {
            let unpushed = self.is_on(&base);
            BaseError::NotContained { commit, base, unpushed }
        })
    }

    /// Where this clone last saw the base's branch, if that goes on from where the remote has it now
    /// and holds the commit: then the remote is a replica that lags, or was restored.
    pub(super) fn seen_ahead(&self, base: &Base, commit: Oid) -> Result<Option<Oid>, GitError> {
        let Some((remote, branch)) = base.remote_branch() else { return Ok(None) };
        let seen = self.repo.refname_to_id(&format!("refs/remotes/{remote}/{branch}"));
        let Ok(seen) = seen else { return Ok(None) };
        let unreadable = |error| GitError::reading("the history", error);
        let tip = Oid::from_str(&base.commit).map_err(unreadable)?;
        let holds = |one| -> Result<bool, GitError> {
            Ok(seen == one || self.repo.graph_descendant_of(seen, one).map_err(unreadable)?)
        };
        Ok((seen != tip && holds(tip)? && holds(commit)?).then_some(seen))
    }

    /// The parents that a commit names, also where the clone is cut off and libgit2 shows none.
    pub(super) fn true_parents(&self, id: Oid) -> Result<Vec<Oid>, GitError> {
        let unreadable = |error| GitError::reading(&format!("commit {id}"), error);
        let commit = self.repo.find_commit(id).map_err(unreadable)?;
        let header = String::from_utf8_lossy(commit.raw_header_bytes()).into_owned();
        header
            .lines()
            .filter_map(|line| line.strip_prefix("parent "))
            .map(|parent| Oid::from_str(parent).map_err(unreadable))
            .collect()
    }

    pub(super) fn time_of(&self, id: Oid) -> i64 {
        self.repo.find_commit(id).map_or(i64::MAX, |commit| commit.time().seconds())
    }

    /// The commit at which two histories parted; `None` where there is none, or none in this
    /// clone.
    pub fn fork(&self, one: &str, other: &str) -> Option<String> {
        let (one, other) = (Oid::from_str(one).ok()?, Oid::from_str(other).ok()?);
        self.repo.merge_base(one, other).ok().map(|id| id.to_string())
    }
}

impl Repo {
    /// The commit where `rev` left `base`, and the names of the tenants' folders that are not the
    /// same in both: changed, new, renamed (under both names) and removed ones.
    ///
    /// Comparing with where the branch began leaves out what others merged since then.
    ///
    /// # Errors
    /// When a revision cannot be found, or when the two have no commit in common, which a shallow
    /// clone may only not have.
    pub fn touched(&self, rev: &str, base: &str) -> Result<(String, BTreeSet<String>), BaseError> {
        let commit = self.resolve(rev)?;
        let base = self.named_base(base, Flag::Base)?;
        let Some(fork) = self.fork(&commit, &base.commit) else {
            return Err(BaseError::NoMergeBase { commit, base, shallow: self.is_shallow() });
        };
        let (before, after) = (self.folders(&fork)?, self.folders(&commit)?);
        let touched = before.symmetric_difference(&after).map(|(name, _)| name.clone()).collect();
        Ok((fork, touched))
    }

    /// Name and tree of every folder.
    fn folders(&self, commit: &str) -> Result<BTreeSet<(String, Oid)>, GitError> {
        let unreadable = |error| GitError::reading(&format!("the tree of commit {commit}"), error);
        let root = self.commit(commit)?.tree().map_err(unreadable)?;
        let Some(entry) = root.get_name(TENANTS) else { return Ok(BTreeSet::new()) };
        let Some((size, ObjectType::Tree)) = self.header(entry.id())? else {
            return Ok(BTreeSet::new());
        };
        limit("the bytes of the folder `tenants`", MAX_TENANTS_TREE_BYTES, size)?;
        let tenants: Tree<'_> = self.repo.find_tree(entry.id()).map_err(unreadable)?;
        Ok(tenants.iter().map(|folder| (escaped(folder.name_bytes()), folder.id())).collect())
    }
}

fn branch_base(commit: String, remote: String, branch: String) -> Base {
    Base { commit, name: format!("{remote}/{branch}"), branch: Some((remote, branch)) }
}

fn is_branch(name: &str) -> bool {
    git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
}

fn tracking_line(remote: &str, branch: &str) -> String {
    let spec = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    format!("git fetch {} {}", shell_word(remote), shell_word(&spec))
}

#[cfg(test)]
mod tests;
