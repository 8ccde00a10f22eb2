//! Fleets that seal with SOPS: the real program where it is at hand, one that fails everywhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::interop;
use crate::world::hub::script;
use crate::world::{Run, World, finish, tenant_id};

/// contoso, live with a push certificate, watched; the fleet says that it uses SOPS.
fn watched() -> World {
    let world = World::new();
    let live = world.issue(None, 20);
    world.live("contoso", Some(&live));
    world.write(
        "tenants/contoso/tenant.yaml",
        &format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\npush:\n  appleId: mdm@contoso.example\n  topic: {}\n",
            tenant_id("contoso"),
            live.topic
        ),
    );
    // Whoever a rule names gets no key: the fleet's recipients are in applecart.yaml.
    let stranger = age::x25519::Identity::generate().to_public();
    world.write(".sops.yaml", &format!("creation_rules: [{{age: {stranger}}}]\n"));
    world.commit("A fleet with SOPS");
    world
}

/// A renewed certificate, as it was downloaded.
fn download(world: &World) -> PathBuf {
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let topic = live.apple_push_notification_certificate.unwrap().topic_identifier;
    let path = world.path("MDM_Certificate.pem");
    std::fs::write(&path, world.issue(Some(&topic), 364).pem).unwrap();
    path
}

/// The program with this folder in front of its search path.
fn with(world: &World, folder: &Path, arguments: &[&str]) -> Run {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    let path: OsString = std::env::join_paths(all).unwrap();
    let mut command = world.command(arguments);
    command.env("PATH", path);
    // Other people's keys in the environment are none of the fleet's.
    command.env("SOPS_AGE_RECIPIENTS", age::x25519::Identity::generate().to_public().to_string());
    finish(command)
}

fn real() -> Option<PathBuf> {
    interop::sops().map(|program| program.parent().unwrap().to_owned())
}

#[test]
fn a_download_is_sealed_with_sops_and_applied() {
    let Some(programs) = real() else { return };
    let world = watched();
    let file = download(&world);
    let file = file.to_str().unwrap();
    with(&world, &programs, &["seal", file, "contoso", "--offline"]).ends_with(0);
    let sealed = world.repo().join("tenants/contoso/push.pem.sops");
    let sealed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(sealed).unwrap()).unwrap();
    let keys = sealed["sops"]["age"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(keys[0]["recipient"], world.recipient.as_str());
    world.commit("Renew");
    world.run(&["validate"]).ends_with(0);
    world.run(&["apply"]).ends_with(0);
    assert_eq!(world.uploads("contoso"), 1);
}

#[test]
fn a_renewal_is_sealed_with_sops_on_its_branch() {
    let Some(programs) = real() else { return };
    let world = watched();
    world.git(&["config", "user.name", "Dana"]);
    world.git(&["config", "user.email", "dana@msp.example"]);
    let file = download(&world);
    with(&world, &programs, &["renew", "contoso/push", "--file", file.to_str().unwrap()])
        .ends_with(0);
    let branch = world.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    let names = world.git(&["diff", "--name-only", "HEAD", &branch]);
    assert_eq!(names, "tenants/contoso/push.pem.sops\ntenants/contoso/tenant.yaml");
}

#[cfg(unix)]
#[test]
fn where_sops_does_not_work_the_commands_are_told_and_nothing_is_written() {
    let world = watched();
    let programs = world.path("programs");
    script(&programs.join("sops"), "echo 'no such flag' >&2\nexit 1");
    let file = download(&world);
    let file = file.to_str().unwrap();
    with(&world, &programs, &["seal", file, "contoso", "--offline"])
        .ends_with(1)
        .says("no such flag")
        .says("sops encrypt --age")
        .says("--filename-override tenants/contoso/push.pem.sops --output tenants/contoso/push.pem.sops")
        .says("seal --sealed push.pem.sops");
    with(&world, &programs, &["renew", "contoso/push", "--file", file])
        .ends_with(1)
        .says("seal --sealed push.pem.sops");
    // One that seals to somebody else is not believed.
    let other = age::x25519::Identity::generate().to_public();
    let document = format!(
        r#"{{"data":"ENC[AES256_GCM,data:eA==]","sops":{{"age":[{{"recipient":"{other}","enc":"x"}}]}}}}"#
    );
    script(&programs.join("sops"), &format!("cat >/dev/null\necho '{document}'"));
    with(&world, &programs, &["seal", file, "contoso", "--offline"])
        .ends_with(1)
        .says("not a file that only the fleet's recipients open");
    assert_eq!(world.git(&["status", "--porcelain", "--ignored"]), "", "nothing was written");
    assert_eq!(world.git(&["for-each-ref", "refs/heads/renew"]), "");
    with(&world, &programs, &["seal", file, "contoso", "--offline", "--age"]).ends_with(0);
}

#[test]
fn a_file_that_was_sealed_by_hand_is_taken() {
    let world = watched();
    let file = download(&world);
    let file = file.to_str().unwrap();
    let sealed = ["seal", file, "contoso", "--offline", "--sealed", "push.pem.sops"];
    world.run(&sealed).ends_with(64).says("is not in tenants/contoso");
    let pem = std::fs::read(file).unwrap();
    world.write_bytes("tenants/contoso/push.pem.sops", &pem);
    world.run(&sealed).ends_with(4).says("is not sealed");
    world.write(
        "tenants/contoso/push.pem.sops",
        "{\"data\": \"ENC[AES256_GCM,data:x]\", \"sops\": {}}",
    );
    world.run(&sealed).ends_with(0);
    let text = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    assert!(text.contains("file: push.pem.sops"), "{text}");
}
