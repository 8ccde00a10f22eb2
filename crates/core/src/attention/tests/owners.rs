//! The Apple Accounts that credentials depend on.

use super::*;
use crate::fleet::Owners;

fn at_risk(world: &World) -> Vec<Matter> {
    let mut all = attention(world);
    all.retain(|one| one.code == Cause::OwnerRisk.code());
    all
}

#[test]
fn an_account_of_the_customer_is_calm() {
    for mut world in [World::equal(), World::vpp(), World::enrollment()] {
        world.tenant.contacts = vec!["it@contoso.example".into()];
        assert_eq!(at_risk(&world), []);
    }
}

#[test]
fn the_account_that_downloaded_counts_and_not_the_one_that_intune_names() {
    let mut world = World::vpp();
    world.tenant.contacts = vec!["it@contoso.example".into()];
    world.entry().downloaded_by = Some("sam@gmail.com".into());
    let told = at_risk(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains("sam@gmail.com is at a free mail provider"), "{told:?}");
    assert!(told[0].message.contains("no app is assigned"), "what stops: {told:?}");
    assert_eq!(told[0].severity, Severity::Notice);
    assert_eq!(told[0].command.as_deref(), Some("applecart renew contoso/London"));
    world.policy.owners.accepted.push("sam@gmail.com".into());
    assert_eq!(at_risk(&world), [], "it was looked into");
}

#[test]
fn where_git_names_no_account_the_one_in_intune_is_looked_at() {
    let mut world = World::equal();
    world.tenant.contacts = vec!["it@contoso.example".into()];
    world.entry().facts.apple_id = None;
    world.live_push(|live| live.apple_id = Some("mdm@fabrikam.example".into()));
    let told = at_risk(&world);
    assert!(told[0].message.contains("has the domain fabrikam.example"), "{told:?}");
    let command = told[0].command.as_deref();
    assert_eq!(command, Some("applecart renew contoso/push --apple-id ACCOUNT --push"));
}

#[test]
fn one_account_of_too_many_tenants_is_one_matter_of_the_fleet() {
    let mut world = World::equal();
    world.policy.owners = Owners { max_tenants: 1, ..Owners::default() };
    let mut other = tenant("fabrikam", 9);
    other.push = world.tenant.push.clone();
    world.others = vec![Desired::Valid(other)];
    let told = at_risk(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0].tenant, told[0].severity), (&None, Severity::Notice));
    assert!(told[0].message.contains("2 tenants") && told[0].message.contains("fabrikam"));
    let command = "applecart audit --apple-ids --lost mdm@contoso.example";
    assert_eq!(told[0].command.as_deref(), Some(command));
    world.policy.owners.max_tenants = 2;
    assert_eq!(at_risk(&world), []);
}
