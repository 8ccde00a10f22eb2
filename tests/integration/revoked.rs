//! Whether Apple took a push certificate back: told where its list says so, and where the list cannot be had.

use applecart_core::model::Kind;
use applecart_simulator::{Fault, FaultRule, Issued};
use chrono::{Duration, Utc};
use serde_json::Value;

use crate::world::{Run, World};

/// Two customers, and the first one's certificate.
fn fleet() -> (World, Issued) {
    let mut world = World::new();
    world.asks_apple = true;
    let [contoso, _] = ["contoso", "fabrikam"].map(|name| {
        let issued = world.issue(None, 200);
        world.live(name, Some(&issued));
        world.tenant(name, &issued);
        issued
    });
    world.commit("Two customers");
    world.run(&["apply"]).ends_with(0);
    (world, contoso)
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

fn no_list() -> FaultRule {
    FaultRule::always(Fault::status(503)).on("/apple/aai2ca.crl")
}

/// Contoso's renewal, which is on its way into Intune.
fn renewal(world: &World, contoso: &Issued) -> Issued {
    let renewed = world.issue(Some(&contoso.topic), 364);
    world.tenant("contoso", &renewed);
    world.commit("Renew contoso");
    renewed
}

#[test]
fn a_certificate_that_was_revoked_on_its_way_is_held_before_its_upload() {
    let (world, contoso) = fleet();
    let renewed = renewal(&world, &contoso);
    world.state().revoke_push(&renewed.serial);
    forget_the_list(&world);
    world.run(&["plan"]).ends_with(0).says("Apple revoked this push certificate on");
    let held = [("contoso".to_owned(), "revoked".to_owned())];
    assert_eq!(codes(&status(&world).ends_with(9)), held);
    world.run(&["apply"]).ends_with(4).says("revoked").says("never Create");
    assert_eq!(world.uploads_of("contoso", Kind::Push), 0);
    // Another one of the same row is uploaded.
    renewal(&world, &contoso);
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.uploads_of("contoso", Kind::Push), 1);
}

#[test]
fn a_revoked_certificate_is_in_the_sitting_at_once_whatever_its_date_says() {
    let (world, contoso) = fleet();
    let sitting = ["renew", "--due", "30d", "--no-csr", "--by-account"];
    world.run(&sitting).ends_with(0).says("No renewal is due");
    world.state().revoke_push(&contoso.serial);
    forget_the_list(&world);
    world
        .run(&sitting)
        .ends_with(0)
        .says("contoso: push certificate, at once")
        .says("at once: Apple revoked the one in use on");
}

#[test]
fn a_certificate_of_which_nobody_knows_is_uploaded_and_that_is_told() {
    let (world, contoso) = fleet();
    renewal(&world, &contoso);
    forget_the_list(&world);
    world.state().add_fault(no_list());
    world.run(&["plan"]).ends_with(0).says("revocation-unknown, the whole fleet");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.uploads_of("contoso", Kind::Push), 1);
}

#[test]
fn seal_and_renew_take_no_revoked_certificate() {
    let (mut world, contoso) = fleet();
    let renewed = world.issue(Some(&contoso.topic), 364);
    let file = world.path("MDM_contoso.pem");
    std::fs::write(&file, &renewed.pem).unwrap();
    let file = file.to_str().unwrap();
    let seal = ["seal", file, "contoso/push", "--dry-run"];
    let renew = ["renew", "contoso/push", "--file", file];
    world.run(&seal).ends_with(0);
    let before = fetched(&world);
    world.state().revoke_push(&renewed.serial);
    forget_the_list(&world);
    for bring in [&seal[..], &renew] {
        world.run(bring).ends_with(4).says("Apple revoked this push certificate on");
    }
    assert_eq!(fetched(&world), before + 1, "once, whoever asks");
    // What cannot be told is told, and holds nothing.
    forget_the_list(&world);
    world.state().add_fault(no_list());
    world.run(&seal).ends_with(0).says("could not be fetched").says("Nothing is held for that");
    world.asks_apple = false;
    world.run(&seal).ends_with(0);
}

#[test]
fn a_revoked_certificate_is_told_by_every_command_that_reads() {
    let (world, contoso) = fleet();
    assert!(codes(&status(&world).ends_with(0)).is_empty());
    assert_eq!(fetched(&world), 1, "the list of `apply` is good for these runs as well");
    world.state().revoke_push(&contoso.serial);
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
    let (world, contoso) = fleet();
    forget_the_list(&world);
    world.state().add_fault(no_list());
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
    world.state().revoke_push(&contoso.serial);
    let revoked = ("contoso".to_owned(), "revoked".to_owned());
    assert_eq!(codes(&status(&world).ends_with(9)), std::slice::from_ref(&revoked));
    // The list that this clone has is current, so nobody asks.
    world.state().add_fault(no_list());
    assert_eq!(codes(&status(&world).ends_with(9)), [revoked]);
}

#[test]
fn an_outdated_list_proves_what_it_has_and_nothing_more() {
    let (world, contoso) = fleet();
    forget_the_list(&world);
    world.state().set_clock(Some(Utc::now() - Duration::days(2)));
    world.state().revoke_push(&contoso.serial);
    status(&world);
    world.state().set_clock(None);
    world.state().add_fault(no_list());
    let told = [("contoso", "revoked"), ("the fleet", "revocation-unknown")];
    let told = told.map(|(tenant, code)| (tenant.to_owned(), code.to_owned()));
    assert_eq!(codes(&status(&world).ends_with(9)), told);
}

#[test]
fn nobody_is_asked_where_a_simulator_has_no_apple_or_the_settings_say_so() {
    let (mut world, _) = fleet();
    world.asks_apple = false;
    let before = fetched(&world);
    assert!(codes(&status(&world).ends_with(0)).is_empty());
    assert_eq!(fetched(&world), before);
    world.run(&["status", "--offline"]).ends_with(0);
    world.asks_apple = true;
    world.write("applecart.yaml", &world.policy("checkWithApple: off\n"));
    world.commit("Ask Apple nothing");
    forget_the_list(&world);
    status(&world);
    assert_eq!(fetched(&world), before);
}
