#![expect(clippy::disallowed_methods, reason = "tests build real remotes")]

use git2::{Repository, Signature};
use tempfile::TempDir;

use super::*;

const BRANCH: &str = "refs/heads/applecart/ledger";

/// A bare remote, and a clone of it that knows it as `origin`.
struct World {
    remote: TempDir,
    clone: TempDir,
}

impl World {
    fn new() -> Self {
        let (remote, clone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bare = Repository::init_bare(remote.path()).unwrap();
        bare.set_head("refs/heads/main").unwrap();
        Repository::init(clone.path())
            .unwrap()
            .remote("origin", &format!("file://{}", remote.path().display()))
            .unwrap();
        Self { remote, clone }
    }

    fn repo(&self) -> Repo {
        Repo::discover(self.clone.path()).unwrap()
    }

    fn bare(&self) -> Repository {
        Repository::open_bare(self.remote.path()).unwrap()
    }

    /// Commits to a branch of a repository, on top of what it has or as another root.
    fn commit(repo: &Repository, refname: &str, message: &str, root: bool) -> Oid {
        let tree = repo.treebuilder(None).unwrap().write().unwrap();
        let tree = repo.find_tree(tree).unwrap();
        let by = Signature::new("t", "t@example", &git2::Time::new(0, 0)).unwrap();
        let tip = repo.find_reference(refname).ok().filter(|_| !root);
        let parent = tip.map(|tip| tip.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let id = repo.commit(None, &by, &by, message, &tree, &parents).unwrap();
        repo.reference(refname, id, true, "test").unwrap();
        id
    }

    fn theirs(&self, message: &str) -> Oid {
        Self::commit(&self.bare(), BRANCH, message, false)
    }

    fn at(&self) -> Option<Oid> {
        self.bare().find_reference(BRANCH).ok().and_then(|tip| tip.target())
    }
}

#[test]
fn only_the_references_that_were_asked_for_are_told() {
    let world = World::new();
    let tip = world.theirs("one");
    World::commit(&world.bare(), &format!("refs/odd/{BRANCH}"), "other", false);
    let found = world.repo().ls_remote("origin", &[BRANCH, "refs/heads/none"]).unwrap();
    assert_eq!(found, BTreeMap::from([(BRANCH.to_owned(), tip)]));
}

#[test]
fn the_default_branch_is_the_one_that_the_remote_reports() {
    let world = World::new();
    assert_eq!(world.repo().default_branch("origin").unwrap(), None);
    let tip = World::commit(&world.bare(), "refs/heads/main", "one", false);
    let found = world.repo().default_branch("origin").unwrap();
    assert_eq!(found, Some(("main".to_owned(), tip)));
    world.bare().set_head_detached(tip).unwrap();
    assert_eq!(world.repo().default_branch("origin").unwrap(), None);
}

#[test]
fn a_fetch_moves_its_target_forward_and_never_back_or_aside() {
    let world = World::new();
    let repo = world.repo();
    let target = "refs/applecart/x";
    let at = || repo.repo.find_reference(target).unwrap().target().unwrap();
    world.theirs("one");
    repo.fetch("origin", BRANCH, Some(target), Depth::New).unwrap();
    let two = world.theirs("two");
    repo.fetch("origin", BRANCH, Some(target), Depth::New).unwrap();
    assert_eq!(at(), two);

    let other = World::commit(&world.bare(), BRANCH, "another root", true);
    let careless = Repository::open(world.clone.path()).unwrap();
    careless.config().unwrap().set_bool("fetch.showForcedUpdates", false).unwrap();
    assert!(repo.fetch("origin", BRANCH, Some(target), Depth::New).is_err());
    assert_eq!(at(), two);
    repo.fetch("origin", BRANCH, None, Depth::New).unwrap();
    assert!(careless.find_commit(other).is_ok());
    let refs = careless.references().unwrap().count();
    assert_eq!(refs, 1, "only the target was made, and no FETCH_HEAD");
    assert!(!careless.path().join("FETCH_HEAD").exists());
}

#[test]
fn a_push_goes_forward_or_says_that_the_branch_moved() {
    let world = World::new();
    let repo = world.repo();
    let one = World::commit(&repo.repo, "refs/heads/x", "one", false);
    assert_eq!(repo.push("origin", one, BRANCH, None).unwrap(), Pushed::Done);
    assert_eq!(repo.push("origin", one, BRANCH, None).unwrap(), Pushed::Done, "again");
    let theirs = world.theirs("theirs");
    let two = World::commit(&repo.repo, "refs/heads/x", "two", false);
    assert_eq!(repo.push("origin", two, BRANCH, Some(one)).unwrap(), Pushed::Moved);
    let root = World::commit(&repo.repo, "refs/heads/y", "another root", true);
    assert_eq!(repo.push("origin", root, BRANCH, None).unwrap(), Pushed::Moved);
    assert_eq!(world.at(), Some(theirs));
}

#[test]
#[cfg(unix)]
fn a_push_that_a_hook_declines_is_refused_with_what_the_hook_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let repo = world.repo();
    let hook = world.remote.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'GH006: protected, see https://a:b@c.example/x' >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let one = World::commit(&repo.repo, "refs/heads/x", "one", false);
    let Pushed::Refused { reason } = repo.push("origin", one, BRANCH, None).unwrap() else {
        panic!("not refused");
    };
    assert_eq!(reason, "pre-receive hook declined: GH006: protected, see https://c.example/x");
    assert_eq!(world.at(), None);
}

#[test]
fn a_lock_that_the_other_side_could_not_write_is_not_another_push() {
    let summary = "[remote rejected] (failed to update ref)";
    let exists = "remote: error: cannot lock ref 'refs/heads/a': Unable to create '/hub/refs/heads/a.lock': File exists.";
    assert!(is_about_a_lock(summary, exists));
    // What Git 2.39 says of a full disk, without the reason.
    let unwritten =
        "remote: error: cannot update ref 'refs/heads/a': couldn't write '/hub/refs/heads/a.lock'";
    for full in [unwritten, "remote: error: write: No space left on device"] {
        assert!(!is_about_a_lock(summary, full), "{full}");
    }
}

#[test]
fn a_branch_that_is_locked_on_the_other_side_is_busy() {
    let world = World::new();
    let repo = world.repo();
    let one = World::commit(&repo.repo, "refs/heads/x", "one", false);
    let lock = world.remote.path().join(format!("{BRANCH}.lock"));
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    assert_eq!(repo.push("origin", one, BRANCH, None).unwrap(), Pushed::Busy);
}

#[test]
fn a_remote_that_is_not_there_is_an_error_and_not_an_empty_one() {
    let world = World::new();
    let repo = world.repo();
    let one = World::commit(&repo.repo, "refs/heads/x", "one", false);
    std::fs::rename(world.remote.path(), world.clone.path().join("gone")).unwrap();
    assert!(repo.ls_remote("origin", &[BRANCH]).is_err());
    assert!(repo.default_branch("origin").is_err());
    assert!(repo.fetch("origin", BRANCH, None, Depth::New).is_err());
    assert!(repo.push("origin", one, BRANCH, None).is_err());
    // Put it back, so that its folder can be removed.
    std::fs::rename(world.clone.path().join("gone"), world.remote.path()).unwrap();
}

/// The clone that continuous integration makes, and one that has the end of every branch.
#[test]
fn a_shallow_clone_gets_the_branch_whole_and_stays_shallow_elsewhere() {
    for (options, depth) in
        [(&["--depth=1"][..], Depth::New), (&["--depth=1", "--no-single-branch"], Depth::Whole)]
    {
        let world = World::new();
        for count in 0..5 {
            World::commit(&world.bare(), "refs/heads/main", &format!("main {count}"), false);
            world.theirs(&format!("ledger {count}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", world.remote.path().display());
        let status = std::process::Command::new("git")
            .args(["clone", "--quiet"])
            .args(options)
            .arg(&url)
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(status.success());
        let repo = Repo::discover(folder.path()).unwrap();
        repo.fetch("origin", BRANCH, Some("refs/applecart/x"), Depth::New).unwrap();
        repo.fetch("origin", BRANCH, Some("refs/applecart/x"), depth).unwrap();
        // Opened again: an open repository knows only the ends of history that it began with.
        let repo = Repo::discover(folder.path()).unwrap();
        let count = |name: &str| {
            let mut walk = repo.repo.revwalk().unwrap();
            walk.push_ref(name).unwrap();
            walk.count()
        };
        assert_eq!(count("refs/applecart/x"), 5, "{options:?}");
        assert_eq!(count("HEAD"), 1, "{options:?}");
    }
}
