use super::super::testing::git;
use super::*;

fn clone() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    git(folder.path(), &["init", "--quiet", "-b", "main", "clone"]);
    for file in ["one", "two"] {
        fs::write(clone.join(file), file).unwrap();
        git(&clone, &["add", "--all"]);
        git(&clone, &["commit", "--quiet", "-m", file]);
    }
    git(&clone, &["pack-refs", "--all"]);
    git(&clone, &["branch", "loose", "HEAD~1"]);
    (folder, clone)
}

fn stand_in_of(clone: &Path) -> StandIn {
    let repo = Repo::discover(clone).unwrap().repo;
    let reason = StandInReason::ReadOnly(clone.to_owned());
    StandIn::make(&Places::of(&repo), &repo.config().unwrap(), reason).unwrap()
}

#[test]
fn a_stand_in_has_the_references_files_and_settings_of_its_clone() {
    let (_folder, clone) = clone();
    fs::write(clone.join(".git/more"), "[a]\n\tb = 1\n\tb = 2\n[remote \"o.p\"]\n\turl = x\n")
        .unwrap();
    git(&clone, &["config", "includeIf.gitdir:**/clone/.git.path", "more"]);
    fs::write(clone.join(".git/refs/heads/loose.lock"), "").unwrap();
    let stand_in = stand_in_of(&clone);
    let (one, other) = (Repo::discover(&clone).unwrap(), Repo::discover(stand_in.path()).unwrap());
    for rev in ["HEAD", "main", "loose", "main~1"] {
        assert_eq!(one.resolve(rev).unwrap(), other.resolve(rev).unwrap(), "{rev}");
    }
    let canonical = |path: Option<&Path>| path.unwrap().canonicalize().unwrap();
    assert_eq!(canonical(one.worktree()), canonical(other.worktree()));
    assert_eq!(other.uncommitted().unwrap(), one.uncommitted().unwrap());
    let config = ["config", "--get-regexp", "^a\\.|^remote"];
    assert_eq!(git(stand_in.path(), &config), "a.b 1\na.b 2\nremote.o.p.url x");
    assert!(!stand_in.path().join("refs/heads/loose.lock").exists());
}

#[test]
fn a_stand_in_takes_what_is_written_and_leaves_its_clone_as_it_is() {
    let (folder, clone) = clone();
    let before = git(&clone, &["for-each-ref"]);
    git(&clone, &["worktree", "add", "--quiet", "--detach", "beside", "HEAD~1"]);
    let linked = clone.join("beside");
    let stand_in = stand_in_of(&linked);
    let path = stand_in.path().to_owned();
    assert_eq!(git(&path, &["rev-parse", "HEAD"]), git(&linked, &["rev-parse", "HEAD"]));
    let new = git(&path, &["commit-tree", "-p", "HEAD", "-m", "new", "HEAD^{tree}"]);
    git(&path, &["update-ref", "refs/heads/new", &new]);
    let repo = Repo::discover(&path).unwrap();
    assert_eq!(repo.resolve("new").unwrap(), new);
    assert_eq!(repo.reopen().unwrap().resolve("new").unwrap(), new);
    assert_eq!(git(&clone, &["for-each-ref"]), before);
    drop(stand_in);
    assert!(!path.exists() && folder.path().exists());
}

#[test]
fn a_clone_with_a_reftable_is_read_as_git_reads_it() {
    let (folder, clone) = clone();
    let from = clone.to_str().unwrap();
    let made = ["clone", "--quiet", "--ref-format=reftable", from, "reftable"];
    git(folder.path(), &made);
    let reftable = folder.path().join("reftable");
    git(&reftable, &["branch", "a/b", "HEAD~1"]);
    assert!(matches!(Repo::discover(&reftable), Err(GitError::RefStorage { .. })));
    let told = |path: &Path| {
        let stand_in = StandIn::of(path).unwrap().unwrap();
        let repo = Repo::discover(stand_in.path()).unwrap();
        (repo.name_of("HEAD"), repo.resolve("a/b").unwrap(), repo.resolve("origin/main").unwrap())
    };
    let (older, tip) = (git(&clone, &["rev-parse", "HEAD~1"]), git(&clone, &["rev-parse", "HEAD"]));
    assert_eq!(told(&reftable), ("main".to_owned(), older.clone(), tip.clone()));
    git(&reftable, &["worktree", "add", "--quiet", "--detach", "beside", "HEAD~1"]);
    assert_eq!(told(&reftable.join("beside")), ("HEAD".to_owned(), older, tip));
    // One that somebody else's files bring is not opened.
    git(&clone, &["clone", "--quiet", "--bare", "--ref-format=reftable", ".", "bare"]);
    fs::create_dir(clone.join("bare/sub")).unwrap();
    assert!(StandIn::of(&clone.join("bare/sub")).unwrap().is_none());
}

#[test]
fn a_clone_that_an_older_git_marked_as_partial_is_read_with_todays_mark() {
    let (_folder, clone) = clone();
    git(&clone, &["config", "core.repositoryFormatVersion", "1"]);
    git(&clone, &["config", "extensions.partialClone", "origin"]);
    assert!(matches!(Repo::discover(&clone), Err(GitError::PartialClone { .. })));
    let stand_in = StandIn::of(&clone).unwrap().unwrap();
    assert_eq!(git(stand_in.path(), &["config", "remote.origin.promisor"]), "true");
    assert!(Repo::discover(stand_in.path()).unwrap().resolve("loose").is_ok());
}
