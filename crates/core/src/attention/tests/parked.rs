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
