//! What tests of a ledger share: repositories in folders that go away, and a remote without a
//! process.
#![allow(clippy::unwrap_used, reason = "for tests")]
#![expect(clippy::disallowed_types, reason = "tests make real repositories")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{Oid, Repository};
use tempfile::TempDir;

use super::error::LedgerError;
use super::remote::Remote;
use crate::git::GitError;
use crate::git::network::Pushed;
use crate::seams::Clock;

#[cfg(test)]
pub(crate) use applecart_core::ledger::testing::*;

/// A repository with one commit on `main`.
pub fn repository() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main");
    let repo = Repository::init_opts(dir.path(), &options).unwrap();
    let tree = repo.treebuilder(None).unwrap().write().unwrap();
    let tree = repo.find_tree(tree).unwrap();
    let time = git2::Time::new(1_800_000_000, 0);
    let signature = git2::Signature::new("Dana", "dana@example.com", &time).unwrap();
    repo.commit(Some("HEAD"), &signature, &signature, "start", &tree, &[]).unwrap();
    dir
}

/// What several clones have as their remote: objects are copied within this process, and the
/// branch moves under one mutex.
#[derive(Clone, Debug)]
pub struct NearHub {
    hub: Arc<Mutex<Hub>>,
    refname: String,
}

#[derive(Debug)]
struct Hub {
    folder: TempDir,
    is_away: bool,
}

#[derive(Debug)]
struct NearRemote {
    hub: NearHub,
    clone: PathBuf,
}

impl NearHub {
    pub fn new(branch: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        let hub = Arc::new(Mutex::new(Hub { folder, is_away: false }));
        Self { hub, refname: format!("refs/heads/{branch}") }
    }

    /// The hub as the remote `hub` of this clone.
    pub fn of(&self, clone: &Path) -> Box<dyn Remote> {
        Box::new(NearRemote { hub: self.clone(), clone: clone.to_owned() })
    }

    /// Whether it cannot be reached.
    pub fn set_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    fn lock(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NearRemote {
    /// The hub's repository and where the branch is in it.
    fn reach(&self, hub: &Hub) -> Result<(Repository, Option<Oid>), LedgerError> {
        if hub.is_away {
            let (command, complaint) = ("fetch".to_owned(), "it is away".to_owned());
            let source = Box::new(GitError::Program { command, code: None, complaint });
            let (branch, remote) = (self.hub.refname.clone(), self.name().to_owned());
            return Err(LedgerError::Unreachable { branch, remote, source });
        }
        let repo = Repository::open_bare(hub.folder.path()).unwrap();
        let tip = repo.find_reference(&self.hub.refname).ok().and_then(|tip| tip.target());
        Ok((repo, tip))
    }
}

impl Remote for NearRemote {
    fn name(&self) -> &str {
        "hub"
    }

    fn fetch(&self, _memory: &str, _clock: &dyn Clock) -> Result<Option<Oid>, LedgerError> {
        let (hub, tip) = self.reach(&self.hub.lock())?;
        if let Some(tip) = tip {
            copy(&hub, &Repository::open(&self.clone).unwrap(), tip);
        }
        Ok(tip)
    }

    fn push_if_head(
        &self,
        to: Oid,
        expect: Option<Oid>,
        _clock: &dyn Clock,
    ) -> Result<Pushed, LedgerError> {
        let guard = self.hub.lock();
        let (hub, tip) = self.reach(&guard)?;
        if tip != expect {
            return Ok(Pushed::Moved);
        }
        copy(&Repository::open(&self.clone).unwrap(), &hub, to);
        if tip.is_some_and(|tip| tip != to && !hub.graph_descendant_of(to, tip).unwrap()) {
            return Ok(Pushed::Moved);
        }
        hub.reference(&self.hub.refname, to, true, "push").unwrap();
        Ok(Pushed::Done)
    }
}

/// Copies a commit with everything that it has in its history.
fn copy(from: &Repository, to: &Repository, tip: Oid) {
    let mut walk = from.revwalk().unwrap();
    walk.push(tip).unwrap();
    let mut pack = from.packbuilder().unwrap();
    pack.insert_walk(&mut walk).unwrap();
    let odb = to.odb().unwrap();
    let mut writer = odb.packwriter().unwrap();
    pack.foreach(|chunk| writer.write_all(chunk).is_ok()).unwrap();
    writer.commit().unwrap();
}
