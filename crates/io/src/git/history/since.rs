//! Since which commit of the mainline something is as it is.

use git2::{Oid, Tree};

use crate::git::snapshot::TENANTS;
use crate::git::{GitError, Repo};
use applecart_core::fleet::{FLEET_FILE, Folder};

impl Repo {
    /// The commit of the mainline (the chain of first parents) up to `tip` since which this
    /// tenant's folder `is` so: before it, it was not.
    pub fn folder_since(
        &self,
        tip: &str,
        name: &str,
        is: impl Fn(Option<Folder>) -> bool,
    ) -> Result<String, GitError> {
        let entry = |root: &Tree<'_>| {
            let folder = root.get_path(&std::path::Path::new(TENANTS).join(name));
            folder.ok().map(|entry| entry.id())
        };
        self.since(tip, entry, |commit| Ok(is(self.tenant(commit, name)?)))
    }

    /// The commit of the mainline up to `tip` since which applecart.yaml `is` so.
    pub fn settings_since(
        &self,
        tip: &str,
        is: impl Fn(Option<Vec<u8>>) -> bool,
    ) -> Result<String, GitError> {
        let entry = |root: &Tree<'_>| root.get_name(FLEET_FILE).map(|entry| entry.id());
        self.since(tip, entry, |commit| Ok(is(self.policy(commit)?)))
    }

    /// Where `entry` is the same object as one commit later, `is` is not asked.
    fn since(
        &self,
        tip: &str,
        entry: impl Fn(&Tree<'_>) -> Option<Oid>,
        is: impl Fn(&str) -> Result<bool, GitError>,
    ) -> Result<String, GitError> {
        let mut at = self.commit(tip)?;
        let unreadable = |error| GitError::reading("a commit", error);
        let mut object = entry(&at.tree().map_err(unreadable)?);
        while let Ok(parent) = at.parent(0) {
            let before = entry(&parent.tree().map_err(unreadable)?);
            if before != object && !is(&parent.id().to_string())? {
                break;
            }
            (at, object) = (parent, before);
        }
        Ok(at.id().to_string())
    }
}
