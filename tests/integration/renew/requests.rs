//! Who may write notes can record a request for Apple of their own, and take records away. Neither may
//! bring a certificate into Intune for which it has no private key, and both are told.

use applecart_core::apple;
use applecart_core::model::{Actor, Author, EntryBody, LedgerEntry, Sha256, TokenRef};
use applecart_io::store::Ledger;

use super::*;
use crate::signatures::keys::Keys;
use crate::world::pushed as certificate;

/// Somebody with no more than the right to push notes.
pub(super) fn mallory(hub: &Hub) -> Clone<'_> {
    let clone = hub.clone("mallory", &["--branch", "applecart/notes"]);
    clone.git(&["config", "user.name", "mallory"]);
    clone.git(&["config", "user.email", "mallory@elsewhere.example"]);
    clone
}

/// A request whose private key Intune does not have, in the form that no vendor signed.
pub(super) fn foreign() -> (String, Sha256) {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let text = request.pem().unwrap();
    let key = apple::requested_key(&text).unwrap();
    (text, key)
}

/// Records a request under another name than the one that pushes it, an hour ago.
pub(super) fn record(clone: &Clone<'_>, tenant: &str, request: (String, Sha256)) {
    commit(clone, tenant, request);
    clone.git(&["push", "--quiet", "origin", "applecart/notes"]);
}

/// The same, without the push.
fn commit(clone: &Clone<'_>, tenant: &str, (csr, key): (String, Sha256)) {
    let author = Author {
        run: "5d0c0000-0000-4000-8000-0000000000d1".into(),
        clone: "5d0c0000-0000-4000-8000-0000000000c1".into(),
        actor: Actor { user: Some("dana".into()), host: Some("admin".into()), pipeline: None },
    };
    let body = EntryBody::RenewalOpened { csr, public_key_sha256: key };
    let at = Timestamp::new(Utc::now() - chrono::Duration::hours(1));
    let entry = LedgerEntry::new(at, tenant.parse().unwrap(), TokenRef::push(), &author, body);
    let mut notes = Ledger::open(&clone.folder, "applecart/notes").unwrap();
    notes.append(&[(tenant_id(tenant), entry)]).unwrap();
}

fn forge(hub: &Hub, tenant: &str) -> (String, Sha256) {
    let request = foreign();
    record(&mallory(hub), tenant, request.clone());
    request
}

fn words(run: &Run) -> String {
    let all = format!("{} {}", run.stdout, run.stderr);
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Opens contoso's renewal; the request's file, if one was given out.
fn open(hub: &Hub, clone: &Clone<'_>, more: &[&str]) -> (Run, Option<String>) {
    let file = hub.world.path("IntuneCSR-contoso.csr");
    let _ = std::fs::remove_file(&file);
    let out = hub.world.path("");
    let ran = run(clone, &[&["renew", "contoso/push", "--out", text(&out)], more].concat());
    (ran, std::fs::read_to_string(file).ok())
}

/// Merges the renewal branch as a forge does.
fn merge(clone: &Clone<'_>) {
    let branch = clone.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    clone.git(&["merge", "--quiet", "--no-ff", "--no-edit", branch.trim()]);
    clone.git(&[
        "branch",
        "--quiet",
        "--delete",
        "--force",
        branch.trim().trim_start_matches("refs/heads/"),
    ]);
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
}

/// A renewal that is merged and not uploaded yet.
fn due<'a>(hub: &'a Hub) -> (Clone<'a>, Issued) {
    let clone = admin(hub, "admin");
    let (file, issued) = renewed(hub, &clone, "contoso");
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    merge(&clone);
    (clone, issued)
}

#[test]
fn a_single_forged_request_is_given_out_under_the_name_of_the_commit_and_never_ticked() {
    let hub = hub(&["contoso"]);
    let (csr, _) = forge(&hub, "contoso");
    let clone = admin(&hub, "admin");
    let (opened, given) = open(&hub, &clone, &[]);
    assert_eq!(given.as_ref(), Some(&csr));
    let said = words(&opened.ends_with(0));
    assert!(said.contains("mallory <mallory@elsewhere.example>"), "{said}");
    assert!(said.contains("carries no vendor's signature"), "{said}");
    assert!(!said.contains("dana on admin"), "the line names anybody: {said}");
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&csr, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    let file = download(&hub.world, "MDM.pem", &issued.pem);
    let said = words(
        &run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0),
    );
    assert!(said.contains("recorded by mallory <mallory@elsewhere.example>"), "{said}");
    assert!(!said.contains("[x] its key is"), "{said}");
}

/// Notes need no signature. Where a commit has one, people are told what it is worth.
#[test]
fn who_signed_the_commit_of_a_request_is_told_and_whether_the_settings_name_them() {
    for (by, told) in
        [("dana", "which is signed by"), ("mallory", "which the policy does not name as a signer")]
    {
        let hub = hub(&["contoso"]);
        let Some(keys) = Keys::new(hub.world.path("keys")) else { return };
        let signers = ".applecart/allowed_signers";
        hub.world.write(signers, &keys.allowed("dana", "namespaces=\"git\""));
        let policy = std::fs::read_to_string(hub.world.repo().join("applecart.yaml")).unwrap();
        hub.world.write("applecart.yaml", &format!("signers: {signers}\n{policy}"));
        hub.world.commit("Who may sign");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        let notes = mallory(&hub);
        commit(&notes, "contoso", foreign());
        let settings = keys.ssh_settings(by);
        let mut sign: Vec<&str> = settings.iter().flat_map(|one| ["-c", one]).collect();
        sign.extend(["commit-tree", "-S", "-m", "a request", "-p", "applecart/notes~1"]);
        sign.push("applecart/notes^{tree}");
        let signed = notes.git(&sign);
        notes.git(&["push", "--quiet", "origin", &format!("{}:applecart/notes", signed.trim())]);
        let (opened, given) = open(&hub, &admin(&hub, "admin"), &[]);
        let said = words(&opened.ends_with(0));
        assert!(said.contains(told) && said.contains("mallory <"), "{by}: {said}");
        assert_eq!(said.contains("does not name"), by == "mallory", "{said}");
        assert!(given.is_some(), "nothing depends on it");
    }
}

#[test]
fn of_two_open_requests_none_is_given_out_until_a_person_names_one_or_opens_another() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (opened, genuine) = open(&hub, &clone, &[]);
    opened.ends_with(0);
    let genuine = genuine.unwrap();
    let key = apple::requested_key(&genuine).unwrap().to_string();
    forge(&hub, "contoso");
    assert!(words(&run(&clone, &["plan"])).contains("request-disputed"));
    let said = words(&run(&clone, &["status"]));
    assert!(said.contains("request-disputed"), "{said}");
    assert!(said.contains("mallory <") && said.contains("Dana <"), "{said}");
    run(&clone, &["status", "--fail-on", "request-disputed"]).ends_with(9);
    run(&clone, &["status", "--fail-on", "urgent"]).ends_with(9);
    let (opened, given) = open(&hub, &clone, &[]);
    assert_eq!(given, None);
    let said = words(&opened.ends_with(3));
    assert!(said.contains("mallory <") && said.contains("no vendor signed it"), "{said}");
    let (opened, given) = open(&hub, &clone, &["--request", &key[..12]]);
    opened.ends_with(0);
    assert_eq!(given, Some(genuine.clone()));
    let (opened, given) = open(&hub, &clone, &["--request", "00000000"]);
    opened.ends_with(3).says(&key[..12]);
    assert_eq!(given, None);
    let (opened, given) = open(&hub, &clone, &["--new-csr"]);
    opened.ends_with(0);
    // Simulated Intune has one request until it is answered.
    assert_eq!(given, Some(genuine));
}

#[test]
fn a_request_that_the_vendor_of_earlier_ones_did_not_sign_is_not_given_out() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let out = hub.world.path("");
    run(&clone, &["renew", "fabrikam/push", "--out", text(&out)]).ends_with(0);
    forge(&hub, "contoso");
    let (opened, given) = open(&hub, &clone, &[]);
    assert_eq!(given, None);
    let said = words(&opened.ends_with(3));
    assert!(said.contains("Intune did not make the request"), "{said}");
    assert!(said.contains("no vendor signed it") && said.contains("mallory <"), "{said}");
    assert!(words(&run(&clone, &["status"])).contains("request-disputed"));
}

#[test]
fn a_forged_note_holds_a_due_upload_names_who_and_the_printed_line_releases_it() {
    let hub = hub(&["contoso"]);
    let (clone, issued) = due(&hub);
    forge(&hub, "contoso");
    let planned = words(&clone.run(&["plan"]));
    assert!(planned.contains("key-mismatch") && planned.contains("mallory <"), "{planned}");
    let applied = words(&clone.run(&["apply"]).ends_with(4));
    assert!(applied.contains("mallory <"), "{applied}");
    let json = clone.run(&["plan", "--format", "json"]).json();
    let token = &json["tenants"][0]["tokens"][0];
    let detail = token["details"][0].as_str().unwrap();
    let (_, line) = detail.split_once("push entry: ").unwrap();
    let file = clone.folder.join("tenants/contoso/tenant.yaml");
    let tenant = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, tenant.replacen("push:\n", &format!("push:\n  {line}\n"), 1)).unwrap();
    clone.commit("Dana made the request");
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    clone.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

#[test]
fn a_forged_note_that_only_the_opened_file_contradicts_is_named_and_released_too() {
    let hub = hub(&["contoso"]);
    let world = &hub.world;
    let apple = world.simulator().apple();
    let (csr, _) = foreign();
    let issued = apple.renew(&csr, &topic(world, "contoso"), Utc::now()).unwrap();
    let clone = admin(&hub, "admin");
    let file = download(world, "MDM.pem", &issued.pem);
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    merge(&clone);
    let tenant = clone.folder.join("tenants/contoso/tenant.yaml");
    let merge = |change: &dyn Fn(String) -> String| {
        std::fs::write(&tenant, change(std::fs::read_to_string(&tenant).unwrap())).unwrap();
        clone.commit("Reviewed");
        clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    };
    let is_key = |line: &&str| line.trim_start().starts_with("publicKeySha256:");
    let without_key = |text: String| {
        assert!(text.lines().any(|line| is_key(&line)), "{text}");
        text.lines().filter(|line| !is_key(line)).map(|line| format!("{line}\n")).collect()
    };
    merge(&without_key);
    forge(&hub, "contoso");
    clone.run(&["plan"]).ends_with(0).says("upload push");
    let applied = clone.run(&["apply", "--format", "json"]).ends_with(4).json();
    let mut results = applied["results"].as_array().unwrap().iter();
    let refused = results.find(|one| one["result"] == "refused").unwrap();
    let told = refused["details"][0].as_str().unwrap();
    assert!(told.contains("recorded by mallory <"), "{told}");
    let (_, line) = told.split_once("on the push entry: ").unwrap();
    assert!(line.starts_with("allow: [{hold: key-mismatch"), "{line}");
    merge(&|text| text.replacen("push:\n", &format!("push:\n  {line}\n"), 1));
    clone.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

#[test]
fn a_copied_request_neither_holds_the_tenant_that_made_it_nor_goes_untold() {
    let hub = hub(&["contoso", "fabrikam"]);
    let (clone, issued) = due(&hub);
    let line = &hub.notes("contoso")[0];
    let csr = line["csr"].as_str().unwrap().to_owned();
    let key = apple::requested_key(&csr).unwrap();
    record(&mallory(&hub), "fabrikam", (csr, key));
    let said = words(&clone.run(&["status"]));
    assert!(said.contains("request-disputed"), "{said}");
    assert!(said.contains("for contoso by Dana <"), "{said}");
    assert!(said.contains("for fabrikam by mallory <"), "{said}");
    clone.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

/// Takes contoso's notes away by a plain push, and pushes a certificate for a key of their own.
fn cut(hub: &Hub) -> (Clone<'_>, Issued) {
    let (clone, issued) = due(hub);
    let thief = mallory(hub);
    thief.git(&["rm", "--quiet", &format!("tenants/{}.jsonl", tenant_id("contoso"))]);
    thief.git(&["commit", "--quiet", "--message", "tidied up"]);
    thief.git(&["push", "--quiet", "origin", "HEAD:applecart/notes"]);
    (clone, issued)
}

#[test]
fn notes_that_were_cut_by_a_plain_push_stop_the_certificate_until_they_are_back() {
    let hub = hub(&["contoso", "fabrikam"]);
    let (clone, issued) = cut(&hub);
    let fresh = hub.clone("fresh", &[]);
    for one in [&clone, &fresh] {
        for command in [&["plan"][..], &["status"], &["apply"]] {
            let said = words(&one.run(command).ends_with(3));
            assert!(said.contains("notes-unknown"), "{command:?}: {said}");
            assert!(said.contains("file-removed") && said.contains("mallory <"), "{said}");
        }
        one.run(&["audit"]).ends_with(7).says("file-removed");
        one.run(&["ledger", "verify"]).ends_with(7).says("file-removed");
        one.run(&["status", "--fail-on", "notes-unknown"]).ends_with(3);
    }
    assert_ne!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
    // The other tenant's certificate is as known as before.
    let json = clone.run(&["plan", "--format", "json"]).json();
    assert_eq!(json["tenants"][1]["problems"], serde_json::json!([]), "{json}");
    let problem = json["tenants"][0]["problems"][0]["detail"].as_str().unwrap();
    let (_, rev) = problem.rsplit_once("`applecart ledger join --notes ").unwrap();
    clone.run(&["ledger", "join", "--notes", rev.trim_end_matches('`')]).ends_with(0);
    fresh.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

#[test]
fn a_notes_branch_that_was_deleted_is_lost_in_every_clone_and_comes_back_with_the_command() {
    let hub = hub(&["contoso", "fabrikam"]);
    let (clone, issued) = due(&hub);
    hub.git(&["update-ref", "-d", "refs/heads/applecart/notes"]);
    let fresh = hub.clone("fresh", &[]);
    for one in [&clone, &fresh] {
        for command in [&["plan"][..], &["status"], &["apply"]] {
            let said = words(&one.run(command).ends_with(3));
            assert!(said.contains("notes-unknown") && said.contains("ledger-lost"), "{said}");
        }
        one.run(&["audit"]).ends_with(7);
        let asked = requests(&hub.world);
        one.run(&["renew", "fabrikam/push", "--new-csr"]).ends_with(3).says("ledger-lost");
        assert_eq!(requests(&hub.world), asked, "what cannot be recorded is not asked for");
    }
    assert_ne!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
    fresh.run(&["plan"]).says("--replace-notes REASON");
    let json = clone.run(&["plan", "--format", "json"]).json();
    let problem = json["tenants"][0]["problems"][0]["detail"].as_str().unwrap();
    let (_, command) = problem.rsplit_once("`git ").unwrap();
    let command: Vec<&str> = command.trim_end_matches('`').split(' ').collect();
    clone.git(&command);
    fresh.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

#[test]
fn a_fleet_that_never_had_notes_stays_green() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    // As in a fleet whose settings are from before notes had a beginning, and never named one.
    let file = clone.folder.join("applecart.yaml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let lines = policy.lines().filter(|line| !line.contains("notesGenesis"));
    std::fs::write(&file, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    clone.git(&["checkout", "--quiet", "--orphan", "older"]);
    clone.commit("Settings");
    clone.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
    hub.git(&["update-ref", "-d", "refs/heads/applecart/notes"]);
    let fresh = admin(&hub, "fresh");
    let said = words(&fresh.run(&["plan"]).ends_with(0));
    assert!(!said.contains("notes"), "{said}");
    let (opened, given) = open(&hub, &fresh, &[]);
    opened.ends_with(0);
    assert!(given.is_some());
    assert_eq!(hub.notes("contoso").len(), 1, "the first renewal begins them");
}

#[test]
fn a_foreign_request_under_the_genuine_ones_key_is_not_given_out_holds_nothing_and_is_told() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, issued) = renewed(&hub, &clone, "contoso");
    let line = &hub.notes("contoso")[0];
    let genuine = line["csr"].as_str().unwrap().to_owned();
    let key = apple::requested_key(&genuine).unwrap();
    record(&mallory(&hub), "contoso", (foreign().0, key));
    assert!(words(&run(&clone, &["plan"])).contains("ledger-line-broken"));
    let said = words(&run(&clone, &["status"]));
    assert!(said.contains("ledger-line-broken") && said.contains("mallory <"), "{said}");
    run(&clone, &["status", "--fail-on", "urgent"]).ends_with(9);
    run(&clone, &["ledger", "verify"]).ends_with(7).says("asks a certificate for another key");
    let colleague = admin(&hub, "colleague");
    let (opened, given) = open(&hub, &colleague, &[]);
    opened.ends_with(0);
    assert_eq!(given, Some(genuine));
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    merge(&clone);
    clone.run(&["apply"]).ends_with(0);
    assert_eq!(hub.world.live_serial("contoso").as_deref(), Some(issued.serial.as_str()));
}

#[test]
fn a_forged_note_takes_the_warning_of_a_foreign_key_from_no_plan() {
    let hub = hub(&["contoso"]);
    let (csr, _) = forge(&hub, "contoso");
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&csr, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    hub.world.tokens("contoso").push(&issued).commit();
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = hub.clone("reviewer", &[]);
    for format in ["human", "markdown"] {
        let said = words(&clone.run(&["plan", "--format", format]).ends_with(0));
        assert!(said.contains("csr-unknown"), "{format}: {said}");
        assert!(said.contains("No vendor's signature proves"), "{format}: {said}");
        assert!(said.contains("recorded by mallory"), "{format}: {said}");
    }
    let json = clone.run(&["plan", "--format", "json"]).json();
    let token = &json["tenants"][0]["tokens"][0];
    assert_eq!(token["warnings"], serde_json::json!(["csr-unknown"]), "{json}");
    let said = words(&clone.run(&["apply"]));
    assert!(said.contains("csr-unknown") && said.contains("recorded by mallory <"), "{said}");
}

#[test]
fn a_certificate_for_the_request_that_somebody_vouched_for_is_not_told_to_be_another_ones() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let key = hub.notes("contoso")[0]["publicKeySha256"].as_str().unwrap().to_owned();
    forge(&hub, "contoso");
    let (opened, given) = open(&hub, &clone, &["--request", &key[..12]]);
    opened.ends_with(0);
    assert!(given.is_some());
    let taken = run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]);
    let said = words(&taken.ends_with(0));
    assert!(said.contains("its key is the one of the request"), "{said}");
    assert!(said.contains("allow: [{hold: key-mismatch"), "{said}");
    assert!(!said.contains("is not the one in this renewal's request"), "{said}");
    assert!(!said.contains("Upload this renewal's CSR"), "{said}");
    let out = hub.world.path("");
    let named = ["renew", "fabrikam/push", "--out", text(&out), "--request", &key[..12]];
    let said = words(&run(&clone, &named).ends_with(3));
    assert!(said.contains("no request for Apple (CSR) of this renewal is open"), "{said}");
    assert!(said.contains("`applecart renew fabrikam/push`"), "{said}");
}

#[test]
fn what_was_recorded_of_others_counts_for_seal_without_asking_anybody() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    // Fabrikam's request is on record, and this clone has seen it.
    let out = hub.world.path("");
    run(&clone, &["renew", "fabrikam/push", "--out", text(&out)]).ends_with(0);
    let csr = std::fs::read_to_string(hub.world.path("IntuneCSR-fabrikam.csr")).unwrap();
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&csr, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    let file = download(&hub.world, "MDM.pem", &issued.pem);
    let seal = ["seal", text(&file), "contoso/push", "--offline"];
    let said = words(&run(&clone, &seal).ends_with(4));
    assert!(said.contains("foreign-request") && said.contains("fabrikam"), "{said}");
}

#[test]
fn a_certificate_for_another_key_than_the_recorded_request_is_refused_without_asking_intune() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let apple = hub.world.simulator().apple();
    let issued = apple.renew(&foreign().0, &topic(&hub.world, "contoso"), Utc::now()).unwrap();
    let other = download(&hub.world, "other.pem", &issued.pem);
    let snapshot = hub.world.path("snapshot.json");
    let (serial, live) = (hub.world.live_serial("contoso").unwrap(), topic(&hub.world, "contoso"));
    let live = format!(
        r#"{{"applePushNotificationCertificate": {{"topicIdentifier": "{live}", "certificateSerialNumber": "{serial}", "expirationDateTime": "2026-12-01T00:00:00Z", "appleIdentifier": "mdm@contoso.example"}}}}"#
    );
    std::fs::write(&snapshot, live).unwrap();
    let ways = [&["--offline"][..], &["--snapshot", text(&snapshot)]];
    for how in ways {
        let seal = |file: &Path| {
            run(&clone, &[&["seal", text(file), "contoso/push", "--dry-run"], how].concat())
        };
        let said = words(&seal(&other).ends_with(4));
        assert!(
            said.contains("key-mismatch its key is not the one in this renewal's request"),
            "{said}"
        );
        assert!(said.contains("That request was recorded by"), "{said}");
        seal(&file).ends_with(0);
    }
    // A reviewed line of the tenant file lets it pass, as it does with Intune.
    let tenant = clone.folder.join("tenants/contoso/tenant.yaml");
    let before = std::fs::read_to_string(&tenant).unwrap();
    let line = format!(
        "push:\n  allow: [{{hold: key-mismatch, from: {serial}, to: {}, reason: it answers Intune's, until: 2099-12-31}}]\n",
        issued.serial
    );
    std::fs::write(&tenant, before.replacen("push:\n", &line, 1)).unwrap();
    run(&clone, &["seal", text(&other), "contoso/push", "--offline", "--dry-run"]).ends_with(0);
}

#[test]
fn the_certificate_that_intune_has_is_sealed_without_asking_although_a_renewal_is_open() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let first = hub.world.issue(Some(&topic(&hub.world, "contoso")), 20);
    let of_now = certificate("contoso", &first);
    hub.world.change("contoso", |it| it.apple_push_notification_certificate = Some(of_now));
    let out = hub.world.path("");
    run(&clone, &["renew", "contoso/push", "--out", text(&out)]).ends_with(0);
    let file = download(&hub.world, "current.pem", &first.pem);
    run(&clone, &["seal", text(&file), "contoso/push", "--offline", "--dry-run"]).ends_with(0);
}
