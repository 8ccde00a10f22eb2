//! What a clone is told of itself and of its remote, and slips that are told once and at the start.

use crate::world::World;
use crate::world::hub::{Hub, git};

/// A fleet with a tenant at a hub, and a clone that may commit.
fn hub() -> Hub {
    let hub = Hub::new();
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub
}

fn as_dana(clone: &crate::world::hub::Clone<'_>) {
    clone.git(&["config", "user.name", "Dana"]);
    clone.git(&["config", "user.email", "dana@msp.example"]);
}

#[test]
fn a_clone_that_is_behind_says_so() {
    let hub = hub();
    let clone = hub.clone("colleague", &[]);
    hub.world.git(&["commit", "--quiet", "--allow-empty", "--message", "Later"]);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    for command in ["plan", "status"] {
        clone.run(&[command]).says("git pull --ff-only");
    }
    clone.run(&["doctor"]).says("The remote has 1 commit that this clone does not have");
    clone.git(&["pull", "--quiet", "--ff-only"]);
    assert!(!clone.run(&["plan"]).stdout.contains("git pull"));
}

#[test]
fn a_clone_that_is_behind_is_not_calm_about_a_renewal_that_was_merged_since() {
    let hub = Hub::new();
    let (_, first) = hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("colleague", &[]);
    clone.run(&["apply"]).ends_with(0).says("uploaded");
    hub.world.tenant("contoso", &hub.world.issue(Some(&first.topic), 365));
    hub.world.commit("Renew contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    clone.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("tenant-outdated");
    clone.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("git pull --ff-only");
    clone.run(&["apply"]).ends_with(5).says("superseded");
    clone.git(&["pull", "--quiet", "--ff-only"]);
    clone.run(&["apply", "--rev", "HEAD~1"]).ends_with(5).says("tenant-outdated");
    assert!(!clone.run(&["plan"]).stdout.contains("tenant-outdated"));
}

#[test]
fn files_that_are_not_committed_are_told_where_only_commits_count() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    world.tenant("contoso", &world.issue(None, 500));
    for command in ["plan", "status", "apply"] {
        world.run(&[command]).says("not committed");
    }
    // Another download would end this one, which nobody else can see.
    world.run(&["status"]).says("renewal-open").says("Do not download it again");
    world.run(&["renew", "contoso/push"]).says("lies in the worktree of this clone");
    world.commit("All of it");
    assert!(!world.run(&["status"]).stdout.contains("not committed"));
}

#[test]
fn a_renewal_that_waits_on_a_branch_of_any_name_is_open() {
    let hub = Hub::new();
    let (_, first) = hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.world.git(&["checkout", "--quiet", "-b", "contoso-push"]);
    hub.world.tenant("contoso", &hub.world.issue(Some(&first.topic), 365));
    hub.world.commit("Renew contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "contoso-push"]);
    hub.world.git(&["checkout", "--quiet", "main"]);
    // A branch that was left behind brings nothing, and neither does one of the same files.
    hub.world.git(&["push", "--quiet", &hub.url(), "main:left-behind"]);
    let clone = hub.clone("colleague", &[]);
    clone.run(&["apply"]).ends_with(0).says("uploaded");
    clone.run(&["status"]).says("renewal-open").says("on the branch contoso-push");
    let sheet = clone.run(&["renew", "contoso/push"]).says("Do not download it again");
    assert!(!sheet.stdout.contains("branch -D") && !sheet.stdout.contains("--delete"));
    hub.world.git(&["merge", "--quiet", "--no-ff", "--no-edit", "contoso-push"]);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    clone.git(&["pull", "--quiet", "--ff-only"]);
    assert!(!clone.run(&["status"]).stdout.contains("renewal-open"));
}

#[test]
fn a_merge_that_was_not_pushed_is_refused_with_the_push() {
    let hub = hub();
    let clone = hub.clone("colleague", &[]);
    as_dana(&clone);
    clone.git(&["commit", "--quiet", "--allow-empty", "--message", "Merge"]);
    clone.run(&["plan"]).says("clone-ahead");
    clone
        .run(&["apply"])
        .ends_with(7)
        .says("the merge was not pushed")
        .says("git push origin main");
}

#[test]
fn a_mistyped_base_is_a_slip_and_a_policy_that_is_not_there_is_not() {
    let hub = hub();
    let clone = hub.clone("colleague", &[]);
    clone.run(&["plan", "--base", "orgin/main"]).ends_with(64).says("did you mean origin/main?");
    clone.run(&["plan", "--policy-rev", "orgin/main"]).ends_with(7);
}

#[test]
fn every_select_must_select_something() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    for command in
        [&["plan"][..], &["apply"], &["status"], &["history"], &["renew", "--due", "60d"]]
    {
        let arguments = [command, &["--select", "contoso", "--select", "fabricam"]].concat();
        world.run(&arguments).ends_with(64).says("--select fabricam").says("fabrikam");
    }
    world
        .run(&["plan", "--select", "contoso,fabrikam"])
        .ends_with(64)
        .says("A comma means \"and\"");
    world.run(&["ledger", "show", "nobody"]).ends_with(64);
    let id = "00000000-0000-4000-8000-00000000abcd";
    world.run(&["ledger", "show", id]).ends_with(64);
}

#[test]
fn a_key_that_cannot_be_used_is_told_once_and_before_the_plan() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    let told = |code: i32, missing: &str, change: &dyn Fn(&mut std::process::Command)| {
        let mut command = world.command(&["apply"]);
        command.env_remove("SOPS_AGE_KEY");
        change(&mut command);
        let run = crate::world::finish(command).ends_with(code).says(missing);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(all.matches("SOPS_AGE_KEY_FILE=PATH").count(), 1, "{all}");
        all
    };
    told(1, "there is no such file", &|command| {
        command.args(["--identity", "no-such-key"]);
    });

    let stranger = World::new().key.clone();
    let all = told(4, "does not open any of the 2 sealed files", &|command| {
        command.env("SOPS_AGE_KEY", &stranger);
    });
    assert!(!all.contains("Plan for"), "{all}");
    told(1, "2 sealed files must be opened", &|_| {});
    assert_eq!(world.uploads("contoso") + world.uploads("fabrikam"), 0);
    world.run(&["apply"]).ends_with(0);
    // Nothing is due now.
    told(1, "there is no such file", &|command| {
        command.args(["--identity", "no-such-key"]);
    });
}

#[test]
fn what_keeps_every_tenant_from_signing_in_is_told_once() {
    let world = World::new();
    for name in ["contoso", "fabrikam", "northwind"] {
        world.renewal(name);
    }
    for command in [&["plan"][..], &["status"], &["apply"], &["renew", "--due", "60d"], &["doctor"]]
    {
        let mut without = world.command(command);
        without.env_remove("AZURE_CLIENT_SECRET");
        let run = crate::world::finish(without);
        let all = format!("{}{}", run.stdout, run.stderr);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(all.matches("set AZURE_CLIENT_SECRET").count(), 1, "{command:?}: {all}");
        assert_ne!(run.code, 0);
    }
    let policy = world.policy("");
    let id = policy.lines().find_map(|line| line.trim().strip_prefix("clientId: ")).unwrap();
    world.write("applecart.yaml", &policy.replace(id, "00000000-0000-0000-0000-000000000000"));
    world.run(&["validate", "--worktree"]).ends_with(0).says("placeholder");
    world.commit("As init writes it");
    let run = world.run(&["plan"]).ends_with(8).says("still the placeholder");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("adminconsent"));
}

#[test]
fn a_file_that_is_not_sealed_stops_its_tenant_before_any_merge() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    let lfs = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 900\n",
        "ab".repeat(32)
    );
    world.write("tenants/contoso/push.pem.age", &lfs);
    world.commit("LFS");
    world.run(&["validate"]).ends_with(78).says("not-sealed").says("is a Git LFS pointer");
    world.run(&["plan"]).ends_with(3).says("Git LFS pointer");
    world.run(&["apply"]).ends_with(3);
    assert_eq!((world.uploads("contoso"), world.uploads("fabrikam")), (0, 1));
    world.run(&["audit"]).says("is a Git LFS pointer");
}

#[test]
fn the_commit_hook_judges_what_is_committed() {
    let world = World::new();
    world.renewal("contoso");
    let hook =
        std::fs::read_to_string(crate::world::project().join("src/app/init/skeleton/pre-commit"));
    crate::world::hub::script(
        &world.repo().join(".git/hooks/pre-commit"),
        hook.unwrap().trim_start_matches("#!/bin/sh\n"),
    );
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_applecart")).parent().unwrap();
    let commit = |ok: bool, what: &str| {
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let output = std::process::Command::new("git")
            .current_dir(world.repo())
            .env("PATH", path)
            .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(["commit", "--quiet", "--all", "--message", what])
            .output()
            .unwrap();
        let all = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), ok, "{what}: {all}");
    };
    let key = world.key.clone();
    world.write("tenants/contoso/key.txt", &format!("# my key\n{key}\n"));
    git(world.repo(), &["add", "--all"]);
    commit(false, "the fleet's private key");
    git(world.repo(), &["rm", "--quiet", "--force", "tenants/contoso/key.txt"]);
    world.write("tenants/contoso/ignored.pem", "not added");
    let good = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    world.write("tenants/contoso/tenant.yaml", &good.replace("name: contoso", "name: nonsense"));
    commit(false, "a mistake, with --all");
    world.write("tenants/contoso/tenant.yaml", &format!("{good}# a remark\n"));
    commit(true, "a remark");
}
