//! What the record tells that no reading of Intune does.

use super::*;

#[test]
fn a_file_that_a_run_refused_is_told_until_it_or_its_facts_are_put_right() {
    for mut world in [World::renewal(), World::unrecorded()] {
        world.failed("AA", FailureCode::Refused);
        let token = world.first();
        assert!(matches!(token.action, Action::Upload | Action::Verify), "it is opened again");
        assert!(token.state.details.iter().any(|one| one.contains("refused it: no")), "{token:?}");
        let matters = attention(&world);
        let told = matters.iter().find(|one| one.code.as_str() == "bad-file").unwrap();
        assert!(told.message.contains("2026-11-20 and refused it: no."), "{told:?}");
        assert!(FailOn::Urgent.fails(told));
        assert!(!matters.iter().any(|one| one.next.contains("upload it")), "{matters:?}");
        let line = world.recorded(Event::Verified, "AA", "run-2", "2026-11-21T10:00:00Z");
        line.rev = None;
        assert!(!codes(&attention(&world)).contains(&"bad-file"));
    }
}

#[test]
fn a_file_that_apple_called_dead_is_told_as_that_and_not_as_a_mistake_of_the_tenant_file() {
    let mut world = World::vpp_renewal();
    world.failed("AA", FailureCode::Refused);
    let records = world.ledger.as_mut().unwrap().tenants.values_mut();
    let line = records.filter_map(|ledger| ledger.records.last_mut()).next().unwrap();
    if let crate::model::EntryBody::Failed { cause, .. } = &mut line.entry.body {
        cause.detail = Some("dead-at-apple: Apple says that this token has expired".into());
    }
    let matters = attention(&world);
    assert!(!codes(&matters).contains(&"bad-file"), "{matters:?}");
    let told = matters.iter().find(|one| one.code.as_str() == "dead-at-apple").unwrap();
    assert!(
        told.message.contains("refused it: Apple says that this token has expired."),
        "{told:?}"
    );
    assert!(told.next.starts_with("Download a new token at Apple"), "{told:?}");
    let command = told.command.as_deref().unwrap();
    assert!(command.starts_with("applecart renew contoso/London --file FILE"), "{command}");
}

#[test]
fn a_file_that_a_run_refused_waits_for_no_other_try() {
    let mut world = World::renewal();
    for _ in 0..3 {
        world.failed_at("AA", FailureCode::Refused, "2026-11-22T11:58:00Z");
    }
    world.expect_upload();
    assert!(!codes(&attention(&world)).contains(&"cannot-land"));
}

#[test]
fn what_was_last_seen_gone_or_invalid_is_told_while_nothing_can_be_read() {
    let offline = |world: &mut World, after: Facts| {
        world.entry().file = None;
        world.recorded(Event::Observed, "AA", "run-1", "2026-11-21T11:00:00Z").after = Some(after);
        world.live.vpp = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
        let matters = attention(world);
        let dead = matters.into_iter().find(|one| one.severity == Severity::Critical);
        dead.map(|one| (one.code.to_string(), one.as_of))
    };
    let at = Some(at("2026-11-21T11:00:00Z"));
    let valid = World::vpp().live_vpps()[0].facts();
    let invalid = Facts { state: Some("invalid".into()), ..valid.clone() };
    assert_eq!(offline(&mut World::vpp(), Facts::default()), Some(("missing".to_owned(), at)));
    assert_eq!(offline(&mut World::vpp(), invalid), Some(("token-invalid".to_owned(), at)));
    assert_eq!(offline(&mut World::vpp(), valid), None);
}

#[test]
fn that_a_watched_token_is_gone_or_invalid_or_back_is_recorded_once() {
    let observed = |world: &World| {
        let notes = world.planned().notes;
        notes.iter().filter(|one| matches!(one.note, crate::plan::Note::Observed)).count()
    };
    let mut world = World::vpp();
    world.forget();
    world.entry().file = None;
    let facts = world.live_vpps()[0].facts();
    let saw = |world: &mut World, facts: Facts| {
        assert_eq!(observed(world), 1);
        let line = world.recorded(Event::Observed, "AA", "run-1", "2026-11-21T11:00:00Z");
        line.after = Some(facts);
        assert_eq!(observed(world), 0, "once");
    };
    saw(&mut world, facts.clone());
    world.live_vpp(|live| live.state = "invalid".into());
    saw(&mut world, Facts { state: Some("invalid".into()), ..facts.clone() });
    let live = std::mem::take(world.live_vpps());
    saw(&mut world, Facts::default());
    *world.live_vpps() = live;
    world.live_vpp(|live| live.state = "valid".into());
    saw(&mut world, facts);
}

/// A download at that time is on record, whoever brought its file.
fn downloaded(world: &mut World, at_text: &str) {
    let line = world.recorded(Event::Downloaded, "ZZ", "run-9", at_text);
    let file = crate::model::FileRef {
        downloaded: Some(at(at_text)),
        ..crate::model::FileRef::from(Sha256::of(b"ZZ"))
    };
    line.body = crate::model::EntryBody::Downloaded { file };
}

#[test]
fn a_download_that_was_withdrawn_leaves_device_sync_down() {
    let down = |world: &World| {
        let all = attention(world);
        all.into_iter().find(|one| one.code == Cause::DeviceSyncDown.code())
    };
    let mut world = World::enrollment();
    assert_eq!(down(&world), None);
    downloaded(&mut world, "2026-11-22T10:00:00Z");
    assert_eq!(world.first().state.sync, Sync::InSync, "a note decides nothing");
    let told = down(&world).unwrap();
    assert_eq!(told.severity, Severity::Critical);
    assert!(told.message.contains("neither in Git nor on a branch"), "{told:?}");
    assert_eq!(
        told.command.as_deref(),
        Some(r#"applecart renew "contoso/Contoso ABM" --file FILE"#)
    );
    // A watched token, too.
    world.entry().file = None;
    assert!(down(&world).is_some());
    // The file was merged: what becomes of its upload is told by that.
    world.entry().downloaded = Some(at("2026-11-22T10:00:00Z"));
    assert_eq!(down(&world), None);
    // Intune has it, uploaded in the portal.
    world.entry().downloaded = None;
    world.live_enrollment(|live| live.expires = Some(at("2027-11-22T10:00:05Z")));
    assert_eq!(down(&world), None);
    // A date of the future tells nothing.
    let mut world = World::enrollment();
    downloaded(&mut world, "2026-12-22T10:00:00Z");
    assert_eq!(down(&world), None);
}

#[test]
fn of_two_downloads_of_one_day_the_ledger_tells_which_one_intune_has() {
    let mut world = World::enrollment();
    world.forget();
    world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
    downloaded(&mut world, "2026-11-20T15:00:00Z");
    let codes = |world: &World| codes(&attention(world)).contains(&"device-sync-down");
    assert!(codes(&world));
    world.forget();
    world.confirmed_download("AA", "2026-11-20T16:00:00Z", NEXT_YEAR);
    downloaded(&mut world, "2026-11-20T15:00:00Z");
    assert!(!codes(&world));
}
