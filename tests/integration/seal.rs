//! From a download to a sealed file and a tenant file that says what it is, and everything that
//! must stop on the way.

use std::path::PathBuf;

use applecart_core::model::Kind;
use applecart_simulator::{Fault, FaultRule, VppRequest};
use chrono::Utc;

use crate::world::{Run, World, eventually, in_days, tenant_id};

/// contoso, live with a token of every kind, watched by a file that somebody wrote by hand.
fn watched() -> World {
    let mut world = World::new();
    world.live_of_all_kinds("contoso");
    let topic = live_topic(&world);
    world.write(
        "tenants/contoso/tenant.yaml",
        &format!(
            "# Call Ms Doe first.\r\napiVersion: applecart/v1\r\nkind: Tenant\r\nname: 'contoso'\r\ntenantId: {}\r\npush:\r\n    appleId: mdm@contoso.example   # the shared mailbox\r\n    topic: \"{topic}\" # never another\r\nenrollment:\r\n- name: ABM\r\n  id: dep-contoso\r\n  appleId: abm@contoso.example\r\n  server: Contoso Intune\r\n\r\nvpp: # one location\r\n- {{name: London, id: vpp-contoso, organization: Contoso Ltd, location: London}}\r\n",
            tenant_id("contoso")
        ),
    );
    world.commit("Import contoso");
    world.key = String::new();
    world
}

fn live_topic(world: &World) -> String {
    let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
    tenant.apple_push_notification_certificate.unwrap().topic_identifier
}

fn download(world: &World, name: &str, bytes: &str) -> PathBuf {
    let path = world.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn renewed_push(world: &World) -> PathBuf {
    download(world, "MDM_Certificate.pem", &world.issue(Some(&live_topic(world)), 364).pem)
}

fn seal(world: &World, file: &std::path::Path, more: &[&str]) -> Run {
    let mut arguments = vec!["seal", file.to_str().unwrap()];
    arguments.extend(more);
    world.run(&arguments)
}

fn tenant_file(world: &World) -> String {
    std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap()
}

#[track_caller]
fn unchanged(world: &World) {
    assert_eq!(world.git(&["status", "--porcelain", "--ignored"]), "", "nothing was written");
}

#[test]
fn what_somebody_saves_meanwhile_is_not_overwritten() {
    let world = watched();
    let file = renewed_push(&world);
    world.state().add_fault(FaultRule::always(Fault::Hang));
    let asked = world.state().requests().len();
    let child = world.spawn(&["seal", file.to_str().unwrap(), "contoso"]);
    eventually("Intune is asked", || world.state().requests().len() > asked);
    let edited = tenant_file(&world).replace("Call Ms Doe first", "Call Mr Roe first");
    world.write("tenants/contoso/tenant.yaml", &edited);
    world.state().clear_faults();
    let done = child.wait_with_output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(4), "{told}");
    assert!(told.contains("was changed meanwhile; run this again"), "{told}");
    assert_eq!(tenant_file(&world), edited);
    assert!(!world.repo().join("tenants/contoso/push.pem.age").exists());
}

#[test]
fn a_download_of_every_kind_is_sealed_without_a_key_and_applied() {
    let mut world = watched();
    let key = {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate();
        world.recipient = identity.to_public().to_string();
        world.write("applecart.yaml", &world.policy(""));
        world.commit("Another key");
        identity.to_string().expose_secret().to_owned()
    };
    let before = tenant_file(&world);
    let push = renewed_push(&world);
    seal(&world, &push, &["contoso"])
        .ends_with(0)
        .says("+ file: push.pem.age")
        .says("sealed tenants/contoso/push.pem.age to 1 recipient");
    assert!(push.exists(), "only --remove-download deletes it");
    let name = format!("Contoso_Token_{}_smime.p7m", Utc::now().format("%Y-%m-%dT%H-%M-%SZ"));
    let dep = download(&world, &name, &world.enrollment_file("contoso"));
    seal(&world, &dep, &["contoso/ABM", "--remove-download"]).ends_with(0).says("deleted");
    assert!(!dep.exists());
    let vpp = download(&world, "sToken.vpptoken", &world.vpp_file("London", 364).text);
    seal(&world, &vpp, &["contoso/vpp-contoso"]).ends_with(0);

    let after = tenant_file(&world);
    for line in before.lines().filter(|line| !line.contains("vpp-contoso")) {
        assert!(after.lines().any(|kept| kept == line), "{line:?} is gone:\n{after}");
    }
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
    assert!(after.contains("location: London, expires: "), "{after}");
    assert!(after.contains("  recipient: {issuer: "), "{after}");
    assert!(after.contains("  file: contoso-intune.p7m.age\r\n"), "{after}");
    world.run(&["validate", "--worktree"]).ends_with(0).says("0 errors, 0 warnings");

    world.commit("Renew all of contoso");
    world.run(&["plan"]).ends_with(0).says("upload push").says("upload enrollment");
    world.key = key;
    world.run(&["apply"]).ends_with(0);
    for kind in [Kind::Push, Kind::Enrollment, Kind::Vpp] {
        assert_eq!(world.uploads_of("contoso", kind), 1, "{kind}");
    }
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn two_that_seal_at_once_do_not_overwrite_each_others_facts() {
    let world = watched();
    let file = renewed_push(&world);
    // Another process replaces files of this clone just now.
    let folder = world.repo().join(".git/applecart");
    std::fs::create_dir_all(&folder).unwrap();
    let turn = std::fs::File::create(folder.join("worktree.lock")).unwrap();
    turn.lock().unwrap();
    let mut child = world.spawn(&["seal", file.to_str().unwrap(), "contoso", "--offline"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(child.try_wait().unwrap(), None, "it waits for its turn");
    let edited = tenant_file(&world).replace("Call Ms Doe first", "Call Mr Roe first");
    world.write("tenants/contoso/tenant.yaml", &edited);
    drop(turn);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(4), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(tenant_file(&world), edited);
}

#[test]
fn what_lands_in_the_repository_is_never_the_opened_file() {
    let world = watched();
    let vpp = world.vpp_file("London", 364).text;
    let file = download(&world, "sToken.vpptoken", &vpp);
    seal(&world, &file, &["contoso", "--kind", "vpp"]).ends_with(0);
    let folder = world.repo().join("tenants/contoso");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(&vpp[..40]), "{text}");
    }
}

#[test]
fn a_dry_run_shows_everything_and_writes_nothing() {
    let world = watched();
    let push = renewed_push(&world);
    seal(&world, &push, &["contoso", "--dry-run"])
        .ends_with(0)
        .says("+ sha256: ")
        .says("nothing was written");
    unchanged(&world);
}

#[test]
fn a_created_certificate_is_refused_with_the_consequence() {
    let world = watched();
    let created = download(&world, "new.pem", &world.issue(None, 364).pem);
    for how in [&["contoso"][..], &["contoso/push", "--offline"]] {
        seal(&world, &created, how)
            .ends_with(4)
            .says("topic-change")
            .says("cut off")
            .says("Renew on the old certificate, not Create");
    }
    unchanged(&world);
}

#[test]
fn another_organisation_is_refused() {
    let world = watched();
    let text = world.simulator().apple().vpp_token(&VppRequest {
        organization: "Fabrikam GmbH".to_owned(),
        location: "London".to_owned(),
        expires: in_days(300),
    });
    let file = download(&world, "sToken.vpptoken", &text);
    seal(&world, &file, &["contoso"])
        .ends_with(4)
        .says("organization-differs")
        .says("another customer's licences would be used");
    unchanged(&world);
}

#[test]
fn an_enrollment_token_for_another_key_is_refused() {
    let world = watched();
    world.live_of_all_kinds("fabrikam");
    let file = download(&world, "token.p7m", &world.enrollment_file("fabrikam"));
    seal(&world, &file, &["contoso"]).ends_with(4).says("recipient-mismatch");
    unchanged(&world);
}

#[test]
fn lapsed_older_and_foreign_files_are_refused() {
    let world = watched();
    let topic = live_topic(&world);
    let expired = download(&world, "expired.pem", &world.issue(Some(&topic), -1).pem);
    seal(&world, &expired, &["contoso", "--offline"]).ends_with(4).says("expired");
    let older = download(&world, "older.pem", &world.issue(Some(&topic), 5).pem);
    seal(&world, &older, &["contoso"]).ends_with(4).says("older-than-live");
    let page = download(&world, "page.pem", "<html>Sign in</html>");
    seal(&world, &page, &["contoso"]).ends_with(4).says("wrong-kind");
    let with_key = world.issue(Some(&topic), 364).pem_with_key().unwrap();
    let with_key = download(&world, "key.pem", &with_key);
    seal(&world, &with_key, &["contoso"]).ends_with(4).says("private-key");
    unchanged(&world);
}

#[test]
fn a_file_for_another_slot_or_tenant_is_refused() {
    let world = watched();
    let push = renewed_push(&world);
    seal(&world, &push, &["contoso/London"])
        .ends_with(4)
        .says("the file is for a push certificate, and contoso/London is a VPP token");
    seal(&world, &push, &["contoso/Leeds"]).ends_with(64).says("write contoso/push");
    seal(&world, &push, &["nobody"]).ends_with(64).says("the fleet has no tenant \"nobody\"");
    // fabrikam has no push entry yet; the certificate is contoso's.
    world.write(
        "tenants/fabrikam/tenant.yaml",
        &format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: fabrikam\ntenantId: {}\n",
            tenant_id("fabrikam")
        ),
    );
    world.commit("A new customer");
    seal(&world, &push, &["fabrikam", "--offline"])
        .ends_with(4)
        .says("wrong-tenant")
        .says("the file is for the tenant contoso, not for fabrikam")
        .says("applecart seal ");
    unchanged(&world);
    let vpp = download(&world, "sToken.vpptoken", &world.vpp_file("London", 364).text);
    seal(&world, &vpp, &["contoso"]).ends_with(0);
    let text = tenant_file(&world);
    world.write("tenants/contoso/tenant.yaml", &format!("{text}- name: Leeds\r\n"));
    world.commit("Another location");
    seal(&world, &vpp, &["contoso/Leeds", "--offline"])
        .ends_with(4)
        .says("has this very file already");
    unchanged(&world);
}

#[test]
fn a_first_certificate_begins_the_entry() {
    let world = watched();
    world.write(
        "tenants/fabrikam/tenant.yaml",
        &format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: fabrikam\ntenantId: {}\n# tokens follow\n",
            tenant_id("fabrikam")
        ),
    );
    let first = download(&world, "first.pem", &world.issue(None, 364).pem);
    seal(&world, &first, &["fabrikam", "--offline"]).ends_with(0);
    world.run(&["validate", "--worktree"]).ends_with(0);
}

#[test]
fn live_that_cannot_be_read_stops_it_unless_told_otherwise() {
    let world = watched();
    let push = renewed_push(&world);
    world.state().add_fault(FaultRule::always(Fault::status(403)).for_tenant(tenant_id("contoso")));
    seal(&world, &push, &["contoso"]).ends_with(3).says("was not checked").says("--offline");
    unchanged(&world);
    seal(&world, &push, &["contoso", "--offline"]).ends_with(0);
}

#[test]
fn a_download_inside_the_repository_is_a_loud_warning() {
    let world = watched();
    let pem = world.issue(Some(&live_topic(&world)), 364).pem;
    world.write("MDM_Certificate.pem", &pem);
    let file = world.repo().join("MDM_Certificate.pem");
    seal(&world, &file, &["contoso", "--offline", "--remove-download"])
        .ends_with(0)
        .says("is inside the repository and is not encrypted")
        .says("never commit it");
    assert!(!file.exists());
}

#[test]
fn only_an_accepted_download_that_git_does_not_track_is_to_be_deleted() {
    let world = watched();
    // No token at all: nothing is said of deleting it.
    let file = world.repo().join("tenants/contoso/tenant.yaml");
    let told = seal(&world, &file, &["contoso", "--offline"]).ends_with(4);
    for word in ["Delete it", "remove-download", "is inside the repository"] {
        assert!(!told.stderr.contains(word), "{}", told.stderr);
    }
    // A refused token is moved, and one that Git tracks is compromised.
    world.write("new.pem", &world.issue(None, 364).pem);
    let told = seal(&world, &world.repo().join("new.pem"), &["contoso", "--offline"]);
    let told = told.ends_with(4).says("Move it out of the repository");
    assert!(!told.stderr.contains("Delete it"), "{}", told.stderr);
    world.write("MDM.pem", &world.issue(Some(&live_topic(&world)), 364).pem);
    world.commit("By mistake");
    let told = seal(&world, &world.repo().join("MDM.pem"), &["contoso", "--offline"]);
    let told = told.ends_with(0).says("Git tracks it");
    assert!(!told.stderr.contains("Delete it"), "{}", told.stderr);
}

#[test]
fn slips_of_the_command_line_are_told_with_what_was_meant() {
    let world = watched();
    let push = renewed_push(&world);
    let file = push.to_str().unwrap();
    seal(&world, &push, &["contso"]).ends_with(64).says("did you mean contoso?");
    world.run(&["seal", "contoso", file]).ends_with(64).says("are swapped");
    for words in [
        &["renew", "contso"][..],
        &["acknowledge", "contso"],
        &["history", "contso"],
        &["ledger", "show", "contso"],
        &["import", "--update", "contso"],
        &["status", "--offline", "--select", "contso"],
    ] {
        let told = world.run(words);
        assert!(told.stderr.contains("did you mean contoso?"), "{words:?}: {}", told.stderr);
        told.ends_with(64);
    }
    world
        .run(&["status", "--offline", "--select", "contoso,fabrikam"])
        .ends_with(64)
        .says("--select contoso,fabrikam")
        .says("A comma means");
    world.run(&["plan", "contoso"]).ends_with(64).says("applecart plan --select contoso");
    world
        .run(&["renew", "--select", "contoso"])
        .ends_with(64)
        .says("applecart renew --due 60d --select contoso");
    world
        .run(&["plan", "--rev", "nosuch"])
        .ends_with(64)
        .says("Name an existing branch, tag or commit with --rev");
    world.run(&["status", "--within", "soon"]).ends_with(64).says("--within soon");
    let empty = world.path("empty");
    std::fs::create_dir(&empty).unwrap();
    world.run(&["renew", "--batch", empty.to_str().unwrap()]).ends_with(64).says("no file");
    let list = download(&world, "list.csv", "name,tenantId\n");
    world.run(&["import", "--from", list.to_str().unwrap()]).ends_with(64).says("no tenant");
}

#[test]
fn an_entry_without_apple_id_is_warned_of() {
    let world = watched();
    let vpp = download(&world, "sToken.vpptoken", &world.vpp_file("London", 364).text);
    seal(&world, &vpp, &["contoso"]).ends_with(0).says("the entry has no `appleId`");
}

#[test]
fn nobody_to_seal_to_is_said() {
    let world = watched();
    let policy = world.policy("").lines().take(6).collect::<Vec<_>>().join("\n");
    world.write("applecart.yaml", &format!("{}\n", policy.replace("recipients:", "")));
    world.commit("No recipients");
    let push = renewed_push(&world);
    seal(&world, &push, &["contoso", "--offline"]).ends_with(1).says("no recipient to encrypt to");
    unchanged(&world);
}
