//! `doctor` against a fleet that is well, and against everything that is not.

use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::world::{World, finish, tenant_id};

/// The state of each area.
fn state<'a>(doctor: &'a Value, area: &str) -> &'a str {
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["area"] == area).unwrap();
    check["state"].as_str().unwrap()
}

fn doctor(world: &World, code: i32) -> Value {
    world.run(&["doctor", "--format", "json"]).ends_with(code).json()
}

#[test]
fn a_fleet_that_is_well_is_told_so_and_nothing_is_written() {
    let world = World::new();
    world.renewal("contoso");
    let refs = || world.git(&["for-each-ref"]);
    let before = refs();
    let found = doctor(&world, 0);
    for area in ["git", "fleet", "ledger", "identities", "clock", "sign-in", "permissions"] {
        assert_eq!(state(&found, area), "ok", "{area}: {found:#}");
    }
    assert_eq!(state(&found, "remote"), "warning");
    assert_eq!(refs(), before);
    for request in world.state().requests() {
        assert!(!request.is_write(), "{request:?}");
        let path = request.path.to_lowercase();
        assert!(!path.contains("key") && !path.contains("signingrequest"), "{request:?}");
    }
    let screen = world.run(&["doctor"]).ends_with(0);
    assert!(screen.stdout.lines().count() < 30, "{}", screen.stdout);
    assert!(!screen.stdout.contains(&world.key) && !screen.stdout.contains(&world.secret));
}

#[test]
fn a_missing_permission_is_named_with_the_way_to_consent() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    let forbidden = FaultRule::always(Fault::status(403)).for_tenant(tenant_id("contoso"));
    world.state().add_fault(forbidden.on("/beta/deviceManagement/*"));
    let found = doctor(&world, 3);
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["area"] == "permissions").unwrap();
    let trouble = &check["troubles"][0];
    assert_eq!(trouble["tenants"], serde_json::json!(["contoso"]));
    assert_eq!(trouble["permission"], "DeviceManagementServiceConfig.Read.All");
    let next = trouble["next"].to_string();
    let link = format!("{}/adminconsent?client_id=", tenant_id("contoso"));
    assert!(next.contains(&link), "{next}");
}

#[test]
fn where_no_sign_in_works_it_ends_with_8() {
    let mut world = World::new();
    world.renewal("contoso");
    world.secret = "a-secret-that-is-wrong".to_owned();
    let found = doctor(&world, 8);
    assert_eq!(state(&found, "sign-in"), "failed");
    assert_eq!(state(&found, "permissions"), "not-checked");
    assert_eq!(found["summary"]["signInFailed"], 1);
}

#[test]
fn another_key_than_the_fleets_is_found_out() {
    let mut world = World::new();
    world.renewal("contoso");
    let stranger = World::new();
    world.key.clone_from(&stranger.key);
    let found = doctor(&world, 3);
    assert_eq!(state(&found, "identities"), "failed");
    assert!(!found.to_string().contains(&world.key));

    let mut command = world.command(&["doctor", "--format", "json"]);
    command.env("SOPS_AGE_KEY", "");
    assert_eq!(state(&finish(command).ends_with(0).json(), "identities"), "not-checked");
}

#[test]
fn a_remote_that_does_not_answer_is_named_and_nobody_is_asked() {
    let world = World::new();
    world.renewal("contoso");
    world.git(&["remote", "add", "origin", "/nowhere/at/all"]);
    let found = doctor(&world, 3);
    assert_eq!(state(&found, "remote"), "failed");
    assert_eq!(state(&found, "ledger"), "failed");
    assert_eq!(state(&found, "sign-in"), "not-checked");
    assert!(world.state().requests().is_empty());
}

#[test]
fn a_fleet_that_cannot_be_read_ends_with_1_and_the_rest_is_still_told() {
    let world = World::new();
    world.renewal("contoso");
    world.write("applecart.yaml", "kind: Nonsense\n");
    world.commit("A mistake");
    let found = doctor(&world, 1);
    assert_eq!(state(&found, "git"), "ok");
    assert_eq!(state(&found, "fleet"), "failed");
    assert_eq!(state(&found, "sign-in"), "not-checked");
}

#[test]
fn what_a_token_permits_is_compared_with_what_the_application_is_for() {
    let world = World::new();
    world.renewal("contoso");
    world.renewal("fabrikam");
    let roles = |name: &str, roles: &[&str]| {
        let change = |tenant: &mut applecart_simulator::Tenant| {
            tenant.apps[0].roles = roles.iter().map(|&role| role.to_owned()).collect();
            Ok::<_, applecart_simulator::StateError>(())
        };
        world.state().change(tenant_id(name), change).unwrap();
    };
    roles("contoso", &["DeviceManagementServiceConfig.Read.All", "DeviceManagementApps.Read.All"]);
    roles("fabrikam", &["DeviceManagementServiceConfig.ReadWrite.All", "Directory.ReadWrite.All"]);
    let run = world.run(&["doctor"]).ends_with(0);
    run.says("may read, and not upload, in 1 tenant (contoso): its token lacks DeviceManagementServiceConfig.ReadWrite.All")
        .says("may do more than it needs in 1 tenant (fabrikam): Directory.ReadWrite.All")
        .says("applecart entra app --print");
}
