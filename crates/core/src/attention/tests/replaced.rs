//! Intune has something else than before, and no run brought it.

use super::*;

#[test]
fn a_watched_token_that_is_another_customers_now_is_critical() {
    let watched = |change: fn(&mut crate::model::LiveVpp)| {
        let mut world = World::vpp();
        world.entry().file = None;
        world.live_vpp(change);
        replaced(&world)
    };
    assert_eq!(watched(|_| {}), None);
    assert_eq!(watched(|live| live.expires = Some(at("2028-01-01T00:00:00Z"))), None);
    let critical = Some(Severity::Critical);
    assert_eq!(watched(|live| live.organization = Some("Fabrikam".into())), critical);
    assert_eq!(watched(|live| live.location = Some("Berlin".into())), critical);
    assert_eq!(watched(|live| live.expires = Some(at("2027-03-01T00:00:00Z"))), critical);
}

#[test]
fn a_watched_certificate_with_another_serial_that_expires_no_later_was_replaced() {
    let other_serial = |expires: &str| {
        let mut world = World::equal();
        world.entry().file = None;
        world.live_push(|live| {
            live.serial = "BB".parse().unwrap();
            live.expires = at(expires);
        });
        replaced(&world)
    };
    assert_eq!(other_serial(NEXT_YEAR), Some(Severity::Critical));
    assert_eq!(other_serial("2028-01-01T00:00:00Z"), None, "an ordinary renewal by hand");
}

#[test]
fn what_no_reading_ever_showed_is_a_mistake_in_git_and_replaced_nothing() {
    let mut world = World::vpp();
    world.entry().file = None;
    world.entry().facts.location = Some("Lodnon".into());
    let mut changed = World::vpp();
    changed.entry().file = None;
    changed.live_vpp(|live| live.location = Some("Lodnon".into()));
    for world in [&mut world, &mut changed] {
        world.forget();
        // What was first seen, and what changed since, as `apply` records it.
        let line = world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
        line.after.as_mut().unwrap().location = Some("London".into());
    }
    let line = changed.recorded(Event::Observed, "AA", "run-1", "2026-11-21T11:00:00Z");
    line.after.as_mut().unwrap().location = Some("Lodnon".into());
    assert_eq!(codes(&attention(&world)), ["facts-differ"]);
    let told = &attention(&world)[0];
    assert!(told.is_urgent() && told.message.contains("The tenant file is wrong"), "{told:?}");
    assert_eq!(replaced(&changed), Some(Severity::Critical), "a later line is no excuse");
}

#[test]
fn a_wrong_topic_in_the_tenant_file_alone_is_critical_and_called_a_mistake_in_git() {
    let mut world = World::unrecorded();
    world.entry().file = None;
    world.recorded(Event::Observed, "AA", "run-0", "2026-11-20T11:00:00Z");
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let listed = attention_of(&world, &world.plan());
    assert!(listed.is_critical());
    let told = &listed.matters[0];
    assert_eq!((told.code.as_str(), told.severity), ("topic-changed", Severity::Critical));
    assert!(told.message.contains("The mistake is in the tenant file"), "{told:?}");
    assert_eq!(told.command.as_deref(), Some("applecart import --update contoso"));
}

#[test]
fn a_token_that_only_intune_has_is_never_passed_over() {
    let mut world = World::vpp();
    world.forget();
    world.tenant.vpp.clear();
    let listed = attention_of(&world, &world.plan());
    assert_eq!(codes(&listed.matters), ["unmanaged"]);
    assert!(!listed.matters[0].is_urgent() && !listed.is_critical(), "it fails no schedule");
}

#[test]
fn a_parked_token_that_another_customers_took_the_place_of_is_new() {
    let mut world = World::vpp();
    world.suspend("2026-12-31");
    world.live_vpp(|live| live.expires = Some(at("2027-12-01T00:00:00Z")));
    assert_eq!(world.first().state.sync, Sync::Held);
    assert!(!attention(&world).iter().any(Matter::is_urgent), "renewed by hand, and parked");
    world.live_vpp(|live| live.organization = Some("Fabrikam".into()));
    let listed = attention_of(&world, &world.plan());
    let told = listed.matters.iter().find(|one| one.is_urgent()).unwrap();
    assert_eq!((told.code.as_str(), told.severity), ("changed-outside-git", Severity::Critical));
    assert!(listed.is_critical());
}

#[test]
fn an_expiry_that_went_back_after_an_upload_is_critical() {
    let mut world = World::enrollment();
    assert_eq!(replaced(&world), None);
    world.forget();
    world.confirmed_download("BB", "2026-11-20T15:00:00Z", "2027-11-20T15:00:00Z");
    world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
    assert_eq!(world.first().state.sync, Sync::InSync);
    assert_eq!(replaced(&world), Some(Severity::Critical));
}

#[test]
fn a_later_date_of_another_topic_location_or_organisation_renews_nothing() {
    let proves = |world: &World| {
        let plan = world.plan();
        let matters = attention_of(world, &plan).matters;
        let (tenant, token) = (&plan.tenants[0], &plan.tenants[0].tokens[0]);
        proved_until(&matters, tenant, &token.state).is_some_and(|until| {
            assert!(is_renewal(until, "2027-11-20") && !is_renewal(until, NEXT_DAY));
            true
        })
    };
    const NEXT_DAY: &str = "2028-01-15";
    let later = || at("2028-01-15T10:00:00Z");
    for has_file in [true, false] {
        let mut push = World::equal();
        push.live_push(|push| push.expires = later());
        let mut vpp = World::vpp();
        vpp.live_vpp(|vpp| vpp.expires = Some(later()));
        for world in [&mut push, &mut vpp] {
            if !has_file {
                world.entry().file = None;
            }
            assert!(proves(world), "with a file in Git: {has_file}");
        }
        push.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        assert!(!proves(&push), "another topic; with a file in Git: {has_file}");
        let same = vpp.live.vpp.clone();
        vpp.live_vpp(|vpp| vpp.location = Some("Leeds".into()));
        assert!(!proves(&vpp), "another location; with a file in Git: {has_file}");
        vpp.live.vpp = same;
        vpp.live_vpp(|vpp| vpp.organization = Some("Fabrikam Ltd".into()));
        assert!(!proves(&vpp), "another organisation; with a file in Git: {has_file}");
        vpp.live.vpp = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
        assert!(!proves(&vpp), "what was not read");
    }
}
