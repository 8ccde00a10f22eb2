//! A ledger that has a beginning: what is missing is lost, never empty, and who may record what.

use applecart_core::ledger::testing::{author, body};
use applecart_core::ledger::{Tail, extend};
use applecart_core::model::{Event, Kind, LedgerEntry, Sha256, TokenRef};

use crate::world::hub::{Clone, Hub, REFNAME};
use crate::world::tenant_id;

/// A hub whose enrollment token was uploaded once: its file alone does not show that.
fn applied() -> Hub {
    let hub = Hub::new();
    hub.world.renewal_of("contoso", Kind::Enrollment);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.clone("first", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    hub
}

fn uploads(hub: &Hub) -> usize {
    hub.world.uploads_of("contoso", Kind::Enrollment)
}

/// Commits another text of the tenant's file on the ledger, and pushes it without force.
fn tamper(hub: &Hub, change: impl FnOnce(&std::path::Path)) {
    let clone = hub.clone("mallory", &["--branch", "applecart/ledger"]);
    change(&clone.folder.join(format!("tenants/{}.jsonl", tenant_id("contoso"))));
    clone.git(&["add", "--all"]);
    clone.commit("tidied up");
    clone.git(&["push", "--quiet", "origin", "HEAD:applecart/ledger"]);
    std::fs::remove_dir_all(clone.folder).unwrap();
}

fn sends_nothing(hub: &Hub, clone: &Clone<'_>, code: &str) {
    clone.run(&["plan"]).ends_with(3).says(code);
    clone.run(&["apply"]).ends_with(3).says(code);
    assert_eq!(uploads(hub), 1, "not sent twice");
}

#[test]
fn a_fresh_clone_does_not_take_a_deleted_ledger_for_an_empty_one() {
    let hub = applied();
    hub.git(&["update-ref", "-d", REFNAME]);
    let fresh = hub.clone("fresh", &[]);
    sends_nothing(&hub, &fresh, "ledger-lost");
    fresh.run(&["audit"]).ends_with(7).says("ledger-lost");
    assert!(fresh.run(&["doctor"]).code != 0);
}

#[test]
fn a_fork_without_the_ledger_and_one_with_anothers_get_nothing() {
    let hub = applied();
    let folder = hub.world.path("fork");
    let (from, to) = (hub.url(), folder.to_str().unwrap().to_owned());
    let clone = ["clone", "--quiet", "--bare", "--single-branch", "--branch", "main", &from, &to];
    hub.git(&clone);
    let tech = hub.clone("tech", &["--single-branch"]);
    tech.git(&["remote", "set-url", "origin", &to]);
    sends_nothing(&hub, &tech, "ledger-lost");
    let other = Hub::new();
    tech.git(&["push", "--quiet", "origin", "HEAD:refs/heads/unrelated"]);
    crate::world::hub::git(
        folder,
        &["fetch", "--quiet", &other.url(), "applecart/ledger:applecart/ledger"],
    );
    sends_nothing(&hub, &tech, "ledger-foreign");
}

#[test]
fn without_a_genesis_apply_begins_no_ledger_at_a_remote() {
    let hub = Hub::without_ledger();
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("one", &[]);
    clone.run(&["apply"]).ends_with(7).says("applecart ledger create");
    assert_eq!(hub.world.uploads("contoso"), 0);
    assert_eq!(hub.git(&["for-each-ref", "refs/heads/applecart"]), "");
    hub.begin();
    clone.git(&["pull", "--quiet"]);
    clone.run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn a_ledger_from_before_there_was_a_genesis_is_used_and_doctor_says_to_name_it() {
    let hub = applied();
    let root = hub.git(&["rev-list", "--max-parents=0", REFNAME]);
    hub.world.write("applecart.yaml", &hub.world.policy(""));
    hub.world.commit("As it was before");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("one", &[]);
    clone.run(&["apply"]).ends_with(0);
    clone.run(&["doctor"]).says("applecart ledger create");
    clone.run(&["ledger", "create"]).ends_with(0).says("is there already").says(&root);
    let policy = std::fs::read_to_string(clone.folder.join("applecart.yaml")).unwrap();
    let notes = hub.git(&["rev-list", "--max-parents=0", "applecart/notes"]);
    let named = format!("ledger:\n  genesis: {root}\n  notesGenesis: {notes}\n");
    assert!(policy.ends_with(&named), "{policy}");
    clone.run(&["ledger", "create"]).ends_with(0).says("names it already");
}

#[test]
fn a_plain_push_that_removes_lines_makes_their_tenant_unknown_until_it_is_accepted() {
    let cut = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, format!("{}\n", text.lines().next().unwrap())).unwrap();
    };
    let remove = |path: &std::path::Path| std::fs::remove_file(path).unwrap();
    let edit = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, text.replacen("\"event\":\"intended\"", "\"event\":\"intended \"", 1))
            .unwrap();
    };
    for (code, change) in [
        ("not-append-only", &cut as &dyn Fn(&std::path::Path)),
        ("file-removed", &remove),
        ("not-append-only", &edit),
    ] {
        let hub = applied();
        tamper(&hub, change);
        let fresh = hub.clone("fresh", &[]);
        sends_nothing(&hub, &fresh, code);
        let told = fresh.run(&["ledger", "verify"]).ends_with(7).says(code);
        let entries = told.stdout.lines().filter(|line| line.contains("- {tenant: "));
        let entry = entries.collect::<Vec<_>>().join("\n");
        let entry = entry
            .replace("WHAT YOU FOUND", "looked into")
            .replace("WHO", "dana")
            .replace("DAY", "2999-12-31");
        let policy = std::fs::read_to_string(hub.world.repo().join("applecart.yaml")).unwrap();
        hub.world.write("applecart.yaml", &format!("{policy}  accepted:\n{entry}\n"));
        hub.world.commit("Accept the loss");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        fresh.git(&["pull", "--quiet"]);
        fresh.run(&["ledger", "verify"]).ends_with(0);
        let plan = fresh.run(&["plan"]);
        assert!(!format!("{}{}", plan.stdout, plan.stderr).contains(code), "{plan:?}");
        assert!(!plan.stdout.contains("unobserved"), "{plan:?}");
    }
}

/// Three announcements by three runs, as a plain push brings them, of which nothing ever comes.
#[test]
fn announcements_that_nobody_ends_are_urgent_also_of_a_tenant_in_no_folder() {
    let hub = applied();
    let stranger = "00000000-0000-4000-8000-000000000077";
    tamper(&hub, |path| {
        let entries = ["run-1", "run-2", "run-3"].map(|run| {
            let at = "2026-11-20T08:00:00Z".parse().unwrap();
            let body = body(Event::Intended, at, Some(Sha256::of(b"nothing")));
            let name = "stranger".parse().unwrap();
            LedgerEntry::new(at, name, TokenRef::push(), &author(run), body)
        });
        let lines = extend(Tail::EMPTY, entries).unwrap().bytes;
        std::fs::write(path.with_file_name(format!("{stranger}.jsonl")), lines).unwrap();
    });
    let clone = hub.clone("fresh", &[]);
    for command in
        [&["status", "--fail-on", "intent-without-outcome"][..], &["status", "--fail-on", "urgent"]]
    {
        clone.run(command).ends_with(9).says("intent-without-outcome").says(stranger);
    }
    clone.run(&["plan"]).says("intent-without-outcome");
}

/// Settings of the record in place of what the fleet's own say, merged.
fn merge_settings(hub: &Hub, change: impl Fn(&str) -> String) {
    let path = hub.world.repo().join("applecart.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    hub.world.write("applecart.yaml", &change(&text));
    hub.world.commit("Tidy the settings");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
}

fn without(text: &str, setting: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(setting));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_merged_change_of_the_ledgers_branch_sends_nothing_until_it_has_the_lines_of_the_earlier_one() {
    let hub = applied();
    // Another branch with the same beginning and nothing else: by it, nothing was ever uploaded.
    let root = hub.git(&["rev-list", "--max-parents=0", REFNAME]);
    hub.git(&["update-ref", "refs/heads/renew/x", &root]);
    let branch = |name: &str| {
        let name = name.to_owned();
        move |text: &str| text.replace("ledger:\n", &format!("ledger:\n  branch: {name}\n"))
    };
    merge_settings(&hub, branch("renew/x"));
    let fresh = hub.clone("fresh", &[]);
    sends_nothing(&hub, &fresh, "ledger-moved");
    fresh.run(&["ledger", "verify"]).ends_with(7).says("ledger-moved");
    fresh.run(&["audit"]).ends_with(7).says("ledger-moved");
    let told = fresh.run(&["status", "--fail-on", "urgent"]).ends_with(3);
    told.says("git fetch origin applecart/ledger && git push origin FETCH_HEAD:refs/heads/renew/x");
    // As it says: the record goes on under the new name.
    fresh.git(&["fetch", "--quiet", "origin", "applecart/ledger"]);
    fresh.git(&["push", "--quiet", "origin", "FETCH_HEAD:refs/heads/renew/x"]);
    fresh.run(&["apply"]).ends_with(0);
    assert_eq!(uploads(&hub), 1);
    // Or the change is taken back.
    merge_settings(&hub, |text| without(text, "branch:"));
    fresh.git(&["pull", "--quiet"]);
    hub.git(&["update-ref", "refs/heads/renew/x", &root]);
    fresh.run(&["plan"]).ends_with(0);
}

/// Without a remote the earlier branch is this clone's own.
#[test]
fn a_clone_alone_uploads_nothing_by_a_record_that_lacks_what_its_earlier_one_has() {
    let world = crate::world::World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    world.run(&["apply"]).ends_with(0);
    let policy = world.policy("");
    world.write("applecart.yaml", &format!("{policy}ledger: {{branch: applecart/record}}\n"));
    world.commit("Another branch");
    world.run(&["apply"]).ends_with(3).says("ledger-moved");
    world.git(&["branch", "applecart/record", "applecart/ledger"]);
    world.run(&["apply"]).ends_with(0);
    assert_eq!(world.uploads_of("contoso", Kind::Enrollment), 1);
}

/// What the remote has is not known without asking it: what this clone saw of it may be older than its own.
#[test]
fn offline_a_record_that_was_moved_is_not_judged_by_what_this_clone_saw() {
    let hub = applied();
    let root = hub.git(&["rev-list", "--max-parents=0", REFNAME]);
    hub.git(&["update-ref", "refs/heads/renew/x", &root]);
    merge_settings(&hub, |text| text.replace("ledger:\n", "ledger:\n  branch: renew/x\n"));
    let fresh = hub.clone("fresh", &[]);
    fresh.git(&["branch", "applecart/ledger", "origin/applecart/ledger"]);
    fresh.git(&["remote", "set-url", "origin", "/nowhere/at/all"]);
    fresh.run(&["status", "--offline"]).ends_with(0);
}

#[test]
fn a_beginning_that_the_settings_no_longer_name_is_asked_for_all_the_same() {
    let hub = applied();
    merge_settings(&hub, |text| without(text, "genesis:"));
    let fresh = hub.clone("fresh", &[]);
    fresh.run(&["plan"]).ends_with(0).says("ledger-moved");
    let tip = hub.git(&["rev-parse", REFNAME]);
    hub.git(&["update-ref", "-d", REFNAME]);
    let other = hub.clone("other", &[]);
    sends_nothing(&hub, &other, "ledger-lost");
    // One that was begun elsewhere is none of this fleet's.
    let notes = hub.git(&["rev-list", "--max-parents=0", "applecart/notes"]);
    hub.git(&["update-ref", REFNAME, &notes]);
    sends_nothing(&hub, &hub.clone("third", &[]), "ledger-foreign");
    hub.git(&["update-ref", REFNAME, &tip]);
    fresh.run(&["apply"]).ends_with(0);
    assert_eq!(uploads(&hub), 1);
}

#[test]
fn another_beginning_counts_only_where_it_says_whose_place_it_takes() {
    let hub = applied();
    let (root, tip) =
        (hub.git(&["rev-list", "--max-parents=0", REFNAME]), hub.git(&["rev-parse", REFNAME]));
    let foreign = hub.git(&["rev-list", "--max-parents=0", "applecart/notes"]);
    hub.git(&["update-ref", REFNAME, &foreign]);
    merge_settings(&hub, |text| {
        text.replace(&format!(" genesis: {root}"), &format!(" genesis: {foreign}"))
    });
    sends_nothing(&hub, &hub.clone("fresh", &[]), "ledger-foreign");
    // Taken back, the first one counts as before.
    hub.git(&["update-ref", REFNAME, &tip]);
    merge_settings(&hub, |text| {
        text.replace(&format!(" genesis: {foreign}"), &format!(" genesis: {root}"))
    });
    hub.clone("again", &[]).run(&["plan"]).ends_with(0);
    // A ledger that is lost everywhere is replaced by one that says so.
    hub.git(&["update-ref", "-d", REFNAME]);
    let clone = hub.clone("replacing", &[]);
    clone.run(&["ledger", "create", "--replace", "no clone has it"]).ends_with(0);
    clone.commit("Another ledger");
    clone.git(&["push", "--quiet", "origin", "main"]);
    clone.run(&["plan", "--format", "json"]).ends_with(0);
}

#[test]
fn other_notes_and_dropped_ones_hold_every_certificate() {
    let drop = |text: &str| without(text, "notesGenesis:");
    let elsewhere = |text: &str| {
        let text = without(text, "notesGenesis:");
        text.replace("ledger:\n", "ledger:\n  notes: applecart/notes-2027\n")
    };
    for (change, is_deleted) in [(&drop as &dyn Fn(&str) -> String, true), (&elsewhere, false)] {
        let hub = Hub::new();
        hub.world.renewal_of("contoso", Kind::Push);
        merge_settings(&hub, change);
        if is_deleted {
            hub.git(&["update-ref", "-d", "refs/heads/applecart/notes"]);
        }
        let fresh = hub.clone("fresh", &[]);
        fresh.run(&["plan"]).ends_with(3).says("notes-unknown");
        fresh.run(&["apply"]).ends_with(3).says("notes-unknown");
        fresh.run(&["ledger", "verify"]).ends_with(7).says("ledger-lost");
        fresh.run(&["audit"]).ends_with(7).says("ledger-lost");
        assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 0, "deleted: {is_deleted}");
    }
}

#[test]
fn a_revision_without_any_tenant_is_told_as_long_as_the_ledger_knows_some() {
    let hub = applied();
    hub.world.git(&["mv", "tenants", "customers"]);
    hub.world.commit("Another name");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("clone", &[]);
    clone.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("no-longer-watched");
    clone.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("contoso");
}
