#![expect(clippy::disallowed_methods, reason = "tests build real clones with the real git")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::git::testing::git;

/// A bare remote whose default branch is `main`, and folders for clones of it.
struct World {
    folder: TempDir,
}

impl World {
    /// Three commits on `main`.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.git(world.folder.path(), &["init", "--quiet", "--bare", "-b", "main", "remote"]);
        world.git(world.folder.path(), &["clone", "--quiet", &world.url(), "author"]);
        for message in ["one", "two", "three"] {
            world.commit(message);
        }
        world
    }

    fn url(&self) -> String {
        format!("file://{}", self.path("remote").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, folder: &Path, args: &[&str]) -> String {
        git(folder, args)
    }

    /// Commits on the author's branch and pushes it.
    fn commit(&self, message: &str) -> String {
        let author = self.path("author");
        self.git(&author, &["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&author, &["push", "--quiet", "origin", "HEAD"]);
        self.git(&author, &["rev-parse", "HEAD"])
    }

    fn clone(&self, args: &[&str]) -> Repo {
        let mut all = vec!["clone", "--quiet"];
        all.extend(args);
        let (url, into) = (self.url(), self.path("clone").display().to_string());
        all.extend([url.as_str(), into.as_str()]);
        self.git(self.folder.path(), &all);
        self.open()
    }

    fn open(&self) -> Repo {
        Repo::discover(&self.path("clone")).unwrap()
    }

    fn here(&self, args: &[&str]) -> String {
        self.git(&self.path("clone"), args)
    }

    /// Runs a line that a person was told to run.
    fn run_line(&self, line: &str) {
        let status =
            Command::new("sh").current_dir(self.path("clone")).args(["-c", line]).status().unwrap();
        assert!(status.success(), "{line}");
    }
}

fn target(branch: &str) -> Wanted {
    Wanted::Target { branch: branch.into(), variable: "GITHUB_BASE_REF" }
}

fn named(rev: &str) -> Wanted {
    Wanted::Revision(rev.into())
}

#[test]
fn the_default_base_is_what_the_remote_reports_now() {
    let world = World::new();
    let repo = world.clone(&[]);
    let later = world.commit("merged since then");
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    assert_eq!((base.commit, base.name.as_str()), (later, "origin/main"));
    let known = world.here(&["rev-parse", "origin/main"]);
    assert_eq!(known, world.here(&["rev-parse", "HEAD"]), "no reference was moved");
}

#[test]
fn the_default_base_is_fetched_into_a_shallow_clone_without_making_it_whole() {
    let world = World::new();
    let repo = world.clone(&["--depth=1"]);
    let head = world.here(&["rev-parse", "HEAD"]);
    world.commit("merged since then");
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    repo.must_contain(&base, &head).unwrap();
    assert!(world.open().is_shallow());
}

#[test]
fn a_remote_that_does_not_answer_is_no_reason_to_take_something_else() {
    let world = World::new();
    let repo = world.clone(&[]);
    world.here(&["remote", "set-url", "origin", "file:///nowhere/at/all"]);
    let error = repo.base(&Wanted::Default).unwrap_err();
    assert!(matches!(error, BaseError::Unreachable { .. }), "{error}");
    repo.base(&target("main")).unwrap();
}

#[test]
fn a_remote_without_a_default_branch_is_told() {
    let world = World::new();
    let repo = world.clone(&[]);
    world.git(&world.path("remote"), &["update-ref", "-d", "refs/heads/main"]);
    let error = repo.base(&Wanted::Default).unwrap_err();
    assert!(matches!(error, BaseError::NoDefault { .. }), "{error}");
}

#[test]
fn without_any_remote_there_is_no_other_base_unless_one_is_named() {
    let world = World::new();
    let repo = world.clone(&[]);
    world.here(&["remote", "remove", "origin"]);
    assert_eq!(repo.base(&Wanted::Default).unwrap(), None);
    let error = repo.base(&target("main")).unwrap_err();
    assert!(matches!(error, BaseError::NoRemote { .. }), "{error}");
    assert!(repo.base(&named("HEAD~1")).unwrap().is_some());
}

#[test]
fn a_target_branch_is_what_was_fetched_of_the_remote_and_nothing_that_is_called_alike() {
    let world = World::new();
    let repo = world.clone(&[]);
    let tip = world.here(&["rev-parse", "origin/main"]);
    for kind in ["heads", "tags"] {
        world.here(&["update-ref", &format!("refs/{kind}/origin/main"), "HEAD~1"]);
    }
    world.here(&["update-ref", "refs/heads/main", "HEAD~2"]);
    assert_eq!(repo.base(&target("main")).unwrap().unwrap().commit, tip);
}

#[test]
fn a_target_branch_that_was_not_fetched_comes_with_the_line_that_fetches_it() {
    let world = World::new();
    world.git(&world.path("remote"), &["branch", "release/1;x", "main~1"]);
    for args in [&["--single-branch"][..], &["--depth=1"]] {
        let repo = world.clone(args);
        let error = repo.base(&target("release/1;x")).unwrap_err();
        assert!(matches!(error, BaseError::NotFetched { .. }), "{error}");
        let line = error.fetch_line().unwrap();
        assert_eq!(
            line,
            "git fetch origin \"+refs/heads/release/1;x:refs/remotes/origin/release/1;x\""
        );
        world.run_line(&line);
        assert_eq!(repo.base(&target("release/1;x")).unwrap().unwrap().name, "origin/release/1;x");
        std::fs::remove_dir_all(world.path("clone")).unwrap();
    }
}

#[test]
fn what_no_branch_can_be_called_is_not_looked_for() {
    let world = World::new();
    let repo = world.clone(&[]);
    for odd in ["", "..", "main^{commit}", "a b", "../../heads/main", "main\0"] {
        let error = repo.base(&target(odd)).unwrap_err();
        assert!(matches!(error, BaseError::BranchName { .. }), "{odd:?}: {error}");
        assert_eq!(error.fetch_line(), None);
    }
}

#[test]
fn a_named_revision_that_is_not_here_comes_with_a_line_that_gets_it() {
    let world = World::new();
    world.git(&world.path("remote"), &["branch", "stable", "main~1"]);
    let repo = world.clone(&["--single-branch"]);
    let error = repo.base(&named("origin/stable")).unwrap_err();
    assert!(matches!(error, BaseError::Revision { .. }), "{error}");
    world.run_line(&error.fetch_line().unwrap());
    repo.base(&named("origin/stable")).unwrap();

    let later = world.commit("later");
    let error = repo.base(&named(&later)).unwrap_err();
    world.run_line(&error.fetch_line().unwrap());
    assert_eq!(repo.base(&named(&later)).unwrap().unwrap().commit, later);
}

#[test]
fn a_branch_of_a_remote_is_that_whatever_else_has_its_name() {
    let world = World::new();
    let repo = world.clone(&[]);
    let main = repo.resolve("refs/remotes/origin/main").unwrap();
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "not merged"]);
    let evil = repo.resolve("HEAD").unwrap();
    for reference in ["refs/tags/origin/main", "refs/heads/origin/main", "refs/origin/main"] {
        world.here(&["update-ref", reference, &evil]);
    }
    for rev in ["origin/main", "refs/remotes/origin/main", "origin/main~0", "origin/main^{commit}"]
    {
        assert_eq!(repo.resolve(rev).unwrap(), main, "{rev}");
    }
    let base = repo.base(&named("origin/main")).unwrap().unwrap();
    assert_eq!((base.commit.as_str(), base.name.as_str()), (main.as_str(), "origin/main"));
    assert_eq!(base.remote_branch(), Some(("origin", "main")));
    // Where the remote has no such branch, another name is not it.
    world.here(&["update-ref", "refs/tags/origin/gone", &evil]);
    assert!(repo.resolve("origin/gone").is_err());
}

#[test]
fn a_short_name_of_two_things_is_an_error_that_names_both() {
    let world = World::new();
    let repo = world.clone(&[]);
    world.here(&["tag", "main"]);
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "later"]);
    let error = repo.resolve("main~1").unwrap_err().to_string();
    assert!(error.contains("refs/tags/main") && error.contains("refs/heads/main"), "{error}");
    assert!(repo.base(&named("main")).is_err());
    assert_ne!(repo.resolve("refs/heads/main").unwrap(), repo.resolve("refs/tags/main").unwrap());
    // A tag can also be called like the beginning of a commit.
    let commit = repo.resolve("HEAD").unwrap();
    assert_eq!(repo.resolve(&commit[..12]).unwrap(), commit);
    world.here(&["tag", &commit[..12], "HEAD~1"]);
    let error = repo.resolve(&commit[..12]).unwrap_err().to_string();
    assert!(error.contains(&format!("object {commit}")), "{error}");
    assert_eq!(repo.resolve(&commit).unwrap(), commit);
}

#[test]
fn a_base_is_asked_for_again_where_it_is_a_branch_of_a_remote() {
    let world = World::new();
    let repo = world.clone(&[]);
    let base = repo.base(&named("origin/main")).unwrap().unwrap();
    let fixed = repo.base(&named(&base.commit)).unwrap().unwrap();
    let newer = world.commit("newer");
    assert_eq!(repo.refresh(&base).unwrap().commit, newer);
    assert_eq!(repo.refresh(&fixed).unwrap(), fixed);
    assert_eq!(repo.resolve("origin/main").unwrap(), base.commit, "no reference is moved");
    world.git(&world.path("remote"), &["update-ref", "-d", "refs/heads/main"]);
    assert!(matches!(repo.refresh(&base).unwrap_err(), BaseError::Gone { .. }));
}

#[test]
fn the_remote_is_the_upstreams_else_origin_else_the_only_one() {
    let world = World::new();
    let repo = world.clone(&[]);
    let remote = || repo.fleet_remote();
    world.here(&["remote", "add", "other", "file:///elsewhere"]);
    assert_eq!(remote().unwrap().as_deref(), Some("origin"));
    world.here(&["config", "branch.main.remote", "other"]);
    assert_eq!(remote().unwrap().as_deref(), Some("other"));
    world.here(&["config", "branch.main.remote", "."]);
    assert_eq!(remote().unwrap().as_deref(), Some("origin"));
    world.here(&["config", "branch.main.remote", "other"]);
    world.here(&["checkout", "--quiet", "--detach"]);
    assert_eq!(remote().unwrap().as_deref(), Some("origin"));
    world.here(&["remote", "rename", "origin", "mirror"]);
    assert!(matches!(remote().unwrap_err(), BaseError::ManyRemotes { .. }));
    world.here(&["remote", "remove", "other"]);
    assert_eq!(remote().unwrap().as_deref(), Some("mirror"));
    world.here(&["remote", "remove", "mirror"]);
    assert_eq!(remote().unwrap(), None);
}

#[test]
fn the_base_contains_itself_and_what_it_was_made_from_and_nothing_else() {
    let world = World::new();
    let repo = world.clone(&[]);
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    for rev in ["HEAD", "HEAD~1", "HEAD~2"] {
        repo.must_contain(&base, &repo.resolve(rev).unwrap()).unwrap();
    }
    world.here(&["checkout", "--quiet", "-b", "feature", "HEAD~1"]);
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "not merged"]);
    let feature = repo.resolve("HEAD").unwrap();
    let error = repo.must_contain(&base, &feature).unwrap_err();
    assert!(matches!(error, BaseError::NotContained { .. }), "{error}");
    // As a pipeline checks out a pull request: base and head merged, detached.
    world.here(&["checkout", "--quiet", "--detach", "origin/main"]);
    world.here(&["merge", "--quiet", "--no-ff", "-m", "merge", "feature"]);
    let merged = repo.resolve("HEAD").unwrap();
    assert!(repo.must_contain(&base, &merged).is_err());
    // Once it is pushed, both sides of the merge are in.
    world.here(&["push", "--quiet", "origin", "HEAD:main"]);
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    for commit in [&feature, &merged] {
        repo.must_contain(&base, commit).unwrap();
    }
}

#[test]
fn a_shallow_clone_tells_what_it_can_and_names_the_line_that_gets_the_rest() {
    let world = World::new();
    let author = world.path("author");
    let [parent, oldest] = ["HEAD~1", "HEAD~2"].map(|rev| world.git(&author, &["rev-parse", rev]));
    let repo = world.clone(&["--depth=1"]);
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    repo.must_contain(&base, &base.commit).unwrap();
    // Cut off below it, but the tip names its parent.
    repo.must_contain(&base, &parent).unwrap();
    world.here(&["fetch", "--quiet", "--depth=1", "origin", &oldest]);
    let error = repo.must_contain(&base, &oldest).unwrap_err();
    assert!(matches!(error, BaseError::CannotTell { .. }), "{error}");
    world.run_line(&error.fetch_line().unwrap());
    repo.must_contain(&base, &oldest).unwrap();
}

#[test]
fn a_shallow_clone_whose_base_is_whole_can_say_no() {
    let world = World::new();
    let repo = world.clone(&["--depth=1"]);
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "not merged"]);
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    let head = repo.resolve("HEAD").unwrap();
    let error = repo.must_contain(&base, &head).unwrap_err();
    assert!(matches!(error, BaseError::CannotTell { .. }), "{error}");
    world.run_line(&error.fetch_line().unwrap());
    let error = repo.must_contain(&base, &head).unwrap_err();
    assert!(matches!(error, BaseError::NotContained { .. }), "{error}");
}

#[test]
fn the_fork_is_where_two_histories_parted() {
    let world = World::new();
    let repo = world.clone(&[]);
    let fork = repo.resolve("HEAD~1").unwrap();
    world.here(&["checkout", "--quiet", "-b", "feature", "HEAD~1"]);
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "feature"]);
    let (feature, main) = (repo.resolve("HEAD").unwrap(), repo.resolve("origin/main").unwrap());
    assert_eq!(repo.fork(&feature, &main), Some(fork));
    world.here(&["checkout", "--quiet", "--orphan", "other"]);
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "unrelated"]);
    assert_eq!(repo.fork(&repo.resolve("HEAD").unwrap(), &main), None);
}

#[test]
fn a_base_that_is_older_than_what_this_clone_saw_of_it_is_called_behind() {
    let world = World::new();
    let repo = world.clone(&[]);
    let latest = repo.resolve("HEAD").unwrap();
    let earlier = repo.resolve("HEAD~1").unwrap();
    world.git(&world.path("remote"), &["update-ref", "refs/heads/main", &earlier]);
    let base = repo.base(&Wanted::Default).unwrap().unwrap();
    assert_eq!(base.commit, earlier);
    match repo.must_contain(&base, &latest).unwrap_err() {
        BaseError::Behind { seen, .. } => assert_eq!(seen, latest),
        other => panic!("{other}"),
    }
    // What was never there is not merged, however far behind the remote is.
    world.here(&["commit", "--quiet", "--allow-empty", "-m", "mine"]);
    let mine = repo.resolve("HEAD").unwrap();
    let error = repo.must_contain(&base, &mine).unwrap_err();
    assert!(matches!(error, BaseError::NotContained { .. }), "{error}");
}
