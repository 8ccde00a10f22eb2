//! Clones that were made without all objects (`git clone --filter`): what a question needs is fetched
//! from the remote that promised it, through the user's own `git`, all at once.

use git2::Oid;

use super::network::FETCH_LIMIT;
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
        let Some(first) = lacking.first().filter(|_| !self.alone) else { return Ok(()) };
        let Some(remote) = self.promisor()? else { return Ok(()) };
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

    /// Fetches the folders of a whole history, for a walk that would ask for each of them by itself.
    /// `false` in a clone that is not partial, and where no remote is contacted.
    ///
    /// # Errors
    /// When the remote does not give them.
    pub(super) fn bring_history(&self, tip: Oid) -> Result<bool, GitError> {
        let Some(remote) = self.promisor()?.filter(|_| !self.alone) else { return Ok(false) };
        let remote = checked_remote(&remote)?;
        let fetch = |what: &str| {
            let args = [
                "fetch",
                "--quiet",
                "--refetch",
                "--filter=blob:none",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--refmap=",
                "--",
                remote,
                what,
            ];
            GitProgram::of(self).within(FETCH_LIMIT).run(&args)
        };
        let tip = tip.to_string();
        // A commit that was not pushed yet has its own folders; the rest is the remote's.
        fetch(&tip)
            .or_else(|_| fetch("HEAD"))
            .map(|_| true)
            .map_err(|source| GitError::NotInClone { id: tip, source: Box::new(source) })
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
