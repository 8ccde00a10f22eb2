//! New recipients: the same files, sealed again.

use age::secrecy::ExposeSecret as _;
use applecart_io::vault::{Secret, seal};

use crate::world::World;

fn key() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    (identity.to_public().to_string(), identity.to_string().expose_secret().to_owned())
}

/// Two tenants whose uploads are done, and a policy that lists another recipient since.
fn moved() -> (World, String) {
    let mut world = World::new();
    for name in ["contoso", "fabrikam"] {
        world.renewal(name);
    }
    world.run(&["apply"]).ends_with(0);
    let (recipient, new_key) = key();
    world.recipient = recipient;
    world.write("applecart.yaml", &world.policy(""));
    world.commit("A new key");
    (world, new_key)
}

fn sealed(world: &World, name: &str) -> Vec<u8> {
    std::fs::read(world.repo().join(format!("tenants/{name}/push.pem.age"))).unwrap()
}

#[test]
fn new_recipients_open_the_same_files_and_nothing_is_uploaded_again() {
    let (mut world, new_key) = moved();
    let before = sealed(&world, "contoso");
    world
        .run(&["reseal", "--dry-run"])
        .ends_with(0)
        .says("tenants/contoso/push.pem.age would be re-encrypted")
        .says("nothing was written (--dry-run)");
    assert_eq!(world.git(&["status", "--porcelain"]), "");

    world
        .run(&["reseal"])
        .ends_with(0)
        .says("2 files re-encrypted to 1 recipient")
        .says("none of the available identities opens 2 files after that")
        .says("Git keeps the earlier files");
    let changed = world.git(&["diff", "--name-only"]);
    assert_eq!(changed, "tenants/contoso/push.pem.age\ntenants/fabrikam/push.pem.age");
    assert_ne!(sealed(&world, "contoso"), before);
    world.commit("Seal again");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");

    world
        .run(&["reseal", "--dry-run"])
        .ends_with(3)
        .says("no available identity opens it (1 tried)");
    world.key = new_key;
    world.run(&["reseal", "--dry-run"]).ends_with(0).says("2 files to be re-encrypted");
    assert_eq!(world.uploads("contoso"), 1);
}

#[test]
fn only_the_selected_are_sealed_again() {
    let (world, _) = moved();
    world.run(&["reseal", "--select", "fabrikam"]).ends_with(0);
    assert_eq!(world.git(&["diff", "--name-only"]), "tenants/fabrikam/push.pem.age");
    world.run(&["reseal", "--select", "nobody"]).ends_with(64);
}

#[test]
fn what_is_not_the_reviewed_file_is_left_and_keeps_no_other_back() {
    let (world, _) = moved();
    let old = world.git(&["show", "HEAD~1:applecart.yaml"]);
    let recipient = old.lines().last().unwrap().trim_start_matches(['-', ' ']).to_owned();
    let other = seal(&Secret::new(b"another file".to_vec()), &[recipient]).unwrap();
    world.write_bytes("tenants/contoso/push.pem.age", &other);
    world.write_bytes("tenants/fabrikam/plain", b"x");
    world
        .run(&["reseal"])
        .ends_with(3)
        .says("bad-file: its content is not what the tenant file's sha256 says")
        .says("1 file re-encrypted to 1 recipient, 0 skipped, 1 left as they are");
    assert_eq!(sealed(&world, "contoso"), other);
}

#[test]
fn a_file_that_lies_there_unsealed_is_left() {
    let (world, _) = moved();
    world.write("tenants/contoso/push.pem.age", "-----BEGIN CERTIFICATE-----\n");
    world.run(&["reseal"]).ends_with(3).says("a certificate that is not encrypted");
}

#[test]
fn files_that_git_lfs_would_replace_are_refused_before_any_is_written() {
    let (world, _) = moved();
    world.write(".gitattributes", "tenants/fabrikam/* filter=lfs\n");
    let before = sealed(&world, "contoso");
    let run = world.run(&["reseal"]).ends_with(4);
    run.says("Git LFS would commit a pointer").says("*.age -filter -text -diff");
    assert_eq!(sealed(&world, "contoso"), before);
    world.run(&["reseal", "--select", "contoso"]).ends_with(0);
    world.write(".gitattributes", "*.age filter=rot13\n");
    world.run(&["reseal", "--select", "fabrikam"]).ends_with(0).says("filter=rot13");
}

#[test]
fn sops_files_are_left_to_sops_unless_they_say_that_all_is_well() {
    let (world, _) = moved();
    let sops = |recipient: &str| {
        format!(
            "{{\"data\": \"ENC[AES256_GCM,data:eA==]\", \"sops\": {{\"age\": [{{\"recipient\": \"{recipient}\", \"enc\": \"x\"}}]}}}}"
        )
    };
    world.write("tenants/contoso/push.pem.age", &sops("age1other"));
    world.write("tenants/fabrikam/push.pem.age", &sops(&world.recipient));
    world
        .run(&["reseal"])
        .ends_with(3)
        .says("run: sops updatekeys --yes tenants/contoso/push.pem.age")
        .says("tenants/fabrikam/push.pem.age skipped: it says that it is sealed to exactly these recipients");
}

#[test]
fn without_a_recipient_or_an_identity_nothing_happens() {
    let (mut world, _) = moved();
    world.key = String::new();
    world.run(&["reseal"]).ends_with(3).says("no identity is available");
    let policy = world.policy("").lines().take(5).collect::<Vec<_>>().join("\n");
    world.write("applecart.yaml", &policy);
    world.run(&["reseal"]).ends_with(1).says("no recipient to encrypt to");
}
