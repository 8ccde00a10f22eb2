//! `acknowledge`: the customer's word, recorded once for each upload.

use applecart_core::model::Kind;

use crate::world::World;
use crate::world::hub::Hub;

#[test]
fn an_upload_waits_for_the_customer_until_somebody_records_their_word() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["acknowledge", "contoso"]).ends_with(4).says("has no upload of contoso");
    world.run(&["apply"]).ends_with(0);
    let waits = "awaiting-confirmation, 1 token: contoso push";
    world.run(&["status"]).ends_with(0).says(waits);
    let status = world.run(&["status", "--offline", "--format", "json"]).ends_with(0).json();
    assert_eq!(status["summary"]["unacknowledged"], 1);
    assert!(status["tenants"][0]["tokens"][0]["unacknowledged"]["at"].is_string());

    let said = ["--by", "Dana, IT", "--note", "iPad enrolled"];
    let run = world.run(&[&["acknowledge", "contoso/push"], &said[..]].concat());
    run.ends_with(0).says("confirmed by the customer (Dana, IT)");
    assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed", "acknowledged"]);
    world.run(&["ledger", "verify"]).ends_with(0);
    let run = world.run(&["status"]).ends_with(0);
    assert!(!run.stdout.contains("not yet confirmed by the customer"), "{}", run.stdout);
    world
        .run(&["history", "contoso"])
        .ends_with(0)
        .says("confirmed by the customer")
        .says("said by Dana, IT: “iPad enrolled”");

    world.run(&["acknowledge", "contoso"]).ends_with(4).says("is confirmed already");
    assert_eq!(world.events("contoso").len(), 4);
    // The plan and the next apply take no notice.
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

/// Whoever keeps what a run printed has what `audit --expect-head` takes.
#[test]
fn what_writes_to_the_ledger_prints_its_whole_head() {
    let world = World::new();
    world.renewal("contoso");
    let run = world.run(&["apply"]).ends_with(0);
    run.says(&format!("ledger {}", world.ledger_head()));
    let run = world.run(&["acknowledge", "contoso"]).ends_with(0);
    run.says(&format!("notes {}", world.git(&["rev-parse", "applecart/notes"])));
}

#[test]
fn the_next_upload_waits_again() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    world.run(&["acknowledge", "contoso"]).ends_with(0);
    let next = world.issue(Some(&new.topic), 365);
    world.tenant("contoso", &next);
    world.commit("Renewed once more");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    world.run(&["acknowledge", "contoso"]).ends_with(0);
    assert_eq!(world.events("contoso").iter().filter(|event| *event == "acknowledged").count(), 2);
}

#[test]
fn names_that_fit_nothing_record_nothing() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    world.run(&["acknowledge", "nobody"]).ends_with(64);
    world.run(&["acknowledge", "con*"]).ends_with(64);
    world.run(&["acknowledge", "contoso/vpp"]).ends_with(4).says("no upload of contoso/vpp");
    let told = world.run(&["acknowledge", "contoso/vpp"]).ends_with(4);
    assert_eq!(told.stderr.matches("no upload of").count(), 1, "{}", told.stderr);
    world.run(&["acknowledge", "contoso", "--note", " "]).ends_with(4).says("--by and --note");
    assert_eq!(world.events("contoso").len(), 3);
}

#[test]
fn the_word_is_pushed_or_not_recorded() {
    let hub = Hub::new();
    hub.world.renewal_of("contoso", Kind::Push);
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    one.run(&["apply"]).ends_with(0);
    let away = hub.world.path("away");
    std::fs::rename(hub.folder(), &away).unwrap();
    two.run(&["acknowledge", "contoso"]).ends_with(3);
    std::fs::rename(&away, hub.folder()).unwrap();
    assert_eq!(hub.lines("contoso").len(), 3);
    // The clone that did not upload knows of the upload by the remote's ledger.
    two.run(&["acknowledge", "contoso"]).ends_with(0);
    let events: Vec<_> = hub.notes("contoso").iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["acknowledged"]);
    assert_eq!(hub.lines("contoso").len(), 3, "only the pipeline writes the ledger");
    one.run(&["acknowledge", "contoso"]).ends_with(4);
}
