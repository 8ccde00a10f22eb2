//! Uploads under way: what is down meanwhile, and announcements without an outcome.

use super::*;

#[test]
fn device_sync_is_down_until_intune_shows_the_new_token() {
    let mut world = World::enrollment_renewal();
    let before = attention(&world);
    let down = before.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert_eq!(down.severity, Severity::Critical);
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    world.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:51:00Z");
    let plan = world.plan();
    assert_eq!(plan.tenants[0].tokens[0].state.sync, Sync::Progressing);
    let listed = attention_of(&world, &plan);
    let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    let told = "The upload of the new one was announced or made, and Intune does not show it yet.";
    assert!(down.message.ends_with(told), "{}", down.message);
    // It is down for days, and a line of the ledger is no token in Intune.
    assert!(down.is_urgent() && listed.is_critical());
    // Within the settling time after the download nothing is left to do: no exit code counts it.
    let mut fresh = World { now: world.now, ..World::enrollment_renewal() };
    fresh.entry().downloaded = Some("2026-11-22T11:45:00Z".parse().unwrap());
    fresh.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    fresh.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:51:00Z");
    let soon = attention_of(&fresh, &fresh.plan());
    let down = soon.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert!(!down.is_urgent() && !soon.is_critical(), "{down:?}");
    assert_eq!(down.command.as_deref(), Some("applecart apply --select contoso"));
    for text in [
        report::plan_human(&plan, &listed, false, 100),
        report::plan_markdown(&plan, &listed, 60_000),
    ] {
        assert!(text.contains("device-sync-down"), "{text}");
    }
}

#[test]
fn device_sync_is_down_as_long_as_its_upload_is_only_announced() {
    let mut world = World::enrollment_renewal();
    world.entry().downloaded = Some("2026-11-22T11:45:00Z".parse().unwrap());
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    for dead in [false, true] {
        if dead {
            world.dead_runs.insert("run-1".into());
        }
        let plan = world.plan();
        assert_eq!(plan.tenants[0].tokens[0].state.sync, Sync::Progressing);
        let listed = attention_of(&world, &plan);
        let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down");
        let down = down.unwrap();
        assert_eq!(down.severity, Severity::Critical);
        assert!(FailOn::Urgent.fails(down) && listed.is_critical());
        assert!(down.next.contains("from 2026-11-22T12:20:00Z on"), "{}", down.next);
        assert_eq!(down.command.as_deref(), Some("applecart apply --select contoso"));
    }
}

#[test]
fn an_upload_that_waits_to_be_tried_again_is_never_nothing_to_upload() {
    let mut world = World::renewal();
    world.failed_at("AA", FailureCode::NotPermitted, "2026-11-22T11:58:00Z");
    let plan = world.plan();
    let listed = attention_of(&world, &plan);
    for text in [
        report::plan_human(&plan, &listed, false, 200),
        report::plan_markdown(&plan, &listed, 60_000),
        report::plan_summary(&plan, &listed),
    ] {
        let waits = "1 upload waits to be tried again until 2026-11-22T12:03:00Z";
        assert!(text.contains(waits) && !text.to_lowercase().contains("nothing to"), "{text}");
    }
}

/// Announcements of a token's upload by as many runs, of which none recorded what came of it.
fn announced(world: &mut World, runs: usize) {
    for run in 0..runs {
        world.recorded(Event::Intended, "AA", &format!("run-{run}"), "2026-11-20T08:00:00Z");
    }
}

fn has_no_outcome(matters: &[Matter]) -> Option<&Matter> {
    matters.iter().find(|one| one.code == Cause::IntentWithoutOutcome.code())
}

#[test]
fn announcements_without_an_outcome_are_told_from_the_third() {
    for runs in 0..5 {
        let mut world = World::equal();
        announced(&mut world, runs);
        assert_eq!(has_no_outcome(&attention(&world)).is_some(), runs >= 3, "{runs}");
    }
}

#[test]
fn a_run_that_recorded_what_came_of_it_ends_the_row() {
    for event in [Event::Applied, Event::Failed, Event::NotLanded] {
        let mut world = World::equal();
        announced(&mut world, 3);
        world.recorded(Event::Intended, "AA", "run-9", "2026-11-20T08:00:00Z");
        world.recorded(event, "AA", "run-9", "2026-11-20T08:01:00Z");
        assert_eq!(has_no_outcome(&attention(&world)), None, "{event}");
    }
    // That a later run found nothing in Intune is no outcome of theirs.
    let mut world = World::equal();
    announced(&mut world, 3);
    world.recorded(Event::NotLanded, "AA", "run-9", "2026-11-20T08:30:00Z");
    assert!(has_no_outcome(&attention(&world)).is_some());
}

#[test]
fn what_is_explained_is_accepted_by_its_newest_line_and_the_next_three_are_told() {
    let mut world = World::equal();
    announced(&mut world, 4);
    let told = attention(&world);
    let told = has_no_outcome(&told).unwrap();
    let tenant = world.tenant.tenant_id;
    let newest = world.ledger.as_ref().unwrap().tenant(tenant).records.last().unwrap();
    let line = newest.line_sha256().unwrap();
    assert!(told.next.contains(&format!("tenant: {tenant}, line: {line}")), "{}", told.next);
    world.policy.accepted.push(crate::fleet::Accepted {
        tenant,
        line,
        reason: "the runner was killed".into(),
        by: "dana".into(),
        until: date(2999, 1, 1),
    });
    assert_eq!(has_no_outcome(&attention(&world)), None);
    world.policy.accepted[0].tenant = "00000000-0000-4000-8000-000000000077".parse().unwrap();
    assert!(has_no_outcome(&attention(&world)).is_some(), "that is another tenant's line");
    world.policy.accepted[0].tenant = tenant;
    for run in ["run-7", "run-8", "run-9"] {
        world.recorded(Event::Intended, "AA", run, "2026-11-20T08:00:00Z");
    }
    assert!(has_no_outcome(&attention(&world)).is_some());
    world.policy.accepted[0].until = date(2000, 1, 1);
    assert!(has_no_outcome(&attention(&world)).unwrap().message.starts_with("7 "));
}

#[test]
fn lines_of_a_tenant_that_is_in_no_folder_are_told() {
    let mut world = World::equal();
    announced(&mut world, 3);
    world.recorded(Event::Intended, "AA", "run-9", "2027-11-20T11:00:00Z");
    let view = world.ledger.unwrap().within(world.now);
    let stranger = tenant("stranger", 77).tenant_id;
    let mut ledger = LedgerView::default();
    ledger.tenants.insert(stranger, view.tenants.into_values().next().unwrap());
    ledger.set_aside.insert(stranger, view.set_aside.into_values().next().unwrap());
    let world = World { ledger: Ok(ledger), ..World::equal() };
    let matters = attention(&world);
    let of_stranger: Vec<&str> = matters
        .iter()
        .filter(|one| one.tenant.as_ref().is_some_and(|of| of.tenant_id == Some(stranger)))
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(of_stranger, ["intent-without-outcome", "ledger-line-broken"]);
}
