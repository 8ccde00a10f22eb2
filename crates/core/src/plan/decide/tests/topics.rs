//! Intune has another push topic than the one that devices know, or none: what is told, what is
//! held, and the two ways out.

use crate::fleet::TopicAccepted;
use crate::ledger::FirstTopic;
use crate::model::{Event, Facts, Reading, Sha256};
use crate::plan::world::{OTHER_TOPIC, TOPIC, World, at};
use crate::plan::{Action, Health, HealthReason, Note, PlannedToken, Reason, Sync, Warning};

const THIRD_TOPIC: &str = "com.apple.mgmt.External.33333333-3333-4333-8333-333333333333";

/// Create was pressed in the portal: Intune has another topic, until a later date.
fn created(world: &mut World) {
    world.live_push(|live| {
        live.topic = OTHER_TOPIC.parse().unwrap();
        live.serial = "CC".parse().unwrap();
        live.expires = at("2028-01-01T00:00:00Z");
        live.apple_id = Some("sam@contoso.example".into());
    });
}

/// The same on a watched token, of which the ledger knows nothing.
fn created_on_day_one() -> World {
    let mut world = World::equal();
    world.forget();
    world.entry().file = None;
    created(&mut world);
    world
}

/// The same after Git's certificate was uploaded.
fn created_after_an_upload() -> World {
    let mut world = World::equal();
    world.forget();
    world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    created(&mut world);
    world
}

fn known(token: &PlannedToken) -> Option<&str> {
    token.state.devices_know.as_ref().map(|known| known.topic.as_str())
}

#[test]
fn on_a_watched_token_it_is_failing_and_the_tenant_file_is_not_called_behind() {
    let world = created_on_day_one();
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!(token.state.health, Health::Failing);
    assert_eq!(token.state.health_reasons, [HealthReason::TopicChanged]);
    assert_eq!(known(&token), Some(TOPIC));
    assert!(!token.state.warnings.contains(&Warning::FactsDiffer));
    let told = token.state.details.join(" ");
    for word in [TOPIC, OTHER_TOPIC, "sam@contoso.example", "mdm@contoso.example", "devices know"] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

#[test]
fn what_is_seen_later_does_not_change_what_devices_know() {
    let mut world = created_after_an_upload();
    world.entry().file = None;
    let in_intune = world.live.push.present().unwrap().facts();
    world.recorded(Event::ChangedOutsideGit, "CC", "run-1", "2026-11-21T11:00:00Z").after =
        Some(in_intune);
    // Somebody wrote the other topic into the tenant file without accepting it.
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!(known(&token), Some(TOPIC));
    assert!(world.planned().notes.is_empty(), "nothing is adopted");
}

#[test]
fn first_sight_counts_and_later_sights_do_not() {
    let mut world = created_on_day_one();
    world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.recorded(Event::Observed, "CC", "run-1", "2026-11-21T11:00:00Z").after =
        Some(Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..Facts::default() });
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    assert_eq!(known(&world.first()), Some(TOPIC));
}

#[test]
fn a_first_sight_of_the_wrong_certificate_silences_nothing() {
    let mut world = created_on_day_one();
    world.recorded(Event::Observed, "CC", "run-0", "2026-11-21T11:00:00Z").after =
        Some(Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..Facts::default() });
    world.first_in_git(TOPIC);
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!(token.state.health_reasons, [HealthReason::TopicChanged]);
    assert_eq!(known(&token), Some(TOPIC), "Git named what Intune had before");
    nobody_knows(&token);
}

/// Both topics are named, a person is sent to a device, and no line that releases anything is there
/// to paste.
fn nobody_knows(token: &PlannedToken) {
    let told = token.state.details.join(" ");
    for word in [TOPIC, OTHER_TOPIC, "It is unknown which", "Look at an enrolled device"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!told.contains("allow: ["), "{told}");
    assert!(token.state.devices_know.as_ref().is_some_and(|known| !known.is_sure()));
}

#[test]
fn an_edit_of_the_tenant_file_does_not_change_what_devices_know() {
    // Somebody wrote another topic into the watched entry, and it was merged.
    let mut seen = World::unrecorded();
    seen.entry().file = None;
    seen.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    let mut unseen = World::unrecorded();
    unseen.entry().file = None;
    unseen.first_in_git(TOPIC);
    for mut world in [seen, unseen] {
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
        let token = world.expect(Sync::Watched, Action::None, &[]);
        assert_eq!((known(&token), token.state.health), (None, Health::Ok), "Intune has it");
        assert!(token.state.warnings.contains(&Warning::FactsDiffer));
        let told = token.state.details.join(" ");
        assert!(told.contains("would cut off every enrolled device"), "{told}");
        // A certificate with it is held, and no line lets it in but one that says why not.
        let mut proposed = world;
        proposed.entry().file = World::equal().entry().file.clone();
        let held = proposed.expect_held(&[Reason::TopicChange]);
        let told = held.state.details.join(" ");
        assert!(told.contains("would cut off every enrolled device"), "{told}");
        assert!(!told.contains("devices know this topic"), "{told}");
    }
}

#[test]
fn a_first_line_of_the_ledger_that_git_contradicts_leads_nobody_to_its_topic() {
    let mut world = World::unrecorded();
    world.entry().file = None;
    world.first_in_git(TOPIC);
    world.recorded(Event::Observed, "CC", "run-0", "2026-11-20T11:00:00Z").after =
        Some(Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..Facts::default() });
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!(known(&token), Some(OTHER_TOPIC));
    nobody_knows(&token);
}

/// The newest line, which names another topic, is one that no commit of the base bears out.
fn unbacked(world: &mut World, topic: &str) {
    let tenant = world.tenant.tenant_id;
    let ledger = world.ledger.as_mut().unwrap().tenants.get_mut(&tenant).unwrap();
    let line = ledger.records.last_mut().unwrap();
    line.entry.after.as_mut().unwrap().topic = Some(topic.parse().unwrap());
    ledger.unbacked.insert(line.seq);
}

#[test]
fn a_line_that_git_does_not_bear_out_settles_no_topic() {
    for event in [Event::Confirmed, Event::Adopted] {
        for is_in_intune in [false, true] {
            let mut world = if is_in_intune { created_on_day_one() } else { World::unrecorded() };
            world.entry().file = None;
            world.first_in_git(TOPIC);
            world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
            world.recorded(event, "CC", "run-9", "2026-11-21T11:00:00Z");
            unbacked(&mut world, OTHER_TOPIC);
            let token = world.expect(Sync::Watched, Action::None, &[]);
            assert_eq!(token.state.health_reasons, [HealthReason::TopicChanged], "{event}");
            nobody_knows(&token);
            // A person who looked at a device has the last word.
            let in_intune = world.live.push.present().unwrap().facts();
            world.recorded(Event::Adopted, "CC", "run-10", "2026-11-22T10:00:00Z").after =
                Some(in_intune);
            assert_eq!(world.first().state.devices_know, None, "{event}");
        }
    }
    // Nothing else says anything, and Intune has another one.
    let mut alone = World::unrecorded();
    alone.recorded(Event::Confirmed, "CC", "run-9", "2026-11-21T11:00:00Z");
    unbacked(&mut alone, OTHER_TOPIC);
    let known = alone.first().state.devices_know.unwrap();
    let told = known.unsure().unwrap();
    assert!(told.contains("no commit of the base bears it out"), "{told}");
}

#[test]
fn a_line_that_repeats_the_topic_that_is_known_needs_no_commit() {
    let mut world = World::unrecorded();
    world.entry().file = None;
    world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.recorded(Event::Confirmed, "AA", "run-9", "2026-11-21T11:00:00Z");
    unbacked(&mut world, TOPIC);
    assert_eq!(world.first().state.devices_know, None, "Intune has what they know");
}

#[test]
fn another_topic_on_a_watched_token_is_recorded_once_and_its_first_sight_as_a_change() {
    let mut world = created_on_day_one();
    assert!(world.planned().notes.is_empty(), "only the tenant file speaks of the other one");
    world.first_in_git(TOPIC);
    let first = world.planned().notes.remove(0).note;
    assert_eq!(first, Note::ChangedOutsideGit, "`observed` would pass for what devices know");
    let seen = world.recorded(Event::ChangedOutsideGit, "CC", "run-0", "2026-11-20T11:00:00Z");
    seen.after.as_mut().unwrap().topic = Some(OTHER_TOPIC.parse().unwrap());
    assert!(world.planned().notes.is_empty(), "once");
    assert_eq!(known(&world.first()), Some(TOPIC));
    world.forget();
    world.first_in_git(TOPIC);
    world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    let notes: Vec<Note> = world.planned().notes.into_iter().map(|noted| noted.note).collect();
    assert_eq!(notes, [Note::Observed]);
    let in_intune = world.live.push.present().unwrap().facts();
    world.recorded(Event::Observed, "CC", "run-1", "2026-11-21T11:00:00Z").after = Some(in_intune);
    assert!(world.planned().notes.is_empty(), "once");
    assert_eq!(known(&world.first()), Some(TOPIC));
}

#[test]
fn an_entry_that_was_changed_to_what_intune_has_leaves_it_open_which_is_right() {
    let mut world = created_on_day_one();
    world.first_in_git(TOPIC);
    nobody_sees_a_doubt(&world.first());
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    nobody_knows(&world.first());
}

fn nobody_sees_a_doubt(token: &PlannedToken) {
    assert!(token.state.devices_know.as_ref().is_some_and(|known| known.is_sure()));
}

#[test]
fn without_the_history_an_entry_that_differs_from_intune_proves_nothing() {
    let mut world = created_on_day_one();
    let tenant = world.tenant.tenant_id;
    let view = world.ledger.as_mut().unwrap();
    view.tenants.entry(tenant).or_default().first_topic = FirstTopic::Unknown;
    let token = world.first();
    assert!(token.state.details.join(" ").contains("git fetch --unshallow"), "{token:?}");
    assert!(token.state.devices_know.is_some_and(|known| !known.is_sure()));
}

#[test]
fn a_history_that_was_merged_beside_takes_no_topic_from_a_tenant_and_hides_none() {
    for is_changed in [false, true] {
        let mut world = if is_changed { created_on_day_one() } else { World::unrecorded() };
        world.entry().file = None;
        world.disputed_in_git([OTHER_TOPIC, TOPIC]);
        let known = world.first().state.devices_know.unwrap();
        assert!(!known.is_sure(), "the ledger has seen nothing yet: {known:?}");
        world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
        match world.first().state.devices_know {
            None => assert!(!is_changed),
            Some(known) => assert!(is_changed && known.is_sure() && known.topic.as_str() == TOPIC),
        }
    }
}

#[test]
fn a_topic_of_the_base_counts_while_a_branch_names_another_one() {
    let mut world = created_on_day_one();
    world.reviewed();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    assert_eq!(known(&world.first()), Some(TOPIC));
}

#[test]
fn an_accepted_topic_is_adopted_once_and_then_the_one_that_devices_know() {
    let mut world = created_after_an_upload();
    world.entry().file = None;
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let accepted = |from: &str| {
        Some(TopicAccepted { from: from.parse().unwrap(), reason: "enrolled again".into() })
    };
    world.entry().topic_accepted = accepted(OTHER_TOPIC);
    let notes: Vec<Note> = world.planned().notes.into_iter().map(|noted| noted.note).collect();
    assert_eq!(notes, [Note::Observed], "it gives up another topic than devices know");
    world.entry().topic_accepted = accepted(TOPIC);
    assert_eq!(world.planned().notes[0].note, Note::Adopted);
    let in_intune = world.live.push.present().unwrap().facts();
    world.recorded(Event::Adopted, "CC", "run-1", "2026-11-21T11:00:00Z").after = Some(in_intune);
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!((known(&token), token.state.health), (None, Health::Ok));
    assert!(world.planned().notes.is_empty(), "once");
}

#[test]
fn the_advice_leads_back_and_never_takes_the_other_certificate_over() {
    let world = created_after_an_upload();
    let token = world.expect_held(&[Reason::TopicChange, Reason::RenewedOutsideGit]);
    let told = token.state.details.join(" ");
    assert!(told.contains("applecart renew contoso/push --restore"), "{told}");
    assert!(told.contains("signed in as mdm@contoso.example, never Create"), "{told}");
    assert!(!told.contains("import --update"), "{told}");
}

#[test]
fn a_fresh_certificate_of_the_topic_that_devices_know_waits_for_the_line_that_is_written_out() {
    let mut world = World::equal();
    world.forget();
    world.recorded(Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
    created(&mut world);
    world.entry().facts.expires = Some(at("2028-02-01T00:00:00Z"));
    let token = world.expect_held(&[Reason::TopicChange]);
    let line = format!(
        "allow: [{{hold: topic-change, from: {OTHER_TOPIC:?}, to: {TOPIC:?}, reason: \"devices know this topic\", until: 2026-12-06}}]"
    );
    assert!(token.state.details[0].contains(&line), "{:?}", token.state.details);
    world.allow("topic-change", OTHER_TOPIC, TOPIC);
    assert_eq!(world.expect_upload().allows, [Reason::TopicChange]);
}

#[test]
fn the_line_for_the_topic_releases_that_it_was_renewed_outside_git_too() {
    let mut world = created_after_an_upload();
    world.allow("topic-change", OTHER_TOPIC, TOPIC);
    let released = [Reason::TopicChange, Reason::RenewedOutsideGit];
    assert_eq!(world.expect_upload().allows, released);
    // Not where devices know the topic that Intune has.
    world.recorded(Event::Adopted, "CC", "run-1", "2026-11-21T11:00:00Z").after =
        Some(Facts { topic: Some(OTHER_TOPIC.parse().unwrap()), ..Facts::default() });
    world.expect_held(&[Reason::RenewedOutsideGit]);
}

/// The created row was renewed at Apple, and its certificate is in Git under the topic of Intune.
fn created_row_renewed(world: &mut World) {
    let mut file = World::equal().entry().file.clone().unwrap();
    file.sha256 = Sha256::of(b"BB");
    world.entry().file = Some(file);
    world.entry().facts = Facts {
        topic: Some(OTHER_TOPIC.parse().unwrap()),
        serial: Some("DD".parse().unwrap()),
        expires: Some(at("2028-02-01T00:00:00Z")),
        apple_id: Some("mdm@contoso.example".into()),
        ..Facts::default()
    };
}

#[test]
fn a_renewal_of_the_created_row_is_held_until_a_line_names_the_topic_that_it_gives_up() {
    let mut seen = created_on_day_one();
    seen.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    let mut only_in_git = created_on_day_one();
    only_in_git.first_in_git(TOPIC);
    for mut world in [created_after_an_upload(), seen, only_in_git] {
        created_row_renewed(&mut world);
        let token = world.expect_held(&[Reason::TopicChange]);
        let told = token.state.details.join(" ");
        assert!(told.contains(TOPIC) && told.contains(OTHER_TOPIC), "{told}");
        assert_eq!(known(&token), Some(TOPIC));
        world.allow("topic-change", OTHER_TOPIC, OTHER_TOPIC);
        world.expect_held(&[Reason::TopicChange]);
        world.allow("topic-change", TOPIC, OTHER_TOPIC);
        assert_eq!(world.expect_upload().allows, [Reason::TopicChange]);
    }
}

#[test]
fn an_upload_that_keeps_the_topic_of_intune_changes_nothing_about_what_devices_know() {
    let mut after_an_upload = created_after_an_upload();
    let mut on_day_one = created_on_day_one();
    on_day_one.first_in_git(TOPIC);
    for world in [&mut after_an_upload, &mut on_day_one] {
        created_row_renewed(world);
        for event in [Event::Intended, Event::Applied, Event::Confirmed] {
            let line = world.recorded(event, "BB", "run-2", "2026-11-21T11:00:00Z");
            line.after.as_mut().unwrap().topic = Some(OTHER_TOPIC.parse().unwrap());
        }
        world.live_push(|live| {
            live.serial = "DD".parse().unwrap();
            live.expires = at("2028-02-01T00:00:00Z");
        });
        let token = world.first();
        assert_eq!(known(&token), Some(TOPIC));
        assert_eq!(token.state.health_reasons, [HealthReason::TopicChanged]);
    }
}

#[test]
fn an_upload_that_a_line_released_changes_what_devices_know_where_they_knew_the_earlier_topic() {
    let mut world = World::equal();
    world.first_in_git(TOPIC);
    world.recorded(Event::Intended, "CC", "run-1", "2026-11-21T11:00:00Z");
    let line = world.recorded(Event::Confirmed, "CC", "run-1", "2026-11-21T11:01:00Z");
    line.after.as_mut().unwrap().topic = Some(OTHER_TOPIC.parse().unwrap());
    created(&mut world);
    assert_eq!(world.first().state.devices_know, None, "Intune has what they know since");
    // Where Intune had neither, the line named neither.
    let mut third = created_after_an_upload();
    third.recorded(Event::Intended, "CC", "run-1", "2026-11-21T11:00:00Z");
    let line = third.recorded(Event::Confirmed, "CC", "run-1", "2026-11-21T11:01:00Z");
    line.after.as_mut().unwrap().topic = Some(THIRD_TOPIC.parse().unwrap());
    third.live_push(|live| live.topic = THIRD_TOPIC.parse().unwrap());
    assert_eq!(known(&third.first()), Some(TOPIC));
}

#[test]
fn an_accepted_topic_may_bring_the_next_certificate_with_it() {
    let mut world = created_after_an_upload();
    created_row_renewed(&mut world);
    world.entry().topic_accepted =
        Some(TopicAccepted { from: TOPIC.parse().unwrap(), reason: "enrolled again".into() });
    world.expect_upload();
    assert!(world.planned().notes.iter().any(|noted| noted.note == Note::Adopted));
}

#[test]
fn a_file_that_never_was_in_intune_is_never_uploaded_over_a_later_one() {
    let mut world = created_on_day_one();
    world.reviewed();
    world.entry().file = World::equal().entry().file.clone();
    world.allow("topic-change", OTHER_TOPIC, TOPIC);
    world.expect_held(&[Reason::OlderThanLive]);
}

#[test]
fn a_deleted_certificate_comes_back_with_renew_and_never_with_create() {
    let mut world = World::equal();
    world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.live.push = Reading::Absent;
    let token = world.expect_held(&[Reason::Vanished, Reason::KeyMismatch]);
    assert_eq!(known(&token), Some(TOPIC));
    let told = token.state.details.join(" ");
    assert!(told.contains("applecart renew contoso/push --restore"), "{told}");
    assert!(told.contains("never Create"), "{told}");
}

#[test]
fn a_deleted_certificate_that_was_only_watched_is_known_by_git() {
    let mut world = World::first_upload();
    world.entry().file = None;
    let token = world.expect(Sync::Missing, Action::None, &[]);
    assert_eq!(known(&token), Some(TOPIC));
}

#[test]
fn no_device_knows_the_topic_of_a_first_certificate() {
    let token = World::first_upload().expect_upload();
    assert_eq!(known(&token), None);
}
