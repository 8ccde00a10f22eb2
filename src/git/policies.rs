//! The versions of the fleet's policy along the mainline of the protected branch.

use git2::Oid;

use super::{GitError, Repo};
use crate::fleet::{FLEET_FILE, FileBytes};

/// A commit of the mainline (the chain of first parents) that changed a file of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The commit.
    pub commit: String,
    /// Its first parent; `None` where there is none, or the clone is cut off.
    pub parent: Option<String>,
    /// `applecart.yaml` in the commit.
    pub after: Option<Vec<u8>>,
    /// The same in its first parent.
    pub before: Option<Vec<u8>>,
    /// Whether any of the files that were asked about is another one.
    pub files_changed: bool,
}

impl Repo {
    /// The commits of the mainline up to `tip` that changed `applecart.yaml` or one of the files
    /// that `files` names for a version of it, newest first.
    ///
    /// # Errors
    /// When the history cannot be read, or a version is too large.
    pub fn policy_versions(
        &self,
        tip: &str,
        files: impl Fn(Option<&[u8]>) -> Vec<String>,
    ) -> Result<Vec<PolicyVersion>, GitError> {
        let mut versions = Vec::new();
        let mut at = self.commit(tip)?.id();
        let mut named: Option<(Option<Oid>, Vec<String>)> = None;
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
            match parent {
                Some(parent) => at = parent,
                None => return Ok(versions),
            }
        }
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
