//! What a reviewed `suspend` says "not now" to, and what it does not cover.

use super::*;

fn urgent(world: &World) -> Vec<String> {
    let matters = attention(world);
    matters.iter().filter(|one| one.is_urgent()).map(|one| one.code.to_string()).collect()
}

/// A tenant that is suspended while a known hold stands, and nothing else is wrong.
fn parked(mut world: World) -> World {
    world.suspend("2026-12-31");
    assert_eq!(urgent(&world), [""; 0], "a known hold is parked");
    world
}

#[test]
fn a_parked_token_that_is_gone_from_intune_is_new() {
    let mut world = parked(World::vpp_renewal());
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-20T11:00:00Z");
    world.live_vpps().clear();
    assert_eq!(world.first().state.reasons, [Reason::Vanished, Reason::Suspended]);
    assert_eq!(urgent(&world), ["missing"]);
    assert_eq!(attention(&world)[0].code.as_str(), "missing", "first on the screen");
    let mut world = parked(World::enrollment());
    world.live_enrollments().clear();
    assert_eq!(urgent(&world), ["missing"]);
}

#[test]
fn a_parked_token_that_intune_has_twice_is_not_gone() {
    let mut world = parked(World::vpp_renewal());
    let twin = world.live_vpps()[0].clone();
    world.live_vpps().push(crate::model::LiveVpp { id: "vpp-2".into(), ..twin });
    world.entry().token.id = None;
    world.forget();
    assert_eq!(world.first().state.reasons[0], Reason::Ambiguous);
    assert_eq!(urgent(&world), [""; 0]);
}

#[test]
fn health_that_turns_bad_is_not_parked() {
    let vpp = |change: fn(&mut crate::model::LiveVpp)| {
        let mut world = parked(World::vpp_renewal());
        world.live_vpp(change);
        urgent(&world)
    };
    assert_eq!(vpp(|live| live.state = "invalid".into()), ["token-invalid"]);
    assert_eq!(vpp(|live| live.state = "newState".into()), ["state-unknown"]);
    assert_eq!(vpp(|live| live.last_sync_status = Some("failed".into())), ["sync-failing"]);
    assert_eq!(vpp(|live| live.last_sync = Some(at("2026-11-01T00:00:00Z"))), ["sync-stale"]);
    let mut world = parked(World::enrollment());
    world.live_enrollment(|live| live.last_sync_error_code = 3);
    assert_eq!(urgent(&world), ["terms-not-accepted"]);
    assert_eq!(vpp(|live| live.state = "assignedToExternalMDM".into()), ["external-mdm"]);
}

#[test]
fn what_could_not_be_looked_at_or_is_stated_wrongly_is_not_parked() {
    let mut world = parked(World::equal());
    world.entry().facts.expires = Some(at("2029-11-20T10:00:00Z"));
    assert_eq!(urgent(&world), ["facts-differ"]);
    let mut world = parked(World::renewal());
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer in time"));
    assert_eq!(urgent(&world), ["timeout"]);
}

#[test]
fn what_keeps_an_upload_from_arriving_is_parked_with_the_upload() {
    let parks = |cause: Cause| {
        let mut fleet = Fleet::of(cause);
        for git in &mut fleet.git {
            let Desired::Valid(tenant) = git else { unreachable!() };
            let until = date(2999, 1, 1);
            tenant.suspend = Some(Suspension { reason: "known".into(), until });
        }
        !fleet.list().matters.iter().any(Matter::is_urgent)
    };
    let urgent = |cause: &Cause| cause.severity() <= Severity::Urgent;
    for cause in Cause::all().into_iter().filter(urgent) {
        let is_fleets = Fleet::of(cause).list().matters.iter().any(|one| one.tenant.is_none());
        let is_write = match cause {
            // What Git has expired, and so has what is in Intune, as far as one code tells.
            Cause::Held(reason) => reason != Reason::Expired,
            Cause::CannotLand | Cause::CanaryFailed | Cause::RequestDisputed => true,
            _ => false,
        };
        assert!(!is_write || !is_fleets, "{cause:?}");
        assert_eq!(parks(cause), is_write, "{cause:?}");
    }
}

#[test]
fn a_suspension_covers_all_but_an_expiry() {
    let mut world = World::renewal();
    world.suspend("2026-12-31");
    let matters = attention(&world);
    assert!(codes(&matters).contains(&"suspended"), "{matters:?}");
    assert!(matters.iter().all(|one| one.suspended && !one.is_urgent()), "{matters:?}");
    world.live_push(|push| push.expires = "2026-12-01T10:00:00Z".parse().unwrap());
    let critical: Vec<_> = attention(&world).into_iter().filter(Matter::is_urgent).collect();
    assert_eq!(codes(&critical), ["critical"]);
    assert!(FailOn::Urgent.fails(&critical[0]));
}

#[test]
fn a_parked_token_is_shown_every_time_and_fails_no_schedule() {
    let mut world = World::renewal();
    let until = date(2026, 12, 31);
    let suspend = Some(Suspension { reason: "waits for Apple".into(), until });
    world.entry().suspend = suspend;
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let plan = world.plan();
    let listed = attention_of(&world, &plan);
    assert_eq!(plan.tenants[0].tokens[0].state.reasons, [Reason::TopicChange, Reason::Suspended]);
    assert!(codes(&listed.matters).contains(&"suspended"), "{listed:?}");
    assert!(!listed.matters.iter().any(Matter::is_urgent), "{listed:?}");
    assert!(!listed.is_critical() && !plan.has_open_changes() && plan.has_changes());
    // A file that is only opened and compared is no change.
    let mut verified = world.plan();
    verified.tenants[0].tokens[0].action = Action::Verify;
    assert!(!verified.has_open_changes());
    // Nothing is due: it is shown all the same.
    let mut world = World::equal();
    world.entry().suspend = Some(Suspension { reason: "waits for Apple".into(), until });
    let matters = attention(&world);
    assert_eq!(codes(&matters), ["suspended"]);
    assert!(matters[0].message.contains("2026-12-31: waits for Apple"), "{:?}", matters[0]);
    // The day after, somebody has to say how to go on.
    world.now = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(codes(&attention(&world)), ["suspension-ended"]);
}

#[test]
fn ten_parked_holds_do_not_hide_a_new_failure() {
    let mut fleet = Fleet::empty();
    for _ in 0..10 {
        fleet.add(Cause::Held(Reason::TopicChange));
    }
    for git in &mut fleet.git {
        let Desired::Valid(tenant) = git else { unreachable!() };
        let until = date(2999, 1, 1);
        tenant.push.as_mut().unwrap().suspend = Some(Suspension { reason: "known".into(), until });
    }
    for tenant in &mut fleet.plan.tenants {
        tenant.tokens[0].state.reasons.push(Reason::Suspended);
        tenant.tokens[0].state.details.push("suspended until 2999-01-01: known".into());
    }
    let fails = |fleet: &Fleet| fleet.list().matters.iter().any(|one| FailOn::Urgent.fails(one));
    assert!(!fails(&fleet) && !fleet.plan.has_open_changes() && !fleet.list().is_critical());
    fleet.add(Cause::Held(Reason::Rejected));
    assert!(fails(&fleet) && fleet.plan.has_open_changes());
    assert_eq!(fleet.list().matters[0].code.as_str(), "rejected");
    for (outlet, render) in OUTLETS {
        let text = anstream::adapter::strip_str(&render(&fleet)).to_string();
        // Other members have an order of their own.
        let list = text.find("\"attention\": [").unwrap_or(0);
        let text = &text[list..];
        let at = |code: &str| text.find(code).unwrap_or_else(|| panic!("{outlet}: {text}"));
        assert!(at("tenant-20") < at("tenant-10"), "{outlet}: {text}");
        assert!(text.contains("suspended"), "{outlet}: {text}");
    }
}

#[test]
fn a_suspension_parks_holds_and_no_disaster() {
    let mut world = World::renewal();
    world.suspend("2026-12-31");
    assert!(!attention_of(&world, &world.plan()).matters.iter().any(Matter::is_urgent));
    // Create was pressed at Apple, and the certificate uploaded in the portal.
    world.recorded(Event::Observed, "99", "run-0", "2025-12-20T11:00:00Z");
    world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
    let urgent = |world: &World| -> Vec<String> {
        let matters = attention_of(world, &world.plan()).matters;
        matters.iter().filter(|one| one.is_urgent()).map(|one| one.code.to_string()).collect()
    };
    assert_eq!(urgent(&world), ["topic-changed"]);
    world.live.push = Reading::Absent;
    assert_eq!(urgent(&world), ["missing"]);
    let mut world = World::vpp_renewal();
    world.suspend("2026-12-31");
    world.live_vpp(|live| live.state = "invalid".into());
    assert_eq!(urgent(&world), ["token-invalid"]);
}
