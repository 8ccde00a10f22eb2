//! `docs/tutorial.md`, run as it stands.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::world::{finish, project};

/// The fenced blocks of this language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[cfg(unix)]
#[test]
fn every_command_of_the_tutorial_does_what_it_promises() {
    for program in ["curl", "jq", "bash"] {
        if Command::new(program).arg("--version").output().is_err() {
            let required = std::env::var_os("APPLECART_REQUIRE_INTEROP").is_some();
            assert!(!required, "{program} is not installed, and APPLECART_REQUIRE_INTEROP is set");
            println!("skipped: {program} is not installed");
            return;
        }
    }
    let tutorial = std::fs::read_to_string(project().join("docs/tutorial.md")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Whatever stops it, the simulator goes with it.
    let mut script = "trap 'kill $simulator 2>/dev/null || true' EXIT\n".to_owned();
    for block in blocks(&tutorial, "sh") {
        script.push_str(&block.replace("127.0.0.1:8090", &format!("127.0.0.1:{port}")));
    }
    let home = tempfile::tempdir().unwrap();
    let own = Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(own).chain(std::env::split_paths(&path));
    let mut command = Command::new("bash");
    command
        .current_dir(home.path())
        .env_clear()
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", home.path())
        .args(["-eu", "-o", "pipefail", "-c", &script]);
    let run = finish(command).ends_with(0);
    let promised = blocks(&tutorial, "text");
    assert!(promised.len() >= 4, "{promised:?}");
    let run = promised
        .iter()
        .fold(run, |run, lines| run.says(&lines.split_whitespace().collect::<Vec<_>>().join(" ")));
    run.says("press Renew on it. Never press Create").says("the upload of").says("ok: 1 tenant,");
}
