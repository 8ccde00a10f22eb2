//! Command lines as data (`tests/cmd`), and the demo.

use std::process::Command;

use crate::world::finish;

#[test]
fn command_lines() {
    trycmd::TestCases::new()
        .case("tests/cmd/*.toml")
        .env("NO_COLOR", "1")
        .env("GITHUB_BASE_REF", "")
        .env("SYSTEM_PULLREQUEST_TARGETBRANCH", "")
        .env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")
        .env("AZURE_CLIENT_SECRET", "");
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .args(["demo"])
        .arg(folder.path().join("demo"));
    let run = finish(command).ends_with(0);
    for part in [
        "nothing to upload",
        "press Renew",
        "IntuneCSR-fourthcoffee.csr",
        "reviewed as pull request #1",
        "renewed-outside-git",
        "topic-change",
        "token-invalid",
        "audit passed",
        "That is the story",
    ] {
        assert!(
            run.stdout.contains(part) || run.stderr.contains(part),
            "{part}:\n{}\n{}",
            run.stdout,
            run.stderr
        );
    }
}

#[test]
fn a_second_demo_in_the_same_folder_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "precious").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
    command.args(["demo"]).arg(folder.path());
    finish(command).ends_with(1).says("is not empty");
}
