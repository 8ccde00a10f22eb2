#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "tests put programs into folders")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

fn repo(folder: &Path) -> Repo {
    git2::Repository::init(folder).unwrap();
    Repo::discover(folder).unwrap()
}

/// A program in the place of `git`.
fn fake(folder: &Path, script: &str) -> GitProgram {
    let program = folder.join("fake-git");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    GitProgram { program, ..GitProgram::of(&repo(folder)) }
}

#[test]
fn it_works_on_the_repository_that_was_opened_whatever_surrounds_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let repo = repo(folder.path());
    let program = GitProgram::of(&repo);
    let git_dir = program.run(&["rev-parse", "--absolute-git-dir"]).unwrap();
    let git_dir = String::from_utf8(git_dir).unwrap();
    let same = |path: &Path| fs::canonicalize(path).unwrap();
    assert_eq!(same(Path::new(git_dir.trim())), same(repo.repo.path()));
    let cdup = program.run(&["rev-parse", "--show-cdup"]).unwrap();
    assert_eq!(String::from_utf8(cdup).unwrap().trim(), "", "paths are relative to the worktree");
    // A test must not change its own environment, so the list is looked at.
    let command = program.command(&["version"]);
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY"] {
        let removed = command.get_envs().any(|(key, value)| key == name && value.is_none());
        assert!(removed, "{name}");
    }
}

#[test]
fn no_hook_of_the_repository_runs() {
    let folder = tempfile::tempdir().unwrap();
    let repo = repo(folder.path());
    let hook = repo.repo.path().join("hooks/pre-push");
    let mark = folder.path().join("ran");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let remote = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(remote.path()).unwrap();
    let empty = repo.repo.treebuilder(None).unwrap().write().unwrap();
    let tree = repo.repo.find_tree(empty).unwrap();
    let by = git2::Signature::new("t", "t@example", &git2::Time::new(0, 0)).unwrap();
    let commit = repo.repo.commit(None, &by, &by, "m", &tree, &[]).unwrap();
    let url = format!("file://{}", remote.path().display());
    let what = format!("{commit}:refs/heads/x");
    GitProgram::of(&repo).run(&["push", "--", &url, &what]).unwrap();
    assert!(!mark.exists());
}

#[test]
fn an_error_tells_the_code_and_the_last_lines_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let git = fake(
        folder.path(),
        "echo partial\necho \"fatal: unable to access 'https://bob:hunter2@git.example/': no\" >&2\nexit 128",
    );
    let error = git.run(&["ls-remote", "--", "origin"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`git ls-remote` ended with exit code 128: fatal: unable to access 'https://git.example/': no"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
    let ended = git.ended(&["ls-remote"]).unwrap();
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(128), &b"partial\n"[..]));
}

#[test]
fn a_run_that_does_not_end_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let git = fake(folder.path(), "exec sleep 600").within(Duration::from_millis(50));
    let error = git.run(&["fetch"]).unwrap_err();
    assert!(matches!(error, GitError::TooSlow { .. }), "{error}");
}

#[test]
fn a_process_that_keeps_standard_error_open_does_not_hold_the_run_up() {
    let folder = tempfile::tempdir().unwrap();
    let git = fake(folder.path(), "sleep 600 >/dev/null &\necho $! >pid\necho said >&2\nexit 1");
    let ended = git.ended(&["fetch"]).unwrap();
    assert_eq!(ended.complaint, "said");
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    Command::new("kill").arg(pid.trim()).status().unwrap();
}

#[test]
fn much_output_on_both_pipes_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let git = fake(folder.path(), "head -c 300000 /dev/zero\nhead -c 300000 /dev/zero >&2");
    assert_eq!(git.run(&["ls-remote"]).unwrap().len(), 300_000);
}

#[test]
fn a_missing_git_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing-here");
    let git = GitProgram { program: missing, ..GitProgram::of(&repo(folder.path())) };
    assert!(matches!(git.run(&["version"]), Err(GitError::NoProgram)));
}

#[test]
fn names_that_could_be_options_or_urls_reach_no_command_line() {
    for name in ["", "-x", "--upload-pack=touch x", "a b", "a\nb", "https://x@y/z", "a..b"] {
        assert!(checked_remote(name).is_err(), "{name:?}");
    }
    for name in ["origin", "up/stream", "my-fork"] {
        assert_eq!(checked_remote(name).unwrap(), name);
    }
    for name in ["", "-x", "main", "refs/heads/a b", "refs/heads/a:b", "+refs/heads/a", "refs/*"] {
        assert!(checked_ref(name).is_err(), "{name:?}");
    }
    assert_eq!(checked_ref("refs/heads/applecart/ledger").unwrap(), "refs/heads/applecart/ledger");
}

#[test]
fn a_command_is_called_by_its_name_not_by_a_setting() {
    assert_eq!(super::name_of(&["--no-replace-objects", "-c", "a.b=c", "log", "-z"]), "log");
    assert_eq!(super::name_of(&["-c"]), "");
}
