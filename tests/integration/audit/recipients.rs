//! Whom sealed files are for, as far as they show it.

use super::{finding, found};
use crate::world::{World, tenant_id};

#[test]
fn another_number_of_age_recipients_than_listed_is_found() {
    let world = World::new();
    world.applied("contoso");
    let more = age::x25519::Identity::generate().to_public();
    let text = world.policy("").replace("\nrecipients:\n", &format!("\nrecipients:\n  - {more}\n"));
    world.write("applecart.yaml", &text);
    world.commit("One more key, nothing resealed");
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["recipients-differ"]);
    assert_eq!(finding(&run, "recipients-differ")["place"]["file"], "tenants/contoso/push.pem.age");
    world.run(&["reseal"]).ends_with(0);
    world.commit("Resealed");
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
}

#[test]
fn a_file_that_names_other_keys_than_the_list_is_found_and_former_keys_are_named() {
    let world = World::new();
    world.applied("contoso");
    let former = age::x25519::Identity::generate().to_public();
    let sops = |recipient: &str| {
        format!(
            "{{\"data\":\"ENC[x]\",\"sops\":{{\"age\":[{{\"recipient\":\"{recipient}\",\"enc\":\"x\"}}],\"lastmodified\":\"x\",\"mac\":\"ENC[y]\",\"version\":\"3.9.0\"}}}}"
        )
    };
    world.write("tenants/contoso/push.pem.age", &sops(&former.to_string()));
    world.commit("Sealed to another key");
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["recipients-differ"]);
    let told = finding(&run, "recipients-differ")["message"].as_str().unwrap().to_owned();
    assert!(told.contains(&former.to_string()), "{told}");
    world.write("tenants/contoso/push.pem.age", &sops(&world.recipient));
    world.commit("Sealed anew");
    // Whoever had that key can open it for ever, and the token is still the same.
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["was-sealed-to-others"]);
    let leak = finding(&run, "was-sealed-to-others");
    assert_eq!(leak["place"]["commit"], world.git(&["rev-parse", "HEAD~1"]));
    assert_eq!(leak["place"]["file"], "tenants/contoso/push.pem.age");
    let note = finding(&run, "former-recipient");
    assert_eq!(note["level"], "note");
    let message = format!("{former} was never listed on the protected branch");
    assert!(note["message"].as_str().unwrap().contains(&message), "{note}");
    // A renewal ends that; it stays told.
    let topic = world.state().tenant(tenant_id("contoso")).unwrap();
    let topic = topic.apple_push_notification_certificate.unwrap().topic_identifier;
    world.tenant("contoso", &world.issue(Some(&topic), 365));
    world.commit("Renewed");
    let run = world.audit().ends_with(0);
    assert_eq!(finding(&run, "was-sealed-to-others")["level"], "note");
}

#[test]
fn a_key_that_left_the_list_is_told_and_fails_nothing() {
    let world = World::new();
    world.applied("contoso");
    let former = age::x25519::Identity::generate().to_public();
    let with =
        world.policy("").replace("\nrecipients:\n", &format!("\nrecipients:\n  - {former}\n"));
    world.write("applecart.yaml", &with);
    world.run(&["reseal"]).ends_with(0);
    world.commit("One more");
    world.write("applecart.yaml", &world.policy(""));
    world.run(&["reseal"]).ends_with(0);
    world.commit("One less");
    let run = world.audit().ends_with(0);
    assert_eq!(found(&run), Vec::<String>::new());
    // The file does not name it: that it was listed when the file came is what tells.
    let note = finding(&run, "former-recipient");
    assert_eq!(note["level"], "note");
    let message = format!("{former} is not listed any more and can open 1 sealed file of Git's");
    assert!(note["message"].as_str().unwrap().contains(&message), "{note}");
}

#[test]
fn a_file_that_is_not_sealed_at_all_is_found() {
    let world = World::new();
    world.applied("contoso");
    let certificate = world.issue(None, 300);
    world.write("tenants/contoso/push.pem.age", &certificate.pem);
    world.commit("Open");
    assert_eq!(found(&world.audit().ends_with(7)), ["not-sealed"]);
}
