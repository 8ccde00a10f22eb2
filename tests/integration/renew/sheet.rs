//! The sheet, and Intune's signing request behind it.

use applecart_simulator::{Fault, FaultRule};

use super::*;

fn request(hub: &Hub) -> String {
    std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap()
}

fn open(hub: &Hub, clone: &Clone<'_>, more: &[&str]) -> Run {
    let out = hub.world.path("");
    run(clone, &[&["renew", "contoso/push", "--out", text(&out)], more].concat())
}

#[test]
fn a_sheet_says_who_what_where_and_by_when() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    open(&hub, &clone, &[])
        .ends_with(0)
        .says("Renew the push certificate of contoso Ltd")
        .says(" days left")
        .says("Apple Account: mdm@contoso.example")
        .says("contacts: it@contoso.example")
        .says("https://identity.apple.com/pushcert")
        .says(&format!("https://intune.microsoft.com/{}", tenant_id("contoso")))
        .says("press Renew on it. Never press Create")
        .says("applecart renew contoso/push --file FILE --push");
    run(&clone, &["renew", "contoso/ABM", "--format", "markdown"])
        .ends_with(0)
        .says("## Renew the enrollment token ABM of contoso Ltd")
        .says("Apple disables the token in use when a new one is downloaded")
        .says("the MDM server contoso Intune");
    hub.world.change("contoso", |tenant| {
        tenant.dep_onboarding_settings[0].token_type = "appleSchoolManager".to_owned();
    });
    run(&clone, &["renew", "contoso/ABM"]).ends_with(0).says("Sign in at https://school.apple.com");
    let json = run(&clone, &["renew", "contoso/vpp", "--format", "json"]).ends_with(0).json();
    let sheet = &json["sheets"][0];
    assert_eq!(sheet["facts"]["location"], "London");
    assert_eq!(sheet["live"], true);
    let schema =
        std::fs::read_to_string(crate::world::project().join("schema/renew-sheet.schema.json"));
    let schema = serde_json::from_str(&schema.unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &json), "{json}");
}

#[test]
fn the_request_is_read_once_recorded_and_handed_out_again() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    open(&hub, &clone, &[]).ends_with(0).says("read from Intune and recorded");
    let first = request(&hub);
    assert_eq!(requests(&hub.world), 1);
    let lines = hub.notes("contoso");
    assert_eq!(lines.len(), 1, "at the remote");
    assert_eq!(lines[0]["event"], "renewal-opened");
    assert_eq!(lines[0]["csr"], first.as_str());
    assert_eq!(lines[0]["publicKeySha256"].as_str().unwrap().len(), 64);

    // A colleague's clone gets the same one, without asking Intune and without a line more.
    let other = admin(&hub, "other");
    std::fs::remove_file(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    open(&hub, &other, &[]).ends_with(0).says("of the renewal opened");
    assert_eq!(request(&hub), first);
    assert_eq!(requests(&hub.world), 1);
    open(&hub, &other, &["--new-csr"]).ends_with(0).says("read from Intune and recorded");
    assert_eq!(requests(&hub.world), 2);
    assert_eq!(hub.notes("contoso").len(), 2);
    clone.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn the_folder_of_requests_is_made_before_intune_is_asked() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "not-a-folder", "x");
    let wrong = file.join("requests");
    run(&clone, &["renew", "contoso/push", "--out", text(&wrong)])
        .ends_with(1)
        .says("could not make");
    assert_eq!(requests(&hub.world), 0);
    let out = hub.world.path("new/requests");
    run(&clone, &["renew", "contoso/push", "--out", text(&out)]).ends_with(0);
    assert!(out.join("IntuneCSR-contoso.csr").exists());
}

#[test]
fn a_request_that_may_not_be_read_names_the_permission() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let rule = FaultRule::always(Fault::status(403)).on("*CertificateSigningRequest");
    hub.world.state().add_fault(rule);
    open(&hub, &clone, &[])
        .ends_with(3)
        .says("grant the application permission DeviceManagementServiceConfig.ReadWrite.All")
        .says("Never press Create");
    assert!(!hub.world.path("IntuneCSR-contoso.csr").exists());
    assert_eq!(hub.git(&["rev-list", "--count", "applecart/notes"]), "1", "nothing is recorded");
}

#[test]
fn without_the_ledger_intune_is_not_asked() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    open(&hub, &clone, &[]).ends_with(0);
    hub.git(&["update-ref", "-d", "refs/heads/applecart/ledger"]);
    open(&hub, &clone, &["--new-csr"])
        .ends_with(3)
        .says("Intune was not asked for its request for Apple (CSR)");
    assert_eq!(requests(&hub.world), 1);
}

#[test]
#[cfg(unix)]
fn a_request_that_cannot_be_recorded_is_not_handed_out() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    hub.protect("pre-receive");
    open(&hub, &clone, &[]).ends_with(3).says("is not given out, because it could not be recorded");
    assert!(!hub.world.path("IntuneCSR-contoso.csr").exists());
}

#[test]
fn everything_that_is_due_is_opened_at_once() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    hub.world.change("fabrikam", |tenant| {
        let push = tenant.apple_push_notification_certificate.as_mut().unwrap();
        push.expiration_date_time = crate::world::in_days(300);
    });
    let out = hub.world.path("");
    let due = |time: &str| {
        let arguments = ["renew", "--due", time, "--format", "json", "--out", text(&out)];
        let sheets = run(&clone, &arguments).ends_with(0).json()["sheets"].clone();
        sheets.as_array().unwrap().iter().map(|it| it["next"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(due("60d").len(), 5);
    assert!(!due("60d").iter().any(|next| next.contains("fabrikam/push")));
    assert_eq!(requests(&hub.world), 1, "of the one that is due, once");
    assert!(due("10d").is_empty());
    assert_eq!(due("400d").len(), 6);
    run(&clone, &["renew", "--due", "60d", "--select", "fabrikam"])
        .ends_with(0)
        .says("Renew the VPP token London of fabrikam Ltd");
    // A tenant that cannot be read is on the list with what Git knows, and the others are whole.
    let forbidden = FaultRule::always(Fault::status(403)).for_tenant(tenant_id("fabrikam"));
    hub.world.state().add_fault(forbidden);
    run(&clone, &["renew", "--due", "60d", "--out", text(&out)])
        .ends_with(3)
        .says("server-error")
        .says("Renew the push certificate of contoso Ltd");
}

#[test]
fn a_renewal_ends_when_its_certificate_is_live() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    run(&clone, &["renew", "contoso", "--file", text(&file), "--push"]).ends_with(0);
    let branch = hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    clone.git(&["pull", "--quiet"]);
    clone.run(&["apply"]).ends_with(0).says("uploaded");
    open(&hub, &clone, &[]).ends_with(0).says("read from Intune and recorded");
    assert_eq!(requests(&hub.world), 2);
}

#[test]
fn a_renewal_that_somebody_finished_in_the_portal_is_not_gone_on_with() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    // Nobody records what people upload for a token that is only watched.
    let (file, issued) = renewed(&hub, &clone, "contoso");
    let live = crate::world::pushed("contoso", &issued);
    hub.world.state().set_push(tenant_id("contoso"), Some(live)).unwrap();
    run(&clone, &["renew", "contoso/push", "--file", text(&file)])
        .ends_with(4)
        .says("same-as-live");
    open(&hub, &clone, &[]).ends_with(0).says("read from Intune and recorded");
    assert_eq!(requests(&hub.world), 2, "the next renewal has a request of its own");
    assert_eq!(hub.notes("contoso").len(), 2);
    // It is open, like the first one was.
    open(&hub, &clone, &[]).ends_with(0).says("of the renewal opened");
    assert_eq!(requests(&hub.world), 2);
}

#[test]
fn what_to_renew_has_to_be_clear() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    run(&clone, &["renew", "contoso/Paris"]).ends_with(64).says("name one of contoso/push");
    run(&clone, &["renew", "nobody"]).ends_with(64).says("origin/main has no tenant \"nobody\"");
    run(&clone, &["renew"]).ends_with(64);
    run(&clone, &["renew", "contoso", "--select", "x=y"]).ends_with(64);
    run(&clone, &["renew", "contoso/push", "--restore"])
        .ends_with(64)
        .says("nothing has to come back");
    hub.world.state().set_push(tenant_id("contoso"), None).unwrap();
    let topic = hub.world.git(&["show", "HEAD:tenants/contoso/tenant.yaml"]);
    let topic = topic.lines().find_map(|line| line.trim().strip_prefix("topic: ")).unwrap();
    let gone = run(&clone, &["renew", "contoso/push"]).ends_with(0).says("Never press Create");
    assert!(gone.stdout.contains(topic), "{}", gone.stdout);
}

#[test]
fn intunes_public_key_is_saved_where_the_server_at_apple_may_have_another_one() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let out = hub.world.path("keys");
    let file = out.join("IntunePublicKey-contoso-abm.pem");
    let open = |more: &[&str]| {
        run(&clone, &[&["renew", "contoso/enrollment", "--out", text(&out)], more].concat())
    };
    open(&["--no-csr"]).ends_with(0).says("applecart renew contoso/ABM --public-key");
    assert!(!out.exists());
    open(&[]).ends_with(0).says("Git does not say which public key");
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("-----BEGIN CERTIFICATE-----\n"), "{key}");
    // Brought as a token, it is told as what it is.
    run(&clone, &["renew", "contoso/ABM", "--file", text(&file)])
        .ends_with(4)
        .says("If it is Intune's public key for an enrollment token");

    let token = enrollment(&hub, "contoso");
    run(&clone, &["renew", "contoso/ABM", "--file", text(&token), "--push"]).ends_with(0);
    let branch = hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    hub.git(&["update-ref", "refs/heads/main", &branch]);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    std::fs::remove_file(&file).unwrap();
    open(&[]).ends_with(0).says("Upload no public key");
    assert!(!file.exists());
    open(&["--public-key"])
        .ends_with(0)
        .says("The last token was encrypted to Intune's public key");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);

    hub.world.change("contoso", |tenant| {
        tenant.dep_onboarding_settings[0].encryption_public_key = None;
    });
    open(&[]).ends_with(0).says("is not the one that the last token was encrypted to");
    assert_ne!(std::fs::read_to_string(&file).unwrap(), key);
    let asked = hub.world.state().requests();
    assert!(asked.iter().all(|one| !one.path.contains("generateEncryptionPublicKey")));
    run(&clone, &["renew", "contoso/push", "--public-key"])
        .ends_with(64)
        .says("--public-key is for enrollment tokens");
}

#[test]
fn the_mdm_server_is_learnt_from_the_download_and_another_one_is_warned_of() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let name = |server: &str| {
        let now = chrono::Utc::now();
        format!("{server}_Token_{}_smime.p7m", now.format("%Y-%m-%dT%H-%M-%SZ"))
    };
    let content = hub.world.enrollment_file("contoso");
    let other = download(&hub.world, &name("Contoso Jamf"), &content);
    run(&clone, &["renew", "contoso/ABM", "--file", text(&other)])
        .ends_with(0)
        .says("it is for the MDM server \"Contoso Jamf\", and `server` in the tenant file says");
    clone.git(&[
        "branch",
        "-D",
        &clone.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]),
    ]);
    let tenant = hub.git(&["show", "main:tenants/contoso/tenant.yaml"]);
    hub.world
        .write("tenants/contoso/tenant.yaml", &tenant.replace("    server: contoso Intune\n", ""));
    hub.world.commit("No server");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let same = download(&hub.world, &name("Contoso Intune"), &content);
    run(&clone, &["renew", "contoso/ABM", "--file", text(&same), "--push"]).ends_with(0);
    let branch = hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    let tenant = hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")]);
    assert!(tenant.contains("    server: Contoso Intune\n"), "{tenant}");
}
