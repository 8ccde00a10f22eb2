#![expect(clippy::disallowed_methods, reason = "tests build real repositories")]

use std::process::Command;

use tempfile::TempDir;

use super::*;

fn git(folder: &Path, args: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1").arg("-C").arg(folder);
    git.args(["-c", "user.name=t", "-c", "user.email=t@example"]);
    // Older versions of Git do not convert reflogs.
    git.args(["-c", "core.logAllRefUpdates=false"]).args(args);
    git.output().is_ok_and(|output| output.status.success())
}

/// A repository with one commit, made with these options; `None` where this `git` cannot.
fn repository(options: &[&str]) -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let init = [&["init", "--quiet"], options].concat();
    let made = git(folder.path(), &init)
        && git(folder.path(), &["commit", "--quiet", "--allow-empty", "-m", "one"]);
    made.then_some(folder)
}

#[test]
fn a_reftable_repository_is_named_for_what_it_is() {
    let Some(folder) = repository(&["--ref-format=reftable"]) else { return };
    let error = open(folder.path()).err().unwrap();
    assert!(matches!(error, GitError::RefStorage { .. }), "{error:?}");
    // What the message advises helps.
    assert!(git(folder.path(), &["refs", "migrate", "--ref-format=files"]));
    open(folder.path()).unwrap();
}

#[test]
fn a_sha256_repository_is_named_for_what_it_is() {
    let Some(folder) = repository(&["--object-format=sha256"]) else { return };
    let error = open(folder.path()).err().unwrap();
    assert!(matches!(error, GitError::ObjectFormat { .. }), "{error:?}");
}

#[test]
fn an_old_partial_clone_is_named_with_its_remote() {
    let folder = repository(&[]).unwrap();
    for (name, value) in
        [("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "upstream")]
    {
        assert!(git(folder.path(), &["config", name, value]));
    }
    match open(folder.path()).err().unwrap() {
        GitError::PartialClone { remote, path } => {
            assert_eq!(remote, "upstream");
            assert!(path.is_absolute(), "{path:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(git(folder.path(), &["config", "--unset", "extensions.partialClone"]));
    open(folder.path()).unwrap();
}

#[test]
fn an_extension_that_nobody_knows_is_named() {
    let folder = repository(&[]).unwrap();
    for (name, value) in [("core.repositoryFormatVersion", "1"), ("extensions.future", "true")] {
        assert!(git(folder.path(), &["config", name, value]));
    }
    let error = open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("extensions.future"), "{error}");
}

#[test]
fn a_worktree_that_names_its_repository_by_a_relative_path_is_read() {
    let folder = repository(&[]).unwrap();
    let _ = git(folder.path(), &["config", "worktree.useRelativePaths", "true"]);
    assert!(git(folder.path(), &["worktree", "add", "--quiet", "--detach", "beside"]));
    assert!(open(&folder.path().join("beside")).unwrap().workdir().is_some());
}

#[test]
fn a_commit_that_a_gone_lender_had_is_missing_and_not_uncommitted() {
    let lender = repository(&[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let from = lender.path().to_str().unwrap();
    assert!(git(folder.path(), &["clone", "--quiet", "--shared", from, "clone"]));
    lender.close().unwrap();
    let repo = super::super::Repo::discover(&folder.path().join("clone")).unwrap();
    let error = repo.resolve("HEAD").unwrap_err();
    assert!(matches!(&error, GitError::MissingCommit { lender: Some(_), .. }), "{error:?}");
}
