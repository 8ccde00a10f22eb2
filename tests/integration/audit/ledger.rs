//! Lines that were removed, reordered, edited, inserted, forked or cut off.

use super::{file_of, finding, found};
use crate::world::World;
use applecart_core::model::Event;

use crate::world::hub::{Hub, REFNAME};

/// Ways to tamper with a chain of six lines, by a commit on top of it: what it is called, what it
/// does, and the codes and the line that the audit names.
pub(super) type Way = (&'static str, fn(&mut Vec<String>), &'static [&'static str], Option<usize>);

pub(super) const WAYS: [Way; 6] = [
    ("remove", |lines| drop(lines.remove(1)), &["bad-seq", "not-append-only"], Some(2)),
    ("reorder", |lines| lines.swap(1, 2), &["bad-seq", "not-append-only"], Some(2)),
    (
        "edit",
        |lines| lines[1] = lines[1].replace("\"name\":\"contoso\"", "\"name\":\"nobody\""),
        &["broken-prev", "not-append-only"],
        Some(3),
    ),
    (
        "insert",
        |lines| {
            let forged = lines[1].replace("\"run\":\"", "\"run\":\"x");
            lines.insert(1, forged);
        },
        &["bad-seq", "not-append-only"],
        Some(3),
    ),
    (
        // The last line is another one: each chain for itself is whole.
        "fork",
        |lines| {
            let last = lines.pop().unwrap();
            lines.push(last.replace("\"run\":\"", "\"run\":\"x"));
        },
        &["not-append-only"],
        None,
    ),
    ("truncate", |lines| drop(lines.pop()), &["not-append-only"], None),
];

#[test]
fn every_way_to_tamper_is_found_and_named() {
    let world = World::new();
    world.applied("contoso");
    let clean = world.ledger_head();
    let lines = world.lines("contoso");
    for (name, tamper, codes, line) in WAYS {
        let mut tampered = lines.clone();
        tamper(&mut tampered);
        assert_ne!(tampered, lines, "{name}");
        world.write_lines("contoso", &tampered);
        let run = world.audit().ends_with(7);
        let all = found(&run);
        for code in codes {
            assert!(all.contains(&(*code).to_owned()), "{name}: {all:?}");
        }
        let first = finding(&run, codes[0]);
        assert_eq!(first["place"]["file"], file_of("contoso"), "{name}");
        assert_eq!(
            first["place"]["line"],
            line.map_or(serde_json::Value::Null, Into::into),
            "{name}"
        );
        let by = finding(&run, "not-append-only");
        assert_eq!(by["place"]["commit"], world.ledger_head().as_str(), "{name}");
        world.git(&["update-ref", REFNAME, &clean]);
        world.audit().ends_with(0);
    }
}

#[test]
fn a_merge_that_drops_one_sides_lines_is_found() {
    let world = World::new();
    world.applied("contoso");
    let base = world.ledger_head();
    let (rev, file) = (Some(world.git(&["rev-parse", "HEAD"])), Some(world.digest()));
    world.forge([(Event::Acknowledged, file, rev.clone(), None)]);
    let ours = world.ledger_head();
    world.git(&["update-ref", REFNAME, &base]);
    world.forge_at(chrono::Utc::now().timestamp() + 61, [(Event::Acknowledged, file, rev, None)]);
    let tree = world.git(&["rev-parse", &format!("{REFNAME}^{{tree}}")]);
    let merge = world.git(&["commit-tree", "-m", "Merge", "-p", REFNAME, "-p", &ours, &tree]);
    world.git(&["update-ref", REFNAME, &merge]);
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["not-append-only"]);
    assert_eq!(finding(&run, "not-append-only")["place"]["commit"], merge.as_str());
}

#[test]
fn a_history_that_was_rewritten_is_found_by_the_head_that_was_kept() {
    let world = World::new();
    world.applied("contoso");
    let kept = world.ledger_head();
    world.run(&["audit", "--expect-head", &kept]).ends_with(0);
    // Cut back: every chain and every commit is whole.
    world.git(&["update-ref", REFNAME, &format!("{kept}~1")]);
    assert!(!found(&world.audit()).contains(&"head-rewritten".to_owned()));
    let expect = ["audit", "--format", "json", "--expect-head", &kept];
    let run = world.run(&expect).ends_with(7);
    assert!(found(&run).contains(&"head-rewritten".to_owned()));
    assert_eq!(run.json()["ledger"]["expectedHead"], kept.as_str());
    // Gone altogether, and one that nobody has.
    world.git(&["update-ref", "-d", REFNAME]);
    assert_eq!(found(&world.run(&expect).ends_with(7)), ["head-rewritten", "no-ledger"]);
    world.git(&["update-ref", REFNAME, &kept]);
    let unknown = "0123456789012345678901234567890123456789";
    let run = world.run(&["audit", "--format", "json", "--expect-head", unknown]).ends_with(7);
    assert_eq!(found(&run), ["head-not-found"]);
    // What came after is held.
    let rev = Some(world.git(&["rev-parse", "HEAD"]));
    world.forge([(Event::Acknowledged, Some(world.digest()), rev, None)]);
    world.run(&expect).ends_with(0);
}

#[test]
fn an_older_ledger_that_was_pushed_by_force_is_found_by_whoever_saw_the_newer_one() {
    let hub = Hub::new();
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("one", &[]);
    clone.run(&["apply"]).ends_with(0);
    clone.run(&["audit"]).ends_with(0);
    let newer = hub.git(&["rev-parse", REFNAME]);
    hub.git(&["update-ref", REFNAME, &format!("{REFNAME}~1")]);
    let run = clone.run(&["audit", "--format", "json"]).ends_with(7);
    assert!(found(&run).contains(&"ledger-behind".to_owned()), "{run:?}");
    let behind = run.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "ledger-behind")
        .cloned();
    let advice = behind.unwrap()["advice"].to_string();
    assert!(advice.contains("replica") && !advice.contains("by force"), "{advice}");
    // Who sees it for the first time has only the kept head.
    let fresh = hub.clone("two", &[]);
    let expect = ["audit", "--format", "json", "--expect-head", &newer];
    let run = fresh.run(&expect).ends_with(7);
    assert!(found(&run).contains(&"head-not-found".to_owned()), "{run:?}");
    // Taken away altogether.
    hub.git(&["update-ref", "-d", REFNAME]);
    let run = clone.run(&["audit", "--format", "json"]).ends_with(7);
    assert!(found(&run).contains(&"ledger-lost".to_owned()), "{run:?}");
}

#[test]
fn a_remote_that_does_not_answer_leaves_it_open() {
    let hub = Hub::new();
    let clone = hub.clone("one", &[]);
    std::fs::rename(hub.folder(), hub.world.path("gone")).unwrap();
    clone.run(&["audit"]).ends_with(3);
    clone.run(&["audit", "--offline"]).ends_with(0);
}

#[test]
fn a_shallow_clone_is_not_audited_as_if_it_were_whole() {
    let hub = Hub::new();
    hub.world.renewal("contoso");
    hub.world.commit("Another");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.clone("one", &[]).run(&["apply"]).ends_with(0);
    let shallow = hub.clone("two", &["--depth", "1"]);
    let run = shallow.run(&["audit", "--format", "json"]).ends_with(3);
    assert_eq!(found(&run), ["history-incomplete"]);
}

#[test]
fn a_clone_that_gives_commits_other_parents_hides_nothing() {
    let world = World::new();
    world.applied("contoso");
    let clean = world.ledger_head();
    let lines = world.lines("contoso");
    world.write_lines("contoso", &lines[..1]);
    world.write_lines("contoso", &lines);
    world.audit().ends_with(7);
    std::fs::create_dir_all(world.repo().join(".git/info")).unwrap();
    let graft = format!("{} {clean}\n", world.ledger_head());
    std::fs::write(world.repo().join(".git/info/grafts"), graft).unwrap();
    let run = world.audit().ends_with(3);
    assert_eq!(found(&run), ["history-grafted"]);
    world.run(&["ledger", "verify"]).ends_with(7).says("history-grafted");
    // Of the fleet's branch as well, and a file that grafts nothing is none.
    world.git(&["update-ref", REFNAME, &clean]);
    let head = world.git(&["rev-parse", "main"]);
    for (text, codes) in [(format!("{head}\n"), vec!["history-grafted"]), (String::new(), vec![])] {
        std::fs::write(world.repo().join(".git/info/grafts"), text).unwrap();
        let run = world.audit();
        let expected: Vec<String> = codes.into_iter().map(str::to_owned).collect();
        assert_eq!(found(&run), expected);
    }
}

#[test]
fn a_ledger_that_goes_on_elsewhere_is_told() {
    let world = World::new();
    world.applied("contoso");
    world.write("applecart.yaml", &world.policy("ledger: {branch: applecart/other}\n"));
    world.commit("Elsewhere");
    let run = world.audit().ends_with(7);
    assert_eq!(finding(&run, "no-ledger")["place"]["ref"], "applecart/other");
    let all = run.json();
    let moved: Vec<_> = all["findings"].as_array().unwrap().iter().collect();
    let moved: Vec<_> = moved.into_iter().filter(|one| one["code"] == "ledger-moved").collect();
    assert!(moved.iter().any(|one| one["level"] == "finding"), "{moved:?}");
    let is_of_commit = |one: &&&serde_json::Value| one["level"] == "note";
    let note = *moved.iter().find(is_of_commit).unwrap();
    assert!(note["message"].as_str().unwrap().contains("where there is none yet"), "{note}");
    let head = world.git(&["rev-parse", "HEAD"]);
    assert_eq!((&note["level"], &note["place"]["commit"]), (&"note".into(), &head.as_str().into()));
}
