//! That a tenant was not read for too long is one matter, whatever keeps it from being read.

use super::*;
use chrono::Duration;

/// A clone that read all of the world's tenant so many hours ago.
fn read_before(world: &World, hours: i64) -> CloneState {
    let whole = Some(world.now.plus(-Duration::hours(hours)));
    let reading = Remembered { whole, ..Remembered::default() };
    let readings = [(world.tenant.tenant_id, reading)].into();
    CloneState { readings, ..CloneState::default() }
}

/// The list for a world whose clone remembers a reading of so many hours ago.
fn remembered(world: &World, hours: Option<i64>) -> Vec<Matter> {
    let clone = hours.map(|hours| read_before(world, hours)).unwrap_or_default();
    list(&Input {
        plan: &world.plan(),
        fleet: &[Desired::Valid(world.tenant.clone())],
        ledger: world.ledger.as_ref().ok(),
        policy: &world.policy,
        clone: &clone,
    })
    .matters
}

fn unread(code: ProblemCode) -> World {
    let mut world = World::equal();
    world.forget();
    world.live.push = Reading::Unknown(Problem::new(code, "it was so"));
    world
}

fn about_reading(matters: &[Matter]) -> Vec<&str> {
    let kinds = ["reading-stale", "timeout", "throttled", "no-consent"];
    codes(matters).into_iter().filter(|code| kinds.contains(code)).collect()
}

#[test]
fn a_trouble_that_passes_is_itself_until_the_reading_is_too_old() {
    let world = unread(ProblemCode::Timeout);
    assert_eq!(about_reading(&remembered(&world, Some(24))), ["timeout"]);
    let matters = remembered(&world, Some(25));
    assert_eq!(about_reading(&matters), ["reading-stale"]);
    let stale = matters.iter().find(|one| one.code.as_str() == "reading-stale").unwrap();
    assert!(stale.is_urgent());
    assert_eq!(stale.since, Some(world.now.plus(-Duration::hours(1))));
    // Its text has no number that grows, and another cause is the same matter.
    let throttled = remembered(&unread(ProblemCode::Throttled), Some(31));
    assert_eq!(throttled.iter().find(|one| one.code == stale.code).unwrap().key, stale.key);
}

#[test]
fn a_trouble_with_a_remedy_of_its_own_stays_what_it_is() {
    assert_eq!(
        about_reading(&remembered(&unread(ProblemCode::NoConsent), Some(900))),
        ["no-consent"]
    );
}

#[test]
fn a_first_reading_that_fails_is_no_old_one() {
    assert_eq!(about_reading(&remembered(&unread(ProblemCode::Timeout), None)), ["timeout"]);
}

#[test]
fn the_settings_say_how_old_a_reading_may_be() {
    let mut world = unread(ProblemCode::Timeout);
    world.policy.drift_within = Duration::hours(2);
    let matters = remembered(&world, Some(3));
    assert_eq!(about_reading(&matters), ["reading-stale"]);
    assert!(matters.iter().any(|one| one.message.contains("within 2 hours")), "{matters:?}");
}

#[test]
fn a_tenant_that_was_read_now_is_fresh_whatever_is_remembered() {
    let world = World::equal();
    assert_eq!(about_reading(&remembered(&world, Some(900))), [""; 0]);
    assert_eq!(about_reading(&remembered(&world, None)), [""; 0]);
}

#[test]
fn a_memory_of_a_time_that_lies_ahead_hides_nothing() {
    let mut world = unread(ProblemCode::Timeout);
    world.recorded(Event::Observed, "AA", "run-1", "2026-10-01T11:00:00Z");
    assert_eq!(about_reading(&remembered(&world, Some(-24 * 365))), ["reading-stale"]);
}

/// Where nobody asked Intune, no problem tells of it.
#[test]
fn a_tenant_that_nobody_asked_for_is_told_by_its_last_reading() {
    let offline = |hours| {
        let world = unread(ProblemCode::Unreachable);
        let mut plan = world.plan();
        plan.tenants[0].problems.clear();
        let clone = read_before(&world, hours);
        list(&Input {
            plan: &plan,
            fleet: &[Desired::Valid(world.tenant.clone())],
            ledger: world.ledger.as_ref().ok(),
            policy: &world.policy,
            clone: &clone,
        })
        .matters
    };
    assert_eq!(about_reading(&offline(3)), [""; 0]);
    let stale = offline(30);
    let stale = stale.iter().find(|one| one.code.as_str() == "reading-stale").unwrap();
    assert_eq!(stale.command.as_deref(), Some("applecart status --select contoso"));
}
