//! `history`: commits, requests and uploads of a token as one timeline, from real repositories.

use std::process::Command;

use applecart_core::ledger::testing::body;
use applecart_core::model::{Actor, Author, Event, LedgerEntry, Sha256, TokenRef};
use applecart_io::store::Ledger;
use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::world::hub::Hub;
use crate::world::{Run, World, tenant_id};

impl World {
    /// The only token's history.
    #[track_caller]
    fn history(&self, arguments: &[&str]) -> Value {
        let all = [&["history", "--format", "json"], arguments].concat();
        token(&self.run(&all).ends_with(0))
    }

    /// A watched push certificate, as a person writes it by hand.
    fn watched(&self, folder: &str, apple_id: &str) {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {folder}\ntenantId: {}\nwatch: [push]\npush:\n  appleId: {apple_id}\n",
            tenant_id("contoso")
        );
        self.write(&format!("tenants/{folder}/tenant.yaml"), &text);
    }

    fn record(&self, entries: &[(Event, &str, Option<&str>)]) {
        let author = Author {
            run: "run-1".into(),
            clone: "clone-1".into(),
            actor: Actor {
                pipeline: Some("https://ci.example/7".into()),
                user: Some("dana".into()),
                host: None,
            },
        };
        let drafts: Vec<_> = entries
            .iter()
            .map(|(event, at, file)| {
                let sha256 = file.map(|file| Sha256::of(file.as_bytes()));
                let (at, name) = (at.parse().unwrap(), "contoso".parse().unwrap());
                let body = body(*event, at, sha256);
                let entry = LedgerEntry::new(at, name, TokenRef::push(), &author, body);
                (tenant_id("contoso"), entry)
            })
            .collect();
        let mut ledger = Ledger::open(&self.repo(), "applecart/ledger").unwrap();
        ledger.append(&drafts).unwrap();
    }
}

#[track_caller]
fn token(run: &Run) -> Value {
    let json = run.json();
    let tokens = json["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 1, "{json:#}");
    tokens[0].clone()
}

fn events(token: &Value) -> Vec<&str> {
    let entries = token["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

#[test]
fn a_renewal_is_one_timeline_from_the_commit_to_the_confirmation() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    let history = world.history(&["contoso/push"]);
    assert_eq!(events(&history), ["added", "intended", "applied", "confirmed"]);
    let entries = history["entries"].as_array().unwrap();
    let head = world.git(&["rev-parse", "main"]);
    assert_eq!(entries[0]["commit"]["id"], head);
    assert_eq!(entries[0]["commit"]["author"]["email"], "test@example.invalid");
    assert_eq!(entries[2]["record"]["rev"], head);
    let force = &history["inForce"];
    assert_eq!(force["state"], "confirmed");
    assert_eq!(force["broughtIn"]["id"], head);
    assert_eq!(force["reached"]["run"], entries[2]["record"]["run"]);
    assert_eq!(force["desired"], force["sha256"]);
    world.run(&["history", "contoso"]).ends_with(0).says("in Intune, as a read showed");
    world.run(&["history", "contoso/push", "--format", "csv"]).says("host,planDigest");
    let before = world.history(&["contoso", "--at", "2001-01-01"]);
    assert_eq!(before["inForce"]["state"], "not-recorded");
    assert_eq!(before["inForce"]["desired"], Value::Null);
    for format in ["human", "csv", "html"] {
        world.run(&["history", "--format", format]).ends_with(0).says("test@example.invalid");
    }
    let markdown = world.run(&["history", "--format", "markdown"]).ends_with(0);
    markdown.says("reached Intune").says("test&#64;example.invalid");
}

#[test]
fn merges_and_squashes_name_their_requests() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    world.watched("contoso", "two@contoso.example");
    world.commit("Another account");
    let written = world.git(&["rev-parse", "HEAD"]);
    world.git(&["checkout", "--quiet", "main"]);
    world.write("README.md", "meanwhile\n");
    world.commit("Unrelated");
    let message = "Merge pull request #12 from contoso/renew";
    world.git(&["merge", "--quiet", "--no-ff", "--message", message, "renew"]);
    let merge = world.git(&["rev-parse", "HEAD"]);
    world.watched("contoso", "three@contoso.example");
    world.commit("Yet another account (#13)");
    let history = world.history(&["contoso"]);
    assert_eq!(events(&history), ["added", "edited", "edited"]);
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries[0]["review"], Value::Null);
    assert_eq!(entries[1]["commit"]["id"], written);
    assert_eq!(entries[1]["merge"]["id"], merge);
    assert_eq!(entries[1]["review"]["number"], 12);
    assert_eq!(entries[1]["review"]["commit"], merge);
    assert_eq!(entries[2]["review"]["number"], 13);
    assert_eq!(entries[2]["changes"][0]["fact"], "appleId");
    assert_eq!(entries[2]["changes"][0]["from"], "two@contoso.example");
    assert_eq!(entries[2]["changes"][0]["to"], "three@contoso.example");
}

/// What a merge itself did to the token stands in no commit that it brought.
#[test]
fn a_merge_that_changed_the_token_has_an_entry_of_its_own() {
    for (name, on_main, merged, expected) in [
        ("as the branch had it", "one", "two", vec!["added", "edited"]),
        ("as nobody had it", "one", "other", vec!["added", "edited", "edited"]),
        ("over a change of main", "three", "two", vec!["added", "edited", "edited", "edited"]),
    ] {
        let world = World::new();
        world.watched("contoso", "one@contoso.example");
        world.commit("First");
        world.git(&["checkout", "--quiet", "-b", "renew"]);
        world.watched("contoso", "two@contoso.example");
        world.commit("On the branch");
        world.git(&["checkout", "--quiet", "main"]);
        if on_main != "one" {
            world.watched("contoso", &format!("{on_main}@contoso.example"));
        }
        world.write("README.md", "meanwhile\n");
        world.commit("On main");
        world.git(&["merge", "--quiet", "--no-commit", "--strategy=ours", "renew"]);
        world.watched("contoso", &format!("{merged}@contoso.example"));
        world.commit("Merge pull request #12 from contoso/renew");
        let history = world.history(&["contoso"]);
        assert_eq!(events(&history), expected, "{name}");
        let last = history["entries"].as_array().unwrap().last().unwrap();
        assert_eq!(last["review"]["number"], 12, "{name}");
        assert_eq!(last["changes"][0]["to"], format!("{merged}@contoso.example"), "{name}");
    }
}

/// A commit that lay on a branch for months changed something when it was merged.
#[test]
fn a_period_has_what_was_merged_in_it() {
    let world = World::new();
    let at = |when: &str, arguments: &[&str]| {
        let status = Command::new("git")
            .current_dir(world.repo())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", when)
            .env("GIT_COMMITTER_DATE", when)
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid"])
            .args(arguments)
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    let commit = |when: &str, message: &str| {
        world.git(&["add", "--all"]);
        at(when, &["commit", "--quiet", "--message", message]);
    };
    world.watched("contoso", "one@contoso.example");
    commit("2026-01-01T00:00:00Z", "First");
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    world.watched("contoso", "two@contoso.example");
    commit("2026-01-02T00:00:00Z", "Second");
    world.git(&["checkout", "--quiet", "main"]);
    let merge = ["merge", "--quiet", "--no-ff", "--message", "Merge pull request #3", "renew"];
    at("2026-03-01T00:00:00Z", &merge);
    for (period, expected) in [
        (["--since", "2026-02-01"], vec!["edited"]),
        (["--until", "2026-01-01"], vec!["added"]),
        (["--until", "2026-01-31"], vec!["added", "edited"]),
        (["--since", "2026-04-01"], vec![]),
    ] {
        let history = world.history(&[&["contoso"], &period[..]].concat());
        assert_eq!(events(&history), expected, "{period:?}");
    }
}

#[test]
fn a_folder_keeps_its_history_under_another_name() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    // Another tenant comes and goes in the same commits, to be taken for the moved one.
    let other = "apiVersion: applecart/v1\nkind: Tenant\nname: other\ntenantId: 11111111-1111-4111-8111-111111111111\n";
    world.write("tenants/other/tenant.yaml", other);
    world.commit("First");
    world.watched("contoso", "two@contoso.example");
    world.commit("Second");
    world.git(&["rm", "--quiet", "-r", "tenants/contoso", "tenants/other"]);
    world.watched("contoso-ltd", "two@contoso.example");
    world.commit("Renamed");
    world.git(&["checkout", "--quiet", "-b", "again"]);
    world.git(&["rm", "--quiet", "-r", "tenants/contoso-ltd"]);
    world.watched("acme", "three@contoso.example");
    world.commit("Renamed on a branch");
    world.git(&["checkout", "--quiet", "main"]);
    let message = "Merged PR 7: renamed";
    world.git(&["merge", "--quiet", "--no-ff", "--message", message, "again"]);
    world.record(&[(Event::Applied, "2020-01-01T00:00:00Z", Some("old"))]);
    for attempt in ["cold", "from the index"] {
        let history = world.history(&["acme/push"]);
        let expected = ["applied", "added", "edited", "folder-renamed", "folder-renamed"];
        assert_eq!(events(&history), expected, "{attempt}");
        let moved = &history["entries"][4];
        assert_eq!(moved["changes"][0]["from"], "contoso-ltd");
        assert_eq!(moved["changes"][0]["to"], "acme");
        assert_eq!(moved["review"]["number"], 7);
        assert_eq!(moved["merge"]["subject"], message);
    }
    // The whole fleet, from one walk, tells the same.
    let fleet = world.run(&["history", "--format", "json"]).ends_with(0).json();
    let names: Vec<_> =
        fleet["tokens"].as_array().unwrap().iter().map(|one| &one["tenant"]).collect();
    assert_eq!(names, ["acme"]);
    assert_eq!(events(&fleet["tokens"][0]).len(), 5);
    let old = world.history(&["contoso/push"]);
    assert_eq!(old["inGit"], false);
    assert_eq!(events(&old).last(), Some(&"folder-renamed"));
    assert_eq!(old["entries"][3]["changes"][0]["to"], "contoso-ltd");
}

#[test]
fn a_new_file_a_resealed_one_and_a_revert_are_told_apart() {
    let world = World::new();
    let (one, two) = (world.issue(None, 20), world.issue(None, 364));
    world.tenant("contoso", &one);
    world.commit("First");
    world.tenant("contoso", &one);
    world.commit("Sealed anew");
    world.tenant("contoso", &two);
    world.commit("Renewed");
    world.git(&["revert", "--no-edit", "HEAD"]);
    world.write("tenants/contoso/tenant.yaml", "name: contoso\n");
    world.commit("A mistake");
    world.git(&["revert", "--no-edit", "HEAD"]);
    let history = world.history(&["contoso"]);
    assert_eq!(
        events(&history),
        ["added", "resealed", "file-replaced", "file-replaced", "unreadable", "readable"]
    );
    let serials = |entry: usize| {
        let changes = history["entries"][entry]["changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["fact"] == "serial").unwrap();
        (change["from"].clone(), change["to"].clone())
    };
    assert_eq!(serials(2), (one.serial.clone().into(), two.serial.clone().into()));
    assert_eq!(serials(3), (two.serial.into(), one.serial.into()));
    assert_eq!(history["entries"][5]["changes"].as_array().unwrap().len(), 0);
}

#[test]
fn what_was_in_force_is_told_for_any_day() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.record(&[
        (Event::Applied, "2026-01-10T10:00:00Z", Some("a")),
        (Event::Confirmed, "2026-01-10T10:01:00Z", Some("a")),
        (Event::Intended, "2026-02-10T10:00:00Z", Some("b")),
        (Event::Failed, "2026-02-10T10:00:05Z", Some("b")),
        (Event::ChangedOutsideGit, "2026-03-01T09:00:00Z", None),
        (Event::Applied, "2026-03-05T12:00:00Z", Some("b")),
    ]);
    for (at, state, file) in [
        ("2026-01-09", "not-recorded", None),
        ("2026-01-10T10:00:30Z", "applied", Some("a")),
        // Somebody changed it outside Git until March, when a run looked again.
        ("2026-02-28", "uncertain", Some("a")),
        ("2026-03-03", "outside-git", None),
        ("2026-03-05", "applied", Some("b")),
    ] {
        let force = &world.history(&["contoso", "--at", at])["inForce"];
        assert_eq!(force["state"], state, "{at}");
        let sha256 = file.map(|file| Sha256::of(file.as_bytes()).to_string());
        assert_eq!(force["sha256"].as_str(), sha256.as_deref(), "{at}");
    }
    let force = &world.history(&["contoso", "--at", "2026-02-28"])["inForce"];
    assert_eq!(force["reached"]["at"], "2026-01-10T10:00:00Z");
    assert_eq!(force["reached"]["pipeline"], "https://ci.example/7");
    assert_eq!(force["replaced"]["seen"]["at"], "2026-03-01T09:00:00Z");
    assert_eq!(force["replaced"]["lastKnown"], "2026-01-10T10:01:00Z");
    world
        .run(&["history", "contoso", "--at", "2026-02-28"])
        .says("reached Intune 2026-01-10T10:00:00Z, run run-1 by dana, https://ci.example/7");
    let part = world.history(&["contoso", "--since", "2026-02-10", "--until", "2026-03-01"]);
    assert_eq!(events(&part), ["intended", "failed", "changed-outside-git"]);
    assert_eq!(part["leftOut"], 4);
    world
        .run(&["history", "contoso", "--since", "2026-03-02", "--until", "2026-03-01"])
        .ends_with(64)
        .says("is later than --until");
    world.run(&["history", "contoso", "--at", "March"]).ends_with(64).says("2027-03-03");
}

#[test]
fn what_people_wrote_cannot_change_the_page() {
    let world = World::new();
    let hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\ndisplayName: '{hostile}'\nwatch: [vpp]\nvpp:\n  - name: '{hostile}'\n    location: '\"><script src=//x>'\n",
        tenant_id("contoso")
    );
    world.write("tenants/contoso/tenant.yaml", &text);
    world.git(&["add", "--all"]);
    let author = "Eve\" onload=\"alert(3) & <x@'\"onload=alert(4)>";
    world.git(&["commit", "--quiet", "--author", author, "--message", "</title><script>(#1)\n\n|"]);
    let html = world.run(&["history", "--format", "html"]).ends_with(0).stdout;
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    for forbidden in ["<script", "<img", "<x@", "\"onload", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    let markdown = world.run(&["history", "--format", "markdown"]).ends_with(0).stdout;
    assert!(!markdown.contains("<script") && !markdown.contains("<img"), "{markdown}");
}

#[test]
fn asked_again_nothing_is_walked_until_something_came() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    let without_git = |arguments: &[&str]| {
        let mut command = world.command(&[&["history", "--format", "json"], arguments].concat());
        command.env("PATH", "");
        crate::world::finish(command)
    };
    without_git(&["contoso"]).ends_with(1).says("`git` was not found");
    // The answer names the instant that it is for.
    let now = ["contoso", "--now", "2030-01-01T00:00:00Z"];
    let cold = world.history(&now);
    let again = without_git(&now).ends_with(0);
    assert_eq!(token(&again), cold);

    // What came since is found, whatever is in between.
    world.write("README.md", "x\n");
    world.commit("Unrelated");
    world.watched("contoso", "two@contoso.example");
    world.commit("Second");
    without_git(&["contoso"]).ends_with(1);
    assert_eq!(events(&world.history(&["contoso"])), ["added", "edited"]);
    without_git(&["contoso"]).ends_with(0);

    // A branch that was set back and went another way.
    world.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    world.git(&["rm", "--quiet", "-r", "tenants/contoso"]);
    world.commit("Gone");
    assert_eq!(events(&world.history(&["contoso"])), ["added", "removed"]);

    // The whole fleet's index answers for each tenant.
    let folder = world.repo().join(".git/applecart/history");
    std::fs::remove_dir_all(&folder).unwrap();
    world.run(&["history"]).ends_with(0);
    without_git(&["contoso"]).ends_with(0);

    // A line that was taken out, and a clone that is cut off elsewhere.
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.remove(lines.len() - 2);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    without_git(&["contoso"]).ends_with(1);
    assert_eq!(events(&world.history(&["contoso"])), ["added", "removed"]);
    std::fs::write(world.repo().join(".git/info/grafts"), "# none\n").unwrap();
    without_git(&["contoso"]).ends_with(1);
}

#[test]
fn a_replaced_commit_changes_nothing() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.watched("contoso", "two@contoso.example");
    world.commit("Second");
    let hidden = world.git(&["commit-tree", "-m", "Nothing happened", "HEAD^{tree}"]);
    world.git(&["replace", "HEAD", &hidden]);
    assert_eq!(events(&world.history(&["contoso"])), ["added", "edited"]);
}

#[test]
fn settings_of_the_user_and_the_clone_change_nothing() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.git(&["checkout", "--quiet", "-b", "renew"]);
    world.watched("contoso", "two@contoso.example");
    world.commit("Another account");
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", "renew"]);
    let expected = world.history(&["contoso"]);
    for (name, value) in [
        ("log.diffMerges", "combined"),
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("diff.orderFile", "/nowhere"),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("format.pretty", "oneline"),
        ("color.ui", "always"),
    ] {
        world.git(&["config", name, value]);
        let _ = std::fs::remove_dir_all(world.repo().join(".git/applecart"));
        let found = world.history(&["contoso"]);
        assert_eq!(found["entries"], expected["entries"], "{name}");
        world.git(&["config", "--unset", name]);
    }
}

#[test]
fn an_unknown_ledger_leaves_gits_half() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.record(&[(Event::Applied, "2026-01-10T10:00:00Z", Some("a"))]);
    world.git(&["checkout", "--quiet", "applecart/ledger"]);
    let path = format!("tenants/{}.jsonl", tenant_id("contoso"));
    let line = std::fs::read_to_string(world.repo().join(&path)).unwrap();
    world.write(&path, &line.replace("run-1", "run-2"));
    world.write(&path, &format!("{line}{line}"));
    world.commit("Tampered");
    world.git(&["checkout", "--quiet", "main"]);
    let run = world.run(&["history", "contoso", "--format", "json"]).ends_with(3);
    let history = token(&run);
    assert_eq!(events(&history), ["added"]);
    assert_eq!(history["inForce"]["state"], "unknown");
    assert!(history["ledgerProblem"].is_string());
    for format in ["human", "markdown", "html"] {
        let run = world.run(&["history", "contoso", "--format", format]).ends_with(3);
        run.says("its lines are missing");
    }
    // Another branch stands where the ledger was.
    world.git(&["branch", "--force", "applecart/ledger", "main"]);
    let run = world.run(&["history", "contoso"]).ends_with(3).says("The ledger is unknown");
    run.says("entry added");
}

#[test]
fn a_shallow_clone_says_where_its_history_ends() {
    let hub = Hub::new();
    hub.world.watched("contoso", "one@contoso.example");
    hub.world.commit("First");
    hub.world.watched("contoso", "two@contoso.example");
    hub.world.commit("Second");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let shallow = hub.clone("shallow", &["--depth", "1"]);
    let run = shallow.run(&["history", "contoso", "--format", "json"]).ends_with(0);
    assert_eq!(run.json()["cutOff"], true);
    assert_eq!(events(&token(&run)), ["cut-off"]);
    shallow.run(&["history", "contoso"]).says("--unshallow");
    shallow.git(&["fetch", "--quiet", "--unshallow"]);
    let run = shallow.run(&["history", "contoso", "--format", "json"]).ends_with(0);
    assert_eq!(events(&token(&run)), ["added", "edited"]);
}

#[test]
fn another_customers_lines_are_not_this_ones() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    world.record(&[(Event::Applied, "2026-01-10T10:00:00Z", Some("a"))]);
    // Somebody copied the id into another customer's folder, and corrected it later.
    world.watched("fabrikam", "it@fabrikam.example");
    world.commit("Fabrikam, with the wrong id");
    let path = world.repo().join("tenants/fabrikam/tenant.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let right = text.replace(&tenant_id("contoso").to_string(), &tenant_id("fabrikam").to_string());
    std::fs::write(&path, right).unwrap();
    world.commit("The right id");
    let history = world.history(&["fabrikam"]);
    assert_eq!(events(&history), ["added", "edited"]);
    assert_eq!(history["entries"][1]["changes"][0]["fact"], "tenantId");
}

#[test]
fn a_tenant_that_nobody_knows_is_not_an_empty_history() {
    let world = World::new();
    world.watched("contoso", "one@contoso.example");
    world.commit("First");
    for target in ["nobody", "contoso/London", "../x", "contoso*"] {
        world
            .run(&["history", target])
            .ends_with(64)
            .says("neither Git's history nor the ledger")
            .says("This shows every token that there ever was");
    }
    world.run(&["history", "--select", "nobody"]).ends_with(64);
}

#[test]
fn live_is_held_against_what_the_records_say_only_when_asked() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    world.state().clear_journal();
    assert_eq!(world.history(&["contoso/push"])["live"], Value::Null);
    assert!(world.state().requests().is_empty(), "offline unless asked");

    let history = world.history(&["contoso/push", "--live"]);
    assert_eq!(history["live"]["same"], true, "{:#}", history["live"]);
    world.run(&["history", "contoso", "--live"]).ends_with(0).says("Intune has it now: serial");

    // Somebody renews in the portal, and no run has seen it yet.
    let by_hand = world.issue(None, 300);
    world.live("contoso", Some(&by_hand));
    let history = world.history(&["contoso/push", "--live"]);
    assert_eq!(history["live"]["same"], false);
    assert_eq!(history["live"]["facts"]["serial"], by_hand.serial.to_string());
    world.run(&["history", "contoso", "--live"]).says("Intune has another one now");
    world.live("contoso", None);
    world.run(&["history", "contoso", "--live"]).ends_with(0).says("Intune has none now");

    // What Git only watches is held against it as well.
    let watched = world.issue(None, 200);
    world.live("fabrikam", Some(&watched));
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: fabrikam\ntenantId: {}\nwatch: [push]\npush:\n  serial: {}\n",
        tenant_id("fabrikam"),
        watched.serial
    );
    world.write("tenants/fabrikam/tenant.yaml", &text);
    world.commit("Watch fabrikam");
    assert_eq!(world.history(&["fabrikam", "--live"])["live"]["same"], true);
    world.live("fabrikam", Some(&world.issue(Some(&watched.topic), 300)));
    assert_eq!(world.history(&["fabrikam", "--live"])["live"]["same"], false);

    world.state().add_fault(FaultRule::always(Fault::status(503)).on("/beta/deviceManagement/*"));
    let run = world.run(&["history", "contoso", "--live"]).ends_with(3);
    run.says("Intune could not be read (server-error)").says("uploaded");
}
