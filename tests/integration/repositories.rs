//! Repositories as people have them: each line of `docs/repositories.md`, and what `doctor` says of
//! a clone that cannot push.

use std::path::Path;

use crate::world::hub::{Clone, Hub, git, script};
use crate::world::{World, finish};

/// A fleet with a tenant whose renewal is due, at a hub.
fn hub() -> Hub {
    let hub = Hub::new();
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.git(&["config", "uploadpack.allowFilter", "true"]);
    hub.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    hub
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_sparse_checkout_removes_no_tenant() {
    let hub = hub();
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    for options in [&[][..], &["--filter=blob:none"], &["--filter=tree:0"]] {
        let name = format!("sparse{}", options.len() + options.concat().len());
        let clone = hub.clone(&name, options);
        clone.git(&["sparse-checkout", "init", "--cone"]);
        clone.git(&["sparse-checkout", "set", "tenants/fabrikam"]);
        assert!(!hub.world.path(&name).join("tenants/contoso").exists());
        let plan = clone.run(&["plan", "--worktree", "--format", "json"]).ends_with(0).json();
        assert_eq!(plan["removedTenants"], serde_json::json!([]), "{options:?}");
        assert_eq!(plan["summary"]["tenants"], 2, "{options:?}: {plan:#}");
        clone.run(&["validate", "--worktree"]).ends_with(0);
    }
}

#[test]
fn a_partial_clone_fetches_what_a_plan_reads() {
    let hub = hub();
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let name = filter.replace([':', '='], "");
        let clone = hub.clone(&name, &["--no-checkout", filter]);
        clone.run(&["validate"]).ends_with(0);
        clone.run(&["plan"]).ends_with(0).says("contoso");
        clone.run(&["history", "contoso", "--fetch"]).ends_with(0).says("contoso");
        clone.run(&["audit"]).ends_with(3).says("objects-missing");
    }
}

#[test]
fn a_partial_clone_whose_remote_is_gone_ends_with_3() {
    let hub = hub();
    let clone = hub.clone("partial", &["--no-checkout", "--filter=tree:0"]);
    std::fs::rename(hub.folder(), hub.world.path("elsewhere")).unwrap();
    for command in [&["validate"][..], &["history", "contoso"]] {
        clone.run(command).ends_with(3).says("not in this");
    }
}

/// The steps of `doctor` that failed or are worth a look, in one text.
fn troubles(clone: &Clone<'_>) -> String {
    let found = clone.run(&["doctor", "--format", "json"]).json();
    let checks = found["checks"].as_array().unwrap().clone();
    let bad =
        checks.iter().filter(|check| check["state"] == "failed" || check["state"] == "warning");
    bad.map(ToString::to_string).collect()
}

#[test]
fn doctor_finds_a_branch_in_the_way_here_and_at_the_remote() {
    let hub = hub();
    let clone = hub.clone("here", &[]);
    assert_eq!(troubles(&clone), "");
    clone.git(&["branch", "applecart"]);
    let found = troubles(&clone);
    assert!(found.contains("git branch -m applecart applecart-old"), "{found}");
    // The same is found before anything is sent.
    clone.run(&["apply", "--yes"]).ends_with(3).says("in the way");
    assert_eq!(hub.world.uploads("contoso"), 0);
}

#[test]
fn doctor_finds_two_addresses_and_a_mirror() {
    let hub = hub();
    let clone = hub.clone("two", &[]);
    git(hub.world.path("."), &["clone", "--quiet", "--mirror", &hub.url(), "replica.git"]);
    let replica = hub.world.path("replica.git");
    clone.git(&["remote", "set-url", "--push", "origin", text(&replica)]);
    let found = troubles(&clone);
    assert!(found.contains("pushes go to") && found.contains("replica"), "{found}");

    let mirror = hub.clone("mirror", &["--mirror"]);
    let found = troubles(&mirror);
    assert!(found.contains("mirror of origin"), "{found}");
    assert!(!found.contains("cannot be pushed"), "{found}");
}

#[test]
fn a_mirror_and_a_clone_that_signs_its_pushes_upload_and_record() {
    let hub = hub();
    let clone = hub.clone("signs", &[]);
    clone.git(&["config", "push.gpgSign", "true"]);
    clone.git(&["config", "push.pushOption", "ci.skip"]);
    clone.git(&["config", "remote.origin.mirror", "true"]);
    clone.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
    assert!(hub.lines("contoso").iter().any(|line| line["event"] == "confirmed"));
}

#[test]
fn a_push_that_the_forge_refuses_is_told_with_the_step_of_its_cause() {
    let hub = hub();
    for (said, step) in [
        ("GH013: Repository rule violations found", "A rule of the forge applies"),
        ("TF401027: You need the Git 'GenericContribute' permission", "Contribute"),
        ("fatal: No space left on device", "The disk is full"),
    ] {
        let hook = hub.folder().join("hooks/pre-receive");
        script(&hook, &format!("echo \"{said}\" >&2\nexit 1"));
        let clone = hub.clone(&format!("c{}", said.len()), &[]);
        clone.run(&["apply", "--yes"]).ends_with(3).says(step);
        assert_eq!(hub.world.uploads("contoso"), 0, "{said}");
    }
}

#[test]
fn doctor_tells_of_a_push_without_credentials() {
    let hub = hub();
    let clone = hub.clone("asks", &[]);
    // A transport of the user's own that reads and does not let push.
    let helper = hub.world.path("no-push");
    script(
        &helper,
        "echo \"fatal: could not read Username for 'https://forge': terminal prompts disabled\" >&2\nexit 1",
    );
    clone.git(&["config", "remote.origin.receivepack", text(&helper)]);
    let found = troubles(&clone);
    assert!(found.contains("cannot be pushed") && found.contains("persist-credentials"), "{found}");
}

#[test]
fn what_is_refused_is_named_with_one_command_that_helps() {
    let world = World::new();
    world.renewal("contoso");
    let folder = world.path(".");
    let from = world.repo();
    let made = |name: &str, options: &[&str]| {
        let mut arguments = vec!["clone", "--quiet"];
        arguments.extend(options);
        arguments.extend([text(&from), name]);
        git(folder.clone(), &arguments);
        folder.join(name)
    };
    let validate = |repo: &Path| {
        let mut command = world.command(&["-C", text(repo), "validate"]);
        command.current_dir(&folder);
        finish(command)
    };

    let reftable = made("reftable", &["--ref-format=reftable"]);
    let told = validate(&reftable).ends_with(1);
    let line = told.stderr.lines().find(|line| line.contains("refs migrate")).unwrap().to_owned();
    let command = line.trim().trim_start_matches("next:").trim();
    let command = command.get(command.find("git -C").unwrap()..).unwrap();
    let migrate = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
    if migrate.status.success() {
        validate(&reftable).ends_with(0);
    } else {
        // Git before 2.48; the message has the other way.
        let complaint = String::from_utf8_lossy(&migrate.stderr).into_owned();
        assert!(complaint.contains("reflogs"), "{complaint}");
        told.says("git clone --ref-format=files");
        validate(&made("files", &["--ref-format=files"])).ends_with(0);
    }

    let old = made("old", &[]);
    git(old.clone(), &["config", "core.repositoryFormatVersion", "1"]);
    git(old.clone(), &["config", "extensions.partialClone", "origin"]);
    validate(&old).ends_with(1).says("git -C").says("--unset extensions.partialClone");

    let sha256 = folder.join("sha256");
    git(folder.clone(), &["init", "--quiet", "--object-format=sha256", "sha256"]);
    validate(&sha256).ends_with(1).says("fast-export");

    let borrower = made("borrower", &["--shared"]);
    std::fs::rename(&from, folder.join("gone")).unwrap();
    validate(&borrower).ends_with(3).says("borrows its objects").says("clone again");
}

#[cfg(unix)]
#[test]
fn a_clone_that_cannot_be_written_to_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let hub = hub();
    let clone = hub.clone("volume", &[]);
    let folders = ["refs", "refs/heads", "objects", "applecart", ""]
        .map(|name| clone.folder.join(".git").join(name));
    let mode = |mode: u32| {
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    mode(0o555);
    // Root writes where nobody may; elsewhere this is what a sync container's volume is.
    for command in ["plan", "status", "history"] {
        clone.run(&[command]).ends_with(0);
    }
    clone.run(&["audit"]).ends_with(0);
    mode(0o755);
}
