//! What the base revision binds: equal worlds, change one thing, expect one thing.

use super::{Bound, History};
use crate::fleet::{Desired, Move, Owned, Tenant};
use crate::model::{Event, Sha256, TenantId, Timestamp};
use crate::plan::world::{OTHER_TOPIC, World, push_entry, tenant};
use crate::plan::{Reason, Sync, Warning};

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

fn moves(world: &mut World, of: Owned, from: TenantId) {
    world.policy.moves.push(Move {
        of,
        from,
        to: world.tenant.tenant_id,
        reason: "tenant migration".into(),
        until: chrono::NaiveDate::MAX,
    });
}

fn folder() -> Owned {
    Owned::Folder("contoso".into())
}

fn file() -> Owned {
    Owned::File(Sha256::of(b"AA"))
}

/// The base's history says since when something belongs to a tenant.
fn history(world: &mut World, owned: Owned, tenant: TenantId, since: &str) {
    let since: Timestamp = since.parse().unwrap();
    world.history.add(owned, Bound { value: tenant, since, commit: "c".into() });
}

const LONG_AGO: &str = "2025-01-01T00:00:00Z";
const LATELY: &str = "2026-11-01T00:00:00Z";

#[test]
fn a_renewal_of_a_tenant_that_the_base_has_goes_on() {
    world().expect_upload();
}

#[test]
fn a_folder_that_names_another_tenant_is_held_until_the_policy_moves_it() {
    let mut world = world();
    let before = world.tenant.tenant_id;
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    let token = world.expect_held(&[Reason::WrongDestination]);
    assert!(token.state.details[0].contains(&before.to_string()), "{:?}", token.state.details);
    moves(&mut world, folder(), before);
    world.expect_upload();
}

#[test]
fn a_folder_of_another_tenant_that_only_watches_is_told_before_anything_is_downloaded_for_it() {
    let mut world = world();
    let before = world.tenant.tenant_id;
    world.entry().file = None;
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    let plan = world.plan();
    let told = plan.tenants[0].wrong_destination.as_deref().unwrap();
    assert!(told.contains(&before.to_string()) && told.contains("moves: [{of:"), "{told}");
    let matters = crate::attention::list(&crate::attention::Input {
        plan: &plan,
        fleet: &[Desired::Valid(world.tenant.clone())],
        ledger: world.ledger.as_ref().ok(),
        policy: &world.policy,
        clone: &crate::attention::CloneState::default(),
    })
    .matters;
    let matter = matters.iter().find(|one| one.code.to_string() == "wrong-destination").unwrap();
    assert_eq!(matter.severity, crate::attention::Severity::Critical);
    moves(&mut world, folder(), before);
    assert_eq!(world.plan().tenants[0].wrong_destination, None);
}

#[test]
fn a_move_of_another_folder_from_another_tenant_or_to_another_one_releases_nothing() {
    let mut changed = world();
    let before = changed.tenant.tenant_id;
    changed.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    moves(&mut changed, folder(), before);
    let spoil: [fn(&mut Move); 3] = [
        |line| line.of = Owned::Folder("fabrikam".into()),
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
fn a_certificate_that_the_base_has_for_another_tenant_is_held_whatever_the_policy_moves() {
    let mut world = world();
    let entry = push_entry("AA", OTHER_TOPIC, "2027-11-20T10:00:00Z");
    let other = elsewhere(&mut world, 2, entry);
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, file(), other);
    world.expect_held(&[Reason::WrongDestination]);
}

#[test]
fn a_vpp_token_that_belonged_to_another_tenant_is_held_until_the_policy_moves_it() {
    let mut world = World::vpp_renewal();
    let other = tenant("fabrikam", 2).tenant_id;
    history(&mut world, file(), other, LONG_AGO);
    let token = world.expect_held(&[Reason::WrongDestination]);
    let line = &token.state.details[0];
    assert!(line.contains(&format!("`moves: [{{of: \"sha256:{}\"", Sha256::of(b"AA"))), "{line}");
    moves(&mut world, file(), other);
    let token = world.expect_upload();
    assert!(token.state.warnings.contains(&Warning::MovedHere), "{token:?}");
    let told = format!("This file was tenant {other}'s");
    assert!(token.state.details.iter().any(|text| text.starts_with(&told)), "{token:?}");
}

#[test]
fn who_was_first_in_the_history_counts_whatever_was_merged_since() {
    let mut world = world();
    let (mine, other) = (world.tenant.tenant_id, tenant("fabrikam", 2).tenant_id);
    history(&mut world, folder(), other, LONG_AGO);
    history(&mut world, folder(), mine, LATELY);
    world.expect_held(&[Reason::WrongDestination]);
    // A merge that was taken back leaves nothing behind.
    world.history = History::default();
    history(&mut world, folder(), mine, LONG_AGO);
    history(&mut world, folder(), other, LATELY);
    world.expect_upload();
}

/// Of the claims of something none comes before another.
fn beside(world: &mut World, owned: Owned) {
    world.history.claims_of(owned).settle(|_| |_: &str| false);
}

#[test]
fn what_two_histories_claim_goes_to_neither_until_a_reviewed_line_says_whose_it_is() {
    let mut world = World::vpp_renewal();
    let (mine, other) = (world.tenant.tenant_id, tenant("fabrikam", 2).tenant_id);
    history(&mut world, file(), mine, LONG_AGO);
    history(&mut world, file(), other, LATELY);
    world.expect_upload();
    beside(&mut world, file());
    let token = world.expect_held(&[Reason::WrongDestination]);
    let told = &token.state.details[0];
    assert!(told.starts_with("Two histories claim this file: the commit c gives it to"), "{told}");
    assert!(told.contains("nobody knows whose it was first"), "{told}");
    // What somebody may have written into the ledger decides about no file.
    world.recorded(Event::Intended, "AA", "run-0", "2026-10-20T10:00:00Z");
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, file(), other);
    world.expect_upload();
}

#[test]
fn a_folder_that_two_histories_claim_is_whose_the_ledger_says() {
    let mut world = world();
    let (mine, other) = (world.tenant.tenant_id, tenant("fabrikam", 2).tenant_id);
    history(&mut world, folder(), other, LONG_AGO);
    history(&mut world, folder(), mine, LATELY);
    beside(&mut world, folder());
    world.expect_held(&[Reason::WrongDestination]);
    world.recorded(Event::Confirmed, "99", "run-0", "2025-10-20T10:00:00Z");
    world.expect_upload();
    world.recorded_for(other, Event::Confirmed, "98", "run-0", "2025-10-20T10:00:00Z");
    world.expect_held(&[Reason::WrongDestination]);
}

#[test]
fn a_file_that_an_open_branch_gives_to_another_tenant_is_held() {
    let mut world = World::vpp_renewal();
    let value = tenant("fabrikam", 2).tenant_id;
    let bound = Bound { value, since: LATELY.parse().unwrap(), commit: "c".into() };
    world.history.add_open(file(), bound, "origin/renew/fabrikam/vpp");
    let token = world.expect_held(&[Reason::WrongDestination]);
    let told = &token.state.details[0];
    assert!(told.contains("branch origin/renew/fabrikam/vpp is not merged yet"), "{told}");
}

#[test]
fn an_encrypted_file_that_was_another_tenants_is_held_under_any_digest() {
    let mut world = World::vpp_renewal();
    let other = tenant("fabrikam", 2).tenant_id;
    let blob = world.tenant.vpp[0].file.as_ref().unwrap().blob.clone();
    history(&mut world, Owned::Sealed(blob), other, LONG_AGO);
    let token = world.expect_held(&[Reason::WrongDestination]);
    assert!(token.state.details[0].contains("this encrypted file"), "{:?}", token.state.details);
    moves(&mut world, file(), other);
    world.expect_upload();
}

#[test]
fn a_move_that_was_merged_in_time_has_moved_and_a_later_one_has_not() {
    let mut world = world();
    let (mine, other) = (world.tenant.tenant_id, tenant("fabrikam", 2).tenant_id);
    history(&mut world, folder(), other, LONG_AGO);
    history(&mut world, folder(), mine, LATELY);
    moves(&mut world, folder(), other);
    world.policy.moves[0].until = "2026-11-01".parse().unwrap();
    world.expect_upload();
    world.policy.moves[0].until = "2026-10-31".parse().unwrap();
    world.expect_held(&[Reason::WrongDestination]);
}

#[test]
fn two_moves_lead_over_a_third_tenant() {
    let mut world = world();
    let (first, second) = (tenant("x", 7).tenant_id, tenant("y", 8).tenant_id);
    history(&mut world, folder(), first, LONG_AGO);
    moves(&mut world, folder(), second);
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, folder(), first);
    world.policy.moves[1].to = second;
    world.expect_upload();
}

#[test]
fn a_topic_that_the_base_has_for_another_tenant_is_held_also_without_a_file_there() {
    let mut world = world();
    let mut entry = world.entry().clone();
    entry.file = None;
    let topic = Owned::Topic(entry.topic().unwrap().clone());
    let other = elsewhere(&mut world, 2, entry);
    world.expect_held(&[Reason::WrongDestination]);
    moves(&mut world, topic, other);
    world.expect_upload();
}

#[test]
fn a_later_claim_that_was_merged_takes_nothing_from_whom_the_history_had_first() {
    let mut world = world();
    let (mine, entry) = (world.tenant.tenant_id, world.entry().clone());
    let topic = Owned::Topic(entry.topic().unwrap().clone());
    let other = elsewhere(&mut world, 2, entry);
    history(&mut world, topic.clone(), mine, LONG_AGO);
    history(&mut world, topic, other, LATELY);
    history(&mut world, file(), mine, LONG_AGO);
    history(&mut world, file(), other, LATELY);
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
