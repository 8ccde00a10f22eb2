//! Files that Intune should have already: opened, compared and recorded, and never sent.

use applecart_core::model::Kind;
use applecart_io::vault::{Secret, seal};

use crate::world::{World, in_days, tenant_id};

/// A push certificate that was uploaded in the portal, and its file in Git.
fn uploaded_by_hand(world: &World) -> applecart_simulator::Issued {
    let certificate = world.issue(None, 200);
    world.live("contoso", Some(&certificate));
    world.tenant("contoso", &certificate);
    world.commit("The certificate that Intune has");
    certificate
}

#[test]
fn a_file_that_intune_has_is_opened_and_recorded_and_not_sent() {
    let world = World::new();
    uploaded_by_hand(&world);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("verify push");
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["tenants"][0]["tokens"][0]["sync"], "unverified");
    assert_eq!(plan["tenants"][0]["tokens"][0]["action"], "verify");
    assert_eq!(plan["summary"]["verifies"], 1);
    world.run(&["apply"]).ends_with(0).says("verified");
    assert_eq!(world.events("contoso"), ["verified"]);
    assert_eq!(world.state().writes(), 0);
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["tenants"][0]["tokens"][0]["sync"], "in-sync");
    world.run(&["apply"]).ends_with(0).says("nothing to upload");
    assert_eq!(world.events("contoso"), ["verified"], "once");
    world.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn a_new_file_with_the_facts_of_the_one_in_intune_is_no_success() {
    let world = World::new();
    let live = world.issue(None, 20);
    world.live("contoso", Some(&live));
    let renewed = world.issue(Some(&live.topic), 364);
    world.tenant_with("contoso", &live, renewed.pem.as_bytes(), "", "");
    world.commit("A new file, and the serial of the old one");
    for _ in 0..2 {
        world.run(&["apply"]).ends_with(4).says("bad-file").says(&renewed.serial);
        assert_eq!(world.state().writes(), 0);
        assert_eq!(world.events("contoso"), ["failed"], "recorded once");
        world.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("bad-file");
    }
    world.tenant("contoso", &renewed);
    world.commit("The right facts");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(renewed.serial));
    world.run(&["status", "--fail-on", "urgent"]).ends_with(0);
}

#[test]
fn a_vpp_file_is_verified_before_its_settings_change() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 364);
    world.change("contoso", |tenant| tenant.vpp_tokens[0].expiration_date_time = file.expires);
    let more = "    automaticallyUpdateApps: true\n";
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, more).commit();
    world.run(&["apply"]).ends_with(0).says("verified").says("settings in Intune differ");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
    world.run(&["apply"]).ends_with(0).says("configured");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert!(world.live_until("contoso", Kind::Vpp).unwrap() > in_days(300));
}

/// Seals these bytes again in the place of a file that a run has opened.
fn seal_again(world: &World, file: &str, bytes: &[u8]) {
    let recipients = std::slice::from_ref(&world.recipient);
    let sealed = seal(&Secret::new(bytes.to_vec()), recipients).unwrap();
    world.write_bytes(&format!("tenants/contoso/{file}"), &sealed);
    world.commit("Encrypted again");
}

#[test]
fn files_that_were_encrypted_again_are_opened_once_and_never_uploaded() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let live = live.apple_push_notification_certificate.unwrap();
    let push = world.issue(Some(&live.topic_identifier), 364);
    let vpp = world.vpp_file("London", 364);
    let enrollment = world.enrollment_file("contoso");
    let tokens = world.tokens("contoso").push(&push).enrollment(&enrollment, "");
    tokens.vpp("London", Some("vpp-contoso"), &vpp, "").commit();
    world.run(&["apply"]).ends_with(0);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    let writes = world.state().writes();

    for (file, bytes) in [
        ("push.pem.age", push.pem.as_bytes()),
        ("abm.p7m.age", enrollment.as_bytes()),
        ("London.vpptoken.age", vpp.text.as_bytes()),
    ] {
        seal_again(&world, file, bytes);
    }
    world.run(&["status", "--fail-on", "urgent"]).ends_with(0);
    let plan = world.run(&["plan", "--detailed-exitcode", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["summary"]["verifies"], 3, "{plan}");
    for token in plan["tenants"][0]["tokens"].as_array().unwrap() {
        assert_eq!(token["sync"], "unverified", "{token}");
    }
    world.run(&["apply"]).ends_with(0).says("verified");
    let events = world.events("contoso");
    assert_eq!(events.iter().filter(|event| *event == "verified").count(), 3, "{events:?}");
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    for token in plan["tenants"][0]["tokens"].as_array().unwrap() {
        assert_eq!(token["sync"], "in-sync", "{token}");
    }
    world.run(&["apply"]).ends_with(0);
    assert_eq!(world.events("contoso"), events, "once");
    assert_eq!(world.state().writes(), writes, "nothing is sent");
    world.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn other_bytes_under_the_digest_of_a_file_that_intune_has_are_found_out() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    seal_again(&world, "push.pem.age", b"something else");
    world.run(&["plan"]).ends_with(0).says("was replaced since a run opened it");
    world.run(&["apply"]).ends_with(4).says("bad-file");
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
}

#[test]
fn without_a_key_nothing_is_verified_and_nothing_is_in_sync() {
    let mut world = World::new();
    uploaded_by_hand(&world);
    let key = std::mem::take(&mut world.key);
    assert_ne!(world.run(&["apply"]).code, 0);
    assert_eq!(world.events("contoso"), [""; 0]);
    world.key = key;
    world.run(&["apply"]).ends_with(0).says("verified");
}
