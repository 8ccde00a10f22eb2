use super::*;
use crate::attention::tests::status_of;
use crate::plan::world::World;

/// The one entry of a renewal that is due from 2026-10-21 on, critical from 2026-11-21 and expires on
/// 2026-12-05, on another day.
fn entry(now: &str) -> Entry {
    let mut world = World::renewal();
    world.entry().file = None;
    world.live_push(|push| push.expires = "2026-12-05T10:00:00Z".parse().unwrap());
    world.now = now.parse().unwrap();
    entries(&status_of(&world)).remove(0)
}

#[test]
fn the_entry_stands_on_the_next_day_that_counts_and_keeps_its_identity() {
    let days = [
        ("2026-10-01T10:00:00Z", "2026-10-21", 0, "Renew: contoso, push certificate"),
        ("2026-10-21T23:00:00Z", "2026-10-21", 0, "Renew: contoso, push certificate"),
        ("2026-10-22T00:00:00Z", "2026-11-21", 1, "Renewal due: contoso, push certificate"),
        ("2026-11-22T10:00:00Z", "2026-12-05", 2, "Expires: contoso, push certificate"),
        ("2026-12-05T23:00:00Z", "2026-12-05", 2, "Expires: contoso, push certificate"),
        ("2026-12-06T10:00:00Z", "2026-12-05", 3, "Expired: contoso, push certificate"),
    ];
    let uid = entry("2026-10-01T10:00:00Z").uid;
    for (now, day, sequence, summary) in days {
        let entry = entry(now);
        let found = (entry.day.to_string(), entry.sequence, entry.summary.as_str());
        assert_eq!(found, (day.to_owned(), sequence, summary), "{now}");
        assert_eq!(entry.uid, uid, "{now}");
    }
}

#[test]
fn the_next_credential_is_another_renewal_and_another_text_is_not() {
    let mut world = World::equal();
    let first = entries(&status_of(&world)).remove(0);
    world.tenant.display_name = Some("Contoso Ltd".into());
    let renamed = entries(&status_of(&world)).remove(0);
    assert_eq!((&renamed.uid, renamed.sequence), (&first.uid, first.sequence));
    assert!(renamed.summary.contains("Contoso Ltd"), "{renamed:?}");
    world.live_push(|push| push.expires = "2027-12-01T10:00:00Z".parse().unwrap());
    assert_ne!(entries(&status_of(&world)).remove(0).uid, first.uid);
}

#[test]
fn the_entry_says_what_to_do_as_the_list_does() {
    let ahead = entry("2026-10-01T10:00:00Z");
    assert!(ahead.description.ends_with("\napplecart renew contoso/push"), "{ahead:?}");
    let mut world = World::renewal();
    world.entry().file = None;
    world.live_push(|push| push.expires = "2026-12-05T10:00:00Z".parse().unwrap());
    let status = status_of(&world);
    let matter = status.attention.iter().find(|one| one.code.as_str() == "critical").unwrap();
    let listed = entries(&status).remove(0);
    assert!(listed.description.contains(&matter.message), "{listed:?}");
    assert!(listed.description.ends_with(matter.command.as_ref().unwrap()), "{listed:?}");
}

#[test]
fn a_message_that_tells_of_a_renewal_carries_the_same_entry_on_each_of_its_days() {
    let (due, critical, expires) = ("2026-10-06", "2026-11-06", "2026-11-20");
    for day in [due, "2026-10-07", critical, "2026-11-07", expires, "2026-11-21"] {
        let mut world = World::renewal();
        world.entry().file = None;
        world.live_push(|push| push.expires = format!("{expires}T10:00:00Z").parse().unwrap());
        world.now = format!("{day}T12:00:00Z").parse().unwrap();
        let status = status_of(&world);
        let listed = entries(&status).remove(0);
        let matter = status.attention.iter().find(|one| one.window.is_some()).unwrap();
        let carried = Renewal::of_matter(matter, None).unwrap().entry(status.generated_at);
        assert_eq!(carried, listed, "{day}");
    }
}

#[test]
fn a_token_of_unknown_expiry_has_no_day() {
    let mut world = World::enrollment();
    world.live_enrollment(|live| live.expires = None);
    let mut status = status_of(&world);
    for token in status.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens) {
        token.state.expires = None;
    }
    assert_eq!(entries(&status), []);
}

#[test]
fn names_from_elsewhere_are_one_line_and_no_account_is_named() {
    let mut world = World::equal();
    world.tenant.display_name = Some("Evil\r\nEND:VEVENT ##vso[x] \u{202e}".into());
    let mut status = status_of(&world);
    status.tenants[0].tokens[0].apple_id = Some("mdm@contoso.example".into());
    let entry = entries(&status).remove(0);
    assert!(!entry.summary.contains(['\r', '\n', '\u{202e}']), "{entry:?}");
    assert!(!entry.description.contains('@'), "{entry:?}");
}
