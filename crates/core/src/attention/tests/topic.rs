//! Topics that devices do not know, and certificates that are gone.

use super::*;

/// Create was pressed in the portal, over a certificate that was uploaded.
fn created_over_an_upload() -> World {
    let mut world = World::equal();
    world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.live_push(|push| {
        push.topic = OTHER_TOPIC.parse().unwrap();
        push.serial = "CC".parse().unwrap();
        push.expires = "2028-01-01T00:00:00Z".parse().unwrap();
    });
    world
}

#[test]
fn a_topic_that_devices_do_not_know_is_the_first_matter_and_leads_back() {
    let mut watched = created_over_an_upload();
    watched.forget();
    watched.entry().file = None;
    for world in [watched, created_over_an_upload()] {
        let matters = attention(&world);
        assert_eq!(matters[0].code, Cause::TopicChanged.code());
        assert_eq!(matters[0].severity, Severity::Critical);
        for matter in matters.iter().filter(|one| one.severity != Severity::Notice) {
            let command = matter.command.as_deref();
            assert_eq!(command, Some("applecart renew contoso/push --restore"), "{matter:?}");
        }
    }
}

#[test]
fn a_deleted_push_certificate_is_the_worst_line_and_is_never_created() {
    let mut watched = World::first_upload();
    watched.entry().file = None;
    let mut uploaded = World::first_upload();
    uploaded.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    for world in [watched, uploaded] {
        let matters = attention(&world);
        assert_eq!(matters[0].code, Cause::PushGone.code());
        assert_eq!(matters[0].severity, Severity::Critical);
        assert!(matters[0].next.contains("never Create"), "{}", matters[0].next);
        assert_eq!(matters[0].command.as_deref(), Some("applecart renew contoso/push --restore"));
    }
}

#[test]
fn the_certificate_that_brings_a_topic_back_waits_for_its_line() {
    let mut world = created_over_an_upload();
    world.forget();
    world.recorded(Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
    world.entry().facts.expires = Some("2028-02-01T00:00:00Z".parse().unwrap());
    let matters = attention(&world);
    assert_eq!(matters[0].command.as_deref(), Some("applecart plan --select contoso"));
    assert!(matters[0].next.contains("`allow` line"), "{}", matters[0].next);
}

#[test]
fn a_token_that_is_to_be_made_again_is_missing_until_it_is_there() {
    let mut world = World::vpp();
    world.live_vpps().clear();
    world.allow("vanished", "absent", "2027-11-20T10:00:00Z");
    world.entry().create = true;
    let matters = attention(&world);
    assert_eq!(codes(&matters), ["missing", "hold-released", "awaiting-confirmation"]);
    assert!(FailOn::Urgent.fails(&matters[0]));
    assert_eq!(matters[0].command.as_deref(), Some("applecart apply --select contoso"));
    // One that never was there is only due.
    world.forget();
    world.entry().token.id = None;
    assert_eq!(codes(&attention(&world)), ["out-of-sync"]);
}

#[test]
fn a_line_that_cuts_devices_off_is_told_before_all_else() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.allow("topic-change", TOPIC, OTHER_TOPIC);
    let matters = attention(&world);
    assert_eq!(matters[0].code.as_str(), "devices-cut-off", "{:?}", codes(&matters));
    assert!(matters[0].message.contains("none of them answers"), "{}", matters[0].message);
}
