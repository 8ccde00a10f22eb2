//! Which tenants a branch touches.

use std::collections::BTreeSet;

use git2::{ObjectType, Oid, Tree};

use super::base::{BaseError, Flag};
use super::snapshot::{MAX_TENANTS_TREE_BYTES, TENANTS, limit};
use super::{GitError, Repo, escaped};

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
