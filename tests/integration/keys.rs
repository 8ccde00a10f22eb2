//! Private keys as people have them, from outside.

use std::process::Command;

use crate::world::{Run, World, finish};

/// A fleet with a renewal that is due, and nothing that names a key.
fn due() -> World {
    let world = World::new();
    world.renewal("contoso");
    world
}

/// The command without a key.
fn without_key(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.env_remove("SOPS_AGE_KEY");
    command
}

fn all(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

fn doctor(world: &World, variable: &str, value: &str) -> Run {
    let mut command = without_key(world, &["doctor"]);
    command.env(variable, value);
    finish(command)
}

#[test]
fn the_key_file_where_sops_looks_is_used_without_being_named() {
    let world = due();
    let missing = finish(without_key(&world, &["apply"])).ends_with(1);
    missing.says("sops/age/keys.txt").says("export SOPS_AGE_KEY_FILE=PATH");
    let folder = world.path(".config/sops/age");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("keys.txt"), &world.key).unwrap();
    finish(without_key(&world, &["apply"])).ends_with(0).says("uploaded");
    assert_eq!(world.uploads("contoso"), 1);
}

#[test]
fn a_damaged_key_file_that_nobody_named_is_no_reason_to_refuse_another_key() {
    let world = due();
    let folder = world.path(".config/sops/age");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("keys.txt"), "hello").unwrap();
    finish(without_key(&world, &["apply"])).ends_with(1).says("not an age identity");
    world.run(&["apply"]).ends_with(0).says("not used: ").says("keys.txt (where SOPS looks)");
}

#[cfg(unix)]
#[test]
fn a_command_that_prints_the_key_is_run_as_sops_runs_it() {
    let world = due();
    std::fs::write(world.path("the key"), &world.key).unwrap();
    let with = |line: &str| {
        let mut command = without_key(&world, &["apply"]);
        command.env("SOPS_AGE_KEY_CMD", line);
        finish(command)
    };
    with("no-such-program").ends_with(1).says("could not be started");
    with("false").ends_with(1).says("ended with exit code 1");
    with("cat 'open").ends_with(1).says("a quote is not closed");
    // Without a shell: what would be one's syntax is a name.
    with("cat '../the key' ; true").ends_with(1).says("ended with exit code 1");
    assert_eq!(world.uploads("contoso"), 0);
    with("cat '../the key'").ends_with(0).says("uploaded");
}

#[test]
fn a_key_where_a_path_belongs_is_never_shown() {
    let world = due();
    let run = doctor(&world, "SOPS_AGE_KEY_FILE", &world.key);
    assert!(!all(&run).contains(&world.key[20..]), "{}", all(&run));
    run.ends_with(3).says("this is a private key, not the path of a file");
    let run = finish(without_key(&world, &["apply", "--identity", &world.key]));
    assert!(!all(&run).contains(&world.key[20..]), "{}", all(&run));
    run.ends_with(1).says("--identity: this is a private key");
}

#[test]
fn a_key_that_opens_nothing_is_refused_before_intune_is_asked() {
    let world = due();
    let stranger = World::new();
    let mut command = world.command(&["apply"]);
    command.env("SOPS_AGE_KEY", &stranger.key);
    let run = finish(command).ends_with(4);
    run.says("the available private key does not open the sealed file of the selected tenants");
}
