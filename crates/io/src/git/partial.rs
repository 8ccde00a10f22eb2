//! Clones that were made without all objects (`git clone --filter`): what a question needs is fetched
//! from the remote that promised it, through the user's own `git`, all at once.

use git2::Oid;

use super::program::{GitProgram, checked_remote};
use super::{GitError, Repo};

impl Repo {
    /// Fetches those of these objects that a partial clone lacks. In any other clone, what is
    /// missing stays missing.
    ///
    /// # Errors
    /// When the remote does not give them.
    pub(super) fn bring(&self, wanted: &[Oid]) -> Result<(), GitError> {
        let unreadable = |error| GitError::reading("the objects", error);
        let odb = self.repo.odb().map_err(unreadable)?;
        let lacking: Vec<Oid> = wanted.iter().copied().filter(|&id| !odb.exists(id)).collect();
        let (Some(first), Some(remote)) = (lacking.first(), self.promisor()?) else {
            return Ok(());
        };
        let remote = checked_remote(&remote)?;
        let list: String = lacking.iter().map(|id| format!("{id}\n")).collect();
        // What Git itself does when a command of its own meets such an object.
        let args = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            remote,
        ];
        let fetched = GitProgram::of(self).run_with(&args, list.into_bytes());
        fetched.map_err(|source| GitError::NotInClone {
            id: first.to_string(),
            source: Box::new(source),
        })?;
        odb.refresh().map_err(unreadable)
    }

    /// The remote that promised what a partial clone lacks; `None` in any other clone.
    fn promisor(&self) -> Result<Option<String>, GitError> {
        let unreadable = |error| GitError::reading("the settings", error);
        let config = self.repo.config().and_then(|mut config| config.snapshot());
        let config = config.map_err(unreadable)?;
        let is_promisor =
            |name: &String| config.get_bool(&format!("remote.{name}.promisor")).unwrap_or(false);
        Ok(self.remotes()?.into_iter().find(is_promisor))
    }
}
