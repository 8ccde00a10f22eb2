#![expect(clippy::disallowed_methods, reason = "tests build real clones with the real git")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::git::Wanted;

struct World(TempDir);

impl World {
    /// A bare remote with one commit on `main`, and two clones of it.
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.git(world.0.path(), &["init", "--quiet", "--bare", "-b", "main", "remote"]);
        world.git(world.0.path(), &["clone", "--quiet", "remote", "author"]);
        std::fs::create_dir_all(world.path("author").join("tenants")).unwrap();
        std::fs::write(world.path("author").join("tenants/a"), "a").unwrap();
        world.commit("author", "one");
        world.git(&world.path("author"), &["push", "--quiet", "origin", "main"]);
        world.git(world.0.path(), &["clone", "--quiet", "remote", "clone"]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn git(&self, folder: &Path, args: &[&str]) {
        let output = Command::new("git")
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .args(["-c", "user.name=Dana", "-c", "user.email=t@example.invalid"])
            .args(["-c", "init.defaultBranch=main"])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, name: &str, message: &str) {
        self.git(&self.path(name), &["add", "--all"]);
        self.git(&self.path(name), &["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    fn clone(&self) -> Repo {
        Repo::discover(&self.path("clone")).unwrap()
    }
}

fn standing(repo: &Repo) -> Standing {
    repo.standing(&repo.base(&Wanted::Default).unwrap().unwrap()).unwrap()
}

#[test]
fn a_remote_that_lacks_what_it_had_is_told_from_commits_that_were_never_pushed() {
    let world = World::new();
    world.commit("author", "two");
    world.git(&world.path("author"), &["push", "--quiet", "origin", "main"]);
    world.git(&world.path("clone"), &["pull", "--quiet", "origin", "main"]);
    world.git(&world.path("remote"), &["update-ref", "refs/heads/main", "refs/heads/main~1"]);
    let lost = Standing { behind: 0, unpushed: 1, is_lost_there: true };
    assert_eq!(standing(&world.clone()), lost);
    world.commit("clone", "never pushed");
    assert_eq!(standing(&world.clone()), Standing { unpushed: 2, is_lost_there: false, ..lost });
}

#[test]
fn a_clone_is_behind_ahead_or_on_a_branch_of_its_own() {
    let world = World::new();
    let repo = world.clone();
    assert_eq!(standing(&repo), Standing::default());
    for message in ["two", "three"] {
        world.commit("author", message);
    }
    world.git(&world.path("author"), &["push", "--quiet", "origin", "main"]);
    assert_eq!(standing(&repo), Standing { behind: 2, ..Standing::default() });
    world.commit("clone", "merged here");
    assert_eq!(standing(&repo), Standing { behind: 2, unpushed: 1, is_lost_there: false });
    world.git(&world.path("clone"), &["checkout", "--quiet", "-b", "pr"]);
    assert_eq!(standing(&repo), Standing::default(), "it waits to be merged");
}

#[test]
fn changed_and_new_files_of_the_fleet_are_not_committed() {
    let world = World::new();
    let repo = world.clone();
    assert_eq!(repo.uncommitted().unwrap(), [""; 0]);
    std::fs::write(world.path("clone").join("notes.txt"), "x").unwrap();
    assert_eq!(repo.uncommitted().unwrap(), [""; 0], "no file of the fleet");
    std::fs::write(world.path("clone").join("tenants/a"), "b").unwrap();
    std::fs::create_dir(world.path("clone").join("tenants/new")).unwrap();
    std::fs::write(world.path("clone").join("tenants/new/b ü"), "b").unwrap();
    assert_eq!(repo.uncommitted().unwrap(), ["tenants/a", "tenants/new/b ü"]);
}

#[test]
fn branches_of_renewals_are_found_at_the_remote_and_in_the_clone() {
    let world = World::new();
    let author = world.path("author");
    world.git(&author, &["checkout", "--quiet", "-b", "renew/a/push-2027-01-01"]);
    world.commit("author", "a file");
    world.git(&author, &["push", "--quiet", "origin", "renew/a/push-2027-01-01"]);
    world.git(&world.path("clone"), &["branch", "renew/b/push-2027-01-01"]);
    world.git(&world.path("clone"), &["branch", "other"]);

    let repo = world.clone();
    let names = |found: &[RenewalBranch]| {
        found.iter().map(|one| (one.name.clone(), one.remote.clone())).collect::<Vec<_>>()
    };
    let own = ("renew/b/push-2027-01-01".to_owned(), None);
    let is_other = |name: &str| !name.starts_with("renew/");
    assert_eq!(
        names(&repo.renewal_branches(None, &is_other).unwrap()),
        std::slice::from_ref(&own),
        "nothing is asked"
    );
    let found = repo.renewal_branches(Some("origin"), &is_other).unwrap();
    let there = ("renew/a/push-2027-01-01".to_owned(), Some("origin".to_owned()));
    assert_eq!(names(&found), [there, own]);
    assert_eq!(found[0].brought.as_ref().unwrap().0, "Dana", "its commit was fetched");
    assert!(repo.repo.refname_to_id("refs/remotes/origin/renew/a/push-2027-01-01").is_err());
    let head = repo.resolve("HEAD").unwrap();
    assert!(!repo.is_merged(&found[0].commit, &head));
    assert!(repo.is_merged(&found[1].commit, &head));
    let of_any_name = repo.renewal_branches(Some("origin"), &|name| name == "main").unwrap();
    let of_any_name: Vec<&str> = of_any_name.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(of_any_name, ["other", "renew/a/push-2027-01-01", "renew/b/push-2027-01-01"]);
}
