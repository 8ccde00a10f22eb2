//! VPP tokens, asked about at Apple before they are sealed, proposed and uploaded.

use applecart_core::model::Kind;
use applecart_simulator::{Fault, FaultRule, Location, NOTIFICATION_SECRET, location_id};

use crate::world::{Run, VppFile, World, in_days, tenant_id};

const ORGANIZATION: &str = "Contoso Ltd";

/// What must happen to a file.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It is taken and uploaded, and this is told; nothing where it is empty.
    Taken(&'static str),
    /// It is neither sealed, nor proposed, nor uploaded, by this code.
    Refused(&'static str),
    /// It is taken, uploaded, and found to be of another location.
    Misplaced,
}

use Then::{Misplaced, Refused, Taken};

/// What is so at Apple, and what follows by `off`, `warn` and `require`.
struct Row {
    name: &'static str,
    /// Brings it about, and gives the file that somebody downloaded.
    set: fn(&World) -> VppFile,
    off: Then,
    warn: Then,
    require: Then,
}

fn told(world: &World, number: u32) -> VppFile {
    let file = world.vpp_file("London", 364);
    world.state().answer_with(&file.text, number);
    file
}

fn at_london(world: &World, now: Location) -> VppFile {
    world.state().set_location(ORGANIZATION, "London", now);
    world.vpp_file("London", 364)
}

fn silent(world: &World, fault: Fault) -> VppFile {
    let rule = FaultRule { route: Some("/apple/*".to_owned()), ..FaultRule::always(fault) };
    world.state().add_fault(rule);
    world.vpp_file("London", 364)
}

const ROWS: [Row; 9] = [
    Row {
        name: "the right file",
        set: |world| world.vpp_file("London", 364),
        off: Taken(""),
        warn: Taken(""),
        require: Taken(""),
    },
    Row {
        name: "Paris's file for London",
        set: |world| world.vpp_file("Paris", 364),
        off: Misplaced,
        warn: Refused("wrong-location"),
        require: Refused("wrong-location"),
    },
    Row {
        name: "location renamed",
        set: |world| {
            at_london(world, Location { name: Some("London HQ".into()), ..Location::default() })
        },
        // Nobody can tell a new name from another location: that the id is this token's only Git says.
        off: Refused("wrong-location"),
        warn: Refused("wrong-location"),
        require: Refused("wrong-location"),
    },
    Row {
        name: "claimed by another MDM",
        set: |world| {
            at_london(world, Location { mdm: Some("Another MDM".into()), ..Location::default() })
        },
        off: Taken(""),
        warn: Refused("external-mdm"),
        require: Refused("external-mdm"),
    },
    Row {
        name: "revoked",
        set: |world| told(world, 9625),
        off: Taken(""),
        warn: Refused("dead-at-apple"),
        require: Refused("dead-at-apple"),
    },
    Row {
        name: "expired at Apple",
        set: |world| told(world, 9621),
        off: Taken(""),
        warn: Refused("dead-at-apple"),
        require: Refused("dead-at-apple"),
    },
    Row {
        name: "wrong country",
        set: |world| {
            at_london(world, Location { country: Some("DE".into()), ..Location::default() })
        },
        off: Taken(""),
        warn: Taken("Apple has the location in the country de"),
        require: Taken("Apple has the location in the country de"),
    },
    Row {
        name: "Apple unreachable",
        set: |world| silent(world, Fault::Drop),
        off: Taken(""),
        warn: Taken("Nothing is held for that"),
        require: Refused("location-unproved"),
    },
    Row {
        name: "too many requests",
        set: |world| told(world, 9646),
        off: Taken(""),
        warn: Taken("its error 9646"),
        require: Refused("location-unproved"),
    },
];

const SLOW: Row = Row {
    name: "Apple slow",
    set: |world| silent(world, Fault::Hang),
    off: Taken(""),
    warn: Taken("did not answer in time"),
    require: Refused("location-unproved"),
};

/// London's entry, whose location is known by id; with or without a file.
fn london(world: &World, file: Option<&VppFile>) {
    let id = format!("    locationId: '{}'\n", location_id(ORGANIZATION, "London"));
    if let Some(file) = file {
        world.tokens("contoso").vpp("London", Some("vpp-contoso"), file, &id).commit();
        return;
    }
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\nwatch: [vpp]\nvpp:\n  - name: London\n    id: vpp-contoso\n    appleId: vpp@contoso.example\n    organization: {ORGANIZATION}\n    location: London\n{id}",
        tenant_id("contoso")
    );
    world.write("tenants/contoso/tenant.yaml", &text);
    world.commit("Watch London");
}

/// One row by one mode: what `seal`, `renew` and `apply` do.
fn judge(row: &Row, mode: &str, then: Then) {
    let mut world = World::new();
    world.asks_apple = true;
    world.write("applecart.yaml", &world.policy(&format!("checkWithApple: {mode}\n")));
    world.live_of_all_kinds("contoso");
    world.git(&["config", "user.name", "Test"]);
    world.git(&["config", "user.email", "test@example.invalid"]);
    london(&world, None);
    let file = (row.set)(&world);
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, &file.text).unwrap();
    let download = download.to_str().unwrap();
    let sealed = world.run(&["seal", download, "contoso/London", "--dry-run"]);
    let renewed = world.run(&["renew", "contoso/London", "--file", download]);
    london(&world, Some(&file));
    let applied = world.run(&["-vv", "apply"]);

    let what = format!("{} by {mode}", row.name);
    let all = format!("{sealed:?}\n{renewed:?}\n{applied:?}");
    let flat = |run: &Run| {
        let words = format!("{}{}", run.stdout, run.stderr);
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let codes = (sealed.code, renewed.code, applied.code);
    let uploads = world.uploads_of("contoso", Kind::Vpp);
    let expected = match then {
        Taken(_) => ((0, 0, 0), 1),
        Refused(_) => ((4, 4, 4), 0),
        Misplaced => ((0, 0, 3), 1),
    };
    assert_eq!((codes, uploads), expected, "{what}: {all}");
    if let Taken(text) | Refused(text) = then {
        for run in [&sealed, &renewed, &applied] {
            assert!(flat(run).contains(text), "{what}: {text:?} is not in {run:?}");
        }
    }
    if mode == "off" {
        assert_eq!(world.state().counters().apple, 0, "{what}");
    }
    // Apple's answers are full of secrets, and nothing but reads was sent to it.
    let record = world.git(&["log", "--all", "--patch"]);
    assert!(!format!("{all}{record}").contains(NOTIFICATION_SECRET), "{what}");
    assert_eq!(world.state().violations(), [], "{what}");
}

#[test]
fn whatever_is_so_at_apple_nobody_asks_by_off() {
    for row in &ROWS {
        judge(row, "off", row.off);
    }
}

#[test]
fn nothing_dead_and_nothing_of_another_location_is_uploaded_by_warn() {
    for row in &ROWS {
        judge(row, "warn", row.warn);
    }
}

#[test]
fn nothing_that_apple_does_not_prove_is_uploaded_by_require() {
    for row in &ROWS {
        judge(row, "require", row.require);
    }
}

#[test]
fn an_apple_that_hangs_is_waited_for_and_then_left_alone() {
    std::thread::scope(|threads| {
        for (mode, then) in [("off", SLOW.off), ("warn", SLOW.warn), ("require", SLOW.require)] {
            threads.spawn(move || judge(&SLOW, mode, then));
        }
    });
}

/// A world in which Apple is asked, with London's file in Intune and its location learnt.
fn learnt() -> World {
    let mut world = World::new();
    world.asks_apple = true;
    world.renewal_of("contoso", Kind::Vpp);
    world.run(&["apply"]).ends_with(0).says("uploaded");
    world
}

#[test]
fn the_location_is_recorded_and_bound_to_the_tenant() {
    let world = learnt();
    let id = location_id(ORGANIZATION, "London");
    let shown = world.run(&["ledger", "show", "contoso", "--format", "json"]).ends_with(0).json();
    for entry in shown["entries"].as_array().unwrap() {
        let event = entry["event"].as_str().unwrap();
        let expected = ["intended", "applied", "confirmed"].contains(&event);
        assert_eq!(entry["locationId"] == id.as_str(), expected, "{event}");
    }
    // Git names no id, the record does: another location of the same name is another one.
    world.state().set_location(
        ORGANIZATION,
        "London II",
        Location { name: Some("London".into()), ..Location::default() },
    );
    let other = world.vpp_file("London II", 365);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &other, "").commit();
    world.run(&["apply"]).ends_with(4).says("wrong-location").says(&id);
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 1);
    // Nor does it go to another tenant, whose file looks the same.
    world.live_of_all_kinds("fabrikam");
    world.renew("fabrikam", Kind::Vpp);
    world.run(&["apply", "--select", "fabrikam"]).ends_with(4).says("wrong-destination");
    assert_eq!(world.uploads_of("fabrikam", Kind::Vpp), 0);
}

#[test]
fn a_fleet_of_sealed_tokens_is_asked_about_by_check() {
    let world = learnt();
    let before = world.state().counters();
    world.run(&["check", "--apple", "--all"]).ends_with(0).says("1 alive").says("London");
    let counters = world.state().counters();
    assert_eq!((counters.requests, counters.apple), (before.requests, before.apple + 1));
    // The password of the account is changed: nothing in Intune or Git says so.
    let file = world.vpp_file("London", 364);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    world.state().answer_with(&file.text, 9625);
    let checked = world.run(&["check", "--apple"]).ends_with(4).says("dead-at-apple");
    assert!(checked.stdout.contains("\n  applecart renew contoso/London\n"), "{}", checked.stdout);
    assert!(!checked.stdout.contains(NOTIFICATION_SECRET));
    let json = world.run(&["check", "--apple", "--format", "json"]).ends_with(4).json();
    assert_eq!(json["tokens"][0]["found"], "dead");
    let rule = FaultRule { route: Some("/apple/*".to_owned()), ..FaultRule::always(Fault::Drop) };
    world.state().add_fault(rule);
    world.run(&["check", "--apple"]).ends_with(3).says("unknown").says("`checkWithApple: warn`");
    // What is said of uploads is the policy's word; and those that have no file are counted.
    world.write("applecart.yaml", &world.policy("checkWithApple: require\n"));
    london(&world, None);
    world.run(&["check", "--apple"]).ends_with(0).says("for want of a file in Git: 1 VPP token.");
    let file = world.vpp_file("London", 364);
    london(&world, Some(&file));
    let required = world.run(&["check", "--apple"]).ends_with(3).says("`checkWithApple: require`");
    assert!(!required.stdout.contains("Nothing is held"), "{}", required.stdout);
}

#[test]
fn two_files_of_one_location_are_both_held_by_the_run_that_first_asks() {
    let mut world = World::new();
    world.asks_apple = true;
    // Sealed while nobody asked: neither names its location, and no plan can tell that it is one.
    for name in ["contoso", "fabrikam"] {
        world.renewal_of(name, Kind::Vpp);
    }
    world.run(&["plan"]).ends_with(0);
    world.run(&["check", "--apple"]).ends_with(4).says("0 alive").says("duplicate");
    world.run(&["apply"]).ends_with(4).says("duplicate").says("Find out whose location it is");
    for name in ["contoso", "fabrikam"] {
        assert_eq!(world.uploads_of(name, Kind::Vpp), 0, "{name}");
    }
}

#[test]
fn a_file_that_intune_has_already_tells_its_location_and_whether_it_died() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 300);
    world.change("contoso", |tenant| tenant.vpp_tokens[0].expiration_date_time = file.expires);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    world.state().answer_with(&file.text, 9625);
    world.run(&["apply"]).ends_with(3).says("verified").says("dead-at-apple");
    // Runs of this clone that have no key and ask nobody know of it from then on.
    let asked = |world: &World| {
        let requests = world.state().requests();
        requests.iter().filter(|one| one.path.ends_with("/client/config")).count()
    };
    let before = asked(&world);
    world.key = String::new();
    let status = ["status", "--format", "json", "--fail-on", "urgent"];
    let told = world.run(&status).ends_with(9).json();
    let is_dead = |told: &serde_json::Value| {
        let tokens = told["tenants"][0]["tokens"].as_array().unwrap().clone();
        tokens.iter().any(|one| one["healthReasons"] == serde_json::json!(["dead-at-apple"]))
    };
    assert!(is_dead(&told), "{told}");
    world.run(&["status"]).says("Apple says that the VPP token does not work.");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2);
    assert_eq!(asked(&world), before);
    let mut fresh = World::new();
    fresh.asks_apple = true;
    fresh.live_of_all_kinds("contoso");
    let file = fresh.vpp_file("London", 300);
    fresh.change("contoso", |tenant| tenant.vpp_tokens[0].expiration_date_time = file.expires);
    fresh.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    fresh.run(&["apply"]).ends_with(0).says("verified");
    let shown = fresh.run(&["ledger", "show", "contoso", "--format", "json"]).ends_with(0).json();
    let verified = shown["entries"].as_array().unwrap().iter();
    let mut verified = verified.filter(|entry| entry["event"] == "verified");
    assert_eq!(
        verified.next().unwrap()["locationId"],
        location_id(ORGANIZATION, "London").as_str()
    );
}

#[test]
fn seal_writes_the_location_that_apple_names() {
    let mut world = World::new();
    world.asks_apple = true;
    world.renewal_of("contoso", Kind::Vpp);
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, world.vpp_file("London", 365).text).unwrap();
    let line = format!("+    locationId: {}", location_id(ORGANIZATION, "London"));
    let download = download.to_str().unwrap();
    let sealed = world.run(&["seal", download, "contoso/London", "--dry-run"]).ends_with(0);
    assert!(sealed.stdout.replace(['"', '\''], "").contains(&line), "{}", sealed.stdout);
    // Without Intune nobody is asked.
    let apple = world.state().counters().apple;
    world.run(&["seal", download, "contoso/London", "--dry-run", "--offline"]).ends_with(0);
    assert_eq!(world.state().counters().apple, apple);
}

#[test]
fn a_location_that_a_run_learnt_may_be_called_otherwise() {
    let world = learnt();
    at_london(&world, Location { name: Some("London HQ".into()), ..Location::default() });
    let file = world.vpp_file("London", 365);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    world.run(&["-vv", "apply"]).ends_with(0).says("Apple calls the location \"London HQ\"");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 2);
}

/// An outage would else be enough to have a dead token uploaded.
#[test]
fn what_apple_called_dead_is_not_uploaded_while_apple_is_silent() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 364);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    world.state().answer_with(&file.text, 9622);
    world.run(&["apply"]).ends_with(4).says("dead-at-apple");
    let recorded = || {
        let shown = world.run(&["ledger", "show", "contoso", "--format", "json"]).ends_with(0);
        shown.json()["entries"].as_array().unwrap().len()
    };
    let lines = recorded();
    silent(&world, Fault::Drop);
    for _ in 0..2 {
        world
            .run(&["apply"])
            .ends_with(4)
            .says("dead-at-apple")
            .says("until Apple answers otherwise");
    }
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, &file.text).unwrap();
    let download = download.to_str().unwrap();
    world
        .run(&["seal", download, "contoso/London", "--dry-run"])
        .ends_with(4)
        .says("dead-at-apple");
    // Nor does it help that nobody is asked any more.
    world.write("applecart.yaml", &world.policy("checkWithApple: off\n"));
    world.commit("Ask nobody");
    world.run(&["apply"]).ends_with(4).says("dead-at-apple");
    assert_eq!((world.uploads_of("contoso", Kind::Vpp), recorded()), (0, lines));
}

/// London's entry with this file and the id of a location in Git.
fn with_id(world: &World, file: &VppFile, location: &str, more: &str) {
    let id = format!("    locationId: '{}'\n{more}", location_id(ORGANIZATION, location));
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), file, &id).commit();
}

#[test]
fn an_edit_of_a_locations_id_moves_no_token_until_a_line_is_reviewed() {
    let world = learnt();
    let berlin = world.vpp_file("Berlin", 365);
    let ids = [location_id(ORGANIZATION, "London"), location_id(ORGANIZATION, "Berlin")];
    with_id(&world, &berlin, "Berlin", "");
    world.run(&["plan"]).says("wrong-location").says(&ids[0]).says(&ids[1]);
    world.run(&["apply"]).ends_with(4).says("wrong-location");
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, &berlin.text).unwrap();
    let seal = ["seal", download.to_str().unwrap(), "contoso/London", "--dry-run"];
    world.run(&seal).ends_with(4).says("wrong-location");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 1);
    let until = in_days(10).format("%F");
    let line = format!(
        "    allow: [{{hold: wrong-location, from: '{}', to: '{}', reason: the customer moved, until: {until}}}]\n",
        ids[0], ids[1]
    );
    with_id(&world, &berlin, "Berlin", &line);
    world.run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn an_id_that_only_git_names_makes_no_other_location_a_renamed_one() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    with_id(&world, &world.vpp_file("Berlin", 364), "Berlin", "");
    let refused = world.run(&["apply"]).ends_with(4).says("wrong-location");
    assert!(!format!("{refused:?}").contains("no licence is lost"), "{refused:?}");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
}

#[test]
fn of_a_token_that_no_run_uploaded_the_id_that_was_merged_first_counts() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    with_id(&world, &world.vpp_file("London", 364), "London", "");
    // The other one has the same name: only the id tells.
    let other = Location { name: Some("London".into()), ..Location::default() };
    world.state().set_location(ORGANIZATION, "London II", other);
    with_id(&world, &world.vpp_file("London II", 365), "London II", "");
    let first = location_id(ORGANIZATION, "London");
    world.run(&["plan"]).says("wrong-location").says(&first).says("first merged");
    world.run(&["apply"]).ends_with(4).says("wrong-location");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
}

#[test]
fn a_file_of_a_location_that_another_entry_has_is_not_sealed() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens.push(world.live_vpp("vpp-paris", "Paris", 20));
    });
    let id = format!("    locationId: '{}'\n", location_id(ORGANIZATION, "London"));
    world
        .tokens("contoso")
        .vpp("London", Some("vpp-contoso"), &world.vpp_file("London", 364), &id)
        .vpp("Paris", Some("vpp-paris"), &world.vpp_file("Paris", 364), "")
        .commit();
    at_london(&world, Location { name: Some("Paris".into()), ..Location::default() });
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, world.vpp_file("London", 365).text).unwrap();
    let seal = ["seal", download.to_str().unwrap(), "contoso/Paris", "--dry-run"];
    world.run(&seal).ends_with(4).says("duplicate").says("London");
}

#[test]
fn seal_asks_apple_by_the_settings_of_the_base() {
    let mut world = World::new();
    world.asks_apple = true;
    world.live_of_all_kinds("contoso");
    london(&world, None);
    let origin = world.path("origin");
    let origin = origin.to_str().unwrap();
    world.git(&["init", "--quiet", "--bare", "--initial-branch=main", origin]);
    world.git(&["remote", "add", "origin", origin]);
    world.git(&["push", "--quiet", "origin", "HEAD:main"]);
    world.git(&["checkout", "--quiet", "-b", "ask-nobody"]);
    world.write("applecart.yaml", &world.policy("checkWithApple: off\n"));
    world.commit("Ask nobody");
    let file = told(&world, 9622);
    let download = world.path("sToken.vpptoken");
    std::fs::write(&download, &file.text).unwrap();
    let seal = ["seal", download.to_str().unwrap(), "contoso/London", "--dry-run"];
    world.run(&seal).ends_with(4).says("dead-at-apple");
}
