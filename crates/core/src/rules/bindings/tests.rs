//! What the base revision binds: equal worlds, change one thing, expect one thing.

use crate::fleet::{Desired, Move, Tenant};
use crate::model::{Sha256, TenantId};
use crate::plan::world::{OTHER_TOPIC, World, push_entry, tenant};
use crate::plan::{Reason, Sync};

/// A renewal is due, and the base has the tenant with last year's certificate.
fn world() -> World {
    let mut world = World::renewal();
    let entry = world.tenant.push.replace(push_entry("99", OTHER_TOPIC, "2026-12-20T10:00:00Z"));
    world.reviewed();
    world.tenant.push = entry;
    world
}

/// Another tenant of the base, and not of the planned revision, with this push entry.
fn elsewhere(world: &mut World, number: u8, entry: crate::fleet::Token) -> TenantId {
    let mut other = tenant("fabrikam", number);
    other.push = Some(entry);
    let id = other.tenant_id;
    world.base.as_mut().unwrap().tenants.push(Desired::Valid(other));
    id
}

fn moves(world: &mut World, from: TenantId) {
    world.policy.moves.push(Move {
        sha256: Sha256::of(b"AA"),
        from,
        to: world.tenant.tenant_id,
        reason: "tenant migration".into(),
    });
}

#[test]
fn a_renewal_of_a_tenant_that_the_base_has_goes_on() {
    world().expect_upload();
}

#[test]
fn a_folder_that_names_another_tenant_is_held_until_the_policy_moves_its_file() {
    let mut world = world();
    let before = world.tenant.tenant_id;
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    let token = world.expect_held(&[Reason::WrongDestination]);
    assert!(token.state.details[0].contains(&before.to_string()), "{:?}", token.state.details);
    moves(&mut world, before);
    world.expect_upload();
}

#[test]
fn a_move_of_another_file_from_another_tenant_or_to_another_one_releases_nothing() {
    let mut changed = world();
    let before = changed.tenant.tenant_id;
    changed.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    moves(&mut changed, before);
    let spoil: [fn(&mut Move); 3] = [
        |line| line.sha256 = Sha256::of(b"BB"),
        |line| line.from = tenant("x", 8).tenant_id,
        |line| line.to = tenant("x", 8).tenant_id,
    ];
    for spoil in spoil {
        let right = changed.policy.moves.clone();
        spoil(&mut changed.policy.moves[0]);
        changed.expect_held(&[Reason::WrongDestination]);
        changed.policy.moves = right;
    }
    changed.expect_upload();
}

#[test]
fn another_folder_for_the_same_tenant_is_no_other_destination() {
    let mut world = world();
    let old = Tenant { name: "old-name".parse().unwrap(), ..world.tenant.clone() };
    world.base.as_mut().unwrap().tenants = vec![Desired::Valid(old)];
    world.expect_upload();
}

#[test]
fn a_file_that_the_base_has_for_another_tenant_is_held_until_the_policy_moves_it() {
    let mut world = world();
    let entry = push_entry("AA", OTHER_TOPIC, "2027-11-20T10:00:00Z");
    let other = elsewhere(&mut world, 2, entry);
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, other);
    world.expect_upload();
}

#[test]
fn a_topic_that_the_base_has_for_another_tenant_is_held_also_without_a_file_there() {
    let mut world = world();
    let mut entry = world.entry().clone();
    entry.file = None;
    let other = elsewhere(&mut world, 2, entry);
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, other);
    world.expect_upload();
}

#[test]
fn an_invalid_folder_of_the_base_still_binds_its_name() {
    let mut world = world();
    let before = world.tenant.tenant_id;
    world.base.as_mut().unwrap().tenants = vec![Desired::Invalid {
        name: "contoso".into(),
        tenant_id: Some(before),
        file: "tenants/contoso/tenant.yaml".into(),
        mistakes: Vec::new(),
    }];
    world.expect_upload();
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    world.expect_held(&[Reason::WrongDestination]);
}

#[test]
fn what_intune_has_already_is_opened_and_not_held() {
    let mut world = World::equal();
    world.reviewed();
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    world.expect(Sync::Unverified, crate::plan::Action::Verify, &[]);
}
