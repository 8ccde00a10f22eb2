//! The versions of the fleet's policy along the mainline of the protected branch.
//!
//! Who can push a merge decides which of its parents is the first, and so what the mainline is: a
//! merge can put the old mainline behind a history of its own making. So a merge is also compared
//! with a parent whose policy the mainline never had.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use git2::Oid;

use super::{GitError, Repo};
use applecart_core::fleet::{FLEET_FILE, FileBytes};

/// A commit of the mainline (the chain of first parents) that changed a file of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    pub commit: String,
    /// The parent that it is compared with, nearly always the first; `None` where there is none, or
    /// the clone is cut off.
    pub parent: Option<String>,
    /// `applecart.yaml` in the commit.
    pub after: Option<Vec<u8>>,
    /// The same in that parent.
    pub before: Option<Vec<u8>>,
    /// Whether any of the files that were asked about is another one.
    pub files_changed: bool,
}

/// A policy as the objects that it consists of: `applecart.yaml`, and the files that it names.
type Identity = (Option<Oid>, Vec<(String, Option<Oid>)>);

impl Repo {
    /// The commits of the mainline up to `tip` that changed `applecart.yaml` or one of the files
    /// that `files` names for a version of it, newest first.
    pub fn policy_versions(
        &self,
        tip: &str,
        files: impl Fn(Option<&[u8]>) -> Vec<String>,
    ) -> Result<Vec<PolicyVersion>, GitError> {
        let mut versions = Vec::new();
        let mut at = self.commit(tip)?.id();
        let mut named: Option<(Option<Oid>, Vec<String>)> = None;
        let mut chain: Vec<Oid> = Vec::new();
        let mut others: Vec<(usize, Oid)> = Vec::new();
        loop {
            let unreadable = |error| GitError::reading(&format!("commit {at}"), error);
            let commit = self.repo.find_commit(at).map_err(unreadable)?;
            let tree = commit.tree().map_err(unreadable)?;
            let parent = commit.parent_ids().next();
            let before = match parent {
                Some(parent) => {
                    let parent = self.repo.find_commit(parent).and_then(|parent| parent.tree());
                    Some(parent.map_err(unreadable)?)
                }
                None => None,
            };
            let file_of = |tree: &git2::Tree<'_>, path: &str| {
                tree.get_path(std::path::Path::new(path)).ok().map(|entry| entry.id())
            };
            let after_id = file_of(&tree, FLEET_FILE);
            let before_id = before.as_ref().and_then(|tree| file_of(tree, FLEET_FILE));
            let policy_changed = after_id != before_id;
            // The files of a version are asked for once, as long as it stays the same.
            let of_before = match &named {
                Some((id, paths)) if *id == before_id => paths.clone(),
                _ => {
                    let bytes = match &parent {
                        Some(parent) => self.policy_bytes(&parent.to_string())?,
                        None => None,
                    };
                    let paths = files(bytes.as_deref());
                    named = Some((before_id, paths.clone()));
                    paths
                }
            };
            let files_changed = of_before.iter().any(|path| {
                file_of(&tree, path) != before.as_ref().and_then(|tree| file_of(tree, path))
            });
            if policy_changed || files_changed {
                versions.push(PolicyVersion {
                    commit: at.to_string(),
                    parent: parent.map(|id| id.to_string()),
                    after: self.policy_bytes(&at.to_string())?,
                    before: match &parent {
                        Some(parent) => self.policy_bytes(&parent.to_string())?,
                        None => None,
                    },
                    files_changed,
                });
            }
            others.extend(commit.parent_ids().skip(1).map(|other| (chain.len(), other)));
            chain.push(at);
            match parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        versions.extend(self.set_aside(&chain, &others, &files)?);
        Ok(versions)
    }

    /// Merges of the mainline (by their place in it, newest first) that took over nothing of another
    /// parent's policy, although no commit of the mainline before them had that policy.
    fn set_aside(
        &self,
        chain: &[Oid],
        others: &[(usize, Oid)],
        files: &impl Fn(Option<&[u8]>) -> Vec<String>,
    ) -> Result<Vec<PolicyVersion>, GitError> {
        let mut versions = Vec::new();
        if others.is_empty() {
            return Ok(versions);
        }
        let mut names: HashMap<Oid, Vec<String>> = HashMap::new();
        let mut oldest: HashMap<Identity, usize> = HashMap::new();
        let mut of_chain = Vec::with_capacity(chain.len());
        for (place, &commit) in chain.iter().enumerate() {
            let identity = self.identity(commit, files, &mut names)?;
            oldest.insert(identity.clone(), place);
            of_chain.push(identity);
        }
        for &(place, other) in others {
            let theirs = self.identity(other, files, &mut names)?;
            let was_there = oldest.get(&theirs).is_some_and(|oldest| *oldest > place);
            let (Some(merge), Some(ours)) = (chain.get(place), of_chain.get(place)) else {
                continue;
            };
            if was_there || theirs == *ours || theirs.0.is_none() {
                continue;
            }
            versions.push(PolicyVersion {
                commit: merge.to_string(),
                parent: Some(other.to_string()),
                after: self.policy_bytes(&merge.to_string())?,
                before: self.policy_bytes(&other.to_string())?,
                files_changed: theirs.1 != ours.1,
            });
        }
        Ok(versions)
    }

    fn identity(
        &self,
        commit: Oid,
        files: &impl Fn(Option<&[u8]>) -> Vec<String>,
        names: &mut HashMap<Oid, Vec<String>>,
    ) -> Result<Identity, GitError> {
        let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
        let tree = self.repo.find_commit(commit).and_then(|commit| commit.tree());
        let tree = tree.map_err(unreadable)?;
        let file_of =
            |path: &str| tree.get_path(std::path::Path::new(path)).ok().map(|entry| entry.id());
        let Some(policy) = file_of(FLEET_FILE) else { return Ok((None, Vec::new())) };
        let named = match names.entry(policy) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => {
                place.insert(files(self.policy_bytes(&commit.to_string())?.as_deref())).clone()
            }
        };
        let named = named.into_iter().map(|path| {
            let id = file_of(&path);
            (path, id)
        });
        Ok((Some(policy), named.collect()))
    }

    /// The settings' bytes; `None` where there are none that can be read as such.
    fn policy_bytes(&self, rev: &str) -> Result<Option<Vec<u8>>, GitError> {
        match self.plain_file(rev, FLEET_FILE) {
            Ok(Some(FileBytes::Read(bytes))) => Ok(Some(bytes)),
            Ok(_) | Err(GitError::WrongKind { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
