//! Repositories in folders that go away.
#![expect(clippy::disallowed_types, reason = "tests look at real repositories")]

use git2::Repository;
use tempfile::TempDir;

pub(crate) use applecart_core::ledger::testing::*;

/// A repository with one commit on `main`.
pub(crate) fn repository() -> TempDir {
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
