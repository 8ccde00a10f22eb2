//! Who downloaded, one sitting, and the way back by one reviewed branch.

use super::*;
use crate::world::pushed;

fn branch(hub: &Hub) -> String {
    hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"])
}

fn tenant_on(hub: &Hub, branch: &str) -> String {
    hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")])
}

fn merge(hub: &Hub) {
    let branch = branch(hub);
    hub.git(&["update-ref", "refs/heads/main", &branch]);
    hub.git(&["update-ref", "-d", &branch]);
}

#[test]
fn who_downloaded_is_written_where_it_was_said_and_forgotten_where_it_was_not() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let bring = |file: &Path, more: &[&str]| {
        let bring = ["renew", "contoso/London", "--file", text(file), "--push"];
        run(&clone, &[&bring[..], more].concat()).ends_with(0);
    };
    let file = download(&hub.world, "first.vpptoken", &hub.world.vpp_file("London", 300).text);
    bring(&file, &["--apple-id", "tokens@contoso.example"]);
    let tenant = tenant_on(&hub, &branch(&hub));
    assert!(tenant.contains("    appleId: tokens@contoso.example\n"), "{tenant}");
    assert!(tenant.contains("    downloadedBy: tokens@contoso.example\n"), "{tenant}");
    merge(&hub);

    // Nobody is there to be asked: what was said of the last file does not count for this one.
    let file = download(&hub.world, "second.vpptoken", &hub.world.vpp_file("London", 364).text);
    bring(&file, &[]);
    let tenant = tenant_on(&hub, &branch(&hub));
    assert!(!tenant.contains("downloadedBy"), "{tenant}");
    assert!(tenant.contains("    appleId: tokens@contoso.example\n"), "{tenant}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_is_asked_who_downloaded_and_enter_is_the_account_in_git() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "first.vpptoken", &hub.world.vpp_file("London", 300).text);
    let mut plain = clone.command(&["renew", "contoso/London", "--file", text(&file), "--push"]);
    plain.env_remove("SOPS_AGE_KEY");
    let asked = "downloaded? [vpp@contoso.example]";
    let Some(run) = crate::world::on_a_terminal(&plain, asked, "\n") else { return };
    run.ends_with(0);
    let tenant = tenant_on(&hub, &branch(&hub));
    assert!(tenant.contains("    downloadedBy: vpp@contoso.example\n"), "{tenant}");
}

#[test]
fn all_files_of_a_folder_are_said_to_be_one_accounts() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "contoso");
    let folder = hub.world.path("downloads");
    let batch = ["renew", "--batch", text(&folder), "--apple-id", "new@contoso.example", "--push"];
    run(&clone, &batch).ends_with(0).says("pushed; open the pull request");
    let tenant = tenant_on(&hub, &branch(&hub));
    assert!(tenant.contains("  downloadedBy: new@contoso.example\n"), "{tenant}");
    run(&clone, &["renew", "--due", "60d", "--apple-id", "new@contoso.example"]).ends_with(64);
}

#[test]
fn one_sitting_has_each_account_once_at_each_portal_and_enrollment_tokens_last() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let sitting = ["renew", "--due", "60d", "--by-account", "--no-csr"];
    let told = run(&clone, &sitting).ends_with(0);
    let told = told
        .says("One sitting: 6 renewals with 6 sign-ins")
        .says("and only with the reviewer ready to merge at once")
        .says("applecart renew --batch DIR --apple-id mdm@contoso.example --push")
        .says("by the week in which they expire");
    let place = |text: &str| told.stdout.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(
        place("as vpp@fabrikam.example") < place("as abm@contoso.example"),
        "enrollment tokens last"
    );
    let json = run(&clone, &[&sitting[..], &["--format", "json"]].concat()).ends_with(0).json();
    let schema =
        std::fs::read_to_string(crate::world::project().join("schema/renew-sheet.schema.json"));
    let schema = serde_json::from_str(&schema.unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &json), "{json}");
    let kinds: Vec<&str> = json["sheets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sheet| sheet["token"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds[4..], ["enrollment", "enrollment"], "{kinds:?}");
    let weeks = json["sitting"]["forecast"]["weeks"].as_array().unwrap();
    assert_eq!(weeks.len(), 1, "what is renewed now expires again in a year: {weeks:?}");
    assert_eq!((&weeks[0]["again"], &weeks[0]["collision"]), (&6.into(), &false.into()));
    let few = [&sitting[..], &["--per-week", "3", "--format", "markdown"]].concat();
    run(&clone, &few).ends_with(0).says("6 of them for the second time: collision");
    run(&clone, &["renew", "contoso", "--by-account"]).ends_with(64);
}

/// A customer whose push certificate was recorded, and is another one now, or none; with the topic that
/// devices know.
fn replaced(by: impl FnOnce(&World) -> Option<Issued>) -> (Hub, String) {
    let hub = hub(&["contoso"]);
    let known = topic(&hub.world, "contoso");
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0);
    let now = by(&hub.world).map(|issued| pushed("contoso", &issued));
    hub.world.state().set_push(tenant_id("contoso"), now).unwrap();
    (hub, known)
}

/// What the sheet of the way back says, and the certificate that Apple then makes of its request.
fn restored(hub: &Hub, clone: &Clone<'_>, known: &str) -> (Run, PathBuf) {
    let out = text(&hub.world.path("")).to_owned();
    let sheet = run(clone, &["renew", "contoso/push", "--restore", "--out", &out]).ends_with(0);
    let request = std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    let issued = hub.world.simulator().apple().renew(&request, known, Utc::now()).unwrap();
    (sheet, download(&hub.world, "MDM_contoso.pem", &issued.pem))
}

#[test]
fn what_was_created_instead_of_renewed_goes_back_by_one_reviewed_branch() {
    let (hub, known) = replaced(|world| Some(world.issue(None, 364)));
    let (clone, created) = (admin(&hub, "admin"), topic(&hub.world, "contoso"));
    let (sheet, file) = restored(&hub, &clone, &known);
    sheet
        .says(&format!("details show {known} and press Renew"))
        .says("applecart renew contoso/push --restore --file FILE --push")
        .says("so its reviewer decides:");
    let restore = ["renew", "contoso/push", "--restore", "--file", text(&file), "--push"];
    let proposed = run(&clone, &restore)
        .ends_with(0)
        .says("Bring back the push topic that devices of contoso know");
    assert!(!proposed.stdout.contains("still holds the upload"), "{}", proposed.stdout);
    let tenant = tenant_on(&hub, &branch(&hub));
    let line = format!("{{hold: topic-change, from: {created}, to: {known}, ");
    assert!(tenant.contains(&line), "{tenant}");
    run(&clone, &restore).ends_with(0).says("the branch has this very change already");

    merge(&hub);
    hub.clone("second", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(topic(&hub.world, "contoso"), known);
}

#[test]
fn what_was_deleted_comes_back_with_the_topic_that_devices_know_and_needs_no_line() {
    let (hub, known) = replaced(|_| None);
    let clone = admin(&hub, "admin");
    let (sheet, file) = restored(&hub, &clone, &known);
    sheet
        .says("at once: Intune has no push certificate")
        .says("applecart renew contoso/push --restore --file FILE --push");
    run(&clone, &["renew", "contoso/push", "--restore", "--file", text(&file), "--push"])
        .ends_with(0)
        .says("Bring back the push certificate of contoso until");
    assert!(!tenant_on(&hub, &branch(&hub)).contains("allow"));
    merge(&hub);
    hub.clone("second", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(topic(&hub.world, "contoso"), known);
}

#[test]
fn without_restore_the_line_is_left_to_a_person() {
    let (hub, known) = replaced(|world| Some(world.issue(None, 364)));
    let clone = admin(&hub, "admin");
    let (_, file) = restored(&hub, &clone, &known);
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"])
        .ends_with(0)
        .says("still holds the upload (topic-change");
    assert!(!tenant_on(&hub, &branch(&hub)).contains("topic-change"));
}
