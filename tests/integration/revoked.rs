//! Whether Apple took a push certificate back: told where its list says so, and where the list cannot be had.

use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::world::{Run, World};

/// Two customers, and the serial number of the first one's certificate.
fn fleet() -> (World, String) {
    let mut world = World::new();
    world.asks_apple = true;
    let mut serial = String::new();
    for name in ["contoso", "fabrikam"] {
        let issued = world.issue(None, 200);
        world.live(name, Some(&issued));
        world.tenant(name, &issued);
        if name == "contoso" {
            serial = issued.serial;
        }
    }
    world.commit("Two customers");
    world.run(&["apply"]).ends_with(0);
    (world, serial)
}

fn codes(run: &Run) -> Vec<(String, String)> {
    let json = run.json();
    let matters = json["attention"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("the fleet").to_owned();
    let all = matters.iter().map(|one| (text(&one["tenant"]["name"]), text(&one["code"])));
    all.filter(|(_, code)| code != "awaiting-confirmation").collect()
}

fn status(world: &World) -> Run {
    world.run(&["status", "--format", "json", "--fail-on", "urgent"])
}

/// How often Apple's list was asked for.
fn fetched(world: &World) -> usize {
    world.state().requests().iter().filter(|one| one.path.ends_with("/aai2ca.crl")).count()
}

fn forget_the_list(world: &World) {
    std::fs::remove_file(world.repo().join(".git/applecart/aai2ca.crl")).unwrap();
}

#[test]
fn a_revoked_certificate_is_told_by_every_command_that_reads() {
    let (world, serial) = fleet();
    assert!(codes(&status(&world).ends_with(0)).is_empty());
    assert_eq!(fetched(&world), 1, "the list of `apply` is good for these runs as well");
    world.state().revoke_push(&serial);
    forget_the_list(&world);
    let told = [("contoso".to_owned(), "revoked".to_owned())];
    let run = status(&world).ends_with(9);
    assert_eq!(codes(&run), told);
    let token = &run.json()["tenants"][0]["tokens"][0];
    assert_eq!(
        (&token["health"], &token["healthReasons"][0]),
        (&"failing".into(), &"revoked".into())
    );
    assert_eq!(codes(&world.run(&["plan", "--format", "json"]).ends_with(0)), told);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2);
    world
        .run(&["status"])
        .says("Apple revoked the push certificate.")
        .says("applecart renew contoso/push");
    assert_eq!(fetched(&world), 2, "once, whoever asks");
}

#[test]
fn a_list_that_cannot_be_had_is_told_and_changes_nothing_else() {
    let (world, serial) = fleet();
    forget_the_list(&world);
    let list = || FaultRule::always(Fault::status(503)).on("/apple/aai2ca.crl");
    world.state().add_fault(list());
    let unknown = ("the fleet".to_owned(), "revocation-unknown".to_owned());
    let run = status(&world).ends_with(0);
    assert_eq!(codes(&run), [unknown]);
    let message = run.json()["attention"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("could not be fetched: Apple answered with HTTP status 503"),
        "{message}"
    );
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    world.run(&["apply"]).ends_with(0);
    world.state().clear_faults();
    world.state().revoke_push(&serial);
    let revoked = ("contoso".to_owned(), "revoked".to_owned());
    assert_eq!(codes(&status(&world).ends_with(9)), std::slice::from_ref(&revoked));
    // The list that this clone has is current, so nobody asks.
    world.state().add_fault(list());
    assert_eq!(codes(&status(&world).ends_with(9)), [revoked]);
}

#[test]
fn nobody_is_asked_where_a_simulator_has_no_apple() {
    let (mut world, _) = fleet();
    world.asks_apple = false;
    let before = fetched(&world);
    assert!(codes(&status(&world).ends_with(0)).is_empty());
    assert_eq!(fetched(&world), before);
    world.run(&["status", "--offline"]).ends_with(0);
}
