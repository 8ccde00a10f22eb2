//! The recipe of docs/audit.md, block by block, with the real tools.
#![cfg(unix)]

use std::process::Command;

use super::ledger::WAYS;
use crate::interop::program;
use crate::world::hub::REFNAME;
use crate::world::{World, project};

/// The shell blocks, in order: head, chains, append-only, uploads, digest.
fn blocks() -> Vec<String> {
    let text = std::fs::read_to_string(project().join("docs/audit.md")).unwrap();
    let blocks: Vec<String> = text
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert_eq!(blocks.len(), 5);
    blocks
}

/// Whether there is everything that the recipe needs.
fn tools() -> bool {
    program("jq", "APPLECART_JQ").is_some() && program("sha256sum", "APPLECART_SHA256SUM").is_some()
}

/// Runs a block; its output where it ended with 1.
#[track_caller]
fn run(world: &World, block: &str, variables: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new("sh");
    command.current_dir(world.repo()).args(["-c", block]);
    command.env("LEDGER", "applecart/ledger").env("BRANCH", "main").env("EXPECTED", "");
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            assert_eq!((stdout.as_str(), stderr.as_ref()), ("", ""), "{block}");
            None
        }
        Some(1) => Some(stdout),
        code => panic!("{code:?}: {stdout}{stderr}"),
    }
}

/// Which of the first four blocks find something.
#[track_caller]
fn found(world: &World, expected: &str) -> Vec<usize> {
    let blocks = blocks();
    let found = blocks.iter().take(4).enumerate();
    found
        .filter_map(|(index, block)| {
            run(world, block, &[("EXPECTED", expected)]).map(|_| index + 1)
        })
        .collect()
}

#[test]
fn the_recipe_finds_what_the_audit_finds() {
    if !tools() {
        return;
    }
    let world = World::new();
    world.applied("contoso");
    world.applied("fabrikam");
    world.run(&["acknowledge", "contoso/push"]).ends_with(0);
    let clean = world.ledger_head();
    assert_eq!(found(&world, &clean), [0; 0]);
    let lines = world.lines("contoso");
    for (name, tamper, codes, line) in WAYS {
        let mut tampered = lines.clone();
        tamper(&mut tampered);
        world.write_lines("contoso", &tampered);
        let found = found(&world, &clean);
        // A broken chain is named with its line, and a changed line by the commit that did it.
        assert_eq!(found.contains(&2), line.is_some(), "{name}: {codes:?} {found:?}");
        assert!(found.contains(&3), "{name}: {found:?}");
        world.git(&["update-ref", REFNAME, &clean]);
    }
    // An older ledger in its place.
    world.git(&["update-ref", REFNAME, &format!("{clean}~1")]);
    assert_eq!(found(&world, &clean), [1]);
    world.git(&["update-ref", REFNAME, &clean]);
    // An amended fleet commit.
    world.git(&["commit", "--quiet", "--amend", "--message", "Amended"]);
    assert_eq!(found(&world, &clean), [4]);
}

#[test]
fn the_recipe_opens_the_file_that_was_uploaded() {
    if !tools() || program("age", "APPLECART_AGE").is_none() {
        return;
    }
    let world = World::new();
    world.applied("contoso");
    let line: serde_json::Value = serde_json::from_str(&world.lines("contoso")[1]).unwrap();
    let key = world.path("key.txt");
    std::fs::write(&key, &world.key).unwrap();
    let variables = |sha256: &str| {
        run(
            &world,
            &blocks()[4],
            &[
                ("KEY", key.to_str().unwrap()),
                ("REV", line["rev"].as_str().unwrap()),
                ("FILE", "tenants/contoso/push.pem.age"),
                ("SHA256", sha256),
            ],
        )
    };
    assert_eq!(variables(line["sha256"].as_str().unwrap()), None);
    assert!(variables(&"0".repeat(64)).unwrap().contains("opens to"));
}
