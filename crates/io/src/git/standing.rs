//! How a clone stands to its remote: what it lacks, what only it has, and which renewals wait on
//! branches.

use std::collections::BTreeMap;

use git2::Oid;

use super::network::Depth;
use super::program::{GitProgram, checked_remote};
use super::{Base, GitError, Repo, escaped};
use applecart_core::fleet::FLEET_FILE;
use applecart_core::model::Timestamp;

const HEADS: &str = "refs/heads/";

/// How the names of the branches begin that `renew` makes.
const RENEWALS: &str = "renew/";

/// As many branches are fetched by one command: their names have to fit on a command line.
const AT_ONCE: usize = 500;

/// So many branches with other names are looked at. Where there are more, those of renewals tell
/// themselves by their names.
const MAX_OTHERS: usize = 500;

/// How the commit that is checked out stands to the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many commits of the base it lacks. A branch of its own is never behind: it waits to be
    /// merged.
    pub behind: usize,
    /// How many commits the base's own branch has in this clone that the remote does not have.
    pub unpushed: usize,
    /// Whether the remote had all of these before.
    pub is_lost_there: bool,
}

/// A branch that may hold a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalBranch {
    /// The branch's name, without `refs/heads/`.
    pub name: String,
    pub commit: String,
    /// The remote that has it; `None` where it is known of this clone only.
    pub remote: Option<String>,
    /// Who made its last commit, and when; `None` where the commit is not in this clone.
    pub brought: Option<(String, Timestamp)>,
}

impl Repo {
    /// Compares what is checked out with the base.
    pub fn standing(&self, base: &Base) -> Result<Standing, GitError> {
        let named = |id: &str| {
            Oid::from_str(id).map_err(|error| GitError::reading("the name of a commit", error))
        };
        let (head, tip) = (named(&self.resolve("HEAD")?)?, named(&base.commit)?);
        let (ahead, behind) = match self.repo.graph_ahead_behind(head, tip) {
            Ok(counted) => counted,
            // Its history ends before the two meet.
            Err(_) if self.is_shallow() => return Ok(Standing::default()),
            Err(error) => return Err(GitError::reading("the history", error)),
        };
        let is_on_base = self.is_on(base);
        let unpushed = if is_on_base { ahead } else { 0 };
        Ok(Standing {
            behind: if ahead == 0 || is_on_base { behind } else { 0 },
            unpushed,
            is_lost_there: unpushed > 0 && self.seen_ahead(base, head)?.is_some(),
        })
    }

    /// Whether the branch that is checked out is the one that follows the base's.
    pub fn is_on(&self, base: &Base) -> bool {
        let Some((remote, branch)) = base.remote_branch() else { return false };
        let Ok(head) = self.repo.head() else { return false };
        if !head.is_branch() {
            return false;
        }
        let upstream = head.name().ok().map(|name| self.repo.branch_upstream_name(name));
        match upstream {
            Some(Ok(name)) => *name == *format!("refs/remotes/{remote}/{branch}").as_bytes(),
            _ => head.shorthand_bytes() == branch.as_bytes(),
        }
    }

    /// The fleet's files that are changed or new in the worktree and not committed.
    pub fn uncommitted(&self) -> Result<Vec<String>, GitError> {
        if self.worktree().is_none() || self.is_unchecked_out() {
            return Ok(Vec::new());
        }
        let args = [
            "--no-optional-locks",
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=all",
            "--",
            "tenants",
            FLEET_FILE,
        ];
        let listed = GitProgram::of(self).run(&args)?;
        let lines = listed.split(|&byte| byte == 0).filter_map(|line| line.get(3..));
        Ok(lines.filter(|path| !path.is_empty()).map(escaped).collect())
    }

    /// Whether `commit` is `tip` or comes before it, so far as this clone can tell.
    pub fn is_merged(&self, commit: &str, tip: &str) -> bool {
        let (Ok(commit), Ok(tip)) = (Oid::from_str(commit), Oid::from_str(tip)) else {
            return false;
        };
        commit == tip || self.repo.graph_descendant_of(tip, commit).unwrap_or(false)
    }

    /// The branches that may bring a renewal: those of this clone, and those of the remote where one is
    /// named, else as this clone saw them last. A renewal may be on a branch of any name; `is_other`
    /// leaves out those that bring none. The commits of those that only the remote has are fetched,
    /// and no reference is moved.
    pub fn renewal_branches(
        &self,
        remote: Option<&str>,
        is_other: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<RenewalBranch>, GitError> {
        let mut found: BTreeMap<String, (Oid, Option<String>)> = BTreeMap::new();
        let unreadable = |error| GitError::reading("the branches", error);
        for reference in self.repo.references().map_err(unreadable)? {
            let reference = reference.map_err(unreadable)?;
            let name = escaped(reference.name_bytes());
            let Some(tip) = reference.target() else { continue };
            if let Some(branch) = name.strip_prefix(HEADS) {
                found.entry(branch.to_owned()).or_insert((tip, None));
            } else if remote.is_none()
                && let Some((of, branch)) =
                    name.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/'))
            {
                found.insert(branch.to_owned(), (tip, Some(of.to_owned())));
            }
        }
        if let Some(remote) = remote {
            let there = self.heads_at(remote)?;
            let there =
                there.into_iter().map(|(branch, tip)| (branch, (tip, Some(remote.to_owned()))));
            found.extend(there);
        }
        let mut others = 0;
        found.retain(|name, _| {
            let is_named_so = name.starts_with(RENEWALS);
            others += usize::from(!is_named_so && !is_other(name));
            is_named_so || (!is_other(name) && others <= MAX_OTHERS)
        });
        if others > MAX_OTHERS {
            tracing::warn!(
                "of {others} branches {MAX_OTHERS} were looked at: a renewal on another one is not told. Delete branches that are merged"
            );
        }
        if let Some(remote) = remote {
            // A clone that nothing can be written to knows the names all the same.
            if let Err(error) = self.fetch_missing(remote, &found) {
                tracing::debug!(%error, "the commits of open renewals were not fetched");
            }
        }
        Ok(found
            .into_iter()
            .map(|(name, (tip, remote))| RenewalBranch {
                name,
                commit: tip.to_string(),
                remote,
                brought: self.author(tip),
            })
            .collect())
    }

    fn heads_at(&self, remote: &str) -> Result<BTreeMap<String, Oid>, GitError> {
        let args = ["ls-remote", "--refs", "--heads", "--", checked_remote(remote)?];
        let answer = GitProgram::of(self).run(&args)?;
        let heads = super::network::advertised(&answer)?;
        Ok(heads
            .into_iter()
            .filter_map(|(name, tip)| Some((name.strip_prefix(HEADS)?.to_owned(), tip)))
            .collect())
    }

    fn fetch_missing(
        &self,
        remote: &str,
        branches: &BTreeMap<String, (Oid, Option<String>)>,
    ) -> Result<(), GitError> {
        let mut missing = Vec::new();
        for (branch, (tip, of)) in branches {
            if of.is_some() && self.header(*tip)?.is_none() {
                missing.push(format!("{HEADS}{branch}"));
            }
        }
        for some in missing.chunks(AT_ONCE) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            self.fetch_objects(remote, &some, Depth::New)?;
        }
        Ok(())
    }

    fn author(&self, tip: Oid) -> Option<(String, Timestamp)> {
        let commit = self.repo.find_commit(tip).ok()?;
        let author = commit.author();
        let at = chrono::DateTime::from_timestamp(author.when().seconds(), 0)?;
        Some((escaped(author.name_bytes()), Timestamp::new(at)))
    }
}

#[cfg(test)]
mod tests;
