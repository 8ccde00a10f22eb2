//! Repositories as people have them: each line of `docs/repositories.md`, and what `doctor` says of
//! a clone that cannot push.

use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(target_os = "linux")]
use crate::world::behind_mounts;
use crate::world::hub::{Clone, Hub, git, script};
use crate::world::{Run, World, finish, project};

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
fn what_a_sparse_checkout_leaves_out_is_named_where_files_are_replaced() {
    let hub = hub();
    let clone = hub.clone("sparse", &["--sparse"]);
    let run = clone.run(&["reseal", "--dry-run"]).ends_with(3);
    run.says("tenants/contoso left as it is").says("git sparse-checkout add tenants/contoso");
    let download = hub.world.path("download.pem");
    std::fs::write(&download, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let run = clone.run(&["seal", text(&download), "contoso"]).ends_with(3);
    run.says("the checkout is sparse").says("sparse-checkout add tenants/contoso");
    clone.git(&["sparse-checkout", "add", "tenants/contoso"]);
    clone.run(&["reseal", "--dry-run"]).ends_with(0);
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
        // Nobody removed what was never checked out.
        for command in ["validate", "plan"] {
            clone.run(&[command, "--worktree"]).ends_with(3).says("nothing is checked out");
        }
        assert_eq!(troubles(&clone), "");
        clone.git(&["checkout", "--quiet"]);
        clone.run(&["validate", "--worktree"]).ends_with(0);
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
    let run = clone.run(&["apply", "--yes"]).ends_with(3);
    let told = format!("{}{}", run.stdout, run.stderr);
    let alone = told.lines().any(|line| line.trim() == "git branch -m applecart applecart-old");
    assert!(alone && told.contains("in the way"), "{told}");
    assert_eq!(hub.world.uploads("contoso"), 0);

    // Git itself keeps the two apart as long as any of the folder's branches is there.
    for branch in ["refs/heads/applecart/ledger", "refs/heads/applecart/notes"] {
        hub.git(&["update-ref", "-d", branch]);
    }
    hub.git(&["branch", "applecart", "main"]);
    let fresh = hub.clone("there", &[]);
    let found = troubles(&fresh);
    assert!(found.contains("a branch applecart at origin is in the way"), "{found}");
    fresh.run(&["apply", "--yes"]).ends_with(3).says("in the way");
    assert_eq!(hub.world.uploads("contoso"), 0);
}

#[test]
fn a_branch_in_the_way_keeps_a_ledger_from_being_begun_anywhere() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("here", &[]);
    clone.git(&["branch", "applecart"]);
    let run = clone.run(&["ledger", "create"]);
    assert_ne!(run.code, 0);
    run.says("in the way").says("git branch -m applecart applecart-old");
    assert_eq!(hub.git(&["for-each-ref", "refs/heads/applecart"]), "");
    clone.git(&["branch", "-m", "applecart", "applecart-old"]);
    clone.run(&["ledger", "create"]).ends_with(0);
}

#[test]
fn doctor_says_that_the_rules_of_a_forge_were_not_looked_at() {
    let hub = hub();
    let found = hub.clone("here", &[]).run(&["doctor", "--format", "json"]).json();
    let checks = found["checks"].as_array().unwrap();
    let rules = checks.iter().find(|check| check["text"].as_str().unwrap().contains("rulesets"));
    assert_eq!(rules.unwrap()["state"], "not-checked", "{found:#}");
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
    let run = |repo: &Path, name: &str| {
        let mut command = world.command(&["-C", text(repo), name]);
        command.current_dir(&folder);
        finish(command)
    };
    let validate = |repo: &Path| run(repo, "validate");

    let reftable = made("reftable", &["--ref-format=reftable"]);
    let told = run(&reftable, "apply").ends_with(1);
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
    run(&old, "apply").ends_with(1).says("git -C").says("--unset extensions.partialClone");

    let sha256 = folder.join("sha256");
    git(folder.clone(), &["init", "--quiet", "--object-format=sha256", "sha256"]);
    validate(&sha256).ends_with(1).says("fast-export");

    let borrower = made("borrower", &["--shared"]);
    std::fs::rename(&from, folder.join("gone")).unwrap();
    validate(&borrower).ends_with(3).says("borrows its objects").says("clone again");
}

/// Runs the program where this is mounted for it alone. `None` where this machine lets nobody do that.
#[cfg(target_os = "linux")]
fn behind(mounts: &str, clone: &Clone<'_>, arguments: &[&str]) -> Option<Run> {
    behind_mounts(&clone.command(arguments), mounts, "true")
}

/// The same folder, which nothing can be written to.
#[cfg(target_os = "linux")]
const READ_ONLY: &str =
    "mount --bind \"$PWD\" \"$PWD\" && mount -o remount,bind,ro \"$PWD\" && cd \"$PWD\"";

/// A copy of the folder on a disk that is full.
#[cfg(target_os = "linux")]
const FULL: &str = "mkdir -p ../disk && mount -t tmpfs -o size=8m tmpfs ../disk && cp -a . ../disk/clone && cd ../disk/clone && { head -c 16m /dev/zero >../filling 2>/dev/null; true; }";

/// A linked worktree within its clone, as sync containers make it, which nothing can be written to.
#[cfg(target_os = "linux")]
const READ_ONLY_ABOVE: &str = "above=$(realpath ../..) && mount --bind \"$above\" \"$above\" && mount -o remount,bind,ro \"$above\" && cd \"$PWD\"";

#[cfg(target_os = "linux")]
#[test]
fn a_clone_that_cannot_be_written_to_shows_what_the_remote_has_and_uploads_nothing() {
    let hub = hub();
    let clone = hub.clone("volume", &[]);
    // Of the ledger, too, the remote has more than this clone.
    hub.clone("other", &[]).run(&["apply", "--yes"]).ends_with(0);
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let kept = "is forgotten at its end";
    let told = [
        (&["plan"][..], "clone-behind"),
        (&["status"], "The remote has 1 commit that this clone does not have"),
        (&["history", "--fetch"], "uploaded"),
        (&["audit"], "1 upload traced"),
        (&["ledger", "verify"], "ok: 1 tenant"),
    ];
    for (command, told) in told {
        let Some(run) = behind(READ_ONLY, &clone, command) else { return };
        run.ends_with(0).says(kept).says(told);
    }
    let run = behind(READ_ONLY, &clone, &["apply", "--yes"]).unwrap().ends_with(1);
    run.says("Work in a clone of your own");
    assert_eq!(hub.world.uploads("fabrikam"), 0);
    // Git's own files are as they were.
    assert_eq!(clone.git(&["for-each-ref", "refs/applecart"]), "");
    clone.git(&["fsck", "--strict"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_volume_of_a_sync_container_is_read_with_the_history_that_it_lacks() {
    let hub = hub();
    hub.clone("other", &[]).run(&["apply", "--yes"]).ends_with(0);
    let synced = hub.clone("synced", &["--depth=1", "--single-branch", "--branch=main"]);
    synced.git(&["worktree", "add", "--quiet", "--detach", ".worktrees/abc"]);
    let volume = Clone { folder: synced.folder.join(".worktrees/abc"), ..synced };
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let temporary = hub.world.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mounts = format!("export TMPDIR={} && {READ_ONLY_ABOVE}", text(&temporary));
    for command in ["plan", "status", "validate"] {
        let Some(run) = behind(&mounts, &volume, &[command]) else { return };
        run.ends_with(0);
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_clone_that_cannot_be_written_to_without_a_temporary_folder_says_what_it_lacks() {
    let hub = hub();
    let clone = hub.clone("volume", &[]);
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let nowhere = format!("export TMPDIR=/proc && {READ_ONLY}");
    let Some(run) = behind(&nowhere, &clone, &["plan"]) else { return };
    run.ends_with(3).says("Name another one in TMPDIR").says("base-unknown");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_found_before_anything_is_uploaded() {
    let hub = hub();
    let clone = hub.clone("full", &[]);
    let Some(run) = behind(FULL, &clone, &["doctor"]) else { return };
    run.ends_with(3).says("The disk is full");
    behind(FULL, &clone, &["apply", "--yes"]).unwrap().ends_with(1).says("The disk is full");
    assert_eq!(hub.world.uploads("contoso"), 0);
}

#[test]
fn doctor_finds_the_fork_by_the_other_ledger() {
    let hub = hub();
    let (upstream, folder) = (hub.url(), hub.world.path("."));
    let fork = |name: &str, options: &[&str]| {
        let bare = format!("{name}.git");
        let arguments = [&["clone", "--quiet", "--bare"], options, &[&*upstream, &bare]].concat();
        git(folder.clone(), &arguments);
        let clone = hub.clone(name, &[]);
        clone.git(&["remote", "set-url", "origin", text(&hub.world.path(&bare))]);
        clone.git(&["remote", "add", "upstream", &upstream]);
        clone.git(&["fetch", "--quiet", "origin"]);
        clone
    };
    let same = fork("same", &[]);
    assert_eq!(troubles(&same), "");
    // A fork that was made before, and lags.
    hub.clone("first", &[]).run(&["apply", "--yes"]).ends_with(0);
    let found = troubles(&same);
    assert!(found.contains("upstream has a ledger") && found.contains("a fork of it"), "{found}");
    // A fork of the fleet's branch alone.
    let found = troubles(&fork("alone", &["--single-branch", "--branch=main"]));
    assert!(found.contains("ledger-lost") && found.contains("upstream has a ledger"), "{found}");
}

/// The first two cells of each line of a table in docs/repositories.md.
fn documented(first_column: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project().join("docs/repositories.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with(&format!("| {first_column} |")));
    rows.skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            (cells.next().unwrap(), cells.next().unwrap().trim_matches('`').to_owned())
        })
        .collect()
}

fn works(clone: &Clone<'_>) -> &'static str {
    clone.run(&["plan"]).ends_with(0);
    assert_eq!(troubles(clone), "");
    "works"
}

fn works_with(clone: &Clone<'_>, note: &str) -> &'static str {
    clone.run(&["plan"]).ends_with(0);
    let found = troubles(clone);
    assert!(found.contains(note), "{note}: {found}");
    "works, with a note"
}

/// A repository that is not opened, by any command, and the line that helps.
fn refused(hub: &Hub, folder: &Path, helps: &str) -> &'static str {
    for command in ["validate", "doctor", "audit"] {
        let run = finish(hub.world.command(&["-C", text(folder), command]));
        assert_ne!(run.code, 0, "{command}");
        run.says(helps);
    }
    "refused"
}

/// A clone that commands read through a stand-in, and the line that lets them record in it.
fn only_read(clone: &Clone<'_>, helps: &str) -> &'static str {
    for command in [&["validate"][..], &["plan"], &["status"], &["history", "--fetch"]] {
        clone.run(command).ends_with(0).says("is forgotten at its end");
    }
    clone.run(&["audit"]).says("1 upload traced");
    assert!(troubles(clone).contains(helps), "{helps}");
    for command in [&["apply", "--yes"][..], &["acknowledge", "contoso/push"]] {
        let run = clone.run(command);
        assert_ne!(run.code, 0, "{command:?}");
        run.says(helps);
    }
    "works, with a note"
}

fn of_format_one(clone: &Clone<'_>, extension: &str, value: &str) {
    clone.git(&["config", "core.repositoryFormatVersion", "1"]);
    clone.git(&["config", extension, value]);
}

#[cfg(target_os = "linux")]
#[test]
fn forms_of_repositories_are_what_the_table_says() {
    let hub = hub();
    let mut seen = vec![
        ("plain", works(&hub.clone("plain", &[]))),
        ("bare", works(&hub.clone("bare", &["--bare"]))),
    ];
    let worktree = |name: &str, options: &[&str]| {
        let clone = hub.clone(name, &[]);
        clone.git(&[&["worktree", "add", "--quiet", "--detach"], options, &["beside"]].concat());
        Clone { folder: clone.folder.join("beside"), ..clone }
    };
    let linked = worktree("linked", &[]);
    of_format_one(&linked, "extensions.worktreeConfig", "true");
    seen.push(("a linked worktree, with `extensions.worktreeConfig`", works(&linked)));
    let relative = worktree("relative", &[]);
    // As `git worktree add --relative-paths` makes it, which Git before 2.48 cannot.
    std::fs::write(relative.folder.join(".git"), "gitdir: ../.git/worktrees/beside\n").unwrap();
    let back = hub.world.path("relative/.git/worktrees/beside/gitdir");
    std::fs::write(back, "../../../beside/.git\n").unwrap();
    let main = hub.world.path("relative");
    git(main.clone(), &["config", "core.repositoryFormatVersion", "1"]);
    git(main, &["config", "extensions.relativeWorktrees", "true"]);
    let state = match git_knows_relative_worktrees() {
        true => works(&relative),
        false => {
            finish(relative.command(&["validate"])).ends_with(0);
            "works"
        }
    };
    seen.push(("relative worktree paths, `extensions.relativeWorktrees`", state));
    let precious = hub.clone("precious", &[]);
    of_format_one(&precious, "extensions.preciousObjects", "true");
    seen.push(("`extensions.preciousObjects`", works(&precious)));
    let sparse = hub.clone("sparse", &[]);
    sparse.git(&["sparse-checkout", "set", "--cone", "elsewhere"]);
    sparse.run(&["plan", "--worktree"]).ends_with(0);
    seen.push(("sparse checkout", works(&sparse)));

    let shallow = hub.clone("shallow", &["--depth=1"]);
    assert!(troubles(&shallow).contains("shallow"));
    shallow.run(&["plan"]).ends_with(0);
    shallow.run(&["history", "contoso"]).ends_with(0);
    seen.push(("shallow, `--depth`", "works, with a note"));
    let filter = "--filter=blob:none";
    let partial = hub.clone("partial", &["--no-checkout", filter]);
    partial.run(&["plan"]).ends_with(0);
    partial.run(&["audit"]).ends_with(3).says("objects-missing");
    seen.push((
        "partial, `--filter=blob:none` or `--filter=tree:0`",
        works_with(&hub.clone("bloblesss", &[filter]), ""),
    ));
    let unchecked = hub.clone("unchecked", &["--no-checkout"]);
    unchecked.run(&["plan", "--worktree"]).ends_with(3).says("nothing is checked out");
    seen.push(("nothing checked out, `--no-checkout`", works(&unchecked)));
    let mirror = hub.clone("mirror", &["--mirror"]);
    seen.push(("a mirror, `--mirror`", works_with(&mirror, "mirror of origin")));
    let fork = hub.clone("fork", &[]);
    git(hub.world.path("."), &["clone", "--quiet", "--mirror", &hub.url(), "fork.git"]);
    let behind_hub = hub.world.path("fork.git");
    fork.git(&["remote", "rename", "origin", "upstream"]);
    fork.git(&["remote", "add", "origin", text(&behind_hub)]);
    fork.git(&["fetch", "--quiet", "origin"]);
    fork.git(&["branch", "--quiet", "--set-upstream-to=origin/main"]);
    hub.clone("first", &[]).run(&["apply", "--yes"]).ends_with(0);
    seen.push((
        "a fork, beside the remote that has the ledger",
        works_with(&fork, "upstream has a ledger"),
    ));
    let two = hub.clone("two", &[]);
    two.git(&["remote", "set-url", "--push", "origin", text(&behind_hub)]);
    seen.push(("two addresses, `pushurl` or `pushInsteadOf`", works_with(&two, "pushes go to")));
    let volume = hub.clone("volume", &[]);
    if let Some(plan) = behind(READ_ONLY, &volume, &["plan"]) {
        plan.ends_with(0);
        behind(READ_ONLY, &volume, &["doctor"]).unwrap().says("cannot be written to");
    }
    seen.push(("read-only, such as a volume of a sync container", "works, with a note"));

    let reftable = hub.clone("reftable", &["--ref-format=reftable"]);
    let old = hub.clone("old", &[]);
    of_format_one(&old, "extensions.partialClone", "origin");
    seen.extend([
        (
            "references as a reftable, Git 3's default",
            only_read(&reftable, "refs migrate --ref-format=files"),
        ),
        (
            "`extensions.partialClone`, as older versions of Git wrote it",
            only_read(&old, "--unset extensions.partialClone"),
        ),
    ]);

    seen.extend(of_another_user(&hub));
    seen.extend(refused_forms(&hub));
    let seen: Vec<_> = seen.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(seen, documented("form"));
}

fn git_knows_relative_worktrees() -> bool {
    let help = Command::new("git").args(["worktree", "add", "-h"]).output().unwrap();
    String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains("relative-paths")
}

/// A line of the table: the form, and what comes of it.
type Row = (&'static str, &'static str);

#[cfg(unix)]
fn of_another_user(hub: &Hub) -> [Row; 2] {
    let clone = hub.clone("theirs", &[]);
    let rows =
        [("another user's, which your `git` trusts", "works"), ("another user's", "refused")];
    // Only root can give a folder away.
    let given = Command::new("chown").args(["-R", "1234:1234", text(&clone.folder)]).output();
    if !given.is_ok_and(|output| output.status.success()) {
        return rows;
    }
    let helps = format!("git config --global --add safe.directory {}", text(&clone.folder));
    let second = refused(hub, &clone.folder, &helps);
    let trusted = format!("[safe]\n\tdirectory = {}/*\n", text(&hub.world.path("")));
    std::fs::write(hub.world.path(".gitconfig"), trusted).unwrap();
    let first = works(&clone);
    std::fs::remove_file(hub.world.path(".gitconfig")).unwrap();
    [(rows[0].0, first), (rows[1].0, second)]
}

fn refused_forms(hub: &Hub) -> [Row; 3] {
    let folder = hub.world.path(".");
    let sha256: PathBuf = folder.join("sha256");
    git(folder.clone(), &["init", "--quiet", "--object-format=sha256", "sha256"]);
    let future = hub.clone("future", &[]);
    of_format_one(&future, "extensions.future", "true");
    let lender = hub.world.path("lender.git");
    git(folder.clone(), &["clone", "--quiet", "--mirror", &hub.url(), text(&lender)]);
    git(folder.clone(), &["clone", "--quiet", "--shared", text(&lender), "borrower"]);
    std::fs::remove_dir_all(&lender).unwrap();
    let borrower = folder.join("borrower");
    [
        ("SHA-256 object names", refused(hub, &sha256, "fast-export --all")),
        ("other extensions", refused(hub, &future.folder, "extensions.future")),
        (
            "objects borrowed from a folder that is gone, `alternates`",
            refused(hub, &borrower, "clone again"),
        ),
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn why_a_push_failed_is_found_by_what_the_table_says() {
    let by = |found: bool, who: &'static str| if found { who } else { "nothing" };
    let hub = hub();
    let mut seen: Vec<Row> = Vec::new();
    for (name, status, step) in [
        ("no stored credential", "401 Unauthorized", "persist-credentials"),
        ("403", "403 Forbidden", "contents: write"),
    ] {
        let clone = hub.clone(&name.replace(' ', "-"), &[]);
        clone.git(&["remote", "set-url", "origin", &hub.web(status)]);
        clone.run(&["apply", "--yes"]).ends_with(3).says(step);
        seen.push((name, by(troubles(&clone).contains(step), "doctor")));
    }
    let hook = hub.folder().join("hooks/pre-receive");
    script(&hook, "echo 'GH013: Repository rule violations found' >&2\nexit 1");
    let clone = hub.clone("rule", &[]);
    assert_eq!(troubles(&clone), "", "nobody sees a rule before a real push");
    clone.run(&["apply", "--yes"]).ends_with(3).says("GH013").says("A rule of the forge applies");
    std::fs::remove_file(hook).unwrap();
    seen.push(("a rule of the forge", "apply"));
    let clone = hub.clone("way", &[]);
    clone.git(&["branch", "applecart"]);
    seen.push((
        "a branch in the way, such as `applecart` beside `applecart/ledger`",
        by(troubles(&clone).contains("in the way of applecart/ledger"), "doctor"),
    ));
    let clone = hub.clone("disk", &[]);
    let full = behind(FULL, &clone, &["doctor"]);
    let found = full.is_none_or(|run| run.stdout.contains("The disk is full"));
    seen.push(("a full disk", by(found, "doctor")));
    let clone = hub.clone("lock", &[]);
    let found = ["refs/heads/applecart/ledger.lock", "index.lock", "config.lock"].map(|name| {
        let lock = clone.folder.join(".git").join(name);
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(&lock, "").unwrap();
        let found = troubles(&clone).contains(&format!("rm {}", text(&lock)));
        std::fs::remove_file(&lock).unwrap();
        found
    });
    let found = found.iter().all(|found| *found);
    let lock = "a lock that a killed Git left, of a branch, the index or the settings";
    seen.push((lock, by(found, "doctor")));
    assert_eq!(hub.world.uploads("contoso"), 0);

    let clone = hub.clone("behind", &[]);
    clone.run(&["apply", "--yes"]).ends_with(0);
    let tip = hub.git(&["rev-parse", "refs/heads/applecart/ledger~1"]);
    hub.git(&["update-ref", "refs/heads/applecart/ledger", &tip]);
    let found = troubles(&clone);
    assert!(!found.contains("rewritten"), "{found}");
    seen.push((
        "a remote that is behind what it had",
        by(found.contains("ledger-behind"), "doctor"),
    ));
    let clone = hub.clone("signs", &[]);
    clone.git(&["config", "push.gpgSign", "true"]);
    clone.git(&["config", "remote.origin.mirror", "true"]);
    seen.push((
        "`push.gpgSign`, push options, a mirror's settings",
        by(troubles(&clone).contains("cannot be pushed"), "doctor"),
    ));
    let seen: Vec<_> = seen.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(seen, documented("cause"));
}
