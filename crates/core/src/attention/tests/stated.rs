//! What a tenant file says wrongly of a token that Intune has.

use super::*;

/// The matters about what the tenant file states, with their severity.
fn misstated(world: &World) -> Vec<Matter> {
    let mut all = attention(world);
    all.retain(|one| one.code == Cause::FactsDiffer.code());
    all
}

/// Nothing is due, and the list names what is wrong, by this value, on its own.
#[track_caller]
fn expect(world: &World, value: &str, severity: Severity) {
    let token = world.first();
    assert_eq!(token.action, Action::None, "nothing is written for it");
    assert!(token.state.warnings.contains(&Warning::FactsDiffer), "{token:?}");
    assert!(token.state.details.iter().any(|told| told.contains(value)), "{token:?}");
    let told = misstated(world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains(value), "{told:?}");
    assert_eq!(told[0].severity, severity, "{told:?}");
    assert!(told[0].command.is_some());
    assert_eq!(FailOn::Urgent.fails(&told[0]), severity == Severity::Urgent);
}

#[test]
fn a_tenant_file_that_states_what_intune_has_is_calm() {
    for world in [World::equal(), World::vpp(), World::enrollment()] {
        assert_eq!(misstated(&world), []);
    }
}

#[test]
fn a_later_expiry_in_git_of_the_very_certificate_in_intune_is_told() {
    let mut world = World::equal();
    world.entry().facts.expires = Some(at("2029-11-20T10:00:00Z"));
    expect(&world, "2029-11-20T10:00:00Z", Severity::Urgent);
    assert_eq!(misstated(&world)[0].command.as_deref(), Some("applecart import --update contoso"));
}

#[test]
fn another_organisation_or_location_in_git_of_the_very_token_in_intune_is_told() {
    let mut world = World::vpp();
    world.entry().facts.organization = Some("Fabrikam".into());
    expect(&world, "Fabrikam", Severity::Urgent);
    let mut world = World::vpp();
    world.entry().facts.location = Some("Leeds".into());
    expect(&world, "Leeds", Severity::Urgent);
}

#[test]
fn all_that_is_wrong_of_one_token_is_one_matter_with_every_repair() {
    let mut world = World::vpp();
    world.entry().facts.organization = Some("Fabrikam".into());
    world.entry().facts.location = Some("Leeds".into());
    let told = misstated(&world);
    assert_eq!(told.len(), 1);
    for part in ["organization: Contoso Ltd", "location: London"] {
        assert!(told[0].next.contains(part), "{told:?}");
    }
    assert_eq!(told[0].command.as_deref(), Some("applecart history contoso/London"));
}

#[test]
fn a_location_that_apple_renamed_since_can_wait() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.location = Some("London HQ".into()));
    expect(&world, "London HQ", Severity::Notice);
    assert!(misstated(&world)[0].next.contains("If Apple renamed it"));
}

#[test]
fn another_name_in_git_is_told_of_a_watched_token_and_of_an_enrollment_token_with_a_file() {
    let mut world = World::vpp();
    world.forget();
    world.entry().file = None;
    world.entry().facts.display_name = Some("Paris".into());
    expect(&world, "\"Paris\"", Severity::Urgent);
    let mut world = World::enrollment();
    world.entry().facts.name = Some("Fabrikam ABM".into());
    expect(&world, "Fabrikam ABM", Severity::Urgent);
    // The second token of one name is imported under the name with its id.
    let (name, id) = ("Contoso ABM", world.entry().token.id.clone().unwrap());
    world.entry().facts.name = Some(format!("{name} ({id})"));
    assert_eq!(misstated(&world), []);
}

#[test]
fn wrong_facts_stand_beside_a_change_of_settings_and_a_file_that_no_run_opened() {
    let mut world = World::enrollment();
    world.entry().facts.name = Some("Fabrikam ABM".into());
    world.entry().facts.role_scope_tag_ids = Some(vec!["7".into()]);
    world.expect_configure();
    assert_eq!(misstated(&world).len(), 1);
    let mut world = World::unrecorded();
    world.entry().facts.expires = Some(at("2029-11-20T10:00:00Z"));
    world.expect(Sync::Unverified, Action::Verify, &[]);
    assert_eq!(misstated(&world).len(), 1);
}

#[test]
fn no_outlet_calls_a_wrongly_stated_token_fine() {
    let mut world = World::equal();
    world.entry().facts.expires = Some(at("2029-11-20T10:00:00Z"));
    let (plan, listed) = (world.plan(), attention_of(&world, &world.plan()));
    for text in [
        report::plan_human(&plan, &listed, false, 200),
        report::plan_markdown(&plan, &listed, 60_000),
        report::plan_summary(&plan, &listed),
    ] {
        assert!(text.contains("facts-differ") || text.contains("needs attention"), "{text}");
    }
}
