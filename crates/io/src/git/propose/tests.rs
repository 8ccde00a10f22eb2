#![expect(clippy::disallowed_methods, reason = "tests build real repositories in real folders")]

use std::fs;
use std::process::Command;

use super::*;

fn git(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    git(path, &["init", "--quiet", "--initial-branch=main"]);
    for setting in [["user.name", "Dana"], ["user.email", "dana@example.invalid"]] {
        git(path, &["config", setting[0], setting[1]]);
    }
    fs::create_dir_all(path.join("tenants/a")).unwrap();
    for file in ["tenants/a/tenant.yaml", "tenants/a/run.sh", "other"] {
        fs::write(path.join(file), "old\n").unwrap();
    }
    git(path, &["add", "--all"]);
    git(path, &["update-index", "--chmod=+x", "tenants/a/run.sh"]);
    git(path, &["commit", "--quiet", "-m", "Start"]);
    folder
}

#[test]
fn a_commit_changes_its_files_and_nothing_else() {
    let folder = repository();
    let path = folder.path();
    let repo = Repo::discover(path).unwrap();
    fs::write(path.join("other"), "dirty").unwrap();
    let before =
        (git(path, &["status", "--porcelain"]), fs::read(path.join(".git/index")).unwrap());
    let change = |path, bytes| Change { path, bytes };
    let id = repo
        .commit_on(
            "main",
            &[
                change("tenants/a/tenant.yaml", b"new\n"),
                change("tenants/a/run.sh", b"new\n"),
                change("tenants/b/deep/push.age", b"sealed"),
            ],
            "Renew: -x\n\nBecause.",
        )
        .unwrap();
    assert_eq!(
        git(path, &["diff-tree", "-r", "--name-status", "main", &id]),
        "M\ttenants/a/run.sh\nM\ttenants/a/tenant.yaml\nA\ttenants/b/deep/push.age"
    );
    assert!(git(path, &["ls-tree", &id, "tenants/a/run.sh"]).starts_with("100755"), "kept");
    assert_eq!(git(path, &["log", "-1", "--format=%an %s%n%b", &id]), "Dana Renew: -x\nBecause.");
    assert_eq!(
        before,
        (git(path, &["status", "--porcelain"]), fs::read(path.join(".git/index")).unwrap())
    );
    assert_eq!(git(path, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
    assert!(repo.holds(&id, "tenants/b/deep/push.age").unwrap());
    assert!(!repo.holds("main", "tenants/b/deep/push.age").unwrap());
}

#[test]
fn a_branch_that_exists_is_never_moved() {
    let folder = repository();
    let repo = Repo::discover(folder.path()).unwrap();
    let first = repo.resolve("main").unwrap();
    let change = Change { path: "other", bytes: b"new" };
    let second = repo.commit_on(&first, &[change], "Change").unwrap();
    assert_eq!(repo.find_branch("renew/a/push", None).unwrap(), None);
    repo.make_branch("renew/a/push", &first).unwrap();
    assert!(matches!(repo.make_branch("renew/a/push", &second), Err(GitError::Branch { .. })));
    // A branch cannot have the name of another one's folder.
    assert!(matches!(repo.make_branch("renew/a", &second), Err(GitError::Branch { .. })));
    let found = repo.find_branch("renew/a/push", None).unwrap().unwrap();
    assert_eq!(found, Found { commit: first, at_remote: false, here: true });
}
