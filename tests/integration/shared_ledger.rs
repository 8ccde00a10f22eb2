//! The ledger in several clones with a remote between them, as pipelines and people use it.

use std::process::Stdio;

use applecart_core::ledger::testing::body;
use applecart_core::model::{
    Actor, Author, Event, LedgerEntry, Sha256, TenantId, Timestamp, TokenRef,
};
use applecart_io::store::read_saved;

use crate::world::hub::{Clone, Hub, REFNAME, script};
use crate::world::{finish, tenant_id};

fn entry(tenant: &str, run: &str, second: i64) -> (TenantId, LedgerEntry) {
    let actor = Actor { user: Some("dana".into()), host: None, pipeline: None };
    let author = Author { run: run.into(), clone: "clone".into(), actor };
    let at = Timestamp::from_unix(1_700_000_000 + second).unwrap();
    let name = tenant.parse().unwrap();
    let body = body(Event::Applied, at, Some(Sha256::of(tenant.as_bytes())));
    (tenant_id(tenant), LedgerEntry::new(at, name, TokenRef::push(), &author, body))
}

#[test]
fn what_one_clone_records_another_shows_and_verifies() {
    let hub = Hub::without_ledger();
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    two.run(&["ledger", "show"]).ends_with(0).says("There is no ledger yet (origin was asked)");
    let file =
        hub.saved("file.json", &[entry("contoso", "run-1", 0), entry("fabrikam", "run-1", 1)]);
    one.append(&file).ends_with(0).says("2 of 2 entries recorded").says("You can delete");
    let shown = two.run(&["ledger", "show", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["remote"], "origin");
    assert_eq!(shown["entries"].as_array().unwrap().len(), 2);
    two.run(&["ledger", "verify"])
        .ends_with(0)
        .says("ok: 2 tenants, 2 entries, 1 commit (")
        .says("of origin");
    one.append(&file).ends_with(0).says("0 of 2 entries recorded, 2 were there already");
    two.append(&file).ends_with(0).says("2 were there already");
    assert_eq!(hub.lines("contoso").len(), 1);
}

#[test]
fn a_pipelines_checkout_of_one_commit_sees_and_continues_the_whole_ledger() {
    let hub = Hub::without_ledger();
    let writer = hub.clone("writer", &[]);
    for second in 0..5 {
        let run = format!("run-{second}");
        let file = hub.saved(&run, &[entry("contoso", &run, second)]);
        writer.append(&file).ends_with(0);
    }
    hub.world.commit("More history");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    for (name, options) in
        [("single", &["--depth=1"][..]), ("every", &["--depth=1", "--no-single-branch"])]
    {
        let checkout = hub.clone(name, options);
        // The history is only whole if no commit of it is missing.
        let verified = checkout.run(&["ledger", "verify", "--format", "json"]).ends_with(0).json();
        assert_eq!(verified["verdict"], "ok", "{verified}");
        assert!(verified["commits"].as_u64().unwrap() >= 5, "{verified}");
        let file = hub.saved(&format!("{name}.json"), &[entry("contoso", name, 10)]);
        checkout.append(&file).ends_with(0);
        assert_eq!(checkout.git(&["rev-list", "--count", "HEAD"]), "1", "{name} stays shallow");
        assert_eq!(checkout.git(&["rev-parse", "--is-shallow-repository"]), "true");
    }
    assert_eq!(hub.lines("contoso").len(), 7);
    writer.run(&["ledger", "verify"]).ends_with(0).says("7 commits");
}

#[test]
fn a_clone_without_file_contents_gets_those_of_the_ledger() {
    let hub = Hub::without_ledger();
    hub.git(&["config", "uploadpack.allowFilter", "true"]);
    let writer = hub.clone("writer", &[]);
    for run in ["run-1", "run-2"] {
        writer.append(&hub.saved(run, &[entry("contoso", run, 0)])).ends_with(0);
    }
    for (name, options) in [
        ("every", &["--filter=blob:none"][..]),
        ("single", &["--filter=blob:none", "--single-branch"]),
    ] {
        let partial = hub.clone(name, options);
        partial.run(&["ledger", "verify"]).ends_with(0).says("2 entries, 2 commits");
    }
}

/// The transport that most people have: `git` starts a program that talks to the other side.
#[test]
#[cfg(unix)]
fn a_remote_over_ssh_is_reached_as_git_is_told_to() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    let (ssh, log) = (hub.world.path("ssh"), hub.world.path("ssh.log"));
    // As ssh does: the last argument is the command to run over there.
    let text =
        format!("echo \"$@\" >> {}\nfor last; do :; done\nexec sh -c \"$last\"", log.display());
    script(&ssh, &text);
    let url = format!("ssh://git@git.example.invalid{}", hub.folder().display());
    clone.git(&["remote", "set-url", "origin", &url]);
    let file = hub.saved("file.json", &[entry("contoso", "run-1", 0)]);
    let append = |clone: &Clone<'_>| clone.command(&["ledger", "append", file.to_str().unwrap()]);
    let mut by_variable = append(&clone);
    by_variable.env("GIT_SSH_COMMAND", &ssh).env("GIT_SSH_VARIANT", "ssh");
    finish(by_variable).ends_with(0).says("1 of 1 entries recorded");
    clone.git(&["config", "core.sshCommand", ssh.to_str().unwrap()]);
    clone.git(&["config", "ssh.variant", "ssh"]);
    finish(append(&clone)).ends_with(0).says("1 were there already");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("git@git.example.invalid") && log.contains("git-receive-pack"), "{log}");
    assert_eq!(hub.lines("contoso").len(), 1);
}

#[test]
fn sixteen_processes_lose_no_line_and_break_no_chain() {
    let hub = Hub::without_ledger();
    // Nobody has a ledger yet, so that first pushes race, too; and two processes share a clone.
    let clones: Vec<_> = (0..8).map(|number| hub.clone(&format!("clone-{number}"), &[])).collect();
    let children: Vec<_> = (0..16)
        .map(|number: usize| {
            let run = format!("run-{number}");
            let own = format!("tenant-{number}");
            let entries =
                [entry("contoso", &run, 0), entry(&own, &run, 1), entry("contoso", &run, 2)];
            let file = hub.saved(&run, &entries);
            clones[number / 2]
                .command(&["ledger", "append", file.to_str().unwrap()])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let lines = hub.lines("contoso");
    assert_eq!(lines.len(), 32);
    for number in 0..16 {
        let run = format!("run-{number}");
        assert_eq!(lines.iter().filter(|line| line["run"] == run.as_str()).count(), 2, "{run}");
        assert_eq!(hub.lines(&format!("tenant-{number}")).len(), 1);
    }
    let verified = clones[0].run(&["ledger", "verify", "--format", "json"]).ends_with(0).json();
    assert_eq!(
        (verified["verdict"].as_str(), verified["entries"].as_u64()),
        (Some("ok"), Some(48))
    );
    let roots = hub.git(&["rev-list", "--max-parents=0", REFNAME]);
    assert_eq!(roots.lines().count(), 1, "one of the first pushes won");
}

/// As a fetch of another process leaves it for a moment: Git unpacks a commit before its folders and
/// files, and moves what the branch is remembered by once all are there.
#[test]
#[cfg(target_os = "linux")]
fn a_commit_that_another_fetch_is_still_unpacking_is_read_whole() {
    let hub = Hub::without_ledger();
    let (writer, reader) = (hub.clone("writer", &[]), hub.clone("reader", &[]));
    writer.append(&hub.saved("first", &[entry("contoso", "run-1", 0)])).ends_with(0);
    reader.run(&["ledger", "show"]).ends_with(0);
    writer.append(&hub.saved("second", &[entry("contoso", "run-2", 0)])).ends_with(0);
    for name in [REFNAME.to_owned(), format!("{REFNAME}^{{tree}}")] {
        let id = hub.git(&["rev-parse", &name]);
        let object = format!("objects/{}/{}", &id[..2], &id[2..]);
        let here = reader.folder.join(".git").join(&object);
        std::fs::create_dir_all(here.parent().unwrap()).unwrap();
        std::fs::copy(hub.folder().join(object), here).unwrap();
    }
    // The usual way fails before anything arrives, so that the remote is asked where its branch is.
    let ssh = hub.world.path("ssh");
    let usual = "grep --quiet refs/applecart/seen /proc/$PPID/cmdline && exit 255";
    script(&ssh, &format!("{usual}\nfor last; do :; done\nexec sh -c \"$last\""));
    let url = format!("ssh://git@git.example.invalid{}", hub.folder().display());
    reader.git(&["remote", "set-url", "origin", &url]);
    reader.git(&["config", "core.sshCommand", ssh.to_str().unwrap()]);
    reader.git(&["config", "ssh.variant", "ssh"]);
    let shown = reader.run(&["ledger", "show", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["entries"].as_array().unwrap().len(), 2);
}

#[test]
#[cfg(unix)]
fn entries_that_the_server_declines_stay_in_their_file_and_are_recorded_later() {
    for hook in ["pre-receive", "update"] {
        let hub = Hub::without_ledger();
        let clone = hub.clone("clone", &[]);
        let file = hub.saved("file.json", &[entry("contoso", "run-1", 0)]);
        let declining = hub.protect(hook);
        let run = clone.append(&file).ends_with(3).says("GH006: Protected branch update failed");
        let run = run.says("Allow this user to push to refs/heads/applecart/ledger");
        assert!(!run.stdout.contains("delete"), "{}", run.stdout);
        assert_eq!(read_saved(&file).unwrap().len(), 1);
        std::fs::remove_file(declining).unwrap();
        clone.append(&file).ends_with(0).says("You can delete");
        assert_eq!(hub.lines("contoso").len(), 1);
    }
}

#[test]
fn a_remote_that_cannot_be_reached_is_no_empty_ledger() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    let file = hub.saved("file.json", &[entry("contoso", "run-1", 0)]);
    clone.append(&file).ends_with(0);
    std::fs::rename(hub.folder(), hub.world.path("away")).unwrap();
    for arguments in [&["ledger", "show"][..], &["ledger", "verify"]] {
        clone.run(arguments).ends_with(3).says("could not be reached").says("git ls-remote origin");
    }
    clone.append(&file).ends_with(3);
    let shown = clone.run(&["ledger", "show", "--offline", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["entries"].as_array().unwrap().len(), 1);
    assert!(shown["remote"].is_null());
    clone.run(&["ledger", "verify", "--offline"]).ends_with(0).says("ledger in this clone");
}

#[test]
fn a_password_in_the_remotes_url_is_in_no_message() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    clone.git(&["remote", "set-url", "origin", "http://dana:hunter2@127.0.0.1:9/fleet.git"]);
    let run =
        clone.run(&["ledger", "show", "-vv"]).ends_with(3).says("http://127.0.0.1:9/fleet.git");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_ledger_that_is_gone_or_rewritten_over_there_is_a_broken_one() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    let file = hub.saved("one.json", &[entry("contoso", "run-1", 0)]);
    clone.append(&file).ends_with(0);
    let first = hub.git(&["rev-parse", REFNAME]);
    let file = hub.saved("two.json", &[entry("contoso", "run-2", 1)]);
    clone.append(&file).ends_with(0);
    let tip = hub.git(&["rev-parse", REFNAME]);

    hub.git(&["update-ref", REFNAME, &first]);
    let run = clone.run(&["ledger", "show"]).ends_with(3);
    let push = format!("git push origin {tip}:{REFNAME}");
    assert!(run.stderr.lines().any(|line| line.trim() == push), "{}", run.stderr);
    run.says("is behind");
    clone.run(&["ledger", "verify"]).ends_with(7).says("ledger-behind");
    hub.git(&["update-ref", "-d", REFNAME]);
    clone.run(&["ledger", "verify"]).ends_with(7).says("ledger-lost");
    clone.append(&file).ends_with(3).says(&format!("git push origin {tip}:{REFNAME}"));
    // What it says to run mends it.
    clone.git(&["push", "--quiet", "origin", &format!("{tip}:{REFNAME}")]);
    clone.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn a_ledger_from_before_the_remote_is_published_with_one_command() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    clone.git(&["remote", "rename", "origin", "later"]);
    clone.git(&["remote", "remove", "later"]);
    let file = hub.saved("one.json", &[entry("contoso", "run-1", 0)]);
    clone.append(&file).ends_with(0).says("the ledger in this clone has them all");
    clone.run(&["ledger", "append", "--publish"]).ends_with(64).says("git remote add origin URL");
    clone.git(&["remote", "add", "origin", &hub.url()]);
    clone.run(&["ledger", "show"]).ends_with(3).says("applecart ledger append --publish");
    clone.run(&["ledger", "append", "--publish"]).ends_with(0).says("The ledger is published");
    clone.run(&["ledger", "show"]).ends_with(0).says("run-1");
    assert_eq!(hub.lines("contoso").len(), 1);
}

#[test]
fn several_remotes_of_which_none_is_named_are_a_usage_error() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    clone.git(&["remote", "rename", "origin", "alpha"]);
    clone.git(&["remote", "add", "beta", &hub.url()]);
    clone.run(&["ledger", "show"]).ends_with(64).says("alpha, beta");
    clone.git(&["config", "branch.applecart/ledger.remote", "beta"]);
    clone.run(&["ledger", "show"]).ends_with(0).says("beta was asked");
}

/// In a hook, `git` names its own repository and index in the environment.
#[test]
fn a_surrounding_hooks_variables_lead_nowhere_else() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    let file = hub.saved("one.json", &[entry("contoso", "run-1", 0)]);
    let mut command = clone.command(&["ledger", "append", file.to_str().unwrap()]);
    command
        .env("GIT_DIR", hub.world.repo().join(".git"))
        .env("GIT_INDEX_FILE", "/nonexistent/index")
        .env("GIT_WORK_TREE", hub.world.repo())
        .env("GIT_QUARANTINE_PATH", "/nonexistent");
    finish(command).ends_with(0);
    assert_eq!(hub.lines("contoso").len(), 1);
}

#[test]
fn a_file_that_holds_no_entries_is_refused() {
    let hub = Hub::without_ledger();
    let clone = hub.clone("clone", &[]);
    let file = hub.world.path("notes.json");
    std::fs::write(&file, "{\"formatVersion\":\"1.0\",\"entries\":[{}]}").unwrap();
    clone.append(&file).ends_with(1).says("is not a file of ledger entries");
    clone.append(&hub.world.path("none.json")).ends_with(1).says("cannot be read");
    clone.run(&["ledger", "append"]).ends_with(64);
}
